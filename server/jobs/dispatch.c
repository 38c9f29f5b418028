/* dispatch.c - the thread that feeds the workers, one lane each.
 *
 *   no worker --start--> starting --"ready"--> idle --job--> busy --"done"/"failed"/"cancelled"--> idle
 *       ^                   |                   |              |
 *       +------ back-off ---+------ died -------+---- died ----+   (a busy one's job goes back to the queue)
 *
 * Of one model's cohorts only one at a time is judged and settled, or two could both be judged as if the other had not left: the
 * worker says "checking" and waits for "earlier", which the next lane gets when this one's job has ended.
 *
 * With several lanes the last takes small jobs only, so that they do not wait behind large ones.
 *
 * Whatever the worker says is checked: it may only end the job it was given, and only release/ decides what a verdict
 * opens. Every step that needs the disk is tried again until it works: the row in the database is the truth. */
#include "jobs/internal.h"
#include "audit/audit.h"
#include "base/clock.h"
#include "log/log.h"
#include "metrics/metrics.h"
#include "worker/wire.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECOND 1000000000LL
enum { BACK_OFF_MS = 250, BACK_OFF_MAX_MS = 30000, PAUSE_MS = 1000 };

static void complain(const sg_lane *l, const char *what, const sg_err *err)
{
    char members[96] = "";
    if (l && l->has_job)
        (void)snprintf(members, sizeof members, "\"job\":\"%s\"", l->job.id);
    sg_logline(SG_LOG_ERROR, members, "%s: %s", what, err->msg);
}

/* Sleeps until something was written to `wake`, or the time is over. */
static void pause_for(sg_jobs *j, int ms)
{
    struct pollfd one = {.fd = j->wake, .events = POLLIN};
    uint64_t n;
    if (poll(&one, 1, ms) > 0) {
        const ssize_t got = read(j->wake, &n, sizeof n);
        (void)got;
    }
}

/* ---- the job in hand ---- */

static void lose_worker(sg_lane *l, const char *why);
static json_t *earlier_message(sg_store *store, const sg_job *job);

/* Another lane judges a cohort of this one's model. Making a release again changes nothing that is counted. */
static bool must_wait(const sg_lane *l)
{
    const sg_jobs *j = l->jobs;
    for (int i = 0; i < j->n_lane; i++) {
        const sg_lane *o = &j->lane[i];
        if (o != l && o->has_job && o->judging && !o->verifying && !strcmp(o->job.model, l->job.model))
            return !l->verifying;
    }
    return false;
}

/* Who asked first among those with nobody of their model before them; NULL: none. */
static sg_lane *next_to_judge(sg_jobs *j)
{
    sg_lane *first = NULL;
    for (int i = 0; i < j->n_lane; i++) {
        sg_lane *l = &j->lane[i];
        if (l->has_job && l->asked_ns && !must_wait(l) && (!first || l->asked_ns < first->asked_ns))
            first = l;
    }
    return first;
}

static void admit(sg_jobs *j)
{
    for (sg_lane *l; (l = next_to_judge(j));) {
        sg_err err = {0};
        l->asked_ns = 0;
        l->judging = true;
        json_t *m = earlier_message(j->store, &l->job);
        const sg_status st = m ? sg_wire_send(l->fd, m, &err) : sg_fail(&err, SG_NOMEM, "no memory for a message");
        json_decref(m);
        if (st)
            lose_worker(l, err.msg);
    }
}

static void forget_job(sg_lane *l)
{
    l->has_job = l->verifying = l->cancel_sent = l->deadline_passed = l->judging = false;
    l->asked_ns = 0;
    (void)pthread_mutex_lock(&l->jobs->lock);
    l->progress_id[0] = '\0';
    memset(&l->progress, 0, sizeof l->progress);
    (void)pthread_mutex_unlock(&l->jobs->lock);
    if (!atomic_load(&l->jobs->stop))
        admit(l->jobs);
}

