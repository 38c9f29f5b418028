/* serve.c - the worker's life; see worker.h.
 *
 * Two threads: the reader takes messages from the socket, keeps at most one job waiting, and turns "cancel" into the
 * stop flag; when the daemon is gone it ends the process at once, whatever is being computed. The main thread computes
 * and is the only one that sends. */
#include "worker/worker.h"
#include "base/clock.h"
#include "log/log.h"
#include "nn/backend.h"
#include "worker/sandbox.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { PROGRESS_EVERY_MS = 250, HELLO_MS = 60000, SEALED_MAX = 1 << 19 };

typedef struct worker {
    int fd;
    uint8_t session_key[SG_KEY_BYTES];
    sg_shelf shelf;
    int n_broken;
    sg_policy policy;
    char archive[700];
    sg_arena arena;
    sg_pool *pool;
    sg_work work; /* what the main thread is at */
    const char *stage;
    int64_t told_ns;

    pthread_mutex_t lock; /* guards the five below */
    pthread_cond_t came;
    json_t *waiting; /* a job message */
    json_t *earlier; /* what the current job's model released before */
    char cancelled[40];
    char current[40];
    atomic_bool stop;
} worker;

/* Sending fails only when the daemon is gone, and then there is nobody left to work for. */
static void tell(worker *w, json_t *message)
{
    sg_err err = {0};
    if (!message || sg_wire_send(w->fd, message, &err))
        _exit(1);
    json_decref(message);
}

/* ---- set-up ---- */

static sg_status confine(const json_t *hello, sg_err *err)
{
    sg_sandbox_path path[SG_SHELF + 4];
    int n = 0;
    bool held;
    size_t i;
    const json_t *m;
    path[n++] = (sg_sandbox_path){sg_wire_text(hello, "quarantine"), true};
    path[n++] = (sg_sandbox_path){sg_wire_text(hello, "archive"), true};
    path[n++] = (sg_sandbox_path){sg_wire_text(hello, "key_file"), false};
    path[n++] = (sg_sandbox_path){sg_wire_text(hello, "policy"), false};
    json_array_foreach(json_object_get(hello, "models"), i, m)
    {
        if (i < SG_SHELF)
            path[n++] = (sg_sandbox_path){sg_wire_text(m, "path"), false};
    }
    SG_TRY(sg_sandbox_files(path, n, &held, err));
    if (!held && json_is_true(json_object_get(hello, "sandbox_required")))
        return sg_fail(err, SG_STATE, "the kernel offers no Landlock and sandbox.required is true");
    return sg_sandbox_calls(err);
}

static void open_models(worker *w, const json_t *hello)
{
    uint8_t key[SG_KEY_BYTES];
    size_t i;
    const json_t *m;
    sg_err err = {0};
    const sg_status no_key = sg_key_load(sg_wire_text(hello, "key_file"), key, &err);
    json_array_foreach(json_object_get(hello, "models"), i, m)
    {
        const char *id = sg_wire_text(m, "id"), *path = sg_wire_text(m, "path");
        const sg_status st = no_key ? no_key : sg_shelf_add(&w->shelf, id, path, key, &w->policy, &err);
        if (st) {
            w->n_broken++;
            tell(w, json_pack("{s:s,s:s,s:s}", "type", "broken_model", "id", *id ? id : path, "detail", err.msg));
            continue;
        }
        tell(w, sg_shelf_message(&w->shelf.item[w->shelf.n - 1]));
    }
    explicit_bzero(key, sizeof key);
}

static sg_status set_up(worker *w, const json_t *hello, sg_err *err)
{
    sg_log_level level = SG_LOG_INFO;
    if (strcmp(sg_wire_text(hello, "type"), "hello"))
        return sg_fail(err, SG_FORMAT, "the daemon did not say hello");
    SG_TRY(sg_logline_parse(sg_wire_text(hello, "log"), &level, err));
    sg_logline_init("snpgend-worker", level);
    SG_TRY(sg_unhex(sg_wire_text(hello, "key"), SG_KEY_BYTES, w->session_key, err));
    SG_TRY(confine(hello, err));
    (void)snprintf(w->archive, sizeof w->archive, "%s", sg_wire_text(hello, "archive"));
    w->policy = sg_policy_default();
    if (*sg_wire_text(hello, "policy"))
        SG_TRY(sg_policy_load(sg_wire_text(hello, "policy"), &w->policy, err));
    SG_TRY(sg_backend_choose(sg_wire_text(hello, "backend"), sg_wire_text(hello, "precision"), err));
    const int64_t threads = sg_wire_number(hello, "threads", 0);
    SG_TRY(sg_pool_new(threads > 0 ? (int)threads : sg_cpu_count(), &w->pool, err));
    SG_TRY(sg_arena_init(&w->arena, (size_t)sg_wire_number(hello, "memory_mib", 1024) << 20, err));
    open_models(w, hello);
    return SG_OK;
}

