/* .bim: whatever is accepted has six columns that mean something. */
#include "formats/plink.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    sg_bim b;
    sg_err err = {0};
    char *text = fuzz_text(data, n);
    if (sg_bim_decode("x.bim", text, n, fuzz_arena(), &b, &err))
        FUZZ_EXPECT(err.msg[0]);
    else
        for (int64_t i = 0; i < b.n; i++) {
            const sg_bim_row *r = &b.row[i];
            FUZZ_EXPECT(*r->chrom && *r->id && *r->a1 && *r->a2 && *r->cm_text && r->pos >= 0 && r->cm == r->cm);
        }
    free(text);
    return 0;
}
