/* Lines and fields of text tables; names and their rows. */
#include "files.h"
#include "formats/index.h"
#include "formats/text.h"

#include <math.h>

static sg_text begin(sg_arena *a, const char *text)
{
    sg_text t;
    sg_err err = {0};
    ck_ok(sg_text_begin(&t, "x", copy_text(a, text), strlen(text), &err), err);
    return t;
}

static char *next(sg_text *t)
{
    char *line;
    sg_err err = {0};
    ck_ok(sg_text_next(t, &line, &err), err);
    return line;
}

START_TEST(lines_end_in_lf_or_crlf_and_the_last_one_may_have_no_end)
{
    sg_arena a = unit_arena(1 << 20);
    sg_text t = begin(&a, "one\r\n\ntwo\nthree");
    ck_assert_str_eq(next(&t), "one");
    ck_assert_str_eq(next(&t), "");
    ck_assert_str_eq(next(&t), "two");
    ck_assert_str_eq(next(&t), "three");
    ck_assert_int_eq(t.line, 4);
    ck_assert_ptr_null(next(&t));
    t = begin(&a, "");
    ck_assert_ptr_null(next(&t));
    ck_assert_int_eq(sg_text_count("a\nb\nc", 5), 3);
    ck_assert_int_eq(sg_text_count("a\n", 2), 1);
    ck_assert_int_eq(sg_text_count("", 0), 0);
    sg_arena_clear(&a);
}
END_TEST

START_TEST(a_byte_order_mark_is_skipped_utf16_and_gzip_are_refused_with_advice)
{
    sg_arena a = unit_arena(1 << 20);
    sg_err err = {0};
    sg_text t = begin(&a, "\xef\xbb\xbf"
                          "FID IID\n");
    ck_assert_str_eq(next(&t), "FID IID");
    ck_assert_int_eq(sg_text_begin(&t, "x.bim", copy_text(&a, "\xff\xfe"), 2, &err), SG_FORMAT);
    ck_assert_str_eq(err.msg, "x.bim: is UTF-16 text, want plain ASCII or UTF-8 (save it again as such)");
    ck_assert_int_eq(sg_text_begin(&t, "x.bim", copy_text(&a, "\x1f\x8b\x08"), 3, &err), SG_FORMAT);
    ck_assert_str_eq(err.msg, "x.bim: is compressed with gzip, want plain text (gunzip it first)");
    sg_arena_clear(&a);
}
END_TEST

START_TEST(control_characters_and_endless_lines_are_refused_with_their_line)
{
    sg_arena a = unit_arena(1 << 20);
    sg_err err = {0};
    char *line;
    sg_text t = begin(&a, "fine\nno\x01t\n");
    (void)next(&t);
    ck_assert_int_eq(sg_text_next(&t, &line, &err), SG_FORMAT);
    ck_assert_str_eq(err.msg, "x line 2: byte 3 is a control character (0x01), want text");
    ck_assert_ptr_null(line);
    char *big = sg_arena_alloc(&a, SG_LINE_MAX + 3, 1);
    memset(big, 'A', SG_LINE_MAX + 1);
    ck_ok(sg_text_begin(&t, "x", big, SG_LINE_MAX + 1, &err), err);
    ck_assert_int_eq(sg_text_next(&t, &line, &err), SG_LIMIT);
    ck_assert_str_eq(err.msg, "x line 1: longer than 131072 bytes");
    ck_ok(sg_text_begin(&t, "x", big, SG_LINE_MAX, &err), err);
    ck_assert_uint_eq(strlen(next(&t)), SG_LINE_MAX);
    sg_arena_clear(&a);
}
END_TEST

START_TEST(fields_are_parted_by_runs_of_blanks_or_by_a_separator)
{
    char *f[3], a[] = " x\t y  z w ", b[] = "x,, y ,", c[] = "", d[] = "one";
    ck_assert_int_eq(sg_text_split(a, 0, f, 3), 4);
    ck_assert_str_eq(f[0], "x");
    ck_assert_str_eq(f[1], "y");
    ck_assert_str_eq(f[2], "z");
    ck_assert_int_eq(sg_text_split(b, ',', f, 3), 4);
    ck_assert_str_eq(f[1], "");
    ck_assert_str_eq(f[2], "y");
    ck_assert_int_eq(sg_text_split(c, 0, f, 3), 0);
    ck_assert_int_eq(sg_text_split(d, ',', f, 3), 1);
}
END_TEST

START_TEST(numbers_are_whole_strings)
{
    int64_t n;
    double x;
    ck_assert(sg_text_int("-12", &n) && n == -12);
    ck_assert(!sg_text_int("12x", &n) && !sg_text_int("", &n) && !sg_text_int(" 1", &n));
    ck_assert(!sg_text_int("99999999999999999999", &n));
    ck_assert(sg_text_real("1e-3", &x) && x == 1e-3);
    ck_assert(sg_text_real("1e-400", &x) && x == 0);
    ck_assert(sg_text_real("nan", &x) && isnan(x));
    ck_assert(!sg_text_real("1e", &x) && !sg_text_real("", &x) && !sg_text_real(" 1", &x));
}
END_TEST

START_TEST(an_index_finds_what_was_added_first_and_nothing_else)
{
    sg_arena a = unit_arena(16 << 20);
    sg_err err = {0};
    sg_index ix;
    enum { N = 20000 };
    char(*name)[16] = sg_arena_alloc(&a, N, sizeof *name);
    ck_ok(sg_index_new(N, &a, &ix, &err), err);
    for (int i = 0; i < N; i++) {
        (void)snprintf(name[i], sizeof name[i], "%d", i);
        ck_assert_int_eq(sg_index_add(&ix, name[i], "x", i), -1);
    }
    for (int i = 0; i < N; i++) {
        ck_assert_int_eq(sg_index_find(&ix, name[i], "x"), i);
        ck_assert_int_eq(sg_index_find(&ix, name[i], ""), -1);
    }
    ck_assert_int_eq(sg_index_add(&ix, "7", "x", 99), 7);
    /* The gap between the two strings counts: "ab"+"c" is not "a"+"bc". */
    ck_ok(sg_index_new(2, &a, &ix, &err), err);
    ck_assert_int_eq(sg_index_add(&ix, "ab", "c", 0), -1);
    ck_assert_int_eq(sg_index_add(&ix, "a", "bc", 1), -1);
    ck_assert_int_eq(sg_index_find(&ix, "a", "bc"), 1);
    ck_ok(sg_index_new(0, &a, &ix, &err), err);
    ck_assert_int_eq(sg_index_find(&ix, "a", ""), -1);
    ck_assert_int_eq(sg_index_new(-1, &a, &ix, &err), SG_LIMIT);
    sg_arena_clear(&a);
}
END_TEST

UNIT_MAIN("text", lines_end_in_lf_or_crlf_and_the_last_one_may_have_no_end,
          a_byte_order_mark_is_skipped_utf16_and_gzip_are_refused_with_advice,
          control_characters_and_endless_lines_are_refused_with_their_line,
          fields_are_parted_by_runs_of_blanks_or_by_a_separator, numbers_are_whole_strings,
          an_index_finds_what_was_added_first_and_nothing_else)
