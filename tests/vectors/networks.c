/* networks.c - both networks against stored runs of the published modules: outputs, losses, every gradient, schedule
 * and whole sampling trajectories. Folders: $SG_SHARED/vectors/{tiny,small} and any in $SG_VECTORS (separated by
 * colons). */
#include "diffusion/solver.h"
#include "nn/backend.h"
#include "nn/safetensors.h"
#include "vae/vae.h"
#include "base/file.h"

#include <check.h>
#include <jansson.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FOLDER_MAX = 32 };
static char folder[FOLDER_MAX][512];
static int n_folder;

typedef struct world {
    const char *dir;
    sg_safetensors *want;
    sg_vae *vae;
    sg_unet *unet;
    float *vae_w, *unet_w;
    int64_t n_vae, n_unet;
    sg_arena arena;
    int64_t L, T, z;
} world;

static sg_safetensors *open_file(const char *dir, const char *name)
{
    char path[640];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    sg_safetensors *s = NULL;
    sg_err err = {0};
    ck_assert_msg(sg_safetensors_open(path, &s, &err) == SG_OK, "%s", err.msg);
    return s;
}

static void read_config(const char *dir, sg_vae_config *v, sg_unet_config *u)
{
    char path[640];
    (void)snprintf(path, sizeof path, "%s/config.json", dir);
    json_error_t why;
    json_t *j = json_load_file(path, 0, &why);
    ck_assert_msg(j != NULL, "%s: %s", path, why.text);
    const json_t *ch = json_object_get(j, "vae_channels"), *mult = json_object_get(j, "unet_mult");
    *v = (sg_vae_config){.seq_len = json_integer_value(json_object_get(j, "seq_len")),
                         .n_level = (int)json_array_size(ch),
                         .in_proj = (int)json_integer_value(json_object_get(j, "in_proj")),
                         .z_channels = (int)json_integer_value(json_object_get(j, "z_channels")),
                         .n_res = 2,
                         .mid_attention = true,
                         .kl_weight = json_number_value(json_object_get(j, "kl_weight"))};
    v->n_snp = v->seq_len;
    for (int i = 0; i < v->n_level; i++)
        v->channels[i] = (int)json_integer_value(json_array_get(ch, (size_t)i));
    *u = (sg_unet_config){.latent_len = sg_vae_latent_len(v),
                          .z_channels = v->z_channels,
                          .channels = (int)json_integer_value(json_object_get(j, "unet_channels")),
                          .n_mult = (int)json_array_size(mult),
                          .n_res = 2,
                          .head_width = 32,
                          .context_dim = (int)json_integer_value(json_object_get(j, "context_dim")),
                          .n_classes = (int)json_integer_value(json_object_get(j, "n_classes"))};
    for (int i = 0; i < u->n_mult; i++)
        u->mult[i] = (int)json_integer_value(json_array_get(mult, (size_t)i));
    json_decref(j);
}

static float *weights(const sg_params *p, const char *dir, const char *name, const char *optional)
{
    sg_safetensors *s = open_file(dir, name);
    float *w = malloc((size_t)p->n_float * sizeof *w);
    sg_err err = {0};
    ck_assert_msg(sg_params_read(p, s, optional, w, &err) == SG_OK, "%s", err.msg);
    const int64_t n_missing = optional && !sg_safetensors_find(s, optional) ? 1 : 0;
    ck_assert_int_eq(sg_safetensors_count(s), p->n_param - n_missing); /* every published name is one of ours */
    sg_safetensors_free(s);
    return w;
}

static const sg_stored *want(const world *w, const char *name)
{
    const sg_stored *t = sg_safetensors_find(w->want, name);
    ck_assert_msg(t != NULL, "%s: no tensor %s", w->dir, name);
    return t;
}

static float *wantf(const world *w, const char *name)
{
    const sg_stored *t = want(w, name);
    float *x = malloc((size_t)(t->n + 1) * sizeof *x);
    sg_stored_f32(t, x);
    return x;
}

