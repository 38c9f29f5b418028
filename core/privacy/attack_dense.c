/* attack_dense.c - attacks that look at all SNPs together (C10). x is the person, S the cohort, C the calibration half of the
 * hold-out.
 *
 *   gaussian  Mahalanobis distance of x to C less that to S, each with its own mean and covariance. Membership sits in
 *             directions of little variance, so nothing is projected away; a ridge of 1 % (0.1 % where people are twice as many
 *             as SNPs) of the mean variance stands for what cannot be known.
 *   detector  a penalised logistic regression that tells S from C (LOGAN; Synth-MIA's detector): a member should look
 *             more like S. At most 10,000 people of each teach it.
 *
 * Members and evaluation people are scored without exception. What C teaches is the same for both, so an honest cohort scores
 * both alike, whatever the quality of the fit.
 */
#include "learn/cholesky.h"
#include "learn/linear.h"
#include "privacy/gate.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

enum { ROWS = 256, TEACH = 10000, GAUSSIAN = 0, DETECTOR, N_ATTACK };

/* One population as a normal distribution. */
typedef struct normal {
    float *mean, *factor; /* [L], [L, L] lower */
} normal;

/* rows first..first+n-1 as x - shift, in float. */
static void centred(const sg_people *p, int64_t first, int64_t n, const float *shift, int8_t *code, float *x)
{
    for (int64_t i = 0; i < n; i++) {
        sg_people_unpack(p, first + i, code);
        for (int64_t v = 0; v < p->n_variant; v++)
            x[i * p->n_variant + v] = (float)code[v] - shift[v];
    }
}

static sg_status fit(const sg_evidence *e, const sg_people *p, sg_arena *a, normal *out, sg_err *err)
{
    const int64_t L = p->n_variant, n = p->n_sample;
    out->mean = SG_NEW(a, float, L);
    out->factor = SG_NEW(a, float, L *L);
    double *freq = SG_NEW(a, double, L), trace = 0;
    float *x = SG_NEW_RAW(a, float, ROWS *L);
    int8_t *code = SG_NEW_RAW(a, int8_t, L);
    if (!out->mean || !out->factor || !freq || !x || !code)
        return sg_arena_full(a, "a covariance", err);
    sg_people_freq(p, freq);
    for (int64_t v = 0; v < L; v++)
        out->mean[v] = (float)(2 * freq[v]);
    for (int64_t first = 0; first < n; first += ROWS) {
        const int64_t k = n - first < ROWS ? n - first : ROWS;
        if (sg_cancelled(e->run))
            return sg_fail(err, SG_CANCELLED, "stopped while covariances were counted");
        centred(p, first, k, out->mean, code, x);
        cblas_ssyrk(CblasRowMajor, CblasLower, CblasTrans, (int)L, (int)k, 1.0F / (float)n, x, (int)L, 1.0F,
                    out->factor, (int)L);
    }
    for (int64_t v = 0; v < L; v++)
        trace += (double)out->factor[v * L + v];
    const double ridge = fmax(1e-6, (n > 2 * L ? 1e-3 : 1e-2) * trace / (double)L);
    for (int64_t v = 0; v < L; v++)
        out->factor[v * L + v] += (float)ridge;
    return sg_cholesky(out->factor, L) ? SG_OK : sg_fail(err, SG_DEGENERATE, "a covariance is not positive definite");
}

typedef struct scoring {
    const sg_people *p;
    const normal *of[2]; /* C, S */
    float *x;            /* [n_worker, ROWS, L] */
    int8_t *code;        /* [n_worker, L] */
    double *out;
    const sg_run *run;
} scoring;

/* out[i] += sign times the squared Mahalanobis distance. */
static void distances(const scoring *s, int which, double sign, int64_t first, int64_t n, float *x, int8_t *code)
{
    const int64_t L = s->p->n_variant;
    centred(s->p, first, n, s->of[which]->mean, code, x);
    cblas_strsm(CblasRowMajor, CblasRight, CblasLower, CblasTrans, CblasNonUnit, (int)n, (int)L, 1.0F,
                s->of[which]->factor, (int)L, x, (int)L);
    for (int64_t i = 0; i < n; i++) {
        double sum = 0;
        for (int64_t v = 0; v < L; v++)
            sum += (double)x[i * L + v] * (double)x[i * L + v];
        s->out[first + i] += sign * sum;
    }
}

static void score_some(void *ctx, int64_t item, int worker)
{
    const scoring *s = ctx;
    const int64_t first = item * ROWS, left = s->p->n_sample - first, n = left < ROWS ? left : ROWS;
    float *x = s->x + (int64_t)worker * ROWS * s->p->n_variant;
    int8_t *code = s->code + (int64_t)worker * s->p->n_variant;
    if (sg_cancelled(s->run))
        return;
    distances(s, 0, 1, first, n, x, code);
    distances(s, 1, -1, first, n, x, code);
}

