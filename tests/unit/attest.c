/* What an auditor verifies offline: trees and proofs against a computation that follows the definition, signatures
 * against RFC 8032, checkpoints and envelopes by their bytes, and releases with every part spoilt once. */
#include "attest/envelope.h"
#include "attest/leaf.h"
#include "attest/merkle.h"
#include "attest/note.h"
#include "attest/release.h"
#include "files.h"

#include <stdlib.h>

/* ---- a log kept in memory, and the tree by its definition ---- */

enum { MOST = 130, LEVELS = 9 };

typedef struct book {
    int64_t size;
    sg_digest node[LEVELS][MOST + 1];
    bool has[LEVELS][MOST + 1];
} book;

static sg_status get(void *ctx, int level, int64_t index, sg_digest *out, sg_err *err)
{
    const book *b = ctx;
    if (level >= LEVELS || index > MOST || !b->has[level][index])
        return sg_fail(err, SG_NOT_FOUND, "no hash of level %d, number %lld", level, (long long)index);
    *out = b->node[level][index];
    return SG_OK;
}

static sg_status put(void *ctx, int level, int64_t index, const sg_digest *hash, sg_err *err)
{
    book *b = ctx;
    (void)err;
    ck_assert(level < LEVELS && index <= MOST && !b->has[level][index]);
    b->node[level][index] = *hash;
    b->has[level][index] = true;
    return SG_OK;
}

static sg_digest leaf_of(int64_t i)
{
    const uint8_t data[2] = {(uint8_t)i, (uint8_t)(i * 7)};
    return sg_merkle_leaf(data, (size_t)(1 + i % 2));
}

static book *book_new(int64_t n)
{
    sg_err err = {0};
    book *b = calloc(1, sizeof *b);
    ck_assert_ptr_nonnull(b);
    const sg_tree t = {get, put, b};
    for (; b->size < n; b->size++) {
        const sg_digest h = leaf_of(b->size);
        ck_ok(sg_merkle_append(&t, b->size, &h, &err), err);
    }
    return b;
}

/* MTH of RFC 9162 section 2.1.1, word for word. */
static sg_digest by_definition(int64_t begin, int64_t n)
{
    if (n == 0)
        return sg_sha256_of("", 0);
    if (n == 1)
        return leaf_of(begin);
    int64_t k = 1;
    while (2 * k < n)
        k *= 2;
    const sg_digest l = by_definition(begin, k), r = by_definition(begin + k, n - k);
    uint8_t both[65] = {1};
    memcpy(both + 1, l.b, 32);
    memcpy(both + 33, r.b, 32);
    return sg_sha256_of(both, sizeof both);
}

