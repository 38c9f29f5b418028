/* read.c - see toml.h. */
#include "toml/toml.h"

/* toml++ 3.3.0 has undefined behaviour on some non-ASCII blanks between values (tests/fuzz/corpus/config): nothing outside
 * ASCII reaches it. */
static sg_status refuse_bytes(const char *name, const char *toml, size_t n, sg_err *err)
{
    int line = 1;
    for (size_t i = 0; i < n; i++) {
        const unsigned char c = (unsigned char)toml[i];
        if (c == '\n')
            line++;
        else if (c >= 0x7f || (c < 0x20 && c != '\t' && c != '\r'))
            return sg_fail(err, SG_FORMAT, "%s line %d: byte 0x%02x; write ASCII, and other letters as \\u00e9", name,
                           line, c);
    }
    return SG_OK;
}

sg_status sg_toml_read(const char *name, const char *toml, size_t n, sg_toml_fn *fn, void *ctx, sg_err *err)
{
    SG_TRY(refuse_bytes(name, toml, n, err));
    char words[256] = "";
    int line = 0;
    const int got = sg_toml_walk(toml, n, fn, ctx, words, sizeof words, &line);
    if (got < 0)
        return sg_fail(err, SG_FORMAT, "%s line %d: not TOML: %s", name, line, words);
    return (sg_status)got;
}
