/* optim.h - Adam, AdamW and the exponential moving average, over flat buffers.
 *
 * Shape:   w, grad, m, v [n], the layout of params.h; m and v start at zero.
 * Units:   step counts from 1.
 * Owner:   the caller, all of it; nothing is kept here, so a checkpoint is the buffers and the step.
 * Threads: pure functions; ranges of one buffer may be updated by different threads.
 * Not here: learning rate schedules (train).
 */
#ifndef SG_NN_OPTIM_H
#define SG_NN_OPTIM_H

#include <stdint.h>

typedef struct sg_adam {
    double beta1, beta2, eps; /* published 0.9, 0.999, 1e-8 */
    double decay;             /* decoupled (AdamW): w shrinks by lr * decay first; 0 is Adam */
} sg_adam;

extern const sg_adam sg_adam_published, sg_adamw_published; /* decay 0 and 0.01 */

/* One update of w, m and v. */
void sg_adam_step(const sg_adam *o, int64_t step, double lr, int64_t n, float *w, const float *grad, float *m,
                  float *v);

/* ema = decay * ema + (1 - decay) * w; published decay 0.9999. */
void sg_ema_step(double decay, int64_t n, const float *w, float *ema);

/* Square root of the sum of squares, in double. */
double sg_grad_norm(int64_t n, const float *grad);

#endif
