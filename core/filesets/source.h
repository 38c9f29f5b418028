/* source.h - the one door to a set of genotype files: PLINK 1 filesets, VCF or BCF, one file or one per chromosome.
 *
 * Shape:   one table of people, one table of variants over all files in order, genotypes on demand.
 * Units:   codes = copies of a1; of a VCF a1 is ALT and a2 is REF, as in PLINK 2.
 * Owner:   tables live in the arena passed to sg_source_open; files are open only while they are read.
 * Threads: one call, one thread; a source is const once it is open.
 * Not here: which people and variants are wanted (panel/).
 *
 * Variants: chromosomes in one spelling ("1", "X", "MT", without "chr"); an ID "." becomes chrom:pos:a2:a1.
 * A record of a VCF with several ALT alleles is one row per ALT, with the same ID and place. Symbolic alleles, "*" and "."
 * stand in the table as they are. Of the calls a panel cannot hold (half, haploid, a third allele, no GT) each is read as
 * missing and counted; more than two alleles in one genotype are refused.
 */
#ifndef SG_FILESETS_SOURCE_H
#define SG_FILESETS_SOURCE_H

#include "base/run.h"
#include "formats/plink.h"

#include <limits.h>

typedef struct sg_source_file {
    char *path;            /* genotypes: .bed, .vcf, .vcf.gz, .bcf */
    char *people, *table;  /* .fam and .bim; of a VCF path again */
    int64_t first, n;      /* its rows of the table of variants */
    uint64_t *at, *number; /* VCF: [n] where the record begins, and its number */
    uint16_t *alt;         /* VCF: [n] which ALT, from 1 */
} sg_source_file;

typedef struct sg_source_calls {
    int64_t n_half;      /* one allele of two is missing: 0/. */
    int64_t n_haploid;   /* one allele only: 1 */
    int64_t n_other;     /* an allele that is neither REF nor this row's ALT */
    int64_t n_no_gt_row; /* whole records without GT */
} sg_source_calls;

typedef struct sg_source {
    bool vcf;               /* VCF or BCF */
    sg_source_calls *calls; /* of all passes so far */
    int n_file, n_absent;   /* of a pattern: chromosomes with and without a file */
    sg_source_file *file;
    char absent[96]; /* "21, 22, X" */
    sg_fam fam;      /* of a VCF: FID and IID are the sample, sex and phenotype unknown */
    sg_bim bim;
} sg_source;

/* bfile: PREFIX of PREFIX.bed, .bim, .fam. "{}" in it stands for 1..22 and X: chromosomes without any file are skipped
 * (n_absent), none at all is NOT_FOUND. People must be the same in all files (MISMATCH names both). FORMAT, LIMIT,
 * NOT_FOUND, NOMEM as the readers say; CANCELLED. */
sg_status sg_source_open(const char *bfile, const sg_run *run, sg_arena *a, sg_source *out, sg_err *err) SG_MUST_USE;

/* The same for a VCF or BCF, plain or compressed; vcf: its whole name, again with "{}" or without. */
sg_status sg_source_open_vcf(const char *vcf, const sg_run *run, sg_arena *a, sg_source *out, sg_err *err) SG_MUST_USE;

/* "data/chr2.vcf.gz 2:1234" or "data/chr2.bim line 17": where row v of the table comes from. */
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

/* One variant as haplotypes: bit 2 i + h of `bits` is 1 when haplotype h of person i carries a1; bit i of `missing` when
 * the call is missing (both its bits are 0). Whole words, zeros behind. phased: every heterozygous call says which
 * haplotype has which allele (never of a PLINK fileset). */
typedef sg_status sg_haplotypes_fn(void *ctx, int64_t v, const uint64_t *bits, const uint64_t *missing, bool phased,
                                   sg_err *err);

/* Streams variants want[0 .. n_want-1], ascending, through fn. As sg_source_read. */
sg_status sg_source_haplotypes(const sg_source *s, const int64_t *want, int64_t n_want, const char *stage,
                               const sg_run *run, sg_arena *a, sg_haplotypes_fn *fn, void *ctx,
                               sg_err *err) SG_MUST_USE;

#endif
