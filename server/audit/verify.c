/* verify.c - the whole log recomputed; see audit.h. */
#include "audit/internal.h"

#include <inttypes.h>
#include <string.h>

/* The roots of the complete subtrees that the entries so far consist of, by level. */
typedef struct frontier {
    sg_digest at[64];
} frontier;

static sg_digest root_of(const frontier *f, int64_t size)
{
    sg_digest r = sg_sha256_of("", 0);
    bool first = true;
    for (int level = 0; level < 63; level++)
        if (size >> level & 1) {
            r = first ? f->at[level] : sg_merkle_node(&f->at[level], &r);
            first = false;
        }
    return r;
}

typedef struct walk {
    sg_store *store;
    int64_t n, checkpoint_size;
    frontier f;
    sg_digest at_checkpoint;
} walk;

/* Takes up entry `index` and compares the hash of every subtree it completes with the one that is kept. */
static sg_status grow(walk *w, int64_t index, sg_digest h, sg_err *err)
{
    int level = 0;
    for (;; index >>= 1) {
        sg_digest kept;
        SG_TRY(sg_store_audit_node(w->store, level, index, &kept, err));
        if (!sg_digest_equal(&kept, &h))
            return sg_fail(err, SG_MISMATCH, "audit: the kept hash of level %d, number %" PRId64 " is not its entries'",
                           level, index);
        if (!(index & 1))
            break;
        h = sg_merkle_node(&w->f.at[level++], &h);
    }
    w->f.at[level] = h;
    return SG_OK;
}

static sg_status check_row(void *ctx, const sg_audit_row *r, sg_err *err)
{
    walk *w = ctx;
    sg_digest hash;
    if (r->seq != w->n + 1)
        return sg_fail(err, SG_MISMATCH, "audit: entry %" PRId64 " follows entry %" PRId64 ": entries are missing",
                       r->seq, w->n);
    const sg_leaf l = sg_audit_leaf(r);
    SG_TRY(sg_leaf_hash(&l, &hash, err));
    bool same = sg_digest_equal(&hash, &r->leaf);
    if (!r->erased) {
        const sg_digest actor = sg_leaf_commit(r->salt.b, "actor", r->actor);
        const sg_digest origin = sg_leaf_commit(r->salt.b, "origin", r->origin);
        same = same && sg_digest_equal(&actor, &r->actor_hash) && sg_digest_equal(&origin, &r->origin_hash);
    } else {
        same = same && !*r->actor && !*r->origin;
    }
    if (!same)
        return sg_fail(err, SG_MISMATCH, "audit: entry %" PRId64 " is not what was written", r->seq);
    SG_TRY(grow(w, w->n, hash, err));
    w->n = r->seq;
    if (w->n == w->checkpoint_size)
        w->at_checkpoint = root_of(&w->f, w->n);
    return SG_OK;
}

sg_status sg_audit_verify(sg_store *s, const char *checkpoint_path, const sg_signer *key, int64_t *n, sg_err *err)
{
    bool found;
    sg_checkpoint c;
    walk w = {.store = s};
    *n = 0;
    SG_TRY(sg_audit_read_checkpoint(checkpoint_path, key, &found, &c, err));
    w.checkpoint_size = c.size;
    w.at_checkpoint = sg_sha256_of("", 0);
    const sg_status st = sg_store_audit_each(s, 0, INT64_MAX, check_row, &w, err);
    *n = w.n;
    if (st)
        return st;
    if (!found && w.n > 0)
        return sg_fail(err, SG_MISMATCH, "audit: %s is missing, but there are %" PRId64 " entries", checkpoint_path,
                       w.n);
    if (c.size > w.n)
        return sg_fail(err, SG_MISMATCH,
                       "audit: %" PRId64 " entries, but entry %" PRId64 " was written: the end was cut off", w.n,
                       c.size);
    if (found && !sg_digest_equal(&c.root, &w.at_checkpoint))
        return sg_fail(err, SG_MISMATCH, "audit: the first %" PRId64 " entries are not those that %s vouches for",
                       c.size, checkpoint_path);
    return SG_OK;
}

static sg_status get_node(void *ctx, int level, int64_t index, sg_digest *out, sg_err *err)
{
    return sg_store_audit_node(ctx, level, index, out, err);
}

sg_status sg_audit_extends(sg_store *s, const sg_checkpoint *old, sg_err *err)
{
    int64_t size;
    sg_digest root;
    const sg_tree t = {.get = get_node, .ctx = s};
    SG_TRY(sg_store_audit_size(s, &size, err));
    if (old->size > size)
        return sg_fail(err, SG_MISMATCH,
                       "audit: %" PRId64 " entries, but the checkpoint tells of %" PRId64 ": the end was cut off", size,
                       old->size);
    SG_TRY(sg_merkle_root(&t, old->size, &root, err));
    return sg_digest_equal(&root, &old->root)
               ? SG_OK
               : sg_fail(err, SG_MISMATCH,
                         "audit: the first %" PRId64 " entries are not those that the checkpoint vouches for",
                         old->size);
}
