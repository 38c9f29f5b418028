/* bench.c - snpgen bench: what this machine can do at best, and how close the program comes, measured in one run.
 *
 * Networks of the paper's size with made-up weights, or a model's own shapes. Every figure is the best of a few rounds
 * except cohorts, which run once. Rates hold for the threads asked for; the peaks are of one core. */
#include "base/clock.h"
#include "base/rng.h"
#include "cli/cli.h"
#include "geno/distance.h"
#include "model/model.h"
#include "nn/backend.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { PER = 16, WORKER_MAX = 64, FIGURE_MAX = 64, SNP = 2048 };

static const sg_vae_config paper_vae = {.seq_len = SNP,
                                        .n_snp = SNP,
                                        .n_level = 5,
                                        .channels = {32, 64, 64, 128, 128},
                                        .in_proj = 32,
                                        .z_channels = 1,
                                        .n_res = 2,
                                        .mid_attention = true,
                                        .kl_weight = 1};
static const sg_unet_config paper_unet = {.latent_len = 128,
                                          .z_channels = 1,
                                          .channels = 64,
                                          .n_mult = 3,
                                          .mult = {1, 2, 4},
                                          .n_res = 2,
                                          .head_width = 32,
                                          .context_dim = 128,
                                          .n_classes = 2};

typedef enum work { STEP, DECODE, COHORT, TRAIN_UNET, TRAIN_VAE } work;

typedef struct figure {
    char name[64];
    const char *unit, *precision;
    double value, of_peak; /* of_peak: share of the peak, NaN when that means nothing */
} figure;

typedef struct bench {
    sg_cli *cli;
    sg_vae_config vae_config;
    sg_unet_config unet_config;
    sg_vae *vae;
    sg_unet *unet;
    sg_schedule schedule;
    sg_solve_options how;
    work what;
    int n_worker;
    sg_arena lane[WORKER_MAX]; /* each worker's scratch */
    sg_status st[WORKER_MAX];
    sg_err err[WORKER_MAX];
    int8_t *geno, label[PER];
    int32_t level[PER];
    figure figure[FIGURE_MAX];
    int n_figure;
} bench;

static void put(bench *b, const char *name, const char *precision, const char *unit, double value, double of_peak)
{
    if (b->n_figure == FIGURE_MAX)
        return;
    figure *f = &b->figure[b->n_figure++];
    *f = (figure){.unit = unit, .precision = precision, .value = value, .of_peak = of_peak};
    (void)snprintf(f->name, sizeof f->name, "%s", name);
    if (b->cli->json)
        return;
    (void)printf("%-34s %-9s %12.4g %s", f->name, precision, value, unit);
    if (!isnan(of_peak))
        (void)printf("  (%.0f %% of peak)", 100 * of_peak);
    (void)putchar('\n');
    (void)fflush(stdout);
}

static sg_status one_chunk(bench *b, sg_arena *a, uint64_t who, sg_err *err)
{
    const int64_t n = PER * b->unet_config.latent_len * b->unet_config.z_channels;
    const int64_t n_w =
        b->what == TRAIN_UNET ? sg_unet_get_params(b->unet)->n_float : sg_vae_get_params(b->vae)->n_float;
    float *x = SG_NEW_RAW(a, float, n), *c = SG_NEW_RAW(a, float, n), *u = SG_NEW_RAW(a, float, n),
          *logits = SG_NEW_RAW(a, float, PER * b->vae_config.seq_len * 3), *grad = SG_NEW_RAW(a, float, n_w);
    if (!x || !c || !u || !logits || !grad)
        return sg_arena_full(a, "a chunk of people", err);
    sg_rng r = sg_rng_stream(1, SG_RNG_TEST, who, 0);
    sg_rng_fill_normal(&r, x, n);
    double loss;
    sg_vae_loss vl;
    switch (b->what) {
    case STEP:
        return sg_unet_eval_guided(b->unet, PER, x, 500, b->label, a, c, u, err);
    case COHORT:
        SG_TRY(sg_solve(b->unet, &b->schedule, &b->how, PER, b->label, NULL, a, x, err));
        return sg_vae_decode(b->vae, PER, x, a, logits, err);
    case DECODE:
        return sg_vae_decode(b->vae, PER, x, a, logits, err);
    case TRAIN_UNET:
        memcpy(c, x, (size_t)n * sizeof *c);
        return sg_unet_loss_grad(b->unet, &b->schedule, SG_OBJECTIVE_EPS, PER, PER, x, c, b->level, b->label, NULL, a,
                                 &loss, grad, NULL, err);
    default:
        return sg_vae_loss_grad(b->vae, PER, PER, b->geno, x, 1, a, &vl, grad, err);
    }
}

