/* evaluate.c - the cohorts that are compared, and the order of the comparisons. */
#include "evaluate/inside.h"
#include "base/rng.h"
#include "formats/chrom.h"
#include "privacy/privacy.h"

#include <math.h>
#include <string.h>

enum { STEP_HALF = 20, STEP_SCHEME = 21, SEED_BASELINE = 1000 };

static void count_train(const sg_dataset *d, int64_t *count)
{
    memset(count, 0, SG_LABEL_MAX * sizeof *count);
    for (int64_t i = 0; i < d->people.n_sample; i++)
        if (d->role[i] == SG_ROLE_TRAIN)
            count[d->label[i]]++;
}

/* People of each label among n with labels as frequent as in TRAIN; what rounding leaves goes to label 0. */
static void matched(const int64_t *train, int n_label, int64_t n, int64_t *want)
{
    int64_t total = 0, given = 0;
    for (int k = 0; k < n_label; k++)
        total += train[k];
    for (int k = 1; k < n_label; k++) {
        want[k] = total ? llround((double)n * (double)train[k] / (double)total) : 0;
        given += want[k];
    }
    want[0] = n > given ? n - given : 0;
}

void sg_evaluate_need(const sg_dataset *d, int64_t people, int64_t *need)
{
    int64_t train[SG_LABEL_MAX];
    count_train(d, train);
    matched(train, d->n_label, people, need);
    for (int k = 0; k < d->n_label; k++)
        if (train[k] && need[k] < people / d->n_label)
            need[k] = people / d->n_label;
}

sg_status sg_side_new(const sg_people *p, const int8_t *label, int n_label, const sg_run *run, sg_arena *a,
                      sg_side *out, sg_err *err)
{
    *out = (sg_side){.people = *p, .label = label};
    int64_t *idx = SG_NEW(a, int64_t, p->n_sample);
    out->r = SG_NEW(a, float, p->n_variant * p->n_variant);
    if (!idx || !out->r)
        return sg_arena_full(a, "correlations", err);
    SG_TRY(sg_snps_new(p, NULL, 0, a, &out->all, err));
    for (int k = 0; k < n_label; k++) {
        int64_t n = 0;
        for (int64_t i = 0; i < p->n_sample; i++)
            if (label[i] == k)
                idx[n++] = i;
        SG_TRY(sg_snps_new(p, idx, n, a, &out->by[k], err));
    }
    return sg_snps_correlation(&out->all, run, out->r, err);
}

static sg_status pick(const sg_people *p, const int8_t *label, const int64_t *idx, int64_t n, sg_arena *a,
                      sg_cohort *out, sg_err *err)
{
    SG_TRY(sg_people_new(n, p->n_variant, a, &out->people, err));
    out->label = SG_NEW(a, int8_t, n);
    if (!out->label)
        return sg_arena_full(a, "labels", err);
    sg_people_gather(p, idx, n, &out->people);
    for (int64_t i = 0; i < n; i++)
        out->label[i] = label[idx[i]];
    return SG_OK;
}

/* People of the dataset in one of the roles whose bits are set. */
static sg_status pick_roles(const sg_dataset *d, unsigned roles, sg_arena *a, sg_cohort *out, sg_err *err)
{
    int64_t *idx = SG_NEW(a, int64_t, d->people.n_sample), n = 0;
    if (!idx)
        return sg_arena_full(a, "people", err);
    for (int64_t i = 0; i < d->people.n_sample; i++)
        if (roles >> d->role[i] & 1)
            idx[n++] = i;
    return pick(&d->people, d->label, idx, n, a, out, err);
}

/* The largest part of a cohort, first people of each label first, whose labels stand in the ratio `ratio`. What is cut is
 * shuffled: the label of which there were too many would otherwise end early, and the gate looks at the order. */
static sg_status pick_scheme(const sg_people *p, const int8_t *label, int n_label, const double *ratio, uint64_t seed,
                             sg_arena *a, sg_cohort *out, sg_err *err)
{
    int64_t have[SG_LABEL_MAX] = {0}, want[SG_LABEL_MAX];
    for (int64_t i = 0; i < p->n_sample; i++)
        have[label[i]]++;
    double scale = INFINITY;
    for (int k = 0; k < n_label; k++)
        if (ratio[k] > 0)
            scale = fmin(scale, (double)have[k] / ratio[k]);
    for (int k = 0; k < n_label; k++) {
        want[k] = llround(scale * ratio[k]);
        want[k] = want[k] < have[k] ? want[k] : have[k];
    }
    int64_t *idx = SG_NEW(a, int64_t, p->n_sample), n = 0;
    if (!idx)
        return sg_arena_full(a, "people", err);
    for (int64_t i = 0; i < p->n_sample; i++)
        if (want[label[i]] > 0) {
            want[label[i]]--;
            idx[n++] = i;
        }
    sg_rng r = sg_rng_stream(seed, SG_RNG_EVALUATE, 0, STEP_SCHEME);
    if (n < p->n_sample)
        sg_rng_shuffle(&r, idx, n);
    return pick(p, label, idx, n, a, out, err);
}

