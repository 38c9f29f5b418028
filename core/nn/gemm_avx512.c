/* gemm_avx512.c - gemm_body.h with vectors of 16; see gemm.h. The flags are in CMakeLists.txt. */
#include "nn/gemm_512.h"

#define ELEM float
#define STORE_ELEM(p, v) STORE(p, v)
#define STEP 1
#define PAIR __m512
#define LOAD_PAIR(p) _mm512_loadu_ps(p)
#define SPREAD(p) _mm512_set1_ps(*(p))
#define DOT(x, y, z) _mm512_fmadd_ps(x, y, z)
#include "nn/gemm_body.h"
#include "nn/wino_body.h"

static bool usable(void)
{
    return __builtin_cpu_supports("avx512f");
}

const sg_gemm sg_gemm_avx512 = {.name = "avx512",
                                .usable = usable,
                                .width = W,
                                .run = run,
                                .spin = spin,
                                .wino_out = OUT,
                                .wino_tap = TAPS,
                                .wino = wino};
