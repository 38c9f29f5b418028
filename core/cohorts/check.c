/* check.c - are the files of an export the people they were made of? They are read by other code than wrote them. */
#include "base/file.h"
#include "cohorts/inside.h"
#include "filesets/source.h"
#include "formats/npy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 64 };
#define LOW 0x5555555555555555U

typedef struct checking {
    const sg_export_spec *s;
    const sg_people *people;
    const char *file;
    uint64_t *rows; /* [BLOCK, SG_ROW_WORDS] what they should be */
} checking;

static sg_status other(const char *file, sg_err *err)
{
    return sg_fail(err, SG_INTERNAL, "%s does not hold the people it was made of", file);
}

/* Copies of A2 to copies of A1; missing and padding stay as they are. */
static void flip_row(uint64_t *row, int64_t n_sample)
{
    for (int64_t i = 0; i < SG_ROW_WORDS(n_sample); i++) {
        const uint64_t lo = row[i] & LOW, hi = row[i] >> 1 & LOW;
        row[i] = lo | (~(hi ^ lo) & LOW) << 1;
    }
    if (n_sample % 32)
        row[n_sample / 32] &= ((uint64_t)1 << 2 * (n_sample % 32)) - 1;
}

/* k->rows becomes variants first .. first + BLOCK - 1 as copies of A1. */
static void expect_rows(const checking *k, int64_t first)
{
    const int64_t stride = SG_ROW_WORDS(k->people->n_sample), left = k->people->n_variant - first;
    sg_people_get_rows(k->people, first, k->rows);
    for (int64_t v = 0; k->s->counted_a2 && v < (left < BLOCK ? left : BLOCK); v++)
        flip_row(k->rows + v * stride, k->people->n_sample);
}

static sg_status compare_rows(void *ctx, int64_t first, int64_t n, const uint64_t *row, sg_err *err)
{
    const checking *k = ctx;
    expect_rows(k, first);
    return memcmp(k->rows, row, (size_t)(n * SG_ROW_WORDS(k->people->n_sample)) * sizeof *row) ? other(k->file, err)
                                                                                               : SG_OK;
}

/* A .bed fileset, VCF or BCF: genotypes and alleles. */
static sg_status check_source(checking *k, bool vcf, const char *ending, const sg_run *run, sg_arena *a, sg_err *err)
{
    char path[PATH_MAX];
    const size_t mark = sg_arena_mark(a);
    const sg_bim *want = k->s->variants;
    sg_source s;
    SG_TRY(sg_export_path(k->s, ending, path, err));
    k->file = path;
    SG_TRY(vcf ? sg_source_open_vcf(path, run, a, &s, err) : sg_source_open(path, run, a, &s, err));
    int64_t *all = SG_NEW_RAW(a, int64_t, s.bim.n);
    if (!all)
        return sg_arena_full(a, "reading a cohort back", err);
    if (s.bim.n != want->n || s.fam.n != k->s->n_people)
        return other(path, err);
    for (int64_t v = 0; v < s.bim.n; v++) {
        const sg_bim_row *x = &s.bim.row[v], *y = &want->row[v];
        all[v] = v;
        const bool known = strcmp(y->a1, "0") && strcmp(y->a1, ".") && strcmp(y->a2, "0") && strcmp(y->a2, ".");
        if (x->pos != y->pos || (known && (strcmp(x->a1, y->a1) || strcmp(x->a2, y->a2))))
            return other(path, err);
    }
    SG_TRY(sg_source_read(&s, all, s.bim.n, NULL, run, a, compare_rows, k, err));
    sg_arena_rewind(a, mark);
    return SG_OK;
}

static sg_status check_pgen_rows(const checking *k, FILE *f, uint64_t *row, sg_err *err)
{
    uint8_t head[SG_PGEN_HEAD], got[SG_PGEN_HEAD];
    const int64_t n = k->s->n_people, stride = SG_ROW_WORDS(n);
    const size_t bytes = (size_t)(n + 3) / 4;
    sg_export_pgen_head(k->s->variants->n, n, head);
    if (fread(got, 1, sizeof got, f) != sizeof got || memcmp(head, got, sizeof got))
        return other(k->file, err);
    for (int64_t v = 0; v < k->s->variants->n; v++) {
        if (v % BLOCK == 0)
            expect_rows(k, v);
        row[stride - 1] = 0;
        if (fread(row, 1, bytes, f) != bytes || memcmp(row, k->rows + v % BLOCK * stride, (size_t)stride * sizeof *row))
            return other(k->file, err);
    }
    return fgetc(f) == EOF ? SG_OK : other(k->file, err);
}

