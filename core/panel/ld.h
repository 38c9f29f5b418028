/* ld.h - linkage disequilibrium between two variants of unphased people, as PLINK's --clump computes it.
 *
 * Shape:   counts n [3][3]: people with i copies of the one and j copies of the other; anybody with a missing genotype in
 *          either is not counted. Rows of genotypes as in geno.h, SG_ROW_WORDS words.
 * Units:   r2 from 0 to 1, of haplotypes.
 * Owner:   -
 * Threads: pure.
 * Not here: which pairs (clump.h); correlations of allele counts (core/stat).
 * Source:  maximum-likelihood haplotype frequencies of two diallelic loci: the stationary points of the likelihood are the
 *          roots of a cubic (Hill 1974; Gaunt et al. 2007).
 */
#ifndef SG_PANEL_LD_H
#define SG_PANEL_LD_H

#include <stdint.h>

/* n overwritten. mask: bit 2 (s % 32) of word s / 32 set for the people to count. */
void sg_ld_count(const uint64_t *x, const uint64_t *y, const uint64_t *mask, int64_t n_word, int64_t n[3][3]);

/* NaN when one of the two does not vary among the people counted. */
double sg_ld_r2(const int64_t n[3][3]);

#endif
