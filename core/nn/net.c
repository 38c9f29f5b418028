/* net.c - building a network; see net.h. */
#include "nn/net_inside.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

sg_net *sg_net_new(sg_params *params)
{
    sg_net *n = calloc(1, sizeof *n);
    if (n) {
        n->params = params;
        n->backend = sg_backend_chosen();
    }
    return n;
}

void sg_net_free(sg_net *n)
{
    if (!n)
        return;
    sg_plan_clear(&n->plan[0]);
    sg_plan_clear(&n->plan[1]);
    free(n->value);
    free(n->op);
    free(n->packed);
    free(n);
}

static bool grow(void **list, int n, int *cap, size_t size)
{
    if (n < *cap)
        return true;
    const int more = *cap ? 2 * *cap : 64;
    void *p = realloc(*list, (size_t)more * size);
    if (!p)
        return false;
    *list = p;
    *cap = more;
    return true;
}

static sg_value new_value(sg_net *n, int64_t L, int64_t C, bool pad, bool grad, int def)
{
    if (n->failed || !grow((void **)&n->value, n->n_value, &n->cap_value, sizeof *n->value)) {
        n->failed = true;
        return 0;
    }
    value *v = &n->value[n->n_value];
    *v = (value){.L = L, .C = C, .pad = pad, .grad = grad, .def = def};
    v->n = value_rows(v) * C;
    return n->n_value++;
}

sg_value sg_net_input(sg_net *n, int64_t L, int64_t C, bool needs_grad)
{
    return new_value(n, L, C, false, needs_grad, -1);
}

static value at(const sg_net *n, sg_value v)
{
    assert(n->failed || (v >= 0 && v < n->n_value));
    return n->failed ? (value){.L = 1, .C = 1} : n->value[v];
}

int64_t sg_net_channels(const sg_net *n, sg_value v)
{
    return at(n, v).C;
}

static op new_op(op_kind kind, sg_value in)
{
    return (op){.kind = kind,
                .in = in,
                .in2 = SG_NO_VALUE,
                .row = SG_NO_VALUE,
                .res = SG_NO_VALUE,
                .keep = SG_NO_VALUE,
                .w = -1,
                .b = -1};
}

/* Appends o; its result is [L, C]. */
static sg_value add_op(sg_net *n, op o, int64_t L, int64_t C, bool pad)
{
    if (n->failed || !grow((void **)&n->op, n->n_op, &n->cap_op, sizeof *n->op)) {
        n->failed = true;
        return 0;
    }
    const bool grad = o.w >= 0 || at(n, o.in).grad || (o.in2 >= 0 && at(n, o.in2).grad);
    o.out = new_value(n, L, C, pad, grad, n->n_op);
    n->op[n->n_op++] = o;
    return o.out;
}

static int64_t add_param(sg_net *n, const char *name, const char *suffix, int n_dim, const int64_t *dim)
{
    char full[SG_PARAM_NAME];
    const int len = snprintf(full, sizeof full, "%s%s", name, suffix);
    assert(len > 0 && (size_t)len < sizeof full);
    const sg_param *p = n->failed ? NULL : sg_params_add(n->params, full, n_dim, dim);
    if (!p)
        n->failed = true;
    return p ? p->at : 0;
}

void sg_net_idle_param(sg_net *n, const char *name, int n_dim, const int64_t *dim)
{
    (void)add_param(n, name, "", n_dim, dim);
}

static void need_scratch(sg_net *n, int64_t floats)
{
    n->n_scratch = floats > n->n_scratch ? floats : n->n_scratch;
}

/* Single rows (embeddings, labels) and products with few channels on one side gain nothing from bfloat16. */
static const sg_backend *backend_for(const sg_net *n, const sg_map *m, int64_t L)
{
    const bool small = L == 1 || m->K < 16 || m->N < 16;
    return small && n->backend->exact ? n->backend->exact : n->backend;
}

static sg_value add_dense(sg_net *n, op o, int64_t L)
{
    o.dense.map.rows = L;
    o.dense.backend = backend_for(n, &o.dense.map, L);
    o.packed = n->n_packed;
    n->n_packed += (o.dense.backend->packed_floats(&o.dense.map) + 15) / 16 * 16;
    need_scratch(n, sg_dense_scratch(&o.dense, L));
    return add_op(n, o, L, o.dense.map.N, false);
}

sg_value sg_net_conv3(sg_net *n, const char *name, sg_value x, sg_conv kind, int64_t N, sg_value row, sg_value res)
{
    const value v = at(n, x);
    assert(n->failed || v.pad);
    const int stride = kind == SG_CONV3 ? 1 : 2;
    assert(n->failed || v.L % stride == 0);
    op o = new_op(OP_DENSE, x);
    o.row = row;
    o.res = res;
    o.dense = (sg_dense){.map = {.n_tap = 3, .stride = stride, .K = v.C, .N = N},
                         .first = kind == SG_CONV3_DOWN_RIGHT ? 1 : 0};
    o.w = add_param(n, name, ".weight", 3, (int64_t[]){N, v.C, 3});
    o.b = add_param(n, name, ".bias", 1, &N);
    return add_dense(n, o, v.L / stride);
}

