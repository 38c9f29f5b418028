/* fit.c - the concave problem of fit.h, by L-BFGS.
 *
 * Sixteen generated people of one label make a block and go through the forest together, SNP by SNP, in float; sums over
 * people are double, kept by lanes that take blocks l, l + LANES, ... so that the number of threads changes nothing.
 *
 * Unknowns are o [n_label, n_snp, 3] and k [n_snp, 9] times the root of their target: rare genotypes move gently, and a
 * small ridge keeps what no generated person can show (a logit far from anything) from running away. What runs all the
 * same (members never have a pair that the network is sure of) bends towards +-bound, where e^k still fits a float:
 * parameter = bound tanh(x / (scale bound)). What is evaluated is what is handed out.
 */
#include "decode/fit.h"

#include <assert.h>
#include <lbfgs.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { W = 16, LANES = 8, EVAL_MAX = 150, MEMORY = 8, ALIGN = 16 };
static const double ridge = 1e-4, close_enough = 1e-4, bound = 30;
static const float weight_min = 1e-30F;

typedef struct fit {
    const sg_decode_target *t;
    const sg_forest *f; /* NULL: offsets alone */
    const sg_run *run;
    int64_t S, n_block, n_x;
    int64_t block[SG_DECODE_LABEL_MAX + 1]; /* label y in blocks block[y]..block[y+1]-1 */
    int64_t people[SG_DECODE_LABEL_MAX];
    float *like;          /* [n_block, S, 3, W] exp(logit - top); 0 on seats nobody sits on */
    double *scale;        /* [n_x] root of the target: unknown = parameter * scale while it is small */
    float *node, *pair;   /* exp of the parameters: [n_label, S, 3], [S, 9] */
    float *up;            /* [LANES, S, 3, W] scratch */
    double *sum, *log_z;  /* [LANES, n_x] frequencies, [LANES] weighted */
    double off, pair_off; /* worst difference at the last evaluation */
    int n_eval;
} fit;

/* like[] from logits: largest of the three is 1. */
static void take_likelihoods(const float *logit, const int64_t *from, fit *q)
{
    const int64_t N = from[q->t->n_label];
    for (int y = 0; y < q->t->n_label; y++)
        for (int64_t b = q->block[y]; b < q->block[y + 1]; b++)
            for (int64_t s = 0; s < q->S; s++)
                for (int64_t i = 0; i < W; i++) {
                    const int64_t person = from[y] + (b - q->block[y]) * W + i;
                    float *to = q->like + (b * q->S + s) * 3 * W + i;
                    if (person >= from[y + 1])
                        continue; /* zeroed */
                    const float *l = logit + (s * N + person) * 3;
                    const float top = fmaxf(l[0], fmaxf(l[1], l[2]));
                    for (int g = 0; g < 3; g++)
                        to[g * W] = expf(l[g] - top);
                }
}

static void divide(float *restrict x, const float *restrict by)
{
    for (int g = 0; g < 3; g++)
        for (int i = 0; i < W; i++)
            x[g * W + i] /= by[i];
}

static void largest(const float *restrict x, float *restrict top)
{
    for (int i = 0; i < W; i++) {
        const float m = x[i] > x[W + i] ? x[i] : x[W + i];
        const float t = m > x[2 * W + i] ? m : x[2 * W + i];
        top[i] = t > weight_min ? t : weight_min;
    }
}

/* Adds log(top) of the people that are there to log_z, without a logarithm each time: prod holds what is still to be
 * taken. */
typedef struct product {
    double prod[W], log_sum[W];
    int n;
} product;

static void multiply(product *p, const float *top)
{
    for (int i = 0; i < W; i++)
        p->prod[i] *= (double)top[i];
    if (++p->n % 8)
        return;
    for (int i = 0; i < W; i++) { /* 8 factors of 1e-30..1e30 fit a double */
        p->log_sum[i] += log(p->prod[i]);
        p->prod[i] = 1;
    }
}

/* m[h] = sum over g of k[h, g] u[g]: what a SNP of weights u says to its parent. */
static void message_of(const float *restrict k, const float *restrict u, float *restrict m)
{
    for (int h = 0; h < 3; h++)
        for (int i = 0; i < W; i++)
            m[h * W + i] = k[3 * h] * u[i] + k[3 * h + 1] * u[W + i] + k[3 * h + 2] * u[2 * W + i];
}

