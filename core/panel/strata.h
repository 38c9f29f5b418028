/* strata.h - groups of people of like ancestry, so that the split and its audit set hold each in proportion.
 *
 * Shape:   the panel's own SNPs (evenly spaced ones of a large panel), principal components of up to 4,096 people, everybody
 *          projected on the first four, then k-means from the best of ten beginnings.
 * Units:   -
 * Owner:   the caller.
 * Threads: uses run->pool; the same groups for any number of threads.
 * Not here: the split (split.h); what the groups are called: nobody's ancestry is named or kept.
 */
#ifndef SG_PANEL_STRATA_H
#define SG_PANEL_STRATA_H

#include "base/run.h"
#include "geno/geno.h"

enum { SG_STRATA_MAX = 32 };

/* stratum [p.n_sample] from 0 to n - 1, overwritten. No missing genotypes. NOMEM. */
sg_status sg_strata(const sg_people *p, int n, const sg_run *run, sg_arena *a, uint8_t *stratum,
                    sg_err *err) SG_MUST_USE;

#endif
