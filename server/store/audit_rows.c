/* audit_rows.c - the rows of the audit log and the hashes of its tree; what they mean is audit/audit.h. */
#include "store/internal.h"

#include <string.h>

static const char add_sql[] = "INSERT INTO audit_log VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
static const char size_sql[] = "SELECT coalesce(max(seq), 0) FROM audit_log";
static const char each_sql[] =
    "SELECT seq, at_ms, action, subject, outcome, request_id, detail, actor, origin, salt, actor_hash, origin_hash, "
    "(SELECT hash FROM audit_node WHERE level = 0 AND idx = seq - 1) FROM audit_log WHERE seq > ? ORDER BY seq LIMIT ?";
static const char erase_sql[] = "UPDATE audit_log SET actor = '', origin = '', salt = x'' WHERE actor = ?";
static const char node_sql[] = "SELECT hash FROM audit_node WHERE level = ? AND idx = ?";
static const char node_add_sql[] = "INSERT INTO audit_node VALUES (?, ?, ?)";
static const char chain_sql[] =
    "SELECT seq, at_ms, actor, action, subject, outcome, request_id, detail, hash FROM audit ORDER BY seq";
static const char chain_clear_sql[] = "DELETE FROM audit";

sg_status sg_store_audit_add(sg_store *s, const sg_audit_row *r, sg_err *err)
{
    return sg_store_exec(s, add_sql, "add an audit entry", err, "iitttttttbbb", r->seq, r->at_ms, r->action, r->subject,
                         r->outcome, r->request_id, r->detail, r->actor, r->origin, &r->salt, &r->actor_hash,
                         &r->origin_hash);
}

/* false: another length than a digest's; *d is zeros then. */
static bool read_hash(sqlite3_stmt *q, int column, sg_digest *d)
{
    memset(d, 0, sizeof *d);
    const void *b = sqlite3_column_blob(q, column);
    const bool whole = b && sqlite3_column_bytes(q, column) == SG_DIGEST_BYTES;
    if (whole)
        memcpy(d->b, b, SG_DIGEST_BYTES);
    return whole;
}

sg_status sg_store_audit_size(sg_store *s, int64_t *n, sg_err *err)
{
    sg_store_lock(s);
    sqlite3_stmt *q = sg_store_query(s, size_sql, err, "");
    const sg_status st = q ? sg_store_number(s, q, "read the size of the audit log", n, err) : SG_INTERNAL;
    sg_store_unlock(s);
    return st;
}

static const char *text(sqlite3_stmt *q, int column)
{
    const char *t = (const char *)sqlite3_column_text(q, column);
    return t ? t : "";
}

typedef sg_status row_fn(void *ctx, sqlite3_stmt *q, sg_err *err);

/* Every row of a bound query; lock held. */
static sg_status each_row(sg_store *s, sqlite3_stmt *q, const char *what, row_fn *fn, void *ctx, sg_err *err)
{
    sg_status st = q ? SG_OK : SG_INTERNAL;
    for (bool row = true; !st;) {
        st = sg_store_step(s, q, what, &row, err);
        if (st || !row)
            break;
        st = fn(ctx, q, err);
    }
    if (q)
        (void)sqlite3_reset(q);
    return st;
}

typedef struct audit_reader {
    sg_status (*fn)(void *ctx, const sg_audit_row *r, sg_err *err);
    void *ctx;
} audit_reader;

static sg_status read_audit(void *ctx, sqlite3_stmt *q, sg_err *err)
{
    const audit_reader *a = ctx;
    sg_audit_row r = {.seq = sqlite3_column_int64(q, 0),
                      .at_ms = sqlite3_column_int64(q, 1),
                      .action = text(q, 2),
                      .subject = text(q, 3),
                      .outcome = text(q, 4),
                      .request_id = text(q, 5),
                      .detail = text(q, 6),
                      .actor = text(q, 7),
                      .origin = text(q, 8)};
    r.erased = !read_hash(q, 9, &r.salt);
    (void)read_hash(q, 10, &r.actor_hash);
    (void)read_hash(q, 11, &r.origin_hash);
    (void)read_hash(q, 12, &r.leaf);
    return a->fn(a->ctx, &r, err);
}

sg_status sg_store_audit_each(sg_store *s, int64_t after_seq, int64_t limit,
                              sg_status (*fn)(void *ctx, const sg_audit_row *r, sg_err *err), void *ctx, sg_err *err)
{
    audit_reader a = {fn, ctx};
    sg_store_lock(s);
    const sg_status st = each_row(s, sg_store_query(s, each_sql, err, "ii", after_seq, limit), "list audit entries",
                                  read_audit, &a, err);
    sg_store_unlock(s);
    return st;
}

sg_status sg_store_audit_erase(sg_store *s, const char *actor, int64_t *n, sg_err *err)
{
    sg_store_lock(s);
    const sg_status st = sg_store_exec(s, erase_sql, "erase a name from the audit log", err, "t", actor);
    *n = st ? 0 : sqlite3_changes64(s->db);
    sg_store_unlock(s);
    return st;
}

sg_status sg_store_audit_node(sg_store *s, int level, int64_t index, sg_digest *out, sg_err *err)
{
    bool row = false;
    memset(out, 0, sizeof *out);
    sg_store_lock(s);
    sqlite3_stmt *q = sg_store_query(s, node_sql, err, "ii", (int64_t)level, index);
    const sg_status st = q ? sg_store_step(s, q, "read a hash of the audit log", &row, err) : SG_INTERNAL;
    if (!st && row) {
        row = read_hash(q, 0, out);
        (void)sqlite3_reset(q);
    }
    sg_store_unlock(s);
    return st || row ? st
                     : sg_fail(err, SG_NOT_FOUND, "audit: the tree lacks the hash of level %d, number %lld", level,
                               (long long)index);
}

sg_status sg_store_audit_node_add(sg_store *s, int level, int64_t index, const sg_digest *hash, sg_err *err)
{
    return sg_store_exec(s, node_add_sql, "add a hash to the audit log", err, "iib", (int64_t)level, index, hash);
}

typedef struct chain_reader {
    sg_status (*fn)(void *ctx, const sg_chain_row *r, sg_err *err);
    void *ctx;
} chain_reader;

static sg_status read_chain(void *ctx, sqlite3_stmt *q, sg_err *err)
{
    const chain_reader *c = ctx;
    sg_chain_row r = {.seq = sqlite3_column_int64(q, 0),
                      .at_ms = sqlite3_column_int64(q, 1),
                      .actor = text(q, 2),
                      .action = text(q, 3),
                      .subject = text(q, 4),
                      .outcome = text(q, 5),
                      .request_id = text(q, 6),
                      .detail = text(q, 7)};
    (void)read_hash(q, 8, &r.hash);
    return c->fn(c->ctx, &r, err);
}

sg_status sg_store_chain_each(sg_store *s, sg_status (*fn)(void *ctx, const sg_chain_row *r, sg_err *err), void *ctx,
                              sg_err *err)
{
    chain_reader c = {fn, ctx};
    sg_store_lock(s);
    const sg_status st =
        each_row(s, sg_store_query(s, chain_sql, err, ""), "read the old audit chain", read_chain, &c, err);
    sg_store_unlock(s);
    return st;
}

sg_status sg_store_chain_clear(sg_store *s, sg_err *err)
{
    return sg_store_exec(s, chain_clear_sql, "empty the old audit chain", err, "");
}
