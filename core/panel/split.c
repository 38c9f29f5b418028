/* split.c - see split.h. */
#include "panel/split.h"
#include "base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct ticket {
    double u;
    int64_t person, at;
} ticket;

static int by_draw(const void *a, const void *b)
{
    const ticket *x = a, *y = b;
    if (x->u != y->u)
        return x->u < y->u ? -1 : 1;
    return (x->person > y->person) - (x->person < y->person);
}

/* The share of n, rounded; at least one when the share is not 0 and n allows it. */
static int64_t part(double share, int64_t n)
{
    const int64_t k = (int64_t)floor(share * (double)n + 0.5);
    return k == 0 && share > 0 && n >= 3 ? 1 : k;
}

sg_status sg_split(const sg_split_options *o, const int64_t *person, const int8_t *label, int64_t n, int n_label,
                   sg_arena *a, uint8_t *role, sg_err *err)
{
    if (!(o->test >= 0 && o->test < 1) || !(o->val >= 0 && o->val < 1))
        return sg_fail(err, SG_LIMIT, "test share %g and validation share %g, want from 0 to below 1", o->test, o->val);
    const size_t mark = sg_arena_mark(a);
    ticket *t = SG_NEW_RAW(a, ticket, n);
    if (!t)
        return sg_arena_full(a, "the split", err);
    sg_status st = SG_OK;
    for (int l = 0; l < n_label && !st; l++) {
        int64_t k = 0;
        for (int64_t i = 0; i < n; i++) {
            if (label[i] != l)
                continue;
            sg_rng r = sg_rng_stream(o->seed, SG_RNG_SPLIT, (uint64_t)person[i], 0);
            t[k++] = (ticket){sg_rng_uniform(&r), person[i], i};
        }
        if (k)
            qsort(t, (size_t)k, sizeof *t, by_draw);
        const int64_t test = part(o->test, k), val = part(o->val, k - test);
        if (k - test - val < 1)
            st = sg_fail(err, SG_DEGENERATE, "label %d has %lld people, too few to train on after test and validation",
                         l, (long long)k);
        for (int64_t i = 0; i < k; i++)
            role[t[i].at] = i < test ? SG_ROLE_TEST : i < test + val ? SG_ROLE_VAL : SG_ROLE_TRAIN;
    }
    sg_arena_rewind(a, mark);
    return st;
}

static const char *const impute_word[] = {
#define X(name, word) word,
    SG_IMPUTE_LIST(X)
#undef X
};

const char *sg_impute_name(sg_impute i)
{
    return (unsigned)i < SG_N_IMPUTE ? impute_word[i] : "?";
}

sg_status sg_impute_parse(const char *word, sg_impute *out, sg_err *err)
{
    for (int i = 0; i < SG_N_IMPUTE; i++)
        if (!strcmp(word, impute_word[i])) {
            *out = (sg_impute)i;
            return SG_OK;
        }
    return sg_fail(err, SG_LIMIT, "imputation \"%.40s\", want binomial or mode", word);
}

/* Codes 0..2 leave planes lo (bit 0) and hi (bit 1); a missing one has both set. */
static void put(sg_people *p, int64_t s, int64_t v, int code)
{
    uint64_t *lo = p->plane + 2 * s * p->n_word + v / 64, *hi = lo + p->n_word;
    const uint64_t bit = (uint64_t)1 << (v % 64);
    *lo = code & 1 ? *lo | bit : *lo & ~bit;
    *hi = code & 2 ? *hi | bit : *hi & ~bit;
}

int64_t sg_impute_people(sg_impute how, uint64_t seed, const int64_t *person, const int64_t *variant, sg_people *p)
{
    int64_t replaced = 0;
    for (int64_t v = 0; v < p->n_variant; v++) {
        int64_t count[4] = {0};
        for (int64_t s = 0; s < p->n_sample; s++)
            count[sg_people_get(p, s, v)]++;
        if (!count[SG_MISSING])
            continue;
        const int64_t called = count[0] + count[1] + count[2];
        const double freq = called ? (double)(count[1] + 2 * count[2]) / (2.0 * (double)called) : 0;
        const int mode = count[0] >= count[1] && count[0] >= count[2] ? 0 : count[1] >= count[2] ? 1 : 2;
        for (int64_t s = 0; s < p->n_sample; s++) {
            if (sg_people_get(p, s, v) != SG_MISSING)
                continue;
            sg_rng r = sg_rng_stream(seed, SG_RNG_IMPUTE, (uint64_t)person[s], (uint32_t)variant[v]);
            put(p, s, v, how == SG_IMPUTE_MODE ? mode : sg_rng_binomial2(&r, freq));
        }
        replaced += count[SG_MISSING];
    }
    return replaced;
}
