/* bench_networks.c - people per second at the paper's size: one guided step, decoding, 50 steps and decoding together,
 * and training steps; chunks of people over a pool. bench_networks [threads] [people per chunk] [chunks] [backend] [how many of them] [SNPs].
 * The second figure counts processor seconds: it holds on a machine that is busy with other things. */
#include "base/clock.h"
#include "base/rng.h"
#include "diffusion/solver.h"
#include "nn/backend.h"
#include "nn/vec.h"
#include "vae/vae.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static sg_vae_config vae_config = {.seq_len = 2048,
                                         .n_snp = 2048,
                                         .n_level = 5,
                                         .channels = {32, 64, 64, 128, 128},
                                         .in_proj = 32,
                                         .z_channels = 1,
                                         .n_res = 2,
                                         .mid_attention = true,
                                         .kl_weight = 1};
static sg_unet_config unet_config = {.latent_len = 128,
                                           .z_channels = 1,
                                           .channels = 64,
                                           .n_mult = 3,
                                           .mult = {1, 2, 4},
                                           .n_res = 2,
                                           .head_width = 32,
                                           .context_dim = 128,
                                           .n_classes = 2};

enum { THREAD_MAX = 64 };
static int64_t T = 128, L = 2048; /* latent positions, SNPs */

typedef struct bench {
    sg_vae *vae;
    sg_unet *unet;
    sg_schedule s;
    int64_t B;
    sg_arena arena[THREAD_MAX];
    float *x, *cond, *uncond, *logits; /* [threads, ...] scratch of each worker */
    float *grad_unet[THREAD_MAX], *grad_vae[THREAD_MAX];
    int8_t *label, *geno;
    int32_t *idx;
    int what;
} bench;

static void must(sg_status st, const sg_err *err)
{
    if (st) {
        (void)fprintf(stderr, "%s\n", err->msg);
        exit(1);
    }
}

enum { STEP, DECODE, COHORT, TRAIN_UNET, TRAIN_VAE, N_WHAT };

static void item(void *ctx, int64_t i, int worker)
{
    (void)i;
    bench *b = ctx;
    sg_err err = {0};
    sg_arena *a = &b->arena[worker];
    const int64_t n = b->B * T;
    float *x = b->x + worker * n, *c = b->cond + worker * n, *u = b->uncond + worker * n,
          *logits = b->logits + worker * b->B * L * 3;
    const sg_solve_options o = {SG_SOLVER_EULER, 50, 5, 0, INFINITY, SG_OBJECTIVE_EPS};
    double loss;
    sg_vae_loss vl;
    switch (b->what) {
    case STEP:
        must(sg_unet_eval_guided(b->unet, b->B, x, 500, b->label, a, c, u, &err), &err);
        break;
    case DECODE:
        must(sg_vae_decode(b->vae, b->B, x, a, logits, &err), &err);
        break;
    case COHORT: {
        sg_rng r = sg_rng_stream(1, SG_RNG_TEST, (uint64_t)worker, 0);
        sg_rng_fill_normal(&r, x, n);
        must(sg_solve(b->unet, &b->s, &o, b->B, b->label, NULL, a, x, &err), &err);
        must(sg_vae_decode(b->vae, b->B, x, a, logits, &err), &err);
        break;
    }
    case TRAIN_UNET:
        must(sg_unet_loss_grad(b->unet, &b->s, SG_OBJECTIVE_EPS, b->B, b->B, x, c, b->idx, b->label, NULL, a, &loss,
                               b->grad_unet[worker], NULL, &err),
             &err);
        break;
    default:
        must(sg_vae_loss_grad(b->vae, b->B, b->B, b->geno, c, 1, a, &vl, b->grad_vae[worker], &err), &err);
    }
}

/* *per_cpu: people per processor second. */
static double people_per_second(bench *b, int what, sg_pool *pool, int64_t chunks, double *per_cpu)
{
    b->what = what;
    double best = 0;
    for (int k = 0; k < (what == COHORT ? 1 : 4); k++) {
        const int64_t t0 = sg_clock_mono_ns();
        const clock_t c0 = clock();
        sg_pool_for(pool, chunks, item, b);
        *per_cpu = fmax(*per_cpu, (double)(chunks * b->B) * CLOCKS_PER_SEC / (double)(clock() - c0 + 1));
        const double s = (double)(sg_clock_mono_ns() - t0) * 1e-9;
        best = fmax(best, (double)(chunks * b->B) / s);
    }
    return best;
}

static float *normal(int64_t n, uint64_t who)
{
    float *x = malloc((size_t)n * sizeof *x);
    sg_rng r = sg_rng_stream(7, SG_RNG_TEST, who, 0);
    sg_rng_fill_normal(&r, x, n);
    return x;
}

