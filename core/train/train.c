/* train.c - a whole run: set up, measure, go through the stages, gather the result. */
#include "train/train.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "nn/backend.h"
#include "train/internal.h"

#include <math.h>
#include <string.h>

/* Lists who is a member and who validates. */
static sg_status list_people(sg_trainer *t, sg_err *err)
{
    t->train = SG_NEW(t->a, int64_t, t->plan.n_train);
    t->val = SG_NEW(t->a, int64_t, t->plan.n_val);
    if (!t->train || !t->val)
        return sg_arena_full(t->a, "lists of people", err);
    int64_t n = 0, m = 0;
    for (int64_t i = 0; i < t->d->people.n_sample; i++)
        if (t->d->role[i] == SG_ROLE_TRAIN)
            t->train[n++] = i;
        else if (t->d->role[i] == SG_ROLE_VAL)
            t->val[m++] = i;
    return SG_OK;
}

static sg_status make_networks(sg_trainer *t, sg_err *err)
{
    SG_TRY(sg_vae_new(&t->plan.vae, &t->vae, err));
    SG_TRY(sg_unet_new(&t->plan.unet, &t->unet, err));
    sg_train_state *s = &t->state;
    SG_TRY(sg_fit_new(sg_vae_get_params(t->vae)->n_float, t->a, &s->vae, err));
    SG_TRY(sg_fit_new(sg_unet_get_params(t->unet)->n_float, t->a, &s->unet, err));
    SG_TRY(sg_adversary_new(t, err));
    s->n_latent = t->plan.unet.z_channels * t->plan.unet.latent_len;
    s->latent_mean = SG_NEW(t->a, float, s->n_latent);
    s->latent_std = SG_NEW(t->a, float, s->n_latent);
    s->n_label = t->d->n_label;
    const bool by_label = t->o->standardise == 2 || t->o->standardise == 3;
    if (by_label && !(s->label_shift = SG_NEW(t->a, float, s->n_label * s->n_latent)))
        return sg_arena_full(t->a, "the label means", err);
    if (t->o->standardise == 3 && !(s->latent_mix = SG_NEW(t->a, float, s->n_latent * s->n_latent)))
        return sg_arena_full(t->a, "the latents' correlations", err);
    t->space = (sg_latent_space){t->plan.unet.z_channels, t->plan.unet.latent_len, t->d->n_label, s->latent_mean,
                                 s->latent_std,           s->label_shift,          s->latent_mix};
    s->curves = json_pack("{s:[], s:[]}", "vae", "diffusion");
    t->metrics = json_object();
    if (!s->latent_mean || !s->latent_std || !s->curves || !t->metrics)
        return sg_arena_full(t->a, "the training state", err);
    sg_vae_init_weights(t->vae, t->o->seed, s->vae.w);
    sg_unet_init_weights(t->unet, t->o->seed, s->unet.w);
    memcpy(s->vae.ema, s->vae.w, (size_t)s->vae.n_float * sizeof(float));
    memcpy(s->unet.ema, s->unet.w, (size_t)s->unet.n_float * sizeof(float));
    return SG_OK;
}

static sg_status trainer_open(sg_trainer *t, const sg_dataset *d, const sg_train_options *o, const sg_run *run,
                              sg_arena *a, sg_err *err)
{
    *t = (sg_trainer){.d = d, .o = o, .run = run, .a = a};
    SG_TRY(sg_train_check(o, d, &t->plan, err));
    SG_TRY(sg_backend_choose(o->backend, o->precision, err));
    sg_schedule_published(&t->schedule);
    SG_TRY(list_people(t, err));
    t->part_ns = t->saved_ns = sg_clock_mono_ns();
    return make_networks(t, err);
}

static void trainer_close(sg_trainer *t)
{
    sg_vae_free(t->vae);
    sg_disc_free(t->disc);
    sg_unet_free(t->unet);
    json_decref(t->state.curves);
    json_decref(t->metrics);
}

/* Measuring ---------------------------------------------------------------------------------------------------- */

static const int64_t *first_people(const sg_trainer *t, int64_t n, sg_arena *a)
{
    int64_t *list = SG_NEW(a, int64_t, n);
    for (int64_t i = 0; list && i < n; i++)
        list[i] = i % t->plan.n_train;
    return list;
}

/* Seconds of one full round of chunks on every lane; the first round only warms up. */
static sg_status time_stage(sg_trainer *t, sg_stage *s, const int64_t *list, int64_t n, double *seconds, sg_err *err)
{
    SG_TRY(s->load(t, s->fit->w, err));
    for (int round = 0; round < 2; round++) {
        const int64_t begun = sg_clock_mono_ns();
        double sum[SG_CREW_SUMS];
        sg_stage_batch b = {.t = t, .list = list, .n = n, .kl_weight = 1};
        SG_TRY(sg_crew_go(s->crew, n, s->chunk, &b, true, sum, err));
        *seconds = (double)(sg_clock_mono_ns() - begun) * 1e-9;
    }
    return SG_OK;
}

