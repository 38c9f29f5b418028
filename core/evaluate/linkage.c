/* linkage.c - SNPs in pairs and in threes: r2 by distance and by strength, the correlation matrix, third moments. */
#include "evaluate/inside.h"
#include "formats/chrom.h"

#include <math.h>
#include <stdlib.h>

enum { NEAR_BP = 1000000 };
#define LINKED 0.05

const int64_t sg_decay_bp[SG_DECAY_BINS] = {2000,   5000,   10000,  20000,  40000,  70000,
                                            100000, 200000, 400000, 600000, 800000, NEAR_BP};

/* -1: other chromosome or farther than NEAR_BP */
static int64_t distance_bp(const sg_panel *p, int64_t i, int64_t j)
{
    if (sg_chrom_compare(p->snp[i].chrom, p->snp[j].chrom) != 0)
        return -1;
    const int64_t d = llabs(p->snp[j].pos - p->snp[i].pos);
    return d <= NEAR_BP ? d : -1;
}

static int decay_bin(int64_t bp)
{
    int b = 0;
    while (b < SG_DECAY_BINS - 1 && bp > sg_decay_bp[b])
        b++;
    return b;
}

typedef struct sums_by_bin {
    double n, x, y;
} sums_by_bin;

/* Root mean square over bins that have pairs of the difference of their means. */
static double decay_rmse(const sums_by_bin *s, int n_block, const double *times)
{
    double square = 0, bins = 0;
    for (int b = 0; b < SG_DECAY_BINS; b++) {
        double n = 0, d = 0;
        for (int k = 0; k < n_block; k++) {
            n += times[k] * s[k * SG_DECAY_BINS + b].n;
            d += times[k] * (s[k * SG_DECAY_BINS + b].y - s[k * SG_DECAY_BINS + b].x);
        }
        if (n > 0) {
            square += d * d / (n * n);
            bins++;
        }
    }
    return bins > 0 ? sqrt(square / bins) : NAN;
}

static sg_estimate decay_estimate(const sums_by_bin *s, int n_block, uint64_t seed)
{
    double times[SG_BLOCK_MAX], drawn[SG_RESAMPLES];
    for (int k = 0; k < SG_RESAMPLES; k++) {
        sg_block_draw(seed, k, n_block, times);
        drawn[k] = decay_rmse(s, n_block, times);
    }
    for (int b = 0; b < n_block; b++)
        times[b] = 1;
    return sg_estimate_from(decay_rmse(s, n_block, times), drawn, SG_RESAMPLES);
}

static void keep_decay(sg_decay *p, sg_column c, const sums_by_bin *s, int n_block)
{
    for (int b = 0; b < SG_DECAY_BINS; b++) {
        double n = 0, x = 0, y = 0;
        for (int k = 0; k < n_block; k++) {
            n += s[k * SG_DECAY_BINS + b].n;
            x += s[k * SG_DECAY_BINS + b].x;
            y += s[k * SG_DECAY_BINS + b].y;
        }
        p->mean[c][b] = n > 0 ? y / n : NAN;
        if (c != SG_COLUMN_HALF) { /* whose reference is the other half */
            p->mean[SG_N_COLUMN][b] = n > 0 ? x / n : NAN;
            p->n[b] = n;
        }
    }
}

/* Neighbours i < j < k, at most three apart, on one chromosome and within 1 Mb. */
static void add_threes(const sg_panel *panel, const sg_side *ref, const sg_side *x, sg_table *t)
{
    const int64_t L = ref->all.n_snp;
    for (int64_t i = 0; i < L; i++)
        for (int64_t j = i + 1; j < i + 3 && j < L; j++)
            for (int64_t k = j + 1; k < i + 4 && k < L; k++) {
                if (distance_bp(panel, i, k) < 0)
                    continue;
                const int b = sg_block_of(i, L);
                sg_table_add(t, b, b, sg_snps_three(&ref->all, i, j, k), sg_snps_three(&x->all, i, j, k));
            }
}

typedef struct tables {
    sg_table all, near, linked, signed_r, three;
    sums_by_bin *decay;
} tables;

