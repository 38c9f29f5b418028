/* The whole comparison on cohorts whose answer is known, and the same bytes from two threads as from one. */
#include "evaluate/figures.h"
#include "report/report.h"
#include "base/rng.h"
#include "learn/boost.h"
#include "unit.h"

#include <math.h>
#include <string.h>

enum { N = 400, L = 64 };

static unsigned methods = 1U << SG_METHOD_PRS; /* the quick one; each test runs in its own process */
static const uint8_t causal[L] = {[8] = 1, [16] = 1, [20] = 1, [24] = 1, [32] = 1, [40] = 1, [52] = 1, [60] = 1};

static sg_dataset world(sg_arena *a)
{
    sg_dataset d = {.n_label = 2, .label_name = {"control", "case"}, .trait = "toy", .prevalence = 0.5};
    sg_err err = {0};
    ck_ok(sg_people_new(N, L, a, &d.people, &err), err);
    d.panel = (sg_panel){.n_snp = L, .snp = SG_NEW(a, sg_snp, L)};
    d.label = SG_NEW(a, int8_t, N);
    d.role = SG_NEW(a, uint8_t, N);
    for (int v = 0; v < L; v++)
        d.panel.snp[v] = (sg_snp){.chrom = "1",
                                  .id = "s",
                                  .pos = 1000 * (v + 1),
                                  .a1 = "A",
                                  .a2 = "C",
                                  .beta = causal[v],
                                  .p = 1e-4,
                                  .freq = 0.5,
                                  .se = 0.1};
    int8_t code[L];
    for (int i = 0; i < N; i++) {
        sg_rng r = sg_rng_stream(1, SG_RNG_TEST, (uint64_t)i, 0);
        for (int v = 0; v < L; v++)
            code[v] =
                (int8_t)(v % 4 && sg_rng_uniform(&r) < 0.8 ? code[v - 1] : sg_rng_binomial2(&r, 0.1 + 0.8 * v / L));
        sg_people_pack(&d.people, i, code);
        double risk = 0;
        for (int v = 0; v < L; v++)
            risk += causal[v] * (code[v] - 0.2 - 1.6 * v / L);
        d.label[i] = sg_rng_uniform(&r) < 1 / (1 + exp(-risk));
        d.role[i] = i < 240 ? SG_ROLE_TRAIN : i < 320 ? SG_ROLE_VAL : SG_ROLE_TEST;
    }
    return d;
}

static char *report(const sg_dataset *d, const sg_people *p, sg_pool *pool, sg_arena *a)
{
    const sg_evaluate_options o = {
        .source = "test", .seed = 1, .baselines = true, .methods = methods, .causal = causal};
    const sg_run run = {.pool = pool};
    const sg_evaluation *e;
    sg_buf b;
    sg_err err = {0};
    ck_ok(sg_evaluate(&o, d, p, d->label, &run, a, &e, &err), err);
    sg_buf_init(&b, 1 << 20);
    ck_ok(sg_evaluation_json(e, &b, &err), err);
    char *text = sg_arena_strndup(a, (const char *)b.data, b.n);
    sg_buf_clear(&b);
    return text;
}

/* The value of a figure in a column, read out of the text. */
static double value_in(const char *json, const char *figure, const char *of, const char *column)
{
    char name[160];
    (void)snprintf(name, sizeof name, "\"name\": \"%s\",\n   \"of\": \"%s\"", figure, of);
    const char *at = strstr(json, name), *next;
    ck_assert_msg(at != NULL, "no figure %s of %s", figure, of);
    next = strstr(at + 1, "\"name\"");
    (void)snprintf(name, sizeof name, "\"%s\": {", column);
    at = strstr(at, name);
    ck_assert_msg(at != NULL && (!next || at < next), "no %s in %s of %s", column, figure, of);
    return strtod(strstr(at, "\"value\": ") + 9, NULL);
}

static double value(const char *json, const char *figure)
{
    return value_in(json, figure, "", "synthetic");
}

