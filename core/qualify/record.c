/* record.c - sealing a record, and believing one; see qualify.h.
 *
 * The seal is HMAC-SHA-256 with the key of the sealed reference, over a fixed word and the record's canonical text (sorted
 * keys, no blanks): who could not open the reference could not have audited the model.
 */
#include "qualify/qualify.h"
#include "base/json.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char domain[] = "snpgen qualification 1";

static sg_status seal_of(json_t *record, const uint8_t key[SG_KEY_BYTES], char hex[SG_DIGEST_HEX], sg_err *err)
{
    char *text = sg_json_text(record, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(17));
    if (!text)
        return sg_fail(err, SG_NOMEM, "no memory for a record");
    const size_t n = strlen(text);
    char *all = malloc(sizeof domain + n);
    if (!all) {
        free(text);
        return sg_fail(err, SG_NOMEM, "no memory for a record");
    }
    memcpy(all, domain, sizeof domain);
    memcpy(all + sizeof domain, text, n);
    const sg_digest d = sg_hmac_sha256(key, SG_KEY_BYTES, all, sizeof domain + n);
    free(all);
    free(text);
    sg_hex(d.b, sizeof d.b, hex);
    return SG_OK;
}

static sg_status parse(const char *text, json_t **out, sg_err *err)
{
    json_error_t e;
    *out = json_loads(text, JSON_REJECT_DUPLICATES, &e);
    if (json_is_object(*out))
        return SG_OK;
    json_decref(*out);
    *out = NULL;
    return sg_fail(err, SG_FORMAT, "the qualification is not a JSON object");
}

sg_status sg_qualify_seal(const char *record, const uint8_t key[SG_KEY_BYTES], sg_buf *out, sg_err *err)
{
    json_t *root;
    char hex[SG_DIGEST_HEX];
    SG_TRY(parse(record, &root, err));
    (void)json_object_del(root, "seal");
    sg_status st = seal_of(root, key, hex, err);
    if (!st && json_object_set_new(root, "seal", json_string(hex)))
        st = sg_fail(err, SG_NOMEM, "no memory for a record");
    char *text = st ? NULL : sg_json_text(root, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(17));
    if (!st)
        st = text ? sg_buf_add(out, text, strlen(text), err) : sg_fail(err, SG_NOMEM, "no memory for a record");
    free(text);
    json_decref(root);
    return st;
}

static const char *word(const json_t *root, const char *key)
{
    const char *s = json_string_value(json_object_get(root, key));
    return s ? s : "";
}

void sg_qualification_read(const sg_card *card, sg_qualification *out)
{
    json_t *root;
    *out = (sg_qualification){0};
    if (!card->qualification_json || parse(card->qualification_json, &root, NULL))
        return;
    out->present = true;
    (void)snprintf(out->outcome, sizeof out->outcome, "%s", word(root, "outcome"));
    (void)snprintf(out->reason, sizeof out->reason, "%s", word(root, "reason"));
    (void)snprintf(out->created, sizeof out->created, "%s", word(root, "created"));
    (void)snprintf(out->expires, sizeof out->expires, "%s", word(root, "expires"));
    json_decref(root);
}

static sg_status sealed(json_t *root, const uint8_t key[SG_KEY_BYTES], sg_err *err)
{
    char want[SG_DIGEST_HEX], given[SG_DIGEST_HEX];
    (void)snprintf(given, sizeof given, "%s", word(root, "seal"));
    (void)json_object_del(root, "seal");
    SG_TRY(seal_of(root, key, want, err));
    return strcmp(want, given) ? sg_fail(err, SG_PRIVACY,
                                         "the model's qualification was not made with this key, or was changed "
                                         "afterwards; run snpgen qualify again")
                               : SG_OK;
}

static sg_status about(const sg_card *card, const sg_policy *policy, const json_t *root, int64_t now_ms, sg_err *err)
{
    char subject[SG_DIGEST_HEX], limits[SG_DIGEST_HEX];
    sg_digest d;
    SG_TRY(sg_card_subject(card, &d, err));
    sg_hex(d.b, sizeof d.b, subject);
    SG_TRY(sg_policy_digest(policy, &d, err));
    sg_hex(d.b, sizeof d.b, limits);
    if (json_integer_value(json_object_get(root, "version")) != SG_QUALIFY_VERSION)
        return sg_fail(err, SG_STATE, "the model's qualification is of another version; run snpgen qualify again");
    if (strcmp(word(root, "model"), subject))
        return sg_fail(err, SG_STATE,
                       "the qualification is of another model or other sampling settings; run snpgen "
                       "qualify again");
    if (strcmp(word(root, "policy"), limits))
        return sg_fail(err, SG_STATE,
                       "the model was qualified under the policy \"%.40s\", not under the one it is to be served with; "
                       "run snpgen qualify with that policy",
                       word(root, "policy_name"));
    if (strcmp(word(root, "outcome"), sg_outcome_name(SG_OUTCOME_PASS)))
        return sg_fail(err, SG_STATE, "the model did not pass its qualification (%.20s: %.40s); train it anew",
                       word(root, "outcome"), word(root, "reason"));
    if (json_integer_value(json_object_get(root, "expires_ms")) <= now_ms)
        return sg_fail(err, SG_STATE, "the model's qualification expired on %.10s; run snpgen qualify again",
                       word(root, "expires"));
    return SG_OK;
}

sg_status sg_qualification_check(const sg_card *card, const sg_policy *policy, const uint8_t key[SG_KEY_BYTES],
                                 int64_t now_ms, sg_err *err)
{
    json_t *root;
    if (!policy->model_qualified)
        return SG_OK;
    if (!card->qualification_json)
        return sg_fail(err, SG_STATE,
                       "the model has not been qualified, and the policy \"%s\" serves none that is not; run snpgen "
                       "qualify",
                       policy->name);
    SG_TRY(parse(card->qualification_json, &root, err));
    sg_status st = sealed(root, key, err);
    if (!st)
        st = about(card, policy, root, now_ms, err);
    json_decref(root);
    return st;
}
