/* simulate.h - a cohort with linkage disequilibrium and KNOWN causal effects, as files that PLINK opens.
 *
 * Shape:   P.bed/.bim/.fam, P.pheno (FID IID PHENO, 1 control 2 case), P.covar (FID IID SEX AGE [ANCESTRY PC1...]),
 *          P.sumstats.tsv, P.truth.tsv, and P.pairs.tsv when there are interactions.
 * Units:   effects in the truth files: standard deviations of liability per copy of A1.
 * Owner:   the caller owns options and report.
 * Threads: uses run->pool; the bytes do not depend on the number of threads.
 * Not here: admixed people, chromosomes but autosomes.
 *
 * Summary statistics come from a discovery sample of other people than the cohort, so that choosing SNPs by them is
 * honest. People stream: neither study sits in memory.
 */
#ifndef SG_SIMULATE_SIMULATE_H
#define SG_SIMULATE_SIMULATE_H

#include "base/arena.h"
#include "base/run.h"

/* name, prevalence, h2, causal SNPs per 1,000, women only, share of h2 in an HLA-like locus on chromosome 6, words.
 * h2 is not a disease's whole heritability but what its simulated SNPs hold, set so that a score of the best 1,024 of
 * 20,000 SNPs by a study of 100,000 people tells cases from controls as well as published ones do: an area under the ROC
 * curve of 0.60 to 0.67 (tests/roundtrip/presets.sh measures it). */
#define SG_TRAITS(X)                                                                                                   \
    X(cad, 0.06, 0.055, 50, false, 0.0, "coronary artery disease: many small effects")                                  \
    X(bc, 0.07, 0.065, 40, true, 0.0, "breast cancer: women only")                                                     \
    X(t1d, 0.01, 0.043, 12, false, 0.5, "type 1 diabetes: rare, half of it at an HLA-like locus")                       \
    X(t2d, 0.08, 0.09, 60, false, 0.0, "type 2 diabetes: common, very many small effects")

/* How effects are spread before rarer alleles get larger ones. */
#define SG_EFFECT_SHAPES(X)                                                                                            \
    X(normal)      /* most small */                                                                                    \
    X(exponential) /* many small, some large; sign at random */                                                        \
    X(equal)       /* all the same size; sign at random */
typedef enum sg_effect_shape {
#define X(name) SG_EFFECT_##name,
    SG_EFFECT_SHAPES(X)
#undef X
} sg_effect_shape;

/* LIMIT: no such word (lists them). */
sg_status sg_effect_shape_parse(const char *text, sg_effect_shape *out, sg_err *err) SG_MUST_USE;

enum { SG_ANCESTRIES_MAX = 16, SG_PAIRS_MAX = 1000 };

typedef struct sg_simulate_options {
    const char *out, *trait;
    int64_t people;
    int64_t snps;        /* with from: 0 all of it */
    int64_t discovery;   /* people of the discovery study */
    int64_t causal;      /* SNPs with an effect */
    int64_t locus_snps;  /* built-in founders: SNPs per locus, 1 to 64; loci are unlinked from each other */
    const char *from;    /* founders: prefix of a PLINK fileset ("{}" for chromosomes) or a VCF or BCF; NULL built in */
    double maf;          /* SNPs of from whose rarer allele is rarer are left out */
    double switches;     /* founders change this often per centimorgan; NaN: 400 / founders (4 Ne r, Ne 10,000) */
    const char *effects; /* a table of effects, scaled together to h2; NULL: drawn */
    sg_effect_shape shape;
    double selection;       /* effects go with (2 p (1 - p)) to this power; -0.25: rarer alleles have larger ones */
    int64_t ancestries;     /* built-in founders: populations that drifted apart, as many people of each */
    double fst;             /* between each of them and the population they come from */
    int64_t pairs;          /* of causal SNPs at different loci that act beyond the sum of both */
    double pairs_share;     /* of h2 that is theirs */
    double sex_effect;      /* liability of men above women's, in standard deviations; none for women_only */
    double age_effect;      /* per standard deviation of age */
    double ancestry_effect; /* per standard deviation of the first axis */
    double prevalence, h2, hla_share;
    double case_fraction;           /* of the cohort */
    double discovery_case_fraction; /* of the discovery study */
    double missing;                 /* share of genotypes */
    bool women_only;
    uint64_t seed;
} sg_simulate_options;

/* Everything but out, for a trait and numbers of people and SNPs. NOT_FOUND: no such trait (lists them). */
sg_status sg_simulate_preset(const char *trait, int64_t people, int64_t snps, sg_simulate_options *o,
                             sg_err *err) SG_MUST_USE;

typedef struct sg_simulate_report {
    int64_t n_people, n_case, n_snp, n_causal, n_discovery, n_discovery_case;
    int64_t n_looked; /* people of the population looked at for the cohort */
    int64_t n_hits;   /* SNPs of the discovery study with p < 5e-8 */
    /* with from */
    int64_t n_founder, n_rare, n_other_chrom; /* haplotypes; SNPs left out as rare, as not on an autosome */
    int64_t n_filled;                         /* missing genotypes of the reference that were drawn */
    bool phased;                              /* by the file; else by us */
    /* with effects */
    int64_t n_effects, n_effects_absent, n_effects_other; /* used; SNPs not there; with other alleles */
    double h2_seen;                                       /* share of genes in the liability of the pilot sample */
} sg_simulate_report;

/* LIMIT (options out of range; says which), MISMATCH (no effect fits the SNPs), CANCELLED, NOMEM, IO, and what reading
 * `from` and `effects` may return. Files are written one by one, each whole. */
sg_status sg_simulate(const sg_simulate_options *o, const sg_run *run, sg_arena *a, sg_simulate_report *rep,
                      sg_err *err) SG_MUST_USE;

#endif
