/* service.c - what this service is (GA4GH service-info, RFC 9728), what was used of it, and a reviewer's decision. */
#include "routes/internal.h"
#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void sg_route_service_info(void *ctx, const sg_request *q, sg_answer *a)
{
    const sg_service *s = ctx;
    const sg_config *c = s->config;
    if (!sg_routes_json_wanted(q, a))
        return;
    json_t *j = json_pack("{s:s,s:s,s:{s:s,s:s,s:s},s:s,s:{s:s,s:s},s:s,s:s}", "id", c->service_id, "name", "snpgen",
                          "type", "group", "org.snpgen", "artifact", "snpgen", "version", "1.0.0", "description",
                          "Synthetic genotypes that carry a disease, released only when they pass their checks.",
                          "organization", "name", c->service_org, "url", c->service_org_url, "environment",
                          c->service_environment, "version", SG_VERSION);
    if (*c->service_contact)
        (void)json_object_set_new(j, "contactUrl", json_string(c->service_contact));
    if (*c->service_url)
        (void)json_object_set_new(j, "documentationUrl", json_sprintf("%s/openapi.json", c->service_url));
    sg_routes_json(a, q, 200, j, true);
}

/* RFC 9728: where a client gets tokens for this service. */
void sg_route_resource(void *ctx, const sg_request *q, sg_answer *a)
{
    const sg_service *s = ctx;
    const sg_config *c = s->config;
    if (!sg_routes_json_wanted(q, a))
        return;
    if (!*c->jwt_issuer || !*c->service_url) {
        sg_answer_problem(a, q, 404, NULL, "this service takes no tokens, only keys");
        return;
    }
    unsigned most = 0;
    if (sg_auth_scopes_parse(c->jwt_scopes, &most, NULL))
        most = 0; /* cannot be: it was read at start */
    json_t *scopes = json_array();
#define X(name, word)                                                                                                  \
    if (most & SG_SCOPE_##name)                                                                                        \
        (void)json_array_append_new(scopes, json_string(word));
    SG_SCOPES(X)
#undef X
    sg_routes_json(a, q, 200,
                   json_pack("{s:s,s:s,s:[s],s:[s],s:o}", "resource", c->service_url, "resource_name", "snpgen",
                             "authorization_servers", c->jwt_issuer, "bearer_methods_supported", "header",
                             "scopes_supported", scopes),
                   true);
}

/* ---- GET /v1/usage ---- */

enum { USAGE_ROWS = 5000, DAY_MS = 86400000 };

static sg_status add_usage(void *ctx, const sg_usage_row *r, sg_err *err)
{
    (void)err;
    (void)json_array_append_new(ctx, json_pack("{s:s,s:s,s:s,s:I,s:I,s:I,s:I}", "day", r->day, "owner", r->owner,
                                               "model", r->model, "jobs", (json_int_t)r->jobs, "people",
                                               (json_int_t)r->people, "jobs_released", (json_int_t)r->released_jobs,
                                               "people_released", (json_int_t)r->released_people));
    return SG_OK;
}

static sg_status add_odometer(void *ctx, const sg_odometer *o, sg_err *err)
{
    (void)err;
    (void)json_array_append_new(ctx, json_pack("{s:s,s:I,s:I,s:I,s:I,s:I}", "model", o->model, "cases_released",
                                               (json_int_t)o->cases, "controls_released", (json_int_t)o->controls,
                                               "jobs", (json_int_t)o->jobs, "attempts", (json_int_t)o->attempts,
                                               "owners", (json_int_t)o->owners));
    return SG_OK;
}

static void wrong(json_t *errors, const char *parameter, const char *detail)
{
    (void)json_array_append_new(errors, json_pack("{s:s,s:s}", "parameter", parameter, "detail", detail));
}

static bool read_span(const sg_request *q, sg_answer *a, const sg_caller *who, int64_t *from, int64_t *to,
                      const char **owner)
{
    json_t *errors = json_array();
    const int64_t now = sg_clock_wall_ms();
    const bool admin = (who->scopes & SG_SCOPE_ADMIN) != 0;
    *to = now + 1;
    *from = now - now % DAY_MS - 29 * (int64_t)DAY_MS;
    *owner = admin ? NULL : who->owner;
    for (int i = 0; i < q->n_query; i++) {
        const char *name = q->query[i].name, *value = q->query[i].value;
        if (!strcmp(name, "from") || !strcmp(name, "to")) {
            if (!sg_routes_time(value, *name == 'f' ? from : to))
                wrong(errors, name, "want a time like 2027-01-31T12:00:00Z, or a date");
        } else if (!strcmp(name, "owner")) {
            if (!admin && strcmp(value, who->owner) != 0)
                wrong(errors, name, "may be you alone without the scope admin");
            *owner = value;
        } else {
            wrong(errors, name, "is not a parameter of this operation");
        }
    }
    if (*to <= *from)
        wrong(errors, "to", "does not come after from");
    return sg_routes_no_errors(q, a, errors);
}

void sg_route_usage(void *ctx, const sg_request *q, sg_answer *a)
{
    const sg_service *s = ctx;
    sg_caller who;
    sg_quota quota;
    sg_err err = {0};
    int64_t from, to;
    const char *owner;
    char t0[SG_TIME_BYTES], t1[SG_TIME_BYTES];
    if (!sg_routes_caller(s, q, a, SG_SCOPE_JOBS_READ, &who) || !sg_routes_json_wanted(q, a) ||
        !read_span(q, a, &who, &from, &to, &owner))
        return;
    json_t *days = json_array(), *models = json_array();
    sg_status st = sg_store_usage_each(s->store, owner, from, to, USAGE_ROWS, add_usage, days, &err);
    if (!st && (who.scopes & SG_SCOPE_ADMIN)) /* what others asked for is the steward's to know */
        st = sg_store_odometer_each(s->store, NULL, add_odometer, models, &err);
    if (!st)
        st = sg_jobs_quota(s->jobs, who.key_id, who.owner, NULL, &quota, &err);
    if (st) {
        json_decref(days);
        json_decref(models);
        sg_answer_error(a, q, st, &err);
        return;
    }
    sg_clock_rfc3339(from, t0);
    sg_clock_rfc3339(to, t1);
    sg_routes_json(a, q, 200,
                   json_pack("{s:s,s:s,s:o,s:o,s:{s:I,s:I,s:I,s:I,s:I}}", "from", t0, "to", t1, "days", days, "models",
                             models, "today", "people", (json_int_t)quota.day_used, "people_max",
                             (json_int_t)quota.day_max, "open_jobs", (json_int_t)quota.jobs_open, "open_jobs_max",
                             (json_int_t)quota.jobs_max, "resets_in_seconds", (json_int_t)quota.reset_s),
                   false);
}

/* ---- POST /v1/jobs/{id}/decision ---- */

typedef enum decision { REJECT, APPROVE, RECALL } decision;

static bool read_decision(const sg_request *q, sg_answer *a, decision *what, char reason[SG_REASON_TEXT])
{
    json_t *root = NULL, *value;
    const char *member;
    sg_field_errors e = {0};
    sg_err err = {0};
    if (!sg_routes_json_body(q, a))
        return false;
    if (sg_json_object(q->body, q->n_body, &root, &err)) {
        sg_answer_error(a, q, SG_FORMAT, &err);
        return false;
    }
    json_object_foreach(root, member, value) if (strcmp(member, "decision") != 0 && strcmp(member, "reason") != 0)
        sg_field_error(&e, "", "has a member beside decision and reason");
    const char *word = json_string_value(json_object_get(root, "decision"));
    const char *why = json_string_value(json_object_get(root, "reason"));
    *what = word && !strcmp(word, "approve") ? APPROVE : word && !strcmp(word, "recall") ? RECALL : REJECT;
    if (!word || (*what == REJECT && strcmp(word, "reject") != 0))
        sg_field_error(&e, "/decision", "want approve, reject or recall");
    if (!why || strspn(why, " \t\r\n") == strlen(why) || strlen(why) > 511)
        sg_field_error(&e, "/reason", "want text of 1..511 bytes: it stands in the audit log");
    else
        (void)snprintf(reason, SG_REASON_TEXT, "%s", why);
    json_decref(root);
    if (e.n)
        sg_routes_field_problem(q, a, &e);
    return e.n == 0;
}

void sg_route_job_decision(void *ctx, const sg_request *q, sg_answer *a)
{
    const sg_service *s = ctx;
    sg_caller who;
    sg_job job;
    sg_err err = {0};
    decision what;
    char reason[SG_REASON_TEXT];
    if (!sg_routes_caller(s, q, a, SG_SCOPE_RELEASE_REVIEW, &who) || !sg_routes_json_wanted(q, a) ||
        !sg_routes_job(s, q, a, &who, false, &job))
        return;
    if (!strcmp(job.owner, who.owner)) {
        sg_answer_problem(a, q, 403, NULL, "nobody decides about a job of their own");
        return;
    }
    if (!read_decision(q, a, &what, reason))
        return;
    sg_status st = what == RECALL ? sg_jobs_recall(s->jobs, &job, who.owner, reason, q->id, &err)
                                  : sg_jobs_decide(s->jobs, job.id, what == APPROVE, who.owner, reason, q->id, &err);
    if (!st)
        st = sg_store_job_get(s->store, job.id, &job, &err);
    if (st)
        sg_answer_error(a, q, st, &err);
    else
        sg_routes_json(a, q, 200, sg_routes_job_json(s, &job), false);
}
