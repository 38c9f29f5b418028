/* Simulated people: the genealogy has the statistics theory says, and effects come back out of the files. */
#include "simulate/simulate.h"
#include "files.h"
#include "formats/plink.h"
#include "simulate/cohort.h"
#include "simulate/genealogy.h"
#include "simulate/gwas.h"

#include <math.h>

static double r2(const uint64_t *h, int i, int j)
{
    double a = 0, b = 0, both = 0;
    for (int f = 0; f < SG_FOUNDERS; f++) {
        a += (double)(h[f] >> i & 1);
        b += (double)(h[f] >> j & 1);
        both += (double)(h[f] >> i & h[f] >> j & 1);
    }
    a /= SG_FOUNDERS;
    b /= SG_FOUNDERS;
    both /= SG_FOUNDERS;
    return (both - a * b) * (both - a * b) / (a * (1 - a) * b * (1 - b));
}

START_TEST(linkage_decays_with_distance_and_alleles_are_mostly_rare)
{
    enum { LOCI = 60, N = 21 };
    double near = 0, far = 0, pos[N];
    int rare = 0, low = 0;
    for (int k = 0; k < N; k++)
        pos[k] = 5000.0 * k;
    for (int l = 0; l < LOCI; l++) {
        uint64_t h[SG_FOUNDERS];
        sg_rng r = sg_rng_stream(9, SG_RNG_TEST, (uint64_t)l, 0);
        sg_genealogy_founders(pos, N, 0.01, &r, h);
        for (int k = 0; k < N; k++) {
            int copies = 0;
            for (int f = 0; f < SG_FOUNDERS; f++)
                copies += (int)(h[f] >> k & 1);
            ck_assert_int_ge(copies, 4); /* 0.01 of 400 */
            ck_assert_int_le(2 * copies, SG_FOUNDERS);
            rare += copies < SG_FOUNDERS / 20;
            low += copies >= SG_FOUNDERS / 4;
        }
        for (int k = 0; k + 1 < N; k++)
            near += r2(h, k, k + 1) / (LOCI * (N - 1));
        for (int k = 0; k < 5; k++)
            far += r2(h, k, k + 16) / (LOCI * 5);
    }
    ck_assert_double_gt(near, 0.05); /* rare alleles, whose r2 is small, included */
    ck_assert_double_lt(near, 0.5);
    ck_assert_double_lt(far, near / 2); /* 80 kb apart against 5 kb */
    ck_assert_int_gt(rare, LOCI * N / 4);
    ck_assert_int_lt(low, LOCI * N / 2);
}
END_TEST

/* The neutral expectation without recombination: mutations in proportion to 1/i, so SNPs of 4 copies are twice as many
 * as of 8 (folding and discreteness aside). */
START_TEST(the_frequency_spectrum_is_that_of_neutral_theory)
{
    enum { LOCI = 3000 };
    double want[4] = {0};
    int got[4] = {0};
    static const int edge[5] = {4, 8, 20, 80, 201};
    for (int i = 4; i <= SG_FOUNDERS - 4; i++) {
        const int minor = i < SG_FOUNDERS - i ? i : SG_FOUNDERS - i;
        for (int b = 0; b < 4; b++)
            if (minor >= edge[b] && minor < edge[b + 1])
                want[b] += 1.0 / i;
    }
    const double total = want[0] + want[1] + want[2] + want[3], pos[1] = {0};
    for (int l = 0; l < LOCI; l++) {
        uint64_t h[SG_FOUNDERS];
        int copies = 0;
        sg_rng r = sg_rng_stream(10, SG_RNG_TEST, (uint64_t)l, 0);
        sg_genealogy_founders(pos, 1, 0.01, &r, h);
        for (int f = 0; f < SG_FOUNDERS; f++)
            copies += (int)(h[f] & 1);
        for (int b = 0; b < 4; b++)
            got[b] += copies >= edge[b] && copies < edge[b + 1];
    }
    for (int b = 0; b < 4; b++) /* trees vary, so the share is that of averages only roughly */
        ck_assert_double_eq_tol((double)got[b] / LOCI, want[b] / total, 0.06);
}
END_TEST

