/* jobs.c - job rows and the files of released ones; see store.h. */
#include "store/internal.h"

#include <stdio.h>
#include <string.h>

#define JOB_COLUMNS                                                                                                    \
    "seq, id, owner, key_id, model, model_digest, name, n_case, n_control, seed, options, state, stage, attempts, "    \
    "cancel, reason, created_ms, updated_ms, started_ms, finished_ms, callback_url, priority"
static const char add_sql[] =
    "INSERT INTO jobs (id, owner, key_id, model, model_digest, name, n_case, n_control, seed, "
    "options, state, created_ms, updated_ms, callback_url, priority) VALUES (?1, ?2, ?3, ?4, ?5, "
    "?6, ?7, ?8, ?9, ?10, ?11, ?12, ?12, ?13, ?14)";
static const char get_sql[] = "SELECT " JOB_COLUMNS " FROM jobs WHERE id = ?";
/* Where no job has the id the newest is looked at instead, so that nobody's id costs what another's does. */
static const char seen_sql[] =
    "SELECT " JOB_COLUMNS
    " FROM jobs WHERE seq = ifnull((SELECT seq FROM jobs WHERE id = ?1), 0) + (SELECT max(seq) FROM jobs) * "
    "((SELECT seq FROM jobs WHERE id = ?1) IS NULL) AND (owner = ?2 OR ?3 OR (?4 AND state = 'withheld')) AND id = ?1";
static const char next_sql[] =
    "SELECT " JOB_COLUMNS
    " FROM jobs WHERE seq = (SELECT seq FROM queue JOIN jobs USING (seq) WHERE n_case + n_control <= ?1 "
    "ORDER BY place LIMIT 1)";
static const char stale_sql[] =
    "SELECT " JOB_COLUMNS " FROM jobs WHERE state = 'released' AND finished_ms < ? ORDER BY finished_ms LIMIT 1";
static const char each_sql[] = "SELECT " JOB_COLUMNS " FROM jobs WHERE (?1 = '' OR owner = ?1) AND (?2 = '' OR model = "
                               "?2) AND (?3 = '' OR state = ?3) AND (?4 = 0 OR seq < ?4) AND created_ms >= ?6 AND "
                               "(?7 = 0 OR created_ms < ?7) ORDER BY seq DESC LIMIT ?5";
static const char move_sql[] = "UPDATE jobs SET state = ?2, reason = ?3, stage = '', updated_ms = ?4, started_ms = "
                               "CASE WHEN ?5 THEN ?4 ELSE started_ms END, attempts = attempts + ?5, finished_ms = CASE "
                               "WHEN NOT ?6 THEN 0 WHEN finished_ms = 0 THEN ?4 ELSE finished_ms END WHERE id = ?1";
static const char stage_sql[] = "UPDATE jobs SET stage = ?2, updated_ms = ?3 WHERE id = ?1 AND state = 'running'";
static const char cancel_sql[] = "UPDATE jobs SET cancel = 1, updated_ms = ?2 WHERE id = ?1 AND state = 'running'";
static const char forgive_sql[] = "UPDATE jobs SET attempts = attempts - 1 WHERE id = ? AND attempts > 0";
static const char rebind_sql[] =
    "UPDATE jobs SET model_digest = ?2, updated_ms = ?3 WHERE id = ?1 AND state = 'queued'";
static const char verdict_sql[] = "UPDATE jobs SET verdict = ?2 WHERE id = ?1";
static const char verdict_get_sql[] = "SELECT verdict FROM jobs WHERE id = ?";
static const char count_sql[] = "SELECT count(*) FROM jobs WHERE state = ?";
static const char open_sql[] = "SELECT count(*) FROM jobs WHERE state IN ('queued', 'running') AND key_id = ?";
static const char ahead_sql[] = "SELECT place - 1 FROM queue WHERE seq = ?";
static const char file_add_sql[] = "INSERT INTO job_files VALUES (?, ?, ?, ?)";
static const char file_get_sql[] = "SELECT name, bytes, sha256 FROM job_files WHERE job_id = ? AND name = ?";
static const char file_each_sql[] = "SELECT name, bytes, sha256 FROM job_files WHERE job_id = ? ORDER BY name";

