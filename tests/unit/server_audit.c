/* The audit log finds edits, deletions, reordering and truncation, and forgets names; keys are stored as digests and checked whole. */
#include "audit/audit.h"
#include "auth/auth.h"
#include "base/clock.h"
#include "files.h"

#include <sqlite3.h>

static sg_store *open_store(const char *dir)
{
    sg_store *s;
    sg_err err = {0};
    ck_ok(sg_store_open(dir, &s, &err), err);
    return s;
}

static sg_signer *signer(void)
{
    static sg_signer *k; /* one for all tests: each process runs one of them */
    sg_err err = {0};
    if (!k)
        ck_ok(sg_signer_new(&k, &err), err);
    return k;
}

static void five_entries(sg_store *s, const char *checkpoint)
{
    sg_err err = {0};
    int64_t n;
    const sg_audit_seal seal = {signer(), "example.org/log"};
    sg_audit_from("192.0.2.7");
    for (int i = 0; i < 5; i++)
        ck_ok(sg_audit_add(s, &(sg_audit_event){"alice", "job.create", i % 2 ? "a" : "b", "ok", "r", "{}"}, &err), err);
    ck_ok(sg_audit_save_checkpoint(s, &seal, checkpoint, &err), err);
    ck_ok(sg_audit_verify(s, checkpoint, signer(), &n, &err), err);
    ck_assert_int_eq(n, 5);
}

static void by_other_hands(const char *dir, const char *sql)
{
    sqlite3 *db;
    char path[UNIT_PATH];
    ck_assert_int_eq(sqlite3_open(unit_path(path, dir, "snpgen.db"), &db), SQLITE_OK);
    ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
    (void)sqlite3_close(db);
}

/* Five entries, the checkpoint saved after the fifth; then `sql` by somebody else's hand; then what verification says. */
static sg_status after(const char *sql, bool drop_checkpoint, sg_err *err)
{
    char dir[UNIT_PATH], checkpoint[UNIT_PATH];
    int64_t n;
    unit_dir(dir);
    unit_path(checkpoint, dir, "audit.checkpoint");
    sg_store *s = open_store(dir);
    five_entries(s, checkpoint);
    sg_store_close(s);
    by_other_hands(dir, sql);
    if (drop_checkpoint)
        (void)unlink(checkpoint);
    s = open_store(dir);
    const sg_status st = sg_audit_verify(s, checkpoint, signer(), &n, err);
    sg_store_close(s);
    unit_dir_remove(dir);
    return st;
}

START_TEST(an_untouched_log_is_whole)
{
    sg_err err = {0};
    ck_ok(after("SELECT 1", false, &err), err);
}
END_TEST

START_TEST(every_edit_is_found)
{
    static const char *const edit[] = {"actor = 'bob'",
                                       "origin = ''",
                                       "action = 'x'",
                                       "subject = ''",
                                       "outcome = 'denied'",
                                       "request_id = 'q'",
                                       "detail = ''",
                                       "at_ms = at_ms + 1",
                                       "salt = randomblob(32)",
                                       "salt = x''", /* an erasure that left the name */
                                       "actor_hash = zeroblob(32)",
                                       "origin_hash = actor_hash"};
    for (size_t i = 0; i < sizeof edit / sizeof edit[0]; i++) {
        char sql[128];
        sg_err err = {0};
        (void)snprintf(sql, sizeof sql, "UPDATE audit_log SET %s WHERE seq = 3", edit[i]);
        ck_assert_msg(after(sql, false, &err) == SG_MISMATCH, "%s", edit[i]);
        ck_assert_str_eq(err.msg, "audit: entry 3 is not what was written");
    }
}
END_TEST

