/* gemm_body.h - the body of gemm_avx512.c and gemm_avx2.c; see gemm.h.
 *
 * A tile of ROWS rows by two vectors of columns stays in registers over the whole of k. Panels are the outer loop: one
 * panel stays in the second-level cache while all rows pass. The including file defines V, W (floats in V), ROWS, MASK
 * and the operations LOAD, STORE, LOAD_SOME, STORE_SOME, FMA, SET1, FIRST.
 */
#include "nn/gemm.h"

#define INLINE static inline __attribute__((always_inline))

/* `rows` and `n_vec` are constants after inlining, so that acc lives in registers. The last vector is masked. */
INLINE void tile(int rows, int n_vec, int64_t K, const float *a, int64_t lda, const float *b, float *c, int64_t ldc,
                 MASK last)
{
    V acc[ROWS][2];
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++) {
        acc[i][0] = n_vec == 2 ? LOAD(c + i * ldc) : LOAD_SOME(c + i * ldc, last);
        if (n_vec == 2)
            acc[i][1] = LOAD_SOME(c + i * ldc + W, last);
    }
    for (int64_t k = 0; k < K; k++) {
        const V b0 = LOAD(b), b1 = n_vec == 2 ? LOAD(b + W) : b0;
        b += n_vec * W;
#pragma GCC unroll 8
        for (int i = 0; i < rows; i++) {
            const V x = SET1(a[i * lda + k]);
            acc[i][0] = FMA(x, b0, acc[i][0]);
            if (n_vec == 2)
                acc[i][1] = FMA(x, b1, acc[i][1]);
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++) {
        if (n_vec == 2) {
            STORE(c + i * ldc, acc[i][0]);
            STORE_SOME(c + i * ldc + W, last, acc[i][1]);
        } else {
            STORE_SOME(c + i * ldc, last, acc[i][0]);
        }
    }
}

INLINE void few_rows(int64_t rows, int n_vec, int64_t K, const float *a, int64_t lda, const float *b, float *c,
                     int64_t ldc, MASK last)
{
    switch (rows) {
    case 1:
        tile(1, n_vec, K, a, lda, b, c, ldc, last);
        break;
    case 2:
        tile(2, n_vec, K, a, lda, b, c, ldc, last);
        break;
    case 3:
        tile(3, n_vec, K, a, lda, b, c, ldc, last);
        break;
    case 4:
        tile(4, n_vec, K, a, lda, b, c, ldc, last);
        break;
    case 5:
        tile(5, n_vec, K, a, lda, b, c, ldc, last);
        break;
#if ROWS > 6
    case 6:
        tile(6, n_vec, K, a, lda, b, c, ldc, last);
        break;
    case 7:
        tile(7, n_vec, K, a, lda, b, c, ldc, last);
        break;
#endif
    default:
        break;
    }
}

INLINE void one_panel(int n_vec, int64_t M, int64_t K, const float *a, int64_t lda, const float *b, float *c,
                      int64_t ldc, MASK last)
{
    int64_t r = 0;
    for (; r + ROWS <= M; r += ROWS)
        tile(ROWS, n_vec, K, a + r * lda, lda, b, c + r * ldc, ldc, last);
    few_rows(M - r, n_vec, K, a + r * lda, lda, b, c + r * ldc, ldc, last);
}

static void run(int64_t n_group, int64_t M, int64_t K, int64_t N, const float *a, int64_t a_group, int64_t lda,
                const float *panels, float *c, int64_t c_group, int64_t ldc)
{
    for (int64_t n = 0; n < N; n += 2 * W) {
        const int64_t left = N - n;
        const MASK last = FIRST(left > 2 * W ? W : left > W ? left - W : left);
        for (int64_t g = 0; g < n_group; g++) {
            if (left > W)
                one_panel(2, M, K, a + g * a_group, lda, panels, c + g * c_group + n, ldc, last);
            else
                one_panel(1, M, K, a + g * a_group, lda, panels, c + g * c_group + n, ldc, last);
        }
        panels += K * 2 * W;
    }
}
