/* pheno.c - see pheno.h. Values are collected as text per person first; what they mean is decided over all of them. */
#include "formats/pheno.h"
#include "formats/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PHENO_BYTES_MAX ((size_t)4 << 30)
enum { COLUMN_MAX = 512 };

static bool missing(const char *s)
{
    return !*s || !strcmp(s, ".") || !strcmp(s, "-9") || !strcasecmp(s, "na") || !strcasecmp(s, "nan") ||
           !strcmp(s, "-nan");
}

/* ---- what the values mean ---- */

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static sg_status find_threshold(const char *name, const char *word, const double *x, int64_t n, sg_arena *a,
                                double *out, sg_err *err)
{
    if (strcmp(word, "median") != 0) {
        if (!sg_text_real(word, out) || !isfinite(*out))
            return sg_fail(err, SG_LIMIT, "threshold is \"%s\", want \"median\" or a number", word);
        return SG_OK;
    }
    double *sorted = SG_NEW_RAW(a, double, n);
    if (!sorted)
        return sg_arena_full(a, name, err);
    int64_t m = 0;
    for (int64_t i = 0; i < n; i++)
        if (!isnan(x[i]))
            sorted[m++] = x[i];
    if (!m)
        return sg_fail(err, SG_DEGENERATE, "%s: every value is missing, there is no median", name);
    qsort(sorted, (size_t)m, sizeof *sorted, by_value);
    *out = m % 2 ? sorted[m / 2] : 0.5 * (sorted[m / 2 - 1] + sorted[m / 2]);
    return SG_OK;
}

/* x [n] from text, NaN where missing. line [n]: where each value stands, for messages. */
static sg_status numbers(const char *name, const char *const *value, const int64_t *line, int64_t n, double *x,
                         sg_err *err)
{
    for (int64_t i = 0; i < n; i++) {
        x[i] = NAN;
        if (!value[i] || missing(value[i]))
            continue;
        if (!sg_text_real(value[i], &x[i]))
            return sg_fail(err, SG_FORMAT,
                           "%s line %lld: the phenotype is a word, want a number (or say which word means case: "
                           "--case-label WORD)",
                           name, (long long)line[i]);
        if (!isfinite(x[i]))
            return sg_fail(err, SG_FORMAT, "%s line %lld: the phenotype is infinite, want a finite number", name,
                           (long long)line[i]);
    }
    return SG_OK;
}

static sg_status label_numbers(const char *name, const int64_t *line, const double *x, sg_pheno *p, sg_err *err)
{
    bool two = false;
    for (int64_t i = 0; i < p->n; i++) {
        if (isnan(x[i]))
            continue;
        if (x[i] != 0 && x[i] != 1 && x[i] != 2)
            return sg_fail(err, SG_FORMAT,
                           "%s line %lld: the phenotype is neither 0, 1 nor 2; for a quantity say where a case begins: "
                           "--threshold median, or a number",
                           name, (long long)line[i]);
        two |= x[i] == 2;
    }
    for (int64_t i = 0; i < p->n; i++)
        p->label[i] = (int8_t)(isnan(x[i]) || (two && x[i] == 0) ? SG_PHENO_MISSING : two ? (int)x[i] - 1 : (int)x[i]);
    return SG_OK;
}

static sg_status classify(const char *name, const sg_pheno_options *o, const char *const *value, const int64_t *line,
                          sg_arena *a, sg_pheno *p, sg_err *err)
{
    p->threshold = NAN;
    if (o->case_label && o->threshold)
        return sg_fail(err, SG_LIMIT, "a case label and a threshold exclude each other; give one");
    if (o->case_label) {
        for (int64_t i = 0; i < p->n; i++)
            p->label[i] =
                (int8_t)(!value[i] || missing(value[i]) ? SG_PHENO_MISSING : strcmp(value[i], o->case_label) == 0);
    } else {
        double *x = SG_NEW_RAW(a, double, p->n);
        if (!x)
            return sg_arena_full(a, name, err);
        SG_TRY(numbers(name, value, line, p->n, x, err));
        if (o->threshold) {
            SG_TRY(find_threshold(name, o->threshold, x, p->n, a, &p->threshold, err));
            for (int64_t i = 0; i < p->n; i++)
                p->label[i] = (int8_t)(isnan(x[i]) ? SG_PHENO_MISSING : x[i] > p->threshold);
        } else {
            SG_TRY(label_numbers(name, line, x, p, err));
        }
    }
    for (int64_t i = 0; i < p->n; i++) {
        p->n_case += p->label[i] == 1;
        p->n_control += p->label[i] == 0;
        p->n_missing += p->label[i] == SG_PHENO_MISSING;
    }
    return SG_OK;
}

