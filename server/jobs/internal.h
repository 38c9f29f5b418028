/* internal.h - what the files of jobs/ share. */
#ifndef SG_SERVER_JOBS_INTERNAL_H
#define SG_SERVER_JOBS_INTERNAL_H

#include "jobs/jobs.h"

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>

enum { FACTS_MAX = 1024 };

struct sg_jobs {
    sg_store *store;
    const sg_config *config;
    const sg_release_place *place;
    sg_nursery *nursery;
    uint8_t session_key[SG_KEY_BYTES]; /* seals verdicts; fresh per daemon */
    pthread_t thread;
    int wake; /* eventfd: a job came, one is to be cancelled, or stop */
    atomic_bool stop;
    atomic_llong round_ns; /* when the dispatcher last came round */

    pthread_mutex_t lock; /* guards from here to the next blank line */
    bool ready, knew_models;
    char why[256];
    int n_facts, n_current;
    sg_model_facts *facts[FACTS_MAX];          /* every bundle ever seen by this daemon; freed at close */
    sg_model_facts *current[SG_CONFIG_MODELS]; /* what the worker holds now */
    char progress_id[SG_ID_TEXT], progress_owner[SG_OWNER_TEXT];
    sg_progress progress;
    int64_t stage_started_ns;
    bool reload;
    int n_model;
    sg_config_model model[SG_CONFIG_MODELS]; /* for the next worker */

    /* the dispatcher thread's own */
    int fd; /* to the worker, -1 when there is none */
    bool worker_ready;
    int64_t worker_due_ns; /* ready by then, or killed */
    int64_t next_start_ns;
    int64_t next_expiry_ns; /* releases are looked through for old ones */
    int failures;           /* starts in a row that led to nothing, for the back-off */
    bool has_job, cancel_sent, deadline_passed;
    sg_job job;
    bool verifying; /* the job was released long ago; this makes it again */
    sg_verification verification;
    int64_t job_due_ns, cancel_due_ns;
    int n_fresh;
    sg_model_facts *fresh[SG_CONFIG_MODELS]; /* told by the worker that is starting */
};

/* Keeps what a "model" message says. */
sg_status sg_catalog_add(sg_jobs *j, const json_t *message, sg_err *err);
/* The worker is ready: what it told becomes the catalogue. */
void sg_catalog_publish(sg_jobs *j);
void sg_catalog_free(sg_jobs *j);

void sg_jobs_set_ready(sg_jobs *j, bool ready, const char *why);
void sg_jobs_wake(sg_jobs *j);
void *sg_dispatch_main(void *jobs);

/* For the metrics: a job ended so. */
void sg_jobs_count_end(sg_job_state to, const char *reason);

/* What the gate kept of a job: the digest of the genotypes it judged, and whether its policy lets a reviewer overrule it.
 * STATE: nothing. */
sg_status sg_jobs_judged(sg_jobs *j, const char *id, bool *approvable, char cohort[SG_HEX_TEXT],
                         sg_err *err) SG_MUST_USE;

/* ---- verify.c, for the dispatcher: j->verification is the one in hand ---- */
/* One waits, and no job does; or it has waited long enough. Fills j->verification. */
bool sg_verify_due(sg_jobs *j);
/* Counts an attempt and makes j->job the one to make again. NOT_FOUND, IO. */
sg_status sg_verify_take(sg_jobs *j, sg_err *err) SG_MUST_USE;
sg_status sg_verify_done(sg_jobs *j, const void *sealed, size_t n, sg_err *err) SG_MUST_USE; /* PRIVACY: refused */
sg_status sg_verify_fail(sg_jobs *j, const char *reason, sg_err *err) SG_MUST_USE;
sg_status sg_verify_again(sg_jobs *j, bool forgive, sg_err *err) SG_MUST_USE;

/* Ends a running job that will not be released: to QUEUED (again), FAILED or CANCELLED, with its audit row; its
 * quarantine folder goes. */
sg_status sg_jobs_end(sg_jobs *j, const sg_job *job, sg_job_state to, const char *reason, sg_err *err);

#endif
