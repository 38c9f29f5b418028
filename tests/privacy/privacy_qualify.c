/* privacy_qualify.c - qualify/: what an audit says of epsilon, what attacks on traces find, what a pool shows, which records are
 * believed. The model itself is attacked in tests/http/qualify.py and tests/privacy/qualify.sh. */
#include "qualify/inside.h"
#include "world.h"

#include <jansson.h>
#include <stdlib.h>

/* P[B >= k], term by term. */
static double tail_slow(int64_t k, int64_t r, double p)
{
    double sum = 0;
    for (int64_t i = k > 0 ? k : 0; i <= r; i++)
        sum += exp(lgamma((double)r + 1) - lgamma((double)i + 1) - lgamma((double)(r - i) + 1) + (double)i * log(p) +
                   (double)(r - i) * log1p(-p));
    return sum;
}

static double chance_slow(double epsilon, int64_t n, int64_t r, int64_t v, double delta)
{
    const double q = 1 / (1 + exp(-epsilon)), beta = tail_slow(v, r, q);
    double most = 0;
    for (int64_t i = 1; i <= v; i++)
        most = fmax(most, (tail_slow(v - i, r, q) - beta) / (double)i);
    return beta + 2 * (double)n * delta * most;
}

START_TEST(epsilon_of_an_audit_is_the_published_one)
{
    /* Steinke et al.'s own figures, delta = 0. */
    ck_assert_double_eq_tol(sg_audit_epsilon(1000, 1000, 750, 0), 0.98, 0.006);
    ck_assert_double_eq_tol(sg_audit_epsilon(1000, 1000, 950, 0), 2.70, 0.006);
    ck_assert_double_eq_tol(sg_audit_epsilon(100, 100, 100, 0), 3.49, 0.006);
    ck_assert_double_eq_tol(sg_audit_epsilon(10000, 10000, 5500, 0), 0.17, 0.006);
    ck_assert_double_eq(sg_audit_epsilon(1000, 1000, 500, 0), 0);
    ck_assert_double_eq(sg_audit_epsilon(1000, 0, 0, 0), 0);
}
END_TEST

START_TEST(epsilon_is_where_the_chance_is_5_percent_term_by_term)
{
    static const struct {
        int64_t n, r, v;
        double delta;
    } c[] = {{200, 60, 50, 0}, {200, 60, 50, 1e-4}, {500, 200, 130, 1e-4}, {500, 500, 480, 1e-3}};
    for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
        const double e = sg_audit_epsilon(c[i].n, c[i].r, c[i].v, c[i].delta);
        if (e == 0)
            ck_assert(chance_slow(0, c[i].n, c[i].r, c[i].v, c[i].delta) > 0.05);
        else
            ck_assert_double_eq_tol(chance_slow(e, c[i].n, c[i].r, c[i].v, c[i].delta), 0.05, 1e-6);
    }
    ck_assert(sg_audit_epsilon(200, 60, 50, 1e-4) < sg_audit_epsilon(200, 60, 50, 0));
}
END_TEST

/* Traces of n people: noise, and for members `shift` standard deviations less loss at one level. */
static double *traces(int64_t n, double shift, uint32_t step, sg_arena *a)
{
    double *x = SG_NEW(a, double, n *SG_TRACE);
    for (int64_t i = 0; i < n; i++) {
        sg_rng r = sg_rng_stream(4, SG_RNG_TEST, (uint64_t)i, step);
        for (int k = 0; k < SG_TRACE; k++)
            x[i * SG_TRACE + k] =
                1 + 0.1 * ((double)sg_rng_normal(&r) - (k == 5 || (k == SG_TRACE - 1 && shift > 2) ? shift : 0));
    }
    return x;
}

static double *ones(int64_t n, sg_arena *a)
{
    double *x = SG_NEW(a, double, n);
    for (int64_t i = 0; i < n; i++)
        x[i] = (double)(i % 97);
    return x;
}

static const sg_finding *named(const sg_findings *f, const char *name)
{
    for (int i = 0; i < f->n; i++)
        if (!strcmp(f->list[i].measured.name, name))
            return &f->list[i];
    ck_abort_msg("no finding %s", name);
}

static void judge_traced(double shift, int64_t n, bool coins, const sg_policy *p, sg_arena *a, sg_findings *f)
{
    sg_err err = {0};
    sg_audit q = {.n_member = n, .n_other = n, .coins = coins};
    q.member = SG_NEW(a, int64_t, n);
    q.other = SG_NEW(a, int64_t, n);
    const sg_traced t = {&q,
                         traces(n, shift, 1, a),
                         traces(n, 0, 2, a),
                         traces(n, 0, 3, a),
                         n,
                         ones(n, a),
                         ones(n, a),
                         ones(n, a),
                         ones(n, a)};
    memset(f, 0, sizeof *f);
    ck_ok(sg_judge_traces(&t, p, 1e-5, 9, NULL, a, f, &err), err);
}

