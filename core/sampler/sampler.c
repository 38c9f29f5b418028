/* sampler.c - people from noise; see sampler.h.
 *
 * The unit of work is a chunk of CHUNK consecutive person numbers, chunk k holding people k CHUNK .. k CHUNK + CHUNK-1
 * whatever part of them was asked for. The networks always see CHUNK people: seats nobody asked for hold an idle person
 * (zero noise, label 0) and are thrown away. A matrix product may round differently for other sizes or other places in
 * a batch; with size and place fixed by the person's number, person i is the same in every cohort.
 */
#include "sampler/sampler.h"
#include "base/rng.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 16 };

typedef struct sg_work {
    const sg_model *m;
    const sg_sample_request *q;
    const sg_run *run;
    sg_run quiet;         /* the stop flag alone, for solvers on pool threads */
    const float *given;   /* latents [n, D] to decode instead of sampling, or NULL */
    const sg_people *who; /* people to encode, or NULL */
    float *mean;          /* [n, D] of encode */
    sg_people *people;    /* result of sampling and decoding */
    sg_arena *scratch;    /* [n_worker] */
    sg_status *st;        /* [n_worker] and its sentence: the first failure of each worker */
    sg_err *err;
    int64_t n, first, D, L, n_snp;
    const char *stage;
    _Atomic int64_t done;
    _Atomic bool failed;
} sg_work;

/* The part of chunk k that was asked for: seats lo..hi-1, the first of them being row `row` of the request. */
static void chunk_range(const sg_work *w, int64_t k, int64_t *lo, int64_t *hi, int64_t *row)
{
    const int64_t start = (w->first / CHUNK + k) * CHUNK;
    *lo = w->first > start ? w->first - start : 0;
    *hi = w->first + w->n < start + CHUNK ? w->first + w->n - start : CHUNK;
    *row = start + *lo - w->first;
}

static int64_t chunk_count(const sg_work *w)
{
    return w->n ? (w->first + w->n - 1) / CHUNK - w->first / CHUNK + 1 : 0;
}

/* Noise -> latents in VAE space, x [CHUNK, D] overwritten. */
static sg_status make_latents(const sg_work *w, int64_t lo, int64_t hi, int64_t row, sg_arena *a, float *x, sg_err *err)
{
    const sg_sample_request *q = w->q;
    const sg_model *m = w->m;
    int8_t label[CHUNK] = {0};
    memset(x, 0, (size_t)(CHUNK * w->D) * sizeof *x);
    for (int64_t s = lo; s < hi; s++) {
        const int64_t i = row + s - lo;
        label[s] = q->label[i];
        if (q->noise) {
            memcpy(x + s * w->D, q->noise + i * w->D, (size_t)w->D * sizeof *x);
            continue;
        }
        sg_rng r = sg_rng_stream(q->seed, SG_RNG_SAMPLE_NOISE, (uint64_t)(q->first + i), 0);
        sg_rng_fill_normal(&r, x + s * w->D, w->D);
    }
    SG_TRY(sg_solve(m->unet, &m->schedule, &q->how.solve, CHUNK, label, &w->quiet, a, x, err));
    float *scratch = SG_NEW_RAW(a, float, w->D);
    if (!scratch)
        return sg_arena_full(a, "a chunk of people", err);
    for (int64_t s = 0; s < CHUNK; s++)
        sg_latent_from_diffusion(&m->space, label[s], x + s * w->D, scratch);
    return SG_OK;
}

/* Genotypes of row i of the request from logits [L, 3]; people of unknown label decode as label 0. */
static sg_status read_logits(const sg_work *w, const float *logit, int64_t i, double *scratch, int8_t *code,
                             sg_err *err)
{
    sg_rng r = sg_rng_stream(w->q->seed, SG_RNG_SAMPLE_DECODE, (uint64_t)(w->q->first + i), 0);
    const int label = w->q->label ? w->q->label[i] : 0;
    return sg_decode_person(&w->m->decoder, label, logit, w->q->how.decode, &r, scratch, code, err);
}

