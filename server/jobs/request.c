/* request.c - see request.h. */
#include "jobs/request.h"
#include "base/json.h"
#include "log/log.h"

#include <ctype.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sg_field_error(sg_field_errors *e, const char *pointer, const char *fmt, ...)
{
    va_list ap;
    if (e->n < SG_FIELD_ERRORS) {
        (void)snprintf(e->row[e->n].pointer, sizeof e->row[0].pointer, "%s", pointer);
        va_start(ap, fmt);
        (void)vsnprintf(e->row[e->n].detail, sizeof e->row[0].detail, fmt, ap);
        va_end(ap);
    }
    e->n++;
}

sg_status sg_field_errors_json(const sg_field_errors *e, sg_buf *b, sg_err *err)
{
    const int n = e->n < SG_FIELD_ERRORS ? e->n : SG_FIELD_ERRORS;
    sg_status st = sg_buf_add(b, "[", 1, err);
    for (int i = 0; !st && i < n; i++) {
        st = sg_buf_printf(b, err, "%s{\"pointer\":", i ? "," : "");
        if (!st)
            st = sg_json_quote(b, e->row[i].pointer, err);
        if (!st)
            st = sg_buf_add(b, ",\"detail\":", 10, err);
        if (!st)
            st = sg_json_quote(b, e->row[i].detail, err);
        if (!st)
            st = sg_buf_add(b, "}", 1, err);
    }
    return st ? st : sg_buf_add(b, "]", 1, err);
}

/* Deepest nesting of brackets outside strings, without building anything. */
static int depth_of(const char *s, size_t n)
{
    int depth = 0, deepest = 0;
    bool in_string = false;
    for (size_t i = 0; i < n; i++) {
        if (in_string) {
            if (s[i] == '\\')
                i++;
            else if (s[i] == '"')
                in_string = false;
        } else if (s[i] == '"') {
            in_string = true;
        } else if (s[i] == '{' || s[i] == '[') {
            deepest = ++depth > deepest ? depth : deepest;
        } else if (s[i] == '}' || s[i] == ']') {
            depth--;
        }
    }
    return deepest;
}

/* prefix/member with ~ and / of the member escaped; cut to fit. */
static void pointer_to(const char *prefix, const char *member, char out[128])
{
    size_t k = (size_t)snprintf(out, 128, "%.40s/", prefix);
    for (; *member && k < 124; member++) {
        if (*member == '~' || *member == '/') {
            out[k++] = '~';
            out[k++] = *member == '~' ? '0' : '1';
        } else {
            out[k++] = *member;
        }
    }
    out[k] = '\0';
}

static void refuse_unknown(const json_t *object, const char *prefix, const char *const *known, sg_field_errors *e)
{
    const char *member;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, member, value)
    {
        bool fine = false;
        for (int i = 0; known[i] && !fine; i++)
            fine = !strcmp(member, known[i]);
        if (fine)
            continue;
        char pointer[128];
        pointer_to(prefix, member, pointer);
        if (!strcmp(member, "recipient_key"))
            sg_field_error(e, pointer, "is not supported by this version");
        else
            sg_field_error(e, pointer, "is not a member of this request");
    }
}

/* A whole number of min..max at pointer; -1 and an error row otherwise. */
static int64_t whole(const json_t *j, const char *pointer, int64_t min, int64_t max, sg_field_errors *e)
{
    if (!json_is_integer(j))
        sg_field_error(e, pointer, "want a whole number of %lld..%lld", (long long)min, (long long)max);
    else if (json_integer_value(j) < min || json_integer_value(j) > max)
        sg_field_error(e, pointer, "is %lld, want %lld..%lld", (long long)json_integer_value(j), (long long)min,
                       (long long)max);
    else
        return json_integer_value(j);
    return -1;
}

static void read_text(const json_t *j, const char *pointer, size_t max, const char *fine, char *out, sg_field_errors *e)
{
    const char *s = json_string_value(j);
    out[0] = '\0';
    if (!s || !*s || strlen(s) > max)
        sg_field_error(e, pointer, "want text of 1..%zu bytes", max);
    else if (fine && strspn(s, fine) != strlen(s))
        sg_field_error(e, pointer, "has a character that a name here cannot have");
    else
        memcpy(out, s, strlen(s) + 1);
}

