/* fit.h - offsets and linked pairs that give generated people the frequencies of real ones.
 *
 * Shape:   members [n, n_snp] with labels; the logits of N generated people, sorted by label, [n_snp, N, 3] (SNP-major).
 * Units:   shares of people.
 * Owner:   results in the caller's arena; scratch in it too, rewound.
 * Threads: uses the pool; results do not depend on its size.
 * Not here: generating people (train/), drawing (decode.h).
 *
 * A forest is the heaviest one by mutual information within labels (Chow and Liu, 1968), made of links that members
 * prove: a link must gain more than BIC charges for it. Then o (offsets by label) and k (pairs, shared by the labels)
 * maximise
 *
 *      sum_y w_y [ o_y . t_y  -  mean over generated people i of label y of log Z_i(o_y, k) ]  +  k . T
 *
 * with t_y the genotype frequencies of label y among members, T their joint frequencies on the links, w_y the label's
 * share, and Z_i the sum over all genotypes of exp(person i's logits + o + k). The function is concave and its gradient
 * is (members' frequency) - (generated people's), so that at the top both agree: every genotype frequency by label and
 * every pair of linked SNPs. What the network knows of a person (its logits) stays; only what all people have in common
 * is corrected. Counts carry half a person per genotype, so that no target is 0.
 */
#ifndef SG_DECODE_FIT_H
#define SG_DECODE_FIT_H

#include "base/run.h"
#include "decode/decode.h"
#include "geno/geno.h"

enum { SG_DECODE_LABEL_MAX = 16 };

/* What members say. */
typedef struct sg_decode_target {
    int64_t n_snp;
    int n_label;
    double *share; /* [n_label] w_y */
    double *node;  /* [n_label, n_snp, 3] */
    double *pair;  /* [n_snp, 3, 3]: row the parent's genotype; SNPs without a parent: zeros */
} sg_decode_target;

/* Frequencies of rows row[0..n-1] of people (all of them when row is NULL); pair NULL. A label without anybody gets the
 * frequencies of all. NOMEM. No missing genotypes (asserted). */
sg_status sg_decode_count(const sg_people *people, const int64_t *row, int64_t n, const int8_t *label, int n_label,
                          sg_arena *a, sg_decode_target *out, sg_err *err) SG_MUST_USE;

/* The forest of the same people (pair zeroed), and target->pair. CANCELLED, NOMEM. */
sg_status sg_decode_link(const sg_people *people, const int64_t *row, int64_t n, const int8_t *label, const sg_run *run,
                         sg_arena *a, sg_decode_target *target, sg_forest *out, sg_err *err) SG_MUST_USE;

typedef struct sg_decode_fit_result {
    double was, now;           /* largest difference of a genotype frequency, before and after */
    double pair_was, pair_now; /* the same of pairs of genotypes on links */
    double r_was, r_now;       /* correlation of allele frequencies by label; NaN when either side is constant */
    int n_eval;
} sg_decode_fit_result;

/* logit [n_snp, N, 3]; people of label y are from[y]..from[y+1]-1. offset [n_label, n_snp, 3] and forest->pair are
 * read as the start and overwritten. forest NULL or without links: offsets alone. CANCELLED, NOMEM, INTERNAL (the search
 * failed: says how). */
sg_status sg_decode_fit(const sg_decode_target *t, const float *logit, const int64_t *from, const sg_run *run,
                        sg_arena *a, float *offset, sg_forest *forest, sg_decode_fit_result *out,
                        sg_err *err) SG_MUST_USE;

#endif
