/* roc.h - the area under a ROC curve, its interval, and the difference of two areas on the same people.
 *
 * Shape:   scores [n] of people of whom some are cases.
 * Units:   area 0..1: the chance that a case scores higher than a control, ties half.
 * Owner:   the arena.
 * Threads: pure.
 * Not here: scores.
 * Source:  DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988); placements by midranks in O(n log n) (Sun and Xu,
 *          IEEE Signal Processing Letters 21, 2014).
 */
#ifndef SG_STAT_ROC_H
#define SG_STAT_ROC_H

#include "stat/estimate.h"

typedef struct sg_roc {
    int64_t n1, n0; /* cases, controls */
    double area;
    double *of_case, *of_control; /* [n1], [n0] in the people's order: share of the other group that each beats */
} sg_roc;

/* is_case [n]: 0 or 1. DEGENERATE: fewer than two cases or controls, or a score that is NaN; NOMEM. */
sg_status sg_roc_new(const double *score, const uint8_t *is_case, int64_t n, sg_arena *a, sg_roc *out,
                     sg_err *err) SG_MUST_USE;

/* With DeLong's 95 % interval, cut to 0..1. */
sg_estimate sg_roc_area(const sg_roc *r);

/* Area of x less that of y, both of the same people in the same order (asserted as far as counts go). */
sg_estimate sg_roc_difference(const sg_roc *x, const sg_roc *y);

/* The curve as `n` true-positive rates at false-positive rates 0, 1/(n-1), ..., 1: straight lines through ties. tpr [n],
 * overwritten. DEGENERATE as sg_roc_new; NOMEM. */
sg_status sg_roc_curve(const double *score, const uint8_t *is_case, int64_t n_people, sg_arena *a, int n, double *tpr,
                       sg_err *err) SG_MUST_USE;

#endif
