/* Simulated people: the genealogy has the statistics theory says, and effects come back out of the files. */
#include "simulate/simulate.h"
#include "files.h"
#include "base/file.h"
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
    static const char *const ending[] = {".bed",          ".bim",       ".fam",       ".pheno",
                                         ".sumstats.tsv", ".truth.tsv", ".pairs.tsv", ".covar"};
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
        o.ancestries = 3;
        o.pairs = 4;
        o.ancestry_effect = 0.2;
        ck_ok(sg_simulate(&o, &run, &a, &rep, &err), err);
        sg_pool_free(run.pool);
    }
    for (int i = 0; i < 8; i++) {
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
    sg_simulate_report rep = {0};
    sg_simulate_options o = options("t1d", "-", 100, 600);
    o.h2 = 0.6;
    ck_ok(sg_population_new(&o, NULL, &a, &p, &rep, &err), err);
    double variance = 0, hla = 0;
    for (int64_t v = 0; v < p.n_snp; v++) {
        const double x = 2 * p.freq[v] * (1 - p.freq[v]) * p.effect[v] * p.effect[v];
        variance += x;
        hla += !strcmp(p.bim.row[v].chrom, "6") && p.bim.row[v].pos > 31000000 && p.bim.row[v].pos < 32000000 ? x : 0;
    }
    ck_assert_double_eq_tol(variance, 0.6, 0.15); /* linkage inside a locus aside */
    ck_assert_double_gt(hla / variance, 0.35);
    ck_ok(sg_population_draw(&p, SG_GROUP_COHORT, 200, 0, NULL, &a, &d, &err), err);
    ck_assert_double_eq_tol(200.0 / (double)d.n_looked, 0.01, 0.0025);
    sg_arena_clear(&a);
}
END_TEST

static sg_population population(const sg_simulate_options *o, sg_arena *a, sg_simulate_report *rep)
{
    sg_population p;
    sg_err err = {0};
    *rep = (sg_simulate_report){0};
    ck_ok(sg_population_new(o, NULL, a, &p, rep, &err), err);
    return p;
}

/* Everybody of a group, cases and controls as they come. */
static sg_drawn crowd(const sg_population *p, int64_t n, sg_arena *a, sg_people *people)
{
    sg_drawn d = {n, SG_NEW(a, sg_person, n), n};
    sg_drawn cases, controls;
    sg_err err = {0};
    ck_ok(sg_population_draw(p, SG_GROUP_COHORT, n / 2, 0, NULL, a, &cases, &err), err);
    ck_ok(sg_population_draw(p, SG_GROUP_COHORT, 0, n - n / 2, NULL, a, &controls, &err), err);
    memcpy(d.person, cases.person, (size_t)cases.n * sizeof *d.person);
    memcpy(d.person + cases.n, controls.person, (size_t)controls.n * sizeof *d.person);
    ck_ok(sg_people_new(n, p->n_snp, a, people, &err), err);
    sg_population_genotypes(p, SG_GROUP_COHORT, &d, 0, 0, NULL, people);
    return d;
}

START_TEST(ancestries_drift_apart_by_fst_and_their_axes_are_standardised)
{
    enum { K = 4, N = 4000 };
    sg_arena a = unit_arena((size_t)512 << 20);
    sg_simulate_report rep;
    sg_people people;
    sg_simulate_options o = options("t2d", "-", 100, 1000);
    o.ancestries = K;
    o.fst = 0.05;
    const sg_population p = population(&o, &a, &rep);
    const sg_drawn d = crowd(&p, N, &a, &people);
    double n[K] = {0}, between = 0, within = 0, (*f)[K] = sg_arena_alloc(&a, p.n_snp, sizeof *f);
    for (int64_t s = 0; s < N; s++) {
        n[d.person[s].ancestry]++;
        for (int64_t v = 0; v < p.n_snp; v++)
            f[v][d.person[s].ancestry] += 0.5 * sg_people_get(&people, s, v);
    }
    for (int64_t v = 0; v < p.n_snp; v++)
        for (int k = 0; k < K; k++) {
            const double x = f[v][k] / n[k], q = p.freq[v];
            between += (x - q) * (x - q) - x * (1 - x) / (2 * n[k]); /* less what sampling adds */
            within += q * (1 - q);
        }
    ck_assert_double_eq_tol(between / within, 0.05, 0.006); /* the urn of 512 adds 1 / 512 */
    for (int i = 0; i + 1 < K; i++)
        for (int j = 0; j + 1 < K; j++) {
            double sum = 0, product = 0;
            for (int k = 0; k < K; k++) {
                sum += sg_ancestry_axis(K, k, i);
                product += sg_ancestry_axis(K, k, i) * sg_ancestry_axis(K, k, j) / K;
            }
            ck_assert_double_eq_tol(sum, 0, 1e-12);
            ck_assert_double_eq_tol(product, i == j, 1e-12);
        }
    sg_arena_clear(&a);
}
END_TEST

