/* config.c - see config.h. One walk over the file, one table, one message per mistake. */
#include "config/config.h"
#include "log/log.h"
#include "toml/toml.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

typedef struct key_row {
    const char *section, *key;
    sg_toml_kind kind;
    size_t offset;
    int64_t value, min, max; /* FLAG: value 0 or 1 */
    const char *text, *unit, *meaning;
} key_row;

static const key_row row[] = {
#define INT(section, key, field, value, min, max, unit, meaning)                                                       \
    {section, key, SG_TOML_INT, offsetof(sg_config, field), value, min, max, "", unit, meaning},
#define TEXT(section, key, field, value, meaning)                                                                      \
    {section, key, SG_TOML_TEXT, offsetof(sg_config, field), 0, 0, 0, value, "", meaning},
#define FLAG(section, key, field, value, meaning)                                                                      \
    {section, key, SG_TOML_FLAG, offsetof(sg_config, field), value, 0, 1, "", "", meaning},
    SG_CONFIG_KEYS(INT, TEXT, FLAG)
#undef INT
#undef TEXT
#undef FLAG
};
enum { N_ROW = sizeof row / sizeof row[0] };

static void set(sg_config *c, const key_row *k, int64_t number, const char *text)
{
    char *at = (char *)c + k->offset;
    if (k->kind == SG_TOML_INT)
        memcpy(at, &number, sizeof number);
    else if (k->kind == SG_TOML_FLAG)
        *(bool *)at = number != 0;
    else
        (void)snprintf(at, SG_CONFIG_TEXT, "%s", text);
}

sg_config sg_config_default(void)
{
    sg_config c;
    memset(&c, 0, sizeof c);
    for (int i = 0; i < N_ROW; i++)
        set(&c, &row[i], row[i].value, row[i].text);
    return c;
}

typedef struct reader {
    const char *name;
    sg_config *c;
    sg_err *err;
} reader;

/* key is "model[3].path" */
static sg_status read_model(reader *r, const char *key, sg_toml_kind kind, const char *text, int line)
{
    int i = -1, used = 0;
    if (sscanf(key, "model[%5d].%n", &i, &used) != 1 || used == 0 || i < 0)
        return sg_fail(r->err, SG_FORMAT, "%s line %d: write models as [[model]] with path = \"...\"", r->name, line);
    if (i >= SG_CONFIG_MODELS)
        return sg_fail(r->err, SG_LIMIT, "%s line %d: more than %d models", r->name, line, SG_CONFIG_MODELS);
    sg_config_model *m = &r->c->model[i];
    const char *field = key + used;
    const bool is_id = !strcmp(field, "id");
    if (!is_id && strcmp(field, "path"))
        return sg_fail(r->err, SG_FORMAT, "%s line %d: unknown key \"%.60s\"; a [[model]] has id and path", r->name,
                       line, key);
    const size_t room = is_id ? sizeof m->id : sizeof m->path;
    if (kind != SG_TOML_TEXT || !*text || strlen(text) >= room)
        return sg_fail(r->err, SG_FORMAT, "%s line %d: %.60s wants text of 1..%zu bytes", r->name, line, key, room - 1);
    (void)snprintf(is_id ? m->id : m->path, room, "%s", text);
    if (r->c->n_model < i + 1)
        r->c->n_model = i + 1;
    return SG_OK;
}

static sg_status read_value(reader *r, const key_row *k, sg_toml_kind kind, const char *text, int64_t number, int line)
{
    static const char *const want[] = {"text in quotes", "a whole number", "true or false"};
    if (kind != k->kind)
        return sg_fail(r->err, SG_FORMAT, "%s line %d: %s.%s wants %s", r->name, line, k->section, k->key,
                       want[k->kind]);
    if (kind == SG_TOML_INT && (number < k->min || number > k->max))
        return sg_fail(r->err, SG_LIMIT, "%s line %d: %s.%s is %lld, want %lld..%lld %s", r->name, line, k->section,
                       k->key, (long long)number, (long long)k->min, (long long)k->max, k->unit);
    if (kind == SG_TOML_TEXT && strlen(text) >= SG_CONFIG_TEXT)
        return sg_fail(r->err, SG_LIMIT, "%s line %d: %s.%s has %zu bytes, at most %d fit", r->name, line, k->section,
                       k->key, strlen(text), SG_CONFIG_TEXT - 1);
    set(r->c, k, number, text);
    return SG_OK;
}

static int on_value(void *ctx, const sg_toml_value *v)
{
    reader *r = ctx;
    const char *key = v->key;
    if (!strncmp(key, "model[", 6) || !strncmp(key, "model.", 6) || !strcmp(key, "model"))
        return (int)read_model(r, key, v->kind, v->text, v->line);
    const char *dot = strchr(key, '.');
    for (int i = 0; dot && i < N_ROW; i++)
        if (strlen(row[i].section) == (size_t)(dot - key) && !strncmp(row[i].section, key, (size_t)(dot - key)) &&
            !strcmp(row[i].key, dot + 1))
            return (int)read_value(r, &row[i], v->kind, v->text, v->number, v->line);
    return (int)sg_fail(r->err, SG_FORMAT, "%s line %d: unknown key \"%.60s\"", r->name, v->line, key);
}

