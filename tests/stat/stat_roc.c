/* Areas and DeLong's intervals against sums over all pairs of people, ties among them. */
#include "base/rng.h"
#include "stat/roc.h"
#include "../unit/unit.h"

#include <math.h>

enum { N = 90 };

/* Scores of few levels, so that most people are tied with somebody. */
static void make(uint64_t seed, double *x, double *y, uint8_t *is_case)
{
    sg_rng r = sg_rng_stream(seed, SG_RNG_TEST, 0, 0);
    for (int i = 0; i < N; i++) {
        is_case[i] = sg_rng_below(&r, 3) == 0;
        x[i] = (double)sg_rng_below(&r, 6) + (is_case[i] ? 1 : 0);
        y[i] = x[i] + (double)sg_rng_below(&r, 4);
    }
}

static double beats(double a, double b)
{
    return a > b ? 1 : a == b ? 0.5 : 0;
}

/* Covariance of the areas of x and y by the definition of DeLong, DeLong and Clarke-Pearson: structural components of
 * every case and every control from loops over the other group. */
static double covariance(const double *x, const double *y, const uint8_t *is_case, double *ax, double *ay)
{
    double v[2][2][N], mean[2] = {0}, n[2] = {0};
    for (int i = 0; i < N; i++)
        n[is_case[i]]++;
    for (int i = 0; i < N; i++)
        for (int k = 0; k < 2; k++) {
            const double *s = k ? y : x;
            double sum = 0;
            for (int j = 0; j < N; j++)
                if (is_case[j] != is_case[i])
                    sum += is_case[i] ? beats(s[i], s[j]) : beats(s[j], s[i]);
            v[is_case[i]][k][i] = sum / n[!is_case[i]];
            mean[k] += is_case[i] ? sum / n[0] / n[1] : 0;
        }
    double total = 0;
    for (int g = 0; g < 2; g++) {
        double s = 0;
        for (int i = 0; i < N; i++)
            if (is_case[i] == g)
                s += (v[g][0][i] - mean[0]) * (v[g][1][i] - mean[1]);
        total += s / (n[g] - 1) / n[g];
    }
    *ax = mean[0];
    *ay = mean[1];
    return total;
}

START_TEST(areas_and_intervals_are_those_of_loops_over_all_pairs)
{
    sg_arena a = unit_arena(1 << 22);
    sg_err err = {0};
    for (uint64_t seed = 1; seed <= 20; seed++) {
        double x[N], y[N], ax, ay;
        uint8_t is_case[N];
        sg_roc rx, ry;
        make(seed, x, y, is_case);
        ck_ok(sg_roc_new(x, is_case, N, &a, &rx, &err), err);
        ck_ok(sg_roc_new(y, is_case, N, &a, &ry, &err), err);
        const double vxx = covariance(x, x, is_case, &ax, &ax), vyy = covariance(y, y, is_case, &ay, &ay);
        const double vxy = covariance(x, y, is_case, &ax, &ay);
        const sg_estimate area = sg_roc_area(&rx), gap = sg_roc_difference(&rx, &ry);
        ck_assert_double_eq_tol(area.value, ax, 1e-12);
        ck_assert_double_eq_tol(area.hi - area.lo, 2 * 1.959963984540054 * sqrt(vxx), 1e-12);
        ck_assert_double_eq_tol(gap.value, ax - ay, 1e-12);
        ck_assert_double_eq_tol(gap.hi - gap.lo, 2 * 1.959963984540054 * sqrt(vxx + vyy - 2 * vxy), 1e-12);
    }
    sg_arena_clear(&a);
}
END_TEST

START_TEST(the_area_under_the_curve_is_the_area)
{
    sg_arena a = unit_arena(1 << 22);
    sg_err err = {0};
    enum { POINTS = 5001 };
    static double tpr[POINTS];
    double x[N], y[N], area = 0;
    uint8_t is_case[N];
    sg_roc r;
    make(3, x, y, is_case);
    ck_ok(sg_roc_new(y, is_case, N, &a, &r, &err), err);
    ck_ok(sg_roc_curve(y, is_case, N, &a, POINTS, tpr, &err), err);
    for (int i = 1; i < POINTS; i++)
        area += (tpr[i] + tpr[i - 1]) / 2 / (POINTS - 1);
    ck_assert_double_eq_tol(area, r.area, 1e-4);
    ck_assert_double_eq(tpr[POINTS - 1], 1);
    sg_arena_clear(&a);
}
END_TEST

START_TEST(perfect_equal_and_impossible_scores)
{
    sg_arena a = unit_arena(1 << 22);
    sg_err err = {0};
    sg_roc r;
    const double up[] = {0, 1, 2, 3, 4, 5}, flat[6] = {7, 7, 7, 7, 7, 7}, bad[] = {0, NAN, 1, 2, 3, 4};
    const uint8_t is_case[] = {0, 0, 0, 1, 1, 1}, one[] = {0, 0, 0, 0, 0, 1};
    ck_ok(sg_roc_new(up, is_case, 6, &a, &r, &err), err);
    const sg_estimate x = sg_roc_area(&r);
    ck_assert(x.value == 1 && x.lo == 1 && x.hi == 1);
    ck_ok(sg_roc_new(flat, is_case, 6, &a, &r, &err), err);
    ck_assert_double_eq(sg_roc_area(&r).value, 0.5);
    ck_assert_int_eq(sg_roc_new(bad, is_case, 6, &a, &r, &err), SG_DEGENERATE);
    ck_assert_str_eq(err.msg, "a score is not a number");
    ck_assert_int_eq(sg_roc_new(up, one, 6, &a, &r, &err), SG_DEGENERATE);
    ck_assert_str_eq(err.msg, "1 cases and 5 controls, want two of each or more");
    sg_arena_clear(&a);
}
END_TEST

UNIT_MAIN("stat_roc", areas_and_intervals_are_those_of_loops_over_all_pairs, the_area_under_the_curve_is_the_area,
          perfect_equal_and_impossible_scores)
