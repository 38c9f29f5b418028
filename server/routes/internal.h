/* internal.h - what handlers share. */
#ifndef SG_SERVER_ROUTES_INTERNAL_H
#define SG_SERVER_ROUTES_INTERNAL_H

#include "auth/auth.h"
#include "routes/routes.h"

#include <jansson.h>

/* The caller, when its key is good and has the scope; otherwise a 401 or 403 stands in a. */
bool sg_routes_caller(const sg_service *s, const sg_request *q, sg_answer *a, sg_scope scope, sg_caller *out);

/* 406 unless Accept allows JSON. */
bool sg_routes_json_wanted(const sg_request *q, sg_answer *a);

/* Takes j over and answers with it; tagged: a strong ETag from the bytes, so that a poll may end in 304. */
void sg_routes_json(sg_answer *a, const sg_request *q, int status, json_t *j, bool tagged);

/* Puts the answer off while `unfinished` and the caller would rather wait (Prefer: wait=N, at most http.wait_max_s); true:
 * the handler returns and is called again when the topic changes. Also says which preference was applied. */
bool sg_routes_wait(const sg_service *s, const sg_request *q, sg_answer *a, bool unfinished, uint64_t topic);

/* Link: the first page and, unless next is empty, the next one (RFC 8288), with the filters of this request. */
void sg_routes_links(const sg_request *q, sg_answer *a, const char *next);

/* A time: 2027-01-31 or 2027-01-31T12:00:00[.123]Z. */
bool sg_routes_time(const char *text, int64_t *ms);

/* An array of {"parameter","detail"} as a 400; takes it over. true: it was empty. */
bool sg_routes_no_errors(const sg_request *q, sg_answer *a, json_t *errors);

/* 415 unless the body is application/json. */
bool sg_routes_json_body(const sg_request *q, sg_answer *a);
/* A 422 with every mistake. */
void sg_routes_field_problem(const sg_request *q, sg_answer *a, const sg_field_errors *errors);

/* page_size (default 20, at most 100) and page_token (a row number), and no parameter outside `known`; otherwise a 400
 * with one error per parameter stands in a. */
bool sg_routes_page(const sg_request *q, sg_answer *a, const char *const *known, int64_t *size, int64_t *token);

/* The job of the path, when the caller may see it; otherwise a 404. owner_only: not even an admin. */
bool sg_routes_job(const sg_service *s, const sg_request *q, sg_answer *a, const sg_caller *who, bool owner_only,
                   sg_job *out);

/* The job as JSON; new reference. */
json_t *sg_routes_job_json(const sg_service *s, const sg_job *job);

#define X(name) void sg_route_##name(void *ctx, const sg_request *q, sg_answer *a);
#define SG_HANDLERS(X)                                                                                                 \
    X(livez)                                                                                                           \
    X(readyz)                                                                                                          \
    X(openapi)                                                                                                         \
    X(models)                                                                                                          \
    X(model)                                                                                                           \
    X(panel)                                                                                                           \
    X(jobs_create)                                                                                                     \
    X(jobs_list)                                                                                                       \
    X(job_get)                                                                                                         \
    X(job_delete)                                                                                                      \
    X(job_report)                                                                                                      \
    X(job_file)                                                                                                        \
    X(job_manifest)                                                                                                    \
    X(job_events)                                                                                                      \
    X(job_verify)                                                                                                      \
    X(job_verification)                                                                                                \
    X(job_decision)                                                                                                    \
    X(events)                                                                                                          \
    X(usage)                                                                                                           \
    X(keys_list)                                                                                                       \
    X(keys_create)                                                                                                     \
    X(key_get)                                                                                                         \
    X(key_delete)                                                                                                      \
    X(key_rotate)                                                                                                      \
    X(service_info)                                                                                                    \
    X(resource)                                                                                                        \
    X(audit)                                                                                                           \
    X(audit_checkpoint)                                                                                                \
    X(audit_key)                                                                                                       \
    X(audit_proof)                                                                                                     \
    X(metrics)
SG_HANDLERS(X)
#undef X

/* kept.c. The answer (body, type, ETag) that was kept for exactly this row of a finished job, or false. */
bool sg_routes_kept(const sg_job *job, sg_answer *a);
/* Keeps it, when the job is finished and the answer is a 200. */
void sg_routes_keep(const sg_job *job, const sg_answer *a);

#endif
