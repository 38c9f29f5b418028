/* attention.c - softmax(q k^T / sqrt(width)) v per person and head; see layers.h. Derivation: NOTES.md section 2. */
#include "nn/layers.h"
#include "nn/vec.h"

#include <assert.h>
#include <math.h>

int64_t sg_attention_scratch(int64_t L)
{
    return L * L;
}

void sg_attention_forward(const sg_tensor *qkv, int n_head, sg_tensor *y, sg_tensor *prob, float *scratch)
{
    const int64_t B = y->dim[0], L = y->dim[1], C = y->dim[2], W = C / n_head;
    assert(W * n_head == C);
    SG_EXPECT_SHAPE(qkv, B, L, 3 * C);
    SG_EXPECT_SHAPE(y, B, L, C);
    if (prob)
        SG_EXPECT_SHAPE(prob, B, n_head * L, L);
    const sg_backend *be = sg_backend_chosen();
    const float scale = 1.0f / sqrtf((float)W);
    for (int64_t i = 0; i < B * n_head; i++) {
        const int64_t b = i / n_head, h = i % n_head;
        const float *q = qkv->x + b * L * 3 * C + h * W, *k = q + C, *v = k + C;
        float *p = prob ? prob->x + i * L * L : scratch;
        be->product(false, true, L, L, W, q, 3 * C, k, 3 * C, 0.0f, p, L);
        sg_vec_chosen()->softmax(p, scale, L, L);
        be->product(false, false, L, W, L, p, L, v, 3 * C, 0.0f, y->x + b * L * C + h * W, C);
    }
}

void sg_attention_backward(const sg_tensor *qkv, int n_head, const sg_tensor *prob, const sg_tensor *dy,
                           sg_tensor *dqkv, float *scratch)
{
    const int64_t B = dy->dim[0], L = dy->dim[1], C = dy->dim[2], W = C / n_head;
    SG_EXPECT_SHAPE(qkv, B, L, 3 * C);
    SG_EXPECT_SHAPE(dqkv, B, L, 3 * C);
    SG_EXPECT_SHAPE(prob, B, n_head * L, L);
    const sg_backend *be = sg_backend_chosen();
    const float scale = 1.0f / sqrtf((float)W);
    for (int64_t i = 0; i < B * n_head; i++) {
        const int64_t b = i / n_head, at = b * L * 3 * C + i % n_head * W;
        const float *q = qkv->x + at, *k = q + C, *v = k + C, *p = prob->x + i * L * L;
        const float *d = dy->x + b * L * C + i % n_head * W;
        float *dq = dqkv->x + at, *dk = dq + C, *dv = dk + C;
        be->product(false, true, L, L, W, d, C, v, 3 * C, 0.0f, scratch, L);
        be->product(true, false, L, W, L, p, L, d, C, 0.0f, dv, 3 * C);
        sg_vec_chosen()->softmax_back(p, scratch, scale, L, L);
        be->product(false, false, L, W, L, scratch, L, k, 3 * C, 0.0f, dq, 3 * C);
        be->product(true, false, L, W, L, scratch, L, q, 3 * C, 0.0f, dk, 3 * C);
    }
}
