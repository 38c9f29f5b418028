/* A cohort as files: whole or not there, read back, the same whichever allele is counted and however people come. */
#include "cohorts/export.h"
#include "cohorts/matrix.h"
#include "base/rng.h"
#include "files.h"

#include <dirent.h>
#include <unistd.h>

enum { N = 203, SNPS = 150, ALL = (1 << SG_N_EXPORT) - 1 };

static const char *const ending[] = {"bed", "vcf.gz", "bcf", "npy", "pgen"};

typedef struct world {
    char dir[UNIT_PATH], prefix[UNIT_PATH];
    sg_arena a;
    sg_people people;
    sg_bim bim;
    int8_t label[N];
    sg_export_spec s;
} world;

static world make_world(void)
{
    static char id[SNPS][16];
    world w = {.a = unit_arena((size_t)256 << 20)};
    sg_err err = {0};
    int8_t code[SNPS];
    sg_rng r = sg_rng_stream(3, SG_RNG_TEST, 0, 0);
    unit_dir(w.dir);
    unit_path(w.prefix, w.dir, "cohort");
    ck_ok(sg_people_new(N, SNPS, &w.a, &w.people, &err), err);
    for (int64_t s = 0; s < N; s++) {
        w.label[s] = (int8_t)(s % 2);
        for (int v = 0; v < SNPS; v++)
            code[v] = (int8_t)(sg_rng_below(&r, 20) ? (int)sg_rng_below(&r, 3) : SG_MISSING);
        sg_people_pack(&w.people, s, code);
    }
    w.bim = (sg_bim){SNPS, SG_NEW(&w.a, sg_bim_row, SNPS)};
    for (int v = 0; v < SNPS; v++) {
        (void)snprintf(id[v], sizeof id[v], "rs%d", v);
        w.bim.row[v] = (sg_bim_row){.chrom = v < 100 ? "2" : "11",
                                    .id = id[v],
                                    .a1 = "A",
                                    .a2 = v % 7 ? "G" : "GTT",
                                    .cm = v * 0.1,
                                    .pos = 10 + v};
    }
    return w;
}

static void set_spec(world *w)
{
    w->s = (sg_export_spec){.prefix = w->prefix,
                            .formats = ALL,
                            .mode = 0600,
                            .variants = &w->bim,
                            .n_people = N,
                            .label = w->label,
                            .trait = "a trait",
                            .model = "m",
                            .seed = 5};
}

static void end_world(world *w)
{
    sg_arena_clear(&w->a);
    unit_dir_remove(w->dir);
}

