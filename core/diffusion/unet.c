/* unet.c - the denoising network: building, loading, evaluating; see unet.h.
 *
 * Both the time and the label enter as one row per person that is added to every position: the time through a linear
 * layer per residual block, the label through cross-attention over one token, whose softmax is 1, so that it adds
 * Wo Wv c + bo whatever the position asks. The rows of time are computed once per call, those of the labels once per
 * load. to_q, to_k and norm2 of the cross-attention therefore have names but no work to do, and zero gradients.
 */
#include "diffusion/unet_inside.h"
#include "nn/init.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LATENT_MAX = 1 << 16, CHANNEL_MAX = 4096, Z_MAX = 256, RES_MAX = 8, CLASS_MAX = 127, CONTEXT_MAX = 8192 };

static sg_status check_range(const char *what, int64_t n, int64_t lo, int64_t hi, sg_err *err)
{
    if (n < lo || n > hi)
        return sg_fail(err, SG_LIMIT, "%s: %lld, want %lld to %lld", what, (long long)n, (long long)lo, (long long)hi);
    return SG_OK;
}

sg_status sg_unet_config_check(const sg_unet_config *c, sg_err *err)
{
    SG_TRY(check_range("U-Net levels", c->n_mult, 1, SG_UNET_MULT_MAX, err));
    SG_TRY(check_range("U-Net latent length", c->latent_len, 1, LATENT_MAX, err));
    SG_TRY(check_range("U-Net channels", c->channels, 32, CHANNEL_MAX, err));
    SG_TRY(check_range("U-Net latent channels", c->z_channels, 1, Z_MAX, err));
    SG_TRY(check_range("U-Net residual blocks per level", c->n_res, 1, RES_MAX, err));
    SG_TRY(check_range("U-Net context size", c->context_dim, 1, CONTEXT_MAX, err));
    SG_TRY(check_range("U-Net classes", c->n_classes, 1, CLASS_MAX, err));
    SG_TRY(check_range("U-Net head width", c->head_width, 1, CHANNEL_MAX, err));
    if (c->channels % 32 != 0)
        return sg_fail(err, SG_LIMIT, "U-Net channels: %d, want a multiple of 32", c->channels);
    const int64_t unit = (int64_t)1 << (c->n_mult - 1);
    if (c->latent_len % unit != 0)
        return sg_fail(err, SG_LIMIT, "U-Net latent length: %lld, want a multiple of %lld", (long long)c->latent_len,
                       (long long)unit);
    for (int i = 0; i < c->n_mult; i++) {
        SG_TRY(check_range("U-Net channel multiplier", c->mult[i], 1, CHANNEL_MAX / c->channels, err));
        if ((int64_t)c->mult[i] * c->channels % c->head_width != 0)
            return sg_fail(err, SG_LIMIT, "U-Net level %d has %d channels, want a multiple of the head width %d", i,
                           c->mult[i] * c->channels, c->head_width);
    }
    return SG_OK;
}

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

/* Time and label rows must be computed before the body, but which there are is known by walking the body. So the body
 * is walked three times by one walker: once for the time rows, once for the label rows, once for the body itself. */
typedef struct builder {
    sg_unet *u;
    sg_net *n;
    bool rows_only;    /* the first two walks: make the rows, nothing else */
    sg_value time;     /* SiLU of the time embedding */
    int i_time, i_ctx; /* next row to hand out */
    int what;          /* 0: time rows, 1: label rows */
} builder;

static sg_value linear(builder *b, const char *name, sg_value x, int64_t N, bool bias, sg_value row, sg_value res)
{
    return sg_net_linear(b->n, x, &(sg_linear){.name = {name}, .N = N, .bias = bias, .row = row, .res = res});
}

static void keep_row(sg_value_list *list, sg_value row)
{
    sg_value *v = realloc(list->v, (size_t)(list->n + 1) * sizeof *v);
    if (!v)
        return; /* sg_net_finish is never reached: build() counts the rows */
    list->v = v;
    v[list->n++] = row;
}

static void time_row(builder *b, const char *at, int64_t C)
{
    if (b->what == 0)
        keep_row(&b->u->time_out, linear(b, NAME("%s.emb_layers.1", at), b->time, C, true, SG_NO_VALUE, SG_NO_VALUE));
}

