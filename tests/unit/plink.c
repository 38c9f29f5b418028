/* .bed, .bim and .fam: what is read, what is refused and in which words, and that nothing is lost on the way back. */
#include "files.h"
#include "formats/plink.h"

#include <sys/stat.h>

/* Two variants of five people: 2 3 1 0 | 2 and 0 1 3 2 | 0. */
static const uint8_t tiny[] = {0x6c, 0x1b, 0x01, 0xe4, 0x00, 0x1b, 0x03};

START_TEST(codes_are_copies_of_a1)
{
    static const int want[2][5] = {{2, 3, 1, 0, 2}, {0, 1, 3, 2, 0}};
    sg_arena a = unit_arena(1 << 20);
    sg_err err = {0};
    sg_geno g;
    ck_ok(sg_bed_decode(tiny, sizeof tiny, 2, 5, &a, &g, &err), err);
    ck_assert(sg_geno_ok(&g));
    for (int v = 0; v < 2; v++)
        for (int s = 0; s < 5; s++)
            ck_assert_int_eq(sg_geno_get(&g, v, s), want[v][s]);
    ck_assert_uint_eq(g.row[3] >> 2, 0); /* padding is 0 in memory */
    sg_arena_clear(&a);
}
END_TEST

START_TEST(short_file_is_a_mismatch_and_costs_no_memory)
{
    sg_arena a = unit_arena(1 << 20);
    sg_err err = {0};
    sg_geno g;
    ck_assert_int_eq(sg_bed_decode(tiny, 4, 2, 5, &a, &g, &err), SG_MISMATCH);
    ck_assert_str_eq(err.msg, ".bed has 1 data bytes, .bim and .fam ask for 4");
    ck_assert_uint_eq(a.used, 0);
    ck_assert_ptr_null(g.row);
    ck_assert_int_eq(sg_bed_decode(tiny, 7, 1, 5, &a, &g, &err), SG_MISMATCH);
    ck_assert_str_eq(err.msg, ".bed has 4 data bytes, .bim and .fam ask for 2");
    ck_assert_int_eq(sg_bed_decode(tiny, 7, INT64_MAX, 5, &a, &g, &err), SG_LIMIT);
    sg_arena_clear(&a);
}
END_TEST

static const struct {
    const char *bytes;
    size_t n;
    const char *message;
} bad_bed[] = {
    {"", 0, "x.bed has 0 bytes, want at least the 3 of its magic number"},
    {"\x6c\x1b", 2, "x.bed has 2 bytes, want at least the 3 of its magic number"},
    {"\x6d\x1b\x01\x00", 4, "x.bed begins with 6d 1b, want 6c 1b: not a PLINK 1 .bed"},
    {"\x6c\x1b\x00\x00", 4,
     "x.bed is individual-major (third byte 00), want SNP-major; rewrite it with \"plink --make-bed\""},
    {"\x6c\x1b\x02\x00", 4, "x.bed: third byte 02, want 01 (SNP-major)"},
    {"\x1f\x8b\x08\x00", 4, "x.bed is compressed (gzip or zstd), want a plain PLINK 1 .bed"},
    {"\x6c\x1b\x01", 3, "x.bed has 0 data bytes, .bim and .fam ask for 1"},
    {"\x6c\x1b\x01\x00\x00", 5, "x.bed has 2 data bytes, .bim and .fam ask for 1"},
};

START_TEST(a_bed_that_is_none_says_what_it_is)
{
    char dir[UNIT_PATH], path[UNIT_PATH];
    sg_arena a = unit_arena(1 << 20);
    unit_dir(dir);
    ck_assert_int_eq(chdir(dir), 0);
    for (size_t i = 0; i < sizeof bad_bed / sizeof *bad_bed; i++) {
        const int64_t want = 0;
        sg_err err = {0};
        sg_geno g;
        ck_ok(sg_file_write(unit_path(path, dir, "x.bed"), 0644, bad_bed[i].bytes, bad_bed[i].n, &err), err);
        ck_assert_int_ne(sg_bed_load("x.bed", 1, 1, &want, 1, &a, &g, &err), SG_OK);
        ck_assert_str_eq(err.msg, bad_bed[i].message);
    }
    sg_err err = {0};
    sg_bed *b;
    ck_assert_int_eq(sg_bed_open("y.bed", 1, 1, &b, &err), SG_NOT_FOUND);
    ck_assert_str_eq(err.msg, "y.bed: no such file");
    ck_assert_int_eq(sg_bed_open(".", 1, 1, &b, &err), SG_IO);
    ck_assert_str_eq(err.msg, ".: not a regular file");
    ck_assert_ptr_null(b);
    ck_assert_int_eq(chdir("/"), 0);
    sg_arena_clear(&a);
    unit_dir_remove(dir);
}
END_TEST

