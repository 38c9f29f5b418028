/* import.c - snpgen import: a bundle from weights trained with the authors' PyTorch code. */
#include "base/arena.h"
#include "base/file.h"
#include "base/log.h"
#include "cli/bundle.h"
#include "cli/cli.h"
#include "nn/safetensors.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char ema_prefix[] = "model_ema.module.";
enum { CONFIG_MAX = 1 << 20, SHOWN_MAX = 5 };

typedef struct import_args {
    const char *vae, *diffusion, *config, *data, *counted, *key, *id, *out, *licence;
} import_args;

/* config.json --------------------------------------------------------------------------------------------------- */

static sg_status whole(const json_t *j, const char *path, const char *key, int64_t min, int64_t max, int64_t *out,
                       sg_err *err)
{
    const json_t *v = json_object_get(j, key);
    if (!json_is_integer(v) || json_integer_value(v) < min || json_integer_value(v) > max)
        return sg_fail(err, SG_FORMAT, "%s: \"%s\" is %s, want a whole number from %lld to %lld", path, key,
                       v ? "something else" : "missing", (long long)min, (long long)max);
    *out = json_integer_value(v);
    return SG_OK;
}

static sg_status whole_list(const json_t *j, const char *path, const char *key, int max, int *list, int *n, sg_err *err)
{
    const json_t *v = json_object_get(j, key);
    const size_t len = json_array_size(v);
    if (len < 1 || len > (size_t)max)
        return sg_fail(err, SG_FORMAT, "%s: \"%s\" has %zu numbers, want 1 to %d", path, key, len, max);
    for (size_t i = 0; i < len; i++) {
        const json_t *x = json_array_get(v, i);
        if (!json_is_integer(x) || json_integer_value(x) < 1 || json_integer_value(x) > 65536)
            return sg_fail(err, SG_FORMAT, "%s: entry %zu of \"%s\" is not a whole number from 1 to 65536", path, i + 1,
                           key);
        list[i] = (int)json_integer_value(x);
    }
    *n = (int)len;
    return SG_OK;
}

static sg_status read_shapes(const json_t *j, const char *path, const sg_dataset *d, sg_train_plan *p, sg_err *err)
{
    int64_t L = 0, in_proj = 0, z = 0, channels = 0, context = 0, classes = 0;
    SG_TRY(whole(j, path, "seq_len", 1, 1 << 20, &L, err));
    SG_TRY(whole(j, path, "in_proj", 1, 4096, &in_proj, err));
    SG_TRY(whole(j, path, "z_channels", 1, 1024, &z, err));
    SG_TRY(whole(j, path, "unet_channels", 1, 4096, &channels, err));
    SG_TRY(whole(j, path, "context_dim", 1, 4096, &context, err));
    SG_TRY(whole(j, path, "n_classes", 1, SG_LABEL_MAX, &classes, err));
    p->vae = (sg_vae_config){.seq_len = L,
                             .n_snp = d->panel.n_snp,
                             .in_proj = (int)in_proj,
                             .z_channels = (int)z,
                             .n_res = 2,
                             .mid_attention = true,
                             .kl_weight = 1};
    const json_t *kl = json_object_get(j, "kl_weight");
    if (json_is_number(kl))
        p->vae.kl_weight = json_number_value(kl);
    SG_TRY(whole_list(j, path, "vae_channels", SG_VAE_LEVEL_MAX, p->vae.channels, &p->vae.n_level, err));
    if (d->panel.n_snp > L)
        return sg_fail(err, SG_MISMATCH, "the panel has %lld SNPs, %s is for %lld", (long long)d->panel.n_snp, path,
                       (long long)L);
    if (classes != d->n_label)
        return sg_fail(err, SG_MISMATCH, "the dataset has %d labels, %s has n_classes %lld", d->n_label, path,
                       (long long)classes);
    SG_TRY(sg_vae_config_check(&p->vae, err));
    p->unet = (sg_unet_config){.latent_len = sg_vae_latent_len(&p->vae),
                               .z_channels = (int)z,
                               .channels = (int)channels,
                               .n_res = 2,
                               .head_width = 32,
                               .context_dim = (int)context,
                               .n_classes = (int)classes};
    SG_TRY(whole_list(j, path, "unet_mult", SG_UNET_MULT_MAX, p->unet.mult, &p->unet.n_mult, err));
    return sg_unet_config_check(&p->unet, err);
}

