/* wins.c - where a simple generator does better than the model, said in words.
 *
 * Better is: nearer to the ideal of the figure (figures.h). A win is clear when the two intervals do not touch (areas: when
 * the interval of their paired difference lies above 0), and
 * trivial when the cohort is at the noise floor: then there was nothing to win. */
#include "evaluate/inside.h"

#include <math.h>
#include <stdlib.h>

/* NaN comparisons are false: without an interval nothing is clear. */
static bool apart(sg_estimate x, sg_estimate y)
{
    return x.hi < y.lo || y.hi < x.lo;
}

/* Effects of people who were not trained on are flattened by noise, so their floor is that of training people drawn
 * again; halves are trained on half as many, so the floor of an area is its interval. */
bool sg_row_at_floor(const sg_row *r)
{
    const double miss = sg_row_miss(r, SG_COLUMN_SYNTHETIC);
    if (r->figure == SG_FIGURE_AUC || r->figure == SG_FIGURE_AUC_GAP)
        return r->figure == SG_FIGURE_AUC_GAP && r->has[SG_COLUMN_SYNTHETIC] && r->at[SG_COLUMN_SYNTHETIC].hi >= 0;
    if (sg_figure_group_of(r->figure) == SG_GROUP_OF_EFFECTS)
        return miss <= sg_row_miss(r, SG_COLUMN_RESAMPLED);
    return miss <= sg_row_miss(r, SG_COLUMN_HELD_OUT) || miss <= sg_row_miss(r, SG_COLUMN_HALF);
}

static int clearest_first(const void *a, const void *b)
{
    const sg_win *x = a, *y = b;
    if (x->trivial != y->trivial)
        return x->trivial - y->trivial;
    if (x->clear != y->clear)
        return y->clear - x->clear;
    if (x->by != y->by)
        return (int)x->by - (int)y->by;
    return (x->row > y->row) - (x->row < y->row);
}

static bool is_clear(const sg_row *r, sg_column c)
{
    return r->paired[c] ? r->ahead[c].lo > 0 : apart(r->at[c], r->at[SG_COLUMN_SYNTHETIC]);
}

sg_status sg_find_wins(sg_evaluation *e, sg_arena *a, sg_err *err)
{
    e->win = SG_NEW(a, sg_win, (int64_t)e->rows.n * SG_N_BASELINE);
    if (!e->win)
        return sg_arena_full(a, "comparisons with baselines", err);
    for (int i = 0; i < e->rows.n; i++) {
        const sg_row *r = &e->rows.row[i];
        const double own = sg_row_miss(r, SG_COLUMN_SYNTHETIC);
        for (int c = SG_COLUMN_INDEPENDENT; c < SG_N_COLUMN; c++) {
            const double miss = sg_row_miss(r, (sg_column)c);
            if (!isfinite(own) || !isfinite(miss) || r->figure == SG_FIGURE_AUC) /* its paired difference counts */
                continue;
            e->n_judged[c]++;
            if (miss < own)
                e->win[e->n_win++] = (sg_win){r, (sg_column)c, is_clear(r, (sg_column)c), sg_row_at_floor(r)};
        }
    }
    qsort(e->win, (size_t)e->n_win, sizeof *e->win, clearest_first);
    return SG_OK;
}

static sg_status add_value(const sg_estimate *x, sg_buf *b, sg_err *err)
{
    if (isfinite(x->lo) && isfinite(x->hi))
        return sg_buf_printf(b, err, "%.4g (%.4g to %.4g)", x->value, x->lo, x->hi);
    return sg_buf_printf(b, err, "%.4g", x->value);
}

sg_status sg_win_words(const sg_win *w, sg_buf *b, sg_err *err)
{
    const sg_row *r = w->row;
    SG_TRY(sg_buf_printf(b, err, "%s%s%s: %s has ", sg_figure_name(r->figure), *r->of ? " " : "", r->of,
                         sg_column_name(w->by)));
    SG_TRY(add_value(&r->at[w->by], b, err));
    SG_TRY(sg_buf_printf(b, err, ", the synthetic cohort "));
    SG_TRY(add_value(&r->at[SG_COLUMN_SYNTHETIC], b, err));
    if (w->trivial)
        return sg_buf_printf(b, err, "; both are within what separates real people from each other");
    if (r->paired[w->by]) {
        SG_TRY(sg_buf_printf(b, err, "; paired difference "));
        return add_value(&r->ahead[w->by], b, err);
    }
    return sg_buf_printf(b, err, w->clear ? "; the intervals do not touch" : "; the intervals touch");
}

sg_status sg_baseline_summary(const sg_evaluation *e, sg_column c, sg_buf *b, sg_err *err)
{
    int clear = 0, unclear = 0, trivial = 0;
    for (int i = 0; i < e->n_win; i++)
        if (e->win[i].by == c) {
            trivial += e->win[i].trivial;
            clear += !e->win[i].trivial && e->win[i].clear;
            unclear += !e->win[i].trivial && !e->win[i].clear;
        }
    SG_TRY(sg_buf_printf(b, err,
                         "%s does better than the synthetic cohort in %d of %d figures: in %d clearly, in %d "
                         "less clearly, in %d within the noise of real people.",
                         sg_column_name(c), clear + unclear + trivial, e->n_judged[c], clear, unclear, trivial));
    if (c == SG_COLUMN_RESAMPLED)
        return sg_buf_printf(b, err, " It is made of real people and has no privacy.");
    return SG_OK;
}