/* The same for a verification: QUEUED, or FAILED for good. */
static void end_verification(sg_lane *l, sg_job_state to, const char *reason)
{
    sg_err err = {0};
    while (to == SG_JOB_QUEUED ? sg_verify_again(l, false, &err) : sg_verify_fail(l, reason, &err)) {
        complain(l, "cannot end a verification, will try again", &err);
        pause_for(l->jobs, PAUSE_MS);
        if (atomic_load(&l->jobs->stop))
            break;
    }
    forget_job(l);
}

/* Until the database takes it, or the daemon stops (then recovery does it). */
static void end_job(sg_lane *l, sg_job_state to, const char *reason)
{
    sg_err err = {0};
    if (l->verifying) {
        end_verification(l, to, reason);
        return;
    }
    for (;;) {
        const sg_status st = sg_jobs_end(l->jobs, &l->job, to, reason, &err);
        sg_job now;
        /* The row may say already that it ended: then only the clean-up failed, and recovery sweeps. */
        if (!st || (sg_store_job_get(l->jobs->store, l->job.id, &now, NULL) == SG_OK && now.state != SG_JOB_RUNNING))
            break;
        complain(l, "cannot end a job, will try again", &err);
        pause_for(l->jobs, PAUSE_MS);
        if (atomic_load(&l->jobs->stop))
            break;
    }
    forget_job(l);
}

static bool cancel_asked(sg_lane *l)
{
    sg_job now;
    if (!l->verifying && sg_store_job_get(l->jobs->store, l->job.id, &now, NULL) == SG_OK)
        l->job.cancel = now.cancel;
    return l->job.cancel;
}

/* A job that did not come to a verdict: again, or enough. */
static void retry_job(sg_lane *l, const char *reason)
{
    if (cancel_asked(l))
        end_job(l, SG_JOB_CANCELLED, "cancelled_by_owner");
    else if (l->deadline_passed)
        end_job(l, SG_JOB_FAILED, "deadline");
    else if ((l->verifying ? l->verification.attempts : l->job.attempts) >= l->jobs->config->attempts_max)
        end_job(l, SG_JOB_FAILED, reason);
    else
        end_job(l, SG_JOB_QUEUED, reason);
}

/* ---- the worker ---- */

/* The service is ready while any worker is. */
static void set_ready(sg_jobs *j, const char *why)
{
    bool any = false;
    for (int i = 0; i < j->n_lane; i++)
        any = any || j->lane[i].worker_ready;
    sg_jobs_set_ready(j, any, any ? "" : why);
}

static void lose_worker(sg_lane *l, const char *why)
{
    sg_err err = {0};
    if (sg_nursery_kill(l->jobs->nursery, l->n, &err))
        complain(l, "nursery", &err);
    if (l->fd >= 0)
        (void)close(l->fd);
    l->fd = -1;
    if (!l->worker_ready || l->has_job)
        l->failures++;
    const int64_t wait_ms = l->failures == 0 ? 0 : l->failures > 7 ? BACK_OFF_MAX_MS : BACK_OFF_MS << (l->failures - 1);
    l->next_start_ns = sg_clock_mono_ns() + wait_ms * 1000000;
    l->worker_ready = false;
    set_ready(l->jobs, why);
    if (atomic_load(&l->jobs->stop))
        return;
    sg_logline(SG_LOG_ERROR, NULL, "worker lost: %s; the next one starts in %d ms", why, (int)wait_ms);
    if (l->has_job)
        retry_job(l, "worker_died");
}

static json_t *models_to_open(sg_lane *l)
{
    sg_jobs *j = l->jobs;
    json_t *models = json_array();
    (void)pthread_mutex_lock(&j->lock);
    for (int i = 0; i < j->n_model; i++)
        (void)json_array_append_new(models, json_pack("{s:s,s:s}", "id", j->model[i].id, "path", j->model[i].path));
    l->generation = j->generation;
    (void)pthread_mutex_unlock(&j->lock);
    return models;
}

