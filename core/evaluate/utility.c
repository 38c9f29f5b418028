/* utility.c - train on a cohort, predict real people: is a synthetic cohort as good to learn from as real people?
 *
 * Every score is used on the same real TEST people, which neither the model nor any score was trained on. The matched
 * scheme comes first, because it chooses the shape of the boosted trees that the other schemes of the column reuse.
 * Fits run side by side, each on one thread with its own arena; results do not depend on who ran what. */
#include "evaluate/inside.h"
#include "learn/boost.h"
#include "learn/linear.h"
#include "stat/roc.h"

#include <math.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static const double p_limits[] = {1, 0.05, 1e-3, 1e-5, 5e-8};
enum { N_P_LIMIT = sizeof p_limits / sizeof *p_limits, TASK_MAX = SG_N_METHOD * SG_N_SCHEME * (SG_N_COLUMN + 1) };

#define NAMES(fn, type, list, text)                                                                                    \
    const char *fn(type k)                                                                                             \
    {                                                                                                                  \
        static const char *const word[] = {list(text)};                                                                \
        return word[k];                                                                                                \
    }
#define FIRST(n, word, words) word,
#define SECOND(n, word, words) words,
NAMES(sg_method_name, sg_method, SG_METHODS, FIRST)
NAMES(sg_method_words, sg_method, SG_METHODS, SECOND)
NAMES(sg_scheme_name, sg_scheme, SG_SCHEMES, FIRST)
NAMES(sg_scheme_words, sg_scheme, SG_SCHEMES, SECOND)

sg_status sg_methods_parse(const char *list, unsigned *out, sg_err *err)
{
    *out = SG_METHODS_ALL;
    if (!strcmp(list, "all"))
        return SG_OK;
    *out = 0;
    if (!strcmp(list, "none"))
        return SG_OK;
    for (const char *at = list, *end; *at; at = *end ? end + 1 : end) {
        end = strchrnul(at, ',');
        int found = -1;
        for (int m = 0; m < SG_N_METHOD; m++)
            if (strlen(sg_method_name((sg_method)m)) == (size_t)(end - at) &&
                !strncmp(at, sg_method_name((sg_method)m), (size_t)(end - at)))
                found = m;
        if (found < 0)
            return sg_fail(err, SG_FORMAT, "method \"%.*s\", want all, none, or some of prs,gwas_prs,logistic,xgboost",
                           (int)(end - at), at);
        *out |= 1U << found;
    }
    return SG_OK;
}

void sg_evaluation_note(sg_evaluation *e, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    if (e->n_note < SG_NOTE_MAX)
        (void)vsnprintf(e->note[e->n_note++], SG_NOTE, fmt, ap);
    va_end(ap);
}

const char *sg_label_suffix(const sg_dataset *d, int label, char text[SG_ROW_OF])
{
    *text = '\0';
    if (d->n_label > 2)
        (void)snprintf(text, SG_ROW_OF, "%s", d->label_name[label]);
    return text;
}

static bool has_effects(const sg_panel *p)
{
    for (int64_t v = 0; v < p->n_snp; v++)
        if (isfinite(p->snp[v].beta))
            return true;
    return false;
}

/* The panel's effects where its p-value is at most `limit`; an unknown p-value counts as 1. */
static int64_t gwas_weights(const sg_panel *panel, double limit, double *weight)
{
    int64_t n = 0;
    for (int64_t v = 0; v < panel->n_snp; v++) {
        const sg_snp *s = &panel->snp[v];
        const bool in = isfinite(s->beta) && (isfinite(s->p) ? s->p : 1) <= limit;
        weight[v] = in ? s->beta : 0;
        n += in;
    }
    return n;
}

typedef struct task {
    sg_column column;
    sg_method method;
    sg_scheme scheme;
    bool other; /* trained on the other half */
    const sg_cohort *train;
    double *score; /* [n_test] */
    sg_boost_chosen boost;
    double penalty;
    bool fixed; /* boost and penalty are given */
    sg_status st;
    sg_err err;
} task;

typedef struct tasks {
    sg_evaluation *e;
    const sg_run *run;
    const sg_cohort *test;
    const uint8_t *is_case; /* [n_test] */
    int label;              /* the cases */
    int first, n;           /* the tasks of this wave: first .. n - 1 */
    _Atomic int done;
    int total;
    task at[TASK_MAX];
} tasks;

static uint8_t *cases_of(const int8_t *label, int64_t n, int k, sg_arena *a)
{
    uint8_t *is_case = SG_NEW(a, uint8_t, n);
    for (int64_t i = 0; is_case && i < n; i++)
        is_case[i] = label[i] == k;
    return is_case;
}

