/* Key sets: which keys are of use; tokens: nothing is believed without a signature; back-off: who waits and for how long. */
#include "auth/backoff.h"
#include "auth/jwt.h"
#include "unit.h"

#include <string.h>

#define ED "\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\""
#define EC                                                                                                             \
    "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","                          \
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\""

static int keys_in(const char *list)
{
    char text[4096];
    sg_jwks *k;
    sg_err err = {0};
    const int n = snprintf(text, sizeof text, "{\"keys\":[%s],\"more\":1}", list);
    const sg_status st = sg_jwks_parse(text, (size_t)n, &k, &err);
    const int count = st ? 0 : sg_jwks_count(k);
    ck_assert_msg(st == SG_OK || st == SG_FORMAT, "%s", err.msg);
    if (!st)
        sg_jwks_free(k);
    return count;
}

START_TEST(only_keys_that_sign_tokens_are_taken_from_a_set)
{
    static const char *const no[] = {"{" ED ",\"use\":\"enc\"}",
                                     "{" ED ",\"key_ops\":[\"sign\"]}",
                                     "{" ED ",\"alg\":\"ES256\"}",
                                     "{" EC ",\"alg\":\"ECDH-ES\"}",
                                     "{\"kty\":\"oct\",\"k\":\"AAAA\"}",
                                     "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"AAAA\"}",
                                     "{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"AAAA\",\"y\":\"AAAA\"}",
                                     "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}",
                                     "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}",
                                     "{\"kty\":\"RSA\",\"e\":\"AQAB\"}",
                                     "{\"kty\":7}",
                                     "7",
                                     "null",
                                     "{}"};
    ck_assert_int_eq(keys_in("{" ED "},{" EC ",\"use\":\"sig\",\"alg\":\"ES256\",\"key_ops\":[\"verify\"]}"), 2);
    for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
        char with[1024];
        ck_assert_msg(keys_in(no[i]) == 0, "%s", no[i]);
        (void)snprintf(with, sizeof with, "%s,{" ED "}", no[i]);
        ck_assert_msg(keys_in(with) == 1, "%s", with);
    }
}
END_TEST

START_TEST(what_is_no_set_is_refused)
{
    static const char *const bad[] = {
        "", "{", "[]", "{}", "{\"keys\":{}}", "{\"keys\":[]}", "{\"keys\":[],\"keys\":[{" ED "}]}"};
    sg_jwks *k;
    sg_err err = {0};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(sg_jwks_parse(bad[i], strlen(bad[i]), &k, &err) == SG_FORMAT && !k, "%s", bad[i]);
    sg_buf b;
    sg_buf_init(&b, 1 << 20);
    ck_ok(sg_buf_printf(&b, &err, "{\"keys\":[{}"), err);
    for (int i = 0; i < SG_JWKS_KEYS; i++)
        ck_ok(sg_buf_printf(&b, &err, ",{}"), err);
    ck_ok(sg_buf_printf(&b, &err, "]}"), err);
    ck_assert_int_eq(sg_jwks_parse(b.data, b.n, &k, &err), SG_LIMIT);
    sg_buf_clear(&b);
}
END_TEST

/* The example of RFC 8037 is well signed and no token: its payload is text. */
START_TEST(a_good_signature_over_something_else_is_no_token)
{
    static const char set[] = "{\"keys\":[{" ED "}]}";
    static const char text[] =
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4"
        "ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    const sg_jwt_rules rules = {"i", "a", "sub", "scope", 0, SG_SCOPE_DEFAULT};
    sg_jwks *k;
    sg_jwt jwt;
    sg_err err = {0};
    char broken[256];
    ck_ok(sg_jwks_parse(set, sizeof set - 1, &k, &err), err);
    ck_assert_int_eq(sg_jwt_check(text, &rules, k, 0, &jwt, &err), SG_PRIVACY);
    ck_assert_str_eq(err.msg, "its claims are no JSON object"); /* so the signature held */
    (void)snprintf(broken, sizeof broken, "%s", text);
    broken[strlen(broken) - 3] ^= 1;
    ck_assert_int_eq(sg_jwt_check(broken, &rules, k, 0, &jwt, &err), SG_PRIVACY);
    ck_assert_str_eq(err.msg, "its signature does not hold");
    for (size_t n = 0; n < strlen(text); n++) {
        memcpy(broken, text, n);
        broken[n] = '\0';
        ck_assert_int_eq(sg_jwt_check(broken, &rules, k, 0, &jwt, &err), SG_PRIVACY);
    }
    sg_jwks_free(k);
}
END_TEST

START_TEST(failures_beyond_the_free_ones_wait_twice_as_long_each_time_and_are_forgiven)
{
    const int64_t s = 1000000000;
    sg_backoff *b;
    sg_err err = {0};
    ck_ok(sg_backoff_new(3, &b, &err), err);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(sg_backoff_failed(b, "192.0.2.1", s), 0);
    ck_assert_int_eq(sg_backoff_failed(b, "192.0.2.1", s), 200);
    ck_assert_int_eq(sg_backoff_failed(b, "192.0.2.1", s), 400);
    for (int i = 0; i < 100; i++)
        (void)sg_backoff_failed(b, "192.0.2.1", s);
    ck_assert_int_eq(sg_backoff_failed(b, "192.0.2.1", s), 8000);
    ck_assert_int_eq(sg_backoff_failed(b, "192.0.2.2", s), 0);
    ck_assert_int_eq(sg_backoff_failed(b, "192.0.2.1", s + 60 * s), 8000);
    ck_assert_int_eq(sg_backoff_failed(b, "192.0.2.1", s + 420 * s), 0);
    for (int i = 0; i < 4; i++)
        (void)sg_backoff_failed(b, "2001:db8:1:2::1", s);
    ck_assert_int_eq(sg_backoff_failed(b, "2001:db8:1:2:ffff::9", s), 400);
    ck_assert_int_eq(sg_backoff_failed(b, "2001:db8:1:3::1", s), 0);
    sg_backoff_free(b);
}
END_TEST

START_TEST(a_flood_of_addresses_does_not_wash_the_worst_away)
{
    char peer[64];
    sg_backoff *b;
    sg_err err = {0};
    ck_ok(sg_backoff_new(3, &b, &err), err);
    for (int i = 0; i < 10; i++)
        (void)sg_backoff_failed(b, "192.0.2.1", 1);
    for (int i = 0; i < 65536; i++) {
        (void)snprintf(peer, sizeof peer, "10.0.%d.%d", i / 256, i % 256);
        (void)sg_backoff_failed(b, peer, 1);
    }
    ck_assert_int_eq(sg_backoff_failed(b, "192.0.2.1", 1), 8000);
    sg_backoff_free(b);
}
END_TEST

UNIT_MAIN("server_tokens", only_keys_that_sign_tokens_are_taken_from_a_set, what_is_no_set_is_refused,
          a_good_signature_over_something_else_is_no_token,
          failures_beyond_the_free_ones_wait_twice_as_long_each_time_and_are_forgiven,
          a_flood_of_addresses_does_not_wash_the_worst_away)
