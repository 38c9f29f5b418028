/* worker.h - the process that holds models and reference panels, samples, judges and packs.
 *
 * Shape:   main.c -> sg_worker_main: hello -> sandbox -> shelf (models in memory) -> one job at a time -> make -> pack.
 * Units:   people.
 * Owner:   the worker process; nothing outlives it.
 * Threads: the main thread computes and sends; one reader thread receives and sets the stop flag.
 * Not here: the queue, the database, the network: the daemon has them.
 */
#ifndef SG_SERVER_WORKER_WORKER_H
#define SG_SERVER_WORKER_WORKER_H

#include "model/model.h"
#include "privacy/privacy.h"
#include "qualify/qualify.h"
#include "sampler/sampler.h"
#include "worker/wire.h"

/* Serves the daemon at descriptor fd until it closes. The exit code. */
int sg_worker_main(int fd);

/* ---- models in memory (shelf.c) ---- */

enum { SG_SHELF = 64 };

typedef struct sg_shelf_item {
    char id[SG_MODEL_ID];
    sg_model *model;
    sg_reference reference;
    sg_gate_memory *memory; /* the gate's passes over the reference, made by the first job */
    sg_arena arena;         /* of the reference */
    sg_qualification qualified;
} sg_shelf_item;

typedef struct sg_shelf {
    int n;
    sg_shelf_item item[SG_SHELF];
} sg_shelf;

/* Opens one bundle and its sealed people. id "": the card's own. STATE, PRIVACY: the policy wants a qualification that the
 * bundle does not have. On failure the shelf is as before. */
sg_status sg_shelf_add(sg_shelf *s, const char *id, const char *path, const uint8_t key[SG_KEY_BYTES],
                       const sg_policy *policy, sg_err *err) SG_MUST_USE;
sg_shelf_item *sg_shelf_find(sg_shelf *s, const char *id); /* NULL when there is none */
/* The message "model" for the daemon: card and panel without frequencies and effects. New reference, NULL: no memory.
 */
json_t *sg_shelf_message(const sg_shelf_item *m);
void sg_shelf_clear(sg_shelf *s);

/* ---- one job (make.c) ---- */

typedef struct sg_work {
    char job[40], folder[1024], model[SG_MODEL_ID], model_digest[SG_DIGEST_HEX];
    char approved[SG_DIGEST_HEX]; /* digest of the cohort that a reviewer approved though it was withheld; "" */
    int attempt;
    int64_t seed, n_case, n_control, created_ms;
    int64_t released[2]; /* controls and cases this model released before */
    unsigned formats;    /* bits of cohorts/export.h */
    json_t *sampler;     /* the requester's overrides, borrowed from the message */
    json_t *earlier;     /* jobs that this model released before, borrowed from the message "earlier" */
} sg_work;

/* FORMAT: the daemon's message lacks something. */
sg_status sg_work_read(const json_t *message, sg_work *out, sg_err *err) SG_MUST_USE;
/* What this model released before, from the message "earlier": released and earlier. FORMAT. */
sg_status sg_work_read_earlier(const json_t *message, sg_work *w, sg_err *err) SG_MUST_USE;

typedef struct sg_maker {
    sg_shelf *shelf;
    const sg_policy *policy;
    const char *archive;        /* folder of earlier releases */
    const uint8_t *session_key; /* [SG_KEY_BYTES] */
    sg_arena *arena;            /* scratch of one job */
    sg_run run;
    void (*stage)(void *ctx, const char *stage); /* sampling, checking, packaging; ctx is run.ctx */
    /* Waits until no other cohort of this model is being judged, then fills released and earlier. CANCELLED, FORMAT. */
    sg_status (*admit)(void *ctx, sg_work *w, sg_err *err);
} sg_maker;

/* Samples, judges, packs what passed, and seals the verdict over both into `sealed`. NOT_FOUND, MISMATCH: the model is
 * gone or another one; LIMIT: settings; CANCELLED; NOMEM; IO; INTERNAL: what was packed is not what was judged. */
sg_status sg_worker_make(const sg_maker *k, sg_work *w, sg_buf *sealed, sg_err *err) SG_MUST_USE;

/* ---- earlier releases (archive.c) ---- */

/* dir/JOB: the people of a cohort that may leave; whole or not at all. IO. */
sg_status sg_archive_keep(const char *dir, const char *job, const sg_people *people, const int8_t *label,
                          sg_err *err) SG_MUST_USE;
/* The people of all these jobs, n_people in all, one behind the other. STATE: one is not there; PRIVACY: one is damaged, of another panel, or
 * they are not n_people; NOMEM. */
sg_status sg_archive_load(const char *dir, const json_t *jobs, int64_t n_people, int64_t n_snp, sg_arena *a,
                          sg_people *people, int8_t **label, sg_err *err) SG_MUST_USE;

/* ---- files (pack.c) ---- */

typedef struct sg_pack {
    const sg_work *work;
    const sg_model *model;
    const sg_sampling *how;
    const sg_people *people;
    const int8_t *label;
    const sg_verdict *verdict;
} sg_pack;

/* Writes every file of a release into work->folder and reads the genotypes back: INTERNAL when they are not the judged
 * ones. *files: the parcel digest. Memory beyond the people: one group of them. IO, NOMEM, LIMIT, CANCELLED. */
sg_status sg_pack_write(const sg_pack *p, const sg_run *run, sg_arena *a, sg_digest *files, sg_err *err) SG_MUST_USE;

#endif
