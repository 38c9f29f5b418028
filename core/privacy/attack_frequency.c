/* attack_frequency.c - attacks with nothing but tables of the cohort: how often each genotype occurs.
 *
 *   lr      sum over SNPs of g ln(p_S / p_C) + (2 - g) ln((1 - p_S) / (1 - p_C)): the most powerful test for independent
 *           SNPs (Sankararaman 2009); p with half a copy added to each allele
 *   markov  ln p_S(x) - ln p_C(x), p a chain over neighbouring SNPs (9-cell tables, half a person added to each cell)
 *
 * S is the cohort, C the calibration half of the hold-out, which is neither member nor attacked. Once for everybody, and
 * for each label with the tables of that label alone: a rare disease's few hundred members move its frequencies the most.
 * Significance comes from the evaluation people's scores, never from theory: SNPs are linked.
 */
#include "privacy/gate.h"

#include <math.h>
#include <string.h>

enum { LR, MARKOV, N_ATTACK };

/* What a genotype adds to the score, by the one before it: [n_snp, 9]; at the first SNP only cells 0..2 are used. */
typedef struct table {
    double *add;
    int64_t n_snp;
} table;

/* Counts of genotypes by the one before: [n_snp, 9], of rows with this label (-1: all). Returns how many rows. */
static int64_t count(const sg_people *p, const int8_t *label, int l, double *cell, int8_t *code)
{
    int64_t n = 0;
    memset(cell, 0, (size_t)p->n_variant * 9 * sizeof *cell);
    for (int64_t i = 0; i < p->n_sample; i++) {
        if (l >= 0 && label[i] != l)
            continue;
        n++;
        sg_people_unpack(p, i, code);
        cell[code[0]]++;
        for (int64_t v = 1; v < p->n_variant; v++)
            cell[9 * v + 3 * code[v - 1] + code[v]]++;
    }
    return n;
}

static void genotype_counts(const double *cell, int64_t v, double g[3])
{
    for (int k = 0; k < 3; k++)
        g[k] = cell[9 * v + k] + (v ? cell[9 * v + 3 + k] + cell[9 * v + 6 + k] : 0);
}

static double frequency(const double g[3])
{
    return (g[1] + 2 * g[2] + 0.5) / (2 * (g[0] + g[1] + g[2]) + 1);
}

static void fill_lr(const double *s, const double *c, table *t)
{
    for (int64_t v = 0; v < t->n_snp; v++) {
        double gs[3], gc[3];
        genotype_counts(s, v, gs);
        genotype_counts(c, v, gc);
        const double ps = frequency(gs), pc = frequency(gc), one = log(ps / pc), none = log((1 - ps) / (1 - pc));
        for (int k = 0; k < 9; k++)
            t->add[9 * v + k] = k % 3 * one + (2 - k % 3) * none;
    }
}

static double log_share(const double *three, int k)
{
    return log((three[k] + 0.5) / (three[0] + three[1] + three[2] + 1.5));
}

static void fill_markov(const double *s, const double *c, table *t)
{
    for (int64_t v = 0; v < t->n_snp; v++)
        for (int k = 0; k < 9; k++) {
            const double *row_s = s + 9 * v + 3 * (k / 3), *row_c = c + 9 * v + 3 * (k / 3);
            t->add[9 * v + k] = log_share(row_s, k % 3) - log_share(row_c, k % 3);
        }
}

/* ---- scoring ---- */

enum { PEOPLE = 256 };

typedef struct scoring {
    const sg_people *p;
    const int64_t *who; /* [n] */
    int64_t n;
    const table *t; /* [N_ATTACK] */
    int8_t *code;   /* [n_worker, n_snp] */
    double *out[N_ATTACK];
    const sg_run *run;
} scoring;

static void score_some(void *ctx, int64_t item, int worker)
{
    const scoring *s = ctx;
    int8_t *code = s->code + (int64_t)worker * s->p->n_variant;
    const int64_t last = (item + 1) * PEOPLE < s->n ? (item + 1) * PEOPLE : s->n;
    if (sg_cancelled(s->run))
        return;
    for (int64_t i = item * PEOPLE; i < last; i++) {
        sg_people_unpack(s->p, s->who[i], code);
        double x[N_ATTACK] = {s->t[LR].add[code[0]], s->t[MARKOV].add[code[0]]};
        for (int64_t v = 1; v < s->p->n_variant; v++) {
            const int64_t at = 9 * v + 3 * code[v - 1] + code[v];
            x[LR] += s->t[LR].add[at];
            x[MARKOV] += s->t[MARKOV].add[at];
        }
        for (int t = 0; t < N_ATTACK; t++)
            s->out[t][i] = x[t];
    }
}

