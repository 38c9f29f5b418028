/* vae.c - the VAE's two networks: building, loading, encoding, decoding; see vae.h.
 *
 * z latent channels, T latent length, L positions, C channels.
 */
#include "vae/vae_inside.h"
#include "nn/init.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEQ_MAX = 1 << 20, CHANNEL_MAX = 4096, Z_MAX = 256, RES_MAX = 8 };

int64_t sg_vae_latent_len(const sg_vae_config *c)
{
    return c->seq_len >> (c->n_level - 1);
}

static sg_status check_channels(const char *what, int64_t n, sg_err *err)
{
    if (n < 32 || n > CHANNEL_MAX || n % 32 != 0)
        return sg_fail(err, SG_LIMIT, "%s is %lld, want a multiple of 32 from 32 to %d", what, (long long)n,
                       CHANNEL_MAX);
    return SG_OK;
}

sg_status sg_vae_config_check(const sg_vae_config *c, sg_err *err)
{
    if (c->n_level < 1 || c->n_level > SG_VAE_LEVEL_MAX)
        return sg_fail(err, SG_LIMIT, "VAE levels are %d, want 1 to %d", c->n_level, SG_VAE_LEVEL_MAX);
    const int64_t unit = (int64_t)1 << (c->n_level - 1);
    if (c->seq_len < unit || c->seq_len > SEQ_MAX || c->seq_len % unit != 0)
        return sg_fail(err, SG_LIMIT, "VAE sequence length is %lld, want a multiple of %lld up to %d",
                       (long long)c->seq_len, (long long)unit, SEQ_MAX);
    if (c->n_snp < 1 || c->n_snp > c->seq_len)
        return sg_fail(err, SG_LIMIT, "VAE has %lld SNPs for a sequence of %lld positions", (long long)c->n_snp,
                       (long long)c->seq_len);
    for (int i = 0; i < c->n_level; i++)
        SG_TRY(check_channels("a VAE level's channel count", c->channels[i], err));
    SG_TRY(check_channels("the VAE's in_proj", c->in_proj, err));
    if (c->z_channels < 1 || c->z_channels > Z_MAX)
        return sg_fail(err, SG_LIMIT, "VAE latent channels are %d, want 1 to %d", c->z_channels, Z_MAX);
    if (c->n_res < 1 || c->n_res > RES_MAX)
        return sg_fail(err, SG_LIMIT, "VAE residual blocks per level are %d, want 1 to %d", c->n_res, RES_MAX);
    if (!(c->kl_weight >= 0 && c->kl_weight <= 1e6))
        return sg_fail(err, SG_LIMIT, "VAE KL weight is %g, want 0 to 1e6", c->kl_weight);
    return SG_OK;
}

/* "<prefix>.<suffix>" in a buffer that lives as long as the statement. */
#define NAME(...) name_of((char[SG_PARAM_NAME]){0}, __VA_ARGS__)
static const char *name_of(char *out, const char *fmt, ...) SG_PRINTF(2, 3);
static const char *name_of(char *out, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(out, SG_PARAM_NAME, fmt, ap);
    va_end(ap);
    return out;
}

/* x + conv(silu(GN(conv(silu(GN x))))), with a 1x1 shortcut when the width changes. */
static sg_value res_block(sg_net *n, const char *at, sg_value x, int64_t C)
{
    sg_value h = sg_net_groupnorm(n, NAME("%s.norm1", at), x, 1e-6f, true, true);
    h = sg_net_conv3(n, NAME("%s.conv1", at), h, SG_CONV3, C, SG_NO_VALUE, SG_NO_VALUE);
    h = sg_net_groupnorm(n, NAME("%s.norm2", at), h, 1e-6f, true, true);
    sg_value shortcut = x;
    if (sg_net_channels(n, x) != C)
        shortcut = sg_net_linear(n, x,
                                 &(sg_linear){.name = {NAME("%s.nin_shortcut", at)},
                                              .N = C,
                                              .bias = true,
                                              .conv1 = true,
                                              .row = SG_NO_VALUE,
                                              .res = SG_NO_VALUE});
    return sg_net_conv3(n, NAME("%s.conv2", at), h, SG_CONV3, C, SG_NO_VALUE, shortcut);
}

