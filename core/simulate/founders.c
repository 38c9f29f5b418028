/* founders.c - built-in founders, one genealogy per locus, and populations that drifted from them; see founders.h. */
#include "simulate/founders.h"
#include "base/rng.h"
#include "simulate/genealogy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHROMS = 22, SPACING_BP = 5000, HLA_CHROM = 6, HLA_START = 31200000, NAME = 32 };
#define SWITCHES_PER_CM (SG_RHO_PER_BP * 1e6) /* times 1 / founders; 1 cM per Mb */
#define MAF_MIN 0.0125                        /* among founders, so that hardly any falls below 0.01 among people */

/* Lengths of the autosomes of GRCh37 in Mb. */
static const int chrom_mb[CHROMS] = {249, 243, 198, 191, 181, 171, 159, 146, 141, 136, 135,
                                     134, 115, 107, 103, 90,  81,  78,  59,  63,  48,  51};

/* Loci per chromosome in proportion to length: the k-th locus stands at (k + 1/2) / n of the genome. */
static void place_loci(sg_population *p, int64_t per_locus)
{
    int64_t total = 0, before = 0;
    for (int c = 0; c < CHROMS; c++)
        total += chrom_mb[c];
    int c = 0;
    for (int64_t l = 0; l < p->n_locus; l++) {
        const double at = ((double)l + 0.5) / (double)p->n_locus * (double)total;
        while (c + 1 < CHROMS && at >= (double)(before + chrom_mb[c]))
            before += chrom_mb[c++];
        const int64_t first = l * per_locus, left = p->n_snp - first;
        p->locus[l] = (sg_locus){
            .chrom = c + 1, .first = first, .n = left < per_locus ? left : per_locus, .word = l, .n_word = 1};
    }
}

