/* request.h - the body of POST /v1/jobs: any bytes in, a checked request or every mistake at once out.
 *
 * Shape:   {"model":..., "cohort":{"cases":..,"controls":..}} or {"model":..,"size":..,"case_fraction":..}; optional
 * seed, sampler, formats, name, callback_url. Units:   people. Owner:   plain values. Threads: safe. Not here: queues and quotas
 * (jobs.h), HTTP (routes/).
 */
#ifndef SG_SERVER_JOBS_REQUEST_H
#define SG_SERVER_JOBS_REQUEST_H

#include "store/store.h"

#include <jansson.h>

enum { SG_FIELD_ERRORS = 32, SG_JSON_DEPTH = 16, SG_SEED_BITS = 53 };

typedef struct sg_field_errors {
    int n; /* mistakes found; at most SG_FIELD_ERRORS are kept */
    struct {
        char pointer[128]; /* RFC 6901 */
        char detail[200];
    } row[SG_FIELD_ERRORS];
} sg_field_errors;

typedef struct sg_job_request {
    char model[SG_CODE_TEXT], name[SG_NAME_TEXT];
    char callback_url[SG_URL_TEXT]; /* "": none. A URL; whether its host may be called is the caller's question */
    int64_t n_case, n_control;
    int64_t seed;                  /* -1: not given */
    char options[SG_OPTIONS_TEXT]; /* {"formats":[...],"sampler":{...}}, canonical */
} sg_job_request;

/* FORMAT: not JSON (line and column in the message), nested deeper than SG_JSON_DEPTH, a member twice, or not an
 * object. LIMIT: JSON, but not a request: `errors` has one row per mistake. */
sg_status sg_job_request_parse(const void *body, size_t n, int64_t people_max, sg_job_request *out,
                               sg_field_errors *errors, sg_err *err) SG_MUST_USE;

/* Any bytes as a JSON object; new reference. FORMAT: not JSON, too deep, a member twice, no object. */
sg_status sg_json_object(const void *body, size_t n, json_t **out, sg_err *err) SG_MUST_USE;

/* An absolute http(s) URL without user, fragment, blanks or control characters. host receives "name" or "name:port" in
 * lower case, as it stands in the URL. */
bool sg_url_parse(const char *url, bool *tls, char *host, size_t n_host);

/* [{"pointer":...,"detail":...},...] */
sg_status sg_field_errors_json(const sg_field_errors *e, sg_buf *b, sg_err *err) SG_MUST_USE;
void sg_field_error(sg_field_errors *e, const char *pointer, const char *fmt, ...) SG_PRINTF(3, 4);

#endif
