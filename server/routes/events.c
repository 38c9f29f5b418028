/* events.c - GET /v1/jobs/{id}/events and GET /v1/events: what happens to jobs, as Server-Sent Events.
 *
 * A stream keeps no queue: its place is the number of the last event it sent, and what comes next is read from the database
 * when there is room on the wire. So a slow reader costs nothing, and a client that comes back with Last-Event-ID goes on
 * exactly where it was. Progress has no number: only the newest is worth anything. */
#include "routes/hub.h"
#include "base/json.h"
#include "routes/internal.h"
#include "base/clock.h"
#include "log/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 100 };

typedef struct stream {
    const sg_service *s;
    sg_caller who;
    bool everybody, greeted, skipped;
    char job[SG_ID_TEXT]; /* "": all that the caller may see */
    int64_t sent;         /* seq of the last event */
    int64_t said_ns;
    bool ended; /* the job's last event was sent */
    struct {
        int64_t done;
        char of[SG_ID_TEXT + 16];
    } told[SG_CONFIG_PROCESSES]; /* the progress of each lane that was sent last */
    sg_buf *out;
    sg_err err;
} stream;

static sg_status say_event(void *ctx, const sg_event *e, sg_err *err)
{
    stream *x = ctx;
    char time[SG_TIME_BYTES];
    sg_clock_rfc3339(e->at_ms, time);
    json_t *j = json_pack("{s:s,s:s,s:s*,s:s*,s:s}", "job", e->job, "state", sg_job_state_name(e->state), "stage",
                          *e->stage ? e->stage : NULL, "reason", *e->reason ? e->reason : NULL, "time", time);
    char *text = j ? sg_json_text(j, JSON_COMPACT) : NULL;
    const sg_status st = text ? sg_buf_printf(x->out, err, "id: %" PRId64 "\nevent: job\ndata: %s\n\n", e->seq, text)
                              : sg_fail(err, SG_NOMEM, "no memory for an event");
    free(text);
    json_decref(j);
    x->sent = e->seq;
    x->ended = *x->job && sg_job_state_finished(e->state);
    return st;
}

static sg_status say_progress_of(stream *x, int lane, sg_err *err)
{
    char id[SG_ID_TEXT], owner[SG_OWNER_TEXT], key[sizeof x->told[0].of];
    sg_progress p;
    if (!sg_jobs_running(x->s->jobs, lane, id, owner, &p) || (*x->job && strcmp(id, x->job) != 0) ||
        (!x->everybody && strcmp(owner, x->who.owner) != 0))
        return SG_OK;
    (void)snprintf(key, sizeof key, "%s %s", id, p.stage);
    if (!strcmp(key, x->told[lane].of) && p.done == x->told[lane].done)
        return SG_OK;
    memcpy(x->told[lane].of, key, sizeof key);
    x->told[lane].done = p.done;
    SG_TRY(sg_buf_printf(
        x->out, err, "event: progress\ndata: {\"job\":\"%s\",\"stage\":\"%s\",\"done\":%" PRId64 ",\"total\":%" PRId64,
        id, p.stage, p.done, p.total));
    if (p.people_per_second > 0)
        SG_TRY(sg_buf_printf(x->out, err, ",\"people_per_second\":%.3g,\"eta_seconds\":%.3g", p.people_per_second,
                             p.eta_s));
    return sg_buf_add(x->out, "}\n\n", 3, err);
}

static sg_status say_progress(stream *x, sg_err *err)
{
    for (int i = 0; i < sg_jobs_lanes(x->s->jobs); i++)
        SG_TRY(say_progress_of(x, i, err));
    return SG_OK;
}

static sg_status say(stream *x, sg_err *err)
{
    if (!x->greeted)
        SG_TRY(sg_buf_printf(x->out, err, "retry: 2000\n\n"));
    if (x->skipped)
        SG_TRY(sg_buf_printf(x->out, err,
                             "event: reset\ndata: {\"detail\":\"some events after Last-Event-ID are not "
                             "kept any more; read the jobs once\"}\n\n"));
    x->greeted = true;
    x->skipped = false;
    const sg_event_filter f = {
        .job = *x->job ? x->job : NULL, .owner = x->everybody ? NULL : x->who.owner, .after = x->sent, .limit = BATCH};
    SG_TRY(sg_store_event_each(x->s->store, &f, say_event, x, err));
    return x->ended ? SG_OK : say_progress(x, err);
}

