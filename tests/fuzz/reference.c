/* The head of reference.enc: sizes are believed only when they give exactly the file's length. */
#include "fuzz.h"
#include "model/inside.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    sg_reference_head h;
    uint64_t payload;
    sg_err err = {0};
    if (sg_reference_head_decode(data, n, n, &h, &payload, &err))
        FUZZ_EXPECT(err.msg[0] && payload == 0);
    else
        FUZZ_EXPECT(payload == n - sizeof h - SG_TAG_BYTES);
    return 0;
}
