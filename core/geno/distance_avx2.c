/* distance_avx2.c - distances 256 bits at a time; bits are counted by looking up nibbles (Mula's method). */
#include "geno/distance_kernel.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET __attribute__((target("avx2,popcnt")))

static bool usable(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt");
}

/* Set bits of v, as four 64-bit sums. */
TARGET static inline __m256i bits(__m256i v)
{
    const __m256i table = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1, 2, 1, 2, 2, 3, 1, 2,
                                           2, 3, 2, 3, 3, 4);
    const __m256i low = _mm256_set1_epi8(15);
    const __m256i a = _mm256_shuffle_epi8(table, _mm256_and_si256(v, low));
    const __m256i b = _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(v, 4), low));
    return _mm256_sad_epu8(_mm256_add_epi8(a, b), _mm256_setzero_si256());
}

TARGET static inline int32_t total(__m256i v)
{
    const __m128i half = _mm_add_epi64(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    return (int32_t)(_mm_cvtsi128_si64(half) + _mm_extract_epi64(half, 1));
}

TARGET static inline __m256i xor4(const uint64_t *x, const uint64_t *y)
{
    return _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)x), _mm256_loadu_si256((const __m256i *)y));
}

TARGET static void hamming(const uint64_t *q, int64_t n_q, const uint64_t *r, int64_t n_r, int64_t n_word, int32_t *d)
{
    for (int64_t i = 0; i < n_q; i++)
        for (int64_t j = 0; j < n_r; j++) {
            const uint64_t *x = q + 2 * i * n_word, *y = r + 2 * j * n_word;
            __m256i sum = _mm256_setzero_si256();
            int32_t n = 0;
            int64_t w = 0;
            for (; w + 4 <= n_word; w += 4)
                sum = _mm256_add_epi64(sum,
                                       bits(_mm256_or_si256(xor4(x + w, y + w), xor4(x + n_word + w, y + n_word + w))));
            for (; w < n_word; w++)
                n += __builtin_popcountll((x[w] ^ y[w]) | (x[n_word + w] ^ y[n_word + w]));
            d[i * n_r + j] = n + total(sum);
        }
}

TARGET static void l1(const uint64_t *q, int64_t n_q, const uint64_t *r, int64_t n_r, int64_t n_word, int32_t *d)
{
    for (int64_t i = 0; i < n_q; i++)
        for (int64_t j = 0; j < n_r; j++) {
            const uint64_t *x = q + 2 * i * n_word, *y = r + 2 * j * n_word;
            __m256i one = _mm256_setzero_si256(), two = one;
            int32_t n = 0;
            int64_t w = 0;
            for (; w + 4 <= n_word; w += 4) {
                const __m256i lo = xor4(x + w, y + w);
                one = _mm256_add_epi64(one, bits(lo));
                two = _mm256_add_epi64(two, bits(_mm256_andnot_si256(lo, xor4(x + n_word + w, y + n_word + w))));
            }
            for (; w < n_word; w++) {
                const uint64_t lo = x[w] ^ y[w];
                n += __builtin_popcountll(lo) + 2 * __builtin_popcountll((x[n_word + w] ^ y[n_word + w]) & ~lo);
            }
            d[i * n_r + j] = n + total(one) + 2 * total(two);
        }
}

TARGET static void blocks(const uint64_t *q, int64_t n_q, const uint64_t *r, int64_t n_r, int64_t n_word,
                          int64_t n_block, int32_t *d, uint8_t *hit)
{
    for (int64_t i = 0; i < n_q; i++)
        for (int64_t j = 0; j < n_r; j++) {
            const uint64_t *x = q + 2 * i * n_word, *y = r + 2 * j * n_word;
            __m256i sum = _mm256_setzero_si256();
            int32_t n = 0;
            bool same = false;
            int64_t w = 0;
            for (; w + 4 <= n_word && 2 * w + 8 <= n_block; w += 4) {
                const __m256i apart = _mm256_or_si256(xor4(x + w, y + w), xor4(x + n_word + w, y + n_word + w));
                sum = _mm256_add_epi64(sum, bits(apart));
                same |= _mm256_movemask_epi8(_mm256_cmpeq_epi32(apart, _mm256_setzero_si256())) != 0;
            }
            for (; w < n_word; w++) {
                const uint64_t apart = (x[w] ^ y[w]) | (x[n_word + w] ^ y[n_word + w]);
                n += __builtin_popcountll(apart);
                same |= ((uint32_t)apart == 0 && 2 * w < n_block) || (apart >> 32 == 0 && 2 * w + 1 < n_block);
            }
            d[i * n_r + j] = n + total(sum);
            hit[i * n_r + j] = same;
        }
}

TARGET static int64_t scan(const int32_t *d, const int32_t *col, const uint8_t *hit, int64_t m, int32_t row,
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

const sg_kernel sg_kernel_avx2 = {"avx2", usable, {hamming, l1}, blocks, scan};
#else
static bool usable(void)
{
    return false;
}

const sg_kernel sg_kernel_avx2 = {"avx2", usable, {NULL, NULL}, NULL, NULL};
#endif
