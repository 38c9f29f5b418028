/* note.c - see note.h. */
#include "attest/note.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char dash[] = "\xe2\x80\x94 "; /* an em dash and a space */
enum { KEY_ID = 4, SEAL = KEY_ID + SG_SIGNATURE_BYTES };

sg_status sg_origin_check(const char *origin, sg_err *err)
{
    const size_t n = strlen(origin);
    bool fine = n > 0 && n < SG_ORIGIN_TEXT;
    for (size_t i = 0; fine && i < n; i++)
        fine = origin[i] > ' ' && origin[i] < 0x7f && origin[i] != '+';
    return fine ? SG_OK
                : sg_fail(err, SG_FORMAT,
                          "the audit log's origin wants 1 to %d printable characters without spaces and '+'",
                          SG_ORIGIN_TEXT - 1);
}

static sg_status key_id(const char *origin, const sg_signer *key, uint8_t out[KEY_ID], sg_err *err)
{
    uint8_t public[SG_PUBLIC_BYTES];
    sg_sha256 *h;
    sg_signer_public(key, public);
    SG_TRY(sg_sha256_new(&h, err));
    sg_sha256_add(h, origin, strlen(origin));
    sg_sha256_add(h, "\n\x01", 2);
    sg_sha256_add(h, public, sizeof public);
    const sg_digest d = sg_sha256_end(h);
    sg_sha256_free(h);
    memcpy(out, d.b, KEY_ID);
    return SG_OK;
}

sg_status sg_checkpoint_sign(const sg_checkpoint *c, const sg_signer *key, sg_buf *b, sg_err *err)
{
    uint8_t seal[SEAL];
    SG_TRY(sg_origin_check(c->origin, err));
    const size_t begin = b->n;
    SG_TRY(sg_buf_printf(b, err, "%s\n%" PRId64 "\n", c->origin, c->size));
    SG_TRY(sg_base64(c->root.b, sizeof c->root.b, b, err));
    SG_TRY(sg_buf_add(b, "\n", 1, err));
    SG_TRY(key_id(c->origin, key, seal, err));
    SG_TRY(sg_sign(key, b->data + begin, b->n - begin, seal + KEY_ID, err));
    SG_TRY(sg_buf_printf(b, err, "\n%s%s ", dash, c->origin));
    SG_TRY(sg_base64(seal, sizeof seal, b, err));
    return sg_buf_add(b, "\n", 1, err);
}

/* From *at to the end of the line, which *at then stands behind; -1 when there is none. */
static int64_t line(const char *text, size_t n, size_t *at)
{
    const size_t begin = *at;
    const char *end = begin < n ? memchr(text + begin, '\n', n - begin) : NULL;
    if (!end)
        return -1;
    *at = (size_t)(end - text) + 1;
    return (int64_t)(*at - begin) - 1;
}

static sg_status body(const char *text, size_t n, sg_checkpoint *out, size_t *signatures, sg_err *err)
{
    size_t at = 0;
    const int64_t n_origin = line(text, n, &at);
    if (n_origin < 1 || n_origin >= SG_ORIGIN_TEXT)
        return sg_fail(err, SG_FORMAT, "checkpoint: no origin in its first line");
    memcpy(out->origin, text, (size_t)n_origin);
    out->origin[n_origin] = '\0';
    SG_TRY(sg_origin_check(out->origin, err));
    const char *number = text + at;
    const int64_t digits = line(text, n, &at);
    bool fine = digits >= 1 && digits <= 18 && (number[0] != '0' || digits == 1);
    out->size = 0;
    for (int64_t i = 0; fine && i < digits; i++) {
        fine = number[i] >= '0' && number[i] <= '9';
        out->size = out->size * 10 + (number[i] - '0');
    }
    if (!fine)
        return sg_fail(err, SG_FORMAT, "checkpoint: its second line is no size");
    const char *root = text + at;
    const int64_t n_root = line(text, n, &at);
    sg_buf b;
    sg_buf_init(&b, 256);
    const sg_status st = n_root > 0 ? sg_unbase64(root, (size_t)n_root, &b, NULL) : SG_FORMAT;
    fine = !st && b.n == SG_DIGEST_BYTES;
    if (fine)
        memcpy(out->root.b, b.data, SG_DIGEST_BYTES);
    sg_buf_clear(&b);
    if (!fine)
        return sg_fail(err, SG_FORMAT, "checkpoint: its third line is no root");
    for (int64_t length = 1; length != 0;) { /* further lines, to the empty one */
        *signatures = at;
        length = line(text, n, &at);
        if (length < 0)
            return sg_fail(err, SG_FORMAT, "checkpoint: no empty line before its signatures");
    }
    return SG_OK;
}

static bool signed_by(const char *text, size_t n_body, const char *seal, size_t n_seal, const char *origin,
                      const sg_signer *key)
{
    uint8_t id[KEY_ID];
    sg_buf b;
    sg_buf_init(&b, 4096);
    const bool ok = sg_unbase64(seal, n_seal, &b, NULL) == SG_OK && b.n == SEAL &&
                    key_id(origin, key, id, NULL) == SG_OK && !memcmp(id, b.data, KEY_ID) &&
                    sg_sign_verify(key, text, n_body, b.data + KEY_ID, SG_SIGNATURE_BYTES);
    sg_buf_clear(&b);
    return ok;
}

sg_status sg_checkpoint_open(const char *text, size_t n, const sg_signer *key, sg_checkpoint *out, sg_err *err)
{
    size_t n_body = 0;
    memset(out, 0, sizeof *out);
    SG_TRY(body(text, n, out, &n_body, err));
    char name[SG_ORIGIN_TEXT + 8];
    const int n_name = snprintf(name, sizeof name, "%s%s ", dash, out->origin);
    for (size_t at = n_body + 1; at < n;) {
        const char *l = text + at;
        const int64_t length = line(text, n, &at);
        if (length < 0)
            return sg_fail(err, SG_FORMAT, "checkpoint: its last line is cut off");
        if (length > n_name && !memcmp(l, name, (size_t)n_name) &&
            signed_by(text, n_body, l + n_name, (size_t)(length - n_name), out->origin, key))
            return SG_OK;
    }
    return sg_fail(err, SG_MISMATCH, "checkpoint: not signed by this key");
}
