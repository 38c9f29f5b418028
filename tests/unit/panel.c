/* The panel file, chromosome order, alignment of alleles, counts and the exact test, the split and imputation. */
#include "base/rng.h"
#include "panel/panel.h"
#include "files.h"
#include "panel/align.h"
#include "formats/chrom.h"
#include "panel/qc.h"
#include "panel/split.h"
#include "panel/strata.h"

#include <math.h>

START_TEST(chromosomes_are_in_genome_order_whatever_they_are_called)
{
    static const char *const order[] = {"1", "chr2", "9", "10", "22", "X", "chrY", "25", "MT", "chrA", "scaffold_1"};
    const int n = (int)(sizeof order / sizeof *order);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            ck_assert_msg((sg_chrom_compare(order[i], order[j]) > 0) - (sg_chrom_compare(order[i], order[j]) < 0) ==
                              (i > j) - (i < j),
                          "%s and %s", order[i], order[j]);
    ck_assert_int_eq(sg_chrom_compare("chrX", "23"), 0);
    ck_assert_int_eq(sg_chrom_compare("chrM", "26"), 0);
    ck_assert_int_eq(sg_chrom_compare("01", "chr1"), 0);
    ck_assert_int_eq(sg_chrom_rank("0"), SG_CHROM_OTHER);
    ck_assert_int_eq(sg_chrom_rank("27"), SG_CHROM_OTHER);
    char name[SG_CHROM_NAME];
    sg_chrom_canonical("chr23", name);
    ck_assert_str_eq(name, "X");
}
END_TEST

static const struct {
    const char *a1, *a2, *s1, *s2;
    sg_align want;
} pair[] = {
    {"A", "G", "A", "G", SG_ALIGN_DIRECT},
    {"A", "G", "G", "A", SG_ALIGN_SWAPPED},
    {"A", "G", "T", "C", SG_ALIGN_STRAND},
    {"A", "G", "C", "T", SG_ALIGN_STRAND_SWAPPED},
    {"A", "G", "A", "C", SG_ALIGN_NONE},
    {"A", "G", "a", "g", SG_ALIGN_DIRECT},
    {"A", "T", "A", "T", SG_ALIGN_PALINDROME},
    {"C", "G", "G", "C", SG_ALIGN_PALINDROME_SWAPPED},
    {"A", "T", "C", "G", SG_ALIGN_NONE},
    {"A", "G", "G", "", SG_ALIGN_SWAPPED}, /* effect allele alone */
    {"A", "G", "C", "", SG_ALIGN_STRAND_SWAPPED},
    {"A", "T", "T", "", SG_ALIGN_PALINDROME_SWAPPED},
    {"A", "G", "", "", SG_ALIGN_NONE},
    {"AT", "A", "AT", "A", SG_ALIGN_DIRECT},
    {"AT", "A", "A", "AT", SG_ALIGN_SWAPPED},
    {"AT", "A", "TA", "T", SG_ALIGN_NONE}, /* no other strand for indels */
    {"A", "0", "A", "G", SG_ALIGN_NONE},
};

START_TEST(alleles_agree_directly_swapped_or_on_the_other_strand)
{
    for (size_t i = 0; i < sizeof pair / sizeof *pair; i++)
        ck_assert_msg(sg_align_alleles(pair[i].a1, pair[i].a2, pair[i].s1, pair[i].s2) == pair[i].want,
                      "%s/%s against %s/%s", pair[i].a1, pair[i].a2, pair[i].s1, pair[i].s2);
    ck_assert(sg_align_turned(SG_ALIGN_SWAPPED) && sg_align_turned(SG_ALIGN_STRAND_SWAPPED));
    ck_assert(!sg_align_turned(SG_ALIGN_DIRECT) && !sg_align_turned(SG_ALIGN_STRAND));
}
END_TEST

