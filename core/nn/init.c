/* init.c - see init.h. */
#include "nn/init.h"
#include "base/rng.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static bool ends_with(const char *s, const char *tail)
{
    const size_t n = strlen(s), m = strlen(tail);
    return n >= m && strcmp(s + n - m, tail) == 0;
}

void sg_init_weights(const sg_params *p, uint64_t seed, float *w)
{
    double bound = 0; /* of the weight before */
    bool norm = false;
    for (int64_t i = 0; i < p->n_param; i++) {
        const sg_param *q = &p->list[i];
        sg_rng r = sg_rng_stream(seed, SG_RNG_INIT_WEIGHTS, (uint64_t)i, 0);
        const bool is_weight = ends_with(q->name, "weight");
        if (is_weight) {
            norm = q->n_dim == 1;
            bound = 1.0 / sqrt((double)(q->n / q->dim[0]));
        }
        for (int64_t k = 0; k < q->n; k++)
            w[q->at + k] = norm ? (is_weight ? 1.0f : 0.0f) : (float)(bound * (2.0 * sg_rng_uniform(&r) - 1.0));
    }
}

void sg_init_normal(const sg_params *p, uint64_t seed, const char *name, float *w)
{
    const sg_param *q = sg_params_find(p, name);
    assert(q);
    sg_rng r = sg_rng_stream(seed, SG_RNG_INIT_WEIGHTS, (uint64_t)(q - p->list), 1);
    sg_rng_fill_normal(&r, w + q->at, q->n);
}

sg_status sg_check_finite(const sg_params *p, const float *w, sg_err *err)
{
    for (int64_t i = 0; i < p->n_param; i++) {
        const sg_param *q = &p->list[i];
        uint32_t worst = 0; /* an exponent of all ones is infinite or not a number */
        for (int64_t k = 0; k < q->n; k++) {
            uint32_t bits;
            memcpy(&bits, w + q->at + k, sizeof bits);
            bits &= 0x7f800000u;
            worst = bits > worst ? bits : worst;
        }
        if (worst == 0x7f800000u)
            return sg_fail(err, SG_LIMIT, "tensor %s holds a value that is not a finite number", q->name);
    }
    return SG_OK;
}
