/* source.c - which files there are, their tables put together, and passes over their genotypes; see source.h. */
#include "filesets/source.h"
#include "base/file.h"
#include "base/log.h"
#include "filesets/inside.h"
#include "formats/chrom.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { FILES_MAX = SG_CHROM_AUTOSOMES + 1, BLOCK = 64 };

/* ---- names ---- */

/* pattern with every "{}" replaced. */
static sg_status fill_in(const char *pattern, const char *chrom, const char *suffix, char out[PATH_MAX], sg_err *err)
{
    size_t n = 0;
    for (const char *s = pattern; *s && n < PATH_MAX;) {
        const bool hole = s[0] == '{' && s[1] == '}';
        const int k = snprintf(out + n, PATH_MAX - n, "%.*s", hole ? 8 : 1, hole ? chrom : s);
        n += k > 0 ? (size_t)k : PATH_MAX;
        s += hole ? 2 : 1;
    }
    if (n < PATH_MAX)
        n += (size_t)snprintf(out + n, PATH_MAX - n, "%s", suffix);
    return n < PATH_MAX ? SG_OK : sg_fail(err, SG_LIMIT, "%.200s...: path too long", pattern);
}

static sg_status keep_path(const char *pattern, const char *chrom, const char *suffix, sg_arena *a, char **out,
                           sg_err *err)
{
    char path[PATH_MAX];
    SG_TRY(fill_in(pattern, chrom, suffix, path, err));
    *out = sg_arena_strndup(a, path, strlen(path));
    return *out ? SG_OK : sg_arena_full(a, "names of genotype files", err);
}

static sg_status name_files(const char *pattern, bool vcf, const char *chrom, sg_arena *a, sg_source_file *f,
                            sg_err *err)
{
    *f = (sg_source_file){0};
    if (vcf) {
        SG_TRY(keep_path(pattern, chrom, "", a, &f->path, err));
        f->table = f->people = f->path;
        return SG_OK;
    }
    SG_TRY(keep_path(pattern, chrom, ".bed", a, &f->path, err));
    SG_TRY(keep_path(pattern, chrom, ".bim", a, &f->table, err));
    return keep_path(pattern, chrom, ".fam", a, &f->people, err);
}

/* Every file of the pattern that is there. */
static sg_status find_files(const char *pattern, sg_arena *a, sg_source *s, sg_err *err)
{
    s->file = SG_NEW(a, sg_source_file, FILES_MAX);
    if (!s->file)
        return sg_arena_full(a, "genotype files", err);
    if (!strstr(pattern, "{}")) {
        s->n_file = 1;
        return name_files(pattern, s->vcf, "", a, s->file, err);
    }
    size_t n = 0;
    for (int c = 1; c <= FILES_MAX; c++) {
        char chrom[8];
        (void)snprintf(chrom, sizeof chrom, c > SG_CHROM_AUTOSOMES ? "X" : "%d", c);
        sg_source_file *f = &s->file[s->n_file];
        SG_TRY(name_files(pattern, s->vcf, chrom, a, f, err));
        if (sg_file_exists(f->path) || sg_file_exists(f->table) || sg_file_exists(f->people)) {
            s->n_file++;
            continue;
        }
        n += (size_t)snprintf(s->absent + n, sizeof s->absent - n, "%s%s", s->n_absent++ ? ", " : "", chrom);
        assert(n < sizeof s->absent);
    }
    if (!s->n_file)
        return sg_fail(err, SG_NOT_FOUND, "%s: there is no such file for any of chromosomes 1 to 22 and X", pattern);
    if (s->n_absent)
        sg_log(SG_LOG_WARN, "%s: no file for chromosomes %s", pattern, s->absent);
    return SG_OK;
}

/* ---- tables ---- */

const char *sg_source_chrom(const char *name, const char *last[2], sg_arena *a)
{
    char text[SG_CHROM_NAME];
    if (last[0] && !strcmp(last[0], name))
        return last[1];
    sg_chrom_canonical(name, text);
    last[0] = name;
    last[1] = !strcmp(name, text) ? name : sg_arena_strndup(a, text, strlen(text));
    return last[1];
}

static bool same_person(const sg_fam_row *x, const sg_fam_row *y)
{
    return !strcmp(x->fid, y->fid) && !strcmp(x->iid, y->iid) && x->sex == y->sex && !strcmp(x->pheno, y->pheno);
}

