/* discriminator.c - see discriminator.h.
 *
 * Letters: B people, R rows, K channels in, N channels out. A layer's input is padded: one row of zeros before, one or
 * (an odd length) two behind. Everything is kept for the backward pass; the network is small (0.2 M weights). */
#include "vae/discriminator.h"
#include "base/rng.h"
#include "nn/init.h"
#include "nn/layers.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LAYERS = 6 };
static const int width[LAYERS + 1] = {3, 16, 32, 64, 128, 128, 128};
static const float slope = 0.2f;
static const double norm_eps = 1e-5;

typedef struct layer {
    sg_dense dense;
    int64_t L, R;         /* positions in, out */
    int64_t w, bias;      /* offsets in the flat buffer */
    int64_t u, v, packed; /* offsets among the vectors and in the packed buffer */
    double sigma;
} layer;

struct sg_disc {
    int64_t L, n_snp, n_vector, n_scratch;
    sg_params params;
    layer layer[LAYERS + 1]; /* the last one: 1x1, one output, no norm */
    float *w, *vector, *packed;
};

static bool add_layer(sg_disc *d, int i, int64_t L, int64_t *n_packed)
{
    layer *l = &d->layer[i];
    const bool last = i == LAYERS;
    const int64_t K = width[i], N = last ? 1 : width[i + 1], dim[3] = {N, K, last ? 1 : 3};
    char name[32];
    const sg_backend *b = sg_backend_chosen();
    l->L = L;
    l->R = last ? L : (L - 1) / 2 + 1;
    l->dense = (sg_dense){.map = {.n_tap = last ? 1 : 3, .stride = last ? 1 : 2, .K = K, .N = N, .rows = l->R},
                          .backend = b->exact ? b->exact : b};
    (void)snprintf(name, sizeof name, "layers.%d.weight", i);
    const sg_param *p = sg_params_add(&d->params, name, 3, dim);
    l->w = p ? p->at : 0;
    (void)snprintf(name, sizeof name, "layers.%d.bias", i);
    const sg_param *q = p ? sg_params_add(&d->params, name, 1, &N) : NULL;
    l->bias = q ? q->at : 0;
    l->u = d->n_vector;
    l->v = l->u + N;
    d->n_vector += last ? 0 : N + K * 3;
    l->packed = *n_packed;
    *n_packed += (l->dense.backend->packed_floats(&l->dense.map) + 15) / 16 * 16;
    const int64_t scratch = sg_dense_scratch(&l->dense, l->R);
    d->n_scratch = scratch > d->n_scratch ? scratch : d->n_scratch;
    return q != NULL;
}

sg_status sg_disc_new(int64_t seq_len, int64_t n_snp, sg_disc **out, sg_err *err)
{
    *out = NULL;
    int64_t L = seq_len, n_packed = 0;
    for (int i = 0; i < LAYERS; i++)
        L = L > 0 ? (L - 1) / 2 + 1 : 0;
    if (n_snp < 1 || n_snp > seq_len || L < 2)
        return sg_fail(err, SG_LIMIT,
                       "the discriminator halves %lld positions six times, which leaves %lld: want 2 or more "
                       "(65 SNPs); train without the adversarial term",
                       (long long)seq_len, (long long)L);
    sg_disc *d = calloc(1, sizeof *d);
    bool fine = d != NULL;
    if (d) {
        d->L = seq_len;
        d->n_snp = n_snp;
        L = seq_len;
        for (int i = 0; fine && i <= LAYERS; i++) {
            fine = add_layer(d, i, L, &n_packed);
            L = d->layer[i].R;
        }
        d->layer[0].dense.backend->start();
        d->w = calloc((size_t)d->params.n_float, sizeof(float));
        d->vector = calloc((size_t)d->n_vector, sizeof(float));
        d->packed = calloc((size_t)n_packed, sizeof(float));
        fine = fine && d->w && d->vector && d->packed;
    }
    if (!fine) {
        sg_disc_free(d);
        return sg_fail(err, SG_NOMEM, "no memory for the discriminator");
    }
    *out = d;
    return SG_OK;
}

