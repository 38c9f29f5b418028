/* train.c - snpgen train: a dataset folder in, a model bundle out. */
#include "base/arena.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "cli/bundle.h"
#include "cli/cli.h"
#include "train/train.h"

#include <stdio.h>
#include <string.h>

enum { TRAIN_OPT_MAX = 60 };

typedef struct train_args {
    const char *data, *out, *key, *id, *preset, *licence, *use;
    bool resume, no_calibrate;
    sg_train_options o;
    const char *text[TRAIN_OPT_MAX]; /* texts of the option list while the command line is read */
} train_args;

/* The preset decides the defaults of all other options, so it is looked for first. */
static sg_status find_preset(int argc, char **argv, const char **word, sg_preset *p, sg_err *err)
{
    *word = "medium";
    for (int i = 1; i < argc; i++) {
        if (!strncmp(argv[i], "--preset=", 9))
            *word = argv[i] + 9;
        else if (!strcmp(argv[i], "--preset") && i + 1 < argc)
            *word = argv[i + 1];
    }
    return sg_preset_parse(*word, p, err);
}

static int list_options(train_args *t, sg_opt *opts)
{
    int n = 0;
    opts[n++] = (sg_opt){"data", SG_OPT_TEXT, &t->data, 0, 0, "DIR", "dataset folder of snpgen prepare", true};
    opts[n++] = (sg_opt){"out", SG_OPT_TEXT, &t->out, 0, 0, "DIR", "model bundle to make (must not exist)", true};
    opts[n++] = (sg_opt){
        "key", SG_OPT_TEXT, &t->key, 0, 0, "FILE", "key that seals the reference people; made when missing", false};
    opts[n++] = (sg_opt){"id", SG_OPT_TEXT, &t->id, 0, 0, "NAME", "the model's name; else that of the folder", false};
    opts[n++] = (sg_opt){"preset", SG_OPT_TEXT, &t->preset, 0, 0, "NAME", "small, medium or published", false};
    opts[n++] = (sg_opt){"resume", SG_OPT_FLAG, &t->resume, 0, 0, NULL, "go on with a stopped or killed run", false};
    opts[n++] = (sg_opt){"no-calibrate", SG_OPT_FLAG, &t->no_calibrate, 0, 0, NULL, "same as --calibrate 0", false};
    opts[n++] = (sg_opt){"checkpoint-seconds",
                         SG_OPT_REAL,
                         &t->o.checkpoint_s,
                         0,
                         1e6,
                         "S",
                         "time between checkpoints; 0 after every step",
                         false};
    opts[n++] = (sg_opt){"licence", SG_OPT_TEXT, &t->licence, 0, 0, "TEXT", "licence, for the model card", false};
    opts[n++] = (sg_opt){"use", SG_OPT_TEXT, &t->use, 0, 0, "TEXT", "intended use, for the model card", false};
    for (int i = 0; i < sg_train_n_key && n < TRAIN_OPT_MAX; i++) {
        const sg_train_key *k = &sg_train_keys[i];
        char *at = (char *)&t->o + k->at;
        t->text[i] = at;
        opts[n++] = k->kind == SG_TRAIN_INT ? (sg_opt){k->name, SG_OPT_INT, at, k->min, k->max, "N", k->help, false}
                    : k->kind == SG_TRAIN_REAL
                        ? (sg_opt){k->name, SG_OPT_REAL, at, k->min, k->max, "X", k->help, false}
                        : (sg_opt){k->name, SG_OPT_TEXT, &t->text[i], 0, 0, "LIST", k->help, false};
    }
    return n;
}

/* Whoever names a number of epochs gets that number: the least number of steps is the preset's care for small data. */
static void respect_epochs(train_args *t)
{
    sg_preset preset = SG_PRESET_MEDIUM;
    if (sg_preset_parse(t->preset, &preset, NULL))
        return;
    const sg_train_options usual = sg_train_preset(preset);
    if (t->o.vae_epochs != usual.vae_epochs && t->o.vae_min_steps == usual.vae_min_steps)
        t->o.vae_min_steps = 0;
    if (t->o.epochs != usual.epochs && t->o.min_steps == usual.min_steps)
        t->o.min_steps = 0;
}

/* Texts go from the command line into the options struct. */
static sg_status take_texts(train_args *t, sg_err *err)
{
    for (int i = 0; i < sg_train_n_key; i++) {
        const sg_train_key *k = &sg_train_keys[i];
        char *at = (char *)&t->o + k->at;
        if (k->kind != SG_TRAIN_TEXT || t->text[i] == at)
            continue;
        const size_t n = strlen(t->text[i]);
        if (n >= SG_TRAIN_WORD)
            return sg_fail(err, SG_LIMIT, "--%s is longer than %d characters", k->name, SG_TRAIN_WORD - 1);
        memset(at, 0, SG_TRAIN_WORD);
        memcpy(at, t->text[i], n);
    }
    if (t->no_calibrate)
        t->o.calibrate = 0;
    return SG_OK;
}