static sg_status read_job(sqlite3_stmt *q, sg_job *j, sg_err *err)
{
    char word[16];
    int c = 0;
    memset(j, 0, sizeof *j);
    j->seq = sqlite3_column_int64(q, c++);
    sg_store_text(q, c++, j->id, sizeof j->id);
    sg_store_text(q, c++, j->owner, sizeof j->owner);
    sg_store_text(q, c++, j->key_id, sizeof j->key_id);
    sg_store_text(q, c++, j->model, sizeof j->model);
    sg_store_text(q, c++, j->model_digest, sizeof j->model_digest);
    sg_store_text(q, c++, j->name, sizeof j->name);
    j->n_case = sqlite3_column_int64(q, c++);
    j->n_control = sqlite3_column_int64(q, c++);
    j->seed = sqlite3_column_int64(q, c++);
    sg_store_text(q, c++, j->options, sizeof j->options);
    sg_store_text(q, c++, word, sizeof word);
    sg_store_text(q, c++, j->stage, sizeof j->stage);
    j->attempts = sqlite3_column_int(q, c++);
    j->cancel = sqlite3_column_int(q, c++) != 0;
    sg_store_text(q, c++, j->reason, sizeof j->reason);
    j->created_ms = sqlite3_column_int64(q, c++);
    j->updated_ms = sqlite3_column_int64(q, c++);
    j->started_ms = sqlite3_column_int64(q, c++);
    j->finished_ms = sqlite3_column_int64(q, c++);
    sg_store_text(q, c++, j->callback_url, sizeof j->callback_url);
    j->priority = sqlite3_column_int(q, c);
    return sg_job_state_parse(word, &j->state, err);
}

static void read_file(sqlite3_stmt *q, sg_job_file *f)
{
    memset(f, 0, sizeof *f);
    sg_store_text(q, 0, f->name, sizeof f->name);
    f->bytes = sqlite3_column_int64(q, 1);
    sg_store_text(q, 2, f->sha256, sizeof f->sha256);
}

sg_status sg_store_job_add(sg_store *s, sg_job *j, sg_err *err)
{
    sg_store_lock(s);
    const sg_status st =
        sg_store_exec(s, add_sql, "add a job", err, "ttttttiiittiti", j->id, j->owner, j->key_id, j->model,
                      j->model_digest, j->name, j->n_case, j->n_control, j->seed, j->options,
                      sg_job_state_name(j->state), j->created_ms, j->callback_url, (int64_t)j->priority);
    if (!st)
        j->seq = sqlite3_last_insert_rowid(s->db);
    sg_store_unlock(s);
    return st;
}

/* One job from a bound query; lock held. */
static sg_status one_job(sg_store *s, sqlite3_stmt *q, sg_job *out, bool *row, sg_err *err)
{
    *row = false;
    memset(out, 0, sizeof *out);
    sg_status st = q ? sg_store_step(s, q, "read a job", row, err) : SG_INTERNAL;
    if (!st && *row) {
        st = read_job(q, out, err);
        (void)sqlite3_reset(q);
    }
    return st;
}

sg_status sg_store_job_get(sg_store *s, const char *id, sg_job *out, sg_err *err)
{
    bool row;
    char key[SG_ID_TEXT]; /* id may be out->id */
    (void)snprintf(key, sizeof key, "%s", id);
    sg_store_lock(s);
    const sg_status st = one_job(s, sg_store_query(s, get_sql, err, "t", key), out, &row, err);
    sg_store_unlock(s);
    return st || row ? st : sg_fail(err, SG_NOT_FOUND, "no job has the id \"%s\"", key);
}

