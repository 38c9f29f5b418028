/* geno.c - packing, counting; see geno.h. */
#include "geno/geno.h"

#include <assert.h>
#include <math.h>
#include <string.h>

sg_status sg_geno_new(int64_t n_variant, int64_t n_sample, sg_arena *a, sg_geno *out, sg_err *err)
{
    *out = (sg_geno){0};
    int64_t bytes;
    if (n_variant < 0 || n_sample < 0 || n_sample > INT64_MAX - 3 ||
        __builtin_mul_overflow(n_variant, (n_sample + 3) / 4, &bytes))
        return sg_fail(err, SG_LIMIT, "%lld variants of %lld people are more than can be held", (long long)n_variant,
                       (long long)n_sample);
    uint8_t *row = SG_NEW(a, uint8_t, bytes);
    if (!row)
        return sg_arena_full(a, "genotypes", err);
    *out = (sg_geno){n_variant, n_sample, (n_sample + 3) / 4, row};
    return SG_OK;
}

sg_status sg_people_new(int64_t n_sample, int64_t n_variant, sg_arena *a, sg_people *out, sg_err *err)
{
    *out = (sg_people){0};
    int64_t words;
    if (n_variant < 0 || n_sample < 0 || n_variant > INT64_MAX - 63 ||
        __builtin_mul_overflow(n_sample, (n_variant + 63) / 64 * 2, &words))
        return sg_fail(err, SG_LIMIT, "%lld people with %lld variants are more than can be held", (long long)n_sample,
                       (long long)n_variant);
    uint64_t *plane = SG_NEW(a, uint64_t, words);
    if (!plane)
        return sg_arena_full(a, "people", err);
    *out = (sg_people){n_sample, n_variant, (n_variant + 63) / 64, plane};
    return SG_OK;
}

bool sg_geno_ok(const sg_geno *g)
{
    return g->n_variant >= 0 && g->n_sample >= 0 && g->row_bytes == (g->n_sample + 3) / 4 &&
           (g->row || g->n_variant * g->row_bytes == 0);
}

bool sg_people_ok(const sg_people *p)
{
    return p->n_variant >= 0 && p->n_sample >= 0 && p->n_word == (p->n_variant + 63) / 64 &&
           (p->plane || p->n_sample * p->n_word == 0);
}

void sg_people_unpack(const sg_people *p, int64_t s, int8_t *code)
{
    const uint64_t *lo = sg_people_lo(p, s), *hi = sg_people_hi(p, s);
    for (int64_t v = 0; v < p->n_variant; v++)
        code[v] = (int8_t)((lo[v / 64] >> (v % 64) & 1) | (hi[v / 64] >> (v % 64) & 1) << 1);
}

void sg_people_pack(sg_people *p, int64_t s, const int8_t *code)
{
    uint64_t *lo = p->plane + 2 * s * p->n_word, *hi = lo + p->n_word;
    memset(lo, 0, (size_t)p->n_word * 16);
    for (int64_t v = 0; v < p->n_variant; v++) {
        assert(code[v] >= 0 && code[v] <= 3);
        lo[v / 64] |= (uint64_t)(code[v] & 1) << (v % 64);
        hi[v / 64] |= (uint64_t)(code[v] >> 1 & 1) << (v % 64);
    }
}

void sg_people_gather(const sg_people *from, const int64_t *idx, int64_t n, sg_people *out)
{
    assert(out->n_sample == n && out->n_variant == from->n_variant);
    const int64_t words = 2 * from->n_word;
    for (int64_t i = 0; i < n; i++)
        memcpy(out->plane + i * words, from->plane + idx[i] * words, (size_t)words * 8);
}

void sg_geno_count(const sg_geno *g, int64_t v, int64_t count[4])
{
    memset(count, 0, 4 * sizeof *count);
    for (int64_t s = 0; s < g->n_sample; s++)
        count[sg_geno_get(g, v, s)]++;
}

/* Word by word of 64 variants, so that a person's words are read in order and no variant walks all of memory alone. */
void sg_people_freq(const sg_people *p, double *freq)
{
    for (int64_t w = 0; w < p->n_word; w++) {
        int64_t sum[64] = {0}, missing[64] = {0};
        for (int64_t s = 0; s < p->n_sample; s++) {
            const uint64_t lo = sg_people_lo(p, s)[w], hi = sg_people_hi(p, s)[w];
            for (uint64_t x = lo & ~hi; x; x &= x - 1)
                sum[__builtin_ctzll(x)]++;
            for (uint64_t x = hi & ~lo; x; x &= x - 1)
                sum[__builtin_ctzll(x)] += 2;
            for (uint64_t x = lo & hi; x; x &= x - 1)
                missing[__builtin_ctzll(x)]++;
        }
        for (int64_t v = 64 * w; v < p->n_variant && v < 64 * (w + 1); v++) {
            const int64_t called = p->n_sample - missing[v % 64];
            freq[v] = called ? (double)sum[v % 64] / (2.0 * (double)called) : NAN;
        }
    }
}

int64_t sg_people_hamming(const sg_people *a, int64_t i, const sg_people *b, int64_t j)
{
    assert(a->n_variant == b->n_variant);
    const uint64_t *al = sg_people_lo(a, i), *ah = sg_people_hi(a, i), *bl = sg_people_lo(b, j),
                   *bh = sg_people_hi(b, j);
    int64_t n = 0;
    for (int64_t w = 0; w < a->n_word; w++)
        n += __builtin_popcountll((al[w] ^ bl[w]) | (ah[w] ^ bh[w]));
    return n;
}

/* |x - y| is 2 where only the high bits differ (0 against 2), 1 where the low bits differ (0-1, 1-2). */
int64_t sg_people_l1(const sg_people *a, int64_t i, const sg_people *b, int64_t j)
{
    assert(a->n_variant == b->n_variant);
    const uint64_t *al = sg_people_lo(a, i), *ah = sg_people_hi(a, i), *bl = sg_people_lo(b, j),
                   *bh = sg_people_hi(b, j);
    int64_t n = 0;
    for (int64_t w = 0; w < a->n_word; w++) {
        const uint64_t x = al[w] ^ bl[w];
        n += __builtin_popcountll(x) + 2 * __builtin_popcountll((ah[w] ^ bh[w]) & ~x);
    }
    return n;
}
