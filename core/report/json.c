/* json.c - the evaluation as JSON, and as a table for a terminal. */
#include "report/report.h"
#include "evaluate/inside.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

static json_t *real_or_null(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

/* Mean r2 by distance, one list per column and one for the training people. */
static json_t *decay_json(const sg_decay *d)
{
    json_t *upto = json_array(), *pairs = json_array(), *all = json_object();
    for (int c = 0; c <= SG_N_COLUMN; c++) {
        json_t *list = json_array();
        for (int b = 0; b < SG_DECAY_BINS; b++)
            json_array_append_new(list, real_or_null(d->mean[c][b]));
        json_object_set_new(all, c < SG_N_COLUMN ? sg_column_name((sg_column)c) : "train", list);
    }
    for (int b = 0; b < SG_DECAY_BINS; b++) {
        json_array_append_new(upto, json_integer((json_int_t)sg_decay_bp[b]));
        json_array_append_new(pairs, json_integer((json_int_t)d->n[b]));
    }
    return json_pack("{s:o, s:o, s:o}", "up_to_bp", upto, "pairs", pairs, "mean_r2", all);
}

static json_t *estimate_json(const sg_estimate *x)
{
    return json_pack("{s:f, s:[o, o]}", "value", x->value, "interval", real_or_null(x->lo), real_or_null(x->hi));
}

static json_t *row_json(const sg_row *r)
{
    json_t *values = json_object();
    for (int c = 0; c < SG_N_COLUMN; c++) {
        if (!r->has[c])
            continue;
        json_t *one = estimate_json(&r->at[c]);
        if (r->paired[c])
            json_object_set_new(one, "ahead_of_synthetic", estimate_json(&r->ahead[c]));
        json_object_set_new(values, sg_column_name((sg_column)c), one);
    }
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o}", "name", sg_figure_name(r->figure), "of", r->of, "group",
                     sg_figure_group_name(sg_figure_group_of(r->figure)), "what", sg_figure_words(r->figure), "ideal",
                     real_or_null(sg_row_ideal(r)), "values", values);
}

static json_t *columns_json(const sg_evaluation *e)
{
    json_t *columns = json_object();
    for (int c = 0; c < SG_N_COLUMN; c++)
        if (e->n_column[c])
            json_object_set_new(
                columns, sg_column_name((sg_column)c),
                json_pack("{s:s, s:I}", "what", sg_column_words((sg_column)c), "people", (json_int_t)e->n_column[c]));
    return columns;
}

static json_t *verdict(const char *text)
{
    json_t *v = text ? json_loads(text, 0, NULL) : NULL;
    return v ? v : json_null();
}

/* What the gate says of the baselines, by column. */
static json_t *baseline_gates(const sg_evaluation *e)
{
    json_t *all = json_object();
    for (int c = 0; c < SG_N_COLUMN; c++)
        if (e->baseline_verdict[c])
            json_object_set_new(all, sg_column_name((sg_column)c), verdict(e->baseline_verdict[c]));
    return all;
}

static json_t *methods_json(void)
{
    json_t *all = json_object();
    for (int m = 0; m < SG_N_METHOD; m++)
        json_object_set_new(all, sg_method_name((sg_method)m), json_string(sg_method_words((sg_method)m)));
    for (int s = 0; s < SG_N_SCHEME; s++)
        json_object_set_new(all, sg_scheme_name((sg_scheme)s), json_string(sg_scheme_words((sg_scheme)s)));
    return all;
}

/* A sentence that one of the two writers makes. NULL w: the summary of column c. */
static json_t *words_json(const sg_evaluation *e, const sg_win *w, sg_column c)
{
    sg_buf b;
    sg_buf_init(&b, 2048);
    const sg_status st = w ? sg_win_words(w, &b, NULL) : sg_baseline_summary(e, c, &b, NULL);
    json_t *text = st ? json_null() : json_string((const char *)b.data);
    sg_buf_clear(&b);
    return text;
}

static json_t *wins_json(const sg_evaluation *e)
{
    json_t *summary = json_object(), *list = json_array();
    for (int c = SG_COLUMN_INDEPENDENT; c < SG_N_COLUMN; c++)
        if (e->n_judged[c])
            json_object_set_new(summary, sg_column_name((sg_column)c), words_json(e, NULL, (sg_column)c));
    for (int i = 0; i < e->n_win; i++) {
        const sg_win *w = &e->win[i];
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:s, s:b, s:b, s:o}", "baseline", sg_column_name(w->by), "name",
                                        sg_figure_name(w->row->figure), "of", w->row->of, "clear", (int)w->clear,
                                        "within_noise", (int)w->trivial, "words", words_json(e, w, w->by)));
    }
    return json_pack("{s:o, s:o}", "summary", summary, "figures", list);
}