START_TEST(only_wanted_variants_are_read)
{
    char dir[UNIT_PATH], path[UNIT_PATH];
    sg_arena a = unit_arena(1 << 20);
    sg_err err = {0};
    sg_geno g;
    const int64_t want[] = {1};
    unit_dir(dir);
    ck_ok(sg_file_write(unit_path(path, dir, "x.bed"), 0644, tiny, sizeof tiny, &err), err);
    ck_ok(sg_bed_load(path, 2, 5, want, 1, &a, &g, &err), err);
    ck_assert_int_eq(g.n_variant, 1);
    ck_assert_int_eq(sg_geno_get(&g, 0, 2), SG_MISSING);
    ck_assert_int_eq(sg_geno_get(&g, 0, 3), 2);
    ck_assert_uint_le(a.used, 64);
    sg_arena_clear(&a);
    unit_dir_remove(dir);
}
END_TEST

START_TEST(padding_on_disk_is_zero_whatever_is_in_memory)
{
    char dir[UNIT_PATH], path[UNIT_PATH];
    sg_arena a = unit_arena(1 << 20);
    sg_err err = {0};
    sg_geno g;
    uint8_t dirty[sizeof tiny];
    memcpy(dirty, tiny, sizeof tiny);
    dirty[4] |= 0xfc; /* junk after the fifth person: readers ignore it, we do not repeat it */
    unit_dir(dir);
    ck_ok(sg_bed_decode(dirty, sizeof dirty, 2, 5, &a, &g, &err), err);
    ck_ok(sg_bed_save(unit_path(path, dir, "x.bed"), &g, &err), err);
    size_t n;
    char *back = get_file(path, &n);
    ck_assert_uint_eq(n, sizeof tiny);
    ck_assert_mem_eq(back, tiny, n);
    free(back);
    sg_arena_clear(&a);
    unit_dir_remove(dir);
}
END_TEST

START_TEST(a_row_longer_than_the_writers_buffer_survives)
{
    char dir[UNIT_PATH], path[UNIT_PATH];
    sg_arena a = unit_arena(4 << 20);
    sg_err err = {0};
    sg_geno g, back;
    const int64_t want[] = {0, 1, 2};
    unit_dir(dir);
    ck_ok(sg_geno_new(3, 40003, &a, &g, &err), err);
    for (int64_t v = 0; v < 3; v++)
        for (int64_t s = 0; s < g.n_sample; s++)
            sg_geno_set(&g, v, s, (int)((s * 7 + v * 3 + s / 5) % 4));
    ck_ok(sg_bed_save(unit_path(path, dir, "x.bed"), &g, &err), err);
    ck_ok(sg_bed_load(path, 3, 40003, want, 3, &a, &back, &err), err);
    ck_assert_mem_eq(back.row, g.row, (size_t)(3 * g.row_bytes));
    sg_arena_clear(&a);
    unit_dir_remove(dir);
}
END_TEST

static const struct {
    const char *text, *message;
} bad_bim[] = {
    {"1 rs1 0 100 A\n", "x.bim line 1: 5 columns, want 6"},
    {"1 rs1 0 100 A C\n\n1 rs2 0 200 A C\n", "x.bim line 2: 0 columns, want 6"},
    {"1 rs1 0 100 A C extra\n", "x.bim line 1: 7 columns, want 6"},
    {"1 rs1 0 100 A C\n1 rs2 0 -5 A C\n",
     "x.bim line 2: position -5, want 0 to 2147483647 (PLINK would skip this variant in silence; remove it)"},
    {"1 rs1 0 1e6 A C\n", "x.bim line 1: position \"1e6\", want a whole number"},
    {"1 rs1 0 2147483648 A C\n", "x.bim line 1: position 2147483648, want 0 to 2147483647"},
    {"1 rs1 x 100 A C\n", "x.bim line 1: genetic position \"x\", want a number"},
    {"1 rs1 inf 100 A C\n", "x.bim line 1: genetic position \"inf\", want a number"},
};

START_TEST(a_bim_is_refused_with_its_line)
{
    sg_arena a = unit_arena(1 << 20);
    for (size_t i = 0; i < sizeof bad_bim / sizeof *bad_bim; i++) {
        sg_err err = {0};
        sg_bim b;
        const size_t n = strlen(bad_bim[i].text);
        ck_assert_int_eq(sg_bim_decode("x.bim", copy_text(&a, bad_bim[i].text), n, &a, &b, &err), SG_FORMAT);
        ck_assert_str_eq(err.msg, bad_bim[i].message);
        ck_assert_int_eq(b.n, 0);
    }
    sg_arena_clear(&a);
}
END_TEST

