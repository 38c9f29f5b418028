/* vec.h - the elementwise arithmetic, one table of functions per instruction set.
 *
 * Shape:   plain arrays; rows are positions, columns are channels: x [R, C] contiguous.
 * Units:   float32; sums leave as float over at most SG_VEC_ROWS rows, the caller adds them up in double.
 * Owner:   the caller, everywhere.
 * Threads: pure functions.
 * Not here: matrix products (backend.h), shapes (layers.h).
 *
 * The three tables are one source (vec_body.h) compiled three times. The C is written so that every instruction set
 * does the same operations in the same order (sums run in SG_VEC_LANES fixed lanes, no contraction to fused
 * multiply-add): they agree bit for bit, and tests/unit/nn_vec.c checks it.
 */
#ifndef SG_NN_VEC_H
#define SG_NN_VEC_H

#include <stdint.h>
#include <stdbool.h>

enum { SG_VEC_ROWS = 64, SG_VEC_LANES = 16 };

typedef struct sg_vec {
    const char *name;
    bool (*usable)(void);

    void (*exp)(const float *x, float *y, int64_t n); /* <= 2 ulp on [-87, 88]; clamped outside */
    void (*erf)(const float *x, float *y, int64_t n); /* <= 2 ulp */
    void (*silu)(const float *x, float *y, int64_t n);
    /* dx = dy * silu'(x); += when add. */
    void (*silu_back)(const float *x, const float *dy, float *dx, int64_t n, bool add);
    void (*add)(const float *x, float *y, int64_t n);                   /* y += x */
    void (*fill_rows)(const float *v, float *y, int64_t R, int64_t C);  /* every row of y = v */
    void (*add_rows)(const float *x, float *sum, int64_t R, int64_t C); /* sum [C] += sum over rows of x */

    /* R <= SG_VEC_ROWS. s1 [C] = sum of (x - x0), s2 [C] = sum of (x - x0)^2, overwritten. */
    void (*moments)(const float *x, const float *x0, float *s1, float *s2, int64_t R, int64_t C);
    /* y = a[c] x + b[c], then silu when asked. */
    void (*affine)(const float *x, const float *a, const float *b, float *y, int64_t R, int64_t C, bool silu);
    /* R <= SG_VEC_ROWS. u = a x + b; du = dy silu'(u) (or dy): du [R, C], s1 [C] = sum du, s2 [C] = sum du (x - m[c]),
     * overwritten. */
    void (*affine_back)(const float *x, const float *dy, const float *a, const float *b, const float *m, float *du,
                        float *s1, float *s2, int64_t R, int64_t C, bool silu);
    /* dx = p[c] du + q[c] x + s[c]; += when add. */
    void (*combine)(const float *du, const float *x, const float *p, const float *q, const float *s, float *dx,
                    int64_t R, int64_t C, bool add);

    /* One row: y = (x - mean) rstd w + b; stat [2] = mean, rstd. */
    void (*layernorm)(const float *x, const float *w, const float *b, float eps, float *y, float *stat, int64_t C);
    /* One row: dx (+= when add); dw, db [C] accumulated. */
    void (*layernorm_back)(const float *x, const float *dy, const float *w, const float *stat, float *dx, float *dw,
                           float *db, int64_t C, bool add);

    /* x [R, 2C] -> y [R, C] = x[:, :C] gelu(x[:, C:]). */
    void (*geglu)(const float *x, float *y, int64_t R, int64_t C);
    void (*geglu_back)(const float *x, const float *dy, float *dx, int64_t R, int64_t C); /* dx overwritten */

    void (*softmax)(float *x, float scale, int64_t R, int64_t C); /* in place, rows of scale * x */
    /* dp [R, C] becomes scale * p (dp - sum p dp). */
    void (*softmax_back)(const float *p, float *dp, float scale, int64_t R, int64_t C);
} sg_vec;

enum { SG_N_VEC = 3 };
extern const sg_vec sg_vec_avx512, sg_vec_avx2, sg_vec_generic;
extern const sg_vec *const sg_vec_list[SG_N_VEC]; /* best first; generic last */

/* The best table this machine can run. */
const sg_vec *sg_vec_chosen(void);
/* For tests: NULL chooses again. Not while networks compute. */
void sg_vec_force(const sg_vec *v);

#endif
