/* evidence.c - the distance passes that all checks share; see gate.h.
 *
 * VAL is never a member and never the hold-out that is compared: it is the yardstick of typicality. A person common in
 * the population is near to everybody, TRAIN and VAL alike; only a copy is near to TRAIN alone.
 */
#include "privacy/gate.h"

#include <string.h>

sg_status sg_evidence_gather(const sg_reference *ref, const sg_people *cohort, const int8_t *label, const sg_run *run,
                             sg_arena *a, sg_evidence *e, sg_err *err)
{
    const sg_people *train = &ref->people[SG_ROLE_TRAIN], *val = &ref->people[SG_ROLE_VAL],
                    *test = &ref->people[SG_ROLE_TEST];
    *e = (sg_evidence){.ref = ref,
                       .cohort = cohort,
                       .label = label,
                       .n_s = cohort->n_sample,
                       .n_t = train->n_sample,
                       .n_v = val->n_sample,
                       .n_h = test->n_sample,
                       .n_snp = cohort->n_variant};
    e->to_train = SG_NEW_RAW(a, sg_near, e->n_s);
    e->to_val = SG_NEW_RAW(a, sg_near, e->n_s);
    e->to_test = SG_NEW_RAW(a, sg_near, e->n_s);
    e->hold_train = SG_NEW_RAW(a, sg_near, e->n_h);
    e->hold_val = SG_NEW_RAW(a, sg_near, e->n_h);
    e->train_min = SG_NEW_RAW(a, int32_t, e->n_t);
    e->test_min = SG_NEW_RAW(a, int32_t, e->n_h);
    if (!e->to_train || !e->to_val || !e->to_test || !e->hold_train || !e->hold_val || !e->train_min || !e->test_min)
        return sg_arena_full(a, "distances", err);
    SG_TRY(sg_nearest(cohort, train, SG_HAMMING, false, run, a, e->to_train, e->train_min, err));
    SG_TRY(sg_nearest(cohort, test, SG_HAMMING, false, run, a, e->to_test, e->test_min, err));
    SG_TRY(sg_nearest(cohort, val, SG_HAMMING, false, run, a, e->to_val, NULL, err));
    SG_TRY(sg_nearest(test, train, SG_HAMMING, false, run, a, e->hold_train, NULL, err));
    return sg_nearest(test, val, SG_HAMMING, false, run, a, e->hold_val, NULL, err);
}

void sg_measure_fact(sg_measurement *m, const char *name, double value)
{
    if (m->n_fact < SG_FACT_MAX) {
        m->fact[m->n_fact].name = name;
        m->fact[m->n_fact++].value = value;
    }
}

void sg_findings_add(sg_findings *f, const sg_measurement *m, sg_decision d)
{
    if (f->n < SG_FINDING_MAX)
        f->list[f->n++] = (sg_finding){*m, d};
    else
        f->list[SG_FINDING_MAX - 1].decided = (sg_decision){0, SG_OUTCOME_WITHHOLD, "check_failed"};
}
