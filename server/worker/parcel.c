/* parcel.c - see parcel.h. */
#include "worker/parcel.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool name_ok(const char *s)
{
    static const char fine[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    const size_t n = strlen(s);
    return n > 0 && n < SG_PARCEL_NAME && s[0] != '.' && strspn(s, fine) == n;
}

/* Through one descriptor: the file that was looked at is the file that is hashed. */
static sg_status hash_file(int dir, const char *name, struct sg_parcel_file *f, sg_err *err)
{
    const int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return sg_fail(err, errno == ELOOP ? SG_STATE : SG_IO, "%.60s: %s", name, strerror(errno));
    struct stat s;
    sg_sha256 *h = NULL;
    sg_status st = SG_OK;
    if (fstat(fd, &s) || !S_ISREG(s.st_mode) || s.st_nlink != 1)
        st = sg_fail(err, SG_STATE, "%.60s: not a plain file of its own", name);
    if (!st)
        st = sg_sha256_new(&h, err);
    unsigned char block[1 << 16];
    f->bytes = 0;
    for (ssize_t got = 1; !st && got > 0;) {
        got = read(fd, block, sizeof block);
        if (got < 0)
            st = sg_fail(err, SG_IO, "%.60s: cannot read: %s", name, strerror(errno));
        else
            sg_sha256_add(h, block, (size_t)got);
        f->bytes += got > 0 ? got : 0;
    }
    if (!st)
        f->sha256 = sg_sha256_end(h);
    sg_sha256_free(h);
    (void)close(fd);
    return st;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct sg_parcel_file *)a)->name, ((const struct sg_parcel_file *)b)->name);
}

sg_status sg_parcel_read(const char *dir, sg_parcel *out, sg_err *err)
{
    memset(out, 0, sizeof *out);
    const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        const int e = errno;
        if (fd >= 0)
            (void)close(fd);
        return sg_fail(err, e == ENOENT ? SG_NOT_FOUND : SG_IO, "%s: %s", dir, strerror(e));
    }
    sg_status st = SG_OK;
    for (struct dirent *x; !st && (x = readdir(d));) {
        if (!strcmp(x->d_name, ".") || !strcmp(x->d_name, ".."))
            continue;
        if (out->n == SG_PARCEL_FILES)
            st = sg_fail(err, SG_LIMIT, "more than %d files", SG_PARCEL_FILES);
        else if (!name_ok(x->d_name))
            st = sg_fail(err, SG_STATE, "a file has a name that no release has");
        if (st)
            break;
        struct sg_parcel_file *f = &out->file[out->n++];
        (void)snprintf(f->name, sizeof f->name, "%.63s", x->d_name);
        st = hash_file(dirfd(d), x->d_name, f, err);
    }
    (void)closedir(d);
    qsort(out->file, (size_t)out->n, sizeof out->file[0], by_name);
    return st;
}

sg_digest sg_parcel_digest(const sg_parcel *p, const char *job, int attempt)
{
    char text[SG_PARCEL_FILES * (SG_PARCEL_NAME + SG_DIGEST_HEX + 24) + 160], hex[SG_DIGEST_HEX];
    size_t n = (size_t)snprintf(text, 128, "snpgen-parcel-1 %.60s %d\n", job, attempt);
    for (int i = 0; i < p->n; i++) {
        sg_hex(p->file[i].sha256.b, SG_DIGEST_BYTES, hex);
        n += (size_t)snprintf(text + n, sizeof text - n, "%s %lld %s\n", p->file[i].name, (long long)p->file[i].bytes,
                              hex);
    }
    return sg_sha256_of(text, n);
}
