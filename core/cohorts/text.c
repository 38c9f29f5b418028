/* text.c - names, headers and the text files of an export; see inside.h. */
#include "base/file.h"
#include "cohorts/inside.h"
#include "formats/npy.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

const char *sg_export_word(int at)
{
    static const char *const word[] = {
#define X(name, text, words) #text,
        SG_EXPORTS(X)
#undef X
    };
    return word[at];
}

sg_status sg_export_parse(const char *list, unsigned *formats, sg_err *err)
{
    *formats = 0;
    for (const char *s = list;;) {
        const size_t n = strcspn(s, ",");
        unsigned bit = 0;
        for (int i = 0; i < SG_N_EXPORT; i++)
            if (strlen(sg_export_word(i)) == n && !strncmp(s, sg_export_word(i), n))
                bit = 1U << i;
        if (!bit)
            return sg_fail(err, SG_FORMAT,
                           "format \"%.*s\" is not known, want one or more of plink, vcf, bcf, npy, pgen",
                           (int)(n < 40 ? n : 40), s);
        if (*formats & bit)
            return sg_fail(err, SG_FORMAT, "format \"%.*s\" is given twice", (int)n, s);
        *formats |= bit;
        if (!s[n])
            return SG_OK;
        s += n + 1;
    }
}

int sg_export_sex_of(const char *trait)
{
    static const char *const women[] = {"bc", "brca", "breast_cancer", "breast cancer", "breast-cancer"},
                             *const men[] = {"prca", "prostate_cancer", "prostate cancer", "prostate-cancer"};
    for (size_t i = 0; i < sizeof women / sizeof *women; i++)
        if (!strcasecmp(trait, women[i]))
            return 2;
    for (size_t i = 0; i < sizeof men / sizeof *men; i++)
        if (!strcasecmp(trait, men[i]))
            return 1;
    return 0;
}

void sg_export_name(int64_t person, char out[64])
{
    (void)snprintf(out, 64, "SYN%07lld", (long long)person + 1);
}

sg_status sg_export_path(const sg_export_spec *s, const char *ending, char out[PATH_MAX], sg_err *err)
{
    return snprintf(out, PATH_MAX, "%s%s", s->prefix, ending) < PATH_MAX
               ? SG_OK
               : sg_fail(err, SG_LIMIT, "%.200s...: path too long", s->prefix);
}

sg_status sg_export_labels(const sg_export_spec *s, char out[PATH_MAX], sg_err *err)
{
    if (!s->labels)
        return sg_export_path(s, ".labels.npy", out, err);
    return snprintf(out, PATH_MAX, "%s", s->labels) < PATH_MAX
               ? SG_OK
               : sg_fail(err, SG_LIMIT, "%.200s...: path too long", s->labels);
}

/* Words as they can stand in a column or a header line. */
static void clean(const char *text, bool column, char *out, size_t n)
{
    size_t k = 0;
    for (; text[k] && k + 1 < n; k++) {
        const unsigned char c = (unsigned char)text[k];
        out[k] = (char)(isgraph(c) || (c == ' ' && !column) ? c : '_');
    }
    out[k] = '\0';
}

static void column_name(const sg_export_spec *s, char out[64])
{
    clean(s->trait, true, out, 64);
    if (!*out)
        (void)snprintf(out, 64, "PHENO");
}

void sg_export_meta(const sg_export_spec *s, char line[SG_EXPORT_META][SG_EXPORT_LINE])
{
    char model[64], trait[64];
    clean(s->model, false, model, sizeof model);
    clean(s->trait, false, trait, sizeof trait);
    (void)snprintf(line[0], SG_EXPORT_LINE, "##source=snpgen %s", SG_VERSION);
    (void)snprintf(line[1], SG_EXPORT_LINE,
                   "##synthetic=These people do not exist: they were drawn from a generative model");
    (void)snprintf(line[2], SG_EXPORT_LINE, "##model=%s", model);
    (void)snprintf(line[3], SG_EXPORT_LINE, "##trait=%s", trait);
    (void)snprintf(line[4], SG_EXPORT_LINE, "##seed=%llu", (unsigned long long)s->seed);
}

