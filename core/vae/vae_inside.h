/* vae_inside.h - what vae.c (building, inference) and vae_loss.c (training) share. Nobody else includes it. */
#ifndef SG_VAE_VAE_INSIDE_H
#define SG_VAE_VAE_INSIDE_H

#include "nn/net.h"
#include "vae/vae.h"

struct sg_vae {
    sg_vae_config cfg;
    sg_params params;
    sg_net *enc, *dec;
    sg_value enc_in, enc_out; /* [L, 3] one-hot -> [T, 2z] */
    sg_value dec_in, dec_out; /* [T, z] -> [L, 3] */
    float *w;                 /* [n_float] a copy of what was loaded */
};

/* One-hot rows of B people. */
void sg_vae_one_hot(const sg_vae *v, int64_t B, const int8_t *geno, float *x);
/* [B, z, T] -> [B, T, z] and back; `from` has `stride` channels of which z from `first` on are taken. */
void sg_vae_to_rows(int64_t B, int64_t z, int64_t T, const float *x, float *rows);
void sg_vae_from_rows(int64_t B, int64_t z, int64_t T, const float *rows, int64_t stride, int64_t first, float *x);

#endif
