/* sleep.c - requests that wait: an answer that was put off, a stream with nothing to say.
 *
 * libmicrohttpd suspends such a connection: no thread, no buffer, only a descriptor is held. The one danger is a wake-up
 * between a handler's look at the world and its sleep; so wake-ups are counted, the newest are kept, and whoever wants to
 * sleep says which count it had seen. 0.9.75 aborts when it is stopped with a suspended connection: sg_http_close rouses
 * everybody first, and nobody falls asleep once `stopping` is set. */
#include "http/internal.h"
#include "base/clock.h"

#include <string.h>

uint64_t sg_http_topic(const char *kind, const char *name)
{
    uint64_t h = 14695981039346656037U; /* FNV-1a */
    const char *const part[] = {kind, "\n", name};
    for (int i = 0; i < 3; i++)
        for (const char *p = part[i]; *p; p++)
            h = (h ^ (unsigned char)*p) * 1099511628211U;
    return h ? h : 1;
}

void sg_http_sleep_init(sg_http *h)
{
    (void)pthread_mutex_init(&h->sleep_lock, NULL);
}

void sg_http_sleep_clear(sg_http *h)
{
    (void)pthread_mutex_destroy(&h->sleep_lock);
}

int64_t sg_http_wakes(sg_http *h)
{
    (void)pthread_mutex_lock(&h->sleep_lock);
    const int64_t n = h->n_wake;
    (void)pthread_mutex_unlock(&h->sleep_lock);
    return n;
}

int sg_http_waiting(sg_http *h)
{
    (void)pthread_mutex_lock(&h->sleep_lock);
    const int n = h->n_sleeper;
    (void)pthread_mutex_unlock(&h->sleep_lock);
    return n;
}

/* Lock held. */
static void take_off(sg_http *h, sleeper *s)
{
    if (s->before)
        s->before->next = s->next;
    else
        h->sleepers = s->next;
    if (s->next)
        s->next->before = s->before;
    s->next = s->before = NULL;
    s->asleep = false;
    h->n_sleeper--;
}

/* Lock held. Whether the topic was named since `seen` (or might have been: the memory is short). */
static bool missed(const sg_http *h, int64_t seen, uint64_t topic)
{
    if (!topic || h->n_wake == seen)
        return false;
    if (h->n_wake - seen > WOKEN)
        return true;
    for (int64_t i = seen; i < h->n_wake; i++)
        if (h->woken[i % WOKEN] == topic)
            return true;
    return false;
}

bool sg_http_sleep(exchange *x, int64_t due_ns)
{
    sg_http *h = x->http;
    sleeper *s = &x->sleep;
    (void)pthread_mutex_lock(&h->sleep_lock);
    const bool sleeps = !atomic_load(&h->stopping) && !missed(h, x->wake_seen, x->a.topic);
    if (sleeps) {
        *s = (sleeper){x->q.connection, true, x->a.topic, due_ns, h->sleepers, NULL};
        if (s->next)
            s->next->before = s;
        h->sleepers = s;
        h->n_sleeper++;
        MHD_suspend_connection(s->connection);
    }
    (void)pthread_mutex_unlock(&h->sleep_lock);
    return sleeps;
}

void sg_http_wake(sg_http *h, const uint64_t *topic, int n)
{
    (void)pthread_mutex_lock(&h->sleep_lock);
    for (int i = 0; i < n; i++)
        h->woken[h->n_wake++ % WOKEN] = topic[i];
    for (sleeper *s = h->sleepers, *next; s; s = next) {
        next = s->next;
        bool named = false;
        for (int i = 0; i < n && s->topic; i++)
            named |= s->topic == topic[i];
        if (!named)
            continue;
        take_off(h, s);
        MHD_resume_connection(s->connection);
    }
    (void)pthread_mutex_unlock(&h->sleep_lock);
}

void sg_http_rouse(sg_http *h, bool all)
{
    const int64_t now = sg_clock_mono_ns();
    (void)pthread_mutex_lock(&h->sleep_lock);
    for (sleeper *s = h->sleepers, *next; s; s = next) {
        next = s->next;
        if (!all && s->due_ns > now)
            continue;
        take_off(h, s);
        MHD_resume_connection(s->connection);
    }
    (void)pthread_mutex_unlock(&h->sleep_lock);
}

void sg_http_sleep_forget(exchange *x)
{
    (void)pthread_mutex_lock(&x->http->sleep_lock);
    if (x->sleep.asleep)
        take_off(x->http, &x->sleep);
    (void)pthread_mutex_unlock(&x->http->sleep_lock);
}
