/* json.h - a JSON value as text, whole or not at all.
 *
 * Shape:   for files that link jansson; nothing in base does.
 * Source:  jansson 2.14, dump.c: json_dumps does not look whether a key went into its growing buffer, so that a failed
 *          allocation at that moment loses the key without an error.
 */
#ifndef SG_BASE_JSON_H
#define SG_BASE_JSON_H

#include <jansson.h>
#include <stdlib.h>

/* flags: as of json_dumps. The caller's to free; NULL: no memory, or a value that JSON cannot say. */
static inline char *sg_json_text(const json_t *j, size_t flags)
{
    const size_t n = json_dumpb(j, NULL, 0, flags);
    char *text = n ? malloc(n + 1) : NULL;
    if (!text || json_dumpb(j, text, n, flags) != n) {
        free(text);
        return NULL;
    }
    text[n] = '\0';
    return text;
}

#endif