static json_t *hello(sg_lane *l)
{
    char key[2 * SG_KEY_BYTES + 1];
    const sg_config *c = l->jobs->config;
    sg_hex(l->jobs->session_key, SG_KEY_BYTES, key);
    json_t *models = models_to_open(l);
    json_t *m =
        json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:I,s:I,s:b,s:o}", "type", "hello", "backend",
                  c->worker_backend, "precision", c->worker_precision, "key", key, "key_file", c->key_file, "policy",
                  c->policy_file, "quarantine", l->jobs->place->quarantine, "archive", l->jobs->place->archive, "log",
                  c->log_level, "threads", (json_int_t)c->worker_threads, "memory_mib",
                  (json_int_t)c->worker_memory_mib, "sandbox_required", (int)c->sandbox_required, "models", models);
    explicit_bzero(key, sizeof key);
    return m;
}

static void start_worker(sg_lane *l)
{
    sg_err err = {0};
    pid_t pid = 0;
    int last = -1;
    l->n_fresh = 0;
    sg_status st = sg_nursery_start(l->jobs->nursery, l->n, &l->fd, &pid, &last, &err);
    if (st)
        l->fd = -1;
    json_t *m = hello(l);
    if (!st)
        st = sg_wire_send(l->fd, m, &err);
    json_decref(m);
    if (st) {
        complain(l, "cannot start a worker", &err);
        lose_worker(l, "it does not start");
        return;
    }
    sg_metrics_add(SG_COUNT_worker_starts, "", 1);
    l->worker_due_ns = sg_clock_mono_ns() + l->jobs->config->worker_start_s * SECOND;
    sg_logline(SG_LOG_INFO, NULL, "worker %d starts", (int)pid);
}

/* Between two jobs: the worker goes, and the next one opens what the configuration says now. Nobody is told that the
 * service is not ready: jobs are taken and wait a moment. */
static void reload_if_asked(sg_lane *l)
{
    sg_err err = {0};
    (void)pthread_mutex_lock(&l->jobs->lock);
    const bool asked = l->generation != l->jobs->generation;
    (void)pthread_mutex_unlock(&l->jobs->lock);
    if (!asked)
        return;
    sg_logline(SG_LOG_INFO, NULL, "the models are opened anew");
    if (sg_nursery_kill(l->jobs->nursery, l->n, &err))
        complain(l, "nursery", &err);
    (void)close(l->fd);
    l->fd = -1;
    l->worker_ready = false;
    l->next_start_ns = 0;
}

/* ---- handing out ---- */

/* A job that waited through a reload runs on the version that is open now; its row and the audit log say so. */
static sg_status bind_version(sg_lane *l, sg_err *err)
{
    const sg_model_facts *f = NULL;
    char detail[256];
    for (int i = 0; i < l->n_fresh; i++)
        if (!strcmp(l->fresh[i]->id, l->job.model))
            f = l->fresh[i];
    if (!f || !strcmp(f->digest, l->job.model_digest))
        return SG_OK; /* without a model the worker says what is missing */
    (void)snprintf(detail, sizeof detail, "{\"from\":\"%s\",\"to\":\"%s\"}", l->job.model_digest, f->digest);
    SG_TRY(sg_store_begin(l->jobs->store, err));
    sg_status st = sg_store_job_rebind(l->jobs->store, l->job.id, f->digest, sg_clock_wall_ms(), err);
    if (!st)
        st = sg_audit_add(l->jobs->store, &(sg_audit_event){"snpgend", "job.rebind", l->job.id, "ok", "", detail}, err);
    SG_TRY(sg_store_end(l->jobs->store, st, err));
    (void)snprintf(l->job.model_digest, sizeof l->job.model_digest, "%s", f->digest);
    return SG_OK;
}

static sg_status keep_odometer(void *ctx, const sg_odometer *o, sg_err *err)
{
    (void)err;
    *(sg_odometer *)ctx = *o;
    return SG_OK;
}

/* What the gate's budget is told. A release that is only made again counts as nothing: it was let through then. Where the count
 * cannot be had, -1, which the worker refuses. */
static sg_odometer odometer_of(sg_store *store, const sg_job *job)
{
    sg_odometer o = {.cases = 0};
    sg_err err = {0};
    if (job->state != SG_JOB_RELEASED && sg_store_odometer_each(store, job->model, keep_odometer, &o, &err)) {
        sg_logline(SG_LOG_ERROR, NULL, "%s", err.msg);
        o.cases = o.controls = -1;
    }
    return o;
}

