/* release.c - see release.h. */
#include "release/release.h"
#include "attest/release.h"
#include "base/clock.h"
#include "log/log.h"
#include "release/manifest.h"
#include "worker/parcel.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_TEXT = 720 };

sg_status sg_release_place_make(const char *data_dir, const sg_audit_seal *seal, sg_release_place *out, sg_err *err)
{
    out->seal = seal;
    if (snprintf(out->quarantine, sizeof out->quarantine, "%s/quarantine", data_dir) >= (int)sizeof out->quarantine ||
        snprintf(out->releases, sizeof out->releases, "%s/releases", data_dir) >= (int)sizeof out->releases ||
        snprintf(out->archive, sizeof out->archive, "%s/archive", data_dir) >= (int)sizeof out->archive)
        return sg_fail(err, SG_LIMIT, "data.dir is too long");
    SG_TRY(sg_dir_make(out->quarantine, 0700, err));
    SG_TRY(sg_dir_make(out->archive, 0700, err));
    return sg_dir_make(out->releases, 0700, err);
}

static void quarantine_path(const sg_release_place *p, const char *job, int attempt, char out[PATH_TEXT])
{
    (void)snprintf(out, PATH_TEXT, "%s/%.40s.%d", p->quarantine, job, attempt);
}

static void release_path(const sg_release_place *p, const char *job, char out[PATH_TEXT])
{
    (void)snprintf(out, PATH_TEXT, "%s/%.40s", p->releases, job);
}

sg_status sg_release_quarantine(const sg_release_place *p, const char *job, int attempt, char *out, sg_err *err)
{
    quarantine_path(p, job, attempt, out);
    SG_TRY(sg_dir_remove(out, err));
    return sg_dir_make(out, 0700, err);
}

sg_status sg_release_discard(const sg_release_place *p, const char *job, int attempt, sg_err *err)
{
    char path[PATH_TEXT];
    quarantine_path(p, job, attempt, path);
    return sg_dir_remove(path, err);
}

static int sync_dir(const char *path)
{
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    const int bad = fsync(fd) ? errno : 0;
    (void)close(fd);
    return bad;
}

/* The folder changes its parent, on disk too before this returns; on failure it stands at neither place: the row says running,
 * and an attempt that comes later must find its place free. */
static sg_status move_folder(const char *from, const char *to, const sg_release_place *p, sg_err *err)
{
    int bad = sync_dir(from);
    if (!bad && renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE))
        bad = errno;
    const bool moved = !bad;
    if (!bad)
        bad = sync_dir(p->releases);
    if (!bad)
        bad = sync_dir(p->quarantine);
    if (bad && moved && sg_dir_remove(to, NULL))
        sg_logline(SG_LOG_WARN, NULL, "%s: cannot be removed now; the next start does", to);
    return bad ? sg_fail(err, SG_IO, "%s: cannot become a release: %s", from, strerror(bad)) : SG_OK;
}

static sg_status add_rows(sg_store *s, const sg_job *job, const char *folder, sg_err *err)
{
    sg_parcel all;
    SG_TRY(sg_parcel_read(folder, &all, err));
    for (int i = 0; i < all.n; i++) {
        sg_job_file f = {.bytes = all.file[i].bytes};
        (void)snprintf(f.name, sizeof f.name, "%s", all.file[i].name);
        sg_hex(all.file[i].sha256.b, SG_DIGEST_BYTES, f.sha256);
        SG_TRY(sg_store_file_add(s, job->id, &f, err));
    }
    return SG_OK;
}

/* The judged files get what tells of them: a crate, the audit entry, a signed manifest over all but itself. */
static sg_status describe(sg_store *s, const sg_release_place *p, const sg_job *job, const char *folder,
                          const sg_parcel *judged, const sg_verdict *v, sg_err *err)
{
    char hex[SG_DIGEST_HEX];
    sg_parcel files;
    json_t *facts = NULL;
    SG_TRY(sg_manifest_facts(folder, &facts, err));
    sg_hex(sg_verdict_subject(v)->b, SG_DIGEST_BYTES, hex);
    sg_status st = sg_crate_write(folder, judged, facts, job, err);
    if (!st)
        st = sg_parcel_read(folder, &files, err);
    if (!st) {
        json_t *detail = json_pack("{s:s,s:i,s:i}", "cohort", hex, "files", files.n, "attempt", job->attempts);
        st = sg_manifest_write(folder, &files, facts, job->id, detail, p->seal, s, err);
        json_decref(detail);
    }
    json_decref(facts);
    return st;
}

static void undescribe(const char *folder)
{
    static const char *const ours[] = {SG_MANIFEST_NAME, SG_CRATE_NAME};
    char path[PATH_TEXT + 64];
    for (int i = 0; i < 2; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, ours[i]);
        (void)unlink(path);
    }
}

