/* key.c - the file that holds the key of sealed references. */
#include "model/model.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEXT = 2 * SG_KEY_BYTES };

/* Up to n bytes; -1 on error. */
static ssize_t read_some(int fd, char *out, size_t n)
{
    size_t at = 0;
    while (at < n) {
        const ssize_t got = read(fd, out + at, n - at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        at += (size_t)got;
    }
    return (ssize_t)at;
}

static sg_status read_key(int fd, const char *path, uint8_t key[SG_KEY_BYTES], sg_err *err)
{
    struct stat s;
    if (fstat(fd, &s) || !S_ISREG(s.st_mode))
        return sg_fail(err, SG_IO, "%s: not a regular file", path);
    if (s.st_mode & 077)
        return sg_fail(err, SG_STATE, "%s: others may use this key (mode %04o), want 0600: chmod 600 %s", path,
                       (unsigned)s.st_mode & 07777, path);
    char text[TEXT + 2];
    const ssize_t n = read_some(fd, text, sizeof text);
    sg_status st = SG_OK;
    if (n < 0)
        st = sg_fail(err, SG_IO, "%s: cannot read: %s", path, strerror(errno));
    else if (n != TEXT + 1 || text[TEXT] != '\n')
        st = sg_fail(err, SG_FORMAT, "%s: want %d hexadecimal digits and a newline", path, TEXT);
    else {
        text[TEXT] = '\0';
        if (sg_unhex(text, SG_KEY_BYTES, key, NULL))
            st = sg_fail(err, SG_FORMAT, "%s: want %d hexadecimal digits and a newline", path, TEXT);
    }
    explicit_bzero(text, sizeof text);
    return st;
}

sg_status sg_key_load(const char *path, uint8_t key[SG_KEY_BYTES], sg_err *err)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return sg_fail(err, errno == ENOENT ? SG_NOT_FOUND : SG_IO, "%s: %s", path,
                       errno == ENOENT ? "no such key file" : strerror(errno));
    const sg_status st = read_key(fd, path, key, err);
    (void)close(fd);
    if (st)
        explicit_bzero(key, SG_KEY_BYTES);
    return st;
}

static bool write_whole(int fd, const char *text, size_t n)
{
    for (size_t at = 0; at < n;) {
        const ssize_t put = write(fd, text + at, n - at);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        at += (size_t)put;
    }
    return true;
}

sg_status sg_key_new(const char *path, sg_err *err)
{
    uint8_t key[SG_KEY_BYTES];
    SG_TRY(sg_random(key, sizeof key, err));
    char text[TEXT + 1];
    sg_hex(key, sizeof key, text);
    explicit_bzero(key, sizeof key);
    text[TEXT] = '\n';
    /* O_EXCL: a key that exists opens references that exist; it is never replaced. */
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    sg_status st = SG_OK;
    if (fd < 0 && errno == EEXIST)
        st = sg_fail(err, SG_STATE, "%s: exists; a key is never replaced", path);
    else if (fd < 0)
        st = sg_fail(err, SG_IO, "%s: cannot write: %s", path, strerror(errno));
    else if (!write_whole(fd, text, sizeof text) || fsync(fd)) {
        st = sg_fail(err, SG_IO, "%s: cannot write: %s", path, strerror(errno));
        (void)unlink(path);
    }
    if (fd >= 0)
        (void)close(fd);
    explicit_bzero(text, sizeof text);
    return st;
}
