/* fileset.c - see fileset.h. */
#include "cli/fileset.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One SNP of the panel in the .bim. */
typedef struct match {
    int64_t row, snp; /* .bim row, panel SNP */
    bool swapped;     /* the .bim's A1 is the panel's A2 */
} match;

/* By ID; rows of one ID in file order. */
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

/* The first place in sorted [n] whose ID is not before `id`. */
static int64_t lower_bound(const sg_bim_row *const *sorted, int64_t n, const char *id)
{
    int64_t lo = 0, hi = n;
    while (lo < hi) {
        const int64_t mid = lo + (hi - lo) / 2;
        if (strcmp(sorted[mid]->id, id) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static sg_status match_panel(const char *prefix, const sg_panel *p, const sg_bim *bim, sg_arena *a, match *out,
                             sg_err *err)
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
        bool named = false, found = false;
        for (int64_t i = lower_bound(sorted, bim->n, snp->id); !found && i < bim->n && !strcmp(sorted[i]->id, snp->id);
             i++) {
            const sg_bim_row *r = sorted[i];
            const bool direct = !strcmp(r->a1, snp->a1) && !strcmp(r->a2, snp->a2);
            named = true;
            found = direct || (!strcmp(r->a1, snp->a2) && !strcmp(r->a2, snp->a1));
            out[s] = (match){r - bim->row, s, !direct};
        }
        absent += !named;
        other += named && !found;
        first = found || first ? first : snp->id;
    }
    if (first)
        return sg_fail(err, SG_MISMATCH,
                       "%s.bim: %lld of the panel's %lld SNPs are absent and %lld have other alleles; the first is %s",
                       prefix, (long long)absent, (long long)p->n_snp, (long long)other, first);
    qsort(out, (size_t)p->n_snp, sizeof *out, by_row); /* the .bed is read forwards */
    return SG_OK;
}

static sg_status part(const char *prefix, const char *suffix, char path[PATH_MAX], sg_err *err)
{
    const int n = snprintf(path, PATH_MAX, "%s%s", prefix, suffix);
    return n > 0 && n < PATH_MAX ? SG_OK : sg_fail(err, SG_LIMIT, "the path of the fileset is too long");
}

static sg_status read_bed(const char *prefix, const sg_panel *p, int64_t n_row, const match *found, sg_arena *a,
                          sg_fileset *out, sg_err *err)
{
    char path[PATH_MAX];
    sg_geno g;
    int64_t *want = SG_NEW(a, int64_t, p->n_snp);
    int8_t *code = SG_NEW(a, int8_t, p->n_snp);
    if (!want || !code)
        return sg_arena_full(a, "the matched SNPs", err);
    for (int64_t i = 0; i < p->n_snp; i++) {
        want[i] = found[i].row;
        out->n_swapped += found[i].swapped;
    }
    SG_TRY(part(prefix, ".bed", path, err));
    SG_TRY(sg_bed_load(path, n_row, out->fam.n, want, p->n_snp, a, &g, err));
    for (int64_t s = 0; s < out->fam.n; s++) {
        for (int64_t i = 0; i < p->n_snp; i++) {
            const int x = sg_geno_get(&g, i, s); /* copies of the file's A1 */
            out->n_missing += x == SG_MISSING;
            const bool turned = found[i].swapped != p->counted_a2;
            code[found[i].snp] = (int8_t)(x == SG_MISSING || !turned ? x : 2 - x);
        }
        sg_people_pack(&out->people, s, code);
    }
    return SG_OK;
}

sg_status sg_fileset_load(const char *prefix, const sg_panel *p, sg_arena *a, sg_fileset *out, sg_err *err)
{
    *out = (sg_fileset){0};
    char path[PATH_MAX];
    sg_bim bim;
    SG_TRY(part(prefix, ".bim", path, err));
    SG_TRY(sg_bim_load(path, a, &bim, err));
    SG_TRY(part(prefix, ".fam", path, err));
    SG_TRY(sg_fam_load(path, a, &out->fam, err));
    SG_TRY(sg_people_new(out->fam.n, p->n_snp, a, &out->people, err));
    const size_t mark = sg_arena_mark(a);
    match *found = SG_NEW(a, match, p->n_snp);
    sg_status st = found ? match_panel(prefix, p, &bim, a, found, err) : sg_arena_full(a, "the matched SNPs", err);
    if (!st)
        st = read_bed(prefix, p, bim.n, found, a, out, err);
    sg_arena_rewind(a, mark);
    return st;
}
