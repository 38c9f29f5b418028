/* inside.h - what source.c and its readers share; nobody else includes it.
 *
 * A reader is one genotype file open for reading. VCF and BCF also make the table of variants; a PLINK fileset has it in
 * its .bim.
 */
#ifndef SG_FILESETS_INSIDE_H
#define SG_FILESETS_INSIDE_H

#include "filesets/source.h"

/* One spelling per chromosome; neighbours share one string. last: {as written, as kept} of the row before. */
const char *sg_source_chrom(const char *name, const char *last[2], sg_arena *a);

/* ---- .bed ---- */

typedef struct sg_bed_reader sg_bed_reader;
sg_status sg_bed_reader_open(const sg_source_file *f, int64_t n_sample, sg_bed_reader **out, sg_err *err) SG_MUST_USE;
/* Row v of the table, which is one of this file. ahead [n]: the rows that will be asked for next, so that neighbours are read at once. */
sg_status sg_bed_reader_row(sg_bed_reader *r, int64_t v, const int64_t *ahead, int64_t n, uint64_t *row,
                            sg_err *err) SG_MUST_USE;
void sg_bed_reader_close(sg_bed_reader *r); /* accepts NULL */

/* ---- VCF and BCF ---- */

typedef struct sg_vcf_reader sg_vcf_reader;
sg_status sg_vcf_reader_open(const char *path, sg_vcf_reader **out, sg_err *err) SG_MUST_USE;
sg_status sg_vcf_reader_people(const sg_vcf_reader *r, sg_arena *a, sg_fam *out, sg_err *err) SG_MUST_USE;
/* Reads to the end; fills at, number and alt of f. Call once, first. */
sg_status sg_vcf_reader_table(sg_vcf_reader *r, const sg_run *run, sg_arena *a, sg_source_file *f, sg_bim *out,
                              sg_err *err) SG_MUST_USE;
/* Row v of the file; want is that row of the table. */
sg_status sg_vcf_reader_row(sg_vcf_reader *r, const sg_source_file *f, const sg_bim_row *want, int64_t v,
                            sg_source_calls *calls, uint64_t *row, sg_err *err) SG_MUST_USE;
/* The same as two haplotypes per person; see sg_source_haplotypes. */
sg_status sg_vcf_reader_haplotypes(sg_vcf_reader *r, const sg_source_file *f, const sg_bim_row *want, int64_t v,
                                   sg_source_calls *calls, uint64_t *bits, uint64_t *missing, bool *phased,
                                   sg_err *err) SG_MUST_USE;
void sg_vcf_reader_close(sg_vcf_reader *r); /* accepts NULL */

#endif
