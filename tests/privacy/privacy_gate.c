/* The release gate: what it must catch, what it must let through, and that nothing uncertain ever passes. */
#include "privacy/gate.h"
#include "world.h"

enum { SNPS = 128, TRAIN = 400, VAL = 100, TEST = 100, PEOPLE = 150 };

static world small_world(sg_arena *a)
{
    return world_new(77, SNPS, TRAIN, VAL, TEST, a);
}

START_TEST(an_honest_cohort_passes_and_every_check_says_so)
{
    sg_arena a = unit_arena(1 << 26);
    const world w = small_world(&a);
    const sg_people c = clean_cohort(&w, PEOPLE, &a);
    char reason[64], json[16384];
    ck_assert_int_eq(judged(&w, &c, NULL, reason, json, sizeof json, &a), SG_OUTCOME_PASS);
    ck_assert_str_eq(reason, "");
    for (int i = 0; i < sg_n_check; i++)
        ck_assert_msg(strstr(json, sg_check_list[i].name) != NULL, "no %s in %s", sg_check_list[i].name, json);
    ck_assert_ptr_nonnull(strstr(json, "\"membership_auc.label_1\""));
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
    char reason[64], json[16384];
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
    sg_evidence e;
    sg_err err = {0};
    const sg_policy p = sg_policy_default();
    for (int spoilt = 0; spoilt < 2; spoilt++) {
        for (int64_t i = 0; spoilt && i < PEOPLE; i++)
            plant_copy(&w, SG_ROLE_TRAIN, i, 0.25, &c, i, &a);
        sg_findings *f = SG_NEW(&a, sg_findings, 1);
        ck_ok(sg_evidence_gather(&w.ref, &c, draw_labels(PEOPLE, &a), NULL, &a, &e, &err), err);
        ck_ok(sg_check_closest(&e, &p, &a, f, &err), err);
        ck_assert_int_eq(f->n, 1);
        ck_assert_int_eq(f->list[0].decided.status, spoilt ? SG_OUTCOME_FAIL : SG_OUTCOME_PASS);
        ck_assert_str_eq(f->list[0].decided.reason, spoilt ? "too_close" : "");
    }
    sg_arena_clear(&a);
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
    static const int64_t n[][2] = {{49, 100}, {400, 49}, {0, 100}, {400, 0}};
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
    char reason[64], json[16384];
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
    const sg_policy usual = sg_policy_default();
#define X(field, type, fallback, min, max)                                                                             \
    {                                                                                                                  \
        sg_policy p = usual;                                                                                           \
        p.field = (type)((max) + 1);                                                                                   \
        ck_assert_int_eq(judged(&w, &c, &p, reason, NULL, 0, &a), SG_OUTCOME_WITHHOLD);                                \
        ck_assert_str_eq(reason, "policy_invalid");                                                                    \
    }
    SG_POLICY_LIST(X)
#undef X
    sg_policy p = usual;
    p.mia_auc_max = NAN;
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

/* Every distance the same: the membership attack sees nothing, which is no evidence of anything. */
START_TEST(scores_that_say_nothing_are_withheld)
{
    sg_arena a = unit_arena(1 << 26);
    const world w = small_world(&a);
    const sg_people c = clean_cohort(&w, PEOPLE, &a);
    sg_evidence e;
    sg_findings *f = SG_NEW(&a, sg_findings, 1);
    sg_err err = {0};
    const sg_policy p = sg_policy_default();
    ck_ok(sg_evidence_gather(&w.ref, &c, draw_labels(PEOPLE, &a), NULL, &a, &e, &err), err);
    for (int64_t i = 0; i < TRAIN; i++)
        e.train_min[i] = 40;
    for (int64_t i = 0; i < TEST; i++)
        e.test_min[i] = 40;
    ck_ok(sg_check_membership(&e, &p, &a, f, &err), err);
    ck_assert_int_eq(f->n, 3);
    for (int i = 0; i < f->n; i++) {
        ck_assert_int_eq(f->list[i].decided.status, SG_OUTCOME_WITHHOLD);
        ck_assert_str_eq(f->list[i].decided.reason, "check_failed");
        ck_assert(isnan(f->list[i].measured.lo) && isnan(f->list[i].measured.hi));
    }
    sg_arena_clear(&a);
}
END_TEST

START_TEST(members_are_train_and_strangers_are_test_and_val_is_neither)
{
    sg_arena a = unit_arena(1 << 26);
    const world w = small_world(&a);
    sg_people c = clean_cohort(&w, VAL, &a);
    sg_policy p = sg_policy_default();
    for (int64_t i = 0; i < VAL; i++) /* a cohort of VAL people with edits: neither members nor strangers are near */
        plant_copy(&w, SG_ROLE_VAL, i, 0.2, &c, i, &a);
    char reason[64];
    ck_assert_int_eq(judged(&w, &c, &p, reason, NULL, 0, &a), SG_OUTCOME_PASS);
    c = clean_cohort(&w, TEST, &a);
    for (int64_t i = 0; i < TEST; i++) /* near to strangers: the AUC is far below one half, which is no leak */
        plant_copy(&w, SG_ROLE_TEST, i, 0.2, &c, i, &a);
    ck_assert_int_eq(judged(&w, &c, &p, reason, NULL, 0, &a), SG_OUTCOME_PASS);
    sg_arena_clear(&a);
}
END_TEST

/* Evidence by hand: n1 members and n0 strangers of one label, whose scores give exactly this AUC (uniform scores, those
 * of the members moved). */
static sg_evidence evidence_of_auc(double auc, int64_t n1, int64_t n0, sg_arena *a)
{
    sg_reference *ref = SG_NEW(a, sg_reference, 1);
    ref->people[SG_ROLE_TRAIN].n_sample = n1;
    ref->people[SG_ROLE_TEST].n_sample = n0;
    ref->label[SG_ROLE_TRAIN] = SG_NEW(a, int8_t, n1);
    ref->label[SG_ROLE_TEST] = SG_NEW(a, int8_t, n0);
    sg_evidence e = {.ref = ref, .n_t = n1, .n_h = n0};
    e.train_min = SG_NEW(a, int32_t, n1);
    e.test_min = SG_NEW(a, int32_t, n0);
    const double move = 1 - sqrt(2 * (1 - auc));
    for (int64_t i = 0; i < n1; i++)
        e.train_min[i] = (int32_t)(1e6 * (1 - move + ((double)i + 0.5) / (double)n1));
    for (int64_t i = 0; i < n0; i++)
        e.test_min[i] = (int32_t)(1e6 * (1 + ((double)i + 0.5) / (double)n0));
    return e;
}

START_TEST(the_membership_rule_stands_where_it_says)
{
    static const struct {
        double auc;
        int64_t n1, n0;
        sg_outcome status;
        const char *reason;
    } rule[] = {
        {0.50, 2000, 2000, SG_OUTCOME_PASS, ""},
        {0.57, 2000, 2000, SG_OUTCOME_PASS, ""}, /* above chance, and surely below the limit */
        {0.59, 2000, 2000, SG_OUTCOME_WITHHOLD, "membership_uncertain"},
        {0.61, 2000, 2000, SG_OUTCOME_WITHHOLD, "membership_uncertain"},
        {0.63, 2000, 2000, SG_OUTCOME_FAIL, "membership_leak"},
        {0.55, 400, 100, SG_OUTCOME_PASS, ""}, /* few: not above chance */
        {0.58, 400, 100, SG_OUTCOME_WITHHOLD, "membership_uncertain"},
        {0.75, 400, 100, SG_OUTCOME_FAIL, "membership_leak"},
        {0.57, 60, 50, SG_OUTCOME_PASS, ""},
        {0.605, 60, 50, SG_OUTCOME_WITHHOLD, "membership_uncertain"}, /* not above chance, but above the limit */
        {0.95, 60, 50, SG_OUTCOME_FAIL, "membership_leak"},
        {0.95, 60, 49, SG_OUTCOME_WITHHOLD, "too_few_reference"},
    };
    sg_arena a = unit_arena(1 << 24);
    const sg_policy p = sg_policy_default();
    sg_err err = {0};
    for (size_t i = 0; i < sizeof rule / sizeof *rule; i++) {
        const sg_evidence e = evidence_of_auc(rule[i].auc, rule[i].n1, rule[i].n0, &a);
        sg_findings *f = SG_NEW(&a, sg_findings, 1);
        ck_ok(sg_check_membership(&e, &p, &a, f, &err), err);
        ck_assert_int_eq(f->n, 1);
        const sg_finding *x = &f->list[0];
        if (rule[i].n0 >= p.min_reference)
            ck_assert_double_eq_tol(x->measured.estimate, rule[i].auc, 0.002);
        ck_assert_msg(x->decided.status == rule[i].status && !strcmp(x->decided.reason, rule[i].reason),
                      "AUC %g of %lld and %lld: %s %s", rule[i].auc, (long long)rule[i].n1, (long long)rule[i].n0,
                      sg_outcome_name(x->decided.status), x->decided.reason);
    }
    sg_arena_clear(&a);
}
END_TEST

/* Evidence by hand: hold-out rows 100 +- 5 from TRAIN and VAL, and these cohort rows. */
static sg_evidence evidence_of_rows(const int32_t (*row)[3], int64_t n, sg_arena *a)
{
    sg_evidence e = {.n_s = 50, .n_h = 60, .n_t = 100, .n_v = 100, .n_snp = 256};
    e.to_train = SG_NEW(a, sg_near, e.n_s);
    e.to_val = SG_NEW(a, sg_near, e.n_s);
    e.hold_train = SG_NEW(a, sg_near, e.n_h);
    e.hold_val = SG_NEW(a, sg_near, e.n_h);
    for (int64_t i = 0; i < e.n_h; i++) {
        e.hold_train[i] = (sg_near){{0, 1}, {(int32_t)(95 + i % 11), 110}};
        e.hold_val[i] = (sg_near){{0, 1}, {(int32_t)(95 + 3 * i % 11), 110}};
    }
    for (int64_t i = 0; i < e.n_s; i++) {
        e.to_train[i] = (sg_near){{i, i + 1}, {i < n ? row[i][0] : 100, i < n ? row[i][1] : 101}};
        e.to_val[i] = (sg_near){{0, 1}, {i < n ? row[i][2] : 100, 110}};
    }
    return e;
}

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
    const sg_policy p = sg_policy_default();
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

START_TEST(a_check_that_breaks_or_says_nothing_withholds)
{
    sg_arena a = unit_arena(1 << 26);
    const world w = small_world(&a);
    const sg_people c = clean_cohort(&w, PEOPLE, &a);
    sg_evidence e;
    sg_err err = {0};
    const sg_policy p = sg_policy_default();
    ck_ok(sg_evidence_gather(&w.ref, &c, draw_labels(PEOPLE, &a), NULL, &a, &e, &err), err);
    for (int i = 0; i < 2; i++) {
        const sg_check list[] = {{"identical_match", sg_check_identical}, {"broken", i ? breaks : says_nothing}};
        sg_findings *f = SG_NEW(&a, sg_findings, 1);
        ck_ok(sg_checks_run(list, 2, &e, &p, &a, f, &err), err);
        ck_assert_int_eq(f->n, 2);
        ck_assert_str_eq(f->list[1].measured.name, "broken");
        ck_assert_int_eq(sg_findings_combine(f).status, SG_OUTCOME_WITHHOLD);
        ck_assert_str_eq(sg_findings_combine(f).reason, "check_failed");
    }
    const sg_check list[] = {{"greedy", no_memory}};
    sg_findings *f = SG_NEW(&a, sg_findings, 1);
    ck_assert_int_eq(sg_checks_run(list, 1, &e, &p, &a, f, &err), SG_NOMEM);
    ck_assert_int_eq(sg_findings_combine(f).status, SG_OUTCOME_WITHHOLD); /* no finding at all */
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
    const sg_policy p = sg_policy_default();
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
    const sg_policy p = sg_policy_default();
    sg_buf text[2];
    for (int i = 0; i < 2; i++) {
        sg_run run = {0};
        sg_verdict *v;
        sg_err err = {0};
        ck_ok(sg_pool_new(i ? 5 : 1, &run.pool, &err), err);
        ck_ok(sg_privacy_judge(&w.ref, &c, label, &p, &run, &v, &err), err);
        sg_buf_init(&text[i], 1 << 16);
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

UNIT_MAIN("gate", an_honest_cohort_passes_and_every_check_says_so, one_verbatim_copy_of_a_train_or_val_row_fails,
          a_match_with_a_test_row_is_counted_and_is_no_leak,
          a_copy_fails_also_when_two_samples_of_the_hold_out_are_duplicates,
          a_panel_that_cannot_tell_people_apart_is_withheld, one_copy_with_edits_fails_and_all_copies_with_edits_fail,
          a_cohort_nearer_to_train_than_the_hold_out_is_too_close,
          a_copy_of_somebody_who_is_twice_in_train_is_caught_too, too_few_people_on_either_side_never_pass,
          without_validation_people_the_plain_distance_still_catches_copies,
          missing_genotypes_strange_labels_and_strange_limits_are_withheld, scores_that_say_nothing_are_withheld,
          the_membership_rule_stands_where_it_says, the_near_copy_rule_stands_where_it_says,
          members_are_train_and_strangers_are_test_and_val_is_neither, a_check_that_breaks_or_says_nothing_withholds,
          the_worst_finding_decides_and_none_is_lost, a_stop_or_another_panel_leaves_no_verdict,
          any_number_of_threads_gives_the_same_verdict)