static sg_status same_people(const char *name, const sg_fam *x, const char *other, const sg_fam *y, sg_err *err)
{
    if (x->n != y->n)
        return sg_fail(err, SG_MISMATCH, "%s has %lld people, %s has %lld; one file per chromosome must have the same",
                       name, (long long)x->n, other, (long long)y->n);
    for (int64_t i = 0; i < x->n; i++)
        if (!same_person(&x->row[i], &y->row[i]))
            return sg_fail(err, SG_MISMATCH,
                           "%s and %s differ in person %lld (ID, sex or phenotype); one file per chromosome must have "
                           "the same people in the same order",
                           name, other, (long long)i + 1);
    return SG_OK;
}

/* People of file k: kept of the first, compared for the others. */
static sg_status load_people(sg_source *s, int k, const sg_vcf_reader *vcf, sg_arena *a, sg_err *err)
{
    const sg_source_file *f = &s->file[k];
    const size_t mark = sg_arena_mark(a);
    sg_fam fam;
    if (vcf)
        SG_TRY(sg_vcf_reader_people(vcf, a, &fam, err));
    else
        SG_TRY(sg_fam_load(f->people, a, &fam, err));
    if (k == 0) {
        s->fam = fam;
        return SG_OK;
    }
    SG_TRY(same_people(s->file[0].people, &s->fam, f->people, &fam, err));
    sg_arena_rewind(a, mark);
    return SG_OK;
}

static sg_status load_plink(sg_source *s, int k, sg_arena *a, sg_bim *bim, sg_err *err)
{
    const sg_source_file *f = &s->file[k];
    SG_TRY(load_people(s, k, NULL, a, err));
    SG_TRY(sg_bim_load(f->table, a, bim, err));
    sg_bed *bed; /* a broken or unfitting .bed is told before hours of other work */
    SG_TRY(sg_bed_open(f->path, bim->n, s->fam.n, &bed, err));
    sg_bed_close(bed);
    return SG_OK;
}

static sg_status load_vcf(sg_source *s, int k, const sg_run *run, sg_arena *a, sg_bim *bim, sg_err *err)
{
    sg_vcf_reader *r;
    SG_TRY(sg_vcf_reader_open(s->file[k].path, &r, err));
    sg_status st = load_people(s, k, r, a, err);
    if (!st)
        st = sg_vcf_reader_table(r, run, a, &s->file[k], bim, err);
    sg_vcf_reader_close(r);
    return st;
}

static sg_status join_tables(sg_source *s, const sg_bim *part, sg_arena *a, sg_err *err)
{
    if (s->n_file == 1) {
        s->bim = part[0];
        return SG_OK;
    }
    for (int k = 0; k < s->n_file; k++)
        s->bim.n += part[k].n;
    s->bim.row = SG_NEW_RAW(a, sg_bim_row, s->bim.n);
    if (!s->bim.row)
        return sg_arena_full(a, "the table of variants", err);
    for (int k = 0; k < s->n_file; k++)
        if (part[k].n)
            memcpy(s->bim.row + s->file[k].first, part[k].row, (size_t)part[k].n * sizeof(sg_bim_row));
    return SG_OK;
}

static sg_status name_variants(sg_source *s, sg_arena *a, sg_err *err)
{
    const char *last[2] = {NULL, NULL};
    for (int64_t v = 0; v < s->bim.n; v++) {
        sg_bim_row *r = &s->bim.row[v];
        r->chrom = sg_source_chrom(r->chrom, last, a);
        if (!strcmp(r->id, ".") && r->chrom) {
            char id[256];
            const int n = snprintf(id, sizeof id, "%s:%lld:%s:%s", r->chrom, (long long)r->pos, r->a2, r->a1);
            if (n < (int)sizeof id) /* alleles of hundreds of letters keep the dot */
                r->id = sg_arena_strndup(a, id, (size_t)n);
        }
        if (!r->chrom || !r->id)
            return sg_arena_full(a, "names of variants", err);
    }
    return SG_OK;
}

