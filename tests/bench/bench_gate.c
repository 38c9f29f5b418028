/* The whole release gate at the size it is built for: 10,000 people against 300,000 members, 30,000 in the hold-out, 2,048
 * SNPs; the passes over the reference alone, which are remembered, are timed apart.
 * Usage: test_bench_gate [cohort] [members] [hold-out] [snps] [threads] */
#include "base/clock.h"
#include "base/rng.h"
#include "privacy/privacy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static int64_t argument(int argc, char **argv, int i, int64_t fallback)
{
    return argc > i ? strtoll(argv[i], NULL, 10) : fallback;
}

/* Independent SNPs, half of them common: bits of two alleles, each 1 with probability 1/2 or 1/4. */
static sg_status crowd(int64_t n, int64_t m, uint64_t seed, sg_arena *a, sg_people *p, int8_t **label, sg_err *err)
{
    SG_TRY(sg_people_new(n, m, a, p, err));
    *label = SG_NEW(a, int8_t, n);
    if (!*label)
        return sg_arena_full(a, "labels", err);
    for (int64_t s = 0; s < n; s++) {
        sg_rng r = sg_rng_stream(seed, SG_RNG_TEST, (uint64_t)s, 0);
        (*label)[s] = (int8_t)(sg_rng_u32(&r) & 1);
        for (int64_t w = 0; w < p->n_word; w++) {
            const uint64_t rare = 0xaaaaaaaaaaaaaaaa, keep = 64 * (w + 1) <= m ? ~(uint64_t)0 : 0;
            const uint64_t x = sg_rng_u64(&r) & (sg_rng_u64(&r) | ~rare) & keep,
                           y = sg_rng_u64(&r) & (sg_rng_u64(&r) | ~rare) & keep;
            p->plane[2 * s * p->n_word + w] = x ^ y;
            p->plane[(2 * s + 1) * p->n_word + w] = x & y;
        }
    }
    return SG_OK;
}

static double since(int64_t start)
{
    return (double)(sg_clock_mono_ns() - start) * 1e-9;
}

static sg_status gate(const sg_reference *ref, const sg_people *c, const int8_t *label, const sg_run *run, sg_err *err)
{
    sg_policy p = sg_policy_default();
    sg_gate_memory *m;
    sg_verdict *v;
    p.low_power = true; /* whatever the size, nothing is left out */
    p.evaluation_min = p.calibration_min = p.train_min = p.label_min = p.label_evaluation_min = 2;
    int64_t start = sg_clock_mono_ns();
    SG_TRY(sg_gate_memory_new(ref, &p, run, &m, err));
    printf("once per model: %.1f s\n", since(start));
    start = sg_clock_mono_ns();
    const sg_judging q = {.ref = ref, .cohort = c, .label = label, .made = SG_MADE_SAMPLED, .policy = &p, .memory = m};
    const sg_status st = sg_privacy_judge_all(&q, run, &v, err);
    if (!st) {
        struct rusage u;
        (void)getrusage(RUSAGE_SELF, &u);
        printf("per cohort: %.1f s, %s %s; at most %.0f MiB, %.1f s of processor in all\n", since(start),
               sg_outcome_name(sg_verdict_outcome(v)), sg_verdict_reason(v), (double)u.ru_maxrss / 1024,
               (double)u.ru_utime.tv_sec + (double)u.ru_stime.tv_sec);
        sg_verdict_free(v);
    }
    sg_gate_memory_free(m);
    return st;
}

int main(int argc, char **argv)
{
    const int64_t n = argument(argc, argv, 1, 10000), t = argument(argc, argv, 2, 300000),
                  h = argument(argc, argv, 3, 30000), m = argument(argc, argv, 4, 2048),
                  threads = argument(argc, argv, 5, sg_cpu_count());
    sg_arena a;
    sg_people c;
    int8_t *label;
    sg_reference ref;
    sg_run run = {0};
    sg_err err = {0};
    sg_status st = sg_arena_init(&a, (size_t)1 << 36, &err);
    const int64_t size[SG_N_ROLE] = {t, h, h};
    if (!st)
        st = sg_pool_new((int)threads, &run.pool, &err);
    for (int r = 0; !st && r < SG_N_ROLE; r++)
        st = crowd(size[r], m, (uint64_t)(1 + r), &a, &ref.people[r], &ref.label[r], &err);
    if (!st)
        st = crowd(n, m, 9, &a, &c, &label, &err);
    if (!st)
        st = gate(&ref, &c, label, &run, &err);
    if (st)
        printf("%s\n", err.msg);
    sg_pool_free(run.pool);
    sg_arena_clear(&a);
    return st != SG_OK;
}
