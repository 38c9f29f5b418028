/* sumstats.c - rows of summary statistics; see sumstats.h. Columns are found by sumstats_columns.c, lines come from
 * sumstats_lines.c; here a line becomes a row, or a reason why not. */
#include "formats/sumstats_inside.h"
#include "formats/text.h"

#include <ctype.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *sg_sum_drop_words(sg_sum_drop d)
{
    static const char *const words[] = {
#define X(name, text) text,
        SG_SUM_DROPS(X)
#undef X
    };
    return words[d];
}

static bool missing(const char *s)
{
    return !*s || !strcmp(s, ".") || !strcasecmp(s, "na") || !strcasecmp(s, "nan") || !strcmp(s, "-nan") ||
           !strcmp(s, "#NA");
}

static const char *text_of(const columns *c, char *const *f, sg_sum_role r)
{
    return c->at[r] >= 0 && !missing(f[c->at[r]]) ? f[c->at[r]] : "";
}

/* NaN when there is no such column or no number in it. */
static double real_of(const columns *c, char *const *f, sg_sum_role r)
{
    double x;
    const char *s = text_of(c, f, r);
    return *s && sg_text_real(s, &x) && isfinite(x) ? x : NAN;
}

/* Upper case in place; false when it is no sequence. */
static bool allele(char *s)
{
    for (char *p = s; *p; p++) {
        *p = (char)toupper((unsigned char)*p);
        if (*p != 'A' && *p != 'C' && *p != 'G' && *p != 'T')
            return false;
    }
    return *s != '\0';
}

/* The two alleles. With REF and ALT, the other allele is whichever of them a1 is not. -1, or why not. */
static int alleles(const columns *c, char *const *f, sg_sum_row *row)
{
    char *a1 = c->at[SG_SUM_A1] >= 0 ? f[c->at[SG_SUM_A1]] : f[c->at[SG_SUM_ALT]];
    if (!allele(a1))
        return SG_SUM_DROP_ALLELES;
    row->a1 = a1;
    row->a2 = "";
    char *a2 = NULL;
    if (c->at[SG_SUM_A2] >= 0) {
        a2 = f[c->at[SG_SUM_A2]];
    } else if (c->at[SG_SUM_REF] >= 0) {
        a2 = f[c->at[SG_SUM_REF]];
        if (c->at[SG_SUM_ALT] >= 0 && !strcasecmp(a2, a1) && c->at[SG_SUM_A1] >= 0)
            a2 = f[c->at[SG_SUM_ALT]];
    }
    if (!a2)
        return -1;
    if (!allele(a2))
        return SG_SUM_DROP_ALLELES;
    row->a2 = a2;
    return strcmp(a1, a2) ? -1 : SG_SUM_DROP_SAME_ALLELES;
}

/* "1:2345", "chr1:2345:A:G", "1_2345_A_G": chromosome and position out of an ID when no columns have them. */
static void place_from_id(sg_sum_row *row, char chrom[32])
{
    const char *colon = strpbrk(row->id, ":_");
    if (!colon || colon == row->id || colon - row->id >= 32)
        return;
    char *end;
    const long long pos = strtoll(colon + 1, &end, 10);
    if (!isdigit((unsigned char)colon[1]) || (*end && !strchr(":_", *end)) || pos < 1 || pos > INT32_MAX)
        return;
    memcpy(chrom, row->id, (size_t)(colon - row->id));
    chrom[colon - row->id] = '\0';
    row->chrom = chrom;
    row->pos = pos;
}

static int place(const columns *c, char *const *f, sg_sum_row *row, char chrom[32])
{
    row->id = text_of(c, f, SG_SUM_ID);
    row->chrom = text_of(c, f, SG_SUM_CHROM);
    const char *pos = text_of(c, f, SG_SUM_POS);
    if (*pos) {
        /* Some programs write 1e+06 or 1000000.0. */
        double x;
        if (!sg_text_real(pos, &x) || !(x >= 1) || x > INT32_MAX || x != floor(x))
            return SG_SUM_DROP_POSITION;
        row->pos = (int64_t)x;
    }
    if (!*row->chrom || !row->pos) {
        row->chrom = "";
        row->pos = 0;
        place_from_id(row, chrom);
    }
    return *row->id || row->pos ? -1 : SG_SUM_DROP_NO_NAME;
}

