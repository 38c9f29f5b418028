/* cohort.c - see cohort.h. At one word of 64 SNPs a haplotype is one 64-bit word, so two of them add up to genotypes in
 * two operations: the low bit plane is their exclusive or, the high one their and. */
#include "simulate/cohort.h"
#include "base/rng.h"
#include "simulate/effects.h"
#include "simulate/founders.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PILOT = 40000, CHUNK = 8192, AGE_MIN = 40, AGES = 30, TEAM = 32 };
#define LOOKED_MAX 50000000

static uint64_t person_of(sg_group group, uint64_t number)
{
    return ((uint64_t)group << SG_GROUP_SHIFT) + number;
}

/* ---- mosaics ---- */

/* One haplotype on its way along a locus: a founder, and where the next one takes over (Li and Stephens 2003). The
 * distances are exponential; most often the first lies past the locus, which one comparison tells. */
typedef struct walker {
    const sg_population *p;
    const uint16_t *urn; /* NULL: all founders alike */
    sg_rng r;            /* valid once `next` is finite */
    int64_t founder;
    double next; /* cM */
} walker;

static int64_t pick(const walker *k, uint32_t u)
{
    return k->urn ? k->urn[(uint64_t)u * SG_URN >> 32] : (int64_t)((uint64_t)u * (uint64_t)k->p->n_founder >> 32);
}

/* Both haplotypes of a person at a locus. Four words of one stream, which is one block of it, say where each begins and
 * whether it changes; what a change needs comes from a stream of the haplotype's own. */
static void walk(const sg_population *p, int64_t l, uint64_t person, int ancestry, walker k[2])
{
    const sg_locus *x = &p->locus[l];
    sg_rng both = sg_rng_stream(p->seed, SG_RNG_SIMULATE, person, 1 + 3 * (uint32_t)l);
    for (int h = 0; h < 2; h++) {
        k[h].p = p;
        k[h].urn = p->urn ? p->urn + (l * p->n_ancestry + ancestry) * SG_URN : NULL;
        k[h].founder = pick(&k[h], sg_rng_u32(&both));
        k[h].next = INFINITY;
        if (sg_rng_u32(&both) * 0x1p-32 >= x->p_switch)
            continue;
        k[h].r = sg_rng_stream(p->seed, SG_RNG_SIMULATE, person, 2 + 3 * (uint32_t)l + (uint32_t)h);
        k[h].next = p->cm[x->first] - log1p(-sg_rng_uniform(&k[h].r) * x->p_switch) / p->rate;
    }
}

/* The haplotype at word w of its locus, SNPs first .. first + n - 1; words come in order. */
static uint64_t step(walker *k, int64_t w, int64_t first, int64_t n)
{
    const sg_population *p = k->p;
    const uint64_t *founder = p->haplotype + w * p->n_founder;
    const double *cm = p->cm + first;
    uint64_t h = founder[k->founder];
    for (int64_t i = 0; k->next <= cm[n - 1];) {
        while (cm[i] < k->next)
            i++;
        k->founder = pick(k, sg_rng_u32(&k->r));
        const uint64_t rest = ~(uint64_t)0 << i;
        h = (h & ~rest) | (founder[k->founder] & rest);
        k->next -= log1p(-sg_rng_uniform(&k->r)) / p->rate;
    }
    return h;
}

/* ---- liability ---- */

double sg_ancestry_axis(int n, int ancestry, int k)
{
    /* Helmert's contrasts: axis k sets ancestry k + 1 against those before it. */
    const double scale = sqrt((double)n / ((double)(k + 1) * (double)(k + 2)));
    return ancestry <= k ? scale : ancestry == k + 1 ? -scale * (k + 1) : 0;
}

static double value_of_bits(const sg_population *p, int64_t first, uint64_t bits)
{
    double g = 0;
    for (uint64_t m = bits; m; m &= m - 1)
        g += p->effect[first + __builtin_ctzll(m)];
    return g;
}

