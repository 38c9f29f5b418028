/* parse.c - the small grammars of HTTP, each total: any bytes in, a decision out. See http.h. */
#include "http/http.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int hex_value(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static bool utf8_ok(const unsigned char *s)
{
    while (*s) {
        int n = *s < 0x80                  ? 1
                : *s >= 0xc2 && *s <= 0xdf ? 2
                : (*s & 0xf0) == 0xe0      ? 3
                : *s >= 0xf0 && *s <= 0xf4 ? 4
                                           : 0;
        if (n == 0 || (*s == 0xe0 && s[1] < 0xa0) || (*s == 0xed && s[1] > 0x9f) || (*s == 0xf0 && s[1] < 0x90) ||
            (*s == 0xf4 && s[1] > 0x8f))
            return false;
        for (s++; --n > 0; s++)
            if ((*s & 0xc0) != 0x80)
                return false;
    }
    return true;
}

/* Percent-decodes n bytes. plus: '+' is a blank (query strings). FORMAT for a bad escape, a control character, broken
 * UTF-8; in a path also for an encoded slash, which would change what a segment is. */
static sg_status decode(const char *s, size_t n, bool plus, char *out, size_t n_out, sg_err *err)
{
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c == '%') {
            const int hi = i + 1 < n ? hex_value(s[i + 1]) : -1;
            const int lo = i + 2 < n ? hex_value(s[i + 2]) : -1;
            if (hi < 0 || lo < 0)
                return sg_fail(err, SG_FORMAT, "a \"%%\" is not followed by two hexadecimal digits");
            c = (unsigned char)(hi << 4 | lo);
            i += 2;
            if (c == '/' && !plus)
                return sg_fail(err, SG_FORMAT, "an encoded \"/\" stands in the path");
        } else if (c == '+' && plus) {
            c = ' ';
        }
        if (c < 0x20 || c == 0x7f)
            return sg_fail(err, SG_FORMAT, "a control character (0x%02x) stands in the request target", c);
        if (k + 1 >= n_out)
            return sg_fail(err, SG_LIMIT, "a part of the request target has more than %zu bytes", n_out - 1);
        out[k++] = (char)c;
    }
    out[k] = '\0';
    return utf8_ok((const unsigned char *)out) ? SG_OK : sg_fail(err, SG_FORMAT, "the request target is not UTF-8");
}