START_TEST(a_palindrome_is_settled_by_frequency_or_not_at_all)
{
    const sg_align same = SG_ALIGN_PALINDROME, other = SG_ALIGN_PALINDROME_SWAPPED;
    ck_assert_int_eq(sg_align_settle(same, 0.2, 0.25), SG_ALIGN_DIRECT);
    ck_assert_int_eq(sg_align_settle(same, 0.2, 0.75), SG_ALIGN_SWAPPED);
    ck_assert_int_eq(sg_align_settle(other, 0.2, 0.75), SG_ALIGN_SWAPPED);
    ck_assert_int_eq(sg_align_settle(other, 0.2, 0.25), SG_ALIGN_DIRECT);
    ck_assert_int_eq(sg_align_settle(same, 0.45, 0.2), SG_ALIGN_NONE);  /* ours too near one half */
    ck_assert_int_eq(sg_align_settle(same, 0.2, 0.55), SG_ALIGN_NONE);  /* theirs */
    ck_assert_int_eq(sg_align_settle(same, 0.05, 0.35), SG_ALIGN_NONE); /* not the same frequency either way */
    ck_assert_int_eq(sg_align_settle(same, 0.2, NAN), SG_ALIGN_NONE);
    ck_assert_int_eq(sg_align_settle(same, NAN, 0.2), SG_ALIGN_NONE);
    ck_assert_int_eq(sg_align_settle(SG_ALIGN_STRAND, 0.5, NAN), SG_ALIGN_STRAND);
}
END_TEST

static double log_factorial(int64_t n)
{
    return lgamma((double)n + 1);
}

/* The definition, term by term, in logarithms. */
static double slow_hwe(int64_t hom1, int64_t het, int64_t hom2)
{
    const int64_t n = hom1 + het + hom2, rare = 2 * (hom1 < hom2 ? hom1 : hom2) + het;
    double sum = 0, tail = 0, mine = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int64_t h = rare % 2; h <= rare; h += 2) {
            const int64_t x = (rare - h) / 2, y = n - h - x;
            const double p =
                exp(log_factorial(n) - log_factorial(x) - log_factorial(h) - log_factorial(y) + (double)h * M_LN2 +
                    log_factorial(rare) + log_factorial(2 * n - rare) - log_factorial(2 * n));
            if (pass == 0 && h == het)
                mine = p;
            if (pass == 1) {
                sum += p;
                tail += p <= mine * (1 + 1e-7) ? p : 0;
            }
        }
    return tail / sum;
}

START_TEST(the_exact_test_is_the_definition)
{
    for (int64_t hom1 = 0; hom1 < 14; hom1++)
        for (int64_t het = 0; het < 14; het++)
            for (int64_t hom2 = 0; hom2 < 14; hom2++)
                if (hom1 + het + hom2)
                    ck_assert_double_eq_tol(sg_qc_hwe(hom1, het, hom2), slow_hwe(hom1, het, hom2), 1e-9);
    ck_assert_double_eq(sg_qc_hwe(0, 0, 0), 1);
    /* Published example of Wigginton, Cutler and Abecasis: 100 people, 21 rare alleles. */
    ck_assert_double_eq_tol(sg_qc_hwe(79 + 4, 13, 4), slow_hwe(83, 13, 4), 1e-9);
    static const int64_t far[][3] = {
        {900, 1500, 700}, {4000, 800, 60}, {400, 900, 1300}, {700, 600, 700}, {300, 900, 300}};
    for (size_t i = 0; i < sizeof far / sizeof *far; i++) {
        const double p = slow_hwe(far[i][0], far[i][1], far[i][2]);
        ck_assert_double_gt(p, 0);
        ck_assert_double_eq_tol(sg_qc_hwe(far[i][0], far[i][1], far[i][2]) / p, 1, 1e-6);
    }
    ck_assert_double_lt(sg_qc_hwe(500, 0, 500), 1e-100);
    ck_assert_double_gt(sg_qc_hwe(250000, 500000, 250000), 0.99);
}
END_TEST

