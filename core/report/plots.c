/* plots.c - the pictures of the page; see evaluate/pictures.c for what may be shown. */
#include "report/draw.h"
#include "plot/plot.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

enum { DOWN_MAX = 2000 }; /* epochs drawn of one curve */

const char *sg_column_colour(sg_column c)
{
    static const char *const colour[SG_N_COLUMN] = {[SG_COLUMN_SYNTHETIC] = SG_COLOUR_SYNTHETIC,
                                                    [SG_COLUMN_REAL] = SG_COLOUR_REAL,
                                                    [SG_COLUMN_HELD_OUT] = "#56b4e9",
                                                    [SG_COLUMN_HALF] = "#888888",
                                                    [SG_COLUMN_INDEPENDENT] = "#e69f00",
                                                    [SG_COLUMN_RESAMPLED] = "#000000",
                                                    [SG_COLUMN_MARKOV] = "#cc79a7",
                                                    [SG_COLUMN_CHOW_LIU] = "#009e73"};
    return colour[c];
}

/* y = x from corner to corner */
static void diagonal(sg_plot *p)
{
    const double x[2] = {fmax(p->f.x0, p->f.y0), fmin(p->f.x1, p->f.y1)};
    sg_plot_line(p, x, x, 2, "#999", 1, "4 3");
}

sg_status sg_draw_frequencies(const sg_evaluation *e, sg_buf *b, sg_err *err)
{
    const sg_pictures *s = &e->pictures;
    sg_plot p;
    sg_plot_begin(&p, b,
                  &(sg_plot_frame){.title = "Allele frequencies, one point per SNP",
                                   .x = "training people",
                                   .y = "synthetic cohort",
                                   .x1 = 1,
                                   .y1 = 1},
                  err);
    diagonal(&p);
    sg_plot_points(&p, s->freq[0], s->freq[1], e->d->panel.n_snp, SG_COLOUR_SYNTHETIC, 3.5, 0.5);
    return sg_plot_end(&p);
}

static sg_status draw_decay(const sg_evaluation *e, sg_buf *b, sg_err *err)
{
    double x[SG_DECAY_BINS], most = 0, last = 4;
    for (int k = 0; k < SG_DECAY_BINS; k++) {
        if (isfinite(e->decay.mean[SG_N_COLUMN][k]))
            last = log10((double)sg_decay_bp[k]);
        x[k] = log10((double)sg_decay_bp[k]);
        most = fmax(most, isfinite(e->decay.mean[SG_N_COLUMN][k]) ? e->decay.mean[SG_N_COLUMN][k] : 0);
    }
    sg_plot p;
    sg_plot_begin(&p, b,
                  &(sg_plot_frame){.title = "Linkage by distance",
                                   .x = "distance, log10 base pairs (upper end of the bin)",
                                   .y = "mean r2",
                                   .x0 = 3.2,
                                   .x1 = last + 0.05,
                                   .y0 = 0,
                                   .y1 = 1.15 * most},
                  err);
    for (int c = SG_N_COLUMN; c-- > SG_COLUMN_INDEPENDENT;)
        if (e->n_column[c] && c != SG_COLUMN_RESAMPLED) {
            sg_plot_line(&p, x, e->decay.mean[c], SG_DECAY_BINS, sg_column_colour((sg_column)c), 1.5, "5 3");
            sg_plot_points(&p, x, e->decay.mean[c], SG_DECAY_BINS, sg_column_colour((sg_column)c), 5, 1);
        }
    sg_plot_line(&p, x, e->decay.mean[SG_N_COLUMN], SG_DECAY_BINS, SG_COLOUR_REAL, 3, "");
    sg_plot_points(&p, x, e->decay.mean[SG_N_COLUMN], SG_DECAY_BINS, SG_COLOUR_REAL, 7, 1);
    sg_plot_line(&p, x, e->decay.mean[SG_COLUMN_SYNTHETIC], SG_DECAY_BINS, SG_COLOUR_SYNTHETIC, 2, "");
    sg_plot_points(&p, x, e->decay.mean[SG_COLUMN_SYNTHETIC], SG_DECAY_BINS, SG_COLOUR_SYNTHETIC, 5, 1);
    sg_plot_legend(&p, 1, "training people", SG_COLOUR_REAL, "");
    sg_plot_legend(&p, 1, "synthetic cohort", SG_COLOUR_SYNTHETIC, "");
    for (int c = SG_COLUMN_INDEPENDENT; c < SG_N_COLUMN; c++)
        if (e->n_column[c] && c != SG_COLUMN_RESAMPLED)
            sg_plot_legend(&p, 1, sg_column_name((sg_column)c), sg_column_colour((sg_column)c), "5 3");
    return sg_plot_end(&p);
}

