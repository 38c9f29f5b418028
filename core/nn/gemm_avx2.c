/* gemm_avx2.c - gemm_body.h with vectors of 8; see gemm.h. The flags are in CMakeLists.txt. */
#include <immintrin.h>

#include <stdint.h>

static inline __m256i first(int64_t n)
{
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), lane);
}

#define V __m256
#define W 8
#define ROWS 6
#define MASK __m256i
#define LOAD(p) _mm256_loadu_ps(p)
#define STORE(p, v) _mm256_storeu_ps(p, v)
#define LOAD_SOME(p, m) _mm256_maskload_ps(p, m)
#define STORE_SOME(p, m, v) _mm256_maskstore_ps(p, m, v)
#define SUB(x, y) _mm256_sub_ps(x, y)
#define MUL(x, y) _mm256_mul_ps(x, y)
#define SET1(x) _mm256_set1_ps(x)
#define ADD(x, y) _mm256_add_ps(x, y)
#define ZERO() _mm256_setzero_ps()
#define FIRST(n) first(n)
#define ELEM float
#define STORE_ELEM(p, v) STORE(p, v)
#define STEP 1
#define PAIR __m256
#define LOAD_PAIR(p) _mm256_loadu_ps(p)
#define SPREAD(p) _mm256_set1_ps(*(p))
#define DOT(x, y, z) _mm256_fmadd_ps(x, y, z)
#include "nn/gemm_body.h"
#include "nn/wino_body.h"

static bool usable(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

const sg_gemm sg_gemm_avx2 = {.name = "avx2",
                              .usable = usable,
                              .width = W,
                              .run = run,
                              .spin = spin,
                              .wino_out = OUT,
                              .wino_tap = TAPS,
                              .wino = wino};
