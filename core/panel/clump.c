/* clump.c - see clump.h. Batches of variants are read in file order and judged in order of p. */
#include "panel/clump.h"
#include "formats/chrom.h"
#include "panel/ld.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 1024 };
#define BATCH_BYTES ((int64_t)64 << 20)

typedef struct chosen {
    int64_t variant;
    const uint64_t *row;
} chosen;

typedef struct clumping {
    const sg_source *s;
    const sg_clump_options *o;
    sg_arena *a;
    int64_t n_word, n_chosen, top;
    double p2;
    uint64_t *mask;
    chosen *chosen;     /* [top], sorted by place */
    int64_t n_batch;    /* variants of a batch */
    uint64_t *batch;    /* [n_batch, n_word] */
    int64_t *want, *of; /* [n_batch] rows of the table, ascending; which of the batch they are */
} clumping;

static int compare_rows(const void *a, const void *b, void *ctx)
{
    const int64_t *variant = ctx, i = *(const int64_t *)a, j = *(const int64_t *)b;
    return (variant[i] > variant[j]) - (variant[i] < variant[j]);
}

static sg_status take_rows(void *ctx, int64_t first, int64_t n, const uint64_t *row, sg_err *err)
{
    clumping *c = ctx;
    (void)err;
    for (int64_t i = 0; i < n; i++)
        memcpy(c->batch + c->of[first + i] * c->n_word, row + i * c->n_word, (size_t)c->n_word * sizeof *row);
    return SG_OK;
}

static sg_status read_batch(clumping *c, const int64_t *variant, int64_t n, const sg_run *run, sg_err *err)
{
    for (int64_t i = 0; i < n; i++)
        c->of[i] = i;
    qsort_r(c->of, (size_t)n, sizeof *c->of, compare_rows, (void *)(uintptr_t)variant);
    for (int64_t i = 0; i < n; i++)
        c->want[i] = variant[c->of[i]];
    return sg_source_read(c->s, c->want, n, NULL, run, c->a, take_rows, c, err);
}

static int compare_places(const sg_source *s, int64_t u, int64_t v)
{
    const sg_bim_row *x = &s->bim.row[u], *y = &s->bim.row[v];
    const int chrom = x->chrom == y->chrom ? 0 : sg_chrom_compare(x->chrom, y->chrom);
    return chrom ? chrom : (x->pos > y->pos) - (x->pos < y->pos);
}

