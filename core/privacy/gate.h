/* gate.h - the parts of the release gate: evidence, measurements, decisions, and the table of checks. Private to
 * core/privacy, core/qualify (the same for models) and their tests.
 *
 * Shape:   evidence (what everybody needs about pairs of people) -> a check measures -> a rule decides with the policy ->
 *          a finding. Measuring knows no limits; deciding sees no genotypes.
 * Units:   distances in mismatching genotypes; rates and AUCs 0..1.
 * Owner:   everything lives in the arena of one judgement, or in an sg_gate_memory.
 * Threads: one judge, one thread (the passes use its pool).
 * Not here: sealing and JSON (verdict.c).
 *
 * People: members are TRAIN. The hold-out (TEST) has two halves: the calibration half is what attackers and thresholds may
 * use, the evaluation half is what attacks are measured on. VAL is a third set, neither member nor measured.
 *
 * To add a check: write a function of type sg_check_fn in a file of its own and give it a row in sg_check_list
 * (judge.c).
 */
#ifndef SG_PRIVACY_GATE_H
#define SG_PRIVACY_GATE_H

#include "geno/sweep.h"
#include "privacy/privacy.h"

/* The halves of the hold-out, rows of TEST: as the reference marks them; without marks by label and by chance drawn from the
 * row's number alone. */
typedef struct sg_halves {
    int64_t n_calib, n_eval;
    int64_t *calib, *eval;
} sg_halves;
sg_status sg_holdout_split(const sg_reference *ref, sg_arena *a, sg_halves *out, sg_err *err) SG_MUST_USE;
/* Row i of TEST is marked for calibration; only with marks. */
bool sg_holdout_calibrates(const sg_reference *ref, int64_t i);

/* What is known of a reference before any cohort comes. Hold-out rows stand calibration half first. */
struct sg_gate_memory {
    const sg_reference *ref;
    double kinship; /* that pairs were counted from */
    sg_people calib, eval, hold;
    int8_t *calib_label, *eval_label;
    sg_sweep train_calib;              /* rows TRAIN, columns calibration: the 20 nearest of each member */
    sg_sweep eval_calib;               /* rows evaluation */
    sg_sweep calib_calib;              /* not oneself */
    sg_sweep hold_hold;                /* not oneself: relatives within the hold-out */
    sg_near *hold_train, *hold_val;    /* [n_h] */
    uint8_t *hold_level, *train_level; /* [n_h] longest block shared with a member; [n_t] with the evaluation half */
    int32_t *hold_kin;                 /* [n_h] members related */
    double kin_mean, kin_sd;           /* of kinship between strangers */
    sg_digest digest;                  /* of the reference */
    sg_arena arena;
};

typedef struct sg_evidence {
    const sg_reference *ref;
    const sg_gate_memory *known;
    const sg_people *cohort;
    const int8_t *label;
    const sg_policy *policy_of_passes; /* kinship limit */
    sg_provenance made;
    int64_t n_s, n_t, n_v, n_h, n_c, n_e, n_snp;
    int64_t released[SG_LABEL_MAX]; /* before, by label */
    int n_label;
    int32_t radius
        [2]; /* median and 1st percentile (20th value, if later) of the calibration half's distance to the cohort */
    sg_sweep train, val, calib, eval; /* rows: those; columns: the cohort */
    sg_sweep self;                    /* the cohort with itself */
    const sg_run *run;                /* of the check under way: its deadline stops it */
} sg_evidence;

/* CANCELLED, NOMEM. */
sg_status sg_evidence_gather(const sg_gate_memory *m, const sg_people *cohort, const int8_t *label,
                             const sg_policy *policy, const sg_run *run, sg_arena *a, sg_evidence *out,
                             sg_err *err) SG_MUST_USE;

enum { SG_FACT_MAX = 12, SG_CHECK_NAME = 56, SG_FINDING_MAX = 200, SG_ROC_POINTS = 41, SG_TAIL_BINS = 40 };

