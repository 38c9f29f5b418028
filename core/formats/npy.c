/* npy.c - NumPy arrays; see npy.h. The header is a Python dictionary in text; only the form NumPy itself writes is
 * accepted, keys in any order. */
#include "formats/npy.h"
#include "base/file.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define NPY_BYTES_MAX ((size_t)64 << 30)
enum { PREFIX = 10, HEADER_MAX = 4096 };

static const struct {
    const char *descr, *word;
    size_t bytes;
} kind[] = {[SG_NPY_F4] = {"<f4", "float32", 4}, [SG_NPY_I1] = {"|i1", "int8", 1}};

typedef struct head {
    char descr[16];
    bool fortran, has_descr, has_fortran, has_shape;
    int n_dim;
    int64_t dim[4];
} head;

static const char *skip(const char *s)
{
    while (*s == ' ')
        s++;
    return s;
}

/* '...' into out; NULL when it is not that. */
static const char *quoted(const char *s, char *out, size_t size)
{
    const char q = *s;
    if (q != '\'' && q != '"')
        return NULL;
    const char *end = strchr(s + 1, q);
    if (!end || (size_t)(end - s) > size)
        return NULL;
    memcpy(out, s + 1, (size_t)(end - s - 1));
    out[end - s - 1] = '\0';
    return end + 1;
}

/* (2, 3) or (2,) or (). */
static const char *shape(const char *s, head *h)
{
    if (*s++ != '(')
        return NULL;
    for (;;) {
        s = skip(s);
        if (*s == ')')
            return s + 1;
        if (!isdigit((unsigned char)*s) || h->n_dim == 4)
            return NULL;
        int64_t x = 0;
        for (; isdigit((unsigned char)*s); s++)
            if (__builtin_mul_overflow(x, 10, &x) || __builtin_add_overflow(x, *s - '0', &x))
                return NULL;
        h->dim[h->n_dim++] = x;
        s = skip(s);
        if (*s == ',')
            s++;
        else if (*s != ')')
            return NULL;
    }
}

static const char *value(const char *s, const char *key, head *h)
{
    if (!strcmp(key, "descr") && !h->has_descr) {
        h->has_descr = true;
        return quoted(s, h->descr, sizeof h->descr);
    }
    if (!strcmp(key, "fortran_order") && !h->has_fortran) {
        h->has_fortran = true;
        h->fortran = !strncmp(s, "True", 4);
        return h->fortran ? s + 4 : !strncmp(s, "False", 5) ? s + 5 : NULL;
    }
    if (!strcmp(key, "shape") && !h->has_shape) {
        h->has_shape = true;
        return shape(s, h);
    }
    return NULL;
}

static bool parse(const char *s, head *h)
{
    *h = (head){.dim = {1, 1, 1, 1}};
    s = skip(s);
    if (*s++ != '{')
        return false;
    for (;;) {
        s = skip(s);
        if (*s == '}')
            return h->has_descr && h->has_fortran && h->has_shape;
        char key[32];
        s = quoted(s, key, sizeof key);
        if (!s || *(s = skip(s)) != ':')
            return false;
        s = value(skip(s + 1), key, h);
        if (!s)
            return false;
        s = skip(s);
        if (*s == ',')
            s++;
        else if (*s != '}')
            return false;
    }
}

/* Length of prefix and header; 0 when the file is not one we read. */
static size_t header_bytes(const uint8_t *b, size_t n)
{
    if (n < PREFIX || memcmp(b, "\x93NUMPY", 6) != 0 || b[6] != 1)
        return 0;
    const size_t len = (size_t)b[8] | (size_t)b[9] << 8;
    return len <= HEADER_MAX && len <= n - PREFIX ? PREFIX + len : 0;
}