/* Leaves to roots: up[s] = own weights times all messages from below, scaled. */
static void go_up(const fit *q, int y, int64_t b, float *up, product *z)
{
    const float *node = q->node + y * q->S * 3, *like = q->like + b * q->S * 3 * W;
    float top[W];
    for (int64_t s = 0; s < q->S; s++)
        for (int g = 0; g < 3; g++)
            for (int i = 0; i < W; i++)
                up[(s * 3 + g) * W + i] = like[(s * 3 + g) * W + i] * node[3 * s + g];
    for (int64_t j = q->S - 1; j >= 0; j--) {
        const int64_t s = q->f ? q->f->order[j] : j, p = q->f ? q->f->parent[s] : -1;
        float *u = up + s * 3 * W, m[3 * W];
        largest(u, top);
        divide(u, top);
        multiply(z, top);
        if (p < 0)
            continue;
        message_of(q->pair + 9 * s, u, m);
        largest(m, top);
        divide(m, top);
        multiply(z, top);
        float *v = up + p * 3 * W;
        for (int g = 0; g < 3 * W; g++)
            v[g] *= m[g];
    }
}

/* Roots to leaves: up[s] becomes the chances of s; sums over the seats that are taken are added to sum. */
static void go_down(const fit *q, int y, int n, float *up, double weight, double *sum, product *z)
{
    double *node = sum + y * q->S * 3, *pair = sum + q->t->n_label * q->S * 3;
    float all[W];
    for (int64_t j = 0; j < q->S; j++) {
        const int64_t s = q->f ? q->f->order[j] : j, p = q->f ? q->f->parent[s] : -1;
        float *u = up + s * 3 * W;
        if (p < 0) {
            for (int i = 0; i < W; i++) {
                all[i] = u[i] + u[W + i] + u[2 * W + i];
                all[i] = all[i] > weight_min ? all[i] : weight_min;
            }
            divide(u, all);
            multiply(z, all);
        } else {
            const float *v = up + p * 3 * W, *k = q->pair + 9 * s;
            float own[3 * W] = {0}, both[W], m[3 * W];
            message_of(k, u, m);
            for (int h = 0; h < 3; h++)
                for (int g = 0; g < 3; g++) {
                    double total = 0;
                    for (int i = 0; i < W; i++) {
                        const float d = m[h * W + i] > weight_min ? m[h * W + i] : weight_min;
                        both[i] = v[h * W + i] / d * k[3 * h + g] * u[g * W + i];
                        own[g * W + i] += both[i];
                    }
                    for (int i = 0; i < n; i++)
                        total += (double)both[i];
                    pair[9 * s + 3 * h + g] += weight * total;
                }
            memcpy(u, own, sizeof own);
        }
        for (int g = 0; g < 3; g++) {
            double total = 0;
            for (int i = 0; i < n; i++)
                total += (double)u[g * W + i];
            node[3 * s + g] += weight * total;
        }
    }
}

static void run_lane(void *ctx, int64_t lane, int worker)
{
    (void)worker;
    fit *q = ctx;
    float *up = q->up + lane * q->S * 3 * W;
    double *sum = q->sum + lane * q->n_x;
    memset(sum, 0, (size_t)q->n_x * sizeof *sum);
    q->log_z[lane] = 0;
    for (int y = 0; y < q->t->n_label; y++) {
        const double weight = q->t->share[y] / (double)q->people[y];
        for (int64_t b = q->block[y]; b < q->block[y + 1]; b++) {
            if (b % LANES != lane)
                continue;
            const int64_t left = q->people[y] - (b - q->block[y]) * W;
            const int n = left < W ? (int)left : W;
            product z = {.n = 0};
            for (int i = 0; i < W; i++)
                z.prod[i] = 1;
            go_up(q, y, b, up, &z);
            go_down(q, y, n, up, weight, sum, &z);
            for (int i = 0; i < n; i++)
                q->log_z[lane] += weight * (z.log_sum[i] + log(z.prod[i]));
        }
    }
}

static double worst(const double *x, const double *y, int64_t n, const double *share, int64_t per)
{
    double most = 0;
    for (int64_t k = 0; k < n; k++)
        most = fmax(most, fabs(x[k] - y[k]) / (share ? share[k / per] : 1));
    return most;
}

static double parameter(const fit *q, const double *x, int64_t k)
{
    return bound * tanh(x[k] / (q->scale[k] * bound));
}

