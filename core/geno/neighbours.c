/* neighbours.c - see neighbours.h. Blocks of query rows walk the reference in tiles of the kernel in use. */
#include "geno/neighbours.h"
#include "geno/distance_kernel.h"

enum { QUERY_ROWS = 16, REF_ROWS = 128 };

typedef struct job {
    const sg_people *query, *ref;
    sg_tile_fn *tile;
    const sg_run *run;
    int32_t *scratch; /* [n_worker, QUERY_ROWS, REF_ROWS] */
    int k;            /* for radii, where query and ref are the same people */
    int32_t *out;
    const int32_t *radius; /* for inside */
    uint8_t *inside;
} job;

/* best [k] ascending; d goes in, the largest goes out */
static inline void keep(int32_t *best, int k, int32_t d)
{
    if (d >= best[k - 1])
        return;
    int at = k - 1;
    for (; at > 0 && best[at - 1] > d; at--)
        best[at] = best[at - 1];
    best[at] = d;
}

static void one_block(void *ctx, int64_t item, int worker)
{
    const job *j = ctx;
    if (sg_cancelled(j->run))
        return;
    const int64_t q0 = item * QUERY_ROWS, left = j->query->n_sample - q0, n_q = left < QUERY_ROWS ? left : QUERY_ROWS;
    int32_t best[QUERY_ROWS][SG_NEIGHBOUR_MAX];
    uint8_t in[QUERY_ROWS] = {0};
    for (int64_t i = 0; i < n_q; i++)
        for (int k = 0; k < j->k; k++)
            best[i][k] = SG_FAR;
    int32_t *d = j->scratch + (int64_t)worker * QUERY_ROWS * REF_ROWS;
    for (int64_t r0 = 0; r0 < j->ref->n_sample; r0 += REF_ROWS) {
        const int64_t m = r0 + REF_ROWS < j->ref->n_sample ? REF_ROWS : j->ref->n_sample - r0;
        j->tile(sg_people_lo(j->query, q0), n_q, sg_people_lo(j->ref, r0), m, j->ref->n_word, d);
        for (int64_t i = 0; i < n_q; i++)
            for (int64_t r = 0; r < m; r++) {
                if (j->radius)
                    in[i] |= (uint8_t)(d[i * m + r] <= j->radius[r0 + r]);
                else if (r0 + r != q0 + i)
                    keep(best[i], j->k, d[i * m + r]);
            }
    }
    for (int64_t i = 0; i < n_q; i++)
        if (j->radius)
            j->inside[q0 + i] = in[i];
        else
            j->out[q0 + i] = best[i][j->k - 1];
}

static sg_status walk(job *j, sg_metric metric, sg_arena *a, sg_err *err)
{
    sg_pool *pool = j->run ? j->run->pool : NULL;
    const size_t mark = sg_arena_mark(a);
    j->tile = sg_kernel_chosen()->tile[metric];
    j->scratch = SG_NEW_RAW(a, int32_t, (int64_t)sg_pool_size(pool) * QUERY_ROWS * REF_ROWS);
    if (!j->scratch)
        return sg_arena_full(a, "distances", err);
    sg_pool_for(pool, (j->query->n_sample + QUERY_ROWS - 1) / QUERY_ROWS, one_block, j);
    sg_arena_rewind(a, mark);
    return sg_cancelled(j->run) ? sg_fail(err, SG_CANCELLED, "stopped while measuring neighbourhoods") : SG_OK;
}

sg_status sg_neighbour_radius(const sg_people *p, sg_metric metric, int k, const sg_run *run, sg_arena *a,
                              int32_t *radius, sg_err *err)
{
    if (k < 1 || k > SG_NEIGHBOUR_MAX)
        return sg_fail(err, SG_LIMIT, "neighbour number %d, want 1 to %d", k, SG_NEIGHBOUR_MAX);
    job j = {.query = p, .ref = p, .run = run, .k = k, .out = radius};
    return walk(&j, metric, a, err);
}

sg_status sg_neighbour_inside(const sg_people *query, const sg_people *ref, const int32_t *radius, sg_metric metric,
                              const sg_run *run, sg_arena *a, uint8_t *inside, sg_err *err)
{
    if (query->n_variant != ref->n_variant)
        return sg_fail(err, SG_MISMATCH, "people with %lld variants against people with %lld",
                       (long long)query->n_variant, (long long)ref->n_variant);
    job j = {.query = query, .ref = ref, .run = run, .radius = radius, .inside = inside};
    return walk(&j, metric, a, err);
}
