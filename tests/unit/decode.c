/* Decoding on a forest against adding up every possibility, and the fit against what it promises. */
#include "decode/fit.h"
#include "unit.h"

#include <math.h>
#include <string.h>

enum { S = 6, ALL = 729 };
static int32_t parents[S] = {2, 2, -1, 0, -1, 4}, order[S];
static float pairs[S * 9], offsets[2 * S * 3], logits[S * 3];

static sg_decoder toy(void)
{
    sg_err err = {0};
    sg_rng r = sg_rng_stream(11, SG_RNG_TEST, 0, 0);
    for (int k = 0; k < S * 9; k++)
        pairs[k] = parents[k / 9] < 0 ? 0 : 1.5f * sg_rng_normal(&r);
    for (int k = 0; k < 2 * S * 3; k++)
        offsets[k] = 0.5f * sg_rng_normal(&r);
    for (int k = 0; k < S * 3; k++)
        logits[k] = sg_rng_normal(&r);
    ck_ok(sg_forest_order(S, parents, order, &err), err);
    return (sg_decoder){S, offsets, 3 * S, {S, 4, parents, order, pairs}};
}

static void genotypes_of(int number, int8_t g[S])
{
    for (int s = 0; s < S; s++, number /= 3)
        g[s] = (int8_t)(number % 3);
}

/* The chance of each of the 729 people, by the definition. */
static void chances(const sg_decoder *d, int label, double p[ALL])
{
    double all = 0;
    for (int i = 0; i < ALL; i++) {
        int8_t g[S];
        double e = 0;
        genotypes_of(i, g);
        for (int s = 0; s < S; s++) {
            e += (double)logits[3 * s + g[s]] + (double)d->offset[label * d->offset_stride + 3 * s + g[s]];
            if (parents[s] >= 0)
                e += (double)d->forest.pair[9 * s + 3 * g[parents[s]] + g[s]];
        }
        p[i] = exp(e);
        all += p[i];
    }
    for (int i = 0; i < ALL; i++)
        p[i] /= all;
}

START_TEST(draws_on_a_forest_come_as_often_as_their_weights_say)
{
    sg_decoder d = toy();
    sg_err err = {0};
    double scratch[4 * S], p[ALL], chi = 0;
    static int count[ALL];
    ck_assert_int_le(sg_decode_scratch(&d), 4 * S);
    enum { N = 200000 };
    for (int i = 0; i < N; i++) {
        int8_t g[S];
        sg_rng r = sg_rng_stream(12, SG_RNG_TEST, (uint64_t)i, 0);
        ck_ok(sg_decode_person(&d, 1, logits, SG_DECODE_SAMPLE, &r, scratch, g, &err), err);
        int number = 0;
        for (int s = S - 1; s >= 0; s--)
            number = 3 * number + g[s];
        count[number]++;
    }
    chances(&d, 1, p);
    for (int i = 0; i < ALL; i++)
        chi += (count[i] - N * p[i]) * (count[i] - N * p[i]) / (N * p[i]);
    ck_assert_msg(chi < 728 + 5 * sqrt(2 * 728.0), "chi-square %.0f with 728 degrees", chi);
}
END_TEST

START_TEST(argmax_is_the_most_likely_person_of_all)
{
    sg_decoder d = toy();
    sg_err err = {0};
    double scratch[4 * S], p[ALL];
    for (int label = 0; label < 2; label++) {
        int8_t got[S], want[S];
        sg_rng r = sg_rng_stream(13, SG_RNG_TEST, 0, 0);
        ck_ok(sg_decode_person(&d, label, logits, SG_DECODE_ARGMAX, &r, scratch, got, &err), err);
        chances(&d, label, p);
        int best = 0;
        for (int i = 1; i < ALL; i++)
            best = p[i] > p[best] ? i : best;
        genotypes_of(best, want);
        ck_assert_mem_eq(got, want, S);
    }
}
END_TEST

START_TEST(links_that_close_a_circle_or_leave_the_panel_are_refused)
{
    sg_err err = {0};
    int32_t out[4];
    const int32_t circle[4] = {1, 2, 0, -1}, self[4] = {-1, 1, -1, -1}, far[4] = {-1, 4, -1, -1},
                  fine[4] = {3, 0, 1, -1};
    ck_assert_int_eq(sg_forest_order(4, circle, out, &err), SG_MISMATCH);
    ck_assert_ptr_nonnull(strstr(err.msg, "circle"));
    ck_assert_int_eq(sg_forest_order(4, self, out, &err), SG_MISMATCH);
    ck_assert_int_eq(sg_forest_order(4, far, out, &err), SG_MISMATCH);
    ck_assert_ptr_nonnull(strstr(err.msg, "SNP 2 of the panel is linked to SNP 5"));
    ck_ok(sg_forest_order(4, fine, out, &err), err);
    ck_assert_int_eq(out[0], 3);
    ck_assert_int_eq(out[3], 2);
}
END_TEST

