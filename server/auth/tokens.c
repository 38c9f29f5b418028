/* tokens.c - see tokens.h. */
#include "auth/tokens.h"
#include "audit/audit.h"
#include "auth/internal.h"
#include "base/clock.h"
#include "client/client.h"
#include "log/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { ASKED_EVERY_S = 10, STALE_S = 86400, READ_MS = 5000, USED_MS = 60000 };

struct sg_tokens {
    const sg_config *config;
    sg_jwt_rules rules;
    void (*told)(void *ctx);
    void *ctx;
    pthread_t thread;
    pthread_rwlock_t keys_lock; /* guards keys: checks read, the thread writes */
    sg_jwks *keys;
    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t changed;
    atomic_bool stop; /* set with the lock held, read by calls without it */
    bool asked, reading;
    int64_t begun_ns; /* when the keys were last read, or tried to be */
};

/* ---- the key set ---- */

static sg_status fetch(const sg_config *c, const atomic_bool *stop, sg_buf *b, sg_err *err)
{
    static const char *const header[] = {"Accept: application/jwk-set+json, application/json", NULL};
    if (*c->jwt_jwks_file)
        return sg_file_read(c->jwt_jwks_file, SG_JWKS_BYTES, b, err);
    const bool tls = !strncasecmp(c->jwt_jwks_url, "https:", 6);
    const sg_client_call call = {.url = c->jwt_jwks_url,
                                 .header = header,
                                 .reach = tls ? SG_REACH_ANY : SG_REACH_LOOPBACK,
                                 .timeout_ms = READ_MS,
                                 .stop = stop};
    int status;
    int64_t wait;
    sg_buf_init(b, SG_JWKS_BYTES);
    SG_TRY(sg_client_do(&call, &status, &wait, b, err));
    return status == 200 ? SG_OK : sg_fail(err, SG_IO, "the answer is %d, want 200", status);
}

static sg_status read_keys(sg_tokens *t, sg_err *err)
{
    sg_buf b = {0};
    sg_jwks *fresh = NULL;
    sg_status st = fetch(t->config, &t->stop, &b, err);
    if (!st)
        st = sg_jwks_parse(b.data ? (const void *)b.data : "", b.n, &fresh, err);
    sg_buf_clear(&b);
    if (st)
        return st;
    (void)pthread_rwlock_wrlock(&t->keys_lock);
    sg_jwks *old = t->keys;
    t->keys = fresh;
    (void)pthread_rwlock_unlock(&t->keys_lock);
    sg_jwks_free(old);
    return SG_OK;
}

static void forget_keys(sg_tokens *t)
{
    (void)pthread_rwlock_wrlock(&t->keys_lock);
    sg_jwks_free(t->keys);
    t->keys = NULL;
    (void)pthread_rwlock_unlock(&t->keys_lock);
}

/* Until it is time to read, somebody asks, or the end (false). */
static bool wait_for_turn(sg_tokens *t)
{
    (void)pthread_mutex_lock(&t->lock);
    t->reading = false;
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until); /* the wall clock may jump */
    until.tv_sec += t->config->jwt_refresh_s;
    int over = 0;
    while (!t->stop && !t->asked && !over)
        over = pthread_cond_timedwait(&t->changed, &t->lock, &until);
    t->asked = false;
    t->reading = !t->stop;
    t->begun_ns = sg_clock_mono_ns();
    const bool go_on = !t->stop;
    (void)pthread_mutex_unlock(&t->lock);
    return go_on;
}

static void *run(void *ctx)
{
    sg_tokens *t = ctx;
    int64_t good_ns = sg_clock_mono_ns();
    sg_status before = SG_OK;
    do {
        sg_err err = {0};
        const sg_status st = read_keys(t, &err);
        const int64_t now = sg_clock_mono_ns();
        if (!st)
            good_ns = now;
        if (st && !before && st != SG_CANCELLED)
            sg_logline(SG_LOG_ERROR, NULL, "the keys of the tokens' issuer cannot be read: %s", err.msg);
        if (!st && before)
            sg_logline(SG_LOG_INFO, NULL, "the keys of the tokens' issuer can be read again");
        if (st && now - good_ns > (int64_t)STALE_S * 1000000000)
            forget_keys(t);
        before = st;
        (void)pthread_mutex_lock(&t->lock);
        t->reading = false;
        (void)pthread_mutex_unlock(&t->lock);
        t->told(t->ctx);
    } while (wait_for_turn(t));
    return NULL;
}

