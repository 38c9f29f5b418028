/* dense.c - conv3 and linear layers: bias, row and residual around the backend's map; see layers.h. */
#include "nn/layers.h"
#include "nn/vec.h"

#include <assert.h>
#include <string.h>

static void expect(const sg_dense *d, const sg_tensor *x, const sg_tensor *y)
{
    const int64_t B = y->dim[0], R = y->dim[1];
    const int64_t rows = R * d->map.stride + (d->map.n_tap == 3 ? 2 : 0);
    SG_EXPECT_SHAPE(x, B, rows, d->map.K);
    SG_EXPECT_SHAPE(y, B, R, d->map.N);
}

void sg_dense_forward(const sg_dense *d, const sg_tensor *x, const float *packed, const float *bias,
                      const sg_tensor *row, const sg_tensor *res, bool geglu, sg_tensor *y, float *scratch)
{
    const int64_t B = y->dim[0], R = y->dim[1], N = d->map.N, K = d->map.K;
    const sg_tensor whole = sg_view3(y->x, B, R, geglu ? 2 * y->dim[2] : y->dim[2]);
    expect(d, x, &whole);
    assert(!geglu || (!row && !res && d->map.split && d->backend->geglu));
    if (row)
        SG_EXPECT_SHAPE(row, B, 1, N);
    if (res)
        SG_EXPECT_SHAPE(res, B, R, N);
    const sg_map_call call = {.B = B,
                              .R = R,
                              .x = x->x + d->first * K,
                              .x_person = x->dim[1] * K,
                              .packed = packed,
                              .y = y->x,
                              .y_person = R * y->dim[2],
                              .bias = bias,
                              .row = row ? row->x : NULL,
                              .res = res ? res->x : NULL,
                              .geglu = geglu,
                              .scratch = scratch};
    d->backend->forward(&d->map, &call);
}

int64_t sg_dense_scratch(const sg_dense *d, int64_t R)
{
    const int64_t w = d->backend->scratch_floats(&d->map, R);
    const int64_t sums = 3 * d->map.N; /* one float, one double each */
    return w > sums ? w : sums;
}

/* sum [N] += column sums of dy [R, N], in double over blocks of rows. */
static void column_sums(const float *dy, int64_t R, int64_t N, float *sum, bool add, float *scratch)
{
    double *total = (double *)(void *)scratch;
    float *block = scratch + 2 * N;
    memset(total, 0, (size_t)N * sizeof *total);
    for (int64_t r = 0; r < R; r += SG_VEC_ROWS) {
        memset(block, 0, (size_t)N * sizeof *block);
        sg_vec_chosen()->add_rows(dy + r * N, block, R - r < SG_VEC_ROWS ? R - r : SG_VEC_ROWS, N);
        for (int64_t n = 0; n < N; n++)
            total[n] += block[n];
    }
    for (int64_t n = 0; n < N; n++)
        sum[n] = (float)(total[n] + (add ? sum[n] : 0.0));
}

void sg_dense_backward(const sg_dense *d, const sg_tensor *x, const float *packed, const sg_tensor *dy, sg_tensor *dx,
                       bool add, float *dw, float *dbias, sg_tensor *drow, bool drow_add, float *scratch)
{
    expect(d, x, dy);
    const int64_t B = dy->dim[0], R = dy->dim[1], N = d->map.N, K = d->map.K, rows = x->dim[1];
    if (drow)
        SG_EXPECT_SHAPE(drow, B, 1, N);
    for (int64_t b = 0; drow && b < B; b++)
        column_sums(dy->x + b * R * N, R, N, drow->x + b * N, drow_add, scratch);
    if (dbias)
        column_sums(dy->x, B * R, N, dbias, true, scratch);
    if (dw)
        d->backend->back_w(&d->map, B, R, x->x + d->first * K, rows * K, dy->x, R * N, dw, scratch);
    if (!dx)
        return;
    SG_EXPECT_SHAPE(dx, B, rows, K);
    if (!add)
        memset(dx->x, 0, (size_t)(B * rows * K) * sizeof *dx->x);
    d->backend->back_x(&d->map, B, R, dy->x, R * N, packed, dx->x + d->first * K, rows * K, scratch);
}
