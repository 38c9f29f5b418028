/* jobs.c - POST and GET /v1/jobs, GET and DELETE /v1/jobs/{id}, its report and its files. */
#include "routes/hub.h"
#include "routes/internal.h"
#include "audit/audit.h"
#include "base/clock.h"
#include "hooks/hooks.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { VERDICT_MAX = 4 << 20 };

/* ---- a job as JSON ---- */

static json_t *time_or_null(int64_t ms)
{
    char text[SG_TIME_BYTES];
    if (ms == 0)
        return json_null();
    sg_clock_rfc3339(ms, text);
    return json_string(text);
}

static sg_status add_file(void *ctx, const sg_job_file *f, sg_err *err)
{
    (void)err;
    (void)json_array_append_new(
        ctx, json_pack("{s:s,s:I,s:s}", "name", f->name, "size", (json_int_t)f->bytes, "sha256", f->sha256));
    return SG_OK;
}

static void add_progress(const sg_service *s, const sg_job *job, json_t *j)
{
    sg_progress p = {.stage = "", .total = job->n_case + job->n_control};
    (void)sg_jobs_progress(s->jobs, job->id, &p);
    const char *stage = *p.stage ? p.stage : job->stage;
    (void)json_object_set_new(j, "stage", *stage ? json_string(stage) : json_null());
    json_t *progress = json_pack("{s:I,s:I}", "done", (json_int_t)p.done, "total", (json_int_t)p.total);
    (void)json_object_set_new(progress, "people_per_second",
                              p.people_per_second > 0 ? json_real(p.people_per_second) : json_null());
    (void)json_object_set_new(progress, "eta_seconds", p.people_per_second > 0 ? json_real(p.eta_s) : json_null());
    (void)json_object_set_new(j, "progress", progress);
}

json_t *sg_routes_job_json(const sg_service *s, const sg_job *job)
{
    json_error_t e;
    json_t *j = json_object(), *options = json_loads(job->options, 0, &e);
    (void)json_object_set_new(j, "id", json_string(job->id));
    (void)json_object_set_new(j, "state", json_string(sg_job_state_name(job->state)));
    (void)json_object_set_new(j, "model", json_string(job->model));
    (void)json_object_set_new(j, "model_digest", json_string(job->model_digest));
    (void)json_object_set_new(j, "name", *job->name ? json_string(job->name) : json_null());
    (void)json_object_set_new(
        j, "cohort", json_pack("{s:I,s:I}", "cases", (json_int_t)job->n_case, "controls", (json_int_t)job->n_control));
    (void)json_object_set_new(j, "seed", json_integer(job->seed));
    (void)json_object_set(j, "sampler", json_object_get(options, "sampler"));
    (void)json_object_set(j, "formats", json_object_get(options, "formats"));
    (void)json_object_set_new(j, "created", time_or_null(job->created_ms));
    (void)json_object_set_new(j, "started", time_or_null(job->started_ms));
    (void)json_object_set_new(j, "finished", time_or_null(job->finished_ms));
    (void)json_object_set_new(j, "attempts", json_integer(job->attempts));
    (void)json_object_set_new(j, "reason", *job->reason ? json_string(job->reason) : json_null());
    (void)json_object_set_new(j, "priority", json_integer(job->priority));
    (void)json_object_set_new(j, "callback_url", *job->callback_url ? json_string(job->callback_url) : json_null());
    int64_t ahead = 0;
    if (job->state == SG_JOB_QUEUED && sg_store_job_ahead(s->store, job->seq, &ahead, NULL) == SG_OK)
        (void)json_object_set_new(j, "queue_position", json_integer(ahead + 1));
    if (job->state == SG_JOB_RUNNING) {
        add_progress(s, job, j);
        (void)json_object_set_new(j, "cancelling", json_boolean(job->cancel));
    }
    json_t *files = json_array();
    if (job->state == SG_JOB_RELEASED)
        (void)!sg_store_file_each(s->store, job->id, add_file, files, NULL);
    (void)json_object_set_new(j, "files", files);
    json_decref(options);
    return j;
}

