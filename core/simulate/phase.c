/* phase.c - which of two haplotypes carries an allele, by resampling; see founders.h.
 *
 * From left to right, every heterozygous person's phase at a SNP is drawn with log odds that are the sum, over the last
 * WINDOW common SNPs at which the person is heterozygous too, of ln(p11 p00 / p10 p01), the haplotype frequencies being
 * counted in everybody's phases of the round before (nearer SNPs weigh more). The first round begins with phases drawn
 * by lot: linkage is then halved, not lost, so that signs are right and each round finds more. The last round takes the
 * likelier phase instead of drawing. Measured against known phases: NOTES.md. */
#include "base/rng.h"
#include "simulate/founders.h"

#include <math.h>
#include <string.h>

enum { WINDOW = 32, ROUNDS = 4 };
#define COMMON 0.02 /* of the rarer allele, for a SNP that others are phased by */

typedef struct resampling {
    sg_phase *x;
    const int64_t *locus_first;
    uint64_t seed;
    uint32_t round;
} resampling;

static int64_t count(const uint64_t *x, const uint64_t *y, int64_t n)
{
    int64_t k = 0;
    for (int64_t i = 0; i < n; i++)
        k += __builtin_popcountll(x[i] & y[i]);
    return k;
}

static double log_odds(const uint64_t *x, const uint64_t *y, const sg_phase *p)
{
    const double n = (double)p->n_people * 2, a = (double)count(x, x, p->n_word), b = (double)count(y, y, p->n_word),
                 both = (double)count(x, y, p->n_word);
    const double c = 0.1; /* a haplotype never seen may yet exist */
    return log((both + c) * (n - a - b + both + c) / ((a - both + c) * (b - both + c)));
}

static bool common(const uint64_t *x, const sg_phase *p)
{
    const double f = (double)count(x, x, p->n_word) / ((double)p->n_people * 2);
    return f >= COMMON && f <= 1 - COMMON;
}

/* Redraws row v given the window's rows. */
static void redraw(const resampling *s, int64_t v, const int64_t *window, const double *odds, int n)
{
    uint64_t *row = s->x->row + v * s->x->n_word;
    sg_rng r = sg_rng_stream(s->seed, SG_RNG_SIMULATE, SG_STREAM_PHASE + (uint64_t)v, s->round);
    for (int64_t i = 0; i < s->x->n_people; i++) {
        const uint64_t two = row[i / 32] >> (2 * i % 64) & 3;
        if (two == 0 || two == 3)
            continue;
        double vote = 0;
        for (int k = 0; k < n; k++) {
            const uint64_t *other = s->x->row + window[k] * s->x->n_word;
            const uint64_t o = other[i / 32] >> (2 * i % 64) & 3;
            if (o == 1)
                vote += odds[k];
            else if (o == 2)
                vote -= odds[k];
        }
        const bool first = s->round == ROUNDS && vote != 0 ? vote > 0
                                                           : sg_rng_uniform(&r) * (1 + exp(-(vote > 40    ? 40
                                                                                             : vote < -40 ? -40
                                                                                                          : vote))) <
                                                                 1;
        row[i / 32] = (row[i / 32] & ~((uint64_t)3 << (2 * i % 64))) | (uint64_t)(first ? 1 : 2) << (2 * i % 64);
    }
}

static void phase_locus(void *ctx, int64_t l, int worker)
{
    (void)worker;
    const resampling *s = ctx;
    int64_t window[WINDOW];
    double odds[WINDOW];
    int n = 0;
    for (int64_t v = s->locus_first[l]; v < s->locus_first[l + 1]; v++) {
        const uint64_t *row = s->x->row + v * s->x->n_word;
        const bool anchor = common(row, s->x);
        for (int k = 0; k < n; k++) /* the newest stands last */
            odds[k] = s->round ? log_odds(row, s->x->row + window[k] * s->x->n_word, s->x) / (n - k) : 0;
        redraw(s, v, window, odds, n);
        if (!anchor)
            continue;
        if (n == WINDOW)
            memmove(window, window + 1, (size_t)--n * sizeof *window);
        window[n++] = v;
    }
}

sg_status sg_phase_resample(sg_phase *x, const int64_t *locus_first, int64_t n_locus, uint64_t seed, const sg_run *run,
                            sg_arena *a, sg_err *err)
{
    (void)a;
    resampling s = {x, locus_first, seed, 0};
    for (s.round = 0; s.round <= ROUNDS; s.round++) {
        if (sg_cancelled(run))
            return sg_fail(err, SG_CANCELLED, "stopped while the reference was phased");
        sg_report(run, "phasing the reference", s.round, ROUNDS + 1);
        sg_pool_for(run ? run->pool : NULL, n_locus, phase_locus, &s);
    }
    sg_report(run, "phasing the reference", ROUNDS + 1, ROUNDS + 1);
    return SG_OK;
}
