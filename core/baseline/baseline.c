/* baseline.c - see baseline.h. */
#include "baseline/baseline.h"
#include "base/rng.h"
#include "decode/fit.h"
#include "stat/snps.h"

#include <assert.h>
#include <string.h>

/* Streams of SG_RNG_EVALUATE: this plus the kind. */
enum { STEP_DRAW = 40 };

const char *sg_baseline_name(sg_baseline_kind k)
{
    static const char *const name[] = {
#define X(n, word, words) word,
        SG_BASELINE_LIST(X)
#undef X
    };
    return name[k];
}

const char *sg_baseline_words(sg_baseline_kind k)
{
    static const char *const text[] = {
#define X(n, word, words) words,
        SG_BASELINE_LIST(X)
#undef X
    };
    return text[k];
}

/* chance [3, 3] of SNP v given its parent p (-1: none). Behind a genotype of the parent that few people have stands one
 * more person with the SNP's overall frequencies, so that no row is empty and no genotype appears from nowhere. */
static void chance_of(const sg_snps *s, int64_t v, int64_t p, float *chance)
{
    int64_t t[9] = {0};
    if (p >= 0)
        sg_snps_pair(s, p, v, t);
    for (int a = 0; a < 3; a++) {
        const double n = (double)(t[3 * a] + t[3 * a + 1] + t[3 * a + 2]);
        for (int b = 0; b < 3; b++) {
            const double own = (double)s->count[v][b] / (double)s->n_people;
            chance[3 * a + b] = (float)(p >= 0 ? ((double)t[3 * a + b] + own) / (n + 1) : own);
        }
    }
}

static sg_status find_tree(const sg_people *people, const int64_t *row, int64_t n, const sg_run *run, sg_arena *a,
                           sg_baseline_part *part, sg_err *err)
{
    int8_t *same = SG_NEW(a, int8_t, people->n_sample); /* within one label all labels are alike */
    if (!same)
        return sg_arena_full(a, "labels", err);
    sg_decode_target t;
    sg_forest f;
    SG_TRY(sg_decode_count(people, row, n, same, 1, a, &t, err));
    SG_TRY(sg_decode_link(people, row, n, same, run, a, &t, &f, err));
    memcpy(part->parent, f.parent, (size_t)people->n_variant * sizeof *part->parent);
    memcpy(part->order, f.order, (size_t)people->n_variant * sizeof *part->order);
    return SG_OK;
}

static sg_status fit_part(sg_baseline_kind kind, const sg_people *people, const int32_t *chrom, const sg_run *run,
                          sg_arena *a, sg_baseline_part *part, sg_err *err)
{
    const int64_t L = people->n_variant;
    part->parent = SG_NEW(a, int32_t, L);
    part->order = SG_NEW(a, int32_t, L);
    part->chance = SG_NEW(a, float, 9 * L);
    if (!part->parent || !part->order || !part->chance)
        return sg_arena_full(a, "a baseline", err);
    for (int64_t v = 0; v < L; v++) {
        const bool linked = kind == SG_BASELINE_MARKOV && v > 0 && (!chrom || chrom[v] == chrom[v - 1]);
        part->parent[v] = linked ? (int32_t)v - 1 : -1;
        part->order[v] = (int32_t)v;
    }
    const size_t mark = sg_arena_mark(a);
    sg_snps s;
    sg_status st = sg_snps_new(people, part->row, part->n_people, a, &s, err);
    if (!st && kind == SG_BASELINE_CHOW_LIU)
        st = find_tree(people, part->row, part->n_people, run, a, part, err);
    for (int64_t v = 0; !st && v < L; v++)
        chance_of(&s, v, part->parent[v], part->chance + 9 * v);
    sg_arena_rewind(a, mark);
    return st;
}

