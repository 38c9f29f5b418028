/* log.c - see log.h. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

static sg_log_fn *hook;
static void *hook_ctx;

void sg_log_set(sg_log_fn *fn, void *ctx)
{
    hook = fn;
    hook_ctx = ctx;
}

void sg_log(sg_log_level level, const char *fmt, ...)
{
    if (!hook)
        return;
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    hook(hook_ctx, level, text);
}
