/* dense.c - see dense.h. */
#include "learn/dense.h"
#include "base/rng.h"
#include "learn/linear.h"

#include <math.h>
#include <string.h>

enum { STEPS_MAX = 600, EVERY = 10, FOLDS = 5, PATIENCE = 100 };
static const double rate = 0.02, decay = 1e-3;

static int n_weight(int p, int hidden)
{
    return hidden ? hidden * (p + 1) + hidden + 1 : p + 1;
}

/* The hidden layer's values [hidden] of one standardised row, and its log odds. */
static double forward(int p, int hidden, const double *w, const double *row, double *h)
{
    if (!hidden) {
        double s = w[p];
        for (int k = 0; k < p; k++)
            s += w[k] * row[k];
        return s;
    }
    const double *out = w + (ptrdiff_t)hidden * (p + 1);
    double s = out[hidden];
    for (int j = 0; j < hidden; j++) {
        const double *wj = w + (ptrdiff_t)j * (p + 1);
        double v = wj[p];
        for (int k = 0; k < p; k++)
            v += wj[k] * row[k];
        h[j] = tanh(v);
        s += out[j] * h[j];
    }
    return s;
}

static double log_loss(double s, int y)
{
    const double z = y ? -s : s;
    return z > 0 ? z + log1p(exp(-z)) : log1p(exp(z));
}

/* grad += derivative of the log loss of one row, scaled. */
static void backward(int p, int hidden, const double *w, const double *row, const double *h, double ds, double *grad)
{
    if (!hidden) {
        for (int k = 0; k < p; k++)
            grad[k] += ds * row[k];
        grad[p] += ds;
        return;
    }
    const double *out = w + (ptrdiff_t)hidden * (p + 1);
    double *gout = grad + (ptrdiff_t)hidden * (p + 1);
    gout[hidden] += ds;
    for (int j = 0; j < hidden; j++) {
        gout[j] += ds * h[j];
        const double dv = ds * out[j] * (1 - h[j] * h[j]);
        double *gj = grad + (ptrdiff_t)j * (p + 1);
        for (int k = 0; k < p; k++)
            gj[k] += dv * row[k];
        gj[p] += dv;
    }
}

typedef struct problem {
    const double *z; /* [n, p] standardised */
    const uint8_t *y;
    const int8_t *fold; /* NULL: everybody teaches */
    int64_t n;
    int p, hidden;
    uint64_t seed;
    const sg_run *run;
    double *w, *grad, *m, *v; /* [n_weight] */
} problem;

static void start(problem *q)
{
    const int n = n_weight(q->p, q->hidden);
    sg_rng r = sg_rng_stream(q->seed, SG_RNG_QUALIFY, 0, 1);
    for (int i = 0; i < n; i++)
        q->w[i] = q->hidden ? 0.5 / sqrt(q->p + 1.0) * (double)sg_rng_normal(&r) : 0;
    memset(q->m, 0, (size_t)n * sizeof *q->m);
    memset(q->v, 0, (size_t)n * sizeof *q->v);
}

static void step(problem *q, int t)
{
    const int n = n_weight(q->p, q->hidden);
    double h[SG_DENSE_HIDDEN_MAX];
    int64_t taught = 0;
    memset(q->grad, 0, (size_t)n * sizeof *q->grad);
    for (int64_t i = 0; i < q->n; i++) {
        if (q->fold && q->fold[i] == 0)
            continue;
        const double s = forward(q->p, q->hidden, q->w, q->z + i * q->p, h);
        backward(q->p, q->hidden, q->w, q->z + i * q->p, h, 1 / (1 + exp(-s)) - q->y[i], q->grad);
        taught++;
    }
    const double c1 = 1 - pow(0.9, t), c2 = 1 - pow(0.999, t);
    for (int i = 0; i < n; i++) {
        const double g = q->grad[i] / (double)taught;
        q->m[i] = 0.9 * q->m[i] + 0.1 * g;
        q->v[i] = 0.999 * q->v[i] + 0.001 * g * g;
        q->w[i] -= rate * (q->m[i] / c1 / (sqrt(q->v[i] / c2) + 1e-8) + decay * q->w[i]);
    }
}

static double left_out(const problem *q)
{
    double h[SG_DENSE_HIDDEN_MAX], sum = 0;
    int64_t n = 0;
    for (int64_t i = 0; i < q->n; i++)
        if (q->fold[i] == 0) {
            sum += log_loss(forward(q->p, q->hidden, q->w, q->z + i * q->p, h), q->y[i]);
            n++;
        }
    return sum / (double)n;
}

