/* activation.c - SiLU and GEGLU; see layers.h. */
#include "nn/layers.h"
#include "nn/vec.h"

void sg_silu_forward(const sg_tensor *x, sg_tensor *y)
{
    SG_EXPECT_SHAPE(y, x->dim[0], x->dim[1], x->dim[2]);
    sg_vec_chosen()->silu(x->x, y->x, sg_tensor_n(x));
}

void sg_silu_backward(const sg_tensor *x, const sg_tensor *dy, sg_tensor *dx, bool add)
{
    SG_EXPECT_SHAPE(dy, x->dim[0], x->dim[1], x->dim[2]);
    SG_EXPECT_SHAPE(dx, x->dim[0], x->dim[1], x->dim[2]);
    sg_vec_chosen()->silu_back(x->x, dy->x, dx->x, sg_tensor_n(x), add);
}

void sg_geglu_forward(const sg_tensor *x, sg_tensor *y)
{
    const int64_t B = y->dim[0], L = y->dim[1], C = y->dim[2];
    SG_EXPECT_SHAPE(x, B, L, 2 * C);
    sg_vec_chosen()->geglu(x->x, y->x, B * L, C);
}

void sg_geglu_backward(const sg_tensor *x, const sg_tensor *dy, sg_tensor *dx)
{
    const int64_t B = dy->dim[0], L = dy->dim[1], C = dy->dim[2];
    SG_EXPECT_SHAPE(x, B, L, 2 * C);
    SG_EXPECT_SHAPE(dx, B, L, 2 * C);
    sg_vec_chosen()->geglu_back(x->x, dy->x, dx->x, B * L, C);
}
