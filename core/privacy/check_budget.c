/* check_budget.c - the odometer: how many people of a label this model has released, and how many its members allow.
 *
 * The best attack on the frequencies of a label with n members, from n_s people made with exactly the members' frequencies at L
 * independent SNPs, sees members d standard deviations higher, d^2 = L / n^2 / (1 / n_s + 1 / n), and reaches the area
 * Phi(d / sqrt 2). Turned round: n_s <= 1 / (L / (n^2 d0^2) - 1 / n) with d0 = sqrt 2 Phi^-1(limit). Real SNPs are linked and no
 * generator has exactly its members' frequencies, so the true danger is less; what it is now, the frequency attacks measure.
 * Rule: this cohort and all before it within the cap -> PASS, else WITHHOLD.
 */
#include "privacy/gate.h"
#include "privacy/stats.h"

#include <math.h>

double sg_budget_cap(int64_t n_member, int64_t n_snp, double auc_max)
{
    if (n_member < 1 || auc_max <= 0.5)
        return 0;
    if (auc_max >= 1)
        return INFINITY;
    const double n = (double)n_member, d = sqrt(2) * sg_normal_quantile(auc_max),
                 x = (double)n_snp / (n * n * d * d) - 1 / n;
    return x > 0 ? 1 / x : INFINITY;
}

sg_status sg_check_budget(const sg_evidence *e, const sg_policy *policy, sg_arena *a, sg_findings *out, sg_err *err)
{
    (void)a;
    (void)err;
    for (int l = 0; l < e->n_label; l++) {
        int64_t members = 0, now = 0;
        for (int64_t i = 0; i < e->n_t; i++)
            members += e->ref->label[SG_ROLE_TRAIN][i] == l;
        for (int64_t i = 0; i < e->n_s; i++)
            now += e->label[i] == l;
        const double cap = sg_budget_cap(members, e->n_snp, policy->budget_auc_max),
                     used = (double)(e->released[l] + now);
        sg_measurement m = {.n = e->released[l] + now, .n_ref = members, .lo = NAN, .hi = NAN, .power = NAN};
        (void)snprintf(m.name, sizeof m.name, "budget.label_%d", l);
        m.estimate = used > 0 ? used / cap : 0;
        sg_measure_fact(&m, "released_before", (double)e->released[l]);
        sg_measure_fact(&m, "cap", cap);
        sg_findings_add(out, &m,
                        used <= cap || now == 0 ? (sg_decision){1, SG_OUTCOME_PASS, ""}
                                                : (sg_decision){1, SG_OUTCOME_WITHHOLD, "budget_spent"});
    }
    return SG_OK;
}
