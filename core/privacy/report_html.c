/* report_html.c - a verdict as a page that asks nothing of the network: for the committee everything, for the requester the
 * status, the code and the digests. Written from the verdict's own JSON, so that an unsealed one shows the same.
 */
#include "plot/plot.h"
#include "privacy/gate.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

static const char style[] = "body{font:15px/1.45 sans-serif;max-width:66em;margin:2em auto;padding:0 "
                            "1em;color:#222}table{border-collapse:collapse;"
                            "width:100%}td,th{border-bottom:1px solid #ddd;padding:.25em "
                            ".6em;text-align:left}th{background:#f4f4f4}.pass{color:#176b2c}"
                            ".withhold{color:#8a5a00}.fail{color:#a11}.big{font-size:1.6em}code{font-size:.85em;word-"
                            "break:break-all}.say{color:#555}";

static const char *text(const json_t *j, const char *key)
{
    const char *s = json_string_value(json_object_get(j, key));
    return s ? s : "";
}

static sg_status value(const json_t *v, sg_buf *b, sg_err *err)
{
    return json_is_number(v) ? sg_buf_printf(b, err, "%.4g", json_number_value(v)) : sg_buf_printf(b, err, "-");
}

/* Text of an operator or of a file, safe between tags and in quotes. */
static sg_status escaped(const char *s, sg_buf *b, sg_err *err)
{
    for (; *s; s++) {
        const char *as = *s == '<' ? "&lt;" : *s == '>' ? "&gt;" : *s == '&' ? "&amp;" : *s == '"' ? "&quot;" : NULL;
        SG_TRY(as ? sg_buf_add(b, as, strlen(as), err) : sg_buf_add(b, s, 1, err));
    }
    return SG_OK;
}

static sg_status head(const json_t *root, sg_buf *b, sg_err *err)
{
    const char *outcome = text(root, "outcome"), *reason = text(root, "reason"), *words = sg_reason_words(reason);
    const json_t *policy = json_object_get(root, "policy"),
                 *cohort = json_object_get(json_object_get(root, "measurement"), "cohort");
    SG_TRY(sg_buf_printf(
        b, err,
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Release gate</title><style>%s</style>"
        "<h1>Release gate</h1><p class=\"big %s\">%s%s%s</p>",
        style, outcome, outcome, *reason ? ": " : "", reason));
    if (words)
        SG_TRY(sg_buf_printf(b, err, "<p>%s.</p>", words));
    if (json_is_true(json_object_get(json_object_get(root, "decision"), "low_power")))
        SG_TRY(sg_buf_printf(
            b, err,
            "<p class=\"withhold\">Judged by limits for few people (low_power): what passed may have passed because "
            "nobody could have seen more.</p>"));
    SG_TRY(sg_buf_printf(b, err, "<table><tr><td>cohort<td><code>%s</code><tr><td>policy<td>", text(cohort, "digest")));
    SG_TRY(escaped(text(policy, "name"), b, err));
    return sg_buf_printf(b, err, ", tier %s, <code>%s</code></table>", text(policy, "tier"),
                         text(root, "policy_digest"));
}

static sg_status basis(const json_t *m, sg_buf *b, sg_err *err)
{
    static const char *const group[] = {"train", "val", "calibration", "evaluation"};
    const json_t *ref = json_object_get(m, "reference"), *cohort = json_object_get(m, "cohort");
    SG_TRY(sg_buf_printf(b, err, "<h2>Data</h2><table><tr><td>cohort<td>%lld people, %lld SNPs",
                         (long long)json_integer_value(json_object_get(cohort, "people")),
                         (long long)json_integer_value(json_object_get(cohort, "snps"))));
    for (int i = 0; i < 4; i++)
        SG_TRY(sg_buf_printf(b, err, "<tr><td>%s<td>%lld people", group[i],
                             (long long)json_integer_value(json_object_get(ref, group[i]))));
    SG_TRY(sg_buf_printf(b, err, "<tr><td>released before<td>%lld people",
                         (long long)json_integer_value(json_object_get(json_object_get(m, "earlier"), "people"))));
    return sg_buf_printf(b, err, "<tr><td>reference<td><code>%s</code><tr><td>gate<td>%s, build %s</table>",
                         text(ref, "digest"), text(m, "gate"), text(m, "build"));
}

