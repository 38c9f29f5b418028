/* NumPy arrays and .snpz files: what goes out comes back, what is damaged is refused. */
#include "files.h"
#include "formats/npy.h"
#include "formats/snpz.h"

#include <sys/stat.h>

START_TEST(arrays_come_back_with_their_shape)
{
    static const int64_t shape[][4] = {{0}, {5}, {2, 3}, {2, 1, 3}, {2, 1, 3, 2}};
    char dir[UNIT_PATH], path[UNIT_PATH];
    sg_arena a = unit_arena(1 << 20);
    sg_err err = {0};
    float x[12];
    for (int i = 0; i < 12; i++)
        x[i] = (float)i * 0.5F - 1;
    unit_dir(dir);
    unit_path(path, dir, "x.npy");
    for (int d = 0; d <= 4; d++) {
        int n_dim;
        int64_t dim[4], items = 1;
        void *back;
        ck_ok(sg_npy_save(path, SG_NPY_F4, d, shape[d], x, &err), err);
        ck_ok(sg_npy_load(path, SG_NPY_F4, &a, &n_dim, dim, &back, &err), err);
        ck_assert_int_eq(n_dim, d);
        for (int i = 0; i < 4; i++) {
            ck_assert_int_eq(dim[i], i < d ? shape[d][i] : 1);
            items *= dim[i];
        }
        ck_assert_mem_eq(back, x, (size_t)items * sizeof *x);
        struct stat s;
        ck_assert_int_eq(stat(path, &s), 0);
        ck_assert_int_eq((s.st_size - items * 4) % 64, 0); /* as NumPy aligns */
    }
    int n_dim;
    int64_t dim[4];
    void *back;
    ck_assert_int_eq(sg_npy_load(path, SG_NPY_I1, &a, &n_dim, dim, &back, &err), SG_MISMATCH);
    ck_assert_ptr_nonnull(strstr(err.msg, "x.npy: .npy holds type \"<f4\", want \"|i1\" (int8)"));
    sg_arena_clear(&a);
    unit_dir_remove(dir);
}
END_TEST

static sg_status decode(const char *header, size_t data, sg_npy_type type, sg_err *err)
{
    char b[512] = "\x93NUMPY\x01";
    int n_dim;
    int64_t dim[4];
    void *x;
    sg_arena a = unit_arena(1 << 20);
    b[8] = (char)strlen(header);
    memcpy(b + 10, header, strlen(header));
    const sg_status st = sg_npy_decode(b, 10 + strlen(header) + data, type, &a, &n_dim, dim, &x, err);
    sg_arena_clear(&a);
    return st;
}

START_TEST(what_numpy_would_not_write_is_refused)
{
    sg_err err = {0};
    ck_ok(decode("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n", 8, SG_NPY_F4, &err), err);
    ck_ok(decode("{\"shape\": (2, 3), 'descr': '|i1', 'fortran_order': False}", 6, SG_NPY_I1, &err), err);
    ck_assert_int_eq(decode("{'descr': '<f4', 'fortran_order': True, 'shape': (2,), }", 8, SG_NPY_F4, &err), SG_FORMAT);
    ck_assert_str_eq(err.msg, ".npy is in Fortran order, want C order (numpy.ascontiguousarray before saving)");
    ck_assert_int_eq(decode("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 7, SG_NPY_F4, &err),
                     SG_MISMATCH);
    ck_assert_str_eq(err.msg, ".npy has 7 data bytes, its shape asks for 2 items of 4");
    ck_assert_int_eq(decode("{'descr': '<f4', 'shape': (2,), }", 8, SG_NPY_F4, &err), SG_FORMAT);
    ck_assert_int_eq(decode("{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1)}", 4, SG_NPY_F4, &err),
                     SG_FORMAT);
    ck_assert_int_eq(
        decode("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4)}", 0, SG_NPY_F4, &err),
        SG_LIMIT);
    ck_assert_int_eq(
        decode("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904,)}", 0, SG_NPY_F4, &err),
        SG_MISMATCH);
}
END_TEST

START_TEST(people_come_back_and_a_changed_byte_is_noticed)
{
    char dir[UNIT_PATH], path[UNIT_PATH];
    sg_arena a = unit_arena(1 << 20);
    sg_err err = {0};
    sg_people p, back;
    sg_digest d, e;
    struct stat s;
    unit_dir(dir);
    unit_path(path, dir, "x.snpz");
    ck_ok(sg_people_new(3, 70, &a, &p, &err), err);
    for (int i = 0; i < 3; i++) {
        int8_t code[70];
        for (int v = 0; v < 70; v++)
            code[v] = (int8_t)((v * 5 + i) % 4);
        sg_people_pack(&p, i, code);
    }
    ck_ok(sg_snpz_save(path, &p, &d, &err), err);
    ck_assert_int_eq(stat(path, &s), 0);
    ck_assert_uint_eq(s.st_mode & 0777, 0600);
    ck_ok(sg_snpz_load(path, &a, &back, &e, &err), err);
    ck_assert(sg_digest_equal(&d, &e));
    ck_assert_mem_eq(back.plane, p.plane, 3 * 2 * 2 * 8);
    size_t n;
    char *b = get_file(path, &n);
    ck_assert_uint_eq(n, SG_SNPZ_HEAD + 96);
    for (size_t i = 0; i < n; i++) {
        b[i] ^= 1;
        ck_assert_int_ne(sg_snpz_decode(b, n, &a, &back, NULL, &err), SG_OK);
        ck_assert_int_eq(back.n_sample, 0);
        b[i] ^= 1;
    }
    ck_assert_int_eq(sg_snpz_decode(b, n - 1, &a, &back, NULL, &err), SG_MISMATCH);
    ck_assert_str_eq(err.msg, ".snpz has 95 data bytes, its head asks for 3 people with 70 variants");
    b[70] ^= 1;
    ck_assert_int_eq(sg_snpz_decode(b, n, &a, &back, NULL, &err), SG_MISMATCH);
    ck_assert_str_eq(err.msg, ".snpz is damaged: its SHA-256 is not the one in its head");
    free(b);
    sg_arena_clear(&a);
    unit_dir_remove(dir);
}
END_TEST

START_TEST(bits_past_the_last_variant_are_refused)
{
    char dir[UNIT_PATH], path[UNIT_PATH];
    sg_arena a = unit_arena(1 << 20);
    sg_err err = {0};
    sg_people p;
    unit_dir(dir);
    unit_path(path, dir, "x.snpz");
    ck_ok(sg_people_new(1, 3, &a, &p, &err), err);
    p.plane[1] = 8;
    ck_ok(sg_snpz_save(path, &p, NULL, &err), err);
    ck_assert_int_eq(sg_snpz_load(path, &a, &p, NULL, &err), SG_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.msg, "x.snpz: .snpz has bits set past its last variant"));
    sg_arena_clear(&a);
    unit_dir_remove(dir);
}
END_TEST

UNIT_MAIN("npy", arrays_come_back_with_their_shape, what_numpy_would_not_write_is_refused,
          people_come_back_and_a_changed_byte_is_noticed, bits_past_the_last_variant_are_refused)
