/* gemm_bf16.c - gemm_body.h over pairs of bfloat16 with float32 sums (AVX512_BF16); see gemm.h. */
#include "nn/gemm_512.h"

#include <stdint.h>
#include <string.h>

static inline __m512bh spread(const uint16_t *p)
{
    int32_t two;
    memcpy(&two, p, sizeof two);
    return (__m512bh)_mm512_set1_epi32(two);
}

#define ELEM uint16_t
#define STORE_ELEM(p, v) _mm256_storeu_si256((void *)(p), (__m256i)_mm512_cvtneps_pbh(v))
#define STEP 2
#define PAIR __m512bh
#define LOAD_PAIR(p) ((__m512bh)_mm512_loadu_si512(p))
#define SPREAD(p) spread(p)
#define DOT(x, y, z) _mm512_dpbf16_ps(z, x, y)
#include "nn/gemm_body.h"
#include "nn/wino_body.h"

static bool usable(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bf16");
}

static void narrow(const float *x, uint16_t *y, int64_t n)
{
    for (int64_t i = 0; i < n; i += W) {
        const __mmask16 m = FIRST(n - i < W ? n - i : W);
        const __m256i h = (__m256i)_mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(m, x + i));
        _mm256_mask_storeu_epi16(y + i, m, h);
    }
}

static void pair(const float *first, const float *second, uint16_t *y, int64_t n)
{
    for (int64_t i = 0; i < n; i += W) {
        const __mmask16 m = FIRST(n - i < W ? n - i : W);
        const __m512 lo = _mm512_maskz_loadu_ps(m, first + i),
                     hi = second ? _mm512_maskz_loadu_ps(m, second + i) : _mm512_setzero_ps();
        const __m512i a = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(lo)),
                      b = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(hi));
        _mm512_mask_storeu_epi32(y + 2 * i, m, _mm512_or_si512(a, _mm512_slli_epi32(b, 16)));
    }
}

const sg_gemm sg_gemm_bf16 = {.name = "bf16",
                              .usable = usable,
                              .width = W,
                              .half = true,
                              .run = run,
                              .spin = spin,
                              .wino_out = OUT,
                              .wino_tap = TAPS,
                              .wino = wino,
                              .narrow = narrow,
                              .pair = pair};
