/* options.c - the settings of a training run: one list, three presets, one check. */
#include "train/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { JOINT_MAX = 8192 }; /* the mixing matrix has its square */

static const char *const preset_word[SG_N_PRESET] = {
#define X(name, word) word,
    SG_PRESET_LIST(X)
#undef X
};

const char *sg_preset_name(sg_preset p)
{
    return (unsigned)p < SG_N_PRESET ? preset_word[p] : "?";
}

sg_status sg_preset_parse(const char *word, sg_preset *out, sg_err *err)
{
    for (int i = 0; i < SG_N_PRESET; i++)
        if (!strcmp(word, preset_word[i])) {
            *out = (sg_preset)i;
            return SG_OK;
        }
    return sg_fail(err, SG_FORMAT, "preset \"%s\" is unknown, want small, medium or published", word);
}

const sg_train_key sg_train_keys[] = {
#define I(key, field, small, medium, published, lo, hi, help)                                                          \
    {key, help, SG_TRAIN_INT, offsetof(sg_train_options, field), lo, hi},
#define R(key, field, small, medium, published, lo, hi, help)                                                          \
    {key, help, SG_TRAIN_REAL, offsetof(sg_train_options, field), lo, hi},
#define T(key, field, small, medium, published, help)                                                                  \
    {key, help, SG_TRAIN_TEXT, offsetof(sg_train_options, field), 0, 0},
    SG_TRAIN_OPTIONS(I, R, T)
#undef I
#undef R
#undef T
};
const int sg_train_n_key = sizeof sg_train_keys / sizeof *sg_train_keys;

sg_train_options sg_train_preset(sg_preset p)
{
    sg_train_options o = {.seed = 1, .checkpoint_s = 60};
    const int k = p == SG_PRESET_SMALL ? 0 : p == SG_PRESET_MEDIUM ? 1 : 2;
#define I(key, field, small, medium, published, lo, hi, help) o.field = (const int64_t[]){small, medium, published}[k];
#define R(key, field, small, medium, published, lo, hi, help) o.field = (const double[]){small, medium, published}[k];
#define T(key, field, small, medium, published, help)                                                                  \
    memcpy(o.field, (const char[3][SG_TRAIN_WORD]){small, medium, published}[k], SG_TRAIN_WORD);
    SG_TRAIN_OPTIONS(I, R, T)
#undef I
#undef R
#undef T
    return o;
}

/* The number behind a key; not for texts. */
static double number_at(const sg_train_options *o, const sg_train_key *k)
{
    int64_t whole;
    double real;
    if (k->kind == SG_TRAIN_INT) {
        memcpy(&whole, (const char *)o + k->at, sizeof whole);
        return (double)whole;
    }
    memcpy(&real, (const char *)o + k->at, sizeof real);
    return real;
}

/* "32,64,128" -> list. */
static sg_status parse_list(const char *key, const char *text, int max, int *list, int *n, sg_err *err)
{
    *n = 0;
    for (const char *s = text;;) {
        char *end;
        const long v = strtol(s, &end, 10);
        if (end == s || v < 1 || v > 4096)
            return sg_fail(err, SG_FORMAT, "--%s is \"%s\", want whole numbers from 1 to 4096 between commas", key,
                           text);
        if (*n == max)
            return sg_fail(err, SG_LIMIT, "--%s has more than %d numbers", key, max);
        list[(*n)++] = (int)v;
        if (!*end)
            return SG_OK;
        if (*end != ',')
            return sg_fail(err, SG_FORMAT, "--%s is \"%s\", want whole numbers between commas", key, text);
        s = end + 1;
    }
}

static sg_status check_bounds(const sg_train_options *o, sg_err *err)
{
    for (int i = 0; i < sg_train_n_key; i++) {
        const sg_train_key *k = &sg_train_keys[i];
        const char *at = (const char *)o + k->at;
        if (k->kind == SG_TRAIN_TEXT) {
            if (!memchr(at, 0, SG_TRAIN_WORD))
                return sg_fail(err, SG_LIMIT, "--%s is longer than %d characters", k->name, SG_TRAIN_WORD - 1);
            continue;
        }
        const double v = number_at(o, k);
        if (!(v >= k->min && v <= k->max))
            return sg_fail(err, SG_LIMIT, "--%s is %g, want %g to %g", k->name, v, k->min, k->max);
    }
    if (o->sigma_low > 0 && !(o->sigma_high > o->sigma_low))
        return sg_fail(err, SG_LIMIT, "--sigma-high is %g, want more than --sigma-low, %g", o->sigma_high,
                       o->sigma_low);
    if (!(o->checkpoint_s >= 0))
        return sg_fail(err, SG_LIMIT, "seconds between checkpoints are %g, want 0 or more", o->checkpoint_s);
    return SG_OK;
}

