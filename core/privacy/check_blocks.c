/* check_blocks.c - does the cohort repeat whole stretches of members' genotypes?
 *
 * A mosaic of real people passes every test of whole rows: none of its rows is near to anybody. But it shares aligned
 * blocks with members, all genotypes the same, which strangers do by chance only. The length of a block is the smallest
 * at which the calibration half shares one with members in at most `block_hold_rate` of its rows; a panel too short or too
 * strongly linked for any length has no power. Two questions, both answered on the evaluation half:
 *   rows     do cohort rows share a block with a member more often than evaluation people do (Fisher)? A dull generator,
 *            which makes common genotypes too often, does that too, without having copied anybody. Hence also
 *   members  given the cohort, members and evaluation people are alike unless it copies members: are members among those
 *            who share a block with a cohort row more often than evaluation people are (Fisher)?
 * Rule: FAIL when rows are above `excess_max` with p < 1e-4 and members with p < 0.01, or members above it with p < 1e-4;
 * WITHHOLD when rows are above it with p < 0.01 and members with p < 0.05; else PASS.
 * Blind to mosaics of single haplotypes: what is shared then is half a genotype (canary V4).
 */
#include "privacy/gate.h"
#include "privacy/stats.h"

#include <math.h>

static int64_t at_least(const uint8_t *level, int64_t n, int want)
{
    int64_t k = 0;
    for (int64_t i = 0; i < n; i++)
        k += level[i] >= want;
    return k;
}

/* 1..; 0 when none will do. At least four blocks must fit on the panel. */
static int choose_level(const sg_evidence *e, double rate)
{
    for (int k = 1; k <= SG_SWEEP_LEVELS && (int64_t)(4 * SG_BLOCK_SNPS) << (k - 1) <= e->n_snp; k++)
        if ((double)at_least(e->known->hold_level, e->n_c, k) <= rate * (double)e->n_c)
            return k;
    return 0;
}

static double ratio(int64_t k, int64_t n, int64_t k0, int64_t n0)
{
    return (double)k / (double)n / ((double)(k0 > 0 ? k0 : 1) / (double)n0); /* 0 of n is at most about 1 of n */
}

sg_status sg_check_blocks(const sg_evidence *e, const sg_policy *policy, sg_arena *a, sg_findings *out, sg_err *err)
{
    (void)a;
    (void)err;
    const double limit = policy->excess_max;
    const int level = choose_level(e, policy->block_hold_rate);
    const int use = level ? level : 1;
    const int64_t rows = at_least(e->train.col_level, e->n_s, use),
                  hold = at_least(e->known->hold_level + e->n_c, e->n_e, use),
                  members = at_least(e->train.row_level, e->n_t, use),
                  others = at_least(e->eval.row_level, e->n_e, use);
    const double p_rows = sg_fisher_greater(rows, e->n_s, hold, e->n_e),
                 p_members = sg_fisher_greater(members, e->n_t, others, e->n_e),
                 r_rows = ratio(rows, e->n_s, hold, e->n_e), r_members = ratio(members, e->n_t, others, e->n_e);
    sg_measurement m = {.name = "block_replay", .n = e->n_s, .n_ref = e->n_t, .power = NAN, .estimate = r_rows};
    double lo, hi;
    sg_binomial_interval(rows, e->n_s, 0.05, &lo, &hi);
    m.lo = lo * r_rows / fmax((double)rows / (double)e->n_s, 1e-300);
    m.hi = rows ? hi * r_rows / ((double)rows / (double)e->n_s) : hi / (1 / (double)e->n_e);
    m.lo = rows ? m.lo : 0;
    sg_measure_fact(&m, "block_snps", level ? (double)(SG_BLOCK_SNPS << (level - 1)) : 0);
    sg_measure_fact(&m, "rows", (double)rows);
    sg_measure_fact(&m, "holdout_rows", (double)hold);
    sg_measure_fact(&m, "p_value", p_rows);
    sg_measure_fact(&m, "members", (double)members);
    sg_measure_fact(&m, "evaluation_people", (double)others);
    sg_measure_fact(&m, "members_ratio", r_members);
    sg_measure_fact(&m, "members_p_value", p_members);
    if (!level) {
        sg_findings_unpowered(out, &m, limit, policy);
        return SG_OK;
    }
    sg_decision d = {limit, SG_OUTCOME_PASS, ""};
    if ((r_rows > limit && p_rows < 1e-4 && p_members < 0.01) || (r_members > limit && p_members < 1e-4))
        d = (sg_decision){limit, SG_OUTCOME_FAIL, "block_replay"};
    else if (r_rows > limit && p_rows < 0.01 && p_members < 0.05)
        d = (sg_decision){limit, SG_OUTCOME_WITHHOLD, "block_replay"};
    sg_findings_add(out, &m, d);
    return SG_OK;
}