START_TEST(counting_by_words_is_counting_one_by_one)
{
    enum { V = 5, S = 1101 }; /* more than one vector of any processor, and a rest */
    char dir[UNIT_PATH], path[UNIT_PATH];
    sg_arena a = unit_arena(1 << 20);
    sg_err err = {0};
    sg_geno g;
    uint8_t keep[S], control[S];
    int64_t missing[S], want_missing[S] = {0};
    const int64_t want[] = {0, 2, 4};
    sg_qc_count count[3];
    unit_dir(dir);
    unit_path(path, dir, "x.bed");
    ck_ok(sg_geno_new(V, S, &a, &g, &err), err);
    for (int s = 0; s < S; s++) {
        keep[s] = s % 3 != 0;
        control[s] = keep[s] && s % 2;
        for (int v = 0; v < V; v++)
            sg_geno_set(&g, v, s, (s * s + v * s + s / 7) % 4);
    }
    ck_ok(sg_bed_save(path, &g, &err), err);
    sg_source_file file = {.path = path, .n = V};
    const sg_source source = {.n_file = 1, .file = &file, .fam.n = S, .bim.n = V};
    ck_ok(sg_qc_count_variants(&source, want, 3, keep, control, NULL, &a, count, missing, &err), err);
    for (int i = 0; i < 3; i++) {
        int64_t all[4] = {0}, ctl[4] = {0};
        for (int s = 0; s < S; s++) {
            const int code = sg_geno_get(&g, want[i], s);
            all[code] += keep[s];
            ctl[code] += control[s];
            want_missing[s] += keep[s] && code == SG_MISSING;
        }
        ck_assert_mem_eq(all, count[i].all, sizeof all);
        ck_assert_mem_eq(ctl, count[i].control, sizeof ctl);
    }
    ck_assert_mem_eq(missing, want_missing, sizeof missing);
    ck_assert_double_eq(sg_qc_freq((const int64_t[4]){1, 2, 1, 99}), 0.5);
    ck_assert(isnan(sg_qc_freq((const int64_t[4]){0, 0, 0, 9})));
    sg_arena_clear(&a);
    unit_dir_remove(dir);
}
END_TEST

START_TEST(families_stay_on_one_side_and_the_others_fill_the_shares)
{
    enum { N = 2000 };
    sg_arena a = unit_arena(1 << 20);
    sg_err err = {0};
    static int64_t person[N], family[N];
    static int8_t label[N];
    static uint8_t role[N], mark[N];
    int64_t count[2][SG_N_ROLE] = {{0}}, of_families[SG_N_ROLE] = {0};
    const sg_split_options o = {.test = 0.1, .val = 0.2, .seed = 7};
    for (int i = 0; i < N; i++) {
        person[i] = i;
        label[i] = i % 4 == 0;
        family[i] = i < 600 ? i / 3 * 3 : i; /* two hundred families of three, labels mixed */
    }
    ck_ok(sg_split(&o, person, family, label, N, 2, &a, role, mark, &err), err);
    for (int i = 0; i < N; i++) {
        count[label[i]][role[i]]++;
        if (i < 600) {
            ck_assert_int_eq(role[i], role[family[i]]);
            of_families[role[i]]++;
        }
    }
    ck_assert_int_eq(count[0][SG_ROLE_TEST], 150);
    ck_assert_int_eq(count[0][SG_ROLE_VAL], 270);
    ck_assert_int_eq(count[1][SG_ROLE_TEST], 50);
    ck_assert_int_eq(count[1][SG_ROLE_VAL], 90);
    ck_assert(of_families[SG_ROLE_TEST] > 20 && of_families[SG_ROLE_TEST] < 120 && of_families[SG_ROLE_TRAIN] > 300);
    sg_arena_clear(&a);
}
END_TEST

