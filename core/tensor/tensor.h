/* tensor.h - a float array with its sizes written on it.
 *
 * Shape:   up to four sizes, contiguous, last one fastest; activations are [B, L, C] (person, position, channel).
 * Units:   float32.
 * Owner:   nobody: a view borrows its pointer.
 * Threads: values.
 * Not here: arithmetic (core/nn).
 *
 * SG_EXPECT_SHAPE is always on: a wrong shape is a bug of ours, found where things are wired, and ends the process with
 * one line that names the tensor, what it has and what was wanted.
 */
#ifndef SG_TENSOR_TENSOR_H
#define SG_TENSOR_TENSOR_H

#include "base/status.h"

#include <stddef.h>

typedef struct sg_tensor {
    float *x;
    int n_dim;
    int64_t dim[4];
} sg_tensor;

/* Views of n_dim = 1..4 sizes. */
static inline sg_tensor sg_view1(float *x, int64_t a)
{
    return (sg_tensor){x, 1, {a, 1, 1, 1}};
}
static inline sg_tensor sg_view2(float *x, int64_t a, int64_t b)
{
    return (sg_tensor){x, 2, {a, b, 1, 1}};
}
static inline sg_tensor sg_view3(float *x, int64_t a, int64_t b, int64_t c)
{
    return (sg_tensor){x, 3, {a, b, c, 1}};
}

/* Number of floats. */
int64_t sg_tensor_n(const sg_tensor *t);

/* "[2,3,4]" for messages and the debugger; always terminated. */
void sg_tensor_print(const sg_tensor *t, char *out, size_t size);

/* Does the tensor have exactly these n sizes? */
bool sg_tensor_is(const sg_tensor *t, int n, const int64_t *dim);

/* Ends the process when it has not; see SG_EXPECT_SHAPE. */
void sg_tensor_expect(const sg_tensor *t, const char *name, const char *file, int line, int n, const int64_t *dim);

#define SG_EXPECT_SHAPE(t, ...)                                                                                        \
    sg_tensor_expect((t), #t, __FILE__, __LINE__, (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),           \
                     (const int64_t[]){__VA_ARGS__})

#endif
