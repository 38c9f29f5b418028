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

typedef struct conn {
    int fd;
    atomic_int phase;
    atomic_llong since_ns;
    struct conn *next, *before;
} conn;

/* One request and its answer, from the request line to the last byte out. */
typedef struct exchange {
    sg_http *http;
    conn *conn;
    char *target; /* as it came, at most url_max + 1 bytes of it */
    int64_t started_ns;
    bool guarded, drain; /* drain: the body is too large, swallow it and then say so */
    sg_buf body;
    sg_request q;
    sg_answer a;
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
};

/* First look at the headers. Returns 0 to go on; otherwise an answer stands in x->a. *close: the connection cannot be
 * trusted any further (the body's length is unclear, or will not be read). *n_body: the announced length. */
int sg_http_guard(exchange *x, struct MHD_Connection *c, const char *method, const char *version, bool *close_it,
                  int64_t *n_body);

/* Finds the handler, or fills a 404/405. HEAD is answered by GET's. */
const sg_route *sg_http_find(exchange *x, const char *method);

#endif
