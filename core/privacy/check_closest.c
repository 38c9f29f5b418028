/* check_closest.c - the distance to the closest record, judged against the hold-out's: row by row, and as a share.
 *
 * The number behind both: closeness(x) = d(x, nearest TRAIN) - d(x, nearest VAL). A plain d(x, TRAIN) calls every
 * typical person a copy, because typical people are near to everybody; the difference asks whether x is nearer to those
 * the model learned from than to equals it never saw. For the hold-out it has the distribution that honest rows have
 * too, whatever the quality of the generator. With fewer than min_reference VAL rows d(x, TRAIN) alone is used.
 *
 * near_copy       Gumbel-min fit to the hold-out's closeness; threshold at near_copy_alarms / n_s, that is so many
 * false alarms per cohort. A flagged row is confirmed when its nearest TRAIN row is also much nearer than the second
 * (ratio below the policy's, 0/0 counts as confirmed), or related by kinship, or d(x, TRAIN) alone is below the threshold
 * fitted to the hold-out's d. Rule:
 * none -> PASS; one unconfirmed -> WITHHOLD; else FAIL. "detectable_edits" is the share of genotypes a copy may differ
 * in and still be flagged: the power. closest_record  Share of rows nearer to TRAIN than the dcr_quantile of the
 * hold-out both in d and in closeness, against the same share of the hold-out (Fisher, one-sided; rows with the same
 * nearest TRAIN row count once). Rule: FAIL when p <
 * 1e-4 and the ratio is above dcr_excess_max; WITHHOLD when p < 0.01 and it is above; else PASS.
 */
#include "privacy/gate.h"
#include "privacy/stats.h"

#include <math.h>
#include <string.h>

static const double p_withhold = 0.01, p_fail = 1e-4;
enum { few = 50 }; /* validation people; with fewer, distances are not taken relative to them */

typedef struct closeness {
    double *d, *rel;           /* [n_s] cohort: distance to TRAIN; the same relative to VAL */
    double *hold_d, *hold_rel; /* [n_h] hold-out */
    bool relative;
    double usual; /* median of what is subtracted: where a copy of a usual person would start from */
} closeness;

static sg_status measure(const sg_evidence *e, const sg_policy *policy, sg_arena *a, closeness *c, sg_err *err)
{
    c->d = SG_NEW_RAW(a, double, e->n_s);
    c->rel = SG_NEW_RAW(a, double, e->n_s);
    c->hold_d = SG_NEW_RAW(a, double, e->n_h);
    c->hold_rel = SG_NEW_RAW(a, double, e->n_h);
    double *base = SG_NEW_RAW(a, double, e->n_h);
    if (!c->d || !c->rel || !c->hold_d || !c->hold_rel || !base)
        return sg_arena_full(a, "closeness", err);
    (void)policy;
    c->relative = e->n_v >= few;
    for (int64_t i = 0; i < e->n_s; i++) {
        c->d[i] = e->train.col[i].d[0];
        c->rel[i] = c->d[i] - (c->relative ? e->val.col[i].d[0] : 0);
    }
    for (int64_t i = 0; i < e->n_h; i++) {
        base[i] = c->relative ? e->known->hold_val[i].d[0] : 0;
        c->hold_d[i] = e->known->hold_train[i].d[0];
        c->hold_rel[i] = c->hold_d[i] - base[i];
    }
    c->usual = sg_quantile(base, e->n_h, 0.5);
    return SG_OK;
}

/* 0/0 is no "1": a copy of somebody who is there twice has no second neighbour to be far from. */
static bool much_nearer_than_second(const sg_near *x, double ratio)
{
    return x->d[1] != SG_FAR && (x->d[1] == 0 || (double)x->d[0] < ratio * x->d[1]);
}

static bool row_related(const sg_evidence *e, int64_t i)
{
    return e->train.col_kin[i] > 0;
}

static sg_decision decide_near_copy(int64_t flagged, int64_t confirmed, double threshold)
{
    if (!isfinite(threshold))
        return (sg_decision){0, SG_OUTCOME_WITHHOLD, "check_failed"};
    if (flagged == 0)
        return (sg_decision){0, SG_OUTCOME_PASS, ""};
    return (sg_decision){0, flagged > 1 || confirmed > 0 ? SG_OUTCOME_FAIL : SG_OUTCOME_WITHHOLD, "near_copy"};
}

