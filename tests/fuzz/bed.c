/* .bed in memory: the first two bytes say how many variants and people the .bim and .fam have. */
#include "formats/plink.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 2)
        return 0;
    sg_geno g;
    sg_err err = {0};
    sg_arena *a = fuzz_arena();
    if (sg_bed_decode(data + 2, n - 2, data[0], data[1], a, &g, &err)) {
        FUZZ_EXPECT(err.msg[0] && g.row == NULL);
        return 0;
    }
    FUZZ_EXPECT(sg_geno_ok(&g));
    for (int64_t v = 0; v < g.n_variant; v++) {
        int64_t count[4];
        sg_geno_count(&g, v, count);
        FUZZ_EXPECT(count[0] + count[1] + count[2] + count[3] == g.n_sample);
        if (g.n_sample % 4)
            FUZZ_EXPECT(g.row[(v + 1) * g.row_bytes - 1] >> (2 * (g.n_sample % 4)) == 0);
    }
    return 0;
}
