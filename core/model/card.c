/* card.c - card.json <-> sg_card, every field checked under its own name.
 *
 * Reading is one pass over a table-like list of calls; the first wrong field is reported and the rest is skipped.
 * Fields that this version does not know are ignored, so that a card may say more; the format number says when that is
 * not enough.
 */
#include "model/inside.h"

#include <ctype.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

/* Where the reader stands: the first error wins, later calls do nothing. */
typedef struct reader {
    const json_t *at;
    const char *path; /* "vae." */
    sg_status st;
    sg_err *err;
} reader;

static void wrong(reader *r, const char *name, const char *fmt, ...) SG_PRINTF(3, 4);
static void wrong(reader *r, const char *name, const char *fmt, ...)
{
    char text[200];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (!r->st)
        r->st = sg_fail(r->err, SG_FORMAT, "card.json: %s%s %s", r->path, name, text);
}

static const json_t *get(reader *r, const char *name)
{
    const json_t *x = r->st ? NULL : json_object_get(r->at, name);
    if (!x)
        wrong(r, name, "is missing");
    return x;
}

static reader into(reader *r, const char *name, const char *path)
{
    const json_t *x = get(r, name);
    if (x && !json_is_object(x))
        wrong(r, name, "is not an object");
    return (reader){x, path, r->st, r->err};
}

static int64_t whole(reader *r, const char *name, const json_t *x, int64_t min, int64_t max)
{
    if (!x)
        return 0;
    const int64_t v = json_integer_value(x);
    if (!json_is_integer(x))
        wrong(r, name, "is not a whole number");
    else if (v < min || v > max)
        wrong(r, name, "is %lld, want %lld to %lld", (long long)v, (long long)min, (long long)max);
    return r->st ? 0 : v;
}

static int64_t get_int(reader *r, const char *name, int64_t min, int64_t max)
{
    return whole(r, name, get(r, name), min, max);
}

static double get_real(reader *r, const char *name, double min, double max)
{
    const json_t *x = get(r, name);
    const double v = json_number_value(x);
    if (x && !json_is_number(x))
        wrong(r, name, "is not a number");
    else if (x && !(v >= min && v <= max))
        wrong(r, name, "is %.10g, want %.10g to %.10g", v, min, max);
    return v;
}

/* null stands for infinity, which JSON cannot write. */
static double get_real_or_infinite(reader *r, const char *name, double min)
{
    const json_t *x = get(r, name);
    return json_is_null(x) ? INFINITY : get_real(r, name, min, 1e300);
}

static bool get_bool(reader *r, const char *name)
{
    const json_t *x = get(r, name);
    if (x && !json_is_boolean(x))
        wrong(r, name, "is neither true nor false");
    return json_is_true(x);
}

static bool printable(const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            return false;
    return true;
}

/* Text of at most size - 1 bytes without control characters. */
static void get_text(reader *r, const char *name, char *out, size_t size)
{
    const json_t *x = get(r, name);
    const char *s = json_string_value(x);
    if (!x)
        return;
    if (!s)
        wrong(r, name, "is not text");
    else if (strlen(s) != json_string_length(x) || !printable(s))
        wrong(r, name, "holds control characters");
    else if (strlen(s) >= size)
        wrong(r, name, "has %zu bytes, at most %zu are allowed", strlen(s), size - 1);
    else
        memcpy(out, s, strlen(s) + 1);
}

/* One word of a list, by its parser. */
#define GET_WORD(r, name, parse, out)                                                                                  \
    do {                                                                                                               \
        char word_[64] = "";                                                                                           \
        sg_err why_ = {0};                                                                                             \
        get_text(r, name, word_, sizeof word_);                                                                        \
        if (!(r)->st && parse(word_, out, &why_))                                                                      \
            wrong(r, name, "is wrong: %.120s", why_.msg);                                                              \
    } while (0)

