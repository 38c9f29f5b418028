/* run.h - what a long computation is told from outside and tells back: stop, progress, threads.
 *
 * Shape:   sg_run is borrowed by every long function; all members may be NULL.
 * Units:   progress in steps of the caller's choosing.
 * Owner:   the caller of the long function.
 * Threads: `stop` may be set from a signal handler or any thread. `progress` is called from the thread that called the
 *          long function, never from a pool worker and never with a lock held.
 * Not here: how progress is shown (core/cli draws bars, the worker sends messages).
 */
#ifndef SG_BASE_RUN_H
#define SG_BASE_RUN_H

#include "base/status.h"

#include <stdatomic.h>

typedef struct sg_pool sg_pool;

typedef struct sg_run {
    const atomic_bool *stop; /* polled once per step */
    void (*progress)(void *ctx, const char *stage, int64_t done, int64_t total);
    void *ctx;
    sg_pool *pool; /* NULL: the calling thread alone */
} sg_run;

static inline bool sg_cancelled(const sg_run *run)
{
    return run && run->stop && atomic_load_explicit(run->stop, memory_order_relaxed);
}

static inline void sg_report(const sg_run *run, const char *stage, int64_t done, int64_t total)
{
    if (run && run->progress)
        run->progress(run->ctx, stage, done, total);
}

/* Threads. The pool has n - 1 threads of its own; the caller is the n-th. */

/* n >= 1 threads; NULL pool pointer on failure (NOMEM or LIMIT, n > 1024). */
sg_status sg_pool_new(int n, sg_pool **out, sg_err *err) SG_MUST_USE;
void sg_pool_free(sg_pool *pool);      /* accepts NULL */
int sg_pool_size(const sg_pool *pool); /* 1 for NULL */

/* Calls fn(ctx, item, worker) once for every item 0..n-1, from up to sg_pool_size threads, and returns when all are
 * done. `worker` is 0..size-1 and never the same in two calls at once: it indexes per-thread scratch; 0 is the calling thread. Which worker gets
 * which item is NOT fixed, so results may depend on the item only. Not to be called from inside fn. */
void sg_pool_for(sg_pool *pool, int64_t n, void (*fn)(void *ctx, int64_t item, int worker), void *ctx);

/* Cores this process may use (affinity and cgroup quota), at least 1. */
int sg_cpu_count(void);

#endif
