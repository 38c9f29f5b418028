/* Verdicts: bound to what was judged, carried under seal, and shown as JSON. */
#include "world.h"

#include <jansson.h>

static const uint8_t key[SG_KEY_BYTES] = {1, 2, 3};

static sg_verdict *some_verdict(bool copy, sg_arena *a)
{
    const world w = world_new(77, 128, 400, 100, 100, a);
    sg_people c = clean_cohort(&w, 100, a);
    if (copy)
        plant_copy(&w, SG_ROLE_TRAIN, 0, 0, &c, 0, a);
    sg_verdict *v;
    sg_err err = {0};
    const sg_policy p = small_policy();
    const int8_t *label = draw_labels(100, a);
    ck_ok(sg_privacy_judge(&w.ref, &c, label, &p, NULL, &v, &err), err);
    const sg_digest d = sg_cohort_digest(&c, label);
    ck_assert(sg_digest_equal(&d, sg_verdict_subject(v)));
    return v;
}

START_TEST(the_digest_covers_every_genotype_every_label_the_order_and_the_sizes)
{
    sg_arena a = unit_arena(1 << 26);
    const world w = world_new(77, 70, 1, 1, 1, &a);
    sg_people c = clean_cohort(&w, 6, &a);
    int8_t *label = draw_labels(6, &a);
    const sg_digest d = sg_cohort_digest(&c, label);
    sg_digest e = sg_cohort_digest(&c, label);
    ck_assert(sg_digest_equal(&d, &e));
    int8_t code[70];
    for (int64_t s = 0; s < 6; s++)
        for (int64_t v = 0; v < 70; v++) {
            sg_people_unpack(&c, s, code);
            const int8_t was = code[v];
            code[v] = (int8_t)((was + 1) % 3);
            sg_people_pack(&c, s, code);
            e = sg_cohort_digest(&c, label);
            ck_assert(!sg_digest_equal(&d, &e));
            code[v] = was;
            sg_people_pack(&c, s, code);
        }
    label[5] ^= 1;
    e = sg_cohort_digest(&c, label);
    ck_assert(!sg_digest_equal(&d, &e));
    label[5] ^= 1;
    sg_people q;
    sg_err err = {0};
    ck_ok(sg_people_new(6, 70, &a, &q, &err), err);
    sg_people_gather(&c, (int64_t[]){1, 0, 2, 3, 4, 5}, 6, &q);
    e = sg_cohort_digest(&q, label);
    ck_assert(!sg_digest_equal(&d, &e));
    c.n_variant = 69; /* same words, one SNP fewer */
    e = sg_cohort_digest(&c, label);
    ck_assert(!sg_digest_equal(&d, &e));
    sg_arena_clear(&a);
}
END_TEST

START_TEST(a_sealed_verdict_comes_back_whole)
{
    sg_arena a = unit_arena(1 << 26);
    for (int copy = 0; copy < 2; copy++) {
        sg_verdict *v = some_verdict(copy, &a), *w;
        const sg_digest files = sg_sha256_of("files", 5);
        sg_digest got;
        sg_buf b, x, y;
        sg_err err = {0};
        sg_buf_init(&b, 1 << 20);
        sg_buf_init(&x, 1 << 20);
        sg_buf_init(&y, 1 << 20);
        ck_ok(sg_verdict_seal(v, key, &files, &b, &err), err);
        ck_ok(sg_verdict_unseal(b.data, b.n, key, &got, &w, &err), err);
        ck_assert(sg_digest_equal(&files, &got));
        ck_assert(sg_digest_equal(sg_verdict_subject(v), sg_verdict_subject(w)));
        ck_assert_int_eq(sg_verdict_outcome(w), copy ? SG_OUTCOME_FAIL : SG_OUTCOME_PASS);
        ck_assert_str_eq(sg_verdict_reason(w), copy ? "identical_match" : "");
        ck_ok(sg_verdict_json(v, &x, &err), err);
        ck_ok(sg_verdict_json(w, &y, &err), err);
        ck_assert_str_eq((char *)x.data, (char *)y.data);
        sg_buf_clear(&b);
        sg_buf_clear(&x);
        sg_buf_clear(&y);
        sg_verdict_free(v);
        sg_verdict_free(w);
    }
    sg_verdict_free(NULL);
    sg_arena_clear(&a);
}
END_TEST