static sg_status open_all(const char *pattern, const sg_run *run, sg_arena *a, sg_source *s, sg_err *err)
{
    sg_bim part[FILES_MAX];
    SG_TRY(find_files(pattern, a, s, err));
    s->calls = SG_NEW(a, sg_source_calls, 1);
    if (!s->calls)
        return sg_arena_full(a, "genotype files", err);
    int64_t first = 0;
    for (int k = 0; k < s->n_file; k++) {
        sg_source_file *f = &s->file[k];
        if (sg_cancelled(run))
            return sg_fail(err, SG_CANCELLED, "stopped before %s was read", f->table);
        SG_TRY(s->vcf ? load_vcf(s, k, run, a, &part[k], err) : load_plink(s, k, a, &part[k], err));
        f->first = first;
        f->n = part[k].n;
        first += f->n;
    }
    SG_TRY(join_tables(s, part, a, err));
    return name_variants(s, a, err);
}

sg_status sg_source_open(const char *bfile, const sg_run *run, sg_arena *a, sg_source *s, sg_err *err)
{
    *s = (sg_source){0};
    return open_all(bfile, run, a, s, err);
}

sg_status sg_source_open_vcf(const char *vcf, const sg_run *run, sg_arena *a, sg_source *s, sg_err *err)
{
    *s = (sg_source){.vcf = true};
    return open_all(vcf, run, a, s, err);
}

static int file_of(const sg_source *s, int64_t v)
{
    int k = 0;
    while (v >= s->file[k].first + s->file[k].n)
        k++;
    assert(k < s->n_file);
    return k;
}

const char *sg_source_place(const sg_source *s, int64_t v, char out[SG_SOURCE_PLACE])
{
    const sg_source_file *f = &s->file[file_of(s, v)];
    if (s->vcf) {
        const sg_bim_row *r = &s->bim.row[v];
        (void)snprintf(out, SG_SOURCE_PLACE, "%.300s %.40s:%lld", f->path, r->chrom, (long long)r->pos);
        return out;
    }
    (void)snprintf(out, SG_SOURCE_PLACE, "%.300s line %lld", f->table, (long long)(v - f->first) + 1);
    return out;
}

/* ---- passes ---- */

typedef struct pass {
    const sg_source *s;
    int file; /* the one that is open, -1 none */
    sg_bed_reader *bed;
    sg_vcf_reader *vcf;
} pass;

static void close_file(pass *p)
{
    sg_bed_reader_close(p->bed);
    sg_vcf_reader_close(p->vcf);
    p->bed = NULL;
    p->vcf = NULL;
}

static sg_status read_row(pass *p, const int64_t *want, int64_t n_left, uint64_t *row, sg_err *err)
{
    const int k = file_of(p->s, *want);
    if (k != p->file) {
        close_file(p);
        if (p->s->vcf)
            SG_TRY(sg_vcf_reader_open(p->s->file[k].path, &p->vcf, err));
        else
            SG_TRY(sg_bed_reader_open(&p->s->file[k], p->s->fam.n, &p->bed, err));
        p->file = k;
    }
    const sg_source_file *f = &p->s->file[k];
    if (p->vcf)
        return sg_vcf_reader_row(p->vcf, f, &p->s->bim.row[*want], *want - f->first, p->s->calls, row, err);
    return sg_bed_reader_row(p->bed, *want, want + 1, n_left - 1, row, err);
}

static sg_status read_block(pass *p, const int64_t *want, int64_t n, int64_t n_left, uint64_t *rows, sg_err *err)
{
    const int64_t stride = SG_ROW_WORDS(p->s->fam.n);
    for (int64_t i = 0; i < n; i++)
        SG_TRY(read_row(p, want + i, n_left - i, rows + i * stride, err));
    return SG_OK;
}

sg_status sg_source_read(const sg_source *s, const int64_t *want, int64_t n_want, const char *stage, const sg_run *run,
                         sg_arena *a, sg_source_fn *fn, void *ctx, sg_err *err)
{
    const size_t mark = sg_arena_mark(a);
    int64_t words;
    uint64_t *rows =
        __builtin_mul_overflow(SG_ROW_WORDS(s->fam.n), BLOCK, &words) ? NULL : SG_NEW_RAW(a, uint64_t, words);
    if (!rows)
        return sg_arena_full(a, "a block of genotypes", err);
    pass p = {.s = s, .file = -1};
    sg_status st = SG_OK;
    for (int64_t i = 0; !st && i < n_want; i += BLOCK) {
        const int64_t n = n_want - i < BLOCK ? n_want - i : BLOCK;
        if (stage && i % (16 * BLOCK) == 0)
            sg_report(run, stage, i, n_want);
        if (sg_cancelled(run))
            st = sg_fail(err, SG_CANCELLED, "stopped at variant %lld of %lld", (long long)i, (long long)n_want);
        if (!st)
            st = read_block(&p, want + i, n, n_want - i, rows, err);
        if (!st)
            st = fn(ctx, i, n, rows, err);
    }
    if (!st && stage)
        sg_report(run, stage, n_want, n_want);
    close_file(&p);
    sg_arena_rewind(a, mark);
    return st;
}

