/* keys.c - /v1/keys: making, showing, rotating and revoking API keys, for admins. */
#include "routes/internal.h"
#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static json_t *when(int64_t ms)
{
    char text[SG_TIME_BYTES];
    if (ms == 0)
        return json_null();
    sg_clock_rfc3339(ms, text);
    return json_string(text);
}

static sg_status add_limit(void *ctx, const char *model, int64_t people_day, sg_err *err)
{
    (void)err;
    (void)json_object_set_new(ctx, model, json_integer(people_day));
    return SG_OK;
}

static json_t *scopes_json(unsigned scopes)
{
    char words[SG_SCOPES_TEXT], *save;
    json_t *list = json_array();
    sg_auth_scopes_print(scopes, words);
    for (char *w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save))
        (void)json_array_append_new(list, json_string(w));
    return list;
}

/* Everything but the key: that is shown once, by whom makes it. */
static json_t *key_json(const sg_service *s, const sg_key_row *k)
{
    json_t *models = json_object();
    (void)!sg_store_key_limit_each(s->store, k->id, add_limit, models, NULL);
    return json_pack("{s:s,s:s,s:s,s:o,s:o,s:o,s:o,s:o,s:i,s:o,s:o,s:o}", "id", k->id, "owner", k->owner, "name",
                     k->name, "scopes", scopes_json(k->scopes), "created", when(k->created_ms), "expires",
                     when(k->expires_ms), "revoked", when(k->revoked_ms), "last_used", when(k->last_used_ms),
                     "priority", k->priority, "jobs_max", k->jobs_max ? json_integer(k->jobs_max) : json_null(),
                     "people_per_day", k->people_day ? json_integer(k->people_day) : json_null(),
                     "people_per_day_of_models", models);
}

/* ---- list, show ---- */

typedef struct page {
    const sg_service *s;
    json_t *list;
    const char *owner; /* NULL: any */
    int64_t at, from, size;
    bool more;
} page;

static sg_status add_key(void *ctx, const sg_key_row *k, sg_err *err)
{
    page *p = ctx;
    (void)err;
    if ((p->owner && strcmp(p->owner, k->owner) != 0) || p->at++ < p->from)
        return SG_OK;
    if ((int64_t)json_array_size(p->list) == p->size)
        p->more = true;
    else
        (void)json_array_append_new(p->list, key_json(p->s, k));
    return SG_OK;
}

void sg_route_keys_list(void *ctx, const sg_request *q, sg_answer *a)
{
    static const char *const known[] = {"owner", NULL};
    const sg_service *s = ctx;
    sg_caller who;
    page p = {.s = s};
    char next[32] = "";
    sg_err err = {0};
    if (!sg_routes_caller(s, q, a, SG_SCOPE_ADMIN, &who) || !sg_routes_json_wanted(q, a) ||
        !sg_routes_page(q, a, known, &p.size, &p.from))
        return;
    p.owner = sg_request_query(q, "owner");
    p.list = json_array();
    const sg_status st = sg_store_key_each(s->store, add_key, &p, &err);
    if (p.more)
        (void)snprintf(next, sizeof next, "p%" PRId64, p.from + p.size);
    json_t *all = json_pack("{s:o,s:o}", "keys", p.list, "next_page_token", *next ? json_string(next) : json_null());
    if (st) {
        json_decref(all);
        sg_answer_error(a, q, st, &err);
        return;
    }
    sg_routes_json(a, q, 200, all, true);
    sg_routes_links(q, a, next);
}

static bool find_key(const sg_service *s, const sg_request *q, sg_answer *a, sg_key_row *k)
{
    char id[SG_ID_TEXT];
    sg_err err = {0};
    sg_request_segment(q, "/v1/keys/{id}", 0, id, sizeof id);
    const sg_status st = sg_store_key_get(s->store, id, k, &err);
    if (st == SG_NOT_FOUND)
        sg_answer_problem(a, q, 404, NULL, "there is no such key");
    else if (st)
        sg_answer_error(a, q, st, &err);
    return !st;
}

void sg_route_key_get(void *ctx, const sg_request *q, sg_answer *a)
{
    const sg_service *s = ctx;
    sg_caller who;
    sg_key_row k;
    if (sg_routes_caller(s, q, a, SG_SCOPE_ADMIN, &who) && sg_routes_json_wanted(q, a) && find_key(s, q, a, &k))
        sg_routes_json(a, q, 200, key_json(s, &k), true);
}

