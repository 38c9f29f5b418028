/* backend_onednn.c - matrix products by oneDNN, float32 and bfloat16; see backend.h.
 *
 * Every map is a one-dimensional convolution over channels-last rows (a linear layer has one tap) that adds to what is
 * there. The library builds a primitive per shape; we keep them for the life of the process in a list that only grows.
 * Calls are per person, so that the library sees the same problem whatever the batch is, on the calling thread alone,
 * with scratch of ours. Shapes that the library declines, and the backward pass, go to OpenBLAS.
 *
 * packed: the library's own layout of the weights, then OpenBLAS's.
 */
#include "nn/backend.h"

#include <oneapi/dnnl/dnnl.h>
#include <omp.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

typedef struct shape shape;
struct shape {
    sg_map m;
    int64_t R;
    sg_precision precision;
    dnnl_primitive_t run; /* NULL: declined */
    dnnl_memory_desc_t x, w, y, pad;
    shape *next;
};

static dnnl_engine_t engine;
static _Atomic(shape *) all;
static pthread_mutex_t adding = PTHREAD_MUTEX_INITIALIZER;

static int64_t rows_read(const sg_map *m, int64_t R)
{
    return (R - 1) * m->stride + m->n_tap;
}

/* The number of rows whose primitive chooses the layout of the weights. */
static int64_t usual_rows(const sg_map *m)
{
    return m->rows > 0 ? m->rows : 64;
}

static shape *find(const sg_map *m, int64_t R, sg_precision p)
{
    for (shape *s = atomic_load_explicit(&all, memory_order_acquire); s; s = s->next)
        if (s->R == R && s->m.K == m->K && s->m.N == m->N && s->m.n_tap == m->n_tap && s->m.stride == m->stride &&
            usual_rows(&s->m) == usual_rows(m) && s->precision == p)
            return s;
    return NULL;
}

/* Our scratch, and sums on top of what y holds. */
static dnnl_status_t attributes(dnnl_primitive_attr_t *attr)
{
    dnnl_post_ops_t ops = NULL;
    dnnl_status_t st = dnnl_primitive_attr_create(attr);
    if (st == dnnl_success)
        st = dnnl_primitive_attr_set_scratchpad_mode(*attr, dnnl_scratchpad_mode_user);
    if (st == dnnl_success)
        st = dnnl_post_ops_create(&ops);
    if (st == dnnl_success)
        st = dnnl_post_ops_append_sum(ops, 1.0f);
    if (st == dnnl_success)
        st = dnnl_primitive_attr_set_post_ops(*attr, ops);
    if (ops)
        (void)dnnl_post_ops_destroy(ops);
    return st;
}

/* weights: the layout to use, or NULL to let the library choose. */
static dnnl_status_t describe(shape *s, const dnnl_memory_desc_t *weights, dnnl_primitive_desc_t *pd)
{
    const dnnl_data_type_t in = s->precision == SG_BFLOAT16 ? dnnl_bf16 : dnnl_f32;
    const dnnl_dims_t x = {1, s->m.K, rows_read(&s->m, s->R)}, w = {s->m.N, s->m.K, s->m.n_tap}, y = {1, s->m.N, s->R},
                      stride = {s->m.stride}, zero = {0};
    dnnl_memory_desc_t any;
    dnnl_convolution_desc_t conv;
    dnnl_primitive_attr_t attr = NULL;
    dnnl_status_t st = dnnl_memory_desc_init_by_tag(&s->x, 3, x, in, dnnl_nwc);
    if (st == dnnl_success)
        st = dnnl_memory_desc_init_by_tag(&s->y, 3, y, dnnl_f32, dnnl_nwc);
    if (st == dnnl_success)
        st = dnnl_memory_desc_init_by_tag(&any, 3, w, in, dnnl_format_tag_any);
    if (st == dnnl_success)
        st = dnnl_convolution_forward_desc_init(&conv, dnnl_forward_inference, dnnl_convolution_direct, &s->x,
                                                weights ? weights : &any, NULL, &s->y, stride, zero, zero);
    if (st == dnnl_success)
        st = attributes(&attr);
    if (st == dnnl_success)
        st = dnnl_primitive_desc_create(pd, &conv, attr, engine, NULL);
    if (attr)
        (void)dnnl_primitive_attr_destroy(attr);
    return st;
}

