/* schedule.h - noise levels and what the network is asked for (method.md section 3).
 *
 * Shape:   SG_N_SIGMA levels, ascending.
 * Units:   sigma in units of the (scaled) latent.
 * Owner:   values.
 * Threads: const.
 * Not here: the network (unet.h), the solvers (solver.h).
 */
#ifndef SG_DIFFUSION_SCHEDULE_H
#define SG_DIFFUSION_SCHEDULE_H

#include "base/status.h"

enum { SG_N_SIGMA = 1000 };

typedef struct sg_schedule {
    double sigma[SG_N_SIGMA]; /* sqrt((1 - abar_i) / abar_i) */
} sg_schedule;

/* The published schedule: betas linspace(sqrt(0.00085), sqrt(0.0120), 1000)^2. */
void sg_schedule_published(sg_schedule *s);

/* Index of the level nearest to sigma. */
int sg_schedule_nearest(const sg_schedule *s, double sigma);

/* What the network's output means. With x = z0 + sigma n and c_in = 1/sqrt(sigma^2+1):
 * EPS: the noise n (published).  V: v = (n - sigma z0) / sqrt(1 + sigma^2), so denoised = (x - sigma sqrt(1+sigma^2)
 * v)/(1+sigma^2). */
#define SG_OBJECTIVE_LIST(X) X(EPS, "eps") X(V, "v")
typedef enum sg_objective {
#define X(name, word) SG_OBJECTIVE_##name,
    SG_OBJECTIVE_LIST(X)
#undef X
        SG_N_OBJECTIVE
} sg_objective;
const char *sg_objective_name(sg_objective o);
sg_status sg_objective_parse(const char *word, sg_objective *out, sg_err *err) SG_MUST_USE;

#endif
