/* toy.h - a small dataset in memory: blocks of SNPs in linkage disequilibrium, a label that moves some frequencies. */
#ifndef SG_TESTS_TOY_H
#define SG_TESTS_TOY_H

#include "base/rng.h"
#include "panel/panel.h"
#include "unit.h"

#include <math.h>
#include <string.h>

enum { TOY_BLOCK = 4 };

/* One haplotype: the first SNP of a block is drawn, the next copy it in 9 of 10 cases. */
static inline void toy_haplotype(sg_rng *r, int64_t n_snp, int label, int8_t *code)
{
    int allele = 0;
    for (int64_t s = 0; s < n_snp; s++) {
        sg_rng f = sg_rng_stream(99, SG_RNG_TEST, (uint64_t)s, 0);
        double freq = 0.1 + 0.8 * sg_rng_uniform(&f);
        if (s / TOY_BLOCK % 4 == 0)
            freq = fmin(fmax(freq + (label ? 0.1 : -0.1), 0.05), 0.95);
        if (s % TOY_BLOCK == 0 || sg_rng_uniform(r) < 0.1)
            allele = sg_rng_uniform(r) < freq;
        code[s] = (int8_t)(code[s] + allele);
    }
}

/* n people, half of them cases; of ten people seven train, two validate, one tests. */
static inline sg_dataset toy_dataset(int64_t n, int64_t n_snp, uint64_t seed, sg_arena *a)
{
    sg_dataset d = {.n_label = 2, .label_name = {"control", "case"}, .trait = "toy", .prevalence = 0.5};
    sg_err err = {0};
    d.panel = (sg_panel){.n_snp = n_snp, .snp = SG_NEW(a, sg_snp, n_snp)};
    for (int64_t s = 0; s < n_snp; s++) {
        char id[32];
        (void)snprintf(id, sizeof id, "rs%d", (int)s + 1);
        d.panel.snp[s] = (sg_snp){.chrom = "1",
                                  .id = sg_arena_strndup(a, id, strlen(id)),
                                  .pos = 1000 * (s + 1),
                                  .a1 = "A",
                                  .a2 = "G",
                                  .freq = NAN,
                                  .beta = NAN,
                                  .se = NAN,
                                  .p = NAN};
    }
    ck_ok(sg_people_new(n, n_snp, a, &d.people, &err), err);
    d.label = SG_NEW(a, int8_t, n);
    d.role = SG_NEW(a, uint8_t, n);
    int8_t *code = SG_NEW(a, int8_t, n_snp);
    for (int64_t i = 0; i < n; i++) {
        sg_rng r = sg_rng_stream(seed, SG_RNG_TEST, (uint64_t)i, 1);
        d.label[i] = (int8_t)(i % 2);
        d.role[i] = (uint8_t)(i % 10 < 7 ? SG_ROLE_TRAIN : i % 10 < 9 ? SG_ROLE_VAL : SG_ROLE_TEST);
        memset(code, 0, (size_t)n_snp);
        toy_haplotype(&r, n_snp, d.label[i], code);
        toy_haplotype(&r, n_snp, d.label[i], code);
        sg_people_pack(&d.people, i, code);
    }
    d.digest = sg_sha256_of(d.people.plane, (size_t)(n * d.people.n_word) * 16);
    return d;
}

#endif
