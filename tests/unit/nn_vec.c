/* nn_vec.c - the elementwise kernels: accuracy against libm, and equality of all instruction sets bit for bit. */
#include "base/rng.h"
#include "nn/vec.h"

#include <check.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { R = 37, C = 53, N = R * C };

static float x[2 * N], y[N], z[2 * N], out[2][9 * N], a[C], b[C], m[C];

static void setup(void)
{
    sg_rng r = sg_rng_stream(1, SG_RNG_TEST, 0, 0);
    sg_rng_fill_normal(&r, x, 2 * N);
    sg_rng_fill_normal(&r, y, N);
    sg_rng_fill_normal(&r, a, C);
    sg_rng_fill_normal(&r, b, C);
    sg_rng_fill_normal(&r, m, C);
}

static double ulps(float have, double want)
{
    const float w = (float)want;
    return fabs((double)have - want) / (double)(nextafterf(fabsf(w), INFINITY) - fabsf(w));
}

START_TEST(exp_and_erf_are_within_two_ulp_of_libm)
{
    const sg_vec *v = sg_vec_chosen();
    double worst_exp = 0, worst_erf = 0;
    for (int i = 0; i < 400000; i++) {
        const float t = -87.0f + 174.9f * (float)i / 400000.0f, u = -6.0f + 12.0f * (float)i / 400000.0f;
        float e, f;
        v->exp(&t, &e, 1);
        v->erf(&u, &f, 1);
        worst_exp = fmax(worst_exp, ulps(e, exp((double)t)));
        worst_erf = fmax(worst_erf, ulps(f, erf((double)u)));
    }
    printf("  exp %.2f ulp, erf %.2f ulp\n", worst_exp, worst_erf);
    ck_assert_double_le(worst_exp, 2.0);
    ck_assert_double_le(worst_erf, 2.5);
}
END_TEST

/* One fraction instead of an erf: what it may be off is small beside a float32 network's own rounding. */
START_TEST(geglu_is_the_exact_one_to_half_a_millionth)
{
    const sg_vec *v = sg_vec_chosen();
    double worst = 0;
    for (int i = 0; i < 200000; i++) {
        const float g = -12.0f + 24.0f * (float)i / 200000.0f, pair[2] = {1.0f, g};
        float have;
        v->geglu(pair, &have, 1, 1);
        const double want = 0.5 * (double)g * (1 + erf((double)g / sqrt(2.0)));
        worst = fmax(worst, fabs((double)have - want) / fmax(1, fabs((double)g)));
    }
    printf("  geglu %.2e\n", worst);
    ck_assert_double_le(worst, 5e-7);
}
END_TEST

/* Everything the table can do, into one long array. */
static size_t run_all(const sg_vec *v, float *o)
{
    float *p = o;
    v->exp(x, p, N), p += N;
    v->erf(x, p, N), p += N;
    v->silu(x, p, N), p += N;
    v->silu_back(x, y, p, N, false);
    v->silu_back(x, y, p, N, true), p += N;
    v->moments(x, b, p, p + C, R, C), p += 2 * C;
    v->affine(x, a, b, p, R, C, true), p += N;
    v->affine_back(x, y, a, b, m, p, p + N, p + N + C, R, C, true), p += N + 2 * C;
    v->combine(y, x, a, b, m, p, R, C, false), p += N;
    v->layernorm(x, a, b, 1e-5f, p, p + C, C), p += C + 2;
    memset(p, 0, 3 * C * sizeof *p);
    v->layernorm_back(x, y, a, p - 2, p, p + C, p + 2 * C, C, false), p += 3 * C;
    memcpy(z, x, sizeof z);
    v->softmax(z, 0.7f, R, C);
    memcpy(p, z, N * sizeof *p);
    p += N;
    return (size_t)(p - o);
}

START_TEST(every_instruction_set_gives_the_same_bits)
{
    static float geglu[2][3 * N];
    int n_usable = 0;
    const size_t n = run_all(&sg_vec_generic, out[0]);
    ck_assert_uint_le(n, sizeof out[0] / sizeof *out[0]);
    sg_vec_generic.geglu(x, geglu[0], R, C);
    sg_vec_generic.geglu_back(x, y, geglu[0] + N, R, C);
    for (int i = 0; i < SG_N_VEC; i++) {
        if (!sg_vec_list[i]->usable())
            continue;
        n_usable++;
        (void)run_all(sg_vec_list[i], out[1]);
        for (size_t k = 0; k < n; k++)
            ck_assert_msg(memcmp(&out[0][k], &out[1][k], 4) == 0, "%s: number %zu is %.9g, generic says %.9g",
                          sg_vec_list[i]->name, k, (double)out[1][k], (double)out[0][k]);
        sg_vec_list[i]->geglu(x, geglu[1], R, C);
        sg_vec_list[i]->geglu_back(x, y, geglu[1] + N, R, C);
        ck_assert_msg(memcmp(geglu[0], geglu[1], sizeof geglu[0]) == 0, "%s: geglu differs", sg_vec_list[i]->name);
    }
    printf("  %d instruction sets compared\n", n_usable);
    ck_assert_int_ge(n_usable, 1);
}
END_TEST

START_TEST(softmax_rows_add_up_to_one_even_for_huge_entries)
{
    float row[3] = {1e4f, -1e4f, 1e4f};
    sg_vec_chosen()->softmax(row, 1.0f, 1, 3);
    ck_assert_float_eq_tol(row[0], 0.5f, 1e-6f);
    ck_assert_float_eq_tol(row[0] + row[1] + row[2], 1.0f, 1e-6f);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("nn_vec");
    TCase *t = tcase_create("kernels");
    tcase_set_timeout(t, 0);
    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_test(t, exp_and_erf_are_within_two_ulp_of_libm);
    tcase_add_test(t, geglu_is_the_exact_one_to_half_a_millionth);
    tcase_add_test(t, every_instruction_set_gives_the_same_bits);
    tcase_add_test(t, softmax_rows_add_up_to_one_even_for_huge_entries);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
