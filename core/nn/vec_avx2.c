/* vec_avx2.c - vec_body.h compiled for avx2; see vec.h. The flags are in CMakeLists.txt. */
#define SG_VEC_TABLE sg_vec_avx2
#define SG_VEC_NAME "avx2"
#include "nn/vec_body.h"

static bool usable(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
