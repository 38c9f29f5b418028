/* space.h - between the latents of the VAE and the latents the diffusion model learns.
 *
 * Shape:   D = z T numbers per person. x [z, T] in VAE space, u [z, T] in diffusion space:
 *
 *              x = mean + std * (shift[label] + mix u)        element by element but for mix, a lower triangular [D, D]
 *
 *          mix walks positions first: its row and column t z + c belong to channel c of position t, so that "earlier"
 *          means "to the left on the genome". shift and mix may be missing (0 and identity).
 * Units:   std in units of x; shift in units of std.
 * Owner:   borrowed pointers.
 * Threads: const.
 * Not here: how the numbers are found (train/space.c).
 *
 * Why: with mix the Cholesky factor of the latents' correlations within a label, u has mean 0, variance 1 and no
 * correlation. What is linear about linkage and about the label is then exact before the first step of training, and
 * the network learns the rest.
 */
#ifndef SG_DIFFUSION_SPACE_H
#define SG_DIFFUSION_SPACE_H

#include "base/status.h"

typedef struct sg_latent_space {
    int64_t z, T;
    int n_label;
    const float *mean, *std; /* [z, T] */
    const float *shift;      /* [n_label, z, T] or NULL */
    const float *mix;        /* [z T, z T], diagonal > 0, zero above it, or NULL */
} sg_latent_space;

/* u -> x and x -> u of one person, in place. label 0..n_label-1. scratch [z T]. */
void sg_latent_from_diffusion(const sg_latent_space *s, int label, float *x, float *scratch);
void sg_latent_to_diffusion(const sg_latent_space *s, int label, float *x, float *scratch);

#endif
