/* layer_gradients.c - every layer's backward pass against central differences of its forward pass.
 *
 * Each case builds a small network around one kind of layer. The loss is a fixed random weighting of the result, summed
 * in double; every entry of every parameter and input is moved by a step both ways. The forward pass is float, so the
 * difference quotient carries some 1e-4 of noise: differences are compared on the scale of the largest gradient.
 */
#include "base/rng.h"
#include "nn/net.h"

#include <check.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { B = 2, L = 8, C = 64 };

typedef struct world {
    sg_params params;
    sg_net *net;
    sg_value in, in2, out; /* in2: second input or SG_NO_VALUE */
    sg_arena arena;
    sg_net_run run;
    float *w, *grad, *x, *x2, *pick;
    int64_t n_x, n_x2, n_out;
} world;

static float *normal(int64_t n, uint64_t who, float scale)
{
    float *x = malloc((size_t)(n + 1) * sizeof *x);
    sg_rng r = sg_rng_stream(3, SG_RNG_TEST, who, 0);
    sg_rng_fill_normal(&r, x, n);
    for (int64_t i = 0; i < n; i++)
        x[i] *= scale;
    return x;
}

static double loss(world *w)
{
    sg_err err = {0};
    ck_assert_int_eq(sg_net_load(w->net, w->w, &err), SG_OK);
    memcpy(sg_run_value(&w->run, w->in, 0), w->x, (size_t)w->n_x * sizeof(float));
    if (w->in2 >= 0)
        memcpy(sg_run_value(&w->run, w->in2, 0), w->x2, (size_t)w->n_x2 * sizeof(float));
    sg_net_forward(&w->run, 0, sg_net_n_op(w->net), 0, B);
    const float *y = sg_run_value(&w->run, w->out, 0);
    double sum = 0;
    for (int64_t i = 0; i < w->n_out; i++)
        sum += (double)w->pick[i] * y[i];
    return sum;
}

/* Every entry of x against grad. */
static void compare(world *w, const char *layer, const char *what, float *x, const float *grad, int64_t n)
{
    float top = 0;
    for (int64_t i = 0; i < n; i++)
        top = fmaxf(top, fabsf(grad[i]));
    ck_assert_msg(top > 0, "%s: the gradient of %s is zero", layer, what);
    const int64_t skip = n / 200 + 1;
    double worst = 0;
    for (int64_t i = 0; i < n; i += skip) {
        const float old = x[i], h = 5e-3f;
        x[i] = old + h;
        const float up = x[i];
        const double f1 = loss(w);
        x[i] = old - h;
        const double f0 = loss(w), d = (f1 - f0) / ((double)up - x[i]);
        x[i] = old;
        const double off = fabs(d - grad[i]) / (double)top;
        worst = fmax(worst, off);
        ck_assert_msg(off < 1e-3, "%s: d loss / d %s[%lld] is %.7g, differences say %.7g", layer, what, (long long)i,
                      (double)grad[i], d);
    }
    printf("  %-24s %-20s %.1e\n", layer, what, worst);
}

static void check_layer(world *w, const char *layer, int64_t rows_out, int64_t c_out)
{
    sg_err err = {0};
    ck_assert_msg(sg_net_finish(w->net, w->out, &err) == SG_OK, "%s", err.msg);
    ck_assert_int_eq(sg_net_channels(w->net, w->out), c_out);
    w->n_out = B * rows_out * c_out;
    w->w = normal(w->params.n_float, 1, 0.3f);
    w->x = normal(w->n_x, 2, 1.0f);
    w->x2 = normal(w->n_x2, 3, 1.0f);
    w->pick = normal(w->n_out, 4, 1.0f);
    w->grad = calloc((size_t)w->params.n_float + 1, sizeof(float));
    const size_t bytes = sg_net_bytes(w->net, true, B);
    ck_assert_msg(sg_arena_init(&w->arena, bytes, &err) == SG_OK, "%s", err.msg);
    w->arena.size = bytes;
    ck_assert_msg(sg_net_begin(w->net, true, B, &w->arena, &w->run, &err) == SG_OK, "%s", err.msg);
    (void)loss(w);
    memcpy(sg_run_grad(&w->run, w->out, 0), w->pick, (size_t)w->n_out * sizeof(float));
    sg_net_backward(&w->run, w->grad);
    float *dx = malloc((size_t)w->n_x * sizeof(float)), *dx2 = malloc((size_t)(w->n_x2 + 1) * sizeof(float));
    memcpy(dx, sg_run_grad(&w->run, w->in, 0), (size_t)w->n_x * sizeof(float));
    if (w->in2 >= 0)
        memcpy(dx2, sg_run_grad(&w->run, w->in2, 0), (size_t)w->n_x2 * sizeof(float));
    for (int64_t i = 0; i < w->params.n_param; i++) {
        const sg_param *p = &w->params.list[i];
        compare(w, layer, p->name, w->w + p->at, w->grad + p->at, p->n);
    }
    compare(w, layer, "input", w->x, dx, w->n_x);
    if (w->in2 >= 0)
        compare(w, layer, "second input", w->x2, dx2, w->n_x2);
    free(w->w);
    free(w->x);
    free(w->x2);
    free(w->pick);
    free(w->grad);
    free(dx);
    free(dx2);
    sg_net_free(w->net);
    sg_params_clear(&w->params);
    sg_arena_clear(&w->arena);
}

