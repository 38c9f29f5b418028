/* wire.h - messages between daemon and worker: JSON objects, each with its length in front.
 *
 * Shape:   4 bytes little-endian length (1..SG_WIRE_MAX), then that many bytes of one JSON object with a member "type".
 *          daemon -> worker: hello (session key, models, folders), job, cancel.
 *          worker -> daemon: model, broken_model, ready, progress, done, failed, cancelled.
 * Units:   bytes.
 * Owner:   received objects are the caller's (json_decref).
 * Threads: one reader and one writer at a time per socket; sg_wire_send takes no lock.
 * Not here: what messages mean (jobs/dispatch.c, worker/serve.c).
 */
#ifndef SG_SERVER_WORKER_WIRE_H
#define SG_SERVER_WORKER_WIRE_H

#include "base/file.h"

#include <jansson.h>

enum { SG_WIRE_MAX = 64 << 20 };

/* IO when the other end is gone; LIMIT. */
sg_status sg_wire_send(int fd, const json_t *message, sg_err *err) SG_MUST_USE;

/* Waits for a whole message, at most timeout_ms (-1: for ever). *out NULL with SG_OK: the time is over. NOT_FOUND: the
 * other end closed; FORMAT, LIMIT: it talks nonsense; IO. */
sg_status sg_wire_receive(int fd, int timeout_ms, json_t **out, sg_err *err) SG_MUST_USE;

/* Members, with "" or `otherwise` when they are absent or of another type. */
const char *sg_wire_text(const json_t *message, const char *member);
int64_t sg_wire_number(const json_t *message, const char *member, int64_t otherwise);

#endif
