/* privacy.h - the release gate: attack a cohort with the real people as reference, return a verdict.
 *
 * Shape:   cohort [n_s, n_snp], reference train/val/test; a verdict is one outcome, a reason, the
 *          numbers of every check as JSON, and the digests of exactly what was judged and by what.
 * Units:   distances in mismatching genotypes (Hamming); probabilities 0..1.
 * Owner:   sg_verdict_free. A verdict can be made by this folder ONLY (the struct is private):
 *          server/release demands one.
 * Threads: uses run->pool; the same bytes for any number of threads.
 * Not here: what a requester may see of it (server/), limits (policy/), sealing of the reference (model/).
 *
 * Rule: whatever goes wrong - a check that fails to run, runs out of time, returns NaN, lacks data or power - the outcome
 * is WITHHOLD, never PASS.
 */
#ifndef SG_PRIVACY_PRIVACY_H
#define SG_PRIVACY_PRIVACY_H

#include "base/file.h"
#include "base/run.h"
#include "model/model.h"
#include "policy/policy.h"

#define SG_OUTCOME_LIST(X) X(PASS, "pass") X(WITHHOLD, "withhold") X(FAIL, "fail")
typedef enum sg_outcome {
#define X(name, word) SG_OUTCOME_##name,
    SG_OUTCOME_LIST(X)
#undef X
        SG_N_OUTCOME
} sg_outcome;
const char *sg_outcome_name(sg_outcome o);

/* Why a cohort is not released: the code a requester may see, and what it means. The numbers behind it are for the
 * data's steward alone. */
#define SG_REASON_LIST(X)                                                                                              \
    X(unhygienic, "the cohort holds something that a release may not hold, or nobody vouches for where it comes from") \
    X(not_shuffled, "the cohort's labels are not in random order")                                                     \
    X(identical_match, "somebody in the cohort is, genotype for genotype, a person the model was made with")           \
    X(panel_too_coarse, "the panel has too few SNPs to tell people apart: the hold-out has exact matches as well")     \
    X(near_copy, "somebody in the cohort is far nearer to a training person than strangers are")                       \
    X(too_close, "the cohort is near to training people more often than the hold-out is")                              \
    X(related, "somebody in the cohort is as similar to a training person as a parent or child would be")              \
    X(holdout_related,                                                                                                 \
      "the hold-out has close relatives among the training people, so nothing can be compared with it")                \
    X(block_replay, "the cohort repeats stretches of training people's genotypes")                                     \
    X(internal_duplicates, "the cohort repeats its own people")                                                        \
    X(membership_leak, "the cohort tells who was in the training data")                                                \
    X(membership_uncertain, "that the cohort tells who was in the training data cannot be ruled out")                  \
    X(attribute_leak, "the cohort helps to guess hidden genotypes or labels of training people more than of others")   \
    X(attribute_uncertain, "that the cohort helps to guess hidden values of training people cannot be ruled out")      \
    X(singling_out, "the cohort lets training people be singled out or linked")                                        \
    X(budget_spent,                                                                                                    \
      "as many people of a label were released as the number of its training people allows; the model must "           \
      "be made anew from other people")                                                                                \
    X(lacks_power, "there are too few people or SNPs for a check to say anything")                                     \
    X(too_few_reference, "there are too few training or hold-out people, or too few of one label, to judge by")        \
    X(empty_cohort, "nobody is in the cohort")                                                                         \
    X(missing_genotypes, "the cohort has missing genotypes; a released cohort has none")                               \
    X(reference_incomplete, "the reference people have missing genotypes or unknown labels")                           \
    X(bad_label, "a label of the cohort is unknown")                                                                   \
    X(policy_invalid, "a limit of the policy is out of range")                                                         \
    X(check_failed, "a check could not be carried out")

/* The sentence of a code, NULL for a code that is not in the list. */
const char *sg_reason_words(const char *code);

typedef struct sg_verdict sg_verdict;

/* What was judged. The digest covers sizes, labels and genotypes, in order. */
sg_digest sg_cohort_digest(const sg_people *people, const int8_t *label);
sg_digest sg_reference_digest(const sg_reference *ref);

