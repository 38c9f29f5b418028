/* ridge.c - penalised logistic regression with its penalty chosen by cross-validation; see linear.h.
 *
 * Newton's method with one matrix for many steps: where chances differ little between people, the Hessian X'WX is
 * nearly w X'X with w the mean weight, so that X'X, computed once (and once per fold, subtracted), serves every
 * penalty and fold; a step costs two passes over X. What the one matrix misses is learned from the last steps (limited-
 * memory BFGS started from it). The steps stop by the gradient, so the answer does not depend on the matrix; it is
 * factored again when w has moved.
 */
#include "learn/linear.h"
#include "learn/cholesky.h"

#include <assert.h>
#include <cblas.h>
#include <math.h>
#include <string.h>

enum { STEPS_MAX = 300, MEMORY = 10 };
#define TOLERANCE 5e-6 /* of the gradient, per person and standardised SNP */

static const double grid[] = {10, 3, 1, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001};
enum { N_GRID = sizeof grid / sizeof *grid };

typedef struct problem {
    int64_t n, L;
    float *x;                           /* [n, L] standardised, people of a fold together */
    float *y;                           /* [n] */
    int64_t from[SG_RIDGE_FOLDS + 1];   /* fold f: rows from[f] .. from[f + 1] - 1 */
    double *mean, *inv;                 /* [L] */
    float *gram[SG_RIDGE_FOLDS + 1];    /* [L, L] lower: X'X of each fold's rows; the last of all rows */
    float *factor;                      /* [L, L] */
    float *g, *old, *d;                 /* [L + 1], the last the intercept's */
    float *step[MEMORY], *turn[MEMORY]; /* [L + 1] the last steps and what they did to the gradient */
    double along[MEMORY];               /* their products */
    int n_memory;
    float *eta, *move, *r; /* [n] */
} problem;

typedef struct solution {
    float *w;        /* [L] */
    double loss_out; /* mean log loss of the fold left out */
} solution;

/* factor of weight (X'X without the fold) + lambda */
static bool factorise(problem *p, int fold, double weight, double lambda)
{
    const int64_t L = p->L;
    const float *all = p->gram[SG_RIDGE_FOLDS], *out = fold >= 0 ? p->gram[fold] : NULL;
    for (int64_t i = 0; i < L; i++) {
        for (int64_t j = 0; j <= i; j++)
            p->factor[i * L + j] = (float)weight * (all[i * L + j] - (out ? out[i * L + j] : 0));
        p->factor[i * L + i] += (float)lambda + 1e-4F * (float)(weight * (double)p->n); /* singular no more */
    }
    return sg_cholesky(p->factor, L);
}

static double log_loss(double eta, double y)
{
    return fmax(eta, 0) + log1p(exp(-fabs(eta))) - y * eta;
}

static double total_loss(const problem *p, int64_t out_from, int64_t out_to, double t, double lambda, const float *w,
                         const float *d)
{
    double loss = 0, square = 0;
    for (int64_t i = 0; i < p->n; i++)
        if (i < out_from || i >= out_to)
            loss += log_loss((double)p->eta[i] + t * (double)p->move[i], (double)p->y[i]);
    for (int64_t v = 0; v < p->L; v++) {
        const double x = (double)w[v] + t * (double)d[v];
        square += x * x;
    }
    return loss + 0.5 * lambda * square;
}

static double dot(const float *x, const float *y, int64_t n)
{
    double s = 0;
    for (int64_t i = 0; i < n; i++)
        s += (double)x[i] * (double)y[i];
    return s;
}

static void add_times(float *x, double t, const float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] += (float)t * y[i];
}

