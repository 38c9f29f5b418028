/* internal.h - what the files of core/train share; not for other folders.
 *
 * Shape:   a crew runs chunks of people on several threads and adds what they find in a fixed order; a net is one
 *          network in training (weights, moments, moving average); a state is all a checkpoint holds.
 * Units:   as train.h.
 * Owner:   the run's arena, but for JSON (state.curves), which sg_state_clear frees.
 * Threads: one run, one caller; the crew's threads see const data and their own scratch.
 * Not here: anything public.
 */
#ifndef SG_TRAIN_INTERNAL_H
#define SG_TRAIN_INTERNAL_H

#include "base/rng.h"
#include "train/train.h"
#include "vae/discriminator.h"

#include <jansson.h>

/* crew.c ------------------------------------------------------------------------------------------------------- */

enum { SG_CREW_SUMS = 8, SG_CREW_LANES_MAX = 64 };

/* Works on people first..first+n-1 of the caller's list: adds to grad (NULL: none wanted) and to sum. a is scratch. */
typedef sg_status sg_chunk_fn(void *ctx, int64_t first, int64_t n, sg_arena *a, float *grad, double *sum, sg_err *err);

typedef struct sg_crew {
    const sg_run *run;
    int n_lane, n_worker;
    int64_t chunk, n_float;
    const char *stage; /* reports people done under this name; NULL: silent */
    float **grad;      /* [n_lane] buffers of n_float */
    sg_arena *lane;    /* [n_worker] scratch */
} sg_crew;

/* n_float gradients per lane (0: none); scratch_bytes of scratch per worker. Buffers in a. sg_crew_clear gives the
 * scratch back. */
sg_status sg_crew_init(sg_crew *c, const sg_run *run, int64_t lanes, int64_t chunk, int64_t n_float,
                       size_t scratch_bytes, sg_arena *a, sg_err *err) SG_MUST_USE;
void sg_crew_clear(sg_crew *c);

/* fn over people 0..n-1 in chunks. total [SG_CREW_SUMS] overwritten. With want_grad the summed gradient is left in
 * c->grad[0]. CANCELLED when stopped; else the first lane's error. */
sg_status sg_crew_go(sg_crew *c, int64_t n, sg_chunk_fn *fn, void *ctx, bool want_grad, double *total,
                     sg_err *err) SG_MUST_USE;

/* fit.c -------------------------------------------------------------------------------------------------------- */

typedef struct sg_fit {
    int64_t n_float, step;
    float *w, *m, *v, *ema; /* [n_float] */
} sg_fit;

typedef struct sg_step_options {
    double lr, weight_decay, clip, ema;
} sg_step_options;

sg_status sg_fit_new(int64_t n_float, sg_arena *a, sg_fit *out, sg_err *err) SG_MUST_USE;
/* Adam (AdamW with weight_decay) and the moving average. grad is scaled when longer than clip. Returns the gradient's
 * norm; when that is not finite nothing is changed. */
double sg_fit_step(sg_fit *n, const sg_run *run, const sg_step_options *o, float *grad);

/* Linear rise over `warmup` steps, then level or a cosine to 0 at `total`. */
double sg_learning_rate(double top, int64_t step, double warmup, int64_t total, bool cosine);

/* checkpoint.c ------------------------------------------------------------------------------------------------- */

typedef enum sg_train_stage { SG_STAGE_VAE, SG_STAGE_DIFFUSION, SG_STAGE_CALIBRATE } sg_train_stage;

typedef struct sg_train_state {
    sg_train_stage stage;
    int64_t epoch, batch; /* of the stage; batch: the next step of this epoch */
    double sum[SG_CREW_SUMS];
    double seconds[3]; /* per stage, over all resumed parts */
    json_t *curves;    /* {"vae":[...],"diffusion":[...]} */
    sg_fit vae, unet;
    sg_fit disc; /* with the adversarial term: its weights, and the vectors of its power iteration */
    float *disc_vector;
    int64_t n_disc_vector;
    float *latent_mean, *latent_std;
    float *label_shift, *latent_mix; /* when latents are standardised jointly, else NULL */
    int64_t n_latent;                /* z T */
    int64_t n_label;
} sg_train_state;

sg_status sg_state_save(const char *dir, const sg_train_options *o, const sg_digest *data, const sg_train_state *s,
                        sg_err *err) SG_MUST_USE;
/* Into a state whose buffers exist. NOT_FOUND when there is no checkpoint. */
sg_status sg_state_load(const char *dir, const sg_train_options *o, const sg_digest *data, sg_train_state *s,
                        sg_err *err) SG_MUST_USE;
bool sg_state_exists(const char *dir);

/* options.c ---------------------------------------------------------------------------------------------------- */

int64_t sg_train_epoch_steps(int64_t n_train, int64_t batch);
json_t *sg_train_options_json(const sg_train_options *o);
sg_status sg_train_options_agree(const json_t *stored, const sg_train_options *o, sg_err *err) SG_MUST_USE;

/* train.c: one run --------------------------------------------------------------------------------------------- */

