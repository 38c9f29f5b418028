/* The release gate: what it must catch, what it must let through, and that nothing uncertain ever passes. */
#include "privacy/gate.h"
#include "privacy/stats.h"
#include "world.h"

enum { SNPS = 128, TRAIN = 400, VAL = 100, TEST = 100, PEOPLE = 150 };

static sg_evidence gathered(const world *w, const sg_people *c, sg_gate_memory **m, sg_arena *a)
{
    sg_evidence e;
    sg_err err = {0};
    static sg_policy p;
    p = small_policy();
    ck_ok(sg_gate_memory_new(&w->ref, &p, NULL, m, &err), err);
    ck_ok(sg_evidence_gather(*m, c, draw_labels(c->n_sample, a), &p, NULL, a, &e, &err), err);
    return e;
}

static world small_world(sg_arena *a)
{
    return world_new(77, SNPS, TRAIN, VAL, TEST, a);
}

START_TEST(an_honest_cohort_passes_and_every_check_says_so)
{
    sg_arena a = unit_arena(1 << 26);
    const world w = small_world(&a);
    const sg_people c = clean_cohort(&w, PEOPLE, &a);
    static char json[1 << 18];
    char reason[64];
    ck_assert_int_eq(judged(&w, &c, NULL, reason, json, sizeof json, &a), SG_OUTCOME_PASS);
    ck_assert_str_eq(reason, "");
    for (int i = 0; i < sg_n_check; i++)
        ck_assert_msg(strstr(json, sg_check_list[i].name) != NULL, "no %s in %s", sg_check_list[i].name, json);
    ck_assert_ptr_nonnull(strstr(json, "\"nearest.label_1.dcr\""));
    ck_assert_ptr_nonnull(strstr(json, "\"policy_digest\":\""));
    sg_arena_clear(&a);
}
END_TEST

START_TEST(one_verbatim_copy_of_a_train_or_val_row_fails)
{
    sg_arena a = unit_arena(1 << 26);
    const world w = small_world(&a);
    for (int role = SG_ROLE_TRAIN; role <= SG_ROLE_VAL; role++) {
        sg_people c = clean_cohort(&w, PEOPLE, &a);
        plant_copy(&w, (sg_role)role, 3, 0, &c, PEOPLE - 1, &a);
        char reason[64];
        ck_assert_int_eq(judged(&w, &c, NULL, reason, NULL, 0, &a), SG_OUTCOME_FAIL);
        ck_assert_str_eq(reason, "identical_match");
    }
    sg_arena_clear(&a);
}
END_TEST

START_TEST(a_match_with_a_test_row_is_counted_and_is_no_leak)
{
    sg_arena a = unit_arena(1 << 26);
    const world w = small_world(&a);
    sg_people c = clean_cohort(&w, PEOPLE, &a);
    plant_copy(&w, SG_ROLE_TEST, 3, 0, &c, 0, &a);
    static char json[1 << 18];
    char reason[64];
    ck_assert_int_eq(judged(&w, &c, NULL, reason, json, sizeof json, &a), SG_OUTCOME_PASS);
    ck_assert_ptr_nonnull(strstr(json, "\"test_matches\":1,"));
    ck_assert_ptr_nonnull(strstr(json, "\"train_matches\":0,\"val_matches\":0,"));
    sg_arena_clear(&a);
}
END_TEST

START_TEST(a_copy_fails_also_when_two_samples_of_the_hold_out_are_duplicates)
{
    sg_arena a = unit_arena(1 << 26);
    world w = small_world(&a);
    plant_copy(&w, SG_ROLE_TRAIN, 1, 0, &w.ref.people[SG_ROLE_TEST], 0, &a);
    plant_copy(&w, SG_ROLE_TRAIN, 2, 0, &w.ref.people[SG_ROLE_TEST], 1, &a);
    sg_people c = clean_cohort(&w, PEOPLE, &a);
    plant_copy(&w, SG_ROLE_TRAIN, 3, 0, &c, 0, &a);
    char reason[64];
    ck_assert_int_eq(judged(&w, &c, NULL, reason, NULL, 0, &a), SG_OUTCOME_FAIL);
    ck_assert_str_eq(reason, "identical_match");
    sg_arena_clear(&a);
}
END_TEST

START_TEST(a_panel_that_cannot_tell_people_apart_is_withheld)
{
    sg_arena a = unit_arena(1 << 26);
    const world w = world_new(77, 4, TRAIN, VAL, TEST, &a);
    const sg_people c = clean_cohort(&w, PEOPLE, &a);
    char reason[64];
    ck_assert_int_eq(judged(&w, &c, NULL, reason, NULL, 0, &a), SG_OUTCOME_WITHHOLD);
    ck_assert_str_eq(reason, "panel_too_coarse");
    sg_arena_clear(&a);
}
END_TEST

START_TEST(one_copy_with_edits_fails_and_all_copies_with_edits_fail)
{
    sg_arena a = unit_arena(1 << 27);
    const world w = world_new(5, 256, TRAIN, VAL, TEST, &a);
    sg_people c = clean_cohort(&w, PEOPLE, &a);
    plant_copy(&w, SG_ROLE_TRAIN, 9, 0.05, &c, 5, &a);
    char reason[64];
    ck_assert_int_eq(judged(&w, &c, NULL, reason, NULL, 0, &a), SG_OUTCOME_FAIL);
    ck_assert_str_eq(reason, "near_copy");
    for (int64_t i = 0; i < PEOPLE; i++)
        plant_copy(&w, SG_ROLE_TRAIN, i, 0.35, &c, i, &a); /* too altered to be called copies one by one */
    ck_assert_int_eq(judged(&w, &c, NULL, reason, NULL, 0, &a), SG_OUTCOME_FAIL);
    sg_arena_clear(&a);
}
END_TEST

