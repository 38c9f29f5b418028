/* note.h - a checkpoint: how long the log is and what its root was, signed.
 *
 * Shape:   "<origin>\n<size>\n<base64 of the root>\n\n— <origin> <base64 of key id and signature>\n"; the signature is
 *          over the lines before the empty one. key id = first 4 bytes of SHA-256(origin || 0A || 01 || public key).
 * Units:   entries.
 * Owner:   callers own every buffer.
 * Threads: no state.
 * Not here: when a checkpoint is made (server/audit).
 * Source:  C2SP tlog-checkpoint and signed-note, Ed25519 (type 01).
 */
#ifndef SG_ATTEST_NOTE_H
#define SG_ATTEST_NOTE_H

#include "crypto/sign.h"

enum { SG_ORIGIN_TEXT = 128, SG_NOTE_MAX = 4096 };

typedef struct sg_checkpoint {
    char origin[SG_ORIGIN_TEXT]; /* no white space, no '+' */
    int64_t size;
    sg_digest root;
} sg_checkpoint;

/* FORMAT: an origin that no note can carry. */
sg_status sg_origin_check(const char *origin, sg_err *err) SG_MUST_USE;

/* Appends the signed note. FORMAT, INTERNAL, LIMIT, NOMEM. */
sg_status sg_checkpoint_sign(const sg_checkpoint *c, const sg_signer *key, sg_buf *b, sg_err *err) SG_MUST_USE;

/* FORMAT: no checkpoint; MISMATCH: none of its signatures is by this key under the note's own origin. Notes may carry
 * further signatures (of witnesses) and lines after the root. */
sg_status sg_checkpoint_open(const char *text, size_t n, const sg_signer *key, sg_checkpoint *out,
                             sg_err *err) SG_MUST_USE;

#endif
