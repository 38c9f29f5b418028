/* Summary statistics: every row handed on can be used, and every row is accounted for. The first byte chooses --col. */
#include "formats/sumstats.h"
#include "fuzz.h"

static sg_status on_row(void *ctx, const sg_sum_row *r, sg_err *err)
{
    (void)err;
    ++*(int64_t *)ctx;
    FUZZ_EXPECT(r->p > 0 && r->p <= 1 && r->beta == r->beta && !(r->se <= 0));
    FUZZ_EXPECT(*r->a1 && strcmp(r->a1, r->a2) != 0 && (*r->id || r->pos > 0));
    FUZZ_EXPECT(!(r->freq < 0) && !(r->freq > 1) && r->pos >= 0);
    return SG_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const columns[] = {NULL, "id=X,p=PVAL", "beta=", "log10p=L,or=OR,a1=A"};
    if (n < 1)
        return 0;
    sg_sum_report rep;
    sg_err err = {0};
    int64_t rows = 0, dropped = 0;
    if (sg_sumstats_decode("x", data + 1, n - 1, columns[data[0] & 3], on_row, &rows, &rep, &err))
        FUZZ_EXPECT(err.msg[0]);
    for (int d = 0; d < SG_N_SUM_DROP; d++)
        dropped += rep.n_drop[d];
    FUZZ_EXPECT(rep.n_kept == rows && rep.n_row == rows + dropped);
    return 0;
}
