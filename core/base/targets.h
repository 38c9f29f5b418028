/* targets.h - one plain C function compiled for several processors; which one runs is asked at every call.
 *
 * Shape:   SG_FOR_TARGETS(type, name, (parameters), (arguments)) after a SG_TARGET_BODY function name_body: makes `name`, which
 *          runs the body compiled with AVX-512's bit counts, with popcnt, or plainly. Loops that count bits become vector code.
 * Units:   -
 * Owner:   -
 * Threads: -
 * Not here: kernels written by hand (geno/distance_*.c, nn/gemm_*.c).
 *
 * gcc's own target_clones asks for a model by its name ("icelake-server") and leaves later ones without AVX-512.
 */
#ifndef SG_BASE_TARGETS_H
#define SG_BASE_TARGETS_H

#define SG_TARGET_BODY static inline __attribute__((always_inline))

#if defined(__clang__) /* which builds the fuzz targets; it does not know the last word */
#define SG_TARGET_512 "popcnt,avx512f,avx512bw,avx512vl,avx512vpopcntdq"
#else
#define SG_TARGET_512 "popcnt,avx512f,avx512bw,avx512vl,avx512vpopcntdq,prefer-vector-width=512"
#endif

#if defined(__x86_64__)
#define SG_FOR_TARGETS(type, name, parameters, arguments)                                                              \
    __attribute__((target(SG_TARGET_512))) static type name##_512 parameters                                           \
    {                                                                                                                  \
        return name##_body arguments;                                                                                  \
    }                                                                                                                  \
    __attribute__((target("popcnt"))) static type name##_popcnt parameters                                             \
    {                                                                                                                  \
        return name##_body arguments;                                                                                  \
    }                                                                                                                  \
    static type name parameters                                                                                        \
    {                                                                                                                  \
        if (__builtin_cpu_supports("avx512vpopcntdq") && __builtin_cpu_supports("avx512bw") &&                         \
            __builtin_cpu_supports("avx512vl"))                                                                        \
            return name##_512 arguments;                                                                               \
        return __builtin_cpu_supports("popcnt") ? name##_popcnt arguments : name##_body arguments;                     \
    }
#else
#define SG_FOR_TARGETS(type, name, parameters, arguments)                                                              \
    static type name parameters                                                                                        \
    {                                                                                                                  \
        return name##_body arguments;                                                                                  \
    }
#endif

#endif
