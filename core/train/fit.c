/* fit.c - one network in training: Adam, the moving average, the learning rate.
 *
 * All four buffers and the gradient have one layout, so a step is a loop over floats; blocks of floats are shared among
 * the threads, and since no float depends on another the result does not depend on how.
 */
#include "train/internal.h"

#include <math.h>

enum { BLOCK = 1 << 14 };
static const double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;

sg_status sg_fit_new(int64_t n_float, sg_arena *a, sg_fit *out, sg_err *err)
{
    *out = (sg_fit){.n_float = n_float,
                    .w = SG_NEW(a, float, n_float),
                    .m = SG_NEW(a, float, n_float),
                    .v = SG_NEW(a, float, n_float),
                    .ema = SG_NEW(a, float, n_float)};
    return out->w && out->m && out->v && out->ema ? SG_OK : sg_arena_full(a, "weights and moments", err);
}

typedef struct fit_step {
    sg_fit *f;
    const float *grad;
    float scale, decay, rate, eps, keep; /* gradient factor, weight factor, step size, keep: share of the old average */
    float root2;                         /* sqrt of the second moment's bias correction */
} fit_step;

static void step_block(void *ctx, int64_t i, int worker)
{
    (void)worker;
    const fit_step *s = ctx;
    sg_fit *f = s->f;
    const int64_t from = i * BLOCK, to = from + BLOCK < f->n_float ? from + BLOCK : f->n_float;
    const float b1 = (float)beta1, b2 = (float)beta2;
    for (int64_t k = from; k < to; k++) {
        const float g = s->grad[k] * s->scale;
        f->m[k] = b1 * f->m[k] + (1 - b1) * g;
        f->v[k] = b2 * f->v[k] + (1 - b2) * g * g;
        f->w[k] = f->w[k] * s->decay - s->rate * f->m[k] / (sqrtf(f->v[k]) / s->root2 + s->eps);
        f->ema[k] = s->keep * f->ema[k] + (1 - s->keep) * f->w[k];
    }
}

double sg_fit_step(sg_fit *f, const sg_run *run, const sg_step_options *o, const float *grad)
{
    double square = 0;
    for (int64_t k = 0; k < f->n_float; k++)
        square += (double)grad[k] * grad[k];
    const double norm = sqrt(square);
    if (!isfinite(norm))
        return norm;
    const double n = (double)++f->step;
    const double young = (1 + n) / (10 + n); /* a fresh average forgets its random start */
    fit_step s = {.f = f,
                  .grad = grad,
                  .scale = (float)(o->clip > 0 && norm > o->clip ? o->clip / norm : 1),
                  .decay = (float)(1 - o->lr * o->weight_decay),
                  .rate = (float)(o->lr / (1 - pow(beta1, n))),
                  .eps = (float)epsilon,
                  .keep = (float)fmin(o->ema, young),
                  .root2 = (float)sqrt(1 - pow(beta2, n))};
    sg_pool_for(run ? run->pool : NULL, (f->n_float + BLOCK - 1) / BLOCK, step_block, &s);
    return norm;
}

double sg_learning_rate(double top, int64_t step, double warmup, int64_t total, bool cosine)
{
    const double at = (double)step + 1;
    if (at < warmup)
        return top * at / warmup;
    if (!cosine || (double)total <= warmup)
        return top;
    const double done = (at - warmup) / ((double)total - warmup);
    return top * 0.5 * (1 + cos(3.14159265358979323846 * (done < 1 ? done : 1)));
}
