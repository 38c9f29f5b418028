/* relatives.c - see relatives.h. */
#include "panel/relatives.h"
#include "geno/kinship.h"

#include <math.h>
#include <string.h>

enum { MARKER_MAX = 100000, DRAWS = 200000, PAIRS_PER_PERSON = 40 };
static const double duplicate = 0.35355339059327379; /* 2^-1.5 */
static const double genotype_max = 4e9;              /* a gigabyte of genotypes */
static const double word_pair_max = 1e13;            /* under an hour on two cores with AVX-512 */

/* How many markers memory and time allow. */
static int64_t marker_limit(int64_t people)
{
    const double n = (double)people + 1, by_memory = genotype_max / n, by_time = word_pair_max / (n * n / 2) * 64;
    const double most = fmin(fmin(by_memory, by_time), MARKER_MAX);
    return (int64_t)fmax(most, 64);
}

/* Evenly spaced in genome order. */
static int64_t thin(const int64_t *want, int64_t n, int64_t most, int64_t *out)
{
    const int64_t m = n < most ? n : most;
    for (int64_t i = 0; i < m; i++)
        out[i] = want[i * n / m];
    return m;
}

/* Room for that many pairs; a cohort with more has no cutoff that means anything. */
static int64_t pair_room(int64_t n)
{
    const int64_t all = n < 100000 ? n * (n - 1) / 2 : INT64_MAX, usual = PAIRS_PER_PERSON * n + 1000;
    return all < usual ? all : usual;
}

static double choose_cutoff(const sg_relatives_report *r)
{
    const double degree[] = {SG_KIN_THIRD, SG_KIN_SECOND, SG_KIN_FIRST, duplicate};
    for (int i = 0; i < 4; i++)
        if (degree[i] > 6.5 * r->spread)
            return degree[i];
    return NAN;
}

static int64_t head(int64_t *family, int64_t s)
{
    while (family[s] != s) {
        family[s] = family[family[s]];
        s = family[s];
    }
    return s;
}

static void join(int64_t *family, int64_t i, int64_t j)
{
    const int64_t a = head(family, i), b = head(family, j);
    if (a < b)
        family[b] = a;
    else
        family[a] = b;
}

static void count_families(const uint8_t *keep, int64_t n, int64_t *family, int64_t *size, sg_relatives_report *r)
{
    for (int64_t s = 0; s < n; s++) {
        family[s] = head(family, s);
        size[family[s]] += keep[s] != 0;
    }
    for (int64_t s = 0; s < n; s++)
        if (size[s] > 1) {
            r->n_family++;
            r->n_in_family += size[s];
            r->largest = size[s] > r->largest ? size[s] : r->largest;
        }
}

/* row [people]: rows of the .fam of the people looked at. */
static sg_status use_pairs(const sg_kin_pair *pair, int64_t n_pair, const int64_t *row, const sg_relatives_options *o,
                           uint8_t *keep, int64_t *family, sg_relatives_report *rep, sg_err *err)
{
    rep->n_pair = n_pair;
    for (int64_t k = 0; k < n_pair; k++) {
        const int64_t i = row[pair[k].i], j = row[pair[k].j];
        join(family, i, j);
        if (pair[k].kinship >= duplicate && keep[i] && keep[j]) {
            keep[j] = 0;
            rep->n_duplicate++;
        }
    }
    return rep->n_duplicate && o->duplicates == SG_DUPLICATES_REFUSE
               ? sg_fail(
                     err, SG_MISMATCH,
                     "%lld people have the genotypes of somebody else in the file (kinship above 0.354): the same "
                     "person twice, or a twin; leave them out with --remove, or let prepare do it with --duplicates "
                     "drop",
                     (long long)rep->n_duplicate)
               : SG_OK;
}

sg_status sg_relatives(const sg_source *s, const int64_t *want, int64_t n_want, const sg_relatives_options *o,
                       const sg_run *run, sg_arena *a, uint8_t *keep, int64_t *family, sg_relatives_report *rep,
                       sg_err *err)
{
    const size_t mark = sg_arena_mark(a);
    *rep = (sg_relatives_report){.median = NAN, .spread = NAN, .cutoff = NAN};
    int64_t *where = SG_NEW_RAW(a, int64_t, s->fam.n), *row = SG_NEW_RAW(a, int64_t, s->fam.n), n = 0;
    if (!where || !row)
        return sg_arena_full(a, "the people kept", err);
    for (int64_t i = 0; i < s->fam.n; i++) {
        family[i] = i;
        where[i] = keep[i] ? n : -1;
        if (keep[i])
            row[n++] = i;
    }
    const int64_t most = marker_limit(n);
    int64_t *marker = SG_NEW_RAW(a, int64_t, n_want < most ? n_want : most);
    sg_people p;
    sg_kin_pair *pair = NULL;
    int64_t n_pair = 0;
    sg_status st = marker ? SG_OK : sg_arena_full(a, "markers for kinship", err);
    if (!st && n > 1 && n_want > 0 && !o->ignore) {
        rep->n_marker = thin(want, n_want, most, marker);
        st = sg_people_new(n, rep->n_marker, a, &p, err);
        if (!st)
            st = sg_source_people(s, marker, rep->n_marker, where, run, a, &p, err);
        if (!st)
            st = sg_kinship_spread(&p, n * (n - 1) < DRAWS ? n * (n - 1) : DRAWS, o->seed, a, &rep->median,
                                   &rep->spread, err);
        rep->cutoff = choose_cutoff(rep);
        if (!st && !isnan(rep->cutoff))
            st = sg_kinship_pairs(&p, rep->cutoff, pair_room(n), run, a, &pair, &n_pair, err);
        if (!st)
            st = use_pairs(pair, n_pair, row, o, keep, family, rep, err);
    }
    if (!st) {
        memset(row, 0, (size_t)s->fam.n * sizeof *row);
        count_families(keep, s->fam.n, family, row, rep);
    }
    sg_arena_rewind(a, mark);
    return st;
}