/* ---- the reader thread ---- */

static void take(worker *w, json_t *m)
{
    const char *type = sg_wire_text(m, "type");
    (void)pthread_mutex_lock(&w->lock);
    if (!strcmp(type, "job") && !w->waiting) {
        w->waiting = m; /* the main thread's from here on */
        m = NULL;
        (void)pthread_cond_signal(&w->came);
    } else if (!strcmp(type, "earlier") && !w->earlier && !strcmp(sg_wire_text(m, "job"), w->current)) {
        w->earlier = m;
        m = NULL;
        (void)pthread_cond_signal(&w->came);
    } else if (!strcmp(type, "cancel")) {
        (void)snprintf(w->cancelled, sizeof w->cancelled, "%s", sg_wire_text(m, "job"));
        if (!strcmp(w->cancelled, w->current))
            atomic_store(&w->stop, true);
        (void)pthread_cond_signal(&w->came); /* it may wait to be admitted */
    } else {
        sg_logline(SG_LOG_WARN, NULL, "the daemon said \"%.20s\" out of turn", type);
    }
    (void)pthread_mutex_unlock(&w->lock);
    json_decref(m);
}

static void *read_messages(void *ctx)
{
    worker *w = ctx;
    for (;;) {
        json_t *m;
        sg_err err = {0};
        const sg_status st = sg_wire_receive(w->fd, -1, &m, &err);
        if (st)
            _exit(st == SG_NOT_FOUND ? 0 : 1); /* the daemon is gone: what is half done is the next worker's */
        if (m)
            take(w, m);
    }
    return NULL;
}

/* ---- jobs ---- */

static void tell_progress(worker *w, int64_t done, int64_t total)
{
    tell(w, json_pack("{s:s,s:s,s:i,s:s,s:I,s:I}", "type", "progress", "job", w->work.job, "attempt", w->work.attempt,
                      "stage", w->stage, "done", (json_int_t)done, "total", (json_int_t)total));
    w->told_ns = sg_clock_mono_ns();
}

/* Whatever a step counts becomes people. */
static void on_progress(void *ctx, const char *step, int64_t done, int64_t total)
{
    worker *w = ctx;
    (void)step;
    if (total < 1 || sg_clock_mono_ns() - w->told_ns < (int64_t)PROGRESS_EVERY_MS * 1000000)
        return;
    const int64_t people = w->work.n_case + w->work.n_control;
    tell_progress(w, (int64_t)((double)people * (double)done / (double)total), people);
}

static void on_stage(void *ctx, const char *stage)
{
    worker *w = ctx;
    w->stage = stage;
    tell_progress(w, 0, w->work.n_case + w->work.n_control);
}

/* Asks the daemon, and waits for its turn. */
static sg_status admit(void *ctx, sg_work *work, sg_err *err)
{
    worker *w = ctx;
    tell(w, json_pack("{s:s,s:s,s:i}", "type", "checking", "job", work->job, "attempt", work->attempt));
    (void)pthread_mutex_lock(&w->lock);
    while (!w->earlier && !atomic_load(&w->stop))
        (void)pthread_cond_wait(&w->came, &w->lock);
    const json_t *m = w->earlier;
    (void)pthread_mutex_unlock(&w->lock);
    return m ? sg_work_read_earlier(m, work, err) : sg_fail(err, SG_CANCELLED, "stopped before the checks");
}

