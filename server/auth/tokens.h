/* tokens.h - the bearers of an issuer's tokens as callers: its key set kept fresh, its people as owners.
 *
 * Shape:   one thread reads the key set, every jwt.refresh_s and, when a token names a key that is not in it, at once, but
 *          not more often than every ten seconds. When it cannot be read, the old keys stay, for a day at most. Every owner
 *          has one row in the table of keys, which no key opens: quotas, jobs and revocation work as for keys.
 * Units:   -
 * Owner:   sg_tokens_open/_close.
 * Threads: safe.
 * Not here: what makes a token good (jwt.h).
 */
#ifndef SG_SERVER_AUTH_TOKENS_H
#define SG_SERVER_AUTH_TOKENS_H

#include "auth/auth.h"
#include "config/config.h"

typedef struct sg_tokens sg_tokens;

/* *out NULL when no issuer is configured. told(ctx) is called, from another thread, whenever the keys were read. `config` is
 * borrowed. FORMAT: a configuration that cannot work; NOMEM, INTERNAL. */
sg_status sg_tokens_open(const sg_config *config, void (*told)(void *ctx), void *ctx, sg_tokens **out,
                         sg_err *err) SG_MUST_USE;
void sg_tokens_stop(sg_tokens *t);  /* told is called no more; before what it wakes is closed. Accepts NULL */
void sg_tokens_close(sg_tokens *t); /* accepts NULL */

/* Whose token this is. PRIVACY: refused, for whatever reason (it stands in the log); STATE: its key is being looked for,
 * ask again when told. IO, INTERNAL from the store. */
sg_status sg_tokens_check(sg_tokens *t, sg_store *s, const char *token, const char *request_id, sg_caller *out,
                          sg_err *err) SG_MUST_USE;

#endif
