/* cli.c - option tables, progress and exit codes; see cli.h. */
#include "cli/cli.h"
#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_bool stop_flag;

static void on_signal(int sig)
{
    if (atomic_exchange(&stop_flag, true)) { /* a second Ctrl-C does not wait */
        signal(sig, SIG_DFL);
        (void)raise(sig);
    }
}

bool sg_cli_stopped(void)
{
    return atomic_load(&stop_flag);
}

static void log_line(void *ctx, sg_log_level level, const char *text)
{
    const sg_cli *cli = ctx;
    if (level == SG_LOG_DEBUG || (cli->quiet && level < SG_LOG_WARN))
        return;
    (void)fprintf(stderr, "%s%s%s\n", cli->bar_open ? "\n" : "", level >= SG_LOG_WARN ? "warning: " : "", text);
}

/* A bar on a terminal, a line per tenth elsewhere. */
static void show_progress(void *ctx, const char *stage, int64_t done, int64_t total)
{
    sg_cli *cli = ctx;
    const int64_t now = sg_clock_mono_ns();
    if (strncmp(stage, cli->stage, sizeof cli->stage - 1) != 0) {
        if (cli->bar_open)
            (void)fputc('\n', stderr);
        (void)snprintf(cli->stage, sizeof cli->stage, "%s", stage);
        cli->started_ns = now;
        cli->shown_ns = 0;
        cli->shown_percent = -1;
        cli->bar_open = false;
    }
    if (cli->quiet || total <= 0)
        return;
    const int percent = (int)(100.0 * (double)done / (double)total);
    const double spent = (double)(now - cli->started_ns) * 1e-9;
    const double left = done > 0 ? spent * (double)(total - done) / (double)done : NAN;
    if (isatty(STDERR_FILENO)) {
        if (done < total && now - cli->shown_ns < 100000000)
            return;
        (void)fprintf(stderr, "\r%-24s [%-40.*s] %3d %%  %.0f s, %.0f s left   ", stage, percent * 40 / 100,
                      "########################################", percent, spent, isnan(left) ? 0.0 : left);
        cli->bar_open = done < total;
        if (done >= total)
            (void)fputc('\n', stderr);
    } else if (percent / 10 != cli->shown_percent / 10 || cli->shown_percent < 0) {
        (void)fprintf(stderr, "%s: %d %% (%lld of %lld), %.0f s, %.0f s left\n", stage, percent, (long long)done,
                      (long long)total, spent, isnan(left) ? 0.0 : left);
        cli->shown_percent = percent;
    }
    cli->shown_ns = now;
}

static void show_option(const sg_opt *o)
{
    char left[64];
    (void)snprintf(left, sizeof left, "--%s%s%s", o->name, o->kind == SG_OPT_FLAG ? "" : " ",
                   o->kind == SG_OPT_FLAG ? ""
                   : o->value             ? o->value
                                          : "VALUE");
    (void)printf("  %-28s %s", left, o->help);
    if (o->required)
        (void)printf(" (required)");
    else if (o->kind == SG_OPT_INT)
        (void)printf(" (default %lld)", (long long)*(const int64_t *)o->out);
    else if (o->kind == SG_OPT_REAL && !isnan(*(const double *)o->out))
        (void)printf(" (default %g)", *(const double *)o->out);
    else if (o->kind == SG_OPT_TEXT && *(const char *const *)o->out)
        (void)printf(" (default %s)", *(const char *const *)o->out);
    (void)putchar('\n');
}

static bool set_option(const sg_opt *o, const char *text, sg_err *err)
{
    if (o->kind == SG_OPT_TEXT) {
        *(const char **)o->out = text;
        return true;
    }
    char *end;
    errno = 0;
    const double real = strtod(text, &end);
    const bool is_int = o->kind == SG_OPT_INT;
    const long long whole = is_int ? (errno = 0, strtoll(text, &end, 10)) : 0;
    if (end == text || *end || errno || isnan(real) || real < o->min || real > o->max) {
        sg_fail(err, SG_LIMIT, "--%s is \"%s\", want %s from %.10g to %.10g", o->name, text,
                is_int ? "a whole number" : "a number", o->min, o->max);
        return false;
    }
    if (is_int)
        *(int64_t *)o->out = whole;
    else
        *(double *)o->out = real;
    return true;
}

static const sg_opt *find_option(const sg_opt *opts, int n, const char *name, size_t len)
{
    for (int i = 0; i < n; i++)
        if (strlen(opts[i].name) == len && !strncmp(opts[i].name, name, len))
            return &opts[i];
    return NULL;
}

enum { OPT_MAX = 96 };

