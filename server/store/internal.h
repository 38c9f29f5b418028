/* internal.h - what the files of store/ share: the connection, its statements, one way to run them. */
#ifndef SG_SERVER_STORE_INTERNAL_H
#define SG_SERVER_STORE_INTERNAL_H

#include "store/store.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>

enum { SG_STATEMENTS = 256 };

struct sg_store {
    pthread_mutex_t lock; /* recursive; guards everything below */
    sqlite3 *db;
    int depth;   /* of begin; only the outermost commits */
    bool doomed; /* an inner transaction rolled back */
    atomic_llong changes;
    void (*watch)(void *ctx);
    void *watch_ctx;
    int n_statement;
    struct {
        const char *sql; /* compared by address: every statement is one constant */
        sqlite3_stmt *stmt;
    } statement[SG_STATEMENTS];
};

void sg_store_lock(sg_store *s);
void sg_store_unlock(sg_store *s);

/* The prepared statement of a constant with its parameters bound; kinds: t const char *, i int64_t, b const sg_digest *
 * (borrowed until the reset). NULL with err filled (INTERNAL). Lock held. */
sqlite3_stmt *sg_store_query(sg_store *s, const char *sql, sg_err *err, const char *kinds, ...);

/* A statement that returns no rows, from lock to unlock. `what` completes "cannot ...". */
sg_status sg_store_exec(sg_store *s, const char *sql, const char *what, sg_err *err, const char *kinds, ...);

/* IO or INTERNAL with SQLite's words. */
sg_status sg_store_fail(sg_store *s, const char *what, sg_err *err);

/* Steps to the next row: *row false at the end. Lock held. */
sg_status sg_store_step(sg_store *s, sqlite3_stmt *q, const char *what, bool *row, sg_err *err);

void sg_store_text(sqlite3_stmt *q, int column, char *out, size_t n);

/* One whole number from a query with the given bindings already made. Lock held. */
sg_status sg_store_number(sg_store *s, sqlite3_stmt *q, const char *what, int64_t *n, sg_err *err);

#endif
