/* leaf.h - one entry of the audit log as the bytes that are hashed.
 *
 * Shape:   compact JSON, keys sorted: {"action","actor","at","detail","origin","outcome","request","seq","subject","v"}.
 *          actor and origin stand there as commitments, HMAC-SHA-256(salt, SHA-256("actor") || SHA-256(value)), so that
 *          who it was can be forgotten (salt and value erased) while every hash and proof stays what it was.
 * Units:   at: RFC 3339 UTC with milliseconds; seq from 1, the leaf's index plus one.
 * Owner:   texts are borrowed.
 * Threads: no state.
 * Not here: the tree (merkle.h), where entries lie (server/store).
 */
#ifndef SG_ATTEST_LEAF_H
#define SG_ATTEST_LEAF_H

#include "base/file.h"
#include "crypto/crypto.h"

enum { SG_SALT_BYTES = 32, SG_LEAF_MAX = 1 << 20, SG_LEAF_VERSION = 2 };

typedef struct sg_leaf {
    int64_t seq, at_ms;
    const char *action, *subject, *outcome, *request_id, *detail;
    sg_digest actor, origin; /* commitments */
} sg_leaf;

sg_digest sg_leaf_commit(const uint8_t salt[SG_SALT_BYTES], const char *what, const char *value);

/* Appends the bytes. FORMAT: a text that is no UTF-8; NOMEM, LIMIT. */
sg_status sg_leaf_text(const sg_leaf *l, sg_buf *b, sg_err *err) SG_MUST_USE;

/* The hash of those bytes as a leaf of the tree. */
sg_status sg_leaf_hash(const sg_leaf *l, sg_digest *out, sg_err *err) SG_MUST_USE;

#endif