static void get_digest(reader *r, const char *name, sg_digest *out)
{
    char hex[SG_DIGEST_HEX] = "";
    get_text(r, name, hex, sizeof hex);
    if (!r->st && sg_unhex(hex, SG_DIGEST_BYTES, out->b, NULL))
        wrong(r, name, "is not %d hexadecimal digits", 2 * SG_DIGEST_BYTES);
}

static const json_t *get_array(reader *r, const char *name, size_t min, size_t max)
{
    const json_t *x = get(r, name);
    if (!x)
        return NULL;
    if (!json_is_array(x))
        wrong(r, name, "is not a list");
    else if (json_array_size(x) < min || json_array_size(x) > max)
        wrong(r, name, "has %zu entries, want %zu to %zu", json_array_size(x), min, max);
    return r->st ? NULL : x;
}

/* A list of whole numbers; returns its length. */
static int get_ints(reader *r, const char *name, int min, int max, int lo, int hi, int *out)
{
    const json_t *x = get_array(r, name, (size_t)min, (size_t)max);
    const int n = (int)json_array_size(x);
    for (int i = 0; x && i < n; i++)
        out[i] = (int)whole(r, name, json_array_get(x, (size_t)i), lo, hi);
    return n;
}

static void read_labels(reader *r, sg_card *c)
{
    const json_t *x = get_array(r, "labels", 1, SG_LABEL_MAX);
    c->n_label = (int)json_array_size(x);
    for (int i = 0; x && i < c->n_label; i++) {
        const json_t *w = json_array_get(x, (size_t)i);
        const char *s = json_string_value(w);
        if (!s || strlen(s) != json_string_length(w) || strlen(s) >= SG_LABEL_NAME || !*s || !printable(s)) {
            wrong(r, "labels", "entry %d is not a name of 1 to %d bytes", i, SG_LABEL_NAME - 1);
            return;
        }
        memcpy(c->label_name[i], s, strlen(s) + 1);
    }
}

static sg_status read_vae(reader r, sg_vae_config *v)
{
    v->seq_len = get_int(&r, "seq_len", 1, 1 << 20);
    v->n_snp = get_int(&r, "n_snp", 1, 1 << 20);
    v->n_level = get_ints(&r, "channels", 1, SG_VAE_LEVEL_MAX, 1, 1 << 16, v->channels);
    v->in_proj = (int)get_int(&r, "in_proj", 1, 1 << 16);
    v->z_channels = (int)get_int(&r, "z_channels", 1, 1 << 16);
    v->n_res = (int)get_int(&r, "n_res", 1, 64);
    v->mid_attention = get_bool(&r, "mid_attention");
    v->kl_weight = get_real(&r, "kl_weight", 0, 1e6);
    return r.st;
}

static sg_status read_unet(reader r, sg_unet_config *u)
{
    u->latent_len = get_int(&r, "latent_len", 1, 1 << 20);
    u->z_channels = (int)get_int(&r, "z_channels", 1, 1 << 16);
    u->channels = (int)get_int(&r, "channels", 1, 1 << 16);
    u->n_mult = get_ints(&r, "mult", 1, SG_UNET_MULT_MAX, 1, 1 << 10, u->mult);
    u->n_res = (int)get_int(&r, "n_res", 1, 64);
    u->head_width = (int)get_int(&r, "head_width", 1, 1 << 16);
    u->context_dim = (int)get_int(&r, "context_dim", 1, 1 << 16);
    u->n_classes = (int)get_int(&r, "n_classes", 1, SG_LABEL_MAX);
    /* Cards of the first days do not have it. */
    u->position = json_object_get(r.at, "position") && get_bool(&r, "position");
    return r.st;
}