static int effect(const columns *c, char *const *f, sg_sum_row *row)
{
    row->beta = real_of(c, f, SG_SUM_BETA);
    if (isnan(row->beta)) {
        const double odds = real_of(c, f, SG_SUM_OR);
        if (odds <= 0)
            return SG_SUM_DROP_OR;
        row->beta = log(odds);
    }
    if (isnan(row->beta))
        return SG_SUM_DROP_EFFECT;
    row->se = real_of(c, f, SG_SUM_SE);
    return row->se <= 0 ? SG_SUM_DROP_SE : -1;
}

/* -log10 of the two-sided p of a normal z; erfc ends at |z| of 38, its asymptotic series (relative error below 1e-5 there)
 * does not. */
static double mlog10p_of_z(double z)
{
    const double x = fabs(z);
    if (x < 30)
        return -log10(erfc(x * M_SQRT1_2));
    return (x * x / 2 + log(x * sqrt(M_PI / 2)) - log1p(-1 / (x * x))) * M_LOG10E;
}

/* -log10 of a number written in decimals, which may be smaller than any double: "1e-400" has 400. */
static double mlog10p_of_text(const char *s)
{
    const double mantissa = strtod(s, NULL);
    if (mantissa >= DBL_MIN)
        return -log10(mantissa);
    const char *e = strpbrk(s, "eE");
    char digits[64];
    const size_t n = e ? (size_t)(e - s) : 0;
    if (n == 0 || n >= sizeof digits)
        return INFINITY;
    memcpy(digits, s, n);
    digits[n] = '\0';
    const double front = strtod(digits, NULL);
    return front > 0 ? -log10(front) - strtod(e + 1, NULL) : INFINITY;
}

/* p, -log10 p, or from beta / se. A p that is 0 or too small for a double is real: it is kept as the smallest one, and
 * its rank among its like as mlog10p, for a plain 0 by beta / se where they are there and agree that it is so small. */
static int p_value(const columns *c, char *const *f, sg_sum_row *row, sg_sum_report *rep)
{
    const double z = row->beta / row->se;
    if (c->at[SG_SUM_P] >= 0) {
        row->p = real_of(c, f, SG_SUM_P);
        row->mlog10p = mlog10p_of_text(text_of(c, f, SG_SUM_P));
    } else if (c->at[SG_SUM_LOG10P] >= 0) {
        row->mlog10p = real_of(c, f, SG_SUM_LOG10P);
        if (row->mlog10p < 0)
            return SG_SUM_DROP_P_RANGE;
        row->p = pow(10, -row->mlog10p);
    } else {
        row->p = erfc(fabs(z) * M_SQRT1_2);
        row->mlog10p = mlog10p_of_z(z);
    }
    if (isnan(row->p))
        return SG_SUM_DROP_P_MISSING;
    if (row->p < 0 || row->p > 1)
        return SG_SUM_DROP_P_RANGE;
    if (row->p == 0) {
        row->p = DBL_TRUE_MIN;
        rep->n_p_floor++;
        if (isinf(row->mlog10p) && isfinite(z) && mlog10p_of_z(z) > -log10(DBL_MIN))
            row->mlog10p = mlog10p_of_z(z);
    }
    return -1;
}

static void frequency(const columns *c, char *const *f, sg_sum_row *row, sg_sum_report *rep)
{
    row->freq = real_of(c, f, SG_SUM_FREQ);
    if (isnan(row->freq))
        row->freq = 1 - real_of(c, f, SG_SUM_REFFREQ);
    if (row->freq < 0 || row->freq > 1) {
        row->freq = NAN;
        rep->n_bad_freq++;
    }
}