void sg_disc_free(sg_disc *d)
{
    if (!d)
        return;
    sg_params_clear(&d->params);
    free(d->w);
    free(d->vector);
    free(d->packed);
    free(d);
}

const sg_params *sg_disc_get_params(const sg_disc *d)
{
    return &d->params;
}

int64_t sg_disc_positions(const sg_disc *d)
{
    return d->layer[LAYERS].R;
}

int64_t sg_disc_n_vector(const sg_disc *d)
{
    return d->n_vector;
}

/* To length 1; a vector of zeros stays one. */
static void normalise(float *x, int64_t n)
{
    double s = 0;
    for (int64_t i = 0; i < n; i++)
        s += (double)x[i] * x[i];
    s = 1.0 / fmax(sqrt(s), 1e-12);
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)(x[i] * s);
}

void sg_disc_init(const sg_disc *d, uint64_t seed, float *w, float *vector)
{
    sg_init_weights(&d->params, seed, w);
    sg_rng r = sg_rng_stream(seed, SG_RNG_INIT_WEIGHTS, 0xd15c, 2);
    sg_rng_fill_normal(&r, vector, d->n_vector);
    for (int i = 0; i < LAYERS; i++) {
        const layer *l = &d->layer[i];
        normalise(vector + l->u, l->dense.map.N);
        normalise(vector + l->v, l->dense.map.K * 3);
    }
}

/* w [N, M] as a matrix: v = w^T u and u = w v to length 1 when `iterate`; sigma = u^T w v. */
static double power_step(const float *w, int64_t N, int64_t M, float *u, float *v, bool iterate)
{
    double sigma = 0;
    for (int64_t m = 0; iterate && m < M; m++) {
        double s = 0;
        for (int64_t n = 0; n < N; n++)
            s += (double)w[n * M + m] * u[n];
        v[m] = (float)s;
    }
    if (iterate)
        normalise(v, M);
    for (int pass = iterate ? 0 : 1; pass < 2; pass++) {
        sigma = 0;
        for (int64_t n = 0; n < N; n++) {
            double s = 0;
            for (int64_t m = 0; m < M; m++)
                s += (double)w[n * M + m] * v[m];
            if (pass == 0)
                u[n] = (float)s;
            else
                sigma += s * u[n];
        }
        if (pass == 0)
            normalise(u, N);
    }
    return sigma;
}

sg_status sg_disc_load(sg_disc *d, const float *w, float *vector, bool iterate, sg_err *err)
{
    SG_TRY(sg_check_finite(&d->params, w, err));
    memcpy(d->w, w, (size_t)d->params.n_float * sizeof *w);
    for (int i = 0; i <= LAYERS; i++) {
        layer *l = &d->layer[i];
        const int64_t N = l->dense.map.N, M = l->dense.map.K * l->dense.map.n_tap;
        float *own = d->w + l->w;
        l->sigma = 1;
        if (i < LAYERS) {
            l->sigma = power_step(own, N, M, vector + l->u, vector + l->v, iterate);
            if (!(fabs(l->sigma) > 1e-30))
                return sg_fail(err, SG_LIMIT, "the discriminator's layer %d has no spectral norm: its weights are zero",
                               i);
            for (int64_t k = 0; k < N * M; k++)
                own[k] = (float)(own[k] / l->sigma);
        }
        if (!l->dense.backend->pack(&l->dense.map, own, d->packed + l->packed))
            return sg_fail(err, SG_NOMEM, "no room for the discriminator's packed weights");
    }
    memcpy(d->vector, vector, (size_t)d->n_vector * sizeof *vector);
    return SG_OK;
}

/* ---- one pass ---- */

