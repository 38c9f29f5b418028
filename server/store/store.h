/* store.h - the database: the only folder that speaks SQL, the only process is snpgend.
 *
 * Shape:   one connection that alone reads, writes and checkpoints (Debian's SQLite 3.40.1 loses pages when two
 *          checkpoint at once); one function per statement, named for what it means to the service.
 * Units:   _ms since the Unix epoch; 0 means never.
 * Owner:   sg_store_open/_close; rows are plain structs, copied out.
 * Threads: every function takes the store's lock; begin..commit holds it (it is recursive), so keep transactions short.
 * Not here: who may see a row (routes/), what an audit row says (audit/).
 *
 * Every function can return IO (the disk) and INTERNAL (a statement SQLite refuses) beside what it names.
 */
#ifndef SG_SERVER_STORE_STORE_H
#define SG_SERVER_STORE_STORE_H

#include "base/file.h"
#include "crypto/crypto.h"
#include "store/job_state.h"

enum {
    SG_ID_TEXT = 40,    /* a UUID or a key id, terminated */
    SG_OWNER_TEXT = 65, /* 1..64 bytes */
    SG_NAME_TEXT = 129,
    SG_CODE_TEXT = 64,
    SG_OPTIONS_TEXT = 1024,
    SG_FILE_NAME = 64,
    SG_HEX_TEXT = SG_DIGEST_HEX,
    SG_URL_TEXT = 512,
    SG_REASON_TEXT = 512
};

typedef struct sg_store sg_store;

/* Opens <dir>/snpgen.db (0600), making it when absent, and applies the migrations it lacks. STATE when its schema is
 * newer than this program or a landed migration was edited. */
sg_status sg_store_open(const char *dir, sg_store **out, sg_err *err) SG_MUST_USE;
/* The same without migrating: for `db version`. *version 0 for a fresh file. */
sg_status sg_store_version(const char *dir, int *version, sg_err *err) SG_MUST_USE;
void sg_store_close(sg_store *s); /* accepts NULL */
int sg_store_newest(void);        /* the schema version this program writes */

/* A transaction: all or nothing. Every begin is followed by exactly one commit or rollback on the same thread. */
sg_status sg_store_begin(sg_store *s, sg_err *err) SG_MUST_USE;
sg_status sg_store_commit(sg_store *s, sg_err *err) SG_MUST_USE; /* rolls back when it fails */
void sg_store_rollback(sg_store *s);
/* commit when st is SG_OK, rollback otherwise; returns what the caller should. */
sg_status sg_store_end(sg_store *s, sg_status st, sg_err *err) SG_MUST_USE;

/* A consistent copy of the database as it is at the end of the call, into a file that must not exist; others read and
 * write meanwhile. IO. */
sg_status sg_store_backup(sg_store *s, const char *path, sg_err *err) SG_MUST_USE;
/* Every page and index is what it should be: MISMATCH with SQLite's first complaint. Reads the whole file. */
sg_status sg_store_check(sg_store *s, sg_err *err) SG_MUST_USE;

sg_status sg_store_ping(sg_store *s, sg_err *err) SG_MUST_USE;

/* Grows with every change that is committed: what was read at one count is still true while the count is the same. */
int64_t sg_store_changes(const sg_store *s);
/* fn is called whenever that happens, with the store's lock held: it may only note that it was. One watcher. */
void sg_store_watch(sg_store *s, void (*fn)(void *ctx), void *ctx);

/* ---- keys ---- */
typedef struct sg_key_row {
    char id[SG_ID_TEXT], owner[SG_OWNER_TEXT];
    sg_digest hash;
    unsigned scopes;
    int64_t created_ms, expires_ms, revoked_ms, last_used_ms;
    char name[SG_CODE_TEXT];      /* a note for people */
    int priority;                 /* 0..9; each step doubles its owner's share of the workers */
    int64_t jobs_max, people_day; /* 0: what the configuration says */
} sg_key_row;

