/* bed.c - genotypes of a PLINK 1 fileset; see plink.h.
 *
 * Three bytes of magic, then one row per variant, four people per byte, lowest bits first; a row's last byte is padded
 * with 00 on disk. On disk 00 hom A1, 01 missing, 10 het, 11 hom A2; in memory copies of A1, 3 = missing. A whole byte
 * is translated by one table look-up. */
#include "base/file.h"
#include "formats/plink.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAGIC_BYTES = 3 };
static const uint8_t magic[MAGIC_BYTES] = {0x6c, 0x1b, 0x01};

static const uint8_t code_from_disk[4] = {2, SG_MISSING, 1, 0};
static const uint8_t code_to_disk[4] = {3, 2, 0, 1};

typedef struct translation {
    uint8_t byte[256];
} translation;

static translation make_translation(const uint8_t code[4])
{
    translation t;
    for (int b = 0; b < 256; b++)
        t.byte[b] = (uint8_t)(code[b & 3] | code[b >> 2 & 3] << 2 | code[b >> 4 & 3] << 4 | code[b >> 6 & 3] << 6);
    return t;
}

/* Translates one row; bits past n_sample become 0 whatever they were. in may be out. */
static void translate(const translation *t, int64_t n_sample, const uint8_t *in, uint8_t *out)
{
    const int64_t bytes = (n_sample + 3) / 4;
    for (int64_t i = 0; i < bytes; i++)
        out[i] = t->byte[in[i]];
    if (n_sample % 4)
        out[bytes - 1] &= (uint8_t)((1 << (2 * (n_sample % 4))) - 1);
}

static sg_status check_magic(const char *name, const uint8_t *head, size_t n, sg_err *err)
{
    if (n >= 2 && head[0] == 0x1f && head[1] == 0x8b)
        return sg_fail(err, SG_FORMAT, "%s is compressed (gzip or zstd), want a plain PLINK 1 .bed", name);
    if (n < MAGIC_BYTES)
        return sg_fail(err, SG_FORMAT, "%s has %zu bytes, want at least the 3 of its magic number", name, n);
    if (head[0] != magic[0] || head[1] != magic[1])
        return sg_fail(err, SG_FORMAT, "%s begins with %02x %02x, want 6c 1b: not a PLINK 1 .bed", name, head[0],
                       head[1]);
    if (head[2] == 0)
        return sg_fail(err, SG_FORMAT,
                       "%s is individual-major (third byte 00), want SNP-major; rewrite it with \"plink --make-bed\"",
                       name);
    if (head[2] != magic[2])
        return sg_fail(err, SG_FORMAT, "%s: third byte %02x, want 01 (SNP-major)", name, head[2]);
    return SG_OK;
}

static sg_status check_size(const char *name, int64_t data, int64_t n_variant, int64_t n_sample, sg_err *err)
{
    int64_t want;
    if (n_variant < 0 || n_sample < 0 || n_sample > INT64_MAX - 3 ||
        __builtin_mul_overflow(n_variant, (n_sample + 3) / 4, &want))
        return sg_fail(err, SG_LIMIT, "%lld variants of %lld people are more than can be held", (long long)n_variant,
                       (long long)n_sample);
    if (data != want)
        return sg_fail(err, SG_MISMATCH, "%s has %lld data bytes, .bim and .fam ask for %lld", name, (long long)data,
                       (long long)want);
    return SG_OK;
}

sg_status sg_bed_decode(const uint8_t *bed, size_t n, int64_t n_variant, int64_t n_sample, sg_arena *a, sg_geno *out,
                        sg_err *err)
{
    *out = (sg_geno){0};
    SG_TRY(check_magic(".bed", bed, n, err));
    SG_TRY(check_size(".bed", (int64_t)(n - MAGIC_BYTES), n_variant, n_sample, err));
    SG_TRY(sg_geno_new(n_variant, n_sample, a, out, err));
    const translation t = make_translation(code_from_disk);
    for (int64_t v = 0; v < n_variant; v++)
        translate(&t, n_sample, bed + MAGIC_BYTES + v * out->row_bytes, out->row + v * out->row_bytes);
    return SG_OK;
}

struct sg_bed {
    int fd;
    int64_t n_variant, n_sample, row_bytes;
    translation from_disk;
    char *path;
};

void sg_bed_close(sg_bed *b)
{
    if (!b)
        return;
    if (b->fd >= 0)
        (void)close(b->fd);
    free(b->path);
    free(b);
}

