/* judge.c - from a cohort to a verdict: preconditions, evidence, the table of checks, the worst of what they say. */
#include "privacy/gate.h"
#include "base/clock.h"

#include <math.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

const sg_check sg_check_list[] = {
    {"hygiene", sg_check_hygiene, false},       {"identical_match", sg_check_identical, true},
    {"near_copy", sg_check_near_copy, true},    {"distance_ratio", sg_check_ratio, true},
    {"closest_record", sg_check_closest, true}, {"kinship", sg_check_kin, true},
    {"block_replay", sg_check_blocks, true},    {"internal", sg_check_internal, false},
    {"nearest", sg_check_nearest, true},        {"frequency", sg_check_frequency, true},
    {"dense", sg_check_dense, false},           {"inference", sg_check_inference, false},
    {"linking", sg_check_linking, false},       {"budget", sg_check_budget, false},
    {"published", sg_check_published, false},
};
const int sg_n_check = sizeof sg_check_list / sizeof *sg_check_list;

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

static int64_t count_label(const int8_t *label, int64_t n, int l)
{
    int64_t k = 0;
    for (int64_t i = 0; i < n; i++)
        k += label[i] == l;
    return k;
}

/* People of the evaluation half, of one label or (-1) of all: as sg_holdout_split will deal them. */
static int64_t count_evaluation(const sg_reference *ref, int l)
{
    const int64_t n = ref->people[SG_ROLE_TEST].n_sample;
    const int8_t *label = ref->label[SG_ROLE_TEST];
    int64_t k = 0;
    for (int64_t i = 0; ref->mark[SG_ROLE_TEST] && i < n; i++)
        k += (l < 0 || label[i] == l) && !sg_holdout_calibrates(ref, i);
    if (!ref->mark[SG_ROLE_TEST])
        for (int x = l < 0 ? 0 : l; x < (l < 0 ? SG_LABEL_MAX : l + 1); x++) {
            const int64_t h = count_label(label, n, x);
            k += h - h / 2;
        }
    return k;
}

/* Enough of every label that members have. */
static bool labels_suffice(const sg_reference *ref, const sg_policy *p)
{
    const int64_t n_t = ref->people[SG_ROLE_TRAIN].n_sample, n_h = ref->people[SG_ROLE_TEST].n_sample;
    for (int l = 0; l < SG_LABEL_MAX; l++) {
        const int64_t t = count_label(ref->label[SG_ROLE_TRAIN], n_t, l),
                      h = count_label(ref->label[SG_ROLE_TEST], n_h, l);
        if ((t || h) && (t < p->label_min || count_evaluation(ref, l) < p->label_evaluation_min))
            return false;
    }
    return true;
}

/* What decides before anybody is compared, or NULL. */
static const char *not_judgeable(const sg_judging *q)
{
    const sg_reference *ref = q->ref;
    const sg_policy *p = q->policy;
    const int64_t n_h = ref->people[SG_ROLE_TEST].n_sample;
    int64_t n_e;
    if (sg_policy_check(p, NULL))
        return "policy_invalid";
    if (q->cohort->n_sample == 0 || q->cohort->n_variant == 0)
        return "empty_cohort";
    for (int r = 0; r < SG_N_ROLE; r++)
        if (has_missing(&ref->people[r]) || !labels_ok(ref->label[r], ref->people[r].n_sample))
            return "reference_incomplete";
    n_e = count_evaluation(ref, -1);
    if (ref->people[SG_ROLE_TRAIN].n_sample < p->train_min || n_h - n_e < p->calibration_min ||
        n_e < p->evaluation_min || !labels_suffice(ref, p))
        return "too_few_reference";
    if (has_missing(q->cohort) || (q->earlier && has_missing(q->earlier)))
        return "missing_genotypes";
    if (!labels_ok(q->label, q->cohort->n_sample) || (q->earlier && !labels_ok(q->earlier_label, q->earlier->n_sample)))
        return "bad_label";
    return NULL;
}

/* A deadline that works on everything that polls its stop flag: a thread of its own watches the clock and the flag from
 * outside. */
typedef struct watch {
    const sg_run *outer;
    atomic_bool halt, done;
    int64_t until_ns;
    bool late;
    pthread_t thread;
} watch;

static void *watch_main(void *arg)
{
    watch *w = arg;
    while (!atomic_load(&w->done)) {
        const bool late = sg_clock_mono_ns() > w->until_ns;
        if (late || sg_cancelled(w->outer)) {
            w->late = late && !sg_cancelled(w->outer);
            atomic_store(&w->halt, true);
            break;
        }
        const struct timespec nap = {0, 5000000};
        (void)nanosleep(&nap, NULL);
    }
    return NULL;
}

