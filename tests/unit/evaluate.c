/* The whole comparison on cohorts whose answer is known, and the same bytes from two threads as from one. */
#include "evaluate/figures.h"
#include "base/rng.h"
#include "unit.h"

#include <string.h>

enum { N = 400, L = 64 };

static sg_dataset world(sg_arena *a)
{
    sg_dataset d = {.n_label = 2, .label_name = {"control", "case"}, .trait = "toy", .prevalence = 0.5};
    sg_err err = {0};
    ck_ok(sg_people_new(N, L, a, &d.people, &err), err);
    d.panel = (sg_panel){.n_snp = L, .snp = SG_NEW(a, sg_snp, L)};
    d.label = SG_NEW(a, int8_t, N);
    d.role = SG_NEW(a, uint8_t, N);
    for (int v = 0; v < L; v++)
        d.panel.snp[v] = (sg_snp){.chrom = "1", .id = "s", .pos = 1000 * (v + 1), .a1 = "A", .a2 = "C"};
    int8_t code[L];
    for (int i = 0; i < N; i++) {
        sg_rng r = sg_rng_stream(1, SG_RNG_TEST, (uint64_t)i, 0);
        for (int v = 0; v < L; v++)
            code[v] =
                (int8_t)(v % 4 && sg_rng_uniform(&r) < 0.8 ? code[v - 1] : sg_rng_binomial2(&r, 0.1 + 0.8 * v / L));
        sg_people_pack(&d.people, i, code);
        d.label[i] = (int8_t)(i % 2);
        d.role[i] = i < 240 ? SG_ROLE_TRAIN : i < 320 ? SG_ROLE_VAL : SG_ROLE_TEST;
    }
    return d;
}

static char *report(const sg_dataset *d, const sg_people *p, sg_pool *pool, sg_arena *a)
{
    const sg_evaluate_options o = {.source = "test", .seed = 1};
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

/* The value of a figure in the column "synthetic", read out of the text. */
static double value(const char *json, const char *figure)
{
    char name[80];
    (void)snprintf(name, sizeof name, "\"name\": \"%s\"", figure);
    const char *at = strstr(json, name);
    ck_assert_ptr_nonnull(at);
    at = strstr(at, "\"synthetic\"");
    ck_assert_ptr_nonnull(at);
    return strtod(strstr(at, "\"value\": ") + 9, NULL);
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

START_TEST(two_threads_write_what_one_writes)
{
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

UNIT_MAIN("evaluate", a_copy_of_the_training_people_is_perfect_and_withheld, two_threads_write_what_one_writes,
          a_cohort_that_does_not_fit_is_refused_with_the_reason)
