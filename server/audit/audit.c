/* audit.c - see audit.h. */
#include "audit/internal.h"
#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static sg_status get_node(void *ctx, int level, int64_t index, sg_digest *out, sg_err *err)
{
    return sg_store_audit_node(ctx, level, index, out, err);
}

static sg_status put_node(void *ctx, int level, int64_t index, const sg_digest *hash, sg_err *err)
{
    return sg_store_audit_node_add(ctx, level, index, hash, err);
}

static sg_tree tree_of(sg_store *s)
{
    return (sg_tree){get_node, put_node, s};
}

/* One request is answered by one thread from beginning to end, however deep the function lies that writes the entry. */
static _Thread_local char from[64];

void sg_audit_from(const char *origin)
{
    (void)snprintf(from, sizeof from, "%s", origin ? origin : "");
}

static const char *or_empty(const char *s)
{
    return s ? s : "";
}

sg_leaf sg_audit_leaf(const sg_audit_row *r)
{
    return (sg_leaf){.seq = r->seq,
                     .at_ms = r->at_ms,
                     .action = r->action,
                     .subject = r->subject,
                     .outcome = r->outcome,
                     .request_id = r->request_id,
                     .detail = r->detail,
                     .actor = r->actor_hash,
                     .origin = r->origin_hash};
}

sg_status sg_audit_append(sg_store *s, const sg_audit_event *e, int64_t at_ms, sg_buf *leaf, int64_t *seq, sg_err *err)
{
    int64_t size;
    sg_digest hash;
    const sg_tree t = tree_of(s);
    SG_TRY(sg_store_audit_size(s, &size, err));
    sg_audit_row r = {.seq = size + 1,
                      .at_ms = at_ms,
                      .action = or_empty(e->action),
                      .subject = or_empty(e->subject),
                      .outcome = or_empty(e->outcome),
                      .request_id = or_empty(e->request_id),
                      .detail = or_empty(e->detail),
                      .actor = or_empty(e->actor),
                      .origin = from};
    SG_TRY(sg_random(r.salt.b, sizeof r.salt.b, err));
    r.actor_hash = sg_leaf_commit(r.salt.b, "actor", r.actor);
    r.origin_hash = sg_leaf_commit(r.salt.b, "origin", r.origin);
    const sg_leaf l = sg_audit_leaf(&r);
    SG_TRY(sg_leaf_hash(&l, &hash, err));
    if (leaf)
        SG_TRY(sg_leaf_text(&l, leaf, err));
    SG_TRY(sg_store_audit_add(s, &r, err));
    *seq = r.seq;
    return sg_merkle_append(&t, size, &hash, err);
}

sg_status sg_audit_add(sg_store *s, const sg_audit_event *e, sg_err *err)
{
    int64_t seq;
    SG_TRY(sg_store_begin(s, err));
    return sg_store_end(s, sg_audit_append(s, e, sg_clock_wall_ms(), NULL, &seq, err), err);
}

static sg_status sign_size(sg_store *s, const sg_audit_seal *seal, int64_t size, sg_buf *b, sg_err *err)
{
    const sg_tree t = tree_of(s);
    sg_checkpoint c = {.size = size};
    (void)snprintf(c.origin, sizeof c.origin, "%s", seal->origin);
    SG_TRY(sg_merkle_root(&t, size, &c.root, err));
    return sg_checkpoint_sign(&c, seal->key, b, err);
}

sg_status sg_audit_add_proven(sg_store *s, const sg_audit_event *e, const sg_audit_seal *seal, sg_buf *leaf,
                              sg_proof *proof, sg_buf *checkpoint, sg_err *err)
{
    int64_t seq = 0;
    const sg_tree t = tree_of(s);
    SG_TRY(sg_store_begin(s, err));
    sg_status st = sg_audit_append(s, e, sg_clock_wall_ms(), leaf, &seq, err);
    if (!st)
        st = sg_merkle_inclusion(&t, seq - 1, seq, proof, err);
    if (!st)
        st = sign_size(s, seal, seq, checkpoint, err);
    return sg_store_end(s, st, err);
}

