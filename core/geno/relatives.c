/* relatives.c - kinship of people with missing genotypes, all pairs; see kinship.h.
 *
 * With het, hom and ibs0 counted over variants called in both, KING-robust is
 *   1/2 - (4 ibs0 + het_hom + hom_het) / (4 (het_het + min(het_hom, hom_het))). */
#include "base/rng.h"
#include "base/targets.h"
#include "geno/kinship.h"

#include <assert.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

typedef struct shares {
    int64_t het_het, het_hom, hom_het, ibs0;
} shares;

/* x, y: one person each, plane lo then plane hi. Unused bits are 0 in all planes: homozygous for nothing we count. */
SG_TARGET_BODY shares count_body(const uint64_t *x, const uint64_t *y, int64_t n_word)
{
    int64_t both = 0, one = 0, other = 0, ibs0 = 0;
    for (int64_t w = 0; w < n_word; w++) {
        const uint64_t xl = x[w], xh = x[n_word + w], yl = y[w], yh = y[n_word + w];
        const uint64_t hx = xl & ~xh, hy = yl & ~yh, ax = xh & ~xl, ay = yh & ~yl;
        both += __builtin_popcountll(hx & hy);
        one += __builtin_popcountll(hx & ~yl);
        other += __builtin_popcountll(hy & ~xl);
        ibs0 += __builtin_popcountll((ax & ~(yl | yh)) | (ay & ~(xl | xh)));
    }
    return (shares){both, one, other, ibs0};
}

SG_FOR_TARGETS(shares, count, (const uint64_t *x, const uint64_t *y, int64_t n_word), (x, y, n_word))

static double robust(shares s)
{
    const int64_t less = s.het_het + (s.het_hom < s.hom_het ? s.het_hom : s.hom_het);
    return less ? 0.5 - (double)(4 * s.ibs0 + s.het_hom + s.hom_het) / (4.0 * (double)less) : NAN;
}

double sg_kinship_called(const sg_people *p, int64_t i, int64_t j)
{
    return robust(count(sg_people_lo(p, i), sg_people_lo(p, j), p->n_word));
}

/* ---- all pairs ---- */

enum { BLOCK = 64 }; /* people whose genotypes stay in the cache beside one another */

typedef struct hunt {
    const sg_people *p;
    const sg_run *run;
    double limit;
    int64_t max, n_block;
    sg_kin_pair *pair; /* [max] */
    atomic_llong n;
} hunt;

/* Block i against itself and all later ones. Pairs land in any order and are sorted afterwards. */
static void one_block(void *ctx, int64_t i, int worker)
{
    (void)worker;
    hunt *h = ctx;
    const int64_t n = h->p->n_sample, from = i * BLOCK, to = from + BLOCK < n ? from + BLOCK : n;
    for (int64_t other = from; other < n && !sg_cancelled(h->run); other += BLOCK) {
        const int64_t end = other + BLOCK < n ? other + BLOCK : n;
        for (int64_t x = from; x < to; x++)
            for (int64_t y = other > x ? other : x + 1; y < end; y++) {
                const double k = sg_kinship_called(h->p, x, y);
                if (!(k >= h->limit))
                    continue;
                const int64_t at = atomic_fetch_add(&h->n, 1);
                if (at < h->max)
                    h->pair[at] = (sg_kin_pair){x, y, k};
            }
    }
}

static int in_order(const void *a, const void *b)
{
    const sg_kin_pair *x = a, *y = b;
    return x->i != y->i ? (x->i > y->i) - (x->i < y->i) : (x->j > y->j) - (x->j < y->j);
}

sg_status sg_kinship_pairs(const sg_people *p, double limit, int64_t max, const sg_run *run, sg_arena *a,
                           sg_kin_pair **pair, int64_t *n_pair, sg_err *err)
{
    hunt h = {.p = p, .run = run, .limit = limit, .max = max, .n_block = (p->n_sample + BLOCK - 1) / BLOCK};
    *n_pair = 0;
    *pair = h.pair = SG_NEW_RAW(a, sg_kin_pair, max);
    if (!h.pair)
        return sg_arena_full(a, "pairs of relatives", err);
    sg_pool_for(run ? run->pool : NULL, h.n_block, one_block, &h);
    if (sg_cancelled(run))
        return sg_fail(err, SG_CANCELLED, "stopped while measuring kinship");
    const int64_t n = atomic_load(&h.n);
    if (n > max)
        return sg_fail(err, SG_LIMIT, "%lld pairs of people have a kinship of %g or more, at most %lld are expected",
                       (long long)n, limit, (long long)max);
    if (n)
        qsort(h.pair, (size_t)n, sizeof *h.pair, in_order);
    *n_pair = n;
    return SG_OK;
}

/* ---- how exact ---- */

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

sg_status sg_kinship_spread(const sg_people *p, int64_t n_draw, uint64_t seed, sg_arena *a, double *median, double *sd,
                            sg_err *err)
{
    const int64_t n = p->n_sample;
    const size_t mark = sg_arena_mark(a);
    double *k = SG_NEW_RAW(a, double, n_draw);
    *median = *sd = NAN;
    if (!k)
        return sg_arena_full(a, "kinship of pairs drawn by lot", err);
    int64_t m = 0;
    sg_rng r = sg_rng_stream(seed, SG_RNG_SPLIT, 0x6b696e, 1);
    for (int64_t d = 0; n > 1 && d < n_draw; d++) {
        const int64_t i = (int64_t)sg_rng_below(&r, (uint32_t)n), j = (int64_t)sg_rng_below(&r, (uint32_t)n);
        const double one = i == j ? NAN : sg_kinship_called(p, i, j);
        if (isfinite(one))
            k[m++] = one;
    }
    if (m) {
        qsort(k, (size_t)m, sizeof *k, by_size);
        *median = k[m / 2];
        int64_t below = 0;
        while (below < m && k[below] <= 0)
            below++;
        *sd = 1.4826 * k[below + (m - below) / 2 - (below == m)];
        for (int64_t i = 0; m - below < 30 && i < m; i++)
            k[i] = fabs(k[i] - *median);
        if (m - below < 30) {
            qsort(k, (size_t)m, sizeof *k, by_size);
            *sd = 1.4826 * k[m / 2];
        }
    }
    sg_arena_rewind(a, mark);
    return SG_OK;
}
