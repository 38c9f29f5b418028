/* backend_panels.c - our own products over weights packed once per load; see backend.h and gemm.h.
 *
 * What a general BLAS does on every call, rearranging both operands, is done here once per load for the weights and not
 * at all for the activations: 1.5 to 2 times faster on these shapes (NOTES.md section 5). conv3 with its three taps is
 * ONE product: the floats of rows r, r+1, r+2 of a padded tensor lie behind each other, so that a row of the product's
 * left side is 3 K floats long and the next one begins K (or 2 K, with stride 2) later.
 *
 * packed: the forward panels [n_tap K] x [N], then for the backward pass n_tap times [N] x [K].
 * In bfloat16 the activations are narrowed on the way in, a group of people at a time, into scratch.
 */
#include "nn/backend.h"
#include "nn/gemm.h"

#include <stddef.h>
#include <string.h>

/* People are taken in groups whose activations stay in the cache beside a panel. */
enum { GROUP_FLOATS = 64 * 1024 };

static int64_t group_of(int64_t floats_per_person)
{
    const int64_t n = GROUP_FLOATS / (floats_per_person + 1);
    return n < 1 ? 1 : n;
}

/* Columns after filling up the last panel. */
static int64_t panel_columns(int64_t N, int64_t width)
{
    return (N + width - 1) / width * width;
}

/* Width of the panel that begins at column n of N. */
static int64_t panel_width(int64_t n, int64_t N, int64_t width)
{
    return N - n > width ? 2 * width : width;
}

/* Floats that panels of [K] x [N] take. */
static int64_t panel_floats(const sg_gemm *g, int64_t K, int64_t N)
{
    return (g->half ? (K + 1) / 2 : K) * panel_columns(N, g->width);
}

/* Whether the forward pass goes Winograd's way. */
static bool by_wino(const sg_gemm *g, const sg_map *m)
{
    return m->n_tap == 3 && m->stride == 1 && m->K % g->width == 0 && m->N % g->width == 0 && m->K >= 32;
}

/* Floats of the forward panels. */
static int64_t forward_floats(const sg_gemm *g, const sg_map *m)
{
    return by_wino(g, m) ? g->wino_tap * panel_floats(g, m->K, m->N) : panel_floats(g, m->n_tap * m->K, m->N);
}

static int64_t floats(const sg_gemm *g, const sg_map *m)
{
    return forward_floats(g, m) + m->n_tap * panel_floats(g, m->N, m->K);
}