/* The share of close rows is a check of its own: it says so whatever the others say. */
START_TEST(a_cohort_nearer_to_train_than_the_hold_out_is_too_close)
{
    sg_arena a = unit_arena(1 << 27);
    const world w = world_new(5, 256, TRAIN, VAL, TEST, &a);
    sg_people c = clean_cohort(&w, PEOPLE, &a);
    sg_err err = {0};
    const sg_policy p = small_policy();
    for (int spoilt = 0; spoilt < 2; spoilt++) {
        for (int64_t i = 0; spoilt && i < PEOPLE; i++)
            plant_copy(&w, SG_ROLE_TRAIN, i, 0.25, &c, i, &a);
        sg_findings *f = SG_NEW(&a, sg_findings, 1);
        sg_gate_memory *m;
        const sg_evidence e = gathered(&w, &c, &m, &a);
        ck_ok(sg_check_closest(&e, &p, &a, f, &err), err);
        sg_gate_memory_free(m);
        ck_assert_int_eq(f->n, 1);
        ck_assert_int_eq(f->list[0].decided.status, spoilt ? SG_OUTCOME_FAIL : SG_OUTCOME_PASS);
        ck_assert_str_eq(f->list[0].decided.reason, spoilt ? "too_close" : "");
    }
    sg_arena_clear(&a);
}
END_TEST

/* Kinship is a check of its own too: a member's child fails by it, whatever the distances say. */
START_TEST(a_child_of_a_member_is_related_and_fails)
{
    enum { L = 2048 };
    sg_arena a = unit_arena(1 << 28);
    const world w = world_of(5, 0.3, 0, L, TRAIN, VAL, TEST, &a);
    sg_people c = clean_cohort(&w, PEOPLE, &a);
    sg_err err = {0};
    const sg_policy p = small_policy();
    for (int planted = 0; planted < 2; planted++) {
        if (planted) {
            int8_t parent[L], other[L], child[L];
            sg_people_unpack(&w.ref.people[SG_ROLE_TRAIN], 3, parent);
            draw_person(&w, 900001, 40, other);
            for (int v = 0; v < L; v++) {
                sg_rng r = sg_rng_stream(6, SG_RNG_TEST, (uint64_t)v, 0);
                child[v] = (int8_t)((sg_rng_uniform(&r) < parent[v] / 2.0) + (sg_rng_uniform(&r) < other[v] / 2.0));
            }
            sg_people_pack(&c, 11, child);
        }
        sg_findings *f = SG_NEW(&a, sg_findings, 1);
        sg_gate_memory *m;
        const sg_evidence e = gathered(&w, &c, &m, &a);
        ck_ok(sg_check_kin(&e, &p, &a, f, &err), err);
        sg_gate_memory_free(m);
        ck_assert_int_eq(f->n, 1);
        ck_assert(!f->list[0].unpowered);
        ck_assert_int_eq(f->list[0].decided.status, planted ? SG_OUTCOME_FAIL : SG_OUTCOME_PASS);
        ck_assert_str_eq(f->list[0].decided.reason, planted ? "related" : "");
    }
    sg_arena_clear(&a);
}
END_TEST

/* Many honest rows among few members: every member is somebody's nearest, and that is no leak. */
START_TEST(an_honest_cohort_much_larger_than_the_reference_is_not_too_close)
{
    enum { WORLDS = 12, MANY = 6000 };
    int small_p = 0, failed = 0;
    for (int k = 0; k < WORLDS; k++) {
        sg_arena a = unit_arena(1 << 27);
        const world w = world_new(100 + (uint64_t)k, 256, 300, 80, 200, &a);
        const sg_people c = clean_cohort(&w, MANY, &a);
        sg_err err = {0};
        const sg_policy p = small_policy();
        sg_findings *f = SG_NEW(&a, sg_findings, 1);
        sg_gate_memory *m;
        const sg_evidence e = gathered(&w, &c, &m, &a);
        ck_ok(sg_check_closest(&e, &p, &a, f, &err), err);
        sg_gate_memory_free(m);
        const sg_measurement *x = &f->list[0].measured;
        for (int i = 0; i < x->n_fact; i++)
            small_p += !strcmp(x->fact[i].name, "p_value") && x->fact[i].value < 0.01;
        failed += f->list[0].decided.status == SG_OUTCOME_FAIL;
        sg_arena_clear(&a);
    }
    ck_assert_msg(small_p <= 1 && !failed, "%d of %d p below 0.01, %d failed", small_p, WORLDS, failed);
}
END_TEST

/* One TRAIN person twice (a twin, a duplicate): nearest and second nearest are both 0 away. */
START_TEST(a_copy_of_somebody_who_is_twice_in_train_is_caught_too)
{
    sg_arena a = unit_arena(1 << 26);
    world w = small_world(&a);
    plant_copy(&w, SG_ROLE_TRAIN, 0, 0, &w.ref.people[SG_ROLE_TRAIN], 1, &a);
    sg_people c = clean_cohort(&w, PEOPLE, &a);
    plant_copy(&w, SG_ROLE_TRAIN, 0, 0.02, &c, 0, &a);
    char reason[64];
    ck_assert_int_eq(judged(&w, &c, NULL, reason, NULL, 0, &a), SG_OUTCOME_FAIL);
    ck_assert_str_eq(reason, "near_copy");
    sg_arena_clear(&a);
}
END_TEST

START_TEST(too_few_people_on_either_side_never_pass)
{
    sg_arena a = unit_arena(1 << 26);
    static const int64_t n[][2] = {{49, 100}, {400, 46}, {0, 100}, {400, 0}};
    char reason[64];
    for (size_t i = 0; i < sizeof n / sizeof *n; i++) {
        const world w = world_new(3, SNPS, n[i][0], VAL, n[i][1], &a);
        const sg_people c = clean_cohort(&w, PEOPLE, &a);
        ck_assert_int_eq(judged(&w, &c, NULL, reason, NULL, 0, &a), SG_OUTCOME_WITHHOLD);
        ck_assert_str_eq(reason, "too_few_reference");
    }
    world w = small_world(&a); /* enough people, but one label has only 5 in the hold-out */
    for (int64_t i = 10; i < TEST; i++)
        w.ref.label[SG_ROLE_TEST][i] = 0;
    sg_people c = clean_cohort(&w, PEOPLE, &a);
    ck_assert_int_eq(judged(&w, &c, NULL, reason, NULL, 0, &a), SG_OUTCOME_WITHHOLD);
    ck_assert_str_eq(reason, "too_few_reference");
    c = clean_cohort(&w, 0, &a);
    ck_assert_int_eq(judged(&w, &c, NULL, reason, NULL, 0, &a), SG_OUTCOME_WITHHOLD);
    ck_assert_str_eq(reason, "empty_cohort");
    sg_arena_clear(&a);
}
END_TEST

