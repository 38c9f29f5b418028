/* .snpz: the digest is set right first, so that the checks behind it are reached too. */
#include "formats/snpz.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    sg_people p;
    sg_err err = {0};
    uint8_t *b = (uint8_t *)fuzz_text(data, n);
    if (n >= SG_SNPZ_HEAD) {
        memmove(b + 32, b, 32);
        const sg_digest d = sg_sha256_of(b + 32, n - 32);
        memcpy(b, b + 32, 32);
        memcpy(b + 32, d.b, 32);
    }
    if (sg_snpz_decode(b, n, fuzz_arena(), &p, NULL, &err))
        FUZZ_EXPECT(err.msg[0] && p.n_sample == 0);
    else
        FUZZ_EXPECT(sg_people_ok(&p));
    free(b);
    return 0;
}
