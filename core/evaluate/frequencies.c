/* frequencies.c - one SNP at a time: allele and genotype frequencies, Hardy-Weinberg, F_ST. */
#include "evaluate/inside.h"

#include <math.h>
#include <string.h>

/* Hudson's F_ST as ratio of averages (Bhatia et al., Genome Research 23, 2013, equations 9 and 10): x the denominator,
 * y the numerator. */
static void add_fst(sg_table *t, int block, double p, double q, double n_p, double n_q)
{
    const double top = (p - q) * (p - q) - p * (1 - p) / (n_p - 1) - q * (1 - q) / (n_q - 1);
    sg_table_add(t, block, block, p * (1 - q) + q * (1 - p), top);
}

static void put_alleles(sg_evaluation *e, sg_column c, const char *of, const sg_table *t)
{
    const uint64_t seed = e->o->seed;
    sg_rows_put(&e->rows, SG_FIGURE_AF_R, of, c, sg_table_estimate(t, sg_sums_r, seed));
    sg_rows_put(&e->rows, SG_FIGURE_AF_DRIFT, of, c, sg_table_estimate(t, sg_sums_apart, seed));
    sg_rows_put(&e->rows, SG_FIGURE_AF_DRIFT_MAX, of, c, sg_table_estimate(t, sg_sums_most_apart, seed));
}

sg_status sg_compare_frequencies(sg_evaluation *e, sg_column c, const sg_side *ref, const sg_side *x, sg_arena *a,
                                 sg_err *err)
{
    const int64_t L = ref->all.n_snp;
    const size_t mark = sg_arena_mark(a);
    sg_table alleles, genotypes, fis, fst, label;
    sg_status st = sg_table_new(L, a, &alleles, err);
    if (!st)
        st = sg_table_new(L, a, &genotypes, err);
    if (!st)
        st = sg_table_new(L, a, &fis, err);
    if (!st)
        st = sg_table_new(L, a, &fst, err);
    if (!st)
        st = sg_table_new(L, a, &label, err);
    for (int64_t v = 0; !st && v < L; v++) {
        const int b = sg_block_of(v, L);
        const double p = sg_snps_freq(&ref->all, v), q = sg_snps_freq(&x->all, v);
        sg_table_add(&alleles, b, b, p, q);
        for (int g = 0; g < 3; g++)
            sg_table_add(&genotypes, b, b, (double)ref->all.count[v][g] / (double)ref->all.n_people,
                         (double)x->all.count[v][g] / (double)x->all.n_people);
        const double f = sg_snps_fis(&ref->all, v), g = sg_snps_fis(&x->all, v);
        if (isfinite(f) && isfinite(g))
            sg_table_add(&fis, b, b, f, g);
        add_fst(&fst, b, p, q, 2.0 * (double)ref->all.n_people, 2.0 * (double)x->all.n_people);
    }
    if (!st) {
        const uint64_t seed = e->o->seed;
        put_alleles(e, c, NULL, &alleles);
        sg_rows_put(&e->rows, SG_FIGURE_GENO_R, NULL, c, sg_table_estimate(&genotypes, sg_sums_r, seed));
        sg_rows_put(&e->rows, SG_FIGURE_FIS_SHIFT, NULL, c, sg_table_estimate(&fis, sg_sums_shift, seed));
        sg_rows_put(&e->rows, SG_FIGURE_FIS_APART, NULL, c, sg_table_estimate(&fis, sg_sums_apart, seed));
        sg_rows_put(&e->rows, SG_FIGURE_FST, NULL, c, sg_table_estimate(&fst, sg_sums_ratio, seed));
    }
    for (int k = 0; !st && k < e->d->n_label; k++) {
        if (!ref->by[k].n_people || !x->by[k].n_people)
            continue;
        memset(label.at, 0, (size_t)(label.n * label.n) * sizeof *label.at);
        for (int64_t v = 0; v < L; v++) {
            const double p = sg_snps_freq(&ref->by[k], v), q = sg_snps_freq(&x->by[k], v);
            sg_table_add(&label, sg_block_of(v, L), sg_block_of(v, L), p, q);
        }
        put_alleles(e, c, e->d->label_name[k], &label);
    }
    sg_arena_rewind(a, mark);
    return st;
}
