/* The gate's statistics against brute force and printed tables. */
#include "privacy/stats.h"
#include "../unit/unit.h"
#include "base/rng.h"

#include <math.h>
#include <string.h>

START_TEST(normal_quantiles_are_the_printed_ones)
{
    ck_assert_double_eq_tol(sg_normal_quantile(0.975), 1.959963984540054, 1e-12);
    ck_assert_double_eq_tol(sg_normal_quantile(0.5), 0, 1e-12);
    ck_assert_double_eq_tol(sg_normal_quantile(1e-9), -5.997807015007687, 1e-9);
    ck_assert_double_eq_tol(sg_normal_cdf(1.0), 0.841344746068543, 1e-12);
}
END_TEST

/* I_x(a, b) for whole a, b is a binomial tail: P(Bin(a+b-1, x) >= a). */
START_TEST(the_incomplete_beta_is_a_binomial_tail)
{
    for (int n = 1; n <= 60; n += 7)
        for (int k = 1; k <= n; k += 3)
            for (double x = 0.02; x < 1; x += 0.07) {
                double tail = 0;
                for (int i = k; i <= n; i++)
                    tail += exp(lgamma(n + 1.0) - lgamma(i + 1.0) - lgamma(n - i + 1.0) + i * log(x) +
                                (n - i) * log(1 - x));
                ck_assert_double_eq_tol(sg_beta_cdf(k, n - k + 1, x), tail, 1e-10);
            }
    ck_assert_double_eq(sg_beta_cdf(2, 3, 0), 0);
    ck_assert_double_eq(sg_beta_cdf(2, 3, 1), 1);
    ck_assert_double_eq_tol(sg_beta_cdf(150000, 150000, 0.5), 0.5, 1e-8);
}
END_TEST

START_TEST(clopper_pearson_is_the_printed_one_and_the_rule_of_three)
{
    double lo, hi;
    sg_binomial_interval(5, 10, 0.05, &lo, &hi);
    ck_assert_double_eq_tol(lo, 0.187086, 1e-6);
    ck_assert_double_eq_tol(hi, 0.812914, 1e-6);
    sg_binomial_interval(0, 10000, 0.10, &lo, &hi); /* one-sided 95 %: 1 - 0.05^(1/n) */
    ck_assert_double_eq(lo, 0);
    ck_assert_double_eq_tol(hi, 1 - pow(0.05, 1e-4), 1e-12);
    sg_binomial_interval(7, 7, 0.05, &lo, &hi);
    ck_assert_double_eq(hi, 1);
    ck_assert_double_eq_tol(lo, pow(0.025, 1.0 / 7), 1e-12);
    sg_binomial_interval(0, 0, 0.05, &lo, &hi);
    ck_assert_double_eq(lo, 0);
    ck_assert_double_eq(hi, 1);
}
END_TEST

static double choose(int n, int k)
{
    double c = 1;
    for (int i = 0; i < k; i++)
        c = c * (n - i) / (i + 1);
    return k < 0 || k > n ? 0 : c;
}

START_TEST(fishers_test_is_the_sum_over_tables)
{
    ck_assert_double_eq_tol(sg_fisher_greater(3, 4, 1, 4), 17.0 / 70, 1e-12); /* the lady tasting tea */
    for (int n1 = 1; n1 <= 12; n1 += 2)
        for (int n0 = 1; n0 <= 9; n0 += 2)
            for (int k1 = 0; k1 <= n1; k1++)
                for (int k0 = 0; k0 <= n0; k0++) {
                    double p = 0;
                    for (int i = k1; i <= n1; i++)
                        p += choose(n1, i) * choose(n0, k1 + k0 - i) / choose(n1 + n0, k1 + k0);
                    ck_assert_double_eq_tol(sg_fisher_greater(k1, n1, k0, n0), p, 1e-10);
                }
    ck_assert_double_eq_tol(sg_fisher_greater(0, 5, 0, 5), 1, 1e-12);
    ck_assert_double_lt(sg_fisher_greater(1000, 1000, 10, 200), 1e-100);
}
END_TEST