void sg_route_key_delete(void *ctx, const sg_request *q, sg_answer *a)
{
    const sg_service *s = ctx;
    sg_caller who;
    sg_key_row k;
    sg_err err = {0};
    if (!sg_routes_caller(s, q, a, SG_SCOPE_ADMIN, &who) || !find_key(s, q, a, &k))
        return;
    const sg_status st = k.revoked_ms ? SG_OK : sg_auth_key_revoke_for(s->store, k.id, who.owner, q->id, &err);
    if (st)
        sg_answer_error(a, q, st, &err);
    else
        a->status = 204;
}

/* ---- make, rotate ---- */

static void read_whole(const json_t *j, const char *pointer, int64_t min, int64_t max, int64_t *out, sg_field_errors *e)
{
    if (!j)
        return;
    if (json_is_integer(j) && json_integer_value(j) >= min && json_integer_value(j) <= max)
        *out = json_integer_value(j);
    else
        sg_field_error(e, pointer, "want a whole number of %" PRId64 "..%" PRId64, min, max);
}

static void read_scopes(const json_t *j, unsigned *out, sg_field_errors *e)
{
    size_t i;
    const json_t *word;
    if (j && (!json_is_array(j) || !json_array_size(j)))
        sg_field_error(e, "/scopes", "want a list of scopes");
    if (!json_is_array(j))
        return;
    *out = 0;
    json_array_foreach((json_t *)(uintptr_t)j, i, word)
    {
        unsigned one = 0;
        char pointer[32];
        sg_err err;
        const char *s = json_string_value(word);
        (void)snprintf(pointer, sizeof pointer, "/scopes/%zu", i);
        if (!s || strpbrk(s, " ,") || sg_auth_scopes_parse(s, &one, &err))
            sg_field_error(e, pointer, "want jobs:create, jobs:read, models:read, release:review, audit:read or admin");
        *out |= one;
    }
}

static void read_models(const json_t *j, sg_key_wish *w, sg_field_errors *e)
{
    const char *model;
    json_t *n;
    if (j && (!json_is_object(j) || json_object_size(j) > 16)) {
        sg_field_error(e, "/people_per_day_of_models", "want an object of at most 16 models with numbers of people");
        return;
    }
    json_object_foreach((json_t *)(uintptr_t)j, model, n)
    {
        if (!*model || strlen(model) >= SG_CODE_TEXT)
            sg_field_error(e, "/people_per_day_of_models", "a model has a name of 1..%d bytes", SG_CODE_TEXT - 1);
        (void)snprintf(w->model[w->n_model].model, SG_CODE_TEXT, "%s", model);
        read_whole(n, "/people_per_day_of_models", 1, 1000000000000, &w->model[w->n_model].people_day, e);
        w->n_model++;
    }
}

static void read_expiry(const json_t *j, sg_key_wish *w, sg_field_errors *e)
{
    const char *s = json_string_value(j);
    if (!j || json_is_null(j))
        return;
    if (!s || !sg_routes_time(s, &w->expires_ms))
        sg_field_error(e, "/expires", "want a time like 2027-01-31T12:00:00Z, or a date");
    else if (w->expires_ms <= sg_clock_wall_ms())
        sg_field_error(e, "/expires", "lies in the past");
}

