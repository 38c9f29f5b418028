/* estimate.c - see estimate.h. */
#include "stat/estimate.h"
#include "base/rng.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

/* Streams of SG_RNG_EVALUATE: `step` tells who draws. */
enum { STEP_BLOCKS = 1 };

void sg_sums_add(sg_sums *s, double x, double y)
{
    const double d = fabs(y - x);
    s->n++;
    s->x += x;
    s->y += y;
    s->xx += x * x;
    s->yy += y * y;
    s->xy += x * y;
    s->apart += d;
    s->most_apart = d > s->most_apart ? d : s->most_apart;
}

/* total += times * s */
static void add_times(sg_sums *total, const sg_sums *s, double times)
{
    if (!(times > 0) || !(s->n > 0))
        return;
    total->n += times * s->n;
    total->x += times * s->x;
    total->y += times * s->y;
    total->xx += times * s->xx;
    total->yy += times * s->yy;
    total->xy += times * s->xy;
    total->apart += times * s->apart;
    total->most_apart = s->most_apart > total->most_apart ? s->most_apart : total->most_apart;
}

double sg_sums_r(const sg_sums *s)
{
    const double vx = s->xx - s->x * s->x / s->n, vy = s->yy - s->y * s->y / s->n;
    /* what rounding leaves of a variance that is 0 is no variance */
    if (!(vx > 1e-12 * s->xx) || !(vy > 1e-12 * s->yy))
        return NAN;
    return (s->xy - s->x * s->y / s->n) / sqrt(vx * vy);
}

double sg_sums_slope(const sg_sums *s)
{
    return s->xx > 0 ? s->xy / s->xx : NAN;
}

double sg_sums_shift(const sg_sums *s)
{
    return s->n > 0 ? (s->y - s->x) / s->n : NAN;
}

double sg_sums_apart(const sg_sums *s)
{
    return s->n > 0 ? s->apart / s->n : NAN;
}

double sg_sums_most_apart(const sg_sums *s)
{
    return s->n > 0 ? s->most_apart : NAN;
}

double sg_sums_ratio(const sg_sums *s)
{
    return s->x > 0 ? s->y / s->x : NAN;
}

double sg_sums_distance(const sg_sums *s)
{
    const double d = s->xx - 2 * s->xy + s->yy;
    return s->xx > 0 ? sqrt((d > 0 ? d : 0) / s->xx) : NAN;
}

int sg_block_count(int64_t n_snp)
{
    const int64_t n = n_snp / 4; /* fewer SNPs than this make no block */
    return n < 1 ? 1 : n > SG_BLOCK_MAX ? SG_BLOCK_MAX : (int)n;
}

int sg_block_of(int64_t v, int64_t n_snp)
{
    return (int)(v * sg_block_count(n_snp) / n_snp);
}

sg_status sg_table_new(int64_t n_snp, sg_arena *a, sg_table *out, sg_err *err)
{
    out->n = sg_block_count(n_snp);
    out->at = SG_NEW(a, sg_sums, (int64_t)out->n * out->n);
    return out->at ? SG_OK : sg_arena_full(a, "sums by blocks of SNPs", err);
}

void sg_table_add(sg_table *t, int first, int second, double x, double y)
{
    assert(first >= 0 && second >= 0 && first < t->n && second < t->n);
    const int lo = first < second ? first : second, hi = first < second ? second : first;
    sg_sums_add(&t->at[lo * t->n + hi], x, y);
}

void sg_block_draw(uint64_t seed, int k, int n, double *times)
{
    sg_rng r = sg_rng_stream(seed, SG_RNG_EVALUATE, (uint64_t)k, STEP_BLOCKS);
    for (int b = 0; b < n; b++)
        times[b] = 0;
    for (int b = 0; b < n; b++)
        times[sg_rng_below(&r, (uint64_t)n)]++;
}

static sg_sums total_of(const sg_table *t, const double *times)
{
    sg_sums total = {0};
    for (int i = 0; i < t->n; i++)
        for (int j = i; j < t->n; j++)
            add_times(&total, &t->at[i * t->n + j], i == j ? times[i] : times[i] * times[j]);
    return total;
}

sg_estimate sg_table_estimate(const sg_table *t, sg_figure_fn *f, uint64_t seed)
{
    double times[SG_BLOCK_MAX], drawn[SG_RESAMPLES];
    for (int b = 0; b < t->n; b++)
        times[b] = 1;
    const sg_sums all = total_of(t, times);
    for (int k = 0; k < SG_RESAMPLES; k++) {
        sg_block_draw(seed, k, t->n, times);
        const sg_sums s = total_of(t, times);
        drawn[k] = f(&s);
    }
    return sg_estimate_from(f(&all), drawn, SG_RESAMPLES);
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

sg_estimate sg_estimate_from(double value, double *x, int64_t n)
{
    int64_t k = 0;
    for (int64_t i = 0; i < n; i++)
        if (isfinite(x[i]))
            x[k++] = x[i];
    if (!isfinite(value) || 2 * k < n || k < 40)
        return (sg_estimate){isfinite(value) ? value : (double)NAN, NAN, NAN};
    qsort(x, (size_t)k, sizeof *x, by_value);
    const double lo = x[(int64_t)floor(0.025 * (double)k)], hi = x[(int64_t)ceil(0.975 * (double)k) - 1];
    return (sg_estimate){value, lo < value ? lo : value, hi > value ? hi : value};
}

sg_estimate sg_estimate_normal(double value, double se)
{
    const double z = 1.959963984540054;
    return (sg_estimate){value, value - z * se, value + z * se};
}
