/* clock.c - see clock.h. */
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

int64_t sg_clock_wall_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t sg_clock_mono_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void sg_clock_rfc3339(int64_t wall_ms, char out[SG_TIME_BYTES])
{
    int64_t ms = wall_ms % 1000;
    int64_t s = wall_ms / 1000;
    if (ms < 0) {
        ms += 1000;
        s--;
    }
    const time_t t = (time_t)s;
    struct tm tm;
    if (!gmtime_r(&t, &tm))
        tm = (struct tm){.tm_year = 70, .tm_mday = 1};
    const size_t n = strftime(out, SG_TIME_BYTES, "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(out + n, SG_TIME_BYTES - n, ".%03dZ", (int)ms);
}
