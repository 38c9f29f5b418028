/* rng.c - Philox4x32-10; see rng.h.
 *
 * Key:     the seed, 64 bits.
 * Counter: word 0 block number, word 1 step, words 2-3 person (56 bits) with the purpose in the top byte.
 */
#include "base/rng.h"

#include <assert.h>
#include <math.h>

static void philox(const uint32_t key[2], const uint32_t ctr[4], uint32_t out[4])
{
    uint32_t k0 = key[0], k1 = key[1];
    uint32_t c0 = ctr[0], c1 = ctr[1], c2 = ctr[2], c3 = ctr[3];
    for (int round = 0; round < 10; round++) {
        const uint64_t p0 = (uint64_t)0xD2511F53u * c0;
        const uint64_t p1 = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

sg_rng sg_rng_stream(uint64_t seed, sg_rng_purpose purpose, uint64_t person, uint32_t step)
{
    assert(person < (uint64_t)1 << 56);
    return (sg_rng){
        .key = {(uint32_t)seed, (uint32_t)(seed >> 32)},
        .ctr = {0, step, (uint32_t)person, (uint32_t)(person >> 32) | (uint32_t)purpose << 24},
    };
}

uint32_t sg_rng_u32(sg_rng *r)
{
    if (r->n_left == 0) {
        philox(r->key, r->ctr, r->out);
        r->ctr[0]++;
        r->n_left = 4;
    }
    return r->out[4 - r->n_left--];
}

uint64_t sg_rng_u64(sg_rng *r)
{
    const uint64_t hi = sg_rng_u32(r);
    return hi << 32 | sg_rng_u32(r);
}

double sg_rng_uniform(sg_rng *r)
{
    return (double)(sg_rng_u64(r) >> 11) * 0x1p-53;
}

float sg_rng_uniformf(sg_rng *r)
{
    return (float)(sg_rng_u32(r) >> 8) * 0x1p-24f;
}

float sg_rng_normal(sg_rng *r)
{
    if (r->has_spare) {
        r->has_spare = false;
        return r->spare;
    }
    const double u = 1.0 - sg_rng_uniform(r); /* (0,1]: the logarithm is finite */
    const double angle = 2.0 * 3.14159265358979323846 * sg_rng_uniform(r);
    const double radius = sqrt(-2.0 * log(u));
    r->spare = (float)(radius * sin(angle));
    r->has_spare = true;
    return (float)(radius * cos(angle));
}

void sg_rng_fill_normal(sg_rng *r, float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = sg_rng_normal(r);
}

uint64_t sg_rng_below(sg_rng *r, uint64_t n)
{
    assert(n > 0);
    const uint64_t cut = UINT64_MAX - UINT64_MAX % n; /* reject the uneven tail */
    uint64_t v;
    do
        v = sg_rng_u64(r);
    while (v >= cut);
    return v % n;
}

int sg_rng_binomial2(sg_rng *r, double p)
{
    return (sg_rng_uniform(r) < p) + (sg_rng_uniform(r) < p);
}

void sg_rng_shuffle(sg_rng *r, int64_t *x, int64_t n)
{
    for (int64_t i = n - 1; i > 0; i--) {
        const int64_t j = (int64_t)sg_rng_below(r, (uint64_t)i + 1);
        const int64_t t = x[i];
        x[i] = x[j];
        x[j] = t;
    }
}
