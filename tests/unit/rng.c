/* Random streams: the published bits, independence of order, and the right distributions. */
#include "base/rng.h"
#include "unit.h"

#include <math.h>
#include <string.h>

/* Known answers of the authors' distribution (Random123 kat_vectors, philox 4 32 10). */
START_TEST(philox_gives_the_published_words)
{
    static const struct {
        uint32_t ctr[4], key[2], out[4];
    } known[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        sg_rng r = {0};
        memcpy(r.ctr, known[k].ctr, sizeof r.ctr);
        memcpy(r.key, known[k].key, sizeof r.key);
        for (int i = 0; i < 4; i++)
            ck_assert_uint_eq(sg_rng_u32(&r), known[k].out[i]);
    }
}
END_TEST

START_TEST(streams_differ_in_every_part_of_their_name_and_repeat_exactly)
{
    const uint64_t base[4] = {1, SG_RNG_TEST, 7, 3};
    sg_rng first = sg_rng_stream(base[0], SG_RNG_TEST, base[2], 3);
    const uint64_t x = sg_rng_u64(&first);
    sg_rng again = sg_rng_stream(1, SG_RNG_TEST, 7, 3);
    ck_assert_uint_eq(sg_rng_u64(&again), x);
    sg_rng other[] = {sg_rng_stream(2, SG_RNG_TEST, 7, 3),          sg_rng_stream(1, SG_RNG_SPLIT, 7, 3),
                      sg_rng_stream(1, SG_RNG_TEST, 8, 3),          sg_rng_stream(1, SG_RNG_TEST, 7, 4),
                      sg_rng_stream(1ull << 40, SG_RNG_TEST, 7, 3), sg_rng_stream(1, SG_RNG_TEST, 7 + (1ull << 40), 3)};
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        ck_assert_uint_ne(sg_rng_u64(&other[i]), x);
}
END_TEST

START_TEST(uniforms_lie_in_the_half_open_interval_and_spread_evenly)
{
    sg_rng r = sg_rng_stream(5, SG_RNG_TEST, 0, 0);
    enum { N = 200000, BINS = 20 };
    int64_t count[BINS] = {0};
    for (int i = 0; i < N; i++) {
        const double u = sg_rng_uniform(&r);
        ck_assert(u >= 0 && u < 1);
        count[(int)(u * BINS)]++;
        const float f = sg_rng_uniformf(&r);
        ck_assert(f >= 0 && f < 1);
    }
    double chi2 = 0;
    for (int i = 0; i < BINS; i++)
        chi2 += pow((double)count[i] - (double)N / BINS, 2) / ((double)N / BINS);
    ck_assert_double_lt(chi2, 43.8); /* 19 degrees of freedom, p = 0.001 */
}
END_TEST

START_TEST(normals_have_their_first_four_moments)
{
    sg_rng r = sg_rng_stream(6, SG_RNG_TEST, 0, 0);
    enum { N = 200000 };
    double m[5] = {0};
    float x[1000];
    for (int i = 0; i < N / 1000; i++) {
        sg_rng_fill_normal(&r, x, 1000);
        for (int k = 0; k < 1000; k++)
            for (int p = 1; p < 5; p++)
                m[p] += pow(x[k], p) / N;
    }
    ck_assert_double_lt(fabs(m[1]), 4 * sqrt(1.0 / N));
    ck_assert_double_lt(fabs(m[2] - 1), 4 * sqrt(2.0 / N));
    ck_assert_double_lt(fabs(m[3]), 4 * sqrt(15.0 / N));
    ck_assert_double_lt(fabs(m[4] - 3), 4 * sqrt(96.0 / N));
}
END_TEST

START_TEST(whole_numbers_stay_below_their_bound_and_meet_all_of_it)
{
    sg_rng r = sg_rng_stream(7, SG_RNG_TEST, 0, 0);
    int seen[6] = {0};
    for (int i = 0; i < 6000; i++)
        seen[sg_rng_below(&r, 6)]++;
    for (int i = 0; i < 6; i++)
        ck_assert_int_gt(seen[i], 800);
    ck_assert_uint_eq(sg_rng_below(&r, 1), 0);
    for (int i = 0; i < 100; i++)
        ck_assert_uint_lt(sg_rng_below(&r, UINT64_MAX / 2 + 2), UINT64_MAX / 2 + 2);
}
END_TEST

START_TEST(genotypes_of_frequency_p_average_two_p)
{
    sg_rng r = sg_rng_stream(8, SG_RNG_TEST, 0, 0);
    double sum = 0;
    enum { N = 100000 };
    for (int i = 0; i < N; i++) {
        const int g = sg_rng_binomial2(&r, 0.3);
        ck_assert(g >= 0 && g <= 2);
        sum += g;
    }
    ck_assert_double_lt(fabs(sum / N - 0.6), 4 * sqrt(0.42 / N));
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(sg_rng_binomial2(&r, 0), 0);
        ck_assert_int_eq(sg_rng_binomial2(&r, 1), 2);
    }
}
END_TEST

START_TEST(shuffling_keeps_everybody_and_every_order_is_as_likely)
{
    sg_rng r = sg_rng_stream(9, SG_RNG_TEST, 0, 0);
    int count[27] = {0};
    for (int i = 0; i < 6000; i++) {
        int64_t x[3] = {0, 1, 2};
        sg_rng_shuffle(&r, x, 3);
        ck_assert_int_eq(x[0] + x[1] + x[2], 3);
        count[x[0] * 9 + x[1] * 3 + x[2]]++;
    }
    int n_order = 0;
    for (int i = 0; i < 27; i++) {
        ck_assert(count[i] == 0 || abs(count[i] - 1000) < 120);
        n_order += count[i] > 0;
    }
    ck_assert_int_eq(n_order, 6);
    sg_rng_shuffle(&r, NULL, 0);
}
END_TEST

UNIT_MAIN("rng", philox_gives_the_published_words, streams_differ_in_every_part_of_their_name_and_repeat_exactly,
          uniforms_lie_in_the_half_open_interval_and_spread_evenly, normals_have_their_first_four_moments,
          whole_numbers_stay_below_their_bound_and_meet_all_of_it, genotypes_of_frequency_p_average_two_p,
          shuffling_keeps_everybody_and_every_order_is_as_likely)
