/* effects.c - see effects.h. */
#include "simulate/effects.h"
#include "base/rng.h"
#include "formats/chrom.h"
#include "formats/index.h"
#include "formats/sumstats.h"
#include "panel/align.h"
#include "simulate/founders.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { HLA_SNPS = 3 };

static double spread(const sg_population *p, int64_t v)
{
    return 2 * p->freq[v] * (1 - p->freq[v]);
}

/* A SNP's own share of variance. */
static double variance(const sg_population *p, int64_t v)
{
    return spread(p, v) * p->effect[v] * p->effect[v];
}

static bool in_hla(const sg_population *p, int64_t v)
{
    return sg_in_hla(sg_chrom_rank(p->bim.row[v].chrom), p->bim.row[v].pos);
}

/* ---- drawn ---- */

static double draw_effect(const sg_simulate_options *o, double spread_of, sg_rng *r)
{
    double x = 1;
    if (o->shape == SG_EFFECT_normal)
        x = (double)sg_rng_normal(r);
    else if (o->shape == SG_EFFECT_exponential)
        x = -log1p(-sg_rng_uniform(r));
    if (o->shape != SG_EFFECT_normal && sg_rng_below(r, 2))
        x = -x;
    x *= pow(spread_of, o->selection);
    return x != 0 ? x : 0.1;
}

/* SNPs in random order, those at HLA first and at most HLA_SNPS of them when they are to have a share of their own. */
static sg_status draw_effects(sg_population *p, const sg_simulate_options *o, sg_arena *a, sg_err *err)
{
    const size_t mark = sg_arena_mark(a);
    int64_t *snp = SG_NEW_RAW(a, int64_t, p->n_snp);
    if (!snp)
        return sg_arena_full(a, "effects", err);
    sg_rng r = sg_rng_stream(p->seed, SG_RNG_SIMULATE, SG_STREAM_LOCI, 2);
    for (int64_t v = 0; v < p->n_snp; v++)
        snp[v] = v;
    sg_rng_shuffle(&r, snp, p->n_snp);
    double inside = 0, outside = 0;
    int64_t n_inside = 0;
    for (int pass = o->hla_share > 0 ? 0 : 1; pass < 2; pass++)
        for (int64_t i = 0; i < p->n_snp && p->n_causal < o->causal; i++) {
            const int64_t v = snp[i];
            const bool in = o->hla_share > 0 && in_hla(p, v);
            if (in != (pass == 0) || (in && n_inside == HLA_SNPS) || spread(p, v) <= 0)
                continue;
            p->effect[v] = draw_effect(o, spread(p, v), &r);
            n_inside += in;
            *(in ? &inside : &outside) += variance(p, v);
            p->n_causal++;
        }
    sg_arena_rewind(a, mark);
    if (p->n_causal == 0)
        return sg_fail(err, SG_DEGENERATE, "no SNP varies among the founders, so none can have an effect");
    const double share = inside > 0 ? (outside > 0 ? o->hla_share : 1) : 0;
    for (int64_t v = 0; v < p->n_snp; v++)
        if (p->effect[v] != 0)
            p->effect[v] *= o->hla_share > 0 && in_hla(p, v) ? sqrt(share / inside) : sqrt((1 - share) / outside);
    return SG_OK;
}

/* ---- read ---- */

typedef struct reading {
    sg_population *p;
    sg_simulate_report *rep;
    sg_index by_id, by_place;
} reading;

enum { PLACE = 32 };

static void place_text(const char *chrom, int64_t pos, char out[PLACE])
{
    char name[SG_CHROM_NAME];
    sg_chrom_canonical(chrom, name);
    (void)snprintf(out, PLACE, "%.8s:%lld", name, (long long)pos);
}

static sg_status index_snps(reading *k, sg_arena *a, sg_err *err)
{
    const sg_population *p = k->p;
    char(*text)[PLACE] = sg_arena_alloc_raw(a, p->n_snp, PLACE);
    if (!text)
        return sg_arena_full(a, "an index of SNPs", err);
    SG_TRY(sg_index_new(p->n_snp, a, &k->by_id, err));
    SG_TRY(sg_index_new(p->n_snp, a, &k->by_place, err));
    for (int64_t v = 0; v < p->n_snp; v++) {
        const sg_bim_row *row = &p->bim.row[v];
        place_text(row->chrom, row->pos, text[v]);
        (void)sg_index_add(&k->by_id, row->id, "", v);
        (void)sg_index_add(&k->by_place, text[v], "", v);
    }
    return SG_OK;
}

