/* cohort.c - see cohort.h. At one locus a haplotype is one 64-bit word, so two of them add up to genotypes in two
 * operations: the low bit plane is their exclusive or, the high one their and. */
#include "simulate/cohort.h"
#include "base/rng.h"
#include "simulate/genealogy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHROMS = 22, SPACING_BP = 5000, PILOT = 40000, CHUNK = 8192 };
#define LOOKED_MAX 50000000
#define SWITCH_PER_BP (SG_RHO_PER_BP / SG_FOUNDERS)
#define MAF_MIN 0.0125 /* among founders, so that hardly any falls below 0.01 among people */

/* Random streams: people of group g are (g << 50) + number, with step 0 for the person and 1 + l for locus l; loci are
 * (7 << 50) + l; step 0 genealogy, 1 positions and alleles. */
#define GROUP_SHIFT 50
#define LOCI ((uint64_t)7 << GROUP_SHIFT)

/* Lengths of the autosomes of GRCh37 in Mb. */
static const int chrom_mb[CHROMS] = {249, 243, 198, 191, 181, 171, 159, 146, 141, 136, 135,
                                     134, 115, 107, 103, 90,  81,  78,  59,  63,  48,  51};
enum { HLA_CHROM = 6, HLA_START = 31200000 };

/* ---- the population ---- */

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
        p->locus[l] = (sg_locus){.chrom = c + 1, .first = first, .n = (int)(left < per_locus ? left : per_locus)};
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
static void draw_alleles(sg_rng *r, char out[2])
{
    static const char transition[4] = {'G', 'T', 'A', 'C'}, base[4] = {'A', 'C', 'G', 'T'};
    const int k = (int)sg_rng_below(r, 4);
    out[0] = base[k];
    if (sg_rng_below(r, 3) < 2) {
        out[1] = transition[k];
        return;
    }
    do
        out[1] = base[sg_rng_below(r, 4)];
    while (out[1] == out[0] || out[1] == transition[k]);
}

typedef struct building {
    sg_population *p;
    const sg_simulate_options *o;
    int64_t *stretch_at, *stretch_bp; /* [n_locus] the part of the chromosome that a locus may lie in */
    int64_t hla;                      /* locus put where HLA is, -1 none */
} building;

