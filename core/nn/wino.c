/* wino.c - weights of Winograd's convolution; the rest is in wino_body.h, the derivation in NOTES.md section 6. */
#include "nn/gemm.h"

#include <math.h>

void sg_wino_weights(const sg_gemm *g, const float tap[3], float *v)
{
    const double a = tap[0], b = tap[1], c = tap[2];
    if (g->wino_tap == 4) { /* points 0, 1, -1, infinity */
        v[0] = tap[0];
        v[1] = (float)((a + b + c) / 2);
        v[2] = (float)((a - b + c) / 2);
        v[3] = tap[2];
        return;
    }
    const double r = sqrt(0.5); /* points 0, r, -r, 2 r, -2 r, infinity */
    v[0] = tap[0];
    v[1] = (float)(-(a + r * b + c / 2) / 1.5);
    v[2] = (float)(-(a - r * b + c / 2) / 1.5);
    v[3] = (float)((a + 2 * r * b + 2 * c) / 6);
    v[4] = (float)((a - 2 * r * b + 2 * c) / 6);
    v[5] = tap[2];
}
