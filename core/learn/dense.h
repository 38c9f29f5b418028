/* dense.h - a small network over a few numbers per person: one hidden layer of tanh, or none (logistic regression).
 *
 * Shape:   x [n, p] rows of people; y [n] 0 or 1 -> a score each.
 * Units:   features as they come (standardised inside); scores are log odds.
 * Owner:   results in the caller's arena; scratch in it too.
 * Threads: one thread per call; the same bytes on any machine that computes alike.
 * Not here: genotypes (linear.h, boost.h), how good a score is (stat/roc.h).
 *
 * Adam on the whole data, weight decay, and the number of steps chosen on a fifth of the people that is left out; then once
 * more on everybody for that many steps.
 */
#ifndef SG_LEARN_DENSE_H
#define SG_LEARN_DENSE_H

#include "base/arena.h"
#include "base/run.h"

enum { SG_DENSE_HIDDEN_MAX = 64, SG_DENSE_INPUT_MAX = 256 };

typedef struct sg_dense {
    int p, hidden;         /* hidden 0: logistic regression */
    double *shift, *scale; /* [p] of the standardisation; scale 0 for a feature that does not vary */
    double *w;             /* hidden: [hidden, p + 1] and [hidden + 1]; none: [p + 1] */
    int steps;
    double left_out_loss; /* mean log loss of the people left out, at that number of steps */
} sg_dense;

/* LIMIT: p or hidden out of bounds; DEGENERATE: fewer than 10 people of a kind, or a feature that is not finite; NOMEM;
 * CANCELLED. */
sg_status sg_dense_fit(const double *x, const uint8_t *y, int64_t n, int p, int hidden, uint64_t seed,
                       const sg_run *run, sg_arena *a, sg_dense *out, sg_err *err) SG_MUST_USE;

/* score [n] overwritten. */
void sg_dense_score(const sg_dense *d, const double *x, int64_t n, double *score);

#endif