static sg_status tables_new(int64_t L, sg_arena *a, tables *t, sg_err *err)
{
    SG_TRY(sg_table_new(L, a, &t->all, err));
    SG_TRY(sg_table_new(L, a, &t->near, err));
    SG_TRY(sg_table_new(L, a, &t->linked, err));
    SG_TRY(sg_table_new(L, a, &t->signed_r, err));
    SG_TRY(sg_table_new(L, a, &t->three, err));
    t->decay = SG_NEW(a, sums_by_bin, (int64_t)SG_BLOCK_MAX * SG_DECAY_BINS);
    return t->decay ? SG_OK : sg_arena_full(a, "linkage by distance", err);
}

static void add_pairs(const sg_panel *panel, const sg_side *ref, const sg_side *x, tables *t)
{
    const int64_t L = ref->all.n_snp;
    for (int64_t i = 0; i < L; i++)
        for (int64_t j = i + 1; j < L; j++) {
            const double r = (double)ref->r[i * L + j], q = (double)x->r[i * L + j], r2 = r * r, q2 = q * q;
            const int bi = sg_block_of(i, L), bj = sg_block_of(j, L);
            sg_table_add(&t->all, bi, bj, r2, q2);
            sg_table_add(&t->signed_r, bi, bj, r, q);
            if (r2 > LINKED)
                sg_table_add(&t->linked, bi, bj, r2, q2);
            const int64_t bp = distance_bp(panel, i, j);
            if (bp < 0)
                continue;
            sg_table_add(&t->near, bi, bj, r2, q2);
            sums_by_bin *s = &t->decay[bi * SG_DECAY_BINS + decay_bin(bp)];
            s->n++;
            s->x += r2;
            s->y += q2;
        }
}

sg_status sg_compare_linkage(sg_evaluation *e, sg_column c, const sg_side *ref, const sg_side *x, const sg_run *run,
                             sg_arena *a, sg_err *err)
{
    const int64_t L = ref->all.n_snp;
    const size_t mark = sg_arena_mark(a);
    tables t;
    sg_status st = tables_new(L, a, &t, err);
    if (st) {
        sg_arena_rewind(a, mark);
        return st;
    }
    add_pairs(&e->d->panel, ref, x, &t);
    add_threes(&e->d->panel, ref, x, &t.three);
    const uint64_t seed = e->o->seed;
    const struct {
        const sg_table *t;
        sg_figure_fn *f;
        sg_figure figure;
    } list[] = {
        {&t.all, sg_sums_r, SG_FIGURE_LD_R_ALL},
        {&t.all, sg_sums_slope, SG_FIGURE_LD_SLOPE_ALL},
        {&t.near, sg_sums_r, SG_FIGURE_LD_R_NEAR},
        {&t.near, sg_sums_slope, SG_FIGURE_LD_SLOPE_NEAR},
        {&t.linked, sg_sums_r, SG_FIGURE_LD_R_LINKED},
        {&t.linked, sg_sums_slope, SG_FIGURE_LD_SLOPE_LINKED},
        {&t.signed_r, sg_sums_r, SG_FIGURE_CORR_R},
        {&t.signed_r, sg_sums_slope, SG_FIGURE_CORR_SLOPE},
        {&t.signed_r, sg_sums_distance, SG_FIGURE_CORR_APART},
        {&t.three, sg_sums_r, SG_FIGURE_THREE_R},
        {&t.three, sg_sums_slope, SG_FIGURE_THREE_SLOPE},
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        sg_rows_put(&e->rows, list[i].figure, NULL, c, sg_table_estimate(list[i].t, list[i].f, seed));
    sg_rows_put(&e->rows, SG_FIGURE_LD_DECAY, NULL, c, decay_estimate(t.decay, t.all.n, seed));
    keep_decay(&e->decay, c, t.decay, t.all.n);
    sg_arena_rewind(a, mark);
    return sg_cancelled(run) ? sg_fail(err, SG_CANCELLED, "stopped while comparing linkage") : SG_OK;
}
