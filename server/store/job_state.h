/* job_state.h - the life of a job, drawn once.
 *
 *               +---------------- requeue (worker or daemon died) ----+
 *               v                                                     |
 *   accept -> QUEUED -----------------------------------------> RUNNING -> RELEASED -> EXPIRED | RECALLED
 *               |                                                 | | |
 *               +-> CANCELLED <-----------------------------------+ | +--> WITHHELD
 *               +-> FAILED    <-------------------------------------+
 *   WITHHELD -> QUEUED: a reviewer approved it; it is made again from its seed.
 *
 * Shape:   one row per state: its word and the states it may move to. sg_store_job_move is the one function that moves.
 * Units:   -
 * Owner:   -
 * Threads: const.
 * Not here: why a job moves.
 */
#ifndef SG_SERVER_STORE_JOB_STATE_H
#define SG_SERVER_STORE_JOB_STATE_H

#include "base/status.h"

/* name, word, may move to, finished: nothing will be computed any more */
#define SG_JOB_STATES(X)                                                                                               \
    X(QUEUED, "queued", TO(RUNNING) | TO(CANCELLED) | TO(FAILED), false)                                               \
    X(RUNNING, "running", TO(QUEUED) | TO(RELEASED) | TO(WITHHELD) | TO(FAILED) | TO(CANCELLED), false)                \
    X(RELEASED, "released", TO(EXPIRED) | TO(RECALLED), true)                                                          \
    X(WITHHELD, "withheld", TO(QUEUED), true)                                                                          \
    X(FAILED, "failed", 0, true)                                                                                       \
    X(CANCELLED, "cancelled", 0, true)                                                                                 \
    X(EXPIRED, "expired", 0, true)                                                                                     \
    X(RECALLED, "recalled", 0, true)

typedef enum sg_job_state {
#define X(name, word, to, finished) SG_JOB_##name,
    SG_JOB_STATES(X)
#undef X
        SG_N_JOB_STATE
} sg_job_state;

const char *sg_job_state_name(sg_job_state s);
/* FORMAT for a word outside the list. */
sg_status sg_job_state_parse(const char *word, sg_job_state *out, sg_err *err) SG_MUST_USE;
bool sg_job_state_may(sg_job_state from, sg_job_state to);
bool sg_job_state_finished(sg_job_state s);

#endif
