/* backup.c - copying the database while it is used, and looking every page of it over. */
#include "store/internal.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { PAGES = 256 }; /* copied under one hold of the lock: a few milliseconds */

static sg_status copy(sg_store *s, sqlite3 *to, sg_err *err)
{
    sg_store_lock(s);
    sqlite3_backup *b = sqlite3_backup_init(to, "main", s->db, "main");
    sg_store_unlock(s);
    if (!b)
        return sg_fail(err, SG_IO, "database: a copy cannot be begun: %s", sqlite3_errmsg(to));
    int got = SQLITE_OK;
    while (got == SQLITE_OK || got == SQLITE_BUSY || got == SQLITE_LOCKED) {
        sg_store_lock(s); /* writes between two steps go to the copy as well: they come over the same connection */
        got = sqlite3_backup_step(b, PAGES);
        sg_store_unlock(s);
        (void)usleep(got == SQLITE_OK ? 100 : 10000);
    }
    sg_store_lock(s);
    (void)sqlite3_backup_finish(b);
    sg_store_unlock(s);
    return got == SQLITE_DONE ? SG_OK : sg_fail(err, SG_IO, "database: its copy fails: %s", sqlite3_errstr(got));
}

sg_status sg_store_backup(sg_store *s, const char *path, sg_err *err)
{
    sqlite3 *to = NULL;
    const int made = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (made < 0)
        return sg_fail(err, SG_IO, "%s: cannot be made", path);
    sg_status st = sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK
                       ? copy(s, to, err)
                       : sg_fail(err, SG_IO, "%s: %s", path, sqlite3_errmsg(to));
    if (sqlite3_close(to) != SQLITE_OK && !st)
        st = sg_fail(err, SG_IO, "%s: cannot be closed", path);
    if (!st && fsync(made))
        st = sg_fail(err, SG_IO, "%s: cannot be synced", path);
    (void)close(made);
    if (st)
        (void)unlink(path);
    return st;
}

static const char check_sql[] = "PRAGMA integrity_check(1)";

sg_status sg_store_check(sg_store *s, sg_err *err)
{
    char words[200] = "";
    bool row = false;
    sg_store_lock(s);
    sqlite3_stmt *q = sg_store_query(s, check_sql, err, "");
    sg_status st = q ? sg_store_step(s, q, "look itself over", &row, err) : SG_INTERNAL;
    if (!st && row) {
        sg_store_text(q, 0, words, sizeof words);
        (void)sqlite3_reset(q);
    }
    sg_store_unlock(s);
    return st || !strcmp(words, "ok") ? st : sg_fail(err, SG_MISMATCH, "database: damaged: %s", words);
}
