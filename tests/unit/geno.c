/* Packed genotypes: every code survives every layout. */
#include "base/rng.h"
#include "geno/geno.h"
#include "unit.h"

#include <math.h>

static sg_people random_people(int64_t n, int64_t m, int n_code, uint64_t seed, sg_arena *a)
{
    sg_people p;
    sg_err err = {0};
    ck_ok(sg_people_new(n, m, a, &p, &err), err);
    int8_t *code = SG_NEW(a, int8_t, m);
    for (int64_t s = 0; s < n; s++) {
        sg_rng r = sg_rng_stream(seed, SG_RNG_TEST, (uint64_t)s, 0);
        for (int64_t v = 0; v < m; v++)
            code[v] = (int8_t)sg_rng_below(&r, (uint64_t)n_code);
        sg_people_pack(&p, s, code);
    }
    return p;
}

static const int64_t sizes[] = {1, 2, 3, 4, 5, 63, 64, 65, 127, 128, 130};
enum { N_SIZE = sizeof sizes / sizeof *sizes };

START_TEST(codes_survive_packing_and_transposing_at_every_awkward_size)
{
    sg_arena a = unit_arena(1 << 24);
    sg_err err = {0};
    for (int i = 0; i < N_SIZE; i++)
        for (int j = 0; j < N_SIZE; j++) {
            const size_t mark = sg_arena_mark(&a);
            const int64_t n = sizes[i], m = sizes[j];
            const sg_people p = random_people(n, m, 4, 11, &a);
            sg_geno g;
            sg_people back;
            ck_ok(sg_geno_new(m, n, &a, &g, &err), err);
            ck_ok(sg_people_new(n, m, &a, &back, &err), err);
            ck_assert(sg_people_ok(&p) && sg_geno_ok(&g));
            sg_geno_from_people(&p, &g);
            sg_people_from_geno(&g, &back);
            ck_assert_mem_eq(p.plane, back.plane, (size_t)(n * p.n_word) * 16);
            int8_t *code = SG_NEW(&a, int8_t, m);
            for (int64_t s = 0; s < n; s++) {
                sg_people_unpack(&p, s, code);
                for (int64_t v = 0; v < m; v++) {
                    ck_assert_int_eq(code[v], sg_people_get(&p, s, v));
                    ck_assert_int_eq(code[v], sg_geno_get(&g, v, s));
                }
            }
            for (int64_t v = 0; v < m; v++) /* bits past the last sample are 0 */
                ck_assert_int_eq(n % 4 ? g.row[(v + 1) * g.row_bytes - 1] >> (2 * (n % 4)) : 0, 0);
            sg_arena_rewind(&a, mark);
        }
    sg_arena_clear(&a);
}
END_TEST

START_TEST(setting_one_genotype_leaves_its_neighbours)
{
    sg_arena a = unit_arena(1 << 16);
    sg_geno g;
    sg_err err = {0};
    ck_ok(sg_geno_new(2, 9, &a, &g, &err), err);
    for (int code = 0; code < 4; code++)
        for (int64_t s = 0; s < 9; s++) {
            sg_geno_set(&g, 1, s, code);
            for (int64_t t = 0; t < 9; t++)
                ck_assert_int_eq(sg_geno_get(&g, 1, t), t <= s ? code : code ? code - 1 : 0);
            ck_assert_int_eq(sg_geno_get(&g, 0, s), 0);
        }
    sg_arena_clear(&a);
}
END_TEST

START_TEST(counts_and_frequencies_agree_with_counting_by_hand)
{
    sg_arena a = unit_arena(1 << 20);
    sg_err err = {0};
    const int64_t n = 77, m = 130;
    const sg_people p = random_people(n, m, 4, 3, &a);
    sg_geno g;
    ck_ok(sg_geno_new(m, n, &a, &g, &err), err);
    sg_geno_from_people(&p, &g);
    double *freq = SG_NEW(&a, double, m);
    sg_people_freq(&p, freq);
    for (int64_t v = 0; v < m; v++) {
        int64_t count[4];
        sg_geno_count(&g, v, count);
        ck_assert_int_eq(count[0] + count[1] + count[2] + count[3], n);
        const double called = (double)(n - count[3]);
        ck_assert_double_eq_tol(freq[v], ((double)count[1] + 2 * (double)count[2]) / (2 * called), 1e-15);
    }
    sg_arena_clear(&a);
}
END_TEST

