/* train.h - from a prepared dataset to the weights of both networks, and back onto its feet after a crash.
 *
 * Shape:   n_train people (role TRAIN) give gradients, role VAL gives validation losses, role TEST is never read.
 *          L = n_snp rounded up to a multiple of 2^(levels-1) 2^(mults-1); latents [z, T], T = L / 2^(levels-1).
 * Units:   learning rates per step; warm-ups in epochs; times in seconds.
 * Owner:   the caller's arena holds the result; the work folder holds one checkpoint and is the caller's to remove.
 * Threads: uses run->pool. The bytes of the result do not depend on the number of threads: gradients are summed in
 *          `lanes` fixed buffers, lane l taking chunks l, l + lanes, ... of a batch.
 * Not here: the bundle (model/), the service's sampling (sampler/), what the numbers mean (NOTES.md).
 *
 * States of a run, in the checkpoint's `stage`:
 *
 *      VAE ----> DIFFUSION ----> CALIBRATE ----> (result)
 *       |            |               |
 *       +------------+---------------+--- stop, crash, NaN: the last checkpoint stays, resume continues there
 */
#ifndef SG_TRAIN_TRAIN_H
#define SG_TRAIN_TRAIN_H

#include "base/run.h"
#include "decode/decode.h"
#include "diffusion/solver.h"
#include "diffusion/space.h"
#include "panel/panel.h"
#include "vae/vae.h"

#include <stddef.h>

enum { SG_TRAIN_WORD = 64 };

#define SG_PRESET_LIST(X) X(SMALL, "small") X(MEDIUM, "medium") X(PUBLISHED, "published")
typedef enum sg_preset {
#define X(name, word) SG_PRESET_##name,
    SG_PRESET_LIST(X)
#undef X
        SG_N_PRESET
} sg_preset;
const char *sg_preset_name(sg_preset p);
sg_status sg_preset_parse(const char *word, sg_preset *out, sg_err *err) SG_MUST_USE;

/* Every setting of a run, with its value in the presets small, medium, published. I whole number, R real, T text.
 * All of them are part of a run's identity: a checkpoint made with other values is refused. */