static sg_status table(const json_t *m, const json_t *d, sg_buf *b, sg_err *err)
{
    const json_t *checks = json_object_get(m, "checks"), *decided = json_object_get(d, "checks");
    SG_TRY(sg_buf_printf(
        b, err,
        "<h2>Checks</h2><p class=\"say\">power: the chance that an honest cohort gets under the limit.</p>"
        "<table><tr><th>check<th>people<th>against<th>estimate<th>95 %% interval<th>limit<th>status<th>power"));
    for (size_t i = 0; i < json_array_size(checks); i++) {
        const json_t *c = json_array_get(checks, i), *x = json_array_get(decided, i),
                     *range = json_object_get(c, "interval");
        SG_TRY(sg_buf_printf(b, err, "<tr><td>%s<td>%lld<td>%lld<td>", text(c, "name"),
                             (long long)json_integer_value(json_object_get(c, "n")),
                             (long long)json_integer_value(json_object_get(c, "n_reference"))));
        SG_TRY(value(json_object_get(c, "estimate"), b, err));
        SG_TRY(sg_buf_printf(b, err, "<td>"));
        SG_TRY(value(json_array_get(range, 0), b, err));
        SG_TRY(sg_buf_printf(b, err, " to "));
        SG_TRY(value(json_array_get(range, 1), b, err));
        SG_TRY(sg_buf_printf(b, err, "<td>"));
        SG_TRY(value(json_object_get(x, "limit"), b, err));
        SG_TRY(sg_buf_printf(b, err, "<td class=\"%s\">%s%s<td>", text(x, "status"), text(x, "status"),
                             json_is_true(json_object_get(x, "unpowered")) ? ", too little power" : ""));
        SG_TRY(value(json_object_get(c, "power"), b, err));
    }
    return sg_buf_printf(b, err, "</table>\n");
}

/* True positives over false positives, both of the attacks on everybody; false positives from 1 in 10,000 on a log axis. */
static sg_status curves(const json_t *m, sg_buf *b, sg_err *err)
{
    static const char *const colour[] = {"#1b6ca8", "#c0392b", "#27ae60", "#8e44ad", "#d35400", "#16a085", "#7f8c8d"};
    const json_t *checks = json_object_get(m, "checks");
    double x[SG_ROC_POINTS], y[SG_ROC_POINTS], chance[SG_ROC_POINTS];
    sg_plot p;
    const sg_plot_frame f = {
        "ROC of every attack, logarithmic", "log10 false positives", "true positives", 620, 380, -4, 0, 0, 1, false};
    for (int i = 0; i < SG_ROC_POINTS; i++) {
        x[i] = -4 + 0.1 * i;
        chance[i] = pow(10, x[i]);
    }
    sg_plot_begin(&p, b, &f, err);
    sg_plot_line(&p, x, chance, SG_ROC_POINTS, "#999", 1, "4 3");
    int drawn = 0;
    for (size_t i = 0; i < json_array_size(checks); i++) {
        const json_t *c = json_array_get(checks, i), *roc = json_object_get(c, "roc");
        if (json_array_size(roc) != SG_ROC_POINTS || !strncmp(text(c, "name"), "union.", 6))
            continue;
        for (size_t k = 0; k < SG_ROC_POINTS; k++)
            y[k] = json_number_value(json_array_get(roc, k));
        sg_plot_line(&p, x, y, SG_ROC_POINTS, colour[drawn % 7], 1.2, drawn < 7 ? "" : "2 2");
        sg_plot_legend(&p, 0, text(c, "name"), colour[drawn % 7], drawn < 7 ? "" : "2 2");
        drawn++;
    }
    return sg_plot_end(&p);
}

