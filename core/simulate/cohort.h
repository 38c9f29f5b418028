/* cohort.h - a population with known causal effects, and people drawn from it.
 *
 * Shape:   L loci, unlinked from each other; a person is two mosaics of founders at each. Built-in founders: loci of up
 *          to 64 SNPs; founders from files: a locus is a chromosome. Haplotypes are cut in words of 64 SNPs that never
 *          cross a locus: word w of founder f is haplotype[w * n_founder + f], bit k its k-th SNP, 1 for A1.
 * Units:   positions in base pairs and centimorgans; effects in standard deviations of liability per copy of A1.
 * Owner:   the arena.
 * Threads: a population is const after sg_population_new; a person depends on (seed, its number) alone.
 * Not here: files (simulate.h), the association study (gwas.h).
 *
 * Liability = genes (variance h2) + covariates + environment (the rest of 1), around 0; the highest `prevalence` of the
 * population are cases. The threshold is measured on a pilot sample, because few strong effects are not normal.
 */
#ifndef SG_SIMULATE_COHORT_H
#define SG_SIMULATE_COHORT_H

#include "base/run.h"
#include "formats/plink.h"
#include "geno/geno.h"
#include "simulate/simulate.h"

enum { SG_URN = 512 };

typedef struct sg_locus {
    int chrom;            /* 1-22 */
    int64_t first, n;     /* SNPs */
    int64_t word, n_word; /* words */
    int64_t n_causal;     /* words up to the last with a causal SNP; 0: none */
    double p_switch;      /* that a haplotype changes its founder inside the locus */
} sg_locus;

/* Two SNPs at different loci whose centred copies are multiplied. */
typedef struct sg_pair {
    int64_t snp[2];
    int32_t at[2]; /* their places in the list of paired SNPs */
    double effect;
} sg_pair;

typedef struct sg_population {
    int64_t n_snp, n_locus, n_word, n_founder, n_causal;
    sg_locus *locus;     /* [n_locus] genome order */
    sg_bim bim;          /* [n_snp] */
    double *cm;          /* [n_snp] rising inside a locus */
    double *freq;        /* [n_snp] of A1 among the founders */
    double *effect;      /* [n_snp] 0 for most */
    uint64_t *haplotype; /* [n_word, n_founder] */
    uint64_t *causal;    /* [n_word] bits of causal SNPs */
    double *value;       /* [words with a causal SNP, n_founder] sum of effects */
    int64_t *value_at;   /* [n_word] row of value, -1 none */
    double rate;         /* changes of founder per cM */

    int64_t n_pair, n_paired;
    sg_pair *pair;       /* [n_pair] */
    int64_t *paired;     /* [n_paired] ascending */
    uint64_t *pair_bits; /* [n_word] */

    int n_ancestry;
    uint16_t *urn; /* [n_locus, n_ancestry, SG_URN] founders as often as an ancestry has them; NULL: one ancestry */

    double sex_effect, age_effect, ancestry_effect;
    double mean; /* of the genetic value before centring */
    double threshold, noise_sd, h2_seen;
    uint64_t seed;
    bool women_only;
} sg_population;

/* NOMEM, CANCELLED, LIMIT, MISMATCH, and what reading files may return. rep: what it tells of reference and effects. */
sg_status sg_population_new(const sg_simulate_options *o, const sg_run *run, sg_arena *a, sg_population *out,
                            sg_simulate_report *rep, sg_err *err) SG_MUST_USE;

/* People who do not exist twice: each group numbers its own from 0. */
typedef enum sg_group { SG_GROUP_COHORT, SG_GROUP_DISCOVERY, SG_GROUP_PILOT } sg_group;

typedef struct sg_person {
    uint64_t number;      /* of its group */
    int8_t label;         /* 1 case */
    int8_t sex;           /* 1 male, 2 female */
    int8_t age, ancestry; /* whole years 40-69; from 0 */
} sg_person;

typedef struct sg_drawn {
    int64_t n;
    sg_person *person; /* [n] in the order of their numbers */
    int64_t n_looked;  /* people looked at to find them */
} sg_drawn;

/* The first people of a group who fill n_case and n_control. LIMIT when more than 50 million would have to be looked
 * at. */
sg_status sg_population_draw(const sg_population *p, sg_group group, int64_t n_case, int64_t n_control,
                             const sg_run *run, sg_arena *a, sg_drawn *out, sg_err *err) SG_MUST_USE;

/* Genotypes of people first .. first + people.n_sample - 1 of d. people [., n_snp] overwritten. missing: share of
 * genotypes set missing. */
void sg_population_genotypes(const sg_population *p, sg_group group, const sg_drawn *d, int64_t first, double missing,
                             const sg_run *run, sg_people *people);

/* Axis k (from 0, of n_ancestry - 1) of the true ancestry, mean 0 and variance 1 over equally many of each. */
double sg_ancestry_axis(int n_ancestry, int ancestry, int k);

#endif
