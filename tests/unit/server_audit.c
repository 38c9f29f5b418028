/* The audit chain finds edits, deletions, reordering and truncation; keys are stored as digests and checked whole. */
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

/* Five rows, the head saved after the fifth; then `sql` by somebody else's hand; then what verification says. */
static sg_status after(const char *sql, bool drop_head, sg_err *err)
{
    char dir[UNIT_PATH], head[UNIT_PATH], path[UNIT_PATH];
    int64_t n;
    unit_dir(dir);
    unit_path(head, dir, "audit.head");
    sg_store *s = open_store(dir);
    for (int i = 0; i < 5; i++)
        ck_ok(sg_audit_add(s, &(sg_audit_event){"alice", "job.create", i % 2 ? "a" : "b", "ok", "r", "{}"}, err), *err);
    ck_ok(sg_audit_save_head(s, head, err), *err);
    ck_ok(sg_audit_verify(s, head, &n, err), *err);
    ck_assert_int_eq(n, 5);
    sg_store_close(s);
    sqlite3 *db;
    ck_assert_int_eq(sqlite3_open(unit_path(path, dir, "snpgen.db"), &db), SQLITE_OK);
    ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
    (void)sqlite3_close(db);
    if (drop_head)
        (void)unlink(head);
    s = open_store(dir);
    const sg_status st = sg_audit_verify(s, head, &n, err);
    sg_store_close(s);
    unit_dir_remove(dir);
    return st;
}

START_TEST(an_untouched_chain_is_whole)
{
    sg_err err = {0};
    ck_ok(after("SELECT 1", false, &err), err);
}
END_TEST

START_TEST(every_edit_is_found)
{
    static const char *const edit[] = {"actor = 'bob'",    "action = 'x'", "subject = ''",      "outcome = 'denied'",
                                       "request_id = 'q'", "detail = ''",  "at_ms = at_ms + 1", "hash = zeroblob(32)"};
    for (size_t i = 0; i < sizeof edit / sizeof edit[0]; i++) {
        char sql[128];
        sg_err err = {0};
        (void)snprintf(sql, sizeof sql, "UPDATE audit SET %s WHERE seq = 3", edit[i]);
        ck_assert_int_eq(after(sql, false, &err), SG_MISMATCH);
        ck_assert_str_eq(err.msg, "audit: row 3 is not what was written");
    }
}
END_TEST

START_TEST(deletion_reordering_and_truncation_are_found)
{
    sg_err err = {0};
    ck_assert_int_eq(after("DELETE FROM audit WHERE seq = 3", false, &err), SG_MISMATCH);
    ck_assert_str_eq(err.msg, "audit: row 4 follows row 2: rows are missing");
    ck_assert_int_eq(after("UPDATE audit SET seq = 99 WHERE seq = 2; UPDATE audit SET seq = 2 WHERE seq = 3;"
                           "UPDATE audit SET seq = 3 WHERE seq = 99",
                           false, &err),
                     SG_MISMATCH);
    ck_assert_str_eq(err.msg, "audit: row 2 is not what was written");
    ck_assert_int_eq(after("DELETE FROM audit WHERE seq > 3", false, &err), SG_MISMATCH);
    ck_assert_str_eq(err.msg, "audit: 3 rows, but row 5 was written: the end was cut off");
    ck_assert_int_eq(after("DELETE FROM audit", false, &err), SG_MISMATCH);
    ck_assert_int_eq(after("SELECT 1", true, &err), SG_MISMATCH);
    ck_assert_ptr_nonnull(strstr(err.msg, "audit.head is missing, but there are 5 rows"));
}
END_TEST

START_TEST(a_row_rolls_back_with_what_it_tells_of)
{
    char dir[UNIT_PATH], head[UNIT_PATH];
    sg_err err = {0};
    int64_t n;
    unit_dir(dir);
    sg_store *s = open_store(dir);
    ck_ok(sg_store_begin(s, &err), err);
    ck_ok(sg_audit_add(s, &(sg_audit_event){.actor = "a"}, &err), err);
    sg_store_rollback(s);
    ck_ok(sg_audit_verify(s, unit_path(head, dir, "audit.head"), &n, &err), err);
    ck_assert_int_eq(n, 0);
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

UNIT_MAIN("server_audit", an_untouched_chain_is_whole, every_edit_is_found,
          deletion_reordering_and_truncation_are_found, a_row_rolls_back_with_what_it_tells_of,
          a_good_key_opens_and_everything_else_fails_in_the_same_words, scopes_are_words_and_an_unknown_one_is_named)
