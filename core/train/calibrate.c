/* calibrate.c - per-SNP logit offsets that give generated people the genotype frequencies of the training people.
 *
 * A young diffusion model's latents are off by a little in mean, and a decoder turns that into wrong allele
 * frequencies, the first thing anyone looks at. So: generate people of every label, keep their
 * logits l [n, 3] per SNP and label, and find offsets o [3] with
 *
 *      mean over people of softmax(l + o)_g  =  frequency of genotype g among the training people of the label,  g = 0, 1, 2.
 *
 * That is the stationary point of the convex F(o) = mean logsumexp(l + o) - target . o, found by Newton's method in
 * (o1, o2) with o0 = 0. Targets carry half a person per genotype, so that none is 0. SNPs and labels do not touch each other.
 */
#include "base/log.h"
#include "train/internal.h"

#include <math.h>
#include <string.h>

enum { NEWTON_MAX = 40 };
static const double offset_max = 20, tolerance = 1e-6;

typedef struct calibration {
    sg_trainer *t;
    int64_t n;
    int8_t *label;                  /* [n] */
    int64_t from[SG_LABEL_MAX + 1]; /* people of label y are from[y]..from[y+1]-1 */
    float *logit;                   /* [n_snp, n, 3] */
    double *target;                 /* [n_label, n_snp, 3] */
    double *was, *now;              /* [n_label, n_snp] frequency of the counted allele before and after */
    double *gap;                    /* [n_label, n_snp] largest genotype frequency error left */
    sg_run quiet;                   /* the stop flag alone: workers report nothing */
} calibration;

/* Labels 0,0,..,1,1,..: as many people of each, since each label is fitted by itself. */
static void label_people(calibration *c)
{
    const int n_label = c->t->d->n_label;
    for (int y = 0; y <= n_label; y++)
        c->from[y] = y * c->n / n_label;
    for (int y = 0; y < n_label; y++)
        memset(c->label + c->from[y], y, (size_t)(c->from[y + 1] - c->from[y]));
}

/* Newton's method bends to whatever the first people are like, so people come from their own random streams. */
static sg_status generate_chunk(void *ctx, int64_t first, int64_t n, sg_arena *a, float *grad, double *sum, sg_err *err)
{
    (void)grad;
    (void)sum;
    calibration *c = ctx;
    const sg_trainer *t = c->t;
    const int64_t D = t->plan.unet.z_channels * t->plan.unet.latent_len, L = t->plan.vae.seq_len;
    float *x = SG_NEW_RAW(a, float, n *D), *logit = SG_NEW_RAW(a, float, n *L * 3);
    float *scratch = SG_NEW_RAW(a, float, D);
    if (!x || !logit || !scratch)
        return sg_arena_full(a, "people to calibrate with", err);
    for (int64_t i = 0; i < n; i++) {
        sg_rng r =
            sg_rng_stream(t->o->seed, SG_RNG_TRAIN_NOISE, (uint64_t)(first + i), (uint32_t)SG_STAGE_CALIBRATE << 24);
        sg_rng_fill_normal(&r, x + i * D, D);
    }
    SG_TRY(sg_solve(t->unet, &t->schedule, &t->plan.solve, n, c->label + first, &c->quiet, a, x, err));
    for (int64_t i = 0; i < n; i++)
        sg_latent_from_diffusion(&t->space, c->label[first + i], x + i * D, scratch);
    SG_TRY(sg_vae_decode(t->vae, n, x, a, logit, err));
    for (int64_t i = 0; i < n; i++)
        for (int64_t l = 0; l < t->plan.vae.n_snp; l++)
            memcpy(c->logit + (l * c->n + first + i) * 3, logit + (i * L + l) * 3, 3 * sizeof *logit);
    return SG_OK;
}

/* Mean softmax of one SNP with offsets o, and the 2 x 2 second derivative in (o1, o2). */
static void mean_softmax(const float *logit, int64_t n, const double o[3], double f[3], double h[3])
{
    memset(f, 0, 3 * sizeof *f);
    memset(h, 0, 3 * sizeof *h);
    for (int64_t i = 0; i < n; i++) {
        const double l0 = logit[3 * i] + o[0], l1 = logit[3 * i + 1] + o[1], l2 = logit[3 * i + 2] + o[2];
        const double top = fmax(l0, fmax(l1, l2));
        const double e0 = exp(l0 - top), e1 = exp(l1 - top), e2 = exp(l2 - top), all = e0 + e1 + e2;
        const double p1 = e1 / all, p2 = e2 / all;
        f[0] += e0 / all;
        f[1] += p1;
        f[2] += p2;
        h[0] += p1 * (1 - p1);
        h[1] -= p1 * p2;
        h[2] += p2 * (1 - p2);
    }
    for (int g = 0; g < 3; g++) {
        f[g] /= (double)n;
        h[g] /= (double)n;
    }
}

static double clamp(double x, double most)
{
    return fmin(fmax(x, -most), most);
}

static double worst(const double f[3], const double target[3])
{
    return fmax(fabs(f[0] - target[0]), fmax(fabs(f[1] - target[1]), fabs(f[2] - target[2])));
}