static void read_counts(const json_t *root, int64_t people_max, sg_job_request *q, sg_field_errors *e)
{
    static const char *const known[] = {"cases", "controls", NULL};
    const json_t *cohort = json_object_get(root, "cohort");
    if (!json_is_object(cohort)) {
        sg_field_error(e, "/cohort", "want an object with cases and controls");
        return;
    }
    refuse_unknown(cohort, "/cohort", known, e);
    q->n_case = whole(json_object_get(cohort, "cases"), "/cohort/cases", 0, people_max, e);
    q->n_control = whole(json_object_get(cohort, "controls"), "/cohort/controls", 0, people_max, e);
    if (q->n_case < 0 || q->n_control < 0)
        return;
    if (q->n_case + q->n_control < 1 || q->n_case + q->n_control > people_max)
        sg_field_error(e, "/cohort", "has %lld people, want 1..%lld", (long long)(q->n_case + q->n_control),
                       (long long)people_max);
}

static void read_size(const json_t *root, int64_t people_max, sg_job_request *q, sg_field_errors *e)
{
    const json_t *fraction = json_object_get(root, "case_fraction");
    const int64_t n = whole(json_object_get(root, "size"), "/size", 1, people_max, e);
    const double f = json_is_number(fraction) ? json_number_value(fraction) : -1;
    if (!(f >= 0 && f <= 1)) {
        sg_field_error(e, "/case_fraction", "want a number of 0..1");
        return;
    }
    q->n_case = (int64_t)floor((double)n * f + 0.5);
    q->n_control = n - q->n_case;
}

static void read_people(const json_t *root, int64_t people_max, sg_job_request *q, sg_field_errors *e)
{
    const bool cohort = json_object_get(root, "cohort") != NULL;
    const bool size = json_object_get(root, "size") || json_object_get(root, "case_fraction");
    if (cohort && size)
        sg_field_error(e, "", "give either cohort, or size and case_fraction");
    else if (size)
        read_size(root, people_max, q, e);
    else
        read_counts(root, people_max, q, e);
}

static bool among(const char *s, const char *const *words)
{
    for (; s && *words; words++)
        if (!strcmp(s, *words))
            return true;
    return false;
}

static void read_sampler(const json_t *given, json_t *out, sg_field_errors *e)
{
    static const char *const known[] = {"name", "steps", "guidance", "decode", NULL};
    static const char *const solvers[] = {"euler", "heun", "dpmpp2m", NULL};
    static const char *const decodes[] = {"argmax", "sample", NULL};
    if (!given)
        return;
    if (!json_is_object(given)) {
        sg_field_error(e, "/sampler", "want an object");
        return;
    }
    refuse_unknown(given, "/sampler", known, e);
    json_t *name = json_object_get(given, "name"), *steps = json_object_get(given, "steps");
    json_t *guidance = json_object_get(given, "guidance"), *how = json_object_get(given, "decode");
    if (name && !among(json_string_value(name), solvers))
        sg_field_error(e, "/sampler/name", "want euler, heun or dpmpp2m");
    else if (name)
        (void)json_object_set(out, "name", name);
    if (steps && whole(steps, "/sampler/steps", 1, 1000, e) > 0)
        (void)json_object_set(out, "steps", steps);
    if (guidance &&
        !(json_is_number(guidance) && json_number_value(guidance) >= 0 && json_number_value(guidance) <= 50))
        sg_field_error(e, "/sampler/guidance", "want a number of 0..50");
    else if (guidance)
        (void)json_object_set_new(out, "guidance", json_real(json_number_value(guidance)));
    if (how && !among(json_string_value(how), decodes))
        sg_field_error(e, "/sampler/decode", "want argmax or sample");
    else if (how)
        (void)json_object_set(out, "decode", how);
}

static void read_formats(const json_t *given, json_t *out, sg_field_errors *e)
{
    static const char *const known[] = {"plink", "vcf", "bcf", "npy", "pgen", NULL};
    enum { KNOWN = sizeof known / sizeof *known - 1 };
    bool have[KNOWN] = {!given};
    if (given && (!json_is_array(given) || json_array_size(given) == 0 || json_array_size(given) > KNOWN)) {
        sg_field_error(e, "/formats", "want a list of plink, vcf, bcf, npy, pgen");
        return;
    }
    for (size_t i = 0; given && i < json_array_size(given); i++) {
        const char *s = json_string_value(json_array_get(given, i));
        char pointer[32];
        int k = 0;
        while (s && k < KNOWN && strcmp(s, known[k]) != 0)
            k++;
        (void)snprintf(pointer, sizeof pointer, "/formats/%zu", i);
        if (!s || k == KNOWN)
            sg_field_error(e, pointer, "want plink, vcf, bcf, npy or pgen");
        else if (have[k])
            sg_field_error(e, pointer, "stands here twice");
        else
            have[k] = true;
    }
    for (int k = 0; k < KNOWN; k++)
        if (have[k])
            (void)json_array_append_new(out, json_string(known[k]));
}

