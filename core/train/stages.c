/* stages.c - the two stages (method.md sections 2 and 3): what a chunk of people contributes, what an epoch reports.
 *
 * Letters: n people of a chunk, L positions, D = z T latent numbers per person.
 * Every person has one random stream per epoch: posterior noise first, then (stage two) diffusion noise, level, label
 * dropout. Validation draws from a fixed stream, so that its curve moves only when the network does.
 */
#include "train/internal.h"

#include <math.h>
#include <string.h>

enum { FIXED_EPOCH = 0xFFFFFF, JUDGED_MAX = 1024 };

static sg_rng person_stream(const sg_trainer *t, sg_train_stage stage, int64_t person, int64_t epoch)
{
    return sg_rng_stream(t->o->seed, SG_RNG_TRAIN_NOISE, (uint64_t)person, (uint32_t)stage << 24 | (uint32_t)epoch);
}

/* The person behind index i: 0..n_train-1 are members, then validation. */
static int64_t person_of(const sg_trainer *t, int64_t i)
{
    return i < t->plan.n_train ? t->train[i] : t->val[i - t->plan.n_train];
}

static int64_t latent_size(const sg_trainer *t)
{
    return t->plan.unet.z_channels * t->plan.unet.latent_len;
}

/* A list of up to JUDGED_MAX indices spread evenly over from..from+n-1. */
static int64_t *spread(sg_trainer *t, int64_t from, int64_t n, int64_t *n_out)
{
    *n_out = n < JUDGED_MAX ? n : JUDGED_MAX;
    int64_t *list = SG_NEW(t->a, int64_t, *n_out);
    for (int64_t i = 0; list && i < *n_out; i++)
        list[i] = from + i * n / *n_out;
    return list;
}

/* The sums of up to JUDGED_MAX members (val false) or validation people. */
static sg_status judge(sg_trainer *t, sg_stage *s, bool val, int64_t *n, double *sum, sg_err *err)
{
    const size_t mark = sg_arena_mark(t->a);
    int64_t *list = spread(t, val ? t->plan.n_train : 0, val ? t->plan.n_val : t->plan.n_train, n);
    sg_status st = list ? SG_OK : sg_arena_full(t->a, "a list of people", err);
    if (!st) {
        sg_stage_batch b = {.t = t, .list = list, .n = *n, .epoch = FIXED_EPOCH, .kl_weight = t->o->kl_weight};
        st = sg_crew_go(s->crew, *n, s->chunk, &b, false, sum, err);
    }
    sg_arena_rewind(t->a, mark);
    return st;
}

static bool judged_now(const sg_trainer *t, const sg_stage *s)
{
    const int64_t every = s->epochs > 40 ? s->epochs / 20 : 2;
    return t->state.epoch + 1 == s->epochs || (t->state.epoch + 1) % every == 0;
}

static void set_real(json_t *o, const char *key, double x)
{
    json_object_set_new(o, key, isfinite(x) ? json_real(x) : json_null());
}

/* Stage one ---------------------------------------------------------------------------------------------------- */

enum { V_TOTAL, V_NLL, V_KL, V_CE, V_RIGHT, V_PEOPLE = SG_SUM_PEOPLE };

void sg_trainer_codes(const sg_trainer *t, const int64_t *person, int64_t n, int8_t *code)
{
    const int64_t L = t->plan.vae.seq_len, n_snp = t->plan.vae.n_snp;
    for (int64_t i = 0; i < n; i++) {
        sg_people_unpack(&t->d->people, person[i], code + i * L);
        memset(code + i * L + n_snp, 0, (size_t)(L - n_snp));
    }
}

static sg_status codes_of(const sg_trainer *t, const int64_t *list, int64_t first, int64_t n, sg_arena *a,
                          int8_t **code, sg_err *err)
{
    *code = SG_NEW_RAW(a, int8_t, n * t->plan.vae.seq_len);
    int64_t *person = SG_NEW_RAW(a, int64_t, n);
    if (!*code || !person)
        return sg_arena_full(a, "a chunk of genotypes", err);
    for (int64_t i = 0; i < n; i++)
        person[i] = person_of(t, list ? list[first + i] : first + i);
    sg_trainer_codes(t, person, n, *code);
    return SG_OK;
}

