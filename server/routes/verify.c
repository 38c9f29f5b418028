/* verify.c - a released cohort made again from its seed: asking for it, and what came of it. */
#include "routes/internal.h"
#include "base/clock.h"

#include <stdio.h>
#include <string.h>

static json_t *verification_json(const sg_verification *v)
{
    char created[SG_TIME_BYTES], finished[SG_TIME_BYTES], names[SG_OPTIONS_TEXT], *save;
    json_t *differing = json_array();
    sg_clock_rfc3339(v->created_ms, created);
    sg_clock_rfc3339(v->finished_ms, finished);
    memcpy(names, v->differing, sizeof names);
    for (char *w = strtok_r(names, " ", &save); w; w = strtok_r(NULL, " ", &save))
        (void)json_array_append_new(differing, json_string(w));
    return json_pack("{s:s,s:s,s:s,s:o,s:o,s:i,s:o,s:s,s:o}", "id", v->id, "job", v->job, "state", v->state, "outcome",
                     *v->outcome ? json_string(v->outcome) : json_null(), "reason",
                     *v->reason ? json_string(v->reason) : json_null(), "files_compared", v->n_file, "files_different",
                     differing, "created", created, "finished", v->finished_ms ? json_string(finished) : json_null());
}

/* The body, where there is one, is an empty object: nothing can be chosen. */
static bool nothing_chosen(const sg_request *q, sg_answer *a)
{
    json_t *root = NULL;
    sg_err err = {0};
    sg_field_errors e = {0};
    if (!q->n_body)
        return true;
    if (!sg_routes_json_body(q, a))
        return false;
    if (sg_json_object(q->body, q->n_body, &root, &err)) {
        sg_answer_error(a, q, SG_FORMAT, &err);
        return false;
    }
    if (json_object_size(root))
        sg_field_error(&e, "", "has members; a verification has no choices");
    json_decref(root);
    if (e.n)
        sg_routes_field_problem(q, a, &e);
    return e.n == 0;
}

void sg_route_job_verify(void *ctx, const sg_request *q, sg_answer *a)
{
    const sg_service *s = ctx;
    sg_caller who;
    sg_job job;
    sg_submit outcome;
    sg_verification v;
    sg_err err = {0};
    if (!sg_routes_caller(s, q, a, SG_SCOPE_JOBS_CREATE, &who) || !sg_routes_json_wanted(q, a) ||
        !sg_routes_job(s, q, a, &who, false, &job) || !nothing_chosen(q, a))
        return;
    const sg_status st = sg_jobs_verify(s->jobs, job.id, who.owner, q->id, &outcome, &v, &err);
    if (st) {
        sg_answer_error(a, q, st, &err);
    } else if (outcome != SG_SUBMIT_NEW && outcome != SG_SUBMIT_AGAIN) {
        sg_answer_problem(a, q, 429, NULL, "too many verifications wait%s",
                          outcome == SG_SUBMIT_KEY_FULL ? ": these are all yours" : "");
        sg_answer_header(a, "Retry-After", "10");
    } else {
        sg_routes_json(a, q, 202, verification_json(&v), false);
        sg_answer_header(a, "Location", "/v1/jobs/%s/verification", job.id);
        sg_answer_header(a, "Retry-After", "1");
    }
}

void sg_route_job_verification(void *ctx, const sg_request *q, sg_answer *a)
{
    const sg_service *s = ctx;
    sg_caller who;
    sg_job job;
    sg_verification v;
    sg_err err = {0};
    if (!sg_routes_caller(s, q, a, SG_SCOPE_JOBS_READ, &who) || !sg_routes_json_wanted(q, a) ||
        !sg_routes_job(s, q, a, &who, false, &job))
        return;
    const sg_status st = sg_store_verify_latest(s->store, job.id, &v, &err);
    if (st == SG_NOT_FOUND) {
        sg_answer_problem(a, q, 404, NULL, "nobody asked for a verification of this job");
        return;
    }
    if (st) {
        sg_answer_error(a, q, st, &err);
        return;
    }
    sg_routes_json(a, q, 200, verification_json(&v), true);
    if (strcmp(v.state, "finished") != 0)
        sg_answer_header(a, "Retry-After", "1");
}
