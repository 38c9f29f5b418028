/* jobs.h - from an accepted request to a settled job: the queue, the worker, and what is known of both.
 *
 * Shape:   one dispatcher thread holds the workers' sockets, hands each one job at a time and settles what comes back.
 * Units:   people, seconds.
 * Owner:   sg_jobs_open/_close. Model facts live until close.
 * Threads: every function is safe from any thread.
 * Not here: HTTP; what a worker does (worker/serve.c); the release itself (release/).
 */
#ifndef SG_SERVER_JOBS_JOBS_H
#define SG_SERVER_JOBS_JOBS_H

#include "config/config.h"
#include "jobs/request.h"
#include "release/release.h"
#include "worker/nursery.h"

typedef struct sg_jobs sg_jobs;

/* What the worker said about an open bundle: const once published. */
typedef struct sg_model_facts {
    char id[SG_CODE_TEXT], digest[SG_HEX_TEXT], trait[64];
    int64_t n_label, n_snp;
    char *card;  /* JSON object: GET /v1/models/{id} */
    char *panel; /* JSON object: GET /v1/models/{id}/panel */
    size_t n_card, n_panel;
    char card_tag[SG_HEX_TEXT], panel_tag[SG_HEX_TEXT]; /* SHA-256 of the texts, for ETag */
} sg_model_facts;

/* Recovers what a crash left (running jobs are queued again, folders are swept), then starts the dispatcher. `nursery`,
 * `store`, `config` are borrowed until close. */
sg_status sg_jobs_open(sg_store *store, const sg_config *config, const sg_release_place *place, sg_nursery *nursery,
                       sg_jobs **out, sg_err *err) SG_MUST_USE;
/* Stops the dispatcher; a running job goes back to the queue without counting an attempt. Accepts NULL. */
void sg_jobs_close(sg_jobs *j);

/* The worker has said ready and is alive; otherwise *why is a sentence. */
bool sg_jobs_ready(sg_jobs *j, const char **why);
/* A worker has been ready at least once: model names can be checked. */
bool sg_jobs_know_models(sg_jobs *j);

/* NULL when there is no such model. */
const sg_model_facts *sg_jobs_model(sg_jobs *j, const char *id);
/* The i-th model, NULL past the end. */
const sg_model_facts *sg_jobs_model_at(sg_jobs *j, int i);

typedef enum sg_submit {
    SG_SUBMIT_NEW,
    SG_SUBMIT_AGAIN,      /* the same Idempotency-Key and body: the job of then */
    SG_SUBMIT_OTHER_BODY, /* the same Idempotency-Key, another body */
    SG_SUBMIT_QUEUE_FULL,
    SG_SUBMIT_KEY_FULL,  /* too many open jobs of this key */
    SG_SUBMIT_DAY_FULL,  /* too many people today */
    SG_SUBMIT_MODEL_FULL /* too many people of this model today */
} sg_submit;

/* What a key may use and its owner has used: people since midnight UTC, over all keys of the owner, so that a fresh key is
 * no fresh allowance. */
typedef struct sg_quota {
    int64_t jobs_max, jobs_open, day_max, day_used, model_max, model_used;
    int64_t reset_s; /* until midnight */
    int priority;
} sg_quota;
sg_status sg_jobs_quota(sg_jobs *j, const char *key_id, const char *owner, const char *model, sg_quota *out,
                        sg_err *err) SG_MUST_USE;

typedef struct sg_submission {
    const char *owner, *key_id, *request_id;
    const char *idempotency_key; /* NULL: none */
    sg_digest body;
    const sg_job_request *request; /* checked; the model exists */
    const sg_model_facts *model;
    sg_quota quota; /* filled by sg_jobs_submit, as it is afterwards */
} sg_submission;

/* Job, audit row and Idempotency-Key in one transaction. */
sg_status sg_jobs_submit(sg_jobs *j, sg_submission *what, sg_submit *outcome, sg_job *job, sg_err *err) SG_MUST_USE;

/* queued -> cancelled at once; running: asks the worker, *job still says running; released: files deleted, expired;
 * cancelled or expired: fine. STATE: failed, withheld or recalled. */
sg_status sg_jobs_delete(sg_jobs *j, sg_job *job, const char *actor, const char *request_id, sg_err *err) SG_MUST_USE;

/* A reviewer approves or rejects a withheld job, once. An approved one is made again from its seed - nothing of a withheld
 * cohort was kept - and released if it is, genotype for genotype, the cohort that was judged. STATE: not withheld, decided
 * already, or the policy lets nobody approve it (says which). */
sg_status sg_jobs_decide(sg_jobs *j, const char *id, bool approve, const char *reviewer, const char *reason,
                         const char *request_id, sg_err *err) SG_MUST_USE;

/* A reviewer takes a release back: its files go, and its users are told 410. It still counts as released people. STATE: not
 * released. */
sg_status sg_jobs_recall(sg_jobs *j, sg_job *job, const char *reviewer, const char *reason, const char *request_id,
                         sg_err *err) SG_MUST_USE;

/* A released cohort is to be made again from its seed and compared file by file. *outcome AGAIN: that is under way already;
 * *v is that one. KEY_FULL, QUEUE_FULL: too many wait. STATE: it is not released; NOT_FOUND. */
sg_status sg_jobs_verify(sg_jobs *j, const char *id, const char *actor, const char *request_id, sg_submit *outcome,
                         sg_verification *v, sg_err *err) SG_MUST_USE;

typedef struct sg_progress {
    char stage[16];
    int64_t done, total;      /* people */
    double people_per_second; /* 0: not known yet */
    double eta_s;             /* of this stage; 0: not known */
} sg_progress;
/* Of a running job; false when this one does not run, and *out is zero. */
bool sg_jobs_progress(sg_jobs *j, const char *id, sg_progress *out);

/* Worker processes, each with its lane; and what runs in lane 0 to sg_jobs_lanes - 1: false when nothing does. */
int sg_jobs_lanes(const sg_jobs *j);
bool sg_jobs_running(sg_jobs *j, int lane, char id[SG_ID_TEXT], char owner[SG_OWNER_TEXT], sg_progress *out);

/* Between two jobs of each lane a fresh worker opens these models in place of the ones that are open. Jobs are accepted meanwhile;
 * those that wait run on the version that is open when their turn comes, and say so. */
void sg_jobs_reload(sg_jobs *j, const sg_config_model *model, int n);

/* The dispatcher came round within the last `within_ms`. */
bool sg_jobs_alive(sg_jobs *j, int64_t within_ms);

/* A UUIDv7 of this millisecond. INTERNAL. */
sg_status sg_uuid7(char out[SG_ID_TEXT], sg_err *err) SG_MUST_USE;

#endif