/* ---- POST /v1/jobs ---- */

static bool idempotency_key(const sg_request *q, sg_answer *a, const char **out)
{
    *out = sg_request_header(q, "Idempotency-Key");
    const bool fine = !*out || sg_http_key_ok(*out);
    if (!fine)
        sg_answer_problem(a, q, 400, NULL, "Idempotency-Key wants 1..255 visible ASCII characters without blanks");
    return fine;
}

/* The body as a request for a model that exists; otherwise the answer stands in a. */
static bool read_request(const sg_service *s, const sg_request *q, sg_answer *a, sg_job_request *out,
                         const sg_model_facts **model)
{
    sg_field_errors errors;
    sg_err err = {0};
    sg_status st = sg_job_request_parse(q->body, q->n_body, s->config->people_max, out, &errors, &err);
    *model = *out->model ? sg_jobs_model(s->jobs, out->model) : NULL;
    if ((!st || st == SG_LIMIT) && *out->model && !*model)
        sg_field_error(&errors, "/model", "there is no such model");
    else if ((!st || st == SG_LIMIT) && *model && (*model)->n_label != 2)
        sg_field_error(&errors, "/model", "has %" PRId64 " labels; cases and controls need two", (*model)->n_label);
    if ((!st || st == SG_LIMIT) && *out->callback_url && !sg_hook_allowed(s->config, out->callback_url))
        sg_field_error(&errors, "/callback_url", "names no host that webhooks.hosts of this service allows");
    if (st && st != SG_LIMIT)
        sg_answer_error(a, q, st, &err);
    else if (errors.n)
        sg_routes_field_problem(q, a, &errors);
    else
        return true;
    return false;
}

/* RateLimit fields (draft 10): what is left of the day's people and of the open jobs. */
static void rate_limit(sg_answer *a, const sg_quota *q)
{
    const int64_t day = q->day_max - q->day_used, model = q->model_max - q->model_used;
    sg_answer_header(a, "RateLimit-Policy",
                     "\"people\";q=%" PRId64 ";w=86400, \"model-people\";q=%" PRId64
                     ";w=86400, \"open-jobs\";q=%" PRId64,
                     q->day_max, q->model_max, q->jobs_max);
    sg_answer_header(a, "RateLimit",
                     "\"people\";r=%" PRId64 ";t=%" PRId64 ", \"model-people\";r=%" PRId64 ";t=%" PRId64
                     ", \"open-jobs\";r=%" PRId64,
                     day > 0 ? day : 0, q->reset_s, model > 0 ? model : 0, q->reset_s,
                     q->jobs_max > q->jobs_open ? q->jobs_max - q->jobs_open : 0);
}

/* The job as it is, or later: whoever prefers to wait hears of its end. */
static void accepted(const sg_service *s, const sg_request *q, sg_answer *a, const sg_job *job)
{
    if (sg_routes_wait(s, q, a, !sg_job_state_finished(job->state), sg_hub_job(job->id))) {
        (void)snprintf(a->note, sizeof a->note, "%s", job->id);
        return;
    }
    char applied[SG_HTTP_VALUE] = "";
    if (a->n_header)
        memcpy(applied, a->header[0].value, sizeof applied);
    a->n_header = 0;
    sg_routes_json(a, q, 202, sg_routes_job_json(s, job), false);
    sg_answer_header(a, "Location", "/v1/jobs/%s", job->id);
    if (!sg_job_state_finished(job->state))
        sg_answer_header(a, "Retry-After", "1");
    if (*applied)
        sg_answer_header(a, "Preference-Applied", "%s", applied);
}