static sg_status measure(sg_trainer *t, sg_train_estimate *e, sg_err *err)
{
    const sg_train_options *o = t->o;
    const int64_t n = o->lanes * o->chunk, D = t->state.n_latent, N = t->plan.n_train + t->plan.n_val;
    const int64_t *list = first_people(t, n, t->a);
    t->z_mean = SG_NEW(t->a, float, N *D);
    t->z_logvar = SG_NEW(t->a, float, N *D);
    if (!list || !t->z_mean || !t->z_logvar)
        return sg_arena_full(t->a, "the latents", err);
    for (int64_t d = 0; d < D; d++)
        t->state.latent_std[d] = 1;
    for (int64_t d = 0; t->state.latent_mix && d < D; d++)
        t->state.latent_mix[d * D + d] = 1;
    double vae_s = 0, unet_s = 0;
    size_t scratch = 0;
    for (int stage = 0; stage < 2; stage++) {
        const size_t mark = sg_arena_mark(t->a);
        sg_crew crew;
        const size_t bytes = stage ? sg_diffusion_chunk_bytes(t) : sg_vae_chunk_bytes(t);
        SG_TRY(sg_crew_init(&crew, t->run, o->lanes, o->chunk, stage ? t->state.unet.n_float : t->state.vae.n_float,
                            bytes, t->a, err));
        sg_stage s = stage ? sg_stage_diffusion(t, &crew) : sg_stage_vae(t, &crew);
        const sg_status st = time_stage(t, &s, list, n, stage ? &unet_s : &vae_s, err);
        for (int w = 0; w < crew.n_worker; w++)
            scratch += stage ? 0 : crew.lane[w].peak;
        sg_crew_clear(&crew);
        if (st)
            return st;
        sg_arena_rewind(t->a, mark);
    }
    const double per_n = (double)t->plan.n_train / (double)n;
    e->vae_s = vae_s * per_n * (double)t->plan.vae_epochs;
    if (t->disc &&
        t->plan.vae_steps >= o->adv_start) /* a step with the term costs two, the discriminator's own less than one */
        e->vae_s *= 1 + 0.4 * (double)(t->plan.vae_steps - o->adv_start + 1) / (double)t->plan.vae_steps;
    e->diffusion_s = unet_s * per_n * (double)t->plan.epochs;
    /* A forward pass costs about a third of forward and backward. */
    const double people = o->calibrate ? (double)o->calibrate_people / (double)n : 0;
    e->calibrate_s = people * (unet_s * (double)o->steps * (o->guidance == 1 ? 1 : 2) + vae_s / 2) / 3;
    const int64_t logits = o->calibrate ? o->calibrate_people * t->plan.vae.n_snp * 24 : 0; /* twice three floats */
    e->bytes = (int64_t)t->a->peak + (int64_t)scratch + logits;
    return SG_OK;
}

sg_status sg_train_measure(const sg_dataset *d, const sg_train_options *o, const sg_run *run, sg_train_estimate *out,
                           sg_err *err)
{
    *out = (sg_train_estimate){0};
    sg_arena a = {0};
    SG_TRY(sg_arena_init(&a, (size_t)1 << 38, err));
    sg_trainer t;
    sg_status st = trainer_open(&t, d, o, run, &a, err);
    if (!st)
        st = measure(&t, out, err);
    trainer_close(&t);
    sg_arena_clear(&a);
    return st;
}

/* Running ------------------------------------------------------------------------------------------------------ */

static sg_status begin(sg_trainer *t, bool resume, sg_err *err)
{
    SG_TRY(sg_dir_make(t->work_dir, 0700, err));
    if (!sg_state_exists(t->work_dir)) {
        if (resume)
            sg_log(SG_LOG_INFO, "no checkpoint in %s: starting from the beginning", t->work_dir);
        return sg_checkpoint(t, true, err);
    }
    if (!resume)
        return sg_fail(err, SG_STATE, "%s holds an unfinished run; --resume goes on with it, or remove the folder",
                       t->work_dir);
    SG_TRY(sg_state_load(t->work_dir, t->o, &t->d->digest, &t->state, err));
    static const char *const word[] = {"vae", "diffusion", "calibration"};
    sg_log(SG_LOG_INFO, "resuming in the stage %s, epoch %lld", word[t->state.stage], (long long)t->state.epoch + 1);
    return SG_OK;
}