/* True-positive rates at false-positive rates 0, 1/100, ..., 1 by score and column, on the real test people. */
static json_t *curves_json(const sg_evaluation *e)
{
    json_t *all = json_object();
    for (int m = 0; m < SG_N_METHOD; m++) {
        json_t *of = json_object();
        for (int c = 0; c < SG_N_COLUMN; c++) {
            json_t *list = json_array();
            for (int k = 0; e->curve[m][c] && k < SG_CURVE; k++)
                json_array_append_new(list, json_real(e->curve[m][c][k]));
            if (e->curve[m][c])
                json_object_set(of, sg_column_name((sg_column)c), list);
            json_decref(list);
        }
        if (json_object_size(of))
            json_object_set(all, sg_method_name((sg_method)m), of);
        json_decref(of);
    }
    return all;
}

static json_t *notes_json(const sg_evaluation *e)
{
    json_t *all = json_array();
    for (int i = 0; i < e->n_note; i++)
        json_array_append_new(all, json_string(e->note[i]));
    return all;
}

static int add_bytes(const char *data, size_t n, void *b)
{
    return sg_buf_add(b, data, n, NULL) ? -1 : 0;
}

sg_status sg_evaluation_json(const sg_evaluation *e, sg_buf *b, sg_err *err)
{
    json_t *figures = json_array();
    for (int i = 0; i < e->rows.n; i++)
        json_array_append_new(figures, row_json(&e->rows.row[i]));
    json_t *root = json_pack("{s:i, s:s, s:s, s:s, s:I, s:I, s:{s:I, s:I}}", "format", 2, "source", e->o->source,
                             "build", SG_VERSION, "trait", e->d->trait, "snps", (json_int_t)e->d->panel.n_snp, "seed",
                             (json_int_t)e->o->seed, "test_people", "controls", (json_int_t)e->n_test[0], "cases",
                             (json_int_t)e->n_test[1]);
    const struct {
        const char *key;
        json_t *value;
    } part[] = {
        {"columns", columns_json(e)},
        {"words", methods_json()},
        {"figures", figures},
        {"ld_decay", decay_json(&e->decay)},
        {"roc", curves_json(e)},
        {"gate", verdict(e->verdict_json)},
        {"gate_of_baselines", baseline_gates(e)},
        {"baselines_better", wins_json(e)},
        {"notes", notes_json(e)},
    };
    for (size_t k = 0; k < sizeof part / sizeof *part; k++) /* takes the value, also when it fails */
        json_object_set_new(root, part[k].key, part[k].value);
    sg_status st = root ? SG_OK : sg_fail(err, SG_NOMEM, "no memory for the report");
    if (!st && json_dump_callback(root, add_bytes, b, JSON_INDENT(1) | JSON_REAL_PRECISION(10)))
        st = sg_fail(err, SG_LIMIT, "the report would be larger than %zu bytes", b->max);
    json_decref(root);
    return st ? st : sg_buf_add(b, "\n", 1, err);
}

sg_status sg_evaluation_text(const sg_evaluation *e, sg_buf *b, sg_err *err)
{
    SG_TRY(sg_buf_printf(b, err, "  %-38s", ""));
    for (int c = 0; c < SG_N_COLUMN; c++)
        if (e->n_column[c])
            SG_TRY(sg_buf_printf(b, err, " %12.12s", sg_column_name((sg_column)c)));
    for (int i = 0; i < e->rows.n; i++) {
        const sg_row *r = &e->rows.row[i];
        char name[128];
        (void)snprintf(name, sizeof name, "%s%s%s", sg_figure_name(r->figure), *r->of ? " " : "", r->of);
        SG_TRY(sg_buf_printf(b, err, "\n  %-38.38s", name));
        for (int c = 0; c < SG_N_COLUMN; c++)
            if (e->n_column[c] && r->has[c])
                SG_TRY(sg_buf_printf(b, err, " %12.4g", r->at[c].value));
            else if (e->n_column[c])
                SG_TRY(sg_buf_printf(b, err, " %12s", "-"));
    }
    SG_TRY(sg_buf_add(b, "\n", 1, err));
    for (int c = SG_COLUMN_INDEPENDENT; c < SG_N_COLUMN; c++)
        if (e->n_judged[c]) {
            SG_TRY(sg_buf_add(b, "\n", 1, err));
            SG_TRY(sg_baseline_summary(e, (sg_column)c, b, err));
        }
    for (int i = 0; i < e->n_win; i++)
        if (e->win[i].by != SG_COLUMN_RESAMPLED && e->win[i].clear && !e->win[i].trivial) {
            SG_TRY(sg_buf_add(b, "\n  ", 3, err));
            SG_TRY(sg_win_words(&e->win[i], b, err));
        }
    for (int i = 0; i < e->n_note; i++)
        SG_TRY(sg_buf_printf(b, err, "\nnot measured: %s", e->note[i]));
    return sg_buf_add(b, "\n", 1, err);
}
