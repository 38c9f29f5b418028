/* main.c - snpgend from start to stop: the table of contents of the process.
 *
 *   arguments -> config -> nursery (forked while this process is small and knows nothing) -> lock -> sandbox ->
 *   database -> queue and worker -> control socket -> HTTP -> wait for a signal -> the same backwards
 *
 * After the sandbox this process can open its data folder and the system's libraries and nothing else: no model, no
 * key, no reference panel. Those are the worker's, and the worker has no network and no database. */
#include "admin/admin.h"
#include "audit/audit.h"
#include "crypto/crypto.h"
#include "log/log.h"
#include "routes/routes.h"
#include "worker/sandbox.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { GRACE_S = 10 };

static const char usage[] = "usage: snpgend --config FILE       run the service\n"
                            "       snpgend admin COMMAND ...   keys, database, audit; see snpgend admin --help\n"
                            "       snpgend --example-config    print every configuration key with its default\n"
                            "       snpgend --check --config FILE   read the configuration and say whether it is fine\n"
                            "       snpgend --version\n";

typedef struct daemon {
    sg_config config;
    sg_nursery nursery;
    int lock;
    sg_release_place place;
    sg_store *store;
    sg_service service;
    sg_control *control;
    sg_http *http;
    char head[SG_CONFIG_TEXT + 16], port_file[SG_CONFIG_TEXT + 16];
} daemon_t;

static void on_access(void *ctx, const sg_http_access *x)
{
    sg_buf b;
    (void)ctx;
    sg_buf_init(&b, 8192);
    sg_status st =
        sg_buf_printf(&b, NULL, "\"request_id\":\"%s\",\"method\":\"%s\",\"path\":", x->request_id, x->method);
    if (!st)
        st = sg_json_quote(&b, x->path, NULL);
    if (!st)
        st = sg_buf_printf(&b, NULL, ",\"peer\":\"%s\",\"key\":\"%s\",\"status\":%d,\"bytes\":%lld,\"ms\":%.3f",
                           x->peer, x->who, x->status, (long long)x->bytes, x->ms);
    if (!st)
        sg_logline(x->status >= 500 ? SG_LOG_WARN : SG_LOG_INFO, (const char *)b.data, "request");
    sg_buf_clear(&b);
}

/* worker.program, or snpgend-worker beside this program. */
static sg_status worker_program(const sg_config *c, char out[PATH_MAX], sg_err *err)
{
    if (*c->worker_program) {
        (void)snprintf(out, PATH_MAX, "%s", c->worker_program);
        return SG_OK;
    }
    const ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - 32);
    if (n <= 0)
        return sg_fail(err, SG_IO, "cannot find this program's own folder: %s", strerror(errno));
    out[n] = '\0';
    char *slash = strrchr(out, '/');
    memcpy(slash ? slash + 1 : out, "snpgend-worker", sizeof "snpgend-worker");
    return SG_OK;
}

/* What the worker alone may read must not lie where this process can. */
static sg_status refuse_inside(const char *data, const char *what, const char *path, sg_err *err)
{
    char real_data[PATH_MAX], real[PATH_MAX];
    if (!realpath(data, real_data) || !realpath(path, real))
        return SG_OK; /* what is not there the worker will say */
    const size_t n = strlen(real_data);
    if (!strncmp(real, real_data, n) && (real[n] == '/' || real[n] == '\0'))
        return sg_fail(err, SG_STATE, "%s %s lies in data.dir, where the HTTP process could read it", what, path);
    return SG_OK;
}

static sg_status enter_sandbox(const sg_config *c, sg_err *err)
{
    bool held;
    SG_TRY(refuse_inside(c->data_dir, "models.key_file", c->key_file, err));
    for (int i = 0; i < c->n_model; i++)
        SG_TRY(refuse_inside(c->data_dir, "model", c->model[i].path, err));
    const sg_sandbox_path mine[] = {{c->data_dir, true}};
    SG_TRY(sg_sandbox_files(mine, 1, &held, err));
    if (!held && c->sandbox_required)
        return sg_fail(err, SG_STATE, "the kernel offers no Landlock and sandbox.required is true");
    sg_logline(held ? SG_LOG_INFO : SG_LOG_WARN, NULL, "%s",
               held ? "confined to the data folder" : "this kernel offers no Landlock: not confined");
    return SG_OK;
}

static sg_status check_audit(daemon_t *d, sg_err *err)
{
    int64_t n;
    sg_err broken = {0};
    if (sg_audit_verify(d->store, d->head, &n, &broken) == SG_OK || !sg_file_exists(d->head))
        return sg_audit_add(d->store, &(sg_audit_event){"snpgend", "service.start", SG_VERSION, "ok", "", ""}, err);
    /* Serving on hides nothing: the break is recorded, and every later verification still finds it. */
    sg_logline(SG_LOG_ERROR, NULL, "the audit chain is broken: %s", broken.msg);
    return sg_audit_add(d->store,
                        &(sg_audit_event){"snpgend", "service.start", SG_VERSION, "audit_broken", "", broken.msg}, err);
}