/* ---- text files ---- */

static sg_status begin(const sg_export_spec *s, const char *ending, sg_out *o, sg_err *err)
{
    char path[PATH_MAX];
    SG_TRY(sg_export_path(s, ending, path, err));
    return sg_out_open(path, s->mode, o, err);
}

static sg_status write_bim(const sg_export_spec *s, sg_err *err)
{
    sg_out o;
    SG_TRY(begin(s, ".bim", &o, err));
    for (int64_t v = 0; v < s->variants->n; v++) {
        const sg_bim_row *r = &s->variants->row[v];
        if (r->cm_text)
            (void)fprintf(o.f, "%s\t%s\t%s\t%lld\t%s\t%s\n", r->chrom, r->id, r->cm_text, (long long)r->pos, r->a1,
                          r->a2);
        else
            (void)fprintf(o.f, "%s\t%s\t%.10g\t%lld\t%s\t%s\n", r->chrom, r->id, r->cm, (long long)r->pos, r->a1,
                          r->a2);
    }
    return sg_out_commit(&o, err);
}

static void put_label(const sg_export_spec *s, int64_t i, const char *unknown, FILE *f)
{
    if (s->label)
        (void)fprintf(f, "\t%d\n", s->label[i] + 1);
    else
        (void)fprintf(f, "\t%s\n", unknown);
}

static sg_status write_fam(const sg_export_spec *s, sg_err *err)
{
    sg_out o;
    char name[64];
    SG_TRY(begin(s, ".fam", &o, err));
    for (int64_t i = 0; i < s->n_people; i++) {
        sg_export_name(i, name);
        (void)fprintf(o.f, "%s\t%s\t0\t0\t%d", name, name, s->sex);
        put_label(s, i, "-9", o.f);
    }
    return sg_out_commit(&o, err);
}

static sg_status write_pheno(const sg_export_spec *s, sg_err *err)
{
    sg_out o;
    char name[64], trait[64];
    SG_TRY(begin(s, ".pheno", &o, err));
    column_name(s, trait);
    (void)fprintf(o.f, "#FID\tIID\t%s\n", trait);
    for (int64_t i = 0; i < s->n_people; i++) {
        sg_export_name(i, name);
        (void)fprintf(o.f, "%s\t%s", name, name);
        put_label(s, i, "NA", o.f);
    }
    return sg_out_commit(&o, err);
}

static void put_meta(const sg_export_spec *s, FILE *f)
{
    char line[SG_EXPORT_META][SG_EXPORT_LINE];
    sg_export_meta(s, line);
    for (int i = 0; i < SG_EXPORT_META; i++)
        (void)fprintf(f, "%s\n", line[i]);
}

/* PLINK 2 takes A2 for the reference allele, but nobody has looked: PR says so. */
static sg_status write_pvar(const sg_export_spec *s, sg_err *err)
{
    sg_out o;
    SG_TRY(begin(s, ".pvar", &o, err));
    put_meta(s, o.f);
    (void)fprintf(o.f,
                  "##INFO=<ID=PR,Number=0,Type=Flag,Description=\"Provisional reference allele, may not be based on "
                  "real reference genome\">\n#CHROM\tPOS\tID\tREF\tALT\tINFO\tCM\n");
    for (int64_t v = 0; v < s->variants->n; v++) {
        const sg_bim_row *r = &s->variants->row[v];
        (void)fprintf(o.f, "%s\t%lld\t%s\t%s\t%s\tPR\t", r->chrom, (long long)r->pos, r->id, r->a2,
                      !strcmp(r->a1, "0") ? "." : r->a1);
        if (r->cm_text)
            (void)fprintf(o.f, "%s\n", r->cm_text);
        else
            (void)fprintf(o.f, "%.10g\n", r->cm);
    }
    return sg_out_commit(&o, err);
}