START_TEST(without_validation_people_the_plain_distance_still_catches_copies)
{
    sg_arena a = unit_arena(1 << 26);
    const world w = world_new(8, 256, TRAIN, 0, TEST, &a);
    sg_people c = clean_cohort(&w, PEOPLE, &a);
    static char json[1 << 18];
    char reason[64];
    ck_assert_int_eq(judged(&w, &c, NULL, reason, json, sizeof json, &a), SG_OUTCOME_PASS);
    ck_assert_ptr_nonnull(strstr(json, "\"relative_to_val\":0,"));
    plant_copy(&w, SG_ROLE_TRAIN, 0, 0.02, &c, 0, &a);
    ck_assert_int_eq(judged(&w, &c, NULL, reason, NULL, 0, &a), SG_OUTCOME_FAIL);
    sg_arena_clear(&a);
}
END_TEST

START_TEST(missing_genotypes_strange_labels_and_strange_limits_are_withheld)
{
    sg_arena a = unit_arena(1 << 26);
    world w = small_world(&a);
    sg_people c = clean_cohort(&w, PEOPLE, &a);
    char reason[64];
    const sg_policy usual = small_policy();
#define X(section, key, field, type, controlled, public, dp, min, max, meaning)                                        \
    if ((type)2 == 2) { /* true and false have no range */                                                             \
        sg_policy p = usual;                                                                                           \
        p.field = (type)((max) + 1);                                                                                   \
        ck_assert_int_eq(judged(&w, &c, &p, reason, NULL, 0, &a), SG_OUTCOME_WITHHOLD);                                \
        ck_assert_str_eq(reason, "policy_invalid");                                                                    \
    }
    SG_POLICY_LIST(X)
#undef X
    sg_policy p = usual;
    p.auc_max = NAN;
    ck_assert_int_eq(judged(&w, &c, &p, reason, NULL, 0, &a), SG_OUTCOME_WITHHOLD);
    ck_assert_str_eq(reason, "policy_invalid");

    int8_t code[SNPS] = {[7] = SG_MISSING};
    sg_people_pack(&c, 0, code);
    ck_assert_int_eq(judged(&w, &c, NULL, reason, NULL, 0, &a), SG_OUTCOME_WITHHOLD);
    ck_assert_str_eq(reason, "missing_genotypes");
    c = clean_cohort(&w, PEOPLE, &a);
    w.ref.label[SG_ROLE_TRAIN][0] = SG_LABEL_MAX;
    ck_assert_int_eq(judged(&w, &c, NULL, reason, NULL, 0, &a), SG_OUTCOME_WITHHOLD);
    ck_assert_str_eq(reason, "reference_incomplete");
    w.ref.label[SG_ROLE_TRAIN][0] = 0;
    sg_people_pack(&w.ref.people[SG_ROLE_VAL], 0, code);
    ck_assert_int_eq(judged(&w, &c, NULL, reason, NULL, 0, &a), SG_OUTCOME_WITHHOLD);
    ck_assert_str_eq(reason, "reference_incomplete");
    sg_arena_clear(&a);
}
END_TEST

/* n scores that are uniform, moved up by `move`. */
static double *uniform_scores(int64_t n, double move, sg_arena *a)
{
    double *x = SG_NEW(a, double, n);
    for (int64_t i = 0; i < n; i++)
        x[i] = move + ((double)((i * 7919) % n) + 0.5) / (double)n;
    return x;
}

/* Scores that give exactly this AUC: uniform, those of the members moved. */
static const sg_finding *attacked(double auc, int64_t n1, int64_t n0, const sg_policy *p, sg_arena *a)
{
    const sg_attack x = {.name = "a",
                         .member = uniform_scores(n1, 1 - sqrt(2 * (1 - auc)), a),
                         .other = uniform_scores(n0, 0, a),
                         .n_member = n1,
                         .n_other = n0};
    sg_findings *f = SG_NEW(a, sg_findings, 1);
    sg_err err = {0};
    ck_ok(sg_judge_attacks("t", &x, 1, 0.6, false, p, a, f, &err), err);
    ck_assert_int_eq(f->n, 1);
    return &f->list[0];
}

/* Every score the same: the attack sees nothing, which is no evidence of anything. */
START_TEST(scores_that_say_nothing_are_withheld)
{
    sg_arena a = unit_arena(1 << 26);
    const sg_policy p = small_policy();
    double same[100] = {0};
    const sg_attack x = {.name = "a", .member = same, .other = same, .n_member = 100, .n_other = 60};
    sg_findings *f = SG_NEW(&a, sg_findings, 1);
    sg_err err = {0};
    ck_ok(sg_judge_attacks("t", &x, 1, 0.6, false, &p, &a, f, &err), err);
    ck_assert_int_eq(f->list[0].decided.status, SG_OUTCOME_WITHHOLD);
    ck_assert_str_eq(f->list[0].decided.reason, "check_failed");
    ck_assert(isnan(f->list[0].measured.lo) && isnan(f->list[0].measured.estimate));
    same[3] = NAN;
    ck_assert_int_eq(sg_judge_attacks("t", &x, 1, 0.6, false, &p, &a, f, &err), SG_DEGENERATE);
    sg_arena_clear(&a);
}
END_TEST

