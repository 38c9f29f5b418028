/* sign.c - what a receiver verifies; see hooks.h. */
#include "hooks/hooks.h"

#include <stdio.h>
#include <string.h>

static const char prefix[] = "whsec_";

sg_status sg_hook_secret_load(const char *path, sg_hook_secret *out, sg_err *err)
{
    sg_buf file, bytes;
    memset(out, 0, sizeof *out);
    SG_TRY(sg_file_read(path, 1024, &file, err));
    const char *text = file.data ? (const char *)file.data : "";
    const size_t n = strcspn(text, "\r\n"), n_prefix = sizeof prefix - 1;
    sg_buf_init(&bytes, 1024);
    const bool fine = n > n_prefix && !strncmp(text, prefix, n_prefix) && strspn(text + n, "\r\n") + n == file.n &&
                      sg_unbase64(text + n_prefix, n - n_prefix, &bytes, NULL) == SG_OK && bytes.n >= 24 &&
                      bytes.n <= SG_HOOK_SECRET;
    if (fine) {
        memcpy(out->bytes, bytes.data, bytes.n);
        out->n = bytes.n;
    }
    sg_buf_clear(&bytes); /* wipes */
    sg_buf_clear(&file);
    return fine ? SG_OK : sg_fail(err, SG_FORMAT, "%s: want one line, \"whsec_\" and the base64 of 24..64 bytes", path);
}

/* "id.timestamp.body" */
static sg_status content(const char *id, int64_t timestamp_s, const char *body, size_t n, sg_buf *out, sg_err *err)
{
    sg_buf_init(out, 65536);
    SG_TRY(sg_buf_printf(out, err, "%s.%lld.", id, (long long)timestamp_s));
    return sg_buf_add(out, body, n, err);
}

sg_status sg_hook_sign(const sg_signer *key, const sg_hook_secret *secret, const char *id, int64_t timestamp_s,
                       const char *body, size_t n, sg_buf *out, sg_err *err)
{
    sg_buf text;
    uint8_t signature[SG_SIGNATURE_BYTES];
    sg_status st = content(id, timestamp_s, body, n, &text, err);
    if (!st)
        st = sg_sign(key, text.data, text.n, signature, err);
    if (!st)
        st = sg_buf_printf(out, err, "v1a,");
    if (!st)
        st = sg_base64(signature, sizeof signature, out, err);
    if (!st && secret->n) {
        const sg_digest d = sg_hmac_sha256(secret->bytes, secret->n, text.data, text.n);
        st = sg_buf_printf(out, err, " v1,");
        if (!st)
            st = sg_base64(d.b, sizeof d.b, out, err);
    }
    sg_buf_clear(&text);
    return st;
}
