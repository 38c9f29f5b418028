/* shapes.c - both networks in shapes nobody published: any number of levels, channels, latent channels, classes, lengths that are
 * padded, with and without attention. For each: every backend agrees with OpenBLAS, the gradient is the slope along
 * itself, and a person's numbers do not depend on who else is in the batch. */
#include "../unit/unit.h"
#include "base/rng.h"
#include "diffusion/unet.h"
#include "nn/backend.h"
#include "vae/vae.h"

#include <math.h>
#include <string.h>

enum { B = 3 };

static const sg_vae_config vae_shape[] = {
    {.seq_len = 7,
     .n_snp = 7,
     .n_level = 1,
     .channels = {32},
     .in_proj = 32,
     .z_channels = 1,
     .n_res = 1,
     .kl_weight = 1},
    {.seq_len = 24,
     .n_snp = 23,
     .n_level = 2,
     .channels = {96, 32},
     .in_proj = 64,
     .z_channels = 3,
     .n_res = 2,
     .kl_weight = 0.1},
    {.seq_len = 40,
     .n_snp = 33,
     .n_level = 3,
     .channels = {32, 96, 64},
     .in_proj = 32,
     .z_channels = 8,
     .n_res = 1,
     .mid_attention = true,
     .kl_weight = 1},
    {.seq_len = 64,
     .n_snp = 61,
     .n_level = 4,
     .channels = {32, 32, 64, 160},
     .in_proj = 32,
     .z_channels = 2,
     .n_res = 1,
     .mid_attention = true,
     .kl_weight = 0.01},
    {.seq_len = 512,
     .n_snp = 509,
     .n_level = 5,
     .channels = {32, 32, 32, 32, 32},
     .in_proj = 96,
     .z_channels = 5,
     .n_res = 3,
     .kl_weight = 1},
};
static const sg_unet_config unet_shape[] = {
    {.latent_len = 5,
     .z_channels = 1,
     .channels = 32,
     .n_mult = 1,
     .mult = {1},
     .n_res = 1,
     .head_width = 32,
     .context_dim = 8,
     .n_classes = 1},
    {.latent_len = 6,
     .z_channels = 3,
     .channels = 64,
     .n_mult = 2,
     .mult = {1, 3},
     .n_res = 2,
     .head_width = 16,
     .context_dim = 100,
     .n_classes = 2},
    {.latent_len = 20,
     .z_channels = 8,
     .channels = 32,
     .n_mult = 3,
     .mult = {2, 1, 3},
     .n_res = 1,
     .head_width = 32,
     .context_dim = 33,
     .n_classes = 5,
     .position = true},
    {.latent_len = 24,
     .z_channels = 2,
     .channels = 32,
     .n_mult = 4,
     .mult = {1, 2, 2, 4},
     .n_res = 1,
     .head_width = 8,
     .context_dim = 128,
     .n_classes = 7},
};
enum { N_VAE = sizeof vae_shape / sizeof *vae_shape, N_UNET = sizeof unet_shape / sizeof *unet_shape };

static void fill(float *x, int64_t n, double scale, uint64_t who)
{
    sg_rng r = sg_rng_stream(31, SG_RNG_TEST, who, 0);
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)scale * sg_rng_normal(&r);
}

static int8_t *genotypes(const sg_vae_config *c, int64_t n, sg_arena *a)
{
    int8_t *g = SG_NEW(a, int8_t, n * c->seq_len);
    sg_rng r = sg_rng_stream(32, SG_RNG_TEST, 0, 0);
    for (int64_t i = 0; i < n; i++)
        for (int64_t v = 0; v < c->n_snp; v++)
            g[i * c->seq_len + v] = (int8_t)sg_rng_below(&r, 3);
    return g;
}

/* Largest difference as a share of the largest value. */
static double apart(const float *x, const float *y, int64_t n)
{
    double d = 0, most = 1e-30;
    for (int64_t i = 0; i < n; i++) {
        d = fmax(d, fabs((double)x[i] - (double)y[i]));
        most = fmax(most, fabs((double)y[i]));
    }
    return d / most;
}