/* Row r = y n_snp + l: SNP l among people of label y. */
static void fit_row(void *ctx, int64_t r, int worker)
{
    (void)worker;
    calibration *c = ctx;
    const int64_t n_snp = c->t->plan.vae.n_snp, y = r / n_snp, n = c->from[y + 1] - c->from[y];
    const float *logit = c->logit + (r % n_snp * c->n + c->from[y]) * 3;
    const double *target = c->target + 3 * r;
    double o[3] = {0}, f[3], h[3];
    mean_softmax(logit, n, o, f, h);
    c->was[r] = f[1] / 2 + f[2];
    for (int step = 0; step < NEWTON_MAX && worst(f, target) > tolerance; step++) {
        const double ridge = 1e-4, a = h[0] + ridge, d = h[2] + ridge, det = a * d - h[1] * h[1];
        const double g1 = target[1] - f[1], g2 = target[2] - f[2];
        o[1] = clamp(o[1] + clamp((d * g1 - h[1] * g2) / det, 2), offset_max);
        o[2] = clamp(o[2] + clamp((a * g2 - h[1] * g1) / det, 2), offset_max);
        mean_softmax(logit, n, o, f, h);
    }
    c->now[r] = f[1] / 2 + f[2];
    c->gap[r] = worst(f, target);
    const double mean = (o[0] + o[1] + o[2]) / 3;
    for (int g = 0; g < 3; g++)
        c->t->logit_offset[3 * r + g] = (float)(o[g] - mean);
}

/* Frequencies among the members of a label; among all members where a label has none. */
static void count_targets(calibration *c)
{
    const sg_trainer *t = c->t;
    const int64_t n_snp = t->plan.vae.n_snp, N = t->plan.n_train;
    for (int y = 0; y < t->d->n_label; y++) {
        int64_t n_own = 0;
        for (int64_t i = 0; i < N; i++)
            n_own += t->d->label[t->train[i]] == y;
        for (int64_t l = 0; l < n_snp; l++) {
            double count[3] = {0.5, 0.5, 0.5};
            for (int64_t i = 0; i < N; i++)
                if (!n_own || t->d->label[t->train[i]] == y)
                    count[sg_people_get(&t->d->people, t->train[i], l)] += 1;
            for (int g = 0; g < 3; g++)
                c->target[3 * (y * n_snp + l) + g] = count[g] / ((double)(n_own ? n_own : N) + 1.5);
        }
    }
}

double sg_pearson(const double *x, const double *y, int64_t n)
{
    double mx = 0, my = 0, xx = 0, yy = 0, xy = 0;
    for (int64_t i = 0; i < n; i++) {
        mx += x[i] / (double)n;
        my += y[i] / (double)n;
    }
    for (int64_t i = 0; i < n; i++) {
        xx += (x[i] - mx) * (x[i] - mx);
        yy += (y[i] - my) * (y[i] - my);
        xy += (x[i] - mx) * (y[i] - my);
    }
    return xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : NAN;
}

static void report(calibration *c)
{
    const int64_t n_row = c->t->plan.vae.n_snp * c->t->d->n_label;
    double gap = 0;
    for (int64_t l = 0; l < n_row; l++) {
        gap = fmax(gap, c->gap[l]);
        c->target[l] = c->target[3 * l + 1] / 2 + c->target[3 * l + 2]; /* in place: 3l >= l */
    }
    const double before = sg_pearson(c->was, c->target, n_row), after = sg_pearson(c->now, c->target, n_row);
    sg_log(SG_LOG_INFO, "calibration over %lld generated people: allele-frequency r %.4f before, %.4f after",
           (long long)c->n, before, after);
    json_t *j = json_pack("{s:I, s:f}", "people", (json_int_t)c->n, "worst_genotype_frequency_error", gap);
    json_object_set_new(j, "allele_frequency_r_before", isfinite(before) ? json_real(before) : json_null());
    json_object_set_new(j, "allele_frequency_r_after", isfinite(after) ? json_real(after) : json_null());
    json_object_set_new(c->t->metrics, "calibration", j);
}

sg_status sg_train_calibrate(sg_trainer *t, sg_err *err)
{
    const int64_t n = t->o->calibrate_people, n_snp = t->plan.vae.n_snp, n_row = n_snp * t->d->n_label;
    calibration c = {.t = t, .n = n, .quiet = {.stop = t->run ? t->run->stop : NULL}};
    t->logit_offset = SG_NEW(t->a, float, n_row * 3);
    const size_t mark = sg_arena_mark(t->a);
    c.label = SG_NEW(t->a, int8_t, n);
    c.logit = SG_NEW_RAW(t->a, float, n *n_snp * 3);
    c.target = SG_NEW(t->a, double, n_row * 3);
    c.was = SG_NEW(t->a, double, n_row);
    c.now = SG_NEW(t->a, double, n_row);
    c.gap = SG_NEW(t->a, double, n_row);
    if (!t->logit_offset || !c.label || !c.logit || !c.target || !c.was || !c.now || !c.gap)
        return sg_arena_full(t->a, "the people to calibrate with", err);
    label_people(&c);
    SG_TRY(sg_vae_load(t->vae, t->state.vae.ema, err));
    SG_TRY(sg_unet_load(t->unet, t->state.unet.ema, err));
    const int64_t chunk = t->o->chunk, L = t->plan.vae.seq_len;
    const int64_t D = t->plan.unet.z_channels * t->plan.unet.latent_len;
    const size_t bytes = sg_solve_bytes(t->unet, chunk) + sg_vae_infer_bytes(t->vae, chunk) +
                         (size_t)(chunk * (12 * L + 4 * D) + 4 * D) + ((size_t)1 << 16);
    sg_crew crew;
    SG_TRY(sg_crew_init(&crew, t->run, t->o->lanes, chunk, 0, bytes, t->a, err));
    crew.stage = "calibrate";
    double sum[SG_CREW_SUMS];
    const sg_status st = sg_crew_go(&crew, n, generate_chunk, &c, false, sum, err);
    sg_crew_clear(&crew);
    if (st)
        return st;
    count_targets(&c);
    sg_pool_for(t->run ? t->run->pool : NULL, n_row, fit_row, &c);
    report(&c);
    sg_arena_rewind(t->a, mark);
    return SG_OK;
}
