/* membership.c - from scores of members and of equals who are not, to findings.
 *
 * AUC        with DeLong's standard error, never below that of the null (DeLong underestimates it for few people). One-sided
 *            95 % bounds: PASS when the upper one is within the limit (every attack has to pass, so no correction); FAIL
 *            when AUC <= limit is rejected by Holm's procedure over the family; else WITHHOLD. Under a low_power policy
 *            also PASS, marked, when people are so few that an honest cohort would not get under the limit 19 times in
 *            20, the AUC is within it and not above chance.
 * TPR at FPR threshold from the evaluation people with an even number, false positives counted on the odd ones, true
 *            positives on the members; Clopper-Pearson. Wants 30 evaluation people above the threshold.
 * Posterior  chance that somebody whom the attacker points at is a member, when a share `prior` of the population are: at
 *            the worst of a few thresholds, with the upper bound of the true and the lower bound of the false positives.
 */
#include "privacy/gate.h"
#include "privacy/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double z95 = 1.6448536269514722, z975 = 1.959963984540054;

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* How many of sorted x [n] are above t. */
static int64_t above(const double *x, int64_t n, double t)
{
    int64_t lo = 0, hi = n;
    while (lo < hi) {
        const int64_t mid = (lo + hi) / 2;
        if (x[mid] <= t)
            lo = mid + 1;
        else
            hi = mid;
    }
    return n - lo;
}

/* Scores in order: members, evaluation people of even and of odd number, all evaluation people. */
typedef struct ordered {
    double *member, *even, *odd, *all;
    int64_t n_member, n_even, n_odd, n_all;
} ordered;

static sg_status order(const sg_attack *x, sg_arena *a, ordered *o, sg_err *err)
{
    *o = (ordered){SG_NEW_RAW(a, double, x->n_member),
                   SG_NEW_RAW(a, double, x->n_other / 2 + 1),
                   SG_NEW_RAW(a, double, x->n_other / 2 + 1),
                   SG_NEW_RAW(a, double, x->n_other),
                   x->n_member,
                   0,
                   0,
                   x->n_other};
    if (!o->member || !o->even || !o->odd || !o->all)
        return sg_arena_full(a, "scores", err);
    memcpy(o->member, x->member, (size_t)x->n_member * sizeof(double));
    memcpy(o->all, x->other, (size_t)x->n_other * sizeof(double));
    for (int64_t i = 0; i < x->n_other; i++)
        if (i % 2)
            o->odd[o->n_odd++] = x->other[i];
        else
            o->even[o->n_even++] = x->other[i];
    qsort(o->member, (size_t)o->n_member, sizeof(double), by_value);
    qsort(o->all, (size_t)o->n_all, sizeof(double), by_value);
    qsort(o->even, (size_t)o->n_even, sizeof(double), by_value);
    qsort(o->odd, (size_t)o->n_odd, sizeof(double), by_value);
    return SG_OK;
}

/* The smallest value that at most a share alpha of sorted x [n] exceeds. */
static double threshold(const double *x, int64_t n, double alpha)
{
    const int64_t k = (int64_t)floor(alpha * (double)n);
    return x[n - 1 - (k < n ? k : n - 1)];
}

static void fill_roc(const ordered *o, sg_measurement *m)
{
    m->has_roc = true;
    for (int k = 0; k < SG_ROC_POINTS; k++) {
        const double t = threshold(o->all, o->n_all, pow(10, -4 + 0.1 * k));
        m->roc[k] = k == SG_ROC_POINTS - 1 ? 1 : (double)above(o->member, o->n_member, t) / (double)o->n_member;
    }
}

typedef struct area {
    double auc, se;
} area;

static sg_status measure_area(const char *name, const sg_attack *x, double limit, sg_arena *a, sg_measurement *m,
                              area *out, sg_err *err)
{
    sg_auc r;
    *m = (sg_measurement){.n = x->n_member, .n_ref = x->n_other, .lo = NAN, .hi = NAN, .power = NAN};
    (void)snprintf(m->name, sizeof m->name, "%s.%s", name, x->name);
    SG_TRY(sg_auc_delong(x->member, x->n_member, x->other, x->n_other, a, &r, err));
    const double n1 = (double)x->n_member, n0 = (double)x->n_other, null_se = sqrt((n1 + n0 + 1) / (12 * n1 * n0));
    /* Equal scores everywhere: the attack saw nothing, and neither did we. */
    const double se = r.se < 1e-9 && fabs(r.auc - 0.5) < 1e-9 ? NAN : fmax(r.se, null_se);
    *out = (area){r.auc, se};
    m->estimate = isfinite(se) ? r.auc : NAN;
    if (isfinite(se)) { /* fmax and fmin would turn "unknown" into a bound */
        m->lo = fmax(0, r.auc - z975 * se);
        m->hi = fmin(1, r.auc + z975 * se);
        m->power = sg_normal_cdf((limit - 0.5) / null_se - z95);
    }
    sg_measure_fact(m, "standard_error", r.se);
    sg_measure_fact(m, "upper_95", r.auc + z95 * se);
    sg_measure_fact(m, "lower_95", r.auc - z95 * se);
    sg_measure_fact(m, "detectable", limit + (z95 + 0.841621234) * se);
    return SG_OK;
}

