/* sign.c - see sign.h. */
#include "crypto/sign.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

struct sg_signer {
    EVP_PKEY *key;
    bool secret;
};

static sg_status wrap(EVP_PKEY *key, bool secret, sg_signer **out, sg_err *err)
{
    sg_signer *k = calloc(1, sizeof *k);
    if (!k) {
        EVP_PKEY_free(key);
        return sg_fail(err, SG_NOMEM, "no memory for a signing key");
    }
    k->key = key;
    k->secret = secret;
    *out = k;
    return SG_OK;
}

sg_status sg_signer_new(sg_signer **out, sg_err *err)
{
    *out = NULL;
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    return key ? wrap(key, true, out, err) : sg_fail(err, SG_INTERNAL, "libcrypto makes no Ed25519 key");
}

/* A password would be asked for on the terminal; there is none to give. */
static int no_password(char *buf, int size, int writing, void *ctx)
{
    (void)buf;
    (void)size;
    (void)writing;
    (void)ctx;
    return -1;
}

static sg_status load(const char *path, bool secret, sg_signer **out, sg_err *err)
{
    sg_buf b;
    *out = NULL;
    SG_TRY(sg_file_read(path, 65536, &b, err));
    BIO *bio = BIO_new_mem_buf(b.data ? (const void *)b.data : "", (int)b.n);
    EVP_PKEY *key = !bio     ? NULL
                    : secret ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL)
                             : PEM_read_bio_PUBKEY(bio, NULL, no_password, NULL);
    BIO_free(bio);
    sg_buf_clear(&b);
    if (key && EVP_PKEY_is_a(key, "ED25519"))
        return wrap(key, secret, out, err);
    EVP_PKEY_free(key);
    return sg_fail(err, SG_FORMAT, "%s: no Ed25519 %s key in PEM (openssl genpkey -algorithm ed25519%s)", path,
                   secret ? "private" : "public", secret ? "" : ", then openssl pkey -pubout");
}

sg_status sg_signer_load(const char *path, sg_signer **out, sg_err *err)
{
    return load(path, true, out, err);
}

sg_status sg_signer_load_public(const char *path, sg_signer **out, sg_err *err)
{
    return load(path, false, out, err);
}

static sg_status print(const sg_signer *k, bool secret, sg_buf *b, sg_err *err)
{
    char *text = NULL;
    BIO *bio = BIO_new(BIO_s_mem());
    const int ok = !bio     ? 0
                   : secret ? PEM_write_bio_PKCS8PrivateKey(bio, k->key, NULL, NULL, 0, NULL, NULL)
                            : PEM_write_bio_PUBKEY(bio, k->key);
    const long n = ok == 1 ? BIO_get_mem_data(bio, &text) : 0;
    const sg_status st =
        n > 0 ? sg_buf_add(b, text, (size_t)n, err) : sg_fail(err, SG_INTERNAL, "libcrypto does not print a key");
    BIO_free(bio);
    return st;
}

sg_status sg_signer_print_public(const sg_signer *k, sg_buf *b, sg_err *err)
{
    return print(k, false, b, err);
}

static sg_status save(const sg_signer *k, const char *path, bool secret, sg_err *err)
{
    sg_buf b;
    sg_buf_init(&b, 4096);
    sg_status st = print(k, secret, &b, err);
    if (!st)
        st = sg_file_write(path, secret ? 0600 : 0644, b.data, b.n, err);
    sg_buf_clear(&b); /* wipes */
    return st;
}

sg_status sg_signer_save(const sg_signer *k, const char *path, sg_err *err)
{
    return k->secret ? save(k, path, true, err) : sg_fail(err, SG_INTERNAL, "%s: only the public half is here", path);
}

sg_status sg_signer_save_public(const sg_signer *k, const char *path, sg_err *err)
{
    return save(k, path, false, err);
}

void sg_signer_free(sg_signer *k)
{
    if (k)
        EVP_PKEY_free(k->key);
    free(k);
}

void sg_signer_public(const sg_signer *k, uint8_t out[SG_PUBLIC_BYTES])
{
    size_t n = SG_PUBLIC_BYTES;
    if (EVP_PKEY_get_raw_public_key(k->key, out, &n) != 1 || n != SG_PUBLIC_BYTES)
        abort(); /* cannot fail for a key that was loaded */
}

sg_status sg_sign(const sg_signer *k, const void *data, size_t n, uint8_t out[SG_SIGNATURE_BYTES], sg_err *err)
{
    size_t got = SG_SIGNATURE_BYTES;
    EVP_MD_CTX *c = k->secret ? EVP_MD_CTX_new() : NULL;
    const bool ok = c && EVP_DigestSignInit(c, NULL, NULL, NULL, k->key) == 1 &&
                    EVP_DigestSign(c, out, &got, data, n) == 1 && got == SG_SIGNATURE_BYTES;
    EVP_MD_CTX_free(c);
    return ok ? SG_OK : sg_fail(err, SG_INTERNAL, "nothing can be signed with this key");
}

bool sg_sign_verify(const sg_signer *k, const void *data, size_t n, const void *signature, size_t n_signature)
{
    EVP_MD_CTX *c = n_signature == SG_SIGNATURE_BYTES ? EVP_MD_CTX_new() : NULL;
    const bool ok = c && EVP_DigestVerifyInit(c, NULL, NULL, NULL, k->key) == 1 &&
                    EVP_DigestVerify(c, signature, n_signature, data, n) == 1;
    EVP_MD_CTX_free(c);
    return ok;
}

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

sg_status sg_base64(const void *data, size_t n, sg_buf *b, sg_err *err)
{
    const uint8_t *p = data;
    for (size_t i = 0; i < n; i += 3) {
        const size_t left = n - i < 3 ? n - i : 3;
        const uint32_t v = (uint32_t)p[i] << 16 | (left > 1 ? (uint32_t)p[i + 1] << 8 : 0) | (left > 2 ? p[i + 2] : 0);
        const char four[4] = {alphabet[v >> 18], alphabet[v >> 12 & 63], left > 1 ? alphabet[v >> 6 & 63] : '=',
                              left > 2 ? alphabet[v & 63] : '='};
        SG_TRY(sg_buf_add(b, four, 4, err));
    }
    return SG_OK;
}

static int value_of(char c)
{
    const char *at = c ? strchr(alphabet, c) : NULL;
    return at ? (int)(at - alphabet) : -1;
}

sg_status sg_unbase64(const char *text, size_t n, sg_buf *b, sg_err *err)
{
    if (n % 4)
        return sg_fail(err, SG_FORMAT, "base64 of %zu characters, want a multiple of 4", n);
    for (size_t i = 0; i < n; i += 4) {
        const bool last = i + 4 == n;
        const int pad = last && text[i + 3] == '=' ? 1 + (text[i + 2] == '=') : 0;
        uint32_t v = 0;
        for (int k = 0; k < 4; k++) {
            const int d = k >= 4 - pad ? 0 : value_of(text[i + (size_t)k]);
            if (d < 0)
                return sg_fail(err, SG_FORMAT, "base64: character %zu is not of its alphabet", i + (size_t)k + 1);
            v = v << 6 | (uint32_t)d;
        }
        if ((pad == 1 && (v & 0xff)) || (pad == 2 && (v & 0xffff)))
            return sg_fail(err, SG_FORMAT, "base64: bits are left over at its end");
        const uint8_t three[3] = {(uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
        SG_TRY(sg_buf_add(b, three, (size_t)(3 - pad), err));
    }
    return SG_OK;
}
