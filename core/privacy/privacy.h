/* privacy.h - the release gate: attack a cohort with the real people as reference, return a verdict.
 *
 * Shape:   cohort [n_s, n_snp], reference train/val/test; a verdict is one outcome, a list of measurements, and the
 * digest of exactly the genotypes and labels that were judged. Units:   distances in mismatching genotypes (Hamming);
 * probabilities 0..1. Owner:   sg_verdict_free. A verdict can be made by this folder ONLY (the struct is private):
 * server/release demands one. Threads: uses run->pool. Not here: what a requester may see of it (server/), sealing of
 * the reference (model/).
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

typedef struct sg_verdict sg_verdict;

/* Limits, with their defaults in sg_policy_default(). */
typedef struct sg_policy {
    double mia_auc_max;    /* upper 95 % bound of the membership AUC must stay below, default 0.60 at small sizes; see
                              privacy.c */
    double dcr_quantile;   /* closeness that counts as "too close": this quantile of the hold-out's own distances */
    double dcr_excess_max; /* how much more often than the hold-out the cohort may be that close */
    int64_t min_reference; /* fewer members or non-members than this: under-powered, withhold */
} sg_policy;
sg_policy sg_policy_default(void);

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
