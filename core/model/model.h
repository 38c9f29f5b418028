/* model.h - the bundle: a folder that holds everything needed to make people and to check them.
 *
 * Shape:   model.safetensors  published names (EMA weights) plus snpgen.latent_mean, snpgen.latent_std [z, T] and, when
 *                             calibrated, snpgen.logit_offset [n_snp, 3] or, by label, [n_label n_snp, 3]; snpgen.linkage_parent
 *                             [n_snp] and snpgen.linkage_pair [n_snp, 9] (decode/decode.h); optional snpgen.label_shift [n_label, z T]
 *                             and snpgen.latent_mix [z T, z T] (diffusion/space.h)
 *          card.json          what it is (below)
 *          panel.tsv          panel/panel.h
 *          reference.enc      members and non-members, sealed; read by sg_reference_open alone
 * Units:   -
 * Owner:   sg_model_open/_close; an open model is const and shared by threads.
 * Threads: const after open.
 * Not here: sampling (sampler/), checks (privacy/).
 */
#ifndef SG_MODEL_MODEL_H
#define SG_MODEL_MODEL_H

#include "decode/decode.h"
#include "diffusion/solver.h"
#include "diffusion/space.h"
#include "panel/panel.h"
#include "vae/vae.h"

enum { SG_BUNDLE_FORMAT = 1, SG_MODEL_ID = 64 };

/* How people are made unless the caller asks otherwise. Part of the card: a gate result holds for these settings. */
typedef struct sg_sampling {
    sg_solve_options solve;
    sg_decode decode;
} sg_sampling;

typedef struct sg_card {
    int format;           /* SG_BUNDLE_FORMAT */
    char id[SG_MODEL_ID]; /* [a-z0-9][a-z0-9._-]*, the name in URLs */
    char trait[64];
    int n_label;
    char label_name[SG_LABEL_MAX][SG_LABEL_NAME];
    double prevalence;
    char created[32], build[64], licence[64];
    char intended_use[512];
    sg_vae_config vae;
    sg_unet_config unet;
    sg_sampling sampling; /* defaults; sampling.solve.objective is the trained one */
    int64_t n_train, n_val, n_test;
    int64_t n_train_label[SG_LABEL_MAX];
    sg_digest data, weights, panel, reference; /* SHA-256 of the dataset, and of the three files beside the card */
    char *training_json;                       /* settings and curves, metrics: one JSON object each, or NULL; arena */
    char *metrics_json;
    char *qualification_json; /* what `snpgen qualify` found (qualify/qualify.h), or NULL; arena */
} sg_card;

typedef struct sg_model {
    sg_card card;
    sg_panel panel;
    sg_vae *vae;
    sg_unet *unet;
    sg_schedule schedule;
    float *latent_mean, *latent_std; /* [z, T] */
    float *label_shift, *latent_mix; /* as in diffusion/space.h, or NULL */
    sg_latent_space space;           /* the four above */
    sg_decoder decoder;              /* from logits to genotypes; its buffers in the arena */
    sg_digest digest;                /* of card.json, which names all others: the model's identity */
    sg_arena arena;
} sg_model;

/* Everything but reference.enc. FORMAT, MISMATCH (a file that is not the one the card names, or shapes that do not fit
 * the panel), NOT_FOUND, LIMIT (another format version). On failure *out is NULL. */
sg_status sg_model_open(const char *dir, sg_model **out, sg_err *err) SG_MUST_USE;
void sg_model_close(sg_model *m);

/* Members and non-members, for the release checks. */
typedef struct sg_reference {
    sg_people people[SG_N_ROLE];
    int8_t *label[SG_N_ROLE]; /* [people[r].n_sample] */
    uint8_t
        *mark[SG_N_ROLE]; /* the same: bits of sg_mark; all NULL when the dataset or bundle is older than they are */
} sg_reference;

/* The people of a dataset by their roles, in the dataset's order. NOMEM. */
sg_status sg_reference_from_dataset(const sg_dataset *d, sg_arena *a, sg_reference *out, sg_err *err) SG_MUST_USE;

/* Writes a whole bundle into `dir` (must not exist; made under a temporary name and renamed). vae_w, unet_w: EMA
 * weights. The digests and counts of `card` are filled in here. ref is sealed with key. STATE when dir exists. */
sg_status sg_model_save(const char *dir, sg_card *card, const sg_panel *panel, const float *vae_w, const float *unet_w,
                        const sg_latent_space *space, const sg_decoder *decoder, const sg_reference *ref,
                        const uint8_t key[SG_KEY_BYTES], sg_err *err) SG_MUST_USE;

/* What a qualification is bound to: SHA-256 of the card without it. FORMAT, NOMEM. */
sg_status sg_card_subject(const sg_card *card, sg_digest *out, sg_err *err) SG_MUST_USE;

/* Puts a qualification (a JSON object) in the place of the card's, in memory and, whole or not at all, in dir/card.json.
 * The model's digest becomes another. FORMAT, IO. */
sg_status sg_model_qualify(const char *dir, sg_model *m, const char *json, sg_err *err) SG_MUST_USE;

/* Opens reference.enc of the bundle in dir into arena a (which is excluded from core dumps). PRIVACY when the key is
 * wrong or a byte was changed; MISMATCH when it belongs to another bundle. Called by the worker and by `snpgen check`
 * only. */
sg_status sg_reference_open(const char *dir, const sg_card *card, const uint8_t key[SG_KEY_BYTES], sg_arena *a,
                            sg_reference *out, sg_err *err) SG_MUST_USE;

/* The key file: 64 hexadecimal digits and a newline, not readable by group or others (STATE otherwise). new: makes one,
 * 0600. */
sg_status sg_key_load(const char *path, uint8_t key[SG_KEY_BYTES], sg_err *err) SG_MUST_USE;
sg_status sg_key_new(const char *path, sg_err *err) SG_MUST_USE;

#endif
