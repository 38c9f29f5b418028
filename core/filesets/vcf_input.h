/* vcf_input.h - headers and records of VCF and BCF through htslib, none longer than it may be. Private to core/filesets.
 *
 * Shape:   as bcf_hdr_read and bcf_read, which grow one line of text to 2 GiB and believe a BCF's own lengths up to 4 GiB:
 *          a few megabytes of gzip could take all memory.
 * Units:   bytes.
 * Owner:   the header is the caller's (bcf_hdr_destroy); line is the caller's scratch (ks_free).
 * Threads: one file, one thread.
 * Not here: what a record means (vcf_reader.c).
 */
#ifndef SG_FILESETS_VCF_INPUT_H
#define SG_FILESETS_VCF_INPUT_H

#include "base/status.h"

#include <htslib/kstring.h>
#include <htslib/vcf.h>

/* FORMAT: no header, or damaged; LIMIT: longer than 256 MiB. */
sg_status sg_vcf_header(htsFile *f, const char *path, bcf_hdr_t **out, sg_err *err) SG_MUST_USE;

/* Longest record of a file with that many people: no genotype with all its extras needs a thousand bytes. */
int64_t sg_vcf_record_max(int64_t n_people);

enum { SG_VCF_END = -1, SG_VCF_DAMAGED = -2, SG_VCF_TOO_LONG = -10 };
/* 0 or one of these. */
int sg_vcf_record(htsFile *f, bcf_hdr_t *head, kstring_t *line, bcf1_t *rec) SG_MUST_USE;

#endif
