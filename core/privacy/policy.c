/* policy.c - the limits: defaults, ranges, file, and the text whose digest names them. */
#include "privacy/gate.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

sg_policy sg_policy_default(void)
{
    return (sg_policy){
#define X(field, type, fallback, min, max) .field = (type)(fallback),
        SG_POLICY_LIST(X)
#undef X
    };
}

sg_status sg_policy_check(const sg_policy *p, sg_err *err)
{
#define X(field, type, fallback, min, max)                                                                             \
    if (!((double)p->field >= (min) && (double)p->field <= (max)))                                                     \
        return sg_fail(err, SG_LIMIT, "policy: %s is %.10g, want %.10g to %.10g", #field, (double)p->field,            \
                       (double)(min), (double)(max));
    SG_POLICY_LIST(X)
#undef X
    return SG_OK;
}

/* Whole numbers for whole fields, so that 49.9 people are not 49. */
static bool set_field(double value, bool whole, double *out)
{
    *out = value;
    return !whole || (floor(value) == value && fabs(value) < 1e15);
}

static sg_status set(sg_policy *p, const char *key, double value, sg_err *err)
{
    double v;
#define X(field, type, fallback, min, max)                                                                             \
    if (!strcmp(key, #field)) {                                                                                        \
        if (!set_field(value, (type)0.5 == 0, &v))                                                                     \
            return sg_fail(err, SG_FORMAT, "policy: %s is %.10g, want a whole number", #field, value);                 \
        p->field = (type)v;                                                                                            \
        return SG_OK;                                                                                                  \
    }
    SG_POLICY_LIST(X)
#undef X
    return sg_fail(err, SG_FORMAT, "policy: there is no limit called \"%.60s\"", key);
}

sg_status sg_policy_load(const char *path, sg_policy *out, sg_err *err)
{
    *out = sg_policy_default();
    sg_buf b;
    SG_TRY(sg_file_read(path, 65536, &b, err));
    json_error_t e;
    json_t *root = json_loadb((const char *)b.data, b.n, JSON_REJECT_DUPLICATES, &e);
    sg_buf_clear(&b);
    if (!root)
        return sg_fail(err, SG_FORMAT, "%s line %d: %s", path, e.line, e.text);
    sg_status st = json_is_object(root) ? SG_OK : sg_fail(err, SG_FORMAT, "%s: want a JSON object", path);
    const char *key;
    json_t *value;
    json_object_foreach(root, key, value)
    {
        if (st)
            break;
        st = json_is_number(value) ? set(out, key, json_number_value(value), err)
                                   : sg_fail(err, SG_FORMAT, "policy: \"%.60s\" is not a number", key);
    }
    json_decref(root);
    if (!st)
        st = sg_policy_check(out, err);
    if (st) {
        *out = sg_policy_default();
        return sg_fail_in(err, st, "%s", path);
    }
    return SG_OK;
}

sg_status sg_policy_json(const sg_policy *p, sg_buf *b, sg_err *err)
{
    const char *before = "{";
#define X(field, type, fallback, min, max)                                                                             \
    SG_TRY(sg_buf_printf(b, err, "%s\"%s\":%.15g", before, #field, (double)p->field));                                 \
    before = ",";
    SG_POLICY_LIST(X)
#undef X
    return sg_buf_add(b, "}", 1, err);
}