static sg_status add_earlier(void *ctx, const char *id, sg_err *err)
{
    return json_array_append_new(ctx, json_string(id)) ? sg_fail(err, SG_NOMEM, "no memory for a list") : SG_OK;
}

/* The releases that a cohort is judged together with. NULL, which the worker refuses, when they cannot be listed. */
static json_t *earlier_of(sg_store *store, const sg_job *job)
{
    json_t *list = json_array();
    sg_err err = {0};
    if (job->state == SG_JOB_RELEASED || !sg_store_released_each(store, job->model, add_earlier, list, &err))
        return list;
    sg_logline(SG_LOG_ERROR, NULL, "%s", err.msg);
    json_decref(list);
    return NULL;
}

static json_t *earlier_message(sg_store *store, const sg_job *job)
{
    const sg_odometer out = odometer_of(store, job);
    return json_pack("{s:s,s:s,s:i,s:I,s:I,s:o*}", "type", "earlier", "job", job->id, "attempt", job->attempts,
                     "released_cases", (json_int_t)out.cases, "released_controls", (json_int_t)out.controls, "earlier",
                     earlier_of(store, job));
}

static json_t *job_message(sg_store *store, const sg_job *job, const char *folder)
{
    json_error_t e;
    sg_decision d; /* an approved cohort is packaged though the gate withholds it */
    const bool approved = sg_store_decision_get(store, job->id, &d, NULL) == SG_OK && d.approve;
    json_t *options = json_loads(job->options, 0, &e);
    return json_pack("{s:s,s:s,s:i,s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:o*}", "type", "job", "job", job->id, "attempt",
                     job->attempts, "folder", folder, "approved", approved ? d.cohort : "", "model", job->model,
                     "model_digest", job->model_digest, "seed", (json_int_t)job->seed, "cases", (json_int_t)job->n_case,
                     "controls", (json_int_t)job->n_control, "created_ms", (json_int_t)job->created_ms, "options",
                     options);
}

static bool for_small_ones(const sg_lane *l)
{
    return l->n > 0 && l->n == l->jobs->n_lane - 1;
}

/* The next job of the queue, moved to running. NOT_FOUND: none waits; STATE: it was cancelled a moment ago. */
static sg_status take_job(sg_lane *l, sg_err *err)
{
    SG_TRY(
        sg_store_job_next(l->jobs->store, for_small_ones(l) ? l->jobs->config->worker_small : INT64_MAX, &l->job, err));
    SG_TRY(bind_version(l, err));
    SG_TRY(sg_store_job_move(l->jobs->store, l->job.id, SG_JOB_QUEUED, SG_JOB_RUNNING, "", sg_clock_wall_ms(), err));
    l->job.state = SG_JOB_RUNNING;
    l->job.attempts++; /* as the row says now */
    (void)pthread_mutex_lock(&l->jobs->lock);
    memcpy(l->progress_id, l->job.id, sizeof l->progress_id);
    memcpy(l->progress_owner, l->job.owner, sizeof l->progress_owner);
    l->progress = (sg_progress){.stage = "sampling", .total = l->job.n_case + l->job.n_control};
    l->stage_started_ns = sg_clock_mono_ns();
    (void)pthread_mutex_unlock(&l->jobs->lock);
    return SG_OK;
}

static void hand_out(sg_lane *l)
{
    sg_err err = {0};
    char folder[720];
    const bool verifying = !for_small_ones(l) && sg_verify_due(l);
    sg_status st = verifying ? sg_verify_take(l, &err) : take_job(l, &err);
    if (!verifying && (st == SG_NOT_FOUND || st == SG_STATE))
        return;
    if (st) {
        complain(l, "cannot take a job from the queue, will try again", &err);
        pause_for(l->jobs, PAUSE_MS);
        return;
    }
    l->has_job = true;
    l->verifying = verifying;
    l->job_due_ns = sg_clock_mono_ns() + l->jobs->config->deadline_s * SECOND;
    st = sg_release_quarantine(l->jobs->place, l->job.id, l->job.attempts, folder, &err);
    if (st) {
        complain(l, "no folder in quarantine", &err);
        retry_job(l, "storage_failed");
        pause_for(l->jobs, PAUSE_MS);
        return;
    }
    json_t *m = job_message(l->jobs->store, &l->job, folder);
    st = m ? sg_wire_send(l->fd, m, &err) : sg_fail(&err, SG_NOMEM, "no memory for a message");
    json_decref(m);
    if (st)
        lose_worker(l, err.msg);
}

