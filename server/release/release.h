/* release.h - the one door through which a cohort leaves quarantine.
 *
 * Shape:   quarantine/<job>.<attempt>/ -> releases/<job>/, together with the job's state and its audit row.
 * Units:   -
 * Owner:   folders belong to this module once the worker has closed its files.
 * Threads: safe.
 * Not here: making verdicts (core/privacy), deciding when to try again (jobs/).
 *
 * Order of a release, and what a crash after each step leaves:
 *   1. the files are hashed and compared with the digest inside the verdict   job running, quarantine: queued again
 *   2. begin; the row moves to released; crate, audit entry and signed
 *      manifest are written into the folder; file rows are added              rolled back, as 1
 *   3. quarantine folder renamed, both parents synced                         releases/<job> without a released row:
 *                                                                             removed by sg_release_recover, queued
 * again
 *   4. commit                                                                 released
 * Nothing reads releases/<job> unless the row says released, so nobody ever sees a cohort between 3 and 4.
 */
#ifndef SG_SERVER_RELEASE_RELEASE_H
#define SG_SERVER_RELEASE_RELEASE_H

#include "audit/audit.h"
#include "privacy/privacy.h"
#include "store/store.h"

typedef struct sg_release_place {
    char quarantine[600], releases[600], archive[600]; /* folders; archive: people of releases, the worker's alone */
    const sg_audit_seal *seal;                         /* signs manifests and checkpoints; borrowed */
} sg_release_place;

/* <data_dir>/quarantine, releases and archive, made when absent. IO. */
sg_status sg_release_place_make(const char *data_dir, const sg_audit_seal *seal, sg_release_place *out,
                                sg_err *err) SG_MUST_USE;

/* The folder of one attempt of a job, fresh and empty (whatever was there is removed). out [700]. IO. */
sg_status sg_release_quarantine(const sg_release_place *p, const char *job, int attempt, char *out,
                                sg_err *err) SG_MUST_USE;

/* Moves a running job to released. Only a verdict that passed opens the door, or an approvable one with a reviewer's approval of
 * that very cohort in the database; only for the files whose digest it
 * carries, only for this job and this attempt: PRIVACY otherwise, and nothing is published. STATE: the job is not
 * running any more. IO: the disk; the job is still running and its files are still in quarantine (or gone with the
 * crash). */
sg_status sg_release_publish(const sg_verdict *v, const sg_digest *files, const sg_release_place *p, sg_store *s,
                             const sg_job *job, sg_err *err) SG_MUST_USE;

/* Moves a running job to withheld with the verdict's reason and removes its files. STATE, IO. PRIVACY: it passed. */
sg_status sg_release_withhold(const sg_verdict *v, const sg_release_place *p, sg_store *s, const sg_job *job,
                              sg_err *err) SG_MUST_USE;

/* What the worker sent: unseals, then publishes or withholds. PRIVACY when a byte of the seal is wrong. */
sg_status sg_release_settle(const void *sealed, size_t n, const uint8_t key[SG_KEY_BYTES], const sg_release_place *p,
                            sg_store *s, const sg_job *job, sg_err *err) SG_MUST_USE;

/* What a released job's cohort, made again as `job` (its attempt names the folder in quarantine), has to do with the one that
 * was released: the judged files one by one by the digests of then, the rest (manifest, crate) is made from them. cohort:
 * the digest of the genotypes that were judged then. Fills outcome, reason, n_file and differing of `out`; publishes
 * nothing. PRIVACY: the seal or the files are not the worker's; IO. */
sg_status sg_release_compare(const void *sealed, size_t n, const uint8_t key[SG_KEY_BYTES], const sg_release_place *p,
                             sg_store *s, const sg_job *job, const char *cohort, sg_verification *out,
                             sg_err *err) SG_MUST_USE;

/* Removes what an attempt left in quarantine. */
sg_status sg_release_discard(const sg_release_place *p, const char *job, int attempt, sg_err *err) SG_MUST_USE;

/* released -> expired at the owner's wish; then the files go. STATE. */
sg_status sg_release_delete(const sg_release_place *p, sg_store *s, const sg_job *job, const char *actor,
                            const char *request_id, sg_err *err) SG_MUST_USE;

/* released -> expired because it has been kept long enough; then the files go. STATE. */
sg_status sg_release_expire(const sg_release_place *p, sg_store *s, const sg_job *job, sg_err *err) SG_MUST_USE;

/* released -> recalled, by a steward and with a reason that stands in the audit log and in the owner's 410; then the files go.
 * STATE: it is not released. */
sg_status sg_release_recall(const sg_release_place *p, sg_store *s, const sg_job *job, const char *actor,
                            const char *why, const char *request_id, sg_err *err) SG_MUST_USE;

/* A file of a released job, open for reading; the caller closes *fd. NOT_FOUND, IO; STATE: not released, or the size is
 * not the one that was released. */
sg_status sg_release_open(const sg_release_place *p, sg_store *s, const sg_job *job, const char *name, int *fd,
                          sg_job_file *file, sg_err *err) SG_MUST_USE;

/* After a crash: empties the quarantine, removes every release folder without a released row. *n_removed folders. */
sg_status sg_release_recover(const sg_release_place *p, sg_store *s, int *n_removed, sg_err *err) SG_MUST_USE;

#endif
