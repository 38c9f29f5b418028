/* Planted leaks that the gate must catch, and honest cohorts that it must let through: the rows of the validation plan
 * (V1 to V4, V6 to V9, V11, V12) at sizes for every day; with SG_FULL=1 more rounds. V13, V16 and V17 are in
 * privacy_gate.c, privacy_verdict.c and server_release.c.
 *
 * The world: 2,048 SNPs in weak linkage, 2,000 members, 300 validation people, 1,000 in the hold-out, cohorts of 400. Limits are the
 * demonstration's, tightened to what 500 evaluation people can resolve. */
#include "privacy/gate.h"
#include "world.h"

enum { SNPS = 2048, TRAIN = 2000, VAL = 300, TEST = 1000, PEOPLE = 400 };

static int rounds(int few)
{
    return getenv("SG_FULL") ? 20 * few : few;
}

static sg_policy canary_policy(void)
{
    sg_policy p = small_policy();
    p.auc_max = 0.58;
    p.auc_label_max = 0.62;
    p.auc_strata_max = 0.78;
    return p;
}

static world canary_world(int round, sg_arena *a)
{
    return world_of(4000 + (uint64_t)round, 0.3, 0.1, SNPS, TRAIN, VAL, TEST, a);
}

typedef void plant_fn(const world *w, int round, int x, sg_people *c, sg_arena *a);

typedef struct tally {
    int n[SG_N_OUTCOME], named;
} tally;

/* `named`: how often the reason was one of these. */
static tally play(const char *title, int n, plant_fn *plant, int x, const char *reasons)
{
    tally t = {{0}, 0};
    for (int round = 0; round < n; round++) {
        sg_arena a = unit_arena((size_t)1 << 28);
        const world w = canary_world(round, &a);
        sg_people c = clean_cohort(&w, PEOPLE, &a);
        const sg_policy p = canary_policy();
        char reason[64];
        if (plant)
            plant(&w, round, x, &c, &a);
        static char json[1 << 18];
        const sg_outcome o = judged(&w, &c, &p, reason, json, sizeof json, &a);
        t.n[o]++;
        if (getenv("SG_VERBOSE") && o != SG_OUTCOME_PASS) /* which check it was */
            for (char *at = strstr(json, "\"decision\""), *end; (at = strstr(at, "{\"name\"")); at = end) {
                end = strchr(at, '}');
                if (!strstr(at, "\"pass\"") || strstr(at, "\"pass\"") > end)
                    printf("    %s %.*s\n", title, (int)(end - at), at);
            }
        t.named += *reason && strstr(reasons, reason) != NULL;
        sg_arena_clear(&a);
    }
    printf("%-52s pass %3d, withhold %3d, fail %3d\n", title, t.n[0], t.n[1], t.n[2]);
    (void)fflush(stdout);
    return t;
}

static void copy(const world *w, int round, int edits, sg_people *c, sg_arena *a)
{
    plant_copy(w, SG_ROLE_TRAIN, 3 * round + 1, (double)edits / SNPS, c, PEOPLE / 2, a);
}

START_TEST(V1_one_copy_with_up_to_700_edits_of_2048_fails)
{
    static const int edits[] = {0, 1, 20, 100, 400, 700};
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        char title[64];
        (void)snprintf(title, sizeof title, "V1 one copy, %d edits", edits[i]);
        const int n = rounds(2);
        ck_assert_int_eq(play(title, n, copy, edits[i], "identical_match near_copy related").n[SG_OUTCOME_FAIL], n);
    }
}
END_TEST

/* One child of two people: a random allele of each at every SNP. */
static void child_of(const int8_t *x, const int8_t *y, sg_rng *r, int8_t *child)
{
    for (int v = 0; v < SNPS; v++)
        child[v] = (int8_t)((sg_rng_uniform(r) < x[v] / 2.0) + (sg_rng_uniform(r) < y[v] / 2.0));
}

