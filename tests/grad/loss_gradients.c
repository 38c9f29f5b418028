/* loss_gradients.c - the two training losses against differences along random directions: what the vectors do not cover
 * (padding, person weights, v-prediction, KL weight, chunks), and that a person does not depend on its batch. */
#include "base/rng.h"
#include "base/run.h"
#include "diffusion/solver.h"
#include "vae/vae.h"

#include <check.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { B = 3, L = 32, N_SNP = 27, Z = 2, T = 16 };

static const sg_vae_config vae_config = {.seq_len = L,
                                         .n_snp = N_SNP,
                                         .n_level = 2,
                                         .channels = {32, 64},
                                         .in_proj = 32,
                                         .z_channels = Z,
                                         .n_res = 1,
                                         .mid_attention = true,
                                         .kl_weight = 1};
static const sg_unet_config unet_config = {.latent_len = T,
                                           .z_channels = Z,
                                           .channels = 32,
                                           .n_mult = 2,
                                           .mult = {1, 2},
                                           .n_res = 1,
                                           .head_width = 32,
                                           .context_dim = 16,
                                           .n_classes = 3};

static sg_vae *vae;
static sg_unet *unet, *placed; /* placed: with positions */
static sg_schedule schedule;
static sg_arena arena;
static float *w, *direction, *grad;
static int8_t geno[B * L];
static float eps[B * Z * T], z0[B * Z * T];
static const int32_t idx[B] = {3, 500, 980};
static const int8_t label[B] = {2, SG_UNCONDITIONAL, 0};
static const float weight[B] = {1.0f, 0.25f, 3.0f};

static void fill(float *x, int64_t n, uint64_t who)
{
    sg_rng r = sg_rng_stream(5, SG_RNG_TEST, who, 0);
    sg_rng_fill_normal(&r, x, n);
}

static void setup(void)
{
    sg_err err = {0};
    ck_assert_msg(sg_vae_new(&vae_config, &vae, &err) == SG_OK, "%s", err.msg);
    ck_assert_msg(sg_unet_new(&unet_config, &unet, &err) == SG_OK, "%s", err.msg);
    sg_unet_config c = unet_config;
    c.position = true;
    ck_assert_msg(sg_unet_new(&c, &placed, &err) == SG_OK, "%s", err.msg);
    ck_assert(sg_arena_init(&arena, (size_t)1 << 30, &err) == SG_OK);
    sg_schedule_published(&schedule);
    const int64_t a = sg_vae_get_params(vae)->n_float, b = sg_unet_get_params(placed)->n_float, n = a > b ? a : b;
    w = calloc((size_t)n, sizeof *w);
    grad = calloc((size_t)n, sizeof *grad);
    direction = calloc((size_t)n, sizeof *direction);
    for (int i = 0; i < B * L; i++)
        geno[i] = (int8_t)(i % L < N_SNP ? i * 5 % 3 : 0);
    fill(eps, B * Z * T, 1);
    fill(z0, B * Z * T, 2);
}

static void teardown(void)
{
    sg_vae_free(vae);
    sg_unet_free(unet);
    sg_unet_free(placed);
    sg_arena_clear(&arena);
    free(w);
    free(grad);
    free(direction);
}

static void random_weights(const sg_params *p)
{
    for (int64_t i = 0; i < p->n_param; i++) {
        const sg_param *q = &p->list[i];
        const float scale = q->n_dim > 1 ? 1.0f / sqrtf((float)(q->n / q->dim[0])) : 0.2f;
        fill(w + q->at, q->n, 100 + (uint64_t)i);
        for (int64_t k = 0; k < q->n; k++)
            w[q->at + k] = w[q->at + k] * scale + (strstr(q->name, "norm") && q->n_dim == 1 ? 0.8f : 0.0f);
    }
}