static sg_status score(const sg_evidence *e, const sg_people *p, const normal *c, const normal *s, sg_arena *a,
                       double **out, sg_err *err)
{
    const int workers = sg_pool_size(e->run ? e->run->pool : NULL);
    scoring w = {.p = p,
                 .of = {c, s},
                 .x = SG_NEW_RAW(a, float, (int64_t)workers *ROWS * p->n_variant),
                 .code = SG_NEW_RAW(a, int8_t, (int64_t)workers * p->n_variant),
                 .out = *out = SG_NEW(a, double, p->n_sample + 1),
                 .run = e->run};
    if (!w.x || !w.code || !w.out)
        return sg_arena_full(a, "scores", err);
    sg_pool_for(e->run ? e->run->pool : NULL, (p->n_sample + ROWS - 1) / ROWS, score_some, &w);
    return sg_cancelled(e->run) ? sg_fail(err, SG_CANCELLED, "stopped while scoring") : SG_OK;
}

/* Every k-th row, so that at most TEACH are taken. */
static int64_t thinned(const sg_people *p, int64_t *row)
{
    const int64_t step = (p->n_sample + TEACH - 1) / TEACH;
    int64_t n = 0;
    for (int64_t i = 0; i<p->n_sample; i += step> 0 ? step : 1)
        row[n++] = i;
    return n;
}

/* Weights of the regression that tells S from C. */
static sg_status detector(const sg_evidence *e, sg_arena *a, const double **weight, sg_err *err)
{
    const sg_people *s = e->cohort, *c = &e->known->calib;
    sg_people both;
    sg_ridge fitted;
    int64_t *row = SG_NEW_RAW(a, int64_t, TEACH + 1);
    if (!row)
        return sg_arena_full(a, "a detector", err);
    const int64_t step_s = (s->n_sample + TEACH - 1) / TEACH, step_c = (c->n_sample + TEACH - 1) / TEACH,
                  n_s = s->n_sample ? (s->n_sample + step_s - 1) / step_s : 0,
                  n_c = c->n_sample ? (c->n_sample + step_c - 1) / step_c : 0;
    SG_TRY(sg_people_new(n_s + n_c, s->n_variant, a, &both, err));
    sg_people part = both;
    part.n_sample = n_s;
    sg_people_gather(s, row, thinned(s, row), &part);
    part.plane = both.plane + (size_t)n_s * (size_t)both.n_word * 2;
    part.n_sample = n_c;
    sg_people_gather(c, row, thinned(c, row), &part);
    uint8_t *is_s = SG_NEW(a, uint8_t, n_s + n_c);
    if (!is_s)
        return sg_arena_full(a, "a detector", err);
    memset(is_s, 1, (size_t)n_s);
    SG_TRY(sg_ridge_fit(&both, is_s, 1, 0.3, e->run, a, &fitted, err));
    *weight = fitted.weight;
    return SG_OK;
}

sg_status sg_check_dense(const sg_evidence *e, const sg_policy *policy, sg_arena *a, sg_findings *out, sg_err *err)
{
    const sg_people *train = &e->ref->people[SG_ROLE_TRAIN], *eval = &e->known->eval;
    normal c, s;
    double *m, *o;
    const double *weight = NULL;
    sg_attack x[N_ATTACK] = {{.name = "gaussian"}, {.name = "detector"}};
    sg_blas_single();
    SG_TRY(fit(e, &e->known->calib, a, &c, err));
    SG_TRY(fit(e, e->cohort, a, &s, err));
    SG_TRY(score(e, train, &c, &s, a, &m, err));
    SG_TRY(score(e, eval, &c, &s, a, &o, err));
    x[GAUSSIAN].member = m;
    x[GAUSSIAN].other = o;
    x[DETECTOR].member = SG_NEW(a, double, e->n_t);
    x[DETECTOR].other = SG_NEW(a, double, e->n_e);
    if (!x[DETECTOR].member || !x[DETECTOR].other)
        return sg_arena_full(a, "scores", err);
    int n = N_ATTACK;
    if (e->n_s >= 10 && e->n_c >= 10) {
        SG_TRY(detector(e, a, &weight, err));
        sg_linear_score(weight, train, x[DETECTOR].member);
        sg_linear_score(weight, eval, x[DETECTOR].other);
    } else {
        n = 1; /* a handful of people teach nobody anything */
    }
    for (int k = 0; k < n; k++) {
        x[k].n_member = e->n_t;
        x[k].n_other = e->n_e;
        x[k].label = -1;
    }
    return sg_judge_attacks("dense", x, n, policy->auc_max, false, policy, a, out, err);
}
