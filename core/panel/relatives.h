/* relatives.h - who in a cohort is related to whom, so that no family straddles the split.
 *
 * Shape:   KING-robust kinship over all autosomal variants of the file (or as many, evenly spaced, as memory and time
 *          allow); people joined by pairs at or above the cutoff are a family.
 * Units:   kinship: 0.5 duplicates, 0.25 first degree.
 * Owner:   the arena.
 * Threads: uses run->pool; the same result for any number of threads.
 * Not here: which side a family goes to (split.h).
 *
 * The cutoff is the most distant degree that the markers can tell from strangers: the first of 2^-4.5 (third degree),
 * 2^-3.5, 2^-2.5, 2^-1.5 (duplicates) that lies 6.5 spreads of strangers above 0; above the last
 * one, no family is formed and the report says so.
 */
#ifndef SG_PANEL_RELATIVES_H
#define SG_PANEL_RELATIVES_H

#include "base/run.h"
#include "filesets/source.h"

typedef enum sg_duplicates { SG_DUPLICATES_DROP, SG_DUPLICATES_REFUSE } sg_duplicates;

typedef struct sg_relatives_options {
    bool ignore; /* nobody is looked at: the split is by person */
    sg_duplicates duplicates;
    uint64_t seed;
} sg_relatives_options;

typedef struct sg_relatives_report {
    int64_t n_marker, n_pair;               /* pairs at or above the cutoff, duplicates among them */
    int64_t n_duplicate;                    /* people dropped because somebody kept has the same genotypes */
    int64_t n_family, n_in_family, largest; /* families of two or more */
    double median, spread, cutoff;          /* cutoff NaN: the markers cannot tell relatives from strangers */
} sg_relatives_report;

/* keep [fam.n]: 1 = in the study; duplicates to be dropped become 0 (the one with the larger row number). family [fam.n]:
 * the smallest row number of each person's family, overwritten (own number for people without). want [n_want]:
 * candidates for markers, ascending. MISMATCH: duplicates under SG_DUPLICATES_REFUSE. As sg_source_read. */
sg_status sg_relatives(const sg_source *s, const int64_t *want, int64_t n_want, const sg_relatives_options *o,
                       const sg_run *run, sg_arena *a, uint8_t *keep, int64_t *family, sg_relatives_report *rep,
                       sg_err *err) SG_MUST_USE;

#endif
