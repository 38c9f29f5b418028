/* tally.c - see tally.h. Rows of 32 people per word; a group is a mask of its people's low bits. */
#include "simulate/tally.h"

enum { BLOCK = 64 };

typedef struct tallying {
    const sg_people *people;
    int n_group;
    int64_t stride;
    uint64_t *mask; /* [n_group, stride] */
    uint64_t *rows; /* [threads, BLOCK, stride] */
    int64_t (*count)[3];
} tallying;

static void tally_block(void *ctx, int64_t block, int worker)
{
    const tallying *t = ctx;
    const int64_t first = block * BLOCK, left = t->people->n_variant - first, n = left < BLOCK ? left : BLOCK;
    uint64_t *rows = t->rows + worker * BLOCK * t->stride;
    sg_people_get_rows(t->people, first, rows);
    for (int64_t v = 0; v < n; v++)
        for (int g = 0; g < t->n_group; g++) {
            const uint64_t *x = rows + v * t->stride, *m = t->mask + g * t->stride;
            int64_t one = 0, two = 0, all = 0;
            for (int64_t i = 0; i < t->stride; i++) {
                one += __builtin_popcountll(x[i] & m[i]);
                two += __builtin_popcountll(x[i] >> 1 & m[i]);
                all += __builtin_popcountll(m[i]);
            }
            int64_t *c = t->count[(first + v) * t->n_group + g];
            c[0] += all - one - two;
            c[1] += one;
            c[2] += two;
        }
}

sg_status sg_tally_add(const sg_people *people, const int8_t *group, int n_group, const sg_run *run, sg_arena *a,
                       int64_t (*count)[3], sg_err *err)
{
    const size_t mark = sg_arena_mark(a);
    sg_pool *pool = run ? run->pool : NULL;
    tallying t = {people, n_group, SG_ROW_WORDS(people->n_sample), NULL, NULL, count};
    t.mask = SG_NEW(a, uint64_t, n_group * t.stride);
    t.rows = SG_NEW_RAW(a, uint64_t, sg_pool_size(pool) * BLOCK * t.stride);
    if (!t.mask || !t.rows)
        return sg_arena_full(a, "counting genotypes", err);
    for (int64_t s = 0; s < people->n_sample; s++)
        t.mask[group[s] * t.stride + s / 32] |= (uint64_t)1 << (2 * (s % 32));
    sg_pool_for(pool, (people->n_variant + BLOCK - 1) / BLOCK, tally_block, &t);
    sg_arena_rewind(a, mark);
    return SG_OK;
}