START_TEST(a_logit_that_is_no_number_is_an_error_not_a_genotype)
{
    sg_decoder d = toy();
    sg_err err = {0};
    double scratch[4 * S];
    int8_t g[S];
    sg_rng r = sg_rng_stream(1, SG_RNG_TEST, 0, 0);
    logits[7] = NAN;
    ck_assert_int_eq(sg_decode_person(&d, 0, logits, SG_DECODE_SAMPLE, &r, scratch, g, &err), SG_INTERNAL);
    ck_assert_ptr_nonnull(strstr(err.msg, "SNP 3 of 6"));
}
END_TEST

/* Members in which SNP 1 copies SNP 0 nine times in ten, 3 copies 0, 2 stands alone and is commoner in label 1. */
enum { MEMBERS = 2000, V = 4, MADE = 900 };

static sg_people members(sg_arena *a, int8_t *label)
{
    sg_people p;
    sg_err err = {0};
    ck_ok(sg_people_new(MEMBERS, V, a, &p, &err), err);
    for (int i = 0; i < MEMBERS; i++) {
        sg_rng r = sg_rng_stream(14, SG_RNG_TEST, (uint64_t)i, 0);
        int8_t g[V];
        label[i] = (int8_t)(i % 4 == 0);
        g[0] = (int8_t)sg_rng_binomial2(&r, 0.4);
        for (int s = 1; s < V; s++)
            g[s] = (int8_t)sg_rng_binomial2(&r, s == 2 ? (label[i] ? 0.5 : 0.2) : 0.4);
        for (int s = 1; s < V; s += 2)
            if (sg_rng_uniform(&r) < 0.9)
                g[s] = g[0];
        sg_people_pack(&p, i, g);
    }
    return p;
}

typedef struct fitted {
    sg_decode_target t;
    sg_forest f;
    float offset[2 * V * 3];
    sg_decode_fit_result r;
} fitted;

/* Generated people whose logits know a little about SNP 0 and nothing of links. */
static void fit_all(sg_arena *a, int threads, bool linked, fitted *out)
{
    sg_err err = {0};
    sg_pool *pool;
    ck_ok(sg_pool_new(threads, &pool, &err), err);
    const sg_run run = {.pool = pool};
    int8_t *label = SG_NEW(a, int8_t, MEMBERS);
    const sg_people p = members(a, label);
    float *logit = SG_NEW(a, float, V *MADE * 3);
    for (int64_t k = 0; k < V * MADE * 3; k++) {
        sg_rng r = sg_rng_stream(15, SG_RNG_TEST, (uint64_t)k, 0);
        logit[k] = 1.5f * sg_rng_normal(&r);
    }
    const int64_t from[3] = {0, 400, MADE};
    *out = (fitted){0};
    ck_ok(sg_decode_count(&p, NULL, MEMBERS, label, 2, a, &out->t, &err), err);
    if (linked)
        ck_ok(sg_decode_link(&p, NULL, MEMBERS, label, &run, a, &out->t, &out->f, &err), err);
    ck_ok(sg_decode_fit(&out->t, logit, from, &run, a, out->offset, linked ? &out->f : NULL, &out->r, &err), err);
    sg_pool_free(pool);
}

START_TEST(the_forest_links_what_members_prove_and_nothing_else)
{
    sg_arena a = unit_arena((size_t)64 << 20);
    fitted x;
    fit_all(&a, 1, true, &x);
    ck_assert_int_eq(x.f.n_edge, 2);
    ck_assert_int_eq(x.f.parent[2], -1);
    ck_assert(x.f.parent[1] == 0 || x.f.parent[0] == 1);
    ck_assert(x.f.parent[3] == 0 || x.f.parent[0] == 3);
    sg_arena_clear(&a);
}
END_TEST

START_TEST(after_the_fit_generated_people_have_the_members_frequencies_and_pairs)
{
    sg_arena a = unit_arena((size_t)64 << 20);
    fitted x, alone;
    fit_all(&a, 1, true, &x);
    ck_assert_double_gt(x.r.was, 0.05);
    ck_assert_double_gt(x.r.pair_was, 0.05);
    ck_assert_msg(x.r.now < 3e-4 && x.r.pair_now < 3e-4, "off by %g and %g after %d", x.r.now, x.r.pair_now,
                  x.r.n_eval);
    ck_assert_double_gt(x.r.r_now, 0.999999);
    fit_all(&a, 1, false, &alone);
    ck_assert_double_lt(alone.r.now, 3e-4);
    ck_assert_int_eq(alone.f.n_edge, 0);

    /* And so do the people that are drawn: the linked SNPs agree as often as the members' do. */
    sg_decoder d = {V, x.offset, 3 * V, x.f};
    double scratch[4 * V], agree = 0, want = 0;
    sg_err err = {0};
    enum { DRAWN = 20000 };
    for (int i = 0; i < DRAWN; i++) {
        sg_rng r = sg_rng_stream(16, SG_RNG_TEST, (uint64_t)i, 0);
        float logit[3 * V];
        int8_t g[V];
        for (int k = 0; k < 3 * V; k++)
            logit[k] = 1.5f * sg_rng_normal(&r);
        ck_ok(sg_decode_person(&d, i % 4 == 0, logit, SG_DECODE_SAMPLE, &r, scratch, g, &err), err);
        agree += g[0] == g[1];
    }
    const int child = x.f.parent[1] == 0 ? 1 : 0;
    for (int k = 0; k < 9; k += 4)
        want += x.t.pair[9 * child + k];
    ck_assert_double_gt(want, 0.9);
    ck_assert_double_eq_tol(agree / DRAWN, want, 0.01);
    sg_arena_clear(&a);
}
END_TEST

