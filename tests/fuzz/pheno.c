/* Phenotypes of four people. The first byte chooses the options. */
#include "formats/pheno.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 1)
        return 0;
    static const char *const column[] = {NULL, "T"}, *const label[] = {NULL, "AFR"},
                             *const threshold[] = {NULL, "median", "1.5", "x"};
    const sg_pheno_options o = {column[data[0] & 1], label[data[0] >> 1 & 1], threshold[data[0] >> 2 & 3]};
    sg_fam_row row[4] = {{.fid = "F", .iid = "A", .pheno = "1"},
                         {.fid = "F", .iid = "B", .pheno = "2"},
                         {.fid = "G", .iid = "A", .pheno = "-9"},
                         {.fid = "G", .iid = "C", .pheno = "1"}};
    const sg_fam fam = {4, row};
    sg_index ix;
    sg_pheno p;
    sg_err err = {0};
    sg_arena *a = fuzz_arena();
    FUZZ_EXPECT(!sg_fam_index("x.fam", &fam, a, &ix, &err));
    char *text = fuzz_text(data + 1, n - 1);
    if (sg_pheno_decode("x.pheno", text, n - 1, &o, &fam, &ix, a, &p, &err)) {
        FUZZ_EXPECT(err.msg[0]);
    } else {
        FUZZ_EXPECT(p.n_case + p.n_control + p.n_missing == 4);
        for (int i = 0; i < 4; i++)
            FUZZ_EXPECT(p.label[i] >= -1 && p.label[i] <= 1);
    }
    free(text);
    return 0;
}
