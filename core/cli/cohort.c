/* cohort.c - people and latents to files and back; see bundle.h. */
#include "base/file.h"
#include "cli/bundle.h"
#include "formats/npy.h"
#include "formats/plink.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

sg_status sg_cohort_formats(const char *formats, bool *plink, bool *npy, sg_err *err)
{
    *plink = *npy = false;
    for (const char *s = formats; *s;) {
        const size_t n = strcspn(s, ",");
        if (n == 5 && !strncmp(s, "plink", n))
            *plink = true;
        else if (n == 3 && !strncmp(s, "npy", n))
            *npy = true;
        else
            return sg_fail(err, SG_FORMAT, "format \"%.*s\" is not available, want plink, npy or both", (int)n, s);
        s += n + (s[n] == ',');
    }
    return *plink || *npy ? SG_OK : sg_fail(err, SG_FORMAT, "no output format given, want plink, npy or both");
}

static sg_status file_name(const char *prefix, const char *suffix, char *out, size_t n, sg_err *err)
{
    const int got = snprintf(out, n, "%s%s", prefix, suffix);
    return got > 0 && (size_t)got < n ? SG_OK : sg_fail(err, SG_LIMIT, "the output path is too long");
}

static sg_status save_bim(const char *path, const sg_panel *p, sg_arena *a, sg_err *err)
{
    sg_bim bim = {p->n_snp, SG_NEW(a, sg_bim_row, p->n_snp)};
    if (!bim.row)
        return sg_arena_full(a, "the .bim", err);
    for (int64_t i = 0; i < p->n_snp; i++) {
        const sg_snp *s = &p->snp[i];
        bim.row[i] = (sg_bim_row){.chrom = s->chrom, .id = s->id, .a1 = s->a1, .a2 = s->a2, .cm = s->cm, .pos = s->pos};
    }
    return sg_bim_save(path, &bim, err);
}

static sg_status save_fam(const char *path, int64_t n, const int8_t *label, sg_arena *a, sg_err *err)
{
    enum { NAME = 24 };
    sg_fam fam = {n, SG_NEW(a, sg_fam_row, n)};
    char *names = SG_NEW(a, char, n *NAME);
    char *pheno = SG_NEW(a, char, (SG_LABEL_MAX + 1) * 4);
    if (!fam.row || !names || !pheno)
        return sg_arena_full(a, "the .fam", err);
    for (int k = 0; k < SG_LABEL_MAX; k++)
        (void)snprintf(pheno + 4 * k, 4, "%d", k + 1);
    (void)snprintf(pheno + 4 * SG_LABEL_MAX, 4, "-9");
    for (int64_t i = 0; i < n; i++) {
        char *name = names + i * NAME;
        (void)snprintf(name, NAME, "SYN%lld", (long long)i + 1);
        fam.row[i] = (sg_fam_row){.fid = name,
                                  .iid = name,
                                  .father = "0",
                                  .mother = "0",
                                  .pheno = pheno + 4 * (label ? label[i] : SG_LABEL_MAX)};
    }
    return sg_fam_save(path, &fam, err);
}

static sg_status save_pheno(const char *path, const char *trait, int64_t n, const int8_t *label, sg_err *err)
{
    char column[64];
    size_t k = 0;
    for (; trait[k] && k + 1 < sizeof column; k++)
        column[k] = (char)(isgraph((unsigned char)trait[k]) ? trait[k] : '_');
    column[k] = 0;
    sg_out o = {0};
    SG_TRY(sg_out_open(path, 0644, &o, err));
    (void)fprintf(o.f, "FID\tIID\t%s\n", k ? column : "PHENO");
    for (int64_t i = 0; i < n; i++)
        (void)fprintf(o.f, "SYN%lld\tSYN%lld\t%d\n", (long long)i + 1, (long long)i + 1, label[i] + 1);
    return sg_out_commit(&o, err);
}