static sg_status read_sampling(reader r, sg_sampling *s)
{
    GET_WORD(&r, "solver", sg_solver_parse, &s->solve.solver);
    s->solve.steps = (int)get_int(&r, "steps", 1, SG_STEPS_MAX);
    s->solve.guidance = get_real(&r, "guidance", 0, 1000);
    s->solve.guide_lo = get_real(&r, "guide_lo", 0, 1e300);
    s->solve.guide_hi = get_real_or_infinite(&r, "guide_hi", 0);
    GET_WORD(&r, "objective", sg_objective_parse, &s->solve.objective);
    GET_WORD(&r, "decode", sg_decode_parse, &s->decode);
    return r.st;
}

static sg_status read_people(reader r, sg_card *c)
{
    const int64_t most = (int64_t)1 << 32;
    c->n_train = get_int(&r, "train", 0, most);
    c->n_val = get_int(&r, "val", 0, most);
    c->n_test = get_int(&r, "test", 0, most);
    const json_t *x = get_array(&r, "train_by_label", (size_t)c->n_label, (size_t)c->n_label);
    int64_t sum = 0;
    for (int i = 0; x && i < c->n_label; i++) {
        c->n_train_label[i] = whole(&r, "train_by_label", json_array_get(x, (size_t)i), 0, most);
        sum += c->n_train_label[i];
    }
    if (!r.st && sum != c->n_train)
        wrong(&r, "train_by_label", "sums to %lld, train is %lld", (long long)sum, (long long)c->n_train);
    return r.st;
}

static sg_status read_digests(reader r, sg_card *c)
{
    get_digest(&r, "data", &c->data);
    get_digest(&r, "weights", &c->weights);
    get_digest(&r, "panel", &c->panel);
    get_digest(&r, "reference", &c->reference);
    return r.st;
}

/* A member kept as text; absent or null is NULL. */
static sg_status keep_object(reader *r, const char *name, sg_arena *a, char **out)
{
    *out = NULL;
    const json_t *x = json_object_get(r->at, name);
    if (!x || json_is_null(x))
        return SG_OK;
    if (!json_is_object(x)) {
        wrong(r, name, "is not an object");
        return r->st;
    }
    const size_t n = json_dumpb(x, NULL, 0, JSON_COMPACT);
    *out = n < SG_CARD_BYTES_MAX ? SG_NEW(a, char, (int64_t)n + 1) : NULL;
    if (!*out)
        return r->st = sg_arena_full(a, "the card", r->err);
    (void)json_dumpb(x, *out, n, JSON_COMPACT);
    return SG_OK;
}

static sg_status read_card(reader *r, sg_arena *a, sg_card *c)
{
    c->format = (int)get_int(r, "format", INT32_MIN, INT32_MAX);
    if (!r->st && c->format != SG_BUNDLE_FORMAT)
        return r->st = sg_fail(r->err, SG_LIMIT, "card.json: bundle format %d, this program reads format %d", c->format,
                               SG_BUNDLE_FORMAT);
    get_text(r, "id", c->id, sizeof c->id);
    get_text(r, "trait", c->trait, sizeof c->trait);
    read_labels(r, c);
    c->prevalence = get_real(r, "prevalence", 0, 1);
    get_text(r, "created", c->created, sizeof c->created);
    get_text(r, "build", c->build, sizeof c->build);
    get_text(r, "licence", c->licence, sizeof c->licence);
    get_text(r, "intended_use", c->intended_use, sizeof c->intended_use);
    /* Each part starts from where the last one ended, its error included. */
    r->st = read_vae(into(r, "vae", "vae."), &c->vae);
    r->st = read_unet(into(r, "unet", "unet."), &c->unet);
    r->st = read_sampling(into(r, "sampling", "sampling."), &c->sampling);
    r->st = read_people(into(r, "people", "people."), c);
    r->st = read_digests(into(r, "digests", "digests."), c);
    if (!r->st)
        (void)keep_object(r, "training", a, &c->training_json);
    if (!r->st)
        (void)keep_object(r, "metrics", a, &c->metrics_json);
    if (!r->st)
        (void)keep_object(r, "qualification", a, &c->qualification_json);
    return r->st;
}

