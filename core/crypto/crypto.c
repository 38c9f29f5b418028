/* crypto.c - OpenSSL behind a small door; see crypto.h. */
#define OPENSSL_SUPPRESS_DEPRECATED /* SHA256_*: the EVP calls allocate for each digest, and a digest may not fail */
#include "crypto/crypto.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

struct sg_sha256 {
    SHA256_CTX ctx;
};

sg_status sg_sha256_new(sg_sha256 **out, sg_err *err)
{
    *out = calloc(1, sizeof **out);
    if (!*out)
        return sg_fail(err, SG_NOMEM, "no memory for SHA-256");
    (void)SHA256_Init(&(*out)->ctx);
    return SG_OK;
}

void sg_sha256_add(sg_sha256 *h, const void *data, size_t n)
{
    (void)SHA256_Update(&h->ctx, data, n); /* always 1 */
}

sg_digest sg_sha256_end(sg_sha256 *h)
{
    sg_digest d;
    (void)SHA256_Final(d.b, &h->ctx);
    return d;
}

void sg_sha256_free(sg_sha256 *h)
{
    free(h);
}

sg_digest sg_sha256_of(const void *data, size_t n)
{
    return sg_sha256_of_two(data, n, "", 0);
}

sg_digest sg_sha256_of_two(const void *a, size_t n_a, const void *b, size_t n_b)
{
    sg_sha256 h;
    (void)SHA256_Init(&h.ctx);
    sg_sha256_add(&h, a, n_a);
    sg_sha256_add(&h, b, n_b);
    return sg_sha256_end(&h);
}

sg_status sg_sha256_file(const char *path, sg_digest *out, sg_err *err)
{
    *out = (sg_digest){0};
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe nobody writes to must not hold us */
    if (fd < 0)
        return sg_fail(err, errno == ENOENT ? SG_NOT_FOUND : SG_IO, "%s: %s", path, strerror(errno));
    struct stat s;
    if (fstat(fd, &s) || !S_ISREG(s.st_mode)) {
        (void)close(fd);
        return sg_fail(err, SG_IO, "%s: not a regular file", path);
    }
    sg_sha256 *h;
    sg_status st = sg_sha256_new(&h, err);
    unsigned char block[1 << 16];
    for (ssize_t got = 1; !st && got > 0;) {
        do
            got = read(fd, block, sizeof block);
        while (got < 0 && errno == EINTR);
        if (got < 0)
            st = sg_fail(err, SG_IO, "%s: cannot read: %s", path, strerror(errno));
        else
            sg_sha256_add(h, block, (size_t)got);
    }
    if (!st)
        *out = sg_sha256_end(h);
    sg_sha256_free(h);
    (void)close(fd);
    return st;
}

/* RFC 2104 */
sg_digest sg_hmac_sha256(const uint8_t *key, size_t n_key, const void *data, size_t n)
{
    uint8_t pad[64] = {0};
    sg_digest d = {{0}};
    if (n_key > sizeof pad)
        d = sg_sha256_of(key, n_key);
    memcpy(pad, n_key > sizeof pad ? d.b : key, n_key > sizeof pad ? sizeof d.b : n_key);
    for (size_t i = 0; i < sizeof pad; i++)
        pad[i] ^= 0x36;
    d = sg_sha256_of_two(pad, sizeof pad, data, n);
    for (size_t i = 0; i < sizeof pad; i++)
        pad[i] ^= 0x36 ^ 0x5c;
    d = sg_sha256_of_two(pad, sizeof pad, d.b, sizeof d.b);
    explicit_bzero(pad, sizeof pad);
    return d;
}

bool sg_digest_equal(const sg_digest *a, const sg_digest *b)
{
    return sg_const_equal(a->b, b->b, SG_DIGEST_BYTES);
}

bool sg_const_equal(const void *a, const void *b, size_t n)
{
    return CRYPTO_memcmp(a, b, n) == 0;
}

void sg_hex(const uint8_t *b, size_t n, char *out)
{
    static const char digit[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digit[b[i] >> 4];
        out[2 * i + 1] = digit[b[i] & 15];
    }
    out[2 * n] = '\0';
}

static int hex_value(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

sg_status sg_unhex(const char *hex, size_t n, uint8_t *out, sg_err *err)
{
    for (size_t i = 0; i < n; i++) {
        const int hi = hex_value(hex[2 * i]);
        const int lo = hi < 0 ? -1 : hex_value(hex[2 * i + 1]);
        if (lo < 0)
            return sg_fail(err, SG_FORMAT, "want %zu hexadecimal digits", 2 * n);
        out[i] = (uint8_t)(hi << 4 | lo);
    }
    return hex[2 * n] ? sg_fail(err, SG_FORMAT, "more than %zu hexadecimal digits", 2 * n) : SG_OK;
}

sg_status sg_random(void *out, size_t n, sg_err *err)
{
    unsigned char *p = out;
    while (n > 0) {
        const ssize_t got = getrandom(p, n, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return sg_fail(err, SG_INTERNAL, "the kernel gives no random bytes: %s", strerror(errno));
        p += got;
        n -= (size_t)got;
    }
    return SG_OK;
}

/* OpenSSL counts in int: feed it slices. */
static bool feed(EVP_CIPHER_CTX *c, int (*update)(EVP_CIPHER_CTX *, unsigned char *, int *, const unsigned char *, int),
                 unsigned char *out, const unsigned char *in, size_t n)
{
    const size_t slice = (size_t)1 << 28;
    for (size_t at = 0; at < n;) {
        const int take = (int)(n - at < slice ? n - at : slice);
        int got = 0;
        if (update(c, out ? out + at : NULL, &got, in + at, take) != 1)
            return false;
        at += (size_t)take;
    }
    return true;
}

sg_status sg_aead_seal(const uint8_t key[SG_KEY_BYTES], const uint8_t nonce[SG_NONCE_BYTES], const void *aad,
                       size_t n_aad, const void *in, size_t n, void *out, uint8_t tag[SG_TAG_BYTES], sg_err *err)
{
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    unsigned char rest[16];
    int got = 0;
    const bool ok = c && EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
                    feed(c, EVP_EncryptUpdate, NULL, aad, n_aad) && feed(c, EVP_EncryptUpdate, out, in, n) &&
                    EVP_EncryptFinal_ex(c, rest, &got) == 1 &&
                    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, SG_TAG_BYTES, tag) == 1;
    EVP_CIPHER_CTX_free(c);
    return ok ? SG_OK : sg_fail(err, SG_INTERNAL, "libcrypto cannot encrypt with AES-256-GCM");
}

sg_status sg_aead_open(const uint8_t key[SG_KEY_BYTES], const uint8_t nonce[SG_NONCE_BYTES], const void *aad,
                       size_t n_aad, const void *in, size_t n, const uint8_t tag[SG_TAG_BYTES], void *out, sg_err *err)
{
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    unsigned char rest[16], want[SG_TAG_BYTES];
    int got = 0;
    memcpy(want, tag, sizeof want);
    const bool ok = c && EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
                    feed(c, EVP_DecryptUpdate, NULL, aad, n_aad) && feed(c, EVP_DecryptUpdate, out, in, n) &&
                    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, SG_TAG_BYTES, want) == 1 &&
                    EVP_DecryptFinal_ex(c, rest, &got) == 1;
    EVP_CIPHER_CTX_free(c);
    if (ok)
        return SG_OK;
    if (n)
        explicit_bzero(out, n);
    return sg_fail(err, SG_PRIVACY, "cannot be opened: the key does not fit or the bytes were altered");
}

void sg_process_harden(void)
{
    const struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0);
    (void)umask(077);
}
