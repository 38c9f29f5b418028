/* save.c - writing a bundle: all of it under a temporary name, then one rename. */
#include "model/inside.h"
#include "base/log.h"
#include "nn/safetensors.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct bundle {
    sg_card *card;
    const sg_panel *panel;
    const float *vae_w, *unet_w;
    const sg_latent_space *space;
    const sg_decoder *decoder;
    const sg_reference *ref;
    const uint8_t *key;
} bundle;

static sg_status path_of(char out[PATH_MAX], const char *dir, const char *name, sg_err *err)
{
    const int n = snprintf(out, PATH_MAX, "%s/%s", dir, name);
    return n > 0 && n < PATH_MAX ? SG_OK : sg_fail(err, SG_LIMIT, "%.80s...: the path is too long", dir);
}

static int64_t offset_rows(const bundle *b)
{
    return b->card->vae.n_snp * (b->decoder->offset_stride ? b->card->n_label : 1);
}

static sg_status write_tensors(const char *path, const bundle *b, const sg_params *v, const sg_params *u, sg_err *err)
{
    const sg_card *c = b->card;
    const int64_t z = c->vae.z_channels, T = sg_vae_latent_len(&c->vae), D = z * T;
    const int64_t n = v->n_param + u->n_param + 7;
    sg_to_store *list = calloc((size_t)n, sizeof *list);
    if (!list)
        return sg_fail(err, SG_NOMEM, "no memory for a list of tensors");
    sg_params_to_store(v, b->vae_w, list);
    sg_params_to_store(u, b->unet_w, list + v->n_param);
    sg_to_store *own = list + v->n_param + u->n_param;
    int64_t k = 0;
    own[k++] = (sg_to_store){"snpgen.latent_mean", SG_DTYPE_F32, 2, {z, T}, b->space->mean};
    own[k++] = (sg_to_store){"snpgen.latent_std", SG_DTYPE_F32, 2, {z, T}, b->space->std};
    const sg_decoder *d = b->decoder;
    if (d->offset)
        own[k++] = (sg_to_store){"snpgen.logit_offset", SG_DTYPE_F32, 2, {offset_rows(b), 3}, d->offset};
    if (d->forest.parent) {
        own[k++] = (sg_to_store){"snpgen.linkage_parent", SG_DTYPE_I32, 1, {d->n_snp}, d->forest.parent};
        own[k++] = (sg_to_store){"snpgen.linkage_pair", SG_DTYPE_F32, 2, {d->n_snp, 9}, d->forest.pair};
    }
    if (b->space->shift)
        own[k++] = (sg_to_store){"snpgen.label_shift", SG_DTYPE_F32, 2, {c->n_label, D}, b->space->shift};
    if (b->space->mix)
        own[k++] = (sg_to_store){"snpgen.latent_mix", SG_DTYPE_F32, 2, {D, D}, b->space->mix};
    const char *const meta[] = {"format", "pt"}; /* no name: the same weights are the same bytes */
    const sg_status st = sg_safetensors_write(path, 0644, list, v->n_param + u->n_param + k, meta, 1, err);
    free(list);
    return st;
}

/* The networks are made for their parameter lists, and loaded so that no bundle holds weights that cannot be used. */
static sg_status write_weights(const char *path, const bundle *b, sg_err *err)
{
    sg_vae *vae = NULL;
    sg_unet *unet = NULL;
    sg_status st = sg_vae_new(&b->card->vae, &vae, err);
    if (!st)
        st = sg_unet_new(&b->card->unet, &unet, err);
    if (!st)
        st = sg_vae_load(vae, b->vae_w, err);
    if (!st)
        st = sg_unet_load(unet, b->unet_w, err);
    if (!st)
        st = write_tensors(path, b, sg_vae_get_params(vae), sg_unet_get_params(unet), err);
    sg_vae_free(vae);
    sg_unet_free(unet);
    return st;
}

static sg_status write_card(const char *path, const sg_card *card, sg_err *err)
{
    sg_buf b;
    sg_buf_init(&b, SG_CARD_BYTES_MAX);
    sg_status st = sg_card_encode(card, &b, err);
    if (!st) { /* what we write, we can read */
        sg_arena a;
        sg_card again;
        st = sg_arena_init(&a, (size_t)64 << 20, err);
        if (!st)
            st = sg_card_decode(b.data, b.n, &a, &again, err);
        sg_arena_clear(&a);
    }
    if (!st)
        st = sg_file_write(path, 0644, b.data, b.n, err);
    sg_buf_clear(&b);
    return st;
}

/* In the order of trust: the reference needs the panel's digest, the card needs all. */
static sg_status write_parts(const char *dir, const bundle *b, sg_err *err)
{
    char path[PATH_MAX];
    SG_TRY(path_of(path, dir, "panel.tsv", err));
    SG_TRY(sg_panel_save(path, b->panel, err));
    SG_TRY(sg_sha256_file(path, &b->card->panel, err));
    SG_TRY(path_of(path, dir, "reference.enc", err));
    SG_TRY(sg_reference_save(path, b->card, b->ref, b->key, err));
    SG_TRY(sg_sha256_file(path, &b->card->reference, err));
    SG_TRY(path_of(path, dir, "model.safetensors", err));
    SG_TRY(write_weights(path, b, err));
    SG_TRY(sg_sha256_file(path, &b->card->weights, err));
    SG_TRY(path_of(path, dir, "card.json", err));
    return write_card(path, b->card, err);
}

