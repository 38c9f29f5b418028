/* evidence.c - the passes over pairs of people that all checks share; see gate.h.
 *
 * What does not depend on the cohort is remembered per reference (sg_gate_memory): hold-out against members, and within
 * the hold-out. Per cohort: members, validation people and both halves of the hold-out against it, and it against itself.
 * VAL is never a member and never the hold-out that is compared: it is the yardstick of typicality. A person common in
 * the population is near to everybody, TRAIN and VAL alike; only a copy is near to TRAIN alone.
 */
#include "privacy/gate.h"
#include "base/rng.h"
#include "geno/kinship.h"
#include "privacy/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { KIN_PAIRS = 20000 };
static const uint64_t split_seed = 0x7370; /* part of what a reference digest stands for: never changed */

bool sg_holdout_calibrates(const sg_reference *ref, int64_t i)
{
    return (ref->mark[SG_ROLE_TEST][i] & SG_MARK_CALIBRATION) != 0;
}

/* As `prepare` sealed it, families whole; in a reference from before that, each label is dealt by itself: shuffled by a
 * stream of its own, first half to calibration. */
sg_status sg_holdout_split(const sg_reference *ref, sg_arena *a, sg_halves *out, sg_err *err)
{
    const int8_t *label = ref->label[SG_ROLE_TEST];
    const int64_t n = ref->people[SG_ROLE_TEST].n_sample;
    uint8_t *side = SG_NEW(a, uint8_t, n);
    int64_t *who = SG_NEW_RAW(a, int64_t, n);
    *out = (sg_halves){0, 0, SG_NEW_RAW(a, int64_t, n), SG_NEW_RAW(a, int64_t, n)};
    if (!side || !who || !out->calib || !out->eval)
        return sg_arena_full(a, "the halves of the hold-out", err);
    for (int64_t i = 0; ref->mark[SG_ROLE_TEST] && i < n; i++)
        side[i] = sg_holdout_calibrates(ref, i);
    for (int l = 0; !ref->mark[SG_ROLE_TEST] && l < SG_LABEL_MAX; l++) {
        int64_t k = 0;
        for (int64_t i = 0; i < n; i++)
            if (label[i] == l)
                who[k++] = i;
        sg_rng r = sg_rng_stream(split_seed, SG_RNG_PRIVACY, (uint64_t)l, 100);
        sg_rng_shuffle(&r, who, k);
        for (int64_t i = 0; i < k / 2; i++)
            side[who[i]] = 1;
    }
    for (int64_t i = 0; i < n; i++)
        if (side[i])
            out->calib[out->n_calib++] = i;
        else
            out->eval[out->n_eval++] = i;
    return SG_OK;
}

sg_digest sg_reference_digest(const sg_reference *ref)
{
    sg_digest part[2 * SG_N_ROLE];
    int n = 0;
    for (int r = 0; r < SG_N_ROLE; r++)
        part[n++] = sg_cohort_digest(&ref->people[r], ref->label[r]);
    for (int r = 0; r < SG_N_ROLE; r++) /* who calibrates and who is audited decides figures, too */
        if (ref->mark[r])
            part[n++] = sg_sha256_of(ref->mark[r], (size_t)ref->people[r].n_sample);
    return sg_sha256_of(part, (size_t)n * sizeof *part);
}

static sg_status gather_half(const sg_reference *ref, const int64_t *idx, int64_t n, sg_arena *a, sg_people *out,
                             int8_t **label, sg_err *err)
{
    const sg_people *test = &ref->people[SG_ROLE_TEST];
    SG_TRY(sg_people_new(n, test->n_variant, a, out, err));
    *label = SG_NEW_RAW(a, int8_t, n);
    if (!*label)
        return sg_arena_full(a, "labels", err);
    sg_people_gather(test, idx, n, out);
    for (int64_t i = 0; i < n; i++)
        (*label)[i] = ref->label[SG_ROLE_TEST][idx[i]];
    return SG_OK;
}

