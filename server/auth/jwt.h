/* jwt.h - the bearer tokens of an issuer: which keys it publishes, and what a token says.
 *
 * Shape:   a token is header "." claims "." signature (RFC 7515 compact, RFC 7519), a key set is {"keys":[...]} (RFC 7517).
 *          The key named by `kid` decides the algorithm; a header that says another is refused. Of the rest of the header
 *          `typ` may be JWT or at+jwt (RFC 9068), `crit` may not be there, and no key or address in it is looked at.
 * Units:   seconds since the Unix epoch.
 * Owner:   sg_jwks_free; results are plain values.
 * Threads: no state; a key set may be used by several threads at once.
 * Not here: where key sets come from and who the bearer is to us (tokens.h).
 */
#ifndef SG_SERVER_AUTH_JWT_H
#define SG_SERVER_AUTH_JWT_H

#include "auth/auth.h"

enum { SG_JWKS_BYTES = 262144, SG_JWKS_KEYS = 64, SG_JWT_BYTES = 8192 };

typedef struct sg_jwks sg_jwks;

/* The keys of a set that can sign tokens: RSA, P-256 and Ed25519, not marked for something else. Others are left out.
 * FORMAT: no key set, or none of its keys is of use; LIMIT: more than SG_JWKS_KEYS; NOMEM. */
sg_status sg_jwks_parse(const void *json, size_t n, sg_jwks **out, sg_err *err) SG_MUST_USE;
int sg_jwks_count(const sg_jwks *k);
void sg_jwks_free(sg_jwks *k); /* accepts NULL */

typedef struct sg_jwt_rules {
    const char *issuer, *audience, *owner_claim, *scope_claim;
    int64_t leeway_s;
    unsigned scopes_max;
} sg_jwt_rules;

typedef struct sg_jwt {
    char owner[SG_OWNER_TEXT];
    unsigned scopes;
    int64_t until_s; /* its end, leeway included */
} sg_jwt;

/* PRIVACY: no token for us; the message says why, for the log alone. NOT_FOUND: no key of the set has its kid. */
sg_status sg_jwt_check(const char *token, const sg_jwt_rules *r, const sg_jwks *keys, int64_t now_s, sg_jwt *out,
                       sg_err *err) SG_MUST_USE;

#endif
