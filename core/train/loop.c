/* loop.c - the optimiser loop both stages share: epochs, steps, checkpoints, the guard against NaN. */
#include "base/clock.h"
#include "base/log.h"
#include "train/internal.h"

#include <math.h>
#include <string.h>

sg_status sg_checkpoint(sg_trainer *t, bool now, sg_err *err)
{
    const int64_t at = sg_clock_mono_ns();
    if (!now && (double)(at - t->saved_ns) * 1e-9 < t->o->checkpoint_s)
        return SG_OK;
    t->state.seconds[t->state.stage] += (double)(at - t->part_ns) * 1e-9;
    t->part_ns = at;
    const sg_status st = sg_state_save(t->work_dir, t->o, &t->d->digest, &t->state, err);
    t->saved_ns = sg_clock_mono_ns(); /* after the write: a slow disk must not turn training into writing */
    return st;
}

/* The order of people in an epoch depends on seed, stage and epoch alone. */
static void shuffle_epoch(const sg_trainer *t, const sg_stage *s, int64_t *list)
{
    for (int64_t i = 0; i < t->plan.n_train; i++)
        list[i] = i;
    sg_rng r = sg_rng_stream(t->o->seed, SG_RNG_TRAIN_ORDER, (uint64_t)s->id, (uint32_t)t->state.epoch);
    sg_rng_shuffle(&r, list, t->plan.n_train);
}

static sg_status not_finite(const sg_trainer *t, const sg_stage *s, const char *what, double value, sg_err *err)
{
    return sg_fail(err, SG_DEGENERATE,
                   "%s: the %s became %g in epoch %lld of %lld, step %lld; the last checkpoint is kept; try a lower "
                   "--%slr (now %g), a longer --%swarmup or a gradient limit with --%sclip",
                   s->name, what, value, (long long)t->state.epoch + 1, (long long)s->epochs,
                   (long long)t->state.batch + 1, s->id == SG_STAGE_VAE ? "vae-" : "", s->lr,
                   s->id == SG_STAGE_VAE ? "vae-" : "", s->id == SG_STAGE_VAE ? "vae-" : "");
}

static double kl_weight_at(const sg_trainer *t, int64_t step, int64_t n_step)
{
    const double rise = t->o->kl_warmup * (double)n_step;
    const double at = (double)step + 1;
    return t->o->kl_weight * (at < rise ? at / rise : 1);
}

/* The step is whole: from here on a checkpoint is one of after it. */
static sg_status count_step(sg_trainer *t, const double *sum)
{
    sg_train_state *state = &t->state;
    sg_adversary_done(t);
    for (int i = 0; i < SG_CREW_SUMS; i++)
        state->sum[i] += sum[i];
    state->batch++;
    return SG_OK;
}

static sg_status one_step(sg_trainer *t, sg_stage *s, const int64_t *list, int64_t n_step, sg_err *err)
{
    sg_train_state *state = &t->state;
    const int64_t N = t->plan.n_train, b = state->batch;
    const int64_t from = b * N / n_step, to = (b + 1) * N / n_step;
    sg_stage_batch batch = {.t = t,
                            .list = list + from,
                            .n = to - from,
                            .epoch = state->epoch,
                            .kl_weight = kl_weight_at(t, state->epoch * n_step + b, n_step)};
    double sum[SG_CREW_SUMS] = {0};
    bool taken = false;
    if (s->turn)
        SG_TRY(s->turn(t, s, &batch, n_step, &taken, sum, err));
    if (taken)
        return count_step(t, sum);
    SG_TRY(sg_crew_go(s->crew, batch.n, s->chunk, &batch, true, sum, err));
    const double loss = s->loss(sum) / (double)batch.n;
    if (!isfinite(loss))
        return not_finite(t, s, "loss", loss, err);
    if (s->combine)
        s->combine(t, s->crew->grad[0]);
    const double lr =
        sg_learning_rate(s->lr, state->epoch * n_step + b, s->warmup * (double)n_step, s->epochs * n_step, s->cosine);
    const double norm =
        sg_fit_step(s->fit, t->run, &(sg_step_options){lr, s->weight_decay, s->clip, s->ema}, s->crew->grad[0]);
    if (!isfinite(norm))
        return not_finite(t, s, "length of the gradient", norm, err);
    const sg_status st = s->load(t, s->fit->w, err);
    if (st == SG_LIMIT)
        return not_finite(t, s, "weights", NAN, err);
    if (st)
        return st;
    return count_step(t, sum);
}

/* Losses of this epoch with the weights as they were, then validation with the moving average. */
static sg_status end_epoch(sg_trainer *t, sg_stage *s, int64_t n_step, sg_err *err)
{
    sg_train_state *state = &t->state;
    json_t *point = json_object();
    json_object_set_new(point, "epoch", json_integer((json_int_t)state->epoch + 1));
    json_object_set_new(point, "loss",
                        json_real(s->loss(state->sum) / (s->people ? s->people(state->sum) : (double)t->plan.n_train)));
    sg_status st = s->load(t, s->fit->ema, err);
    if (!st)
        st = s->epoch_end(t, s, point, n_step, err);
    if (!st)
        st = s->load(t, s->fit->w, err);
    if (st) {
        json_decref(point);
        return st;
    }
    json_array_append_new(json_object_get(state->curves, s->name), point);
    state->epoch++;
    state->batch = 0;
    memset(state->sum, 0, sizeof state->sum);
    return SG_OK;
}

static sg_status run_epochs(sg_trainer *t, sg_stage *s, int64_t *list, sg_err *err)
{
    sg_train_state *state = &t->state;
    const int64_t n_step = sg_train_epoch_steps(t->plan.n_train, s->batch);
    const int64_t total = s->epochs * n_step, begun = state->epoch * n_step + state->batch;
    for (; state->epoch < s->epochs;) {
        shuffle_epoch(t, s, list);
        while (state->batch < n_step) {
            if (sg_cancelled(t->run))
                return sg_fail(err, SG_CANCELLED, "stopped");
            SG_TRY(sg_checkpoint(t, false, err));
            SG_TRY(one_step(t, s, list, n_step, err));
            sg_report(t->run, s->name, state->epoch * n_step + state->batch - begun, total - begun);
        }
        SG_TRY(end_epoch(t, s, n_step, err));
    }
    return SG_OK;
}

sg_status sg_stage_go(sg_trainer *t, sg_stage *s, sg_err *err)
{
    const size_t mark = sg_arena_mark(t->a);
    int64_t *list = SG_NEW(t->a, int64_t, t->plan.n_train);
    sg_status st = list ? s->load(t, s->fit->w, err) : sg_arena_full(t->a, "the order of people", err);
    if (!st)
        st = run_epochs(t, s, list, err);
    sg_arena_rewind(t->a, mark);
    if (st != SG_CANCELLED)
        return st;
    sg_err saving = {0};
    const long long epoch = (long long)t->state.epoch + 1;
    if (sg_checkpoint(t, true, &saving))
        return sg_fail(err, saving.status, "stopped in epoch %lld of the stage %s, and %s", epoch, s->name, saving.msg);
    return sg_fail(err, SG_CANCELLED, "stopped in epoch %lld of %lld of the stage %s; --resume goes on from there",
                   epoch, (long long)s->epochs, s->name);
}