/* Kinship of pairs of strangers: its median, and its spread above the median (below it lie people of other ancestries).
 * Pairs more than 8 deviations above it are relatives and left out. */
static sg_status strangers(sg_gate_memory *m, sg_arena *a, sg_err *err)
{
    const sg_people *t = &m->ref->people[SG_ROLE_TRAIN];
    m->kin_mean = m->kin_sd = NAN;
    if (t->n_sample == 0 || m->hold.n_sample == 0)
        return SG_OK;
    double *x = SG_NEW_RAW(a, double, KIN_PAIRS);
    if (!x)
        return sg_arena_full(a, "kinship of strangers", err);
    int64_t n = 0, above = 0;
    sg_rng r = sg_rng_stream(split_seed, SG_RNG_PRIVACY, 0, 101);
    for (int64_t i = 0; i < KIN_PAIRS; i++) {
        const int64_t h = (int64_t)sg_rng_below(&r, (uint64_t)m->hold.n_sample),
                      k = (int64_t)sg_rng_below(&r, (uint64_t)t->n_sample);
        x[n] = sg_kinship(&m->hold, h, t, k);
        n += isfinite(x[n]);
    }
    if (n < 100)
        return SG_OK;
    const double mid = sg_quantile(x, n, 0.5), far = 8 * (sg_quantile(x, n, 0.84) - mid);
    double square = 0;
    for (int64_t i = 0; i < n; i++)
        if (x[i] > mid && x[i] - mid < far) {
            square += (x[i] - mid) * (x[i] - mid);
            above++;
        }
    m->kin_mean = mid;
    m->kin_sd = above ? sqrt(square / (double)above) : NAN;
    return SG_OK;
}

static sg_status remember(sg_gate_memory *m, const sg_run *run, sg_err *err)
{
    sg_arena *a = &m->arena;
    const sg_people *train = &m->ref->people[SG_ROLE_TRAIN], *val = &m->ref->people[SG_ROLE_VAL];
    sg_halves h;
    sg_sweep train_eval, val_hold;
    SG_TRY(sg_holdout_split(m->ref, a, &h, err));
    SG_TRY(gather_half(m->ref, h.calib, h.n_calib, a, &m->calib, &m->calib_label, err));
    SG_TRY(gather_half(m->ref, h.eval, h.n_eval, a, &m->eval, &m->eval_label, err));
    const int64_t n_c = h.n_calib, n_h = h.n_calib + h.n_eval, n_t = train->n_sample;
    SG_TRY(sg_people_new(n_h, m->calib.n_variant, a, &m->hold, err));
    const size_t row = (size_t)m->hold.n_word * 2;
    memcpy(m->hold.plane, m->calib.plane, (size_t)n_c * row * sizeof(uint64_t));
    memcpy(m->hold.plane + (size_t)n_c * row, m->eval.plane, (size_t)h.n_eval * row * sizeof(uint64_t));
    const sg_sweep_options all = {.n_near = SG_SWEEP_NEAR,
                                  .radius = {-1, -1},
                                  .kinship = m->kinship,
                                  .blocks = true,
                                  .stage = "members and hold-out"},
                           few = {.radius = {-1, -1}, .kinship = m->kinship, .blocks = true, .stage = all.stage},
                           near = {.n_near = SG_SWEEP_NEAR, .radius = {-1, -1}, .stage = all.stage},
                           own = {.n_near = SG_SWEEP_NEAR, .radius = {-1, -1}, .not_self = true, .stage = all.stage},
                           kin = {.radius = {-1, -1}, .not_self = true, .kinship = m->kinship, .stage = all.stage};
    SG_TRY(sg_sweep_pairs(train, &m->calib, &all, run, a, &m->train_calib, err));
    SG_TRY(sg_sweep_pairs(train, &m->eval, &few, run, a, &train_eval, err));
    SG_TRY(sg_sweep_pairs(&m->eval, &m->calib, &near, run, a, &m->eval_calib, err));
    SG_TRY(sg_sweep_pairs(&m->calib, &m->calib, &own, run, a, &m->calib_calib, err));
    SG_TRY(sg_sweep_pairs(&m->hold, &m->hold, &kin, run, a, &m->hold_hold, err));
    SG_TRY(sg_sweep_pairs(val, &m->hold, &(sg_sweep_options){.radius = {-1, -1}, .stage = all.stage}, run, a, &val_hold,
                          err));
    m->hold_val = val_hold.col;
    m->hold_train = SG_NEW_RAW(a, sg_near, n_h);
    m->hold_level = SG_NEW_RAW(a, uint8_t, n_h);
    m->hold_kin = SG_NEW_RAW(a, int32_t, n_h);
    m->train_level = SG_NEW_RAW(a, uint8_t, n_t);
    if (!m->hold_train || !m->hold_level || !m->hold_kin || !m->train_level)
        return sg_arena_full(a, "the hold-out", err);
    for (int64_t i = 0; i < n_h; i++) {
        const sg_sweep *s = i < n_c ? &m->train_calib : &train_eval;
        const int64_t k = i < n_c ? i : i - n_c;
        m->hold_train[i] = s->col[k];
        m->hold_level[i] = s->col_level[k];
        m->hold_kin[i] = s->col_kin[k];
    }
    memcpy(m->train_level, train_eval.row_level, (size_t)n_t);
    return strangers(m, a, err);
}

