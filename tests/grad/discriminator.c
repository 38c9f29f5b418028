/* discriminator.c - the adversary of stage one: against PyTorch's numbers (tests/vectors/discriminator.py, spectral_norm and
 * instance_norm of torch in double), against differences along random directions, and chunk by chunk. */
#include "base/rng.h"
#include "vae/discriminator.h"

#include <check.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { B = 2, L = 1030, N_SNP = 1021 };
static const int width[7] = {3, 16, 32, 64, 128, 128, 128};

static sg_disc *d;
static sg_arena arena;
static float *w, *vector, *grad, *direction;
static int64_t n_w;
static float logits[B * L * 3], dlogits[B * L * 3], along[B * L * 3];
static int8_t geno[B * L];

/* The script's val(). */
static void val(float *x, int64_t n, int seed, double scale)
{
    for (int64_t k = 0; k < n; k++) {
        const double s = sin((double)k * 12.9898 + seed * 1.37) * 43758.5453;
        x[k] = (float)((s - floor(s) - 0.5) * 2 * scale);
    }
}

static void unit(float *x, int64_t n)
{
    double s = 0;
    for (int64_t k = 0; k < n; k++)
        s += (double)x[k] * x[k];
    for (int64_t k = 0; k < n; k++)
        x[k] = (float)(x[k] / sqrt(s));
}

static void setup(void)
{
    sg_err err = {0};
    ck_assert_msg(sg_disc_new(L, N_SNP, &d, &err) == SG_OK, "%s", err.msg);
    ck_assert_int_eq(sg_arena_init(&arena, sg_disc_bytes(d, B), &err), SG_OK);
    n_w = sg_disc_get_params(d)->n_float;
    w = calloc((size_t)n_w, sizeof *w);
    grad = calloc((size_t)n_w, sizeof *grad);
    direction = calloc((size_t)n_w, sizeof *direction);
    vector = calloc((size_t)sg_disc_n_vector(d), sizeof *vector);
    float *v = vector;
    for (int i = 0; i <= 6; i++) {
        const sg_param *p = sg_disc_get_params(d)->list + 2 * i;
        val(w + p[0].at, p[0].n, i, i < 6 ? 1 / sqrt(width[i] * 3.0) : 0.1);
        val(w + p[1].at, p[1].n, i + 10, 0.1);
        if (i == 6)
            break;
        val(v, width[i + 1], i + 20, 1);
        unit(v, width[i + 1]);
        val(v + width[i + 1], width[i] * 3, i + 30, 1);
        unit(v + width[i + 1], width[i] * 3);
        v += width[i + 1] + width[i] * 3;
    }
    for (int i = 0; i < B * L; i++)
        geno[i] = (int8_t)(i * 7 % 3);
    val(logits, B * L * 3, 40, 2);
    ck_assert_msg(sg_disc_load(d, w, vector, true, &err) == SG_OK, "%s", err.msg);
}

static void teardown(void)
{
    sg_disc_free(d);
    sg_arena_clear(&arena);
    free(w);
    free(grad);
    free(direction);
    free(vector);
}

static void near(const char *what, double have, double want, double rel)
{
    ck_assert_msg(fabs(have - want) <= rel * fabs(want) + 1e-7, "%s is %.9g, want %.9g", what, have, want);
}

static double norm(const float *x, int64_t n)
{
    double s = 0;
    for (int64_t k = 0; k < n; k++)
        s += (double)x[k] * x[k];
    return sqrt(s);
}

