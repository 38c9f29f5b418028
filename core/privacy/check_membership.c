/* check_membership.c - can somebody who holds a person's genotypes tell from the cohort whether the model was trained
 * on that person?
 *
 * Attack:   score(x) = -distance of x to the nearest cohort row. Members are the TRAIN rows, who alone received
 * gradients; non-members are TEST; VAL is neither (counting it as a member would dilute the attack). Measured: AUC with
 * DeLong's standard error (never below the standard error of the null, which DeLong underestimates for few people),
 * over everybody and within each label. Rule:     with m AUCs, z1 = 1.96 and zm = the normal quantile of 1 - 0.025 / m:
 *             FAIL      the lower bound AUC - zm se is above the limit;
 *             PASS      the upper bound AUC + z1 se is within the limit (every AUC has to pass, so no correction);
 *             PASS      also, where people are so few that even a clean cohort would not get its upper bound under the
 *                       limit 19 times in 20 (0.5 + (1.96 + 1.645) se > limit), when the AUC itself is within the limit
 *                       and not above chance (AUC - zm se <= 0.5);
 *             WITHHOLD  otherwise.
 *           "detectable" is the AUC that would be called above chance 4 times in 5: what a PASS among few people says
 *           is that no leak larger than this was there.
 */
#include "privacy/gate.h"
#include "privacy/stats.h"

#include <math.h>
#include <stdio.h>

static sg_decision decide(double auc, double se, double z_family, double limit)
{
    const double upper = auc + 1.959963985 * se, lower = auc - z_family * se;
    if (!isfinite(auc) || !isfinite(se) || se <= 0)
        return (sg_decision){limit, SG_OUTCOME_WITHHOLD, "check_failed"};
    if (lower > limit)
        return (sg_decision){limit, SG_OUTCOME_FAIL, "membership_leak"};
    const bool few = 0.5 + (1.959963985 + 1.644853627) * se > limit;
    if (upper <= limit || (few && auc <= limit && lower <= 0.5))
        return (sg_decision){limit, SG_OUTCOME_PASS, ""};
    return (sg_decision){limit, SG_OUTCOME_WITHHOLD, "membership_uncertain"};
}

/* Scores of one role's people, of one label or (label < 0) all; returns how many. */
static int64_t scores(const sg_evidence *e, sg_role role, int label, double *x)
{
    const int32_t *min = role == SG_ROLE_TRAIN ? e->train_min : e->test_min;
    int64_t n = 0;
    for (int64_t i = 0; i < e->ref->people[role].n_sample; i++)
        if (label < 0 || e->ref->label[role][i] == label)
            x[n++] = -(double)min[i];
    return n;
}

typedef struct sides {
    double *member, *other; /* [n_t], [n_h] */
    double z_family;
} sides;

static sg_status one_auc(const sg_evidence *e, const sg_policy *policy, int label, const sides *s, sg_arena *a,
                         sg_findings *out, sg_err *err)
{
    sg_measurement m = {.estimate = NAN, .lo = NAN, .hi = NAN};
    if (label < 0)
        (void)snprintf(m.name, sizeof m.name, "membership_auc");
    else
        (void)snprintf(m.name, sizeof m.name, "membership_auc.label_%d", label);
    m.n = scores(e, SG_ROLE_TRAIN, label, s->member);
    m.n_ref = scores(e, SG_ROLE_TEST, label, s->other);
    const double limit = policy->mia_auc_max;
    const int64_t min = label < 0 ? policy->min_reference : policy->min_reference_label;
    if (m.n < min || m.n_ref < min) {
        sg_findings_add(out, &m, (sg_decision){limit, SG_OUTCOME_WITHHOLD, "too_few_reference"});
        return SG_OK;
    }
    sg_auc r;
    SG_TRY(sg_auc_delong(s->member, m.n, s->other, m.n_ref, a, &r, err));
    const double n1 = (double)m.n, n0 = (double)m.n_ref, null_se = sqrt((n1 + n0 + 1) / (12 * n1 * n0));
    /* Equal scores everywhere: the attack saw nothing, and neither did we. */
    const double se = r.se == 0 && r.auc == 0.5 ? NAN : fmax(r.se, null_se);
    m.estimate = r.auc;
    if (isfinite(se)) { /* fmax and fmin would turn "unknown" into a bound */
        m.lo = fmax(0, r.auc - 1.959963985 * se);
        m.hi = fmin(1, r.auc + 1.959963985 * se);
    }
    sg_measure_fact(&m, "standard_error", r.se);
    sg_measure_fact(&m, "detectable", 0.5 + (s->z_family + 0.841621234) * se);
    sg_findings_add(out, &m, decide(r.auc, se, s->z_family, limit));
    return SG_OK;
}

static int labels_in_use(const sg_evidence *e)
{
    int n = 0;
    for (int r = 0; r < SG_N_ROLE; r++)
        for (int64_t i = 0; i < e->ref->people[r].n_sample; i++)
            n = e->ref->label[r][i] >= n ? e->ref->label[r][i] + 1 : n;
    return n;
}

sg_status sg_check_membership(const sg_evidence *e, const sg_policy *policy, sg_arena *a, sg_findings *out, sg_err *err)
{
    const int n_label = labels_in_use(e);
    const sides s = {SG_NEW_RAW(a, double, e->n_t), SG_NEW_RAW(a, double, e->n_h),
                     sg_normal_quantile(1 - 0.025 / (n_label > 1 ? n_label + 1 : 1))};
    if (!s.member || !s.other)
        return sg_arena_full(a, "membership scores", err);
    SG_TRY(one_auc(e, policy, -1, &s, a, out, err));
    for (int label = 0; n_label > 1 && label < n_label; label++)
        SG_TRY(one_auc(e, policy, label, &s, a, out, err));
    return SG_OK;
}