/* From offset `at`, exactly n bytes. */
static sg_status read_at(const sg_bed *b, int64_t at, uint8_t *out, int64_t n, sg_err *err)
{
    for (int64_t done = 0; done < n;) {
        const ssize_t got = pread(b->fd, out + done, (size_t)(n - done), (off_t)(at + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return sg_fail(err, SG_IO, "%s: cannot read: %s", b->path,
                           got < 0 ? strerror(errno) : "became shorter while it was read");
        done += got;
    }
    return SG_OK;
}

static sg_status open_checked(sg_bed *b, sg_err *err)
{
    b->fd = open(b->path, O_RDONLY | O_CLOEXEC);
    if (b->fd < 0)
        return sg_fail(err, errno == ENOENT ? SG_NOT_FOUND : SG_IO, "%s: %s", b->path,
                       errno == ENOENT ? "no such file" : strerror(errno));
    struct stat s;
    if (fstat(b->fd, &s) || !S_ISREG(s.st_mode))
        return sg_fail(err, SG_IO, "%s: not a regular file", b->path);
    uint8_t head[MAGIC_BYTES] = {0};
    const int64_t n_head = s.st_size < MAGIC_BYTES ? s.st_size : MAGIC_BYTES;
    SG_TRY(read_at(b, 0, head, n_head, err));
    SG_TRY(check_magic(b->path, head, (size_t)n_head, err));
    return check_size(b->path, (int64_t)s.st_size - MAGIC_BYTES, b->n_variant, b->n_sample, err);
}

sg_status sg_bed_open(const char *path, int64_t n_variant, int64_t n_sample, sg_bed **out, sg_err *err)
{
    *out = NULL;
    sg_bed *b = calloc(1, sizeof *b);
    char *copy = strdup(path);
    if (!b || !copy) {
        free(b);
        free(copy);
        return sg_fail(err, SG_NOMEM, "no memory to open %s", path);
    }
    *b = (sg_bed){.fd = -1,
                  .n_variant = n_variant,
                  .n_sample = n_sample,
                  .row_bytes = n_sample / 4 + (n_sample % 4 != 0),
                  .from_disk = make_translation(code_from_disk),
                  .path = copy};
    const sg_status st = open_checked(b, err);
    if (st)
        sg_bed_close(b);
    else
        *out = b;
    return st;
}

sg_status sg_bed_read(const sg_bed *b, int64_t v, uint8_t *row, sg_err *err)
{
    assert(v >= 0 && v < b->n_variant);
    SG_TRY(read_at(b, MAGIC_BYTES + v * b->row_bytes, row, b->row_bytes, err));
    translate(&b->from_disk, b->n_sample, row, row);
    return SG_OK;
}

sg_status sg_bed_read_raw(const sg_bed *b, int64_t v, int64_t n, uint8_t *rows, sg_err *err)
{
    assert(v >= 0 && n >= 0 && v + n <= b->n_variant);
    return read_at(b, MAGIC_BYTES + v * b->row_bytes, rows, n * b->row_bytes, err);
}

/* 32 people at a time: the high bit is turned over, the low bit becomes low xor high. */
void sg_bed_codes(int64_t n_sample, const uint8_t *raw, uint64_t *row)
{
    const uint64_t low_bits = 0x5555555555555555U;
    const int64_t bytes = (n_sample + 3) / 4, words = SG_ROW_WORDS(n_sample);
    for (int64_t w = 0; w < words; w++) {
        uint64_t x = 0;
        memcpy(&x, raw + 8 * w, 8 * (w + 1) <= bytes ? 8 : (size_t)(bytes - 8 * w));
        const uint64_t lo = x & low_bits, hi = x >> 1 & low_bits;
        row[w] = (lo ^ hi) | (~hi & low_bits) << 1;
    }
    if (n_sample % 32)
        row[words - 1] &= ((uint64_t)1 << (2 * (n_sample % 32))) - 1;
}

sg_status sg_bed_load(const char *path, int64_t n_variant, int64_t n_sample, const int64_t *want, int64_t n_want,
                      sg_arena *a, sg_geno *out, sg_err *err)
{
    *out = (sg_geno){0};
    sg_bed *b;
    SG_TRY(sg_bed_open(path, n_variant, n_sample, &b, err));
    sg_status st = sg_geno_new(n_want, n_sample, a, out, err);
    for (int64_t i = 0; !st && i < n_want; i++)
        st = sg_bed_read(b, want[i], out->row + i * out->row_bytes, err);
    sg_bed_close(b);
    return st;
}

sg_status sg_bed_save(const char *path, const sg_geno *g, sg_err *err)
{
    assert(sg_geno_ok(g));
    sg_out o;
    SG_TRY(sg_out_open(path, 0644, &o, err));
    (void)fwrite(magic, 1, MAGIC_BYTES, o.f);
    const translation t = make_translation(code_to_disk);
    uint8_t part[4096];
    for (int64_t v = 0; v < g->n_variant; v++) {
        const uint8_t *row = g->row + v * g->row_bytes;
        for (int64_t at = 0; at < g->row_bytes; at += (int64_t)sizeof part) {
            const int64_t people = g->n_sample - at * 4;
            const int64_t n = people < 4 * (int64_t)sizeof part ? people : 4 * (int64_t)sizeof part;
            translate(&t, n, row + at, part);
            (void)fwrite(part, 1, (size_t)((n + 3) / 4), o.f);
        }
    }
    return sg_out_commit(&o, err);
}