static sg_status take_effect(void *ctx, const sg_sum_row *row, sg_err *err)
{
    (void)err;
    reading *k = ctx;
    int64_t v = *row->id ? sg_index_find(&k->by_id, row->id, "") : -1;
    if (v < 0 && row->pos) {
        char text[PLACE];
        place_text(row->chrom, row->pos, text);
        v = sg_index_find(&k->by_place, text, "");
    }
    if (v < 0) {
        k->rep->n_effects_absent++;
        return SG_OK;
    }
    const sg_bim_row *snp = &k->p->bim.row[v];
    const sg_align how = sg_align_alleles(snp->a1, snp->a2, row->a1, row->a2);
    if (how == SG_ALIGN_NONE) {
        k->rep->n_effects_other++;
        return SG_OK;
    }
    /* A palindrome is taken as it is written: effects and reference are taken to be on one strand. */
    const bool turned = sg_align_turned(how) || how == SG_ALIGN_PALINDROME_SWAPPED;
    if (row->beta != 0 && k->p->effect[v] == 0 && spread(k->p, v) > 0) {
        k->p->effect[v] = turned ? -row->beta : row->beta;
        k->p->n_causal++;
        k->rep->n_effects++;
    }
    return SG_OK;
}

static sg_status read_effects(sg_population *p, const sg_simulate_options *o, sg_arena *a, sg_simulate_report *rep,
                              sg_err *err)
{
    const size_t mark = sg_arena_mark(a);
    reading k = {.p = p, .rep = rep};
    sg_sum_report sums;
    SG_TRY(index_snps(&k, a, err));
    SG_TRY(sg_weights_read(o->effects, NULL, take_effect, &k, &sums, err));
    sg_arena_rewind(a, mark);
    if (rep->n_effects == 0)
        return sg_fail(err, SG_MISMATCH,
                       "%s: none of %lld effects is for one of the %lld SNPs (%lld not there, %lld with other alleles)",
                       o->effects, (long long)sums.n_row, (long long)p->n_snp, (long long)rep->n_effects_absent,
                       (long long)rep->n_effects_other);
    return SG_OK;
}

/* ---- values ---- */

static double value_of(const sg_population *p, int64_t first, uint64_t bits)
{
    double g = 0;
    for (uint64_t m = bits; m; m &= m - 1)
        g += p->effect[first + __builtin_ctzll(m)];
    return g;
}

static void mark_causal(sg_population *p)
{
    int64_t n_row = 0;
    for (int64_t l = 0; l < p->n_locus; l++) {
        sg_locus *x = &p->locus[l];
        for (int64_t w = 0; w < x->n_word; w++) {
            uint64_t bits = 0;
            for (int64_t k = 0; k < 64 && 64 * w + k < x->n; k++)
                bits |= (uint64_t)(p->effect[x->first + 64 * w + k] != 0) << k;
            p->causal[x->word + w] = bits;
            p->value_at[x->word + w] = bits ? n_row++ : -1;
            if (bits)
                x->n_causal = w + 1;
        }
    }
}

static void fill_values(sg_population *p)
{
    for (int64_t l = 0; l < p->n_locus; l++)
        for (int64_t w = 0; w < p->locus[l].n_causal; w++) {
            const int64_t word = p->locus[l].word + w, at = p->value_at[word];
            for (int64_t f = 0; at >= 0 && f < p->n_founder; f++)
                p->value[at * p->n_founder + f] =
                    value_of(p, p->locus[l].first + 64 * w, p->haplotype[word * p->n_founder + f] & p->causal[word]);
        }
}

/* Variance of a person's genetic value, counting linkage inside a locus; mean likewise. */
static double founders_variance(const sg_population *p, double *mean)
{
    double total = 0;
    const double n = (double)p->n_founder;
    *mean = 0;
    for (int64_t l = 0; l < p->n_locus; l++) {
        const sg_locus *x = &p->locus[l];
        double sum = 0, squares = 0;
        for (int64_t f = 0; x->n_causal && f < p->n_founder; f++) {
            double g = 0;
            for (int64_t w = 0; w < x->n_causal; w++) {
                const int64_t at = p->value_at[x->word + w];
                g += at >= 0 ? p->value[at * p->n_founder + f] : 0;
            }
            sum += g;
            squares += g * g;
        }
        total += 2 * (squares / n - sum / n * (sum / n));
        *mean += 2 * sum / n;
    }
    return total;
}

static sg_status scale_effects(sg_population *p, double h2, sg_arena *a, sg_err *err)
{
    p->causal = SG_NEW(a, uint64_t, p->n_word);
    p->value_at = SG_NEW(a, int64_t, p->n_word);
    if (!p->causal || !p->value_at)
        return sg_arena_full(a, "effects", err);
    mark_causal(p);
    int64_t n_row = 0;
    for (int64_t w = 0; w < p->n_word; w++)
        n_row += p->causal[w] != 0;
    int64_t cells;
    p->value = __builtin_mul_overflow(n_row, p->n_founder, &cells) ? NULL : SG_NEW(a, double, cells);
    if (!p->value)
        return sg_arena_full(a, "values of founders", err);
    fill_values(p);
    const double total = founders_variance(p, &p->mean);
    if (!(total > 0) || !isfinite(total))
        return sg_fail(err, SG_DEGENERATE, "the effects sum up to the same value in everybody");
    const double scale = sqrt(h2 / total);
    for (int64_t v = 0; v < p->n_snp; v++)
        p->effect[v] *= scale;
    for (int64_t i = 0; i < n_row * p->n_founder; i++)
        p->value[i] *= scale;
    p->mean *= scale;
    return SG_OK;
}

