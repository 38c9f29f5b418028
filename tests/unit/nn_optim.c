/* nn_optim.c - the optimisers against their formulas in double. */
#include "nn/optim.h"

#include <check.h>

#include <math.h>

enum { N = 5 };

START_TEST(adamw_follows_its_formula_for_a_hundred_steps)
{
    float w[N] = {1, -2, 0.5f, 3, 0}, m[N] = {0}, v[N] = {0}, g[N];
    double W[N] = {1, -2, 0.5, 3, 0}, M[N] = {0}, V[N] = {0};
    const double lr = 1e-2;
    for (int t = 1; t <= 100; t++) {
        for (int i = 0; i < N; i++) {
            g[i] = (float)sin(t * (i + 1));
            W[i] *= 1 - lr * 0.01;
            M[i] = 0.9 * M[i] + 0.1 * g[i];
            V[i] = 0.999 * V[i] + 0.001 * g[i] * g[i];
            W[i] -= lr * (M[i] / (1 - pow(0.9, t))) / (sqrt(V[i] / (1 - pow(0.999, t))) + 1e-8);
        }
        sg_adam_step(&sg_adamw_published, t, lr, N, w, g, m, v);
    }
    for (int i = 0; i < N; i++)
        ck_assert_double_eq_tol(w[i], W[i], 1e-5);
}
END_TEST

START_TEST(adam_without_decay_leaves_a_weight_without_gradient_alone)
{
    float w[1] = {2}, m[1] = {0}, v[1] = {0}, g[1] = {0};
    sg_adam_step(&sg_adam_published, 1, 1e-3, 1, w, g, m, v);
    ck_assert_float_eq(w[0], 2.0f);
    sg_adam_step(&sg_adamw_published, 1, 1e-1, 1, w, g, m, v);
    ck_assert_float_eq_tol(w[0], 2.0f * (1 - 1e-3f), 1e-6f);
}
END_TEST

START_TEST(the_moving_average_moves_by_one_minus_decay)
{
    float w[2] = {1, 5}, e[2] = {0, 5};
    sg_ema_step(0.9, 2, w, e);
    ck_assert_float_eq_tol(e[0], 0.1f, 1e-7f);
    ck_assert_float_eq(e[1], 5.0f);
    ck_assert_double_eq_tol(sg_grad_norm(2, w), sqrt(26), 1e-12);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("nn_optim");
    TCase *t = tcase_create("steps");
    tcase_add_test(t, adamw_follows_its_formula_for_a_hundred_steps);
    tcase_add_test(t, adam_without_decay_leaves_a_weight_without_gradient_alone);
    tcase_add_test(t, the_moving_average_moves_by_one_minus_decay);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
