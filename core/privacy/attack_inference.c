/* attack_inference.c - does the cohort help to guess what is hidden about members more than about their equals (C11), and to link
 * or single them out (C12)?
 *
 *   inference.snp    a hundred SNPs (runs of five, or a tenth of the panel when that is fewer) are hidden and guessed from the
 *                    rest: by the five nearest of the cohort, and by ridge regression learned on it. What is compared is the
 *                    share guessed right, members less evaluation people; linkage makes both shares high, and only their
 *                    difference is a leak. The interval is the normal one of a difference of means over people.
 *   inference.label  the same for the label: five nearest, and penalised logistic regression; right per label, averaged.
 *   linkability      a person's nearest cohort row by the first half of the panel is also the nearest by the second half
 *   singling_out     a combination of genotypes that one cohort row alone has (SNPs added at random until that is so)
 *                    picks exactly one of as many members as there are evaluation people; members take turns
 *
 * Rates of members (a) and of evaluation people (c) make a risk (a - c) / (1 - c) with Wilson's intervals carried through
 * (Anonymeter, Giomi et al. 2023); the one-sided 95 % bounds decide.
 */
#include "base/rng.h"
#include "learn/cholesky.h"
#include "learn/linear.h"
#include "privacy/gate.h"
#include "privacy/stats.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

enum { HIDDEN_MAX = 100, RUN = 5, NEAREST = 5, ROWS = 256 };
static const uint64_t seed = 0x1f3; /* part of the gate's version */
static const double z95 = 1.6448536269514722, z975 = 1.959963984540054;

/* ---- shares and their differences ---- */

typedef struct share {
    double sum, squares;
    int64_t n;
} share;

static void add(share *s, double x)
{
    s->sum += x;
    s->squares += x * x;
    s->n++;
}

static double mean(const share *s)
{
    return s->sum / (double)s->n;
}

static double variance_of_mean(const share *s)
{
    const double m = mean(s), n = (double)s->n;
    return fmax(0, s->squares / n - m * m) / fmax(1, n - 1);
}

static void decide_gain(const char *name, double gain, double se, double limit, const share *member, const share *other,
                        const sg_policy *policy, sg_findings *out)
{
    sg_measurement m = {.n = member->n, .n_ref = other->n, .estimate = gain, .power = NAN};
    (void)snprintf(m.name, sizeof m.name, "%s", name);
    m.lo = gain - z975 * se;
    m.hi = gain + z975 * se;
    m.power = sg_normal_cdf(limit / se - z95);
    sg_measure_fact(&m, "members_right", mean(member));
    sg_measure_fact(&m, "others_right", mean(other));
    sg_measure_fact(&m, "upper_95", gain + z95 * se);
    sg_measure_fact(&m, "lower_95", gain - z95 * se);
    if (!isfinite(gain) || !isfinite(se))
        sg_findings_add(out, &m, (sg_decision){limit, SG_OUTCOME_WITHHOLD, "check_failed"});
    else if (gain - z95 * se > limit)
        sg_findings_add(out, &m, (sg_decision){limit, SG_OUTCOME_FAIL, "attribute_leak"});
    else if (gain + z95 * se <= limit)
        sg_findings_add(out, &m, (sg_decision){limit, SG_OUTCOME_PASS, ""});
    else if (policy->low_power && 2 * z95 * se > limit && gain <= limit)
        sg_findings_unpowered(out, &m, limit, policy);
    else
        sg_findings_add(out, &m, (sg_decision){limit, SG_OUTCOME_WITHHOLD, "attribute_uncertain"});
}

/* ---- hidden SNPs ---- */

typedef struct mask {
    int64_t *hidden; /* [n] ascending */
    int64_t n;
    uint64_t *keep; /* [n_word] bits of the SNPs that are known */
} mask;