static sg_status score_prs(const task *t, const uint8_t *is_case, const sg_people *test, sg_arena *a, sg_err *err)
{
    const sg_people *p = &t->train->people;
    const int64_t L = p->n_variant;
    int64_t *count = SG_NEW(a, int64_t, 6 * L);
    double *weight = SG_NEW(a, double, L);
    int8_t *code = SG_NEW(a, int8_t, L);
    if (!count || !weight || !code)
        return sg_arena_full(a, "effect sizes", err);
    for (int64_t i = 0; i < p->n_sample; i++) {
        sg_people_unpack(p, i, code);
        for (int64_t v = 0; v < L; v++)
            count[6 * v + 3 * is_case[i] + code[v]]++;
    }
    for (int64_t v = 0; v < L; v++)
        weight[v] = sg_beta_fit(count + 6 * v, count + 6 * v + 3).beta;
    sg_linear_score(weight, test, t->score);
    return SG_OK;
}

/* Of the limits on the p-value the one whose score tells the training cohort's cases best. */
static sg_status score_gwas(const sg_panel *panel, const task *t, const uint8_t *is_case, const sg_people *test,
                            sg_arena *a, sg_err *err)
{
    const sg_people *p = &t->train->people;
    double *weight = SG_NEW(a, double, panel->n_snp), *score = SG_NEW(a, double, p->n_sample), most = -1;
    if (!weight || !score)
        return sg_arena_full(a, "scores", err);
    for (int k = 0; k < N_P_LIMIT; k++) {
        sg_roc roc;
        if (!gwas_weights(panel, p_limits[k], weight))
            continue;
        sg_linear_score(weight, p, score);
        SG_TRY(sg_roc_new(score, is_case, p->n_sample, a, &roc, err));
        if (!(roc.area > most))
            continue;
        most = roc.area;
        sg_linear_score(weight, test, t->score);
    }
    return SG_OK;
}

static sg_status run_task(const tasks *q, task *t, sg_arena *a)
{
    const uint64_t seed = q->e->o->seed;
    const sg_people *p = &t->train->people, *test = &q->test->people;
    const uint8_t *is_case = cases_of(t->train->label, p->n_sample, q->label, a);
    sg_ridge ridge;
    if (!is_case)
        return sg_arena_full(a, "labels", &t->err);
    switch (t->method) {
    case SG_METHOD_PRS:
        return score_prs(t, is_case, test, a, &t->err);
    case SG_METHOD_GWAS_PRS:
        return score_gwas(&q->e->d->panel, t, is_case, test, a, &t->err);
    case SG_METHOD_LOGISTIC:
        SG_TRY(sg_ridge_fit(p, is_case, seed, t->fixed ? t->penalty : 0, q->run, a, &ridge, &t->err));
        t->penalty = ridge.penalty;
        sg_linear_score(ridge.weight, test, t->score);
        return SG_OK;
    case SG_METHOD_XGBOOST:
    default:
        return sg_boost_fit_score(p, is_case, test, seed, t->fixed ? &t->boost : NULL, q->run, a, t->score, &t->boost,
                                  &t->err);
    }
}

static void one_task(void *ctx, int64_t i, int worker)
{
    tasks *q = ctx;
    task *t = &q->at[q->first + i];
    sg_arena a = {0};
    const size_t n = (size_t)t->train->people.n_sample, L = (size_t)q->test->people.n_variant;
    const size_t bytes =
        4 * n * L + 4 * L * L * (SG_RIDGE_FOLDS + 2) + 400 * (n + L) + 4 * (size_t)q->test->people.n_sample * L;
    if (sg_cancelled(q->run)) {
        t->st = sg_fail(&t->err, SG_CANCELLED, "stopped while predicting real people");
        return;
    }
    t->st = sg_arena_init(&a, bytes + ((size_t)16 << 20), &t->err);
    if (!t->st)
        t->st = run_task(q, t, &a);
    sg_arena_clear(&a);
    const int done = atomic_fetch_add(&q->done, 1) + 1;
    if (worker == 0) /* the thread that may speak */
        sg_report(q->run, "predicting real people", done, q->total);
}

static bool slow(sg_method m)
{
    return m == SG_METHOD_LOGISTIC || m == SG_METHOD_XGBOOST;
}

static bool wanted(const sg_evaluation *e, sg_method m)
{
    /* published effects tell cases from controls, not one label of many */
    return (e->o->methods >> m & 1) && (m != SG_METHOD_GWAS_PRS || (e->d->n_label == 2 && has_effects(&e->d->panel)));
}

static sg_status add(tasks *q, sg_column c, sg_method m, sg_scheme s, bool other, const sg_cohort *train, sg_arena *a,
                     sg_err *err)
{
    if (!train->people.n_sample)
        return SG_OK;
    task *t = &q->at[q->n++];
    *t = (task){.column = c, .method = m, .scheme = s, .other = other, .train = train};
    t->score = SG_NEW(a, double, q->test->people.n_sample);
    return t->score ? SG_OK : sg_arena_full(a, "scores", err);
}