/* -1 fine, 0 help wanted, 2 wrong. */
static int parse(const sg_opt *opts, int n, int argc, char **argv, sg_err *err)
{
    bool seen[OPT_MAX] = {false};
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];
        if (!strcmp(arg, "--help") || !strcmp(arg, "-h"))
            return 0;
        if (strncmp(arg, "--", 2) != 0 || !arg[2]) {
            sg_fail(err, SG_LIMIT, "unexpected argument \"%s\"; options are --name VALUE", arg);
            return 2;
        }
        const char *eq = strchr(arg, '=');
        const size_t len = eq ? (size_t)(eq - arg) - 2 : strlen(arg) - 2;
        const sg_opt *o = find_option(opts, n, arg + 2, len);
        if (!o) {
            sg_fail(err, SG_LIMIT, "unknown option \"%.*s\"; --help lists them", (int)len + 2, arg);
            return 2;
        }
        if (seen[o - opts]) {
            sg_fail(err, SG_LIMIT, "--%s is given twice", o->name);
            return 2;
        }
        seen[o - opts] = true;
        if (o->kind == SG_OPT_FLAG) {
            if (eq) {
                sg_fail(err, SG_LIMIT, "--%s takes no value", o->name);
                return 2;
            }
            *(bool *)o->out = true;
        } else if (!eq && i + 1 >= argc) {
            sg_fail(err, SG_LIMIT, "--%s wants a value", o->name);
            return 2;
        } else if (!set_option(o, eq ? eq + 1 : argv[++i], err)) {
            return 2;
        }
    }
    for (int i = 0; i < n; i++)
        if (opts[i].required && !seen[i]) {
            sg_fail(err, SG_LIMIT, "--%s is required", opts[i].name);
            return 2;
        }
    return -1;
}

int sg_cli_begin(sg_cli *cli, const char *command, const char *usage, const sg_opt *opts, int n_opt, int argc,
                 char **argv)
{
    *cli = (sg_cli){.command = command,
                    .usage = usage,
                    .threads = sg_cpu_count(),
                    .seed = 1,
                    .memory_mib = 1 << 20,
                    .shown_percent = -1};
    sg_opt all[OPT_MAX];
    const sg_opt common[] = {
        {"threads", SG_OPT_INT, &cli->threads, 1, 1024, "N", "threads to use", false},
        {"seed", SG_OPT_INT, &cli->seed, 0, 9007199254740992.0, "N", "seed of every random choice", false},
        {"memory", SG_OPT_INT, &cli->memory_mib, 16, 1 << 24, "MIB", "address space for working memory, MiB", false},
        {"json", SG_OPT_FLAG, &cli->json, 0, 0, NULL, "result (or error) as one JSON object on stdout", false},
        {"quiet", SG_OPT_FLAG, &cli->quiet, 0, 0, NULL, "no progress", false},
    };
    const int n_common = (int)(sizeof common / sizeof *common);
    if (n_opt + n_common > OPT_MAX)
        return SG_EXIT_FAILED;
    memcpy(all, opts, (size_t)n_opt * sizeof *opts);
    memcpy(all + n_opt, common, sizeof common);
    sg_err err = {0};
    const int got = parse(all, n_opt + n_common, argc, argv, &err);
    if (got == 0) {
        (void)printf("usage: snpgen %s %s\n\n", command, usage);
        for (int i = 0; i < n_opt + n_common; i++)
            show_option(&all[i]);
        return SG_EXIT_OK;
    }
    if (got == 2) {
        (void)fprintf(stderr, "snpgen %s: %s\n", command, err.msg);
        return SG_EXIT_USAGE;
    }
    const struct sigaction act = {.sa_handler = on_signal};
    (void)sigaction(SIGINT, &act, NULL);
    (void)sigaction(SIGTERM, &act, NULL);
    sg_log_set(log_line, cli);
    cli->run = (sg_run){.stop = &stop_flag, .progress = show_progress, .ctx = cli};
    if (cli->threads > 1 && sg_pool_new((int)cli->threads, &cli->run.pool, &err))
        return sg_cli_end(cli, err.status, &err);
    return -1;
}

static void print_json_text(const char *s)
{
    (void)putchar('"');
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            (void)putchar('\\');
        if ((unsigned char)*s < 0x20)
            (void)printf("\\u%04x", *s);
        else
            (void)putchar(*s);
    }
    (void)putchar('"');
}

int sg_cli_end(sg_cli *cli, sg_status st, const sg_err *err)
{
    if (cli->bar_open)
        (void)fputc('\n', stderr);
    sg_pool_free(cli->run.pool);
    cli->run.pool = NULL;
    sg_log_set(NULL, NULL);
    if (!st)
        return fflush(stdout) ? SG_EXIT_FAILED : SG_EXIT_OK;
    if (cli->json) {
        (void)printf("{\"error\":{\"status\":\"%s\",\"message\":", sg_status_name(st));
        print_json_text(err->msg);
        (void)printf("}}\n");
    }
    (void)fprintf(stderr, "snpgen %s: %s\n", cli->command, err->msg);
    return SG_EXIT_FAILED;
}