static void item(void *ctx, int64_t i, int worker)
{
    bench *b = ctx;
    sg_arena *a = &b->lane[worker];
    const size_t mark = sg_arena_mark(a);
    if (!b->st[worker] && !sg_cancelled(&b->cli->run))
        b->st[worker] = one_chunk(b, a, (uint64_t)i, &b->err[worker]);
    sg_arena_rewind(a, mark);
}

/* People a second over all workers. */
static sg_status rate(bench *b, work what, int rounds, double *out, sg_err *err)
{
    b->what = what;
    *out = 0;
    for (int k = 0; k < rounds; k++) {
        const int64_t t0 = sg_clock_mono_ns();
        sg_pool_for(b->cli->run.pool, b->n_worker, item, b);
        const double s = (double)(sg_clock_mono_ns() - t0) * 1e-9;
        *out = fmax(*out, (double)(b->n_worker * PER) / s);
        if (sg_cancelled(&b->cli->run))
            return sg_fail(err, SG_CANCELLED, "stopped");
    }
    for (int i = 0; i < b->n_worker; i++)
        if (b->st[i]) {
            *err = b->err[i];
            return b->st[i];
        }
    return SG_OK;
}

static float *made_up(int64_t n)
{
    float *w = malloc((size_t)n * sizeof *w);
    sg_rng r = sg_rng_stream(7, SG_RNG_TEST, 1, 0);
    if (w)
        sg_rng_fill_normal(&r, w, n);
    for (int64_t i = 0; w && i < n; i++)
        w[i] *= 0.03f;
    return w;
}

static sg_status load(bench *b, sg_err *err)
{
    SG_TRY(sg_vae_new(&b->vae_config, &b->vae, err));
    SG_TRY(sg_unet_new(&b->unet_config, &b->unet, err));
    const int64_t nu = sg_unet_get_params(b->unet)->n_float, nv = sg_vae_get_params(b->vae)->n_float;
    float *w = made_up(nu > nv ? nu : nv);
    if (!w)
        return sg_fail(err, SG_NOMEM, "no room for made-up weights");
    sg_status st = sg_vae_load(b->vae, w, err);
    if (!st)
        st = sg_unet_load(b->unet, w, err);
    free(w);
    return st;
}

static void unload(bench *b)
{
    sg_vae_free(b->vae);
    sg_unet_free(b->unet);
    b->vae = NULL;
    b->unet = NULL;
}

/* One kind of layer: `people` of R rows through a map of made-up weights. */
static sg_status layer(bench *b, const char *name, const sg_map *m, int64_t R, double peak, sg_err *err)
{
    const sg_backend *be = sg_backend_chosen();
    const int64_t rows = R * m->stride + (m->n_tap == 3 ? 2 : 0), nx = PER * rows * m->K, ny = PER * R * m->N;
    float *x = made_up(nx), *w = made_up(m->N * m->K * m->n_tap), *y = calloc((size_t)ny, sizeof *y),
          *packed = calloc((size_t)be->packed_floats(m) + 16, sizeof *packed),
          *scratch = calloc((size_t)be->scratch_floats(m, R) + 16, sizeof *scratch);
    const bool fits = x && w && y && packed && scratch && be->pack(m, w, packed);
    double best = 0;
    const double ops = 2.0 * (double)ny * (double)(m->K * m->n_tap);
    for (int k = 0; fits && k < 10; k++) {
        const int64_t t0 = sg_clock_mono_ns();
        be->forward(m, &(sg_map_call){.B = PER,
                                      .R = R,
                                      .x = x,
                                      .x_person = rows * m->K,
                                      .packed = packed,
                                      .y = y,
                                      .y_person = R * m->N,
                                      .scratch = scratch});
        best = fmax(best, ops / (double)(sg_clock_mono_ns() - t0 + 1));
    }
    free(x);
    free(w);
    free(y);
    free(packed);
    free(scratch);
    if (!fits)
        return sg_fail(err, SG_NOMEM, "no room for %s", name);
    put(b, name, sg_precision_name(be->precision), "GFLOP/s a core", best, peak > 0 ? best * 1e9 / peak : NAN);
    return SG_OK;
}

