/* sign.h - Ed25519 signatures and base64, for what others verify without us: manifests, checkpoints, webhooks.
 *
 * Shape:   a key pair in PEM files as OpenSSL writes them (PKCS #8 private, SubjectPublicKeyInfo public), so that
 *          `openssl pkeyutl -verify -pubin -inkey PUB -rawin` checks what we sign; signatures of 64 bytes.
 * Units:   bytes.
 * Owner:   sg_signer_free; callers own every buffer.
 * Threads: a signer may be used by several threads at once.
 * Not here: what is signed (core/attest), where keys lie (server/config).
 * Source:  RFC 8032 (Ed25519), RFC 4648 section 4 (base64 with padding).
 */
#ifndef SG_CRYPTO_SIGN_H
#define SG_CRYPTO_SIGN_H

#include "base/file.h"
#include "crypto/crypto.h"

enum { SG_SIGNATURE_BYTES = 64, SG_PUBLIC_BYTES = 32 };

typedef struct sg_signer sg_signer; /* private and public half, or the public half alone */

/* A fresh pair. INTERNAL when libcrypto cannot. */
sg_status sg_signer_new(sg_signer **out, sg_err *err) SG_MUST_USE;
/* From PEM. NOT_FOUND, IO; FORMAT: no PEM, or a key of another kind. */
sg_status sg_signer_load(const char *path, sg_signer **out, sg_err *err) SG_MUST_USE;
sg_status sg_signer_load_public(const char *path, sg_signer **out, sg_err *err) SG_MUST_USE;
/* Atomically, 0600 and 0644. IO. */
sg_status sg_signer_save(const sg_signer *k, const char *path, sg_err *err) SG_MUST_USE;
sg_status sg_signer_save_public(const sg_signer *k, const char *path, sg_err *err) SG_MUST_USE;
/* Appends the public half as PEM. */
sg_status sg_signer_print_public(const sg_signer *k, sg_buf *b, sg_err *err) SG_MUST_USE;
void sg_signer_free(sg_signer *k); /* accepts NULL */

/* The 32 bytes of the public half. */
void sg_signer_public(const sg_signer *k, uint8_t out[SG_PUBLIC_BYTES]);

/* INTERNAL: the signer holds the public half only, or libcrypto fails. */
sg_status sg_sign(const sg_signer *k, const void *data, size_t n, uint8_t out[SG_SIGNATURE_BYTES],
                  sg_err *err) SG_MUST_USE;
bool sg_sign_verify(const sg_signer *k, const void *data, size_t n, const void *signature, size_t n_signature);

/* Appends the base64 of n bytes. LIMIT, NOMEM. */
sg_status sg_base64(const void *data, size_t n, sg_buf *b, sg_err *err) SG_MUST_USE;
/* Appends the bytes of n characters of base64: no white space, padding as the standard has it, no stray bits. FORMAT. */
sg_status sg_unbase64(const char *text, size_t n, sg_buf *b, sg_err *err) SG_MUST_USE;

#endif
