/* plink_view.c - what plink.sh compares with PLINK: reads a fileset with our reader and prints what PLINK prints.
 *
 *   plink_view freq PREFIX      variant ID, copies of A1, called alleles, missing genotypes: one line per variant
 *   plink_view king PREFIX MIN  FID IID FID IID kinship of every pair from MIN on, as plink2 --make-king-table
 *   plink_view copy PREFIX OUT  the fileset, read and written again
 */
#include "formats/plink.h"
#include "geno/kinship.h"

#include <limits.h>
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
    else if (!st && argc == 4 && !strcmp(argv[1], "king"))
        st = print_king(&f, strtod(argv[3], NULL), &a, &err);
    else if (!st && argc == 4)
        st = copy(&f, argv[3], &err);
    if (st)
        (void)fprintf(stderr, "%s\n", err.msg);
    sg_arena_clear(&a);
    return st ? 1 : 0;
}