/* What the layers of one pass leave for the way back. */
typedef struct pass {
    sg_tensor in[LAYERS + 1];  /* [B, 2 R + 2, K], the last one [B, P, K] */
    sg_tensor out[LAYERS + 1]; /* [B, R, N]: before norm and LeakyReLU */
    float *stat[LAYERS];       /* [B, N, 2] mean and 1/deviation; of the first layer unused */
    float *scratch;
} pass;

static int64_t rows_in(const layer *l)
{
    return 2 * l->R + 2;
}

static int64_t pass_floats(const sg_disc *d, int64_t B)
{
    int64_t n = d->n_scratch + 16;
    for (int i = 0; i <= LAYERS; i++) {
        const layer *l = &d->layer[i];
        n += B * ((i < LAYERS ? rows_in(l) : l->R) * l->dense.map.K + l->R * l->dense.map.N + 2 * l->dense.map.N) + 64;
    }
    return n;
}

size_t sg_disc_bytes(const sg_disc *d, int64_t B)
{
    /* a pass, and the gradients of two layers at a time on the way back */
    return (size_t)(pass_floats(d, B) * 2) * sizeof(float) + ((size_t)1 << 16);
}

static sg_status pass_new(const sg_disc *d, int64_t B, sg_arena *a, pass *p, sg_err *err)
{
    bool fits = (p->scratch = SG_NEW_RAW(a, float, d->n_scratch)) != NULL;
    for (int i = 0; i <= LAYERS; i++) {
        const layer *l = &d->layer[i];
        const int64_t K = l->dense.map.K, N = l->dense.map.N, rows = i < LAYERS ? rows_in(l) : l->R;
        float *in = SG_NEW(a, float, B *rows *K), *out = SG_NEW_RAW(a, float, B * l->R * N);
        fits = fits && in && out;
        p->in[i] = sg_view3(in, B, rows, K);
        p->out[i] = sg_view3(out, B, l->R, N);
        if (i < LAYERS)
            fits = (p->stat[i] = SG_NEW(a, float, B *N * 2)) != NULL && fits;
    }
    return fits ? SG_OK : sg_arena_full(a, "the discriminator", err);
}

/* Mean and 1/deviation over the rows of each person and channel. */
static void instance_stats(const sg_tensor *y, float *stat)
{
    const int64_t B = y->dim[0], R = y->dim[1], N = y->dim[2];
    for (int64_t b = 0; b < B; b++)
        for (int64_t n = 0; n < N; n++) {
            const float *x = y->x + b * R * N + n;
            double sum = 0, square = 0;
            for (int64_t r = 0; r < R; r++)
                sum += x[r * N];
            const double mean = sum / (double)R;
            for (int64_t r = 0; r < R; r++)
                square += (x[r * N] - mean) * (x[r * N] - mean);
            stat[(b * N + n) * 2] = (float)mean;
            stat[(b * N + n) * 2 + 1] = (float)(1.0 / sqrt(square / (double)R + norm_eps));
        }
}

/* The next layer's input: normalised when there are statistics, then LeakyReLU; `first` rows of zeros before. */
static void activate(const sg_tensor *y, const float *stat, int64_t first, sg_tensor *x)
{
    const int64_t B = y->dim[0], R = y->dim[1], N = y->dim[2], rows = x->dim[1];
    for (int64_t b = 0; b < B; b++)
        for (int64_t r = 0; r < R; r++)
            for (int64_t n = 0; n < N; n++) {
                const float *s = stat ? stat + (b * N + n) * 2 : NULL;
                const float v = y->x[(b * R + r) * N + n], h = s ? (v - s[0]) * s[1] : v;
                x->x[(b * rows + first + r) * N + n] = h > 0 ? h : slope * h;
            }
}

static void forward(const sg_disc *d, pass *p)
{
    for (int i = 0; i <= LAYERS; i++) {
        const layer *l = &d->layer[i];
        sg_dense_forward(&l->dense, &p->in[i], d->packed + l->packed, d->w + l->bias, NULL, NULL, false, &p->out[i],
                         p->scratch);
        if (i == LAYERS)
            break;
        if (i > 0)
            instance_stats(&p->out[i], p->stat[i]);
        activate(&p->out[i], i > 0 ? p->stat[i] : NULL, i + 1 < LAYERS ? 1 : 0, &p->in[i + 1]);
    }
}

