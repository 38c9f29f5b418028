/* rng.h - random numbers that depend on WHO they are for, not on when they were drawn.
 *
 * Shape:   a stream is a key (seed, purpose) and a counter (person, step, block); Philox4x32-10 turns
 *          counters into bits.
 * Units:   -
 * Owner:   an sg_rng is a small value; copy it freely.
 * Threads: a stream belongs to one thread; two threads make two streams with different (person, step).
 * Not here: cryptographic randomness (crypto.h).
 * Source:  Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
 *
 * Because person i's stream does not know about person i-1, the same seed gives the same person for any batch size,
 * any number of threads and any cohort size.
 */
#ifndef SG_BASE_RNG_H
#define SG_BASE_RNG_H

#include "base/status.h"

/* Streams of different purpose never overlap, whatever the seed. Append only: a number is part of a cohort's identity.
 */
#define SG_RNG_PURPOSES(X)                                                                                             \
    X(TEST)                                                                                                            \
    X(SIMULATE)                                                                                                        \
    X(SPLIT)                                                                                                           \
    X(IMPUTE)                                                                                                          \
    X(INIT_WEIGHTS)                                                                                                    \
    X(TRAIN_ORDER)                                                                                                     \
    X(TRAIN_NOISE)                                                                                                     \
    X(SAMPLE_LABEL)                                                                                                    \
    X(SAMPLE_NOISE)                                                                                                    \
    X(SAMPLE_DECODE)                                                                                                   \
    X(SAMPLE_SHUFFLE)                                                                                                  \
    X(PRIVACY)                                                                                                         \
    X(EVALUATE)                                                                                                        \
    X(QUALIFY)

typedef enum sg_rng_purpose {
#define X(name) SG_RNG_##name,
    SG_RNG_PURPOSES(X)
#undef X
} sg_rng_purpose;

typedef struct sg_rng {
    uint32_t key[2];
    uint32_t ctr[4];
    uint32_t out[4];
    uint32_t n_left; /* unread words of out */
    float spare;     /* second normal of a Box-Muller pair */
    bool has_spare;
} sg_rng;

/* The stream of one (seed, purpose, person, step). person < 2^56 (asserted); 2^32 blocks of four words each. */
sg_rng sg_rng_stream(uint64_t seed, sg_rng_purpose purpose, uint64_t person, uint32_t step);

uint32_t sg_rng_u32(sg_rng *r);
uint64_t sg_rng_u64(sg_rng *r);

/* Uniform in [0,1), 53 bits (24 bits for the float). */
double sg_rng_uniform(sg_rng *r);
float sg_rng_uniformf(sg_rng *r);

/* Standard normal (Box-Muller). */
float sg_rng_normal(sg_rng *r);
void sg_rng_fill_normal(sg_rng *r, float *x, int64_t n); /* x [n], overwritten */

/* Uniform in 0..n-1 without bias; n >= 1. */
uint64_t sg_rng_below(sg_rng *r, uint64_t n);

/* Number of successes in two trials of probability p: a genotype of independent alleles. */
int sg_rng_binomial2(sg_rng *r, double p);

/* Fisher-Yates over x [n]. */
void sg_rng_shuffle(sg_rng *r, int64_t *x, int64_t n);

#endif