START_TEST(a_copy_of_the_training_people_is_perfect_and_withheld)
{
    sg_arena a = unit_arena(1 << 28);
    const sg_dataset d = world(&a);
    sg_people copy = d.people;
    copy.n_sample = 240;
    const char *json = report(&d, &copy, NULL, &a);
    const char *const one[] = {"af_r", "genotype_r", "ld_r2_slope_all", "ld_r2_r_1mb", "three_snp_r", "knn_recall"};
    for (size_t i = 0; i < sizeof one / sizeof *one; i++)
        ck_assert_double_eq_tol(value(json, one[i]), 1, 1e-9);
    const char *const none[] = {"af_max_drift", "fis_apart", "ld_decay_rmse", "pca_sliced_wasserstein",
                                "nn_adversarial_accuracy"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        ck_assert_double_eq_tol(value(json, none[i]), 0, 1e-9);
    ck_assert_ptr_nonnull(strstr(json, "\"outcome\": \"fail\""));
    sg_arena_clear(&a);
}
END_TEST

START_TEST(a_copy_of_the_training_people_predicts_exactly_what_they_predict)
{
    methods = SG_METHODS_ALL;
    sg_arena a = unit_arena(1 << 28);
    const sg_dataset d = world(&a);
    sg_people copy = d.people;
    copy.n_sample = 240;
    const char *json = report(&d, &copy, NULL, &a);
    for (int m = 0; m < SG_N_METHOD; m++) {
        char of[64];
        if (m == SG_METHOD_XGBOOST && !sg_boost_usable())
            continue;
        (void)snprintf(of, sizeof of, "%s matched", sg_method_name((sg_method)m));
        ck_assert_double_eq(value_in(json, "auc_minus_real", of, "synthetic"), 0);
        ck_assert_double_eq(value_in(json, "auc", of, "synthetic"), value_in(json, "auc", of, "real"));
        ck_assert_double_gt(value_in(json, "auc", of, "real"), 0.6);
        (void)snprintf(of, sizeof of, "%s augmented", sg_method_name((sg_method)m));
        (void)value_in(json, "auc_minus_real", of, "chow_liu");
    }
    ck_assert_double_eq_tol(value(json, "beta_slope"), 1, 1e-9);
    ck_assert_double_eq_tol(value(json, "causal_rank_spearman"), 1, 1e-9);
    ck_assert_double_eq_tol(value(json, "causal_top10_kept"), 1, 1e-9);
    ck_assert_double_lt(value_in(json, "causal_rank_spearman", "", "half"), 1);
    sg_arena_clear(&a);
}
END_TEST

START_TEST(every_baseline_stands_beside_the_cohort_and_loses_what_it_must)
{
    sg_arena a = unit_arena(1 << 28);
    const sg_dataset d = world(&a);
    sg_people last = d.people;
    last.plane += 2 * 160 * last.n_word;
    last.n_sample = 240;
    const char *json = report(&d, &last, NULL, &a);
    ck_assert_double_lt(value_in(json, "ld_r2_slope_1mb", "", "independent"), 0.1);
    ck_assert_double_gt(value_in(json, "ld_r2_slope_1mb", "", "markov"), 0.7);
    ck_assert_double_gt(value_in(json, "ld_r2_slope_1mb", "", "chow_liu"), 0.7);
    ck_assert_double_eq(value_in(json, "knn_precision", "", "resampled"), 1);
    ck_assert_double_gt(value_in(json, "beta_r", "", "independent"), 0.8);                         /* by construction */
    ck_assert_ptr_nonnull(strstr(strstr(json, "\"gate_of_baselines\""), "\"outcome\": \"fail\"")); /* resampled */
    sg_arena_clear(&a);
}
END_TEST

START_TEST(the_report_says_where_a_baseline_does_better)
{
    sg_arena a = unit_arena(1 << 28);
    const sg_dataset d = world(&a);
    sg_people bad;
    sg_err err = {0};
    ck_ok(sg_people_new(240, L, &a, &bad, &err), err);
    memcpy(bad.plane, d.people.plane, (size_t)(240 * 2 * bad.n_word) * sizeof *bad.plane);
    for (int64_t i = 0; i < 240; i++)
        bad.plane[2 * i * bad.n_word] &= ~(uint64_t)0xffff; /* nobody is heterozygous in the first 16 SNPs */
    const char *json = report(&d, &bad, NULL, &a), *better = strstr(json, "\"baselines_better\"");
    ck_assert_ptr_nonnull(better);
    ck_assert_ptr_nonnull(strstr(better, "af_mean_drift: independent has "));
    ck_assert_ptr_nonnull(strstr(better, "fis_apart: chow_liu has "));
    ck_assert_ptr_null(strstr(better, "ld_r2_slope_1mb: independent has "));
    ck_assert_ptr_nonnull(strstr(better, "independent does better than the synthetic cohort in "));
    sg_arena_clear(&a);
}
END_TEST

START_TEST(what_cannot_be_measured_is_said_and_the_rest_is_measured)
{
    methods = SG_METHODS_ALL;
    sg_arena a = unit_arena(1 << 28);
    sg_dataset d = world(&a);
    for (int v = 0; v < L; v++)
        d.panel.snp[v].beta = NAN; /* a panel without published effects */
    int cases = 0;
    for (int i = 0; i < 240; i++) /* four cases to train on: too few for five folds */
        d.label[i] = (int8_t)(d.label[i] == 1 && cases++ < 4);
    sg_people copy = d.people;
    copy.n_sample = 240;
    const char *json = report(&d, &copy, NULL, &a), *notes = strstr(json, "\"notes\"");
    ck_assert_ptr_nonnull(notes);
    ck_assert_ptr_nonnull(strstr(notes, "gwas_prs: the panel has no published effects"));
    ck_assert_ptr_nonnull(strstr(notes, "logistic (matched) trained on real: 4 cases and 236 controls"));
    (void)value_in(json, "auc", "prs matched", "synthetic");
    ck_assert_ptr_null(strstr(json, "\"logistic matched\""));
    sg_arena_clear(&a);
}
END_TEST

START_TEST(of_three_labels_each_but_the_first_is_told_from_the_rest)
{
    sg_arena a = unit_arena(1 << 28);
    sg_dataset d = world(&a);
    d.n_label = 3;
    (void)snprintf(d.label_name[2], sizeof d.label_name[2], "severe");
    for (int i = 0; i < N; i += 4)
        d.label[i] = (int8_t)(d.label[i] ? 2 : 0);
    sg_people copy = d.people;
    copy.n_sample = 240;
    const char *json = report(&d, &copy, NULL, &a);
    ck_assert_double_eq(value_in(json, "auc_minus_real", "prs matched case", "synthetic"), 0);
    ck_assert_double_eq(value_in(json, "auc_minus_real", "prs matched severe", "synthetic"), 0);
    ck_assert_double_gt(value_in(json, "auc", "prs matched severe", "real"), 0.5);
    ck_assert_double_eq_tol(value_in(json, "beta_slope", "severe", "synthetic"), 1, 1e-9);
    ck_assert_double_lt(value_in(json, "beta_slope", "severe", "chow_liu"), 10);
    ck_assert_ptr_null(strstr(json, "gwas_prs_auc_within")); /* the published effects are of one label */
    sg_arena_clear(&a);
}
END_TEST

START_TEST(a_stop_ends_it_without_a_report)
{
    sg_arena a = unit_arena(1 << 28);
    const sg_dataset d = world(&a);
    const atomic_bool stop = true;
    const sg_run run = {.stop = &stop};
    const sg_evaluate_options o = {.source = "test", .baselines = true, .methods = SG_METHODS_ALL};
    const sg_evaluation *e = NULL;
    sg_people copy = d.people;
    sg_err err = {0};
    copy.n_sample = 240;
    ck_assert_int_eq(sg_evaluate(&o, &d, &copy, d.label, &run, &a, &e, &err), SG_CANCELLED);
    ck_assert_ptr_null(e);
    sg_arena_clear(&a);
}
END_TEST

START_TEST(a_cohort_cut_to_its_scheme_is_judged_in_an_order_that_tells_nothing)
{
    sg_arena a = unit_arena(1 << 28);
    sg_dataset d = world(&a);
    sg_people p;
    sg_err err = {0};
    int64_t idx[240], n = 0;
    static int8_t label[240];
    for (int k = 0; k < 2; k++) /* all controls first; too few of them for all the cases to stay */
        for (int i = 0; i < 240; i++)
            if (d.label[i] == k && (k || n < 90))
                idx[n++] = i;
    ck_ok(sg_people_new(n, L, &a, &p, &err), err);
    sg_people_gather(&d.people, idx, n, &p);
    for (int64_t i = 0; i < n; i++)
        label[i] = d.label[idx[i]];
    const sg_evaluate_options o = {.source = "test", .seed = 1};
    const sg_evaluation *e;
    sg_buf b;
    ck_ok(sg_evaluate(&o, &d, &p, label, NULL, &a, &e, &err), err);
    sg_buf_init(&b, 1 << 20);
    ck_ok(sg_evaluation_json(e, &b, &err), err);
    const char *at = strstr((const char *)b.data, "\"label_runs_sd\": ");
    ck_assert_ptr_nonnull(at);
    ck_assert_double_lt(fabs(strtod(at + 17, NULL)), 4); /* unshuffled: 15 */
    sg_buf_clear(&b);
    sg_arena_clear(&a);
}
END_TEST

START_TEST(methods_are_named_or_refused)
{
    unsigned m;
    sg_err err = {0};
    ck_ok(sg_methods_parse("all", &m, &err), err);
    ck_assert_uint_eq(m, SG_METHODS_ALL);
    ck_ok(sg_methods_parse("none", &m, &err), err);
    ck_assert_uint_eq(m, 0);
    ck_ok(sg_methods_parse("prs,logistic", &m, &err), err);
    ck_assert_uint_eq(m, 1U << SG_METHOD_PRS | 1U << SG_METHOD_LOGISTIC);
    ck_assert_int_eq(sg_methods_parse("prs,forest", &m, &err), SG_FORMAT);
    ck_assert_str_eq(err.msg, "method \"forest\", want all, none, or some of prs,gwas_prs,logistic,xgboost");
}
END_TEST

START_TEST(two_threads_write_what_one_writes)
{
    methods = SG_METHODS_ALL;
    sg_arena a = unit_arena(1 << 28);
    const sg_dataset d = world(&a);
    sg_people last = d.people;
    last.plane += 2 * 160 * last.n_word; /* people 160 to 399 */
    last.n_sample = 240;
    sg_pool *pool;
    sg_err err = {0};
    ck_ok(sg_pool_new(2, &pool, &err), err);
    ck_assert_str_eq(report(&d, &last, NULL, &a), report(&d, &last, pool, &a));
    sg_pool_free(pool);
    sg_arena_clear(&a);
}
END_TEST

START_TEST(a_cohort_that_does_not_fit_is_refused_with_the_reason)
{
    sg_arena a = unit_arena(1 << 28);
    const sg_dataset d = world(&a);
    const sg_evaluate_options o = {.source = "test"};
    const sg_evaluation *e;
    sg_people p;
    sg_err err = {0};
    ck_ok(sg_people_new(20, L - 1, &a, &p, &err), err);
    ck_assert_int_eq(sg_evaluate(&o, &d, &p, d.label, NULL, &a, &e, &err), SG_MISMATCH);
    ck_assert_str_eq(err.msg, "the cohort has 63 SNPs, the dataset 64");
    ck_ok(sg_people_new(20, L, &a, &p, &err), err);
    p.plane[0] = p.plane[1] = 1;
    ck_assert_int_eq(sg_evaluate(&o, &d, &p, d.label, NULL, &a, &e, &err), SG_LIMIT);
    ck_assert_str_eq(err.msg, "the cohort has missing genotypes; a synthetic cohort has none");
    sg_arena_clear(&a);
}
END_TEST

UNIT_MAIN("evaluate", a_copy_of_the_training_people_is_perfect_and_withheld,
          a_copy_of_the_training_people_predicts_exactly_what_they_predict,
          every_baseline_stands_beside_the_cohort_and_loses_what_it_must, the_report_says_where_a_baseline_does_better,
          of_three_labels_each_but_the_first_is_told_from_the_rest, a_stop_ends_it_without_a_report,
          what_cannot_be_measured_is_said_and_the_rest_is_measured, methods_are_named_or_refused,
          a_cohort_cut_to_its_scheme_is_judged_in_an_order_that_tells_nothing, two_threads_write_what_one_writes,
          a_cohort_that_does_not_fit_is_refused_with_the_reason)
