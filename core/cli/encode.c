/* encode.c - snpgen encode: the posterior means of real people under a model's VAE. */
#include "cli/bundle.h"
#include "cli/cli.h"
#include "formats/npy.h"
#include "formats/plink.h"
#include "sampler/sampler.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One SNP of the panel in the .bim. */
typedef struct match {
    int64_t row, snp; /* .bim row, panel SNP */
    bool swapped;     /* the .bim's A1 is the panel's A2 */
} match;

static int by_id(const void *x, const void *y)
{
    const sg_bim_row *const *a = x, *const *b = y;
    const int c = strcmp((*a)->id, (*b)->id);
    return c ? c : (*a > *b) - (*a < *b);
}

static int by_row(const void *x, const void *y)
{
    const match *a = x, *b = y;
    return (a->row > b->row) - (a->row < b->row);
}

/* The first of the rows that carry the SNP's ID: sorted [n]. NULL when none does. */
static const sg_bim_row *const *find_id(const sg_bim_row *const *sorted, int64_t n, const char *id)
{
    int64_t lo = 0, hi = n;
    while (lo < hi) {
        const int64_t mid = lo + (hi - lo) / 2;
        if (strcmp(sorted[mid]->id, id) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < n && !strcmp(sorted[lo]->id, id) ? sorted + lo : NULL;
}

/* Finds every SNP of the panel by ID and alleles. MISMATCH counts those that are not there. */
static sg_status match_panel(const sg_panel *p, const sg_bim *bim, sg_arena *a, match *out, sg_err *err)
{
    const sg_bim_row **sorted = SG_NEW(a, const sg_bim_row *, bim->n);
    if (!sorted)
        return sg_arena_full(a, "the .bim's order", err);
    for (int64_t i = 0; i < bim->n; i++)
        sorted[i] = &bim->row[i];
    qsort(sorted, (size_t)bim->n, sizeof *sorted, by_id);
    int64_t absent = 0, other = 0;
    const char *first = NULL;
    for (int64_t s = 0; s < p->n_snp; s++) {
        const sg_snp *snp = &p->snp[s];
        const sg_bim_row *const *r = find_id(sorted, bim->n, snp->id);
        bool found = false;
        const bool named = r != NULL;
        for (; r && !found && r < sorted + bim->n && !strcmp((*r)->id, snp->id); r++) {
            const bool direct = !strcmp((*r)->a1, snp->a1) && !strcmp((*r)->a2, snp->a2);
            const bool swapped = !strcmp((*r)->a1, snp->a2) && !strcmp((*r)->a2, snp->a1);
            if ((found = direct || swapped))
                out[s] = (match){*r - bim->row, s, !direct};
        }
        if (!found && !first)
            first = snp->id;
        absent += !found && !named;
        other += !found && named;
    }
    if (first)
        return sg_fail(err, SG_MISMATCH,
                       "%lld of the panel's %lld SNPs are not in the .bim and %lld are there with other alleles, the "
                       "first being %s",
                       (long long)absent, (long long)p->n_snp, (long long)other, first);
    qsort(out, (size_t)p->n_snp, sizeof *out, by_row);
    return SG_OK;
}

/* The people of bfile on the panel's SNPs, codes counting the panel's allele. */
static sg_status read_people(const char *bfile, const sg_panel *p, sg_arena *a, sg_people *people, sg_err *err)
{
    char path[4096];
    if (strlen(bfile) + 5 > sizeof path)
        return sg_fail(err, SG_LIMIT, "the path of the fileset is too long");
    sg_bim bim;
    sg_fam fam;
    (void)snprintf(path, sizeof path, "%s.bim", bfile);
    SG_TRY(sg_bim_load(path, a, &bim, err));
    (void)snprintf(path, sizeof path, "%s.fam", bfile);
    SG_TRY(sg_fam_load(path, a, &fam, err));
    match *found = SG_NEW(a, match, p->n_snp);
    int64_t *want = SG_NEW(a, int64_t, p->n_snp);
    int8_t *code = SG_NEW(a, int8_t, p->n_snp);
    if (!found || !want || !code)
        return sg_arena_full(a, "the matched SNPs", err);
    SG_TRY(match_panel(p, &bim, a, found, err));
    for (int64_t i = 0; i < p->n_snp; i++)
        want[i] = found[i].row;
    sg_geno g;
    (void)snprintf(path, sizeof path, "%s.bed", bfile);
    SG_TRY(sg_bed_load(path, bim.n, fam.n, want, p->n_snp, a, &g, err));
    SG_TRY(sg_people_new(fam.n, p->n_snp, a, people, err));
    int64_t missing = 0;
    for (int64_t s = 0; s < fam.n; s++) {
        for (int64_t i = 0; i < p->n_snp; i++) {
            const int x = sg_geno_get(&g, i, s);
            missing += x == SG_MISSING;
            code[found[i].snp] = (int8_t)(x == SG_MISSING ? x : found[i].swapped != p->counted_a2 ? 2 - x : x);
        }
        sg_people_pack(people, s, code);
    }
    if (missing)
        return sg_fail(err, SG_LIMIT,
                       "%lld of %lld genotypes on the panel's SNPs are missing and the networks read none; impute them "
                       "first",
                       (long long)missing, (long long)(fam.n * p->n_snp));
    return SG_OK;
}

static sg_status encode(const char *bfile, const char *out, const sg_model *m, sg_cli *cli, sg_arena *a, sg_err *err)
{
    sg_people people;
    SG_TRY(read_people(bfile, &m->panel, a, &people, err));
    const int64_t n = people.n_sample, z = m->card.unet.z_channels, T = m->card.unet.latent_len;
    float *mean = SG_NEW(a, float, n *z *T);
    if (!mean)
        return sg_arena_full(a, "the latents", err);
    SG_TRY(sg_sample_encode(m, &people, &cli->run, mean, err));
    SG_TRY(sg_npy_save(out, SG_NPY_F4, 3, (const int64_t[]){n, z, T}, mean, err));
    if (cli->json)
        (void)printf("{\"people\":%lld,\"shape\":[%lld,%lld,%lld]}\n", (long long)n, (long long)n, (long long)z,
                     (long long)T);
    else
        (void)printf("%s: latent means of %lld people, %lld x %lld each\n", out, (long long)n, (long long)z,
                     (long long)T);
    return SG_OK;
}

int sg_cmd_encode(int argc, char **argv)
{
    const char *model = NULL, *bfile = NULL, *out = NULL;
    const sg_opt opts[] = {
        {"model", SG_OPT_TEXT, &model, 0, 0, "DIR", "model bundle", true},
        {"bfile", SG_OPT_TEXT, &bfile, 0, 0, "PREFIX", "PLINK fileset that has the panel's SNPs", true},
        {"out", SG_OPT_TEXT, &out, 0, 0, "F.npy", "posterior means, float32 [people, z, latent]", true},
    };
    sg_cli cli;
    const int code = sg_cli_begin(&cli, "encode",
                                  "--model DIR --bfile PREFIX --out F.npy\n\nTurns genotypes into latents. Latents of "
                                  "real people are personal data like their genotypes.",
                                  opts, sizeof opts / sizeof *opts, argc, argv);
    if (code >= 0)
        return code;
    sg_err err = {0};
    sg_arena a = {0};
    sg_model *m = NULL;
    sg_status st = sg_arena_init(&a, (size_t)cli.memory_mib << 20, &err);
    if (!st)
        st = sg_model_open(model, &m, &err);
    if (!st)
        st = encode(bfile, out, m, &cli, &a, &err);
    sg_model_close(m);
    sg_arena_clear(&a);
    return sg_cli_end(&cli, st, &err);
}
