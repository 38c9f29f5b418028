/* split.h - who trains, who validates, who is never seen, in which half, and whom a coin
 * placed; and what stands where a genotype is missing.
 *
 * Shape:   people are known by their row of the .fam: leaving one out changes nothing for the others' random numbers.
 * Units:   shares from 0 to 1.
 * Owner:   the caller.
 * Threads: pure.
 * Not here: finding relatives (relatives.h).
 */
#ifndef SG_PANEL_SPLIT_H
#define SG_PANEL_SPLIT_H

#include "panel/panel.h"

typedef struct sg_split_options {
    double test; /* share of all */
    double val;  /* share of the rest */
    /* Share of all that a coin places in train or test. NaN: as `test`, at most 20,000 people, and nobody where that is
     * fewer than 500: their guesses are right within 4 in 100 at best, and the size of TEST would be left to chance. */
    double audit;
    uint64_t seed;
    const uint8_t *stratum; /* [n] groups that are split by themselves within each label (strata.h); NULL: one */
} sg_split_options;

/* role [n] overwritten, stratified: each label is split by itself, by one random number per person. person [n]: row of
 * the .fam. family [n]: people of one number stay together (NULL: everybody alone); a family goes as a whole, by one
 * random number of its own, and people without relatives then fill each label's shares.
 *
 * mark [n] overwritten: bits of sg_mark. The audit set is drawn first, whole families and then a share of each label's
 * others; a fair coin of its own per family sends it to TRAIN or TEST. Everybody else's role is the same whichever way
 * the coins fall (so TEST of a label is its share only on average), which is what a one-run audit rests on. TEST is
 * then halved: families by coin, the others of each label so that its halves differ by one person at most where
 * families allow it. DEGENERATE when a label has nobody left to train on; LIMIT for shares that leave no room. */
sg_status sg_split(const sg_split_options *o, const int64_t *person, const int64_t *family, const int8_t *label,
                   int64_t n, int n_label, sg_arena *a, uint8_t *role, uint8_t *mark, sg_err *err) SG_MUST_USE;

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
