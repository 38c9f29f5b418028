/* server.c - libmicrohttpd driven; see http.h.
 *
 * The order of its calls for one request: on_uri (request line read), on_request (headers read), on_request again for
 * each piece of the body and once more with none, on_done (answer sent or connection lost). on_connection brackets a
 * connection. */
#include "http/internal.h"
#include "base/clock.h"
#include "log/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DRAIN_MAX = 1 << 20, ANSWER_MAX = 64 << 20, PIECE_MAX = 1 << 20, BLOCK = 16384, TICK_MS = 100 };

static void set_phase(conn *c, phase p)
{
    if (!c)
        return;
    atomic_store(&c->since_ns, sg_clock_mono_ns());
    atomic_store(&c->phase, p);
}

/* ---- connections and their reaper ---- */

static void on_connection(void *ctx, struct MHD_Connection *c, void **slot, enum MHD_ConnectionNotificationCode code)
{
    sg_http *h = ctx;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *i = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
        conn *x = calloc(1, sizeof *x);
        *slot = x;
        if (!x || !i)
            return;
        x->fd = i->connect_fd;
        set_phase(x, PHASE_IDLE);
        (void)pthread_mutex_lock(&h->lock);
        x->next = h->conns;
        if (x->next)
            x->next->before = x;
        h->conns = x;
        (void)pthread_mutex_unlock(&h->lock);
        return;
    }
    conn *x = *slot;
    if (!x)
        return;
    (void)pthread_mutex_lock(&h->lock); /* after this the reaper cannot touch a descriptor that is about to be reused */
    if (x->before)
        x->before->next = x->next;
    else if (h->conns == x)
        h->conns = x->next;
    if (x->next)
        x->next->before = x->before;
    (void)pthread_mutex_unlock(&h->lock);
    free(x);
    *slot = NULL;
}

static void *reap(void *ctx)
{
    sg_http *h = ctx;
    const int64_t limit[] = {[PHASE_IDLE] = h->o.idle_s + h->o.request_s,
                             [PHASE_RECEIVING] = h->o.request_s,
                             [PHASE_ANSWERING] = h->o.response_s};
    (void)pthread_mutex_lock(&h->lock);
    for (int tick = 1; !h->stop_reaper; tick++) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until); /* the wall clock may jump */
        until.tv_nsec += TICK_MS * 1000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        (void)pthread_cond_timedwait(&h->wake, &h->lock, &until);
        sg_http_rouse(h, false);
        if (tick % (1000 / TICK_MS))
            continue;
        const int64_t now = sg_clock_mono_ns();
        for (conn *x = h->conns; x; x = x->next)
            if (now - atomic_load(&x->since_ns) > limit[atomic_load(&x->phase)] * 1000000000)
                (void)shutdown(x->fd, SHUT_RDWR); /* libmicrohttpd sees the end and cleans up */
    }
    (void)pthread_mutex_unlock(&h->lock);
    return NULL;
}

/* ---- one request ---- */

static void *on_uri(void *ctx, const char *uri, struct MHD_Connection *c)
{
    sg_http *h = ctx;
    exchange *x = calloc(1, sizeof *x);
    if (!x)
        return NULL;
    x->http = h;
    x->started_ns = sg_clock_mono_ns();
    x->target = strndup(uri, (size_t)h->o.url_max + 1);
    if (!x->target) {
        free(x);
        return NULL;
    }
    x->uri = uri;
    x->uri_bytes = strlen(uri);
    x->a.fd = -1;
    x->q.connection = c;
    sg_buf_init(&x->body, (size_t)h->o.body_max);
    sg_buf_init(&x->a.body, ANSWER_MAX);
    sg_buf_init(&x->piece, PIECE_MAX);
    (void)snprintf(x->q.id, sizeof x->q.id, "%08x%08x", h->id_prefix, atomic_fetch_add(&h->id_next, 1));
    const union MHD_ConnectionInfo *i = MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    x->conn = i ? i->socket_context : NULL;
    i = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (i && i->client_addr)
        (void)getnameinfo(i->client_addr,
                          i->client_addr->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                                                : sizeof(struct sockaddr_in),
                          x->q.peer, sizeof x->q.peer, NULL, 0, NI_NUMERICHOST);
    atomic_fetch_add(&h->in_flight, 1);
    set_phase(x->conn, PHASE_RECEIVING);
    return x;
}

