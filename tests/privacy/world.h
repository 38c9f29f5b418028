/* world.h - a small population with linkage disequilibrium and two ancestries, and generators of known honesty. */
#ifndef SG_TESTS_WORLD_H
#define SG_TESTS_WORLD_H

#include "../unit/unit.h"
#include "base/rng.h"
#include "privacy/privacy.h"

#include <math.h>
#include <string.h>

typedef struct world {
    int64_t n_snp;
    uint64_t seed;
    double link, drift; /* correlation of neighbours' latents within a block; spread of thresholds between ancestries */
    double *cut[2];     /* [n_snp] latent threshold of the counted allele, by ancestry */
    sg_reference ref;
} world;

enum { BLOCK = 16 }; /* SNPs that hang together */

/* One haplotype: a first-order chain within blocks (correlation 0.9 of the latent), thresholded per SNP. */
static inline void haplotype(const world *w, int ancestry, sg_rng *r, int8_t *code)
{
    double x = 0;
    for (int64_t v = 0; v < w->n_snp; v++) {
        const double e = sg_rng_normal(r);
        x = v % BLOCK ? w->link * x + sqrt(1 - w->link * w->link) * e : e;
        code[v] = (int8_t)(code[v] + (x < w->cut[ancestry][v]));
    }
}

/* Person `who` of stream `step`: the same for ever. */
static inline void draw_person(const world *w, uint64_t who, uint32_t step, int8_t *code)
{
    sg_rng r = sg_rng_stream(w->seed, SG_RNG_PRIVACY, who, step);
    memset(code, 0, (size_t)w->n_snp);
    const int ancestry = sg_rng_uniform(&r) < 0.3;
    haplotype(w, ancestry, &r, code);
    haplotype(w, ancestry, &r, code);
}

static inline sg_people draw_people(const world *w, int64_t n, uint32_t step, sg_arena *a)
{
    sg_people p;
    sg_err err = {0};
    ck_ok(sg_people_new(n, w->n_snp, a, &p, &err), err);
    int8_t *code = SG_NEW(a, int8_t, w->n_snp);
    for (int64_t i = 0; i < n; i++) {
        draw_person(w, (uint64_t)i, step, code);
        sg_people_pack(&p, i, code);
    }
    return p;
}

/* Labels 0 and 1, as many of each, in random order. */
static inline int8_t *draw_labels_of(int64_t n, uint32_t step, sg_arena *a)
{
    int8_t *label = SG_NEW(a, int8_t, n);
    sg_rng r = sg_rng_stream(31, SG_RNG_PRIVACY, (uint64_t)n, step);
    int64_t left[2] = {n - n / 2, n / 2};
    for (int64_t i = 0; i < n; i++) {
        label[i] = (int8_t)((int64_t)sg_rng_below(&r, (uint64_t)(left[0] + left[1])) >= left[0]);
        left[label[i]]--;
    }
    return label;
}

static inline int8_t *draw_labels(int64_t n, sg_arena *a)
{
    return draw_labels_of(n, 13, a);
}

/* The limits for demonstrations, as shipped: these worlds are as small. */
static inline sg_policy small_policy(void)
{
    sg_policy p;
    sg_err err = {0};
    ck_ok(sg_policy_load(SG_SOURCE_DIR "/deploy/policy-demo.toml", &p, &err), err);
    return p;
}

static inline world world_of(uint64_t seed, double link, double drift, int64_t n_snp, int64_t n_train, int64_t n_val,
                             int64_t n_test, sg_arena *a)
{
    world w = {.n_snp = n_snp, .seed = seed, .link = link, .drift = drift};
    sg_rng r = sg_rng_stream(seed, SG_RNG_PRIVACY, 0, 1);
    for (int k = 0; k < 2; k++)
        w.cut[k] = SG_NEW(a, double, n_snp);
    for (int64_t v = 0; v < n_snp; v++) {
        const double maf = 0.05 + 0.45 * sg_rng_uniform(&r);
        double lo = -4, hi = 4; /* inverse of the normal distribution function */
        for (int i = 0; i < 60; i++) {
            const double mid = 0.5 * (lo + hi);
            if (0.5 * erfc(-mid / sqrt(2)) < maf)
                lo = mid;
            else
                hi = mid;
        }
        w.cut[0][v] = lo;
        w.cut[1][v] = lo + drift * sg_rng_normal(&r); /* 0.25: F_ST of a few per cent */
    }
    const int64_t n[SG_N_ROLE] = {n_train, n_val, n_test};
    for (int role = 0; role < SG_N_ROLE; role++) {
        w.ref.people[role] = draw_people(&w, n[role], (uint32_t)(2 + role), a);
        w.ref.label[role] = draw_labels_of(n[role], (uint32_t)(20 + role), a);
    }
    return w;
}

