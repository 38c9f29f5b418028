/* admin.h - `snpgend admin ...`: keys, database, audit, from the machine itself.
 *
 * Shape:   one request object {"command":"key create",...} and one answer object. While the daemon runs it alone holds
 *          the database, so requests reach it over <data.dir>/control.sock (0600, same user only, one JSON line each way);
 *          otherwise the command opens the database itself, under the same lock file a daemon would take.
 * Units:   -
 * Owner:   -
 * Threads: the control thread serves one connection at a time.
 * Not here: HTTP administration (later issue).
 */
#ifndef SG_SERVER_ADMIN_ADMIN_H
#define SG_SERVER_ADMIN_ADMIN_H

#include "audit/audit.h"
#include "config/config.h"
#include "store/store.h"

/* `snpgend admin ARGS --config F`: argv[0] is the first word after "admin". Returns the exit code (0, 1, 2). */
int sg_admin_main(int argc, char **argv);

/* The lock of a data folder: the descriptor to keep open, -1 on failure. STATE: another process holds it. */
sg_status sg_admin_lock(const char *data_dir, int *fd, sg_err *err) SG_MUST_USE;

typedef struct sg_control sg_control;

/* Serves requests until closed. IO. */
sg_status sg_control_open(const sg_config *config, sg_store *store, const sg_audit_seal *seal, sg_control **out,
                          sg_err *err) SG_MUST_USE;
void sg_control_close(sg_control *c); /* accepts NULL */

#endif
