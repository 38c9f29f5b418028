/* nn_safetensors.c - round trips, and every way a file can lie. */
#include "nn/safetensors.h"
#include "base/file.h"

#include <check.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[64];

static void setup(void)
{
    (void)snprintf(path, sizeof path, "/tmp/sg_safetensors_%ld", (long)getpid());
}

static void teardown(void)
{
    (void)unlink(path);
}

/* A file with this header and so many zero bytes of data. */
static sg_status parse(const char *header, size_t n_data, sg_err *err)
{
    unsigned char file[1024] = {0};
    const size_t n = strlen(header);
    file[0] = (unsigned char)n;
    file[1] = (unsigned char)(n >> 8);
    memcpy(file + 8, header, n);
    sg_safetensors *s = NULL;
    const sg_status st = sg_safetensors_parse("f", file, 8 + n + n_data, &s, err);
    ck_assert((s == NULL) == (st != SG_OK));
    sg_safetensors_free(s);
    return st;
}

START_TEST(what_was_written_is_read_back)
{
    const float f[6] = {1, -2, 3.5f, 0, 1e-30f, 7};
    const double d[1] = {0.1};
    const int64_t i64[2] = {-5, 1LL << 40};
    const int8_t i8[3] = {-1, 0, 2};
    const sg_to_store list[4] = {{"w", SG_DTYPE_F32, 2, {2, 3}, f},
                                 {"d", SG_DTYPE_F64, 1, {1}, d},
                                 {"a \"quoted\" name", SG_DTYPE_I64, 1, {2}, i64},
                                 {"g", SG_DTYPE_I8, 1, {3}, i8}};
    const char *meta[4] = {"kind", "vae", "step", "12"};
    sg_err err = {0};
    ck_assert_msg(sg_safetensors_write(path, 0600, list, 4, meta, 2, &err) == SG_OK, "%s", err.msg);
    sg_safetensors *s = NULL;
    ck_assert_msg(sg_safetensors_open(path, &s, &err) == SG_OK, "%s", err.msg);
    ck_assert_int_eq(sg_safetensors_count(s), 4);
    ck_assert_str_eq(sg_safetensors_meta(s, "step"), "12");
    ck_assert_ptr_null(sg_safetensors_meta(s, "other"));
    ck_assert_ptr_null(sg_safetensors_find(s, "x"));
    float back[6];
    sg_stored_f32(sg_safetensors_find(s, "w"), back);
    ck_assert_mem_eq(back, f, sizeof f);
    double two[3];
    sg_stored_f64(sg_safetensors_find(s, "a \"quoted\" name"), two);
    ck_assert_double_eq(two[1], (double)(1LL << 40));
    sg_stored_f64(sg_safetensors_find(s, "g"), two);
    ck_assert_double_eq(two[0], -1);
    sg_stored_f64(sg_safetensors_find(s, "d"), two);
    ck_assert_double_eq(two[0], 0.1);
    sg_safetensors_free(s);
}
END_TEST

START_TEST(half_precision_is_read)
{
    const uint16_t h[4] = {0x3C00, 0xC000, 0x0001, 0x3555}, b[2] = {0x3F80, 0xC040};
    const sg_to_store list[2] = {{"h", SG_DTYPE_F16, 1, {4}, h}, {"b", SG_DTYPE_BF16, 1, {2}, b}};
    sg_err err = {0};
    ck_assert(sg_safetensors_write(path, 0600, list, 2, NULL, 0, &err) == SG_OK);
    sg_safetensors *s = NULL;
    ck_assert(sg_safetensors_open(path, &s, &err) == SG_OK);
    double x[4];
    sg_stored_f64(sg_safetensors_find(s, "h"), x);
    ck_assert_double_eq(x[0], 1.0);
    ck_assert_double_eq(x[1], -2.0);
    ck_assert_double_eq(x[2], 0x1p-24);
    ck_assert_double_eq_tol(x[3], 1.0 / 3, 1e-4);
    sg_stored_f64(sg_safetensors_find(s, "b"), x);
    ck_assert_double_eq(x[0], 1.0);
    ck_assert_double_eq(x[1], -3.0);
    sg_safetensors_free(s);
}
END_TEST