/* With a rare trait and one strong covariate cases show it; the share of genes stays what was asked for. */
START_TEST(covariates_and_pairs_take_their_share_of_liability)
{
    sg_arena a = unit_arena((size_t)512 << 20);
    sg_simulate_report rep;
    sg_drawn d;
    sg_err err = {0};
    sg_simulate_options o = options("t2d", "-", 100, 1000);
    o.sex_effect = 0.8;
    o.age_effect = 0.4;
    o.pairs = 20;
    o.pairs_share = 0.5;
    o.h2 = 0.5;
    const sg_population p = population(&o, &a, &rep);
    ck_assert_double_eq_tol(rep.h2_seen, 0.5, 0.03);
    ck_assert_int_eq(p.n_pair, 20);
    for (int64_t i = 0; i < p.n_pair; i++)
        for (int j = 0; j < 2; j++)
            ck_assert_int_eq(p.paired[p.pair[i].at[j]], p.pair[i].snp[j]);
    ck_ok(sg_population_draw(&p, SG_GROUP_COHORT, 1000, 1000, NULL, &a, &d, &err), err);
    double age[2] = {0}, men[2] = {0};
    for (int64_t s = 0; s < d.n; s++) {
        age[d.person[s].label] += d.person[s].age / 1000.0;
        men[d.person[s].label] += (d.person[s].sex == 1) / 1000.0;
    }
    ck_assert_double_gt(age[1], age[0] + 3);
    ck_assert_double_gt(men[1], men[0] + 0.15);
    o.h2 = 0.9;
    sg_population q;
    ck_assert_int_eq(sg_population_new(&o, NULL, &a, &q, &rep, &err), SG_LIMIT);
    ck_assert_ptr_nonnull(strstr(err.msg, "together make up more than 0.999 of liability"));
    sg_arena_clear(&a);
}
END_TEST

static double genotype_r(const sg_people *x, int64_t i, int64_t j)
{
    double n = (double)x->n_sample, a = 0, b = 0, aa = 0, bb = 0, ab = 0;
    for (int64_t s = 0; s < x->n_sample; s++) {
        const double u = sg_people_get(x, s, i), w = sg_people_get(x, s, j);
        a += u;
        b += w;
        aa += u * u;
        bb += w * w;
        ab += u * w;
    }
    return (ab / n - a / n * (b / n)) / sqrt((aa / n - a / n * (a / n)) * (bb / n - b / n * (b / n)));
}

/* A mosaic's SNPs are as frequent and as linked as its reference's; effects are those of the table, turned where its
 * alleles are. */
START_TEST(mosaics_keep_frequencies_and_linkage_of_their_reference)
{
    enum { N = 1500, SNPS = 700 };
    const char *const at = getenv("SG_SHARED");
    char from[UNIT_PATH], bim_path[UNIT_PATH + 8], dir[UNIT_PATH], effects[UNIT_PATH];
    (void)snprintf(from, sizeof from, "%s/data/eur_chr20/eur_chr20", at ? at : "");
    (void)snprintf(bim_path, sizeof bim_path, "%s.bim", from);
    if (!sg_file_exists(bim_path))
        return;
    sg_arena a = unit_arena((size_t)1 << 30);
    sg_simulate_report rep;
    sg_err err = {0};
    sg_people people;
    sg_simulate_options o = options("t2d", "-", 100, SNPS);
    unit_dir(dir);
    o.from = from;
    o.maf = 0.05;
    const sg_population first = population(&o, &a, &rep);
    ck_assert_int_eq(first.n_snp, SNPS);
    ck_assert_int_eq(rep.n_founder, 1004);
    ck_assert(!rep.phased);
    const sg_bim_row *x = &first.bim.row[100], *y = &first.bim.row[400];
    char table[400];
    (void)snprintf(table, sizeof table, "SNP A1 A2 BETA\n%s %s %s 2\n%s %s %s 1\nabsent A G 1\n", x->id, x->a1, x->a2,
                   y->id, y->a2, y->a1);
    o.effects = put_file(effects, dir, "effects", table);
    const sg_population p = population(&o, &a, &rep);
    ck_assert_int_eq(p.n_causal, 2);
    ck_assert_int_eq(rep.n_effects_absent, 1);
    ck_assert_double_gt(p.effect[100], 0);
    ck_assert_double_eq_tol(p.effect[400], -0.5 * p.effect[100], 1e-12);
    (void)crowd(&p, N, &a, &people);
    /* The reference itself: everybody once. */
    sg_people ref;
    ck_ok(sg_people_new(p.n_founder / 2, SNPS, &a, &ref, &err), err);
    for (int64_t s = 0; s < ref.n_sample; s++)
        for (int64_t v = 0; v < SNPS; v++) {
            const uint64_t *h = p.haplotype + v / 64 * p.n_founder + 2 * s;
            const uint64_t code = (h[0] >> v % 64 & 1) + (h[1] >> v % 64 & 1);
            ref.plane[2 * s * ref.n_word + v / 64] |= (code & 1) << v % 64;
            ref.plane[(2 * s + 1) * ref.n_word + v / 64] |= (code >> 1) << v % 64;
        }
    double worst = 0, slope = 0, squares = 0;
    for (int64_t v = 0; v < SNPS; v++) {
        double mine = 0;
        for (int64_t s = 0; s < N; s++)
            mine += sg_people_get(&people, s, v) / (2.0 * N);
        if (v != 100 && v != 400 && fabs(mine - p.freq[v]) > worst)
            worst = fabs(mine - p.freq[v]);
    }
    for (int64_t v = 0; v + 1 < SNPS; v++) {
        const double r = genotype_r(&ref, v, v + 1), g = genotype_r(&people, v, v + 1);
        slope += r * g;
        squares += r * r;
    }
    ck_assert_double_gt(squares, 30);                  /* neighbours are linked */
    ck_assert_double_eq_tol(slope / squares, 1, 0.05); /* by lot instead of by linkage: 0.5 */
    ck_assert_double_lt(worst, 0.25); /* SNPs beside the causal ones follow half of the people being cases */
    sg_arena_clear(&a);
    unit_dir_remove(dir);
}
END_TEST

