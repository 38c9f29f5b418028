/* backend.c - which matrix products this machine runs; see backend.h. */
#include "nn/backend.h"
#include "nn/vec.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#ifdef SG_ONEDNN
#define ONEDNN &sg_backend_onednn_bf16, &sg_backend_onednn,
static const bool with_onednn = true;
#else
#define ONEDNN
static const bool with_onednn = false;
#endif

const sg_backend *const sg_backend_list[SG_BACKEND_MAX] = {&sg_backend_panels_bf16, &sg_backend_panels_avx512,
                                                           &sg_backend_panels_avx2, ONEDNN &sg_backend_openblas};

static const char *const precision_name[SG_N_PRECISION] = {"float32", "bfloat16"};

static _Atomic(const sg_backend *) chosen; /* set once; two threads setting it at once set the same */

const char *sg_precision_name(sg_precision p)
{
    return precision_name[p];
}

const sg_backend *sg_backend_chosen(void)
{
    const sg_backend *b = atomic_load_explicit(&chosen, memory_order_acquire);
    for (int i = 0; !b; i++)
        if (sg_backend_list[i]->precision == SG_FLOAT32 && sg_backend_list[i]->usable()) {
            b = sg_backend_list[i];
            atomic_store_explicit(&chosen, b, memory_order_release);
        }
    return b;
}

void sg_backend_force(const sg_backend *b)
{
    atomic_store(&chosen, b);
}

static sg_status parse_precision(const char *word, sg_precision *out, sg_err *err)
{
    *out = SG_FLOAT32;
    for (int p = 0; word && p < SG_N_PRECISION; p++)
        if (strcmp(word, precision_name[p]) == 0) {
            *out = (sg_precision)p;
            return SG_OK;
        }
    return word ? sg_fail(err, SG_LIMIT, "precision \"%s\" is unknown, want float32 or bfloat16", word) : SG_OK;
}

/* "panels" for panels-avx512 and the like. */
static bool of_family(const sg_backend *b, const char *family)
{
    const size_t n = strcspn(b->name, "-");
    return !family || (strlen(family) == n && memcmp(b->name, family, n) == 0);
}

/* Tile registers (AMX) that multiply bfloat16: eight times the rate of vectors, and oneDNN's alone so far. The library asks
 * the kernel for them itself. */
static bool has_tiles(void)
{
#if defined(__x86_64__)
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d >> 22 & 1) && (d >> 24 & 1);
#else
    return false;
#endif
}

const sg_backend *sg_backend_best(sg_precision p, bool tiles)
{
    const sg_backend *best = NULL;
    for (int i = 0; sg_backend_list[i]; i++) {
        const sg_backend *b = sg_backend_list[i];
        if (b->precision != p || !b->usable())
            continue;
        if (tiles && p == SG_BFLOAT16 && of_family(b, "onednn"))
            return b;
        if (!best)
            best = b;
    }
    return best;
}

sg_status sg_backend_choose(const char *family, const char *precision, sg_err *err)
{
    sg_precision p;
    SG_TRY(parse_precision(precision, &p, err));
    if (family && strcmp(family, "auto") == 0)
        family = NULL;
    const sg_backend *best = family ? NULL : sg_backend_best(p, has_tiles());
    if (best) {
        sg_backend_force(best);
        return SG_OK;
    }
    const sg_backend *last = NULL; /* the least demanding of those that would do */
    bool known = false;
    for (int i = 0; sg_backend_list[i]; i++) {
        const sg_backend *b = sg_backend_list[i];
        known = known || of_family(b, family);
        if (b->precision != p || !of_family(b, family))
            continue;
        if (b->usable()) {
            sg_backend_force(b);
            return SG_OK;
        }
        last = b;
    }
    if (last)
        return sg_fail(err, SG_LIMIT, "%s in %s needs %s, which this processor does not have",
                       family ? family : "every backend", precision_name[p], last->needs);
    if (known)
        return sg_fail(err, SG_LIMIT, "backend %s has no %s; want panels or onednn", family, precision_name[p]);
    if (!with_onednn && strcmp(family, "onednn") == 0)
        return sg_fail(err, SG_LIMIT, "this build has no oneDNN; want auto, panels or openblas");
    return sg_fail(err, SG_LIMIT, "backend \"%s\" is unknown, want auto, panels, onednn or openblas", family);
}

static _Thread_local bool broke;

void sg_backend_broke(void)
{
    broke = true;
}

sg_status sg_backend_status(sg_err *err)
{
    const bool was = broke;
    broke = false;
    return was ? sg_fail(err, SG_INTERNAL,
                         "a product failed inside the library that computes it, most likely for want of memory; give "
                         "the process more, or choose another --backend")
               : SG_OK;
}

void sg_map_start(const sg_map *m, const sg_map_call *c)
{
    const sg_vec *v = sg_vec_chosen();
    const int64_t N = m->N, R = c->R;
    for (int64_t b = 0; b < c->B; b++) {
        float *y = c->y + b * c->y_person;
        if (c->res && c->res != c->y)
            memcpy(y, c->res + b * c->y_person, (size_t)(R * N) * sizeof *y);
        else if (!c->res && c->bias)
            v->fill_rows(c->bias, y, R, N);
        else if (!c->res)
            memset(y, 0, (size_t)(R * N) * sizeof *y);
        for (int64_t r = 0; r < R; r++) {
            if (c->res && c->bias)
                v->add(c->bias, y + r * N, N);
            if (c->row)
                v->add(c->row + b * N, y + r * N, N);
        }
    }
}