START_TEST(members_who_lose_less_are_found_and_others_are_not)
{
    sg_arena a = unit_arena((size_t)512 << 20);
    const sg_policy p = sg_policy_default();
    sg_findings *f = SG_NEW(&a, sg_findings, 1);
    judge_traced(0, 10000, true, &p, &a, f);
    ck_assert_str_eq(sg_outcome_name(sg_findings_combine(f).status), "pass");
    ck_assert_double_eq_tol(named(f, "model.loss.network")->measured.estimate, 0.5, 0.02);
    ck_assert_double_lt(named(f, "model.epsilon")->measured.estimate, 0.1);
    judge_traced(0.5, 10000, true, &p, &a, f);
    ck_assert_str_eq(sg_outcome_name(sg_findings_combine(f).status), "fail");
    /* P(N(0.5, 1) > N(0, 1)) */
    ck_assert_double_eq_tol(named(f, "model.loss.single")->measured.estimate, 0.638, 0.02);
    ck_assert_double_eq_tol(named(f, "model.loss.network")->measured.estimate, 0.638, 0.02);
    judge_traced(3, 10000, true, &p, &a, f);
    ck_assert_double_gt(named(f, "model.epsilon")->measured.estimate, 2);
    ck_assert_int_eq(named(f, "model.epsilon")->decided.status, SG_OUTCOME_FAIL);
    ck_assert_double_gt(named(f, "model.overfit")->measured.estimate, 0.02);
    sg_arena_clear(&a);
}
END_TEST

START_TEST(too_few_people_or_no_coins_withhold)
{
    sg_arena a = unit_arena((size_t)256 << 20);
    const sg_policy p = sg_policy_default();
    sg_findings *f = SG_NEW(&a, sg_findings, 1);
    judge_traced(0, 10000, false, &p, &a, f);
    ck_assert_int_eq(named(f, "model.epsilon")->decided.status, SG_OUTCOME_WITHHOLD);
    judge_traced(0, 400, true, &p, &a, f);
    ck_assert_int_eq(named(f, "model.audited")->decided.status, SG_OUTCOME_WITHHOLD);
    sg_arena_clear(&a);
}
END_TEST

START_TEST(a_pool_with_copies_fails_and_an_honest_one_passes)
{
    sg_arena a = unit_arena((size_t)256 << 20);
    sg_err err = {0};
    world w = world_new(3, 256, 800, 200, 400, &a);
    sg_policy p = small_policy();
    sg_gate_memory *memory;
    ck_ok(sg_gate_memory_new(&w.ref, &p, NULL, &memory, &err), err);
    sg_people pool = clean_cohort(&w, 1500, &a);
    const int8_t *label = draw_labels(1500, &a);
    sg_pool_count c = {0};
    sg_findings *f = SG_NEW(&a, sg_findings, 1);
    ck_ok(sg_pool_look(memory, &pool, label, &p, NULL, &c, &err), err);
    sg_pool_decide(&c, &p, f);
    ck_assert_int_eq(c.n, 1500);
    ck_assert_str_eq(sg_outcome_name(sg_findings_combine(f).status), "pass");
    plant_copy(&w, SG_ROLE_TRAIN, 5, 0, &pool, 7, &a);
    plant_copy(&w, SG_ROLE_TRAIN, 6, 0.02, &pool, 8, &a);
    c = (sg_pool_count){0};
    f->n = 0;
    ck_ok(sg_pool_look(memory, &pool, label, &p, NULL, &c, &err), err);
    sg_pool_decide(&c, &p, f);
    ck_assert_int_eq(c.equal, 1);
    ck_assert_int_ge(c.confirmed, 2);
    ck_assert_int_eq(named(f, "pool.identical")->decided.status, SG_OUTCOME_FAIL);
    ck_assert_int_eq(named(f, "pool.near_copy")->decided.status, SG_OUTCOME_FAIL);
    p.model_pool_min = 2000;
    p.low_power = false;
    f->n = 0;
    sg_pool_decide(&c, &p, f);
    ck_assert_int_eq(named(f, "pool.people")->decided.status, SG_OUTCOME_WITHHOLD);
    f->n = 0;
    sg_pool_decide(&(sg_pool_count){0}, &p, f); /* nobody was looked at */
    ck_assert_str_eq(sg_findings_combine(f).reason, "check_failed");
    sg_gate_memory_free(memory);
    sg_arena_clear(&a);
}
END_TEST

START_TEST(the_audit_set_is_the_one_the_coins_chose)
{
    sg_arena a = unit_arena((size_t)64 << 20);
    sg_err err = {0};
    world w = world_new(3, 64, 300, 50, 200, &a);
    sg_audit q;
    ck_ok(sg_audit_choose(&w.ref, 100, 1, &a, &q, &err), err);
    ck_assert(!q.coins && q.n_member == 100 && q.n_other == 100);
    for (int r = 0; r < SG_N_ROLE; r++) {
        w.ref.mark[r] = SG_NEW(&a, uint8_t, w.ref.people[r].n_sample);
        for (int64_t i = 0; i < w.ref.people[r].n_sample && r != SG_ROLE_VAL; i += 4)
            w.ref.mark[r][i] = SG_MARK_AUDIT;
    }
    ck_ok(sg_audit_choose(&w.ref, 1000, 1, &a, &q, &err), err);
    ck_assert(q.coins && q.n_member == 75 && q.n_other == 50);
    for (int64_t i = 0; i < q.n_member; i++)
        ck_assert_int_eq(q.member[i] % 4, 0);
    sg_arena_clear(&a);
}
END_TEST

