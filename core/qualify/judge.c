/* judge.c - from traces to findings; see inside.h.
 *
 * Two attacks, made on the teaching half: "single" is the one trace that told teaching members from teaching others best,
 * with its sign; "network" a small network over all of them. Both are measured on the other half, which taught nothing.
 */
#include "base/rng.h"
#include "learn/dense.h"
#include "privacy/stats.h"
#include "qualify/inside.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HIDDEN = 16, N_ATTACK = 2, RESAMPLES = 500 };
static const char *const attack_name[N_ATTACK] = {"single", "network"};

/* One half of members and others: traces in rows, members first. */
typedef struct half {
    int64_t n1, n0, *row1, *row0; /* places in the audit's lists */
    double *x;                    /* [n1 + n0, SG_TRACE] */
    double *score[N_ATTACK];      /* [n1 + n0] */
} half;

static sg_status take_half(const sg_traced *t, int odd, sg_arena *a, half *h, sg_err *err)
{
    const sg_audit *q = t->audit;
    *h = (half){0};
    h->row1 = SG_NEW_RAW(a, int64_t, q->n_member + 1);
    h->row0 = SG_NEW_RAW(a, int64_t, q->n_other + 1);
    h->x = SG_NEW_RAW(a, double, (q->n_member + q->n_other + 2) * SG_TRACE);
    for (int k = 0; k < N_ATTACK; k++)
        h->score[k] = SG_NEW_RAW(a, double, q->n_member + q->n_other + 2);
    if (!h->row1 || !h->row0 || !h->x || !h->score[0] || !h->score[1])
        return sg_arena_full(a, "half of the audited people", err);
    for (int64_t i = odd; i < q->n_member; i += 2) {
        memcpy(h->x + h->n1 * SG_TRACE, t->member + i * SG_TRACE, SG_TRACE * sizeof(double));
        h->row1[h->n1++] = i;
    }
    for (int64_t i = odd; i < q->n_other; i += 2) {
        memcpy(h->x + (h->n1 + h->n0) * SG_TRACE, t->other + i * SG_TRACE, SG_TRACE * sizeof(double));
        h->row0[h->n0++] = i;
    }
    return SG_OK;
}

static void column(const half *h, int k, double sign, double *out)
{
    for (int64_t i = 0; i < h->n1 + h->n0; i++)
        out[i] = sign * h->x[i * SG_TRACE + k];
}

/* The best single trace of the teaching half; scores of both halves. */
static sg_status single(half *teach, half *measure, sg_arena *a, int *which, sg_err *err)
{
    double best = -1, sign = 1;
    *which = 0;
    for (int k = 0; k < SG_TRACE; k++) {
        sg_auc r;
        column(teach, k, 1, teach->score[0]);
        SG_TRY(sg_auc_delong(teach->score[0], teach->n1, teach->score[0] + teach->n1, teach->n0, a, &r, err));
        if (fabs(r.auc - 0.5) > best) {
            best = fabs(r.auc - 0.5);
            sign = r.auc < 0.5 ? -1 : 1;
            *which = k;
        }
    }
    column(teach, *which, sign, teach->score[0]);
    column(measure, *which, sign, measure->score[0]);
    return SG_OK;
}

static sg_status network(half *teach, half *measure, uint64_t seed, const sg_run *run, sg_arena *a, sg_err *err)
{
    sg_dense d;
    uint8_t *y = SG_NEW(a, uint8_t, teach->n1 + teach->n0);
    if (!y)
        return sg_arena_full(a, "an attack", err);
    memset(y, 1, (size_t)teach->n1);
    SG_TRY(sg_dense_fit(teach->x, y, teach->n1 + teach->n0, SG_TRACE, HIDDEN, seed, run, a, &d, err));
    sg_dense_score(&d, teach->x, teach->n1 + teach->n0, teach->score[1]);
    sg_dense_score(&d, measure->x, measure->n1 + measure->n0, measure->score[1]);
    return SG_OK;
}

/* ---- epsilon ---- */

typedef struct guess {
    double score;
    int member;
} guess;

static int by_score(const void *x, const void *y)
{
    const guess *a = x, *b = y;
    return a->score != b->score ? (a->score > b->score ? -1 : 1)
                                : a->member - b->member; /* ties: the worse guess first */
}

static sg_status sorted(const half *h, int attack, sg_arena *a, guess **out, sg_err *err)
{
    const int64_t n = h->n1 + h->n0;
    *out = SG_NEW_RAW(a, guess, n);
    if (!*out)
        return sg_arena_full(a, "guesses", err);
    for (int64_t i = 0; i < n; i++)
        (*out)[i] = (guess){h->score[attack][i], i < h->n1};
    qsort(*out, (size_t)n, sizeof **out, by_score);
    return SG_OK;
}