static void end_stream(exchange *x)
{
    if (x->a.stream_end)
        x->a.stream_end(x->a.stream_ctx);
    x->a.stream = NULL;
    x->a.stream_end = NULL;
}

static void on_done(void *ctx, struct MHD_Connection *c, void **slot, enum MHD_RequestTerminationCode how)
{
    sg_http *h = ctx;
    exchange *x = *slot;
    (void)c;
    if (!x)
        return;
    sg_http_sleep_forget(x);
    end_stream(x);
    set_phase(x->conn, PHASE_IDLE);
    if (h->o.access) {
        const sg_http_access row = {x->q.id,
                                    x->q.method ? x->q.method : "",
                                    x->q.path,
                                    x->q.peer,
                                    x->a.who,
                                    x->route ? x->route->pattern : NULL,
                                    how == MHD_REQUEST_TERMINATED_COMPLETED_OK || x->status ? x->status : 0,
                                    x->sent,
                                    (double)(sg_clock_mono_ns() - x->started_ns) / 1e6};
        h->o.access(h->o.ctx, &row);
    }
    if (x->a.fd >= 0)
        (void)close(x->a.fd);
    sg_buf_clear(&x->body);
    sg_buf_clear(&x->a.body);
    sg_buf_clear(&x->piece);
    free(x->target);
    free(x);
    *slot = NULL;
    atomic_fetch_sub(&h->in_flight, 1);
}

const char *sg_request_header(const sg_request *q, const char *name)
{
    return q->connection ? MHD_lookup_connection_value(q->connection, MHD_HEADER_KIND, name) : NULL;
}

bool sg_request_accepts(const sg_request *q, const char *type)
{
    return sg_http_accepts(sg_request_header(q, "Accept"), type);
}

/* 304, ranges: what follows from the request's headers and a finished answer. *first, *n: the bytes of fd to send. */
static void apply_conditions(exchange *x, int64_t *first, int64_t *n)
{
    sg_answer *a = &x->a;
    *first = 0;
    *n = a->fd_bytes;
    if (a->status != 200 || !*a->etag)
        return;
    const char *none = sg_request_header(&x->q, "If-None-Match");
    if (none && sg_http_etag_in(none, a->etag)) {
        a->status = 304;
        a->has_repr = false;
        a->n_header = 0;
        sg_buf_clear(&a->body);
        if (a->fd >= 0)
            (void)close(a->fd);
        a->fd = -1;
        return;
    }
    if (a->fd < 0)
        return;
    sg_answer_header(a, "Accept-Ranges", "bytes");
    char strong[96];
    const char *if_range = sg_request_header(&x->q, "If-Range");
    (void)snprintf(strong, sizeof strong, "\"%s\"", a->etag);
    const char *range = sg_request_header(&x->q, "Range");
    if (!range || strcmp(x->q.method, "GET") || (if_range && strcmp(if_range, strong)))
        return;
    int64_t last;
    const sg_range_kind kind = sg_http_range(range, a->fd_bytes, first, &last);
    if (kind == SG_RANGE_PART) {
        a->status = 206;
        *n = last - *first + 1;
        sg_answer_header(a, "Content-Range", "bytes %lld-%lld/%lld", (long long)*first, (long long)last,
                         (long long)a->fd_bytes);
    } else if (kind == SG_RANGE_NONE) {
        const long long whole = (long long)a->fd_bytes;
        sg_answer_problem(a, &x->q, 416, NULL, "the file has %lld bytes", whole);
        sg_answer_header(a, "Content-Range", "bytes */%lld", whole);
    }
}

/* libmicrohttpd has room for `room` bytes of a stream. 0 after a suspension means: asked again once it is resumed. */
static ssize_t more_of_stream(void *ctx, uint64_t at, char *out, size_t room)
{
    exchange *x = ctx;
    sg_http *h = x->http;
    (void)at;
    while (x->piece_sent == x->piece.n) {
        if (x->stream_over)
            return MHD_CONTENT_READER_END_OF_STREAM;
        const int64_t now = sg_clock_mono_ns();
        x->piece.n = x->piece_sent = 0;
        x->wake_seen = sg_http_wakes(h);
        const bool last = atomic_load(&h->stopping) || now >= x->stream_due_ns;
        x->stream_over = !x->a.stream(x->a.stream_ctx, last, &x->piece) || last;
        if (x->piece.n == 0 && !x->stream_over && sg_http_sleep(x, now + x->a.beat_ms * 1000000))
            return 0;
    }
    const size_t left = x->piece.n - x->piece_sent, n = left < room ? left : room;
    memcpy(out, x->piece.data + x->piece_sent, n);
    x->piece_sent += n;
    x->sent += (int64_t)n;
    return (ssize_t)n;
}

