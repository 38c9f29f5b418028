/* tally.h - counts of genotypes by group of people, for the discovery study; private to core/simulate.
 *
 * Shape:   count [n_snp, n_group][3]: people with 0, 1 and 2 copies.
 * Owner:   the arena.
 * Threads: variants are shared out over run->pool.
 */
#ifndef SG_SIMULATE_TALLY_H
#define SG_SIMULATE_TALLY_H

#include "base/run.h"
#include "geno/geno.h"

/* Adds people (none missing) to count; group [people.n_sample] from 0. NOMEM. */
sg_status sg_tally_add(const sg_people *people, const int8_t *group, int n_group, const sg_run *run, sg_arena *a,
                       int64_t (*count)[3], sg_err *err) SG_MUST_USE;

#endif