/* x 0: child of a member; 1: brother or sister (the member becomes a child of two strangers); 2: grandchild. */
static void relative(const world *w, int round, int x, sg_people *c, sg_arena *a)
{
    int8_t *code[4];
    for (int i = 0; i < 4; i++)
        code[i] = SG_NEW(a, int8_t, SNPS);
    sg_rng r = sg_rng_stream(77, SG_RNG_TEST, (uint64_t)round, (uint32_t)x);
    const int64_t member = 5 * round + 2;
    sg_people train = w->ref.people[SG_ROLE_TRAIN];
    sg_people_unpack(&train, member, code[0]);
    draw_person(w, 900001, 40, code[1]);
    if (x == 1) {
        draw_person(w, 900002, 40, code[2]);
        child_of(code[1], code[2], &r, code[0]);
        sg_people_pack(&train, member, code[0]);
        child_of(code[1], code[2], &r, code[3]);
    } else
        child_of(code[0], code[1], &r, code[3]);
    if (x == 2) {
        draw_person(w, 900003, 40, code[2]);
        memcpy(code[0], code[3], SNPS);
        child_of(code[0], code[2], &r, code[3]);
    }
    sg_people_pack(c, 11, code[3]);
}

START_TEST(V2_a_child_or_sibling_of_a_member_fails)
{
    const int n = rounds(2);
    ck_assert_int_eq(play("V2 child of a member", n, relative, 0, "near_copy related").n[SG_OUTCOME_FAIL], n);
    ck_assert_int_eq(play("V2 sibling of a member", n, relative, 1, "near_copy related").n[SG_OUTCOME_FAIL], n);
    (void)play("V2 grandchild of a member (reported, not required)", n, relative, 2, "");
}
END_TEST

/* The first `rows` cohort rows become mosaics of x segments of members. */
static void mosaics(const world *w, int round, int x, int rows, sg_people *c, sg_arena *a)
{
    int8_t *code = SG_NEW(a, int8_t, SNPS), *part = SG_NEW(a, int8_t, SNPS);
    sg_rng r = sg_rng_stream(78, SG_RNG_TEST, (uint64_t)round, (uint32_t)x);
    for (int i = 0; i < rows; i++) {
        for (int s = 0; s < x; s++) {
            sg_people_unpack(&w->ref.people[SG_ROLE_TRAIN], (int64_t)sg_rng_below(&r, TRAIN), part);
            memcpy(code + s * (SNPS / x), part + s * (SNPS / x), SNPS / (size_t)x);
        }
        sg_people_pack(c, i, code);
    }
}

/* 1 row in 100; of long segments so many that 128 members are touched, which 400 rows and 500 evaluation people need. */
static void some_mosaics(const world *w, int round, int x, sg_people *c, sg_arena *a)
{
    mosaics(w, round, x, x < 16 ? 160 / x : PEOPLE / 100, c, a);
}

static void all_mosaics(const world *w, int round, int x, sg_people *c, sg_arena *a)
{
    mosaics(w, round, x, PEOPLE, c, a);
}

START_TEST(V3_mosaics_of_4_to_32_segments_fail_also_when_only_1_row_in_100_is_one)
{
    for (int x = 4; x <= 32; x *= 2) {
        char title[64];
        const int n = rounds(1);
        (void)snprintf(title, sizeof title, "V3 every row a mosaic of %d segments", x);
        ck_assert_int_eq(play(title, n, all_mosaics, x, "block_replay").n[SG_OUTCOME_FAIL], n);
        (void)snprintf(title, sizeof title, "V3 1 %% of rows mosaics of %d segments", x);
        ck_assert_int_eq(play(title, n, some_mosaics, x, "block_replay").n[SG_OUTCOME_FAIL], n);
    }
}
END_TEST