START_TEST(losses_and_gradients_are_pytorchs)
{
    static const double weight_norm[6] = {0.591955296, 1.25470021, 1.64686591, 1.57735756, 1.50005422, 1.19240565},
                        sixth[6] = {-0.00374748133, -0.0166376482, 0.0325824871,
                                    -0.00608317461, 0.00979977903, -0.0069773259};
    sg_err err = {0};
    double loss, g;
    ck_assert_int_eq(sg_disc_positions(d), 17);
    ck_assert_msg(sg_disc_hinge(d, B, B, geno, logits, &arena, &loss, grad, &err) == SG_OK, "%s", err.msg);
    sg_disc_finish_grad(d, grad);
    near("hinge", loss, 1.000814225, 1e-6);
    for (int i = 0; i < 6; i++) {
        const sg_param *p = sg_disc_get_params(d)->list + 2 * i;
        near(p->name, norm(grad + p->at, p->n), weight_norm[i], 1e-4);
        near(p->name, grad[p->at + 5], sixth[i], 1e-3);
    }
    const sg_param *first_bias = sg_disc_get_params(d)->list + 1, *last = sg_disc_get_params(d)->list + 12;
    near("first bias", norm(grad + first_bias->at, first_bias->n), 0.189577544, 1e-4);
    near("last weight", norm(grad + last->at, last->n), 0.229689575, 1e-4);
    ck_assert_msg(sg_disc_generator(d, B, B, logits, &arena, &g, dlogits, &err) == SG_OK, "%s", err.msg);
    near("g", g, 0.089987227, 1e-4);
    near("dlogits", norm(dlogits, B * L * 3), 0.0424252499, 1e-4);
    near("one of them", dlogits[(L + 60) * 3 + 2], -2.42671087e-05, 5e-3);
    for (int b = 0; b < B; b++)
        for (int l = N_SNP; l < L; l++)
            ck_assert(dlogits[(b * L + l) * 3] == 0 && dlogits[(b * L + l) * 3 + 2] == 0);
}
END_TEST

/* Differences are taken with u and v held, as the gradient is meant. */
static double hinge_at(double step)
{
    sg_err err = {0};
    double loss;
    float *moved = malloc((size_t)n_w * sizeof *moved);
    for (int64_t k = 0; k < n_w; k++)
        moved[k] = (float)(w[k] + step * direction[k]);
    ck_assert_int_eq(sg_disc_load(d, moved, vector, false, &err), SG_OK);
    ck_assert_int_eq(sg_disc_hinge(d, B, B, geno, logits, &arena, &loss, NULL, &err), SG_OK);
    free(moved);
    return loss;
}

START_TEST(gradients_are_slopes)
{
    sg_err err = {0};
    double loss, g0, g1, best = 1;
    sg_disc_init(d, 3, w, vector); /* weights as a training starts with: no layer is degenerate */
    ck_assert_int_eq(sg_disc_load(d, w, vector, true, &err), SG_OK);
    ck_assert_int_eq(sg_disc_hinge(d, B, B, geno, logits, &arena, &loss, grad, &err), SG_OK);
    sg_disc_finish_grad(d, grad);
    const double length = norm(grad, n_w);
    for (int64_t k = 0; k < n_w; k++)
        direction[k] = (float)(grad[k] / length);
    for (double h = 1e-4; h < 1e-1; h *= 3)
        best = fmin(best, fabs((hinge_at(h) - hinge_at(-h)) / (2 * h) / length - 1));
    ck_assert_msg(best < 5e-3, "weights: off by %.2e", best);
    ck_assert_int_eq(sg_disc_load(d, w, vector, false, &err), SG_OK);
    ck_assert_int_eq(sg_disc_generator(d, B, B, logits, &arena, &g0, dlogits, &err), SG_OK);
    const double size = norm(dlogits, B * L * 3);
    best = 1;
    for (double h = 1e-3; h < 1; h *= 3) {
        for (int side = 0; side < 2; side++) {
            for (int k = 0; k < B * L * 3; k++)
                along[k] = (float)(logits[k] + (side ? -h : h) * dlogits[k] / size);
            ck_assert_int_eq(sg_disc_generator(d, B, B, along, &arena, side ? &g1 : &g0, NULL, &err), SG_OK);
        }
        best = fmin(best, fabs((g0 - g1) / (2 * h) / size - 1));
    }
    ck_assert_msg(best < 5e-3, "logits: off by %.2e", best);
}
END_TEST