static double *wantd(const world *w, const char *name)
{
    const sg_stored *t = want(w, name);
    double *x = malloc((size_t)(t->n + 1) * sizeof *x);
    sg_stored_f64(t, x);
    return x;
}

static world open_world(const char *dir)
{
    world w = {.dir = dir, .want = open_file(dir, "expected.safetensors")};
    sg_vae_config vc;
    sg_unet_config uc;
    read_config(dir, &vc, &uc);
    sg_err err = {0};
    ck_assert_msg(sg_vae_new(&vc, &w.vae, &err) == SG_OK, "%s", err.msg);
    ck_assert_msg(sg_unet_new(&uc, &w.unet, &err) == SG_OK, "%s", err.msg);
    const sg_params *vp = sg_vae_get_params(w.vae), *up = sg_unet_get_params(w.unet);
    w.n_vae = vp->n_float;
    w.n_unet = up->n_float;
    w.vae_w = weights(vp, dir, "vae.safetensors", "loss.logvar");
    double *loss = wantd(&w, "vae.loss");
    w.vae_w[sg_params_find(vp, "loss.logvar")->at] = (float)loss[4];
    free(loss);
    w.unet_w = weights(up, dir, "diffusion.safetensors", NULL);
    ck_assert_msg(sg_vae_load(w.vae, w.vae_w, &err) == SG_OK, "%s", err.msg);
    ck_assert_msg(sg_unet_load(w.unet, w.unet_w, &err) == SG_OK, "%s", err.msg);
    w.L = vc.seq_len;
    w.T = uc.latent_len;
    w.z = uc.z_channels;
    return w;
}

static void close_world(world *w)
{
    sg_vae_free(w->vae);
    sg_unet_free(w->unet);
    sg_safetensors_free(w->want);
    free(w->vae_w);
    free(w->unet_w);
    sg_arena_clear(&w->arena);
}

/* An arena of exactly so many bytes: the promise of sg_*_bytes is part of what is tested. */
static sg_arena *exact(world *w, size_t bytes)
{
    sg_arena_clear(&w->arena);
    sg_err err = {0};
    ck_assert_msg(sg_arena_init(&w->arena, bytes, &err) == SG_OK, "%s", err.msg);
    w->arena.size = bytes;
    return &w->arena;
}

static double relative(const float *have, const float *ref, int64_t n)
{
    double d = 0, s = 0;
    for (int64_t i = 0; i < n; i++) {
        d += ((double)have[i] - ref[i]) * ((double)have[i] - ref[i]);
        s += (double)ref[i] * ref[i];
    }
    return sqrt(d) / (sqrt(s) + 1e-30);
}

static void expect_close(const world *w, const char *name, const float *have, double limit)
{
    float *ref = wantf(w, name);
    const double r = relative(have, ref, want(w, name)->n);
    printf("  %-28s %.2e\n", name, r);
    ck_assert_msg(r <= limit, "%s: %s is off by %.3g of its norm, want %.0e", w->dir, name, r, limit);
    free(ref);
}

/* The largest gradient norm of a network. A bias in front of a GroupNorm with one channel per group has the gradient 0,
 * and what either side computes is rounding noise, some 1e-7 of the largest: it is compared on that scale. */
static double largest_norm(const world *w, const char *net, const sg_params *p)
{
    char name[200];
    double top = 0;
    for (int64_t i = 0; i < p->n_param; i++) {
        (void)snprintf(name, sizeof name, "gradsum/%s/%s", net, p->list[i].name);
        if (!sg_safetensors_find(w->want, name))
            continue;
        double *ref = wantd(w, name);
        top = fmax(top, ref[0]);
        free(ref);
    }
    return top;
}