/* Splits 4,000 people, the first 900 in families of three, with the coins of `seed`. */
static void audited_split(const sg_split_options *o, int64_t *family, int8_t *label, uint8_t *role, uint8_t *mark)
{
    enum { N = 4000 };
    static int64_t person[N];
    sg_arena a = unit_arena(1 << 20);
    sg_err err = {0};
    for (int i = 0; i < N; i++) {
        person[i] = i;
        label[i] = i % 4 == 0;
        family[i] = i < 900 ? i / 3 * 3 : i;
    }
    ck_ok(sg_split(o, person, family, label, N, 2, &a, role, mark, &err), err);
    sg_arena_clear(&a);
}

START_TEST(an_audit_set_is_placed_by_fair_coins_and_test_is_halved_with_families_whole)
{
    enum { N = 4000 };
    static int64_t family[N];
    static int8_t label[N];
    static uint8_t role[N], mark[N];
    int64_t audit[2][SG_N_ROLE] = {{0}}, half[2][2] = {{0}}, n_half_family[2] = {0};
    audited_split(&(sg_split_options){.test = 0.2, .val = 0.2, .audit = 0.3, .seed = 7}, family, label, role, mark);
    for (int i = 0; i < N; i++) {
        ck_assert(sg_mark_ok(mark[i], (sg_role)role[i]));
        ck_assert_int_eq(role[i], role[family[i]]);
        ck_assert_int_eq(mark[i], mark[family[i]]);
        audit[label[i]][role[i]] += (mark[i] & SG_MARK_AUDIT) != 0;
        if (role[i] == SG_ROLE_TEST) {
            half[label[i]][mark[i] & SG_MARK_CALIBRATION]++;
            n_half_family[mark[i] & SG_MARK_CALIBRATION] += i < 900;
        }
    }
    ck_assert(n_half_family[0] > 30 && n_half_family[1] > 30);
    for (int l = 0; l < 2; l++) {
        const int64_t all = l ? 1000 : 3000, n = audit[l][SG_ROLE_TRAIN] + audit[l][SG_ROLE_TEST];
        ck_assert_int_eq(audit[l][SG_ROLE_VAL], 0);
        ck_assert_int_eq(n, all * 3 / 10);
        ck_assert(fabs((double)audit[l][SG_ROLE_TRAIN] - 0.5 * (double)n) < 4 * sqrt(0.75 * (double)n));
        ck_assert_int_le(labs((long)(half[l][0] - half[l][1])), 1);
        ck_assert(fabs((double)(half[l][0] + half[l][1]) - 0.2 * (double)all) < 4 * sqrt(0.75 * (double)n));
    }
}
END_TEST

START_TEST(every_stratum_has_its_share_of_each_role_and_of_the_audit_set)
{
    enum { N = 4000, G = 3 };
    sg_arena a = unit_arena(1 << 20);
    sg_err err = {0};
    static int64_t person[N];
    static int8_t label[N];
    static uint8_t role[N], mark[N], stratum[N], plain[N], plain_mark[N], one[N];
    int64_t all[2][G] = {{0}}, audit[2][G] = {{0}}, val[2][G] = {{0}};
    sg_split_options o = {.test = 0.2, .val = 0.25, .audit = 0.3, .seed = 9};
    for (int i = 0; i < N; i++) {
        person[i] = i;
        label[i] = i % 4 == 0;
        stratum[i] = (uint8_t)(i % 10 < 6 ? 0 : i % 10 < 9 ? 1 : 2);
    }
    ck_ok(sg_split(&o, person, NULL, label, N, 2, &a, plain, plain_mark, &err), err);
    o.stratum = one; /* everybody in one: nothing changes */
    ck_ok(sg_split(&o, person, NULL, label, N, 2, &a, role, mark, &err), err);
    ck_assert_mem_eq(role, plain, N);
    ck_assert_mem_eq(mark, plain_mark, N);
    o.stratum = stratum;
    ck_ok(sg_split(&o, person, NULL, label, N, 2, &a, role, mark, &err), err);
    for (int i = 0; i < N; i++) {
        all[label[i]][stratum[i]]++;
        audit[label[i]][stratum[i]] += (mark[i] & SG_MARK_AUDIT) != 0;
        val[label[i]][stratum[i]] += role[i] == SG_ROLE_VAL;
    }
    for (int l = 0; l < 2; l++)
        for (int g = 0; g < G; g++) {
            ck_assert_double_eq_tol((double)audit[l][g], 0.3 * (double)all[l][g], 0.51);
            ck_assert_double_eq_tol((double)val[l][g], 0.25 * 0.8 * (double)all[l][g], 1.01);
        }
    sg_arena_clear(&a);
}
END_TEST

