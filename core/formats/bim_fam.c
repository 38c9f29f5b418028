/* bim_fam.c - the two text files of a PLINK 1 fileset; see plink.h. Strings stay in the text that was read. */
#include "base/file.h"
#include "formats/plink.h"
#include "formats/text.h"

#include <math.h>
#include <string.h>

#define BIM_BYTES_MAX ((size_t)16 << 30)
#define FAM_BYTES_MAX ((size_t)4 << 30)
enum { POS_MAX = 0x7fffffff }; /* PLINK's own bound */

static sg_status columns(const sg_text *t, int found, sg_err *err)
{
    return sg_fail(err, SG_FORMAT, "%s line %lld: %d columns, want 6", t->name, (long long)t->line, found);
}

static sg_status bim_row(const sg_text *t, char *line, sg_bim_row *r, sg_err *err)
{
    char *f[6];
    const long long n = (long long)t->line;
    const int found = sg_text_split(line, 0, f, 6);
    if (found != 6)
        return columns(t, found, err);
    *r = (sg_bim_row){.chrom = f[0], .id = f[1], .cm_text = f[2], .a1 = f[4], .a2 = f[5]};
    if (!sg_text_real(f[2], &r->cm) || !isfinite(r->cm))
        return sg_fail(err, SG_FORMAT, "%s line %lld: genetic position \"%.40s\", want a number", t->name, n, f[2]);
    if (!sg_text_int(f[3], &r->pos))
        return sg_fail(err, SG_FORMAT, "%s line %lld: position \"%.40s\", want a whole number", t->name, n, f[3]);
    if (r->pos < 0 || r->pos > POS_MAX)
        return sg_fail(err, SG_FORMAT, "%s line %lld: position %lld, want 0 to %d%s", t->name, n, (long long)r->pos,
                       POS_MAX, r->pos < 0 ? " (PLINK would skip this variant in silence; remove it)" : "");
    return SG_OK;
}

sg_status sg_bim_decode(const char *name, char *data, size_t n, sg_arena *a, sg_bim *out, sg_err *err)
{
    *out = (sg_bim){0};
    sg_text t;
    SG_TRY(sg_text_begin(&t, name, data, n, err));
    const int64_t rows = sg_text_count(t.at, (size_t)(t.end - t.at));
    sg_bim_row *row = SG_NEW_RAW(a, sg_bim_row, rows);
    if (!row)
        return sg_arena_full(a, name, err);
    for (int64_t i = 0; i < rows; i++) {
        char *line;
        SG_TRY(sg_text_next(&t, &line, err));
        SG_TRY(bim_row(&t, line, &row[i], err));
    }
    *out = (sg_bim){rows, row};
    return SG_OK;
}

static sg_status fam_row(const sg_text *t, char *line, sg_fam_row *r, sg_err *err)
{
    char *f[6];
    const int found = sg_text_split(line, 0, f, 6);
    if (found != 6)
        return columns(t, found, err);
    const int sex = !strcmp(f[4], "1") ? 1 : !strcmp(f[4], "2") ? 2 : 0;
    *r = (sg_fam_row){.fid = f[0], .iid = f[1], .father = f[2], .mother = f[3], .sex = sex, .pheno = f[5]};
    if (!strcmp(f[1], "0"))
        return sg_fail(err, SG_FORMAT, "%s line %lld: the person's ID is 0, which PLINK reserves for \"unknown\"",
                       t->name, (long long)t->line);
    return SG_OK;
}

sg_status sg_fam_decode(const char *name, char *data, size_t n, sg_arena *a, sg_fam *out, sg_err *err)
{
    *out = (sg_fam){0};
    sg_text t;
    SG_TRY(sg_text_begin(&t, name, data, n, err));
    const int64_t rows = sg_text_count(t.at, (size_t)(t.end - t.at));
    sg_fam_row *row = SG_NEW_RAW(a, sg_fam_row, rows);
    if (!row)
        return sg_arena_full(a, name, err);
    for (int64_t i = 0; i < rows; i++) {
        char *line;
        SG_TRY(sg_text_next(&t, &line, err));
        SG_TRY(fam_row(&t, line, &row[i], err));
    }
    *out = (sg_fam){rows, row};
    return SG_OK;
}

sg_status sg_bim_load(const char *path, sg_arena *a, sg_bim *out, sg_err *err)
{
    *out = (sg_bim){0};
    char *data;
    size_t n;
    SG_TRY(sg_text_load(path, BIM_BYTES_MAX, a, &data, &n, err));
    return sg_bim_decode(path, data, n, a, out, err);
}

sg_status sg_fam_load(const char *path, sg_arena *a, sg_fam *out, sg_err *err)
{
    *out = (sg_fam){0};
    char *data;
    size_t n;
    SG_TRY(sg_text_load(path, FAM_BYTES_MAX, a, &data, &n, err));
    return sg_fam_decode(path, data, n, a, out, err);
}

sg_status sg_bim_save(const char *path, const sg_bim *bim, sg_err *err)
{
    sg_out o;
    SG_TRY(sg_out_open(path, 0644, &o, err));
    for (int64_t i = 0; i < bim->n; i++) {
        const sg_bim_row *r = &bim->row[i];
        if (r->cm_text)
            (void)fprintf(o.f, "%s\t%s\t%s\t%lld\t%s\t%s\n", r->chrom, r->id, r->cm_text, (long long)r->pos, r->a1,
                          r->a2);
        else
            (void)fprintf(o.f, "%s\t%s\t%.10g\t%lld\t%s\t%s\n", r->chrom, r->id, r->cm, (long long)r->pos, r->a1,
                          r->a2);
    }
    return sg_out_commit(&o, err);
}

sg_status sg_fam_save(const char *path, const sg_fam *fam, sg_err *err)
{
    sg_out o;
    SG_TRY(sg_out_open(path, 0644, &o, err));
    for (int64_t i = 0; i < fam->n; i++) {
        const sg_fam_row *r = &fam->row[i];
        (void)fprintf(o.f, "%s\t%s\t%s\t%s\t%d\t%s\n", r->fid, r->iid, r->father, r->mother, r->sex, r->pheno);
    }
    return sg_out_commit(&o, err);
}

sg_status sg_fam_index(const char *name, const sg_fam *fam, sg_arena *a, sg_index *index, sg_err *err)
{
    sg_index ix;
    SG_TRY(sg_index_new(fam->n, a, &ix, err));
    for (int64_t i = 0; i < fam->n; i++) {
        const int64_t old = sg_index_add(&ix, fam->row[i].fid, fam->row[i].iid, i);
        if (old >= 0)
            return sg_fail(err, SG_FORMAT,
                           "%s lines %lld and %lld: the same family and person ID twice; remove or rename one", name,
                           (long long)old + 1, (long long)i + 1);
    }
    if (index)
        *index = ix;
    return SG_OK;
}