static void decide_area(const sg_measurement *m, area r, bool rejected, double limit, const sg_policy *policy,
                        sg_findings *out)
{
    const bool few = 0.5 + 2 * z95 * r.se > limit;
    sg_decision d = {limit, SG_OUTCOME_WITHHOLD, "membership_uncertain"};
    if (!isfinite(r.auc) || !isfinite(r.se))
        d.reason = "check_failed";
    else if (rejected)
        d = (sg_decision){limit, SG_OUTCOME_FAIL, "membership_leak"};
    else if (r.auc + z95 * r.se <= limit)
        d = (sg_decision){limit, SG_OUTCOME_PASS, ""};
    else if (policy->low_power && few && r.auc <= limit && r.auc - z975 * r.se <= 0.5) {
        sg_findings_unpowered(out, m, limit, policy);
        return;
    }
    sg_findings_add(out, m, d);
}

/* P(X >= k) of a binomial. */
static double binomial_tail(int64_t k, int64_t n, double p)
{
    return k == 0 ? 1 : sg_beta_cdf((double)k, (double)(n - k) + 1, p);
}

static void judge_rate(const char *name, const sg_attack *x, const ordered *o, double alpha, double limit, double level,
                       const sg_policy *policy, sg_findings *out)
{
    sg_measurement m = {.n = x->n_member, .n_ref = x->n_other, .power = NAN};
    (void)snprintf(m.name, sizeof m.name, "%s.%s.tpr_%s", name, x->name, alpha < 0.005 ? "01pct" : "1pct");
    const double t = threshold(o->even, o->n_even, alpha);
    const int64_t hit = above(o->member, o->n_member, t), wrong = above(o->odd, o->n_odd, t);
    double lo, hi;
    m.estimate = (double)hit / (double)o->n_member;
    sg_binomial_interval(hit, o->n_member, 0.05, &m.lo, &m.hi);
    sg_binomial_interval(hit, o->n_member, 0.10, &lo, &hi);
    const double upper = hi;
    sg_measure_fact(&m, "upper_95", hi);
    sg_measure_fact(&m, "lower_95", lo);
    sg_measure_fact(&m, "false_positives", (double)wrong / (double)o->n_odd);
    sg_binomial_interval(wrong, o->n_odd, 0.05, &lo, &hi);
    sg_measure_fact(&m, "false_positives_low", lo);
    sg_measure_fact(&m, "false_positives_high", hi);
    sg_decision d = {limit, SG_OUTCOME_WITHHOLD, "membership_uncertain"};
    if (upper <= limit)
        d = (sg_decision){limit, SG_OUTCOME_PASS, ""};
    else if (binomial_tail(hit, o->n_member, limit) < level)
        d = (sg_decision){limit, SG_OUTCOME_FAIL, "membership_leak"};
    if ((double)x->n_other * alpha < 30) /* the threshold itself is a guess: nobody fails by it */
        sg_findings_unpowered(out, &m, limit, policy);
    else
        sg_findings_add(out, &m, d);
}

typedef struct posterior {
    double estimate, upper, lower, at;
} posterior;