static void too_many(const sg_service *s, const sg_request *q, sg_answer *a, sg_submit outcome, const sg_quota *quota)
{
    int64_t wait_s = 10;
    if (outcome == SG_SUBMIT_QUEUE_FULL)
        sg_answer_problem(a, q, 429, NULL, "the queue is full: %lld jobs wait", (long long)s->config->queue_max);
    else if (outcome == SG_SUBMIT_KEY_FULL)
        sg_answer_problem(a, q, 429, NULL, "this key has %lld jobs waiting or running, the most it may have",
                          (long long)quota->jobs_max);
    else if (outcome == SG_SUBMIT_DAY_FULL)
        sg_answer_problem(a, q, 429, NULL,
                          "%lld of %lld people of today are used; this cohort does not fit into the rest",
                          (long long)quota->day_used, (long long)quota->day_max);
    else
        sg_answer_problem(
            a, q, 429, NULL,
            "%lld of %lld people of today are used for this model; this cohort does not fit into the rest",
            (long long)quota->model_used, (long long)quota->model_max);
    if (outcome == SG_SUBMIT_DAY_FULL || outcome == SG_SUBMIT_MODEL_FULL)
        wait_s = quota->reset_s;
    sg_answer_header(a, "Retry-After", "%lld", (long long)wait_s);
}

static void submitted(const sg_service *s, const sg_request *q, sg_answer *a, sg_submit outcome, const sg_submission *w,
                      const sg_job *job)
{
    if (outcome == SG_SUBMIT_OTHER_BODY) {
        sg_answer_problem(a, q, 422, NULL, "this Idempotency-Key was used with another body");
        return;
    }
    if (outcome == SG_SUBMIT_NEW || outcome == SG_SUBMIT_AGAIN)
        accepted(s, q, a, job);
    else
        too_many(s, q, a, outcome, &w->quota);
    if (!a->put_off_ms)
        rate_limit(a, &w->quota);
}

/* A later turn of a request that waits: its job was made in the first. */
static bool waited(const sg_service *s, const sg_request *q, sg_answer *a, const sg_caller *who)
{
    sg_job job;
    sg_quota quota;
    sg_err err = {0};
    if (!q->turn || !*q->note)
        return false;
    sg_status st = sg_store_job_get(s->store, q->note, &job, &err);
    if (!st)
        st = sg_jobs_quota(s->jobs, who->key_id, who->owner, job.model, &quota, &err);
    if (st) {
        sg_answer_error(a, q, st, &err);
        return true;
    }
    accepted(s, q, a, &job);
    if (!a->put_off_ms)
        rate_limit(a, &quota);
    return true;
}

void sg_route_jobs_create(void *ctx, const sg_request *q, sg_answer *a)
{
    const sg_service *s = ctx;
    sg_caller who;
    sg_job_request request;
    sg_submission w = {.request = &request, .request_id = q->id};
    sg_err err = {0};
    if (!sg_routes_caller(s, q, a, SG_SCOPE_JOBS_CREATE, &who) || waited(s, q, a, &who) ||
        !sg_routes_json_wanted(q, a) || !sg_routes_json_body(q, a) || !idempotency_key(q, a, &w.idempotency_key))
        return;
    if (!sg_jobs_know_models(s->jobs)) {
        sg_answer_problem(a, q, 503, NULL, "the models are being opened");
        sg_answer_header(a, "Retry-After", "2");
        return;
    }
    if (!read_request(s, q, a, &request, &w.model))
        return;
    w.owner = who.owner;
    w.key_id = who.key_id;
    w.body = sg_sha256_of(q->body, q->n_body);
    sg_submit outcome;
    sg_job job;
    const sg_status st = sg_jobs_submit(s->jobs, &w, &outcome, &job, &err);
    if (st)
        sg_answer_error(a, q, st, &err);
    else
        submitted(s, q, a, outcome, &w, &job);
}

/* ---- GET /v1/jobs ---- */

typedef struct page {
    const sg_service *s;
    json_t *list;
    int64_t size, last_seq;
    bool more;
} page;

static sg_status add_job(void *ctx, const sg_job *job, sg_err *err)
{
    page *p = ctx;
    (void)err;
    if ((int64_t)json_array_size(p->list) == p->size) {
        p->more = true;
        return SG_OK;
    }
    (void)json_array_append_new(p->list, sg_routes_job_json(p->s, job));
    p->last_seq = job->seq;
    return SG_OK;
}