static bool go_on(void *ctx, bool last, sg_buf *out)
{
    stream *x = ctx;
    const int64_t now = sg_clock_mono_ns(), beat_ns = x->s->config->http_heartbeat_s * 1000000000;
    sg_err err = {0};
    x->out = out;
    if (!sg_auth_still(x->s->store, &x->who))
        return false; /* revoked or expired meanwhile */
    sg_status st = say(x, &err);
    if (!st && out->n == 0 && now - x->said_ns > beat_ns - 200000000)
        st = sg_buf_printf(out, &err, ": still here\n\n");
    if (!st && last && !x->ended)
        st = sg_buf_printf(out, &err, ": goodbye, come back\n\n");
    if (out->n)
        x->said_ns = now;
    if (st)
        sg_logline(SG_LOG_WARN, NULL, "an event stream ends: %s", err.msg);
    return !st && !x->ended;
}

static void end(void *ctx)
{
    stream *x = ctx;
    sg_hub_leave(x->s->hub, x->who.owner);
    free(x);
}

/* Where to begin: after Last-Event-ID, else at `otherwise`. */
static bool starting_point(const sg_service *s, const sg_request *q, sg_answer *a, int64_t otherwise, stream *x)
{
    const char *id = sg_request_header(q, "Last-Event-ID");
    int64_t oldest, newest;
    sg_err err = {0};
    char *stop = NULL;
    if (!id || !*id)
        id = sg_request_query(q, "last_event_id");
    const sg_status st = sg_store_event_bounds(s->store, &oldest, &newest, &err);
    if (st) {
        sg_answer_error(a, q, st, &err);
        return false;
    }
    x->sent = otherwise < 0 ? newest : otherwise;
    if (!id || !*id)
        return true;
    const int64_t n = strlen(id) < 16 && *id >= '0' && *id <= '9' ? strtoll(id, &stop, 10) : -1;
    if (n < 0 || *stop || n > newest) {
        sg_answer_problem(a, q, 400, NULL, "Last-Event-ID is not the number of an event of this service");
        return false;
    }
    x->sent = n;
    x->skipped = n + 1 < oldest || (oldest == 0 && n < newest);
    return true;
}

static bool wanted(const sg_request *q, sg_answer *a)
{
    if (sg_request_accepts(q, "text/event-stream"))
        return true;
    sg_answer_problem(a, q, 406, NULL, "this is available as text/event-stream only");
    return false;
}

static void begin(const sg_service *s, const sg_request *q, sg_answer *a, const stream *from, uint64_t topic)
{
    if (q->last) {
        sg_answer_problem(a, q, 503, NULL, "the service is stopping");
        sg_answer_header(a, "Retry-After", "5");
        return;
    }
    if (!s->hub || !sg_hub_enter(s->hub, from->who.owner)) {
        sg_answer_problem(a, q, 429, NULL, "too many event streams are open; one can follow every job: /v1/events");
        sg_answer_header(a, "Retry-After", "30");
        return;
    }
    stream *x = malloc(sizeof *x);
    if (!x) {
        sg_hub_leave(s->hub, from->who.owner);
        sg_answer_error(a, q, SG_NOMEM, &(sg_err){0});
        return;
    }
    *x = *from;
    x->said_ns = sg_clock_mono_ns();
    a->stream = go_on;
    a->stream_end = end;
    a->stream_ctx = x;
    a->topic = topic;
    a->beat_ms = s->config->http_heartbeat_s * 1000;
    (void)snprintf(a->type, sizeof a->type, "text/event-stream; charset=utf-8");
    sg_answer_header(a, "X-Accel-Buffering", "no"); /* a proxy that collects a stream breaks it */
}

void sg_route_events(void *ctx, const sg_request *q, sg_answer *a)
{
    const sg_service *s = ctx;
    stream x = {.s = s};
    if (!sg_routes_caller(s, q, a, SG_SCOPE_JOBS_READ, &x.who) || !wanted(q, a) || !starting_point(s, q, a, -1, &x))
        return;
    x.everybody = (x.who.scopes & SG_SCOPE_ADMIN) != 0;
    begin(s, q, a, &x, x.everybody ? sg_hub_all() : sg_hub_owner(x.who.owner));
}

void sg_route_job_events(void *ctx, const sg_request *q, sg_answer *a)
{
    const sg_service *s = ctx;
    stream x = {.s = s, .everybody = true}; /* whoever may see the job may see all of its events */
    sg_job job;
    if (!sg_routes_caller(s, q, a, SG_SCOPE_JOBS_READ, &x.who) || !wanted(q, a) ||
        !sg_routes_job(s, q, a, &x.who, false, &job) || !starting_point(s, q, a, 0, &x))
        return;
    memcpy(x.job, job.id, sizeof x.job);
    bool any = false;
    sg_err err = {0};
    const sg_status st = sg_store_event_any(s->store, job.id, x.sent, &any, &err);
    if (st)
        sg_answer_error(a, q, st, &err);
    else if (sg_job_state_finished(job.state) && !any)
        a->status = 204; /* over, and all of it was heard: an EventSource stops coming back */
    else
        begin(s, q, a, &x, sg_hub_job(job.id));
}
