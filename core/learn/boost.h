/* boost.h - boosted trees over genotypes, by XGBoost. The only door to that library.
 *
 * Shape:   people [n, L], is_case [n] 0 or 1, test people [m, L] -> a score each.
 * Units:   scores are log odds.
 * Owner:   scratch in the arena, rewound; XGBoost's own memory is freed before return.
 * Threads: one thread per call (results would depend on their number); callers run many fits side by side.
 * Not here: how good a score is (stat/roc.h).
 *
 * Depth (1 or 3) and number of trees come from 3-fold cross-validation of log loss; learning rate 0.2, half of the
 * people and a quarter of the SNPs per tree, every random choice from one seed.
 */
#ifndef SG_LEARN_BOOST_H
#define SG_LEARN_BOOST_H

#include "base/run.h"
#include "geno/geno.h"

typedef struct sg_boost_chosen {
    int depth, trees;
    double cv_loss; /* mean held-out log loss */
} sg_boost_chosen;

bool sg_boost_usable(void); /* false: built without XGBoost */

/* score [test.n_sample], overwritten. fixed NULL: depth and trees are chosen; else taken from it. STATE: built without
 * XGBoost; DEGENERATE: fewer than 3 cases or controls; INTERNAL: XGBoost failed (its words); NOMEM; CANCELLED. */
sg_status sg_boost_fit_score(const sg_people *p, const uint8_t *is_case, const sg_people *test, uint64_t seed,
                             const sg_boost_chosen *fixed, const sg_run *run, sg_arena *a, double *score,
                             sg_boost_chosen *chosen, sg_err *err) SG_MUST_USE;

#endif
