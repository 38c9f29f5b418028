/* internal.h - what the files of audit/ share. */
#ifndef SG_SERVER_AUDIT_INTERNAL_H
#define SG_SERVER_AUDIT_INTERNAL_H

#include "attest/leaf.h"
#include "audit/audit.h"

/* What of a row is hashed. */
sg_leaf sg_audit_leaf(const sg_audit_row *r);

/* Inside a transaction. leaf: NULL, or where the entry's bytes are appended. */
sg_status sg_audit_append(sg_store *s, const sg_audit_event *e, int64_t at_ms, sg_buf *leaf, int64_t *seq,
                          sg_err *err) SG_MUST_USE;

/* *found false, size 0: there is no file. MISMATCH: not signed by this key. */
sg_status sg_audit_read_checkpoint(const char *path, const sg_signer *key, bool *found, sg_checkpoint *out,
                                   sg_err *err) SG_MUST_USE;

#endif
