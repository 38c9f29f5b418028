/* events.c - what triggers noted about jobs (events, deliveries), what owners used, what reviewers decided: see store.h. */
#include "store/internal.h"

#include <stdio.h>
#include <string.h>

static const char people_sql[] = "SELECT coalesce(sum(n_case + n_control), 0) FROM jobs WHERE owner = ?1 AND "
                                 "created_ms >= ?2 AND (?3 = '' OR model = ?3) AND NOT (state = 'cancelled' AND "
                                 "attempts = 0)";
static const char usage_sql[] =
    "SELECT date(created_ms / 1000, 'unixepoch') AS day, owner, model, count(*), sum(n_case + n_control), "
    "sum(state IN ('released', 'expired', 'recalled')), "
    "sum(iif(state IN ('released', 'expired', 'recalled'), n_case + n_control, 0)) FROM jobs "
    "WHERE (?1 = '' OR owner = ?1) AND created_ms >= ?2 AND created_ms < ?3 GROUP BY 1, 2, 3 "
    "ORDER BY 1 DESC, 2, 3 LIMIT ?4";

/* What is out stays out: expired and recalled people count. */
static const char released_sql[] =
    "SELECT model, coalesce(sum(iif(state IN ('released', 'expired', 'recalled'), n_case, 0)), 0), "
    "coalesce(sum(iif(state IN ('released', 'expired', 'recalled'), n_control, 0)), 0), count(*), sum(attempts), "
    "count(DISTINCT owner) FROM jobs WHERE ?1 = '' OR model = ?1 GROUP BY model ORDER BY model";

static const char released_ids_sql[] =
    "SELECT id FROM jobs WHERE model = ? AND state IN ('released', 'expired', 'recalled') ORDER BY seq";

#define EVENT_COLUMNS "seq, at_ms, job_id, owner, state, stage, reason"
static const char event_all_sql[] = "SELECT " EVENT_COLUMNS " FROM events WHERE seq > ? ORDER BY seq LIMIT ?";
static const char event_job_sql[] =
    "SELECT " EVENT_COLUMNS " FROM events WHERE seq > ? AND job_id = ?3 ORDER BY seq LIMIT ?2";
static const char event_owner_sql[] =
    "SELECT " EVENT_COLUMNS " FROM events WHERE seq > ? AND owner = ?3 ORDER BY seq LIMIT ?2";
static const char event_any_sql[] = "SELECT EXISTS (SELECT 1 FROM events WHERE job_id = ? AND seq > ?)";
static const char event_newest_sql[] = "SELECT seq FROM sqlite_sequence WHERE name = 'events'";
static const char event_oldest_sql[] = "SELECT min(seq) FROM events";
static const char event_forget_sql[] = "DELETE FROM events WHERE at_ms < ?";

static const char due_sql[] = "SELECT id, at_ms, next_ms, job_id, url, reason, state, attempts FROM deliveries "
                              "WHERE done_ms = 0 AND (next_ms <= ?1 OR next_ms > ?1 + 2 * 86400000) "
                              "ORDER BY next_ms LIMIT ?2";
static const char next_due_sql[] = "SELECT min(next_ms) FROM deliveries WHERE done_ms = 0 AND next_ms > ?";
static const char tried_sql[] =
    "UPDATE deliveries SET attempts = attempts + 1, done_ms = ?2, next_ms = ?3, outcome = ?4 "
    "WHERE id = ?1";
static const char decision_add_sql[] = "INSERT INTO decisions VALUES (?, ?, ?, ?, ?, ?)";
static const char recall_add_sql[] = "INSERT INTO recalls VALUES (?, ?, ?, ?)";
static const char recall_reason_sql[] = "SELECT reason FROM recalls WHERE job_id = ?";
static const char decision_get_sql[] =
    "SELECT approve, reviewer, reason, cohort, at_ms FROM decisions WHERE job_id = ?";

sg_status sg_store_people_since(sg_store *s, const char *owner, const char *model, int64_t from_ms, int64_t *n,
                                sg_err *err)
{
    *n = 0;
    sg_store_lock(s);
    sqlite3_stmt *q = sg_store_query(s, people_sql, err, "tit", owner, from_ms, model ? model : "");
    const sg_status st = q ? sg_store_number(s, q, "count people", n, err) : SG_INTERNAL;
    sg_store_unlock(s);
    return st;
}