/* dy [B, R, N] of what `activate` made, from dx of its result, in double over rows. */
static void activate_back(const sg_tensor *y, const float *stat, int64_t first, const sg_tensor *dx, sg_tensor *dy)
{
    const int64_t B = y->dim[0], R = y->dim[1], N = y->dim[2], rows = dx->dim[1];
    for (int64_t b = 0; b < B; b++)
        for (int64_t n = 0; n < N; n++) {
            const float *s = stat ? stat + (b * N + n) * 2 : NULL;
            double m1 = 0, m2 = 0;
            for (int64_t r = 0; r < R; r++) {
                const int64_t at = (b * R + r) * N + n;
                const float v = y->x[at], h = s ? (v - s[0]) * s[1] : v;
                const float g = dx->x[(b * rows + first + r) * N + n] * (h > 0 ? 1 : slope);
                dy->x[at] = g;
                m1 += g;
                m2 += (double)g * h;
            }
            for (int64_t r = 0; s && r < R; r++) {
                const int64_t at = (b * R + r) * N + n;
                const double h = ((double)y->x[at] - s[0]) * s[1];
                dy->x[at] = (float)(s[1] * (dy->x[at] - m1 / (double)R - h * m2 / (double)R));
            }
        }
}

/* From dlast [B, P, 1] back. grad: with respect to the normalised weights, added to, or NULL; dinput: of in[0], or NULL. */
static sg_status backward(const sg_disc *d, const pass *p, sg_tensor dlast, float *grad, sg_tensor *dinput, sg_arena *a,
                          sg_err *err)
{
    const int64_t B = dlast.dim[0];
    sg_tensor dy = dlast;
    for (int i = LAYERS; i >= 0; i--) {
        const layer *l = &d->layer[i];
        sg_tensor dx = {0};
        if (i > 0 || dinput) {
            dx = p->in[i];
            dx.x = SG_NEW_RAW(a, float, B *dx.dim[1] * dx.dim[2]);
            if (!dx.x)
                return sg_arena_full(a, "the discriminator's gradients", err);
        }
        sg_dense_backward(&l->dense, &p->in[i], d->packed + l->packed, &dy, dx.x ? &dx : NULL, false,
                          grad ? grad + l->w : NULL, grad ? grad + l->bias : NULL, NULL, false, p->scratch);
        if (i == 0) {
            if (dinput)
                *dinput = dx;
            break;
        }
        dy = p->out[i - 1];
        dy.x = SG_NEW_RAW(a, float, B *dy.dim[1] * dy.dim[2]);
        if (!dy.x)
            return sg_arena_full(a, "the discriminator's gradients", err);
        activate_back(&p->out[i - 1], i > 1 ? p->stat[i - 1] : NULL, i < LAYERS ? 1 : 0, &dx, &dy);
    }
    return SG_OK;
}

static void put_genotypes(const sg_disc *d, int64_t B, const int8_t *geno, sg_tensor *x)
{
    for (int64_t b = 0; b < B; b++)
        for (int64_t l = 0; l < d->n_snp; l++)
            x->x[(b * x->dim[1] + 1 + l) * 3 + geno[b * d->L + l]] = 1;
}

static void put_logits(const sg_disc *d, int64_t B, const float *logits, sg_tensor *x)
{
    for (int64_t b = 0; b < B; b++)
        memcpy(x->x + (b * x->dim[1] + 1) * 3, logits + b * d->L * 3, (size_t)(d->n_snp * 3) * sizeof *logits);
}

/* Adds sum relu(1 + sign D) * scale to *loss; dlast gets its gradient. */
static void hinge(const sg_tensor *out, double sign, double scale, double *loss, float *dlast)
{
    for (int64_t k = 0; k < out->dim[0] * out->dim[1]; k++) {
        const double h = 1 + sign * out->x[k];
        *loss += h > 0 ? h * scale : 0;
        dlast[k] = h > 0 ? (float)(sign * scale) : 0.0f;
    }
}