static sg_status watch_begin(watch *w, const sg_run *outer, double seconds, sg_run *inner, sg_err *err)
{
    *w = (watch){.outer = outer, .until_ns = sg_clock_mono_ns() + (int64_t)(seconds * 1e9)};
    *inner = outer ? *outer : (sg_run){0};
    inner->stop = &w->halt;
    if (pthread_create(&w->thread, NULL, watch_main, w))
        return sg_fail(err, SG_NOMEM, "no thread for a deadline");
    return SG_OK;
}

/* Whether time ran out. */
static bool watch_end(watch *w)
{
    atomic_store(&w->done, true);
    (void)pthread_join(w->thread, NULL);
    return w->late;
}

static void add_failed(const char *name, bool late, sg_findings *out)
{
    sg_measurement m = {.estimate = NAN, .lo = NAN, .hi = NAN, .power = NAN};
    (void)strncat(m.name, name, sizeof m.name - 1);
    sg_measure_fact(&m, "out_of_time", late);
    sg_findings_add(out, &m, (sg_decision){NAN, SG_OUTCOME_WITHHOLD, "check_failed"});
}

static bool any_failed(const sg_findings *f)
{
    for (int i = 0; i < f->n; i++)
        if (f->list[i].decided.status == SG_OUTCOME_FAIL)
            return true;
    return false;
}

sg_status sg_checks_run(const sg_check *checks, int n_check, sg_evidence *e, const sg_policy *policy, const sg_run *run,
                        sg_arena *a, sg_findings *out, sg_err *err)
{
    for (int i = 0; i < n_check && !any_failed(out); i++) {
        if (out->prefix && !checks[i].on_union)
            continue;
        const size_t mark = sg_arena_mark(a);
        const int before = out->n;
        watch w;
        sg_run inner;
        sg_report(run, checks[i].name, i, n_check);
        SG_TRY(watch_begin(&w, run, policy->deadline_s, &inner, err));
        e->run = &inner;
        const sg_status st = checks[i].run(e, policy, a, out, err);
        const bool late = watch_end(&w);
        e->run = run;
        sg_arena_rewind(a, mark);
        if (sg_cancelled(run))
            return sg_fail(err, SG_CANCELLED, "stopped while checking");
        if (st == SG_NOMEM)
            return st;
        if (st || late || out->n == before)
            add_failed(checks[i].name, late, out);
    }
    return SG_OK;
}

/* Address space, not memory: what the passes and checks need at most. */
static size_t arena_bytes(const sg_judging *q, const sg_run *run)
{
    const sg_reference *ref = q->ref;
    const size_t real = (size_t)(ref->people[SG_ROLE_TRAIN].n_sample + ref->people[SG_ROLE_VAL].n_sample +
                                 ref->people[SG_ROLE_TEST].n_sample),
                 made = (size_t)(q->cohort->n_sample + (q->earlier ? q->earlier->n_sample : 0)),
                 snps = (size_t)q->cohort->n_variant, workers = (size_t)sg_pool_size(run ? run->pool : NULL);
    return ((size_t)64 << 20) + 2 * (real + made) * 1024 + made * (64 * workers + snps) + 64 * snps * snps +
           (real + made) * snps + snps * 4096 + workers * ((size_t)16 << 20);
}

/* The cohort behind everything this model released before. */
static sg_status unite(const sg_judging *q, sg_arena *a, sg_people *all, int8_t **label, sg_err *err)
{
    const int64_t n = q->cohort->n_sample, m = q->earlier->n_sample;
    SG_TRY(sg_people_new(n + m, q->cohort->n_variant, a, all, err));
    *label = SG_NEW_RAW(a, int8_t, n + m);
    if (!*label)
        return sg_arena_full(a, "labels", err);
    const size_t row = (size_t)all->n_word * 2;
    memcpy(all->plane, q->cohort->plane, (size_t)n * row * sizeof(uint64_t));
    memcpy(all->plane + (size_t)n * row, q->earlier->plane, (size_t)m * row * sizeof(uint64_t));
    memcpy(*label, q->label, (size_t)n);
    memcpy(*label + n, q->earlier_label, (size_t)m);
    return SG_OK;
}

