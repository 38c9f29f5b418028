/* vec_avx512.c - vec_body.h compiled for avx512; see vec.h. The flags are in CMakeLists.txt. */
#define SG_VEC_TABLE sg_vec_avx512
#define SG_VEC_NAME "avx512"
#include "nn/vec_body.h"

static bool usable(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}
