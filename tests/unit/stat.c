/* Figures of genotypes against brute force: pairs, threes, components, clouds, relatives, neighbourhoods. */
#include "base/rng.h"
#include "geno/kinship.h"
#include "geno/neighbours.h"
#include "stat/pca.h"
#include "unit.h"

#include <math.h>
#include <string.h>

enum { N = 150, L = 70 };

/* SNPs in which every third copies most of the one before, so that there is something to find. */
static sg_people make(uint64_t seed, sg_arena *a)
{
    sg_people p;
    sg_err err = {0};
    ck_ok(sg_people_new(N, L, a, &p, &err), err);
    int8_t code[L];
    for (int i = 0; i < N; i++) {
        sg_rng r = sg_rng_stream(seed, SG_RNG_TEST, (uint64_t)i, 0);
        for (int v = 0; v < L; v++)
            code[v] =
                (int8_t)(v % 3 && sg_rng_uniform(&r) < 0.8 ? code[v - 1] : sg_rng_binomial2(&r, 0.1 + 0.8 * v / L));
        sg_people_pack(&p, i, code);
    }
    return p;
}

static double z(const sg_people *p, int i, int v)
{
    double m = 0, s = 0;
    for (int k = 0; k < N; k++)
        m += sg_people_get(p, k, v) / (double)N;
    for (int k = 0; k < N; k++)
        s += (sg_people_get(p, k, v) - m) * (sg_people_get(p, k, v) - m) / N;
    return (sg_people_get(p, i, v) - m) / sqrt(s);
}

START_TEST(pairs_threes_and_fis_are_those_of_a_plain_loop)
{
    sg_arena a = unit_arena(1 << 26);
    const sg_people p = make(1, &a);
    sg_snps s;
    sg_err err = {0};
    ck_ok(sg_snps_new(&p, NULL, 0, &a, &s, &err), err);
    float *r = SG_NEW(&a, float, L *L);
    ck_ok(sg_snps_correlation(&s, NULL, r, &err), err);
    for (int v = 0; v + 5 < L; v += 4) {
        int64_t t[9], want[9] = {0}, het = 0;
        double two = 0, three = 0;
        for (int i = 0; i < N; i++) {
            want[3 * sg_people_get(&p, i, v) + sg_people_get(&p, i, v + 1)]++;
            het += sg_people_get(&p, i, v) == 1;
            two += z(&p, i, v) * z(&p, i, v + 1) / N;
            three += z(&p, i, v) * z(&p, i, v + 1) * z(&p, i, v + 3) / N;
        }
        sg_snps_pair(&s, v, v + 1, t);
        ck_assert_mem_eq(t, want, sizeof t);
        ck_assert_double_eq_tol(r[v * L + v + 1], two, 1e-6);
        ck_assert_double_eq_tol(r[(v + 1) * L + v], two, 1e-6);
        ck_assert_double_eq_tol(sg_snps_three(&s, v, v + 1, v + 3), three, 1e-9);
        const double f = sg_snps_freq(&s, v);
        ck_assert_double_eq_tol(sg_snps_fis(&s, v), 1 - (double)het / N / (2 * f * (1 - f)), 1e-12);
    }
    sg_arena_clear(&a);
}
END_TEST

START_TEST(components_are_eigenvectors_and_scores_have_their_variance)
{
    sg_arena a = unit_arena(1 << 26);
    const sg_people p = make(2, &a);
    sg_snps s;
    sg_pca f;
    sg_err err = {0};
    ck_ok(sg_snps_new(&p, NULL, 0, &a, &s, &err), err);
    float *r = SG_NEW(&a, float, L *L);
    double *score = SG_NEW(&a, double, N * 4);
    ck_ok(sg_snps_correlation(&s, NULL, r, &err), err);
    ck_ok(sg_pca_fit(&s, r, 4, &a, &f, &err), err);
    sg_pca_project(&f, &p, NULL, score);
    for (int c = 0; c < 4; c++) {
        double var = 0;
        for (int i = 0; i < L; i++) {
            double y = 0;
            for (int j = 0; j < L; j++)
                y += (double)r[i * L + j] * f.axis[c * L + j];
            ck_assert_double_eq_tol(y, f.value[c] * f.axis[c * L + i], 1e-5);
        }
        for (int i = 0; i < N; i++)
            var += score[4 * i + c] * score[4 * i + c] / N;
        ck_assert_double_eq_tol(var, f.value[c], 1e-4);
        ck_assert(c == 0 || f.value[c] <= f.value[c - 1]);
    }
    sg_arena_clear(&a);
}
END_TEST

