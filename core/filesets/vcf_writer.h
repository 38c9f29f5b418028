/* vcf_writer.h - bgzipped VCF with its .tbi, BCF with its .csi, one variant after the other.
 *
 * Shape:   genotypes only (GT, unphased); REF is a2, ALT is a1; "." when a1 is "0" or ".".
 * Units:   codes = copies of a1.
 * Owner:   sg_vcf_writer by its maker until commit or abort.
 * Threads: one call, one thread; compression may use more, which changes no byte.
 * Not here: which people and variants (cohorts/).
 *
 * A PLINK table does not say which allele the reference genome has, so every record carries INFO PR, "provisional
 * reference allele", as PLINK 2 writes it.
 */
#ifndef SG_FILESETS_VCF_WRITER_H
#define SG_FILESETS_VCF_WRITER_H

#include "formats/plink.h"

typedef struct sg_vcf_writer sg_vcf_writer;

typedef struct sg_vcf_writer_options {
    const char *path; /* the index goes to path.tbi or path.csi */
    bool bcf;
    unsigned mode;           /* permission bits of both files */
    int threads;             /* 1 or less: the calling thread alone */
    const char *const *meta; /* [n_meta] header lines, each "##key=value" */
    int n_meta;
    void (*name)(void *ctx, int64_t person, char out[64]); /* sample names */
    void *ctx;
} sg_vcf_writer_options;

/* LIMIT: the table is not in genome order, or names something a VCF cannot hold (says which line); IO, NOMEM. */
sg_status sg_vcf_writer_open(const sg_vcf_writer_options *o, const sg_bim *bim, int64_t n_people, sg_vcf_writer **out,
                             sg_err *err) SG_MUST_USE;
/* The next row of the table; row [SG_ROW_WORDS(n_people)]. IO. */
sg_status sg_vcf_writer_row(sg_vcf_writer *w, const uint64_t *row, sg_err *err) SG_MUST_USE;
/* Both files, whole, under their names; frees w whatever happens. */
sg_status sg_vcf_writer_commit(sg_vcf_writer *w, sg_err *err) SG_MUST_USE;
void sg_vcf_writer_abort(sg_vcf_writer *w); /* accepts NULL */

#endif
