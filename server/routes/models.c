/* models.c - what can be asked for: GET /v1/models, /v1/models/{id}, /v1/models/{id}/panel. */
#include "routes/internal.h"

#include <stdio.h>
#include <string.h>

static bool may_look(const sg_service *s, const sg_request *q, sg_answer *a)
{
    sg_caller who;
    static const char *const none[] = {NULL};
    int64_t size, token;
    if (!sg_routes_caller(s, q, a, SG_SCOPE_MODELS_READ, &who) || !sg_routes_json_wanted(q, a) ||
        !sg_routes_page(q, a, none, &size, &token))
        return false;
    if (sg_jobs_know_models(s->jobs))
        return true;
    sg_answer_problem(a, q, 503, NULL, "the models are being opened");
    sg_answer_header(a, "Retry-After", "2");
    return false;
}

void sg_route_models(void *ctx, const sg_request *q, sg_answer *a)
{
    const sg_service *s = ctx;
    const sg_model_facts *m;
    if (!may_look(s, q, a))
        return;
    json_t *list = json_array();
    for (int i = 0; (m = sg_jobs_model_at(s->jobs, i)); i++) {
        json_error_t e;
        (void)json_array_append_new(list, json_loadb(m->card, m->n_card, 0, &e));
    }
    sg_routes_json(a, q, 200, json_pack("{s:o,s:n}", "models", list, "next_page_token"), true);
}

static void send_text(const sg_service *s, const sg_request *q, sg_answer *a, bool panel)
{
    char id[SG_CODE_TEXT];
    sg_err err = {0};
    if (!may_look(s, q, a))
        return;
    sg_request_segment(q, "/v1/models/{id}", 0, id, sizeof id);
    const sg_model_facts *m = sg_jobs_model(s->jobs, id);
    if (!m) {
        sg_answer_problem(a, q, 404, NULL, "there is no such model");
        return;
    }
    if (sg_buf_add(&a->body, panel ? m->panel : m->card, panel ? m->n_panel : m->n_card, &err)) {
        sg_answer_error(a, q, SG_NOMEM, &err);
        return;
    }
    (void)snprintf(a->type, sizeof a->type, "application/json");
    (void)snprintf(a->etag, sizeof a->etag, "%.32s", panel ? m->panel_tag : m->card_tag);
}

void sg_route_model(void *ctx, const sg_request *q, sg_answer *a)
{
    send_text(ctx, q, a, false);
}

void sg_route_panel(void *ctx, const sg_request *q, sg_answer *a)
{
    send_text(ctx, q, a, true);
}