static sg_status read_options(const json_t *root, sg_job_request *q, sg_field_errors *e, sg_err *err)
{
    json_t *sampler = json_object(), *formats = json_array();
    read_sampler(json_object_get(root, "sampler"), sampler, e);
    read_formats(json_object_get(root, "formats"), formats, e);
    json_t *both = json_pack("{s:o,s:o}", "formats", formats, "sampler", sampler);
    char *text = both ? sg_json_text(both, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    if (text)
        (void)snprintf(q->options, sizeof q->options, "%s", text);
    const bool made = text != NULL;
    free(text);
    json_decref(both);
    return made ? SG_OK : sg_fail(err, SG_NOMEM, "no memory for a request");
}

bool sg_url_parse(const char *url, bool *tls, char *host, size_t n_host)
{
    const size_t scheme = !strncmp(url, "https://", 8) ? 8 : !strncmp(url, "http://", 7) ? 7 : 0;
    const char *h = url + scheme;
    const size_t n = strcspn(h, "/?");
    *tls = scheme == 8;
    for (const unsigned char *p = (const unsigned char *)url; *p; p++)
        if (*p <= 0x20 || *p >= 0x7f || strchr("\\\"<>^`{|}#", *p))
            return false;
    if (!scheme || n == 0 || n >= n_host || h[0] == '-' || h[0] == '.' || h[0] == ':')
        return false;
    size_t colon = n;
    for (size_t i = 0; i < n; i++) {
        if (h[i] == ':' && colon == n)
            colon = i;
        else if (colon < n ? !isdigit((unsigned char)h[i]) : !(isalnum((unsigned char)h[i]) || strchr("-.", h[i])))
            return false;
        host[i] = (char)tolower((unsigned char)h[i]);
    }
    host[n] = '\0';
    return colon == n || (n - colon >= 2 && n - colon <= 6 && atoi(host + colon + 1) <= 65535);
}

static void read_callback(const json_t *given, sg_job_request *q, sg_field_errors *e)
{
    char host[256];
    bool tls;
    if (!given)
        return;
    const int before = e->n;
    read_text(given, "/callback_url", sizeof q->callback_url - 1, NULL, q->callback_url, e);
    if (e->n == before && !sg_url_parse(q->callback_url, &tls, host, sizeof host)) {
        sg_field_error(e, "/callback_url", "want an absolute http or https URL without user or fragment");
        q->callback_url[0] = '\0';
    }
}

static sg_status read_root(const json_t *root, int64_t people_max, sg_job_request *q, sg_field_errors *e, sg_err *err)
{
    static const char *const known[] = {"model",   "cohort",  "size", "case_fraction", "seed",
                                        "sampler", "formats", "name", "callback_url",  NULL};
    static const char id_letters[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";
    refuse_unknown(root, "", known, e);
    const json_t *model = json_object_get(root, "model"), *seed = json_object_get(root, "seed");
    const json_t *name = json_object_get(root, "name");
    if (!model)
        sg_field_error(e, "/model", "is missing: which model makes the people?");
    else
        read_text(model, "/model", sizeof q->model - 1, id_letters, q->model, e);
    read_people(root, people_max, q, e);
    if (seed)
        q->seed = whole(seed, "/seed", 0, (int64_t)1 << SG_SEED_BITS, e);
    if (name)
        read_text(name, "/name", sizeof q->name - 1, NULL, q->name, e);
    read_callback(json_object_get(root, "callback_url"), q, e);
    SG_TRY(read_options(root, q, e, err));
    return e->n ? sg_fail(err, SG_LIMIT, "%d part%s of the request cannot be served", e->n, e->n == 1 ? "" : "s")
                : SG_OK;
}

sg_status sg_json_object(const void *body, size_t n, json_t **out, sg_err *err)
{
    json_error_t e;
    *out = NULL;
    if (depth_of(body, n) > SG_JSON_DEPTH)
        return sg_fail(err, SG_FORMAT, "the JSON is nested deeper than %d", SG_JSON_DEPTH);
    json_t *root = json_loadb(body, n, JSON_REJECT_DUPLICATES, &e);
    if (!root)
        return sg_fail(err, SG_FORMAT, "not JSON at line %d, column %d: %s", e.line, e.column, e.text);
    if (!json_is_object(root)) {
        json_decref(root);
        return sg_fail(err, SG_FORMAT, "the body is not a JSON object");
    }
    *out = root;
    return SG_OK;
}

sg_status sg_job_request_parse(const void *body, size_t n, int64_t people_max, sg_job_request *out,
                               sg_field_errors *errors, sg_err *err)
{
    json_t *root;
    memset(out, 0, sizeof *out);
    memset(errors, 0, sizeof *errors);
    out->seed = -1;
    SG_TRY(sg_json_object(body, n, &root, err));
    const sg_status st = read_root(root, people_max, out, errors, err);
    json_decref(root);
    return st;
}