/* g of the people in the problem at eta; returns their mean p (1 - p). */
static double gradient(problem *p, int64_t from, int64_t to, double lambda, const float *w)
{
    double weight = 0, gb = 0;
    for (int64_t i = 0; i < p->n; i++) {
        const double q = 1 / (1 + exp(-(double)p->eta[i]));
        const bool left_out = i >= from && i < to;
        p->r[i] = left_out ? 0 : (float)(q - (double)p->y[i]);
        weight += left_out ? 0 : q * (1 - q);
        gb += (double)p->r[i];
    }
    memcpy(p->g, w, (size_t)p->L * sizeof *p->g);
    cblas_sgemv(CblasRowMajor, CblasTrans, (int)p->n, (int)p->L, 1.0F, p->x, (int)p->L, p->r, 1, (float)lambda, p->g,
                1);
    p->g[p->L] = (float)gb;
    return weight / (double)(p->n - (to - from));
}

/* d = -(inverse Hessian as far as known) g: the two loops of Nocedal around the factored matrix. mean, in: weight of a
 * person and people in the problem, for the intercept. */
static void direction(problem *p, double mean, double in)
{
    const int64_t L = p->L;
    double a[MEMORY] = {0};
    for (int64_t v = 0; v <= L; v++)
        p->d[v] = -p->g[v];
    for (int k = 0; k < p->n_memory; k++) {
        a[k] = dot(p->step[k], p->d, L + 1) / p->along[k];
        add_times(p->d, -a[k], p->turn[k], L + 1);
    }
    cblas_strsv(CblasRowMajor, CblasLower, CblasNoTrans, CblasNonUnit, (int)L, p->factor, (int)L, p->d, 1);
    cblas_strsv(CblasRowMajor, CblasLower, CblasTrans, CblasNonUnit, (int)L, p->factor, (int)L, p->d, 1);
    p->d[L] /= (float)(mean * in);
    for (int k = p->n_memory; k-- > 0;)
        add_times(p->d, a[k] - dot(p->turn[k], p->d, L + 1) / p->along[k], p->step[k], L + 1);
}

/* The newest first. A step that turned the gradient the wrong way (rounding) teaches nothing. */
static void remember(problem *p, double t)
{
    const int64_t n = p->L + 1;
    float *step = p->step[MEMORY - 1], *turn = p->turn[MEMORY - 1];
    for (int64_t v = 0; v < n; v++) {
        step[v] = (float)t * p->d[v];
        turn[v] = p->g[v] - p->old[v];
    }
    const double along = dot(step, turn, n);
    if (!(along > 1e-10 * dot(step, step, n)))
        return;
    for (int k = MEMORY - 1; k > 0; k--) {
        p->step[k] = p->step[k - 1];
        p->turn[k] = p->turn[k - 1];
        p->along[k] = p->along[k - 1];
    }
    p->step[0] = step;
    p->turn[0] = turn;
    p->along[0] = along;
    p->n_memory += p->n_memory < MEMORY - 1;
}

static double largest(const float *x, int64_t n)
{
    double most = 0;
    for (int64_t i = 0; i < n; i++)
        most = fmax(most, fabs((double)x[i]));
    return most;
}

/* Moves w and eta along d as far as the loss falls. Returns the share of d gone. */
static double walk(problem *p, int64_t from, int64_t to, double lambda, float *w)
{
    const int64_t n = p->n, L = p->L;
    cblas_sgemv(CblasRowMajor, CblasNoTrans, (int)n, (int)L, 1.0F, p->x, (int)L, p->d, 1, 0.0F, p->move, 1);
    for (int64_t i = 0; i < n; i++)
        p->move[i] += p->d[L];
    const double slope = dot(p->g, p->d, L + 1), now = total_loss(p, from, to, 0, lambda, w, p->d);
    double t = 1;
    while (t > 1e-4 && total_loss(p, from, to, t, lambda, w, p->d) > now + 1e-4 * t * slope + 1e-9 * now)
        t /= 2;
    add_times(w, t, p->d, L + 1);
    add_times(p->eta, t, p->move, n);
    return t;
}