static double tolerance(const sg_backend *b)
{
    return b->precision == SG_BFLOAT16 ? 0.06 : 2e-5;
}

/* ---- VAE ---- */

typedef struct vae_out {
    float *mean, *logvar, *logit;
    int64_t n_latent, n_logit;
} vae_out;

static vae_out vae_run(const sg_vae *v, const float *w, int64_t n, sg_arena *a)
{
    const sg_vae_config *c = sg_vae_get_config(v);
    const int64_t D = c->z_channels * sg_vae_latent_len(c);
    sg_err err = {0};
    (void)w;
    vae_out o = {SG_NEW(a, float, n *D), SG_NEW(a, float, n *D), SG_NEW(a, float, n * c->seq_len * 3), n * D,
                 n * c->seq_len * 3};
    float *z = SG_NEW(a, float, n *D);
    fill(z, n * D, 1, 7);
    ck_ok(sg_vae_encode(v, n, genotypes(c, n, a), a, o.mean, o.logvar, &err), err);
    ck_ok(sg_vae_decode(v, n, z, a, o.logit, &err), err);
    return o;
}

static double vae_loss(sg_vae *v, const float *w, const int8_t *g, const float *eps, float *grad, sg_arena *a)
{
    sg_vae_loss l;
    sg_err err = {0};
    ck_ok(sg_vae_load(v, w, &err), err);
    ck_ok(sg_vae_loss_grad(v, B, B, g, eps, sg_vae_get_config(v)->kl_weight, a, &l, grad, &err), err);
    return l.total / B;
}

/* grad . d against (loss(w + h d) - loss(w - h d)) / 2 h, at two h: the step is such that the loss moves by about one. */
static void check_slope(double along, double one, double two, const char *what, int shape)
{
    ck_assert_msg(fabs(along - one) < 0.02 * fabs(one) + 2e-3 || fabs(along - two) < 0.02 * fabs(two) + 2e-3,
                  "%s shape %d: gradient along a direction %g, slopes %g and %g", what, shape, along, one, two);
}

/* d = g / |g|; the slope along it is |g|. */
static double along_itself(const float *g, float *d, int64_t n)
{
    double square = 0;
    for (int64_t i = 0; i < n; i++)
        square += (double)g[i] * (double)g[i];
    for (int64_t i = 0; i < n; i++)
        d[i] = (float)((double)g[i] / sqrt(square));
    return sqrt(square);
}

static float *moved(const float *w, const float *d, double h, int64_t n, sg_arena *a)
{
    float *x = SG_NEW_RAW(a, float, n);
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)((double)w[i] + h * (double)d[i]);
    return x;
}