sg_status sg_store_job_stale(sg_store *s, int64_t before_ms, sg_job *out, sg_err *err)
{
    bool row;
    sg_store_lock(s);
    const sg_status st = one_job(s, sg_store_query(s, stale_sql, err, "i", before_ms), out, &row, err);
    sg_store_unlock(s);
    return st || row ? st : sg_fail(err, SG_NOT_FOUND, "no release is that old");
}

sg_status sg_store_job_seen(sg_store *s, const char *id, const sg_job_sight *who, sg_job *out, sg_err *err)
{
    bool row;
    sg_store_lock(s);
    const sg_status st = one_job(
        s, sg_store_query(s, seen_sql, err, "ttii", id, who->owner, (int64_t)who->everybodys, (int64_t)who->withheld),
        out, &row, err);
    sg_store_unlock(s);
    return st || row ? st : sg_fail(err, SG_NOT_FOUND, "this caller sees no job with the id \"%s\"", id);
}

sg_status sg_store_job_next(sg_store *s, int64_t people_max, sg_job *out, sg_err *err)
{
    bool row;
    sg_store_lock(s);
    const sg_status st = one_job(s, sg_store_query(s, next_sql, err, "i", people_max), out, &row, err);
    sg_store_unlock(s);
    return st || row ? st : sg_fail(err, SG_NOT_FOUND, "the queue is empty");
}

sg_status sg_store_job_move(sg_store *s, const char *id, sg_job_state from, sg_job_state to, const char *reason,
                            int64_t at_ms, sg_err *err)
{
    if (!sg_job_state_may(from, to))
        return sg_fail(err, SG_STATE, "a job cannot go from %s to %s", sg_job_state_name(from), sg_job_state_name(to));
    sg_job j;
    sg_store_lock(s); /* between reading the state and writing it nobody else may */
    sg_status st = sg_store_job_get(s, id, &j, err);
    if (!st && j.state != from)
        st = sg_fail(err, SG_STATE, "job %s is %s, not %s", id, sg_job_state_name(j.state), sg_job_state_name(from));
    if (!st)
        st = sg_store_exec(s, move_sql, "move a job", err, "tttiii", id, sg_job_state_name(to), reason, at_ms,
                           (int64_t)(to == SG_JOB_RUNNING), (int64_t)sg_job_state_finished(to));
    sg_store_unlock(s);
    return st;
}

sg_status sg_store_job_stage(sg_store *s, const char *id, const char *stage, int64_t at_ms, sg_err *err)
{
    return sg_store_exec(s, stage_sql, "note the stage of a job", err, "tti", id, stage, at_ms);
}

sg_status sg_store_job_ask_cancel(sg_store *s, const char *id, int64_t at_ms, sg_err *err)
{
    return sg_store_exec(s, cancel_sql, "ask for the end of a job", err, "ti", id, at_ms);
}

sg_status sg_store_job_forgive(sg_store *s, const char *id, sg_err *err)
{
    return sg_store_exec(s, forgive_sql, "take back an attempt", err, "t", id);
}

sg_status sg_store_job_rebind(sg_store *s, const char *id, const char *model_digest, int64_t at_ms, sg_err *err)
{
    sg_store_lock(s);
    sg_status st =
        sg_store_exec(s, rebind_sql, "give a job another model version", err, "tti", id, model_digest, at_ms);
    if (!st && sqlite3_changes(s->db) == 0)
        st = sg_fail(err, SG_STATE, "job %s does not wait any more", id);
    sg_store_unlock(s);
    return st;
}

sg_status sg_store_job_verdict(sg_store *s, const char *id, const char *json, sg_err *err)
{
    return sg_store_exec(s, verdict_sql, "keep a verdict", err, "tt", id, json);
}

sg_status sg_store_job_verdict_get(sg_store *s, const char *id, sg_buf *out, sg_err *err)
{
    bool row = false;
    sg_store_lock(s);
    sqlite3_stmt *q = sg_store_query(s, verdict_get_sql, err, "t", id);
    sg_status st = q ? sg_store_step(s, q, "read a verdict", &row, err) : SG_INTERNAL;
    if (!st && row) {
        const int n = sqlite3_column_bytes(q, 0);
        st = sg_buf_add(out, sqlite3_column_text(q, 0), (size_t)n, err);
        (void)sqlite3_reset(q);
    }
    sg_store_unlock(s);
    return st;
}