sg_status sg_store_key_add(sg_store *s, const sg_key_row *k, sg_err *err) SG_MUST_USE;
sg_status sg_store_key_get(sg_store *s, const char *id, sg_key_row *out, sg_err *err) SG_MUST_USE;  /* NOT_FOUND */
sg_status sg_store_key_revoke(sg_store *s, const char *id, int64_t at_ms, sg_err *err) SG_MUST_USE; /* NOT_FOUND */
sg_status sg_store_key_used(sg_store *s, const char *id, int64_t at_ms, sg_err *err) SG_MUST_USE;
/* Expires at at_ms, or earlier when that stood already. */
sg_status sg_store_key_expire(sg_store *s, const char *id, int64_t at_ms, sg_err *err) SG_MUST_USE;
/* People a day of one model; *people_day 0: no limit of its own. */
sg_status sg_store_key_limit_add(sg_store *s, const char *id, const char *model, int64_t people_day,
                                 sg_err *err) SG_MUST_USE;
sg_status sg_store_key_limits_copy(sg_store *s, const char *from, const char *to, sg_err *err) SG_MUST_USE;
sg_status sg_store_key_limit(sg_store *s, const char *id, const char *model, int64_t *people_day,
                             sg_err *err) SG_MUST_USE;
sg_status sg_store_key_limit_each(sg_store *s, const char *id,
                                  sg_status (*fn)(void *ctx, const char *model, int64_t people_day, sg_err *err),
                                  void *ctx, sg_err *err) SG_MUST_USE;
/* Calls fn for each, oldest first; stops at the first error. */
sg_status sg_store_key_each(sg_store *s, sg_status (*fn)(void *ctx, const sg_key_row *k, sg_err *err), void *ctx,
                            sg_err *err) SG_MUST_USE;

/* ---- models ---- */
sg_status sg_store_model_seen(sg_store *s, const char *id, const char *digest, const char *trait, int64_t at_ms,
                              sg_err *err) SG_MUST_USE;

/* ---- jobs ---- */
typedef struct sg_job {
    int64_t seq;
    char id[SG_ID_TEXT], owner[SG_OWNER_TEXT], key_id[SG_ID_TEXT];
    char model[SG_CODE_TEXT], model_digest[SG_HEX_TEXT], name[SG_NAME_TEXT];
    int64_t n_case, n_control, seed;
    char options[SG_OPTIONS_TEXT];
    sg_job_state state;
    char stage[16];
    int attempts;
    bool cancel;
    char reason[SG_CODE_TEXT];
    int64_t created_ms, updated_ms, started_ms, finished_ms;
    char callback_url[SG_URL_TEXT]; /* "": nobody is called */
    int priority;
} sg_job;

typedef struct sg_job_file {
    char name[SG_FILE_NAME];
    int64_t bytes;
    char sha256[SG_HEX_TEXT];
} sg_job_file;

sg_status sg_store_job_add(sg_store *s, sg_job *j, sg_err *err) SG_MUST_USE;                   /* fills seq */
sg_status sg_store_job_get(sg_store *s, const char *id, sg_job *out, sg_err *err) SG_MUST_USE; /* NOT_FOUND */

/* Whose jobs somebody sees: their own; everybody's; or, as a reviewer, whatever is withheld. */
typedef struct sg_job_sight {
    const char *owner;
    bool everybodys, withheld;
} sg_job_sight;

/* A job that this caller sees. NOT_FOUND where there is none and where it is another's, and either takes the same time. */
sg_status sg_store_job_seen(sg_store *s, const char *id, const sg_job_sight *who, sg_job *out, sg_err *err) SG_MUST_USE;

/* The one function that moves a job. STATE when the table forbids it or the job is not in `from` (any more); NOT_FOUND.
 * reason: a code, or "" . Clears the stage; sets finished_ms when `to` is a finished state, and started_ms and
 * attempts + 1 when it is RUNNING. */
sg_status sg_store_job_move(sg_store *s, const char *id, sg_job_state from, sg_job_state to, const char *reason,
                            int64_t at_ms, sg_err *err) SG_MUST_USE;
