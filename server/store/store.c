/* store.c - the connection, its transactions and its migrations; see store.h. */
#include "store/internal.h"
#include "log/embed.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void sg_store_lock(sg_store *s)
{
    (void)pthread_mutex_lock(&s->lock);
}

void sg_store_unlock(sg_store *s)
{
    (void)pthread_mutex_unlock(&s->lock);
}

sg_status sg_store_fail(sg_store *s, const char *what, sg_err *err)
{
    const int code = sqlite3_errcode(s->db) & 0xff;
    const bool disk = code == SQLITE_IOERR || code == SQLITE_FULL || code == SQLITE_CANTOPEN || code == SQLITE_BUSY ||
                      code == SQLITE_READONLY || code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
    return sg_fail(err, disk ? SG_IO : SG_INTERNAL, "database: cannot %s: %s", what, sqlite3_errmsg(s->db));
}

static sqlite3_stmt *statement(sg_store *s, const char *sql, sg_err *err)
{
    for (int i = 0; i < s->n_statement; i++)
        if (s->statement[i].sql == sql) {
            (void)sqlite3_reset(s->statement[i].stmt);
            (void)sqlite3_clear_bindings(s->statement[i].stmt);
            return s->statement[i].stmt;
        }
    assert(s->n_statement < SG_STATEMENTS);
    sqlite3_stmt *q = NULL;
    if (sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &q, NULL) != SQLITE_OK) {
        (void)sg_store_fail(s, "prepare a statement", err);
        return NULL;
    }
    s->statement[s->n_statement].sql = sql;
    s->statement[s->n_statement++].stmt = q;
    return q;
}

static void bind_all(sqlite3_stmt *q, const char *kinds, va_list ap)
{
    for (int i = 0; kinds[i]; i++) {
        if (kinds[i] == 't')
            (void)sqlite3_bind_text(q, i + 1, va_arg(ap, const char *), -1, SQLITE_STATIC);
        else if (kinds[i] == 'i')
            (void)sqlite3_bind_int64(q, i + 1, va_arg(ap, int64_t));
        else
            (void)sqlite3_bind_blob(q, i + 1, va_arg(ap, const sg_digest *)->b, SG_DIGEST_BYTES, SQLITE_STATIC);
    }
}

sqlite3_stmt *sg_store_query(sg_store *s, const char *sql, sg_err *err, const char *kinds, ...)
{
    sqlite3_stmt *q = statement(s, sql, err);
    va_list ap;
    va_start(ap, kinds);
    if (q)
        bind_all(q, kinds, ap);
    va_end(ap);
    return q;
}

sg_status sg_store_exec(sg_store *s, const char *sql, const char *what, sg_err *err, const char *kinds, ...)
{
    sg_store_lock(s);
    sqlite3_stmt *q = statement(s, sql, err);
    va_list ap;
    va_start(ap, kinds);
    sg_status st = SG_INTERNAL;
    if (q) {
        bool row;
        bind_all(q, kinds, ap);
        st = sg_store_step(s, q, what, &row, err);
        (void)sqlite3_reset(q);
        (void)sqlite3_clear_bindings(q);
    }
    va_end(ap);
    sg_store_unlock(s);
    return st;
}

sg_status sg_store_step(sg_store *s, sqlite3_stmt *q, const char *what, bool *row, sg_err *err)
{
    const int got = sqlite3_step(q);
    *row = got == SQLITE_ROW;
    if (got == SQLITE_ROW)
        return SG_OK;
    const sg_status st = got == SQLITE_DONE ? SG_OK : sg_store_fail(s, what, err);
    (void)sqlite3_reset(q);
    return st;
}

sg_status sg_store_number(sg_store *s, sqlite3_stmt *q, const char *what, int64_t *n, sg_err *err)
{
    bool row;
    const sg_status st = sg_store_step(s, q, what, &row, err);
    *n = row ? sqlite3_column_int64(q, 0) : 0;
    (void)sqlite3_reset(q);
    return st;
}

void sg_store_text(sqlite3_stmt *q, int column, char *out, size_t n)
{
    const char *text = (const char *)sqlite3_column_text(q, column);
    (void)snprintf(out, n, "%s", text ? text : "");
}

static sg_status run_text(sg_store *s, const char *sql, const char *what, sg_err *err)
{
    return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? SG_OK : sg_store_fail(s, what, err);
}