static void send_cancel(sg_lane *l)
{
    sg_err err = {0};
    json_t *m = json_pack("{s:s,s:s}", "type", "cancel", "job", l->job.id);
    l->cancel_sent = true;
    l->cancel_due_ns = sg_clock_mono_ns() + l->jobs->config->cancel_grace_s * SECOND;
    const sg_status st = sg_wire_send(l->fd, m, &err);
    json_decref(m);
    if (st)
        lose_worker(l, err.msg);
}

/* ---- what comes back ---- */

static void on_progress(sg_lane *l, const json_t *m)
{
    const char *stage = sg_wire_text(m, "stage");
    const int64_t now = sg_clock_mono_ns();
    bool changed;
    if (l->verifying)
        return; /* of a job that ended long ago nobody hears progress */
    (void)pthread_mutex_lock(&l->jobs->lock);
    sg_progress *p = &l->progress;
    changed = strcmp(p->stage, stage) != 0;
    if (changed) {
        (void)snprintf(p->stage, sizeof p->stage, "%s", stage);
        l->stage_started_ns = now;
    }
    p->done = sg_wire_number(m, "done", 0);
    p->total = sg_wire_number(m, "total", 0);
    const double s = (double)(now - l->stage_started_ns) / 1e9;
    p->people_per_second = p->done > 0 && s > 0.5 ? (double)p->done / s : 0;
    p->eta_s = p->people_per_second > 0 ? (double)(p->total - p->done) / p->people_per_second : 0;
    (void)pthread_mutex_unlock(&l->jobs->lock);
    sg_err err = {0};
    if (changed && sg_store_job_stage(l->jobs->store, l->job.id, stage, sg_clock_wall_ms(), &err))
        complain(l, "cannot note a stage", &err);
}

static void count_people(const sg_job *job, const char *label, int64_t n)
{
    sg_buf labels;
    sg_buf_init(&labels, 1024);
    if (!sg_metrics_label(&labels, "model", job->model, NULL) && !sg_metrics_label(&labels, "label", label, NULL))
        sg_metrics_add(SG_COUNT_people_released, (const char *)labels.data, (double)n);
    sg_buf_clear(&labels);
}

static void count_settled(const sg_job *job)
{
    sg_jobs_count_end(job->state, job->reason);
    if (job->state != SG_JOB_RELEASED)
        return;
    count_people(job, "case", job->n_case);
    count_people(job, "control", job->n_control);
}

/* What the worker made, released or withheld; or only compared. */
static sg_status settle(sg_lane *l, const void *sealed, size_t n, sg_err *err)
{
    sg_job now;
    if (l->verifying)
        return sg_verify_done(l, sealed, n, err);
    const sg_status st =
        sg_release_settle(sealed, n, l->jobs->session_key, l->jobs->place, l->jobs->store, &l->job, err);
    if (st && sg_store_job_get(l->jobs->store, l->job.id, &now, NULL) == SG_OK && sg_job_state_finished(now.state))
        return SG_OK; /* settled; only the sweeping failed */
    return st;
}

static void tell_end(sg_lane *l)
{
    sg_job now;
    char members[96];
    (void)snprintf(members, sizeof members, "\"job\":\"%s\"", l->job.id);
    if (l->verifying || sg_store_job_get(l->jobs->store, l->job.id, &now, NULL))
        return;
    sg_logline(SG_LOG_INFO, members, "job is %s", sg_job_state_name(now.state));
    count_settled(&now);
}

