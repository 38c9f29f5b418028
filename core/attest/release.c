/* release.c - see release.h. */
#include "attest/release.h"
#include "attest/envelope.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MANIFEST_MAX = 32 << 20, PATH_TEXT = 4096 };

json_t *sg_release_audit(const char *leaf, const sg_proof *proof, const char *checkpoint)
{
    json_t *list = json_array();
    for (int i = 0; i < proof->n; i++) {
        char hex[SG_DIGEST_HEX];
        sg_hex(proof->hash[i].b, SG_DIGEST_BYTES, hex);
        (void)json_array_append_new(list, json_string(hex));
    }
    return json_pack("{s:s,s:o,s:s}", "leaf", leaf, "proof", list, "checkpoint", checkpoint);
}

static const char *text(const json_t *j, const char *member)
{
    const char *s = json_string_value(json_object_get(j, member));
    return s ? s : "";
}

/* A name that cannot leave the folder. */
static bool plain_name(const char *s)
{
    static const char fine[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    return *s && *s != '.' && strlen(s) < 128 && strspn(s, fine) == strlen(s);
}

static sg_status parse(const void *data, size_t n, const char *what, json_t **out, sg_err *err)
{
    json_error_t e;
    *out = json_loadb(data ? data : "", n, JSON_REJECT_DUPLICATES, &e);
    return *out ? SG_OK : sg_fail(err, SG_FORMAT, "%s line %d: %s", what, e.line, e.text);
}

/* ---- the files ---- */

static sg_status check_file(const char *dir, const json_t *subject, sg_release_proof *out, sg_err *err)
{
    char path[PATH_TEXT];
    const char *name = text(subject, "name"), *hex = text(json_object_get(subject, "digest"), "sha256");
    sg_digest want, got;
    struct stat s;
    if (!plain_name(name) || !strcmp(name, SG_MANIFEST_NAME) || sg_unhex(hex, SG_DIGEST_BYTES, want.b, NULL))
        return sg_fail(err, SG_FORMAT, "%s: a subject wants a plain file name and its sha256", SG_MANIFEST_NAME);
    if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path)
        return sg_fail(err, SG_LIMIT, "%s: the path is too long", dir);
    SG_TRY(sg_sha256_file(path, &got, err));
    if (!sg_digest_equal(&got, &want))
        return sg_fail(err, SG_MISMATCH, "%s is not the file that was released: its SHA-256 differs", path);
    if (!stat(path, &s))
        out->bytes += s.st_size;
    out->n_file++;
    return SG_OK;
}

static bool is_subject(const json_t *subjects, const char *name)
{
    size_t i;
    const json_t *s;
    json_array_foreach((json_t *)(uintptr_t)subjects, i, s)
    {
        if (!strcmp(text(s, "name"), name))
            return true;
    }
    return false;
}

static sg_status nothing_else(const char *dir, const json_t *subjects, sg_err *err)
{
    DIR *d = opendir(dir);
    if (!d)
        return sg_fail(err, SG_IO, "%s: %s", dir, strerror(errno));
    sg_status st = SG_OK;
    for (struct dirent *x; !st && (x = readdir(d));)
        if (strcmp(x->d_name, ".") != 0 && strcmp(x->d_name, "..") != 0 && strcmp(x->d_name, SG_MANIFEST_NAME) != 0 &&
            !is_subject(subjects, x->d_name))
            st = sg_fail(err, SG_MISMATCH, "%s/%.100s was not released: the manifest does not name it", dir, x->d_name);
    (void)closedir(d);
    return st;
}

static sg_status check_files(const char *dir, const json_t *statement, sg_release_proof *out, sg_err *err)
{
    const json_t *subjects = json_object_get(statement, "subject"), *s;
    size_t i;
    if (strcmp(text(statement, "_type"), "https://in-toto.io/Statement/v1") != 0 ||
        strcmp(text(statement, "predicateType"), SG_PREDICATE_TYPE) != 0 || json_array_size(subjects) == 0)
        return sg_fail(err, SG_FORMAT, "%s: not a release statement of snpgen", SG_MANIFEST_NAME);
    json_array_foreach((json_t *)(uintptr_t)subjects, i, s) SG_TRY(check_file(dir, s, out, err));
    return nothing_else(dir, subjects, err);
}

