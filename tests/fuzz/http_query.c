/* Query strings as the lists read them: sizes, page tokens and times in their bounds, every mistake with its name, and a Link that
 * leads back to the same filters. */
#include "fuzz.h"
#include "routes/internal.h"

#include <stdio.h>

static void check_link(const sg_request *q, const sg_answer *a)
{
    static sg_request again;
    static char first[SG_HTTP_VALUE];
    sg_err err = {0};
    if (a->n_header == 0)
        return; /* too long for one */
    const char *link = a->header[0].value, *end = strchr(link, '>');
    FUZZ_EXPECT(link[0] == '<' && end);
    for (const char *c = link; *c; c++)
        FUZZ_EXPECT(*c >= 0x20 && *c < 0x7f);
    (void)snprintf(first, sizeof first, "%.*s", (int)(end - link - 1), link + 1);
    FUZZ_EXPECT(sg_http_target(first, "h", &again, &err) == SG_OK);
    for (int i = 0, k = 0; i < q->n_query; i++) {
        if (!strcmp(q->query[i].name, "page_token"))
            continue;
        FUZZ_EXPECT(k < again.n_query && !strcmp(again.query[k].name, q->query[i].name) &&
                    !strcmp(again.query[k].value, q->query[i].value));
        k++;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const known[] = {"state", "model", "owner", "created_from", "created_to", NULL};
    static sg_request q;
    sg_answer a = {.fd = -1, .status = 200};
    sg_err err = {0};
    char *target = malloc(n + 16);
    FUZZ_EXPECT(target);
    memcpy(target, "/v1/jobs?", 9);
    if (n)
        memcpy(target + 9, data, n);
    target[n + 9] = '\0';
    sg_buf_init(&a.body, 1 << 20);
    if (sg_http_target(target, "h", &q, &err)) {
        FUZZ_EXPECT(err.msg[0]);
    } else {
        int64_t size, token, ms;
        if (sg_routes_page(&q, &a, known, &size, &token)) {
            FUZZ_EXPECT(size >= 1 && size <= 100 && token >= 0 && token <= (int64_t)1 << 53 && a.status == 200);
            sg_routes_links(&q, &a, "p17");
            check_link(&q, &a);
        } else {
            FUZZ_EXPECT(a.status == 400 && a.body.n > 0);
            json_t *j = json_loadb((const char *)a.body.data, a.body.n, 0, NULL);
            FUZZ_EXPECT(j && json_array_size(json_object_get(j, "errors")) > 0);
            json_decref(j);
        }
        for (int i = 0; i < q.n_query; i++)
            if (sg_routes_time(q.query[i].value, &ms))
                FUZZ_EXPECT(ms >= 0);
    }
    sg_buf_clear(&a.body);
    free(target);
    return 0;
}
