/* make.c - one job: sample, judge, pack, seal; see worker.h. */
#include "worker/worker.h"
#include "base/clock.h"
#include "cohorts/export.h"

#include <stdio.h>
#include <string.h>

/* Bits of the formats a job wants; 0 when one is not known. */
static unsigned formats_of(const json_t *options)
{
    unsigned all = 0;
    size_t i;
    const json_t *f;
    json_array_foreach(json_object_get(options, "formats"), i, f)
    {
        unsigned one;
        const char *s = json_string_value(f);
        if (!s || sg_export_parse(s, &one, NULL))
            return 0;
        all |= one;
    }
    return all;
}

sg_status sg_work_read(const json_t *m, sg_work *w, sg_err *err)
{
    const json_t *options = json_object_get(m, "options");
    memset(w, 0, sizeof *w);
    (void)snprintf(w->job, sizeof w->job, "%s", sg_wire_text(m, "job"));
    (void)snprintf(w->folder, sizeof w->folder, "%s", sg_wire_text(m, "folder"));
    (void)snprintf(w->model, sizeof w->model, "%s", sg_wire_text(m, "model"));
    (void)snprintf(w->model_digest, sizeof w->model_digest, "%s", sg_wire_text(m, "model_digest"));
    (void)snprintf(w->approved, sizeof w->approved, "%s", sg_wire_text(m, "approved"));
    w->attempt = (int)sg_wire_number(m, "attempt", 0);
    w->seed = sg_wire_number(m, "seed", -1);
    w->n_case = sg_wire_number(m, "cases", -1);
    w->n_control = sg_wire_number(m, "controls", -1);
    w->created_ms = sg_wire_number(m, "created_ms", 0);
    w->formats = formats_of(options);
    w->sampler = json_object_get(options, "sampler");
    const bool whole = *w->job && *w->folder && *w->model && w->attempt > 0 && w->seed >= 0 && w->n_case >= 0 &&
                       w->n_control >= 0 && w->n_case + w->n_control > 0 && w->formats;
    return whole ? SG_OK : sg_fail(err, SG_FORMAT, "a job message lacks something");
}

sg_status sg_work_read_earlier(const json_t *m, sg_work *w, sg_err *err)
{
    w->released[0] = sg_wire_number(m, "released_controls", -1);
    w->released[1] = sg_wire_number(m, "released_cases", -1);
    w->earlier = json_object_get(m, "earlier");
    return w->released[0] >= 0 && w->released[1] >= 0 && json_is_array(w->earlier)
               ? SG_OK
               : sg_fail(err, SG_FORMAT, "the daemon cannot say what this model released before");
}

/* A qualification holds for the card's settings alone. */
static bool same_sampling(const sg_sampling *x, const sg_sampling *y)
{
    return x->solve.solver == y->solve.solver && x->solve.steps == y->solve.steps &&
           x->solve.guidance == y->solve.guidance && x->decode == y->decode;
}

/* The card's settings, where the requester did not ask for others. */
static sg_status settings(const sg_model *m, const json_t *given, const sg_policy *policy, sg_sampling *how,
                          sg_err *err)
{
    *how = m->card.sampling;
    const json_t *guidance = json_object_get(given, "guidance");
    if (*sg_wire_text(given, "name"))
        SG_TRY(sg_solver_parse(sg_wire_text(given, "name"), &how->solve.solver, err));
    if (*sg_wire_text(given, "decode"))
        SG_TRY(sg_decode_parse(sg_wire_text(given, "decode"), &how->decode, err));
    how->solve.steps = (int)sg_wire_number(given, "steps", how->solve.steps);
    if (json_is_number(guidance))
        how->solve.guidance = json_number_value(guidance);
    if (policy->model_qualified && !same_sampling(how, &m->card.sampling))
        return sg_fail(err, SG_LIMIT,
                       "the model is qualified for its own sampler settings only; leave \"sampler\" out");
    return SG_OK;
}