sg_status sg_vae_chunk_inputs(const sg_stage_batch *b, int64_t first, int64_t n, sg_arena *a, int8_t **code,
                              float **eps, sg_err *err)
{
    const sg_trainer *t = b->t;
    const int64_t D = latent_size(t);
    SG_TRY(codes_of(t, b->list, first, n, a, code, err));
    *eps = SG_NEW_RAW(a, float, n *D);
    if (!*eps)
        return sg_arena_full(a, "posterior noise", err);
    for (int64_t i = 0; i < n; i++) {
        sg_rng r = person_stream(t, SG_STAGE_VAE, person_of(t, b->list[first + i]), b->epoch);
        sg_rng_fill_normal(&r, *eps + i * D, D);
    }
    return SG_OK;
}

static sg_status vae_chunk(void *ctx, int64_t first, int64_t n, sg_arena *a, float *grad, double *sum, sg_err *err)
{
    const sg_stage_batch *b = ctx;
    const sg_trainer *t = b->t;
    int8_t *code;
    float *eps;
    SG_TRY(sg_vae_chunk_inputs(b, first, n, a, &code, &eps, err));
    sg_vae_loss loss;
    SG_TRY(sg_vae_loss_grad(t->vae, n, b->n, code, eps, b->kl_weight, a, &loss, grad, err));
    sum[V_TOTAL] += loss.total;
    sum[V_NLL] += loss.nll;
    sum[V_KL] += loss.kl;
    sum[V_CE] += loss.ce;
    sum[V_RIGHT] += (double)loss.n_right;
    sum[V_PEOPLE] += (double)n;
    return grad && t->adv_on
               ? sg_adversary_chunk(t, n, b->n, code, eps, a, &sum[SG_SUM_G], grad + t->state.vae.n_float, err)
               : SG_OK;
}

static double vae_loss(const double *sum)
{
    return sum[V_TOTAL];
}

static double vae_people(const double *sum)
{
    return sum[V_PEOPLE];
}

static sg_status vae_epoch_end(sg_trainer *t, sg_stage *s, json_t *point, int64_t n_step, sg_err *err)
{
    (void)n_step;
    const double *sum = t->state.sum;
    const double N = sum[V_PEOPLE], M = N * (double)t->plan.vae.n_snp, judged = (double)t->plan.n_train - N;
    if (sum[SG_SUM_G] != 0)
        set_real(point, "generator_loss", sum[SG_SUM_G] / N);
    if (judged > 0)
        set_real(point, "discriminator_loss", sum[SG_SUM_D] / judged);
    set_real(point, "kl", sum[V_KL] / N);
    set_real(point, "cross_entropy", sum[V_CE] / M);
    set_real(point, "accuracy", sum[V_RIGHT] / M);
    if (!judged_now(t, s) || t->plan.n_val == 0)
        return SG_OK;
    double val[SG_CREW_SUMS];
    int64_t n;
    SG_TRY(judge(t, s, true, &n, val, err));
    const double m = (double)n * (double)t->plan.vae.n_snp;
    set_real(point, "val_loss", val[V_TOTAL] / (double)n);
    set_real(point, "val_cross_entropy", val[V_CE] / m);
    set_real(point, "val_accuracy", val[V_RIGHT] / m);
    return SG_OK;
}

static sg_status load_vae(sg_trainer *t, const float *w, sg_err *err)
{
    return sg_vae_load(t->vae, w, err);
}

size_t sg_vae_chunk_bytes(const sg_trainer *t)
{
    const int64_t n = t->o->chunk;
    return sg_vae_train_bytes(t->vae, n) + sg_adversary_bytes(t) +
           (size_t)(n * (t->plan.vae.seq_len + 16 + 12 * latent_size(t))) + ((size_t)1 << 16);
}

sg_stage sg_stage_vae(sg_trainer *t, sg_crew *crew)
{
    const sg_train_options *o = t->o;
    return (sg_stage){.name = "vae",
                      .id = SG_STAGE_VAE,
                      .epochs = t->plan.vae_epochs,
                      .batch = o->vae_batch,
                      .lr = o->vae_lr,
                      .warmup = o->vae_warmup,
                      .clip = o->vae_clip,
                      .ema = o->vae_ema,
                      .cosine = o->vae_cosine != 0,
                      .fit = &t->state.vae,
                      .crew = crew,
                      .load = load_vae,
                      .chunk = vae_chunk,
                      .loss = vae_loss,
                      .people = vae_people,
                      .turn = t->disc ? sg_adversary_turn : NULL,
                      .combine = t->disc ? sg_adversary_combine : NULL,
                      .epoch_end = vae_epoch_end};
}

