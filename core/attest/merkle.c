/* merkle.c - see merkle.h. */
#include "attest/merkle.h"

#include <stdlib.h>

sg_digest sg_merkle_leaf(const void *data, size_t n)
{
    static const uint8_t mark = 0;
    return sg_sha256_of_two(&mark, 1, data, n);
}

sg_digest sg_merkle_node(const sg_digest *left, const sg_digest *right)
{
    uint8_t text[1 + SG_DIGEST_BYTES] = {1};
    for (int i = 0; i < SG_DIGEST_BYTES; i++)
        text[1 + i] = left->b[i];
    return sg_sha256_of_two(text, sizeof text, right->b, sizeof right->b);
}

sg_status sg_merkle_append(const sg_tree *t, int64_t size, const sg_digest *leaf, sg_err *err)
{
    sg_digest h = *leaf, left;
    int64_t index = size;
    SG_TRY(t->put(t->ctx, 0, index, &h, err));
    for (int level = 0; index & 1; level++) {
        SG_TRY(t->get(t->ctx, level, index - 1, &left, err));
        h = sg_merkle_node(&left, &h);
        index >>= 1;
        SG_TRY(t->put(t->ctx, level + 1, index, &h, err));
    }
    return SG_OK;
}

/* The largest power of two below n (n > 1), as its exponent. */
static int split_level(int64_t n)
{
    return 63 - __builtin_clzll((unsigned long long)(n - 1));
}

/* The root over leaves begin .. begin+n-1; begin is a multiple of the power of two at or above n. */
static sg_status range(const sg_tree *t, int64_t begin, int64_t n, sg_digest *out, sg_err *err)
{
    if ((n & (n - 1)) == 0) {
        const int level = __builtin_ctzll((unsigned long long)n);
        return t->get(t->ctx, level, begin >> level, out, err);
    }
    const int level = split_level(n);
    sg_digest left, right;
    SG_TRY(t->get(t->ctx, level, begin >> level, &left, err));
    SG_TRY(range(t, begin + ((int64_t)1 << level), n - ((int64_t)1 << level), &right, err));
    *out = sg_merkle_node(&left, &right);
    return SG_OK;
}

sg_status sg_merkle_root(const sg_tree *t, int64_t size, sg_digest *out, sg_err *err)
{
    *out = sg_sha256_of("", 0);
    return size > 0 ? range(t, 0, size, out, err) : SG_OK;
}

/* Proofs grow from the root down and are given from the leaf up. */
static void turn(sg_proof *p)
{
    for (int i = 0; i < p->n / 2; i++) {
        const sg_digest d = p->hash[i];
        p->hash[i] = p->hash[p->n - 1 - i];
        p->hash[p->n - 1 - i] = d;
    }
}

sg_status sg_merkle_inclusion(const sg_tree *t, int64_t index, int64_t size, sg_proof *out, sg_err *err)
{
    out->n = 0;
    if (index < 0 || index >= size)
        return sg_fail(err, SG_LIMIT, "entry %lld of a log of %lld", (long long)index, (long long)size);
    int64_t begin = 0, n = size;
    while (n > 1) {
        const int64_t k = (int64_t)1 << split_level(n);
        const bool right = index - begin >= k;
        SG_TRY(right ? range(t, begin, k, &out->hash[out->n], err)
                     : range(t, begin + k, n - k, &out->hash[out->n], err));
        out->n++;
        begin += right ? k : 0;
        n = right ? n - k : k;
    }
    turn(out);
    return SG_OK;
}

sg_status sg_merkle_consistency(const sg_tree *t, int64_t old, int64_t size, sg_proof *out, sg_err *err)
{
    out->n = 0;
    if (old < 0 || old > size)
        return sg_fail(err, SG_LIMIT, "a log of %lld entries has no beginning of %lld", (long long)size,
                       (long long)old);
    if (old == 0 || old == size)
        return SG_OK;
    int64_t begin = 0, n = size, m = old;
    bool whole = true; /* the old tree is still a subtree of its own, whose root the asker knows */
    while (m != n) {
        const int64_t k = (int64_t)1 << split_level(n);
        const bool right = m > k;
        SG_TRY(right ? range(t, begin, k, &out->hash[out->n], err)
                     : range(t, begin + k, n - k, &out->hash[out->n], err));
        out->n++;
        begin += right ? k : 0;
        n = right ? n - k : k;
        m -= right ? k : 0;
        whole = whole && !right;
    }
    if (!whole)
        SG_TRY(range(t, begin, n, &out->hash[out->n++], err));
    turn(out);
    return SG_OK;
}

bool sg_merkle_verify_inclusion(const sg_digest *leaf, int64_t index, int64_t size, const sg_proof *proof,
                                const sg_digest *root)
{
    if (index < 0 || index >= size)
        return false;
    uint64_t fn = (uint64_t)index, sn = (uint64_t)size - 1;
    sg_digest r = *leaf;
    for (int i = 0; i < proof->n; i++) {
        if (sn == 0)
            return false;
        if ((fn & 1) || fn == sn) {
            r = sg_merkle_node(&proof->hash[i], &r);
            while (!(fn & 1) && fn) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            r = sg_merkle_node(&r, &proof->hash[i]);
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0 && sg_digest_equal(&r, root);
}

bool sg_merkle_verify_consistency(int64_t old, const sg_digest *old_root, int64_t size, const sg_digest *root,
                                  const sg_proof *proof)
{
    if (old < 0 || old > size)
        return false;
    if (old == 0) {
        const sg_digest nothing = sg_sha256_of("", 0);
        return proof->n == 0 && sg_digest_equal(old_root, &nothing);
    }
    if (old == size)
        return proof->n == 0 && sg_digest_equal(old_root, root);
    const bool power = (old & (old - 1)) == 0;
    const int first = power ? -1 : 0; /* a power of two: the proof starts with the old root, unsaid */
    if (proof->n == 0)
        return false;
    uint64_t fn = (uint64_t)old - 1, sn = (uint64_t)size - 1;
    while (fn & 1) {
        fn >>= 1;
        sn >>= 1;
    }
    sg_digest fr = power ? *old_root : proof->hash[0], sr = fr;
    for (int i = first + 1; i < proof->n; i++) {
        const sg_digest *c = &proof->hash[i];
        if (sn == 0)
            return false;
        if ((fn & 1) || fn == sn) {
            fr = sg_merkle_node(c, &fr);
            sr = sg_merkle_node(c, &sr);
            while (!(fn & 1) && fn) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            sr = sg_merkle_node(&sr, c);
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0 && sg_digest_equal(&fr, old_root) && sg_digest_equal(&sr, root);
}
