/* Nearest neighbours of 10,000 people among 300,000 on 2,048 SNPs: the heaviest pass of the release gate.
 * Usage: test_bench_distance [queries] [references] [snps] [threads] */
#include "base/clock.h"
#include "base/rng.h"
#include "geno/distance.h"

#include <stdio.h>
#include <stdlib.h>

static int64_t argument(int argc, char **argv, int i, int64_t fallback)
{
    return argc > i ? strtoll(argv[i], NULL, 10) : fallback;
}

static sg_status crowd(int64_t n, int64_t m, uint64_t seed, sg_arena *a, sg_people *p, sg_err *err)
{
    SG_TRY(sg_people_new(n, m, a, p, err));
    for (int64_t s = 0; s < n; s++) {
        sg_rng r = sg_rng_stream(seed, SG_RNG_TEST, (uint64_t)s, 0);
        for (int64_t w = 0; w < p->n_word; w++) { /* codes 0, 1, 2 as two bits of chance; the last word stays 0 */
            const uint64_t lo = sg_rng_u64(&r), keep = 64 * (w + 1) <= m ? ~(uint64_t)0 : 0;
            p->plane[2 * s * p->n_word + w] = lo & keep;
            p->plane[(2 * s + 1) * p->n_word + w] = sg_rng_u64(&r) & ~lo & keep;
        }
    }
    return SG_OK;
}

int main(int argc, char **argv)
{
    const int64_t n_q = argument(argc, argv, 1, 10000), n_r = argument(argc, argv, 2, 300000),
                  m = argument(argc, argv, 3, 2048), threads = argument(argc, argv, 4, sg_cpu_count());
    sg_arena a;
    sg_people q, r;
    sg_run run = {0};
    sg_err err = {0};
    sg_status st = sg_arena_init(&a, (size_t)1 << 36, &err);
    if (!st)
        st = sg_pool_new((int)threads, &run.pool, &err);
    if (!st)
        st = crowd(n_q, m, 1, &a, &q, &err);
    if (!st)
        st = crowd(n_r, m, 2, &a, &r, &err);
    sg_near *near = st ? NULL : SG_NEW(&a, sg_near, n_q);
    int32_t *min = st ? NULL : SG_NEW(&a, int32_t, n_r);
    const int64_t start = sg_clock_mono_ns();
    if (!st && near && min)
        st = sg_nearest(&q, &r, SG_HAMMING, false, &run, &a, near, min, &err);
    const double seconds = (double)(sg_clock_mono_ns() - start) * 1e-9;
    if (st)
        printf("%s\n", err.msg);
    else
        printf("%s, %lld threads: %lld x %lld people x %lld SNPs, two nearest and column minima: %.1f s, %.2f ns a "
               "pair\n",
               sg_distance_kernel_name(), (long long)threads, (long long)n_q, (long long)n_r, (long long)m, seconds,
               seconds * 1e9 / ((double)n_q * (double)n_r));
    sg_pool_free(run.pool);
    sg_arena_clear(&a);
    return st != SG_OK;
}
