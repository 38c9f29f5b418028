/* .npy: the first byte chooses the type. */
#include "formats/npy.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 1)
        return 0;
    int n_dim;
    int64_t dim[4];
    void *x;
    sg_err err = {0};
    const sg_npy_type type = data[0] & 1 ? SG_NPY_F4 : SG_NPY_I1;
    if (sg_npy_decode(data + 1, n - 1, type, fuzz_arena(), &n_dim, dim, &x, &err))
        FUZZ_EXPECT(err.msg[0] && !x);
    else
        FUZZ_EXPECT(n_dim >= 0 && n_dim <= 4 && x && dim[0] * dim[1] * dim[2] * dim[3] <= (int64_t)n);
    return 0;
}