static sg_status hide(const sg_people *p, sg_arena *a, mask *m, sg_err *err)
{
    const int64_t L = p->n_variant, most = L / 10 < HIDDEN_MAX ? L / 10 : HIDDEN_MAX, n_run = L / RUN;
    int64_t *run = SG_NEW_RAW(a, int64_t, n_run + 1);
    uint8_t *chosen = SG_NEW(a, uint8_t, L + 1);
    *m = (mask){SG_NEW_RAW(a, int64_t, HIDDEN_MAX + RUN), 0, SG_NEW(a, uint64_t, p->n_word)};
    if (!run || !chosen || !m->hidden || !m->keep)
        return sg_arena_full(a, "hidden SNPs", err);
    for (int64_t i = 0; i < n_run; i++)
        run[i] = i;
    sg_rng r = sg_rng_stream(seed, SG_RNG_PRIVACY, 0, 200);
    sg_rng_shuffle(&r, run, n_run);
    for (int64_t i = 0, n = 0; i < n_run && n + RUN <= most; i++, n += RUN)
        memset(chosen + run[i] * RUN, 1, RUN);
    for (int64_t v = 0; v < L; v++)
        if (chosen[v])
            m->hidden[m->n++] = v;
        else
            m->keep[v / 64] |= (uint64_t)1 << v % 64;
    return SG_OK;
}

/* The same people with everything but `keep` set to 0. */
static sg_status masked(const sg_people *p, const uint64_t *keep, sg_arena *a, sg_people *out, sg_err *err)
{
    SG_TRY(sg_people_new(p->n_sample, p->n_variant, a, out, err));
    for (int64_t i = 0; i < p->n_sample * 2; i++)
        for (int64_t w = 0; w < p->n_word; w++)
            out->plane[i * p->n_word + w] = p->plane[i * p->n_word + w] & keep[w];
    return SG_OK;
}

/* Share of the hidden genotypes guessed right by the mean of the five nearest. */
static share nearest_share(const sg_evidence *e, const sg_people *p, const sg_sweep *s, const mask *m)
{
    share all = {0};
    for (int64_t i = 0; i < p->n_sample; i++) {
        int64_t right = 0;
        for (int64_t h = 0; h < m->n; h++) {
            int sum = 0, n = 0;
            for (int k = 0; k < NEAREST && s->near_at[i * s->n_near + k] >= 0; k++, n++)
                sum += sg_people_get(e->cohort, s->near_at[i * s->n_near + k], m->hidden[h]);
            right += n && (2 * sum + n) / (2 * n) == sg_people_get(p, i, m->hidden[h]);
        }
        add(&all, (double)right / (double)m->n);
    }
    return all;
}

static sg_status guess_nearest(const sg_evidence *e, const sg_people *p, const sg_people *cohort, const mask *m,
                               sg_arena *a, share *out, sg_err *err)
{
    const size_t mark = sg_arena_mark(a);
    sg_people known;
    sg_sweep s;
    const sg_sweep_options o = {.n_near = NEAREST, .radius = {-1, -1}, .stage = "hidden SNPs"};
    SG_TRY(masked(p, m->keep, a, &known, err));
    SG_TRY(sg_sweep_pairs(&known, cohort, &o, e->run, a, &s, err));
    *out = nearest_share(e, p, &s, m);
    sg_arena_rewind(a, mark);
    return SG_OK;
}

/* x [L] of known SNPs -> each hidden one: weights [L, n], rows of hidden SNPs 0. */
typedef struct regression {
    float *mean, *weight;
} regression;

static void row_of(const sg_people *p, int64_t i, const float *shift, const uint64_t *keep, int8_t *code, float *x)
{
    sg_people_unpack(p, i, code);
    for (int64_t v = 0; v < p->n_variant; v++)
        x[v] = keep[v / 64] >> v % 64 & 1 ? (float)code[v] - shift[v] : 0;
}

