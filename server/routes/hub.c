/* hub.c - the thread that tells sleeping requests what happened. The database's triggers write events; a commit rings the
 * bell here; the events since the last look become topics, and http/ rouses whoever waits for one of them. Progress is in no
 * event: while a job runs, its topics are named once a second. */
#include "routes/hub.h"
#include "base/clock.h"
#include "log/log.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TOPICS = 192, PROGRESS_MS = 1000, FORGET_MS = 600000 };

struct sg_hub {
    const sg_service *service;
    sg_http *http;
    pthread_t thread;
    pthread_mutex_t lock; /* guards bell and stop */
    pthread_cond_t changed;
    bool bell, stop;
    pthread_mutex_t stream_lock; /* guards the rest */
    int n_stream, n_owner;
    struct {
        char owner[SG_OWNER_TEXT];
        int n;
    } * owner;
};

static void ring(void *ctx)
{
    sg_hub *h = ctx;
    (void)pthread_mutex_lock(&h->lock);
    h->bell = true;
    (void)pthread_cond_signal(&h->changed);
    (void)pthread_mutex_unlock(&h->lock);
}

typedef struct news {
    uint64_t topic[TOPICS];
    int n;
    int64_t last;
} news;

static void name(news *n, uint64_t topic)
{
    for (int i = 0; i < n->n; i++)
        if (n->topic[i] == topic)
            return;
    n->topic[n->n++] = topic;
}

static sg_status collect(void *ctx, const sg_event *e, sg_err *err)
{
    news *n = ctx;
    (void)err;
    name(n, sg_hub_job(e->job));
    name(n, sg_hub_owner(e->owner));
    name(n, sg_hub_all());
    n->last = e->seq;
    return SG_OK;
}

static void tell(sg_hub *h, int64_t *last)
{
    sg_err err = {0};
    for (;;) {
        news n = {.last = *last};
        const sg_event_filter f = {.after = *last, .limit = (TOPICS - 1) / 2};
        if (sg_store_event_each(h->service->store, &f, collect, &n, &err)) {
            sg_logline(SG_LOG_ERROR, NULL, "events: %s", err.msg);
            return;
        }
        if (!n.n)
            return;
        *last = n.last;
        sg_http_wake(h->http, n.topic, n.n);
    }
}

static void tell_progress(sg_hub *h)
{
    char id[SG_ID_TEXT], owner[SG_OWNER_TEXT];
    sg_progress p;
    for (int i = 0; i < sg_jobs_lanes(h->service->jobs); i++) {
        if (!sg_jobs_running(h->service->jobs, i, id, owner, &p))
            continue;
        const uint64_t topic[] = {sg_hub_job(id), sg_hub_owner(owner), sg_hub_all()};
        sg_http_wake(h->http, topic, 3);
    }
}

/* true: stop. */
static bool wait_for_bell(sg_hub *h)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until); /* the wall clock may jump */
    until.tv_sec += PROGRESS_MS / 1000;
    (void)pthread_mutex_lock(&h->lock);
    if (!h->bell && !h->stop)
        (void)pthread_cond_timedwait(&h->changed, &h->lock, &until);
    h->bell = false;
    const bool stop = h->stop;
    (void)pthread_mutex_unlock(&h->lock);
    return stop;
}

static void forget(const sg_service *s)
{
    sg_err err = {0};
    if (sg_store_event_forget(s->store, sg_clock_wall_ms() - s->config->http_events_h * 3600000, &err))
        sg_logline(SG_LOG_ERROR, NULL, "events: %s", err.msg);
}

static void *run(void *ctx)
{
    sg_hub *h = ctx;
    int64_t oldest, last = 0, progress_ns = 0, forget_ns = 0;
    (void)!sg_store_event_bounds(h->service->store, &oldest, &last, NULL);
    for (bool stop = false; !stop;) {
        const int64_t now = sg_clock_mono_ns();
        tell(h, &last);
        if (now - progress_ns >= (int64_t)PROGRESS_MS * 1000000) {
            progress_ns = now;
            tell_progress(h);
        }
        if (now - forget_ns >= (int64_t)FORGET_MS * 1000000) {
            forget_ns = now;
            forget(h->service);
        }
        stop = wait_for_bell(h);
    }
    return NULL;
}

bool sg_hub_enter(sg_hub *h, const char *owner)
{
    const sg_config *c = h->service->config;
    (void)pthread_mutex_lock(&h->stream_lock);
    int at = 0;
    while (at < h->n_owner && strcmp(h->owner[at].owner, owner) != 0)
        at++;
    const bool fits = h->n_stream < c->http_streams_max && (at == h->n_owner || h->owner[at].n < c->http_streams_owner);
    if (fits) {
        if (at == h->n_owner) {
            memset(&h->owner[at], 0, sizeof h->owner[at]);
            strcpy(h->owner[at].owner, owner);
            h->n_owner++;
        }
        h->owner[at].n++;
        h->n_stream++;
    }
    (void)pthread_mutex_unlock(&h->stream_lock);
    return fits;
}

void sg_hub_leave(sg_hub *h, const char *owner)
{
    (void)pthread_mutex_lock(&h->stream_lock);
    int at = 0;
    while (at < h->n_owner && strcmp(h->owner[at].owner, owner) != 0)
        at++;
    if (at < h->n_owner) {
        h->n_stream--;
        if (--h->owner[at].n == 0)
            h->owner[at] = h->owner[--h->n_owner];
    }
    (void)pthread_mutex_unlock(&h->stream_lock);
}

uint64_t sg_hub_job(const char *id)
{
    return sg_http_topic("job", id);
}

uint64_t sg_hub_owner(const char *owner)
{
    return sg_http_topic("owner", owner);
}

uint64_t sg_hub_all(void)
{
    return sg_http_topic("all", "");
}

sg_status sg_hub_open(sg_service *s, sg_http *http, sg_hub **out, sg_err *err)
{
    *out = NULL;
    sg_hub *h = calloc(1, sizeof *h);
    if (h)
        h->owner = calloc((size_t)s->config->http_streams_max, sizeof *h->owner);
    if (!h || !h->owner) {
        free(h);
        return sg_fail(err, SG_NOMEM, "no memory for event streams");
    }
    h->service = s;
    h->http = http;
    (void)pthread_mutex_init(&h->lock, NULL);
    (void)pthread_mutex_init(&h->stream_lock, NULL);
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&h->changed, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    if (pthread_create(&h->thread, NULL, run, h)) {
        free(h->owner);
        free(h);
        return sg_fail(err, SG_INTERNAL, "the events thread does not start");
    }
    sg_store_watch(s->store, ring, h);
    *out = h;
    return SG_OK;
}

void sg_hub_stop(sg_hub *h)
{
    if (!h)
        return;
    sg_store_watch(h->service->store, NULL, NULL);
    (void)pthread_mutex_lock(&h->lock);
    h->stop = true;
    (void)pthread_cond_signal(&h->changed);
    (void)pthread_mutex_unlock(&h->lock);
    (void)pthread_join(h->thread, NULL);
}

void sg_hub_close(sg_hub *h)
{
    if (!h)
        return;
    (void)pthread_mutex_destroy(&h->lock);
    (void)pthread_mutex_destroy(&h->stream_lock);
    (void)pthread_cond_destroy(&h->changed);
    free(h->owner);
    free(h);
}