START_TEST(edits_of_the_tree_are_found)
{
    sg_err err = {0};
    ck_assert_int_eq(after("UPDATE audit_node SET hash = zeroblob(32) WHERE level = 0 AND idx = 2", false, &err),
                     SG_MISMATCH);
    ck_assert_int_eq(after("UPDATE audit_node SET hash = zeroblob(32) WHERE level = 1 AND idx = 1", false, &err),
                     SG_MISMATCH);
    ck_assert_str_eq(err.msg, "audit: the kept hash of level 1, number 1 is not its entries'");
    ck_assert_int_eq(after("DELETE FROM audit_node WHERE level = 2", false, &err), SG_NOT_FOUND);
}
END_TEST

START_TEST(deletion_reordering_and_truncation_are_found)
{
    sg_err err = {0};
    ck_assert_int_eq(after("DELETE FROM audit_log WHERE seq = 3", false, &err), SG_MISMATCH);
    ck_assert_str_eq(err.msg, "audit: entry 4 follows entry 2: entries are missing");
    ck_assert_int_eq(after("UPDATE audit_log SET seq = 99 WHERE seq = 2; UPDATE audit_log SET seq = 2 WHERE seq = 3;"
                           "UPDATE audit_log SET seq = 3 WHERE seq = 99",
                           false, &err),
                     SG_MISMATCH);
    ck_assert_str_eq(err.msg, "audit: entry 2 is not what was written");
    ck_assert_int_eq(after("DELETE FROM audit_log WHERE seq > 3; DELETE FROM audit_node WHERE level = 0 AND idx > 2;"
                           "DELETE FROM audit_node WHERE level > 1 OR (level = 1 AND idx = 1)",
                           false, &err),
                     SG_MISMATCH);
    ck_assert_str_eq(err.msg, "audit: 3 entries, but entry 5 was written: the end was cut off");
    ck_assert_int_eq(after("DELETE FROM audit_log", false, &err), SG_MISMATCH);
    ck_assert_int_eq(after("SELECT 1", true, &err), SG_MISMATCH);
    ck_assert_ptr_nonnull(strstr(err.msg, "audit.checkpoint is missing, but there are 5 entries"));
}
END_TEST

/* Whoever rewrites everything, tree and all, is still found by the checkpoint, here and elsewhere. */
START_TEST(a_log_written_anew_is_not_the_one_that_was_vouched_for)
{
    char dir[UNIT_PATH], kept[UNIT_PATH], dir2[UNIT_PATH], fresh[UNIT_PATH];
    sg_err err = {0};
    int64_t n;
    const sg_audit_seal seal = {signer(), "example.org/log"};
    sg_buf b;
    sg_checkpoint old;
    unit_dir(dir);
    unit_dir(dir2);
    sg_store *s = open_store(dir), *other = open_store(dir2);
    five_entries(s, unit_path(kept, dir, "audit.checkpoint"));
    five_entries(other, unit_path(fresh, dir2, "audit.checkpoint")); /* other salts: another tree */
    ck_assert_int_eq(sg_audit_verify(other, kept, signer(), &n, &err), SG_MISMATCH);
    ck_assert_ptr_nonnull(strstr(err.msg, "are not those that"));
    ck_ok(sg_file_read(kept, SG_NOTE_MAX, &b, &err), err);
    ck_ok(sg_checkpoint_open((const char *)b.data, b.n, signer(), &old, &err), err);
    sg_buf_clear(&b);
    ck_ok(sg_audit_add(s, &(sg_audit_event){.actor = "a", .action = "x"}, &err), err);
    ck_ok(sg_audit_extends(s, &old, &err), err);
    ck_assert_int_eq(sg_audit_extends(other, &old, &err), SG_MISMATCH);
    old.size = 50;
    ck_assert_int_eq(sg_audit_extends(s, &old, &err), SG_MISMATCH);
    /* another signer's checkpoint is none */
    sg_signer *stranger;
    ck_ok(sg_signer_new(&stranger, &err), err);
    ck_assert_int_eq(sg_audit_verify(s, kept, stranger, &n, &err), SG_MISMATCH);
    sg_signer_free(stranger);
    ck_ok(sg_audit_save_checkpoint(s, &seal, kept, &err), err);
    ck_ok(sg_audit_verify(s, kept, signer(), &n, &err), err);
    ck_assert_int_eq(n, 6);
    sg_store_close(s);
    sg_store_close(other);
    unit_dir_remove(dir);
    unit_dir_remove(dir2);
}
END_TEST