static sg_value attention(sg_net *n, const char *at, sg_value x)
{
    const int64_t C = sg_net_channels(n, x);
    const sg_value h = sg_net_groupnorm(n, NAME("%s.norm", at), x, 1e-5f, false, false);
    const sg_value qkv = sg_net_linear(
        n, h,
        &(sg_linear){.name = {NAME("%s.qkv", at)}, .N = 3 * C, .conv1 = true, .row = SG_NO_VALUE, .res = SG_NO_VALUE});
    return sg_net_linear(
        n, sg_net_attention(n, qkv, 1),
        &(sg_linear){.name = {NAME("%s.proj_out", at)}, .N = C, .conv1 = true, .row = SG_NO_VALUE, .res = x});
}

static sg_value middle(sg_net *n, const sg_vae_config *c, const char *at, sg_value x)
{
    const int64_t C = sg_net_channels(n, x);
    x = res_block(n, NAME("%s.mid.block_1", at), x, C);
    if (c->mid_attention)
        x = attention(n, NAME("%s.mid.attn_1", at), x);
    return res_block(n, NAME("%s.mid.block_2", at), x, C);
}

static sg_value ending(sg_net *n, const char *at, sg_value x, int64_t C)
{
    x = sg_net_groupnorm(n, NAME("%s.norm_out", at), x, 1e-6f, true, true);
    return sg_net_conv3(n, NAME("%s.conv_out", at), x, SG_CONV3, C, SG_NO_VALUE, SG_NO_VALUE);
}

static sg_value build_encoder(sg_net *n, const sg_vae_config *c, sg_value x)
{
    x = sg_net_conv3(n, "encoder.conv_in", sg_net_pad(n, x), SG_CONV3, c->in_proj, SG_NO_VALUE, SG_NO_VALUE);
    for (int l = 0; l < c->n_level; l++) {
        for (int i = 0; i < c->n_res; i++)
            x = res_block(n, NAME("encoder.down.%d.block.%d", l, i), x, c->channels[l]);
        if (l < c->n_level - 1)
            x = sg_net_conv3(n, NAME("encoder.down.%d.downsample.conv", l), sg_net_pad(n, x), SG_CONV3_DOWN_RIGHT,
                             c->channels[l], SG_NO_VALUE, SG_NO_VALUE);
    }
    return ending(n, "encoder", middle(n, c, "encoder", x), 2 * (int64_t)c->z_channels);
}

static sg_value build_decoder(sg_net *n, const sg_vae_config *c, sg_value x)
{
    x = sg_net_conv3(n, "decoder.conv_in", sg_net_pad(n, x), SG_CONV3, c->channels[c->n_level - 1], SG_NO_VALUE,
                     SG_NO_VALUE);
    x = middle(n, c, "decoder", x);
    for (int l = c->n_level; l-- > 0;) {
        for (int i = 0; i <= c->n_res; i++)
            x = res_block(n, NAME("decoder.up.%d.block.%d", l, i), x, c->channels[l]);
        if (l > 0)
            x = sg_net_conv3(n, NAME("decoder.up.%d.upsample.conv", l), sg_net_upsample(n, x), SG_CONV3, c->channels[l],
                             SG_NO_VALUE, SG_NO_VALUE);
    }
    return ending(n, "decoder", x, 3);
}

static sg_status build(sg_vae *v, sg_err *err)
{
    const sg_vae_config *c = &v->cfg;
    v->enc = sg_net_new(&v->params);
    v->dec = sg_net_new(&v->params);
    if (!v->enc || !v->dec)
        return sg_fail(err, SG_NOMEM, "out of memory while building a VAE");
    v->enc_in = sg_net_input(v->enc, c->seq_len, 3, false);
    v->enc_out = build_encoder(v->enc, c, v->enc_in);
    v->dec_in = sg_net_input(v->dec, sg_vae_latent_len(c), c->z_channels, true);
    v->dec_out = build_decoder(v->dec, c, v->dec_in);
    sg_net_idle_param(v->dec, "loss.logvar", 1, (int64_t[]){1});
    SG_TRY(sg_net_finish(v->enc, v->enc_out, err));
    SG_TRY(sg_net_finish(v->dec, v->dec_out, err));
    v->w = calloc((size_t)v->params.n_float, sizeof *v->w);
    return v->w ? SG_OK : sg_fail(err, SG_NOMEM, "no room for a VAE's %lld weights", (long long)v->params.n_float);
}

sg_status sg_vae_new(const sg_vae_config *c, sg_vae **out, sg_err *err)
{
    *out = NULL;
    SG_TRY(sg_vae_config_check(c, err));
    sg_vae *v = calloc(1, sizeof *v);
    if (!v)
        return sg_fail(err, SG_NOMEM, "out of memory while building a VAE");
    v->cfg = *c;
    const sg_status st = build(v, err);
    if (st)
        sg_vae_free(v);
    else
        *out = v;
    return st;
}