static void open_world(world *w, int64_t c_in)
{
    *w = (world){.in2 = SG_NO_VALUE};
    w->net = sg_net_new(&w->params);
    w->in = sg_net_input(w->net, L, c_in, true);
    w->n_x = B * L * c_in;
}

static void second_input(world *w, int64_t rows, int64_t c)
{
    w->in2 = sg_net_input(w->net, rows, c, true);
    w->n_x2 = B * rows * c;
}

START_TEST(conv3_with_stride_1)
{
    world w;
    open_world(&w, 5);
    w.out = sg_net_conv3(w.net, "c", sg_net_pad(w.net, w.in), SG_CONV3, 7, SG_NO_VALUE, SG_NO_VALUE);
    check_layer(&w, "conv3", L, 7);
}
END_TEST

START_TEST(conv3_with_stride_2_padded_on_both_sides)
{
    world w;
    open_world(&w, 5);
    w.out = sg_net_conv3(w.net, "c", sg_net_pad(w.net, w.in), SG_CONV3_DOWN, 7, SG_NO_VALUE, SG_NO_VALUE);
    check_layer(&w, "conv3 down", L / 2, 7);
}
END_TEST

START_TEST(conv3_with_stride_2_padded_on_the_right)
{
    world w;
    open_world(&w, 5);
    w.out = sg_net_conv3(w.net, "c", sg_net_pad(w.net, w.in), SG_CONV3_DOWN_RIGHT, 7, SG_NO_VALUE, SG_NO_VALUE);
    check_layer(&w, "conv3 down right", L / 2, 7);
}
END_TEST

START_TEST(conv3_with_a_row_and_a_residual)
{
    world w;
    open_world(&w, 6);
    second_input(&w, 1, 6);
    w.out = sg_net_conv3(w.net, "c", sg_net_pad(w.net, w.in), SG_CONV3, 6, w.in2, w.in);
    check_layer(&w, "conv3 + row + residual", L, 6);
}
END_TEST

START_TEST(linear_with_bias)
{
    world w;
    open_world(&w, 10);
    w.out = sg_net_linear(w.net, w.in,
                          &(sg_linear){.name = {"l"}, .N = 3, .bias = true, .row = SG_NO_VALUE, .res = SG_NO_VALUE});
    check_layer(&w, "linear", L, 3);
}
END_TEST

START_TEST(linear_with_a_row_and_a_residual_that_are_used_again)
{
    world w;
    open_world(&w, 10);
    second_input(&w, 1, 10);
    const sg_linear a = {.name = {"a"}, .N = 10, .bias = true, .row = w.in2, .res = w.in};
    const sg_value y = sg_net_linear(w.net, w.in, &a);
    const sg_linear b = {.name = {"b"}, .N = 10, .bias = false, .row = w.in2, .res = y};
    w.out = sg_net_linear(w.net, sg_net_concat(w.net, y, w.in), &b);
    check_layer(&w, "linear twice", L, 10);
}
END_TEST

START_TEST(three_linear_layers_stacked)
{
    world w;
    open_world(&w, 10);
    w.out = sg_net_linear(w.net, w.in,
                          &(sg_linear){.name = {"q", "k", "v"}, .N = 12, .row = SG_NO_VALUE, .res = SG_NO_VALUE});
    check_layer(&w, "stacked linear", L, 12);
}
END_TEST

START_TEST(groupnorm)
{
    world w;
    open_world(&w, C);
    w.out = sg_net_groupnorm(w.net, "n", w.in, 1e-5f, false, false);
    check_layer(&w, "groupnorm", L, C);
}
END_TEST

