/* net.h - a network as a list of layers: built once, planned once, then run forward and backward without allocating.
 *
 * Shape:   values are numbered tensors [B, L, C] (padded ones [B, L+2, C], see layers.h); layers (ops) are in running
 *          order. B is chosen per run.
 * Units:   float32.
 * Owner:   sg_net by whoever built it (_new/_free); it borrows the parameter list while building and a packed copy of
 *          the weights is its own. A run (sg_net_run) lives in an arena.
 * Threads: const after sg_net_load; each thread its own run.
 * Not here: what the values mean (vae, unet), arithmetic (layers.h).
 *
 * Memory is planned from lifetimes: a forward-only plan reuses a value's floats after its last reader; a training plan
 * keeps what the backward pass reads and overlays the gradients. Floats per person are fixed, so bytes are known before
 * a run and exact.
 *
 * Building never fails half-way: errors are remembered and sg_net_finish reports them.
 */
#ifndef SG_NN_NET_H
#define SG_NN_NET_H

#include "nn/layers.h"
#include "nn/params.h"

typedef struct sg_net sg_net;
typedef int sg_value; /* 0 and up; SG_NO_VALUE where none is meant */
enum { SG_NO_VALUE = -1 };

/* Parameters are appended to *params under their published names. */
sg_net *sg_net_new(sg_params *params); /* NULL: out of memory */
void sg_net_free(sg_net *n);

/* A value the caller fills. needs_grad: whether sg_run_grad of it will be asked for. */
sg_value sg_net_input(sg_net *n, int64_t L, int64_t C, bool needs_grad);

typedef enum sg_conv {
    SG_CONV3,
    SG_CONV3_DOWN,
    SG_CONV3_DOWN_RIGHT
} sg_conv; /* DOWN: stride 2, padding 1; RIGHT: only
             one zero, on the right */
/* x must be a padded value. y = conv3(x) + row + res. Parameters name.weight [N, K, 3], name.bias [N]. */
sg_value sg_net_conv3(sg_net *n, const char *name, sg_value x, sg_conv kind, int64_t N, sg_value row, sg_value res);

typedef struct sg_linear {
    const char *name[3]; /* stacked outputs of equal size, e.g. to_q, to_k, to_v; unused ones NULL */
    int64_t N;           /* outputs of all together */
    bool bias;
    bool conv1; /* weights are written [N, K, 1], the way 1x1 convolutions are published */
    sg_value row, res;
} sg_linear;
sg_value sg_net_linear(sg_net *n, sg_value x, const sg_linear *o);

/* Parameters name.weight, name.bias [C]. */
sg_value sg_net_groupnorm(sg_net *n, const char *name, sg_value x, float eps, bool silu, bool pad);
sg_value sg_net_layernorm(sg_net *n, const char *name, sg_value x);
sg_value sg_net_attention(sg_net *n, sg_value qkv, int n_head);
sg_value sg_net_silu(sg_net *n, sg_value x);
sg_value sg_net_geglu(sg_net *n, sg_value x);
sg_value sg_net_pad(sg_net *n, sg_value x);
sg_value sg_net_upsample(sg_net *n, sg_value x); /* padded */
sg_value sg_net_concat(sg_net *n, sg_value p, sg_value q);
int64_t sg_net_channels(const sg_net *n, sg_value v);

/* A parameter that no layer reads: it has a name and a (zero) gradient. */
void sg_net_idle_param(sg_net *n, const char *name, int n_dim, const int64_t *dim);

/* Number of ops so far: marks for sg_net_forward's ranges. */
int sg_net_n_op(const sg_net *n);

/* Ends building: `out` is the result. Plans both kinds of run. NOMEM, LIMIT (sizes that overflow). */
sg_status sg_net_finish(sg_net *n, sg_value out, sg_err *err) SG_MUST_USE;

/* Packs w (the whole flat buffer of the parameter list) for the kernels; keeps the pointer w, which must stay valid and
 * unchanged. NOMEM. */
sg_status sg_net_load(sg_net *n, const float *w, sg_err *err) SG_MUST_USE;

typedef struct sg_net_run {
    const sg_net *net;
    const struct sg_plan *plan;
    int64_t B;
    bool train;
    float *base, *scratch;
} sg_net_run;

/* Bytes sg_net_begin takes from an arena; SIZE_MAX when that overflows. */
size_t sg_net_bytes(const sg_net *n, bool train, int64_t B);
sg_status sg_net_begin(const sg_net *n, bool train, int64_t B, sg_arena *a, sg_net_run *r, sg_err *err) SG_MUST_USE;

/* The floats of a value or of its gradient from person b on. Only valid within the value's lifetime: inputs until the
 * first op that reads them last, the result after the forward pass, gradients of inputs after the backward pass. */
float *sg_run_value(const sg_net_run *r, sg_value v, int64_t b);
float *sg_run_grad(const sg_net_run *r, sg_value v, int64_t b);

/* Ops from..to-1 for people b..b+n-1. */
void sg_net_forward(const sg_net_run *r, int from, int to, int64_t b, int64_t n);

/* Copies every value that lives across the boundary before op `at` from people 0..n-1 to people n..2n-1. */
void sg_net_double(const sg_net_run *r, int at, int64_t n);

/* All ops backwards for all people, after a forward pass of all and after the gradient of the result was filled in.
 * grad: flat buffer of the parameter list, added to. */
void sg_net_backward(const sg_net_run *r, float *grad);

#endif