static void on_done(sg_lane *l, const json_t *m)
{
    static uint8_t sealed[1 << 20];
    const char *hex = sg_wire_text(m, "verdict");
    const size_t n = strlen(hex) / 2;
    sg_err err = {0};
    if (cancel_asked(l)) {
        end_job(l, SG_JOB_CANCELLED, "cancelled_by_owner");
        return;
    }
    sg_status st =
        n > sizeof sealed ? sg_fail(&err, SG_LIMIT, "a verdict of %zu bytes", n) : sg_unhex(hex, n, sealed, &err);
    if (!st)
        st = settle(l, sealed, n, &err);
    if (!st) {
        l->failures = 0;
        tell_end(l);
        forget_job(l);
        return;
    }
    complain(l, "cannot settle a job", &err);
    retry_job(l, st == SG_PRIVACY ? "verdict_refused" : "storage_failed");
    if (st != SG_PRIVACY)
        pause_for(l->jobs, PAUSE_MS);
}

static void on_failed(sg_lane *l, const json_t *m)
{
    const char *code = sg_wire_text(m, "code");
    sg_err err;
    (void)sg_fail(&err, SG_INTERNAL, "%s", sg_wire_text(m, "detail"));
    complain(l, "the worker could not make a cohort", &err);
    if (json_is_true(json_object_get(m, "retry")))
        retry_job(l, code);
    else
        end_job(l, SG_JOB_FAILED, code);
}

static void on_ready(sg_lane *l, const json_t *m)
{
    const int64_t broken = sg_wire_number(m, "broken", 0);
    l->worker_ready = true;
    sg_catalog_publish(l);
    set_ready(l->jobs, "");
    sg_logline(SG_LOG_INFO, NULL, "worker ready with %d models, %lld could not be opened", l->n_fresh,
               (long long)broken);
}

static void on_message(sg_lane *l, const json_t *m)
{
    const char *type = sg_wire_text(m, "type");
    const bool mine =
        l->has_job && !strcmp(sg_wire_text(m, "job"), l->job.id) && sg_wire_number(m, "attempt", -1) == l->job.attempts;
    sg_err err = {0};
    if (!strcmp(type, "model") && !l->worker_ready) {
        if (sg_catalog_add(l, m, &err))
            complain(l, "a model is not taken up", &err);
    } else if (!strcmp(type, "broken_model")) {
        sg_logline(SG_LOG_ERROR, NULL, "model %.60s: %s", sg_wire_text(m, "id"), sg_wire_text(m, "detail"));
    } else if (!strcmp(type, "ready") && !l->worker_ready) {
        on_ready(l, m);
    } else if (mine && !strcmp(type, "progress")) {
        on_progress(l, m);
    } else if (mine && !strcmp(type, "checking") && !l->judging && !l->asked_ns) {
        l->asked_ns = sg_clock_mono_ns();
        admit(l->jobs);
    } else if (mine && !strcmp(type, "done")) {
        on_done(l, m);
    } else if (mine && !strcmp(type, "failed")) {
        on_failed(l, m);
    } else if (mine && !strcmp(type, "cancelled")) {
        retry_job(l, "cancelled_by_owner");
    } else {
        sg_logline(SG_LOG_WARN, NULL, "the worker said \"%.20s\" out of turn", type);
    }
}

static void receive_from(sg_lane *l)
{
    sg_err err = {0};
    json_t *m = NULL;
    const sg_status st = sg_wire_receive(l->fd, 0, &m, &err);
    if (st)
        lose_worker(l, err.msg);
    else if (m)
        on_message(l, m);
    json_decref(m);
}