sg_status sg_baseline_fit(sg_baseline_kind kind, const sg_people *people, const int8_t *label, int n_label,
                          const int32_t *chrom, const sg_run *run, sg_arena *a, sg_baseline *out, sg_err *err)
{
    if (n_label < 1 || n_label > SG_BASELINE_LABEL_MAX)
        return sg_fail(err, SG_LIMIT, "%d labels, want 1 to %d", n_label, SG_BASELINE_LABEL_MAX);
    *out = (sg_baseline){.kind = kind, .n_label = n_label, .people = *people};
    for (int y = 0; y < n_label; y++) {
        sg_baseline_part *part = &out->part[y];
        for (int64_t i = 0; i < people->n_sample; i++)
            part->n_people += label[i] == y;
        if (!part->n_people)
            continue;
        if (!(part->row = SG_NEW(a, int64_t, part->n_people)))
            return sg_arena_full(a, "people by label", err);
        for (int64_t i = 0, k = 0; i < people->n_sample; i++)
            if (label[i] == y)
                part->row[k++] = i;
        if (kind != SG_BASELINE_RESAMPLED)
            SG_TRY(fit_part(kind, people, chrom, run, a, part, err));
    }
    return SG_OK;
}

typedef struct draw_job {
    const sg_baseline *b;
    const sg_run *run;
    uint64_t seed;
    const int8_t *label;
    int8_t *code; /* [worker, L] */
    sg_people *out;
} draw_job;

static void draw_one(void *ctx, int64_t i, int worker)
{
    const draw_job *j = ctx;
    const sg_baseline_part *part = &j->b->part[j->label[i]];
    const int64_t L = j->out->n_variant;
    sg_rng r = sg_rng_stream(j->seed, SG_RNG_EVALUATE, (uint64_t)i, STEP_DRAW + (uint32_t)j->b->kind);
    if (sg_cancelled(j->run))
        return;
    if (j->b->kind == SG_BASELINE_RESAMPLED) {
        const int64_t who = part->row[sg_rng_below(&r, (uint64_t)part->n_people)];
        memcpy(j->out->plane + 2 * i * j->out->n_word, sg_people_lo(&j->b->people, who),
               (size_t)(2 * j->out->n_word) * sizeof(uint64_t));
        return;
    }
    int8_t *code = j->code + worker * L;
    for (int64_t k = 0; k < L; k++) {
        const int32_t v = part->order[k], p = part->parent[v];
        const float *chance = part->chance + 9 * v + 3 * (p >= 0 ? code[p] : 0);
        const double u = sg_rng_uniform(&r);
        int g = u < (double)chance[0] ? 0 : u < (double)chance[0] + (double)chance[1] ? 1 : 2;
        while (g > 0 && !(chance[g] > 0)) /* rounding of the sum */
            g--;
        code[v] = (int8_t)g;
    }
    sg_people_pack(j->out, i, code);
}

sg_status sg_baseline_draw(const sg_baseline *b, uint64_t seed, const int8_t *label, int64_t n, const sg_run *run,
                           sg_arena *a, sg_people *out, sg_err *err)
{
    for (int64_t i = 0; i < n; i++)
        if (label[i] < 0 || label[i] >= b->n_label || !b->part[label[i]].n_people)
            return sg_fail(err, SG_DEGENERATE, "label %d is asked of a baseline that saw nobody of it", label[i]);
    SG_TRY(sg_people_new(n, b->people.n_variant, a, out, err));
    sg_pool *pool = run ? run->pool : NULL;
    const size_t mark = sg_arena_mark(a);
    draw_job j = {b, run, seed, label, SG_NEW_RAW(a, int8_t, sg_pool_size(pool) * b->people.n_variant), out};
    if (!j.code)
        return sg_arena_full(a, "a person's genotypes", err);
    sg_pool_for(pool, n, draw_one, &j);
    sg_arena_rewind(a, mark);
    return sg_cancelled(run) ? sg_fail(err, SG_CANCELLED, "stopped while drawing people") : SG_OK;
}
