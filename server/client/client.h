/* client.h - HTTP as a client, for the few calls that the service itself makes, and the only door to libcurl.
 *
 * Shape:   one call is one request to one address: no redirect is followed, no proxy, cookie or stored password is used,
 *          TLS is verified, the answer is cut off at a size. Which addresses may be called is decided after the name is
 *          resolved, when the socket is made, so that no name can point elsewhere in between.
 * Units:   ms, bytes.
 * Owner:   callers own every buffer.
 * Threads: safe; sg_client_begin first, once, before other threads and before the sandbox.
 * Not here: whom to call and when (auth/, hooks/).
 */
#ifndef SG_SERVER_CLIENT_CLIENT_H
#define SG_SERVER_CLIENT_CLIENT_H

#include "base/file.h"

#include <stdatomic.h>
#include <sys/socket.h>

enum { SG_NETWORKS = 32 };

/* Address ranges, as in "10.1.0.0/16 fd00::/8 192.0.2.7". */
typedef struct sg_networks {
    int n;
    struct {
        uint8_t base[16]; /* IPv4 as ::ffff:a.b.c.d */
        int bits;
    } row[SG_NETWORKS];
} sg_networks;

/* FORMAT: not that, or bits beyond the mask are set; LIMIT: too many. */
sg_status sg_networks_parse(const char *text, sg_networks *out, sg_err *err) SG_MUST_USE;
bool sg_networks_have(const sg_networks *n, const struct sockaddr *a);

bool sg_address_loopback(const struct sockaddr *a);
/* An address of the public Internet: not private, loopback, link-local, shared, reserved, multicast, for documentation,
 * nor an IPv4 address of that kind in IPv6 clothes. */
bool sg_address_public(const struct sockaddr *a);

typedef enum sg_client_reach {
    SG_REACH_PUBLIC,   /* public addresses and those of `also` */
    SG_REACH_LOOPBACK, /* this machine alone */
    SG_REACH_ANY       /* whatever the name says: for names an operator wrote */
} sg_client_reach;

typedef struct sg_client_call {
    const char *url;           /* http or https */
    const char *const *header; /* "Name: value", ended by NULL; NULL: none */
    const void *body;          /* NULL: GET; otherwise POST */
    size_t n_body;
    sg_client_reach reach;
    const sg_networks *also; /* NULL: none */
    int64_t timeout_ms;      /* for all of it */
    const atomic_bool *stop; /* NULL, or: once true, the call is broken off within a second (CANCELLED) */
} sg_client_call;

/* IO when libcurl does not start. */
sg_status sg_client_begin(sg_err *err) SG_MUST_USE;

/* *status: what the server answered, whatever that is; its body is appended to `answer`, whose maximum bounds it.
 * retry_after_s: of a Retry-After in seconds, 0: none. PRIVACY: the name led to an address that may not be called; LIMIT:
 * a longer answer (its status is known); FORMAT: no such URL; IO: no connection, no TLS, no answer in time. Messages name no path. */
sg_status sg_client_do(const sg_client_call *c, int *status, int64_t *retry_after_s, sg_buf *answer,
                       sg_err *err) SG_MUST_USE;

#endif
