/* backoff.h - whoever guesses keys waits longer and longer for each answer.
 *
 * Shape:   a level for each address (IPv6: each /64), one up with every failure, down by `free` in a minute. Above `free` an
 *          answer is put off: 0.1 s, doubled by every further failure, at most 8 s. Only answers to bad credentials are, so
 *          that a guesser behind the same proxy holds nobody else up.
 * Units:   ms; ns of the monotonic clock.
 * Owner:   sg_backoff_new/_free.
 * Threads: safe.
 * Not here: how an answer is put off (http/).
 */
#ifndef SG_SERVER_AUTH_BACKOFF_H
#define SG_SERVER_AUTH_BACKOFF_H

#include "base/status.h"

typedef struct sg_backoff sg_backoff;

sg_status sg_backoff_new(int64_t free_per_minute, sg_backoff **out, sg_err *err) SG_MUST_USE; /* NOMEM */
void sg_backoff_free(sg_backoff *b);                                                          /* accepts NULL */

/* A failure from this address; how long its answer is to be put off. */
int64_t sg_backoff_failed(sg_backoff *b, const char *peer, int64_t now_ns);

#endif