static sg_status start_http(daemon_t *d, sg_err *err)
{
    const sg_config *c = &d->config;
    d->service = (sg_service){c, d->store, d->service.jobs, &d->place};
    const sg_http_options o = {.listen = c->http_listen,
                               .port = c->http_port,
                               .threads = c->http_threads,
                               .connections_max = c->http_connections_max,
                               .per_address_max = c->http_per_address_max,
                               .idle_s = c->http_idle_s,
                               .request_s = c->http_request_s,
                               .response_s = c->http_response_s,
                               .url_max = c->http_url_max,
                               .header_max = c->http_header_max,
                               .body_max = c->http_body_max,
                               .route = sg_routes,
                               .ctx = &d->service,
                               .access = on_access};
    char text[16];
    SG_TRY(sg_http_open(&o, &d->http, err));
    const int n = snprintf(text, sizeof text, "%d\n", sg_http_port(d->http));
    SG_TRY(sg_file_write(d->port_file, 0600, text, (size_t)n, err));
    sg_logline(SG_LOG_INFO, NULL, "listening on %s port %d", c->http_listen, sg_http_port(d->http));
    return SG_OK;
}

static sg_status start(daemon_t *d, sg_err *err)
{
    char program[PATH_MAX];
    sg_config *c = &d->config;
    SG_TRY(worker_program(c, program, err));
    SG_TRY(sg_nursery_open(program, &d->nursery, err));
    SG_TRY(sg_dir_make(c->data_dir, 0700, err));
    SG_TRY(sg_admin_lock(c->data_dir, &d->lock, err));
    SG_TRY(sg_release_place_make(c->data_dir, &d->place, err));
    (void)snprintf(d->head, sizeof d->head, "%s/audit.head", c->data_dir);
    (void)snprintf(d->port_file, sizeof d->port_file, "%s/http.port", c->data_dir);
    (void)unlink(d->port_file);
    SG_TRY(enter_sandbox(c, err));
    SG_TRY(sg_store_open(c->data_dir, &d->store, err));
    SG_TRY(check_audit(d, err));
    SG_TRY(sg_audit_save_head(d->store, d->head, err));
    SG_TRY(sg_jobs_open(d->store, c, &d->place, &d->nursery, &d->service.jobs, err));
    SG_TRY(sg_control_open(c, d->store, &d->control, err));
    return start_http(d, err);
}

static void stop(daemon_t *d)
{
    sg_err err = {0};
    sg_http_close(d->http, GRACE_S);
    sg_control_close(d->control);
    sg_jobs_close(d->service.jobs);
    if (d->store) {
        sg_status st =
            sg_audit_add(d->store, &(sg_audit_event){"snpgend", "service.stop", SG_VERSION, "ok", "", ""}, &err);
        if (!st)
            st = sg_audit_save_head(d->store, d->head, &err);
        if (st)
            sg_logline(SG_LOG_ERROR, NULL, "cannot record the stop: %s", err.msg);
    }
    sg_store_close(d->store);
    sg_nursery_close(&d->nursery);
    if (d->http)
        (void)unlink(d->port_file);
    if (d->lock >= 0)
        (void)close(d->lock);
}

/* Until SIGTERM or SIGINT; meanwhile the head of the audit chain is kept beside the database. */
static void wait_for_signal(daemon_t *d, const sigset_t *signals)
{
    const struct timespec second = {1, 0};
    sg_status before = SG_OK;
    for (;;) {
        const int s = sigtimedwait(signals, NULL, &second);
        if (s == SIGTERM || s == SIGINT) {
            sg_logline(SG_LOG_INFO, NULL, "stopping on signal %d", s);
            return;
        }
        sg_err err = {0};
        const sg_status st = sg_audit_save_head(d->store, d->head, &err);
        if (st && !before)
            sg_logline(SG_LOG_ERROR, NULL, "cannot keep the audit head: %s", err.msg);
        before = st;
    }
}

static int run(const char *config_path, bool only_check)
{
    static daemon_t d = {.lock = -1, .nursery = {.fd = -1}};
    sg_err err = {0};
    sigset_t signals;
    sg_log_level level = SG_LOG_INFO;
    sg_status st = sg_config_load(config_path, &d.config, &err);
    if (st || only_check) {
        (void)fprintf(stderr, "snpgend: %s\n", st ? err.msg : "the configuration is fine");
        return st ? 1 : 0;
    }
    if (sg_logline_parse(d.config.log_level, &level, &err) == SG_OK)
        sg_logline_init("snpgend", level);
    sg_process_harden();
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes is an error like a full disk, not an end */
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &signals, NULL);
    st = start(&d, &err);
    if (st)
        sg_logline(SG_LOG_ERROR, NULL, "cannot start: %s", err.msg);
    else
        wait_for_signal(&d, &signals);
    stop(&d);
    return st ? 1 : 0;
}

static int print_example(void)
{
    sg_buf b;
    sg_err err = {0};
    sg_buf_init(&b, 1 << 20);
    const sg_status st = sg_config_example(&b, &err);
    if (!st)
        (void)fwrite(b.data, 1, b.n, stdout);
    sg_buf_clear(&b);
    return st ? 1 : 0;
}

int main(int argc, char **argv)
{
    const char *config = NULL;
    bool check = false;
    if (argc > 1 && !strcmp(argv[1], "admin"))
        return sg_admin_main(argc - 2, argv + 2);
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--help")) {
            (void)fputs(usage, stdout);
            return 0;
        } else if (!strcmp(argv[i], "--version")) {
            (void)puts("snpgend " SG_VERSION);
            return 0;
        } else if (!strcmp(argv[i], "--example-config")) {
            return print_example();
        } else if (!strcmp(argv[i], "--check")) {
            check = true;
        } else if (!strncmp(argv[i], "--config=", 9)) {
            config = argv[i] + 9;
        } else if (!strcmp(argv[i], "--config") && i + 1 < argc) {
            config = argv[++i];
        } else {
            (void)fprintf(stderr, "snpgend: \"%s\" is not understood\n%s", argv[i], usage);
            return 2;
        }
    }
    if (!config) {
        (void)fputs(usage, stderr);
        return 2;
    }
    return run(config, check);
}