/* Three populations whose frequencies differ by a little at each SNP, in an order that tells nothing. */
START_TEST(groups_of_like_ancestry_are_the_populations)
{
    enum { N = 600, M = 700, G = 3 };
    sg_arena a = unit_arena((size_t)64 << 20);
    sg_err err = {0};
    sg_people p;
    sg_pool *pool;
    static uint8_t one[N], many[N];
    int8_t code[M];
    int64_t table[G][G] = {{0}};
    ck_ok(sg_people_new(N, M, &a, &p, &err), err);
    for (int i = 0; i < N; i++) {
        sg_rng r = sg_rng_stream(1, SG_RNG_TEST, (uint64_t)i, 0);
        for (int v = 0; v < M; v++) {
            sg_rng f = sg_rng_stream(2, SG_RNG_TEST, (uint64_t)v, (uint32_t)(i % 7 % G));
            code[v] = (int8_t)sg_rng_binomial2(&r, 0.4 + 0.2 * sg_rng_uniform(&f));
        }
        sg_people_pack(&p, i, code);
    }
    ck_ok(sg_strata(&p, G, NULL, &a, one, &err), err);
    ck_ok(sg_pool_new(3, &pool, &err), err);
    ck_ok(sg_strata(&p, G, &(sg_run){.pool = pool}, &a, many, &err), err);
    sg_pool_free(pool);
    ck_assert_mem_eq(one, many, N);
    for (int i = 0; i < N; i++)
        table[i % 7 % G][one[i]]++;
    int64_t right = 0;
    for (int k = 0; k < G; k++)
        right += table[k][0] > table[k][1] ? (table[k][0] > table[k][2] ? table[k][0] : table[k][2])
                                           : (table[k][1] > table[k][2] ? table[k][1] : table[k][2]);
    ck_assert_int_ge(right, N * 95 / 100);
    int used[G] = {0};
    for (int i = 0; i < N; i++)
        used[one[i]]++;
    ck_assert(used[0] > 100 && used[1] > 100 && used[2] > 100);
    memset(many, 9, sizeof many);
    ck_ok(sg_strata(&p, 1, NULL, &a, many, &err), err); /* one group: nobody is looked at */
    for (int i = 0; i < N; i++)
        ck_assert_int_eq(many[i], 0);
    sg_arena_clear(&a);
}
END_TEST

START_TEST(shares_of_the_audit_set_have_a_default_and_limits)
{
    enum { N = 4000 };
    static int64_t family[N];
    static int8_t label[N];
    static uint8_t role[N], mark[N];
    sg_arena a = unit_arena(1 << 20);
    sg_err err = {0};
    int n = 0;
    sg_split_options o = {.test = 0.2, .val = 0.2, .audit = NAN, .seed = 3};
    audited_split(&o, family, label, role, mark);
    for (int i = 0; i < N; i++)
        n += (mark[i] & SG_MARK_AUDIT) != 0;
    ck_assert_int_eq(n, 800);
    o.test = 0.1; /* 400 people are too few */
    audited_split(&o, family, label, role, mark);
    for (int i = 0; i < N; i++)
        ck_assert(!(mark[i] & SG_MARK_AUDIT));
    o.audit = 0.3;
    ck_assert_int_eq(sg_split(&o, family, NULL, label, N, 2, &a, role, mark, &err), SG_LIMIT);
    ck_assert_str_eq(
        err.msg, "audit share 0.3: half of it goes to test, which holds 0.1; want from 0 to 0.2, or a larger --test");
    o = (sg_split_options){.test = 0.6, .val = 0.5, .audit = 0.9};
    ck_assert_int_eq(sg_split(&o, family, NULL, label, N, 2, &a, role, mark, &err), SG_LIMIT);
    ck_assert_ptr_nonnull(strstr(err.msg, "leave nobody else to train on"));
    sg_arena_clear(&a);
}
END_TEST