static sg_status draw_map(const char *title, const char *below, const float *map, int64_t n, float full, bool real,
                          sg_buf *b, sg_err *err)
{
    sg_plot p;
    sg_plot_begin(
        &p, b,
        &(sg_plot_frame){.title = title, .x = below, .width = 380, .height = 396, .x1 = 1, .y1 = 1, .bare = true}, err);
    sg_plot_map(&p, map, n, full, real ? 0 : 213, real ? 114 : 94, real ? 178 : 0);
    return sg_plot_end(&p);
}

sg_status sg_draw_linkage(const sg_evaluation *e, sg_buf *b, sg_err *err)
{
    const sg_pictures *s = &e->pictures;
    const bool averaged = s->n_map < e->d->panel.n_snp;
    float most = averaged ? 0.02F : 1; /* means of many pairs are small: full colour is the largest of the real ones */
    for (int64_t k = 0; averaged && k < s->n_map * s->n_map; k++)
        most = s->map[0][k] > most ? s->map[0][k] : most;
    char whole[120], part[120];
    (void)snprintf(whole, sizeof whole, "%lld SNPs in order%s; full colour: r2 %.2g", (long long)e->d->panel.n_snp,
                   averaged ? ", averaged" : "", (double)most);
    (void)snprintf(part, sizeof part, "the %lld SNPs with most linkage, from SNP %lld on", (long long)s->n_zoom,
                   (long long)s->zoom_from + 1);
    SG_TRY(draw_decay(e, b, err));
    SG_TRY(sg_buf_printf(b, err, "<br>"));
    SG_TRY(draw_map("Linkage r2, training people", whole, s->map[0], s->n_map, most, true, b, err));
    SG_TRY(draw_map("Linkage r2, synthetic cohort", whole, s->map[1], s->n_map, most, false, b, err));
    SG_TRY(sg_buf_printf(b, err, "<br>"));
    SG_TRY(draw_map("Linkage r2 from near, training people", part, s->zoom[0], s->n_zoom, 1, true, b, err));
    return draw_map("Linkage r2 from near, synthetic cohort", part, s->zoom[1], s->n_zoom, 1, false, b, err);
}

sg_status sg_draw_clouds(const sg_evaluation *e, sg_buf *b, sg_err *err)
{
    for (int c = 0; c < 2; c++) {
        const sg_cloud *s = &e->pictures.cloud[c];
        double most = 0;
        char title[120], x[40], y[40];
        for (int k = 0; k < s->n; k++)
            most = fmax(most, fmax(s->hex[k].real, s->hex[k].syn));
        if (!(most > 0))
            continue;
        (void)snprintf(title, sizeof title, "Components of the training people (%.0f, %.0f %% shown)",
                       100 * s->shown_real, 100 * s->shown_syn);
        (void)snprintf(x, sizeof x, "component %d", 2 * c + 1);
        (void)snprintf(y, sizeof y, "component %d", 2 * c + 2);
        sg_plot p;
        sg_plot_begin(&p, b,
                      &(sg_plot_frame){.title = title,
                                       .x = x,
                                       .y = y,
                                       .width = 440,
                                       .height = 420,
                                       .x0 = s->x0,
                                       .x1 = s->x1,
                                       .y0 = s->y0,
                                       .y1 = s->y1},
                      err);
        for (int k = 0; k < s->n; k++)
            if (s->hex[k].real > 0)
                sg_plot_hexagon(&p, s->hex[k].x, s->hex[k].y, s->r * (s->x1 - s->x0), SG_COLOUR_REAL,
                                0.15 + 0.7 * s->hex[k].real / most);
        for (int k = 0; k < s->n; k++)
            if (s->hex[k].syn > 0)
                sg_plot_circle(&p, s->hex[k].x, s->hex[k].y, 0.85 * s->r * (s->x1 - s->x0) * sqrt(s->hex[k].syn / most),
                               SG_COLOUR_SYNTHETIC, 0.85);
        sg_plot_legend(&p, 1, "training people: depth of colour", SG_COLOUR_REAL, "");
        sg_plot_legend(&p, 1, "synthetic: area of the dot", SG_COLOUR_SYNTHETIC, "");
        SG_TRY(sg_plot_end(&p));
    }
    return SG_OK;
}