/* Between the stages: the posterior of everyone under the frozen encoder ----------------------------------------- */

static sg_status posterior_chunk(void *ctx, int64_t first, int64_t n, sg_arena *a, float *grad, double *sum,
                                 sg_err *err)
{
    (void)grad;
    (void)sum;
    sg_trainer *t = ctx;
    const int64_t D = latent_size(t);
    int8_t *code;
    SG_TRY(codes_of(t, NULL, first, n, a, &code, err));
    return sg_vae_encode(t->vae, n, code, a, t->z_mean + first * D, t->z_logvar + first * D, err);
}

/* Mean and standard deviation, per latent number, of a posterior SAMPLE of a member: the variance of the means plus
 * the mean of the variances. */
static void latent_moments(sg_trainer *t)
{
    const int64_t D = latent_size(t), N = t->plan.n_train;
    for (int64_t d = 0; d < D; d++) {
        double sum = 0, square = 0, inner = 0;
        for (int64_t i = 0; i < N; i++)
            sum += t->z_mean[i * D + d];
        const double mean = sum / (double)N;
        for (int64_t i = 0; i < N; i++) {
            const double x = t->z_mean[i * D + d] - mean;
            square += x * x;
            inner += exp(t->z_logvar[i * D + d]);
        }
        t->state.latent_mean[d] = (float)mean;
        t->state.latent_std[d] = (float)sqrt(fmax((square + inner) / (double)N, 1e-12));
    }
}

/* One mean and deviation per channel, over people and positions. The VAE is convolutional: what a genotype looks like in
 * a latent is nearly the same at every position, and a network that shares its weights among positions profits from it.
 */
static void channel_moments(sg_trainer *t)
{
    const int64_t T = t->space.T;
    for (int64_t c = 0; c < t->space.z; c++) {
        float *mean = t->state.latent_mean + c * T, *std = t->state.latent_std + c * T;
        double sum = 0, square = 0;
        for (int64_t k = 0; k < T; k++)
            sum += mean[k];
        const double all = sum / (double)T;
        for (int64_t k = 0; k < T; k++)
            square += (double)std[k] * std[k] + (mean[k] - all) * (mean[k] - all);
        const double deviation = sqrt(square / (double)T);
        for (int64_t k = 0; k < T; k++) {
            mean[k] = (float)all;
            std[k] = (float)deviation;
        }
    }
}

sg_status sg_train_latents(sg_trainer *t, sg_err *err)
{
    const int64_t D = latent_size(t), N = t->plan.n_train + t->plan.n_val;
    SG_TRY(sg_vae_load(t->vae, t->state.vae.ema, err));
    t->z_mean = SG_NEW_RAW(t->a, float, N *D);
    t->z_logvar = SG_NEW_RAW(t->a, float, N *D);
    if (!t->z_mean || !t->z_logvar)
        return sg_arena_full(t->a, "the latents", err);
    sg_crew crew;
    const size_t bytes = sg_vae_infer_bytes(t->vae, t->o->chunk) + (size_t)(t->o->chunk * (t->plan.vae.seq_len + 16)) +
                         ((size_t)1 << 16);
    SG_TRY(sg_crew_init(&crew, t->run, t->o->lanes, t->o->chunk, 0, bytes, t->a, err));
    double sum[SG_CREW_SUMS];
    const sg_status st = sg_crew_go(&crew, N, posterior_chunk, t, false, sum, err);
    sg_crew_clear(&crew);
    if (st)
        return st;
    if (t->state.label_shift)
        return sg_train_space(t, err);
    if (t->o->standardise)
        latent_moments(t);
    if (t->o->standardise == 4)
        channel_moments(t);
    if (!t->o->standardise)
        for (int64_t d = 0; d < D; d++) {
            t->state.latent_mean[d] = 0;
            t->state.latent_std[d] = 1;
        }
    return SG_OK;
}

/* Stage two ---------------------------------------------------------------------------------------------------- */

/* All levels alike, as published, or even in log sigma. The first spends three steps in ten above sigma 3.3, where a
 * latent is nearly all noise. Validation keeps it, so that losses can be compared. */
