/* match.c - see match.h. */
#include "panel/match.h"
#include "formats/chrom.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *sg_fate_key(sg_fate f)
{
    static const char *const key[] = {
#define X(name, word, text) word,
        SG_FATE_LIST(X)
#undef X
    };
    return key[f];
}

const char *sg_fate_words(sg_fate f)
{
    static const char *const words[] = {
#define X(name, word, text) text,
        SG_FATE_LIST(X)
#undef X
    };
    return words[f];
}

/* ---- the .bim alone ---- */

static bool sequence(const char *s)
{
    if (!*s)
        return false;
    for (; *s; s++)
        if (!strchr("ACGTacgt", *s))
            return false;
    return true;
}

static int compare_place(const sg_bim_row *x, const sg_bim_row *y)
{
    const int c = x->chrom == y->chrom ? 0 : sg_chrom_compare(x->chrom, y->chrom);
    return c ? c : (x->pos > y->pos) - (x->pos < y->pos);
}

/* For qsort_r: genome order, ties in file order. */
static int by_place(const void *a, const void *b, void *ctx)
{
    const sg_bim_row *row = ctx;
    const int64_t i = *(const int64_t *)a, j = *(const int64_t *)b;
    const int c = compare_place(&row[i], &row[j]);
    return c ? c : (i > j) - (i < j);
}

/* The pseudo-autosomal XY of PLINK is diploid in everybody. */
static bool haploid(const char *chrom)
{
    const int rank = sg_chrom_rank(chrom);
    return rank == SG_CHROM_X || rank == SG_CHROM_X + 1 || rank == SG_CHROM_X + 3;
}

sg_status sg_match_begin(const sg_bim *bim, const uint8_t *listed, const uint8_t *outside, sg_arena *a, sg_matches *m,
                         sg_err *err)
{
    *m = (sg_matches){.n = bim->n,
                      .of = SG_NEW(a, sg_match, bim->n),
                      .fate = SG_NEW(a, uint8_t, bim->n),
                      .order = SG_NEW_RAW(a, int64_t, bim->n)};
    if (!m->of || !m->fate || !m->order)
        return sg_arena_full(a, "matches of the .bim", err);
    for (int64_t v = 0; v < bim->n; v++) {
        const sg_bim_row *r = &bim->row[v];
        m->order[v] = v;
        if (listed && listed[v])
            m->fate[v] = SG_FATE_LISTED;
        else if (r->pos < 1 || !strcmp(r->chrom, "0"))
            m->fate[v] = SG_FATE_UNPLACED;
        else if (outside && outside[v])
            m->fate[v] = SG_FATE_REGION;
        else if (haploid(r->chrom))
            m->fate[v] = SG_FATE_HAPLOID;
        else if (!sequence(r->a1) || !sequence(r->a2))
            m->fate[v] = SG_FATE_ALLELES;
    }
    if (bim->n)
        qsort_r(m->order, (size_t)bim->n, sizeof *m->order, by_place, bim->row);
    return SG_OK;
}

/* Rows with one place between them: a site of several alleles split over rows, or a SNP beside an indel. */
static void mark_shared(const sg_bim *bim, sg_matches *m)
{
    for (int64_t i = 1; i < m->n; i++) {
        const int64_t u = m->order[i - 1], v = m->order[i];
        if (bim->row[u].pos < 1 || compare_place(&bim->row[u], &bim->row[v]) != 0)
            continue;
        if (m->fate[u] == SG_FATE_OPEN)
            m->fate[u] = SG_FATE_SHARED;
        if (m->fate[v] == SG_FATE_OPEN)
            m->fate[v] = SG_FATE_SHARED;
    }
}

/* ---- the summary statistics ---- */

typedef struct matching {
    const sg_bim *bim;
    const sg_source *source;
    sg_matches *m;
    sg_index by_id;
    int64_t *twin; /* [n] another row with the same ID, -1 none */
} matching;

