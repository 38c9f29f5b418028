/* r2 of haplotypes against a search over every share of the double heterozygotes; counts against counting one by one; regions. */
#include "base/rng.h"
#include "panel/ld.h"
#include "panel/region.h"
#include "unit.h"

#include <math.h>
#include <string.h>

/* The likelihood at 20001 shares; r2 at the best. */
static double by_search(const int64_t n[3][3])
{
    double all = 0, best = -INFINITY, r2 = NAN;
    for (int i = 0; i < 9; i++)
        all += 2 * (double)n[i / 3][i % 3];
    const double AB = (double)(2 * n[2][2] + n[2][1] + n[1][2]) / all,
                 Ab = (double)(2 * n[2][0] + n[2][1] + n[1][0]) / all,
                 aB = (double)(2 * n[0][2] + n[1][2] + n[0][1]) / all,
                 ab = (double)(2 * n[0][0] + n[1][0] + n[0][1]) / all, h = (double)n[1][1] / all;
    for (int k = 0; k <= 20000; k++) {
        const double x = h * k / 20000, f[4] = {AB + x, Ab + h - x, aB + h - x, ab + x}, known[4] = {AB, Ab, aB, ab};
        double l = h > 0 ? h * log(f[0] * f[3] + f[1] * f[2]) : 0;
        for (int i = 0; i < 4; i++)
            l += known[i] > 0 ? known[i] * log(f[i]) : 0;
        if (l > best) {
            const double A = AB + Ab + h, B = AB + aB + h, D = f[0] - A * B;
            best = l;
            r2 = D * D / (A * (1 - A) * B * (1 - B));
        }
    }
    return r2;
}

START_TEST(r2_is_that_of_the_likeliest_haplotypes)
{
    sg_rng r = sg_rng_stream(3, SG_RNG_TEST, 0, 0);
    for (int t = 0; t < 2000; t++) {
        int64_t n[3][3];
        for (int i = 0; i < 9; i++)
            n[i / 3][i % 3] = sg_rng_below(&r, 3) ? sg_rng_below(&r, 1 + 40 * (t % 7 == 0)) : 0;
        n[1][1] += sg_rng_below(&r, 30);
        const double want = by_search(n), have = sg_ld_r2(n);
        if (isfinite(want) && want > 1e-6)
            ck_assert_msg(fabs(want - have) < 2e-3 * (1 + want), "case %d: %g, want %g", t, have, want);
    }
    const int64_t same[3][3] = {{10, 0, 0}, {0, 20, 0}, {0, 0, 10}}, alone[3][3] = {{10, 0, 0}, {20, 0, 0}, {10, 0, 0}};
    ck_assert_double_eq_tol(sg_ld_r2(same), 1, 1e-12);
    ck_assert(isnan(sg_ld_r2(alone))); /* the second does not vary */
}
END_TEST

START_TEST(counts_leave_out_who_is_missing_or_not_asked_for)
{
    enum { N = 77, WORDS = 3 };
    uint64_t x[WORDS] = {0}, y[WORDS] = {0}, mask[WORDS] = {0};
    int64_t want[3][3] = {{0}}, have[3][3];
    sg_rng r = sg_rng_stream(4, SG_RNG_TEST, 0, 0);
    for (int s = 0; s < N; s++) {
        const int a = (int)sg_rng_below(&r, 4), b = (int)sg_rng_below(&r, 4), in = sg_rng_below(&r, 5) > 0;
        x[s / 32] |= (uint64_t)a << (2 * (s % 32));
        y[s / 32] |= (uint64_t)b << (2 * (s % 32));
        mask[s / 32] |= (uint64_t)in << (2 * (s % 32));
        if (in && a < 3 && b < 3)
            want[a][b]++;
    }
    sg_ld_count(x, y, mask, WORDS, have);
    ck_assert_mem_eq(want, have, sizeof want);
}
END_TEST

START_TEST(regions_are_read_and_hold_their_ends)
{
    sg_region g[SG_REGION_MAX];
    sg_err err = {0};
    int n;
    ck_ok(sg_regions_parse("chr7:100-200,22,hla", "region", g, &n, &err), err);
    ck_assert_int_eq(n, 3);
    ck_assert(sg_regions_hold(g, n, "7", 100) && sg_regions_hold(g, n, "7", 200) && !sg_regions_hold(g, n, "7", 201));
    ck_assert(sg_regions_hold(g, n, "22", 5) && sg_regions_hold(g, n, "6", 30000000) && !sg_regions_hold(g, n, "6", 5));
    static const char *const bad[] = {"", "7:", "7:1", "7:5-1", "7:a-b", "7:1-2,", "7:-5-10", "7:1-2-3", "x y:1-2"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(sg_regions_parse(bad[i], "region", g, &n, &err) == SG_FORMAT, "%s", bad[i]);
    ck_assert_ptr_nonnull(strstr(err.msg, "is no region, want 6:25000000-34000000, 22 or hla"));
}
END_TEST

UNIT_MAIN("ld", r2_is_that_of_the_likeliest_haplotypes, counts_leave_out_who_is_missing_or_not_asked_for,
          regions_are_read_and_hold_their_ends)
