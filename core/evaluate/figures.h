/* figures.h - what is measured and for whom: the two lists that the report is made of. Private to core/evaluate and its
 * tests.
 *
 * Shape:   rows (a figure, and of what: a label, a method) by columns (a cohort).
 * Units:   in the list of figures.
 * Owner:   the arena of one sg_evaluate call.
 * Threads: one call, one thread.
 * Not here: how a figure is computed.
 */
#ifndef SG_EVALUATE_FIGURES_H
#define SG_EVALUATE_FIGURES_H

#include "evaluate/evaluate.h"
#include "stat/estimate.h"

/* Who is compared with the TRAIN people. */
#define SG_COLUMNS(X)                                                                                                  \
    X(SYNTHETIC, "synthetic", "the synthetic cohort, labels as frequent as among the training people")                 \
    X(REAL, "real", "the training people themselves")                                                                  \
    X(HELD_OUT, "held_out", "real people the model never saw (validation and test): the noise floor")                  \
    X(HALF, "half", "one half of the training people against the other: the noise floor")                              \
    X(INDEPENDENT, "independent", "baseline: independent SNPs with the training people's frequencies by label")        \
    X(RESAMPLED, "resampled", "baseline: training people drawn with replacement (no privacy at all)")                  \
    X(MARKOV, "markov", "baseline: a first-order Markov chain along the panel, one per label")                         \
    X(CHOW_LIU, "chow_liu", "baseline: a Chow-Liu tree, one per label")
typedef enum sg_column {
#define X(name, word, what) SG_COLUMN_##name,
    SG_COLUMNS(X)
#undef X
        SG_N_COLUMN
} sg_column;
const char *sg_column_name(sg_column c);
const char *sg_column_words(sg_column c);

#define SG_GROUPS(X) X(FIDELITY, "fidelity") X(UTILITY, "utility") X(EFFECTS, "effects")
typedef enum sg_figure_group {
#define X(name, word) SG_GROUP_OF_##name,
    SG_GROUPS(X)
#undef X
} sg_figure_group;
const char *sg_figure_group_name(sg_figure_group g);

/* name, word, group, ideal value, words. AS_HELD: as among people the model never saw; AS_REAL: as among the training
 * people; MOST: the more the better. */
