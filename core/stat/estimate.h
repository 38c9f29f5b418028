/* estimate.h - a number with its 95 % interval, and the sums that most figures of two genotype samples are made of.
 *
 * Shape:   a table holds sums of (x, y) by the blocks of SNPs that a point belongs to, [n, n] with first <= second; a
 *          point of one SNP lies on the diagonal.
 * Units:   those of x and y.
 * Owner:   the arena.
 * Threads: pure; a table is written by one thread.
 * Not here: what x and y are (evaluate/).
 *
 * Intervals: bootstrap over blocks of neighbouring SNPs (people are kept): how much the figure depends on which SNPs
 * happened to be chosen. Pairs within a block count as often as the block is drawn, pairs between two blocks as often
 * as the product. Resample k draws the same blocks in every table of the same size, whatever it holds.
 */
#ifndef SG_STAT_ESTIMATE_H
#define SG_STAT_ESTIMATE_H

#include "base/arena.h"

typedef struct sg_estimate {
    double value, lo, hi; /* NaN where there is none */
} sg_estimate;

typedef struct sg_sums {
    double n, x, y, xx, yy, xy;
    double apart, most_apart; /* sum and maximum of |y - x| */
} sg_sums;

void sg_sums_add(sg_sums *s, double x, double y);

/* Figures of sums; NaN where there is no answer (no points, no spread). */
typedef double sg_figure_fn(const sg_sums *s);
sg_figure_fn sg_sums_r;          /* Pearson's correlation */
sg_figure_fn sg_sums_slope;      /* of y = slope x, least squares through the origin */
sg_figure_fn sg_sums_shift;      /* mean of y - x */
sg_figure_fn sg_sums_apart;      /* mean of |y - x| */
sg_figure_fn sg_sums_most_apart; /* maximum of |y - x| */
sg_figure_fn sg_sums_ratio;      /* sum of y over sum of x */
sg_figure_fn sg_sums_distance;   /* sqrt(sum (y - x)^2 / sum x^2): relative Frobenius distance */

enum { SG_BLOCK_MAX = 40, SG_RESAMPLES = 500 };

/* Block of SNP v when n_snp of them are cut into sg_block_count blocks of equal size. */
int sg_block_count(int64_t n_snp);
int sg_block_of(int64_t v, int64_t n_snp);

typedef struct sg_table {
    int n;
    sg_sums *at; /* [n, n] */
} sg_table;

sg_status sg_table_new(int64_t n_snp, sg_arena *a, sg_table *out, sg_err *err) SG_MUST_USE;
void sg_table_add(sg_table *t, int first, int second, double x, double y);
sg_estimate sg_table_estimate(const sg_table *t, sg_figure_fn *f, uint64_t seed);

/* How often each of n blocks is drawn in resample k (n draws with replacement). times [n], overwritten. */
void sg_block_draw(uint64_t seed, int k, int n, double *times);

/* From resampled values, NaN ones left out: 2.5 and 97.5 % quantiles around the value. x [n] is sorted. Fewer than half
 * of them numbers: no interval. */
sg_estimate sg_estimate_from(double value, double *x, int64_t n);

/* value +- 1.96 se */
sg_estimate sg_estimate_normal(double value, double se);

#endif
