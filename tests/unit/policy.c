/* The release gate's limits: tiers, files, digests, and mistakes that are refused with their line. */
#include "policy/policy.h"
#include "unit.h"

#include <string.h>

static sg_status parse(const char *toml, sg_policy *p, sg_err *err)
{
    return sg_policy_parse("p.toml", toml, strlen(toml), p, err);
}

START_TEST(a_file_changes_what_it_names_and_its_tier_gives_the_rest)
{
    sg_policy p;
    sg_err err = {0};
    ck_ok(parse("", &p, &err), err);
    ck_assert_double_eq(p.auc_label_max, 0.55);
    ck_assert(p.approve_withheld && p.tier == SG_TIER_CONTROLLED);
    ck_ok(parse("name = \"strict\"\n[membership]\nauc_max = 0.51\n[reference]\ntrain_min = 7\n", &p, &err), err);
    ck_assert_str_eq(p.name, "strict");
    ck_assert_double_eq(p.auc_max, 0.51);
    ck_assert_int_eq(p.train_min, 7);
    ck_assert_double_eq(p.auc_label_max, 0.55);
    ck_ok(parse("[membership]\nauc_max = 0.53\n[release]\nlow_power = true\n", &p, &err), err);
    ck_assert(p.low_power);
    ck_ok(parse("tier = \"public\"\n", &p, &err), err);
    ck_assert_double_eq(p.auc_label_max, 0.52);
    ck_assert_int_eq(p.evaluation_min, 30000);
    ck_assert(!p.approve_withheld);
}
END_TEST

START_TEST(mistakes_are_refused_with_their_line_and_leave_the_default)
{
    static const struct {
        const char *toml;
        sg_status st;
        const char *words;
    } wrong[] = {
        {"[membership]\nauc_maximum = 0.55\n", SG_FORMAT, "p.toml line 2: unknown key \"membership.auc_maximum\""},
        {"[membership]\nauc_max = 1.5\n", SG_LIMIT, "p.toml line 2: membership.auc_max is 1.5, want 0.5 to 1"},
        {"[membership]\n\nauc_max = nan\n", SG_LIMIT, "p.toml line 3: membership.auc_max is nan, want 0.5 to 1"},
        {"[membership]\nauc_max = \"0.5\"\n", SG_FORMAT, "p.toml line 2: membership.auc_max wants a number"},
        {"[reference]\ntrain_min = 50.5\n", SG_FORMAT, "p.toml line 2: reference.train_min wants a whole number"},
        {"[release]\nlow_power = 1\n", SG_FORMAT, "p.toml line 2: release.low_power wants true or false"},
        {"tier = \"secret\"\n", SG_FORMAT, "p.toml line 1: tier is \"secret\", want controlled, public or dp"},
        {"version = 2\n", SG_LIMIT, "p.toml line 1: version, want 1"},
        {"name = \"a\\\"b\"\n", SG_FORMAT, "p.toml line 1: name, want"},
        {"auc_max = 0.5\n", SG_FORMAT, "p.toml line 1: unknown key \"auc_max\""},
        {"[membership]\nauc_max = 0.5\nauc_max = 0.6\n", SG_FORMAT, "p.toml line 3: not TOML: "},
        {"{", SG_FORMAT, "p.toml line 1: not TOML: "},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        sg_policy p;
        sg_err err = {0};
        ck_assert_int_eq(parse(wrong[i].toml, &p, &err), wrong[i].st);
        ck_assert_msg(strstr(err.msg, wrong[i].words) == err.msg, "%s", err.msg);
        ck_assert_double_eq(p.auc_max, sg_policy_default().auc_max);
        ck_assert_int_eq(p.train_min, sg_policy_default().train_min);
    }
    sg_policy p;
    sg_err err = {0};
    ck_assert_int_eq(sg_policy_load("/no/such/policy", &p, &err), SG_NOT_FOUND);
}
END_TEST

START_TEST(the_digest_is_of_what_a_policy_means)
{
    sg_policy p, q;
    sg_digest x, y;
    sg_err err = {0};
    ck_ok(parse("", &p, &err), err);
    ck_ok(parse("# a comment\ntier = \"controlled\"\n[membership]\nauc_max = 0.52\n", &q, &err), err);
    ck_ok(sg_policy_digest(&p, &x, &err), err);
    ck_ok(sg_policy_digest(&q, &y, &err), err);
    ck_assert(sg_digest_equal(&x, &y));
#define X(section, key, field, type, controlled, public, dp, min, max, meaning)                                        \
    q = p;                                                                                                             \
    q.field = (type)(q.field == (type)(min) ? (max) : (min));                                                          \
    ck_ok(sg_policy_check(&q, &err), err);                                                                             \
    ck_ok(sg_policy_digest(&q, &y, &err), err);                                                                        \
    ck_assert_msg(!sg_digest_equal(&x, &y), "%s.%s is not part of the digest", section, key);
    SG_POLICY_LIST(X)
#undef X
}
END_TEST

START_TEST(the_shipped_policies_are_what_the_table_says)
{
    static const char *const file[] = {SG_SOURCE_DIR "/deploy/policy-controlled.toml",
                                       SG_SOURCE_DIR "/deploy/policy-public.toml",
                                       SG_SOURCE_DIR "/deploy/policy-dp.toml"};
    sg_err err = {0};
    for (int t = 0; t < SG_N_TIER; t++) {
        sg_buf want, have;
        sg_policy p;
        sg_buf_init(&want, 1 << 16);
        ck_ok(sg_policy_example((sg_tier)t, &want, &err), err);
        ck_ok(sg_policy_parse("example", (char *)want.data, want.n, &p, &err), err);
        const sg_policy tier = sg_policy_of_tier((sg_tier)t);
        sg_digest x, y;
        ck_ok(sg_policy_digest(&p, &x, &err), err);
        ck_ok(sg_policy_digest(&tier, &y, &err), err);
        ck_assert(sg_digest_equal(&x, &y));
        if (getenv("SG_WRITE"))
            ck_ok(sg_file_write(file[t], 0644, want.data, want.n, &err), err);
        ck_ok(sg_file_read(file[t], 1 << 16, &have, &err), err);
        ck_assert_msg(have.n == want.n && !memcmp(have.data, want.data, want.n),
                      "%s is not what the table says: SG_WRITE=1 build/release/tests/unit/test_policy", file[t]);
        sg_buf_clear(&want);
        sg_buf_clear(&have);
    }
    sg_policy p;
    ck_ok(sg_policy_load(SG_SOURCE_DIR "/deploy/policy-demo.toml", &p, &err), err);
    ck_assert(p.low_power);
    const sg_policy demo = sg_policy_demo();
    sg_digest x, y;
    ck_ok(sg_policy_digest(&p, &x, &err), err);
    ck_ok(sg_policy_digest(&demo, &y, &err), err);
    ck_assert(sg_digest_equal(&x, &y));
}
END_TEST

UNIT_MAIN("policy", a_file_changes_what_it_names_and_its_tier_gives_the_rest,
          mistakes_are_refused_with_their_line_and_leave_the_default, the_digest_is_of_what_a_policy_means,
          the_shipped_policies_are_what_the_table_says)
