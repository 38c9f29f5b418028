/* safetensors.h - tensors in a file, as the published checkpoints are kept.
 *
 * Shape:   8 bytes little-endian header length, a JSON header (name -> dtype, shape, data_offsets; "__metadata__" of
 *          strings), raw little-endian tensors end to end.
 * Units:   offsets in bytes.
 * Owner:   sg_safetensors holds the file's bytes; tensors borrow from it until _free.
 * Threads: const after reading.
 * Not here: which names a network wants (params.h; sg_params_read below joins the two).
 *
 * A file is believed in nothing: lengths, shapes, offsets, names and the absence of holes are checked, and no more
 * memory is taken than the file is long (plus its header as JSON).
 */
#ifndef SG_NN_SAFETENSORS_H
#define SG_NN_SAFETENSORS_H

#include "nn/params.h"

#include <stddef.h>

/* name, bytes per entry */
#define SG_DTYPE_LIST(X)                                                                                               \
    X(F64, 8)                                                                                                          \
    X(F32, 4)                                                                                                          \
    X(F16, 2)                                                                                                          \
    X(BF16, 2)                                                                                                         \
    X(I64, 8)                                                                                                          \
    X(I32, 4)                                                                                                          \
    X(I16, 2)                                                                                                          \
    X(I8, 1)                                                                                                           \
    X(U8, 1)                                                                                                           \
    X(BOOL, 1)
typedef enum sg_dtype {
#define X(name, bytes) SG_DTYPE_##name,
    SG_DTYPE_LIST(X)
#undef X
        SG_N_DTYPE
} sg_dtype;

enum { SG_TENSOR_DIMS = 8 };
#define SG_SAFETENSORS_MAX ((size_t)8 << 30) /* bytes of a whole file */

typedef struct sg_stored {
    const char *name;
    sg_dtype dtype;
    int n_dim;
    int64_t dim[SG_TENSOR_DIMS];
    int64_t n;                 /* entries */
    const unsigned char *data; /* n * bytes of dtype, not aligned */
} sg_stored;

typedef struct sg_safetensors sg_safetensors;

/* NOT_FOUND, IO, LIMIT (too large), FORMAT with place and reason, NOMEM. *out is NULL on failure. */
sg_status sg_safetensors_open(const char *path, sg_safetensors **out, sg_err *err) SG_MUST_USE;
/* The same from memory, which is copied. `name` stands for the path in messages. */
sg_status sg_safetensors_parse(const char *name, const void *bytes, size_t n, sg_safetensors **out,
                               sg_err *err) SG_MUST_USE;
void sg_safetensors_free(sg_safetensors *s);

int64_t sg_safetensors_count(const sg_safetensors *s);
const sg_stored *sg_safetensors_at(const sg_safetensors *s, int64_t i);
const sg_stored *sg_safetensors_find(const sg_safetensors *s, const char *name); /* NULL: none */
const char *sg_safetensors_meta(const sg_safetensors *s, const char *key);       /* NULL: none */

/* Entries as double or float, whatever the stored type. out [t->n]. */
void sg_stored_f64(const sg_stored *t, double *out);
void sg_stored_f32(const sg_stored *t, float *out);

/* Fills w [n_float] with every parameter of the list. NOT_FOUND (a tensor is missing), MISMATCH (another shape; the
 * message has both); the file may hold more. `optional` names one parameter that may be missing and is then 0; NULL for
 * none. */
sg_status sg_params_read(const sg_params *p, const sg_safetensors *s, const char *optional, float *w,
                         sg_err *err) SG_MUST_USE;

typedef struct sg_to_store {
    const char *name;
    sg_dtype dtype;
    int n_dim;
    int64_t dim[SG_TENSOR_DIMS];
    const void *data;
} sg_to_store;

/* Writes a whole file, atomically. meta: key, value, key, value, ... n_meta pairs. IO, NOMEM, LIMIT. */
sg_status sg_safetensors_write(const char *path, unsigned mode, const sg_to_store *list, int64_t n,
                               const char *const *meta, int n_meta, sg_err *err) SG_MUST_USE;

/* list [p->n_param] for every parameter of w, ready to be written (perhaps beside others). */
void sg_params_to_store(const sg_params *p, const float *w, sg_to_store *list);

#endif
