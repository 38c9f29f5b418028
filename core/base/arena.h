/* arena.h - memory with an owner and an end.
 *
 * Shape:   one reserved range of addresses, handed out from the front; a mark and a rewind free the tail.
 * Units:   bytes; every block is aligned to 64 (one cache line, one AVX-512 register).
 * Owner:   whoever called sg_arena_init; blocks live until a rewind below them or sg_arena_clear.
 * Threads: one arena, one thread. Give each worker its own.
 * Not here: long-lived handles (_open/_close, _new/_free use malloc).
 *
 * The range is reserved, not committed: an arena of 64 GiB costs nothing until it is touched. Arenas hold genotypes,
 * so they are excluded from core dumps.
 */
#ifndef SG_BASE_ARENA_H
#define SG_BASE_ARENA_H

#include "base/status.h"

#include <stddef.h>

typedef struct sg_arena {
    unsigned char *base;
    size_t size; /* reserved */
    size_t used;
    size_t peak; /* highest `used` so far: the memory high-water mark of a step */
    size_t keep; /* a rewind of more bytes than this gives their pages back; SIZE_MAX for scratch used again at once */
} sg_arena;

/* Reserves `size` bytes (rounded up to a page). NOMEM when the address range is refused. */
sg_status sg_arena_init(sg_arena *a, size_t size, sg_err *err) SG_MUST_USE;

/* Gives everything back. Accepts a zeroed arena. */
void sg_arena_clear(sg_arena *a);

/* n items of `size` bytes, zeroed; NULL when the product overflows or the arena is full. n = 0 gives a valid pointer.
 */
void *sg_arena_alloc(sg_arena *a, int64_t n, size_t size);

/* The same without zeroing, for buffers that are overwritten whole. */
void *sg_arena_alloc_raw(sg_arena *a, int64_t n, size_t size);

/* A copy of a string of n bytes plus a terminating 0; NULL when full. */
char *sg_arena_strndup(sg_arena *a, const char *s, size_t n);

size_t sg_arena_mark(const sg_arena *a);
void sg_arena_rewind(sg_arena *a, size_t mark);

/* NOMEM in one sentence: `what` names the thing that did not fit. */
sg_status sg_arena_full(const sg_arena *a, const char *what, sg_err *err);

#define SG_NEW(a, T, n) ((T *)sg_arena_alloc((a), (n), sizeof(T)))
#define SG_NEW_RAW(a, T, n) ((T *)sg_arena_alloc_raw((a), (n), sizeof(T)))

#endif
