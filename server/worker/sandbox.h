/* sandbox.h - a process gives up, for good, every file it does not need.
 *
 * Shape:   Landlock rules over folders; a seccomp filter for processes that never open a socket.
 * Units:   -
 * Owner:   -
 * Threads: call in the main thread before any other thread exists: only then does it hold for all of them.
 * Not here: which folders (main.c, serve.c).
 */
#ifndef SG_SERVER_WORKER_SANDBOX_H
#define SG_SERVER_WORKER_SANDBOX_H

#include "base/status.h"

typedef struct sg_sandbox_path {
    const char *path;
    bool write; /* make, change, rename and remove below it; otherwise read only */
} sg_sandbox_path;

/* From here on only what lies below `paths` (and the system's libraries and time zones, read only) can be opened.
 * Paths that do not exist are skipped. *held: false when the kernel offers no Landlock (nothing changed then). IO. */
sg_status sg_sandbox_files(const sg_sandbox_path *paths, int n, bool *held, sg_err *err) SG_MUST_USE;

/* No new socket, no new program, no look into other processes: EPERM. INTERNAL when the kernel refuses the filter. */
sg_status sg_sandbox_calls(sg_err *err) SG_MUST_USE;

#endif
