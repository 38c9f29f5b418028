/* The page: whole, from nowhere else, and without a place where one real person could be read off. */
#include "evaluate/inside.h"
#include "plot/plot.h"
#include "report/report.h"
#include "../unit/toy.h"

#include <string.h>

enum { N = 1500, L = 40, N_SYN = 900 };

static int count(const char *text, const char *what)
{
    int n = 0;
    for (const char *at = text; (at = strstr(at, what)); at += strlen(what))
        n++;
    return n;
}

typedef struct world {
    sg_arena a;
    sg_dataset d;
    sg_people syn;
    int8_t label[N_SYN];
    const sg_evaluation *e;
    sg_evaluate_options o;
} world;

/* Synthetic people of the same kind. lone: three training people are given genotypes that put them far from all. */
static void world_of(bool lone, world *w)
{
    sg_err err = {0};
    w->a = unit_arena((size_t)1 << 30);
    w->d = toy_dataset(N, L, 1, &w->a);
    (void)snprintf(w->d.trait, sizeof w->d.trait, "<script>alert(1)</script>");
    for (int i = 0; i < N; i++) /* labels alternate; roles must not go with them */
        w->d.role[i] = (uint8_t)(i / 2 % 10 < 7 ? SG_ROLE_TRAIN : i / 2 % 10 < 9 ? SG_ROLE_VAL : SG_ROLE_TEST);
    const sg_dataset other = toy_dataset(N_SYN, L, 2, &w->a);
    w->syn = other.people;
    memcpy(w->label, other.label, N_SYN);
    int8_t code[L];
    memset(code, 2, sizeof code);
    for (int i = 0; lone && i < 3; i++) {
        w->d.role[i] = SG_ROLE_TRAIN;
        sg_people_pack(&w->d.people, i, code);
        sg_people_pack(&w->syn, i, code);
    }
    w->o = (sg_evaluate_options){
        .source = "a & b",
        .seed = 1,
        .baselines = true,
        .methods = 1U << SG_METHOD_PRS,
        .training_json = "{\"curves\":{\"vae\":[{\"epoch\":1,\"loss\":3,\"val_loss\":2},{\"epoch\":2,\"loss\":2}]}}"};
    ck_ok(sg_evaluate(&w->o, &w->d, &w->syn, w->label, NULL, &w->a, &w->e, &err), err);
}

START_TEST(the_page_is_whole_and_asks_nothing_of_the_network)
{
    static world w;
    sg_err err = {0};
    sg_buf b;
    world_of(false, &w);
    sg_buf_init(&b, 1 << 24);
    ck_ok(sg_evaluation_html(w.e, &b, &err), err);
    const char *page = (const char *)b.data;
    const char *const never[] = {"<script", "http:", "https:", "src=", "href=", "@import", "url(", "nan", "inf "};
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        ck_assert_msg(!strstr(page, never[i]), "the page has \"%s\"", never[i]);
    ck_assert_ptr_nonnull(strstr(page, "&lt;script&gt;alert(1)"));
    ck_assert_ptr_nonnull(strstr(page, "a &amp; b"));
    const char *const plots[] = {"Allele frequencies, one point per SNP",
                                 "Linkage by distance",
                                 "Linkage r2, training people",
                                 "Linkage r2, synthetic cohort",
                                 "Components of the training people",
                                 "prs, trained on",
                                 "Effect sizes, one point per SNP",
                                 "Distance to the nearest training person",
                                 "Distance to the nearest other person of one&#39;s own",
                                 "Training, stage vae: loss"};
    for (size_t i = 0; i < sizeof plots / sizeof *plots; i++)
        ck_assert_msg(strstr(page, plots[i]) != NULL, "no plot \"%s\"", plots[i]);
    const char *const pairs[] = {"svg", "table", "tr", "ul", "li", "div", "p"};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        char open[2][16], close[16];
        (void)snprintf(open[0], sizeof open[0], "<%s>", pairs[i]);
        (void)snprintf(open[1], sizeof open[1], "<%s ", pairs[i]);
        (void)snprintf(close, sizeof close, "</%s>", pairs[i]);
        ck_assert_int_eq(count(page, open[0]) + count(page, open[1]), count(page, close));
    }
    sg_buf_clear(&b);
    sg_arena_clear(&w.a);
}
END_TEST

START_TEST(clouds_and_distances_show_nobody_who_stands_alone)
{
    static world w;
    world_of(true, &w);
    const sg_pictures *p = &w.e->pictures;
    const double n_real = (double)w.e->n_column[SG_COLUMN_REAL], n_syn = (double)w.e->n_column[SG_COLUMN_SYNTHETIC];
    int drawn = 0;
    for (int c = 0; c < 2; c++)
        for (int k = 0; k < p->cloud[c].n; k++) {
            const sg_cell *h = &p->cloud[c].hex[k];
            ck_assert(h->real == 0 || h->real * n_real > 19.5);
            ck_assert(h->syn == 0 || h->syn * n_syn > 19.5);
            drawn += h->real > 0;
        }
    ck_assert_int_gt(drawn, 5);
    ck_assert_double_lt(p->cloud[0].shown_real, 1); /* the three are in nobody's hexagon */
    const sg_nearby *const near[2] = {&p->to_train, &p->among};
    for (int k = 0; k < 2; k++) {
        int64_t real = 0, syn = 0;
        for (int b = 0; b < SG_NEAR_BINS; b++) {
            ck_assert(near[k]->count[1][b] == 0 || near[k]->count[1][b] >= 20);
            real += near[k]->count[1][b];
            syn += near[k]->count[0][b];
        }
        ck_assert_int_lt(real, near[k]->n[1]);
        ck_assert_int_eq(syn, near[k]->n[0]); /* of the cohort all are counted, ... */
        ck_assert_int_ge(near[k]->count[0][0],
                         3); /* ... the copies first of all: of training people and of each other */
    }
    sg_arena_clear(&w.a);
}
END_TEST

START_TEST(plots_draw_what_can_be_drawn_and_keep_the_first_error)
{
    sg_buf b;
    sg_plot p;
    sg_err err = {0};
    const double x[] = {0, 1, 1e300 * 1e10, 0.5}, y[] = {0, 1, 1, 0.0 / 1.0};
    sg_buf_init(&b, 1 << 16);
    sg_plot_begin(&p, &b, &(sg_plot_frame){.title = "a<b", .x = "", .y = "", .x0 = 3, .x1 = 3}, &err);
    sg_plot_points(&p, x, y, 4, "#000", 3, 1);
    sg_plot_line(&p, x, y, 4, "#000", 1, "");
    ck_ok(sg_plot_end(&p), err);
    ck_assert_ptr_nonnull(strstr((const char *)b.data, "a&lt;b"));
    ck_assert_int_eq(count((const char *)b.data, "h0"), 3); /* the infinite one is left out */
    ck_assert_ptr_null(strstr((const char *)b.data, "inf"));
    sg_buf_clear(&b);
    sg_buf_init(&b, 64);
    sg_plot_begin(&p, &b, &(sg_plot_frame){.title = "too much", .x = "", .y = ""}, &err);
    ck_assert_int_eq(sg_plot_end(&p), SG_LIMIT);
    sg_buf_clear(&b);
}
END_TEST

UNIT_MAIN("stat_page", the_page_is_whole_and_asks_nothing_of_the_network,
          clouds_and_distances_show_nobody_who_stands_alone, plots_draw_what_can_be_drawn_and_keep_the_first_error)