START_TEST(every_lie_is_found_and_named)
{
    static const struct {
        const char *header;
        size_t n_data;
        const char *message;
    } lie[] = {
        {"[]", 0, "f: the header is not a JSON object (byte 2: another kind of value)"},
        {"{\"a\":1}", 0, "f: header entry a is not an object"},
        {"{\"__metadata__\":3}", 0, "f: __metadata__ is not an object of strings"},
        {"{\"a\":{\"dtype\":\"F99\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
         "f: tensor a has dtype \"F99\", want one of F64 F32 F16 BF16 I64 I32 I16 I8 U8 BOOL"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4,
         "f: size 0 of tensor a is not a possible one"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4,
         "f: the shape of tensor a is not a list of at most 8 sizes"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,4]}}", 4,
         "f: size 1 of tensor a is not a possible one"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,8]}}", 4,
         "f: tensor a lies at bytes 0 to 8 of 4"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4,
         "f: tensor a lies at bytes 4 to 0 of 4"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4,
         "f: data_offsets of tensor a are not two integers"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4,
         "f: tensor a has 4 bytes, its shape asks for another number"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8,
         "f: tensor a begins at byte 4 of the data, want 0"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
         "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
         4, "f: tensor b begins at byte 0 of the data, want 4"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 8, "f: 8 bytes of data, tensors fill 4"},
    };
    for (size_t i = 0; i < sizeof lie / sizeof *lie; i++) {
        sg_err err = {0};
        ck_assert_msg(parse(lie[i].header, lie[i].n_data, &err) == SG_FORMAT, "lie %zu was believed", i);
        if (strncmp(lie[i].message, "f: tensor b begins", 18) != 0) /* either of two that overlap may be named */
            ck_assert_str_eq(err.msg, lie[i].message);
    }
    sg_err err = {0};
    ck_assert_int_eq(parse("{}", 0, &err), SG_OK);
    ck_assert_int_eq(parse("{\"a\":{\"dtype\":\"F32\",\"shape\":[0,3],\"data_offsets\":[0,0]}}", 0, &err), SG_OK);
    ck_assert_int_eq(parse("{\"a\":{},\"a\":{}}", 0, &err), SG_FORMAT);
}
END_TEST

START_TEST(every_truncation_and_every_flipped_byte_is_survived)
{
    const float f[2] = {1, 2};
    const sg_to_store list[1] = {{"w", SG_DTYPE_F32, 1, {2}, f}};
    sg_err err = {0};
    ck_assert(sg_safetensors_write(path, 0600, list, 1, NULL, 0, &err) == SG_OK);
    sg_buf file;
    ck_assert(sg_file_read(path, 4096, &file, &err) == SG_OK);
    sg_safetensors *s = NULL;
    for (size_t n = 0; n < file.n; n++)
        ck_assert_int_eq(sg_safetensors_parse("f", file.data, n, &s, &err), SG_FORMAT);
    for (size_t i = 0; i < file.n - sizeof f; i++)
        for (int flip = 1; flip < 256; flip <<= 1) {
            file.data[i] ^= (unsigned char)flip;
            if (sg_safetensors_parse("f", file.data, file.n, &s, &err) == SG_OK)
                sg_safetensors_free(s);
            file.data[i] ^= (unsigned char)flip;
        }
    sg_buf_clear(&file);
}
END_TEST

START_TEST(a_missing_file_a_missing_tensor_and_a_wrong_shape_are_told_apart)
{
    sg_params p = {0};
    ck_assert_ptr_nonnull(sg_params_add(&p, "w", 2, (int64_t[]){2, 3}));
    ck_assert_ptr_nonnull(sg_params_add(&p, "s", 1, (int64_t[]){1}));
    const float f[6] = {1, 2, 3, 4, 5, 6};
    float w[7];
    sg_to_store list[1] = {{"w", SG_DTYPE_F32, 2, {2, 3}, f}};
    sg_err err = {0};
    sg_safetensors *s = NULL;
    ck_assert_int_eq(sg_safetensors_open("/tmp/no/such/file", &s, &err), SG_NOT_FOUND);
    ck_assert(sg_safetensors_write(path, 0600, list, 1, NULL, 0, &err) == SG_OK);
    ck_assert(sg_safetensors_open(path, &s, &err) == SG_OK);
    ck_assert_int_eq(sg_params_read(&p, s, NULL, w, &err), SG_NOT_FOUND);
    ck_assert_str_eq(err.msg, "the checkpoint has no tensor s");
    ck_assert_int_eq(sg_params_read(&p, s, "s", w, &err), SG_OK);
    ck_assert_float_eq(w[6], 0.0f);
    ck_assert_float_eq(w[5], 6.0f);
    p.list[0].dim[0] = 3;
    ck_assert_int_eq(sg_params_read(&p, s, "s", w, &err), SG_MISMATCH);
    ck_assert_str_eq(err.msg, "tensor w has shape [2,3], want [3,3]");
    sg_safetensors_free(s);
    sg_params_clear(&p);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("nn_safetensors");
    TCase *t = tcase_create("files");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, what_was_written_is_read_back);
    tcase_add_test(t, half_precision_is_read);
    tcase_add_test(t, every_lie_is_found_and_named);
    tcase_add_test(t, every_truncation_and_every_flipped_byte_is_survived);
    tcase_add_test(t, a_missing_file_a_missing_tensor_and_a_wrong_shape_are_told_apart);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