/* The first wave: slow methods on matched cohorts, which choose their settings there, then everything quick. */
static sg_status first_wave(tasks *q, const sg_cohort of[SG_N_COLUMN][SG_N_SCHEME], const sg_cohort *other_half,
                            sg_arena *a, sg_err *err)
{
    for (int m = SG_N_METHOD; m-- > 0;)
        for (int c = 0; c < SG_N_COLUMN; c++) {
            if (!wanted(q->e, (sg_method)m))
                continue;
            for (int s = 0; s < (slow((sg_method)m) ? 1 : (int)SG_N_SCHEME); s++)
                SG_TRY(add(q, (sg_column)c, (sg_method)m, (sg_scheme)s, false, &of[c][s], a, err));
            if (c == SG_COLUMN_HALF)
                SG_TRY(add(q, SG_COLUMN_HALF, (sg_method)m, SG_SCHEME_MATCHED, true, other_half, a, err));
        }
    return SG_OK;
}

/* The second: the other schemes with the settings chosen in the first. */
static sg_status second_wave(tasks *q, const sg_cohort of[SG_N_COLUMN][SG_N_SCHEME], sg_arena *a, sg_err *err)
{
    const int n = q->n;
    q->first = n;
    for (int k = 0; k < n; k++) {
        const task *shape = &q->at[k];
        if (!slow(shape->method) || shape->st || shape->other)
            continue;
        for (int s = SG_N_SCHEME; s-- > 1;) {
            const int before = q->n;
            SG_TRY(add(q, shape->column, shape->method, (sg_scheme)s, false, &of[shape->column][s], a, err));
            if (q->n == before)
                continue;
            task *t = &q->at[before];
            t->boost = shape->boost;
            t->penalty = shape->penalty;
            t->fixed = true;
        }
    }
    return SG_OK;
}

static void row_name(const sg_dataset *d, const task *t, sg_scheme s, int label, char of[SG_ROW_OF])
{
    char name[SG_ROW_OF];
    const char *suffix = sg_label_suffix(d, label, name);
    (void)snprintf(of, SG_ROW_OF, "%s %s%s%.64s", sg_method_name(t->method), sg_scheme_name(s), *suffix ? " " : "",
                   suffix);
}

static const task *find(const tasks *q, sg_column c, sg_method m, sg_scheme s, bool other)
{
    for (int k = 0; k < q->n; k++)
        if (q->at[k].column == c && q->at[k].method == m && q->at[k].other == other && q->at[k].scheme == s &&
            !q->at[k].st)
            return &q->at[k];
    return NULL;
}

/* A task's area, and what it has more than its reference: the training people, for a half the other half. What real
 * people give stands in the rows of all schemes. */
static sg_status put(tasks *q, const task *t, sg_arena *a, sg_err *err)
{
    sg_evaluation *e = q->e;
    char of[SG_ROW_OF];
    const int64_t n = q->test->people.n_sample;
    const bool half = t->column == SG_COLUMN_HALF, real = t->column == SG_COLUMN_REAL;
    const task *against =
        real ? NULL : find(q, half ? SG_COLUMN_HALF : SG_COLUMN_REAL, t->method, SG_SCHEME_MATCHED, half);
    sg_roc roc, other;
    SG_TRY(sg_roc_new(t->score, q->is_case, n, a, &roc, err));
    for (int s = 0; s < SG_N_SCHEME; s++) {
        if (!(real || half) && s != (int)t->scheme)
            continue;
        row_name(e->d, t, (sg_scheme)s, q->label, of);
        sg_rows_put(&e->rows, SG_FIGURE_AUC, of, t->column, sg_roc_area(&roc));
        if (!against)
            continue;
        SG_TRY(sg_roc_new(against->score, q->is_case, n, a, &other, err));
        sg_rows_put(&e->rows, SG_FIGURE_AUC_GAP, of, t->column, sg_roc_difference(&roc, &other));
    }
    const task *syn =
        t->column >= SG_COLUMN_INDEPENDENT ? find(q, SG_COLUMN_SYNTHETIC, t->method, t->scheme, false) : NULL;
    if (syn) {
        row_name(e->d, t, t->scheme, q->label, of);
        SG_TRY(sg_roc_new(syn->score, q->is_case, n, a, &other, err));
        sg_rows_put_ahead(&e->rows, SG_FIGURE_AUC_GAP, of, t->column, sg_roc_difference(&roc, &other));
    }
    if (t->scheme != SG_SCHEME_MATCHED || q->label != 1)
        return SG_OK;
    if (!(e->curve[t->method][t->column] = SG_NEW(a, double, SG_CURVE)))
        return sg_arena_full(a, "ROC curves", err);
    return sg_roc_curve(t->score, q->is_case, n, a, SG_CURVE, e->curve[t->method][t->column], err);
}