START_TEST(no_byte_of_a_sealed_verdict_can_be_changed_and_none_can_be_missing)
{
    sg_arena a = unit_arena(1 << 26);
    sg_verdict *v = some_verdict(true, &a), *w = v;
    const sg_digest files = sg_sha256_of("files", 5);
    sg_digest got;
    sg_buf b;
    sg_err err = {0};
    sg_buf_init(&b, 1 << 20);
    ck_ok(sg_verdict_seal(v, key, &files, &b, &err), err);
    for (size_t i = 0; i < b.n; i++) {
        b.data[i] ^= 1;
        ck_assert_int_eq(sg_verdict_unseal(b.data, b.n, key, &got, &w, &err), SG_PRIVACY);
        ck_assert_ptr_null(w);
        b.data[i] ^= 1;
    }
    ck_assert_str_eq(err.msg, "the verdict was not sealed with this key, or a byte of it was changed");
    for (size_t n = 0; n < b.n; n += 7)
        ck_assert_int_eq(sg_verdict_unseal(b.data, n, key, &got, &w, &err), SG_PRIVACY);
    uint8_t other[SG_KEY_BYTES] = {1, 2, 4};
    ck_assert_int_eq(sg_verdict_unseal(b.data, b.n, other, &got, &w, &err), SG_PRIVACY);
    sg_buf_clear(&b);
    sg_verdict_free(v);
    sg_arena_clear(&a);
}
END_TEST

START_TEST(the_json_lists_every_check_with_its_numbers)
{
    sg_arena a = unit_arena(1 << 26);
    sg_verdict *v = some_verdict(true, &a);
    sg_buf b;
    sg_err err = {0};
    sg_buf_init(&b, 1 << 20);
    ck_ok(sg_verdict_json(v, &b, &err), err);
    json_error_t e;
    json_t *root = json_loadb((char *)b.data, b.n, JSON_REJECT_DUPLICATES, &e);
    ck_assert_msg(root != NULL, "%s", e.text);
    ck_assert_str_eq(json_string_value(json_object_get(root, "outcome")), "fail");
    const json_t *m = json_object_get(root, "measurement"), *d = json_object_get(root, "decision"),
                 *checks = json_object_get(m, "checks"), *decided = json_object_get(d, "checks");
    ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(m, "cohort"), "people")), 100);
    static const char *const digest[] = {"measurement_digest", "policy_digest", "decision_digest"};
    for (int i = 0; i < 3; i++)
        ck_assert_uint_eq(strlen(json_string_value(json_object_get(root, digest[i]))), 64);
    for (int i = 0; i < 2; i++) /* the decision names what it rests on */
        ck_assert_str_eq(json_string_value(json_object_get(root, digest[i])),
                         json_string_value(json_object_get(d, digest[i])));
    ck_assert_int_eq(json_integer_value(json_object_get(m, "version")), 1);
    ck_assert_int_eq(json_integer_value(json_object_get(d, "version")), 1);
    ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(root, "policy"), "version")), 1);
    ck_assert_uint_eq(json_array_size(checks), 2); /* hygiene, and the copy, at which it stops */
    ck_assert_uint_eq(json_array_size(decided), 2);
    for (size_t i = 0; i < json_array_size(checks); i++) {
        const json_t *c = json_array_get(checks, i), *x = json_array_get(decided, i);
        ck_assert_str_eq(json_string_value(json_object_get(c, "name")), json_string_value(json_object_get(x, "name")));
        ck_assert(json_is_string(json_object_get(x, "status")) && json_is_number(json_object_get(c, "estimate")));
    }
    /* The digests are of the records as they stand in the text. */
    const char *text = (const char *)b.data, *from = strstr(text, "\"measurement\":") + 14,
               *to = strstr(text, ",\"measurement_digest\"");
    const sg_digest again = sg_sha256_of(from, (size_t)(to - from));
    char hex[SG_DIGEST_HEX];
    sg_hex(again.b, sizeof again.b, hex);
    ck_assert_str_eq(hex, json_string_value(json_object_get(root, "measurement_digest")));
    json_decref(root);
    sg_buf_clear(&b);
    sg_verdict_free(v);
    sg_arena_clear(&a);
}
END_TEST

