/* plink_view.c - what plink.sh and qc.sh compare with PLINK: reads a fileset with our reader and prints what PLINK prints.
 *
 *   plink_view freq PREFIX      variant ID, copies of A1, called alleles, missing genotypes: one line per variant
 *   plink_view king PREFIX MIN  FID IID FID IID kinship of every pair from MIN on, as plink2 --make-king-table
 *   plink_view hwe PREFIX       variant ID, exact Hardy-Weinberg p, as --hardy
 *   plink_view ld PREFIX N      ID, ID, r2 of haplotypes (as --r2 dprime and --clump) and squared correlation of copies (as --r2;
 *                               nan where somebody's genotype is missing) of every variant with the N - 1 behind it
 *   plink_view copy PREFIX OUT  the fileset, read and written again
 */
#include "formats/plink.h"
#include "geno/kinship.h"
#include "panel/ld.h"
#include "panel/qc.h"
#include "stat/snps.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct fileset {
    sg_bim bim;
    sg_fam fam;
    sg_geno geno;
} fileset;

static const char *name(char out[PATH_MAX], const char *prefix, const char *ending)
{
    (void)snprintf(out, PATH_MAX, "%s%s", prefix, ending);
    return out;
}

static sg_status load(const char *prefix, sg_arena *a, fileset *f, sg_err *err)
{
    char path[PATH_MAX];
    SG_TRY(sg_bim_load(name(path, prefix, ".bim"), a, &f->bim, err));
    SG_TRY(sg_fam_load(name(path, prefix, ".fam"), a, &f->fam, err));
    int64_t *want = SG_NEW(a, int64_t, f->bim.n);
    if (!want)
        return sg_arena_full(a, prefix, err);
    for (int64_t v = 0; v < f->bim.n; v++)
        want[v] = v;
    return sg_bed_load(name(path, prefix, ".bed"), f->bim.n, f->fam.n, want, f->bim.n, a, &f->geno, err);
}

static sg_status print_king(const fileset *f, double least, sg_arena *a, sg_err *err)
{
    sg_people p;
    sg_kin_pair *pair;
    int64_t n;
    SG_TRY(sg_people_new(f->fam.n, f->bim.n, a, &p, err));
    sg_people_from_geno(&f->geno, &p);
    SG_TRY(sg_kinship_pairs(&p, least, f->fam.n * 40, NULL, a, &pair, &n, err));
    for (int64_t k = 0; k < n; k++) {
        const sg_fam_row *i = &f->fam.row[pair[k].i], *j = &f->fam.row[pair[k].j];
        (void)printf("%s %s %s %s %.6g\n", i->fid, i->iid, j->fid, j->iid, pair[k].kinship);
    }
    return SG_OK;
}

static void print_freq(const fileset *f)
{
    for (int64_t v = 0; v < f->bim.n; v++) {
        int64_t c[4];
        sg_geno_count(&f->geno, v, c);
        (void)printf("%s\t%lld\t%lld\t%lld\n", f->bim.row[v].id, (long long)(c[1] + 2 * c[2]),
                     (long long)(2 * (c[0] + c[1] + c[2])), (long long)c[3]);
    }
}

static void print_hwe(const fileset *f)
{
    for (int64_t v = 0; v < f->bim.n; v++) {
        int64_t c[4];
        sg_geno_count(&f->geno, v, c);
        (void)printf("%s\t%.9g\n", f->bim.row[v].id, sg_qc_hwe(c[0], c[1], c[2]));
    }
}

/* Row v padded to whole words. */
static void words_of(const fileset *f, int64_t v, uint64_t *row)
{
    memset(row, 0, (size_t)SG_ROW_WORDS(f->fam.n) * sizeof *row);
    memcpy(row, f->geno.row + v * f->geno.row_bytes, (size_t)f->geno.row_bytes);
}

static sg_status print_ld(const fileset *f, int64_t window, sg_arena *a, sg_err *err)
{
    const int64_t L = f->bim.n, n_word = SG_ROW_WORDS(f->fam.n);
    sg_people p;
    sg_snps snps;
    int64_t n_missing = 0;
    SG_TRY(sg_people_new(f->fam.n, L, a, &p, err));
    sg_people_from_geno(&f->geno, &p);
    uint64_t *x = SG_NEW(a, uint64_t, n_word), *y = SG_NEW(a, uint64_t, n_word), *mask = SG_NEW(a, uint64_t, n_word);
    float *r = SG_NEW(a, float, L *L);
    if (!x || !y || !mask || !r)
        return sg_arena_full(a, "pairs of variants", err);
    for (int64_t v = 0; v < L; v++) {
        int64_t c[4];
        sg_geno_count(&f->geno, v, c);
        n_missing += c[3];
    }
    if (!n_missing) {
        SG_TRY(sg_snps_new(&p, NULL, f->fam.n, a, &snps, err));
        SG_TRY(sg_snps_correlation(&snps, NULL, r, err));
    }
    for (int64_t i = 0; i < f->fam.n; i++)
        mask[i / 32] |= (uint64_t)1 << (2 * (i % 32));
    for (int64_t v = 0; v < L; v++)
        for (int64_t u = v + 1; u < L && u < v + window && !strcmp(f->bim.row[u].chrom, f->bim.row[v].chrom); u++) {
            int64_t n[3][3];
            words_of(f, v, x);
            words_of(f, u, y);
            sg_ld_count(x, y, mask, n_word, n);
            const double c = n_missing ? NAN : r[v * L + u];
            (void)printf("%s\t%s\t%.9g\t%.9g\n", f->bim.row[v].id, f->bim.row[u].id, sg_ld_r2((const int64_t(*)[3])n),
                         c * c);
        }
    return SG_OK;
}

static sg_status copy(const fileset *f, const char *prefix, sg_err *err)
{
    char path[PATH_MAX];
    SG_TRY(sg_bim_save(name(path, prefix, ".bim"), &f->bim, err));
    SG_TRY(sg_fam_save(name(path, prefix, ".fam"), &f->fam, err));
    return sg_bed_save(name(path, prefix, ".bed"), &f->geno, err);
}

int main(int argc, char **argv)
{
    sg_err err = {0};
    sg_arena a = {0};
    fileset f;
    if (argc < 3)
        return 2;
    sg_status st = sg_arena_init(&a, (size_t)1 << 32, &err);
    if (!st)
        st = load(argv[2], &a, &f, &err);
    if (!st && !strcmp(argv[1], "freq"))
        print_freq(&f);
    else if (!st && !strcmp(argv[1], "hwe"))
        print_hwe(&f);
    else if (!st && argc == 4 && !strcmp(argv[1], "ld"))
        st = print_ld(&f, strtol(argv[3], NULL, 10), &a, &err);
    else if (!st && argc == 4 && !strcmp(argv[1], "king"))
        st = print_king(&f, strtod(argv[3], NULL), &a, &err);
    else if (!st && argc == 4)
        st = copy(&f, argv[3], &err);
    if (st)
        (void)fprintf(stderr, "%s\n", err.msg);
    sg_arena_clear(&a);
    return st ? 1 : 0;
}
