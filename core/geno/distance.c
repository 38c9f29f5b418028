/* distance.c - all pairs of two groups of people, in tiles that stay in the cache.
 *
 * A work item is a block of query rows. It walks the reference in blocks of REF_ROWS; the kernel of this machine fills
 * a tile of distances, and this file keeps the two smallest per row (reference rows come in ascending order, so that a
 * strict "smaller" prefers the smaller index) and the smallest per column. Column minima are kept per worker and merged
 * at the end: a minimum does not care who found it.
 */
#include "geno/distance.h"
#include "geno/distance_kernel.h"

#include <stdatomic.h>

enum { QUERY_ROWS = 64, REF_ROWS = 128, VARIANTS_MAX = 1 << 29 };

const sg_kernel *const sg_kernel_list[SG_N_KERNEL] = {&sg_kernel_avx512, &sg_kernel_avx2, &sg_kernel_generic};

static _Atomic(const sg_kernel *) chosen; /* set once; two threads setting it at once set the same */

const sg_kernel *sg_kernel_chosen(void)
{
    const sg_kernel *k = atomic_load(&chosen);
    for (int i = 0; !k; i++)
        if (sg_kernel_list[i]->usable()) {
            k = sg_kernel_list[i];
            atomic_store(&chosen, k);
        }
    return k;
}

void sg_kernel_force(const sg_kernel *k)
{
    atomic_store(&chosen, k);
}

const char *sg_distance_kernel_name(void)
{
    return sg_kernel_chosen()->name;
}

typedef struct job {
    const sg_people *query, *ref;
    sg_tile_fn *tile;
    const sg_run *run;
    bool not_self;
    int64_t rows;     /* query rows per item */
    int64_t first;    /* item number of this round's first */
    sg_near *near;    /* [n_q] */
    int32_t *col;     /* [n_worker, n_r] or NULL */
    int32_t *scratch; /* [n_worker, QUERY_ROWS, REF_ROWS] */
} job;

static inline void keep_two(sg_near *b, int32_t d, int64_t at)
{
    if (d >= b->d[1])
        return;
    if (d < b->d[0]) {
        b->d[1] = b->d[0];
        b->at[1] = b->at[0];
        b->d[0] = d;
        b->at[0] = at;
    } else {
        b->d[1] = d;
        b->at[1] = at;
    }
}

static void one_item(void *ctx, int64_t item, int worker)
{
    const job *j = ctx;
    if (sg_cancelled(j->run))
        return;
    const int64_t n_word = j->ref->n_word, n_r = j->ref->n_sample;
    const int64_t q0 = (j->first + item) * j->rows;
    const int64_t n_q = q0 + j->rows < j->query->n_sample ? j->rows : j->query->n_sample - q0;
    int32_t *d = j->scratch + (int64_t)worker * QUERY_ROWS * REF_ROWS;
    int32_t *col = j->col ? j->col + (int64_t)worker * n_r : NULL;
    for (int64_t i = 0; i < n_q; i++)
        j->near[q0 + i] = (sg_near){{-1, -1}, {SG_FAR, SG_FAR}};
    for (int64_t r0 = 0; r0 < n_r; r0 += REF_ROWS) {
        const int64_t m = r0 + REF_ROWS < n_r ? REF_ROWS : n_r - r0;
        j->tile(sg_people_lo(j->query, q0), n_q, sg_people_lo(j->ref, r0), m, n_word, d);
        for (int64_t i = 0; i < n_q; i++) {
            int32_t *row = d + i * m;
            if (j->not_self && q0 + i >= r0 && q0 + i < r0 + m)
                row[q0 + i - r0] = SG_FAR;
            for (int64_t k = 0; k < m; k++)
                keep_two(&j->near[q0 + i], row[k], r0 + k);
            for (int64_t k = 0; col && k < m; k++)
                col[r0 + k] = row[k] < col[r0 + k] ? row[k] : col[r0 + k];
        }
    }
}

static sg_status all_items(job *j, sg_err *err)
{
    sg_pool *pool = j->run ? j->run->pool : NULL;
    const int64_t n_item = (j->query->n_sample + j->rows - 1) / j->rows;
    const int64_t round = (int64_t)sg_pool_size(pool) * 8; /* progress and cancellation between rounds */
    for (j->first = 0; j->first < n_item; j->first += round) {
        sg_report(j->run, "distances", j->first, n_item);
        sg_pool_for(pool, j->first + round < n_item ? round : n_item - j->first, one_item, j);
        if (sg_cancelled(j->run))
            return sg_fail(err, SG_CANCELLED, "stopped while measuring distances");
    }
    sg_report(j->run, "distances", n_item, n_item);
    return SG_OK;
}

/* Blocks small enough that every thread has some, large enough that the reference is streamed few times. */
static int64_t rows_per_item(int64_t n_q, int n_worker)
{
    const int64_t rows = n_q / (4 * (int64_t)n_worker);
    return rows < 4 ? 4 : rows > QUERY_ROWS ? QUERY_ROWS : rows;
}

sg_status sg_nearest(const sg_people *query, const sg_people *ref, sg_metric metric, bool not_self, const sg_run *run,
                     sg_arena *a, sg_near *near, int32_t *ref_min, sg_err *err)
{
    if (query->n_variant != ref->n_variant)
        return sg_fail(err, SG_MISMATCH, "people with %lld variants against people with %lld",
                       (long long)query->n_variant, (long long)ref->n_variant);
    if (query->n_variant > VARIANTS_MAX)
        return sg_fail(err, SG_LIMIT, "%lld variants, distances are counted up to %d", (long long)query->n_variant,
                       VARIANTS_MAX);
    const int n_worker = sg_pool_size(run ? run->pool : NULL);
    const int64_t n_r = ref->n_sample;
    const size_t mark = sg_arena_mark(a);
    int64_t n_col;
    if (__builtin_mul_overflow(n_r, (int64_t)n_worker, &n_col))
        return sg_fail(err, SG_LIMIT, "%lld people are more than can be held", (long long)n_r);
    job j = {.query = query,
             .ref = ref,
             .tile = sg_kernel_chosen()->tile[metric],
             .run = run,
             .not_self = not_self,
             .rows = rows_per_item(query->n_sample, n_worker),
             .near = near,
             .col = ref_min ? SG_NEW_RAW(a, int32_t, n_col) : NULL,
             .scratch = SG_NEW_RAW(a, int32_t, (int64_t)n_worker * QUERY_ROWS * REF_ROWS)};
    if (!j.scratch || (ref_min && !j.col)) {
        sg_arena_rewind(a, mark);
        return sg_arena_full(a, "distances", err);
    }
    for (int64_t i = 0; j.col && i < n_col; i++)
        j.col[i] = SG_FAR;
    const sg_status st = all_items(&j, err);
    for (int64_t i = 0; ref_min && !st && i < n_r; i++) {
        ref_min[i] = SG_FAR;
        for (int w = 0; w < n_worker; w++) {
            const int32_t d = j.col[(int64_t)w * n_r + i];
            ref_min[i] = d < ref_min[i] ? d : ref_min[i];
        }
    }
    sg_arena_rewind(a, mark);
    return st;
}
