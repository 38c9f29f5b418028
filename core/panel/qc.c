/* qc.c - see qc.h. Counting is done 32 people at a time on 64-bit words. */
#include "panel/qc.h"
#include "base/targets.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define LOW_BITS 0x5555555555555555U
#define NEGLIGIBLE 1e-20

/* One bit per person at the low bit of the two that hold the genotype. mask [n_word] */
static void make_mask(const uint8_t *in, int64_t n, uint64_t *mask)
{
    for (int64_t s = 0; s < n; s++)
        if (in[s])
            mask[s / 32] |= (uint64_t)1 << (2 * (s % 32));
}

typedef struct code_count {
    int64_t one, two, three;
} code_count;

SG_TARGET_BODY code_count count_codes_body(const uint64_t *x, const uint64_t *mask, int64_t n_word)
{
    int64_t one = 0, two = 0, three = 0;
    for (int64_t w = 0; w < n_word; w++) {
        const uint64_t lo = x[w] & mask[w], hi = x[w] >> 1 & mask[w], both = lo & hi;
        three += __builtin_popcountll(both);
        one += __builtin_popcountll(lo);
        two += __builtin_popcountll(hi);
    }
    return (code_count){one - three, two - three, three};
}

SG_FOR_TARGETS(code_count, count_codes, (const uint64_t *x, const uint64_t *mask, int64_t n_word), (x, mask, n_word))

static void count_masked(const uint64_t *x, const uint64_t *mask, int64_t n_word, int64_t people, int64_t count[4])
{
    const code_count c = count_codes(x, mask, n_word);
    count[1] = c.one;
    count[2] = c.two;
    count[3] = c.three;
    count[0] = people - c.one - c.two - c.three;
}

static void count_missing(const uint64_t *x, const uint64_t *mask, int64_t n_word, int64_t *missing)
{
    for (int64_t w = 0; w < n_word; w++)
        for (uint64_t m = x[w] & x[w] >> 1 & mask[w]; m; m &= m - 1)
            missing[32 * w + __builtin_ctzll(m) / 2]++;
}

static int64_t how_many(const uint8_t *in, int64_t n)
{
    int64_t k = 0;
    for (int64_t s = 0; s < n; s++)
        k += in[s] != 0;
    return k;
}

typedef struct counting {
    int64_t n_word, n_keep, n_control;
    const uint64_t *all, *control; /* masks [n_word] */
    sg_qc_count *count;
    int64_t *missing;
} counting;

static sg_status count_rows(void *ctx, int64_t first, int64_t n, const uint64_t *row, sg_err *err)
{
    (void)err;
    const counting *c = ctx;
    for (int64_t i = 0; i < n; i++, row += c->n_word) {
        count_masked(row, c->all, c->n_word, c->n_keep, c->count[first + i].all);
        count_masked(row, c->control, c->n_word, c->n_control, c->count[first + i].control);
        if (c->missing)
            count_missing(row, c->all, c->n_word, c->missing);
    }
    return SG_OK;
}

sg_status sg_qc_count_variants(const sg_source *s, const int64_t *want, int64_t n_want, const uint8_t *keep,
                               const uint8_t *control, const sg_run *run, sg_arena *a, sg_qc_count *count,
                               int64_t *missing, sg_err *err)
{
    const size_t mark = sg_arena_mark(a);
    const int64_t n_sample = s->fam.n, n_word = SG_ROW_WORDS(n_sample);
    uint64_t *all = SG_NEW(a, uint64_t, n_word), *ctl = SG_NEW(a, uint64_t, n_word);
    if (!all || !ctl)
        return sg_arena_full(a, "masks of people", err);
    make_mask(keep, n_sample, all);
    make_mask(control, n_sample, ctl);
    if (missing && n_sample)
        memset(missing, 0, (size_t)n_sample * sizeof *missing);
    counting c = {n_word, how_many(keep, n_sample), how_many(control, n_sample), all, ctl, count, missing};
    const sg_status st = sg_source_read(s, want, n_want, "counting genotypes", run, a, count_rows, &c, err);
    sg_arena_rewind(a, mark);
    return st;
}

double sg_qc_freq(const int64_t count[4])
{
    const int64_t called = count[0] + count[1] + count[2];
    return called ? (double)(count[1] + 2 * count[2]) / (2.0 * (double)called) : NAN;
}

/* The chance of h - 2 heterozygotes over that of h, with a and b homozygotes at h: h (h - 1) / (4 (a + 1) (b + 1)). Going
 * outwards from the most likely h, every probability is relative to that one, and only falls. */
static double step(int64_t rare, int64_t n, int64_t h, bool down)
{
    const int64_t x = (rare - h) / 2, y = n - h - x;
    return down ? (double)h * (double)(h - 1) / (4.0 * (double)(x + 1) * (double)(y + 1))
                : 4.0 * (double)x * (double)y / ((double)(h + 2) * (double)(h + 1));
}

static double at_het(int64_t rare, int64_t n, int64_t mode, int64_t het)
{
    double p = 1;
    const bool down = het < mode;
    for (int64_t h = mode; h != het; h += down ? -2 : 2)
        p *= step(rare, n, h, down);
    return p;
}

/* Sum of the probabilities of at most limit over the sum of all. What falls below NEGLIGIBLE of the limit adds nothing that a
 * double could hold: of half a million people a few thousand numbers are visited, not all. */
static double tail(int64_t rare, int64_t n, int64_t mode, double limit)
{
    double total = 0, small = 0;
    for (int down = 0; down < 2; down++) {
        double p = 1;
        for (int64_t h = mode; h >= 0 && h <= rare && p > NEGLIGIBLE * limit; h += down ? -2 : 2) {
            if (!(down && h == mode)) {
                total += p;
                small += p <= limit ? p : 0;
            }
            p *= step(rare, n, h, down);
        }
    }
    return small < total ? small / total : 1;
}

double sg_qc_hwe(int64_t hom1, int64_t het, int64_t hom2)
{
    assert(hom1 >= 0 && het >= 0 && hom2 >= 0);
    const int64_t n = hom1 + het + hom2, rare = 2 * (hom1 < hom2 ? hom1 : hom2) + het;
    if (n == 0)
        return 1;
    int64_t mode = (int64_t)((double)rare * (double)(2 * n - rare) / (double)(2 * n));
    if ((mode ^ rare) & 1)
        mode++;
    if (mode > rare)
        mode -= 2;
    /* A hair above, so that the mirror image of the observed count is counted in spite of rounding. */
    return tail(rare, n, mode, at_het(rare, n, mode, het) * (1 + 1e-9));
}
