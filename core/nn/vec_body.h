/* vec_body.h - the body of vec_generic.c, vec_avx2.c and vec_avx512.c; see vec.h.
 *
 * Plain loops that the compiler vectorises. What keeps the three equal: every element is computed by the same
 * operations, and every sum over a row runs in SG_VEC_LANES lanes that are folded in one fixed order.
 * Polynomials: least-squares Chebyshev fits, reweighted towards equal error (NOTES.md section 4).
 */
#include "nn/scalar.h"
#include "nn/vec.h"

#include <string.h>

static bool usable(void);

#define LANES SG_VEC_LANES

static inline float sigmoid1(float x)
{
    return 1.0f / (1.0f + exp1(-x));
}

/* d/dx x sigmoid(x) */
static inline float silu_slope(float x)
{
    const float s = sigmoid1(x);
    return s * (1.0f + x * (1.0f - s));
}

static inline float fold(const float *lane)
{
    float h[8], q[4];
    for (int i = 0; i < 8; i++)
        h[i] = lane[i] + lane[i + 8];
    for (int i = 0; i < 4; i++)
        q[i] = h[i] + h[i + 4];
    return (q[0] + q[2]) + (q[1] + q[3]);
}

static void v_exp(const float *restrict x, float *restrict y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = exp1(x[i]);
}

static void v_erf(const float *restrict x, float *restrict y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = erf1(x[i]);
}

static void v_silu(const float *restrict x, float *restrict y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] * sigmoid1(x[i]);
}

static void v_silu_back(const float *restrict x, const float *restrict dy, float *restrict dx, int64_t n, bool add)
{
    if (add)
        for (int64_t i = 0; i < n; i++)
            dx[i] += dy[i] * silu_slope(x[i]);
    else
        for (int64_t i = 0; i < n; i++)
            dx[i] = dy[i] * silu_slope(x[i]);
}

static void v_add(const float *restrict x, float *restrict y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] += x[i];
}

static void v_fill_rows(const float *restrict v, float *restrict y, int64_t R, int64_t C)
{
    for (int64_t r = 0; r < R; r++)
        memcpy(y + r * C, v, (size_t)C * sizeof *v);
}

static void v_add_rows(const float *restrict x, float *restrict sum, int64_t R, int64_t C)
{
    for (int64_t r = 0; r < R; r++)
        for (int64_t c = 0; c < C; c++)
            sum[c] += x[r * C + c];
}

static void v_moments(const float *restrict x, const float *restrict x0, float *restrict s1, float *restrict s2,
                      int64_t R, int64_t C)
{
    memset(s1, 0, (size_t)C * sizeof *s1);
    memset(s2, 0, (size_t)C * sizeof *s2);
    for (int64_t r = 0; r < R; r++)
        for (int64_t c = 0; c < C; c++) {
            const float d = x[r * C + c] - x0[c];
            s1[c] += d;
            s2[c] += d * d;
        }
}

static void v_affine(const float *restrict x, const float *restrict a, const float *restrict b, float *restrict y,
                     int64_t R, int64_t C, bool silu)
{
    if (silu)
        for (int64_t r = 0; r < R; r++)
            for (int64_t c = 0; c < C; c++) {
                const float u = a[c] * x[r * C + c] + b[c];
                y[r * C + c] = u * sigmoid1(u);
            }
    else
        for (int64_t r = 0; r < R; r++)
            for (int64_t c = 0; c < C; c++)
                y[r * C + c] = a[c] * x[r * C + c] + b[c];
}

static void v_affine_back(const float *restrict x, const float *restrict dy, const float *restrict a,
                          const float *restrict b, const float *restrict m, float *restrict du, float *restrict s1,
                          float *restrict s2, int64_t R, int64_t C, bool silu)
{
    if (silu)
        for (int64_t r = 0; r < R; r++)
            for (int64_t c = 0; c < C; c++)
                du[r * C + c] = dy[r * C + c] * silu_slope(a[c] * x[r * C + c] + b[c]);
    else
        memcpy(du, dy, (size_t)(R * C) * sizeof *du);
    memset(s1, 0, (size_t)C * sizeof *s1);
    memset(s2, 0, (size_t)C * sizeof *s2);
    for (int64_t r = 0; r < R; r++)
        for (int64_t c = 0; c < C; c++) {
            s1[c] += du[r * C + c];
            s2[c] += du[r * C + c] * (x[r * C + c] - m[c]);
        }
}

static void v_combine(const float *restrict du, const float *restrict x, const float *restrict p,
                      const float *restrict q, const float *restrict s, float *restrict dx, int64_t R, int64_t C,
                      bool add)
{
    if (add)
        for (int64_t r = 0; r < R; r++)
            for (int64_t c = 0; c < C; c++)
                dx[r * C + c] += p[c] * du[r * C + c] + q[c] * x[r * C + c] + s[c];
    else
        for (int64_t r = 0; r < R; r++)
            for (int64_t c = 0; c < C; c++)
                dx[r * C + c] = p[c] * du[r * C + c] + q[c] * x[r * C + c] + s[c];
}

