/* check_hygiene.c - is this a cohort at all, and does somebody vouch for where it comes from?
 *
 * Provenance  the rows were sampled here, or come in files whose people are named as synthetic; anything else (the
 *             published code writes reconstructions of real people under the key of samples) FAILs "unhygienic". That
 *             genotypes are 0, 1, 2 and labels known is a precondition (judge.c).
 * Shuffled    The published code walks the real dataset in file order and copies its labels: row i of the release has the
 *             label of real row i. Two tests, each at 6 standard deviations: labels that come in long runs, and labels
 *             that agree with those of a role's rows, in order, more often than chance. WITHHOLD "not_shuffled".
 */
#include "privacy/gate.h"

#include <math.h>

static const double far = 6;

static void shares(const int8_t *label, int64_t n, double share[SG_LABEL_MAX])
{
    for (int l = 0; l < SG_LABEL_MAX; l++)
        share[l] = 0;
    for (int64_t i = 0; i < n; i++)
        share[label[i]] += 1 / (double)n;
}

/* Standard deviations by which there are fewer runs of equal labels than in a random order. */
static double too_few_runs(const int8_t *label, int64_t n)
{
    double share[SG_LABEL_MAX], same = 0, runs = 1;
    shares(label, n, share);
    for (int l = 0; l < SG_LABEL_MAX; l++)
        same += share[l] * share[l];
    for (int64_t i = 1; i < n; i++)
        runs += label[i] != label[i - 1];
    const double m = (double)n, mean = 1 + m * (1 - same);
    const double sd = sqrt(fmax(0, (mean - 1) * (mean - 2)) / fmax(1, m - 1));
    return sd > 0 ? (mean - runs) / sd : 0;
}

/* Standard deviations by which the first labels agree with those of a role more often than chance. */
static double in_step(const int8_t *x, int64_t n, const int8_t *y, int64_t m)
{
    const int64_t k = n < m ? n : m;
    double a[SG_LABEL_MAX], b[SG_LABEL_MAX], p = 0, hits = 0;
    if (k < 2)
        return 0;
    shares(x, k, a);
    shares(y, k, b);
    for (int l = 0; l < SG_LABEL_MAX; l++)
        p += a[l] * b[l];
    for (int64_t i = 0; i < k; i++)
        hits += x[i] == y[i];
    const double sd = sqrt((double)k * p * (1 - p));
    return sd > 0 ? (hits - (double)k * p) / sd : 0;
}

sg_status sg_check_hygiene(const sg_evidence *e, const sg_policy *policy, sg_arena *a, sg_findings *out, sg_err *err)
{
    (void)policy;
    (void)a;
    (void)err;
    double step = 0;
    for (int r = 0; r < SG_N_ROLE; r++)
        step = fmax(step, in_step(e->label, e->n_s, e->ref->label[r], e->ref->people[r].n_sample));
    const double runs = too_few_runs(e->label, e->n_s);
    sg_measurement m = {.name = "hygiene", .n = e->n_s, .lo = NAN, .hi = NAN, .power = NAN};
    sg_decision d = {0, SG_OUTCOME_PASS, ""};
    if (runs > far || step > far)
        d = (sg_decision){0, SG_OUTCOME_WITHHOLD, "not_shuffled"};
    if (e->made == SG_MADE_UNKNOWN)
        d = (sg_decision){0, SG_OUTCOME_FAIL, "unhygienic"};
    m.estimate = d.status != SG_OUTCOME_PASS;
    sg_measure_fact(&m, "vouched", e->made);
    sg_measure_fact(&m, "label_runs_sd", runs);
    sg_measure_fact(&m, "label_agreement_sd", step);
    sg_findings_add(out, &m, d);
    return SG_OK;
}
