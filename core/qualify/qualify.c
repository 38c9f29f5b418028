/* qualify.c - the order of a qualification; see qualify.h. */
#include "qualify/qualify.h"
#include "base/clock.h"
#include "base/rng.h"
#include "qualify/inside.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { STRANGERS = 5 };
static const int64_t day_ms = 86400000;

sg_qualify_options sg_qualify_defaults(void)
{
    return (sg_qualify_options){.seed = 1, .people = 10000, .pool = 0, .draws = 8};
}

/* Audited people of one role as people of their own. */
typedef struct group {
    sg_people people;
    int8_t *label;
    double *trace, *isolation, *het;
} group;

static sg_status take(const sg_reference *ref, sg_role role, const int64_t *row, int64_t n, sg_arena *a, group *g,
                      sg_err *err)
{
    SG_TRY(sg_people_new(n, ref->people[role].n_variant, a, &g->people, err));
    g->label = SG_NEW(a, int8_t, n);
    g->trace = SG_NEW(a, double, n *SG_TRACE);
    g->het = SG_NEW(a, double, n);
    if (!g->label || !g->trace || !g->het)
        return sg_arena_full(a, "audited people", err);
    sg_people_gather(&ref->people[role], row, n, &g->people);
    for (int64_t i = 0; i < n; i++) {
        g->label[i] = ref->label[role][row[i]];
        for (int64_t w = 0; w < g->people.n_word; w++)
            g->het[i] += __builtin_popcountll(sg_people_lo(&g->people, i)[w] & ~sg_people_hi(&g->people, i)[w]);
    }
    return SG_OK;
}

/* Mean distance to the nearest people whom nobody asks about (VAL). */
static sg_status isolate(const sg_reference *ref, group *g, const sg_run *run, sg_arena *a, sg_err *err)
{
    sg_sweep s;
    const sg_sweep_options o = {.n_near = STRANGERS, .radius = {-1, -1}, .stage = "isolation"};
    g->isolation = NULL;
    if (ref->people[SG_ROLE_VAL].n_sample < STRANGERS)
        return SG_OK;
    double *x = SG_NEW(a, double, g->people.n_sample);
    if (!x)
        return sg_arena_full(a, "isolation", err);
    SG_TRY(sg_sweep_pairs(&g->people, &ref->people[SG_ROLE_VAL], &o, run, a, &s, err));
    for (int64_t i = 0; i < g->people.n_sample; i++)
        for (int k = 0; k < STRANGERS; k++)
            x[i] += s.near[i * STRANGERS + k] / (double)STRANGERS;
    g->isolation = x;
    return SG_OK;
}

static sg_status everyone(int64_t n, int64_t most, uint64_t seed, sg_arena *a, int64_t **row, int64_t *out, sg_err *err)
{
    *row = SG_NEW_RAW(a, int64_t, n + 1);
    if (!*row)
        return sg_arena_full(a, "people", err);
    for (int64_t i = 0; i < n; i++)
        (*row)[i] = i;
    sg_rng r = sg_rng_stream(seed, SG_RNG_QUALIFY, 1, 6);
    sg_rng_shuffle(&r, *row, n);
    *out = n < most ? n : most;
    return SG_OK;
}

static sg_status trace(const sg_model *m, const sg_qualify_options *o, const char *stage, const sg_run *run, group *g,
                       sg_err *err)
{
    return sg_trace_people(m, &g->people, g->label, o->seed, o->draws, stage, run, g->trace, err);
}

