/* nn_backend.c - every backend against plain loops in double, and rows that depend on nothing but themselves. */
#include "base/rng.h"
#include "nn/backend.h"

#include <check.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct shape {
    sg_map m;
    int64_t B, R;
} shape;

static const shape list[] = {
    {{1, 1, 5, 3, 0, false}, 2, 7},     {{3, 1, 4, 1, 0, false}, 3, 9},    {{3, 2, 32, 33, 0, false}, 2, 8},
    {{1, 1, 64, 96, 0, false}, 1, 1},   {{3, 1, 32, 48, 0, false}, 2, 31}, {{3, 2, 17, 16, 0, false}, 2, 5},
    {{1, 1, 130, 20, 0, false}, 3, 6},  {{3, 1, 32, 32, 0, false}, 3, 32}, {{3, 1, 64, 16, 0, false}, 2, 1},
    {{3, 1, 48, 112, 0, false}, 2, 66}, {{3, 1, 32, 64, 0, false}, 9, 3},
};
enum { N_SHAPE = sizeof list / sizeof *list };

static float *normal(int64_t n, uint64_t who)
{
    float *x = malloc((size_t)n * sizeof *x);
    sg_rng r = sg_rng_stream(2, SG_RNG_TEST, who, 0);
    sg_rng_fill_normal(&r, x, n);
    return x;
}

/* To quarters: bfloat16 holds them, and the sums and differences of them that a convolution may go by. */
static void round_all(float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = rintf(4 * x[i]) / 4;
}

static double limit; /* of the backend under test */

static void expect(const char *who, const char *what, const float *have, const double *want, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        ck_assert_msg(fabs(have[i] - want[i]) <= limit * (1 + fabs(want[i])), "%s: %s[%lld] is %.7g, want %.7g", who,
                      what, (long long)i, (double)have[i], want[i]);
}

static double *widen(const float *x, int64_t n)
{
    double *d = malloc((size_t)n * sizeof *d);
    for (int64_t i = 0; i < n; i++)
        d[i] = x[i];
    return d;
}

static void check_shape(const sg_backend *be, const shape *s)
{
    const int64_t K = s->m.K, N = s->m.N, T = s->m.n_tap, B = s->B, R = s->R;
    const int64_t rows = R * s->m.stride + (T == 3 ? 2 : 0), nx = B * rows * K, ny = B * R * N, nw = N * K * T;
    float *x = normal(nx, 1), *w = normal(nw, 2), *y = normal(ny, 3), *dy = normal(ny, 4), *dx = normal(nx, 5),
          *dw = normal(nw, 6);
    float *packed = calloc((size_t)be->packed_floats(&s->m), sizeof *packed),
          *scratch = malloc((size_t)(be->scratch_floats(&s->m, R) + 1) * sizeof *scratch);
    if (be->precision == SG_BFLOAT16) { /* factors that bfloat16 holds: then sums are as exact as in float32 */
        round_all(x, nx);
        round_all(w, nw);
        round_all(dy, ny);
    }
    /* Winograd's sums are of larger numbers than the result: two to three times the rounding of plain ones. */
    limit = T == 3 && s->m.stride == 1 && K >= 32 ? 6e-5 : 2e-5;
    double *wy = widen(y, ny), *wdx = widen(dx, nx), *wdw = widen(dw, nw);
    for (int64_t b = 0; b < B; b++)
        for (int64_t r = 0; r < R; r++)
            for (int64_t n = 0; n < N; n++)
                for (int64_t t = 0; t < T; t++)
                    for (int64_t k = 0; k < K; k++) {
                        const int64_t ix = (b * rows + r * s->m.stride + t) * K + k, iy = (b * R + r) * N + n,
                                      iw = (n * K + k) * T + t;
                        wy[iy] += (double)x[ix] * w[iw];
                        wdx[ix] += (double)dy[iy] * w[iw];
                        wdw[iw] += (double)dy[iy] * x[ix];
                    }
    be->start();
    ck_assert(be->pack(&s->m, w, packed));
    float *first = malloc((size_t)ny * sizeof *first);
    memcpy(first, y, (size_t)ny * sizeof *first);
    sg_map_call call = {.B = B,
                        .R = R,
                        .x = x,
                        .x_person = rows * K,
                        .packed = packed,
                        .y = y,
                        .y_person = R * N,
                        .res = y,
                        .scratch = scratch};
    be->forward(&s->m, &call);
    expect(be->name, "y", y, wy, ny);
    for (int64_t b = 0; b < B; b++) { /* one person alone */
        call.B = 1;
        call.x = x + b * rows * K;
        call.y = first + b * R * N;
        call.res = call.y;
        be->forward(&s->m, &call);
        ck_assert_mem_eq(first + b * R * N, y + b * R * N, (size_t)(R * N) * sizeof *y);
    }
    be->back_x(&s->m, B, R, dy, R * N, packed, dx, rows * K, scratch);
    expect(be->name, "dx", dx, wdx, nx);
    be->back_w(&s->m, B, R, x, rows * K, dy, R * N, dw, scratch);
    expect(be->name, "dw", dw, wdw, nw);
    free(first);
    free(x);
    free(w);
    free(y);
    free(dy);
    free(dx);
    free(dw);
    free(packed);
    free(scratch);
    free(wy);
    free(wdx);
    free(wdw);
}

