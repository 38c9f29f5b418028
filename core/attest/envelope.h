/* envelope.h - a signed statement: DSSE around an in-toto Statement.
 *
 * Shape:   {"payloadType":"application/vnd.in-toto+json","payload":base64,"signatures":[{"keyid":hex,"sig":base64}]};
 *          signed bytes: "DSSEv1 " length(type) " " type " " length(payload) " " payload. keyid: SHA-256 of the public
 *          key's 32 bytes.
 * Units:   bytes.
 * Owner:   json_t as jansson has it: new references.
 * Threads: no state.
 * Not here: what a statement says (server/release), what verification of a release means (release.h of this folder).
 * Source:  DSSE 1.0.2, in-toto Statement v1.
 */
#ifndef SG_ATTEST_ENVELOPE_H
#define SG_ATTEST_ENVELOPE_H

#include "crypto/sign.h"

#include <jansson.h>

enum { SG_STATEMENT_MAX = 8 << 20 };

/* The statement as it will lie in the envelope: compact, keys sorted. */
sg_status sg_statement_text(const json_t *statement, sg_buf *b, sg_err *err) SG_MUST_USE;

/* NOMEM, INTERNAL. *out: a new reference. */
sg_status sg_envelope_seal(const void *payload, size_t n, const sg_signer *key, json_t **out, sg_err *err) SG_MUST_USE;

/* The payload's bytes, of an envelope that this key signed. FORMAT: no envelope; MISMATCH: no signature by this key. */
sg_status sg_envelope_open(const json_t *envelope, const sg_signer *key, sg_buf *payload, sg_err *err) SG_MUST_USE;

#endif