START_TEST(the_split_is_stratified_and_a_person_keeps_the_role_when_others_leave)
{
    enum { N = 1000 };
    sg_arena a = unit_arena(1 << 20);
    sg_err err = {0};
    int64_t person[N], count[2][SG_N_ROLE] = {{0}};
    int8_t label[N];
    uint8_t role[N], again[N], mark[N];
    const sg_split_options o = {.test = 0.1, .val = 0.2, .seed = 7};
    for (int i = 0; i < N; i++) {
        person[i] = 3 * i;
        label[i] = i % 10 == 0;
    }
    ck_ok(sg_split(&o, person, NULL, label, N, 2, &a, role, mark, &err), err);
    for (int i = 0; i < N; i++)
        count[label[i]][role[i]]++;
    ck_assert_int_eq(count[0][SG_ROLE_TEST], 90);
    ck_assert_int_eq(count[0][SG_ROLE_VAL], 162);
    ck_assert_int_eq(count[1][SG_ROLE_TEST], 10);
    ck_assert_int_eq(count[1][SG_ROLE_VAL], 18);
    ck_ok(sg_split(&o, person + 1, NULL, label + 1, N - 1, 2, &a, again, mark, &err), err);
    int moved = 0;
    for (int i = 1; i < N; i++)
        moved += role[i] != again[i - 1];
    ck_assert_int_le(moved, 2); /* only those at a border */
    sg_split_options other = o;
    other.seed = 8;
    ck_ok(sg_split(&other, person, NULL, label, N, 2, &a, again, mark, &err), err);
    ck_assert(memcmp(role, again, N) != 0);
    /* Of three people of a label one is tested on, however small the share. */
    ck_ok(sg_split(&o, person, NULL, (const int8_t[]){0, 0, 0, 1, 1, 1}, 6, 2, &a, role, mark, &err), err);
    ck_assert_int_eq(role[0] + role[1] + role[2], SG_ROLE_TEST);
    ck_assert_int_eq(role[3] + role[4] + role[5], SG_ROLE_TEST);
    other.test = 0.9;
    other.val = 0.9;
    ck_assert_int_eq(sg_split(&other, person, NULL, label, 4, 2, &a, role, mark, &err), SG_DEGENERATE);
    ck_assert_ptr_nonnull(strstr(err.msg, "too few to train on"));
    other.test = 1;
    ck_assert_int_eq(sg_split(&other, person, NULL, label, 4, 2, &a, role, mark, &err), SG_LIMIT);
    sg_arena_clear(&a);
}
END_TEST

