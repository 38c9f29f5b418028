/* linear.c - one SNP at a time, and sums over SNPs; see linear.h. */
#include "learn/linear.h"
#include "base/rng.h"

#include <math.h>
#include <string.h>

enum { STEP_FOLDS = 50 };

typedef struct fit2 {
    double loss, ga, gb, haa, hab, hbb;
} fit2;

/* Negative log-likelihood of log odds a + b x with gradient and Hessian. */
static fit2 at(const int64_t control[3], const int64_t cases[3], double a, double b)
{
    fit2 f = {0};
    for (int x = 0; x < 3; x++) {
        const double eta = a + b * x, n = (double)(control[x] + cases[x]), p = 1 / (1 + exp(-eta));
        const double r = n * p - (double)cases[x], w = n * p * (1 - p);
        f.loss += n * (fmax(eta, 0) + log1p(exp(-fabs(eta)))) - (double)cases[x] * eta;
        f.ga += r;
        f.gb += r * x;
        f.haa += w;
        f.hab += w * x;
        f.hbb += w * x * x;
    }
    return f;
}

sg_beta sg_beta_fit(const int64_t control[3], const int64_t cases[3])
{
    const sg_beta none = {NAN, NAN};
    const int64_t n1 = cases[0] + cases[1] + cases[2], n0 = control[0] + control[1] + control[2];
    if (n1 < 1 || n0 < 1)
        return none;
    double a = log((double)n1 / (double)n0), b = 0;
    fit2 f = at(control, cases, a, b);
    for (int it = 0; it < 100; it++) {
        const double det = f.haa * f.hbb - f.hab * f.hab;
        if (!(det > 1e-12 * f.haa * f.hbb) || !(f.haa > 0))
            return none;
        const double da = -(f.hbb * f.ga - f.hab * f.gb) / det, db = -(f.haa * f.gb - f.hab * f.ga) / det;
        double t = 1;
        fit2 next = at(control, cases, a + da, b + db);
        while (next.loss > f.loss + 1e-9 * fabs(f.loss) && t > 1e-6) {
            t /= 2;
            next = at(control, cases, a + t * da, b + t * db);
        }
        a += t * da;
        b += t * db;
        f = next;
        if (fabs(b) > 30) /* the likelihood rises for ever */
            return none;
        if (fabs(t * da) + fabs(t * db) < 1e-10)
            break;
    }
    const double det = f.haa * f.hbb - f.hab * f.hab;
    /* nothing left to tell chances from 0 and 1: separated, although the steps have become small */
    if (!(det > 1e-9 * f.haa * f.hbb) || !(f.haa > 1e-6))
        return none;
    return (sg_beta){b, sqrt(f.haa / det)};
}

void sg_linear_score(const double *weight, const sg_people *p, double *score)
{
    for (int64_t i = 0; i < p->n_sample; i++) {
        const uint64_t *lo = sg_people_lo(p, i), *hi = sg_people_hi(p, i);
        double sum = 0;
        for (int64_t w = 0; w < p->n_word; w++)
            for (uint64_t any = lo[w] | hi[w]; any; any &= any - 1) {
                const int bit = __builtin_ctzll(any);
                const double x = weight[64 * w + bit];
                sum += isfinite(x) ? x * (double)(1 + (hi[w] >> bit & 1)) : 0;
            }
        score[i] = sum;
    }
}

sg_status sg_folds(const uint8_t *is_case, int64_t n, int n_fold, uint64_t seed, sg_arena *a, int8_t *fold, sg_err *err)
{
    const size_t mark = sg_arena_mark(a);
    int64_t *idx = SG_NEW_RAW(a, int64_t, n);
    if (!idx)
        return sg_arena_full(a, "folds", err);
    for (int group = 0; group < 2; group++) {
        int64_t k = 0;
        for (int64_t i = 0; i < n; i++)
            if ((is_case[i] != 0) == group)
                idx[k++] = i;
        sg_rng r = sg_rng_stream(seed, SG_RNG_EVALUATE, (uint64_t)group, STEP_FOLDS);
        sg_rng_shuffle(&r, idx, k);
        for (int64_t i = 0; i < k; i++)
            fold[idx[i]] = (int8_t)(i % n_fold);
    }
    sg_arena_rewind(a, mark);
    return SG_OK;
}
