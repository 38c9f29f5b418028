/* fileset.h - the people of a PLINK fileset on the SNPs of a panel.
 *
 * Shape:   people [rows of the .fam, panel.n_snp], in the order of both.
 * Units:   copies of the panel's counted allele.
 * Owner:   the arena.
 * Threads: main thread.
 * Not here: strands and frequencies (panel/align.h): these files were made for the panel, so alleles must agree as they
 *          are or swapped.
 */
#ifndef SG_CLI_FILESET_H
#define SG_CLI_FILESET_H

#include "formats/plink.h"
#include "panel/panel.h"

typedef struct sg_fileset {
    sg_people people; /* SG_MISSING where the file has no call */
    sg_fam fam;
    int64_t n_missing; /* genotypes without a call */
    int64_t n_swapped; /* SNPs whose A1 is the panel's A2 */
} sg_fileset;

/* Reads prefix.bed, .bim and .fam. SNPs are found by ID and both alleles; what else the fileset has is skipped.
 * MISMATCH: how many of the panel's SNPs are absent, how many have other alleles, and the first; FORMAT, NOT_FOUND,
 * LIMIT, NOMEM as formats/plink.h. */
sg_status sg_fileset_load(const char *prefix, const sg_panel *panel, sg_arena *a, sg_fileset *out,
                          sg_err *err) SG_MUST_USE;

#endif