/* The number of steps that is best for people who do not teach. */
static sg_status choose_steps(problem *q, int *steps, double *loss, sg_err *err)
{
    *steps = 0;
    *loss = M_LN2; /* of knowing nothing */
    start(q);
    for (int t = 1; t <= STEPS_MAX && t - *steps <= PATIENCE; t++) {
        if (sg_cancelled(q->run))
            return sg_fail(err, SG_CANCELLED, "stopped while an attack was learning");
        step(q, t);
        if (t % EVERY)
            continue;
        const double now = left_out(q);
        if (now < *loss)
            *loss = now, *steps = t;
    }
    if (*steps == 0)
        *steps = EVERY; /* nothing to be learned: the ranking of a few steps is as good as any */
    return SG_OK;
}

static sg_status standardise(const double *x, int64_t n, int p, sg_dense *out, double *z, sg_err *err)
{
    for (int k = 0; k < p; k++) {
        double sum = 0, squares = 0;
        for (int64_t i = 0; i < n; i++)
            sum += x[i * p + k];
        const double mean = sum / (double)n;
        for (int64_t i = 0; i < n; i++)
            squares += (x[i * p + k] - mean) * (x[i * p + k] - mean);
        if (!isfinite(mean) || !isfinite(squares))
            return sg_fail(err, SG_DEGENERATE, "feature %d of an attack is not finite", k + 1);
        out->shift[k] = mean;
        out->scale[k] = squares > 0 ? 1 / sqrt(squares / (double)n) : 0;
        for (int64_t i = 0; i < n; i++)
            z[i * p + k] = (x[i * p + k] - mean) * out->scale[k];
    }
    return SG_OK;
}

sg_status sg_dense_fit(const double *x, const uint8_t *y, int64_t n, int p, int hidden, uint64_t seed,
                       const sg_run *run, sg_arena *a, sg_dense *out, sg_err *err)
{
    if (p < 1 || p > SG_DENSE_INPUT_MAX || hidden < 0 || hidden > SG_DENSE_HIDDEN_MAX)
        return sg_fail(err, SG_LIMIT, "%d features and %d hidden units, at most %d and %d", p, hidden,
                       (int)SG_DENSE_INPUT_MAX, (int)SG_DENSE_HIDDEN_MAX);
    int64_t n1 = 0;
    for (int64_t i = 0; i < n; i++)
        n1 += y[i] != 0;
    if (n1 < 10 || n - n1 < 10)
        return sg_fail(err, SG_DEGENERATE, "%lld people of one kind and %lld of the other, want 10 of each",
                       (long long)n1, (long long)(n - n1));
    const int64_t nw = n_weight(p, hidden);
    *out = (sg_dense){.p = p,
                      .hidden = hidden,
                      .shift = SG_NEW(a, double, p),
                      .scale = SG_NEW(a, double, p),
                      .w = SG_NEW(a, double, nw)};
    double *z = SG_NEW_RAW(a, double, n *p), *scratch = SG_NEW(a, double, 3 * nw);
    int8_t *fold = SG_NEW(a, int8_t, n);
    if (!out->shift || !out->scale || !out->w || !z || !scratch || !fold)
        return sg_arena_full(a, "an attack's network", err);
    SG_TRY(standardise(x, n, p, out, z, err));
    SG_TRY(sg_folds(y, n, FOLDS, seed, a, fold, err));
    problem q = {z, y, fold, n, p, hidden, seed, run, out->w, scratch, scratch + nw, scratch + 2 * nw};
    SG_TRY(choose_steps(&q, &out->steps, &out->left_out_loss, err));
    q.fold = NULL;
    start(&q);
    for (int t = 1; t <= out->steps; t++)
        step(&q, t);
    return SG_OK;
}

void sg_dense_score(const sg_dense *d, const double *x, int64_t n, double *score)
{
    double row[SG_DENSE_INPUT_MAX], h[SG_DENSE_HIDDEN_MAX];
    for (int64_t i = 0; i < n; i++) {
        for (int k = 0; k < d->p; k++)
            row[k] = (x[i * d->p + k] - d->shift[k]) * d->scale[k];
        score[i] = forward(d->p, d->hidden, d->w, row, h);
    }
}
