/* internal.h - what the files of admin/ share. */
#ifndef SG_SERVER_ADMIN_INTERNAL_H
#define SG_SERVER_ADMIN_INTERNAL_H

#include "admin/admin.h"

#include <jansson.h>

enum { CONTROL_MAX = 8 << 20 };

/* Runs one request against the open database; never NULL: {"error":...} when it fails. */
json_t *sg_admin_run(const sg_config *config, sg_store *store, const json_t *request);

/* Over the control socket. NOT_FOUND: nobody listens there. */
sg_status sg_control_ask(const char *data_dir, const json_t *request, json_t **answer, sg_err *err) SG_MUST_USE;

#endif
