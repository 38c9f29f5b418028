/* html.c - the page: what matters first, then every figure with its interval, floor and baselines. */
#include "report/report.h"
#include "plot/plot.h"
#include "report/draw.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

static const char head[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n<style>\n"
    "body{font:15px/1.5 system-ui,sans-serif;color:#222;max-width:1240px;margin:24px auto;padding:0 16px}\n"
    "h1{font-size:24px;margin:0 0 4px}h2{font-size:19px;margin:36px 0 8px;border-bottom:1px solid #ddd}\n"
    "svg text{font:11px system-ui,sans-serif;fill:#333}svg text.t{font-weight:600;font-size:12px}\n"
    "svg{margin:4px 10px 4px 0;max-width:100%}\n"
    ".cards{display:flex;flex-wrap:wrap;gap:10px}.card{border:1px solid #ddd;border-radius:6px;padding:8px 12px;"
    "min-width:150px}.card b{display:block;font-size:22px}.card span{color:#666;font-size:12px;display:block}\n"
    ".wide{overflow-x:auto}table{border-collapse:collapse;font-size:12.5px;font-variant-numeric:tabular-nums}\n"
    "th,td{padding:3px 7px;border-bottom:1px solid #eee;text-align:right;vertical-align:top}\n"
    "th:first-child,td:first-child{text-align:left}td i{display:block;color:#777;font-style:normal;font-size:11px}\n"
    "td small{display:block;color:#777;font-size:11px;max-width:250px}td "
    "i{min-width:0}th{position:sticky;top:0;background:#fff}\n"
    "td.more{text-align:left;color:#777}td.floor{background:#e8f4ea}td.lost{background:#fdecd8}.ok{color:#1a7f37}.bad{"
    "color:#b42318}\n"
    "td+td+td{min-width:86px}p.say{color:#555}li{margin:2px 0}\n</style>\n";

/* Three digits, or what is left to 1 when a number is near it. */
static const char *digits(double x, char text[32])
{
    (void)snprintf(text, 32, fabs(x) > 0.95 && fabs(x) < 1 ? "%.4f" : "%.3g", x);
    return text;
}

static sg_status value(const sg_estimate *x, sg_buf *b, sg_err *err)
{
    char lo[32], hi[32];
    SG_TRY(sg_buf_printf(b, err, "%.4g", x->value));
    if (isfinite(x->lo) && isfinite(x->hi))
        return sg_buf_printf(b, err, "<i>%s to %s</i>", digits(x->lo, lo), digits(x->hi, hi));
    return SG_OK;
}

static const sg_win *worst_win(const sg_evaluation *e, const sg_row *r)
{
    for (int i = 0; i < e->n_win; i++)
        if (e->win[i].row == r && e->win[i].by != SG_COLUMN_RESAMPLED)
            return &e->win[i];
    return NULL;
}

/* One line per score and scheme: the area, and below it the paired difference to training on real people. */
static sg_status utility_row(const sg_evaluation *e, const sg_row *r, sg_buf *b, sg_err *err)
{
    const sg_row *gap = sg_rows_find(&e->rows, SG_FIGURE_AUC_GAP, r->of);
    SG_TRY(sg_buf_printf(b, err, "<tr><td>"));
    SG_TRY(sg_html_add(b, r->of, err));
    SG_TRY(sg_buf_printf(b, err, "</td>"));
    for (int c = 0; c < SG_N_COLUMN; c++) {
        if (!e->n_column[c] || c == SG_COLUMN_HELD_OUT)
            continue;
        const bool equal = c == SG_COLUMN_SYNTHETIC && gap && gap->has[c] && gap->at[c].hi >= 0;
        const sg_win *w = c == SG_COLUMN_SYNTHETIC && gap ? worst_win(e, gap) : NULL;
        SG_TRY(sg_buf_printf(b, err, w && w->clear ? "<td class=\"lost\">" : equal ? "<td class=\"floor\">" : "<td>"));
        if (r->has[c])
            SG_TRY(value(&r->at[c], b, err));
        if (gap && gap->has[c])
            SG_TRY(sg_buf_printf(b, err, "%+.4f<i>%+.4f to %+.4f</i>", gap->at[c].value, gap->at[c].lo, gap->at[c].hi));
        SG_TRY(sg_buf_printf(b, err, "</td>"));
    }
    return sg_buf_printf(b, err, "</tr>\n");
}

static sg_status utility_table(const sg_evaluation *e, sg_buf *b, sg_err *err)
{
    SG_TRY(sg_buf_printf(b, err,
                         "<p class=\"say\">Area under the ROC curve on the same real test people with DeLong's "
                         "interval; below it the paired difference to training on the real training people (half: "
                         "one half of them less the other). Green: the interval of the difference reaches 0.</p>\n"
                         "<div class=\"wide\"><table><tr><th>trained on</th>"));
    for (int c = 0; c < SG_N_COLUMN; c++)
        if (e->n_column[c] && c != SG_COLUMN_HELD_OUT)
            SG_TRY(sg_buf_printf(b, err, "<th>%s</th>", sg_column_name((sg_column)c)));
    SG_TRY(sg_buf_printf(b, err, "</tr>\n"));
    for (int m = 0; m < SG_N_METHOD; m++)
        for (int s = 0; s < SG_N_SCHEME; s++) {
            char begin[80];
            const int n =
                snprintf(begin, sizeof begin, "%s %s", sg_method_name((sg_method)m), sg_scheme_name((sg_scheme)s));
            for (int i = 0; i < e->rows.n; i++)
                if (e->rows.row[i].figure == SG_FIGURE_AUC && !strncmp(e->rows.row[i].of, begin, (size_t)n))
                    SG_TRY(utility_row(e, &e->rows.row[i], b, err));
        }
    return sg_buf_printf(b, err, "</table></div><br>\n");
}

/* The training people have no figure against themselves. */
static bool listed(const sg_evaluation *e, int c, sg_figure_group g)
{
    return e->n_column[c] && (c != SG_COLUMN_REAL || g == SG_GROUP_OF_UTILITY);
}

static sg_status figure_row(const sg_evaluation *e, const sg_row *r, sg_buf *b, sg_err *err)
{
    SG_TRY(sg_buf_printf(b, err, "<tr><td>%s ", sg_figure_name(r->figure)));
    SG_TRY(sg_html_add(b, r->of, err));
    SG_TRY(sg_buf_printf(b, err, "<small>"));
    SG_TRY(sg_html_add(b, sg_figure_words(r->figure), err));
    const double ideal = sg_row_ideal(r);
    if (isinf(ideal))
        SG_TRY(sg_buf_printf(b, err, "</small></td><td>high</td>"));
    else if (isfinite(ideal))
        SG_TRY(sg_buf_printf(b, err, "</small></td><td>%.4g</td>", ideal));
    else
        SG_TRY(sg_buf_printf(b, err, "</small></td><td>?</td>"));
    for (int c = 0; c < SG_N_COLUMN; c++) {
        if (!listed(e, c, sg_figure_group_of(r->figure)))
            continue;
        const sg_win *w = c == SG_COLUMN_SYNTHETIC ? worst_win(e, r) : NULL;
        const char *kind = c != SG_COLUMN_SYNTHETIC       ? ""
                           : w && w->clear && !w->trivial ? " class=\"lost\""
                           : sg_row_at_floor(r)           ? " class=\"floor\""
                                                          : "";
        SG_TRY(sg_buf_printf(b, err, "<td%s>", kind));
        if (r->has[c])
            SG_TRY(value(&r->at[c], b, err));
        SG_TRY(sg_buf_printf(b, err, "</td>"));
    }
    return sg_buf_printf(b, err, "</tr>\n");
}

static sg_status figure_table(const sg_evaluation *e, sg_figure_group g, sg_buf *b, sg_err *err)
{
    SG_TRY(sg_buf_printf(b, err, "<div class=\"wide\"><table><tr><th>figure</th><th>ideal</th>"));
    for (int c = 0; c < SG_N_COLUMN; c++)
        if (listed(e, c, g))
            SG_TRY(
                sg_buf_printf(b, err, "<th>%s<br>%lld</th>", sg_column_name((sg_column)c), (long long)e->n_column[c]));
    SG_TRY(sg_buf_printf(b, err, "</tr>\n"));
    for (int f = 0; f < SG_N_FIGURE; f++)
        for (int i = 0; i < e->rows.n; i++)
            if (e->rows.row[i].figure == (sg_figure)f && sg_figure_group_of((sg_figure)f) == g && f != SG_FIGURE_AUC &&
                f != SG_FIGURE_AUC_GAP)
                SG_TRY(figure_row(e, &e->rows.row[i], b, err));
    return sg_buf_printf(b, err, "</table></div>\n");
}

static sg_status card(const sg_evaluation *e, sg_figure f, const char *of, const char *name, sg_buf *b, sg_err *err)
{
    const sg_row *r = sg_rows_find(&e->rows, f, of);
    if (!r || !r->has[SG_COLUMN_SYNTHETIC])
        return SG_OK;
    const sg_estimate *x = &r->at[SG_COLUMN_SYNTHETIC];
    SG_TRY(sg_buf_printf(b, err, "<div class=\"card\"><span>%s</span><b>%.4g</b><span>", name, x->value));
    if (isfinite(x->lo))
        SG_TRY(sg_buf_printf(b, err, "95 %%: %.4g to %.4g<br>", x->lo, x->hi));
    for (int c = SG_COLUMN_HELD_OUT; c < SG_N_COLUMN; c++)
        if (r->has[c] && c != SG_COLUMN_RESAMPLED)
            SG_TRY(sg_buf_printf(b, err, "%s %.4g<br>", sg_column_name((sg_column)c), r->at[c].value));
    return sg_buf_printf(b, err, "</span></div>\n");
}

static const char *text_of(const json_t *j, const char *key)
{
    const char *s = json_string_value(json_object_get(j, key));
    return s ? s : "?";
}

static sg_status gate_card(const json_t *gate, sg_buf *b, sg_err *err)
{
    const bool pass = !strcmp(text_of(gate, "outcome"), "pass");
    SG_TRY(sg_buf_printf(b, err, "<div class=\"card\"><span>release gate</span><b class=\"%s\">", pass ? "ok" : "bad"));
    SG_TRY(sg_html_add(b, text_of(gate, "outcome"), err));
    SG_TRY(sg_buf_printf(b, err, "</b><span>"));
    SG_TRY(sg_html_add(b, pass ? "every check passed" : text_of(gate, "reason"), err));
    return sg_buf_printf(b, err, "</span></div>\n");
}

static sg_status summary(const sg_evaluation *e, const json_t *gate, sg_buf *b, sg_err *err)
{
    SG_TRY(sg_buf_printf(b, err, "<div class=\"cards\">\n"));
    SG_TRY(gate_card(gate, b, err));
    SG_TRY(card(e, SG_FIGURE_AUC_GAP, "prs matched", "PRS: AUC less train-on-real", b, err));
    SG_TRY(card(e, SG_FIGURE_AUC_GAP, "xgboost matched", "XGBoost: AUC less train-on-real", b, err));
    SG_TRY(card(e, SG_FIGURE_BETA_SLOPE, NULL, "slope of effect sizes", b, err));
    SG_TRY(card(e, SG_FIGURE_AF_R, NULL, "allele-frequency r", b, err));
    SG_TRY(card(e, SG_FIGURE_LD_R_LINKED, NULL, "r2 correlation, linked pairs", b, err));
    SG_TRY(card(e, SG_FIGURE_LD_SLOPE_LINKED, NULL, "r2 slope, linked pairs", b, err));
    SG_TRY(card(e, SG_FIGURE_CAUSAL_RANKS, NULL, "causal SNPs: rank correlation", b, err));
    SG_TRY(sg_buf_printf(b, err, "</div>\n"));
    bool any = false;
    for (int c = SG_COLUMN_INDEPENDENT; c < SG_N_COLUMN; c++)
        if (e->n_judged[c]) {
            SG_TRY(sg_buf_printf(b, err, any ? "<li>" : "<ul><li>"));
            SG_TRY(sg_baseline_summary(e, (sg_column)c, b, err));
            SG_TRY(sg_buf_printf(b, err, "</li>\n"));
            any = true;
        }
    SG_TRY(
        sg_buf_printf(b, err, any ? "</ul>\n" : "<p class=\"say\">No baselines were asked for (--baselines).</p>\n"));
    for (int i = 0; i < e->n_note; i++) {
        SG_TRY(sg_buf_printf(b, err, "<p class=\"say\">Not measured: "));
        SG_TRY(sg_html_add(b, e->note[i], err));
        SG_TRY(sg_buf_printf(b, err, "</p>\n"));
    }
    return SG_OK;
}

static sg_status win_item(const sg_win *w, sg_buf *b, sg_err *err)
{
    const bool strong = w->clear && !w->trivial;
    sg_buf line;
    sg_buf_init(&line, 4096);
    sg_status st = sg_buf_printf(b, err, strong ? "<li><b>" : "<li>");
    if (!st)
        st = sg_win_words(w, &line, err);
    if (!st)
        st = sg_html_add(b, (const char *)line.data, err);
    if (!st)
        st = sg_buf_printf(b, err, strong ? "</b></li>\n" : "</li>\n");
    sg_buf_clear(&line);
    return st;
}

static sg_status wins(const sg_evaluation *e, sg_buf *b, sg_err *err)
{
    if (!e->n_win)
        return SG_OK;
    SG_TRY(sg_buf_printf(b, err,
                         "<h2>Where a baseline does better</h2>\n<p class=\"say\">The clearest first; resampled real "
                         "people are left out, who are bound to do well and have no privacy.</p>\n"));
    for (int trivial = 0; trivial < 2; trivial++) {
        SG_TRY(sg_buf_printf(b, err,
                             trivial ? "<details><summary>within the noise of real people</summary><ul>\n" : "<ul>\n"));
        for (int i = 0; i < e->n_win; i++)
            if (e->win[i].by != SG_COLUMN_RESAMPLED && e->win[i].trivial == (trivial == 1))
                SG_TRY(win_item(&e->win[i], b, err));
        SG_TRY(sg_buf_printf(b, err, trivial ? "</ul></details>\n" : "</ul>\n"));
    }
    return SG_OK;
}

/* A number or a list of them, as short as it can be said. */
static sg_status any_value(const json_t *v, sg_buf *b, sg_err *err)
{
    if (json_is_real(v))
        return sg_buf_printf(b, err, "%.4g", json_real_value(v));
    if (json_is_integer(v))
        return sg_buf_printf(b, err, "%lld", (long long)json_integer_value(v));
    if (json_is_string(v))
        return sg_html_add(b, json_string_value(v), err);
    if (json_is_boolean(v))
        return sg_buf_printf(b, err, json_is_true(v) ? "yes" : "no");
    for (size_t i = 0; i < json_array_size(v); i++) {
        SG_TRY(sg_buf_printf(b, err, i ? " to " : ""));
        SG_TRY(any_value(json_array_get(v, i), b, err));
    }
    return SG_OK;
}

/* The gate's checks: what was measured, and what was decided about it. */
static sg_status gate_table(const json_t *gate, sg_buf *b, sg_err *err)
{
    static const char *const shown[] = {"name", "status", "estimate", "interval", "limit"};
    const json_t *checks = json_object_get(json_object_get(gate, "measurement"), "checks"),
                 *decided = json_object_get(json_object_get(gate, "decision"), "checks");
    SG_TRY(sg_buf_printf(b, err,
                         "<div class=\"wide\"><table><tr><th>check</th><th>status</th><th>estimate</th>"
                         "<th>interval</th><th>limit</th><th></th></tr>\n"));
    for (size_t i = 0; i < json_array_size(checks); i++) {
        const json_t *check = json_array_get(checks, i), *decision = json_array_get(decided, i);
        json_t *facts = json_object_get(check, "facts"), *v;
        const char *key;
        SG_TRY(sg_buf_printf(b, err, "<tr>"));
        for (size_t k = 0; k < sizeof shown / sizeof *shown; k++) {
            const json_t *x = json_object_get(decision, shown[k]);
            SG_TRY(sg_buf_printf(b, err, "<td>"));
            SG_TRY(any_value(x ? x : json_object_get(check, shown[k]), b, err));
            SG_TRY(sg_buf_printf(b, err, "</td>"));
        }
        SG_TRY(sg_buf_printf(b, err, "<td class=\"more\">%s",
                             json_is_true(json_object_get(decision, "unpowered")) ? "too little power; " : ""));
        json_object_foreach(facts, key, v)
        {
            if (json_is_null(v))
                continue;
            SG_TRY(sg_html_add(b, key, err));
            SG_TRY(sg_buf_printf(b, err, " "));
            SG_TRY(any_value(v, b, err));
            SG_TRY(sg_buf_printf(b, err, "; "));
        }
        SG_TRY(sg_buf_printf(b, err, "</td></tr>\n"));
    }
    return sg_buf_printf(b, err, "</table></div>\n");
}

static sg_status privacy(const sg_evaluation *e, const json_t *gate, sg_buf *b, sg_err *err)
{
    SG_TRY(sg_buf_printf(b, err, "<h2>Privacy: the release gate</h2>\n"));
    SG_TRY(sg_draw_distances(e, b, err));
    SG_TRY(gate_table(gate, b, err));
    for (int c = SG_COLUMN_INDEPENDENT; c < SG_N_COLUMN; c++) {
        json_t *other = e->baseline_verdict[c] ? json_loads(e->baseline_verdict[c], 0, NULL) : NULL;
        sg_status st = SG_OK;
        if (other)
            st = sg_buf_printf(b, err, "<p class=\"say\">The same gate says of %s: %s%s%s.</p>\n",
                               sg_column_name((sg_column)c), text_of(other, "outcome"),
                               *text_of(other, "reason") ? ", " : "", text_of(other, "reason"));
        json_decref(other);
        SG_TRY(st);
    }
    return SG_OK;
}

static sg_status reading(const sg_evaluation *e, sg_buf *b, sg_err *err)
{
    SG_TRY(sg_buf_printf(b, err, "<h2>How to read this</h2>\n<ul>\n"));
    for (int c = 0; c < SG_N_COLUMN; c++)
        if (e->n_column[c])
            SG_TRY(sg_buf_printf(b, err, "<li><b>%s</b>: %s (%lld people)</li>\n", sg_column_name((sg_column)c),
                                 sg_column_words((sg_column)c), (long long)e->n_column[c]));
    for (int m = 0; m < SG_N_METHOD; m++)
        SG_TRY(sg_buf_printf(b, err, "<li><b>%s</b>: %s</li>\n", sg_method_name((sg_method)m),
                             sg_method_words((sg_method)m)));
    for (int s = 0; s < SG_N_SCHEME; s++)
        SG_TRY(sg_buf_printf(b, err, "<li><b>%s</b>: %s</li>\n", sg_scheme_name((sg_scheme)s),
                             sg_scheme_words((sg_scheme)s)));
    return sg_buf_printf(
        b, err,
        "</ul>\n<p class=\"say\">Intervals are 95 %%: over SNPs by a bootstrap of blocks of neighbours, shares of "
        "people "
        "exact, areas under ROC curves by DeLong (differences paired on the same %lld cases and %lld controls). Green: "
        "as "
        "near to the training people as other real people are (held_out or half; effects: training people drawn "
        "again). Orange: a baseline is nearer, and "
        "the "
        "intervals do not touch. Clouds show hexagons of %d people or more, so that no single person can be seen; for "
        "the same reason bins of fewer held-out people are left empty.</p>\n",
        (long long)e->n_test[1], (long long)e->n_test[0], SG_HEX_LEAST);
}

static sg_status page(const sg_evaluation *e, const json_t *gate, sg_buf *b, sg_err *err)
{
    SG_TRY(sg_buf_add(b, head, sizeof head - 1, err));
    SG_TRY(sg_buf_printf(b, err, "<title>"));
    SG_TRY(sg_html_add(b, e->o->source, err));
    SG_TRY(sg_buf_printf(b, err, "</title></head><body>\n<h1>How like real people: "));
    SG_TRY(sg_html_add(b, e->o->source, err));
    SG_TRY(sg_buf_printf(b, err, "</h1>\n<p class=\"say\">Trait "));
    SG_TRY(sg_html_add(b, e->d->trait, err));
    SG_TRY(sg_buf_printf(b, err,
                         ", %lld SNPs, %lld synthetic people beside %lld training people, seed %llu, snpgen " SG_VERSION
                         ". For the steward of the data: not to be given to the public.</p>\n",
                         (long long)e->d->panel.n_snp, (long long)e->n_column[SG_COLUMN_SYNTHETIC],
                         (long long)e->n_column[SG_COLUMN_REAL], (unsigned long long)e->o->seed));
    SG_TRY(summary(e, gate, b, err));
    if (e->o->methods) {
        SG_TRY(sg_buf_printf(b, err, "<h2>Utility: train on synthetic, predict real people</h2>\n"));
        SG_TRY(sg_draw_curves(e, b, err));
        SG_TRY(utility_table(e, b, err));
        SG_TRY(figure_table(e, SG_GROUP_OF_UTILITY, b, err));
    }
    SG_TRY(sg_buf_printf(b, err, "<h2>Effect sizes</h2>\n"));
    SG_TRY(sg_draw_effects(e, b, err));
    SG_TRY(figure_table(e, SG_GROUP_OF_EFFECTS, b, err));
    SG_TRY(sg_buf_printf(b, err, "<h2>Fidelity</h2>\n"));
    SG_TRY(sg_draw_frequencies(e, b, err));
    SG_TRY(sg_draw_linkage(e, b, err));
    SG_TRY(sg_buf_printf(b, err, "<br>"));
    SG_TRY(sg_draw_clouds(e, b, err));
    SG_TRY(figure_table(e, SG_GROUP_OF_FIDELITY, b, err));
    SG_TRY(privacy(e, gate, b, err));
    SG_TRY(wins(e, b, err));
    if (e->o->training_json) {
        SG_TRY(sg_buf_printf(b, err, "<h2>Training</h2>\n"));
        SG_TRY(sg_draw_training(e, b, err));
    }
    SG_TRY(reading(e, b, err));
    return sg_buf_printf(b, err, "</body></html>\n");
}

sg_status sg_evaluation_html(const sg_evaluation *e, sg_buf *b, sg_err *err)
{
    json_t *gate = e->verdict_json ? json_loads(e->verdict_json, 0, NULL) : NULL;
    const sg_status st = page(e, gate, b, err);
    json_decref(gate);
    return st;
}
