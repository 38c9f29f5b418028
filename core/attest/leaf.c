/* leaf.c - see leaf.h. */
#include "attest/leaf.h"
#include "attest/merkle.h"
#include "base/clock.h"
#include "base/json.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

sg_digest sg_leaf_commit(const uint8_t salt[SG_SALT_BYTES], const char *what, const char *value)
{
    sg_digest inner[2]; /* fixed lengths, so that no value can look like another field */
    inner[0] = sg_sha256_of(what, strlen(what));
    inner[1] = sg_sha256_of(value, strlen(value));
    return sg_hmac_sha256(salt, SG_SALT_BYTES, inner, sizeof inner);
}

sg_status sg_leaf_text(const sg_leaf *l, sg_buf *b, sg_err *err)
{
    char at[SG_TIME_BYTES], actor[SG_DIGEST_HEX], origin[SG_DIGEST_HEX];
    sg_clock_rfc3339(l->at_ms, at);
    sg_hex(l->actor.b, sizeof l->actor.b, actor);
    sg_hex(l->origin.b, sizeof l->origin.b, origin);
    json_t *j = json_pack("{s:i,s:I,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "v", SG_LEAF_VERSION, "seq", (json_int_t)l->seq,
                          "at", at, "action", l->action, "subject", l->subject, "outcome", l->outcome, "request",
                          l->request_id, "detail", l->detail, "actor", actor, "origin", origin);
    if (!j)
        return sg_fail(err, SG_FORMAT, "audit: an entry with a text that is not UTF-8");
    char *text = sg_json_text(j, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(j);
    const sg_status st =
        text ? sg_buf_add(b, text, strlen(text), err) : sg_fail(err, SG_NOMEM, "no memory for an audit entry");
    free(text);
    return st;
}

sg_status sg_leaf_hash(const sg_leaf *l, sg_digest *out, sg_err *err)
{
    sg_buf b;
    sg_buf_init(&b, SG_LEAF_MAX);
    const sg_status st = sg_leaf_text(l, &b, err);
    if (!st)
        *out = sg_merkle_leaf(b.data, b.n);
    sg_buf_clear(&b);
    return st;
}
