/* source.h - the one door to a set of genotype files: PLINK 1 filesets, one file or one per chromosome.
 *
 * Shape:   one table of people, one table of variants over all files in order, genotypes on demand.
 * Units:   codes = copies of a1.
 * Owner:   tables live in the arena passed to sg_source_open; files are open only while they are read.
 * Threads: one call, one thread; a source is const once it is open.
 * Not here: which people and variants are wanted (panel/).
 *
 * Variants: chromosomes in one spelling ("1", "X", "MT", without "chr"); an ID "." becomes chrom:pos:a2:a1.
 */
#ifndef SG_FILESETS_SOURCE_H
#define SG_FILESETS_SOURCE_H

#include "base/run.h"
#include "formats/plink.h"

#include <limits.h>

typedef struct sg_source_file {
    char *path;           /* genotypes: .bed */
    char *people, *table; /* .fam and .bim */
    int64_t first, n;     /* its rows of the table of variants */
} sg_source_file;

typedef struct sg_source {
    int n_file, n_absent; /* of a pattern: chromosomes with and without a file */
    sg_source_file *file;
    char absent[96]; /* "21, 22, X" */
    sg_fam fam;
    sg_bim bim;
} sg_source;

/* bfile: PREFIX of PREFIX.bed, .bim, .fam. "{}" in it stands for 1..22 and X: chromosomes without any file are skipped
 * (n_absent), none at all is NOT_FOUND. People must be the same in all files (MISMATCH names both). FORMAT, LIMIT,
 * NOT_FOUND, NOMEM as the readers say; CANCELLED. */
sg_status sg_source_open(const char *bfile, const sg_run *run, sg_arena *a, sg_source *out, sg_err *err) SG_MUST_USE;

/* "data/chr2.bim line 17": where row v of the table comes from. */
enum { SG_SOURCE_PLACE = 400 };
const char *sg_source_place(const sg_source *s, int64_t v, char out[SG_SOURCE_PLACE]);

/* A few rows: variants want[first .. first + n - 1], each padded to SG_ROW_WORDS words (geno.h). Valid until it returns.
 * A status other than OK ends the reading and is returned. */
typedef sg_status sg_source_fn(void *ctx, int64_t first, int64_t n, const uint64_t *row, sg_err *err);

/* Streams variants want[0 .. n_want-1] through fn in that order, in blocks that begin at multiples of 64 and hold at
 * most 64. Ascending row numbers are read at the speed of the disk, others with seeks. Memory: one block and one
 * buffer. stage: words for progress, NULL none. As sg_source_open, and MISMATCH when
 * a file is no longer the one that was opened. */
sg_status sg_source_read(const sg_source *s, const int64_t *want, int64_t n_want, const char *stage, const sg_run *run,
                         sg_arena *a, sg_source_fn *fn, void *ctx, sg_err *err) SG_MUST_USE;

/* People `where` on variants `want`: where [fam.n] is their row of `out` or -1, NULL everybody in order. out
 * [people, n_want] is overwritten. Memory beyond out: one block. */
sg_status sg_source_people(const sg_source *s, const int64_t *want, int64_t n_want, const int64_t *where,
                           const sg_run *run, sg_arena *a, sg_people *out, sg_err *err) SG_MUST_USE;

#endif
