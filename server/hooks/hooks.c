/* hooks.c - the lanes that empty the table of calls; see hooks.h. */
#include "hooks/hooks.h"
#include "base/clock.h"
#include "jobs/request.h"
#include "log/log.h"
#include "metrics/metrics.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { LANES = 4, DUE = 128, LOOK_MS = 200, DAY_MS = 86400000, ANSWER_MAX = 65536, OUTCOME = 160 };

typedef struct lane {
    sg_hooks *hooks;
    int number;
    pthread_t thread;
    bool started;
    sg_delivery due[DUE];
} lane;

struct sg_hooks {
    const sg_config *config;
    sg_store *store;
    const sg_signer *key;
    sg_hook_secret secret;
    sg_networks also;
    atomic_bool stop;
    lane lane[LANES];
};

bool sg_hook_allowed(const sg_config *c, const char *url)
{
    char host[256];
    bool tls;
    if (!sg_url_parse(url, &tls, host, sizeof host) || (!tls && !c->webhook_http))
        return false;
    const size_t n = strlen(host);
    for (const char *p = c->webhook_hosts; *p;) {
        p += strspn(p, " ,");
        const size_t k = strcspn(p, " ,");
        if (k == n && n > 0 && !strncasecmp(p, host, n))
            return true;
        p += k;
    }
    return false;
}

int64_t sg_hook_wait_ms(int64_t first_s, int attempts)
{
    int64_t ms = first_s * 1000;
    for (int i = 1; i < attempts && ms < DAY_MS; i++)
        ms *= 4;
    return ms < DAY_MS ? ms : DAY_MS;
}

static int lane_of(const char *url)
{
    char host[256] = "";
    bool tls;
    (void)sg_url_parse(url, &tls, host, sizeof host);
    return sg_sha256_of(host, strlen(host)).b[0] % LANES;
}

/* ---- one call ---- */

static sg_status write_body(const sg_delivery *d, sg_buf *b, sg_err *err)
{
    char at[SG_TIME_BYTES];
    const char *state = sg_job_state_name(d->state);
    sg_clock_rfc3339(d->at_ms, at);
    SG_TRY(sg_buf_printf(b, err, "{\"type\":\"job.%s\",\"timestamp\":\"%s\",\"data\":{\"job\":\"%s\",\"state\":\"%s\"",
                         state, at, d->job, state));
    if (!*d->reason)
        return sg_buf_printf(b, err, "}}");
    SG_TRY(sg_buf_printf(b, err, ",\"reason\":"));
    SG_TRY(sg_json_quote(b, d->reason, err));
    return sg_buf_printf(b, err, "}}");
}

static sg_status call(sg_hooks *h, const sg_delivery *d, int *status, int64_t *retry_after_s, sg_err *err)
{
    char id[96], header_id[128], header_time[64];
    const int64_t now_s = sg_clock_wall_ms() / 1000;
    sg_buf body, signature, answer;
    sg_buf_init(&body, 4096);
    sg_buf_init(&signature, 1024);
    sg_buf_init(&answer, ANSWER_MAX);
    (void)snprintf(id, sizeof id, "msg_%s_%lld", d->job, (long long)d->id);
    (void)snprintf(header_id, sizeof header_id, "webhook-id: %s", id);
    (void)snprintf(header_time, sizeof header_time, "webhook-timestamp: %lld", (long long)now_s);
    sg_status st = write_body(d, &body, err);
    if (!st)
        st = sg_buf_printf(&signature, err, "webhook-signature: ");
    if (!st)
        st = sg_hook_sign(h->key, &h->secret, id, now_s, (const char *)body.data, body.n, &signature, err);
    if (!st) {
        const char *const header[] = {"Content-Type: application/json", header_id, header_time,
                                      (const char *)signature.data,     "Expect:", NULL};
        const sg_client_call c = {.url = d->url,
                                  .header = header,
                                  .body = body.data,
                                  .n_body = body.n,
                                  .reach = SG_REACH_PUBLIC,
                                  .also = &h->also,
                                  .timeout_ms = h->config->webhook_timeout_s * 1000,
                                  .stop = &h->stop};
        st = sg_client_do(&c, status, retry_after_s, &answer, err);
    }
    sg_buf_clear(&body);
    sg_buf_clear(&signature);
    sg_buf_clear(&answer);
    return st;
}

/* ---- what came of it ---- */

static void count(const char *outcome)
{
    char label[64];
    (void)snprintf(label, sizeof label, "outcome=\"%s\"", outcome);
    sg_metrics_add(SG_COUNT_webhooks, label, 1);
}

