/* params.h - the parameters of a network: names and shapes of the published checkpoints over one flat buffer.
 *
 * Shape:   n_param tensors laid one behind the other in a buffer of n_float floats, each in the published (PyTorch)
 *          layout: conv [out, in, k], linear [out, in], vectors [n].
 * Units:   offsets and counts in floats.
 * Owner:   the network that built the list; weights, gradients and optimiser moments are buffers of n_float floats that
 *          the caller owns. Because every buffer has one layout, Adam, EMA and checkpoints are loops over floats.
 * Threads: const after building.
 * Not here: values.
 */
#ifndef SG_NN_PARAMS_H
#define SG_NN_PARAMS_H

#include "base/arena.h"

enum { SG_PARAM_NAME = 96 };

typedef struct sg_param {
    char name[SG_PARAM_NAME]; /* e.g. "encoder.down.0.block.1.conv2.weight" */
    int n_dim;
    int64_t dim[4];
    int64_t at; /* offset in the flat buffer */
    int64_t n;  /* floats */
} sg_param;

typedef struct sg_params {
    sg_param *list;
    int64_t n_param, n_float;
} sg_params;

/* NULL when there is none of that name. */
const sg_param *sg_params_find(const sg_params *p, const char *name);

/* For the networks that build a list: appends one tensor; NULL when memory is out. The pointer is good until the next
 * add. Clear frees the list. */
const sg_param *sg_params_add(sg_params *p, const char *name, int n_dim, const int64_t *dim);
void sg_params_clear(sg_params *p);

#endif