/* ---- pairs ---- */

static int64_t locus_of(const sg_population *p, int64_t v)
{
    int64_t lo = 0, hi = p->n_locus - 1;
    while (lo < hi) {
        const int64_t mid = (lo + hi + 1) / 2;
        if (p->locus[mid].first <= v)
            lo = mid;
        else
            hi = mid - 1;
    }
    return lo;
}

static int32_t place_of(const sg_population *p, int64_t v)
{
    int64_t lo = 0, hi = p->n_paired - 1;
    while (lo < hi) {
        const int64_t mid = (lo + hi) / 2;
        if (p->paired[mid] < v)
            lo = mid + 1;
        else
            hi = mid;
    }
    return (int32_t)lo;
}

static void list_paired(sg_population *p)
{
    for (int64_t l = 0; l < p->n_locus; l++)
        for (int64_t i = 0; i < p->locus[l].n; i++) {
            const sg_locus *x = &p->locus[l];
            const int64_t word = x->word + i / 64;
            if (!(p->pair_bits[word] >> (i % 64) & 1))
                continue;
            p->paired[p->n_paired++] = x->first + i;
            if (x->n_causal <= i / 64)
                p->locus[l].n_causal = i / 64 + 1;
        }
    for (int64_t k = 0; k < p->n_pair; k++)
        for (int j = 0; j < 2; j++)
            p->pair[k].at[j] = place_of(p, p->pair[k].snp[j]);
}

/* The centred copies of unlinked SNPs are independent, so the variance of a product is the product of variances; every
 * pair has the same share of it. */
static sg_status draw_pairs(sg_population *p, const sg_simulate_options *o, sg_arena *a, sg_err *err)
{
    int64_t n_causal = 0;
    p->pair = SG_NEW(a, sg_pair, o->pairs);
    p->paired = SG_NEW(a, int64_t, 2 * o->pairs);
    p->pair_bits = SG_NEW(a, uint64_t, p->n_word);
    const size_t mark = sg_arena_mark(a);
    int64_t *snp = SG_NEW_RAW(a, int64_t, p->n_causal);
    if (!p->pair || !p->paired || !p->pair_bits || !snp)
        return sg_arena_full(a, "pairs of SNPs", err);
    for (int64_t v = 0; v < p->n_snp; v++)
        if (p->effect[v] != 0)
            snp[n_causal++] = v;
    sg_rng r = sg_rng_stream(p->seed, SG_RNG_SIMULATE, SG_STREAM_LOCI, 4096);
    const double each = o->pairs ? o->h2 * o->pairs_share / (double)o->pairs : 0;
    for (int64_t tries = 0; p->n_pair < o->pairs; tries++) {
        if (tries > 1000 * o->pairs)
            return sg_fail(err, SG_LIMIT, "%lld interactions asked for, but too few causal SNPs lie at different loci",
                           (long long)o->pairs);
        const int64_t x = snp[sg_rng_below(&r, (uint64_t)n_causal)], y = snp[sg_rng_below(&r, (uint64_t)n_causal)];
        const int64_t lx = locus_of(p, x), ly = locus_of(p, y);
        if (lx == ly)
            continue;
        const double size = sqrt(each / (spread(p, x) * spread(p, y)));
        p->pair[p->n_pair++] = (sg_pair){{x, y}, {0, 0}, sg_rng_below(&r, 2) ? size : -size};
        p->pair_bits[p->locus[lx].word + (x - p->locus[lx].first) / 64] |= (uint64_t)1
                                                                           << ((x - p->locus[lx].first) % 64);
        p->pair_bits[p->locus[ly].word + (y - p->locus[ly].first) / 64] |= (uint64_t)1
                                                                           << ((y - p->locus[ly].first) % 64);
    }
    list_paired(p);
    sg_arena_rewind(a, mark);
    return SG_OK;
}

sg_status sg_effects_make(sg_population *p, const sg_simulate_options *o, sg_arena *a, sg_simulate_report *rep,
                          sg_err *err)
{
    p->effect = SG_NEW(a, double, p->n_snp);
    if (!p->effect)
        return sg_arena_full(a, "effects", err);
    SG_TRY(o->effects ? read_effects(p, o, a, rep, err) : draw_effects(p, o, a, err));
    SG_TRY(scale_effects(p, o->h2 * (1 - (o->pairs ? o->pairs_share : 0)), a, err));
    return o->pairs ? draw_pairs(p, o, a, err) : SG_OK;
}