static sg_status read_config(const char *path, const sg_dataset *d, sg_train_plan *p, sg_err *err)
{
    sg_buf b;
    SG_TRY(sg_file_read(path, CONFIG_MAX, &b, err));
    json_error_t e;
    json_t *j = json_loadb((const char *)b.data, b.n, JSON_REJECT_DUPLICATES, &e);
    sg_buf_clear(&b);
    sg_status st = json_is_object(j) ? read_shapes(j, path, d, p, err)
                   : j               ? sg_fail(err, SG_FORMAT, "%s is JSON, but no object", path)
                                     : sg_fail(err, SG_FORMAT, "%s line %d: %s", path, e.line, e.text);
    json_decref(j);
    return st;
}

/* Weights -------------------------------------------------------------------------------------------------------- */

/* "conv_in.weight, conv_out.bias and 3 more": the first few of a list of names. */
typedef struct name_list {
    char text[320];
    int n;
} name_list;

static void add_name(name_list *l, const char *name)
{
    const size_t used = strlen(l->text);
    if (l->n++ < SHOWN_MAX && used + strlen(name) + 3 < sizeof l->text)
        (void)snprintf(l->text + used, sizeof l->text - used, "%s%s", used ? ", " : "", name);
}

/* Names under the moving average's prefix are what sampling wants; a file that has any is read through it. */
static const char *prefix_of(const sg_safetensors *s)
{
    for (int64_t i = 0; i < sg_safetensors_count(s); i++)
        if (!strncmp(sg_safetensors_at(s, i)->name, ema_prefix, sizeof ema_prefix - 1))
            return ema_prefix;
    return "";
}

static bool shape_fits(const sg_stored *t, const sg_param *p)
{
    bool same = t->n_dim == p->n_dim;
    for (int i = 0; same && i < p->n_dim; i++)
        same = t->dim[i] == p->dim[i];
    return same;
}

/* A tensor the file has and the network lacks means that the configuration is another. Parts of the authors' training
 * code that sampling does not need (losses, optimiser, discriminator) are let pass. */
static bool of_network(const char *name)
{
    static const char *const part[] = {"encoder.", "decoder.", "diffusion_model.", "conditioner."};
    for (size_t i = 0; i < sizeof part / sizeof *part; i++)
        if (!strncmp(name, part[i], strlen(part[i])))
            return true;
    return false;
}

static sg_status read_weights(const char *path, const sg_safetensors *s, const sg_params *p, float *w, sg_err *err)
{
    const char *prefix = prefix_of(s);
    const size_t n_prefix = strlen(prefix);
    name_list missing = {0}, extra = {0};
    for (int64_t i = 0; i < p->n_param; i++) {
        const sg_param *want = &p->list[i];
        char name[SG_PARAM_NAME + sizeof ema_prefix];
        (void)snprintf(name, sizeof name, "%s%s", prefix, want->name);
        const sg_stored *t = sg_safetensors_find(s, name);
        if (!t && !strncmp(want->name, "loss.", 5)) {
            memset(w + want->at, 0, (size_t)want->n * sizeof *w); /* only training reads it */
            continue;
        }
        if (!t) {
            add_name(&missing, want->name);
            continue;
        }
        if (!shape_fits(t, want))
            return sg_fail(err, SG_MISMATCH,
                           "%s: %s has %d dimensions of %lld, %lld, ... and the configuration wants %d of "
                           "%lld, %lld, ...",
                           path, name, t->n_dim, (long long)t->dim[0], (long long)(t->n_dim > 1 ? t->dim[1] : 1),
                           want->n_dim, (long long)want->dim[0], (long long)(want->n_dim > 1 ? want->dim[1] : 1));
        sg_stored_f32(t, w + want->at);
    }
    for (int64_t i = 0; i < sg_safetensors_count(s); i++) {
        const char *name = sg_safetensors_at(s, i)->name;
        const bool ours = !strncmp(name, prefix, n_prefix);
        if (ours && of_network(name + n_prefix) && !sg_params_find(p, name + n_prefix))
            add_name(&extra, name);
    }
    if (missing.n || extra.n)
        return sg_fail(err, SG_MISMATCH, "%s does not fit the configuration: %d tensors missing%s%s; %d unknown%s%s",
                       path, missing.n, missing.n ? ": " : "", missing.text, extra.n, extra.n ? ": " : "", extra.text);
    return SG_OK;
}

