/* audit.h - who did what, when, with what outcome: a chain in which no row can be changed unnoticed.
 *
 * Shape:   row n's hash = SHA-256("snpgen-audit-1", hash of row n-1, its fields each with its length in front); row 1
 *          follows 32 zero bytes. The newest (seq, hash) also stands in <data.dir>/audit.head, so that cutting the end
 *          of the table off is noticed too.
 * Units:   at_ms since the Unix epoch.
 * Owner:   -
 * Threads: safe; sg_audit_add joins the transaction of the calling thread when there is one.
 * Not here: who may read it. Never a key, a genotype or a sample ID in `detail`.
 */
#ifndef SG_SERVER_AUDIT_AUDIT_H
#define SG_SERVER_AUDIT_AUDIT_H

#include "store/store.h"

typedef struct sg_audit_event {
    const char *actor;   /* owner name, or "snpgend", or "admin" (the command line) */
    const char *action;  /* "job.create", "job.release", "key.revoke", ... */
    const char *subject; /* what it was done to: a job or key id */
    const char *outcome; /* "ok", "denied", or a code */
    const char *request_id;
    const char *detail; /* free text or JSON; "" */
} sg_audit_event;

/* NULL members count as "". */
sg_status sg_audit_add(sg_store *s, const sg_audit_event *e, sg_err *err) SG_MUST_USE;

/* Recomputes the whole chain. MISMATCH names the first row that is not what was written, is missing, or stands out of
 * order; or says that rows were cut off after the head kept in `head_path` (a missing head file is a mismatch once a
 * row exists). *n_row: rows read. */
sg_status sg_audit_verify(sg_store *s, const char *head_path, int64_t *n_row, sg_err *err) SG_MUST_USE;

/* Writes the newest (seq, hash) to head_path, when it changed since the last call. */
sg_status sg_audit_save_head(sg_store *s, const char *head_path, sg_err *err) SG_MUST_USE;

#endif
