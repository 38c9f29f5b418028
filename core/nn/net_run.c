/* net_run.c - running a network forward and backward; see net.h. */
#include "nn/net_inside.h"
#include "nn/vec.h"

#include <assert.h>
#include <string.h>

size_t sg_net_bytes(const sg_net *n, bool train, int64_t B)
{
    size_t floats;
    if (B < 0 || __builtin_mul_overflow((size_t)B, (size_t)n->plan[train].n_float, &floats) ||
        __builtin_add_overflow(floats, (size_t)n->n_scratch + 32, &floats) || floats > SIZE_MAX / 8)
        return SIZE_MAX;
    return floats * sizeof(float) + 64;
}

sg_status sg_net_begin(const sg_net *n, bool train, int64_t B, sg_arena *a, sg_net_run *r, sg_err *err)
{
    *r = (sg_net_run){.net = n, .plan = &n->plan[train], .B = B, .train = train};
    if (sg_net_bytes(n, train, B) == SIZE_MAX)
        return sg_fail(err, SG_LIMIT, "%lld people at once are more than can be addressed", (long long)B);
    r->base = SG_NEW_RAW(a, float, B * n->plan[train].n_float);
    r->scratch = SG_NEW_RAW(a, float, n->n_scratch);
    return r->base && r->scratch ? SG_OK : sg_arena_full(a, "a network's activations", err);
}

float *sg_run_value(const sg_net_run *r, sg_value v, int64_t b)
{
    return r->base + r->plan->value_at[v] * r->B + b * r->net->value[v].n;
}

float *sg_run_grad(const sg_net_run *r, sg_value v, int64_t b)
{
    const int64_t at = v < 0 ? -1 : r->plan->grad_at[v];
    return at < 0 ? NULL : r->base + at * r->B + b * r->net->value[v].n;
}

/* People b..b+n-1 of a value; a zeroed view for SG_NO_VALUE. */
static sg_tensor view(const sg_net_run *r, sg_value v, int64_t b, int64_t n)
{
    if (v < 0)
        return (sg_tensor){0};
    const value *p = &r->net->value[v];
    return sg_view3(sg_run_value(r, v, b), n, value_rows(p), p->C);
}

static sg_tensor grad_view(const sg_net_run *r, sg_value v)
{
    float *x = sg_run_grad(r, v, 0);
    if (!x)
        return (sg_tensor){0};
    const value *p = &r->net->value[v];
    return sg_view3(x, r->B, value_rows(p), p->C);
}

static void forward_one(const sg_net_run *r, const op *o, int64_t b, int64_t n)
{
    const float *w = r->net->w + (o->w >= 0 ? o->w : 0), *bias = o->b >= 0 ? r->net->w + o->b : NULL;
    const sg_tensor x = view(r, o->in, b, n), in2 = view(r, o->in2, b, n), row = view(r, o->row, b, n),
                    res = view(r, o->res, b, n);
    const bool fused = o->fused && !r->train; /* then this op's result is the next one's */
    sg_tensor y = view(r, o->out, b, n), keep = view(r, o->keep, b, n),
              end = view(r, fused ? o[1].out : SG_NO_VALUE, b, n);
    switch (o->kind) {
    case OP_DENSE:
        sg_dense_forward(&o->dense, &x, r->net->packed + o->packed, bias, row.x ? &row : NULL, res.x ? &res : NULL,
                         fused, fused ? &end : &y, r->scratch);
        break;
    case OP_GROUPNORM:
        sg_groupnorm_forward(&x, w, bias, o->eps, o->silu, &y, &keep, r->scratch);
        break;
    case OP_LAYERNORM:
        sg_layernorm_forward(&x, w, bias, &y, &keep);
        break;
    case OP_ATTENTION:
        sg_attention_forward(&x, o->n_head, &y, r->train ? &keep : NULL, r->scratch);
        break;
    case OP_GEGLU:
        sg_geglu_forward(&x, &y);
        break;
    case OP_SILU:
        sg_silu_forward(&x, &y);
        break;
    case OP_PAD:
        sg_pad_forward(&x, &y);
        break;
    case OP_UPSAMPLE:
        sg_upsample_forward(&x, &y);
        break;
    case OP_CONCAT:
        sg_concat_forward(&x, &in2, &y);
        break;
    }
}

