/* attack_nearest.c - attacks that look at a person's neighbours in the cohort. x is the person, S the cohort, C the
 * calibration half of the hold-out; d are Hamming distances.
 *
 *   dcr         -d(x, S)                                        GAN-leaks, black box (Chen 2020)
 *   calibrated  d(x, C) - d(x, S)                               the same less what is merely typical
 *   density     cohort rows within the median of d(C, S)        Monte Carlo (Hilprecht 2019)
 *   density_1   the same within its first percentile, or its 20th value where that is later
 *   dpi         share of S among the 20 nearest in S and C      (Ward 2024)
 *   gen_lra     sum over the 20 nearest s of ln(1 + K(x, s) / (n f(s))): how much better x explains the cohort near it; f the
 *               density of C with the Aitchison-Aitken kernel K, its width chosen on C by leaving one out (Ward 2025)
 *   features    logistic regression on all of these and the distances' means, fitted on every second person of both sides
 *               and scored on the others (an attacker who knows some members)
 *
 * Everybody is attacked, members and evaluation people; then those of each label, and outliers: the share of people
 * farthest from their five nearest in C, and with the most and fewest heterozygous genotypes.
 */
#include "privacy/gate.h"
#include "privacy/stats.h"

#include <math.h>
#include <string.h>

enum { NEAR = SG_SWEEP_NEAR, N_FEATURE = 10 };
enum { DCR, CALIBRATED, DENSITY, DENSITY_1, DPI, GEN_LRA, FEATURES, N_ATTACK };

static const char *const attack_name[N_ATTACK] = {"dcr", "calibrated", "density", "density_1",
                                                  "dpi", "gen_lra",    "features"};

/* The people of one side and what the passes say of them. */
typedef struct side {
    int64_t n;
    const sg_sweep *s, *c; /* to the cohort, to the calibration half */
    double *score[N_ATTACK];
    double *feature; /* [n, N_FEATURE] */
    double *isolation;
} side;

/* 20 nearest of both lists; those of equal distance at the end count in proportion. */
static double share_of_cohort(const int32_t *s, const int32_t *c)
{
    int i = 0, k = 0;
    for (int n = 0; n < NEAR; n++)
        if (k == NEAR || (i < NEAR && s[i] <= c[k]))
            i++;
        else
            k++;
    const int32_t last = (i ? s[i - 1] : 0) > (k ? c[k - 1] : 0) ? s[i - 1] : k ? c[k - 1] : s[i - 1];
    double less = 0, same_s = 0, same_c = 0, below = 0;
    for (int n = 0; n < NEAR; n++) {
        less += s[n] < last;
        below += (s[n] < last) + (c[n] < last);
        same_s += s[n] == last;
        same_c += c[n] == last;
    }
    return (less + (NEAR - below) * same_s / fmax(1, same_s + same_c)) / NEAR;
}

/* Log of the kernel per agreeing and per differing genotype. */
typedef struct kernel {
    double same, differ;
    double *log_f; /* [n_s] */
    double n;      /* people in C */
    int64_t n_snp;
} kernel;

static double log_kernel(const kernel *k, int32_t d)
{
    return (double)(k->n_snp - d) * k->same + (double)d * k->differ;
}

static double gen_lra(const kernel *k, const int32_t *d, const int32_t *at)
{
    double sum = 0;
    for (int i = 0; i < NEAR && at[i] >= 0; i++)
        sum += log1p(exp(fmin(700, log_kernel(k, d[i]) - k->log_f[at[i]] - log(k->n))));
    return sum;
}

/* Mean log density of C's rows under the others, by their 20 nearest: the kernel falls so fast that the rest adds nothing. */
static double leave_one_out(const sg_evidence *e, kernel *k, double lambda)
{
    const sg_sweep *c = &e->known->calib_calib;
    k->same = log(lambda);
    k->differ = log((1 - lambda) / 2);
    double total = 0;
    for (int64_t i = 0; i < e->n_c; i++) {
        const int32_t *d = c->near + i * NEAR;
        double sum = 0;
        for (int n = 0; n < NEAR && d[n] != SG_FAR; n++)
            sum += exp(log_kernel(k, d[n]) - log_kernel(k, d[0]));
        total += sum > 0 ? log(sum) + log_kernel(k, d[0]) : 0;
    }
    return total;
}

