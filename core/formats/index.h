/* index.h - find a row by its name: an open-addressing table over strings held elsewhere.
 *
 * Shape:   keys are pairs of strings (FID and IID; or an ID and ""), values are row numbers >= 0.
 * Units:   -
 * Owner:   the table in the arena; the strings stay where they are and must outlive it.
 * Threads: finding is safe from many; adding by one.
 * Not here: removal.
 */
#ifndef SG_FORMATS_INDEX_H
#define SG_FORMATS_INDEX_H

#include "base/arena.h"

typedef struct sg_index_slot {
    const char *a, *b; /* a NULL: free */
    int64_t value;
} sg_index_slot;

typedef struct sg_index {
    int64_t n_max, n, mask;
    sg_index_slot *slot;
} sg_index;

/* Room for n_max keys. NOMEM, LIMIT. */
sg_status sg_index_new(int64_t n_max, sg_arena *a, sg_index *out, sg_err *err) SG_MUST_USE;

/* Adds a key, or finds it there already: returns -1 when it is new, else the value it was added with (unchanged). More
 * than n_max keys is a programmer's error (asserted). */
int64_t sg_index_add(sg_index *ix, const char *a, const char *b, int64_t value);

/* The value of a key, -1 when it is not there. */
int64_t sg_index_find(const sg_index *ix, const char *a, const char *b);

#endif