static sg_status write_psam(const sg_export_spec *s, sg_err *err)
{
    static const char *const sex[3] = {"NA", "1", "2"};
    sg_out o;
    char name[64], trait[64];
    SG_TRY(begin(s, ".psam", &o, err));
    column_name(s, trait);
    put_meta(s, o.f);
    (void)fprintf(o.f, "#FID\tIID\tSEX\t%s\n", trait);
    for (int64_t i = 0; i < s->n_people; i++) {
        sg_export_name(i, name);
        (void)fprintf(o.f, "%s\t%s\t%s", name, name, sex[s->sex]);
        put_label(s, i, "NA", o.f);
    }
    return sg_out_commit(&o, err);
}

static sg_status write_labels(const sg_export_spec *s, sg_err *err)
{
    char path[PATH_MAX];
    sg_out o;
    SG_TRY(sg_export_labels(s, path, err));
    SG_TRY(sg_npy_begin(path, s->mode, SG_NPY_I1, 1, &s->n_people, &o, err));
    if (s->n_people)
        (void)fwrite(s->label, 1, (size_t)s->n_people, o.f);
    return sg_out_commit(&o, err);
}

sg_status sg_export_text(const sg_export_spec *s, sg_err *err)
{
    if (s->formats & (SG_EXPORT_PLINK | SG_EXPORT_NPY)) /* an array without its columns says nothing */
        SG_TRY(write_bim(s, err));
    if (s->formats & SG_EXPORT_PLINK)
        SG_TRY(write_fam(s, err));
    if (s->formats & SG_EXPORT_PGEN) {
        SG_TRY(write_pvar(s, err));
        SG_TRY(write_psam(s, err));
    }
    if (!s->label)
        return SG_OK;
    if (s->formats & SG_EXPORT_NPY)
        SG_TRY(write_labels(s, err));
    return write_pheno(s, err);
}

/* ---- all files of an export ---- */

static const struct {
    unsigned formats; /* any of them has this file */
    const char *ending, *words;
} made[] = {
    {SG_EXPORT_PLINK, ".bed", "genotypes (PLINK 1, variant-major); open with plink2 --bfile"},
    {SG_EXPORT_PLINK | SG_EXPORT_NPY, ".bim", "the SNPs: column 5 is A1, the counted allele, column 6 is A2"},
    {SG_EXPORT_PLINK, ".fam", "the people; column 6: 2 case, 1 control"},
    {SG_EXPORT_VCF, ".vcf.gz", "genotypes (VCF, bgzip); ALT is A1, REF is A2 and provisional"},
    {SG_EXPORT_VCF, ".vcf.gz.tbi", "its index"},
    {SG_EXPORT_BCF, ".bcf", "the same as BCF"},
    {SG_EXPORT_BCF, ".bcf.csi", "its index"},
    {SG_EXPORT_NPY, ".npy", "int8 [people, SNPs], copies of A1"},
    {SG_EXPORT_PGEN, ".pgen", "genotypes (PLINK 2, fixed-width hard calls); open with plink2 --pfile"},
    {SG_EXPORT_PGEN, ".pvar", "the SNPs: ALT is A1, REF is A2 and provisional"},
    {SG_EXPORT_PGEN, ".psam", "the people; last column: 2 case, 1 control"},
    {~0U, ".pheno", "the label: 2 case, 1 control"},
};

void sg_export_unlink(const sg_export_spec *s)
{
    char path[PATH_MAX];
    for (size_t i = 0; i < sizeof made / sizeof *made; i++)
        if ((s->formats & made[i].formats) && !sg_export_path(s, made[i].ending, path, NULL))
            (void)unlink(path);
    if ((s->formats & SG_EXPORT_NPY) && !sg_export_labels(s, path, NULL))
        (void)unlink(path);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

void sg_export_describe(const sg_export_spec *s, FILE *f)
{
    char path[PATH_MAX];
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        const bool is_pheno = made[i].formats == ~0U;
        if (!(s->formats & made[i].formats) || (is_pheno && !s->label) || sg_export_path(s, made[i].ending, path, NULL))
            continue;
        (void)fprintf(f, "%-18s  %s\n", base_name(path), made[i].words);
    }
    if ((s->formats & SG_EXPORT_NPY) && s->label && !sg_export_labels(s, path, NULL))
        (void)fprintf(f, "%-18s  int8 [people]: 1 case, 0 control\n", base_name(path));
}