static int n_files(const char *dir)
{
    int n = 0;
    DIR *d = opendir(dir);
    for (const struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.';
    (void)closedir(d);
    return n;
}

START_TEST(what_is_written_is_read_back_and_one_changed_byte_is_found)
{
    world w = make_world();
    sg_err err = {0};
    set_spec(&w);
    ck_ok(sg_export_people(&w.s, &w.people, NULL, &w.a, &err), err);
    ck_ok(sg_export_check(&w.s, &w.people, NULL, &w.a, &err), err);
    ck_assert_int_eq(n_files(w.dir), 13);
    /* Other people than were written. */
    int8_t code[SNPS];
    sg_people_unpack(&w.people, 77, code);
    code[SNPS - 1] = (int8_t)((code[SNPS - 1] + 1) % 3);
    sg_people_pack(&w.people, 77, code);
    for (int i = 0; i < SG_N_EXPORT; i++) {
        char words[200];
        w.s.formats = 1U << i;
        ck_assert_int_eq(sg_export_check(&w.s, &w.people, NULL, &w.a, &err), SG_INTERNAL);
        (void)snprintf(words, sizeof words, "%s", i == SG_EXPORT_AT_PLINK ? "cohort" : ending[i]);
        ck_assert_msg(strstr(err.msg, words) && strstr(err.msg, "does not hold the people it was made of"), "%s",
                      err.msg);
    }
    end_world(&w);
}
END_TEST

START_TEST(other_labels_than_were_written_are_found)
{
    world w = make_world();
    sg_err err = {0};
    set_spec(&w);
    w.s.formats = SG_EXPORT_NPY;
    ck_ok(sg_export_people(&w.s, &w.people, NULL, &w.a, &err), err);
    w.label[N - 1] ^= 1;
    ck_assert_int_eq(sg_export_check(&w.s, &w.people, NULL, &w.a, &err), SG_INTERNAL);
    ck_assert_ptr_nonnull(strstr(err.msg, "cohort.labels.npy"));
    end_world(&w);
}
END_TEST

/* The same people as copies of A1 and of A2, all at once and in groups, give the same bytes. */
START_TEST(neither_the_counted_allele_nor_groups_change_a_byte)
{
    world w = make_world();
    sg_err err = {0};
    char other[UNIT_PATH];
    sg_people turned;
    sg_export *e;
    set_spec(&w);
    ck_ok(sg_export_people(&w.s, &w.people, NULL, &w.a, &err), err);
    ck_ok(sg_people_new(N, SNPS, &w.a, &turned, &err), err);
    for (int64_t s = 0; s < N; s++) {
        int8_t code[SNPS];
        sg_people_unpack(&w.people, s, code);
        for (int v = 0; v < SNPS; v++)
            code[v] = (int8_t)(code[v] == SG_MISSING ? SG_MISSING : 2 - code[v]);
        sg_people_pack(&turned, s, code);
    }
    sg_export_spec q = w.s;
    q.prefix = unit_path(other, w.dir, "other");
    q.counted_a2 = true;
    ck_ok(sg_export_open(&q, NULL, &e, &err), err);
    for (int64_t s = 0; s < N; s += 64) {
        const sg_people part = {N - s < 64 ? N - s : 64, SNPS, turned.n_word, turned.plane + 2 * s * turned.n_word};
        ck_ok(sg_export_add(e, &part, NULL, &w.a, &err), err);
    }
    ck_ok(sg_export_commit(e, NULL, &w.a, &err), err);
    ck_ok(sg_export_check(&q, &turned, NULL, &w.a, &err), err);
    for (int i = 0; i < SG_N_EXPORT; i++) {
        char x[2][UNIT_PATH + 16];
        size_t n[2];
        (void)snprintf(x[0], sizeof x[0], "%s.%s", w.prefix, ending[i]);
        (void)snprintf(x[1], sizeof x[1], "%s.%s", other, ending[i]);
        char *text[2] = {get_file(x[0], &n[0]), get_file(x[1], &n[1])};
        ck_assert_uint_eq(n[0], n[1]);
        ck_assert_msg(memcmp(text[0], text[1], n[0]) == 0, ".%s differs", ending[i]);
        free(text[0]);
        free(text[1]);
    }
    end_world(&w);
}
END_TEST

START_TEST(what_cannot_be_finished_leaves_nothing)
{
    world w = make_world();
    sg_err err = {0};
    sg_export *e;
    atomic_bool stop = true;
    const sg_run run = {.stop = &stop};
    set_spec(&w);
    ck_assert_int_eq(sg_export_people(&w.s, &w.people, &run, &w.a, &err), SG_CANCELLED);
    ck_assert_int_eq(n_files(w.dir), 0);
    ck_ok(sg_export_open(&w.s, NULL, &e, &err), err);
    sg_export_abort(e);
    ck_assert_int_eq(n_files(w.dir), 0);
    /* A .tbi cannot replace a folder: everything before it goes again. */
    char folder[UNIT_PATH];
    ck_ok(sg_dir_make(unit_path(folder, w.dir, "cohort.vcf.gz.tbi"), 0700, &err), err);
    ck_assert_int_eq(sg_export_people(&w.s, &w.people, NULL, &w.a, &err), SG_IO);
    ck_assert_ptr_nonnull(strstr(err.msg, "cohort.vcf.gz.tbi: cannot write"));
    ck_assert_int_eq(n_files(w.dir), 1);
    w.s.prefix = "/no/such/folder/x";
    ck_assert_int_eq(sg_export_people(&w.s, &w.people, NULL, &w.a, &err), SG_IO);
    end_world(&w);
}
END_TEST

START_TEST(what_a_vcf_cannot_hold_is_named_before_anything_is_written)
{
    static const struct {
        const char *chrom, *id, *a1;
        int64_t pos;
        const char *words;
    } bad[] = {{"2", "rs", "<DEL>", 15, "variant 6: A1 becomes ALT of a VCF"},
               {"2", "r s", "A", 15, "variant 6: its ID has a blank"},
               {"2", "rs", "A", 0, "variant 6: position 0, an indexed VCF holds 1 to 536,870,912"},
               {"2", "rs", "A", 9, "variant 6: position 9 stands behind 14"},
               {"11", "rs", "A", 15, "variant 7: chromosome 2 stands in two places"}};
    world w = make_world();
    sg_err err = {0};
    set_spec(&w);
    w.s.formats = SG_EXPORT_VCF;
    const sg_bim_row good = w.bim.row[5];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        w.bim.row[5] =
            (sg_bim_row){.chrom = bad[i].chrom, .id = bad[i].id, .a1 = bad[i].a1, .a2 = good.a2, .pos = bad[i].pos};
        ck_assert_int_eq(sg_export_people(&w.s, &w.people, NULL, &w.a, &err), SG_LIMIT);
        ck_assert_msg(strstr(err.msg, bad[i].words) != NULL, "%s", err.msg);
        ck_assert_int_eq(n_files(w.dir), 0);
    }
    end_world(&w);
}
END_TEST

START_TEST(words_and_names)
{
    sg_err err = {0};
    unsigned f;
    char name[64];
    ck_ok(sg_export_parse("bcf,plink", &f, &err), err);
    ck_assert_uint_eq(f, SG_EXPORT_BCF | SG_EXPORT_PLINK);
    static const char *const bad[] = {"", "plink,", ",plink", "plink,,vcf", "PLINK", "plink vcf", "npy,npy"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_int_eq(sg_export_parse(bad[i], &f, &err), SG_FORMAT);
    sg_export_name(0, name);
    ck_assert_str_eq(name, "SYN0000001");
    sg_export_name(123456789, name);
    ck_assert_str_eq(name, "SYN123456790");
    ck_assert_int_eq(sg_export_sex_of("BC"), 2);
    ck_assert_int_eq(sg_export_sex_of("prostate_cancer"), 1);
    ck_assert_int_eq(sg_export_sex_of("t2d"), 0);
    ck_assert_int_eq(sg_matrix_group(2048) % 64, 0);
    ck_assert_int_ge(sg_matrix_group(1000000), 64);
}
END_TEST

UNIT_MAIN("cohorts", what_is_written_is_read_back_and_one_changed_byte_is_found,
          other_labels_than_were_written_are_found, neither_the_counted_allele_nor_groups_change_a_byte,
          what_cannot_be_finished_leaves_nothing, what_a_vcf_cannot_hold_is_named_before_anything_is_written,
          words_and_names)