/* The keys are being read anew, or will be at once: worth waiting for. */
static bool ask_for_keys(sg_tokens *t)
{
    const int64_t every_s = t->config->jwt_refresh_s < ASKED_EVERY_S ? t->config->jwt_refresh_s : ASKED_EVERY_S;
    (void)pthread_mutex_lock(&t->lock);
    if (!t->reading && !t->asked && sg_clock_mono_ns() - t->begun_ns >= every_s * 1000000000) {
        t->asked = true;
        (void)pthread_cond_signal(&t->changed);
    }
    const bool coming = (t->reading || t->asked) && !t->stop;
    (void)pthread_mutex_unlock(&t->lock);
    return coming;
}

/* ---- owners ---- */

static sg_status add_row(sg_store *s, const sg_jwt *jwt, const char *id, const char *request_id, sg_key_row *row,
                         sg_err *err)
{
    memset(row, 0, sizeof *row);
    SG_TRY(sg_random(row->hash.b, sizeof row->hash.b, err)); /* the digest of no key that anybody has */
    (void)snprintf(row->id, sizeof row->id, "%s", id);
    (void)snprintf(row->owner, sizeof row->owner, "%s", jwt->owner);
    (void)snprintf(row->name, sizeof row->name, "tokens of the issuer");
    row->created_ms = row->last_used_ms = sg_clock_wall_ms();
    SG_TRY(sg_store_key_add(s, row, err));
    SG_TRY(sg_store_key_used(s, id, row->created_ms, err));
    return sg_audit_add(s, &(sg_audit_event){jwt->owner, "token.first", id, "ok", request_id, ""}, err);
}

/* The row of the owner's tokens, made when the first one comes. */
static sg_status row_of(sg_store *s, const sg_jwt *jwt, const char *id, const char *request_id, sg_key_row *row,
                        sg_err *err)
{
    sg_status st = sg_store_key_get(s, id, row, err);
    if (st != SG_NOT_FOUND)
        return st;
    SG_TRY(sg_store_begin(s, err));
    st = sg_store_key_get(s, id, row, err); /* another thread may have been faster */
    if (st == SG_NOT_FOUND)
        st = add_row(s, jwt, id, request_id, row, err);
    return sg_store_end(s, st, err);
}

static sg_status admit(sg_tokens *t, sg_store *s, const sg_jwt *jwt, const char *request_id, sg_caller *out,
                       sg_err *err)
{
    char text[SG_CONFIG_TEXT + SG_OWNER_TEXT + 2], hex[SG_DIGEST_HEX];
    sg_key_row row;
    const int n = snprintf(text, sizeof text, "%s\n%s", t->rules.issuer, jwt->owner);
    const sg_digest d = sg_sha256_of(text, (size_t)n);
    sg_hex(d.b, 12, hex);
    (void)snprintf(out->key_id, sizeof out->key_id, SG_TOKEN_ID "%.24s", hex);
    SG_TRY(row_of(s, jwt, out->key_id, request_id, &row, err));
    if (row.revoked_ms)
        return sg_fail(err, SG_PRIVACY, "the tokens of its owner are revoked");
    memcpy(out->owner, jwt->owner, sizeof out->owner);
    out->scopes = jwt->scopes;
    out->until_ms = jwt->until_s * 1000;
    const int64_t now = sg_clock_wall_ms();
    return now - row.last_used_ms > USED_MS ? sg_store_key_used(s, row.id, now, err) : SG_OK;
}

static void log_refusal(const char *request_id, const sg_err *why)
{
    char members[64];
    (void)snprintf(members, sizeof members, "\"request_id\":\"%s\"", request_id);
    sg_logline(SG_LOG_INFO, members, "a token is refused: %s", why->msg);
}

