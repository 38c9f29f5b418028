/* unet_loss.c - one diffusion loss and its gradient; see unet.h.
 *
 * With x = z0 + sigma n and c_in = 1 / sqrt(sigma^2 + 1) the network sees c_in x. EPS asks it for n, V for
 * (n - sigma z0) c_in.
 */
#include "diffusion/unet_inside.h"

#include <assert.h>
#include <math.h>
#include <string.h>

size_t sg_unet_train_bytes(const sg_unet *u, int64_t B)
{
    return sg_net_bytes(u->net, true, B);
}

typedef struct batch {
    int64_t B, n; /* people, floats per person */
    const float *z0, *noise, *weight;
    const int32_t *idx;
    const sg_schedule *s;
    sg_objective objective;
} batch;

static double c_in(const batch *p, int64_t b)
{
    assert(p->idx[b] >= 0 && p->idx[b] < SG_N_SIGMA);
    const double sigma = p->s->sigma[p->idx[b]];
    return 1.0 / sqrt(sigma * sigma + 1.0);
}

static void inputs(const sg_unet *u, const batch *p, const int8_t *label, const sg_net_run *r)
{
    const int64_t z = u->cfg.z_channels, T = u->cfg.latent_len;
    float *rows = sg_run_value(r, u->x, 0);
    for (int64_t b = 0; b < p->B; b++) {
        const double c = c_in(p, b), sigma = p->s->sigma[p->idx[b]];
        for (int64_t k = 0; k < z; k++)
            for (int64_t t = 0; t < T; t++) {
                const int64_t i = (b * z + k) * T + t;
                rows[(b * T + t) * z + k] = (float)(c * (p->z0[i] + sigma * p->noise[i]));
            }
        sg_unet_time_row(u, p->idx[b], sg_run_value(r, u->time, b));
        sg_unet_label_row(u, label[b], sg_run_value(r, u->ctx, b));
    }
}

/* Sum of weighted squares; dout rows filled unless NULL. */
static double squares(const sg_unet *u, const batch *p, double scale, const float *rows, float *dout)
{
    const int64_t z = u->cfg.z_channels, T = u->cfg.latent_len;
    double total = 0;
    for (int64_t b = 0; b < p->B; b++) {
        const double c = c_in(p, b), sigma = p->s->sigma[p->idx[b]], w = p->weight ? p->weight[b] : 1.0;
        for (int64_t t = 0; t < T; t++)
            for (int64_t k = 0; k < z; k++) {
                const int64_t i = (b * z + k) * T + t, j = (b * T + t) * z + k;
                const double want =
                    p->objective == SG_OBJECTIVE_V ? (p->noise[i] - sigma * p->z0[i]) * c : (double)p->noise[i];
                const double d = rows[j] - want;
                total += w * d * d;
                if (dout)
                    dout[j] = (float)(2.0 * w * d * scale);
            }
    }
    return total * scale;
}

static void label_gradient(const sg_unet *u, int64_t B, const int8_t *label, const sg_net_run *r, float *grad)
{
    const int64_t n = u->cfg.context_dim;
    for (int64_t b = 0; b < B; b++) {
        const float *d = sg_run_grad(r, u->ctx, b);
        float *g = grad + u->embed_at + label[b] * n;
        for (int64_t i = 0; label[b] != SG_UNCONDITIONAL && i < n; i++)
            g[i] += d[i];
    }
}

sg_status sg_unet_loss_grad(const sg_unet *u, const sg_schedule *s, sg_objective objective, int64_t B, int64_t batch_n,
                            const float *z0, const float *noise, const int32_t *idx, const int8_t *label,
                            const float *weight, sg_arena *a, double *loss, float *grad, float *out_pred, sg_err *err)
{
    const size_t mark = sg_arena_mark(a);
    const int64_t n = u->cfg.z_channels * u->cfg.latent_len;
    const batch p = {B, n, z0, noise, weight, idx, s, objective};
    const double scale = 1.0 / ((double)batch_n * (double)n);
    *loss = 0;
    sg_net_run r;
    const sg_status st = sg_net_begin(u->net, grad != NULL, B, a, &r, err);
    if (!st) {
        inputs(u, &p, label, &r);
        sg_net_forward(&r, 0, u->op_end, 0, B);
        const float *rows = sg_run_value(&r, u->out, 0);
        *loss = squares(u, &p, scale, rows, grad ? sg_run_grad(&r, u->out, 0) : NULL);
        if (out_pred)
            sg_unet_from_rows(u, B, rows, out_pred);
        if (grad) {
            sg_net_backward(&r, grad);
            label_gradient(u, B, label, &r, grad);
        }
    }
    sg_arena_rewind(a, mark);
    return st ? st : sg_backend_status(err);
}