static sg_status check_union(const sg_judging *q, const sg_gate_memory *m, const sg_run *run, sg_arena *a,
                             sg_findings *found, sg_err *err)
{
    sg_people all;
    int8_t *label;
    sg_evidence e;
    if (!q->earlier || q->earlier->n_sample == 0 || any_failed(found))
        return SG_OK;
    const size_t mark = sg_arena_mark(a);
    SG_TRY(unite(q, a, &all, &label, err));
    SG_TRY(sg_evidence_gather(m, &all, label, q->policy, run, a, &e, err));
    found->prefix = "union.";
    const sg_status st = sg_checks_run(sg_check_list, sg_n_check, &e, q->policy, run, a, found, err);
    found->prefix = NULL;
    sg_arena_rewind(a, mark);
    return st;
}

static sg_status all_checks(const sg_judging *q, const sg_run *run, sg_arena *a, sg_evidence *e, sg_findings *found,
                            sg_err *err)
{
    sg_gate_memory *own = NULL;
    if (!q->memory)
        SG_TRY(sg_gate_memory_new(q->ref, q->policy, run, &own, err));
    const sg_gate_memory *m = q->memory ? q->memory : own;
    sg_status st = sg_evidence_gather(m, q->cohort, q->label, q->policy, run, a, e, err);
    e->made = q->made;
    memcpy(e->released, q->released, sizeof e->released);
    if (!st)
        st = sg_checks_run(sg_check_list, sg_n_check, e, q->policy, run, a, found, err);
    if (!st)
        st = check_union(q, m, run, a, found, err);
    sg_gate_memory_free(own);
    e->known = NULL;
    return st;
}

static sg_status judge(const sg_judging *q, const sg_run *run, sg_arena *a, sg_verdict **out, sg_err *err)
{
    sg_bound bound = {.cohort = sg_cohort_digest(q->cohort, q->label),
                      .reference = q->memory ? q->memory->digest : sg_reference_digest(q->ref),
                      .panel = q->panel};
    if (q->earlier) {
        bound.earlier = sg_cohort_digest(q->earlier, q->earlier_label);
        bound.n_earlier = q->earlier->n_sample;
    }
    sg_findings *found = SG_NEW(a, sg_findings, 1);
    if (!found)
        return sg_arena_full(a, "findings", err);
    sg_evidence e = {.ref = q->ref,
                     .cohort = q->cohort,
                     .label = q->label,
                     .n_s = q->cohort->n_sample,
                     .n_snp = q->cohort->n_variant};
    const char *reason = not_judgeable(q);
    if (reason) {
        const sg_measurement m = {
            .name = "preconditions", .estimate = NAN, .lo = NAN, .hi = NAN, .power = NAN, .n = e.n_s};
        sg_findings_add(found, &m, (sg_decision){NAN, SG_OUTCOME_WITHHOLD, reason});
    } else {
        SG_TRY(all_checks(q, run, a, &e, found, err));
    }
    return sg_verdict_make(found, &e, q->policy, &bound, out, err);
}

sg_status sg_privacy_judge_all(const sg_judging *q, const sg_run *run, sg_verdict **out, sg_err *err)
{
    *out = NULL;
    if (sg_cancelled(run))
        return sg_fail(err, SG_CANCELLED, "stopped before the checks");
    for (int r = 0; r < SG_N_ROLE; r++)
        if (q->ref->people[r].n_variant != q->cohort->n_variant)
            return sg_fail(err, SG_MISMATCH, "the cohort has %lld SNPs, the reference panel %lld",
                           (long long)q->cohort->n_variant, (long long)q->ref->people[r].n_variant);
    if (q->earlier && q->earlier->n_variant != q->cohort->n_variant)
        return sg_fail(err, SG_MISMATCH, "the cohort has %lld SNPs, earlier releases %lld",
                       (long long)q->cohort->n_variant, (long long)q->earlier->n_variant);
    if (q->memory && (q->memory->ref != q->ref || q->memory->kinship != q->policy->kinship))
        return sg_fail(err, SG_MISMATCH, "the gate's memory is of another reference or kinship limit");
    sg_arena a;
    SG_TRY(sg_arena_init(&a, arena_bytes(q, run), err));
    const sg_status st = judge(q, run, &a, out, err);
    sg_arena_clear(&a);
    return st;
}

sg_status sg_privacy_judge(const sg_reference *ref, const sg_people *cohort, const int8_t *label,
                           const sg_policy *policy, const sg_run *run, sg_verdict **out, sg_err *err)
{
    const sg_judging q = {.ref = ref, .cohort = cohort, .label = label, .made = SG_MADE_SAMPLED, .policy = policy};
    return sg_privacy_judge_all(&q, run, out, err);
}
