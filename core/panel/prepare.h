/* prepare.h - from a genotype fileset, a phenotype and summary statistics to a dataset folder.
 *
 * Shape:   everything a steward can set is in sg_prepare_options; everything that was counted is in sg_prepare_report.
 * Units:   shares from 0 to 1.
 * Owner:   the caller owns options and report; strings of options must outlive the call.
 * Threads: one call, one thread.
 * Not here: training.
 */
#ifndef SG_PANEL_PREPARE_H
#define SG_PANEL_PREPARE_H

#include "base/file.h"
#include "base/run.h"
#include "formats/pheno.h"
#include "panel/clump.h"
#include "panel/match.h"
#include "panel/panel.h"
#include "panel/relatives.h"
#include "panel/split.h"
#include "panel/strata.h"

/* By what the --top are chosen. EFFECT: 2 f (1 - f) beta^2, the variance explained, f of our people; for published scores,
 * which have no p. */
typedef enum sg_rank { SG_RANK_P, SG_RANK_EFFECT } sg_rank;

typedef struct sg_prepare_options {
    const char *bfile, *vcf, *pheno, *sumstats,
        *out;            /* bfile or vcf: as sg_source_open; pheno NULL: column 6 of the .fam */
    const char *columns; /* of the summary statistics, see sumstats.h; NULL */
    sg_pheno_options pheno_options;
    const char *trait;
    const char *label_names;                       /* "control,case"; NULL: those two, or from the case label */
    const char *keep, *remove, *extract, *exclude; /* file names or NULL */
    const char *sex_only;                          /* "male", "female" or NULL */
    int64_t top;
    sg_rank rank;
    sg_clump_options clump;
    const char *regions, *no_regions; /* "6:25000000-34000000,hla"; NULL */
    double maf, geno, mind, hwe;
    double prevalence; /* NaN: the share among the people */
    sg_impute impute;
    sg_split_options split;
    int64_t strata; /* groups of like ancestry, each split by itself; 0 or 1: none are looked for */
    sg_relatives_options relatives;
} sg_prepare_options;
sg_prepare_options sg_prepare_default(void);

typedef struct sg_prepare_report {
    int64_t n_fam, n_listed, n_sex, n_no_label, n_mind, n_people; /* people: read, left out by reason, kept */
    int64_t n_pheno_unknown;                                      /* phenotype rows of people who are not there */
    double threshold;                                             /* NaN unless the phenotype was cut */
    int64_t n_role[SG_N_ROLE][SG_LABEL_MAX];
    int64_t n_calibration[SG_LABEL_MAX]; /* of the test people of each label */
    int64_t n_stratum[SG_STRATA_MAX];    /* people of each group of like ancestry; all 0 when none were looked for */
    int64_t n_audit[SG_N_ROLE];          /* placed by a coin; none in VAL */
    sg_relatives_report kin;
    int n_file;            /* genotype files */
    sg_source_calls calls; /* of the chosen SNPs and people read: what a VCF has and a panel cannot hold */
    char absent[96];       /* chromosomes of the pattern without a file */
    int64_t n_bim, n_fate[SG_N_FATE];
    int64_t n_align[SG_N_ALIGN]; /* of the chosen; palindromes before they were settled */
    int64_t n_by_id, n_by_place, n_of_several, n_repeat, n_place_same, n_place_differ;
    bool place_refused;
    int64_t top_wanted, n_imputed;
    sg_sum_report sum;
    char label_name[SG_LABEL_MAX][SG_LABEL_NAME];
    double prevalence;
    sg_digest digest;
} sg_prepare_report;

/* FORMAT, MISMATCH, NOT_FOUND, LIMIT as the readers say; DEGENERATE when nothing is left (the message tells where
 * everything went); STATE when out exists; CANCELLED. Nothing is left behind on failure. json, when not NULL, receives
 * prepare.json. The report is filled as far as things went. */
sg_status sg_prepare(const sg_prepare_options *o, const sg_run *run, sg_arena *a, sg_prepare_report *rep, sg_buf *json,
                     sg_err *err) SG_MUST_USE;

/* The counts as lines for a person, one step each, appended to b. */
sg_status sg_prepare_flow(const sg_prepare_report *rep, sg_buf *b, sg_err *err) SG_MUST_USE;

#endif