static sg_status keep_verdict(sg_store *s, const sg_job *job, const sg_verdict *v, sg_err *err)
{
    sg_buf b;
    sg_buf_init(&b, 1 << 20);
    sg_status st = sg_verdict_json(v, &b, err);
    if (!st)
        st = sg_store_job_verdict(s, job->id, b.data ? (const char *)b.data : "", err);
    sg_buf_clear(&b);
    return st;
}

/* A reviewer said yes to exactly this cohort, and the policy it was judged by lets one. */
static bool approved(const sg_verdict *v, sg_store *s, const sg_job *job)
{
    sg_decision d;
    char hex[SG_DIGEST_HEX];
    if (!sg_verdict_approvable(v) || sg_store_decision_get(s, job->id, &d, NULL) || !d.approve)
        return false;
    sg_hex(sg_verdict_subject(v)->b, SG_DIGEST_BYTES, hex);
    return !strcmp(hex, d.cohort);
}

sg_status sg_release_publish(const sg_verdict *v, const sg_digest *files, const sg_release_place *p, sg_store *s,
                             const sg_job *job, sg_err *err)
{
    char from[PATH_TEXT], to[PATH_TEXT];
    sg_parcel found;
    const bool overruled = sg_verdict_outcome(v) != SG_OUTCOME_PASS;
    if (overruled && !approved(v, s, job))
        return sg_fail(err, SG_PRIVACY, "job %s: its verdict is \"%s\", only \"pass\" is published", job->id,
                       sg_outcome_name(sg_verdict_outcome(v)));
    quarantine_path(p, job->id, job->attempts, from);
    release_path(p, job->id, to);
    SG_TRY(sg_parcel_read(from, &found, err));
    const sg_digest got = sg_parcel_digest(&found, job->id, job->attempts);
    if (found.n == 0 || !sg_digest_equal(&got, files))
        return sg_fail(err, SG_PRIVACY, "job %s: the files in quarantine are not the ones that were judged", job->id);
    SG_TRY(sg_store_begin(s, err));
    sg_status st = sg_store_job_move(s, job->id, SG_JOB_RUNNING, SG_JOB_RELEASED,
                                     overruled ? "approved_by_reviewer" : "", sg_clock_wall_ms(), err);
    if (!st)
        st = keep_verdict(s, job, v, err);
    if (!st)
        st = describe(s, p, job, from, &found, v, err);
    if (!st)
        st = add_rows(s, job, from, err);
    if (!st)
        st = move_folder(from, to, p, err);
    const bool moved = !st;
    if (!moved)
        undescribe(from);
    st = sg_store_end(s, st, err);
    /* The row says running: what the rename moved goes again; should that fail, recovery does it. */
    if (st && moved && sg_dir_remove(to, NULL))
        sg_logline(SG_LOG_WARN, NULL, "%s: cannot be removed now; the next start does", to);
    return st;
}

sg_status sg_release_withhold(const sg_verdict *v, const sg_release_place *p, sg_store *s, const sg_job *job,
                              sg_err *err)
{
    const char *reason = sg_verdict_reason(v);
    if (sg_verdict_outcome(v) == SG_OUTCOME_PASS)
        return sg_fail(err, SG_PRIVACY, "job %s: a cohort that passed is not withheld", job->id);
    SG_TRY(sg_store_begin(s, err));
    sg_status st = sg_store_job_move(s, job->id, SG_JOB_RUNNING, SG_JOB_WITHHELD, *reason ? reason : "withheld",
                                     sg_clock_wall_ms(), err);
    if (!st)
        st = keep_verdict(s, job, v, err);
    if (!st)
        st = sg_audit_add(s, &(sg_audit_event){"snpgend", "job.withhold", job->id, reason, "", ""}, err);
    st = sg_store_end(s, st, err);
    return st ? st : sg_release_discard(p, job->id, job->attempts, err);
}

sg_status sg_release_settle(const void *sealed, size_t n, const uint8_t key[SG_KEY_BYTES], const sg_release_place *p,
                            sg_store *s, const sg_job *job, sg_err *err)
{
    sg_verdict *v;
    sg_digest files;
    SG_TRY(sg_verdict_unseal(sealed, n, key, &files, &v, err));
    const bool out = sg_verdict_outcome(v) == SG_OUTCOME_PASS || approved(v, s, job);
    const sg_status st = out ? sg_release_publish(v, &files, p, s, job, err) : sg_release_withhold(v, p, s, job, err);
    sg_verdict_free(v);
    return st;
}

