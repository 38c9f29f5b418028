/* keys.c - keys, models seen, idempotency: see store.h. */
#include "store/internal.h"

#include <string.h>

#define KEY_COLUMNS                                                                                                    \
    "id, hash, owner, scopes, created_ms, expires_ms, revoked_ms, last_used_ms, name, priority, jobs_max, people_day"
static const char key_add_sql[] = "INSERT INTO keys (id, hash, owner, scopes, created_ms, expires_ms, name, priority, "
                                  "jobs_max, people_day) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
static const char key_expire_sql[] =
    "UPDATE keys SET expires_ms = ?2 WHERE id = ?1 AND (expires_ms = 0 OR expires_ms > ?2)";
static const char limit_add_sql[] = "INSERT INTO key_models VALUES (?, ?, ?)";
static const char limit_copy_sql[] =
    "INSERT INTO key_models SELECT ?2, model, people_day FROM key_models WHERE key_id = ?1";
static const char limit_get_sql[] = "SELECT people_day FROM key_models WHERE key_id = ? AND model = ?";
static const char limit_each_sql[] = "SELECT model, people_day FROM key_models WHERE key_id = ? ORDER BY model";
static const char key_get_sql[] = "SELECT " KEY_COLUMNS " FROM keys WHERE id = ?";
static const char key_each_sql[] = "SELECT " KEY_COLUMNS " FROM keys ORDER BY created_ms, id";
static const char key_revoke_sql[] = "UPDATE keys SET revoked_ms = ?2 WHERE id = ?1 AND revoked_ms = 0";
static const char key_used_sql[] = "UPDATE keys SET last_used_ms = ?2 WHERE id = ?1";
static const char model_seen_sql[] = "INSERT INTO models VALUES (?1, ?2, ?3, ?4, ?4) "
                                     "ON CONFLICT (id, digest) DO UPDATE SET last_seen_ms = ?4";
static const char idem_get_sql[] = "SELECT body, job_id FROM idempotency WHERE owner = ? AND key = ?";
static const char idem_add_sql[] = "INSERT INTO idempotency VALUES (?, ?, ?, ?, ?)";
static const char idem_forget_sql[] = "DELETE FROM idempotency WHERE created_ms < ?";

static void read_digest(sqlite3_stmt *q, int column, sg_digest *d)
{
    memset(d, 0, sizeof *d);
    const void *b = sqlite3_column_blob(q, column);
    if (b && sqlite3_column_bytes(q, column) == SG_DIGEST_BYTES)
        memcpy(d->b, b, SG_DIGEST_BYTES);
}

static void read_key(sqlite3_stmt *q, sg_key_row *k)
{
    memset(k, 0, sizeof *k);
    sg_store_text(q, 0, k->id, sizeof k->id);
    read_digest(q, 1, &k->hash);
    sg_store_text(q, 2, k->owner, sizeof k->owner);
    k->scopes = (unsigned)sqlite3_column_int64(q, 3);
    k->created_ms = sqlite3_column_int64(q, 4);
    k->expires_ms = sqlite3_column_int64(q, 5);
    k->revoked_ms = sqlite3_column_int64(q, 6);
    k->last_used_ms = sqlite3_column_int64(q, 7);
    sg_store_text(q, 8, k->name, sizeof k->name);
    k->priority = sqlite3_column_int(q, 9);
    k->jobs_max = sqlite3_column_int64(q, 10);
    k->people_day = sqlite3_column_int64(q, 11);
}

sg_status sg_store_key_add(sg_store *s, const sg_key_row *k, sg_err *err)
{
    return sg_store_exec(s, key_add_sql, "add a key", err, "tbtiiitiii", k->id, &k->hash, k->owner, (int64_t)k->scopes,
                         k->created_ms, k->expires_ms, k->name, (int64_t)k->priority, k->jobs_max, k->people_day);
}

sg_status sg_store_key_get(sg_store *s, const char *id, sg_key_row *out, sg_err *err)
{
    bool row = false;
    memset(out, 0, sizeof *out);
    sg_store_lock(s);
    sqlite3_stmt *q = sg_store_query(s, key_get_sql, err, "t", id);
    sg_status st = q ? sg_store_step(s, q, "read a key", &row, err) : SG_INTERNAL;
    if (!st && row) {
        read_key(q, out);
        (void)sqlite3_reset(q);
    }
    sg_store_unlock(s);
    return st || row ? st : sg_fail(err, SG_NOT_FOUND, "no key has the id \"%.40s\"", id);
}

sg_status sg_store_key_revoke(sg_store *s, const char *id, int64_t at_ms, sg_err *err)
{
    sg_key_row k;
    sg_store_lock(s);
    sg_status st = sg_store_key_get(s, id, &k, err);
    if (!st)
        st = sg_store_exec(s, key_revoke_sql, "revoke a key", err, "ti", id, at_ms);
    sg_store_unlock(s);
    return st;
}

