/* space.c - learning the map between VAE latents and diffusion latents (diffusion/space.h) from the members.
 *
 * --standardise 2 learns mean, std and shift; 3 also mix.
 *
 * Letters: N members, D = z T latent numbers; k runs positions first (k = t z + c), d as in memory (d = c T + t).
 *
 * A posterior SAMPLE of person i is m_i + noise of variance v_i, so within a label
 *      variance     = mean of (m_i - label mean)^2 + mean of v_i          -> std
 *      correlation  = mean of products of standardised (m_i - label mean)  -> mix, its Cholesky factor
 * A correlation r estimated from N people is noise of size 1/sqrt(N): it is shrunk by r^2 / (r^2 + 1/N), which leaves
 * linkage alone and takes chance away; label means are shrunk likewise by their standard error. What is learned by
 * heart from a small cohort this way is no more than its strong correlations. If the shrunk matrix is not positive
 * definite, a share of the identity is mixed in until it is.
 */
#include "train/internal.h"

#include <math.h>
#include <string.h>

typedef struct learner {
    sg_trainer *t;
    int64_t D, N;
    double *centre; /* [n_label, D] means of m_i */
    float *x;       /* [N, D] (m_i - label mean) / std, positions first */
    double *corr;   /* [D, D] lower triangle, positions first; becomes its factor */
} learner;

static void label_means(learner *l)
{
    const sg_trainer *t = l->t;
    int64_t count[SG_LABEL_MAX] = {0};
    for (int64_t i = 0; i < l->N; i++) {
        const int y = t->d->label[t->train[i]];
        count[y]++;
        for (int64_t d = 0; d < l->D; d++)
            l->centre[y * l->D + d] += t->z_mean[i * l->D + d];
    }
    for (int y = 0; y < t->d->n_label; y++)
        for (int64_t d = 0; d < l->D && count[y]; d++)
            l->centre[y * l->D + d] /= (double)count[y];
    for (int64_t d = 0; d < l->D; d++) {
        double mean = 0, square = 0;
        for (int y = 0; y < t->d->n_label; y++)
            mean += l->centre[y * l->D + d] * (double)count[y] / (double)l->N;
        for (int64_t i = 0; i < l->N; i++) {
            const double e = t->z_mean[i * l->D + d] - l->centre[t->d->label[t->train[i]] * l->D + d];
            square += e * e + exp(t->z_logvar[i * l->D + d]);
        }
        const double std = sqrt(fmax(square / (double)l->N, 1e-12));
        t->state.latent_mean[d] = (float)mean;
        t->state.latent_std[d] = (float)std;
        for (int y = 0; y < t->d->n_label; y++) {
            const double e = count[y] ? (l->centre[y * l->D + d] - mean) / std : 0;
            t->state.label_shift[y * l->D + d] = (float)(count[y] ? e * e * e / (e * e + 1 / (double)count[y]) : 0);
        }
    }
}

static void centre_people(learner *l)
{
    const sg_trainer *t = l->t;
    const int64_t z = t->space.z, T = t->space.T;
    for (int64_t i = 0; i < l->N; i++) {
        const double *centre = l->centre + t->d->label[t->train[i]] * l->D;
        for (int64_t k = 0; k < l->D; k++) {
            const int64_t d = k % z * T + k / z;
            l->x[i * l->D + k] = (float)((t->z_mean[i * l->D + d] - centre[d]) / t->state.latent_std[d]);
        }
    }
}

/* Row k of the shrunk correlation matrix. */
static void correlate_row(void *ctx, int64_t k, int worker)
{
    (void)worker;
    const learner *l = ctx;
    double *row = l->corr + k * l->D;
    memset(row, 0, (size_t)l->D * sizeof *row);
    for (int64_t i = 0; i < l->N; i++) {
        const float *x = l->x + i * l->D;
        const double a = x[k];
        for (int64_t j = 0; j < k; j++)
            row[j] += a * x[j];
    }
    const double N = (double)l->N;
    for (int64_t j = 0; j < k; j++) {
        const double r = row[j] / N;
        row[j] = r * r * N > 9 ? r : 0;
    }
    row[k] = 1;
}

/* factor [D, D] = Cholesky factor of (1 - share) corr + share I. False when there is none. */
static bool factorise(const learner *l, double share, float *factor)
{
    const int64_t D = l->D;
    memset(factor, 0, (size_t)(D * D) * sizeof *factor);
    for (int64_t i = 0; i < D; i++) {
        float *a = factor + i * D;
        double own = 1;
        for (int64_t j = 0; j < i; j++) {
            const float *b = factor + j * D;
            double sum = (1 - share) * l->corr[i * D + j];
            for (int64_t k = 0; k < j; k++)
                sum -= (double)a[k] * b[k];
            a[j] = (float)(sum / b[j]);
            own -= (double)a[j] * a[j];
        }
        if (!(own > 1e-4))
            return false;
        a[i] = (float)sqrt(own);
    }
    return true;
}

static sg_status learn_mix(learner *l, sg_err *err)
{
    sg_trainer *t = l->t;
    l->x = SG_NEW_RAW(t->a, float, l->N * l->D);
    l->corr = SG_NEW(t->a, double, l->D * l->D);
    if (!l->x || !l->corr)
        return sg_arena_full(t->a, "the latents' correlations", err);
    centre_people(l);
    sg_pool_for(t->run ? t->run->pool : NULL, l->D, correlate_row, l);
    double share = 0;
    while (share < 1 && !factorise(l, share, t->state.latent_mix))
        share += 0.05;
    if (share >= 1)
        (void)factorise(l, 1, t->state.latent_mix); /* the identity */
    json_object_set_new(t->metrics, "latent_ridge", json_real(fmin(share, 1)));
    return SG_OK;
}

sg_status sg_train_space(sg_trainer *t, sg_err *err)
{
    learner l = {.t = t, .D = t->state.n_latent, .N = t->plan.n_train};
    const size_t mark = sg_arena_mark(t->a);
    l.centre = SG_NEW(t->a, double, t->d->n_label *l.D);
    if (!l.centre)
        return sg_arena_full(t->a, "the latents' correlations", err);
    label_means(&l);
    const sg_status st = t->state.latent_mix ? learn_mix(&l, err) : SG_OK;
    sg_arena_rewind(t->a, mark);
    return st;
}