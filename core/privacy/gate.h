/* gate.h - the parts of the release gate: evidence, measurements, decisions, and the table of checks. Private to
 * core/privacy and its tests.
 *
 * Shape:   evidence (distances everybody needs) -> a check measures -> a rule decides with the policy -> a finding.
 *          Measuring knows no limits; deciding sees no genotypes.
 * Units:   distances in mismatching genotypes; rates and AUCs 0..1.
 * Owner:   everything lives in the arena of one sg_privacy_judge call.
 * Threads: one judge, one thread (distances use its pool).
 * Not here: sealing and JSON (verdict.c).
 *
 * To add a check: write a function of type sg_check_fn in a file of its own and give it a row in sg_check_list
 * (judge.c).
 */
#ifndef SG_PRIVACY_GATE_H
#define SG_PRIVACY_GATE_H

#include "geno/distance.h"
#include "privacy/privacy.h"

/* Distances, each pair of groups looked at once and completely. n_s cohort, n_t TRAIN, n_v VAL, n_h TEST rows. */
typedef struct sg_evidence {
    const sg_reference *ref;
    const sg_people *cohort;
    const int8_t *label;
    int64_t n_s, n_t, n_v, n_h, n_snp;
    sg_near *to_train, *to_val, *to_test; /* [n_s] from each cohort row */
    sg_near *hold_train, *hold_val;       /* [n_h] from each TEST row */
    int32_t *train_min, *test_min;        /* [n_t], [n_h] to the nearest cohort row */
} sg_evidence;

/* CANCELLED, NOMEM. */
sg_status sg_evidence_gather(const sg_reference *ref, const sg_people *cohort, const int8_t *label, const sg_run *run,
                             sg_arena *a, sg_evidence *out, sg_err *err) SG_MUST_USE;

enum { SG_FACT_MAX = 8, SG_CHECK_NAME = 40, SG_FINDING_MAX = 64 };

/* What was found out, whatever anybody thinks of it. NaN where a number does not exist. */
typedef struct sg_measurement {
    char name[SG_CHECK_NAME];
    int64_t n, n_ref;        /* rows judged, rows they were compared with */
    double estimate, lo, hi; /* with its 95 % interval */
    struct {
        const char *name; /* a literal */
        double value;
    } fact[SG_FACT_MAX];
    int n_fact;
} sg_measurement;

void sg_measure_fact(sg_measurement *m, const char *name, double value);

/* What follows from it under a policy. */
typedef struct sg_decision {
    double limit;
    sg_outcome status;
    const char *reason; /* a literal code; "" with PASS */
} sg_decision;

typedef struct sg_finding {
    sg_measurement measured;
    sg_decision decided;
} sg_finding;

typedef struct sg_findings {
    sg_finding list[SG_FINDING_MAX];
    int n;
} sg_findings;

/* Appends; an overflow makes the last finding a WITHHOLD "check_failed", so that nothing is lost in silence. */
void sg_findings_add(sg_findings *f, const sg_measurement *m, sg_decision d);

/* Appends one or more findings. Any status but OK means the check could not be made. */
typedef sg_status sg_check_fn(const sg_evidence *e, const sg_policy *policy, sg_arena *a, sg_findings *out,
                              sg_err *err);

typedef struct sg_check {
    const char *name;
    sg_check_fn *run;
} sg_check;

extern const sg_check sg_check_list[];
extern const int sg_n_check;

sg_check_fn sg_check_identical, sg_check_near_copy, sg_check_closest, sg_check_membership;

/* Runs `checks` over the evidence: a check that fails, or that says nothing, becomes a WITHHOLD "check_failed".
 * CANCELLED and NOMEM are passed on. */
sg_status sg_checks_run(const sg_check *checks, int n_check, const sg_evidence *e, const sg_policy *policy, sg_arena *a,
                        sg_findings *out, sg_err *err) SG_MUST_USE;

/* The worst status of all findings and the reason of the first finding that has it; no finding at all is WITHHOLD. */
sg_decision sg_findings_combine(const sg_findings *f);

/* Makes the verdict: the only way to one beside unsealing. */
sg_status sg_verdict_make(const sg_findings *f, const sg_evidence *e, const sg_policy *policy, const sg_digest *subject,
                          sg_verdict **out, sg_err *err) SG_MUST_USE;

sg_status sg_policy_json(const sg_policy *p, sg_buf *b, sg_err *err) SG_MUST_USE;

#endif
