/* control.c - the socket between `snpgend admin` and the running daemon. */
#include "admin/internal.h"
#include "base/json.h"
#include "log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

struct sg_control {
    const sg_config *config;
    sg_store *store;
    const sg_audit_seal *seal;
    int fd, stop;
    char path[SG_CONFIG_TEXT + 16];
    pthread_t thread;
};

sg_status sg_admin_lock(const char *data_dir, int *fd, sg_err *err)
{
    char path[SG_CONFIG_TEXT + 16];
    (void)snprintf(path, sizeof path, "%s/lock", data_dir);
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (*fd < 0)
        return sg_fail(err, SG_IO, "%s: %s", path, strerror(errno));
    if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
        return SG_OK;
    const int e = errno;
    (void)close(*fd);
    *fd = -1;
    return e == EWOULDBLOCK ? sg_fail(err, SG_STATE, "%s: another snpgend uses this data folder", data_dir)
                            : sg_fail(err, SG_IO, "%s: %s", path, strerror(e));
}

/* A socket's name has room for 107 bytes; deep data folders are reached through /proc/self/fd. */
static sg_status address_of(const char *data_dir, int *dir, struct sockaddr_un *a, sg_err *err)
{
    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    *dir = open(data_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*dir < 0)
        return sg_fail(err, SG_IO, "%s: %s", data_dir, strerror(errno));
    (void)snprintf(a->sun_path, sizeof a->sun_path, "/proc/self/fd/%d/control.sock", *dir);
    return SG_OK;
}

static void patience(int fd)
{
    const struct timeval t = {.tv_sec = 30};
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);
}

/* One line of JSON. */
static sg_status receive_line(int fd, json_t **out, sg_err *err)
{
    sg_buf b;
    char part[4096];
    sg_buf_init(&b, CONTROL_MAX);
    sg_status st = SG_OK;
    *out = NULL;
    for (ssize_t got = 1; !st && !(b.n && b.data[b.n - 1] == '\n');) {
        got = recv(fd, part, sizeof part, 0);
        if (got <= 0)
            st = sg_fail(err, SG_IO, "the control socket closed early");
        else
            st = sg_buf_add(&b, part, (size_t)got, err);
    }
    json_error_t e;
    if (!st && !(*out = json_loadb((const char *)b.data, b.n, JSON_REJECT_DUPLICATES, &e)))
        st = sg_fail(err, SG_FORMAT, "not JSON on the control socket: %s", e.text);
    sg_buf_clear(&b);
    explicit_bzero(part, sizeof part);
    return st;
}

static sg_status send_line(int fd, const json_t *j, sg_err *err)
{
    char *text = sg_json_text(j, JSON_COMPACT);
    if (!text)
        return sg_fail(err, SG_NOMEM, "no memory for a message");
    size_t n = strlen(text);
    text[n] = '\n';
    sg_status st = SG_OK;
    for (size_t at = 0; !st && at <= n;) {
        const ssize_t put = send(fd, text + at, n + 1 - at, MSG_NOSIGNAL);
        if (put <= 0)
            st = sg_fail(err, SG_IO, "the control socket closed early");
        else
            at += (size_t)put;
    }
    explicit_bzero(text, n); /* it may show a new key */
    free(text);
    return st;
}

sg_status sg_control_ask(const char *data_dir, const json_t *request, json_t **answer, sg_err *err)
{
    struct sockaddr_un a;
    int dir;
    *answer = NULL;
    SG_TRY(address_of(data_dir, &dir, &a, err));
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sg_status st = SG_OK;
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a))
        st = sg_fail(err, SG_NOT_FOUND, "%s/control.sock: %s", data_dir, strerror(errno));
    if (!st) {
        patience(fd);
        st = send_line(fd, request, err);
    }
    if (!st)
        st = receive_line(fd, answer, err);
    if (fd >= 0)
        (void)close(fd);
    (void)close(dir);
    return st;
}

static bool same_user(int fd)
{
    struct ucred who;
    socklen_t n = sizeof who;
    return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) && who.uid == geteuid();
}

static void serve_one(sg_control *c, int fd)
{
    json_t *request = NULL;
    sg_err err = {0};
    patience(fd);
    if (!same_user(fd)) {
        sg_logline(SG_LOG_WARN, NULL, "control socket: another user was turned away");
        return;
    }
    sg_status st = receive_line(fd, &request, &err);
    if (!st) {
        json_t *answer = sg_admin_run(c->config, c->store, c->seal, request);
        st = send_line(fd, answer, &err);
        json_decref(answer);
    }
    json_decref(request);
    if (st)
        sg_logline(SG_LOG_WARN, NULL, "control socket: %s", err.msg);
}

static void *serve(void *ctx)
{
    sg_control *c = ctx;
    struct pollfd two[2] = {{.fd = c->fd, .events = POLLIN}, {.fd = c->stop, .events = POLLIN}};
    while (poll(two, 2, -1) >= 0 || errno == EINTR) {
        if (two[1].revents)
            break;
        const int fd = two[0].revents ? accept4(c->fd, NULL, NULL, SOCK_CLOEXEC) : -1;
        if (fd >= 0) {
            serve_one(c, fd);
            (void)close(fd);
        }
    }
    return NULL;
}

sg_status sg_control_open(const sg_config *config, sg_store *store, const sg_audit_seal *seal, sg_control **out,
                          sg_err *err)
{
    struct sockaddr_un a;
    int dir;
    *out = NULL;
    SG_TRY(address_of(config->data_dir, &dir, &a, err));
    sg_control *c = calloc(1, sizeof *c);
    if (!c) {
        (void)close(dir);
        return sg_fail(err, SG_NOMEM, "no memory for the control socket");
    }
    c->config = config;
    c->store = store;
    c->seal = seal;
    (void)snprintf(c->path, sizeof c->path, "%s/control.sock", config->data_dir);
    (void)unlink(c->path); /* left by a crash: the lock says that nobody lives here but we */
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    c->stop = eventfd(0, EFD_CLOEXEC);
    const bool ok = c->fd >= 0 && c->stop >= 0 && !bind(c->fd, (struct sockaddr *)&a, sizeof a) &&
                    !chmod(c->path, 0600) && !listen(c->fd, 8) && !pthread_create(&c->thread, NULL, serve, c);
    const int e = errno;
    (void)close(dir);
    if (ok) {
        *out = c;
        return SG_OK;
    }
    if (c->fd >= 0)
        (void)close(c->fd);
    if (c->stop >= 0)
        (void)close(c->stop);
    const sg_status st = sg_fail(err, SG_IO, "%s: %s", c->path, strerror(e));
    free(c);
    return st;
}

void sg_control_close(sg_control *c)
{
    if (!c)
        return;
    const uint64_t one = 1;
    const ssize_t put = write(c->stop, &one, sizeof one);
    (void)put;
    (void)pthread_join(c->thread, NULL);
    (void)unlink(c->path);
    (void)close(c->fd);
    (void)close(c->stop);
    free(c);
}
