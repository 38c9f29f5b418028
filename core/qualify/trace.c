/* trace.c - what the weights give away about a person; see inside.h.
 *
 * Everybody meets the same noise: differences between people are then differences between people.
 */
#include "base/rng.h"
#include "qualify/inside.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 16 };

/* Levels of the noise, of 1,000. Membership shows at small ones (MIDST 2025); the larger are there for models trained on those alone. */
static const int32_t level[SG_QUALIFY_LEVELS] = {5, 10, 20, 30, 50, 100, 200, 350, 500, 700};
static const int free_of[SG_TRACE_FREE] = {3, 5, 7}; /* levels at which the network is also asked without a label */

typedef struct tracer {
    const sg_model *m;
    const sg_people *people;
    const int8_t *label;
    const float *noise; /* [levels, draws, D] */
    int draws;
    int64_t D, L, n_snp;
    const char *stage;
    const sg_run *run;
    sg_arena *scratch; /* [workers] */
    sg_err *err;
    sg_status *st;
    double *trace;
    _Atomic int64_t done;
    _Atomic bool failed;
} tracer;

/* -log softmax of the right code, and whether another is larger. */
static double cross_entropy(const float *logit, int code, bool *wrong)
{
    double most = logit[0], sum = 0;
    for (int k = 1; k < 3; k++)
        most = fmax(most, (double)logit[k]);
    for (int k = 0; k < 3; k++)
        sum += exp((double)logit[k] - most);
    *wrong = (double)logit[code] < most;
    return log(sum) + most - (double)logit[code];
}

static sg_status vae_traces(const tracer *t, int64_t first, int64_t n, const int8_t *code, float *mean, sg_arena *a,
                            sg_err *err)
{
    float *logvar = SG_NEW_RAW(a, float, CHUNK * t->D), *logit = SG_NEW_RAW(a, float, CHUNK * t->L * 3);
    if (!logvar || !logit)
        return sg_arena_full(a, "a chunk of people", err);
    SG_TRY(sg_vae_encode(t->m->vae, CHUNK, code, a, mean, logvar, err));
    SG_TRY(sg_vae_decode(t->m->vae, CHUNK, mean, a, logit, err));
    for (int64_t b = 0; b < n; b++) {
        double ce = 0, kl = 0;
        int64_t n_wrong = 0;
        for (int64_t v = 0; v < t->n_snp; v++) {
            bool wrong;
            ce += cross_entropy(logit + (b * t->L + v) * 3, code[b * t->L + v], &wrong);
            n_wrong += wrong;
        }
        for (int64_t k = 0; k < t->D; k++) {
            const double mu = mean[b * t->D + k], lv = logvar[b * t->D + k];
            kl += 0.5 * (mu * mu + exp(lv) - lv - 1);
        }
        double *f = t->trace + (first + b) * SG_TRACE;
        f[0] = ce / (double)t->n_snp;
        f[1] = kl / (double)t->D;
        f[2] = (double)n_wrong;
    }
    return SG_OK;
}

/* loss [CHUNK] += mean square of the network's mistakes at one level and draw. */
static sg_status one_loss(const tracer *t, int k, int draw, const float *z0, const int8_t *label, sg_arena *a, float *x,
                          float *out, double *loss, sg_err *err)
{
    const float *noise = t->noise + ((int64_t)k * t->draws + draw) * t->D;
    const double sigma = t->m->schedule.sigma[level[k]], c = 1 / sqrt(sigma * sigma + 1);
    int32_t idx[CHUNK];
    for (int64_t b = 0; b < CHUNK; b++) {
        idx[b] = level[k];
        for (int64_t i = 0; i < t->D; i++)
            x[b * t->D + i] = (float)(c * (z0[b * t->D + i] + sigma * noise[i]));
    }
    SG_TRY(sg_unet_eval(t->m->unet, CHUNK, x, idx, label, a, out, err));
    const bool v = t->m->card.sampling.solve.objective == SG_OBJECTIVE_V;
    for (int64_t b = 0; b < CHUNK; b++) {
        double sum = 0;
        for (int64_t i = 0; i < t->D; i++) {
            const double want = v ? (noise[i] - sigma * z0[b * t->D + i]) * c : (double)noise[i],
                         d = out[b * t->D + i] - want;
            sum += d * d;
        }
        loss[b] += sum / (double)t->D / t->draws;
    }
    return SG_OK;
}

static sg_status losses(const tracer *t, int64_t first, int64_t n, const int8_t *label, const float *z0, sg_arena *a,
                        sg_err *err)
{
    static const int8_t none[CHUNK] = {SG_UNCONDITIONAL, SG_UNCONDITIONAL, SG_UNCONDITIONAL, SG_UNCONDITIONAL,
                                       SG_UNCONDITIONAL, SG_UNCONDITIONAL, SG_UNCONDITIONAL, SG_UNCONDITIONAL,
                                       SG_UNCONDITIONAL, SG_UNCONDITIONAL, SG_UNCONDITIONAL, SG_UNCONDITIONAL,
                                       SG_UNCONDITIONAL, SG_UNCONDITIONAL, SG_UNCONDITIONAL, SG_UNCONDITIONAL};
    float *x = SG_NEW_RAW(a, float, CHUNK * t->D), *out = SG_NEW_RAW(a, float, CHUNK * t->D);
    double own[SG_QUALIFY_LEVELS][CHUNK] = {{0}}, bare[SG_TRACE_FREE][CHUNK] = {{0}};
    if (!x || !out)
        return sg_arena_full(a, "a chunk of people", err);
    for (int k = 0; k < SG_QUALIFY_LEVELS; k++)
        for (int d = 0; d < t->draws; d++) {
            if (sg_cancelled(t->run))
                return sg_fail(err, SG_CANCELLED, "stopped while people were traced");
            SG_TRY(one_loss(t, k, d, z0, label, a, x, out, own[k], err));
            for (int j = 0; j < SG_TRACE_FREE; j++)
                if (free_of[j] == k)
                    SG_TRY(one_loss(t, k, d, z0, none, a, x, out, bare[j], err));
        }
    for (int64_t b = 0; b < n; b++) {
        double *f = t->trace + (first + b) * SG_TRACE, sum = 0;
        for (int k = 0; k < SG_QUALIFY_LEVELS; k++)
            sum += f[SG_TRACE_VAE + k] = own[k][b];
        for (int j = 0; j < SG_TRACE_FREE; j++)
            f[SG_TRACE_VAE + SG_QUALIFY_LEVELS + j] = bare[j][b] - own[free_of[j]][b];
        f[SG_TRACE - 1] = sum / SG_QUALIFY_LEVELS;
    }
    return SG_OK;
}

