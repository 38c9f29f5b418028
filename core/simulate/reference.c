/* reference.c - founders from files: haplotypes as they are phased there, or phased by resampling; see founders.h.
 *
 * A locus is a chromosome. SNPs keep their names, alleles, positions and centimorgans; where a chromosome's centimorgans
 * are all zero or fall, 1 cM per Mb is taken instead. */
#include "base/log.h"
#include "base/rng.h"
#include "filesets/source.h"
#include "formats/chrom.h"
#include "simulate/founders.h"
#include "simulate/genealogy.h"

#include <math.h>
#include <string.h>

typedef struct keeping {
    sg_phase x;
    int64_t *row_of; /* [n_snp] which row of the table a kept SNP is */
    double maf;
    uint64_t seed;
    bool phased;
    sg_simulate_report *rep;
} keeping;

static bool is_vcf(const char *name)
{
    const size_t n = strlen(name);
    static const char *const ending[] = {".vcf", ".vcf.gz", ".bcf"};
    for (int i = 0; i < 3; i++)
        if (n > strlen(ending[i]) && !strcmp(name + n - strlen(ending[i]), ending[i]))
            return true;
    return false;
}

/* Missing calls are drawn from the frequency among the others, each haplotype on its own. */
static void fill_missing(const keeping *k, int64_t v, uint64_t *row, const uint64_t *missing, double freq)
{
    sg_rng r = sg_rng_stream(k->seed, SG_RNG_SIMULATE, SG_STREAM_PHASE + (uint64_t)v, UINT32_MAX);
    for (int64_t i = 0; i < k->x.n_people; i++)
        if (missing[i / 64] >> (i % 64) & 1)
            for (int h = 0; h < 2; h++)
                row[i / 32] |= (uint64_t)(sg_rng_uniform(&r) < freq) << (2 * (i % 32) + h);
}

static sg_status keep_snp(void *ctx, int64_t v, const uint64_t *bits, const uint64_t *missing, bool phased, sg_err *err)
{
    (void)err;
    keeping *k = ctx;
    int64_t copies = 0, absent = 0;
    for (int64_t i = 0; i < k->x.n_word; i++)
        copies += __builtin_popcountll(bits[i]);
    for (int64_t i = 0; i < (k->x.n_people + 63) / 64; i++)
        absent += __builtin_popcountll(missing[i]);
    const double called = 2.0 * (double)(k->x.n_people - absent), freq = called > 0 ? (double)copies / called : 0,
                 minor = freq < 0.5 ? freq : 1 - freq;
    if (!(minor >= k->maf) || minor == 0) {
        k->rep->n_rare++;
        return SG_OK;
    }
    uint64_t *row = k->x.row + k->x.n_snp * k->x.n_word;
    memcpy(row, bits, (size_t)k->x.n_word * sizeof *row);
    if (absent)
        fill_missing(k, k->x.n_snp, row, missing, freq);
    k->rep->n_filled += absent;
    k->phased &= phased;
    k->row_of[k->x.n_snp++] = v;
    return SG_OK;
}

/* Autosomal rows, in genome order or refused. */
static sg_status choose_rows(const sg_source *s, int64_t *want, int64_t *n_want, sg_simulate_report *rep, sg_err *err)
{
    int64_t last = -1;
    *n_want = 0;
    for (int64_t v = 0; v < s->bim.n; v++) {
        const sg_bim_row *x = &s->bim.row[v];
        const int rank = sg_chrom_rank(x->chrom);
        if (rank < 1 || rank > SG_CHROM_AUTOSOMES || !strcmp(x->a1, ".") || !strcmp(x->a1, "0")) {
            rep->n_other_chrom++;
            continue;
        }
        if (last >= 0) {
            const sg_bim_row *y = &s->bim.row[last];
            const int before = sg_chrom_rank(y->chrom);
            if (rank < before || (rank == before && x->pos < y->pos)) {
                char place[SG_SOURCE_PLACE];
                return sg_fail(err, SG_FORMAT,
                               "%s: position %lld stands behind a later one; founders must be in genome order (plink2 "
                               "--sort-vars --make-pgen, then --make-bed)",
                               sg_source_place(s, v, place), (long long)x->pos);
            }
        }
        last = v;
        want[(*n_want)++] = v;
    }
    return *n_want ? SG_OK : sg_fail(err, SG_DEGENERATE, "the reference has no variant on chromosomes 1 to 22");
}

/* snps of the kept ones, at random but in order; 0: all. */
static void thin(keeping *k, int64_t snps)
{
    if (snps == 0 || snps >= k->x.n_snp)
        return;
    sg_rng r = sg_rng_stream(k->seed, SG_RNG_SIMULATE, SG_STREAM_LOCI, 1);
    int64_t n = 0;
    for (int64_t v = 0; v < k->x.n_snp && n < snps; v++) { /* Vitter's selection sampling */
        if (sg_rng_uniform(&r) * (double)(k->x.n_snp - v) >= (double)(snps - n))
            continue;
        memmove(k->x.row + n * k->x.n_word, k->x.row + v * k->x.n_word, (size_t)k->x.n_word * sizeof *k->x.row);
        k->row_of[n++] = k->row_of[v];
    }
    k->x.n_snp = n;
}

static bool centimorgans_rise(const sg_bim_row *row, const int64_t *row_of, int64_t n)
{
    for (int64_t i = 1; i < n; i++)
        if (row[row_of[i]].cm < row[row_of[i - 1]].cm)
            return false;
    return n > 0 && row[row_of[n - 1]].cm > 0;
}

