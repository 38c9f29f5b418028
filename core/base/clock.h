/* clock.h - time, in one place so that tests can see who uses it.
 *
 * Shape:   milliseconds since the Unix epoch (wall) or since an arbitrary start (monotonic); RFC 3339 text in UTC.
 * Units:   _ms milliseconds, _ns nanoseconds.
 * Owner:   -
 * Threads: safe.
 * Not here: sleeping, timers.
 */
#ifndef SG_BASE_CLOCK_H
#define SG_BASE_CLOCK_H

#include "base/status.h"

#include <stddef.h>

int64_t sg_clock_wall_ms(void);
int64_t sg_clock_mono_ns(void); /* for durations and deadlines: never jumps */

#define SG_TIME_BYTES 32

/* "2026-11-24T01:45:00.123Z" into out, always terminated. */
void sg_clock_rfc3339(int64_t wall_ms, char out[SG_TIME_BYTES]);

#endif