static void build(shape *s, const dnnl_memory_desc_t *weights)
{
    dnnl_primitive_desc_t pd = NULL;
    const char *how = "ref";
    if (describe(s, weights, &pd) == dnnl_success &&
        dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, (void *)&how) == dnnl_success &&
        strncmp(how, "ref", 3) != 0) { /* its plain loops are a thousand times slower than OpenBLAS */
        s->w = *dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0);
        s->pad = *dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);
        if (dnnl_primitive_create(&s->run, pd) != dnnl_success)
            s->run = NULL;
    }
    if (pd)
        (void)dnnl_primitive_desc_destroy(pd);
}

static void one_thread(void)
{
    static _Thread_local bool done;
    if (!done)
        omp_set_num_threads(1); /* of this thread's parallel regions: people are the parallel dimension */
    done = true;
}

/* Shapes are found without a lock and added under one. NULL: declined or out of memory. */
static const shape *get(const sg_map *m, int64_t R, sg_precision p)
{
    shape *s = find(m, R, p);
    if (s)
        return s->run ? s : NULL;
    const shape *any = R == usual_rows(m) ? NULL : get(m, usual_rows(m), p);
    if (R != usual_rows(m) && !any)
        return NULL;
    one_thread();
    (void)pthread_mutex_lock(&adding);
    s = engine || dnnl_engine_create(&engine, dnnl_cpu, 0) == dnnl_success ? find(m, R, p) : NULL;
    if (!s && engine && (s = calloc(1, sizeof *s))) {
        s->m = *m;
        s->R = R;
        s->precision = p;
        build(s, any ? &any->w : NULL);
        s->next = atomic_load_explicit(&all, memory_order_relaxed);
        atomic_store_explicit(&all, s, memory_order_release);
    }
    (void)pthread_mutex_unlock(&adding);
    return s && s->run ? s : NULL;
}

/* Floats, to a whole cache line. */
static int64_t line(size_t bytes)
{
    return (int64_t)((bytes + 63) / 64 * 16);
}

static int64_t own_floats(const sg_map *m, sg_precision p)
{
    const shape *s = get(m, usual_rows(m), p);
    return s ? line(dnnl_memory_desc_get_size(&s->w)) : 0;
}

static dnnl_status_t reorder(const dnnl_memory_desc_t *from, const void *x, const dnnl_memory_desc_t *to, void *y,
                             dnnl_stream_t stream)
{
    dnnl_memory_t a = NULL, b = NULL;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_primitive_t run = NULL;
    dnnl_status_t st = dnnl_memory_create(&a, from, engine, (void *)(uintptr_t)x);
    if (st == dnnl_success)
        st = dnnl_memory_create(&b, to, engine, y);
    if (st == dnnl_success)
        st = dnnl_reorder_primitive_desc_create(&pd, from, engine, to, engine, NULL);
    if (st == dnnl_success)
        st = dnnl_primitive_create(&run, pd);
    if (st == dnnl_success)
        st = dnnl_primitive_execute(run, stream, 2, (dnnl_exec_arg_t[]){{DNNL_ARG_FROM, a}, {DNNL_ARG_TO, b}});
    if (st == dnnl_success)
        st = dnnl_stream_wait(stream);
    if (run)
        (void)dnnl_primitive_destroy(run);
    if (pd)
        (void)dnnl_primitive_desc_destroy(pd);
    if (b)
        (void)dnnl_memory_destroy(b);
    if (a)
        (void)dnnl_memory_destroy(a);
    return st;
}

