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

enum { OPEN = 255, AUDIT_MIN = 500, AUDIT_MAX = 20000 };
/* What a person's (or family's) stream is for; 0 and 1 are the draws of the role. */
enum { OF_PERSON = 0, OF_FAMILY = 1, COIN_PERSON = 2, COIN_FAMILY = 3, HALF_FAMILY = 4 };

static double draw(const sg_split_options *o, int64_t who, uint32_t what)
{
    sg_rng r = sg_rng_stream(o->seed, SG_RNG_SPLIT, (uint64_t)who, what);
    return sg_rng_uniform(&r);
}

/* Families of two or more: one draw each decides, in shares of the whole. The others stay OPEN. */
static void place_families(const sg_split_options *o, const int64_t *family, int64_t n, int64_t n_number, int64_t *size,
                           uint8_t *role, uint8_t *mark)
{
    const double test = o->audit + o->test - o->audit / 2, val = test + (1 - o->test) * o->val;
    memset(size, 0, (size_t)n_number * sizeof *size);
    for (int64_t i = 0; i < n; i++)
        size[family[i]]++;
    for (int64_t i = 0; i < n; i++) {
        if (size[family[i]] < 2)
            continue;
        const double u = draw(o, family[i], OF_FAMILY);
        if (u < o->audit) {
            role[i] = draw(o, family[i], COIN_FAMILY) < 0.5 ? SG_ROLE_TRAIN : SG_ROLE_TEST;
            mark[i] = SG_MARK_AUDIT;
        } else {
            role[i] = u < test ? SG_ROLE_TEST : u < val ? SG_ROLE_VAL : SG_ROLE_TRAIN;
        }
        if (role[i] == SG_ROLE_TEST && draw(o, family[i], HALF_FAMILY) < 0.5)
            mark[i] |= SG_MARK_CALIBRATION;
    }
}

/* What is still wanted when the families already gave `given`. */
static int64_t rest(int64_t wanted, int64_t given, int64_t open)
{
    const int64_t k = wanted - given;
    return k < 0 ? 0 : k > open ? open : k;
}

/* The people of one label outside families, in the order of their draws: who is audited, who tests, who validates.
 * given: what families hold by role, audited ones apart: of those half count as test, whatever their coins gave. */
typedef struct quota {
    int64_t audit, test, val;
} quota;

static quota quota_of(const sg_split_options *o, int64_t all, int64_t open, const int64_t given[SG_N_ROLE],
                      int64_t given_audit)
{
    quota q;
    const int64_t test = part(o->test, all), val = part(o->val, all - test);
    q.audit = rest((int64_t)floor(o->audit * (double)all + 0.5), given_audit, open);
    q.test = rest(test, given[SG_ROLE_TEST] + (given_audit + q.audit) / 2, open - q.audit);
    q.val = rest(val, given[SG_ROLE_VAL], open - q.audit - q.test);
    return q;
}

/* Everybody of one label and stratum. Returns how many train; *n_all: how many there are. */
static int64_t split_cell(const sg_split_options *o, const int64_t *person, const int8_t *label, int64_t n, int l,
                          int g, ticket *t, uint8_t *role, uint8_t *mark, int64_t *n_all)
{
    int64_t open = 0, given[SG_N_ROLE] = {0}, given_audit = 0, all = 0, half[2] = {0}, train = 0;
    for (int64_t i = 0; i < n; i++) {
        if (label[i] != l || (o->stratum && o->stratum[i] != g))
            continue;
        all++;
        if (role[i] == OPEN) {
            t[open++] = (ticket){draw(o, person[i], OF_PERSON), person[i], i};
            continue;
        }
        given_audit += (mark[i] & SG_MARK_AUDIT) != 0;
        given[role[i]] += !(mark[i] & SG_MARK_AUDIT);
        train += role[i] == SG_ROLE_TRAIN;
        half[mark[i] & SG_MARK_CALIBRATION] += role[i] == SG_ROLE_TEST;
    }
    if (open)
        qsort(t, (size_t)open, sizeof *t, by_draw);
    const quota q = quota_of(o, all, open, given, given_audit);
    for (int64_t k = 0; k < open; k++) {
        const int64_t i = t[k].at;
        if (k < q.audit) {
            role[i] = draw(o, person[i], COIN_PERSON) < 0.5 ? SG_ROLE_TRAIN : SG_ROLE_TEST;
            mark[i] = SG_MARK_AUDIT;
        } else {
            const int64_t place = k - q.audit;
            role[i] = place < q.test ? SG_ROLE_TEST : place < q.test + q.val ? SG_ROLE_VAL : SG_ROLE_TRAIN;
        }
        train += role[i] == SG_ROLE_TRAIN;
        if (role[i] != SG_ROLE_TEST)
            continue;
        const int to = half[SG_MARK_CALIBRATION] < half[0];
        half[to]++;
        mark[i] |= to ? SG_MARK_CALIBRATION : 0;
    }
    *n_all = all;
    return train;
}

static sg_status split_label(const sg_split_options *o, const int64_t *person, const int8_t *label, int64_t n, int l,
                             ticket *t, uint8_t *role, uint8_t *mark, sg_err *err)
{
    int most = 0;
    for (int64_t i = 0; o->stratum && i < n; i++)
        most = o->stratum[i] > most ? o->stratum[i] : most;
    int64_t train = 0, all = 0;
    for (int g = 0; g <= most; g++) {
        int64_t cell;
        train += split_cell(o, person, label, n, l, g, t, role, mark, &cell);
        all += cell;
    }
    return train > 0
               ? SG_OK
               : sg_fail(err, SG_DEGENERATE, "label %d has %lld people, too few to train on after test and validation",
                         l, (long long)all);
}

