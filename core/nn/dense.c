/* dense.c - conv3 and linear layers: bias, row and residual around the backend's map; see layers.h. */
#include "nn/layers.h"
#include "nn/vec.h"

#include <assert.h>
#include <string.h>

/* y rows before the product: what is added to it. */
static void start_rows(const float *bias, const float *row, const float *res, float *y, int64_t R, int64_t N)
{
    const sg_vec *v = sg_vec_chosen();
    if (res && res != y)
        memcpy(y, res, (size_t)(R * N) * sizeof *y);
    else if (!res && bias)
        v->fill_rows(bias, y, R, N);
    else if (!res)
        memset(y, 0, (size_t)(R * N) * sizeof *y);
    for (int64_t r = 0; r < R; r++) {
        if (res && bias)
            v->add(bias, y + r * N, N);
        if (row)
            v->add(row, y + r * N, N);
    }
}

static void expect(const sg_dense *d, const sg_tensor *x, const sg_tensor *y)
{
    const int64_t B = y->dim[0], R = y->dim[1];
    const int64_t rows = R * d->map.stride + (d->map.n_tap == 3 ? 2 : 0);
    SG_EXPECT_SHAPE(x, B, rows, d->map.K);
    SG_EXPECT_SHAPE(y, B, R, d->map.N);
}

void sg_dense_forward(const sg_dense *d, const sg_tensor *x, const float *packed, const float *bias,
                      const sg_tensor *row, const sg_tensor *res, sg_tensor *y)
{
    expect(d, x, y);
    const int64_t B = y->dim[0], R = y->dim[1], N = d->map.N, K = d->map.K;
    if (row)
        SG_EXPECT_SHAPE(row, B, 1, N);
    if (res)
        SG_EXPECT_SHAPE(res, B, R, N);
    for (int64_t b = 0; b < B; b++)
        start_rows(bias, row ? row->x + b * N : NULL, res ? res->x + b * R * N : NULL, y->x + b * R * N, R, N);
    sg_backend_chosen()->forward(&d->map, B, R, x->x + d->first * K, x->dim[1] * K, packed, y->x, R * N);
}

int64_t sg_dense_scratch(const sg_dense *d)
{
    const int64_t w = d->map.n_tap > 1 ? d->map.n_tap * d->map.N * d->map.K : 0;
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
        sg_backend_chosen()->back_w(&d->map, B, R, x->x + d->first * K, rows * K, dy->x, R * N, dw, scratch);
    if (!dx)
        return;
    SG_EXPECT_SHAPE(dx, B, rows, K);
    if (!add)
        memset(dx->x, 0, (size_t)(B * rows * K) * sizeof *dx->x);
    sg_backend_chosen()->back_x(&d->map, B, R, dy->x, R * N, packed, dx->x + d->first * K, rows * K);
}