static double vae_loss(bool with_grad, sg_vae_loss *out)
{
    sg_err err = {0};
    ck_assert_msg(sg_vae_load(vae, w, &err) == SG_OK, "%s", err.msg);
    ck_assert_msg(sg_vae_loss_grad(vae, B, 8, geno, eps, 0.3, &arena, out, with_grad ? grad : NULL, &err) == SG_OK,
                  "%s", err.msg);
    return out->total / 8;
}

static double unet_loss(bool with_grad, sg_objective o)
{
    sg_err err = {0};
    double loss;
    ck_assert_msg(sg_unet_load(unet, w, &err) == SG_OK, "%s", err.msg);
    ck_assert_msg(sg_unet_loss_grad(unet, &schedule, o, B, 8, z0, eps, idx, label, weight, &arena, &loss,
                                    with_grad ? grad : NULL, NULL, &err) == SG_OK,
                  "%s", err.msg);
    return loss;
}

static double vae_again(void)
{
    sg_vae_loss l;
    return vae_loss(false, &l);
}

static double unet_eps(void)
{
    return unet_loss(false, SG_OBJECTIVE_EPS);
}

static double unet_v(void)
{
    return unet_loss(false, SG_OBJECTIVE_V);
}

/* Along each tensor's own gradient: the difference quotient must be the gradient's squared norm. */
static void compare(const sg_params *p, double (*loss)(void))
{
    double top = 0;
    for (int64_t i = 0; i < p->n_param; i++)
        for (int64_t k = 0; k < p->list[i].n; k++)
            top = fmax(top, fabs((double)grad[p->list[i].at + k]));
    for (int64_t i = 0; i < p->n_param; i++) {
        const sg_param *q = &p->list[i];
        double norm = 0, want = 0;
        for (int64_t k = 0; k < q->n; k++)
            norm += (double)grad[q->at + k] * grad[q->at + k];
        norm = sqrt(norm);
        if (norm < 3e-3 * top)
            continue; /* smaller than what the difference of two float losses shows */
        const double h = 1e-2;
        float *old = malloc((size_t)q->n * sizeof *old);
        memcpy(old, w + q->at, (size_t)q->n * sizeof *old);
        double f[2];
        for (int side = 0; side < 2; side++) {
            want = 0;
            for (int64_t k = 0; k < q->n; k++) {
                const double d = grad[q->at + k] / norm;
                w[q->at + k] = (float)(old[k] + (side ? h : -h) * d);
                want += d * grad[q->at + k];
            }
            f[side] = loss();
        }
        memcpy(w + q->at, old, (size_t)q->n * sizeof *old);
        free(old);
        const double have = (f[1] - f[0]) / (2 * h);
        ck_assert_msg(fabs(have - want) <= 0.01 * want + 2e-3 * top, "%s: slope %.6g, gradient says %.6g", q->name,
                      have, want);
    }
}

START_TEST(vae_gradient_with_padding_and_a_kl_weight_of_its_own)
{
    const sg_params *p = sg_vae_get_params(vae);
    random_weights(p);
    sg_vae_loss l;
    (void)vae_loss(true, &l);
    compare(p, vae_again);
    ck_assert_double_eq_tol(l.total, l.nll + 0.3 * l.kl, 1e-9 * fabs(l.total));
    ck_assert_double_eq_tol(l.nll, l.ce * exp(-l.s) + l.s * B * N_SNP, 1e-9 * fabs(l.nll));
}
END_TEST

START_TEST(padding_weighs_nothing_in_the_vae_loss)
{
    random_weights(sg_vae_get_params(vae));
    sg_vae_loss a, b;
    (void)vae_loss(false, &a);
    w[sg_params_find(sg_vae_get_params(vae), "loss.logvar")->at] += 1.0f;
    (void)vae_loss(false, &b);
    ck_assert_double_eq_tol(a.ce, b.ce, 1e-9);
    ck_assert_double_eq_tol(b.s - a.s, 1.0, 1e-6);
    ck_assert_int_le(a.n_right, B * N_SNP);
}
END_TEST