/* Every gradient summary (norm, sum, first six) and every full gradient that the file has. */
static void expect_gradients(const world *w, const char *net, const sg_params *p, const float *grad)
{
    char name[200];
    const double floor = 1e-7 * largest_norm(w, net, p);
    double worst = 0;
    int64_t n_checked = 0, n_noise = 0;
    for (int64_t i = 0; i < p->n_param; i++) {
        const sg_param *q = &p->list[i];
        const float *g = grad + q->at;
        (void)snprintf(name, sizeof name, "gradsum/%s/%s", net, q->name);
        if (!sg_safetensors_find(w->want, name)) {
            ck_assert_str_eq(q->name, "loss.logvar");
            continue;
        }
        double *ref = wantd(w, name), norm = 0, sum = 0;
        for (int64_t k = 0; k < q->n; k++) {
            norm += (double)g[k] * g[k];
            sum += g[k];
        }
        norm = sqrt(norm);
        double off = fabs(norm - ref[0]);
        off = fmax(off, fabs(sum - ref[1]) / sqrt((double)q->n));
        for (int64_t k = 0; k < 6 && k < q->n; k++)
            off = fmax(off, fabs(g[k] - ref[2 + k]));
        const bool noise = ref[0] > 0 && ref[0] <= floor;
        const double r = off / (ref[0] > floor ? ref[0] : floor);
        if (noise)
            n_noise++;
        else
            worst = fmax(worst, ref[0] > 0 ? r : 0);
        ck_assert_msg(ref[0] > 0 ? r <= (noise ? 1.0 : 1e-4) : norm == 0,
                      "%s: gradient of %s is off by %.3g of its norm %.3g (largest %.3g)", w->dir, q->name, r, ref[0],
                      floor * 1e7);
        free(ref);
        n_checked++;
        (void)snprintf(name, sizeof name, "%s.grad.%s", net, q->name);
        if (!noise && sg_safetensors_find(w->want, name))
            expect_close(w, name, g, 1e-4);
    }
    printf("  %lld gradients of %s, worst %.2e; %lld of them rounding noise\n", (long long)n_checked, net, worst,
           (long long)n_noise);
    ck_assert_int_ge(n_checked, p->n_param - 1);
}

static int8_t *labels(const world *w, const char *name, const char *keep)
{
    double *l = wantd(w, name), *k = keep ? wantd(w, keep) : NULL;
    const int64_t n = want(w, name)->n;
    int8_t *out = malloc((size_t)n + 1);
    for (int64_t i = 0; i < n; i++)
        out[i] = (int8_t)(k && k[i] == 0 ? SG_UNCONDITIONAL : (int)l[i]);
    free(l);
    free(k);
    return out;
}

static int8_t *genotypes(const world *w, const char *name)
{
    const sg_stored *t = want(w, name);
    int8_t *g = malloc((size_t)t->n + 1);
    memcpy(g, t->data, (size_t)t->n);
    return g;
}

static double forward_limit(void)
{
    return sg_backend_chosen()->precision == SG_FLOAT32 ? 1e-5 : 2e-2;
}

START_TEST(vae_outputs_are_the_published_ones)
{
    world w = open_world(folder[_i]);
    printf("%s\n", w.dir);
    const int64_t B = want(&w, "genotypes")->dim[0], n = B * w.z * w.T;
    int8_t *geno = genotypes(&w, "genotypes");
    float *mean = malloc((size_t)n * sizeof *mean), *logvar = malloc((size_t)n * sizeof *logvar);
    float *z = wantf(&w, "vae.z"), *logits = malloc((size_t)(B * w.L * 3) * sizeof *logits),
          *turned = malloc((size_t)(B * w.L * 3) * sizeof *turned);
    sg_err err = {0};
    sg_arena *a = exact(&w, sg_vae_infer_bytes(w.vae, B));
    ck_assert_msg(sg_vae_encode(w.vae, B, geno, a, mean, logvar, &err) == SG_OK, "%s", err.msg);
    ck_assert_msg(sg_vae_decode(w.vae, B, z, a, logits, &err) == SG_OK, "%s", err.msg);
    ck_assert_uint_eq(a->used, 0);
    for (int64_t b = 0; b < B; b++) /* stored [B, 3, L] */
        for (int64_t l = 0; l < w.L; l++)
            for (int k = 0; k < 3; k++)
                turned[(b * 3 + k) * w.L + l] = logits[(b * w.L + l) * 3 + k];
    expect_close(&w, "vae.mu", mean, forward_limit());
    expect_close(&w, "vae.logvar", logvar, forward_limit());
    expect_close(&w, "vae.logits", turned, forward_limit());
    free(geno);
    free(mean);
    free(logvar);
    free(z);
    free(logits);
    free(turned);
    close_world(&w);
}
END_TEST

