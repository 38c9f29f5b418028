/* fit.c - one network in training: Adam, the moving average, the learning rate.
 *
 * All four buffers and the gradient have one layout, so a step is a loop over floats; blocks of floats are shared among
 * the threads, and since no float depends on another the result does not depend on how.
 */
#include "nn/optim.h"
#include "train/internal.h"

#include <math.h>

enum { BLOCK = 1 << 14 };

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
    float *grad;
    float scale; /* gradient factor: 1, or less when it is longer than the limit */
    sg_adam adam;
    double lr, keep; /* keep: share of the old average */
} fit_step;

static void step_block(void *ctx, int64_t i, int worker)
{
    (void)worker;
    const fit_step *s = ctx;
    const sg_fit *f = s->f;
    const int64_t at = i * BLOCK, n = f->n_float - at < BLOCK ? f->n_float - at : BLOCK;
    float *g = s->grad + at;
    for (int64_t k = 0; k < n && s->scale != 1; k++)
        g[k] *= s->scale;
    sg_adam_step(&s->adam, f->step, s->lr, n, f->w + at, g, f->m + at, f->v + at);
    sg_ema_step(s->keep, n, f->w + at, f->ema + at);
}

double sg_fit_step(sg_fit *f, const sg_run *run, const sg_step_options *o, float *grad)
{
    const double norm = sg_grad_norm(f->n_float, grad);
    if (!isfinite(norm))
        return norm;
    const double n = (double)++f->step;
    const double young = (1 + n) / (10 + n); /* a fresh average forgets its random start */
    fit_step s = {.f = f,
                  .grad = grad,
                  .scale = (float)(o->clip > 0 && norm > o->clip ? o->clip / norm : 1),
                  .adam = sg_adam_published,
                  .lr = o->lr,
                  .keep = fmin(o->ema, young)};
    s.adam.decay = o->weight_decay;
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
