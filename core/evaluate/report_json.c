/* report_json.c - the evaluation as JSON, and as a table for a terminal. */
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

static json_t *row_json(const sg_row *r)
{
    json_t *values = json_object();
    for (int c = 0; c < SG_N_COLUMN; c++)
        if (r->has[c])
            json_object_set_new(values, sg_column_name((sg_column)c),
                                json_pack("{s:f, s:[o, o]}", "value", r->at[c].value, "interval",
                                          real_or_null(r->at[c].lo), real_or_null(r->at[c].hi)));
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

static int add_bytes(const char *data, size_t n, void *b)
{
    return sg_buf_add(b, data, n, NULL) ? -1 : 0;
}

sg_status sg_evaluation_json(const sg_evaluation *e, sg_buf *b, sg_err *err)
{
    json_t *figures = json_array();
    for (int i = 0; i < e->rows.n; i++)
        json_array_append_new(figures, row_json(&e->rows.row[i]));
    json_t *gate = e->verdict_json ? json_loads(e->verdict_json, 0, NULL) : json_null();
    json_t *root = json_pack("{s:i, s:s, s:s, s:s, s:I, s:I, s:o, s:o, s:o, s:o}", "format", 1, "source", e->o->source,
                             "build", SG_VERSION, "trait", e->d->trait, "snps", (json_int_t)e->d->panel.n_snp, "seed",
                             (json_int_t)e->o->seed, "columns", columns_json(e), "figures", figures, "ld_decay",
                             decay_json(&e->decay), "gate", gate ? gate : json_null());
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
    return sg_buf_add(b, "\n", 1, err);
}