/* copies of the paired SNPs are filled as they come by. */
static double value_at_locus(const sg_population *p, int64_t l, uint64_t person, int ancestry, int8_t *copies,
                             int32_t *n_copies)
{
    const sg_locus *x = &p->locus[l];
    walker k[2];
    walk(p, l, person, ancestry, k);
    double g = 0;
    for (int64_t i = 0; i < x->n_causal; i++) {
        const int64_t w = x->word + i, first = x->first + 64 * i, left = x->n - 64 * i, n = left < 64 ? left : 64;
        const uint64_t pairs = p->n_pair ? p->pair_bits[w] : 0;
        const double last = p->cm[first + n - 1];
        uint64_t h[2] = {0};
        for (int j = 0; j < 2; j++) {
            const bool whole = k[j].next > last; /* of one founder: its value is known */
            if (!whole || pairs)
                h[j] = step(&k[j], w, first, n);
            if (!whole)
                g += value_of_bits(p, first, h[j] & p->causal[w]);
            else if (p->value_at[w] >= 0)
                g += p->value[p->value_at[w] * p->n_founder + k[j].founder];
        }
        for (uint64_t m = pairs; m; m &= m - 1) {
            const int bit = __builtin_ctzll(m);
            copies[(*n_copies)++] = (int8_t)((h[0] >> bit & 1) + (h[1] >> bit & 1));
        }
    }
    return g;
}

/* Of TEAM people at once, locus by locus, so that a locus's founders are read from the nearest cache. */
static void genetic_values(const sg_population *p, const uint64_t *person, const sg_person *x, int n, double *g)
{
    int8_t copies[TEAM][2 * SG_PAIRS_MAX];
    int32_t n_copies[TEAM] = {0};
    for (int i = 0; i < n; i++)
        g[i] = -p->mean;
    for (int64_t l = 0; l < p->n_locus; l++)
        for (int i = 0; p->locus[l].n_causal && i < n; i++)
            g[i] += value_at_locus(p, l, person[i], x[i].ancestry, copies[i], &n_copies[i]);
    for (int i = 0; i < n; i++)
        for (int64_t k = 0; k < p->n_pair; k++) {
            const sg_pair *q = &p->pair[k];
            g[i] += q->effect * (copies[i][q->at[0]] - 2 * p->freq[q->snp[0]]) *
                    (copies[i][q->at[1]] - 2 * p->freq[q->snp[1]]);
        }
}

static double age_score(int age)
{
    const double sd = sqrt((AGES * AGES - 1) / 12.0);
    return (age - AGE_MIN - 0.5 * (AGES - 1)) / sd;
}

typedef struct looked {
    sg_person person;
    double liability, genes;
} looked;

/* All of a person but genes; returns what is not genes of the liability. */
static double draw_person(const sg_population *p, uint64_t person, sg_person *x)
{
    sg_rng r = sg_rng_stream(p->seed, SG_RNG_SIMULATE, person, 0);
    x->sex = (int8_t)(p->women_only ? 2 : 1 + (int)sg_rng_below(&r, 2));
    x->age = (int8_t)(AGE_MIN + (int)sg_rng_below(&r, AGES));
    x->ancestry = (int8_t)(p->n_ancestry > 1 ? (int)sg_rng_below(&r, (uint64_t)p->n_ancestry) : 0);
    double rest = p->noise_sd * (double)sg_rng_normal(&r) + p->age_effect * age_score(x->age);
    if (!p->women_only)
        rest += p->sex_effect * (x->sex == 1 ? 0.5 : -0.5);
    if (p->n_ancestry > 1)
        rest += p->ancestry_effect * sg_ancestry_axis(p->n_ancestry, x->ancestry, 0);
    return rest;
}

typedef struct looking {
    const sg_population *p;
    sg_group group;
    uint64_t first;
    int64_t n;
    looked *out; /* [n] */
} looking;

static void look(void *ctx, int64_t team, int worker)
{
    (void)worker;
    const looking *k = ctx;
    const int64_t from = team * TEAM;
    const int n = (int)(k->n - from < TEAM ? k->n - from : TEAM);
    uint64_t person[TEAM] = {0};
    sg_person x[TEAM] = {{0}};
    double rest[TEAM], genes[TEAM];
    for (int i = 0; i < n; i++) {
        x[i] = (sg_person){.number = k->first + (uint64_t)(from + i)};
        person[i] = person_of(k->group, x[i].number);
        rest[i] = draw_person(k->p, person[i], &x[i]);
    }
    genetic_values(k->p, person, x, n, genes);
    for (int i = 0; i < n; i++)
        k->out[from + i] = (looked){x[i], genes[i] + rest[i], genes[i]};
}