static struct MHD_Response *make_stream(exchange *x)
{
    const int64_t last_s = x->http->o.stream_s < x->http->o.response_s ? x->http->o.stream_s : x->http->o.response_s;
    x->stream_due_ns = sg_clock_mono_ns() + last_s * 1000000000 - 500000000;
    return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, more_of_stream, x, NULL);
}

static struct MHD_Response *make_response(exchange *x)
{
    sg_answer *a = &x->a;
    int64_t first, n;
    if (a->stream && strcmp(x->q.method, "HEAD") != 0)
        return make_stream(x);
    end_stream(x);
    apply_conditions(x, &first, &n);
    struct MHD_Response *r;
    if (a->fd >= 0 && n > 0) {
        r = MHD_create_response_from_fd_at_offset64((uint64_t)n, a->fd, (uint64_t)first);
        if (r)
            a->fd = -1; /* libmicrohttpd's now */
        x->sent = n;
    } else {
        r = MHD_create_response_from_buffer(a->body.n, a->body.data, MHD_RESPMEM_MUST_FREE);
        x->sent = (int64_t)a->body.n;
        if (r)
            a->body = (sg_buf){.max = a->body.max};
    }
    return r;
}

/* false: not all of them, and an answer without one may mean something else. */
static bool add_headers(exchange *x, struct MHD_Response *r, bool close_it)
{
    const sg_answer *a = &x->a;
    char text[128];
    bool fine = true;
    fine &= MHD_YES == MHD_add_response_header(r, "X-Request-Id", x->q.id);
    fine &= MHD_YES == MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
    fine &= MHD_YES == MHD_add_response_header(r, "Cache-Control", *a->etag ? "private, no-cache" : "no-store");
    if (*a->type && a->status != 304 && a->status != 204)
        fine &= MHD_YES == MHD_add_response_header(r, "Content-Type", a->type);
    if (*a->etag) {
        (void)snprintf(text, sizeof text, "\"%s\"", a->etag);
        fine &= MHD_YES == MHD_add_response_header(r, "ETag", text);
    }
    if (a->has_repr) {
        char b64[48];
        sg_http_base64(a->repr.b, sizeof a->repr.b, b64);
        (void)snprintf(text, sizeof text, "sha-256=:%s:", b64);
        fine &= MHD_YES == MHD_add_response_header(r, "Repr-Digest", text);
    }
    for (int i = 0; i < a->n_header; i++)
        fine &= MHD_YES == MHD_add_response_header(r, a->header[i].name, a->header[i].value);
    if (close_it || atomic_load(&x->http->stopping))
        fine &= MHD_YES == MHD_add_response_header(r, "Connection", "close");
    return fine;
}

static enum MHD_Result send_answer(exchange *x, struct MHD_Connection *c, bool close_it)
{
    struct MHD_Response *r = make_response(x);
    if (!r)
        return MHD_NO;
    if (!add_headers(x, r, close_it)) {
        MHD_destroy_response(r);
        return MHD_NO;
    }
    x->status = x->a.status;
    set_phase(x->conn, PHASE_ANSWERING);
    const enum MHD_Result done = MHD_queue_response(c, (unsigned)x->a.status, r);
    MHD_destroy_response(r);
    return done;
}