/* Address space, not memory: what the passes keep at most. */
static size_t memory_bytes(const sg_reference *ref, const sg_run *run)
{
    const size_t t = (size_t)ref->people[SG_ROLE_TRAIN].n_sample, v = (size_t)ref->people[SG_ROLE_VAL].n_sample,
                 h = (size_t)ref->people[SG_ROLE_TEST].n_sample, workers = (size_t)sg_pool_size(run ? run->pool : NULL);
    const size_t row = (size_t)ref->people[SG_ROLE_TEST].n_word * 16;
    return ((size_t)8 << 20) + 256 * (t + v + h) * 2 + h * (512 + 2 * row + 64 * workers) +
           workers * ((size_t)128 << 10);
}

sg_status sg_gate_memory_new(const sg_reference *ref, const sg_policy *policy, const sg_run *run, sg_gate_memory **out,
                             sg_err *err)
{
    *out = NULL;
    sg_gate_memory *m = calloc(1, sizeof *m);
    if (!m)
        return sg_fail(err, SG_NOMEM, "no memory for the gate");
    m->ref = ref;
    m->kinship = policy->kinship;
    m->digest = sg_reference_digest(ref);
    sg_status st = sg_arena_init(&m->arena, memory_bytes(ref, run), err);
    if (!st)
        st = remember(m, run, err);
    if (st) {
        sg_gate_memory_free(m);
        return st;
    }
    *out = m;
    return SG_OK;
}

void sg_gate_memory_free(sg_gate_memory *m)
{
    if (m)
        sg_arena_clear(&m->arena);
    free(m);
}

static int labels_in_use(const sg_reference *ref)
{
    int n = 0;
    for (int r = 0; r < SG_N_ROLE; r++)
        for (int64_t i = 0; i < ref->people[r].n_sample; i++)
            n = ref->label[r][i] >= n ? ref->label[r][i] + 1 : n;
    return n;
}

/* Radii for counting neighbours: from the calibration half, so that neither members nor evaluation people choose them. */
static sg_status radii(sg_evidence *e, sg_arena *a, sg_err *err)
{
    const size_t mark = sg_arena_mark(a);
    double *x = SG_NEW_RAW(a, double, e->n_c);
    if (!x)
        return sg_arena_full(a, "distances", err);
    for (int64_t i = 0; i < e->n_c; i++)
        x[i] = e->calib.near[i * e->calib.n_near];
    e->radius[0] = (int32_t)fmin(sg_quantile(x, e->n_c, 0.5), SG_FAR - 1.0);
    e->radius[1] = (int32_t)fmin(sg_quantile(x, e->n_c, fmax(0.01, fmin(0.5, 20 / (double)e->n_c))), SG_FAR - 1.0);
    sg_arena_rewind(a, mark);
    return SG_OK;
}