static sg_status load_weights(const char *path, const sg_params *p, sg_arena *a, float **w, sg_err *err)
{
    *w = SG_NEW(a, float, p->n_float);
    if (!*w)
        return sg_arena_full(a, "the weights", err);
    sg_safetensors *s;
    SG_TRY(sg_safetensors_open(path, &s, err));
    const sg_status st = read_weights(path, s, p, *w, err);
    sg_safetensors_free(s);
    return st;
}

static sg_status load_networks(const import_args *i, sg_train_result *r, sg_arena *a, sg_err *err)
{
    sg_vae *v = NULL;
    sg_unet *u = NULL;
    sg_status st = sg_vae_new(&r->plan.vae, &v, err);
    if (!st)
        st = sg_unet_new(&r->plan.unet, &u, err);
    if (!st)
        st = load_weights(i->vae, sg_vae_get_params(v), a, &r->vae_w, err);
    if (!st)
        st = load_weights(i->diffusion, sg_unet_get_params(u), a, &r->unet_w, err);
    if (!st)
        st = sg_vae_load(v, r->vae_w, err); /* refuses NaN and infinity by name */
    if (!st)
        st = sg_unet_load(u, r->unet_w, err);
    sg_vae_free(v);
    sg_unet_free(u);
    return st;
}

/* The dataset -------------------------------------------------------------------------------------------------- */

/* Weights that count the other allele than the dataset: everything that counts is turned round. */
static sg_status count_other(sg_dataset *d, sg_arena *a, sg_err *err)
{
    int8_t *code = SG_NEW(a, int8_t, d->panel.n_snp);
    if (!code)
        return sg_arena_full(a, "one person", err);
    for (int64_t i = 0; i < d->people.n_sample; i++) {
        sg_people_unpack(&d->people, i, code);
        for (int64_t s = 0; s < d->panel.n_snp; s++)
            if (code[s] != SG_MISSING)
                code[s] = (int8_t)(2 - code[s]);
        sg_people_pack(&d->people, i, code);
    }
    for (int64_t s = 0; s < d->panel.n_snp; s++) {
        d->panel.snp[s].freq = 1 - d->panel.snp[s].freq;
        d->panel.snp[s].beta = -d->panel.snp[s].beta;
    }
    d->panel.counted_a2 = !d->panel.counted_a2;
    return SG_OK;
}

