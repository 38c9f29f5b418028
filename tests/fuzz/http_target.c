/* Request targets: what is accepted is a clean absolute path, and decoding it changed nothing that it may not. */
#include "fuzz.h"
#include "http/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static sg_request q;
    sg_err err = {0};
    char *text = fuzz_text(data, n);
    if (sg_http_target(text, "h", &q, &err)) {
        FUZZ_EXPECT(err.msg[0]);
    } else {
        FUZZ_EXPECT(q.path[0] == '/' && !strstr(q.path, "//") && !strstr(q.path, "/../") && !strstr(q.path, "/./"));
        const size_t length = strlen(q.path);
        FUZZ_EXPECT(length < 3 || strcmp(q.path + length - 3, "/.."));
        for (size_t i = 0; i < length; i++)
            FUZZ_EXPECT((unsigned char)q.path[i] >= 0x20 && q.path[i] != 0x7f);
        FUZZ_EXPECT(q.n_query >= 0 && q.n_query <= SG_HTTP_QUERY);
        char segment[64];
        for (int i = 0; i < 3; i++)
            sg_request_segment(&q, "/v1/{a}/{b}/x/{c}", i, segment, sizeof segment);
    }
    free(text);
    return 0;
}
