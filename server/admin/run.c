/* run.c - the commands themselves, whoever asks. */
#include "admin/internal.h"
#include "audit/audit.h"
#include "auth/auth.h"
#include "base/clock.h"
#include "release/release.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const char *text(const json_t *j, const char *member)
{
    const char *s = json_string_value(json_object_get(j, member));
    return s ? s : "";
}

static json_t *time_or_null(int64_t ms)
{
    char t[SG_TIME_BYTES];
    if (ms == 0)
        return json_null();
    sg_clock_rfc3339(ms, t);
    return json_string(t);
}

/* "2027-01-31" or "2027-01-31T12:00:00Z" (UTC), or "90d" from now; "" is never (0). */
static sg_status parse_expiry(const char *s, int64_t *ms, sg_err *err)
{
    struct tm tm = {0};
    int days = 0, used = 0;
    *ms = 0;
    if (!*s)
        return SG_OK;
    if (sscanf(s, "%6dd%n", &days, &used) == 1 && used && !s[used] && days > 0) {
        *ms = sg_clock_wall_ms() + (int64_t)days * 86400000;
        return SG_OK;
    }
    const char *end = strptime(s, strchr(s, 'T') ? "%Y-%m-%dT%H:%M:%SZ" : "%Y-%m-%d", &tm);
    if (!end || *end)
        return sg_fail(err, SG_FORMAT,
                       "--expires wants a date (2027-01-31), a time (2027-01-31T12:00:00Z) or days (90d)");
    *ms = (int64_t)timegm(&tm) * 1000;
    return *ms > sg_clock_wall_ms() ? SG_OK : sg_fail(err, SG_LIMIT, "--expires lies in the past");
}

static sg_status key_create(sg_store *s, const json_t *q, json_t *out, sg_err *err)
{
    unsigned scopes = SG_SCOPE_DEFAULT;
    int64_t expires;
    char key[SG_API_KEY_TEXT], words[SG_SCOPES_TEXT];
    sg_key_row row;
    if (*text(q, "scope"))
        SG_TRY(sg_auth_scopes_parse(text(q, "scope"), &scopes, err));
    SG_TRY(parse_expiry(text(q, "expires"), &expires, err));
    SG_TRY(sg_auth_key_new(s, text(q, "owner"), scopes, expires, "admin", key, &row, err));
    sg_auth_scopes_print(scopes, words);
    (void)json_object_set_new(out, "key", json_string(key));
    (void)json_object_set_new(out, "id", json_string(row.id));
    (void)json_object_set_new(out, "owner", json_string(row.owner));
    (void)json_object_set_new(out, "scopes", json_string(words));
    (void)json_object_set_new(out, "expires", time_or_null(expires));
    explicit_bzero(key, sizeof key);
    return SG_OK;
}

static sg_status add_key(void *ctx, const sg_key_row *k, sg_err *err)
{
    char words[SG_SCOPES_TEXT];
    (void)err;
    sg_auth_scopes_print(k->scopes, words);
    (void)json_array_append_new(ctx, json_pack("{s:s,s:s,s:s,s:o,s:o,s:o,s:o}", "id", k->id, "owner", k->owner,
                                               "scopes", words, "created", time_or_null(k->created_ms), "expires",
                                               time_or_null(k->expires_ms), "revoked", time_or_null(k->revoked_ms),
                                               "last_used", time_or_null(k->last_used_ms)));
    return SG_OK;
}

static sg_status key_list(sg_store *s, json_t *out, sg_err *err)
{
    json_t *list = json_array();
    (void)json_object_set_new(out, "keys", list);
    return sg_store_key_each(s, add_key, list, err);
}

static sg_status add_row(void *ctx, const sg_audit_row *r, sg_err *err)
{
    char hex[SG_DIGEST_HEX], t[SG_TIME_BYTES];
    (void)err;
    sg_hex(r->leaf.b, sizeof r->leaf.b, hex);
    sg_clock_rfc3339(r->at_ms, t);
    (void)json_array_append_new(ctx,
                                json_pack("{s:I,s:s,s:s,s:s,s:b,s:s,s:s,s:s,s:s,s:s,s:s}", "seq", (json_int_t)r->seq,
                                          "time", t, "actor", r->actor, "origin", r->origin, "erased", (int)r->erased,
                                          "action", r->action, "subject", r->subject, "outcome", r->outcome,
                                          "request_id", r->request_id, "detail", r->detail, "hash", hex));
    return SG_OK;
}

