/* A sealed verdict: random bytes never open; bytes sealed with the right key, but not by us, open only if they are
 * whole. */
#include "crypto/crypto.h"
#include "fuzz.h"
#include "privacy/privacy.h"

static void open_it(const void *bytes, size_t n, const uint8_t *key)
{
    sg_digest files;
    sg_verdict *v;
    sg_err err = {0};
    if (sg_verdict_unseal(bytes, n, key, &files, &v, &err)) {
        FUZZ_EXPECT(err.msg[0] && !v);
        return;
    }
    FUZZ_EXPECT((sg_verdict_outcome(v) == SG_OUTCOME_PASS) == (sg_verdict_reason(v)[0] == '\0'));
    FUZZ_EXPECT(strlen(sg_verdict_reason(v)) < 40);
    sg_verdict_free(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const uint8_t key[SG_KEY_BYTES] = {7};
    open_it(data, n, key);
    unsigned char *sealed = malloc(n + SG_DIGEST_BYTES);
    FUZZ_EXPECT(sealed);
    if (n)
        memcpy(sealed, data, n);
    const sg_digest mac = sg_hmac_sha256(key, sizeof key, data, n);
    memcpy(sealed + n, mac.b, sizeof mac.b);
    open_it(sealed, n + SG_DIGEST_BYTES, key);
    free(sealed);
    return 0;
}
