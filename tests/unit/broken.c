/* Files as they arrive broken, for every reader of text and of genotypes: what is said of each, and that nothing crashes, hangs or
 * passes for whole. Cuts at every byte stand at the end. */
#include "files.h"
#include "filesets/source.h"
#include "formats/npy.h"
#include "formats/pheno.h"
#include "formats/plink.h"
#include "formats/sumstats.h"

#include <math.h>
#include <unistd.h>
#include <zlib.h>

enum { LONG_LINE = 10 << 20 };

typedef enum reader { BIM, FAM, PHENO, SUMSTATS, VCF } reader;

/* One broken file: text, with %L replaced by ten million letters. message NULL: it is read, and `rows` rows are kept. */
typedef struct broken {
    reader reader;
    const char *what, *text;
    sg_status status;
    const char *message;
    int64_t rows;
} broken;

#define HEAD                                                                                                           \
    "##fileformat=VCFv4.2\n##FORMAT=<ID=GT,Number=1,Type=String,Description=\"g\">\n##contig=<ID=1>\n"                 \
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tA\tB\n"

static const broken file[] = {
#include "broken_files.h"
};

/* ---- readers ---- */

static sg_status count_row(void *ctx, const sg_sum_row *row, sg_err *err)
{
    (void)row;
    (void)err;
    ++*(int64_t *)ctx;
    return SG_OK;
}

static sg_status take(void *ctx, int64_t first, int64_t n, const uint64_t *row, sg_err *err)
{
    (void)first;
    (void)row;
    (void)err;
    *(int64_t *)ctx += n;
    return SG_OK;
}

static sg_status read_vcf(const char *path, sg_arena *a, int64_t *rows, sg_err *err)
{
    sg_source s;
    SG_TRY(sg_source_open_vcf(path, NULL, a, &s, err));
    int64_t *want = SG_NEW(a, int64_t, s.bim.n + 1);
    for (int64_t i = 0; i < s.bim.n; i++)
        want[i] = i;
    return sg_source_read(&s, want, s.bim.n, NULL, NULL, a, take, rows, err);
}

/* Two people, as every phenotype file here knows them. */
static sg_status read_pheno(const char *path, sg_arena *a, int64_t *rows, sg_err *err)
{
    char text[] = "F A 0 0 1 -9\nF B 0 0 2 -9\n";
    sg_fam fam;
    sg_index index;
    sg_pheno p;
    const sg_pheno_options o = {0};
    SG_TRY(sg_fam_decode("x.fam", text, strlen(text), a, &fam, err));
    SG_TRY(sg_fam_index("x.fam", &fam, a, &index, err));
    SG_TRY(sg_pheno_load(path, &o, &fam, &index, a, &p, err));
    for (int64_t i = 0; i < fam.n; i++)
        *rows += p.label[i] >= 0;
    return SG_OK;
}

static sg_status read_one(reader r, const char *path, sg_arena *a, int64_t *rows, sg_err *err)
{
    sg_bim bim;
    sg_fam fam;
    sg_sum_report report;
    sg_index index;
    *rows = 0;
    switch (r) {
    case BIM:
        SG_TRY(sg_bim_load(path, a, &bim, err));
        *rows = bim.n;
        return SG_OK;
    case FAM:
        SG_TRY(sg_fam_load(path, a, &fam, err));
        SG_TRY(sg_fam_index(path, &fam, a, &index, err));
        *rows = fam.n;
        return SG_OK;
    case PHENO:
        return read_pheno(path, a, rows, err);
    case SUMSTATS:
        return sg_sumstats_read(path, NULL, count_row, rows, &report, err);
    case VCF:
        return read_vcf(path, a, rows, err);
    }
    return SG_INTERNAL;
}

static const char *const suffix[] = {"x.bim", "x.fam", "x.pheno", "x.sumstats", "x.vcf"};

static void write_broken(const broken *b, const char *path)
{
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    for (const char *s = b->text; *s; s++)
        if (s[0] == '%' && s[1] == 'L') {
            for (int i = 0; i < LONG_LINE; i++)
                (void)fputc('A', f);
            s++;
        } else
            (void)fputc(*s, f);
    ck_assert_int_eq(fclose(f), 0);
}

START_TEST(every_broken_text_is_told_in_words)
{
    char dir[UNIT_PATH], path[UNIT_PATH];
    unit_dir(dir);
    int wrong = 0;
    for (size_t i = 0; i < sizeof file / sizeof *file; i++) {
        const broken *b = &file[i];
        sg_arena a = unit_arena((size_t)256 << 20);
        sg_err err = {0};
        int64_t rows;
        write_broken(b, unit_path(path, dir, suffix[b->reader]));
        const sg_status st = read_one(b->reader, path, &a, &rows, &err);
        const char *said = strstr(err.msg, dir) == err.msg ? err.msg + strlen(dir) + 1 : err.msg;
        const bool right = st == b->status && (b->message ? !strcmp(said, b->message) : rows == b->rows);
        if (!right)
            printf("%s %s: status %d \"%.300s\", %lld rows\n", suffix[b->reader], b->what, (int)st, st ? said : "",
                   (long long)rows);
        wrong += !right;
        sg_arena_clear(&a);
    }
    ck_assert_int_eq(wrong, 0);
    unit_dir_remove(dir);
}
END_TEST

