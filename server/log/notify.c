/* notify.c - see notify.h. */
#include "log/notify.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int out = -1;

void sg_notify_open(void)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (!path || (*path != '/' && *path != '@') || strlen(path) >= sizeof a.sun_path)
        return;
    memcpy(a.sun_path, path, strlen(path));
    if (*path == '@')
        a.sun_path[0] = '\0';
    out = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (out >= 0 &&
        connect(out, (struct sockaddr *)&a, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path)))) {
        (void)close(out);
        out = -1;
    }
}

void sg_notify(const char *fmt, ...)
{
    char text[512];
    va_list ap;
    if (out < 0)
        return;
    va_start(ap, fmt);
    const int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    const ssize_t sent = send(out, text, n < (int)sizeof text ? (size_t)n : sizeof text - 1, MSG_NOSIGNAL);
    (void)sent; /* a manager that does not listen must not stop the service */
}

static int64_t number_in(const char *name)
{
    const char *s = getenv(name);
    char *end;
    const long long n = s && *s ? strtoll(s, &end, 10) : 0;
    return s && *s && !*end && n > 0 ? n : 0;
}

/* Variables of this kind are for one process: its children inherit the text, not the meaning. */
static bool for_me(const char *name)
{
    return !getenv(name) || number_in(name) == getpid();
}

int64_t sg_notify_watchdog_us(void)
{
    return for_me("WATCHDOG_PID") ? number_in("WATCHDOG_USEC") : 0;
}

int sg_notify_listen_fd(void)
{
    enum { FIRST = 3 };
    if (number_in("LISTEN_PID") != getpid() || number_in("LISTEN_FDS") < 1)
        return -1;
    int listens = 0;
    socklen_t n = sizeof listens;
    if (getsockopt(FIRST, SOL_SOCKET, SO_ACCEPTCONN, &listens, &n) || !listens)
        return -1;
    (void)fcntl(FIRST, F_SETFD, FD_CLOEXEC);
    (void)fcntl(FIRST, F_SETFL, fcntl(FIRST, F_GETFL) | O_NONBLOCK);
    return FIRST;
}
