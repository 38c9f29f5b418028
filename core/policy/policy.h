/* policy.h - what is allowed: the limits of the release gate, by tier, from a TOML file.
 *
 * Shape:   one table of keys: section, key, field, default of the tiers controlled, public and dp, bounds, meaning.
 * Units:   in the table; people, shares 0..1, areas under ROC curves 0.5..1.
 * Owner:   sg_policy is a plain value.
 * Threads: pure.
 * Not here: what was measured, and what follows from it (privacy/). A policy sees no genotype.
 *
 * A file names its tier first ("tier = ..." or nothing for controlled), then the limits that differ from the tier's. The
 * digest is over the canonical text of ALL limits, so two files that mean the same have the same digest, and a changed
 * default changes it.
 */
#ifndef SG_POLICY_POLICY_H
#define SG_POLICY_POLICY_H

#include "base/file.h"
#include "crypto/crypto.h"

#define SG_TIER_LIST(X) X(CONTROLLED, "controlled") X(PUBLIC, "public") X(DP, "dp")
typedef enum sg_tier {
#define X(name, word) SG_TIER_##name,
    SG_TIER_LIST(X)
#undef X
        SG_N_TIER
} sg_tier;
const char *sg_tier_name(sg_tier t);

/* X(section, key, field, type, controlled, public, dp, smallest, largest, meaning); type is double, int64_t or bool. Why
 * these numbers: core/privacy/NOTES.md. */
#define SG_POLICY_LIST(X)                                                                                              \
    X("release", "approve_withheld", approve_withheld, bool, 1, 0, 1, 0, 1,                                            \
      "a reviewer may release a cohort that was withheld (never one that failed)")                                     \
    X("release", "low_power", low_power, bool, 0, 0, 0, 0, 1,                                                          \
      "a check with too little power says so and passes, instead of withholding; marked in every report")              \
    X("release", "deadline_s", deadline_s, double, 1200, 1200, 1200, 0.001, 86400, "seconds for one check")            \
    X("release", "union", judge_union, bool, 1, 1, 1, 0, 1,                                                            \
      "a cohort is judged a second time together with everything the model released before")                           \
    X("reference", "evaluation_min", evaluation_min, int64_t, 10000, 30000, 10000, 2, 1000000000,                      \
      "hold-out people in the evaluation half")                                                                        \
    X("reference", "calibration_min", calibration_min, int64_t, 5000, 10000, 5000, 2, 1000000000,                      \
      "hold-out people in the calibration half")                                                                       \
    X("reference", "train_min", train_min, int64_t, 5000, 5000, 5000, 2, 1000000000, "members")                        \
    X("reference", "label_min", label_min, int64_t, 1000, 1000, 1000, 2, 1000000000, "members of each label")          \
    X("reference", "label_evaluation_min", label_evaluation_min, int64_t, 300, 300, 300, 2, 1000000000,                \
      "evaluation people of each label")                                                                               \
    X("copies", "alarms", copy_alarms, double, 0.01, 0.01, 0.01, 1e-9, 1,                                              \
      "false near-copy alarms per cohort that thresholds are set for")                                                 \
    X("copies", "nndr", nndr, double, 0.8, 0.8, 0.8, 0.01, 0.99, "nearest over second nearest distance, below: close") \
    X("copies", "excess_max", excess_max, double, 2, 2, 2, 1, 100, "times as often as the hold-out")                   \
    X("copies", "close_quantile", close_quantile, double, 0.05, 0.05, 0.05, 0.001, 0.5,                                \
      "of the hold-out's distances: nearer than that is close")                                                        \
    X("copies", "kinship", kinship, double, 0.177, 0.177, 0.177, 0.01, 0.5,                                            \
      "kinship from which on two people are related")                                                                  \
    X("copies", "block_hold_rate", block_hold_rate, double, 0.001, 0.001, 0.001, 1e-9, 0.5,                            \
      "share of hold-out people who share a whole block with a member; sets the block's length")                       \
    X("copies", "internal_max", internal_max, double, 10, 10, 10, 1, 1000,                                             \
      "times as many pairs of duplicates or close relatives as among the hold-out")                                    \
    X("membership", "auc_max", auc_max, double, 0.52, 0.52, 0.52, 0.5, 1, "every attack on everybody")                 \
    X("membership", "auc_label_max", auc_label_max, double, 0.55, 0.52, 0.55, 0.5, 1, "every attack within a label")   \
    X("membership", "auc_strata_max", auc_strata_max, double, 0.60, 0.55, 0.60, 0.5, 1, "attacks on outliers")         \
    X("membership", "strata_share", strata_share, double, 0.01, 0.01, 0.01, 0.001, 0.5, "of people who are outliers")  \
    X("membership", "strata_min", strata_min, int64_t, 50, 50, 50, 2, 1000000, "evaluation people in a stratum")       \
    X("membership", "tpr_1pct_max", tpr_1pct_max, double, 0.02, 0.015, 0.02, 0, 1,                                     \
      "members found at 1 % false positives")                                                                          \
    X("membership", "tpr_01pct_max", tpr_01pct_max, double, 0.003, 0.003, 0.003, 0, 1, "and at 0.1 %")                 \
    X("membership", "prior", prior, double, 0.02, 0.02, 0.02, 1e-6, 0.99, "share of the population who are members")   \
    X("membership", "ppv_max", ppv_max, double, 0.09, 0.09, 0.09, 0, 1,                                                \
      "chance that somebody an attacker points at is a member")                                                        \
    X("membership", "ppv_gain_max", ppv_gain_max, double, 0.02, 0.02, 0.02, 0, 1,                                      \
      "what that may exceed the prior by where the prior is above ppv_max")                                            \
    X("inference", "snp_gain_max", snp_gain_max, double, 0.005, 0.005, 0.005, 0, 1,                                    \
      "accuracy of guessing a hidden genotype, members less others")                                                   \
    X("inference", "label_gain_max", label_gain_max, double, 0.02, 0.02, 0.02, 0, 1, "the same for the label")         \
    X("inference", "risk_max", risk_max, double, 0.05, 0.05, 0.05, 0, 1,                                               \
      "linkability and singling out, residual risk")                                                                   \
    X("inference", "attacks", attacks, int64_t, 8000, 8000, 8000, 10, 1000000, "attacks of each kind")                 \
    X("budget", "auc_max", budget_auc_max, double, 0.55, 0.52, 0.55, 0.5, 1,                                           \
      "all that was ever released of a label must not let the best attack on its frequencies reach this")              \
    X("model", "qualified", model_qualified, bool, 1, 1, 1, 0, 1,                                                      \
      "a model is served only with a valid qualification (snpgen qualify)")                                            \
    X("model", "valid_days", model_valid_days, int64_t, 365, 365, 365, 1, 3650, "how long a qualification holds")      \
    X("model", "auc_max", model_auc_max, double, 0.55, 0.52, 0.55, 0.5, 1, "attacks that know the weights")            \
    X("model", "audit_min", model_audit_min, int64_t, 5000, 5000, 5000, 20, 1000000,                                   \
      "members, and others, that these are tried on")                                                                  \
    X("model", "epsilon_max", model_epsilon_max, double, 1, 0.5, 8, 0, 100, "lower bound found by the one-run audit")  \
    X("model", "pool_min", model_pool_min, int64_t, 300000, 1000000, 300000, 1, 100000000,                             \
      "people generated and looked through for copies")                                                                \
    X("model", "overfit_max", model_overfit_max, double, 0.02, 0.02, 0.02, 0, 10,                                      \
      "relative excess of the loss of people the model was not trained on; more is a warning")

