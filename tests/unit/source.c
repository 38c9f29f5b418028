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

static const char calls[] =
    "##fileformat=VCFv4.2\n##contig=<ID=chr1>\n##FORMAT=<ID=GT,Number=1,Type=String,Description=\"x\">\n"
    "##FORMAT=<ID=DS,Number=1,Type=Float,Description=\"x\">\n"
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tA\tB\tC\tD\tE\tF\n"
    "chr1\t10\tr1\tA\tC,T\t.\t.\t.\tGT\t0/0\t0|1\t2/1\t2|2\t0/2\t./.\n"
    "chr1\t20\t.\tA\t<DEL>\t.\t.\t.\tGT\t0/0\t0/.\t1\t.\t1/1\t0|1\n"
    "chr1\t30\tr3\tA\t.\t.\t.\t.\tDS\t0\t0\t0\t0\t0\t0\n";

START_TEST(every_kind_of_call_in_a_vcf_is_a_code_or_missing_and_counted)
{
    static const int want_code[4][6] = {{0, 1, 3, 3, 3, 3}, {0, 3, 3, 2, 1, 3}, {0, 3, 3, 3, 2, 1}, {3, 3, 3, 3, 3, 3}};
    const int64_t want[] = {3, 0, 1, 2};
    char dir[UNIT_PATH], path[UNIT_PATH];
    sg_arena a = unit_arena(1 << 24);
    sg_err err = {0};
    sg_source src;
    sg_people p;
    unit_dir(dir);
    ck_ok(sg_source_open_vcf(put_file(path, dir, "x.vcf", calls), NULL, &a, &src, &err), err);
    ck_assert_int_eq(src.fam.n, 6);
    ck_assert_int_eq(src.bim.n, 4);
    ck_assert_str_eq(src.bim.row[0].chrom, "1");
    ck_assert_str_eq(src.bim.row[1].a1, "T");
    ck_assert_str_eq(src.bim.row[1].a2, "A");
    ck_assert_str_eq(src.bim.row[1].id, "r1");
    ck_assert_str_eq(src.bim.row[2].id, "1:20:A:<DEL>");
    ck_assert_str_eq(src.bim.row[3].a1, ".");
    ck_ok(sg_people_new(6, 4, &a, &p, &err), err);
    ck_ok(sg_source_people(&src, want, 4, NULL, NULL, &a, &p, &err), err);
    for (int i = 0; i < 4; i++)
        for (int s = 0; s < 6; s++)
            ck_assert_int_eq(sg_people_get(&p, s, i), want_code[want[i]][s]);
    ck_assert_int_eq(src.calls->n_half, 1);
    ck_assert_int_eq(src.calls->n_haploid, 1);
    ck_assert_int_eq(src.calls->n_other, 5);
    ck_assert_int_eq(src.calls->n_no_gt_row, 1);
    sg_arena_clear(&a);
    unit_dir_remove(dir);
}
END_TEST

START_TEST(genotypes_a_record_cannot_have_are_refused)
{
    static const struct {
        const char *from, *to, *message;
    } bad[] = {{"2/1", "3/1", "x.vcf at 1:10: a genotype names an allele that the record does not have"},
               {"2/1", "0/1/1", "x.vcf at 1:10: genotypes of 3 alleles, want 2"}};
    const int64_t want = 0;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char dir[UNIT_PATH], path[UNIT_PATH], text[2048];
        sg_arena a = unit_arena(1 << 24);
        sg_err err = {0};
        sg_source src;
        sg_people p;
        const char *at = strstr(calls, bad[i].from);
        (void)snprintf(text, sizeof text, "%.*s%s%s", (int)(at - calls), calls, bad[i].to, at + 3);
        unit_dir(dir);
        ck_ok(sg_source_open_vcf(put_file(path, dir, "x.vcf", text), NULL, &a, &src, &err), err);
        ck_ok(sg_people_new(6, 1, &a, &p, &err), err);
        ck_assert_int_eq(sg_source_people(&src, &want, 1, NULL, NULL, &a, &p, &err), SG_FORMAT);
        ck_assert_ptr_nonnull(strstr(err.msg, bad[i].message));
        sg_arena_clear(&a);
        unit_dir_remove(dir);
    }
}
END_TEST

UNIT_MAIN("source", every_kind_of_call_in_a_vcf_is_a_code_or_missing_and_counted,
          genotypes_a_record_cannot_have_are_refused, files_of_chromosomes_are_one_table_and_any_rows_are_read,
          other_people_in_another_file_and_no_file_at_all_are_refused)
