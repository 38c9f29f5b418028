/* dispatch.c - the thread that feeds the worker.
 *
 *   no worker --start--> starting --"ready"--> idle --job--> busy --"done"/"failed"/"cancelled"--> idle
 *       ^                   |                   |              |
 *       +------ back-off ---+------ died -------+---- died ----+   (a busy one's job goes back to the queue)
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

static void complain(sg_jobs *j, const char *what, const sg_err *err)
{
    char members[96] = "";
    if (j->has_job)
        (void)snprintf(members, sizeof members, "\"job\":\"%s\"", j->job.id);
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

static void forget_job(sg_jobs *j)
{
    j->has_job = j->verifying = j->cancel_sent = j->deadline_passed = false;
    (void)pthread_mutex_lock(&j->lock);
    j->progress_id[0] = '\0';
    memset(&j->progress, 0, sizeof j->progress);
    (void)pthread_mutex_unlock(&j->lock);
}

/* The same for a verification: QUEUED, or FAILED for good. */
static void end_verification(sg_jobs *j, sg_job_state to, const char *reason)
{
    sg_err err = {0};
    while (to == SG_JOB_QUEUED ? sg_verify_again(j, false, &err) : sg_verify_fail(j, reason, &err)) {
        complain(j, "cannot end a verification, will try again", &err);
        pause_for(j, PAUSE_MS);
        if (atomic_load(&j->stop))
            break;
    }
    forget_job(j);
}

/* Until the database takes it, or the daemon stops (then recovery does it). */
static void end_job(sg_jobs *j, sg_job_state to, const char *reason)
{
    sg_err err = {0};
    if (j->verifying) {
        end_verification(j, to, reason);
        return;
    }
    for (;;) {
        const sg_status st = sg_jobs_end(j, &j->job, to, reason, &err);
        sg_job now;
        /* The row may say already that it ended: then only the clean-up failed, and recovery sweeps. */
        if (!st || (sg_store_job_get(j->store, j->job.id, &now, NULL) == SG_OK && now.state != SG_JOB_RUNNING))
            break;
        complain(j, "cannot end a job, will try again", &err);
        pause_for(j, PAUSE_MS);
        if (atomic_load(&j->stop))
            break;
    }
    forget_job(j);
}

static bool cancel_asked(sg_jobs *j)
{
    sg_job now;
    if (!j->verifying && sg_store_job_get(j->store, j->job.id, &now, NULL) == SG_OK)
        j->job.cancel = now.cancel;
    return j->job.cancel;
}

/* A job that did not come to a verdict: again, or enough. */
static void retry_job(sg_jobs *j, const char *reason)
{
    if (cancel_asked(j))
        end_job(j, SG_JOB_CANCELLED, "cancelled_by_owner");
    else if (j->deadline_passed)
        end_job(j, SG_JOB_FAILED, "deadline");
    else if ((j->verifying ? j->verification.attempts : j->job.attempts) >= j->config->attempts_max)
        end_job(j, SG_JOB_FAILED, reason);
    else
        end_job(j, SG_JOB_QUEUED, reason);
}

/* ---- the worker ---- */

static void lose_worker(sg_jobs *j, const char *why)
{
    sg_err err = {0};
    if (sg_nursery_kill(j->nursery, &err))
        complain(j, "nursery", &err);
    if (j->fd >= 0)
        (void)close(j->fd);
    j->fd = -1;
    if (!j->worker_ready || j->has_job)
        j->failures++;
    const int64_t wait_ms = j->failures == 0 ? 0 : j->failures > 7 ? BACK_OFF_MAX_MS : BACK_OFF_MS << (j->failures - 1);
    j->next_start_ns = sg_clock_mono_ns() + wait_ms * 1000000;
    j->worker_ready = false;
    sg_jobs_set_ready(j, false, why);
    if (atomic_load(&j->stop))
        return;
    sg_logline(SG_LOG_ERROR, NULL, "worker lost: %s; the next one starts in %d ms", why, (int)wait_ms);
    if (j->has_job)
        retry_job(j, "worker_died");
}

