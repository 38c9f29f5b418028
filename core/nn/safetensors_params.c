/* safetensors_params.c - writing, and parameter lists to and from files; see safetensors.h. */
#include "nn/safetensors.h"
#include "base/file.h"
#include "base/json.h"

#include <jansson.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t bytes_of(sg_dtype t)
{
    static const int bytes[] = {
#define X(name, n) n,
        SG_DTYPE_LIST(X)
#undef X
    };
    return bytes[t];
}

static const char *word_of(sg_dtype t)
{
    static const char *const word[] = {
#define X(name, n) #name,
        SG_DTYPE_LIST(X)
#undef X
    };
    return word[t];
}

static void print_shape(int n_dim, const int64_t *dim, char *out, size_t size)
{
    size_t at = 0;
    out[0] = '\0';
    for (int i = 0; i < n_dim && at < size; i++) {
        const int k = snprintf(out + at, size - at, "%s%lld", i ? "," : "", (long long)dim[i]);
        at += k > 0 ? (size_t)k : 0;
    }
}

static bool same_shape(const sg_param *p, const sg_stored *t)
{
    return p->n_dim == t->n_dim && memcmp(p->dim, t->dim, (size_t)p->n_dim * sizeof *p->dim) == 0;
}

static int by_name(const void *p, const void *q)
{
    return strcmp((*(const sg_stored *const *)p)->name, (*(const sg_stored *const *)q)->name);
}

static int name_against(const void *key, const void *q)
{
    return strcmp(key, (*(const sg_stored *const *)q)->name);
}

static sg_status read_one(const sg_param *q, const sg_stored *t, const char *optional, float *w, sg_err *err)
{
    if (!t && optional && strcmp(optional, q->name) == 0) {
        memset(w + q->at, 0, (size_t)q->n * sizeof *w);
        return SG_OK;
    }
    if (!t)
        return sg_fail(err, SG_NOT_FOUND, "the checkpoint has no tensor %s", q->name);
    if (!same_shape(q, t)) {
        char have[120], want[120];
        print_shape(t->n_dim, t->dim, have, sizeof have);
        print_shape(q->n_dim, q->dim, want, sizeof want);
        return sg_fail(err, SG_MISMATCH, "tensor %s has shape [%s], want [%s]", q->name, have, want);
    }
    sg_stored_f32(t, w + q->at);
    return SG_OK;
}

sg_status sg_params_read(const sg_params *p, const sg_safetensors *s, const char *optional, float *w, sg_err *err)
{
    const int64_t n = sg_safetensors_count(s);
    const sg_stored **sorted = calloc((size_t)n + 1, sizeof(const sg_stored *));
    if (!sorted)
        return sg_fail(err, SG_NOMEM, "out of memory while reading a checkpoint");
    for (int64_t i = 0; i < n; i++)
        sorted[i] = sg_safetensors_at(s, i);
    qsort((void *)sorted, (size_t)n, sizeof *sorted, by_name);
    sg_status st = SG_OK;
    for (int64_t i = 0; !st && i < p->n_param; i++) {
        const sg_stored **t = bsearch(p->list[i].name, (const void *)sorted, (size_t)n, sizeof *sorted, name_against);
        st = read_one(&p->list[i], t ? *t : NULL, optional, w, err);
    }
    free((void *)sorted);
    return st;
}

void sg_params_to_store(const sg_params *p, const float *w, sg_to_store *list)
{
    for (int64_t i = 0; i < p->n_param; i++) {
        const sg_param *q = &p->list[i];
        list[i] = (sg_to_store){.name = q->name, .dtype = SG_DTYPE_F32, .n_dim = q->n_dim, .data = w + q->at};
        memcpy(list[i].dim, q->dim, (size_t)q->n_dim * sizeof *q->dim);
    }
}

static bool stored_bytes(const sg_to_store *t, int64_t *n)
{
    *n = bytes_of(t->dtype);
    for (int i = 0; i < t->n_dim; i++)
        if (t->dim[i] < 0 || __builtin_mul_overflow(*n, t->dim[i], n))
            return false;
    return true;
}

/* The header as JSON; NULL when memory is out or a size overflows. */
static json_t *header_json(const sg_to_store *list, int64_t n, const char *const *meta, int n_meta)
{
    json_t *root = json_object();
    json_t *m = n_meta > 0 ? json_object() : NULL;
    int bad = root == NULL;
    for (int i = 0; i < n_meta; i++)
        bad |= json_object_set_new(m, meta[2 * i], json_string(meta[2 * i + 1])) != 0;
    if (m)
        bad |= json_object_set_new(root, "__metadata__", m) != 0;
    int64_t at = 0;
    for (int64_t i = 0; !bad && i < n; i++) {
        int64_t bytes, end;
        if (!stored_bytes(&list[i], &bytes) || __builtin_add_overflow(at, bytes, &end)) {
            bad = 1;
            break;
        }
        json_t *shape = json_array();
        for (int k = 0; k < list[i].n_dim; k++)
            bad |= json_array_append_new(shape, json_integer(list[i].dim[k])) != 0;
        json_t *v = json_pack("{s:s, s:o, s:[I,I]}", "dtype", word_of(list[i].dtype), "shape", shape, "data_offsets",
                              (json_int_t)at, (json_int_t)end);
        bad |= json_object_set_new(root, list[i].name, v) != 0;
        at = end;
    }
    if (bad) {
        json_decref(root);
        return NULL;
    }
    return root;
}

/* Errors of fwrite are collected by the stream and reported by sg_out_commit. */
static void write_all(FILE *f, const char *text, const sg_to_store *list, int64_t n)
{
    const size_t len = strlen(text), padded = (len + 7) / 8 * 8;
    unsigned char size[8];
    for (int i = 0; i < 8; i++)
        size[i] = (unsigned char)((uint64_t)padded >> 8 * i);
    (void)fwrite(size, 1, sizeof size, f);
    (void)fwrite(text, 1, len, f);
    for (size_t i = len; i < padded; i++)
        (void)fputc(' ', f);
    for (int64_t i = 0; i < n; i++) {
        int64_t bytes;
        if (stored_bytes(&list[i], &bytes) && bytes > 0)
            (void)fwrite(list[i].data, 1, (size_t)bytes, f);
    }
}

sg_status sg_safetensors_write(const char *path, unsigned mode, const sg_to_store *list, int64_t n,
                               const char *const *meta, int n_meta, sg_err *err)
{
    json_t *root = header_json(list, n, meta, n_meta);
    char *text = root ? sg_json_text(root, JSON_COMPACT) : NULL;
    json_decref(root);
    if (!text)
        return sg_fail(err, SG_NOMEM, "%s: no room for a header of %lld tensors", path, (long long)n);
    sg_out o = {0};
    sg_status st = sg_out_open(path, mode, &o, err);
    if (!st) {
        write_all(o.f, text, list, n);
        st = sg_out_commit(&o, err);
    }
    free(text);
    return st;
}
