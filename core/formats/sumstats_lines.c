/* sumstats_lines.c - one line at a time from a plain or gzipped file, in constant memory.
 *
 * gzip can shrink zeros a thousandfold; summary statistics shrink three- to tenfold. A file that grows past 200 times
 * its size (and 64 MiB) is not what it claims to be. */
#include "formats/sumstats_inside.h"
#include "formats/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUF_BYTES = 2 * SG_LINE_MAX, EXPAND_MAX = 200, EXPAND_FREE = 64 << 20 };

static sg_status buffer(lines *l, sg_err *err)
{
    l->buf = malloc(BUF_BYTES + 1);
    return l->buf ? SG_OK : sg_fail(err, SG_NOMEM, "no memory to read %s", l->name);
}

sg_status sg_sum_lines_memory(lines *l, const char *name, const void *data, size_t n, sg_err *err)
{
    *l = (lines){.name = name, .memory = data, .memory_left = n};
    return buffer(l, err);
}

sg_status sg_sum_lines_open(lines *l, const char *path, sg_err *err)
{
    *l = (lines){.name = path};
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return sg_fail(err, errno == ENOENT ? SG_NOT_FOUND : SG_IO, "%s: %s", path,
                       errno == ENOENT ? "no such file" : strerror(errno));
    struct stat s;
    if (fstat(fd, &s) || !S_ISREG(s.st_mode)) {
        (void)close(fd);
        return sg_fail(err, SG_IO, "%s: not a regular file", path);
    }
    l->packed_bytes = (int64_t)s.st_size;
    l->gz = gzdopen(fd, "rb");
    if (!l->gz) {
        (void)close(fd);
        return sg_fail(err, SG_NOMEM, "no memory to read %s", path);
    }
    (void)gzbuffer(l->gz, 1 << 17);
    return buffer(l, err);
}

void sg_sum_lines_close(lines *l)
{
    if (l->gz)
        (void)gzclose_r(l->gz);
    free(l->buf);
    *l = (lines){0};
}

static sg_status read_gz(lines *l, size_t room, size_t *got, sg_err *err)
{
    const int n = gzread(l->gz, l->buf + l->n, (unsigned)room);
    int code = Z_OK;
    if (n < (int)room)
        (void)gzerror(l->gz, &code);
    if (n < 0 || (code != Z_OK && code != Z_STREAM_END))
        return sg_fail(err, code == Z_ERRNO ? SG_IO : SG_FORMAT, "%s: %s", l->name,
                       code == Z_ERRNO       ? "cannot read"
                       : code == Z_BUF_ERROR ? "its gzip data end too early (was it copied whole?)"
                                             : "its gzip data are damaged");
    l->unpacked_bytes += n;
    if (l->unpacked_bytes > EXPAND_FREE && l->unpacked_bytes / EXPAND_MAX > l->packed_bytes)
        return sg_fail(err, SG_LIMIT, "%s: expands to more than %d times its size, which no summary statistics do",
                       l->name, EXPAND_MAX);
    *got = (size_t)n;
    return SG_OK;
}

/* Moves the unread rest to the front and reads more behind it. */
static sg_status refill(lines *l, sg_err *err)
{
    memmove(l->buf, l->buf + l->at, l->n - l->at);
    l->n -= l->at;
    l->at = 0;
    const size_t room = BUF_BYTES - l->n;
    size_t got = 0;
    if (l->gz) {
        SG_TRY(read_gz(l, room, &got, err));
    } else {
        got = l->memory_left < room ? l->memory_left : room;
        if (got)
            memcpy(l->buf + l->n, l->memory, got);
        l->memory += got;
        l->memory_left -= got;
    }
    l->n += got;
    l->ended = got == 0;
    return SG_OK;
}

sg_status sg_sum_lines_next(lines *l, char **line, sg_err *err)
{
    *line = NULL;
    for (;;) {
        char *const start = l->buf + l->at;
        const size_t have = l->n - l->at;
        char *stop = have ? memchr(start, '\n', have) : NULL;
        if (stop || (l->ended && have)) {
            l->at = stop ? (size_t)(stop - l->buf) + 1 : l->n;
            if (!stop)
                stop = l->buf + l->n;
            const bool bom = l->number == 0 && have >= 3 && !memcmp(start, "\xef\xbb\xbf", 3);
            l->number++;
            *line = start + (bom ? 3 : 0);
            return sg_text_check(l->name, l->number, *line, (size_t)(stop - *line), err);
        }
        if (l->ended)
            return SG_OK;
        if (have > SG_LINE_MAX)
            return sg_fail(err, SG_LIMIT, "%s line %lld: longer than %d bytes", l->name, (long long)l->number + 1,
                           SG_LINE_MAX);
        SG_TRY(refill(l, err));
    }
}