static int by_liability(const void *a, const void *b)
{
    const double x = ((const looked *)a)->liability, y = ((const looked *)b)->liability;
    return (x > y) - (x < y);
}

static double variance_ratio(const looked *x, int64_t n)
{
    double g = 0, gg = 0, l = 0, ll = 0;
    for (int64_t i = 0; i < n; i++) {
        g += x[i].genes;
        gg += x[i].genes * x[i].genes;
        l += x[i].liability;
        ll += x[i].liability * x[i].liability;
    }
    return (gg - g * g / (double)n) / (ll - l * l / (double)n);
}

static sg_status find_threshold(sg_population *p, double prevalence, const sg_run *run, sg_arena *a, sg_err *err)
{
    const size_t mark = sg_arena_mark(a);
    looking k = {p, SG_GROUP_PILOT, 0, PILOT, SG_NEW(a, looked, PILOT)};
    if (!k.out)
        return sg_arena_full(a, "the pilot sample", err);
    sg_pool_for(run ? run->pool : NULL, (PILOT + TEAM - 1) / TEAM, look, &k);
    p->h2_seen = variance_ratio(k.out, PILOT);
    qsort(k.out, PILOT, sizeof *k.out, by_liability);
    int64_t i = (int64_t)((1 - prevalence) * PILOT);
    if (i > PILOT - 2)
        i = PILOT - 2;
    p->threshold = 0.5 * (k.out[i].liability + k.out[i + 1].liability);
    sg_arena_rewind(a, mark);
    return SG_OK;
}

sg_status sg_population_draw(const sg_population *p, sg_group group, int64_t n_case, int64_t n_control,
                             const sg_run *run, sg_arena *a, sg_drawn *out, sg_err *err)
{
    const int64_t n = n_case + n_control;
    *out = (sg_drawn){.person = SG_NEW(a, sg_person, n)};
    const size_t mark = sg_arena_mark(a);
    looking k = {p, group, 0, CHUNK, SG_NEW(a, looked, CHUNK)};
    if (!out->person || !k.out)
        return sg_arena_full(a, "people", err);
    int64_t want[2] = {n_control, n_case};
    while (want[0] || want[1]) {
        if (k.first >= LOOKED_MAX)
            return sg_fail(err, SG_LIMIT, "%lld people were looked at and %lld cases are still missing: ask for fewer",
                           (long long)k.first, (long long)want[1]);
        if (sg_cancelled(run))
            return sg_fail(err, SG_CANCELLED, "stopped while people were drawn");
        sg_pool_for(run ? run->pool : NULL, (CHUNK + TEAM - 1) / TEAM, look, &k);
        for (int64_t i = 0; i < CHUNK && (want[0] || want[1]); i++) {
            const int label = k.out[i].liability > p->threshold;
            out->n_looked++;
            if (!want[label])
                continue;
            want[label]--;
            out->person[out->n] = k.out[i].person;
            out->person[out->n++].label = (int8_t)label;
        }
        k.first += CHUNK;
        sg_report(run, group == SG_GROUP_COHORT ? "drawing people" : "drawing discovery people", out->n, n);
    }
    sg_arena_rewind(a, mark);
    return SG_OK;
}

/* ---- genotypes ---- */

typedef struct typing {
    const sg_population *p;
    sg_group group;
    const sg_drawn *d;
    int64_t first;
    double missing;
    sg_people *people;
} typing;

/* ORs n bits into a plane at bit position `at`. */
static void put_bits(uint64_t *plane, int64_t at, uint64_t bits, int64_t n)
{
    plane[at / 64] |= bits << (at % 64);
    if (at % 64 + n > 64)
        plane[at / 64 + 1] |= bits >> (64 - at % 64);
}

