/* layers.h - the layers of both networks, forward and backward side by side.
 *
 * Shape:   B people, L positions, C channels, channels last. A PADDED tensor is [B, L+2, C] with one row of zeros
 * before and after each person: what conv3 reads. Functions that may write a padded tensor say so and zero those rows.
 * Units:   float32; sums over many rows are added up in double.
 * Owner:   the caller; `scratch` has the floats that the layer's _scratch function says.
 * Threads: pure functions.
 * Not here: who is connected to whom (net.h), matrix products (backend.h), derivations (NOTES.md).
 *
 * `d` prefix: gradient. dx is overwritten, or added to when `add`; parameter gradients are always added to. A NULL
 * gradient is not computed.
 */
#ifndef SG_NN_LAYERS_H
#define SG_NN_LAYERS_H

#include "nn/backend.h"
#include "tensor/tensor.h"

enum { SG_GROUPS = 32 };

/* dense.c: conv3 (n_tap 3, x padded, `first` 0 or 1 = the first padded row used) and linear or 1x1 (n_tap 1). */
typedef struct sg_dense {
    sg_map map;
    int first;
    const sg_backend *backend;
} sg_dense;

/* y [B, R, N] = map of x + bias [N] + row [B, 1, N] + res [B, R, N]; bias, row, res may be NULL; res may be y itself.
 * geglu: y [B, R, N / 2] = GEGLU of that, without writing it. */
void sg_dense_forward(const sg_dense *d, const sg_tensor *x, const float *packed, const float *bias,
                      const sg_tensor *row, const sg_tensor *res, bool geglu, sg_tensor *y, float *scratch);
int64_t sg_dense_scratch(const sg_dense *d, int64_t R);
/* drow [B, 1, N] overwritten or added to (drow_add). The gradient of res is dy: the caller's business. */
void sg_dense_backward(const sg_dense *d, const sg_tensor *x, const float *packed, const sg_tensor *dy, sg_tensor *dx,
                       bool add, float *dw, float *dbias, sg_tensor *drow, bool drow_add, float *scratch);

/* norm.c: GroupNorm over L and C / 32 channels, then SiLU when asked. y [B, L, C] or padded. stat [B, 1, 64] keeps mean
 * and 1/deviation of each group. */
void sg_groupnorm_forward(const sg_tensor *x, const float *w, const float *b, float eps, bool silu, sg_tensor *y,
                          sg_tensor *stat, float *scratch);
void sg_groupnorm_backward(const sg_tensor *x, const float *w, const float *b, bool silu, const sg_tensor *stat,
                           const sg_tensor *dy, sg_tensor *dx, bool add, float *dw, float *db, float *scratch);
int64_t sg_groupnorm_scratch(int64_t L, int64_t C);

/* LayerNorm over C, eps 1e-5. stat [B, L, 2]. */
void sg_layernorm_forward(const sg_tensor *x, const float *w, const float *b, sg_tensor *y, sg_tensor *stat);
void sg_layernorm_backward(const sg_tensor *x, const float *w, const sg_tensor *stat, const sg_tensor *dy,
                           sg_tensor *dx, bool add, float *dw, float *db);

/* attention.c: qkv [B, L, 3C] = queries, keys, values; each of n_head heads has C / n_head channels. y [B, L, C].
 * prob [B, n_head L, L] keeps the softmax for the backward pass; NULL when there will be none. */
void sg_attention_forward(const sg_tensor *qkv, int n_head, sg_tensor *y, sg_tensor *prob, float *scratch);
void sg_attention_backward(const sg_tensor *qkv, int n_head, const sg_tensor *prob, const sg_tensor *dy,
                           sg_tensor *dqkv, float *scratch); /* dqkv overwritten */
int64_t sg_attention_scratch(int64_t L);

/* activation.c */
void sg_silu_forward(const sg_tensor *x, sg_tensor *y);
void sg_silu_backward(const sg_tensor *x, const sg_tensor *dy, sg_tensor *dx, bool add);
/* x [B, L, 2C] -> y [B, L, C]: first half times GELU (exact) of the second. */
void sg_geglu_forward(const sg_tensor *x, sg_tensor *y);
void sg_geglu_backward(const sg_tensor *x, const sg_tensor *dy, sg_tensor *dx); /* dx overwritten */

/* resample.c */
void sg_pad_forward(const sg_tensor *x, sg_tensor *y); /* [B, L, C] -> padded */
void sg_pad_backward(const sg_tensor *dy, sg_tensor *dx, bool add);
void sg_upsample_forward(const sg_tensor *x, sg_tensor *y); /* [B, L, C] -> padded [B, 2L+2, C], nearest */
void sg_upsample_backward(const sg_tensor *dy, sg_tensor *dx, bool add);
void sg_concat_forward(const sg_tensor *p, const sg_tensor *q, sg_tensor *y); /* channels of p, then of q */
void sg_concat_backward(const sg_tensor *dy, sg_tensor *dp, bool padd, sg_tensor *dq, bool qadd);

/* loss.c: logits [B, L, 3] against classes [B, L] in 0..2, over the first n positions of each person. Returns the sum
 * of cross-entropies; *n_right counts right argmaxes. dlogits [B, L, 3] overwritten with scale * gradient, may be NULL.
 */
double sg_cross_entropy3(const sg_tensor *logits, const int8_t *klass, int64_t n, double scale, sg_tensor *dlogits,
                         int64_t *n_right);

#endif