static void note(sg_hooks *h, const sg_delivery *d, const char *label, bool done, int64_t wait_ms, const char *outcome)
{
    const int64_t now = sg_clock_wall_ms();
    char members[96];
    sg_err err = {0};
    count(label);
    (void)snprintf(members, sizeof members, "\"job\":\"%s\",\"attempt\":%d", d->job, d->attempts + 1);
    if (done && !strcmp(label, "delivered"))
        sg_logline(SG_LOG_INFO, members, "a webhook is delivered: %s", outcome);
    else if (done)
        sg_logline(SG_LOG_WARN, members, "a webhook is given up: %s", outcome);
    else
        sg_logline(SG_LOG_INFO, members, "a webhook is tried again in %lld s: %s", (long long)(wait_ms / 1000),
                   outcome);
    if (sg_store_delivery_tried(h->store, d->id, done, now, now + wait_ms, outcome, &err))
        sg_logline(SG_LOG_ERROR, members, "%s", err.msg);
}

/* A tenth more or less, so that what failed together does not come back together. */
static int64_t jitter(int64_t ms)
{
    uint16_t r = 0;
    if (sg_random(&r, sizeof r, NULL))
        r = 0;
    return ms - ms / 10 + ms / 5 * r / 65536;
}

static void deliver(sg_hooks *h, const sg_delivery *d)
{
    char outcome[OUTCOME];
    int status = 0;
    int64_t retry_after_s = 0;
    sg_err err = {0};
    if (!sg_hook_allowed(h->config, d->url)) {
        note(h, d, "refused", true, 0, "webhooks.hosts does not allow its host any more");
        return;
    }
    const sg_status st = call(h, d, &status, &retry_after_s, &err);
    if (st && atomic_load(&h->stop))
        return; /* broken off: not an attempt */
    if (st && st != SG_LIMIT)
        (void)snprintf(outcome, sizeof outcome, "%.*s", OUTCOME - 1, err.msg);
    else
        (void)snprintf(outcome, sizeof outcome, "the answer is %d", status);
    int64_t wait = jitter(sg_hook_wait_ms(h->config->webhook_retry_s, d->attempts + 1));
    if (retry_after_s > wait / 1000)
        wait = retry_after_s < DAY_MS / 1000 ? retry_after_s * 1000 : DAY_MS;
    const bool answered = !st || st == SG_LIMIT; /* how long the answer is does not matter */
    if (answered && status >= 200 && status < 300)
        note(h, d, "delivered", true, 0, outcome);
    else if ((answered && status == 410) || d->attempts + 1 >= h->config->webhook_attempts)
        note(h, d, "given_up", true, 0, outcome);
    else
        note(h, d, "failed", false, wait, outcome);
}

/* ---- lanes ---- */

static void empty_lane(lane *l, int64_t *next_ms)
{
    sg_hooks *h = l->hooks;
    int n = 0;
    sg_err err = {0};
    if (sg_store_delivery_due(h->store, sg_clock_wall_ms(), DUE, l->due, &n, next_ms, &err)) {
        sg_logline(SG_LOG_ERROR, NULL, "webhooks: %s", err.msg);
        n = 0;
    }
    for (int i = 0; i < n && !atomic_load(&h->stop); i++)
        if (lane_of(l->due[i].url) == l->number)
            deliver(h, &l->due[i]);
}

/* Looks into the table when the database changed, when a call becomes due, and now and then. */
static void *run(void *ctx)
{
    lane *l = ctx;
    const struct timespec pause = {0, LOOK_MS * 1000000L};
    int64_t seen = -1, next_ms = 0, looked_ns = 0;
    while (!atomic_load(&l->hooks->stop)) {
        const int64_t changes = sg_store_changes(l->hooks->store), now = sg_clock_mono_ns();
        if (changes != seen || (next_ms && next_ms <= sg_clock_wall_ms()) || now - looked_ns > 10000000000) {
            seen = changes;
            looked_ns = now;
            empty_lane(l, &next_ms);
        }
        (void)nanosleep(&pause, NULL);
    }
    return NULL;
}

sg_status sg_hooks_open(const sg_config *config, sg_store *store, const sg_signer *key, const sg_hook_secret *secret,
                        sg_hooks **out, sg_err *err)
{
    *out = NULL;
    sg_hooks *h = calloc(1, sizeof *h);
    if (!h)
        return sg_fail(err, SG_NOMEM, "no memory for webhooks");
    h->config = config;
    h->store = store;
    h->key = key;
    h->secret = *secret;
    sg_status st = sg_networks_parse(config->webhook_networks, &h->also, err);
    if (st)
        st = sg_fail_in(err, SG_FORMAT, "webhooks.networks");
    for (int i = 0; i < LANES && !st; i++) {
        h->lane[i].hooks = h;
        h->lane[i].number = i;
        h->lane[i].started = !pthread_create(&h->lane[i].thread, NULL, run, &h->lane[i]);
        if (!h->lane[i].started)
            st = sg_fail(err, SG_INTERNAL, "a thread for webhooks does not start");
    }
    if (st)
        sg_hooks_close(h);
    else
        *out = h;
    return st;
}

void sg_hooks_close(sg_hooks *h)
{
    if (!h)
        return;
    atomic_store(&h->stop, true);
    for (int i = 0; i < LANES; i++)
        if (h->lane[i].started)
            (void)pthread_join(h->lane[i].thread, NULL);
    explicit_bzero(&h->secret, sizeof h->secret);
    free(h);
}