static void label_row(builder *b, const char *at, int64_t C)
{
    if (b->what != 1)
        return;
    const int64_t ctx = b->u->cfg.context_dim;
    sg_net_idle_param(b->n, NAME("%s.attn2.to_q.weight", at), 2, (int64_t[]){C, C});
    sg_net_idle_param(b->n, NAME("%s.attn2.to_k.weight", at), 2, (int64_t[]){C, ctx});
    sg_net_idle_param(b->n, NAME("%s.norm2.weight", at), 1, &C);
    sg_net_idle_param(b->n, NAME("%s.norm2.bias", at), 1, &C);
    const sg_value v = linear(b, NAME("%s.attn2.to_v", at), b->u->ctx, C, false, SG_NO_VALUE, SG_NO_VALUE);
    keep_row(&b->u->ctx_out, linear(b, NAME("%s.attn2.to_out.0", at), v, C, true, SG_NO_VALUE, SG_NO_VALUE));
}

static sg_value next_row(const sg_value_list *list, int *i)
{
    const int k = (*i)++;
    return k < list->n ? list->v[k] : 0;
}

/* x + conv(silu(GN(conv(silu(GN x)) + time))), with a 1x1 shortcut when the width changes. */
static sg_value res_block(builder *b, const char *at, sg_value x, int64_t C)
{
    if (b->rows_only) {
        time_row(b, at, C);
        return 0;
    }
    const sg_value row = next_row(&b->u->time_out, &b->i_time);
    sg_value h = sg_net_groupnorm(b->n, NAME("%s.in_layers.0", at), x, 1e-5f, true, true);
    h = sg_net_conv3(b->n, NAME("%s.in_layers.2", at), h, SG_CONV3, C, row, SG_NO_VALUE);
    h = sg_net_groupnorm(b->n, NAME("%s.out_layers.0", at), h, 1e-5f, true, true);
    sg_value shortcut = x;
    if (sg_net_channels(b->n, x) != C)
        shortcut = sg_net_linear(b->n, x,
                                 &(sg_linear){.name = {NAME("%s.skip_connection", at)},
                                              .N = C,
                                              .bias = true,
                                              .conv1 = true,
                                              .row = SG_NO_VALUE,
                                              .res = SG_NO_VALUE});
    return sg_net_conv3(b->n, NAME("%s.out_layers.3", at), h, SG_CONV3, C, SG_NO_VALUE, shortcut);
}

/* x + out(block(in(GN x))); block: self-attention, label row, GEGLU feed-forward, each added to its input. */
static sg_value transformer(builder *b, const char *at, sg_value x, int64_t C)
{
    const char *block = NAME("%s.transformer_blocks.0", at);
    if (b->rows_only) {
        label_row(b, block, C);
        return 0;
    }
    sg_net *n = b->n;
    const sg_value label = next_row(&b->u->ctx_out, &b->i_ctx);
    sg_value h = sg_net_groupnorm(n, NAME("%s.norm", at), x, 1e-6f, false, false);
    h = linear(b, NAME("%s.proj_in", at), h, C, true, SG_NO_VALUE, SG_NO_VALUE);
    sg_value q = sg_net_layernorm(n, NAME("%s.norm1", block), h);
    q = sg_net_linear(
        n, q,
        &(sg_linear){.name = {NAME("%s.attn1.to_q", block), NAME("%s.attn1.to_k", block), NAME("%s.attn1.to_v", block)},
                     .N = 3 * C,
                     .row = SG_NO_VALUE,
                     .res = SG_NO_VALUE});
    q = sg_net_attention(n, q, (int)(C / b->u->cfg.head_width));
    if (b->i_ctx == 1)
        b->u->op_split = sg_net_n_op(n); /* the first op that sees the label */
    h = linear(b, NAME("%s.attn1.to_out.0", block), q, C, true, label, h);
    sg_value f = sg_net_layernorm(n, NAME("%s.norm3", block), h);
    f = linear(b, NAME("%s.ff.net.0.proj", block), f, 8 * C, true, SG_NO_VALUE, SG_NO_VALUE);
    h = linear(b, NAME("%s.ff.net.2", block), sg_net_geglu(n, f), C, true, SG_NO_VALUE, h);
    return linear(b, NAME("%s.proj_out", at), h, C, true, SG_NO_VALUE, x);
}

