/* backup.c - `snpgend admin db backup` and `db restore`; see admin.h.
 *
 * A backup folder holds what a service needs to go on elsewhere: snpgen.db, audit.checkpoint (older than the database, so
 * that the log can be held against it), signing.key and signing.pub when the key lies in the data folder, releases/, archive/. It
 * holds no model, no reference panel and no key of those. The running daemon copies its database within its own folder,
 * for its sandbox ends there; this program does the rest. */
#include "admin/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_TEXT = 1400 };
static const char db_name[] = "snpgen.db", copy_name[] = "backup.db";

static sg_status join(const char *dir, const char *name, char out[PATH_TEXT], sg_err *err)
{
    return snprintf(out, PATH_TEXT, "%s/%s", dir, name) < PATH_TEXT
               ? SG_OK
               : sg_fail(err, SG_LIMIT, "%s: too long a path", dir);
}

static sg_status copy_bytes(int from, FILE *to, const char *path, sg_err *err)
{
    static char part[1 << 20];
    for (;;) {
        const ssize_t got = read(from, part, sizeof part);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return sg_fail(err, SG_IO, "%s: cannot read: %s", path, strerror(errno));
        if (got == 0)
            return SG_OK;
        if (fwrite(part, 1, (size_t)got, to) != (size_t)got)
            return sg_fail(err, SG_IO, "a copy of %s cannot be written: %s", path, strerror(errno));
    }
}

/* Whole or not at all. NOT_FOUND when there is nothing to copy. */
static sg_status copy_file(const char *from_dir, const char *to_dir, const char *name, const char *as, sg_err *err)
{
    char from[PATH_TEXT], to[PATH_TEXT];
    sg_out o;
    SG_TRY(join(from_dir, name, from, err));
    SG_TRY(join(to_dir, as, to, err));
    const int fd = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return sg_fail(err, errno == ENOENT ? SG_NOT_FOUND : SG_IO, "%s: %s", from, strerror(errno));
    sg_status st = sg_out_open(to, 0600, &o, err);
    if (!st) {
        st = copy_bytes(fd, o.f, from, err);
        if (st)
            sg_out_abort(&o);
        else
            st = sg_out_commit(&o, err);
    }
    (void)close(fd);
    return st;
}

static sg_status copy_if_there(const char *from_dir, const char *to_dir, const char *name, sg_err *err)
{
    sg_err none;
    const sg_status st = copy_file(from_dir, to_dir, name, name, &none);
    return st == SG_NOT_FOUND ? SG_OK : st ? sg_fail(err, st, "%s", none.msg) : SG_OK;
}

typedef sg_status each_fn(const char *from, const char *to, const char *name, sg_err *err);

/* fn for every entry of a folder; `to` is made. */
static sg_status each_entry(const char *from, const char *to, each_fn *fn, sg_err *err)
{
    DIR *d = opendir(from);
    if (!d)
        return errno == ENOENT ? SG_OK : sg_fail(err, SG_IO, "%s: %s", from, strerror(errno));
    sg_status st = sg_dir_make(to, 0700, err);
    for (struct dirent *x; !st && (x = readdir(d));)
        if (x->d_name[0] != '.')
            st = fn(from, to, x->d_name, err);
    (void)closedir(d);
    return st;
}

static sg_status copy_same_name(const char *from, const char *to, const char *name, sg_err *err)
{
    return copy_if_there(from, to, name, err); /* deleted a moment ago: its row says so, or will */
}

static sg_status copy_release(const char *from, const char *to, const char *name, sg_err *err)
{
    char a[PATH_TEXT], b[PATH_TEXT];
    SG_TRY(join(from, name, a, err));
    SG_TRY(join(to, name, b, err));
    return each_entry(a, b, copy_same_name, err);
}

static sg_status copy_releases(const char *from, const char *to, sg_err *err)
{
    char a[PATH_TEXT], b[PATH_TEXT];
    SG_TRY(join(from, "releases", a, err));
    SG_TRY(join(to, "releases", b, err));
    SG_TRY(each_entry(a, b, copy_release, err));
    SG_TRY(join(from, "archive", a, err)); /* people of releases, for the gate */
    SG_TRY(join(to, "archive", b, err));
    return each_entry(a, b, copy_same_name, err);
}

static bool empty_folder(const char *dir)
{
    DIR *d = opendir(dir);
    int n = 0;
    while (d && readdir(d))
        n++;
    if (d)
        (void)closedir(d);
    return d && n <= 2;
}

