/* distance_generic.c - distances in plain C: the reference for the faster files, and the one that always works. */
#include "geno/distance_kernel.h"

static bool usable(void)
{
    return true;
}

/* Set bits of a word by adding neighbours; without a popcount instruction this beats the library's table. */
static inline int32_t bits(uint64_t x)
{
    x -= x >> 1 & 0x5555555555555555u;
    x = (x & 0x3333333333333333u) + (x >> 2 & 0x3333333333333333u);
    x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fu;
    return (int32_t)(x * 0x0101010101010101u >> 56);
}

static void hamming(const uint64_t *q, int64_t n_q, const uint64_t *r, int64_t n_r, int64_t n_word, int32_t *d)
{
    for (int64_t i = 0; i < n_q; i++)
        for (int64_t j = 0; j < n_r; j++) {
            const uint64_t *x = q + 2 * i * n_word, *y = r + 2 * j * n_word;
            int32_t n = 0;
            for (int64_t w = 0; w < n_word; w++)
                n += bits((x[w] ^ y[w]) | (x[n_word + w] ^ y[n_word + w]));
            d[i * n_r + j] = n;
        }
}

static void l1(const uint64_t *q, int64_t n_q, const uint64_t *r, int64_t n_r, int64_t n_word, int32_t *d)
{
    for (int64_t i = 0; i < n_q; i++)
        for (int64_t j = 0; j < n_r; j++) {
            const uint64_t *x = q + 2 * i * n_word, *y = r + 2 * j * n_word;
            int32_t n = 0;
            for (int64_t w = 0; w < n_word; w++) {
                const uint64_t lo = x[w] ^ y[w];
                n += bits(lo) + 2 * bits((x[n_word + w] ^ y[n_word + w]) & ~lo);
            }
            d[i * n_r + j] = n;
        }
}

static void blocks(const uint64_t *q, int64_t n_q, const uint64_t *r, int64_t n_r, int64_t n_word, int64_t n_block,
                   int32_t *d, uint8_t *hit)
{
    for (int64_t i = 0; i < n_q; i++)
        for (int64_t j = 0; j < n_r; j++) {
            const uint64_t *x = q + 2 * i * n_word, *y = r + 2 * j * n_word;
            int32_t n = 0;
            bool same = false;
            for (int64_t w = 0; w < n_word; w++) {
                const uint64_t apart = (x[w] ^ y[w]) | (x[n_word + w] ^ y[n_word + w]);
                n += bits(apart);
                same |= ((uint32_t)apart == 0 && 2 * w < n_block) || (apart >> 32 == 0 && 2 * w + 1 < n_block);
            }
            d[i * n_r + j] = n;
            hit[i * n_r + j] = same;
        }
}

static int64_t scan(const int32_t *d, const int32_t *col, const uint8_t *hit, int64_t m, int32_t row,
                    const int32_t r[2], int64_t within[2], uint8_t *at)
{
    int64_t n = 0;
    int32_t c0 = 0, c1 = 0;
    for (int64_t k = 0; k < m; k++) {
        c0 += d[k] <= r[0];
        c1 += d[k] <= r[1];
    }
    within[0] += c0;
    within[1] += c1;
    for (int64_t k = 0; k < m; k++)
        if ((d[k] < row) | (d[k] <= col[k]) | (hit && hit[k]))
            at[n++] = (uint8_t)k;
    return n;
}

const sg_kernel sg_kernel_generic = {"generic", usable, {hamming, l1}, blocks, scan};
