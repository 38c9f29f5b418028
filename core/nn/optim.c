/* optim.c - see optim.h. */
#include "nn/optim.h"

#include <assert.h>
#include <math.h>

const sg_adam sg_adam_published = {0.9, 0.999, 1e-8, 0.0};
const sg_adam sg_adamw_published = {0.9, 0.999, 1e-8, 0.01};

void sg_adam_step(const sg_adam *o, int64_t step, double lr, int64_t n, float *restrict w, const float *restrict grad,
                  float *restrict m, float *restrict v)
{
    assert(step >= 1);
    const float b1 = (float)o->beta1, b2 = (float)o->beta2, c1 = (float)(1.0 - o->beta1), c2 = (float)(1.0 - o->beta2);
    const float rate = (float)(lr / (1.0 - pow(o->beta1, (double)step)));
    const float root = (float)(1.0 / sqrt(1.0 - pow(o->beta2, (double)step)));
    const float eps = (float)o->eps, keep = (float)(1.0 - lr * o->decay);
    for (int64_t i = 0; i < n; i++) {
        m[i] = b1 * m[i] + c1 * grad[i];
        v[i] = b2 * v[i] + c2 * (grad[i] * grad[i]);
        w[i] = keep * w[i] - rate * m[i] / (__builtin_sqrtf(v[i]) * root + eps);
    }
}

void sg_ema_step(double decay, int64_t n, const float *restrict w, float *restrict ema)
{
    const float c = (float)(1.0 - decay);
    for (int64_t i = 0; i < n; i++)
        ema[i] += c * (w[i] - ema[i]);
}

double sg_grad_norm(int64_t n, const float *grad)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)grad[i] * grad[i];
    return sqrt(sum);
}
