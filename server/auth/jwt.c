/* jwt.c - what a token says, once its signature holds; see jwt.h. Nothing of the claims is looked at before that. */
#include "auth/internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define REFUSE(...) return sg_fail(err, SG_PRIVACY, __VA_ARGS__)

typedef struct parts {
    const char *text; /* header "." claims: what is signed */
    size_t n_header, n_claims, n_signature;
} parts;

static bool split(const char *token, parts *p)
{
    const size_t n = strlen(token), a = strcspn(token, ".");
    if (n > SG_JWT_BYTES || a == 0 || token[a] != '.')
        return false;
    const size_t b = strcspn(token + a + 1, ".");
    if (b == 0 || token[a + 1 + b] != '.')
        return false;
    const char *signature = token + a + b + 2;
    *p = (parts){token, a, b, strlen(signature)};
    return p->n_signature > 0 && !strchr(signature, '.');
}

/* A part as a JSON object; new reference, NULL when it is none. */
static json_t *object_of(const char *text, size_t n)
{
    sg_buf b;
    json_error_t e;
    json_t *j = NULL;
    sg_buf_init(&b, SG_JWT_BYTES);
    if (sg_unbase64url(text, n, &b, NULL) == SG_OK && b.n)
        j = json_loadb((const char *)b.data, b.n, JSON_REJECT_DUPLICATES, &e);
    sg_buf_clear(&b);
    if (json_is_object(j))
        return j;
    json_decref(j);
    return NULL;
}

static bool typ_ok(const json_t *header)
{
    const json_t *typ = json_object_get(header, "typ");
    const char *word = json_string_value(typ);
    if (word && !strncasecmp(word, "application/", 12))
        word += 12;
    return !typ || (word && (!strcasecmp(word, "JWT") || !strcasecmp(word, "at+jwt")));
}

/* The key that the header names and that is for the algorithm it names. A set of one key needs no name. */
static sg_status find_key(const json_t *header, const sg_jwks *keys, const sg_jws_key **out, sg_err *err)
{
    const json_t *kid = json_object_get(header, "kid");
    const char *alg = json_string_value(json_object_get(header, "alg")), *name = json_string_value(kid);
    bool known = false, named = false;
    *out = NULL;
    for (int a = 0; alg && a < SG_N_JWS; a++)
        known = known || !strcmp(alg, sg_jws_name((sg_jws_alg)a));
    if (!known)
        REFUSE("its alg is none of RS256, ES256 and EdDSA");
    if (!typ_ok(header) || json_object_get(header, "crit"))
        REFUSE("its header has another typ than JWT, or extensions that must be understood");
    if (kid && !name)
        REFUSE("its kid is no text");
    for (int i = 0; i < keys->n && !*out; i++) {
        if (name ? strcmp(name, keys->row[i].kid) != 0 : keys->n > 1)
            continue;
        named = true;
        if (!strcmp(alg, sg_jws_name(sg_jws_alg_of(keys->row[i].key))))
            *out = keys->row[i].key;
    }
    if (!named)
        return sg_fail(err, SG_NOT_FOUND, "no key of the issuer has its kid");
    if (!*out)
        REFUSE("its alg is not that of the key it names");
    return SG_OK;
}

static sg_status check_signature(const parts *p, const sg_jws_key *key, sg_err *err)
{
    sg_buf s;
    sg_buf_init(&s, SG_JWT_BYTES);
    const size_t n = p->n_header + 1 + p->n_claims;
    const bool ok = sg_unbase64url(p->text + n + 1, p->n_signature, &s, NULL) == SG_OK &&
                    sg_jws_verify(key, p->text, n, s.data, s.n);
    sg_buf_clear(&s);
    return ok ? SG_OK : sg_fail(err, SG_PRIVACY, "its signature does not hold");
}

/* false: absent. NAN: not a number of seconds. */
static bool seconds(const json_t *claims, const char *name, double *out)
{
    const json_t *j = json_object_get(claims, name);
    *out = json_is_number(j) ? json_number_value(j) : NAN;
    if (!(*out >= 0 && *out < 9e15))
        *out = NAN;
    return j != NULL;
}