typedef struct sg_policy {
    char name[64]; /* for people; part of the digest */
    sg_tier tier;
#define X(section, key, field, type, controlled, public, dp, min, max, meaning) type field;
    SG_POLICY_LIST(X)
#undef X
} sg_policy;

enum { SG_POLICY_VERSION = 1 };

sg_policy sg_policy_of_tier(sg_tier t);
sg_policy sg_policy_default(void); /* controlled */

/* deploy/policy-demo.toml, built in: for a few thousand people or fewer, marked low_power. `snpgen evaluate` judges by it,
 * because it compares generators on datasets that are too small for anything to be released. */
sg_policy sg_policy_demo(void);

/* LIMIT: the message names the key, its value and its range. */
sg_status sg_policy_check(const sg_policy *p, sg_err *err) SG_MUST_USE;

/* FORMAT: no TOML, an unknown key (a limit that is misspelt is no limit), a wrong type; LIMIT: out of bounds; both with
 * the line. *out is the default policy then. */
sg_status sg_policy_parse(const char *name, const char *toml, size_t n, sg_policy *out, sg_err *err) SG_MUST_USE;
sg_status sg_policy_load(const char *path, sg_policy *out, sg_err *err) SG_MUST_USE; /* NOT_FOUND, IO too */

/* The canonical text: one JSON object, appended. What the digest covers. */
sg_status sg_policy_json(const sg_policy *p, sg_buf *b, sg_err *err) SG_MUST_USE;
sg_status sg_policy_digest(const sg_policy *p, sg_digest *out, sg_err *err) SG_MUST_USE;

/* A file with every key of a tier, its bounds and meaning. */
sg_status sg_policy_example(sg_tier t, sg_buf *b, sg_err *err) SG_MUST_USE;

#endif