START_TEST(a_row_rolls_back_with_what_it_tells_of)
{
    char dir[UNIT_PATH], checkpoint[UNIT_PATH];
    sg_err err = {0};
    int64_t n;
    unit_dir(dir);
    sg_store *s = open_store(dir);
    ck_ok(sg_store_begin(s, &err), err);
    ck_ok(sg_audit_add(s, &(sg_audit_event){.actor = "a"}, &err), err);
    sg_store_rollback(s);
    ck_ok(sg_audit_verify(s, unit_path(checkpoint, dir, "audit.checkpoint"), signer(), &n, &err), err);
    ck_assert_int_eq(n, 0);
    sg_store_close(s);
    unit_dir_remove(dir);
}
END_TEST

static sg_status find_name(void *ctx, const sg_audit_row *r, sg_err *err)
{
    int *n = ctx;
    (void)err;
    n[0] += !strcmp(r->actor, "alice") && !strcmp(r->origin, "192.0.2.7");
    n[1] += r->erased;
    return SG_OK;
}

START_TEST(a_name_can_be_forgotten_and_the_log_stays_whole)
{
    char dir[UNIT_PATH], checkpoint[UNIT_PATH], path[UNIT_PATH];
    sg_err err = {0};
    int64_t n;
    int seen[2] = {0};
    unit_dir(dir);
    sg_store *s = open_store(dir);
    five_entries(s, unit_path(checkpoint, dir, "audit.checkpoint"));
    ck_ok(sg_store_audit_each(s, 0, 100, find_name, seen, &err), err);
    ck_assert_int_eq(seen[0], 5);
    sg_audit_from("");
    ck_assert_int_eq(sg_audit_erase(s, "nobody", "admin", &n, &err), SG_NOT_FOUND);
    ck_assert_int_eq(sg_audit_erase(s, "", "admin", &n, &err), SG_FORMAT);
    ck_ok(sg_audit_erase(s, "alice", "admin", &n, &err), err);
    ck_assert_int_eq(n, 5);
    seen[0] = seen[1] = 0;
    ck_ok(sg_store_audit_each(s, 0, 100, find_name, seen, &err), err);
    ck_assert_int_eq(seen[0], 0);
    ck_assert_int_eq(seen[1], 5);
    ck_ok(sg_audit_verify(s, checkpoint, signer(), &n, &err), err);
    ck_assert_int_eq(n, 6);
    sg_store_close(s);
    size_t size; /* it is nowhere on the disk */
    char *db = get_file(unit_path(path, dir, "snpgen.db"), &size);
    ck_assert_ptr_null(memmem(db, size, "alice", 5));
    free(db);
    unit_dir_remove(dir);
}
END_TEST

START_TEST(proofs_of_the_log_hold_against_its_roots)
{
    char dir[UNIT_PATH], checkpoint[UNIT_PATH];
    sg_err err = {0};
    sg_digest leaf, root, old_root;
    sg_proof p;
    unit_dir(dir);
    sg_store *s = open_store(dir);
    five_entries(s, unit_path(checkpoint, dir, "audit.checkpoint"));
    for (int64_t size = 1; size <= 5; size++)
        for (int64_t seq = 1; seq <= size; seq++) {
            ck_ok(sg_audit_inclusion(s, seq, size, &leaf, &root, &p, &err), err);
            ck_assert(sg_merkle_verify_inclusion(&leaf, seq - 1, size, &p, &root));
            ck_ok(sg_audit_consistency(s, seq, size, &old_root, &root, &p, &err), err);
            ck_assert(sg_merkle_verify_consistency(seq, &old_root, size, &root, &p));
        }
    ck_assert_int_eq(sg_audit_inclusion(s, 6, 6, &leaf, &root, &p, &err), SG_LIMIT);
    ck_assert_int_eq(sg_audit_inclusion(s, 0, 5, &leaf, &root, &p, &err), SG_LIMIT);
    ck_assert_int_eq(sg_audit_consistency(s, 4, 3, &old_root, &root, &p, &err), SG_LIMIT);
    sg_store_close(s);
    unit_dir_remove(dir);
}
END_TEST

