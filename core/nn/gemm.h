/* gemm.h - our own matrix products over packed weights, one file per instruction set.
 *
 * Shape:   c [M, N] = start + a [M, K] w, for n_group groups of M rows each. Rows of a lie lda elements apart and may
 *          overlap (conv3 reads K = 3 C elements of rows that are C apart). w is packed in panels of 2 `width` columns,
 *          [K][2 width] each, the last one of `width` when that is enough, filled up with zeros. When `split`, a panel
 *          is `width` columns of the first half of N beside the same ones of the second half; N is then a multiple of
 *          2 `width`.
 * Units:   float32, fused multiply-add, summed over k in order: a row's result depends on nothing but its row.
 *          `half`: a and w are bfloat16, two k at a time ([K / 2][2 width][2]); K odd reads one element of a beyond the
 *          row, which must not be NaN, against a weight of zero. Sums are float32 all the same.
 * Owner:   the caller.
 * Threads: pure functions.
 * Not here: who packs (backend_panels.c).
 */
#ifndef SG_NN_GEMM_H
#define SG_NN_GEMM_H

#include <stdbool.h>
#include <stdint.h>

typedef struct sg_gemm_call {
    int64_t n_group, M, K, N;
    const void *a;
    int64_t a_group, lda; /* elements */
    int64_t a_step;       /* from one k (pair of k) of a row to the next; 0: they lie together */
    const void *panels;
    /* What a sum starts from: res (laid out like c, may be c) + bias [N] + row [N] of the group; NULL for nothing. */
    const float *res, *bias, *row;
    int64_t row_group;
    float *c;
    int64_t c_group, ldc;
    bool split;
    bool geglu; /* split only: c [M, N / 2] = first half times GELU of the second */
} sg_gemm_call;

/* Three-tap convolution of stride 1 by Winograd's way: of every `wino_out` rows of the result at once, with fewer
 * products than taps times rows. x [R + 2, K] per group, K and N multiples of `width`; panels: for each 2 `width` columns
 * wino_tap times [K][2 width] of transformed weights (sg_wino_weights). u: room for n_group times wino_tap times
 * ceil(R / wino_out) times K elements. A row of the result depends on the rows of its own group alone. */
typedef struct sg_wino_call {
    int64_t n_group, R, K, N;
    const float *x;
    int64_t x_group;
    const void *panels;
    const float *res, *bias, *row; /* as in sg_gemm_call */
    int64_t row_group;
    float *c;
    int64_t c_group;
    void *u;
} sg_wino_call;

typedef struct sg_gemm {
    const char *name;
    bool (*usable)(void);
    int width; /* floats of a vector */
    bool half;
    void (*run)(const sg_gemm_call *call);
    int wino_out, wino_tap; /* 4, 6 in float32; 2, 4 in bfloat16, where the larger one would cost too many bits */
    void (*wino)(const sg_wino_call *call);
    /* bfloat16 of n floats, to nearest; NULL unless half. */
    void (*narrow)(const float *x, uint16_t *y, int64_t n);
    /* Two rows of n floats (second may be NULL: zeros) as pairs; NULL unless half. */
    void (*pair)(const float *first, const float *second, uint16_t *y, int64_t n);
    /* n rounds of the inner operation on registers alone: what nothing can beat. Returns operations done, a multiply and
     * an add each being one; *sink keeps the compiler honest. */
    double (*spin)(int64_t n, float *sink);
} sg_gemm;

/* The wino_tap transformed weights of three taps g[0..2]. */
void sg_wino_weights(const sg_gemm *g, const float tap[3], float *v);

extern const sg_gemm sg_gemm_avx512, sg_gemm_avx2, sg_gemm_bf16;

#endif
