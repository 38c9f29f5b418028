/* split.h - who trains, who validates, who is never seen; and what stands where a genotype is missing.
 *
 * Shape:   people are known by their row of the .fam: leaving one out changes nothing for the others' random numbers.
 * Units:   shares from 0 to 1.
 * Owner:   the caller.
 * Threads: pure.
 * Not here: relatives (they must not straddle the split; a grouping of people goes in before this one).
 */
#ifndef SG_PANEL_SPLIT_H
#define SG_PANEL_SPLIT_H

#include "panel/panel.h"

typedef struct sg_split_options {
    double test; /* share of all */
    double val;  /* share of the rest */
    uint64_t seed;
} sg_split_options;

/* role [n] overwritten, stratified: each label is split by itself, by one random number per person. person [n]: row of
 * the .fam. DEGENERATE when a label has nobody left to train on. */
sg_status sg_split(const sg_split_options *o, const int64_t *person, const int8_t *label, int64_t n, int n_label,
                   sg_arena *a, uint8_t *role, sg_err *err) SG_MUST_USE;

#define SG_IMPUTE_LIST(X) X(BINOMIAL, "binomial") X(MODE, "mode")
typedef enum sg_impute {
#define X(name, word) SG_IMPUTE_##name,
    SG_IMPUTE_LIST(X)
#undef X
        SG_N_IMPUTE
} sg_impute;
const char *sg_impute_name(sg_impute i);
sg_status sg_impute_parse(const char *word, sg_impute *out, sg_err *err) SG_MUST_USE;

/* Replaces SG_MISSING. BINOMIAL: a draw of Binomial(2, frequency) for this person and variant; MODE: the commonest
 * genotype among the people. variant [n_variant]: row of the .bim. Returns how many were replaced. */
int64_t sg_impute_people(sg_impute how, uint64_t seed, const int64_t *person, const int64_t *variant, sg_people *p);

#endif
