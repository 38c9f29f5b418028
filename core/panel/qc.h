/* qc.h - counts over the genotypes as they stream by, and the thresholds on them.
 *
 * Shape:   counts of copies 0, 1, 2 and missing per variant, over all people kept and over the controls among them.
 * Units:   shares from 0 to 1.
 * Owner:   the arena.
 * Threads: one thread; counts are integers.
 * Not here: which variants are asked for (match.h).
 */
#ifndef SG_PANEL_QC_H
#define SG_PANEL_QC_H

#include "base/run.h"
#include "filesets/source.h"

typedef struct sg_qc_count {
    int64_t all[4], control[4]; /* [code] */
} sg_qc_count;

/* Reads variants want[0..n_want-1] as they stream by. keep, control [n_sample]: 1 = counted. count [n_want] and missing
 * [n_sample] (missing genotypes per person, NULL: not wanted) are overwritten. As sg_source_read. */
sg_status sg_qc_count_variants(const sg_source *s, const int64_t *want, int64_t n_want, const uint8_t *keep,
                               const uint8_t *control, const sg_run *run, sg_arena *a, sg_qc_count *count,
                               int64_t *missing, sg_err *err) SG_MUST_USE;

/* Frequency of the counted allele among called genotypes; NaN when none is called. */
double sg_qc_freq(const int64_t count[4]);

/* Exact test of Hardy-Weinberg equilibrium (Wigginton, Cutler, Abecasis, AJHG 2005): the probability of a number of
 * heterozygotes as unlikely as this one or more so, given the allele counts. 1 when there is nobody. */
double sg_qc_hwe(int64_t hom1, int64_t het, int64_t hom2);

#endif