START_TEST(tabs_blanks_and_crlf_read_alike)
{
    sg_arena a = unit_arena(1 << 20);
    sg_err err = {0};
    sg_bim b;
    const char *text = "1\trs1\t0.5\t100\tA\tC\r\nX  rs2  0 0 AT   A";
    ck_ok(sg_bim_decode("x.bim", copy_text(&a, text), strlen(text), &a, &b, &err), err);
    ck_assert_int_eq(b.n, 2);
    ck_assert_str_eq(b.row[0].a2, "C");
    ck_assert_double_eq(b.row[0].cm, 0.5);
    ck_assert_str_eq(b.row[1].a1, "AT");
    ck_assert_int_eq(b.row[1].pos, 0);
    sg_arena_clear(&a);
}
END_TEST

START_TEST(the_same_person_twice_is_named_by_lines_not_by_id)
{
    sg_arena a = unit_arena(1 << 20);
    sg_err err = {0};
    sg_fam f;
    const char *text = "F1 SECRET 0 0 1 -9\nF2 SECRET 0 0 2 1\nF1 SECRET 0 0 9 2\n";
    ck_ok(sg_fam_decode("x.fam", copy_text(&a, text), strlen(text), &a, &f, &err), err);
    ck_assert_int_eq(f.n, 3);
    ck_assert_int_eq(f.row[0].sex, 1);
    ck_assert_int_eq(f.row[2].sex, 0);
    ck_assert_int_eq(sg_fam_index("x.fam", &f, &a, NULL, &err), SG_FORMAT);
    ck_assert_str_eq(err.msg, "x.fam lines 1 and 3: the same family and person ID twice; remove or rename one");
    ck_assert_ptr_null(strstr(err.msg, "SECRET"));
    const char *zero = "F1 0 0 0 1 -9\n", *few = "F1 P1 0 0 1\n";
    ck_assert_int_eq(sg_fam_decode("x.fam", copy_text(&a, zero), strlen(zero), &a, &f, &err), SG_FORMAT);
    ck_assert_str_eq(err.msg, "x.fam line 1: the person's ID is 0, which PLINK reserves for \"unknown\"");
    ck_assert_int_eq(sg_fam_decode("x.fam", copy_text(&a, few), strlen(few), &a, &f, &err), SG_FORMAT);
    ck_assert_str_eq(err.msg, "x.fam line 1: 5 columns, want 6");
    sg_arena_clear(&a);
}
END_TEST

/* Reads a fileset of ../shared and writes it again. */
static void round_trip(const char *shared, const char *name)
{
    char dir[UNIT_PATH], in[UNIT_PATH], out[UNIT_PATH], name_out[8];
    sg_arena a = unit_arena((size_t)256 << 20);
    sg_err err = {0};
    sg_bim bim;
    sg_fam fam;
    sg_geno g;
    static const char *const ending[] = {"bim", "fam", "bed"};
    unit_dir(dir);
    for (int k = 0; k < 3; k++) {
        (void)snprintf(in, sizeof in, "%s/data/%s/%s.%s", shared, name, name, ending[k]);
        (void)snprintf(name_out, sizeof name_out, "x.%s", ending[k]);
        unit_path(out, dir, name_out);
        if (k == 0) {
            ck_ok(sg_bim_load(in, &a, &bim, &err), err);
            ck_ok(sg_bim_save(out, &bim, &err), err);
        } else if (k == 1) {
            ck_ok(sg_fam_load(in, &a, &fam, &err), err);
            ck_ok(sg_fam_save(out, &fam, &err), err);
        } else {
            int64_t *want = SG_NEW(&a, int64_t, bim.n);
            for (int64_t v = 0; v < bim.n; v++)
                want[v] = v;
            ck_ok(sg_bed_load(in, bim.n, fam.n, want, bim.n, &a, &g, &err), err);
            ck_ok(sg_bed_save(out, &g, &err), err);
        }
        size_t n, m;
        char *x = get_file(in, &n), *y = get_file(out, &m);
        ck_assert_uint_eq(n, m);
        ck_assert_msg(memcmp(x, y, n) == 0, "%s.%s is not what was read", name, ending[k]);
        free(x);
        free(y);
    }
    sg_arena_clear(&a);
    unit_dir_remove(dir);
}

START_TEST(real_filesets_are_rewritten_byte_for_byte)
{
    static const char *const name[] = {"hapmap3", "eur_chr20", "eur22loci", "soynam"};
    const char *shared = shared_folder();
    for (int i = 0; shared && i < 4; i++)
        round_trip(shared, name[i]);
}
END_TEST

UNIT_MAIN("plink", codes_are_copies_of_a1, short_file_is_a_mismatch_and_costs_no_memory,
          a_bed_that_is_none_says_what_it_is, only_wanted_variants_are_read,
          padding_on_disk_is_zero_whatever_is_in_memory, a_row_longer_than_the_writers_buffer_survives,
          a_bim_is_refused_with_its_line, tabs_blanks_and_crlf_read_alike,
          the_same_person_twice_is_named_by_lines_not_by_id, real_filesets_are_rewritten_byte_for_byte)