START_TEST(chunks_add_up_to_the_batch)
{
    sg_err err = {0};
    double whole, part, sum = 0, g, gs = 0;
    float *other = calloc((size_t)n_w, sizeof *other), *one = calloc((size_t)L * 3, sizeof *one);
    ck_assert_int_eq(sg_disc_hinge(d, B, B, geno, logits, &arena, &whole, grad, &err), SG_OK);
    ck_assert_int_eq(sg_disc_generator(d, B, B, logits, &arena, &g, dlogits, &err), SG_OK);
    for (int b = 0; b < B; b++) {
        ck_assert_int_eq(sg_disc_hinge(d, 1, B, geno + b * L, logits + b * L * 3, &arena, &part, other, &err), SG_OK);
        sum += part;
        ck_assert_int_eq(sg_disc_generator(d, 1, B, logits + b * L * 3, &arena, &part, one, &err), SG_OK);
        gs += part;
        ck_assert_mem_eq(one, dlogits + b * L * 3, (size_t)L * 3 * sizeof *one);
    }
    near("hinge", sum, whole, 1e-9);
    near("g", gs, g, 1e-9);
    for (int64_t k = 0; k < n_w; k++)
        ck_assert(fabsf(other[k] - grad[k]) <= 1e-4f * (1 + fabsf(grad[k])));
    free(other);
    free(one);
}
END_TEST

START_TEST(power_iteration_finds_the_largest_singular_value)
{
    sg_err err = {0};
    sg_disc_init(d, 4, w, vector);
    for (int k = 0; k < 200; k++)
        ck_assert_int_eq(sg_disc_load(d, w, vector, true, &err), SG_OK);
    /* The normalised first layer stretches nothing: |W x| <= |x|, with equality along v. */
    const sg_param *p = sg_disc_get_params(d)->list;
    const float *u = vector, *v = vector + 16;
    double sigma = 0;
    for (int n = 0; n < 16; n++)
        for (int m = 0; m < 9; m++)
            sigma += (double)u[n] * w[p->at + n * 9 + m] * v[m];
    sg_rng r = sg_rng_stream(9, SG_RNG_TEST, 0, 0);
    for (int t = 0; t < 100; t++) {
        float x[9];
        double square = 0;
        sg_rng_fill_normal(&r, x, 9);
        for (int n = 0; n < 16; n++) {
            double s = 0;
            for (int m = 0; m < 9; m++)
                s += (double)w[p->at + n * 9 + m] * x[m];
            square += s * s;
        }
        ck_assert_double_le(sqrt(square), sigma * norm(x, 9) * (1 + 1e-5));
    }
    ck_assert_double_gt(sigma, 0.1);
    ck_assert_double_eq_tol(sg_disc_weight(3, 1, 0.5), 1.5 / 1.0001, 1e-12);
    ck_assert_double_eq_tol(sg_disc_weight(3, 0, 0.5), 5e3, 1e-9);
    sg_disc *small;
    ck_assert_int_eq(sg_disc_new(64, 64, &small, &err), SG_LIMIT);
    ck_assert_ptr_null(small);
    w[7] = NAN;
    ck_assert_int_eq(sg_disc_load(d, w, vector, true, &err), SG_LIMIT);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("discriminator");
    TCase *t = tcase_create("adversary");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, losses_and_gradients_are_pytorchs);
    tcase_add_test(t, gradients_are_slopes);
    tcase_add_test(t, chunks_add_up_to_the_batch);
    tcase_add_test(t, power_iteration_finds_the_largest_singular_value);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    const int bad = srunner_ntests_failed(r);
    srunner_free(r);
    return bad ? EXIT_FAILURE : EXIT_SUCCESS;
}