static void wrong_filter(json_t *errors, const char *parameter, const char *detail)
{
    (void)json_array_append_new(errors, json_pack("{s:s,s:s}", "parameter", parameter, "detail", detail));
}

/* The filters of a list. A reviewer who is no admin sees what is withheld, whoever owns it. */
static bool read_filter(const sg_request *q, sg_answer *a, const sg_caller *who, sg_job_filter *f)
{
    json_t *errors = json_array();
    const char *state = sg_request_query(q, "state"), *owner = sg_request_query(q, "owner");
    const char *from = sg_request_query(q, "created_from"), *to = sg_request_query(q, "created_to");
    sg_job_state parsed = SG_JOB_QUEUED;
    sg_err err;
    const bool known = state && sg_job_state_parse(state, &parsed, &err) == SG_OK;
    const bool everybody = (who->scopes & SG_SCOPE_ADMIN) ||
                           ((who->scopes & SG_SCOPE_RELEASE_REVIEW) && known && parsed == SG_JOB_WITHHELD);
    f->state = known ? (int)parsed : -1;
    f->model = sg_request_query(q, "model");
    f->owner = everybody ? owner : who->owner;
    if (state && !known)
        wrong_filter(errors, "state", "is no job state");
    if (owner && !everybody && strcmp(owner, who->owner) != 0)
        wrong_filter(errors, "owner", "may be you alone without the scope admin");
    if (from && !sg_routes_time(from, &f->from_ms))
        wrong_filter(errors, "created_from", "want a time like 2027-01-31T12:00:00Z, or a date");
    if (to && !sg_routes_time(to, &f->to_ms))
        wrong_filter(errors, "created_to", "want a time like 2027-01-31T12:00:00Z, or a date");
    return sg_routes_no_errors(q, a, errors);
}

void sg_route_jobs_list(void *ctx, const sg_request *q, sg_answer *a)
{
    static const char *const known[] = {"state", "model", "owner", "created_from", "created_to", NULL};
    const sg_service *s = ctx;
    sg_caller who;
    page p = {.s = s};
    int64_t token;
    sg_err err = {0};
    if (!sg_routes_caller(s, q, a, SG_SCOPE_JOBS_READ, &who) || !sg_routes_json_wanted(q, a) ||
        !sg_routes_page(q, a, known, &p.size, &token))
        return;
    sg_job_filter f = {.before_seq = token, .limit = p.size + 1};
    if (!read_filter(q, a, &who, &f))
        return;
    p.list = json_array();
    const sg_status st = sg_store_job_each(s->store, &f, add_job, &p, &err);
    json_t *all = json_pack("{s:o}", "jobs", p.list);
    char next[32];
    (void)snprintf(next, sizeof next, "p%" PRId64, p.last_seq);
    (void)json_object_set_new(all, "next_page_token", p.more ? json_string(next) : json_null());
    if (st) {
        json_decref(all);
        sg_answer_error(a, q, st, &err);
        return;
    }
    sg_routes_json(a, q, 200, all, true);
    sg_routes_links(q, a, p.more ? next : "");
}

/* ---- one job ---- */

/* What the caller has is still the truth: it would rather wait. Without If-None-Match it waits for the end. */
static bool nothing_new(const sg_request *q, const sg_answer *a)
{
    const char *had = sg_request_header(q, "If-None-Match");
    return !had || sg_http_etag_in(had, a->etag);
}

void sg_route_job_get(void *ctx, const sg_request *q, sg_answer *a)
{
    const sg_service *s = ctx;
    sg_caller who;
    sg_job job;
    if (!sg_routes_caller(s, q, a, SG_SCOPE_JOBS_READ, &who) || !sg_routes_json_wanted(q, a) ||
        !sg_routes_job(s, q, a, &who, false, &job))
        return;
    const bool unfinished = !sg_job_state_finished(job.state);
    if (!sg_routes_kept(&job, a)) {
        sg_routes_json(a, q, 200, sg_routes_job_json(s, &job), true);
        sg_routes_keep(&job, a);
    }
    if (sg_routes_wait(s, q, a, unfinished && nothing_new(q, a), sg_hub_job(job.id)))
        return;
    if (unfinished)
        sg_answer_header(a, "Retry-After", "1");
}

