/* status.c - see status.h. */
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

sg_status sg_fail(sg_err *err, sg_status st, const char *fmt, ...)
{
    if (!err)
        return st;
    err->status = st;
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(err->msg, sizeof err->msg, fmt, ap);
    va_end(ap);
    return st;
}

sg_status sg_fail_in(sg_err *err, sg_status st, const char *fmt, ...)
{
    if (!err)
        return st;
    char old[sizeof err->msg];
    memcpy(old, err->msg, sizeof old);
    old[sizeof old - 1] = '\0';
    va_list ap;
    va_start(ap, fmt);
    const int n = vsnprintf(err->msg, sizeof err->msg, fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof err->msg && snprintf(err->msg + n, sizeof err->msg - (size_t)n, ": %s", old) < 0)
        err->msg[n] = '\0';
    err->status = st;
    return st;
}

const char *sg_status_name(sg_status st)
{
    static const char *const name[] = {
#define X(n, words) #n,
        SG_STATUS_LIST(X)
#undef X
    };
    return (unsigned)st < SG_N_STATUS ? name[st] : "UNKNOWN";
}

const char *sg_status_words(sg_status st)
{
    static const char *const text[] = {
#define X(n, words) words,
        SG_STATUS_LIST(X)
#undef X
    };
    return (unsigned)st < SG_N_STATUS ? text[st] : "unknown status";
}
