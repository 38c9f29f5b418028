/* panel.h - the chosen SNPs, the people typed on them, and the folder a steward prepares.
 *
 * Shape:   sg_panel [n_snp] in genome order; sg_dataset: panel + people [n_sample, n_snp] + one label and one role each.
 * Units:   positions base pairs (1-based), cm centimorgan; beta per copy of the COUNTED allele, freq of that allele.
 * Owner:   the arena passed to the loader.
 * Threads: const after loading.
 * Not here: genotype files (formats/), weights (model/).
 */
#ifndef SG_PANEL_PANEL_H
#define SG_PANEL_PANEL_H

#include "crypto/crypto.h"
#include "formats/plink.h"
#include "geno/geno.h"

typedef struct sg_snp {
    const char *chrom, *id;
    double cm;
    int64_t pos;
    const char *a1, *a2;      /* as in the .bim */
    double freq, beta, se, p; /* NaN where unknown */
} sg_snp;

typedef struct sg_panel {
    int64_t n_snp;
    sg_snp *snp;     /* [n_snp] genome order */
    bool counted_a2; /* codes count copies of a2 instead of a1 (weights imported from the authors' code) */
} sg_panel;

/* panel.tsv: a line "##counted=a1" (or a2), a header line, then chrom id cm pos a1 a2 freq beta se p.
 * load: FORMAT with line number, NOT_FOUND, LIMIT (more than 65,536 SNPs), NOMEM. */
sg_status sg_panel_load(const char *path, sg_arena *a, sg_panel *out, sg_err *err) SG_MUST_USE;
sg_status sg_panel_save(const char *path, const sg_panel *p, sg_err *err) SG_MUST_USE;
/* The same from text in memory; n bytes at data, data[n] writable; strings point into data. For fuzzing. */
sg_status sg_panel_decode(const char *name, char *data, size_t n, sg_arena *a, sg_panel *out, sg_err *err) SG_MUST_USE;

/* The panel's SNPs as rows of a .bim; strings are the panel's. NOMEM. */
sg_status sg_panel_bim(const sg_panel *p, sg_arena *a, sg_bim *out, sg_err *err) SG_MUST_USE;

/* Who a person is to the model. Only TRAIN rows ever receive a gradient; they alone are "members". */
#define SG_ROLE_LIST(X) X(TRAIN, "train") X(VAL, "val") X(TEST, "test")
typedef enum sg_role {
#define X(name, word) SG_ROLE_##name,
    SG_ROLE_LIST(X)
#undef X
        SG_N_ROLE
} sg_role;
const char *sg_role_name(sg_role r);

/* What else the split decided, as bits. CALIBRATION: a TEST person of the half that attackers and thresholds may use; the
 * other TEST people are the half that is measured on. AUDIT: a fair coin of this person's family, and nothing else,
 * decided between TRAIN (heads) and TEST (tails). */
typedef enum sg_mark { SG_MARK_CALIBRATION = 1, SG_MARK_AUDIT = 2 } sg_mark;
/* No other bits; CALIBRATION on TEST alone, AUDIT not on VAL. */
bool sg_mark_ok(uint8_t mark, sg_role role);

enum { SG_LABEL_MAX = 16, SG_LABEL_NAME = 64 };

typedef struct sg_dataset {
    sg_panel panel;
    sg_people people; /* no SG_MISSING: imputed */
    int8_t *label;    /* [n_sample] 0..n_label-1; 0 control, 1 case for two-class traits */
    uint8_t *role;    /* [n_sample] sg_role */
    uint8_t *mark;    /* [n_sample] bits of sg_mark; NULL: prepared before there were any (format 1) */
    int n_label;
    char label_name[SG_LABEL_MAX][SG_LABEL_NAME];
    char trait[64];
    double prevalence; /* of label 1 in the population, as declared; else share among the people */
    sg_digest digest;  /* over panel, genotypes, labels, roles and marks: the data a model was trained on */
} sg_dataset;

/* The folder `snpgen prepare` wrote. FORMAT/MISMATCH name the file and place; STATE when a file belongs to another run.
 */
sg_status sg_dataset_load(const char *dir, sg_arena *a, sg_dataset *out, sg_err *err) SG_MUST_USE;

#endif
