/* How often the gate is right, measured: these rates are why the default limits are what they are.
 *
 * The small demo: 1,400 TRAIN, 350 VAL, 200 TEST people, 256 SNPs in blocks of linkage disequilibrium, two ancestries.
 * Every number is seeded; a line is printed per scenario. */
#include "world.h"

typedef struct tally {
    int n[SG_N_OUTCOME];
} tally;

typedef void mischief(const world *w, int round, double x, sg_people *cohort, sg_arena *a);

static void none(const world *w, int round, double x, sg_people *cohort, sg_arena *a)
{
    (void)w, (void)round, (void)x, (void)cohort, (void)a;
}

static void one_copy(const world *w, int round, double x, sg_people *cohort, sg_arena *a)
{
    plant_copy(w, SG_ROLE_TRAIN, round, x, cohort, cohort->n_sample / 2, a);
}

static void all_copies(const world *w, int round, double x, sg_people *cohort, sg_arena *a)
{
    (void)round;
    for (int64_t i = 0; i < cohort->n_sample; i++)
        plant_copy(w, SG_ROLE_TRAIN, i % w->ref.people[SG_ROLE_TRAIN].n_sample, x, cohort, i, a);
}

static void dull(const world *w, int round, double x, sg_people *cohort, sg_arena *a)
{
    (void)round;
    make_dull(w, x, cohort, a);
}

typedef struct sizes {
    int64_t snp, train, val, test, cohort;
} sizes;

static const sizes demo = {256, 1400, 350, 200, 500};

static tally play(const char *title, sizes s, int rounds, mischief *spoil, double x)
{
    tally t = {{0}};
    for (int round = 0; round < rounds; round++) {
        sg_arena a = unit_arena((size_t)1 << 28);
        const world w = world_new(1000 + (uint64_t)round, s.snp, s.train, s.val, s.test, &a);
        sg_people c = clean_cohort(&w, s.cohort, &a);
        spoil(&w, round, x, &c, &a);
        static char json[1 << 18];
        const sg_outcome o = judged(&w, &c, NULL, NULL, json, sizeof json, &a);
        t.n[o]++;
        if (getenv("SG_VERBOSE") && o != SG_OUTCOME_PASS) /* which check it was */
            for (char *at = strstr(json, "\"decision\""), *end; (at = strstr(at, "{\"name\"")); at = end) {
                end = strchr(at, '}');
                if (!strstr(at, "\"pass\"") || strstr(at, "\"pass\"") > end)
                    printf("    %s %.*s\n", title, (int)(end - at), at);
            }
        sg_arena_clear(&a);
    }
    printf("%-46s %4lld SNPs %4lld/%3lld/%3lld people, cohort %4lld: pass %3d, withhold %3d, fail %3d\n", title,
           (long long)s.snp, (long long)s.train, (long long)s.val, (long long)s.test, (long long)s.cohort,
           t.n[SG_OUTCOME_PASS], t.n[SG_OUTCOME_WITHHOLD], t.n[SG_OUTCOME_FAIL]);
    (void)fflush(stdout);
    return t;
}

START_TEST(honest_cohorts_pass_95_times_in_100_and_never_fail)
{
    const tally t = play("honest", demo, 100, none, 0);
    ck_assert_int_ge(t.n[SG_OUTCOME_PASS], 95);
    ck_assert_int_eq(t.n[SG_OUTCOME_FAIL], 0);
}
END_TEST

START_TEST(honest_cohorts_of_other_sizes_pass_as_well)
{
    static const sizes other[] = {{256, 1400, 350, 200, 1000}, {256, 1400, 350, 200, 60}, {256, 430, 107, 200, 300}};
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        const tally t = play("honest", other[i], 30, none, 0);
        ck_assert_int_ge(t.n[SG_OUTCOME_PASS], 27);
        ck_assert_int_eq(t.n[SG_OUTCOME_FAIL], 0);
    }
}
END_TEST

START_TEST(a_dull_generator_is_not_taken_for_a_copying_one)
{
    const tally t = play("honest but dull (30 % most likely genotypes)", demo, 30, dull, 0.3);
    ck_assert_int_ge(t.n[SG_OUTCOME_PASS], 27);
    ck_assert_int_eq(t.n[SG_OUTCOME_FAIL], 0);
}
END_TEST

START_TEST(one_verbatim_copy_always_fails)
{
    ck_assert_int_eq(play("one verbatim copy", demo, 30, one_copy, 0).n[SG_OUTCOME_FAIL], 30);
}
END_TEST

START_TEST(one_copy_with_5_per_cent_edits_is_caught)
{
    ck_assert_int_eq(play("one copy, 5 % edited", demo, 30, one_copy, 0.05).n[SG_OUTCOME_PASS], 0);
    const sizes big = {1024, 1400, 350, 200, 500};
    ck_assert_int_eq(play("one copy, 5 % edited", big, 10, one_copy, 0.05).n[SG_OUTCOME_FAIL], 10);
    ck_assert_int_eq(play("one copy, 25 % edited", big, 10, one_copy, 0.25).n[SG_OUTCOME_PASS], 0);
}
END_TEST

START_TEST(a_cohort_of_copies_fails_however_it_is_edited)
{
    ck_assert_int_eq(play("all copies, 10 % edited", demo, 20, all_copies, 0.1).n[SG_OUTCOME_FAIL], 20);
    ck_assert_int_eq(play("all copies, 30 % edited", demo, 20, all_copies, 0.3).n[SG_OUTCOME_FAIL], 20);
    ck_assert_int_eq(play("all copies, 50 % edited", demo, 20, all_copies, 0.5).n[SG_OUTCOME_PASS], 0);
}
END_TEST

UNIT_MAIN("rates", honest_cohorts_pass_95_times_in_100_and_never_fail, honest_cohorts_of_other_sizes_pass_as_well,
          a_dull_generator_is_not_taken_for_a_copying_one, one_verbatim_copy_always_fails,
          one_copy_with_5_per_cent_edits_is_caught, a_cohort_of_copies_fails_however_it_is_edited)