START_TEST(unet_gradient_of_both_objectives_with_person_weights)
{
    const sg_params *p = sg_unet_get_params(unet);
    random_weights(p);
    (void)unet_loss(true, SG_OBJECTIVE_EPS);
    compare(p, unet_eps);
    memset(grad, 0, (size_t)p->n_float * sizeof *grad);
    (void)unet_loss(true, SG_OBJECTIVE_V);
    compare(p, unet_v);
}
END_TEST

static double placed_v(void)
{
    sg_unet *old = unet;
    unet = placed;
    const double loss = unet_loss(false, SG_OBJECTIVE_V);
    unet = old;
    return loss;
}

START_TEST(unet_gradient_with_a_vector_per_position)
{
    const sg_params *p = sg_unet_get_params(placed), *plain = sg_unet_get_params(unet);
    const sg_param *first = sg_params_find(p, "snpgen.position.0"), *second = sg_params_find(p, "snpgen.position.1");
    ck_assert(first && second);
    ck_assert_int_eq(first->n, T * 32);
    ck_assert_int_eq(second->n, T / 2 * 32);
    ck_assert_int_eq(p->n_float, plain->n_float + first->n + second->n);
    ck_assert_ptr_null(sg_params_find(plain, "snpgen.position.0"));
    random_weights(p);
    sg_unet *old = unet;
    unet = placed;
    (void)unet_loss(true, SG_OBJECTIVE_V);
    unet = old;
    compare(p, placed_v);
}
END_TEST

START_TEST(both_objectives_describe_the_same_denoised_latent)
{
    /* If the network answers v, then eps = c (sigma x c + v) ... checked on numbers: x = z0 + sigma n. */
    for (int i = 0; i < SG_N_SIGMA; i += 111) {
        const double sigma = schedule.sigma[i], c = 1 / sqrt(sigma * sigma + 1), z = 0.7, n = -1.3, x = z + sigma * n;
        const double v = (n - sigma * z) * c;
        ck_assert_double_eq_tol((x - sigma * sqrt(1 + sigma * sigma) * v) / (1 + sigma * sigma), z, 1e-9);
    }
}
END_TEST

START_TEST(chunks_of_a_batch_add_up)
{
    const sg_params *p = sg_unet_get_params(unet);
    random_weights(p);
    const double whole = unet_loss(true, SG_OBJECTIVE_EPS);
    float *g = calloc((size_t)p->n_float, sizeof *g);
    double sum = 0, part;
    sg_err err = {0};
    for (int b = 0; b < B; b++) {
        ck_assert(sg_unet_loss_grad(unet, &schedule, SG_OBJECTIVE_EPS, 1, 8, z0 + b * Z * T, eps + b * Z * T, idx + b,
                                    label + b, weight + b, &arena, &part, g, NULL, &err) == SG_OK);
        sum += part;
    }
    ck_assert_double_eq_tol(sum, whole, 1e-6 * whole);
    double d = 0, n = 0;
    for (int64_t i = 0; i < p->n_float; i++) {
        d += pow((double)g[i] - grad[i], 2);
        n += pow((double)grad[i], 2);
    }
    ck_assert_double_lt(sqrt(d / n), 1e-5);
    free(g);
}
END_TEST

