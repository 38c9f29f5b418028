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

const sg_kernel sg_kernel_avx512 = {"avx512", usable, {hamming, l1}};
#else
static bool usable(void)
{
    return false;
}

const sg_kernel sg_kernel_avx512 = {"avx512", usable, {NULL, NULL}};
#endif
