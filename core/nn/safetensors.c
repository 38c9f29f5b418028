/* safetensors.c - reading; see safetensors.h. */
#include "nn/safetensors.h"
#include "base/file.h"

#include <jansson.h>

#include <stdlib.h>
#include <string.h>

enum { HEADER_MAX = 64 << 20 };

struct sg_safetensors {
    sg_buf file;
    json_t *header; /* names and metadata live in it */
    sg_stored *list;
    int64_t n;
};

static const struct {
    const char *word;
    int bytes;
} dtype_of[] = {
#define X(name, bytes) {#name, bytes},
    SG_DTYPE_LIST(X)
#undef X
};

void sg_safetensors_free(sg_safetensors *s)
{
    if (!s)
        return;
    json_decref(s->header);
    free(s->list);
    sg_buf_clear(&s->file);
    free(s);
}

static sg_status read_dtype(const char *file, const char *name, const json_t *v, sg_dtype *out, sg_err *err)
{
    const char *word = json_string_value(v);
    for (int i = 0; word && i < SG_N_DTYPE; i++)
        if (strcmp(word, dtype_of[i].word) == 0) {
            *out = (sg_dtype)i;
            return SG_OK;
        }
    return sg_fail(err, SG_FORMAT,
                   "%s: tensor %.80s has dtype \"%.20s\", want one of F64 F32 F16 BF16 I64 I32 I16 I8 U8 "
                   "BOOL",
                   file, name, word ? word : "(not a string)");
}

static sg_status read_shape(const char *file, const char *name, const json_t *v, sg_stored *t, sg_err *err)
{
    const size_t n = json_array_size(v);
    if (!json_is_array(v) || n > SG_TENSOR_DIMS)
        return sg_fail(err, SG_FORMAT, "%s: the shape of tensor %.80s is not a list of at most %d sizes", file, name,
                       SG_TENSOR_DIMS);
    t->n = 1;
    t->n_dim = (int)n;
    for (size_t i = 0; i < n; i++) {
        const json_t *d = json_array_get(v, i);
        t->dim[i] = json_is_integer(d) ? (int64_t)json_integer_value(d) : -1;
        if (t->dim[i] < 0 || __builtin_mul_overflow(t->n, t->dim[i], &t->n))
            return sg_fail(err, SG_FORMAT, "%s: size %zu of tensor %.80s is not a possible one", file, i, name);
    }
    return SG_OK;
}

static sg_status read_place(const char *file, const json_t *v, const unsigned char *data, size_t n_data, sg_stored *t,
                            sg_err *err)
{
    const json_t *from = json_array_get(v, 0), *to = json_array_get(v, 1);
    if (json_array_size(v) != 2 || !json_is_integer(from) || !json_is_integer(to))
        return sg_fail(err, SG_FORMAT, "%s: data_offsets of tensor %.80s are not two integers", file, t->name);
    const int64_t a = json_integer_value(from), b = json_integer_value(to);
    int64_t want;
    if (a < 0 || b < a || (uint64_t)b > n_data)
        return sg_fail(err, SG_FORMAT, "%s: tensor %.80s lies at bytes %lld to %lld of %zu", file, t->name,
                       (long long)a, (long long)b, n_data);
    if (__builtin_mul_overflow(t->n, (int64_t)dtype_of[t->dtype].bytes, &want) || want != b - a)
        return sg_fail(err, SG_FORMAT, "%s: tensor %.80s has %lld bytes, its shape asks for another number", file,
                       t->name, (long long)(b - a));
    t->data = data + a;
    return SG_OK;
}

static int by_place(const void *p, const void *q)
{
    const sg_stored *a = p, *b = q;
    if (a->data != b->data)
        return a->data < b->data ? -1 : 1;
    return a->n < b->n ? -1 : a->n > b->n; /* empty ones first */
}

/* Tensors must lie end to end over the whole of the data. */
static sg_status check_tiling(const char *file, sg_safetensors *s, const unsigned char *data, size_t n_data,
                              sg_err *err)
{
    if (s->n > 0)
        qsort(s->list, (size_t)s->n, sizeof *s->list, by_place);
    const unsigned char *at = data;
    for (int64_t i = 0; i < s->n; i++) {
        if (s->list[i].data != at)
            return sg_fail(err, SG_FORMAT, "%s: tensor %.80s begins at byte %zu of the data, want %zu", file,
                           s->list[i].name, (size_t)(s->list[i].data - data), (size_t)(at - data));
        at += s->list[i].n * dtype_of[s->list[i].dtype].bytes;
    }
    if (at != data + n_data)
        return sg_fail(err, SG_FORMAT, "%s: %zu bytes of data, tensors fill %zu", file, n_data, (size_t)(at - data));
    return SG_OK;
}

static sg_status read_tensors(const char *file, sg_safetensors *s, const unsigned char *data, size_t n_data,
                              sg_err *err)
{
    s->list = calloc(json_object_size(s->header) + 1, sizeof *s->list);
    if (!s->list)
        return sg_fail(err, SG_NOMEM, "%s: out of memory", file);
    const char *name;
    json_t *v;
    json_object_foreach(s->header, name, v)
    {
        if (strcmp(name, "__metadata__") == 0) {
            if (!json_is_object(v))
                return sg_fail(err, SG_FORMAT, "%s: __metadata__ is not an object of strings", file);
            continue;
        }
        if (!json_is_object(v))
            return sg_fail(err, SG_FORMAT, "%s: header entry %.80s is not an object", file, name);
        sg_stored *t = &s->list[s->n];
        t->name = name;
        SG_TRY(read_dtype(file, name, json_object_get(v, "dtype"), &t->dtype, err));
        SG_TRY(read_shape(file, name, json_object_get(v, "shape"), t, err));
        SG_TRY(read_place(file, json_object_get(v, "data_offsets"), data, n_data, t, err));
        s->n++;
    }
    return check_tiling(file, s, data, n_data, err);
}