START_TEST(a_person_comes_out_bit_for_bit_the_same_in_any_batch)
{
    random_weights(sg_unet_get_params(unet));
    sg_err err = {0};
    ck_assert(sg_unet_load(unet, w, &err) == SG_OK);
    enum { N = 9 };
    static float x[N * Z * T], cond[N * Z * T], uncond[N * Z * T], one[Z * T], two[Z * T], both[N * Z * T];
    int8_t l[N];
    int32_t t[N];
    fill(x, N * Z * T, 3);
    for (int i = 0; i < N; i++) {
        l[i] = (int8_t)(i % 3);
        t[i] = 77;
    }
    ck_assert(sg_unet_eval_guided(unet, N, x, 77, l, &arena, cond, uncond, &err) == SG_OK);
    ck_assert(sg_unet_eval(unet, N, x, t, l, &arena, both, &err) == SG_OK);
    ck_assert_mem_eq(both, cond, sizeof both); /* the shortcut of the guided pair changes nothing */
    for (int i = 0; i < N; i++) {
        ck_assert(sg_unet_eval_guided(unet, 1, x + i * Z * T, 77, l + i, &arena, one, two, &err) == SG_OK);
        ck_assert_mem_eq(one, cond + i * Z * T, sizeof one);
        ck_assert_mem_eq(two, uncond + i * Z * T, sizeof two);
        ck_assert(sg_unet_eval_guided(unet, 1, x + i * Z * T, 77, l + i, &arena, one, NULL, &err) == SG_OK);
        ck_assert_mem_eq(one, cond + i * Z * T, sizeof one);
    }
    random_weights(sg_vae_get_params(vae));
    ck_assert(sg_vae_load(vae, w, &err) == SG_OK);
    static float logits[N * L * 3], alone[L * 3];
    ck_assert(sg_vae_decode(vae, N, x, &arena, logits, &err) == SG_OK);
    for (int i = 0; i < N; i++) {
        ck_assert(sg_vae_decode(vae, 1, x + i * Z * T, &arena, alone, &err) == SG_OK);
        ck_assert_mem_eq(alone, logits + i * L * 3, sizeof alone);
    }
}
END_TEST

enum { N_PERSON = 12, N_THREAD = 3 };

typedef struct crowd {
    sg_arena arena[N_THREAD];
    float x[N_PERSON * Z * T], out[N_PERSON * Z * T], logits[N_PERSON * L * 3];
} crowd;

static void one_person(void *ctx, int64_t i, int worker)
{
    crowd *c = ctx;
    const int8_t k = (int8_t)(i % 3);
    sg_err err = {0};
    ck_assert(sg_unet_eval_guided(unet, 1, c->x + i * Z * T, 9, &k, &c->arena[worker], c->out + i * Z * T, NULL,
                                  &err) == SG_OK);
    ck_assert(sg_vae_decode(vae, 1, c->out + i * Z * T, &c->arena[worker], c->logits + i * L * 3, &err) == SG_OK);
}

START_TEST(three_threads_give_the_bytes_of_one)
{
    sg_err err = {0};
    random_weights(sg_unet_get_params(unet));
    ck_assert(sg_unet_load(unet, w, &err) == SG_OK);
    random_weights(sg_vae_get_params(vae));
    ck_assert(sg_vae_load(vae, w, &err) == SG_OK);
    static crowd one, three;
    sg_pool *pool = NULL;
    ck_assert(sg_pool_new(N_THREAD, &pool, &err) == SG_OK);
    for (int i = 0; i < N_THREAD; i++) {
        ck_assert(sg_arena_init(&one.arena[i], (size_t)1 << 26, &err) == SG_OK);
        ck_assert(sg_arena_init(&three.arena[i], (size_t)1 << 26, &err) == SG_OK);
    }
    fill(one.x, N_PERSON * Z * T, 8);
    memcpy(three.x, one.x, sizeof one.x);
    sg_pool_for(NULL, N_PERSON, one_person, &one);
    sg_pool_for(pool, N_PERSON, one_person, &three);
    ck_assert_mem_eq(one.out, three.out, sizeof one.out);
    ck_assert_mem_eq(one.logits, three.logits, sizeof one.logits);
    for (int i = 0; i < N_THREAD; i++) {
        sg_arena_clear(&one.arena[i]);
        sg_arena_clear(&three.arena[i]);
    }
    sg_pool_free(pool);
}
END_TEST

