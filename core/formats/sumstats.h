/* sumstats.h - summary statistics of an association study, in whatever of the usual shapes they come.
 *
 * Shape:   a header line, then one row per variant and test; plain text or gzip; parted by tabs, blanks or commas. Rows
 *          are handed on one by one: memory does not grow with the file.
 * Units:   beta is per copy of a1 on the log-odds (or linear) scale; an odds ratio arrives as its logarithm. NaN
 * unknown. Owner:   the strings of a row live until the callback returns. Threads: one call, one thread. Not here:
 * matching to genotypes (panel/).
 */
#ifndef SG_FORMATS_SUMSTATS_H
#define SG_FORMATS_SUMSTATS_H

#include "base/arena.h"

/* What a column can be. For each the usual names, in order of preference, stand in sumstats.c. Append only. */
#define SG_SUM_ROLES(X)                                                                                                \
    X(ID, "id")                                                                                                        \
    X(CHROM, "chrom")                                                                                                  \
    X(POS, "pos")                                                                                                      \
    X(A1, "a1") /* the allele the effect is for */                                                                     \
    X(A2, "a2")                                                                                                        \
    X(REF, "ref")                                                                                                      \
    X(ALT, "alt")                                                                                                      \
    X(FREQ, "freq")        /* of a1 */                                                                                 \
    X(REFFREQ, "ref-freq") /* of a2 */                                                                                 \
    X(BETA, "beta")                                                                                                    \
    X(OR, "or")                                                                                                        \
    X(SE, "se")                                                                                                        \
    X(P, "p")                                                                                                          \
    X(LOG10P, "log10p") /* -log10 of p */                                                                              \
    X(TEST, "test")

typedef enum sg_sum_role {
#define X(name, word) SG_SUM_##name,
    SG_SUM_ROLES(X)
#undef X
        SG_N_SUM_ROLE
} sg_sum_role;
const char *sg_sum_role_name(sg_sum_role r);

/* Why a row is not handed on. */
#define SG_SUM_DROPS(X)                                                                                                \
    X(OTHER_TEST, "row of another test than ADD")                                                                      \
    X(NO_NAME, "neither ID nor position")                                                                              \
    X(ALLELES, "alleles missing or not letters A, C, G, T")                                                            \
    X(SAME_ALLELES, "both alleles the same")                                                                           \
    X(EFFECT, "effect missing or not a number")                                                                        \
    X(OR, "odds ratio zero or negative")                                                                               \
    X(SE, "standard error zero or negative")                                                                           \
    X(P_MISSING, "p missing or not a number")                                                                          \
    X(P_RANGE, "p below 0 or above 1")                                                                                 \
    X(POSITION, "position not a whole number of 1 or more")

typedef enum sg_sum_drop {
#define X(name, words) SG_SUM_DROP_##name,
    SG_SUM_DROPS(X)
#undef X
        SG_N_SUM_DROP
} sg_sum_drop;
const char *sg_sum_drop_words(sg_sum_drop d);

typedef struct sg_sum_row {
    const char *id, *chrom; /* "" when unknown */
    const char *a1, *a2;    /* upper case; a2 "" when the file names one allele only */
    int64_t pos, line;      /* pos 0 unknown */
    double freq, beta, se, p;
    double mlog10p; /* -log10 of p, also where p is below the smallest double; INFINITY: p is 0 and nothing says more */
} sg_sum_row;

/* A status other than OK ends the reading and is returned. */
typedef sg_status sg_sum_fn(void *ctx, const sg_sum_row *row, sg_err *err);

typedef struct sg_sum_report {
    int64_t n_row, n_kept;
    int64_t n_drop[SG_N_SUM_DROP];
    int64_t n_p_floor;              /* p = 0 or below the smallest double: p is the smallest double, the rank mlog10p */
    int64_t n_bad_freq;             /* frequency outside 0..1: row kept, frequency unknown */
    char column[SG_N_SUM_ROLE][48]; /* the header's name for each role, "" when there is none */
} sg_sum_report;

/* columns: NULL, or "role=NAME,role=NAME" over the usual names (roles: SG_SUM_ROLES). FORMAT (no header, a needed
 * column that is not there - lists what is - or a broken gzip), LIMIT (a gzip that expands more than 200 times),
 * MISMATCH (a column given that is not there), NOT_FOUND, IO. */
sg_status sg_sumstats_read(const char *path, const char *columns, sg_sum_fn *fn, void *ctx, sg_sum_report *report,
                           sg_err *err) SG_MUST_USE;
/* The same for a list of effects (a score): p is neither wanted nor read, row.p is 0. */
sg_status sg_weights_read(const char *path, const char *columns, sg_sum_fn *fn, void *ctx, sg_sum_report *report,
                          sg_err *err) SG_MUST_USE;
/* The same from plain text in memory, for fuzzing. */
sg_status sg_sumstats_decode(const char *name, const void *data, size_t n, const char *columns, sg_sum_fn *fn,
                             void *ctx, sg_sum_report *report, sg_err *err) SG_MUST_USE;

#endif
