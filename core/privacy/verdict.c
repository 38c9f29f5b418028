/* verdict.c - what the gate decided, in a form that can be shown and carried but not made by anybody else.
 *
 * Three records, each with a version and a SHA-256 of its text: the measurement (numbers, and the digests of cohort,
 * earlier releases, reference, panel and the gate's build), the policy, and the decision, which names the other two by
 * digest. None can be exchanged without the others noticing.
 *
 * Sealed form, little-endian: magic[8], outcome u32, flags u32, length of the JSON u64, reason[40], subject[32],
 * policy[32], files[32], the JSON, HMAC-SHA-256[32] over all before it.
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
    sg_digest subject, policy;
    bool approvable, low_power;
    sg_buf json;
};

enum { MEASUREMENT_VERSION = 1, DECISION_VERSION = 1 };

const char *sg_outcome_name(sg_outcome o)
{
    static const char *const word[] = {
#define X(name, text) text,
        SG_OUTCOME_LIST(X)
#undef X
    };
    return (unsigned)o < SG_N_OUTCOME ? word[o] : "unknown";
}

const char *sg_reason_words(const char *code)
{
#define X(name, words)                                                                                                 \
    if (!strcmp(code, #name))                                                                                          \
        return words;
    SG_REASON_LIST(X)
#undef X
    return NULL;
}

sg_decision sg_findings_combine(const sg_findings *f)
{
    sg_decision worst = f->n ? f->list[0].decided : (sg_decision){NAN, SG_OUTCOME_WITHHOLD, "check_failed"};
    for (int i = 1; i < f->n; i++)
        if (f->list[i].decided.status > worst.status)
            worst = f->list[i].decided;
    return worst;
}

static const char gate_version[] = "4";

/* JSON has no NaN. */
static sg_status number(sg_buf *b, const char *before, const char *key, double x, sg_err *err)
{
    return isfinite(x) ? sg_buf_printf(b, err, "%s\"%s\":%.10g", before, key, x)
                       : sg_buf_printf(b, err, "%s\"%s\":null", before, key);
}

static sg_status hex_digest(sg_buf *b, const char *before, const char *key, const sg_digest *d, sg_err *err)
{
    char hex[SG_DIGEST_HEX];
    sg_hex(d->b, sizeof d->b, hex);
    return sg_buf_printf(b, err, "%s\"%s\":\"%s\"", before, key, hex);
}

static sg_status measured_json(const sg_measurement *m, sg_buf *b, sg_err *err)
{
    SG_TRY(
        sg_buf_printf(b, err, "{\"name\":\"%s\",\"n\":%" PRId64 ",\"n_reference\":%" PRId64, m->name, m->n, m->n_ref));
    SG_TRY(number(b, ",", "estimate", m->estimate, err));
    if (isfinite(m->lo) && isfinite(m->hi))
        SG_TRY(sg_buf_printf(b, err, ",\"interval\":[%.10g,%.10g]", m->lo, m->hi));
    else
        SG_TRY(sg_buf_printf(b, err, ",\"interval\":null"));
    SG_TRY(number(b, ",", "power", m->power, err));
    SG_TRY(sg_buf_printf(b, err, ",\"facts\":{"));
    for (int i = 0; i < m->n_fact; i++)
        SG_TRY(number(b, i ? "," : "", m->fact[i].name, m->fact[i].value, err));
    SG_TRY(sg_buf_add(b, "}", 1, err));
    for (int i = 0; m->has_roc && i < SG_ROC_POINTS; i++)
        SG_TRY(sg_buf_printf(b, err, "%s%.5g%s", i ? "," : ",\"roc\":[", m->roc[i], i == SG_ROC_POINTS - 1 ? "]" : ""));
    return sg_buf_add(b, "}", 1, err);
}

static sg_status tail_json(const sg_tail *t, sg_buf *b, sg_err *err)
{
    if (!t->known)
        return sg_buf_printf(b, err, ",\"tail\":null");
    SG_TRY(sg_buf_printf(b, err, ",\"tail\":{\"from\":%.10g,\"step\":%.10g", t->from, t->step));
    SG_TRY(number(b, ",", "threshold", t->threshold, err));
    for (int side = 0; side < 2; side++)
        for (int i = 0; i < SG_TAIL_BINS; i++)
            SG_TRY(sg_buf_printf(b, err, "%s%" PRId64 "%s",
                                 i      ? ","
                                 : side ? ",\"holdout\":["
                                        : ",\"cohort\":[",
                                 side ? t->hold[i] : t->cohort[i], i == SG_TAIL_BINS - 1 ? "]" : ""));
    return sg_buf_add(b, "}", 1, err);
}