static sg_status check_segments(const char *path, sg_err *err)
{
    if (path[0] != '/')
        return sg_fail(err, SG_FORMAT, "the path does not begin with \"/\"");
    for (const char *p = path; *p;) {
        const size_t n = strcspn(++p, "/");
        if ((n == 0 && p[0]) || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
            return sg_fail(err, SG_FORMAT, "the path has an empty, \".\" or \"..\" segment");
        p += n;
    }
    return SG_OK;
}

static sg_status parse_query(const char *s, sg_request *q, sg_err *err)
{
    while (*s) {
        const size_t n = strcspn(s, "&");
        const char *eq = memchr(s, '=', n);
        const size_t n_name = eq ? (size_t)(eq - s) : n;
        if (n > 0) {
            if (q->n_query == SG_HTTP_QUERY)
                return sg_fail(err, SG_LIMIT, "more than %d query parameters", SG_HTTP_QUERY);
            sg_http_pair *p = &q->query[q->n_query++];
            SG_TRY(decode(s, n_name, true, p->name, sizeof p->name, err));
            p->value[0] = '\0';
            if (eq)
                SG_TRY(decode(eq + 1, n - n_name - 1, true, p->value, sizeof p->value, err));
        }
        s += n + (s[n] == '&');
    }
    return SG_OK;
}

/* http://authority/path -> /path; the authority must be the one of the Host header, or two readers of one request could
 * disagree about whom it is for. */
static sg_status strip_authority(const char **target, const char *host, sg_err *err)
{
    const char *t = *target;
    const size_t scheme = !strncasecmp(t, "http://", 7) ? 7 : !strncasecmp(t, "https://", 8) ? 8 : 0;
    if (scheme == 0)
        return SG_OK;
    t += scheme;
    const size_t n = strcspn(t, "/?");
    if (!host || strlen(host) != n || strncasecmp(t, host, n))
        return sg_fail(err, SG_FORMAT, "the request target names another host than the Host header");
    *target = t[n] == '/' ? t + n : "/";
    return SG_OK;
}

sg_status sg_http_target(const char *target, const char *host, sg_request *q, sg_err *err)
{
    q->n_query = 0;
    q->path[0] = '\0';
    for (const unsigned char *c = (const unsigned char *)target; *c; c++)
        if (*c <= 0x20 || *c >= 0x7f)
            return sg_fail(err, SG_FORMAT,
                           "a control character, blank or non-ASCII byte (0x%02x) stands in the request "
                           "target",
                           *c);
    SG_TRY(strip_authority(&target, host, err));
    const size_t n = strcspn(target, "?");
    if (strchr(target, '#'))
        return sg_fail(err, SG_FORMAT, "a \"#\" stands in the request target");
    SG_TRY(decode(target, n, false, q->path, sizeof q->path, err));
    SG_TRY(check_segments(q->path, err));
    return target[n] ? parse_query(target + n + 1, q, err) : SG_OK;
}

/* A run of digits as a number; -1 when there is none or it does not fit. */
static int64_t digits(const char **p)
{
    const char *s = *p;
    int64_t n = 0;
    if (!isdigit((unsigned char)*s))
        return -1;
    for (; isdigit((unsigned char)*s); s++) {
        if (n > (INT64_MAX - 9) / 10)
            return -1;
        n = n * 10 + (*s - '0');
    }
    *p = s;
    return n;
}

sg_range_kind sg_http_range(const char *header, int64_t n, int64_t *first, int64_t *last)
{
    *first = 0;
    *last = n - 1;
    if (!header || strncasecmp(header, "bytes=", 6))
        return SG_RANGE_WHOLE;
    const char *p = header + 6;
    if (*p == '-') {
        p++;
        const int64_t tail = digits(&p);
        if (tail < 0 || *p)
            return SG_RANGE_WHOLE;
        if (tail == 0 || n == 0)
            return SG_RANGE_NONE;
        *first = tail < n ? n - tail : 0;
        return SG_RANGE_PART;
    }
    const int64_t from = digits(&p);
    if (from < 0 || *p++ != '-')
        return SG_RANGE_WHOLE;
    int64_t to = n - 1;
    if (*p) {
        to = digits(&p);
        if (to < from || *p)
            return SG_RANGE_WHOLE;
    }
    if (from >= n)
        return SG_RANGE_NONE;
    *first = from;
    *last = to < n ? to : n - 1;
    return SG_RANGE_PART;
}

bool sg_http_etag_in(const char *list, const char *etag)
{
    const size_t n_etag = strlen(etag);
    for (const char *p = list; p && *p;) {
        p += strspn(p, " \t,");
        if (*p == '*' && (p[1] == '\0' || p[1] == ' '))
            return true;
        if (p[0] == 'W' && p[1] == '/')
            p += 2;
        if (*p != '"')
            return false;
        const size_t n = strcspn(++p, "\"");
        if (n == n_etag && !strncmp(p, etag, n))
            return true;
        p += n + (p[n] == '"');
    }
    return false;
}

/* The weight in the parameters of one media range (length n), in thousandths; 1000 where none is said or what is said is none. */
static int weight_of(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (s[i] != ';')
            continue;
        size_t k = i + 1;
        while (k < n && (s[k] == ' ' || s[k] == '\t'))
            k++;
        if (k + 2 >= n || (s[k] != 'q' && s[k] != 'Q') || s[k + 1] != '=')
            continue;
        k += 2;
        if (s[k] != '0')
            return 1000;
        int q = 0, digit = 100;
        if (++k < n && s[k] == '.')
            for (k++; k < n && isdigit((unsigned char)s[k]); k++, digit /= 10)
                q += (s[k] - '0') * digit;
        return q;
    }
    return 1000;
}