static sg_status make_kernel(const sg_evidence *e, sg_arena *a, kernel *k, sg_err *err)
{
    static const double grid[] = {0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98};
    double best = -INFINITY, lambda = grid[0];
    *k = (kernel){.n = (double)e->n_c, .n_snp = e->n_snp, .log_f = SG_NEW_RAW(a, double, e->n_s)};
    double *weight = SG_NEW_RAW(a, double, e->n_snp + 1);
    if (!k->log_f || !weight)
        return sg_arena_full(a, "densities", err);
    for (size_t i = 0; i < sizeof grid / sizeof *grid; i++) {
        const double l = leave_one_out(e, k, grid[i]);
        if (l > best) {
            best = l;
            lambda = grid[i];
        }
    }
    (void)leave_one_out(e, k, lambda);
    /* Weights relative to the smallest distance there is, so that sums neither vanish nor overflow. */
    int32_t least = SG_FAR;
    for (int64_t i = 0; i < e->n_s; i++)
        least = e->calib.col[i].d[0] < least ? e->calib.col[i].d[0] : least;
    for (int64_t d = 0; d <= e->n_snp; d++)
        weight[d] = exp(fmin(0, (double)(d - least) * (k->differ - k->same)));
    const sg_sweep_options o = {.radius = {-1, -1}, .weight = weight, .stage = "densities"};
    sg_sweep s;
    SG_TRY(sg_sweep_pairs(e->cohort, &e->known->calib, &o, e->run, a, &s, err));
    for (int64_t i = 0; i < e->n_s; i++)
        k->log_f[i] = log(fmax(s.row_sum[i], 1e-300) / k->n) + log_kernel(k, least);
    return SG_OK;
}

static double mean_of(const int32_t *d, int n)
{
    double sum = 0;
    int k = 0;
    for (int i = 0; i < n && d[i] != SG_FAR; i++, k++)
        sum += d[i];
    return k ? sum / k : 0;
}

static void score_person(const side *p, const kernel *k, int64_t i)
{
    const int32_t *s = p->s->near + i * NEAR, *c = p->c->near + i * NEAR;
    p->score[DCR][i] = -(double)s[0];
    p->score[CALIBRATED][i] = (double)c[0] - (double)s[0];
    p->score[DENSITY][i] = p->s->within[2 * i];
    p->score[DENSITY_1][i] = p->s->within[2 * i + 1];
    p->score[DPI][i] = share_of_cohort(s, c);
    p->score[GEN_LRA][i] = gen_lra(k, s, p->s->near_at + i * NEAR);
    p->isolation[i] = mean_of(c, 5);
    double *f = p->feature + i * N_FEATURE;
    f[0] = 1;
    f[1] = s[0];
    f[2] = mean_of(s, 5);
    f[3] = mean_of(s, 10);
    f[4] = mean_of(s, 20);
    f[5] = s[1] != SG_FAR && s[1] > 0 ? (double)s[0] / s[1] : 0;
    f[6] = p->score[DENSITY][i];
    f[7] = p->score[CALIBRATED][i];
    f[8] = p->score[DPI][i];
    f[9] = p->isolation[i];
}

static sg_status make_side(const sg_evidence *e, const kernel *k, int64_t n, const sg_sweep *s, const sg_sweep *c,
                           sg_arena *a, side *out, sg_err *err)
{
    (void)e;
    *out = (side){
        .n = n, .s = s, .c = c, .feature = SG_NEW_RAW(a, double, n *N_FEATURE), .isolation = SG_NEW_RAW(a, double, n)};
    bool fits = out->feature && out->isolation;
    for (int t = 0; t < N_ATTACK; t++)
        fits = (out->score[t] = SG_NEW_RAW(a, double, n)) && fits;
    if (!fits)
        return sg_arena_full(a, "scores", err);
    for (int64_t i = 0; i < n; i++)
        score_person(out, k, i);
    return SG_OK;
}

/* ---- the attack that learns ---- */

static void standardise(side *m, side *o)
{
    for (int f = 1; f < N_FEATURE; f++) {
        double sum = 0, square = 0;
        const double n = (double)(m->n + o->n);
        for (int k = 0; k < 2; k++) {
            const side *p = k ? o : m;
            for (int64_t i = 0; i < p->n; i++)
                sum += p->feature[i * N_FEATURE + f];
        }
        for (int k = 0; k < 2; k++) {
            const side *p = k ? o : m;
            for (int64_t i = 0; i < p->n; i++)
                square += pow(p->feature[i * N_FEATURE + f] - sum / n, 2);
        }
        const double sd = sqrt(square / n);
        for (int k = 0; k < 2; k++) {
            side *p = k ? o : m;
            for (int64_t i = 0; i < p->n; i++) {
                double *x = &p->feature[i * N_FEATURE + f];
                *x = sd > 0 ? (*x - sum / n) / sd : 0;
            }
        }
    }
}

