/* audit_rows.c - the rows of the audit chain; what they mean is audit/audit.h. */
#include "store/internal.h"

#include <string.h>

static const char add_sql[] = "INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
static const char head_sql[] = "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1";
static const char each_sql[] =
    "SELECT seq, at_ms, actor, action, subject, outcome, request_id, detail, hash FROM audit "
    "WHERE seq > ? ORDER BY seq LIMIT ?";

sg_status sg_store_audit_add(sg_store *s, const sg_audit_row *r, sg_err *err)
{
    return sg_store_exec(s, add_sql, "add an audit row", err, "iittttttb", r->seq, r->at_ms, r->actor, r->action,
                         r->subject, r->outcome, r->request_id, r->detail, &r->hash);
}

static void read_hash(sqlite3_stmt *q, int column, sg_digest *d)
{
    memset(d, 0, sizeof *d);
    const void *b = sqlite3_column_blob(q, column);
    if (b && sqlite3_column_bytes(q, column) == SG_DIGEST_BYTES)
        memcpy(d->b, b, SG_DIGEST_BYTES);
}

sg_status sg_store_audit_head(sg_store *s, int64_t *seq, sg_digest *hash, sg_err *err)
{
    bool row = false;
    *seq = 0;
    memset(hash, 0, sizeof *hash);
    sg_store_lock(s);
    sqlite3_stmt *q = sg_store_query(s, head_sql, err, "");
    const sg_status st = q ? sg_store_step(s, q, "read the audit head", &row, err) : SG_INTERNAL;
    if (!st && row) {
        *seq = sqlite3_column_int64(q, 0);
        read_hash(q, 1, hash);
        (void)sqlite3_reset(q);
    }
    sg_store_unlock(s);
    return st;
}

static const char *text(sqlite3_stmt *q, int column)
{
    const char *t = (const char *)sqlite3_column_text(q, column);
    return t ? t : "";
}

sg_status sg_store_audit_each(sg_store *s, int64_t after_seq, int64_t limit,
                              sg_status (*fn)(void *ctx, const sg_audit_row *r, sg_err *err), void *ctx, sg_err *err)
{
    sg_store_lock(s);
    sqlite3_stmt *q = sg_store_query(s, each_sql, err, "ii", after_seq, limit);
    sg_status st = q ? SG_OK : SG_INTERNAL;
    for (bool row = true; !st;) {
        st = sg_store_step(s, q, "list audit rows", &row, err);
        if (st || !row)
            break;
        sg_audit_row r = {sqlite3_column_int64(q, 0),
                          sqlite3_column_int64(q, 1),
                          text(q, 2),
                          text(q, 3),
                          text(q, 4),
                          text(q, 5),
                          text(q, 6),
                          text(q, 7),
                          {{0}}};
        read_hash(q, 8, &r.hash);
        st = fn(ctx, &r, err);
    }
    if (q)
        (void)sqlite3_reset(q);
    sg_store_unlock(s);
    return st;
}
