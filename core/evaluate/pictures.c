/* pictures.c - what the plots of the report are drawn from.
 *
 * Why nobody can be read off them: frequencies, r2 and effect sizes are sums over all training people (and the panel of
 * the bundle holds frequencies anyway). Coordinates along principal components would place single people, outliers above
 * all, so clouds are drawn as hexagons of twenty people or more, real and synthetic alike: a synthetic person who
 * is a copy of a real one would otherwise be a dot at the real one's place. Distances of held-out people to the nearest
 * training person are counted in bins, and bins of fewer than twenty are empty; the cohort's bins are drawn whole,
 * because a few synthetic people too near are what the picture is for. The report is still for the data's steward. */
#include "evaluate/inside.h"
#include "geno/distance.h"

#include <math.h>
#include <string.h>

enum { STEP_PICTURE = 12 };

static sg_status frequencies(sg_pictures *p, const sg_side *ref, const sg_side *syn, sg_arena *a, sg_err *err)
{
    const int64_t L = ref->all.n_snp;
    for (int k = 0; k < 2; k++) {
        if (!(p->freq[k] = SG_NEW(a, double, L)))
            return sg_arena_full(a, "frequencies", err);
        for (int64_t v = 0; v < L; v++)
            p->freq[k][v] = sg_snps_freq(k ? &syn->all : &ref->all, v);
    }
    return SG_OK;
}

/* Mean r2 of pairs of different SNPs between groups i and j of neighbours. */
static void coarse(const float *r, int64_t L, int64_t n, float *map)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++) {
            double sum = 0, pairs = 0;
            for (int64_t u = i * L / n; u < (i + 1) * L / n; u++)
                for (int64_t v = j * L / n; v < (j + 1) * L / n; v++)
                    if (u != v) {
                        sum += (double)r[u * L + v] * (double)r[u * L + v];
                        pairs++;
                    }
            map[i * n + j] = (float)(pairs > 0 ? sum / pairs : 1);
        }
}

/* First SNP of the window of n with the most linkage among real people. */
static int64_t richest(const float *r, int64_t L, int64_t n)
{
    int64_t best = 0;
    double most = -1;
    for (int64_t from = 0; from + n <= L; from += n / 8 ? n / 8 : 1) {
        double sum = 0;
        for (int64_t u = from; u < from + n; u++)
            for (int64_t v = from; v < u; v++)
                sum += (double)r[u * L + v] * (double)r[u * L + v];
        if (sum > most) {
            most = sum;
            best = from;
        }
    }
    return best;
}

static sg_status maps(sg_pictures *p, const sg_side *ref, const sg_side *syn, sg_arena *a, sg_err *err)
{
    const int64_t L = ref->all.n_snp;
    p->n_map = L < SG_MAP_MAX ? L : SG_MAP_MAX;
    p->n_zoom = L < SG_ZOOM_MAX ? L : SG_ZOOM_MAX;
    p->zoom_from = richest(ref->r, L, p->n_zoom);
    for (int k = 0; k < 2; k++) {
        const float *r = k ? syn->r : ref->r;
        p->map[k] = SG_NEW(a, float, p->n_map * p->n_map);
        p->zoom[k] = SG_NEW(a, float, p->n_zoom * p->n_zoom);
        if (!p->map[k] || !p->zoom[k])
            return sg_arena_full(a, "maps of linkage", err);
        coarse(r, L, p->n_map, p->map[k]);
        for (int64_t i = 0; i < p->n_zoom; i++)
            for (int64_t j = 0; j < p->n_zoom; j++) {
                const float x = r[(p->zoom_from + i) * L + p->zoom_from + j];
                p->zoom[k][i * p->n_zoom + j] = x * x;
            }
    }
    return SG_OK;
}

/* Centre number (column, row) of the hexagon of radius r that (x, y) lies in; rows are 1.5 r apart and every other one is
 * shifted by half a hexagon. */
static void hexagon_of(double x, double y, double r, int *column, int *row)
{
    const double wide = sqrt(3.0) * r;
    double best = INFINITY;
    for (int k = (int)floor(y / (1.5 * r)); k <= (int)floor(y / (1.5 * r)) + 1; k++) {
        const double shift = k & 1 ? wide / 2 : 0;
        const int c = (int)lround((x - shift) / wide);
        const double dx = x - shift - c * wide, dy = y - 1.5 * r * k, d = dx * dx + dy * dy;
        if (d < best) {
            best = d;
            *column = c;
            *row = k;
        }
    }
}

static void frame_of(const double *score, int64_t n, int k, int at, double *lo, double *hi)
{
    double sum = 0, square = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += score[i * k + at];
        square += score[i * k + at] * score[i * k + at];
    }
    const double mean = sum / (double)n, sd = sqrt(fmax(square / (double)n - mean * mean, 1e-12));
    *lo = mean - 3.2 * sd;
    *hi = mean + 3.2 * sd;
}