START_TEST(the_gumbel_fit_finds_its_own_parameters)
{
    enum { N = 100000 };
    double *x = malloc(N * sizeof *x);
    ck_assert_ptr_nonnull(x);
    sg_rng r = sg_rng_stream(1, SG_RNG_TEST, 0, 0);
    const sg_gumbel true_g = {939, 8.6};
    for (int i = 0; i < N; i++)
        x[i] = sg_gumbel_min_quantile(true_g, sg_rng_uniform(&r) + 0x1p-54);
    const sg_gumbel g = sg_gumbel_min_fit(x, N);
    ck_assert_double_lt(fabs(g.mu - 939), 0.15);
    ck_assert_double_lt(fabs(g.beta - 8.6), 0.15);
    int64_t below = 0;
    const double cut = sg_gumbel_min_quantile(true_g, 0.01);
    for (int i = 0; i < N; i++)
        below += x[i] < cut;
    ck_assert_double_lt(fabs((double)below / N - 0.01), 0.002);
    free(x);
}
END_TEST

START_TEST(quantiles_are_values_that_occur)
{
    double x[] = {5, 1, 4, 2, 3};
    ck_assert_double_eq(sg_quantile(x, 5, 0.2), 1);
    ck_assert_double_eq(sg_quantile(x, 5, 0.21), 2);
    ck_assert_double_eq(sg_quantile(x, 5, 0), 1);
    ck_assert_double_eq(sg_quantile(x, 5, 1), 5);
}
END_TEST

static void brute_delong(const double *m, int n1, const double *o, int n0, double *auc, double *se)
{
    double v10[64] = {0}, v01[64] = {0}, s10 = 0, s01 = 0;
    *auc = 0;
    for (int i = 0; i < n1; i++)
        for (int j = 0; j < n0; j++) {
            const double psi = m[i] > o[j] ? 1 : m[i] == o[j] ? 0.5 : 0;
            *auc += psi / (n1 * n0);
            v10[i] += psi / n0;
            v01[j] += psi / n1;
        }
    for (int i = 0; i < n1; i++)
        s10 += pow(v10[i] - *auc, 2) / (n1 - 1);
    for (int j = 0; j < n0; j++)
        s01 += pow(v01[j] - *auc, 2) / (n0 - 1);
    *se = sqrt(s10 / n1 + s01 / n0);
}

START_TEST(delong_with_midranks_is_delong_pair_by_pair_ties_included)
{
    sg_arena a = unit_arena(1 << 20);
    sg_err err = {0};
    for (int round = 0; round < 50; round++) {
        sg_rng r = sg_rng_stream(2, SG_RNG_TEST, (uint64_t)round, 0);
        const int n1 = 2 + (int)sg_rng_below(&r, 40), n0 = 2 + (int)sg_rng_below(&r, 40);
        double m[64], o[64], auc, se;
        for (int i = 0; i < n1; i++)
            m[i] = (double)sg_rng_below(&r, 12) + 2;
        for (int i = 0; i < n0; i++)
            o[i] = (double)sg_rng_below(&r, 12);
        brute_delong(m, n1, o, n0, &auc, &se);
        sg_auc got;
        ck_ok(sg_auc_delong(m, n1, o, n0, &a, &got, &err), err);
        ck_assert_double_eq_tol(got.auc, auc, 1e-12);
        ck_assert_double_eq_tol(got.se, se, 1e-12);
        ck_assert_uint_eq(a.used, 0);
    }
    sg_arena_clear(&a);
}
END_TEST

/* Halves, so that ties occur. */
static double round_half(double x)
{
    return round(2 * x) / 2;
}

START_TEST(delong_intervals_cover_at_their_rate)
{
    sg_arena a = unit_arena(1 << 20);
    sg_err err = {0};
    enum { ROUNDS = 1000, N1 = 200, N0 = 80 };
    int covered = 0;
    for (int round = 0; round < ROUNDS; round++) {
        sg_rng r = sg_rng_stream(3, SG_RNG_TEST, (uint64_t)round, 0);
        double m[N1], o[N0];
        for (int i = 0; i < N1; i++)
            m[i] = round_half(sg_rng_normal(&r));
        for (int i = 0; i < N0; i++)
            o[i] = round_half(sg_rng_normal(&r));
        sg_auc got;
        ck_ok(sg_auc_delong(m, N1, o, N0, &a, &got, &err), err);
        covered += fabs(got.auc - 0.5) <= 1.96 * got.se;
    }
    ck_assert_int_ge(covered, 930);
    ck_assert_int_le(covered, 970);
    sg_arena_clear(&a);
}
END_TEST

