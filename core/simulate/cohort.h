/* cohort.h - a population with known causal effects, and people drawn from it.
 *
 * Shape:   L loci of up to 64 SNPs, unlinked from each other; a person is two mosaics of founders at each.
 * Units:   positions in base pairs; effects in standard deviations of liability per copy of A1.
 * Owner:   the arena.
 * Threads: a population is const after sg_population_new; a person depends on (seed, its number) alone.
 * Not here: files (simulate.h), the association study (gwas.h).
 *
 * Liability = genetic value (variance h2) + environment (variance 1 - h2), both around 0; the highest `prevalence` of
 * the population are cases. The threshold is measured on a pilot sample, because few strong effects are not normal.
 */
#ifndef SG_SIMULATE_COHORT_H
#define SG_SIMULATE_COHORT_H

#include "base/run.h"
#include "geno/geno.h"
#include "simulate/simulate.h"

typedef struct sg_locus {
    int chrom, n;        /* chromosome 1-22, SNPs */
    int64_t first;       /* number of its first SNP */
    uint64_t *haplotype; /* [SG_FOUNDERS] */
    uint64_t causal;     /* bits of causal SNPs */
    double p_switch;     /* that a haplotype changes its founder inside the locus */
} sg_locus;

typedef struct sg_population {
    int64_t n_snp, n_locus, n_causal;
    sg_locus *locus;   /* [n_locus] genome order */
    int *chrom;        /* [n_snp] */
    int64_t *pos;      /* [n_snp] */
    char (*allele)[2]; /* [n_snp] A1, A2 */
    double *freq;      /* [n_snp] of A1 among the founders */
    double *effect;    /* [n_snp] 0 for most */
    double mean;       /* of the genetic value before centring */
    double threshold, noise_sd;
    uint64_t seed;
    bool women_only;
} sg_population;

/* NOMEM, CANCELLED, LIMIT. */
sg_status sg_population_new(const sg_simulate_options *o, const sg_run *run, sg_arena *a, sg_population *out,
                            sg_err *err) SG_MUST_USE;

/* People who do not exist twice: each group numbers its own from 0. */
typedef enum sg_group { SG_GROUP_COHORT, SG_GROUP_DISCOVERY, SG_GROUP_PILOT } sg_group;

typedef struct sg_drawn {
    int64_t n;
    uint64_t *number; /* [n] which people of the group were taken, in order */
    int8_t *label;    /* [n] 1 case */
    int8_t *sex;      /* [n] 1 male, 2 female */
    int64_t n_looked; /* people looked at to find them */
} sg_drawn;

/* The first people of a group who fill n_case and n_control. LIMIT when more than 50 million would have to be looked
 * at. */
sg_status sg_population_draw(const sg_population *p, sg_group group, int64_t n_case, int64_t n_control,
                             const sg_run *run, sg_arena *a, sg_drawn *out, sg_err *err) SG_MUST_USE;

/* Their genotypes. people [d.n, n_snp] overwritten. missing: share of genotypes set missing. */
void sg_population_genotypes(const sg_population *p, sg_group group, const sg_drawn *d, double missing,
                             const sg_run *run, sg_people *people);

#endif