START_TEST(every_reason_has_a_sentence_and_fits_its_place)
{
#define X(name, words)                                                                                                 \
    ck_assert_str_eq(sg_reason_words(#name), words);                                                                   \
    ck_assert_uint_lt(strlen(#name), 40);
    SG_REASON_LIST(X)
#undef X
    ck_assert_ptr_null(sg_reason_words(""));
    ck_assert_ptr_null(sg_reason_words("because"));
}
END_TEST

START_TEST(the_requester_sees_a_status_and_a_code_and_no_number_of_the_gate)
{
    sg_arena a = unit_arena(1 << 26);
    sg_verdict *v = some_verdict(true, &a);
    sg_buf b;
    sg_err err = {0};
    sg_buf_init(&b, 1 << 20);
    ck_ok(sg_verdict_requester_json(v, &b, &err), err);
    json_error_t e;
    json_t *root = json_loadb((char *)b.data, b.n, JSON_REJECT_DUPLICATES, &e);
    ck_assert_msg(root != NULL, "%s", e.text);
    const char *field;
    json_t *value;
    json_object_foreach(root, field, value)
        ck_assert_msg(json_is_string(value) || json_is_boolean(value), "%s is neither text nor true or false", field);
    ck_assert_str_eq(json_string_value(json_object_get(root, "reason")), "identical_match");
    ck_assert_uint_eq(json_object_size(root), 7);
    json_decref(root);
    sg_buf_clear(&b);
    sg_verdict_free(v);
    sg_arena_clear(&a);
}
END_TEST

START_TEST(the_page_of_the_committee_has_every_check_and_that_of_the_requester_none)
{
    sg_arena a = unit_arena(1 << 26);
    sg_verdict *v = some_verdict(false, &a);
    sg_err err = {0};
    for (int committee = 0; committee < 2; committee++) {
        sg_buf b;
        sg_buf_init(&b, 1 << 22);
        ck_ok(sg_verdict_html(v, committee, &b, &err), err);
        const char *page = (const char *)b.data;
        ck_assert_int_eq(strstr(page, "nearest.dcr") != NULL, committee);
        ck_assert_int_eq(strstr(page, "<svg") != NULL, committee);
        ck_assert_ptr_nonnull(strstr(page, "What was not tested"));
        ck_assert_ptr_nonnull(strstr(page, "low_power"));
        ck_assert_ptr_null(strstr(page, "<script"));
        ck_assert_ptr_null(strstr(page, "src="));
        sg_buf_clear(&b);
    }
    sg_verdict_free(v);
    sg_arena_clear(&a);
}
END_TEST

START_TEST(a_page_is_made_of_a_kept_verdict_only_and_says_nothing_as_markup)
{
    static const char *const no[] = {"", "{}", "[1]", "{\"measurement\":{},\"outcome\":\"<b>\",\"reason\":\"\"}",
                                     "{\"measurement\":{},\"outcome\":\"fail\",\"reason\":\"<b>\"}"};
    const char *json = "{\"measurement\":{},\"outcome\":\"pass\",\"reason\":\"\",\"policy\":{\"name\":\"<script>&\"}}";
    sg_err err = {0};
    sg_buf b;
    sg_buf_init(&b, 1 << 20);
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        ck_assert_int_eq(sg_verdict_page(no[i], strlen(no[i]), true, &b, &err), SG_FORMAT);
    ck_assert_uint_eq(b.n, 0);
    ck_ok(sg_verdict_page(json, strlen(json), false, &b, &err), err);
    ck_assert_ptr_nonnull(strstr((const char *)b.data, "&lt;script&gt;&amp;"));
    ck_assert_ptr_null(strstr((const char *)b.data, "<script"));
    sg_buf_clear(&b);
}
END_TEST

UNIT_MAIN("verdict", the_digest_covers_every_genotype_every_label_the_order_and_the_sizes,
          a_sealed_verdict_comes_back_whole, no_byte_of_a_sealed_verdict_can_be_changed_and_none_can_be_missing,
          the_json_lists_every_check_with_its_numbers, every_reason_has_a_sentence_and_fits_its_place,
          the_requester_sees_a_status_and_a_code_and_no_number_of_the_gate,
          the_page_of_the_committee_has_every_check_and_that_of_the_requester_none,
          a_page_is_made_of_a_kept_verdict_only_and_says_nothing_as_markup)