static json_t *models_to_open(sg_jobs *j)
{
    json_t *models = json_array();
    (void)pthread_mutex_lock(&j->lock);
    for (int i = 0; i < j->n_model; i++)
        (void)json_array_append_new(models, json_pack("{s:s,s:s}", "id", j->model[i].id, "path", j->model[i].path));
    j->reload = false;
    (void)pthread_mutex_unlock(&j->lock);
    return models;
}

static json_t *hello(sg_jobs *j)
{
    char key[2 * SG_KEY_BYTES + 1];
    const sg_config *c = j->config;
    sg_hex(j->session_key, SG_KEY_BYTES, key);
    json_t *models = models_to_open(j);
    json_t *m =
        json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:I,s:I,s:b,s:o}", "type", "hello", "backend",
                  c->worker_backend, "precision", c->worker_precision, "key", key, "key_file", c->key_file, "policy",
                  c->policy_file, "quarantine", j->place->quarantine, "archive", j->place->archive, "log", c->log_level,
                  "threads", (json_int_t)c->worker_threads, "memory_mib", (json_int_t)c->worker_memory_mib,
                  "sandbox_required", (int)c->sandbox_required, "models", models);
    explicit_bzero(key, sizeof key);
    return m;
}

static void start_worker(sg_jobs *j)
{
    sg_err err = {0};
    pid_t pid = 0;
    int last = -1;
    j->n_fresh = 0;
    sg_status st = sg_nursery_start(j->nursery, &j->fd, &pid, &last, &err);
    if (st)
        j->fd = -1;
    json_t *m = hello(j);
    if (!st)
        st = sg_wire_send(j->fd, m, &err);
    json_decref(m);
    if (st) {
        complain(j, "cannot start a worker", &err);
        lose_worker(j, "it does not start");
        return;
    }
    sg_metrics_add(SG_COUNT_worker_starts, "", 1);
    j->worker_due_ns = sg_clock_mono_ns() + j->config->worker_start_s * SECOND;
    sg_logline(SG_LOG_INFO, NULL, "worker %d starts", (int)pid);
}

/* Between two jobs: the worker goes, and the next one opens what the configuration says now. Nobody is told that the
 * service is not ready: jobs are taken and wait a moment. */
static void reload_if_asked(sg_jobs *j)
{
    sg_err err = {0};
    (void)pthread_mutex_lock(&j->lock);
    const bool asked = j->reload;
    (void)pthread_mutex_unlock(&j->lock);
    if (!asked)
        return;
    sg_logline(SG_LOG_INFO, NULL, "the models are opened anew");
    if (sg_nursery_kill(j->nursery, &err))
        complain(j, "nursery", &err);
    (void)close(j->fd);
    j->fd = -1;
    j->worker_ready = false;
    j->next_start_ns = 0;
}

/* ---- handing out ---- */

