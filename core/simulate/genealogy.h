/* genealogy.h - founder haplotypes of one locus, related by a genealogy that recombination changes along the sequence.
 *
 * Shape:   SG_FOUNDERS haplotypes of n <= 64 SNPs, one 64-bit word each: bit k is 1 when SNP k carries its A1.
 * Units:   positions in base pairs from the start of the locus; time in 2 Ne generations.
 * Owner:   the caller.
 * Threads: pure; one random stream per locus.
 * Not here: people (cohort.h).
 *
 * The sequentially Markov coalescent (McVean and Cardin 2005): a random tree at the left end; recombinations fall at a
 * rate proportional to its total length, and each cuts a branch and lets it join the tree again above the cut. Every
 * SNP is one mutation on a branch of the tree at its position. Linkage disequilibrium, its decay with distance and a
 * frequency spectrum skewed to rare alleles follow from that; none is put in by hand.
 */
#ifndef SG_SIMULATE_GENEALOGY_H
#define SG_SIMULATE_GENEALOGY_H

#include "base/rng.h"

enum { SG_FOUNDERS = 400, SG_LOCUS_SNPS = 64 };

/* Of the human genome, as is usual: 4 Ne r = 4 x 10,000 x 1e-8 per base pair. */
#define SG_RHO_PER_BP 4e-4

/* pos [n] ascending, n <= SG_LOCUS_SNPS. haplotype [SG_FOUNDERS] overwritten. A1 is the rarer allele; its frequency is
 * at least maf_min among the founders. */
void sg_genealogy_founders(const double *pos, int n, double maf_min, sg_rng *r, uint64_t *haplotype);

#endif
