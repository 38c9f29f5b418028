/* auth.h - API keys: who is calling, and what they may do.
 *
 * Shape:   a key is "sgk_" + id (12 hex digits) + "_" + 64 hex digits (256 random bits). Only the SHA-256 of the whole
 *          text is stored; the id finds the row.
 * Units:   _ms since the Unix epoch.
 * Owner:   plain values.
 * Threads: safe.
 * Not here: HTTP headers (routes/), quotas (jobs/).
 */
#ifndef SG_SERVER_AUTH_AUTH_H
#define SG_SERVER_AUTH_AUTH_H

#include "store/store.h"

#define SG_SCOPES(X)                                                                                                   \
    X(JOBS_CREATE, "jobs:create")                                                                                      \
    X(JOBS_READ, "jobs:read")                                                                                          \
    X(MODELS_READ, "models:read")                                                                                      \
    X(RELEASE_REVIEW, "release:review")                                                                                \
    X(AUDIT_READ, "audit:read")                                                                                        \
    X(ADMIN, "admin")

enum {
#define X(name, word) SG_SCOPE_BIT_##name,
    SG_SCOPES(X)
#undef X
        SG_N_SCOPE
};
typedef enum sg_scope {
    SG_SCOPE_NONE = 0,
#define X(name, word) SG_SCOPE_##name = 1 << SG_SCOPE_BIT_##name,
    SG_SCOPES(X)
#undef X
} sg_scope;

#define SG_SCOPE_DEFAULT (SG_SCOPE_JOBS_CREATE | SG_SCOPE_JOBS_READ | SG_SCOPE_MODELS_READ)

/* How the ids of rows begin that stand for the tokens of an owner (tokens.h); those of keys are 12 hex digits. */
#define SG_TOKEN_ID "jwt-"

enum { SG_API_KEY_TEXT = 4 + 12 + 1 + 64 + 1, SG_SCOPES_TEXT = 128 };

typedef struct sg_caller {
    char key_id[SG_ID_TEXT], owner[SG_OWNER_TEXT];
    unsigned scopes;
    int64_t until_ms; /* a token's end; 0 for keys, whose rows say it */
} sg_caller;

/* "jobs:create jobs:read" (blanks or commas) to bits and back. FORMAT names the unknown word. */
sg_status sg_auth_scopes_parse(const char *words, unsigned *out, sg_err *err) SG_MUST_USE;
void sg_auth_scopes_print(unsigned scopes, char out[SG_SCOPES_TEXT]);
/* admin implies every other scope. */
bool sg_auth_may(const sg_caller *c, sg_scope scope);

/* Makes and stores a key; `key` receives the text that is shown once. expires_ms 0: never. FORMAT: an owner outside
 * [A-Za-z0-9._@-]{1,64}. */
sg_status sg_auth_key_new(sg_store *s, const char *owner, unsigned scopes, int64_t expires_ms, const char *actor,
                          char key[SG_API_KEY_TEXT], sg_key_row *row, sg_err *err) SG_MUST_USE;

/* What a new key is to be; zeros and "" are the defaults. */
typedef struct sg_key_wish {
    const char *owner, *name;
    unsigned scopes;
    int64_t expires_ms, jobs_max, people_day;
    int priority, n_model;
    struct {
        char model[SG_CODE_TEXT];
        int64_t people_day;
    } model[16];
} sg_key_wish;

/* The same with everything that a key can have. */
sg_status sg_auth_key_make(sg_store *s, const sg_key_wish *w, const char *actor, const char *request_id,
                           char key[SG_API_KEY_TEXT], sg_key_row *row, sg_err *err) SG_MUST_USE;

/* A successor with the same owner, scopes and limits; the old key works for overlap_ms more, then expires. NOT_FOUND;
 * STATE: it is revoked or expired. */
sg_status sg_auth_key_rotate(sg_store *s, const char *id, int64_t overlap_ms, const char *actor, const char *request_id,
                             char key[SG_API_KEY_TEXT], sg_key_row *row, sg_err *err) SG_MUST_USE;

/* Of a caller that was let in earlier: nothing was revoked and nothing expired since. */
bool sg_auth_still(sg_store *s, const sg_caller *c);

/* NOT_FOUND: no such id. */
sg_status sg_auth_key_revoke(sg_store *s, const char *id, const char *actor, sg_err *err) SG_MUST_USE;
sg_status sg_auth_key_revoke_for(sg_store *s, const char *id, const char *actor, const char *request_id,
                                 sg_err *err) SG_MUST_USE;

/* Who holds this key. PRIVACY for anything that is not a valid, unexpired, unrevoked key, in the same words and after
 * the same work whatever was wrong; IO/INTERNAL from the store. */
sg_status sg_auth_check(sg_store *s, const char *key, sg_caller *out, sg_err *err) SG_MUST_USE;

#endif