/* Limit 0.6. Without low_power, few people are withheld where they say too little; with it they pass, marked. */
START_TEST(the_membership_rule_stands_where_it_says)
{
    static const struct {
        double auc;
        int64_t n1, n0;
        bool low_power;
        sg_outcome status;
        const char *reason;
    } rule[] = {
        {0.50, 2000, 2000, false, SG_OUTCOME_PASS, ""},
        {0.58, 2000, 2000, false, SG_OUTCOME_PASS, ""}, /* above chance, and surely below the limit */
        {0.59, 2000, 2000, false, SG_OUTCOME_WITHHOLD, "membership_uncertain"},
        {0.61, 2000, 2000, true, SG_OUTCOME_WITHHOLD, "membership_uncertain"},
        {0.63, 2000, 2000, false, SG_OUTCOME_FAIL, "membership_leak"},
        {0.55, 200, 50, false, SG_OUTCOME_WITHHOLD, "membership_uncertain"},
        {0.55, 200, 50, true, SG_OUTCOME_PASS, ""}, /* few: not above chance */
        {0.595, 200, 50, true, SG_OUTCOME_WITHHOLD, "membership_uncertain"},
        {0.605, 60, 50, true, SG_OUTCOME_WITHHOLD, "membership_uncertain"}, /* above the limit */
        {0.75, 400, 100, true, SG_OUTCOME_FAIL, "membership_leak"},
    };
    sg_arena a = unit_arena(1 << 24);
    sg_policy p = small_policy();
    for (size_t i = 0; i < sizeof rule / sizeof *rule; i++) {
        p.low_power = rule[i].low_power;
        const sg_finding *x = attacked(rule[i].auc, rule[i].n1, rule[i].n0, &p, &a);
        ck_assert_double_eq_tol(x->measured.estimate, rule[i].auc, 0.006);
        ck_assert_msg(x->decided.status == rule[i].status && !strcmp(x->decided.reason, rule[i].reason),
                      "AUC %g of %lld and %lld: %s %s", rule[i].auc, (long long)rule[i].n1, (long long)rule[i].n0,
                      sg_outcome_name(x->decided.status), x->decided.reason);
        ck_assert_int_eq(x->unpowered, rule[i].status == SG_OUTCOME_PASS && rule[i].low_power);
    }
    sg_arena_clear(&a);
}
END_TEST

/* 3,000 members of whom 5 % score above everybody: hardly an AUC, but found at 1 % false positives. */
START_TEST(a_few_members_who_stand_out_are_found_by_the_rates_and_the_posterior)
{
    sg_arena a = unit_arena(1 << 26);
    sg_policy p = sg_policy_default();
    enum { N = 4000 };
    sg_attack x = {.name = "a",
                   .member = uniform_scores(N, 0, &a),
                   .other = uniform_scores(N, 0, &a),
                   .n_member = N,
                   .n_other = N};
    for (int spoilt = 0; spoilt < 2; spoilt++) {
        sg_findings *f = SG_NEW(&a, sg_findings, 1);
        sg_err err = {0};
        for (int i = 0; spoilt && i < N / 20; i++)
            x.member[20 * i] = 2;
        ck_ok(sg_judge_attacks("t", &x, 1, 0.6, true, &p, &a, f, &err), err);
        ck_assert_int_eq(f->n, 3);
        ck_assert_str_eq(f->list[0].measured.name, "t.a");
        ck_assert_int_eq(f->list[0].decided.status, SG_OUTCOME_PASS); /* the AUC is 0.525 */
        ck_assert_str_eq(f->list[1].measured.name, "t.a.tpr_1pct");
        ck_assert_int_eq(f->list[1].decided.status, spoilt ? SG_OUTCOME_FAIL : SG_OUTCOME_PASS);
        ck_assert_str_eq(f->list[2].measured.name, "t.posterior");
        ck_assert_int_eq(f->list[2].decided.status != SG_OUTCOME_PASS, spoilt);
    }
    sg_arena_clear(&a);
}
END_TEST

START_TEST(members_are_train_and_strangers_are_test_and_val_is_neither)
{
    static char json[1 << 18];
    sg_arena a = unit_arena(1 << 26);
    const world w = small_world(&a);
    sg_people c = clean_cohort(&w, VAL, &a);
    const sg_policy p = small_policy();
    for (int64_t i = 0; i < VAL; i++) /* a cohort of VAL people with edits: neither members nor strangers are near */
        plant_copy(&w, SG_ROLE_VAL, i, 0.2, &c, i, &a);
    char reason[64];
    ck_assert_msg(judged(&w, &c, &p, reason, json, sizeof json, &a) == SG_OUTCOME_PASS, "%s",
                  strstr(json, "\"decision\""));
    c = clean_cohort(&w, TEST, &a);
    for (int64_t i = 0; i < TEST; i++) /* near to strangers: the AUC is far below one half, which is no leak */
        plant_copy(&w, SG_ROLE_TEST, i, 0.2, &c, i, &a);
    /* (An attack that learns its own sign still tells the two sides apart.) */
    (void)judged(&w, &c, &p, reason, json, sizeof json, &a);
    ck_assert_ptr_nonnull(strstr(json, "{\"name\":\"nearest.dcr\",\"status\":\"pass\""));
    sg_arena_clear(&a);
}
END_TEST

/* Evidence by hand: hold-out rows 100 +- 5 from TRAIN and VAL, and these cohort rows. */
static sg_evidence evidence_of_rows(const int32_t (*row)[3], int64_t n, sg_arena *a)
{
    sg_gate_memory *m = SG_NEW(a, sg_gate_memory, 1);
    sg_evidence e = {.n_s = 50, .n_h = 60, .n_t = 100, .n_v = 100, .n_snp = 256, .known = m};
    e.train.col = SG_NEW(a, sg_near, e.n_s);
    e.train.col_kin = SG_NEW(a, int32_t, e.n_s);
    e.val.col = SG_NEW(a, sg_near, e.n_s);
    m->hold_train = SG_NEW(a, sg_near, e.n_h);
    m->hold_val = SG_NEW(a, sg_near, e.n_h);
    for (int64_t i = 0; i < e.n_h; i++) {
        m->hold_train[i] = (sg_near){{0, 1}, {(int32_t)(95 + i % 11), 110}};
        m->hold_val[i] = (sg_near){{0, 1}, {(int32_t)(95 + 3 * i % 11), 110}};
    }
    for (int64_t i = 0; i < e.n_s; i++) {
        e.train.col[i] = (sg_near){{i, i + 1}, {i < n ? row[i][0] : 100, i < n ? row[i][1] : 101}};
        e.val.col[i] = (sg_near){{0, 1}, {i < n ? row[i][2] : 100, 110}};
    }
    return e;
}