bool sg_match_before(const sg_match *x, const sg_match *y)
{
    return x->p != y->p ? x->p < y->p : x->mlog10p > y->mlog10p;
}

static int agreement(sg_align a)
{
    return a == SG_ALIGN_NONE ? 0 : a == SG_ALIGN_STRAND || a == SG_ALIGN_STRAND_SWAPPED ? 1 : 2;
}

/* Keeps the better of what the variant has and this row. */
static void consider(matching *g, int64_t v, const sg_sum_row *row, bool place)
{
    sg_match *old = &g->m->of[v];
    const sg_bim_row *b = &g->bim->row[v];
    const sg_align align = sg_align_alleles(b->a1, b->a2, row->a1, row->a2);
    /* Of several variants at one place a row speaks of the one whose two alleles it names, as they are written: read on
     * the other strand, or by one allele, it may be about another. */
    if (g->m->fate[v] == SG_FATE_SHARED && (!*row->a2 || agreement(align) < 2))
        return;
    const sg_match new = {
        .p = row->p,
        .mlog10p = row->mlog10p,
        .beta = row->beta,
        .se = row->se,
        .freq = row->freq,
        .align = (uint8_t)align,
        .seen = true,
        .by_place = place,
    };
    if (old->seen && !place && !old->by_place)
        g->m->n_repeat++;
    const int x = agreement((sg_align) new.align), y = agreement((sg_align)old->align);
    bool better = !old->seen || x > y;
    if (old->seen && x == y)
        better = old->by_place != place ? old->by_place : sg_match_before(&new, old);
    if (better)
        *old = new;
}

