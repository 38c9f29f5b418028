/* solver.c - Euler, Heun and DPM-Solver++(2M) in sigma space; see solver.h.
 *
 * All three integrate dx/dsigma = (x - denoised(x, sigma)) / sigma from the largest sigma to 0.
 * Heun (Karras et al. 2022, algorithm 1 without churn) averages the slope at both ends of a step; the last step, to
 * sigma 0, is Euler's. DPM-Solver++(2M) (Lu et al. 2022, algorithm 2, in the variance-exploding form where alpha is 1
 * and lambda = -log sigma): x' = (sigma'/sigma) x + (1 - sigma'/sigma) D, D = denoised extrapolated from the step
 * before by the ratio of log-sigma steps; the first and the last step have no usable neighbour and use denoised itself.
 */
#include "diffusion/solver.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const solver_word[] = {
#define X(name, word) word,
    SG_SOLVER_LIST(X)
#undef X
};

const char *sg_solver_name(sg_solver s)
{
    return (unsigned)s < SG_N_SOLVER ? solver_word[s] : "unknown";
}

sg_status sg_solver_parse(const char *word, sg_solver *out, sg_err *err)
{
    for (int i = 0; i < SG_N_SOLVER; i++)
        if (strcmp(word, solver_word[i]) == 0) {
            *out = (sg_solver)i;
            return SG_OK;
        }
    return sg_fail(err, SG_FORMAT, "sampler is \"%.40s\", want euler, heun or dpmpp2m", word);
}

sg_status sg_guidance_interval_parse(const char *text, sg_solve_options *out, sg_err *err)
{
    char *end;
    const double lo = strtod(text, &end);
    const bool first = end != text && *end == ',' && end[1];
    const char *second = first ? end + 1 : text;
    const double hi = strtod(second, &end);
    if (!first || end == second || *end || isnan(lo) || isnan(hi))
        return sg_fail(err, SG_FORMAT, "the guidance interval is \"%.40s\", want two noise levels: LO,HI", text);
    if (!(lo >= 0 && lo <= hi) || isinf(lo))
        return sg_fail(err, SG_LIMIT, "the guidance interval is %g to %g, want 0 <= LO <= HI", lo, hi);
    out->guide_lo = lo;
    out->guide_hi = hi;
    return SG_OK;
}

sg_status sg_solver_plan(const sg_schedule *s, const sg_solve_options *o, double *sigma, int32_t *index, sg_err *err)
{
    if (o->steps < 1 || o->steps > SG_STEPS_MAX)
        return sg_fail(err, SG_LIMIT, "sampling steps are %d, want 1 to %d", o->steps, SG_STEPS_MAX);
    /* linspace(999, 0, steps, no endpoint), truncated; rounded as numpy rounds it */
    const double top = SG_N_SIGMA - 1, spacing = -top / o->steps;
    for (int k = 0; k < o->steps; k++) {
        index[k] = (int32_t)(k * spacing + top);
        sigma[k] = s->sigma[index[k]];
    }
    sigma[o->steps] = 0.0;
    return SG_OK;
}

typedef struct step_state {
    const sg_unet *u;
    const sg_solve_options *o;
    const int8_t *label;
    sg_arena *a;
    int64_t B, n;                               /* people, floats of all of them */
    float *in, *cond, *uncond, *denoised, *old; /* [n] each; old: the step before's denoised, or x kept by Heun */
} step_state;

size_t sg_solve_bytes(const sg_unet *u, int64_t B)
{
    const sg_unet_config *c = sg_unet_get_config(u);
    const size_t net = sg_unet_infer_bytes(u, B);
    size_t n, all;
    if (B < 0 || net == SIZE_MAX || __builtin_mul_overflow((size_t)B, (size_t)(c->z_channels * c->latent_len), &n) ||
        __builtin_mul_overflow(n, 5 * sizeof(float), &n) || __builtin_add_overflow(n, net, &all) ||
        all > SIZE_MAX - 65536)
        return SIZE_MAX;
    return all + 5 * 64 + SG_STEPS_MAX * (sizeof(double) + sizeof(int32_t)) + 4 * 64;
}

/* denoised [n] of x at sigma, with guidance. */
static sg_status denoise(step_state *s, const float *x, double sigma, int32_t index, float *denoised, sg_err *err)
{
    const double c = 1.0 / sqrt(sigma * sigma + 1.0), g = s->o->guidance;
    const bool guided = g != 1.0 && sigma >= s->o->guide_lo && sigma <= s->o->guide_hi;
    for (int64_t i = 0; i < s->n; i++)
        s->in[i] = (float)(c * x[i]);
    SG_TRY(sg_unet_eval_guided(s->u, s->B, s->in, index, s->label, s->a, s->cond, guided ? s->uncond : NULL, err));
    /* denoised is linear in the network's output, so guidance may be applied to that output. */
    const bool v = s->o->objective == SG_OBJECTIVE_V;
    const double keep = v ? c * c : 1.0, move = v ? sigma * c : sigma;
    for (int64_t i = 0; i < s->n; i++) {
        const double out = guided ? s->uncond[i] + g * ((double)s->cond[i] - s->uncond[i]) : (double)s->cond[i];
        denoised[i] = (float)(keep * x[i] - move * out);
    }
    return SG_OK;
}