#define SG_TRAIN_OPTIONS(I, R, T)                                                                                      \
    /* key             field            small         medium        published          min   max      */               \
    T("vae-channels", vae_channels, "32,32,64", "32,32,64", "32,64,64,128,128", "VAE channels per level, halving")    \
    I("vae-in", in_proj, 32, 32, 32, 32, 1024, "channels after the VAE's first convolution")                           \
    I("vae-res", vae_res, 1, 1, 2, 1, 4, "residual blocks per VAE level")                                              \
    I("vae-attention", mid_attention, 0, 0, 1, 0, 1, "1: attention in the middle of the VAE")                          \
    I("z-channels", z_channels, 4, 4, 1, 1, 64, "latent channels")                                                     \
    R("kl-weight", kl_weight, 0.02, 0.02, 1, 0, 1e3, "weight of the KL term")                                          \
    R("kl-warmup", kl_warmup, 2, 2, 0, 0, 1e4, "epochs over which the KL weight rises from 0")                         \
    I("vae-epochs", vae_epochs, 5, 8, 400, 1, 100000, "epochs of stage one")                                          \
    I("vae-min-steps", vae_min_steps, 500, 500, 0, 0, 1000000000,                                                     \
      "more epochs than that when they hold fewer steps: small data")                                                  \
    I("vae-batch", vae_batch, 32, 32, 256, 1, 65536, "people per step of stage one")                                   \
    R("vae-lr", vae_lr, 2e-3, 2e-3, 4.5e-6, 0, 1e3, "learning rate of stage one")                                      \
    R("vae-warmup", vae_warmup, 0.5, 0.5, 0, 0, 1e4, "epochs of learning-rate warm-up, stage one")                     \
    I("vae-cosine", vae_cosine, 1, 1, 0, 0, 1, "1: learning rate of stage one falls to 0 as a cosine")                 \
    R("vae-clip", vae_clip, 0, 0, 0, 0, 1e9, "gradient norm limit of stage one; 0 none")                               \
    R("vae-ema", vae_ema, 0.99, 0.99, 0.9999, 0, 0.999999, "moving average of stage one's weights")                   \
    I("adv-start", adv_start, 0, 0, 20001, 0, 1000000000,                                                              \
      "step of stage one from which a discriminator takes part, every second step its own; 0 never")                   \
    R("adv-weight", adv_weight, 0.5, 0.5, 0.5, 0, 1e3, "factor of the adversarial term's adaptive weight")             \
    I("unet-channels", unet_channels, 32, 32, 64, 32, 1024, "U-Net base channels")                                     \
    T("unet-mult", unet_mult, "1,2", "1,2", "1,2,4", "U-Net channel multipliers, halving in between")                  \
    I("unet-res", unet_res, 1, 1, 2, 1, 4, "residual blocks per U-Net level")                                          \
    I("head-width", head_width, 32, 32, 32, 8, 256, "channels per attention head")                                     \
    I("position", position, 1, 1, 0, 0, 1, "1: the U-Net learns a vector per position")                                \
    I("context", context_dim, 64, 64, 128, 8, 1024, "width of the label's context token")                             \
    I("standardise", standardise, 4, 4, 0, 0, 4,                                                                       \
      "latents: 1 each to mean 0, sd 1; 2 and by label; 3 and uncorrelated; 4 by channel, as all positions")           \
    T("objective", objective, "v", "v", "eps", "what the U-Net predicts: v or eps")                                    \
    I("epochs", epochs, 20, 45, 500, 1, 100000, "epochs of stage two")                                                 \
    I("min-steps", min_steps, 600, 800, 0, 0, 1000000000, "the same for stage two")                                   \
    I("batch", batch, 16, 16, 1024, 1, 65536, "people per step of stage two")                                          \
    R("sigma-low", sigma_low, 0.2, 0.2, 0, 0, 100, "noise levels even in log sigma from here; 0: all levels alike")    \
    R("sigma-high", sigma_high, 5, 5, 0, 0, 100, "to here")                                                            \
    R("lr", lr, 4e-3, 4e-3, 1e-4, 0, 1e3, "learning rate of stage two")                                                \
    R("warmup", warmup, 1, 1, 5, 0, 1e4, "epochs of learning-rate warm-up, stage two")                                 \
    R("weight-decay", weight_decay, 0.01, 0.01, 0.01, 0, 10, "AdamW weight decay of stage two")                        \
    R("clip", clip, 1, 1, 0, 0, 1e9, "gradient norm limit of stage two; 0 none")                                       \
    R("ema", ema, 0.995, 0.998, 0.9999, 0, 0.999999, "moving average of stage two's weights")                          \
    R("label-dropout", label_dropout, 0.2, 0.2, 0.2, 0, 1, "share of people trained without their label")              \
    T("sampler", sampler, "dpmpp2m", "dpmpp2m", "euler", "solver the model is served with: euler, heun, dpmpp2m")      \
    I("steps", steps, 20, 25, 50, 1, SG_STEPS_MAX, "solver steps the model is served with")                            \
    R("guidance", guidance, 1, 1, 5, 0, 100, "guidance scale the model is served with")                                \
    T("decode", decode, "sample", "sample", "argmax", "genotypes by sample (a draw) or argmax")                        \
    I("calibrate", calibrate, 1, 1, 0, 0, 1, "1: per-SNP offsets give generated people the training frequencies")      \
    I("linkage", linkage, 1, 1, 0, 0, 1, "1: linked SNPs are decoded together, with the training pairs' frequencies")  \
    I("calibrate-people", calibrate_people, 3000, 16000, 8000, 16, 1000000, "people generated to fit the offsets")      \
    R("guide-lo", guide_lo, 0, 0, 0, 0, 1e6, "guidance acts from this noise level, sigma, on")                         \
    R("guide-hi", guide_hi, 0, 0, 0, 0, 1e6, "guidance acts up to this noise level, sigma; 0 no limit")                \
    T("backend", backend, "auto", "auto", "auto", "auto, panels, onednn or openblas")                                  \
    T("precision", precision, "float32", "float32", "float32",                                                         \
      "products in float32 or bfloat16 (master weights, sums and statistics stay float32)")                            \
    I("chunk", chunk, 4, 4, 16, 1, 4096, "people per call of a network")                                              \
    I("lanes", lanes, 4, 4, 4, 1, 64, "gradient buffers: the most threads that help")

