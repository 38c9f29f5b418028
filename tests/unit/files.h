/* files.h - small text files for tests of readers. */
#ifndef SG_TESTS_FILES_H
#define SG_TESTS_FILES_H

#include "unit.h"

#include <stdarg.h>
#include <string.h>

/* Writes text under dir/name and returns the path in `out`. */
static inline const char *put_file(char out[UNIT_PATH], const char *dir, const char *name, const char *text)
{
    sg_err err = {0};
    unit_path(out, dir, name);
    ck_ok(sg_file_write(out, 0644, text, strlen(text), &err), err);
    return out;
}

/* A copy in the arena, with the spare byte that decoders want. */
static inline char *copy_text(sg_arena *a, const char *text)
{
    char *s = sg_arena_strndup(a, text, strlen(text));
    ck_assert_ptr_nonnull(s);
    return s;
}

/* The whole of a file as a string; the caller frees. */
static inline char *get_file(const char *path, size_t *n)
{
    sg_buf b;
    sg_err err = {0};
    ck_ok(sg_file_read(path, (size_t)1 << 30, &b, &err), err);
    char *s = malloc(b.n + 1);
    ck_assert_ptr_nonnull(s);
    memcpy(s, b.n ? (const char *)b.data : "", b.n);
    s[b.n] = '\0';
    if (n)
        *n = b.n;
    sg_buf_clear(&b);
    return s;
}

/* ../shared, or NULL with a printed reason. */
static inline const char *shared_folder(void)
{
    const char *dir = getenv("SG_SHARED");
    if (!dir)
        dir = "../shared";
    if (sg_file_exists(dir))
        return dir;
    (void)printf("SKIP: %s is not there\n", dir);
    return NULL;
}

#endif
