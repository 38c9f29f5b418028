/* jws.c - see jws.h. Keys are made through OSSL_PARAM, the one door OpenSSL 3 has for raw members. */
#include "crypto/jws.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <stdlib.h>
#include <string.h>

struct sg_jws_key {
    EVP_PKEY *key;
    sg_jws_alg alg;
};

const char *sg_jws_name(sg_jws_alg a)
{
    static const char *const name[SG_N_JWS] = {"RS256", "ES256", "EdDSA"};
    return a < SG_N_JWS ? name[a] : "?";
}

static sg_status wrap(EVP_PKEY *key, sg_jws_alg alg, sg_jws_key **out, sg_err *err)
{
    *out = key ? calloc(1, sizeof **out) : NULL;
    if (!*out) {
        EVP_PKEY_free(key);
        return key ? sg_fail(err, SG_NOMEM, "no memory for a public key")
                   : sg_fail(err, SG_FORMAT, "the members of the key make no %s key", sg_jws_name(alg));
    }
    (*out)->key = key;
    (*out)->alg = alg;
    return SG_OK;
}

static EVP_PKEY *from_params(const char *type, OSSL_PARAM *params)
{
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    if (!c || EVP_PKEY_fromdata_init(c) != 1 || EVP_PKEY_fromdata(c, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(c);
    return key;
}

/* NULL unless libcrypto also finds the key sound: for a curve, the point lies on it. */
static EVP_PKEY *checked(EVP_PKEY *key)
{
    EVP_PKEY_CTX *c = key ? EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL) : NULL;
    const bool sound = c && EVP_PKEY_public_check(c) == 1;
    EVP_PKEY_CTX_free(c);
    if (sound)
        return key;
    EVP_PKEY_free(key);
    return NULL;
}

sg_status sg_jws_rsa(const uint8_t *n, size_t n_n, const uint8_t *e, size_t n_e, sg_jws_key **out, sg_err *err)
{
    *out = NULL;
    for (; n_n && !*n; n++) /* some write a leading zero */
        n_n--;
    for (; n_e && !*e; e++)
        n_e--;
    if (n_n < 256 || n_n > 1024 || (n_n == 256 && n[0] < 0x80))
        return sg_fail(err, SG_FORMAT, "an RSA modulus of %zu bytes, want 2048 to 8192 bits", n_n);
    if (n_e < 1 || n_e > 8 || !(e[n_e - 1] & 1) || (n_e == 1 && e[0] < 3))
        return sg_fail(err, SG_FORMAT, "an RSA exponent that is even, tiny or huge");
    BIGNUM *modulus = BN_bin2bn(n, (int)n_n, NULL), *exponent = BN_bin2bn(e, (int)n_e, NULL);
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params = NULL;
    if (modulus && exponent && b && OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_E, exponent) == 1)
        params = OSSL_PARAM_BLD_to_param(b);
    EVP_PKEY *key = params ? from_params("RSA", params) : NULL;
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(b);
    BN_free(modulus);
    BN_free(exponent);
    return wrap(key, SG_JWS_RS256, out, err);
}

sg_status sg_jws_p256(const uint8_t x[32], const uint8_t y[32], sg_jws_key **out, sg_err *err)
{
    uint8_t point[65] = {0x04};
    char group[] = "P-256";
    memcpy(point + 1, x, 32);
    memcpy(point + 33, y, 32);
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
                           OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point),
                           OSSL_PARAM_construct_end()};
    return wrap(checked(from_params("EC", params)), SG_JWS_ES256, out, err);
}

sg_status sg_jws_ed25519(const uint8_t x[32], sg_jws_key **out, sg_err *err)
{
    return wrap(EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, x, 32), SG_JWS_EDDSA, out, err);
}

void sg_jws_key_free(sg_jws_key *k)
{
    if (k)
        EVP_PKEY_free(k->key);
    free(k);
}

sg_jws_alg sg_jws_alg_of(const sg_jws_key *k)
{
    return k->alg;
}

/* JWS has r and s side by side, libcrypto wants them in DER. Freed by the caller; NULL when it cannot be. */
static uint8_t *to_der(const uint8_t rs[64], size_t *n)
{
    uint8_t *der = NULL;
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(rs, 32, NULL), *s = BN_bin2bn(rs + 32, 32, NULL);
    if (sig && r && s && ECDSA_SIG_set0(sig, r, s) == 1) {
        const int got = i2d_ECDSA_SIG(sig, &der);
        *n = got > 0 ? (size_t)got : 0;
        r = s = NULL; /* sig's now */
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(sig);
    return der;
}

static bool verify(const sg_jws_key *k, const char *digest, const void *data, size_t n, const uint8_t *signature,
                   size_t n_signature)
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    const bool ok = c && EVP_DigestVerifyInit_ex(c, NULL, digest, NULL, NULL, k->key, NULL) == 1 &&
                    EVP_DigestVerify(c, signature, n_signature, data, n) == 1;
    EVP_MD_CTX_free(c);
    return ok;
}

bool sg_jws_verify(const sg_jws_key *k, const void *data, size_t n, const uint8_t *signature, size_t n_signature)
{
    if (k->alg == SG_JWS_EDDSA)
        return n_signature == 64 && verify(k, NULL, data, n, signature, n_signature);
    if (k->alg == SG_JWS_RS256)
        return n_signature == (size_t)EVP_PKEY_get_size(k->key) && verify(k, "SHA256", data, n, signature, n_signature);
    size_t n_der = 0;
    uint8_t *der = n_signature == 64 ? to_der(signature, &n_der) : NULL;
    const bool ok = der && verify(k, "SHA256", data, n, der, n_der);
    OPENSSL_free(der);
    return ok;
}

static int value_of(char c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '-'             ? 62
           : c == '_'             ? 63
                                  : -1;
}

sg_status sg_unbase64url(const char *text, size_t n, sg_buf *b, sg_err *err)
{
    if (n % 4 == 1)
        return sg_fail(err, SG_FORMAT, "base64url of %zu characters: one is too many or missing", n);
    uint32_t v = 0;
    int bits = 0;
    for (size_t i = 0; i < n; i++) {
        const int d = value_of(text[i]);
        if (d < 0)
            return sg_fail(err, SG_FORMAT, "base64url: character %zu is not of its alphabet", i + 1);
        v = v << 6 | (uint32_t)d;
        bits += 6;
        if (bits < 8)
            continue;
        bits -= 8;
        const uint8_t byte = (uint8_t)(v >> bits);
        v &= (1u << bits) - 1;
        SG_TRY(sg_buf_add(b, &byte, 1, err));
    }
    return v ? sg_fail(err, SG_FORMAT, "base64url: bits are left over at its end") : SG_OK;
}
