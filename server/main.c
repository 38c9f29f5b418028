/* main.c - snpgend from start to stop: the table of contents of the process.
 *
 *   arguments -> config -> nursery (forked while this process is small and knows nothing) -> lock -> sandbox ->
 *   database -> queue and worker -> control socket -> HTTP -> wait for a signal -> the same backwards
 *
 * After the sandbox this process can open its data folder and the system's libraries and nothing else: no model, no
 * key, no reference panel. Those are the worker's, and the worker has no network and no database. */
#include "admin/admin.h"
#include "audit/audit.h"
#include "base/clock.h"
#include "client/client.h"
#include "crypto/crypto.h"
#include "hooks/hooks.h"
#include "log/log.h"
#include "log/notify.h"
#include "metrics/metrics.h"
#include "routes/routes.h"
#include "worker/sandbox.h"

#include <errno.h>
#include <fcntl.h>
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
    sg_http *http, *admin;
    _Atomic(sg_http *) wakes; /* http, while it may be woken */
    atomic_bool leaving;
    int listen_fd;
    sg_signer *signer;
    sg_audit_seal seal;
    sg_hook_secret secret;
    sg_hooks *hooks;
    char checkpoint[SG_CONFIG_TEXT + 32], port_file[SG_CONFIG_TEXT + 16];
} daemon_t;