sg_status sg_admin_backup(const sg_config *c, sg_admin_ask *ask, const char *to, sg_err *err)
{
    char copy[PATH_TEXT];
    json_t *answer = NULL, *q = json_pack("{s:s}", "command", "db backup");
    sg_status st = *to ? sg_dir_make(to, 0700, err) : sg_fail(err, SG_FORMAT, "where to? --to DIR");
    if (!st && !empty_folder(to))
        st = sg_fail(err, SG_STATE, "%s is not empty: a backup wants a folder of its own", to);
    /* The checkpoint first: the log of the database that follows begins with what it vouches for. */
    if (!st)
        st = copy_if_there(c->data_dir, to, "audit.checkpoint", err);
    if (!st)
        st = ask(c, q, &answer, err);
    json_decref(q);
    const char *wrong = json_string_value(json_object_get(answer, "error"));
    if (!st && wrong)
        st = sg_fail(err, SG_IO, "%s", wrong);
    json_decref(answer);
    if (!st)
        st = copy_file(c->data_dir, to, copy_name, db_name, err);
    if (!join(c->data_dir, copy_name, copy, NULL))
        (void)unlink(copy);
    if (!st && !*c->signing_key)
        st = copy_if_there(c->data_dir, to, "signing.key", err);
    if (!st)
        st = copy_if_there(c->data_dir, to, "signing.pub", err);
    return st ? st : copy_releases(c->data_dir, to, err);
}

sg_status sg_admin_backup_here(const sg_config *c, sg_store *s, sg_err *err)
{
    char copy[PATH_TEXT];
    SG_TRY(join(c->data_dir, copy_name, copy, err));
    (void)unlink(copy); /* left by a crash */
    return sg_store_backup(s, copy, err);
}

/* The copied database, looked over: pages, schema, audit log. */
static sg_status look_over(const sg_config *c, int64_t *entries, sg_err *err)
{
    char key_path[SG_CONFIG_PATH], checkpoint[PATH_TEXT];
    sg_store *s;
    sg_signer *key = NULL;
    SG_TRY(join(c->data_dir, "audit.checkpoint", checkpoint, err));
    SG_TRY(sg_store_open(c->data_dir, &s, err));
    sg_config_signing_key(c, key_path);
    sg_status st = sg_store_check(s, err);
    if (!st)
        st = sg_signer_load(key_path, &key, err);
    if (!st)
        st = sg_audit_verify(s, checkpoint, key, entries, err);
    sg_signer_free(key);
    sg_store_close(s);
    return st;
}

static void take_back(const sg_config *c)
{
    static const char *const name[] = {"snpgen.db",   "snpgen.db-wal", "snpgen.db-shm", "audit.checkpoint",
                                       "signing.key", "signing.pub",   "releases",      "archive"};
    char path[PATH_TEXT];
    for (size_t i = 0; i < sizeof name / sizeof *name; i++)
        if (!join(c->data_dir, name[i], path, NULL) && unlink(path) && sg_dir_remove(path, NULL))
            continue; /* what stays is refused the next time, with its name */
}

sg_status sg_admin_restore(const sg_config *c, const char *from, int64_t *entries, sg_err *err)
{
    int lock;
    char path[PATH_TEXT];
    if (!*from)
        return sg_fail(err, SG_FORMAT, "where from? --from DIR");
    SG_TRY(sg_dir_make(c->data_dir, 0700, err));
    SG_TRY(sg_admin_lock(c->data_dir, &lock, err));
    sg_status st = join(c->data_dir, db_name, path, err);
    if (!st && sg_file_exists(path))
        st = sg_fail(err, SG_STATE, "%s is there: move the old data folder away first", path);
    if (!st) {
        st = copy_file(from, c->data_dir, db_name, db_name, err);
        if (!st)
            st = copy_if_there(from, c->data_dir, "audit.checkpoint", err);
        if (!st && !*c->signing_key)
            st = copy_if_there(from, c->data_dir, "signing.key", err);
        if (!st)
            st = copy_if_there(from, c->data_dir, "signing.pub", err);
        if (!st)
            st = copy_releases(from, c->data_dir, err);
        if (!st)
            st = look_over(c, entries, err);
        if (st)
            take_back(c);
    }
    (void)close(lock);
    return st;
}
