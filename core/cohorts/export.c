/* export.c - the genotype files of an export; see export.h. */
#include "cohorts/export.h"
#include "base/file.h"
#include "cohorts/inside.h"
#include "cohorts/matrix.h"
#include "filesets/vcf_writer.h"
#include "formats/npy.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

const uint8_t sg_export_pgen_code[4] = {0, 1, 2, 3};

struct sg_export {
    sg_export_spec s;
    sg_matrix bed, pgen, hidden; /* hidden: only for VCF and BCF, when neither of the others is wanted */
    sg_out npy;
    sg_vcf_writer *vcf, *bcf;
    int64_t done;
};

void sg_export_pgen_head(int64_t n_variant, int64_t n_people, uint8_t head[SG_PGEN_HEAD])
{
    static const uint8_t magic[3] = {0x6c, 0x1b, 0x02};
    memcpy(head, magic, sizeof magic);
    for (int i = 0; i < 4; i++) {
        head[3 + i] = (uint8_t)(n_variant >> 8 * i);
        head[7 + i] = (uint8_t)(n_people >> 8 * i);
    }
    head[11] = 0; /* which reference alleles are provisional is said by the .pvar */
}

static void name_person(void *ctx, int64_t person, char out[64])
{
    (void)ctx;
    sg_export_name(person, out);
}

static sg_status open_vcf(const sg_export_spec *s, bool bcf, const sg_run *run, sg_vcf_writer **w, sg_err *err)
{
    char path[PATH_MAX], line[SG_EXPORT_META][SG_EXPORT_LINE];
    const char *meta[SG_EXPORT_META];
    SG_TRY(sg_export_path(s, bcf ? ".bcf" : ".vcf.gz", path, err));
    sg_export_meta(s, line);
    for (int i = 0; i < SG_EXPORT_META; i++)
        meta[i] = line[i];
    const sg_vcf_writer_options o = {.path = path,
                                     .bcf = bcf,
                                     .mode = s->mode,
                                     .threads = run && run->pool ? sg_pool_size(run->pool) : 1,
                                     .meta = meta,
                                     .n_meta = SG_EXPORT_META,
                                     .name = name_person};
    return sg_vcf_writer_open(&o, s->variants, s->n_people, w, err);
}

static sg_status open_matrix(const sg_export_spec *s, const char *ending, unsigned mode, const void *head, int n_head,
                             const uint8_t code[4], sg_matrix *m, sg_err *err)
{
    char path[PATH_MAX];
    SG_TRY(sg_export_path(s, ending, path, err));
    return sg_matrix_open(path, mode, head, n_head, code, s->counted_a2, s->variants->n, s->n_people, m, err);
}

static sg_status open_files(sg_export *e, const sg_run *run, sg_err *err)
{
    static const uint8_t bed[3] = {0x6c, 0x1b, 0x01}, bed_code[4] = {3, 2, 0, 1};
    const sg_export_spec *s = &e->s;
    uint8_t head[SG_PGEN_HEAD];
    char path[PATH_MAX];
    if (s->formats & SG_EXPORT_PLINK)
        SG_TRY(open_matrix(s, ".bed", s->mode, bed, sizeof bed, bed_code, &e->bed, err));
    sg_export_pgen_head(s->variants->n, s->n_people, head);
    if (s->formats & SG_EXPORT_PGEN)
        SG_TRY(open_matrix(s, ".pgen", s->mode, head, sizeof head, sg_export_pgen_code, &e->pgen, err));
    if (s->formats & SG_EXPORT_VCF)
        SG_TRY(open_vcf(s, false, run, &e->vcf, err));
    if (s->formats & SG_EXPORT_BCF)
        SG_TRY(open_vcf(s, true, run, &e->bcf, err));
    if ((e->vcf || e->bcf) && !(s->formats & (SG_EXPORT_PLINK | SG_EXPORT_PGEN))) {
        SG_TRY(open_matrix(s, ".genotypes", 0600, NULL, 0, sg_export_pgen_code, &e->hidden, err));
        SG_TRY(sg_matrix_hide(&e->hidden, err));
    }
    if (!(s->formats & SG_EXPORT_NPY))
        return SG_OK;
    SG_TRY(sg_export_path(s, ".npy", path, err));
    return sg_npy_begin(path, s->mode, SG_NPY_I1, 2, (const int64_t[]){s->n_people, s->variants->n}, &e->npy, err);
}

sg_status sg_export_open(const sg_export_spec *s, const sg_run *run, sg_export **out, sg_err *err)
{
    *out = NULL;
    assert(s->formats && s->sex >= 0 && s->sex <= 2);
    if (s->variants->n > UINT32_MAX - 2 || s->n_people > INT32_MAX - 2 || s->variants->n < 1 || s->n_people < 1)
        return sg_fail(err, SG_LIMIT, "%lld people and %lld SNPs, want 1 or more of both and at most 2^31 people",
                       (long long)s->n_people, (long long)s->variants->n);
    sg_export *e = calloc(1, sizeof *e);
    if (!e)
        return sg_fail(err, SG_NOMEM, "no memory to write a cohort");
    e->s = *s;
    const sg_status st = open_files(e, run, err);
    if (st)
        sg_export_abort(e);
    else
        *out = e;
    return st;
}

