/* Broken files of bytes (.bed, .npy, BCF, gzip): what is said of each, cuts at every byte within, and what claims to be huge. */
#include "files.h"
#include "filesets/source.h"
#include "filesets/vcf_writer.h"
#include "formats/npy.h"
#include "formats/plink.h"
#include "formats/sumstats.h"

#include <unistd.h>
#include <zlib.h>

static void put_bytes(const char *path, const void *data, size_t n)
{
    (void)unlink(path); /* some file systems write a file that was cut to nothing to the disk at once */
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(data, 1, n, f), n);
    ck_assert_int_eq(fclose(f), 0);
}

/* The message without the folder it may begin with. */
static const char *said(const sg_err *err, const char *dir)
{
    return strstr(err->msg, dir) == err->msg ? err->msg + strlen(dir) + 1 : err->msg;
}

/* ---- .bed of 5 variants, 7 people ---- */

#define ROWS "\x01\x02\x01\x02\x01\x02\x01\x02\x01\x02"

static const struct {
    const char *what, *bytes;
    size_t n;
    sg_status status;
    const char *message;
} bed[] = {
    {"nothing", "", 0, SG_FORMAT, "x.bed has 0 bytes, want at least the 3 of its magic number"},
    {"half a magic number", "\x6c\x1b", 2, SG_FORMAT, "x.bed has 2 bytes, want at least the 3 of its magic number"},
    {"text", "1 rs1 0 5 A G", 13, SG_FORMAT, "x.bed begins with 31 20, want 6c 1b: not a PLINK 1 .bed"},
    {"gzip", "\x1f\x8b\x08\x00", 4, SG_FORMAT, "x.bed is compressed (gzip or zstd), want a plain PLINK 1 .bed"},
    {"individual-major", "\x6c\x1b\x00" ROWS, 13, SG_FORMAT,
     "x.bed is individual-major (third byte 00), want SNP-major; rewrite it with \"plink --make-bed\""},
    {"PLINK 2", "\x6c\x1b\x10" ROWS, 13, SG_FORMAT, "x.bed: third byte 10, want 01 (SNP-major)"},
    {"magic alone", "\x6c\x1b\x01", 3, SG_MISMATCH, "x.bed has 0 data bytes, .bim and .fam ask for 10"},
    {"a row short", "\x6c\x1b\x01" ROWS, 11, SG_MISMATCH, "x.bed has 8 data bytes, .bim and .fam ask for 10"},
    {"a byte short", "\x6c\x1b\x01" ROWS, 12, SG_MISMATCH, "x.bed has 9 data bytes, .bim and .fam ask for 10"},
    {"a byte long", "\x6c\x1b\x01" ROWS "\n", 14, SG_MISMATCH, "x.bed has 11 data bytes, .bim and .fam ask for 10"},
    {"whole", "\x6c\x1b\x01" ROWS, 13, SG_OK, ""},
};

START_TEST(every_broken_bed_is_told_in_words)
{
    char dir[UNIT_PATH], path[UNIT_PATH];
    sg_arena a = unit_arena(1 << 20);
    static const int64_t want[5] = {0, 1, 2, 3, 4};
    unit_path(path, (unit_dir(dir), dir), "x.bed");
    for (size_t i = 0; i < sizeof bed / sizeof *bed; i++) {
        sg_geno g;
        sg_err err = {0};
        put_bytes(path, bed[i].bytes, bed[i].n);
        const sg_status st = sg_bed_load(path, 5, 7, want, 5, &a, &g, &err);
        ck_assert_msg(st == bed[i].status && !strcmp(said(&err, dir), bed[i].message), "%s: %d \"%s\"", bed[i].what,
                      (int)st, err.msg);
    }
    unit_dir_remove(dir);
    sg_arena_clear(&a);
}
END_TEST

/* ---- .npy ---- */

#define DICT(descr, order, shape) "{'descr': '" descr "', 'fortran_order': " order ", 'shape': (" shape "), }\n"

