/* backend.h - the one door to matrix products: a linear map over rows, and small products for attention.
 *
 * Shape:   a map has n_tap taps (3 for conv3, 1 for a linear layer): y[r, n] = sum over tap, k of
 *          x[r * stride + tap, k] W[n, k, tap], rows contiguous: x [.., K], y [R, N]. W is the published layout.
 * Units:   float32.
 * Owner:   the caller owns every buffer; `packed` is a copy of W in whatever layout the backend likes.
 * Threads: every function may run on many threads at once and uses the calling thread alone.
 * Not here: biases, shapes, gradients of anything else (layers.h).
 *
 * A row of y depends on its own rows of x alone, bit for bit, whatever R is: the same person comes out the same in any
 * batch (tests/vectors and tests/unit check it).
 */
#ifndef SG_NN_BACKEND_H
#define SG_NN_BACKEND_H

#include <stdbool.h>
#include <stdint.h>

typedef struct sg_map {
    int n_tap, stride;
    int64_t K, N; /* channels in, out */
} sg_map;

typedef struct sg_backend {
    const char *name;
    bool (*usable)(void); /* by this machine */
    void (*start)(void);  /* once per process, before anything else; idempotent */
    /* `packed` holds so many floats, zeroed when it is new. */
    int64_t (*packed_floats)(const sg_map *m);
    void (*pack)(const sg_map *m, const float *w, float *packed);
    /* y [R, N] += map of x, for B people whose rows lie x_person and y_person floats apart. */
    void (*forward)(const sg_map *m, int64_t B, int64_t R, const float *x, int64_t x_person, const float *packed,
                    float *y, int64_t y_person);
    /* dx += map transposed of dy [R, N]. */
    void (*back_x)(const sg_map *m, int64_t B, int64_t R, const float *dy, int64_t y_person, const float *packed,
                   float *dx, int64_t x_person);
    /* dw [N, K, n_tap] += dy^T x over B people. scratch [n_tap N K]. */
    void (*back_w)(const sg_map *m, int64_t B, int64_t R, const float *x, int64_t x_person, const float *dy,
                   int64_t y_person, float *dw, float *scratch);
    /* C [M, N] = op(A) op(B) + beta C, leading dimensions lda, ldb, ldc; ta and tb transpose. */
    void (*product)(bool ta, bool tb, int64_t M, int64_t N, int64_t K, const float *A, int64_t lda, const float *B,
                    int64_t ldb, float beta, float *C, int64_t ldc);
} sg_backend;

extern const sg_backend sg_backend_panels_avx512, sg_backend_panels_avx2, sg_backend_openblas;
enum { SG_N_BACKEND = 3 };
extern const sg_backend *const sg_backend_list[SG_N_BACKEND]; /* best first; OpenBLAS, which always works, last */

/* The best one this machine can run. */
const sg_backend *sg_backend_chosen(void);
/* For tests and comparisons: NULL chooses again. Before any network is built: packed weights are the backend's own. */
void sg_backend_force(const sg_backend *b);

#endif
