/* policy.c - see policy.h. One table; a file is read in two walks, because its tier decides what is left out. */
#include "policy/policy.h"
#include "toml/toml.h"

#include <stddef.h>
#include <string.h>

static const char *const tier_word[] = {
#define X(name, word) word,
    SG_TIER_LIST(X)
#undef X
};

const char *sg_tier_name(sg_tier t)
{
    return (unsigned)t < SG_N_TIER ? tier_word[t] : "?";
}

typedef enum kind { IS_double, IS_int64_t, IS_bool } kind;

typedef struct key_row {
    const char *section, *key;
    kind kind;
    size_t offset;
    double value[SG_N_TIER], min, max;
    const char *meaning;
} key_row;

static const key_row row[] = {
#define X(section, key, field, type, controlled, public, dp, min, max, meaning)                                        \
    {section, key, IS_##type, offsetof(sg_policy, field), {controlled, public, dp}, min, max, meaning},
    SG_POLICY_LIST(X)
#undef X
};
enum { N_ROW = sizeof row / sizeof *row };

static void set(sg_policy *p, const key_row *k, double v)
{
    void *at = (char *)p + k->offset;
    if (k->kind == IS_double)
        *(double *)at = v;
    else if (k->kind == IS_int64_t)
        *(int64_t *)at = (int64_t)v;
    else
        *(bool *)at = v != 0;
}

static double get(const sg_policy *p, const key_row *k)
{
    const void *at = (const char *)p + k->offset;
    return k->kind == IS_double    ? *(const double *)at
           : k->kind == IS_int64_t ? (double)*(const int64_t *)at
                                   : *(const bool *)at;
}

sg_policy sg_policy_of_tier(sg_tier t)
{
    sg_policy p;
    memset(&p, 0, sizeof p);
    (void)snprintf(p.name, sizeof p.name, "default");
    p.tier = t;
    for (int i = 0; i < N_ROW; i++)
        set(&p, &row[i], row[i].value[t]);
    return p;
}

sg_policy sg_policy_default(void)
{
    return sg_policy_of_tier(SG_TIER_CONTROLLED);
}

sg_policy sg_policy_demo(void)
{
    sg_policy p = sg_policy_default();
    (void)snprintf(p.name, sizeof p.name, "demo");
    p.low_power = true;
    p.judge_union = false;
    p.evaluation_min = p.calibration_min = 25;
    p.train_min = 50;
    p.label_min = 20;
    p.label_evaluation_min = 10;
    p.auc_max = 0.64;
    p.auc_label_max = 0.74;
    p.auc_strata_max = 0.86;
    p.strata_share = 0.1;
    p.strata_min = 20;
    p.snp_gain_max = 0.05;
    p.label_gain_max = 0.15;
    p.risk_max = 0.25;
    p.attacks = 500;
    p.budget_auc_max = 0.74;
    p.model_qualified = false;
    p.model_auc_max = 0.74;
    p.model_audit_min = 20;
    p.model_epsilon_max = 3;
    p.model_pool_min = 1000;
    return p;
}

static bool within(const key_row *k, double v)
{
    return v >= k->min && v <= k->max; /* false for NaN */
}

sg_status sg_policy_check(const sg_policy *p, sg_err *err)
{
    if ((unsigned)p->tier >= SG_N_TIER || !memchr(p->name, '\0', sizeof p->name))
        return sg_fail(err, SG_LIMIT, "policy: no tier or no name");
    for (int i = 0; i < N_ROW; i++)
        if (!within(&row[i], get(p, &row[i])))
            return sg_fail(err, SG_LIMIT, "policy: %s.%s is %.10g, want %.10g to %.10g", row[i].section, row[i].key,
                           get(p, &row[i]), row[i].min, row[i].max);
    return SG_OK;
}

typedef struct reader {
    const char *name;
    sg_policy *p;
    sg_err *err;
    bool tier_only;
} reader;

static bool name_ok(const char *s)
{
    static const char fine[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 ._-";
    const size_t n = strlen(s);
    return n > 0 && n < sizeof((sg_policy *)0)->name && strspn(s, fine) == n;
}

/* version, name, tier */
static sg_status read_head(const reader *r, const sg_toml_value *v)
{
    if (!strcmp(v->key, "version"))
        return v->kind == SG_TOML_INT && v->number == SG_POLICY_VERSION
                   ? SG_OK
                   : sg_fail(r->err, SG_LIMIT, "%s line %d: version, want %d", r->name, v->line, SG_POLICY_VERSION);
    if (!strcmp(v->key, "name")) {
        if (v->kind != SG_TOML_TEXT || !name_ok(v->text))
            return sg_fail(r->err, SG_FORMAT, "%s line %d: name, want 1 to 63 letters, digits, blanks and ._-", r->name,
                           v->line);
        (void)snprintf(r->p->name, sizeof r->p->name, "%s", v->text);
        return SG_OK;
    }
    if (!strcmp(v->key, "tier")) {
        for (int t = 0; v->kind == SG_TOML_TEXT && t < SG_N_TIER; t++)
            if (!strcmp(v->text, tier_word[t])) {
                if (r->tier_only)
                    *r->p = sg_policy_of_tier((sg_tier)t);
                return SG_OK;
            }
        return sg_fail(r->err, SG_FORMAT, "%s line %d: tier is \"%.40s\", want controlled, public or dp", r->name,
                       v->line, v->text);
    }
    return sg_fail(r->err, SG_FORMAT, "%s line %d: unknown key \"%.60s\"", r->name, v->line, v->key);
}

static sg_status read_limit(const reader *r, const key_row *k, const sg_toml_value *v)
{
    static const char *const want[] = {"a number", "a whole number", "true or false"};
    const bool fits = k->kind == IS_bool      ? v->kind == SG_TOML_FLAG
                      : k->kind == IS_int64_t ? v->kind == SG_TOML_INT
                                              : v->kind == SG_TOML_INT || v->kind == SG_TOML_REAL;
    if (!fits)
        return sg_fail(r->err, SG_FORMAT, "%s line %d: %s wants %s", r->name, v->line, v->key, want[k->kind]);
    const double x = k->kind == IS_bool ? (double)v->number : v->real;
    if (!within(k, x))
        return sg_fail(r->err, SG_LIMIT, "%s line %d: %s is %.10g, want %.10g to %.10g", r->name, v->line, v->key, x,
                       k->min, k->max);
    set(r->p, k, x);
    return SG_OK;
}

static int on_value(void *ctx, const sg_toml_value *v)
{
    const reader *r = ctx;
    const char *dot = strchr(v->key, '.');
    if (!dot && (!r->tier_only || !strcmp(v->key, "tier")))
        return (int)read_head(r, v);
    if (r->tier_only)
        return SG_OK;
    for (int i = 0; i < N_ROW; i++)
        if (strlen(row[i].section) == (size_t)(dot - v->key) &&
            !strncmp(row[i].section, v->key, (size_t)(dot - v->key)) && !strcmp(row[i].key, dot + 1))
            return (int)read_limit(r, &row[i], v);
    return (int)sg_fail(r->err, SG_FORMAT, "%s line %d: unknown key \"%.60s\"", r->name, v->line, v->key);
}

sg_status sg_policy_parse(const char *name, const char *toml, size_t n, sg_policy *out, sg_err *err)
{
    *out = sg_policy_default();
    reader r = {name, out, err, true};
    sg_status st = sg_toml_read(name, toml, n, on_value, &r, err);
    r.tier_only = false;
    if (!st)
        st = sg_toml_read(name, toml, n, on_value, &r, err);
    if (st)
        *out = sg_policy_default();
    return st;
}

sg_status sg_policy_load(const char *path, sg_policy *out, sg_err *err)
{
    *out = sg_policy_default();
    sg_buf b;
    SG_TRY(sg_file_read(path, 65536, &b, err));
    const sg_status st = sg_policy_parse(path, b.data ? (const char *)b.data : "", b.n, out, err);
    sg_buf_clear(&b);
    return st;
}

sg_status sg_policy_json(const sg_policy *p, sg_buf *b, sg_err *err)
{
    SG_TRY(sg_buf_printf(b, err, "{\"version\":%d,\"name\":\"%s\",\"tier\":\"%s\"", SG_POLICY_VERSION, p->name,
                         sg_tier_name(p->tier)));
    for (int i = 0; i < N_ROW; i++)
        if (row[i].kind == IS_bool)
            SG_TRY(sg_buf_printf(b, err, ",\"%s.%s\":%s", row[i].section, row[i].key,
                                 get(p, &row[i]) != 0 ? "true" : "false"));
        else
            SG_TRY(sg_buf_printf(b, err, ",\"%s.%s\":%.17g", row[i].section, row[i].key, get(p, &row[i])));
    return sg_buf_add(b, "}", 1, err);
}

sg_status sg_policy_digest(const sg_policy *p, sg_digest *out, sg_err *err)
{
    sg_buf b;
    sg_buf_init(&b, 65536);
    const sg_status st = sg_policy_json(p, &b, err);
    if (!st)
        *out = sg_sha256_of(b.data, b.n);
    sg_buf_clear(&b);
    return st;
}

sg_status sg_policy_example(sg_tier t, sg_buf *b, sg_err *err)
{
    SG_TRY(sg_buf_printf(b, err,
                         "# Limits of the release gate, tier %s. A key that is left out has the value shown here; an "
                         "unknown key is an error.\nversion = %d\nname = \"default\"\ntier = \"%s\"\n",
                         sg_tier_name(t), SG_POLICY_VERSION, sg_tier_name(t)));
    const char *section = "";
    for (int i = 0; i < N_ROW; i++) {
        const key_row *k = &row[i];
        char value[96];
        if (strcmp(section, k->section))
            SG_TRY(sg_buf_printf(b, err, "\n[%s]\n", k->section));
        section = k->section;
        if (k->kind == IS_bool)
            (void)snprintf(value, sizeof value, "%s = %s", k->key, k->value[t] != 0 ? "true" : "false");
        else
            (void)snprintf(value, sizeof value, "%s = %.10g", k->key, k->value[t]);
        SG_TRY(k->kind == IS_bool
                   ? sg_buf_printf(b, err, "%-32s # %s\n", value, k->meaning)
                   : sg_buf_printf(b, err, "%-32s # %.10g..%.10g: %s\n", value, k->min, k->max, k->meaning));
    }
    return SG_OK;
}
