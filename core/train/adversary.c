/* adversary.c - the discriminator's part in stage one (method.md section 2).
 *
 * From step adv-start on the steps alternate: one of the VAE with the adversarial term, one of the discriminator. On a VAE
 * step every lane keeps two gradients, that of the loss and that of g = -mean D(fake); both are complete before they
 * are weighed against each other at the decoder's last weight, so the result does not depend on chunks or threads. */
#include "train/internal.h"

#include <math.h>
#include <string.h>

sg_status sg_adversary_new(sg_trainer *t, sg_err *err)
{
    sg_train_state *s = &t->state;
    if (!t->o->adv_start)
        return SG_OK;
    SG_TRY(sg_disc_new(t->plan.vae.seq_len, t->plan.vae.n_snp, &t->disc, err));
    SG_TRY(sg_fit_new(sg_disc_get_params(t->disc)->n_float, t->a, &s->disc, err));
    s->n_disc_vector = sg_disc_n_vector(t->disc);
    s->disc_vector = SG_NEW(t->a, float, s->n_disc_vector);
    t->disc_next = SG_NEW(t->a, float, s->n_disc_vector);
    if (!s->disc_vector || !t->disc_next)
        return sg_arena_full(t->a, "the discriminator's vectors", err);
    sg_disc_init(t->disc, t->o->seed, s->disc.w, s->disc_vector);
    return SG_OK;
}

size_t sg_adversary_bytes(const sg_trainer *t)
{
    return t->disc ? sg_disc_bytes(t->disc, t->o->chunk) : 0;
}

typedef struct look {
    const sg_trainer *t;
    int64_t n, batch;
    const int8_t *code;
    sg_arena *a;
    double value;
    float *grad; /* of the discriminator, or NULL */
} look;

static sg_status generator(void *ctx, const float *logits, float *dlogits, sg_err *err)
{
    look *l = ctx;
    return sg_disc_generator(l->t->disc, l->n, l->batch, logits, l->a, &l->value, dlogits, err);
}

static sg_status judge(void *ctx, const float *logits, float *dlogits, sg_err *err)
{
    look *l = ctx;
    (void)dlogits;
    return sg_disc_hinge(l->t->disc, l->n, l->batch, l->code, logits, l->a, &l->value, l->grad, err);
}

sg_status sg_adversary_chunk(const sg_trainer *t, int64_t n, int64_t batch, const int8_t *code, const float *eps,
                             sg_arena *a, double *g, float *grad, sg_err *err)
{
    look l = {.t = t, .n = n, .batch = batch, .code = code, .a = a};
    SG_TRY(sg_vae_logits_grad(t->vae, n, code, eps, generator, &l, a, grad, err));
    *g += l.value * (double)batch;
    return SG_OK;
}

static sg_status disc_chunk(void *ctx, int64_t first, int64_t n, sg_arena *a, float *grad, double *sum, sg_err *err)
{
    const sg_stage_batch *b = ctx;
    int8_t *code;
    float *eps;
    SG_TRY(sg_vae_chunk_inputs(b, first, n, a, &code, &eps, err));
    look l = {.t = b->t, .n = n, .batch = b->n, .code = code, .a = a, .grad = grad};
    SG_TRY(sg_vae_logits_grad(b->t->vae, n, code, eps, judge, &l, a, NULL, err));
    sum[SG_SUM_D] += l.value * (double)b->n;
    return SG_OK;
}

sg_status sg_adversary_turn(sg_trainer *t, sg_stage *s, const sg_stage_batch *b, int64_t n_step, bool *taken,
                            double *sum, sg_err *err)
{
    const int64_t step = t->state.epoch * n_step + t->state.batch + 1;
    *taken = false;
    t->adv_on = t->disc && step >= t->o->adv_start;
    if (!t->adv_on)
        return SG_OK;
    const sg_train_state *was = &t->state;
    memcpy(t->disc_next, was->disc_vector, (size_t)was->n_disc_vector * sizeof *t->disc_next);
    SG_TRY(sg_disc_load(t->disc, was->disc.w, t->disc_next, true, err));
    if ((step - t->o->adv_start) % 2 == 0)
        return SG_OK;
    sg_stage_batch batch = *b;
    SG_TRY(sg_crew_go(s->other, batch.n, disc_chunk, &batch, true, sum, err));
    float *grad = s->other->grad[0];
    sg_disc_finish_grad(t->disc, grad);
    const double norm = sg_fit_step(&t->state.disc, t->run, &(sg_step_options){.lr = s->lr}, grad);
    if (!isfinite(norm))
        return sg_fail(
            err, SG_DEGENERATE,
            "vae: the discriminator's gradient became %g in epoch %lld, step %lld; the last checkpoint is kept; "
            "try a lower --vae-lr (now %g) or a later --adv-start",
            norm, (long long)t->state.epoch + 1, (long long)t->state.batch + 1, s->lr);
    *taken = true;
    return SG_OK;
}

void sg_adversary_done(sg_trainer *t)
{
    if (t->adv_on)
        memcpy(t->state.disc_vector, t->disc_next, (size_t)t->state.n_disc_vector * sizeof *t->disc_next);
}

static double norm_at(const sg_param *p, const float *grad)
{
    double s = 0;
    for (int64_t k = 0; k < p->n; k++)
        s += (double)grad[p->at + k] * grad[p->at + k];
    return sqrt(s);
}

void sg_adversary_combine(const sg_trainer *t, float *grad)
{
    if (!t->adv_on)
        return;
    const sg_params *params = sg_vae_get_params(t->vae);
    const sg_param *last = sg_params_find(params, "decoder.conv_out.weight");
    float *g = grad + params->n_float;
    const double weight = sg_disc_weight(norm_at(last, grad), norm_at(last, g), t->o->adv_weight);
    for (int64_t k = 0; k < params->n_float; k++)
        grad[k] = (float)(grad[k] + weight * g[k]);
}
