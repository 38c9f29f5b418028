/* Phenotypes: codings, headers, words, thresholds, and what is refused. */
#include "files.h"
#include "formats/pheno.h"

#include <math.h>

typedef struct world {
    sg_arena a;
    sg_fam fam;
    sg_index index;
} world;

static world make_world(void)
{
    world w = {.a = unit_arena(4 << 20)};
    sg_err err = {0};
    const char *text = "F A 0 0 1 1\nF B 0 0 2 2\nG A 0 0 1 -9\nG C 0 0 2 1\n";
    ck_ok(sg_fam_decode("x.fam", copy_text(&w.a, text), strlen(text), &w.a, &w.fam, &err), err);
    ck_ok(sg_fam_index("x.fam", &w.fam, &w.a, &w.index, &err), err);
    return w;
}

static sg_status decode(world *w, const char *text, sg_pheno_options o, sg_pheno *p, sg_err *err)
{
    return sg_pheno_decode("x", copy_text(&w->a, text), strlen(text), &o, &w->fam, &w->index, &w->a, p, err);
}

static const struct {
    const char *text;
    sg_pheno_options o;
    int8_t want[4];
} good[] = {
    {"F A 1\nF B 2\nG A -9\nG C 0\n", {0}, {0, 1, -1, -1}},
    {"F A 0\nF B 1\nG A NA\nG C 1\n", {0}, {0, 1, -1, 1}},
    {"F A 0\nF B 1\nQ Q 1\n", {0}, {0, 1, -1, -1}},
    {"FID IID T\nF A 1\nF B 2\n", {0}, {0, 1, -1, -1}},
    {"#FID\tIID\tS\tT\r\nF\tA\t1\t2\r\nF\tB\t2\t1\r\n", {.column = "T"}, {1, 0, -1, -1}},
    {"#IID T\nB 2\nC 1\n", {0}, {-1, 1, -1, 0}},
    {"FID IID POP\nF A AFR\nF B EUR\nG A NA\nG C EAS\n", {.case_label = "AFR"}, {1, 0, -1, 0}},
    {"F A 0.1\nF B 0.7\nG A 0.5\nG C nan\n", {.threshold = "median"}, {0, 1, 0, -1}},
    {"F A 0.1\nF B 0.7\nG A 0.5\nG C 0.3\n", {.threshold = "median"}, {0, 1, 1, 0}},
    {"F A 160\nF B 171\nG A 170\nG C -9\n", {.threshold = "170"}, {0, 1, 0, -1}},
};

/* #IID needs unique IIDs, so that case runs without person 0. */
START_TEST(every_usual_coding_is_understood)
{
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        world w = make_world();
        sg_err err = {0};
        sg_pheno p;
        if (!strncmp(good[i].text, "#IID", 4))
            w.fam.row[0].iid = "Z";
        ck_ok(decode(&w, good[i].text, good[i].o, &p, &err), err);
        int64_t n[3] = {0};
        for (int s = 0; s < 4; s++) {
            ck_assert_msg(p.label[s] == good[i].want[s], "case %zu person %d", i, s);
            n[p.label[s] + 1]++;
        }
        ck_assert_int_eq(p.n_missing, n[0]);
        ck_assert_int_eq(p.n_control, n[1]);
        ck_assert_int_eq(p.n_case, n[2]);
        sg_arena_clear(&w.a);
    }
}
END_TEST

