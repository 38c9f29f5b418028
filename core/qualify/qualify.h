/* qualify.h - may this model be served at all? Attacks on its weights, a large audit of what it makes, and a record.
 *
 * Shape:   an open model, its reference people, a policy -> findings -> one JSON object, sealed, kept in the card.
 * Units:   as privacy.h; losses per latent number or genotype, natural logarithms.
 * Owner:   the caller frees the record's buffer.
 * Threads: uses run->pool; the same record for any number of threads but for its times.
 * Not here: the gate for cohorts (privacy/), limits (policy/, section "model").
 *
 * What is measured (privacy research: Hilprecht et al. 2019, Carlini et al. 2022, Steinke et al. 2023, Meeus et al. 2023):
 *
 *   model.loss        an attacker who has the weights: reconstruction loss and KL of the VAE, loss of the diffusion network
 *                     at a grid of noise levels, the same noise for everybody, own label and none. Half of the audited people
 *                     teach two attacks (the best single number, a small network over all); the other half measures them.
 *   model.epsilon     one-run audit: members and others were told apart by fair coins (`prepare --audit`); how large must
 *                     epsilon be for the best attack to guess so many right?
 *   model.outliers.*  the same attacks on isolated, most and least heterozygous people
 *   model.overfit     loss of people left out over that of members, relative (a warning, never a verdict)
 *   pool.*            as many people as the policy asks for, as they are served: copies, near copies, relatives, blocks
 *
 * A model whose policy demands it is served only with a record that is PASS, of this very model, this policy, not
 * older than valid_days and sealed with the key of the reference.
 */
#ifndef SG_QUALIFY_QUALIFY_H
#define SG_QUALIFY_QUALIFY_H

#include "privacy/privacy.h"
#include "sampler/sampler.h"

enum { SG_QUALIFY_VERSION = 1, SG_QUALIFY_LEVELS = 10 };

typedef struct sg_qualify_options {
    uint64_t seed;
    int64_t people; /* members, and others, audited at most */
    int64_t pool;   /* people generated; 0: as many as the policy asks for */
    int draws;      /* noise draws per level, 1..64 */
} sg_qualify_options;

sg_qualify_options sg_qualify_defaults(void);

/* Appends the record to b, without a seal. PASS, WITHHOLD (cannot be shown to be safe) or FAIL in *outcome. MISMATCH: model
 * and reference differ in SNPs; DEGENERATE: nobody to audit; CANCELLED, NOMEM, LIMIT. */
sg_status sg_qualify_run(const sg_model *m, const sg_reference *ref, const sg_policy *policy,
                         const sg_qualify_options *o, int64_t now_ms, const sg_run *run, sg_buf *b, sg_outcome *outcome,
                         sg_err *err) SG_MUST_USE;

/* Appends the record with its seal to out. FORMAT: not a record. */
sg_status sg_qualify_seal(const char *record, const uint8_t key[SG_KEY_BYTES], sg_buf *out, sg_err *err) SG_MUST_USE;

/* What a card says of itself, read without believing it. */
typedef struct sg_qualification {
    bool present;
    char outcome[16], reason[40], created[32], expires[32];
} sg_qualification;
void sg_qualification_read(const sg_card *card, sg_qualification *out);

/* OK when the policy does not ask for one, or the card holds a valid one. STATE, with what is wrong and what to do: none,
 * not passed, another model's, another policy's, expired; PRIVACY: the seal is not by this key. */
sg_status sg_qualification_check(const sg_card *card, const sg_policy *policy, const uint8_t key[SG_KEY_BYTES],
                                 int64_t now_ms, sg_err *err) SG_MUST_USE;

#endif
