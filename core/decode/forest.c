/* forest.c - what members say: genotype frequencies by label, the pairs worth linking, and their joint frequencies.
 *
 * Members are laid out SNP-major in bit planes, label after label with each label padded to whole words, so that a pair's
 * joint counts within a label are four AND-popcounts. */
#include "decode/fit.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct planes {
    int64_t n_snp, n_word;
    int n_label;
    int64_t word[SG_DECODE_LABEL_MAX + 1]; /* label y in words word[y]..word[y+1]-1 */
    int64_t people[SG_DECODE_LABEL_MAX];
    uint64_t *bit; /* [n_snp, 2, n_word]: genotype 1, genotype 2 */
} planes;

typedef struct edge {
    double gain;
    int32_t a, b; /* a < b */
} edge;

sg_status sg_decode_count(const sg_people *people, const int64_t *row, int64_t n, const int8_t *label, int n_label,
                          sg_arena *a, sg_decode_target *out, sg_err *err)
{
    const int64_t S = people->n_variant;
    assert(n_label >= 1 && n_label <= SG_DECODE_LABEL_MAX);
    *out = (sg_decode_target){.n_snp = S, .n_label = n_label};
    out->share = SG_NEW(a, double, n_label);
    out->node = SG_NEW(a, double, n_label *S * 3);
    const size_t mark = sg_arena_mark(a);
    double *all = SG_NEW(a, double, S * 3);
    int8_t *code = SG_NEW_RAW(a, int8_t, S);
    if (!out->share || !out->node || !all || !code)
        return sg_arena_full(a, "genotype frequencies", err);
    for (int64_t i = 0; i < n; i++) {
        const int64_t r = row ? row[i] : i;
        double *node = out->node + label[r] * S * 3;
        sg_people_unpack(people, r, code);
        out->share[label[r]] += 1;
        for (int64_t s = 0; s < S; s++) {
            assert(code[s] >= 0 && code[s] <= 2);
            node[3 * s + code[s]] += 1;
            all[3 * s + code[s]] += 1;
        }
    }
    for (int y = 0; y < n_label; y++) {
        const double own = out->share[y];
        double *node = out->node + y * S * 3;
        for (int64_t k = 0; k < 3 * S; k++)
            node[k] = ((own > 0 ? node[k] : all[k]) + 0.5) / ((own > 0 ? own : (double)n) + 1.5);
        out->share[y] = (own + 1.5) / ((double)n + 1.5 * n_label);
    }
    sg_arena_rewind(a, mark);
    return SG_OK;
}

static sg_status lay_out(const sg_people *people, const int64_t *row, int64_t n, const int8_t *label, int n_label,
                         sg_arena *a, planes *out, sg_err *err)
{
    *out = (planes){.n_snp = people->n_variant, .n_label = n_label};
    for (int64_t i = 0; i < n; i++)
        out->people[label[row ? row[i] : i]]++;
    for (int y = 0; y < n_label; y++)
        out->word[y + 1] = out->word[y] + (out->people[y] + 63) / 64;
    out->n_word = out->word[n_label];
    int64_t next[SG_DECODE_LABEL_MAX];
    for (int y = 0; y < n_label; y++)
        next[y] = 64 * out->word[y];
    out->bit = SG_NEW(a, uint64_t, out->n_snp * 2 * out->n_word);
    int8_t *code = SG_NEW_RAW(a, int8_t, out->n_snp);
    if (!out->bit || !code)
        return sg_arena_full(a, "members by SNP", err);
    for (int64_t i = 0; i < n; i++) {
        const int64_t r = row ? row[i] : i, at = next[label[r]]++;
        sg_people_unpack(people, r, code);
        for (int64_t s = 0; s < out->n_snp; s++)
            if (code[s])
                out->bit[(2 * s + code[s] - 1) * out->n_word + at / 64] |= (uint64_t)1 << at % 64;
    }
    return SG_OK;
}