/* Sum of f(i) for i < n in LANES lanes. */
#define LANE_SUM(result, n, f)                                                                                         \
    do {                                                                                                               \
        float lane_[LANES] = {0};                                                                                      \
        int64_t i_ = 0;                                                                                                \
        for (; i_ + LANES <= (n); i_ += LANES)                                                                         \
            for (int k_ = 0; k_ < LANES; k_++)                                                                         \
                lane_[k_] += f(i_ + k_);                                                                               \
        for (int k_ = 0; i_ + k_ < (n); k_++)                                                                          \
            lane_[k_] += f(i_ + k_);                                                                                   \
        (result) = fold(lane_);                                                                                        \
    } while (0)

static void v_layernorm(const float *restrict x, const float *restrict w, const float *restrict b, float eps,
                        float *restrict y, float *restrict stat, int64_t C)
{
    float sum, square;
#define F(i) x[i]
    LANE_SUM(sum, C, F);
#undef F
    const float mean = sum / (float)C;
#define F(i) ((x[i] - mean) * (x[i] - mean))
    LANE_SUM(square, C, F);
#undef F
    const float rstd = 1.0f / __builtin_sqrtf(square / (float)C + eps);
    for (int64_t c = 0; c < C; c++)
        y[c] = (x[c] - mean) * rstd * w[c] + b[c];
    stat[0] = mean;
    stat[1] = rstd;
}

static void v_layernorm_back(const float *restrict x, const float *restrict dy, const float *restrict w,
                             const float *restrict stat, float *restrict dx, float *restrict dw, float *restrict db,
                             int64_t C, bool add)
{
    const float mean = stat[0], rstd = stat[1];
    float sum, dot;
#define F(i) (dy[i] * w[i])
    LANE_SUM(sum, C, F);
#undef F
#define F(i) (dy[i] * w[i] * ((x[i] - mean) * rstd))
    LANE_SUM(dot, C, F);
#undef F
    sum /= (float)C;
    dot /= (float)C;
    for (int64_t c = 0; c < C; c++) {
        const float hat = (x[c] - mean) * rstd;
        dw[c] += dy[c] * hat;
        db[c] += dy[c];
        const float d = rstd * (dy[c] * w[c] - sum - hat * dot);
        dx[c] = add ? dx[c] + d : d;
    }
}

static void v_geglu(const float *restrict x, float *restrict y, int64_t R, int64_t C)
{
    for (int64_t r = 0; r < R; r++) {
        const float *restrict a = x + r * 2 * C, *restrict g = a + C;
        for (int64_t c = 0; c < C; c++)
            y[r * C + c] = geglu1(a[c], g[c]);
    }
}

static void v_geglu_back(const float *restrict x, const float *restrict dy, float *restrict dx, int64_t R, int64_t C)
{
    for (int64_t r = 0; r < R; r++) {
        const float *restrict a = x + r * 2 * C, *restrict g = a + C, *restrict d = dy + r * C;
        float *restrict da = dx + r * 2 * C, *restrict dg = da + C;
        for (int64_t c = 0; c < C; c++) {
            const float cdf = 0.5f * (1.0f + erf1(g[c] * 0.70710678f));
            const float pdf = 0.39894228f * exp1(-0.5f * g[c] * g[c]);
            da[c] = d[c] * (g[c] * cdf);
            dg[c] = d[c] * a[c] * (cdf + g[c] * pdf);
        }
    }
}

static void v_softmax(float *restrict x, float scale, int64_t R, int64_t C)
{
    for (int64_t r = 0; r < R; r++) {
        float *restrict row = x + r * C;
        float top = row[0];
        int64_t c = 0;
        if (C >= LANES) {
            float lane[LANES];
            memcpy(lane, row, sizeof lane);
            for (c = LANES; c + LANES <= C; c += LANES)
                for (int k = 0; k < LANES; k++)
                    lane[k] = row[c + k] > lane[k] ? row[c + k] : lane[k];
            for (int k = 0; k < LANES; k++)
                top = lane[k] > top ? lane[k] : top;
        }
        for (; c < C; c++)
            top = row[c] > top ? row[c] : top;
        for (c = 0; c < C; c++)
            row[c] = exp1(scale * (row[c] - top));
        float sum;
#define F(i) row[i]
        LANE_SUM(sum, C, F);
#undef F
        const float inv = 1.0f / sum;
        for (c = 0; c < C; c++)
            row[c] *= inv;
    }
}

static void v_softmax_back(const float *restrict p, float *restrict dp, float scale, int64_t R, int64_t C)
{
    for (int64_t r = 0; r < R; r++) {
        const float *restrict pr = p + r * C;
        float *restrict dr = dp + r * C;
        float dot;
#define F(i) (pr[i] * dr[i])
        LANE_SUM(dot, C, F);
#undef F
        for (int64_t c = 0; c < C; c++)
            dr[c] = scale * pr[c] * (dr[c] - dot);
    }
}

const sg_vec SG_VEC_TABLE = {
    .name = SG_VEC_NAME,
    .usable = usable,
    .exp = v_exp,
    .erf = v_erf,
    .silu = v_silu,
    .silu_back = v_silu_back,
    .add = v_add,
    .fill_rows = v_fill_rows,
    .add_rows = v_add_rows,
    .moments = v_moments,
    .affine = v_affine,
    .affine_back = v_affine_back,
    .combine = v_combine,
    .layernorm = v_layernorm,
    .layernorm_back = v_layernorm_back,
    .geglu = v_geglu,
    .geglu_back = v_geglu_back,
    .softmax = v_softmax,
    .softmax_back = v_softmax_back,
};
