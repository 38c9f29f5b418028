/* Scores that are trained: the penalised regression is at its optimum and chooses its penalty where it should, boosted
 * trees learn what no sum can, both give the same bytes twice. */
#include "base/rng.h"
#include "learn/boost.h"
#include "learn/linear.h"
#include "stat/roc.h"
#include "../unit/unit.h"

#include <math.h>
#include <string.h>

enum { N = 4000, M = 600, L = 40 };

typedef struct world {
    sg_arena a;
    sg_people p, test;
    uint8_t is_case[N], test_case[M];
} world;

typedef double logit_fn(const int8_t *code);

/* Correlated neighbours, so that one SNP at a time counts the same effect twice. */
static double additive(const int8_t *code)
{
    double s = -1.2;
    for (int v = 0; v < L; v += 5)
        s += 0.5 * (code[v] - 0.59);
    return s;
}

/* Only together do the two say anything. */
static double parity(const int8_t *code)
{
    return (code[3] > 0) != (code[20] > 0) ? 2 : -2;
}

static double nothing(const int8_t *code)
{
    return -1 + 0.0 * code[0];
}

static void make(logit_fn *logit, int64_t n, uint64_t seed, sg_people *p, uint8_t *is_case, sg_arena *a)
{
    sg_err err = {0};
    int8_t code[L];
    ck_ok(sg_people_new(n, L, a, p, &err), err);
    for (int64_t i = 0; i < n; i++) {
        sg_rng r = sg_rng_stream(seed, SG_RNG_TEST, (uint64_t)i, 0);
        for (int v = 0; v < L; v++)
            code[v] = (int8_t)(v % 5 && sg_rng_uniform(&r) < 0.6 ? code[v - 1]
                                                                 : sg_rng_binomial2(&r, 0.2929)); /* half have none */
        is_case[i] = sg_rng_uniform(&r) < 1 / (1 + exp(-logit(code)));
        sg_people_pack(p, i, code);
    }
}

static void world_of(logit_fn *logit, world *w)
{
    w->a = unit_arena(1 << 27);
    make(logit, N, 1, &w->p, w->is_case, &w->a);
    make(logit, M, 2, &w->test, w->test_case, &w->a);
}

static double area(world *w, const double *score)
{
    sg_roc r;
    sg_err err = {0};
    ck_ok(sg_roc_new(score, w->test_case, M, &w->a, &r, &err), err);
    return r.area;
}

/* Of the penalised likelihood on standardised SNPs, in double, for the largest coordinate. */
static double gradient(const world *w, const sg_ridge *fit)
{
    double worst = 0, gb = 0;
    static double eta[N];
    for (int i = 0; i < N; i++) {
        eta[i] = fit->intercept;
        for (int v = 0; v < L; v++)
            eta[i] += fit->weight[v] * sg_people_get(&w->p, i, v);
        gb += 1 / (1 + exp(-eta[i])) - w->is_case[i];
    }
    for (int v = 0; v < L; v++) {
        double m = 0, s = 0, g = 0;
        for (int i = 0; i < N; i++)
            m += sg_people_get(&w->p, i, v) / (double)N;
        for (int i = 0; i < N; i++)
            s += pow(sg_people_get(&w->p, i, v) - m, 2) / N;
        for (int i = 0; i < N; i++)
            g += (1 / (1 + exp(-eta[i])) - w->is_case[i]) * (sg_people_get(&w->p, i, v) - m) / sqrt(s);
        worst = fmax(worst, fabs(g / N + fit->penalty * fit->weight[v] * sqrt(s)));
    }
    return fmax(worst, fabs(gb) / N);
}

START_TEST(the_penalised_regression_is_at_its_optimum)
{
    static world w;
    sg_err err = {0};
    world_of(additive, &w);
    for (int k = 0; k < 3; k++) {
        const double penalty[] = {1, 0.03, 0.0001};
        sg_ridge fit;
        ck_ok(sg_ridge_fit(&w.p, w.is_case, 1, penalty[k], NULL, &w.a, &fit, &err), err);
        ck_assert_double_eq(fit.penalty, penalty[k]);
        ck_assert_double_lt(gradient(&w, &fit), 1e-5);
    }
    sg_arena_clear(&w.a);
}
END_TEST