static sg_status learn(const sg_evidence *e, const mask *m, sg_arena *a, regression *out, sg_err *err)
{
    const sg_people *p = e->cohort;
    const int64_t L = p->n_variant, H = m->n;
    float *gram = SG_NEW(a, float, L *L), *x = SG_NEW_RAW(a, float, ROWS *L), *y = SG_NEW_RAW(a, float, ROWS *H);
    double *freq = SG_NEW(a, double, L), trace = 0;
    int8_t *code = SG_NEW_RAW(a, int8_t, L);
    *out = (regression){SG_NEW(a, float, L), SG_NEW(a, float, L *H)};
    if (!gram || !x || !y || !freq || !code || !out->mean || !out->weight)
        return sg_arena_full(a, "a regression", err);
    sg_people_freq(p, freq);
    for (int64_t v = 0; v < L; v++)
        out->mean[v] = (float)(2 * freq[v]);
    for (int64_t first = 0; first < p->n_sample; first += ROWS) {
        const int64_t n = p->n_sample - first < ROWS ? p->n_sample - first : ROWS;
        if (sg_cancelled(e->run))
            return sg_fail(err, SG_CANCELLED, "stopped while hidden SNPs were guessed");
        for (int64_t i = 0; i < n; i++) {
            row_of(p, first + i, out->mean, m->keep, code, x + i * L);
            for (int64_t h = 0; h < H; h++)
                y[i * H + h] = (float)code[m->hidden[h]] - out->mean[m->hidden[h]];
        }
        cblas_ssyrk(CblasRowMajor, CblasLower, CblasTrans, (int)L, (int)n, 1, x, (int)L, 1, gram, (int)L);
        cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)L, (int)H, (int)n, 1, x, (int)L, y, (int)H, 1,
                    out->weight, (int)H);
    }
    for (int64_t v = 0; v < L; v++)
        trace += (double)gram[v * L + v];
    for (int64_t v = 0; v < L; v++)
        gram[v * L + v] += (float)fmax(1e-3, 0.1 * trace / (double)L);
    if (!sg_cholesky(gram, L))
        return sg_fail(err, SG_DEGENERATE, "a regression's matrix is not positive definite");
    cblas_strsm(CblasRowMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, (int)L, (int)H, 1, gram, (int)L,
                out->weight, (int)H);
    cblas_strsm(CblasRowMajor, CblasLeft, CblasLower, CblasTrans, CblasNonUnit, (int)L, (int)H, 1, gram, (int)L,
                out->weight, (int)H);
    return SG_OK;
}

static sg_status guess_ridge(const sg_evidence *e, const sg_people *p, const regression *r, const mask *m, sg_arena *a,
                             share *out, sg_err *err)
{
    const size_t mark = sg_arena_mark(a);
    const int64_t L = p->n_variant, H = m->n;
    float *x = SG_NEW_RAW(a, float, ROWS *L), *y = SG_NEW_RAW(a, float, ROWS *H);
    int8_t *code = SG_NEW_RAW(a, int8_t, L);
    if (!x || !y || !code)
        return sg_arena_full(a, "guesses", err);
    *out = (share){0};
    for (int64_t first = 0; first < p->n_sample; first += ROWS) {
        const int64_t n = p->n_sample - first < ROWS ? p->n_sample - first : ROWS;
        if (sg_cancelled(e->run))
            return sg_fail(err, SG_CANCELLED, "stopped while hidden SNPs were guessed");
        for (int64_t i = 0; i < n; i++)
            row_of(p, first + i, r->mean, m->keep, code, x + i * L);
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)n, (int)H, (int)L, 1, x, (int)L, r->weight, (int)H,
                    0, y, (int)H);
        for (int64_t i = 0; i < n; i++) {
            int64_t right = 0;
            for (int64_t h = 0; h < H; h++) {
                const long g = lroundf(y[i * H + h] + r->mean[m->hidden[h]]);
                right += (g < 0 ? 0 : g > 2 ? 2 : g) == sg_people_get(p, first + i, m->hidden[h]);
            }
            add(out, (double)right / (double)H);
        }
    }
    sg_arena_rewind(a, mark);
    return SG_OK;
}