#define SG_AS_HELD (-1e30)
#define SG_AS_REAL (-2e30)
#define SG_MOST 1e30
#define SG_FIGURES(X)                                                                                                  \
    X(AF_R, "af_r", FIDELITY, 1, "allele frequencies: correlation over SNPs")                                          \
    X(AF_DRIFT, "af_mean_drift", FIDELITY, 0, "allele frequencies: mean absolute difference")                          \
    X(AF_DRIFT_MAX, "af_max_drift", FIDELITY, 0, "allele frequencies: largest absolute difference")                    \
    X(GENO_R, "genotype_r", FIDELITY, 1, "frequencies of 0, 1, 2 copies: correlation")                                 \
    X(FIS_SHIFT, "fis_shift", FIDELITY, 0, "F_IS (departure from Hardy-Weinberg): mean difference")                    \
    X(FIS_APART, "fis_apart", FIDELITY, 0, "F_IS: mean absolute difference")                                           \
    X(FST, "fst", FIDELITY, 0, "F_ST (Hudson) between the cohort and the training people")                             \
    X(LD_R_ALL, "ld_r2_r_all", FIDELITY, 1, "linkage r2, all pairs of SNPs: correlation")                              \
    X(LD_SLOPE_ALL, "ld_r2_slope_all", FIDELITY, 1, "linkage r2, all pairs: slope through the origin")                 \
    X(LD_R_NEAR, "ld_r2_r_1mb", FIDELITY, 1, "linkage r2, pairs within 1 Mb: correlation")                             \
    X(LD_SLOPE_NEAR, "ld_r2_slope_1mb", FIDELITY, 1, "linkage r2, pairs within 1 Mb: slope through the origin")        \
    X(LD_R_LINKED, "ld_r2_r_linked", FIDELITY, 1, "linkage r2, pairs with real r2 > 0.05: correlation")                \
    X(LD_SLOPE_LINKED, "ld_r2_slope_linked", FIDELITY, 1, "linkage r2, pairs with real r2 > 0.05: slope")              \
    X(LD_DECAY, "ld_decay_rmse", FIDELITY, 0, "mean r2 by distance up to 1 Mb: root mean square difference")           \
    X(CORR_R, "correlation_matrix_r", FIDELITY, 1, "signed correlations of all pairs: correlation")                    \
    X(CORR_SLOPE, "correlation_matrix_slope", FIDELITY, 1, "signed correlations of all pairs: slope")                  \
    X(CORR_APART, "correlation_matrix_distance", FIDELITY, 0, "correlation matrix: relative Frobenius distance")       \
    X(THREE_R, "three_snp_r", FIDELITY, 1, "three-SNP correlations of neighbours: correlation")                        \
    X(THREE_SLOPE, "three_snp_slope", FIDELITY, 1, "three-SNP correlations of neighbours: slope")                      \
    X(PCA_DISTANCE, "pca_sliced_wasserstein", FIDELITY, 0,                                                             \
      "distance of the clouds in 10 components of the real people")                                                    \
    X(KIN_AMONG, "kin_among", FIDELITY, SG_AS_HELD, "share with a first-degree relative (KING) in their own cohort")   \
    X(KIN_TO_REAL, "kin_to_real", FIDELITY, SG_AS_HELD, "share with a first-degree relative among training people")    \
    X(KIN_CLOSEST, "kin_closest_mean", FIDELITY, SG_AS_HELD, "mean kinship with the closest training person")          \
    X(NNAA, "nn_adversarial_accuracy", FIDELITY, 0.5, "nearest-neighbour adversarial accuracy, ties count half")       \
    X(PRECISION, "knn_precision", FIDELITY, SG_AS_HELD, "share inside a training person's 5-neighbour ball")           \
    X(RECALL, "knn_recall", FIDELITY, SG_AS_HELD, "share of training people inside the cohort's 5-neighbour balls")    \
    X(AUC, "auc", UTILITY, SG_MOST,                                                                                    \
      "area under the ROC curve on the real test people of a score trained on the cohort")                             \
    X(AUC_GAP, "auc_minus_real", UTILITY, SG_MOST, "that area less the area when trained on the real training people") \
    X(AUC_WITHIN, "gwas_prs_auc_within", UTILITY, SG_AS_REAL,                                                          \
      "area of the GWAS-weighted score among the cohort's own people")                                                 \
    X(BETA_R, "beta_r", EFFECTS, 1, "effect sizes (log odds per copy, one SNP at a time): correlation with real ones") \
    X(BETA_SLOPE, "beta_slope", EFFECTS, 1, "effect sizes: slope through the origin against real ones")                \
    X(CAUSAL_RANKS, "causal_rank_spearman", EFFECTS, 1,                                                                \
      "ranks of the causal SNPs in the two GWAS: Spearman correlation")                                                \
    X(CAUSAL_KEPT, "causal_top10_kept", EFFECTS, 1,                                                                    \
      "share of the ten causal SNPs with the best real ranks that stay among the ten")                                 \
    X(CAUSAL_FOUND, "causal_top10_found", EFFECTS, 1,                                                                  \
      "share of those ten found in the real GWAS (p < 0.05 / SNPs) that are found in the cohort's")
typedef enum sg_figure {
#define X(name, word, group, ideal, words) SG_FIGURE_##name,
    SG_FIGURES(X)
#undef X
        SG_N_FIGURE
} sg_figure;
const char *sg_figure_name(sg_figure f);
const char *sg_figure_words(sg_figure f);
sg_figure_group sg_figure_group_of(sg_figure f);

enum { SG_ROW_MAX = 768, SG_ROW_OF = 120 };

typedef struct sg_row {
    sg_figure figure;
    char of[SG_ROW_OF]; /* a label, "" for everybody */
    sg_estimate at[SG_N_COLUMN];
    bool has[SG_N_COLUMN];
    sg_estimate ahead[SG_N_COLUMN]; /* areas: a baseline's less the synthetic cohort's, paired on the same people */
    bool paired[SG_N_COLUMN];       /* ahead is given */
} sg_row;

typedef struct sg_rows {
    sg_row *row; /* [SG_ROW_MAX] */
    int n;
} sg_rows;

/* Puts a value in its row, which is made when new. `of` may be NULL. */
void sg_rows_put(sg_rows *rows, sg_figure f, const char *of, sg_column c, sg_estimate x);

/* Gives row (f, of), which exists, its lead of column c over the synthetic cohort. */
void sg_rows_put_ahead(sg_rows *rows, sg_figure f, const char *of, sg_column c, sg_estimate x);

/* NULL when there is none. */
const sg_row *sg_rows_find(const sg_rows *rows, sg_figure f, const char *of);

/* What would be best in this row: a number, NaN when unknown (no held-out people), INFINITY: the more the better. */
double sg_row_ideal(const sg_row *r);

/* How far column c is from that; smaller is better. NaN when it has no value or the ideal is unknown. */
double sg_row_miss(const sg_row *r, sg_column c);

#endif