/* Relative distance of two solutions from the same noise. */
static double solver_distance(const float *x, const float *ref)
{
    double off = 0, norm = 0;
    for (int i = 0; i < Z * T; i++) {
        off += pow((double)x[i] - ref[i], 2);
        norm += pow((double)ref[i], 2);
    }
    return sqrt(off / norm);
}

START_TEST(second_order_solvers_beat_euler_and_all_agree_in_the_limit)
{
    random_weights(sg_unet_get_params(unet));
    sg_err err = {0};
    ck_assert(sg_unet_load(unet, w, &err) == SG_OK);
    static float x[4][Z * T];
    const sg_solve_options o[4] = {{SG_SOLVER_HEUN, 500, 1.5, 0, INFINITY, SG_OBJECTIVE_V},
                                   {SG_SOLVER_EULER, 50, 1.5, 0, INFINITY, SG_OBJECTIVE_V},
                                   {SG_SOLVER_HEUN, 50, 1.5, 0, INFINITY, SG_OBJECTIVE_V},
                                   {SG_SOLVER_DPMPP2M, 50, 1.5, 0, INFINITY, SG_OBJECTIVE_V}};
    for (int k = 0; k < 4; k++) {
        fill(x[k], Z * T, 4);
        const size_t bytes = sg_solve_bytes(unet, 1);
        sg_arena a;
        ck_assert(sg_arena_init(&a, bytes, &err) == SG_OK);
        a.size = bytes;
        ck_assert_msg(sg_solve(unet, &schedule, &o[k], 1, label, NULL, &a, x[k], &err) == SG_OK, "%s", err.msg);
        sg_arena_clear(&a);
    }
    const double euler = solver_distance(x[1], x[0]), heun = solver_distance(x[2], x[0]),
                 dpm = solver_distance(x[3], x[0]);
    printf("  50 steps from the limit: Euler %.2e, Heun %.2e, DPM-Solver++ %.2e\n", euler, heun, dpm);
    ck_assert_double_lt(euler, 0.1);
    ck_assert_double_lt(heun, 0.5 * euler);
    ck_assert_double_lt(dpm, 0.4 * euler);
}
END_TEST

START_TEST(sampling_stops_when_told_to)
{
    random_weights(sg_unet_get_params(unet));
    sg_err err = {0};
    ck_assert(sg_unet_load(unet, w, &err) == SG_OK);
    atomic_bool stop = true;
    const sg_run run = {.stop = &stop};
    const sg_solve_options o = {SG_SOLVER_EULER, 50, 5, 0, INFINITY, SG_OBJECTIVE_EPS};
    static float x[Z * T];
    ck_assert_int_eq(sg_solve(unet, &schedule, &o, 1, label, &run, &arena, x, &err), SG_CANCELLED);
    ck_assert_str_eq(err.msg, "stopped before sampling step 1 of 50");
    ck_assert_uint_eq(arena.used, 0);
}
END_TEST

START_TEST(a_small_arena_is_an_error_and_leaves_nothing_behind)
{
    random_weights(sg_unet_get_params(unet));
    sg_err err = {0};
    ck_assert(sg_unet_load(unet, w, &err) == SG_OK);
    sg_arena a;
    ck_assert(sg_arena_init(&a, 4096, &err) == SG_OK);
    static float x[Z * T], y[Z * T];
    ck_assert_int_eq(sg_unet_eval_guided(unet, 1, x, 1, label, &a, y, NULL, &err), SG_NOMEM);
    ck_assert_uint_eq(a.used, 0);
    ck_assert_ptr_nonnull(strstr(err.msg, "no room for a network's activations"));
    sg_arena_clear(&a);
}
END_TEST

START_TEST(a_weight_that_is_not_a_number_is_named)
{
    const sg_params *p = sg_unet_get_params(unet);
    random_weights(p);
    w[sg_params_find(p, "diffusion_model.out.2.bias")->at] = NAN;
    sg_err err = {0};
    ck_assert_int_eq(sg_unet_load(unet, w, &err), SG_LIMIT);
    ck_assert_str_eq(err.msg, "tensor diffusion_model.out.2.bias holds a value that is not a finite number");
}
END_TEST