START_TEST(the_vae_computes_in_any_shape)
{
    const sg_vae_config *c = &vae_shape[_i];
    sg_arena a = unit_arena((size_t)1 << 30);
    sg_err err = {0};
    vae_out want = {0};
    float *w = NULL;
    for (int k = 0; k < 2 * SG_BACKEND_MAX; k++) {
        /* First OpenBLAS, then everybody who can. */
        const sg_backend *b = k ? sg_backend_list[k - 1] : &sg_backend_openblas;
        if (!b)
            break;
        if (!b->usable())
            continue;
        sg_vae *v;
        sg_backend_force(b);
        ck_ok(sg_vae_new(c, &v, &err), err);
        const int64_t n = sg_vae_get_params(v)->n_float;
        if (!w) {
            w = SG_NEW(&a, float, n);
            sg_vae_init_weights(v, 3, w);
        }
        ck_ok(sg_vae_load(v, w, &err), err);
        const vae_out got = vae_run(v, w, B, &a), alone = vae_run(v, w, 1, &a);
        if (!k)
            want = got;
        ck_assert_msg(apart(got.mean, want.mean, got.n_latent) < tolerance(b) &&
                          apart(got.logit, want.logit, got.n_logit) < tolerance(b),
                      "%s, VAE shape %d: %g, %g", b->name, _i, apart(got.mean, want.mean, got.n_latent),
                      apart(got.logit, want.logit, got.n_logit));
        if (b->precision == SG_FLOAT32)
            ck_assert_msg(!memcmp(got.mean, alone.mean, (size_t)alone.n_latent * 4) || b == &sg_backend_openblas ||
                              strstr(b->name, "onednn"),
                          "%s, VAE shape %d: a person depends on the batch", b->name, _i);
        if (!k) {
            float *d = SG_NEW(&a, float, n), *g = SG_NEW(&a, float, n), *eps = SG_NEW(&a, float, B *want.n_latent);
            const int8_t *geno = genotypes(c, B, &a);
            double along;
            fill(eps, want.n_latent, 1, 10);
            (void)vae_loss(v, w, geno, eps, g, &a);
            along = along_itself(g, d, n);
            double slope[2];
            for (int t = 0; t < 2; t++) {
                const double h = fmin(1e-2, 1 / along) * (t ? 0.3 : 1);
                slope[t] = (vae_loss(v, moved(w, d, h, n, &a), geno, eps, NULL, &a) -
                            vae_loss(v, moved(w, d, -h, n, &a), geno, eps, NULL, &a)) /
                           (2 * h);
            }
            check_slope(along, slope[0], slope[1], "VAE", _i);
        }
        sg_vae_free(v);
    }
    sg_backend_force(NULL);
    sg_arena_clear(&a);
}
END_TEST

/* ---- U-Net ---- */

typedef struct unet_in {
    float *z0, *noise;
    int32_t idx[B];
    int8_t label[B];
    sg_schedule s;
} unet_in;

static double unet_loss(sg_unet *u, const float *w, const unet_in *x, float *grad, sg_arena *a)
{
    double l;
    sg_err err = {0};
    ck_ok(sg_unet_load(u, w, &err), err);
    ck_ok(sg_unet_loss_grad(u, &x->s, SG_OBJECTIVE_V, B, B, x->z0, x->noise, x->idx, x->label, NULL, a, &l, grad, NULL,
                            &err),
          err);
    return l;
}

