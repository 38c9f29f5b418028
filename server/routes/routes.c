/* routes.c - the table of operations and what they share; see routes.h. */
#include "routes/internal.h"
#include "audit/audit.h"
#include "base/clock.h"
#include "base/json.h"
#include "log/embed.h"
#include "metrics/metrics.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { KEYS_WAIT_MS = 6000 }; /* longer than a reading of the issuer's keys may take */

const sg_route sg_routes[] = {{"GET", "/livez", sg_route_livez, false},
                              {"GET", "/readyz", sg_route_readyz, false},
                              {"GET", "/openapi.json", sg_route_openapi, false},
                              {"GET", "/service-info", sg_route_service_info, false},
                              {"GET", "/.well-known/oauth-protected-resource", sg_route_resource, false},
                              {"GET", "/v1/models", sg_route_models, false},
                              {"GET", "/v1/models/{id}", sg_route_model, false},
                              {"GET", "/v1/models/{id}/panel", sg_route_panel, false},
                              {"GET", "/v1/jobs", sg_route_jobs_list, false},
                              {"POST", "/v1/jobs", sg_route_jobs_create, true},
                              {"GET", "/v1/jobs/{id}", sg_route_job_get, false},
                              {"DELETE", "/v1/jobs/{id}", sg_route_job_delete, false},
                              {"GET", "/v1/jobs/{id}/report", sg_route_job_report, false},
                              {"GET", "/v1/jobs/{id}/files/{name}", sg_route_job_file, false},
                              {"GET", "/v1/jobs/{id}/manifest", sg_route_job_manifest, false},
                              {"GET", "/v1/jobs/{id}/events", sg_route_job_events, false},
                              {"POST", "/v1/jobs/{id}/decision", sg_route_job_decision, true},
                              {"POST", "/v1/jobs/{id}/verify", sg_route_job_verify, true},
                              {"GET", "/v1/jobs/{id}/verification", sg_route_job_verification, false},
                              {"GET", "/v1/events", sg_route_events, false},
                              {"GET", "/v1/usage", sg_route_usage, false},
                              {"GET", "/v1/keys", sg_route_keys_list, false},
                              {"POST", "/v1/keys", sg_route_keys_create, true},
                              {"GET", "/v1/keys/{id}", sg_route_key_get, false},
                              {"DELETE", "/v1/keys/{id}", sg_route_key_delete, false},
                              {"POST", "/v1/keys/{id}/rotate", sg_route_key_rotate, true},
                              {"GET", "/v1/audit", sg_route_audit, false},
                              {"GET", "/v1/audit/checkpoint", sg_route_audit_checkpoint, false},
                              {"GET", "/v1/audit/key", sg_route_audit_key, false},
                              {"GET", "/v1/audit/proof", sg_route_audit_proof, false},
                              {NULL, NULL, NULL, false}};

const sg_route sg_admin_routes[] = {{"GET", "/metrics", sg_route_metrics, false},
                                    {"GET", "/livez", sg_route_livez, false},
                                    {"GET", "/readyz", sg_route_readyz, false},
                                    {NULL, NULL, NULL, false}};

/* ---- memory ---- */

/* jansson leaves a member out, or takes a body for malformed, when there is no memory for it, and mostly nobody is told. So its
 * failures are remembered by the thread that had them, and the answer is replaced. */
static _Thread_local bool starved;

static void *json_memory(size_t n)
{
    void *p = malloc(n);
    starved |= !p;
    return p;
}

void sg_routes_begin(void)
{
    json_set_alloc_funcs(json_memory, free);
}

bool sg_routes_starved(void)
{
    const bool was = starved;
    starved = false;
    return was;
}

/* ---- shared ---- */

uint64_t sg_routes_keys_topic(void)
{
    return sg_http_topic("issuer", "keys");
}