static void compare(const char *name, const share *member, const share *other, double limit, const sg_policy *policy,
                    sg_findings *out)
{
    decide_gain(name, mean(member) - mean(other), sqrt(variance_of_mean(member) + variance_of_mean(other)), limit,
                member, other, policy, out);
}

static sg_status hidden_snps(const sg_evidence *e, const sg_policy *policy, sg_arena *a, sg_findings *out, sg_err *err)
{
    const sg_people *train = &e->ref->people[SG_ROLE_TRAIN], *eval = &e->known->eval;
    mask m;
    sg_people cohort;
    regression r;
    share member, other;
    SG_TRY(hide(e->cohort, a, &m, err));
    if (m.n == 0) {
        sg_measurement none = {.name = "inference.snp", .estimate = NAN, .lo = NAN, .hi = NAN, .power = NAN};
        sg_findings_unpowered(out, &none, policy->snp_gain_max, policy);
        return SG_OK;
    }
    SG_TRY(masked(e->cohort, m.keep, a, &cohort, err));
    SG_TRY(guess_nearest(e, train, &cohort, &m, a, &member, err));
    SG_TRY(guess_nearest(e, eval, &cohort, &m, a, &other, err));
    compare("inference.snp.nearest", &member, &other, policy->snp_gain_max, policy, out);
    SG_TRY(learn(e, &m, a, &r, err));
    SG_TRY(guess_ridge(e, train, &r, &m, a, &member, err));
    SG_TRY(guess_ridge(e, eval, &r, &m, a, &other, err));
    compare("inference.snp.ridge", &member, &other, policy->snp_gain_max, policy, out);
    return SG_OK;
}

/* ---- hidden labels ---- */

/* Right or wrong per true label; the mean over labels is what counts, so that a common label does not drown a rare one. */
typedef struct by_label {
    share of[SG_LABEL_MAX], all;
} by_label;

static void compare_labels(const char *name, int n_label, const by_label *member, const by_label *other,
                           const sg_policy *policy, sg_findings *out)
{
    double gain = 0, variance = 0;
    int n = 0;
    for (int l = 0; l < n_label; l++)
        if (member->of[l].n > 1 && other->of[l].n > 1) {
            gain += mean(&member->of[l]) - mean(&other->of[l]);
            variance += variance_of_mean(&member->of[l]) + variance_of_mean(&other->of[l]);
            n++;
        }
    decide_gain(name, n ? gain / n : NAN, n ? sqrt(variance) / n : NAN, policy->label_gain_max, &member->all,
                &other->all, policy, out);
}

static void nearest_labels(const sg_evidence *e, const sg_sweep *s, const int8_t *label, int64_t n, by_label *out)
{
    memset(out, 0, sizeof *out);
    for (int64_t i = 0; i < n; i++) {
        int votes[SG_LABEL_MAX] = {0}, best = 0;
        for (int k = 0; k < NEAREST && s->near_at[i * s->n_near + k] >= 0; k++)
            votes[e->label[s->near_at[i * s->n_near + k]]]++;
        for (int l = 1; l < e->n_label; l++)
            if (votes[l] > votes[best])
                best = l;
        add(&out->of[label[i]], best == label[i]);
        add(&out->all, best == label[i]);
    }
}