/* ---- where the values stand ---- */

typedef struct layout {
    bool header, no_fid; /* no_fid: "#IID NAME", one ID column */
    int column;          /* 0-based */
} layout;

static bool is_header(const char *first, const char *second, bool *no_fid)
{
    const char *f = *first == '#' ? first + 1 : first;
    *no_fid = !strcasecmp(f, "IID");
    return *no_fid || (!strcasecmp(f, "FID") && second && !strcasecmp(second, "IID"));
}

static sg_status choose_column(const sg_text *t, const sg_pheno_options *o, char *const *f, int n, layout *l,
                               sg_err *err)
{
    const int first = l->no_fid ? 1 : 2;
    if (n > COLUMN_MAX)
        return sg_fail(err, SG_LIMIT, "%s: %d columns, at most %d are read", t->name, n, COLUMN_MAX);
    if (n <= first)
        return sg_fail(err, SG_FORMAT, "%s line %lld: %d columns, want %d", t->name, (long long)t->line, n, first + 1);
    l->column = first;
    if (!l->header) {
        if (o->column)
            return sg_fail(err, SG_MISMATCH,
                           "%s has no header line (FID IID NAME...), so there is no column \"%.64s\" to choose",
                           t->name, o->column);
        return SG_OK;
    }
    char names[256] = "";
    int found = -1;
    size_t used = 0;
    for (int i = first; i < n; i++) {
        if (o->column && !strcmp(f[i], o->column)) {
            if (found >= 0)
                return sg_fail(err, SG_FORMAT, "%s has two columns called \"%.64s\"", t->name, o->column);
            found = i;
        }
        const int w = snprintf(names + used, sizeof names - used, "%s%.40s", used ? ", " : "", f[i]);
        used = w > 0 && used + (size_t)w < sizeof names ? used + (size_t)w : sizeof names - 1;
    }
    if (o->column && found < 0)
        return sg_fail(err, SG_MISMATCH, "%s has no column \"%.64s\"; it has %s", t->name, o->column, names);
    if (!o->column && n - first > 1)
        return sg_fail(err, SG_MISMATCH, "%s has %d phenotypes; choose one with --pheno-name: %s", t->name, n - first,
                       names);
    if (o->column)
        l->column = found;
    return SG_OK;
}

/* Row of the .fam for the IDs of a line: -1 none. */
static int64_t find_person(const sg_index *index, const sg_index *by_iid, const layout *l, char *const *f)
{
    return l->no_fid ? sg_index_find(by_iid, f[0], "") : sg_index_find(index, f[0], f[1]);
}

/* For files without FID: IIDs must then be unique in the .fam. */
static sg_status index_iids(const char *name, const sg_fam *fam, sg_arena *a, sg_index *out, sg_err *err)
{
    SG_TRY(sg_index_new(fam->n, a, out, err));
    for (int64_t i = 0; i < fam->n; i++) {
        const int64_t old = sg_index_add(out, fam->row[i].iid, "", i);
        if (old >= 0)
            return sg_fail(err, SG_MISMATCH,
                           "%s names people by IID alone, but .fam lines %lld and %lld share one; add the FID column",
                           name, (long long)old + 1, (long long)i + 1);
    }
    return SG_OK;
}

typedef struct collected {
    const char **value; /* [fam.n] NULL: no row */
    int64_t *line;      /* [fam.n] */
    int64_t n_row, n_unknown;
} collected;

static sg_status take_line(const sg_text *t, const layout *l, char *const *f, int n, int64_t who, collected *c,
                           sg_err *err)
{
    if (n <= l->column)
        return sg_fail(err, SG_FORMAT, "%s line %lld: %d columns, want at least %d", t->name, (long long)t->line, n,
                       l->column + 1);
    c->n_row++;
    if (who < 0) {
        c->n_unknown++;
        return SG_OK;
    }
    if (c->line[who])
        return sg_fail(err, SG_FORMAT, "%s lines %lld and %lld: the same person twice; remove one", t->name,
                       (long long)c->line[who], (long long)t->line);
    c->line[who] = t->line;
    c->value[who] = f[l->column];
    return SG_OK;
}