/* s->file is filled; the rest follows from it. */
static sg_status read_all(const char *file, sg_safetensors *s, sg_err *err)
{
    const unsigned char *p = s->file.data;
    const size_t n = s->file.n;
    if (n < 8)
        return sg_fail(err, SG_FORMAT, "%s: %zu bytes are too few for a safetensors file", file, n);
    uint64_t len = 0;
    for (int i = 8; i-- > 0;)
        len = len << 8 | p[i];
    if (len > n - 8 || len > HEADER_MAX)
        return sg_fail(err, SG_FORMAT, "%s: header of %llu bytes in a file of %zu", file, (unsigned long long)len, n);
    json_error_t why;
    s->header = json_loadb((const char *)p + 8, (size_t)len, JSON_REJECT_DUPLICATES, &why);
    if (!json_is_object(s->header))
        return sg_fail(err, SG_FORMAT, "%s: the header is not a JSON object (byte %d: %.120s)", file, why.position,
                       s->header ? "another kind of value" : why.text);
    return read_tensors(file, s, p + 8 + len, n - 8 - (size_t)len, err);
}

static sg_status finish(const char *file, sg_safetensors *s, sg_status st, sg_safetensors **out, sg_err *err)
{
    if (!st)
        st = read_all(file, s, err);
    if (st)
        sg_safetensors_free(s);
    else
        *out = s;
    return st;
}

sg_status sg_safetensors_open(const char *path, sg_safetensors **out, sg_err *err)
{
    *out = NULL;
    sg_safetensors *s = calloc(1, sizeof *s);
    if (!s)
        return sg_fail(err, SG_NOMEM, "%s: out of memory", path);
    return finish(path, s, sg_file_read(path, SG_SAFETENSORS_MAX, &s->file, err), out, err);
}

sg_status sg_safetensors_parse(const char *name, const void *bytes, size_t n, sg_safetensors **out, sg_err *err)
{
    *out = NULL;
    sg_safetensors *s = calloc(1, sizeof *s);
    if (!s)
        return sg_fail(err, SG_NOMEM, "%s: out of memory", name);
    sg_buf_init(&s->file, SG_SAFETENSORS_MAX);
    return finish(name, s, sg_buf_add(&s->file, bytes, n, err), out, err);
}

int64_t sg_safetensors_count(const sg_safetensors *s)
{
    return s->n;
}

const sg_stored *sg_safetensors_at(const sg_safetensors *s, int64_t i)
{
    return i >= 0 && i < s->n ? &s->list[i] : NULL;
}

const sg_stored *sg_safetensors_find(const sg_safetensors *s, const char *name)
{
    for (int64_t i = 0; i < s->n; i++)
        if (strcmp(s->list[i].name, name) == 0)
            return &s->list[i];
    return NULL;
}

const char *sg_safetensors_meta(const sg_safetensors *s, const char *key)
{
    return json_string_value(json_object_get(json_object_get(s->header, "__metadata__"), key));
}

/* IEEE half to double. */
static double half(uint16_t h)
{
    const int exponent = h >> 10 & 31, sign = h >> 15;
    const double fraction = (h & 1023) / 1024.0;
    double v;
    if (exponent == 31)
        v = fraction != 0 ? (double)__builtin_nanf("") : (double)__builtin_inff();
    else
        v = exponent == 0 ? fraction * 0x1p-14 : (1.0 + fraction) * __builtin_ldexp(1.0, exponent - 15);
    return sign ? -v : v;
}

static double one(const sg_stored *t, int64_t i)
{
#define READ(type)                                                                                                     \
    type v;                                                                                                            \
    memcpy(&v, t->data + (size_t)i * sizeof v, sizeof v)
    switch (t->dtype) {
    case SG_DTYPE_F64: {
        READ(double);
        return v;
    }
    case SG_DTYPE_F32: {
        READ(float);
        return (double)v;
    }
    case SG_DTYPE_F16: {
        READ(uint16_t);
        return half(v);
    }
    case SG_DTYPE_BF16: {
        READ(uint16_t);
        const uint32_t bits = (uint32_t)v << 16;
        float f;
        memcpy(&f, &bits, sizeof f);
        return (double)f;
    }
    case SG_DTYPE_I64: {
        READ(int64_t);
        return (double)v;
    }
    case SG_DTYPE_I32: {
        READ(int32_t);
        return v;
    }
    case SG_DTYPE_I16: {
        READ(int16_t);
        return v;
    }
    case SG_DTYPE_I8:
        return (signed char)t->data[i];
    default:
        return t->data[i];
    }
#undef READ
}

void sg_stored_f64(const sg_stored *t, double *out)
{
    for (int64_t i = 0; i < t->n; i++)
        out[i] = one(t, i);
}

void sg_stored_f32(const sg_stored *t, float *out)
{
    if (t->dtype == SG_DTYPE_F32 && t->n > 0)
        memcpy(out, t->data, (size_t)t->n * sizeof *out);
    else
        for (int64_t i = 0; i < t->n; i++)
            out[i] = (float)one(t, i);
}