START_TEST(imputation_draws_from_the_frequency_and_touches_nothing_else)
{
    enum { N = 4000 };
    sg_arena a = unit_arena(1 << 20);
    sg_err err = {0};
    sg_people p, q;
    int64_t person[N], variant[] = {5, 6};
    ck_ok(sg_people_new(N, 2, &a, &p, &err), err);
    ck_ok(sg_people_new(N, 2, &a, &q, &err), err);
    for (int i = 0; i < N; i++) { /* frequency 0.25 where called; variant 1 is whole */
        const int8_t code[2] = {(int8_t)(i % 2 ? SG_MISSING : i % 4 == 0), (int8_t)(i % 3)};
        person[i] = i;
        sg_people_pack(&p, i, code);
        sg_people_pack(&q, i, code);
    }
    ck_assert_int_eq(sg_impute_people(SG_IMPUTE_BINOMIAL, 3, person, variant, &p), N / 2);
    int64_t copies = 0;
    for (int i = 0; i < N; i++) {
        ck_assert_int_eq(sg_people_get(&p, i, 1), i % 3);
        ck_assert_int_ne(sg_people_get(&p, i, 0), SG_MISSING);
        if (i % 2)
            copies += sg_people_get(&p, i, 0);
        else
            ck_assert_int_eq(sg_people_get(&p, i, 0), i % 4 == 0);
    }
    ck_assert_double_eq_tol((double)copies / N, 0.25, 0.03);
    ck_assert_int_eq(sg_impute_people(SG_IMPUTE_MODE, 3, person, variant, &q), N / 2);
    for (int i = 1; i < N; i += 2)
        ck_assert_int_eq(sg_people_get(&q, i, 0), 0); /* 1,000 of each: the smaller code */
    sg_impute how;
    ck_ok(sg_impute_parse("mode", &how, &err), err);
    ck_assert_int_eq(how, SG_IMPUTE_MODE);
    ck_assert_int_eq(sg_impute_parse("mean", &how, &err), SG_LIMIT);
    ck_assert_str_eq(err.msg, "imputation \"mean\", want binomial or mode");
    sg_arena_clear(&a);
}
END_TEST

START_TEST(imputation_by_words_is_imputation_one_by_one)
{
    enum { N = 200, V = 150 };
    sg_arena a = unit_arena(1 << 20);
    sg_err err = {0};
    sg_people p;
    int64_t person[N], variant[V], want = 0;
    int8_t code[N][V];
    ck_ok(sg_people_new(N, V, &a, &p, &err), err);
    sg_rng r = sg_rng_stream(8, SG_RNG_TEST, 0, 0);
    for (int i = 0; i < N; i++) {
        person[i] = 3 * i;
        for (int v = 0; v < V; v++) {
            variant[v] = 1000 + v;
            code[i][v] = (int8_t)(v % 3 == 0 || sg_rng_below(&r, 10) ? sg_rng_below(&r, 3) : SG_MISSING);
            if (v == 0) /* nearly everybody the same */
                code[i][v] = i == N - 1 || i == 70 ? SG_MISSING : 2;
            want += code[i][v] == SG_MISSING;
        }
        sg_people_pack(&p, i, code[i]);
    }
    ck_assert_int_eq(sg_impute_people(SG_IMPUTE_BINOMIAL, 3, person, variant, &p), want);
    for (int v = 0; v < V; v++) {
        int64_t copies = 0, called = 0;
        for (int i = 0; i < N; i++)
            if (code[i][v] != SG_MISSING) {
                copies += code[i][v];
                called++;
            }
        for (int i = 0; i < N; i++) {
            sg_rng k = sg_rng_stream(3, SG_RNG_IMPUTE, (uint64_t)person[i], (uint32_t)variant[v]);
            const int drawn = sg_rng_binomial2(&k, (double)copies / (2.0 * (double)called));
            ck_assert_int_eq(sg_people_get(&p, i, v), code[i][v] == SG_MISSING ? drawn : code[i][v]);
        }
    }
    sg_arena_clear(&a);
}
END_TEST