static sg_status euler(step_state *s, const double *sigma, const int32_t *index, int k, float *x, sg_err *err)
{
    SG_TRY(denoise(s, x, sigma[k], index[k], s->denoised, err));
    const double h = (sigma[k + 1] - sigma[k]) / sigma[k];
    for (int64_t i = 0; i < s->n; i++)
        x[i] = (float)(x[i] + ((double)x[i] - s->denoised[i]) * h);
    return SG_OK;
}

static sg_status heun(step_state *s, const double *sigma, const int32_t *index, int k, float *x, sg_err *err)
{
    memcpy(s->old, x, (size_t)s->n * sizeof *x);
    SG_TRY(euler(s, sigma, index, k, x, err));
    if (k + 1 == s->o->steps)
        return SG_OK;
    const double h = sigma[k + 1] - sigma[k];
    for (int64_t i = 0; i < s->n; i++) /* keep the first slope in place of denoised */
        s->denoised[i] = (float)(((double)s->old[i] - s->denoised[i]) / sigma[k]);
    float *second = s->cond; /* overwritten element by element after it was read */
    SG_TRY(denoise(s, x, sigma[k + 1], index[k + 1], second, err));
    for (int64_t i = 0; i < s->n; i++) {
        const double slope = ((double)x[i] - second[i]) / sigma[k + 1];
        x[i] = (float)(s->old[i] + 0.5 * h * (s->denoised[i] + slope));
    }
    return SG_OK;
}

static sg_status dpmpp2m(step_state *s, const double *sigma, const int32_t *index, int k, float *x, sg_err *err)
{
    SG_TRY(denoise(s, x, sigma[k], index[k], s->denoised, err));
    const double ratio = sigma[k + 1] / sigma[k];
    double extra = 0;
    if (k > 0 && sigma[k + 1] > 0) {
        const double h = log(sigma[k] / sigma[k + 1]), h_old = log(sigma[k - 1] / sigma[k]);
        extra = h / (2.0 * h_old);
    }
    for (int64_t i = 0; i < s->n; i++) {
        const double d = s->denoised[i] + (extra > 0 ? extra * ((double)s->denoised[i] - s->old[i]) : 0.0);
        x[i] = (float)(ratio * x[i] + (1.0 - ratio) * d);
    }
    float *t = s->old;
    s->old = s->denoised;
    s->denoised = t;
    return SG_OK;
}

static sg_status all_steps(step_state *s, const double *sigma, const int32_t *index, const sg_run *run, float *x,
                           sg_err *err)
{
    const double start = sqrt(1.0 + sigma[0] * sigma[0]);
    for (int64_t i = 0; i < s->n; i++)
        x[i] = (float)(x[i] * start);
    for (int k = 0; k < s->o->steps; k++) {
        if (sg_cancelled(run))
            return sg_fail(err, SG_CANCELLED, "stopped before sampling step %d of %d", k + 1, s->o->steps);
        switch (s->o->solver) {
        case SG_SOLVER_HEUN:
            SG_TRY(heun(s, sigma, index, k, x, err));
            break;
        case SG_SOLVER_DPMPP2M:
            SG_TRY(dpmpp2m(s, sigma, index, k, x, err));
            break;
        default:
            SG_TRY(euler(s, sigma, index, k, x, err));
        }
    }
    return SG_OK;
}

sg_status sg_solve(const sg_unet *u, const sg_schedule *s, const sg_solve_options *o, int64_t B, const int8_t *label,
                   const sg_run *run, sg_arena *a, float *x, sg_err *err)
{
    if (sg_solve_bytes(u, B) == SIZE_MAX)
        return sg_fail(err, SG_LIMIT, "%lld people at once are more than can be addressed", (long long)B);
    if ((unsigned)o->solver >= SG_N_SOLVER || (unsigned)o->objective >= SG_N_OBJECTIVE || !isfinite(o->guidance))
        return sg_fail(err, SG_LIMIT, "sampler %d, objective %d, guidance %g are not a possible choice", (int)o->solver,
                       (int)o->objective, o->guidance);
    const size_t mark = sg_arena_mark(a);
    const sg_unet_config *c = sg_unet_get_config(u);
    const int64_t n = B * c->z_channels * c->latent_len;
    double *sigma = SG_NEW_RAW(a, double, SG_STEPS_MAX + 1);
    int32_t *index = SG_NEW_RAW(a, int32_t, SG_STEPS_MAX);
    step_state st = {.u = u, .o = o, .label = label, .a = a, .B = B, .n = n};
    float **buffer[5] = {&st.in, &st.cond, &st.uncond, &st.denoised, &st.old};
    bool fits = sigma && index;
    for (int i = 0; i < 5; i++)
        fits = (*buffer[i] = SG_NEW_RAW(a, float, n)) != NULL && fits;
    sg_status status = fits ? sg_solver_plan(s, o, sigma, index, err) : sg_arena_full(a, "sampling", err);
    if (!status)
        status = all_steps(&st, sigma, index, run, x, err);
    for (int64_t i = 0; !status && i < n; i++)
        if (!isfinite(x[i]))
            status =
                sg_fail(err, SG_INTERNAL, "sampling ended in a number that is not finite (guidance %g)", o->guidance);
    sg_arena_rewind(a, mark);
    return status;
}