/* Joint counts of SNPs a (rows) and b within label y. one [n_snp, 2] counts of genotypes 1 and 2 in the label. */
static void joint(const planes *p, int y, int64_t a, int64_t b, const int64_t *one, double t[9])
{
    const uint64_t *x = p->bit + 2 * a * p->n_word, *z = p->bit + 2 * b * p->n_word;
    int64_t c[4] = {0};
    for (int64_t w = p->word[y]; w < p->word[y + 1]; w++) {
        const uint64_t x1 = x[w], x2 = x[p->n_word + w], z1 = z[w], z2 = z[p->n_word + w];
        c[0] += __builtin_popcountll(x1 & z1);
        c[1] += __builtin_popcountll(x1 & z2);
        c[2] += __builtin_popcountll(x2 & z1);
        c[3] += __builtin_popcountll(x2 & z2);
    }
    const int64_t a1 = one[2 * a], a2 = one[2 * a + 1], b1 = one[2 * b], b2 = one[2 * b + 1];
    const int64_t n = p->people[y], t01 = b1 - c[0] - c[2], t02 = b2 - c[1] - c[3];
    const int64_t full[9] = {n - a1 - a2 - t01 - t02, t01,  t02, a1 - c[0] - c[1], c[0], c[1],
                             a2 - c[2] - c[3],        c[2], c[3]};
    for (int k = 0; k < 9; k++)
        t[k] = (double)full[k];
}

/* 2 sum n log(n N / row column): twice the log-likelihood that a link gains. */
static double gain_of(const double t[9])
{
    double g = 0, row[3], column[3], n = 0;
    for (int k = 0; k < 3; k++) {
        row[k] = t[3 * k] + t[3 * k + 1] + t[3 * k + 2];
        column[k] = t[k] + t[3 + k] + t[6 + k];
        n += row[k];
    }
    for (int k = 0; k < 9; k++)
        if (t[k] > 0)
            g += t[k] * log(t[k] * n / (row[k / 3] * column[k % 3]));
    return 2 * g;
}

typedef struct search {
    const planes *p;
    const sg_run *run;
    int64_t *one; /* [n_label, n_snp, 2] */
    double *gain; /* [n_snp, n_snp], a < b; 0 where below the charge */
    double charge;
} search;

static void search_row(void *ctx, int64_t a, int worker)
{
    (void)worker;
    const search *q = ctx;
    const int64_t S = q->p->n_snp;
    for (int64_t b = a + 1; b < S; b++) {
        double g = 0, t[9];
        if (sg_cancelled(q->run))
            return;
        for (int y = 0; y < q->p->n_label; y++) {
            joint(q->p, y, a, b, q->one + y * S * 2, t);
            g += gain_of(t);
        }
        q->gain[a * S + b] = g > q->charge ? g : 0;
    }
}

static int by_gain(const void *x, const void *y)
{
    const edge *e = x, *f = y;
    if (e->gain != f->gain)
        return e->gain > f->gain ? -1 : 1;
    return e->a != f->a ? (e->a > f->a) - (e->a < f->a) : (e->b > f->b) - (e->b < f->b);
}

static int32_t root_of(int32_t *up, int32_t s)
{
    while (up[s] != s)
        s = up[s] = up[up[s]];
    return s;
}

/* Hangs the tree that holds `from` below it: links [n, 2] lists both ends of every edge. */
static void hang(int64_t n_edge, const edge *e, int64_t S, int32_t *stack, int32_t *parent, uint8_t *seen)
{
    for (int64_t top = 0; top < S; top++) {
        if (seen[top])
            continue;
        int64_t n = 0;
        stack[n++] = (int32_t)top;
        seen[top] = 1;
        while (n) {
            const int32_t s = stack[--n];
            for (int64_t k = 0; k < n_edge; k++) {
                const int32_t other = e[k].a == s ? e[k].b : e[k].b == s ? e[k].a : -1;
                if (other < 0 || seen[other])
                    continue;
                seen[other] = 1;
                parent[other] = s;
                stack[n++] = other;
            }
        }
    }
}

