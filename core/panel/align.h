/* align.h - do two studies speak of the same alleles, and of the same copy.
 *
 * Shape:   one pair of alleles against another.
 * Units:   -
 * Owner:   -
 * Threads: pure.
 * Not here: finding which rows to compare (match.h).
 */
#ifndef SG_PANEL_ALIGN_H
#define SG_PANEL_ALIGN_H

#include <stdbool.h>

/* How alleles (s1, s2) of the summary statistics lie on alleles (a1, a2) of the .bim. */
#define SG_ALIGN_LIST(X)                                                                                               \
    X(NONE, "alleles disagree")                                                                                        \
    X(DIRECT, "as they are")                                                                                           \
    X(SWAPPED, "swapped")                                                                                              \
    X(STRAND, "on the other strand")                                                                                   \
    X(STRAND_SWAPPED, "on the other strand and swapped")                                                               \
    X(PALINDROME, "palindromic, written in the same order")                                                            \
    X(PALINDROME_SWAPPED, "palindromic, written in the other order")

typedef enum sg_align {
#define X(name, words) SG_ALIGN_##name,
    SG_ALIGN_LIST(X)
#undef X
        SG_N_ALIGN
} sg_align;
const char *sg_align_words(sg_align a);

/* Case does not matter. s2 may be "" (a file that names the effect allele alone). The other strand is tried for single
 * letters only. A palindrome (A/T, C/G) reads the same on both strands: letters alone cannot settle it. */
sg_align sg_align_alleles(const char *a1, const char *a2, const char *s1, const char *s2);

/* Settles a palindrome by frequency. freq: of a1 among our people; sum_freq: of s1 in the summary statistics. Both must
 * be known and at least 0.08 away from one half; the result must leave them within 0.2 of each other. Returns DIRECT,
 * SWAPPED (s1 is our a2, beta changes sign) or NONE (not settled). Other alignments are returned unchanged. */
sg_align sg_align_settle(sg_align a, double freq, double sum_freq);

/* True when beta and frequency must be turned round to speak of a1. */
bool sg_align_turned(sg_align a);

#endif