/* The true phases are in the VCF: resampling finds nearly all of them back. */
START_TEST(resampled_phases_are_nearly_the_known_ones)
{
    const char *const at = getenv("SG_SHARED");
    char from[2][UNIT_PATH];
    (void)snprintf(from[0], sizeof from[0], "%s/data/eur_chr20/eur_chr20.phased.vcf.gz", at ? at : "");
    (void)snprintf(from[1], sizeof from[1], "%s/data/eur_chr20/eur_chr20", at ? at : "");
    if (!sg_file_exists(from[0]))
        return;
    sg_arena a = unit_arena((size_t)1 << 30);
    sg_simulate_report rep;
    sg_population p[2];
    for (int k = 0; k < 2; k++) {
        sg_simulate_options o = options("t2d", "-", 100, 0);
        o.from = from[k];
        o.maf = 0.05;
        p[k] = population(&o, &a, &rep);
        ck_assert_int_eq(rep.phased, k == 0);
    }
    ck_assert_int_eq(p[0].n_snp, p[1].n_snp);
    int64_t n = 0, wrong = 0;
    for (int64_t i = 0; i < p[0].n_founder / 2; i++) {
        int last = -1;
        for (int64_t v = 0; v < p[0].n_snp; v++) {
            int bit[2][2];
            for (int k = 0; k < 2; k++)
                for (int h = 0; h < 2; h++)
                    bit[k][h] = (int)(p[k].haplotype[v / 64 * p[k].n_founder + 2 * i + h] >> v % 64 & 1);
            if (bit[0][0] == bit[0][1])
                continue;
            ck_assert_int_ne(bit[1][0], bit[1][1]);
            const int same = (bit[0][0] == bit[1][0]) == !strcmp(p[0].bim.row[v].a1, p[1].bim.row[v].a1);
            n += last >= 0;
            wrong += last >= 0 && same != last;
            last = same;
        }
    }
    ck_assert_int_gt(n, 100000);
    ck_assert_double_lt((double)wrong / (double)n, 0.04); /* by lot: 0.5 */
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
    o.from = "x";
    o.ancestries = 2;
    ck_assert_int_eq(sg_simulate(&o, NULL, &a, &rep, &err), SG_LIMIT);
    ck_assert_ptr_nonnull(strstr(err.msg, "with a reference give one ancestry"));
    o = options("cad", "x", 100, 100);
    o.from = "/no/such/founders";
    ck_assert_int_eq(sg_simulate(&o, NULL, &a, &rep, &err), SG_NOT_FOUND);
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
          prevalence_and_heritability_are_what_was_asked_for,
          ancestries_drift_apart_by_fst_and_their_axes_are_standardised,
          covariates_and_pairs_take_their_share_of_liability, mosaics_keep_frequencies_and_linkage_of_their_reference,
          resampled_phases_are_nearly_the_known_ones, options_out_of_range_are_named)