static void challenge(const sg_service *s, sg_answer *a, const char *error, const char *scope)
{
    const sg_config *c = s->config;
    char where[SG_CONFIG_TEXT + 64] = "";
    if (s->tokens && *c->service_url && !strpbrk(c->service_url, "\"\\"))
        (void)snprintf(where, sizeof where, ", resource_metadata=\"%s/.well-known/oauth-protected-resource\"",
                       c->service_url);
    sg_answer_header(a, "WWW-Authenticate", "Bearer realm=\"snpgen\"%s%s%s%s%s%s%s", *error ? ", error=\"" : "", error,
                     *error ? "\"" : "", *scope ? ", scope=\"" : "", scope, *scope ? "\"" : "", where);
}

/* The same words whatever was wrong; whoever is wrong too often hears them later each time. */
static void turn_away(const sg_service *s, const sg_request *q, sg_answer *a, bool came_with_one)
{
    const int64_t wait = q->turn || !s->backoff ? 0 : sg_backoff_failed(s->backoff, q->peer, sg_clock_mono_ns());
    if (wait > 0 && !q->last) {
        a->put_off_ms = wait;
        a->topic = 0;
        return;
    }
    sg_metrics_add(SG_COUNT_auth_failures, "", 1);
    sg_answer_problem(a, q, 401, NULL, "send a valid key: Authorization: Bearer sgk_...%s",
                      s->tokens ? ", or a token of the issuer that /.well-known/oauth-protected-resource names" : "");
    challenge(s, a, came_with_one ? "invalid_token" : "", "");
}