static sg_status layers(bench *b, double peak, sg_err *err)
{
    static const struct {
        const char *name;
        sg_map m;
        int64_t R;
    } list[] = {{"conv3 64 -> 64, 128 rows", {.n_tap = 3, .stride = 1, .K = 64, .N = 64, .rows = 128}, 128},
                {"conv3 128 -> 128, 64 rows", {.n_tap = 3, .stride = 1, .K = 128, .N = 128, .rows = 64}, 64},
                {"conv3 256 -> 256, 32 rows", {.n_tap = 3, .stride = 1, .K = 256, .N = 256, .rows = 32}, 32},
                {"conv3 32 -> 32, 2048 rows", {.n_tap = 3, .stride = 1, .K = 32, .N = 32, .rows = 2048}, 2048},
                {"linear 64 -> 512, 128 rows", {.n_tap = 1, .stride = 1, .K = 64, .N = 512, .rows = 128}, 128},
                {"linear 256 -> 64, 128 rows", {.n_tap = 1, .stride = 1, .K = 256, .N = 64, .rows = 128}, 128},
                {"linear 256 -> 768, 32 rows", {.n_tap = 1, .stride = 1, .K = 256, .N = 768, .rows = 32}, 32}};
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        SG_TRY(layer(b, list[i].name, &list[i].m, list[i].R, peak, err));
    return SG_OK;
}

/* 1.28 GFLOP for a pass of the paper's U-Net, of which a guided step is two. */
static double step_share(const bench *b, double per_second, double peak)
{
    const bool paper = memcmp(&b->unet_config, &paper_unet, sizeof paper_unet) == 0;
    return paper && peak > 0 ? per_second * 2.56e9 / (peak * b->n_worker) : NAN;
}

static sg_status cohorts(bench *b, const char *precision, sg_err *err)
{
    static const struct {
        const char *name;
        sg_solver solver;
        int steps;
    } list[] = {{"euler, 50 guided steps + decode", SG_SOLVER_EULER, 50},
                {"heun, 18 guided steps + decode", SG_SOLVER_HEUN, 18},
                {"dpmpp2m, 15 guided steps + decode", SG_SOLVER_DPMPP2M, 15}};
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        double r;
        b->how = (sg_solve_options){list[i].solver, list[i].steps, 5, 0, INFINITY, SG_OBJECTIVE_EPS};
        SG_TRY(rate(b, COHORT, 1, &r, err));
        put(b, list[i].name, precision, "people/s", r, NAN);
    }
    return SG_OK;
}

static sg_status networks(bench *b, double peak, sg_err *err)
{
    const char *precision = sg_precision_name(sg_backend_chosen()->precision);
    double r;
    SG_TRY(load(b, err));
    SG_TRY(rate(b, STEP, 4, &r, err));
    put(b, "guided step", precision, "people/s", r, step_share(b, r, peak));
    SG_TRY(rate(b, DECODE, 4, &r, err));
    put(b, "decode", precision, "people/s", r, NAN);
    SG_TRY(cohorts(b, precision, err));
    SG_TRY(rate(b, TRAIN_UNET, 3, &r, err));
    put(b, "train U-Net", precision, "people/s", r, NAN);
    SG_TRY(rate(b, TRAIN_VAE, 3, &r, err));
    put(b, "train VAE", precision, "people/s", r, NAN);
    return SG_OK;
}

/* Two nearest of `n_q` among `n_r` made-up people. */
static sg_status pairs(bench *b, const char *name, int64_t n_q, int64_t n_r, sg_err *err)
{
    sg_arena *a = &b->lane[0];
    const size_t mark = sg_arena_mark(a);
    sg_people q, r;
    sg_status st = sg_people_new(n_q, SNP, a, &q, err);
    if (!st)
        st = sg_people_new(n_r, SNP, a, &r, err);
    sg_near *near = st ? NULL : SG_NEW(a, sg_near, n_q);
    if (!st && !near)
        st = sg_arena_full(a, "distances", err);
    double best = 0;
    for (int k = 0; !st && k < 3; k++) {
        const int64_t t0 = sg_clock_mono_ns();
        st = sg_nearest(&q, &r, SG_HAMMING, false, &b->cli->run, a, near, NULL, err);
        best = fmax(best, (double)(n_q * n_r) * 1e9 / (double)(sg_clock_mono_ns() - t0 + 1));
    }
    sg_arena_rewind(a, mark);
    if (!st) {
        put(b, name, sg_distance_kernel_name(), "pairs/s", best, NAN);
        put(b, "  counted", sg_distance_kernel_name(), "Gbit/s", best * SNP * 1e-9, NAN);
    }
    return st;
}

