/* Errors: the words people read. */
#include "unit.h"

#include <string.h>

START_TEST(an_error_carries_its_status_and_sentence)
{
    sg_err err = {0};
    ck_assert_int_eq(sg_fail(&err, SG_FORMAT, "%s line %d: position %d, want 1 or more", "ref.bim", 812, 0), SG_FORMAT);
    ck_assert_int_eq(err.status, SG_FORMAT);
    ck_assert_str_eq(err.msg, "ref.bim line 812: position 0, want 1 or more");
}
END_TEST

START_TEST(nobody_has_to_ask_for_the_words)
{
    ck_assert_int_eq(sg_fail(NULL, SG_IO, "unheard"), SG_IO);
    ck_assert_int_eq(sg_fail_in(NULL, SG_IO, "unheard"), SG_IO);
}
END_TEST

START_TEST(a_place_is_put_before_an_error_that_passes_by)
{
    sg_err err = {0};
    sg_fail(&err, SG_LIMIT, "3 levels, want 2");
    ck_assert_int_eq(sg_fail_in(&err, SG_LIMIT, "card.json: %s", "vae"), SG_LIMIT);
    ck_assert_str_eq(err.msg, "card.json: vae: 3 levels, want 2");
    ck_assert_int_eq(err.status, SG_LIMIT);
}
END_TEST

START_TEST(long_sentences_are_cut_and_never_overrun)
{
    struct {
        sg_err err;
        unsigned char guard[16];
    } x;
    memset(&x, 0x5a, sizeof x);
    char word[700];
    memset(word, 'w', sizeof word - 1);
    word[sizeof word - 1] = '\0';
    sg_fail(&x.err, SG_IO, "%s", word);
    ck_assert_uint_eq(strlen(x.err.msg), sizeof x.err.msg - 1);
    sg_fail_in(&x.err, SG_IO, "%s", "front");
    ck_assert_uint_eq(strlen(x.err.msg), sizeof x.err.msg - 1);
    ck_assert_int_eq(strncmp(x.err.msg, "front: www", 10), 0);
    sg_fail_in(&x.err, SG_IO, "%s", word);
    ck_assert_uint_eq(strlen(x.err.msg), sizeof x.err.msg - 1);
    for (size_t i = 0; i < sizeof x.guard; i++)
        ck_assert_uint_eq(x.guard[i], 0x5a);
}
END_TEST

START_TEST(every_status_has_a_name_and_words_and_so_has_nonsense)
{
    for (int st = 0; st < SG_N_STATUS; st++) {
        ck_assert_uint_gt(strlen(sg_status_name((sg_status)st)), 1);
        ck_assert_uint_gt(strlen(sg_status_words((sg_status)st)), 1);
    }
    ck_assert_str_eq(sg_status_name(SG_NOT_FOUND), "NOT_FOUND");
    ck_assert_str_eq(sg_status_words(SG_OK), "ok");
    ck_assert_str_eq(sg_status_name((sg_status)99), "UNKNOWN");
    ck_assert_str_eq(sg_status_words((sg_status)-1), "unknown status");
}
END_TEST

UNIT_MAIN("status", an_error_carries_its_status_and_sentence, nobody_has_to_ask_for_the_words,
          a_place_is_put_before_an_error_that_passes_by, long_sentences_are_cut_and_never_overrun,
          every_status_has_a_name_and_words_and_so_has_nonsense)