typedef struct bench {
    const sg_evidence *e;
    double *cell_s, *cell_c;
    int8_t *code;
    int64_t *who;
    table t[N_ATTACK];
} bench;

static sg_status set_up(const sg_evidence *e, sg_arena *a, bench *b, sg_err *err)
{
    const int64_t cells = 9 * e->n_snp, most = e->n_t > e->n_e ? e->n_t : e->n_e;
    *b = (bench){e,
                 SG_NEW_RAW(a, double, cells),
                 SG_NEW_RAW(a, double, cells),
                 SG_NEW_RAW(a, int8_t, e->n_snp * sg_pool_size(e->run ? e->run->pool : NULL)),
                 SG_NEW_RAW(a, int64_t, most),
                 {{SG_NEW_RAW(a, double, cells), e->n_snp}, {SG_NEW_RAW(a, double, cells), e->n_snp}}};
    return b->cell_s && b->cell_c && b->code && b->who && b->t[LR].add && b->t[MARKOV].add
               ? SG_OK
               : sg_arena_full(a, "frequencies", err);
}

static int64_t pick(const int8_t *label, int64_t n, int l, int64_t *who)
{
    int64_t k = 0;
    for (int64_t i = 0; i < n; i++)
        if (l < 0 || label[i] == l)
            who[k++] = i;
    return k;
}

static sg_status score_side(const bench *b, const sg_people *p, const int8_t *label, int l, sg_arena *a,
                            double *out[N_ATTACK], int64_t *n, sg_err *err)
{
    *n = pick(label, p->n_sample, l, b->who);
    for (int t = 0; t < N_ATTACK; t++)
        if (!(out[t] = SG_NEW_RAW(a, double, *n)))
            return sg_arena_full(a, "scores", err);
    scoring s = {p, b->who, *n, b->t, b->code, {out[0], out[1]}, b->e->run};
    sg_pool_for(b->e->run ? b->e->run->pool : NULL, (*n + PEOPLE - 1) / PEOPLE, score_some, &s);
    return sg_cancelled(b->e->run) ? sg_fail(err, SG_CANCELLED, "stopped while scoring") : SG_OK;
}

static sg_status attack(const bench *b, int l, const sg_policy *policy, sg_arena *a, sg_findings *out, sg_err *err)
{
    const sg_evidence *e = b->e;
    const int64_t n_s = count(e->cohort, e->label, l, b->cell_s, b->code),
                  n_c = count(&e->known->calib, e->known->calib_label, l, b->cell_c, b->code);
    if (n_s == 0 || n_c == 0)
        return SG_OK; /* the cohort has nobody of that label, or no model of it was made */
    table t[N_ATTACK] = {b->t[0], b->t[1]};
    fill_lr(b->cell_s, b->cell_c, &t[LR]);
    fill_markov(b->cell_s, b->cell_c, &t[MARKOV]);
    double *m[N_ATTACK], *o[N_ATTACK];
    int64_t n_m, n_o;
    SG_TRY(score_side(b, &e->ref->people[SG_ROLE_TRAIN], e->ref->label[SG_ROLE_TRAIN], l, a, m, &n_m, err));
    SG_TRY(score_side(b, &e->known->eval, e->known->eval_label, l, a, o, &n_o, err));
    sg_attack x[N_ATTACK] = {{.name = "lr"}, {.name = "markov"}};
    for (int k = 0; k < N_ATTACK; k++) {
        x[k].member = m[k];
        x[k].other = o[k];
        x[k].n_member = n_m;
        x[k].n_other = n_o;
        x[k].label = l;
    }
    char name[SG_CHECK_NAME] = "frequency";
    if (l >= 0)
        (void)snprintf(name, sizeof name, "frequency.label_%d", l);
    return sg_judge_attacks(name, x, N_ATTACK, l < 0 ? policy->auc_max : policy->auc_label_max, l < 0, policy, a, out,
                            err);
}

sg_status sg_check_frequency(const sg_evidence *e, const sg_policy *policy, sg_arena *a, sg_findings *out, sg_err *err)
{
    bench b;
    SG_TRY(set_up(e, a, &b, err));
    SG_TRY(attack(&b, -1, policy, a, out, err));
    for (int l = 0; e->n_label > 1 && l < e->n_label; l++)
        SG_TRY(attack(&b, l, policy, a, out, err));
    return SG_OK;
}
