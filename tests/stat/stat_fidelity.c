/* Every figure against numpy: two small cohorts, rebuilt here by the generator of expected.py, whose numbers are in
 * fidelity_expected.h. Directions of the sliced distance are random, so that one is compared within 8 %. */
#include "evaluate/figures.h"
#include "evaluate/inside.h"
#include "fidelity_expected.h"
#include "../unit/unit.h"

#include <math.h>
#include <string.h>

enum { N = 300, N_TEST = 120, L = 48, SPLIT = 30 };

static uint64_t state;

static double uniform(void)
{
    state = state * 6364136223846793005U + 1442695040888963407U;
    return (double)(state >> 11) / 9007199254740992.0;
}

static void cohort(uint64_t seed, sg_people *p, int8_t *label, int64_t first, int64_t n, double copy, double shift)
{
    int8_t code[L];
    state = seed;
    for (int64_t i = 0; i < n; i++) {
        label[first + i] = i % 5 < 2;
        for (int v = 0; v < L; v++) {
            const double f = 0.15 + 0.7 * (v * 37 % 100) / 100 + (label[first + i] && v % 7 == 0 ? 0.12 : 0) + shift;
            const double u = uniform(), a = uniform(), b = uniform();
            code[v] = (int8_t)(v % 5 && u < copy ? code[v - 1] : (a < f) + (b < f));
        }
        sg_people_pack(p, first + i, code);
    }
}

static const sg_evaluation *evaluated(sg_arena *a, sg_evaluate_options *o, sg_dataset *d)
{
    sg_err err = {0};
    sg_people syn;
    static int8_t label[N];
    static uint8_t causal[L];
    *d = (sg_dataset){.n_label = 2, .label_name = {"control", "case"}, .trait = "toy", .prevalence = 0.4};
    ck_ok(sg_people_new(N + N_TEST, L, a, &d->people, &err), err);
    ck_ok(sg_people_new(N, L, a, &syn, &err), err);
    d->panel = (sg_panel){.n_snp = L, .snp = SG_NEW(a, sg_snp, L)};
    d->label = SG_NEW(a, int8_t, N + N_TEST);
    d->role = SG_NEW(a, uint8_t, N + N_TEST);
    for (int v = 0; v < L; v++) {
        d->panel.snp[v] = (sg_snp){.chrom = v < SPLIT ? "1" : "2",
                                   .id = "s",
                                   .pos = 1000 + 40000 * (v < SPLIT ? v : v - SPLIT),
                                   .a1 = "A",
                                   .a2 = "C",
                                   .beta = NAN,
                                   .p = NAN};
        causal[v] = v % 3 == 0;
    }
    cohort(11, &d->people, d->label, 0, N, 0.7, 0);
    cohort(13, &d->people, d->label, N, N_TEST, 0.7, 0);
    for (int i = 0; i < N + N_TEST; i++)
        d->role[i] = i < N ? SG_ROLE_TRAIN : SG_ROLE_TEST;
    cohort(12, &syn, label, 0, N, 0.6, 0.02);
    *o = (sg_evaluate_options){
        .source = "toy", .seed = 1, .baselines = true, .methods = 1U << SG_METHOD_PRS, .causal = causal};
    const sg_evaluation *e;
    ck_ok(sg_evaluate(o, d, &syn, label, NULL, a, &e, &err), err);
    return e;
}

static const sg_row *row(const sg_evaluation *e, const char *name, const char *of)
{
    for (int i = 0; i < e->rows.n; i++)
        if (!strcmp(sg_figure_name(e->rows.row[i].figure), name) && !strcmp(e->rows.row[i].of, of))
            return &e->rows.row[i];
    ck_abort_msg("no figure %s of \"%s\"", name, of);
    return NULL;
}

START_TEST(every_figure_is_what_numpy_makes_of_its_definition)
{
    static const struct {
        const char *name;
        double value;
    } list[] = {
#define X(name, value) {name, value},
        EXPECTED(X)
#undef X
    };
    sg_arena a = unit_arena(1 << 28);
    sg_evaluate_options o;
    sg_dataset d;
    const sg_evaluation *e = evaluated(&a, &o, &d);
    for (size_t k = 0; k < sizeof list / sizeof *list; k++) {
        const double got = row(e, list[k].name, "")->at[SG_COLUMN_SYNTHETIC].value, want = list[k].value;
        const double tolerance =
            !strcmp(list[k].name, "pca_sliced_wasserstein") ? 0.08 * want : 1e-6 + 1e-6 * fabs(want);
        ck_assert_msg(fabs(got - want) < tolerance, "%s is %.9g, numpy has %.9g", list[k].name, got, want);
    }
    const sg_row *prs = row(e, "auc", "prs matched");
    ck_assert_double_eq_tol(prs->at[SG_COLUMN_SYNTHETIC].value, EXPECTED_PRS_SYNTHETIC, 1e-9);
    ck_assert_double_eq_tol(prs->at[SG_COLUMN_REAL].value, EXPECTED_PRS_REAL, 1e-9);
    sg_arena_clear(&a);
}
END_TEST

START_TEST(a_baseline_is_ahead_by_its_area_less_the_cohorts)
{
    sg_arena a = unit_arena(1 << 28);
    sg_evaluate_options o;
    sg_dataset d;
    const sg_evaluation *e = evaluated(&a, &o, &d);
    for (int s = 0; s < SG_N_SCHEME; s++) {
        char of[64];
        (void)snprintf(of, sizeof of, "prs %s", sg_scheme_name((sg_scheme)s));
        const sg_row *area = row(e, "auc", of), *gap = row(e, "auc_minus_real", of);
        for (int c = SG_COLUMN_INDEPENDENT; c < SG_N_COLUMN; c++) {
            ck_assert(gap->paired[c]);
            ck_assert_double_eq_tol(gap->ahead[c].value, area->at[c].value - area->at[SG_COLUMN_SYNTHETIC].value,
                                    1e-12);
            ck_assert_double_eq_tol(gap->ahead[c].value, gap->at[c].value - gap->at[SG_COLUMN_SYNTHETIC].value, 1e-12);
        }
    }
    for (int i = 0; i < e->n_win; i++)
        if (e->win[i].row->figure == SG_FIGURE_AUC_GAP)
            ck_assert_int_eq(e->win[i].clear, e->win[i].row->ahead[e->win[i].by].lo > 0);
    sg_arena_clear(&a);
}
END_TEST

START_TEST(every_figure_has_an_interval_around_it)
{
    sg_arena a = unit_arena(1 << 28);
    sg_evaluate_options o;
    sg_dataset d;
    const sg_evaluation *e = evaluated(&a, &o, &d);
    for (int i = 0; i < e->rows.n; i++)
        for (int c = 0; c < SG_N_COLUMN; c++) {
            const sg_row *r = &e->rows.row[i];
            if (r->has[c])
                ck_assert_msg(r->at[c].lo <= r->at[c].value && r->at[c].value <= r->at[c].hi, "%s %s: %g in [%g, %g]",
                              sg_figure_name(r->figure), r->of, r->at[c].value, r->at[c].lo, r->at[c].hi);
        }
    sg_arena_clear(&a);
}
END_TEST

UNIT_MAIN("stat_fidelity", every_figure_is_what_numpy_makes_of_its_definition, every_figure_has_an_interval_around_it,
          a_baseline_is_ahead_by_its_area_less_the_cohorts)
