/* metrics.h - what the daemon counts, in the text format of Prometheus.
 *
 * Shape:   counters that live as long as the process, one histogram of request times per operation, and gauges that the
 *          reader of the moment fills in (sg_metrics_gauge).
 * Units:   seconds, bytes, people: in each name, as Prometheus wants them.
 * Owner:   process-wide.
 * Threads: safe; counting a request is a few atomic additions.
 * Not here: who may read them (routes/ops.c: the admin listener), what a verdict's numbers are. Labels are names of
 *          models, states, codes and operations: never an owner, a key or a job.
 */
#ifndef SG_SERVER_METRICS_METRICS_H
#define SG_SERVER_METRICS_METRICS_H

#include "base/file.h"

/* name, help. Counters with labels given at each addition: `a="b",c="d"` or "". */
#define SG_COUNTERS(X)                                                                                                 \
    X(jobs_submitted, "snpgen_jobs_submitted_total", "jobs accepted")                                                  \
    X(jobs_finished, "snpgen_jobs_finished_total", "jobs that ended, by state and reason code")                        \
    X(people_released, "snpgen_people_released_total", "synthetic people released, by model and label")                \
    X(worker_starts, "snpgen_worker_starts_total", "worker processes started")                                         \
    X(auth_failures, "snpgen_auth_failures_total", "requests with a bad or missing key")                               \
    X(webhooks, "snpgen_webhooks_total", "calls of webhooks, by outcome")                                              \
    X(audit_failures, "snpgen_audit_failures_total", "checkpoints that could not be written")

typedef enum sg_counter {
#define X(id, name, help) SG_COUNT_##id,
    SG_COUNTERS(X)
#undef X
        SG_N_COUNTER
} sg_counter;

/* More label sets than fit (256 in all) are counted under labels that say so. */
void sg_metrics_add(sg_counter c, const char *labels, double by);

/* One answered request. pattern: the operation's, a constant; NULL when none matched. status 0: the client went away. */
void sg_metrics_request(const char *method, const char *pattern, int status, double seconds);

/* Appends every counter and histogram. */
sg_status sg_metrics_print(sg_buf *b, sg_err *err) SG_MUST_USE;

/* Appends one gauge: with its HELP and TYPE when help is not NULL (once per name). labels "" for none. */
sg_status sg_metrics_gauge(sg_buf *b, const char *name, const char *help, const char *labels, double value,
                           sg_err *err) SG_MUST_USE;

/* Appends name="value", escaped; with a comma in front unless b is empty. */
sg_status sg_metrics_label(sg_buf *b, const char *name, const char *value, sg_err *err) SG_MUST_USE;

#endif
