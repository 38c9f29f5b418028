/* unit.h - what every unit test program needs around its cases: a scratch folder, an arena, one main. */
#ifndef SG_TESTS_UNIT_H
#define SG_TESTS_UNIT_H

#include "base/arena.h"
#include "base/file.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define UNIT_PATH 512

/* No error, or the test dies with the sentence. */
#define ck_ok(call, err) ck_assert_msg((call) == SG_OK, "%s: %s", #call, (err).msg)

/* A fresh folder; removed by unit_dir_remove. */
static inline void unit_dir(char dir[UNIT_PATH])
{
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(dir, UNIT_PATH, "%s/snpgen-test-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(dir));
}

static inline void unit_dir_remove(const char *dir)
{
    sg_err err = {0};
    ck_ok(sg_dir_remove(dir, &err), err);
}

/* dir/name, in a buffer of the caller. */
static inline const char *unit_path(char out[UNIT_PATH], const char *dir, const char *name)
{
    const int n = snprintf(out, UNIT_PATH, "%s/%s", dir, name);
    ck_assert_int_lt(n, UNIT_PATH);
    return out;
}

static inline sg_arena unit_arena(size_t bytes)
{
    sg_arena a;
    sg_err err = {0};
    ck_ok(sg_arena_init(&a, bytes, &err), err);
    return a;
}

/* main() of a test program: one suite, one case, all tests. CK_FORK=no is honoured by check itself. */
#define UNIT_MAIN(name, ...)                                                                                           \
    int main(void)                                                                                                     \
    {                                                                                                                  \
        const TTest *const tests[] = {__VA_ARGS__};                                                                    \
        Suite *suite = suite_create(name);                                                                             \
        TCase *tcase = tcase_create(name);                                                                             \
        tcase_set_timeout(tcase, 0); /* CTest has one */                                                               \
        for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)                                                      \
            tcase_add_test(tcase, tests[i]);                                                                           \
        suite_add_tcase(suite, tcase);                                                                                 \
        SRunner *runner = srunner_create(suite);                                                                       \
        srunner_run_all(runner, CK_NORMAL);                                                                            \
        const int n_failed = srunner_ntests_failed(runner);                                                            \
        srunner_free(runner);                                                                                          \
        return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;                                                                 \
    }

#endif
