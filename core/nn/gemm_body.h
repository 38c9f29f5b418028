/* gemm_body.h - the body of gemm_avx512.c, gemm_avx2.c and gemm_bf16.c; see gemm.h.
 *
 * A tile of ROWS rows by two vectors of columns stays in registers over the whole of k. Panels are the outer loop: one
 * panel stays in the second-level cache while all rows pass. The including file defines V, W (floats in V), ROWS, MASK
 * and the operations LOAD, STORE, LOAD_SOME, STORE_SOME, ADD, ZERO, FIRST; and for the elements ELEM, STEP (k that one
 * operation takes), PAIR (W times STEP elements), LOAD_PAIR, SPREAD (STEP elements everywhere) and DOT.
 */
#include "nn/gemm.h"
#include "nn/scalar.h"

#include <stddef.h>

#define INLINE static inline __attribute__((always_inline))

/* Where a panel's columns are in c, and which of the last vector's are real. */
typedef struct place {
    int64_t n0, n1;
    MASK last;
} place;

/* Sums of one row and one vector of columns before the product. */
INLINE V start(const sg_gemm_call *s, int64_t g, int64_t r, int64_t n, MASK m)
{
    const int64_t at = g * s->c_group + r * s->ldc + n;
    V v = ZERO();
    if (s->res) {
        v = LOAD_SOME(s->res + at, m);
        if (s->bias)
            v = ADD(v, LOAD_SOME(s->bias + n, m));
    } else if (s->bias) {
        v = LOAD_SOME(s->bias + n, m);
    }
    return s->row ? ADD(v, LOAD_SOME(s->row + g * s->row_group + n, m)) : v;
}

INLINE void end_geglu(int rows, V (*acc)[2], float *c, int64_t ldc)
{
    float a[ROWS * W], gate[ROWS * W];
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++) {
        STORE(a + i * W, acc[i][0]);
        STORE(gate + i * W, acc[i][1]);
    }
    for (int i = 0; i < rows; i++)
        for (int k = 0; k < W; k++)
            c[i * ldc + k] = geglu1(a[i * W + k], gate[i * W + k]);
}

/* `rows` and `n_vec` are constants after inlining, so that acc lives in registers. The last vector is masked. */
INLINE void tile(int rows, int n_vec, const sg_gemm_call *s, int64_t g, int64_t r, const ELEM *b, place p)
{
    V acc[ROWS][2];
    const ELEM *a = (const ELEM *)s->a + g * s->a_group + r * s->lda;
    const int64_t lda = s->lda, K = s->K, step = s->a_step ? s->a_step : STEP;
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++) {
        acc[i][0] = start(s, g, r + i, p.n0, n_vec == 2 ? FIRST(W) : p.last);
        if (n_vec == 2)
            acc[i][1] = start(s, g, r + i, p.n1, p.last);
    }
    for (int64_t k = 0; k < K; k += STEP) {
        const PAIR b0 = LOAD_PAIR(b), b1 = n_vec == 2 ? LOAD_PAIR(b + W * STEP) : b0;
        b += n_vec * W * STEP;
#pragma GCC unroll 8
        for (int i = 0; i < rows; i++) {
            const PAIR x = SPREAD(a + i * lda);
            acc[i][0] = DOT(x, b0, acc[i][0]);
            if (n_vec == 2)
                acc[i][1] = DOT(x, b1, acc[i][1]);
        }
        a += step;
    }
    float *c = s->c + g * s->c_group + r * s->ldc;
    if (n_vec == 2 && s->geglu) {
        end_geglu(rows, acc, c + p.n0, s->ldc);
        return;
    }
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++) {
        if (n_vec == 2) {
            STORE(c + i * s->ldc + p.n0, acc[i][0]);
            STORE_SOME(c + i * s->ldc + p.n1, p.last, acc[i][1]);
        } else {
            STORE_SOME(c + i * s->ldc + p.n0, p.last, acc[i][0]);
        }
    }
}

INLINE void few_rows(int64_t rows, int n_vec, const sg_gemm_call *s, int64_t g, int64_t r, const ELEM *b, place p)
{
    switch (rows) {
    case 1:
        tile(1, n_vec, s, g, r, b, p);
        break;
    case 2:
        tile(2, n_vec, s, g, r, b, p);
        break;
    case 3:
        tile(3, n_vec, s, g, r, b, p);
        break;
    case 4:
        tile(4, n_vec, s, g, r, b, p);
        break;
    case 5:
        tile(5, n_vec, s, g, r, b, p);
        break;
#if ROWS > 6
    case 6:
        tile(6, n_vec, s, g, r, b, p);
        break;
    case 7:
        tile(7, n_vec, s, g, r, b, p);
        break;
#endif
    default:
        break;
    }
}

INLINE void one_panel(int n_vec, const sg_gemm_call *s, int64_t g, const ELEM *b, place p)
{
    int64_t r = 0;
    for (; r + ROWS <= s->M; r += ROWS)
        tile(ROWS, n_vec, s, g, r, b, p);
    few_rows(s->M - r, n_vec, s, g, r, b, p);
}

static void run(const sg_gemm_call *s)
{
    const ELEM *panel = s->panels;
    const int64_t K = (s->K + STEP - 1) / STEP * STEP;
    for (int64_t n = 0; n < s->N; n += 2 * W) {
        const int64_t left = s->N - n;
        const place p = {s->split ? n / 2 : n, s->split ? (s->N + n) / 2 : n + W,
                         FIRST(left > 2 * W ? W
                               : left > W   ? left - W
                                            : left)};
        for (int64_t g = 0; g < s->n_group; g++) {
            if (left > W)
                one_panel(2, s, g, panel, p);
            else
                one_panel(1, s, g, panel, p);
        }
        panel += K * 2 * W;
    }
}

static double spin(int64_t n, float *sink)
{
    enum { ACC = 12 };
    ELEM some[W * STEP] = {0};
    V acc[ACC];
    PAIR x = LOAD_PAIR(some), y = SPREAD(some);
    __asm__("" : "+v"(x), "+v"(y)); /* nobody knows what they are, nor where the sums start */
#pragma GCC unroll 12
    for (int i = 0; i < ACC; i++) {
        acc[i] = ZERO();
        __asm__("" : "+v"(acc[i]));
    }
    for (int64_t k = 0; k < n; k++) {
#pragma GCC unroll 12
        for (int i = 0; i < ACC; i++)
            acc[i] = DOT(x, y, acc[i]);
    }
    V sum = acc[0];
    for (int i = 1; i < ACC; i++)
        sum = ADD(sum, acc[i]);
    float out[W];
    STORE(out, sum);
    *sink += out[0];
    return (double)n * ACC * W * STEP * 2;
}