/* The nearest much nearer than the second; 0/0 is that too (privacy.md 1.3 f: the published metric calls it perfect). */
START_TEST(a_row_whose_two_nearest_are_both_zero_away_counts_as_close)
{
    static const int32_t usual[1][3] = {{100, 101, 100}}, close[12][3] = {[0 ... 11] = {20, 90, 100}},
                         twin[12][3] = {[0 ... 11] = {0, 0, 100}};
    sg_arena a = unit_arena(1 << 24);
    const sg_policy p = small_policy();
    sg_err err = {0};
    for (int i = 0; i < 3; i++) {
        const sg_evidence e = evidence_of_rows(i == 0 ? usual : i == 1 ? close : twin, i ? 12 : 1, &a);
        sg_findings *f = SG_NEW(&a, sg_findings, 1);
        ck_ok(sg_check_ratio(&e, &p, &a, f, &err), err);
        ck_assert_double_eq(f->list[0].measured.fact[0].value, i ? 12 : 0);
        ck_assert_int_eq(f->list[0].decided.status, i ? SG_OUTCOME_FAIL : SG_OUTCOME_PASS);
    }
    sg_arena_clear(&a);
}
END_TEST

/* Rows: nearest TRAIN, second nearest TRAIN, nearest VAL. */
START_TEST(the_near_copy_rule_stands_where_it_says)
{
    static const int32_t far_from_all[2][3] = {{180, 181, 185}, {70, 71, 72}}; /* unusual people, no copies */
    static const int32_t unconfirmed[2][3] = {{90, 91, 180}, {91, 92, 181}};
    static const int32_t alone[1][3] = {{90, 120, 180}}, near[1][3] = {{20, 21, 110}}, twice[1][3] = {{0, 0, 110}};
    const struct {
        const int32_t (*row)[3];
        int64_t n;
        sg_outcome status;
        double flagged, confirmed;
    } rule[] = {
        {far_from_all, 2, SG_OUTCOME_PASS, 0, 0}, {unconfirmed, 1, SG_OUTCOME_WITHHOLD, 1, 0},
        {unconfirmed, 2, SG_OUTCOME_FAIL, 2, 0},  {alone, 1, SG_OUTCOME_FAIL, 1, 1},
        {near, 1, SG_OUTCOME_FAIL, 1, 1},         {twice, 1, SG_OUTCOME_FAIL, 1, 1},
    };
    sg_arena a = unit_arena(1 << 24);
    const sg_policy p = small_policy();
    sg_err err = {0};
    for (size_t i = 0; i < sizeof rule / sizeof *rule; i++) {
        const sg_evidence e = evidence_of_rows(rule[i].row, rule[i].n, &a);
        sg_findings *f = SG_NEW(&a, sg_findings, 1);
        ck_ok(sg_check_near_copy(&e, &p, &a, f, &err), err);
        ck_assert_int_eq(f->n, 1);
        ck_assert_str_eq(f->list[0].measured.fact[0].name, "flagged");
        ck_assert_double_eq(f->list[0].measured.fact[0].value, rule[i].flagged);
        ck_assert_double_eq(f->list[0].measured.fact[1].value, rule[i].confirmed);
        ck_assert_int_eq(f->list[0].decided.status, rule[i].status);
    }
    sg_arena_clear(&a);
}
END_TEST

static sg_status breaks(const sg_evidence *e, const sg_policy *p, sg_arena *a, sg_findings *out, sg_err *err)
{
    (void)e, (void)p, (void)a, (void)out;
    return sg_fail(err, SG_INTERNAL, "a check that breaks");
}

static sg_status says_nothing(const sg_evidence *e, const sg_policy *p, sg_arena *a, sg_findings *out, sg_err *err)
{
    (void)e, (void)p, (void)a, (void)out, (void)err;
    return SG_OK;
}

static sg_status no_memory(const sg_evidence *e, const sg_policy *p, sg_arena *a, sg_findings *out, sg_err *err)
{
    (void)e, (void)p, (void)a, (void)out;
    return sg_fail(err, SG_NOMEM, "no memory");
}

static sg_status not_a_number(const sg_evidence *e, const sg_policy *p, sg_arena *a, sg_findings *out, sg_err *err)
{
    (void)e, (void)p, (void)a, (void)err;
    const sg_measurement m = {.name = "broken", .estimate = NAN};
    sg_findings_add(out, &m, (sg_decision){0, SG_OUTCOME_PASS, ""});
    return SG_OK;
}

/* Works for ever, but looks at its stop flag; then claims that all is well. */
static sg_status never_ends(const sg_evidence *e, const sg_policy *p, sg_arena *a, sg_findings *out, sg_err *err)
{
    (void)p, (void)a, (void)err;
    while (!sg_cancelled(e->run))
        (void)usleep(1000);
    const sg_measurement m = {.name = "slow"};
    sg_findings_add(out, &m, (sg_decision){0, SG_OUTCOME_PASS, ""});
    return SG_OK;
}

START_TEST(a_check_that_breaks_says_nothing_returns_no_number_or_never_ends_withholds)
{
    static sg_check_fn *const bad[] = {breaks, says_nothing, not_a_number, never_ends};
    sg_arena a = unit_arena(1 << 26);
    const world w = small_world(&a);
    const sg_people c = clean_cohort(&w, PEOPLE, &a);
    sg_gate_memory *m;
    sg_evidence e = gathered(&w, &c, &m, &a);
    sg_err err = {0};
    sg_policy p = small_policy();
    p.deadline_s = 0.5;
    for (int i = 0; i < 4; i++) {
        const sg_check list[] = {{"identical_match", sg_check_identical, false}, {"broken", bad[i], false}};
        sg_findings *f = SG_NEW(&a, sg_findings, 1);
        ck_ok(sg_checks_run(list, 2, &e, &p, NULL, &a, f, &err), err);
        ck_assert_int_eq(f->n, i == 3 ? 3 : 2);
        ck_assert_str_eq(f->list[f->n - 1].measured.name, "broken");
        ck_assert_int_eq(sg_findings_combine(f).status, SG_OUTCOME_WITHHOLD);
        ck_assert_str_eq(sg_findings_combine(f).reason, "check_failed");
    }
    const sg_check list[] = {{"greedy", no_memory, false}};
    sg_findings *f = SG_NEW(&a, sg_findings, 1);
    ck_assert_int_eq(sg_checks_run(list, 1, &e, &p, NULL, &a, f, &err), SG_NOMEM);
    ck_assert_int_eq(sg_findings_combine(f).status, SG_OUTCOME_WITHHOLD); /* no finding at all */
    sg_gate_memory_free(m);
    sg_arena_clear(&a);
}
END_TEST