sg_status sg_npy_decode(const void *bytes, size_t n, sg_npy_type type, sg_arena *a, int *n_dim, int64_t dim[4],
                        void **data, sg_err *err)
{
    *data = NULL;
    *n_dim = 0;
    for (int i = 0; i < 4; i++)
        dim[i] = 1;
    const size_t at = header_bytes(bytes, n);
    if (!at)
        return sg_fail(err, SG_FORMAT, "not a NumPy .npy file of version 1.0 (numpy.save writes one)");
    char text[HEADER_MAX + 1];
    memcpy(text, (const char *)bytes + PREFIX, at - PREFIX);
    text[at - PREFIX] = '\0';
    head h;
    if (strlen(text) != at - PREFIX || !parse(text, &h))
        return sg_fail(err, SG_FORMAT, ".npy header cannot be read, want descr, fortran_order and a shape of up to 4");
    if (strcmp(h.descr, kind[type].descr) != 0)
        return sg_fail(err, SG_MISMATCH, ".npy holds type \"%s\", want \"%s\" (%s)", h.descr, kind[type].descr,
                       kind[type].word);
    if (h.fortran)
        return sg_fail(err, SG_FORMAT,
                       ".npy is in Fortran order, want C order (numpy.ascontiguousarray before saving)");
    int64_t items = 1, size;
    for (int i = 0; i < h.n_dim; i++)
        if (__builtin_mul_overflow(items, h.dim[i], &items))
            return sg_fail(err, SG_LIMIT, ".npy shape is larger than can be held");
    if (__builtin_mul_overflow(items, (int64_t)kind[type].bytes, &size) || (uint64_t)size != n - at)
        return sg_fail(err, SG_MISMATCH, ".npy has %zu data bytes, its shape asks for %lld items of %zu", n - at,
                       (long long)items, kind[type].bytes);
    void *copy = sg_arena_alloc_raw(a, items, kind[type].bytes);
    if (!copy)
        return sg_arena_full(a, "an array", err);
    if (size)
        memcpy(copy, (const char *)bytes + at, (size_t)size);
    memcpy(dim, h.dim, sizeof h.dim);
    *n_dim = h.n_dim;
    *data = copy;
    return SG_OK;
}

sg_status sg_npy_load(const char *path, sg_npy_type type, sg_arena *a, int *n_dim, int64_t dim[4], void **data,
                      sg_err *err)
{
    *data = NULL;
    *n_dim = 0;
    sg_buf b;
    SG_TRY(sg_file_read(path, NPY_BYTES_MAX, &b, err));
    sg_status st = sg_npy_decode(b.n ? (const void *)b.data : "", b.n, type, a, n_dim, dim, data, err);
    sg_buf_clear(&b);
    return st ? sg_fail_in(err, st, "%s", path) : SG_OK;
}

sg_status sg_npy_begin(const char *path, unsigned mode, sg_npy_type type, int n_dim, const int64_t *dim, sg_out *o,
                       sg_err *err)
{
    char text[256];
    int len = snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': (", kind[type].descr);
    int64_t items = 1;
    *o = (sg_out){0};
    if (n_dim < 0 || n_dim > 4)
        return sg_fail(err, SG_LIMIT, "%s: %d dimensions, want 0 to 4", path, n_dim);
    for (int i = 0; i < n_dim; i++) {
        if (dim[i] < 0 || __builtin_mul_overflow(items, dim[i], &items) || items > INT64_MAX / 8)
            return sg_fail(err, SG_LIMIT, "%s: array too large to write", path);
        len += snprintf(text + len, sizeof text - (size_t)len, "%lld%s", (long long)dim[i],
                        n_dim == 1      ? ","
                        : i + 1 < n_dim ? ", "
                                        : "");
    }
    len += snprintf(text + len, sizeof text - (size_t)len, "), }");
    /* NumPy pads with blanks so that the data begins at a multiple of 64. */
    const int total = (PREFIX + len + 1 + 63) / 64 * 64 - PREFIX;
    const uint8_t prefix[PREFIX] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (uint8_t)total, (uint8_t)(total >> 8)};
    SG_TRY(sg_out_open(path, mode, o, err));
    (void)fwrite(prefix, 1, PREFIX, o->f);
    (void)fprintf(o->f, "%s%*s\n", text, total - len - 1, "");
    return SG_OK;
}

sg_status sg_npy_save(const char *path, sg_npy_type type, int n_dim, const int64_t *dim, const void *data, sg_err *err)
{
    sg_out o;
    int64_t items = 1;
    SG_TRY(sg_npy_begin(path, 0644, type, n_dim, dim, &o, err));
    for (int i = 0; i < n_dim; i++)
        items *= dim[i]; /* cannot overflow: begin has looked */
    if (items)
        (void)fwrite(data, kind[type].bytes, (size_t)items, o.f);
    return sg_out_commit(&o, err);
}