/* ---- the chain of schema version 1 ---- */

/* Two rows as version 0.1.0 wrote them; hashes computed by hand (SHA-256 over the layout in upgrade.c). */
static const char old_rows[] = "INSERT INTO audit VALUES (1, 1000, 'snpgend', 'service.start', '0.1.0', 'ok', '', '',"
                               " x'6448bd6cf3fffb9f70d4a7952ff63a13dd72f35ac2aadc500a74ad2571a11532');"
                               "INSERT INTO audit VALUES (2, 2000, 'alice', 'job.create', 'j1', 'ok', 'r', '{}',"
                               " x'216984fa8a0ba388012bf6e2a71d895c36585982edf05ec2144049167b4b0189');";
static const char old_head[] = "2 216984fa8a0ba388012bf6e2a71d895c36585982edf05ec2144049167b4b0189\n";

START_TEST(an_older_chain_moves_into_the_log_once_checked)
{
    char dir[UNIT_PATH], head[UNIT_PATH], checkpoint[UNIT_PATH];
    sg_err err = {0};
    int64_t n;
    const sg_audit_seal seal = {signer(), "example.org/log"};
    unit_dir(dir);
    sg_store_close(open_store(dir));
    by_other_hands(dir, old_rows);
    (void)put_file(head, dir, "audit.head", old_head);
    by_other_hands(dir, "UPDATE audit SET detail = 'x' WHERE seq = 2");
    sg_store *s = open_store(dir);
    ck_assert_int_eq(sg_audit_upgrade(s, head, &n, &err), SG_MISMATCH);
    ck_assert_str_eq(err.msg, "audit: row 2 of the older chain is not what was written");
    ck_ok(sg_store_audit_size(s, &n, &err), err);
    ck_assert_int_eq(n, 0);
    sg_store_close(s);
    by_other_hands(dir, "UPDATE audit SET detail = '{}' WHERE seq = 2");
    s = open_store(dir);
    (void)put_file(head, dir, "audit.head", "3 0000000000000000000000000000000000000000000000000000000000000000\n");
    ck_assert_int_eq(sg_audit_upgrade(s, head, &n, &err), SG_MISMATCH);
    (void)put_file(head, dir, "audit.head", old_head);
    ck_ok(sg_audit_upgrade(s, head, &n, &err), err);
    ck_assert_int_eq(n, 2);
    ck_assert(!sg_file_exists(head));
    ck_ok(sg_audit_upgrade(s, head, &n, &err), err); /* not twice */
    ck_assert_int_eq(n, 0);
    ck_ok(sg_audit_save_checkpoint(s, &seal, unit_path(checkpoint, dir, "audit.checkpoint"), &err), err);
    ck_ok(sg_audit_verify(s, checkpoint, signer(), &n, &err), err);
    ck_assert_int_eq(n, 3);
    sg_store_close(s);
    unit_dir_remove(dir);
}
END_TEST