/* Scores of one label against the rest; the highest wins. */
static sg_status ridge_labels(const sg_evidence *e, const sg_people *p, const int8_t *label, const sg_ridge *fitted,
                              sg_arena *a, by_label *out, sg_err *err)
{
    const size_t mark = sg_arena_mark(a);
    double *score = SG_NEW(a, double, (e->n_label + 1) * (p->n_sample + 1));
    if (!score)
        return sg_arena_full(a, "scores", err);
    memset(out, 0, sizeof *out);
    for (int l = 0; l < e->n_label; l++)
        if (fitted[l].weight)
            sg_linear_score(fitted[l].weight, p, score + l * p->n_sample);
    for (int64_t i = 0; i < p->n_sample; i++) {
        int best = -1;
        double most = -INFINITY;
        for (int l = 0; l < e->n_label; l++) {
            const double x = fitted[l].weight ? score[l * p->n_sample + i] + fitted[l].intercept : -INFINITY;
            if (x > most)
                most = x, best = l;
        }
        add(&out->of[label[i]], best == label[i]);
        add(&out->all, best == label[i]);
    }
    sg_arena_rewind(a, mark);
    return SG_OK;
}

static sg_status learn_labels(const sg_evidence *e, sg_arena *a, sg_ridge fitted[SG_LABEL_MAX], int *n, sg_err *err)
{
    uint8_t *is = SG_NEW(a, uint8_t, e->n_s + 1);
    *n = 0;
    memset(fitted, 0, SG_LABEL_MAX * sizeof *fitted);
    if (!is)
        return sg_arena_full(a, "labels", err);
    for (int l = 0; l < e->n_label; l++) {
        int64_t k = 0;
        for (int64_t i = 0; i < e->n_s; i++)
            k += is[i] = e->label[i] == l;
        if (k < 5 || e->n_s - k < 5)
            continue; /* too few to learn from */
        SG_TRY(sg_ridge_fit(e->cohort, is, 1, 0.3, e->run, a, &fitted[l], err));
        ++*n;
    }
    return SG_OK;
}

static sg_status hidden_labels(const sg_evidence *e, const sg_policy *policy, sg_arena *a, sg_findings *out,
                               sg_err *err)
{
    const sg_people *train = &e->ref->people[SG_ROLE_TRAIN], *eval = &e->known->eval;
    by_label *m = SG_NEW(a, by_label, 1), *o = SG_NEW(a, by_label, 1);
    sg_ridge fitted[SG_LABEL_MAX];
    int n;
    if (!m || !o)
        return sg_arena_full(a, "labels", err);
    SG_TRY(learn_labels(e, a, fitted, &n, err));
    if (n == 0) { /* a cohort of one label tells nothing about labels */
        sg_measurement none = {
            .name = "inference.label", .n = e->n_t, .n_ref = e->n_e, .power = NAN, .lo = NAN, .hi = NAN};
        sg_measure_fact(&none, "one_label", 1);
        sg_findings_add(out, &none, (sg_decision){policy->label_gain_max, SG_OUTCOME_PASS, ""});
        return SG_OK;
    }
    nearest_labels(e, &e->train, e->ref->label[SG_ROLE_TRAIN], e->n_t, m);
    nearest_labels(e, &e->eval, e->known->eval_label, e->n_e, o);
    compare_labels("inference.label.nearest", e->n_label, m, o, policy, out);
    SG_TRY(ridge_labels(e, train, e->ref->label[SG_ROLE_TRAIN], fitted, a, m, err));
    SG_TRY(ridge_labels(e, eval, e->known->eval_label, fitted, a, o, err));
    compare_labels("inference.label.ridge", e->n_label, m, o, policy, out);
    return SG_OK;
}

sg_status sg_check_inference(const sg_evidence *e, const sg_policy *policy, sg_arena *a, sg_findings *out, sg_err *err)
{
    sg_blas_single();
    SG_TRY(hidden_snps(e, policy, a, out, err));
    return hidden_labels(e, policy, a, out, err);
}

/* ---- risks ---- */