/* What was found out, whatever anybody thinks of it. NaN where a number does not exist. */
typedef struct sg_measurement {
    char name[SG_CHECK_NAME];
    int64_t n, n_ref;        /* rows judged, rows they were compared with */
    double estimate, lo, hi; /* with its 95 % interval */
    double power;            /* chance that an honest cohort gets under the limit; NaN where the count is exact */
    struct {
        const char *name; /* a literal */
        double value;
    } fact[SG_FACT_MAX];
    int n_fact;
    bool has_roc;
    double roc[SG_ROC_POINTS]; /* true-positive rate at false-positive rate 10^(-4 + k/10) */
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
    bool unpowered; /* passed under a low_power policy although the check could not have seen much */
} sg_finding;

/* The distribution of nearest distances, for the report. */
typedef struct sg_tail {
    double from, step, threshold;
    int64_t cohort[SG_TAIL_BINS], hold[SG_TAIL_BINS];
    bool known;
} sg_tail;

typedef struct sg_findings {
    sg_finding list[SG_FINDING_MAX];
    int n;
    sg_tail tail;
    const char *prefix; /* "" or "union.": put before every name that is added */
} sg_findings;

/* Appends. PASS with an estimate that is NaN becomes WITHHOLD "check_failed"; an overflow makes the last finding that, so
 * that nothing is lost in silence. */
void sg_findings_add(sg_findings *f, const sg_measurement *m, sg_decision d);

/* A check that lacks the power to say anything: WITHHOLD "lacks_power", or under a low_power policy a PASS that is marked.
 */
void sg_findings_unpowered(sg_findings *f, const sg_measurement *m, double limit, const sg_policy *policy);

/* Appends one or more findings. Any status but OK means the check could not be made. */
typedef sg_status sg_check_fn(const sg_evidence *e, const sg_policy *policy, sg_arena *a, sg_findings *out,
                              sg_err *err);

typedef struct sg_check {
    const char *name;
    sg_check_fn *run;
    bool on_union; /* once more on the union with earlier releases */
} sg_check;

extern const sg_check sg_check_list[];
extern const int sg_n_check;

sg_check_fn sg_check_hygiene, sg_check_identical, sg_check_near_copy, sg_check_ratio, sg_check_closest, sg_check_kin,
    sg_check_blocks, sg_check_internal, sg_check_nearest, sg_check_frequency, sg_check_dense, sg_check_inference,
    sg_check_linking, sg_check_budget, sg_check_published;

/* People of a label that may ever be released, by its members and SNPs; INFINITY when the limit cannot be reached. */
double sg_budget_cap(int64_t n_member, int64_t n_snp, double auc_max);

/* Runs `checks` over the evidence, each with policy->deadline_s: a check that fails, runs out of time, or says nothing
 * becomes a WITHHOLD "check_failed". Stops at the first FAIL. CANCELLED (run's own stop flag) and NOMEM are passed on. */
sg_status sg_checks_run(const sg_check *checks, int n_check, sg_evidence *e, const sg_policy *policy, const sg_run *run,
                        sg_arena *a, sg_findings *out, sg_err *err) SG_MUST_USE;

/* The worst status of all findings and the reason of the first finding that has it; no finding at all is WITHHOLD. */
sg_decision sg_findings_combine(const sg_findings *f);

/* ---- attacks (membership.c) ---- */

/* Scores of one attack: higher means member. */
typedef struct sg_attack {
    char name[24];
    double *member, *other;                /* of member_who, other_who */
    const int64_t *member_who, *other_who; /* rows of TRAIN, of the evaluation half; NULL: everybody in order */
    int64_t n_member, n_other;
    int label; /* of the people concerned; -1 everybody */
} sg_attack;

/* The findings of a family of attacks: NAME.attack an AUC each, FAIL by Holm over the family; with `rates` also
 * NAME.attack.tpr_1pct, .tpr_01pct and .posterior. */
sg_status sg_judge_attacks(const char *name, const sg_attack *x, int n, double limit, bool rates,
                           const sg_policy *policy, sg_arena *a, sg_findings *out, sg_err *err) SG_MUST_USE;

/* Makes the verdict: the only way to one beside unsealing. */
typedef struct sg_bound {
    sg_digest cohort, reference, panel, earlier;
    int64_t n_earlier;
} sg_bound;
sg_status sg_verdict_make(const sg_findings *f, const sg_evidence *e, const sg_policy *policy, const sg_bound *bound,
                          sg_verdict **out, sg_err *err) SG_MUST_USE;

#endif
