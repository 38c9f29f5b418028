/* init.h - starting weights and the check that weights are numbers.
 *
 * Shape:   over a parameter list and its flat buffer. Owner: the caller. Threads: pure.
 * Units:   float32.
 * Not here: which tensors start at zero (the networks say so).
 */
#ifndef SG_NN_INIT_H
#define SG_NN_INIT_H

#include "nn/params.h"

/* As the published code draws them: convolutions and linear layers uniform in +-1/sqrt(fan_in) (Kaiming with a = sqrt
 * 5), their biases likewise; norms 1 and 0. A vector called "weight" is a norm's; a bias belongs to the "weight" before
 * it.
 */
void sg_init_weights(const sg_params *p, uint64_t seed, float *w);

/* Standard normal entries for the one tensor of that name. */
void sg_init_normal(const sg_params *p, uint64_t seed, const char *name, float *w);

/* LIMIT when an entry is not finite: the message names the tensor. */
sg_status sg_check_finite(const sg_params *p, const float *w, sg_err *err) SG_MUST_USE;

#endif