START_TEST(vae_loss_and_every_gradient_are_the_published_ones)
{
    world w = open_world(folder[_i]);
    const int64_t B = want(&w, "genotypes")->dim[0];
    int8_t *geno = genotypes(&w, "genotypes");
    float *eps = wantf(&w, "vae.eps"), *grad = calloc((size_t)w.n_vae, sizeof *grad);
    double *ref = wantd(&w, "vae.loss"), *ref_s = wantd(&w, "vae.loss_logvar_grad");
    sg_vae_loss loss, alone;
    sg_err err = {0};
    sg_arena *a = exact(&w, sg_vae_train_bytes(w.vae, B));
    const double kl = sg_vae_get_config(w.vae)->kl_weight;
    ck_assert_msg(sg_vae_loss_grad(w.vae, B, B, geno, eps, kl, a, &loss, grad, &err) == SG_OK, "%s", err.msg);
    ck_assert_msg(sg_vae_loss_grad(w.vae, B, B, geno, eps, kl, a, &alone, NULL, &err) == SG_OK, "%s", err.msg);
    const double have[4] = {loss.total / (double)B, loss.nll / (double)B, loss.kl / (double)B, loss.ce / (double)B};
    for (int i = 0; i < 4; i++)
        ck_assert_msg(fabs(have[i] - ref[i]) <= 1e-5 * fabs(ref[i]), "%s: loss %d is %.9g, want %.9g", w.dir, i,
                      have[i], ref[i]);
    ck_assert_double_eq(loss.total, alone.total);
    expect_gradients(&w, "vae", sg_vae_get_params(w.vae), grad);
    const double s = grad[sg_params_find(sg_vae_get_params(w.vae), "loss.logvar")->at];
    ck_assert_msg(fabs(s - ref_s[0]) <= 1e-4 * fabs(ref_s[0]), "%s: d total / d s is %.9g, want %.9g", w.dir, s,
                  ref_s[0]);
    free(geno);
    free(eps);
    free(grad);
    free(ref);
    free(ref_s);
    close_world(&w);
}
END_TEST

START_TEST(unet_output_is_the_published_one)
{
    world w = open_world(folder[_i]);
    const int64_t B = want(&w, "unet.x")->dim[0];
    float *x = wantf(&w, "unet.x"), *out = malloc((size_t)(B * w.z * w.T) * sizeof *out);
    double *td = wantd(&w, "unet.t");
    int8_t *label = labels(&w, "unet.labels", "unet.keep");
    int32_t t[64];
    for (int64_t b = 0; b < B; b++)
        t[b] = (int32_t)td[b];
    sg_err err = {0};
    sg_arena *a = exact(&w, sg_unet_infer_bytes(w.unet, B));
    ck_assert_msg(sg_unet_eval(w.unet, B, x, t, label, a, out, &err) == SG_OK, "%s", err.msg);
    expect_close(&w, "unet.out", out, forward_limit());
    free(x);
    free(out);
    free(td);
    free(label);
    close_world(&w);
}
END_TEST

