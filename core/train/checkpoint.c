/* checkpoint.c - all a run knows, in one file that is either whole or not there.
 *
 * Layout: "SGTRAIN1", header length (8 bytes, little-endian), JSON header, float32 buffers one behind the other in the
 *         order of header.buffers, SHA-256 of everything before it.
 * The header names options, data digest, stage, epoch, batch, step numbers, running sums and curves. Which buffers
 * stand in the file depends on the stage: a finished stage leaves its moving average only.
 */
#include "base/file.h"
#include "base/json.h"
#include "train/internal.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

static const char magic[8] = {'S', 'G', 'T', 'R', 'A', 'I', 'N', '1'};
enum { HEADER_MAX = 64 << 20, BUFFERS_MAX = 16 };

static const char *const stage_word[] = {
    [SG_STAGE_VAE] = "vae", [SG_STAGE_DIFFUSION] = "diffusion", [SG_STAGE_CALIBRATE] = "calibrate"};

typedef struct buffer {
    const char *name;
    float *x;
    int64_t n;
} buffer;

static int list_buffers(const sg_train_state *s, buffer list[BUFFERS_MAX])
{
    int n = 0;
    const sg_fit *v = &s->vae, *u = &s->unet;
    list[n++] = (buffer){"vae.ema", v->ema, v->n_float};
    if (s->stage == SG_STAGE_VAE) {
        list[n++] = (buffer){"vae.w", v->w, v->n_float};
        list[n++] = (buffer){"vae.m", v->m, v->n_float};
        list[n++] = (buffer){"vae.v", v->v, v->n_float};
        if (s->disc_vector) {
            const sg_fit *d = &s->disc;
            list[n++] = (buffer){"disc.w", d->w, d->n_float};
            list[n++] = (buffer){"disc.m", d->m, d->n_float};
            list[n++] = (buffer){"disc.v", d->v, d->n_float};
            list[n++] = (buffer){"disc.vector", s->disc_vector, s->n_disc_vector};
        }
        return n;
    }
    list[n++] = (buffer){"latent_mean", s->latent_mean, s->n_latent};
    list[n++] = (buffer){"latent_std", s->latent_std, s->n_latent};
    if (s->label_shift)
        list[n++] = (buffer){"label_shift", s->label_shift, s->n_label * s->n_latent};
    if (s->latent_mix)
        list[n++] = (buffer){"latent_mix", s->latent_mix, s->n_latent * s->n_latent};
    list[n++] = (buffer){"unet.ema", u->ema, u->n_float};
    if (s->stage == SG_STAGE_DIFFUSION) {
        list[n++] = (buffer){"unet.w", u->w, u->n_float};
        list[n++] = (buffer){"unet.m", u->m, u->n_float};
        list[n++] = (buffer){"unet.v", u->v, u->n_float};
    }
    return n;
}

static json_t *header_json(const sg_train_options *o, const sg_digest *data, const sg_train_state *s)
{
    char hex[SG_DIGEST_HEX];
    sg_hex(data->b, SG_DIGEST_BYTES, hex);
    json_t *sum = json_array(), *seconds = json_array(), *names = json_array();
    for (int i = 0; i < SG_CREW_SUMS; i++)
        json_array_append_new(sum, json_real(s->sum[i]));
    for (int i = 0; i < 3; i++)
        json_array_append_new(seconds, json_real(s->seconds[i]));
    buffer list[BUFFERS_MAX];
    const int n = list_buffers(s, list);
    for (int i = 0; i < n; i++)
        json_array_append_new(names, json_pack("{s:s, s:I}", "name", list[i].name, "n", (json_int_t)list[i].n));
    return json_pack("{s:o, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:O, s:o}", "options",
                     sg_train_options_json(o), "data", hex, "stage", stage_word[s->stage], "epoch",
                     (json_int_t)s->epoch, "batch", (json_int_t)s->batch, "vae_step", (json_int_t)s->vae.step,
                     "unet_step", (json_int_t)s->unet.step, "disc_step", (json_int_t)s->disc.step, "sum", sum,
                     "seconds", seconds, "curves", s->curves, "buffers", names);
}

