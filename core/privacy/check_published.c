/* check_published.c - the six figures of the published evaluation, for comparison with its paper; they decide nothing.
 *
 * Definitions as in the authors' code, with three differences: members are TRAIN alone (theirs call the validation people
 * members too), nobody is left out by chance (theirs takes 50,000), and equal distances count half in the adversarial
 * accuracy. Beside each stands the same figure of the evaluation half in the cohort's place, where it exists.
 *
 *   identical   share of cohort rows equal to a TRAIN row                     (IMR)
 *   distance    median distance to the nearest TRAIN row                      (DCR)
 *   auc         of -distance to the nearest cohort row, TRAIN against TEST    (MI AUC)
 *   ratio       mean of nearest over second nearest distance; 1 for 0/0       (NNDR)
 *   adversarial nearest-neighbour adversarial accuracy of TRAIN and cohort, each cut to the smaller size (first rows), and
 *               the same with the evaluation half instead of TRAIN: their difference is the privacy loss (NNAA)
 *   frequency   largest and mean |difference| and Pearson's r of allele frequencies, against the hold-out (MAF drift:
 *               theirs is against TRAIN, which tells TRAIN's frequencies)
 */
#include "privacy/gate.h"
#include "privacy/stats.h"

#include <math.h>

static const sg_decision informational = {NAN, SG_OUTCOME_PASS, ""};

static void add(const char *name, double estimate, int64_t n, int64_t n_ref, const char *fact, double value,
                sg_findings *out)
{
    sg_measurement m = {.n = n, .n_ref = n_ref, .estimate = estimate, .lo = NAN, .hi = NAN, .power = NAN};
    (void)snprintf(m.name, sizeof m.name, "published.%s", name);
    sg_measure_fact(&m, fact, value);
    sg_findings_add(out, &m, informational);
}

typedef struct rows {
    double identical, median, ratio;
} rows;

static sg_status of_rows(const sg_near *near, int64_t n, sg_arena *a, rows *out, sg_err *err)
{
    double *d = SG_NEW_RAW(a, double, n);
    if (!d)
        return sg_arena_full(a, "distances", err);
    *out = (rows){0, 0, 0};
    for (int64_t i = 0; i < n; i++) {
        d[i] = near[i].d[0];
        out->identical += near[i].d[0] == 0;
        out->ratio += near[i].d[1] ? (double)near[i].d[0] / near[i].d[1] : 1;
    }
    out->identical /= (double)n;
    out->ratio /= (double)n;
    out->median = 0.5 * (sg_quantile(d, n, 0.5) + d[n / 2]); /* sorted now: the middle, or the mean of the middle two */
    return SG_OK;
}

static sg_people first_rows(const sg_people *p, int64_t n)
{
    sg_people q = *p;
    q.n_sample = n;
    return q;
}

/* Share of x [n] that is above y [n], ties half. */
static double above(const sg_near *x, const sg_near *y, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += x[i].d[0] > y[i].d[0] ? 1 : x[i].d[0] == y[i].d[0] ? 0.5 : 0;
    return sum / (double)n;
}

static sg_status adversarial(const sg_evidence *e, const sg_people *real, const sg_people *made, int64_t n, sg_arena *a,
                             double *out, sg_err *err)
{
    const sg_people r = first_rows(real, n), s = first_rows(made, n);
    sg_near *rs = SG_NEW_RAW(a, sg_near, n), *rr = SG_NEW_RAW(a, sg_near, n), *sr = SG_NEW_RAW(a, sg_near, n),
            *ss = SG_NEW_RAW(a, sg_near, n);
    if (!rs || !rr || !sr || !ss)
        return sg_arena_full(a, "distances", err);
    SG_TRY(sg_nearest(&r, &s, SG_HAMMING, false, e->run, a, rs, NULL, err));
    SG_TRY(sg_nearest(&r, &r, SG_HAMMING, true, e->run, a, rr, NULL, err));
    SG_TRY(sg_nearest(&s, &r, SG_HAMMING, false, e->run, a, sr, NULL, err));
    SG_TRY(sg_nearest(&s, &s, SG_HAMMING, true, e->run, a, ss, NULL, err));
    *out = 0.5 * (above(rs, rr, n) + above(sr, ss, n));
    return SG_OK;
}

static sg_status frequencies(const sg_evidence *e, sg_arena *a, sg_findings *out, sg_err *err)
{
    const int64_t L = e->n_snp;
    double *f = SG_NEW_RAW(a, double, L), *g = SG_NEW_RAW(a, double, L);
    if (!f || !g)
        return sg_arena_full(a, "frequencies", err);
    sg_people_freq(&e->known->hold, f);
    sg_people_freq(e->cohort, g);
    double mean = 0, most = 0, x = 0, y = 0, xx = 0, yy = 0, xy = 0;
    for (int64_t v = 0; v < L; v++) {
        mean += fabs(f[v] - g[v]) / (double)L;
        most = fmax(most, fabs(f[v] - g[v]));
        x += f[v] / (double)L;
        y += g[v] / (double)L;
    }
    for (int64_t v = 0; v < L; v++) {
        xx += (f[v] - x) * (f[v] - x);
        yy += (g[v] - y) * (g[v] - y);
        xy += (f[v] - x) * (g[v] - y);
    }
    add("frequency_largest", most, e->n_s, e->n_h, "mean", mean, out);
    add("frequency_r", xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : 0, e->n_s, e->n_h, "snps", (double)L, out);
    return SG_OK;
}

sg_status sg_check_published(const sg_evidence *e, const sg_policy *policy, sg_arena *a, sg_findings *out, sg_err *err)
{
    (void)policy;
    rows s, h;
    SG_TRY(of_rows(e->train.col, e->n_s, a, &s, err));
    SG_TRY(of_rows(e->known->hold_train, e->n_h, a, &h, err));
    add("identical", s.identical, e->n_s, e->n_t, "holdout", h.identical, out);
    add("distance_median", s.median, e->n_s, e->n_t, "holdout", h.median, out);
    add("ratio_mean", s.ratio, e->n_s, e->n_t, "holdout", h.ratio, out);
    double *m = SG_NEW_RAW(a, double, e->n_t), *o = SG_NEW_RAW(a, double, e->n_h);
    if (!m || !o)
        return sg_arena_full(a, "scores", err);
    for (int64_t i = 0; i < e->n_t; i++)
        m[i] = -(double)e->train.near[i * e->train.n_near];
    for (int64_t i = 0; i < e->n_h; i++)
        o[i] = i < e->n_c ? -(double)e->calib.near[i * e->calib.n_near]
                          : -(double)e->eval.near[(i - e->n_c) * e->eval.n_near];
    sg_auc auc;
    SG_TRY(sg_auc_delong(m, e->n_t, o, e->n_h, a, &auc, err));
    add("auc", auc.auc, e->n_t, e->n_h, "standard_error", auc.se, out);
    const int64_t n = e->n_s < e->n_t ? e->n_s : e->n_t, k = n < e->n_h ? n : e->n_h;
    double train, test, same;
    if (k >= 2) {
        SG_TRY(adversarial(e, &e->ref->people[SG_ROLE_TRAIN], e->cohort, n, a, &train, err));
        SG_TRY(adversarial(e, &e->ref->people[SG_ROLE_TRAIN], e->cohort, k, a, &same, err));
        SG_TRY(adversarial(e, &e->known->hold, e->cohort, k, a, &test, err));
        add("adversarial", train, n, n, "privacy_loss", test - same, out);
    }
    return frequencies(e, a, out, err);
}
