/* verify.c - wishes to have a cohort made again: see store.h. */
#include "store/internal.h"

#include <stdio.h>
#include <string.h>

#define COLUMNS                                                                                                        \
    "id, job_id, owner, state, outcome, reason, n_file, differing, attempts, created_ms, finished_ms FROM "            \
    "verifications "
static const char add_sql[] = "INSERT INTO verifications (id, job_id, owner, state, created_ms) VALUES (?, ?, ?, "
                              "'queued', ?)";
static const char latest_sql[] = "SELECT " COLUMNS "WHERE job_id = ? ORDER BY created_ms DESC, id DESC LIMIT 1";
static const char next_sql[] = "SELECT " COLUMNS "WHERE state = 'queued' ORDER BY created_ms, id LIMIT 1";
static const char open_sql[] =
    "SELECT count(*) FROM verifications WHERE state <> 'finished' AND (?1 = '' OR owner = ?1)";
static const char start_sql[] = "UPDATE verifications SET state = 'running', attempts = attempts + 1 WHERE id = ?";
static const char again_sql[] = "UPDATE verifications SET state = 'queued', attempts = attempts - ?2 WHERE id = ?1 AND "
                                "state = 'running'";
static const char recover_sql[] = "UPDATE verifications SET state = 'queued' WHERE state = 'running'";
static const char finish_sql[] = "UPDATE verifications SET state = 'finished', outcome = ?2, reason = ?3, n_file = ?4, "
                                 "differing = ?5, finished_ms = ?6 WHERE id = ?1";

sg_status sg_store_verify_add(sg_store *s, const sg_verification *v, sg_err *err)
{
    return sg_store_exec(s, add_sql, "keep a wish to verify", err, "ttti", v->id, v->job, v->owner, v->created_ms);
}

static void read_row(sqlite3_stmt *q, sg_verification *v)
{
    sg_store_text(q, 0, v->id, sizeof v->id);
    sg_store_text(q, 1, v->job, sizeof v->job);
    sg_store_text(q, 2, v->owner, sizeof v->owner);
    sg_store_text(q, 3, v->state, sizeof v->state);
    sg_store_text(q, 4, v->outcome, sizeof v->outcome);
    sg_store_text(q, 5, v->reason, sizeof v->reason);
    v->n_file = sqlite3_column_int(q, 6);
    sg_store_text(q, 7, v->differing, sizeof v->differing);
    v->attempts = sqlite3_column_int(q, 8);
    v->created_ms = sqlite3_column_int64(q, 9);
    v->finished_ms = sqlite3_column_int64(q, 10);
}

static sg_status get(sg_store *s, const char *sql, const char *job, sg_verification *out, sg_err *err)
{
    bool row = false;
    memset(out, 0, sizeof *out);
    sg_store_lock(s);
    sqlite3_stmt *q = sg_store_query(s, sql, err, job ? "t" : "", job);
    const sg_status st = q ? sg_store_step(s, q, "read a verification", &row, err) : SG_INTERNAL;
    if (!st && row) {
        read_row(q, out);
        (void)sqlite3_reset(q);
    }
    sg_store_unlock(s);
    return st || row ? st : sg_fail(err, SG_NOT_FOUND, "there is no verification");
}

sg_status sg_store_verify_latest(sg_store *s, const char *job, sg_verification *out, sg_err *err)
{
    return get(s, latest_sql, job, out, err);
}

sg_status sg_store_verify_next(sg_store *s, sg_verification *out, sg_err *err)
{
    return get(s, next_sql, NULL, out, err);
}

sg_status sg_store_verify_open(sg_store *s, const char *owner, int64_t *n, sg_err *err)
{
    *n = 0;
    sg_store_lock(s);
    sqlite3_stmt *q = sg_store_query(s, open_sql, err, "t", owner ? owner : "");
    const sg_status st = q ? sg_store_number(s, q, "count verifications", n, err) : SG_INTERNAL;
    sg_store_unlock(s);
    return st;
}

sg_status sg_store_verify_start(sg_store *s, const char *id, sg_err *err)
{
    return sg_store_exec(s, start_sql, "start a verification", err, "t", id);
}

sg_status sg_store_verify_again(sg_store *s, const char *id, bool forgive, sg_err *err)
{
    return sg_store_exec(s, again_sql, "queue a verification again", err, "ti", id, (int64_t)forgive);
}

sg_status sg_store_verify_recover(sg_store *s, sg_err *err)
{
    return sg_store_exec(s, recover_sql, "queue verifications again", err, "");
}

sg_status sg_store_verify_finish(sg_store *s, const sg_verification *v, sg_err *err)
{
    return sg_store_exec(s, finish_sql, "finish a verification", err, "tttiti", v->id, v->outcome, v->reason,
                         (int64_t)v->n_file, v->differing, v->finished_ms);
}
