/* ld.c - see ld.h. */
#include "panel/ld.h"
#include "base/targets.h"

#include <math.h>
#include <string.h>

#define LOW_BITS 0x5555555555555555U

SG_TARGET_BODY void count_body(const uint64_t *x, const uint64_t *y, const uint64_t *mask, int64_t n_word,
                               int64_t n[3][3])
{
    int64_t both = 0, x1 = 0, x2 = 0, y1 = 0, y2 = 0, n11 = 0, n12 = 0, n21 = 0, n22 = 0;
    for (int64_t w = 0; w < n_word; w++) {
        const uint64_t xl = x[w] & LOW_BITS, xh = x[w] >> 1 & LOW_BITS, yl = y[w] & LOW_BITS, yh = y[w] >> 1 & LOW_BITS;
        const uint64_t in = mask[w] & ~(xl & xh) & ~(yl & yh);
        const uint64_t a1 = xl & in, a2 = xh & in, b1 = yl & in, b2 = yh & in;
        both += __builtin_popcountll(in);
        x1 += __builtin_popcountll(a1);
        x2 += __builtin_popcountll(a2);
        y1 += __builtin_popcountll(b1);
        y2 += __builtin_popcountll(b2);
        n11 += __builtin_popcountll(a1 & b1);
        n12 += __builtin_popcountll(a1 & b2);
        n21 += __builtin_popcountll(a2 & b1);
        n22 += __builtin_popcountll(a2 & b2);
    }
    const int64_t n10 = x1 - n11 - n12, n20 = x2 - n21 - n22, n01 = y1 - n11 - n21, n02 = y2 - n12 - n22;
    const int64_t all[3][3] = {{both - x1 - x2 - n01 - n02, n01, n02}, {n10, n11, n12}, {n20, n21, n22}};
    memcpy(n, all, sizeof all);
}

SG_FOR_TARGETS(void, count,
               (const uint64_t *x, const uint64_t *y, const uint64_t *mask, int64_t n_word, int64_t n[3][3]),
               (x, y, mask, n_word, n))

void sg_ld_count(const uint64_t *x, const uint64_t *y, const uint64_t *mask, int64_t n_word, int64_t n[3][3])
{
    count(x, y, mask, n_word, n);
}

/* Frequencies of the four haplotypes when x of the h gametes of double heterozygotes go AB + ab. */
typedef struct gametes {
    double AB, Ab, aB, ab, h;
} gametes;

static double likelihood(const gametes *g, double x)
{
    const double f[4] = {g->AB + x, g->Ab + g->h - x, g->aB + g->h - x, g->ab + x},
                 known[4] = {g->AB, g->Ab, g->aB, g->ab};
    double sum = 0;
    for (int i = 0; i < 4; i++)
        if (known[i] > 0)
            sum += known[i] * log(f[i]);
    return g->h > 0 ? sum + g->h * log(f[0] * f[3] + f[1] * f[2]) : sum;
}

/* The cubic whose roots are where the likelihood is level. */
static double level(const gametes *g, double x)
{
    const double p = (g->AB + x) * (g->ab + x), q = (g->Ab + g->h - x) * (g->aB + g->h - x);
    return x * (p + q) - g->h * p;
}

static double root_between(const gametes *g, double lo, double hi)
{
    const double at_lo = level(g, lo);
    for (int i = 0; i < 100 && hi - lo > 1e-16; i++) {
        const double mid = lo + (hi - lo) / 2;
        if ((level(g, mid) < 0) == (at_lo < 0))
            lo = mid;
        else
            hi = mid;
    }
    return lo + (hi - lo) / 2;
}

/* The most likely x in [0, h]. Between the ends and the two points where the cubic turns it is monotone. */
static double best_share(const gametes *g)
{
    const double h = g->h, a = 6, b = 2 * (g->AB + g->ab - g->Ab - g->aB - 3 * h),
                 c = g->AB * g->ab + (g->Ab + h) * (g->aB + h) - h * (g->AB + g->ab), d = b * b - 4 * a * c;
    double cut[4] = {0, h, h, h};
    int n = 1;
    for (int k = 0; k < 2 && d > 0; k++) {
        const double turn = (-b + (k ? 1 : -1) * sqrt(d)) / (2 * a);
        if (turn > 0 && turn < h)
            cut[n++] = turn;
    }
    cut[n] = h;
    /* The ends as well: where a haplotype was never seen, the likelihood may be highest at its absence. */
    double best = 0, most = likelihood(g, 0);
    for (int i = 0; i <= n; i++) {
        const double x = i == n ? h : root_between(g, cut[i], cut[i + 1]), now = likelihood(g, x);
        if (now > most) {
            most = now;
            best = x;
        }
    }
    return best;
}

double sg_ld_r2(const int64_t n[3][3])
{
    int64_t people = 0;
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            people += n[i][j];
    const double all = 2.0 * (double)people;
    const gametes g = {(double)(2 * n[2][2] + n[2][1] + n[1][2]) / all, (double)(2 * n[2][0] + n[2][1] + n[1][0]) / all,
                       (double)(2 * n[0][2] + n[1][2] + n[0][1]) / all, (double)(2 * n[0][0] + n[1][0] + n[0][1]) / all,
                       (double)n[1][1] / all};
    const double A = g.AB + g.Ab + g.h, B = g.AB + g.aB + g.h, vary = A * (1 - A) * B * (1 - B);
    if (!(vary > 0))
        return NAN;
    const double D = g.AB + best_share(&g) - A * B;
    return D * D / vary;
}
