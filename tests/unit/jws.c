/* The RFCs' own examples of RS256, ES256 and EdDSA verify; one bit anywhere and they do not; unsound keys are refused. */
#include "crypto/jws.h"
#include "unit.h"

#include <string.h>

#define PAYLOAD "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"

/* RFC 7515 A.2 and A.3, RFC 8037 A.2 and A.4 */
static const char rsa_n[] =
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-"
    "pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg6"
    "65xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_"
    "h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuX"
    "poQ";
static const char rsa_signed[] = "eyJhbGciOiJSUzI1NiJ9." PAYLOAD;
static const char rsa_signature[] =
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1d"
    "nZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--"
    "xi12jzDwus"
    "C-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
static const char ec_x[] = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
static const char ec_y[] = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";
static const char ec_signed[] = "eyJhbGciOiJFUzI1NiJ9." PAYLOAD;
static const char ec_signature[] =
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
static const char ed_x[] = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
static const char ed_signed[] = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
static const char ed_signature[] =
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

static sg_buf bytes(const char *text)
{
    sg_buf b;
    sg_err err = {0};
    sg_buf_init(&b, 4096);
    ck_ok(sg_unbase64url(text, strlen(text), &b, &err), err);
    return b;
}

static sg_jws_key *rsa_key(void)
{
    static const uint8_t e[] = {1, 0, 1};
    sg_jws_key *k;
    sg_err err = {0};
    sg_buf n = bytes(rsa_n);
    ck_ok(sg_jws_rsa(n.data, n.n, e, 3, &k, &err), err);
    sg_buf_clear(&n);
    return k;
}

static sg_jws_key *ec_key(void)
{
    sg_jws_key *k;
    sg_err err = {0};
    sg_buf x = bytes(ec_x), y = bytes(ec_y);
    ck_ok(sg_jws_p256(x.data, y.data, &k, &err), err);
    sg_buf_clear(&x);
    sg_buf_clear(&y);
    return k;
}

static sg_jws_key *ed_key(void)
{
    sg_jws_key *k;
    sg_err err = {0};
    sg_buf x = bytes(ed_x);
    ck_ok(sg_jws_ed25519(x.data, &k, &err), err);
    sg_buf_clear(&x);
    return k;
}

static void holds_and_breaks(sg_jws_key *k, sg_jws_alg alg, const char *text, const char *signature)
{
    sg_buf s = bytes(signature);
    char *altered = strdup(text);
    const size_t n = strlen(text);
    ck_assert_int_eq(sg_jws_alg_of(k), alg);
    ck_assert(sg_jws_verify(k, text, n, s.data, s.n));
    for (size_t i = 0; i < s.n; i++) {
        s.data[i] ^= 1;
        ck_assert_msg(!sg_jws_verify(k, text, n, s.data, s.n), "byte %zu of the signature", i);
        s.data[i] ^= 1;
    }
    for (size_t i = 0; i < n; i++) {
        altered[i] ^= 1;
        ck_assert_msg(!sg_jws_verify(k, altered, n, s.data, s.n), "byte %zu of the text", i);
        altered[i] ^= 1;
    }
    for (size_t i = 0; i < s.n; i++)
        ck_assert(!sg_jws_verify(k, text, n, s.data, i));
    ck_assert(!sg_jws_verify(k, text, n - 1, s.data, s.n));
    free(altered);
    sg_buf_clear(&s);
    sg_jws_key_free(k);
}

START_TEST(rs256_of_rfc_7515)
{
    holds_and_breaks(rsa_key(), SG_JWS_RS256, rsa_signed, rsa_signature);
}
END_TEST

START_TEST(es256_of_rfc_7515)
{
    holds_and_breaks(ec_key(), SG_JWS_ES256, ec_signed, ec_signature);
}
END_TEST

START_TEST(eddsa_of_rfc_8037)
{
    holds_and_breaks(ed_key(), SG_JWS_EDDSA, ed_signed, ed_signature);
}
END_TEST

START_TEST(a_signature_of_zeros_signs_nothing)
{
    const uint8_t zero[256] = {0};
    sg_jws_key *k[] = {rsa_key(), ec_key(), ed_key()};
    for (int i = 0; i < 3; i++) {
        ck_assert(!sg_jws_verify(k[i], "x", 1, zero, 64));
        ck_assert(!sg_jws_verify(k[i], "x", 1, zero, 256));
        ck_assert(!sg_jws_verify(k[i], "x", 1, zero, 0));
        sg_jws_key_free(k[i]);
    }
}
END_TEST

START_TEST(unsound_keys_are_refused)
{
    sg_err err = {0};
    sg_jws_key *k;
    sg_buf n = bytes(rsa_n), x = bytes(ec_x), y = bytes(ec_y);
    const uint8_t three[] = {3}, one[] = {1}, even[] = {1, 0, 0}, zero[32] = {0};
    ck_assert_int_eq(sg_jws_rsa(n.data, n.n - 1, three, 1, &k, &err), SG_FORMAT);
    ck_assert_str_eq(err.msg, "an RSA modulus of 255 bytes, want 2048 to 8192 bits");
    ck_assert_int_eq(sg_jws_rsa(n.data, n.n, one, 1, &k, &err), SG_FORMAT);
    ck_assert_int_eq(sg_jws_rsa(n.data, n.n, even, 3, &k, &err), SG_FORMAT);
    ck_assert_int_eq(sg_jws_rsa(n.data, n.n, zero, 4, &k, &err), SG_FORMAT);
    ck_ok(sg_jws_rsa(n.data, n.n, three, 1, &k, &err), err);
    sg_jws_key_free(k);
    y.data[31] ^= 1; /* beside the curve */
    ck_assert_int_eq(sg_jws_p256(x.data, y.data, &k, &err), SG_FORMAT);
    ck_assert_ptr_null(k);
    ck_assert_int_eq(sg_jws_p256(zero, zero, &k, &err), SG_FORMAT);
    sg_buf_clear(&n);
    sg_buf_clear(&x);
    sg_buf_clear(&y);
}
END_TEST

START_TEST(base64url_is_read_whole_or_refused)
{
    static const char *const bad[] = {"A", "AAAAA", "AA==", "A A", "A+/A", "AB", "AAB", "AA\n"};
    sg_buf b = bytes("-_8");
    sg_err err = {0};
    ck_assert_uint_eq(b.n, 2);
    ck_assert_uint_eq(b.data[0] << 8 | b.data[1], 0xfbff);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(sg_unbase64url(bad[i], strlen(bad[i]), &b, &err) == SG_FORMAT, "%s", bad[i]);
    sg_buf_clear(&b);
    ck_ok(sg_unbase64url("", 0, &b, &err), err);
}
END_TEST

UNIT_MAIN("jws", rs256_of_rfc_7515, es256_of_rfc_7515, eddsa_of_rfc_8037, a_signature_of_zeros_signs_nothing,
          unsound_keys_are_refused, base64url_is_read_whole_or_refused)
