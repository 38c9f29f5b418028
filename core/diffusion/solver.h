/* solver.h - from noise to latents in a few network calls (method.md section 3).
 *
 * Shape:   x [B, z, T], in: unit normal noise; out: latents as scaled for diffusion.
 * Units:   guidance s: denoised = u + s (c - u); s = 1 asks for no unconditional call.
 * Owner:   the caller; scratch from the arena.
 * Threads: as unet.h.
 * Not here: random numbers, decoding.
 */
#ifndef SG_DIFFUSION_SOLVER_H
#define SG_DIFFUSION_SOLVER_H

#include "base/run.h"
#include "diffusion/unet.h"

#define SG_SOLVER_LIST(X) X(EULER, "euler") X(HEUN, "heun") X(DPMPP2M, "dpmpp2m")
typedef enum sg_solver {
#define X(name, word) SG_SOLVER_##name,
    SG_SOLVER_LIST(X)
#undef X
        SG_N_SOLVER
} sg_solver;
const char *sg_solver_name(sg_solver s);
sg_status sg_solver_parse(const char *word, sg_solver *out, sg_err *err) SG_MUST_USE;

enum { SG_STEPS_MAX = 1000 };

typedef struct sg_solve_options sg_solve_options;
/* "LO,HI" -> guide_lo, guide_hi; HI may be "inf". FORMAT; LIMIT: not 0 <= LO <= HI. */
sg_status sg_guidance_interval_parse(const char *text, sg_solve_options *out, sg_err *err) SG_MUST_USE;

struct sg_solve_options {
    sg_solver solver;
    int steps;                 /* 1..SG_STEPS_MAX; published 50 */
    double guidance;           /* published 5 */
    double guide_lo, guide_hi; /* guidance acts where guide_lo <= sigma <= guide_hi; 0 and infinity = everywhere */
    sg_objective objective;
};

/* sigma [steps+1] overwritten, descending, last 0. EULER/published spacing: indices truncate(linspace(999, 0, steps, no
 * endpoint)). index [steps] the level each maps to. */
sg_status sg_solver_plan(const sg_schedule *s, const sg_solve_options *o, double *sigma, int32_t *index,
                         sg_err *err) SG_MUST_USE;

size_t sg_solve_bytes(const sg_unet *u, int64_t B);

/* CANCELLED between steps when run says so. */
sg_status sg_solve(const sg_unet *u, const sg_schedule *s, const sg_solve_options *o, int64_t B, const int8_t *label,
                   const sg_run *run, sg_arena *a, float *x, sg_err *err) SG_MUST_USE;

#endif
