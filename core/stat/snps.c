/* snps.c - see snps.h. Joint counts are popcounts of ANDed planes; what involves 0 copies follows from the margins. */
#include "stat/snps.h"

#include <assert.h>
#include <math.h>
#include <string.h>

sg_status sg_snps_new(const sg_people *p, const int64_t *idx, int64_t n, sg_arena *a, sg_snps *out, sg_err *err)
{
    *out = (sg_snps){.n_snp = p->n_variant, .n_people = idx ? n : p->n_sample};
    SG_TRY(sg_people_new(p->n_variant, out->n_people, a, &out->plane, err));
    out->count = (int64_t(*)[3])sg_arena_alloc(a, p->n_variant, sizeof *out->count);
    if (!out->count)
        return sg_arena_full(a, "genotype counts", err);
    const int64_t n_word = out->plane.n_word;
    for (int64_t s = 0; s < out->n_people; s++) {
        const int64_t who = idx ? idx[s] : s;
        const uint64_t *lo = sg_people_lo(p, who), *hi = sg_people_hi(p, who), bit = (uint64_t)1 << (s % 64);
        for (int64_t w = 0; w < p->n_word; w++) {
            assert((lo[w] & hi[w]) == 0);
            for (uint64_t x = lo[w]; x; x &= x - 1)
                out->plane.plane[2 * (64 * w + __builtin_ctzll(x)) * n_word + s / 64] |= bit;
            for (uint64_t x = hi[w]; x; x &= x - 1)
                out->plane.plane[(2 * (64 * w + __builtin_ctzll(x)) + 1) * n_word + s / 64] |= bit;
        }
    }
    for (int64_t v = 0; v < out->n_snp; v++) {
        int64_t *c = out->count[v];
        for (int64_t w = 0; w < n_word; w++) {
            c[1] += __builtin_popcountll(sg_people_lo(&out->plane, v)[w]);
            c[2] += __builtin_popcountll(sg_people_hi(&out->plane, v)[w]);
        }
        c[0] = out->n_people - c[1] - c[2];
    }
    return SG_OK;
}

double sg_snps_freq(const sg_snps *s, int64_t v)
{
    return s->n_people ? (double)(s->count[v][1] + 2 * s->count[v][2]) / (2.0 * (double)s->n_people) : NAN;
}

double sg_snps_fis(const sg_snps *s, int64_t v)
{
    const double p = sg_snps_freq(s, v), expected = 2 * p * (1 - p);
    return expected > 0 ? 1 - (double)s->count[v][1] / (double)s->n_people / expected : NAN;
}

/* both[0..3]: lo lo, lo hi, hi lo, hi hi */
typedef void joint_fn(const uint64_t *x, const uint64_t *y, int64_t n_word, int64_t both[4]);

static inline __attribute__((always_inline)) void joint(const uint64_t *x, const uint64_t *y, int64_t n_word,
                                                        int64_t both[4])
{
    int64_t ll = 0, lh = 0, hl = 0, hh = 0;
    for (int64_t w = 0; w < n_word; w++) {
        const uint64_t xl = x[w], xh = x[n_word + w], yl = y[w], yh = y[n_word + w];
        ll += __builtin_popcountll(xl & yl);
        lh += __builtin_popcountll(xl & yh);
        hl += __builtin_popcountll(xh & yl);
        hh += __builtin_popcountll(xh & yh);
    }
    both[0] = ll;
    both[1] = lh;
    both[2] = hl;
    both[3] = hh;
}

static void joint_plain(const uint64_t *x, const uint64_t *y, int64_t n_word, int64_t both[4])
{
    joint(x, y, n_word, both);
}

#if defined(__x86_64__)
__attribute__((target("popcnt"))) static void joint_popcnt(const uint64_t *x, const uint64_t *y, int64_t n_word,
                                                           int64_t both[4])
{
    joint(x, y, n_word, both);
}

static joint_fn *joint_best(void)
{
    return __builtin_cpu_supports("popcnt") ? joint_popcnt : joint_plain;
}
#else
static joint_fn *joint_best(void)
{
    return joint_plain;
}
#endif