/* A thousand rows from after `after` on: the asker comes back until it gets none. */
static sg_status audit_export(sg_store *s, const json_t *q, json_t *out, sg_err *err)
{
    json_t *rows = json_array();
    (void)json_object_set_new(out, "rows", rows);
    return sg_store_audit_each(s, json_integer_value(json_object_get(q, "after")), 1000, add_row, rows, err);
}

static sg_status need_seal(const sg_audit_seal *seal, sg_err *err)
{
    return seal ? SG_OK
                : sg_fail(err, SG_NOT_FOUND, "there is no signing key yet: the first start of snpgend makes it");
}

/* The log against the checkpoint in the data folder, and against one that somebody kept elsewhere. */
static sg_status audit_verify(const sg_config *c, sg_store *s, const sg_audit_seal *seal, const json_t *q, json_t *out,
                              sg_err *err)
{
    char path[SG_CONFIG_PATH];
    int64_t n;
    SG_TRY(need_seal(seal, err));
    (void)snprintf(path, sizeof path, "%s/audit.checkpoint", c->data_dir);
    SG_TRY(sg_audit_verify(s, path, seal->key, &n, err));
    const char *kept = text(q, "checkpoint");
    sg_checkpoint old;
    if (*kept) {
        SG_TRY(sg_checkpoint_open(kept, strlen(kept), seal->key, &old, err));
        SG_TRY(sg_audit_extends(s, &old, err));
    }
    (void)json_object_set_new(out, "rows", json_integer(n));
    return SG_OK;
}

static sg_status audit_checkpoint(sg_store *s, const sg_audit_seal *seal, json_t *out, sg_err *err)
{
    sg_buf b;
    SG_TRY(need_seal(seal, err));
    sg_buf_init(&b, SG_NOTE_MAX);
    const sg_status st = sg_audit_checkpoint(s, seal, &b, err);
    if (!st)
        (void)json_object_set_new(out, "checkpoint", json_string((const char *)b.data));
    sg_buf_clear(&b);
    return st;
}

static sg_status audit_erase(sg_store *s, const json_t *q, json_t *out, sg_err *err)
{
    int64_t n;
    SG_TRY(sg_audit_erase(s, text(q, "owner"), "admin", &n, err));
    (void)json_object_set_new(out, "rows", json_integer(n));
    return SG_OK;
}

static sg_status job_recall(const sg_config *c, sg_store *s, const sg_audit_seal *seal, const json_t *q, sg_err *err)
{
    sg_release_place place;
    sg_job job;
    const char *why = text(q, "reason");
    if (strspn(why, " \t\r\n") == strlen(why) || strlen(why) >= SG_REASON_TEXT)
        return sg_fail(err, SG_FORMAT, "--reason wants text of 1..%d bytes: the owner and the audit log are told",
                       SG_REASON_TEXT - 1);
    SG_TRY(sg_store_job_get(s, text(q, "id"), &job, err));
    SG_TRY(sg_release_place_make(c->data_dir, seal, &place, err));
    return sg_release_recall(&place, s, &job, "admin", why, "", err);
}

static sg_status run(const sg_config *c, sg_store *s, const sg_audit_seal *seal, const json_t *q, json_t *out,
                     sg_err *err)
{
    const char *command = text(q, "command");
    if (!strcmp(command, "key create"))
        return key_create(s, q, out, err);
    if (!strcmp(command, "key list"))
        return key_list(s, out, err);
    if (!strcmp(command, "key revoke"))
        return sg_auth_key_revoke(s, text(q, "id"), "admin", err);
    if (!strcmp(command, "job recall"))
        return job_recall(c, s, seal, q, err);
    if (!strcmp(command, "audit export"))
        return audit_export(s, q, out, err);
    if (!strcmp(command, "audit verify"))
        return audit_verify(c, s, seal, q, out, err);
    if (!strcmp(command, "audit checkpoint"))
        return audit_checkpoint(s, seal, out, err);
    if (!strcmp(command, "audit erase"))
        return audit_erase(s, q, out, err);
    if (!strcmp(command, "db backup"))
        return sg_admin_backup_here(c, s, err);
    if (!strcmp(command, "db version") || !strcmp(command, "db migrate")) {
        (void)json_object_set_new(out, "version", json_integer(sg_store_newest()));
        return SG_OK;
    }
    return sg_fail(err, SG_FORMAT, "\"%.40s\" is no admin command", command);
}

json_t *sg_admin_run(const sg_config *config, sg_store *store, const sg_audit_seal *seal, const json_t *request)
{
    sg_err err = {0};
    json_t *out = json_object();
    if (run(config, store, seal, request, out, &err)) {
        json_decref(out);
        out = json_pack("{s:s}", "error", err.msg);
    }
    return out;
}
