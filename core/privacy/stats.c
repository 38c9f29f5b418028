/* stats.c - see stats.h.
 *
 * DeLong: E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson, Biometrics 44 (1988), in the midrank form of Sun and Xu,
 * IEEE Signal Processing Letters 21 (2014).
 */
#include "privacy/stats.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

double sg_normal_cdf(double z)
{
    return 0.5 * erfc(-z * 0.70710678118654752440);
}

/* Bisection: monotone, short, and exact to the last bits that matter. */
double sg_normal_quantile(double p)
{
    assert(p > 0 && p < 1);
    double lo = -40, hi = 40;
    for (int i = 0; i < 200 && lo < hi; i++) {
        const double mid = 0.5 * (lo + hi);
        if (mid <= lo || mid >= hi)
            break;
        if (sg_normal_cdf(mid) < p)
            lo = mid;
        else
            hi = mid;
    }
    return 0.5 * (lo + hi);
}

/* lgamma() writes a global sign; threads call this. */
static double log_gamma(double x)
{
    int sign;
    return lgamma_r(x, &sign);
}

static double beta_fraction(double a, double b, double x)
{
    const double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    d = 1 / (fabs(d) < tiny ? tiny : d);
    double f = d;
    for (int m = 1; m <= 100000; m++) {
        const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        double step = 1;
        for (int k = 0; k < 2; k++) {
            const double t = k ? odd : even;
            d = 1 + t * d;
            d = 1 / (fabs(d) < tiny ? tiny : d);
            c = 1 + t / c;
            c = fabs(c) < tiny ? tiny : c;
            step = c * d;
            f *= step;
        }
        if (fabs(step - 1) < 1e-15)
            break;
    }
    return f;
}

double sg_beta_cdf(double a, double b, double x)
{
    if (x <= 0)
        return 0;
    if (x >= 1)
        return 1;
    const double front = exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * log(x) + b * log1p(-x));
    /* The fraction converges fast on the nearer side of the mean. */
    return x < (a + 1) / (a + b + 2) ? front * beta_fraction(a, b, x) / a : 1 - front * beta_fraction(b, a, 1 - x) / b;
}

static double beta_quantile(double a, double b, double p)
{
    double lo = 0, hi = 1;
    for (int i = 0; i < 100; i++) {
        const double mid = 0.5 * (lo + hi);
        if (sg_beta_cdf(a, b, mid) < p)
            lo = mid;
        else
            hi = mid;
    }
    return 0.5 * (lo + hi);
}

void sg_binomial_interval(int64_t k, int64_t n, double alpha, double *lo, double *hi)
{
    assert(k >= 0 && k <= n);
    *lo = k == 0 ? 0 : beta_quantile((double)k, (double)(n - k) + 1, alpha / 2);
    *hi = k == n ? 1 : beta_quantile((double)k + 1, (double)(n - k), 1 - alpha / 2);
}

static double log_choose(int64_t n, int64_t k)
{
    return log_gamma((double)n + 1) - log_gamma((double)k + 1) - log_gamma((double)(n - k) + 1);
}

double sg_fisher_greater(int64_t k1, int64_t n1, int64_t k0, int64_t n0)
{
    assert(k1 >= 0 && k1 <= n1 && k0 >= 0 && k0 <= n0);
    const int64_t k = k1 + k0, most = k < n1 ? k : n1;
    const double all = log_choose(n1 + n0, k);
    double p = 0;
    for (int64_t i = most; i >= k1; i--) /* smallest terms first */
        if (k - i <= n0)
            p += exp(log_choose(n1, i) + log_choose(n0, k - i) - all);
    return p < 1 ? p : 1;
}

sg_gumbel sg_gumbel_min_fit(const double *x, int64_t n)
{
    assert(n >= 2);
    double mean = 0, square = 0;
    for (int64_t i = 0; i < n; i++)
        mean += x[i] / (double)n;
    for (int64_t i = 0; i < n; i++)
        square += (x[i] - mean) * (x[i] - mean) / (double)(n - 1);
    const double beta = sqrt(6 * square) / 3.14159265358979323846;
    return (sg_gumbel){mean + 0.57721566490153286 * beta, beta};
}

double sg_gumbel_min_quantile(sg_gumbel g, double p)
{
    return g.mu + g.beta * log(-log1p(-p));
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double sg_quantile(double *x, int64_t n, double q)
{
    assert(n >= 1);
    qsort(x, (size_t)n, sizeof *x, by_value);
    const int64_t at = (int64_t)ceil(q * (double)n) - 1;
    return x[at < 0 ? 0 : at >= n ? n - 1 : at];
}

typedef struct scored {
    double x;
    int64_t who;
} scored;

static int by_score(const void *a, const void *b)
{
    const scored *p = a, *q = b;
    return p->x != q->x ? (p->x > q->x) - (p->x < q->x) : (p->who > q->who) - (p->who < q->who);
}

/* Midranks (1-based, ties share their mean) of s [n], which is sorted here; rank[who] is written. */
static void midranks(scored *s, int64_t n, double *rank)
{
    qsort(s, (size_t)n, sizeof *s, by_score);
    for (int64_t i = 0; i < n;) {
        int64_t j = i;
        while (j < n && s[j].x == s[i].x)
            j++;
        for (int64_t k = i; k < j; k++)
            rank[s[k].who] = 0.5 * (double)(i + j + 1);
        i = j;
    }
}

/* Variance of (all - own) / n_other over a group: the placements of its members among the others. */
static double placement_variance(const double *all, const double *own, int64_t n, int64_t n_other, double *mean)
{
    double sum = 0, square = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (all[i] - own[i]) / (double)n_other;
    *mean = sum / (double)n;
    for (int64_t i = 0; i < n; i++) {
        const double d = (all[i] - own[i]) / (double)n_other - *mean;
        square += d * d;
    }
    return square / (double)(n - 1);
}

sg_status sg_auc_delong(const double *member, int64_t n1, const double *other, int64_t n0, sg_arena *a, sg_auc *out,
                        sg_err *err)
{
    *out = (sg_auc){NAN, NAN, n1, n0};
    if (n1 < 2 || n0 < 2)
        return sg_fail(err, SG_DEGENERATE, "an AUC of %lld members and %lld others, want 2 or more of each",
                       (long long)n1, (long long)n0);
    const size_t mark = sg_arena_mark(a);
    const int64_t n = n1 + n0;
    scored *s = SG_NEW_RAW(a, scored, n);
    double *all = SG_NEW_RAW(a, double, n), *own = SG_NEW_RAW(a, double, n);
    if (!s || !all || !own) {
        sg_arena_rewind(a, mark);
        return sg_arena_full(a, "ranks", err);
    }
    bool finite = true;
    for (int64_t i = 0; i < n; i++) {
        s[i] = (scored){i < n1 ? member[i] : other[i - n1], i};
        finite = finite && !isnan(s[i].x);
    }
    if (finite) {
        midranks(s, n, all);
        for (int64_t i = 0; i < n1; i++)
            s[i] = (scored){member[i], i};
        midranks(s, n1, own);
        for (int64_t i = 0; i < n0; i++)
            s[i] = (scored){other[i], i};
        midranks(s, n0, own + n1);
        double below;
        const double v1 = placement_variance(all, own, n1, n0, &out->auc);
        const double v0 = placement_variance(all + n1, own + n1, n0, n1, &below);
        out->se = sqrt(v1 / (double)n1 + v0 / (double)n0);
    }
    sg_arena_rewind(a, mark);
    return finite ? SG_OK : sg_fail(err, SG_DEGENERATE, "a score is not a number");
}
