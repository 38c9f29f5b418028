/* routes.h - the service as HTTP: one handler per operation of api/openapi.yaml.
 *
 * Shape:   sg_routes, ended by a row whose method is NULL; the ctx of every handler is an sg_service.
 * Units:   -
 * Owner:   sg_service borrows everything.
 * Threads: handlers run on several threads at once.
 * Not here: what happens behind them (jobs/, release/), how HTTP is spoken (http/).
 */
#ifndef SG_SERVER_ROUTES_ROUTES_H
#define SG_SERVER_ROUTES_ROUTES_H

#include "auth/backoff.h"
#include "auth/tokens.h"
#include "http/http.h"
#include "jobs/jobs.h"

#include <stdatomic.h>

typedef struct sg_hub sg_hub;

typedef struct sg_service {
    const sg_config *config;
    sg_store *store;
    sg_jobs *jobs;
    const sg_release_place *place;
    int statm;             /* /proc/self/statm, opened before the sandbox; -1 */
    int64_t started_ms;    /* wall clock */
    atomic_bool *leaving;  /* the service is stopping: not ready any more */
    _Atomic(sg_hub *) hub; /* opened after the listener: NULL until then, and nobody is woken */
    sg_tokens *tokens;     /* NULL: only keys are taken */
    sg_backoff *backoff;
} sg_service;

/* What a request waits for whose token names a key that the issuer may have published meanwhile. */
uint64_t sg_routes_keys_topic(void);

/* The thread that tells sleeping requests of `http` what happened to jobs. Started after the listener, stopped before it.
 * INTERNAL, NOMEM. */
sg_status sg_hub_open(sg_service *s, sg_http *http, sg_hub **out, sg_err *err) SG_MUST_USE;
void sg_hub_stop(sg_hub *h);  /* nobody is woken any more; before sg_http_close, which ends the streams. Accepts NULL */
void sg_hub_close(sg_hub *h); /* after sg_http_close. Accepts NULL */

extern const sg_route sg_routes[];
extern const sg_route sg_admin_routes[]; /* of the admin listener: no keys, so keep it on a private address */

/* Once, before anything is made of JSON. */
void sg_routes_begin(void);
/* Whether the calling thread ran out of memory since it asked last: its answer may lack something. */
bool sg_routes_starved(void);

#endif