/* First index in `order` that is not before this place. */
static int64_t first_at(const matching *g, const sg_bim_row *place)
{
    int64_t lo = 0, hi = g->m->n;
    while (lo < hi) {
        const int64_t mid = lo + (hi - lo) / 2;
        if (compare_place(&g->bim->row[g->m->order[mid]], place) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void count_place(matching *g, int64_t v, const sg_sum_row *row)
{
    const sg_bim_row *b = &g->bim->row[v];
    if (!row->pos || !*row->chrom)
        return;
    if (b->pos == row->pos && sg_chrom_compare(b->chrom, row->chrom) == 0)
        g->m->n_place_same++;
    else
        g->m->n_place_differ++;
}

static sg_status same_id(const matching *g, int64_t v, int64_t w, sg_err *err)
{
    char one[SG_SOURCE_PLACE], other[SG_SOURCE_PLACE];
    return sg_fail(err, SG_FORMAT,
                   "%.150s and %.150s have the same variant ID \"%.60s\", which the summary statistics name; rename or "
                   "--exclude them",
                   sg_source_place(g->source, v, one), sg_source_place(g->source, w, other), g->bim->row[v].id);
}

static bool open_at(const sg_matches *m, int64_t v)
{
    return m->fate[v] == SG_FATE_OPEN || m->fate[v] == SG_FATE_SHARED;
}

/* Every variant at this place. by_id: an ID led here. */
static void consider_place(matching *g, const sg_bim_row *place, const sg_sum_row *row, bool by_id)
{
    for (int64_t i = first_at(g, place); i < g->m->n; i++) {
        const int64_t w = g->m->order[i];
        if (compare_place(&g->bim->row[w], place) != 0)
            break;
        if (open_at(g->m, w))
            consider(g, w, row, !by_id);
    }
}

static sg_status on_row(void *ctx, const sg_sum_row *row, sg_err *err)
{
    matching *g = ctx;
    const int64_t v = *row->id ? sg_index_find(&g->by_id, row->id, "") : -1;
    if (v >= 0) {
        if (g->twin[v] >= 0)
            return same_id(g, v, g->twin[v], err);
        count_place(g, v, row);
        if (g->m->fate[v] == SG_FATE_SHARED)
            consider_place(g, &g->bim->row[v], row, true);
        else
            consider(g, v, row, false);
        return SG_OK;
    }
    if (row->pos && *row->chrom)
        consider_place(g, &(sg_bim_row){.chrom = row->chrom, .pos = row->pos}, row, false);
    return SG_OK;
}

static sg_status index_ids(matching *g, sg_arena *a, sg_err *err)
{
    const sg_bim *bim = g->bim;
    g->twin = SG_NEW_RAW(a, int64_t, bim->n);
    if (!g->twin)
        return sg_arena_full(a, "an index of variants", err);
    SG_TRY(sg_index_new(bim->n, a, &g->by_id, err));
    for (int64_t v = 0; v < bim->n; v++) {
        g->twin[v] = -1;
        if (!open_at(g->m, v) || !strcmp(bim->row[v].id, "."))
            continue;
        const int64_t old = sg_index_add(&g->by_id, bim->row[v].id, "", v);
        /* The rows of one record of a VCF share their ID, and that is no mistake. */
        if (old >= 0 && (g->m->fate[v] != SG_FATE_SHARED || compare_place(&bim->row[old], &bim->row[v]) != 0))
            g->twin[old] = v;
    }
    return SG_OK;
}

static bool same_alleles(const sg_bim_row *x, const sg_bim_row *y)
{
    return (!strcasecmp(x->a1, y->a1) && !strcasecmp(x->a2, y->a2)) ||
           (!strcasecmp(x->a1, y->a2) && !strcasecmp(x->a2, y->a1));
}

static bool named(const sg_matches *m, int64_t v)
{
    return m->fate[v] == SG_FATE_SHARED && m->of[v].seen && !(m->of[v].by_place && m->place_refused);
}

/* The variants order[from .. to - 1] of one place: the one that the summary statistics name is kept, of several the most
 * significant. The same alleles twice (somebody typed one SNP twice) leave nothing to choose by. */
static void choose_named(const sg_bim *bim, sg_matches *m, int64_t from, int64_t to)
{
    int64_t best = -1;
    for (int64_t i = from; i < to; i++) {
        const int64_t v = m->order[i];
        if (named(m, v) && (best < 0 || sg_match_before(&m->of[v], &m->of[best])))
            best = v;
    }
    for (int64_t i = from; i < to && best >= 0; i++) {
        const int64_t v = m->order[i];
        if (v != best && named(m, v) && same_alleles(&bim->row[v], &bim->row[best]))
            return;
    }
    if (best < 0)
        return;
    m->fate[best] = SG_FATE_OPEN;
    m->n_of_several++;
}

static void choose_at_places(const sg_bim *bim, sg_matches *m)
{
    for (int64_t from = 0, to; from < m->n; from = to) {
        for (to = from + 1; to < m->n && !compare_place(&bim->row[m->order[from]], &bim->row[m->order[to]]);)
            to++;
        if (to - from > 1)
            choose_named(bim, m, from, to);
    }
}

static void decide(matching *g)
{
    sg_matches *m = g->m;
    m->place_refused = m->n_place_differ > m->n_place_same;
    choose_at_places(g->bim, m);
    for (int64_t v = 0; v < m->n; v++) {
        if (m->fate[v] != SG_FATE_OPEN)
            continue;
        if (!m->of[v].seen || (m->of[v].by_place && m->place_refused))
            m->fate[v] = SG_FATE_ABSENT;
        else if (m->of[v].align == SG_ALIGN_NONE)
            m->fate[v] = SG_FATE_DISAGREE;
        else if (m->of[v].by_place)
            m->n_by_place++;
        else
            m->n_by_id++;
    }
}

sg_status sg_match_read(const char *sumstats, const char *columns, bool weights, const sg_source *source, sg_matches *m,
                        sg_arena *a, sg_sum_report *report, sg_err *err)
{
    const sg_bim *bim = &source->bim;
    matching g = {.bim = bim, .source = source, .m = m};
    mark_shared(bim, m);
    SG_TRY(index_ids(&g, a, err));
    SG_TRY((weights ? sg_weights_read : sg_sumstats_read)(sumstats, columns, on_row, &g, report, err));
    decide(&g);
    return SG_OK;
}
