/* panel.tsv */
#include "fuzz.h"
#include "panel/panel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    sg_panel p;
    sg_err err = {0};
    char *text = fuzz_text(data, n);
    if (sg_panel_decode("panel.tsv", text, n, fuzz_arena(), &p, &err))
        FUZZ_EXPECT(err.msg[0]);
    else
        for (int64_t i = 0; i < p.n_snp; i++)
            FUZZ_EXPECT(p.snp[i].pos >= 1 && *p.snp[i].id && !(p.snp[i].p > 1) && !(p.snp[i].freq < 0));
    free(text);
    return 0;
}