START_TEST(a_shifted_cloud_is_as_far_as_it_was_shifted)
{
    const double x[] = {0, 1, 2, 5}, y[] = {3, 4, 5, 8}, w[] = {1, 1, 0, 0};
    ck_assert_double_eq_tol(sg_wasserstein(x, NULL, 4, y, NULL, 4), 3, 1e-12);
    ck_assert_double_eq_tol(sg_wasserstein(x, w, 4, y, NULL, 4), 4.5, 1e-12); /* means 0.5 and 5 */
}
END_TEST

START_TEST(sums_give_correlation_slope_and_drift_and_an_interval_around_them)
{
    sg_arena a = unit_arena(1 << 22);
    sg_table t;
    sg_err err = {0};
    ck_ok(sg_table_new(100, &a, &t, &err), err);
    double xx = 0, xy = 0;
    for (int v = 0; v < 100; v++) {
        const double x = v, y = 2.0 * v + v % 5;
        sg_table_add(&t, sg_block_of(v, 100), sg_block_of(v, 100), x, y);
        xx += x * x;
        xy += x * y;
    }
    const sg_estimate slope = sg_table_estimate(&t, sg_sums_slope, 1);
    ck_assert_double_eq_tol(slope.value, xy / xx, 1e-12);
    ck_assert(slope.lo < slope.value && slope.value < slope.hi && slope.hi - slope.lo < 0.2);
    ck_assert_double_eq_tol(sg_table_estimate(&t, sg_sums_shift, 1).value, 49.5 + 2, 1e-12);
    ck_assert_double_eq_tol(sg_table_estimate(&t, sg_sums_most_apart, 1).value, 99 + 4, 1e-12);
    ck_assert_double_gt(sg_table_estimate(&t, sg_sums_r, 1).value, 0.999);
    sg_arena_clear(&a);
}
END_TEST

START_TEST(kinship_is_a_half_with_oneself_and_a_quarter_with_a_child)
{
    sg_arena a = unit_arena(1 << 26);
    enum { M = 20000 };
    sg_people p;
    sg_err err = {0};
    ck_ok(sg_people_new(3, M, &a, &p, &err), err); /* parent, child, stranger */
    int8_t *code[3];
    for (int k = 0; k < 3; k++)
        code[k] = SG_NEW(&a, int8_t, M);
    sg_rng r = sg_rng_stream(3, SG_RNG_TEST, 0, 0);
    for (int v = 0; v < M; v++) {
        const double f = 0.1 + 0.8 * sg_rng_uniform(&r);
        code[0][v] = (int8_t)sg_rng_binomial2(&r, f);
        code[2][v] = (int8_t)sg_rng_binomial2(&r, f);
        code[1][v] = (int8_t)((sg_rng_uniform(&r) < code[0][v] / 2.0) + (sg_rng_uniform(&r) < f));
    }
    for (int k = 0; k < 3; k++)
        sg_people_pack(&p, k, code[k]);
    ck_assert_double_eq_tol(sg_kinship(&p, 0, &p, 0), 0.5, 1e-12);
    ck_assert_double_eq_tol(sg_kinship(&p, 0, &p, 1), 0.25, 0.02);
    ck_assert_double_eq_tol(sg_kinship(&p, 0, &p, 2), 0, 0.02);
    double most[3];
    int64_t n[3];
    ck_ok(sg_kinship_closest(&p, &p, SG_KIN_FIRST, true, NULL, &a, most, n, &err), err);
    ck_assert(n[0] == 1 && n[1] == 1 && n[2] == 0);
    ck_assert_double_eq(most[0], sg_kinship(&p, 0, &p, 1));
    sg_arena_clear(&a);
}
END_TEST