sg_status sg_store_job_stage(sg_store *s, const char *id, const char *stage, int64_t at_ms, sg_err *err) SG_MUST_USE;
sg_status sg_store_job_ask_cancel(sg_store *s, const char *id, int64_t at_ms, sg_err *err) SG_MUST_USE;
sg_status sg_store_job_forgive(sg_store *s, const char *id, sg_err *err) SG_MUST_USE; /* attempts - 1 */
sg_status sg_store_job_verdict(sg_store *s, const char *id, const char *json, sg_err *err) SG_MUST_USE;
sg_status sg_store_job_verdict_get(sg_store *s, const char *id, sg_buf *out, sg_err *err) SG_MUST_USE;

/* A waiting job runs on another version of its model than the one it was accepted for. STATE: it does not wait. */
sg_status sg_store_job_rebind(sg_store *s, const char *id, const char *model_digest, int64_t at_ms,
                              sg_err *err) SG_MUST_USE;

/* The queued job whose turn it is: owners take turns by the people they asked for, weighted by priority (migration 3);
 * within an owner by priority, then age; of jobs of at most people_max people. NOT_FOUND when none waits. */
sg_status sg_store_job_next(sg_store *s, int64_t people_max, sg_job *out, sg_err *err) SG_MUST_USE;
/* The oldest job that was released before `before_ms` and still is. NOT_FOUND: none. */
sg_status sg_store_job_stale(sg_store *s, int64_t before_ms, sg_job *out, sg_err *err) SG_MUST_USE;
sg_status sg_store_job_count(sg_store *s, sg_job_state state, int64_t *n, sg_err *err) SG_MUST_USE;
/* Queued or running jobs of one key. */
sg_status sg_store_job_open_of_key(sg_store *s, const char *key_id, int64_t *n, sg_err *err) SG_MUST_USE;
/* Queued jobs that will be started before this one, as things stand. */
sg_status sg_store_job_ahead(sg_store *s, int64_t seq, int64_t *n, sg_err *err) SG_MUST_USE;

typedef struct sg_job_filter {
    const char *owner, *model; /* NULL: any */
    int state;                 /* -1: any */
    int64_t before_seq;        /* 0: from the newest */
    int64_t limit;
    int64_t from_ms, to_ms; /* created in [from, to); to 0: no end */
} sg_job_filter;

/* Newest first. */
sg_status sg_store_job_each(sg_store *s, const sg_job_filter *f,
                            sg_status (*fn)(void *ctx, const sg_job *j, sg_err *err), void *ctx,
                            sg_err *err) SG_MUST_USE;

sg_status sg_store_file_add(sg_store *s, const char *job, const sg_job_file *f, sg_err *err) SG_MUST_USE;
sg_status sg_store_file_get(sg_store *s, const char *job, const char *name, sg_job_file *out,
                            sg_err *err) SG_MUST_USE; /* NOT_FOUND */
sg_status sg_store_file_each(sg_store *s, const char *job,
                             sg_status (*fn)(void *ctx, const sg_job_file *f, sg_err *err), void *ctx,
                             sg_err *err) SG_MUST_USE;

/* ---- what an owner used ---- */
/* People of an owner's jobs accepted since `from_ms`, of one model or (NULL) all; what was cancelled before it ran does not
 * count. */
sg_status sg_store_people_since(sg_store *s, const char *owner, const char *model, int64_t from_ms, int64_t *n,
                                sg_err *err) SG_MUST_USE;

typedef struct sg_usage_row {
    char day[12], owner[SG_OWNER_TEXT], model[SG_CODE_TEXT];
    int64_t jobs, people, released_jobs, released_people;
} sg_usage_row;
/* One row for each day (UTC), owner and model with jobs accepted in [from, to), newest day first. owner NULL: everybody. */
sg_status sg_store_usage_each(sg_store *s, const char *owner, int64_t from_ms, int64_t to_ms, int64_t limit,
                              sg_status (*fn)(void *ctx, const sg_usage_row *r, sg_err *err), void *ctx,
                              sg_err *err) SG_MUST_USE;

/* The odometer of a model: everything it ever released, by label, and what was asked of it. */
typedef struct sg_odometer {
    char model[SG_CODE_TEXT];
    int64_t cases, controls, jobs, attempts, owners;
} sg_odometer;
/* One for each model, or for one; none for a model that nobody has asked for yet. */
sg_status sg_store_odometer_each(sg_store *s, const char *model,
                                 sg_status (*fn)(void *ctx, const sg_odometer *o, sg_err *err), void *ctx,
                                 sg_err *err) SG_MUST_USE;

