/* pheno.h - who is a case: a phenotype file, or column 6 of the .fam, as one label per person.
 *
 * Shape:   label [n] in the order of the .fam: 0 control, 1 case, SG_PHENO_MISSING.
 * Units:   numbers are PLINK's 1/2 (0 and -9 missing) when a 2 occurs, else 0/1 (-9 missing); NA, nan and "." are
 *          missing. Words and quantities need an option that says which are cases.
 * Owner:   the arena.
 * Threads: one call, one thread.
 * Not here: dropping people (panel/).
 */
#ifndef SG_FORMATS_PHENO_H
#define SG_FORMATS_PHENO_H

#include "formats/plink.h"

enum { SG_PHENO_MISSING = -1 };

typedef struct sg_pheno_options {
    const char *column;     /* column of the header line; NULL: the only one */
    const char *case_label; /* this word is a case, every other a control; NULL: numbers */
    const char *threshold;  /* "median" or a number: above is a case; NULL: not a quantity */
} sg_pheno_options;

typedef struct sg_pheno {
    int64_t n;
    int8_t *label;
    int64_t n_case, n_control, n_missing; /* of the .fam; missing = no row, or a missing value */
    int64_t n_no_row;                     /* of n_missing */
    int64_t n_unknown;                    /* rows for people who are not in the .fam */
    double threshold;                     /* NaN unless one was used */
} sg_pheno;

/* A file of FID IID VALUE..., or with a header line (#)FID IID NAME..., or #IID NAME.... index is sg_fam_index's.
 * FORMAT with the line (never an ID), MISMATCH (a column that is not there, nobody of the .fam in it), NOT_FOUND. */
sg_status sg_pheno_load(const char *path, const sg_pheno_options *o, const sg_fam *fam, const sg_index *index,
                        sg_arena *a, sg_pheno *out, sg_err *err) SG_MUST_USE;
sg_status sg_pheno_decode(const char *name, char *data, size_t n, const sg_pheno_options *o, const sg_fam *fam,
                          const sg_index *index, sg_arena *a, sg_pheno *out, sg_err *err) SG_MUST_USE;

/* Column 6 of the .fam; o->column is ignored. */
sg_status sg_pheno_from_fam(const char *name, const sg_pheno_options *o, const sg_fam *fam, sg_arena *a, sg_pheno *out,
                            sg_err *err) SG_MUST_USE;

/* A list of people (FID IID per line, further columns ignored; a header line is skipped): in_list [fam.n] is set to 1
 * for those named, *n_unknown counts rows of people who are not in the .fam. For --keep and --remove. */
sg_status sg_people_list_load(const char *path, const sg_index *index, uint8_t *in_list, int64_t *n_unknown,
                              sg_arena *a, sg_err *err) SG_MUST_USE;

#endif