/* Nearest distances of cohort and hold-out, in equal steps from 0 to the largest. */
static void fill_tail(const sg_evidence *e, double threshold, sg_tail *t)
{
    int32_t most = 1;
    for (int64_t i = 0; i < e->n_s; i++)
        most = e->train.col[i].d[0] > most ? e->train.col[i].d[0] : most;
    for (int64_t i = 0; i < e->n_h; i++)
        most = e->known->hold_train[i].d[0] > most ? e->known->hold_train[i].d[0] : most;
    *t = (sg_tail){.step = (most + 1.0) / SG_TAIL_BINS, .threshold = threshold, .known = true};
    for (int64_t i = 0; i < e->n_s; i++)
        t->cohort[(int)(e->train.col[i].d[0] / t->step)]++;
    for (int64_t i = 0; i < e->n_h; i++)
        t->hold[(int)(e->known->hold_train[i].d[0] / t->step)]++;
}

sg_status sg_check_near_copy(const sg_evidence *e, const sg_policy *policy, sg_arena *a, sg_findings *out, sg_err *err)
{
    closeness c;
    SG_TRY(measure(e, policy, a, &c, err));
    const double p = policy->copy_alarms / (double)e->n_s;
    const double cut = sg_gumbel_min_quantile(sg_gumbel_min_fit(c.hold_rel, e->n_h), p);
    const double cut_d = sg_gumbel_min_quantile(sg_gumbel_min_fit(c.hold_d, e->n_h), p);
    int64_t flagged = 0, confirmed = 0;
    for (int64_t i = 0; i < e->n_s; i++)
        if (c.rel[i] < cut) {
            flagged++;
            confirmed += c.d[i] < cut_d || much_nearer_than_second(&e->train.col[i], policy->nndr) || row_related(e, i);
        }
    sg_measurement m = {.name = "near_copy", .n = e->n_s, .n_ref = e->n_t, .power = NAN};
    m.estimate = (double)flagged / (double)e->n_s;
    sg_binomial_interval(flagged, e->n_s, 0.05, &m.lo, &m.hi);
    sg_measure_fact(&m, "flagged", (double)flagged);
    sg_measure_fact(&m, "confirmed", (double)confirmed);
    sg_measure_fact(&m, "threshold", cut);
    sg_measure_fact(&m, "threshold_distance", cut_d);
    sg_measure_fact(&m, "relative_to_val", c.relative);
    sg_measure_fact(&m, "detectable_edits", (cut + c.usual) / (double)e->n_snp);
    sg_findings_add(out, &m, decide_near_copy(flagged, confirmed, cut));
    if (!out->prefix)
        fill_tail(e, cut_d, &out->tail);
    return SG_OK;
}

static sg_decision decide_excess(double p, double ratio, const sg_policy *policy)
{
    const double limit = policy->excess_max;
    if (!(p >= 0 && ratio >= 0))
        return (sg_decision){limit, SG_OUTCOME_WITHHOLD, "check_failed"};
    if (ratio <= limit || p >= p_withhold)
        return (sg_decision){limit, SG_OUTCOME_PASS, ""};
    return (sg_decision){limit, p < p_fail ? SG_OUTCOME_FAIL : SG_OUTCOME_WITHHOLD, "too_close"};
}

/* As many rows as the hold-out has whose nearest member is much nearer than the second? */
sg_status sg_check_ratio(const sg_evidence *e, const sg_policy *policy, sg_arena *a, sg_findings *out, sg_err *err)
{
    (void)a;
    (void)err;
    int64_t k = 0, h = 0;
    for (int64_t i = 0; i < e->n_s; i++)
        k += much_nearer_than_second(&e->train.col[i], policy->nndr);
    for (int64_t i = 0; i < e->n_h; i++)
        h += much_nearer_than_second(&e->known->hold_train[i], policy->nndr);
    const double p = sg_fisher_greater(k, e->n_s, h, e->n_h), hold_rate = (double)(h ? h : 1) / (double)e->n_h;
    sg_measurement m = {.name = "distance_ratio", .n = e->n_s, .n_ref = e->n_h, .power = NAN};
    double lo, hi;
    sg_binomial_interval(k, e->n_s, 0.05, &lo, &hi);
    m.estimate = (double)k / (double)e->n_s / hold_rate;
    m.lo = lo / hold_rate;
    m.hi = hi / hold_rate;
    sg_measure_fact(&m, "rows", (double)k);
    sg_measure_fact(&m, "holdout_rows", (double)h);
    sg_measure_fact(&m, "p_value", p);
    sg_findings_add(out, &m, decide_excess(p, m.estimate, policy));
    return SG_OK;
}