static sg_status measurement_json(const sg_findings *f, const sg_evidence *e, const sg_bound *bound, sg_buf *b,
                                  sg_err *err)
{
    static const sg_digest none;
    SG_TRY(sg_buf_printf(b, err, "{\"version\":%d,\"gate\":\"%s\",\"build\":\"%s\",\"cohort\":{", MEASUREMENT_VERSION,
                         gate_version, SG_VERSION));
    SG_TRY(hex_digest(b, "", "digest", &bound->cohort, err));
    SG_TRY(sg_buf_printf(b, err, ",\"people\":%" PRId64 ",\"snps\":%" PRId64 "},\"earlier\":{", e->n_s, e->n_snp));
    SG_TRY(hex_digest(b, "", "digest", &bound->earlier, err));
    SG_TRY(sg_buf_printf(b, err, ",\"people\":%" PRId64 "},\"reference\":{", bound->n_earlier));
    SG_TRY(hex_digest(b, "", "digest", &bound->reference, err));
    SG_TRY(sg_buf_printf(b, err,
                         ",\"train\":%" PRId64 ",\"val\":%" PRId64 ",\"test\":%" PRId64 ",\"calibration\":%" PRId64
                         ",\"evaluation\":%" PRId64 "}",
                         e->ref->people[SG_ROLE_TRAIN].n_sample, e->ref->people[SG_ROLE_VAL].n_sample,
                         e->ref->people[SG_ROLE_TEST].n_sample, e->n_c, e->n_e));
    if (sg_digest_equal(&bound->panel, &none))
        SG_TRY(sg_buf_printf(b, err, ",\"panel\":null,\"checks\":["));
    else {
        SG_TRY(hex_digest(b, ",", "panel", &bound->panel, err));
        SG_TRY(sg_buf_printf(b, err, ",\"checks\":["));
    }
    for (int i = 0; i < f->n; i++) {
        if (i)
            SG_TRY(sg_buf_add(b, ",", 1, err));
        SG_TRY(measured_json(&f->list[i].measured, b, err));
    }
    SG_TRY(sg_buf_add(b, "]", 1, err));
    SG_TRY(tail_json(&f->tail, b, err));
    return sg_buf_add(b, "}", 1, err);
}

static sg_status decision_json(const sg_verdict *v, const sg_findings *f, const sg_digest *measurement, sg_buf *b,
                               sg_err *err)
{
    SG_TRY(sg_buf_printf(b, err, "{\"version\":%d", DECISION_VERSION));
    SG_TRY(hex_digest(b, ",", "measurement_digest", measurement, err));
    SG_TRY(hex_digest(b, ",", "policy_digest", &v->policy, err));
    SG_TRY(sg_buf_printf(
        b, err, ",\"outcome\":\"%s\",\"reason\":\"%s\",\"low_power\":%s,\"approvable\":%s,\"checks\":[",
        sg_outcome_name(v->outcome), v->reason, v->low_power ? "true" : "false", v->approvable ? "true" : "false"));
    for (int i = 0; i < f->n; i++) {
        const sg_finding *x = &f->list[i];
        SG_TRY(sg_buf_printf(b, err, "%s{\"name\":\"%s\",\"status\":\"%s\",\"reason\":\"%s\",\"unpowered\":%s",
                             i ? "," : "", x->measured.name, sg_outcome_name(x->decided.status), x->decided.reason,
                             x->unpowered ? "true" : "false"));
        SG_TRY(number(b, ",", "limit", x->decided.limit, err));
        SG_TRY(sg_buf_add(b, "}", 1, err));
    }
    return sg_buf_add(b, "]}", 2, err);
}

static sg_digest since(const sg_buf *b, size_t from)
{
    return sg_sha256_of(b->data + from, b->n - from);
}