START_TEST(a_panel_comes_back_to_the_last_bit)
{
    char dir[UNIT_PATH], path[UNIT_PATH];
    sg_arena a = unit_arena(1 << 20);
    sg_err err = {0};
    sg_snp snp[] = {
        {"1", "rs1", 0.1, 100, "A", "G", 1.0 / 3, -0.1, NAN, 4.9406564584124654e-324},
        {"1", "rs2", 0, 100, "AT", "A", NAN, NAN, NAN, NAN},
        {"X", "rs3", 0, 5, "A", "G", 0, 1e-300, 0.5, 1},
    };
    const sg_panel p = {3, snp, true};
    sg_panel q;
    unit_dir(dir);
    ck_ok(sg_panel_save(unit_path(path, dir, "panel.tsv"), &p, &err), err);
    ck_ok(sg_panel_load(path, &a, &q, &err), err);
    ck_assert_int_eq(q.n_snp, 3);
    ck_assert(q.counted_a2);
    ck_assert_str_eq(q.snp[1].a1, "AT");
    ck_assert_double_eq(q.snp[0].freq, 1.0 / 3);
    ck_assert_double_eq(q.snp[0].p, snp[0].p);
    ck_assert(isnan(q.snp[0].se) && isnan(q.snp[1].p));
    ck_assert_double_eq(q.snp[2].beta, 1e-300);
    sg_arena_clear(&a);
    unit_dir_remove(dir);
}
END_TEST

#define HEAD "##counted=a1\nchrom\tid\tcm\tpos\ta1\ta2\tfreq\tbeta\tse\tp\n"
static const struct {
    const char *text, *message;
} bad_panel[] = {
    {"chrom\n", "x line 1: want \"##counted=a1\" or \"##counted=a2\""},
    {"##counted=a1\nchrom\tid\n", "x line 2: want the columns chrom id cm pos a1 a2 freq beta se p"},
    {HEAD "1\trs1\n", "x line 3: 2 columns, want 10"},
    {HEAD "1\trs1\t0\t0\tA\tG\tNA\tNA\tNA\tNA\n", "x line 3: position \"0\", want 1 to 2147483647"},
    {HEAD "1\trs1\t0\t5\tA\tG\tinf\tNA\tNA\tNA\n", "x line 3: freq is \"inf\", want a number or NA"},
    {HEAD "1\trs1\t0\t5\tA\tG\t2\tNA\tNA\tNA\n", "x line 3: freq and p must be from 0 to 1, se at least 0"},
    {HEAD "1\t\t0\t5\tA\tG\t0\tNA\tNA\tNA\n", "x line 3: an empty name or allele"},
    {HEAD "2\trs1\t0\t5\tA\tG\t0\tNA\tNA\tNA\n1\trs2\t0\t5\tA\tG\t0\tNA\tNA\tNA\n", "x line 4: not in genome order"},
};

START_TEST(a_broken_panel_is_refused_with_its_line)
{
    sg_arena a = unit_arena(1 << 20);
    for (size_t i = 0; i < sizeof bad_panel / sizeof *bad_panel; i++) {
        sg_err err = {0};
        sg_panel p;
        const size_t n = strlen(bad_panel[i].text);
        ck_assert_int_eq(sg_panel_decode("x", copy_text(&a, bad_panel[i].text), n, &a, &p, &err), SG_FORMAT);
        ck_assert_str_eq(err.msg, bad_panel[i].message);
    }
    sg_arena_clear(&a);
}
END_TEST

UNIT_MAIN("panel", chromosomes_are_in_genome_order_whatever_they_are_called,
          alleles_agree_directly_swapped_or_on_the_other_strand, a_palindrome_is_settled_by_frequency_or_not_at_all,
          the_exact_test_is_the_definition, counting_by_words_is_counting_one_by_one,
          every_stratum_has_its_share_of_each_role_and_of_the_audit_set, groups_of_like_ancestry_are_the_populations,
          an_audit_set_is_placed_by_fair_coins_and_test_is_halved_with_families_whole,
          shares_of_the_audit_set_have_a_default_and_limits,
          the_split_is_stratified_and_a_person_keeps_the_role_when_others_leave,
          families_stay_on_one_side_and_the_others_fill_the_shares,
          imputation_draws_from_the_frequency_and_touches_nothing_else, imputation_by_words_is_imputation_one_by_one,
          a_panel_comes_back_to_the_last_bit, a_broken_panel_is_refused_with_its_line)
