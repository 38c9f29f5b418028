/* inside.h - the parts of a qualification; see qualify.h. Private to this folder and its tests. */
#ifndef SG_QUALIFY_INSIDE_H
#define SG_QUALIFY_INSIDE_H

#include "privacy/gate.h"
#include "qualify/qualify.h"

/* Numbers about one person that only somebody with the weights can compute. */
enum { SG_TRACE_VAE = 3, SG_TRACE_FREE = 3, SG_TRACE = SG_TRACE_VAE + SG_QUALIFY_LEVELS + SG_TRACE_FREE + 1 };

/* trace [n, SG_TRACE] of people, overwritten: VAE cross-entropy, KL, wrong genotypes; diffusion loss per level; loss without
 * label less that with it at three levels; mean loss over all levels (last). label [n]. */
sg_status sg_trace_people(const sg_model *m, const sg_people *people, const int8_t *label, uint64_t seed, int draws,
                          const char *stage, const sg_run *run, double *trace, sg_err *err) SG_MUST_USE;

/* The people an attacker knows and wants to tell apart: rows of TRAIN and of TEST; `coins`: by the audit set's coins.
 * Even places of both lists teach, odd ones are measured. */
typedef struct sg_audit {
    int64_t *member, *other, n_member, n_other;
    bool coins;
} sg_audit;
sg_status sg_audit_choose(const sg_reference *ref, int64_t most, uint64_t seed, sg_arena *a, sg_audit *out,
                          sg_err *err) SG_MUST_USE;

/* Smallest epsilon that is compatible (p > 0.05) with v right among r guesses about n examples whose membership was decided by
 * fair coins; 0 when every epsilon is. */
double sg_audit_epsilon(int64_t n, int64_t r, int64_t v, double delta);

/* model.* findings from traces of the audited people (member [n_member, SG_TRACE], other) and of VAL (val [n_val, SG_TRACE],
 * may be empty). */
typedef struct sg_traced {
    const sg_audit *audit;
    const double *member, *other, *val;
    int64_t n_val;
    const double *isolation_member, *isolation_other; /* [n_member], [n_other] distance to strangers; NULL: not known */
    const double *het_member, *het_other;             /* heterozygous genotypes */
} sg_traced;
sg_status sg_judge_traces(const sg_traced *t, const sg_policy *policy, double delta, uint64_t seed, const sg_run *run,
                          sg_arena *a, sg_findings *out, sg_err *err) SG_MUST_USE;

/* pool.* findings over n people made as the card says. */
sg_status sg_judge_pool(const sg_model *m, const sg_reference *ref, const sg_policy *policy, int64_t n, uint64_t seed,
                        const sg_run *run, sg_findings *out, sg_err *err) SG_MUST_USE;

/* The same of people that are there already, in pieces of at most `piece`. Counting alone: no finding yet. */
typedef struct sg_pool_count {
    int64_t n, equal, flagged, confirmed, related, shared;
    double hold_shared; /* share of the hold-out that shares a block */
    int64_t n_hold;
    double false_pairs;             /* expected of strangers */
    bool coarse, no_blocks, broken; /* matches by coincidence; blocks cannot be judged; a check could not be made */
} sg_pool_count;
sg_status sg_pool_look(const sg_gate_memory *memory, const sg_people *people, const int8_t *label,
                       const sg_policy *policy, const sg_run *run, sg_pool_count *c, sg_err *err) SG_MUST_USE;
void sg_pool_decide(const sg_pool_count *c, const sg_policy *policy, sg_findings *out);

#endif