/* A job that waited through a reload runs on the version that is open now; its row and the audit log say so. */
static sg_status bind_version(sg_jobs *j, sg_err *err)
{
    const sg_model_facts *f = sg_jobs_model(j, j->job.model);
    char detail[256];
    if (!f || !strcmp(f->digest, j->job.model_digest))
        return SG_OK; /* without a model the worker says what is missing */
    (void)snprintf(detail, sizeof detail, "{\"from\":\"%s\",\"to\":\"%s\"}", j->job.model_digest, f->digest);
    SG_TRY(sg_store_begin(j->store, err));
    sg_status st = sg_store_job_rebind(j->store, j->job.id, f->digest, sg_clock_wall_ms(), err);
    if (!st)
        st = sg_audit_add(j->store, &(sg_audit_event){"snpgend", "job.rebind", j->job.id, "ok", "", detail}, err);
    SG_TRY(sg_store_end(j->store, st, err));
    (void)snprintf(j->job.model_digest, sizeof j->job.model_digest, "%s", f->digest);
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

static json_t *job_message(sg_store *store, const sg_job *job, const char *folder)
{
    json_error_t e;
    const sg_odometer out = odometer_of(store, job);
    sg_decision d; /* an approved cohort is packaged though the gate withholds it */
    const bool approved = sg_store_decision_get(store, job->id, &d, NULL) == SG_OK && d.approve;
    json_t *options = json_loads(job->options, 0, &e);
    return json_pack("{s:s,s:s,s:i,s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:o*,s:o*}", "type", "job", "job", job->id,
                     "attempt", job->attempts, "folder", folder, "approved", approved ? d.cohort : "", "model",
                     job->model, "model_digest", job->model_digest, "seed", (json_int_t)job->seed, "cases",
                     (json_int_t)job->n_case, "controls", (json_int_t)job->n_control, "created_ms",
                     (json_int_t)job->created_ms, "released_cases", (json_int_t)out.cases, "released_controls",
                     (json_int_t)out.controls, "earlier", earlier_of(store, job), "options", options);
}

/* The next job of the queue, moved to running. NOT_FOUND: none waits; STATE: it was cancelled a moment ago. */
static sg_status take_job(sg_jobs *j, sg_err *err)
{
    SG_TRY(sg_store_job_next(j->store, &j->job, err));
    SG_TRY(bind_version(j, err));
    SG_TRY(sg_store_job_move(j->store, j->job.id, SG_JOB_QUEUED, SG_JOB_RUNNING, "", sg_clock_wall_ms(), err));
    j->job.state = SG_JOB_RUNNING;
    j->job.attempts++; /* as the row says now */
    (void)pthread_mutex_lock(&j->lock);
    (void)snprintf(j->progress_id, sizeof j->progress_id, "%s", j->job.id);
    memcpy(j->progress_owner, j->job.owner, sizeof j->progress_owner);
    j->progress = (sg_progress){.stage = "sampling", .total = j->job.n_case + j->job.n_control};
    j->stage_started_ns = sg_clock_mono_ns();
    (void)pthread_mutex_unlock(&j->lock);
    return SG_OK;
}

static void hand_out(sg_jobs *j)
{
    sg_err err = {0};
    char folder[720];
    const bool verifying = sg_verify_due(j);
    sg_status st = verifying ? sg_verify_take(j, &err) : take_job(j, &err);
    if (!verifying && (st == SG_NOT_FOUND || st == SG_STATE))
        return;
    if (st) {
        complain(j, "cannot take a job from the queue, will try again", &err);
        pause_for(j, PAUSE_MS);
        return;
    }
    j->has_job = true;
    j->verifying = verifying;
    j->job_due_ns = sg_clock_mono_ns() + j->config->deadline_s * SECOND;
    st = sg_release_quarantine(j->place, j->job.id, j->job.attempts, folder, &err);
    if (st) {
        complain(j, "no folder in quarantine", &err);
        retry_job(j, "storage_failed");
        pause_for(j, PAUSE_MS);
        return;
    }
    json_t *m = job_message(j->store, &j->job, folder);
    st = m ? sg_wire_send(j->fd, m, &err) : sg_fail(&err, SG_NOMEM, "no memory for a message");
    json_decref(m);
    if (st)
        lose_worker(j, err.msg);
}

static void send_cancel(sg_jobs *j)
{
    sg_err err = {0};
    json_t *m = json_pack("{s:s,s:s}", "type", "cancel", "job", j->job.id);
    j->cancel_sent = true;
    j->cancel_due_ns = sg_clock_mono_ns() + j->config->cancel_grace_s * SECOND;
    const sg_status st = sg_wire_send(j->fd, m, &err);
    json_decref(m);
    if (st)
        lose_worker(j, err.msg);
}

/* ---- what comes back ---- */

static void on_progress(sg_jobs *j, const json_t *m)
{
    const char *stage = sg_wire_text(m, "stage");
    const int64_t now = sg_clock_mono_ns();
    bool changed;
    if (j->verifying)
        return; /* of a job that ended long ago nobody hears progress */
    (void)pthread_mutex_lock(&j->lock);
    sg_progress *p = &j->progress;
    changed = strcmp(p->stage, stage) != 0;
    if (changed) {
        (void)snprintf(p->stage, sizeof p->stage, "%s", stage);
        j->stage_started_ns = now;
    }
    p->done = sg_wire_number(m, "done", 0);
    p->total = sg_wire_number(m, "total", 0);
    const double s = (double)(now - j->stage_started_ns) / 1e9;
    p->people_per_second = p->done > 0 && s > 0.5 ? (double)p->done / s : 0;
    p->eta_s = p->people_per_second > 0 ? (double)(p->total - p->done) / p->people_per_second : 0;
    (void)pthread_mutex_unlock(&j->lock);
    sg_err err = {0};
    if (changed && sg_store_job_stage(j->store, j->job.id, stage, sg_clock_wall_ms(), &err))
        complain(j, "cannot note a stage", &err);
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
static sg_status settle(sg_jobs *j, const void *sealed, size_t n, sg_err *err)
{
    sg_job now;
    if (j->verifying)
        return sg_verify_done(j, sealed, n, err);
    const sg_status st = sg_release_settle(sealed, n, j->session_key, j->place, j->store, &j->job, err);
    if (st && sg_store_job_get(j->store, j->job.id, &now, NULL) == SG_OK && sg_job_state_finished(now.state))
        return SG_OK; /* settled; only the sweeping failed */
    return st;
}

static void tell_end(sg_jobs *j)
{
    sg_job now;
    char members[96];
    (void)snprintf(members, sizeof members, "\"job\":\"%s\"", j->job.id);
    if (j->verifying || sg_store_job_get(j->store, j->job.id, &now, NULL))
        return;
    sg_logline(SG_LOG_INFO, members, "job is %s", sg_job_state_name(now.state));
    count_settled(&now);
}

static void on_done(sg_jobs *j, const json_t *m)
{
    static uint8_t sealed[1 << 20];
    const char *hex = sg_wire_text(m, "verdict");
    const size_t n = strlen(hex) / 2;
    sg_err err = {0};
    if (cancel_asked(j)) {
        end_job(j, SG_JOB_CANCELLED, "cancelled_by_owner");
        return;
    }
    sg_status st =
        n > sizeof sealed ? sg_fail(&err, SG_LIMIT, "a verdict of %zu bytes", n) : sg_unhex(hex, n, sealed, &err);
    if (!st)
        st = settle(j, sealed, n, &err);
    if (!st) {
        j->failures = 0;
        tell_end(j);
        forget_job(j);
        return;
    }
    complain(j, "cannot settle a job", &err);
    retry_job(j, st == SG_PRIVACY ? "verdict_refused" : "storage_failed");
    if (st != SG_PRIVACY)
        pause_for(j, PAUSE_MS);
}

static void on_failed(sg_jobs *j, const json_t *m)
{
    const char *code = sg_wire_text(m, "code");
    sg_err err;
    (void)sg_fail(&err, SG_INTERNAL, "%s", sg_wire_text(m, "detail"));
    complain(j, "the worker could not make a cohort", &err);
    if (json_is_true(json_object_get(m, "retry")))
        retry_job(j, code);
    else
        end_job(j, SG_JOB_FAILED, code);
}

static void on_ready(sg_jobs *j, const json_t *m)
{
    const int64_t broken = sg_wire_number(m, "broken", 0);
    j->worker_ready = true;
    sg_catalog_publish(j);
    sg_jobs_set_ready(j, true, "");
    sg_logline(SG_LOG_INFO, NULL, "worker ready with %d models, %lld could not be opened", j->n_fresh,
               (long long)broken);
}

static void on_message(sg_jobs *j, const json_t *m)
{
    const char *type = sg_wire_text(m, "type");
    const bool mine =
        j->has_job && !strcmp(sg_wire_text(m, "job"), j->job.id) && sg_wire_number(m, "attempt", -1) == j->job.attempts;
    sg_err err = {0};
    if (!strcmp(type, "model") && !j->worker_ready) {
        if (sg_catalog_add(j, m, &err))
            complain(j, "a model is not taken up", &err);
    } else if (!strcmp(type, "broken_model")) {
        sg_logline(SG_LOG_ERROR, NULL, "model %.60s: %s", sg_wire_text(m, "id"), sg_wire_text(m, "detail"));
    } else if (!strcmp(type, "ready") && !j->worker_ready) {
        on_ready(j, m);
    } else if (mine && !strcmp(type, "progress")) {
        on_progress(j, m);
    } else if (mine && !strcmp(type, "done")) {
        on_done(j, m);
    } else if (mine && !strcmp(type, "failed")) {
        on_failed(j, m);
    } else if (mine && !strcmp(type, "cancelled")) {
        retry_job(j, "cancelled_by_owner");
    } else {
        sg_logline(SG_LOG_WARN, NULL, "the worker said \"%.20s\" out of turn", type);
    }
}

static void listen_to_worker(sg_jobs *j)
{
    struct pollfd two[2] = {{.fd = j->fd, .events = POLLIN}, {.fd = j->wake, .events = POLLIN}};
    if (poll(two, 2, 500) <= 0)
        return;
    if (two[1].revents)
        pause_for(j, 0); /* swallow the wake-up */
    if (!two[0].revents)
        return;
    sg_err err = {0};
    json_t *m = NULL;
    const sg_status st = sg_wire_receive(j->fd, 0, &m, &err);
    if (st)
        lose_worker(j, err.msg);
    else if (m)
        on_message(j, m);
    json_decref(m);
}

/* Deadlines and wishes, looked at twice a second and after every message. */
static void look_after(sg_jobs *j)
{
    const int64_t now = sg_clock_mono_ns();
    if (j->fd >= 0 && !j->worker_ready && now > j->worker_due_ns)
        lose_worker(j, "not ready within worker.start_timeout_s");
    if (!j->has_job || j->fd < 0)
        return;
    if (j->cancel_sent && now > j->cancel_due_ns) {
        lose_worker(j, "it did not stop when asked to");
    } else if (!j->cancel_sent) {
        j->deadline_passed = now > j->job_due_ns;
        if (j->deadline_passed || cancel_asked(j))
            send_cancel(j);
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
            complain(j, "cannot let an old release go", &err);
    }
    if (st)
        j->next_expiry_ns = now + (int64_t)EVERY_S * 1000000000;
}

/* The daemon stops: the job goes back to its place in the queue, and this attempt does not count. */
static void park(sg_jobs *j)
{
    sg_err err = {0};
    if (sg_nursery_kill(j->nursery, &err))
        complain(j, "nursery", &err);
    if (j->fd >= 0)
        (void)close(j->fd);
    j->fd = -1;
    if (!j->has_job)
        return;
    if (cancel_asked(j)) {
        end_job(j, SG_JOB_CANCELLED, "cancelled_by_owner");
        return;
    }
    if (j->verifying) {
        if (sg_verify_again(j, true, &err))
            complain(j, "cannot take back an attempt", &err);
        return;
    }
    const sg_job job = j->job;
    end_job(j, SG_JOB_QUEUED, "service_stopped");
    if (sg_store_job_forgive(j->store, job.id, &err))
        complain(j, "cannot take back an attempt", &err);
}

void *sg_dispatch_main(void *jobs)
{
    sg_jobs *j = jobs;
    while (!atomic_load(&j->stop)) {
        atomic_store(&j->round_ns, sg_clock_mono_ns());
        if (j->fd < 0) {
            const int64_t wait_ns = j->next_start_ns - sg_clock_mono_ns();
            if (wait_ns > 0)
                pause_for(j, (int)(wait_ns / 1000000 < 500 ? wait_ns / 1000000 + 1 : 500));
            else
                start_worker(j);
            continue;
        }
        if (j->worker_ready && !j->has_job)
            reload_if_asked(j);
        if (j->worker_ready && !j->has_job)
            hand_out(j);
        if (j->fd >= 0)
            listen_to_worker(j);
        look_after(j);
        expire_old(j);
    }
    park(j);
    return NULL;
}