static sg_status tails(const json_t *m, sg_buf *b, sg_err *err)
{
    const json_t *t = json_object_get(m, "tail");
    const json_t *side[2] = {json_object_get(t, "holdout"), json_object_get(t, "cohort")};
    double edge[SG_TAIL_BINS + 1], share[2][SG_TAIL_BINS], most = 0;
    if (json_array_size(side[0]) != SG_TAIL_BINS || json_array_size(side[1]) != SG_TAIL_BINS)
        return SG_OK;
    for (int k = 0; k < 2; k++) {
        double all = 0;
        for (size_t i = 0; i < SG_TAIL_BINS; i++)
            all += json_number_value(json_array_get(side[k], i));
        for (size_t i = 0; i < SG_TAIL_BINS; i++) {
            share[k][i] = json_number_value(json_array_get(side[k], i)) / fmax(1, all);
            most = fmax(most, share[k][i]);
        }
    }
    for (int i = 0; i <= SG_TAIL_BINS; i++)
        edge[i] = i * json_number_value(json_object_get(t, "step"));
    const sg_plot_frame f = {"Distance to the nearest member",
                             "differing genotypes",
                             "share",
                             620,
                             300,
                             0,
                             edge[SG_TAIL_BINS],
                             0,
                             fmax(most, 1e-9),
                             false};
    const double cut = json_number_value(json_object_get(t, "threshold")), x[2] = {cut, cut}, y[2] = {0, most};
    sg_plot p;
    sg_plot_begin(&p, b, &f, err);
    sg_plot_bars(&p, edge, share[0], SG_TAIL_BINS, "#bbb", true);
    sg_plot_bars(&p, edge, share[1], SG_TAIL_BINS, "#1b6ca8", false);
    sg_plot_line(&p, x, y, 2, "#a11", 1, "4 3");
    sg_plot_legend(&p, 0, "hold-out", "#bbb", "");
    sg_plot_legend(&p, 0, "cohort", "#1b6ca8", "");
    sg_plot_legend(&p, 0, "near copy", "#a11", "4 3");
    return sg_plot_end(&p);
}

static sg_status not_tested(sg_buf *b, sg_err *err)
{
    return sg_buf_printf(
        b, err,
        "<h2>What was not tested</h2><ul><li>second-degree relatives and mosaics of single haplotypes: no test of "
        "genotypes sees "
        "them<li>ancestry groups: the reference records none<li>covariance and classifier attacks, hidden genotypes "
        "and labels, "
        "linkability, singling out<li>the model itself, with its weights in hand<li>attacks not known yet</ul>"
        "<p class=\"say\">A passed gate says that these attacks, with the power given, found no leak above the limits. "
        "It does not "
        "say that the cohort is anonymous.</p>\n");
}

sg_status sg_verdict_page(const char *json, size_t n, bool committee, sg_buf *b, sg_err *err)
{
    json_t *root = json_loadb(json, n, 0, NULL);
    const json_t *m = json_object_get(root, "measurement");
    const char *outcome = text(root, "outcome");
    sg_status st = SG_OK;
    if (!m || (strcmp(outcome, "pass") != 0 && strcmp(outcome, "withhold") != 0 && strcmp(outcome, "fail") != 0) ||
        (*text(root, "reason") && !sg_reason_words(text(root, "reason"))))
        st = sg_fail(err, SG_FORMAT, "what was kept of a verdict is not one");
    if (!st)
        st = head(root, b, err);
    if (!st && committee)
        st = basis(m, b, err);
    if (!st && committee)
        st = table(m, json_object_get(root, "decision"), b, err);
    if (!st && committee)
        st = curves(m, b, err);
    if (!st && committee)
        st = tails(m, b, err);
    if (!st)
        st = not_tested(b, err);
    json_decref(root);
    return st ? st : sg_buf_printf(b, err, "</html>\n");
}

sg_status sg_verdict_html(const sg_verdict *v, bool committee, sg_buf *b, sg_err *err)
{
    sg_buf json;
    sg_buf_init(&json, 1 << 21);
    sg_status st = sg_verdict_json(v, &json, err);
    if (!st)
        st = sg_verdict_page((const char *)json.data, json.n, committee, b, err);
    sg_buf_clear(&json);
    return st;
}
