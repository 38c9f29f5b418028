/* neighbours.h - the neighbourhoods of people: how far the k-th nearest is, and who lies inside somebody's.
 *
 * Shape:   p [n], query [n_q], ref [n_r] of the same variants.
 * Units:   distances as distance.h.
 * Owner:   the caller's arrays; scratch from the arena, rewound before return.
 * Threads: uses run->pool; the same bytes for any number of threads.
 * Not here: the nearest person (distance.h).
 */
#ifndef SG_GENO_NEIGHBOURS_H
#define SG_GENO_NEIGHBOURS_H

#include "geno/distance.h"

enum { SG_NEIGHBOUR_MAX = 32 };

/* radius [n], overwritten: distance of each row to its k-th nearest other row, SG_FAR when there are fewer than k.
 * LIMIT: k outside 1..SG_NEIGHBOUR_MAX; NOMEM; CANCELLED. */
sg_status sg_neighbour_radius(const sg_people *p, sg_metric metric, int k, const sg_run *run, sg_arena *a,
                              int32_t *radius, sg_err *err) SG_MUST_USE;

/* inside [n_q], overwritten: 1 where some ref row r is at most radius[r] away. MISMATCH; NOMEM; CANCELLED. */
sg_status sg_neighbour_inside(const sg_people *query, const sg_people *ref, const int32_t *radius, sg_metric metric,
                              const sg_run *run, sg_arena *a, uint8_t *inside, sg_err *err) SG_MUST_USE;

#endif