START_TEST(every_backend_agrees_with_plain_loops_and_people_are_alone)
{
    int n_usable = 0;
    for (int i = 0; sg_backend_list[i]; i++) {
        if (!sg_backend_list[i]->usable())
            continue;
        n_usable++;
        for (int k = 0; k < N_SHAPE; k++)
            check_shape(sg_backend_list[i], &list[k]);
    }
    printf("  %d backends\n", n_usable);
    ck_assert_int_ge(n_usable, 1);
}
END_TEST

START_TEST(a_library_that_breaks_is_told_of_once_on_its_own_thread)
{
    sg_err err = {0};
    ck_assert_int_eq(sg_backend_status(&err), SG_OK);
    sg_backend_broke();
    ck_assert_int_eq(sg_backend_status(&err), SG_INTERNAL);
    ck_assert_ptr_nonnull(strstr(err.msg, "choose another --backend"));
    ck_assert_int_eq(sg_backend_status(&err), SG_OK);
}
END_TEST

START_TEST(small_products_transpose_either_side)
{
    float a[6] = {1, 2, 3, 4, 5, 6}, b[6] = {1, 0, -1, 2, 1, 1}, c[4] = {1, 1, 1, 1};
    const sg_backend *be = sg_backend_chosen();
    be->start();
    be->product(false, true, 2, 2, 3, a, 3, b, 3, 1.0f, c, 2); /* [2,3] [2,3]^T + 1 */
    ck_assert_float_eq(c[0], -1);
    ck_assert_float_eq(c[1], 8);
    ck_assert_float_eq(c[2], -1);
    ck_assert_float_eq(c[3], 20);
    be->product(true, false, 2, 2, 3, a, 2, b, 2, 0.0f, c, 2); /* [3,2]^T [3,2] */
    ck_assert_float_eq(c[0], 1 * 1 + 3 * -1 + 5 * 1);
    ck_assert_float_eq(c[3], 2 * 0 + 4 * 2 + 6 * 1);
}
END_TEST

static void expect_refused(const char *family, const char *precision, const char *message)
{
    sg_err err = {0};
    const sg_backend *before = sg_backend_chosen();
    ck_assert_int_eq(sg_backend_choose(family, precision, &err), SG_LIMIT);
    ck_assert_str_eq(err.msg, message);
    ck_assert_ptr_eq(sg_backend_chosen(), before);
}

START_TEST(a_backend_is_chosen_by_name_or_refused_with_the_reason)
{
    sg_err err = {0};
    ck_assert_int_eq(sg_backend_choose("openblas", "float32", &err), SG_OK);
    ck_assert_str_eq(sg_backend_chosen()->name, "openblas");
    expect_refused("cublas", NULL, "backend \"cublas\" is unknown, want auto, panels, onednn or openblas");
    expect_refused("auto", "half", "precision \"half\" is unknown, want float32 or bfloat16");
    expect_refused("openblas", "bfloat16", "backend openblas has no bfloat16; want panels or onednn");
    if (sg_backend_panels_bf16.usable()) {
        ck_assert_int_eq(sg_backend_choose("auto", "bfloat16", &err), SG_OK);
        ck_assert_int_eq(sg_backend_chosen()->precision, SG_BFLOAT16);
        ck_assert_str_eq(sg_backend_best(SG_BFLOAT16, false)->name, "panels-bf16");
        const char *tiled = sg_backend_best(SG_BFLOAT16, true)->name; /* where oneDNN is built in */
        ck_assert(!strcmp(tiled, "onednn-bf16") || !strcmp(tiled, "panels-bf16"));
        ck_assert_int_eq(sg_backend_choose("onednn", "bfloat16", &err) == SG_OK, !strcmp(tiled, "onednn-bf16"));
        ck_assert_ptr_eq(sg_backend_best(SG_FLOAT32, true), sg_backend_best(SG_FLOAT32, false));
    } else {
        expect_refused("panels", "bfloat16",
                       "panels in bfloat16 needs AVX512_BF16, which this processor does not have");
    }
    ck_assert_int_eq(sg_backend_choose(NULL, NULL, &err), SG_OK);
    ck_assert_int_eq(sg_backend_chosen()->precision, SG_FLOAT32);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("nn_backend");
    TCase *t = tcase_create("products");
    tcase_set_timeout(t, 0);
    tcase_add_test(t, every_backend_agrees_with_plain_loops_and_people_are_alone);
    tcase_add_test(t, a_library_that_breaks_is_told_of_once_on_its_own_thread);
    tcase_add_test(t, small_products_transpose_either_side);
    tcase_add_test(t, a_backend_is_chosen_by_name_or_refused_with_the_reason);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