static sg_status plan_networks(const sg_train_options *o, const sg_dataset *d, sg_train_plan *p, sg_err *err)
{
    sg_vae_config *v = &p->vae;
    *v = (sg_vae_config){.n_snp = d->panel.n_snp,
                         .in_proj = (int)o->in_proj,
                         .z_channels = (int)o->z_channels,
                         .n_res = (int)o->vae_res,
                         .mid_attention = o->mid_attention != 0,
                         .kl_weight = o->kl_weight};
    SG_TRY(parse_list("vae-channels", o->vae_channels, SG_VAE_LEVEL_MAX, v->channels, &v->n_level, err));
    sg_unet_config *u = &p->unet;
    *u = (sg_unet_config){.z_channels = (int)o->z_channels,
                          .channels = (int)o->unet_channels,
                          .n_res = (int)o->unet_res,
                          .head_width = (int)o->head_width,
                          .context_dim = (int)o->context_dim,
                          .n_classes = d->n_label,
                          .position = o->position != 0};
    SG_TRY(parse_list("unet-mult", o->unet_mult, SG_UNET_MULT_MAX, u->mult, &u->n_mult, err));
    const int64_t unit = (int64_t)1 << (v->n_level - 1 + u->n_mult - 1);
    v->seq_len = (d->panel.n_snp + unit - 1) / unit * unit;
    SG_TRY(sg_vae_config_check(v, err));
    u->latent_len = sg_vae_latent_len(v);
    SG_TRY(sg_unet_config_check(u, err));
    const int64_t D = u->z_channels * u->latent_len;
    if (o->standardise == 3 && D > JOINT_MAX)
        return sg_fail(err, SG_LIMIT,
                       "--standardise 3 takes up to %d latent numbers per person, these shapes have %lld", JOINT_MAX,
                       (long long)D);
    return SG_OK;
}

int64_t sg_train_epoch_steps(int64_t n_train, int64_t batch)
{
    const int64_t n = (n_train + batch / 2) / batch;
    return n > 0 ? n : 1;
}

/* A few hundred people make short epochs: the networks need steps, not epochs. */
static int64_t enough_epochs(int64_t epochs, int64_t min_steps, int64_t epoch_steps)
{
    const int64_t least = (min_steps + epoch_steps - 1) / epoch_steps;
    return epochs > least ? epochs : least;
}

sg_status sg_train_check(const sg_train_options *o, const sg_dataset *d, sg_train_plan *p, sg_err *err)
{
    *p = (sg_train_plan){0};
    SG_TRY(check_bounds(o, err));
    if (d->panel.n_snp < 1)
        return sg_fail(err, SG_DEGENERATE, "the dataset has no SNP");
    SG_TRY(plan_networks(o, d, p, err));
    p->solve = (sg_solve_options){.steps = (int)o->steps,
                                  .guidance = o->guidance,
                                  .guide_lo = o->guide_lo,
                                  .guide_hi = o->guide_hi > 0 ? o->guide_hi : INFINITY};
    if (p->solve.guide_lo > p->solve.guide_hi)
        return sg_fail(err, SG_LIMIT, "--guide-lo is %g, want at most --guide-hi, %g", o->guide_lo, o->guide_hi);
    SG_TRY(sg_objective_parse(o->objective, &p->solve.objective, err));
    SG_TRY(sg_solver_parse(o->sampler, &p->solve.solver, err));
    p->draw = !strcmp(o->decode, "sample");
    if (!p->draw && strcmp(o->decode, "argmax") != 0)
        return sg_fail(err, SG_FORMAT, "--decode is \"%s\", want sample or argmax", o->decode);
    for (int64_t i = 0; i < d->people.n_sample; i++) {
        p->n_train += d->role[i] == SG_ROLE_TRAIN;
        p->n_val += d->role[i] == SG_ROLE_VAL;
    }
    if (p->n_train < 2)
        return sg_fail(err, SG_DEGENERATE, "the dataset has %lld people to train on, want 2 or more",
                       (long long)p->n_train);
    p->vae_epochs = enough_epochs(o->vae_epochs, o->vae_min_steps, sg_train_epoch_steps(p->n_train, o->vae_batch));
    p->epochs = enough_epochs(o->epochs, o->min_steps, sg_train_epoch_steps(p->n_train, o->batch));
    p->vae_steps = p->vae_epochs * sg_train_epoch_steps(p->n_train, o->vae_batch);
    p->steps = p->epochs * sg_train_epoch_steps(p->n_train, o->batch);
    if (p->vae_steps > INT32_MAX || p->steps > INT32_MAX)
        return sg_fail(err, SG_LIMIT, "%lld and %lld steps, want fewer than 2^31 per stage", (long long)p->vae_steps,
                       (long long)p->steps);
    return SG_OK;
}

json_t *sg_train_options_json(const sg_train_options *o)
{
    json_t *j = json_object();
    json_object_set_new(j, "seed", json_integer((json_int_t)o->seed));
    for (int i = 0; i < sg_train_n_key; i++) {
        const sg_train_key *k = &sg_train_keys[i];
        const char *at = (const char *)o + k->at;
        json_object_set_new(j, k->name,
                            k->kind == SG_TRAIN_TEXT  ? json_string(at)
                            : k->kind == SG_TRAIN_INT ? json_integer((json_int_t)number_at(o, k))
                                                      : json_real(number_at(o, k)));
    }
    return j;
}

static void show_value(const json_t *v, char *out, size_t n)
{
    if (json_is_string(v))
        (void)snprintf(out, n, "%s", json_string_value(v));
    else if (json_is_number(v))
        (void)snprintf(out, n, "%.10g", json_number_value(v));
    else
        (void)snprintf(out, n, "absent");
}

/* The first option in which a checkpoint and this run differ. */
sg_status sg_train_options_agree(const json_t *stored, const sg_train_options *o, sg_err *err)
{
    json_t *mine = sg_train_options_json(o);
    sg_status st = SG_OK;
    const char *key;
    json_t *value;
    json_object_foreach(mine, key, value)
    {
        const json_t *was = json_object_get(stored, key);
        if (!json_equal(was, value)) {
            char a[SG_TRAIN_WORD], b[SG_TRAIN_WORD];
            show_value(was, a, sizeof a);
            show_value(value, b, sizeof b);
            st = sg_fail(err, SG_MISMATCH,
                         "the checkpoint was made with --%s %s, this run asks for %s; give the same options, or remove "
                         "the work folder to start anew",
                         key, a, b);
            break;
        }
    }
    json_decref(mine);
    return st;
}
