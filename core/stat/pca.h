/* pca.h - principal components of one sample, and how far another lies from it along them.
 *
 * Shape:   K components of L SNPs; scores [n, K].
 * Units:   SNPs are standardised with the means and deviations of the people the components were fitted on; a component
 *          has unit length, so its scores' variance is its eigenvalue of the correlation matrix.
 * Owner:   the arena.
 * Threads: fitting is one thread; projecting uses run->pool, same bytes for any number.
 * Not here: plots.
 */
#ifndef SG_STAT_PCA_H
#define SG_STAT_PCA_H

#include "stat/estimate.h"
#include "stat/snps.h"

typedef struct sg_pca {
    int64_t n_snp;
    int k;
    double *value;      /* [k] eigenvalues, descending */
    double *axis;       /* [k, n_snp] unit length; the largest entry of each is positive */
    double *mean, *inv; /* [n_snp] mean copies, 1 / standard deviation (0 for a SNP that does not vary) */
} sg_pca;

/* From the correlation matrix r [L, L] of s (snps.h), by iterating on a subspace. LIMIT: k outside 1..n_snp. NOMEM. */
sg_status sg_pca_fit(const sg_snps *s, const float *r, int k, sg_arena *a, sg_pca *out, sg_err *err) SG_MUST_USE;

/* score [p.n_sample, k], overwritten. */
void sg_pca_project(const sg_pca *pca, const sg_people *p, const sg_run *run, double *score);

/* Sliced Wasserstein-1 distance of two clouds x [n, k], y [m, k]: mean over random directions of the distance between
 * the distributions along them; in the units of x. Interval: bootstrap over the people of both. NOMEM. */
sg_status sg_sliced_wasserstein(const double *x, int64_t n, const double *y, int64_t m, int k, uint64_t seed,
                                const sg_run *run, sg_arena *a, sg_estimate *out, sg_err *err) SG_MUST_USE;

/* Distance of two weighted samples on a line: the area between their distribution functions. x [n], y [m] ascending;
 * wx, wy weights (NULL: all 1), sums > 0. */
double sg_wasserstein(const double *x, const double *wx, int64_t n, const double *y, const double *wy, int64_t m);

#endif
