/* nursery.c - see nursery.h. */
#include "worker/nursery.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct question {
    char what; /* S start, K kill, C the configuration file */
    uint8_t lane;
} question;

typedef struct reply {
    int error; /* errno, 0 when fine */
    int last_exit;
    pid_t pid;
} reply;

static sg_status lost(sg_err *err)
{
    return sg_fail(err, SG_IO, "the nursery process is gone");
}

/* ---- in the nursery ---- */

static int end_worker(pid_t *worker)
{
    int how = -1;
    if (*worker > 0) {
        (void)kill(*worker, SIGKILL);
        while (waitpid(*worker, &how, 0) < 0 && errno == EINTR)
            ;
    }
    *worker = 0;
    return how;
}

static void run_worker(const char *program, int end, pid_t parent)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) /* it died between fork and here */
        _exit(1);
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    if (end != SG_WORKER_FD && dup2(end, SG_WORKER_FD) < 0)
        _exit(126);
    (void)fcntl(SG_WORKER_FD, F_SETFD, 0);
    char name[] = "snpgend-worker";
    char *const argv[] = {name, NULL};
    char blas[] = "OPENBLAS_NUM_THREADS=1"; /* no thread may exist before the worker's sandbox does */
    char *const envp[] = {blas, NULL};
    (void)execve(program, argv, envp);
    _exit(127);
}

static reply start_worker(const char *program, pid_t *worker, int *given)
{
    reply r = {.last_exit = end_worker(worker)};
    int pair[2];
    *given = -1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
        r.error = errno;
        return r;
    }
    const pid_t me = getpid();
    *worker = fork();
    if (*worker == 0)
        run_worker(program, pair[1], me);
    r.error = *worker < 0 ? errno : 0;
    r.pid = *worker;
    (void)close(pair[1]);
    *given = pair[0];
    return r;
}

static bool send_reply(int fd, const reply *r, int given)
{
    struct iovec part = {(void *)(uintptr_t)r, sizeof *r};
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    memset(&control, 0, sizeof control);
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
    if (given >= 0) {
        m.msg_control = control.bytes;
        m.msg_controllen = sizeof control.bytes;
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &given, sizeof given);
    }
    return sendmsg(fd, &m, MSG_NOSIGNAL) == (ssize_t)sizeof *r;
}

static void nursery_main(const char *program, const char *config_path, int fd, pid_t parent)
{
    pid_t worker[SG_NURSERY_LANES] = {0};
    (void)prctl(PR_SET_NAME, "snpgend-nursery");
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    if (fd > 3) /* a socket that systemd opened for the daemon, say: not ours, and nothing for workers */
        (void)close_range(3, (unsigned)fd - 1, 0);
    (void)close_range((unsigned)fd + 1, ~0U, 0);
    for (int i = 1; i <= 31; i++)
        if (i == SIGINT || i == SIGTERM || i == SIGHUP || i == SIGQUIT)
            (void)signal(i, SIG_IGN); /* a terminal's Ctrl-C is for the daemon, which then ends us */
    for (question ask; read(fd, &ask, sizeof ask) == (ssize_t)sizeof ask && ask.lane < SG_NURSERY_LANES;) {
        int given = -1;
        reply r = {0};
        if (ask.what == 'S')
            r = start_worker(program, &worker[ask.lane], &given);
        else if (ask.what == 'C')
            r.error = (given = open(config_path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) < 0 ? errno : 0;
        else
            r.last_exit = end_worker(&worker[ask.lane]);
        const bool sent = send_reply(fd, &r, given);
        if (given >= 0)
            (void)close(given);
        if (!sent)
            break;
    }
    for (int i = 0; i < SG_NURSERY_LANES; i++)
        (void)end_worker(&worker[i]);
    _exit(0);
}

/* ---- in the daemon ---- */

sg_status sg_nursery_open(const char *program, const char *config_path, sg_nursery *out, sg_err *err)
{
    *out = (sg_nursery){-1, 0};
    if (access(program, X_OK))
        return sg_fail(err, SG_NOT_FOUND, "%s: not a program that can be run (worker.program)", program);
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        return sg_fail(err, SG_IO, "cannot make a socket pair: %s", strerror(errno));
    const pid_t me = getpid();
    const pid_t pid = fork();
    if (pid == 0) {
        (void)close(pair[0]);
        nursery_main(program, config_path, pair[1], me);
    }
    (void)close(pair[1]);
    if (pid < 0) {
        (void)close(pair[0]);
        return sg_fail(err, SG_IO, "cannot fork: %s", strerror(errno));
    }
    *out = (sg_nursery){pair[0], pid};
    return SG_OK;
}

static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER; /* a question and its answer */

static sg_status exchange(sg_nursery *n, question what, reply *r, int *given, sg_err *err)
{
    struct iovec part = {r, sizeof *r};
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct msghdr m = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    *given = -1;
    if (send(n->fd, &what, sizeof what, MSG_NOSIGNAL) != (ssize_t)sizeof what)
        return lost(err);
    ssize_t got;
    while ((got = recvmsg(n->fd, &m, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR)
        ;
    if (got != (ssize_t)sizeof *r)
        return lost(err);
    const struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
        memcpy(given, CMSG_DATA(c), sizeof *given);
    return SG_OK;
}

static sg_status ask_for(sg_nursery *n, question what, reply *r, int *given, sg_err *err)
{
    (void)pthread_mutex_lock(&one_at_a_time);
    const sg_status st = exchange(n, what, r, given, err);
    (void)pthread_mutex_unlock(&one_at_a_time);
    return st;
}

sg_status sg_nursery_config(sg_nursery *n, int *fd, sg_err *err)
{
    reply r = {0};
    SG_TRY(ask_for(n, (question){'C', 0}, &r, fd, err));
    return *fd >= 0 ? SG_OK : sg_fail(err, SG_IO, "the configuration file cannot be opened: %s", strerror(r.error));
}

sg_status sg_nursery_start(sg_nursery *n, int lane, int *fd, pid_t *pid, int *last_exit, sg_err *err)
{
    reply r = {0};
    SG_TRY(ask_for(n, (question){'S', (uint8_t)lane}, &r, fd, err));
    *pid = r.pid;
    *last_exit = r.last_exit;
    if (r.error || *fd < 0) {
        if (*fd >= 0)
            (void)close(*fd);
        return sg_fail(err, SG_IO, "the nursery cannot start a worker: %s", strerror(r.error));
    }
    return SG_OK;
}

sg_status sg_nursery_kill(sg_nursery *n, int lane, sg_err *err)
{
    reply r = {0};
    int given;
    return ask_for(n, (question){'K', (uint8_t)lane}, &r, &given, err);
}

void sg_nursery_close(sg_nursery *n)
{
    if (n->fd >= 0)
        (void)close(n->fd);
    if (n->pid > 0)
        (void)waitpid(n->pid, NULL, 0);
    *n = (sg_nursery){-1, 0};
}
