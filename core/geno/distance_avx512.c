/* distance_avx512.c - distances 512 bits at a time with VPOPCNTDQ; one query row against four reference rows, so that
 * a query word is loaded once for four pairs. */
#include "geno/distance_kernel.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,avx512vpopcntdq")))

static bool usable(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vpopcntdq");
}

/* Truth table of (a xor b) or c, of bits a (weight 4), b (2), c (1). */
enum { XOR_OR = 0xbe };

TARGET static inline __m512i hamming8(__m512i xl, __m512i xh, const uint64_t *y, int64_t n_word, __mmask8 m)
{
    const __m512i lo = _mm512_xor_si512(xl, _mm512_maskz_loadu_epi64(m, y));
    return _mm512_popcnt_epi64(_mm512_ternarylogic_epi64(xh, _mm512_maskz_loadu_epi64(m, y + n_word), lo, XOR_OR));
}

TARGET static inline __m512i l1_8(__m512i xl, __m512i xh, const uint64_t *y, int64_t n_word, __mmask8 m)
{
    const __m512i lo = _mm512_xor_si512(xl, _mm512_maskz_loadu_epi64(m, y));
    const __m512i two = _mm512_andnot_si512(lo, _mm512_xor_si512(xh, _mm512_maskz_loadu_epi64(m, y + n_word)));
    return _mm512_add_epi64(_mm512_popcnt_epi64(lo), _mm512_slli_epi64(_mm512_popcnt_epi64(two), 1));
}

/* The two metrics differ in one call; a macro keeps both loops the same. */
#define TILE(name, pair8)                                                                                              \
    TARGET static void name(const uint64_t *q, int64_t n_q, const uint64_t *r, int64_t n_r, int64_t n_word,            \
                            int32_t *d)                                                                                \
    {                                                                                                                  \
        const int64_t row = 2 * n_word;                                                                                \
        for (int64_t i = 0; i < n_q; i++) {                                                                            \
            const uint64_t *x = q + i * row;                                                                           \
            int64_t j = 0;                                                                                             \
            for (; j + 4 <= n_r; j += 4) {                                                                             \
                const uint64_t *y = r + j * row;                                                                       \
                __m512i s0 = _mm512_setzero_si512(), s1 = s0, s2 = s0, s3 = s0;                                        \
                for (int64_t w = 0; w < n_word; w += 8) {                                                              \
                    const __mmask8 m = (__mmask8)(n_word - w >= 8 ? 255 : (1 << (n_word - w)) - 1);                    \
                    const __m512i xl = _mm512_maskz_loadu_epi64(m, x + w);                                             \
                    const __m512i xh = _mm512_maskz_loadu_epi64(m, x + n_word + w);                                    \
                    s0 = _mm512_add_epi64(s0, pair8(xl, xh, y + w, n_word, m));                                        \
                    s1 = _mm512_add_epi64(s1, pair8(xl, xh, y + row + w, n_word, m));                                  \
                    s2 = _mm512_add_epi64(s2, pair8(xl, xh, y + 2 * row + w, n_word, m));                              \
                    s3 = _mm512_add_epi64(s3, pair8(xl, xh, y + 3 * row + w, n_word, m));                              \
                }                                                                                                      \
                d[i * n_r + j] = (int32_t)_mm512_reduce_add_epi64(s0);                                                 \
                d[i * n_r + j + 1] = (int32_t)_mm512_reduce_add_epi64(s1);                                             \
                d[i * n_r + j + 2] = (int32_t)_mm512_reduce_add_epi64(s2);                                             \
                d[i * n_r + j + 3] = (int32_t)_mm512_reduce_add_epi64(s3);                                             \
            }                                                                                                          \
            for (; j < n_r; j++) {                                                                                     \
                const uint64_t *y = r + j * row;                                                                       \
                __m512i s = _mm512_setzero_si512();                                                                    \
                for (int64_t w = 0; w < n_word; w += 8) {                                                              \
                    const __mmask8 m = (__mmask8)(n_word - w >= 8 ? 255 : (1 << (n_word - w)) - 1);                    \
                    s = _mm512_add_epi64(s, pair8(_mm512_maskz_loadu_epi64(m, x + w),                                  \
                                                  _mm512_maskz_loadu_epi64(m, x + n_word + w), y + w, n_word, m));     \
                }                                                                                                      \
                d[i * n_r + j] = (int32_t)_mm512_reduce_add_epi64(s);                                                  \
            }                                                                                                          \
        }                                                                                                              \
    }

TILE(hamming, hamming8)
TILE(l1, l1_8)

/* Blocks lie in 32-bit lanes: of 16 lanes from word w on, the first n_block - 2 w count. */
static inline __mmask16 whole(int64_t n_block, int64_t w)
{
    const int64_t n = n_block - 2 * w;
    return (__mmask16)(n >= 16 ? 65535 : n <= 0 ? 0 : (1 << n) - 1);
}

