/* crew.c - many threads, one answer: chunks of people go to fixed lanes, lanes are added in order.
 *
 * Floating-point sums depend on their order. Lane l takes chunks l, l + n_lane, ... one after the other, whichever
 * thread happens to run it, and lanes are added 0, 1, 2, ...: the bytes are the same for any number of threads.
 */
#include "train/internal.h"

#include <string.h>

sg_status sg_crew_init(sg_crew *c, const sg_run *run, int64_t lanes, int64_t chunk, int64_t n_float,
                       size_t scratch_bytes, sg_arena *a, sg_err *err)
{
    *c = (sg_crew){.run = run, .n_lane = (int)lanes, .chunk = chunk, .n_float = n_float};
    const int n = run && run->pool ? sg_pool_size(run->pool) : 1;
    c->lane = SG_NEW(a, sg_arena, n);
    c->grad = SG_NEW(a, float *, lanes);
    if (!c->lane || !c->grad)
        return sg_arena_full(a, "the training threads", err);
    for (int64_t l = 0; l < lanes && n_float; l++)
        if (!(c->grad[l] = SG_NEW_RAW(a, float, n_float)))
            return sg_arena_full(a, "the gradients", err);
    for (c->n_worker = 0; c->n_worker < n; c->n_worker++) {
        const sg_status st = sg_arena_init(&c->lane[c->n_worker], scratch_bytes, err);
        if (st) {
            sg_crew_clear(c);
            return st;
        }
        c->lane[c->n_worker].keep = SIZE_MAX; /* chunk after chunk of the same size */
    }
    return SG_OK;
}

void sg_crew_clear(sg_crew *c)
{
    for (int i = 0; i < c->n_worker; i++)
        sg_arena_clear(&c->lane[i]);
    c->n_worker = 0;
}

typedef struct crew_job {
    sg_crew *c;
    int64_t n;
    sg_chunk_fn *fn;
    void *ctx;
    bool want_grad;
    double sum[SG_CREW_LANES_MAX][SG_CREW_SUMS];
    sg_err err[SG_CREW_LANES_MAX];
    _Atomic int64_t done;
} crew_job;

static void run_lane(void *ctx, int64_t l, int worker)
{
    crew_job *j = ctx;
    sg_crew *c = j->c;
    float *grad = j->want_grad ? c->grad[l] : NULL;
    if (grad)
        memset(grad, 0, (size_t)c->n_float * sizeof *grad);
    for (int64_t first = l * c->chunk; first < j->n && !j->err[l].status; first += c->n_lane * c->chunk) {
        if (sg_cancelled(c->run)) {
            (void)sg_fail(&j->err[l], SG_CANCELLED, "stopped");
            return;
        }
        const int64_t n = j->n - first < c->chunk ? j->n - first : c->chunk;
        const size_t mark = sg_arena_mark(&c->lane[worker]);
        j->err[l].status = j->fn(j->ctx, first, n, &c->lane[worker], grad, j->sum[l], &j->err[l]);
        sg_arena_rewind(&c->lane[worker], mark);
        const int64_t done = atomic_fetch_add(&j->done, n) + n;
        if (c->stage && worker == 0) /* worker 0 is the calling thread, the only one that may report */
            sg_report(c->run, c->stage, done, j->n);
    }
}

enum { BLOCK = 1 << 14 };

/* Block i of lane 0 += the same block of lanes 1, 2, ... */
static void add_block(void *ctx, int64_t i, int worker)
{
    (void)worker;
    const crew_job *j = ctx;
    const sg_crew *c = j->c;
    const int64_t from = i * BLOCK, to = from + BLOCK < c->n_float ? from + BLOCK : c->n_float;
    float *g = c->grad[0];
    for (int l = 1; l < c->n_lane; l++) {
        const float *x = c->grad[l];
        for (int64_t k = from; k < to; k++)
            g[k] += x[k];
    }
}

sg_status sg_crew_go(sg_crew *c, int64_t n, sg_chunk_fn *fn, void *ctx, bool want_grad, double *total, sg_err *err)
{
    crew_job j = {.c = c, .n = n, .fn = fn, .ctx = ctx, .want_grad = want_grad};
    sg_pool *pool = c->run ? c->run->pool : NULL;
    sg_pool_for(pool, c->n_lane, run_lane, &j);
    for (int l = 0; l < c->n_lane; l++)
        if (j.err[l].status) {
            if (err)
                *err = j.err[l];
            return j.err[l].status;
        }
    for (int s = 0; s < SG_CREW_SUMS; s++) {
        total[s] = 0;
        for (int l = 0; l < c->n_lane; l++)
            total[s] += j.sum[l][s];
    }
    if (want_grad)
        sg_pool_for(pool, (c->n_float + BLOCK - 1) / BLOCK, add_block, &j);
    return SG_OK;
}
