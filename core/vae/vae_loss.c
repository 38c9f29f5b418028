/* vae_loss.c - the VAE's loss and its gradient; see vae.h. Derivation: core/nn/NOTES.md section 2. */
#include "vae/vae_inside.h"

#include <math.h>
#include <string.h>

size_t sg_vae_train_bytes(const sg_vae *v, int64_t B)
{
    const size_t e = sg_net_bytes(v->enc, true, B), d = sg_net_bytes(v->dec, true, B);
    return e > SIZE_MAX - d ? SIZE_MAX : e + d;
}

/* z = mean + exp(logvar / 2) eps, rows [B, T, z] from the encoder's [B, T, 2z] and eps [B, z, T]. Returns the KL sum.
 */
static double sample(int64_t B, int64_t z, int64_t T, const float *enc, const float *eps, float *rows)
{
    double kl = 0;
    for (int64_t b = 0; b < B; b++)
        for (int64_t t = 0; t < T; t++)
            for (int64_t k = 0; k < z; k++) {
                const int64_t row = b * T + t;
                const double m = enc[row * 2 * z + k], lv = enc[row * 2 * z + z + k];
                rows[row * z + k] = (float)(m + exp(0.5 * lv) * eps[(b * z + k) * T + t]);
                kl -= 0.5 * (1.0 + lv - m * m - exp(lv));
            }
    return kl;
}

/* Gradient of the encoder's output from that of z and from the KL term (weight kl per person). */
static void sample_back(int64_t B, int64_t z, int64_t T, const float *enc, const float *eps, const float *dz, double kl,
                        float *denc)
{
    for (int64_t b = 0; b < B; b++)
        for (int64_t t = 0; t < T; t++)
            for (int64_t k = 0; k < z; k++) {
                const int64_t row = b * T + t;
                const double m = enc[row * 2 * z + k], lv = enc[row * 2 * z + z + k], d = dz[row * z + k];
                denc[row * 2 * z + k] = (float)(d + kl * m);
                denc[row * 2 * z + z + k] =
                    (float)(0.5 * d * exp(0.5 * lv) * eps[(b * z + k) * T + t] + 0.5 * kl * (exp(lv) - 1.0));
            }
}

static void run_loss(const sg_vae *v, int64_t B, int64_t batch, const int8_t *geno, const float *eps, double kl_weight,
                     const sg_net_run *e, const sg_net_run *d, sg_vae_loss *loss, float *grad)
{
    const int64_t z = v->cfg.z_channels, T = sg_vae_latent_len(&v->cfg), L = v->cfg.seq_len;
    const sg_param *p = sg_params_find(&v->params, "loss.logvar");
    const double s = v->w[p->at], n_pos = (double)B * (double)v->cfg.n_snp;
    sg_vae_one_hot(v, B, geno, sg_run_value(e, v->enc_in, 0));
    sg_net_forward(e, 0, sg_net_n_op(v->enc), 0, B);
    const float *enc = sg_run_value(e, v->enc_out, 0);
    loss->kl = sample(B, z, T, enc, eps, sg_run_value(d, v->dec_in, 0));
    sg_net_forward(d, 0, sg_net_n_op(v->dec), 0, B);
    const sg_tensor logits = sg_view3(sg_run_value(d, v->dec_out, 0), B, L, 3);
    sg_tensor dlogits = sg_view3(grad ? sg_run_grad(d, v->dec_out, 0) : NULL, B, L, 3);
    loss->ce =
        sg_cross_entropy3(&logits, geno, v->cfg.n_snp, exp(-s) / (double)batch, grad ? &dlogits : NULL, &loss->n_right);
    loss->s = s;
    loss->nll = loss->ce * exp(-s) + s * n_pos;
    loss->total = loss->nll + kl_weight * loss->kl;
    if (!grad)
        return;
    sg_net_backward(d, grad);
    sample_back(B, z, T, enc, eps, sg_run_grad(d, v->dec_in, 0), kl_weight / (double)batch,
                sg_run_grad(e, v->enc_out, 0));
    sg_net_backward(e, grad);
    grad[p->at] += (float)((n_pos - loss->ce * exp(-s)) / (double)batch);
}

sg_status sg_vae_loss_grad(const sg_vae *v, int64_t B, int64_t batch, const int8_t *geno, const float *eps,
                           double kl_weight, sg_arena *a, sg_vae_loss *loss, float *grad, sg_err *err)
{
    const size_t mark = sg_arena_mark(a);
    *loss = (sg_vae_loss){0};
    sg_net_run e, d;
    sg_status st = sg_net_begin(v->enc, grad != NULL, B, a, &e, err);
    if (!st)
        st = sg_net_begin(v->dec, grad != NULL, B, a, &d, err);
    if (!st)
        run_loss(v, B, batch, geno, eps, kl_weight, &e, &d, loss, grad);
    sg_arena_rewind(a, mark);
    return st ? st : sg_backend_status(err);
}

sg_status sg_vae_logits_grad(const sg_vae *v, int64_t B, const int8_t *geno, const float *eps, sg_vae_logits_fn *fn,
                             void *ctx, sg_arena *a, float *grad, sg_err *err)
{
    const size_t mark = sg_arena_mark(a);
    const int64_t z = v->cfg.z_channels, T = sg_vae_latent_len(&v->cfg);
    const bool train = grad != NULL;
    sg_net_run e, d;
    sg_status st = sg_net_begin(v->enc, train, B, a, &e, err);
    if (!st)
        st = sg_net_begin(v->dec, train, B, a, &d, err);
    if (!st) {
        sg_vae_one_hot(v, B, geno, sg_run_value(&e, v->enc_in, 0));
        sg_net_forward(&e, 0, sg_net_n_op(v->enc), 0, B);
        const float *enc = sg_run_value(&e, v->enc_out, 0);
        (void)sample(B, z, T, enc, eps, sg_run_value(&d, v->dec_in, 0));
        sg_net_forward(&d, 0, sg_net_n_op(v->dec), 0, B);
        st = fn(ctx, sg_run_value(&d, v->dec_out, 0), train ? sg_run_grad(&d, v->dec_out, 0) : NULL, err);
        if (!st && train) {
            sg_net_backward(&d, grad);
            sample_back(B, z, T, enc, eps, sg_run_grad(&d, v->dec_in, 0), 0, sg_run_grad(&e, v->enc_out, 0));
            sg_net_backward(&e, grad);
        }
    }
    sg_arena_rewind(a, mark);
    return st ? st : sg_backend_status(err);
}