static sg_status halves(const sg_cohort *all, uint64_t seed, sg_arena *a, sg_cohort half[2], sg_err *err)
{
    const int64_t n = all->people.n_sample, m = n / 2;
    int64_t *idx = sg_choose_some(n, m, seed, STEP_HALF, a), *rest = SG_NEW(a, int64_t, n);
    if (!idx || !rest)
        return sg_arena_full(a, "halves", err);
    int64_t k = 0;
    for (int64_t i = 0, at = 0; i < n; i++)
        if (at < m && idx[at] == i)
            at++;
        else
            rest[k++] = i;
    SG_TRY(pick(&all->people, all->label, idx, m, a, &half[0], err));
    return pick(&all->people, all->label, rest, k, a, &half[1], err);
}

static sg_status reference_side(sg_evaluation *e, const sg_cohort *c, const sg_run *run, sg_arena *a, sg_side *side,
                                sg_against *ref, sg_err *err)
{
    SG_TRY(sg_side_new(&c->people, c->label, e->d->n_label, run, a, side, err));
    const int64_t L = c->people.n_variant;
    ref->side = side;
    SG_TRY(sg_pca_fit(&side->all, side->r, L < SG_COMPONENTS ? (int)L : SG_COMPONENTS, a, &ref->pca, err));
    ref->score = SG_NEW(a, double, c->people.n_sample * ref->pca.k);
    if (!ref->score)
        return sg_arena_full(a, "principal components", err);
    sg_pca_project(&ref->pca, &c->people, run, ref->score);
    return SG_OK;
}

static sg_status compare(sg_evaluation *e, sg_column c, const sg_against *ref, const sg_cohort *x, const sg_run *run,
                         sg_arena *a, sg_err *err)
{
    e->n_column[c] = x->people.n_sample;
    if (x->people.n_sample < 10)
        return SG_OK; /* nothing can be said of so few */
    if (!e->beta[SG_N_COLUMN] && !(e->beta[SG_N_COLUMN] = SG_NEW(a, double, x->people.n_variant)))
        return sg_arena_full(a, "effect sizes", err);
    if (!(e->beta[c] = SG_NEW(a, double, x->people.n_variant)))
        return sg_arena_full(a, "effect sizes", err);
    sg_report(run, "comparing cohorts", c, SG_N_COLUMN);
    const size_t mark = sg_arena_mark(a);
    sg_side side;
    sg_status st = sg_side_new(&x->people, x->label, e->d->n_label, run, a, &side, err);
    if (!st)
        st = sg_compare_frequencies(e, c, ref->side, &side, a, err);
    if (!st)
        st = sg_compare_linkage(e, c, ref->side, &side, run, a, err);
    if (!st)
        st = sg_compare_pca(e, c, ref, &side, run, a, err);
    if (!st)
        st = sg_compare_people(e, c, ref->side, &side, run, a, err);
    if (!st)
        st = sg_compare_effects(e, c, ref->side, &side, a, err);
    if (!st)
        st = sg_compare_within(e, c, &x->people, x->label, a, err);
    sg_arena_rewind(a, mark);
    return st;
}

/* The release gate, with the limits for small data (the comparison is between generators); the whole verdict is kept as text. */
static sg_status judge(sg_evaluation *e, const sg_cohort *x, char **text, const sg_run *run, sg_arena *a, sg_err *err)
{
    sg_reference ref;
    sg_verdict *v;
    const sg_policy policy = sg_policy_demo();
    SG_TRY(sg_reference_from_dataset(e->d, a, &ref, err));
    SG_TRY(sg_privacy_judge(&ref, &x->people, x->label, &policy, run, &v, err));
    sg_buf b;
    sg_buf_init(&b, (size_t)1 << 20);
    sg_status st = sg_verdict_json(v, &b, err);
    if (!st && !(*text = sg_arena_strndup(a, (const char *)b.data, b.n)))
        st = sg_arena_full(a, "the verdict", err);
    sg_buf_clear(&b);
    sg_verdict_free(v);
    return st;
}

