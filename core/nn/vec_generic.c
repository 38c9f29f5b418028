/* vec_generic.c - vec_body.h compiled for generic; see vec.h. The flags are in CMakeLists.txt. */
#define SG_VEC_TABLE sg_vec_generic
#define SG_VEC_NAME "generic"
#include "nn/vec_body.h"

static bool usable(void)
{
    return true;
}
