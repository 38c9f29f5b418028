/* resample.c - moving rows and channels about: padding, nearest x2, concatenation; see layers.h. */
#include "nn/layers.h"
#include "nn/vec.h"

#include <string.h>

/* to = from, or to += from */
static void put(const float *from, float *to, int64_t n, bool add)
{
    if (add)
        sg_vec_chosen()->add(from, to, n);
    else
        memcpy(to, from, (size_t)n * sizeof *to);
}

void sg_pad_forward(const sg_tensor *x, sg_tensor *y)
{
    const int64_t B = x->dim[0], L = x->dim[1], C = x->dim[2];
    SG_EXPECT_SHAPE(y, B, L + 2, C);
    for (int64_t b = 0; b < B; b++) {
        float *yb = y->x + b * (L + 2) * C;
        memset(yb, 0, (size_t)C * sizeof *yb);
        memcpy(yb + C, x->x + b * L * C, (size_t)(L * C) * sizeof *yb);
        memset(yb + (L + 1) * C, 0, (size_t)C * sizeof *yb);
    }
}

void sg_pad_backward(const sg_tensor *dy, sg_tensor *dx, bool add)
{
    const int64_t B = dx->dim[0], L = dx->dim[1], C = dx->dim[2];
    SG_EXPECT_SHAPE(dy, B, L + 2, C);
    for (int64_t b = 0; b < B; b++)
        put(dy->x + (b * (L + 2) + 1) * C, dx->x + b * L * C, L * C, add);
}

void sg_upsample_forward(const sg_tensor *x, sg_tensor *y)
{
    const int64_t B = x->dim[0], L = x->dim[1], C = x->dim[2];
    SG_EXPECT_SHAPE(y, B, 2 * L + 2, C);
    for (int64_t b = 0; b < B; b++) {
        float *yb = y->x + b * (2 * L + 2) * C;
        memset(yb, 0, (size_t)C * sizeof *yb);
        for (int64_t l = 0; l < 2 * L; l++)
            memcpy(yb + (l + 1) * C, x->x + (b * L + l / 2) * C, (size_t)C * sizeof *yb);
        memset(yb + (2 * L + 1) * C, 0, (size_t)C * sizeof *yb);
    }
}

void sg_upsample_backward(const sg_tensor *dy, sg_tensor *dx, bool add)
{
    const int64_t B = dx->dim[0], L = dx->dim[1], C = dx->dim[2];
    SG_EXPECT_SHAPE(dy, B, 2 * L + 2, C);
    for (int64_t b = 0; b < B; b++)
        for (int64_t l = 0; l < L; l++) {
            const float *d = dy->x + (b * (2 * L + 2) + 2 * l + 1) * C;
            float *to = dx->x + (b * L + l) * C;
            put(d, to, C, add);
            put(d + C, to, C, true);
        }
}

void sg_concat_forward(const sg_tensor *p, const sg_tensor *q, sg_tensor *y)
{
    const int64_t B = y->dim[0], L = y->dim[1], P = p->dim[2], Q = q->dim[2];
    SG_EXPECT_SHAPE(p, B, L, P);
    SG_EXPECT_SHAPE(q, B, L, Q);
    SG_EXPECT_SHAPE(y, B, L, P + Q);
    for (int64_t r = 0; r < B * L; r++) {
        memcpy(y->x + r * (P + Q), p->x + r * P, (size_t)P * sizeof(float));
        memcpy(y->x + r * (P + Q) + P, q->x + r * Q, (size_t)Q * sizeof(float));
    }
}

void sg_concat_backward(const sg_tensor *dy, sg_tensor *dp, bool padd, sg_tensor *dq, bool qadd)
{
    const int64_t B = dy->dim[0], L = dy->dim[1], P = dp->dim[2], Q = dq->dim[2];
    SG_EXPECT_SHAPE(dy, B, L, P + Q);
    SG_EXPECT_SHAPE(dp, B, L, P);
    SG_EXPECT_SHAPE(dq, B, L, Q);
    for (int64_t r = 0; r < B * L; r++) {
        put(dy->x + r * (P + Q), dp->x + r * P, P, padd);
        put(dy->x + r * (P + Q) + P, dq->x + r * Q, Q, qadd);
    }
}
