/* align.c - see align.h. */
#include "panel/align.h"

#include <ctype.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#define FROM_HALF 0.08
#define WITHIN 0.2

const char *sg_align_words(sg_align a)
{
    static const char *const words[] = {
#define X(name, text) text,
        SG_ALIGN_LIST(X)
#undef X
    };
    return (unsigned)a < SG_N_ALIGN ? words[a] : "?";
}

/* 0 when s is not one letter of the four. */
static char complement(const char *s)
{
    if (!s[0] || s[1])
        return 0;
    switch (toupper((unsigned char)s[0])) {
    case 'A':
        return 'T';
    case 'C':
        return 'G';
    case 'G':
        return 'C';
    case 'T':
        return 'A';
    default:
        return 0;
    }
}

static bool same(const char *a, const char *s)
{
    return !*s || strcasecmp(a, s) == 0;
}

/* s, read on the other strand, is a. */
static bool same_strand(const char *a, const char *s)
{
    const char c = complement(s);
    return !*s || (c && a[0] && !a[1] && toupper((unsigned char)a[0]) == c);
}

sg_align sg_align_alleles(const char *a1, const char *a2, const char *s1, const char *s2)
{
    if (!*s1)
        return SG_ALIGN_NONE;
    const bool direct = same(a1, s1) && same(a2, s2), swapped = same(a2, s1) && same(a1, s2);
    if (complement(a1) && same_strand(a1, a2) && *a2)
        return direct ? SG_ALIGN_PALINDROME : swapped ? SG_ALIGN_PALINDROME_SWAPPED : SG_ALIGN_NONE;
    if (direct || swapped)
        return direct ? SG_ALIGN_DIRECT : SG_ALIGN_SWAPPED;
    if (!complement(a1) || !complement(a2))
        return SG_ALIGN_NONE;
    if (same_strand(a1, s1) && same_strand(a2, s2))
        return SG_ALIGN_STRAND;
    return same_strand(a2, s1) && same_strand(a1, s2) ? SG_ALIGN_STRAND_SWAPPED : SG_ALIGN_NONE;
}

sg_align sg_align_settle(sg_align a, double freq, double sum_freq)
{
    if (a != SG_ALIGN_PALINDROME && a != SG_ALIGN_PALINDROME_SWAPPED)
        return a;
    /* NaN fails every comparison, so an unknown frequency settles nothing. */
    if (!(fabs(freq - 0.5) >= FROM_HALF) || !(fabs(sum_freq - 0.5) >= FROM_HALF))
        return SG_ALIGN_NONE;
    const bool same_allele = (freq < 0.5) == (sum_freq < 0.5);
    if (!(fabs(freq - (same_allele ? sum_freq : 1 - sum_freq)) <= WITHIN))
        return SG_ALIGN_NONE;
    return same_allele ? SG_ALIGN_DIRECT : SG_ALIGN_SWAPPED;
}

bool sg_align_turned(sg_align a)
{
    return a == SG_ALIGN_SWAPPED || a == SG_ALIGN_STRAND_SWAPPED;
}