sg_status sg_draw_curves(const sg_evaluation *e, sg_buf *b, sg_err *err)
{
    double x[SG_CURVE];
    for (int k = 0; k < SG_CURVE; k++)
        x[k] = (double)k / (SG_CURVE - 1);
    for (int m = 0; m < SG_N_METHOD; m++) {
        if (!e->curve[m][SG_COLUMN_REAL])
            continue;
        char title[80], of[80], text[80];
        (void)snprintf(title, sizeof title, "%s, trained on", sg_method_name((sg_method)m));
        (void)snprintf(of, sizeof of, "%s matched", sg_method_name((sg_method)m));
        const sg_row *row = sg_rows_find(&e->rows, SG_FIGURE_AUC, of);
        sg_plot p;
        sg_plot_begin(&p, b,
                      &(sg_plot_frame){.title = title,
                                       .x = "false positives, real test people",
                                       .y = "true positives",
                                       .x1 = 1,
                                       .y1 = 1,
                                       .width = 292,
                                       .height = 300},
                      err);
        diagonal(&p);
        for (int c = SG_N_COLUMN; c-- > 0;) {
            if (!e->curve[m][c] || c == SG_COLUMN_HALF || c == SG_COLUMN_RESAMPLED)
                continue;
            const bool main = c == SG_COLUMN_REAL || c == SG_COLUMN_SYNTHETIC;
            sg_plot_line(&p, x, e->curve[m][c], SG_CURVE, sg_column_colour((sg_column)c), main ? 2.2 : 1.2,
                         main ? "" : "4 3");
            (void)snprintf(text, sizeof text, "%s %.3f", sg_column_name((sg_column)c),
                           row ? row->at[c].value : (double)NAN);
            sg_plot_legend(&p, 2, text, sg_column_colour((sg_column)c), main ? "" : "4 3");
        }
        SG_TRY(sg_plot_end(&p));
    }
    return SG_OK;
}

sg_status sg_draw_effects(const sg_evaluation *e, sg_buf *b, sg_err *err)
{
    const double *real = e->beta[SG_N_COLUMN], *own = e->beta[SG_COLUMN_SYNTHETIC];
    const int64_t L = e->d->panel.n_snp;
    double most = 0, r = 0;
    if (!real || !own)
        return SG_OK;
    for (int64_t v = 0; v < L; v++)
        if (isfinite(real[v]) && isfinite(own[v])) {
            most = fmax(most, fmin(fmax(fabs(real[v]), fabs(own[v])), 3));
            r++;
        }
    if (!(r > 0))
        return SG_OK;
    sg_plot p;
    sg_plot_begin(&p, b,
                  &(sg_plot_frame){.title = "Effect sizes, one point per SNP",
                                   .x = "log odds per copy, training people",
                                   .y = "synthetic cohort",
                                   .width = 420,
                                   .height = 400,
                                   .x0 = -1.05 * most,
                                   .x1 = 1.05 * most,
                                   .y0 = -1.05 * most,
                                   .y1 = 1.05 * most},
                  err);
    diagonal(&p);
    sg_plot_points(&p, real, own, L, SG_COLOUR_SYNTHETIC, 3.5, 0.5);
    const sg_row *row = sg_rows_find(&e->rows, SG_FIGURE_BETA_SLOPE, NULL);
    if (row && row->has[SG_COLUMN_SYNTHETIC]) {
        const double x[2] = {-most, most},
                     y[2] = {-most * row->at[SG_COLUMN_SYNTHETIC].value, most * row->at[SG_COLUMN_SYNTHETIC].value};
        char text[80];
        (void)snprintf(text, sizeof text, "slope %.3f", row->at[SG_COLUMN_SYNTHETIC].value);
        sg_plot_line(&p, x, y, 2, SG_COLOUR_SYNTHETIC, 2, "");
        sg_plot_legend(&p, 0, text, SG_COLOUR_SYNTHETIC, "");
    }
    for (int64_t v = 0; e->o->causal && v < L; v++)
        if (e->o->causal[v])
            sg_plot_points(&p, real + v, own + v, 1, "#000", 5, 1);
    if (e->o->causal)
        sg_plot_legend(&p, 0, "known to be causal", "#000", "");
    return sg_plot_end(&p);
}

static sg_status draw_nearby(const sg_nearby *s, const char *title, const char *real, sg_buf *b, sg_err *err)
{
    double share[2][SG_NEAR_BINS], most = 0;
    int first = SG_NEAR_BINS, last = 0;
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < SG_NEAR_BINS; i++) {
            share[k][i] = s->n[k] ? (double)s->count[k][i] / (double)s->n[k] : 0;
            most = fmax(most, share[k][i]);
            if (s->count[k][i]) {
                first = i < first ? i : first;
                last = i > last ? i : last;
            }
        }
    if (first > last)
        return SG_OK;
    first = first > 1 ? first - 2 : 0;
    last = last < SG_NEAR_BINS - 1 ? last + 1 : last;
    sg_plot p;
    sg_plot_begin(&p, b,
                  &(sg_plot_frame){.title = title,
                                   .x = "genotypes that differ",
                                   .y = "share of people",
                                   .width = 520,
                                   .x0 = s->edge[first],
                                   .x1 = s->edge[last + 1],
                                   .y1 = 1.3 * most},
                  err);
    sg_plot_bars(&p, s->edge + first, share[1] + first, last + 1 - first, SG_COLOUR_REAL, true);
    sg_plot_bars(&p, s->edge + first, share[0] + first, last + 1 - first, SG_COLOUR_SYNTHETIC, false);
    sg_plot_legend(&p, 0, real, SG_COLOUR_REAL, "");
    sg_plot_legend(&p, 0, "synthetic people", SG_COLOUR_SYNTHETIC, "");
    return sg_plot_end(&p);
}

