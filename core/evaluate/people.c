/* people.c - person by person: clouds along the real people's components, relatives, neighbours.
 *
 * Kinship and neighbourhoods depend on how many people there are, so both sides are cut to the same number first. */
#include "evaluate/inside.h"
#include "base/rng.h"
#include "geno/kinship.h"
#include "geno/neighbours.h"
#include "privacy/stats.h"

#include <math.h>
#include <stdlib.h>

enum { STEP_REF = 10, STEP_X = 11, NEIGHBOUR = 5 };

static int by_number(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

int64_t *sg_choose_some(int64_t total, int64_t n, uint64_t seed, uint32_t step, sg_arena *a)
{
    int64_t *idx = SG_NEW(a, int64_t, total);
    if (!idx)
        return NULL;
    for (int64_t i = 0; i < total; i++)
        idx[i] = i;
    sg_rng r = sg_rng_stream(seed, SG_RNG_EVALUATE, 0, step);
    sg_rng_shuffle(&r, idx, total);
    qsort(idx, (size_t)n, sizeof *idx, by_number);
    return idx;
}

sg_status sg_compare_pca(sg_evaluation *e, sg_column c, const sg_against *ref, const sg_side *x, const sg_run *run,
                         sg_arena *a, sg_err *err)
{
    const size_t mark = sg_arena_mark(a);
    double *score = SG_NEW(a, double, x->people.n_sample * ref->pca.k);
    if (!score)
        return sg_arena_full(a, "principal components", err);
    sg_pca_project(&ref->pca, &x->people, run, score);
    sg_estimate d;
    const sg_status st = sg_sliced_wasserstein(ref->score, ref->side->people.n_sample, score, x->people.n_sample,
                                               ref->pca.k, e->o->seed, run, a, &d, err);
    if (!st)
        sg_rows_put(&e->rows, SG_FIGURE_PCA_DISTANCE, NULL, c, d);
    sg_arena_rewind(a, mark);
    return st;
}

static sg_estimate share(int64_t k, int64_t n)
{
    sg_estimate x = {n ? (double)k / (double)n : (double)NAN, NAN, NAN};
    sg_binomial_interval(k, n, 0.05, &x.lo, &x.hi);
    return x;
}

static sg_status kinship(sg_evaluation *e, sg_column c, const sg_people *ref, const sg_people *x, const sg_run *run,
                         sg_arena *a, sg_err *err)
{
    const int64_t n = x->n_sample;
    double *most = SG_NEW_RAW(a, double, n);
    int64_t *close = SG_NEW_RAW(a, int64_t, n);
    if (!most || !close)
        return sg_arena_full(a, "kinship", err);
    for (int toward = 0; toward < 2; toward++) {
        SG_TRY(sg_kinship_closest(x, toward ? ref : x, SG_KIN_FIRST, !toward, run, a, most, close, err));
        int64_t related = 0;
        double sum = 0, square = 0, with = 0;
        for (int64_t i = 0; i < n; i++) {
            related += close[i] > 0;
            if (isfinite(most[i])) {
                sum += most[i];
                square += most[i] * most[i];
                with++;
            }
        }
        sg_rows_put(&e->rows, toward ? SG_FIGURE_KIN_TO_REAL : SG_FIGURE_KIN_AMONG, NULL, c, share(related, n));
        if (toward && with > 1)
            sg_rows_put(&e->rows, SG_FIGURE_KIN_CLOSEST, NULL, c,
                        sg_estimate_normal(sum / with, sqrt((square - sum * sum / with) / (with - 1) / with)));
    }
    return SG_OK;
}

/* Mean and squared standard error over people of: farther from the other side than from one's own? A tie is half. */
static void farther(const sg_near *other, const sg_near *own, int64_t n, double *mean, double *se2)
{
    double sum = 0, square = 0;
    for (int64_t i = 0; i < n; i++) {
        const double x = other[i].d[0] > own[i].d[0] ? 1 : other[i].d[0] == own[i].d[0] ? 0.5 : 0;
        sum += x;
        square += x * x;
    }
    *mean = sum / (double)n;
    *se2 = (square / (double)n - *mean * *mean) / (double)n;
}

static sg_status neighbours(sg_evaluation *e, sg_column c, const sg_people *ref, const sg_people *x, const sg_run *run,
                            sg_arena *a, sg_err *err)
{
    const int64_t n = x->n_sample;
    sg_near *to[4];
    const sg_people *from[4] = {ref, ref, x, x}, *at[4] = {x, ref, ref, x};
    for (int k = 0; k < 4; k++) {
        to[k] = SG_NEW_RAW(a, sg_near, n);
        if (!to[k])
            return sg_arena_full(a, "nearest people", err);
        SG_TRY(sg_nearest(from[k], at[k], SG_HAMMING, k % 2 == 1, run, a, to[k], NULL, err));
    }
    double m1, m2, s1, s2;
    farther(to[0], to[1], n, &m1, &s1);
    farther(to[2], to[3], n, &m2, &s2);
    sg_rows_put(&e->rows, SG_FIGURE_NNAA, NULL, c, sg_estimate_normal((m1 + m2) / 2, sqrt(s1 + s2) / 2));
    int32_t *radius = SG_NEW_RAW(a, int32_t, n);
    uint8_t *inside = SG_NEW_RAW(a, uint8_t, n);
    if (!radius || !inside)
        return sg_arena_full(a, "neighbourhoods", err);
    for (int recall = 0; recall < 2; recall++) {
        const sg_people *ball = recall ? x : ref, *point = recall ? ref : x;
        SG_TRY(sg_neighbour_radius(ball, SG_HAMMING, NEIGHBOUR, run, a, radius, err));
        SG_TRY(sg_neighbour_inside(point, ball, radius, SG_HAMMING, run, a, inside, err));
        int64_t k = 0;
        for (int64_t i = 0; i < n; i++)
            k += inside[i];
        sg_rows_put(&e->rows, recall ? SG_FIGURE_RECALL : SG_FIGURE_PRECISION, NULL, c, share(k, n));
    }
    return SG_OK;
}

/* The whole of p, or n of them. */
static sg_status cut(const sg_people *p, int64_t n, uint64_t seed, uint32_t step, sg_arena *a, sg_people *out,
                     sg_err *err)
{
    *out = *p;
    if (p->n_sample == n)
        return SG_OK;
    const int64_t *idx = sg_choose_some(p->n_sample, n, seed, step, a);
    if (!idx)
        return sg_arena_full(a, "a choice of people", err);
    SG_TRY(sg_people_new(n, p->n_variant, a, out, err));
    sg_people_gather(p, idx, n, out);
    return SG_OK;
}

sg_status sg_compare_people(sg_evaluation *e, sg_column c, const sg_side *ref, const sg_side *x, const sg_run *run,
                            sg_arena *a, sg_err *err)
{
    const size_t mark = sg_arena_mark(a);
    const int64_t n = ref->people.n_sample < x->people.n_sample ? ref->people.n_sample : x->people.n_sample;
    sg_people r, s;
    sg_status st = cut(&ref->people, n, e->o->seed, STEP_REF, a, &r, err);
    if (!st)
        st = cut(&x->people, n, e->o->seed, STEP_X, a, &s, err);
    if (!st)
        st = kinship(e, c, &r, &s, run, a, err);
    if (!st)
        st = neighbours(e, c, &r, &s, run, a, err);
    sg_arena_rewind(a, mark);
    return st;
}
