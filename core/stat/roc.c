/* roc.c - see roc.h. */
#include "stat/roc.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

typedef struct scored {
    double x;
    int64_t who;
    bool is_case;
} scored;

static int by_score(const void *a, const void *b)
{
    const scored *p = a, *q = b;
    return p->x != q->x ? (p->x > q->x) - (p->x < q->x) : (p->who > q->who) - (p->who < q->who);
}

/* Ascending; counts of the groups. */
static sg_status sorted(const double *score, const uint8_t *is_case, int64_t n, sg_arena *a, scored **out, int64_t *n1,
                        sg_err *err)
{
    scored *s = SG_NEW_RAW(a, scored, n);
    if (!s)
        return sg_arena_full(a, "scores", err);
    *n1 = 0;
    for (int64_t i = 0; i < n; i++) {
        if (isnan(score[i]))
            return sg_fail(err, SG_DEGENERATE, "a score is not a number");
        s[i] = (scored){score[i], i, is_case[i] != 0};
        *n1 += is_case[i] != 0;
    }
    if (*n1 < 2 || n - *n1 < 2)
        return sg_fail(err, SG_DEGENERATE, "%lld cases and %lld controls, want two of each or more", (long long)*n1,
                       (long long)(n - *n1));
    qsort(s, (size_t)n, sizeof *s, by_score);
    *out = s;
    return SG_OK;
}

sg_status sg_roc_new(const double *score, const uint8_t *is_case, int64_t n, sg_arena *a, sg_roc *out, sg_err *err)
{
    double *place = SG_NEW_RAW(a, double, n); /* cases from the front, controls behind them */
    const size_t mark = sg_arena_mark(a);
    double *own = SG_NEW_RAW(a, double, n);
    scored *s;
    int64_t n1, below1 = 0, below0 = 0;
    if (!place || !own)
        return sg_arena_full(a, "scores", err);
    SG_TRY(sorted(score, is_case, n, a, &s, &n1, err));
    const int64_t n0 = n - n1;
    for (int64_t i = 0, j; i < n; i = j) { /* i..j-1 score alike */
        int64_t tie1 = 0;
        for (j = i; j < n && s[j].x == s[i].x; j++)
            tie1 += s[j].is_case;
        const int64_t tie0 = j - i - tie1;
        for (int64_t k = i; k < j; k++)
            own[s[k].who] = s[k].is_case ? ((double)below0 + 0.5 * (double)tie0) / (double)n0
                                         : 1 - ((double)below1 + 0.5 * (double)tie1) / (double)n1;
        below1 += tie1;
        below0 += tie0;
    }
    *out = (sg_roc){n1, n0, 0, place, place + n1};
    int64_t at1 = 0, at0 = 0;
    for (int64_t i = 0; i < n; i++)
        if (is_case[i])
            out->of_case[at1++] = own[i];
        else
            out->of_control[at0++] = own[i];
    for (int64_t i = 0; i < n1; i++)
        out->area += out->of_case[i] / (double)n1;
    sg_arena_rewind(a, mark);
    return SG_OK;
}

/* Variance of the mean of x - y; y NULL: of x. */
static double variance(const double *x, const double *y, int64_t n)
{
    double sum = 0, square = 0;
    for (int64_t i = 0; i < n; i++)
        sum += x[i] - (y ? y[i] : 0);
    for (int64_t i = 0; i < n; i++) {
        const double d = x[i] - (y ? y[i] : 0) - sum / (double)n;
        square += d * d;
    }
    return square / (double)(n - 1) / (double)n;
}

sg_estimate sg_roc_area(const sg_roc *r)
{
    const double v = variance(r->of_case, NULL, r->n1) + variance(r->of_control, NULL, r->n0);
    sg_estimate x = sg_estimate_normal(r->area, sqrt(v));
    x.lo = x.lo < 0 ? 0 : x.lo;
    x.hi = x.hi > 1 ? 1 : x.hi;
    return x;
}

sg_estimate sg_roc_difference(const sg_roc *x, const sg_roc *y)
{
    assert(x->n1 == y->n1 && x->n0 == y->n0);
    const double v = variance(x->of_case, y->of_case, x->n1) + variance(x->of_control, y->of_control, x->n0);
    return sg_estimate_normal(x->area - y->area, sqrt(v));
}

sg_status sg_roc_curve(const double *score, const uint8_t *is_case, int64_t n_people, sg_arena *a, int n, double *tpr,
                       sg_err *err)
{
    const size_t mark = sg_arena_mark(a);
    scored *s;
    int64_t n1;
    SG_TRY(sorted(score, is_case, n_people, a, &s, &n1, err));
    const double n0 = (double)(n_people - n1);
    double x = 0, y = 0; /* where the curve has come to, from the highest score down */
    int at = 0;
    for (int64_t i = n_people - 1, j; i >= 0; i = j) {
        int64_t tie1 = 0;
        for (j = i; j >= 0 && s[j].x == s[i].x; j--)
            tie1 += s[j].is_case;
        const double dx = (double)(i - j - tie1) / n0, dy = (double)tie1 / (double)n1;
        for (; at < n && (double)at / (n - 1) < x + dx; at++)
            tpr[at] = y + dy * ((double)at / (n - 1) - x) / dx;
        x += dx;
        y += dy;
    }
    for (; at < n; at++)
        tpr[at] = 1;
    sg_arena_rewind(a, mark);
    return SG_OK;
}
