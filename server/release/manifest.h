/* manifest.h - what a release says of itself: manifest.json (signed) and ro-crate-metadata.json.
 *
 * Shape:   manifest.json: core/attest/release.h. ro-crate-metadata.json: RO-Crate 1.1, Five Safes profile: the cohort as
 *          a data set, the job as the action that made it, the release gate as its disclosure check.
 * Units:   bytes.
 * Owner:   -
 * Threads: no state.
 * Not here: when they are written (release.c).
 */
#ifndef SG_SERVER_RELEASE_MANIFEST_H
#define SG_SERVER_RELEASE_MANIFEST_H

#include "audit/audit.h"
#include "worker/parcel.h"

#include <jansson.h>

#define SG_CRATE_NAME "ro-crate-metadata.json"

/* What the worker wrote into report.json of the folder: what was asked for, from which model, with which seed. NOT_FOUND,
 * FORMAT. */
sg_status sg_manifest_facts(const char *folder, json_t **out, sg_err *err) SG_MUST_USE;

/* Writes the crate over the files in `files`. IO, NOMEM. */
sg_status sg_crate_write(const char *folder, const sg_parcel *files, const json_t *facts, const sg_job *job,
                         sg_err *err) SG_MUST_USE;

/* Adds the audit entry of the release to the calling thread's transaction and writes the manifest over `files` with the
 * proof of that entry. detail's members are the entry's: {"statement":...} is put to them. IO, NOMEM, INTERNAL. */
sg_status sg_manifest_write(const char *folder, const sg_parcel *files, const json_t *facts, const char *job,
                            json_t *detail, const sg_audit_seal *seal, sg_store *s, sg_err *err) SG_MUST_USE;

#endif