static bool is_close(double d, double rel, double cut_d, double cut_rel)
{
    return d < cut_d && rel < cut_rel;
}

/* Rows that are close, and how many different TRAIN rows are nearest to those. seen [n_t] scratch. */
typedef struct close_count {
    int64_t rows, close, distinct;
} close_count;

static close_count count_close(const double *d, const double *rel, const sg_near *near, int64_t n, double cut_d,
                               double cut_rel, uint8_t *seen, int64_t n_t)
{
    close_count c = {.rows = n};
    memset(seen, 0, (size_t)n_t);
    for (int64_t i = 0; i < n; i++) {
        if (!is_close(d[i], rel[i], cut_d, cut_rel))
            continue;
        uint8_t *s = &seen[near[i].at[0]];
        c.close++;
        c.distinct += !*s;
        *s = 1;
    }
    return c;
}

/* Close rows that share their nearest TRAIN row are hardly independent of each other: they count once, in a sample that is
 * smaller by the same factor. (Counting all rows by their nearest TRAIN row would not do: a large cohort has every member as
 * somebody's nearest, and its share of close ones grows with its size.) */
static int64_t independent(const close_count *c)
{
    return c->close ? llround((double)c->rows * (double)c->distinct / (double)c->close) : c->rows;
}

sg_status sg_check_closest(const sg_evidence *e, const sg_policy *policy, sg_arena *a, sg_findings *out, sg_err *err)
{
    closeness c;
    SG_TRY(measure(e, policy, a, &c, err));
    double *sorted = SG_NEW_RAW(a, double, e->n_h);
    uint8_t *seen = SG_NEW_RAW(a, uint8_t, e->n_t);
    if (!sorted || !seen)
        return sg_arena_full(a, "closeness", err);
    memcpy(sorted, c.hold_d, (size_t)e->n_h * sizeof *sorted);
    const double cut_d = sg_quantile(sorted, e->n_h, policy->close_quantile);
    memcpy(sorted, c.hold_rel, (size_t)e->n_h * sizeof *sorted);
    const double cut_rel = sg_quantile(sorted, e->n_h, policy->close_quantile);
    const close_count k = count_close(c.d, c.rel, e->train.col, e->n_s, cut_d, cut_rel, seen, e->n_t);
    const close_count h = count_close(c.hold_d, c.hold_rel, e->known->hold_train, e->n_h, cut_d, cut_rel, seen, e->n_t);
    const double p = sg_fisher_greater(k.distinct, independent(&k), h.distinct, independent(&h));
    const double hold_rate = (double)(h.close > 0 ? h.close : 1) / (double)e->n_h; /* 0 of n is at most about 1 of n */
    sg_measurement m = {.name = "closest_record", .n = e->n_s, .n_ref = e->n_h, .power = NAN};
    m.estimate = (double)k.close / (double)e->n_s / hold_rate;
    double lo, hi;
    sg_binomial_interval(k.close, e->n_s, 0.05, &lo, &hi);
    m.lo = lo / hold_rate;
    m.hi = hi / hold_rate;
    sg_measure_fact(&m, "close", (double)k.close);
    sg_measure_fact(&m, "close_distinct", (double)k.distinct);
    sg_measure_fact(&m, "independent_rows", (double)independent(&k));
    sg_measure_fact(&m, "holdout_close", (double)h.close);
    sg_measure_fact(&m, "p_value", p);
    sg_measure_fact(&m, "median_distance", sg_quantile(c.d, e->n_s, 0.5));
    sg_measure_fact(&m, "holdout_median_distance", sg_quantile(c.hold_d, e->n_h, 0.5));
    sg_findings_add(out, &m, decide_excess(p, m.estimate, policy));
    return SG_OK;
}
