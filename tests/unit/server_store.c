/* The store: migrations, transactions, keys, jobs, idempotency; and the life of a job. */
#include "files.h"
#include "store/store.h"

#include <sqlite3.h>

static sg_store *open_store(const char *dir)
{
    sg_store *s;
    sg_err err = {0};
    ck_ok(sg_store_open(dir, &s, &err), err);
    return s;
}

static void raw_sql(const char *dir, const char *sql)
{
    char path[UNIT_PATH];
    sqlite3 *db;
    ck_assert_int_eq(sqlite3_open(unit_path(path, dir, "snpgen.db"), &db), SQLITE_OK);
    ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
    (void)sqlite3_close(db);
}

static void put_key(sg_store *s)
{
    sg_err err = {0};
    const sg_key_row k = {.id = "k1", .owner = "alice", .scopes = 3, .created_ms = 5};
    ck_ok(sg_store_key_add(s, &k, &err), err);
}

static sg_job put_job(sg_store *s, const char *id, sg_job_state state)
{
    sg_err err = {0};
    sg_job j = {.owner = "alice",
                .key_id = "k1",
                .model = "m",
                .model_digest = "d",
                .options = "{}",
                .n_case = 1,
                .n_control = 2,
                .seed = 9,
                .state = state,
                .created_ms = 100};
    (void)snprintf(j.id, sizeof j.id, "%s", id);
    ck_ok(sg_store_job_add(s, &j, &err), err);
    return j;
}

START_TEST(a_fresh_folder_gets_the_newest_schema_and_an_open_one_keeps_it)
{
    char dir[UNIT_PATH];
    sg_err err = {0};
    int version;
    unit_dir(dir);
    ck_ok(sg_store_version(dir, &version, &err), err);
    ck_assert_int_eq(version, 0);
    sg_store_close(open_store(dir));
    ck_ok(sg_store_version(dir, &version, &err), err);
    ck_assert_int_eq(version, sg_store_newest());
    sg_store_close(open_store(dir));
    unit_dir_remove(dir);
}
END_TEST

START_TEST(a_newer_schema_and_an_edited_migration_are_refused)
{
    char dir[UNIT_PATH];
    sg_err err = {0};
    sg_store *s;
    unit_dir(dir);
    sg_store_close(open_store(dir));
    raw_sql(dir, "PRAGMA user_version = 99");
    ck_assert_int_eq(sg_store_open(dir, &s, &err), SG_STATE);
    ck_assert_ptr_nonnull(strstr(err.msg, "its schema is version 99, this program knows up to"));
    raw_sql(dir, "PRAGMA user_version = 1; UPDATE migrations SET sha256 = 'x'");
    ck_assert_int_eq(sg_store_open(dir, &s, &err), SG_STATE);
    ck_assert_ptr_nonnull(strstr(err.msg, "0001_first.sql is not the one that made this database"));
    unit_dir_remove(dir);
}
END_TEST

START_TEST(a_file_that_is_no_database_is_refused)
{
    char dir[UNIT_PATH], path[UNIT_PATH];
    sg_err err = {0};
    sg_store *s;
    unit_dir(dir);
    put_file(path, dir, "snpgen.db", "this is not a database, it only lies where one should be");
    ck_assert_int_eq(sg_store_open(dir, &s, &err), SG_IO);
    ck_assert_ptr_nonnull(strstr(err.msg, "file is not a database"));
    unit_dir_remove(dir);
}
END_TEST

START_TEST(what_is_rolled_back_was_never_there_also_when_nested)
{
    char dir[UNIT_PATH];
    sg_err err = {0};
    sg_key_row k;
    unit_dir(dir);
    sg_store *s = open_store(dir);
    ck_ok(sg_store_begin(s, &err), err);
    put_key(s);
    sg_store_rollback(s);
    ck_assert_int_eq(sg_store_key_get(s, "k1", &k, &err), SG_NOT_FOUND);
    ck_ok(sg_store_begin(s, &err), err);
    ck_ok(sg_store_begin(s, &err), err);
    put_key(s);
    sg_store_rollback(s);
    ck_assert_int_eq(sg_store_commit(s, &err), SG_INTERNAL); /* an inner rollback dooms the whole */
    ck_assert_int_eq(sg_store_key_get(s, "k1", &k, &err), SG_NOT_FOUND);
    put_key(s);
    ck_ok(sg_store_key_get(s, "k1", &k, &err), err);
    ck_assert_str_eq(k.owner, "alice");
    sg_store_close(s);
    unit_dir_remove(dir);
}
END_TEST

