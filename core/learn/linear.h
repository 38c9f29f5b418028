/* linear.h - risk scores that are sums over SNPs: one logistic regression per SNP, or one penalised one over all.
 *
 * Shape:   people [n, L], is_case [n] 0 or 1; weights [L].
 * Units:   weights are log odds per copy of the counted allele.
 * Owner:   results in the caller's arena; scratch in it too, rewound.
 * Threads: pure functions; no pool: callers run many fits side by side. OpenBLAS is pinned to one thread.
 * Not here: how good a score is (stat/roc.h).
 */
#ifndef SG_LEARN_LINEAR_H
#define SG_LEARN_LINEAR_H

#include "base/run.h"
#include "geno/geno.h"

/* log odds per copy, its standard error (Wald); NaN when the likelihood has no maximum (a SNP that does not vary, or
 * that parts cases from controls). */
typedef struct sg_beta {
    double beta, se;
} sg_beta;

/* Logistic regression of being a case on copies, from how many controls and cases have 0, 1, 2 copies. */
sg_beta sg_beta_fit(const int64_t control[3], const int64_t cases[3]);

/* score [n] = sum over SNPs of weight times copies, overwritten; a weight that is not finite counts as 0. */
void sg_linear_score(const double *weight, const sg_people *p, double *score);

typedef struct sg_ridge {
    double *weight; /* [L] per copy */
    double intercept;
    double penalty; /* chosen, on standardised SNPs, per person: lambda / n */
    double cv_loss; /* mean held-out log loss at it */
} sg_ridge;

enum { SG_RIDGE_FOLDS = 5 };

/* Logistic regression on standardised SNPs with lambda/2 |w|^2; lambda / n is `penalty`, or with 0 chosen from a grid by
 * 5-fold cross-validation (folds are drawn from the seed, cases and controls apart). DEGENERATE: fewer than 5 cases or controls; NOMEM;
 * CANCELLED; INTERNAL: the Newton steps do not converge. */
sg_status sg_ridge_fit(const sg_people *p, const uint8_t *is_case, uint64_t seed, double penalty, const sg_run *run,
                       sg_arena *a, sg_ridge *out, sg_err *err) SG_MUST_USE;

/* fold [n] = 0..n_fold-1, overwritten: cases and controls each dealt out evenly in an order drawn from the seed. NOMEM. */
sg_status sg_folds(const uint8_t *is_case, int64_t n, int n_fold, uint64_t seed, sg_arena *a, int8_t *fold,
                   sg_err *err) SG_MUST_USE;

#endif
