/* jws.h - signatures that others made with keys published as JSON Web Keys: RS256, ES256 and EdDSA.
 *
 * Shape:   a public key is made from the bytes of its JWK members and knows the one algorithm it is for, so that nothing
 *          a token says can choose another. There is no "none" and there are no shared secrets here.
 * Units:   bytes, big endian.
 * Owner:   sg_jws_key_free; callers own every buffer.
 * Threads: a key may be used by several threads at once.
 * Not here: JSON, claims, which key is whose (server/auth).
 * Source:  RFC 7518 sections 3.3, 3.4, 6.2 and 6.3; RFC 8037; base64url: RFC 4648 section 5, RFC 7515 section 2.
 */
#ifndef SG_CRYPTO_JWS_H
#define SG_CRYPTO_JWS_H

#include "base/file.h"

typedef enum sg_jws_alg { SG_JWS_RS256, SG_JWS_ES256, SG_JWS_EDDSA, SG_N_JWS } sg_jws_alg;

const char *sg_jws_name(sg_jws_alg a); /* "RS256" */

typedef struct sg_jws_key sg_jws_key;

/* RSA with a modulus of 2048..8192 bits. FORMAT: other sizes, an even or tiny exponent; INTERNAL. */
sg_status sg_jws_rsa(const uint8_t *n, size_t n_n, const uint8_t *e, size_t n_e, sg_jws_key **out,
                     sg_err *err) SG_MUST_USE;
/* A point of P-256. FORMAT: not on the curve; INTERNAL. */
sg_status sg_jws_p256(const uint8_t x[32], const uint8_t y[32], sg_jws_key **out, sg_err *err) SG_MUST_USE;
/* Ed25519. FORMAT. */
sg_status sg_jws_ed25519(const uint8_t x[32], sg_jws_key **out, sg_err *err) SG_MUST_USE;
void sg_jws_key_free(sg_jws_key *k); /* accepts NULL */

sg_jws_alg sg_jws_alg_of(const sg_jws_key *k);

/* Whether the signature is this key's over those bytes, by this key's algorithm. */
bool sg_jws_verify(const sg_jws_key *k, const void *data, size_t n, const uint8_t *signature, size_t n_signature);

/* Appends the bytes of n characters of base64url: no padding, no white space, no stray bits. FORMAT. */
sg_status sg_unbase64url(const char *text, size_t n, sg_buf *b, sg_err *err) SG_MUST_USE;

#endif