/* ---- cuts ---- */

static void put_bytes(const char *path, const void *data, size_t n)
{
    (void)unlink(path); /* some file systems write a file that was cut to nothing to the disk at once */
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(data, 1, n, f), n);
    ck_assert_int_eq(fclose(f), 0);
}

START_TEST(every_prefix_of_a_bed_is_refused)
{
    char dir[UNIT_PATH], path[UNIT_PATH];
    sg_arena a = unit_arena(1 << 20);
    sg_err err = {0};
    uint8_t bed[3 + 5 * 2] = {0x6c, 0x1b, 1};
    unit_path(path, (unit_dir(dir), dir), "x.bed");
    for (size_t n = 0; n < sizeof bed; n++) {
        sg_geno g;
        put_bytes(path, bed, n);
        ck_assert_int_ne(sg_bed_load(path, 5, 7, NULL, 5, &a, &g, &err), SG_OK);
        ck_assert(err.msg[0]);
    }
    unit_dir_remove(dir);
    sg_arena_clear(&a);
}
END_TEST

START_TEST(every_prefix_of_an_npy_is_refused)
{
    char dir[UNIT_PATH], path[UNIT_PATH];
    sg_arena a = unit_arena(1 << 20);
    sg_err err = {0};
    const int64_t dim[2] = {3, 2};
    const float x[6] = {1, 2, 3, 4, 5, 6};
    size_t n;
    unit_path(path, (unit_dir(dir), dir), "x.npy");
    ck_ok(sg_npy_save(path, SG_NPY_F4, 2, dim, x, &err), err);
    char *whole = get_file(path, &n);
    for (size_t k = 0; k <= n; k++) {
        int n_dim;
        int64_t got[4];
        void *data;
        put_bytes(path, whole, k);
        const sg_status st = sg_npy_load(path, SG_NPY_F4, &a, &n_dim, got, &data, &err);
        ck_assert_msg((st == SG_OK) == (k == n), "%zu of %zu bytes: %s", k, n, err.msg);
    }
    free(whole);
    unit_dir_remove(dir);
    sg_arena_clear(&a);
}
END_TEST

static size_t gzipped(const char *text, uint8_t *out, size_t most)
{
    z_stream z = {0};
    ck_assert_int_eq(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)text;
    z.avail_in = (uInt)strlen(text);
    z.next_out = out;
    z.avail_out = (uInt)most;
    ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    (void)deflateEnd(&z);
    return z.total_out;
}

START_TEST(every_prefix_of_gzipped_statistics_is_refused)
{
    char dir[UNIT_PATH], path[UNIT_PATH];
    uint8_t all[4096];
    sg_err err = {0};
    const size_t n = gzipped("SNP A1 A2 BETA SE P\nrs1 A G 0.1 0.01 1e-9\nrs2 C T -0.2 0.02 1e-8\n", all, sizeof all);
    unit_path(path, (unit_dir(dir), dir), "x.gz");
    for (size_t k = 0; k <= n; k++) {
        int64_t rows = 0;
        sg_sum_report report;
        put_bytes(path, all, k);
        const sg_status st = sg_sumstats_read(path, NULL, count_row, &rows, &report, &err);
        ck_assert_msg((st == SG_OK) == (k == n), "%zu of %zu bytes: %s", k, n, err.msg);
    }
    unit_dir_remove(dir);
}
END_TEST

START_TEST(every_prefix_of_a_vcf_is_read_to_a_whole_record_or_refused)
{
    static const char text[] = HEAD "1\t5\trs1\tA\tG\t.\t.\t.\tGT\t0/1\t1|1\n1\t9\trs2\tC\tT\t.\t.\t.\tGT\t0/0\t1/1\n";
    char dir[UNIT_PATH], path[UNIT_PATH];
    unit_path(path, (unit_dir(dir), dir), "x.vcf");
    for (size_t k = 0; k <= strlen(text); k++) {
        sg_arena a = unit_arena(1 << 24);
        sg_err err = {0};
        int64_t rows = 0;
        put_bytes(path, text, k);
        const sg_status st = read_vcf(path, &a, &rows, &err);
        /* A header that ends in the name of a person is whole for all anybody can tell. */
        ck_assert_msg(st ? err.msg[0] != 0 : k >= strlen(HEAD) - 3, "%zu bytes: %s", k, err.msg);
        if (k == strlen(text))
            ck_assert_int_eq(rows, 2);
        sg_arena_clear(&a);
    }
    unit_dir_remove(dir);
}
END_TEST

UNIT_MAIN("broken", every_broken_text_is_told_in_words, every_prefix_of_a_bed_is_refused,
          every_prefix_of_an_npy_is_refused, every_prefix_of_gzipped_statistics_is_refused,
          every_prefix_of_a_vcf_is_read_to_a_whole_record_or_refused)