static void tell_done(worker *w, const sg_buf *sealed)
{
    char *hex = malloc(2 * sealed->n + 1);
    if (!hex)
        _exit(1);
    sg_hex(sealed->data, sealed->n, hex);
    tell(w, json_pack("{s:s,s:s,s:i,s:s}", "type", "done", "job", w->work.job, "attempt", w->work.attempt, "verdict",
                      hex));
    free(hex);
}

static void tell_failed(worker *w, sg_status st, const sg_err *err)
{
    static const char *const code[SG_N_STATUS] = {
        [SG_FORMAT] = "internal_error",  [SG_MISMATCH] = "model_changed", [SG_DEGENERATE] = "no_answer",
        [SG_LIMIT] = "settings_refused", [SG_NOT_FOUND] = "model_gone",   [SG_STATE] = "internal_error",
        [SG_PRIVACY] = "internal_error", [SG_NOMEM] = "out_of_memory",    [SG_IO] = "storage_failed",
        [SG_INTERNAL] = "internal_error"};
    if (st == SG_CANCELLED) {
        tell(w, json_pack("{s:s,s:s,s:i}", "type", "cancelled", "job", w->work.job, "attempt", w->work.attempt));
        return;
    }
    tell(w, json_pack("{s:s,s:s,s:i,s:s,s:s,s:b}", "type", "failed", "job", w->work.job, "attempt", w->work.attempt,
                      "code", code[st] ? code[st] : "internal_error", "detail", err->msg, "retry", st == SG_IO));
}

static void do_job(worker *w, const json_t *message)
{
    sg_err err = {0};
    sg_buf sealed;
    sg_buf_init(&sealed, SEALED_MAX);
    const size_t mark = sg_arena_mark(&w->arena);
    const sg_maker k = {.shelf = &w->shelf,
                        .policy = &w->policy,
                        .archive = w->archive,
                        .session_key = w->session_key,
                        .arena = &w->arena,
                        .run = {&w->stop, on_progress, w, w->pool},
                        .stage = on_stage,
                        .admit = admit};
    sg_status st = sg_work_read(message, &w->work, &err);
    if (!st)
        st = sg_worker_make(&k, &w->work, &sealed, &err);
    sg_arena_rewind(&w->arena, mark);
    if (st)
        tell_failed(w, st, &err);
    else
        tell_done(w, &sealed);
    sg_buf_clear(&sealed);
}

static void work(worker *w)
{
    for (;;) {
        (void)pthread_mutex_lock(&w->lock);
        json_decref(w->earlier);
        w->earlier = NULL;
        w->current[0] = '\0';
        while (!w->waiting)
            (void)pthread_cond_wait(&w->came, &w->lock);
        json_t *m = w->waiting;
        w->waiting = NULL;
        (void)snprintf(w->current, sizeof w->current, "%s", sg_wire_text(m, "job"));
        atomic_store(&w->stop, !strcmp(w->cancelled, w->current));
        w->cancelled[0] = '\0';
        (void)pthread_mutex_unlock(&w->lock);
        do_job(w, m);
        json_decref(m);
    }
}

int sg_worker_main(int fd)
{
    static worker w;
    json_t *hello = NULL;
    sg_err err = {0};
    pthread_t reader;
    w.fd = fd;
    sg_logline_init("snpgend-worker", SG_LOG_INFO);
    sg_process_harden();
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes is an error like a full disk, not an end */
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    (void)setpriority(PRIO_PROCESS, 0, 5); /* answering requests goes before making people */
    (void)pthread_mutex_init(&w.lock, NULL);
    (void)pthread_cond_init(&w.came, NULL);
    sg_status st = sg_wire_receive(fd, HELLO_MS, &hello, &err);
    if (!st && !hello)
        st = sg_fail(&err, SG_FORMAT, "the daemon did not say hello in time");
    if (!st)
        st = set_up(&w, hello, &err);
    json_decref(hello);
    if (!st && pthread_create(&reader, NULL, read_messages, &w))
        st = sg_fail(&err, SG_INTERNAL, "cannot start the reader thread");
    if (st) {
        sg_logline(SG_LOG_ERROR, NULL, "cannot start: %s", err.msg);
        return 1;
    }
    tell(&w, json_pack("{s:s,s:s,s:i}", "type", "ready", "build", SG_VERSION, "broken", w.n_broken));
    work(&w);
    return 0;
}
