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

/* Wilson: the centre of the score interval of a rate of k in n, and half its width; n >= 1. Coverage is nominal on
 * average, and the two numbers can be carried through arithmetic (Anonymeter's risks are). */
void sg_wilson(int64_t k, int64_t n, double alpha, double *centre, double *half);

/* P(X >= k) for X Poisson with this mean >= 0. */
double sg_poisson_tail(int64_t k, double mean);

/* Holm's step-down: reject [n] is true where the hypothesis is rejected with a family-wise error of alpha; p [n] may hold
 * NaN, which is never rejected and counts as a member of the family. n <= 256, asserted. */
void sg_holm(const double *p, int n, double alpha, bool *reject);

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

/* Area under the ROC curve of two samples of scores: P(member scores higher) + P(tie) / 2, with DeLong's standard error
 * (stat/roc.h). */
typedef struct sg_auc {
    double auc, se;
    int64_t n1, n0;
} sg_auc;

/* DEGENERATE with fewer than two in a group or a score that is NaN; NOMEM. */
sg_status sg_auc_delong(const double *member, int64_t n1, const double *other, int64_t n0, sg_arena *a, sg_auc *out,
                        sg_err *err) SG_MUST_USE;

#endif
