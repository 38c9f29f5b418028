/* vae.h - genotypes <-> latents (method.md section 2).
 *
 * Shape:   B people, L = seq_len SNPs (padded length), T = L / 2^(n_level-1) latent positions, z latent channels.
 *          genotypes int8 [B, L]; latents [B, z, T] float; logits [B, L, 3] float.
 * Units:   copies of the counted allele; natural-log probabilities.
 * Owner:   sg_vae by the caller (_new/_free). Weights are copied/packed by sg_vae_load; scratch comes from the arena
 *          passed in and is rewound before return.
 * Threads: after sg_vae_load an sg_vae is const: many threads may call encode/decode/loss_grad at once, each with its
 *          own arena. BLAS runs single-threaded inside; parallelism is over people.
 * Not here: optimiser, data, files.
 */
#ifndef SG_VAE_VAE_H
#define SG_VAE_VAE_H

#include "nn/params.h"

enum { SG_VAE_LEVEL_MAX = 10 };

typedef struct sg_vae_config {
    int64_t seq_len; /* L, a multiple of 2^(n_level-1) */
    int64_t n_snp;   /* real SNPs; positions n_snp..L-1 are padding (genotype 0, out of every loss) */
    int n_level;
    int channels[SG_VAE_LEVEL_MAX]; /* multiples of 32 (GroupNorm has 32 groups) */
    int in_proj;                    /* multiple of 32 */
    int z_channels;
    int n_res;          /* 2 */
    bool mid_attention; /* published: true */
    double kl_weight;   /* published: 1 */
} sg_vae_config;

typedef struct sg_vae sg_vae;

/* LIMIT with a sentence when a size is impossible. */
sg_status sg_vae_config_check(const sg_vae_config *c, sg_err *err) SG_MUST_USE;
int64_t sg_vae_latent_len(const sg_vae_config *c); /* T */

sg_status sg_vae_new(const sg_vae_config *c, sg_vae **out, sg_err *err) SG_MUST_USE;
void sg_vae_free(sg_vae *v);
const sg_vae_config *sg_vae_get_config(const sg_vae *v);
const sg_params *
sg_vae_get_params(const sg_vae *v); /* includes "loss.logvar" [1], the learned scalar s, if it is trained */

/* Initial weights as the published code draws them (Kaiming-uniform conv/linear; norms 1 and 0). w [n_float]. */
void sg_vae_init_weights(const sg_vae *v, uint64_t seed, float *w);

/* Packs w [n_float] for the kernels. Call again after every optimiser step. Not while another thread computes.
 * LIMIT when a weight is NaN or infinite: the message names the tensor. */
sg_status sg_vae_load(sg_vae *v, const float *w, sg_err *err) SG_MUST_USE;

/* Bytes of arena one call with B people needs at most. */
size_t sg_vae_infer_bytes(const sg_vae *v, int64_t B);
size_t sg_vae_train_bytes(const sg_vae *v, int64_t B);

/* mean, logvar [B, z, T], overwritten. geno codes 0..2 (asserted). NOMEM when the arena is too small. */
sg_status sg_vae_encode(const sg_vae *v, int64_t B, const int8_t *geno, sg_arena *a, float *mean, float *logvar,
                        sg_err *err) SG_MUST_USE;
/* logits [B, L, 3], overwritten, from z [B, z, T]. */
sg_status sg_vae_decode(const sg_vae *v, int64_t B, const float *z, sg_arena *a, float *logits,
                        sg_err *err) SG_MUST_USE;

typedef struct sg_vae_loss {
    double total, nll, kl, ce,
        s;           /* sums over the B people, NOT divided by B; ce = sum of cross-entropy; s the scalar */
    int64_t n_right; /* genotypes whose argmax is right */
} sg_vae_loss;

/* Forward and backward of B people of a batch of `batch` people (the loss divides by `batch`, so that chunks add up).
 * eps [B, z, T] posterior noise. grad [n_float] ACCUMULATED; NULL for the loss alone. kl_weight overrides the config's
 * (KL warm-up). */
sg_status sg_vae_loss_grad(const sg_vae *v, int64_t B, int64_t batch, const int8_t *geno, const float *eps,
                           double kl_weight, sg_arena *a, sg_vae_loss *loss, float *grad, sg_err *err) SG_MUST_USE;

/* Another loss of the same reconstructions: forward as above, then fn sees the logits [B, L, 3] and overwrites dlogits (NULL
 * when grad is NULL), which then goes back through decoder and encoder. grad [n_float] ACCUMULATED. */
typedef sg_status sg_vae_logits_fn(void *ctx, const float *logits, float *dlogits, sg_err *err);
sg_status sg_vae_logits_grad(const sg_vae *v, int64_t B, const int8_t *geno, const float *eps, sg_vae_logits_fn *fn,
                             void *ctx, sg_arena *a, float *grad, sg_err *err) SG_MUST_USE;

#endif