/* real [n, k] and syn [m, k] scores along components c and c + 1. The frame is scaled to squares first. */
static sg_status cloud(sg_cloud *out, const double *real, int64_t n, const double *syn, int64_t m, int k, int c,
                       sg_arena *a, sg_err *err)
{
    enum { SIDE = 80 };
    frame_of(real, n, k, c, &out->x0, &out->x1);
    frame_of(real, n, k, c + 1, &out->y0, &out->y1);
    const double across = fmin(fmax(sqrt((double)(n < m ? n : m) / 14), 5), 28);
    const double r = 1 / across / sqrt(3.0); /* of the unit square */
    out->hex = SG_NEW(a, sg_cell, SG_HEX_MAX);
    const size_t mark = sg_arena_mark(a);
    int64_t *count = SG_NEW(a, int64_t, 2 * SIDE * SIDE);
    if (!out->hex || !count)
        return sg_arena_full(a, "a cloud of people", err);
    for (int side = 0; side < 2; side++)
        for (int64_t i = 0; i < (side ? m : n); i++) {
            const double *s = (side ? syn : real) + i * k + c;
            const double x = (s[0] - out->x0) / (out->x1 - out->x0), y = (s[1] - out->y0) / (out->y1 - out->y0);
            int col = 0, row = 0;
            if (!(x > 0 && x < 1 && y > 0 && y < 1))
                continue;
            hexagon_of(x, y, r, &col, &row);
            if (col >= 0 && row >= 0 && col < SIDE && row < SIDE)
                count[(side * SIDE + row) * SIDE + col]++;
        }
    for (int row = 0; row < SIDE; row++)
        for (int col = 0; col < SIDE && out->n < SG_HEX_MAX; col++) {
            const int64_t cr = count[row * SIDE + col], cs = count[(SIDE + row) * SIDE + col];
            if (cr < SG_HEX_LEAST && cs < SG_HEX_LEAST)
                continue;
            const double x = (col + (row & 1 ? 0.5 : 0)) * sqrt(3.0) * r, y = 1.5 * r * row;
            sg_cell *h = &out->hex[out->n++];
            *h = (sg_cell){out->x0 + x * (out->x1 - out->x0), out->y0 + y * (out->y1 - out->y0),
                           cr < SG_HEX_LEAST ? 0 : (double)cr / (double)n,
                           cs < SG_HEX_LEAST ? 0 : (double)cs / (double)m};
            out->shown_real += h->real;
            out->shown_syn += h->syn;
        }
    out->r = r;
    sg_arena_rewind(a, mark);
    return SG_OK;
}

static sg_status clouds(sg_pictures *p, const sg_against *ref, const sg_side *syn, const sg_run *run, sg_arena *a,
                        sg_err *err)
{
    const int k = ref->pca.k;
    double *score = SG_NEW(a, double, syn->people.n_sample *k);
    if (!score)
        return sg_arena_full(a, "principal components", err);
    sg_pca_project(&ref->pca, &syn->people, run, score);
    for (int c = 0; c < 2 && 2 * c + 1 < k; c++)
        SG_TRY(
            cloud(&p->cloud[c], ref->score, ref->side->people.n_sample, score, syn->people.n_sample, k, 2 * c, a, err));
    return SG_OK;
}

/* Counts by distance from each person of query[k] to the nearest of ref[k], themselves left out when both are one. */
static sg_status nearby(const sg_people *const query[2], const sg_people *const ref[2], const sg_run *run, sg_arena *a,
                        sg_nearby *out, sg_err *err)
{
    const size_t mark = sg_arena_mark(a);
    sg_near *near[2];
    int64_t most = 1;
    for (int k = 0; k < 2; k++) {
        const int64_t n = out->n[k] = query[k]->n_sample;
        if (!(near[k] = SG_NEW_RAW(a, sg_near, n)))
            return sg_arena_full(a, "nearest people", err);
        if (n)
            SG_TRY(sg_nearest(query[k], ref[k], SG_HAMMING, query[k] == ref[k], run, a, near[k], NULL, err));
        for (int64_t i = 0; i < n; i++)
            most = near[k][i].d[0] > most ? near[k][i].d[0] : most;
    }
    const int64_t width = (most + SG_NEAR_BINS) / SG_NEAR_BINS; /* whole mismatches, 0 in the first bin */
    for (int b = 0; b <= SG_NEAR_BINS; b++)
        out->edge[b] = (double)(b * width);
    for (int k = 0; k < 2; k++)
        for (int64_t i = 0; i < out->n[k]; i++)
            out->count[k][near[k][i].d[0] / width]++;
    for (int b = 0; b < SG_NEAR_BINS; b++)
        if (out->count[1][b] < SG_HEX_LEAST)
            out->count[1][b] = 0;
    sg_arena_rewind(a, mark);
    return SG_OK;
}

/* n of p, or p itself: how near the nearest is depends on how many there are. */
static sg_status as_many(const sg_people *p, int64_t n, uint64_t seed, sg_arena *a, sg_people *out, sg_err *err)
{
    *out = *p;
    if (p->n_sample <= n)
        return SG_OK;
    const int64_t *idx = sg_choose_some(p->n_sample, n, seed, STEP_PICTURE, a);
    if (!idx)
        return sg_arena_full(a, "a choice of people", err);
    SG_TRY(sg_people_new(n, p->n_variant, a, out, err));
    sg_people_gather(p, idx, n, out);
    return SG_OK;
}

static sg_status distances(sg_pictures *p, const sg_people *train, const sg_people *syn, const sg_people *held,
                           uint64_t seed, const sg_run *run, sg_arena *a, sg_err *err)
{
    sg_people s, t;
    const sg_people *const query[2] = {syn, held}, *const ref[2] = {train, train}, *const own[2] = {&s, &t};
    SG_TRY(nearby(query, ref, run, a, &p->to_train, err));
    SG_TRY(as_many(syn, train->n_sample, seed, a, &s, err));
    SG_TRY(as_many(train, syn->n_sample, seed, a, &t, err));
    return nearby(own, own, run, a, &p->among, err);
}

sg_status sg_take_pictures(sg_evaluation *e, const sg_against *ref, const sg_side *syn, const sg_people *held,
                           const sg_run *run, sg_arena *a, sg_err *err)
{
    sg_pictures *p = &e->pictures;
    SG_TRY(frequencies(p, ref->side, syn, a, err));
    SG_TRY(maps(p, ref->side, syn, a, err));
    SG_TRY(clouds(p, ref, syn, run, a, err));
    return distances(p, &ref->side->people, &syn->people, held, e->o->seed, run, a, err);
}