static size_t largest(const bench *b)
{
    const size_t need[4] = {sg_solve_bytes(b->unet, b->B), sg_unet_train_bytes(b->unet, b->B),
                            sg_vae_train_bytes(b->vae, b->B), sg_vae_infer_bytes(b->vae, b->B)};
    size_t top = 0;
    for (int i = 0; i < 4; i++)
        top = need[i] > top ? need[i] : top;
    return top;
}

int main(int argc, char **argv)
{
    if (argc > 6) {
        L = vae_config.seq_len = vae_config.n_snp = atoi(argv[6]);
        T = unet_config.latent_len = L / 16;
    }
    const int threads = argc > 1 ? atoi(argv[1]) : 1;
    const int64_t per = argc > 2 ? atoi(argv[2]) : 8, chunks = (argc > 3 ? atoi(argv[3]) : 1) * (int64_t)threads;
    static bench b;
    sg_err err = {0};
    for (int i = 0; argc > 4 && sg_backend_list[i]; i++)
        if (strcmp(argv[4], sg_backend_list[i]->name) == 0)
            sg_backend_force(sg_backend_list[i]);
    b.B = per;
    must(sg_vae_new(&vae_config, &b.vae, &err), &err);
    must(sg_unet_new(&unet_config, &b.unet, &err), &err);
    sg_schedule_published(&b.s);
    const int64_t nu = sg_unet_get_params(b.unet)->n_float, nv = sg_vae_get_params(b.vae)->n_float;
    float *w = normal(nu > nv ? nu : nv, 1);
    for (int64_t i = 0; i < (nu > nv ? nu : nv); i++)
        w[i] *= 0.03f;
    const int64_t t0 = sg_clock_mono_ns();
    must(sg_vae_load(b.vae, w, &err), &err);
    must(sg_unet_load(b.unet, w, &err), &err);
    printf("load %.1f ms, %.1f M + %.1f M weights; %s, %s\n", (double)(sg_clock_mono_ns() - t0) * 1e-6,
           (double)nu * 1e-6, (double)nv * 1e-6, sg_backend_chosen()->name, sg_vec_chosen()->name);
    printf("MiB for %lld people: sampling %zu, decoding %zu, U-Net training %zu, VAE training %zu\n", (long long)per,
           sg_solve_bytes(b.unet, per) >> 20, sg_vae_infer_bytes(b.vae, per) >> 20,
           sg_unet_train_bytes(b.unet, per) >> 20, sg_vae_train_bytes(b.vae, per) >> 20);
    b.x = normal(threads * per * T, 2);
    b.cond = normal(threads * per * T, 3);
    b.uncond = normal(threads * per * T, 4);
    b.logits = normal(threads * per * L * 3, 5);
    b.label = calloc((size_t)per, 1);
    b.geno = calloc((size_t)(per * L), 1);
    b.idx = calloc((size_t)per, sizeof *b.idx);
    for (int64_t i = 0; i < per * L; i++)
        b.geno[i] = (int8_t)(i * 7 % 3);
    for (int i = 0; i < threads && i < THREAD_MAX; i++) {
        must(sg_arena_init(&b.arena[i], largest(&b), &err), &err);
        b.arena[i].keep = SIZE_MAX; /* as the sampler and the trainer have it */
        b.grad_unet[i] = calloc((size_t)nu, sizeof(float));
        b.grad_vae[i] = calloc((size_t)nv, sizeof(float));
    }
    sg_pool *pool = NULL;
    must(sg_pool_new(threads, &pool, &err), &err);
    static const char *const name[N_WHAT] = {"guided step", "decode", "50 guided steps + decode", "train U-Net",
                                             "train VAE"};
    static const int order[N_WHAT] = {STEP, DECODE, TRAIN_UNET, TRAIN_VAE, COHORT};
    setbuf(stdout, NULL);
    for (int k = 0; k < (argc > 5 ? atoi(argv[5]) : N_WHAT); k++) {
        double per_cpu = 0, rate = people_per_second(&b, order[k], pool, chunks, &per_cpu);
        printf("%d threads, %lld people a chunk: %-25s %7.2f people/s, %7.2f per processor second\n", threads,
               (long long)per, name[order[k]], rate, per_cpu);
    }
    sg_pool_free(pool);
    for (int i = 0; i < threads && i < THREAD_MAX; i++) {
        sg_arena_clear(&b.arena[i]);
        free(b.grad_unet[i]);
        free(b.grad_vae[i]);
    }
    sg_unet_free(b.unet);
    sg_vae_free(b.vae);
    free(w);
    free(b.x);
    free(b.cond);
    free(b.uncond);
    free(b.logits);
    free(b.label);
    free(b.geno);
    free(b.idx);
    return 0;
}
