/* jwks.c - a JSON Web Key Set as keys that verify; see jwt.h. */
#include "auth/internal.h"

#include <stdlib.h>
#include <string.h>

static const char *text_of(const json_t *j, const char *member)
{
    return json_string_value(json_object_get(j, member));
}

/* Appends a member's bytes; FORMAT when it is absent or not base64url. */
static sg_status member(const json_t *j, const char *name, sg_buf *b, sg_err *err)
{
    const char *text = text_of(j, name);
    sg_buf_init(b, 2048);
    return text && *text ? sg_unbase64url(text, strlen(text), b, err)
                         : sg_fail(err, SG_FORMAT, "a key without \"%s\"", name);
}

static sg_status make_pair(const json_t *j, const char *first, const char *second, bool rsa, sg_jws_key **out,
                           sg_err *err)
{
    sg_buf a, b;
    sg_buf_init(&b, 2048);
    sg_status st = member(j, first, &a, err);
    if (!st)
        st = member(j, second, &b, err);
    if (!st && rsa)
        st = sg_jws_rsa(a.data, a.n, b.data, b.n, out, err);
    else if (!st && a.n == 32 && b.n == 32)
        st = sg_jws_p256(a.data, b.data, out, err);
    else if (!st)
        st = sg_fail(err, SG_FORMAT, "a point of %zu and %zu bytes, want 32 and 32", a.n, b.n);
    sg_buf_clear(&a);
    sg_buf_clear(&b);
    return st;
}

static sg_status make_ed25519(const json_t *j, sg_jws_key **out, sg_err *err)
{
    sg_buf x;
    sg_status st = member(j, "x", &x, err);
    if (!st)
        st = x.n == 32 ? sg_jws_ed25519(x.data, out, err)
                       : sg_fail(err, SG_FORMAT, "an Ed25519 key of %zu bytes, want 32", x.n);
    sg_buf_clear(&x);
    return st;
}

/* Not marked for encryption, nor for operations without "verify". */
static bool for_signatures(const json_t *j)
{
    const json_t *ops = json_object_get(j, "key_ops"), *op;
    const char *use = text_of(j, "use");
    bool verify = !ops;
    size_t i;
    json_array_foreach((json_t *)(uintptr_t)ops, i, op)
    {
        const char *word = json_string_value(op);
        verify = verify || (word && !strcmp(word, "verify"));
    }
    return verify && (!use || !strcmp(use, "sig"));
}

static sg_status make(const json_t *j, sg_jws_key **out, sg_err *err)
{
    const char *kty = text_of(j, "kty"), *crv = text_of(j, "crv");
    *out = NULL;
    if (!kty || !for_signatures(j))
        return sg_fail(err, SG_FORMAT, "a key for something else");
    if (!strcmp(kty, "RSA"))
        return make_pair(j, "n", "e", true, out, err);
    if (!strcmp(kty, "EC") && crv && !strcmp(crv, "P-256"))
        return make_pair(j, "x", "y", false, out, err);
    if (!strcmp(kty, "OKP") && crv && !strcmp(crv, "Ed25519"))
        return make_ed25519(j, out, err);
    return sg_fail(err, SG_FORMAT, "a key of another kind");
}

static void add(sg_jwks *k, const json_t *j)
{
    const char *kid = text_of(j, "kid"), *alg = text_of(j, "alg");
    sg_jws_key *key;
    if ((kid && strlen(kid) >= sizeof k->row[0].kid) || make(j, &key, NULL))
        return;
    if (alg && strcmp(alg, sg_jws_name(sg_jws_alg_of(key))) != 0) {
        sg_jws_key_free(key); /* PS256 with an RSA key, say: not ours to use otherwise */
        return;
    }
    (void)snprintf(k->row[k->n].kid, sizeof k->row[0].kid, "%s", kid ? kid : "");
    k->row[k->n++].key = key;
}

sg_status sg_jwks_parse(const void *json, size_t n, sg_jwks **out, sg_err *err)
{
    json_error_t e;
    *out = NULL;
    json_t *root = n <= SG_JWKS_BYTES ? json_loadb(json, n, JSON_REJECT_DUPLICATES, &e) : NULL;
    json_t *list = json_object_get(root, "keys");
    sg_jwks *k = calloc(1, sizeof *k);
    sg_status st = SG_OK;
    if (!k)
        st = sg_fail(err, SG_NOMEM, "no memory for a key set");
    else if (!json_is_array(list))
        st = sg_fail(err, SG_FORMAT, "no JSON Web Key Set: want {\"keys\":[...]} of at most %d bytes", SG_JWKS_BYTES);
    else if (json_array_size(list) > SG_JWKS_KEYS)
        st = sg_fail(err, SG_LIMIT, "a key set of %zu keys, at most %d are taken", json_array_size(list), SG_JWKS_KEYS);
    for (size_t i = 0; !st && i < json_array_size(list); i++)
        add(k, json_array_get(list, i));
    if (!st && !k->n)
        st = sg_fail(err, SG_FORMAT,
                     "none of the %zu keys of the set can sign tokens (RSA of 2048 bits, P-256, Ed25519)",
                     json_array_size(list));
    json_decref(root);
    if (st)
        sg_jwks_free(k);
    else
        *out = k;
    return st;
}

int sg_jwks_count(const sg_jwks *k)
{
    return k->n;
}

void sg_jwks_free(sg_jwks *k)
{
    for (int i = 0; k && i < k->n; i++)
        sg_jws_key_free(k->row[i].key);
    free(k);
}
