/* inside.h - what the files of core/evaluate share. Private to the folder and its tests.
 *
 * Shape:   a side is a cohort with what all comparisons need of it; L SNPs.
 * Units:   -
 * Owner:   the arena of one sg_evaluate call.
 * Threads: one call, one thread; inner loops use run->pool.
 * Not here: -
 */
#ifndef SG_EVALUATE_INSIDE_H
#define SG_EVALUATE_INSIDE_H

#include "evaluate/figures.h"
#include "stat/pca.h"

typedef struct sg_side {
    sg_people people;
    const int8_t *label; /* [n] */
    sg_snps all, by[SG_LABEL_MAX];
    float *r; /* [L, L] correlations */
} sg_side;

/* NOMEM, CANCELLED. */
sg_status sg_side_new(const sg_people *p, const int8_t *label, int n_label, const sg_run *run, sg_arena *a,
                      sg_side *out, sg_err *err) SG_MUST_USE;

enum { SG_COMPONENTS = 10, SG_DECAY_BINS = 12 };

/* Upper ends of the bins of distance, base pairs. */
extern const int64_t sg_decay_bp[SG_DECAY_BINS];

/* Mean r2 by distance. NaN: no pairs. */
typedef struct sg_decay {
    double mean[SG_N_COLUMN + 1][SG_DECAY_BINS]; /* mean r2; the last row is the training people's */
    double n[SG_DECAY_BINS];                     /* pairs */
} sg_decay;

struct sg_evaluation {
    const sg_evaluate_options *o;
    const sg_dataset *d;
    int64_t n_column[SG_N_COLUMN]; /* people */
    sg_rows rows;
    sg_decay decay;
    char *verdict_json;
};

/* One reference side, prepared once for all columns compared with it. */
typedef struct sg_against {
    const sg_side *side;
    sg_pca pca;
    double *score; /* [n, SG_COMPONENTS] */
} sg_against;

/* Comparisons: each puts its figures of column c. NOMEM, CANCELLED. */
sg_status sg_compare_frequencies(sg_evaluation *e, sg_column c, const sg_side *ref, const sg_side *x, sg_arena *a,
                                 sg_err *err) SG_MUST_USE;
sg_status sg_compare_linkage(sg_evaluation *e, sg_column c, const sg_side *ref, const sg_side *x, const sg_run *run,
                             sg_arena *a, sg_err *err) SG_MUST_USE;
sg_status sg_compare_pca(sg_evaluation *e, sg_column c, const sg_against *ref, const sg_side *x, const sg_run *run,
                         sg_arena *a, sg_err *err) SG_MUST_USE;
sg_status sg_compare_people(sg_evaluation *e, sg_column c, const sg_side *ref, const sg_side *x, const sg_run *run,
                            sg_arena *a, sg_err *err) SG_MUST_USE;

/* n of 0..total-1 chosen at random, in ascending order. idx [n]; scratch from the arena. NULL when full. */
int64_t *sg_choose_some(int64_t total, int64_t n, uint64_t seed, uint32_t step, sg_arena *a);

#endif
