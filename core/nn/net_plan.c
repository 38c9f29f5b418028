/* net_plan.c - who needs which floats when; see net.h.
 *
 * Time: op i runs forward at i and backward at 2 n_op - i; between them, at n_op, the caller reads the result and fills
 * in its gradient. A value or gradient is a buffer with a first and a last time; buffers whose times overlap may not
 * overlap in memory. Buffers are placed in order of their first time, each at the lowest free place.
 */
#include "nn/net_inside.h"

#include <stdlib.h>

typedef struct buffer {
    int from, to;
    int64_t n;  /* floats */
    int64_t at; /* -1: not placed yet */
    int owner;  /* value number, or n_value + value number for its gradient */
} buffer;

void sg_plan_clear(sg_plan *p)
{
    free(p->value_at);
    free(p->grad_at);
    free(p->value_end);
    *p = (sg_plan){0};
}

/* First contribution to a gradient in backward order overwrites, later ones add. */
static bool later(const sg_net *n, bool *seen, sg_value v)
{
    if (v < 0 || !n->value[v].grad)
        return false;
    const bool was = seen[v];
    seen[v] = true;
    return was;
}

sg_status sg_plan_gradients(sg_net *n, sg_err *err)
{
    bool *seen = calloc((size_t)n->n_value + 1, sizeof *seen);
    if (!seen)
        return sg_fail(err, SG_NOMEM, "out of memory while planning a network");
    for (int i = n->n_op; i-- > 0;) {
        op *o = &n->op[i];
        o->add_row = later(n, seen, o->row);
        o->add_in = later(n, seen, o->in);
        o->add_in2 = later(n, seen, o->in2);
        o->add_res = later(n, seen, o->res);
        o->move_res = o->res >= 0 && n->value[o->res].grad && !o->add_res;
    }
    free(seen);
    return SG_OK;
}

static void reach(buffer *b, int time)
{
    b->to = time > b->to ? time : b->to;
}

/* Does the backward pass of o read its input (and what it kept)? */
static bool backward_reads_input(const op *o)
{
    return o->kind == OP_DENSE || o->kind == OP_GROUPNORM || o->kind == OP_LAYERNORM || o->kind == OP_ATTENTION ||
           o->kind == OP_GEGLU || o->kind == OP_SILU;
}

/* Lifetimes of values: v[0..n_value-1]. */
static void value_lifetimes(const sg_net *n, bool train, buffer *v)
{
    for (int i = 0; i < n->n_value; i++) {
        v[i] = (buffer){.from = n->value[i].def, .to = n->value[i].def, .n = n->value[i].n, .at = -1, .owner = i};
    }
    for (int i = 0; i < n->n_op; i++) {
        const op *o = &n->op[i];
        const sg_value reads[4] = {o->in, o->in2, o->row, o->res};
        for (int k = 0; k < 4; k++)
            if (reads[k] >= 0)
                reach(&v[reads[k]], i);
        if (train && backward_reads_input(o))
            reach(&v[o->in], 2 * n->n_op - i);
        if (train && o->keep >= 0)
            reach(&v[o->keep], 2 * n->n_op - i);
        if (!train && o->kind == OP_ATTENTION)
            v[o->keep].n = 0;     /* probabilities are scratch */
        if (!train && o->fused) { /* written by this op instead of the next */
            v[o->out].n = 0;
            v[n->op[i + 1].out].from = i;
        }
    }
    reach(&v[n->out], n->n_op);
}

/* Lifetimes of gradients: from the first contribution (or the caller's) to the backward pass of the maker. */
static void grad_lifetimes(const sg_net *n, buffer *g)
{
    const int end = 2 * n->n_op + 1;
    for (int i = 0; i < n->n_value; i++) {
        const value *v = &n->value[i];
        g[i] = (buffer){.from = end, .to = v->def < 0 ? end : 2 * n->n_op - v->def, .at = -1, .owner = n->n_value + i};
        g[i].n = v->grad ? v->n : 0;
    }
    for (int i = 0; i < n->n_op; i++) {
        const op *o = &n->op[i];
        const sg_value writes[4] = {o->in, o->in2, o->row, o->res};
        for (int k = 0; k < 4; k++)
            if (writes[k] >= 0 && 2 * n->n_op - i < g[writes[k]].from)
                g[writes[k]].from = 2 * n->n_op - i;
    }
    g[n->out].from = n->n_op;
}

