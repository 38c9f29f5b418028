/* matrix.h - a file of 2-bit genotypes, variant after variant, filled by people who come in groups.
 *
 * Shape:   head bytes, then [n_variant, (n_sample + 3) / 4]: the body of a .bed and of a fixed-width .pgen.
 * Units:   codes as in geno.h in, the file's own codes out (one table).
 * Owner:   a matrix by its maker until commit or abort.
 * Threads: one call, one thread; groups are turned about by run->pool.
 * Not here: which format it is (export.c).
 *
 * People are made one after the other, files want variant after variant. As every genotype has its place in such a file,
 * a group of people is turned about in memory and each variant's piece is written where it belongs: memory is one group,
 * and no second pass is needed.
 */
#ifndef SG_COHORTS_MATRIX_H
#define SG_COHORTS_MATRIX_H

#include "base/file.h"
#include "base/run.h"
#include "geno/geno.h"

typedef struct sg_matrix {
    sg_out out;
    int64_t n_variant, n_sample, row_bytes;
    int64_t done;      /* people written so far */
    int head;          /* bytes before the first row */
    uint8_t byte[256]; /* codes of the panel to bytes of the file, and bytes of the file to copies of A1 */
    uint8_t back[256];
} sg_matrix;

/* code [4]: what stands in the file for 0, 1, 2 copies of A1 and missing. flip: people count A2. head [n_head]. As
 * sg_out_open. */
sg_status sg_matrix_open(const char *path, unsigned mode, const void *head, int n_head, const uint8_t code[4],
                         bool flip, int64_t n_variant, int64_t n_sample, sg_matrix *m, sg_err *err) SG_MUST_USE;

/* The next people. Their number is a multiple of 4 unless they are the last (asserted). IO, NOMEM (scratch). */
sg_status sg_matrix_add(sg_matrix *m, const sg_people *people, const sg_run *run, sg_arena *a, sg_err *err) SG_MUST_USE;

/* Takes the file's name away: it is gone when the matrix is aborted, or when the process dies. IO. */
sg_status sg_matrix_hide(sg_matrix *m, sg_err *err) SG_MUST_USE;

/* Row v as copies of A1, for formats that are made from it: row [SG_ROW_WORDS(n_sample)] overwritten. IO. */
sg_status sg_matrix_row(const sg_matrix *m, int64_t v, uint64_t *row, sg_err *err) SG_MUST_USE;

/* All people must have come (asserted). */
sg_status sg_matrix_commit(sg_matrix *m, sg_err *err) SG_MUST_USE;
void sg_matrix_abort(sg_matrix *m); /* accepts a zeroed, committed or aborted one */

/* The rest of a group size that fits about 32 MiB: people per group for n_variant variants, a multiple of 64. */
int64_t sg_matrix_group(int64_t n_variant);

#endif