static sg_status collect(sg_text *t, const sg_pheno_options *o, const sg_fam *fam, const sg_index *index, sg_arena *a,
                         collected *c, sg_err *err)
{
    layout l = {0};
    sg_index by_iid = {0};
    bool first = true;
    char **f = SG_NEW(a, char *, COLUMN_MAX);
    if (!f)
        return sg_arena_full(a, t->name, err);
    for (;;) {
        char *line;
        SG_TRY(sg_text_next(t, &line, err));
        if (!line)
            return SG_OK;
        const int n = sg_text_split(line, 0, f, COLUMN_MAX);
        if (n == 0)
            continue;
        if (first) {
            first = false;
            l.header = is_header(f[0], n > 1 ? f[1] : NULL, &l.no_fid);
            SG_TRY(choose_column(t, o, f, n, &l, err));
            if (l.no_fid)
                SG_TRY(index_iids(t->name, fam, a, &by_iid, err));
            if (l.header)
                continue;
        }
        const int64_t who = n > (l.no_fid ? 0 : 1) ? find_person(index, &by_iid, &l, f) : -1;
        SG_TRY(take_line(t, &l, f, n, who, c, err));
    }
}

static sg_status begin(const char *name, const sg_fam *fam, sg_arena *a, sg_pheno *out, collected *c, sg_err *err)
{
    *out = (sg_pheno){.n = fam->n, .label = SG_NEW(a, int8_t, fam->n), .threshold = NAN};
    *c = (collected){.value = SG_NEW(a, const char *, fam->n), .line = SG_NEW(a, int64_t, fam->n)};
    return out->label && c->value && c->line ? SG_OK : sg_arena_full(a, name, err);
}

sg_status sg_pheno_decode(const char *name, char *data, size_t n, const sg_pheno_options *o, const sg_fam *fam,
                          const sg_index *index, sg_arena *a, sg_pheno *out, sg_err *err)
{
    collected c;
    sg_text t;
    SG_TRY(begin(name, fam, a, out, &c, err));
    SG_TRY(sg_text_begin(&t, name, data, n, err));
    SG_TRY(collect(&t, o, fam, index, a, &c, err));
    if (c.n_unknown == c.n_row)
        return sg_fail(err, SG_MISMATCH, "%s: none of its %lld people is in the .fam (IDs are FID and IID, as written)",
                       name, (long long)c.n_row);
    SG_TRY(classify(name, o, c.value, c.line, a, out, err));
    out->n_unknown = c.n_unknown;
    for (int64_t i = 0; i < fam->n; i++)
        out->n_no_row += !c.line[i];
    return SG_OK;
}

sg_status sg_pheno_load(const char *path, const sg_pheno_options *o, const sg_fam *fam, const sg_index *index,
                        sg_arena *a, sg_pheno *out, sg_err *err)
{
    *out = (sg_pheno){0};
    char *data;
    size_t n;
    SG_TRY(sg_text_load(path, PHENO_BYTES_MAX, a, &data, &n, err));
    return sg_pheno_decode(path, data, n, o, fam, index, a, out, err);
}

sg_status sg_pheno_from_fam(const char *name, const sg_pheno_options *o, const sg_fam *fam, sg_arena *a, sg_pheno *out,
                            sg_err *err)
{
    collected c;
    SG_TRY(begin(name, fam, a, out, &c, err));
    for (int64_t i = 0; i < fam->n; i++) {
        c.value[i] = fam->row[i].pheno;
        c.line[i] = i + 1;
    }
    return classify(name, o, c.value, c.line, a, out, err);
}

sg_status sg_people_list_load(const char *path, const sg_index *index, uint8_t *in_list, int64_t *n_unknown,
                              sg_arena *a, sg_err *err)
{
    *n_unknown = 0;
    char *data;
    size_t n;
    sg_text t;
    SG_TRY(sg_text_load(path, PHENO_BYTES_MAX, a, &data, &n, err));
    SG_TRY(sg_text_begin(&t, path, data, n, err));
    for (;;) {
        char *line, *f[2];
        bool no_fid;
        SG_TRY(sg_text_next(&t, &line, err));
        if (!line)
            return SG_OK;
        const int found = sg_text_split(line, 0, f, 2);
        if (found == 0)
            continue;
        if (found < 2)
            return sg_fail(err, SG_FORMAT, "%s line %lld: 1 column, want FID and IID", path, (long long)t.line);
        if (t.line == 1 && is_header(f[0], f[1], &no_fid))
            continue;
        const int64_t who = sg_index_find(index, f[0], f[1]);
        if (who >= 0)
            in_list[who] = 1;
        else
            ++*n_unknown;
    }
}
