/* kinship.c - see kinship.h. Two counts per pair, from the bit planes: both heterozygous, and opposite homozygotes. */
#include "geno/kinship.h"
#include "base/targets.h"

#include <assert.h>
#include <math.h>

typedef struct pair_count {
    int64_t both_het, opposite;
} pair_count;

/* x, y: one person each, plane lo then plane hi. Unused bits are 0 in all planes, so they never count. */
SG_TARGET_BODY pair_count count_pair_body(const uint64_t *x, const uint64_t *y, int64_t n_word)
{
    int64_t both_het = 0, opposite = 0;
    for (int64_t w = 0; w < n_word; w++) {
        const uint64_t xl = x[w], xh = x[n_word + w], yl = y[w], yh = y[n_word + w];
        both_het += __builtin_popcountll(xl & yl);
        opposite += __builtin_popcountll((xh & ~(yl | yh)) | (yh & ~(xl | xh)));
    }
    return (pair_count){both_het, opposite};
}

SG_FOR_TARGETS(pair_count, count_pair, (const uint64_t *x, const uint64_t *y, int64_t n_word), (x, y, n_word))

int64_t sg_opposite(const uint64_t *x, const uint64_t *y, int64_t n_word)
{
    return count_pair(x, y, n_word).opposite;
}

static int64_t n_het(const sg_people *p, int64_t s)
{
    int64_t n = 0;
    for (int64_t w = 0; w < p->n_word; w++)
        n += __builtin_popcountll(sg_people_lo(p, s)[w]);
    return n;
}

static double robust(pair_count c, int64_t het_i, int64_t het_j)
{
    const double less = (double)(het_i < het_j ? het_i : het_j);
    if (!(less > 0))
        return NAN;
    return (double)(c.both_het - 2 * c.opposite) / (2 * less) + 0.5 - 0.25 * (double)(het_i + het_j) / less;
}

double sg_kinship(const sg_people *a, int64_t i, const sg_people *b, int64_t j)
{
    assert(a->n_variant == b->n_variant);
    return robust(count_pair(sg_people_lo(a, i), sg_people_lo(b, j), a->n_word), n_het(a, i), n_het(b, j));
}

typedef struct job {
    const sg_people *query, *ref;
    const sg_run *run;
    const int64_t *het; /* [n_r] */
    double limit, *most;
    int64_t *n_close;
    bool not_self;
} job;

static void one_row(void *ctx, int64_t i, int worker)
{
    (void)worker;
    const job *j = ctx;
    if (sg_cancelled(j->run))
        return;
    const uint64_t *x = sg_people_lo(j->query, i);
    const int64_t het = n_het(j->query, i);
    double most = -INFINITY;
    int64_t n = 0;
    for (int64_t r = 0; r < j->ref->n_sample; r++) {
        if (j->not_self && r == i)
            continue;
        const double k = robust(count_pair(x, sg_people_lo(j->ref, r), j->ref->n_word), het, j->het[r]);
        most = k > most ? k : most;
        n += k >= j->limit;
    }
    j->most[i] = most;
    j->n_close[i] = n;
}

sg_status sg_kinship_closest(const sg_people *query, const sg_people *ref, double limit, bool not_self,
                             const sg_run *run, sg_arena *a, double *most, int64_t *n_close, sg_err *err)
{
    if (query->n_variant != ref->n_variant)
        return sg_fail(err, SG_MISMATCH, "people with %lld variants against people with %lld",
                       (long long)query->n_variant, (long long)ref->n_variant);
    const size_t mark = sg_arena_mark(a);
    int64_t *het = SG_NEW_RAW(a, int64_t, ref->n_sample);
    if (!het)
        return sg_arena_full(a, "counts of heterozygotes", err);
    for (int64_t r = 0; r < ref->n_sample; r++)
        het[r] = n_het(ref, r);
    job j = {query, ref, run, het, limit, most, n_close, not_self};
    sg_pool_for(run ? run->pool : NULL, query->n_sample, one_row, &j);
    sg_arena_rewind(a, mark);
    return sg_cancelled(run) ? sg_fail(err, SG_CANCELLED, "stopped while measuring kinship") : SG_OK;
}
