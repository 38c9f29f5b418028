/* http.h - HTTP/1.1 as the rest of snpgend sees it, and the only door to libmicrohttpd.
 *
 * Shape:   a request is read whole and checked before a handler sees it: one Host, one length, a decoded path without
 *          tricks, a bounded body. A handler fills an answer. Everything that is refused here is an RFC 9457 problem.
 * Units:   seconds and bytes as in config.
 * Owner:   sg_http_open/_close; request and answer live for one call of the handler.
 * Threads: handlers run on `threads` threads at once and must not block for long.
 * Not here: routes, keys, JSON.
 *
 * libmicrohttpd 0.9.75 accepts Content-Length beside Transfer-Encoding, repeated Host and Content-Length, "%00" in
 * paths, and times out on inactivity only. guard.c refuses the former, the reaper in server.c ends slow requests.
 */
#ifndef SG_SERVER_HTTP_HTTP_H
#define SG_SERVER_HTTP_HTTP_H

#include "base/file.h"
#include "crypto/crypto.h"

enum {
    SG_HTTP_PATH = 512,
    SG_HTTP_ID = 20,
    SG_HTTP_METHODS = 8,
    SG_HTTP_QUERY = 16,
    SG_HTTP_HEADERS = 12,
    SG_HTTP_VALUE = 640 /* of a header in an answer */
};

typedef struct sg_http_pair {
    char name[64];
    char value[256];
} sg_http_pair;

typedef struct sg_request {
    const char *method;
    char path[SG_HTTP_PATH]; /* decoded, UTF-8, no empty, "." or ".." segment */
    int n_query;
    sg_http_pair query[SG_HTTP_QUERY]; /* decoded, in order */
    const unsigned char *body;
    size_t n_body;
    char id[SG_HTTP_ID]; /* of this request, in the log and in X-Request-Id */
    char peer[64];
    int turn;         /* how often this handler was called for this request before; see put_off_ms */
    bool last;        /* there will be no further turn: answer now */
    char note[64];    /* what the handler wrote into a->note in the turn before */
    void *connection; /* private */
} sg_request;

/* A header of the request, NULL when absent. Names that may stand once only were checked. */
const char *sg_request_header(const sg_request *q, const char *name);
/* A query parameter, NULL when absent. */
const char *sg_request_query(const sg_request *q, const char *name);
/* Whether Accept (absent: everything) allows "type/subtype". */
bool sg_request_accepts(const sg_request *q, const char *type);

/* What is to be sent of a stream now, appended to out; nothing: the stream sleeps until it is woken or `beat_ms` is over.
 * last: the service stops or the stream is as old as it may get; say goodbye. false: the stream ends after these bytes. */
typedef bool sg_stream_fn(void *ctx, bool last, sg_buf *out);

typedef struct sg_answer {
    int status;
    char type[64]; /* Content-Type */
    sg_buf body;
    int fd; /* -1, or a file to send instead of the body; closed by the server */
    int64_t fd_bytes;
    char etag[80];  /* without quotes; "" none. A matching If-None-Match turns 200 into 304 */
    sg_digest repr; /* of the whole representation, for Repr-Digest */
    bool has_repr;
    int n_header;
    struct {
        const char *name; /* constant */
        char value[SG_HTTP_VALUE];
    } header[SG_HTTP_HEADERS];
    char who[80]; /* key id for the access log */

    /* > 0: no answer yet. The handler is called again (q->turn counts) when sg_http_wake names the topic, or when this
     * time is over, counted from its first call; then q->last is true. */
    int64_t put_off_ms;
    char note[64];  /* for the next turn */
    uint64_t topic; /* what an answer that is put off, or a stream, waits for; 0: only for time */

    /* Instead of a body: a stream. `ctx` is the handler's, given to stream_end once when it is over, however. */
    sg_stream_fn *stream;
    void (*stream_end)(void *ctx);
    void *stream_ctx;
    int64_t beat_ms; /* a sleeping stream is asked at least this often */
} sg_answer;

void sg_answer_header(sg_answer *a, const char *name, const char *fmt, ...) SG_PRINTF(3, 4);

/* Ends the answer as a problem: {"type":"about:blank","title","status","detail","instance","request_id"}. `errors` is
 * NULL or a JSON array (text) for the member "errors". Replaces what was in the body. */
