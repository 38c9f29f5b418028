/* audit.c - GET /v1/audit and below: the log, its signed checkpoint and its proofs, for auditors. */
#include "routes/internal.h"
#include "audit/audit.h"
#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct page {
    json_t *list;
    int64_t size, last;
    bool more;
} page;

static sg_status add_row(void *ctx, const sg_audit_row *r, sg_err *err)
{
    page *p = ctx;
    char hex[SG_DIGEST_HEX], time[SG_TIME_BYTES];
    (void)err;
    if ((int64_t)json_array_size(p->list) == p->size) {
        p->more = true;
        return SG_OK;
    }
    sg_hex(r->leaf.b, sizeof r->leaf.b, hex);
    sg_clock_rfc3339(r->at_ms, time);
    (void)json_array_append_new(p->list,
                                json_pack("{s:I,s:s,s:s,s:s,s:b,s:s,s:s,s:s,s:s,s:s,s:s}", "seq", (json_int_t)r->seq,
                                          "time", time, "actor", r->actor, "origin", r->origin, "erased",
                                          (int)r->erased, "action", r->action, "subject", r->subject, "outcome",
                                          r->outcome, "request_id", r->request_id, "detail", r->detail, "hash", hex));
    p->last = r->seq;
    return SG_OK;
}

void sg_route_audit(void *ctx, const sg_request *q, sg_answer *a)
{
    static const char *const known[] = {NULL};
    const sg_service *s = ctx;
    sg_caller who;
    page p = {0};
    int64_t token;
    char next[32];
    sg_err err = {0};
    if (!sg_routes_caller(s, q, a, SG_SCOPE_AUDIT_READ, &who) || !sg_routes_json_wanted(q, a) ||
        !sg_routes_page(q, a, known, &p.size, &token))
        return;
    p.list = json_array();
    const sg_status st = sg_store_audit_each(s->store, token, p.size + 1, add_row, &p, &err);
    json_t *all = json_pack("{s:o}", "rows", p.list);
    (void)snprintf(next, sizeof next, "p%" PRId64, p.last);
    (void)json_object_set_new(all, "next_page_token", p.more ? json_string(next) : json_null());
    if (st) {
        json_decref(all);
        sg_answer_error(a, q, st, &err);
        return;
    }
    sg_routes_json(a, q, 200, all, true);
}

void sg_route_audit_checkpoint(void *ctx, const sg_request *q, sg_answer *a)
{
    const sg_service *s = ctx;
    sg_caller who;
    sg_err err = {0};
    if (!sg_routes_caller(s, q, a, SG_SCOPE_AUDIT_READ, &who))
        return;
    if (!sg_request_accepts(q, "text/plain")) {
        sg_answer_problem(a, q, 406, NULL, "this is available as text/plain only");
        return;
    }
    const sg_status st = sg_audit_checkpoint(s->store, s->place->seal, &a->body, &err);
    if (st) {
        sg_answer_error(a, q, st, &err);
        return;
    }
    a->status = 200;
    (void)snprintf(a->type, sizeof a->type, "text/plain; charset=utf-8");
}

/* The public half of the key that signs manifests and checkpoints; no secret, so no key is asked for. */
void sg_route_audit_key(void *ctx, const sg_request *q, sg_answer *a)
{
    const sg_service *s = ctx;
    sg_err err = {0};
    const sg_status st = sg_signer_print_public(s->place->seal->key, &a->body, &err);
    if (st) {
        sg_answer_error(a, q, st, &err);
        return;
    }
    a->status = 200;
    (void)snprintf(a->type, sizeof a->type, "application/x-pem-file");
}

static json_t *hex_of(const sg_digest *d)
{
    char hex[SG_DIGEST_HEX];
    sg_hex(d->b, sizeof d->b, hex);
    return json_string(hex);
}

static json_t *hashes(const sg_proof *p)
{
    json_t *list = json_array();
    for (int i = 0; i < p->n; i++)
        (void)json_array_append_new(list, hex_of(&p->hash[i]));
    return list;
}

/* A number from 0 on; the fallback where the parameter is missing. false: a 400 stands in a. */
static bool number_of(const sg_request *q, sg_answer *a, const char *name, int64_t fallback, int64_t *out)
{
    const char *s = sg_request_query(q, name);
    char *end;
    *out = fallback;
    if (!s)
        return true;
    *out = strlen(s) < 16 && *s >= '0' && *s <= '9' ? strtoll(s, &end, 10) : -1;
    if (*out >= 0 && !*end)
        return true;
    sg_answer_problem(a, q, 400, NULL, "the parameter %s wants a number of entries", name);
    return false;
}

/* GET /v1/audit/proof?entry=N[&size=M]: entry N is in the log of M entries; ?from=N[&size=M]: the log of N is the
 * beginning of the log of M. M: the log as it is now. */
void sg_route_audit_proof(void *ctx, const sg_request *q, sg_answer *a)
{
    const sg_service *s = ctx;
    sg_caller who;
    sg_err err = {0};
    sg_digest leaf, old_root, root;
    sg_proof proof;
    int64_t entry, from, size, now = 0;
    if (!sg_routes_caller(s, q, a, SG_SCOPE_AUDIT_READ, &who) || !sg_routes_json_wanted(q, a) ||
        !number_of(q, a, "entry", -1, &entry) || !number_of(q, a, "from", -1, &from))
        return;
    sg_status st = sg_store_audit_size(s->store, &now, &err);
    if (!st && !number_of(q, a, "size", now, &size))
        return;
    if (!st && (entry < 0) == (from < 0)) {
        sg_answer_problem(a, q, 400, NULL, "ask for one proof: entry=N or from=N, and size=M");
        return;
    }
    json_t *j = NULL;
    if (!st && entry >= 0) {
        st = sg_audit_inclusion(s->store, entry, size, &leaf, &root, &proof, &err);
        if (!st)
            j = json_pack("{s:I,s:I,s:o,s:o,s:o}", "entry", (json_int_t)entry, "size", (json_int_t)size, "leaf",
                          hex_of(&leaf), "root", hex_of(&root), "proof", hashes(&proof));
    } else if (!st) {
        st = sg_audit_consistency(s->store, from, size, &old_root, &root, &proof, &err);
        if (!st)
            j = json_pack("{s:I,s:I,s:o,s:o,s:o}", "from", (json_int_t)from, "size", (json_int_t)size, "from_root",
                          hex_of(&old_root), "root", hex_of(&root), "proof", hashes(&proof));
    }
    if (st == SG_LIMIT)
        sg_answer_problem(a, q, 404, NULL, "%s", err.msg);
    else if (st)
        sg_answer_error(a, q, st, &err);
    else
        sg_routes_json(a, q, 200, j, true);
}