bool sg_routes_caller(const sg_service *s, const sg_request *q, sg_answer *a, sg_scope scope, sg_caller *out)
{
    sg_err err = {0};
    sg_audit_from(q->peer);
    const char *key = sg_http_bearer(sg_request_header(q, "Authorization"));
    const bool token = s->tokens && key && strncmp(key, "sgk_", 4) != 0 && strchr(key, '.');
    sg_status st = token ? sg_tokens_check(s->tokens, s->store, key, q->id, out, &err)
                         : sg_auth_check(s->store, key ? key : "", out, &err);
    if (token && st == SG_STATE && !q->turn && !q->last) {
        a->put_off_ms = KEYS_WAIT_MS;
        a->topic = sg_routes_keys_topic();
        return false;
    }
    if (st == SG_PRIVACY || (token && st == SG_STATE)) {
        turn_away(s, q, a, key != NULL);
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
    sg_answer_problem(a, q, 403, NULL, "this %s lacks the scope %s", token ? "token" : "key", words);
    challenge(s, a, "insufficient_scope", words);
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
    char *text = j ? sg_json_text(j, JSON_COMPACT) : NULL;
    sg_err err = {0};
    sg_status st =
        text ? sg_buf_add(&a->body, text, strlen(text), &err) : sg_fail(&err, SG_NOMEM, "no memory for JSON");
    if (!st)
        st = sg_buf_add(&a->body, "\n", 1, &err);
    free(text);
    json_decref(j);
    if (st) {
        starved = true; /* whatever the caller adds to it, the answer is replaced */
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

static bool count_of(const char *s, int64_t max, int64_t *out)
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
            wrong = count_of(p->value, 100, size) ? NULL : "want 1..100";
        else if (!strcmp(p->name, "page_token"))
            wrong = p->value[0] == 'p' && count_of(p->value + 1, (int64_t)1 << 53, token)
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
    return sg_routes_no_errors(q, a, errors);
}

bool sg_routes_no_errors(const sg_request *q, sg_answer *a, json_t *errors)
{
    const bool fine = json_array_size(errors) == 0;
    if (!fine) {
        char *text = sg_json_text(errors, JSON_COMPACT);
        sg_answer_problem(a, q, 400, text, "the query has a parameter that cannot be used");
        free(text);
    }
    json_decref(errors);
    return fine;
}

bool sg_routes_time(const char *text, int64_t *ms)
{
    struct tm tm = {0};
    int thousandths = 0, used = 0;
    const char *end = strptime(text, strchr(text, 'T') ? "%Y-%m-%dT%H:%M:%S" : "%Y-%m-%d", &tm);
    if (end && *end == '.' && sscanf(end, ".%3d%n", &thousandths, &used) == 1 && used == 4 && thousandths >= 0)
        end += used;
    if (end && *end == 'Z' && strchr(text, 'T'))
        end++;
    else if (end && strchr(text, 'T'))
        return false; /* a time of day without its zone says too little */
    *ms = (int64_t)timegm(&tm) * 1000 + thousandths;
    return end && !*end && *ms >= 0;
}

static void add_encoded(char *out, size_t room, const char *text)
{
    size_t n = strlen(out);
    for (const unsigned char *p = (const unsigned char *)text; *p && n + 4 < room; p++)
        n += (size_t)snprintf(out + n, room - n, isalnum(*p) || strchr("-._~", *p) ? "%c" : "%%%02X", *p);
}

void sg_routes_links(const sg_request *q, sg_answer *a, const char *next)
{
    char filters[SG_HTTP_VALUE / 3] = "";
    for (int i = 0; i < q->n_query; i++) {
        if (!strcmp(q->query[i].name, "page_token"))
            continue;
        strncat(filters, *filters ? "&" : "?", sizeof filters - strlen(filters) - 1);
        add_encoded(filters, sizeof filters, q->query[i].name);
        strncat(filters, "=", sizeof filters - strlen(filters) - 1);
        add_encoded(filters, sizeof filters, q->query[i].value);
    }
    if (strlen(filters) + 8 > sizeof filters)
        return; /* half a filter would be another list; next_page_token is in the body */
    if (*next)
        sg_answer_header(a, "Link", "<%s%s>; rel=\"first\", <%s%s%spage_token=%s>; rel=\"next\"", q->path, filters,
                         q->path, filters, *filters ? "&" : "?", next);
    else
        sg_answer_header(a, "Link", "<%s%s>; rel=\"first\"", q->path, filters);
}

bool sg_routes_wait(const sg_service *s, const sg_request *q, sg_answer *a, bool unfinished, uint64_t topic)
{
    int64_t wait = sg_http_prefer_wait(sg_request_header(q, "Prefer"));
    if (wait < 0)
        return false;
    if (wait > s->config->http_wait_max_s)
        wait = s->config->http_wait_max_s;
    if (unfinished && !q->last && wait > 0) {
        a->put_off_ms = wait * 1000;
        a->topic = topic;
        return true;
    }
    sg_answer_header(a, "Preference-Applied", "wait=%lld", (long long)wait);
    return false;
}

bool sg_routes_json_body(const sg_request *q, sg_answer *a)
{
    const char *type = sg_request_header(q, "Content-Type");
    const size_t n = type ? strcspn(type, "; \t") : 0;
    if (n == 16 && !strncasecmp(type, "application/json", 16))
        return true;
    sg_answer_problem(a, q, 415, NULL, "send Content-Type: application/json");
    return false;
}

void sg_routes_field_problem(const sg_request *q, sg_answer *a, const sg_field_errors *errors)
{
    sg_buf b;
    sg_buf_init(&b, 1 << 16);
    const bool ok = sg_field_errors_json(errors, &b, NULL) == SG_OK;
    sg_answer_problem(a, q, 422, ok ? (const char *)b.data : NULL, "%d part%s of the request cannot be served",
                      errors->n, errors->n == 1 ? "" : "s");
    sg_buf_clear(&b);
}

bool sg_routes_job(const sg_service *s, const sg_request *q, sg_answer *a, const sg_caller *who, bool owner_only,
                   sg_job *out)
{
    char id[SG_ID_TEXT];
    sg_err err = {0};
    sg_request_segment(q, "/v1/jobs/{id}", 0, id, sizeof id);
    const sg_job_sight sight = {.owner = who->owner,
                                .everybodys = !owner_only && (who->scopes & SG_SCOPE_ADMIN),
                                .withheld = !owner_only && (who->scopes & SG_SCOPE_RELEASE_REVIEW)};
    const sg_status st = sg_store_job_seen(s->store, id, &sight, out, &err);
    if (st && st != SG_NOT_FOUND)
        sg_answer_error(a, q, st, &err);
    if (st != SG_NOT_FOUND)
        return !st;
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
    if (s->leaving && atomic_load(s->leaving))
        sg_answer_problem(a, q, 503, NULL, "the service is stopping");
    else if (sg_store_ping(s->store, &err))
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
