/* envelope.c - see envelope.h. */
#include "attest/envelope.h"
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

static const char type[] = "application/vnd.in-toto+json";

sg_status sg_statement_text(const json_t *statement, sg_buf *b, sg_err *err)
{
    char *text = sg_json_text(statement, JSON_COMPACT | JSON_SORT_KEYS);
    const sg_status st =
        text ? sg_buf_add(b, text, strlen(text), err) : sg_fail(err, SG_NOMEM, "no memory for a statement");
    free(text);
    return st;
}

/* Pre-authentication encoding. */
static sg_status encode(const void *payload, size_t n, sg_buf *b, sg_err *err)
{
    SG_TRY(sg_buf_printf(b, err, "DSSEv1 %zu %s %zu ", sizeof type - 1, type, n));
    return sg_buf_add(b, payload, n, err);
}

static void key_name(const sg_signer *key, char hex[SG_DIGEST_HEX])
{
    uint8_t public[SG_PUBLIC_BYTES];
    sg_signer_public(key, public);
    const sg_digest d = sg_sha256_of(public, sizeof public);
    sg_hex(d.b, sizeof d.b, hex);
}

sg_status sg_envelope_seal(const void *payload, size_t n, const sg_signer *key, json_t **out, sg_err *err)
{
    uint8_t signature[SG_SIGNATURE_BYTES];
    char name[SG_DIGEST_HEX];
    sg_buf b, body, seal;
    *out = NULL;
    sg_buf_init(&b, SG_STATEMENT_MAX + 256);
    sg_buf_init(&body, 2 * (size_t)SG_STATEMENT_MAX);
    sg_buf_init(&seal, 256);
    key_name(key, name);
    sg_status st = encode(payload, n, &b, err);
    if (!st)
        st = sg_sign(key, b.data, b.n, signature, err);
    if (!st)
        st = sg_base64(payload, n, &body, err);
    if (!st)
        st = sg_base64(signature, sizeof signature, &seal, err);
    if (!st) {
        *out = json_pack("{s:s,s:s,s:[{s:s,s:s}]}", "payloadType", type, "payload", (const char *)body.data,
                         "signatures", "keyid", name, "sig", (const char *)seal.data);
        if (!*out)
            st = sg_fail(err, SG_NOMEM, "no memory for an envelope");
    }
    sg_buf_clear(&b);
    sg_buf_clear(&body);
    sg_buf_clear(&seal);
    return st;
}

static bool signed_by(const json_t *signatures, const sg_signer *key, const sg_buf *encoded)
{
    size_t i;
    const json_t *s;
    bool found = false;
    json_array_foreach((json_t *)(uintptr_t)signatures, i, s)
    {
        const json_t *sig = json_object_get(s, "sig");
        sg_buf b;
        sg_buf_init(&b, 4096);
        /* keyid is a hint that an attacker may write as well: the signature decides. */
        found = found || (json_is_string(sig) &&
                          sg_unbase64(json_string_value(sig), json_string_length(sig), &b, NULL) == SG_OK && b.n > 0 &&
                          sg_sign_verify(key, encoded->data, encoded->n, b.data, b.n));
        sg_buf_clear(&b);
    }
    return found;
}

sg_status sg_envelope_open(const json_t *envelope, const sg_signer *key, sg_buf *payload, sg_err *err)
{
    const char *kind = json_string_value(json_object_get(envelope, "payloadType"));
    const json_t *body = json_object_get(envelope, "payload");
    const json_t *signatures = json_object_get(envelope, "signatures");
    if (!kind || !json_is_string(body) || !json_is_array(signatures))
        return sg_fail(err, SG_FORMAT, "no DSSE envelope: want payloadType, payload and signatures");
    if (strcmp(kind, type))
        return sg_fail(err, SG_FORMAT, "the envelope holds \"%.60s\", want \"%s\"", kind, type);
    sg_buf_init(payload, SG_STATEMENT_MAX);
    SG_TRY(sg_unbase64(json_string_value(body), json_string_length(body), payload, err));
    sg_buf encoded;
    sg_buf_init(&encoded, SG_STATEMENT_MAX + 256);
    sg_status st = encode(payload->data ? (const void *)payload->data : "", payload->n, &encoded, err);
    if (!st && !signed_by(signatures, key, &encoded))
        st = sg_fail(err, SG_MISMATCH, "the envelope is not signed by this key");
    sg_buf_clear(&encoded);
    return st;
}
