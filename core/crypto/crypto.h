/* crypto.h - the few cryptographic operations snpgen needs, and the only door to OpenSSL.
 *
 * Shape:   SHA-256 digests of 32 bytes; AES-256-GCM with 12-byte nonce and 16-byte tag; HMAC-SHA-256; random bytes.
 * Units:   bytes.
 * Owner:   callers own every buffer.
 * Threads: safe; an sg_sha256 belongs to one thread.
 * Not here: key storage, policies, TLS.
 */
#ifndef SG_CRYPTO_CRYPTO_H
#define SG_CRYPTO_CRYPTO_H

#include "base/status.h"

#include <stddef.h>

#define SG_DIGEST_BYTES 32
#define SG_DIGEST_HEX 65 /* with the terminator */
#define SG_KEY_BYTES 32
#define SG_NONCE_BYTES 12
#define SG_TAG_BYTES 16

typedef struct sg_digest {
    uint8_t b[SG_DIGEST_BYTES];
} sg_digest;

typedef struct sg_sha256 sg_sha256;

/* Incremental hashing. new: NOMEM/INTERNAL. Free also without finishing; NULL accepted. */
sg_status sg_sha256_new(sg_sha256 **out, sg_err *err) SG_MUST_USE;
void sg_sha256_add(sg_sha256 *h, const void *data, size_t n);
sg_digest sg_sha256_end(sg_sha256 *h); /* then only free is allowed */
void sg_sha256_free(sg_sha256 *h);

/* One shot. Allocates nothing and cannot fail. */
sg_digest sg_sha256_of(const void *data, size_t n);
/* Of two pieces as if they stood behind one another. */
sg_digest sg_sha256_of_two(const void *a, size_t n_a, const void *b, size_t n_b);
/* Digest of a file's bytes. NOT_FOUND, IO. */
sg_status sg_sha256_file(const char *path, sg_digest *out, sg_err *err) SG_MUST_USE;

sg_digest sg_hmac_sha256(const uint8_t *key, size_t n_key, const void *data, size_t n);

bool sg_digest_equal(const sg_digest *a, const sg_digest *b); /* constant time */
bool sg_const_equal(const void *a, const void *b, size_t n);  /* constant time */

void sg_hex(const uint8_t *b, size_t n, char *out); /* 2n + 1 characters, lower case */
/* n bytes from exactly 2n hex digits, either case. FORMAT. */
sg_status sg_unhex(const char *hex, size_t n, uint8_t *out, sg_err *err) SG_MUST_USE;

/* From the kernel. INTERNAL when it cannot. */
sg_status sg_random(void *out, size_t n, sg_err *err) SG_MUST_USE;

/* Ciphertext of n bytes to out [n] (may be `in`), tag separately; aad is authenticated, not encrypted. */
sg_status sg_aead_seal(const uint8_t key[SG_KEY_BYTES], const uint8_t nonce[SG_NONCE_BYTES], const void *aad,
                       size_t n_aad, const void *in, size_t n, void *out, uint8_t tag[SG_TAG_BYTES],
                       sg_err *err) SG_MUST_USE;
/* PRIVACY when the tag does not fit (wrong key or altered bytes); out is wiped then. */
sg_status sg_aead_open(const uint8_t key[SG_KEY_BYTES], const uint8_t nonce[SG_NONCE_BYTES], const void *aad,
                       size_t n_aad, const void *in, size_t n, const uint8_t tag[SG_TAG_BYTES], void *out,
                       sg_err *err) SG_MUST_USE;

/* No core dumps, no ptrace by same-user strangers: call first thing in every process that will hold genotypes or keys.
 */
void sg_process_harden(void);

#endif