typedef struct sg_trainer {
    const sg_dataset *d;
    const sg_train_options *o;
    const char *work_dir;
    const sg_run *run;
    sg_arena *a;
    sg_train_plan plan;
    sg_train_state state;
    sg_vae *vae;
    sg_disc *disc;    /* NULL without the adversarial term */
    bool adv_on;      /* the step at hand has it */
    float *disc_next; /* [state.n_disc_vector] the vectors of the step at hand, the state's once it is whole */
    sg_unet *unet;
    sg_schedule schedule;
    int64_t *train, *val;     /* person numbers [plan.n_train], [plan.n_val] */
    float *z_mean, *z_logvar; /* [n_train + n_val, z, T] posterior of the trained VAE; stage two only */
    sg_decoder decoder;       /* as calibrated */
    sg_latent_space space;
    int64_t saved_ns, part_ns;
    int64_t started_at; /* steps done when this part of the run began, for the ETA */
    json_t *metrics;
} sg_trainer;

/* The genotypes of n people as the VAE reads them: code [n, L], padding 0. */
void sg_trainer_codes(const sg_trainer *t, const int64_t *person, int64_t n, int8_t *code);

struct sg_stage_batch;

/* One stage as the loop sees it. */
typedef struct sg_stage {
    const char *name; /* of the progress bar and the curve */
    sg_train_stage id;
    int64_t epochs, batch;
    double lr, warmup, weight_decay, clip, ema;
    bool cosine;
    sg_fit *fit;
    sg_crew *crew;
    sg_status (*load)(sg_trainer *t, const float *w, sg_err *err);
    sg_chunk_fn *chunk;                  /* ctx is an sg_stage_batch */
    double (*loss)(const double *sum);   /* of the sums of a step */
    double (*people)(const double *sum); /* that the sums of an epoch count; NULL: all members */
    sg_crew *other;                      /* the adversary's, or NULL */
    /* Whether this step is somebody else's, who then has taken it; NULL: never. */
    sg_status (*turn)(sg_trainer *t, struct sg_stage *s, const struct sg_stage_batch *b, int64_t n_step, bool *taken,
                      double *sum, sg_err *err);
    /* Makes one gradient of what the chunks left; NULL: it is one. */
    void (*combine)(const sg_trainer *t, float *grad);
    /* Adds this epoch's point to the curve; the network holds the EMA weights. */
    sg_status (*epoch_end)(sg_trainer *t, struct sg_stage *s, json_t *point, int64_t n_step, sg_err *err);
} sg_stage;

/* adversary.c: the discriminator's part in stage one. Places of its sums among SG_CREW_SUMS. */
enum { SG_SUM_PEOPLE = 5, SG_SUM_G = 6, SG_SUM_D = 7 };
sg_status sg_adversary_new(sg_trainer *t, sg_err *err) SG_MUST_USE;
/* Scratch of one worker beyond the VAE's own. */
size_t sg_adversary_bytes(const sg_trainer *t);
/* sg_stage.turn and sg_stage.combine of stage one. */
sg_status sg_adversary_turn(sg_trainer *t, struct sg_stage *s, const struct sg_stage_batch *b, int64_t n_step,
                            bool *taken, double *sum, sg_err *err) SG_MUST_USE;
void sg_adversary_combine(const sg_trainer *t, float *grad);
/* The step is whole, whoever took it: only now the state may hold its power iteration. A step that is stopped in its
 * middle is taken again from the checkpoint, and would iterate twice. */
void sg_adversary_done(sg_trainer *t);
/* Adds -mean D(fake) of a chunk to *g and its gradient, through decoder and encoder, to grad. */
sg_status sg_adversary_chunk(const sg_trainer *t, int64_t n, int64_t batch, const int8_t *code, const float *eps,
                             sg_arena *a, double *g, float *grad, sg_err *err) SG_MUST_USE;
/* Genotypes and posterior noise of a chunk of stage one. */
sg_status sg_vae_chunk_inputs(const struct sg_stage_batch *b, int64_t first, int64_t n, sg_arena *a, int8_t **code,
                              float **eps, sg_err *err) SG_MUST_USE;

typedef struct sg_stage_batch {
    sg_trainer *t;
    const int64_t *list; /* indices into the people the stage knows */
    int64_t n;           /* people of the batch */
    int64_t epoch;       /* random streams: step number of the stage and epoch; -1 the fixed draws of validation */
    double kl_weight;
} sg_stage_batch;

/* loop.c: all steps that are left. On CANCELLED a checkpoint has been written. */
sg_status sg_stage_go(sg_trainer *t, sg_stage *s, sg_err *err) SG_MUST_USE;
/* Writes one when `now`, or when the last is checkpoint_s old. */
sg_status sg_checkpoint(sg_trainer *t, bool now, sg_err *err) SG_MUST_USE;

/* stages.c */
sg_stage sg_stage_vae(sg_trainer *t, sg_crew *crew);
sg_stage sg_stage_diffusion(sg_trainer *t, sg_crew *crew);
size_t sg_vae_chunk_bytes(const sg_trainer *t); /* scratch of one worker */
size_t sg_diffusion_chunk_bytes(const sg_trainer *t);
sg_status sg_train_latents(sg_trainer *t, sg_err *err) SG_MUST_USE; /* frozen encoder: posterior and its moments */

/* space.c: latent_mean, latent_std, label_shift and latent_mix from z_mean, z_logvar */
sg_status sg_train_space(sg_trainer *t, sg_err *err) SG_MUST_USE;

/* calibrate.c */
sg_status sg_train_calibrate(sg_trainer *t, sg_err *err) SG_MUST_USE;

#endif