static sg_status check_shares(sg_split_options *o, int64_t n, sg_err *err)
{
    if (!(o->test >= 0 && o->test < 1) || !(o->val >= 0 && o->val < 1))
        return sg_fail(err, SG_LIMIT, "test share %g and validation share %g, want from 0 to below 1", o->test, o->val);
    if (isnan(o->audit)) {
        const double room = 2 * (1 - o->test) * (1 - o->val), most = (double)AUDIT_MAX / (double)(n ? n : 1);
        o->audit = o->test < most ? o->test : most;
        o->audit = o->audit < room / 2 ? o->audit : room / 2;
        o->audit = o->audit * (double)n < AUDIT_MIN ? 0 : o->audit;
    }
    if (!(o->audit >= 0 && o->audit <= 2 * o->test))
        return sg_fail(err, SG_LIMIT,
                       "audit share %g: half of it goes to test, which holds %g; want from 0 to %g, or a larger --test",
                       o->audit, o->test, 2 * o->test);
    if (o->audit / 2 + o->test + (1 - o->test) * o->val > 1)
        return sg_fail(err, SG_LIMIT,
                       "audit share %g, test share %g and validation share %g leave nobody else to train on", o->audit,
                       o->test, o->val);
    return SG_OK;
}

sg_status sg_split(const sg_split_options *options, const int64_t *person, const int64_t *family, const int8_t *label,
                   int64_t n, int n_label, sg_arena *a, uint8_t *role, uint8_t *mark, sg_err *err)
{
    sg_split_options o = *options;
    SG_TRY(check_shares(&o, n, err));
    const size_t arena_mark = sg_arena_mark(a);
    int64_t n_number = 0;
    for (int64_t i = 0; family && i < n; i++)
        n_number = family[i] >= n_number ? family[i] + 1 : n_number;
    ticket *t = SG_NEW_RAW(a, ticket, n);
    int64_t *size = SG_NEW_RAW(a, int64_t, n_number);
    sg_status st = t && size ? SG_OK : sg_arena_full(a, "the split", err);
    if (!st && n) {
        memset(role, OPEN, (size_t)n);
        memset(mark, 0, (size_t)n);
    }
    if (!st && family)
        place_families(&o, family, n, n_number, size, role, mark);
    for (int l = 0; l < n_label && !st; l++)
        st = split_label(&o, person, label, n, l, t, role, mark, err);
    sg_arena_rewind(a, arena_mark);
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

/* Counters of 64 variants side by side: bit v of plane[k] is bit k of the counter of variant v. */
enum { COUNTER_BITS = 6 };
typedef struct counters {
    uint64_t plane[COUNTER_BITS];
} counters;

static inline void add(counters *c, uint64_t x)
{
    for (int k = 0; k < COUNTER_BITS; k++) {
        const uint64_t carry = c->plane[k] & x;
        c->plane[k] ^= x;
        x = carry;
    }
}

static void flush(counters *c, int64_t *count, int code)
{
    for (int v = 0; v < 64; v++)
        for (int k = 0; k < COUNTER_BITS; k++)
            count[4 * v + code] += (int64_t)(c->plane[k] >> v & 1) << k;
    *c = (counters){0};
}

/* count [64, 4]: people with each code, variants 64 w .. 64 w + 63. */
static void count_codes(const sg_people *p, int64_t w, int64_t count[64 * 4])
{
    counters c[4] = {0};
    memset(count, 0, 64 * 4 * sizeof *count);
    for (int64_t s = 0; s < p->n_sample; s++) {
        const uint64_t lo = sg_people_lo(p, s)[w], hi = sg_people_hi(p, s)[w];
        add(&c[1], lo & ~hi);
        add(&c[2], hi & ~lo);
        add(&c[SG_MISSING], lo & hi);
        if (s % 63 == 62 || s == p->n_sample - 1)
            for (int code = 1; code < 4; code++)
                flush(&c[code], count, code);
    }
    for (int v = 0; v < 64; v++)
        count[4 * v] = p->n_sample - count[4 * v + 1] - count[4 * v + 2] - count[4 * v + SG_MISSING];
}

static int imputed(sg_impute how, uint64_t seed, int64_t person, int64_t variant, const int64_t count[4])
{
    if (how == SG_IMPUTE_MODE)
        return count[0] >= count[1] && count[0] >= count[2] ? 0 : count[1] >= count[2] ? 1 : 2;
    const int64_t called = count[0] + count[1] + count[2];
    const double freq = called ? (double)(count[1] + 2 * count[2]) / (2.0 * (double)called) : 0;
    sg_rng r = sg_rng_stream(seed, SG_RNG_IMPUTE, (uint64_t)person, (uint32_t)variant);
    return sg_rng_binomial2(&r, freq);
}

int64_t sg_impute_people(sg_impute how, uint64_t seed, const int64_t *person, const int64_t *variant, sg_people *p)
{
    int64_t replaced = 0, count[64 * 4];
    for (int64_t w = 0; w < p->n_word; w++) {
        uint64_t any = 0;
        for (int64_t s = 0; s < p->n_sample; s++)
            any |= sg_people_lo(p, s)[w] & sg_people_hi(p, s)[w];
        if (!any)
            continue;
        count_codes(p, w, count);
        for (int64_t s = 0; s < p->n_sample; s++)
            for (uint64_t x = sg_people_lo(p, s)[w] & sg_people_hi(p, s)[w]; x; x &= x - 1) {
                const int64_t at = __builtin_ctzll(x), v = 64 * w + at;
                put(p, s, v, imputed(how, seed, person[s], variant[v], count + 4 * at));
                replaced++;
            }
    }
    return replaced;
}
