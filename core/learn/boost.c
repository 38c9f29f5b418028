/* boost.c - see boost.h. */
#include "learn/boost.h"
#include "learn/linear.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef SG_XGBOOST
#include <xgboost/c_api.h>

enum { FOLDS = 3, TREES_MAX = 400, PATIENCE = 20 };
static const int depths[] = {1, 3};
enum { N_DEPTH = sizeof depths / sizeof *depths };

static sg_status failed(sg_err *err, const char *what)
{
    char words[300];
    (void)snprintf(words, sizeof words, "%s", XGBGetLastError());
    char *end = strchr(words, '\n'); /* a stack trace follows */
    if (end)
        *end = '\0';
    return sg_fail(err, SG_INTERNAL, "XGBoost cannot %s: %s", what, words);
}

#define XG_TRY(call, what)                                                                                             \
    do {                                                                                                               \
        if ((call) != 0)                                                                                               \
            return failed(err, what);                                                                                  \
    } while (0)

/* People whose fold is (inside = false: is not) `fold`, as a matrix of XGBoost's; fold NULL: everybody. */
static sg_status matrix(const sg_people *p, const uint8_t *is_case, const int8_t *fold, int which, bool inside,
                        sg_arena *a, DMatrixHandle *out, sg_err *err)
{
    const size_t mark = sg_arena_mark(a);
    const int64_t L = p->n_variant;
    float *x = SG_NEW_RAW(a, float, p->n_sample *L), *y = SG_NEW_RAW(a, float, p->n_sample);
    int8_t *code = SG_NEW_RAW(a, int8_t, L);
    if (!x || !y || !code)
        return sg_arena_full(a, "people for boosted trees", err);
    int64_t n = 0;
    for (int64_t i = 0; i < p->n_sample; i++) {
        if (fold && (fold[i] == which) != inside)
            continue;
        sg_people_unpack(p, i, code);
        for (int64_t v = 0; v < L; v++)
            x[n * L + v] = (float)code[v];
        y[n++] = is_case && is_case[i] ? 1 : 0;
    }
    *out = NULL;
    XG_TRY(XGDMatrixCreateFromMat_omp(x, (bst_ulong)n, (bst_ulong)L, NAN, out, 1), "take the genotypes");
    XG_TRY(XGDMatrixSetFloatInfo(*out, "label", y, (bst_ulong)n), "take the labels");
    sg_arena_rewind(a, mark);
    return SG_OK;
}

static sg_status booster(const DMatrixHandle *m, int n_m, int depth, double share, uint64_t seed, BoosterHandle *out,
                         sg_err *err)
{
    char words[5][32];
    (void)snprintf(words[0], sizeof words[0], "%d", depth);
    (void)snprintf(words[1], sizeof words[1], "%.9g", share);
    (void)snprintf(words[2], sizeof words[2], "%u", (unsigned)(seed & 0x3fffffff));
    const char *const set[][2] = {{"nthread", "1"},
                                  {"tree_method", "hist"},
                                  {"max_bin", "4"},
                                  {"objective", "binary:logistic"},
                                  {"eval_metric", "logloss"},
                                  {"eta", "0.2"},
                                  {"lambda", "5"},
                                  {"subsample", "0.5"},
                                  {"colsample_bytree", "0.25"},
                                  {"verbosity", "0"},
                                  {"max_depth", words[0]},
                                  {"base_score", words[1]},
                                  {"seed", words[2]}};
    *out = NULL;
    XG_TRY(XGBoosterCreate(m, (bst_ulong)n_m, out), "start");
    for (size_t k = 0; k < sizeof set / sizeof *set; k++)
        XG_TRY(XGBoosterSetParam(*out, set[k][0], set[k][1]), "take a setting");
    return SG_OK;
}

/* loss [TREES_MAX] after each tree on the people left out; *n trees were grown. */
static sg_status curve(BoosterHandle b, DMatrixHandle in, DMatrixHandle out, const sg_run *run, double *loss, int *n,
                       sg_err *err)
{
    const char *name = "out";
    int best = 0;
    for (*n = 0; *n < TREES_MAX && *n - best <= PATIENCE; (*n)++) {
        const char *text = NULL;
        if (sg_cancelled(run))
            return sg_fail(err, SG_CANCELLED, "stopped while boosting trees");
        XG_TRY(XGBoosterUpdateOneIter(b, *n, in), "grow a tree");
        XG_TRY(XGBoosterEvalOneIter(b, *n, &out, &name, 1, &text), "score the people left out");
        const char *at = strrchr(text, ':');
        loss[*n] = at ? strtod(at + 1, NULL) : NAN;
        if (loss[*n] < loss[best])
            best = *n;
    }
    return SG_OK;
}

typedef struct search {
    double loss[N_DEPTH][TREES_MAX];
    int n[N_DEPTH]; /* trees that every fold has grown */
} search;