/* Copies of A1, whatever allele the panel counts. */
static sg_status save_bed(const char *path, const sg_model *m, const sg_people *people, sg_arena *a, sg_err *err)
{
    sg_geno g;
    SG_TRY(sg_geno_new(people->n_variant, people->n_sample, a, &g, err));
    sg_geno_from_people(people, &g);
    for (int64_t v = 0; m->panel.counted_a2 && v < g.n_variant; v++)
        for (int64_t s = 0; s < g.n_sample; s++)
            sg_geno_set(&g, v, s, 2 - sg_geno_get(&g, v, s));
    return sg_bed_save(path, &g, err);
}

static sg_status save_plink(const char *prefix, const sg_model *m, const sg_people *people, const int8_t *label,
                            sg_arena *a, sg_err *err)
{
    char path[4096];
    SG_TRY(file_name(prefix, ".bed", path, sizeof path, err));
    SG_TRY(save_bed(path, m, people, a, err));
    SG_TRY(file_name(prefix, ".bim", path, sizeof path, err));
    SG_TRY(save_bim(path, &m->panel, a, err));
    SG_TRY(file_name(prefix, ".fam", path, sizeof path, err));
    SG_TRY(save_fam(path, people->n_sample, label, a, err));
    if (!label)
        return SG_OK;
    SG_TRY(file_name(prefix, ".pheno", path, sizeof path, err));
    return save_pheno(path, m->card.trait, people->n_sample, label, err);
}

static sg_status save_npy(const char *prefix, const sg_people *people, const int8_t *label, sg_arena *a, sg_err *err)
{
    char path[4096];
    const int64_t n = people->n_sample, m = people->n_variant;
    int8_t *code = SG_NEW_RAW(a, int8_t, n * m);
    if (!code)
        return sg_arena_full(a, "the genotype array", err);
    for (int64_t i = 0; i < n; i++)
        sg_people_unpack(people, i, code + i * m);
    SG_TRY(file_name(prefix, ".npy", path, sizeof path, err));
    SG_TRY(sg_npy_save(path, SG_NPY_I1, 2, (const int64_t[]){n, m}, code, err));
    if (!label)
        return SG_OK;
    SG_TRY(file_name(prefix, ".labels.npy", path, sizeof path, err));
    return sg_npy_save(path, SG_NPY_I1, 1, &n, label, err);
}

sg_status sg_cohort_save(const char *prefix, bool plink, bool npy, const sg_model *m, const sg_people *people,
                         const int8_t *label, sg_arena *a, sg_err *err)
{
    const size_t mark = sg_arena_mark(a);
    sg_status st = plink ? save_plink(prefix, m, people, label, a, err) : SG_OK;
    if (!st && npy)
        st = save_npy(prefix, people, label, a, err);
    sg_arena_rewind(a, mark);
    if (!st)
        return SG_OK;
    static const char *const made[] = {".bed", ".bim", ".fam", ".pheno", ".npy", ".labels.npy"};
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) { /* half a fileset is worse than none */
        char path[4096];
        if (!file_name(prefix, made[i], path, sizeof path, NULL))
            (void)unlink(path);
    }
    return st;
}

sg_status sg_cohort_latents(const char *path, const sg_model *m, sg_arena *a, int64_t *n, float **x, sg_err *err)
{
    int n_dim;
    int64_t dim[4];
    void *data;
    SG_TRY(sg_npy_load(path, SG_NPY_F4, a, &n_dim, dim, &data, err));
    const int64_t z = m->card.unet.z_channels, T = m->card.unet.latent_len;
    if (n_dim != 3 || dim[1] != z || dim[2] != T)
        return sg_fail(err, SG_MISMATCH,
                       "%s has %d dimensions, %lld x %lld x %lld; the model wants 3, people x %lld x %lld", path, n_dim,
                       (long long)dim[0], (long long)dim[1], (long long)dim[2], (long long)z, (long long)T);
    *n = dim[0];
    *x = data;
    return SG_OK;
}