START_TEST(logistic_regression_finds_the_maximum)
{
    /* Two genotypes: the slope is the log odds ratio, its error the root of the sum of reciprocals (Woolf). */
    const int64_t two[2][3] = {{40, 60, 0}, {20, 80, 0}};
    sg_gwas_result g = sg_gwas_logistic(two);
    ck_assert_double_eq_tol(g.beta, log(80.0 * 40 / (60 * 20)), 1e-8);
    ck_assert_double_eq_tol(g.se, sqrt(1.0 / 40 + 1.0 / 60 + 1.0 / 20 + 1.0 / 80), 1e-8);
    ck_assert_double_eq_tol(g.p, erfc(g.beta / g.se * M_SQRT1_2), 1e-12);
    /* Same shares in cases and controls. */
    const int64_t null[2][3] = {{50, 40, 10}, {50, 40, 10}};
    g = sg_gwas_logistic(null);
    ck_assert_double_eq_tol(g.beta, 0, 1e-12);
    ck_assert_double_eq_tol(g.p, 1, 1e-9);
    const int64_t separated[2][3] = {{50, 0, 0}, {0, 50, 0}}, constant[2][3] = {{50, 0, 0}, {50, 0, 0}};
    ck_assert(isnan(sg_gwas_logistic(separated).p));
    ck_assert(isnan(sg_gwas_logistic(constant).p));
}
END_TEST

static sg_simulate_options options(const char *trait, const char *out, int64_t people, int64_t snps)
{
    sg_simulate_options o;
    sg_err err = {0};
    ck_ok(sg_simulate_preset(trait, people, snps, &o, &err), err);
    o.out = out;
    return o;
}

START_TEST(the_bytes_do_not_depend_on_threads)
{
    static const char *const ending[] = {".bed", ".bim", ".fam", ".pheno", ".sumstats.tsv", ".truth.tsv"};
    char dir[UNIT_PATH], out[2][UNIT_PATH];
    sg_arena a = unit_arena((size_t)256 << 20);
    sg_err err = {0};
    sg_simulate_report rep;
    unit_dir(dir);
    for (int k = 0; k < 2; k++) {
        sg_simulate_options o = options("cad", unit_path(out[k], dir, k ? "one" : "three"), 300, 130);
        sg_run run = {0};
        ck_ok(sg_pool_new(k ? 1 : 3, &run.pool, &err), err);
        o.missing = 0.01;
        ck_ok(sg_simulate(&o, &run, &a, &rep, &err), err);
        sg_pool_free(run.pool);
    }
    for (int i = 0; i < 6; i++) {
        char x[2][UNIT_PATH + 16];
        size_t n[2];
        char *text[2];
        for (int k = 0; k < 2; k++) {
            (void)snprintf(x[k], sizeof x[k], "%s%s", out[k], ending[i]);
            text[k] = get_file(x[k], &n[k]);
        }
        ck_assert_uint_eq(n[0], n[1]);
        ck_assert_msg(memcmp(text[0], text[1], n[0]) == 0, "%s differs", ending[i]);
        free(text[0]);
        free(text[1]);
    }
    sg_arena_clear(&a);
    unit_dir_remove(dir);
}
END_TEST