sg_status sg_store_key_expire(sg_store *s, const char *id, int64_t at_ms, sg_err *err)
{
    return sg_store_exec(s, key_expire_sql, "let a key expire", err, "ti", id, at_ms);
}

sg_status sg_store_key_limit_add(sg_store *s, const char *id, const char *model, int64_t people_day, sg_err *err)
{
    return sg_store_exec(s, limit_add_sql, "add a limit of a key", err, "tti", id, model, people_day);
}

sg_status sg_store_key_limits_copy(sg_store *s, const char *from, const char *to, sg_err *err)
{
    return sg_store_exec(s, limit_copy_sql, "copy the limits of a key", err, "tt", from, to);
}

sg_status sg_store_key_limit(sg_store *s, const char *id, const char *model, int64_t *people_day, sg_err *err)
{
    *people_day = 0;
    sg_store_lock(s);
    sqlite3_stmt *q = sg_store_query(s, limit_get_sql, err, "tt", id, model);
    const sg_status st = q ? sg_store_number(s, q, "read a limit of a key", people_day, err) : SG_INTERNAL;
    sg_store_unlock(s);
    return st;
}

sg_status sg_store_key_limit_each(sg_store *s, const char *id,
                                  sg_status (*fn)(void *ctx, const char *model, int64_t people_day, sg_err *err),
                                  void *ctx, sg_err *err)
{
    sg_store_lock(s);
    sqlite3_stmt *q = sg_store_query(s, limit_each_sql, err, "t", id);
    sg_status st = q ? SG_OK : SG_INTERNAL;
    for (bool row = true; !st;) {
        char model[SG_CODE_TEXT];
        st = sg_store_step(s, q, "list the limits of a key", &row, err);
        if (st || !row)
            break;
        sg_store_text(q, 0, model, sizeof model);
        st = fn(ctx, model, sqlite3_column_int64(q, 1), err);
    }
    if (q)
        (void)sqlite3_reset(q);
    sg_store_unlock(s);
    return st;
}

sg_status sg_store_key_used(sg_store *s, const char *id, int64_t at_ms, sg_err *err)
{
    return sg_store_exec(s, key_used_sql, "note the use of a key", err, "ti", id, at_ms);
}

sg_status sg_store_key_each(sg_store *s, sg_status (*fn)(void *ctx, const sg_key_row *k, sg_err *err), void *ctx,
                            sg_err *err)
{
    sg_store_lock(s);
    sqlite3_stmt *q = sg_store_query(s, key_each_sql, err, "");
    sg_status st = q ? SG_OK : SG_INTERNAL;
    for (bool row = true; !st;) {
        st = sg_store_step(s, q, "list keys", &row, err);
        if (st || !row)
            break;
        sg_key_row k;
        read_key(q, &k);
        st = fn(ctx, &k, err);
    }
    if (q)
        (void)sqlite3_reset(q);
    sg_store_unlock(s);
    return st;
}

sg_status sg_store_model_seen(sg_store *s, const char *id, const char *digest, const char *trait, int64_t at_ms,
                              sg_err *err)
{
    return sg_store_exec(s, model_seen_sql, "note a model", err, "ttti", id, digest, trait, at_ms);
}

sg_status sg_store_idempotency_get(sg_store *s, const char *owner, const char *key, sg_digest *body,
                                   char job[SG_ID_TEXT], sg_err *err)
{
    bool row = false;
    job[0] = '\0';
    sg_store_lock(s);
    sqlite3_stmt *q = sg_store_query(s, idem_get_sql, err, "tt", owner, key);
    sg_status st = q ? sg_store_step(s, q, "read an Idempotency-Key", &row, err) : SG_INTERNAL;
    if (!st && row) {
        read_digest(q, 0, body);
        sg_store_text(q, 1, job, SG_ID_TEXT);
        (void)sqlite3_reset(q);
    }
    sg_store_unlock(s);
    return st || row ? st : sg_fail(err, SG_NOT_FOUND, "this Idempotency-Key is new");
}

sg_status sg_store_idempotency_add(sg_store *s, const char *owner, const char *key, const sg_digest *body,
                                   const char *job, int64_t at_ms, sg_err *err)
{
    return sg_store_exec(s, idem_add_sql, "keep an Idempotency-Key", err, "ttbti", owner, key, body, job, at_ms);
}

sg_status sg_store_idempotency_forget(sg_store *s, int64_t before_ms, sg_err *err)
{
    return sg_store_exec(s, idem_forget_sql, "forget Idempotency-Keys", err, "i", before_ms);
}
