/* The release door: only a verdict that passed, only for the files it carries, only for its job and attempt; and what a
 * crash leaves is swept. */
#include "../privacy/world.h"
#include "attest/release.h"
#include "audit/audit.h"
#include "files.h"
#include "release/release.h"
#include "worker/parcel.h"

#include <sys/stat.h>

static const uint8_t key[SG_KEY_BYTES] = {9, 9, 9}, other_key[SG_KEY_BYTES] = {9, 9, 8};

typedef struct bench {
    char dir[UNIT_PATH], quarantine[720];
    sg_store *store;
    sg_signer *signer;
    sg_audit_seal seal;
    sg_release_place place;
    sg_job job;
    sg_arena arena;
    sg_verdict *pass, *hold;
} bench;

static sg_verdict *judge(const world *w, bool copy, sg_arena *a)
{
    sg_people c = clean_cohort(w, 100, a);
    sg_verdict *v;
    sg_err err = {0};
    const sg_policy p = small_policy();
    if (copy)
        plant_copy(w, SG_ROLE_TRAIN, 0, 0, &c, 0, a);
    ck_ok(sg_privacy_judge(&w->ref, &c, draw_labels(100, a), &p, NULL, &v, &err), err);
    return v;
}

static void put(const bench *b, const char *name, const char *text)
{
    char path[UNIT_PATH];
    (void)put_file(path, b->quarantine, name, text);
}

/* A running job with two files in quarantine. */
static void set_up(bench *b)
{
    sg_err err = {0};
    memset(b, 0, sizeof *b);
    unit_dir(b->dir);
    b->arena = unit_arena(1 << 26);
    const world w = world_new(77, 128, 400, 100, 100, &b->arena);
    b->pass = judge(&w, false, &b->arena);
    b->hold = judge(&w, true, &b->arena);
    ck_assert_int_eq(sg_verdict_outcome(b->pass), SG_OUTCOME_PASS);
    ck_assert_int_ne(sg_verdict_outcome(b->hold), SG_OUTCOME_PASS);
    ck_ok(sg_signer_new(&b->signer, &err), err);
    b->seal = (sg_audit_seal){b->signer, "example.org/log"};
    ck_ok(sg_release_place_make(b->dir, &b->seal, &b->place, &err), err);
    ck_ok(sg_store_open(b->dir, &b->store, &err), err);
    const sg_key_row k = {.id = "k", .owner = "alice"};
    ck_ok(sg_store_key_add(b->store, &k, &err), err);
    b->job = (sg_job){
        .id = "job-1", .owner = "alice", .key_id = "k", .model = "m", .options = "{}", .n_case = 1, .created_ms = 1};
    ck_ok(sg_store_job_add(b->store, &b->job, &err), err);
    ck_ok(sg_store_job_move(b->store, "job-1", SG_JOB_QUEUED, SG_JOB_RUNNING, "", 2, &err), err);
    ck_ok(sg_store_job_get(b->store, "job-1", &b->job, &err), err);
    ck_ok(sg_release_quarantine(&b->place, "job-1", 1, b->quarantine, &err), err);
    put(b, "cohort.bed", "genotypes");
    put(b, "report.json", "{\"job\":\"job-1\",\"synthetic\":true}");
}

static void tear_down(bench *b)
{
    sg_store_close(b->store);
    sg_signer_free(b->signer);
    sg_verdict_free(b->pass);
    sg_verdict_free(b->hold);
    sg_arena_clear(&b->arena);
    unit_dir_remove(b->dir);
}

static sg_digest digest_now(const bench *b)
{
    sg_parcel p;
    sg_err err = {0};
    ck_ok(sg_parcel_read(b->quarantine, &p, &err), err);
    return sg_parcel_digest(&p, b->job.id, b->job.attempts);
}

static sg_status settle(bench *b, const sg_verdict *v, const sg_digest *files, const uint8_t *with, int spoil,
                        sg_err *err)
{
    sg_buf sealed;
    sg_buf_init(&sealed, 1 << 20);
    ck_ok(sg_verdict_seal(v, with, files, &sealed, err), *err);
    if (spoil >= 0)
        sealed.data[(size_t)spoil % sealed.n] ^= 1;
    const sg_status st = sg_release_settle(sealed.data, sealed.n, key, &b->place, b->store, &b->job, err);
    sg_buf_clear(&sealed);
    return st;
}

