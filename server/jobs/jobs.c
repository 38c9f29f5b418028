/* jobs.c - what handlers ask of the queue; see jobs.h. */
#include "jobs/internal.h"
#include "audit/audit.h"
#include "base/clock.h"
#include "base/json.h"
#include "log/log.h"
#include "metrics/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

sg_status sg_uuid7(char out[SG_ID_TEXT], sg_err *err)
{
    uint8_t b[16];
    char hex[33];
    const uint64_t ms = (uint64_t)sg_clock_wall_ms();
    SG_TRY(sg_random(b, sizeof b, err));
    for (int i = 0; i < 6; i++)
        b[i] = (uint8_t)(ms >> (40 - 8 * i));
    b[6] = (uint8_t)(0x70 | (b[6] & 0x0f));
    b[8] = (uint8_t)(0x80 | (b[8] & 0x3f));
    sg_hex(b, sizeof b, hex);
    (void)snprintf(out, SG_ID_TEXT, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
    return SG_OK;
}

void sg_jobs_wake(sg_jobs *j)
{
    const uint64_t one = 1;
    const ssize_t put = write(j->wake, &one, sizeof one);
    (void)put; /* full means: already awake */
}

void sg_jobs_set_ready(sg_jobs *j, bool ready, const char *why)
{
    (void)pthread_mutex_lock(&j->lock);
    j->ready = ready;
    (void)snprintf(j->why, sizeof j->why, "%s", why);
    (void)pthread_mutex_unlock(&j->lock);
}

bool sg_jobs_ready(sg_jobs *j, const char **why)
{
    (void)pthread_mutex_lock(&j->lock);
    const bool ready = j->ready;
    *why = ready ? "" : "the worker is starting";
    (void)pthread_mutex_unlock(&j->lock);
    return ready;
}

bool sg_jobs_know_models(sg_jobs *j)
{
    (void)pthread_mutex_lock(&j->lock);
    const bool known = j->knew_models;
    (void)pthread_mutex_unlock(&j->lock);
    return known;
}

bool sg_jobs_progress(sg_jobs *j, const char *id, sg_progress *out)
{
    bool mine = false;
    memset(out, 0, sizeof *out);
    (void)pthread_mutex_lock(&j->lock);
    for (int i = 0; i < j->n_lane && !mine; i++) {
        mine = !strcmp(j->lane[i].progress_id, id);
        if (mine)
            *out = j->lane[i].progress;
    }
    (void)pthread_mutex_unlock(&j->lock);
    return mine;
}

int sg_jobs_lanes(const sg_jobs *j)
{
    return j->n_lane;
}

bool sg_jobs_running(sg_jobs *j, int lane, char id[SG_ID_TEXT], char owner[SG_OWNER_TEXT], sg_progress *out)
{
    const sg_lane *l = &j->lane[lane];
    (void)pthread_mutex_lock(&j->lock);
    memcpy(id, l->progress_id, SG_ID_TEXT);
    memcpy(owner, l->progress_owner, SG_OWNER_TEXT);
    *out = l->progress;
    (void)pthread_mutex_unlock(&j->lock);
    return *id != '\0';
}

void sg_jobs_reload(sg_jobs *j, const sg_config_model *model, int n)
{
    (void)pthread_mutex_lock(&j->lock);
    memcpy(j->model, model, (size_t)n * sizeof *model);
    j->n_model = n;
    j->generation++;
    (void)pthread_mutex_unlock(&j->lock);
    sg_jobs_wake(j);
}

bool sg_jobs_alive(sg_jobs *j, int64_t within_ms)
{
    return sg_clock_mono_ns() - atomic_load(&j->round_ns) < within_ms * 1000000;
}

/* ---- submit ---- */

static sg_status fill(const sg_submission *w, sg_job *job, sg_err *err)
{
    const sg_job_request *q = w->request;
    uint64_t seed = (uint64_t)q->seed;
    memset(job, 0, sizeof *job);
    SG_TRY(sg_uuid7(job->id, err));
    if (q->seed < 0) {
        SG_TRY(sg_random(&seed, sizeof seed, err));
        seed &= ((uint64_t)1 << SG_SEED_BITS) - 1;
    }
    (void)snprintf(job->owner, sizeof job->owner, "%s", w->owner);
    (void)snprintf(job->key_id, sizeof job->key_id, "%s", w->key_id);
    (void)snprintf(job->model, sizeof job->model, "%s", q->model);
    (void)snprintf(job->model_digest, sizeof job->model_digest, "%s", w->model->digest);
    (void)snprintf(job->name, sizeof job->name, "%s", q->name);
    (void)snprintf(job->options, sizeof job->options, "%s", q->options);
    (void)snprintf(job->callback_url, sizeof job->callback_url, "%s", q->callback_url);
    job->priority = w->quota.priority;
    job->n_case = q->n_case;
    job->n_control = q->n_control;
    job->seed = (int64_t)seed;
    job->state = SG_JOB_QUEUED;
    job->created_ms = job->updated_ms = sg_clock_wall_ms();
    return SG_OK;
}

sg_status sg_jobs_quota(sg_jobs *j, const char *key_id, const char *owner, const char *model, sg_quota *out,
                        sg_err *err)
{
    enum { DAY_MS = 86400000 };
    const int64_t now = sg_clock_wall_ms(), midnight = now - now % DAY_MS;
    sg_key_row key;
    memset(out, 0, sizeof *out);
    SG_TRY(sg_store_key_get(j->store, key_id, &key, err));
    out->priority = key.priority;
    out->jobs_max = key.jobs_max ? key.jobs_max : j->config->per_key_max;
    out->day_max = key.people_day ? key.people_day : j->config->people_day;
    out->reset_s = (midnight + DAY_MS - now + 999) / 1000;
    SG_TRY(sg_store_job_open_of_key(j->store, key_id, &out->jobs_open, err));
    SG_TRY(sg_store_people_since(j->store, owner, NULL, midnight, &out->day_used, err));
    if (!model)
        return SG_OK;
    SG_TRY(sg_store_key_limit(j->store, key_id, model, &out->model_max, err));
    if (!out->model_max)
        out->model_max = j->config->people_day_model;
    return sg_store_people_since(j->store, owner, model, midnight, &out->model_used, err);
}

/* Whether the job asked for fits into what is left. */
static sg_status fits(sg_jobs *j, const sg_submission *w, sg_submit *outcome, sg_err *err)
{
    const sg_quota *q = &w->quota;
    const int64_t people = w->request->n_case + w->request->n_control;
    int64_t waiting;
    SG_TRY(sg_store_job_count(j->store, SG_JOB_QUEUED, &waiting, err));
    *outcome = q->jobs_open >= q->jobs_max             ? SG_SUBMIT_KEY_FULL
               : q->day_used + people > q->day_max     ? SG_SUBMIT_DAY_FULL
               : q->model_used + people > q->model_max ? SG_SUBMIT_MODEL_FULL
               : waiting >= j->config->queue_max       ? SG_SUBMIT_QUEUE_FULL
                                                       : SG_SUBMIT_NEW;
    return SG_OK;
}

/* *outcome NEW when nothing stands in the way. */
static sg_status may_enter(sg_jobs *j, sg_submission *w, sg_submit *outcome, sg_job *job, sg_err *err)
{
    sg_digest body;
    char id[SG_ID_TEXT];
    SG_TRY(sg_jobs_quota(j, w->key_id, w->owner, w->model->id, &w->quota, err));
    if (w->idempotency_key) {
        const sg_status st = sg_store_idempotency_get(j->store, w->owner, w->idempotency_key, &body, id, err);
        if (st == SG_OK) {
            *outcome = sg_digest_equal(&body, &w->body) ? SG_SUBMIT_AGAIN : SG_SUBMIT_OTHER_BODY;
            return *outcome == SG_SUBMIT_AGAIN ? sg_store_job_get(j->store, id, job, err) : SG_OK;
        }
        if (st != SG_NOT_FOUND)
            return st;
    }
    return fits(j, w, outcome, err);
}

static sg_status add(sg_jobs *j, const sg_submission *w, sg_job *job, sg_err *err)
{
    char detail[256];
    SG_TRY(fill(w, job, err));
    SG_TRY(sg_store_job_add(j->store, job, err));
    (void)snprintf(detail, sizeof detail, "{\"model\":\"%s\",\"cases\":%lld,\"controls\":%lld}", job->model,
                   (long long)job->n_case, (long long)job->n_control);
    SG_TRY(
        sg_audit_add(j->store, &(sg_audit_event){w->owner, "job.create", job->id, "ok", w->request_id, detail}, err));
    return w->idempotency_key ? sg_store_idempotency_add(j->store, w->owner, w->idempotency_key, &w->body, job->id,
                                                         job->created_ms, err)
                              : SG_OK;
}

sg_status sg_jobs_submit(sg_jobs *j, sg_submission *w, sg_submit *outcome, sg_job *job, sg_err *err)
{
    SG_TRY(sg_store_begin(j->store, err));
    sg_status st = may_enter(j, w, outcome, job, err);
    if (!st && *outcome == SG_SUBMIT_NEW)
        st = add(j, w, job, err);
    if (!st && *outcome == SG_SUBMIT_NEW) {
        w->quota.jobs_open++;
        w->quota.day_used += job->n_case + job->n_control;
        w->quota.model_used += job->n_case + job->n_control;
    }
    st = sg_store_end(j->store, st, err);
    if (!st && *outcome == SG_SUBMIT_NEW) {
        sg_metrics_add(SG_COUNT_jobs_submitted, "", 1);
        sg_jobs_wake(j);
    }
    return st;
}

/* ---- delete ---- */

static sg_status cancel_queued(sg_jobs *j, sg_job *job, const char *actor, const char *request_id, sg_err *err)
{
    SG_TRY(sg_store_begin(j->store, err));
    sg_status st = sg_store_job_move(j->store, job->id, SG_JOB_QUEUED, SG_JOB_CANCELLED, "cancelled_by_owner",
                                     sg_clock_wall_ms(), err);
    if (!st)
        st = sg_audit_add(j->store, &(sg_audit_event){actor, "job.cancel", job->id, "ok", request_id, ""}, err);
    return sg_store_end(j->store, st, err);
}

static sg_status ask_cancel(sg_jobs *j, sg_job *job, const char *actor, const char *request_id, sg_err *err)
{
    if (job->cancel)
        return SG_OK;
    SG_TRY(sg_store_begin(j->store, err));
    sg_status st = sg_store_job_ask_cancel(j->store, job->id, sg_clock_wall_ms(), err);
    if (!st)
        st = sg_audit_add(j->store, &(sg_audit_event){actor, "job.cancel", job->id, "asked", request_id, ""}, err);
    st = sg_store_end(j->store, st, err);
    if (!st)
        sg_jobs_wake(j);
    return st;
}

sg_status sg_jobs_delete(sg_jobs *j, sg_job *job, const char *actor, const char *request_id, sg_err *err)
{
    sg_status st = SG_STATE;
    /* The dispatcher may move the job between our look and our move: look again. */
    for (int i = 0; i < 4 && st == SG_STATE; i++) {
        SG_TRY(sg_store_job_get(j->store, job->id, job, err));
        if (job->state == SG_JOB_QUEUED)
            st = cancel_queued(j, job, actor, request_id, err);
        else if (job->state == SG_JOB_RUNNING)
            st = ask_cancel(j, job, actor, request_id, err);
        else if (job->state == SG_JOB_RELEASED)
            st = sg_release_delete(j->place, j->store, job, actor, request_id, err);
        else if (job->state == SG_JOB_CANCELLED || job->state == SG_JOB_EXPIRED)
            st = SG_OK;
        else
            return sg_fail(err, SG_STATE, "the job is %s: there is nothing to cancel or delete",
                           sg_job_state_name(job->state));
    }
    return st ? st : sg_store_job_get(j->store, job->id, job, err);
}

/* ---- decide ---- */

sg_status sg_jobs_judged(sg_jobs *j, const char *id, bool *approvable, char cohort[SG_HEX_TEXT], sg_err *err)
{
    sg_buf b;
    json_error_t e;
    sg_buf_init(&b, 16 << 20);
    const sg_status st = sg_store_job_verdict_get(j->store, id, &b, err);
    json_t *v = st || !b.n ? NULL : json_loadb((const char *)b.data, b.n, 0, &e);
    const char *digest = NULL;
    *approvable = json_is_true(json_object_get(json_object_get(v, "decision"), "approvable"));
    digest = json_string_value(json_object_get(json_object_get(json_object_get(v, "measurement"), "cohort"), "digest"));
    (void)snprintf(cohort, SG_HEX_TEXT, "%s", digest ? digest : "");
    json_decref(v);
    sg_buf_clear(&b);
    if (!st && !digest)
        return sg_fail(err, SG_STATE, "nothing is known of what was judged");
    return st;
}

static sg_status decide(sg_jobs *j, const char *id, sg_decision *d, const char *request_id, sg_err *err)
{
    sg_job job;
    bool approvable;
    SG_TRY(sg_store_job_get(j->store, id, &job, err));
    if (job.state != SG_JOB_WITHHELD)
        return sg_fail(err, SG_STATE, "the job is %s: only what is withheld is decided about",
                       sg_job_state_name(job.state));
    sg_decision before;
    const sg_status had = sg_store_decision_get(j->store, id, &before, err);
    if (had != SG_NOT_FOUND)
        return had ? had : sg_fail(err, SG_STATE, "this job was %s before", before.approve ? "approved" : "rejected");
    SG_TRY(sg_jobs_judged(j, id, &approvable, d->cohort, err));
    if (d->approve && !approvable)
        return sg_fail(err, SG_STATE, "the policy lets nobody approve a cohort that was withheld for %s", job.reason);
    d->at_ms = sg_clock_wall_ms();
    SG_TRY(sg_store_decision_add(j->store, id, d, err));
    if (d->approve)
        SG_TRY(sg_store_job_move(j->store, id, SG_JOB_WITHHELD, SG_JOB_QUEUED, "approved", d->at_ms, err));
    json_t *detail = json_pack("{s:s,s:s}", "cohort", d->cohort, "reason", d->reason);
    char *text = detail ? sg_json_text(detail, JSON_COMPACT) : NULL;
    const sg_status st = text ? sg_audit_add(j->store,
                                             &(sg_audit_event){d->reviewer, "job.decision", id,
                                                               d->approve ? "approved" : "rejected", request_id, text},
                                             err)
                              : sg_fail(err, SG_NOMEM, "no memory for a decision");
    free(text);
    json_decref(detail);
    return st;
}

sg_status sg_jobs_decide(sg_jobs *j, const char *id, bool approve, const char *reviewer, const char *reason,
                         const char *request_id, sg_err *err)
{
    sg_decision d = {.approve = approve};
    (void)snprintf(d.reviewer, sizeof d.reviewer, "%s", reviewer);
    (void)snprintf(d.reason, sizeof d.reason, "%s", reason);
    SG_TRY(sg_store_begin(j->store, err));
    const sg_status st = sg_store_end(j->store, decide(j, id, &d, request_id, err), err);
    if (!st)
        sg_jobs_wake(j);
    return st;
}

sg_status sg_jobs_recall(sg_jobs *j, sg_job *job, const char *reviewer, const char *reason, const char *request_id,
                         sg_err *err)
{
    return sg_release_recall(j->place, j->store, job, reviewer, reason, request_id, err);
}

/* ---- ends ---- */

void sg_jobs_count_end(sg_job_state to, const char *reason)
{
    sg_buf labels;
    sg_buf_init(&labels, 1024);
    if (!sg_metrics_label(&labels, "state", sg_job_state_name(to), NULL) &&
        !sg_metrics_label(&labels, "reason", reason, NULL))
        sg_metrics_add(SG_COUNT_jobs_finished, (const char *)labels.data, 1);
    sg_buf_clear(&labels);
}

sg_status sg_jobs_end(sg_jobs *j, const sg_job *job, sg_job_state to, const char *reason, sg_err *err)
{
    const char *action = to == SG_JOB_QUEUED ? "job.requeue" : to == SG_JOB_CANCELLED ? "job.cancel" : "job.fail";
    SG_TRY(sg_store_begin(j->store, err));
    sg_status st = sg_store_job_move(j->store, job->id, SG_JOB_RUNNING, to, reason, sg_clock_wall_ms(), err);
    if (!st)
        st = sg_audit_add(j->store, &(sg_audit_event){"snpgend", action, job->id, reason, "", ""}, err);
    SG_TRY(sg_store_end(j->store, st, err));
    if (to != SG_JOB_QUEUED)
        sg_jobs_count_end(to, reason);
    char members[128];
    (void)snprintf(members, sizeof members, "\"job\":\"%s\",\"attempt\":%d", job->id, job->attempts);
    sg_logline(to == SG_JOB_FAILED ? SG_LOG_WARN : SG_LOG_INFO, members, "job is %s: %s", sg_job_state_name(to),
               reason);
    return sg_release_discard(j->place, job->id, job->attempts, err);
}

/* ---- open, close ---- */

typedef struct found {
    sg_job *job;
    int n, room;
} found;

static sg_status collect(void *ctx, const sg_job *job, sg_err *err)
{
    found *f = ctx;
    if (f->n == f->room)
        return sg_fail(err, SG_LIMIT, "more than %d jobs say they run", f->room);
    f->job[f->n++] = *job;
    return SG_OK;
}

/* Jobs that ran when the daemon died: cancelled if that was asked for, failed if they were tried too often, else queued
 * in their old place. */
static sg_status recover(sg_jobs *j, sg_err *err)
{
    int n_swept;
    SG_TRY(sg_store_verify_recover(j->store, err));
    SG_TRY(sg_release_recover(j->place, j->store, &n_swept, err));
    enum { ROOM = SG_CONFIG_PROCESSES };
    sg_job running[ROOM];
    found f = {running, 0, ROOM};
    const sg_job_filter filter = {.state = SG_JOB_RUNNING, .limit = ROOM};
    SG_TRY(sg_store_job_each(j->store, &filter, collect, &f, err));
    for (int i = 0; i < f.n; i++) {
        const sg_job *job = &f.job[i];
        if (job->cancel)
            SG_TRY(sg_jobs_end(j, job, SG_JOB_CANCELLED, "cancelled_by_owner", err));
        else if (job->attempts >= j->config->attempts_max)
            SG_TRY(sg_jobs_end(j, job, SG_JOB_FAILED, "tried_too_often", err));
        else
            SG_TRY(sg_jobs_end(j, job, SG_JOB_QUEUED, "service_restarted", err));
    }
    if (n_swept || f.n)
        sg_logline(SG_LOG_WARN, NULL, "recovered: %d jobs had been running, %d unfinished folders removed", f.n,
                   n_swept);
    return sg_store_idempotency_forget(j->store, sg_clock_wall_ms() - j->config->idempotency_h * 3600000, err);
}

_Static_assert((int)SG_CONFIG_PROCESSES <= (int)SG_NURSERY_LANES, "the nursery has fewer lanes");

sg_status sg_jobs_open(sg_store *store, const sg_config *config, const sg_release_place *place, sg_nursery *nursery,
                       sg_jobs **out, sg_err *err)
{
    *out = NULL;
    sg_jobs *j = calloc(1, sizeof *j);
    if (!j)
        return sg_fail(err, SG_NOMEM, "no memory for the queue");
    j->store = store;
    j->config = config;
    j->place = place;
    j->nursery = nursery;
    j->n_model = config->n_model;
    memcpy(j->model, config->model, sizeof j->model);
    j->n_lane = (int)config->worker_processes;
    for (int i = 0; i < j->n_lane; i++) {
        j->lane[i].jobs = j;
        j->lane[i].n = i;
        j->lane[i].fd = -1;
    }
    (void)pthread_mutex_init(&j->lock, NULL);
    j->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    sg_jobs_set_ready(j, false, "the worker is starting");
    sg_status st = j->wake < 0 ? sg_fail(err, SG_IO, "cannot make an eventfd") : SG_OK;
    if (!st)
        st = sg_random(j->session_key, sizeof j->session_key, err);
    if (!st)
        st = recover(j, err);
    if (!st && pthread_create(&j->thread, NULL, sg_dispatch_main, j))
        st = sg_fail(err, SG_INTERNAL, "cannot start the dispatcher");
    if (st) {
        if (j->wake >= 0)
            (void)close(j->wake);
        free(j);
        return st;
    }
    *out = j;
    return SG_OK;
}

void sg_jobs_close(sg_jobs *j)
{
    if (!j)
        return;
    atomic_store(&j->stop, true);
    sg_jobs_wake(j);
    (void)pthread_join(j->thread, NULL);
    sg_catalog_free(j);
    (void)close(j->wake);
    (void)pthread_mutex_destroy(&j->lock);
    explicit_bzero(j->session_key, sizeof j->session_key);
    free(j);
}
