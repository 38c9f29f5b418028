/* discriminator.h - the adversary of stage one (method.md section 2): does a row of genotypes look real?
 *
 * Shape:   x [B, L, 3] channels last: one-hot genotypes (real) or raw decoder logits (fake); positions n_snp..L-1 are
 *          zeros in both. Six conv3, stride 2, padding 1 (3 -> 16 -> 32 -> 64 -> 128 -> 128 -> 128), spectrally
 *          normalised; InstanceNorm without affine after all but the first; LeakyReLU 0.2; then 1x1 to one logit per
 *          position, [B, P].
 * Units:   losses are means over people and positions; a chunk of B out of a batch of `batch` people adds its share, so
 *          that chunks add up to the batch.
 * Owner:   sg_disc by the caller; the power iteration's vectors too (they belong into a checkpoint).
 * Threads: const after sg_disc_load; each caller its own arena.
 * Not here: optimisers, whose turn it is (core/train).
 * Source:  Miyato et al. 2018 (one power iteration per step, the vectors taken as constants in the gradient).
 */
#ifndef SG_VAE_DISCRIMINATOR_H
#define SG_VAE_DISCRIMINATOR_H

#include "nn/params.h"

typedef struct sg_disc sg_disc;

/* LIMIT: L is too short to be halved six times and still have two positions to normalise over. */
sg_status sg_disc_new(int64_t seq_len, int64_t n_snp, sg_disc **out, sg_err *err) SG_MUST_USE;
void sg_disc_free(sg_disc *d); /* accepts NULL */
const sg_params *sg_disc_get_params(const sg_disc *d);
int64_t sg_disc_positions(const sg_disc *d); /* P */

/* Floats of the power iteration's vectors u and v of all six layers. */
int64_t sg_disc_n_vector(const sg_disc *d);
/* Weights as the published layers start (Kaiming-uniform), vectors of length 1. */
void sg_disc_init(const sg_disc *d, uint64_t seed, float *w, float *vector);

/* One power iteration (when `iterate`; vector is updated), then w / sigma packed for the kernels. LIMIT: a weight that is
 * not finite. */
sg_status sg_disc_load(sg_disc *d, const float *w, float *vector, bool iterate, sg_err *err) SG_MUST_USE;

/* Bytes of arena one call with B people needs at most. */
size_t sg_disc_bytes(const sg_disc *d, int64_t B);

/* Hinge: *loss = half of mean(relu(1 - D(real))) + mean(relu(1 + D(fake))). grad [n_float] ACCUMULATED, with respect to the
 * normalised weights (sg_disc_finish_grad makes it that of w); NULL for the loss alone. geno [B, L]; logits [B, L, 3]. */
sg_status sg_disc_hinge(const sg_disc *d, int64_t B, int64_t batch, const int8_t *geno, const float *logits,
                        sg_arena *a, double *loss, float *grad, sg_err *err) SG_MUST_USE;
/* Once all chunks are added up: the gradient with respect to w. */
void sg_disc_finish_grad(const sg_disc *d, float *grad);

/* The generator's loss: *g = -mean(D(fake)). dlogits [B, L, 3] overwritten with its gradient, may be NULL. */
sg_status sg_disc_generator(const sg_disc *d, int64_t B, int64_t batch, const float *logits, sg_arena *a, double *g,
                            float *dlogits, sg_err *err) SG_MUST_USE;

/* weight = factor * |grad NLL| / (|grad g| + 1e-4), clipped to [0, 1e4] before the factor; published factor 0.5. */
double sg_disc_weight(double norm_nll, double norm_g, double factor);

#endif