START_TEST(cases_are_as_many_as_asked_for_and_bc_is_of_women)
{
    char dir[UNIT_PATH], out[UNIT_PATH], path[UNIT_PATH + 16];
    sg_arena a = unit_arena((size_t)256 << 20);
    sg_err err = {0};
    sg_simulate_report rep;
    sg_fam fam;
    sg_bim bim;
    unit_dir(dir);
    sg_simulate_options o = options("bc", unit_path(out, dir, "x"), 400, 440);
    o.case_fraction = 0.25;
    ck_ok(sg_simulate(&o, NULL, &a, &rep, &err), err);
    ck_assert_int_eq(rep.n_case, 100);
    ck_assert_int_eq(rep.n_causal, 17);
    (void)snprintf(path, sizeof path, "%s.fam", out);
    ck_ok(sg_fam_load(path, &a, &fam, &err), err);
    ck_assert_int_eq(fam.n, 400);
    for (int64_t s = 0; s < fam.n; s++)
        ck_assert_int_eq(fam.row[s].sex, 2);
    (void)snprintf(path, sizeof path, "%s.bim", out);
    ck_ok(sg_bim_load(path, &a, &bim, &err), err);
    bool seen[23] = {false};
    for (int64_t v = 0; v < bim.n; v++)
        seen[atoi(bim.row[v].chrom)] = true;
    for (int c = 1; c <= 12; c++) /* 22 loci in proportion to length: the long chromosomes have one each */
        ck_assert(seen[c]);
    (void)snprintf(path, sizeof path, "%s.truth.tsv", out);
    char *truth = get_file(path, NULL);
    ck_assert_ptr_nonnull(strstr(truth, "##ascertained=yes"));
    ck_assert_ptr_nonnull(strstr(truth, "##ancestry=none"));
    free(truth);
    sg_arena_clear(&a);
    unit_dir_remove(dir);
}
END_TEST

START_TEST(prevalence_and_heritability_are_what_was_asked_for)
{
    sg_arena a = unit_arena((size_t)256 << 20);
    sg_err err = {0};
    sg_population p;
    sg_drawn d;
    const sg_simulate_options o = options("t1d", "-", 100, 600);
    ck_ok(sg_population_new(&o, NULL, &a, &p, &err), err);
    double variance = 0, hla = 0;
    for (int64_t v = 0; v < p.n_snp; v++) {
        const double x = 2 * p.freq[v] * (1 - p.freq[v]) * p.effect[v] * p.effect[v];
        variance += x;
        hla += p.chrom[v] == 6 && p.pos[v] > 31000000 && p.pos[v] < 32000000 ? x : 0;
    }
    ck_assert_double_eq_tol(variance, 0.6, 0.15); /* linkage inside a locus aside */
    ck_assert_double_gt(hla / variance, 0.35);
    ck_ok(sg_population_draw(&p, SG_GROUP_COHORT, 200, 0, NULL, &a, &d, &err), err);
    ck_assert_double_eq_tol(200.0 / (double)d.n_looked, 0.01, 0.0025);
    sg_arena_clear(&a);
}
END_TEST

START_TEST(options_out_of_range_are_named)
{
    sg_arena a = unit_arena(1 << 20);
    sg_err err = {0};
    sg_simulate_report rep;
    sg_simulate_options o;
    ck_assert_int_eq(sg_simulate_preset("flu", 10, 10, &o, &err), SG_NOT_FOUND);
    ck_assert_str_eq(err.msg, "trait \"flu\", want cad, bc, t1d or t2d");
    o = options("cad", "/no/such/folder/x", 100, 100);
    o.h2 = 1;
    ck_assert_int_eq(sg_simulate(&o, NULL, &a, &rep, &err), SG_LIMIT);
    ck_assert_str_eq(err.msg, "h2 is 1, want 0.001 to 0.999");
    o = options("cad", "x", 100, 100);
    o.locus_snps = 65;
    ck_assert_int_eq(sg_simulate(&o, NULL, &a, &rep, &err), SG_LIMIT);
    ck_assert_str_eq(err.msg, "SNPs per locus is 65, want 1 to 64");
    sg_arena_clear(&a);
    a = unit_arena((size_t)64 << 20);
    o = options("cad", "/no/such/folder/x", 100, 100);
    ck_assert_int_eq(sg_simulate(&o, NULL, &a, &rep, &err), SG_IO);
    ck_assert_ptr_nonnull(strstr(err.msg, "/no/such/folder/x.sumstats.tsv: cannot write: No such file"));
    sg_arena_clear(&a);
}
END_TEST

UNIT_MAIN("simulate", linkage_decays_with_distance_and_alleles_are_mostly_rare,
          the_frequency_spectrum_is_that_of_neutral_theory, logistic_regression_finds_the_maximum,
          the_bytes_do_not_depend_on_threads, cases_are_as_many_as_asked_for_and_bc_is_of_women,
          prevalence_and_heritability_are_what_was_asked_for, options_out_of_range_are_named)