sg_status sg_disc_hinge(const sg_disc *d, int64_t B, int64_t batch, const int8_t *geno, const float *logits,
                        sg_arena *a, double *loss, float *grad, sg_err *err)
{
    const int64_t P = sg_disc_positions(d);
    const double scale = 0.5 / ((double)batch * (double)P);
    sg_status st = SG_OK;
    *loss = 0;
    for (int fake = 0; fake < 2 && !st; fake++) {
        const size_t mark = sg_arena_mark(a);
        pass p;
        st = pass_new(d, B, a, &p, err);
        float *dlast = st ? NULL : SG_NEW_RAW(a, float, B *P);
        if (!st && !dlast)
            st = sg_arena_full(a, "the discriminator's logits", err);
        if (!st) {
            if (fake)
                put_logits(d, B, logits, &p.in[0]);
            else
                put_genotypes(d, B, geno, &p.in[0]);
            forward(d, &p);
            hinge(&p.out[LAYERS], fake ? 1 : -1, scale, loss, dlast);
            if (grad)
                st = backward(d, &p, sg_view3(dlast, B, P, 1), grad, NULL, a, err);
        }
        sg_arena_rewind(a, mark);
    }
    return st ? st : sg_backend_status(err);
}

void sg_disc_finish_grad(const sg_disc *d, float *grad)
{
    for (int i = 0; i < LAYERS; i++) {
        const layer *l = &d->layer[i];
        const int64_t N = l->dense.map.N, M = l->dense.map.K * 3;
        const float *w = d->w + l->w, *u = d->vector + l->u, *v = d->vector + l->v; /* w is normalised already */
        float *g = grad + l->w;
        double along = 0;
        for (int64_t k = 0; k < N * M; k++)
            along += (double)g[k] * w[k];
        for (int64_t n = 0; n < N; n++)
            for (int64_t m = 0; m < M; m++)
                g[n * M + m] = (float)((g[n * M + m] - along * u[n] * v[m]) / l->sigma);
    }
}

sg_status sg_disc_generator(const sg_disc *d, int64_t B, int64_t batch, const float *logits, sg_arena *a, double *g,
                            float *dlogits, sg_err *err)
{
    const int64_t P = sg_disc_positions(d);
    const double scale = 1.0 / ((double)batch * (double)P);
    const size_t mark = sg_arena_mark(a);
    pass p;
    *g = 0;
    sg_status st = pass_new(d, B, a, &p, err);
    float *dlast = st ? NULL : SG_NEW_RAW(a, float, B *P);
    if (!st && !dlast)
        st = sg_arena_full(a, "the discriminator's logits", err);
    if (!st) {
        put_logits(d, B, logits, &p.in[0]);
        forward(d, &p);
        for (int64_t k = 0; k < B * P; k++) {
            *g -= p.out[LAYERS].x[k] * scale;
            dlast[k] = (float)-scale;
        }
        sg_tensor dx;
        if (dlogits)
            st = backward(d, &p, sg_view3(dlast, B, P, 1), NULL, &dx, a, err);
        if (!st && dlogits) {
            memset(dlogits, 0, (size_t)(B * d->L * 3) * sizeof *dlogits);
            for (int64_t b = 0; b < B; b++)
                memcpy(dlogits + b * d->L * 3, dx.x + (b * dx.dim[1] + 1) * 3,
                       (size_t)(d->n_snp * 3) * sizeof *dlogits);
        }
    }
    sg_arena_rewind(a, mark);
    return st ? st : sg_backend_status(err);
}

double sg_disc_weight(double norm_nll, double norm_g, double factor)
{
    const double w = norm_nll / (norm_g + 1e-4);
    return factor * fmin(fmax(w, 0), 1e4);
}