static sg_status trace_chunk(const tracer *t, int64_t chunk, sg_arena *a, sg_err *err)
{
    const int64_t first = chunk * CHUNK, left = t->people->n_sample - first, n = left < CHUNK ? left : CHUNK;
    int8_t *code = SG_NEW(a, int8_t, CHUNK * t->L), label[CHUNK] = {0};
    float *mean = SG_NEW(a, float, CHUNK * t->D), *scratch = SG_NEW_RAW(a, float, t->D);
    if (!code || !mean || !scratch)
        return sg_arena_full(a, "a chunk of people", err);
    for (int64_t b = 0; b < n; b++) {
        sg_people_unpack(t->people, first + b, code + b * t->L);
        label[b] = t->label[first + b];
    }
    SG_TRY(vae_traces(t, first, n, code, mean, a, err));
    for (int64_t b = 0; b < CHUNK; b++)
        sg_latent_to_diffusion(&t->m->space, label[b], mean + b * t->D, scratch);
    return losses(t, first, n, label, mean, a, err);
}

static void do_chunk(void *ctx, int64_t chunk, int worker)
{
    tracer *t = ctx;
    if (atomic_load(&t->failed))
        return;
    sg_arena *a = &t->scratch[worker];
    const size_t mark = sg_arena_mark(a);
    const sg_status st = trace_chunk(t, chunk, a, &t->err[worker]);
    sg_arena_rewind(a, mark);
    if (st && !t->st[worker]) {
        t->st[worker] = st;
        atomic_store(&t->failed, true);
    }
    const int64_t done = atomic_fetch_add(&t->done, 1) + 1;
    if (worker == 0)
        sg_report(t->run, t->stage, done * CHUNK, t->people->n_sample);
}

static sg_status trace_all(tracer *t, int workers, sg_err *err)
{
    const size_t most = sg_unet_infer_bytes(t->m->unet, CHUNK), vae = sg_vae_infer_bytes(t->m->vae, CHUNK),
                 bytes = (most > vae ? most : vae) + (size_t)(CHUNK * (6 * t->D + 4 * t->L) + 4096) * 4 * 4;
    sg_status st = SG_OK;
    int made = 0;
    for (; !st && made < workers; made++)
        st = sg_arena_init(&t->scratch[made], bytes + ((size_t)1 << 20), err);
    if (!st)
        sg_pool_for(t->run ? t->run->pool : NULL, (t->people->n_sample + CHUNK - 1) / CHUNK, do_chunk, t);
    for (int w = 0; w < workers; w++) {
        if (!st && t->st[w]) {
            st = t->st[w];
            if (err)
                *err = t->err[w];
        }
        sg_arena_clear(&t->scratch[w]);
    }
    return st;
}

sg_status sg_trace_people(const sg_model *m, const sg_people *people, const int8_t *label, uint64_t seed, int draws,
                          const char *stage, const sg_run *run, double *trace, sg_err *err)
{
    const int workers = sg_pool_size(run ? run->pool : NULL);
    tracer t = {.m = m,
                .people = people,
                .label = label,
                .draws = draws,
                .D = m->card.vae.z_channels * sg_vae_latent_len(&m->card.vae),
                .L = m->card.vae.seq_len,
                .n_snp = m->card.vae.n_snp,
                .stage = stage,
                .run = run,
                .trace = trace};
    if (people->n_variant != t.n_snp)
        return sg_fail(err, SG_MISMATCH, "the people have %lld SNPs, the model %lld", (long long)people->n_variant,
                       (long long)t.n_snp);
    sg_arena a;
    SG_TRY(
        sg_arena_init(&a, (size_t)(SG_QUALIFY_LEVELS * draws) * (size_t)t.D * 4 + (size_t)workers * 4096 + 65536, err));
    float *noise = SG_NEW_RAW(&a, float, SG_QUALIFY_LEVELS *draws *t.D);
    t.scratch = SG_NEW(&a, sg_arena, workers);
    t.err = SG_NEW(&a, sg_err, workers);
    t.st = SG_NEW(&a, sg_status, workers);
    sg_status st = SG_OK;
    if (!noise || !t.scratch || !t.err || !t.st) {
        st = sg_arena_full(&a, "noise", err);
    } else {
        sg_rng r = sg_rng_stream(seed, SG_RNG_QUALIFY, 0, 2);
        sg_rng_fill_normal(&r, noise, SG_QUALIFY_LEVELS * draws * t.D);
        t.noise = noise;
        st = trace_all(&t, workers, err);
    }
    sg_arena_clear(&a);
    return st;
}