#define IN "diffusion_model.input_blocks"
#define MID "diffusion_model.middle_block"
#define OUT "diffusion_model.output_blocks"
#define POSITION "snpgen.position."

static sg_value conv(builder *b, const char *name, sg_value padded, sg_conv kind, int64_t C)
{
    return b->rows_only ? 0 : sg_net_conv3(b->n, name, padded, kind, C, SG_NO_VALUE, SG_NO_VALUE);
}

static sg_value pad(builder *b, sg_value x)
{
    return b->rows_only ? 0 : sg_net_pad(b->n, x);
}

/* Tells the way down where on the panel it is. */
static sg_value position(builder *b, int level, sg_value x)
{
    if (b->rows_only || !b->u->cfg.position)
        return x;
    return sg_net_position(b->n, NAME(POSITION "%d", level), x);
}

enum { SKIP_MAX = SG_UNET_MULT_MAX * (RES_MAX + 1) + 1 };

/* The way down: pushes every result on `skip`; returns the last. */
static sg_value walk_down(builder *b, sg_value *skip, int *n_skip)
{
    const sg_unet_config *c = &b->u->cfg;
    sg_value x = conv(b, IN ".0.0", pad(b, b->u->x), SG_CONV3, c->channels);
    x = position(b, 0, x);
    skip[(*n_skip)++] = x;
    int k = 1;
    for (int l = 0; l < c->n_mult; l++) {
        const int64_t C = (int64_t)c->mult[l] * c->channels;
        for (int i = 0; i < c->n_res; i++, k++) {
            x = res_block(b, NAME(IN ".%d.0", k), x, C);
            x = transformer(b, NAME(IN ".%d.1", k), x, C);
            skip[(*n_skip)++] = x;
        }
        if (l < c->n_mult - 1) {
            x = conv(b, NAME(IN ".%d.0.op", k++), pad(b, x), SG_CONV3_DOWN, C);
            x = position(b, l + 1, x);
            skip[(*n_skip)++] = x;
        }
    }
    return x;
}

static sg_value walk_up(builder *b, sg_value x, const sg_value *skip, int n_skip)
{
    const sg_unet_config *c = &b->u->cfg;
    int k = 0;
    for (int l = c->n_mult; l-- > 0;) {
        const int64_t C = (int64_t)c->mult[l] * c->channels;
        for (int i = 0; i <= c->n_res; i++, k++) {
            const sg_value s = skip[--n_skip];
            x = res_block(b, NAME(OUT ".%d.0", k), b->rows_only ? 0 : sg_net_concat(b->n, x, s), C);
            x = transformer(b, NAME(OUT ".%d.1", k), x, C);
            if (l > 0 && i == c->n_res)
                x = conv(b, NAME(OUT ".%d.2.conv", k), b->rows_only ? 0 : sg_net_upsample(b->n, x), SG_CONV3, C);
        }
    }
    assert(n_skip == 0);
    return x;
}

static sg_value walk(builder *b)
{
    const sg_unet_config *c = &b->u->cfg;
    sg_value skip[SKIP_MAX];
    int n_skip = 0;
    sg_value x = walk_down(b, skip, &n_skip);
    const int64_t C = (int64_t)c->mult[c->n_mult - 1] * c->channels;
    x = res_block(b, MID ".0", x, C);
    x = transformer(b, MID ".1", x, C);
    x = res_block(b, MID ".2", x, C);
    x = walk_up(b, x, skip, n_skip);
    if (b->rows_only)
        return 0;
    x = sg_net_groupnorm(b->n, "diffusion_model.out.0", x, 1e-5f, true, true);
    return conv(b, "diffusion_model.out.2", x, SG_CONV3, c->z_channels);
}