static void build_locus(void *ctx, int64_t l, int worker)
{
    (void)worker;
    building *b = ctx;
    sg_population *p = b->p;
    sg_locus *x = &p->locus[l];
    sg_rng places = sg_rng_stream(p->seed, SG_RNG_SIMULATE, LOCI + (uint64_t)l, 1),
           tree = sg_rng_stream(p->seed, SG_RNG_SIMULATE, LOCI + (uint64_t)l, 0);
    int64_t span = (int64_t)x->n * SPACING_BP;
    if (span > b->stretch_bp[l] * 9 / 10)
        span = b->stretch_bp[l] * 9 / 10;
    if (span < x->n * 4)
        span = x->n * 4;
    const int64_t room = b->stretch_bp[l] - span;
    int64_t start = b->stretch_at[l] + (room > 0 ? (int64_t)sg_rng_below(&places, (uint64_t)room) : 0) + 1;
    if (l == b->hla && x->chrom == HLA_CHROM)
        start = HLA_START;
    place_snps(start, span, x->n, &places, p->pos + x->first);
    double from_start[SG_LOCUS_SNPS] = {0};
    for (int k = 0; k < x->n; k++) {
        from_start[k] = (double)(p->pos[x->first + k] - start);
        p->chrom[x->first + k] = x->chrom;
        draw_alleles(&places, p->allele[x->first + k]);
    }
    x->p_switch = -expm1(-SWITCH_PER_BP * (from_start[x->n - 1] - from_start[0]));
    sg_genealogy_founders(from_start, x->n, MAF_MIN, &tree, x->haplotype);
    for (int k = 0; k < x->n; k++) {
        int copies = 0;
        for (int f = 0; f < SG_FOUNDERS; f++)
            copies += (int)(x->haplotype[f] >> k & 1);
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

/* ---- effects ---- */

/* A SNP's own share of variance. */
static double variance(const sg_population *p, int64_t v)
{
    return 2 * p->freq[v] * (1 - p->freq[v]) * p->effect[v] * p->effect[v];
}

/* n_causal different SNPs, loci in turn so that they spread; rarer alleles have somewhat larger effects, as selection
 * has it. The HLA locus holds up to 3, and hla_share of the heritability. */
static sg_status draw_effects(building *b, sg_arena *a, sg_err *err)
{
    sg_population *p = b->p;
    const size_t mark = sg_arena_mark(a);
    int64_t *snp = SG_NEW_RAW(a, int64_t, p->n_snp);
    if (!snp)
        return sg_arena_full(a, "effects", err);
    sg_rng r = sg_rng_stream(p->seed, SG_RNG_SIMULATE, LOCI, 2);
    for (int64_t v = 0; v < p->n_snp; v++)
        snp[v] = v;
    sg_rng_shuffle(&r, snp, p->n_snp);
    const sg_locus *hla = b->hla >= 0 ? &p->locus[b->hla] : NULL;
    double inside = 0, outside = 0;
    int64_t n_inside = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int64_t i = 0; i < p->n_snp && p->n_causal < b->o->causal; i++) {
            const int64_t v = snp[i];
            const bool in = hla && v >= hla->first && v < hla->first + hla->n;
            if (p->effect[v] != 0 || in != (pass == 0) || (in && n_inside == 3))
                continue;
            p->effect[v] = (double)sg_rng_normal(&r) * pow(2 * p->freq[v] * (1 - p->freq[v]), -0.25);
            if (p->effect[v] == 0)
                p->effect[v] = 0.1;
            n_inside += in;
            *(in ? &inside : &outside) += variance(p, v);
            p->n_causal++;
        }
    const double share = inside > 0 ? (outside > 0 ? b->o->hla_share : 1) : 0;
    for (int64_t v = 0; v < p->n_snp; v++) {
        const bool in = hla && v >= hla->first && v < hla->first + hla->n;
        if (p->effect[v] != 0)
            p->effect[v] *= sqrt(b->o->h2 * (in ? share / inside : (1 - share) / outside));
    }
    sg_arena_rewind(a, mark);
    return SG_OK;
}

static double value_of(const sg_population *p, const sg_locus *x, uint64_t haplotype)
{
    double g = 0;
    for (uint64_t m = haplotype & x->causal; m; m &= m - 1)
        g += p->effect[x->first + __builtin_ctzll(m)];
    return g;
}

/* Sets causal masks and scales the whole so that the variance is h2, counting linkage inside a locus. */
static void scale_effects(sg_population *p, double h2)
{
    double total = 0;
    p->mean = 0;
    for (int64_t l = 0; l < p->n_locus; l++) {
        sg_locus *x = &p->locus[l];
        double sum = 0, squares = 0;
        x->causal = 0;
        for (int k = 0; k < x->n; k++)
            x->causal |= (uint64_t)(p->effect[x->first + k] != 0) << k;
        for (int f = 0; x->causal && f < SG_FOUNDERS; f++) {
            const double g = value_of(p, x, x->haplotype[f]);
            sum += g;
            squares += g * g;
        }
        const double mean = sum / SG_FOUNDERS;
        total += 2 * (squares / SG_FOUNDERS - mean * mean);
        p->mean += 2 * mean;
    }
    const double scale = total > 0 ? sqrt(h2 / total) : 0;
    for (int64_t v = 0; v < p->n_snp; v++)
        p->effect[v] *= scale;
    p->mean *= scale;
    p->noise_sd = sqrt(1 - h2);
}

/* ---- people ---- */

static uint64_t person_of(sg_group group, uint64_t number)
{
    return ((uint64_t)group << GROUP_SHIFT) + number;
}

/* One haplotype at one locus: a founder, now and then another one further on (Li and Stephens 2003). The distance to
 * the next change is exponential; most often it lies past the locus, which one comparison tells. */
static uint64_t draw_haplotype(const sg_population *p, const sg_locus *x, sg_rng *r)
{
    uint64_t h = x->haplotype[sg_rng_below(r, SG_FOUNDERS)];
    double u = sg_rng_uniform(r);
    if (u >= x->p_switch)
        return h;
    const int64_t *pos = p->pos + x->first;
    double next = (double)pos[0] - log1p(-u) / SWITCH_PER_BP;
    for (int k = 1; k < x->n; k++) {
        if ((double)pos[k] < next)
            continue;
        const uint64_t rest = ~(uint64_t)0 << k;
        h = (h & ~rest) | (x->haplotype[sg_rng_below(r, SG_FOUNDERS)] & rest);
        u = sg_rng_uniform(r);
        next = (double)pos[k] - log1p(-u) / SWITCH_PER_BP;
    }
    return h;
}

static void draw_locus(const sg_population *p, uint64_t person, int64_t l, uint64_t h[2])
{
    sg_rng r = sg_rng_stream(p->seed, SG_RNG_SIMULATE, person, 1 + (uint32_t)l);
    h[0] = draw_haplotype(p, &p->locus[l], &r);
    h[1] = draw_haplotype(p, &p->locus[l], &r);
}

static double liability(const sg_population *p, uint64_t person, int8_t *sex)
{
    sg_rng r = sg_rng_stream(p->seed, SG_RNG_SIMULATE, person, 0);
    *sex = (int8_t)(p->women_only ? 2 : 1 + (int)sg_rng_below(&r, 2));
    double g = -p->mean + p->noise_sd * (double)sg_rng_normal(&r);
    for (int64_t l = 0; l < p->n_locus; l++) {
        if (!p->locus[l].causal)
            continue;
        uint64_t h[2];
        draw_locus(p, person, l, h);
        g += value_of(p, &p->locus[l], h[0]) + value_of(p, &p->locus[l], h[1]);
    }
    return g;
}

typedef struct looking {
    const sg_population *p;
    sg_group group;
    uint64_t first;
    double *liability; /* [CHUNK or PILOT] */
    int8_t *sex;
} looking;

static void look(void *ctx, int64_t i, int worker)
{
    (void)worker;
    looking *k = ctx;
    k->liability[i] = liability(k->p, person_of(k->group, k->first + (uint64_t)i), &k->sex[i]);
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static sg_status find_threshold(sg_population *p, double prevalence, const sg_run *run, sg_arena *a, sg_err *err)
{
    const size_t mark = sg_arena_mark(a);
    looking k = {p, SG_GROUP_PILOT, 0, SG_NEW(a, double, PILOT), SG_NEW(a, int8_t, PILOT)};
    if (!k.liability || !k.sex)
        return sg_arena_full(a, "the pilot sample", err);
    sg_pool_for(run ? run->pool : NULL, PILOT, look, &k);
    qsort(k.liability, PILOT, sizeof *k.liability, by_size);
    const double at = (1 - prevalence) * PILOT;
    int64_t i = (int64_t)at;
    if (i > PILOT - 2)
        i = PILOT - 2;
    p->threshold = 0.5 * (k.liability[i] + k.liability[i + 1]);
    sg_arena_rewind(a, mark);
    return SG_OK;
}

sg_status sg_population_draw(const sg_population *p, sg_group group, int64_t n_case, int64_t n_control,
                             const sg_run *run, sg_arena *a, sg_drawn *out, sg_err *err)
{
    const int64_t n = n_case + n_control;
    *out = (sg_drawn){.number = SG_NEW(a, uint64_t, n), .label = SG_NEW(a, int8_t, n), .sex = SG_NEW(a, int8_t, n)};
    const size_t mark = sg_arena_mark(a);
    looking k = {p, group, 0, SG_NEW(a, double, CHUNK), SG_NEW(a, int8_t, CHUNK)};
    if (!out->number || !out->label || !out->sex || !k.liability || !k.sex)
        return sg_arena_full(a, "people", err);
    int64_t want[2] = {n_control, n_case};
    while (want[0] || want[1]) {
        if (k.first >= LOOKED_MAX)
            return sg_fail(err, SG_LIMIT, "%lld people were looked at and %lld cases are still missing: ask for fewer",
                           (long long)k.first, (long long)want[1]);
        if (sg_cancelled(run))
            return sg_fail(err, SG_CANCELLED, "stopped while people were drawn");
        sg_pool_for(run ? run->pool : NULL, CHUNK, look, &k);
        for (int64_t i = 0; i < CHUNK && (want[0] || want[1]); i++) {
            const int label = k.liability[i] > p->threshold;
            out->n_looked++;
            if (!want[label])
                continue;
            want[label]--;
            out->number[out->n] = k.first + (uint64_t)i;
            out->sex[out->n] = k.sex[i];
            out->label[out->n++] = (int8_t)label;
        }
        k.first += CHUNK;
        sg_report(run, group == SG_GROUP_COHORT ? "drawing people" : "drawing discovery people", out->n, n);
    }
    sg_arena_rewind(a, mark);
    return SG_OK;
}

typedef struct typing {
    const sg_population *p;
    sg_group group;
    const sg_drawn *d;
    double missing;
    sg_people *people;
} typing;

/* ORs n bits into a plane at bit position `at`. */
static void put_bits(uint64_t *plane, int64_t at, uint64_t bits, int n)
{
    plane[at / 64] |= bits << (at % 64);
    if (at % 64 + n > 64)
        plane[at / 64 + 1] |= bits >> (64 - at % 64);
}

static void type_person(void *ctx, int64_t s, int worker)
{
    (void)worker;
    const typing *t = ctx;
    const uint64_t person = person_of(t->group, t->d->number[s]);
    uint64_t *lo = t->people->plane + 2 * s * t->people->n_word, *hi = lo + t->people->n_word;
    memset(lo, 0, (size_t)t->people->n_word * 16);
    for (int64_t l = 0; l < t->p->n_locus; l++) {
        const sg_locus *x = &t->p->locus[l];
        uint64_t h[2];
        draw_locus(t->p, person, l, h);
        put_bits(lo, x->first, h[0] ^ h[1], x->n);
        put_bits(hi, x->first, h[0] & h[1], x->n);
    }
    if (t->missing <= 0)
        return;
    sg_rng r = sg_rng_stream(t->p->seed, SG_RNG_SIMULATE, person, UINT32_MAX);
    for (int64_t v = 0; v < t->p->n_snp; v++)
        if (sg_rng_uniform(&r) < t->missing) {
            lo[v / 64] |= (uint64_t)1 << (v % 64);
            hi[v / 64] |= (uint64_t)1 << (v % 64);
        }
}

void sg_population_genotypes(const sg_population *p, sg_group group, const sg_drawn *d, double missing,
                             const sg_run *run, sg_people *people)
{
    typing t = {p, group, d, missing, people};
    sg_pool_for(run ? run->pool : NULL, d->n, type_person, &t);
}

sg_status sg_population_new(const sg_simulate_options *o, const sg_run *run, sg_arena *a, sg_population *p, sg_err *err)
{
    const int64_t n = o->snps, loci = (n + o->locus_snps - 1) / o->locus_snps;
    *p = (sg_population){.n_snp = n,
                         .n_locus = loci,
                         .locus = SG_NEW(a, sg_locus, loci),
                         .chrom = SG_NEW(a, int, n),
                         .pos = SG_NEW(a, int64_t, n),
                         .allele = sg_arena_alloc(a, n, sizeof *p->allele),
                         .freq = SG_NEW(a, double, n),
                         .effect = SG_NEW(a, double, n),
                         .seed = o->seed,
                         .women_only = o->women_only};
    uint64_t *words = SG_NEW(a, uint64_t, loci * SG_FOUNDERS);
    building b = {p, o, SG_NEW(a, int64_t, loci), SG_NEW(a, int64_t, loci), -1};
    if (!p->locus || !p->chrom || !p->pos || !p->allele || !p->freq || !p->effect || !words || !b.stretch_at ||
        !b.stretch_bp)
        return sg_arena_full(a, "the population", err);
    place_loci(p, o->locus_snps);
    for (int64_t l = 0; l < loci; l++)
        p->locus[l].haplotype = words + l * SG_FOUNDERS;
    lay_stretches(&b);
    if (o->hla_share > 0)
        b.hla = find_hla(&b);
    sg_report(run, "founder genealogies", 0, loci);
    sg_pool_for(run ? run->pool : NULL, loci, build_locus, &b);
    sg_report(run, "founder genealogies", loci, loci);
    if (sg_cancelled(run))
        return sg_fail(err, SG_CANCELLED, "stopped after the founder genealogies");
    SG_TRY(draw_effects(&b, a, err));
    scale_effects(p, o->h2);
    return find_threshold(p, o->prevalence, run, a, err);
}
