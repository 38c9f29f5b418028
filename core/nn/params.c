/* params.c - see params.h. */
#include "nn/params.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

const sg_param *sg_params_find(const sg_params *p, const char *name)
{
    for (int64_t i = 0; i < p->n_param; i++)
        if (strcmp(p->list[i].name, name) == 0)
            return &p->list[i];
    return NULL;
}

/* The list grows by doubling: capacity is the power of two at or above n_param, so that it needs no field. */
static bool grow(sg_params *p)
{
    const int64_t n = p->n_param;
    if (n > 0 && (n & (n - 1)) != 0)
        return true;
    sg_param *list = realloc(p->list, (size_t)(n ? 2 * n : 1) * sizeof *list);
    if (!list)
        return false;
    p->list = list;
    return true;
}

const sg_param *sg_params_add(sg_params *p, const char *name, int n_dim, const int64_t *dim)
{
    assert(n_dim >= 1 && n_dim <= 4 && strlen(name) < SG_PARAM_NAME);
    if (!grow(p))
        return NULL;
    sg_param *q = &p->list[p->n_param++];
    *q = (sg_param){.n_dim = n_dim, .at = p->n_float, .n = 1};
    memcpy(q->name, name, strlen(name) + 1);
    for (int i = 0; i < n_dim; i++) {
        q->dim[i] = dim[i];
        q->n *= dim[i];
    }
    p->n_float += q->n;
    return q;
}

void sg_params_clear(sg_params *p)
{
    free(p->list);
    *p = (sg_params){0};
}
