/* verdict.c - what the gate decided, in a form that can be shown and carried but not made by anybody else.
 *
 * Sealed form, little-endian: magic[8], outcome u32, length of the JSON u32, reason[40], subject[32], files[32], the
 * JSON, HMAC-SHA-256[32] over all before it.
 */
#include "privacy/gate.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { REASON = 40, JSON_MAX = 1 << 20 };

struct sg_verdict {
    sg_outcome outcome;
    char reason[REASON];
    sg_digest subject;
    sg_buf json;
};

const char *sg_reason_words(const char *code)
{
#define X(name, words)                                                                                                 \
    if (!strcmp(code, #name))                                                                                          \
        return words;
    SG_REASON_LIST(X)
#undef X
    return NULL;
}

static const char gate_version[] = "1";

/* JSON has no NaN. */
static sg_status number(sg_buf *b, const char *key, double x, sg_err *err)
{
    return isfinite(x) ? sg_buf_printf(b, err, ",\"%s\":%.10g", key, x) : sg_buf_printf(b, err, ",\"%s\":null", key);
}

static sg_status finding_json(const sg_finding *f, sg_buf *b, sg_err *err)
{
    const sg_measurement *m = &f->measured;
    SG_TRY(sg_buf_printf(
        b, err, "{\"name\":\"%s\",\"status\":\"%s\",\"reason\":\"%s\",\"n\":%" PRId64 ",\"n_reference\":%" PRId64,
        m->name, sg_outcome_name(f->decided.status), f->decided.reason, m->n, m->n_ref));
    SG_TRY(number(b, "estimate", m->estimate, err));
    if (isfinite(m->lo) && isfinite(m->hi))
        SG_TRY(sg_buf_printf(b, err, ",\"interval\":[%.10g,%.10g]", m->lo, m->hi));
    else
        SG_TRY(sg_buf_printf(b, err, ",\"interval\":null"));
    SG_TRY(number(b, "limit", f->decided.limit, err));
    for (int i = 0; i < m->n_fact; i++)
        SG_TRY(number(b, m->fact[i].name, m->fact[i].value, err));
    return sg_buf_add(b, "}", 1, err);
}

static sg_status policy_part(const sg_policy *policy, sg_buf *b, sg_err *err)
{
    const size_t from = b->n;
    SG_TRY(sg_policy_json(policy, b, err));
    const sg_digest d = sg_sha256_of(b->data + from, b->n - from);
    char hex[SG_DIGEST_HEX];
    sg_hex(d.b, sizeof d.b, hex);
    return sg_buf_printf(b, err, ",\"policy_digest\":\"%s\"", hex);
}

static sg_status write_json(const sg_verdict *v, const sg_findings *f, const sg_evidence *e, const sg_policy *policy,
                            sg_buf *b, sg_err *err)
{
    char hex[SG_DIGEST_HEX];
    sg_hex(v->subject.b, sizeof v->subject.b, hex);
    SG_TRY(
        sg_buf_printf(b, err,
                      "{\"gate\":\"%s\",\"outcome\":\"%s\",\"reason\":\"%s\",\"cohort\":{\"digest\":\"%s\",\"people\":"
                      "%" PRId64 ",\"snps\":%" PRId64 "},\"reference\":{\"train\":%" PRId64 ",\"val\":%" PRId64
                      ",\"test\":%" PRId64 "},\"policy\":",
                      gate_version, sg_outcome_name(v->outcome), v->reason, hex, e->n_s, e->n_snp,
                      e->ref->people[SG_ROLE_TRAIN].n_sample, e->ref->people[SG_ROLE_VAL].n_sample,
                      e->ref->people[SG_ROLE_TEST].n_sample));
    SG_TRY(policy_part(policy, b, err));
    SG_TRY(sg_buf_printf(b, err, ",\"checks\":["));
    for (int i = 0; i < f->n; i++) {
        if (i)
            SG_TRY(sg_buf_add(b, ",", 1, err));
        SG_TRY(finding_json(&f->list[i], b, err));
    }
    return sg_buf_add(b, "]}", 2, err);
}

sg_status sg_verdict_make(const sg_findings *f, const sg_evidence *e, const sg_policy *policy, const sg_digest *subject,
                          sg_verdict **out, sg_err *err)
{
    *out = NULL;
    sg_verdict *v = calloc(1, sizeof *v);
    if (!v)
        return sg_fail(err, SG_NOMEM, "no memory for a verdict");
    const sg_decision d = sg_findings_combine(f);
    assert(d.status == SG_OUTCOME_PASS ? d.reason[0] == '\0' : sg_reason_words(d.reason) != NULL);
    assert(strlen(d.reason) < REASON);
    v->outcome = d.status;
    v->subject = *subject;
    memcpy(v->reason, d.reason, strlen(d.reason) + 1);
    sg_buf_init(&v->json, JSON_MAX);
    const sg_status st = write_json(v, f, e, policy, &v->json, err);
    if (st) {
        sg_verdict_free(v);
        return st;
    }
    *out = v;
    return SG_OK;
}

void sg_verdict_free(sg_verdict *v)
{
    if (v)
        sg_buf_clear(&v->json);
    free(v);
}

sg_outcome sg_verdict_outcome(const sg_verdict *v)
{
    return v->outcome;
}

const char *sg_verdict_reason(const sg_verdict *v)
{
    return v->reason;
}

const sg_digest *sg_verdict_subject(const sg_verdict *v)
{
    return &v->subject;
}

sg_status sg_verdict_json(const sg_verdict *v, sg_buf *b, sg_err *err)
{
    return sg_buf_add(b, v->json.data, v->json.n, err);
}

typedef struct envelope {
    char magic[8];
    uint32_t outcome, n_json;
    char reason[REASON];
    sg_digest subject, files;
} envelope;
_Static_assert(sizeof(envelope) == 8 + 8 + REASON + 2 * SG_DIGEST_BYTES, "no holes in the sealed form");

static const char magic[8] = {'S', 'G', 'V', 'E', 'R', 'D', 'C', '1'};

sg_status sg_verdict_seal(const sg_verdict *v, const uint8_t key[SG_KEY_BYTES], const sg_digest *files_digest,
                          sg_buf *b, sg_err *err)
{
    envelope e = {.outcome = (uint32_t)v->outcome, .n_json = (uint32_t)v->json.n, .subject = v->subject};
    memcpy(e.magic, magic, sizeof magic);
    memcpy(e.reason, v->reason, sizeof e.reason);
    e.files = *files_digest;
    const size_t from = b->n;
    SG_TRY(sg_buf_add(b, &e, sizeof e, err));
    SG_TRY(sg_buf_add(b, v->json.data, v->json.n, err));
    const sg_digest mac = sg_hmac_sha256(key, SG_KEY_BYTES, b->data + from, b->n - from);
    return sg_buf_add(b, mac.b, sizeof mac.b, err);
}

sg_status sg_verdict_unseal(const void *bytes, size_t n, const uint8_t key[SG_KEY_BYTES], sg_digest *files_digest,
                            sg_verdict **out, sg_err *err)
{
    *out = NULL;
    *files_digest = (sg_digest){0};
    envelope e;
    if (n < sizeof e + SG_DIGEST_BYTES)
        return sg_fail(err, SG_PRIVACY, "a sealed verdict of %zu bytes, want at least %zu", n,
                       sizeof e + SG_DIGEST_BYTES);
    const size_t n_signed = n - SG_DIGEST_BYTES;
    const sg_digest mac = sg_hmac_sha256(key, SG_KEY_BYTES, bytes, n_signed);
    if (!sg_const_equal(mac.b, (const unsigned char *)bytes + n_signed, SG_DIGEST_BYTES))
        return sg_fail(err, SG_PRIVACY, "the verdict was not sealed with this key, or a byte of it was changed");
    memcpy(&e, bytes, sizeof e);
    if (memcmp(e.magic, magic, sizeof magic) != 0 || e.outcome >= SG_N_OUTCOME || e.n_json != n_signed - sizeof e ||
        !memchr(e.reason, '\0', sizeof e.reason) || (e.outcome == SG_OUTCOME_PASS) != (e.reason[0] == '\0'))
        return sg_fail(err, SG_PRIVACY, "the sealed verdict is of another version");
    sg_verdict *v = calloc(1, sizeof *v);
    if (!v)
        return sg_fail(err, SG_NOMEM, "no memory for a verdict");
    v->outcome = (sg_outcome)e.outcome;
    v->subject = e.subject;
    memcpy(v->reason, e.reason, sizeof v->reason);
    sg_buf_init(&v->json, JSON_MAX);
    const sg_status st = sg_buf_add(&v->json, (const unsigned char *)bytes + sizeof e, e.n_json, err);
    if (st) {
        sg_verdict_free(v);
        return st;
    }
    *files_digest = e.files;
    *out = v;
    return SG_OK;
}
