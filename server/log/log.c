/* log.c - see log.h. */
#include "log/log.h"
#include "base/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct {
    const char *process;
    sg_log_level least;
} me = {"snpgend", SG_LOG_INFO};

static const char *const level_name[] = {"debug", "info", "warn", "error"};

static void core_hook(void *ctx, sg_log_level level, const char *text)
{
    (void)ctx;
    sg_logline(level, NULL, "%s", text);
}

void sg_logline_init(const char *process, sg_log_level least)
{
    me.process = process;
    me.least = least;
    sg_log_set(core_hook, NULL);
}

sg_status sg_logline_parse(const char *word, sg_log_level *out, sg_err *err)
{
    for (int i = 0; i < 4; i++)
        if (!strcmp(word, level_name[i])) {
            *out = (sg_log_level)i;
            return SG_OK;
        }
    return sg_fail(err, SG_FORMAT, "\"%.40s\" is not debug, info, warn or error", word);
}

/* Length of the valid UTF-8 sequence at s (1..4), 0 when there is none. No overlong forms, no surrogates. */
static int utf8_length(const unsigned char *s)
{
    if (s[0] < 0x80)
        return 1;
    const int n = s[0] >= 0xc2 && s[0] <= 0xdf ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 : s[0] >= 0xf0 && s[0] <= 0xf4 ? 4 : 0;
    for (int i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
        (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return n;
}

sg_status sg_json_quote(sg_buf *b, const char *text, sg_err *err)
{
    const unsigned char *s = (const unsigned char *)text;
    SG_TRY(sg_buf_add(b, "\"", 1, err));
    while (*s) {
        const int n = utf8_length(s);
        if (n == 0)
            SG_TRY(sg_buf_add(b, "\xef\xbf\xbd", 3, err));
        else if (*s == '"' || *s == '\\')
            SG_TRY(sg_buf_printf(b, err, "\\%c", *s));
        else if (*s < 0x20 || *s == 0x7f)
            SG_TRY(sg_buf_printf(b, err, "\\u%04x", *s));
        else
            SG_TRY(sg_buf_add(b, s, (size_t)n, err));
        s += n ? n : 1;
    }
    return sg_buf_add(b, "\"", 1, err);
}

void sg_logline(sg_log_level level, const char *members, const char *fmt, ...)
{
    if (level < me.least)
        return;
    char text[1024], now[SG_TIME_BYTES];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    sg_clock_rfc3339(sg_clock_wall_ms(), now);
    sg_buf b;
    sg_buf_init(&b, 1 << 16);
    sg_status st = sg_buf_printf(&b, NULL, "{\"time\":\"%s\",\"level\":\"%s\",\"process\":\"%s\",\"message\":", now,
                                 level_name[level], me.process);
    if (!st)
        st = sg_json_quote(&b, text, NULL);
    if (!st && members && *members)
        st = sg_buf_printf(&b, NULL, ",%s", members);
    if (!st)
        st = sg_buf_add(&b, "}\n", 2, NULL);
    if (!st) {
        const ssize_t wrote = write(STDERR_FILENO, b.data, b.n);
        (void)wrote; /* a log nobody reads must not stop the service */
    }
    sg_buf_clear(&b);
}
