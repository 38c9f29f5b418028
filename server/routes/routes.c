/* routes.c - the table of operations and what they share; see routes.h. */
#include "routes/internal.h"
#include "log/embed.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const sg_route sg_routes[] = {{"GET", "/livez", sg_route_livez, false},
                              {"GET", "/readyz", sg_route_readyz, false},
                              {"GET", "/openapi.json", sg_route_openapi, false},
                              {"GET", "/v1/models", sg_route_models, false},
                              {"GET", "/v1/models/{id}", sg_route_model, false},
                              {"GET", "/v1/models/{id}/panel", sg_route_panel, false},
                              {"GET", "/v1/jobs", sg_route_jobs_list, false},
                              {"POST", "/v1/jobs", sg_route_jobs_create, true},
                              {"GET", "/v1/jobs/{id}", sg_route_job_get, false},
                              {"DELETE", "/v1/jobs/{id}", sg_route_job_delete, false},
                              {"GET", "/v1/jobs/{id}/report", sg_route_job_report, false},
                              {"GET", "/v1/jobs/{id}/files/{name}", sg_route_job_file, false},
                              {"GET", "/v1/audit", sg_route_audit, false},
                              {NULL, NULL, NULL, false}};

/* ---- shared ---- */

bool sg_routes_caller(const sg_service *s, const sg_request *q, sg_answer *a, sg_scope scope, sg_caller *out)
{
    sg_err err = {0};
    const char *key = sg_http_bearer(sg_request_header(q, "Authorization"));
    const sg_status st = sg_auth_check(s->store, key ? key : "", out, &err);
    if (st == SG_PRIVACY) {
        sg_answer_problem(a, q, 401, NULL, "send a valid key: Authorization: Bearer sgk_...");
        sg_answer_header(a, "WWW-Authenticate",
                         key ? "Bearer realm=\"snpgen\", error=\"invalid_token\"" : "Bearer realm=\"snpgen\"");
        return false;
    }
    if (st) {
        sg_answer_error(a, q, st, &err);
        return false;
    }
    (void)snprintf(a->who, sizeof a->who, "%s", out->key_id);
    if (sg_auth_may(out, scope))
        return true;
    char words[SG_SCOPES_TEXT];
    sg_auth_scopes_print((unsigned)scope, words);
    sg_answer_problem(a, q, 403, NULL, "this key lacks the scope %s", words);
    sg_answer_header(a, "WWW-Authenticate", "Bearer realm=\"snpgen\", error=\"insufficient_scope\", scope=\"%s\"",
                     words);
    return false;
}

bool sg_routes_json_wanted(const sg_request *q, sg_answer *a)
{
    if (sg_request_accepts(q, "application/json"))
        return true;
    sg_answer_problem(a, q, 406, NULL, "this is available as application/json only");
    return false;
}

void sg_routes_json(sg_answer *a, const sg_request *q, int status, json_t *j, bool tagged)
{
    char *text = j ? json_dumps(j, JSON_COMPACT) : NULL;
    sg_err err = {0};
    sg_status st =
        text ? sg_buf_add(&a->body, text, strlen(text), &err) : sg_fail(&err, SG_NOMEM, "no memory for JSON");
    if (!st)
        st = sg_buf_add(&a->body, "\n", 1, &err);
    free(text);
    json_decref(j);
    if (st) {
        sg_answer_error(a, q, st, &err);
        return;
    }
    a->status = status;
    (void)snprintf(a->type, sizeof a->type, "application/json");
    if (tagged) {
        const sg_digest d = sg_sha256_of(a->body.data, a->body.n);
        sg_hex(d.b, 16, a->etag);
    }
}

static bool number_of(const char *s, int64_t max, int64_t *out)
{
    *out = 0;
    if (!*s || strlen(s) > 15)
        return false;
    for (; *s; s++) {
        if (!isdigit((unsigned char)*s))
            return false;
        *out = *out * 10 + (*s - '0');
    }
    return *out >= 1 && *out <= max;
}

bool sg_routes_page(const sg_request *q, sg_answer *a, const char *const *known, int64_t *size, int64_t *token)
{
    json_t *errors = json_array();
    *size = 20;
    *token = 0;
    for (int i = 0; i < q->n_query; i++) {
        const sg_http_pair *p = &q->query[i];
        const char *wrong = NULL;
        if (!strcmp(p->name, "page_size"))
            wrong = number_of(p->value, 100, size) ? NULL : "want 1..100";
        else if (!strcmp(p->name, "page_token"))
            wrong = p->value[0] == 'p' && number_of(p->value + 1, (int64_t)1 << 53, token)
                        ? NULL
                        : "is not a token this service gave";
        else
            wrong = "is not a parameter of this operation";
        for (int k = 0; wrong && known[k]; k++)
            if (!strcmp(p->name, known[k]))
                wrong = NULL;
        if (wrong)
            (void)json_array_append_new(errors, json_pack("{s:s,s:s}", "parameter", p->name, "detail", wrong));
    }
    const bool fine = json_array_size(errors) == 0;
    if (!fine) {
        char *text = json_dumps(errors, JSON_COMPACT);
        sg_answer_problem(a, q, 400, text, "the query has a parameter that cannot be used");
        free(text);
    }
    json_decref(errors);
    return fine;
}

bool sg_routes_job(const sg_service *s, const sg_request *q, sg_answer *a, const sg_caller *who, bool owner_only,
                   sg_job *out)
{
    char id[SG_ID_TEXT];
    sg_err err = {0};
    sg_request_segment(q, "/v1/jobs/{id}", 0, id, sizeof id);
    const sg_status st = sg_store_job_get(s->store, id, out, &err);
    if (st && st != SG_NOT_FOUND) {
        sg_answer_error(a, q, st, &err);
        return false;
    }
    const bool mine = !st && !strcmp(out->owner, who->owner);
    const bool admin = !st && !owner_only && (who->scopes & SG_SCOPE_ADMIN);
    if (mine || admin)
        return true;
    sg_answer_problem(a, q, 404, NULL, "there is no such job"); /* the same words for nobody's and somebody else's */
    return false;
}

/* ---- probes ---- */

void sg_route_livez(void *ctx, const sg_request *q, sg_answer *a)
{
    (void)ctx;
    sg_routes_json(a, q, 200, json_pack("{s:s}", "status", "ok"), false);
}

void sg_route_readyz(void *ctx, const sg_request *q, sg_answer *a)
{
    const sg_service *s = ctx;
    const char *why;
    sg_err err = {0};
    if (sg_store_ping(s->store, &err))
        sg_answer_problem(a, q, 503, NULL, "the database does not answer");
    else if (!sg_jobs_ready(s->jobs, &why))
        sg_answer_problem(a, q, 503, NULL, "%s", why);
    else
        sg_routes_json(a, q, 200, json_pack("{s:s}", "status", "ready"), false);
    if (a->status == 503)
        sg_answer_header(a, "Retry-After", "2");
}

void sg_route_openapi(void *ctx, const sg_request *q, sg_answer *a)
{
    const sg_embedded *e = &sg_embedded_openapi[0];
    sg_err err = {0};
    (void)ctx;
    if (!sg_routes_json_wanted(q, a))
        return;
    if (sg_buf_add(&a->body, e->data, e->n, &err)) {
        sg_answer_error(a, q, SG_NOMEM, &err);
        return;
    }
    (void)snprintf(a->type, sizeof a->type, "application/json");
    const sg_digest d = sg_sha256_of(e->data, e->n);
    sg_hex(d.b, 16, a->etag);
}
