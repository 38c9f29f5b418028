/* gemm_avx512.c - gemm_body.h with vectors of 16; see gemm.h. The flags are in CMakeLists.txt. */
#include <immintrin.h>

#define V __m512
#define W 16
#define ROWS 8
#define MASK __mmask16
#define LOAD(p) _mm512_loadu_ps(p)
#define STORE(p, v) _mm512_storeu_ps(p, v)
#define LOAD_SOME(p, m) _mm512_maskz_loadu_ps(m, p)
#define STORE_SOME(p, m, v) _mm512_mask_storeu_ps(p, m, v)
#define FMA(x, y, z) _mm512_fmadd_ps(x, y, z)
#define SET1(x) _mm512_set1_ps(x)
#define FIRST(n) ((__mmask16)((1u << (n)) - 1u))
#include "nn/gemm_body.h"

static bool usable(void)
{
    return __builtin_cpu_supports("avx512f");
}

const sg_gemm sg_gemm_avx512 = {"avx512", usable, W, run};
