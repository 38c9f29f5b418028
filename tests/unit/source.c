/* The door to genotype files: one fileset or one per chromosome, rows wanted here and there, people chosen. */
#include "files.h"
#include "filesets/source.h"

enum { V = 150, S = 101 }; /* variants of each file, people */

static int code_of(int file, int64_t v, int64_t s)
{
    return (int)((v * 7 + s * s + s / 5 + file) % 4);
}

static void put_fileset(const char *dir, int chrom, const char *second_sex, sg_arena *a)
{
    char name[UNIT_PATH], path[UNIT_PATH];
    sg_err err = {0};
    sg_geno g;
    sg_buf bim, fam;
    sg_buf_init(&bim, 1 << 20);
    sg_buf_init(&fam, 1 << 20);
    ck_ok(sg_geno_new(V, S, a, &g, &err), err);
    for (int v = 0; v < V; v++) {
        ck_ok(sg_buf_printf(&bim, &err, "chr%d\t%s%d\t0\t%d\tA\tG\n", chrom, v ? "v" : "x", v, v + 1), err);
        for (int s = 0; s < S; s++)
            sg_geno_set(&g, v, s, code_of(chrom, v, s));
    }
    for (int s = 0; s < S; s++)
        ck_ok(sg_buf_printf(&fam, &err, "F P%d 0 0 %s 1\n", s, s == 1 ? second_sex : "1"), err);
    (void)snprintf(name, sizeof name, "c%d.bed", chrom);
    ck_ok(sg_bed_save(unit_path(path, dir, name), &g, &err), err);
    (void)snprintf(name, sizeof name, "c%d.bim", chrom);
    put_file(path, dir, name, (const char *)bim.data);
    (void)snprintf(name, sizeof name, "c%d.fam", chrom);
    put_file(path, dir, name, (const char *)fam.data);
    sg_buf_clear(&bim);
    sg_buf_clear(&fam);
}

START_TEST(files_of_chromosomes_are_one_table_and_any_rows_are_read)
{
    char dir[UNIT_PATH], pattern[UNIT_PATH], place[SG_SOURCE_PLACE];
    sg_arena a = unit_arena(1 << 24);
    sg_err err = {0};
    sg_source src;
    sg_people p;
    int64_t want[2 * V], where[S], n = 0, people = 0;
    unit_dir(dir);
    put_fileset(dir, 2, "2", &a);
    put_fileset(dir, 22, "2", &a);
    ck_ok(sg_source_open(unit_path(pattern, dir, "c{}"), NULL, &a, &src, &err), err);
    ck_assert_int_eq(src.n_file, 2);
    ck_assert_int_eq(src.n_absent, 21);
    ck_assert_ptr_nonnull(strstr(src.absent, "20, 21, X"));
    ck_assert_int_eq(src.bim.n, 2 * V);
    ck_assert_str_eq(src.bim.row[V].chrom, "22");
    ck_assert_str_eq(src.bim.row[1].id, "v1");
    ck_assert_ptr_nonnull(strstr(sg_source_place(&src, V + 4, place), "c22.bim line 5"));
    for (int64_t v = 0; v < 2 * V; v++) /* dense, sparse, then backwards */
        if (v < 70 || (v > 100 && v % 9 == 0))
            want[n++] = v;
    want[n++] = 100;
    for (int64_t s = 0; s < S; s++)
        where[s] = s % 3 ? people++ : -1;
    ck_ok(sg_people_new(people, n, &a, &p, &err), err);
    ck_ok(sg_source_people(&src, want, n, where, NULL, &a, &p, &err), err);
    for (int64_t s = 0; s < S; s++)
        for (int64_t i = 0; where[s] >= 0 && i < n; i++)
            ck_assert_int_eq(sg_people_get(&p, where[s], i), code_of(want[i] < V ? 2 : 22, want[i] % V, s));
    sg_arena_clear(&a);
    unit_dir_remove(dir);
}
END_TEST

START_TEST(other_people_in_another_file_and_no_file_at_all_are_refused)
{
    char dir[UNIT_PATH], pattern[UNIT_PATH];
    sg_arena a = unit_arena(1 << 24);
    sg_err err = {0};
    sg_source src;
    unit_dir(dir);
    put_fileset(dir, 2, "2", &a);
    put_fileset(dir, 3, "1", &a);
    ck_assert_int_eq(sg_source_open(unit_path(pattern, dir, "c{}"), NULL, &a, &src, &err), SG_MISMATCH);
    ck_assert_ptr_nonnull(strstr(err.msg, "c2.fam and "));
    ck_assert_ptr_nonnull(strstr(err.msg, "c3.fam differ in person 2 (ID, sex or phenotype)"));
    ck_assert_int_eq(sg_source_open(unit_path(pattern, dir, "d{}"), NULL, &a, &src, &err), SG_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(err.msg, "there is no such file for any of chromosomes 1 to 22 and X"));
    sg_arena_clear(&a);
    unit_dir_remove(dir);
}
END_TEST

UNIT_MAIN("source", files_of_chromosomes_are_one_table_and_any_rows_are_read,
          other_people_in_another_file_and_no_file_at_all_are_refused)