void sg_vae_free(sg_vae *v)
{
    if (!v)
        return;
    sg_net_free(v->enc);
    sg_net_free(v->dec);
    sg_params_clear(&v->params);
    free(v->w);
    free(v);
}

const sg_vae_config *sg_vae_get_config(const sg_vae *v)
{
    return &v->cfg;
}

const sg_params *sg_vae_get_params(const sg_vae *v)
{
    return &v->params;
}

void sg_vae_init_weights(const sg_vae *v, uint64_t seed, float *w)
{
    sg_init_weights(&v->params, seed, w);
    w[sg_params_find(&v->params, "loss.logvar")->at] = 0.0f;
}

sg_status sg_vae_load(sg_vae *v, const float *w, sg_err *err)
{
    SG_TRY(sg_check_finite(&v->params, w, err));
    memcpy(v->w, w, (size_t)v->params.n_float * sizeof *w);
    SG_TRY(sg_net_load(v->enc, v->w, err));
    SG_TRY(sg_net_load(v->dec, v->w, err));
    return SG_OK;
}

size_t sg_vae_infer_bytes(const sg_vae *v, int64_t B)
{
    const size_t e = sg_net_bytes(v->enc, false, B), d = sg_net_bytes(v->dec, false, B);
    return e > d ? e : d;
}

void sg_vae_one_hot(const sg_vae *v, int64_t B, const int8_t *geno, float *x)
{
    for (int64_t i = 0; i < B * v->cfg.seq_len; i++) {
        assert(geno[i] >= 0 && geno[i] <= 2);
        for (int k = 0; k < 3; k++)
            x[3 * i + k] = geno[i] == k ? 1.0f : 0.0f;
    }
}

void sg_vae_to_rows(int64_t B, int64_t z, int64_t T, const float *x, float *rows)
{
    for (int64_t b = 0; b < B; b++)
        for (int64_t k = 0; k < z; k++)
            for (int64_t t = 0; t < T; t++)
                rows[(b * T + t) * z + k] = x[(b * z + k) * T + t];
}

void sg_vae_from_rows(int64_t B, int64_t z, int64_t T, const float *rows, int64_t stride, int64_t first, float *x)
{
    for (int64_t b = 0; b < B; b++)
        for (int64_t k = 0; k < z; k++)
            for (int64_t t = 0; t < T; t++)
                x[(b * z + k) * T + t] = rows[(b * T + t) * stride + first + k];
}

sg_status sg_vae_encode(const sg_vae *v, int64_t B, const int8_t *geno, sg_arena *a, float *mean, float *logvar,
                        sg_err *err)
{
    const size_t mark = sg_arena_mark(a);
    const int64_t z = v->cfg.z_channels, T = sg_vae_latent_len(&v->cfg);
    sg_net_run r;
    const sg_status st = sg_net_begin(v->enc, false, B, a, &r, err);
    if (!st) {
        sg_vae_one_hot(v, B, geno, sg_run_value(&r, v->enc_in, 0));
        sg_net_forward(&r, 0, sg_net_n_op(v->enc), 0, B);
        sg_vae_from_rows(B, z, T, sg_run_value(&r, v->enc_out, 0), 2 * z, 0, mean);
        sg_vae_from_rows(B, z, T, sg_run_value(&r, v->enc_out, 0), 2 * z, z, logvar);
    }
    sg_arena_rewind(a, mark);
    return st ? st : sg_backend_status(err);
}

sg_status sg_vae_decode(const sg_vae *v, int64_t B, const float *z, sg_arena *a, float *logits, sg_err *err)
{
    const size_t mark = sg_arena_mark(a);
    sg_net_run r;
    const sg_status st = sg_net_begin(v->dec, false, B, a, &r, err);
    if (!st) {
        sg_vae_to_rows(B, v->cfg.z_channels, sg_vae_latent_len(&v->cfg), z, sg_run_value(&r, v->dec_in, 0));
        sg_net_forward(&r, 0, sg_net_n_op(v->dec), 0, B);
        memcpy(logits, sg_run_value(&r, v->dec_out, 0), (size_t)(B * v->cfg.seq_len * 3) * sizeof *logits);
    }
    sg_arena_rewind(a, mark);
    return st ? st : sg_backend_status(err);
}