/* A buffer that starts life as the floats of another one: their lifetimes meet in one op. */
static void merge(buffer *all, int *same, int into, int from)
{
    while (same[into] >= 0)
        into = same[into];
    if (all[from].from < all[into].from)
        all[into].from = all[from].from;
    reach(&all[into], all[from].to);
    same[from] = into;
}

/* Sums in place: without a backward pass the result of an op takes over the floats of a residual that dies there; the
 * gradient of a residual takes over the gradient of the result. */
static void merge_all(const sg_net *n, bool train, buffer *all, int *same)
{
    for (int i = 0; i < n->n_op; i++) {
        const op *o = &n->op[i];
        if (o->res < 0)
            continue;
        if (all[o->res].to == i && n->value[o->res].def >= 0 && same[o->out] < 0)
            merge(all, same, o->res, o->out);
        if (train && o->move_res && n->value[o->out].grad)
            merge(all, same, n->n_value + o->out, n->n_value + o->res);
    }
}

static int by_start(const void *p, const void *q)
{
    const buffer *a = *(const buffer *const *)p, *b = *(const buffer *const *)q;
    if (a->from != b->from)
        return a->from < b->from ? -1 : 1;
    if (a->n != b->n)
        return a->n > b->n ? -1 : 1;
    return a->owner < b->owner ? -1 : a->owner > b->owner;
}

/* Lowest place for b beside those already placed that live at the same time. */
static int64_t place(buffer *const *placed, int n_placed, const buffer *b)
{
    int64_t at = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (int i = 0; i < n_placed; i++) {
            const buffer *p = placed[i];
            const bool together = p->from <= b->to && b->from <= p->to;
            if (p->n && together && at < p->at + p->n && p->at < at + b->n) {
                at = p->at + p->n;
                moved = true;
            }
        }
    }
    return at;
}

static void place_all(buffer **order, int k, sg_plan *p)
{
    qsort(order, (size_t)k, sizeof *order, by_start);
    for (int i = 0; i < k; i++) {
        order[i]->at = place(order, i, order[i]);
        const int64_t end = order[i]->at + order[i]->n;
        p->n_float = end > p->n_float ? end : p->n_float;
    }
}

static void write_plan(const sg_net *n, bool train, const buffer *all, const int *same, sg_plan *p)
{
    for (int i = 0; i < n->n_value; i++) {
        int v = i, g = n->n_value + i;
        while (same[v] >= 0)
            v = same[v];
        while (train && same[g] >= 0)
            g = same[g];
        p->value_at[i] = all[v].at;
        p->value_end[i] = all[i].to;
        p->grad_at[i] = train && all[n->n_value + i].n ? all[g].at : -1;
    }
}

sg_status sg_plan_make(sg_net *n, bool train, sg_plan *p, sg_err *err)
{
    const int n_buffer = n->n_value * (train ? 2 : 1);
    buffer *all = calloc((size_t)n_buffer + 1, sizeof *all);
    buffer **order = calloc((size_t)n_buffer + 1, sizeof(buffer *));
    int *same = calloc((size_t)n_buffer + 1, sizeof *same);
    p->value_at = calloc((size_t)n->n_value + 1, sizeof *p->value_at);
    p->grad_at = calloc((size_t)n->n_value + 1, sizeof *p->grad_at);
    p->value_end = calloc((size_t)n->n_value + 1, sizeof *p->value_end);
    const bool fits = all && order && same && p->value_at && p->grad_at && p->value_end;
    if (fits) {
        for (int i = 0; i < n_buffer; i++)
            same[i] = -1;
        value_lifetimes(n, train, all);
        if (train)
            grad_lifetimes(n, all + n->n_value);
        merge_all(n, train, all, same);
        int k = 0;
        for (int i = 0; i < n_buffer; i++) {
            all[i].n = (all[i].n + 15) / 16 * 16; /* whole cache lines */
            if (same[i] < 0)
                order[k++] = &all[i];
        }
        place_all(order, k, p);
        write_plan(n, train, all, same, p);
    }
    free(all);
    free((void *)order);
    free(same);
    return fits ? SG_OK : sg_fail(err, SG_NOMEM, "out of memory while planning a network");
}