void sg_net_forward(const sg_net_run *r, int from, int to, int64_t b, int64_t n)
{
    assert(r->net->w && b >= 0 && n >= 0 && b + n <= r->B);
    for (int i = from; i < to; i++) {
        const op *o = &r->net->op[i];
        forward_one(r, o, b, n);
        if (o->fused && !r->train) {
            i++;
            assert(i < to);
        }
    }
}

void sg_net_double(const sg_net_run *r, int at, int64_t n)
{
    assert(2 * n <= r->B);
    for (int i = 0; i < r->net->n_value; i++) {
        const value *v = &r->net->value[i];
        if (v->def < at && r->plan->value_end[i] >= at)
            memcpy(sg_run_value(r, i, n), sg_run_value(r, i, 0), (size_t)(n * v->n) * sizeof(float));
    }
}

static void dense_backward(const sg_net_run *r, const op *o, const sg_tensor *dy, float *grad)
{
    const sg_tensor x = view(r, o->in, 0, r->B);
    sg_tensor dx = grad_view(r, o->in), drow = grad_view(r, o->row), dres = grad_view(r, o->res);
    sg_dense_backward(&o->dense, &x, r->net->packed + o->packed, dy, dx.x ? &dx : NULL, o->add_in, grad + o->w,
                      o->b >= 0 ? grad + o->b : NULL, drow.x ? &drow : NULL, o->add_row, r->scratch);
    if (dres.x && o->add_res)
        sg_vec_chosen()->add(dy->x, dres.x, sg_tensor_n(dy));
}

static void backward_one(const sg_net_run *r, const op *o, float *grad)
{
    const sg_tensor dy = grad_view(r, o->out), x = view(r, o->in, 0, r->B);
    if (!dy.x)
        return;
    const float *w = r->net->w + (o->w >= 0 ? o->w : 0), *bias = o->b >= 0 ? r->net->w + o->b : NULL;
    const sg_tensor keep = view(r, o->keep, 0, r->B);
    sg_tensor dx = grad_view(r, o->in), dx2 = grad_view(r, o->in2);
    switch (o->kind) {
    case OP_DENSE:
        dense_backward(r, o, &dy, grad);
        break;
    case OP_GROUPNORM:
        sg_groupnorm_backward(&x, w, bias, o->silu, &keep, &dy, &dx, o->add_in, grad + o->w, grad + o->b, r->scratch);
        break;
    case OP_LAYERNORM:
        sg_layernorm_backward(&x, w, &keep, &dy, &dx, o->add_in, grad + o->w, grad + o->b);
        break;
    case OP_ATTENTION:
        assert(!o->add_in);
        sg_attention_backward(&x, o->n_head, &keep, &dy, &dx, r->scratch);
        break;
    case OP_GEGLU:
        assert(!o->add_in);
        sg_geglu_backward(&x, &dy, &dx);
        break;
    case OP_SILU:
        sg_silu_backward(&x, &dy, &dx, o->add_in);
        break;
    case OP_PAD:
        sg_pad_backward(&dy, &dx, o->add_in);
        break;
    case OP_UPSAMPLE:
        sg_upsample_backward(&dy, &dx, o->add_in);
        break;
    case OP_CONCAT:
        sg_concat_backward(&dy, &dx, o->add_in, &dx2, o->add_in2);
        break;
    }
}

void sg_net_backward(const sg_net_run *r, float *grad)
{
    assert(r->train);
    for (int i = r->net->n_op; i-- > 0;)
        backward_one(r, &r->net->op[i], grad);
}