/* ---- records ---- */

static sg_card card(sg_arena *a)
{
    sg_card c = {.format = SG_BUNDLE_FORMAT, .id = "m", .trait = "t", .n_label = 2, .prevalence = 0.5};
    (void)a;
    (void)strcpy(c.label_name[0], "control");
    (void)strcpy(c.label_name[1], "case");
    (void)strcpy(c.created, "2026-11-27T00:00:00Z");
    (void)strcpy(c.build, "test");
    (void)strcpy(c.licence, "none");
    c.sampling.solve = (sg_solve_options){.steps = 10, .guidance = 1, .guide_hi = INFINITY};
    return c;
}

static char *record_of(const sg_card *c, const sg_policy *p, const char *outcome, int64_t expires_ms)
{
    sg_err err = {0};
    sg_digest subject, limits;
    char s[SG_DIGEST_HEX], l[SG_DIGEST_HEX], *text = malloc(2000);
    ck_ok(sg_card_subject(c, &subject, &err), err);
    ck_ok(sg_policy_digest(p, &limits, &err), err);
    sg_hex(subject.b, SG_DIGEST_BYTES, s);
    sg_hex(limits.b, SG_DIGEST_BYTES, l);
    (void)snprintf(
        text, 2000,
        "{\"version\":%d,\"model\":\"%s\",\"policy\":\"%s\",\"policy_name\":\"x\",\"outcome\":\"%s\",\"reason\":"
        "\"\",\"created\":\"c\",\"expires\":\"2027-01-01T\",\"expires_ms\":%lld,\"checks\":[{\"estimate\":0.1}]}",
        SG_QUALIFY_VERSION, s, l, outcome, (long long)expires_ms);
    return text;
}

static const uint8_t key[SG_KEY_BYTES] = {1, 2, 3}, other_key[SG_KEY_BYTES] = {9};

/* The card with a sealed record in the arena. */
static void put(sg_card *c, const sg_policy *p, const char *outcome, int64_t expires_ms, sg_arena *a)
{
    sg_err err = {0};
    sg_buf b;
    sg_buf_init(&b, 65536);
    char *text = record_of(c, p, outcome, expires_ms);
    ck_ok(sg_qualify_seal(text, key, &b, &err), err);
    c->qualification_json = sg_arena_strndup(a, (const char *)b.data, b.n);
    free(text);
    sg_buf_clear(&b);
}

START_TEST(a_record_is_believed_only_when_everything_fits)
{
    sg_arena a = unit_arena((size_t)64 << 20);
    sg_err err = {0};
    const sg_policy p = sg_policy_default(), demo = sg_policy_demo();
    sg_policy strict = p;
    strict.auc_max = 0.51;
    sg_card c = card(&a);
    ck_assert_int_eq(sg_qualification_check(&c, &p, key, 5, &err), SG_STATE); /* none */
    ck_ok(sg_qualification_check(&c, &demo, key, 5, &err), err);              /* not asked for */
    put(&c, &p, "pass", 1000, &a);
    ck_ok(sg_qualification_check(&c, &p, key, 5, &err), err);
    sg_qualification q;
    sg_qualification_read(&c, &q);
    ck_assert(q.present);
    ck_assert_str_eq(q.outcome, "pass");
    ck_assert_int_eq(sg_qualification_check(&c, &p, key, 1000, &err), SG_STATE); /* expired */
    ck_assert_int_eq(sg_qualification_check(&c, &strict, key, 5, &err), SG_STATE);
    ck_assert_int_eq(sg_qualification_check(&c, &p, other_key, 5, &err), SG_PRIVACY);
    c.sampling.solve.guidance = 3; /* other settings are another model */
    ck_assert_int_eq(sg_qualification_check(&c, &p, key, 5, &err), SG_STATE);
    c.sampling.solve.guidance = 1;
    char *estimate = strstr(c.qualification_json, "0.1");
    ck_assert_ptr_nonnull(estimate);
    estimate[2] = '2';
    ck_assert_int_eq(sg_qualification_check(&c, &p, key, 5, &err), SG_PRIVACY);
    put(&c, &p, "withhold", 1000, &a);
    ck_assert_int_eq(sg_qualification_check(&c, &p, key, 5, &err), SG_STATE);
    c.qualification_json = sg_arena_strndup(&a, "{}", 2);
    ck_assert_int_eq(sg_qualification_check(&c, &p, key, 5, &err), SG_PRIVACY);
    sg_arena_clear(&a);
}
END_TEST

UNIT_MAIN("qualify", epsilon_of_an_audit_is_the_published_one, epsilon_is_where_the_chance_is_5_percent_term_by_term,
          members_who_lose_less_are_found_and_others_are_not, too_few_people_or_no_coins_withhold,
          a_pool_with_copies_fails_and_an_honest_one_passes, the_audit_set_is_the_one_the_coins_chose,
          a_record_is_believed_only_when_everything_fits)
