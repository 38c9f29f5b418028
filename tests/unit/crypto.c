/* Cryptography against published answers, and refusals. */
#include "crypto/crypto.h"
#include "unit.h"

#include <string.h>

static const char *hex_of(const void *b, size_t n)
{
    static char text[512];
    ck_assert_uint_lt(2 * n, sizeof text);
    sg_hex(b, n, text);
    return text;
}

START_TEST(sha256_of_the_standard_examples)
{
    sg_digest d = sg_sha256_of("abc", 3);
    ck_assert_str_eq(hex_of(d.b, 32), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    d = sg_sha256_of("", 0);
    ck_assert_str_eq(hex_of(d.b, 32), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    sg_sha256 *h;
    sg_err err = {0};
    ck_ok(sg_sha256_new(&h, &err), err);
    sg_sha256_add(h, "a", 1);
    sg_sha256_add(h, "bc", 2);
    const sg_digest abc = sg_sha256_of("abc", 3);
    d = sg_sha256_end(h);
    ck_assert(sg_digest_equal(&d, &abc));
    sg_sha256_free(h);
    sg_sha256_free(NULL);
    d.b[31] ^= 1;
    ck_assert(!sg_digest_equal(&d, &abc));
}
END_TEST

START_TEST(files_are_hashed_whole_and_absent_ones_are_named)
{
    char dir[UNIT_PATH], path[UNIT_PATH];
    unit_dir(dir);
    unit_path(path, dir, "f");
    sg_err err = {0};
    const size_t n = 200000; /* several blocks */
    char *data = malloc(n);
    ck_assert_ptr_nonnull(data);
    for (size_t i = 0; i < n; i++)
        data[i] = (char)(i * 7);
    ck_ok(sg_file_write(path, 0600, data, n, &err), err);
    sg_digest d;
    ck_ok(sg_sha256_file(path, &d, &err), err);
    const sg_digest want = sg_sha256_of(data, n);
    ck_assert(sg_digest_equal(&d, &want));
    free(data);
    unit_path(path, dir, "none");
    ck_assert_int_eq(sg_sha256_file(path, &d, &err), SG_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(err.msg, "/none: "));
    ck_assert_int_eq(sg_sha256_file(dir, &d, &err), SG_IO);
    unit_dir_remove(dir);
}
END_TEST

START_TEST(hmac_of_rfc_4231_case_2)
{
    const sg_digest d = sg_hmac_sha256((const uint8_t *)"Jefe", 4, "what do ya want for nothing?", 28);
    ck_assert_str_eq(hex_of(d.b, 32), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}
END_TEST

/* Test case 16 of the GCM specification (McGrew and Viega). */
START_TEST(gcm_of_the_specifications_case_16)
{
    uint8_t key[32], nonce[12], aad[20], text[60], out[60], tag[16];
    sg_err err = {0};
    ck_ok(sg_unhex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", 32, key, &err), err);
    ck_ok(sg_unhex("cafebabefacedbaddecaf888", 12, nonce, &err), err);
    ck_ok(sg_unhex("feedfacedeadbeeffeedfacedeadbeefabaddad2", 20, aad, &err), err);
    ck_ok(sg_unhex(
              "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5"
              "aa0de657ba637b39",
              60, text, &err),
          err);
    ck_ok(sg_aead_seal(key, nonce, aad, 20, text, 60, out, tag, &err), err);
    ck_assert_str_eq(hex_of(out, 60), "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3d"
                                      "a7b08b1056828838c5f61e6393ba7a0abcc9f662");
    ck_assert_str_eq(hex_of(tag, 16), "76fc6ece0f4e1768cddf8853bb2d551b");
    uint8_t back[60];
    ck_ok(sg_aead_open(key, nonce, aad, 20, out, 60, tag, back, &err), err);
    ck_assert_mem_eq(back, text, 60);
    ck_ok(sg_aead_open(key, nonce, aad, 20, out, 60, tag, out, &err), err); /* in place */
    ck_assert_mem_eq(out, text, 60);
}
END_TEST

START_TEST(every_altered_part_is_refused_and_nothing_is_revealed)
{
    uint8_t key[32] = {1}, nonce[12] = {2}, aad[4] = {3}, text[40], sealed[40], tag[16], out[40];
    static const uint8_t zero[40];
    memset(text, 9, sizeof text);
    sg_err err = {0};
    ck_ok(sg_aead_seal(key, nonce, aad, 4, text, 40, sealed, tag, &err), err);
    uint8_t *const part[] = {key, nonce, aad, sealed, tag};
    const size_t size[] = {32, 12, 4, 40, 16};
    for (int p = 0; p < 5; p++)
        for (size_t i = 0; i < size[p]; i++) {
            part[p][i] ^= 4;
            memset(out, 0x77, sizeof out);
            ck_assert_int_eq(sg_aead_open(key, nonce, aad, 4, sealed, 40, tag, out, &err), SG_PRIVACY);
            ck_assert_mem_eq(out, zero, 40);
            part[p][i] ^= 4;
        }
    ck_assert_str_eq(err.msg, "cannot be opened: the key does not fit or the bytes were altered");
    ck_assert_int_eq(sg_aead_open(key, nonce, aad, 4, sealed, 39, tag, out, &err), SG_PRIVACY);
    ck_ok(sg_aead_open(key, nonce, aad, 4, sealed, 40, tag, out, &err), err);
}
END_TEST

START_TEST(an_empty_secret_still_has_a_tag)
{
    uint8_t key[32] = {0}, nonce[12] = {0}, tag[16];
    sg_err err = {0};
    ck_ok(sg_aead_seal(key, nonce, NULL, 0, NULL, 0, NULL, tag, &err), err);
    ck_assert_str_eq(hex_of(tag, 16), "530f8afbc74536b9a963b4f1c4cb738b");
    ck_ok(sg_aead_open(key, nonce, NULL, 0, NULL, 0, tag, NULL, &err), err);
    tag[0] ^= 1;
    ck_assert_int_eq(sg_aead_open(key, nonce, NULL, 0, NULL, 0, tag, NULL, &err), SG_PRIVACY);
}
END_TEST

START_TEST(hexadecimal_is_read_whole_or_refused)
{
    uint8_t b[2];
    sg_err err = {0};
    ck_ok(sg_unhex("0aFf", 2, b, &err), err);
    ck_assert_uint_eq(b[0] << 8 | b[1], 0x0aff);
    ck_assert_int_eq(sg_unhex("0aF", 2, b, &err), SG_FORMAT);
    ck_assert_str_eq(err.msg, "want 4 hexadecimal digits");
    ck_assert_int_eq(sg_unhex("0aFf0", 2, b, &err), SG_FORMAT);
    ck_assert_str_eq(err.msg, "more than 4 hexadecimal digits");
    ck_assert_int_eq(sg_unhex("0a f", 2, b, &err), SG_FORMAT);
    ck_assert_int_eq(sg_unhex("", 2, b, &err), SG_FORMAT);
}
END_TEST

START_TEST(random_bytes_differ_from_call_to_call)
{
    uint8_t a[32], b[32];
    sg_err err = {0};
    ck_ok(sg_random(a, 32, &err), err);
    ck_ok(sg_random(b, 32, &err), err);
    ck_assert(!sg_const_equal(a, b, 32));
}
END_TEST

UNIT_MAIN("crypto", sha256_of_the_standard_examples, files_are_hashed_whole_and_absent_ones_are_named,
          hmac_of_rfc_4231_case_2, gcm_of_the_specifications_case_16,
          every_altered_part_is_refused_and_nothing_is_revealed, an_empty_secret_still_has_a_tag,
          hexadecimal_is_read_whole_or_refused, random_bytes_differ_from_call_to_call)
