/* bundle.c - see bundle.h. */
#include "cli/bundle.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "nn/backend.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

sg_status sg_bundle_open(const char *dir, const char *backend, const char *precision, int64_t memory_mib, sg_arena *a,
                         sg_model **m, sg_err *err)
{
    SG_TRY(sg_arena_init(a, (size_t)memory_mib << 20, err));
    SG_TRY(sg_backend_choose(backend, precision, err));
    return sg_model_open(dir, m, err);
}

static size_t trimmed(const char *dir)
{
    size_t n = strlen(dir);
    while (n > 1 && dir[n - 1] == '/')
        n--;
    return n;
}

sg_status sg_bundle_path(const char *dir, const char *suffix, char *out, size_t n, sg_err *err)
{
    const int got = snprintf(out, n, "%.*s%s", (int)trimmed(dir), dir, suffix);
    return got > 0 && (size_t)got < n ? SG_OK : sg_fail(err, SG_LIMIT, "the path of the model folder is too long");
}

sg_status sg_bundle_absent(const char *dir, sg_err *err)
{
    char path[4096];
    SG_TRY(sg_bundle_path(dir, "", path, sizeof path, err));
    if (sg_file_exists(path))
        return sg_fail(err, SG_STATE, "%s exists; a model is never overwritten: choose another --out or remove it",
                       path);
    return SG_OK;
}

static bool name_ok(const char *s)
{
    const size_t n = strlen(s);
    if (n == 0 || n >= SG_MODEL_ID || !(islower((unsigned char)*s) || isdigit((unsigned char)*s)))
        return false;
    return strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789._-") == n;
}

/* The last part of the folder's path in small letters, other characters as '-'. */
static void name_from_path(const char *dir, char *out, size_t n)
{
    const size_t len = trimmed(dir);
    size_t from = len;
    while (from > 0 && dir[from - 1] != '/')
        from--;
    size_t k = 0;
    for (size_t i = from; i < len && k + 1 < n; i++) {
        const int c = tolower((unsigned char)dir[i]);
        out[k++] = (char)(c < 128 && (isalnum(c) || strchr("._-", c)) ? c : '-');
    }
    out[k] = 0;
    if (!name_ok(out))
        (void)snprintf(out, n, "model");
}

sg_status sg_bundle_card(const char *id, const char *dir, const sg_dataset *d, sg_card *card, sg_err *err)
{
    *card = (sg_card){.format = SG_BUNDLE_FORMAT, .n_label = d->n_label, .prevalence = d->prevalence};
    if (id && !name_ok(id))
        return sg_fail(
            err, SG_FORMAT,
            "--id \"%s\" is no good as a name, want up to %d small letters, digits, '.', '_', '-', the first "
            "a letter or digit",
            id, SG_MODEL_ID - 1);
    if (id)
        (void)snprintf(card->id, sizeof card->id, "%s", id);
    else
        name_from_path(dir, card->id, sizeof card->id);
    memcpy(card->trait, d->trait, sizeof card->trait);
    memcpy(card->label_name, d->label_name, sizeof card->label_name);
    card->data = d->digest;
    char now[SG_TIME_BYTES];
    sg_clock_rfc3339(sg_clock_wall_ms(), now);
    memcpy(card->created, now, sizeof now < sizeof card->created ? sizeof now : sizeof card->created);
    (void)snprintf(card->build, sizeof card->build, "snpgen %s", SG_VERSION);
    return SG_OK;
}

sg_status sg_bundle_key(const char *given, const char *dir, char *path, size_t n, uint8_t key[SG_KEY_BYTES],
                        sg_err *err)
{
    if (given) {
        const int got = snprintf(path, n, "%s", given);
        if (got < 0 || (size_t)got >= n)
            return sg_fail(err, SG_LIMIT, "the path of the key is too long");
    } else {
        SG_TRY(sg_bundle_path(dir, ".key", path, n, err));
    }
    if (!sg_file_exists(path)) {
        SG_TRY(sg_key_new(path, err));
        sg_log(SG_LOG_INFO, "made a key that seals the reference people: %s; keep it apart from the model", path);
    }
    return sg_key_load(path, key, err);
}

sg_status sg_bundle_write(const char *dir, sg_card *card, const sg_dataset *d, const sg_train_result *r,
                          const uint8_t key[SG_KEY_BYTES], sg_arena *a, sg_err *err)
{
    sg_reference ref;
    SG_TRY(sg_reference_from_dataset(d, a, &ref, err));
    char path[4096];
    SG_TRY(sg_bundle_path(dir, "", path, sizeof path, err));
    return sg_model_save(path, card, &d->panel, r->vae_w, r->unet_w, &r->space, &r->decoder, &ref, key, err);
}