/* Members whose two SNPs always agree; a network sure of people whose two do not. No weight reaches the target; wherever
 * the search starts and stops, the people drawn are those that the fit says it sees. */
START_TEST(people_drawn_are_those_the_fit_saw_even_where_it_cannot_succeed)
{
    enum { N = 600, TIMES = 20, M = 2000 };
    sg_arena a = unit_arena((size_t)64 << 20);
    sg_err err = {0};
    sg_people p;
    sg_decode_target t;
    sg_forest f;
    sg_decode_fit_result fit;
    int8_t *label = SG_NEW(&a, int8_t, M);
    float *logit = SG_NEW(&a, float, 2 * N * 3), offset[2 * 3] = {0};
    ck_ok(sg_people_new(M, 2, &a, &p, &err), err);
    for (int i = 0; i < M; i++) {
        sg_rng r = sg_rng_stream(17, SG_RNG_TEST, (uint64_t)i, 0);
        const int8_t g = (int8_t)sg_rng_binomial2(&r, 0.4);
        sg_people_pack(&p, i, (int8_t[2]){g, g});
    }
    for (int64_t s = 0; s < 2; s++)
        for (int64_t i = 0; i < N; i++) {
            sg_rng r = sg_rng_stream(18, SG_RNG_TEST, (uint64_t)i, (uint32_t)s);
            logit[(s * N + i) * 3 + sg_rng_binomial2(&r, 0.4)] = 200;
        }
    const int64_t from[2] = {0, N};
    ck_ok(sg_decode_count(&p, NULL, M, label, 1, &a, &t, &err), err);
    ck_ok(sg_decode_link(&p, NULL, M, label, NULL, &a, &t, &f, &err), err);
    ck_assert_int_eq(f.n_edge, 1);
    const int child = f.parent[1] == 0;
    f.pair[9 * child + 8] = -644; /* as a search once left it */
    ck_ok(sg_decode_fit(&t, logit, from, NULL, &a, offset, &f, &fit, &err), err);
    ck_assert_double_gt(fit.pair_now, 0.05);
    double pair[9] = {0}, worst = 0, scratch[8];
    sg_decoder d = {2, offset, 6, f};
    for (int64_t i = 0; i < N * TIMES; i++) {
        sg_rng r = sg_rng_stream(19, SG_RNG_TEST, (uint64_t)i, 0);
        float own[6];
        int8_t g[2];
        for (int64_t k = 0; k < 6; k++)
            own[k] = logit[(k / 3 * N + i % N) * 3 + k % 3];
        ck_ok(sg_decode_person(&d, 0, own, SG_DECODE_SAMPLE, &r, scratch, g, &err), err);
        pair[3 * g[!child] + g[child]] += 1.0 / (N * TIMES);
    }
    for (int k = 0; k < 9; k++)
        worst = fmax(worst, fabs(pair[k] - t.pair[9 * child + k]));
    ck_assert_msg(fabs(worst - fit.pair_now) < 0.01, "the fit is off by %g, the drawn by %g", fit.pair_now, worst);
    for (int k = 0; k < 9; k++)
        ck_assert_float_le(fabsf(f.pair[9 * child + k]), 30);
    sg_arena_clear(&a);
}
END_TEST

START_TEST(the_fit_is_the_same_for_any_number_of_threads)
{
    sg_arena a = unit_arena((size_t)64 << 20);
    fitted one, three;
    fit_all(&a, 1, true, &one);
    fit_all(&a, 3, true, &three);
    ck_assert_mem_eq(one.offset, three.offset, sizeof one.offset);
    ck_assert_mem_eq(one.f.pair, three.f.pair, 9 * V * sizeof(float));
    sg_arena_clear(&a);
}
END_TEST

UNIT_MAIN("decode", draws_on_a_forest_come_as_often_as_their_weights_say, argmax_is_the_most_likely_person_of_all,
          links_that_close_a_circle_or_leave_the_panel_are_refused,
          a_logit_that_is_no_number_is_an_error_not_a_genotype, the_forest_links_what_members_prove_and_nothing_else,
          after_the_fit_generated_people_have_the_members_frequencies_and_pairs,
          people_drawn_are_those_the_fit_saw_even_where_it_cannot_succeed,
          the_fit_is_the_same_for_any_number_of_threads)
