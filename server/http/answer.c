/* answer.c - answers and problems; see http.h. */
#include "http/internal.h"
#include "log/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct {
    int status;
    const char *words;
} reason[] = {{200, "OK"},
              {201, "Created"},
              {202, "Accepted"},
              {204, "No Content"},
              {206, "Partial Content"},
              {304, "Not Modified"},
              {400, "Bad Request"},
              {401, "Unauthorized"},
              {403, "Forbidden"},
              {404, "Not Found"},
              {405, "Method Not Allowed"},
              {406, "Not Acceptable"},
              {409, "Conflict"},
              {410, "Gone"},
              {411, "Length Required"},
              {413, "Content Too Large"},
              {414, "URI Too Long"},
              {415, "Unsupported Media Type"},
              {416, "Range Not Satisfiable"},
              {422, "Unprocessable Content"},
              {429, "Too Many Requests"},
              {431, "Request Header Fields Too Large"},
              {500, "Internal Server Error"},
              {503, "Service Unavailable"},
              {507, "Insufficient Storage"}};

const char *sg_http_reason(int status)
{
    for (size_t i = 0; i < sizeof reason / sizeof reason[0]; i++)
        if (reason[i].status == status)
            return reason[i].words;
    return "Error";
}

int sg_http_status_of(sg_status st)
{
    static const int of[SG_N_STATUS] = {
        [SG_OK] = 200,      [SG_FORMAT] = 400,    [SG_MISMATCH] = 422, [SG_DEGENERATE] = 422,
        [SG_LIMIT] = 422,   [SG_NOT_FOUND] = 404, [SG_STATE] = 409,    [SG_CANCELLED] = 409,
        [SG_PRIVACY] = 403, [SG_NOMEM] = 503,     [SG_IO] = 503,       [SG_INTERNAL] = 500};
    return st < SG_N_STATUS ? of[st] : 500;
}

void sg_answer_header(sg_answer *a, const char *name, const char *fmt, ...)
{
    if (a->n_header == SG_HTTP_HEADERS)
        return;
    va_list ap;
    va_start(ap, fmt);
    a->header[a->n_header].name = name;
    (void)vsnprintf(a->header[a->n_header].value, sizeof a->header[0].value, fmt, ap);
    va_end(ap);
    a->n_header++;
}

void sg_answer_problem(sg_answer *a, const sg_request *q, int status, const char *errors, const char *fmt, ...)
{
    char detail[640];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(detail, sizeof detail, fmt, ap);
    va_end(ap);
    if (a->fd >= 0)
        (void)close(a->fd);
    a->fd = -1;
    a->put_off_ms = 0;
    a->status = status;
    a->etag[0] = '\0';
    a->has_repr = false;
    a->n_header = 0; /* those were meant for what this replaces */
    (void)snprintf(a->type, sizeof a->type, "application/problem+json");
    sg_buf_clear(&a->body);
    sg_status st = sg_buf_printf(&a->body, NULL, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"detail\":",
                                 sg_http_reason(status), status);
    if (!st)
        st = sg_json_quote(&a->body, detail, NULL);
    if (!st)
        st = sg_buf_printf(&a->body, NULL, ",\"instance\":\"urn:snpgen:request:%s\",\"request_id\":\"%s\"", q->id,
                           q->id);
    if (!st && errors)
        st = sg_buf_printf(&a->body, NULL, ",\"errors\":%s", errors);
    if (!st)
        st = sg_buf_add(&a->body, "}\n", 2, NULL);
    if (st)
        sg_buf_clear(&a->body); /* no memory for words: the status line alone */
}

void sg_answer_error(sg_answer *a, const sg_request *q, sg_status st, const sg_err *err)
{
    const int status = sg_http_status_of(st);
    if (status < 500) {
        sg_answer_problem(a, q, status, NULL, "%s", err->msg);
        return;
    }
    char members[64];
    (void)snprintf(members, sizeof members, "\"request_id\":\"%s\"", q->id);
    sg_logline(SG_LOG_ERROR, members, "%s: %s", sg_status_name(st), err->msg);
    sg_answer_problem(a, q, status, NULL,
                      status == 503 ? "the service cannot do this now; try again later"
                                    : "something went wrong here; the log has it under the request id");
    if (status == 503)
        sg_answer_header(a, "Retry-After", "5");
}