static sg_status add_npy(sg_export *e, const sg_people *people, sg_arena *a, sg_err *err)
{
    static const int8_t other[4] = {2, 1, 0, SG_MISSING};
    const size_t mark = sg_arena_mark(a);
    int8_t *code = SG_NEW_RAW(a, int8_t, people->n_variant);
    if (!code)
        return sg_arena_full(a, "a row of genotypes", err);
    for (int64_t s = 0; s < people->n_sample; s++) {
        sg_people_unpack(people, s, code);
        for (int64_t v = 0; e->s.counted_a2 && v < people->n_variant; v++)
            code[v] = other[code[v]];
        (void)fwrite(code, 1, (size_t)people->n_variant, e->npy.f);
    }
    sg_arena_rewind(a, mark);
    return ferror(e->npy.f) ? sg_fail(err, SG_IO, "%s: cannot write; is the disk full?", e->npy.path) : SG_OK;
}

sg_status sg_export_add(sg_export *e, const sg_people *people, const sg_run *run, sg_arena *a, sg_err *err)
{
    sg_matrix *const all[] = {&e->bed, &e->pgen, &e->hidden};
    for (int i = 0; i < 3; i++)
        if (all[i]->out.f)
            SG_TRY(sg_matrix_add(all[i], people, run, a, err));
    e->done += people->n_sample;
    return e->npy.f ? add_npy(e, people, a, err) : SG_OK;
}

static sg_status write_vcf(sg_export *e, const sg_run *run, sg_arena *a, sg_err *err)
{
    const sg_matrix *m = e->bed.out.f ? &e->bed : e->pgen.out.f ? &e->pgen : &e->hidden;
    const size_t mark = sg_arena_mark(a);
    uint64_t *row = SG_NEW_RAW(a, uint64_t, SG_ROW_WORDS(e->s.n_people));
    if (!row)
        return sg_arena_full(a, "a row of genotypes", err);
    for (int64_t v = 0; v < e->s.variants->n; v++) {
        if (v % 64 == 0)
            sg_report(run, "writing VCF", v, e->s.variants->n);
        if (sg_cancelled(run))
            return sg_fail(err, SG_CANCELLED, "stopped at variant %lld", (long long)v + 1);
        SG_TRY(sg_matrix_row(m, v, row, err));
        if (e->vcf)
            SG_TRY(sg_vcf_writer_row(e->vcf, row, err));
        if (e->bcf)
            SG_TRY(sg_vcf_writer_row(e->bcf, row, err));
    }
    sg_report(run, "writing VCF", e->s.variants->n, e->s.variants->n);
    sg_arena_rewind(a, mark);
    return SG_OK;
}

static sg_status commit_vcf(sg_vcf_writer **w, sg_err *err)
{
    sg_vcf_writer *x = *w;
    *w = NULL;
    return x ? sg_vcf_writer_commit(x, err) : SG_OK;
}

/* Genotypes last: a reader that finds them finds the rest. */
static sg_status commit_files(sg_export *e, sg_err *err)
{
    SG_TRY(sg_export_text(&e->s, err));
    SG_TRY(commit_vcf(&e->vcf, err));
    SG_TRY(commit_vcf(&e->bcf, err));
    if (e->npy.f)
        SG_TRY(sg_out_commit(&e->npy, err));
    if (e->pgen.out.f)
        SG_TRY(sg_matrix_commit(&e->pgen, err));
    return e->bed.out.f ? sg_matrix_commit(&e->bed, err) : SG_OK;
}

sg_status sg_export_commit(sg_export *e, const sg_run *run, sg_arena *a, sg_err *err)
{
    assert(e->done == e->s.n_people);
    sg_status st = e->vcf || e->bcf ? write_vcf(e, run, a, err) : SG_OK;
    if (!st) {
        st = commit_files(e, err);
        if (st)
            sg_export_unlink(&e->s);
    }
    sg_export_abort(e);
    return st;
}

void sg_export_abort(sg_export *e)
{
    if (!e)
        return;
    sg_matrix_abort(&e->bed);
    sg_matrix_abort(&e->pgen);
    sg_matrix_abort(&e->hidden);
    sg_out_abort(&e->npy);
    sg_vcf_writer_abort(e->vcf);
    sg_vcf_writer_abort(e->bcf);
    free(e);
}

sg_status sg_export_people(const sg_export_spec *s, const sg_people *people, const sg_run *run, sg_arena *a,
                           sg_err *err)
{
    sg_export *e;
    sg_status st = sg_export_open(s, run, &e, err);
    const int64_t group = sg_matrix_group(people->n_variant);
    for (int64_t i = 0; !st && i < people->n_sample; i += group) {
        sg_people part = *people;
        part.plane += 2 * i * people->n_word;
        part.n_sample = people->n_sample - i < group ? people->n_sample - i : group;
        st = sg_cancelled(run) ? sg_fail(err, SG_CANCELLED, "stopped at person %lld", (long long)i + 1)
                               : sg_export_add(e, &part, run, a, err);
    }
    if (!st)
        return sg_export_commit(e, run, a, err);
    sg_export_abort(e);
    return st;
}
