/* audit.c - who is audited, and what guessing right says about epsilon; see inside.h.
 *
 * The bound is that of Steinke, Nasr and Jagielski, "Privacy auditing with one (1) training run" (NeurIPS 2023), theorem
 * 5.2: with n examples in or out by fair coins, r guesses and v of them right, an (epsilon, delta)-private
 * training gives v or more with probability at most
 *
 *     P[B >= v] + 2 n delta max_{i = 1..v} (P[B >= v - i] - P[B >= v]) / i,     B ~ Binomial(r, 1 / (1 + exp(-epsilon))).
 */
#include "base/rng.h"
#include "privacy/stats.h"
#include "qualify/inside.h"

#include <math.h>

/* P[B >= k] of Binomial(r, p). */
static double tail(int64_t k, int64_t r, double p)
{
    if (k <= 0)
        return 1;
    return k > r ? 0 : sg_beta_cdf((double)k, (double)(r - k) + 1, p);
}

static double chance(double epsilon, int64_t n, int64_t r, int64_t v, double delta)
{
    const double q = 1 / (1 + exp(-epsilon)), beta = tail(v, r, q);
    double most = 0;
    for (int64_t i = 1; delta > 0 && i <= v; i++) {
        const double mass = tail(v - i, r, q) - beta;
        most = fmax(most, mass / (double)i);
        if (1 / (double)(i + 1) < most) /* mass is at most 1: no later i can be worse */
            break;
    }
    return fmin(1, beta + 2 * (double)n * delta * most);
}

double sg_audit_epsilon(int64_t n, int64_t r, int64_t v, double delta)
{
    double lo = 0, hi = 20;
    if (r < 1 || chance(0, n, r, v, delta) > 0.05)
        return 0;
    for (int i = 0; i < 50; i++) {
        const double mid = 0.5 * (lo + hi);
        if (chance(mid, n, r, v, delta) > 0.05)
            hi = mid;
        else
            lo = mid;
    }
    return lo;
}

/* Rows of a role, of the audit set or all, in an order by chance; at most `most` of them. */
static sg_status rows_of(const sg_reference *ref, sg_role role, bool coins, int64_t most, uint64_t seed, sg_arena *a,
                         int64_t **out, int64_t *n, sg_err *err)
{
    const int64_t all = ref->people[role].n_sample;
    int64_t *row = SG_NEW_RAW(a, int64_t, all + 1);
    if (!row)
        return sg_arena_full(a, "audited people", err);
    *n = 0;
    for (int64_t i = 0; i < all; i++)
        if (!coins || (ref->mark[role][i] & SG_MARK_AUDIT))
            row[(*n)++] = i;
    sg_rng r = sg_rng_stream(seed, SG_RNG_QUALIFY, (uint64_t)role, 3);
    sg_rng_shuffle(&r, row, *n);
    if (*n > most)
        *n = most;
    *out = row;
    return SG_OK;
}

sg_status sg_audit_choose(const sg_reference *ref, int64_t most, uint64_t seed, sg_arena *a, sg_audit *out, sg_err *err)
{
    *out = (sg_audit){.coins = ref->mark[SG_ROLE_TRAIN] && ref->mark[SG_ROLE_TEST]};
    for (;;) {
        SG_TRY(rows_of(ref, SG_ROLE_TRAIN, out->coins, most, seed, a, &out->member, &out->n_member, err));
        SG_TRY(rows_of(ref, SG_ROLE_TEST, out->coins, most, seed, a, &out->other, &out->n_other, err));
        if (!out->coins || (out->n_member >= 20 && out->n_other >= 20))
            return SG_OK;
        out->coins = false; /* no audit set: members and hold-out, which says nothing about epsilon */
    }
}
