/* index.c - see index.h. Linear probing at no more than 3/4 full. */
#include "formats/index.h"

#include <assert.h>
#include <string.h>

/* FNV-1a over both strings and the gap between them, then mixed so that the low bits are usable. */
static uint64_t hash(const char *a, const char *b)
{
    uint64_t h = 1469598103934665603U;
    for (; *a; a++)
        h = (h ^ (unsigned char)*a) * 1099511628211U;
    h = (h ^ 0x100) * 1099511628211U;
    for (; *b; b++)
        h = (h ^ (unsigned char)*b) * 1099511628211U;
    h ^= h >> 32;
    h *= 0x9e3779b97f4a7c15U;
    return h ^ h >> 29;
}

sg_status sg_index_new(int64_t n_max, sg_arena *a, sg_index *out, sg_err *err)
{
    *out = (sg_index){0};
    if (n_max < 0 || n_max > (int64_t)1 << 40)
        return sg_fail(err, SG_LIMIT, "an index of %lld names is more than can be held", (long long)n_max);
    int64_t slots = 16;
    while (slots / 4 * 3 < n_max)
        slots *= 2;
    sg_index_slot *slot = SG_NEW(a, sg_index_slot, slots);
    if (!slot)
        return sg_arena_full(a, "an index of names", err);
    *out = (sg_index){.n_max = n_max, .mask = slots - 1, .slot = slot};
    return SG_OK;
}

static int64_t probe(const sg_index *ix, const char *a, const char *b)
{
    int64_t i = (int64_t)(hash(a, b) & (uint64_t)ix->mask);
    while (ix->slot[i].a && (strcmp(ix->slot[i].a, a) != 0 || strcmp(ix->slot[i].b, b) != 0))
        i = (i + 1) & ix->mask;
    return i;
}

int64_t sg_index_add(sg_index *ix, const char *a, const char *b, int64_t value)
{
    const int64_t i = probe(ix, a, b);
    if (ix->slot[i].a)
        return ix->slot[i].value;
    assert(ix->n < ix->n_max);
    ix->n++;
    ix->slot[i] = (sg_index_slot){a, b, value};
    return -1;
}

int64_t sg_index_find(const sg_index *ix, const char *a, const char *b)
{
    const sg_index_slot *s = &ix->slot[probe(ix, a, b)];
    return s->a ? s->value : -1;
}