static int by_pos(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* n different places inside [start, start + span), ascending. */
static void place_snps(int64_t start, int64_t span, int n, sg_rng *r, int64_t *pos)
{
    bool again = true;
    for (int i = 0; i < n; i++)
        pos[i] = start + (int64_t)sg_rng_below(r, (uint64_t)span);
    while (again) {
        qsort(pos, (size_t)n, sizeof *pos, by_pos);
        again = false;
        for (int i = 1; i < n; i++)
            if (pos[i] == pos[i - 1]) {
                pos[i] = start + (int64_t)sg_rng_below(r, (uint64_t)span);
                again = true;
            }
    }
}

/* Two thirds of human SNPs are transitions (A-G, C-T). */
static void draw_alleles(sg_rng *r, sg_bim_row *row)
{
    static const char *const base[4] = {"A", "C", "G", "T"};
    static const int transition[4] = {2, 3, 0, 1};
    const int k = (int)sg_rng_below(r, 4);
    int other = transition[k];
    if (sg_rng_below(r, 3) == 2)
        do
            other = (int)sg_rng_below(r, 4);
        while (other == k || other == transition[k]);
    row->a1 = base[k];
    row->a2 = base[other];
}

typedef struct building {
    sg_population *p;
    int64_t *stretch_at, *stretch_bp; /* [n_locus] the part of the chromosome that a locus may lie in */
    char (*name)[NAME];               /* [n_snp] */
    int64_t hla;                      /* locus put where HLA is, -1 none */
} building;

static const char *const chrom_name[CHROMS] = {"1",  "2",  "3",  "4",  "5",  "6",  "7",  "8",  "9",  "10", "11",
                                               "12", "13", "14", "15", "16", "17", "18", "19", "20", "21", "22"};

/* Where locus l begins, and its span. */
static int64_t place_locus(const building *b, int64_t l, sg_rng *places, int64_t *span)
{
    const sg_locus *x = &b->p->locus[l];
    *span = x->n * SPACING_BP;
    if (*span > b->stretch_bp[l] * 9 / 10)
        *span = b->stretch_bp[l] * 9 / 10;
    if (*span < x->n * 4)
        *span = x->n * 4;
    const int64_t room = b->stretch_bp[l] - *span;
    const int64_t at = b->stretch_at[l] + (room > 0 ? (int64_t)sg_rng_below(places, (uint64_t)room) : 0) + 1;
    return l == b->hla && x->chrom == HLA_CHROM ? HLA_START : at;
}

static void build_locus(void *ctx, int64_t l, int worker)
{
    (void)worker;
    building *b = ctx;
    sg_population *p = b->p;
    sg_locus *x = &p->locus[l];
    uint64_t *haplotype = p->haplotype + x->word * p->n_founder;
    sg_rng places = sg_rng_stream(p->seed, SG_RNG_SIMULATE, SG_STREAM_LOCI + (uint64_t)l, 1),
           tree = sg_rng_stream(p->seed, SG_RNG_SIMULATE, SG_STREAM_LOCI + (uint64_t)l, 0);
    int64_t span, pos[SG_LOCUS_SNPS] = {0};
    double from_start[SG_LOCUS_SNPS] = {0};
    const int64_t start = place_locus(b, l, &places, &span);
    place_snps(start, span, (int)x->n, &places, pos);
    for (int64_t k = 0; k < x->n; k++) {
        sg_bim_row *row = &p->bim.row[x->first + k];
        from_start[k] = (double)(pos[k] - start);
        (void)snprintf(b->name[x->first + k], NAME, "sim%d_%lld", x->chrom, (long long)pos[k]);
        *row = (sg_bim_row){
            .chrom = chrom_name[x->chrom - 1], .id = b->name[x->first + k], .cm = (double)pos[k] * 1e-6, .pos = pos[k]};
        p->cm[x->first + k] = row->cm;
        draw_alleles(&places, row);
    }
    x->p_switch = -expm1(-p->rate * (p->cm[x->first + x->n - 1] - p->cm[x->first]));
    sg_genealogy_founders(from_start, (int)x->n, MAF_MIN, &tree, haplotype);
    for (int k = 0; k < x->n; k++) {
        int copies = 0;
        for (int f = 0; f < SG_FOUNDERS; f++)
            copies += (int)(haplotype[f] >> k & 1);
        p->freq[x->first + k] = (double)copies / SG_FOUNDERS;
    }
}

static int64_t find_hla(const building *b)
{
    for (int64_t l = 0; l < b->p->n_locus; l++)
        if (b->p->locus[l].chrom == HLA_CHROM && b->stretch_at[l] <= HLA_START &&
            HLA_START < b->stretch_at[l] + b->stretch_bp[l])
            return l;
    return 0;
}

static void lay_stretches(building *b)
{
    const sg_population *p = b->p;
    for (int64_t l = 0; l < p->n_locus;) {
        int64_t end = l;
        while (end < p->n_locus && p->locus[end].chrom == p->locus[l].chrom)
            end++;
        const int64_t bp = (int64_t)chrom_mb[p->locus[l].chrom - 1] * 1000000 / (end - l);
        for (int64_t i = l; i < end; i++) {
            b->stretch_at[i] = (i - l) * bp;
            b->stretch_bp[i] = bp;
        }
        l = end;
    }
}

sg_status sg_founders_build(const sg_simulate_options *o, const sg_run *run, sg_arena *a, sg_population *p, sg_err *err)
{
    const int64_t n = o->snps, loci = (n + o->locus_snps - 1) / o->locus_snps;
    p->n_snp = p->bim.n = n;
    p->n_locus = p->n_word = loci;
    p->n_founder = SG_FOUNDERS;
    p->rate = isnan(o->switches) ? SWITCHES_PER_CM / SG_FOUNDERS : o->switches;
    p->locus = SG_NEW(a, sg_locus, loci);
    p->bim.row = SG_NEW(a, sg_bim_row, n);
    p->cm = SG_NEW(a, double, n);
    p->freq = SG_NEW(a, double, n);
    p->haplotype = SG_NEW(a, uint64_t, loci * SG_FOUNDERS);
    building b = {p, SG_NEW(a, int64_t, loci), SG_NEW(a, int64_t, loci), sg_arena_alloc(a, n, NAME), -1};
    if (!p->locus || !p->bim.row || !p->cm || !p->freq || !p->haplotype || !b.stretch_at || !b.stretch_bp || !b.name)
        return sg_arena_full(a, "the population", err);
    place_loci(p, o->locus_snps);
    lay_stretches(&b);
    if (o->hla_share > 0)
        b.hla = find_hla(&b);
    sg_report(run, "founder genealogies", 0, loci);
    sg_pool_for(run ? run->pool : NULL, loci, build_locus, &b);
    sg_report(run, "founder genealogies", loci, loci);
    return sg_cancelled(run) ? sg_fail(err, SG_CANCELLED, "stopped after the founder genealogies") : SG_OK;
}

/* Polya's urn (Blackwell and MacQueen 1973): founders in proportions that are Dirichlet with concentration
 * theta = (1 - F) / F, so that every allele's frequency is Beta(p theta, (1 - p) theta) as in the model of Balding and
 * Nichols (1995), and linked alleles drift together. */
sg_status sg_founders_drift(sg_population *p, int n_ancestry, double fst, sg_arena *a, sg_err *err)
{
    p->n_ancestry = n_ancestry;
    if (n_ancestry == 1)
        return SG_OK;
    p->urn = SG_NEW(a, uint16_t, p->n_locus * n_ancestry * SG_URN);
    if (!p->urn)
        return sg_arena_full(a, "the ancestries", err);
    const double theta = fst > 0 ? (1 - fst) / fst : INFINITY;
    for (int64_t l = 0; l < p->n_locus; l++)
        for (int k = 0; k < n_ancestry; k++) {
            uint16_t *urn = p->urn + (l * n_ancestry + k) * SG_URN;
            sg_rng r = sg_rng_stream(p->seed, SG_RNG_SIMULATE, SG_STREAM_LOCI + (uint64_t)l, 3 + (uint32_t)k);
            for (int i = 0; i < SG_URN; i++)
                urn[i] = i && sg_rng_uniform(&r) * (theta + i) >= theta
                             ? urn[sg_rng_below(&r, (uint64_t)i)]
                             : (uint16_t)sg_rng_below(&r, (uint64_t)p->n_founder);
        }
    return SG_OK;
}
