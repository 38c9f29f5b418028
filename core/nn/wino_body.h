/* wino_body.h - Winograd's convolution for gemm_body.h; derivation: NOTES.md section 6.
 *
 * float32, F(4, 3): a quad of rows of the result from six rows of x and six products a channel pair instead of twelve.
 * bfloat16, F(2, 3): a pair of rows from four rows and four products instead of six.
 * Rows of x are transformed once per person into u [TAPS][blocks][K]; then per panel and ROWS blocks TAPS tiles of plain
 * products land in a small buffer, from which the rows of the result are put together. The including file also defines
 * MUL, SUB, SET1 and STORE_ELEM (a vector of floats as elements). */

enum { TAPS = STEP == 1 ? 6 : 4, OUT = STEP == 1 ? 4 : 2 };

/* x + r * K, or zeros behind the last row. */
INLINE V row_or_zero(const float *x, int64_t r, int64_t rows, int64_t K, int64_t k)
{
    return r < rows ? LOAD(x + r * K + k) : ZERO();
}

/* Row q of every u; W channels from k on. */
INLINE void transform(const float *x, int64_t q, int64_t rows, int64_t K, int64_t k, ELEM *u, int64_t tap)
{
    const int64_t r = q * OUT;
    const V d0 = row_or_zero(x, r, rows, K, k), d1 = row_or_zero(x, r + 1, rows, K, k),
            d2 = row_or_zero(x, r + 2, rows, K, k), d3 = row_or_zero(x, r + 3, rows, K, k);
    if (TAPS == 4) {
        STORE_ELEM(u, SUB(d0, d2));
        STORE_ELEM(u + tap, ADD(d1, d2));
        STORE_ELEM(u + 2 * tap, SUB(d2, d1));
        STORE_ELEM(u + 3 * tap, SUB(d1, d3));
        return;
    }
    const V d4 = row_or_zero(x, r + 4, rows, K, k), d5 = row_or_zero(x, r + 5, rows, K, k);
    const V h = SET1(0.5f), a = SET1(0.70710678118654752f), b = SET1(1.4142135623730951f), c = SET1(2.5f);
    const V d2h = MUL(d2, h), e1 = SUB(d4, ADD(d2, d2)), o1 = MUL(a, SUB(d3, ADD(d1, d1))), e2 = SUB(d4, d2h),
            o2 = MUL(b, SUB(d3, MUL(d1, h)));
    STORE_ELEM(u, ADD(SUB(d0, MUL(c, d2)), d4));
    STORE_ELEM(u + tap, ADD(e1, o1));
    STORE_ELEM(u + 2 * tap, SUB(e1, o1));
    STORE_ELEM(u + 3 * tap, ADD(e2, o2));
    STORE_ELEM(u + 4 * tap, SUB(e2, o2));
    STORE_ELEM(u + 5 * tap, ADD(SUB(d1, MUL(c, d3)), d5));
}

/* m [rows][n_vec W] = a [rows, K] b */
INLINE void plain_tile(int rows, int n_vec, const ELEM *a, int64_t K, const ELEM *b, float *m)
{
    V acc[ROWS][2];
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++)
        acc[i][0] = acc[i][1] = ZERO();
    for (int64_t k = 0; k < K; k += STEP) {
        const PAIR b0 = LOAD_PAIR(b), b1 = n_vec == 2 ? LOAD_PAIR(b + W * STEP) : b0;
        b += n_vec * W * STEP;
#pragma GCC unroll 8
        for (int i = 0; i < rows; i++) {
            const PAIR x = SPREAD(a + i * K + k);
            acc[i][0] = DOT(x, b0, acc[i][0]);
            if (n_vec == 2)
                acc[i][1] = DOT(x, b1, acc[i][1]);
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++) {
        STORE(m + i * n_vec * W, acc[i][0]);
        if (n_vec == 2)
            STORE(m + i * n_vec * W + W, acc[i][1]);
    }
}

