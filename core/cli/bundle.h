/* bundle.h - what train and import share on the way to a model folder, and generate, encode, decode on the way out.
 *
 * Shape:   as model/model.h and panel/panel.h.
 * Units:   codes count the panel's counted allele; files count A1.
 * Owner:   the caller.
 * Threads: main thread.
 * Not here: the format of a bundle (model/), of PLINK and .npy files (formats/).
 */
#ifndef SG_CLI_BUNDLE_H
#define SG_CLI_BUNDLE_H

#include "cohorts/export.h"
#include "model/model.h"
#include "train/train.h"

#include <stddef.h>

/* What computes: two rows of an option table, for sg_backend_choose before a model is opened. */
#define SG_OPT_BACKEND(backend, precision)                                                                             \
    {"backend", SG_OPT_TEXT, &(backend), 0, 0, "NAME", "auto, panels, onednn or openblas; else the fastest", false},   \
    {                                                                                                                  \
        "precision", SG_OPT_TEXT, &(precision), 0, 0, "WORD", "float32 or bfloat16 products; else float32", false      \
    }

/* How generate, encode and decode begin: room for memory_mib MiB, what computes, the model of dir. Whatever is returned,
 * the caller ends with sg_model_close and sg_arena_clear. Errors are those of the three. */
sg_status sg_bundle_open(const char *dir, const char *backend, const char *precision, int64_t memory_mib, sg_arena *a,
                         sg_model **m, sg_err *err) SG_MUST_USE;

/* dir without trailing slashes, plus suffix. LIMIT. */
sg_status sg_bundle_path(const char *dir, const char *suffix, char *out, size_t n, sg_err *err) SG_MUST_USE;

/* STATE when something is there already. */
sg_status sg_bundle_absent(const char *dir, sg_err *err) SG_MUST_USE;

/* Name (id, or made from the folder's name), trait, labels, dates. FORMAT when id is no good as a name. */
sg_status sg_bundle_card(const char *id, const char *dir, const sg_dataset *d, sg_card *card, sg_err *err) SG_MUST_USE;

/* The key in `given`, or with NULL in DIR.key; it is made when missing. path: which file it was. */
sg_status sg_bundle_key(const char *given, const char *dir, char *path, size_t n, uint8_t key[SG_KEY_BYTES],
                        sg_err *err) SG_MUST_USE;

/* The bundle with everyone of the dataset in the sealed reference. Only the weights of r are read. */
sg_status sg_bundle_write(const char *dir, sg_card *card, const sg_dataset *d, const sg_train_result *r,
                          const uint8_t key[SG_KEY_BYTES], sg_arena *a, sg_err *err) SG_MUST_USE;

/* How n people of a model become files: formats is a list with commas (cohorts/export.h); label may be NULL (unknown).
 * The table of SNPs is made in a. FORMAT, NOMEM. */
sg_status sg_cohort_spec(const char *prefix, const char *formats, const sg_model *m, uint64_t seed, int64_t n,
                         const int8_t *label, sg_arena *a, sg_export_spec *out, sg_err *err) SG_MUST_USE;
/* prefix.README.txt: what these files are. */
sg_status sg_cohort_readme(const sg_export_spec *s, sg_err *err) SG_MUST_USE;

/* One label per person: "0,1,1", or the name of an .npy of int8 [n] (as export writes labels). FORMAT, LIMIT. */
sg_status sg_cohort_labels(const char *text, int n_label, sg_arena *a, int8_t **label, int64_t *n,
                           sg_err *err) SG_MUST_USE;
/* The same from a .pheno as export writes it: FID IID label+1, people in the order of the cohort. */
sg_status sg_cohort_pheno(const char *path, int n_label, sg_arena *a, int8_t **label, int64_t *n,
                          sg_err *err) SG_MUST_USE;

/* An .npy of float32 [n, z, T] that fits the model. MISMATCH names the shape found and wanted. */
sg_status sg_cohort_latents(const char *path, const sg_model *m, sg_arena *a, int64_t *n, float **x,
                            sg_err *err) SG_MUST_USE;

#endif