static sg_status sample_chunk(sg_work *w, int64_t k, sg_arena *a, sg_err *err)
{
    int64_t lo, hi, row;
    chunk_range(w, k, &lo, &hi, &row);
    float *x = SG_NEW(a, float, CHUNK * w->D), *logit = SG_NEW_RAW(a, float, CHUNK * w->L * 3);
    double *scratch = SG_NEW_RAW(a, double, sg_decode_scratch(&w->m->decoder));
    int8_t *code = SG_NEW(a, int8_t, w->n_snp);
    if (!x || !logit || !scratch || !code)
        return sg_arena_full(a, "a chunk of people", err);
    if (w->given)
        memcpy(x + lo * w->D, w->given + row * w->D, (size_t)((hi - lo) * w->D) * sizeof *x);
    else
        SG_TRY(make_latents(w, lo, hi, row, a, x, err));
    if (w->q->latents)
        memcpy(w->q->latents + row * w->D, x + lo * w->D, (size_t)((hi - lo) * w->D) * sizeof *x);
    SG_TRY(sg_vae_decode(w->m->vae, CHUNK, x, a, logit, err));
    for (int64_t s = lo; s < hi; s++) {
        const int64_t i = row + s - lo;
        SG_TRY(read_logits(w, logit + s * w->L * 3, i, scratch, code, err));
        sg_people_pack(w->people, i, code);
    }
    return SG_OK;
}

static sg_status encode_chunk(sg_work *w, int64_t k, sg_arena *a, sg_err *err)
{
    int64_t lo, hi, row;
    chunk_range(w, k, &lo, &hi, &row);
    int8_t *code = SG_NEW(a, int8_t, CHUNK * w->L);
    float *mean = SG_NEW_RAW(a, float, CHUNK * w->D), *logvar = SG_NEW_RAW(a, float, CHUNK * w->D);
    if (!code || !mean || !logvar)
        return sg_arena_full(a, "a chunk of people", err);
    for (int64_t s = lo; s < hi; s++) {
        sg_people_unpack(w->who, row + s - lo, code + s * w->L);
        for (int64_t v = 0; v < w->n_snp; v++)
            if (code[s * w->L + v] == SG_MISSING)
                return sg_fail(err, SG_LIMIT, "SNP %lld of the panel has a missing genotype; the networks read none",
                               (long long)v + 1);
    }
    SG_TRY(sg_vae_encode(w->m->vae, CHUNK, code, a, mean, logvar, err));
    memcpy(w->mean + row * w->D, mean + lo * w->D, (size_t)((hi - lo) * w->D) * sizeof *mean);
    return SG_OK;
}

static void do_chunk(void *ctx, int64_t k, int worker)
{
    sg_work *w = ctx;
    if (atomic_load(&w->failed))
        return;
    sg_arena *a = &w->scratch[worker];
    sg_status st;
    if (sg_cancelled(w->run)) {
        st = sg_fail(&w->err[worker], SG_CANCELLED, "stopped before all people were made");
    } else {
        const size_t mark = sg_arena_mark(a);
        st = w->who ? encode_chunk(w, k, a, &w->err[worker]) : sample_chunk(w, k, a, &w->err[worker]);
        sg_arena_rewind(a, mark);
    }
    if (st) {
        w->st[worker] = st;
        atomic_store(&w->failed, true);
        return;
    }
    int64_t lo, hi, row;
    chunk_range(w, k, &lo, &hi, &row);
    const int64_t done = atomic_fetch_add(&w->done, hi - lo) + hi - lo;
    if (worker == 0) /* the calling thread: the only one that may report */
        sg_report(w->run, w->stage, done, w->n);
}

/* All chunks, with scratch of `bytes` per worker. */
static sg_status run_chunks(sg_work *w, size_t bytes, sg_err *err)
{
    sg_pool *pool = w->run ? w->run->pool : NULL;
    const int n = sg_pool_size(pool);
    w->quiet = (sg_run){.stop = w->run ? w->run->stop : NULL};
    w->scratch = calloc((size_t)n, sizeof *w->scratch);
    w->st = calloc((size_t)n, sizeof *w->st);
    w->err = calloc((size_t)n, sizeof *w->err);
    sg_status st = w->scratch && w->st && w->err ? SG_OK : sg_fail(err, SG_NOMEM, "no memory for %d threads", n);
    for (int i = 0; i < n && !st; i++) {
        st = sg_arena_init(&w->scratch[i], bytes, err);
        w->scratch[i].keep = SIZE_MAX; /* chunk after chunk of the same size */
    }
    if (!st) {
        sg_pool_for(pool, chunk_count(w), do_chunk, w);
        sg_report(w->run, w->stage, atomic_load(&w->done), w->n);
    }
    for (int i = 0; i < n && !st; i++)
        if (w->st[i]) {
            st = w->st[i];
            if (err)
                *err = w->err[i];
        }
    for (int i = 0; w->scratch && i < n; i++)
        sg_arena_clear(&w->scratch[i]);
    free(w->scratch);
    free(w->st);
    free(w->err);
    return st;
}

