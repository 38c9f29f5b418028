/* baseline.h - simple generators that an honest report shows beside a model.
 *
 * Shape:   people [n, L] with labels 0..n_label-1; a fitted baseline draws any number of people of any of the labels.
 * Units:   copies of the counted allele; no missing genotypes (asserted).
 * Owner:   the arena. RESAMPLED points into the people it was fitted on, which must outlive it.
 * Threads: const once fitted; drawing uses run->pool and gives the same bytes for any number of threads: person i
 *          depends on (baseline, seed, i, label) alone.
 * Not here: judging them (evaluate/, privacy/).
 *
 * All but one are forests over the SNPs, one per label: a SNP without a parent is drawn from its genotype frequencies,
 * one with a parent from its frequencies given the parent's genotype. INDEPENDENT has no links, MARKOV links every SNP
 * to the one before it on the chromosome, CHOW_LIU has the links of largest mutual information that the Bayesian
 * information criterion lets through (Chow and Liu, 1968; decode/fit.h finds them). RESAMPLED draws real people with
 * replacement: perfect utility, no privacy.
 */
#ifndef SG_BASELINE_BASELINE_H
#define SG_BASELINE_BASELINE_H

#include "base/run.h"
#include "geno/geno.h"

/* name, word, words */
#define SG_BASELINE_LIST(X)                                                                                            \
    X(INDEPENDENT, "independent", "independent SNPs with the training people's genotype frequencies by label")         \
    X(RESAMPLED, "resampled", "training people drawn with replacement: perfect utility, no privacy")                   \
    X(MARKOV, "markov", "a first-order Markov chain along every chromosome, one per label")                            \
    X(CHOW_LIU, "chow_liu", "a Chow-Liu tree over all SNPs, one per label")
typedef enum sg_baseline_kind {
#define X(name, word, words) SG_BASELINE_##name,
    SG_BASELINE_LIST(X)
#undef X
        SG_N_BASELINE
} sg_baseline_kind;
const char *sg_baseline_name(sg_baseline_kind k);
const char *sg_baseline_words(sg_baseline_kind k);

enum { SG_BASELINE_LABEL_MAX = 16 };

/* One label's part. n_people 0: nobody to learn from, nothing to draw. */
typedef struct sg_baseline_part {
    int64_t n_people;
    int64_t *row;            /* [n_people] of the people fitted on; RESAMPLED alone */
    int32_t *parent, *order; /* [L] parent or -1; every SNP once, parents first */
    float *chance; /* [L, 3, 3] of genotype b (column) given the parent's a (row); the same rows without one */
} sg_baseline_part;

typedef struct sg_baseline {
    sg_baseline_kind kind;
    int n_label;
    sg_people people; /* fitted on */
    sg_baseline_part part[SG_BASELINE_LABEL_MAX];
} sg_baseline;

/* chrom [L]: a number per SNP that changes where a chromosome ends, for MARKOV; NULL: one chromosome.
 * LIMIT: n_label outside 1..16; NOMEM; CANCELLED. */
sg_status sg_baseline_fit(sg_baseline_kind kind, const sg_people *people, const int8_t *label, int n_label,
                          const int32_t *chrom, const sg_run *run, sg_arena *a, sg_baseline *out,
                          sg_err *err) SG_MUST_USE;

/* n people with the labels label [n]; out is made in the arena. DEGENERATE: a label nobody was fitted on; NOMEM;
 * CANCELLED. */
sg_status sg_baseline_draw(const sg_baseline *b, uint64_t seed, const int8_t *label, int64_t n, const sg_run *run,
                           sg_arena *a, sg_people *out, sg_err *err) SG_MUST_USE;

#endif
