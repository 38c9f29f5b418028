/* transpose.c - between variant-major rows and people's planes, 64 people x 64 variants at a time; see geno.h.
 *
 * A tile is two 64 x 64 matrices of bits (low and high), turned about the diagonal in registers and one cache line's
 * worth of rows: a turn costs about one operation per genotype, and no genotype is ever touched alone. */
#include "geno/geno.h"

#include <assert.h>
#include <string.h>

/* Bit c of x[r] becomes bit r of x[c]: swaps halves, then quarters, ... of the matrix. */
static void turn(uint64_t x[64])
{
    uint64_t m = 0x00000000ffffffffU;
    for (int j = 32; j; j >>= 1, m ^= m << j)
        for (int k = 0; k < 64; k = ((k | j) + 1) & ~j) {
            const uint64_t t = (x[k] >> j ^ x[k | j]) & m;
            x[k] ^= t << j;
            x[k | j] ^= t;
        }
}

/* The even bits of x, pushed together into the low 32. */
static uint64_t squeeze(uint64_t x)
{
    x &= 0x5555555555555555U;
    x = (x | x >> 1) & 0x3333333333333333U;
    x = (x | x >> 2) & 0x0f0f0f0f0f0f0f0fU;
    x = (x | x >> 4) & 0x00ff00ff00ff00ffU;
    x = (x | x >> 8) & 0x0000ffff0000ffffU;
    return (x | x >> 16) & 0x00000000ffffffffU;
}

/* Its inverse: the low 32 bits of x to the even places. */
static uint64_t spread(uint64_t x)
{
    x &= 0x00000000ffffffffU;
    x = (x | x << 16) & 0x0000ffff0000ffffU;
    x = (x | x << 8) & 0x00ff00ff00ff00ffU;
    x = (x | x << 4) & 0x0f0f0f0f0f0f0f0fU;
    x = (x | x << 2) & 0x3333333333333333U;
    return (x | x << 1) & 0x5555555555555555U;
}

void sg_people_put_rows(sg_people *p, int64_t first, int64_t n, const uint64_t *row, int64_t n_sample,
                        const int64_t *where)
{
    assert(first % 64 == 0 && n >= 0 && n <= 64 && first + n <= p->n_variant);
    const int64_t stride = SG_ROW_WORDS(n_sample);
    for (int64_t s0 = 0; s0 < n_sample; s0 += 64) {
        uint64_t lo[64] = {0}, hi[64] = {0};
        const int64_t people = n_sample - s0 < 64 ? n_sample - s0 : 64;
        for (int64_t v = 0; v < n; v++) {
            const uint64_t *x = row + v * stride + s0 / 32;
            const uint64_t second = people > 32 ? x[1] : 0;
            lo[v] = squeeze(x[0]) | squeeze(second) << 32;
            hi[v] = squeeze(x[0] >> 1) | squeeze(second >> 1) << 32;
        }
        turn(lo);
        turn(hi);
        for (int64_t i = 0; i < people; i++) {
            const int64_t s = where ? where[s0 + i] : s0 + i;
            if (s < 0)
                continue;
            assert(s < p->n_sample);
            uint64_t *plane = p->plane + 2 * s * p->n_word + first / 64;
            plane[0] = lo[i];
            plane[p->n_word] = hi[i];
        }
    }
}

void sg_people_get_rows(const sg_people *p, int64_t first, uint64_t *row)
{
    assert(first % 64 == 0 && first >= 0 && first < p->n_variant);
    const int64_t stride = SG_ROW_WORDS(p->n_sample), left = p->n_variant - first, n = left < 64 ? left : 64;
    for (int64_t s0 = 0; s0 < p->n_sample; s0 += 64) {
        uint64_t lo[64] = {0}, hi[64] = {0};
        const int64_t people = p->n_sample - s0 < 64 ? p->n_sample - s0 : 64;
        for (int64_t i = 0; i < people; i++) {
            lo[i] = sg_people_lo(p, s0 + i)[first / 64];
            hi[i] = sg_people_hi(p, s0 + i)[first / 64];
        }
        turn(lo);
        turn(hi);
        for (int64_t v = 0; v < n; v++) {
            uint64_t *x = row + v * stride + s0 / 32;
            x[0] = spread(lo[v]) | spread(hi[v]) << 1;
            if (people > 32)
                x[1] = spread(lo[v] >> 32) | spread(hi[v] >> 32) << 1;
        }
    }
}

enum { PART = 2048 }; /* people of a variant-major row that are turned together: 64 rows of them are 32 KiB */

void sg_people_from_geno(const sg_geno *g, sg_people *out)
{
    assert(out->n_sample == g->n_sample && out->n_variant == g->n_variant);
    uint64_t rows[64 * PART / 32];
    for (int64_t v = 0; v < g->n_variant; v += 64)
        for (int64_t s = 0; s < g->n_sample; s += PART) {
            const int64_t n = g->n_variant - v < 64 ? g->n_variant - v : 64;
            const int64_t people = g->n_sample - s < PART ? g->n_sample - s : PART;
            memset(rows, 0, sizeof rows);
            for (int64_t k = 0; k < n; k++)
                memcpy(rows + k * SG_ROW_WORDS(people), g->row + (v + k) * g->row_bytes + s / 4,
                       (size_t)(people + 3) / 4);
            sg_people part = {people, out->n_variant, out->n_word, out->plane + 2 * s * out->n_word};
            sg_people_put_rows(&part, v, n, rows, people, NULL);
        }
}

void sg_geno_from_people(const sg_people *p, sg_geno *out)
{
    assert(out->n_sample == p->n_sample && out->n_variant == p->n_variant);
    uint64_t rows[64 * PART / 32];
    for (int64_t v = 0; v < p->n_variant; v += 64)
        for (int64_t s = 0; s < p->n_sample; s += PART) {
            const int64_t n = p->n_variant - v < 64 ? p->n_variant - v : 64;
            const int64_t people = p->n_sample - s < PART ? p->n_sample - s : PART;
            const sg_people part = {people, p->n_variant, p->n_word, p->plane + 2 * s * p->n_word};
            sg_people_get_rows(&part, v, rows);
            for (int64_t k = 0; k < n; k++)
                memcpy(out->row + (v + k) * out->row_bytes + s / 4, rows + k * SG_ROW_WORDS(people),
                       (size_t)(people + 3) / 4);
        }
}