static size_t decode_bytes(const sg_model *m)
{
    const size_t L = (size_t)m->card.vae.seq_len, D = (size_t)(m->card.unet.z_channels * m->card.unet.latent_len);
    return sg_vae_infer_bytes(m->vae, CHUNK) + CHUNK * (13 * L + 16 * D) + 32 * L + ((size_t)1 << 16);
}

static void set_sizes(sg_work *w, const sg_model *m)
{
    w->m = m;
    w->L = m->card.vae.seq_len;
    w->n_snp = m->panel.n_snp;
    w->D = m->card.unet.z_channels * m->card.unet.latent_len;
}

static sg_status check_request(const sg_model *m, const sg_sample_request *q, sg_err *err)
{
    if (q->n < 0 || q->first < 0 || q->first > INT64_MAX / 2 || q->n > INT32_MAX)
        return sg_fail(err, SG_LIMIT, "%lld people from number %lld asked for, want 0 to %d from 0 on", (long long)q->n,
                       (long long)q->first, INT32_MAX);
    if ((unsigned)q->how.decode >= SG_N_DECODE)
        return sg_fail(err, SG_LIMIT, "decoding %d is unknown", (int)q->how.decode);
    const sg_solve_options *o = &q->how.solve;
    if (o->steps < 1 || o->steps > SG_STEPS_MAX)
        return sg_fail(err, SG_LIMIT, "%d solver steps asked for, want 1 to %d", o->steps, SG_STEPS_MAX);
    if (!(o->guidance >= 0 && o->guidance <= 100))
        return sg_fail(err, SG_LIMIT, "guidance is %g, want 0 to 100", o->guidance);
    if (o->objective != m->card.sampling.solve.objective)
        return sg_fail(err, SG_LIMIT, "the model was trained for the objective %s, %s asked for",
                       sg_objective_name(m->card.sampling.solve.objective), sg_objective_name(o->objective));
    for (int64_t i = 0; q->label && i < q->n; i++)
        if (q->label[i] < 0 || q->label[i] >= m->card.n_label)
            return sg_fail(err, SG_LIMIT, "label %d of person %lld, want 0 to %d", q->label[i], (long long)i + 1,
                           m->card.n_label - 1);
    return SG_OK;
}

static sg_status make_people(const sg_model *m, const sg_sample_request *q, const float *given, const sg_run *run,
                             sg_arena *a, sg_people *people, sg_err *err)
{
    SG_TRY(check_request(m, q, err));
    SG_TRY(sg_people_new(q->n, m->panel.n_snp, a, people, err));
    sg_work w = {.q = q, .run = run, .given = given, .people = people, .n = q->n, .first = q->first};
    w.stage = given ? "decoding" : "sampling";
    set_sizes(&w, m);
    return run_chunks(&w, decode_bytes(m) + (given ? 0 : sg_solve_bytes(m->unet, CHUNK)), err);
}

sg_status sg_sample(const sg_model *m, const sg_sample_request *q, const sg_run *run, sg_arena *a, sg_people *people,
                    sg_err *err)
{
    assert(q->label || q->n == 0);
    return make_people(m, q, NULL, run, a, people, err);
}

sg_status sg_sample_decode(const sg_model *m, const sg_sample_request *q, const float *latents, const sg_run *run,
                           sg_arena *a, sg_people *people, sg_err *err)
{
    assert(latents || q->n == 0);
    return make_people(m, q, latents, run, a, people, err);
}

sg_status sg_sample_encode(const sg_model *m, const sg_people *people, const sg_run *run, float *mean, sg_err *err)
{
    if (people->n_variant != m->panel.n_snp)
        return sg_fail(err, SG_MISMATCH, "people have %lld SNPs, the model's panel has %lld",
                       (long long)people->n_variant, (long long)m->panel.n_snp);
    sg_work w = {.run = run, .who = people, .mean = mean, .n = people->n_sample, .stage = "encoding"};
    set_sizes(&w, m);
    return run_chunks(&w, decode_bytes(m), err);
}

void sg_sample_labels(uint64_t seed, int64_t n_control, int64_t n_case, int8_t *label)
{
    const int64_t n = n_control + n_case;
    for (int64_t i = 0; i < n; i++)
        label[i] = i >= n_control;
    sg_rng r = sg_rng_stream(seed, SG_RNG_SAMPLE_SHUFFLE, 0, 0);
    for (int64_t i = n - 1; i > 0; i--) {
        const int64_t j = (int64_t)sg_rng_below(&r, (uint64_t)i + 1);
        const int8_t t = label[i];
        label[i] = label[j];
        label[j] = t;
    }
}