static void decide_risk(const char *name, int64_t hit, int64_t n, int64_t control, int64_t n_control,
                        const sg_policy *policy, sg_findings *out)
{
    sg_measurement m = {.n = n, .n_ref = n_control, .estimate = NAN, .lo = NAN, .hi = NAN, .power = NAN};
    (void)snprintf(m.name, sizeof m.name, "%s", name);
    const double limit = policy->risk_max;
    double a, da, c, dc;
    if (n < 1 || n_control < 1) {
        sg_findings_unpowered(out, &m, limit, policy);
        return;
    }
    sg_wilson(hit, n, 0.10, &a, &da); /* 90 % two-sided: each bound at 95 % */
    sg_wilson(control, n_control, 0.10, &c, &dc);
    const double left = fmax(1e-9, 1 - c), half = sqrt(pow(da / left, 2) + pow(dc * (1 - a) / (left * left), 2));
    m.estimate = (a - c) / left;
    m.lo = m.estimate - half;
    m.hi = m.estimate + half;
    sg_measure_fact(&m, "members_rate", (double)hit / (double)n);
    sg_measure_fact(&m, "others_rate", (double)control / (double)n_control);
    sg_measure_fact(&m, "upper_95", m.hi);
    if (m.hi <= limit)
        sg_findings_add(out, &m, (sg_decision){limit, SG_OUTCOME_PASS, ""});
    else if (m.lo > limit)
        sg_findings_add(out, &m, (sg_decision){limit, SG_OUTCOME_FAIL, "singling_out"});
    else if (policy->low_power && 2 * half > limit && m.estimate <= limit)
        sg_findings_unpowered(out, &m, limit, policy);
    else
        sg_findings_add(out, &m, (sg_decision){limit, SG_OUTCOME_WITHHOLD, "singling_out"});
}

/* n rows of p by chance, without repetition (all when n is more). */
static sg_status some_of(const sg_people *p, int64_t n, uint32_t stream, sg_arena *a, sg_people *out, sg_err *err)
{
    int64_t *row = SG_NEW_RAW(a, int64_t, p->n_sample + 1);
    if (!row)
        return sg_arena_full(a, "attacked people", err);
    for (int64_t i = 0; i < p->n_sample; i++)
        row[i] = i;
    sg_rng r = sg_rng_stream(seed, SG_RNG_PRIVACY, 0, stream);
    sg_rng_shuffle(&r, row, p->n_sample);
    if (n > p->n_sample)
        n = p->n_sample;
    SG_TRY(sg_people_new(n, p->n_variant, a, out, err));
    sg_people_gather(p, row, n, out);
    return SG_OK;
}

/* Whose nearest cohort rows by both halves of the panel are one. */
static sg_status link_people(const sg_evidence *e, const sg_people *who, const uint64_t *keep[2], sg_arena *a,
                             int64_t *hit, sg_err *err)
{
    const sg_sweep_options o = {.n_near = 1, .radius = {-1, -1}, .stage = "linking"};
    sg_people part[2], cohort[2];
    sg_sweep s[2];
    for (int k = 0; k < 2; k++) {
        SG_TRY(masked(who, keep[k], a, &part[k], err));
        SG_TRY(masked(e->cohort, keep[k], a, &cohort[k], err));
        SG_TRY(sg_sweep_pairs(&part[k], &cohort[k], &o, e->run, a, &s[k], err));
    }
    *hit = 0;
    for (int64_t i = 0; i < who->n_sample; i++)
        *hit += s[0].near_at[i * s[0].n_near] == s[1].near_at[i * s[1].n_near];
    return SG_OK;
}

