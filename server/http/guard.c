/* guard.c - the first look at a request, before any byte of its body: what libmicrohttpd 0.9.75 lets through and an
 * HTTP server must not. Two readers (a proxy and we) must never disagree about where a request ends or whom it is for.
 */
#include "http/internal.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* Headers whose second copy another reader might believe instead of the first. */
static const char *const once[] = {"Host",          "Content-Length", "Transfer-Encoding",
                                   "Authorization", "Content-Type",   "Idempotency-Key",
                                   "Range",         "If-Range"};
enum { N_ONCE = sizeof once / sizeof once[0] };

typedef struct look {
    int n;
    size_t bytes;
    int seen[N_ONCE];
    const char *value[N_ONCE];
    bool bad;
} look;

static enum MHD_Result see(void *ctx, enum MHD_ValueKind kind, const char *key, const char *value)
{
    look *l = ctx;
    (void)kind;
    value = value ? value : "";
    l->n++;
    l->bytes += strlen(key) + strlen(value) + 4;
    for (int i = 0; i < N_ONCE; i++)
        if (!strcasecmp(key, once[i])) {
            l->seen[i]++;
            l->value[i] = value;
        }
    for (const unsigned char *p = (const unsigned char *)key; *p; p++)
        if (*p <= 0x20 || *p >= 0x7f || strchr("()<>@,;:\\\"/[]?={}", *p))
            l->bad = true;
    for (const unsigned char *p = (const unsigned char *)value; *p; p++)
        if ((*p < 0x20 && *p != '\t') || *p == 0x7f)
            l->bad = true;
    return MHD_YES;
}

/* libmicrohttpd before 1.0 splits the head in place into C strings and does not look for NULs in it, so that we would see
 * "/livez" of "/livez\0/v1/jobs" and "h" of "Host: h\0evil". Its own NULs can be counted: one behind method and target,
 * two (CR and LF) behind version, each value and the empty line, one for each colon. Any other number means a NUL that
 * the client sent, or a line folded or ended in another way, which another reader may take apart differently. */
static bool cut_by_nul(const exchange *x, struct MHD_Connection *c, const char *method, const char *version,
                       int n_header)
{
    const union MHD_ConnectionInfo *i = MHD_get_connection_info(c, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    if (strncmp(MHD_get_version(), "0.", 2) != 0 || !i)
        return false;
    const char *end = method + i->header_size;
    if (method + strlen(method) + 1 != x->uri || x->uri + x->uri_bytes + 1 != version)
        return true;
    int n = 0;
    for (const char *p = version; p < end; p++)
        n += *p == '\0';
    return n != 3 * n_header + 4;
}

/* 0..2^53, or -1 */
static int64_t length_of(const char *s)
{
    int64_t n = 0;
    if (!*s || strlen(s) > 15)
        return -1;
    for (; *s; s++) {
        if (!isdigit((unsigned char)*s))
            return -1;
        n = n * 10 + (*s - '0');
    }
    return n;
}

static int refuse(exchange *x, int status, bool *close_it, const char *why)
{
    *close_it = true;
    sg_answer_problem(&x->a, &x->q, status, NULL, "%s", why);
    return status;
}

int sg_http_guard(exchange *x, struct MHD_Connection *c, const char *method, const char *version, bool *close_it,
                  int64_t *n_body)
{
    look l = {0};
    enum { HOST, LENGTH, CODING };
    *close_it = false;
    *n_body = 0;
    (void)MHD_get_connection_values(c, MHD_HEADER_KIND, see, &l);
    if (cut_by_nul(x, c, method, version, l.n))
        return refuse(x, 400, close_it,
                      "the request has a NUL, a folded header line or a line that does not end in CRLF");
    if (!x->target || strlen(x->target) > (size_t)x->http->o.url_max)
        return refuse(x, 414, close_it, "the request target is longer than http.url_max");
    if (l.bytes > (size_t)x->http->o.header_max)
        return refuse(x, 431, close_it, "the header lines are longer than http.header_max");
    if (l.bad)
        return refuse(x, 400, close_it, "a header has a control character or a malformed name");
    for (int i = 0; i < N_ONCE; i++)
        if (l.seen[i] > 1)
            return refuse(x, 400, close_it, "a header that may stand once only is repeated");
    if (l.seen[CODING] && l.seen[LENGTH])
        return refuse(x, 400, close_it, "Content-Length stands beside Transfer-Encoding");
    if (l.seen[CODING])
        return refuse(x, 411, close_it, "send Content-Length; Transfer-Encoding is not accepted");
    if (l.seen[LENGTH] && (*n_body = length_of(l.value[LENGTH])) < 0)
        return refuse(x, 400, close_it, "Content-Length is not a number");
    if (!l.seen[HOST] && !strcmp(version, "HTTP/1.1"))
        return refuse(x, 400, close_it, "the Host header is missing");
    sg_err err = {0};
    if (sg_http_target(x->target, l.value[HOST], &x->q, &err))
        return refuse(x, 400, close_it, err.msg);
    (void)method;
    return 0;
}

static bool matches(const char *pattern, const char *path)
{
    while (*pattern && *path) {
        const size_t n_t = strcspn(pattern + 1, "/"), n_p = strcspn(path + 1, "/");
        const bool any = pattern[1] == '{' && n_p > 0;
        if (!any && (n_t != n_p || strncmp(pattern, path, n_t + 1)))
            return false;
        pattern += 1 + n_t;
        path += 1 + n_p;
    }
    return !*pattern && !*path;
}

const sg_route *sg_http_find(exchange *x, const char *method)
{
    char allow[128] = "";
    const char *want = !strcmp(method, "HEAD") ? "GET" : method;
    for (const sg_route *r = x->http->o.route; r->method; r++) {
        if (!matches(r->pattern, x->q.path))
            continue;
        if (!strcmp(r->method, want))
            return r;
        if (*allow)
            strcat(allow, ", ");
        strcat(allow, r->method);
        if (!strcmp(r->method, "GET"))
            strcat(allow, ", HEAD");
    }
    if (!*allow) {
        sg_answer_problem(&x->a, &x->q, 404, NULL, "there is nothing at this path");
        return NULL;
    }
    if (!strcmp(method, "OPTIONS")) {
        x->a.status = 204;
        sg_answer_header(&x->a, "Allow", "%s, OPTIONS", allow);
        return NULL;
    }
    sg_answer_problem(&x->a, &x->q, 405, NULL, "%.20s is not allowed here", method);
    sg_answer_header(&x->a, "Allow", "%s, OPTIONS", allow);
    return NULL;
}