/* The worst threshold of one attack; false when people are too few for any. */
static bool worst_posterior(const ordered *o, double prior, double level, posterior *out)
{
    static const double grid[] = {0.001, 0.01, 0.05, 0.1, 0.2};
    bool any = false;
    for (size_t i = 0; i < sizeof grid / sizeof *grid; i++) {
        if ((double)o->n_all * grid[i] < 30)
            continue;
        const double t = threshold(o->even, o->n_even, grid[i]);
        const int64_t hit = above(o->member, o->n_member, t), wrong = above(o->odd, o->n_odd, t);
        if (above(o->even, o->n_even, t) < 15) /* ties: fewer are above it than asked for */
            continue;
        double tl, th, fl, fh, tl2, th2, fl2, fh2;
        sg_binomial_interval(hit, o->n_member, 0.10, &tl, &th);
        sg_binomial_interval(wrong, o->n_odd, 0.10, &fl, &fh);
        sg_binomial_interval(hit, o->n_member, level, &tl2, &th2);
        sg_binomial_interval(wrong, o->n_odd, level, &fl2, &fh2);
        const double up = prior * th / (prior * th + (1 - prior) * fl),
                     low = prior * tl2 / (prior * tl2 + (1 - prior) * fh2), p1 = (double)hit / (double)o->n_member,
                     p0 = (double)wrong / (double)o->n_odd;
        if (!any || up > out->upper)
            out->upper = up, out->at = grid[i],
            out->estimate = p1 > 0 ? prior * p1 / (prior * p1 + (1 - prior) * p0) : 0;
        out->lower = any ? fmax(out->lower, low) : low;
        any = true;
    }
    return any;
}

static void judge_posterior(const char *name, const posterior *p, bool any, const sg_attack *x, const sg_policy *policy,
                            sg_findings *out)
{
    const double limit =
        policy->prior < policy->ppv_max ? policy->ppv_max : fmin(1, policy->prior + policy->ppv_gain_max);
    sg_measurement m = {.n = x->n_member, .n_ref = x->n_other, .estimate = NAN, .lo = NAN, .hi = NAN, .power = NAN};
    (void)snprintf(m.name, sizeof m.name, "%s.posterior", name);
    if (!any) {
        sg_findings_unpowered(out, &m, limit, policy);
        return;
    }
    m.estimate = p->estimate;
    m.lo = p->lower;
    m.hi = p->upper;
    sg_measure_fact(&m, "prior", policy->prior);
    sg_measure_fact(&m, "false_positive_rate", p->at);
    if (p->upper > limit && p->estimate <= limit && policy->low_power)
        sg_findings_unpowered(out, &m, limit, policy);
    else
        sg_findings_add(out, &m,
                        p->upper <= limit  ? (sg_decision){limit, SG_OUTCOME_PASS, ""}
                        : p->lower > limit ? (sg_decision){limit, SG_OUTCOME_FAIL, "membership_leak"}
                                           : (sg_decision){limit, SG_OUTCOME_WITHHOLD, "membership_uncertain"});
}

sg_status sg_judge_attacks(const char *name, const sg_attack *x, int n, double limit, bool rates,
                           const sg_policy *policy, sg_arena *a, sg_findings *out, sg_err *err)
{
    enum { MOST = 64 };
    double p[MOST];
    bool reject[MOST];
    area r[MOST];
    if (n > MOST)
        return sg_fail(err, SG_LIMIT, "%d attacks in one family, at most %d", n, MOST);
    sg_measurement *m = SG_NEW(a, sg_measurement, n);
    if (!m)
        return sg_arena_full(a, "attacks", err);
    posterior worst = {0};
    bool any = false;
    for (int i = 0; i < n; i++) {
        SG_TRY(measure_area(name, &x[i], limit, a, &m[i], &r[i], err));
        p[i] = 1 - sg_normal_cdf((r[i].auc - limit) / r[i].se);
    }
    sg_holm(p, n, 0.05, reject);
    for (int i = 0; i < n; i++) {
        const size_t mark = sg_arena_mark(a);
        ordered o;
        SG_TRY(order(&x[i], a, &o, err));
        if (rates)
            fill_roc(&o, &m[i]);
        decide_area(&m[i], r[i], reject[i], limit, policy, out);
        if (rates) {
            posterior one = {0};
            judge_rate(name, &x[i], &o, 0.01, policy->tpr_1pct_max, 0.05 / (2 * n), policy, out);
            if (x[i].n_other >= 30000)
                judge_rate(name, &x[i], &o, 0.001, policy->tpr_01pct_max, 0.05 / (2 * n), policy, out);
            if (worst_posterior(&o, policy->prior, 0.05 / (5 * n), &one)) {
                worst = any ? (posterior){one.upper > worst.upper ? one.estimate : worst.estimate,
                                          fmax(one.upper, worst.upper), fmax(one.lower, worst.lower),
                                          one.upper > worst.upper ? one.at : worst.at}
                            : one;
                any = true;
            }
        }
        sg_arena_rewind(a, mark);
    }
    if (rates)
        judge_posterior(name, &worst, any, &x[0], policy, out);
    return SG_OK;
}
