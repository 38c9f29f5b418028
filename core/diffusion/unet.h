/* unet.h - the denoising network with its label embedding (method.md section 3).
 *
 * Shape:   B people, latents [B, z, T]; the network sees c_in * x. T is a multiple of 2^(n_mult-1).
 * Units:   latents as scaled for diffusion.
 * Owner, Threads: as vae.h: _new/_free by the caller, const after _load, one arena per thread.
 * Not here: noise levels and objectives (schedule.h), solvers (solver.h).
 */
#ifndef SG_DIFFUSION_UNET_H
#define SG_DIFFUSION_UNET_H

#include "diffusion/schedule.h"
#include "nn/params.h"

enum { SG_UNET_MULT_MAX = 8, SG_UNCONDITIONAL = -1 };

typedef struct sg_unet_config {
    int64_t latent_len; /* T */
    int z_channels;
    int channels; /* published 64; multiple of 32 */
    int n_mult;
    int mult[SG_UNET_MULT_MAX]; /* published 1,2,4 */
    int n_res;                  /* 2 */
    int head_width;             /* 32 */
    int context_dim;            /* 128 */
    int n_classes;
    bool position; /* beyond the published network: a learned vector per position, snpgen.position.<level> */
} sg_unet_config;

typedef struct sg_unet sg_unet;

sg_status sg_unet_config_check(const sg_unet_config *c, sg_err *err) SG_MUST_USE;
sg_status sg_unet_new(const sg_unet_config *c, sg_unet **out, sg_err *err) SG_MUST_USE;
void sg_unet_free(sg_unet *u);
const sg_unet_config *sg_unet_get_config(const sg_unet *u);
const sg_params *
sg_unet_get_params(const sg_unet *u); /* diffusion_model.* and conditioner.embedders.0.embedding.weight */
void sg_unet_init_weights(const sg_unet *u, uint64_t seed,
                          float *w); /* zero-initialised output convs/projections as published */
sg_status sg_unet_load(sg_unet *u, const float *w, sg_err *err) SG_MUST_USE; /* LIMIT on NaN/inf, names the tensor */

size_t sg_unet_infer_bytes(const sg_unet *u, int64_t B);
size_t sg_unet_train_bytes(const sg_unet *u, int64_t B);

/* out [B, z, T] overwritten = network(x, t, label). x is the network's input (already times c_in); t [B] time index
 * 0..999; label [B] 0..n_classes-1 or SG_UNCONDITIONAL (zero context). */
sg_status sg_unet_eval(const sg_unet *u, int64_t B, const float *x, const int32_t *t, const int8_t *label, sg_arena *a,
                       float *out, sg_err *err) SG_MUST_USE;

/* The guided pair of one sampling step: cond and uncond [B, z, T] for the same x, one t for all people. What both share
 * is computed once. uncond may be NULL (no guidance). */
sg_status sg_unet_eval_guided(const sg_unet *u, int64_t B, const float *x, int32_t t, const int8_t *label, sg_arena *a,
                              float *cond, float *uncond, sg_err *err) SG_MUST_USE;

/* One diffusion loss over B people of a batch of `batch`: x = z0 + sigma[idx] noise; target by objective; loss = mean
 * over everything of (output - target)^2, returned as the sum of squares over the B people divided by (batch z T). z0,
 * noise [B, z, T]; idx [B] levels; label [B] (SG_UNCONDITIONAL = dropped). weight [B] per-person loss weight or NULL
 * (1). grad [n_float] ACCUMULATED, NULL for the loss alone. out_pred [B, z, T] may be NULL. */
sg_status sg_unet_loss_grad(const sg_unet *u, const sg_schedule *s, sg_objective objective, int64_t B, int64_t batch,
                            const float *z0, const float *noise, const int32_t *idx, const int8_t *label,
                            const float *weight, sg_arena *a, double *loss, float *grad, float *out_pred,
                            sg_err *err) SG_MUST_USE;

#endif