START_TEST(a_failure_is_final_and_a_row_nobody_vouches_for_or_in_file_order_is_no_release)
{
    sg_arena a = unit_arena(1 << 26);
    const world w = small_world(&a);
    const sg_people c = clean_cohort(&w, PEOPLE, &a);
    const sg_policy p = small_policy();
    int8_t *label = draw_labels(PEOPLE, &a);
    sg_judging q = {.ref = &w.ref, .cohort = &c, .label = label, .made = SG_MADE_UNKNOWN, .policy = &p};
    sg_verdict *v;
    sg_err err = {0};
    ck_ok(sg_privacy_judge_all(&q, NULL, &v, &err), err);
    ck_assert_int_eq(sg_verdict_outcome(v), SG_OUTCOME_FAIL);
    ck_assert_str_eq(sg_verdict_reason(v), "unhygienic");
    ck_assert(!sg_verdict_approvable(v));
    sg_verdict_free(v);
    q.made = SG_MADE_DECLARED;
    memcpy(label, w.ref.label[SG_ROLE_TRAIN],
           PEOPLE); /* the published code: the labels of the real people, in their order */
    ck_ok(sg_privacy_judge_all(&q, NULL, &v, &err), err);
    ck_assert_int_eq(sg_verdict_outcome(v), SG_OUTCOME_WITHHOLD);
    ck_assert_str_eq(sg_verdict_reason(v), "not_shuffled");
    ck_assert(sg_verdict_approvable(v) && sg_verdict_low_power(v));
    sg_verdict_free(v);
    for (int i = 0; i < PEOPLE; i++)
        label[i] = i >= PEOPLE / 2;
    ck_ok(sg_privacy_judge_all(&q, NULL, &v, &err), err);
    ck_assert_str_eq(sg_verdict_reason(v), "not_shuffled");
    sg_verdict_free(v);
    sg_arena_clear(&a);
}
END_TEST

START_TEST(the_union_with_earlier_releases_is_judged_as_well)
{
    sg_arena a = unit_arena(1 << 27);
    const world w = small_world(&a);
    const sg_people c = clean_cohort(&w, PEOPLE, &a);
    sg_people before = draw_people(&w, PEOPLE, 30, &a);
    const sg_policy p = small_policy();
    static char json[1 << 18];
    for (int spoilt = 0; spoilt < 2; spoilt++) {
        if (spoilt)
            plant_copy(&w, SG_ROLE_TRAIN, 5, 0, &before, 7, &a);
        const sg_judging q = {.ref = &w.ref,
                              .cohort = &c,
                              .label = draw_labels(PEOPLE, &a),
                              .made = SG_MADE_SAMPLED,
                              .earlier = &before,
                              .earlier_label = draw_labels_of(PEOPLE, 14, &a),
                              .policy = &p};
        sg_verdict *v;
        sg_err err = {0};
        sg_buf b;
        ck_ok(sg_privacy_judge_all(&q, NULL, &v, &err), err);
        sg_buf_init(&b, sizeof json - 1);
        ck_ok(sg_verdict_json(v, &b, &err), err);
        (void)snprintf(json, sizeof json, "%s", (const char *)b.data);
        sg_buf_clear(&b);
        ck_assert_msg(sg_verdict_outcome(v) == (spoilt ? SG_OUTCOME_FAIL : SG_OUTCOME_PASS), "%s", json);
        ck_assert_ptr_nonnull(strstr(json, "\"union.identical_match\""));
        ck_assert_ptr_nonnull(strstr(json, "\"people\":150},\"reference\""));
        sg_verdict_free(v);
    }
    sg_arena_clear(&a);
}
END_TEST

