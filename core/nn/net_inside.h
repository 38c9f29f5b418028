/* net_inside.h - what net.c (building), net_plan.c (memory) and net_run.c (running) share. Nobody else includes it. */
#ifndef SG_NN_NET_INSIDE_H
#define SG_NN_NET_INSIDE_H

#include "nn/net.h"

typedef enum op_kind {
    OP_DENSE,
    OP_GROUPNORM,
    OP_LAYERNORM,
    OP_ATTENTION,
    OP_GEGLU,
    OP_SILU,
    OP_PAD,
    OP_UPSAMPLE,
    OP_CONCAT
} op_kind;

typedef struct value {
    int64_t L, C;
    bool pad;  /* L + 2 rows */
    bool grad; /* takes part in the backward pass */
    int def;   /* op that makes it, -1 for inputs */
    int64_t n; /* floats per person */
} value;

typedef struct op {
    op_kind kind;
    sg_value in, in2; /* in2: second half of a concatenation */
    sg_value row, res;
    sg_value out;
    sg_value keep; /* statistics or probabilities for the backward pass */
    sg_dense dense;
    int64_t w, b;   /* offsets in the flat buffer; b < 0: none */
    int64_t packed; /* offset in the packed buffer */
    float eps;
    bool silu;
    int n_head;
    bool
        fused; /* a dense op that without a backward pass does the GEGLU after it as well, its own result never written */
    /* In the backward pass: is this op's contribution to the gradient of that value added to what is there? */
    bool add_in, add_in2, add_row, add_res;
    bool move_res; /* the gradient of res IS the gradient of out, taken over */
} op;

typedef struct sg_plan {
    int64_t *value_at, *grad_at; /* offset in floats per person, -1: not held */
    int *value_end;              /* last time the value is read */
    int64_t n_float;             /* floats per person */
} sg_plan;

struct sg_net {
    sg_params *params;
    const sg_backend *backend;
    value *value;
    op *op;
    int n_value, n_op, cap_value, cap_op;
    bool failed;
    sg_value out;
    sg_plan plan[2]; /* forward only, training */
    int64_t n_scratch, n_packed;
    float *packed;
    const float *w;
};

static inline int64_t value_rows(const value *v)
{
    return v->L + (v->pad ? 2 : 0);
}

/* Frees the plan's arrays. */
void sg_plan_clear(sg_plan *p);
sg_status sg_plan_make(sg_net *n, bool train, sg_plan *p, sg_err *err) SG_MUST_USE;
/* Sets add_* and move_res of every op. NOMEM. */
sg_status sg_plan_gradients(sg_net *n, sg_err *err) SG_MUST_USE;

#endif
