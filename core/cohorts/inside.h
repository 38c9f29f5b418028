/* inside.h - what the files of this folder share; nobody else includes it. */
#ifndef SG_COHORTS_INSIDE_H
#define SG_COHORTS_INSIDE_H

#include "cohorts/export.h"

#include <limits.h>

/* s->prefix with an ending. LIMIT. */
sg_status sg_export_path(const sg_export_spec *s, const char *ending, char out[PATH_MAX], sg_err *err) SG_MUST_USE;
/* Where the labels' .npy is. */
sg_status sg_export_labels(const sg_export_spec *s, char out[PATH_MAX], sg_err *err) SG_MUST_USE;

/* The head of a fixed-width .pgen, and what it writes for 0, 1, 2 copies of ALT and missing. */
enum { SG_PGEN_HEAD = 12 };
void sg_export_pgen_head(int64_t n_variant, int64_t n_people, uint8_t head[SG_PGEN_HEAD]);
extern const uint8_t sg_export_pgen_code[4];

/* Header lines of VCF, .pvar and .psam: what is synthetic about it. line [SG_EXPORT_META][..] */
enum { SG_EXPORT_META = 5, SG_EXPORT_LINE = 200 };
void sg_export_meta(const sg_export_spec *s, char line[SG_EXPORT_META][SG_EXPORT_LINE]);

sg_status sg_export_text(const sg_export_spec *s, sg_err *err) SG_MUST_USE; /* .bim .fam .pheno .pvar .psam labels */
void sg_export_unlink(const sg_export_spec *s);                             /* everything of these formats */

#endif
