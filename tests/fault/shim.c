/* shim.c - preloaded into snpgend by storage.py and requests.py: a disk that fails at the Nth write or sync, a wall clock that
 * jumps, and an allocation that fails.
 *
 * The numbers lie in a file that both sides map ($SG_FAULT_CONTROL, opened before the sandbox closes). */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

typedef struct control {
    atomic_llong clock_ms; /* added to the wall clock */
    atomic_llong n_call;   /* writes and syncs so far */
    atomic_llong fail_at;  /* the first that fails; 0: none */
    atomic_llong n_fail;   /* how many do */
    atomic_llong n_failed;
    atomic_llong alloc_pid;     /* whose allocations count; 0: nobody's */
    atomic_llong n_alloc;       /* so far */
    atomic_llong alloc_fail_at; /* the first that fails; 0: none */
    atomic_llong alloc_n_fail;  /* how many do */
    atomic_llong alloc_failed;
} control;

static control *shared;

static __attribute__((constructor)) void map_control(void)
{
    const char *path = getenv("SG_FAULT_CONTROL");
    const int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *at = fd >= 0 ? mmap(NULL, sizeof(control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (fd >= 0)
        (void)close(fd);
    shared = at == MAP_FAILED ? NULL : at;
}

static int fails(void)
{
    if (!shared)
        return 0;
    const long long n = atomic_fetch_add(&shared->n_call, 1) + 1, at = atomic_load(&shared->fail_at);
    if (!at || n < at || n >= at + atomic_load(&shared->n_fail))
        return 0;
    (void)atomic_fetch_add(&shared->n_failed, 1);
    errno = EIO;
    return 1;
}

/* glibc's own, since dlsym allocates. */
extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);

static int starves(void)
{
    if (!shared || !atomic_load(&shared->alloc_pid) || atomic_load(&shared->alloc_pid) != getpid())
        return 0;
    const long long n = atomic_fetch_add(&shared->n_alloc, 1) + 1, at = atomic_load(&shared->alloc_fail_at);
    if (!at || n < at || n >= at + atomic_load(&shared->alloc_n_fail))
        return 0;
    (void)atomic_fetch_add(&shared->alloc_failed, 1);
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t n)
{
    return starves() ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    return starves() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    return starves() ? NULL : __libc_realloc(p, n);
}

#define REAL(name) ((__typeof__(name) *)dlsym(RTLD_NEXT, #name))

int fsync(int fd)
{
    return fails() ? -1 : REAL(fsync)(fd);
}

int fdatasync(int fd)
{
    return fails() ? -1 : REAL(fdatasync)(fd);
}

ssize_t pwrite(int fd, const void *data, size_t n, off_t at)
{
    return fails() ? -1 : REAL(pwrite)(fd, data, n, at);
}

ssize_t pwrite64(int fd, const void *data, size_t n, off64_t at)
{
    return fails() ? -1 : REAL(pwrite64)(fd, data, n, at);
}

int clock_gettime(clockid_t id, struct timespec *t)
{
    const int bad = REAL(clock_gettime)(id, t);
    if (!bad && shared && id == CLOCK_REALTIME)
        t->tv_sec += atomic_load(&shared->clock_ms) / 1000;
    return bad;
}

time_t time(time_t *out)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    if (out)
        *out = t.tv_sec;
    return t.tv_sec;
}