static sg_status run_stage(sg_trainer *t, sg_err *err)
{
    const bool first = t->state.stage == SG_STAGE_VAE;
    const size_t mark = sg_arena_mark(t->a);
    sg_crew crew;
    const int64_t vae_floats = (t->disc ? 2 : 1) * t->state.vae.n_float; /* with an adversary, two gradients */
    SG_TRY(sg_crew_init(&crew, t->run, t->o->lanes, t->o->chunk, first ? vae_floats : t->state.unet.n_float,
                        first ? sg_vae_chunk_bytes(t) : sg_diffusion_chunk_bytes(t), t->a, err));
    sg_stage s = first ? sg_stage_vae(t, &crew) : sg_stage_diffusion(t, &crew);
    sg_crew other = {0};
    sg_status st = SG_OK;
    if (first && t->disc)
        st = sg_crew_init(&other, t->run, t->o->lanes, t->o->chunk, t->state.disc.n_float, sg_vae_chunk_bytes(t), t->a,
                          err);
    s.other = &other;
    if (!st)
        st = sg_stage_go(t, &s, err);
    sg_crew_clear(&other);
    sg_crew_clear(&crew);
    sg_arena_rewind(t->a, mark);
    return st;
}

static void next_stage(sg_trainer *t)
{
    const int64_t now = sg_clock_mono_ns();
    t->state.seconds[t->state.stage] += (double)(now - t->part_ns) * 1e-9;
    t->part_ns = now;
    t->state.stage++;
    t->state.epoch = t->state.batch = 0;
    memset(t->state.sum, 0, sizeof t->state.sum);
}

/* A stop outside the optimiser loops: the last checkpoint is the end of a stage. */
static sg_status stopped_between(sg_status st, sg_err *err)
{
    if (st != SG_CANCELLED)
        return st;
    return sg_fail(err, SG_CANCELLED, "stopped between the stages; --resume goes on from there");
}

static sg_status go(sg_trainer *t, sg_err *err)
{
    if (t->state.stage == SG_STAGE_VAE) {
        SG_TRY(run_stage(t, err));
        SG_TRY(stopped_between(sg_train_latents(t, err), err));
        next_stage(t);
        SG_TRY(sg_checkpoint(t, true, err));
    } else if (t->state.stage == SG_STAGE_DIFFUSION) {
        SG_TRY(stopped_between(sg_train_latents(t, err), err));
    }
    if (t->state.stage == SG_STAGE_DIFFUSION) {
        SG_TRY(run_stage(t, err));
        next_stage(t);
        SG_TRY(sg_checkpoint(t, true, err));
    }
    if (!t->o->calibrate)
        return SG_OK;
    SG_TRY(stopped_between(sg_train_calibrate(t, err), err));
    t->state.seconds[SG_STAGE_CALIBRATE] = (double)(sg_clock_mono_ns() - t->part_ns) * 1e-9;
    return SG_OK;
}

static char *keep_json(sg_arena *a, json_t *j)
{
    char *text = j ? sg_json_text(j, JSON_COMPACT) : NULL;
    char *kept = text ? sg_arena_strndup(a, text, strlen(text)) : NULL;
    free(text);
    return kept;
}

/* The last point of a curve that holds `key`. */
static void copy_last(json_t *to, const char *name, const json_t *curve, const char *key)
{
    for (size_t i = json_array_size(curve); i-- > 0;) {
        json_t *v = json_object_get(json_array_get(curve, i), key);
        if (v) {
            json_object_set(to, name, v);
            return;
        }
    }
}

static sg_status gather(sg_trainer *t, sg_train_result *out, sg_err *err)
{
    const sg_train_state *s = &t->state;
    const json_t *vae = json_object_get(s->curves, "vae"), *unet = json_object_get(s->curves, "diffusion");
    copy_last(t->metrics, "reconstruction_accuracy_train", vae, "accuracy");
    copy_last(t->metrics, "reconstruction_accuracy_val", vae, "val_accuracy");
    copy_last(t->metrics, "diffusion_loss_train", unet, "train_loss_ema");
    copy_last(t->metrics, "diffusion_loss_val", unet, "val_loss_ema");
    json_t *training =
        json_pack("{s:o, s:O, s:{s:f, s:f, s:f}}", "options", sg_train_options_json(t->o), "curves", s->curves,
                  "seconds", "vae", s->seconds[0], "diffusion", s->seconds[1], "calibrate", s->seconds[2]);
    *out = (sg_train_result){.plan = t->plan,
                             .vae_w = s->vae.ema,
                             .unet_w = s->unet.ema,
                             .space = t->space,
                             .decoder = t->decoder,
                             .training_json = keep_json(t->a, training),
                             .metrics_json = keep_json(t->a, t->metrics)};
    json_decref(training);
    return out->training_json && out->metrics_json ? SG_OK : sg_arena_full(t->a, "the training record", err);
}

sg_status sg_train_run(const sg_dataset *d, const sg_train_options *o, const char *work_dir, bool resume,
                       const sg_run *run, sg_arena *a, sg_train_result *out, sg_err *err)
{
    *out = (sg_train_result){0};
    sg_trainer t;
    sg_status st = trainer_open(&t, d, o, run, a, err);
    t.work_dir = work_dir;
    if (!st)
        st = begin(&t, resume, err);
    if (!st)
        st = go(&t, err);
    if (!st)
        st = gather(&t, out, err);
    trainer_close(&t);
    return st;
}