static sg_status check_input(const sg_dataset *d, const sg_people *p, const int8_t *label, sg_err *err)
{
    if (p->n_variant != d->panel.n_snp)
        return sg_fail(err, SG_MISMATCH, "the cohort has %lld SNPs, the dataset %lld", (long long)p->n_variant,
                       (long long)d->panel.n_snp);
    if (p->n_variant < 8 || p->n_sample < 10)
        return sg_fail(err, SG_DEGENERATE, "%lld people with %lld SNPs, want 10 people and 8 SNPs or more",
                       (long long)p->n_sample, (long long)p->n_variant);
    for (int64_t i = 0; i < p->n_sample; i++) {
        if (label[i] < 0 || label[i] >= d->n_label)
            return sg_fail(err, SG_MISMATCH, "a label of the cohort is %d, the dataset has labels 0 to %d", label[i],
                           d->n_label - 1);
        for (int64_t w = 0; w < p->n_word; w++)
            if (sg_people_lo(p, i)[w] & sg_people_hi(p, i)[w])
                return sg_fail(err, SG_LIMIT, "the cohort has missing genotypes; a synthetic cohort has none");
    }
    return SG_OK;
}

static void no_decay(sg_decay *d)
{
    for (int c = 0; c <= SG_N_COLUMN; c++)
        for (int b = 0; b < SG_DECAY_BINS; b++)
            d->mean[c][b] = NAN;
}

/* Everybody whose labels and genotypes are used, by column and label scheme. */
typedef struct cohorts {
    sg_cohort train, held, test, half[2];
    sg_cohort of[SG_N_COLUMN][SG_N_SCHEME]; /* people.n_sample 0: none */
} cohorts;

/* TRAIN, and the column's matched cohort behind it. */
static sg_status augment(const sg_cohort *train, sg_cohort *of, sg_arena *a, sg_err *err)
{
    const sg_cohort *x = &of[SG_SCHEME_MATCHED];
    sg_cohort *out = &of[SG_SCHEME_AUGMENTED];
    const int64_t n = train->people.n_sample, m = x->people.n_sample, row = 2 * train->people.n_word;
    SG_TRY(sg_people_new(n + m, train->people.n_variant, a, &out->people, err));
    if (!(out->label = SG_NEW(a, int8_t, n + m)))
        return sg_arena_full(a, "labels", err);
    memcpy(out->people.plane, train->people.plane, (size_t)(n * row) * sizeof(uint64_t));
    memcpy(out->people.plane + n * row, x->people.plane, (size_t)(m * row) * sizeof(uint64_t));
    memcpy(out->label, train->label, (size_t)n);
    memcpy(out->label + n, x->label, (size_t)m);
    return SG_OK;
}

static sg_status make_baseline(sg_evaluation *e, sg_column c, sg_baseline_kind kind, cohorts *all, const sg_run *run,
                               sg_arena *a, sg_err *err)
{
    const sg_panel *panel = &e->d->panel;
    int32_t *chrom = SG_NEW(a, int32_t, panel->n_snp);
    sg_baseline b;
    if (!chrom)
        return sg_arena_full(a, "chromosomes", err);
    for (int64_t v = 1; v < panel->n_snp; v++)
        chrom[v] = chrom[v - 1] + (sg_chrom_compare(panel->snp[v].chrom, panel->snp[v - 1].chrom) != 0);
    SG_TRY(sg_baseline_fit(kind, &all->train.people, all->train.label, e->d->n_label, chrom, run, a, &b, err));
    for (int s = SG_SCHEME_MATCHED; s <= SG_SCHEME_BALANCED; s++) { /* labels person by person as the synthetic ones */
        const sg_cohort *like = &all->of[SG_COLUMN_SYNTHETIC][s];
        sg_cohort *out = &all->of[c][s];
        out->label = like->label;
        SG_TRY(sg_baseline_draw(&b, e->o->seed + SEED_BASELINE + (uint64_t)s, like->label, like->people.n_sample, run,
                                a, &out->people, err));
    }
    return augment(&all->train, all->of[c], a, err);
}