/* Right guesses when the r / 2 highest are called members and the r / 2 lowest others. */
static int64_t right(const guess *g, int64_t n, int64_t r)
{
    int64_t v = 0;
    for (int64_t i = 0; i < r / 2; i++)
        v += g[i].member + !g[n - 1 - i].member;
    return v;
}

/* The attack and the number of guesses are chosen on the teaching half, and measured on the other. */
static sg_status judge_epsilon(const half *teach, const half *measure, bool coins, double delta,
                               const sg_policy *policy, sg_arena *a, sg_findings *out, sg_err *err)
{
    static const double share[] = {0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1};
    sg_measurement m = {.name = "model.epsilon",
                        .n = measure->n1 + measure->n0,
                        .n_ref = teach->n1 + teach->n0,
                        .estimate = NAN,
                        .lo = NAN,
                        .hi = NAN,
                        .power = NAN};
    const double limit = policy->model_epsilon_max;
    if (!coins) {
        sg_findings_unpowered(out, &m, limit, policy);
        return SG_OK;
    }
    double best = -1, at = 1;
    int attack = 0;
    for (int k = 0; k < N_ATTACK; k++) {
        guess *g;
        SG_TRY(sorted(teach, k, a, &g, err));
        const int64_t n = teach->n1 + teach->n0;
        for (size_t i = 0; i < sizeof share / sizeof *share; i++) {
            const int64_t r = 2 * (int64_t)(share[i] * (double)n / 2);
            const double e = r ? sg_audit_epsilon(n, r, right(g, n, r), delta) : 0;
            if (e > best)
                best = e, at = share[i], attack = k;
        }
    }
    guess *g;
    SG_TRY(sorted(measure, attack, a, &g, err));
    const int64_t n = measure->n1 + measure->n0, r = 2 * (int64_t)(at * (double)n / 2), v = right(g, n, r);
    m.estimate = m.lo = sg_audit_epsilon(n, r, v, delta);
    m.hi = INFINITY;
    sg_measure_fact(&m, "guesses", (double)r);
    sg_measure_fact(&m, "right", (double)v);
    sg_measure_fact(&m, "largest_that_could_show", sg_audit_epsilon(n, n, n, delta));
    sg_measure_fact(&m, "delta", delta);
    if (m.estimate > limit)
        sg_findings_add(out, &m, (sg_decision){limit, SG_OUTCOME_FAIL, "membership_leak"});
    else if (sg_audit_epsilon(n, n, n, delta) <= limit)
        sg_findings_unpowered(out, &m, limit, policy);
    else
        sg_findings_add(out, &m, (sg_decision){limit, SG_OUTCOME_PASS, ""});
    return SG_OK;
}

/* ---- outliers ---- */