static void read_texts(const json_t *root, sg_key_wish *w, sg_field_errors *e)
{
    static const char fine[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._@-";
    const json_t *name = json_object_get(root, "name");
    w->owner = json_string_value(json_object_get(root, "owner"));
    w->name = json_string_value(name);
    if (!w->owner || !*w->owner || strlen(w->owner) >= SG_OWNER_TEXT || strspn(w->owner, fine) != strlen(w->owner))
        sg_field_error(e, "/owner", "want 1..%d letters, digits or ._@-", SG_OWNER_TEXT - 1);
    if (name && (!w->name || strlen(w->name) >= SG_CODE_TEXT))
        sg_field_error(e, "/name", "want text of at most %d bytes", SG_CODE_TEXT - 1);
}

/* The body as an object without members outside `known`; new reference, or NULL and an answer. */
static json_t *read_object(const sg_request *q, sg_answer *a, const char *const *known, sg_field_errors *e)
{
    json_t *root = NULL;
    sg_err err = {0};
    const char *member;
    json_t *value;
    memset(e, 0, sizeof *e);
    if (!sg_routes_json_body(q, a))
        return NULL;
    if (sg_json_object(q->body, q->n_body, &root, &err)) {
        sg_answer_error(a, q, SG_FORMAT, &err);
        return NULL;
    }
    json_object_foreach(root, member, value)
    {
        bool fine = false;
        char pointer[96];
        for (int i = 0; known[i] && !fine; i++)
            fine = !strcmp(member, known[i]);
        (void)snprintf(pointer, sizeof pointer, "/%.60s", strpbrk(member, "~/") ? "" : member);
        if (!fine)
            sg_field_error(e, pointer, "is not a member of this request");
    }
    return root;
}

static void show_once(const sg_service *s, const sg_request *q, sg_answer *a, const sg_key_row *row, char *key)
{
    json_t *j = key_json(s, row);
    (void)json_object_set_new(j, "key", json_string(key));
    explicit_bzero(key, SG_API_KEY_TEXT);
    sg_routes_json(a, q, 201, j, false);
    sg_answer_header(a, "Location", "/v1/keys/%s", row->id);
}

void sg_route_keys_create(void *ctx, const sg_request *q, sg_answer *a)
{
    static const char *const known[] = {"owner",    "name",     "scopes",         "expires",
                                        "priority", "jobs_max", "people_per_day", "people_per_day_of_models",
                                        NULL};
    const sg_service *s = ctx;
    sg_caller who;
    sg_key_wish w = {.scopes = SG_SCOPE_DEFAULT};
    sg_field_errors e;
    sg_key_row row;
    sg_err err = {0};
    char key[SG_API_KEY_TEXT];
    int64_t priority = 0;
    if (!sg_routes_caller(s, q, a, SG_SCOPE_ADMIN, &who) || !sg_routes_json_wanted(q, a))
        return;
    json_t *root = read_object(q, a, known, &e);
    if (!root)
        return;
    read_texts(root, &w, &e);
    read_scopes(json_object_get(root, "scopes"), &w.scopes, &e);
    read_expiry(json_object_get(root, "expires"), &w, &e);
    read_whole(json_object_get(root, "priority"), "/priority", 0, 9, &priority, &e);
    read_whole(json_object_get(root, "jobs_max"), "/jobs_max", 1, 100000, &w.jobs_max, &e);
    read_whole(json_object_get(root, "people_per_day"), "/people_per_day", 1, 1000000000000, &w.people_day, &e);
    read_models(json_object_get(root, "people_per_day_of_models"), &w, &e);
    w.priority = (int)priority;
    if (e.n) {
        sg_routes_field_problem(q, a, &e);
    } else {
        const sg_status st = sg_auth_key_make(s->store, &w, who.owner, q->id, key, &row, &err);
        if (st)
            sg_answer_error(a, q, st, &err);
        else
            show_once(s, q, a, &row, key);
    }
    json_decref(root);
}

void sg_route_key_rotate(void *ctx, const sg_request *q, sg_answer *a)
{
    static const char *const known[] = {"overlap_hours", NULL};
    const sg_service *s = ctx;
    sg_caller who;
    sg_key_row old, row;
    sg_field_errors e;
    sg_err err = {0};
    char key[SG_API_KEY_TEXT];
    int64_t hours = 24;
    if (!sg_routes_caller(s, q, a, SG_SCOPE_ADMIN, &who) || !sg_routes_json_wanted(q, a) || !find_key(s, q, a, &old))
        return;
    json_t *root = read_object(q, a, known, &e);
    if (!root)
        return;
    read_whole(json_object_get(root, "overlap_hours"), "/overlap_hours", 0, 8760, &hours, &e);
    json_decref(root);
    if (e.n) {
        sg_routes_field_problem(q, a, &e);
        return;
    }
    const sg_status st = sg_auth_key_rotate(s->store, old.id, hours * 3600000, who.owner, q->id, key, &row, &err);
    if (st)
        sg_answer_error(a, q, st, &err);
    else
        show_once(s, q, a, &row, key);
}