/* Both kernels against the definitions, genotype by genotype, for widths around every vector's. */
START_TEST(kinship_of_any_width_is_the_definition)
{
    static const int64_t width[] = {1, 63, 64, 65, 200, 511, 512, 513, 1000, 1024, 1025, 2048, 2500};
    for (size_t i = 0; i < sizeof width / sizeof *width; i++)
        for (int with_missing = 0; with_missing < 2; with_missing++) {
            sg_arena a = unit_arena(1 << 20);
            sg_err err = {0};
            sg_people p;
            const int64_t M = width[i];
            int8_t *x = SG_NEW(&a, int8_t, M), *y = SG_NEW(&a, int8_t, M);
            int64_t het_x = 0, het_y = 0, both = 0, ibs0 = 0, opposite = 0, het_hom = 0, hom_het = 0;
            sg_rng r = sg_rng_stream(4, SG_RNG_TEST, (uint64_t)M, (uint32_t)with_missing);
            ck_ok(sg_people_new(2, M, &a, &p, &err), err);
            for (int64_t v = 0; v < M; v++) {
                x[v] = (int8_t)sg_rng_below(&r, with_missing ? 4 : 3);
                y[v] = (int8_t)sg_rng_below(&r, with_missing ? 4 : 3);
                het_x += x[v] == 1;
                het_y += y[v] == 1;
                both += x[v] == 1 && y[v] == 1;
                opposite += x[v] + y[v] == 2 && x[v] != 1;
                het_hom += x[v] == 1 && (y[v] == 0 || y[v] == 2);
                hom_het += y[v] == 1 && (x[v] == 0 || x[v] == 2);
            }
            ibs0 = opposite;
            sg_people_pack(&p, 0, x);
            sg_people_pack(&p, 1, y);
            const int64_t less = both + (het_hom < hom_het ? het_hom : hom_het);
            const double called = 0.5 - (double)(4 * ibs0 + het_hom + hom_het) / (4.0 * (double)less);
            ck_assert(less ? fabs(sg_kinship_called(&p, 0, 1) - called) < 1e-12 : isnan(sg_kinship_called(&p, 0, 1)));
            const double least = (double)(het_x < het_y ? het_x : het_y);
            if (!with_missing) {
                ck_assert_int_eq(sg_opposite(sg_people_lo(&p, 0), sg_people_lo(&p, 1), p.n_word), opposite);
                const double want =
                    (double)(both - 2 * opposite) / (2 * least) + 0.5 - (double)(het_x + het_y) / (4 * least);
                ck_assert(least > 0 ? fabs(sg_kinship(&p, 0, &p, 1) - want) < 1e-12 : isnan(sg_kinship(&p, 0, &p, 1)));
            }
            sg_arena_clear(&a);
        }
}
END_TEST

START_TEST(neighbourhoods_are_those_of_a_plain_loop)
{
    sg_arena a = unit_arena(1 << 26);
    const sg_people p = make(4, &a), q = make(5, &a);
    int32_t radius[N];
    uint8_t in[N];
    sg_err err = {0};
    ck_ok(sg_neighbour_radius(&p, SG_HAMMING, 5, NULL, &a, radius, &err), err);
    ck_ok(sg_neighbour_inside(&q, &p, radius, SG_HAMMING, NULL, &a, in, &err), err);
    for (int i = 0; i < N; i++) {
        int nearer = 0, upto = 0, inside = 0;
        for (int j = 0; j < N; j++) {
            nearer += j != i && sg_people_hamming(&p, i, &p, j) < radius[i];
            upto += j != i && sg_people_hamming(&p, i, &p, j) <= radius[i];
            inside |= sg_people_hamming(&q, i, &p, j) <= radius[j];
        }
        ck_assert(nearer < 5 && upto >= 5);
        ck_assert_int_eq(in[i], inside);
    }
    ck_assert_int_eq(sg_neighbour_radius(&p, SG_HAMMING, 0, NULL, &a, radius, &err), SG_LIMIT);
    ck_assert_str_eq(err.msg, "neighbour number 0, want 1 to 32");
    sg_arena_clear(&a);
}
END_TEST

UNIT_MAIN("stat", pairs_threes_and_fis_are_those_of_a_plain_loop,
          components_are_eigenvectors_and_scores_have_their_variance, a_shifted_cloud_is_as_far_as_it_was_shifted,
          sums_give_correlation_slope_and_drift_and_an_interval_around_them,
          kinship_is_a_half_with_oneself_and_a_quarter_with_a_child, kinship_of_any_width_is_the_definition,
          neighbourhoods_are_those_of_a_plain_loop)