/* The jobs a model ever released, oldest first. */
sg_status sg_store_released_each(sg_store *s, const char *model,
                                 sg_status (*fn)(void *ctx, const char *id, sg_err *err), void *ctx,
                                 sg_err *err) SG_MUST_USE;

/* ---- events: every change of a job, written by triggers ---- */
typedef struct sg_event {
    int64_t seq, at_ms;
    char job[SG_ID_TEXT], owner[SG_OWNER_TEXT];
    sg_job_state state;
    char stage[16], reason[SG_CODE_TEXT];
} sg_event;

typedef struct sg_event_filter {
    const char *job, *owner; /* NULL: any */
    int64_t after, limit;
} sg_event_filter;

/* In order. */
sg_status sg_store_event_each(sg_store *s, const sg_event_filter *f,
                              sg_status (*fn)(void *ctx, const sg_event *e, sg_err *err), void *ctx,
                              sg_err *err) SG_MUST_USE;
sg_status sg_store_event_any(sg_store *s, const char *job, int64_t after, bool *any, sg_err *err) SG_MUST_USE;
/* The newest seq that was ever given (0: none), and the oldest that is kept. */
sg_status sg_store_event_bounds(sg_store *s, int64_t *oldest, int64_t *newest, sg_err *err) SG_MUST_USE;
sg_status sg_store_event_forget(sg_store *s, int64_t before_ms, sg_err *err) SG_MUST_USE;

/* ---- calls to make when a job ended ---- */
typedef struct sg_delivery {
    int64_t id, at_ms, next_ms;
    char job[SG_ID_TEXT], url[SG_URL_TEXT], reason[SG_CODE_TEXT];
    sg_job_state state;
    int attempts;
} sg_delivery;

/* Due ones, soonest first. *next_ms: when the first that is not due yet will be, 0: never. */
sg_status sg_store_delivery_due(sg_store *s, int64_t now_ms, int n, sg_delivery *out, int *found, int64_t *next_ms,
                                sg_err *err) SG_MUST_USE;
/* An attempt was made. done: there will be no other; otherwise the next one is at next_ms. */
sg_status sg_store_delivery_tried(sg_store *s, int64_t id, bool done, int64_t at_ms, int64_t next_ms,
                                  const char *outcome, sg_err *err) SG_MUST_USE;

/* ---- decisions of reviewers ---- */
typedef struct sg_decision {
    bool approve;
    char reviewer[SG_OWNER_TEXT], reason[SG_REASON_TEXT], cohort[SG_HEX_TEXT];
    int64_t at_ms;
} sg_decision;
sg_status sg_store_decision_add(sg_store *s, const char *job, const sg_decision *d, sg_err *err) SG_MUST_USE;
sg_status sg_store_decision_get(sg_store *s, const char *job, sg_decision *out,
                                sg_err *err) SG_MUST_USE; /* NOT_FOUND */

/* ---- recalls ---- */
/* Why a release was taken back, and by whom; once per job. */
sg_status sg_store_recall_add(sg_store *s, const char *job, const char *actor, const char *reason, int64_t at_ms,
                              sg_err *err) SG_MUST_USE;
/* reason [n], "" on error. NOT_FOUND: not recalled, or before reasons were kept (schema 5). */
sg_status sg_store_recall_reason(sg_store *s, const char *job, char *reason, size_t n, sg_err *err) SG_MUST_USE;

/* ---- verifications: a released cohort made again and compared ---- */
typedef struct sg_verification {
    char id[SG_ID_TEXT], job[SG_ID_TEXT], owner[SG_OWNER_TEXT]; /* owner: who asked */
    char state[12], outcome[12];                                /* queued, running, finished; same, different, failed */
    char reason[SG_CODE_TEXT], differing[SG_OPTIONS_TEXT];      /* differing: names of files, by blanks */
    int n_file, attempts;
    int64_t created_ms, finished_ms;
} sg_verification;

