/* backend_panels.c - our own products over weights packed once per load; see backend.h and gemm.h.
 *
 * What a general BLAS does on every call, rearranging both operands, is done here once per load for the weights and not
 * at all for the activations: 1.5 to 2 times faster on these shapes (NOTES.md section 5). conv3 with its three taps is
 * ONE product: the floats of rows r, r+1, r+2 of a padded tensor lie behind each other, so that a row of the product's
 * left side is 3 K floats long and the next one begins K (or 2 K, with stride 2) later.
 *
 * packed: the forward panels [n_tap K] x [N], then for the backward pass n_tap times [N] x [K].
 * Gradients of weights and the small products of attention go to OpenBLAS.
 */
#include "nn/backend.h"
#include "nn/gemm.h"

#include <stddef.h>

/* People are taken in groups whose activations stay in the cache beside a panel. */
enum { GROUP_FLOATS = 64 * 1024 };

static int64_t group_of(int64_t floats_per_person)
{
    const int64_t n = GROUP_FLOATS / (floats_per_person + 1);
    return n < 1 ? 1 : n;
}

/* Columns after filling up the last panel. */
static int64_t panel_columns(int64_t N, int64_t width)
{
    return (N + width - 1) / width * width;
}

static int64_t floats(const sg_map *m, int64_t width)
{
    const int64_t T = m->n_tap;
    return T * m->K * panel_columns(m->N, width) + T * m->N * panel_columns(m->K, width);
}

/* Width of the panel that begins at column n of N. */
static int64_t panel_width(int64_t n, int64_t N, int64_t width)
{
    return N - n > width ? 2 * width : width;
}

/* [N, K, T] -> panels [T K] x [N], a few k at a time so that what is written to stays in the first cache. */
static void pack_forward(int64_t N, int64_t K, int64_t T, const float *w, float *to, int64_t width)
{
    enum { BLOCK = 16 };
    for (int64_t n0 = 0; n0 < N; n0 += 2 * width) {
        const int64_t wide = panel_width(n0, N, width), n_n = N - n0 < wide ? N - n0 : wide;
        for (int64_t k0 = 0; k0 < K; k0 += BLOCK)
            for (int64_t j = 0; j < n_n; j++) {
                const float *from = w + ((n0 + j) * K + k0) * T;
                for (int64_t k = k0; k < k0 + BLOCK && k < K; k++)
                    for (int64_t t = 0; t < T; t++)
                        to[(t * K + k) * wide + j] = *from++;
            }
        to += T * K * wide;
    }
}

/* [N, K, T] -> for tap t panels [N] x [K]. */
static void pack_back(int64_t N, int64_t K, int64_t T, int64_t t, const float *w, float *to, int64_t width)
{
    for (int64_t k0 = 0; k0 < K; k0 += 2 * width) {
        const int64_t wide = panel_width(k0, K, width), n_k = K - k0 < wide ? K - k0 : wide;
        for (int64_t n = 0; n < N; n++)
            for (int64_t j = 0; j < n_k; j++)
                to[n * wide + j] = w[(n * K + k0 + j) * T + t];
        to += N * wide;
    }
}

/* The columns that fill up a last panel are zero from the start (the buffer is born zeroed) and stay so. */
static void pack(const sg_map *m, const float *w, float *packed, int64_t width)
{
    const int64_t K = m->K, N = m->N, T = m->n_tap;
    pack_forward(N, K, T, w, packed, width);
    packed += T * K * panel_columns(N, width);
    for (int64_t t = 0; t < T; t++)
        pack_back(N, K, T, t, w, packed + t * N * panel_columns(K, width), width);
}

static void forward(const sg_gemm *g, const sg_map *m, int64_t B, int64_t R, const float *x, int64_t x_person,
                    const float *packed, float *y, int64_t y_person)
{
    const int64_t step = group_of(x_person + y_person);
    for (int64_t b = 0; b < B; b += step)
        g->run(B - b < step ? B - b : step, R, m->n_tap * m->K, m->N, x + b * x_person, x_person, m->stride * m->K,
               packed, y + b * y_person, y_person, m->N);
}

static void back_x(const sg_gemm *g, const sg_map *m, int64_t B, int64_t R, const float *dy, int64_t y_person,
                   const float *packed, float *dx, int64_t x_person)
{
    const int64_t step = group_of(x_person + y_person), T = m->n_tap, tap = m->N * panel_columns(m->K, g->width);
    const float *back = packed + T * m->K * panel_columns(m->N, g->width);
    for (int64_t b = 0; b < B; b += step)
        for (int64_t t = 0; t < T; t++)
            g->run(B - b < step ? B - b : step, R, m->N, m->K, dy + b * y_person, y_person, m->N, back + t * tap,
                   dx + b * x_person + t * m->K, x_person, m->stride * m->K);
}

static void start(void)
{
    sg_backend_openblas.start();
}

static void back_w(const sg_map *m, int64_t B, int64_t R, const float *x, int64_t x_person, const float *dy,
                   int64_t y_person, float *dw, float *scratch)
{
    sg_backend_openblas.back_w(m, B, R, x, x_person, dy, y_person, dw, scratch);
}

static void product(bool ta, bool tb, int64_t M, int64_t N, int64_t K, const float *A, int64_t lda, const float *B,
                    int64_t ldb, float beta, float *C, int64_t ldc)
{
    sg_backend_openblas.product(ta, tb, M, N, K, A, lda, B, ldb, beta, C, ldc);
}

/* The two backends differ in their kernel alone. */
#define BACKEND(isa)                                                                                                   \
    static int64_t floats_##isa(const sg_map *m)                                                                       \
    {                                                                                                                  \
        return floats(m, sg_gemm_##isa.width);                                                                         \
    }                                                                                                                  \
    static void pack_##isa(const sg_map *m, const float *w, float *packed)                                             \
    {                                                                                                                  \
        pack(m, w, packed, sg_gemm_##isa.width);                                                                       \
    }                                                                                                                  \
    static void forward_##isa(const sg_map *m, int64_t B, int64_t R, const float *x, int64_t x_person,                 \
                              const float *packed, float *y, int64_t y_person)                                         \
    {                                                                                                                  \
        forward(&sg_gemm_##isa, m, B, R, x, x_person, packed, y, y_person);                                            \
    }                                                                                                                  \
    static void back_x_##isa(const sg_map *m, int64_t B, int64_t R, const float *dy, int64_t y_person,                 \
                             const float *packed, float *dx, int64_t x_person)                                         \
    {                                                                                                                  \
        back_x(&sg_gemm_##isa, m, B, R, dy, y_person, packed, dx, x_person);                                           \
    }                                                                                                                  \
    static bool usable_##isa(void)                                                                                     \
    {                                                                                                                  \
        return sg_gemm_##isa.usable();                                                                                 \
    }                                                                                                                  \
    const sg_backend sg_backend_panels_##isa = {.name = "panels-" #isa,                                                \
                                                .usable = usable_##isa,                                                \
                                                .start = start,                                                        \
                                                .packed_floats = floats_##isa,                                         \
                                                .pack = pack_##isa,                                                    \
                                                .forward = forward_##isa,                                              \
                                                .back_x = back_x_##isa,                                                \
                                                .back_w = back_w,                                                      \
                                                .product = product};
BACKEND(avx512)
BACKEND(avx2)