/* Nothing was published: the row runs on, the folder of releases is empty, no file row exists. */
static void nothing_released(bench *b)
{
    sg_job j;
    sg_job_file f;
    sg_err err = {0};
    char path[UNIT_PATH];
    int fd;
    ck_ok(sg_store_job_get(b->store, "job-1", &j, &err), err);
    ck_assert_int_eq(j.state, SG_JOB_RUNNING);
    ck_assert(!sg_file_exists(unit_path(path, b->dir, "releases/job-1")));
    ck_assert_int_eq(sg_store_file_get(b->store, "job-1", "cohort.bed", &f, &err), SG_NOT_FOUND);
    ck_assert_int_eq(sg_release_open(&b->place, b->store, &j, "cohort.bed", &fd, &f, &err), SG_STATE);
}

START_TEST(a_cohort_that_passed_is_released_once_with_its_rows)
{
    bench b;
    sg_err err = {0};
    sg_job_file f;
    int fd;
    char text[16] = "";
    int64_t n;
    set_up(&b);
    const sg_digest files = digest_now(&b);
    ck_ok(settle(&b, b.pass, &files, key, -1, &err), err);
    ck_ok(sg_store_job_get(b.store, "job-1", &b.job, &err), err);
    ck_assert_int_eq(b.job.state, SG_JOB_RELEASED);
    ck_ok(sg_release_open(&b.place, b.store, &b.job, "cohort.bed", &fd, &f, &err), err);
    ck_assert_int_eq(read(fd, text, sizeof text), 9);
    ck_assert_str_eq(text, "genotypes");
    (void)close(fd);
    ck_assert_int_eq(sg_release_open(&b.place, b.store, &b.job, "../../snpgen.db", &fd, &f, &err), SG_NOT_FOUND);
    sg_release_proof proof; /* signed, and nothing else lies there */
    char folder[UNIT_PATH];
    ck_ok(sg_release_verify(unit_path(folder, b.dir, "releases/job-1"), b.signer, &proof, &err), err);
    ck_assert_int_eq(proof.n_file, 3); /* the two and the crate */
    ck_assert_int_eq(proof.entry, 1);
    ck_assert_str_eq(json_string_value(json_object_get(proof.predicate, "job")), "job-1");
    ck_assert_str_eq(json_string_value(json_object_get(proof.predicate, "build")), SG_VERSION);
    json_decref(proof.predicate);
    ck_ok(sg_release_open(&b.place, b.store, &b.job, "manifest.json", &fd, &f, &err), err);
    (void)close(fd);
    ck_assert_int_ne(settle(&b, b.pass, &files, key, -1, &err), SG_OK); /* not twice */
    ck_ok(sg_audit_verify(b.store, "/nonexistent", b.signer, &n, &err) == SG_MISMATCH ? SG_OK : SG_IO, err);
    ck_assert_int_eq(n, 1);
    ck_ok(sg_release_delete(&b.place, b.store, &b.job, "alice", "r", &err), err);
    ck_ok(sg_store_job_get(b.store, "job-1", &b.job, &err), err);
    ck_assert_int_eq(b.job.state, SG_JOB_EXPIRED);
    ck_assert_int_eq(sg_release_open(&b.place, b.store, &b.job, "cohort.bed", &fd, &f, &err), SG_STATE);
    tear_down(&b);
}
END_TEST

START_TEST(a_verdict_that_did_not_pass_withholds_and_removes_the_files)
{
    bench b;
    sg_err err = {0};
    set_up(&b);
    const sg_digest files = digest_now(&b);
    ck_assert_int_eq(sg_release_publish(b.hold, &files, &b.place, b.store, &b.job, &err), SG_PRIVACY);
    nothing_released(&b);
    ck_assert_int_eq(sg_release_withhold(b.pass, &b.place, b.store, &b.job, &err), SG_PRIVACY);
    ck_ok(settle(&b, b.hold, &files, key, -1, &err), err);
    ck_ok(sg_store_job_get(b.store, "job-1", &b.job, &err), err);
    ck_assert_int_eq(b.job.state, SG_JOB_WITHHELD);
    ck_assert_str_eq(b.job.reason, sg_verdict_reason(b.hold));
    ck_assert(!sg_file_exists(b.quarantine));
    tear_down(&b);
}
END_TEST

