/* metrics.c - GET /metrics of the admin listener. */
#include "metrics/metrics.h"
#include "base/clock.h"
#include "routes/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static double resident_bytes(int statm)
{
    char text[128] = "";
    long long pages = 0;
    if (statm < 0 || pread(statm, text, sizeof text - 1, 0) <= 0 || sscanf(text, "%*s %lld", &pages) != 1)
        return 0;
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static double file_bytes(const char *dir, const char *name)
{
    char path[SG_CONFIG_TEXT + 32];
    struct stat s;
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    return stat(path, &s) ? 0 : (double)s.st_size;
}

static sg_status print_queue(const sg_service *s, sg_buf *b, sg_err *err)
{
    static const sg_job_state state[] = {SG_JOB_QUEUED, SG_JOB_RUNNING, SG_JOB_WITHHELD};
    int64_t n;
    for (size_t i = 0; i < sizeof state / sizeof *state; i++) {
        char labels[64];
        SG_TRY(sg_store_job_count(s->store, state[i], &n, err));
        (void)snprintf(labels, sizeof labels, "state=\"%s\"", sg_job_state_name(state[i]));
        SG_TRY(sg_metrics_gauge(b, "snpgen_jobs", i ? NULL : "jobs in a state that somebody waits for", labels,
                                (double)n, err));
    }
    return SG_OK;
}

static sg_status print_work(const sg_service *s, sg_buf *b, sg_err *err)
{
    sg_progress p = {.stage = ""};
    const char *why;
    int n_model = 0;
    while (sg_jobs_model_at(s->jobs, n_model))
        n_model++;
    double speed = 0, done = 0;
    char id[SG_ID_TEXT], owner[SG_OWNER_TEXT];
    for (int i = 0; i < sg_jobs_lanes(s->jobs); i++) {
        if (!sg_jobs_running(s->jobs, i, id, owner, &p))
            continue;
        speed += p.people_per_second;
        done += (double)p.done;
    }
    SG_TRY(sg_metrics_gauge(b, "snpgen_worker_ready", "1: a worker is alive and has opened its models", "",
                            sg_jobs_ready(s->jobs, &why), err));
    SG_TRY(sg_metrics_gauge(b, "snpgen_models", "models that are open", "", n_model, err));
    SG_TRY(sg_metrics_gauge(b, "snpgen_job_people_per_second", "of the jobs that run, each in its present stage", "",
                            speed, err));
    return sg_metrics_gauge(b, "snpgen_job_people_done", "of the jobs that run, each in its present stage", "", done,
                            err);
}

static sg_status print_process(const sg_service *s, sg_buf *b, sg_err *err)
{
    const char *dir = s->config->data_dir;
    struct rusage used;
    struct statvfs disk;
    (void)getrusage(RUSAGE_SELF, &used);
    SG_TRY(
        sg_metrics_gauge(b, "process_resident_memory_bytes", "of the HTTP process", "", resident_bytes(s->statm), err));
    SG_TRY(sg_metrics_gauge(b, "process_cpu_seconds_total", "of the HTTP process", "",
                            (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                                (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6,
                            err));
    SG_TRY(sg_metrics_gauge(b, "process_start_time_seconds", "since the Unix epoch", "", (double)s->started_ms / 1e3,
                            err));
    SG_TRY(sg_metrics_gauge(b, "snpgen_database_bytes", "database and its write-ahead log", "",
                            file_bytes(dir, "snpgen.db") + file_bytes(dir, "snpgen.db-wal"), err));
    const double left = statvfs(dir, &disk) ? 0 : (double)disk.f_bavail * (double)disk.f_frsize;
    return sg_metrics_gauge(b, "snpgen_data_free_bytes", "left on the disk of data.dir", "", left, err);
}

void sg_route_metrics(void *ctx, const sg_request *q, sg_answer *a)
{
    const sg_service *s = ctx;
    sg_err err = {0};
    int64_t entries = 0;
    sg_status st = sg_metrics_gauge(&a->body, "snpgen_build_info", "1; the version is a label",
                                    "version=\"" SG_VERSION "\"", 1, &err);
    if (!st)
        st = print_queue(s, &a->body, &err);
    if (!st)
        st = print_work(s, &a->body, &err);
    if (!st)
        st = print_process(s, &a->body, &err);
    if (!st)
        st = sg_store_audit_size(s->store, &entries, &err);
    if (!st)
        st = sg_metrics_gauge(&a->body, "snpgen_audit_entries", "in the audit log", "", (double)entries, &err);
    if (!st)
        st = sg_metrics_print(&a->body, &err);
    if (st) {
        sg_answer_error(a, q, st, &err);
        return;
    }
    a->status = 200;
    (void)snprintf(a->type, sizeof a->type, "text/plain; version=0.0.4; charset=utf-8");
}