START_TEST(the_unet_computes_in_any_shape)
{
    const sg_unet_config *c = &unet_shape[_i];
    const int64_t D = c->z_channels * c->latent_len;
    sg_arena a = unit_arena((size_t)1 << 30);
    sg_err err = {0};
    unet_in x = {.z0 = SG_NEW(&a, float, B *D),
                 .noise = SG_NEW(&a, float, B *D),
                 .idx = {10, 400, 900},
                 .label = {0, SG_UNCONDITIONAL, (int8_t)(c->n_classes - 1)}};
    sg_schedule_published(&x.s);
    fill(x.z0, B * D, 1, 1);
    fill(x.noise, B * D, 1, 2);
    float *w = NULL, *want = NULL;
    for (int k = 0; k < 2 * SG_BACKEND_MAX; k++) {
        const sg_backend *b = k ? sg_backend_list[k - 1] : &sg_backend_openblas;
        if (!b)
            break;
        if (!b->usable())
            continue;
        sg_unet *u;
        sg_backend_force(b);
        ck_ok(sg_unet_new(c, &u, &err), err);
        const int64_t n = sg_unet_get_params(u)->n_float;
        if (!w) {
            float *more = SG_NEW(&a, float, n);
            w = SG_NEW(&a, float, n);
            sg_unet_init_weights(u, 3, w);
            fill(more, n, 0.03, 4); /* what starts at zero must not stay there */
            for (int64_t i = 0; i < n; i++)
                w[i] += more[i];
        }
        ck_ok(sg_unet_load(u, w, &err), err);
        float *got = SG_NEW(&a, float, B *D), *alone = SG_NEW(&a, float, D);
        ck_ok(sg_unet_eval(u, B, x.z0, x.idx, x.label, &a, got, &err), err);
        ck_ok(sg_unet_eval(u, 1, x.z0, x.idx, x.label, &a, alone, &err), err);
        if (!k)
            want = got;
        ck_assert_msg(apart(got, want, B * D) < tolerance(b), "%s, U-Net shape %d: %g", b->name, _i,
                      apart(got, want, B * D));
        if (b->precision == SG_FLOAT32)
            ck_assert_msg(!memcmp(got, alone, (size_t)D * 4) || b == &sg_backend_openblas || strstr(b->name, "onednn"),
                          "%s, U-Net shape %d: a person depends on the batch", b->name, _i);
        /* Inference folds labels into a table, training does not: both must say the same. */
        float *seen = SG_NEW(&a, float, B *D), *told = SG_NEW(&a, float, B *D), *said = SG_NEW(&a, float, B *D);
        double loss;
        for (int64_t i = 0; i < B * D; i++) {
            const double sigma = x.s.sigma[x.idx[i / D]];
            seen[i] = (float)((x.z0[i] + sigma * x.noise[i]) / sqrt(sigma * sigma + 1));
        }
        ck_ok(sg_unet_loss_grad(u, &x.s, SG_OBJECTIVE_V, B, B, x.z0, x.noise, x.idx, x.label, NULL, &a, &loss, NULL,
                                told, &err),
              err);
        ck_ok(sg_unet_eval(u, B, seen, x.idx, x.label, &a, said, &err), err);
        ck_assert_msg(apart(said, told, B * D) < tolerance(b),
                      "%s, U-Net shape %d: inference and training differ by %g", b->name, _i, apart(said, told, B * D));
        /* The guided pair is the two evaluations it stands for. */
        float *cond = SG_NEW(&a, float, B *D), *bare = SG_NEW(&a, float, B *D), *two = SG_NEW(&a, float, B *D);
        const int8_t own[B] = {0, (int8_t)(c->n_classes - 1), 0},
                     none[B] = {SG_UNCONDITIONAL, SG_UNCONDITIONAL, SG_UNCONDITIONAL};
        const int32_t same[B] = {400, 400, 400};
        ck_ok(sg_unet_eval_guided(u, B, x.z0, 400, own, &a, cond, bare, &err), err);
        ck_ok(sg_unet_eval(u, B, x.z0, same, own, &a, two, &err), err);
        ck_assert_msg(apart(cond, two, B * D) < tolerance(b), "%s, U-Net shape %d, guided", b->name, _i);
        ck_ok(sg_unet_eval(u, B, x.z0, same, none, &a, two, &err), err);
        ck_assert_msg(apart(bare, two, B * D) < tolerance(b), "%s, U-Net shape %d, unguided", b->name, _i);
        if (!k) {
            float *d = SG_NEW(&a, float, n), *g = SG_NEW(&a, float, n);
            double along, slope[2];
            (void)unet_loss(u, w, &x, g, &a);
            along = along_itself(g, d, n);
            for (int t = 0; t < 2; t++) {
                const double h = fmin(1e-2, 1 / along) * (t ? 0.3 : 1);
                slope[t] = (unet_loss(u, moved(w, d, h, n, &a), &x, NULL, &a) -
                            unet_loss(u, moved(w, d, -h, n, &a), &x, NULL, &a)) /
                           (2 * h);
            }
            check_slope(along, slope[0], slope[1], "U-Net", _i);
        }
        sg_unet_free(u);
    }
    sg_backend_force(NULL);
    sg_arena_clear(&a);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("shapes");
    TCase *t = tcase_create("shapes");
    tcase_set_timeout(t, 0);
    tcase_add_loop_test(t, the_vae_computes_in_any_shape, 0, N_VAE);
    tcase_add_loop_test(t, the_unet_computes_in_any_shape, 0, N_UNET);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int bad = srunner_ntests_failed(r);
    srunner_free(r);
    return bad ? EXIT_FAILURE : EXIT_SUCCESS;
}
