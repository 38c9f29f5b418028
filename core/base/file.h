/* file.h - files that are either whole or not there, and the growing buffer they are read into.
 *
 * Shape:   whole-file reads with a bound; writers that go to a temporary name and are renamed on commit.
 * Units:   bytes.
 * Owner:   sg_buf by whoever declares it; sg_out by the caller until commit or abort.
 * Threads: one object, one thread.
 * Not here: formats.
 */
#ifndef SG_BASE_FILE_H
#define SG_BASE_FILE_H

#include "base/status.h"

#include <stddef.h>
#include <stdio.h>

/* A buffer that grows up to a maximum given at birth. Always 0-terminated one past `n` once it holds anything. */
typedef struct sg_buf {
    unsigned char *data;
    size_t n, cap, max;
} sg_buf;

void sg_buf_init(sg_buf *b, size_t max);
void sg_buf_clear(sg_buf *b); /* wipes, then frees: buffers may have held genotypes or keys */
sg_status sg_buf_add(sg_buf *b, const void *data, size_t n, sg_err *err) SG_MUST_USE; /* LIMIT, NOMEM */
sg_status sg_buf_printf(sg_buf *b, sg_err *err, const char *fmt, ...) SG_MUST_USE SG_PRINTF(3, 4);

/* Appends what an open descriptor gives until its end. LIMIT, IO. */
sg_status sg_buf_read_fd(sg_buf *b, int fd, sg_err *err) SG_MUST_USE;

/* Reads a whole regular file of at most `max` bytes into a fresh buffer (b is initialised here).
 * NOT_FOUND, LIMIT (larger than max), IO; the message names the path. */
sg_status sg_file_read(const char *path, size_t max, sg_buf *b, sg_err *err) SG_MUST_USE;

/* A file being written. Nothing appears under `path` before sg_out_commit; a crash leaves at most "<path>.tmp-XXXXXX".
 */
typedef struct sg_out {
    FILE *f; /* write here with fwrite/fprintf; errors are collected and reported by commit */
    char *path, *temp;
} sg_out;

/* IO when the folder is missing or not writable; NOMEM. mode: permission bits of the finished file, e.g. 0644. */
sg_status sg_out_open(const char *path, unsigned mode, sg_out *o, sg_err *err) SG_MUST_USE;
/* Flush, fsync, rename, fsync the folder. On any failure (a full disk, say) the temporary is removed and IO returned.
 */
sg_status sg_out_commit(sg_out *o, sg_err *err) SG_MUST_USE;
void sg_out_abort(sg_out *o); /* accepts a zeroed, committed or aborted one */

/* The whole of data under path, atomically. */
sg_status sg_file_write(const char *path, unsigned mode, const void *data, size_t n, sg_err *err) SG_MUST_USE;

/* Makes a folder (parents must exist) with mode 0700 or as given; fine when it is there already. IO. */
sg_status sg_dir_make(const char *path, unsigned mode, sg_err *err) SG_MUST_USE;

/* Removes a folder and what is in it, to a depth of 4, without following links. NOT_FOUND is fine. IO. */
sg_status sg_dir_remove(const char *path, sg_err *err) SG_MUST_USE;

bool sg_file_exists(const char *path);

#endif
