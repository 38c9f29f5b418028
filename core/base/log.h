/* log.h - one hook through which core speaks of its progress to whoever runs it.
 *
 * Shape:   level, text. No sample IDs, no genotypes, no keys: what is logged may be read by anybody.
 * Units:   -
 * Owner:   the process sets one hook at start.
 * Threads: the hook is set before threads start; it may then be called from any of them.
 * Not here: where lines go and how they look (snpgen prints to stderr, snpgend writes JSON lines).
 */
#ifndef SG_BASE_LOG_H
#define SG_BASE_LOG_H

#include "base/status.h"

typedef enum sg_log_level { SG_LOG_DEBUG, SG_LOG_INFO, SG_LOG_WARN, SG_LOG_ERROR } sg_log_level;

typedef void sg_log_fn(void *ctx, sg_log_level level, const char *text);

/* NULL silences core, which is also the default. */
void sg_log_set(sg_log_fn *fn, void *ctx);

void sg_log(sg_log_level level, const char *fmt, ...) SG_PRINTF(2, 3);

#endif
