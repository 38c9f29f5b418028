/* Header fields one by one, and the URL of a callback. The first byte chooses which; what is taken keeps its promise. */
#include "fuzz.h"
#include "hooks/hooks.h"
#include "http/http.h"
#include "jobs/request.h"

#include <stdio.h>
#include <strings.h>

static void range(const char *text, int64_t size)
{
    int64_t first, last;
    const sg_range_kind kind = sg_http_range(text, size, &first, &last);
    if (kind == SG_RANGE_PART)
        FUZZ_EXPECT(first >= 0 && first <= last && last < size && !strncasecmp(text, "bytes=", 6));
    if (kind == SG_RANGE_NONE)
        FUZZ_EXPECT(!strncasecmp(text, "bytes=", 6));
}

static void url(const char *text)
{
    static sg_config c;
    char host[256];
    bool tls = false;
    c.webhook_http = true;
    (void)snprintf(c.webhook_hosts, sizeof c.webhook_hosts, "portal.example.org 127.0.0.1:8080");
    const bool fine = sg_url_parse(text, &tls, host, sizeof host);
    if (fine) {
        FUZZ_EXPECT(*host && strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789.-:") == strlen(host));
        FUZZ_EXPECT(!strncmp(text, tls ? "https://" : "http://", tls ? 8 : 7));
        FUZZ_EXPECT(!strncasecmp(text + (tls ? 8 : 7), host, strlen(host))); /* what stands there is the host */
        FUZZ_EXPECT(!strpbrk(text, "#\\ \r\n"));
    }
    if (sg_hook_allowed(&c, text))
        FUZZ_EXPECT(fine && (!strcmp(host, "portal.example.org") || !strcmp(host, "127.0.0.1:8080")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 1)
        return 0;
    char *text = fuzz_text(data + 1, n - 1);
    const char *token = sg_http_bearer(text);
    switch (data[0] % 6) {
    case 0: {
        const int64_t s = sg_http_prefer_wait(text);
        FUZZ_EXPECT(s >= -1 && (s < 0 || strcasestr(text, "wait")));
        break;
    }
    case 1:
        range(text, data[0] == 1 ? INT64_MAX : data[0]);
        break;
    case 2:
        if (sg_http_key_ok(text))
            FUZZ_EXPECT(strlen(text) >= 1 && strlen(text) <= 255 && !strpbrk(text, " \t\r\n\x7f"));
        break;
    case 3:
        if (sg_http_etag_in(text, "0123456789abcdef"))
            FUZZ_EXPECT(strchr(text, '*') || strstr(text, "\"0123456789abcdef"));
        break;
    case 4:
        FUZZ_EXPECT(!token || (*token && strlen(token) <= 8192 && !strpbrk(token, " \t\r\n") && strstr(text, token)));
        (void)sg_http_accepts(text, "text/event-stream");
        break;
    default:
        url(text);
    }
    free(text);
    return 0;
}
