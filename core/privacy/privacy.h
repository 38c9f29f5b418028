/* privacy.h - the release gate: attack a cohort with the real people as reference, return a verdict.
 *
 * Shape:   cohort [n_s, n_snp], reference train/val/test; a verdict is one outcome, a reason, the
 *          numbers of every check as JSON, and the digest of exactly the genotypes and labels judged.
 * Units:   distances in mismatching genotypes (Hamming); probabilities 0..1.
 * Owner:   sg_verdict_free. A verdict can be made by this folder ONLY (the struct is private):
 *          server/release demands one.
 * Threads: uses run->pool; the same bytes for any number of threads.
 * Not here: what a requester may see of it (server/), sealing of the reference (model/).
 *
 * Rule: whatever goes wrong - a check that fails to run, returns NaN, lacks data - the outcome is WITHHOLD, never PASS.
 */
#ifndef SG_PRIVACY_PRIVACY_H
#define SG_PRIVACY_PRIVACY_H

#include "base/file.h"
#include "base/run.h"
#include "model/model.h"

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
    X(identical_match, "somebody in the cohort is, genotype for genotype, a person the model was made with")           \
    X(panel_too_coarse, "the panel has too few SNPs to tell people apart: the hold-out has exact matches as well")     \
    X(near_copy, "somebody in the cohort is far nearer to a training person than strangers are")                       \
    X(too_close, "the cohort is near to training people more often than the hold-out is")                              \
    X(membership_leak, "the cohort tells who was in the training data")                                                \
    X(membership_uncertain, "that the cohort tells who was in the training data cannot be ruled out")                  \
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

/* The limits: field, type, default, smallest and largest value. Why these numbers: the head of each
 * check's file says it, tests/privacy/privacy_rates.c measures it.
 *
 *   mia_auc_max          the 95 % interval of the membership AUC must end below this; for few people
 *                        see check_membership.c
 *   dcr_quantile         a row is close when it is nearer to TRAIN than this share of the hold-out
 *   dcr_excess_max       how many times as often as the hold-out the cohort may be that close
 *   near_copy_alarms     false near-copy alarms per cohort that the threshold is set for
 *   min_reference        fewer people than this in TRAIN or TEST: nothing can be said, withhold
 *   min_reference_label  the same within one label
 */
#define SG_POLICY_LIST(X)                                                                                              \
    X(mia_auc_max, double, 0.60, 0.5, 1)                                                                               \
    X(dcr_quantile, double, 0.05, 0.001, 0.5)                                                                          \
    X(dcr_excess_max, double, 2, 1, 100)                                                                               \
    X(near_copy_alarms, double, 0.01, 1e-9, 1)                                                                         \
    X(min_reference, int64_t, 50, 2, 1000000000)                                                                       \
    X(min_reference_label, int64_t, 10, 2, 1000000000)

typedef struct sg_policy {
#define X(field, type, fallback, min, max) type field;
    SG_POLICY_LIST(X)
#undef X
} sg_policy;
sg_policy sg_policy_default(void);

/* LIMIT: the message names the field, its value and its range. */
sg_status sg_policy_check(const sg_policy *p, sg_err *err) SG_MUST_USE;

/* A JSON object with any of the fields above; what it leaves out keeps its default. NOT_FOUND; FORMAT (an unknown field
 * too: a limit that is misspelt is no limit); LIMIT. */
sg_status sg_policy_load(const char *path, sg_policy *out, sg_err *err) SG_MUST_USE;

/* What was judged. The digest covers sizes, labels and genotypes, in order. */
sg_digest sg_cohort_digest(const sg_people *people, const int8_t *label);

/* Runs every check. Returns OK with a verdict whenever a verdict exists (also WITHHOLD/FAIL); CANCELLED and NOMEM leave
 * *out NULL, which nobody can publish. */
sg_status sg_privacy_judge(const sg_reference *ref, const sg_people *cohort, const int8_t *label,
                           const sg_policy *policy, const sg_run *run, sg_verdict **out, sg_err *err) SG_MUST_USE;
void sg_verdict_free(sg_verdict *v);

sg_outcome sg_verdict_outcome(const sg_verdict *v);
const char *sg_verdict_reason(const sg_verdict *v); /* a code for requesters, e.g. "identical_match"; "" when passed */
const sg_digest *sg_verdict_subject(const sg_verdict *v); /* the cohort digest it is bound to */
/* The committee's copy: every number, as one JSON object appended to b. Never for requesters. */
sg_status sg_verdict_json(const sg_verdict *v, sg_buf *b, sg_err *err) SG_MUST_USE;

/* From the worker's process to the daemon's: bytes authenticated with a key only those two share. unseal: PRIVACY when
 * a byte differs. files_digest: SHA-256 over the release files' digests, carried inside so that files and verdict are
 * one. */
sg_status sg_verdict_seal(const sg_verdict *v, const uint8_t key[SG_KEY_BYTES], const sg_digest *files_digest,
                          sg_buf *b, sg_err *err) SG_MUST_USE;
sg_status sg_verdict_unseal(const void *bytes, size_t n, const uint8_t key[SG_KEY_BYTES], sg_digest *files_digest,
                            sg_verdict **out, sg_err *err) SG_MUST_USE;

#endif
