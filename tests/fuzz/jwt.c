/* Tokens and key sets: any bytes in, a decision out; without the private key nothing is ever taken. The first byte chooses. */
#include "auth/jwt.h"
#include "fuzz.h"

static const char set[] =
    "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"a\","
    "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"},{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"b\","
    "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const sg_jwt_rules rules = {"i", "a", "sub", "scope", 30, SG_SCOPE_DEFAULT};
    sg_err err = {0};
    sg_jwks *k;
    sg_jwt jwt;
    if (n < 1)
        return 0;
    if (data[0] & 1) {
        if (sg_jwks_parse(data + 1, n - 1, &k, &err))
            FUZZ_EXPECT(err.msg[0] && !k);
        else
            FUZZ_EXPECT(sg_jwks_count(k) > 0 && sg_jwks_count(k) <= SG_JWKS_KEYS);
        sg_jwks_free(k);
        return 0;
    }
    char *text = fuzz_text(data + 1, n - 1);
    FUZZ_EXPECT(sg_jwks_parse(set, sizeof set - 1, &k, &err) == SG_OK);
    const sg_status st = sg_jwt_check(text, &rules, k, 1000, &jwt, &err);
    FUZZ_EXPECT(st == SG_PRIVACY || st == SG_NOT_FOUND);
    FUZZ_EXPECT(err.msg[0]);
    sg_jwks_free(k);
    free(text);
    return 0;
}
