/* release.h - is this folder what was released: signature, digests, audit inclusion, with nothing but a public key.
 *
 * Shape:   manifest.json is a DSSE envelope around an in-toto Statement whose subjects are every other file of the
 *          folder, and beside it (a reader of envelopes ignores it) "audit": {"leaf": the entry's bytes, "proof": [hex],
 *          "checkpoint": a signed note}. The entry's detail carries the SHA-256 of the statement, the proof leads
 *          from the entry to the checkpoint's root, and one key signed both.
 * Units:   bytes.
 * Owner:   plain values.
 * Threads: no state.
 * Not here: making a release (server/release); whether the checkpoint is part of today's log (consistency, merkle.h).
 */
#ifndef SG_ATTEST_RELEASE_H
#define SG_ATTEST_RELEASE_H

#include "attest/merkle.h"
#include "attest/note.h"

#include <jansson.h>

#define SG_MANIFEST_NAME "manifest.json"
#define SG_PREDICATE_TYPE "urn:snpgen:release:v1"

typedef struct sg_release_proof {
    int n_file;
    int64_t bytes; /* of all files but the manifest */
    int64_t entry; /* of the audit log, from 1 */
    char at[32];   /* when, as the entry says */
    sg_digest statement;
    sg_checkpoint checkpoint;
    json_t *predicate; /* what the statement says of the cohort; json_decref when done */
} sg_release_proof;

/* The manifest's member "audit". NULL: no memory. */
json_t *sg_release_audit(const char *leaf, const sg_proof *proof, const char *checkpoint);

/* NOT_FOUND: no folder, no manifest, a file is missing; FORMAT: the manifest cannot be read; MISMATCH: something is not
 * what was signed, and which; LIMIT, IO, NOMEM. */
sg_status sg_release_verify(const char *dir, const sg_signer *key, sg_release_proof *out, sg_err *err) SG_MUST_USE;

#endif