static sg_status attack_weights(const sg_model *m, const sg_reference *ref, const sg_policy *policy,
                                const sg_qualify_options *o, const sg_run *run, sg_arena *a, sg_findings *out,
                                sg_err *err)
{
    sg_audit audit;
    group member = {0}, other = {0}, val = {0};
    int64_t *row, n_val = 0;
    SG_TRY(sg_audit_choose(ref, o->people, o->seed, a, &audit, err));
    if (audit.n_member < 20 || audit.n_other < 20)
        return sg_fail(err, SG_DEGENERATE, "%lld members and %lld others to audit, want 20 of each",
                       (long long)audit.n_member, (long long)audit.n_other);
    SG_TRY(everyone(ref->people[SG_ROLE_VAL].n_sample, o->people, o->seed, a, &row, &n_val, err));
    SG_TRY(take(ref, SG_ROLE_TRAIN, audit.member, audit.n_member, a, &member, err));
    SG_TRY(take(ref, SG_ROLE_TEST, audit.other, audit.n_other, a, &other, err));
    SG_TRY(take(ref, SG_ROLE_VAL, row, n_val, a, &val, err));
    SG_TRY(isolate(ref, &member, run, a, err));
    SG_TRY(isolate(ref, &other, run, a, err));
    SG_TRY(trace(m, o, "loss of members", run, &member, err));
    SG_TRY(trace(m, o, "loss of others", run, &other, err));
    SG_TRY(trace(m, o, "loss of validation people", run, &val, err));
    const sg_traced t = {.audit = &audit,
                         .member = member.trace,
                         .other = other.trace,
                         .val = val.trace,
                         .n_val = n_val,
                         .isolation_member = member.isolation,
                         .isolation_other = other.isolation,
                         .het_member = member.het,
                         .het_other = other.het};
    return sg_judge_traces(&t, policy, 1 / (10.0 * (double)ref->people[SG_ROLE_TRAIN].n_sample), o->seed, run, a, out,
                           err);
}

static size_t arena_bytes(const sg_model *m, const sg_qualify_options *o, const sg_reference *ref)
{
    const size_t people = 4 * (size_t)o->people + 1024, snps = (size_t)m->panel.n_snp,
                 all = (size_t)(ref->people[SG_ROLE_TRAIN].n_sample + ref->people[SG_ROLE_TEST].n_sample +
                                ref->people[SG_ROLE_VAL].n_sample);
    return people * (snps / 4 + 64 * SG_TRACE + 4096) + all * 64 + ((size_t)256 << 20);
}

/* ---- the record ---- */

static sg_status number(sg_buf *b, const char *key, double x, sg_err *err)
{
    return isfinite(x) ? sg_buf_printf(b, err, ",\"%s\":%.10g", key, x) : sg_buf_printf(b, err, ",\"%s\":null", key);
}

static sg_status digest(sg_buf *b, const char *key, const sg_digest *d, sg_err *err)
{
    char hex[SG_DIGEST_HEX];
    sg_hex(d->b, sizeof d->b, hex);
    return sg_buf_printf(b, err, ",\"%s\":\"%s\"", key, hex);
}

static sg_status finding_json(const sg_finding *f, const char *before, sg_buf *b, sg_err *err)
{
    const sg_measurement *m = &f->measured;
    SG_TRY(sg_buf_printf(b, err,
                         "%s{\"name\":\"%s\",\"status\":\"%s\",\"reason\":\"%s\",\"unpowered\":%s,\"n\":%" PRId64
                         ",\"n_reference\":%" PRId64,
                         before, m->name, sg_outcome_name(f->decided.status), f->decided.reason,
                         f->unpowered ? "true" : "false", m->n, m->n_ref));
    SG_TRY(number(b, "estimate", m->estimate, err));
    SG_TRY(number(b, "low", m->lo, err));
    SG_TRY(number(b, "high", m->hi, err));
    SG_TRY(number(b, "limit", f->decided.limit, err));
    SG_TRY(number(b, "power", m->power, err));
    SG_TRY(sg_buf_printf(b, err, ",\"facts\":{\"unpowered\":%d", (int)f->unpowered));
    for (int i = 0; i < m->n_fact; i++)
        SG_TRY(number(b, m->fact[i].name, m->fact[i].value, err));
    return sg_buf_add(b, "}}", 2, err);
}

