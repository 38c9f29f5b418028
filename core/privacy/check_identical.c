/* check_identical.c - is anybody of the cohort, genotype for genotype, a person the model was made with?
 *
 * Measured: cohort rows that equal a TRAIN or VAL row; beside it rows that equal a TEST row, and hold-out rows that
 * equal a TRAIN or VAL row (what coincidence, twins and duplicates do by themselves on this panel). Rule:     none ->
 * PASS. Any -> FAIL, except where the panel is too coarse to tell people apart: when at least 3 and 1 % of the hold-out
 * match by themselves and the cohort matches no more often (Fisher p >= 0.05), a match proves nothing, and the answer
 * is WITHHOLD "panel_too_coarse". A match never passes. A couple of duplicated samples across the split is not
 * coarseness, hence 3 and 1 %.
 */
#include "privacy/gate.h"
#include "privacy/stats.h"

#include <math.h>

static int64_t equal_to(const sg_near *near, const sg_near *or_near, int64_t n)
{
    int64_t k = 0;
    for (int64_t i = 0; i < n; i++)
        k += near[i].d[0] == 0 || (or_near && or_near[i].d[0] == 0);
    return k;
}

static sg_decision decide(int64_t k, int64_t n, int64_t k_hold, int64_t n_hold)
{
    if (k == 0)
        return (sg_decision){0, SG_OUTCOME_PASS, ""};
    if (k_hold >= 3 && 100 * k_hold >= n_hold && sg_fisher_greater(k, n, k_hold, n_hold) >= 0.05)
        return (sg_decision){0, SG_OUTCOME_WITHHOLD, "panel_too_coarse"};
    return (sg_decision){0, SG_OUTCOME_FAIL, "identical_match"};
}

sg_status sg_check_identical(const sg_evidence *e, const sg_policy *policy, sg_arena *a, sg_findings *out, sg_err *err)
{
    (void)policy; /* no limit to set: one is too many */
    (void)a;
    (void)err;
    const sg_near *to_train = e->train.col, *to_val = e->val.col;
    const int64_t k = equal_to(to_train, to_val, e->n_s),
                  k_hold = equal_to(e->known->hold_train, e->known->hold_val, e->n_h);
    sg_measurement m = {.name = "identical_match", .n = e->n_s, .n_ref = e->n_t + e->n_v, .power = NAN};
    m.estimate = (double)k / (double)e->n_s;
    sg_binomial_interval(k, e->n_s, 0.05, &m.lo, &m.hi);
    sg_measure_fact(&m, "train_matches", (double)equal_to(to_train, NULL, e->n_s));
    sg_measure_fact(&m, "val_matches", (double)equal_to(to_val, NULL, e->n_s));
    sg_measure_fact(&m, "test_matches", (double)equal_to(e->calib.col, e->eval.col, e->n_s));
    sg_measure_fact(&m, "holdout_matches", (double)k_hold);
    sg_findings_add(out, &m, decide(k, e->n_s, k_hold, e->n_h));
    return SG_OK;
}
