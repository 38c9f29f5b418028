/* match.h - which row of the summary statistics belongs to which variant of the .bim.
 *
 * Shape:   one sg_match per row of the .bim, and its fate. The statistics stream by; memory goes with the .bim.
 * Units:   beta, freq as the summary statistics have them: per copy of, and frequency of, THEIR effect allele.
 * Owner:   the arena.
 * Threads: one matching, one thread.
 * Not here: frequencies of our people (qc.h), and hence the last word on palindromes.
 */
#ifndef SG_PANEL_MATCH_H
#define SG_PANEL_MATCH_H

#include "filesets/source.h"
#include "formats/sumstats.h"
#include "panel/align.h"

/* What became of a variant of the .bim. In the order in which they are asked. */
#define SG_FATE_LIST(X)                                                                                                \
    X(OPEN, "kept", "chosen")                                                                                          \
    X(LISTED, "excluded", "left out by --extract or --exclude")                                                        \
    X(UNPLACED, "unplaced", "without a chromosome or position")                                                        \
    X(REGION, "region", "outside --region or inside --exclude-region")                                                 \
    X(HAPLOID, "not_diploid", "on X, Y or MT, of which not everybody has two copies")                                  \
    X(ALLELES, "not_acgt", "with an allele that is not letters A, C, G, T (or one allele only)")                       \
    X(SHARED, "not_biallelic", "at a position of several variants, where the summary statistics name another or none") \
    X(ABSENT, "not_in_sumstats", "not in the summary statistics")                                                      \
    X(DISAGREE, "alleles_disagree", "whose alleles disagree with the summary statistics")                              \
    X(MISSING, "geno", "with too many missing genotypes (--geno)")                                                     \
    X(STRAND, "palindromic", "palindromic (A/T or C/G) with a strand that frequency does not settle")                  \
    X(RARE, "too_rare", "with at most 2 minor alleles")                                                                \
    X(MAF, "maf", "below --maf")                                                                                       \
    X(HWE, "hwe", "out of Hardy-Weinberg equilibrium in controls (--hwe)")                                             \
    X(CLUMPED, "clumped", "linked to a variant with a smaller p (--clump-r2, --clump-kb)")                             \
    X(NEAR, "near", "nearer than --min-distance to one with a smaller p")                                              \
    X(CLUMP_P, "clump_p1", "above --clump-p1 and not linked to one below")                                             \
    X(NOT_TOP, "not_top", "not among the --top smallest p")

typedef enum sg_fate {
#define X(name, key, words) SG_FATE_##name,
    SG_FATE_LIST(X)
#undef X
        SG_N_FATE
} sg_fate;
const char *sg_fate_key(sg_fate f);
const char *sg_fate_words(sg_fate f);

typedef struct sg_match {
    double p, mlog10p, beta, se, freq; /* mlog10p orders p below the smallest double */
    uint8_t align;                     /* sg_align; NONE: no row, or none that agrees */
    bool seen;                         /* some row spoke of this variant */
    bool by_place;                     /* found by chromosome and position, not by ID */
} sg_match;

/* Whether x is more significant than y: the smaller p, below the smallest double the larger mlog10p. */
bool sg_match_before(const sg_match *x, const sg_match *y);

typedef struct sg_matches {
    int64_t n;                            /* rows of the .bim */
    sg_match *of;                         /* [n] */
    uint8_t *fate;                        /* [n] sg_fate */
    int64_t *order;                       /* [n] row numbers in genome order */
    int64_t n_by_id, n_by_place;          /* variants matched */
    int64_t n_of_several;                 /* of them: the one named at a place of several variants */
    int64_t n_repeat;                     /* rows of the summary statistics for a variant that had one already */
    int64_t n_place_same, n_place_differ; /* matched by ID, both positions known */
    bool place_refused; /* most positions differ (another genome build): matches by position alone were undone */
} sg_matches;

/* Genome order and the fates that the .bim alone decides. listed [bim.n]: 1 = left out by a list, outside [bim.n]:
 * by its region; NULL: none. */
sg_status sg_match_begin(const sg_bim *bim, const uint8_t *listed, const uint8_t *outside, sg_arena *a, sg_matches *m,
                         sg_err *err) SG_MUST_USE;

/* Reads the summary statistics; weights: effects alone, p is not read. By ID first, else by chromosome and position where the alleles agree; of several rows
 * for one variant the one whose alleles agree as written, then on the other strand, then the smaller p. Of several
 * variants at one place (a site of several alleles, a SNP beside an indel) the one whose two alleles a row names, as they
 * are written, is kept; of several such the one with the smallest p; none when the same alleles stand there twice. FORMAT also
 * when an ID that the summary statistics name stands twice in the .bim (both lines are named). */
sg_status sg_match_read(const char *sumstats, const char *columns, bool weights, const sg_source *source, sg_matches *m,
                        sg_arena *a, sg_sum_report *report, sg_err *err) SG_MUST_USE;

#endif