TARGET static inline __m512i apart8(__m512i xl, __m512i xh, const uint64_t *y, int64_t n_word, __mmask8 m)
{
    const __m512i lo = _mm512_xor_si512(xl, _mm512_maskz_loadu_epi64(m, y));
    return _mm512_ternarylogic_epi64(xh, _mm512_maskz_loadu_epi64(m, y + n_word), lo, XOR_OR);
}

TARGET static void blocks(const uint64_t *q, int64_t n_q, const uint64_t *r, int64_t n_r, int64_t n_word,
                          int64_t n_block, int32_t *d, uint8_t *hit)
{
    const int64_t row = 2 * n_word;
    for (int64_t i = 0; i < n_q; i++) {
        const uint64_t *x = q + i * row;
        int64_t j = 0;
        for (; j + 2 <= n_r; j += 2) {
            const uint64_t *y = r + j * row;
            __m512i s0 = _mm512_setzero_si512(), s1 = s0;
            unsigned same0 = 0, same1 = 0;
            for (int64_t w = 0; w < n_word; w += 8) {
                const __mmask8 m = (__mmask8)(n_word - w >= 8 ? 255 : (1 << (n_word - w)) - 1);
                const __mmask16 b = whole(n_block, w);
                const __m512i xl = _mm512_maskz_loadu_epi64(m, x + w);
                const __m512i xh = _mm512_maskz_loadu_epi64(m, x + n_word + w);
                const __m512i a0 = apart8(xl, xh, y + w, n_word, m), a1 = apart8(xl, xh, y + row + w, n_word, m);
                s0 = _mm512_add_epi64(s0, _mm512_popcnt_epi64(a0));
                s1 = _mm512_add_epi64(s1, _mm512_popcnt_epi64(a1));
                same0 |= _mm512_mask_testn_epi32_mask(b, a0, a0);
                same1 |= _mm512_mask_testn_epi32_mask(b, a1, a1);
            }
            d[i * n_r + j] = (int32_t)_mm512_reduce_add_epi64(s0);
            d[i * n_r + j + 1] = (int32_t)_mm512_reduce_add_epi64(s1);
            hit[i * n_r + j] = same0 != 0;
            hit[i * n_r + j + 1] = same1 != 0;
        }
        for (; j < n_r; j++) {
            const uint64_t *y = r + j * row;
            __m512i s = _mm512_setzero_si512();
            unsigned same = 0;
            for (int64_t w = 0; w < n_word; w += 8) {
                const __mmask8 m = (__mmask8)(n_word - w >= 8 ? 255 : (1 << (n_word - w)) - 1);
                const __m512i a = apart8(_mm512_maskz_loadu_epi64(m, x + w),
                                         _mm512_maskz_loadu_epi64(m, x + n_word + w), y + w, n_word, m);
                s = _mm512_add_epi64(s, _mm512_popcnt_epi64(a));
                same |= _mm512_mask_testn_epi32_mask(whole(n_block, w), a, a);
            }
            d[i * n_r + j] = (int32_t)_mm512_reduce_add_epi64(s);
            hit[i * n_r + j] = same != 0;
        }
    }
}

TARGET static int64_t scan(const int32_t *d, const int32_t *col, const uint8_t *hit, int64_t m, int32_t row,
                           const int32_t r[2], int64_t within[2], uint8_t *at)
{
    const __m512i row16 = _mm512_set1_epi32(row), r0 = _mm512_set1_epi32(r[0]), r1 = _mm512_set1_epi32(r[1]);
    int64_t n = 0;
    for (int64_t k = 0; k < m; k += 16) {
        const __mmask16 in = (__mmask16)(m - k >= 16 ? 65535 : (1 << (m - k)) - 1);
        const __m512i x = _mm512_maskz_loadu_epi32(in, d + k);
        within[0] += __builtin_popcount(_mm512_mask_cmple_epi32_mask(in, x, r0));
        within[1] += __builtin_popcount(_mm512_mask_cmple_epi32_mask(in, x, r1));
        unsigned look = _mm512_mask_cmplt_epi32_mask(in, x, row16) |
                        _mm512_mask_cmple_epi32_mask(in, x, _mm512_maskz_loadu_epi32(in, col + k));
        for (int64_t i = 0; hit && i < 16 && k + i < m; i++)
            look |= (unsigned)hit[k + i] << i;
        for (; look; look &= look - 1)
            at[n++] = (uint8_t)(k + __builtin_ctz(look));
    }
    return n;
}

const sg_kernel sg_kernel_avx512 = {"avx512", usable, {hamming, l1}, blocks, scan};
#else
static bool usable(void)
{
    return false;
}

const sg_kernel sg_kernel_avx512 = {"avx512", usable, {NULL, NULL}, NULL, NULL};
#endif