sg_value sg_net_linear(sg_net *n, sg_value x, const sg_linear *l)
{
    const value v = at(n, x);
    assert(n->failed || !v.pad);
    op o = new_op(OP_DENSE, x);
    o.row = l->row;
    o.res = l->res;
    o.dense = (sg_dense){.map = {.n_tap = 1, .stride = 1, .K = v.C, .N = l->N}};
    int n_name = 0;
    while (n_name < 3 && l->name[n_name])
        n_name++;
    assert(n_name == 1 || !l->bias);
    const int64_t dim[3] = {l->N / n_name, v.C, 1};
    for (int i = 0; i < n_name; i++) { /* one behind the other: together they are one [N, K] */
        const int64_t w = add_param(n, l->name[i], ".weight", l->conv1 ? 3 : 2, dim);
        o.w = i ? o.w : w;
    }
    if (l->bias)
        o.b = add_param(n, l->name[0], ".bias", 1, dim);
    return add_dense(n, o, v.L);
}

static op norm_op(sg_net *n, op_kind kind, const char *name, sg_value x)
{
    op o = new_op(kind, x);
    const int64_t C = at(n, x).C;
    o.w = add_param(n, name, ".weight", 1, &C);
    o.b = add_param(n, name, ".bias", 1, &C);
    return o;
}

sg_value sg_net_groupnorm(sg_net *n, const char *name, sg_value x, float eps, bool silu, bool pad)
{
    const value v = at(n, x);
    assert(n->failed || v.C % SG_GROUPS == 0);
    op o = norm_op(n, OP_GROUPNORM, name, x);
    o.eps = eps;
    o.silu = silu;
    o.keep = new_value(n, 1, 2 * SG_GROUPS, false, false, n->n_op);
    need_scratch(n, sg_groupnorm_scratch(v.L, v.C));
    return add_op(n, o, v.L, v.C, pad);
}

sg_value sg_net_layernorm(sg_net *n, const char *name, sg_value x)
{
    const value v = at(n, x);
    op o = norm_op(n, OP_LAYERNORM, name, x);
    o.keep = new_value(n, v.L, 2, false, false, n->n_op);
    return add_op(n, o, v.L, v.C, false);
}

sg_value sg_net_attention(sg_net *n, sg_value qkv, int n_head)
{
    const value v = at(n, qkv);
    op o = new_op(OP_ATTENTION, qkv);
    o.n_head = n_head;
    o.keep = new_value(n, n_head * v.L, v.L, false, false, n->n_op);
    need_scratch(n, sg_attention_scratch(v.L));
    return add_op(n, o, v.L, v.C / 3, false);
}

sg_value sg_net_silu(sg_net *n, sg_value x)
{
    const value v = at(n, x);
    return add_op(n, new_op(OP_SILU, x), v.L, v.C, false);
}

sg_value sg_net_geglu(sg_net *n, sg_value x)
{
    const value v = at(n, x);
    return add_op(n, new_op(OP_GEGLU, x), v.L, v.C / 2, false);
}

sg_value sg_net_pad(sg_net *n, sg_value x)
{
    const value v = at(n, x);
    return add_op(n, new_op(OP_PAD, x), v.L, v.C, true);
}

sg_value sg_net_upsample(sg_net *n, sg_value x)
{
    const value v = at(n, x);
    return add_op(n, new_op(OP_UPSAMPLE, x), 2 * v.L, v.C, true);
}

sg_value sg_net_concat(sg_net *n, sg_value p, sg_value q)
{
    const value v = at(n, p);
    op o = new_op(OP_CONCAT, p);
    o.in2 = q;
    return add_op(n, o, v.L, v.C + at(n, q).C, false);
}

int sg_net_n_op(const sg_net *n)
{
    return n->n_op;
}

static int n_reader(const sg_net *n, sg_value v)
{
    int k = v == n->out;
    for (int i = 0; i < n->n_op; i++)
        k += (n->op[i].in == v) + (n->op[i].in2 == v) + (n->op[i].row == v) + (n->op[i].res == v);
    return k;
}

static void fuse_geglu(sg_net *n)
{
    for (int i = 0; i + 1 < n->n_op; i++) {
        op *o = &n->op[i];
        o->fused = o->kind == OP_DENSE && o->dense.backend->geglu && o->dense.map.N % 32 == 0 && o->row < 0 &&
                   o->res < 0 && n->op[i + 1].kind == OP_GEGLU && n->op[i + 1].in == o->out && n_reader(n, o->out) == 1;
        o->dense.map.split = o->fused;
    }
}

sg_status sg_net_finish(sg_net *n, sg_value out, sg_err *err)
{
    if (n->failed)
        return sg_fail(err, SG_NOMEM, "out of memory while building a network");
    n->backend->start();
    n->out = out;
    fuse_geglu(n);
    n->packed = calloc((size_t)(n->n_packed ? n->n_packed : 1), sizeof *n->packed);
    if (!n->packed)
        return sg_fail(err, SG_NOMEM, "no room for a network's %lld weights", (long long)n->n_packed);
    SG_TRY(sg_plan_gradients(n, err));
    SG_TRY(sg_plan_make(n, false, &n->plan[0], err));
    return sg_plan_make(n, true, &n->plan[1], err);
}

sg_status sg_net_load(sg_net *n, const float *w, sg_err *err)
{
    n->w = w;
    for (int i = 0; i < n->n_op; i++) {
        const op *o = &n->op[i];
        if (o->kind == OP_DENSE && !o->dense.backend->pack(&o->dense.map, w + o->w, n->packed + o->packed))
            return sg_fail(err, SG_NOMEM, "no room for a network's packed weights");
    }
    return SG_OK;
}
