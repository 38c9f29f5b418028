/* snps.h - exact moments of SNPs over people: one at a time, in pairs, in threes.
 *
 * Shape:   sg_snps: a people matrix turned round, one row of bit planes per SNP, one bit per person. L SNPs, n people.
 * Units:   copies of the counted allele; no missing genotypes (asserted).
 * Owner:   the arena.
 * Threads: const after sg_snps_new; sg_snps_correlation uses run->pool and gives the same bytes for any number of
 *          threads, because every sum is a whole number.
 * Not here: sampling noise.
 */
#ifndef SG_STAT_SNPS_H
#define SG_STAT_SNPS_H

#include "base/run.h"
#include "geno/geno.h"

typedef struct sg_snps {
    int64_t n_snp, n_people;
    sg_people plane;     /* row v: SNP v, "variant" s: person s */
    int64_t (*count)[3]; /* [n_snp] people with 0, 1, 2 copies */
} sg_snps;

/* Of the people idx[0..n-1], or of all with idx NULL. NOMEM. */
sg_status sg_snps_new(const sg_people *p, const int64_t *idx, int64_t n, sg_arena *a, sg_snps *out,
                      sg_err *err) SG_MUST_USE;

/* Frequency of the counted allele. NaN without people. */
double sg_snps_freq(const sg_snps *s, int64_t v);

/* 1 - observed / expected heterozygotes; NaN for a SNP that does not vary. */
double sg_snps_fis(const sg_snps *s, int64_t v);

/* People with a copies of SNP i and b of SNP j at t[3 a + b]. */
void sg_snps_pair(const sg_snps *s, int64_t i, int64_t j, int64_t t[9]);

/* Pearson's correlation of copies, all pairs; r [L, L] overwritten, symmetric, 1 on the diagonal; a SNP that does not
 * vary has 0 with all others. CANCELLED. */
sg_status sg_snps_correlation(const sg_snps *s, const sg_run *run, float *r, sg_err *err) SG_MUST_USE;

/* Mean of the product of three standardised SNPs; 0 when one of them does not vary. */
double sg_snps_three(const sg_snps *s, int64_t i, int64_t j, int64_t k);

#endif