START_TEST(a_job_moves_only_as_the_table_says_every_pair)
{
    /* The drawing in job_state.h, once more by hand. */
    static const char *const may[SG_N_JOB_STATE][6] = {
        [SG_JOB_QUEUED] = {"running", "cancelled", "failed"},
        [SG_JOB_RUNNING] = {"queued", "released", "withheld", "failed", "cancelled"},
        [SG_JOB_RELEASED] = {"expired", "recalled"},
        [SG_JOB_WITHHELD] = {"queued"}};
    char dir[UNIT_PATH], id[32];
    sg_err err = {0};
    unit_dir(dir);
    sg_store *s = open_store(dir);
    put_key(s);
    for (int from = 0; from < SG_N_JOB_STATE; from++)
        for (int to = 0; to < SG_N_JOB_STATE; to++) {
            bool fine = false;
            for (int i = 0; i < 6 && may[from][i]; i++)
                fine |= !strcmp(may[from][i], sg_job_state_name((sg_job_state)to));
            (void)snprintf(id, sizeof id, "j-%d-%d", from, to);
            sg_job j = put_job(s, id, (sg_job_state)from);
            const sg_status st = sg_store_job_move(s, id, (sg_job_state)from, (sg_job_state)to, "why", 200, &err);
            ck_assert_msg((st == SG_OK) == fine && (fine || st == SG_STATE), "%s -> %s gives %s",
                          sg_job_state_name((sg_job_state)from), sg_job_state_name((sg_job_state)to),
                          sg_status_name(st));
            ck_ok(sg_store_job_get(s, id, &j, &err), err);
            ck_assert_int_eq(j.state, fine ? to : from);
            ck_assert_int_eq(j.attempts, fine && to == SG_JOB_RUNNING);
            ck_assert_int_eq(j.finished_ms != 0, fine && sg_job_state_finished((sg_job_state)to));
        }
    ck_assert_int_eq(sg_store_job_move(s, "j-0-0", SG_JOB_RUNNING, SG_JOB_RELEASED, "", 1, &err), SG_STATE);
    ck_assert_str_eq(err.msg, "job j-0-0 is queued, not running");
    ck_assert_int_eq(sg_store_job_move(s, "nobody", SG_JOB_QUEUED, SG_JOB_RUNNING, "", 1, &err), SG_NOT_FOUND);
    sg_store_close(s);
    unit_dir_remove(dir);
}
END_TEST

static sg_status append(void *ctx, const sg_job *j, sg_err *err)
{
    (void)err;
    strcat(strcat(ctx, j->id), " ");
    return SG_OK;
}

START_TEST(the_queue_is_first_come_first_served_and_lists_are_newest_first)
{
    char dir[UNIT_PATH], seen[64] = "";
    sg_err err = {0};
    sg_job j;
    int64_t n;
    unit_dir(dir);
    sg_store *s = open_store(dir);
    put_key(s);
    put_job(s, "a", SG_JOB_QUEUED);
    const sg_job b = put_job(s, "b", SG_JOB_QUEUED);
    put_job(s, "c", SG_JOB_QUEUED);
    ck_ok(sg_store_job_next(s, INT64_MAX, &j, &err), err);
    ck_assert_str_eq(j.id, "a");
    ck_ok(sg_store_job_ahead(s, b.seq, &n, &err), err);
    ck_assert_int_eq(n, 1);
    ck_ok(sg_store_job_move(s, "a", SG_JOB_QUEUED, SG_JOB_RUNNING, "", 1, &err), err);
    ck_ok(sg_store_job_next(s, INT64_MAX, &j, &err), err);
    ck_assert_str_eq(j.id, "b");
    ck_ok(sg_store_job_open_of_key(s, "k1", &n, &err), err);
    ck_assert_int_eq(n, 3);
    /* Back in its old place: a job whose worker died does not start over at the end of the queue. */
    ck_ok(sg_store_job_move(s, "a", SG_JOB_RUNNING, SG_JOB_QUEUED, "worker_died", 1, &err), err);
    ck_ok(sg_store_job_next(s, INT64_MAX, &j, &err), err);
    ck_assert_str_eq(j.id, "a");
    const sg_job_filter all = {.owner = "alice", .state = -1, .limit = 10},
                        others = {.owner = "bob", .state = -1, .limit = 10},
                        page = {.model = "m", .state = SG_JOB_QUEUED, .before_seq = b.seq + 1, .limit = 1};
    ck_ok(sg_store_job_each(s, &all, append, seen, &err), err);
    ck_assert_str_eq(seen, "c b a ");
    seen[0] = '\0';
    ck_ok(sg_store_job_each(s, &others, append, seen, &err), err);
    ck_assert_str_eq(seen, "");
    ck_ok(sg_store_job_each(s, &page, append, seen, &err), err);
    ck_assert_str_eq(seen, "b ");
    sg_store_close(s);
    unit_dir_remove(dir);
}
END_TEST

START_TEST(idempotency_keys_survive_a_restart_and_are_forgotten_in_time)
{
    char dir[UNIT_PATH], job[SG_ID_TEXT];
    sg_err err = {0};
    sg_digest body = sg_sha256_of("x", 1), back;
    unit_dir(dir);
    sg_store *s = open_store(dir);
    put_key(s);
    put_job(s, "a", SG_JOB_QUEUED);
    ck_ok(sg_store_idempotency_add(s, "alice", "key", &body, "a", 1000, &err), err);
    sg_store_close(s);
    s = open_store(dir);
    ck_ok(sg_store_idempotency_get(s, "alice", "key", &back, job, &err), err);
    ck_assert(sg_digest_equal(&body, &back));
    ck_assert_str_eq(job, "a");
    ck_assert_int_eq(sg_store_idempotency_get(s, "bob", "key", &back, job, &err), SG_NOT_FOUND);
    ck_ok(sg_store_idempotency_forget(s, 1001, &err), err);
    ck_assert_int_eq(sg_store_idempotency_get(s, "alice", "key", &back, job, &err), SG_NOT_FOUND);
    sg_store_close(s);
    unit_dir_remove(dir);
}
END_TEST

UNIT_MAIN("server_store", a_fresh_folder_gets_the_newest_schema_and_an_open_one_keeps_it,
          a_newer_schema_and_an_edited_migration_are_refused, a_file_that_is_no_database_is_refused,
          what_is_rolled_back_was_never_there_also_when_nested, a_job_moves_only_as_the_table_says_every_pair,
          the_queue_is_first_come_first_served_and_lists_are_newest_first,
          idempotency_keys_survive_a_restart_and_are_forgotten_in_time)
