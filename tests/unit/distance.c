/* Nearest neighbours: every instruction set and every number of threads against counting pair by pair. */
#include "base/rng.h"
#include "geno/distance.h"
#include "geno/distance_kernel.h"
#include "unit.h"

#include <string.h>

/* Few distinct people, so that ties and zero distances are common. */
static sg_people crowd(int64_t n, int64_t m, uint64_t seed, sg_arena *a)
{
    sg_people p;
    sg_err err = {0};
    ck_ok(sg_people_new(n, m, a, &p, &err), err);
    int8_t *code = SG_NEW(a, int8_t, m);
    for (int64_t s = 0; s < n; s++) {
        sg_rng r = sg_rng_stream(seed, SG_RNG_TEST, (uint64_t)s / 2, 0);
        for (int64_t v = 0; v < m; v++)
            code[v] = (int8_t)sg_rng_below(&r, 3);
        if (m > 0 && s % 6 == 5)
            code[m - 1] = (int8_t)((code[m - 1] + 1) % 3);
        sg_people_pack(&p, s, code);
    }
    return p;
}

static void brute(const sg_people *q, const sg_people *r, sg_metric metric, bool not_self, sg_near *near, int32_t *min)
{
    for (int64_t j = 0; j < r->n_sample; j++)
        min[j] = SG_FAR;
    for (int64_t i = 0; i < q->n_sample; i++) {
        near[i] = (sg_near){{-1, -1}, {SG_FAR, SG_FAR}};
        for (int k = 0; k < 2; k++)
            for (int64_t j = 0; j < r->n_sample; j++) {
                if ((not_self && i == j) || (k == 1 && j == near[i].at[0]))
                    continue;
                const int32_t d =
                    (int32_t)(metric == SG_HAMMING ? sg_people_hamming(q, i, r, j) : sg_people_l1(q, i, r, j));
                if (d < near[i].d[k]) {
                    near[i].d[k] = d;
                    near[i].at[k] = j;
                }
                min[j] = d < min[j] ? d : min[j];
            }
    }
}

static void expect_brute(const sg_people *q, const sg_people *r, bool not_self, sg_arena *a, const sg_run *run)
{
    for (int metric = SG_HAMMING; metric <= SG_L1; metric++) {
        const size_t mark = sg_arena_mark(a);
        sg_err err = {0};
        sg_near *want = SG_NEW(a, sg_near, q->n_sample), *got = SG_NEW(a, sg_near, q->n_sample);
        int32_t *want_min = SG_NEW(a, int32_t, r->n_sample), *got_min = SG_NEW(a, int32_t, r->n_sample);
        brute(q, r, (sg_metric)metric, not_self, want, want_min);
        const size_t used = a->used;
        ck_ok(sg_nearest(q, r, (sg_metric)metric, not_self, run, a, got, got_min, &err), err);
        ck_assert_uint_eq(a->used, used);
        for (int64_t i = 0; i < q->n_sample; i++)
            for (int k = 0; k < 2; k++) {
                ck_assert_int_eq(got[i].d[k], want[i].d[k]);
                ck_assert_int_eq(got[i].at[k], want[i].at[k]);
            }
        for (int64_t j = 0; j < r->n_sample; j++)
            ck_assert_int_eq(got_min[j], want_min[j]);
        sg_arena_rewind(a, mark);
    }
}

START_TEST(every_instruction_set_agrees_with_counting_at_every_awkward_size)
{
    static const int64_t n_snp[] = {1, 64, 65, 200, 256, 257, 512, 513, 600};
    static const int64_t n_ref[] = {0, 1, 2, 5, 130, 259};
    sg_arena a = unit_arena(1 << 24);
    for (int k = 0; k < SG_N_KERNEL; k++) {
        if (!sg_kernel_list[k]->usable()) {
            printf("distance: this machine has no %s, its kernel is not tested here\n", sg_kernel_list[k]->name);
            continue;
        }
        sg_kernel_force(sg_kernel_list[k]);
        ck_assert_str_eq(sg_distance_kernel_name(), sg_kernel_list[k]->name);
        for (size_t m = 0; m < sizeof n_snp / sizeof *n_snp; m++)
            for (size_t n = 0; n < sizeof n_ref / sizeof *n_ref; n++) {
                const size_t mark = sg_arena_mark(&a);
                const sg_people q = crowd(23, n_snp[m], 1, &a), r = crowd(n_ref[n], n_snp[m], 1 + m % 2, &a);
                expect_brute(&q, &r, false, &a, NULL);
                expect_brute(&r, &r, true, &a, NULL);
                sg_arena_rewind(&a, mark);
            }
    }
    sg_kernel_force(NULL);
    sg_arena_clear(&a);
}
END_TEST

START_TEST(any_number_of_threads_gives_the_same_bytes)
{
    sg_arena a = unit_arena(1 << 26);
    const sg_people q = crowd(301, 300, 1, &a), r = crowd(517, 300, 2, &a);
    for (int n = 1; n <= 8; n += n) {
        sg_run run = {0};
        sg_err err = {0};
        ck_ok(sg_pool_new(n, &run.pool, &err), err);
        expect_brute(&q, &r, false, &a, &run);
        sg_pool_free(run.pool);
    }
    sg_arena_clear(&a);
}
END_TEST

START_TEST(people_of_another_panel_are_a_mismatch)
{
    sg_arena a = unit_arena(1 << 20);
    const sg_people q = crowd(2, 64, 1, &a), r = crowd(2, 65, 1, &a);
    sg_near near[2];
    sg_err err = {0};
    ck_assert_int_eq(sg_nearest(&q, &r, SG_HAMMING, false, NULL, &a, near, NULL, &err), SG_MISMATCH);
    ck_assert_str_eq(err.msg, "people with 64 variants against people with 65");
    sg_arena_clear(&a);
}
END_TEST

START_TEST(a_full_arena_is_said_and_left_as_it_was)
{
    sg_arena big = unit_arena(1 << 20), a = unit_arena(4096);
    const sg_people q = crowd(2, 64, 1, &big);
    sg_near near[2];
    sg_err err = {0};
    ck_assert_int_eq(sg_nearest(&q, &q, SG_HAMMING, true, NULL, &a, near, NULL, &err), SG_NOMEM);
    ck_assert_uint_eq(a.used, 0);
    sg_arena_clear(&a);
    sg_arena_clear(&big);
}
END_TEST

START_TEST(a_stop_is_obeyed)
{
    sg_arena a = unit_arena(1 << 20);
    const sg_people q = crowd(9, 64, 1, &a);
    sg_near near[9];
    sg_err err = {0};
    const atomic_bool stop = true;
    const sg_run run = {.stop = &stop};
    ck_assert_int_eq(sg_nearest(&q, &q, SG_HAMMING, true, &run, &a, near, NULL, &err), SG_CANCELLED);
    ck_assert_str_eq(err.msg, "stopped while measuring distances");
    sg_arena_clear(&a);
}
END_TEST

UNIT_MAIN("distance", every_instruction_set_agrees_with_counting_at_every_awkward_size,
          any_number_of_threads_gives_the_same_bytes, people_of_another_panel_are_a_mismatch,
          a_full_arena_is_said_and_left_as_it_was, a_stop_is_obeyed)
