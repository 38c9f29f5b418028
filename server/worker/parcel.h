/* parcel.h - the files of one cohort as a list, and the one digest that stands for them.
 *
 * Shape:   sg_parcel: up to SG_PARCEL_FILES names with sizes and SHA-256, sorted by name.
 *          digest = SHA-256 of "snpgen-parcel-1 <job> <attempt>\n" and one line "<name> <bytes> <hex>\n" per file.
 * Units:   bytes.
 * Owner:   a plain value.
 * Threads: safe.
 * Not here: verdicts (core/privacy); publishing (release/).
 *
 * The digest travels inside the sealed verdict, so a verdict fits one job, one attempt and exactly these bytes.
 */
#ifndef SG_SERVER_WORKER_PARCEL_H
#define SG_SERVER_WORKER_PARCEL_H

#include "crypto/crypto.h"

enum { SG_PARCEL_FILES = 32, SG_PARCEL_NAME = 64 };

typedef struct sg_parcel {
    int n;
    struct sg_parcel_file {
        char name[SG_PARCEL_NAME];
        int64_t bytes;
        sg_digest sha256;
    } file[SG_PARCEL_FILES];
} sg_parcel;

/* Hashes every file of a folder. STATE: something that is not a plain file with one link and a name of
 * [A-Za-z0-9._-]+; LIMIT: too many; NOT_FOUND, IO. */
sg_status sg_parcel_read(const char *dir, sg_parcel *out, sg_err *err) SG_MUST_USE;

sg_digest sg_parcel_digest(const sg_parcel *p, const char *job, int attempt);

#endif