/* Minimises from where s stands. fold -1: nobody is left out. */
static sg_status solve(problem *p, int fold, double per_person, solution *s, const sg_run *run, sg_err *err)
{
    const int64_t n = p->n, L = p->L, from = fold >= 0 ? p->from[fold] : 0, to = fold >= 0 ? p->from[fold + 1] : 0;
    const double in = (double)(n - (to - from)), lambda = per_person * in;
    double factored = 0;
    cblas_sgemv(CblasRowMajor, CblasNoTrans, (int)n, (int)L, 1.0F, p->x, (int)L, s->w, 1, 0.0F, p->eta, 1);
    for (int64_t i = 0; i < n; i++)
        p->eta[i] += s->w[L];
    p->n_memory = 0;
    double mean = gradient(p, from, to, lambda, s->w);
    for (int k = 0; largest(p->g, L + 1) > TOLERANCE * in; k++) {
        if (sg_cancelled(run))
            return sg_fail(err, SG_CANCELLED, "stopped while fitting a penalised regression");
        if (k == STEPS_MAX)
            return sg_fail(err, SG_INTERNAL, "the penalised regression has a gradient of %.2g a person after %d steps",
                           largest(p->g, L + 1) / in, STEPS_MAX);
        mean = fmax(mean, 1e-4);
        if (!(factored < 2 * mean && factored > mean / 2)) {
            if (!factorise(p, fold, mean, lambda))
                return sg_fail(err, SG_INTERNAL, "the matrix of the penalised regression is not positive definite");
            factored = mean;
            p->n_memory = 0;
        }
        direction(p, mean, in);
        memcpy(p->old, p->g, (size_t)(L + 1) * sizeof *p->g);
        const double t = walk(p, from, to, lambda, s->w);
        mean = gradient(p, from, to, lambda, s->w);
        remember(p, t);
    }
    s->loss_out = 0;
    for (int64_t i = from; i < to; i++)
        s->loss_out += log_loss((double)p->eta[i], (double)p->y[i]) / (double)(to - from);
    return SG_OK;
}

static sg_status lay_out(const sg_people *people, const uint8_t *is_case, uint64_t seed, sg_arena *a, problem *p,
                         sg_err *err)
{
    const int64_t n = people->n_sample, L = people->n_variant;
    *p = (problem){.n = n, .L = L};
    int8_t *fold = SG_NEW(a, int8_t, n), *code = SG_NEW(a, int8_t, L);
    p->x = SG_NEW_RAW(a, float, n *L);
    p->y = SG_NEW_RAW(a, float, n);
    p->mean = SG_NEW(a, double, L);
    p->inv = SG_NEW(a, double, L);
    p->eta = SG_NEW_RAW(a, float, n);
    p->move = SG_NEW_RAW(a, float, n);
    p->r = SG_NEW_RAW(a, float, n);
    p->g = SG_NEW_RAW(a, float, L + 1);
    p->old = SG_NEW_RAW(a, float, L + 1);
    p->d = SG_NEW(a, float, L + 1);
    for (int k = 0; k < MEMORY; k++) {
        p->step[k] = SG_NEW(a, float, L + 1);
        p->turn[k] = SG_NEW(a, float, L + 1);
    }
    p->factor = SG_NEW_RAW(a, float, L *L);
    for (int f = 0; f <= SG_RIDGE_FOLDS; f++)
        p->gram[f] = SG_NEW(a, float, L *L);
    if (!fold || !code || !p->x || !p->y || !p->mean || !p->inv || !p->eta || !p->move || !p->r || !p->g || !p->old ||
        !p->d || !p->turn[MEMORY - 1] || !p->factor || !p->gram[SG_RIDGE_FOLDS])
        return sg_arena_full(a, "a penalised regression", err);
    SG_TRY(sg_folds(is_case, n, SG_RIDGE_FOLDS, seed, a, fold, err));
    for (int64_t i = 0; i < n; i++) {
        sg_people_unpack(people, i, code);
        for (int64_t v = 0; v < L; v++) {
            p->mean[v] += (double)code[v];
            p->inv[v] += (double)code[v] * (double)code[v];
        }
    }
    for (int64_t v = 0; v < L; v++) {
        p->mean[v] /= (double)n;
        const double var = p->inv[v] / (double)n - p->mean[v] * p->mean[v];
        p->inv[v] = var > 1e-9 ? 1 / sqrt(var) : 0;
    }
    int64_t row = 0;
    for (int f = 0; f < SG_RIDGE_FOLDS; f++) {
        p->from[f] = row;
        for (int64_t i = 0; i < n; i++) {
            if (fold[i] != f)
                continue;
            sg_people_unpack(people, i, code);
            for (int64_t v = 0; v < L; v++)
                p->x[row * L + v] = (float)(((double)code[v] - p->mean[v]) * p->inv[v]);
            p->y[row++] = is_case[i] ? 1 : 0;
        }
    }
    p->from[SG_RIDGE_FOLDS] = row;
    return SG_OK;
}

