/* upgrade.c - how a log begins: its key, its first checkpoint, and the chain of schema version 1, which becomes its
 * first entries; see audit.h.
 *
 * Row n's hash was SHA-256("snpgen-audit-1", hash of row n-1, its fields each with its length in front); row 1 followed
 * 32 zero bytes. audit.head held the newest "seq hash". */
#include "audit/internal.h"
#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void add_number(sg_sha256 *h, int64_t n)
{
    uint8_t b[8];
    for (int i = 0; i < 8; i++)
        b[i] = (uint8_t)((uint64_t)n >> (56 - 8 * i));
    sg_sha256_add(h, b, sizeof b);
}

static void add_text(sg_sha256 *h, const char *s)
{
    add_number(h, (int64_t)strlen(s));
    sg_sha256_add(h, s, strlen(s));
}

static sg_status hash_row(const sg_digest *before, const sg_chain_row *r, sg_digest *out, sg_err *err)
{
    static const char mark[] = "snpgen-audit-1";
    sg_sha256 *h;
    SG_TRY(sg_sha256_new(&h, err));
    sg_sha256_add(h, mark, sizeof mark);
    sg_sha256_add(h, before->b, sizeof before->b);
    add_number(h, r->seq);
    add_number(h, r->at_ms);
    add_text(h, r->actor);
    add_text(h, r->action);
    add_text(h, r->subject);
    add_text(h, r->outcome);
    add_text(h, r->request_id);
    add_text(h, r->detail);
    *out = sg_sha256_end(h);
    sg_sha256_free(h);
    return SG_OK;
}

typedef struct move {
    sg_store *store;
    int64_t n, head_seq;
    sg_digest last, head;
} move;

static sg_status move_row(void *ctx, const sg_chain_row *r, sg_err *err)
{
    move *m = ctx;
    int64_t seq;
    sg_digest want;
    SG_TRY(hash_row(&m->last, r, &want, err));
    if (r->seq != m->n + 1 || !sg_digest_equal(&want, &r->hash) ||
        (r->seq == m->head_seq && !sg_digest_equal(&want, &m->head)))
        return sg_fail(err, SG_MISMATCH, "audit: row %" PRId64 " of the older chain is not what was written", r->seq);
    const sg_audit_event e = {.actor = r->actor,
                              .action = r->action,
                              .subject = r->subject,
                              .outcome = r->outcome,
                              .request_id = r->request_id,
                              .detail = r->detail};
    SG_TRY(sg_audit_append(m->store, &e, r->at_ms, NULL, &seq, err));
    m->n = r->seq;
    m->last = r->hash;
    return SG_OK;
}

static sg_status read_head(const char *path, move *m, sg_err *err)
{
    sg_buf b;
    char hex[SG_DIGEST_HEX] = "";
    const sg_status got = sg_file_read(path, 256, &b, err);
    if (got)
        return got == SG_NOT_FOUND ? SG_OK : got;
    sg_status st = SG_OK;
    if (sscanf(b.data ? (const char *)b.data : "", "%" SCNd64 " %64s", &m->head_seq, hex) != 2 || m->head_seq < 0)
        st = sg_fail(err, SG_FORMAT, "%s: want a number and a digest", path);
    if (!st)
        st = sg_unhex(hex, SG_DIGEST_BYTES, m->head.b, err);
    sg_buf_clear(&b);
    return st;
}

static sg_status move_all(move *m, sg_err *err)
{
    char hex[SG_DIGEST_HEX], detail[160];
    int64_t seq;
    SG_TRY(sg_store_chain_each(m->store, move_row, m, err));
    if (m->head_seq > m->n)
        return sg_fail(err, SG_MISMATCH, "audit: the older chain has %" PRId64 " rows, but row %" PRId64 " was written",
                       m->n, m->head_seq);
    if (m->n == 0)
        return SG_OK;
    sg_hex(m->last.b, sizeof m->last.b, hex);
    (void)snprintf(detail, sizeof detail, "{\"rows\":%" PRId64 ",\"chain\":\"%s\"}", m->n, hex);
    const sg_audit_event e = {.actor = "snpgend", .action = "audit.upgrade", .outcome = "ok", .detail = detail};
    SG_TRY(sg_audit_append(m->store, &e, sg_clock_wall_ms(), NULL, &seq, err));
    return sg_store_chain_clear(m->store, err);
}

sg_status sg_audit_upgrade(sg_store *s, const char *head_path, int64_t *n_moved, sg_err *err)
{
    move m = {.store = s};
    int64_t size = 0;
    *n_moved = 0;
    SG_TRY(sg_store_audit_size(s, &size, err));
    if (size > 0)
        return SG_OK; /* moved before, or never anything to move */
    SG_TRY(read_head(head_path, &m, err));
    SG_TRY(sg_store_begin(s, err));
    SG_TRY(sg_store_end(s, move_all(&m, err), err));
    *n_moved = m.n;
    (void)unlink(head_path); /* the checkpoint takes its place */
    return SG_OK;
}

sg_status sg_audit_key(const char *path, bool may_make, bool *made, sg_signer **out, sg_err *err)
{
    *made = false;
    sg_status st = sg_signer_load(path, out, err);
    if (st != SG_NOT_FOUND || !may_make)
        return st;
    st = sg_signer_new(out, err);
    if (!st)
        st = sg_signer_save(*out, path, err);
    *made = !st;
    return st;
}

sg_status sg_audit_begin(sg_store *s, const sg_audit_seal *seal, const char *data_dir, sg_err *err)
{
    char old_head[4096], checkpoint[4096];
    int64_t n, moved;
    (void)snprintf(old_head, sizeof old_head, "%s/audit.head", data_dir);
    (void)snprintf(checkpoint, sizeof checkpoint, "%s/audit.checkpoint", data_dir);
    SG_TRY(sg_store_audit_size(s, &n, err));
    SG_TRY(sg_audit_upgrade(s, old_head, &moved, err));
    if ((n > 0 && moved == 0) || sg_file_exists(checkpoint))
        return SG_OK;
    return sg_audit_save_checkpoint(s, seal, checkpoint, err); /* from here on a missing checkpoint is a break */
}