static sg_status get_number(sg_store *s, const char *sql, int64_t *n, sg_err *err)
{
    sqlite3_stmt *q = NULL;
    if (sqlite3_prepare_v2(s->db, sql, -1, &q, NULL) != SQLITE_OK)
        return sg_store_fail(s, "prepare a statement", err);
    const sg_status st = sg_store_number(s, q, "read its settings", n, err);
    (void)sqlite3_finalize(q);
    return st;
}

/* ---- transactions ---- */

sg_status sg_store_begin(sg_store *s, sg_err *err)
{
    sg_store_lock(s);
    if (s->depth++ > 0)
        return SG_OK;
    s->doomed = false;
    const sg_status st = run_text(s, "BEGIN IMMEDIATE", "begin a transaction", err);
    if (st) {
        s->depth = 0;
        sg_store_unlock(s);
    }
    return st;
}

static void undo(sg_store *s)
{
    if (!sqlite3_get_autocommit(s->db))
        (void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
}

void sg_store_rollback(sg_store *s)
{
    assert(s->depth > 0);
    if (--s->depth > 0)
        s->doomed = true; /* the outer one may not commit half of what it meant */
    else
        undo(s);
    sg_store_unlock(s);
}

sg_status sg_store_commit(sg_store *s, sg_err *err)
{
    assert(s->depth > 0);
    sg_status st = SG_OK;
    if (s->doomed)
        st = sg_fail(err, SG_INTERNAL, "database: a part of this transaction was rolled back");
    if (s->depth == 1) {
        if (!st)
            st = run_text(s, "COMMIT", "commit", err);
        if (st)
            undo(s);
    }
    s->depth--;
    sg_store_unlock(s);
    return st;
}

sg_status sg_store_end(sg_store *s, sg_status st, sg_err *err)
{
    if (!st)
        return sg_store_commit(s, err);
    sg_store_rollback(s);
    return st;
}

/* ---- migrations ---- */

int sg_store_newest(void)
{
    int n = 0;
    while (sg_embedded_migrations[n].name)
        n++;
    return n;
}

/* A migration that has landed may never change: its digest is compared with the one that ran here. */
static sg_status check_landed(sg_store *s, int version, sg_err *err)
{
    sqlite3_stmt *q = NULL;
    if (sqlite3_prepare_v2(s->db, "SELECT sha256 FROM migrations WHERE version = ?", -1, &q, NULL) != SQLITE_OK)
        return sg_store_fail(s, "read its migrations", err);
    sg_status st = SG_OK;
    for (int i = 0; !st && i < version; i++) {
        const sg_embedded *m = &sg_embedded_migrations[i];
        const sg_digest d = sg_sha256_of(m->data, m->n);
        char hex[SG_DIGEST_HEX], had[SG_DIGEST_HEX] = "";
        sg_hex(d.b, sizeof d.b, hex);
        (void)sqlite3_reset(q);
        (void)sqlite3_bind_int(q, 1, i + 1);
        bool row;
        st = sg_store_step(s, q, "read its migrations", &row, err);
        if (!st && row)
            sg_store_text(q, 0, had, sizeof had);
        if (!st && strcmp(had, hex))
            st = sg_fail(err, SG_STATE, "database: migration %s is not the one that made this database", m->name);
    }
    (void)sqlite3_finalize(q);
    return st;
}

static sg_status apply(sg_store *s, int version, sg_err *err)
{
    const sg_embedded *m = &sg_embedded_migrations[version - 1];
    const sg_digest d = sg_sha256_of(m->data, m->n);
    char hex[SG_DIGEST_HEX], text[256];
    sg_hex(d.b, sizeof d.b, hex);
    SG_TRY(sg_store_begin(s, err));
    sg_status st = run_text(s, (const char *)m->data, m->name, err);
    (void)snprintf(text, sizeof text,
                   "INSERT INTO migrations VALUES (%d, '%s', unixepoch()); PRAGMA user_version = %d;", version, hex,
                   version);
    if (!st)
        st = run_text(s, text, "note a migration", err);
    return sg_store_end(s, st, err);
}

static sg_status migrate(sg_store *s, sg_err *err)
{
    int64_t version = 0;
    SG_TRY(get_number(s, "PRAGMA user_version", &version, err));
    if (version > sg_store_newest())
        return sg_fail(err, SG_STATE,
                       "database: its schema is version %d, this program knows up to %d; use a newer one", (int)version,
                       sg_store_newest());
    SG_TRY(run_text(s,
                    "CREATE TABLE IF NOT EXISTS migrations (version INTEGER PRIMARY KEY, sha256 TEXT NOT NULL, "
                    "applied INTEGER NOT NULL) STRICT",
                    "make its table of migrations", err));
    SG_TRY(check_landed(s, (int)version, err));
    for (int v = (int)version + 1; v <= sg_store_newest(); v++)
        SG_TRY(apply(s, v, err));
    return SG_OK;
}

/* ---- open, close ---- */

/* SQLite calls this in the middle of a commit: a reader cannot see what it announces before it has the lock, which is after
 * the commit. Should that fail, the count is one too high, and somebody reads once for nothing. */
static int on_commit(void *ctx)
{
    sg_store *s = ctx;
    atomic_fetch_add(&s->changes, 1);
    if (s->watch)
        s->watch(s->watch_ctx);
    return 0;
}

static sg_status set_up(sg_store *s, sg_err *err)
{
    (void)sqlite3_extended_result_codes(s->db, 1);
    (void)sqlite3_busy_timeout(s->db, 5000);
    (void)sqlite3_commit_hook(s->db, on_commit, s);
    (void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_limit(s->db, SQLITE_LIMIT_LENGTH, 64 << 20);
    return run_text(
        s,
        "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; "
        "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY; PRAGMA secure_delete = ON;",
        "set it up", err);
}

static sg_status connect_to(const char *dir, sg_store **out, sg_err *err)
{
    *out = NULL;
    char path[4096];
    if (snprintf(path, sizeof path, "%s/snpgen.db", dir) >= (int)sizeof path)
        return sg_fail(err, SG_LIMIT, "data.dir has more than %zu bytes", sizeof path - 12);
    const int made = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600); /* SQLite would make it 0644 */
    if (made < 0)
        return sg_fail(err, SG_IO, "%s: %s", path, strerror(errno));
    (void)close(made);
    sg_store *s = calloc(1, sizeof *s);
    if (!s)
        return sg_fail(err, SG_NOMEM, "no memory for the database");
    pthread_mutexattr_t how;
    (void)pthread_mutexattr_init(&how);
    (void)pthread_mutexattr_settype(&how, PTHREAD_MUTEX_RECURSIVE);
    (void)pthread_mutex_init(&s->lock, &how);
    (void)pthread_mutexattr_destroy(&how);
    const int got =
        sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, NULL);
    sg_status st = got == SQLITE_OK ? set_up(s, err) : sg_fail(err, SG_IO, "%s: %s", path, sqlite3_errstr(got));
    if (st) {
        sg_store_close(s);
        return sg_fail_in(err, st, "%s", path);
    }
    *out = s;
    return SG_OK;
}

