/* Simple generators: what each keeps of the people it was made from, and what it cannot keep. */
#include "base/rng.h"
#include "baseline/baseline.h"
#include "stat/snps.h"
#include "../unit/unit.h"

#include <math.h>

enum { N = 4000, L = 24 };

/* SNP 3k copies nobody, 3k + 1 is drawn alone, 3k + 2 mostly copies 3k: a link that a chain cannot carry. Cases have
 * other frequencies. */
static sg_people make(int8_t *label, sg_arena *a)
{
    sg_people p;
    sg_err err = {0};
    int8_t code[L];
    ck_ok(sg_people_new(N, L, a, &p, &err), err);
    for (int i = 0; i < N; i++) {
        sg_rng r = sg_rng_stream(1, SG_RNG_TEST, (uint64_t)i, 0);
        label[i] = (int8_t)(i % 4 == 0);
        for (int v = 0; v < L; v++)
            code[v] = (int8_t)(v % 3 == 2 && sg_rng_uniform(&r) < 0.8
                                   ? code[v - 2]
                                   : sg_rng_binomial2(&r, label[i] ? 0.5 : 0.2 + 0.01 * v));
        sg_people_pack(&p, i, code);
    }
    return p;
}

typedef struct world {
    sg_arena a;
    sg_people real, made;
    int8_t label[N];
    sg_snps s[2]; /* real, made; of label 0 */
    float r[2][L * L];
} world;

static void world_of(sg_baseline_kind kind, sg_pool *pool, world *w)
{
    const sg_run run = {.pool = pool};
    sg_err err = {0};
    sg_baseline b;
    w->a = unit_arena(1 << 26);
    w->real = make(w->label, &w->a);
    ck_ok(sg_baseline_fit(kind, &w->real, w->label, 2, NULL, &run, &w->a, &b, &err), err);
    ck_ok(sg_baseline_draw(&b, 7, w->label, N, &run, &w->a, &w->made, &err), err);
    int64_t *idx = SG_NEW(&w->a, int64_t, N), n = 0;
    for (int i = 0; i < N; i++)
        if (!w->label[i])
            idx[n++] = i;
    for (int k = 0; k < 2; k++) {
        ck_ok(sg_snps_new(k ? &w->made : &w->real, idx, n, &w->a, &w->s[k], &err), err);
        ck_ok(sg_snps_correlation(&w->s[k], NULL, w->r[k], &err), err);
    }
}

/* Largest difference of a frequency of a genotype among controls. */
static double worst_frequency(const world *w)
{
    double worst = 0;
    for (int v = 0; v < L; v++)
        for (int g = 0; g < 3; g++)
            worst = fmax(worst, fabs((double)(w->s[0].count[v][g] - w->s[1].count[v][g]) / (double)w->s[0].n_people));
    return worst;
}

/* Mean correlation over SNPs v = k mod 3 with the one `apart` before. */
static double mean_r(const world *w, int which, int k, int apart)
{
    double sum = 0, n = 0;
    for (int v = k; v < L; v += 3)
        if (v >= apart) {
            sum += (double)w->r[which][v * L + v - apart];
            n++;
        }
    return sum / n;
}

START_TEST(each_keeps_frequencies_and_the_links_it_can_carry)
{
    static world w;
    for (int kind = 0; kind < SG_N_BASELINE; kind++) {
        world_of((sg_baseline_kind)kind, NULL, &w);
        ck_assert_double_lt(worst_frequency(&w), 0.04); /* sd of a difference is at most 0.013, 72 of them */
        const double real = mean_r(&w, 0, 2, 2), made = mean_r(&w, 1, 2, 2);
        ck_assert_double_gt(real, 0.75);
        if (kind == SG_BASELINE_CHOW_LIU || kind == SG_BASELINE_RESAMPLED)
            ck_assert_double_eq_tol(made, real, 0.03);
        else
            ck_assert_double_lt(fabs(made), 0.03);
        sg_arena_clear(&w.a);
    }
}
END_TEST

