/* internal.h - what the files of jobs/ share. */
#ifndef SG_SERVER_JOBS_INTERNAL_H
#define SG_SERVER_JOBS_INTERNAL_H

#include "jobs/jobs.h"

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>

enum { FACTS_MAX = 1024 };

/* One worker process and the job it is at. Everything is the dispatcher thread's own, but the four that the lock guards. */
typedef struct sg_lane {
    struct sg_jobs *jobs;
    int n;  /* its number */
    int fd; /* to the worker, -1 when there is none */
    bool worker_ready;
    int64_t worker_due_ns; /* ready by then, or killed */
    int64_t next_start_ns;
    int failures;   /* starts in a row that led to nothing, for the back-off */
    int generation; /* of the configured models that its worker opens */
    bool has_job, cancel_sent, deadline_passed;
    int64_t asked_ns; /* since when this job's worker waits for "earlier"; 0: it does not */
    bool judging;     /* it was told */
    sg_job job;
    bool verifying; /* the job was released long ago; this makes it again */
    sg_verification verification;
    int64_t job_due_ns, cancel_due_ns;
    int n_fresh;
    sg_model_facts *fresh[SG_CONFIG_MODELS]; /* told by its worker */

    /* under jobs->lock */
    char progress_id[SG_ID_TEXT], progress_owner[SG_OWNER_TEXT]; /* "": no job */
    sg_progress progress;
    int64_t stage_started_ns;
} sg_lane;

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
    int generation;                            /* counts the configurations of models */
    int n_model;
    sg_config_model model[SG_CONFIG_MODELS]; /* for the next worker */

    /* the dispatcher thread's own */
    int64_t next_expiry_ns; /* releases are looked through for old ones */
    int n_lane;
    sg_lane lane[SG_CONFIG_PROCESSES];
};

/* Keeps what a "model" message says. */
sg_status sg_catalog_add(sg_lane *l, const json_t *message, sg_err *err);
/* The worker is ready: what it told becomes the catalogue. */
void sg_catalog_publish(sg_lane *l);
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

/* ---- verify.c, for the dispatcher: l->verification is the one in hand ---- */
/* One waits, and no job does; or it has waited long enough. Fills l->verification. */
bool sg_verify_due(sg_lane *l);
/* Counts an attempt and makes l->job the one to make again. NOT_FOUND, IO. */
sg_status sg_verify_take(sg_lane *l, sg_err *err) SG_MUST_USE;
sg_status sg_verify_done(sg_lane *l, const void *sealed, size_t n, sg_err *err) SG_MUST_USE; /* PRIVACY: refused */
sg_status sg_verify_fail(sg_lane *l, const char *reason, sg_err *err) SG_MUST_USE;
sg_status sg_verify_again(sg_lane *l, bool forgive, sg_err *err) SG_MUST_USE;

/* Ends a running job that will not be released: to QUEUED (again), FAILED or CANCELLED, with its audit row; its
 * quarantine folder goes. */
sg_status sg_jobs_end(sg_jobs *j, const sg_job *job, sg_job_state to, const char *reason, sg_err *err);

#endif