sg_status sg_store_verify_add(sg_store *s, const sg_verification *v, sg_err *err) SG_MUST_USE;
/* The newest of a job; the oldest that waits. NOT_FOUND. */
sg_status sg_store_verify_latest(sg_store *s, const char *job, sg_verification *out, sg_err *err) SG_MUST_USE;
sg_status sg_store_verify_next(sg_store *s, sg_verification *out, sg_err *err) SG_MUST_USE;
/* Waiting or running ones of an owner, or (NULL) all. */
sg_status sg_store_verify_open(sg_store *s, const char *owner, int64_t *n, sg_err *err) SG_MUST_USE;
sg_status sg_store_verify_start(sg_store *s, const char *id, sg_err *err) SG_MUST_USE; /* counts an attempt */
/* running -> queued; forgive: that attempt does not count. */
sg_status sg_store_verify_again(sg_store *s, const char *id, bool forgive, sg_err *err) SG_MUST_USE;
sg_status sg_store_verify_recover(sg_store *s, sg_err *err) SG_MUST_USE; /* every running one is queued again */
/* Takes outcome, reason, n_file, differing and finished_ms from v. */
sg_status sg_store_verify_finish(sg_store *s, const sg_verification *v, sg_err *err) SG_MUST_USE;

/* ---- idempotency ---- */
/* NOT_FOUND when this owner never used the key. */
sg_status sg_store_idempotency_get(sg_store *s, const char *owner, const char *key, sg_digest *body,
                                   char job[SG_ID_TEXT], sg_err *err) SG_MUST_USE;
sg_status sg_store_idempotency_add(sg_store *s, const char *owner, const char *key, const sg_digest *body,
                                   const char *job, int64_t at_ms, sg_err *err) SG_MUST_USE;
sg_status sg_store_idempotency_forget(sg_store *s, int64_t before_ms, sg_err *err) SG_MUST_USE;

/* ---- audit ---- */
typedef struct sg_audit_row {
    int64_t seq, at_ms;
    const char *action, *subject, *outcome, *request_id, *detail, *actor, *origin; /* borrowed; never NULL */
    bool erased;                                                                   /* actor, origin and salt are gone */
    sg_digest salt, actor_hash, origin_hash; /* salt: 32 random bytes; zeros when erased */
    sg_digest leaf;                          /* as kept; for rows that are read */
} sg_audit_row;

sg_status sg_store_audit_add(sg_store *s, const sg_audit_row *r, sg_err *err) SG_MUST_USE; /* without its leaf */
sg_status sg_store_audit_size(sg_store *s, int64_t *n, sg_err *err) SG_MUST_USE;           /* the largest seq */
/* Rows after `after_seq`, in order, at most `limit`. */
sg_status sg_store_audit_each(sg_store *s, int64_t after_seq, int64_t limit,
                              sg_status (*fn)(void *ctx, const sg_audit_row *r, sg_err *err), void *ctx,
                              sg_err *err) SG_MUST_USE;
/* Empties actor, origin and salt of every row of an actor; *n rows. */
sg_status sg_store_audit_erase(sg_store *s, const char *actor, int64_t *n, sg_err *err) SG_MUST_USE;

/* The hash of a complete subtree. NOT_FOUND. */
sg_status sg_store_audit_node(sg_store *s, int level, int64_t index, sg_digest *out, sg_err *err) SG_MUST_USE;
sg_status sg_store_audit_node_add(sg_store *s, int level, int64_t index, const sg_digest *hash,
                                  sg_err *err) SG_MUST_USE;

/* The chain of schema version 1, for moving it into the log: its rows, oldest first, and emptying it. */
typedef struct sg_chain_row {
    int64_t seq, at_ms;
    const char *actor, *action, *subject, *outcome, *request_id, *detail; /* borrowed; never NULL */
    sg_digest hash;
} sg_chain_row;
sg_status sg_store_chain_each(sg_store *s, sg_status (*fn)(void *ctx, const sg_chain_row *r, sg_err *err), void *ctx,
                              sg_err *err) SG_MUST_USE;
sg_status sg_store_chain_clear(sg_store *s, sg_err *err) SG_MUST_USE;

#endif
