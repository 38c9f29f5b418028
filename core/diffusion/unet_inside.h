/* unet_inside.h - what unet.c (building, inference) and unet_loss.c (training) share. Nobody else includes it. */
#ifndef SG_DIFFUSION_UNET_INSIDE_H
#define SG_DIFFUSION_UNET_INSIDE_H

#include "diffusion/unet.h"
#include "nn/net.h"

typedef struct sg_value_list {
    sg_value *v;
    int n;
} sg_value_list;

/* The network's ops in running order:
 *   0 .. op_ctx-1         time embedding: one row per person, all residual blocks' shifts (time_out)
 *   op_ctx .. op_body-1   label: one row per person, all cross-attention vectors (ctx_out)
 *   op_body .. op_split-1 the part of the body that no label has reached
 *   op_split .. op_end-1  the rest
 */
struct sg_unet {
    sg_unet_config cfg;
    sg_params params;
    sg_net *net;
    sg_value x, time, ctx, out;
    sg_value_list time_out, ctx_out;
    int op_ctx, op_body, op_split, op_end;
    int64_t n_ctx;    /* floats of one row of ctx_table: all of ctx_out */
    float *ctx_table; /* [n_classes + 1, n_ctx] folded at load; the last row is the unconditional one */
    float *frequency; /* [channels / 2] */
    int64_t embed_at; /* the label table in the flat buffer */
    float *w;         /* [n_float] a copy of what was loaded */
};

/* [B, z, T] <-> [B, T, z] */
void sg_unet_to_rows(const sg_unet *u, int64_t B, const float *x, float *rows);
void sg_unet_from_rows(const sg_unet *u, int64_t B, const float *rows, float *x);
/* cos | sin of t at every frequency. */
void sg_unet_time_row(const sg_unet *u, int32_t t, float *row);
/* The label's embedding, zeros for SG_UNCONDITIONAL. */
void sg_unet_label_row(const sg_unet *u, int label, float *row);

#endif