int sg_http_quality(const char *accept, const char *type)
{
    if (!accept || !*accept)
        return 1000;
    const size_t n_type = strlen(type), n_main = strcspn(type, "/");
    int best = 0, weight = 0; /* how exact the best matching range is: a/b beats a/star beats star/star */
    for (const char *p = accept; *p;) {
        p += strspn(p, " \t,");
        const size_t n = strcspn(p, ",");
        size_t m = 0;
        while (m < n && p[m] != ';' && p[m] != ' ' && p[m] != '\t')
            m++;
        const int exact = m == n_type && !strncasecmp(p, type, m)                                        ? 3
                          : m == n_main + 2 && !strncasecmp(p, type, n_main + 1) && p[n_main + 1] == '*' ? 2
                          : m == 3 && !strncmp(p, "*/*", 3)                                              ? 1
                                                                                                         : 0;
        const int q = exact ? weight_of(p, n) : 0;
        if (exact > best || (exact == best && q > weight))
            weight = q;
        best = exact > best ? exact : best;
        p += n;
    }
    return weight;
}

bool sg_http_accepts(const char *accept, const char *type)
{
    return sg_http_quality(accept, type) > 0;
}

int64_t sg_http_prefer_wait(const char *prefer)
{
    for (const char *p = prefer; p && *p;) {
        p += strspn(p, " \t,");
        const size_t n = strcspn(p, ",");
        const char *end = p + n;
        if (n > 4 && !strncasecmp(p, "wait", 4)) {
            const char *v = p + 4;
            v += strspn(v, " \t");
            if (v < end && *v == '=') {
                v += 1 + strspn(v + 1, " \t");
                v += v < end && *v == '"';
                const int64_t s = v < end ? digits(&v) : -1;
                v += v < end && *v == '"';
                v += v < end ? strspn(v, " \t") : 0;
                return s >= 0 && (v >= end || *v == ';') ? s : -1; /* the first one counts */
            }
        }
        p = end;
    }
    return -1;
}

void sg_http_base64(const uint8_t *b, size_t n, char *out)
{
    static const char letter[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        const uint32_t v =
            (uint32_t)b[i] << 16 | (i + 1 < n ? (uint32_t)b[i + 1] << 8 : 0) | (i + 2 < n ? b[i + 2] : 0);
        *out++ = letter[v >> 18];
        *out++ = letter[v >> 12 & 63];
        *out++ = i + 1 < n ? letter[v >> 6 & 63] : '=';
        *out++ = i + 2 < n ? letter[v & 63] : '=';
    }
    *out = '\0';
}

const char *sg_http_bearer(const char *authorization)
{
    if (!authorization || strncasecmp(authorization, "Bearer ", 7))
        return NULL;
    const char *t = authorization + 7 + strspn(authorization + 7, " ");
    const size_t n = strlen(t);
    if (n == 0 || n > 8192) /* tokens with many claims */
        return NULL;
    for (size_t i = 0; i < n; i++)
        if (t[i] <= 0x20 || t[i] >= 0x7f)
            return NULL;
    return t;
}

bool sg_http_key_ok(const char *key)
{
    const size_t n = strlen(key);
    for (size_t i = 0; i < n; i++)
        if (key[i] <= 0x20 || key[i] >= 0x7f)
            return false;
    return n >= 1 && n <= 255;
}

void sg_request_segment(const sg_request *q, const char *pattern, int n, char *out, size_t n_out)
{
    const char *p = q->path;
    out[0] = '\0';
    for (const char *t = pattern; *t && *p;) {
        const size_t n_t = strcspn(t + 1, "/"), n_p = strcspn(p + 1, "/");
        if (t[1] == '{' && n-- == 0) {
            (void)snprintf(out, n_out, "%.*s", (int)n_p, p + 1);
            return;
        }
        t += 1 + n_t;
        p += 1 + n_p;
    }
}

const char *sg_request_query(const sg_request *q, const char *name)
{
    for (int i = 0; i < q->n_query; i++)
        if (!strcmp(q->query[i].name, name))
            return q->query[i].value;
    return NULL;
}