static const char *known_method(const char *m)
{
    static const char *const known[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (!strcmp(m, known[i]))
            return known[i];
    return "?";
}

/* The headers are in. Refuses at once what need not be read on. */
static enum MHD_Result first_look(exchange *x, struct MHD_Connection *c, const char *method, const char *version)
{
    bool close_it;
    int64_t n_body;
    x->guarded = true;
    x->q.method = known_method(method);
    if (sg_http_guard(x, c, method, version, &close_it, &n_body))
        return send_answer(x, c, close_it);
    if (atomic_load(&x->http->stopping)) {
        sg_answer_problem(&x->a, &x->q, 503, NULL, "the service is stopping");
        sg_answer_header(&x->a, "Retry-After", "5");
        return send_answer(x, c, true);
    }
    if (n_body == 0)
        return MHD_YES;
    const sg_route *r = sg_http_find(x, method);
    if (!r)
        return send_answer(x, c, true);
    if (!r->takes_body) {
        sg_answer_problem(&x->a, &x->q, 400, NULL, "%s takes no body here", x->q.method);
        return send_answer(x, c, true);
    }
    /* A little too much is swallowed, so that the client hears why; a flood is cut off. */
    x->drain = n_body > x->http->o.body_max;
    if (n_body > x->http->o.body_max + DRAIN_MAX) {
        sg_answer_problem(&x->a, &x->q, 413, NULL, "the body has %lld bytes, at most %lld are read", (long long)n_body,
                          (long long)x->http->o.body_max);
        return send_answer(x, c, true);
    }
    return MHD_YES;
}

/* One call of the handler, on a clean answer. */
static void take_turn(exchange *x, const sg_route *r)
{
    sg_answer *a = &x->a;
    sg_buf_clear(&a->body);
    *a = (sg_answer){.fd = -1, .status = 200, .body = {.max = ANSWER_MAX}};
    x->q.last = atomic_load(&x->http->stopping) || (x->put_off_until_ns && sg_clock_mono_ns() >= x->put_off_until_ns);
    x->wake_seen = sg_http_wakes(x->http);
    r->handler(x->http->o.ctx, &x->q, a);
    if (x->http->o.starved && x->http->o.starved()) {
        const sg_err none = {.msg = "no memory for all of an answer"};
        end_stream(x);
        sg_answer_error(a, &x->q, SG_NOMEM, &none);
    }
    x->q.turn++;
    memcpy(x->q.note, a->note, sizeof x->q.note);
}

/* false: the answer is put off, and the connection sleeps. */
static bool answer(exchange *x, const char *method)
{
    const sg_route *r = sg_http_find(x, method);
    if (!r)
        return true;
    if (x->drain) {
        sg_answer_problem(&x->a, &x->q, 413, NULL, "the body has more than %lld bytes", (long long)x->http->o.body_max);
        return true;
    }
    x->route = r;
    x->q.body = x->body.data ? x->body.data : (const unsigned char *)"";
    x->q.n_body = x->body.n;
    for (;;) {
        take_turn(x, r);
        if (x->a.put_off_ms <= 0 || x->q.last)
            return true;
        if (!x->put_off_until_ns)
            x->put_off_until_ns = x->started_ns + x->a.put_off_ms * 1000000;
        if (sg_http_sleep(x, x->put_off_until_ns))
            return false;
    }
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *c, const char *url, const char *method,
                                  const char *version, const char *data, size_t *n, void **slot)
{
    exchange *x = *slot;
    (void)ctx;
    (void)url; /* decoded by libmicrohttpd: not used, see http.h */
    if (!x)
        return MHD_NO; /* out of memory when the request line came */
    if (!x->guarded)
        return first_look(x, c, method, version);
    if (*n > 0) {
        sg_err err;
        if (!x->drain && sg_buf_add(&x->body, data, *n, &err))
            return MHD_NO; /* no memory: its length was looked at before */
        *n = 0;
        return MHD_YES;
    }
    set_phase(x->conn, PHASE_ANSWERING);
    return answer(x, method) ? send_answer(x, c, false) : MHD_YES;
}

/* ---- start and stop ---- */

static size_t keep_escapes(void *ctx, struct MHD_Connection *c, char *s)
{
    (void)ctx;
    (void)c;
    return strlen(s); /* parse.c decodes, and refuses what must not be decoded */
}

static void on_log(void *ctx, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
static void on_log(void *ctx, const char *fmt, va_list ap)
{
    char text[512];
    (void)ctx;
    (void)vsnprintf(text, sizeof text, fmt, ap);
    text[strcspn(text, "\n")] = '\0';
    sg_logline(SG_LOG_DEBUG, NULL, "http: %s", text);
}

static sg_status port_of(int fd, int *port, sg_err *err)
{
    struct sockaddr_storage a;
    socklen_t n = sizeof a;
    if (getsockname(fd, (struct sockaddr *)&a, &n))
        return sg_fail(err, SG_IO, "the listening socket has no address: %s", strerror(errno));
    *port =
        ntohs(a.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&a)->sin6_port : ((struct sockaddr_in *)&a)->sin_port);
    return SG_OK;
}

static sg_status listen_on(const sg_http_options *o, int *fd, int *port, sg_err *err)
{
    char service[16];
    struct addrinfo want = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_PASSIVE}, *found;
    *fd = o->listen_fd;
    if (*fd >= 0)
        return port_of(*fd, port, err);
    (void)snprintf(service, sizeof service, "%d", (int)o->port);
    const int bad = getaddrinfo(o->listen, service, &want, &found);
    if (bad)
        return sg_fail(err, SG_FORMAT, "http.listen \"%s\" is no address: %s", o->listen, gai_strerror(bad));
    const int yes = 1;
    *fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const bool ok = *fd >= 0 && !setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) &&
                    !bind(*fd, found->ai_addr, found->ai_addrlen) && !listen(*fd, 1024);
    const int e = errno;
    freeaddrinfo(found);
    if (!ok) {
        if (*fd >= 0)
            (void)close(*fd);
        return sg_fail(err, SG_IO, "cannot listen on %s port %d: %s", o->listen, (int)o->port, strerror(e));
    }
    return port_of(*fd, port, err);
}

