/* vec.c - which table this machine runs; see vec.h. */
#include "nn/vec.h"

#include <stdatomic.h>
#include <stddef.h>

const sg_vec *const sg_vec_list[SG_N_VEC] = {&sg_vec_avx512, &sg_vec_avx2, &sg_vec_generic};

static _Atomic(const sg_vec *) chosen; /* set once; two threads setting it at once set the same */

const sg_vec *sg_vec_chosen(void)
{
    const sg_vec *v = atomic_load_explicit(&chosen, memory_order_acquire);
    for (int i = 0; !v; i++)
        if (sg_vec_list[i]->usable()) {
            v = sg_vec_list[i];
            atomic_store_explicit(&chosen, v, memory_order_release);
        }
    return v;
}

void sg_vec_force(const sg_vec *v)
{
    atomic_store(&chosen, v);
}