static sg_status checkpoint_path(const char *dir, char path[PATH_MAX], sg_err *err)
{
    const int n = snprintf(path, PATH_MAX, "%s/checkpoint", dir);
    return n > 0 && n < PATH_MAX ? SG_OK : sg_fail(err, SG_LIMIT, "the path of the work folder is too long");
}

bool sg_state_exists(const char *dir)
{
    char path[PATH_MAX];
    return !checkpoint_path(dir, path, NULL) && sg_file_exists(path);
}

static void put(sg_out *o, sg_sha256 *h, const void *x, size_t n)
{
    (void)fwrite(x, 1, n, o->f); /* errors stay with the stream; commit reports them */
    sg_sha256_add(h, x, n);
}

sg_status sg_state_save(const char *dir, const sg_train_options *o, const sg_digest *data, const sg_train_state *s,
                        sg_err *err)
{
    char path[PATH_MAX];
    SG_TRY(checkpoint_path(dir, path, err));
    json_t *header = header_json(o, data, s);
    char *text = header ? sg_json_text(header, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    json_decref(header);
    if (!text)
        return sg_fail(err, SG_NOMEM, "no memory for the checkpoint's header");
    sg_out out = {0};
    sg_sha256 *h = NULL;
    sg_status st = sg_sha256_new(&h, err);
    if (!st)
        st = sg_out_open(path, 0600, &out, err);
    if (!st) {
        const uint64_t n_text = strlen(text);
        uint8_t len[8];
        for (int i = 0; i < 8; i++)
            len[i] = (uint8_t)(n_text >> 8 * i);
        put(&out, h, magic, sizeof magic);
        put(&out, h, len, sizeof len);
        put(&out, h, text, n_text);
        buffer list[BUFFERS_MAX];
        const int n = list_buffers(s, list);
        for (int i = 0; i < n; i++)
            put(&out, h, list[i].x, (size_t)list[i].n * sizeof(float));
        const sg_digest digest = sg_sha256_end(h);
        (void)fwrite(digest.b, 1, sizeof digest.b, out.f);
        st = sg_out_commit(&out, err);
    }
    sg_sha256_free(h);
    free(text);
    return st ? sg_fail_in(err, st, "checkpoint") : SG_OK;
}

/* Reading ------------------------------------------------------------------------------------------------------ */

typedef struct reader {
    FILE *f;
    sg_sha256 *h;
    const char *path;
} reader;

static sg_status get(reader *r, void *x, size_t n, sg_err *err)
{
    if (fread(x, 1, n, r->f) != n)
        return sg_fail(err, SG_FORMAT, "%s is cut short; remove the work folder to start anew", r->path);
    sg_sha256_add(r->h, x, n);
    return SG_OK;
}

static sg_status read_header(reader *r, json_t **out, sg_err *err)
{
    uint8_t start[16];
    SG_TRY(get(r, start, sizeof start, err));
    uint64_t n = 0;
    for (int i = 0; i < 8; i++)
        n |= (uint64_t)start[8 + i] << 8 * i;
    if (memcmp(start, magic, sizeof magic) != 0 || n > HEADER_MAX)
        return sg_fail(err, SG_FORMAT, "%s is not a checkpoint of this program", r->path);
    char *text = malloc(n + 1);
    if (!text)
        return sg_fail(err, SG_NOMEM, "no memory for a checkpoint header of %llu bytes", (unsigned long long)n);
    const sg_status st = get(r, text, n, err);
    json_error_t e;
    *out = st ? NULL : json_loadb(text, n, 0, &e);
    free(text);
    if (!st && !json_is_object(*out))
        return sg_fail(err, SG_FORMAT, "%s has a header that is not JSON", r->path);
    return st;
}

static sg_status check_header(const json_t *j, const char *path, const sg_train_options *o, const sg_digest *data,
                              sg_err *err)
{
    char hex[SG_DIGEST_HEX];
    sg_hex(data->b, SG_DIGEST_BYTES, hex);
    const char *was = json_string_value(json_object_get(j, "data"));
    if (!was)
        return sg_fail(err, SG_FORMAT, "%s names no data digest", path);
    if (strcmp(was, hex) != 0)
        return sg_fail(err, SG_MISMATCH,
                       "the checkpoint was made from data with digest %.12s..., this dataset has %.12s...; give the "
                       "same dataset, or remove the work folder to start anew",
                       was, hex);
    return sg_train_options_agree(json_object_get(j, "options"), o, err);
}

static sg_status read_numbers(const json_t *j, const char *path, sg_train_state *s, sg_err *err)
{
    const char *stage = json_string_value(json_object_get(j, "stage"));
    int id = -1;
    for (int i = 0; i < 3 && stage; i++)
        if (!strcmp(stage, stage_word[i]))
            id = i;
    const json_t *sum = json_object_get(j, "sum"), *seconds = json_object_get(j, "seconds");
    json_t *curves = json_object_get(j, "curves");
    s->epoch = json_integer_value(json_object_get(j, "epoch"));
    s->batch = json_integer_value(json_object_get(j, "batch"));
    s->vae.step = json_integer_value(json_object_get(j, "vae_step"));
    s->unet.step = json_integer_value(json_object_get(j, "unet_step"));
    s->disc.step = json_integer_value(json_object_get(j, "disc_step"));
    if (id < 0 || json_array_size(sum) != SG_CREW_SUMS || json_array_size(seconds) != 3 || !json_is_object(curves) ||
        s->epoch < 0 || s->batch < 0 || s->vae.step < 0 || s->unet.step < 0)
        return sg_fail(err, SG_FORMAT, "%s has a header with missing members", path);
    s->stage = (sg_train_stage)id;
    for (int i = 0; i < SG_CREW_SUMS; i++)
        s->sum[i] = json_number_value(json_array_get(sum, (size_t)i));
    for (int i = 0; i < 3; i++)
        s->seconds[i] = json_number_value(json_array_get(seconds, (size_t)i));
    json_decref(s->curves);
    s->curves = json_incref(curves);
    return SG_OK;
}

static sg_status read_buffers(reader *r, const json_t *j, sg_train_state *s, sg_err *err)
{
    buffer list[BUFFERS_MAX];
    const int n = list_buffers(s, list);
    const json_t *names = json_object_get(j, "buffers");
    if ((int)json_array_size(names) != n)
        return sg_fail(err, SG_FORMAT, "%s holds %zu buffers, want %d", r->path, json_array_size(names), n);
    for (int i = 0; i < n; i++) {
        const json_t *b = json_array_get(names, (size_t)i);
        const char *name = json_string_value(json_object_get(b, "name"));
        const json_int_t len = json_integer_value(json_object_get(b, "n"));
        if (!name || strcmp(name, list[i].name) != 0 || len != list[i].n)
            return sg_fail(err, SG_FORMAT, "%s: buffer %d is %s of %lld floats, want %s of %lld", r->path, i + 1,
                           name ? name : "?", (long long)len, list[i].name, (long long)list[i].n);
        SG_TRY(get(r, list[i].x, (size_t)len * sizeof(float), err));
    }
    const sg_digest want = sg_sha256_end(r->h);
    sg_digest have;
    if (fread(have.b, 1, sizeof have.b, r->f) != sizeof have.b || !sg_digest_equal(&have, &want))
        return sg_fail(err, SG_FORMAT, "%s is damaged: its checksum does not fit; remove the work folder to start anew",
                       r->path);
    return SG_OK;
}

sg_status sg_state_load(const char *dir, const sg_train_options *o, const sg_digest *data, sg_train_state *s,
                        sg_err *err)
{
    char path[PATH_MAX];
    SG_TRY(checkpoint_path(dir, path, err));
    reader r = {.f = fopen(path, "rbe"), .path = path};
    if (!r.f)
        return sg_fail(err, errno == ENOENT ? SG_NOT_FOUND : SG_IO, "cannot open %s: %s", path, strerror(errno));
    json_t *j = NULL;
    sg_status st = sg_sha256_new(&r.h, err);
    if (!st)
        st = read_header(&r, &j, err);
    if (!st)
        st = check_header(j, path, o, data, err);
    if (!st)
        st = read_numbers(j, path, s, err);
    if (!st)
        st = read_buffers(&r, j, s, err);
    json_decref(j);
    sg_sha256_free(r.h);
    (void)fclose(r.f);
    return st;
}