/* Chromosomes as loci, and the kept rows of the table. */
static sg_status lay_loci(const sg_source *s, const keeping *k, sg_arena *a, sg_population *p, sg_err *err)
{
    p->n_snp = p->bim.n = k->x.n_snp;
    p->locus = SG_NEW(a, sg_locus, SG_CHROM_AUTOSOMES);
    p->bim.row = SG_NEW(a, sg_bim_row, p->n_snp);
    p->cm = SG_NEW(a, double, p->n_snp);
    p->freq = SG_NEW(a, double, p->n_snp);
    if (!p->locus || !p->bim.row || !p->cm || !p->freq)
        return sg_arena_full(a, "the founders", err);
    for (int64_t v = 0; v < p->n_snp;) {
        int64_t end = v;
        const int chrom = sg_chrom_rank(s->bim.row[k->row_of[v]].chrom);
        while (end < p->n_snp && sg_chrom_rank(s->bim.row[k->row_of[end]].chrom) == chrom)
            end++;
        const bool have = centimorgans_rise(s->bim.row, k->row_of + v, end - v);
        if (!have)
            sg_log(SG_LOG_WARN, "chromosome %d: no rising centimorgans, 1 per Mb is taken", chrom);
        sg_locus *x = &p->locus[p->n_locus++];
        *x = (sg_locus){.chrom = chrom, .first = v, .n = end - v, .word = p->n_word, .n_word = (end - v + 63) / 64};
        p->n_word += x->n_word;
        for (; v < end; v++) {
            p->bim.row[v] = s->bim.row[k->row_of[v]];
            p->cm[v] = have ? p->bim.row[v].cm : (double)p->bim.row[v].pos * 1e-6;
            if (!have) {
                p->bim.row[v].cm = p->cm[v];
                p->bim.row[v].cm_text = NULL;
            }
        }
        x->p_switch = -expm1(-p->rate * (p->cm[end - 1] - p->cm[x->first]));
    }
    return SG_OK;
}

/* Variant-major rows to words of founders; frequencies. */
static sg_status turn(const keeping *k, sg_arena *a, sg_population *p, sg_err *err)
{
    int64_t cells;
    p->haplotype = __builtin_mul_overflow(p->n_word, p->n_founder, &cells) ? NULL : SG_NEW(a, uint64_t, cells);
    if (!p->haplotype)
        return sg_arena_full(a, "the founders", err);
    for (int64_t l = 0; l < p->n_locus; l++)
        for (int64_t i = 0; i < p->locus[l].n; i++) {
            const int64_t v = p->locus[l].first + i;
            const uint64_t *row = k->x.row + v * k->x.n_word;
            uint64_t *word = p->haplotype + (p->locus[l].word + i / 64) * p->n_founder;
            int64_t copies = 0;
            for (int64_t f = 0; f < p->n_founder; f++) {
                const uint64_t bit = row[f / 64] >> (f % 64) & 1;
                word[f] |= bit << (i % 64);
                copies += (int64_t)bit;
            }
            p->freq[v] = (double)copies / (double)p->n_founder;
        }
    return SG_OK;
}

static sg_status phase(const sg_population *p, keeping *k, const sg_run *run, sg_arena *a, sg_err *err)
{
    int64_t first[SG_CHROM_AUTOSOMES + 1];
    for (int64_t l = 0; l < p->n_locus; l++)
        first[l] = p->locus[l].first;
    first[p->n_locus] = p->n_snp;
    return sg_phase_resample(&k->x, first, p->n_locus, p->seed, run, a, err);
}

static sg_status read_rows(const sg_simulate_options *o, const sg_source *s, const sg_run *run, sg_arena *a, keeping *k,
                           sg_err *err)
{
    int64_t n_want, cells;
    int64_t *want = SG_NEW_RAW(a, int64_t, s->bim.n);
    k->row_of = SG_NEW_RAW(a, int64_t, s->bim.n);
    k->x = (sg_phase){.n_people = s->fam.n, .n_word = SG_ROW_WORDS(s->fam.n)};
    if (!want || !k->row_of)
        return sg_arena_full(a, "the reference", err);
    SG_TRY(choose_rows(s, want, &n_want, k->rep, err));
    k->x.row = __builtin_mul_overflow(n_want, k->x.n_word, &cells) ? NULL : SG_NEW_RAW(a, uint64_t, cells);
    if (!k->x.row)
        return sg_arena_full(a, "the reference's genotypes", err);
    SG_TRY(sg_source_haplotypes(s, want, n_want, "reading the reference", run, a, keep_snp, k, err));
    if (k->x.n_snp == 0)
        return sg_fail(err, SG_DEGENERATE, "%s: none of %lld variants reaches a frequency of %g", o->from,
                       (long long)n_want, o->maf);
    thin(k, o->snps);
    return SG_OK;
}

sg_status sg_founders_read(const sg_simulate_options *o, const sg_run *run, sg_arena *a, sg_population *p,
                           sg_simulate_report *rep, sg_err *err)
{
    sg_source s;
    if (is_vcf(o->from))
        SG_TRY(sg_source_open_vcf(o->from, run, a, &s, err));
    else
        SG_TRY(sg_source_open(o->from, run, a, &s, err));
    if (s.fam.n < 2)
        return sg_fail(err, SG_DEGENERATE, "%s has %lld people, want 2 or more as founders", o->from,
                       (long long)s.fam.n);
    keeping k = {.maf = o->maf, .seed = p->seed, .phased = true, .rep = rep};
    SG_TRY(read_rows(o, &s, run, a, &k, err));
    p->n_founder = rep->n_founder = 2 * s.fam.n;
    p->rate = isnan(o->switches) ? SG_RHO_PER_BP * 1e6 / (double)p->n_founder : o->switches;
    SG_TRY(lay_loci(&s, &k, a, p, err));
    rep->phased = k.phased;
    if (!k.phased)
        SG_TRY(phase(p, &k, run, a, err));
    return turn(&k, a, p, err);
}