sg_status sg_audit_checkpoint(sg_store *s, const sg_audit_seal *seal, sg_buf *b, sg_err *err)
{
    int64_t size = 0;
    SG_TRY(sg_store_begin(s, err)); /* the size and its root are of one moment */
    sg_status st = sg_store_audit_size(s, &size, err);
    if (!st)
        st = sign_size(s, seal, size, b, err);
    return sg_store_end(s, st, err);
}

sg_status sg_audit_read_checkpoint(const char *path, const sg_signer *key, bool *found, sg_checkpoint *out, sg_err *err)
{
    sg_buf b;
    memset(out, 0, sizeof *out);
    const sg_status got = sg_file_read(path, SG_NOTE_MAX, &b, err);
    *found = got != SG_NOT_FOUND;
    if (got)
        return got == SG_NOT_FOUND ? SG_OK : got;
    const sg_status st = sg_checkpoint_open(b.data ? (const char *)b.data : "", b.n, key, out, err);
    sg_buf_clear(&b);
    return st ? sg_fail_in(err, st, "%s", path) : SG_OK;
}

sg_status sg_audit_save_checkpoint(sg_store *s, const sg_audit_seal *seal, const char *path, sg_err *err)
{
    bool found;
    int64_t size;
    sg_checkpoint had;
    sg_buf b;
    SG_TRY(sg_store_audit_size(s, &size, err));
    if (sg_audit_read_checkpoint(path, seal->key, &found, &had, NULL) == SG_OK && found && had.size == size)
        return SG_OK;
    sg_buf_init(&b, SG_NOTE_MAX);
    sg_status st = sg_audit_checkpoint(s, seal, &b, err);
    if (!st)
        st = sg_file_write(path, 0600, b.data, b.n, err);
    sg_buf_clear(&b);
    return st;
}

static sg_status known_size(sg_store *s, int64_t size, sg_err *err)
{
    int64_t now;
    SG_TRY(sg_store_audit_size(s, &now, err));
    return size >= 0 && size <= now
               ? SG_OK
               : sg_fail(err, SG_LIMIT, "the audit log has %" PRId64 " entries, not %" PRId64, now, size);
}

sg_status sg_audit_inclusion(sg_store *s, int64_t seq, int64_t size, sg_digest *leaf, sg_digest *root, sg_proof *out,
                             sg_err *err)
{
    const sg_tree t = tree_of(s);
    SG_TRY(known_size(s, size, err));
    if (seq < 1 || seq > size)
        return sg_fail(err, SG_LIMIT, "a log of %" PRId64 " entries has no entry %" PRId64, size, seq);
    SG_TRY(sg_store_audit_node(s, 0, seq - 1, leaf, err));
    SG_TRY(sg_merkle_root(&t, size, root, err));
    return sg_merkle_inclusion(&t, seq - 1, size, out, err);
}

sg_status sg_audit_consistency(sg_store *s, int64_t old, int64_t size, sg_digest *old_root, sg_digest *root,
                               sg_proof *out, sg_err *err)
{
    const sg_tree t = tree_of(s);
    SG_TRY(known_size(s, size, err));
    if (old < 0 || old > size)
        return sg_fail(err, SG_LIMIT, "a log of %" PRId64 " entries has no beginning of %" PRId64, size, old);
    SG_TRY(sg_merkle_root(&t, old, old_root, err));
    SG_TRY(sg_merkle_root(&t, size, root, err));
    return sg_merkle_consistency(&t, old, size, out, err);
}

sg_status sg_audit_erase(sg_store *s, const char *actor, const char *by, int64_t *n, sg_err *err)
{
    char detail[64];
    *n = 0;
    if (!*actor)
        return sg_fail(err, SG_FORMAT, "whose name? it is empty");
    SG_TRY(sg_store_begin(s, err));
    sg_status st = sg_store_audit_erase(s, actor, n, err);
    if (!st && *n == 0)
        st = sg_fail(err, SG_NOT_FOUND, "no audit entry is of that name");
    (void)snprintf(detail, sizeof detail, "{\"entries\":%" PRId64 "}", *n);
    if (!st)
        st = sg_audit_add(s, &(sg_audit_event){.actor = by, .action = "audit.erase", .outcome = "ok", .detail = detail},
                          err);
    return sg_store_end(s, st, err);
}
