/* space.c - see space.h. */
#include "diffusion/space.h"

#include <stddef.h>

void sg_latent_from_diffusion(const sg_latent_space *s, int label, float *x, float *scratch)
{
    const int64_t z = s->z, T = s->T, D = z * T;
    if (s->mix) {
        for (int64_t k = 0; k < D; k++)
            scratch[k] = x[k % z * T + k / z];
        for (int64_t k = 0; k < D; k++) {
            const float *row = s->mix + k * D;
            double sum = 0;
            for (int64_t j = 0; j <= k; j++)
                sum += (double)row[j] * scratch[j];
            x[k % z * T + k / z] = (float)sum;
        }
    }
    const float *shift = s->shift ? s->shift + label * D : NULL;
    for (int64_t d = 0; d < D; d++)
        x[d] = (x[d] + (shift ? shift[d] : 0)) * s->std[d] + s->mean[d];
}

void sg_latent_to_diffusion(const sg_latent_space *s, int label, float *x, float *scratch)
{
    const int64_t z = s->z, T = s->T, D = z * T;
    const float *shift = s->shift ? s->shift + label * D : NULL;
    for (int64_t d = 0; d < D; d++)
        x[d] = (x[d] - s->mean[d]) / s->std[d] - (shift ? shift[d] : 0);
    if (!s->mix)
        return;
    for (int64_t k = 0; k < D; k++) {
        const float *row = s->mix + k * D;
        double left = x[k % z * T + k / z];
        for (int64_t j = 0; j < k; j++)
            left -= (double)row[j] * scratch[j];
        scratch[k] = (float)(left / row[k]);
    }
    for (int64_t k = 0; k < D; k++)
        x[k % z * T + k / z] = scratch[k];
}
