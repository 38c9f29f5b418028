/* status.h - what can go wrong, and the words for it.
 *
 * Shape:   one enum from one list; one error record that carries a sentence for a person.
 * Units:   -
 * Owner:   the caller owns the sg_err, usually on its stack; functions only fill it.
 * Threads: an sg_err belongs to one thread at a time.
 * Not here: HTTP statuses (server/http maps them), exit codes (core/cli), logging (base/log.h).
 */
#ifndef SG_BASE_STATUS_H
#define SG_BASE_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#define SG_MUST_USE __attribute__((warn_unused_result))
#define SG_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))

/* SG_OK is 0, so that `if (st)` reads as "if it failed". */
#define SG_STATUS_LIST(X)                                                                                              \
    X(OK, "ok")                                                                                                        \
    X(FORMAT, "malformed input")      /* the input is broken */                                                        \
    X(MISMATCH, "inputs disagree")    /* each fine alone, not together */                                              \
    X(DEGENERATE, "no answer exists") /* e.g. a phenotype of one class */                                              \
    X(LIMIT, "limit exceeded")        /* a bound of ours or of a format */                                             \
    X(NOT_FOUND, "not found")                                                                                          \
    X(STATE, "not possible in this state")                                                                             \
    X(CANCELLED, "cancelled")                                                                                          \
    X(PRIVACY, "withheld to protect privacy")                                                                          \
    X(NOMEM, "out of memory")                                                                                          \
    X(IO, "input/output failed")                                                                                       \
    X(INTERNAL, "internal error") /* ours, never the user's */

typedef enum sg_status {
#define X(name, words) SG_##name,
    SG_STATUS_LIST(X)
#undef X
        SG_N_STATUS
} sg_status;

typedef struct sg_err {
    sg_status status;
    char msg[512]; /* a sentence: the thing, the value found, the value wanted; never a genotype or a sample ID */
} sg_err;

/* The only way to make an error. Returns `st`; `err` may be NULL. A message that does not fit is cut, never overrun. */
sg_status sg_fail(sg_err *err, sg_status st, const char *fmt, ...) SG_PRINTF(3, 4);

/* Puts "<what>: " before the message of an error that passes by. Returns `st`, which also becomes err's status. */
sg_status sg_fail_in(sg_err *err, sg_status st, const char *fmt, ...) SG_PRINTF(3, 4);

/* "FORMAT", ... and "malformed input", ...; never NULL, also for a number outside the list. */
const char *sg_status_name(sg_status st);
const char *sg_status_words(sg_status st);

/* Leaves the calling function with the status when `call` failed. Only where nothing needs cleaning up. */
#define SG_TRY(call)                                                                                                   \
    do {                                                                                                               \
        const sg_status try_ = (call);                                                                                 \
        if (try_)                                                                                                      \
            return try_;                                                                                               \
    } while (0)

#endif