START_TEST(an_auc_of_nothing_or_of_nan_does_not_exist)
{
    sg_arena a = unit_arena(1 << 20);
    sg_err err = {0};
    sg_auc got;
    const double x[] = {1, 2, NAN};
    ck_assert_int_eq(sg_auc_delong(x, 1, x, 2, &a, &got, &err), SG_DEGENERATE);
    ck_assert_str_eq(err.msg, "an AUC of 1 members and 2 others, want 2 or more of each");
    ck_assert(isnan(got.auc));
    ck_assert_int_eq(sg_auc_delong(x, 3, x, 2, &a, &got, &err), SG_DEGENERATE);
    ck_assert(isnan(got.auc));
    sg_arena_clear(&a);
}
END_TEST

/* The bounds are where |k/n - p| is z standard deviations of p itself; and a printed pair. */
START_TEST(wilsons_bounds_solve_their_own_equation)
{
    double c, h;
    sg_wilson(10, 100, 0.05, &c, &h);
    ck_assert_double_eq_tol(c - h, 0.05522914, 1e-8);
    ck_assert_double_eq_tol(c + h, 0.17436566, 1e-8);
    for (int n = 1; n < 500; n = 2 * n + 1)
        for (int k = 0; k <= n; k += 1 + n / 9)
            for (double alpha = 0.01; alpha < 0.4; alpha *= 2.5) {
                const double z = sg_normal_quantile(1 - alpha / 2);
                sg_wilson(k, n, alpha, &c, &h);
                for (int side = -1; side <= 1; side += 2) {
                    const double p = c + side * h;
                    ck_assert_double_eq_tol(fabs((double)k / n - p), z * sqrt(fmax(0, p * (1 - p)) / n), 1e-7);
                }
            }
}
END_TEST

START_TEST(poisson_tails_are_their_sums)
{
    ck_assert_double_eq_tol(sg_poisson_tail(3, 2), 0.32332358381693654, 1e-14);
    ck_assert_double_eq(sg_poisson_tail(0, 5), 1);
    ck_assert_double_eq(sg_poisson_tail(1, 0), 0);
    ck_assert_double_eq_tol(sg_poisson_tail(10, 0.01) / 2.7308e-27, 1, 1e-3); /* 0.01^10 / 10! and a little less */
    for (double mean = 0.1; mean < 60; mean *= 1.9) {
        double term = exp(-mean), below = 0;
        for (int k = 0; k < 120; k++) {
            ck_assert_double_eq_tol(sg_poisson_tail(k, mean), 1 - below, 1e-12);
            below += term;
            term *= mean / (k + 1);
        }
    }
}
END_TEST

/* Holm is Bonferroni closed: a hypothesis falls when every set it is in holds a p of at most alpha / size. */
START_TEST(holm_rejects_what_closed_bonferroni_rejects)
{
    enum { N = 7 };
    int rejected = 0, kept = 0;
    for (int round = 0; round < 400; round++) {
        double p[N];
        bool got[N];
        for (int i = 0; i < N; i++) {
            sg_rng r = sg_rng_stream(4, SG_RNG_TEST, (uint64_t)round, (uint32_t)i);
            p[i] = pow(sg_rng_uniform(&r), 1 + round % 4);
        }
        p[round % 3] = p[3]; /* ties */
        if (round % 5 == 0)
            p[5] = NAN;
        sg_holm(p, N, 0.05, got);
        for (int i = 0; i < N; i++) {
            bool falls = true;
            for (int set = 1; set < 1 << N; set++) {
                double least = 2;
                for (int j = 0; j < N; j++)
                    least = set >> j & 1 && p[j] < least ? p[j] : least;
                falls = falls && (!(set >> i & 1) || least <= 0.05 / __builtin_popcount((unsigned)set));
            }
            falls = falls && p[i] <= 0.05; /* a set of itself: no number falls */
            ck_assert_msg(falls == got[i], "round %d: hypothesis %d of p %g", round, i, p[i]);
            rejected += falls;
            kept += !falls;
        }
    }
    ck_assert_int_gt(rejected, 300);
    ck_assert_int_gt(kept, 300);
}
END_TEST

UNIT_MAIN("stats", normal_quantiles_are_the_printed_ones, the_incomplete_beta_is_a_binomial_tail,
          clopper_pearson_is_the_printed_one_and_the_rule_of_three, fishers_test_is_the_sum_over_tables,
          the_gumbel_fit_finds_its_own_parameters, quantiles_are_values_that_occur,
          delong_with_midranks_is_delong_pair_by_pair_ties_included, delong_intervals_cover_at_their_rate,
          an_auc_of_nothing_or_of_nan_does_not_exist, wilsons_bounds_solve_their_own_equation,
          poisson_tails_are_their_sums, holm_rejects_what_closed_bonferroni_rejects)