static const struct {
    const char *text;
    sg_pheno_options o;
    sg_status status;
    const char *message;
} bad[] = {
    {"F A AFR\nF B 1\n",
     {0},
     SG_FORMAT,
     "x line 1: the phenotype is a word, want a number (or say which word means case: --case-label WORD)"},
    {"F A 1\nF B 3.5\n",
     {0},
     SG_FORMAT,
     "x line 2: the phenotype is neither 0, 1 nor 2; for a quantity say where a case begins: --threshold median, or a "
     "number"},
    {"F A 1\nF B inf\n", {.threshold = "1"}, SG_FORMAT, "x line 2: the phenotype is infinite, want a finite number"},
    {"F A 1\nF B 2\nF A 2\n", {0}, SG_FORMAT, "x lines 1 and 3: the same person twice; remove one"},
    {"Q A 1\nQ B 2\n", {0}, SG_MISMATCH, "x: none of its 2 people is in the .fam (IDs are FID and IID, as written)"},
    {"", {0}, SG_MISMATCH, "x: none of its 0 people is in the .fam (IDs are FID and IID, as written)"},
    {"F A\n", {0}, SG_FORMAT, "x line 1: 2 columns, want 3"},
    {"F A 1\nF B\n", {0}, SG_FORMAT, "x line 2: 2 columns, want at least 3"},
    {"FID IID S T\nF A 1 1\n", {0}, SG_MISMATCH, "x has 2 phenotypes; choose one with --pheno-name: S, T"},
    {"FID IID S T\nF A 1 1\n", {.column = "U"}, SG_MISMATCH, "x has no column \"U\"; it has S, T"},
    {"FID IID S S\nF A 1 1\n", {.column = "S"}, SG_FORMAT, "x has two columns called \"S\""},
    {"F A 1\n",
     {.column = "U"},
     SG_MISMATCH,
     "x has no header line (FID IID NAME...), so there is no column \"U\" to choose"},
    {"#IID T\nA 1\n",
     {0},
     SG_MISMATCH,
     "x names people by IID alone, but .fam lines 1 and 3 share one; add the FID column"},
    {"F A 1\n", {.threshold = "half"}, SG_LIMIT, "threshold is \"half\", want \"median\" or a number"},
    {"F A NA\n", {.threshold = "median"}, SG_DEGENERATE, "x: every value is missing, there is no median"},
    {"F A 1\n",
     {.threshold = "1", .case_label = "1"},
     SG_LIMIT,
     "a case label and a threshold exclude each other; give one"},
};

START_TEST(what_cannot_be_understood_is_refused_in_words)
{
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        world w = make_world();
        sg_err err = {0};
        sg_pheno p;
        ck_assert_int_eq(decode(&w, bad[i].text, bad[i].o, &p, &err), bad[i].status);
        ck_assert_str_eq(err.msg, bad[i].message);
        sg_arena_clear(&w.a);
    }
}
END_TEST

START_TEST(the_fam_itself_can_hold_the_phenotype)
{
    world w = make_world();
    sg_err err = {0};
    sg_pheno p;
    const sg_pheno_options o = {0};
    ck_ok(sg_pheno_from_fam("x.fam", &o, &w.fam, &w.a, &p, &err), err);
    ck_assert_int_eq(p.label[0], 0);
    ck_assert_int_eq(p.label[1], 1);
    ck_assert_int_eq(p.label[2], SG_PHENO_MISSING);
    ck_assert(isnan(p.threshold));
    sg_arena_clear(&w.a);
}
END_TEST

START_TEST(lists_of_people_count_strangers)
{
    world w = make_world();
    char dir[UNIT_PATH], path[UNIT_PATH];
    sg_err err = {0};
    uint8_t in[4] = {0};
    int64_t unknown;
    unit_dir(dir);
    put_file(path, dir, "keep", "#FID IID\nF A\n\nG C more\nQ Q\n");
    ck_ok(sg_people_list_load(path, &w.index, in, &unknown, &w.a, &err), err);
    ck_assert_mem_eq(in, "\1\0\0\1", 4);
    ck_assert_int_eq(unknown, 1);
    put_file(path, dir, "keep", "F A\nF\n");
    ck_assert_int_eq(sg_people_list_load(path, &w.index, in, &unknown, &w.a, &err), SG_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.msg, "keep line 2: 1 column, want FID and IID"));
    unit_dir_remove(dir);
    sg_arena_clear(&w.a);
}
END_TEST

UNIT_MAIN("pheno", every_usual_coding_is_understood, what_cannot_be_understood_is_refused_in_words,
          the_fam_itself_can_hold_the_phenotype, lists_of_people_count_strangers)
