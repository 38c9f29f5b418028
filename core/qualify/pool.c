/* pool.c - a large audit of what the model makes: the gate's own copy tests, over far more people than any cohort has. */
#include "base/rng.h"
#include "privacy/stats.h"
#include "qualify/inside.h"

#include <math.h>
#include <string.h>

enum { PIECE = 8192 };

static double fact(const sg_measurement *m, const char *name)
{
    for (int i = 0; i < m->n_fact; i++)
        if (!strcmp(m->fact[i].name, name))
            return m->fact[i].value;
    return NAN;
}

static int64_t count(const sg_measurement *m, const char *name)
{
    const double x = fact(m, name);
    return isfinite(x) ? (int64_t)x : 0;
}

/* What the four copy tests said of one piece. */
static void collect(const sg_finding *f, sg_pool_count *c)
{
    const sg_measurement *m = &f->measured;
    if (!strcmp(f->decided.reason, "check_failed"))
        c->broken = true;
    if (!strcmp(m->name, "identical_match")) {
        c->equal += (int64_t)llround(m->estimate * (double)m->n);
        c->coarse |= !strcmp(f->decided.reason, "panel_too_coarse");
    } else if (!strcmp(m->name, "near_copy")) {
        c->flagged += count(m, "flagged");
        c->confirmed += count(m, "confirmed");
    } else if (!strcmp(m->name, "kinship")) {
        c->related += count(m, "rows");
        c->false_pairs += fact(m, "false_pairs_expected");
    } else if (!strcmp(m->name, "block_replay")) {
        c->shared += count(m, "rows");
        c->no_blocks |= f->unpowered || !(fact(m, "block_snps") > 0);
    }
}

static size_t arena_bytes(const sg_gate_memory *k, int64_t n, const sg_run *run)
{
    const sg_reference *ref = k->ref;
    const size_t real = (size_t)(ref->people[SG_ROLE_TRAIN].n_sample + ref->people[SG_ROLE_VAL].n_sample +
                                 ref->people[SG_ROLE_TEST].n_sample),
                 snps = (size_t)ref->people[SG_ROLE_TRAIN].n_variant,
                 workers = (size_t)sg_pool_size(run ? run->pool : NULL);
    return ((size_t)64 << 20) + 2 * (real + (size_t)n) * 1024 + (size_t)n * (64 * workers + snps) + snps * 4096 +
           workers * ((size_t)16 << 20);
}

sg_status sg_pool_look(const sg_gate_memory *memory, const sg_people *people, const int8_t *label,
                       const sg_policy *policy, const sg_run *run, sg_pool_count *c, sg_err *err)
{
    static const sg_check look[] = {{"identical_match", sg_check_identical, false},
                                    {"near_copy", sg_check_near_copy, false},
                                    {"kinship", sg_check_kin, false},
                                    {"block_replay", sg_check_blocks, false}};
    sg_arena a;
    SG_TRY(sg_arena_init(&a, arena_bytes(memory, people->n_sample, run) + sizeof(sg_findings), err));
    sg_evidence e;
    sg_findings *f = SG_NEW(&a, sg_findings, 1);
    sg_status st =
        f ? sg_evidence_gather(memory, people, label, policy, run, &a, &e, err) : sg_arena_full(&a, "findings", err);
    /* One test at a time: the gate stops at its first FAIL, an audit counts everything. */
    for (size_t i = 0; !st && i < sizeof look / sizeof *look; i++) {
        f->n = 0;
        st = sg_checks_run(&look[i], 1, &e, policy, run, &a, f, err);
        for (int k = 0; !st && k < f->n; k++) {
            collect(&f->list[k], c);
            if (!strcmp(f->list[k].measured.name, "block_replay"))
                c->hold_shared = fact(&f->list[k].measured, "holdout_rows") / (double)e.n_h;
        }
    }
    c->n += st ? 0 : people->n_sample;
    c->n_hold = memory->ref->people[SG_ROLE_TEST].n_sample;
    sg_arena_clear(&a);
    return st;
}

static sg_measurement rate_of(const char *name, int64_t k, int64_t n, int64_t n_ref)
{
    sg_measurement m = {.n = n, .n_ref = n_ref, .power = NAN};
    (void)snprintf(m.name, sizeof m.name, "%s", name);
    double none;
    m.estimate = (double)k / (double)n;
    sg_binomial_interval(k, n, 0.05, &m.lo, &m.hi);
    sg_measure_fact(&m, "rows", (double)k);
    sg_binomial_interval(k, n, 0.10, &none, &m.fact[m.n_fact].value);
    m.fact[m.n_fact++].name = "upper_95";
    return m;
}

static sg_decision worse(sg_outcome status, double limit, const char *reason)
{
    return (sg_decision){limit, status, reason};
}

