/* nursery.h - a tiny process, forked before anything secret or large exists, that starts workers for the daemon.
 *
 * Shape:   daemon <-> nursery over one socket pair; the nursery forks and executes snpgend-worker with its end of a new
 *          socket pair as descriptor 3 and hands the daemon the other end. At most one worker lives per lane.
 * Units:   -
 * Owner:   sg_nursery by the daemon.
 * Threads: safe: one question at a time goes over the socket.
 * Not here: what is said to workers (wire.h).
 *
 * The daemon is confined and cannot execute anything; the nursery can, but opens nothing but the configuration file and
 * parses two bytes at a time.
 * Dead daemon -> the kernel kills the nursery -> the kernel kills the worker.
 */
#ifndef SG_SERVER_WORKER_NURSERY_H
#define SG_SERVER_WORKER_NURSERY_H

#include "base/status.h"

#include <sys/types.h>

typedef struct sg_nursery {
    int fd;
    pid_t pid;
} sg_nursery;

enum { SG_WORKER_FD = 3, SG_NURSERY_LANES = 16 };

/* Forks. Call while the process is single-threaded and holds nothing. program: path of snpgend-worker; config_path: the
 * one file that the nursery opens for the daemon, again at each sg_nursery_config ("": none). NOT_FOUND when the program
 * is no executable file; IO. */
sg_status sg_nursery_open(const char *program, const char *config_path, sg_nursery *out, sg_err *err) SG_MUST_USE;

/* The configuration file as it is now, open for reading: the daemon's sandbox lets nobody else fetch it. *fd is the
 * caller's. IO. */
sg_status sg_nursery_config(sg_nursery *n, int *fd, sg_err *err) SG_MUST_USE;

/* A fresh worker for this lane, 0 to SG_NURSERY_LANES - 1; the one before is killed first. *fd: the daemon's end; *pid for the log; *last_exit: wait status of
 * the one before, -1 when there was none. IO. */
sg_status sg_nursery_start(sg_nursery *n, int lane, int *fd, pid_t *pid, int *last_exit, sg_err *err) SG_MUST_USE;

/* Kills the worker that lives in this lane, if any; its socket then reads as closed. IO. */
sg_status sg_nursery_kill(sg_nursery *n, int lane, sg_err *err) SG_MUST_USE;

/* Ends the nursery and with it the workers. */
void sg_nursery_close(sg_nursery *n);

#endif
