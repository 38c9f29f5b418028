/* pca.c - see pca.h. */
#include "stat/pca.h"
#include "base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    STEP_START = 2,
    STEP_DIRECTION = 3,
    STEP_PEOPLE = 4,
    ITERATIONS = 300,
    SPARE = 8,
    DIRECTIONS = 64,
    RESAMPLES = 100
};

static double dot(const double *x, const double *y, int64_t n)
{
    double s = 0;
    for (int64_t i = 0; i < n; i++)
        s += x[i] * y[i];
    return s;
}

/* Gram-Schmidt, twice over for numerical orthogonality. A vector that vanishes stays 0. */
static void orthonormal(double *q, int k, int64_t n)
{
    for (int c = 0; c < k; c++) {
        double *v = q + c * n;
        for (int pass = 0; pass < 2; pass++)
            for (int b = 0; b < c; b++) {
                const double p = dot(q + b * n, v, n);
                for (int64_t i = 0; i < n; i++)
                    v[i] -= p * q[b * n + i];
            }
        const double len = sqrt(dot(v, v, n));
        for (int64_t i = 0; i < n; i++)
            v[i] = len > 1e-12 ? v[i] / len : 0;
    }
}

/* y [k, n] = q [k, n] r, r symmetric */
static void times_matrix(const float *r, const double *q, int k, int64_t n, double *y)
{
    memset(y, 0, (size_t)(k * n) * sizeof *y);
    for (int64_t i = 0; i < n; i++)
        for (int c = 0; c < k; c++) {
            const double f = q[c * n + i];
            for (int64_t j = 0; f != 0 && j < n; j++)
                y[c * n + j] += f * (double)r[i * n + j];
        }
}

/* Eigenvectors of the small symmetric matrix m [k, k] by Jacobi rotations: m becomes diagonal, rows of u the vectors. */
static void jacobi(double *m, int k, double *u)
{
    for (int i = 0; i < k * k; i++)
        u[i] = i % (k + 1) == 0;
    for (int sweep = 0; sweep < 60; sweep++) {
        double off = 0;
        for (int p = 0; p < k; p++)
            for (int q = p + 1; q < k; q++) {
                const double a = m[p * k + q];
                off += a * a;
                if (fabs(a) < 1e-300)
                    continue;
                const double th = (m[q * k + q] - m[p * k + p]) / (2 * a);
                const double t = (th >= 0 ? 1 : -1) / (fabs(th) + sqrt(th * th + 1)), c = 1 / sqrt(t * t + 1),
                             s = t * c;
                for (int i = 0; i < k; i++) {
                    const double x = m[i * k + p], y = m[i * k + q];
                    m[i * k + p] = c * x - s * y;
                    m[i * k + q] = s * x + c * y;
                }
                for (int i = 0; i < k; i++) {
                    const double x = m[p * k + i], y = m[q * k + i], v = u[p * k + i], w = u[q * k + i];
                    m[p * k + i] = c * x - s * y;
                    m[q * k + i] = s * x + c * y;
                    u[p * k + i] = c * v - s * w;
                    u[q * k + i] = s * v + c * w;
                }
            }
        if (off < 1e-26)
            return;
    }
}

/* Rotates the subspace q to the eigenvectors of r inside it; y = q r on entry and scratch after. value [k]. */
static void ritz(double *q, double *y, int k, int64_t n, double *small, double *u, double *value)
{
    for (int i = 0; i < k; i++)
        for (int j = 0; j < k; j++)
            small[i * k + j] = dot(q + i * n, y + j * n, n);
    jacobi(small, k, u);
    memcpy(y, q, (size_t)(k * n) * sizeof *y);
    memset(q, 0, (size_t)(k * n) * sizeof *q);
    bool used[128] = {false};
    for (int c = 0; c < k; c++) {
        int best = 0;
        while (used[best]) /* fewer than k are */
            best++;
        for (int i = best + 1; i < k; i++)
            if (!used[i] && small[i * k + i] > small[best * k + best])
                best = i;
        used[best] = true;
        value[c] = small[best * k + best];
        for (int b = 0; b < k; b++)
            for (int64_t i = 0; i < n; i++)
                q[c * n + i] += u[best * k + b] * y[b * n + i];
    }
}

static void settle_sign(double *v, int64_t n)
{
    int64_t most = 0;
    for (int64_t i = 1; i < n; i++)
        if (fabs(v[i]) > fabs(v[most]))
            most = i;
    const double sign = v[most] < 0 ? -1 : 1;
    for (int64_t i = 0; i < n; i++)
        v[i] *= sign;
}

