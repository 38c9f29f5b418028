/* check_related.c - relatives: of a member in the cohort, and within the cohort.
 *
 * kinship   KING-robust kinship of every cohort row with every member. From the limit on (first degree) two people of
 *           independent descent are practically never that similar, provided that the panel has enough independent SNPs:
 *           with the spread of kinship between strangers as measured on the hold-out, fewer than `alarms` false pairs
 *           must be expected among all pairs of this cohort. Where they are not, the check has no power and says so.
 *           Rule: none -> PASS, any -> FAIL; a hold-out with relatives of its own among the members -> WITHHOLD.
 * internal  pairs of equal rows, and pairs of rows as similar as first-degree relatives, within the cohort, against the
 *           same among the hold-out (whose families are whole). Mode collapse replays few people often. With the
 *           expectation L = rate of the hold-out times pairs of the cohort: up to L + 3 sqrt(L) (at least 1) -> PASS;
 *           more than `internal_max` times the largest L that the hold-out's count allows and Poisson p < 1e-4 -> FAIL;
 *           between -> WITHHOLD.
 */
#include "privacy/gate.h"
#include "privacy/stats.h"

#include <math.h>

/* Families must be whole on one side of the split; a hold-out with relatives among the members makes copies look usual. */
static const double hold_related_max = 0.005;

/* Expected pairs of strangers above the limit among n pairs. */
static double false_pairs(const sg_gate_memory *m, double limit, double n)
{
    return n * sg_normal_cdf(-(limit - m->kin_mean) / m->kin_sd);
}

sg_status sg_check_kin(const sg_evidence *e, const sg_policy *policy, sg_arena *a, sg_findings *out, sg_err *err)
{
    (void)a;
    (void)err;
    int64_t rows = 0, hold = 0;
    double most = -INFINITY;
    for (int64_t i = 0; i < e->n_s; i++) {
        rows += e->train.col_kin[i] > 0;
        most = fmax(most, e->train.col_most[i]);
    }
    for (int64_t i = 0; i < e->n_h; i++)
        hold += e->known->hold_kin[i] > 0;
    const double expected = false_pairs(e->known, policy->kinship, (double)e->n_s * (double)e->n_t);
    sg_measurement m = {.name = "kinship", .n = e->n_s, .n_ref = e->n_t, .power = NAN};
    m.estimate = (double)rows / (double)e->n_s;
    sg_binomial_interval(rows, e->n_s, 0.05, &m.lo, &m.hi);
    sg_measure_fact(&m, "rows", (double)rows);
    sg_measure_fact(&m, "largest", most);
    sg_measure_fact(&m, "holdout_rows", (double)hold);
    sg_measure_fact(&m, "strangers_mean", e->known->kin_mean);
    sg_measure_fact(&m, "strangers_sd", e->known->kin_sd);
    sg_measure_fact(&m, "false_pairs_expected", expected);
    if (!(expected <= policy->copy_alarms))
        sg_findings_unpowered(out, &m, 0, policy);
    else if (!rows && hold > 2 && (double)hold > hold_related_max * (double)e->n_h)
        sg_findings_add(out, &m, (sg_decision){0, SG_OUTCOME_WITHHOLD, "holdout_related"});
    else
        sg_findings_add(out, &m,
                        rows ? (sg_decision){0, SG_OUTCOME_FAIL, "related"} : (sg_decision){0, SG_OUTCOME_PASS, ""});
    return SG_OK;
}

typedef struct pairs {
    double equal, related, n; /* unordered pairs */
} pairs;

static pairs count_pairs(const sg_sweep *s, int64_t n)
{
    pairs p = {0, 0, (double)n * (double)(n - 1) / 2};
    for (int64_t i = 0; i < n; i++) {
        p.equal += s->col[i].d[0] == 0; /* people with a double, not pairs: a lower bound that cannot explode */
        p.related += s->col_kin[i];
    }
    p.equal /= 2;
    p.related /= 2;
    return p;
}

static void judge_pairs(const char *name, double k, double n, double hold, double n_hold, double expected_false,
                        const sg_policy *policy, bool powered, sg_findings *out)
{
    const double factor = n_hold > 0 ? n / n_hold : NAN, usual = fmax(hold * factor, expected_false);
    /* The largest mean that a count like the hold-out's, or a smaller one, still has 5 % of. */
    double lo = hold, hi = 2 * hold + 20;
    for (int i = 0; i < 60; i++) {
        const double mid = 0.5 * (lo + hi);
        if (1 - sg_poisson_tail((int64_t)hold + 1, mid) > 0.05)
            lo = mid;
        else
            hi = mid;
    }
    const double most = fmax(hi * factor, expected_false), p = sg_poisson_tail((int64_t)ceil(k), most);
    sg_measurement m = {.n = (int64_t)n, .n_ref = (int64_t)n_hold, .power = NAN, .lo = NAN, .hi = NAN};
    (void)snprintf(m.name, sizeof m.name, "%s", name);
    m.estimate = k / fmax(usual, 1);
    sg_measure_fact(&m, "pairs", k);
    sg_measure_fact(&m, "holdout_pairs", hold);
    sg_measure_fact(&m, "expected", usual);
    sg_measure_fact(&m, "expected_at_most", most);
    sg_measure_fact(&m, "p_value", p);
    sg_decision d = {policy->internal_max, SG_OUTCOME_WITHHOLD, "internal_duplicates"};
    if (!isfinite(usual))
        d = (sg_decision){policy->internal_max, SG_OUTCOME_WITHHOLD, "check_failed"};
    else if (k <= fmax(1, usual + 3 * sqrt(usual)))
        d = (sg_decision){policy->internal_max, SG_OUTCOME_PASS, ""};
    else if (k > policy->internal_max * fmax(most, 0.1) && p < 1e-4)
        d.status = SG_OUTCOME_FAIL;
    if (powered)
        sg_findings_add(out, &m, d);
    else
        sg_findings_unpowered(out, &m, policy->internal_max, policy);
}

sg_status sg_check_internal(const sg_evidence *e, const sg_policy *policy, sg_arena *a, sg_findings *out, sg_err *err)
{
    (void)a;
    (void)err;
    const pairs s = count_pairs(&e->self, e->n_s), h = count_pairs(&e->known->hold_hold, e->n_h);
    const double expected = false_pairs(e->known, policy->kinship, s.n);
    judge_pairs("internal.equal", s.equal, s.n, h.equal, h.n, 0, policy, true, out);
    judge_pairs("internal.related", s.related, s.n, h.related, h.n, expected, policy, expected <= 1, out);
    return SG_OK;
}
