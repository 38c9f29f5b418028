/* model.c - opening a bundle: nothing in it is used before its digest is the one the card names. */
#include "model/inside.h"
#include "nn/safetensors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_BYTES ((size_t)4 << 30) /* address space; panel text is at most 256 MiB */
#define PANEL_BYTES_MAX ((size_t)256 << 20)

/* Reads dir/name whole and checks that it is the file the card names (want NULL: the card itself). */
static sg_status read_part(const char *dir, const char *name, size_t max, const sg_digest *want, sg_buf *out,
                           sg_digest *got, sg_err *err)
{
    sg_buf path;
    sg_buf_init(&path, 1 << 16);
    sg_status st = sg_buf_printf(&path, err, "%s/%s", dir, name);
    if (!st)
        st = sg_file_read((const char *)path.data, max, out, err);
    sg_buf_clear(&path);
    if (st)
        return st;
    *got = sg_sha256_of(out->data, out->n);
    if (want && !sg_digest_equal(got, want)) {
        sg_buf_clear(out);
        return sg_fail(err, SG_MISMATCH, "%s/%s: not the file that card.json names (other digest)", dir, name);
    }
    return SG_OK;
}

static sg_status open_card(const char *dir, sg_model *m, sg_err *err)
{
    sg_buf text;
    SG_TRY(read_part(dir, "card.json", SG_CARD_BYTES_MAX, NULL, &text, &m->digest, err));
    const sg_status st = sg_card_decode(text.data, text.n, &m->arena, &m->card, err);
    sg_buf_clear(&text);
    return st ? sg_fail_in(err, st, "%s", dir) : SG_OK;
}

static sg_status open_panel(const char *dir, sg_model *m, sg_err *err)
{
    sg_buf text;
    sg_digest d;
    SG_TRY(read_part(dir, "panel.tsv", PANEL_BYTES_MAX, &m->card.panel, &text, &d, err));
    char *keep = sg_arena_strndup(&m->arena, (const char *)text.data, text.n);
    const size_t n = text.n;
    sg_buf_clear(&text);
    if (!keep)
        return sg_arena_full(&m->arena, "the panel", err);
    const sg_status st = sg_panel_decode("panel.tsv", keep, n, &m->arena, &m->panel, err);
    if (st)
        return sg_fail_in(err, st, "%s", dir);
    if (m->panel.n_snp != m->card.vae.n_snp)
        return sg_fail(err, SG_MISMATCH, "%s: the panel has %lld SNPs, the VAE was made for %lld", dir,
                       (long long)m->panel.n_snp, (long long)m->card.vae.n_snp);
    return SG_OK;
}

/* A tensor [rows, cols] of finite floats in the arena. */
static sg_status read_plane(const sg_safetensors *s, const char *name, int64_t rows, int64_t cols, sg_arena *a,
                            float **out, sg_err *err)
{
    const sg_stored *t = sg_safetensors_find(s, name);
    *out = NULL;
    if (!t)
        return sg_fail(err, SG_NOT_FOUND, "model.safetensors: tensor %s is missing", name);
    if (t->n_dim != 2 || t->dim[0] != rows || t->dim[1] != cols)
        return sg_fail(err, SG_MISMATCH, "model.safetensors: tensor %s is not [%lld, %lld]", name, (long long)rows,
                       (long long)cols);
    *out = SG_NEW_RAW(a, float, t->n);
    if (!*out)
        return sg_arena_full(a, name, err);
    sg_stored_f32(t, *out);
    for (int64_t i = 0; i < t->n; i++)
        if (!isfinite((*out)[i]))
            return sg_fail(err, SG_LIMIT, "model.safetensors: tensor %s holds a number that is not finite", name);
    return SG_OK;
}

/* Parameters of one network from the file into its kernels; `load` refuses what is not finite. */
#define LOAD_NETWORK(m, s, params, load, optional, err)                                                                \
    do {                                                                                                               \
        const size_t mark_ = sg_arena_mark(&(m)->arena);                                                               \
        float *w_ = SG_NEW_RAW(&(m)->arena, float, (params)->n_float);                                                 \
        sg_status st_ =                                                                                                \
            w_ ? sg_params_read(params, s, optional, w_, err) : sg_arena_full(&(m)->arena, "weights", err);            \
        if (!st_)                                                                                                      \
            st_ = load;                                                                                                \
        sg_arena_rewind(&(m)->arena, mark_);                                                                           \
        if (st_)                                                                                                       \
            return st_;                                                                                                \
    } while (0)

static sg_status read_forest(const sg_safetensors *s, const sg_stored *parent, sg_arena *a, sg_forest *f, sg_err *err)
{
    if (parent->n_dim != 1 || parent->dim[0] != f->n_snp || parent->dtype != SG_DTYPE_I32)
        return sg_fail(err, SG_MISMATCH, "model.safetensors: tensor %s is not int32 [%lld]", parent->name,
                       (long long)f->n_snp);
    f->parent = SG_NEW_RAW(a, int32_t, f->n_snp);
    f->order = SG_NEW_RAW(a, int32_t, f->n_snp);
    if (!f->parent || !f->order)
        return sg_arena_full(a, parent->name, err);
    memcpy(f->parent, parent->data, (size_t)f->n_snp * sizeof *f->parent);
    for (int64_t i = 0; i < f->n_snp; i++)
        f->n_edge += f->parent[i] >= 0;
    SG_TRY(read_plane(s, "snpgen.linkage_pair", f->n_snp, 9, a, &f->pair, err));
    const sg_status st = sg_forest_order(f->n_snp, f->parent, f->order, err);
    return st ? sg_fail_in(err, st, "model.safetensors") : SG_OK;
}

