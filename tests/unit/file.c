/* Files that are whole or not there, and buffers with a bound. */
#include "unit.h"

#include <dirent.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

static int entries(const char *dir)
{
    DIR *d = opendir(dir);
    ck_assert_ptr_nonnull(d);
    int n = 0;
    for (struct dirent *x; (x = readdir(d));)
        n += strcmp(x->d_name, ".") != 0 && strcmp(x->d_name, "..") != 0;
    closedir(d);
    return n;
}

START_TEST(what_was_written_is_read_back_with_its_mode)
{
    char dir[UNIT_PATH], path[UNIT_PATH];
    unit_dir(dir);
    unit_path(path, dir, "x");
    sg_err err = {0};
    sg_buf b;
    ck_ok(sg_file_write(path, 0640, "a\0b", 3, &err), err);
    ck_ok(sg_file_read(path, 3, &b, &err), err);
    ck_assert_uint_eq(b.n, 3);
    ck_assert_mem_eq(b.data, "a\0b", 4); /* with the terminator */
    sg_buf_clear(&b);
    struct stat s;
    ck_assert_int_eq(stat(path, &s), 0);
    ck_assert_uint_eq(s.st_mode & 07777, 0640);
    ck_ok(sg_file_write(path, 0600, "", 0, &err), err); /* replaces */
    ck_ok(sg_file_read(path, 0, &b, &err), err);
    ck_assert_uint_eq(b.n, 0);
    sg_buf_clear(&b);
    ck_assert_int_eq(entries(dir), 1);
    unit_dir_remove(dir);
    ck_assert(!sg_file_exists(dir));
}
END_TEST

START_TEST(reading_names_what_is_wrong)
{
    char dir[UNIT_PATH], path[UNIT_PATH], want[UNIT_PATH + 64];
    unit_dir(dir);
    unit_path(path, dir, "x");
    sg_err err = {0};
    sg_buf b;
    ck_assert_int_eq(sg_file_read(path, 10, &b, &err), SG_NOT_FOUND);
    (void)snprintf(want, sizeof want, "%s: no such file", path);
    ck_assert_str_eq(err.msg, want);
    ck_ok(sg_file_write(path, 0600, "12345678901", 11, &err), err);
    ck_assert_int_eq(sg_file_read(path, 10, &b, &err), SG_LIMIT);
    (void)snprintf(want, sizeof want, "%s: 11 bytes, at most 10 are read", path);
    ck_assert_str_eq(err.msg, want);
    ck_assert_ptr_null(b.data);
    ck_assert_int_eq(sg_file_read(dir, 10, &b, &err), SG_IO);
    ck_assert_ptr_nonnull(strstr(err.msg, "not a regular file"));
    unit_path(path, dir, "fifo");
    ck_assert_int_eq(mkfifo(path, 0600), 0); /* nobody will ever write to it: reading must not wait */
    ck_assert_int_eq(sg_file_read(path, 10, &b, &err), SG_IO);
    unit_dir_remove(dir);
}
END_TEST

START_TEST(an_aborted_file_leaves_nothing_and_the_old_one_stays)
{
    char dir[UNIT_PATH], path[UNIT_PATH];
    unit_dir(dir);
    unit_path(path, dir, "x");
    sg_err err = {0};
    ck_ok(sg_file_write(path, 0600, "old", 3, &err), err);
    sg_out o;
    ck_ok(sg_out_open(path, 0600, &o, &err), err);
    ck_assert_int_eq(entries(dir), 2);
    (void)fputs("new", o.f);
    sg_out_abort(&o);
    sg_out_abort(&o);
    ck_assert_int_eq(entries(dir), 1);
    sg_buf b;
    ck_ok(sg_file_read(path, 100, &b, &err), err);
    ck_assert_str_eq((const char *)b.data, "old");
    sg_buf_clear(&b);
    unit_path(path, dir, "no/such/folder");
    ck_assert_int_eq(sg_out_open(path, 0600, &o, &err), SG_IO);
    ck_assert_ptr_nonnull(strstr(err.msg, "cannot write"));
    sg_out_abort(&o);
    unit_dir_remove(dir);
}
END_TEST