START_TEST(cross_validation_shrinks_noise_and_lets_effects_stand)
{
    static world w;
    sg_err err = {0};
    sg_ridge fit, none;
    static double score[M], sum[M];
    world_of(nothing, &w);
    ck_ok(sg_ridge_fit(&w.p, w.is_case, 1, 0, NULL, &w.a, &none, &err), err);
    sg_arena_clear(&w.a);
    world_of(additive, &w);
    ck_ok(sg_ridge_fit(&w.p, w.is_case, 1, 0, NULL, &w.a, &fit, &err), err);
    ck_assert_double_ge(none.penalty, 1);
    ck_assert_double_lt(fit.penalty, 0.5);
    sg_linear_score(fit.weight, &w.test, score);
    double beta[L];
    for (int v = 0; v < L; v++) {
        int64_t c[2][3] = {{0}};
        for (int i = 0; i < N; i++)
            c[w.is_case[i]][sg_people_get(&w.p, i, v)]++;
        beta[v] = sg_beta_fit(c[0], c[1]).beta;
    }
    sg_linear_score(beta, &w.test, sum);
    ck_assert_double_gt(area(&w, score), 0.7);
    ck_assert_double_gt(area(&w, score), area(&w, sum));
    sg_arena_clear(&w.a);
}
END_TEST

START_TEST(trees_learn_a_parity_that_no_sum_can)
{
    static world w;
    sg_err err = {0};
    sg_ridge fit;
    sg_boost_chosen chosen;
    static double score[M], again[M];
    if (!sg_boost_usable()) {
        (void)printf("SKIP: built without XGBoost\n");
        return;
    }
    world_of(parity, &w);
    ck_ok(sg_ridge_fit(&w.p, w.is_case, 1, 0, NULL, &w.a, &fit, &err), err);
    sg_linear_score(fit.weight, &w.test, score);
    const double linear = area(&w, score);
    ck_ok(sg_boost_fit_score(&w.p, w.is_case, &w.test, 1, NULL, NULL, &w.a, score, &chosen, &err), err);
    ck_ok(sg_boost_fit_score(&w.p, w.is_case, &w.test, 1, NULL, NULL, &w.a, again, &chosen, &err), err);
    ck_assert_mem_eq(score, again, sizeof score);
    ck_assert_int_eq(chosen.depth, 3);
    ck_assert_double_lt(linear, 0.6);
    ck_assert_double_gt(area(&w, score), 0.83); /* the truth has 0.88 */
    sg_arena_clear(&w.a);
}
END_TEST

START_TEST(too_few_cases_and_a_stop_are_said)
{
    static world w;
    sg_err err = {0};
    sg_ridge fit;
    sg_boost_chosen chosen;
    static double score[M];
    const atomic_bool stop = true;
    const sg_run run = {.stop = &stop};
    world_of(additive, &w);
    ck_assert_int_eq(sg_ridge_fit(&w.p, w.is_case, 1, 0, &run, &w.a, &fit, &err), SG_CANCELLED);
    if (sg_boost_usable())
        ck_assert_int_eq(sg_boost_fit_score(&w.p, w.is_case, &w.test, 1, NULL, &run, &w.a, score, &chosen, &err),
                         SG_CANCELLED);
    memset(w.is_case, 0, sizeof w.is_case);
    w.is_case[0] = w.is_case[1] = 1;
    ck_assert_int_eq(sg_ridge_fit(&w.p, w.is_case, 1, 0, NULL, &w.a, &fit, &err), SG_DEGENERATE);
    ck_assert_str_eq(err.msg, "2 cases and 3998 controls, want 5 of each or more");
    sg_arena_clear(&w.a);
}
END_TEST

UNIT_MAIN("stat_learn", the_penalised_regression_is_at_its_optimum,
          cross_validation_shrinks_noise_and_lets_effects_stand, trees_learn_a_parity_that_no_sum_can,
          too_few_cases_and_a_stop_are_said)
