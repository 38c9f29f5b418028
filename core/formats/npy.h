/* npy.h - NumPy .npy arrays, version 1.0, C order, little-endian.
 *
 * Shape:   up to 4 dimensions.
 * Units:   -
 * Owner:   the arena.
 * Threads: one call, one thread.
 * Not here: .npz, Fortran order (refused with advice), other types than float32 ('<f4') and int8 ('|i1').
 */
#ifndef SG_FORMATS_NPY_H
#define SG_FORMATS_NPY_H

#include "base/arena.h"
#include "base/file.h"

typedef enum sg_npy_type { SG_NPY_F4, SG_NPY_I1 } sg_npy_type;

/* FORMAT, MISMATCH (another type; says which), LIMIT, NOT_FOUND, NOMEM. dim [4] overwritten, unused ones 1. */
sg_status sg_npy_load(const char *path, sg_npy_type type, sg_arena *a, int *n_dim, int64_t dim[4], void **data,
                      sg_err *err) SG_MUST_USE;
sg_status sg_npy_decode(const void *bytes, size_t n, sg_npy_type type, sg_arena *a, int *n_dim, int64_t dim[4],
                        void **data, sg_err *err) SG_MUST_USE; /* for fuzzing */
sg_status sg_npy_save(const char *path, sg_npy_type type, int n_dim, const int64_t *dim, const void *data,
                      sg_err *err) SG_MUST_USE;

/* The header of such a file; the caller writes the items to o->f and commits. LIMIT, IO, NOMEM. */
sg_status sg_npy_begin(const char *path, unsigned mode, sg_npy_type type, int n_dim, const int64_t *dim, sg_out *o,
                       sg_err *err) SG_MUST_USE;

#endif