/* Who says that these rows are samples of a model and not something else, e.g. reconstructions of real people? */
typedef enum sg_provenance {
    SG_MADE_UNKNOWN,  /* nobody: never passes */
    SG_MADE_DECLARED, /* files whose people are named as synthetic */
    SG_MADE_SAMPLED   /* this process drew them from the prior */
} sg_provenance;

/* Passes over the reference that do not depend on the cohort: made once per model, then shared, const. ref must outlive it.
 * Only for policies with the same kinship limit (MISMATCH from sg_privacy_judge_all otherwise). CANCELLED, NOMEM. */
typedef struct sg_gate_memory sg_gate_memory;
sg_status sg_gate_memory_new(const sg_reference *ref, const sg_policy *policy, const sg_run *run, sg_gate_memory **out,
                             sg_err *err) SG_MUST_USE;
void sg_gate_memory_free(sg_gate_memory *m);

typedef struct sg_judging {
    const sg_reference *ref;
    const sg_people *cohort;
    const int8_t *label;
    sg_provenance made;
    const sg_people *earlier; /* everything this model released before, or NULL */
    const int8_t *earlier_label;
    int64_t
        released[SG_LABEL_MAX]; /* people this model released before, by label, whether or not they stand in earlier */
    const sg_policy *policy;
    const sg_gate_memory *memory; /* or NULL: made for this call */
    sg_digest panel;              /* of panel.tsv; zeros where there is none */
} sg_judging;

/* Runs every check, up to the first FAIL. Returns OK with a verdict whenever a verdict exists (also WITHHOLD/FAIL);
 * CANCELLED and NOMEM leave *out NULL, which nobody can publish. MISMATCH: other SNPs. */
sg_status sg_privacy_judge_all(const sg_judging *q, const sg_run *run, sg_verdict **out, sg_err *err) SG_MUST_USE;

/* The same of a first release whose rows the caller has sampled itself. */
sg_status sg_privacy_judge(const sg_reference *ref, const sg_people *cohort, const int8_t *label,
                           const sg_policy *policy, const sg_run *run, sg_verdict **out, sg_err *err) SG_MUST_USE;
void sg_verdict_free(sg_verdict *v);

sg_outcome sg_verdict_outcome(const sg_verdict *v);
const char *sg_verdict_reason(const sg_verdict *v); /* a code for requesters, e.g. "identical_match"; "" when passed */
const sg_digest *sg_verdict_subject(const sg_verdict *v); /* the cohort digest it is bound to */
const sg_digest *sg_verdict_policy(const sg_verdict *v);  /* the digest of the policy */
bool sg_verdict_approvable(const sg_verdict *v); /* withheld, and the policy lets a reviewer release it nevertheless */
bool sg_verdict_low_power(const sg_verdict *v);  /* judged under a policy that lets weak checks pass */

/* The committee's copy: three records - measurement, policy, decision - each with version and digest, as one JSON object
 * appended to b. Never for requesters. */
sg_status sg_verdict_json(const sg_verdict *v, sg_buf *b, sg_err *err) SG_MUST_USE;
/* The requester's copy: status, reason and digests; no number of the gate. */
sg_status sg_verdict_requester_json(const sg_verdict *v, sg_buf *b, sg_err *err) SG_MUST_USE;
/* The same two as self-contained pages. */
sg_status sg_verdict_html(const sg_verdict *v, bool committee, sg_buf *b, sg_err *err) SG_MUST_USE;
/* The same pages from what sg_verdict_json wrote, kept meanwhile. FORMAT: it is not that. */
sg_status sg_verdict_page(const char *json, size_t n, bool committee, sg_buf *b, sg_err *err) SG_MUST_USE;

/* From the worker's process to the daemon's: bytes authenticated with a key only those two share. unseal: PRIVACY when
 * a byte differs. files_digest: SHA-256 over the release files' digests, carried inside so that files and verdict are
 * one. */
sg_status sg_verdict_seal(const sg_verdict *v, const uint8_t key[SG_KEY_BYTES], const sg_digest *files_digest,
                          sg_buf *b, sg_err *err) SG_MUST_USE;
sg_status sg_verdict_unseal(const void *bytes, size_t n, const uint8_t key[SG_KEY_BYTES], sg_digest *files_digest,
                            sg_verdict **out, sg_err *err) SG_MUST_USE;

#endif
