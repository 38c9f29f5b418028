/* text.c - see text.h. */
#include "formats/text.h"
#include "base/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

sg_status sg_text_begin(sg_text *t, const char *name, char *data, size_t n, sg_err *err)
{
    const unsigned char *u = (const unsigned char *)data;
    *t = (sg_text){.name = name, .at = data, .end = data + n};
    if (n >= 3 && !memcmp(u, "\xef\xbb\xbf", 3))
        t->at += 3;
    if (n >= 2 && ((u[0] == 0xff && u[1] == 0xfe) || (u[0] == 0xfe && u[1] == 0xff)))
        return sg_fail(err, SG_FORMAT, "%s: is UTF-16 text, want plain ASCII or UTF-8 (save it again as such)", name);
    if (n >= 2 && u[0] == 0x1f && u[1] == 0x8b)
        return sg_fail(err, SG_FORMAT, "%s: is compressed with gzip, want plain text (gunzip it first)", name);
    return SG_OK;
}

sg_status sg_text_check(const char *name, int64_t number, char *line, size_t n, sg_err *err)
{
    if (n > 0 && line[n - 1] == '\r')
        n--;
    line[n] = '\0';
    if (n > SG_LINE_MAX)
        return sg_fail(err, SG_LIMIT, "%s line %lld: longer than %d bytes", name, (long long)number, SG_LINE_MAX);
    for (size_t i = 0; i < n; i++) {
        const unsigned char c = (unsigned char)line[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return sg_fail(err, SG_FORMAT, "%s line %lld: byte %zu is a control character (0x%02x), want text", name,
                           (long long)number, i + 1, c);
    }
    return SG_OK;
}

sg_status sg_text_next(sg_text *t, char **line, sg_err *err)
{
    *line = NULL;
    if (t->at >= t->end)
        return SG_OK;
    char *const start = t->at;
    char *stop = memchr(start, '\n', (size_t)(t->end - start));
    t->at = stop ? stop + 1 : t->end;
    if (!stop)
        stop = t->end;
    t->line++;
    SG_TRY(sg_text_check(t->name, t->line, start, (size_t)(stop - start), err));
    *line = start;
    return SG_OK;
}

static bool blank(char c)
{
    return c == ' ' || c == '\t';
}

static int split_blanks(char *s, char **field, int max)
{
    int n = 0;
    for (;;) {
        while (blank(*s))
            s++;
        if (!*s)
            return n;
        if (n < max)
            field[n] = s;
        n++;
        while (*s && !blank(*s))
            s++;
        if (!*s)
            return n;
        *s++ = '\0';
    }
}

int sg_text_split(char *line, char sep, char **field, int max)
{
    if (!sep)
        return split_blanks(line, field, max);
    int n = 0;
    for (char *s = line; s;) {
        char *next = strchr(s, sep);
        char *stop = next ? next : s + strlen(s);
        while (s < stop && blank(*s))
            s++;
        while (stop > s && blank(stop[-1]))
            stop--;
        *stop = '\0';
        if (n < max)
            field[n] = s;
        n++;
        s = next ? next + 1 : NULL;
    }
    return n;
}

bool sg_text_int(const char *s, int64_t *out)
{
    char *end;
    errno = 0;
    const long long x = strtoll(s, &end, 10);
    *out = x;
    return end != s && !*end && !errno && !blank(*s);
}

bool sg_text_real(const char *s, double *out)
{
    char *end;
    *out = strtod(s, &end);
    return end != s && !*end && !blank(*s);
}

sg_status sg_text_load(const char *path, size_t max, sg_arena *a, char **data, size_t *n, sg_err *err)
{
    *data = NULL;
    *n = 0;
    sg_buf b;
    SG_TRY(sg_file_read(path, max, &b, err));
    *data = sg_arena_strndup(a, b.n ? (const char *)b.data : "", b.n);
    *n = b.n;
    sg_buf_clear(&b);
    return *data ? SG_OK : sg_arena_full(a, path, err);
}

int64_t sg_text_count(const char *data, size_t n)
{
    int64_t lines = 0;
    for (const char *at = data, *end = data + n; at < end; lines++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        at = stop ? stop + 1 : end;
    }
    return lines;
}
