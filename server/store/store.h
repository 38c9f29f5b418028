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
    SG_HEX_TEXT = SG_DIGEST_HEX
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

sg_status sg_store_ping(sg_store *s, sg_err *err) SG_MUST_USE;

/* ---- keys ---- */
typedef struct sg_key_row {
    char id[SG_ID_TEXT], owner[SG_OWNER_TEXT];
    sg_digest hash;
    unsigned scopes;
    int64_t created_ms, expires_ms, revoked_ms, last_used_ms;
} sg_key_row;

sg_status sg_store_key_add(sg_store *s, const sg_key_row *k, sg_err *err) SG_MUST_USE;
sg_status sg_store_key_get(sg_store *s, const char *id, sg_key_row *out, sg_err *err) SG_MUST_USE;  /* NOT_FOUND */
sg_status sg_store_key_revoke(sg_store *s, const char *id, int64_t at_ms, sg_err *err) SG_MUST_USE; /* NOT_FOUND */
sg_status sg_store_key_used(sg_store *s, const char *id, int64_t at_ms, sg_err *err) SG_MUST_USE;
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
} sg_job;

typedef struct sg_job_file {
    char name[SG_FILE_NAME];
    int64_t bytes;
    char sha256[SG_HEX_TEXT];
} sg_job_file;

sg_status sg_store_job_add(sg_store *s, sg_job *j, sg_err *err) SG_MUST_USE;                   /* fills seq */
sg_status sg_store_job_get(sg_store *s, const char *id, sg_job *out, sg_err *err) SG_MUST_USE; /* NOT_FOUND */

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

/* The oldest queued job; NOT_FOUND when the queue is empty. */
sg_status sg_store_job_next(sg_store *s, sg_job *out, sg_err *err) SG_MUST_USE;
sg_status sg_store_job_count(sg_store *s, sg_job_state state, int64_t *n, sg_err *err) SG_MUST_USE;
/* Queued or running jobs of one key. */
sg_status sg_store_job_open_of_key(sg_store *s, const char *key_id, int64_t *n, sg_err *err) SG_MUST_USE;
/* Queued jobs before this one. */
sg_status sg_store_job_ahead(sg_store *s, int64_t seq, int64_t *n, sg_err *err) SG_MUST_USE;

typedef struct sg_job_filter {
    const char *owner, *model; /* NULL: any */
    int state;                 /* -1: any */
    int64_t before_seq;        /* 0: from the newest */
    int64_t limit;
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
    const char *actor, *action, *subject, *outcome, *request_id, *detail; /* borrowed; never NULL */
    sg_digest hash;
} sg_audit_row;

sg_status sg_store_audit_add(sg_store *s, const sg_audit_row *r, sg_err *err) SG_MUST_USE;
/* The newest row's seq and hash; seq 0 and zeros when there is none. */
sg_status sg_store_audit_head(sg_store *s, int64_t *seq, sg_digest *hash, sg_err *err) SG_MUST_USE;
/* Rows after `after_seq`, in order, at most `limit`. */
sg_status sg_store_audit_each(sg_store *s, int64_t after_seq, int64_t limit,
                              sg_status (*fn)(void *ctx, const sg_audit_row *r, sg_err *err), void *ctx,
                              sg_err *err) SG_MUST_USE;

#endif