sg_status sg_pca_fit(const sg_snps *s, const float *r, int k, sg_arena *a, sg_pca *out, sg_err *err)
{
    const int64_t L = s->n_snp;
    if (k < 1 || k > L || k > 100)
        return sg_fail(err, SG_LIMIT, "%d principal components of %lld SNPs, want 1 to the smaller of them and 100", k,
                       (long long)L);
    const int m = k + SPARE < L ? k + SPARE : (int)L;
    *out = (sg_pca){L, k, SG_NEW(a, double, m), SG_NEW(a, double, m *L), SG_NEW(a, double, L), SG_NEW(a, double, L)};
    double *y = SG_NEW(a, double, m *L), *small = SG_NEW(a, double, 2 * m * m), *old = SG_NEW(a, double, m);
    if (!out->value || !out->axis || !out->mean || !out->inv || !y || !small || !old)
        return sg_arena_full(a, "principal components", err);
    for (int64_t v = 0; v < L; v++) {
        out->mean[v] = 2 * sg_snps_freq(s, v);
        const double var =
            (double)(s->count[v][1] + 4 * s->count[v][2]) / (double)s->n_people - out->mean[v] * out->mean[v];
        out->inv[v] = var > 1e-12 ? 1 / sqrt(var) : 0;
    }
    sg_rng g = sg_rng_stream(0, SG_RNG_EVALUATE, 0, STEP_START);
    for (int64_t i = 0; i < m * L; i++)
        out->axis[i] = sg_rng_normal(&g);
    for (int it = 0; it < ITERATIONS; it++) {
        orthonormal(out->axis, m, L);
        times_matrix(r, out->axis, m, L, y);
        if (it % 10 == 9) {
            memcpy(old, out->value, (size_t)m * sizeof *old);
            ritz(out->axis, y, m, L, small, small + m * m, out->value);
            double moved = 0;
            for (int c = 0; c < k; c++)
                moved = fmax(moved, fabs(out->value[c] - old[c]));
            if (moved < 1e-11 * out->value[0])
                break;
            times_matrix(r, out->axis, m, L, y);
        }
        memcpy(out->axis, y, (size_t)(m * L) * sizeof *y);
    }
    orthonormal(out->axis, m, L);
    for (int c = 0; c < k; c++)
        settle_sign(out->axis + c * L, L);
    return SG_OK;
}

typedef struct project_job {
    const sg_pca *pca;
    const sg_people *p;
    double *score;
} project_job;

static void project_one(void *ctx, int64_t i, int worker)
{
    (void)worker;
    const project_job *j = ctx;
    const sg_pca *f = j->pca;
    double *score = j->score + i * f->k;
    for (int c = 0; c < f->k; c++)
        score[c] = 0;
    for (int64_t v = 0; v < f->n_snp; v++) {
        const double z = ((double)sg_people_get(j->p, i, v) - f->mean[v]) * f->inv[v];
        for (int c = 0; c < f->k; c++)
            score[c] += z * f->axis[c * f->n_snp + v];
    }
}

void sg_pca_project(const sg_pca *pca, const sg_people *p, const sg_run *run, double *score)
{
    project_job j = {pca, p, score};
    sg_pool_for(run ? run->pool : NULL, p->n_sample, project_one, &j);
}

double sg_wasserstein(const double *x, const double *wx, int64_t n, const double *y, const double *wy, int64_t m)
{
    double tx = 0, ty = 0, fx = 0, fy = 0, area = 0, at = 0;
    for (int64_t i = 0; i < n; i++)
        tx += wx ? wx[i] : 1;
    for (int64_t j = 0; j < m; j++)
        ty += wy ? wy[j] : 1;
    for (int64_t i = 0, j = 0; i < n || j < m;) {
        const bool left = j >= m || (i < n && x[i] <= y[j]);
        const double next = left ? x[i] : y[j];
        area += fabs(fx / tx - fy / ty) * (i + j ? next - at : 0);
        at = next;
        if (left) {
            fx += wx ? wx[i] : 1;
            i++;
        } else {
            fy += wy ? wy[j] : 1;
            j++;
        }
    }
    return area;
}

typedef struct place {
    double x;
    int64_t who;
} place;

static int by_place(const void *a, const void *b)
{
    const place *p = a, *q = b;
    return p->x != q->x ? (p->x > q->x) - (p->x < q->x) : (p->who > q->who) - (p->who < q->who);
}