static bool pack(const sg_map *m, const float *w, float *packed, sg_precision p)
{
    const shape *s = get(m, usual_rows(m), p);
    if (s) {
        dnnl_memory_desc_t plain;
        dnnl_stream_t stream = NULL;
        one_thread();
        dnnl_status_t st = dnnl_stream_create(&stream, engine, dnnl_stream_default_flags);
        if (st == dnnl_success)
            st = dnnl_memory_desc_init_by_tag(&plain, 3, (dnnl_dims_t){m->N, m->K, m->n_tap}, dnnl_f32, dnnl_oiw);
        if (st == dnnl_success)
            st = reorder(&plain, w, &s->w, packed, stream);
        if (stream)
            (void)dnnl_stream_destroy(stream);
        if (st != dnnl_success)
            return false;
    }
    return sg_backend_openblas.pack(m, w, packed + own_floats(m, p));
}

static int64_t input_floats(const sg_map *m, int64_t R)
{
    return line((size_t)(rows_read(m, R) * m->K) * sizeof(float));
}

static int64_t scratch_floats(const sg_map *m, int64_t R, sg_precision p)
{
    const shape *s = get(m, R, p);
    const int64_t own = s ? input_floats(m, R) + line(dnnl_memory_desc_get_size(&s->pad)) : 0;
    const int64_t back = sg_backend_openblas.scratch_floats(m, R);
    return own > back ? own : back;
}

typedef struct hands {
    dnnl_stream_t stream;
    dnnl_memory_t x, w, y, pad;
} hands;

static bool open_hands(const shape *s, const float *packed, float *pad, hands *h)
{
    return dnnl_stream_create(&h->stream, engine, dnnl_stream_default_flags) == dnnl_success &&
           dnnl_memory_create(&h->x, &s->x, engine, DNNL_MEMORY_NONE) == dnnl_success &&
           dnnl_memory_create(&h->w, &s->w, engine, (void *)(uintptr_t)packed) == dnnl_success &&
           dnnl_memory_create(&h->y, &s->y, engine, DNNL_MEMORY_NONE) == dnnl_success &&
           dnnl_memory_create(&h->pad, &s->pad, engine, pad) == dnnl_success;
}

static void close_hands(hands *h)
{
    const dnnl_memory_t m[4] = {h->x, h->w, h->y, h->pad};
    for (int i = 0; i < 4; i++)
        if (m[i])
            (void)dnnl_memory_destroy(m[i]);
    if (h->stream)
        (void)dnnl_stream_destroy(h->stream);
}

/* To nearest, ties to even; a NaN stays one. */
static void narrow(const float *x, uint16_t *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        uint32_t u;
        memcpy(&u, &x[i], sizeof u);
        const uint32_t up = (u + 0x7fff + (u >> 16 & 1)) >> 16;
        y[i] = (uint16_t)((u & 0x7fffffff) > 0x7f800000 ? (u >> 16 | 0x40) : up);
    }
}

static bool add_product(const shape *s, const sg_map_call *c)
{
    hands h = {0};
    const int64_t n_x = rows_read(&s->m, s->R) * s->m.K;
    bool good = open_hands(s, c->packed, c->scratch + input_floats(&s->m, s->R), &h);
    const dnnl_exec_arg_t arg[4] = {
        {DNNL_ARG_SRC, h.x}, {DNNL_ARG_WEIGHTS, h.w}, {DNNL_ARG_DST, h.y}, {DNNL_ARG_SCRATCHPAD, h.pad}};
    for (int64_t b = 0; good && b < c->B; b++) {
        const float *x = c->x + b * c->x_person;
        if (s->precision == SG_BFLOAT16)
            narrow(x, (uint16_t *)(void *)c->scratch, n_x);
        void *in = s->precision == SG_BFLOAT16 ? c->scratch : (float *)(uintptr_t)x;
        good = dnnl_memory_set_data_handle(h.x, in) == dnnl_success &&
               dnnl_memory_set_data_handle(h.y, c->y + b * c->y_person) == dnnl_success &&
               dnnl_primitive_execute(s->run, h.stream, 4, arg) == dnnl_success;
    }
    good = good && dnnl_stream_wait(h.stream) == dnnl_success;
    close_hands(&h);
    return good;
}

