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

#include "base/file.h"
#include "baseline/baseline.h"
#include "evaluate/figures.h"
#include "stat/pca.h"

typedef struct sg_cohort {
    sg_people people;
    int8_t *label; /* [n] */
} sg_cohort;

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

/* What a score is trained on. name, word, words */
#define SG_SCHEMES(X)                                                                                                  \
    X(MATCHED, "matched", "labels as frequent as among the training people")                                           \
    X(BALANCED, "balanced", "all labels alike")                                                                        \
    X(AUGMENTED, "augmented", "the training people and the matched cohort together")
typedef enum sg_scheme {
#define X(name, word, words) SG_SCHEME_##name,
    SG_SCHEMES(X)
#undef X
        SG_N_SCHEME
} sg_scheme;
const char *sg_scheme_name(sg_scheme s);
const char *sg_scheme_words(sg_scheme s);

/* What the plots of the HTML report show, kept while the cohorts are at hand. Nothing of it is about one real person:
 * pictures.c says why. */
enum { SG_MAP_MAX = 128, SG_ZOOM_MAX = 96, SG_NEAR_BINS = 60, SG_HEX_MAX = 1200, SG_HEX_LEAST = 20 };
typedef struct sg_cell {
    double x, y;      /* centre, in units of the components */
    double real, syn; /* share of the people inside; 0 when fewer than SG_HEX_LEAST */
} sg_cell;
typedef struct sg_cloud {
    double x0, x1, y0, y1, r; /* frame and radius of a hexagon */
    int n;
    sg_cell *hex;
    double shown_real, shown_syn; /* shares of all people that lie in drawn hexagons */
} sg_cloud;
typedef struct sg_nearby {
    double edge[SG_NEAR_BINS + 1];
    int64_t count[2][SG_NEAR_BINS]; /* synthetic people; real ones, bins of fewer than SG_HEX_LEAST emptied */
    int64_t n[2];
} sg_nearby;
typedef struct sg_pictures {
    double *freq[2]; /* [L] allele frequencies: training people, cohort */
    int64_t n_map, n_zoom, zoom_from;
    float *map[2],
        *zoom[2];       /* [n_map, n_map] mean r2 of groups of neighbours; [n_zoom, n_zoom] r2 from SNP zoom_from on */
    sg_cloud cloud[2];  /* components 1 and 2; 3 and 4 */
    sg_nearby to_train; /* distance to the nearest training person: cohort, held out */
    sg_nearby among;    /* to the nearest other person: within the cohort, within as many training people */
} sg_pictures;

/* A figure in which a baseline does better than the synthetic cohort. */
typedef struct sg_win {
    const sg_row *row;
    sg_column by;
    bool clear;   /* their intervals do not touch */
    bool trivial; /* the cohort is as near to real people as real people are to each other */
} sg_win;

enum { SG_CURVE = 101, SG_NOTE_MAX = 64, SG_NOTE = 240 };

struct sg_evaluation {
    const sg_evaluate_options *o;
    const sg_dataset *d;
    int64_t n_column[SG_N_COLUMN]; /* people */
    sg_rows rows;
    sg_decay decay;
    char *verdict_json;
    char *baseline_verdict[SG_N_COLUMN];     /* the gate on baselines; NULL: not judged */
    double *curve[SG_N_METHOD][SG_N_COLUMN]; /* [SG_CURVE] ROC curves of label 1, matched; NULL: none */
    double *beta[SG_N_COLUMN + 1];           /* [L] log odds of label 1; the last is the training people's */
    int64_t n_test[2];                       /* controls and cases (label 1) scored */
    sg_pictures pictures;
    sg_win *win;                      /* where a baseline is nearer to real people; the clearest first */
    int n_win, n_judged[SG_N_COLUMN]; /* figures in which the baseline could be compared with the cohort */
    char note[SG_NOTE_MAX][SG_NOTE];  /* what could not be measured, and why */
    int n_note;
};

/* A sentence for the report. */
void sg_evaluation_note(sg_evaluation *e, const char *fmt, ...) SG_PRINTF(2, 3);

/* " vs NAME" of a label when there are more than two, "" otherwise; text is overwritten. */
const char *sg_label_suffix(const sg_dataset *d, int label, char text[SG_ROW_OF]);

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

sg_status sg_compare_effects(sg_evaluation *e, sg_column c, const sg_side *ref, const sg_side *x, sg_arena *a,
                             sg_err *err) SG_MUST_USE;

/* Train scores on each column's cohorts, use them on the same real test people. of[c][s].people.n_sample 0: no such
 * cohort; other_half: the second half of TRAIN, beside which of[HALF] is the first. */
sg_status sg_compare_utility(sg_evaluation *e, const sg_cohort of[SG_N_COLUMN][SG_N_SCHEME],
                             const sg_cohort *other_half, const sg_cohort *test, const sg_run *run, sg_arena *a,
                             sg_err *err) SG_MUST_USE;

/* Area of the GWAS-weighted score among the people of x themselves; nothing without published effects. */
sg_status sg_compare_within(sg_evaluation *e, sg_column c, const sg_people *people, const int8_t *label, sg_arena *a,
                            sg_err *err) SG_MUST_USE;

/* Fills e->pictures from the training people, the matched synthetic cohort and the held-out people. NOMEM, CANCELLED. */
sg_status sg_take_pictures(sg_evaluation *e, const sg_against *ref, const sg_side *syn, const sg_people *held,
                           const sg_run *run, sg_arena *a, sg_err *err) SG_MUST_USE;

/* Is the synthetic cohort as near to the training people as other real people are? */
bool sg_row_at_floor(const sg_row *r);

/* Fills e->win. NOMEM. */
sg_status sg_find_wins(sg_evaluation *e, sg_arena *a, sg_err *err) SG_MUST_USE;

/* Both in words, one line without its end: a win; what the wins of one baseline come to. LIMIT, NOMEM. */
sg_status sg_win_words(const sg_win *w, sg_buf *b, sg_err *err) SG_MUST_USE;
sg_status sg_baseline_summary(const sg_evaluation *e, sg_column c, sg_buf *b, sg_err *err) SG_MUST_USE;

/* n of 0..total-1 chosen at random, in ascending order. idx [n]; scratch from the arena. NULL when full. */
int64_t *sg_choose_some(int64_t total, int64_t n, uint64_t seed, uint32_t step, sg_arena *a);

#endif