static int32_t draw_level(const sg_trainer *t, int64_t epoch, sg_rng *r)
{
    const double lo = t->o->sigma_low, hi = t->o->sigma_high;
    if (!(lo > 0) || epoch == FIXED_EPOCH)
        return (int32_t)sg_rng_below(r, SG_N_SIGMA);
    return sg_schedule_nearest(&t->schedule, lo * pow(hi / lo, sg_rng_uniform(r)));
}

static sg_status diffusion_chunk(void *ctx, int64_t first, int64_t n, sg_arena *a, float *grad, double *sum,
                                 sg_err *err)
{
    const sg_stage_batch *b = ctx;
    const sg_trainer *t = b->t;
    const int64_t D = latent_size(t);
    float *z0 = SG_NEW_RAW(a, float, n *D), *noise = SG_NEW_RAW(a, float, n *D), *scratch = SG_NEW_RAW(a, float, D);
    int32_t *level = SG_NEW_RAW(a, int32_t, n);
    int8_t *label = SG_NEW_RAW(a, int8_t, n);
    if (!z0 || !noise || !scratch || !level || !label)
        return sg_arena_full(a, "a chunk of latents", err);
    for (int64_t i = 0; i < n; i++) {
        const int64_t at = b->list[first + i], person = person_of(t, at);
        sg_rng r = person_stream(t, SG_STAGE_DIFFUSION, person, b->epoch);
        const float *mean = t->z_mean + at * D, *logvar = t->z_logvar + at * D;
        float *z = z0 + i * D;
        sg_rng_fill_normal(&r, z, D);
        for (int64_t d = 0; d < D; d++)
            z[d] = mean[d] + expf(0.5f * logvar[d]) * z[d];
        sg_latent_to_diffusion(&t->space, t->d->label[person], z, scratch);
        sg_rng_fill_normal(&r, noise + i * D, D);
        level[i] = draw_level(t, b->epoch, &r);
        label[i] = sg_rng_uniform(&r) < t->o->label_dropout ? SG_UNCONDITIONAL : t->d->label[person];
    }
    double loss;
    SG_TRY(sg_unet_loss_grad(t->unet, &t->schedule, t->plan.solve.objective, n, b->n, z0, noise, level, label, NULL, a,
                             &loss, grad, NULL, err));
    sum[0] += loss * (double)b->n; /* sum over people of the mean squared error */
    return SG_OK;
}

static double diffusion_loss(const double *sum)
{
    return sum[0];
}

static sg_status diffusion_epoch_end(sg_trainer *t, sg_stage *s, json_t *point, int64_t n_step, sg_err *err)
{
    (void)n_step;
    if (!judged_now(t, s))
        return SG_OK;
    double sum[SG_CREW_SUMS];
    int64_t n;
    SG_TRY(judge(t, s, false, &n, sum, err));
    set_real(point, "train_loss_ema", sum[0] / (double)n);
    if (t->plan.n_val == 0)
        return SG_OK;
    SG_TRY(judge(t, s, true, &n, sum, err));
    set_real(point, "val_loss_ema", sum[0] / (double)n);
    return SG_OK;
}

static sg_status load_unet(sg_trainer *t, const float *w, sg_err *err)
{
    return sg_unet_load(t->unet, w, err);
}

size_t sg_diffusion_chunk_bytes(const sg_trainer *t)
{
    const int64_t n = t->o->chunk;
    return sg_unet_train_bytes(t->unet, n) + (size_t)(n * (64 + 16 * latent_size(t)) + 4 * latent_size(t)) +
           ((size_t)1 << 16);
}

sg_stage sg_stage_diffusion(sg_trainer *t, sg_crew *crew)
{
    const sg_train_options *o = t->o;
    return (sg_stage){.name = "diffusion",
                      .id = SG_STAGE_DIFFUSION,
                      .epochs = t->plan.epochs,
                      .batch = o->batch,
                      .lr = o->lr,
                      .warmup = o->warmup,
                      .weight_decay = o->weight_decay,
                      .clip = o->clip,
                      .ema = o->ema,
                      .cosine = true,
                      .fit = &t->state.unet,
                      .crew = crew,
                      .load = load_unet,
                      .chunk = diffusion_chunk,
                      .loss = diffusion_loss,
                      .epoch_end = diffusion_epoch_end};
}
