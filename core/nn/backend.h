/* backend.h - the one door to matrix products: a linear map over rows, and small products for attention.
 *
 * Shape:   a map has n_tap taps (3 for conv3, 1 for a linear layer): y[r, n] = sum over tap, k of
 *          x[r * stride + tap, k] W[n, k, tap], rows contiguous: x [.., K], y [R, N]. W is the published layout.
 * Units:   float32 in and out; a bfloat16 backend rounds both factors and sums in float32.
 * Owner:   the caller owns every buffer; `packed` is a copy of W in whatever layout the backend likes.
 * Threads: every function may run on many threads at once and uses the calling thread alone.
 * Not here: shapes, gradients of anything else (layers.h).
 *
 * A person's rows of y depend on that person's rows of x alone, bit for bit: the same person comes out the same in any
 * batch (tests/vectors and tests/unit check it). Within a person rows may be computed together (Winograd).
 */
#ifndef SG_NN_BACKEND_H
#define SG_NN_BACKEND_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct sg_map {
    int n_tap, stride;
    int64_t K, N; /* channels in, out */
    int64_t rows; /* R of most calls, for backends whose layout depends on it; 0 = unknown */
    bool split;   /* the outputs are two halves that GEGLU multiplies; a backend may pack them side by side */
} sg_map;

/* y [R, N] = map of x + bias [N] + row [N] + res [R, N], for B people; bias, row, res may be NULL, res may be y. */
typedef struct sg_map_call {
    int64_t B, R;
    const float *x;
    int64_t x_person; /* floats from one person to the next */
    const float *packed;
    float *y; /* also res: its people lie y_person floats apart */
    int64_t y_person;
    const float *bias, *row, *res; /* row [B, N] */
    bool geglu;                    /* y [R, N / 2] = first half times GELU of the second; where backend->geglu */
    float *scratch;
} sg_map_call;

typedef enum sg_precision { SG_FLOAT32, SG_BFLOAT16, SG_N_PRECISION } sg_precision;

typedef struct sg_backend sg_backend;
struct sg_backend {
    const char *name;
    sg_precision precision;  /* of what is multiplied; everything else is float32 */
    const sg_backend *exact; /* a float32 one for the few products where bfloat16 costs more than it saves, or NULL */
    bool geglu;              /* knows sg_map_call.geglu (needs split, and N / 2 a multiple of 16) */
    const char *needs;       /* what usable() asks for, in words */
    bool (*usable)(void);    /* by this machine */
    void (*start)(void);     /* once per process, before anything else; idempotent */
    /* `packed` holds so many floats, zeroed when it is new. */
    int64_t (*packed_floats)(const sg_map *m);
    /* False: out of memory. May be called again with other weights. */
    bool (*pack)(const sg_map *m, const float *w, float *packed);
    /* Floats of scratch that forward, back_x and back_w of any number of people with R rows may use. */
    int64_t (*scratch_floats)(const sg_map *m, int64_t R);
    void (*forward)(const sg_map *m, const sg_map_call *c);
    /* dx += map transposed of dy [R, N]. */
    void (*back_x)(const sg_map *m, int64_t B, int64_t R, const float *dy, int64_t y_person, const float *packed,
                   float *dx, int64_t x_person, float *scratch);
    /* dw [N, K, n_tap] += dy^T x over B people. */
    void (*back_w)(const sg_map *m, int64_t B, int64_t R, const float *x, int64_t x_person, const float *dy,
                   int64_t y_person, float *dw, float *scratch);
    /* C [M, N] = op(A) op(B) + beta C, leading dimensions lda, ldb, ldc; ta and tb transpose. */
    void (*product)(bool ta, bool tb, int64_t M, int64_t N, int64_t K, const float *A, int64_t lda, const float *B,
                    int64_t ldb, float beta, float *C, int64_t ldc);
};

extern const sg_backend sg_backend_panels_bf16, sg_backend_panels_avx512, sg_backend_panels_avx2, sg_backend_openblas;
extern const sg_backend sg_backend_onednn, sg_backend_onednn_bf16; /* in builds that found the library */
enum { SG_BACKEND_MAX = 8 };
/* Best first, those this machine cannot run among them; ends with NULL. OpenBLAS always works. */
extern const sg_backend *const sg_backend_list[SG_BACKEND_MAX];

const char *sg_precision_name(sg_precision p);

/* What networks built from now on use. family: "panels", "onednn", "openblas", or NULL / "auto" for the best; precision:
 * "float32", "bfloat16", or NULL for float32. LIMIT: unknown word, built without it, or this processor lacks what it
 * needs (says what). */
sg_status sg_backend_choose(const char *family, const char *precision, sg_err *err) SG_MUST_USE;

/* The best of a precision this machine can run; tiles: it has AMX for bfloat16. NULL: none. */
const sg_backend *sg_backend_best(sg_precision p, bool tiles);

/* Operations a second that one core of this machine can do on registers alone, measured; 0 where it lacks the
 * instructions. */
double sg_peak_ops(sg_precision p);

/* A product cannot return a status; a library behind it can still fail (when memory ends inside it, say). Then it says so
 * here, and whoever ran the network on this thread asks afterwards: INTERNAL, once, and the results are worth nothing. */
void sg_backend_broke(void);
sg_status sg_backend_status(sg_err *err) SG_MUST_USE;

/* y = bias + row + res, for backends whose products only add. */
void sg_map_start(const sg_map *m, const sg_map_call *c);

/* The one chosen, else the best float32 one this machine can run. */
const sg_backend *sg_backend_chosen(void);
/* For tests and comparisons: NULL chooses again. A network keeps the one it was built with. */
void sg_backend_force(const sg_backend *b);

#endif