void sg_pool_decide(const sg_pool_count *c, const sg_policy *policy, sg_findings *out)
{
    const sg_decision fine = {0, SG_OUTCOME_PASS, ""};
    sg_measurement m = rate_of("pool.people", 0, c->n > 0 ? c->n : 1, c->n_hold);
    m.estimate = (double)c->n;
    if (c->broken || c->n == 0)
        sg_findings_add(out, &m, worse(SG_OUTCOME_WITHHOLD, NAN, "check_failed"));
    else if (c->n < policy->model_pool_min)
        sg_findings_unpowered(out, &m, (double)policy->model_pool_min, policy);
    else
        sg_findings_add(out, &m, (sg_decision){(double)policy->model_pool_min, SG_OUTCOME_PASS, ""});
    if (c->n == 0)
        return;
    m = rate_of("pool.identical", c->equal, c->n, c->n_hold);
    sg_findings_add(out, &m,
                    !c->equal   ? fine
                    : c->coarse ? worse(SG_OUTCOME_WITHHOLD, 0, "panel_too_coarse")
                                : worse(SG_OUTCOME_FAIL, 0, "identical_match"));
    m = rate_of("pool.near_copy", c->flagged, c->n, c->n_hold);
    sg_measure_fact(&m, "confirmed", (double)c->confirmed);
    sg_findings_add(out, &m,
                    !c->flagged                          ? fine
                    : c->flagged > 1 || c->confirmed > 0 ? worse(SG_OUTCOME_FAIL, 0, "near_copy")
                                                         : worse(SG_OUTCOME_WITHHOLD, 0, "near_copy"));
    m = rate_of("pool.kinship", c->related, c->n, c->n_hold);
    sg_measure_fact(&m, "false_pairs_expected", c->false_pairs);
    if (!(c->false_pairs <= 0.01)) /* strangers on this panel look related */
        sg_findings_unpowered(out, &m, 0, policy);
    else
        sg_findings_add(out, &m, c->related ? worse(SG_OUTCOME_FAIL, 0, "related") : fine);
    m = rate_of("pool.block_replay", c->shared, c->n, c->n_hold);
    const double h = c->hold_shared, up = fmax(h, 1 / (double)(c->n_hold + 1)),
                 limit = h + 3 * sqrt(up * (1 - up) * (1 / (double)c->n + 1 / (double)(c->n_hold + 1)));
    sg_measure_fact(&m, "holdout_share", h);
    if (c->no_blocks)
        sg_findings_unpowered(out, &m, limit, policy);
    else
        sg_findings_add(out, &m,
                        m.estimate <= limit              ? (sg_decision){limit, SG_OUTCOME_PASS, ""}
                        : m.lo > policy->excess_max * up ? worse(SG_OUTCOME_FAIL, limit, "block_replay")
                                                         : worse(SG_OUTCOME_WITHHOLD, limit, "block_replay"));
}

/* Labels as the members have them. */
static void draw_labels(const sg_reference *ref, uint64_t seed, int64_t first, int64_t n, int8_t *label)
{
    for (int64_t i = 0; i < n; i++) {
        sg_rng r = sg_rng_stream(seed, SG_RNG_QUALIFY, (uint64_t)(first + i), 5);
        label[i] = ref->label[SG_ROLE_TRAIN][sg_rng_below(&r, (uint64_t)ref->people[SG_ROLE_TRAIN].n_sample)];
    }
}

static sg_status piece(const sg_model *m, const sg_reference *ref, const sg_gate_memory *memory,
                       const sg_policy *strict, int64_t first, int64_t n, uint64_t seed, const sg_run *run,
                       sg_pool_count *c, sg_err *err)
{
    sg_arena a;
    const int64_t snps = m->panel.n_snp;
    SG_TRY(sg_arena_init(&a, (size_t)n * (size_t)(snps / 4 + 64) * 2 + ((size_t)64 << 20), err));
    int8_t *label = SG_NEW(&a, int8_t, n);
    sg_people people;
    sg_status st = label ? SG_OK : sg_arena_full(&a, "labels", err);
    if (!st) {
        draw_labels(ref, seed, first, n, label);
        const sg_sample_request q = {.seed = seed, .first = first, .n = n, .label = label, .how = m->card.sampling};
        st = sg_sample(m, &q, run, &a, &people, err);
    }
    if (!st)
        st = sg_pool_look(memory, &people, label, strict, run, c, err);
    sg_arena_clear(&a);
    return st;
}

sg_status sg_judge_pool(const sg_model *m, const sg_reference *ref, const sg_policy *policy, int64_t n, uint64_t seed,
                        const sg_run *run, sg_findings *out, sg_err *err)
{
    sg_gate_memory *memory;
    sg_pool_count c = {0};
    sg_policy strict = *policy; /* false alarms are counted over the pool, not over a piece of it */
    strict.copy_alarms = fmax(1e-9, policy->copy_alarms * (double)(n < PIECE ? n : PIECE) / (double)n);
    SG_TRY(sg_gate_memory_new(ref, policy, run, &memory, err));
    const sg_run quiet = {.stop = run ? run->stop : NULL,
                          .pool = run ? run->pool : NULL}; /* one bar, not one a piece */
    sg_status st = SG_OK;
    for (int64_t first = 0; !st && first < n; first += PIECE) {
        sg_report(run, "audit pool", first, n);
        st = piece(m, ref, memory, &strict, first, n - first < PIECE ? n - first : PIECE, seed, &quiet, &c, err);
    }
    sg_gate_memory_free(memory);
    if (!st)
        sg_pool_decide(&c, policy, out);
    return st;
}