static sg_status check(sg_tokens *t, const char *token, sg_jwt *out, sg_err *err)
{
    (void)pthread_rwlock_rdlock(&t->keys_lock);
    const sg_status st = t->keys ? sg_jwt_check(token, &t->rules, t->keys, sg_clock_wall_ms() / 1000, out, err)
                                 : sg_fail(err, SG_NOT_FOUND, "the issuer's keys are not known");
    (void)pthread_rwlock_unlock(&t->keys_lock);
    return st;
}

sg_status sg_tokens_check(sg_tokens *t, sg_store *s, const char *token, const char *request_id, sg_caller *out,
                          sg_err *err)
{
    sg_jwt jwt;
    sg_err why = {0};
    memset(out, 0, sizeof *out);
    sg_status st = check(t, token, &jwt, &why);
    if (st == SG_NOT_FOUND && ask_for_keys(t))
        return sg_fail(err, SG_STATE, "the issuer's keys are being read");
    if (st == SG_NOT_FOUND) /* unless they came just between the two */
        st = check(t, token, &jwt, &why);
    if (!st)
        st = admit(t, s, &jwt, request_id, out, &why);
    if (!st)
        return SG_OK;
    memset(out, 0, sizeof *out);
    if (st != SG_PRIVACY && st != SG_NOT_FOUND)
        return sg_fail(err, st, "%s", why.msg);
    log_refusal(request_id, &why);
    return sg_fail(err, SG_PRIVACY, "the token is refused");
}

/* ---- open, close ---- */

static sg_status check_config(const sg_config *c, unsigned *scopes, sg_err *err)
{
    const char *url = c->jwt_jwks_url;
    if (!*c->jwt_audience)
        return sg_fail(err, SG_FORMAT, "jwt.audience is empty: tokens that were meant for others would be taken");
    if (!*url == !*c->jwt_jwks_file)
        return sg_fail(err, SG_FORMAT, "jwt.issuer wants one of jwt.jwks_url and jwt.jwks_file");
    if (*url && strncasecmp(url, "https://", 8) != 0 && strncasecmp(url, "http://", 7) != 0)
        return sg_fail(err, SG_FORMAT, "jwt.jwks_url is no https URL (http is for this machine's own addresses alone)");
    return sg_auth_scopes_parse(c->jwt_scopes, scopes, err) ? sg_fail_in(err, SG_FORMAT, "jwt.scopes_max") : SG_OK;
}

sg_status sg_tokens_open(const sg_config *config, void (*told)(void *ctx), void *ctx, sg_tokens **out, sg_err *err)
{
    unsigned scopes;
    *out = NULL;
    if (!*config->jwt_issuer)
        return SG_OK;
    SG_TRY(check_config(config, &scopes, err));
    sg_tokens *t = calloc(1, sizeof *t);
    if (!t)
        return sg_fail(err, SG_NOMEM, "no memory for tokens");
    t->config = config;
    t->rules = (sg_jwt_rules){.issuer = config->jwt_issuer,
                              .audience = config->jwt_audience,
                              .owner_claim = config->jwt_owner_claim,
                              .scope_claim = config->jwt_scope_claim,
                              .leeway_s = config->jwt_leeway_s,
                              .scopes_max = scopes};
    t->told = told;
    t->ctx = ctx;
    t->reading = true; /* the thread begins with that */
    t->begun_ns = sg_clock_mono_ns();
    (void)pthread_rwlock_init(&t->keys_lock, NULL);
    (void)pthread_mutex_init(&t->lock, NULL);
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&t->changed, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    if (pthread_create(&t->thread, NULL, run, t)) {
        free(t);
        return sg_fail(err, SG_INTERNAL, "the thread that reads the issuer's keys does not start");
    }
    *out = t;
    return SG_OK;
}

void sg_tokens_stop(sg_tokens *t)
{
    if (!t)
        return;
    (void)pthread_mutex_lock(&t->lock);
    t->stop = true;
    (void)pthread_cond_signal(&t->changed);
    (void)pthread_mutex_unlock(&t->lock);
    (void)pthread_join(t->thread, NULL);
}

void sg_tokens_close(sg_tokens *t)
{
    if (!t)
        return;
    sg_jwks_free(t->keys);
    (void)pthread_rwlock_destroy(&t->keys_lock);
    (void)pthread_mutex_destroy(&t->lock);
    (void)pthread_cond_destroy(&t->changed);
    free(t);
}
