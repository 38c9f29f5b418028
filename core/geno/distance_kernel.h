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

/* Hamming distances, and hit [n_q, n_r] = 1 where one of the first n_block whole blocks of SG_BLOCK_SNPS variants is the
 * same in both; overwritten. */
typedef void sg_block_tile_fn(const uint64_t *q, int64_t n_q, const uint64_t *r, int64_t n_r, int64_t n_word,
                              int64_t n_block, int32_t *d, uint8_t *hit);

/* One row of a tile: which of m <= 256 pairs deserve a look (d below `row`, or at most col[k], or hit[k]; ascending into
 * at, returned: how many), and how many are at most r[0] and r[1] away (added to within). hit may be NULL. */
typedef int64_t sg_scan_fn(const int32_t *d, const int32_t *col, const uint8_t *hit, int64_t m, int32_t row,
                           const int32_t r[2], int64_t within[2], uint8_t *at);

typedef struct sg_kernel {
    const char *name;
    bool (*usable)(void);
    sg_tile_fn *tile[2]; /* by sg_metric */
    sg_block_tile_fn *blocks;
    sg_scan_fn *scan;
} sg_kernel;

/* Fastest first; the last is generic and always usable. */
enum { SG_N_KERNEL = 3 };
extern const sg_kernel *const sg_kernel_list[SG_N_KERNEL];

extern const sg_kernel sg_kernel_avx512, sg_kernel_avx2, sg_kernel_generic;

/* What distance.c uses, unless a test sets another one (NULL: choose again). */
const sg_kernel *sg_kernel_chosen(void);
void sg_kernel_force(const sg_kernel *k);

#endif
