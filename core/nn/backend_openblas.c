/* backend_openblas.c - matrix products by OpenBLAS; see backend.h.
 *
 * conv3 is three accumulating products over shifted views of the padded input, one per tap: no im2col copy. Products
 * run per person, so that M never depends on the batch (NOTES.md section 3). BLAS is pinned to one thread: people are
 * the parallel dimension.
 */
#include "nn/backend.h"

#include <cblas.h>

#include <string.h>

static bool usable(void)
{
    return true;
}

static void start(void)
{
    openblas_set_num_threads(1);
}

static int64_t packed_floats(const sg_map *m)
{
    return m->n_tap * m->K * m->N;
}

/* [N, K, tap] -> [tap, K, N], through tiles of 16 x 16 that stay in the first cache: called every training step. */
static bool pack(const sg_map *m, const float *w, float *packed)
{
    enum { TILE = 16, TAP_MAX = 3 };
    const int64_t K = m->K, N = m->N, T = m->n_tap;
    float tile[TAP_MAX * TILE * TILE];
    for (int64_t n0 = 0; n0 < N; n0 += TILE)
        for (int64_t k0 = 0; k0 < K; k0 += TILE) {
            const int64_t n_n = N - n0 < TILE ? N - n0 : TILE, n_k = K - k0 < TILE ? K - k0 : TILE;
            for (int64_t n = 0; n < n_n; n++)
                for (int64_t i = 0; i < n_k * T; i++) /* (k, tap) lie together */
                    tile[i * TILE + n] = w[((n0 + n) * K + k0) * T + i];
            for (int64_t t = 0; t < T; t++)
                for (int64_t k = 0; k < n_k; k++)
                    memcpy(packed + (t * K + k0 + k) * N + n0, tile + (k * T + t) * TILE, (size_t)n_n * sizeof *packed);
        }
    return true;
}

static int64_t scratch_floats(const sg_map *m, int64_t R)
{
    (void)R;
    return m->n_tap > 1 ? m->n_tap * m->N * m->K : 0;
}

static void product(bool ta, bool tb, int64_t M, int64_t N, int64_t K, const float *A, int64_t lda, const float *B,
                    int64_t ldb, float beta, float *C, int64_t ldc)
{
    cblas_sgemm(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans, (blasint)M, (blasint)N,
                (blasint)K, 1.0f, A, (blasint)lda, B, (blasint)ldb, beta, C, (blasint)ldc);
}

static void forward(const sg_map *m, const sg_map_call *c)
{
    sg_map_start(m, c);
    for (int64_t b = 0; b < c->B; b++)
        for (int t = 0; t < m->n_tap; t++)
            product(false, false, c->R, m->N, m->K, c->x + b * c->x_person + t * m->K, m->stride * m->K,
                    c->packed + t * m->K * m->N, m->N, 1.0f, c->y + b * c->y_person, m->N);
}

static void back_x(const sg_map *m, int64_t B, int64_t R, const float *dy, int64_t y_person, const float *packed,
                   float *dx, int64_t x_person, float *scratch)
{
    (void)scratch;
    for (int64_t b = 0; b < B; b++)
        for (int t = 0; t < m->n_tap; t++)
            product(false, true, R, m->K, m->N, dy + b * y_person, m->N, packed + t * m->K * m->N, m->N, 1.0f,
                    dx + b * x_person + t * m->K, m->stride * m->K);
}

static void back_w(const sg_map *m, int64_t B, int64_t R, const float *x, int64_t x_person, const float *dy,
                   int64_t y_person, float *dw, float *scratch)
{
    const int64_t K = m->K, N = m->N, T = m->n_tap;
    const bool dense = x_person == R * m->stride * K && y_person == R * N; /* people lie end to end: one product */
    const int64_t rows = dense ? B * R : R, n_call = dense ? 1 : B;
    for (int64_t t = 0; t < T; t++)
        for (int64_t b = 0; b < n_call; b++)
            product(true, false, N, K, rows, dy + b * y_person, N, x + b * x_person + t * K, m->stride * K,
                    T > 1 ? b > 0 : 1.0f, T > 1 ? scratch + t * N * K : dw, K);
    for (int64_t i = 0; T > 1 && i < N * K; i++)
        for (int64_t t = 0; t < T; t++)
            dw[i * T + t] += scratch[t * N * K + i];
}

const sg_backend sg_backend_openblas = {
    .name = "openblas",
    .usable = usable,
    .start = start,
    .needs = "any processor",
    .packed_floats = packed_floats,
    .pack = pack,
    .scratch_floats = scratch_floats,
    .forward = forward,
    .back_x = back_x,
    .back_w = back_w,
    .product = product,
};
