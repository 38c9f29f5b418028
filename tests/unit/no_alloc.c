/* no_alloc.c - the sampling loop asks the allocator for nothing: everything it needs lies in its arena before the first step. The
 * linker sends malloc and its like through the counters below (-Wl,--wrap). */
#include "unit.h"

#include "base/rng.h"
#include "diffusion/solver.h"
#include "nn/backend.h"
#include "vae/vae.h"

#include <math.h>
#include <string.h>

enum { B = 16 };

static volatile int64_t calls; /* malloc is declared a leaf: the compiler thinks that it cannot see these */
static volatile bool counting;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

void *__wrap_malloc(size_t n)
{
    calls += counting;
    return __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    calls += counting;
    return __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    calls += counting;
    return __real_realloc(p, n);
}

START_TEST(sampling_and_decoding_allocate_nothing)
{
    static const sg_vae_config vc = {.seq_len = 64,
                                     .n_snp = 61,
                                     .n_level = 3,
                                     .channels = {32, 64, 64},
                                     .in_proj = 32,
                                     .z_channels = 2,
                                     .n_res = 1,
                                     .mid_attention = true,
                                     .kl_weight = 1};
    static const sg_unet_config uc = {.latent_len = 16,
                                      .z_channels = 2,
                                      .channels = 32,
                                      .n_mult = 2,
                                      .mult = {1, 2},
                                      .n_res = 1,
                                      .head_width = 32,
                                      .context_dim = 16,
                                      .n_classes = 2};
    sg_arena a = unit_arena((size_t)1 << 28);
    sg_err err = {0};
    sg_vae *v;
    sg_unet *u;
    sg_schedule s;
    const sg_backend *best = NULL; /* our own kernels: what oneDNN and OpenBLAS do inside is theirs */
    for (int i = 0; sg_backend_list[i] && !best; i++)
        if (sg_backend_list[i]->precision == SG_FLOAT32 && sg_backend_list[i]->usable())
            best = sg_backend_list[i];
    sg_backend_force(best);
    ck_ok(sg_vae_new(&vc, &v, &err), err);
    ck_ok(sg_unet_new(&uc, &u, &err), err);
    const int64_t nv = sg_vae_get_params(v)->n_float, nu = sg_unet_get_params(u)->n_float, D = 32;
    float *w = SG_NEW(&a, float, nv > nu ? nv : nu), *x = SG_NEW(&a, float, B *D),
          *logit = SG_NEW(&a, float, B * 64 * 3);
    sg_vae_init_weights(v, 1, w);
    ck_ok(sg_vae_load(v, w, &err), err);
    sg_unet_init_weights(u, 1, w);
    ck_ok(sg_unet_load(u, w, &err), err);
    sg_schedule_published(&s);
    int8_t label[B];
    for (int i = 0; i < B; i++)
        label[i] = (int8_t)(i % 2);
    for (int k = 0; k < SG_N_SOLVER; k++) {
        const sg_solve_options o = {
            .solver = (sg_solver)k, .steps = 6, .guidance = 3, .guide_hi = INFINITY, .objective = SG_OBJECTIVE_V};
        sg_rng r = sg_rng_stream(1, SG_RNG_TEST, 0, 0);
        sg_rng_fill_normal(&r, x, B * D);
        calls = 0;
        counting = true;
        const sg_status st = sg_solve(u, &s, &o, B, label, NULL, &a, x, &err);
        const sg_status st2 = sg_vae_decode(v, B, x, &a, logit, &err);
        counting = false;
        ck_ok(st, err);
        ck_ok(st2, err);
        ck_assert_msg(calls == 0, "%s: %lld calls of the allocator", sg_solver_name((sg_solver)k), (long long)calls);
    }
    counting = true;
    void *volatile p = malloc(8); /* the counters count */
    free(p);
    counting = false;
    ck_assert_int_eq(calls, 1);
    sg_backend_force(NULL);
    sg_vae_free(v);
    sg_unet_free(u);
    sg_arena_clear(&a);
}
END_TEST

UNIT_MAIN("no_alloc", sampling_and_decoding_allocate_nothing)
