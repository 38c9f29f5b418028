/* cholesky.h - a matrix as the product of a triangle with itself, and OpenBLAS held to one thread.
 *
 * Shape:   a [n, n] row-major; the lower half is read and becomes the factor, the upper half is not touched.
 * Units:   -
 * Owner:   in place.
 * Threads: pure; callers run many at once, each BLAS call on its caller's thread alone.
 * Not here: what is factored.
 */
#ifndef SG_LEARN_CHOLESKY_H
#define SG_LEARN_CHOLESKY_H

#include <stdbool.h>
#include <stdint.h>

/* False when the matrix is not positive definite. Pivots of a block in double. */
bool sg_cholesky(float *a, int64_t n);

/* OpenBLAS uses the calling thread from here on; safe to call again. */
void sg_blas_single(void);

#endif