START_TEST(diffusion_loss_and_every_gradient_are_the_published_ones)
{
    world w = open_world(folder[_i]);
    const int64_t B = want(&w, "ldm.z0")->dim[0];
    float *z0 = wantf(&w, "ldm.z0"), *noise = wantf(&w, "ldm.noise"), *grad = calloc((size_t)w.n_unet, sizeof *grad),
          *pred = malloc((size_t)(B * w.z * w.T) * sizeof *pred);
    double *idxd = wantd(&w, "ldm.idx"), *ref = wantd(&w, "ldm.loss"), loss, alone;
    int8_t *label = labels(&w, "ldm.labels", "ldm.keep");
    int32_t idx[64];
    for (int64_t b = 0; b < B; b++)
        idx[b] = (int32_t)idxd[b];
    static sg_schedule s;
    sg_schedule_published(&s);
    sg_err err = {0};
    sg_arena *a = exact(&w, sg_unet_train_bytes(w.unet, B));
    ck_assert_msg(sg_unet_loss_grad(w.unet, &s, SG_OBJECTIVE_EPS, B, B, z0, noise, idx, label, NULL, a, &loss, grad,
                                    pred, &err) == SG_OK,
                  "%s", err.msg);
    ck_assert_msg(sg_unet_loss_grad(w.unet, &s, SG_OBJECTIVE_EPS, B, B, z0, noise, idx, label, NULL, a, &alone, NULL,
                                    NULL, &err) == SG_OK,
                  "%s", err.msg);
    expect_close(&w, "ldm.pred_eps", pred, 1e-5);
    ck_assert_msg(fabs(loss - ref[0]) <= 1e-5 * ref[0], "%s: loss %.9g, want %.9g", w.dir, loss, ref[0]);
    ck_assert_double_eq(loss, alone);
    expect_gradients(&w, "ldm", sg_unet_get_params(w.unet), grad);
    free(z0);
    free(noise);
    free(grad);
    free(pred);
    free(idxd);
    free(ref);
    free(label);
    close_world(&w);
}
END_TEST

START_TEST(noise_levels_are_the_published_ones)
{
    world w = open_world(folder[_i]);
    double *ref = wantd(&w, "schedule.sigmas");
    sg_schedule s;
    sg_schedule_published(&s);
    for (int i = 0; i < SG_N_SIGMA; i++) {
        ck_assert_msg(fabs(s.sigma[i] - ref[i]) <= 1e-5 * ref[i], "sigma %d is %.9g, want %.9g", i, s.sigma[i], ref[i]);
        ck_assert_int_eq(sg_schedule_nearest(&s, ref[i]), i);
    }
    free(ref);
    close_world(&w);
}
END_TEST

/* Genotypes of the decoded latent against the stored ones; a difference is only fine where the two logits tie. */
static void expect_genotypes(world *w, const char *tag, const float *x, int64_t B)
{
    char name[80];
    (void)snprintf(name, sizeof name, "sample.%s.genotypes", tag);
    int8_t *ref = genotypes(w, name);
    float *logits = malloc((size_t)(B * w->L * 3) * sizeof *logits);
    sg_err err = {0};
    ck_assert_msg(sg_vae_decode(w->vae, B, x, exact(w, sg_vae_infer_bytes(w->vae, B)), logits, &err) == SG_OK, "%s",
                  err.msg);
    int64_t n_tie = 0;
    for (int64_t i = 0; i < B * w->L; i++) {
        const float *p = logits + 3 * i;
        const int best = p[1] > p[0] ? (p[2] > p[1] ? 2 : 1) : (p[2] > p[0] ? 2 : 0);
        if (best == ref[i])
            continue;
        n_tie++;
        ck_assert_msg(fabsf(p[best] - p[ref[i]]) <= 1e-3f * (1.0f + fabsf(p[best])),
                      "%s %s: a genotype differs where logits differ by %g", w->dir, tag,
                      (double)(p[best] - p[ref[i]]));
    }
    printf("  %s: %lld ties\n", tag, (long long)n_tie);
    ck_assert_int_le(n_tie, B * w->L / 1000 + 1);
    free(ref);
    free(logits);
}