static sg_status one_fold(const sg_people *p, const uint8_t *is_case, const int8_t *fold, int f, double share,
                          uint64_t seed, const sg_run *run, sg_arena *a, search *s, sg_err *err)
{
    DMatrixHandle m[2] = {NULL, NULL};
    sg_status st = matrix(p, is_case, fold, f, false, a, &m[0], err);
    if (!st)
        st = matrix(p, is_case, fold, f, true, a, &m[1], err);
    for (int d = 0; !st && d < N_DEPTH; d++) {
        BoosterHandle b = NULL;
        double loss[TREES_MAX];
        int n = 0;
        st = booster(m, 2, depths[d], share, seed, &b, err);
        if (!st)
            st = curve(b, m[0], m[1], run, loss, &n, err);
        for (int k = 0; !st && k < n; k++)
            s->loss[d][k] += loss[k] / FOLDS;
        s->n[d] = n < s->n[d] ? n : s->n[d];
        if (b)
            (void)XGBoosterFree(b);
    }
    for (int k = 0; k < 2; k++)
        if (m[k])
            (void)XGDMatrixFree(m[k]);
    return st;
}

static sg_status choose(const sg_people *p, const uint8_t *is_case, double share, uint64_t seed, const sg_run *run,
                        sg_arena *a, sg_boost_chosen *out, sg_err *err)
{
    search *s = SG_NEW(a, search, 1);
    int8_t *fold = SG_NEW(a, int8_t, p->n_sample);
    if (!s || !fold)
        return sg_arena_full(a, "cross-validation", err);
    SG_TRY(sg_folds(is_case, p->n_sample, FOLDS, seed, a, fold, err));
    for (int d = 0; d < N_DEPTH; d++)
        s->n[d] = TREES_MAX;
    for (int f = 0; f < FOLDS; f++)
        SG_TRY(one_fold(p, is_case, fold, f, share, seed, run, a, s, err));
    *out = (sg_boost_chosen){depths[0], 1, INFINITY};
    for (int d = 0; d < N_DEPTH; d++)
        for (int k = 0; k < s->n[d]; k++)
            if (s->loss[d][k] < out->cv_loss)
                *out = (sg_boost_chosen){depths[d], k + 1, s->loss[d][k]};
    return SG_OK;
}

static sg_status grow(BoosterHandle b, DMatrixHandle in, DMatrixHandle test, int trees, int64_t n, const sg_run *run,
                      double *score, sg_err *err)
{
    for (int k = 0; k < trees; k++) {
        if (sg_cancelled(run))
            return sg_fail(err, SG_CANCELLED, "stopped while boosting trees");
        XG_TRY(XGBoosterUpdateOneIter(b, k, in), "grow a tree");
    }
    bst_ulong got = 0;
    const float *x = NULL;
    XG_TRY(XGBoosterPredict(b, test, 1, 0, 0, &got, &x), "score the test people");
    if ((int64_t)got != n)
        return sg_fail(err, SG_INTERNAL, "XGBoost gave %lld scores, want %lld", (long long)got, (long long)n);
    for (int64_t i = 0; i < n; i++)
        score[i] = (double)x[i];
    return SG_OK;
}

bool sg_boost_usable(void)
{
    return true;
}

sg_status sg_boost_fit_score(const sg_people *p, const uint8_t *is_case, const sg_people *test, uint64_t seed,
                             const sg_boost_chosen *fixed, const sg_run *run, sg_arena *a, double *score,
                             sg_boost_chosen *chosen, sg_err *err)
{
    int64_t n1 = 0;
    for (int64_t i = 0; i < p->n_sample; i++)
        n1 += is_case[i] != 0;
    if (n1 < FOLDS || p->n_sample - n1 < FOLDS)
        return sg_fail(err, SG_DEGENERATE, "%lld cases and %lld controls, want %d of each or more", (long long)n1,
                       (long long)(p->n_sample - n1), FOLDS);
    const double share = (double)n1 / (double)p->n_sample;
    const size_t mark = sg_arena_mark(a);
    DMatrixHandle in = NULL, at = NULL;
    BoosterHandle b = NULL;
    sg_status st = SG_OK;
    if (fixed)
        *chosen = *fixed;
    else
        st = choose(p, is_case, share, seed, run, a, chosen, err);
    if (!st)
        st = matrix(p, is_case, NULL, 0, true, a, &in, err);
    if (!st)
        st = matrix(test, NULL, NULL, 0, true, a, &at, err);
    if (!st)
        st = booster(&in, 1, chosen->depth, share, seed, &b, err);
    if (!st)
        st = grow(b, in, at, chosen->trees, test->n_sample, run, score, err);
    if (b)
        (void)XGBoosterFree(b);
    if (in)
        (void)XGDMatrixFree(in);
    if (at)
        (void)XGDMatrixFree(at);
    sg_arena_rewind(a, mark);
    return st;
}

#else

bool sg_boost_usable(void)
{
    return false;
}

sg_status sg_boost_fit_score(const sg_people *p, const uint8_t *is_case, const sg_people *test, uint64_t seed,
                             const sg_boost_chosen *fixed, const sg_run *run, sg_arena *a, double *score,
                             sg_boost_chosen *chosen, sg_err *err)
{
    (void)p, (void)is_case, (void)test, (void)seed, (void)fixed, (void)run, (void)a, (void)score, (void)chosen;
    return sg_fail(err, SG_STATE, "built without XGBoost (Debian: libxgboost-dev)");
}

#endif
