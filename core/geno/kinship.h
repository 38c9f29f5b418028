/* kinship.h - how closely two people are related, from their genotypes alone.
 *
 * Shape:   query [n_q], ref [n_r] of the same variants, none missing (but for the functions that say so).
 * Units:   kinship: 0.5 the same person, 0.25 parent and child, 0 strangers; below 0 people of different populations.
 * Owner:   the caller's arrays; scratch from the arena, rewound before return.
 * Threads: uses run->pool; the same bytes for any number of threads.
 * Not here: who counts as related (panel/, privacy/).
 * Source:  KING-robust, Manichaikul et al., Bioinformatics 26 (2010), equation 11.
 */
#ifndef SG_GENO_KINSHIP_H
#define SG_GENO_KINSHIP_H

#include "base/run.h"
#include "geno/geno.h"

/* Half a step below first, second, third degree: 2^-2.5, 2^-3.5, 2^-4.5. */
#define SG_KIN_FIRST 0.17677669529663687
#define SG_KIN_SECOND 0.088388347648318447
#define SG_KIN_THIRD 0.044194173824159223

/* NaN when one of the two has no heterozygous genotype. */
double sg_kinship(const sg_people *a, int64_t i, const sg_people *b, int64_t j);

/* Variants at which one person has no copy and the other two; x, y: plane lo then plane hi. */
int64_t sg_opposite(const uint64_t *x, const uint64_t *y, int64_t n_word);

/* For every query row: `most` [n_q] kinship with its closest ref row (-INFINITY without one) and `n_close` [n_q] how
 * many ref rows reach `limit`; both overwritten. not_self: query and ref are the same people. Every pair is looked at.
 * MISMATCH when the variants differ in number; NOMEM; CANCELLED. */
sg_status sg_kinship_closest(const sg_people *query, const sg_people *ref, double limit, bool not_self,
                             const sg_run *run, sg_arena *a, double *most, int64_t *n_close, sg_err *err) SG_MUST_USE;

/* The same of two people with missing genotypes, over the variants called in both: what plink2 --make-king-table prints. NaN
 * when no variant is heterozygous in one of the two. */
double sg_kinship_called(const sg_people *p, int64_t i, int64_t j);

typedef struct sg_kin_pair {
    int64_t i, j; /* i < j */
    double kinship;
} sg_kin_pair;

/* Every pair of p at or above limit, in order of i, then j. *pair in the arena. LIMIT when there are more than max. NOMEM,
 * CANCELLED. All n (n - 1) / 2 pairs are looked at. */
sg_status sg_kinship_pairs(const sg_people *p, double limit, int64_t max, const sg_run *run, sg_arena *a,
                           sg_kin_pair **pair, int64_t *n_pair, sg_err *err) SG_MUST_USE;

/* Median of kinship among n_draw pairs drawn by lot, and its spread: 1.4826 times the median of those above 0. Strangers of
 * one population lie around 0 and outnumber relatives; those of different populations lie far below and say nothing
 * about how exact the measure is. Fewer than 30 above 0: 1.4826 times the median distance from the median. */
sg_status sg_kinship_spread(const sg_people *p, int64_t n_draw, uint64_t seed, sg_arena *a, double *median, double *sd,
                            sg_err *err) SG_MUST_USE;

#endif
