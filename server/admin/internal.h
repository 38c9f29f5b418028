/* internal.h - what the files of admin/ share. */
#ifndef SG_SERVER_ADMIN_INTERNAL_H
#define SG_SERVER_ADMIN_INTERNAL_H

#include "admin/admin.h"

#include <jansson.h>

enum { CONTROL_MAX = 8 << 20 };

/* Runs one request against the open database; never NULL: {"error":...} when it fails. */
json_t *sg_admin_run(const sg_config *config, sg_store *store, const sg_audit_seal *seal, const json_t *request);

/* How a request reaches the database: over the socket, or here. */
typedef sg_status sg_admin_ask(const sg_config *c, const json_t *request, json_t **answer, sg_err *err);

/* backup.c. A copy into `to` (made, or empty) while the service runs or not: STATE, IO, LIMIT. */
sg_status sg_admin_backup(const sg_config *c, sg_admin_ask *ask, const char *to, sg_err *err) SG_MUST_USE;
/* The part of it that holds the database: <data.dir>/backup.db. */
sg_status sg_admin_backup_here(const sg_config *c, sg_store *s, sg_err *err) SG_MUST_USE;
/* From a backup into an empty data folder of a service that does not run; pages, schema and audit log are looked over
 * before it counts: STATE, NOT_FOUND, MISMATCH, IO; nothing is left then. *entries of the log. */
sg_status sg_admin_restore(const sg_config *c, const char *from, int64_t *entries, sg_err *err) SG_MUST_USE;

/* Over the control socket. NOT_FOUND: nobody listens there. */
sg_status sg_control_ask(const char *data_dir, const json_t *request, json_t **answer, sg_err *err) SG_MUST_USE;

#endif