typedef struct to_people {
    sg_people *out;
    const int64_t *where;
    int64_t n_sample;
} to_people;

static sg_status put_rows(void *ctx, int64_t first, int64_t n, const uint64_t *row, sg_err *err)
{
    (void)err;
    const to_people *t = ctx;
    sg_people_put_rows(t->out, first, n, row, t->n_sample, t->where);
    return SG_OK;
}

sg_status sg_source_people(const sg_source *s, const int64_t *want, int64_t n_want, const int64_t *where,
                           const sg_run *run, sg_arena *a, sg_people *out, sg_err *err)
{
    assert(sg_people_ok(out) && out->n_variant == n_want);
    to_people t = {out, where, s->fam.n};
    return sg_source_read(s, want, n_want, "reading genotypes", run, a, put_rows, &t, err);
}

/* ---- haplotypes ---- */

/* Codes to pairs of haplotypes, in place: 2 copies are both, 1 is the first by convention. */
static void codes_to_pairs(int64_t n_sample, uint64_t *row, uint64_t *missing)
{
    memset(missing, 0, (size_t)(n_sample + 63) / 64 * sizeof *missing);
    for (int64_t s = 0; s < n_sample; s++) {
        const int at = (int)(2 * (s % 32));
        const uint64_t code = row[s / 32] >> at & 3;
        if (code < 2)
            continue;
        if (code == SG_MISSING)
            missing[s / 64] |= (uint64_t)1 << (s % 64);
        row[s / 32] = (row[s / 32] & ~((uint64_t)3 << at)) | (uint64_t)(code == 2 ? 3 : 0) << at;
    }
}

static sg_status read_haplotypes(pass *p, const int64_t *want, int64_t n_left, uint64_t *bits, uint64_t *missing,
                                 bool *phased, sg_err *err)
{
    *phased = false;
    if (!p->s->vcf || p->file != file_of(p->s, *want) || !p->vcf) {
        SG_TRY(read_row(p, want, n_left, bits, err)); /* opens the file of this row */
        if (!p->s->vcf) {
            codes_to_pairs(p->s->fam.n, bits, missing);
            return SG_OK;
        }
    }
    const sg_source_file *f = &p->s->file[p->file];
    return sg_vcf_reader_haplotypes(p->vcf, f, &p->s->bim.row[*want], *want - f->first, p->s->calls, bits, missing,
                                    phased, err);
}

sg_status sg_source_haplotypes(const sg_source *s, const int64_t *want, int64_t n_want, const char *stage,
                               const sg_run *run, sg_arena *a, sg_haplotypes_fn *fn, void *ctx, sg_err *err)
{
    const size_t mark = sg_arena_mark(a);
    uint64_t *bits = SG_NEW(a, uint64_t, SG_ROW_WORDS(s->fam.n)), *missing = SG_NEW(a, uint64_t, s->fam.n / 64 + 1);
    if (!bits || !missing)
        return sg_arena_full(a, "a row of haplotypes", err);
    pass p = {.s = s, .file = -1};
    sg_status st = SG_OK;
    for (int64_t i = 0; !st && i < n_want; i++) {
        bool phased;
        if (stage && i % 4096 == 0)
            sg_report(run, stage, i, n_want);
        if (sg_cancelled(run))
            st = sg_fail(err, SG_CANCELLED, "stopped at variant %lld of %lld", (long long)i, (long long)n_want);
        if (!st)
            st = read_haplotypes(&p, want + i, n_want - i, bits, missing, &phased, err);
        if (!st)
            st = fn(ctx, want[i], bits, missing, phased, err);
    }
    if (!st && stage)
        sg_report(run, stage, n_want, n_want);
    close_file(&p);
    sg_arena_rewind(a, mark);
    return st;
}