static bool id_ok(const char *id)
{
    if (!islower((unsigned char)*id) && !isdigit((unsigned char)*id))
        return false;
    for (; *id; id++)
        if (!islower((unsigned char)*id) && !isdigit((unsigned char)*id) && !strchr("._-", *id))
            return false;
    return true;
}

sg_status sg_card_check(const sg_card *c, sg_err *err)
{
    if (!id_ok(c->id))
        return sg_fail(err, SG_FORMAT,
                       "card.json: id \"%.63s\", want small letters, digits, '.', '_', '-', a letter or digit first",
                       c->id);
    sg_status st = sg_vae_config_check(&c->vae, err);
    if (!st)
        st = sg_unet_config_check(&c->unet, err);
    if (st)
        return sg_fail_in(err, st, "card.json");
    if (c->unet.latent_len != sg_vae_latent_len(&c->vae) || c->unet.z_channels != c->vae.z_channels)
        return sg_fail(err, SG_MISMATCH, "card.json: the U-Net takes latents [%d, %lld], the VAE makes [%d, %lld]",
                       c->unet.z_channels, (long long)c->unet.latent_len, c->vae.z_channels,
                       (long long)sg_vae_latent_len(&c->vae));
    if (c->unet.n_classes != c->n_label)
        return sg_fail(err, SG_MISMATCH, "card.json: the U-Net knows %d classes, there are %d labels",
                       c->unet.n_classes, c->n_label);
    return SG_OK;
}

sg_status sg_card_decode(const void *text, size_t n, sg_arena *a, sg_card *out, sg_err *err)
{
    *out = (sg_card){0};
    json_error_t e;
    json_t *root = json_loadb(text, n, JSON_REJECT_DUPLICATES, &e);
    if (!root)
        return sg_fail(err, SG_FORMAT, "card.json line %d: %.120s", e.line, e.text);
    reader r = {root, "", SG_OK, err};
    if (!json_is_object(root))
        r.st = sg_fail(err, SG_FORMAT, "card.json: not a JSON object");
    sg_status st = r.st ? r.st : read_card(&r, a, out);
    json_decref(root);
    if (!st)
        st = sg_card_check(out, err);
    if (st)
        *out = (sg_card){0};
    return st;
}

static json_t *hex_json(const sg_digest *d)
{
    char hex[SG_DIGEST_HEX];
    sg_hex(d->b, SG_DIGEST_BYTES, hex);
    return json_string(hex);
}

static json_t *ints_json(const int *x, int n)
{
    json_t *list = json_array();
    for (int i = 0; i < n; i++)
        (void)json_array_append_new(list, json_integer(x[i]));
    return list;
}

static json_t *networks_json(const sg_card *c)
{
    const sg_vae_config *v = &c->vae;
    const sg_unet_config *u = &c->unet;
    return json_pack("{s:{s:I,s:I,s:o,s:i,s:i,s:i,s:b,s:f},s:{s:I,s:i,s:i,s:o,s:i,s:i,s:i,s:i,s:b}}", "vae", "seq_len",
                     (json_int_t)v->seq_len, "n_snp", (json_int_t)v->n_snp, "channels",
                     ints_json(v->channels, v->n_level), "in_proj", v->in_proj, "z_channels", v->z_channels, "n_res",
                     v->n_res, "mid_attention", (int)v->mid_attention, "kl_weight", v->kl_weight, "unet", "latent_len",
                     (json_int_t)u->latent_len, "z_channels", u->z_channels, "channels", u->channels, "mult",
                     ints_json(u->mult, u->n_mult), "n_res", u->n_res, "head_width", u->head_width, "context_dim",
                     u->context_dim, "n_classes", u->n_classes, "position", (int)u->position);
}