static int by_value(const void *x, const void *y)
{
    const double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

/* The people of the measured half whose `value`, as one of all of them, is among the highest; sign -1: lowest. */
static sg_status stratum(const char *name, const half *h, const double *member, const double *other, double sign,
                         const sg_policy *policy, sg_arena *a, sg_findings *out, sg_err *err)
{
    /* Outliers, but so many that an honest model gets under the limit 19 times in 20: twice 1.645 standard errors of an area
     * between equal groups of n, sqrt(1 / (6 n)), must fit below it. */
    const double limit = policy->auc_strata_max, enough = ceil(pow(2 * 1.645 / fmax(limit - 0.5, 1e-3), 2) / 6),
                 most = fmax(enough, (double)policy->strata_min),
                 share = fmax(policy->strata_share, most / (double)(h->n0 + 1));
    double *v = SG_NEW_RAW(a, double, h->n0), *score = SG_NEW_RAW(a, double, N_ATTACK *(h->n1 + h->n0));
    sg_attack x[N_ATTACK];
    if (!v || !score)
        return sg_arena_full(a, "outliers", err);
    if (!member) {
        sg_measurement none = {.estimate = NAN, .lo = NAN, .hi = NAN, .power = NAN};
        (void)snprintf(none.name, sizeof none.name, "%s", name);
        sg_findings_unpowered(out, &none, limit, policy);
        return SG_OK;
    }
    for (int64_t i = 0; i < h->n0; i++)
        v[i] = sign * other[h->row0[i]];
    qsort(v, (size_t)h->n0, sizeof *v, by_value);
    const int64_t at = h->n0 - (int64_t)ceil(share * (double)h->n0);
    const double cut = at > 0 ? v[at] : -INFINITY;
    for (int k = 0; k < N_ATTACK; k++) {
        x[k] = (sg_attack){.member = score, .label = -1};
        (void)snprintf(x[k].name, sizeof x[k].name, "%s", attack_name[k]);
        for (int64_t i = 0; i < h->n1; i++)
            if (sign * member[h->row1[i]] >= cut)
                score[x[k].n_member++] = h->score[k][i];
        x[k].other = score + x[k].n_member;
        for (int64_t i = 0; i < h->n0; i++)
            if (sign * other[h->row0[i]] >= cut)
                x[k].other[x[k].n_other++] = h->score[k][h->n1 + i];
        score = x[k].other + x[k].n_other;
    }
    if (share > 0.5 || x[0].n_member < 2 || x[0].n_other < policy->strata_min) {
        sg_measurement none = {
            .n = x[0].n_member, .n_ref = x[0].n_other, .estimate = NAN, .lo = NAN, .hi = NAN, .power = NAN};
        (void)snprintf(none.name, sizeof none.name, "%s", name);
        sg_findings_unpowered(out, &none, limit, policy);
        return SG_OK;
    }
    return sg_judge_attacks(name, x, N_ATTACK, limit, false, policy, a, out, err);
}

/* ---- overfit ---- */

/* (mean of x [n1] resampled, of y likewise) -> relative excess of x over y, many times. */
static void judge_overfit(const sg_traced *t, uint64_t seed, const sg_policy *policy, sg_arena *a, sg_findings *out)
{
    const int64_t n1 = t->n_val, n0 = t->audit->n_member;
    sg_measurement m = {
        .name = "model.overfit", .n = n1, .n_ref = n0, .estimate = NAN, .lo = NAN, .hi = NAN, .power = NAN};
    double gap[RESAMPLES] = {0};
    if (n1 < 2 || n0 < 2) { /* a warning cannot be given; nothing is decided by it */
        m.estimate = 0;
        sg_measure_fact(&m, "not_measured", 1);
        sg_findings_add(out, &m, (sg_decision){policy->model_overfit_max, SG_OUTCOME_PASS, ""});
        return;
    }
    (void)a;
    for (int k = -1; k < RESAMPLES; k++) { /* -1: as they are */
        sg_rng r = sg_rng_stream(seed, SG_RNG_QUALIFY, (uint64_t)(k + 1), 4);
        double val = 0, train = 0;
        for (int64_t i = 0; i < n1; i++)
            val += t->val[(k < 0 ? i : (int64_t)sg_rng_below(&r, (uint64_t)n1)) * SG_TRACE + SG_TRACE - 1];
        for (int64_t i = 0; i < n0; i++)
            train += t->member[(k < 0 ? i : (int64_t)sg_rng_below(&r, (uint64_t)n0)) * SG_TRACE + SG_TRACE - 1];
        const double g = val / (double)n1 / (train / (double)n0) - 1;
        if (k < 0)
            m.estimate = g;
        else
            gap[k] = g;
    }
    qsort(gap, RESAMPLES, sizeof *gap, by_value);
    m.lo = gap[(int)(0.025 * RESAMPLES)];
    m.hi = gap[(int)(0.975 * RESAMPLES)];
    sg_measure_fact(&m, "warning", gap[(int)(0.95 * RESAMPLES)] > policy->model_overfit_max);
    sg_findings_add(out, &m, (sg_decision){policy->model_overfit_max, SG_OUTCOME_PASS, ""});
}

sg_status sg_judge_traces(const sg_traced *t, const sg_policy *policy, double delta, uint64_t seed, const sg_run *run,
                          sg_arena *a, sg_findings *out, sg_err *err)
{
    half teach, measure;
    int which;
    SG_TRY(take_half(t, 0, a, &teach, err));
    SG_TRY(take_half(t, 1, a, &measure, err));
    if (t->audit->n_member < policy->model_audit_min || t->audit->n_other < policy->model_audit_min) {
        const sg_measurement few = {.name = "model.audited",
                                    .n = t->audit->n_member,
                                    .n_ref = t->audit->n_other,
                                    .estimate = NAN,
                                    .lo = NAN,
                                    .hi = NAN,
                                    .power = NAN};
        sg_findings_unpowered(out, &few, (double)policy->model_audit_min, policy);
    }
    SG_TRY(single(&teach, &measure, a, &which, err));
    SG_TRY(network(&teach, &measure, seed, run, a, err));
    sg_attack x[N_ATTACK];
    for (int k = 0; k < N_ATTACK; k++) {
        x[k] = (sg_attack){.member = measure.score[k],
                           .other = measure.score[k] + measure.n1,
                           .n_member = measure.n1,
                           .n_other = measure.n0,
                           .label = -1};
        (void)snprintf(x[k].name, sizeof x[k].name, "%s", attack_name[k]);
    }
    SG_TRY(sg_judge_attacks("model.loss", x, N_ATTACK, policy->model_auc_max, true, policy, a, out, err));
    SG_TRY(judge_epsilon(&teach, &measure, t->audit->coins, delta, policy, a, out, err));
    SG_TRY(
        stratum("model.outliers.isolated", &measure, t->isolation_member, t->isolation_other, 1, policy, a, out, err));
    SG_TRY(stratum("model.outliers.most_het", &measure, t->het_member, t->het_other, 1, policy, a, out, err));
    SG_TRY(stratum("model.outliers.least_het", &measure, t->het_member, t->het_other, -1, policy, a, out, err));
    judge_overfit(t, seed, policy, a, out);
    return SG_OK;
}