static sg_status find_model(const sg_maker *k, const sg_work *w, sg_shelf_item **out, sg_err *err)
{
    char digest[SG_DIGEST_HEX], now[SG_TIME_BYTES];
    *out = sg_shelf_find(k->shelf, w->model);
    if (!*out)
        return sg_fail(err, SG_NOT_FOUND, "the model \"%s\" is not open", w->model);
    sg_hex((*out)->model->digest.b, SG_DIGEST_BYTES, digest);
    if (strcmp(digest, w->model_digest))
        return sg_fail(err, SG_MISMATCH, "the model \"%s\" is another one than when the job was accepted", w->model);
    sg_clock_rfc3339(sg_clock_wall_ms(), now);
    if (k->policy->model_qualified && strcmp(now, (*out)->qualified.expires) >= 0)
        return sg_fail(err, SG_NOT_FOUND, "the qualification of the model \"%s\" expired on %.10s", w->model,
                       (*out)->qualified.expires);
    return (*out)->model->card.n_label == 2
               ? SG_OK
               : sg_fail(err, SG_LIMIT, "the model has %d labels; cases and controls need two",
                         (*out)->model->card.n_label);
}

static sg_status sample(const sg_maker *k, const sg_work *w, const sg_model *m, const sg_sampling *how, int8_t **label,
                        sg_people *people, sg_err *err)
{
    const int64_t n = w->n_case + w->n_control;
    *label = SG_NEW(k->arena, int8_t, n);
    if (!*label)
        return sg_arena_full(k->arena, "the cohort's labels", err);
    sg_sample_labels((uint64_t)w->seed, w->n_control, w->n_case, *label);
    const sg_sample_request q = {.seed = (uint64_t)w->seed, .n = n, .label = *label, .how = *how};
    return sg_sample(m, &q, &k->run, k->arena, people, err);
}

/* The gate, with what it remembers of this reference since the model's first job. */
static sg_status check(const sg_maker *k, const sg_work *w, sg_shelf_item *m, const sg_people *people,
                       const int8_t *label, sg_verdict **out, sg_err *err)
{
    if (!m->memory)
        SG_TRY(sg_gate_memory_new(&m->reference, k->policy, &k->run, &m->memory, err));
    sg_people earlier = {0};
    int8_t *earlier_label = NULL;
    if (k->policy->judge_union && json_array_size(w->earlier))
        SG_TRY(sg_archive_load(k->archive, w->earlier, w->released[0] + w->released[1], people->n_variant, k->arena,
                               &earlier, &earlier_label, err));
    const sg_judging q = {.ref = &m->reference,
                          .cohort = people,
                          .label = label,
                          .made = SG_MADE_SAMPLED,
                          .earlier = earlier.n_sample ? &earlier : NULL,
                          .earlier_label = earlier_label,
                          .released = {w->released[0], w->released[1]},
                          .policy = k->policy,
                          .memory = m->memory,
                          .panel = m->model->card.panel};
    return sg_privacy_judge_all(&q, &k->run, out, err);
}

/* It passed, or it is the very cohort that a reviewer approved. */
static bool may_leave(const sg_work *w, const sg_verdict *v)
{
    char hex[SG_DIGEST_HEX];
    sg_hex(sg_verdict_subject(v)->b, SG_DIGEST_BYTES, hex);
    return sg_verdict_outcome(v) == SG_OUTCOME_PASS || (sg_verdict_approvable(v) && !strcmp(hex, w->approved));
}

sg_status sg_worker_make(const sg_maker *k, sg_work *w, sg_buf *sealed, sg_err *err)
{
    sg_shelf_item *m;
    sg_sampling how;
    sg_people people;
    int8_t *label;
    sg_verdict *v = NULL;
    SG_TRY(find_model(k, w, &m, err));
    SG_TRY(settings(m->model, w->sampler, k->policy, &how, err));
    k->stage(k->run.ctx, "sampling");
    SG_TRY(sample(k, w, m->model, &how, &label, &people, err));
    k->stage(k->run.ctx, "checking");
    SG_TRY(k->admit(k->run.ctx, w, err));
    SG_TRY(check(k, w, m, &people, label, &v, err));
    sg_digest files = {{0}};
    sg_status st = SG_OK;
    if (may_leave(w, v)) { /* what did not pass is never written to any disk */
        k->stage(k->run.ctx, "packaging");
        const sg_pack p = {w, m->model, &how, &people, label, v};
        st = sg_pack_write(&p, &k->run, k->arena, &files, err);
        if (!st)
            st = sg_archive_keep(k->archive, w->job, &people, label, err);
    }
    if (!st && sg_cancelled(&k->run))
        st = sg_fail(err, SG_CANCELLED, "stopped after packaging");
    if (!st)
        st = sg_verdict_seal(v, k->session_key, &files, sealed, err);
    sg_verdict_free(v);
    return st;
}
