/* snpz.c - see snpz.h. */
#include "formats/snpz.h"
#include "base/file.h"

#include <assert.h>
#include <string.h>

#define SNPZ_BYTES_MAX ((size_t)256 << 30)
enum { HEAD = 32 };
static const uint8_t magic[8] = {0x89, 'S', 'N', 'P', 'Z', '\r', '\n', 0x1a};

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the planes are written as they lie in memory: little-endian"
#endif

static sg_status digest_of(const void *head, const void *payload, size_t n, sg_digest *out, sg_err *err)
{
    sg_sha256 *h;
    SG_TRY(sg_sha256_new(&h, err));
    sg_sha256_add(h, head, HEAD);
    sg_sha256_add(h, payload, n);
    *out = sg_sha256_end(h);
    sg_sha256_free(h);
    return SG_OK;
}

sg_status sg_snpz_save(const char *path, const sg_people *p, sg_digest *digest, sg_err *err)
{
    assert(sg_people_ok(p));
    uint8_t head[HEAD] = {0};
    const uint32_t version = SG_SNPZ_VERSION;
    const size_t bytes = (size_t)(p->n_sample * p->n_word) * 16;
    memcpy(head, magic, 8);
    memcpy(head + 8, &version, 4);
    memcpy(head + 16, &p->n_sample, 8);
    memcpy(head + 24, &p->n_variant, 8);
    sg_digest d;
    SG_TRY(digest_of(head, p->plane, bytes, &d, err));
    sg_out o;
    SG_TRY(sg_out_open(path, 0600, &o, err));
    (void)fwrite(head, 1, HEAD, o.f);
    (void)fwrite(d.b, 1, sizeof d.b, o.f);
    if (bytes)
        (void)fwrite(p->plane, 1, bytes, o.f);
    SG_TRY(sg_out_commit(&o, err));
    if (digest)
        *digest = d;
    return SG_OK;
}

/* Bits past n_variant would change distances and counts. */
static bool padding_clear(const sg_people *p)
{
    if (p->n_variant % 64 == 0)
        return true;
    const uint64_t past = ~(uint64_t)0 << (p->n_variant % 64);
    for (int64_t i = 0; i < 2 * p->n_sample; i++)
        if (p->plane[(i + 1) * p->n_word - 1] & past)
            return false;
    return true;
}

sg_status sg_snpz_decode(const void *bytes, size_t n, sg_arena *a, sg_people *out, sg_digest *digest, sg_err *err)
{
    *out = (sg_people){0};
    const uint8_t *b = bytes;
    uint32_t version, zero;
    int64_t n_sample, n_variant, words;
    if (n < SG_SNPZ_HEAD || memcmp(b, magic, 8) != 0)
        return sg_fail(err, SG_FORMAT, "not a .snpz file (%zu bytes, or another beginning)", n);
    memcpy(&version, b + 8, 4);
    memcpy(&zero, b + 12, 4);
    memcpy(&n_sample, b + 16, 8);
    memcpy(&n_variant, b + 24, 8);
    if (version != SG_SNPZ_VERSION || zero)
        return sg_fail(err, SG_FORMAT, ".snpz version %u, want %d", version, SG_SNPZ_VERSION);
    if (n_sample < 0 || n_variant < 0 || n_variant > INT64_MAX - 63 ||
        __builtin_mul_overflow(n_sample, (n_variant + 63) / 64 * 16, &words) || (uint64_t)words != n - SG_SNPZ_HEAD)
        return sg_fail(err, SG_MISMATCH, ".snpz has %zu data bytes, its head asks for %lld people with %lld variants",
                       n - SG_SNPZ_HEAD, (long long)n_sample, (long long)n_variant);
    sg_digest d, want;
    memcpy(want.b, b + HEAD, sizeof want.b);
    SG_TRY(digest_of(b, b + SG_SNPZ_HEAD, n - SG_SNPZ_HEAD, &d, err));
    if (!sg_digest_equal(&d, &want))
        return sg_fail(err, SG_MISMATCH, ".snpz is damaged: its SHA-256 is not the one in its head");
    SG_TRY(sg_people_new(n_sample, n_variant, a, out, err));
    if (n > SG_SNPZ_HEAD)
        memcpy(out->plane, b + SG_SNPZ_HEAD, n - SG_SNPZ_HEAD);
    if (!padding_clear(out)) {
        *out = (sg_people){0};
        return sg_fail(err, SG_FORMAT, ".snpz has bits set past its last variant");
    }
    if (digest)
        *digest = d;
    return SG_OK;
}

sg_status sg_snpz_load(const char *path, sg_arena *a, sg_people *out, sg_digest *digest, sg_err *err)
{
    *out = (sg_people){0};
    sg_buf b;
    SG_TRY(sg_file_read(path, SNPZ_BYTES_MAX, &b, err));
    const sg_status st = sg_snpz_decode(b.n ? (const void *)b.data : "", b.n, a, out, digest, err);
    sg_buf_clear(&b);
    return st ? sg_fail_in(err, st, "%s", path) : SG_OK;
}
