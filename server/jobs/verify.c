/* verify.c - a released cohort is made again from its seed and compared; see jobs.h. The worker makes it exactly as it made the
 * first one, into a folder of the quarantine that nothing is ever published from. The job's own row is not touched. */
#include "jobs/internal.h"
#include "audit/audit.h"
#include "base/clock.h"
#include "log/log.h"

#include <stdio.h>
#include <string.h>

enum { PATIENCE_MS = 300000, FOLDER_FROM = 1000000 };

/* ---- asking ---- */

static sg_status ask(sg_jobs *j, const sg_job *job, const char *actor, const char *request_id, sg_submit *outcome,
                     sg_verification *v, sg_err *err)
{
    int64_t mine, all;
    *outcome = SG_SUBMIT_AGAIN;
    const sg_status st = sg_store_verify_latest(j->store, job->id, v, err);
    if (st != SG_NOT_FOUND && (st || strcmp(v->state, "finished") != 0))
        return st; /* one is under way: that one */
    if (job->state != SG_JOB_RELEASED)
        return sg_fail(err, SG_STATE, "the job is %s: only what is released can be made again",
                       sg_job_state_name(job->state));
    SG_TRY(sg_store_verify_open(j->store, actor, &mine, err));
    SG_TRY(sg_store_verify_open(j->store, NULL, &all, err));
    *outcome = mine >= j->config->per_key_max ? SG_SUBMIT_KEY_FULL
               : all >= j->config->queue_max  ? SG_SUBMIT_QUEUE_FULL
                                              : SG_SUBMIT_NEW;
    if (*outcome != SG_SUBMIT_NEW)
        return SG_OK;
    memset(v, 0, sizeof *v);
    SG_TRY(sg_uuid7(v->id, err));
    (void)snprintf(v->job, sizeof v->job, "%s", job->id);
    (void)snprintf(v->owner, sizeof v->owner, "%s", actor);
    (void)snprintf(v->state, sizeof v->state, "queued");
    v->created_ms = sg_clock_wall_ms();
    SG_TRY(sg_store_verify_add(j->store, v, err));
    return sg_audit_add(j->store, &(sg_audit_event){actor, "job.verify", job->id, "asked", request_id, v->id}, err);
}

sg_status sg_jobs_verify(sg_jobs *j, const char *id, const char *actor, const char *request_id, sg_submit *outcome,
                         sg_verification *v, sg_err *err)
{
    sg_job job;
    SG_TRY(sg_store_begin(j->store, err));
    sg_status st = sg_store_job_get(j->store, id, &job, err);
    if (!st)
        st = ask(j, &job, actor, request_id, outcome, v, err);
    st = sg_store_end(j->store, st, err);
    if (!st && *outcome == SG_SUBMIT_NEW)
        sg_jobs_wake(j);
    return st;
}

/* ---- the dispatcher's side ---- */

bool sg_verify_due(sg_lane *l)
{
    int64_t waiting = 0;
    sg_verification *v = &l->verification;
    if (sg_store_verify_next(l->jobs->store, v, NULL) ||
        sg_store_job_count(l->jobs->store, SG_JOB_QUEUED, &waiting, NULL))
        return false;
    return !waiting || sg_clock_wall_ms() - v->created_ms > PATIENCE_MS;
}

sg_status sg_verify_take(sg_lane *l, sg_err *err)
{
    SG_TRY(sg_store_job_get(l->jobs->store, l->verification.job, &l->job, err));
    SG_TRY(sg_store_verify_start(l->jobs->store, l->verification.id, err));
    l->verification.attempts++;
    l->job.attempts = FOLDER_FROM + l->verification.attempts; /* a folder of its own */
    l->job.cancel = false;
    return SG_OK;
}

static sg_status finish(sg_lane *l, sg_err *err)
{
    sg_verification *v = &l->verification;
    char detail[SG_OPTIONS_TEXT + 128];
    v->finished_ms = sg_clock_wall_ms();
    (void)snprintf(detail, sizeof detail, "%s%s%s", v->id, *v->differing ? " " : "", v->differing);
    SG_TRY(sg_store_begin(l->jobs->store, err));
    sg_status st = sg_store_verify_finish(l->jobs->store, v, err);
    if (!st)
        st = sg_audit_add(l->jobs->store, &(sg_audit_event){"snpgend", "job.verified", v->job, v->outcome, "", detail},
                          err);
    return sg_store_end(l->jobs->store, st, err);
}

/* The folder first: whoever hears of the end finds nothing left of it. A crash in between makes it all again. */
static sg_status leave(sg_lane *l, sg_err *err)
{
    char members[96];
    const sg_verification *v = &l->verification;
    SG_TRY(sg_release_discard(l->jobs->place, l->job.id, l->job.attempts, err));
    SG_TRY(finish(l, err));
    (void)snprintf(members, sizeof members, "\"job\":\"%s\"", l->job.id);
    sg_logline(!strcmp(v->outcome, "same") ? SG_LOG_INFO : SG_LOG_WARN, members, "verification: %s %s", v->outcome,
               v->reason);
    return SG_OK;
}

sg_status sg_verify_done(sg_lane *l, const void *sealed, size_t n, sg_err *err)
{
    bool approvable;
    char cohort[SG_HEX_TEXT];
    SG_TRY(sg_jobs_judged(l->jobs, l->job.id, &approvable, cohort, err));
    SG_TRY(sg_release_compare(sealed, n, l->jobs->session_key, l->jobs->place, l->jobs->store, &l->job, cohort,
                              &l->verification, err));
    return leave(l, err);
}

sg_status sg_verify_fail(sg_lane *l, const char *reason, sg_err *err)
{
    (void)snprintf(l->verification.outcome, sizeof l->verification.outcome, "failed");
    (void)snprintf(l->verification.reason, sizeof l->verification.reason, "%s", reason);
    return leave(l, err);
}

sg_status sg_verify_again(sg_lane *l, bool forgive, sg_err *err)
{
    SG_TRY(sg_release_discard(l->jobs->place, l->job.id, l->job.attempts, err));
    return sg_store_verify_again(l->jobs->store, l->verification.id, forgive, err);
}