static sg_status precision(bench *b, const char *backend, const char *word, sg_err *err)
{
    SG_TRY(sg_backend_choose(backend, word, err));
    const sg_backend *be = sg_backend_chosen();
    const double peak = sg_peak_ops(be->precision);
    put(b, be->name, word, "GFLOP/s a core, peak", peak * 1e-9, NAN);
    SG_TRY(layers(b, peak, err));
    const sg_status st = networks(b, peak, err);
    unload(b);
    return st;
}

static double high_water_mib(void)
{
    struct rusage u;
    return getrusage(RUSAGE_SELF, &u) == 0 ? (double)u.ru_maxrss / 1024 : NAN;
}

static void print_json(const bench *b)
{
    (void)printf("{\"threads\":%d,\"figures\":[", b->n_worker);
    for (int i = 0; i < b->n_figure; i++) {
        const figure *f = &b->figure[i];
        (void)printf("%s{\"name\":\"%s\",\"precision\":\"%s\",\"unit\":\"%s\",\"value\":%.6g", i ? "," : "", f->name,
                     f->precision, f->unit, f->value);
        if (!isnan(f->of_peak))
            (void)printf(",\"of_peak\":%.4f", f->of_peak);
        (void)putchar('}');
    }
    (void)printf("]}\n");
}

/* The shapes of a model instead of the paper's; its weights change no rate. */
static sg_status shapes_of(const char *path, bench *b, sg_err *err)
{
    sg_model *m = NULL;
    SG_TRY(sg_model_open(path, &m, err));
    b->vae_config = m->card.vae;
    b->unet_config = m->card.unet;
    sg_model_close(m);
    return SG_OK;
}

static sg_status measure(bench *b, const char *backend, const char *word, sg_err *err)
{
    sg_schedule_published(&b->schedule);
    b->geno = calloc((size_t)(PER * b->vae_config.seq_len), 1);
    if (!b->geno)
        return sg_fail(err, SG_NOMEM, "no room for genotypes");
    for (int i = 0; i < b->n_worker; i++) {
        SG_TRY(sg_arena_init(&b->lane[i], (size_t)b->cli->memory_mib << 20, err));
        b->lane[i].keep = SIZE_MAX;
    }
    if (!word || strcmp(word, "float32") == 0)
        SG_TRY(precision(b, backend, "float32", err));
    if (word ? strcmp(word, "float32") != 0 : sg_backend_choose(backend, "bfloat16", NULL) == SG_OK)
        SG_TRY(precision(b, backend, word ? word : "bfloat16", err));
    SG_TRY(pairs(b, "distances within the cache", 64, 512, err));
    SG_TRY(pairs(b, "distances", 2000, 50000, err));
    put(b, "memory high-water", "-", "MiB", high_water_mib(), NAN);
    return SG_OK;
}

int sg_cmd_bench(int argc, char **argv)
{
    const char *model = NULL, *backend = NULL, *word = NULL;
    const sg_opt opts[] = {
        {"model", SG_OPT_TEXT, &model, 0, 0, "DIR", "a model's shapes instead of the paper's", false},
        {"backend", SG_OPT_TEXT, &backend, 0, 0, "NAME", "auto, panels, onednn or openblas; else the fastest", false},
        {"precision", SG_OPT_TEXT, &word, 0, 0, "WORD", "float32 or bfloat16; else every one there is", false},
    };
    static bench b;
    sg_cli cli;
    const int code = sg_cli_begin(&cli, "bench",
                                  "[options]\n\nMeasures this machine's peak and how close the program comes to it. "
                                  "Takes some minutes.",
                                  opts, sizeof opts / sizeof *opts, argc, argv);
    if (code >= 0)
        return code;
    b = (bench){.cli = &cli, .vae_config = paper_vae, .unet_config = paper_unet};
    b.n_worker = cli.threads < WORKER_MAX ? (int)cli.threads : WORKER_MAX;
    for (int i = 0; i < PER; i++)
        b.level[i] = 60 * i;
    sg_err err = {0};
    sg_status st = model ? shapes_of(model, &b, &err) : SG_OK;
    if (!st)
        st = measure(&b, backend, word, &err);
    if (!st && cli.json)
        print_json(&b);
    unload(&b);
    for (int i = 0; i < b.n_worker; i++)
        sg_arena_clear(&b.lane[i]);
    free(b.geno);
    return sg_cli_end(&cli, st, &err);
}
