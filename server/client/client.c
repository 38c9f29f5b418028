/* client.c - see client.h. */
#include "client/client.h"

#include <curl/curl.h>
#include <string.h>
#include <unistd.h>

sg_status sg_client_begin(sg_err *err)
{
    const CURLcode c = curl_global_init(CURL_GLOBAL_DEFAULT);
    return c ? sg_fail(err, SG_IO, "libcurl does not start: %s", curl_easy_strerror(c)) : SG_OK;
}

typedef struct call {
    const sg_client_call *wish;
    sg_buf *answer;
    bool refused, too_long;
} call;

/* libcurl has resolved the name and asks for a socket to this very address. */
static curl_socket_t open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *a)
{
    call *x = ctx;
    const sg_client_call *w = x->wish;
    const bool fine = purpose == CURLSOCKTYPE_IPCXN &&
                      (w->reach == SG_REACH_ANY        ? true
                       : w->reach == SG_REACH_LOOPBACK ? sg_address_loopback(&a->addr)
                       : sg_address_public(&a->addr)   ? true
                                                       : w->also && sg_networks_have(w->also, &a->addr));
    if (!fine) {
        x->refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

static size_t keep(char *data, size_t one, size_t n, void *ctx)
{
    call *x = ctx;
    (void)one; /* 1, says libcurl */
    if (sg_buf_add(x->answer, data, n, NULL) == SG_OK)
        return n;
    x->too_long = true;
    return 0;
}

static int go_on(void *ctx, curl_off_t dltotal, curl_off_t dlnow, curl_off_t ultotal, curl_off_t ulnow)
{
    const call *x = ctx;
    (void)dltotal, (void)dlnow, (void)ultotal, (void)ulnow;
    return x->wish->stop && atomic_load(x->wish->stop);
}

static sg_status set_up(CURL *h, call *x, struct curl_slist *headers, sg_err *err)
{
    const sg_client_call *w = x->wish;
    CURLcode bad = 0;
#define SET(option, value) bad = bad ? bad : curl_easy_setopt(h, option, value)
    SET(CURLOPT_URL, w->url);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_PROXY, ""); /* whatever the environment says */
    SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_FRESH_CONNECT, 1L);
    SET(CURLOPT_FORBID_REUSE, 1L);
    SET(CURLOPT_TIMEOUT_MS, (long)w->timeout_ms);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)w->timeout_ms);
    SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)x->answer->max);
    SET(CURLOPT_USERAGENT, "snpgen/" SG_VERSION);
    SET(CURLOPT_HTTPHEADER, headers);
    SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
    SET(CURLOPT_OPENSOCKETDATA, x);
    SET(CURLOPT_WRITEFUNCTION, keep);
    SET(CURLOPT_WRITEDATA, x);
    SET(CURLOPT_NOPROGRESS, 0L);
    SET(CURLOPT_XFERINFOFUNCTION, go_on);
    SET(CURLOPT_XFERINFODATA, x);
    if (w->body) {
        SET(CURLOPT_POST, 1L);
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)w->n_body);
        SET(CURLOPT_POSTFIELDS, w->body);
    }
#undef SET
    return bad ? sg_fail(err, SG_INTERNAL, "libcurl takes no call: %s", curl_easy_strerror(bad)) : SG_OK;
}

static sg_status outcome(const call *x, CURLcode c, sg_err *err)
{
    if (!c)
        return SG_OK;
    if (c == CURLE_ABORTED_BY_CALLBACK && !x->refused)
        return sg_fail(err, SG_CANCELLED, "broken off");
    if (x->refused)
        return sg_fail(err, SG_PRIVACY, "the name leads to an address that may not be called");
    if (x->too_long || c == CURLE_FILESIZE_EXCEEDED)
        return sg_fail(err, SG_LIMIT, "the answer has more than %zu bytes", x->answer->max);
    if (c == CURLE_URL_MALFORMAT || c == CURLE_UNSUPPORTED_PROTOCOL)
        return sg_fail(err, SG_FORMAT, "not a URL of http or https");
    return sg_fail(err, SG_IO, "%s", curl_easy_strerror(c));
}

sg_status sg_client_do(const sg_client_call *w, int *status, int64_t *retry_after_s, sg_buf *answer, sg_err *err)
{
    call x = {.wish = w, .answer = answer};
    struct curl_slist *headers = NULL;
    CURL *h = curl_easy_init();
    sg_status st = h ? SG_OK : sg_fail(err, SG_NOMEM, "no memory for a call");
    *status = 0;
    *retry_after_s = 0;
    for (const char *const *p = w->header; !st && p && *p; p++) {
        struct curl_slist *more = curl_slist_append(headers, *p);
        if (more)
            headers = more;
        else
            st = sg_fail(err, SG_NOMEM, "no memory for a call");
    }
    if (!st)
        st = set_up(h, &x, headers, err);
    if (!st)
        st = outcome(&x, curl_easy_perform(h), err);
    if (!st || st == SG_LIMIT) {
        long code = 0;
        curl_off_t wait = 0;
        (void)curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &code);
        (void)curl_easy_getinfo(h, CURLINFO_RETRY_AFTER, &wait);
        *status = (int)code;
        *retry_after_s = wait > 0 ? wait : 0;
    }
    curl_slist_free_all(headers);
    curl_easy_cleanup(h);
    return st;
}