sg_status sg_store_open(const char *dir, sg_store **out, sg_err *err)
{
    SG_TRY(connect_to(dir, out, err));
    const sg_status st = migrate(*out, err);
    if (st) {
        sg_store_close(*out);
        *out = NULL;
    }
    return st;
}

sg_status sg_store_version(const char *dir, int *version, sg_err *err)
{
    sg_store *s;
    int64_t n = 0;
    *version = 0;
    SG_TRY(connect_to(dir, &s, err));
    const sg_status st = get_number(s, "PRAGMA user_version", &n, err);
    sg_store_close(s);
    *version = (int)n;
    return st;
}

void sg_store_close(sg_store *s)
{
    if (!s)
        return;
    for (int i = 0; i < s->n_statement; i++)
        (void)sqlite3_finalize(s->statement[i].stmt);
    (void)sqlite3_close(s->db);
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}

int64_t sg_store_changes(const sg_store *s)
{
    return atomic_load(&s->changes);
}

void sg_store_watch(sg_store *s, void (*fn)(void *ctx), void *ctx)
{
    sg_store_lock(s);
    s->watch = fn;
    s->watch_ctx = ctx;
    sg_store_unlock(s);
}

static const char ping_sql[] = "SELECT count(*) FROM migrations";

sg_status sg_store_ping(sg_store *s, sg_err *err)
{
    int64_t n;
    sg_store_lock(s);
    sqlite3_stmt *q = sg_store_query(s, ping_sql, err, "");
    const sg_status st = q ? sg_store_number(s, q, "answer", &n, err) : SG_INTERNAL;
    sg_store_unlock(s);
    return st;
}
