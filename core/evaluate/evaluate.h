/* evaluate.h - is a synthetic cohort like the real people, and does it keep their secrets: every answer a
 * number with its interval, beside what real people score against each other.
 *
 * Shape:   a dataset (train, val, test) and one synthetic cohort -> rows of figures; one column per cohort compared: the
 *          synthetic one, the noise floor of real people, and on demand the simple generators of baseline/.
 * Units:   of each figure: figures.h.
 * Owner:   the arena given to sg_evaluate; sg_evaluation is const afterwards.
 * Threads: uses run->pool; the same bytes for any number of threads.
 * Not here: writing it down (report/), making the cohort (sampler/), files (cli/), the verdict's limits (privacy/).
 *
 * Everything is compared with the TRAIN people, because that is what the model saw. The figures are about real people: the report is for the steward of the data.
 */
#ifndef SG_EVALUATE_EVALUATE_H
#define SG_EVALUATE_EVALUATE_H

#include "base/run.h"
#include "panel/panel.h"

/* Scores whose use for predicting real people is measured. name, word, words */
#define SG_METHODS(X)                                                                                                  \
    X(PRS, "prs", "sum of copies weighted with log odds of one logistic regression per SNP")                           \
    X(GWAS_PRS, "gwas_prs",                                                                                            \
      "the panel's published effects, those below the p-value that serves the training set best")                      \
    X(LOGISTIC, "logistic", "logistic regression on all SNPs, L2 penalty by 5-fold cross-validation")                  \
    X(XGBOOST, "xgboost", "boosted trees (XGBoost), depth and number by 3-fold cross-validation")
typedef enum sg_method {
#define X(name, word, words) SG_METHOD_##name,
    SG_METHODS(X)
#undef X
        SG_N_METHOD
} sg_method;
const char *sg_method_name(sg_method m);
const char *sg_method_words(sg_method m);
#define SG_METHODS_ALL ((1U << SG_N_METHOD) - 1)

/* "all", "none", or names with commas -> a bit per method. FORMAT: another word (says which there are). */
sg_status sg_methods_parse(const char *list, unsigned *out, sg_err *err) SG_MUST_USE;

typedef struct sg_evaluate_options {
    const char *source; /* what was evaluated, for the report: "model t2d", "files syn" */
    uint64_t seed;
    bool baselines;            /* with columns for the simple generators */
    unsigned methods;          /* bits of sg_method */
    const char *training_json; /* the model card's training record, for its curves; NULL: none */
    const uint8_t *causal;     /* [panel.n_snp] 1: known to be causal (simulations); NULL: unknown */
} sg_evaluate_options;

typedef struct sg_evaluation sg_evaluation;

/* How many people of each label a cohort of `people` needs so that both label schemes (as in TRAIN; all labels alike)
 * can be cut from it. need [d->n_label], overwritten. */
void sg_evaluate_need(const sg_dataset *d, int64_t people, int64_t *need);

/* DEGENERATE: a group without people; MISMATCH: SNPs or labels that do not fit; LIMIT: missing genotypes; NOMEM;
 * CANCELLED. */
sg_status sg_evaluate(const sg_evaluate_options *o, const sg_dataset *d, const sg_people *people, const int8_t *label,
                      const sg_run *run, sg_arena *a, const sg_evaluation **out, sg_err *err) SG_MUST_USE;

#endif