static sg_status read_decoder(sg_model *m, const sg_safetensors *s, sg_err *err)
{
    const sg_stored *offset = sg_safetensors_find(s, "snpgen.logit_offset");
    const sg_stored *parent = sg_safetensors_find(s, "snpgen.linkage_parent");
    const int64_t n_snp = m->card.vae.n_snp;
    const bool by_label = offset && offset->dim[0] == m->card.n_label * n_snp;
    m->decoder = (sg_decoder){.n_snp = n_snp, .offset_stride = by_label ? 3 * n_snp : 0, .forest = {.n_snp = n_snp}};
    float *o = NULL;
    if (offset)
        SG_TRY(read_plane(s, "snpgen.logit_offset", by_label ? m->card.n_label * n_snp : n_snp, 3, &m->arena, &o, err));
    m->decoder.offset = o;
    return parent ? read_forest(s, parent, &m->arena, &m->decoder.forest, err) : SG_OK;
}

static sg_status read_weights(sg_model *m, const sg_safetensors *s, sg_err *err)
{
    const int64_t z = m->card.vae.z_channels, T = sg_vae_latent_len(&m->card.vae);
    SG_TRY(sg_vae_new(&m->card.vae, &m->vae, err));
    SG_TRY(sg_unet_new(&m->card.unet, &m->unet, err));
    LOAD_NETWORK(m, s, sg_vae_get_params(m->vae), sg_vae_load(m->vae, w_, err), "loss.logvar", err);
    LOAD_NETWORK(m, s, sg_unet_get_params(m->unet), sg_unet_load(m->unet, w_, err), NULL, err);
    SG_TRY(read_plane(s, "snpgen.latent_mean", z, T, &m->arena, &m->latent_mean, err));
    SG_TRY(read_plane(s, "snpgen.latent_std", z, T, &m->arena, &m->latent_std, err));
    for (int64_t i = 0; i < z * T; i++)
        if (!(m->latent_std[i] > 0))
            return sg_fail(err, SG_LIMIT, "model.safetensors: snpgen.latent_std holds a number that is not positive");
    const int64_t D = z * T;
    if (sg_safetensors_find(s, "snpgen.label_shift"))
        SG_TRY(read_plane(s, "snpgen.label_shift", m->card.n_label, D, &m->arena, &m->label_shift, err));
    if (sg_safetensors_find(s, "snpgen.latent_mix"))
        SG_TRY(read_plane(s, "snpgen.latent_mix", D, D, &m->arena, &m->latent_mix, err));
    for (int64_t i = 0; m->latent_mix && i < D; i++)
        if (!(m->latent_mix[i * D + i] > 0))
            return sg_fail(err, SG_LIMIT, "model.safetensors: snpgen.latent_mix has a diagonal that is not positive");
    m->space = (sg_latent_space){z, T, m->card.n_label, m->latent_mean, m->latent_std, m->label_shift, m->latent_mix};
    return read_decoder(m, s, err);
}

static sg_status open_weights(const char *dir, sg_model *m, sg_err *err)
{
    sg_buf bytes;
    sg_digest d;
    SG_TRY(read_part(dir, "model.safetensors", SG_SAFETENSORS_MAX, &m->card.weights, &bytes, &d, err));
    sg_safetensors *s;
    sg_status st = sg_safetensors_parse("model.safetensors", bytes.data, bytes.n, &s, err);
    sg_buf_clear(&bytes);
    if (!st)
        st = read_weights(m, s, err);
    sg_safetensors_free(s);
    return st ? sg_fail_in(err, st, "%s", dir) : SG_OK;
}

/* A bundle may travel without its sealed reference; one that is there must be the right one. */
static sg_status check_reference(const char *dir, const sg_model *m, sg_err *err)
{
    sg_buf path;
    sg_buf_init(&path, 1 << 16);
    sg_status st = sg_buf_printf(&path, err, "%s/reference.enc", dir);
    if (!st && sg_file_exists((const char *)path.data)) {
        sg_digest d;
        st = sg_sha256_file((const char *)path.data, &d, err);
        if (!st && !sg_digest_equal(&d, &m->card.reference))
            st = sg_fail(err, SG_MISMATCH, "%s/reference.enc: not the file that card.json names (other digest)", dir);
    }
    sg_buf_clear(&path);
    return st;
}

sg_status sg_model_open(const char *dir, sg_model **out, sg_err *err)
{
    *out = NULL;
    sg_model *m = calloc(1, sizeof *m);
    if (!m)
        return sg_fail(err, SG_NOMEM, "no memory for a model");
    sg_status st = sg_arena_init(&m->arena, ARENA_BYTES, err);
    if (!st)
        st = open_card(dir, m, err);
    if (!st)
        st = open_panel(dir, m, err);
    if (!st)
        st = check_reference(dir, m, err);
    if (!st)
        st = open_weights(dir, m, err);
    if (st) {
        sg_model_close(m);
        return st;
    }
    sg_schedule_published(&m->schedule);
    *out = m;
    return SG_OK;
}

void sg_model_close(sg_model *m)
{
    if (!m)
        return;
    sg_vae_free(m->vae);
    sg_unet_free(m->unet);
    sg_arena_clear(&m->arena);
    free(m);
}