sg_status sg_store_usage_each(sg_store *s, const char *owner, int64_t from_ms, int64_t to_ms, int64_t limit,
                              sg_status (*fn)(void *ctx, const sg_usage_row *r, sg_err *err), void *ctx, sg_err *err)
{
    sg_store_lock(s);
    sqlite3_stmt *q = sg_store_query(s, usage_sql, err, "tiii", owner ? owner : "", from_ms, to_ms, limit);
    sg_status st = q ? SG_OK : SG_INTERNAL;
    for (bool row = true; !st;) {
        sg_usage_row r;
        st = sg_store_step(s, q, "list what was used", &row, err);
        if (st || !row)
            break;
        sg_store_text(q, 0, r.day, sizeof r.day);
        sg_store_text(q, 1, r.owner, sizeof r.owner);
        sg_store_text(q, 2, r.model, sizeof r.model);
        r.jobs = sqlite3_column_int64(q, 3);
        r.people = sqlite3_column_int64(q, 4);
        r.released_jobs = sqlite3_column_int64(q, 5);
        r.released_people = sqlite3_column_int64(q, 6);
        st = fn(ctx, &r, err);
    }
    if (q)
        (void)sqlite3_reset(q);
    sg_store_unlock(s);
    return st;
}

sg_status sg_store_odometer_each(sg_store *s, const char *model,
                                 sg_status (*fn)(void *ctx, const sg_odometer *o, sg_err *err), void *ctx, sg_err *err)
{
    sg_store_lock(s);
    sqlite3_stmt *q = sg_store_query(s, released_sql, err, "t", model ? model : "");
    sg_status st = q ? SG_OK : SG_INTERNAL;
    for (bool row = true; !st;) {
        sg_odometer o;
        st = sg_store_step(s, q, "count what was released", &row, err);
        if (st || !row)
            break;
        sg_store_text(q, 0, o.model, sizeof o.model);
        o.cases = sqlite3_column_int64(q, 1);
        o.controls = sqlite3_column_int64(q, 2);
        o.jobs = sqlite3_column_int64(q, 3);
        o.attempts = sqlite3_column_int64(q, 4);
        o.owners = sqlite3_column_int64(q, 5);
        st = fn(ctx, &o, err);
    }
    if (q)
        (void)sqlite3_reset(q);
    sg_store_unlock(s);
    return st;
}

sg_status sg_store_released_each(sg_store *s, const char *model,
                                 sg_status (*fn)(void *ctx, const char *id, sg_err *err), void *ctx, sg_err *err)
{
    sg_store_lock(s);
    sqlite3_stmt *q = sg_store_query(s, released_ids_sql, err, "t", model);
    sg_status st = q ? SG_OK : SG_INTERNAL;
    for (bool row = true; !st;) {
        char id[SG_ID_TEXT];
        st = sg_store_step(s, q, "list what was released", &row, err);
        if (st || !row)
            break;
        sg_store_text(q, 0, id, sizeof id);
        st = fn(ctx, id, err);
    }
    if (q)
        (void)sqlite3_reset(q);
    sg_store_unlock(s);
    return st;
}

/* ---- events ---- */

static sg_status read_event(sqlite3_stmt *q, sg_event *e, sg_err *err)
{
    char word[16];
    e->seq = sqlite3_column_int64(q, 0);
    e->at_ms = sqlite3_column_int64(q, 1);
    sg_store_text(q, 2, e->job, sizeof e->job);
    sg_store_text(q, 3, e->owner, sizeof e->owner);
    sg_store_text(q, 4, word, sizeof word);
    sg_store_text(q, 5, e->stage, sizeof e->stage);
    sg_store_text(q, 6, e->reason, sizeof e->reason);
    return sg_job_state_parse(word, &e->state, err);
}

sg_status sg_store_event_each(sg_store *s, const sg_event_filter *f,
                              sg_status (*fn)(void *ctx, const sg_event *e, sg_err *err), void *ctx, sg_err *err)
{
    sg_store_lock(s);
    sqlite3_stmt *q = f->job     ? sg_store_query(s, event_job_sql, err, "iit", f->after, f->limit, f->job)
                      : f->owner ? sg_store_query(s, event_owner_sql, err, "iit", f->after, f->limit, f->owner)
                                 : sg_store_query(s, event_all_sql, err, "ii", f->after, f->limit);
    sg_status st = q ? SG_OK : SG_INTERNAL;
    for (bool row = true; !st;) {
        sg_event e;
        st = sg_store_step(s, q, "list events", &row, err);
        if (st || !row)
            break;
        st = read_event(q, &e, err);
        if (!st && (!f->owner || !strcmp(f->owner, e.owner)))
            st = fn(ctx, &e, err);
    }
    if (q)
        (void)sqlite3_reset(q);
    sg_store_unlock(s);
    return st;
}

sg_status sg_store_event_any(sg_store *s, const char *job, int64_t after, bool *any, sg_err *err)
{
    int64_t n = 0;
    sg_store_lock(s);
    sqlite3_stmt *q = sg_store_query(s, event_any_sql, err, "ti", job, after);
    const sg_status st = q ? sg_store_number(s, q, "look for events", &n, err) : SG_INTERNAL;
    sg_store_unlock(s);
    *any = n != 0;
    return st;
}

