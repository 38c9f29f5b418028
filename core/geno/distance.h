/* distance.h - who is nearest to whom, among many people.
 *
 * Shape:   query [n_q], ref [n_r], same variants; for every query row the two nearest reference rows, and, on demand,
 *          for every reference row the distance to the nearest query row.
 * Units:   HAMMING mismatching genotypes (missing is a fourth code); L1 sum of |difference| in copies (no missing).
 * Owner:   the caller's arrays; scratch from the arena, rewound before return.
 * Threads: uses run->pool; the same bytes for any number of threads and any processor.
 * Not here: what a distance means (privacy/).
 *
 * Every pair is looked at: nobody is skipped and nothing is subsampled. One file per instruction set computes tiles of
 * distances (distance_kernel.h), chosen when the program runs; all of them give the same integers.
 */
#ifndef SG_GENO_DISTANCE_H
#define SG_GENO_DISTANCE_H

#include "base/run.h"
#include "geno/geno.h"

typedef enum sg_metric { SG_HAMMING, SG_L1 } sg_metric;

enum { SG_BLOCK_SNPS = 32 }; /* neighbouring variants that are compared as one block (sweep.h) */
#define SG_FAR INT32_MAX     /* the distance to nobody */

/* The nearest two rows of the reference: d[0] <= d[1]; among equals the smaller index first. at = -1, d = SG_FAR where
 * there are fewer. */
typedef struct sg_near {
    int64_t at[2];
    int32_t d[2];
} sg_near;

/* near [query.n_sample], overwritten. ref_min [ref.n_sample] or NULL, overwritten: distance of each reference row to
 * its nearest query row (SG_FAR when there is none). not_self: query and ref are the same people; row i is no neighbour
 * of row i. MISMATCH when the variants differ in number; LIMIT above 2^29 variants; NOMEM; CANCELLED. */
sg_status sg_nearest(const sg_people *query, const sg_people *ref, sg_metric metric, bool not_self, const sg_run *run,
                     sg_arena *a, sg_near *near, int32_t *ref_min, sg_err *err) SG_MUST_USE;

/* Name of the instruction set in use, e.g. "avx512". */
const char *sg_distance_kernel_name(void);

#endif
