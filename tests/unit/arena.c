/* The arena: alignment, zeroes, ends and rewinds. */
#include "unit.h"

#include <stdint.h>
#include <string.h>

START_TEST(blocks_are_aligned_zeroed_and_apart)
{
    sg_arena a = unit_arena(1 << 16);
    unsigned char *x = SG_NEW(&a, unsigned char, 3), *y = SG_NEW(&a, unsigned char, 100);
    ck_assert_uint_eq((uintptr_t)x % 64, 0);
    ck_assert_uint_eq((uintptr_t)y % 64, 0);
    ck_assert(y >= x + 3);
    for (int i = 0; i < 100; i++)
        ck_assert_uint_eq(y[i], 0);
    sg_arena_clear(&a);
    ck_assert_ptr_null(a.base);
    sg_arena_clear(&a);
}
END_TEST

START_TEST(memory_given_back_and_taken_again_is_zero_again)
{
    sg_arena a = unit_arena(1 << 16);
    const size_t mark = sg_arena_mark(&a);
    memset(SG_NEW(&a, char, 1000), 7, 1000);
    sg_arena_rewind(&a, mark);
    const char *x = SG_NEW(&a, char, 1000);
    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(x[i], 0);
    ck_assert_uint_ge(a.peak, 1000);
    sg_arena_clear(&a);
}
END_TEST

START_TEST(a_large_rewind_gives_pages_back_and_keeps_what_lies_below)
{
    sg_arena a = unit_arena((size_t)64 << 20);
    char *keep = SG_NEW(&a, char, 5000);
    memset(keep, 3, 5000);
    const size_t mark = sg_arena_mark(&a);
    char *big = SG_NEW_RAW(&a, char, 32 << 20);
    ck_assert_ptr_nonnull(big);
    memset(big, 9, 32 << 20);
    sg_arena_rewind(&a, mark);
    for (int i = 0; i < 5000; i++)
        ck_assert_int_eq(keep[i], 3);
    ck_assert_uint_eq(a.used, mark);
    sg_arena_clear(&a);
}
END_TEST

START_TEST(what_does_not_fit_is_null_and_costs_nothing)
{
    sg_arena a = unit_arena(4096);
    const size_t size = a.size;
    ck_assert_ptr_null(SG_NEW(&a, char, (int64_t)size + 1));
    ck_assert_ptr_null(SG_NEW(&a, char, -1));
    ck_assert_ptr_null(sg_arena_alloc(&a, INT64_MAX, 16));
    ck_assert_ptr_null(sg_arena_alloc_raw(&a, INT64_MAX / 8, 64));
    ck_assert_uint_eq(a.used, 0);
    ck_assert_ptr_nonnull(SG_NEW(&a, char, (int64_t)size));
    ck_assert_ptr_null(SG_NEW(&a, char, 1));
    ck_assert_ptr_nonnull(SG_NEW(&a, char, 0));
    sg_err err = {0};
    ck_assert_int_eq(sg_arena_full(&a, "latents", &err), SG_NOMEM);
    ck_assert_str_eq(err.msg, "no room for latents: 0 of 0 MiB in use; raise the memory limit");
    sg_arena_clear(&a);
}
END_TEST

START_TEST(impossible_arenas_are_refused)
{
    sg_arena a;
    sg_err err = {0};
    ck_assert_int_eq(sg_arena_init(&a, SIZE_MAX - 10, &err), SG_LIMIT);
    ck_assert_ptr_null(a.base);
    ck_assert_int_eq(sg_arena_init(&a, SIZE_MAX / 2, &err), SG_NOMEM);
    ck_assert_ptr_null(a.base);
}
END_TEST

START_TEST(strings_are_copied_with_their_end)
{
    sg_arena a = unit_arena(4096);
    ck_assert_str_eq(sg_arena_strndup(&a, "rs123\tA", 5), "rs123");
    ck_assert_str_eq(sg_arena_strndup(&a, "", 0), "");
    ck_assert_ptr_null(sg_arena_strndup(&a, "x", SIZE_MAX));
    sg_arena_clear(&a);
}
END_TEST

UNIT_MAIN("arena", blocks_are_aligned_zeroed_and_apart, memory_given_back_and_taken_again_is_zero_again,
          a_large_rewind_gives_pages_back_and_keeps_what_lies_below, what_does_not_fit_is_null_and_costs_nothing,
          impossible_arenas_are_refused, strings_are_copied_with_their_end)