static sg_status make_cohorts(sg_evaluation *e, const sg_people *people, const int8_t *label, cohorts *all,
                              const sg_run *run, sg_arena *a, sg_err *err)
{
    const sg_dataset *d = e->d;
    int64_t count[SG_LABEL_MAX];
    double matching[SG_LABEL_MAX], alike[SG_LABEL_MAX];
    count_train(d, count);
    for (int k = 0; k < d->n_label; k++) {
        matching[k] = (double)count[k];
        alike[k] = count[k] > 0;
    }
    sg_cohort *syn = all->of[SG_COLUMN_SYNTHETIC];
    SG_TRY(pick_roles(d, 1U << SG_ROLE_TRAIN, a, &all->train, err));
    SG_TRY(pick_roles(d, 1U << SG_ROLE_VAL | 1U << SG_ROLE_TEST, a, &all->held, err));
    SG_TRY(pick_roles(d, 1U << SG_ROLE_TEST, a, &all->test, err));
    SG_TRY(pick_scheme(people, label, d->n_label, matching, e->o->seed, a, &syn[SG_SCHEME_MATCHED], err));
    SG_TRY(pick_scheme(people, label, d->n_label, alike, e->o->seed, a, &syn[SG_SCHEME_BALANCED], err));
    if (all->train.people.n_sample < 20 || syn->people.n_sample < 10)
        return sg_fail(err, SG_DEGENERATE,
                       "%lld training people and %lld synthetic people with their labels, want 20 and 10 or more",
                       (long long)all->train.people.n_sample, (long long)syn->people.n_sample);
    SG_TRY(augment(&all->train, syn, a, err));
    SG_TRY(halves(&all->train, e->o->seed, a, all->half, err));
    all->of[SG_COLUMN_REAL][SG_SCHEME_MATCHED] = all->train;
    all->of[SG_COLUMN_HALF][SG_SCHEME_MATCHED] = all->half[0];
    for (int k = 0; e->o->baselines && k < SG_N_BASELINE; k++) {
        sg_report(run, "making baselines", k, SG_N_BASELINE);
        SG_TRY(make_baseline(e, (sg_column)(SG_COLUMN_INDEPENDENT + k), (sg_baseline_kind)k, all, run, a, err));
    }
    return SG_OK;
}

/* Fidelity and effects of every column, the gate on those that could be released. */
static sg_status compare_all(sg_evaluation *e, const cohorts *all, const sg_run *run, sg_arena *a, sg_err *err)
{
    sg_side side, half_side;
    sg_against ref, half_ref;
    const sg_cohort *syn = &all->of[SG_COLUMN_SYNTHETIC][SG_SCHEME_MATCHED];
    SG_TRY(reference_side(e, &all->train, run, a, &side, &ref, err));
    e->n_column[SG_COLUMN_REAL] = all->train.people.n_sample;
    SG_TRY(sg_compare_within(e, SG_COLUMN_REAL, &all->train.people, all->train.label, a, err));
    SG_TRY(compare(e, SG_COLUMN_SYNTHETIC, &ref, syn, run, a, err));
    SG_TRY(compare(e, SG_COLUMN_HELD_OUT, &ref, &all->held, run, a, err));
    SG_TRY(reference_side(e, &all->half[0], run, a, &half_side, &half_ref, err));
    SG_TRY(compare(e, SG_COLUMN_HALF, &half_ref, &all->half[1], run, a, err));
    SG_TRY(judge(e, syn, &e->verdict_json, run, a, err));
    sg_side syn_side;
    SG_TRY(sg_side_new(&syn->people, syn->label, e->d->n_label, run, a, &syn_side, err));
    SG_TRY(sg_take_pictures(e, &ref, &syn_side, &all->held.people, run, a, err));
    for (int c = SG_COLUMN_INDEPENDENT; c < SG_N_COLUMN; c++) {
        const sg_cohort *x = &all->of[c][SG_SCHEME_MATCHED];
        if (!x->people.n_sample)
            continue;
        SG_TRY(compare(e, (sg_column)c, &ref, x, run, a, err));
        SG_TRY(judge(e, x, &e->baseline_verdict[c], run, a, err));
    }
    sg_report(run, "comparing cohorts", SG_N_COLUMN, SG_N_COLUMN);
    return SG_OK;
}

sg_status sg_evaluate(const sg_evaluate_options *o, const sg_dataset *d, const sg_people *people, const int8_t *label,
                      const sg_run *run, sg_arena *a, const sg_evaluation **out, sg_err *err)
{
    SG_TRY(check_input(d, people, label, err));
    sg_evaluation *e = SG_NEW(a, sg_evaluation, 1);
    cohorts *all = SG_NEW(a, cohorts, 1);
    if (!e || !all || !(e->rows.row = SG_NEW(a, sg_row, SG_ROW_MAX)))
        return sg_arena_full(a, "the report", err);
    e->o = o;
    e->d = d;
    no_decay(&e->decay);
    SG_TRY(make_cohorts(e, people, label, all, run, a, err));
    SG_TRY(compare_all(e, all, run, a, err));
    SG_TRY(sg_compare_utility(e, all->of, &all->half[1], &all->test, run, a, err));
    SG_TRY(sg_find_wins(e, a, err));
    *out = e;
    return SG_OK;
}