/* To nearest, ties to even; weights are finite (checked at load). */
static inline uint16_t half_of(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

/* Entry k, j of a panel `wide` columns across. */
static inline void put(void *panel, bool half, int64_t wide, int64_t k, int64_t j, float x)
{
    if (half)
        ((uint16_t *)panel)[(k / 2 * wide + j) * 2 + k % 2] = half_of(x);
    else
        ((float *)panel)[k * wide + j] = x;
}

/* [N, K, T] -> panels [T K] x [N], a few k at a time so that what is written to stays in the first cache. */
static void pack_forward(const sg_gemm *g, const sg_map *m, const float *w, float *to)
{
    enum { BLOCK = 16 };
    const int64_t N = m->N, K = m->K, T = m->n_tap, width = g->width;
    const bool half = g->half;
    for (int64_t n0 = 0; n0 < N; n0 += 2 * width) {
        const int64_t wide = panel_width(n0, N, width), n_n = N - n0 < wide ? N - n0 : wide;
        for (int64_t k0 = 0; k0 < K; k0 += BLOCK)
            for (int64_t j = 0; j < n_n; j++) {
                const int64_t n = !m->split ? n0 + j : j < width ? n0 / 2 + j : (N + n0) / 2 + j - width;
                const float *from = w + (n * K + k0) * T;
                for (int64_t k = k0; k < k0 + BLOCK && k < K; k++)
                    for (int64_t t = 0; t < T; t++)
                        put(to, half, wide, t * K + k, j, *from++);
            }
        to += (half ? (T * K + 1) / 2 : T * K) * wide;
    }
}

/* [N, K, T] -> for tap t panels [N] x [K]. */
static void pack_back(const sg_gemm *g, const sg_map *m, int64_t t, const float *w, float *to)
{
    const int64_t N = m->N, K = m->K, T = m->n_tap, width = g->width;
    for (int64_t k0 = 0; k0 < K; k0 += 2 * width) {
        const int64_t wide = panel_width(k0, K, width), n_k = K - k0 < wide ? K - k0 : wide;
        for (int64_t n = 0; n < N; n++)
            for (int64_t j = 0; j < n_k; j++)
                put(to, g->half, wide, n, j, w[(n * K + k0 + j) * T + t]);
        to += (g->half ? (N + 1) / 2 : N) * wide;
    }
}

/* [N, K, 3] -> for each panel of columns wino_tap times [K][width of the panel]. */
static void pack_wino(const sg_gemm *g, const sg_map *m, const float *w, float *to)
{
    const int64_t N = m->N, K = m->K;
    for (int64_t n0 = 0; n0 < N; n0 += 2 * g->width) {
        const int64_t wide = panel_width(n0, N, g->width), tap = (g->half ? K / 2 : K) * wide;
        for (int64_t j = 0; j < wide; j++)
            for (int64_t k = 0; k < K; k++) {
                float v[8];
                sg_wino_weights(g, w + ((n0 + j) * K + k) * 3, v);
                for (int t = 0; t < g->wino_tap; t++)
                    put(to + t * tap, g->half, wide, k, j, v[t]);
            }
        to += g->wino_tap * tap;
    }
}

/* The columns that fill up a last panel are zero from the start (the buffer is born zeroed) and stay so. */
static bool pack(const sg_gemm *g, const sg_map *m, const float *w, float *packed)
{
    if (by_wino(g, m))
        pack_wino(g, m, w, packed);
    else
        pack_forward(g, m, w, packed);
    packed += forward_floats(g, m);
    for (int64_t t = 0; t < m->n_tap; t++)
        pack_back(g, m, t, w, packed + t * panel_floats(g, m->N, m->K));
    return true;
}

/* Rows of x that R results read. */
static int64_t rows_read(const sg_map *m, int64_t R)
{
    return R > 0 ? (R - 1) * m->stride + m->n_tap : 0;
}

/* Elements of one person in bfloat16: rows of `width` floats and one zero, for an odd number of them. Whole pairs. */
static int64_t half_person(int64_t n)
{
    return (n + 2) / 2 * 2;
}

/* Rows of x that meet in one product of back_w: pairs of one tap of one person, [R / 2][K][2]. */
static int64_t pairs_floats(const sg_map *m, int64_t R)
{
    return (R + 1) / 2 * m->K;
}

/* Elements of one person's transformed rows. */
static int64_t wino_elements(const sg_gemm *g, const sg_map *m, int64_t R)
{
    return g->wino_tap * ((R + g->wino_out - 1) / g->wino_out) * m->K;
}

static int64_t scratch_floats(const sg_gemm *g, const sg_map *m, int64_t R)
{
    const int64_t in = rows_read(m, R) * m->K, out = R * m->N, widest = in > out ? in : out;
    const int64_t half = g->half ? group_of(in + out) * half_person(widest) / 2 + 1 : 0;
    const int64_t each = g->half ? m->n_tap * pairs_floats(m, R) : 0;
    const int64_t wino = by_wino(g, m) ? group_of(in + out) * wino_elements(g, m, R) / (g->half ? 2 : 1) + 1 : 0;
    const int64_t back = (m->n_tap * m->K * m->N + 15) / 16 * 16 + group_of(each + out) * each;
    const int64_t most = half > back ? half : back;
    return wino > most ? wino : most;
}

/* n floats each of n_group people -> scratch; points the call there. */
static void narrow(const sg_gemm *g, sg_gemm_call *s, int64_t n, float *scratch)
{
    uint16_t *to = (uint16_t *)(void *)scratch;
    const float *from = s->a;
    for (int64_t b = 0; b < s->n_group; b++) {
        uint16_t *row = to + b * half_person(n);
        g->narrow(from + b * s->a_group, row, n);
        row[n] = 0;
    }
    s->a = to;
    s->a_group = half_person(n);
}

static void forward_wino(const sg_gemm *g, const sg_map *m, const sg_map_call *c)
{
    const int64_t step = group_of(rows_read(m, c->R) * m->K + c->R * m->N);
    for (int64_t b = 0; b < c->B; b += step) {
        const sg_wino_call s = {.n_group = c->B - b < step ? c->B - b : step,
                                .R = c->R,
                                .K = m->K,
                                .N = m->N,
                                .x = c->x + b * c->x_person,
                                .x_group = c->x_person,
                                .panels = c->packed,
                                .res = c->res ? c->res + b * c->y_person : NULL,
                                .bias = c->bias,
                                .row = c->row ? c->row + b * m->N : NULL,
                                .row_group = m->N,
                                .c = c->y + b * c->y_person,
                                .c_group = c->y_person,
                                .u = c->scratch};
        g->wino(&s);
    }
}

static void forward(const sg_gemm *g, const sg_map *m, const sg_map_call *c)
{
    if (by_wino(g, m)) {
        forward_wino(g, m, c);
        return;
    }
    const int64_t in = rows_read(m, c->R) * m->K, step = group_of(in + c->R * m->N);
    for (int64_t b = 0; b < c->B; b += step) {
        sg_gemm_call s = {.n_group = c->B - b < step ? c->B - b : step,
                          .M = c->R,
                          .K = m->n_tap * m->K,
                          .N = m->N,
                          .a = c->x + b * c->x_person,
                          .a_group = c->x_person,
                          .lda = m->stride * m->K,
                          .panels = c->packed,
                          .res = c->res ? c->res + b * c->y_person : NULL,
                          .bias = c->bias,
                          .row = c->row ? c->row + b * m->N : NULL,
                          .row_group = m->N,
                          .c = c->y + b * c->y_person,
                          .c_group = c->y_person,
                          .ldc = c->geglu ? m->N / 2 : m->N,
                          .split = m->split,
                          .geglu = c->geglu};
        if (g->half)
            narrow(g, &s, in, c->scratch);
        g->run(&s);
    }
}

static void back_x(const sg_gemm *g, const sg_map *m, int64_t B, int64_t R, const float *dy, int64_t y_person,
                   const float *packed, float *dx, int64_t x_person, float *scratch)
{
    const int64_t step = group_of(rows_read(m, R) * m->K + R * m->N), T = m->n_tap, tap = panel_floats(g, m->N, m->K);
    const float *back = packed + forward_floats(g, m);
    for (int64_t b = 0; b < B; b += step) {
        sg_gemm_call s = {.n_group = B - b < step ? B - b : step,
                          .M = R,
                          .K = m->N,
                          .N = m->K,
                          .a = dy + b * y_person,
                          .a_group = y_person,
                          .lda = m->N,
                          .c_group = x_person,
                          .ldc = m->stride * m->K};
        if (g->half)
            narrow(g, &s, R * m->N, scratch);
        for (int64_t t = 0; t < T; t++) {
            s.panels = back + t * tap;
            s.c = dx + b * x_person + t * m->K;
            s.res = s.c;
            g->run(&s);
        }
    }
}

static void start(void)
{
    sg_backend_openblas.start();
}

enum { PANEL_FLOATS = 256 * 32 }; /* of dy, on the stack */

/* Columns n0.. of rows r.. of dy as a panel [n_r][wide], filled up with zeros. */
static void pack_dy(const sg_gemm *g, const float *dy, int64_t N, int64_t n_r, int64_t n_n, int64_t wide, float *panel)
{
    if (n_n < wide)
        memset(panel, 0, PANEL_FLOATS * sizeof *panel);
    for (int64_t r = 0; r < n_r && !g->half; r++)
        memcpy(panel + r * wide, dy + r * N, (size_t)n_n * sizeof *panel);
    for (int64_t r = 0; r < n_r && g->half; r += 2)
        g->pair(dy + r * N, r + 1 < n_r ? dy + (r + 1) * N : NULL, (uint16_t *)(void *)(panel + r / 2 * wide), n_n);
}

/* sum [n_tap, K, N] += x^T dy of one person, in blocks of rows that a panel holds. */
static void person_w(const sg_gemm *g, const sg_map *m, int64_t R, const float *x, const float *pairs, const float *dy,
                     int64_t n0, float *sum)
{
    _Alignas(64) float panel[PANEL_FLOATS];
    const int64_t K = m->K, N = m->N, wide = panel_width(n0, N, g->width), n_n = N - n0 < wide ? N - n0 : wide,
                  block = PANEL_FLOATS / wide;
    for (int64_t r = 0; r < R; r += block) {
        const int64_t n_r = R - r < block ? R - r : block;
        pack_dy(g, dy + r * N + n0, N, n_r, n_n, wide, panel);
        for (int64_t t = 0; t < m->n_tap; t++) {
            float *c = sum + t * K * N + n0;
            sg_gemm_call s = {.n_group = 1, .M = K, .K = n_r, .N = n_n, .panels = panel, .res = c, .c = c, .ldc = N};
            if (g->half) {
                s.a = pairs + t * pairs_floats(m, R) + r / 2 * K;
                s.lda = 2;
                s.a_step = 2 * K;
            } else {
                s.a = x + (r * m->stride + t) * K;
                s.lda = 1;
                s.a_step = m->stride * K;
            }
            g->run(&s);
        }
    }
}

static void make_pairs(const sg_gemm *g, const sg_map *m, int64_t R, const float *x, float *pairs)
{
    for (int64_t t = 0; t < m->n_tap; t++)
        for (int64_t r = 0; r < R; r += 2) {
            const float *row = x + (r * m->stride + t) * m->K;
            g->pair(row, r + 1 < R ? row + m->stride * m->K : NULL,
                    (uint16_t *)(void *)(pairs + t * pairs_floats(m, R) + r / 2 * m->K), m->K);
        }
}

/* scratch: sum [n_tap, K, N], then pairs of a group of people. The panel of dy is the inner operand, x the outer. */
static void back_w(const sg_gemm *g, const sg_map *m, int64_t B, int64_t R, const float *x, int64_t x_person,
                   const float *dy, int64_t y_person, float *dw, float *scratch)
{
    const int64_t K = m->K, N = m->N, T = m->n_tap, each = g->half ? T * pairs_floats(m, R) : 0,
                  step = group_of(each + R * N);
    float *pairs = scratch + (T * K * N + 15) / 16 * 16;
    memset(scratch, 0, (size_t)(T * K * N) * sizeof *scratch);
    for (int64_t b0 = 0; b0 < B; b0 += step) {
        const int64_t end = B - b0 < step ? B : b0 + step;
        for (int64_t b = b0; b < end && g->half; b++)
            make_pairs(g, m, R, x + b * x_person, pairs + (b - b0) * each);
        for (int64_t n0 = 0; n0 < N; n0 += 2 * g->width)
            for (int64_t b = b0; b < end; b++)
                person_w(g, m, R, x + b * x_person, pairs + (b - b0) * each, dy + b * y_person, n0, scratch);
    }
    enum { TILE = 16 }; /* columns of sum are rows of dw */
    for (int64_t n0 = 0; n0 < N; n0 += TILE)
        for (int64_t k = 0; k < K; k++)
            for (int64_t n = n0; n < n0 + TILE && n < N; n++)
                for (int64_t t = 0; t < T; t++)
                    dw[(n * K + k) * T + t] += scratch[(t * K + k) * N + n];
}

/* Columns n0.. of op(B) as one panel [K][2 width]. */
static void pack_panel(bool tb, const float *B, int64_t ldb, int64_t K, int64_t n0, int64_t n_n, int64_t wide,
                       float *to)
{
    if (n_n < wide)
        memset(to, 0, (size_t)(K * wide) * sizeof *to);
    for (int64_t k = 0; k < K && !tb; k++)
        memcpy(to + k * wide, B + k * ldb + n0, (size_t)n_n * sizeof *to);
    for (int64_t j = 0; j < n_n && tb; j++)
        for (int64_t k = 0; k < K; k++)
            to[k * wide + j] = B[(n0 + j) * ldb + k];
}

/* Attention's products: one panel of B at a time. What has a long sum or a transposed left side is OpenBLAS's. */
static void product(const sg_gemm *g, bool ta, bool tb, int64_t M, int64_t N, int64_t K, const float *A, int64_t lda,
                    const float *B, int64_t ldb, float beta, float *C, int64_t ldc)
{
    enum { K_MAX = 256, WIDE_MAX = 32 };
    if (ta || K > K_MAX || beta != 0.0f) {
        sg_backend_openblas.product(ta, tb, M, N, K, A, lda, B, ldb, beta, C, ldc);
        return;
    }
    float panel[K_MAX * WIDE_MAX];
    for (int64_t n0 = 0; n0 < N; n0 += 2 * g->width) {
        const int64_t wide = panel_width(n0, N, g->width), n_n = N - n0 < wide ? N - n0 : wide;
        pack_panel(tb, B, ldb, K, n0, n_n, wide, panel);
        g->run(&(sg_gemm_call){
            .n_group = 1, .M = M, .K = K, .N = n_n, .a = A, .lda = lda, .panels = panel, .c = C + n0, .ldc = ldc});
    }
}

/* The backends differ in their kernel alone; small products are float32 in all of them. */
#define BACKEND(isa, small, how, exact_one, words)                                                                     \
    static int64_t floats_##isa(const sg_map *m)                                                                       \
    {                                                                                                                  \
        return floats(&sg_gemm_##isa, m);                                                                              \
    }                                                                                                                  \
    static bool pack_##isa(const sg_map *m, const float *w, float *packed)                                             \
    {                                                                                                                  \
        return pack(&sg_gemm_##isa, m, w, packed);                                                                     \
    }                                                                                                                  \
    static int64_t scratch_##isa(const sg_map *m, int64_t R)                                                           \
    {                                                                                                                  \
        return scratch_floats(&sg_gemm_##isa, m, R);                                                                   \
    }                                                                                                                  \
    static void forward_##isa(const sg_map *m, const sg_map_call *c)                                                   \
    {                                                                                                                  \
        forward(&sg_gemm_##isa, m, c);                                                                                 \
    }                                                                                                                  \
    static void back_x_##isa(const sg_map *m, int64_t B, int64_t R, const float *dy, int64_t y_person,                 \
                             const float *packed, float *dx, int64_t x_person, float *scratch)                         \
    {                                                                                                                  \
        back_x(&sg_gemm_##isa, m, B, R, dy, y_person, packed, dx, x_person, scratch);                                  \
    }                                                                                                                  \
    static void back_w_##isa(const sg_map *m, int64_t B, int64_t R, const float *x, int64_t x_person, const float *dy, \
                             int64_t y_person, float *dw, float *scratch)                                              \
    {                                                                                                                  \
        back_w(&sg_gemm_##isa, m, B, R, x, x_person, dy, y_person, dw, scratch);                                       \
    }                                                                                                                  \
    static void product_##isa(bool ta, bool tb, int64_t M, int64_t N, int64_t K, const float *A, int64_t lda,          \
                              const float *B, int64_t ldb, float beta, float *C, int64_t ldc)                          \
    {                                                                                                                  \
        product(&sg_gemm_##small, ta, tb, M, N, K, A, lda, B, ldb, beta, C, ldc);                                      \
    }                                                                                                                  \
    static bool usable_##isa(void)                                                                                     \
    {                                                                                                                  \
        return sg_gemm_##isa.usable();                                                                                 \
    }                                                                                                                  \
    const sg_backend sg_backend_panels_##isa = {.name = "panels-" #isa,                                                \
                                                .precision = how,                                                      \
                                                .exact = exact_one,                                                    \
                                                .geglu = true,                                                         \
                                                .needs = words,                                                        \
                                                .usable = usable_##isa,                                                \
                                                .start = start,                                                        \
                                                .packed_floats = floats_##isa,                                         \
                                                .pack = pack_##isa,                                                    \
                                                .scratch_floats = scratch_##isa,                                       \
                                                .forward = forward_##isa,                                              \
                                                .back_x = back_x_##isa,                                                \
                                                .back_w = back_w_##isa,                                                \
                                                .product = product_##isa};
BACKEND(avx512, avx512, SG_FLOAT32, NULL, "AVX-512")
BACKEND(avx2, avx2, SG_FLOAT32, NULL, "AVX2 with FMA")
BACKEND(bf16, avx512, SG_BFLOAT16, &sg_backend_panels_avx512, "AVX512_BF16")