static inline world world_new(uint64_t seed, int64_t n_snp, int64_t n_train, int64_t n_val, int64_t n_test, sg_arena *a)
{
    return world_of(seed, 0.9, 0.25, n_snp, n_train, n_val, n_test, a);
}

/* An honest cohort: new people of the same population. */
static inline sg_people clean_cohort(const world *w, int64_t n, sg_arena *a)
{
    return draw_people(w, n, 10, a);
}

/* Row `to` of the cohort becomes TRAIN row `from` with a share `edits` of its genotypes changed. */
static inline void plant_copy(const world *w, sg_role role, int64_t from, double edits, sg_people *cohort, int64_t to,
                              sg_arena *a)
{
    const size_t mark = sg_arena_mark(a);
    int8_t *code = SG_NEW(a, int8_t, w->n_snp);
    int64_t *order = SG_NEW(a, int64_t, w->n_snp);
    sg_people_unpack(&w->ref.people[role], from, code);
    sg_rng r = sg_rng_stream(w->seed, SG_RNG_PRIVACY, (uint64_t)to, 11);
    for (int64_t v = 0; v < w->n_snp; v++)
        order[v] = v;
    sg_rng_shuffle(&r, order, w->n_snp);
    const int64_t n_edit = (int64_t)llround(edits * (double)w->n_snp);
    for (int64_t i = 0; i < n_edit; i++)
        code[order[i]] = (int8_t)((code[order[i]] + 1 + (int)sg_rng_below(&r, 2)) % 3);
    sg_people_pack(cohort, to, code);
    sg_arena_rewind(a, mark);
}

/* A dull but honest generator: with this probability a genotype is replaced by the most likely one of its SNP, which
 * draws everybody towards the middle of the population, and so nearer to everybody in it. */
static inline void make_dull(const world *w, double share, sg_people *cohort, sg_arena *a)
{
    const size_t mark = sg_arena_mark(a);
    int8_t *code = SG_NEW(a, int8_t, w->n_snp);
    double *freq = SG_NEW(a, double, w->n_snp);
    sg_people_freq(&w->ref.people[SG_ROLE_TRAIN], freq);
    for (int64_t i = 0; i < cohort->n_sample; i++) {
        sg_rng r = sg_rng_stream(w->seed, SG_RNG_PRIVACY, (uint64_t)i, 12);
        sg_people_unpack(cohort, i, code);
        for (int64_t v = 0; v < w->n_snp; v++)
            if (sg_rng_uniform(&r) < share)
                code[v] = (int8_t)(freq[v] < 1.0 / 3 ? 0 : freq[v] > 2.0 / 3 ? 2 : 1);
        sg_people_pack(cohort, i, code);
    }
    sg_arena_rewind(a, mark);
}

/* Verdict as a value, JSON printed on demand. */
static inline sg_outcome judged(const world *w, const sg_people *cohort, const sg_policy *policy, char reason[64],
                                char *json, size_t n_json, sg_arena *a)
{
    sg_verdict *v;
    sg_err err = {0};
    const sg_policy usual = small_policy();
    const size_t mark = sg_arena_mark(a);
    ck_ok(sg_privacy_judge(&w->ref, cohort, draw_labels(cohort->n_sample, a), policy ? policy : &usual, NULL, &v, &err),
          err);
    sg_arena_rewind(a, mark);
    const sg_outcome o = sg_verdict_outcome(v);
    if (reason)
        (void)snprintf(reason, 64, "%s", sg_verdict_reason(v));
    if (json) {
        sg_buf b;
        sg_buf_init(&b, n_json - 1);
        ck_ok(sg_verdict_json(v, &b, &err), err);
        (void)snprintf(json, n_json, "%s", (const char *)b.data);
        sg_buf_clear(&b);
    }
    sg_verdict_free(v);
    return o;
}

#endif
