/* effects.c - effect sizes: one logistic regression per SNP, in the cohort and among real people, and where the causal
 * SNPs of a simulation stand in either GWAS.
 *
 * The slope is that of the cohort's log odds on the real ones, through the origin, because which allele is counted is
 * arbitrary. Noise in the real ones flattens it for everybody who was not made from these very people: held-out people
 * lie below 1, which is why the floor stands beside it. */
#include "evaluate/inside.h"
#include "learn/linear.h"
#include "privacy/stats.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { TOP = 10 };

/* Label k against all others. */
static sg_beta beta_of(const sg_side *s, int k, int64_t v)
{
    int64_t cases[3] = {0}, controls[3];
    for (int g = 0; g < 3; g++) {
        cases[g] = s->by[k].n_people ? s->by[k].count[v][g] : 0;
        controls[g] = s->all.count[v][g] - cases[g];
    }
    return sg_beta_fit(controls, cases);
}

/* 1 + how many SNPs have a larger |z|; SNPs without one come last, all alike. */
static void ranks(const double *z, int64_t L, double *rank)
{
    for (int64_t v = 0; v < L; v++) {
        double before = 0, tie = 0;
        for (int64_t u = 0; u < L; u++) {
            before += z[u] > z[v];
            tie += u != v && z[u] == z[v];
        }
        rank[v] = 1 + before + tie / 2;
    }
}

static sg_estimate share(int64_t k, int64_t n)
{
    sg_estimate x = {n ? (double)k / (double)n : (double)NAN, NAN, NAN};
    sg_binomial_interval(k, n, 0.05, &x.lo, &x.hi);
    return x;
}

/* Correlation of ranks with Fisher's interval as widened for ranks by Bonett and Wright (Psychometrika 65, 2000). */
static sg_estimate spearman(const double *x, const double *y, int64_t n, sg_arena *a)
{
    double *rx = SG_NEW(a, double, n), *ry = SG_NEW(a, double, n);
    if (!rx || !ry || n < 5)
        return (sg_estimate){NAN, NAN, NAN};
    ranks(x, n, rx);
    ranks(y, n, ry);
    sg_sums s = {0};
    for (int64_t i = 0; i < n; i++)
        sg_sums_add(&s, rx[i], ry[i]);
    const double r = sg_sums_r(&s), se = sqrt((1 + r * r / 2) / ((double)n - 3));
    if (!(fabs(r) < 1))
        return (sg_estimate){r, r, r};
    return (sg_estimate){r, tanh(atanh(r) - 1.96 * se), tanh(atanh(r) + 1.96 * se)};
}

static void put_causal(sg_evaluation *e, sg_column c, const char *of, const double *real, const double *own,
                       sg_arena *a)
{
    const int64_t L = e->d->panel.n_snp;
    const double limit = -sg_normal_quantile(0.025 / (double)L);
    double *zr = SG_NEW(a, double, L), *zx = SG_NEW(a, double, L), *rr = SG_NEW(a, double, L),
           *rx = SG_NEW(a, double, L);
    int64_t n = 0, kept = 0, top = 0, found_real = 0, found = 0;
    if (!zr || !zx || !rr || !rx)
        return;
    for (int64_t v = 0; v < L; v++)
        if (e->o->causal[v]) {
            zr[n] = real[v];
            zx[n++] = own[v];
        }
    ranks(zr, n, rr);
    ranks(zx, n, rx);
    for (int64_t i = 0; i < n; i++)
        if (rr[i] < TOP + 1) {
            top++;
            kept += rx[i] < TOP + 1;
            found_real += zr[i] > limit;
            found += zr[i] > limit && zx[i] > limit;
        }
    sg_rows_put(&e->rows, SG_FIGURE_CAUSAL_RANKS, of, c, spearman(zr, zx, n, a));
    sg_rows_put(&e->rows, SG_FIGURE_CAUSAL_KEPT, of, c, share(kept, top));
    sg_rows_put(&e->rows, SG_FIGURE_CAUSAL_FOUND, of, c, share(found, found_real));
}

sg_status sg_compare_effects(sg_evaluation *e, sg_column c, const sg_side *ref, const sg_side *x, sg_arena *a,
                             sg_err *err)
{
    const int64_t L = ref->all.n_snp;
    for (int k = 1; k < e->d->n_label; k++) {
        if (!ref->by[k].n_people || !x->by[k].n_people || ref->by[k].n_people == ref->all.n_people ||
            x->by[k].n_people == x->all.n_people)
            continue;
        char text[SG_ROW_OF];
        const char *of = sg_label_suffix(e->d, k, text);
        double *keep = k == 1 ? e->beta[c] : NULL, *keep_ref = k == 1 ? e->beta[SG_N_COLUMN] : NULL;
        const size_t mark = sg_arena_mark(a);
        double *real = SG_NEW(a, double, L), *own = SG_NEW(a, double, L);
        sg_table t;
        sg_status st = real && own ? sg_table_new(L, a, &t, err) : sg_arena_full(a, "effect sizes", err);
        for (int64_t v = 0; !st && v < L; v++) {
            const sg_beta r = beta_of(ref, k, v), b = beta_of(x, k, v);
            real[v] = isfinite(r.beta) ? fabs(r.beta / r.se) : -1;
            own[v] = isfinite(b.beta) ? fabs(b.beta / b.se) : -1;
            if (isfinite(r.beta) && isfinite(b.beta))
                sg_table_add(&t, sg_block_of(v, L), sg_block_of(v, L), r.beta, b.beta);
            if (keep)
                keep[v] = b.beta;
            if (keep_ref && c != SG_COLUMN_HALF)
                keep_ref[v] = r.beta;
        }
        if (!st) {
            sg_rows_put(&e->rows, SG_FIGURE_BETA_R, of, c, sg_table_estimate(&t, sg_sums_r, e->o->seed));
            sg_rows_put(&e->rows, SG_FIGURE_BETA_SLOPE, of, c, sg_table_estimate(&t, sg_sums_slope, e->o->seed));
            if (e->o->causal)
                put_causal(e, c, of, real, own, a);
        }
        sg_arena_rewind(a, mark);
        SG_TRY(st);
    }
    return SG_OK;
}
