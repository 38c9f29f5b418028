/* norm.c - GroupNorm (with SiLU) and LayerNorm; see layers.h. Derivations: NOTES.md section 2. */
#include "nn/layers.h"
#include "nn/vec.h"

#include <assert.h>
#include <math.h>
#include <string.h>

int64_t sg_groupnorm_scratch(int64_t L, int64_t C)
{
    return L * C + 12 * C;
}

/* Is y x's shape, or that with a row of zeros at both ends? */
static bool padded(const sg_tensor *x, const sg_tensor *y)
{
    const int64_t B = x->dim[0], L = x->dim[1], C = x->dim[2];
    if (y->dim[1] == L) {
        SG_EXPECT_SHAPE(y, B, L, C);
        return false;
    }
    SG_EXPECT_SHAPE(y, B, L + 2, C);
    return true;
}

/* Mean and 1/deviation of each group of one person. Channel sums are taken about the first row, which keeps them small,
 * in float over blocks of rows and in double over blocks. scratch [6C]. */
static void group_stats(const float *x, int64_t L, int64_t C, float eps, float *stat, float *scratch)
{
    double *t1 = (double *)(void *)scratch, *t2 = t1 + C;
    float *s1 = scratch + 4 * C, *s2 = s1 + C;
    memset(t1, 0, (size_t)(2 * C) * sizeof *t1);
    for (int64_t r = 0; r < L; r += SG_VEC_ROWS) {
        sg_vec_chosen()->moments(x + r * C, x, s1, s2, L - r < SG_VEC_ROWS ? L - r : SG_VEC_ROWS, C);
        for (int64_t c = 0; c < C; c++) {
            t1[c] += s1[c];
            t2[c] += s2[c];
        }
    }
    const int64_t per = C / SG_GROUPS;
    for (int64_t g = 0; g < SG_GROUPS; g++) {
        double mean = 0, square = 0;
        for (int64_t c = g * per; c < (g + 1) * per; c++)
            mean += x[c] + t1[c] / (double)L;
        mean /= (double)per;
        for (int64_t c = g * per; c < (g + 1) * per; c++) { /* sum (x - mean)^2, from sums about x[c] */
            const double shift = x[c] - mean;
            square += t2[c] + 2 * shift * t1[c] + (double)L * shift * shift;
        }
        const double var = square / (double)(per * L);
        stat[g] = (float)mean;
        stat[SG_GROUPS + g] = (float)(1.0 / sqrt((var > 0 ? var : 0) + (double)eps));
    }
}

/* y = a x + b per channel says the same as (x - mean) rstd w + bias. */
static void channel_affine(const float *stat, const float *w, const float *bias, int64_t C, float *a, float *b)
{
    const int64_t per = C / SG_GROUPS;
    for (int64_t c = 0; c < C; c++) {
        a[c] = stat[SG_GROUPS + c / per] * w[c];
        b[c] = bias[c] - stat[c / per] * a[c];
    }
}

void sg_groupnorm_forward(const sg_tensor *x, const float *w, const float *b, float eps, bool silu, sg_tensor *y,
                          sg_tensor *stat, float *scratch)
{
    const int64_t B = x->dim[0], L = x->dim[1], C = x->dim[2];
    assert(C % SG_GROUPS == 0);
    const int64_t pad = padded(x, y) ? 1 : 0;
    SG_EXPECT_SHAPE(stat, B, 1, 2 * SG_GROUPS);
    float *a = scratch, *c = a + C;
    for (int64_t i = 0; i < B; i++) {
        const float *xi = x->x + i * L * C;
        float *yi = y->x + i * (L + 2 * pad) * C, *si = stat->x + i * 2 * SG_GROUPS;
        group_stats(xi, L, C, eps, si, scratch);
        channel_affine(si, w, b, C, a, c);
        sg_vec_chosen()->affine(xi, a, c, yi + pad * C, L, C, silu);
        memset(yi, 0, (size_t)(pad * C) * sizeof *yi);
        memset(yi + (L + pad) * C, 0, (size_t)(pad * C) * sizeof *yi);
    }
}

/* From channel sums t1 = sum du, t2 = sum du (x - mean) of one person to dw, db and the three coefficients of
 * dx = p du + q x + s. */
