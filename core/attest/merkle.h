/* merkle.h - the hash tree over an append-only log, its proofs and how they are checked.
 *
 * Shape:   leaves 0..size-1. A complete subtree of level v and index i covers leaves i*2^v .. (i+1)*2^v - 1; whoever
 *          keeps the log keeps the hash of every complete subtree (two per leaf, all in all) and hands them out.
 * Units:   leaves.
 * Owner:   callers own every buffer.
 * Threads: no state.
 * Not here: what a leaf says (leaf.h), where hashes are kept (server/store).
 * Source:  RFC 9162 sections 2.1.1 to 2.1.4: leaf SHA-256(00 || data), node SHA-256(01 || left || right).
 */
#ifndef SG_ATTEST_MERKLE_H
#define SG_ATTEST_MERKLE_H

#include "crypto/crypto.h"

enum { SG_PROOF_MAX = 64 };

typedef struct sg_proof {
    int n;
    sg_digest hash[SG_PROOF_MAX];
} sg_proof;

/* The kept hash of a complete subtree. Whatever it returns is passed on. */
typedef struct sg_tree {
    sg_status (*get)(void *ctx, int level, int64_t index, sg_digest *out, sg_err *err);
    sg_status (*put)(void *ctx, int level, int64_t index, const sg_digest *hash, sg_err *err); /* for append alone */
    void *ctx;
} sg_tree;

sg_digest sg_merkle_leaf(const void *data, size_t n);
sg_digest sg_merkle_node(const sg_digest *left, const sg_digest *right);

/* Puts leaf number `size` and every subtree that it completes. */
sg_status sg_merkle_append(const sg_tree *t, int64_t size, const sg_digest *leaf, sg_err *err) SG_MUST_USE;

/* The root of the first `size` leaves; of none: the digest of no bytes. */
sg_status sg_merkle_root(const sg_tree *t, int64_t size, sg_digest *out, sg_err *err) SG_MUST_USE;

/* That leaf `index` is in the tree of `size`: LIMIT unless 0 <= index < size. */
sg_status sg_merkle_inclusion(const sg_tree *t, int64_t index, int64_t size, sg_proof *out, sg_err *err) SG_MUST_USE;
/* That the tree of `old` is the beginning of the tree of `size`: LIMIT unless 0 <= old <= size. */
sg_status sg_merkle_consistency(const sg_tree *t, int64_t old, int64_t size, sg_proof *out, sg_err *err) SG_MUST_USE;

bool sg_merkle_verify_inclusion(const sg_digest *leaf, int64_t index, int64_t size, const sg_proof *proof,
                                const sg_digest *root);
bool sg_merkle_verify_consistency(int64_t old, const sg_digest *old_root, int64_t size, const sg_digest *root,
                                  const sg_proof *proof);

#endif