START_TEST(impossible_sizes_are_refused_with_a_sentence)
{
    sg_err err = {0};
    sg_vae_config v = vae_config;
    v.seq_len = 33;
    ck_assert_int_eq(sg_vae_config_check(&v, &err), SG_LIMIT);
    ck_assert_str_eq(err.msg, "VAE sequence length is 33, want a multiple of 2 up to 1048576");
    v = vae_config;
    v.channels[1] = 40;
    ck_assert_int_eq(sg_vae_config_check(&v, &err), SG_LIMIT);
    ck_assert_str_eq(err.msg, "a VAE level's channel count is 40, want a multiple of 32 from 32 to 4096");
    v = vae_config;
    v.n_snp = 33;
    ck_assert_int_eq(sg_vae_config_check(&v, &err), SG_LIMIT);
    sg_unet_config u = unet_config;
    u.latent_len = 15;
    ck_assert_int_eq(sg_unet_config_check(&u, &err), SG_LIMIT);
    ck_assert_str_eq(err.msg, "U-Net latent length: 15, want a multiple of 2");
    u = unet_config;
    u.n_classes = 0;
    ck_assert_int_eq(sg_unet_config_check(&u, &err), SG_LIMIT);
    ck_assert_str_eq(err.msg, "U-Net classes: 0, want 1 to 127");
    u = unet_config;
    u.head_width = 0;
    ck_assert_int_eq(sg_unet_config_check(&u, &err), SG_LIMIT);
}
END_TEST

START_TEST(fresh_weights_answer_zero_and_are_the_same_for_the_same_seed)
{
    const sg_params *p = sg_unet_get_params(unet);
    sg_unet_init_weights(unet, 3, w);
    sg_unet_init_weights(unet, 3, grad);
    ck_assert_mem_eq(w, grad, (size_t)p->n_float * sizeof *w);
    sg_err err = {0};
    ck_assert(sg_unet_load(unet, w, &err) == SG_OK);
    static float out[Z * T];
    ck_assert(sg_unet_eval_guided(unet, 1, z0, 5, label, &arena, out, NULL, &err) == SG_OK);
    for (int i = 0; i < Z * T; i++)
        ck_assert_float_eq(out[i], 0.0f);
    sg_vae_init_weights(vae, 3, w);
    ck_assert(sg_vae_load(vae, w, &err) == SG_OK);
    ck_assert_float_eq(w[sg_params_find(sg_vae_get_params(vae), "loss.logvar")->at], 0.0f);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("loss gradients");
    TCase *t = tcase_create("losses");
    tcase_set_timeout(t, 0);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, vae_gradient_with_padding_and_a_kl_weight_of_its_own);
    tcase_add_test(t, padding_weighs_nothing_in_the_vae_loss);
    tcase_add_test(t, unet_gradient_of_both_objectives_with_person_weights);
    tcase_add_test(t, unet_gradient_with_a_vector_per_position);
    tcase_add_test(t, both_objectives_describe_the_same_denoised_latent);
    tcase_add_test(t, chunks_of_a_batch_add_up);
    tcase_add_test(t, a_person_comes_out_bit_for_bit_the_same_in_any_batch);
    tcase_add_test(t, three_threads_give_the_bytes_of_one);
    tcase_add_test(t, second_order_solvers_beat_euler_and_all_agree_in_the_limit);
    tcase_add_test(t, sampling_stops_when_told_to);
    tcase_add_test(t, a_small_arena_is_an_error_and_leaves_nothing_behind);
    tcase_add_test(t, a_weight_that_is_not_a_number_is_named);
    tcase_add_test(t, impossible_sizes_are_refused_with_a_sentence);
    tcase_add_test(t, fresh_weights_answer_zero_and_are_the_same_for_the_same_seed);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
