/* gwas.h - one logistic regression per SNP.
 *
 * Shape:   counts [label][copies]: six numbers hold all that a univariate regression needs; several ancestries are
 *          several such tables, regressed apart and put together.
 * Units:   beta log odds per copy.
 * Owner:   -
 * Threads: pure.
 * Not here: other covariates.
 */
#ifndef SG_SIMULATE_GWAS_H
#define SG_SIMULATE_GWAS_H

#include "base/status.h"

typedef struct sg_gwas_result {
    double beta, se, p; /* NaN when there is no estimate (one class, no variation, perfect separation) */
} sg_gwas_result;

sg_gwas_result sg_gwas_logistic(const int64_t count[2][3]);

/* n estimates of one effect, weighted by their precision (fixed effects); those that do not exist are left out. */
sg_gwas_result sg_gwas_join(const sg_gwas_result *x, int n);

#endif