sg_status sg_release_delete(const sg_release_place *p, sg_store *s, const sg_job *job, const char *actor,
                            const char *request_id, sg_err *err)
{
    char path[PATH_TEXT];
    SG_TRY(sg_store_begin(s, err));
    sg_status st =
        sg_store_job_move(s, job->id, SG_JOB_RELEASED, SG_JOB_EXPIRED, "deleted_by_owner", sg_clock_wall_ms(), err);
    if (!st)
        st = sg_audit_add(s, &(sg_audit_event){actor, "job.delete", job->id, "ok", request_id, ""}, err);
    SG_TRY(sg_store_end(s, st, err));
    release_path(p, job->id, path);
    return sg_dir_remove(path, err);
}

sg_status sg_release_expire(const sg_release_place *p, sg_store *s, const sg_job *job, sg_err *err)
{
    char path[PATH_TEXT];
    SG_TRY(sg_store_begin(s, err));
    sg_status st =
        sg_store_job_move(s, job->id, SG_JOB_RELEASED, SG_JOB_EXPIRED, "retention_over", sg_clock_wall_ms(), err);
    if (!st)
        st = sg_audit_add(s, &(sg_audit_event){"snpgend", "job.expire", job->id, "ok", "", ""}, err);
    SG_TRY(sg_store_end(s, st, err));
    release_path(p, job->id, path);
    return sg_dir_remove(path, err);
}

sg_status sg_release_recall(const sg_release_place *p, sg_store *s, const sg_job *job, const char *actor,
                            const char *why, const char *request_id, sg_err *err)
{
    char path[PATH_TEXT];
    if (job->state != SG_JOB_RELEASED)
        return sg_fail(err, SG_STATE, "the job is %s: only what is released can be recalled",
                       sg_job_state_name(job->state));
    const int64_t now = sg_clock_wall_ms();
    SG_TRY(sg_store_begin(s, err));
    sg_status st = sg_store_job_move(s, job->id, SG_JOB_RELEASED, SG_JOB_RECALLED, "recalled", now, err);
    if (!st)
        st = sg_store_recall_add(s, job->id, actor, why, now, err);
    if (!st)
        st = sg_audit_add(s, &(sg_audit_event){actor, "job.recall", job->id, "ok", request_id, why}, err);
    SG_TRY(sg_store_end(s, st, err));
    release_path(p, job->id, path);
    return sg_dir_remove(path, err);
}

sg_status sg_release_open(const sg_release_place *p, sg_store *s, const sg_job *job, const char *name, int *fd,
                          sg_job_file *file, sg_err *err)
{
    char path[PATH_TEXT + SG_FILE_NAME];
    *fd = -1;
    if (job->state != SG_JOB_RELEASED)
        return sg_fail(err, SG_STATE, "the job is %s: it has no files", sg_job_state_name(job->state));
    SG_TRY(sg_store_file_get(s, job->id, name, file, err));
    release_path(p, job->id, path);
    const size_t n = strlen(path);
    (void)snprintf(path + n, sizeof path - n, "/%s", file->name); /* the name of the row, not of the request */
    *fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    struct stat found;
    if (*fd < 0)
        return sg_fail(err, SG_IO, "%s: %s", path, strerror(errno));
    if (!fstat(*fd, &found) && S_ISREG(found.st_mode) && found.st_size == file->bytes)
        return SG_OK;
    (void)close(*fd);
    *fd = -1;
    return sg_fail(err, SG_IO, "%s: not the file that was released", path);
}

/* A database that cannot say is no reason to remove what it may have released. */
static sg_status is_released(sg_store *s, const char *id, bool *yes, sg_err *err)
{
    sg_job j;
    const sg_status st = sg_store_job_get(s, id, &j, err);
    *yes = !st && j.state == SG_JOB_RELEASED;
    return st == SG_NOT_FOUND ? SG_OK : st;
}

static sg_status sweep_one(const char *dir, const char *name, sg_store *keep_released, int *n_removed, sg_err *err)
{
    char path[PATH_TEXT + 256];
    bool keep = !strcmp(name, ".") || !strcmp(name, "..");
    if (!keep && keep_released)
        SG_TRY(is_released(keep_released, name, &keep, err));
    if (keep)
        return SG_OK;
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    SG_TRY(sg_dir_remove(path, err));
    ++*n_removed;
    return SG_OK;
}

static sg_status sweep(const char *dir, sg_store *keep_released, int *n_removed, sg_err *err)
{
    DIR *d = opendir(dir);
    if (!d)
        return sg_fail(err, SG_IO, "%s: %s", dir, strerror(errno));
    sg_status st = SG_OK;
    for (struct dirent *x; !st && (x = readdir(d));)
        st = sweep_one(dir, x->d_name, keep_released, n_removed, err);
    (void)closedir(d);
    return st;
}

sg_status sg_release_recover(const sg_release_place *p, sg_store *s, int *n_removed, sg_err *err)
{
    *n_removed = 0;
    SG_TRY(sweep(p->quarantine, NULL, n_removed, err));
    return sweep(p->releases, s, n_removed, err);
}