static struct MHD_Daemon *start_mhd(sg_http *h, int fd)
{
    const sg_http_options *o = &h->o;
    struct MHD_OptionItem item[] = {
        {MHD_OPTION_LISTEN_SOCKET, fd, NULL},
        {MHD_OPTION_CONNECTION_LIMIT, (intptr_t)o->connections_max, NULL},
        {MHD_OPTION_PER_IP_CONNECTION_LIMIT, (intptr_t)o->per_address_max, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, (intptr_t)o->idle_s, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, (intptr_t)(o->header_max + o->url_max + 32768), NULL},
        {MHD_OPTION_STRICT_FOR_CLIENT, 0, NULL}, /* its own refusals send their head twice; guard.c refuses */
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)on_done, h},
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, h},
        {MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)on_uri, h},
        {MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)keep_escapes, NULL},
        {o->threads > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, (intptr_t)o->threads, NULL},
        {MHD_OPTION_END, 0, NULL}};
    return MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
                            on_request, h, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL, MHD_OPTION_ARRAY, item,
                            MHD_OPTION_END);
}

sg_status sg_http_open(const sg_http_options *o, sg_http **out, sg_err *err)
{
    *out = NULL;
    int fd = -1;
    sg_http *h = calloc(1, sizeof *h);
    if (!h)
        return sg_fail(err, SG_NOMEM, "no memory for the HTTP server");
    h->o = *o;
    sg_status st = sg_random(&h->id_prefix, sizeof h->id_prefix, err);
    if (!st)
        st = listen_on(o, &fd, &h->port, err);
    if (st) {
        free(h);
        return st;
    }
    (void)pthread_mutex_init(&h->lock, NULL);
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&h->wake, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    sg_http_sleep_init(h);
    h->daemon = start_mhd(h, fd);
    if (!h->daemon || pthread_create(&h->reaper, NULL, reap, h)) {
        if (h->daemon)
            MHD_stop_daemon(h->daemon);
        else
            (void)close(fd);
        free(h);
        return sg_fail(err, SG_INTERNAL, "the HTTP server does not start");
    }
    *out = h;
    return SG_OK;
}

int sg_http_port(const sg_http *h)
{
    return h->port;
}

void sg_http_close(sg_http *h, int64_t grace_s)
{
    if (!h)
        return;
    /* MHD_quiesce_daemon would be the way to stop accepting, but with epoll it races with its own threads over the listen
     * socket and then aborts the process (daemon.c, "Failed to remove listen FD from epoll set"). So connections are
     * still accepted for this moment, and told 503. */
    atomic_store(&h->stopping, true);
    const int64_t until = sg_clock_mono_ns() + grace_s * 1000000000;
    sg_http_rouse(h, true);
    while (atomic_load(&h->in_flight) > 0 && sg_clock_mono_ns() < until)
        (void)usleep(20000);
    sg_http_rouse(h, true);     /* nobody: who was roused may not sleep again */
    MHD_stop_daemon(h->daemon); /* closes the listen socket too */
    (void)pthread_mutex_lock(&h->lock);
    h->stop_reaper = true;
    (void)pthread_cond_signal(&h->wake);
    (void)pthread_mutex_unlock(&h->lock);
    (void)pthread_join(h->reaper, NULL);
    (void)pthread_mutex_destroy(&h->lock);
    (void)pthread_cond_destroy(&h->wake);
    sg_http_sleep_clear(h);
    free(h);
}