START_TEST(a_good_key_opens_and_everything_else_fails_in_the_same_words)
{
    char dir[UNIT_PATH], key[SG_API_KEY_TEXT], other[SG_API_KEY_TEXT], path[UNIT_PATH];
    sg_err err = {0};
    sg_key_row row;
    sg_caller who;
    unit_dir(dir);
    sg_store *s = open_store(dir);
    ck_ok(sg_auth_key_new(s, "alice", SG_SCOPE_DEFAULT, 0, "admin", key, &row, &err), err);
    ck_assert_int_eq(strlen(key), SG_API_KEY_TEXT - 1);
    ck_ok(sg_auth_check(s, key, &who, &err), err);
    ck_assert_str_eq(who.owner, "alice");
    ck_assert(sg_auth_may(&who, SG_SCOPE_JOBS_CREATE));
    ck_assert(!sg_auth_may(&who, SG_SCOPE_AUDIT_READ));
    const char *same = "the key is missing, unknown, expired or revoked";
    for (size_t i = 0; i < strlen(key); i++) { /* any character */
        memcpy(other, key, sizeof other);
        other[i] = other[i] == 'a' ? 'b' : 'a';
        ck_assert_int_eq(sg_auth_check(s, other, &who, &err), SG_PRIVACY);
        ck_assert_str_eq(err.msg, same);
    }
    static const char *const junk[] = {"", "sgk_", "sgk_000000000000_", "Bearer x", "' OR 1=1 --"};
    for (size_t i = 0; i < sizeof junk / sizeof junk[0]; i++) {
        ck_assert_int_eq(sg_auth_check(s, junk[i], &who, &err), SG_PRIVACY);
        ck_assert_str_eq(err.msg, same);
    }
    ck_ok(sg_auth_key_revoke(s, row.id, "admin", &err), err);
    ck_assert_int_eq(sg_auth_check(s, key, &who, &err), SG_PRIVACY);
    ck_assert_str_eq(err.msg, same);
    ck_ok(sg_auth_key_new(s, "bob", SG_SCOPE_ADMIN, sg_clock_wall_ms() - 1, "admin", other, &row, &err), err);
    ck_assert_int_eq(sg_auth_check(s, other, &who, &err), SG_PRIVACY);
    ck_assert_str_eq(err.msg, same);
    ck_assert_int_eq(sg_auth_key_new(s, "al ice", 1, 0, "admin", key, &row, &err), SG_FORMAT);
    ck_assert_int_eq(sg_auth_key_revoke(s, "nobody", "admin", &err), SG_NOT_FOUND);
    sg_store_close(s);
    size_t n; /* the secret is nowhere on the disk */
    char *db = get_file(unit_path(path, dir, "snpgen.db"), &n);
    ck_assert_ptr_null(memmem(db, n, other + 17, 64));
    free(db);
    unit_dir_remove(dir);
}
END_TEST

START_TEST(scopes_are_words_and_an_unknown_one_is_named)
{
    sg_err err = {0};
    unsigned scopes;
    char words[SG_SCOPES_TEXT];
    ck_ok(sg_auth_scopes_parse("jobs:read,audit:read", &scopes, &err), err);
    ck_assert_uint_eq(scopes, SG_SCOPE_JOBS_READ | SG_SCOPE_AUDIT_READ);
    sg_auth_scopes_print(scopes, words);
    ck_assert_str_eq(words, "jobs:read audit:read");
    ck_assert_int_eq(sg_auth_scopes_parse("jobs:read root", &scopes, &err), SG_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.msg, "\"root\" is no scope"));
    ck_assert_int_eq(sg_auth_scopes_parse(" ", &scopes, &err), SG_FORMAT);
}
END_TEST

UNIT_MAIN("server_audit", an_untouched_log_is_whole, every_edit_is_found, edits_of_the_tree_are_found,
          deletion_reordering_and_truncation_are_found, a_log_written_anew_is_not_the_one_that_was_vouched_for,
          a_row_rolls_back_with_what_it_tells_of, a_name_can_be_forgotten_and_the_log_stays_whole,
          proofs_of_the_log_hold_against_its_roots, an_older_chain_moves_into_the_log_once_checked,
          a_good_key_opens_and_everything_else_fails_in_the_same_words, scopes_are_words_and_an_unknown_one_is_named)
