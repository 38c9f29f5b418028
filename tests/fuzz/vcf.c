/* VCF as text, and BCF as it is before compression (what begins with its magic): whatever is accepted has a table whose rows mean
 * something, and genotypes that can be read. */
#include "filesets/source.h"
#include "fuzz.h"

#include <stdlib.h>
#include <unistd.h>

static sg_status take(void *ctx, int64_t first, int64_t n, const uint64_t *row, sg_err *err)
{
    (void)first;
    (void)row;
    (void)err;
    *(int64_t *)ctx += n;
    return SG_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char path[] = "/tmp/snpgen-fuzz-XXXXXX.vcf";
    sg_source s;
    sg_err err = {0};
    static const char magic[] = "##fileformat=VCFv4.2\n";
    if (n > 65536)
        return 0;
    const int fd = mkstemps(path, 4);
    const size_t n_magic = n >= 3 && !memcmp(data, "BCF", 3) ? 0 : sizeof magic - 1;
    FUZZ_EXPECT(fd >= 0 && write(fd, magic, n_magic) == (ssize_t)n_magic && write(fd, data, n) == (ssize_t)n);
    (void)close(fd);
    sg_arena *a = fuzz_arena();
    if (sg_source_open_vcf(path, NULL, a, &s, &err)) {
        FUZZ_EXPECT(err.msg[0]);
    } else {
        int64_t got = 0, *want = SG_NEW(a, int64_t, s.bim.n + 1);
        for (int64_t i = 0; i < s.bim.n; i++) {
            const sg_bim_row *r = &s.bim.row[i];
            FUZZ_EXPECT(*r->chrom && *r->id && *r->a1 && *r->a2 && r->pos >= 0);
            want[i] = i;
        }
        if (sg_source_read(&s, want, s.bim.n, NULL, NULL, a, take, &got, &err))
            FUZZ_EXPECT(err.msg[0]);
        else
            FUZZ_EXPECT(got == s.bim.n);
    }
    (void)unlink(path);
    return 0;
}