/* What no single value shows. */
static sg_status check_whole(const char *name, const sg_config *c, sg_err *err)
{
    sg_log_level level;
    if (sg_logline_parse(c->log_level, &level, NULL))
        return sg_fail(err, SG_FORMAT, "%s: log.level is \"%.40s\", want debug, info, warn or error", name,
                       c->log_level);
    if (!*c->data_dir)
        return sg_fail(err, SG_FORMAT, "%s: data.dir is empty, want a folder", name);
    for (int i = 0; i < c->n_model; i++)
        if (!*c->model[i].path)
            return sg_fail(err, SG_FORMAT, "%s: model %d of %d has no path", name, i + 1, c->n_model);
    for (int i = 0; i < c->n_model; i++)
        for (int j = 0; j < i; j++)
            if (*c->model[i].id && !strcmp(c->model[i].id, c->model[j].id))
                return sg_fail(err, SG_MISMATCH, "%s: two models have the id \"%s\"", name, c->model[i].id);
    return SG_OK;
}

sg_status sg_config_parse(const char *name, const char *toml, size_t n, sg_config *out, sg_err *err)
{
    *out = sg_config_default();
    reader r = {name, out, err};
    SG_TRY(sg_toml_read(name, toml, n, on_value, &r, err));
    return check_whole(name, out, err);
}

sg_status sg_config_load(const char *path, sg_config *out, sg_err *err)
{
    sg_buf b;
    SG_TRY(sg_file_read(path, 1 << 20, &b, err));
    const sg_status st = sg_config_parse(path, b.data ? (const char *)b.data : "", b.n, out, err);
    sg_buf_clear(&b);
    return st;
}

static sg_status example_row(sg_buf *b, const key_row *k, sg_err *err)
{
    char value[SG_CONFIG_TEXT + 32];
    if (k->kind == SG_TOML_INT) {
        (void)snprintf(value, sizeof value, "%s = %lld", k->key, (long long)k->value);
        return sg_buf_printf(b, err, "%-40s # %lld..%lld %s; %s\n", value, (long long)k->min, (long long)k->max,
                             k->unit, k->meaning);
    }
    if (k->kind == SG_TOML_FLAG)
        (void)snprintf(value, sizeof value, "%s = %s", k->key, k->value ? "true" : "false");
    else
        (void)snprintf(value, sizeof value, "%s = \"%s\"", k->key, k->text);
    return sg_buf_printf(b, err, "%-40s # %s\n", value, k->meaning);
}

sg_status sg_config_example(sg_buf *b, sg_err *err)
{
    SG_TRY(sg_buf_printf(b, err,
                         "# Every key of snpgend with its default, bounds, unit and meaning; printed by `snpgend "
                         "--example-config`.\n# A key that is left out has the value shown here; an unknown key is an "
                         "error.\n"));
    const char *section = "";
    for (int i = 0; i < N_ROW; i++) {
        if (strcmp(section, row[i].section))
            SG_TRY(sg_buf_printf(b, err, "\n[%s]\n", row[i].section));
        section = row[i].section;
        SG_TRY(example_row(b, &row[i], err));
    }
    return sg_buf_printf(b, err,
                         "\n# One table per model bundle, at most %d. id is the name in URLs; left out, it is the "
                         "bundle's own.\n# [[model]]\n# id = \"t2d\"\n# path = \"/srv/snpgen/models/t2d\"\n",
                         SG_CONFIG_MODELS);
}

void sg_config_signing_key(const sg_config *c, char out[SG_CONFIG_PATH])
{
    if (*c->signing_key)
        (void)snprintf(out, SG_CONFIG_PATH, "%s", c->signing_key);
    else
        (void)snprintf(out, SG_CONFIG_PATH, "%s/signing.key", c->data_dir);
}

static bool same(const sg_config *a, const sg_config *b, const key_row *k)
{
    const char *x = (const char *)a + k->offset, *y = (const char *)b + k->offset;
    return k->kind == SG_TOML_INT    ? !memcmp(x, y, sizeof(int64_t))
           : k->kind == SG_TOML_FLAG ? *(const bool *)x == *(const bool *)y
                                     : !strcmp(x, y);
}

sg_status sg_config_changes(const sg_config *a, const sg_config *b, sg_buf *names, sg_err *err)
{
    for (int i = 0; i < N_ROW; i++)
        if (!same(a, b, &row[i]))
            SG_TRY(sg_buf_printf(names, err, "%s%s.%s", names->n ? ", " : "", row[i].section, row[i].key));
    return SG_OK;
}

bool sg_config_same_models(const sg_config *a, const sg_config *b)
{
    bool yes = a->n_model == b->n_model;
    for (int i = 0; yes && i < a->n_model; i++)
        yes = !strcmp(a->model[i].id, b->model[i].id) && !strcmp(a->model[i].path, b->model[i].path);
    return yes;
}