typedef struct sg_train_options {
    uint64_t seed;
    double checkpoint_s; /* seconds between checkpoints; 0 after every step. Not part of the identity. */
#define I(key, field, small, medium, published, min, max, help) int64_t field;
#define R(key, field, small, medium, published, min, max, help) double field;
#define T(key, field, small, medium, published, help) char field[SG_TRAIN_WORD];
    SG_TRAIN_OPTIONS(I, R, T)
#undef I
#undef R
#undef T
} sg_train_options;

/* The same list as data, for command lines and cards. */
typedef enum sg_train_kind { SG_TRAIN_INT, SG_TRAIN_REAL, SG_TRAIN_TEXT } sg_train_kind;
typedef struct sg_train_key {
    const char *name, *help;
    sg_train_kind kind;
    size_t at; /* offset in sg_train_options */
    double min, max;
} sg_train_key;
extern const sg_train_key sg_train_keys[];
extern const int sg_train_n_key;

sg_train_options sg_train_preset(sg_preset p);

/* What a run will build. LIMIT or FORMAT with the key and what is wrong with it. n_snp, n_label from the dataset. */
typedef struct sg_train_plan {
    sg_vae_config vae;
    sg_unet_config unet;
    sg_solve_options solve; /* as served */
    bool draw;              /* decode by drawing */
    int64_t n_train, n_val;
    int64_t vae_epochs, epochs; /* as the options say, or more when min-steps asks for it */
    int64_t vae_steps, steps;   /* optimiser steps of the two stages */
} sg_train_plan;
sg_status sg_train_check(const sg_train_options *o, const sg_dataset *d, sg_train_plan *out, sg_err *err) SG_MUST_USE;

/* Time and memory of a whole run, from one timed step of each stage. */
typedef struct sg_train_estimate {
    double vae_s, diffusion_s, calibrate_s;
    int64_t bytes;
} sg_train_estimate;
sg_status sg_train_measure(const sg_dataset *d, const sg_train_options *o, const sg_run *run, sg_train_estimate *out,
                           sg_err *err) SG_MUST_USE;

typedef struct sg_train_result {
    sg_train_plan plan;
    float *vae_w, *unet_w; /* EMA weights in the layout of the networks' parameter lists */
    sg_latent_space space; /* diffusion latents <-> VAE latents */
    sg_decoder decoder;    /* offsets by label and linked pairs as far as calibrated */
    char *training_json;   /* {"options":{...},"curves":{...},"seconds":{...}} */
    char *metrics_json;    /* last losses, reconstruction accuracy, calibration fit */
} sg_train_result;

/* Both stages and the calibration. work_dir is made when missing and gets a checkpoint at once, every checkpoint_s
 * seconds, at the end of each stage and when stopped. resume: go on from the checkpoint in work_dir (from the start
 * when there is none); without it a folder that holds a checkpoint is refused (STATE).
 * MISMATCH: the checkpoint belongs to other options or data (says which). CANCELLED: stopped, checkpoint written.
 * DEGENERATE: no one to train on, or a loss or gradient that is not finite. FORMAT: a damaged checkpoint. LIMIT,
 * NOMEM, IO. */
sg_status sg_train_run(const sg_dataset *d, const sg_train_options *o, const char *work_dir, bool resume,
                       const sg_run *run, sg_arena *a, sg_train_result *out, sg_err *err) SG_MUST_USE;

#endif
