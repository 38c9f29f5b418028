/* export.h - a synthetic cohort as files, in the formats of the field.
 *
 * Shape:   PREFIX.bed/.bim/.fam; PREFIX.vcf.gz(.tbi); PREFIX.bcf(.csi); PREFIX.npy [people, SNPs] int8 with labels
 *          [people]; PREFIX.pgen/.pvar/.psam; with labels always PREFIX.pheno.
 * Units:   people come as copies of the panel's counted allele; every file counts A1: .npy 0, 1, 2 copies of it, VCF and
 *          PLINK 2 have it as ALT, with A2 as REF.
 * Owner:   an export by its maker until commit or abort; the spec and what it points to must outlive it.
 * Threads: one call, one thread; run->pool turns genotypes about and compresses. The bytes do not depend on it.
 * Not here: whether people may be released (privacy/), manifests (server/).
 *
 * People come in groups and are never all in memory: files that stand variant after variant are filled at the right
 * places (matrix.h), VCF and BCF are made from such a file. All files have temporary names until commit.
 */
#ifndef SG_COHORTS_EXPORT_H
#define SG_COHORTS_EXPORT_H

#include "base/run.h"
#include "formats/plink.h"

#include <stdio.h>

/* bit, word, what it is */
#define SG_EXPORTS(X)                                                                                                  \
    X(PLINK, plink, "PLINK 1")                                                                                         \
    X(VCF, vcf, "VCF, bgzipped, with an index")                                                                        \
    X(BCF, bcf, "BCF with an index")                                                                                   \
    X(NPY, npy, "NumPy array")                                                                                         \
    X(PGEN, pgen, "PLINK 2")

enum {
#define X(name, word, words) SG_EXPORT_AT_##name,
    SG_EXPORTS(X)
#undef X
        SG_N_EXPORT
};
enum {
#define X(name, word, words) SG_EXPORT_##name = 1 << SG_EXPORT_AT_##name,
    SG_EXPORTS(X)
#undef X
};

const char *sg_export_word(int at); /* "plink" for SG_EXPORT_AT_PLINK */

/* "plink,vcf" to bits. FORMAT: a word that is none of them (lists them), twice the same, none at all. */
sg_status sg_export_parse(const char *list, unsigned *formats, sg_err *err) SG_MUST_USE;

/* Sex of everybody who can have a trait: 2 for "bc" and other names of breast cancer, 1 for those of prostate cancer, 0
 * for all others. */
int sg_export_sex_of(const char *trait);

typedef struct sg_export_spec {
    const char *prefix;
    const char *labels; /* path of the labels' .npy; NULL: PREFIX.labels.npy */
    unsigned formats, mode;
    const sg_bim *variants;
    bool counted_a2; /* codes are copies of A2 */
    int64_t n_people;
    const int8_t *label; /* [n_people] 0 control, 1 case, ...; NULL unknown */
    int sex;             /* of everybody: 1 male, 2 female, 0 unknown */
    const char *trait;   /* column of the phenotype */
    const char *model;   /* for headers */
    uint64_t seed;
} sg_export_spec;

/* Person i (from 0) is "SYN0000001" and so on: unique, and the same in every format. */
void sg_export_name(int64_t person, char out[64]);

typedef struct sg_export sg_export;

/* LIMIT: what a format cannot hold (vcf_writer.h), paths too long; IO; NOMEM. */
sg_status sg_export_open(const sg_export_spec *s, const sg_run *run, sg_export **out, sg_err *err) SG_MUST_USE;
/* The next people, as many as a multiple of 4 unless they are the last (asserted). Scratch from a. IO, NOMEM. */
sg_status sg_export_add(sg_export *e, const sg_people *people, const sg_run *run, sg_arena *a, sg_err *err) SG_MUST_USE;
/* Everything under its name, or nothing: half a fileset is removed again. Frees e. IO, NOMEM, CANCELLED. */
sg_status sg_export_commit(sg_export *e, const sg_run *run, sg_arena *a, sg_err *err) SG_MUST_USE;
void sg_export_abort(sg_export *e); /* accepts NULL */

/* The three for people who are in memory already. */
sg_status sg_export_people(const sg_export_spec *s, const sg_people *people, const sg_run *run, sg_arena *a,
                           sg_err *err) SG_MUST_USE;

/* Reads every file back with the readers of files from elsewhere, and compares with `people` and s->label: INTERNAL
 * names the file that holds something else. Memory: a few rows, and the tables. */
sg_status sg_export_check(const sg_export_spec *s, const sg_people *people, const sg_run *run, sg_arena *a,
                          sg_err *err) SG_MUST_USE;

/* One line of text per file, for a README. */
void sg_export_describe(const sg_export_spec *s, FILE *f);

#endif