static sg_status check_times(const json_t *claims, int64_t leeway_s, int64_t now_s, int64_t *until_s, sg_err *err)
{
    const double latest = (double)(now_s + leeway_s);
    double t;
    if (!seconds(claims, "exp", &t) || isnan(t))
        REFUSE("it has no end (exp)");
    if (t + (double)leeway_s <= (double)now_s)
        REFUSE("it is expired");
    *until_s = (int64_t)t + leeway_s;
    if (seconds(claims, "nbf", &t) && !(t <= latest))
        REFUSE("it is not valid yet (nbf)");
    if (seconds(claims, "iat", &t) && !(t <= latest))
        REFUSE("it was issued in the future (iat)");
    return SG_OK;
}

static bool is(const json_t *j, const char *want)
{
    const char *s = json_string_value(j);
    return s && json_string_length(j) == strlen(want) && !strcmp(s, want);
}

static bool meant_for(const json_t *aud, const char *audience)
{
    size_t i;
    const json_t *one;
    json_array_foreach((json_t *)(uintptr_t)aud, i, one) if (is(one, audience)) return true;
    return is(aud, audience);
}

/* The claim itself where it can be an owner's name. Anything else, and what could be mistaken for such a name or for the
 * service itself, becomes a digest: the same claim is always the same owner. */
static sg_status read_owner(const json_t *claims, const sg_jwt_rules *r, char out[SG_OWNER_TEXT], sg_err *err)
{
    const json_t *claim = json_object_get(claims, r->owner_claim);
    const char *s = json_string_value(claim);
    char hex[SG_DIGEST_HEX];
    if (!s || !*s)
        REFUSE("it names no owner (%s)", r->owner_claim);
    if (sg_auth_owner_ok(s) && strncmp(s, "sub-", 4) != 0 && strcmp(s, "snpgend") != 0 && strcmp(s, "admin") != 0) {
        (void)snprintf(out, SG_OWNER_TEXT, "%s", s);
        return SG_OK;
    }
    const sg_digest d = sg_sha256_of(s, json_string_length(claim));
    sg_hex(d.b, 20, hex);
    (void)snprintf(out, SG_OWNER_TEXT, "sub-%.40s", hex);
    return SG_OK;
}

/* One word that is a scope of ours adds its bit; others ("openid") are somebody else's. */
static void add_scope(const char *word, size_t n, unsigned *scopes)
{
    char text[32] = "";
    unsigned one = 0;
    if (n == 0 || n >= sizeof text)
        return;
    memcpy(text, word, n);
    if (!strpbrk(text, " ,") && sg_auth_scopes_parse(text, &one, NULL) == SG_OK)
        *scopes |= one;
}

static unsigned read_scopes(const json_t *claims, const sg_jwt_rules *r)
{
    const json_t *claim = json_object_get(claims, r->scope_claim), *one;
    unsigned scopes = 0;
    size_t i;
    for (const char *p = json_string_value(claim); p && *p;) {
        const size_t n = strcspn(p, " ");
        add_scope(p, n, &scopes);
        p += n + (p[n] == ' ');
    }
    json_array_foreach((json_t *)(uintptr_t)claim, i, one) if (json_is_string(one))
        add_scope(json_string_value(one), json_string_length(one), &scopes);
    return scopes & r->scopes_max;
}

static sg_status read_claims(const json_t *claims, const sg_jwt_rules *r, int64_t now_s, sg_jwt *out, sg_err *err)
{
    if (!claims)
        REFUSE("its claims are no JSON object");
    if (!is(json_object_get(claims, "iss"), r->issuer))
        REFUSE("it is of another issuer");
    if (!meant_for(json_object_get(claims, "aud"), r->audience))
        REFUSE("it is meant for another audience");
    SG_TRY(check_times(claims, r->leeway_s, now_s, &out->until_s, err));
    out->scopes = read_scopes(claims, r);
    return read_owner(claims, r, out->owner, err);
}

sg_status sg_jwt_check(const char *token, const sg_jwt_rules *r, const sg_jwks *keys, int64_t now_s, sg_jwt *out,
                       sg_err *err)
{
    parts p;
    const sg_jws_key *key = NULL;
    memset(out, 0, sizeof *out);
    if (!split(token, &p))
        REFUSE("it has not the three parts of a signed token");
    json_t *header = object_of(p.text, p.n_header), *claims = NULL;
    sg_status st =
        header ? find_key(header, keys, &key, err) : sg_fail(err, SG_PRIVACY, "its header is no JSON object");
    if (!st)
        st = check_signature(&p, key, err);
    if (!st) {
        claims = object_of(p.text + p.n_header + 1, p.n_claims);
        st = read_claims(claims, r, now_s, out, err);
    }
    json_decref(header);
    json_decref(claims);
    return st;
}
