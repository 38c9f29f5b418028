/* position.c - a learned vector per position. A convolution gives the same answer wherever it stands and attention does
 * not know the order of what it reads; this tells them where they are. */
#include "nn/layers.h"
#include "nn/vec.h"

#include <string.h>

/* x [B, L, C], p [L, C] -> y [B, L, C] (overwritten) */
void sg_position_forward(const sg_tensor *x, const float *p, sg_tensor *y)
{
    const int64_t B = x->dim[0], L = x->dim[1], C = x->dim[2];
    SG_EXPECT_SHAPE(y, B, L, C);
    memcpy(y->x, x->x, (size_t)(B * L * C) * sizeof *y->x);
    for (int64_t b = 0; b < B; b++)
        sg_vec_chosen()->add(p, y->x + b * L * C, L * C);
}

void sg_position_backward(const sg_tensor *dy, sg_tensor *dx, bool add, float *dp)
{
    const int64_t B = dy->dim[0], L = dy->dim[1], C = dy->dim[2];
    for (int64_t b = 0; b < B; b++)
        sg_vec_chosen()->add(dy->x + b * L * C, dp, L * C);
    if (!dx)
        return;
    SG_EXPECT_SHAPE(dx, B, L, C);
    if (add)
        sg_vec_chosen()->add(dy->x, dx->x, B * L * C);
    else
        memcpy(dx->x, dy->x, (size_t)(B * L * C) * sizeof *dx->x);
}
