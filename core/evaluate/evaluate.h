/* evaluate.h - is a synthetic cohort like the real people, and does it keep their secrets: every answer a
 * number with its interval, beside what real people score against each other.
 *
 * Shape:   a dataset (train, val, test) and one synthetic cohort -> rows of figures; one column per cohort compared.
 * Units:   of each figure: figures.h.
 * Owner:   the arena given to sg_evaluate; sg_evaluation is const afterwards.
 * Threads: uses run->pool; the same bytes for any number of threads.
 * Not here: making the cohort (sampler/), files (cli/), the verdict's limits (privacy/).
 *
 * Everything is compared with the TRAIN people, because that is what the model saw. The figures are about real people: the report is for the steward of the data.
 */
#ifndef SG_EVALUATE_EVALUATE_H
#define SG_EVALUATE_EVALUATE_H

#include "base/file.h"
#include "base/run.h"
#include "panel/panel.h"

typedef struct sg_evaluate_options {
    const char *source; /* what was evaluated, for the report: "model t2d", "files syn" */
    uint64_t seed;
} sg_evaluate_options;

typedef struct sg_evaluation sg_evaluation;

/* How many people of each label a cohort of `people` needs so that both label schemes (as in TRAIN; all labels alike)
 * can be cut from it. need [d->n_label], overwritten. */
void sg_evaluate_need(const sg_dataset *d, int64_t people, int64_t *need);

/* DEGENERATE: a group without people; MISMATCH: SNPs or labels that do not fit; LIMIT: missing genotypes; NOMEM;
 * CANCELLED. */
sg_status sg_evaluate(const sg_evaluate_options *o, const sg_dataset *d, const sg_people *people, const int8_t *label,
                      const sg_run *run, sg_arena *a, const sg_evaluation **out, sg_err *err) SG_MUST_USE;

/* The report as JSON and as a short table for a terminal. NOMEM, LIMIT. */
sg_status sg_evaluation_json(const sg_evaluation *e, sg_buf *b, sg_err *err) SG_MUST_USE;
sg_status sg_evaluation_text(const sg_evaluation *e, sg_buf *b, sg_err *err) SG_MUST_USE;

#endif