sg_status sg_store_event_bounds(sg_store *s, int64_t *oldest, int64_t *newest, sg_err *err)
{
    *oldest = *newest = 0;
    sg_store_lock(s);
    sqlite3_stmt *q = sg_store_query(s, event_newest_sql, err, "");
    sg_status st = q ? sg_store_number(s, q, "find the newest event", newest, err) : SG_INTERNAL;
    q = st ? NULL : sg_store_query(s, event_oldest_sql, err, "");
    if (!st)
        st = q ? sg_store_number(s, q, "find the oldest event", oldest, err) : SG_INTERNAL;
    sg_store_unlock(s);
    return st;
}

sg_status sg_store_event_forget(sg_store *s, int64_t before_ms, sg_err *err)
{
    return sg_store_exec(s, event_forget_sql, "forget events", err, "i", before_ms);
}

/* ---- deliveries ---- */

sg_status sg_store_delivery_due(sg_store *s, int64_t now_ms, int n, sg_delivery *out, int *found, int64_t *next_ms,
                                sg_err *err)
{
    *found = 0;
    *next_ms = 0;
    sg_store_lock(s);
    sqlite3_stmt *q = sg_store_query(s, due_sql, err, "ii", now_ms, (int64_t)n);
    sg_status st = q ? SG_OK : SG_INTERNAL;
    for (bool row = true; !st && *found < n;) {
        char word[16];
        sg_delivery *d = &out[*found];
        st = sg_store_step(s, q, "list due calls", &row, err);
        if (st || !row)
            break;
        d->id = sqlite3_column_int64(q, 0);
        d->at_ms = sqlite3_column_int64(q, 1);
        d->next_ms = sqlite3_column_int64(q, 2);
        sg_store_text(q, 3, d->job, sizeof d->job);
        sg_store_text(q, 4, d->url, sizeof d->url);
        sg_store_text(q, 5, d->reason, sizeof d->reason);
        sg_store_text(q, 6, word, sizeof word);
        d->attempts = sqlite3_column_int(q, 7);
        st = sg_job_state_parse(word, &d->state, err);
        ++*found;
    }
    if (q)
        (void)sqlite3_reset(q);
    q = st ? NULL : sg_store_query(s, next_due_sql, err, "i", now_ms);
    if (!st)
        st = q ? sg_store_number(s, q, "find the next call", next_ms, err) : SG_INTERNAL;
    sg_store_unlock(s);
    return st;
}

sg_status sg_store_delivery_tried(sg_store *s, int64_t id, bool done, int64_t at_ms, int64_t next_ms,
                                  const char *outcome, sg_err *err)
{
    return sg_store_exec(s, tried_sql, "note a call", err, "iiit", id, done ? at_ms : (int64_t)0, next_ms, outcome);
}

/* ---- decisions ---- */

sg_status sg_store_decision_add(sg_store *s, const char *job, const sg_decision *d, sg_err *err)
{
    return sg_store_exec(s, decision_add_sql, "keep a decision", err, "tittti", job, (int64_t)d->approve, d->reviewer,
                         d->reason, d->cohort, d->at_ms);
}

sg_status sg_store_decision_get(sg_store *s, const char *job, sg_decision *out, sg_err *err)
{
    bool row = false;
    memset(out, 0, sizeof *out);
    sg_store_lock(s);
    sqlite3_stmt *q = sg_store_query(s, decision_get_sql, err, "t", job);
    const sg_status st = q ? sg_store_step(s, q, "read a decision", &row, err) : SG_INTERNAL;
    if (!st && row) {
        out->approve = sqlite3_column_int(q, 0) != 0;
        sg_store_text(q, 1, out->reviewer, sizeof out->reviewer);
        sg_store_text(q, 2, out->reason, sizeof out->reason);
        sg_store_text(q, 3, out->cohort, sizeof out->cohort);
        out->at_ms = sqlite3_column_int64(q, 4);
        (void)sqlite3_reset(q);
    }
    sg_store_unlock(s);
    return st || row ? st : sg_fail(err, SG_NOT_FOUND, "nobody decided about this job");
}

/* ---- recalls ---- */

sg_status sg_store_recall_add(sg_store *s, const char *job, const char *actor, const char *reason, int64_t at_ms,
                              sg_err *err)
{
    return sg_store_exec(s, recall_add_sql, "keep a recall", err, "ttti", job, actor, reason, at_ms);
}

sg_status sg_store_recall_reason(sg_store *s, const char *job, char *reason, size_t n, sg_err *err)
{
    bool row = false;
    *reason = 0;
    sg_store_lock(s);
    sqlite3_stmt *q = sg_store_query(s, recall_reason_sql, err, "t", job);
    const sg_status st = q ? sg_store_step(s, q, "read a recall", &row, err) : SG_INTERNAL;
    if (!st && row) {
        sg_store_text(q, 0, reason, n);
        (void)sqlite3_reset(q);
    }
    sg_store_unlock(s);
    return st || row ? st : sg_fail(err, SG_NOT_FOUND, "no reason for a recall was kept");
}