/* Solves A x = b in place, A symmetric positive definite. */
static void solve(double A[N_FEATURE][N_FEATURE], double *b)
{
    for (int i = 0; i < N_FEATURE; i++) {
        for (int j = 0; j <= i; j++) {
            double s = A[i][j];
            for (int k = 0; k < j; k++)
                s -= A[i][k] * A[j][k];
            A[i][j] = i == j ? sqrt(fmax(s, 1e-12)) : s / A[j][j];
        }
        for (int k = 0; k < i; k++)
            b[i] -= A[i][k] * b[k];
        b[i] /= A[i][i];
    }
    for (int i = N_FEATURE - 1; i >= 0; i--) {
        for (int k = i + 1; k < N_FEATURE; k++)
            b[i] -= A[k][i] * b[k];
        b[i] /= A[i][i];
    }
}

static double dot(const double *x, const double *w)
{
    double s = 0;
    for (int f = 0; f < N_FEATURE; f++)
        s += x[f] * w[f];
    return s;
}

/* Newton steps with a small ridge; both sides weigh the same. Fitted on people of this parity. */
static void fit(const side *m, const side *o, int parity, double w[N_FEATURE])
{
    memset(w, 0, N_FEATURE * sizeof *w);
    for (int step = 0; step < 8; step++) {
        double A[N_FEATURE][N_FEATURE] = {{0}}, g[N_FEATURE] = {0};
        for (int k = 0; k < 2; k++) {
            const side *p = k ? o : m;
            const double weight = 1 / fmax(1, (double)p->n);
            for (int64_t i = parity; i < p->n; i += 2) {
                const double *x = p->feature + i * N_FEATURE, q = 1 / (1 + exp(-dot(x, w)));
                const double r = weight * ((k ? 0 : 1) - q), v = weight * q * (1 - q);
                for (int f = 0; f < N_FEATURE; f++) {
                    g[f] += r * x[f];
                    for (int h = 0; h <= f; h++)
                        A[f][h] += v * x[f] * x[h];
                }
            }
        }
        for (int f = 0; f < N_FEATURE; f++) {
            const double ridge = f ? 1e-3 : 1e-9;
            A[f][f] += ridge;
            g[f] -= ridge * w[f];
        }
        solve(A, g);
        for (int f = 0; f < N_FEATURE; f++)
            w[f] += g[f];
    }
}

static void learn(side *m, side *o)
{
    standardise(m, o);
    for (int parity = 0; parity < 2; parity++) {
        double w[N_FEATURE];
        fit(m, o, 1 - parity, w);
        for (int k = 0; k < 2; k++) {
            side *p = k ? o : m;
            for (int64_t i = parity; i < p->n; i += 2)
                p->score[FEATURES][i] = dot(p->feature + i * N_FEATURE, w);
        }
    }
}

/* ---- whom to attack ---- */

static sg_attack whole(int t, const side *m, const side *o)
{
    sg_attack x = {.member = m->score[t], .other = o->score[t], .n_member = m->n, .n_other = o->n, .label = -1};
    (void)snprintf(x.name, sizeof x.name, "%s", attack_name[t]);
    return x;
}

/* The scores of those for whom keep is set. */
static sg_status chosen(int t, const side *m, const uint8_t *keep_m, const side *o, const uint8_t *keep_o, sg_arena *a,
                        sg_attack *out, sg_err *err)
{
    *out = whole(t, m, o);
    out->member = SG_NEW_RAW(a, double, m->n);
    out->other = SG_NEW_RAW(a, double, o->n);
    if (!out->member || !out->other)
        return sg_arena_full(a, "scores", err);
    out->n_member = out->n_other = 0;
    for (int64_t i = 0; i < m->n; i++)
        if (keep_m[i])
            out->member[out->n_member++] = m->score[t][i];
    for (int64_t i = 0; i < o->n; i++)
        if (keep_o[i])
            out->other[out->n_other++] = o->score[t][i];
    return SG_OK;
}

static sg_status attack_labels(const sg_evidence *e, const side *m, const side *o, const sg_policy *policy, sg_arena *a,
                               sg_findings *out, sg_err *err)
{
    static const int use[] = {DCR, CALIBRATED};
    uint8_t *km = SG_NEW(a, uint8_t, m->n), *ko = SG_NEW(a, uint8_t, o->n);
    if (!km || !ko)
        return sg_arena_full(a, "labels", err);
    for (int l = 0; e->n_label > 1 && l < e->n_label; l++) {
        sg_attack x[2];
        char name[SG_CHECK_NAME];
        for (int64_t i = 0; i < m->n; i++)
            km[i] = e->ref->label[SG_ROLE_TRAIN][i] == l;
        for (int64_t i = 0; i < o->n; i++)
            ko[i] = e->known->eval_label[i] == l;
        for (int t = 0; t < 2; t++)
            SG_TRY(chosen(use[t], m, km, o, ko, a, &x[t], err));
        if (x[0].n_member == 0 && x[0].n_other == 0)
            continue;
        (void)snprintf(name, sizeof name, "nearest.label_%d", l);
        SG_TRY(sg_judge_attacks(name, x, 2, policy->auc_label_max, false, policy, a, out, err));
    }
    return SG_OK;
}