START_TEST(sampling_trajectories_end_where_the_published_ones_do)
{
    static const struct {
        const char *tag;
        int steps;
        double guidance;
    } run[3] = {{"euler50_cfg5", 50, 5}, {"euler50_cfg1", 50, 1}, {"euler20_cfg2", 20, 2}};
    world w = open_world(folder[_i]);
    static sg_schedule s;
    sg_schedule_published(&s);
    for (int k = 0; k < 3; k++) {
        char name[80];
        (void)snprintf(name, sizeof name, "sample.%s.sigmas", run[k].tag);
        const sg_solve_options o = {SG_SOLVER_EULER, run[k].steps, run[k].guidance, 0, INFINITY, SG_OBJECTIVE_EPS};
        double *ref = wantd(&w, name), sigma[SG_STEPS_MAX + 1];
        int32_t index[SG_STEPS_MAX];
        sg_err err = {0};
        ck_assert_msg(sg_solver_plan(&s, &o, sigma, index, &err) == SG_OK, "%s", err.msg);
        ck_assert_int_eq(want(&w, name)->n, run[k].steps + 1);
        for (int i = 0; i <= run[k].steps; i++)
            ck_assert_msg(fabs(sigma[i] - ref[i]) <= 1e-5 * (ref[i] + 1e-9), "step %d: sigma %.9g, want %.9g", i,
                          sigma[i], ref[i]);
        const int64_t B = want(&w, "sample.init")->dim[0];
        float *x = wantf(&w, "sample.init");
        int8_t *label = labels(&w, "sample.labels", NULL);
        sg_arena *a = exact(&w, sg_solve_bytes(w.unet, B));
        ck_assert_msg(sg_solve(w.unet, &s, &o, B, label, NULL, a, x, &err) == SG_OK, "%s", err.msg);
        (void)snprintf(name, sizeof name, "sample.%s.latent", run[k].tag);
        expect_close(&w, name, x, 1e-3);
        expect_genotypes(&w, run[k].tag, x, B);
        free(ref);
        free(x);
        free(label);
    }
    close_world(&w);
}
END_TEST

static void add_folder(const char *path)
{
    char probe[640];
    (void)snprintf(probe, sizeof probe, "%s/expected.safetensors", path);
    if (n_folder < FOLDER_MAX && sg_file_exists(probe))
        (void)snprintf(folder[n_folder++], sizeof folder[0], "%s", path);
}

static void find_folders(void)
{
    const char *shared = getenv("SG_SHARED") ? getenv("SG_SHARED") : "../shared";
    char path[512];
    (void)snprintf(path, sizeof path, "%s/vectors/tiny", shared);
    add_folder(path);
    (void)snprintf(path, sizeof path, "%s/vectors/small", shared);
    add_folder(path);
    char more[4096];
    (void)snprintf(more, sizeof more, "%s", getenv("SG_VECTORS") ? getenv("SG_VECTORS") : "");
    char *save = NULL;
    for (char *p = strtok_r(more, ":", &save); p; p = strtok_r(NULL, ":", &save))
        add_folder(p);
}

/* Outputs in any precision; what bfloat16 does to gradients and trajectories is not a matter of digits. */
static int run_all(bool exact_arithmetic)
{
    Suite *s = suite_create("networks");
    TCase *t = tcase_create("vectors");
    tcase_set_timeout(t, 0);
    tcase_add_loop_test(t, vae_outputs_are_the_published_ones, 0, n_folder);
    tcase_add_loop_test(t, unet_output_is_the_published_one, 0, n_folder);
    if (exact_arithmetic) {
        tcase_add_loop_test(t, vae_loss_and_every_gradient_are_the_published_ones, 0, n_folder);
        tcase_add_loop_test(t, diffusion_loss_and_every_gradient_are_the_published_ones, 0, n_folder);
        tcase_add_loop_test(t, noise_levels_are_the_published_ones, 0, n_folder);
        tcase_add_loop_test(t, sampling_trajectories_end_where_the_published_ones_do, 0, n_folder);
    }
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed;
}

int main(void)
{
    find_folders();
    if (n_folder == 0) {
        printf("SKIPPED: no vectors below $SG_SHARED (%s)\n", getenv("SG_SHARED") ? getenv("SG_SHARED") : "../shared");
        return 0;
    }
    int failed = 0;
    for (int i = 0; sg_backend_list[i]; i++) {
        if (!sg_backend_list[i]->usable())
            continue;
        printf("%s\n", sg_backend_list[i]->name);
        sg_backend_force(sg_backend_list[i]);
        failed += run_all(sg_backend_list[i]->precision == SG_FLOAT32);
    }
    return failed ? 1 : 0;
}