static const struct {
    const char *what;
    uint8_t version;
    const char *head; /* NULL: no file of numpy's at all */
    int64_t n_data;
    sg_status status;
    const char *message;
} npy[] = {
    {"text", 1, NULL, 0, SG_FORMAT, "x.npy: not a NumPy .npy file of version 1.0 (numpy.save writes one)"},
    {"version 2", 2, DICT("<f4", "False", "3, 2"), 24, SG_FORMAT,
     "x.npy: not a NumPy .npy file of version 1.0 (numpy.save writes one)"},
    {"no dictionary", 1, "hello\n", 24, SG_FORMAT,
     "x.npy: .npy header cannot be read, want descr, fortran_order and a shape of up to 4"},
    {"no shape", 1, "{'descr': '<f4', 'fortran_order': False, }\n", 24, SG_FORMAT,
     "x.npy: .npy header cannot be read, want descr, fortran_order and a shape of up to 4"},
    {"five dimensions", 1, DICT("<f4", "False", "1, 1, 1, 3, 2"), 24, SG_FORMAT,
     "x.npy: .npy header cannot be read, want descr, fortran_order and a shape of up to 4"},
    {"a negative size", 1, DICT("<f4", "False", "-3, 2"), 24, SG_FORMAT,
     "x.npy: .npy header cannot be read, want descr, fortran_order and a shape of up to 4"},
    {"doubles", 1, DICT("<f8", "False", "3, 1"), 24, SG_MISMATCH,
     "x.npy: .npy holds type \"<f8\", want \"<f4\" (float32)"},
    {"bytes the other way round", 1, DICT(">f4", "False", "3, 2"), 24, SG_MISMATCH,
     "x.npy: .npy holds type \">f4\", want \"<f4\" (float32)"},
    {"Fortran", 1, DICT("<f4", "True", "3, 2"), 24, SG_FORMAT,
     "x.npy: .npy is in Fortran order, want C order (numpy.ascontiguousarray before saving)"},
    {"data cut", 1, DICT("<f4", "False", "3, 2"), 20, SG_MISMATCH,
     "x.npy: .npy has 20 data bytes, its shape asks for 6 items of 4"},
    {"data behind", 1, DICT("<f4", "False", "3, 2"), 28, SG_MISMATCH,
     "x.npy: .npy has 28 data bytes, its shape asks for 6 items of 4"},
    {"a shape for more than there is", 1, DICT("<f4", "False", "3000000000, 2"), 24, SG_MISMATCH,
     "x.npy: .npy has 24 data bytes, its shape asks for 6000000000 items of 4"},
    {"a shape beyond 64 bits", 1, DICT("<f4", "False", "9000000000000000000, 9"), 24, SG_LIMIT,
     "x.npy: .npy shape is larger than can be held"},
    {"whole", 1, DICT("<f4", "False", "3, 2"), 24, SG_OK, ""},
};

START_TEST(every_broken_npy_is_told_in_words)
{
    char dir[UNIT_PATH], path[UNIT_PATH];
    sg_arena a = unit_arena(1 << 20);
    unit_path(path, (unit_dir(dir), dir), "x.npy");
    for (size_t i = 0; i < sizeof npy / sizeof *npy; i++) {
        uint8_t b[512] = "\x93NUMPY";
        sg_err err = {0};
        int n_dim;
        int64_t dim[4];
        void *data;
        size_t n = 5;
        if (npy[i].head) {
            const size_t n_head = strlen(npy[i].head);
            b[6] = npy[i].version;
            b[8] = (uint8_t)n_head;
            memcpy(b + 10, npy[i].head, n_head);
            n = 10 + n_head + (size_t)npy[i].n_data;
        } else {
            memcpy(b, "hello", 5);
        }
        put_bytes(path, b, n);
        const sg_status st = sg_npy_load(path, SG_NPY_F4, &a, &n_dim, dim, &data, &err);
        ck_assert_msg(st == npy[i].status && !strcmp(said(&err, dir), npy[i].message), "%s: %d \"%s\"", npy[i].what,
                      (int)st, err.msg);
    }
    unit_dir_remove(dir);
    sg_arena_clear(&a);
}
END_TEST