static sg_status linkability(const sg_evidence *e, const sg_policy *policy, sg_arena *a, sg_findings *out, sg_err *err)
{
    const size_t mark = sg_arena_mark(a);
    uint64_t *first = SG_NEW(a, uint64_t, e->cohort->n_word), *second = SG_NEW(a, uint64_t, e->cohort->n_word);
    sg_people member, other;
    int64_t hit, control;
    if (!first || !second)
        return sg_arena_full(a, "halves of the panel", err);
    for (int64_t v = 0; v < e->n_snp; v++)
        (v < e->n_snp / 2 ? first : second)[v / 64] |= (uint64_t)1 << v % 64;
    const uint64_t *keep[2] = {first, second};
    SG_TRY(some_of(&e->ref->people[SG_ROLE_TRAIN], policy->attacks, 201, a, &member, err));
    SG_TRY(some_of(&e->known->eval, policy->attacks, 202, a, &other, err));
    SG_TRY(link_people(e, &member, keep, a, &hit, err));
    SG_TRY(link_people(e, &other, keep, a, &control, err));
    decide_risk("linking.linkability", hit, member.n_sample, control, other.n_sample, policy, out);
    sg_arena_rewind(a, mark);
    return SG_OK;
}

enum { SNPS_MAX = 64 };

/* SNPs in random order until only `row` of the cohort has its genotypes at them; 0: SNPS_MAX do not suffice. left [n_s]. */
static int predicate(const sg_people *p, int64_t row, sg_rng *r, int64_t *left, int64_t snp[SNPS_MAX],
                     int code[SNPS_MAX])
{
    int64_t n_left = p->n_sample;
    for (int64_t i = 0; i < n_left; i++)
        left[i] = i;
    for (int k = 0; k < SNPS_MAX; k++) {
        snp[k] = (int64_t)sg_rng_below(r, (uint64_t)p->n_variant);
        code[k] = sg_people_get(p, row, snp[k]);
        int64_t n = 0;
        for (int64_t i = 0; i < n_left; i++)
            if (sg_people_get(p, left[i], snp[k]) == code[k])
                left[n++] = left[i];
        n_left = n;
        if (n_left == 1)
            return k + 1;
    }
    return 0;
}

/* Exactly one of rows first .. first + n - 1 of p fits. */
static bool isolates(const sg_people *p, int64_t first, int64_t n, const int64_t *snp, const int *code, int n_snp)
{
    int found = 0;
    for (int64_t i = first; i < first + n && found < 2; i++) {
        int k = 0;
        while (k < n_snp && sg_people_get(p, i, snp[k]) == code[k])
            k++;
        found += k == n_snp;
    }
    return found == 1;
}

static sg_status singling_out(const sg_evidence *e, const sg_policy *policy, sg_arena *a, sg_findings *out, sg_err *err)
{
    const sg_people *train = &e->ref->people[SG_ROLE_TRAIN], *eval = &e->known->eval;
    const int64_t n = e->n_t < e->n_e ? e->n_t : e->n_e, groups = n ? e->n_t / n : 0;
    int64_t *left = SG_NEW_RAW(a, int64_t, e->n_s + 1), tried = 0, hit = 0, control = 0;
    if (!left)
        return sg_arena_full(a, "attacks", err);
    for (int64_t t = 0; groups && t < policy->attacks; t++) {
        int64_t snp[SNPS_MAX];
        int code[SNPS_MAX];
        if (t % 64 == 0 && sg_cancelled(e->run))
            return sg_fail(err, SG_CANCELLED, "stopped while people were singled out");
        sg_rng r = sg_rng_stream(seed, SG_RNG_PRIVACY, (uint64_t)t, 203);
        const int k = predicate(e->cohort, (int64_t)sg_rng_below(&r, (uint64_t)e->n_s), &r, left, snp, code);
        if (!k)
            continue;
        tried++;
        hit += isolates(train, t % groups * n, n, snp, code, k);
        control += isolates(eval, 0, n, snp, code, k);
    }
    decide_risk("linking.singling_out", hit, tried, control, tried, policy, out);
    return SG_OK;
}

sg_status sg_check_linking(const sg_evidence *e, const sg_policy *policy, sg_arena *a, sg_findings *out, sg_err *err)
{
    SG_TRY(linkability(e, policy, a, out, err));
    return singling_out(e, policy, a, out, err);
}
