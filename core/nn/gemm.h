/* gemm.h - our own matrix product over packed weights, one file per instruction set.
 *
 * Shape:   c [M, N] += a [M, K] w, for n_group groups of M rows each; rows of a lie lda floats apart and may overlap
 *          (conv3 reads K = 3 C floats of rows that are C apart). w is packed in panels of 2 `width` columns, [K][2
 * width] each, the last one of `width` when that is enough, filled up with zeros. Units:   float32, fused multiply-add,
 * summed over k in order: a row's result depends on nothing but its row. Owner:   the caller. Threads: pure functions.
 * Not here: who packs (backend_panels.c).
 */
#ifndef SG_NN_GEMM_H
#define SG_NN_GEMM_H

#include <stdbool.h>
#include <stdint.h>

typedef struct sg_gemm {
    const char *name;
    bool (*usable)(void);
    int width; /* floats of a vector */
    void (*run)(int64_t n_group, int64_t M, int64_t K, int64_t N, const float *a, int64_t a_group, int64_t lda,
                const float *panels, float *c, int64_t c_group, int64_t ldc);
} sg_gemm;

extern const sg_gemm sg_gemm_avx512, sg_gemm_avx2;

#endif