START_TEST(groupnorm_with_silu_into_a_padded_tensor)
{
    world w;
    open_world(&w, C);
    const sg_value h = sg_net_groupnorm(w.net, "n", w.in, 1e-6f, true, true);
    w.out = sg_net_conv3(w.net, "c", h, SG_CONV3, 4, SG_NO_VALUE, SG_NO_VALUE);
    check_layer(&w, "groupnorm silu conv3", L, 4);
}
END_TEST

START_TEST(layernorm)
{
    world w;
    open_world(&w, 24);
    w.out = sg_net_layernorm(w.net, "n", w.in);
    check_layer(&w, "layernorm", L, 24);
}
END_TEST

START_TEST(attention_with_one_head)
{
    world w;
    open_world(&w, 3 * 12);
    w.out = sg_net_attention(w.net, w.in, 1);
    check_layer(&w, "attention, 1 head", L, 12);
}
END_TEST

START_TEST(attention_with_three_heads)
{
    world w;
    open_world(&w, 3 * 12);
    w.out = sg_net_attention(w.net, w.in, 3);
    check_layer(&w, "attention, 3 heads", L, 12);
}
END_TEST

START_TEST(silu)
{
    world w;
    open_world(&w, 12);
    w.out = sg_net_silu(w.net, w.in);
    check_layer(&w, "silu", L, 12);
}
END_TEST

START_TEST(geglu)
{
    world w;
    open_world(&w, 12);
    w.out = sg_net_geglu(w.net, w.in);
    check_layer(&w, "geglu", L, 6);
}
END_TEST

START_TEST(upsampling)
{
    world w;
    open_world(&w, 5);
    w.out = sg_net_conv3(w.net, "c", sg_net_upsample(w.net, w.in), SG_CONV3, 4, SG_NO_VALUE, SG_NO_VALUE);
    check_layer(&w, "upsample conv3", 2 * L, 4);
}
END_TEST

START_TEST(concatenation_of_values_that_are_used_again)
{
    world w;
    open_world(&w, 5);
    second_input(&w, L, 6);
    const sg_value y = sg_net_concat(w.net, w.in, w.in2);
    w.out = sg_net_concat(w.net, sg_net_silu(w.net, y), w.in2);
    check_layer(&w, "concat", L, 17);
}
END_TEST

START_TEST(cross_entropy_of_three_classes)
{
    enum { N = 5 };
    float x[2 * L * 3], d[2 * L * 3];
    int8_t k[2 * L];
    float *r = normal(2 * L * 3, 9, 2.0f);
    memcpy(x, r, sizeof x);
    for (int i = 0; i < 2 * L; i++)
        k[i] = (int8_t)(i % 3);
    const sg_tensor t = sg_view3(x, 2, L, 3);
    sg_tensor dt = sg_view3(d, 2, L, 3);
    int64_t right = 0;
    (void)sg_cross_entropy3(&t, k, N, 0.5, &dt, &right);
    for (int i = 0; i < 2 * L * 3; i++) {
        const float old = x[i];
        x[i] = old + 1e-3f;
        const double up = x[i], f1 = sg_cross_entropy3(&t, k, N, 0.5, NULL, &right);
        x[i] = old - 1e-3f;
        const double f0 = sg_cross_entropy3(&t, k, N, 0.5, NULL, &right), slope = 0.5 * (f1 - f0) / (up - x[i]);
        x[i] = old;
        ck_assert_msg(fabs(slope - d[i]) < 1e-6, "entry %d: %g against %g", i, (double)d[i], slope);
        if (i / 3 % L >= N)
            ck_assert_float_eq(d[i], 0.0f); /* padding is outside the loss */
    }
    free(r);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("layer gradients");
    TCase *t = tcase_create("against central differences");
    tcase_set_timeout(t, 0);
    tcase_add_test(t, conv3_with_stride_1);
    tcase_add_test(t, conv3_with_stride_2_padded_on_both_sides);
    tcase_add_test(t, conv3_with_stride_2_padded_on_the_right);
    tcase_add_test(t, conv3_with_a_row_and_a_residual);
    tcase_add_test(t, linear_with_bias);
    tcase_add_test(t, linear_with_a_row_and_a_residual_that_are_used_again);
    tcase_add_test(t, three_linear_layers_stacked);
    tcase_add_test(t, groupnorm);
    tcase_add_test(t, groupnorm_with_silu_into_a_padded_tensor);
    tcase_add_test(t, layernorm);
    tcase_add_test(t, attention_with_one_head);
    tcase_add_test(t, attention_with_three_heads);
    tcase_add_test(t, silu);
    tcase_add_test(t, geglu);
    tcase_add_test(t, upsampling);
    tcase_add_test(t, concatenation_of_values_that_are_used_again);
    tcase_add_test(t, cross_entropy_of_three_classes);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
