/* decode.h - from the logits of one person to genotypes: each SNP by itself, or linked SNPs together.
 *
 * Shape:   logits [n_snp, 3]; offsets [n_label, n_snp, 3]; a forest over the SNPs of a panel: parent [n_snp], order
 *          [n_snp], pair [n_snp, 3, 3].
 * Units:   natural-log weights; genotypes as copies of the counted allele.
 * Owner:   the caller owns every buffer; a decoder only points.
 * Threads: a decoder is const.
 * Not here: networks (vae/), how offsets and pairs are fitted (fit.h).
 *
 * The chance of genotypes g [n_snp] given a person's logits l is
 *
 *      p(g) ~ exp( sum_s (l + offset)[s, g_s]  +  sum over s with a parent of pair[s, g_parent, g_s] ).
 *
 * Without pairs that is a draw per SNP, as in the published method with drawing. A network's logits say what each SNP is
 * like but not that two linked SNPs, both uncertain, must agree; drawn apart they lose their linkage. The pairs put it
 * back. On a forest everything is exact: one pass from the leaves up adds the possibilities, one pass down draws.
 */
#ifndef SG_DECODE_DECODE_H
#define SG_DECODE_DECODE_H

#include "base/rng.h"

#define SG_DECODE_LIST(X) X(ARGMAX, "argmax") X(SAMPLE, "sample")
typedef enum sg_decode {
#define X(name, word) SG_DECODE_##name,
    SG_DECODE_LIST(X)
#undef X
        SG_N_DECODE
} sg_decode;
const char *sg_decode_name(sg_decode d);
sg_status sg_decode_parse(const char *word, sg_decode *out, sg_err *err) SG_MUST_USE;

/* parent NULL: no forest at all. parent [n_snp]: another SNP or -1; order: every SNP once, parents first; pair: row of the
 * parent's genotype, column of the SNP's own; zeros where there is no parent. */
typedef struct sg_forest {
    int64_t n_snp, n_edge;
    int32_t *parent, *order;
    float *pair;
} sg_forest;

/* order [n_snp] from parent [n_snp]. MISMATCH when a parent is no SNP of the panel or the links close a circle. NOMEM. */
sg_status sg_forest_order(int64_t n_snp, const int32_t *parent, int32_t *order, sg_err *err) SG_MUST_USE;

typedef struct sg_decoder {
    int64_t n_snp;
    const float *offset;   /* [n_snp, 3] of label y at y * offset_stride; NULL: none */
    int64_t offset_stride; /* 0 when all labels share one */
    sg_forest forest;
} sg_decoder;

int64_t sg_decode_scratch(const sg_decoder *d); /* doubles */

/* code [n_snp], overwritten: a draw, or the most likely genotypes together (ARGMAX). Draws take one number per SNP of
 * r, in the order of the panel. INTERNAL when a logit is not finite. */
sg_status sg_decode_person(const sg_decoder *d, int label, const float *logit, sg_decode how, sg_rng *r,
                           double *scratch, int8_t *code, sg_err *err) SG_MUST_USE;

#endif
