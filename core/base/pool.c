/* pool.c - a fixed set of threads that share one loop at a time; see run.h. */
#include "base/run.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct sg_pool_seat {
    sg_pool *pool;
    int worker;
} sg_pool_seat;

struct sg_pool {
    int n_thread; /* with the caller */
    pthread_t *thread;
    sg_pool_seat *seat;

    pthread_mutex_t lock; /* guards fn, ctx, n_item, round, n_busy, closing */
    pthread_cond_t start, done;
    void (*fn)(void *, int64_t, int);
    void *ctx;
    int64_t n_item;
    uint64_t round;
    int n_busy;
    bool closing;

    _Atomic int64_t next; /* the next item to hand out */
};

static void work(sg_pool *p, int worker)
{
    for (;;) {
        const int64_t item = atomic_fetch_add_explicit(&p->next, 1, memory_order_relaxed);
        if (item >= p->n_item)
            return;
        p->fn(p->ctx, item, worker);
    }
}

static void *thread_main(void *arg)
{
    const sg_pool_seat *seat = arg;
    sg_pool *p = seat->pool;
    uint64_t seen = 0;
    for (;;) {
        pthread_mutex_lock(&p->lock);
        while (p->round == seen && !p->closing)
            pthread_cond_wait(&p->start, &p->lock);
        const bool closing = p->closing;
        seen = p->round;
        pthread_mutex_unlock(&p->lock);
        if (closing)
            return NULL;
        work(p, seat->worker);
        pthread_mutex_lock(&p->lock);
        if (--p->n_busy == 0)
            pthread_cond_signal(&p->done);
        pthread_mutex_unlock(&p->lock);
    }
}

sg_status sg_pool_new(int n, sg_pool **out, sg_err *err)
{
    *out = NULL;
    if (n < 1 || n > 1024)
        return sg_fail(err, SG_LIMIT, "%d threads asked for, want 1 to 1024", n);
    sg_pool *p = calloc(1, sizeof *p);
    if (!p)
        return sg_fail(err, SG_NOMEM, "no memory for a thread pool");
    p->thread = calloc((size_t)n, sizeof *p->thread);
    p->seat = calloc((size_t)n, sizeof *p->seat);
    p->n_thread = 1;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->start, NULL);
    pthread_cond_init(&p->done, NULL);
    sg_status st = p->thread && p->seat ? SG_OK : sg_fail(err, SG_NOMEM, "no memory for %d threads", n);

    /* Signals belong to the thread that started us: the pool's threads take none. */
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    for (int i = 1; i < n && !st; i++) {
        p->seat[i] = (sg_pool_seat){p, i};
        if (pthread_create(&p->thread[i], NULL, thread_main, &p->seat[i]))
            st = sg_fail(err, SG_NOMEM, "cannot start thread %d of %d", i + 1, n);
        else
            p->n_thread = i + 1;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (st) {
        sg_pool_free(p);
        return st;
    }
    *out = p;
    return SG_OK;
}

void sg_pool_free(sg_pool *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->closing = true;
    pthread_cond_broadcast(&p->start);
    pthread_mutex_unlock(&p->lock);
    for (int i = 1; i < p->n_thread; i++)
        pthread_join(p->thread[i], NULL);
    pthread_cond_destroy(&p->start);
    pthread_cond_destroy(&p->done);
    pthread_mutex_destroy(&p->lock);
    free(p->thread);
    free(p->seat);
    free(p);
}

int sg_pool_size(const sg_pool *p)
{
    return p ? p->n_thread : 1;
}

void sg_pool_for(sg_pool *p, int64_t n, void (*fn)(void *, int64_t, int), void *ctx)
{
    if (!p || p->n_thread == 1 || n <= 1) {
        for (int64_t i = 0; i < n; i++)
            fn(ctx, i, 0);
        return;
    }
    pthread_mutex_lock(&p->lock);
    p->fn = fn;
    p->ctx = ctx;
    p->n_item = n;
    p->n_busy = p->n_thread - 1;
    atomic_store_explicit(&p->next, 0, memory_order_relaxed);
    p->round++;
    pthread_cond_broadcast(&p->start);
    pthread_mutex_unlock(&p->lock);
    work(p, 0);
    pthread_mutex_lock(&p->lock);
    while (p->n_busy > 0)
        pthread_cond_wait(&p->done, &p->lock);
    pthread_mutex_unlock(&p->lock);
}

/* cgroup v2 quota in whole cores, rounded up; 0 when there is none. */
static int cgroup_cores(void)
{
    FILE *f = fopen("/sys/fs/cgroup/cpu.max", "re");
    if (!f)
        return 0;
    long quota = 0, period = 0;
    const int n = fscanf(f, "%ld %ld", &quota, &period); /* "max 100000" reads nothing: no quota */
    (void)fclose(f);
    return n == 2 && quota > 0 && period > 0 ? (int)((quota + period - 1) / period) : 0;
}

int sg_cpu_count(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    const int quota = cgroup_cores();
    if (quota > 0 && quota < n)
        n = quota;
    return n > 0 ? n : 1;
}
