/* file.c - see file.h. */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void sg_buf_init(sg_buf *b, size_t max)
{
    *b = (sg_buf){.max = max};
}

void sg_buf_clear(sg_buf *b)
{
    if (b->data)
        explicit_bzero(b->data, b->cap);
    free(b->data);
    *b = (sg_buf){.max = b->max};
}

/* Room for n more bytes and the terminator. The old block is wiped when it moves. */
static sg_status buf_reserve(sg_buf *b, size_t n, sg_err *err)
{
    if (n > b->max || b->n > b->max - n)
        return sg_fail(err, SG_LIMIT, "more than %zu bytes", b->max);
    const size_t want = b->n + n + 1;
    if (want <= b->cap)
        return SG_OK;
    size_t cap = b->cap ? b->cap : 256;
    while (cap < want)
        cap = cap > SIZE_MAX / 2 ? want : cap * 2;
    unsigned char *p = malloc(cap);
    if (!p)
        return sg_fail(err, SG_NOMEM, "no memory for a buffer of %zu bytes", cap);
    if (b->data) {
        memcpy(p, b->data, b->n);
        explicit_bzero(b->data, b->cap);
        free(b->data);
    }
    b->data = p;
    b->cap = cap;
    return SG_OK;
}

sg_status sg_buf_add(sg_buf *b, const void *data, size_t n, sg_err *err)
{
    SG_TRY(buf_reserve(b, n, err));
    if (n)
        memcpy(b->data + b->n, data, n);
    b->n += n;
    b->data[b->n] = 0;
    return SG_OK;
}

sg_status sg_buf_printf(sg_buf *b, sg_err *err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0)
        return sg_fail(err, SG_INTERNAL, "cannot format \"%s\"", fmt);
    SG_TRY(buf_reserve(b, (size_t)n, err));
    va_start(ap, fmt);
    (void)vsnprintf((char *)b->data + b->n, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->n += (size_t)n;
    return SG_OK;
}