/* The published figures once more, from distances one pair at a time. */
START_TEST(the_published_figures_are_those_of_a_second_computation)
{
    sg_arena a = unit_arena(1 << 27);
    const world w = small_world(&a);
    const sg_people c = clean_cohort(&w, PEOPLE, &a);
    const sg_people *t = &w.ref.people[SG_ROLE_TRAIN], *h = &w.ref.people[SG_ROLE_TEST];
    sg_gate_memory *m;
    const sg_evidence e = gathered(&w, &c, &m, &a);
    const sg_policy p = small_policy();
    sg_findings *f = SG_NEW(&a, sg_findings, 1);
    sg_err err = {0};
    ck_ok(sg_check_published(&e, &p, &a, f, &err), err);
    double d[PEOPLE], ratio = 0, auc = 0, drift = 0;
    for (int64_t i = 0; i < PEOPLE; i++) {
        int64_t first = SNPS + 1, second = SNPS + 1;
        for (int64_t j = 0; j < TRAIN; j++) {
            const int64_t x = sg_people_hamming(&c, i, t, j);
            second = x < first ? first : x < second ? x : second;
            first = x < first ? x : first;
        }
        d[i] = (double)first;
        ratio += (double)first / (double)second / PEOPLE;
    }
    int64_t near[TRAIN + TEST];
    for (int64_t i = 0; i < TRAIN + TEST; i++) {
        near[i] = SNPS + 1;
        for (int64_t j = 0; j < PEOPLE; j++) {
            const int64_t x = i < TRAIN ? sg_people_hamming(t, i, &c, j) : sg_people_hamming(h, i - TRAIN, &c, j);
            near[i] = x < near[i] ? x : near[i];
        }
    }
    for (int64_t i = 0; i < TRAIN; i++)
        for (int64_t j = TRAIN; j < TRAIN + TEST; j++)
            auc += (near[i] < near[j] ? 1 : near[i] == near[j] ? 0.5 : 0) / (TRAIN * TEST);
    for (int64_t v = 0; v < SNPS; v++) {
        double x = 0, y = 0;
        for (int64_t i = 0; i < TEST; i++)
            x += sg_people_get(h, i, v) / (2.0 * TEST);
        for (int64_t i = 0; i < PEOPLE; i++)
            y += sg_people_get(&c, i, v) / (2.0 * PEOPLE);
        drift = fmax(drift, fabs(x - y));
    }
    const double median = 0.5 * (sg_quantile(d, PEOPLE, 0.5) + d[PEOPLE / 2]);
    const struct {
        const char *name;
        double value;
    } want[] = {{"published.identical", 0},
                {"published.distance_median", median},
                {"published.ratio_mean", ratio},
                {"published.auc", auc},
                {"published.frequency_largest", drift}};
    for (size_t k = 0; k < sizeof want / sizeof *want; k++) {
        bool seen = false;
        for (int i = 0; i < f->n; i++)
            if (!strcmp(f->list[i].measured.name, want[k].name)) {
                seen = true;
                ck_assert_double_eq_tol(f->list[i].measured.estimate, want[k].value, 1e-12);
                ck_assert_int_eq(f->list[i].decided.status, SG_OUTCOME_PASS);
            }
        ck_assert_msg(seen, "no %s", want[k].name);
    }
    sg_gate_memory_free(m);
    sg_arena_clear(&a);
}
END_TEST

START_TEST(what_is_remembered_of_a_reference_changes_nothing)
{
    sg_arena a = unit_arena(1 << 27);
    const world w = small_world(&a);
    const sg_people c = clean_cohort(&w, PEOPLE, &a);
    sg_policy p = small_policy();
    sg_gate_memory *m;
    sg_err err = {0};
    sg_buf text[2];
    ck_ok(sg_gate_memory_new(&w.ref, &p, NULL, &m, &err), err);
    sg_judging q = {
        .ref = &w.ref, .cohort = &c, .label = draw_labels(PEOPLE, &a), .made = SG_MADE_SAMPLED, .policy = &p};
    sg_verdict *v;
    for (int i = 0; i < 2; i++) {
        q.memory = i ? m : NULL;
        ck_ok(sg_privacy_judge_all(&q, NULL, &v, &err), err);
        sg_buf_init(&text[i], 1 << 20);
        ck_ok(sg_verdict_json(v, &text[i], &err), err);
        sg_verdict_free(v);
    }
    ck_assert_str_eq((char *)text[0].data, (char *)text[1].data);
    sg_buf_clear(&text[0]);
    sg_buf_clear(&text[1]);
    p.kinship = 0.2;
    ck_assert_int_eq(sg_privacy_judge_all(&q, NULL, &v, &err), SG_MISMATCH);
    ck_assert_ptr_null(v);
    sg_gate_memory_free(m);
    sg_arena_clear(&a);
}
END_TEST

START_TEST(the_worst_finding_decides_and_none_is_lost)
{
    sg_arena a = unit_arena(1 << 20);
    sg_findings *f = SG_NEW(&a, sg_findings, 1);
    const sg_measurement m = {.name = "x"};
    sg_findings_add(f, &m, (sg_decision){0, SG_OUTCOME_PASS, ""});
    ck_assert_int_eq(sg_findings_combine(f).status, SG_OUTCOME_PASS);
    sg_findings_add(f, &m, (sg_decision){0, SG_OUTCOME_WITHHOLD, "a"});
    sg_findings_add(f, &m, (sg_decision){0, SG_OUTCOME_WITHHOLD, "b"});
    ck_assert_str_eq(sg_findings_combine(f).reason, "a");
    sg_findings_add(f, &m, (sg_decision){0, SG_OUTCOME_FAIL, "c"});
    sg_findings_add(f, &m, (sg_decision){0, SG_OUTCOME_PASS, ""});
    ck_assert_int_eq(sg_findings_combine(f).status, SG_OUTCOME_FAIL);
    ck_assert_str_eq(sg_findings_combine(f).reason, "c");
    f->n = 0;
    for (int i = 0; i <= SG_FINDING_MAX; i++)
        sg_findings_add(f, &m, (sg_decision){0, SG_OUTCOME_PASS, ""});
    ck_assert_int_eq(sg_findings_combine(f).status, SG_OUTCOME_WITHHOLD);
    sg_arena_clear(&a);
}
END_TEST

START_TEST(a_stop_or_another_panel_leaves_no_verdict)
{
    sg_arena a = unit_arena(1 << 26);
    const world w = small_world(&a);
    sg_people c = clean_cohort(&w, PEOPLE, &a);
    const int8_t *label = draw_labels(PEOPLE, &a);
    const sg_policy p = small_policy();
    const atomic_bool stop = true;
    const sg_run run = {.stop = &stop};
    sg_verdict *v = (sg_verdict *)&a;
    sg_err err = {0};
    ck_assert_int_eq(sg_privacy_judge(&w.ref, &c, label, &p, &run, &v, &err), SG_CANCELLED);
    ck_assert_ptr_null(v);
    const world other = world_new(1, SNPS + 1, 1, 1, 1, &a);
    c = clean_cohort(&other, PEOPLE, &a);
    v = (sg_verdict *)&a;
    ck_assert_int_eq(sg_privacy_judge(&w.ref, &c, label, &p, NULL, &v, &err), SG_MISMATCH);
    ck_assert_str_eq(err.msg, "the cohort has 129 SNPs, the reference panel 128");
    ck_assert_ptr_null(v);
    sg_arena_clear(&a);
}
END_TEST

