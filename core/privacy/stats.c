/* stats.c - see stats.h. */
#include "privacy/stats.h"
#include "stat/roc.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

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

void sg_wilson(int64_t k, int64_t n, double alpha, double *centre, double *half)
{
    assert(k >= 0 && n >= 1 && k <= n);
    const double z = sg_normal_quantile(1 - alpha / 2), z2 = z * z, m = (double)n, p = (double)k / m;
    *centre = ((double)k + z2 / 2) / (m + z2);
    *half = z / (m + z2) * sqrt(m * p * (1 - p) + z2 / 4);
}

/* The smaller tail is summed from its largest term on; the other is its complement. */
double sg_poisson_tail(int64_t k, double mean)
{
    if (k <= 0)
        return 1;
    if (!(mean > 0))
        return 0;
    const bool upper = (double)k > mean;
    double sum = 0;
    for (int64_t i = upper ? k : k - 1; i >= 0; upper ? i++ : i--) {
        const double term = exp((double)i * log(mean) - mean - log_gamma((double)i + 1));
        sum += term;
        if (term <= 1e-18 * sum)
            break;
    }
    return upper ? sum : sum < 1 ? 1 - sum : 0;
}

void sg_holm(const double *p, int n, double alpha, bool *reject)
{
    assert(n <= 256);
    for (int i = 0; i < n; i++)
        reject[i] = false;
    for (int left = n; left > 0; left--) {
        int best = -1;
        for (int i = 0; i < n; i++)
            if (!reject[i] && (best < 0 || p[i] < p[best] || isnan(p[best])))
                best = i;
        if (!(p[best] <= alpha / left))
            return;
        reject[best] = true;
    }
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

/* Of the mean of x [n]. */
static double mean_variance(const double *x, int64_t n)
{
    double sum = 0, square = 0;
    for (int64_t i = 0; i < n; i++)
        sum += x[i];
    for (int64_t i = 0; i < n; i++)
        square += (x[i] - sum / (double)n) * (x[i] - sum / (double)n);
    return square / (double)(n - 1) / (double)n;
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
    double *score = SG_NEW_RAW(a, double, n);
    uint8_t *is = SG_NEW_RAW(a, uint8_t, n);
    sg_roc r;
    sg_status st = score && is ? SG_OK : sg_arena_full(a, "scores", err);
    for (int64_t i = 0; !st && i < n; i++) {
        score[i] = i < n1 ? member[i] : other[i - n1];
        is[i] = i < n1;
    }
    if (!st)
        st = sg_roc_new(score, is, n, a, &r, err);
    if (!st) {
        out->auc = r.area;
        out->se = sqrt(mean_variance(r.of_case, n1) + mean_variance(r.of_control, n0));
    }
    sg_arena_rewind(a, mark);
    return st;
}
