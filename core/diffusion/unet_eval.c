/* unet_eval.c - loading weights into the U-Net and evaluating it without gradients; see unet.h. */
#include "diffusion/unet_inside.h"
#include "nn/init.h"

#include <assert.h>
#include <math.h>
#include <string.h>

void sg_unet_to_rows(const sg_unet *u, int64_t B, const float *x, float *rows)
{
    const int64_t z = u->cfg.z_channels, T = u->cfg.latent_len;
    for (int64_t b = 0; b < B; b++)
        for (int64_t k = 0; k < z; k++)
            for (int64_t t = 0; t < T; t++)
                rows[(b * T + t) * z + k] = x[(b * z + k) * T + t];
}

void sg_unet_from_rows(const sg_unet *u, int64_t B, const float *rows, float *x)
{
    const int64_t z = u->cfg.z_channels, T = u->cfg.latent_len;
    for (int64_t b = 0; b < B; b++)
        for (int64_t k = 0; k < z; k++)
            for (int64_t t = 0; t < T; t++)
                x[(b * z + k) * T + t] = rows[(b * T + t) * z + k];
}

void sg_unet_time_row(const sg_unet *u, int32_t t, float *row)
{
    const int half = u->cfg.channels / 2;
    for (int i = 0; i < half; i++) {
        const float angle = (float)t * u->frequency[i];
        row[i] = (float)cos((double)angle);
        row[half + i] = (float)sin((double)angle);
    }
}

void sg_unet_label_row(const sg_unet *u, int label, float *row)
{
    const int64_t n = u->cfg.context_dim;
    assert(label >= SG_UNCONDITIONAL && label < u->cfg.n_classes);
    if (label == SG_UNCONDITIONAL)
        memset(row, 0, (size_t)n * sizeof *row);
    else
        memcpy(row, u->w + u->embed_at + label * n, (size_t)n * sizeof *row);
}

/* Runs the label ops once for every class and for none. */
static sg_status fold_labels(sg_unet *u, sg_err *err)
{
    const int64_t n = u->cfg.n_classes + 1;
    sg_arena a;
    SG_TRY(sg_arena_init(&a, sg_net_bytes(u->net, false, n), err));
    sg_net_run r;
    const sg_status st = sg_net_begin(u->net, false, n, &a, &r, err);
    if (!st) {
        for (int64_t k = 0; k < n; k++)
            sg_unet_label_row(u, k < n - 1 ? (int)k : SG_UNCONDITIONAL, sg_run_value(&r, u->ctx, k));
        sg_net_forward(&r, u->op_ctx, u->op_body, 0, n);
        for (int64_t k = 0; k < n; k++) {
            float *row = u->ctx_table + k * u->n_ctx;
            for (int i = 0; i < u->ctx_out.n; i++) {
                const int64_t C = sg_net_channels(u->net, u->ctx_out.v[i]);
                memcpy(row, sg_run_value(&r, u->ctx_out.v[i], k), (size_t)C * sizeof *row);
                row += C;
            }
        }
    }
    sg_arena_clear(&a);
    return st ? st : sg_backend_status(err);
}

sg_status sg_unet_load(sg_unet *u, const float *w, sg_err *err)
{
    SG_TRY(sg_check_finite(&u->params, w, err));
    memcpy(u->w, w, (size_t)u->params.n_float * sizeof *w);
    SG_TRY(sg_net_load(u->net, u->w, err));
    return fold_labels(u, err);
}

size_t sg_unet_infer_bytes(const sg_unet *u, int64_t B)
{
    return B > INT64_MAX / 2 ? SIZE_MAX : sg_net_bytes(u->net, false, 2 * B);
}

static void put_label(const sg_unet *u, const sg_net_run *r, int64_t b, int label)
{
    assert(label >= SG_UNCONDITIONAL && label < u->cfg.n_classes);
    const float *row = u->ctx_table + (label < 0 ? u->cfg.n_classes : label) * u->n_ctx;
    for (int i = 0; i < u->ctx_out.n; i++) {
        const int64_t C = sg_net_channels(u->net, u->ctx_out.v[i]);
        memcpy(sg_run_value(r, u->ctx_out.v[i], b), row, (size_t)C * sizeof *row);
        row += C;
    }
}

sg_status sg_unet_eval(const sg_unet *u, int64_t B, const float *x, const int32_t *t, const int8_t *label, sg_arena *a,
                       float *out, sg_err *err)
{
    const size_t mark = sg_arena_mark(a);
    sg_net_run r;
    const sg_status st = sg_net_begin(u->net, false, B, a, &r, err);
    if (!st) {
        sg_unet_to_rows(u, B, x, sg_run_value(&r, u->x, 0));
        for (int64_t b = 0; b < B; b++)
            sg_unet_time_row(u, t[b], sg_run_value(&r, u->time, b));
        sg_net_forward(&r, 0, u->op_ctx, 0, B);
        for (int64_t b = 0; b < B; b++)
            put_label(u, &r, b, label[b]);
        sg_net_forward(&r, u->op_body, u->op_end, 0, B);
        sg_unet_from_rows(u, B, sg_run_value(&r, u->out, 0), out);
    }
    sg_arena_rewind(a, mark);
    return st ? st : sg_backend_status(err);
}

/* Time rows of person 0 for people 1..n-1. */
static void share_time(const sg_unet *u, const sg_net_run *r, int64_t n)
{
    for (int i = 0; i < u->time_out.n; i++) {
        const sg_value v = u->time_out.v[i];
        for (int64_t b = 1; b < n; b++)
            memcpy(sg_run_value(r, v, b), sg_run_value(r, v, 0), (size_t)sg_net_channels(u->net, v) * sizeof(float));
    }
}

sg_status sg_unet_eval_guided(const sg_unet *u, int64_t B, const float *x, int32_t t, const int8_t *label, sg_arena *a,
                              float *cond, float *uncond, sg_err *err)
{
    const size_t mark = sg_arena_mark(a);
    const int64_t n = uncond ? 2 * B : B;
    const int64_t zT = u->cfg.z_channels * u->cfg.latent_len;
    sg_net_run r;
    const sg_status st = sg_net_begin(u->net, false, n, a, &r, err);
    if (!st && B > 0) {
        sg_unet_to_rows(u, B, x, sg_run_value(&r, u->x, 0));
        sg_unet_time_row(u, t, sg_run_value(&r, u->time, 0));
        sg_net_forward(&r, 0, u->op_ctx, 0, 1);
        share_time(u, &r, B);
        sg_net_forward(&r, u->op_body, u->op_split, 0, B);
        if (uncond)
            sg_net_double(&r, u->op_split, B);
        for (int64_t b = 0; b < n; b++)
            put_label(u, &r, b, b < B ? label[b] : SG_UNCONDITIONAL);
        sg_net_forward(&r, u->op_split, u->op_end, 0, n);
        const float *rows = sg_run_value(&r, u->out, 0);
        sg_unet_from_rows(u, B, rows, cond);
        if (uncond)
            sg_unet_from_rows(u, B, rows + B * zT, uncond);
    }
    sg_arena_rewind(a, mark);
    return st ? st : sg_backend_status(err);
}
