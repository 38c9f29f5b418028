/* stats.h - the statistics of the release gate: intervals and tests whose guarantees hold at small counts.
 *
 * Shape:   plain numbers and arrays.
 * Units:   probabilities 0..1.
 * Owner:   scratch from the arena, rewound before return.
 * Threads: pure functions.
 * Not here: what is measured and what is allowed.
 */
#ifndef SG_PRIVACY_STATS_H
#define SG_PRIVACY_STATS_H

#include "base/arena.h"

/* Standard normal: P(Z < z) and its inverse (0 < p < 1, asserted). */
double sg_normal_cdf(double z);
double sg_normal_quantile(double p);

/* Regularised incomplete beta I_x(a, b), a, b > 0, 0 <= x <= 1: the distribution function of Beta(a, b). Continued
 * fraction by Lentz's method; absolute error below 1e-12. */
double sg_beta_cdf(double a, double b, double x);

/* Clopper-Pearson: exact interval for a rate of k in n, coverage at least 1 - alpha. n = 0 gives [0, 1]. */
void sg_binomial_interval(int64_t k, int64_t n, double alpha, double *lo, double *hi);

/* Fisher's exact test, one-sided: probability of k1 or more of the k1 + k0 hits falling into the first group of n1,
 * when both groups are alike. Small means the first group is hit more often. */
double sg_fisher_greater(int64_t k1, int64_t n1, int64_t k0, int64_t n0);

/* Gumbel distribution of minima: P(X < x) = 1 - exp(-exp((x - mu) / beta)). Fitted by moments:
 * beta = sd sqrt(6) / pi, mu = mean + 0.5772 beta. */
typedef struct sg_gumbel {
    double mu, beta;
} sg_gumbel;
sg_gumbel sg_gumbel_min_fit(const double *x, int64_t n); /* n >= 2, asserted */
double sg_gumbel_min_quantile(sg_gumbel g, double p);

/* The smallest x[i] such that at least a share q of the values is <= it; sorts x in place. n >= 1. */
double sg_quantile(double *x, int64_t n, double q);

/* Area under the ROC curve: P(member scores higher) + P(tie) / 2, with DeLong's standard error. */
typedef struct sg_auc {
    double auc, se;
    int64_t n1, n0;
} sg_auc;

/* Midranks, O(n log n). DEGENERATE with fewer than two in a group or a score that is NaN; NOMEM. */
sg_status sg_auc_delong(const double *member, int64_t n1, const double *other, int64_t n0, sg_arena *a, sg_auc *out,
                        sg_err *err) SG_MUST_USE;

#endif