void sg_answer_problem(sg_answer *a, const sg_request *q, int status, const char *errors, const char *fmt, ...)
    SG_PRINTF(5, 6);
/* The status of an sg_err as HTTP, one table: FORMAT 400, MISMATCH 422, ..., INTERNAL 500. Texts of 5xx stay in the
 * log. */
void sg_answer_error(sg_answer *a, const sg_request *q, sg_status st, const sg_err *err);
int sg_http_status_of(sg_status st);
const char *sg_http_reason(int status);

typedef void sg_handler(void *ctx, const sg_request *q, sg_answer *a);

/* {id} in a pattern matches one segment. Rows of one pattern stand together. */
typedef struct sg_route {
    const char *method, *pattern;
    sg_handler *handler;
    bool takes_body;
} sg_route;

/* The n-th {segment} of the path as matched by pattern, "" when there is none. */
void sg_request_segment(const sg_request *q, const char *pattern, int n, char *out, size_t n_out);

typedef struct sg_http_access {
    const char *request_id, *method, *path, *peer, *who;
    const char *pattern; /* of the operation; NULL: none was reached */
    int status;
    int64_t bytes;
    double ms;
} sg_http_access;

typedef struct sg_http_options {
    const char *listen;
    int listen_fd; /* -1, or a listening socket that somebody else opened: listen and port are not looked at then */
    int64_t port, threads, connections_max, per_address_max, idle_s, request_s, response_s, url_max, header_max,
        body_max, stream_s; /* stream_s: the most a stream lasts */
    const sg_route *route;  /* ended by a NULL method */
    void *ctx;
    bool (*starved)(
        void); /* NULL, or asked after each turn of a handler: its answer lacks something for want of memory */
    void (*access)(void *ctx, const sg_http_access *x);
} sg_http_options;

typedef struct sg_http sg_http;

/* Binds and serves. IO: the address cannot be bound (says why). */
sg_status sg_http_open(const sg_http_options *o, sg_http **out, sg_err *err) SG_MUST_USE;
int sg_http_port(const sg_http *h);
/* The same text gives the same topic, never 0. */
uint64_t sg_http_topic(const char *kind, const char *name);
/* Whoever waits for one of these topics is asked again. Safe from any thread; cheap when nobody waits. */
void sg_http_wake(sg_http *h, const uint64_t *topic, int n);
/* How many answers and streams wait now. */
int sg_http_waiting(sg_http *h);

/* Wakes everybody who waits, answers new requests with 503, lets those in flight finish for at most `grace_s`, then closes. Accepts NULL. */
void sg_http_close(sg_http *h, int64_t grace_s);

/* ---- for guard.c, range.c and their tests and fuzzers ---- */

/* Splits and decodes a request target (origin form, or absolute form whose authority equals host). FORMAT says what is
 * wrong; LIMIT: too many query parameters. */
sg_status sg_http_target(const char *target, const char *host, sg_request *q, sg_err *err) SG_MUST_USE;

typedef enum sg_range_kind { SG_RANGE_WHOLE, SG_RANGE_PART, SG_RANGE_NONE } sg_range_kind;
/* A Range header against n bytes: one range only; anything malformed or with several ranges means WHOLE (RFC 9110 14.2
 * lets a server ignore it); NONE: 416. */
sg_range_kind sg_http_range(const char *header, int64_t n, int64_t *first, int64_t *last);

/* Whether an If-None-Match / If-Match list (or "*") names etag (weak comparison). */
bool sg_http_etag_in(const char *list, const char *etag);
/* Whether an Accept header allows "type/subtype". */
bool sg_http_accepts(const char *accept, const char *type);
/* How much it wants that type, 0 (not at all) to 1000. */
int sg_http_quality(const char *accept, const char *type);
/* Standard base64, terminated; out has 4 * ((n + 2) / 3) + 1 bytes. */
void sg_http_base64(const uint8_t *b, size_t n, char *out);
/* The seconds of Prefer: wait=N (RFC 7240), -1 when it asks for no wait. */
int64_t sg_http_prefer_wait(const char *prefer);
/* An Idempotency-Key, an RFC 8941 string or a bare token: 1..255 visible ASCII characters. */
bool sg_http_key_ok(const char *key);
/* "Bearer xyz" -> xyz, NULL when it is anything else. */
const char *sg_http_bearer(const char *authorization);

#endif