static sg_status check_latents(const bundle *b, sg_err *err)
{
    const int64_t n = b->card->vae.z_channels * sg_vae_latent_len(&b->card->vae);
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(b->space->mean[i]) || !isfinite(b->space->std[i]) || !(b->space->std[i] > 0))
            return sg_fail(err, SG_LIMIT, "latent dimension %lld: mean %g, standard deviation %g, want finite and > 0",
                           (long long)i, (double)b->space->mean[i], (double)b->space->std[i]);
    for (int64_t i = 0; b->space->shift && i < n * b->card->n_label; i++)
        if (!isfinite(b->space->shift[i]))
            return sg_fail(err, SG_LIMIT, "the latents' label shift is not finite");
    for (int64_t i = 0; b->space->mix && i < n * n; i++)
        if (!isfinite(b->space->mix[i]))
            return sg_fail(err, SG_LIMIT, "the latents' mixing matrix is not finite");
    const sg_decoder *d = b->decoder;
    for (int64_t i = 0; d->offset && i < 3 * offset_rows(b); i++)
        if (!isfinite(d->offset[i]))
            return sg_fail(err, SG_LIMIT, "logit offset of SNP %lld is not finite",
                           (long long)(i / 3 % b->card->vae.n_snp));
    for (int64_t i = 0; d->forest.parent && i < 9 * d->n_snp; i++)
        if (!isfinite(d->forest.pair[i]))
            return sg_fail(err, SG_LIMIT, "the link of SNP %lld is not finite", (long long)(i / 9 + 1));
    return SG_OK;
}

static void count_people(sg_card *c, const sg_reference *ref)
{
    c->format = SG_BUNDLE_FORMAT;
    c->n_train = ref->people[SG_ROLE_TRAIN].n_sample;
    c->n_val = ref->people[SG_ROLE_VAL].n_sample;
    c->n_test = ref->people[SG_ROLE_TEST].n_sample;
    memset(c->n_train_label, 0, sizeof c->n_train_label);
    for (int64_t i = 0; i < c->n_train; i++)
        if (ref->label[SG_ROLE_TRAIN][i] >= 0 && ref->label[SG_ROLE_TRAIN][i] < SG_LABEL_MAX)
            c->n_train_label[ref->label[SG_ROLE_TRAIN][i]]++;
}

/* The finished folder under its name, without ever replacing one; then the folder it is in, on disk. */
static sg_status publish(const char *temp, const char *dir, sg_err *err)
{
    if (renameat2(AT_FDCWD, temp, AT_FDCWD, dir, RENAME_NOREPLACE)) {
        const int e = errno;
        if (e == EEXIST || e == ENOTEMPTY)
            return sg_fail(err, SG_STATE, "%s: exists; a model is never overwritten", dir);
        /* A file system without the flag: the check at the start has to do. */
        if ((e != EINVAL && e != ENOSYS) || rename(temp, dir))
            return sg_fail(err, SG_IO, "%s: cannot make this folder: %s", dir, strerror(errno));
    }
    char parent[PATH_MAX];
    (void)snprintf(parent, sizeof parent, "%s", dir);
    char *slash = strrchr(parent, '/');
    if (slash)
        slash[slash == parent] = '\0';
    const int fd = open(slash ? parent : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool bad = fd < 0 || fsync(fd);
    if (fd >= 0)
        (void)close(fd);
    return bad ? sg_fail(err, SG_IO, "%s: cannot sync its folder: %s", dir, strerror(errno)) : SG_OK;
}

sg_status sg_model_save(const char *dir, sg_card *card, const sg_panel *panel, const float *vae_w, const float *unet_w,
                        const sg_latent_space *space, const sg_decoder *decoder, const sg_reference *ref,
                        const uint8_t key[SG_KEY_BYTES], sg_err *err)
{
    const bundle b = {card, panel, vae_w, unet_w, space, decoder, ref, key};
    char name[PATH_MAX], temp[PATH_MAX];
    size_t n = strlen(dir);
    while (n > 1 && dir[n - 1] == '/')
        n--;
    if (n == 0 || n + sizeof ".tmp-XXXXXX" > PATH_MAX)
        return sg_fail(err, SG_LIMIT, "\"%.80s\": not a name a folder can have", dir);
    memcpy(name, dir, n);
    name[n] = '\0';
    count_people(card, ref);
    SG_TRY(sg_card_check(card, err));
    if (panel->n_snp != card->vae.n_snp)
        return sg_fail(err, SG_MISMATCH, "the panel has %lld SNPs, the VAE was made for %lld", (long long)panel->n_snp,
                       (long long)card->vae.n_snp);
    SG_TRY(check_latents(&b, err));
    struct stat s;
    if (lstat(name, &s) == 0)
        return sg_fail(err, SG_STATE, "%s: exists; a model is never overwritten", name);
    (void)snprintf(temp, sizeof temp, "%.*s.tmp-XXXXXX", (int)n, name);
    if (!mkdtemp(temp))
        return sg_fail(err, SG_IO, "%s: cannot make this folder: %s", name, strerror(errno));
    sg_status st = write_parts(temp, &b, err);
    if (!st)
        st = publish(temp, name, err);
    if (st && sg_dir_remove(temp, NULL))
        sg_log(SG_LOG_WARN, "%s could not be removed", temp);
    return st;
}

sg_status sg_model_qualify(const char *dir, sg_model *m, const char *json, sg_err *err)
{
    char path[PATH_MAX];
    SG_TRY(path_of(path, dir, "card.json", err));
    char *const before = m->card.qualification_json, *text = sg_arena_strndup(&m->arena, json, strlen(json));
    if (!text)
        return sg_arena_full(&m->arena, "the qualification", err);
    m->card.qualification_json = text;
    sg_status st = write_card(path, &m->card, err);
    if (!st)
        st = sg_sha256_file(path, &m->digest, err);
    else
        m->card.qualification_json = before;
    return st;
}