static void back_coefficients(const float *w, const float *stat, const double *t1, const double *t2, int64_t L,
                              int64_t C, float *p, float *q, float *s, float *dw, float *db)
{
    const int64_t per = C / SG_GROUPS;
    for (int64_t g = 0; g < SG_GROUPS; g++) {
        const double mean = stat[g], rstd = stat[SG_GROUPS + g], n = (double)(per * L);
        double m1 = 0, m2 = 0;
        for (int64_t c = g * per; c < (g + 1) * per; c++) {
            m1 += w[c] * t1[c];
            m2 += w[c] * t2[c] * rstd;
        }
        m1 /= n;
        m2 /= n;
        for (int64_t c = g * per; c < (g + 1) * per; c++) {
            p[c] = (float)(rstd * w[c]);
            q[c] = (float)(-rstd * rstd * m2);
            s[c] = (float)(rstd * (mean * rstd * m2 - m1));
            dw[c] += (float)(t2[c] * rstd);
            db[c] += (float)t1[c];
        }
    }
}

void sg_groupnorm_backward(const sg_tensor *x, const float *w, const float *b, bool silu, const sg_tensor *stat,
                           const sg_tensor *dy, sg_tensor *dx, bool add, float *dw, float *db, float *scratch)
{
    const int64_t B = x->dim[0], L = x->dim[1], C = x->dim[2];
    const int64_t pad = padded(x, dy) ? 1 : 0;
    SG_EXPECT_SHAPE(dx, B, L, C);
    SG_EXPECT_SHAPE(stat, B, 1, 2 * SG_GROUPS);
    const sg_vec *v = sg_vec_chosen();
    double *t1 = (double *)(void *)scratch, *t2 = t1 + C;
    float *a = scratch + 4 * C, *c = a + C, *m = c + C, *p = m + C, *q = p + C, *s = q + C, *s1 = s + C, *s2 = s1 + C;
    float *du = s2 + C;
    for (int64_t i = 0; i < B; i++) {
        const float *xi = x->x + i * L * C, *si = stat->x + i * 2 * SG_GROUPS;
        const float *dyi = dy->x + (i * (L + 2 * pad) + pad) * C;
        channel_affine(si, w, b, C, a, c);
        for (int64_t k = 0; k < C; k++)
            m[k] = si[k / (C / SG_GROUPS)];
        memset(t1, 0, (size_t)(2 * C) * sizeof *t1);
        for (int64_t r = 0; r < L; r += SG_VEC_ROWS) {
            const int64_t n = L - r < SG_VEC_ROWS ? L - r : SG_VEC_ROWS;
            v->affine_back(xi + r * C, dyi + r * C, a, c, m, du + r * C, s1, s2, n, C, silu);
            for (int64_t k = 0; k < C; k++) {
                t1[k] += s1[k];
                t2[k] += s2[k];
            }
        }
        back_coefficients(w, si, t1, t2, L, C, p, q, s, dw, db);
        v->combine(du, xi, p, q, s, dx->x + i * L * C, L, C, add);
    }
}

void sg_layernorm_forward(const sg_tensor *x, const float *w, const float *b, sg_tensor *y, sg_tensor *stat)
{
    const int64_t B = x->dim[0], L = x->dim[1], C = x->dim[2];
    SG_EXPECT_SHAPE(y, B, L, C);
    SG_EXPECT_SHAPE(stat, B, L, 2);
    const sg_vec *v = sg_vec_chosen();
    for (int64_t r = 0; r < B * L; r++)
        v->layernorm(x->x + r * C, w, b, 1e-5f, y->x + r * C, stat->x + 2 * r, C);
}

void sg_layernorm_backward(const sg_tensor *x, const float *w, const sg_tensor *stat, const sg_tensor *dy,
                           sg_tensor *dx, bool add, float *dw, float *db)
{
    const int64_t B = x->dim[0], L = x->dim[1], C = x->dim[2];
    SG_EXPECT_SHAPE(dy, B, L, C);
    SG_EXPECT_SHAPE(dx, B, L, C);
    SG_EXPECT_SHAPE(stat, B, L, 2);
    const sg_vec *v = sg_vec_chosen();
    for (int64_t r = 0; r < B * L; r++)
        v->layernorm_back(x->x + r * C, dy->x + r * C, w, stat->x + 2 * r, dx->x + r * C, dw, db, C, add);
}