START_TEST(a_chain_keeps_neighbours_and_stops_at_the_end_of_a_chromosome)
{
    sg_arena a = unit_arena(1 << 26);
    sg_err err = {0};
    sg_people p, made[2];
    sg_baseline b;
    int32_t chrom[L];
    int8_t *label = SG_NEW(&a, int8_t, N), code[L];
    ck_ok(sg_people_new(N, L, &a, &p, &err), err);
    for (int i = 0; i < N; i++) {
        sg_rng r = sg_rng_stream(2, SG_RNG_TEST, (uint64_t)i, 0);
        for (int v = 0; v < L; v++)
            code[v] = (int8_t)(v && sg_rng_uniform(&r) < 0.7 ? code[v - 1] : sg_rng_binomial2(&r, 0.3));
        sg_people_pack(&p, i, code);
    }
    for (int v = 0; v < L; v++)
        chrom[v] = v / 8;
    for (int k = 0; k < 2; k++) {
        sg_snps s;
        float r[L * L];
        ck_ok(sg_baseline_fit(SG_BASELINE_MARKOV, &p, label, 1, k ? chrom : NULL, NULL, &a, &b, &err), err);
        ck_ok(sg_baseline_draw(&b, 7, label, N, NULL, &a, &made[k], &err), err);
        ck_ok(sg_snps_new(&made[k], NULL, 0, &a, &s, &err), err);
        ck_ok(sg_snps_correlation(&s, NULL, r, &err), err);
        for (int v = 1; v < L; v++)
            ck_assert_double_eq_tol((double)r[v * L + v - 1], k && v % 8 == 0 ? 0 : 0.7, 0.06);
    }
    sg_arena_clear(&a);
}
END_TEST

START_TEST(resampled_people_are_people_of_their_label)
{
    static world w;
    world_of(SG_BASELINE_RESAMPLED, NULL, &w);
    for (int i = 0; i < 50; i++) {
        bool found = false;
        for (int j = 0; j < N && !found; j++)
            found = w.label[i] == w.label[j] && sg_people_hamming(&w.made, i, &w.real, j) == 0;
        ck_assert(found);
    }
    sg_arena_clear(&w.a);
}
END_TEST

START_TEST(two_threads_draw_what_one_draws)
{
    static world w[2];
    sg_pool *pool;
    sg_err err = {0};
    ck_ok(sg_pool_new(2, &pool, &err), err);
    for (int kind = 0; kind < SG_N_BASELINE; kind++) {
        world_of((sg_baseline_kind)kind, NULL, &w[0]);
        world_of((sg_baseline_kind)kind, pool, &w[1]);
        ck_assert_mem_eq(w[0].made.plane, w[1].made.plane, (size_t)(N * w[0].made.n_word) * 16);
        sg_arena_clear(&w[0].a);
        sg_arena_clear(&w[1].a);
    }
    sg_pool_free(pool);
}
END_TEST

START_TEST(a_label_that_nobody_had_is_refused)
{
    sg_arena a = unit_arena(1 << 26);
    sg_err err = {0};
    sg_baseline b;
    sg_people out;
    int8_t *label = SG_NEW(&a, int8_t, N), want[] = {0, 2};
    const sg_people p = make(label, &a);
    ck_ok(sg_baseline_fit(SG_BASELINE_INDEPENDENT, &p, label, 3, NULL, NULL, &a, &b, &err), err);
    ck_assert_int_eq(sg_baseline_draw(&b, 1, want, 2, NULL, &a, &out, &err), SG_DEGENERATE);
    ck_assert_str_eq(err.msg, "label 2 is asked of a baseline that saw nobody of it");
    ck_assert_int_eq(sg_baseline_fit(SG_BASELINE_INDEPENDENT, &p, label, 17, NULL, NULL, &a, &b, &err), SG_LIMIT);
    sg_arena_clear(&a);
}
END_TEST

UNIT_MAIN("stat_baseline", each_keeps_frequencies_and_the_links_it_can_carry,
          a_chain_keeps_neighbours_and_stops_at_the_end_of_a_chromosome, resampled_people_are_people_of_their_label,
          two_threads_draw_what_one_draws, a_label_that_nobody_had_is_refused)