sg_status sg_draw_distances(const sg_evaluation *e, sg_buf *b, sg_err *err)
{
    const sg_pictures *s = &e->pictures;
    SG_TRY(draw_nearby(&s->to_train, "Distance to the nearest training person", "held-out people (bins of 20 or more)",
                       b, err));
    return draw_nearby(&s->among, "Distance to the nearest other person of one's own",
                       "as many training people (bins of 20 or more)", b, err);
}

/* One curve of a stage: key over epochs. Returns how many points. */
static int series(const json_t *stage, const char *key, double *x, double *y)
{
    size_t i;
    json_t *point;
    int n = 0;
    json_array_foreach(stage, i, point)
    {
        const json_t *v = json_object_get(point, key), *at = json_object_get(point, "epoch");
        if (!json_is_number(v) || n == DOWN_MAX)
            continue;
        x[n] = json_is_number(at) ? json_number_value(at) : (double)i + 1;
        y[n++] = json_number_value(v);
    }
    return n;
}

/* What a curve measures, without whose it is: val_loss, train_loss_ema -> loss. */
static void family_of(const char *key, char out[64])
{
    (void)snprintf(out, 64, "%s", !strncmp(key, "val_", 4) ? key + 4 : !strncmp(key, "train_", 6) ? key + 6 : key);
    char *end = strstr(out, "_ema");
    if (end && !end[4])
        *end = '\0';
}

static bool is_family(const char *key, const char *family)
{
    char own[64];
    family_of(key, own);
    return strcmp(key, "epoch") != 0 && !strcmp(own, family);
}

/* All curves of one family; last: the last epoch's record, which has every key. */
static sg_status draw_family(const char *name, const json_t *stage, json_t *last, const char *family, sg_buf *b,
                             sg_err *err)
{
    static const char *const colour[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"};
    double x[DOWN_MAX], y[DOWN_MAX], x1 = 1, y0 = INFINITY, y1 = -INFINITY;
    const char *key;
    json_t *value;
    json_object_foreach(last, key, value)
    {
        if (!is_family(key, family))
            continue;
        const int n = series(stage, key, x, y);
        for (int i = n > 20 ? 1 : 0; i < n; i++) { /* the first epoch would press the rest flat */
            x1 = fmax(x1, x[i]);
            y0 = fmin(y0, y[i]);
            y1 = fmax(y1, y[i]);
        }
    }
    if (!(y0 <= y1))
        return SG_OK;
    char title[160];
    (void)snprintf(title, sizeof title, "Training, stage %.60s: %.60s", name, family);
    sg_plot p;
    sg_plot_begin(&p, b,
                  &(sg_plot_frame){.title = title,
                                   .x = "epoch",
                                   .width = 300,
                                   .height = 260,
                                   .x0 = 0,
                                   .x1 = x1,
                                   .y0 = y0 - 0.05 * (y1 - y0),
                                   .y1 = y1 + 0.3 * (y1 - y0)},
                  err);
    int k = 0;
    json_object_foreach(last, key, value)
    {
        if (!is_family(key, family))
            continue;
        const int n = series(stage, key, x, y);
        sg_plot_line(&p, x, y, n, colour[k % 6], 1.8, k < 6 ? "" : "4 3");
        sg_plot_legend(&p, 1, key, colour[k % 6], k < 6 ? "" : "4 3");
        k++;
    }
    return sg_plot_end(&p);
}

static sg_status draw_stage(const char *name, const json_t *stage, sg_buf *b, sg_err *err)
{
    json_t *last = json_array_get(stage, json_array_size(stage) - 1), *value, *seen = json_object();
    const char *key;
    sg_status st = SG_OK;
    json_object_foreach(last, key, value)
    {
        char family[64];
        family_of(key, family);
        if (st || !strcmp(key, "epoch") || json_object_get(seen, family))
            continue;
        json_object_set_new(seen, family, json_true());
        st = draw_family(name, stage, last, family, b, err);
    }
    json_decref(seen);
    return st;
}

sg_status sg_draw_training(const sg_evaluation *e, sg_buf *b, sg_err *err)
{
    json_t *root = e->o->training_json ? json_loads(e->o->training_json, 0, NULL) : NULL, *stage;
    const char *name;
    sg_status st = SG_OK;
    json_object_foreach(json_object_get(root, "curves"), name, stage)
    {
        if (!st)
            st = draw_stage(name, stage, b, err);
    }
    json_decref(root);
    return st;
}