void sg_snps_pair(const sg_snps *s, int64_t i, int64_t j, int64_t t[9])
{
    int64_t both[4];
    joint_best()(sg_people_lo(&s->plane, i), sg_people_lo(&s->plane, j), s->plane.n_word, both);
    const int64_t *ci = s->count[i], *cj = s->count[j];
    t[4] = both[0];
    t[5] = both[1];
    t[7] = both[2];
    t[8] = both[3];
    t[3] = ci[1] - t[4] - t[5];
    t[6] = ci[2] - t[7] - t[8];
    t[1] = cj[1] - t[4] - t[7];
    t[2] = cj[2] - t[5] - t[8];
    t[0] = ci[0] - t[1] - t[2];
}

/* n times the variance of copies, in whole people: sum x^2 - (sum x)^2 / n */
static double spread(const sg_snps *s, int64_t v)
{
    const double sum = (double)(s->count[v][1] + 2 * s->count[v][2]);
    return (double)(s->count[v][1] + 4 * s->count[v][2]) - sum * sum / (double)s->n_people;
}

typedef struct job {
    const sg_snps *s;
    const sg_run *run;
    joint_fn *joint;
    float *r;
} job;

static void one_row(void *ctx, int64_t i, int worker)
{
    (void)worker;
    const job *j = ctx;
    const sg_snps *s = j->s;
    const int64_t L = s->n_snp;
    if (sg_cancelled(j->run))
        return;
    const double vi = spread(s, i), si = (double)(s->count[i][1] + 2 * s->count[i][2]);
    for (int64_t k = i + 1; k < L; k++) {
        int64_t b[4];
        j->joint(sg_people_lo(&s->plane, i), sg_people_lo(&s->plane, k), s->plane.n_word, b);
        const double vk = spread(s, k), sk = (double)(s->count[k][1] + 2 * s->count[k][2]);
        const double xy = (double)(b[0] + 2 * (b[1] + b[2]) + 4 * b[3]);
        const double r = vi > 0 && vk > 0 ? (xy - si * sk / (double)s->n_people) / sqrt(vi * vk) : 0;
        j->r[i * L + k] = (float)r; /* only this item writes row i right of the diagonal and column i below it */
        j->r[k * L + i] = (float)r;
    }
    j->r[i * L + i] = 1;
}

sg_status sg_snps_correlation(const sg_snps *s, const sg_run *run, float *r, sg_err *err)
{
    job j = {s, run, joint_best(), r};
    sg_pool_for(run ? run->pool : NULL, s->n_snp, one_row, &j);
    return sg_cancelled(run) ? sg_fail(err, SG_CANCELLED, "stopped while correlating SNPs") : SG_OK;
}

double sg_snps_three(const sg_snps *s, int64_t i, int64_t j, int64_t k)
{
    const int64_t v[3] = {i, j, k}, n_word = s->plane.n_word;
    const uint64_t *x[3];
    double mean[3], scale = 1;
    for (int a = 0; a < 3; a++) {
        const double var = spread(s, v[a]) / (double)s->n_people;
        if (!(var > 0))
            return 0;
        scale *= sqrt(var);
        mean[a] = 2 * sg_snps_freq(s, v[a]);
        x[a] = sg_people_lo(&s->plane, v[a]);
    }
    int64_t xyz = 0, two[3] = {0}; /* sums over people of x y z, and of x y, x z, y z */
    for (int64_t w = 0; w < n_word; w++)
        for (int c = 0; c < 8; c++) { /* bit a of c: plane lo or hi of SNP a, worth 1 or 2 copies */
            const uint64_t m = x[0][w + (c & 1) * n_word] & x[1][w + (c >> 1 & 1) * n_word];
            xyz += (int64_t)__builtin_popcountll(m & x[2][w + (c >> 2) * n_word])
                   << ((c & 1) + (c >> 1 & 1) + (c >> 2));
        }
    for (int c = 0; c < 3; c++) {
        int64_t t[9];
        sg_snps_pair(s, v[c == 2], v[c == 0 ? 1 : 2], t);
        two[c] = t[4] + 2 * (t[5] + t[7]) + 4 * t[8];
    }
    const double n = (double)s->n_people;
    const double third = (double)xyz / n - mean[2] * (double)two[0] / n - mean[1] * (double)two[1] / n -
                         mean[0] * (double)two[2] / n + 2 * mean[0] * mean[1] * mean[2];
    return third / scale;
}
