/* internal.h - what the files of http/ share. */
#ifndef SG_SERVER_HTTP_INTERNAL_H
#define SG_SERVER_HTTP_INTERNAL_H

#include "http/http.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

/* What a connection is doing, for the reaper: each phase has its own limit, counted from its beginning, so that a byte
 * now and then buys nobody time. */
typedef enum phase { PHASE_IDLE, PHASE_RECEIVING, PHASE_ANSWERING } phase;

enum { WOKEN = 256 };

typedef struct conn {
    int fd;
    atomic_int phase;
    atomic_llong since_ns;
    struct conn *next, *before;
} conn;

/* Who sleeps: an exchange whose answer is put off, or whose stream has nothing to say. On the list while its connection
 * is suspended; whoever takes it off the list resumes the connection, once. */
typedef struct sleeper {
    struct MHD_Connection *connection;
    bool asleep;
    uint64_t topic;
    int64_t due_ns;
    struct sleeper *next, *before;
} sleeper;

/* One request and its answer, from the request line to the last byte out. */
typedef struct exchange {
    sg_http *http;
    conn *conn;
    char *target;    /* as it came, at most url_max + 1 bytes of it */
    const char *uri; /* libmicrohttpd's own copy of it; read by guard.c alone, before the first answer */
    size_t uri_bytes;
    int64_t started_ns;
    const sg_route *route; /* whose handler ran; NULL: refused before */
    bool guarded, drain;   /* drain: the body is too large, swallow it and then say so */
    sg_buf body;
    sg_request q;
    sg_answer a;
    sleeper sleep;
    int64_t put_off_until_ns; /* 0: not put off yet */
    int64_t wake_seen;        /* wake-ups before the handler last looked */
    sg_buf piece;             /* of a stream: what it said and was not sent yet */
    size_t piece_sent;
    int64_t stream_due_ns; /* then it ends */
    bool stream_over;
    int status; /* what was sent */
    int64_t sent;
} exchange;

struct sg_http {
    sg_http_options o;
    struct MHD_Daemon *daemon;
    int port;
    uint32_t id_prefix;
    atomic_uint id_next;
    atomic_int in_flight;
    atomic_bool stopping;
    pthread_t reaper;
    pthread_mutex_t lock; /* guards conns and stop_reaper */
    pthread_cond_t wake;
    conn *conns;
    bool stop_reaper;

    pthread_mutex_t sleep_lock; /* guards from here on */
    sleeper *sleepers;
    int n_sleeper;
    int64_t n_wake; /* wake-ups so far; the newest topics are kept, so that none is lost between look and sleep */
    uint64_t woken[WOKEN];
};

/* First look at the headers. Returns 0 to go on; otherwise an answer stands in x->a. *close: the connection cannot be
 * trusted any further (the body's length is unclear, or will not be read). *n_body: the announced length. */
int sg_http_guard(exchange *x, struct MHD_Connection *c, const char *method, const char *version, bool *close_it,
                  int64_t *n_body);

/* Finds the handler, or fills a 404/405. HEAD is answered by GET's. */
const sg_route *sg_http_find(exchange *x, const char *method);

/* ---- sleep.c ---- */
void sg_http_sleep_init(sg_http *h);
void sg_http_sleep_clear(sg_http *h);
int64_t sg_http_wakes(sg_http *h);
/* Suspends the connection until `due_ns` or a wake-up of its topic. false: that came meanwhile (since x->wake_seen), or the
 * service stops: look again. */
bool sg_http_sleep(exchange *x, int64_t due_ns);
/* Resumes whoever has slept long enough; all of them when the service stops. */
void sg_http_rouse(sg_http *h, bool all);
/* Off the list, without resuming: the connection is gone. */
void sg_http_sleep_forget(exchange *x);

#endif