/* -1, or the reason to drop. */
static int fill(const columns *c, char *const *f, sg_sum_row *row, char chrom[32], sg_sum_report *rep)
{
    const char *test = text_of(c, f, SG_SUM_TEST);
    if (*test && strcasecmp(test, "ADD") != 0 && strcasecmp(test, "ADDITIVE") != 0)
        return SG_SUM_DROP_OTHER_TEST;
    int why = place(c, f, row, chrom);
    if (why < 0)
        why = alleles(c, f, row);
    if (why < 0)
        why = effect(c, f, row);
    if (why < 0 && !c->weights)
        why = p_value(c, f, row, rep);
    if (why < 0)
        frequency(c, f, row, rep);
    return why;
}

/* The separator the header uses. */
static char separator(const char *header)
{
    if (strchr(header, '\t'))
        return '\t';
    return strchr(header, ',') && !strchr(header, ' ') ? ',' : 0;
}

static bool blank(const char *line)
{
    return line[strspn(line, " \t")] == '\0';
}

static sg_status read_rows(lines *in, const columns *c, char sep, sg_sum_fn *fn, void *ctx, sg_sum_report *rep,
                           sg_err *err)
{
    char *f[COLUMN_MAX];
    for (;;) {
        char *line;
        SG_TRY(sg_sum_lines_next(in, &line, err));
        if (!line)
            return SG_OK;
        if (blank(line))
            continue;
        const int n = sg_text_split(line, sep, f, COLUMN_MAX);
        if (n != c->n)
            return sg_fail(err, SG_FORMAT, "%s line %lld: %d columns, the header has %d", in->name,
                           (long long)in->number, n, c->n);
        sg_sum_row row = {.line = in->number};
        char chrom[32];
        rep->n_row++;
        const int why = fill(c, f, &row, chrom, rep);
        if (why >= 0) {
            rep->n_drop[why]++;
            continue;
        }
        rep->n_kept++;
        SG_TRY(fn(ctx, &row, err));
    }
}

/* The header is the first line that is not empty and not a "##" or "# text" comment. */
static sg_status read_all(lines *in, const char *wanted, sg_sum_fn *fn, void *ctx, sg_sum_report *rep, sg_err *err)
{
    char *line;
    do
        SG_TRY(sg_sum_lines_next(in, &line, err));
    while (line && (blank(line) || sg_sum_is_comment(line)));
    if (!line)
        return sg_fail(err, SG_FORMAT, "%s: no header line", in->name);
    const char sep = separator(line);
    char *f[COLUMN_MAX];
    const int n = sg_text_split(line, sep, f, COLUMN_MAX);
    columns c = {.weights = in->weights};
    SG_TRY(sg_sum_columns_find(in->name, f, n, wanted, &c, rep, err));
    return read_rows(in, &c, sep, fn, ctx, rep, err);
}

sg_status sg_sumstats_read(const char *path, const char *wanted, sg_sum_fn *fn, void *ctx, sg_sum_report *report,
                           sg_err *err)
{
    *report = (sg_sum_report){0};
    lines in;
    sg_status st = sg_sum_lines_open(&in, path, err);
    if (!st)
        st = read_all(&in, wanted, fn, ctx, report, err);
    sg_sum_lines_close(&in);
    return st;
}

sg_status sg_weights_read(const char *path, const char *wanted, sg_sum_fn *fn, void *ctx, sg_sum_report *report,
                          sg_err *err)
{
    *report = (sg_sum_report){0};
    lines in;
    sg_status st = sg_sum_lines_open(&in, path, err);
    in.weights = true;
    if (!st)
        st = read_all(&in, wanted, fn, ctx, report, err);
    sg_sum_lines_close(&in);
    return st;
}

sg_status sg_sumstats_decode(const char *name, const void *data, size_t n, const char *wanted, sg_sum_fn *fn, void *ctx,
                             sg_sum_report *report, sg_err *err)
{
    *report = (sg_sum_report){0};
    lines in;
    sg_status st = sg_sum_lines_memory(&in, name, data, n, err);
    if (!st)
        st = read_all(&in, wanted, fn, ctx, report, err);
    sg_sum_lines_close(&in);
    return st;
}