static double heterozygous(const sg_people *p, int64_t s)
{
    int64_t n = 0;
    for (int64_t w = 0; w < p->n_word; w++)
        n += __builtin_popcountll(sg_people_lo(p, s)[w]);
    return (double)n;
}

/* keep [n] where x is beyond the cut; sign -1: below. */
static void beyond(const double *x, int64_t n, double cut, double sign, uint8_t *keep)
{
    for (int64_t i = 0; i < n; i++)
        keep[i] = sign * x[i] > sign * cut;
}

static sg_status attack_outliers(const sg_evidence *e, const side *m, const side *o, const sg_policy *policy,
                                 sg_arena *a, sg_findings *out, sg_err *err)
{
    static const int use[] = {DCR, CALIBRATED, DPI};
    static const char *const stratum[] = {"isolated", "most_het", "least_het"};
    const double share = fmax(policy->strata_share, 1.25 * (double)policy->strata_min / (double)o->n);
    double *hm = SG_NEW_RAW(a, double, m->n), *ho = SG_NEW_RAW(a, double, o->n), *sorted = SG_NEW_RAW(a, double, o->n);
    uint8_t *km = SG_NEW(a, uint8_t, m->n), *ko = SG_NEW(a, uint8_t, o->n);
    if (!hm || !ho || !sorted || !km || !ko)
        return sg_arena_full(a, "outliers", err);
    for (int64_t i = 0; i < m->n; i++)
        hm[i] = heterozygous(&e->ref->people[SG_ROLE_TRAIN], i);
    for (int64_t i = 0; i < o->n; i++)
        ho[i] = heterozygous(&e->known->eval, i);
    for (int k = 0; k < 3; k++) {
        const double *xm = k ? hm : m->isolation, *xo = k ? ho : o->isolation, sign = k == 2 ? -1 : 1;
        char name[SG_CHECK_NAME];
        sg_attack x[3];
        (void)snprintf(name, sizeof name, "outliers.%s", stratum[k]);
        memcpy(sorted, xo, (size_t)o->n * sizeof *sorted);
        const double cut = sg_quantile(sorted, o->n, k == 2 ? share : 1 - share);
        beyond(xm, m->n, cut, sign, km);
        beyond(xo, o->n, cut, sign, ko);
        for (int t = 0; t < 3; t++)
            SG_TRY(chosen(use[t], m, km, o, ko, a, &x[t], err));
        if (share > 0.5 || x[0].n_other < policy->strata_min / 2 || x[0].n_other < 2 || x[0].n_member < 2) {
            sg_measurement none = {
                .n = x[0].n_member, .n_ref = x[0].n_other, .estimate = NAN, .lo = NAN, .hi = NAN, .power = NAN};
            (void)snprintf(none.name, sizeof none.name, "%s", name);
            sg_findings_unpowered(out, &none, policy->auc_strata_max, policy);
            continue;
        }
        SG_TRY(sg_judge_attacks(name, x, 3, policy->auc_strata_max, false, policy, a, out, err));
    }
    return SG_OK;
}

sg_status sg_check_nearest(const sg_evidence *e, const sg_policy *policy, sg_arena *a, sg_findings *out, sg_err *err)
{
    kernel k;
    side m, o;
    sg_attack x[N_ATTACK];
    SG_TRY(make_kernel(e, a, &k, err));
    SG_TRY(make_side(e, &k, e->n_t, &e->train, &e->known->train_calib, a, &m, err));
    SG_TRY(make_side(e, &k, e->n_e, &e->eval, &e->known->eval_calib, a, &o, err));
    learn(&m, &o);
    for (int t = 0; t < N_ATTACK; t++)
        x[t] = whole(t, &m, &o);
    SG_TRY(sg_judge_attacks("nearest", x, N_ATTACK, policy->auc_max, true, policy, a, out, err));
    SG_TRY(attack_labels(e, &m, &o, policy, a, out, err));
    return attack_outliers(e, &m, &o, policy, a, out, err);
}
