/* arena.c - see arena.h. */
#include "base/arena.h"

#include <assert.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ALIGN = 64 };
#define KEEP_BYTES ((size_t)8 << 20) /* a rewind below this much keeps its pages: scratch is reused at once */

sg_status sg_arena_init(sg_arena *a, size_t size, sg_err *err)
{
    *a = (sg_arena){0};
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (size > SIZE_MAX - page)
        return sg_fail(err, SG_LIMIT, "an arena of %zu bytes is more than this machine can address", size);
    size = (size + page - 1) / page * page;
    if (size == 0)
        size = page;
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return sg_fail(err, SG_NOMEM, "cannot reserve %zu MiB of memory", size >> 20);
    (void)madvise(p, size, MADV_DONTDUMP);
    *a = (sg_arena){.base = p, .size = size, .keep = KEEP_BYTES};
    return SG_OK;
}

void sg_arena_clear(sg_arena *a)
{
    if (a->base)
        (void)munmap(a->base, a->size);
    *a = (sg_arena){0};
}

void *sg_arena_alloc_raw(sg_arena *a, int64_t n, size_t size)
{
    size_t bytes;
    if (n < 0 || __builtin_mul_overflow((size_t)n, size, &bytes) || bytes > a->size - a->used)
        return NULL;
    unsigned char *p = a->base + a->used;
    const size_t padded = (bytes + ALIGN - 1) / ALIGN * ALIGN;
    a->used = padded > a->size - a->used ? a->size : a->used + padded;
    if (a->used > a->peak)
        a->peak = a->used;
    return p;
}

void *sg_arena_alloc(sg_arena *a, int64_t n, size_t size)
{
    void *p = sg_arena_alloc_raw(a, n, size);
    return p ? memset(p, 0, (size_t)n * size) : NULL;
}

char *sg_arena_strndup(sg_arena *a, const char *s, size_t n)
{
    char *p = n < INT64_MAX ? sg_arena_alloc_raw(a, (int64_t)n + 1, 1) : NULL;
    if (!p)
        return NULL;
    memcpy(p, s, n);
    p[n] = '\0';
    return p;
}

size_t sg_arena_mark(const sg_arena *a)
{
    return a->used;
}

void sg_arena_rewind(sg_arena *a, size_t mark)
{
    assert(mark <= a->used);
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (a->used - mark > a->keep) { /* large steps give their pages back to the machine */
        const size_t from = (mark + page - 1) / page * page;
        const size_t to = (a->used + page - 1) / page * page;
        if (to > from)
            (void)madvise(a->base + from, to - from, MADV_DONTNEED);
    }
    a->used = mark;
}

sg_status sg_arena_full(const sg_arena *a, const char *what, sg_err *err)
{
    return sg_fail(err, SG_NOMEM, "no room for %s: %zu of %zu MiB in use; raise the memory limit", what, a->used >> 20,
                   a->size >> 20);
}