static double unknown(const fit *q, double parameter, int64_t k)
{
    return q->scale[k] * bound * atanh(fmin(fmax(parameter / bound, -0.999), 0.999));
}

/* d parameter / d x */
static double slope(const fit *q, double parameter, int64_t k)
{
    return (1 - parameter * parameter / (bound * bound)) / q->scale[k];
}

/* -(the function of fit.h) and its gradient in the scaled unknowns. */
static double evaluate(fit *q, const double *x, double *grad)
{
    const int64_t n_node = q->t->n_label * q->S * 3, n_pair = q->f ? 9 * q->S : 0;
    double f = 0;
    for (int64_t k = 0; k < n_node + n_pair; k++) {
        *(k < n_node ? &q->node[k] : &q->pair[k - n_node]) = (float)exp(parameter(q, x, k));
    }
    sg_pool_for(q->run ? q->run->pool : NULL, LANES, run_lane, q);
    for (int l = 1; l < LANES; l++) {
        q->log_z[0] += q->log_z[l];
        for (int64_t k = 0; k < q->n_x; k++)
            q->sum[k] += q->sum[l * q->n_x + k];
    }
    f = q->log_z[0];
    double most = 0;
    for (int64_t k = 0; k < n_node; k++) {
        const double share = q->t->share[k / (3 * q->S)], want = share * q->t->node[k];
        const double v = parameter(q, x, k), gap = q->sum[k] - want;
        f -= v * want;
        most = fmax(most, fabs(gap) / share);
        f += ridge / 2 * x[k] * x[k];
        grad[k] = gap * slope(q, v, k) + ridge * x[k];
    }
    q->off = most;
    for (int64_t k = n_node; k < n_node + n_pair; k++) {
        const double v = parameter(q, x, k), want = q->t->pair[k - n_node];
        f -= v * want;
        f += ridge / 2 * x[k] * x[k];
        grad[k] = (q->sum[k] - want) * slope(q, v, k) + ridge * x[k];
    }
    q->pair_off = n_pair ? worst(q->sum + n_node, q->t->pair, n_pair, NULL, 1) : 0;
    for (int64_t k = n_node + n_pair; k < q->n_x; k++)
        grad[k] = 0;
    q->n_eval++;
    return f;
}

/* Of the frequencies of the counted allele, all labels together, at the last evaluation. */
static double correlation(const fit *q)
{
    const int64_t n = q->t->n_label * q->S;
    double x = 0, y = 0, xx = 0, yy = 0, xy = 0;
    for (int64_t k = 0; k < n; k++) {
        const double share = q->t->share[k / q->S] * 2;
        const double f = (q->sum[3 * k + 1] + 2 * q->sum[3 * k + 2]) / share;
        const double t = q->t->node[3 * k + 1] / 2 + q->t->node[3 * k + 2];
        x += f;
        y += t;
        xx += f * f;
        yy += t * t;
        xy += f * t;
    }
    const double vx = xx - x * x / (double)n, vy = yy - y * y / (double)n;
    return vx > 0 && vy > 0 ? (xy - x * y / (double)n) / sqrt(vx * vy) : NAN;
}

static lbfgsfloatval_t on_evaluate(void *ctx, const lbfgsfloatval_t *x, lbfgsfloatval_t *g, const int n,
                                   const lbfgsfloatval_t step)
{
    (void)n;
    (void)step;
    return evaluate(ctx, x, g);
}

/* Stops when every frequency is close, when the search has had its share, or when asked to. */
static int on_progress(void *ctx, const lbfgsfloatval_t *x, const lbfgsfloatval_t *g, const lbfgsfloatval_t fx,
                       const lbfgsfloatval_t xnorm, const lbfgsfloatval_t gnorm, const lbfgsfloatval_t step, int n,
                       int k, int ls)
{
    (void)x, (void)g, (void)fx, (void)xnorm, (void)gnorm, (void)step, (void)n, (void)k, (void)ls;
    fit *q = ctx;
    sg_report(q->run, "fitting", q->n_eval < EVAL_MAX ? q->n_eval : EVAL_MAX, EVAL_MAX);
    return sg_cancelled(q->run) || fmax(q->off, q->pair_off) < close_enough || q->n_eval >= EVAL_MAX;
}