/* ---- BCF ---- */

enum { PEOPLE = 3, VARIANTS = 4, PLAIN_MAX = 4096 };

static sg_status take(void *ctx, int64_t first, int64_t n, const uint64_t *row, sg_err *err)
{
    (void)first;
    (void)row;
    (void)err;
    *(int64_t *)ctx += n;
    return SG_OK;
}

static sg_status read_all(const char *path, int64_t *rows, sg_err *err)
{
    sg_arena a = unit_arena((size_t)256 << 20);
    sg_source s;
    *rows = 0;
    sg_status st = sg_source_open_vcf(path, NULL, &a, &s, err);
    if (!st) {
        int64_t *want = SG_NEW(&a, int64_t, s.bim.n + 1);
        for (int64_t i = 0; i < s.bim.n; i++)
            want[i] = i;
        st = sg_source_read(&s, want, s.bim.n, NULL, NULL, &a, take, rows, err);
    }
    sg_arena_clear(&a);
    ck_assert_msg(!st || err->msg[0], "a status without words");
    return st;
}

static void person_name(void *ctx, int64_t person, char out[64])
{
    (void)ctx;
    (void)snprintf(out, 64, "P%d", (int)person);
}

/* A small BCF at path, and its bytes before compression. */
static size_t make_bcf(const char *path, uint8_t plain[PLAIN_MAX])
{
    sg_bim_row row[VARIANTS];
    for (int v = 0; v < VARIANTS; v++)
        row[v] = (sg_bim_row){.chrom = "1", .id = "rs", .pos = 100 + v, .a1 = "A", .a2 = "G"};
    const sg_bim bim = {VARIANTS, row};
    const sg_vcf_writer_options o = {.path = path, .bcf = true, .mode = 0600, .name = person_name};
    sg_vcf_writer *w;
    sg_err err = {0};
    ck_ok(sg_vcf_writer_open(&o, &bim, PEOPLE, &w, &err), err);
    for (int v = 0; v < VARIANTS; v++)
        ck_ok(sg_vcf_writer_row(w, &(uint64_t){0x24}, &err), err);
    ck_ok(sg_vcf_writer_commit(w, &err), err);
    gzFile z = gzopen(path, "rb");
    const int n = gzread(z, plain, PLAIN_MAX);
    ck_assert_int_eq(gzclose(z), Z_OK);
    ck_assert(n > 100 && n < PLAIN_MAX);
    return (size_t)n;
}

