/* panel.c - panel.tsv; see panel.h. */
#include "panel/panel.h"
#include "base/file.h"
#include "formats/text.h"
#include "formats/chrom.h"

#include <math.h>
#include <string.h>

#define PANEL_BYTES_MAX ((size_t)256 << 20)
enum { SNP_MAX = 65536, COLUMNS = 10, POS_MAX = 0x7fffffff };

static const char *const header[COLUMNS] = {"chrom", "id", "cm", "pos", "a1", "a2", "freq", "beta", "se", "p"};

bool sg_mark_ok(uint8_t mark, sg_role role)
{
    return mark <= (SG_MARK_CALIBRATION | SG_MARK_AUDIT) && (!(mark & SG_MARK_CALIBRATION) || role == SG_ROLE_TEST) &&
           (!(mark & SG_MARK_AUDIT) || role != SG_ROLE_VAL);
}

const char *sg_role_name(sg_role r)
{
    static const char *const word[] = {
#define X(name, text) text,
        SG_ROLE_LIST(X)
#undef X
    };
    return (unsigned)r < SG_N_ROLE ? word[r] : "?";
}

/* A number or NA. */
static bool number(const char *s, double *out)
{
    if (!strcmp(s, "NA")) {
        *out = NAN;
        return true;
    }
    return sg_text_real(s, out) && isfinite(*out);
}

static sg_status row(const sg_text *t, char *line, sg_snp *s, sg_err *err)
{
    char *f[COLUMNS];
    const long long n = (long long)t->line;
    const int found = sg_text_split(line, '\t', f, COLUMNS);
    if (found != COLUMNS)
        return sg_fail(err, SG_FORMAT, "%s line %lld: %d columns, want %d", t->name, n, found, COLUMNS);
    *s = (sg_snp){.chrom = f[0], .id = f[1], .a1 = f[4], .a2 = f[5]};
    double *const real[] = {&s->cm, &s->freq, &s->beta, &s->se, &s->p};
    static const int column[] = {2, 6, 7, 8, 9};
    for (int i = 0; i < 5; i++)
        if (!number(f[column[i]], real[i]))
            return sg_fail(err, SG_FORMAT, "%s line %lld: %s is \"%.40s\", want a number or NA", t->name, n,
                           header[column[i]], f[column[i]]);
    if (!sg_text_int(f[3], &s->pos) || s->pos < 1 || s->pos > POS_MAX)
        return sg_fail(err, SG_FORMAT, "%s line %lld: position \"%.40s\", want 1 to %d", t->name, n, f[3], POS_MAX);
    if (s->freq < 0 || s->freq > 1 || s->p < 0 || s->p > 1 || s->se < 0)
        return sg_fail(err, SG_FORMAT, "%s line %lld: freq and p must be from 0 to 1, se at least 0", t->name, n);
    if (!*s->chrom || !*s->id || !*s->a1 || !*s->a2)
        return sg_fail(err, SG_FORMAT, "%s line %lld: an empty name or allele", t->name, n);
    return SG_OK;
}

/* "##counted=a1" and the header line. */
static sg_status head(sg_text *t, bool *counted_a2, sg_err *err)
{
    char *line, *f[COLUMNS];
    SG_TRY(sg_text_next(t, &line, err));
    if (!line || (strcmp(line, "##counted=a1") && strcmp(line, "##counted=a2")))
        return sg_fail(err, SG_FORMAT, "%s line 1: want \"##counted=a1\" or \"##counted=a2\"", t->name);
    *counted_a2 = line[strlen(line) - 1] == '2';
    SG_TRY(sg_text_next(t, &line, err));
    bool same = line && sg_text_split(line, '\t', f, COLUMNS) == COLUMNS;
    for (int i = 0; same && i < COLUMNS; i++)
        same = !strcmp(f[i], header[i]);
    return same ? SG_OK
                : sg_fail(err, SG_FORMAT, "%s line 2: want the columns chrom id cm pos a1 a2 freq beta se p", t->name);
}

sg_status sg_panel_decode(const char *name, char *data, size_t n, sg_arena *a, sg_panel *out, sg_err *err)
{
    *out = (sg_panel){0};
    sg_text t;
    bool counted_a2 = false;
    SG_TRY(sg_text_begin(&t, name, data, n, err));
    SG_TRY(head(&t, &counted_a2, err));
    const int64_t rows = sg_text_count(t.at, (size_t)(t.end - t.at));
    if (rows > SNP_MAX)
        return sg_fail(err, SG_LIMIT, "%s: %lld SNPs, at most %d are read", name, (long long)rows, SNP_MAX);
    sg_snp *snp = SG_NEW_RAW(a, sg_snp, rows);
    if (!snp)
        return sg_arena_full(a, name, err);
    for (int64_t i = 0; i < rows; i++) {
        char *line;
        SG_TRY(sg_text_next(&t, &line, err));
        SG_TRY(row(&t, line, &snp[i], err));
        const int order = i ? sg_chrom_compare(snp[i - 1].chrom, snp[i].chrom) : -1;
        if (order > 0 || (order == 0 && snp[i - 1].pos > snp[i].pos))
            return sg_fail(err, SG_FORMAT, "%s line %lld: not in genome order", name, (long long)t.line);
    }
    *out = (sg_panel){rows, snp, counted_a2};
    return SG_OK;
}

sg_status sg_panel_load(const char *path, sg_arena *a, sg_panel *out, sg_err *err)
{
    *out = (sg_panel){0};
    char *data;
    size_t n;
    SG_TRY(sg_text_load(path, PANEL_BYTES_MAX, a, &data, &n, err));
    return sg_panel_decode(path, data, n, a, out, err);
}

static void put_number(FILE *f, const char *lead, double x)
{
    if (isnan(x))
        (void)fprintf(f, "%sNA", lead);
    else
        (void)fprintf(f, "%s%.17g", lead, x);
}

sg_status sg_panel_save(const char *path, const sg_panel *p, sg_err *err)
{
    sg_out o;
    SG_TRY(sg_out_open(path, 0644, &o, err));
    (void)fprintf(o.f, "##counted=%s\nchrom\tid\tcm\tpos\ta1\ta2\tfreq\tbeta\tse\tp\n", p->counted_a2 ? "a2" : "a1");
    for (int64_t i = 0; i < p->n_snp; i++) {
        const sg_snp *s = &p->snp[i];
        (void)fprintf(o.f, "%s\t%s\t%.10g\t%lld\t%s\t%s", s->chrom, s->id, s->cm, (long long)s->pos, s->a1, s->a2);
        put_number(o.f, "\t", s->freq);
        put_number(o.f, "\t", s->beta);
        put_number(o.f, "\t", s->se);
        put_number(o.f, "\t", s->p);
        (void)fputc('\n', o.f);
    }
    return sg_out_commit(&o, err);
}

sg_status sg_panel_bim(const sg_panel *p, sg_arena *a, sg_bim *out, sg_err *err)
{
    *out = (sg_bim){p->n_snp, SG_NEW(a, sg_bim_row, p->n_snp)};
    if (!out->row)
        return sg_arena_full(a, "the table of SNPs", err);
    for (int64_t i = 0; i < p->n_snp; i++) {
        const sg_snp *s = &p->snp[i];
        out->row[i] =
            (sg_bim_row){.chrom = s->chrom, .id = s->id, .a1 = s->a1, .a2 = s->a2, .cm = s->cm, .pos = s->pos};
    }
    return SG_OK;
}