static void grams(problem *p)
{
    const int64_t L = p->L;
    float *all = p->gram[SG_RIDGE_FOLDS];
    for (int f = 0; f < SG_RIDGE_FOLDS; f++) {
        cblas_ssyrk(CblasRowMajor, CblasLower, CblasTrans, (int)L, (int)(p->from[f + 1] - p->from[f]), 1.0F,
                    p->x + p->from[f] * L, (int)L, 0.0F, p->gram[f], (int)L);
        for (int64_t k = 0; k < L * L; k++)
            all[k] += p->gram[f][k];
    }
}

/* The penalty of least mean loss over the folds; the path ends where losses have risen twice running. */
static sg_status choose(problem *p, double start, const sg_run *run, sg_arena *a, double *best, double *best_loss,
                        sg_err *err)
{
    solution s[SG_RIDGE_FOLDS];
    for (int f = 0; f < SG_RIDGE_FOLDS; f++) {
        s[f] = (solution){.w = SG_NEW(a, float, p->L + 1)};
        if (!s[f].w)
            return sg_arena_full(a, "weights", err);
        s[f].w[p->L] = (float)start;
    }
    *best_loss = INFINITY;
    for (int k = 0, worse = 0; k < N_GRID && worse < 2; k++) {
        double loss = 0;
        for (int f = 0; f < SG_RIDGE_FOLDS; f++) {
            SG_TRY(solve(p, f, grid[k], &s[f], run, err));
            loss += s[f].loss_out / SG_RIDGE_FOLDS;
        }
        worse = loss < *best_loss ? 0 : worse + 1;
        if (loss < *best_loss) {
            *best_loss = loss;
            *best = grid[k];
        }
    }
    return SG_OK;
}

sg_status sg_ridge_fit(const sg_people *p, const uint8_t *is_case, uint64_t seed, double penalty, const sg_run *run,
                       sg_arena *a, sg_ridge *out, sg_err *err)
{
    const int64_t L = p->n_variant;
    int64_t n1 = 0;
    for (int64_t i = 0; i < p->n_sample; i++)
        n1 += is_case[i] != 0;
    if (n1 < SG_RIDGE_FOLDS || p->n_sample - n1 < SG_RIDGE_FOLDS)
        return sg_fail(err, SG_DEGENERATE, "%lld cases and %lld controls, want %d of each or more", (long long)n1,
                       (long long)(p->n_sample - n1), SG_RIDGE_FOLDS);
    sg_blas_single();
    *out = (sg_ridge){.weight = SG_NEW(a, double, L), .penalty = penalty, .cv_loss = NAN};
    const size_t mark = sg_arena_mark(a);
    problem q = {0};
    solution s = {.w = SG_NEW(a, float, L + 1)};
    const double start = log((double)n1 / (double)(p->n_sample - n1));
    sg_status st = out->weight && s.w ? lay_out(p, is_case, seed, a, &q, err) : sg_arena_full(a, "weights", err);
    if (!st) {
        grams(&q);
        if (!(penalty > 0))
            st = choose(&q, start, run, a, &out->penalty, &out->cv_loss, err);
    }
    if (!st) {
        s.w[L] = (float)start;
        st = solve(&q, -1, out->penalty, &s, run, err);
        out->intercept = (double)s.w[L];
    }
    for (int64_t v = 0; !st && v < L; v++) {
        out->weight[v] = (double)s.w[v] * q.inv[v];
        out->intercept -= out->weight[v] * q.mean[v];
    }
    sg_arena_rewind(a, mark);
    return st;
}