/* RLIMIT_FSIZE stands in for a full disk: write(2) fails in the middle of the file. */
START_TEST(a_full_disk_is_an_error_and_leaves_nothing_behind)
{
    char dir[UNIT_PATH], path[UNIT_PATH];
    unit_dir(dir);
    unit_path(path, dir, "big");
    struct rlimit old;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
    const struct rlimit small = {8192, old.rlim_max};
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    static char block[100000];
    sg_err err = {0};
    const sg_status whole = sg_file_write(path, 0600, block, sizeof block, &err);
    sg_out o;
    const sg_status opened = sg_out_open(path, 0600, &o, &err);
    for (int i = 0; !opened && i < 100; i++)
        (void)fwrite(block, 1, 1000, o.f); /* results are collected by commit */
    const sg_status committed = opened ? opened : sg_out_commit(&o, &err);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, handler);
    ck_assert_int_eq(whole, SG_IO);
    ck_assert_int_eq(opened, SG_OK);
    ck_assert_int_eq(committed, SG_IO);
    ck_assert_ptr_nonnull(strstr(err.msg, "cannot write"));
    ck_assert_int_eq(entries(dir), 0);
    unit_dir_remove(dir);
}
END_TEST

START_TEST(buffers_grow_to_their_maximum_and_no_further)
{
    sg_buf b;
    sg_err err = {0};
    sg_buf_init(&b, 1000);
    for (int i = 0; i < 100; i++)
        ck_ok(sg_buf_printf(&b, &err, "%05d-%03d,", i, i), err);
    ck_assert_uint_eq(b.n, 1000);
    ck_assert_uint_eq(b.data[1000], 0);
    ck_assert_int_eq(sg_buf_add(&b, "x", 1, &err), SG_LIMIT);
    ck_assert_str_eq(err.msg, "more than 1000 bytes");
    ck_assert_int_eq(sg_buf_printf(&b, &err, "x"), SG_LIMIT);
    ck_assert_uint_eq(b.n, 1000);
    ck_ok(sg_buf_add(&b, NULL, 0, &err), err);
    sg_buf_clear(&b);
    sg_buf_clear(&b);
    ck_ok(sg_buf_add(&b, "again", 5, &err), err);
    ck_assert_str_eq((const char *)b.data, "again");
    sg_buf_clear(&b);
}
END_TEST

START_TEST(folders_are_made_once_and_removed_without_following_links)
{
    char dir[UNIT_PATH], sub[UNIT_PATH], path[UNIT_PATH], link[UNIT_PATH];
    unit_dir(dir);
    sg_err err = {0};
    unit_path(sub, dir, "sub");
    ck_ok(sg_dir_make(sub, 0700, &err), err);
    ck_ok(sg_dir_make(sub, 0700, &err), err);
    unit_path(path, dir, "outside");
    ck_ok(sg_file_write(path, 0600, "keep", 4, &err), err);
    ck_assert_int_eq(sg_dir_make(path, 0700, &err), SG_IO);
    unit_path(link, sub, "link");
    ck_assert_int_eq(symlink(dir, link), 0);
    unit_path(link, sub, "deeper");
    ck_ok(sg_dir_make(link, 0700, &err), err);
    ck_ok(sg_dir_remove(sub, &err), err);
    ck_assert(!sg_file_exists(sub));
    ck_assert(sg_file_exists(path));
    ck_ok(sg_dir_remove(sub, &err), err);
    unit_dir_remove(dir);
}
END_TEST

UNIT_MAIN("file", what_was_written_is_read_back_with_its_mode, reading_names_what_is_wrong,
          an_aborted_file_leaves_nothing_and_the_old_one_stays, a_full_disk_is_an_error_and_leaves_nothing_behind,
          buffers_grow_to_their_maximum_and_no_further, folders_are_made_once_and_removed_without_following_links)