static void forward(const sg_map *m, const sg_map_call *c, sg_precision p)
{
    const shape *s = get(m, c->R, p);
    one_thread();
    sg_map_call plain = *c;
    plain.packed = c->packed + own_floats(m, p);
    if (!s) {
        sg_backend_openblas.forward(m, &plain);
        return;
    }
    sg_map_start(m, c);
    if (!add_product(s, c))
        sg_backend_broke(); /* only when memory ends inside the library, between a network's plan and its run */
}

static void start(void)
{
    sg_backend_openblas.start();
    one_thread();
}

#define BACKEND(id, label, how, exact_one, words)                                                                      \
    static int64_t floats_##id(const sg_map *m)                                                                        \
    {                                                                                                                  \
        return own_floats(m, how) + sg_backend_openblas.packed_floats(m);                                              \
    }                                                                                                                  \
    static bool pack_##id(const sg_map *m, const float *w, float *packed)                                              \
    {                                                                                                                  \
        return pack(m, w, packed, how);                                                                                \
    }                                                                                                                  \
    static int64_t scratch_##id(const sg_map *m, int64_t R)                                                            \
    {                                                                                                                  \
        return scratch_floats(m, R, how);                                                                              \
    }                                                                                                                  \
    static void forward_##id(const sg_map *m, const sg_map_call *c)                                                    \
    {                                                                                                                  \
        forward(m, c, how);                                                                                            \
    }                                                                                                                  \
    static void back_x_##id(const sg_map *m, int64_t B, int64_t R, const float *dy, int64_t y_person,                  \
                            const float *packed, float *dx, int64_t x_person, float *scratch)                          \
    {                                                                                                                  \
        sg_backend_openblas.back_x(m, B, R, dy, y_person, packed + own_floats(m, how), dx, x_person, scratch);         \
    }                                                                                                                  \
    const sg_backend id = {.name = label,                                                                              \
                           .precision = how,                                                                           \
                           .exact = exact_one,                                                                         \
                           .needs = words,                                                                             \
                           .usable = usable_##id,                                                                      \
                           .start = start,                                                                             \
                           .packed_floats = floats_##id,                                                               \
                           .pack = pack_##id,                                                                          \
                           .scratch_floats = scratch_##id,                                                             \
                           .forward = forward_##id,                                                                    \
                           .back_x = back_x_##id,                                                                      \
                           .back_w = back_w,                                                                           \
                           .product = product};

static bool usable_sg_backend_onednn(void)
{
    return true;
}

static bool usable_sg_backend_onednn_bf16(void)
{
    return __builtin_cpu_supports("avx512bf16");
}

static void back_w(const sg_map *m, int64_t B, int64_t R, const float *x, int64_t x_person, const float *dy,
                   int64_t y_person, float *dw, float *scratch)
{
    sg_backend_openblas.back_w(m, B, R, x, x_person, dy, y_person, dw, scratch);
}

static void product(bool ta, bool tb, int64_t M, int64_t N, int64_t K, const float *A, int64_t lda, const float *B,
                    int64_t ldb, float beta, float *C, int64_t ldc)
{
    sg_backend_openblas.product(ta, tb, M, N, K, A, lda, B, ldb, beta, C, ldc);
}

BACKEND(sg_backend_onednn, "onednn", SG_FLOAT32, NULL, "any processor")
BACKEND(sg_backend_onednn_bf16, "onednn-bf16", SG_BFLOAT16, &sg_backend_onednn, "AVX512_BF16")