START_TEST(any_number_of_threads_gives_the_same_verdict)
{
    sg_arena a = unit_arena(1 << 26);
    const world w = small_world(&a);
    const sg_people c = clean_cohort(&w, PEOPLE, &a);
    const int8_t *label = draw_labels(PEOPLE, &a);
    const sg_policy p = small_policy();
    sg_buf text[2];
    for (int i = 0; i < 2; i++) {
        sg_run run = {0};
        sg_verdict *v;
        sg_err err = {0};
        ck_ok(sg_pool_new(i ? 5 : 1, &run.pool, &err), err);
        ck_ok(sg_privacy_judge(&w.ref, &c, label, &p, &run, &v, &err), err);
        sg_buf_init(&text[i], 1 << 20);
        ck_ok(sg_verdict_json(v, &text[i], &err), err);
        sg_verdict_free(v);
        sg_pool_free(run.pool);
    }
    ck_assert_str_eq((char *)text[0].data, (char *)text[1].data);
    sg_buf_clear(&text[0]);
    sg_buf_clear(&text[1]);
    sg_arena_clear(&a);
}
END_TEST

/* Marks every `step`-th row of TEST for calibration. */
static void mark_halves(world *w, int64_t step, sg_arena *a)
{
    for (int r = 0; r < SG_N_ROLE; r++)
        w->ref.mark[r] = SG_NEW(a, uint8_t, w->ref.people[r].n_sample);
    for (int64_t i = 0; i < w->ref.people[SG_ROLE_TEST].n_sample; i += step)
        w->ref.mark[SG_ROLE_TEST][i] = SG_MARK_CALIBRATION;
}

START_TEST(the_halves_are_those_that_prepare_sealed)
{
    sg_arena a = unit_arena((size_t)64 << 20);
    sg_err err = {0};
    world w = world_new(5, 64, 100, 20, 200, &a);
    sg_halves h;
    const sg_digest bare = sg_reference_digest(&w.ref);
    ck_ok(sg_holdout_split(&w.ref, &a, &h, &err), err);
    ck_assert_int_eq(h.n_calib, 100);
    mark_halves(&w, 4, &a);
    ck_ok(sg_holdout_split(&w.ref, &a, &h, &err), err);
    ck_assert_int_eq(h.n_calib, 50);
    ck_assert_int_eq(h.n_eval, 150);
    for (int64_t i = 0; i < h.n_calib; i++)
        ck_assert_int_eq(h.calib[i], 4 * i);
    const sg_digest marked = sg_reference_digest(&w.ref);
    w.ref.mark[SG_ROLE_TEST][4] = 0; /* somebody changes sides */
    const sg_digest other = sg_reference_digest(&w.ref);
    ck_assert(!sg_digest_equal(&bare, &marked) && !sg_digest_equal(&marked, &other));
    sg_arena_clear(&a);
}
END_TEST

START_TEST(minima_count_the_sealed_halves)
{
    sg_arena a = unit_arena((size_t)256 << 20);
    char reason[64];
    world w = world_new(5, 128, 400, 100, 200, &a);
    sg_policy p = small_policy();
    const sg_people cohort = clean_cohort(&w, 100, &a);
    p.calibration_min = 60;
    mark_halves(&w, 2, &a);
    ck_assert_int_ne(judged(&w, &cohort, &p, reason, NULL, 0, &a), SG_OUTCOME_FAIL);
    ck_assert_str_ne(reason, "too_few_reference");
    mark_halves(&w, 4, &a); /* 50 calibrate */
    ck_assert_int_eq(judged(&w, &cohort, &p, reason, NULL, 0, &a), SG_OUTCOME_WITHHOLD);
    ck_assert_str_eq(reason, "too_few_reference");
    p = small_policy();
    mark_halves(&w, 2, &a);
    int left = 5; /* evaluation people of label 1: 5 stay */
    for (int64_t i = 0; i < 200; i++)
        if (w.ref.label[SG_ROLE_TEST][i] == 1 && !w.ref.mark[SG_ROLE_TEST][i] && left-- <= 0)
            w.ref.mark[SG_ROLE_TEST][i] = SG_MARK_CALIBRATION;
    ck_assert_int_eq(judged(&w, &cohort, &p, reason, NULL, 0, &a), SG_OUTCOME_WITHHOLD);
    ck_assert_str_eq(reason, "too_few_reference");
    sg_arena_clear(&a);
}
END_TEST

UNIT_MAIN("gate", the_halves_are_those_that_prepare_sealed, minima_count_the_sealed_halves,
          an_honest_cohort_passes_and_every_check_says_so, one_verbatim_copy_of_a_train_or_val_row_fails,
          a_match_with_a_test_row_is_counted_and_is_no_leak,
          a_copy_fails_also_when_two_samples_of_the_hold_out_are_duplicates,
          a_panel_that_cannot_tell_people_apart_is_withheld, one_copy_with_edits_fails_and_all_copies_with_edits_fail,
          a_cohort_nearer_to_train_than_the_hold_out_is_too_close, a_child_of_a_member_is_related_and_fails,
          an_honest_cohort_much_larger_than_the_reference_is_not_too_close,
          a_copy_of_somebody_who_is_twice_in_train_is_caught_too, too_few_people_on_either_side_never_pass,
          without_validation_people_the_plain_distance_still_catches_copies,
          missing_genotypes_strange_labels_and_strange_limits_are_withheld, scores_that_say_nothing_are_withheld,
          the_membership_rule_stands_where_it_says, the_near_copy_rule_stands_where_it_says,
          members_are_train_and_strangers_are_test_and_val_is_neither,
          a_check_that_breaks_says_nothing_returns_no_number_or_never_ends_withholds,
          a_few_members_who_stand_out_are_found_by_the_rates_and_the_posterior,
          a_row_whose_two_nearest_are_both_zero_away_counts_as_close,
          a_failure_is_final_and_a_row_nobody_vouches_for_or_in_file_order_is_no_release,
          the_published_figures_are_those_of_a_second_computation, the_union_with_earlier_releases_is_judged_as_well,
          what_is_remembered_of_a_reference_changes_nothing, the_worst_finding_decides_and_none_is_lost,
          a_stop_or_another_panel_leaves_no_verdict, any_number_of_threads_gives_the_same_verdict)