static json_t *sampling_json(const sg_sampling *s)
{
    return json_pack("{s:s,s:i,s:f,s:f,s:o,s:s,s:s}", "solver", sg_solver_name(s->solve.solver), "steps",
                     s->solve.steps, "guidance", s->solve.guidance, "guide_lo", s->solve.guide_lo, "guide_hi",
                     isinf(s->solve.guide_hi) ? json_null() : json_real(s->solve.guide_hi), "objective",
                     sg_objective_name(s->solve.objective), "decode", sg_decode_name(s->decode));
}

static json_t *people_json(const sg_card *c)
{
    json_t *list = json_array();
    for (int i = 0; i < c->n_label; i++)
        (void)json_array_append_new(list, json_integer((json_int_t)c->n_train_label[i]));
    return json_pack("{s:I,s:I,s:I,s:o}", "train", (json_int_t)c->n_train, "val", (json_int_t)c->n_val, "test",
                     (json_int_t)c->n_test, "train_by_label", list);
}

static json_t *labels_json(const sg_card *c)
{
    json_t *list = json_array();
    for (int i = 0; i < c->n_label; i++)
        (void)json_array_append_new(list, json_string(c->label_name[i]));
    return list;
}

static sg_status add_text(json_t *root, const char *name, const char *text, sg_err *err)
{
    if (!text)
        return SG_OK;
    json_error_t e;
    json_t *x = json_loads(text, JSON_REJECT_DUPLICATES, &e);
    if (!json_is_object(x)) {
        json_decref(x);
        return sg_fail(err, SG_FORMAT, "card.json: %s is not a JSON object", name);
    }
    (void)json_object_set_new(root, name, x);
    return SG_OK;
}

static int add_bytes(const char *data, size_t n, void *b)
{
    return sg_buf_add(b, data, n, NULL) ? -1 : 0;
}

sg_status sg_card_encode(const sg_card *c, sg_buf *b, sg_err *err)
{
    json_t *root =
        json_pack("{s:i,s:s,s:s,s:o,s:f,s:s,s:s,s:s,s:s,s:o,s:o,s:{s:o,s:o,s:o,s:o}}", "format", SG_BUNDLE_FORMAT, "id",
                  c->id, "trait", c->trait, "labels", labels_json(c), "prevalence", c->prevalence, "created",
                  c->created, "build", c->build, "licence", c->licence, "intended_use", c->intended_use, "sampling",
                  sampling_json(&c->sampling), "people", people_json(c), "digests", "data", hex_json(&c->data),
                  "weights", hex_json(&c->weights), "panel", hex_json(&c->panel), "reference", hex_json(&c->reference));
    json_t *networks = networks_json(c);
    if (!root || !networks || json_object_update(root, networks)) {
        json_decref(networks);
        json_decref(root);
        return sg_fail(err, SG_FORMAT, "card.json: a text is not UTF-8, a number not finite, or memory is short");
    }
    json_decref(networks);
    sg_status st = add_text(root, "training", c->training_json, err);
    if (!st)
        st = add_text(root, "metrics", c->metrics_json, err);
    if (!st)
        st = add_text(root, "qualification", c->qualification_json, err);
    if (!st && json_dump_callback(root, add_bytes, b, JSON_INDENT(2) | JSON_REAL_PRECISION(17)))
        st = sg_fail(err, SG_LIMIT, "card.json would be larger than %zu bytes", b->max);
    json_decref(root);
    return st ? st : sg_buf_add(b, "\n", 1, err);
}

sg_status sg_card_subject(const sg_card *card, sg_digest *out, sg_err *err)
{
    sg_card bare = *card;
    bare.qualification_json = NULL;
    sg_buf b;
    sg_buf_init(&b, SG_CARD_BYTES_MAX);
    const sg_status st = sg_card_encode(&bare, &b, err);
    if (!st)
        *out = sg_sha256_of(b.data, b.n);
    sg_buf_clear(&b);
    return st;
}