static sg_status read_all(int fd, const char *path, size_t size, sg_buf *b, sg_err *err)
{
    SG_TRY(buf_reserve(b, size, err));
    while (b->n < size) {
        const ssize_t got = read(fd, b->data + b->n, size - b->n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return sg_fail(err, SG_IO, "%s: cannot read: %s", path, strerror(errno));
        if (got == 0)
            return sg_fail(err, SG_IO, "%s: became shorter while it was read", path);
        b->n += (size_t)got;
    }
    b->data[b->n] = 0;
    return SG_OK;
}

sg_status sg_buf_read_fd(sg_buf *b, int fd, sg_err *err)
{
    char part[4096];
    for (;;) {
        const ssize_t got = read(fd, part, sizeof part);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return sg_fail(err, SG_IO, "cannot read: %s", strerror(errno));
        if (got == 0)
            return SG_OK;
        SG_TRY(sg_buf_add(b, part, (size_t)got, err));
    }
}

sg_status sg_file_read(const char *path, size_t max, sg_buf *b, sg_err *err)
{
    sg_buf_init(b, max);
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe nobody writes to must not hold us */
    if (fd < 0)
        return sg_fail(err, errno == ENOENT ? SG_NOT_FOUND : SG_IO, "%s: %s", path,
                       errno == ENOENT ? "no such file" : strerror(errno));
    struct stat s;
    sg_status st = SG_OK;
    if (fstat(fd, &s) || !S_ISREG(s.st_mode))
        st = sg_fail(err, SG_IO, "%s: not a regular file", path);
    else if ((uint64_t)s.st_size > max)
        st = sg_fail(err, SG_LIMIT, "%s: %lld bytes, at most %zu are read", path, (long long)s.st_size, max);
    else
        st = read_all(fd, path, (size_t)s.st_size, b, err);
    (void)close(fd);
    if (st)
        sg_buf_clear(b);
    return st;
}

sg_status sg_out_open(const char *path, unsigned mode, sg_out *o, sg_err *err)
{
    *o = (sg_out){0};
    const size_t n = strlen(path);
    o->path = strdup(path);
    o->temp = malloc(n + sizeof ".tmp-XXXXXX");
    if (!o->path || !o->temp) {
        sg_out_abort(o);
        return sg_fail(err, SG_NOMEM, "no memory to open %s", path);
    }
    memcpy(o->temp, path, n);
    memcpy(o->temp + n, ".tmp-XXXXXX", sizeof ".tmp-XXXXXX");
    const int fd = mkostemp(o->temp, O_CLOEXEC);
    if (fd < 0) {
        const int e = errno;
        free(o->temp);
        o->temp = NULL;
        sg_out_abort(o);
        return sg_fail(err, SG_IO, "%s: cannot write: %s", path, strerror(e));
    }
    if (fchmod(fd, mode) || !(o->f = fdopen(fd, "w"))) {
        const int e = errno;
        (void)close(fd);
        sg_out_abort(o);
        return sg_fail(err, SG_IO, "%s: cannot write: %s", path, strerror(e));
    }
    return SG_OK;
}

void sg_out_abort(sg_out *o)
{
    if (o->f)
        (void)fclose(o->f);
    if (o->temp)
        (void)unlink(o->temp);
    free(o->path);
    free(o->temp);
    *o = (sg_out){0};
}

/* A rename is on disk only when its folder is. */
static int sync_folder(const char *path)
{
    char dir[PATH_MAX];
    const char *slash = strrchr(path, '/');
    const size_t n = slash ? (size_t)(slash - path) : 0;
    if (n >= sizeof dir)
        return -1;
    memcpy(dir, path, n);
    dir[n] = '\0';
    const int fd = open(!slash ? "." : n == 0 ? "/" : dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    const int bad = fsync(fd);
    (void)close(fd);
    return bad;
}

sg_status sg_out_commit(sg_out *o, sg_err *err)
{
    int e = 0;
    const bool bad = ferror(o->f);
    if (fflush(o->f) || fsync(fileno(o->f)))
        e = errno;
    else if (bad)
        e = EIO;
    if (fclose(o->f) && !e)
        e = errno;
    o->f = NULL;
    if (!e && rename(o->temp, o->path))
        e = errno;
    if (e) {
        const sg_status st = sg_fail(err, SG_IO, "%s: cannot write: %s", o->path, strerror(e));
        sg_out_abort(o);
        return st;
    }
    free(o->temp);
    o->temp = NULL; /* the file exists under its name: abort must not touch it */
    if (sync_folder(o->path))
        e = errno;
    const sg_status st = e ? sg_fail(err, SG_IO, "%s: cannot sync its folder: %s", o->path, strerror(e)) : SG_OK;
    sg_out_abort(o);
    return st;
}

sg_status sg_file_write(const char *path, unsigned mode, const void *data, size_t n, sg_err *err)
{
    sg_out o;
    SG_TRY(sg_out_open(path, mode, &o, err));
    if (n && fwrite(data, 1, n, o.f) != n) {
        const int e = errno;
        sg_out_abort(&o);
        return sg_fail(err, SG_IO, "%s: cannot write: %s", path, strerror(e));
    }
    return sg_out_commit(&o, err);
}

sg_status sg_dir_make(const char *path, unsigned mode, sg_err *err)
{
    if (mkdir(path, mode) == 0)
        return SG_OK;
    const int e = errno;
    struct stat s;
    if (e == EEXIST && stat(path, &s) == 0 && S_ISDIR(s.st_mode))
        return SG_OK;
    return sg_fail(err, SG_IO, "%s: cannot make this folder: %s", path, strerror(e));
}

/* Returns 0 or an errno. `fd` is closed here. */
static int remove_inside(int fd, int depth)
{
    DIR *d = fdopendir(fd);
    if (!d) {
        const int e = errno;
        (void)close(fd);
        return e;
    }
    int bad = 0;
    for (struct dirent *x; !bad && (x = readdir(d));) {
        if (!strcmp(x->d_name, ".") || !strcmp(x->d_name, ".."))
            continue;
        if (unlinkat(dirfd(d), x->d_name, 0) == 0)
            continue;
        if (errno != EISDIR && errno != EPERM) {
            bad = errno;
            break;
        }
        const int sub = openat(dirfd(d), x->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        bad = sub < 0 ? errno : depth == 0 ? ENOTEMPTY : remove_inside(sub, depth - 1);
        if (sub >= 0 && depth == 0)
            (void)close(sub);
        if (!bad && unlinkat(dirfd(d), x->d_name, AT_REMOVEDIR))
            bad = errno;
    }
    (void)closedir(d);
    return bad;
}

sg_status sg_dir_remove(const char *path, sg_err *err)
{
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return SG_OK;
    int bad = fd < 0 ? errno : remove_inside(fd, 4);
    if (!bad && rmdir(path))
        bad = errno;
    return bad ? sg_fail(err, SG_IO, "%s: cannot remove: %s", path, strerror(bad)) : SG_OK;
}

bool sg_file_exists(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0;
}