sg_status sg_evidence_gather(const sg_gate_memory *m, const sg_people *cohort, const int8_t *label,
                             const sg_policy *policy, const sg_run *run, sg_arena *a, sg_evidence *e, sg_err *err)
{
    const sg_reference *ref = m->ref;
    const sg_people *train = &ref->people[SG_ROLE_TRAIN], *val = &ref->people[SG_ROLE_VAL];
    *e = (sg_evidence){.ref = ref,
                       .known = m,
                       .cohort = cohort,
                       .label = label,
                       .policy_of_passes = policy,
                       .made = SG_MADE_SAMPLED,
                       .n_s = cohort->n_sample,
                       .n_t = train->n_sample,
                       .n_v = val->n_sample,
                       .n_c = m->calib.n_sample,
                       .n_e = m->eval.n_sample,
                       .n_h = m->hold.n_sample,
                       .n_snp = cohort->n_variant,
                       .n_label = labels_in_use(ref),
                       .run = run};
    sg_sweep_options o = {.n_near = SG_SWEEP_NEAR, .radius = {-1, -1}, .stage = "hold-out and cohort"};
    SG_TRY(sg_sweep_pairs(&m->calib, cohort, &o, run, a, &e->calib, err));
    SG_TRY(radii(e, a, err));
    o.radius[0] = e->radius[0];
    o.radius[1] = e->radius[1];
    o.kinship = policy->kinship;
    o.blocks = true;
    SG_TRY(sg_sweep_pairs(&m->eval, cohort, &o, run, a, &e->eval, err));
    o.stage = "members and cohort";
    SG_TRY(sg_sweep_pairs(train, cohort, &o, run, a, &e->train, err));
    const sg_sweep_options near = {.radius = {-1, -1}, .stage = "validation people and cohort"},
                           own = {.radius = {-1, -1},
                                  .kinship = policy->kinship,
                                  .not_self = true,
                                  .stage = "cohort and itself"};
    SG_TRY(sg_sweep_pairs(val, cohort, &near, run, a, &e->val, err));
    return sg_sweep_pairs(cohort, cohort, &own, run, a, &e->self, err);
}

void sg_measure_fact(sg_measurement *m, const char *name, double value)
{
    if (m->n_fact < SG_FACT_MAX) {
        m->fact[m->n_fact].name = name;
        m->fact[m->n_fact++].value = value;
    }
}

static sg_finding *append(sg_findings *f, const sg_measurement *m, sg_decision d)
{
    if (d.status == SG_OUTCOME_PASS && !isfinite(m->estimate))
        d = (sg_decision){d.limit, SG_OUTCOME_WITHHOLD, "check_failed"};
    if (f->n == SG_FINDING_MAX) {
        f->list[SG_FINDING_MAX - 1].decided = (sg_decision){0, SG_OUTCOME_WITHHOLD, "check_failed"};
        return NULL;
    }
    sg_finding *x = &f->list[f->n++];
    *x = (sg_finding){*m, d, false};
    if (f->prefix) {
        char name[SG_CHECK_NAME];
        (void)snprintf(name, sizeof name, "%s%s", f->prefix, m->name);
        memcpy(x->measured.name, name, sizeof name);
    }
    return x;
}

void sg_findings_add(sg_findings *f, const sg_measurement *m, sg_decision d)
{
    (void)append(f, m, d);
}

void sg_findings_unpowered(sg_findings *f, const sg_measurement *m, double limit, const sg_policy *policy)
{
    sg_finding *x = policy->low_power ? append(f, m, (sg_decision){limit, SG_OUTCOME_PASS, ""})
                                      : append(f, m, (sg_decision){limit, SG_OUTCOME_WITHHOLD, "lacks_power"});
    if (x && policy->low_power && x->decided.status == SG_OUTCOME_WITHHOLD) /* no number at all is no reason here */
        x->decided = (sg_decision){limit, SG_OUTCOME_PASS, ""};
    if (x)
        x->unpowered = true;
}
