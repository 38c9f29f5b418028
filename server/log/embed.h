/* embed.h - files that travel inside the program (made by server/embed.py).
 *
 * Shape:   a table ended by a row whose name is NULL.
 * Units:   bytes; a 0 follows the last one.
 * Owner:   the program image.
 * Threads: const.
 * Not here: what the files mean.
 */
#ifndef SG_SERVER_LOG_EMBED_H
#define SG_SERVER_LOG_EMBED_H

#include <stddef.h>

typedef struct sg_embedded {
    const char *name;
    const unsigned char *data;
    size_t n;
} sg_embedded;

extern const sg_embedded sg_embedded_migrations[]; /* migrations/ in order (store) */
extern const sg_embedded sg_embedded_openapi[];    /* api/openapi.yaml as JSON (routes) */

#endif