/* The heaviest forest (Kruskal): edges sorted, those that would close a circle left out, the rest moved to the front. */
static sg_status heaviest(const search *q, sg_arena *a, sg_forest *f, sg_err *err)
{
    const int64_t S = q->p->n_snp;
    int64_t n = 0, kept = 0;
    for (int64_t k = 0; k < S * S; k++)
        n += q->gain[k] > 0;
    edge *e = SG_NEW_RAW(a, edge, n);
    int32_t *up = SG_NEW_RAW(a, int32_t, S), *stack = SG_NEW_RAW(a, int32_t, S);
    uint8_t *seen = SG_NEW(a, uint8_t, S);
    if (!e || !up || !stack || !seen)
        return sg_arena_full(a, "the links between SNPs", err);
    n = 0;
    for (int64_t i = 0; i < S; i++)
        for (int64_t j = i + 1; j < S; j++)
            if (q->gain[i * S + j] > 0)
                e[n++] = (edge){q->gain[i * S + j], (int32_t)i, (int32_t)j};
    qsort(e, (size_t)n, sizeof *e, by_gain);
    for (int64_t s = 0; s < S; s++) {
        up[s] = (int32_t)s;
        f->parent[s] = -1;
    }
    for (int64_t k = 0; k < n; k++) {
        const int32_t x = root_of(up, e[k].a), y = root_of(up, e[k].b);
        if (x == y)
            continue;
        up[x] = y;
        e[kept++] = e[k];
    }
    hang(kept, e, S, stack, f->parent, seen);
    f->n_edge = kept;
    return sg_forest_order(S, f->parent, f->order, err);
}

/* Joint frequencies on the links; pseudo-counts whose margins are those of sg_decode_count. */
static void pair_targets(const search *q, const sg_forest *f, sg_decode_target *t)
{
    const int64_t S = q->p->n_snp;
    int64_t n = 0;
    for (int y = 0; y < t->n_label; y++)
        n += q->p->people[y];
    for (int64_t s = 0; s < S; s++) {
        if (f->parent[s] < 0)
            continue;
        double sum[9], part[9];
        for (int k = 0; k < 9; k++)
            sum[k] = t->n_label / 6.0;
        for (int y = 0; y < t->n_label; y++) {
            joint(q->p, y, f->parent[s], s, q->one + y * S * 2, part);
            for (int k = 0; k < 9; k++)
                sum[k] += part[k];
        }
        for (int k = 0; k < 9; k++)
            t->pair[9 * s + k] = sum[k] / ((double)n + 1.5 * t->n_label);
    }
}

static void count_ones(const planes *p, int64_t *one)
{
    for (int y = 0; y < p->n_label; y++)
        for (int64_t k = 0; k < 2 * p->n_snp; k++)
            for (int64_t w = p->word[y]; w < p->word[y + 1]; w++)
                one[y * p->n_snp * 2 + k] += __builtin_popcountll(p->bit[k * p->n_word + w]);
}

sg_status sg_decode_link(const sg_people *people, const int64_t *row, int64_t n, const int8_t *label, const sg_run *run,
                         sg_arena *a, sg_decode_target *target, sg_forest *out, sg_err *err)
{
    const int64_t S = people->n_variant;
    *out = (sg_forest){.n_snp = S};
    out->parent = SG_NEW(a, int32_t, S);
    out->order = SG_NEW(a, int32_t, S);
    out->pair = SG_NEW(a, float, 9 * S);
    target->pair = SG_NEW(a, double, 9 * S);
    const size_t mark = sg_arena_mark(a);
    planes p;
    SG_TRY(lay_out(people, row, n, label, target->n_label, a, &p, err));
    search q = {.p = &p, .run = run};
    q.one = SG_NEW(a, int64_t, target->n_label * S * 2);
    q.gain = SG_NEW(a, double, S *S);
    q.charge = 4.0 * target->n_label * log(n > 1 ? (double)n : 2.0); /* four numbers a label, each at BIC's price */
    if (!out->parent || !out->order || !out->pair || !target->pair || !q.one || !q.gain)
        return sg_arena_full(a, "the links between SNPs", err);
    count_ones(&p, q.one);
    sg_pool_for(run ? run->pool : NULL, S, search_row, &q);
    if (sg_cancelled(run))
        return sg_fail(err, SG_CANCELLED, "stopped while looking for linked SNPs");
    SG_TRY(heaviest(&q, a, out, err));
    pair_targets(&q, out, target);
    sg_arena_rewind(a, mark);
    return SG_OK;
}
