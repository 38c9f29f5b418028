/* distance_kernel.h - the inner loop of distance.c, once per instruction set. Private to core/geno and its tests.
 *
 * Shape:   q [n_q, 2, n_word], r [n_r, 2, n_word] rows of two bit planes (geno.h); d [n_q, n_r], overwritten.
 * Units:   as distance.h.
 * Owner:   the caller.
 * Threads: pure functions.
 * Not here: threads, minima.
 */
#ifndef SG_GENO_DISTANCE_KERNEL_H
#define SG_GENO_DISTANCE_KERNEL_H

#include "geno/distance.h"

typedef void sg_tile_fn(const uint64_t *q, int64_t n_q, const uint64_t *r, int64_t n_r, int64_t n_word, int32_t *d);

typedef struct sg_kernel {
    const char *name;
    bool (*usable)(void);
    sg_tile_fn *tile[2]; /* by sg_metric */
} sg_kernel;

/* Fastest first; the last is generic and always usable. */
enum { SG_N_KERNEL = 3 };
extern const sg_kernel *const sg_kernel_list[SG_N_KERNEL];

extern const sg_kernel sg_kernel_avx512, sg_kernel_avx2, sg_kernel_generic;

/* What distance.c uses, unless a test sets another one (NULL: choose again). */
const sg_kernel *sg_kernel_chosen(void);
void sg_kernel_force(const sg_kernel *k);

#endif
