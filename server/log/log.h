/* log.h - the daemon's log: one JSON object per line on stderr.
 *
 * Shape:   {"time":...,"level":...,"process":...,"message":...} and whatever members the caller adds.
 * Units:   time RFC 3339 UTC.
 * Owner:   process-wide; set up once before threads start.
 * Threads: lines never mix: each is one write(2).
 * Not here: what may be said. Never a key, never a genotype, never a sample ID.
 */
#ifndef SG_SERVER_LOG_LOG_H
#define SG_SERVER_LOG_LOG_H

#include "base/file.h"
#include "base/log.h"

/* Names the process in each line, drops lines below `least`, and becomes core's log hook. */
void sg_logline_init(const char *process, sg_log_level least);

/* "debug", "info", "warn" or "error"; FORMAT otherwise. */
sg_status sg_logline_parse(const char *word, sg_log_level *out, sg_err *err) SG_MUST_USE;

/* One line. `members` is NULL or JSON members without braces, already escaped: "\"status\":200,\"ms\":3". */
void sg_logline(sg_log_level level, const char *members, const char *fmt, ...) SG_PRINTF(3, 4);

/* Appends s as a JSON string with its quotes. Bytes that are no UTF-8 become U+FFFD. */
sg_status sg_json_quote(sg_buf *b, const char *s, sg_err *err) SG_MUST_USE;

#endif
