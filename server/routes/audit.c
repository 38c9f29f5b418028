/* audit.c - GET /v1/audit: the chain, oldest first, for auditors. */
#include "routes/internal.h"
#include "audit/audit.h"
#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>

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
    sg_hex(r->hash.b, sizeof r->hash.b, hex);
    sg_clock_rfc3339(r->at_ms, time);
    (void)json_array_append_new(p->list, json_pack("{s:I,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "seq", (json_int_t)r->seq,
                                                   "time", time, "actor", r->actor, "action", r->action, "subject",
                                                   r->subject, "outcome", r->outcome, "request_id", r->request_id,
                                                   "detail", r->detail, "hash", hex));
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
