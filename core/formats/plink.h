/* plink.h - PLINK 1 filesets: .bed (SNP-major), .bim, .fam.
 *
 * Shape:   n_variant rows of .bim, n_sample rows of .fam, genotypes variant-major (geno/geno.h).
 * Units:   positions in base pairs, cm in centimorgan; codes = copies of A1 (column 5 of the .bim).
 * Owner:   strings and genotypes live in the arena passed in.
 * Threads: one call, one thread.
 * Not here: phenotypes (pheno.h), selection (panel/).
 *
 * On disk: 00 hom A1, 01 missing, 10 het, 11 hom A2. In memory: 2, 3, 1, 0.
 */
#ifndef SG_FORMATS_PLINK_H
#define SG_FORMATS_PLINK_H

#include "formats/index.h"
#include "geno/geno.h"

typedef struct sg_bim_row {
    const char *chrom, *id, *a1, *a2;
    double cm;
    int64_t pos;
    const char *cm_text; /* cm as it was written, so that a file is rewritten byte for byte; NULL: print cm */
} sg_bim_row;

typedef struct sg_fam_row {
    const char *fid, *iid, *father, *mother;
    int sex;           /* 1 male, 2 female, 0 unknown */
    const char *pheno; /* column 6 as written */
} sg_fam_row;

typedef struct sg_bim {
    int64_t n;
    sg_bim_row *row;
} sg_bim;

typedef struct sg_fam {
    int64_t n;
    sg_fam_row *row;
} sg_fam;

/* FORMAT with file and line; NOT_FOUND; LIMIT; NOMEM. Columns are parted by tabs or blanks; a position is 0 (unknown)
 * to 2^31 - 1. PLINK skips variants with a negative position without a word; here they are refused. Rows are numbered
 * from 0 and stand on line row + 1: empty lines are refused. */
sg_status sg_bim_load(const char *path, sg_arena *a, sg_bim *out, sg_err *err) SG_MUST_USE;
sg_status sg_fam_load(const char *path, sg_arena *a, sg_fam *out, sg_err *err) SG_MUST_USE;
sg_status sg_bim_save(const char *path, const sg_bim *bim, sg_err *err) SG_MUST_USE;
sg_status sg_fam_save(const char *path, const sg_fam *fam, sg_err *err) SG_MUST_USE;

/* The same from text in memory; n bytes at data, data[n] writable; strings point into data. For fuzzing. */
sg_status sg_bim_decode(const char *name, char *data, size_t n, sg_arena *a, sg_bim *out, sg_err *err) SG_MUST_USE;
sg_status sg_fam_decode(const char *name, char *data, size_t n, sg_arena *a, sg_fam *out, sg_err *err) SG_MUST_USE;

/* Two rows with the same FID and IID: FORMAT with both line numbers (never the ID). index, when not NULL, receives the
 * table from (FID, IID) to row. */
sg_status sg_fam_index(const char *name, const sg_fam *fam, sg_arena *a, sg_index *index, sg_err *err) SG_MUST_USE;

/* The whole .bed in memory (n bytes), for fuzzing and small files. FORMAT: wrong magic, individual-major (with advice);
 * MISMATCH: ".bed has 1 data bytes, .bim and .fam ask for 4". */
sg_status sg_bed_decode(const uint8_t *bed, size_t n, int64_t n_variant, int64_t n_sample, sg_arena *a, sg_geno *out,
                        sg_err *err) SG_MUST_USE;

/* Row by row, for files larger than memory. open checks magic and size as sg_bed_decode does; read is safe from several
 * threads at once. row [(n_sample + 3) / 4] is overwritten with codes as in sg_geno. */
typedef struct sg_bed sg_bed;
sg_status sg_bed_open(const char *path, int64_t n_variant, int64_t n_sample, sg_bed **out, sg_err *err) SG_MUST_USE;
sg_status sg_bed_read(const sg_bed *b, int64_t v, uint8_t *row, sg_err *err) SG_MUST_USE;
/* n rows from v on as they lie on disk, one after the other, in one go; sg_bed_codes turns one of them into codes, as
 * SG_ROW_WORDS words (geno.h). */
sg_status sg_bed_read_raw(const sg_bed *b, int64_t v, int64_t n, uint8_t *rows, sg_err *err) SG_MUST_USE;
void sg_bed_codes(int64_t n_sample, const uint8_t *raw, uint64_t *row);
void sg_bed_close(sg_bed *b); /* accepts NULL */

/* Only variants want[0..n_want-1] (ascending row numbers of the .bim) are read from `path`: memory is n_want rows. */
sg_status sg_bed_load(const char *path, int64_t n_variant, int64_t n_sample, const int64_t *want, int64_t n_want,
                      sg_arena *a, sg_geno *out, sg_err *err) SG_MUST_USE;
sg_status sg_bed_save(const char *path, const sg_geno *g, sg_err *err) SG_MUST_USE;

#endif