/* Half a genotype from each of two members, in 16 segments: haplotypes of real people, recombined. */
static void haplotypes(const world *w, int round, int x, sg_people *c, sg_arena *a)
{
    int8_t *code = SG_NEW(a, int8_t, SNPS), *one = SG_NEW(a, int8_t, SNPS), *two = SG_NEW(a, int8_t, SNPS);
    sg_rng r = sg_rng_stream(79, SG_RNG_TEST, (uint64_t)round, 0);
    for (int i = 0; i < PEOPLE; i++) {
        for (int s = 0; s < x; s++) {
            sg_people_unpack(&w->ref.people[SG_ROLE_TRAIN], (int64_t)sg_rng_below(&r, TRAIN), one);
            sg_people_unpack(&w->ref.people[SG_ROLE_TRAIN], (int64_t)sg_rng_below(&r, TRAIN), two);
            for (int v = s * (SNPS / x); v < (s + 1) * (SNPS / x); v++)
                code[v] = (int8_t)((sg_rng_uniform(&r) < one[v] / 2.0) + (sg_rng_uniform(&r) < two[v] / 2.0));
        }
        sg_people_pack(c, i, code);
    }
}

START_TEST(V4_haplotype_mosaics_are_a_known_blind_spot)
{
    (void)play("V4 mosaics of 16 haplotype segments (blind spot)", rounds(1), haplotypes, 16, "");
}
END_TEST

/* Independent SNPs with the frequencies of the first n members of each label. */
static void frequencies(const world *w, int round, int n, sg_people *c, sg_arena *a)
{
    int8_t *code = SG_NEW(a, int8_t, SNPS);
    const int8_t *label = draw_labels(PEOPLE, a);
    for (int l = 0; l < 2; l++) {
        double *f = SG_NEW(a, double, SNPS);
        int64_t k = 0;
        for (int64_t i = 0; i < TRAIN && k < n; i++) {
            if (w->ref.label[SG_ROLE_TRAIN][i] != l)
                continue;
            sg_people_unpack(&w->ref.people[SG_ROLE_TRAIN], i, code);
            for (int v = 0; v < SNPS; v++)
                f[v] += code[v];
            k++;
        }
        for (int64_t i = 0; i < PEOPLE; i++) {
            sg_rng r = sg_rng_stream(80, SG_RNG_TEST, (uint64_t)(i + 1000 * round), (uint32_t)l);
            if (label[i] != l)
                continue;
            for (int v = 0; v < SNPS; v++)
                code[v] = (int8_t)sg_rng_binomial2(&r, f[v] / (2.0 * (double)k));
            sg_people_pack(c, i, code);
        }
    }
}

START_TEST(V6_allele_frequencies_of_too_few_members_fail)
{
    const int n = rounds(1);
    ck_assert_int_eq(
        play("V6 frequencies of 1,000 members a label", n, frequencies, 1000, "membership_leak").n[SG_OUTCOME_PASS], 0);
    ck_assert_int_eq(
        play("V6 frequencies of 300 members a label", n, frequencies, 300, "membership_leak").n[SG_OUTCOME_PASS], 0);
}
END_TEST

static void subset(const world *w, int round, int x, sg_people *c, sg_arena *a)
{
    for (int i = 0; i < TRAIN / 100; i++)
        for (int k = 0; k < x; k++)
            plant_copy(w, SG_ROLE_TRAIN, (round + 97 * i) % TRAIN, 0.05, c, x * i + k, a);
}

START_TEST(V7_a_hundredth_of_the_members_replayed_three_times_fails)
{
    const int n = rounds(1);
    ck_assert_int_eq(play("V7 1 % of members three times, 5 % edits", n, subset, 3, "near_copy").n[SG_OUTCOME_FAIL], n);
}
END_TEST