/* A method that does not apply leaves a note; lack of memory or a stop ends it all. */
static sg_status settle(tasks *q, sg_arena *a, sg_err *err)
{
    for (int k = 0; k < q->n; k++) {
        const task *t = &q->at[k];
        if (t->st == SG_CANCELLED || t->st == SG_NOMEM)
            return sg_fail(err, t->st, "%s", t->err.msg);
        if (t->st)
            sg_evaluation_note(q->e, "%s (%s) trained on %s: %s", sg_method_name(t->method), sg_scheme_name(t->scheme),
                               sg_column_name(t->column), t->err.msg);
        else if (!t->other)
            SG_TRY(put(q, t, a, err));
    }
    return SG_OK;
}

static sg_status for_label(sg_evaluation *e, int label, const sg_cohort of[SG_N_COLUMN][SG_N_SCHEME],
                           const sg_cohort *other_half, const sg_cohort *test, const sg_run *run, sg_arena *a,
                           sg_err *err)
{
    const int64_t n = test->people.n_sample;
    const uint8_t *is_case = cases_of(test->label, n, label, a);
    tasks *q = SG_NEW(a, tasks, 1);
    int64_t n1 = 0;
    if (!is_case || !q)
        return sg_arena_full(a, "scores", err);
    for (int64_t i = 0; i < n; i++)
        n1 += is_case[i];
    if (label == 1) {
        e->n_test[1] = n1;
        e->n_test[0] = n - n1;
    }
    if (n1 < 2 || n - n1 < 2) {
        sg_evaluation_note(e, "utility for %s: %lld test people have the label and %lld have not, want two of each",
                           e->d->label_name[label], (long long)n1, (long long)(n - n1));
        return SG_OK;
    }
    q->e = e;
    q->run = run;
    q->test = test;
    q->is_case = is_case;
    q->label = label;
    SG_TRY(first_wave(q, of, other_half, a, err));
    int later = 0; /* so that the progress line knows of the second wave */
    for (int k = 0; k < q->n; k++)
        for (int s = 1; s < SG_N_SCHEME; s++)
            later += slow(q->at[k].method) && !q->at[k].other && of[q->at[k].column][s].people.n_sample;
    q->total = q->n + later;
    sg_report(run, "predicting real people", 0, q->total);
    sg_pool_for(run ? run->pool : NULL, q->n, one_task, q);
    SG_TRY(second_wave(q, of, a, err));
    sg_pool_for(run ? run->pool : NULL, q->n - q->first, one_task, q);
    sg_report(run, "predicting real people", q->total, q->total);
    return settle(q, a, err);
}

sg_status sg_compare_utility(sg_evaluation *e, const sg_cohort of[SG_N_COLUMN][SG_N_SCHEME],
                             const sg_cohort *other_half, const sg_cohort *test, const sg_run *run, sg_arena *a,
                             sg_err *err)
{
    if (!e->o->methods)
        return SG_OK;
    if (e->d->n_label != 2 && (e->o->methods >> SG_METHOD_GWAS_PRS & 1))
        sg_evaluation_note(e, "gwas_prs: the published effects are of one label against another, there are %d",
                           e->d->n_label);
    else if (!has_effects(&e->d->panel) && (e->o->methods >> SG_METHOD_GWAS_PRS & 1))
        sg_evaluation_note(e, "gwas_prs: the panel has no published effects");
    for (int k = 1; k < e->d->n_label; k++)
        SG_TRY(for_label(e, k, of, other_half, test, run, a, err));
    return SG_OK;
}

sg_status sg_compare_within(sg_evaluation *e, sg_column c, const sg_people *people, const int8_t *label, sg_arena *a,
                            sg_err *err)
{
    if (e->d->n_label != 2 || !has_effects(&e->d->panel))
        return SG_OK;
    const size_t mark = sg_arena_mark(a);
    double *weight = SG_NEW(a, double, people->n_variant), *score = SG_NEW(a, double, people->n_sample);
    const uint8_t *is_case = cases_of(label, people->n_sample, 1, a);
    if (!weight || !score || !is_case)
        return sg_arena_full(a, "scores", err);
    (void)gwas_weights(&e->d->panel, 1, weight);
    sg_linear_score(weight, people, score);
    sg_roc roc;
    sg_status st = sg_roc_new(score, is_case, people->n_sample, a, &roc, err);
    if (!st)
        sg_rows_put(&e->rows, SG_FIGURE_AUC_WITHIN, NULL, c, sg_roc_area(&roc));
    else if (st == SG_DEGENERATE)
        st = SG_OK; /* a cohort of one label has no such figure */
    sg_arena_rewind(a, mark);
    return st;
}