static sg_status record(const sg_model *m, const sg_reference *ref, const sg_policy *policy,
                        const sg_qualify_options *o, int64_t pool, int64_t now_ms, const sg_findings *f, sg_buf *b,
                        sg_err *err)
{
    char created[SG_TIME_BYTES], expires[SG_TIME_BYTES];
    sg_digest subject, limits;
    const sg_digest real = sg_reference_digest(ref);
    const sg_decision d = sg_findings_combine(f);
    sg_clock_rfc3339(now_ms, created);
    sg_clock_rfc3339(now_ms + policy->model_valid_days * day_ms, expires);
    SG_TRY(sg_card_subject(&m->card, &subject, err));
    SG_TRY(sg_policy_digest(policy, &limits, err));
    SG_TRY(sg_buf_printf(
        b, err,
        "{\"version\":%d,\"build\":\"%s\",\"created\":\"%s\",\"created_ms\":%" PRId64
        ",\"expires\":\"%s\",\"expires_ms\":%" PRId64 ",\"outcome\":\"%s\",\"reason\":\"%s\",\"low_power\":%s",
        SG_QUALIFY_VERSION, SG_VERSION, created, now_ms, expires, now_ms + policy->model_valid_days * day_ms,
        sg_outcome_name(d.status), d.reason, policy->low_power ? "true" : "false"));
    SG_TRY(digest(b, "model", &subject, err));
    SG_TRY(digest(b, "reference", &real, err));
    SG_TRY(sg_buf_printf(b, err, ",\"policy_name\":\"%s\",\"tier\":\"%s\"", policy->name, sg_tier_name(policy->tier)));
    SG_TRY(digest(b, "policy", &limits, err));
    SG_TRY(sg_buf_printf(b, err,
                         ",\"audit\":{\"seed\":%" PRIu64 ",\"people\":%" PRId64 ",\"draws\":%d,\"pool\":%" PRId64
                         "},\"checks\":[",
                         o->seed, o->people, o->draws, pool));
    for (int i = 0; i < f->n; i++)
        SG_TRY(finding_json(&f->list[i], i ? "," : "", b, err));
    return sg_buf_printf(
        b, err,
        "],\"not_tested\":[\"shadow models\",\"attacks with more noise draws than these\",\"gradients\","
        "\"relatives of the second degree\",\"future attacks\"]}");
}

static void add_epsilon(const sg_policy *policy, sg_findings *f)
{
    if (policy->tier != SG_TIER_DP)
        return;
    const sg_measurement m = {.name = "model.accountant", .estimate = NAN, .lo = NAN, .hi = NAN, .power = NAN};
    sg_findings_add(f, &m, (sg_decision){policy->model_epsilon_max, SG_OUTCOME_WITHHOLD, "lacks_power"});
}

sg_status sg_qualify_run(const sg_model *m, const sg_reference *ref, const sg_policy *policy,
                         const sg_qualify_options *o, int64_t now_ms, const sg_run *run, sg_buf *b, sg_outcome *outcome,
                         sg_err *err)
{
    *outcome = SG_OUTCOME_WITHHOLD;
    SG_TRY(sg_policy_check(policy, err));
    if (o->people < 20 || o->pool < 0 || o->draws < 1 || o->draws > 64)
        return sg_fail(err, SG_LIMIT, "want 20 people or more to audit, 1 to 64 noise draws, and no negative pool");
    for (int r = 0; r < SG_N_ROLE; r++)
        if (ref->people[r].n_variant != m->panel.n_snp)
            return sg_fail(err, SG_MISMATCH, "the reference has %lld SNPs, the model %lld",
                           (long long)ref->people[r].n_variant, (long long)m->panel.n_snp);
    const int64_t pool = o->pool ? o->pool : policy->model_pool_min;
    sg_arena a;
    SG_TRY(sg_arena_init(&a, arena_bytes(m, o, ref) + sizeof(sg_findings), err));
    sg_findings *f = SG_NEW(&a, sg_findings, 1);
    sg_status st = f ? attack_weights(m, ref, policy, o, run, &a, f, err) : sg_arena_full(&a, "findings", err);
    if (!st)
        st = sg_judge_pool(m, ref, policy, pool, o->seed, run, f, err);
    if (!st) {
        add_epsilon(policy, f);
        *outcome = sg_findings_combine(f).status;
        st = record(m, ref, policy, o, pool, now_ms, f, b, err);
    }
    sg_arena_clear(&a);
    return st;
}
