/* auth.c - see auth.h. */
#include "auth/internal.h"
#include "audit/audit.h"
#include "base/clock.h"

#include <stdio.h>
#include <string.h>

static const char *const scope_word[SG_N_SCOPE] = {
#define X(name, word) word,
    SG_SCOPES(X)
#undef X
};

sg_status sg_auth_scopes_parse(const char *words, unsigned *out, sg_err *err)
{
    *out = 0;
    for (const char *p = words; *p;) {
        const size_t n = strcspn(p, " ,");
        int found = -1;
        for (int i = 0; n && i < SG_N_SCOPE; i++)
            if (strlen(scope_word[i]) == n && !strncmp(scope_word[i], p, n))
                found = i;
        if (n && found < 0)
            return sg_fail(err, SG_FORMAT,
                           "\"%.*s\" is no scope; there are jobs:create, jobs:read, models:read, "
                           "release:review, audit:read, admin",
                           (int)(n < 40 ? n : 40), p);
        if (n)
            *out |= 1u << found;
        p += n + (p[n] != '\0');
    }
    return *out ? SG_OK : sg_fail(err, SG_FORMAT, "no scope is given");
}

void sg_auth_scopes_print(unsigned scopes, char out[SG_SCOPES_TEXT])
{
    size_t n = 0;
    out[0] = '\0';
    for (int i = 0; i < SG_N_SCOPE; i++)
        if (scopes >> i & 1)
            n += (size_t)snprintf(out + n, SG_SCOPES_TEXT - n, "%s%s", n ? " " : "", scope_word[i]);
}

bool sg_auth_may(const sg_caller *c, sg_scope scope)
{
    return (c->scopes & (unsigned)scope) || (c->scopes & SG_SCOPE_ADMIN);
}