START_TEST(a_file_changed_added_removed_or_replaced_by_a_link_is_refused)
{
    char path[UNIT_PATH], aside[UNIT_PATH];
    for (int how = 0; how < 6; how++) {
        bench b;
        sg_err err = {0};
        set_up(&b);
        const sg_digest files = digest_now(&b);
        unit_path(path, b.quarantine, "cohort.bed");
        unit_path(aside, b.dir, "aside");
        if (how == 0)
            put(&b, "cohort.bed", "genotypeS");
        else if (how == 1)
            put(&b, "extra", "x");
        else if (how == 2)
            ck_assert_int_eq(unlink(path), 0);
        else if (how == 3)
            ck_assert(!rename(path, aside) && !symlink(aside, path));
        else if (how == 4)
            ck_assert_int_eq(link(path, aside), 0); /* a second name through which it could be changed later */
        else
            ck_assert_int_eq(mkdir(unit_path(aside, b.quarantine, "sub"), 0700), 0);
        const sg_status st = settle(&b, b.pass, &files, key, -1, &err);
        ck_assert_msg(st == SG_PRIVACY || st == SG_STATE, "way %d: %s: %s", how, sg_status_name(st), err.msg);
        nothing_released(&b);
        tear_down(&b);
    }
}
END_TEST

START_TEST(a_seal_of_another_key_attempt_or_job_or_with_any_byte_changed_is_refused)
{
    bench b;
    sg_err err = {0};
    set_up(&b);
    const sg_digest files = digest_now(&b);
    ck_assert_int_eq(settle(&b, b.pass, &files, other_key, -1, &err), SG_PRIVACY);
    for (int i = 0; i < 600; i += 7)
        ck_assert_int_eq(settle(&b, b.pass, &files, key, i, &err), SG_PRIVACY);
    sg_parcel p;
    ck_ok(sg_parcel_read(b.quarantine, &p, &err), err);
    sg_digest wrong = sg_parcel_digest(&p, "job-1", 2);
    ck_assert_int_eq(settle(&b, b.pass, &wrong, key, -1, &err), SG_PRIVACY);
    wrong = sg_parcel_digest(&p, "job-2", 1);
    ck_assert_int_eq(settle(&b, b.pass, &wrong, key, -1, &err), SG_PRIVACY);
    nothing_released(&b);
    ck_ok(settle(&b, b.pass, &files, key, -1, &err), err);
    tear_down(&b);
}
END_TEST

START_TEST(recovery_sweeps_what_no_row_vouches_for_and_keeps_what_is_released)
{
    bench b;
    sg_err err = {0};
    char path[UNIT_PATH];
    int n;
    set_up(&b);
    /* As after a crash between rename and commit: the folder is there, the row says running. */
    ck_assert_int_eq(rename(b.quarantine, unit_path(path, b.dir, "releases/job-1")), 0);
    ck_assert_int_eq(mkdir(unit_path(path, b.dir, "quarantine/other.3"), 0700), 0);
    ck_ok(sg_release_recover(&b.place, b.store, &n, &err), err);
    ck_assert_int_eq(n, 2);
    nothing_released(&b);
    ck_ok(sg_release_quarantine(&b.place, "job-1", 1, b.quarantine, &err), err);
    put(&b, "cohort.bed", "genotypes");
    put(&b, "report.json", "{}");
    const sg_digest files = digest_now(&b);
    ck_ok(settle(&b, b.pass, &files, key, -1, &err), err);
    ck_ok(sg_release_recover(&b.place, b.store, &n, &err), err);
    ck_assert_int_eq(n, 0);
    ck_assert(sg_file_exists(unit_path(path, b.dir, "releases/job-1/cohort.bed")));
    tear_down(&b);
}
END_TEST

START_TEST(a_release_folder_in_the_way_stops_the_release_and_the_job_runs_on)
{
    bench b;
    sg_err err = {0};
    sg_job j;
    char path[UNIT_PATH];
    set_up(&b);
    ck_assert_int_eq(mkdir(unit_path(path, b.dir, "releases/job-1"), 0700), 0);
    const sg_digest files = digest_now(&b);
    ck_assert_int_eq(settle(&b, b.pass, &files, key, -1, &err), SG_IO);
    ck_ok(sg_store_job_get(b.store, "job-1", &j, &err), err);
    ck_assert_int_eq(j.state, SG_JOB_RUNNING);
    tear_down(&b);
}
END_TEST

UNIT_MAIN("server_release", a_cohort_that_passed_is_released_once_with_its_rows,
          a_verdict_that_did_not_pass_withholds_and_removes_the_files,
          a_file_changed_added_removed_or_replaced_by_a_link_is_refused,
          a_seal_of_another_key_attempt_or_job_or_with_any_byte_changed_is_refused,
          recovery_sweeps_what_no_row_vouches_for_and_keeps_what_is_released,
          a_release_folder_in_the_way_stops_the_release_and_the_job_runs_on)