static void type_locus(const sg_population *p, int64_t l, uint64_t person, int ancestry, uint64_t *lo, uint64_t *hi)
{
    const sg_locus *x = &p->locus[l];
    walker k[2];
    walk(p, l, person, ancestry, k);
    for (int64_t i = 0; i < x->n_word; i++) {
        const int64_t first = x->first + 64 * i, left = x->n - 64 * i, n = left < 64 ? left : 64;
        const uint64_t a = step(&k[0], x->word + i, first, n), b = step(&k[1], x->word + i, first, n);
        put_bits(lo, first, a ^ b, n);
        put_bits(hi, first, a & b, n);
    }
}

static void lose_genotypes(const typing *t, uint64_t person, uint64_t *lo, uint64_t *hi)
{
    sg_rng r = sg_rng_stream(t->p->seed, SG_RNG_SIMULATE, person, UINT32_MAX);
    for (int64_t v = 0; v < t->p->n_snp; v++)
        if (sg_rng_uniform(&r) < t->missing) {
            lo[v / 64] |= (uint64_t)1 << (v % 64);
            hi[v / 64] |= (uint64_t)1 << (v % 64);
        }
}

static void type_team(void *ctx, int64_t team, int worker)
{
    (void)worker;
    const typing *t = ctx;
    const int64_t words = t->people->n_word, from = team * TEAM, left = t->people->n_sample - from;
    const int n = (int)(left < TEAM ? left : TEAM);
    const sg_person *x = t->d->person + t->first + from;
    uint64_t *plane = t->people->plane + 2 * from * words;
    memset(plane, 0, (size_t)(2 * n * words) * sizeof *plane);
    for (int64_t l = 0; l < t->p->n_locus; l++)
        for (int i = 0; i < n; i++)
            type_locus(t->p, l, person_of(t->group, x[i].number), x[i].ancestry, plane + 2 * i * words,
                       plane + (2 * i + 1) * words);
    for (int i = 0; i < n && t->missing > 0; i++)
        lose_genotypes(t, person_of(t->group, x[i].number), plane + 2 * i * words, plane + (2 * i + 1) * words);
}

void sg_population_genotypes(const sg_population *p, sg_group group, const sg_drawn *d, int64_t first, double missing,
                             const sg_run *run, sg_people *people)
{
    typing t = {p, group, d, first, missing, people};
    sg_pool_for(run ? run->pool : NULL, (people->n_sample + TEAM - 1) / TEAM, type_team, &t);
}

/* ---- the population ---- */

/* What covariates and genes leave of a variance of 1. */
static sg_status leave_noise(sg_population *p, const sg_simulate_options *o, sg_err *err)
{
    p->sex_effect = o->sex_effect;
    p->age_effect = o->age_effect;
    p->ancestry_effect = o->ancestry_effect;
    const double covariates = (p->women_only ? 0 : p->sex_effect * p->sex_effect / 4) + p->age_effect * p->age_effect +
                              (p->n_ancestry > 1 ? p->ancestry_effect * p->ancestry_effect : 0);
    if (o->h2 + covariates > 0.999)
        return sg_fail(err, SG_LIMIT,
                       "genes (h2 %g) and covariates (%.4g) together make up more than 0.999 of liability; lower one",
                       o->h2, covariates);
    p->noise_sd = sqrt(1 - o->h2 - covariates);
    return SG_OK;
}

sg_status sg_population_new(const sg_simulate_options *o, const sg_run *run, sg_arena *a, sg_population *p,
                            sg_simulate_report *rep, sg_err *err)
{
    *p = (sg_population){.seed = o->seed, .women_only = o->women_only, .n_ancestry = 1};
    if (o->from)
        SG_TRY(sg_founders_read(o, run, a, p, rep, err));
    else
        SG_TRY(sg_founders_build(o, run, a, p, err));
    SG_TRY(sg_founders_drift(p, (int)o->ancestries, o->fst, a, err));
    SG_TRY(leave_noise(p, o, err));
    SG_TRY(sg_effects_make(p, o, a, rep, err));
    SG_TRY(find_threshold(p, o->prevalence, run, a, err));
    rep->h2_seen = p->h2_seen;
    return SG_OK;
}