static sg_status count(sg_store *s, const char *sql, const char *text, int64_t number, int64_t *n, sg_err *err)
{
    *n = 0;
    sg_store_lock(s);
    sqlite3_stmt *q = text ? sg_store_query(s, sql, err, "t", text) : sg_store_query(s, sql, err, "i", number);
    const sg_status st = q ? sg_store_number(s, q, "count jobs", n, err) : SG_INTERNAL;
    sg_store_unlock(s);
    return st;
}

sg_status sg_store_job_count(sg_store *s, sg_job_state state, int64_t *n, sg_err *err)
{
    return count(s, count_sql, sg_job_state_name(state), 0, n, err);
}

sg_status sg_store_job_open_of_key(sg_store *s, const char *key_id, int64_t *n, sg_err *err)
{
    return count(s, open_sql, key_id, 0, n, err);
}

sg_status sg_store_job_ahead(sg_store *s, int64_t seq, int64_t *n, sg_err *err)
{
    return count(s, ahead_sql, NULL, seq, n, err);
}

sg_status sg_store_job_each(sg_store *s, const sg_job_filter *f,
                            sg_status (*fn)(void *ctx, const sg_job *j, sg_err *err), void *ctx, sg_err *err)
{
    sg_store_lock(s);
    sqlite3_stmt *q = sg_store_query(s, each_sql, err, "tttiiii", f->owner ? f->owner : "", f->model ? f->model : "",
                                     f->state < 0 ? "" : sg_job_state_name((sg_job_state)f->state), f->before_seq,
                                     f->limit, f->from_ms, f->to_ms);
    sg_status st = q ? SG_OK : SG_INTERNAL;
    for (bool row = true; !st;) {
        sg_job j;
        st = sg_store_step(s, q, "list jobs", &row, err);
        if (st || !row)
            break;
        st = read_job(q, &j, err);
        if (!st)
            st = fn(ctx, &j, err);
    }
    if (q)
        (void)sqlite3_reset(q);
    sg_store_unlock(s);
    return st;
}

sg_status sg_store_file_add(sg_store *s, const char *job, const sg_job_file *f, sg_err *err)
{
    return sg_store_exec(s, file_add_sql, "add a file", err, "ttit", job, f->name, f->bytes, f->sha256);
}

sg_status sg_store_file_get(sg_store *s, const char *job, const char *name, sg_job_file *out, sg_err *err)
{
    bool row = false;
    memset(out, 0, sizeof *out);
    sg_store_lock(s);
    sqlite3_stmt *q = sg_store_query(s, file_get_sql, err, "tt", job, name);
    const sg_status st = q ? sg_store_step(s, q, "read a file row", &row, err) : SG_INTERNAL;
    if (!st && row) {
        read_file(q, out);
        (void)sqlite3_reset(q);
    }
    sg_store_unlock(s);
    return st || row ? st : sg_fail(err, SG_NOT_FOUND, "this job has no such file");
}

sg_status sg_store_file_each(sg_store *s, const char *job,
                             sg_status (*fn)(void *ctx, const sg_job_file *f, sg_err *err), void *ctx, sg_err *err)
{
    sg_store_lock(s);
    sqlite3_stmt *q = sg_store_query(s, file_each_sql, err, "t", job);
    sg_status st = q ? SG_OK : SG_INTERNAL;
    for (bool row = true; !st;) {
        sg_job_file f;
        st = sg_store_step(s, q, "list files", &row, err);
        if (st || !row)
            break;
        read_file(q, &f);
        st = fn(ctx, &f, err);
    }
    if (q)
        (void)sqlite3_reset(q);
    sg_store_unlock(s);
    return st;
}