/* plain as one block of bgzip, with the end mark behind it. */
static void put_bgzipped(const char *path, const uint8_t *plain, size_t n)
{
    static const uint8_t end[28] = {0x1f, 0x8b, 8,    4, 0, 0, 0, 0, 0, 0xff, 6, 0, 'B', 'C',
                                    2,    0,    0x1b, 0, 3, 0, 0, 0, 0, 0,    0, 0, 0,   0};
    uint8_t out[2 * PLAIN_MAX] = {0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 6, 0, 'B', 'C', 2, 0};
    z_stream z = {0};
    ck_assert_int_eq(deflateInit2(&z, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)plain;
    z.avail_in = (uInt)n;
    z.next_out = out + 18;
    z.avail_out = sizeof out - 18 - 8 - sizeof end;
    ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t at = 18 + z.total_out;
    (void)deflateEnd(&z);
    const uint32_t tail[2] = {(uint32_t)crc32(0, plain, (uInt)n), (uint32_t)n};
    memcpy(out + at, tail, 8); /* little-endian machines only, as .bcf itself */
    at += 8;
    out[16] = (uint8_t)(at - 1);
    out[17] = (uint8_t)((at - 1) >> 8);
    memcpy(out + at, end, sizeof end);
    put_bytes(path, out, at + sizeof end);
}

static void put32(uint8_t *at, uint32_t x)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(x >> 8 * i);
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

START_TEST(a_bcf_cut_anywhere_is_refused_or_ends_with_a_whole_record)
{
    char dir[UNIT_PATH], path[UNIT_PATH];
    uint8_t plain[PLAIN_MAX];
    sg_err err = {0};
    int64_t rows;
    unit_path(path, (unit_dir(dir), dir), "x.bcf");
    const size_t n = make_bcf(path, plain);
    size_t n_packed;
    char *packed = get_file(path, &n_packed);
    for (size_t k = 0; k < n_packed; k++) { /* as copied: the end mark is missing */
        put_bytes(path, packed, k);
        ck_assert_msg(read_all(path, &rows, &err) != SG_OK, "%zu of %zu packed bytes", k, n_packed);
    }
    free(packed);
    size_t next = 9 + get32(plain + 5); /* where the header and each record end */
    int64_t whole = 0;
    for (size_t k = 0; k <= n; k++) { /* as written, by a program that died: the end mark is there */
        put_bgzipped(path, plain, k);
        const sg_status st = read_all(path, &rows, &err);
        if (k == next) {
            ck_assert_msg(st == SG_OK && rows == whole, "%zu bytes: %s", k, err.msg);
            next += k < n ? 8 + get32(plain + k) + get32(plain + k + 4) : 0;
            whole++;
        } else {
            ck_assert_msg(st == SG_FORMAT, "%zu bytes: %d %s", k, (int)st, err.msg);
        }
    }
    ck_assert_int_eq(whole, VARIANTS + 1);
    unit_dir_remove(dir);
}
END_TEST

START_TEST(a_bcf_with_any_byte_changed_is_read_or_refused)
{
    static const uint8_t with[] = {0x01, 0x80, 0xff};
    char dir[UNIT_PATH], path[UNIT_PATH];
    uint8_t plain[PLAIN_MAX];
    sg_err err = {0};
    int64_t rows, refused = 0;
    unit_path(path, (unit_dir(dir), dir), "x.bcf");
    const size_t n = make_bcf(path, plain);
    for (size_t k = 0; k < n; k++)
        for (size_t w = 0; w < sizeof with; w++) {
            plain[k] ^= with[w];
            put_bgzipped(path, plain, n);
            refused += read_all(path, &rows, &err) != SG_OK;
            plain[k] ^= with[w];
        }
    ck_assert_int_gt(refused, 100);
    unit_dir_remove(dir);
}
END_TEST

START_TEST(a_bcf_that_claims_gigabytes_is_refused_by_its_claim)
{
    char dir[UNIT_PATH], path[UNIT_PATH];
    uint8_t plain[PLAIN_MAX];
    int64_t rows;
    unit_path(path, (unit_dir(dir), dir), "x.bcf");
    const size_t n = make_bcf(path, plain), first = 9 + get32(plain + 5);
    static const char *const message[3] = {
        "x.bcf: the header of a VCF is longer than 268435456 bytes",
        "x.bcf: record 1 is longer than 67111936 bytes, more than 3 people need",
        "x.bcf: record 1 is longer than 67111936 bytes, more than 3 people need",
    };
    const size_t at[3] = {5, first, first + 4};
    for (int i = 0; i < 3; i++) {
        sg_err err = {0};
        const uint32_t was = get32(plain + at[i]);
        put32(plain + at[i], 0xfffffff0U);
        put_bgzipped(path, plain, n);
        ck_assert_int_eq(read_all(path, &rows, &err), SG_LIMIT);
        ck_assert_str_eq(said(&err, dir), message[i]);
        put32(plain + at[i], was);
    }
    unit_dir_remove(dir);
}
END_TEST

/* ---- gzip that expands without end ---- */

/* lead, then n times c, gzipped. */
static void put_bomb(const char *path, const char *lead, char c, size_t n)
{
    char part[1 << 16];
    memset(part, c, sizeof part);
    gzFile z = gzopen(path, "wb1");
    ck_assert_ptr_nonnull(z);
    ck_assert_int_eq(gzwrite(z, lead, (unsigned)strlen(lead)), (int)strlen(lead));
    for (size_t done = 0; done < n; done += sizeof part)
        ck_assert_int_eq(gzwrite(z, part, sizeof part), (int)sizeof part);
    ck_assert_int_eq(gzclose(z), Z_OK);
}

static sg_status count_row(void *ctx, const sg_sum_row *row, sg_err *err)
{
    (void)row;
    (void)err;
    ++*(int64_t *)ctx;
    return SG_OK;
}

START_TEST(what_expands_without_end_is_stopped)
{
    static const char head[] = "##fileformat=VCFv4.2\n##FORMAT=<ID=GT,Number=1,Type=String,Description=\"g\">\n"
                               "##contig=<ID=1>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tA\tB\n";
    char dir[UNIT_PATH], path[UNIT_PATH], text[512];
    int64_t rows = 0;
    sg_sum_report report;
    sg_arena a = unit_arena(1 << 20);
    sg_bim bim;
    sg_err err = {0};
    unit_dir(dir);
    put_bomb(unit_path(path, dir, "x.gz"), "SNP A1 A2 BETA SE P\n", '\n', 80 << 20);
    ck_assert_int_eq(sg_sumstats_read(path, NULL, count_row, &rows, &report, &err), SG_LIMIT);
    ck_assert_str_eq(said(&err, dir), "x.gz: expands to more than 200 times its size, which no summary statistics do");
    put_bomb(path, "SNP A1 A2 BETA SE P\n", 'A', 1 << 20);
    ck_assert_int_eq(sg_sumstats_read(path, NULL, count_row, &rows, &report, &err), SG_LIMIT);
    ck_assert_str_eq(said(&err, dir), "x.gz line 2: longer than 131072 bytes");
    (void)snprintf(text, sizeof text, "%s1\t5\trs1\tA\t", head);
    put_bomb(unit_path(path, dir, "x.vcf.gz"), text, 'A', 65 << 20);
    ck_assert_int_eq(read_all(path, &rows, &err), SG_LIMIT);
    ck_assert_str_eq(said(&err, dir), "x.vcf.gz: record 1 is longer than 67110912 bytes, more than 2 people need");
    put_bomb(unit_path(path, dir, "x.bim"), "1 rs1 0 5 A G\n", '\n', 1 << 20);
    ck_assert_int_eq(sg_bim_load(path, &a, &bim, &err), SG_FORMAT);
    ck_assert_str_eq(said(&err, dir), "x.bim: is compressed with gzip, want plain text (gunzip it first)");
    ck_assert_int_eq(rows, 0);
    sg_arena_clear(&a);
    unit_dir_remove(dir);
}
END_TEST

/* Plain text takes another path through the same bound. */
START_TEST(a_plain_record_of_any_length_is_stopped_too)
{
    char dir[UNIT_PATH], path[UNIT_PATH];
    int64_t rows;
    sg_err err = {0};
    unit_path(path, (unit_dir(dir), dir), "x.vcf");
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    (void)fputs("##fileformat=VCFv4.2\n##FORMAT=<ID=GT,Number=1,Type=String,Description=\"g\">\n##contig=<ID=1>\n"
                "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tA\tB\n1\t4\trs0\tA\tG\t.\t.\t.\tGT\t0/1\t1/1\n"
                "1\t5\trs1\tA\t",
                f);
    char part[1 << 16];
    memset(part, 'A', sizeof part);
    for (int i = 0; i < 65 << 4; i++)
        (void)fwrite(part, 1, sizeof part, f);
    ck_assert_int_eq(fclose(f), 0);
    ck_assert_int_eq(read_all(path, &rows, &err), SG_LIMIT);
    ck_assert_str_eq(said(&err, dir), "x.vcf: record 2 is longer than 67110912 bytes, more than 2 people need");
    unit_dir_remove(dir);
}
END_TEST

UNIT_MAIN("broken_bytes", every_broken_bed_is_told_in_words, every_broken_npy_is_told_in_words,
          a_bcf_cut_anywhere_is_refused_or_ends_with_a_whole_record, a_bcf_with_any_byte_changed_is_read_or_refused,
          a_bcf_that_claims_gigabytes_is_refused_by_its_claim, what_expands_without_end_is_stopped,
          a_plain_record_of_any_length_is_stopped_too)