static sg_status import(const import_args *i, sg_cli *cli, sg_arena *a, sg_err *err)
{
    if (strcmp(i->counted, "a1") != 0 && strcmp(i->counted, "a2") != 0)
        return sg_fail(err, SG_FORMAT, "--counted is \"%s\", want a1 or a2", i->counted);
    SG_TRY(sg_bundle_absent(i->out, err));
    sg_dataset d;
    SG_TRY(sg_dataset_load(i->data, a, &d, err));
    if (d.panel.counted_a2 != !strcmp(i->counted, "a2"))
        SG_TRY(count_other(&d, a, err));
    sg_train_result r = {0};
    SG_TRY(read_config(i->config, &d, &r.plan, err));
    SG_TRY(load_networks(i, &r, a, err));
    const int64_t D = r.plan.unet.z_channels * r.plan.unet.latent_len;
    float *mean = SG_NEW(a, float, D), *std = SG_NEW(a, float, D);
    if (!mean || !std)
        return sg_arena_full(a, "the latents' scale", err);
    for (int64_t k = 0; k < D; k++)
        std[k] = 1;
    r.space = (sg_latent_space){
        .z = r.plan.unet.z_channels, .T = r.plan.unet.latent_len, .n_label = d.n_label, .mean = mean, .std = std};
    sg_card card;
    SG_TRY(sg_bundle_card(i->id, i->out, &d, &card, err));
    card.vae = r.plan.vae;
    card.unet = r.plan.unet;
    card.sampling = (sg_sampling){
        {.solver = SG_SOLVER_EULER, .steps = 50, .guidance = 5, .guide_hi = INFINITY, .objective = SG_OBJECTIVE_EPS},
        SG_DECODE_ARGMAX};
    (void)snprintf(card.licence, sizeof card.licence, "%s", i->licence ? i->licence : "");
    static char imported[] = "{\"imported\":true}";
    card.training_json = imported;
    uint8_t key[SG_KEY_BYTES];
    char key_path[4096];
    SG_TRY(sg_bundle_key(i->key, i->out, key_path, sizeof key_path, key, err));
    SG_TRY(sg_bundle_write(i->out, &card, &d, &r, key, a, err));
    if (cli->json)
        (void)printf("{\"model\":\"%s\",\"snps\":%lld}\n", card.id, (long long)d.panel.n_snp);
    else
        (void)printf("%s: model %s, %lld SNPs, key %s\n", i->out, card.id, (long long)d.panel.n_snp, key_path);
    return SG_OK;
}

int sg_cmd_import(int argc, char **argv)
{
    import_args i = {.counted = "a1"};
    const sg_opt opts[] = {
        {"vae", SG_OPT_TEXT, &i.vae, 0, 0, "FILE", "VAE weights, safetensors with the authors' names", true},
        {"diffusion", SG_OPT_TEXT, &i.diffusion, 0, 0, "FILE", "diffusion weights, likewise", true},
        {"config", SG_OPT_TEXT, &i.config, 0, 0, "FILE", "shapes: seq_len, vae_channels, ... as JSON", true},
        {"data", SG_OPT_TEXT, &i.data, 0, 0, "DIR", "dataset folder: the panel and the people it was trained on", true},
        {"out", SG_OPT_TEXT, &i.out, 0, 0, "DIR", "model bundle to make (must not exist)", true},
        {"counted", SG_OPT_TEXT, &i.counted, 0, 0, "a1|a2", "allele the weights count; the authors' code counts a2",
         false},
        {"key", SG_OPT_TEXT, &i.key, 0, 0, "FILE", "key that seals the reference people; made when missing", false},
        {"id", SG_OPT_TEXT, &i.id, 0, 0, "NAME", "the model's name; else that of the folder", false},
        {"licence", SG_OPT_TEXT, &i.licence, 0, 0, "TEXT", "licence, for the model card", false},
    };
    sg_cli cli;
    const int code =
        sg_cli_begin(&cli, "import",
                     "--vae FILE --diffusion FILE --config FILE --data DIR --out DIR [options]\n\nMakes a "
                     "bundle from weights trained elsewhere. Sampling: Euler, 50 steps, guidance 5, argmax.",
                     opts, sizeof opts / sizeof *opts, argc, argv);
    if (code >= 0)
        return code;
    sg_err err = {0};
    sg_arena a = {0};
    sg_status st = sg_arena_init(&a, (size_t)cli.memory_mib << 20, &err);
    if (!st)
        st = import(&i, &cli, &a, &err);
    sg_arena_clear(&a);
    return sg_cli_end(&cli, st, &err);
}
