/* The small header grammars: Range, If-None-Match, Accept, Authorization. The first byte chooses. */
#include "fuzz.h"
#include "http/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 1)
        return 0;
    char *text = fuzz_text(data + 1, n - 1);
    int64_t first, last;
    const int64_t size = data[0];
    const sg_range_kind kind = sg_http_range(text, size, &first, &last);
    if (kind == SG_RANGE_PART)
        FUZZ_EXPECT(first >= 0 && first <= last && last < size);
    (void)sg_http_etag_in(text, "abc");
    (void)sg_http_accepts(text, "application/json");
    const char *token = sg_http_bearer(text);
    FUZZ_EXPECT(!token || (token[0] && !strchr(token, ' ')));
    free(text);
    return 0;
}
