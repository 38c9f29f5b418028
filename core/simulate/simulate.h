/* simulate.h - a cohort with linkage disequilibrium and KNOWN causal effects, as files that PLINK opens.
 *
 * Shape:   P.bed/.bim/.fam, P.pheno (FID IID PHENO, 1 control 2 case), P.sumstats.tsv, P.truth.tsv.
 * Units:   effects in the truth file: standard deviations of liability per copy of A1.
 * Owner:   the caller owns options and report.
 * Threads: uses run->pool; the bytes do not depend on the number of threads.
 * Not here: several ancestries, haplotypes from real data.
 *
 * Summary statistics come from a discovery sample of other people than the cohort, so that choosing SNPs by them is
 * honest.
 */
#ifndef SG_SIMULATE_SIMULATE_H
#define SG_SIMULATE_SIMULATE_H

#include "base/arena.h"
#include "base/run.h"

/* name, prevalence, h2, causal SNPs per 1,000, women only, share of h2 in an HLA-like locus on chromosome 6, words */
#define SG_TRAITS(X)                                                                                                   \
    X(cad, 0.06, 0.40, 50, false, 0.0, "coronary artery disease: many small effects")                                  \
    X(bc, 0.07, 0.30, 40, true, 0.0, "breast cancer: women only")                                                      \
    X(t1d, 0.01, 0.60, 12, false, 0.5, "type 1 diabetes: rare, half of it at an HLA-like locus")                       \
    X(t2d, 0.08, 0.40, 60, false, 0.0, "type 2 diabetes: common, very many small effects")

typedef struct sg_simulate_options {
    const char *out, *trait;
    int64_t people, snps;
    int64_t discovery;  /* people of the discovery study */
    int64_t causal;     /* SNPs with an effect */
    int64_t locus_snps; /* SNPs per locus, 1 to 64; loci are unlinked from each other */
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
} sg_simulate_report;

/* LIMIT (options out of range; says which), CANCELLED, NOMEM, IO. Files are written one by one, each whole. */
sg_status sg_simulate(const sg_simulate_options *o, const sg_run *run, sg_arena *a, sg_simulate_report *rep,
                      sg_err *err) SG_MUST_USE;

#endif