/* One direction per item: the clouds along it, sorted, for the people as they are and for every resample. */
typedef struct slice_job {
    const double *cloud[2];
    int64_t n[2];
    int k;
    uint64_t seed;
    place *order[2];       /* [worker, n] */
    double *sorted[2];     /* [worker, n] */
    double *weight[2];     /* [worker, n] in order of place */
    const float *times[2]; /* [RESAMPLES, n] how often each person is drawn */
    double *distance;      /* [DIRECTIONS, RESAMPLES + 1]; the last is of the people as they are */
} slice_job;

static void one_direction(void *ctx, int64_t d, int worker)
{
    const slice_job *j = ctx;
    double axis[128], len = 0;
    sg_rng g = sg_rng_stream(j->seed, SG_RNG_EVALUATE, (uint64_t)d, STEP_DIRECTION);
    for (int c = 0; c < j->k; c++) {
        axis[c] = sg_rng_normal(&g);
        len += axis[c] * axis[c];
    }
    double *sorted[2], *weight[2];
    place *order[2];
    for (int side = 0; side < 2; side++) {
        const int64_t n = j->n[side];
        order[side] = j->order[side] + worker * n;
        sorted[side] = j->sorted[side] + worker * n;
        weight[side] = j->weight[side] + worker * n;
        for (int64_t i = 0; i < n; i++)
            order[side][i] = (place){dot(j->cloud[side] + i * j->k, axis, j->k) / sqrt(len), i};
        qsort(order[side], (size_t)n, sizeof **order, by_place);
        for (int64_t i = 0; i < n; i++)
            sorted[side][i] = order[side][i].x;
    }
    double *out = j->distance + d * (RESAMPLES + 1);
    out[RESAMPLES] = sg_wasserstein(sorted[0], NULL, j->n[0], sorted[1], NULL, j->n[1]);
    for (int b = 0; b < RESAMPLES; b++) {
        for (int side = 0; side < 2; side++)
            for (int64_t i = 0; i < j->n[side]; i++)
                weight[side][i] = (double)j->times[side][b * j->n[side] + order[side][i].who];
        out[b] = sg_wasserstein(sorted[0], weight[0], j->n[0], sorted[1], weight[1], j->n[1]);
    }
}

sg_status sg_sliced_wasserstein(const double *x, int64_t n, const double *y, int64_t m, int k, uint64_t seed,
                                const sg_run *run, sg_arena *a, sg_estimate *out, sg_err *err)
{
    if (n < 2 || m < 2 || k < 1 || k > 100)
        return sg_fail(err, SG_DEGENERATE, "distance of clouds of %lld and %lld people in %d dimensions", (long long)n,
                       (long long)m, k);
    const size_t mark = sg_arena_mark(a);
    sg_pool *pool = run ? run->pool : NULL;
    const int64_t workers = sg_pool_size(pool);
    slice_job j = {.cloud = {x, y}, .n = {n, m}, .k = k, .seed = seed};
    j.distance = SG_NEW(a, double, DIRECTIONS *(RESAMPLES + 1));
    bool full = !j.distance;
    for (int side = 0; side < 2; side++) {
        const int64_t people = j.n[side];
        j.order[side] = SG_NEW_RAW(a, place, workers * people);
        j.sorted[side] = SG_NEW_RAW(a, double, workers *people);
        j.weight[side] = SG_NEW_RAW(a, double, workers *people);
        float *times = SG_NEW(a, float, RESAMPLES *people);
        full = full || !j.order[side] || !j.sorted[side] || !j.weight[side] || !times;
        for (int b = 0; !full && b < RESAMPLES; b++) {
            sg_rng g = sg_rng_stream(seed + (uint64_t)side, SG_RNG_EVALUATE, (uint64_t)b, STEP_PEOPLE);
            for (int64_t i = 0; i < people; i++)
                times[b * people + (int64_t)sg_rng_below(&g, (uint64_t)people)]++;
        }
        j.times[side] = times;
    }
    if (full) {
        sg_arena_rewind(a, mark);
        return sg_arena_full(a, "clouds", err);
    }
    sg_pool_for(pool, DIRECTIONS, one_direction, &j);
    double mean[RESAMPLES + 1] = {0};
    for (int d = 0; d < DIRECTIONS; d++)
        for (int b = 0; b <= RESAMPLES; b++)
            mean[b] += j.distance[d * (RESAMPLES + 1) + b] / DIRECTIONS;
    *out = sg_estimate_from(mean[RESAMPLES], mean, RESAMPLES);
    sg_arena_rewind(a, mark);
    return sg_cancelled(run) ? sg_fail(err, SG_CANCELLED, "stopped while comparing clouds of people") : SG_OK;
}
