/* clump.h - of linked variants the one with the smallest p, with the arithmetic of `plink --clump`.
 *
 * Shape:   variants in order of p. One is an index variant when its p is at most p1 and no index variant before it, on the
 *          same chromosome within kb, is linked to it at r2 or more; a variant whose p is above p2 is never taken up by
 *          another. That is PLINK's greedy walk, told from the other side.
 * Units:   kb: thousands of bases; r2: of haplotypes (ld.h), among the people kept.
 * Owner:   the arena; genotypes of the index variants (n_word words each) and of one batch are held while it runs.
 * Threads: one call, one thread.
 * Not here: which variants come in, in which order (prepare.c).
 */
#ifndef SG_PANEL_CLUMP_H
#define SG_PANEL_CLUMP_H

#include "base/run.h"
#include "filesets/source.h"

typedef struct sg_clump_options {
    bool on;               /* by linkage; otherwise r2, p1 and p2 are not looked at */
    double p1, p2, r2, kb; /* PLINK: 1e-4, 0.01, 0.5, 250; p2 NaN: 0.01 or p1, if larger */
    int64_t distance;      /* also no two chosen variants closer than this many bases; 0: any */
} sg_clump_options;

typedef enum sg_clump_fate { SG_CLUMP_INDEX, SG_CLUMP_LINKED, SG_CLUMP_NEAR, SG_CLUMP_P, SG_CLUMP_REST } sg_clump_fate;

/* variant [n]: rows of the table of variants, smallest p first; p [n]. keep [n_sample]: 1 = counted. At most `top` index
 * variants are looked for: what comes after the last is SG_CLUMP_REST. fate [n] overwritten. As sg_source_read. */
sg_status sg_clump(const sg_source *s, const sg_clump_options *o, const int64_t *variant, const double *p, int64_t n,
                   const uint8_t *keep, int64_t top, const sg_run *run, sg_arena *a, uint8_t *fate,
                   sg_err *err) SG_MUST_USE;

#endif