INLINE void few_blocks(int64_t rows, int n_vec, const ELEM *a, int64_t K, const ELEM *b, float *m)
{
    switch (rows) {
    case 1:
        plain_tile(1, n_vec, a, K, b, m);
        break;
    case 2:
        plain_tile(2, n_vec, a, K, b, m);
        break;
    case 3:
        plain_tile(3, n_vec, a, K, b, m);
        break;
    case 4:
        plain_tile(4, n_vec, a, K, b, m);
        break;
    case 5:
        plain_tile(5, n_vec, a, K, b, m);
        break;
#if ROWS > 6
    case 6:
        plain_tile(6, n_vec, a, K, b, m);
        break;
    case 7:
        plain_tile(7, n_vec, a, K, b, m);
        break;
#endif
    default:
        plain_tile(ROWS, n_vec, a, K, b, m);
        break;
    }
}

/* One vector of columns of one block: m holds its TAPS sums `tap` floats apart; the last rows may not exist. */
INLINE void put_block(const sg_wino_call *s, int64_t g, int64_t r, int64_t n, const float *m, int64_t tap)
{
    V y[OUT];
    const V m0 = LOAD(m), m1 = LOAD(m + tap), m2 = LOAD(m + 2 * tap), m3 = LOAD(m + 3 * tap);
    if (TAPS == 4) {
        y[0] = ADD(m0, ADD(m1, m2));
        y[1] = SUB(SUB(m1, m2), m3);
    } else {
        const V m4 = LOAD(m + 4 * tap), m5 = LOAD(m + 5 * tap);
        const V s1 = ADD(m1, m2), t1 = SUB(m1, m2), s2 = ADD(m3, m4), t2 = SUB(m3, m4);
        const V a = SET1(0.70710678118654752f), b = SET1(1.4142135623730951f), h = SET1(0.5f);
        const V at = MUL(a, t1), bt = MUL(b, t2);
        y[0] = ADD(ADD(m0, s1), s2);
        y[1] = ADD(at, bt);
        y[OUT - 2] = ADD(MUL(h, s1), ADD(s2, s2));
        y[OUT - 1] = ADD(ADD(MUL(h, at), ADD(bt, bt)), m5);
    }
    V from = s->bias ? LOAD(s->bias + n) : ZERO();
    if (s->row)
        from = ADD(from, LOAD(s->row + g * s->row_group + n));
    const int64_t left = s->R - r < OUT ? s->R - r : OUT, at = g * s->c_group + r * s->N + n;
    for (int64_t i = 0; i < left; i++) {
        const V v = ADD(y[i], from);
        STORE(s->c + at + i * s->N, s->res ? ADD(v, LOAD(s->res + at + i * s->N)) : v);
    }
}

INLINE void wino_panel(int n_vec, const sg_wino_call *s, int64_t g, const ELEM *u, const ELEM *panel, int64_t n0)
{
    float m[TAPS * ROWS * 2 * W];
    const int64_t blocks = (s->R + OUT - 1) / OUT, K = s->K, tap = ROWS * n_vec * W;
    for (int64_t q = 0; q < blocks; q += ROWS) {
        const int64_t rows = blocks - q < ROWS ? blocks - q : ROWS;
        for (int64_t t = 0; t < TAPS; t++)
            few_blocks(rows, n_vec, u + (t * blocks + q) * K, K, panel + t * K * n_vec * W, m + t * tap);
        for (int64_t i = 0; i < rows; i++)
            for (int v = 0; v < n_vec; v++)
                put_block(s, g, (q + i) * OUT, n0 + v * W, m + (i * n_vec + v) * W, tap);
    }
}

static void wino(const sg_wino_call *s)
{
    const int64_t blocks = (s->R + OUT - 1) / OUT, K = s->K, each = TAPS * blocks * K;
    ELEM *u = s->u;
    for (int64_t g = 0; g < s->n_group; g++)
        for (int64_t q = 0; q < blocks; q++)
            for (int64_t k = 0; k < K; k += W)
                transform(s->x + g * s->x_group, q, s->R + 2, K, k, u + g * each + q * K + k, blocks * K);
    const ELEM *panel = s->panels;
    for (int64_t n = 0; n < s->N; n += 2 * W) {
        const bool two = s->N - n > W;
        for (int64_t g = 0; g < s->n_group; g++) {
            if (two)
                wino_panel(2, s, g, u + g * each, panel, n);
            else
                wino_panel(1, s, g, u + g * each, panel, n);
        }
        panel += TAPS * K * (two ? 2 : 1) * W;
    }
}