static sg_status write_json(const sg_verdict *v, const sg_findings *f, const sg_evidence *e, const sg_policy *policy,
                            const sg_bound *bound, sg_buf *b, sg_err *err)
{
    SG_TRY(sg_buf_printf(b, err, "{\"gate\":\"%s\",\"outcome\":\"%s\",\"reason\":\"%s\",\"measurement\":", gate_version,
                         sg_outcome_name(v->outcome), v->reason));
    size_t from = b->n;
    SG_TRY(measurement_json(f, e, bound, b, err));
    const sg_digest measurement = since(b, from);
    SG_TRY(hex_digest(b, ",", "measurement_digest", &measurement, err));
    SG_TRY(sg_buf_printf(b, err, ",\"policy\":"));
    SG_TRY(sg_policy_json(policy, b, err));
    SG_TRY(hex_digest(b, ",", "policy_digest", &v->policy, err));
    SG_TRY(sg_buf_printf(b, err, ",\"decision\":"));
    from = b->n;
    SG_TRY(decision_json(v, f, &measurement, b, err));
    const sg_digest decision = since(b, from);
    SG_TRY(hex_digest(b, ",", "decision_digest", &decision, err));
    return sg_buf_add(b, "}", 1, err);
}

sg_status sg_verdict_make(const sg_findings *f, const sg_evidence *e, const sg_policy *policy, const sg_bound *bound,
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
    v->subject = bound->cohort;
    v->approvable =
        d.status == SG_OUTCOME_WITHHOLD && policy->approve_withheld && sg_policy_check(policy, NULL) == SG_OK;
    v->low_power = policy->low_power;
    memcpy(v->reason, d.reason, strlen(d.reason) + 1);
    sg_buf_init(&v->json, JSON_MAX);
    sg_status st = sg_policy_digest(policy, &v->policy, err);
    if (!st)
        st = write_json(v, f, e, policy, bound, &v->json, err);
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

const sg_digest *sg_verdict_policy(const sg_verdict *v)
{
    return &v->policy;
}

bool sg_verdict_approvable(const sg_verdict *v)
{
    return v->approvable;
}

bool sg_verdict_low_power(const sg_verdict *v)
{
    return v->low_power;
}

sg_status sg_verdict_requester_json(const sg_verdict *v, sg_buf *b, sg_err *err)
{
    SG_TRY(sg_buf_printf(b, err, "{\"gate\":\"%s\",\"outcome\":\"%s\",\"reason\":\"%s\",\"meaning\":\"%s\"",
                         gate_version, sg_outcome_name(v->outcome), v->reason,
                         *v->reason ? sg_reason_words(v->reason) : ""));
    SG_TRY(sg_buf_printf(b, err, ",\"low_power\":%s", v->low_power ? "true" : "false"));
    SG_TRY(hex_digest(b, ",", "cohort_digest", &v->subject, err));
    SG_TRY(hex_digest(b, ",", "policy_digest", &v->policy, err));
    return sg_buf_add(b, "}", 1, err);
}

sg_status sg_verdict_json(const sg_verdict *v, sg_buf *b, sg_err *err)
{
    return sg_buf_add(b, v->json.data, v->json.n, err);
}

typedef struct envelope {
    char magic[8];
    uint32_t outcome, flags;
    uint64_t n_json;
    char reason[REASON];
    sg_digest subject, policy, files;
} envelope;
_Static_assert(sizeof(envelope) == 8 + 16 + REASON + 3 * SG_DIGEST_BYTES, "no holes in the sealed form");
enum { FLAG_APPROVABLE = 1, FLAG_LOW_POWER = 2 };

static const char magic[8] = {'S', 'G', 'V', 'E', 'R', 'D', 'C', '2'};

sg_status sg_verdict_seal(const sg_verdict *v, const uint8_t key[SG_KEY_BYTES], const sg_digest *files_digest,
                          sg_buf *b, sg_err *err)
{
    envelope e = {.outcome = (uint32_t)v->outcome,
                  .flags = (v->approvable ? FLAG_APPROVABLE : 0u) | (v->low_power ? FLAG_LOW_POWER : 0u),
                  .n_json = v->json.n,
                  .subject = v->subject,
                  .policy = v->policy};
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
    v->policy = e.policy;
    v->approvable = (e.flags & FLAG_APPROVABLE) != 0;
    v->low_power = (e.flags & FLAG_LOW_POWER) != 0;
    memcpy(v->reason, e.reason, sizeof v->reason);
    sg_buf_init(&v->json, JSON_MAX);
    const sg_status st = sg_buf_add(&v->json, (const unsigned char *)bytes + sizeof e, (size_t)e.n_json, err);
    if (st) {
        sg_verdict_free(v);
        return st;
    }
    *files_digest = e.files;
    *out = v;
    return SG_OK;
}