static sg_status check_pgen(checking *k, sg_arena *a, sg_err *err)
{
    char path[PATH_MAX];
    const size_t mark = sg_arena_mark(a);
    SG_TRY(sg_export_path(k->s, ".pgen", path, err));
    k->file = path;
    uint64_t *row = SG_NEW(a, uint64_t, SG_ROW_WORDS(k->s->n_people));
    if (!row)
        return sg_arena_full(a, "reading a cohort back", err);
    FILE *f = fopen(path, "rbe");
    if (!f)
        return sg_fail(err, SG_IO, "%s: cannot read back: %s", path, strerror(errno));
    const sg_status st = check_pgen_rows(k, f, row, err);
    (void)fclose(f);
    sg_arena_rewind(a, mark);
    return st;
}

/* Person by person behind a header that must be the one we write. */
static sg_status check_npy_rows(const checking *k, FILE *f, int8_t *code, int8_t *got, sg_err *err)
{
    const int64_t L = k->s->variants->n;
    char head[64];
    (void)snprintf(head, sizeof head, "'shape': (%lld, %lld)", (long long)k->s->n_people, (long long)L);
    uint8_t prefix[10];
    char text[256] = {0};
    if (fread(prefix, 1, sizeof prefix, f) != sizeof prefix || memcmp(prefix, "\x93NUMPY\x01", 7))
        return other(k->file, err);
    const size_t n = prefix[8] + 256U * prefix[9];
    if (n >= sizeof text || fread(text, 1, n, f) != n || !strstr(text, head) || !strstr(text, "'|i1'"))
        return other(k->file, err);
    for (int64_t s = 0; s < k->s->n_people; s++) {
        sg_people_unpack(k->people, s, code);
        for (int64_t v = 0; k->s->counted_a2 && v < L; v++)
            code[v] = (int8_t)(code[v] == SG_MISSING ? SG_MISSING : 2 - code[v]);
        if (fread(got, 1, (size_t)L, f) != (size_t)L || memcmp(code, got, (size_t)L))
            return other(k->file, err);
    }
    return fgetc(f) == EOF ? SG_OK : other(k->file, err);
}

static sg_status check_npy(checking *k, sg_arena *a, sg_err *err)
{
    char path[PATH_MAX];
    const size_t mark = sg_arena_mark(a);
    int n_dim;
    int64_t dim[4];
    void *label;
    SG_TRY(sg_export_path(k->s, ".npy", path, err));
    k->file = path;
    int8_t *code = SG_NEW_RAW(a, int8_t, 2 * k->s->variants->n);
    if (!code)
        return sg_arena_full(a, "reading a cohort back", err);
    FILE *f = fopen(path, "rbe");
    if (!f)
        return sg_fail(err, SG_IO, "%s: cannot read back: %s", path, strerror(errno));
    sg_status st = check_npy_rows(k, f, code, code + k->s->variants->n, err);
    (void)fclose(f);
    if (!st && k->s->label) {
        SG_TRY(sg_export_labels(k->s, path, err));
        SG_TRY(sg_npy_load(path, SG_NPY_I1, a, &n_dim, dim, &label, err));
        if (n_dim != 1 || dim[0] != k->s->n_people || memcmp(label, k->s->label, (size_t)dim[0]))
            st = other(path, err);
    }
    sg_arena_rewind(a, mark);
    return st;
}

sg_status sg_export_check(const sg_export_spec *s, const sg_people *people, const sg_run *run, sg_arena *a, sg_err *err)
{
    const size_t mark = sg_arena_mark(a);
    checking k = {s, people, "", SG_NEW(a, uint64_t, BLOCK * SG_ROW_WORDS(s->n_people))};
    if (!k.rows)
        return sg_arena_full(a, "reading a cohort back", err);
    if (people->n_sample != s->n_people || people->n_variant != s->variants->n)
        return sg_fail(err, SG_INTERNAL, "a cohort of another size than was written");
    if (s->formats & SG_EXPORT_PLINK)
        SG_TRY(check_source(&k, false, "", run, a, err));
    if (s->formats & SG_EXPORT_VCF)
        SG_TRY(check_source(&k, true, ".vcf.gz", run, a, err));
    if (s->formats & SG_EXPORT_BCF)
        SG_TRY(check_source(&k, true, ".bcf", run, a, err));
    if (s->formats & SG_EXPORT_PGEN)
        SG_TRY(check_pgen(&k, a, err));
    if (s->formats & SG_EXPORT_NPY)
        SG_TRY(check_npy(&k, a, err));
    sg_arena_rewind(a, mark);
    return SG_OK;
}