void sg_route_job_delete(void *ctx, const sg_request *q, sg_answer *a)
{
    const sg_service *s = ctx;
    sg_caller who;
    sg_job job;
    sg_err err = {0};
    if (!sg_routes_caller(s, q, a, SG_SCOPE_JOBS_CREATE, &who) || !sg_routes_json_wanted(q, a) ||
        !sg_routes_job(s, q, a, &who, false, &job))
        return;
    const sg_status st = sg_jobs_delete(s->jobs, &job, who.owner, q->id, &err);
    if (st)
        sg_answer_error(a, q, st, &err);
    else
        sg_routes_json(a, q, job.state == SG_JOB_RUNNING ? 202 : 200, sg_routes_job_json(s, &job), false);
}

/* ---- the report ---- */

typedef struct report {
    const sg_job *job;
    sg_buf verdict; /* as JSON; empty: there is none */
    bool committee;
} report;

/* The outcome and a code; with the numbers for the committee alone. */
static void report_json(const sg_request *q, sg_answer *a, const report *r)
{
    const sg_job *job = r->job;
    const char *outcome = job->state == SG_JOB_RELEASED   ? "released"
                          : job->state == SG_JOB_WITHHELD ? "withheld"
                                                          : NULL;
    json_t *j =
        json_pack("{s:s,s:s,s:b,s:s,s:s,s:I,s:{s:I,s:I}}", "job", job->id, "state", sg_job_state_name(job->state),
                  "synthetic", 1, "model", job->model, "model_digest", job->model_digest, "seed", (json_int_t)job->seed,
                  "cohort", "cases", (json_int_t)job->n_case, "controls", (json_int_t)job->n_control);
    (void)json_object_set_new(j, "outcome", outcome ? json_string(outcome) : json_null());
    (void)json_object_set_new(j, "reason", *job->reason ? json_string(job->reason) : json_null());
    (void)json_object_set_new(j, "finished", time_or_null(job->finished_ms));
    if (r->committee && r->verdict.n)
        (void)json_object_set_new(j, "verdict", json_loadb((const char *)r->verdict.data, r->verdict.n, 0, NULL));
    sg_routes_json(a, q, 200, j, true);
}

static void report_html(const sg_request *q, sg_answer *a, const report *r)
{
    const sg_job *job = r->job;
    const bool judged = r->verdict.n && (sg_job_state_finished(job->state) || r->committee);
    sg_err err = {0};
    const sg_status st =
        judged ? sg_verdict_page((const char *)r->verdict.data, r->verdict.n, r->committee, &a->body, &err)
               : sg_buf_printf(
                     &a->body, &err,
                     "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Release gate</title>"
                     "<h1>Release gate</h1><p>The job %s is %s%s%s. No checks of it are to be told.</p></html>\n",
                     job->id, sg_job_state_name(job->state), *job->reason ? ": " : "", job->reason);
    if (st) {
        sg_answer_error(a, q, st == SG_FORMAT ? SG_INTERNAL : st, &err);
        return;
    }
    a->status = 200;
    (void)snprintf(a->type, sizeof a->type, "text/html; charset=utf-8");
    const sg_digest d = sg_sha256_of(a->body.data, a->body.n);
    sg_hex(d.b, 16, a->etag);
    sg_answer_header(a, "Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'");
}

/* JSON, or a page for people. Reviewers get the committee's copy, with every number of the gate, of any job but their own: numbers
 * in the hands of who asks again and again would teach them the members. */