static void on_access(void *ctx, const sg_http_access *x)
{
    sg_buf b;
    (void)ctx;
    sg_metrics_request(x->method, x->pattern, x->status, x->ms / 1e3);
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

/* What this process may not read must not lie where it can. */
static sg_status refuse_inside(const char *folder, const char *what_folder, const char *what, const char *path,
                               sg_err *err)
{
    char real_folder[PATH_MAX], real[PATH_MAX];
    if (!realpath(folder, real_folder) || !realpath(path, real))
        return SG_OK; /* what is not there the worker will say */
    const size_t n = strlen(real_folder);
    if (!strncmp(real, real_folder, n) && (real[n] == '/' || real[n] == '\0'))
        return sg_fail(err, SG_STATE, "%s %s lies in %s, where the HTTP process could read it", what, path,
                       what_folder);
    return SG_OK;
}

/* The folder of jwt.jwks_file, so that a new file in the old one's place can be read; "" for none. */
static sg_status keys_folder(const sg_config *c, char out[SG_CONFIG_TEXT + 2], sg_err *err)
{
    static const char name[] = "the folder of jwt.jwks_file";
    out[0] = '\0';
    if (!*c->jwt_jwks_file)
        return SG_OK;
    (void)snprintf(out, SG_CONFIG_TEXT + 2, "%s%s", strchr(c->jwt_jwks_file, '/') ? "" : "./", c->jwt_jwks_file);
    char *slash = strrchr(out, '/');
    slash[slash == out] = '\0'; /* "/" stays */
    SG_TRY(refuse_inside(out, name, "models.key_file", c->key_file, err));
    for (int i = 0; i < c->n_model; i++)
        SG_TRY(refuse_inside(out, name, "model", c->model[i].path, err));
    return *c->signing_key ? refuse_inside(out, name, "release.signing_key", c->signing_key, err) : SG_OK;
}

static sg_status enter_sandbox(const sg_config *c, sg_err *err)
{
    bool held;
    char keys[SG_CONFIG_TEXT + 2];
    SG_TRY(refuse_inside(c->data_dir, "data.dir", "models.key_file", c->key_file, err));
    for (int i = 0; i < c->n_model; i++)
        SG_TRY(refuse_inside(c->data_dir, "data.dir", "model", c->model[i].path, err));
    SG_TRY(keys_folder(c, keys, err));
    /* From the third on: to resolve names and know certificates, where anybody is called at all. */
    const bool calls = *c->jwt_jwks_url || *c->webhook_hosts;
    const sg_sandbox_path mine[] = {{c->data_dir, true},         {*keys ? keys : c->data_dir, !*keys},
                                    {"/etc/resolv.conf", false}, {"/run/systemd/resolve", false},
                                    {"/etc/hosts", false},       {"/etc/nsswitch.conf", false},
                                    {"/etc/host.conf", false},   {"/etc/gai.conf", false},
                                    {"/etc/ssl/certs", false},   {"/usr/share/ca-certificates", false}};
    SG_TRY(sg_sandbox_files(mine, calls ? (int)(sizeof mine / sizeof *mine) : 2, &held, err));
    if (!held && c->sandbox_required)
        return sg_fail(err, SG_STATE, "the kernel offers no Landlock and sandbox.required is true");
    sg_logline(held ? SG_LOG_INFO : SG_LOG_WARN, NULL, "%s",
               held ? "confined to the data folder" : "this kernel offers no Landlock: not confined");
    return SG_OK;
}

/* The key that signs: read before the sandbox closes; its public half lies in the data folder for whoever verifies. */
static sg_status open_seal(daemon_t *d, sg_err *err)
{
    char path[SG_CONFIG_TEXT + 32], public[SG_CONFIG_TEXT + 32];
    SG_TRY(sg_origin_check(d->config.audit_origin, err));
    sg_config_signing_key(&d->config, path);
    bool made;
    sg_status st = sg_audit_key(path, !*d->config.signing_key, &made, &d->signer, err);
    if (made)
        sg_logline(SG_LOG_INFO, NULL, "a signing key was made: %s", path);
    (void)snprintf(public, sizeof public, "%s/signing.pub", d->config.data_dir);
    if (!st)
        st = sg_signer_save_public(d->signer, public, err);
    d->seal = (sg_audit_seal){d->signer, d->config.audit_origin};
    return st;
}

static sg_status check_audit(daemon_t *d, sg_err *err)
{
    int64_t n;
    sg_err broken = {0};
    sg_status st = sg_audit_begin(d->store, &d->seal, d->config.data_dir, &broken);
    if (st && st != SG_MISMATCH && st != SG_FORMAT)
        return sg_fail_in(err, st, "%s", broken.msg);
    if (!st)
        st = sg_audit_verify(d->store, d->checkpoint, d->signer, &n, &broken);
    if (!st)
        return sg_audit_add(d->store, &(sg_audit_event){"snpgend", "service.start", SG_VERSION, "ok", "", ""}, err);
    /* Serving on hides nothing: the break is recorded, and every later verification still finds it. */
    sg_logline(SG_LOG_ERROR, NULL, "the audit log is broken: %s", broken.msg);
    return sg_audit_add(d->store,
                        &(sg_audit_event){"snpgend", "service.start", SG_VERSION, "audit_broken", "", broken.msg}, err);
}

/* Requests whose tokens named an unknown key look again. */
static void keys_were_read(void *ctx)
{
    daemon_t *d = ctx;
    const uint64_t topic = sg_routes_keys_topic();
    sg_http *http = atomic_load(&d->wakes);
    if (http)
        sg_http_wake(http, &topic, 1);
}

static sg_status start_http(daemon_t *d, sg_err *err)
{
    const sg_config *c = &d->config;
    const sg_http_options o = {.listen = c->http_listen,
                               .listen_fd = d->listen_fd,
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
                               .stream_s = c->http_stream_s,
                               .route = sg_routes,
                               .starved = sg_routes_starved,
                               .ctx = &d->service,
                               .access = on_access};
    char text[16];
    SG_TRY(sg_http_open(&o, &d->http, err));
    atomic_store(&d->wakes, d->http);
    sg_hub *hub;
    SG_TRY(sg_hub_open(&d->service, d->http, &hub, err));
    atomic_store(&d->service.hub, hub);
    const int n = snprintf(text, sizeof text, "%d\n", sg_http_port(d->http));
    SG_TRY(sg_file_write(d->port_file, 0600, text, (size_t)n, err));
    sg_logline(SG_LOG_INFO, NULL, "listening on %s port %d", c->http_listen, sg_http_port(d->http));
    return SG_OK;
}

/* Metrics and probes for the machines that watch us, on an address of its own. */
static sg_status start_admin(daemon_t *d, sg_err *err)
{
    const sg_config *c = &d->config;
    if (!c->admin_port)
        return SG_OK;
    const sg_http_options o = {.listen = c->admin_listen,
                               .listen_fd = -1,
                               .port = c->admin_port,
                               .threads = 1,
                               .connections_max = 32,
                               .per_address_max = 16,
                               .idle_s = c->http_idle_s,
                               .request_s = c->http_request_s,
                               .response_s = 60,
                               .url_max = 256,
                               .header_max = 4096,
                               .body_max = 1024,
                               .stream_s = 60,
                               .route = sg_admin_routes,
                               .ctx = &d->service,
                               .access = NULL};
    SG_TRY(sg_http_open(&o, &d->admin, err));
    sg_logline(SG_LOG_INFO, NULL, "admin listener on %s port %d", c->admin_listen, sg_http_port(d->admin));
    return SG_OK;
}

static sg_status start(daemon_t *d, const char *config_path, sg_err *err)
{
    char program[PATH_MAX];
    sg_config *c = &d->config;
    SG_TRY(worker_program(c, program, err));
    SG_TRY(sg_nursery_open(program, config_path, &d->nursery, err));
    sg_notify_open();
    d->listen_fd = sg_notify_listen_fd();
    d->service.statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    SG_TRY(sg_dir_make(c->data_dir, 0700, err));
    SG_TRY(sg_admin_lock(c->data_dir, &d->lock, err));
    SG_TRY(open_seal(d, err));
    SG_TRY(sg_release_place_make(c->data_dir, &d->seal, &d->place, err));
    (void)snprintf(d->checkpoint, sizeof d->checkpoint, "%s/audit.checkpoint", c->data_dir);
    (void)snprintf(d->port_file, sizeof d->port_file, "%s/http.port", c->data_dir);
    (void)unlink(d->port_file);
    if (*c->webhook_secret)
        SG_TRY(sg_hook_secret_load(c->webhook_secret, &d->secret, err));
    SG_TRY(sg_client_begin(err));
    SG_TRY(enter_sandbox(c, err));
    SG_TRY(sg_store_open(c->data_dir, &d->store, err));
    SG_TRY(check_audit(d, err));
    SG_TRY(sg_audit_save_checkpoint(d->store, &d->seal, d->checkpoint, err));
    SG_TRY(sg_jobs_open(d->store, c, &d->place, &d->nursery, &d->service.jobs, err));
    SG_TRY(sg_control_open(c, d->store, &d->seal, &d->control, err));
    d->service = (sg_service){.config = c,
                              .store = d->store,
                              .jobs = d->service.jobs,
                              .place = &d->place,
                              .statm = d->service.statm,
                              .started_ms = sg_clock_wall_ms(),
                              .leaving = &d->leaving};
    SG_TRY(sg_backoff_new(c->auth_failures_free, &d->service.backoff, err));
    SG_TRY(sg_tokens_open(c, keys_were_read, d, &d->service.tokens, err));
    SG_TRY(sg_hooks_open(c, d->store, d->signer, &d->secret, &d->hooks, err));
    SG_TRY(start_admin(d, err));
    return start_http(d, err);
}

static void stop(daemon_t *d)
{
    sg_err err = {0};
    atomic_store(&d->leaving, true);
    sg_notify("STOPPING=1");
    sg_hub_stop(d->service.hub);
    sg_tokens_stop(d->service.tokens);
    sg_http_close(d->http, GRACE_S);
    sg_hub_close(d->service.hub);
    sg_http_close(d->admin, 1); /* last: whoever watches may see us leave */
    sg_tokens_close(d->service.tokens);
    sg_backoff_free(d->service.backoff);
    sg_hooks_close(d->hooks);
    sg_control_close(d->control);
    sg_jobs_close(d->service.jobs);
    if (d->store) {
        sg_status st =
            sg_audit_add(d->store, &(sg_audit_event){"snpgend", "service.stop", SG_VERSION, "ok", "", ""}, &err);
        if (!st)
            st = sg_audit_save_checkpoint(d->store, &d->seal, d->checkpoint, &err);
        if (st)
            sg_logline(SG_LOG_ERROR, NULL, "cannot record the stop: %s", err.msg);
    }
    sg_store_close(d->store);
    sg_signer_free(d->signer);
    if (d->service.statm >= 0)
        (void)close(d->service.statm);
    sg_nursery_close(&d->nursery);
    if (d->http)
        (void)unlink(d->port_file);
    if (d->lock >= 0)
        (void)close(d->lock);
}

/* The watchdog hears of us only while the database answers and the dispatcher comes round. */
static void sign_of_life(daemon_t *d, int64_t *next_ns)
{
    const int64_t every_us = sg_notify_watchdog_us(), now = sg_clock_mono_ns();
    sg_err err = {0};
    if (!every_us || now < *next_ns)
        return;
    if (sg_store_ping(d->store, &err) == SG_OK && sg_jobs_alive(d->service.jobs, every_us / 1000)) {
        sg_notify("WATCHDOG=1");
        *next_ns = now + every_us * 1000 / 3;
    } else {
        sg_logline(SG_LOG_ERROR, NULL, "the database or the dispatcher does not answer: the watchdog hears nothing");
    }
}

/* SIGHUP: what can change while we run does - the log's level, the models - and what cannot is named. */
static sg_status reload(daemon_t *d, const char *config_path, sg_err *err)
{
    static sg_config fresh; /* large */
    int fd;
    sg_log_level level;
    sg_buf text, names;
    SG_TRY(sg_nursery_config(&d->nursery, &fd, err));
    sg_buf_init(&text, 1 << 20);
    sg_status st = sg_buf_read_fd(&text, fd, err);
    (void)close(fd);
    if (!st)
        st = sg_config_parse(config_path, text.data ? (const char *)text.data : "", text.n, &fresh, err);
    sg_buf_clear(&text);
    if (!st)
        st = sg_logline_parse(fresh.log_level, &level, err);
    if (st)
        return st;
    sg_logline_init("snpgend", level);
    (void)snprintf(fresh.log_level, sizeof fresh.log_level, "%s", d->config.log_level); /* done: no change that waits */
    sg_buf_init(&names, 8192);
    if (!sg_config_changes(&d->config, &fresh, &names, NULL) && names.n)
        sg_logline(SG_LOG_WARN, NULL, "these changes wait for a restart: %s", (const char *)names.data);
    sg_buf_clear(&names);
    sg_jobs_reload(d->service.jobs, fresh.model, fresh.n_model); /* also where only a bundle's content is new */
    return sg_audit_add(d->store, &(sg_audit_event){"snpgend", "service.reload", SG_VERSION, "ok", "", ""}, err);
}

static void on_hangup(daemon_t *d, const char *config_path)
{
    sg_err err = {0};
    sg_notify("RELOADING=1\nMONOTONIC_USEC=%lld", (long long)(sg_clock_mono_ns() / 1000));
    if (reload(d, config_path, &err))
        sg_logline(SG_LOG_ERROR, NULL, "the configuration stays as it is: %s", err.msg);
    sg_notify("READY=1");
}

/* Until SIGTERM or SIGINT; meanwhile the signed checkpoint of the audit log is kept beside the database. */
static void wait_for_signal(daemon_t *d, const char *config_path, const sigset_t *signals)
{
    const struct timespec second = {1, 0};
    sg_status before = SG_OK;
    int64_t next_sign_ns = 0;
    sg_notify("READY=1\nSTATUS=serving");
    for (;;) {
        const int s = sigtimedwait(signals, NULL, &second);
        if (s == SIGTERM || s == SIGINT) {
            sg_logline(SG_LOG_INFO, NULL, "stopping on signal %d", s);
            return;
        }
        if (s == SIGHUP)
            on_hangup(d, config_path);
        sg_err err = {0};
        const sg_status st = sg_audit_save_checkpoint(d->store, &d->seal, d->checkpoint, &err);
        if (st)
            sg_metrics_add(SG_COUNT_audit_failures, "", 1);
        sign_of_life(d, &next_sign_ns);
        if (st && !before)
            sg_logline(SG_LOG_ERROR, NULL, "cannot keep the audit checkpoint: %s", err.msg);
        before = st;
    }
}

static int run(const char *config_path, bool only_check)
{
    static daemon_t d = {.lock = -1, .nursery = {.fd = -1}, .listen_fd = -1, .service = {.statm = -1}};
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
    sg_routes_begin();
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes is an error like a full disk, not an end */
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &signals, NULL);
    st = start(&d, config_path, &err);
    if (st)
        sg_logline(SG_LOG_ERROR, NULL, "cannot start: %s", err.msg);
    else
        wait_for_signal(&d, config_path, &signals);
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
