/* audit.c - see audit.h. */
#include "audit/audit.h"
#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static sg_status hash_row(const sg_digest *before, const sg_audit_row *r, sg_digest *out, sg_err *err)
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

static const char *or_empty(const char *s)
{
    return s ? s : "";
}

sg_status sg_audit_add(sg_store *s, const sg_audit_event *e, sg_err *err)
{
    sg_digest before;
    int64_t seq;
    SG_TRY(sg_store_begin(s, err));
    sg_status st = sg_store_audit_head(s, &seq, &before, err);
    sg_audit_row r = {seq + 1,
                      sg_clock_wall_ms(),
                      or_empty(e->actor),
                      or_empty(e->action),
                      or_empty(e->subject),
                      or_empty(e->outcome),
                      or_empty(e->request_id),
                      or_empty(e->detail),
                      {{0}}};
    if (!st)
        st = hash_row(&before, &r, &r.hash, err);
    if (!st)
        st = sg_store_audit_add(s, &r, err);
    return sg_store_end(s, st, err);
}

typedef struct chain {
    int64_t n;
    sg_digest last;
    int64_t head_seq;
    sg_digest head, at_head;
} chain;

static sg_status check_row(void *ctx, const sg_audit_row *r, sg_err *err)
{
    chain *c = ctx;
    if (r->seq != c->n + 1)
        return sg_fail(err, SG_MISMATCH, "audit: row %" PRId64 " follows row %" PRId64 ": rows are missing", r->seq,
                       c->n);
    sg_digest want;
    SG_TRY(hash_row(&c->last, r, &want, err));
    if (!sg_digest_equal(&want, &r->hash))
        return sg_fail(err, SG_MISMATCH, "audit: row %" PRId64 " is not what was written", r->seq);
    c->n = r->seq;
    c->last = r->hash;
    if (r->seq == c->head_seq)
        c->at_head = r->hash;
    return SG_OK;
}

static sg_status read_head(const char *path, int64_t *seq, sg_digest *hash, sg_err *err)
{
    sg_buf b;
    SG_TRY(sg_file_read(path, 256, &b, err));
    char hex[SG_DIGEST_HEX] = "";
    const char *text = b.data ? (const char *)b.data : "";
    sg_status st = SG_OK;
    if (sscanf(text, "%" SCNd64 " %64s", seq, hex) != 2 || *seq < 0)
        st = sg_fail(err, SG_FORMAT, "%s: want a number and a digest", path);
    if (!st)
        st = sg_unhex(hex, SG_DIGEST_BYTES, hash->b, err);
    sg_buf_clear(&b);
    return st;
}

sg_status sg_audit_verify(sg_store *s, const char *head_path, int64_t *n_row, sg_err *err)
{
    chain c = {0};
    const sg_status had_head = read_head(head_path, &c.head_seq, &c.head, err);
    *n_row = 0;
    if (had_head && had_head != SG_NOT_FOUND)
        return had_head;
    const sg_status st = sg_store_audit_each(s, 0, INT64_MAX, check_row, &c, err);
    *n_row = c.n;
    if (st)
        return st;
    if (had_head && c.n > 0)
        return sg_fail(err, SG_MISMATCH, "audit: %s is missing, but there are %" PRId64 " rows", head_path, c.n);
    if (c.head_seq > c.n)
        return sg_fail(err, SG_MISMATCH,
                       "audit: %" PRId64 " rows, but row %" PRId64 " was written: the end was cut off", c.n,
                       c.head_seq);
    if (c.head_seq > 0 && !sg_digest_equal(&c.head, &c.at_head))
        return sg_fail(err, SG_MISMATCH, "audit: row %" PRId64 " is not the one %s remembers", c.head_seq, head_path);
    return SG_OK;
}

sg_status sg_audit_save_head(sg_store *s, const char *head_path, sg_err *err)
{
    sg_digest hash;
    int64_t seq;
    SG_TRY(sg_store_audit_head(s, &seq, &hash, err));
    char hex[SG_DIGEST_HEX], line[128], had[128] = "";
    sg_hex(hash.b, sizeof hash.b, hex);
    const int n = snprintf(line, sizeof line, "%" PRId64 " %s\n", seq, hex);
    sg_buf b;
    if (sg_file_read(head_path, sizeof had - 1, &b, NULL) == SG_OK)
        (void)snprintf(had, sizeof had, "%s", b.data ? (const char *)b.data : "");
    sg_buf_clear(&b);
    return strcmp(line, had) ? sg_file_write(head_path, 0600, line, (size_t)n, err) : SG_OK;
}
