/* strata.c - see strata.h. */
#include "panel/strata.h"
#include "base/rng.h"
#include "stat/pca.h"

#include <math.h>
#include <string.h>

enum { SNPS = 512, FITTED = 4096, AXES = 4, ROUNDS = 50, TRIALS = 10 };

/* People that components and centres are fitted on, evenly spaced. */
static int64_t fitted(const sg_people *p)
{
    return p->n_sample < FITTED ? p->n_sample : FITTED;
}

/* Evenly spaced columns of p. */
static sg_status thin_snps(const sg_people *p, sg_arena *a, sg_people *out, sg_err *err)
{
    const int64_t M = p->n_variant, m = M < SNPS ? M : SNPS;
    SG_TRY(sg_people_new(p->n_sample, m, a, out, err));
    int8_t *all = SG_NEW_RAW(a, int8_t, M), *some = SG_NEW_RAW(a, int8_t, m);
    if (!all || !some)
        return sg_arena_full(a, "groups of like ancestry", err);
    for (int64_t i = 0; i < p->n_sample; i++) {
        sg_people_unpack(p, i, all);
        for (int64_t v = 0; v < m; v++)
            some[v] = all[v * M / m];
        sg_people_pack(out, i, some);
    }
    return SG_OK;
}

/* score [p.n_sample, k] on the first k components. */
static sg_status scores(const sg_people *p, int k, const sg_run *run, sg_arena *a, double *score, sg_err *err)
{
    const int64_t n = fitted(p);
    int64_t *fit = SG_NEW_RAW(a, int64_t, n);
    float *r = SG_NEW_RAW(a, float, p->n_variant * p->n_variant);
    if (!fit || !r)
        return sg_arena_full(a, "groups of like ancestry", err);
    for (int64_t i = 0; i < n; i++)
        fit[i] = i * p->n_sample / n;
    sg_snps snps;
    sg_pca pca;
    SG_TRY(sg_snps_new(p, fit, n, a, &snps, err));
    SG_TRY(sg_snps_correlation(&snps, run, r, err));
    SG_TRY(sg_pca_fit(&snps, r, k, a, &pca, err));
    sg_pca_project(&pca, p, run, score);
    return SG_OK;
}

static double apart(const double *x, const double *y, int k)
{
    double sum = 0;
    for (int d = 0; d < k; d++)
        sum += (x[d] - y[d]) * (x[d] - y[d]);
    return sum;
}

static int nearest(const double *x, const double *centre, int n, int k, double *least)
{
    int best = 0;
    *least = INFINITY;
    for (int g = 0; g < n; g++) {
        const double d = apart(x, centre + (ptrdiff_t)g * k, k);
        if (d < *least) {
            *least = d;
            best = g;
        }
    }
    return best;
}

/* k-means++: a person drawn by lot, then each next one by the square of his distance to the nearest so far. least [n_people] */
static void begin(const double *score, int64_t n_people, int n, int k, sg_rng *r, double *least, double *centre)
{
    int64_t who = (int64_t)sg_rng_below(r, (uint64_t)n_people);
    for (int g = 0; g < n; g++) {
        memcpy(centre + (ptrdiff_t)g * k, score + who * k, (size_t)k * sizeof *centre);
        double sum = 0;
        for (int64_t i = 0; i < n_people; i++) {
            (void)nearest(score + i * k, centre, g + 1, k, &least[i]);
            sum += least[i];
        }
        double at = sg_rng_uniform(r) * sum;
        for (who = 0; who < n_people - 1 && at >= least[who]; who++)
            at -= least[who];
    }
}

/* Centres move to the means of their groups. Returns the sum of squared distances before. */
static double move(const double *score, int64_t n_people, int n, int k, double *centre)
{
    double sum[SG_STRATA_MAX][AXES] = {{0}}, total = 0;
    int64_t size[SG_STRATA_MAX] = {0};
    for (int64_t i = 0; i < n_people; i++) {
        double d;
        const int g = nearest(score + i * k, centre, n, k, &d);
        total += d;
        size[g]++;
        for (int c = 0; c < k; c++)
            sum[g][c] += score[i * k + c];
    }
    for (int g = 0; g < n; g++)
        for (int c = 0; c < k && size[g]; c++)
            centre[g * k + c] = sum[g][c] / (double)size[g];
    return total;
}

/* The best of several beginnings. */
static void find_centres(const double *score, int64_t n_people, int n, int k, double *least, double *centre)
{
    double best = INFINITY, here[SG_STRATA_MAX * AXES];
    sg_rng r = sg_rng_stream(0x5747, SG_RNG_SPLIT, 0, 0); /* of the genotypes alone, not of the split's seed */
    for (int trial = 0; trial < TRIALS; trial++) {
        begin(score, n_people, n, k, &r, least, here);
        double total = INFINITY;
        for (int round = 0; round < ROUNDS; round++) {
            const double now = move(score, n_people, n, k, here);
            if (!(now < total))
                break;
            total = now;
        }
        if (total < best) {
            best = total;
            memcpy(centre, here, sizeof here);
        }
    }
}

sg_status sg_strata(const sg_people *p, int n, const sg_run *run, sg_arena *a, uint8_t *stratum, sg_err *err)
{
    const size_t mark = sg_arena_mark(a);
    const int k = p->n_variant < AXES ? (int)p->n_variant : AXES;
    const int64_t n_fit = fitted(p);
    if (p->n_sample)
        memset(stratum, 0, (size_t)p->n_sample);
    if (n < 2 || p->n_sample < 2 || k < 1)
        return SG_OK;
    sg_people some;
    double centre[SG_STRATA_MAX * AXES] = {0}, *score = SG_NEW_RAW(a, double, p->n_sample *k),
                                  *fit = SG_NEW_RAW(a, double, n_fit *(k + 1));
    sg_status st = score && fit ? thin_snps(p, a, &some, err) : sg_arena_full(a, "groups of like ancestry", err);
    if (!st)
        st = scores(&some, k, run, a, score, err);
    if (!st) {
        for (int64_t i = 0; i < n_fit; i++)
            memcpy(fit + i * k, score + i * p->n_sample / n_fit * k, (size_t)k * sizeof *fit);
        find_centres(fit, n_fit, n, k, fit + n_fit * k, centre);
        for (int64_t i = 0; i < p->n_sample; i++) {
            double d;
            stratum[i] = (uint8_t)nearest(score + i * k, centre, n, k, &d);
        }
    }
    sg_arena_rewind(a, mark);
    return st;
}