/* First of the chosen that does not lie before v. */
static int64_t place_of(const clumping *c, int64_t v)
{
    int64_t lo = 0, hi = c->n_chosen;
    while (lo < hi) {
        const int64_t mid = lo + (hi - lo) / 2;
        if (compare_places(c->s, c->chosen[mid].variant, v) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* Distance in bases to a chosen one, -1 on another chromosome. */
static int64_t distance(const clumping *c, int64_t k, int64_t v)
{
    const sg_bim_row *x = &c->s->bim.row[c->chosen[k].variant], *y = &c->s->bim.row[v];
    return sg_chrom_compare(x->chrom, y->chrom) ? -1 : x->pos > y->pos ? x->pos - y->pos : y->pos - x->pos;
}

static bool linked(const clumping *c, int64_t k, const uint64_t *row)
{
    int64_t n[3][3];
    sg_ld_count(c->chosen[k].row, row, c->mask, c->n_word, n);
    return sg_ld_r2(n) >= c->o->r2; /* false for NaN */
}

static sg_clump_fate judge(const clumping *c, int64_t v, double p, const uint64_t *row)
{
    const sg_clump_options *o = c->o;
    const int64_t reach = o->on ? (int64_t)(o->kb * 1000) : 0, far = reach > o->distance ? reach : o->distance,
                  at = place_of(c, v);
    for (int way = 0; way < 2; way++)
        for (int64_t k = way ? at - 1 : at; k >= 0 && k < c->n_chosen; k += way ? -1 : 1) {
            const int64_t d = distance(c, k, v);
            if (d < 0 || d > far)
                break;
            if (o->on && d <= reach && p <= c->p2 && linked(c, k, row))
                return SG_CLUMP_LINKED;
            if (d < o->distance)
                return SG_CLUMP_NEAR;
        }
    return o->on && !(p <= o->p1) ? SG_CLUMP_P : SG_CLUMP_INDEX;
}

static sg_status choose(clumping *c, int64_t v, const uint64_t *row, sg_err *err)
{
    uint64_t *own = SG_NEW_RAW(c->a, uint64_t, c->n_word);
    if (!own)
        return sg_arena_full(c->a, "genotypes of index variants", err);
    memcpy(own, row, (size_t)c->n_word * sizeof *own);
    const int64_t at = place_of(c, v);
    memmove(c->chosen + at + 1, c->chosen + at, (size_t)(c->n_chosen - at) * sizeof *c->chosen);
    c->chosen[at] = (chosen){v, own};
    c->n_chosen++;
    return SG_OK;
}

static sg_status set_up(clumping *c, int64_t n, const uint8_t *keep, sg_err *err)
{
    const int64_t n_sample = c->s->fam.n, row_bytes = c->n_word * (int64_t)sizeof(uint64_t);
    c->n_batch = row_bytes ? BATCH_BYTES / row_bytes : BATCH;
    c->n_batch = c->n_batch < 64 ? 64 : c->n_batch > BATCH ? BATCH : c->n_batch;
    if (c->n_batch > n)
        c->n_batch = n;
    c->mask = SG_NEW(c->a, uint64_t, c->n_word);
    c->chosen = SG_NEW_RAW(c->a, chosen, c->top + 1);
    c->batch = SG_NEW_RAW(c->a, uint64_t, c->n_batch * c->n_word);
    c->want = SG_NEW_RAW(c->a, int64_t, c->n_batch);
    c->of = SG_NEW_RAW(c->a, int64_t, c->n_batch);
    if (!c->mask || !c->chosen || !c->batch || !c->want || !c->of)
        return sg_arena_full(c->a, "clumping", err);
    for (int64_t s = 0; s < n_sample; s++)
        if (keep[s])
            c->mask[s / 32] |= (uint64_t)1 << (2 * (s % 32));
    return SG_OK;
}

static sg_status walk(clumping *c, const int64_t *variant, const double *p, int64_t n, const sg_run *run, uint8_t *fate,
                      sg_err *err)
{
    for (int64_t i = 0; i < n; i++)
        fate[i] = SG_CLUMP_REST;
    for (int64_t from = 0; from < n && c->n_chosen < c->top; from += c->n_batch) {
        const int64_t here = n - from < c->n_batch ? n - from : c->n_batch;
        SG_TRY(read_batch(c, variant + from, here, run, err));
        for (int64_t i = 0; i < here && c->n_chosen < c->top; i++) {
            const uint64_t *row = c->batch + i * c->n_word;
            fate[from + i] = (uint8_t)judge(c, variant[from + i], p[from + i], row);
            if (fate[from + i] == SG_CLUMP_INDEX)
                SG_TRY(choose(c, variant[from + i], row, err));
        }
        sg_report(run, "clumping", c->n_chosen, c->top);
    }
    return SG_OK;
}

sg_status sg_clump(const sg_source *s, const sg_clump_options *o, const int64_t *variant, const double *p, int64_t n,
                   const uint8_t *keep, int64_t top, const sg_run *run, sg_arena *a, uint8_t *fate, sg_err *err)
{
    const size_t mark = sg_arena_mark(a);
    clumping c = {.s = s,
                  .o = o,
                  .a = a,
                  .n_word = SG_ROW_WORDS(s->fam.n),
                  .top = top < n ? top : n,
                  .p2 = isnan(o->p2) ? fmax(o->p1, 0.01) : o->p2};
    sg_status st = set_up(&c, n, keep, err);
    if (!st)
        st = walk(&c, variant, p, n, run, fate, err);
    sg_arena_rewind(a, mark);
    return st;
}
