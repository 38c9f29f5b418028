/* judge.c - from a cohort to a verdict: preconditions, evidence, the table of checks, the worst of what they say. */
#include "privacy/gate.h"

#include <math.h>
#include <string.h>

const sg_check sg_check_list[] = {
    {"identical_match", sg_check_identical},
    {"near_copy", sg_check_near_copy},
    {"closest_record", sg_check_closest},
    {"membership_auc", sg_check_membership},
};
const int sg_n_check = sizeof sg_check_list / sizeof *sg_check_list;

const char *sg_outcome_name(sg_outcome o)
{
    static const char *const word[] = {
#define X(name, text) text,
        SG_OUTCOME_LIST(X)
#undef X
    };
    return (unsigned)o < SG_N_OUTCOME ? word[o] : "unknown";
}

sg_digest sg_cohort_digest(const sg_people *people, const int8_t *label)
{
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "genotype words are hashed as they lie in memory: little-endian"
#endif
    static const char magic[16] = "snpgen cohort 1";
    const int64_t size[2] = {people->n_sample, people->n_variant};
    /* Two digests chained by a third keep this a function that cannot fail. */
    const sg_digest part[3] = {sg_sha256_of(size, sizeof size), sg_sha256_of(label, (size_t)people->n_sample),
                               sg_sha256_of(people->plane, (size_t)(people->n_sample * people->n_word) * 16)};
    unsigned char all[sizeof magic + sizeof part];
    memcpy(all, magic, sizeof magic);
    memcpy(all + sizeof magic, part, sizeof part);
    return sg_sha256_of(all, sizeof all);
}

/* Any genotype of code 3 among real variants. */
static bool has_missing(const sg_people *p)
{
    for (int64_t s = 0; s < p->n_sample; s++)
        for (int64_t w = 0; w < p->n_word; w++)
            if (sg_people_lo(p, s)[w] & sg_people_hi(p, s)[w])
                return true;
    return false;
}

static bool labels_ok(const int8_t *label, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (label[i] < 0 || label[i] >= SG_LABEL_MAX)
            return false;
    return true;
}

/* The reason why nothing can be judged at all, or NULL. */
static const char *not_judgeable(const sg_reference *ref, const sg_people *cohort, const int8_t *label,
                                 const sg_policy *policy)
{
    if (sg_policy_check(policy, NULL))
        return "policy_invalid";
    if (cohort->n_sample == 0 || cohort->n_variant == 0)
        return "empty_cohort";
    if (ref->people[SG_ROLE_TRAIN].n_sample < policy->min_reference ||
        ref->people[SG_ROLE_TEST].n_sample < policy->min_reference)
        return "too_few_reference";
    if (has_missing(cohort))
        return "missing_genotypes";
    if (!labels_ok(label, cohort->n_sample))
        return "bad_label";
    for (int r = 0; r < SG_N_ROLE; r++)
        if (has_missing(&ref->people[r]) || !labels_ok(ref->label[r], ref->people[r].n_sample))
            return "reference_incomplete";
    return NULL;
}

static void add_failed(const char *name, sg_findings *out)
{
    sg_measurement m = {.estimate = NAN, .lo = NAN, .hi = NAN};
    (void)strncat(m.name, name, sizeof m.name - 1);
    sg_findings_add(out, &m, (sg_decision){NAN, SG_OUTCOME_WITHHOLD, "check_failed"});
}

sg_status sg_checks_run(const sg_check *checks, int n_check, const sg_evidence *e, const sg_policy *policy, sg_arena *a,
                        sg_findings *out, sg_err *err)
{
    for (int i = 0; i < n_check; i++) {
        const size_t mark = sg_arena_mark(a);
        const int before = out->n;
        const sg_status st = checks[i].run(e, policy, a, out, err);
        sg_arena_rewind(a, mark);
        if (st == SG_CANCELLED || st == SG_NOMEM)
            return st;
        if (st || out->n == before)
            add_failed(checks[i].name, out);
    }
    return SG_OK;
}

sg_decision sg_findings_combine(const sg_findings *f)
{
    sg_decision worst = f->n ? f->list[0].decided : (sg_decision){NAN, SG_OUTCOME_WITHHOLD, "check_failed"};
    for (int i = 1; i < f->n; i++)
        if (f->list[i].decided.status > worst.status)
            worst = f->list[i].decided;
    return worst;
}

/* Address space, not memory: what the passes and checks need at most. */
static size_t arena_bytes(const sg_reference *ref, const sg_people *cohort, const sg_run *run)
{
    const size_t people = (size_t)(cohort->n_sample + ref->people[SG_ROLE_TRAIN].n_sample +
                                   ref->people[SG_ROLE_VAL].n_sample + ref->people[SG_ROLE_TEST].n_sample);
    const size_t workers = (size_t)sg_pool_size(run ? run->pool : NULL);
    return ((size_t)16 << 20) + people * (256 + 4 * workers) + workers * ((size_t)64 << 10);
}

static sg_status judge(const sg_reference *ref, const sg_people *cohort, const int8_t *label, const sg_policy *policy,
                       const sg_run *run, sg_arena *a, sg_verdict **out, sg_err *err)
{
    const sg_digest subject = sg_cohort_digest(cohort, label);
    sg_findings *found = SG_NEW(a, sg_findings, 1);
    if (!found)
        return sg_arena_full(a, "findings", err);
    sg_evidence e = {.ref = ref, .cohort = cohort, .label = label, .n_s = cohort->n_sample, .n_snp = cohort->n_variant};
    const char *reason = not_judgeable(ref, cohort, label, policy);
    if (reason) {
        const sg_measurement m = {.name = "preconditions", .estimate = NAN, .lo = NAN, .hi = NAN, .n = e.n_s};
        sg_findings_add(found, &m, (sg_decision){NAN, SG_OUTCOME_WITHHOLD, reason});
    } else {
        SG_TRY(sg_evidence_gather(ref, cohort, label, run, a, &e, err));
        SG_TRY(sg_checks_run(sg_check_list, sg_n_check, &e, policy, a, found, err));
    }
    return sg_verdict_make(found, &e, policy, &subject, out, err);
}

sg_status sg_privacy_judge(const sg_reference *ref, const sg_people *cohort, const int8_t *label,
                           const sg_policy *policy, const sg_run *run, sg_verdict **out, sg_err *err)
{
    *out = NULL;
    if (sg_cancelled(run))
        return sg_fail(err, SG_CANCELLED, "stopped before the checks");
    for (int r = 0; r < SG_N_ROLE; r++)
        if (ref->people[r].n_variant != cohort->n_variant)
            return sg_fail(err, SG_MISMATCH, "the cohort has %lld SNPs, the reference panel %lld",
                           (long long)cohort->n_variant, (long long)ref->people[r].n_variant);
    sg_arena a;
    SG_TRY(sg_arena_init(&a, arena_bytes(ref, cohort, run), err));
    const sg_status st = judge(ref, cohort, label, policy, run, &a, out, err);
    sg_arena_clear(&a);
    return st;
}