START_TEST(a_variant_nobody_has_has_no_frequency)
{
    sg_arena a = unit_arena(1 << 16);
    sg_people p;
    sg_err err = {0};
    double freq[2];
    ck_ok(sg_people_new(3, 2, &a, &p, &err), err);
    for (int64_t s = 0; s < 3; s++)
        sg_people_pack(&p, s, (int8_t[]){SG_MISSING, 1});
    sg_people_freq(&p, freq);
    ck_assert(isnan(freq[0]));
    ck_assert_double_eq(freq[1], 0.5);
    ck_ok(sg_people_new(0, 2, &a, &p, &err), err);
    sg_people_freq(&p, freq);
    ck_assert(isnan(freq[0]) && isnan(freq[1]));
    sg_arena_clear(&a);
}
END_TEST

START_TEST(gathering_takes_rows_in_the_order_asked_for)
{
    sg_arena a = unit_arena(1 << 20);
    sg_err err = {0};
    const sg_people p = random_people(20, 70, 3, 4, &a);
    const int64_t idx[] = {19, 0, 7, 7};
    sg_people q;
    ck_ok(sg_people_new(4, 70, &a, &q, &err), err);
    sg_people_gather(&p, idx, 4, &q);
    for (int64_t i = 0; i < 4; i++)
        ck_assert_int_eq(sg_people_hamming(&p, idx[i], &q, i), 0);
    sg_arena_clear(&a);
}
END_TEST

START_TEST(distances_are_what_counting_gives)
{
    sg_arena a = unit_arena(1 << 20);
    const sg_people p = random_people(12, 130, 3, 5, &a), q = random_people(12, 130, 4, 6, &a);
    for (int64_t i = 0; i < 12; i++)
        for (int64_t j = 0; j < 12; j++) {
            int64_t ham = 0, missing = 0, l1 = 0;
            for (int64_t v = 0; v < 130; v++) {
                missing += sg_people_get(&p, i, v) != sg_people_get(&q, j, v);
                ham += sg_people_get(&p, i, v) != sg_people_get(&p, j, v);
                l1 += abs(sg_people_get(&p, i, v) - sg_people_get(&p, j, v));
            }
            ck_assert_int_eq(sg_people_hamming(&p, i, &q, j), missing);
            ck_assert_int_eq(sg_people_hamming(&p, i, &p, j), ham);
            ck_assert_int_eq(sg_people_l1(&p, i, &p, j), l1);
        }
    sg_arena_clear(&a);
}
END_TEST

START_TEST(sizes_that_cannot_be_are_limits_and_cost_no_memory)
{
    sg_arena a = unit_arena(1 << 16);
    sg_geno g;
    sg_people p;
    sg_err err = {0};
    ck_assert_int_eq(sg_geno_new(-1, 5, &a, &g, &err), SG_LIMIT);
    ck_assert_str_eq(err.msg, "-1 variants of 5 people are more than can be held");
    ck_assert_int_eq(sg_geno_new(INT64_MAX, INT64_MAX, &a, &g, &err), SG_LIMIT);
    ck_assert_int_eq(sg_people_new(INT64_MAX / 8, 1 << 20, &a, &p, &err), SG_LIMIT);
    ck_assert_int_eq(sg_people_new(5, INT64_MAX, &a, &p, &err), SG_LIMIT);
    ck_assert_int_eq(sg_people_new(5, -1, &a, &p, &err), SG_LIMIT);
    ck_assert_int_eq(sg_people_new(1 << 20, 1 << 10, &a, &p, &err), SG_NOMEM);
    ck_assert_uint_eq(a.used, 0);
    ck_ok(sg_people_new(0, 0, &a, &p, &err), err);
    ck_assert(sg_people_ok(&p));
    sg_arena_clear(&a);
}
END_TEST

UNIT_MAIN("geno", codes_survive_packing_and_transposing_at_every_awkward_size,
          setting_one_genotype_leaves_its_neighbours, counts_and_frequencies_agree_with_counting_by_hand,
          a_variant_nobody_has_has_no_frequency, gathering_takes_rows_in_the_order_asked_for,
          distances_are_what_counting_gives, sizes_that_cannot_be_are_limits_and_cost_no_memory)
