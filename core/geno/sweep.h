/* sweep.h - one look at all pairs of two groups of people, for everything the release gate asks about pairs.
 *
 * Shape:   row [n_row], col [n_col], same variants, none missing. In the gate rows are real people, columns the cohort.
 * Units:   distances in mismatching genotypes; kinship as kinship.h.
 * Owner:   results in the arena; scratch in it too, rewound before return.
 * Threads: uses run->pool; the same bytes for any number of threads and any processor.
 * Not here: what any of it means (privacy/).
 *
 * A block is SG_BLOCK_SNPS << k neighbouring variants, beginning at a multiple of that: two people share a block when
 * all its genotypes are the same. Kinship is computed for the pairs that can reach the limit, and for no others: with E
 * pairs of one heterozygote and O opposite homozygotes, distance is E + O and KING-robust kinship is
 * 1/2 - (E + 4 O) / (4 m), m the smaller number of heterozygous genotypes; so kinship >= k needs
 * distance <= (2 - 4 k) m, and m is at most the column's own number.
 */
#ifndef SG_GENO_SWEEP_H
#define SG_GENO_SWEEP_H

#include "geno/distance.h"

enum { SG_SWEEP_NEAR = 20, SG_SWEEP_LEVELS = 10 };

typedef struct sg_sweep_options {
    bool not_self;     /* row and col are the same people; nobody is compared with himself */
    int n_near;        /* 0..SG_SWEEP_NEAR nearest columns kept for each row */
    int32_t radius[2]; /* columns at most so far away are counted for each row; -1: none */
    double kinship;    /* pairs from this kinship on are counted; 0: kinship is not computed */
    bool blocks;
    const double *weight; /* [n_variant + 1] or NULL: for each row, the sum over columns of weight[distance] */
    const char *stage;    /* for progress */
} sg_sweep_options;

typedef struct sg_sweep {
    int n_near;
    int32_t *near;      /* [n_row, n_near] distances, ascending; SG_FAR where there are fewer */
    int32_t *near_at;   /* [n_row, n_near] their columns; among equals the smaller first */
    int32_t *within;    /* [n_row, 2] columns within radius[0] and radius[1] */
    uint8_t *row_level; /* [n_row] 0: shares no block; k: a block of SG_BLOCK_SNPS << (k - 1) at most */
    int32_t *row_kin;   /* [n_row] columns that reach the kinship */
    double *row_sum;    /* [n_row] of weights, 0 without them */
    sg_near *col;       /* [n_col] the two nearest rows */
    uint8_t *col_level; /* [n_col] as row_level */
    int32_t *col_kin;   /* [n_col] rows that reach the kinship */
    double *col_most;   /* [n_col] the largest kinship that reaches it, -INFINITY where none does */
} sg_sweep;

/* MISMATCH when the variants differ in number; LIMIT; NOMEM; CANCELLED. */
sg_status sg_sweep_pairs(const sg_people *row, const sg_people *col, const sg_sweep_options *o, const sg_run *run,
                         sg_arena *a, sg_sweep *out, sg_err *err) SG_MUST_USE;

#endif