START_TEST(roots_are_those_of_the_definition)
{
    sg_err err = {0};
    book *b = book_new(MOST);
    const sg_tree t = {get, NULL, b};
    for (int64_t n = 0; n <= MOST; n++) {
        sg_digest got;
        ck_ok(sg_merkle_root(&t, n, &got, &err), err);
        const sg_digest want = by_definition(0, n);
        ck_assert(sg_digest_equal(&got, &want));
    }
    free(b);
    char hex[SG_DIGEST_HEX]; /* a known one: the leaf of no data */
    const sg_digest empty = sg_merkle_leaf("", 0);
    sg_hex(empty.b, 32, hex);
    ck_assert_str_eq(hex, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
}
END_TEST

START_TEST(every_entry_of_every_size_is_proven_and_nothing_else)
{
    sg_err err = {0};
    book *b = book_new(MOST);
    const sg_tree t = {get, NULL, b};
    for (int64_t n = 1; n <= 70; n++) {
        sg_digest root;
        sg_proof p;
        ck_ok(sg_merkle_root(&t, n, &root, &err), err);
        for (int64_t i = 0; i < n; i++) {
            const sg_digest l = leaf_of(i), other = leaf_of(i + 1);
            ck_ok(sg_merkle_inclusion(&t, i, n, &p, &err), err);
            ck_assert(sg_merkle_verify_inclusion(&l, i, n, &p, &root));
            ck_assert(!sg_merkle_verify_inclusion(&other, i, n, &p, &root));
            ck_assert(!sg_merkle_verify_inclusion(&l, (i + 1) % n, n, &p, &root) || n == 1);
            ck_assert(!sg_merkle_verify_inclusion(&l, i, 0, &p, &root));
            for (int k = 0; k < p.n; k++) {
                p.hash[k].b[k % 32] ^= 1;
                ck_assert(!sg_merkle_verify_inclusion(&l, i, n, &p, &root));
                p.hash[k].b[k % 32] ^= 1;
            }
            if (p.n) { /* cut short, drawn out */
                p.n--;
                ck_assert(!sg_merkle_verify_inclusion(&l, i, n, &p, &root));
                p.n++;
            }
            p.hash[p.n++] = root;
            ck_assert(!sg_merkle_verify_inclusion(&l, i, n, &p, &root));
        }
        ck_assert_int_eq(sg_merkle_inclusion(&t, n, n, &p, &err), SG_LIMIT);
        ck_assert_int_eq(sg_merkle_inclusion(&t, -1, n, &p, &err), SG_LIMIT);
    }
    free(b);
}
END_TEST

START_TEST(every_beginning_of_every_size_is_proven_and_nothing_else)
{
    sg_err err = {0};
    book *b = book_new(MOST);
    const sg_tree t = {get, NULL, b};
    for (int64_t n = 0; n <= 70; n++) {
        sg_digest root, old;
        sg_proof p;
        ck_ok(sg_merkle_root(&t, n, &root, &err), err);
        for (int64_t m = 0; m <= n; m++) {
            ck_ok(sg_merkle_root(&t, m, &old, &err), err);
            ck_ok(sg_merkle_consistency(&t, m, n, &p, &err), err);
            ck_assert(sg_merkle_verify_consistency(m, &old, n, &root, &p));
            sg_digest bad = old;
            bad.b[3] ^= 1;
            ck_assert(!sg_merkle_verify_consistency(m, &bad, n, &root, &p));
            if (m > 0 && m < n) {
                bad = root;
                bad.b[5] ^= 1;
                ck_assert(!sg_merkle_verify_consistency(m, &old, n, &bad, &p));
                for (int k = 0; k < p.n; k++) {
                    p.hash[k].b[k] ^= 1;
                    ck_assert(!sg_merkle_verify_consistency(m, &old, n, &root, &p));
                    p.hash[k].b[k] ^= 1;
                }
                p.n--;
                ck_assert(!sg_merkle_verify_consistency(m, &old, n, &root, &p));
                p.n++;
                ck_assert(!sg_merkle_verify_consistency(m + 1, &old, n, &root, &p));
            }
            p.hash[p.n++] = root;
            ck_assert(!sg_merkle_verify_consistency(m, &old, n, &root, &p));
        }
        ck_assert_int_eq(sg_merkle_consistency(&t, n + 1, n, &p, &err), SG_LIMIT);
    }
    free(b);
}
END_TEST

/* ---- signatures, base64 ---- */

/* RFC 8032 section 7.1, test 2: the secret as PKCS #8. */
static const char rfc_key[] = "-----BEGIN PRIVATE KEY-----\n"
                              "MC4CAQAwBQYDK2VwBCIEIEzNCJso/5banbbDRuwRTg9bijGfNaumJNqM9u1PuKb7\n"
                              "-----END PRIVATE KEY-----\n";

START_TEST(signatures_are_those_of_the_standard)
{
    char dir[UNIT_PATH], path[UNIT_PATH], hex[2 * SG_SIGNATURE_BYTES + 1];
    uint8_t public[SG_PUBLIC_BYTES], sig[SG_SIGNATURE_BYTES];
    sg_err err = {0};
    sg_signer *k, *p;
    unit_dir(dir);
    ck_ok(sg_signer_load(put_file(path, dir, "k.pem", rfc_key), &k, &err), err);
    sg_signer_public(k, public);
    sg_hex(public, sizeof public, hex);
    ck_assert_str_eq(hex, "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
    ck_ok(sg_sign(k, "\x72", 1, sig, &err), err);
    sg_hex(sig, sizeof sig, hex);
    ck_assert_str_eq(hex, "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
                          "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
    ck_ok(sg_signer_save_public(k, unit_path(path, dir, "k.pub"), &err), err);
    ck_ok(sg_signer_load_public(path, &p, &err), err);
    ck_assert(sg_sign_verify(p, "\x72", 1, sig, sizeof sig));
    ck_assert(!sg_sign_verify(p, "\x73", 1, sig, sizeof sig));
    ck_assert(!sg_sign_verify(p, "\x72", 1, sig, sizeof sig - 1));
    ck_assert_int_eq(sg_sign(p, "x", 1, sig, &err), SG_INTERNAL);
    ck_assert_int_eq(sg_signer_save(p, path, &err), SG_INTERNAL);
    sg_signer_free(p);
    ck_assert_int_eq(sg_signer_load(path, &p, &err), SG_FORMAT); /* the public half is no private key */
    ck_assert_int_eq(sg_signer_load(unit_path(path, dir, "none"), &p, &err), SG_NOT_FOUND);
    ck_assert_int_eq(sg_signer_load(put_file(path, dir, "junk", "junk"), &p, &err), SG_FORMAT);
    ck_assert_ptr_null(p);
    sg_signer_free(k);
    unit_dir_remove(dir);
}
END_TEST

START_TEST(base64_goes_there_and_back_and_refuses_what_is_not)
{
    static const char *const pair[][2] = {{"", ""},
                                          {"f", "Zg=="},
                                          {"fo", "Zm8="},
                                          {"foo", "Zm9v"},
                                          {"foob", "Zm9vYg=="},
                                          {"fooba", "Zm9vYmE="},
                                          {"foobar", "Zm9vYmFy"}};
    static const char *const wrong[] = {
        "Zg=", "Zg", "Zh==", "Zm9=", "Z===", "====", "Zm9v\n", "Zm 9", "Zg==Zg==", "Zm-_"};
    sg_err err = {0};
    sg_buf b;
    for (size_t i = 0; i < sizeof pair / sizeof *pair; i++) {
        sg_buf_init(&b, 64);
        ck_ok(sg_base64(pair[i][0], strlen(pair[i][0]), &b, &err), err);
        ck_assert_str_eq(b.data ? (const char *)b.data : "", pair[i][1]);
        sg_buf_clear(&b);
        sg_buf_init(&b, 64);
        ck_ok(sg_unbase64(pair[i][1], strlen(pair[i][1]), &b, &err), err);
        ck_assert_str_eq(b.data ? (const char *)b.data : "", pair[i][0]);
        sg_buf_clear(&b);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        sg_buf_init(&b, 64);
        ck_assert_msg(sg_unbase64(wrong[i], strlen(wrong[i]), &b, &err) == SG_FORMAT, "%s", wrong[i]);
        sg_buf_clear(&b);
    }
}
END_TEST

/* ---- checkpoints ---- */

static sg_signer *fresh(void)
{
    sg_signer *k;
    sg_err err = {0};
    ck_ok(sg_signer_new(&k, &err), err);
    return k;
}

START_TEST(a_checkpoint_opens_for_its_key_and_breaks_with_any_byte)
{
    sg_err err = {0};
    sg_signer *k = fresh(), *other = fresh();
    sg_checkpoint c = {"example.org/log", 42, leaf_of(3)}, got;
    sg_buf b;
    sg_buf_init(&b, SG_NOTE_MAX);
    ck_ok(sg_checkpoint_sign(&c, k, &b, &err), err);
    ck_assert_int_eq(strncmp((const char *)b.data, "example.org/log\n42\n", 19), 0);
    ck_assert_ptr_nonnull(strstr((const char *)b.data, "\n\n\xe2\x80\x94 example.org/log "));
    ck_ok(sg_checkpoint_open((const char *)b.data, b.n, k, &got, &err), err);
    ck_assert_int_eq(got.size, 42);
    ck_assert_str_eq(got.origin, c.origin);
    ck_assert(sg_digest_equal(&got.root, &c.root));
    ck_assert_int_eq(sg_checkpoint_open((const char *)b.data, b.n, other, &got, &err), SG_MISMATCH);
    ck_assert_str_eq(err.msg, "checkpoint: not signed by this key");
    for (size_t i = 0; i < b.n; i++) {
        b.data[i] ^= 1;
        ck_assert_msg(sg_checkpoint_open((const char *)b.data, b.n, k, &got, &err) != SG_OK, "byte %zu", i);
        b.data[i] ^= 1;
        ck_assert_msg(sg_checkpoint_open((const char *)b.data, i, k, &got, &err) != SG_OK, "cut at %zu", i);
    }
    c.origin[3] = '+';
    ck_assert_int_eq(sg_checkpoint_sign(&c, k, &b, &err), SG_FORMAT);
    sg_buf_clear(&b);
    sg_signer_free(k);
    sg_signer_free(other);
}
END_TEST

/* ---- releases ---- */

typedef struct parts {
    sg_signer *key;
    char dir[UNIT_PATH];
} parts;

static void write_manifest(const parts *p, const char *statement_as_entered, const char *action)
{
    char path[UNIT_PATH], hex[SG_DIGEST_HEX], detail[160];
    sg_err err = {0};
    json_t *subjects = json_array();
    static const char *const name[] = {"cohort.bed", "README.txt"};
    for (int i = 0; i < 2; i++) {
        sg_digest d;
        ck_ok(sg_sha256_file(unit_path(path, p->dir, name[i]), &d, &err), err);
        sg_hex(d.b, 32, hex);
        (void)json_array_append_new(subjects, json_pack("{s:s,s:{s:s}}", "name", name[i], "digest", "sha256", hex));
    }
    json_t *statement = json_pack("{s:s,s:o,s:s,s:{s:s}}", "_type", "https://in-toto.io/Statement/v1", "subject",
                                  subjects, "predicateType", SG_PREDICATE_TYPE, "predicate", "job", "j1");
    sg_buf payload, leaf, note;
    sg_buf_init(&payload, 1 << 16);
    sg_buf_init(&leaf, 1 << 16);
    sg_buf_init(&note, SG_NOTE_MAX);
    ck_ok(sg_statement_text(statement, &payload, &err), err);
    const sg_digest d = sg_sha256_of(payload.data, payload.n);
    sg_hex(d.b, 32, hex);
    (void)snprintf(detail, sizeof detail, "{\"statement\":\"%s\"}", statement_as_entered ? statement_as_entered : hex);
    const sg_leaf l = {
        .seq = 6, .action = action, .subject = "j1", .outcome = "ok", .request_id = "", .detail = detail};
    ck_ok(sg_leaf_text(&l, &leaf, &err), err);
    book *b = book_new(5);
    const sg_tree t = {get, put, b};
    const sg_digest h = sg_merkle_leaf(leaf.data, leaf.n);
    ck_ok(sg_merkle_append(&t, 5, &h, &err), err);
    sg_checkpoint c = {"o", 6, {{0}}};
    sg_proof proof;
    ck_ok(sg_merkle_root(&t, 6, &c.root, &err), err);
    ck_ok(sg_merkle_inclusion(&t, 5, 6, &proof, &err), err);
    ck_ok(sg_checkpoint_sign(&c, p->key, &note, &err), err);
    json_t *envelope;
    ck_ok(sg_envelope_seal(payload.data, payload.n, p->key, &envelope, &err), err);
    (void)json_object_set_new(envelope, "audit",
                              sg_release_audit((const char *)leaf.data, &proof, (const char *)note.data));
    ck_assert_int_eq(json_dump_file(envelope, unit_path(path, p->dir, "manifest.json"), 0), 0);
    json_decref(envelope);
    json_decref(statement);
    sg_buf_clear(&payload);
    sg_buf_clear(&leaf);
    sg_buf_clear(&note);
    free(b);
}

static parts release_new(void)
{
    parts p = {.key = fresh()};
    char path[UNIT_PATH];
    unit_dir(p.dir);
    (void)put_file(path, p.dir, "cohort.bed", "genotypes");
    (void)put_file(path, p.dir, "README.txt", "synthetic");
    write_manifest(&p, NULL, "job.release");
    return p;
}

static void release_free(parts *p)
{
    sg_signer_free(p->key);
    unit_dir_remove(p->dir);
}

static void expect(const parts *p, sg_status want, const char *words)
{
    sg_release_proof proof;
    sg_err err = {0};
    const sg_status st = sg_release_verify(p->dir, p->key, &proof, &err);
    json_decref(proof.predicate);
    ck_assert_msg(st == want && (!words || strstr(err.msg, words)), "%s: %s", sg_status_name(st), err.msg);
}

START_TEST(a_release_is_verified_whole_and_any_change_is_named)
{
    parts p = release_new();
    char path[UNIT_PATH];
    sg_release_proof proof;
    sg_err err = {0};
    ck_ok(sg_release_verify(p.dir, p.key, &proof, &err), err);
    ck_assert_int_eq(proof.n_file, 2);
    ck_assert_int_eq(proof.bytes, 18);
    ck_assert_int_eq(proof.entry, 6);
    ck_assert_str_eq(json_string_value(json_object_get(proof.predicate, "job")), "j1");
    json_decref(proof.predicate);
    (void)put_file(path, p.dir, "cohort.bed", "genotypeS");
    expect(&p, SG_MISMATCH, "cohort.bed is not the file that was released");
    (void)put_file(path, p.dir, "cohort.bed", "genotypes");
    (void)put_file(path, p.dir, "more.txt", "x");
    expect(&p, SG_MISMATCH, "more.txt was not released");
    (void)unlink(path);
    (void)unlink(unit_path(path, p.dir, "README.txt"));
    expect(&p, SG_NOT_FOUND, "README.txt");
    (void)put_file(path, p.dir, "README.txt", "synthetic");
    expect(&p, SG_OK, NULL);
    write_manifest(&p, NULL, "job.withhold");
    expect(&p, SG_MISMATCH, "tells of another release");
    write_manifest(&p, "00", "job.release");
    expect(&p, SG_MISMATCH, "tells of another release");
    (void)unlink(unit_path(path, p.dir, "manifest.json"));
    expect(&p, SG_NOT_FOUND, "manifest.json");
    release_free(&p);
}
END_TEST

START_TEST(another_key_opens_nothing)
{
    parts p = release_new();
    sg_signer *mine = p.key;
    p.key = fresh();
    expect(&p, SG_MISMATCH, "not signed by this key");
    sg_signer_free(p.key);
    p.key = mine;
    release_free(&p);
}
END_TEST

START_TEST(no_byte_of_a_manifest_can_change_what_it_says)
{
    parts p = release_new();
    char path[UNIT_PATH];
    size_t n;
    char *text = get_file(unit_path(path, p.dir, "manifest.json"), &n);
    sg_release_proof proof;
    sg_err err = {0};
    int opened = 0;
    for (size_t i = 0; i < n; i += 3) {
        text[i] ^= 1;
        ck_ok(sg_file_write(path, 0600, text, n, &err), err);
        const sg_status st = sg_release_verify(p.dir, p.key, &proof, &err);
        /* What opens says the same: a keyid is a hint, white space is nothing. */
        opened += st == SG_OK;
        if (!st)
            ck_assert_str_eq(json_string_value(json_object_get(proof.predicate, "job")), "j1");
        json_decref(proof.predicate);
        text[i] ^= 1;
    }
    ck_assert_int_lt(opened, 40);
    free(text);
    release_free(&p);
}
END_TEST

START_TEST(commitments_hide_names_and_bind_them)
{
    const uint8_t salt[SG_SALT_BYTES] = {1}, other[SG_SALT_BYTES] = {2};
    const sg_digest a = sg_leaf_commit(salt, "actor", "alice"), same = sg_leaf_commit(salt, "actor", "alice"),
                    b = sg_leaf_commit(salt, "actor", "bob"), c = sg_leaf_commit(other, "actor", "alice"),
                    d = sg_leaf_commit(salt, "origin", "alice");
    ck_assert(sg_digest_equal(&a, &same));
    ck_assert(!sg_digest_equal(&a, &b) && !sg_digest_equal(&a, &c) && !sg_digest_equal(&a, &d));
    sg_buf text;
    sg_err err = {0};
    sg_buf_init(&text, 4096);
    const sg_leaf l = {
        .seq = 1, .at_ms = 0, .action = "a", .subject = "s", .outcome = "ok", .request_id = "", .detail = ""};
    ck_ok(sg_leaf_text(&l, &text, &err), err);
    ck_assert_ptr_nonnull(strstr((const char *)text.data, "\"at\":\"1970-01-01T00:00:00.000Z\""));
    sg_buf_clear(&text);
    const sg_leaf bad = {.seq = 1, .action = "\xff", .subject = "", .outcome = "", .request_id = "", .detail = ""};
    sg_buf_init(&text, 4096);
    ck_assert_int_eq(sg_leaf_text(&bad, &text, &err), SG_FORMAT);
    sg_buf_clear(&text);
}
END_TEST

UNIT_MAIN("attest", roots_are_those_of_the_definition, every_entry_of_every_size_is_proven_and_nothing_else,
          every_beginning_of_every_size_is_proven_and_nothing_else, signatures_are_those_of_the_standard,
          base64_goes_there_and_back_and_refuses_what_is_not, a_checkpoint_opens_for_its_key_and_breaks_with_any_byte,
          a_release_is_verified_whole_and_any_change_is_named, another_key_opens_nothing,
          no_byte_of_a_manifest_can_change_what_it_says, commitments_hide_names_and_bind_them)
