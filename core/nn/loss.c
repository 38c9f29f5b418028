/* loss.c - cross-entropy of three classes; see layers.h. In double: three exponentials per position cost nothing beside
 * the network, and the loss is what people compare. */
#include "nn/layers.h"

#include <assert.h>
#include <math.h>

double sg_cross_entropy3(const sg_tensor *logits, const int8_t *klass, int64_t n, double scale, sg_tensor *dlogits,
                         int64_t *n_right)
{
    const int64_t B = logits->dim[0], L = logits->dim[1];
    SG_EXPECT_SHAPE(logits, B, L, 3);
    if (dlogits)
        SG_EXPECT_SHAPE(dlogits, B, L, 3);
    double total = 0;
    int64_t right = 0;
    for (int64_t i = 0; i < B * L; i++) {
        const float *x = logits->x + 3 * i;
        const bool counts = i % L < n;
        float p[3] = {0, 0, 0};
        if (counts) {
            const int best = x[1] > x[0] ? (x[2] > x[1] ? 2 : 1) : (x[2] > x[0] ? 2 : 0);
            const double e[3] = {exp((double)x[0] - x[best]), exp((double)x[1] - x[best]), exp((double)x[2] - x[best])};
            const double sum = e[0] + e[1] + e[2];
            const int k = klass[i];
            assert(k >= 0 && k <= 2);
            total += log(sum) - ((double)x[k] - x[best]);
            right += best == k;
            for (int j = 0; j < 3; j++)
                p[j] = (float)(scale * (e[j] / sum - (j == k)));
        }
        for (int j = 0; dlogits && j < 3; j++)
            dlogits->x[3 * i + j] = p[j];
    }
    *n_right += right;
    return total;
}
