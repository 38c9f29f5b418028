/* .fam, and the index of people over it. */
#include "formats/plink.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    sg_fam f;
    sg_index ix;
    sg_err err = {0};
    sg_arena *a = fuzz_arena();
    char *text = fuzz_text(data, n);
    if (sg_fam_decode("x.fam", text, n, a, &f, &err))
        FUZZ_EXPECT(err.msg[0]);
    else if (!sg_fam_index("x.fam", &f, a, &ix, &err))
        for (int64_t i = 0; i < f.n; i++)
            FUZZ_EXPECT(sg_index_find(&ix, f.row[i].fid, f.row[i].iid) == i);
    free(text);
    return 0;
}
