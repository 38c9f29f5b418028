/* fuzz.h - what every fuzz target needs: one entry point, an arena that is rewound, text with its spare byte. */
#ifndef SG_TESTS_FUZZ_H
#define SG_TESTS_FUZZ_H

#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* The bug that a target is looking for: what was accepted breaks its promise. */
#define FUZZ_EXPECT(x)                                                                                                 \
    do {                                                                                                               \
        if (!(x))                                                                                                      \
            abort();                                                                                                   \
    } while (0)

/* One arena for the whole run, empty at every call. */
static inline sg_arena *fuzz_arena(void)
{
    static sg_arena a;
    sg_err err;
    if (!a.base)
        FUZZ_EXPECT(sg_arena_init(&a, (size_t)256 << 20, &err) == SG_OK);
    sg_arena_rewind(&a, 0);
    return &a;
}

/* A copy with one writable byte behind, on the heap so that the address sanitizer sees its end. */
static inline char *fuzz_text(const uint8_t *data, size_t n)
{
    char *s = malloc(n + 1);
    FUZZ_EXPECT(s);
    if (n)
        memcpy(s, data, n);
    s[n] = '\0';
    return s;
}

#endif
