/* jobs.h - from an accepted request to a settled job: the queue, the worker, and what is known of both.
 *
 * Shape:   one dispatcher thread holds the worker's socket, hands it one job at a time and settles what comes back.
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
    SG_SUBMIT_KEY_FULL /* too many open jobs of this key */
} sg_submit;

typedef struct sg_submission {
    const char *owner, *key_id, *request_id;
    const char *idempotency_key; /* NULL: none */
    sg_digest body;
    const sg_job_request *request; /* checked; the model exists */
    const sg_model_facts *model;
} sg_submission;

/* Job, audit row and Idempotency-Key in one transaction. */
sg_status sg_jobs_submit(sg_jobs *j, const sg_submission *what, sg_submit *outcome, sg_job *job,
                         sg_err *err) SG_MUST_USE;

/* queued -> cancelled at once; running: asks the worker, *job still says running; released: files deleted, expired;
 * cancelled or expired: fine. STATE: failed, withheld or recalled. */
sg_status sg_jobs_delete(sg_jobs *j, sg_job *job, const char *actor, const char *request_id, sg_err *err) SG_MUST_USE;

typedef struct sg_progress {
    char stage[16];
    int64_t done, total;      /* people */
    double people_per_second; /* 0: not known yet */
    double eta_s;             /* of this stage; 0: not known */
} sg_progress;
/* Of a running job; false when this is not the one that runs. */
bool sg_jobs_progress(sg_jobs *j, const char *id, sg_progress *out);

/* A UUIDv7 of this millisecond. INTERNAL. */
sg_status sg_uuid7(char out[SG_ID_TEXT], sg_err *err) SG_MUST_USE;

#endif