/* Members with the most heterozygous genotypes, 30 % edited. */
static void outliers(const world *w, int round, int x, sg_people *c, sg_arena *a)
{
    int64_t best[20] = {0};
    double most[20] = {0};
    (void)round;
    for (int64_t i = 0; i < TRAIN; i++) {
        int64_t het = 0;
        for (int64_t k = 0; k < c->n_word; k++)
            het += __builtin_popcountll(sg_people_lo(&w->ref.people[SG_ROLE_TRAIN], i)[k]);
        int low = 0;
        for (int k = 1; k < 20; k++)
            low = most[k] < most[low] ? k : low;
        if ((double)het > most[low]) {
            most[low] = (double)het;
            best[low] = i;
        }
    }
    for (int k = 0; k < x; k++)
        plant_copy(w, SG_ROLE_TRAIN, best[k], 0.3, c, k, a);
}

START_TEST(V8_noisy_copies_of_outliers_alone_fail)
{
    const int n = rounds(2);
    ck_assert_int_eq(play("V8 20 outliers, 30 % edits", n, outliers, 20, "near_copy").n[SG_OUTCOME_FAIL], n);
}
END_TEST

START_TEST(V9_honest_cohorts_never_fail_and_are_rarely_withheld)
{
    const int n = rounds(10);
    const tally t = play("V9 honest", n, NULL, 0, "");
    ck_assert_int_eq(t.n[SG_OUTCOME_FAIL], 0);
    ck_assert_int_le(10 * t.n[SG_OUTCOME_WITHHOLD], n);
}
END_TEST

START_TEST(V11_a_hold_out_with_relatives_among_the_members_is_no_hold_out)
{
    sg_arena a = unit_arena((size_t)1 << 28);
    const world w = canary_world(0, &a);
    sg_people hold = w.ref.people[SG_ROLE_TEST];
    const sg_people c = clean_cohort(&w, PEOPLE, &a);
    int8_t *x = SG_NEW(&a, int8_t, SNPS), *y = SG_NEW(&a, int8_t, SNPS), *z = SG_NEW(&a, int8_t, SNPS);
    for (int i = 0; i < TEST / 10; i++) {
        sg_rng r = sg_rng_stream(81, SG_RNG_TEST, (uint64_t)i, 0);
        sg_people_unpack(&w.ref.people[SG_ROLE_TRAIN], 7 * i, x);
        draw_person(&w, (uint64_t)(800000 + i), 40, y);
        child_of(x, y, &r, z);
        sg_people_pack(&hold, 3 * i, z);
    }
    char reason[64];
    const sg_policy p = canary_policy();
    ck_assert_int_eq(judged(&w, &c, &p, reason, NULL, 0, &a), SG_OUTCOME_WITHHOLD);
    ck_assert_str_eq(reason, "holdout_related");
    sg_arena_clear(&a);
}
END_TEST

/* A twin pair among the members, and one noisy copy of them. */
static void twin(const world *w, int round, int x, sg_people *c, sg_arena *a)
{
    sg_people train = w->ref.people[SG_ROLE_TRAIN];
    (void)round;
    plant_copy(w, SG_ROLE_TRAIN, 10, 0, &train, 11, a);
    plant_copy(w, SG_ROLE_TRAIN, 10, (double)x / SNPS, c, 5, a);
}

START_TEST(V12_a_copy_of_a_twin_fails)
{
    const int n = rounds(1);
    ck_assert_int_eq(play("V12 a copy of a twin, 100 edits", n, twin, 100, "near_copy").n[SG_OUTCOME_FAIL], n);
}
END_TEST

UNIT_MAIN("canaries", V1_one_copy_with_up_to_700_edits_of_2048_fails, V2_a_child_or_sibling_of_a_member_fails,
          V3_mosaics_of_4_to_32_segments_fail_also_when_only_1_row_in_100_is_one,
          V4_haplotype_mosaics_are_a_known_blind_spot, V6_allele_frequencies_of_too_few_members_fail,
          V7_a_hundredth_of_the_members_replayed_three_times_fails, V8_noisy_copies_of_outliers_alone_fail,
          V9_honest_cohorts_never_fail_and_are_rarely_withheld,
          V11_a_hold_out_with_relatives_among_the_members_is_no_hold_out, V12_a_copy_of_a_twin_fails)