/* ---- the audit entry ---- */

static sg_status read_proof(const json_t *list, sg_proof *out, sg_err *err)
{
    size_t i;
    const json_t *h;
    out->n = 0;
    if (!json_is_array(list) || json_array_size(list) > SG_PROOF_MAX)
        return sg_fail(err, SG_FORMAT, "%s: no proof that the release is in the audit log", SG_MANIFEST_NAME);
    json_array_foreach((json_t *)(uintptr_t)list, i, h)
    {
        const char *hex = json_string_value(h);
        SG_TRY(sg_unhex(hex ? hex : "", SG_DIGEST_BYTES, out->hash[out->n++].b, err));
    }
    return SG_OK;
}

/* The entry tells of this statement. */
static sg_status check_entry(const char *leaf, sg_release_proof *out, sg_err *err)
{
    json_t *entry, *detail = NULL;
    char hex[SG_DIGEST_HEX];
    SG_TRY(parse(leaf, strlen(leaf), "audit entry", &entry, err));
    sg_hex(out->statement.b, SG_DIGEST_BYTES, hex);
    const char *words = text(entry, "detail");
    sg_status st = parse(words, strlen(words), "audit entry's detail", &detail, err);
    if (!st && (strcmp(text(entry, "action"), "job.release") != 0 || strcmp(text(detail, "statement"), hex) != 0))
        st = sg_fail(err, SG_MISMATCH, "the audit entry tells of another release");
    out->entry = json_integer_value(json_object_get(entry, "seq"));
    (void)snprintf(out->at, sizeof out->at, "%s", text(entry, "at"));
    json_decref(entry);
    json_decref(detail);
    return st;
}

static sg_status check_audit(const json_t *audit, const sg_signer *key, sg_release_proof *out, sg_err *err)
{
    sg_proof proof;
    const char *leaf = text(audit, "leaf"), *note = text(audit, "checkpoint");
    if (!*leaf || !*note)
        return sg_fail(err, SG_FORMAT, "%s: no audit entry or checkpoint", SG_MANIFEST_NAME);
    SG_TRY(check_entry(leaf, out, err));
    SG_TRY(sg_checkpoint_open(note, strlen(note), key, &out->checkpoint, err));
    SG_TRY(read_proof(json_object_get(audit, "proof"), &proof, err));
    const sg_digest h = sg_merkle_leaf(leaf, strlen(leaf));
    return sg_merkle_verify_inclusion(&h, out->entry - 1, out->checkpoint.size, &proof, &out->checkpoint.root)
               ? SG_OK
               : sg_fail(err, SG_MISMATCH, "the audit entry is not in the log that the checkpoint stands for");
}

static sg_status check_manifest(const char *dir, const json_t *manifest, const sg_signer *key, sg_release_proof *out,
                                sg_err *err)
{
    sg_buf payload;
    json_t *statement = NULL;
    sg_buf_init(&payload, SG_STATEMENT_MAX);
    sg_status st = sg_envelope_open(manifest, key, &payload, err);
    if (!st)
        st = parse(payload.data, payload.n, "statement", &statement, err);
    if (!st)
        st = check_files(dir, statement, out, err);
    if (!st) {
        out->statement = sg_sha256_of(payload.data, payload.n);
        st = check_audit(json_object_get(manifest, "audit"), key, out, err);
    }
    if (!st)
        out->predicate = json_incref(json_object_get(statement, "predicate"));
    json_decref(statement);
    sg_buf_clear(&payload);
    return st;
}

sg_status sg_release_verify(const char *dir, const sg_signer *key, sg_release_proof *out, sg_err *err)
{
    char path[PATH_TEXT];
    sg_buf b;
    json_t *manifest;
    memset(out, 0, sizeof *out);
    if (snprintf(path, sizeof path, "%s/%s", dir, SG_MANIFEST_NAME) >= (int)sizeof path)
        return sg_fail(err, SG_LIMIT, "%s: the path is too long", dir);
    SG_TRY(sg_file_read(path, MANIFEST_MAX, &b, err));
    sg_status st = parse(b.data, b.n, path, &manifest, err);
    sg_buf_clear(&b);
    if (!st) {
        st = check_manifest(dir, manifest, key, out, err);
        json_decref(manifest);
    }
    return st;
}
