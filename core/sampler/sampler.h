/* sampler.h - seed -> noise -> latents -> genotypes.
 *
 * Shape:   a cohort of n people numbered first .. first+n-1; labels [n].
 * Units:   copies of the counted allele.
 * Owner:   the caller's arena holds the result; scratch is made and freed inside.
 * Threads: uses run->pool; the model is const. Person i of a cohort depends on (model, seed, i, label, sampling) alone:
 *          not on n, the batch, or the number of threads.
 * Not here: files, checks.
 */
#ifndef SG_SAMPLER_SAMPLER_H
#define SG_SAMPLER_SAMPLER_H

#include "base/run.h"
#include "model/model.h"

typedef struct sg_sample_request {
    uint64_t seed;
    int64_t first, n;
    const int8_t *label; /* [n] */
    sg_sampling how;
    const float *noise; /* [n, z, T] unit normal, or NULL to draw from the seed */
    float *latents;     /* [n, z, T] overwritten with final latents in VAE space (unscaled), or NULL */
} sg_sample_request;

/* LIMIT when a setting is out of range (says which); CANCELLED; NOMEM. people [n, n_snp] is made in arena a. */
sg_status sg_sample(const sg_model *m, const sg_sample_request *q, const sg_run *run, sg_arena *a, sg_people *people,
                    sg_err *err) SG_MUST_USE;

/* Genotypes from given latents [n, z, T] (VAE space): `snpgen decode`. Offsets of a decoder go by label, so people are
 * those of sg_sample when seed, first, label and how.decode are; label NULL: everybody as label 0. */
sg_status sg_sample_decode(const sg_model *m, const sg_sample_request *q, const float *latents, const sg_run *run,
                           sg_arena *a, sg_people *people, sg_err *err) SG_MUST_USE;

/* Posterior means [n, z, T] (VAE space) of people: `snpgen encode`. No missing genotypes (LIMIT). */
sg_status sg_sample_encode(const sg_model *m, const sg_people *people, const sg_run *run, float *mean,
                           sg_err *err) SG_MUST_USE;

/* labels [n_case + n_control] in an order shuffled by the seed, so that file order tells nothing. */
void sg_sample_labels(uint64_t seed, int64_t n_control, int64_t n_case, int8_t *label);

#endif