static void build_net(sg_unet *u)
{
    const sg_unet_config *c = &u->cfg;
    builder b = {.u = u, .n = u->net, .rows_only = true};
    u->x = sg_net_input(u->net, c->latent_len, c->z_channels, false);
    u->time = sg_net_input(u->net, 1, c->channels, false);
    u->ctx = sg_net_input(u->net, 1, c->context_dim, true);
    const int64_t te = 4 * (int64_t)c->channels;
    b.time = linear(&b, "diffusion_model.time_embed.0", u->time, te, true, SG_NO_VALUE, SG_NO_VALUE);
    b.time = sg_net_silu(u->net, b.time);
    b.time = linear(&b, "diffusion_model.time_embed.2", b.time, te, true, SG_NO_VALUE, SG_NO_VALUE);
    b.time = sg_net_silu(u->net, b.time); /* every block begins with it */
    (void)walk(&b);
    u->op_ctx = sg_net_n_op(u->net);
    b.what = 1;
    (void)walk(&b);
    u->op_body = sg_net_n_op(u->net);
    b.rows_only = false;
    u->out = walk(&b);
    u->op_end = sg_net_n_op(u->net);
    sg_net_idle_param(u->net, "conditioner.embedders.0.embedding.weight", 2, (int64_t[]){c->n_classes, c->context_dim});
}

static sg_status build(sg_unet *u, sg_err *err)
{
    const sg_unet_config *c = &u->cfg;
    u->net = sg_net_new(&u->params);
    if (!u->net)
        return sg_fail(err, SG_NOMEM, "out of memory while building a U-Net");
    build_net(u);
    const int n_level_block = c->n_mult * (2 * c->n_res + 1);
    if (u->time_out.n != n_level_block + 2 || u->ctx_out.n != n_level_block + 1)
        return sg_fail(err, SG_NOMEM, "out of memory while building a U-Net");
    SG_TRY(sg_net_finish(u->net, u->out, err));
    for (int i = 0; i < u->ctx_out.n; i++)
        u->n_ctx += sg_net_channels(u->net, u->ctx_out.v[i]);
    u->embed_at = sg_params_find(&u->params, "conditioner.embedders.0.embedding.weight")->at;
    u->w = calloc((size_t)u->params.n_float, sizeof *u->w);
    u->ctx_table = calloc((size_t)(u->n_ctx * (c->n_classes + 1)), sizeof *u->ctx_table);
    u->frequency = calloc((size_t)c->channels / 2, sizeof *u->frequency);
    if (!u->w || !u->ctx_table || !u->frequency)
        return sg_fail(err, SG_NOMEM, "no room for a U-Net's %lld weights", (long long)u->params.n_float);
    for (int i = 0; i < c->channels / 2; i++) /* in float, as the published code has it */
        u->frequency[i] = expf(-(float)log(10000.0) * (float)i / (float)(c->channels / 2));
    return SG_OK;
}

sg_status sg_unet_new(const sg_unet_config *c, sg_unet **out, sg_err *err)
{
    *out = NULL;
    SG_TRY(sg_unet_config_check(c, err));
    sg_unet *u = calloc(1, sizeof *u);
    if (!u)
        return sg_fail(err, SG_NOMEM, "out of memory while building a U-Net");
    u->cfg = *c;
    const sg_status st = build(u, err);
    if (st)
        sg_unet_free(u);
    else
        *out = u;
    return st;
}

void sg_unet_free(sg_unet *u)
{
    if (!u)
        return;
    sg_net_free(u->net);
    sg_params_clear(&u->params);
    free(u->time_out.v);
    free(u->ctx_out.v);
    free(u->ctx_table);
    free(u->frequency);
    free(u->w);
    free(u);
}

const sg_unet_config *sg_unet_get_config(const sg_unet *u)
{
    return &u->cfg;
}

const sg_params *sg_unet_get_params(const sg_unet *u)
{
    return &u->params;
}

static bool starts_at_zero(const char *name)
{
    static const char *const part[] = {".out_layers.3.", ".proj_out.", "diffusion_model.out.2."};
    for (int i = 0; i < 3; i++)
        if (strstr(name, part[i]))
            return true;
    return false;
}

void sg_unet_init_weights(const sg_unet *u, uint64_t seed, float *w)
{
    sg_init_weights(&u->params, seed, w);
    for (int64_t i = 0; i < u->params.n_param; i++) {
        const sg_param *p = &u->params.list[i];
        if (starts_at_zero(p->name))
            memset(w + p->at, 0, (size_t)p->n * sizeof *w);
        if (strncmp(p->name, POSITION, sizeof POSITION - 1) == 0)
            sg_init_normal(&u->params, seed, p->name, w); /* as large as what they are added to: told apart at once */
    }
    sg_init_normal(&u->params, seed, "conditioner.embedders.0.embedding.weight", w); /* as embedding tables start */
}
