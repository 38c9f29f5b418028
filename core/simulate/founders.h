/* founders.h - where haplotypes come from; private to core/simulate.
 *
 * Shape, Units: cohort.h.
 * Owner:   the arena.
 * Threads: use run->pool.
 * Not here: effects.
 */
#ifndef SG_SIMULATE_FOUNDERS_H
#define SG_SIMULATE_FOUNDERS_H

#include "simulate/cohort.h"

/* Random streams: people of group g are (g << 50) + number, with step 0 for the person, 1 + 3 l for locus l, 2 + 3 l + h for
 * haplotype h there and UINT32_MAX for missing genotypes; loci are (7 << 50) + l with step 0 genealogy, 1 positions and alleles,
 * 3 + k ancestry k; (7 << 50) with step 2 effects; (6 << 50) + v SNP v of a reference, step = round of phasing. */
#define SG_GROUP_SHIFT 50
#define SG_STREAM_LOCI ((uint64_t)7 << SG_GROUP_SHIFT)
#define SG_STREAM_PHASE ((uint64_t)6 << SG_GROUP_SHIFT)

/* The extended HLA region, where the strong effects of some traits are. */
static inline bool sg_in_hla(int chrom, int64_t pos)
{
    return chrom == 6 && pos >= 29900000 && pos < 33100000;
}

/* Loci, SNPs, haplotypes, frequencies and rate: everything of a population but effects, ancestries and traits. */
sg_status sg_founders_build(const sg_simulate_options *o, const sg_run *run, sg_arena *a, sg_population *p,
                            sg_err *err) SG_MUST_USE;
sg_status sg_founders_read(const sg_simulate_options *o, const sg_run *run, sg_arena *a, sg_population *p,
                           sg_simulate_report *rep, sg_err *err) SG_MUST_USE;

/* n_ancestry populations that drifted from the founders until F_ST is fst: an urn of founders per locus. */
sg_status sg_founders_drift(sg_population *p, int n_ancestry, double fst, sg_arena *a, sg_err *err) SG_MUST_USE;

/* ---- phase (phase.c) ---- */

/* Variant-major haplotypes: row v has 2 n_people bits, padded to n_word words; person i has bits 2 i and 2 i + 1. */
typedef struct sg_phase {
    int64_t n_snp, n_people, n_word;
    uint64_t *row; /* [n_snp, n_word] */
} sg_phase;

/* Which of a heterozygous person's two haplotypes carries A1 is drawn anew, in place, several times from left to right,
 * by what the common SNPs before it say. locus_first [n_locus + 1]: SNPs at which linkage begins afresh. */
sg_status sg_phase_resample(sg_phase *x, const int64_t *locus_first, int64_t n_locus, uint64_t seed, const sg_run *run,
                            sg_arena *a, sg_err *err) SG_MUST_USE;

#endif