void sg_route_job_report(void *ctx, const sg_request *q, sg_answer *a)
{
    const sg_service *s = ctx;
    sg_caller who;
    sg_job job;
    sg_err err = {0};
    if (!sg_routes_caller(s, q, a, SG_SCOPE_JOBS_READ, &who))
        return;
    const char *accept = sg_request_header(q, "Accept");
    const int json = sg_http_quality(accept, "application/json"), html = sg_http_quality(accept, "text/html");
    if (!json && !html) {
        sg_answer_problem(a, q, 406, NULL, "this is available as application/json and text/html");
        return;
    }
    if (!sg_routes_job(s, q, a, &who, false, &job))
        return;
    report r = {.job = &job,
                .committee = sg_auth_may(&who, SG_SCOPE_RELEASE_REVIEW) && strcmp(who.owner, job.owner) != 0};
    sg_buf_init(&r.verdict, VERDICT_MAX);
    sg_status st = sg_store_job_verdict_get(s->store, job.id, &r.verdict, &err);
    if (!st && r.committee && r.verdict.n && !strcmp(q->method, "GET"))
        st = sg_audit_add(s->store, &(sg_audit_event){who.owner, "report.read", job.id, "ok", q->id, ""}, &err);
    if (st)
        sg_answer_error(a, q, st, &err);
    else if (html > json)
        report_html(q, a, &r);
    else
        report_json(q, a, &r);
    sg_buf_clear(&r.verdict);
    if (a->status == 200)
        sg_answer_header(a, "Vary", "Accept");
}

static void send_file(const sg_service *s, const sg_request *q, sg_answer *a, const sg_caller *who, const sg_job *job,
                      const char *name)
{
    sg_job_file f;
    sg_err err = {0};
    const sg_status st = sg_release_open(s->place, s->store, job, name, &a->fd, &f, &err);
    if (job->state == SG_JOB_RECALLED) {
        char why[SG_REASON_TEXT];
        const bool said = sg_store_recall_reason(s->store, job->id, why, sizeof why, &err) == SG_OK;
        sg_answer_problem(a, q, 410, NULL, "this release was recalled%s%s; do not use copies of it, and delete them",
                          said ? ": " : " after a review", why);
        return;
    }
    if (st == SG_NOT_FOUND || st == SG_STATE) {
        sg_answer_problem(a, q, 404, NULL, "%s", st == SG_STATE ? err.msg : "the job has no such file");
        return;
    }
    if (st) {
        sg_answer_error(a, q, st, &err);
        return;
    }
    a->fd_bytes = f.bytes;
    (void)snprintf(a->etag, sizeof a->etag, "%s", f.sha256);
    a->has_repr = sg_unhex(f.sha256, SG_DIGEST_BYTES, a->repr.b, &err) == SG_OK;
    const char *dot = strrchr(f.name, '.');
    (void)snprintf(a->type, sizeof a->type, "%s",
                   dot && !strcmp(dot, ".json")   ? "application/json"
                   : dot && !strcmp(dot, ".html") ? "text/html; charset=utf-8"
                   : dot && !strcmp(dot, ".txt")  ? "text/plain; charset=utf-8"
                                                  : "application/octet-stream");
    sg_answer_header(a, "Content-Disposition", "attachment; filename=\"%s\"", f.name);
    if (!strcmp(q->method, "GET") &&
        sg_audit_add(s->store, &(sg_audit_event){who->owner, "file.download", job->id, "ok", q->id, f.name}, &err))
        sg_answer_error(a, q, SG_IO, &err); /* what cannot be recorded is not handed out */
}

void sg_route_job_file(void *ctx, const sg_request *q, sg_answer *a)
{
    const sg_service *s = ctx;
    sg_caller who;
    sg_job job;
    char name[SG_FILE_NAME];
    if (!sg_routes_caller(s, q, a, SG_SCOPE_JOBS_READ, &who) || !sg_routes_job(s, q, a, &who, true, &job))
        return;
    sg_request_segment(q, "/v1/jobs/{id}/files/{name}", 1, name, sizeof name);
    send_file(s, q, a, &who, &job, name);
}

void sg_route_job_manifest(void *ctx, const sg_request *q, sg_answer *a)
{
    const sg_service *s = ctx;
    sg_caller who;
    sg_job job;
    if (sg_routes_caller(s, q, a, SG_SCOPE_JOBS_READ, &who) && sg_routes_json_wanted(q, a) &&
        sg_routes_job(s, q, a, &who, true, &job))
        send_file(s, q, a, &who, &job, "manifest.json");
}
