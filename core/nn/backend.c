/* backend.c - which matrix products this machine runs; see backend.h. */
#include "nn/backend.h"

#include <stdatomic.h>
#include <stddef.h>

const sg_backend *const sg_backend_list[SG_N_BACKEND] = {&sg_backend_panels_avx512, &sg_backend_panels_avx2,
                                                         &sg_backend_openblas};

static _Atomic(const sg_backend *) chosen; /* set once; two threads setting it at once set the same */

const sg_backend *sg_backend_chosen(void)
{
    const sg_backend *b = atomic_load_explicit(&chosen, memory_order_acquire);
    for (int i = 0; !b; i++)
        if (sg_backend_list[i]->usable()) {
            b = sg_backend_list[i];
            atomic_store_explicit(&chosen, b, memory_order_release);
        }
    return b;
}

void sg_backend_force(const sg_backend *b)
{
    atomic_store(&chosen, b);
}