static sg_status buffers(fit *q, sg_arena *a, sg_err *err)
{
    const int64_t S = q->S, n_label = q->t->n_label;
    q->n_x = (n_label * 3 * S + 9 * S + ALIGN - 1) / ALIGN * ALIGN;
    q->like = SG_NEW(a, float, q->n_block *S * 3 * W);
    q->scale = SG_NEW(a, double, q->n_x);
    q->node = SG_NEW(a, float, n_label *S * 3);
    q->pair = SG_NEW(a, float, 9 * S);
    q->up = SG_NEW(a, float, LANES *S * 3 * W);
    q->sum = SG_NEW(a, double, LANES * q->n_x);
    q->log_z = SG_NEW(a, double, LANES);
    if (!q->like || !q->scale || !q->node || !q->pair || !q->up || !q->sum || !q->log_z)
        return sg_arena_full(a, "fitting offsets and links", err);
    for (int64_t k = 0; k < n_label * 3 * S; k++)
        q->scale[k] = sqrt(q->t->share[k / (3 * S)] * q->t->node[k]);
    for (int64_t k = 0; k < 9 * S; k++)
        q->scale[n_label * 3 * S + k] = q->f && q->f->parent[k / 9] >= 0 ? sqrt(q->t->pair[k]) : 1;
    return SG_OK;
}

static sg_status search(fit *q, double *x, sg_err *err)
{
    lbfgs_parameter_t o;
    lbfgs_parameter_init(&o);
    o.m = MEMORY;
    o.epsilon = 1e-7;
    o.max_iterations = EVAL_MAX;
    const int rc = lbfgs((int)q->n_x, x, NULL, on_evaluate, on_progress, q, &o);
    if (sg_cancelled(q->run))
        return sg_fail(err, SG_CANCELLED, "stopped while fitting frequencies");
    /* A search that can go no further for rounding has arrived; the caller reports how close it came. */
    if (rc == LBFGSERR_OUTOFMEMORY)
        return sg_fail(err, SG_NOMEM, "no memory to fit %lld numbers", (long long)q->n_x);
    return SG_OK;
}

sg_status sg_decode_fit(const sg_decode_target *t, const float *logit, const int64_t *from, const sg_run *run,
                        sg_arena *a, float *offset, sg_forest *forest, sg_decode_fit_result *out, sg_err *err)
{
    const bool linked = forest && forest->n_edge > 0;
    fit q = {.t = t, .f = linked ? forest : NULL, .run = run, .S = t->n_snp};
    for (int y = 0; y < t->n_label; y++) {
        q.people[y] = from[y + 1] - from[y];
        assert(q.people[y] > 0);
        q.block[y + 1] = q.block[y] + (q.people[y] + W - 1) / W;
    }
    q.n_block = q.block[t->n_label];
    const size_t mark = sg_arena_mark(a);
    SG_TRY(buffers(&q, a, err));
    take_likelihoods(logit, from, &q);
    const int64_t n_node = t->n_label * t->n_snp * 3, n_pair = linked ? 9 * t->n_snp : 0;
    double *x = lbfgs_malloc((int)q.n_x), *g = lbfgs_malloc((int)q.n_x);
    sg_status st = x && g ? SG_OK : sg_fail(err, SG_NOMEM, "no memory to fit %lld numbers", (long long)q.n_x);
    if (!st) {
        memset(x, 0, (size_t)q.n_x * sizeof *x);
        for (int64_t k = 0; k < n_node; k++)
            x[k] = unknown(&q, (double)offset[k], k);
        for (int64_t k = 0; k < n_pair; k++)
            x[n_node + k] = unknown(&q, (double)forest->pair[k], n_node + k);
        (void)evaluate(&q, x, g);
        *out = (sg_decode_fit_result){.was = q.off, .pair_was = q.pair_off, .r_was = correlation(&q)};
        st = search(&q, x, err);
    }
    if (!st) {
        (void)evaluate(&q, x, g);
        out->now = q.off;
        out->pair_now = q.pair_off;
        out->r_now = correlation(&q);
        out->n_eval = q.n_eval;
        for (int64_t k = 0; k < n_node; k++)
            offset[k] = (float)parameter(&q, x, k);
        for (int64_t k = 0; k < n_pair; k++)
            forest->pair[k] = forest->parent[k / 9] >= 0 ? (float)parameter(&q, x, n_node + k) : 0;
    }
    lbfgs_free(x);
    lbfgs_free(g);
    sg_arena_rewind(a, mark);
    return st;
}
