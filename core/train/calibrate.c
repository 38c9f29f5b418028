/* calibrate.c - what every generated person has in common, corrected: genotype frequencies by label, and linked pairs.
 *
 * A young diffusion model's latents are off by a little in mean, and fuzzy; a decoder turns the first into wrong allele
 * frequencies and the second into lost linkage. So: generate people of every label, keep their logits, and fit offsets
 * and a forest of pairs (decode/fit.h) until both agree with the training people's.
 */
#include "base/log.h"
#include "decode/fit.h"
#include "train/internal.h"

#include <math.h>
#include <string.h>

typedef struct calibration {
    sg_trainer *t;
    int64_t n;
    int8_t *label;                  /* [n] */
    int64_t from[SG_LABEL_MAX + 1]; /* people of label y are from[y]..from[y+1]-1 */
    float *logit;                   /* [n_snp, n, 3] */
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

/* The fit bends to whatever these people are like, so they come from their own random streams; person k of every label
 * from the same one: the chance that all labels share cancels in what they differ by, the effects. */
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
        const int64_t k = first + i - c->from[c->label[first + i]];
        sg_rng r = sg_rng_stream(t->o->seed, SG_RNG_TRAIN_NOISE, (uint64_t)k, (uint32_t)SG_STAGE_CALIBRATE << 24);
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

static void report(const calibration *c, const sg_forest *f, const sg_decode_fit_result *r)
{
    sg_log(SG_LOG_INFO,
           "calibration over %lld generated people: allele-frequency r %.4f before, %.4f after; %lld links, "
           "pairs off by at most %.4f before, %.4f after",
           (long long)c->n, r->r_was, r->r_now, (long long)f->n_edge, r->pair_was, r->pair_now);
    json_t *j = json_pack("{s:I, s:I, s:f, s:f, s:f, s:f}", "people", (json_int_t)c->n, "links", (json_int_t)f->n_edge,
                          "worst_genotype_frequency_error_before", r->was, "worst_genotype_frequency_error", r->now,
                          "worst_pair_frequency_error_before", r->pair_was, "worst_pair_frequency_error", r->pair_now);
    json_object_set_new(j, "allele_frequency_r_before", isfinite(r->r_was) ? json_real(r->r_was) : json_null());
    json_object_set_new(j, "allele_frequency_r_after", isfinite(r->r_now) ? json_real(r->r_now) : json_null());
    json_object_set_new(c->t->metrics, "calibration", j);
}

static sg_status generate(calibration *c, sg_err *err)
{
    sg_trainer *t = c->t;
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
    const sg_status st = sg_crew_go(&crew, c->n, generate_chunk, c, false, sum, err);
    sg_crew_clear(&crew);
    return st;
}

/* Offsets and links into buffers that outlive the calibration. */
static sg_status fit(calibration *c, float *offset, sg_forest *forest, sg_decode_fit_result *r, sg_err *err)
{
    sg_trainer *t = c->t;
    const sg_dataset *d = t->d;
    sg_decode_target target;
    const sg_run run = {.pool = t->run ? t->run->pool : NULL, .stop = c->quiet.stop};
    SG_TRY(sg_decode_count(&d->people, t->train, t->plan.n_train, d->label, d->n_label, t->a, &target, err));
    if (t->o->linkage) {
        sg_forest found;
        SG_TRY(sg_decode_link(&d->people, t->train, t->plan.n_train, d->label, &run, t->a, &target, &found, err));
        memcpy(forest->parent, found.parent, (size_t)found.n_snp * sizeof *found.parent);
        memcpy(forest->order, found.order, (size_t)found.n_snp * sizeof *found.order);
        forest->n_edge = found.n_edge;
    }
    return sg_decode_fit(&target, c->logit, c->from, &run, t->a, offset, t->o->linkage ? forest : NULL, r, err);
}

sg_status sg_train_calibrate(sg_trainer *t, sg_err *err)
{
    const int64_t n = t->o->calibrate_people, n_snp = t->plan.vae.n_snp;
    calibration c = {.t = t, .n = n, .quiet = {.stop = t->run ? t->run->stop : NULL}};
    float *offset = SG_NEW(t->a, float, t->d->n_label *n_snp * 3);
    sg_forest forest = {.n_snp = n_snp};
    forest.parent = SG_NEW(t->a, int32_t, n_snp);
    forest.order = SG_NEW(t->a, int32_t, n_snp);
    forest.pair = SG_NEW(t->a, float, 9 * n_snp);
    const size_t mark = sg_arena_mark(t->a);
    c.label = SG_NEW(t->a, int8_t, n);
    c.logit = SG_NEW_RAW(t->a, float, n *n_snp * 3);
    if (!offset || !forest.parent || !forest.order || !forest.pair || !c.label || !c.logit)
        return sg_arena_full(t->a, "the people to calibrate with", err);
    label_people(&c);
    SG_TRY(generate(&c, err));
    sg_decode_fit_result r;
    SG_TRY(fit(&c, offset, &forest, &r, err));
    report(&c, &forest, &r);
    if (!forest.n_edge)
        forest = (sg_forest){.n_snp = n_snp};
    t->decoder = (sg_decoder){n_snp, offset, 3 * n_snp, forest};
    sg_arena_rewind(t->a, mark);
    return SG_OK;
}