static sg_status make_card(const train_args *t, const sg_dataset *d, const sg_train_result *r, sg_card *card,
                           sg_err *err)
{
    SG_TRY(sg_bundle_card(t->id, t->out, d, card, err));
    (void)snprintf(card->licence, sizeof card->licence, "%s", t->licence ? t->licence : "");
    (void)snprintf(card->intended_use, sizeof card->intended_use, "%s",
                   t->use ? t->use
                          : "Synthetic cohorts for method development, teaching and software tests; not for "
                            "statements about real people.");
    card->vae = r->plan.vae;
    card->unet = r->plan.unet;
    card->sampling = (sg_sampling){r->plan.solve, r->plan.draw ? SG_DECODE_SAMPLE : SG_DECODE_ARGMAX};
    card->training_json = r->training_json;
    card->metrics_json = r->metrics_json;
    return SG_OK;
}

static void say_estimate(const sg_train_plan *p, const sg_train_estimate *e, int threads)
{
    sg_log(
        SG_LOG_INFO,
        "%lld people to train on, %lld to validate; %lld SNPs, latents %d x %lld; about %.0f s (stage one %.0f, stage "
        "two %.0f, calibration %.0f) on %d threads, %.0f MiB of memory",
        (long long)p->n_train, (long long)p->n_val, (long long)p->vae.n_snp, p->unet.z_channels,
        (long long)p->unet.latent_len, e->vae_s + e->diffusion_s + e->calibrate_s, e->vae_s, e->diffusion_s,
        e->calibrate_s, threads, (double)e->bytes / 1048576);
}

static sg_status train(train_args *t, sg_cli *cli, sg_arena *a, sg_err *err)
{
    char work_dir[4096], key_path[4096];
    SG_TRY(take_texts(t, err));
    respect_epochs(t);
    t->o.seed = (uint64_t)cli->seed;
    SG_TRY(sg_bundle_path(t->out, ".train", work_dir, sizeof work_dir, err));
    SG_TRY(sg_bundle_absent(t->out, err));
    sg_dataset d;
    SG_TRY(sg_dataset_load(t->data, a, &d, err));
    sg_train_plan plan;
    SG_TRY(sg_train_check(&t->o, &d, &plan, err));
    sg_card card = {0};
    SG_TRY(sg_bundle_card(t->id, t->out, &d, &card, err)); /* a bad name must not cost a training run */
    uint8_t key[SG_KEY_BYTES];
    SG_TRY(sg_bundle_key(t->key, t->out, key_path, sizeof key_path, key, err));
    sg_train_estimate e;
    SG_TRY(sg_train_measure(&d, &t->o, &cli->run, &e, err));
    say_estimate(&plan, &e, sg_pool_size(cli->run.pool));
    sg_train_result r;
    SG_TRY(sg_train_run(&d, &t->o, work_dir, t->resume, &cli->run, a, &r, err));
    SG_TRY(make_card(t, &d, &r, &card, err));
    SG_TRY(sg_bundle_write(t->out, &card, &d, &r, key, a, err));
    if (cli->json)
        (void)printf("{\"model\":\"%s\",\"metrics\":%s}\n", card.id, r.metrics_json);
    else
        (void)printf("%s: model %s, %lld SNPs, key %s\n", t->out, card.id, (long long)d.panel.n_snp, key_path);
    return sg_dir_remove(work_dir, err);
}

int sg_cmd_train(int argc, char **argv)
{
    static train_args t; /* large, and one per process */
    sg_err err = {0};
    sg_preset preset;
    t = (train_args){0};
    if (find_preset(argc, argv, &t.preset, &preset, &err)) {
        (void)fprintf(stderr, "snpgen train: %s\n", err.msg);
        return SG_EXIT_USAGE;
    }
    t.o = sg_train_preset(preset);
    sg_opt opts[TRAIN_OPT_MAX];
    const int n = list_options(&t, opts);
    sg_cli cli;
    const int code =
        sg_cli_begin(&cli, "train",
                     "--data DIR --out DIR [options]\n\nTrains both networks on a dataset folder and writes "
                     "a model bundle. Defaults below are those of the preset.",
                     opts, n, argc, argv);
    if (code >= 0)
        return code;
    sg_arena a = {0};
    sg_status st = sg_arena_init(&a, (size_t)cli.memory_mib << 20, &err);
    if (!st)
        st = train(&t, &cli, &a, &err);
    sg_arena_clear(&a);
    return sg_cli_end(&cli, st, &err);
}