bool sg_auth_owner_ok(const char *s)
{
    static const char fine[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._@-";
    const size_t n = strlen(s);
    return n > 0 && n < SG_OWNER_TEXT && strspn(s, fine) == n;
}

/* The text of a fresh key, and in the row its id and digest. */
static sg_status fresh(char key[SG_API_KEY_TEXT], sg_key_row *row, sg_err *err)
{
    uint8_t random[6 + SG_KEY_BYTES];
    char secret[2 * SG_KEY_BYTES + 1];
    SG_TRY(sg_random(random, sizeof random, err));
    sg_hex(random, 6, row->id);
    sg_hex(random + 6, SG_KEY_BYTES, secret);
    (void)snprintf(key, SG_API_KEY_TEXT, "sgk_%.12s_%.64s", row->id, secret);
    explicit_bzero(random, sizeof random);
    explicit_bzero(secret, sizeof secret);
    row->hash = sg_sha256_of(key, strlen(key));
    row->created_ms = sg_clock_wall_ms();
    return SG_OK;
}

sg_status sg_auth_key_make(sg_store *s, const sg_key_wish *w, const char *actor, const char *request_id,
                           char key[SG_API_KEY_TEXT], sg_key_row *row, sg_err *err)
{
    char words[SG_SCOPES_TEXT];
    memset(row, 0, sizeof *row);
    if (!sg_auth_owner_ok(w->owner))
        return sg_fail(err, SG_FORMAT, "an owner has 1..%d letters, digits or ._@-", SG_OWNER_TEXT - 1);
    SG_TRY(fresh(key, row, err));
    (void)snprintf(row->owner, sizeof row->owner, "%s", w->owner);
    (void)snprintf(row->name, sizeof row->name, "%s", w->name ? w->name : "");
    row->scopes = w->scopes;
    row->expires_ms = w->expires_ms;
    row->priority = w->priority;
    row->jobs_max = w->jobs_max;
    row->people_day = w->people_day;
    sg_auth_scopes_print(w->scopes, words);
    SG_TRY(sg_store_begin(s, err));
    sg_status st = sg_store_key_add(s, row, err);
    for (int i = 0; !st && i < w->n_model; i++)
        st = sg_store_key_limit_add(s, row->id, w->model[i].model, w->model[i].people_day, err);
    if (!st)
        st = sg_audit_add(s, &(sg_audit_event){actor, "key.create", row->id, "ok", request_id, words}, err);
    return sg_store_end(s, st, err);
}

sg_status sg_auth_key_new(sg_store *s, const char *owner, unsigned scopes, int64_t expires_ms, const char *actor,
                          char key[SG_API_KEY_TEXT], sg_key_row *row, sg_err *err)
{
    const sg_key_wish w = {.owner = owner, .scopes = scopes, .expires_ms = expires_ms};
    return sg_auth_key_make(s, &w, actor, "", key, row, err);
}

static sg_status rotate(sg_store *s, const char *id, int64_t overlap_ms, const char *actor, const char *request_id,
                        sg_key_row *row, sg_err *err)
{
    sg_key_row old;
    const int64_t now = row->created_ms;
    SG_TRY(sg_store_key_get(s, id, &old, err));
    if (old.revoked_ms || (old.expires_ms && old.expires_ms <= now))
        return sg_fail(err, SG_STATE, "the key %s does not work any more: make a new one", id);
    if (!strncmp(id, SG_TOKEN_ID, sizeof SG_TOKEN_ID - 1))
        return sg_fail(err, SG_STATE, "%s stands for the tokens of an owner: their issuer renews them", id);
    const sg_digest hash = row->hash;
    char fresh_id[SG_ID_TEXT];
    memcpy(fresh_id, row->id, sizeof fresh_id);
    *row = old;
    memcpy(row->id, fresh_id, sizeof fresh_id);
    row->hash = hash;
    row->created_ms = now;
    row->last_used_ms = 0;
    SG_TRY(sg_store_key_add(s, row, err));
    SG_TRY(sg_store_key_limits_copy(s, id, row->id, err));
    SG_TRY(sg_store_key_expire(s, id, now + overlap_ms, err));
    return sg_audit_add(s, &(sg_audit_event){actor, "key.rotate", id, "ok", request_id, row->id}, err);
}

sg_status sg_auth_key_rotate(sg_store *s, const char *id, int64_t overlap_ms, const char *actor, const char *request_id,
                             char key[SG_API_KEY_TEXT], sg_key_row *row, sg_err *err)
{
    memset(row, 0, sizeof *row);
    SG_TRY(fresh(key, row, err));
    SG_TRY(sg_store_begin(s, err));
    return sg_store_end(s, rotate(s, id, overlap_ms, actor, request_id, row, err), err);
}

sg_status sg_auth_key_revoke_for(sg_store *s, const char *id, const char *actor, const char *request_id, sg_err *err)
{
    SG_TRY(sg_store_begin(s, err));
    sg_status st = sg_store_key_revoke(s, id, sg_clock_wall_ms(), err);
    if (!st)
        st = sg_audit_add(s, &(sg_audit_event){actor, "key.revoke", id, "ok", request_id, ""}, err);
    return sg_store_end(s, st, err);
}

sg_status sg_auth_key_revoke(sg_store *s, const char *id, const char *actor, sg_err *err)
{
    return sg_auth_key_revoke_for(s, id, actor, "", err);
}

bool sg_auth_still(sg_store *s, const sg_caller *c)
{
    sg_key_row row;
    const int64_t now = sg_clock_wall_ms();
    return sg_store_key_get(s, c->key_id, &row, NULL) == SG_OK && !row.revoked_ms &&
           (!row.expires_ms || row.expires_ms > now) && (!c->until_ms || c->until_ms > now);
}

sg_status sg_auth_check(sg_store *s, const char *key, sg_caller *out, sg_err *err)
{
    sg_key_row row;
    char id[13] = "";
    const size_t n = strlen(key);
    memset(out, 0, sizeof *out);
    const bool shaped = n == SG_API_KEY_TEXT - 1 && !strncmp(key, "sgk_", 4) && key[16] == '_';
    if (shaped)
        memcpy(id, key + 4, 12);
    /* The same steps for a stranger as for a friend: one look-up, one digest, one constant-time comparison. */
    const sg_status st = sg_store_key_get(s, id, &row, err);
    if (st && st != SG_NOT_FOUND)
        return st;
    const sg_digest got = sg_sha256_of(key, n < 256 ? n : 256);
    const int64_t now = sg_clock_wall_ms();
    const bool same = sg_digest_equal(&got, &row.hash);
    if (!same || st || !shaped || row.revoked_ms || (row.expires_ms && row.expires_ms <= now))
        return sg_fail(err, SG_PRIVACY, "the key is missing, unknown, expired or revoked");
    memcpy(out->key_id, row.id, sizeof out->key_id);
    memcpy(out->owner, row.owner, sizeof out->owner);
    out->scopes = row.scopes;
    return now - row.last_used_ms > 60000 ? sg_store_key_used(s, row.id, now, err) : SG_OK;
}
