/* region.h - stretches of the genome, as a person types them.
 *
 * Shape:   "6:25000000-34000000", "chrX:1-1000", "22" (a whole chromosome) or "hla", several with commas between.
 * Units:   bases from 1, both ends inside.
 * Owner:   plain values.
 * Threads: pure.
 * Not here: genome builds. "hla" is the extended MHC, 6:25000000-34000000, which covers it in GRCh37 and GRCh38.
 */
#ifndef SG_PANEL_REGION_H
#define SG_PANEL_REGION_H

#include "base/status.h"

enum { SG_REGION_MAX = 64 };

typedef struct sg_region {
    char chrom[32];
    int64_t from, to;
} sg_region;

/* FORMAT: what is wrong with which part of --option. LIMIT: too many. */
sg_status sg_regions_parse(const char *text, const char *option, sg_region out[SG_REGION_MAX], int *n,
                           sg_err *err) SG_MUST_USE;
bool sg_regions_hold(const sg_region *r, int n, const char *chrom, int64_t pos);

#endif