/* Until a worker says something, somebody wakes us, half a second is over, or a worker is to be started. */
static void listen_to_workers(sg_jobs *j)
{
    struct pollfd all[SG_CONFIG_PROCESSES + 1];
    int64_t wait_ms = 500;
    for (int i = 0; i < j->n_lane; i++) {
        const sg_lane *l = &j->lane[i];
        const int64_t start_ms = (l->next_start_ns - sg_clock_mono_ns()) / 1000000 + 1;
        all[i] = (struct pollfd){.fd = l->fd, .events = POLLIN}; /* poll leaves out a negative one */
        if (l->fd < 0 && start_ms < wait_ms)
            wait_ms = start_ms > 0 ? start_ms : 0;
    }
    all[j->n_lane] = (struct pollfd){.fd = j->wake, .events = POLLIN};
    if (poll(all, (nfds_t)j->n_lane + 1, (int)wait_ms) <= 0)
        return;
    if (all[j->n_lane].revents)
        pause_for(j, 0); /* swallow the wake-up */
    for (int i = 0; i < j->n_lane; i++)
        if (all[i].revents && j->lane[i].fd == all[i].fd) /* what one says may have cost another its worker */
            receive_from(&j->lane[i]);
}

/* Deadlines and wishes, looked at twice a second and after every message. */
static void look_after(sg_lane *l)
{
    const int64_t now = sg_clock_mono_ns();
    if (l->fd >= 0 && !l->worker_ready && now > l->worker_due_ns)
        lose_worker(l, "not ready within worker.start_timeout_s");
    if (!l->has_job || l->fd < 0)
        return;
    if (l->cancel_sent && now > l->cancel_due_ns) {
        lose_worker(l, "it did not stop when asked to");
    } else if (!l->cancel_sent) {
        l->deadline_passed = now > l->job_due_ns;
        if (l->deadline_passed || cancel_asked(l))
            send_cancel(l);
    }
}

/* Releases that were kept long enough go, a few in a round; their jobs stay and say expired. */
static void expire_old(sg_jobs *j)
{
    enum { EVERY_S = 60, IN_A_ROUND = 8 };
    const int64_t now = sg_clock_mono_ns(), before = sg_clock_wall_ms() - j->config->retention_h * 3600000;
    sg_job job;
    sg_err err = {0};
    sg_status st = SG_OK;
    if (!j->config->retention_h || now < j->next_expiry_ns)
        return;
    for (int n = 0; !st && n < IN_A_ROUND; n++) {
        st = sg_store_job_stale(j->store, before, &job, &err);
        if (!st)
            st = sg_release_expire(j->place, j->store, &job, &err);
        if (st && st != SG_NOT_FOUND)
            complain(NULL, "cannot let an old release go", &err);
    }
    if (st)
        j->next_expiry_ns = now + (int64_t)EVERY_S * 1000000000;
}

/* The daemon stops: the job goes back to its place in the queue, and this attempt does not count. */
static void park(sg_lane *l)
{
    sg_err err = {0};
    if (sg_nursery_kill(l->jobs->nursery, l->n, &err))
        complain(l, "nursery", &err);
    if (l->fd >= 0)
        (void)close(l->fd);
    l->fd = -1;
    if (!l->has_job)
        return;
    if (cancel_asked(l)) {
        end_job(l, SG_JOB_CANCELLED, "cancelled_by_owner");
        return;
    }
    if (l->verifying) {
        if (sg_verify_again(l, true, &err))
            complain(l, "cannot take back an attempt", &err);
        return;
    }
    const sg_job job = l->job;
    end_job(l, SG_JOB_QUEUED, "service_stopped");
    if (sg_store_job_forgive(l->jobs->store, job.id, &err))
        complain(l, "cannot take back an attempt", &err);
}

static void serve_lane(sg_lane *l)
{
    if (l->fd >= 0 && l->worker_ready && !l->has_job)
        reload_if_asked(l);
    if (l->fd < 0 && sg_clock_mono_ns() >= l->next_start_ns)
        start_worker(l);
    if (l->fd >= 0 && l->worker_ready && !l->has_job)
        hand_out(l);
}

void *sg_dispatch_main(void *jobs)
{
    sg_jobs *j = jobs;
    while (!atomic_load(&j->stop)) {
        atomic_store(&j->round_ns, sg_clock_mono_ns());
        for (int i = 0; i < j->n_lane; i++)
            serve_lane(&j->lane[i]);
        listen_to_workers(j);
        for (int i = 0; i < j->n_lane; i++)
            look_after(&j->lane[i]);
        expire_old(j);
    }
    for (int i = 0; i < j->n_lane; i++)
        park(&j->lane[i]);
    return NULL;
}
