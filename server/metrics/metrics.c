/* metrics.c - see metrics.h. */
#include "metrics/metrics.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* ---- counters: rare, so a lock and a list ---- */

enum { SERIES = 256, LABELS = 200 };

static struct {
    pthread_mutex_t lock; /* guards the rest */
    int n;
    struct {
        sg_counter counter;
        char labels[LABELS];
        double value;
    } series[SERIES];
} counted = {.lock = PTHREAD_MUTEX_INITIALIZER};

void sg_metrics_add(sg_counter c, const char *labels, double by)
{
    (void)pthread_mutex_lock(&counted.lock);
    int i = 0;
    while (i < counted.n && (counted.series[i].counter != c || strcmp(counted.series[i].labels, labels) != 0))
        i++;
    if (i == SERIES) /* the last one takes what no longer fits */
        i = SERIES - 1;
    if (i == counted.n) {
        const bool last = i == SERIES - 1 || strlen(labels) >= LABELS;
        counted.series[i].counter = c;
        (void)snprintf(counted.series[i].labels, LABELS, "%s", last ? "overflow=\"true\"" : labels);
        counted.n++;
    }
    counted.series[i].value += by;
    (void)pthread_mutex_unlock(&counted.lock);
}

/* ---- requests: many, so atomics ---- */

static const double bound[] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10};
enum { N_BOUND = sizeof bound / sizeof *bound, OPERATIONS = 128, CLASSES = 6 };

typedef struct operation {
    _Atomic(const char *) pattern; /* set last: whoever sees it sees the method too */
    const char *method;
    atomic_llong bucket[N_BOUND + 1], count, micros, by_class[CLASSES];
} operation;

static operation seen[OPERATIONS];
static pthread_mutex_t seen_lock = PTHREAD_MUTEX_INITIALIZER; /* guards adding to `seen` */

static operation *find(const char *method, const char *pattern)
{
    for (int i = 0; i < OPERATIONS; i++) {
        const char *p = atomic_load_explicit(&seen[i].pattern, memory_order_acquire);
        if (!p)
            return NULL;
        if (!strcmp(p, pattern) && !strcmp(seen[i].method, method))
            return &seen[i];
    }
    return &seen[OPERATIONS - 1];
}

static operation *add(const char *method, const char *pattern)
{
    (void)pthread_mutex_lock(&seen_lock);
    operation *o = find(method, pattern);
    for (int i = 0; !o; i++)
        if (!atomic_load(&seen[i].pattern)) {
            o = &seen[i];
            o->method = method;
            atomic_store_explicit(&o->pattern, pattern, memory_order_release);
        }
    (void)pthread_mutex_unlock(&seen_lock);
    return o;
}

void sg_metrics_request(const char *method, const char *pattern, int status, double seconds)
{
    if (!pattern)
        pattern = "none";
    operation *o = find(method, pattern);
    if (!o)
        o = add(method, pattern);
    int i = 0;
    while (i < (int)N_BOUND && seconds > bound[i])
        i++;
    atomic_fetch_add_explicit(&o->bucket[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&o->count, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&o->micros, (long long)(seconds * 1e6), memory_order_relaxed);
    atomic_fetch_add_explicit(&o->by_class[status >= 100 && status < 600 ? status / 100 : 0], 1, memory_order_relaxed);
}

/* ---- text ---- */

sg_status sg_metrics_label(sg_buf *b, const char *name, const char *value, sg_err *err)
{
    SG_TRY(sg_buf_printf(b, err, "%s%s=\"", b->n ? "," : "", name));
    for (; *value; value++) {
        if (*value == '\n')
            SG_TRY(sg_buf_add(b, "\\n", 2, err));
        else
            SG_TRY(sg_buf_printf(b, err, *value == '"' || *value == '\\' ? "\\%c" : "%c", *value));
    }
    return sg_buf_add(b, "\"", 1, err);
}

static sg_status head(sg_buf *b, const char *name, const char *help, const char *type, sg_err *err)
{
    return sg_buf_printf(b, err, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static sg_status sample(sg_buf *b, const char *name, const char *labels, double value, sg_err *err)
{
    return *labels ? sg_buf_printf(b, err, "%s{%s} %.17g\n", name, labels, value)
                   : sg_buf_printf(b, err, "%s %.17g\n", name, value);
}

sg_status sg_metrics_gauge(sg_buf *b, const char *name, const char *help, const char *labels, double value, sg_err *err)
{
    if (help)
        SG_TRY(head(b, name, help, "gauge", err));
    return sample(b, name, labels, value, err);
}

static sg_status print_counters(sg_buf *b, sg_err *err)
{
    static const struct {
        const char *name, *help;
    } of[] = {
#define X(id, name, help) {name, help},
        SG_COUNTERS(X)
#undef X
    };
    sg_status st = SG_OK;
    (void)pthread_mutex_lock(&counted.lock);
    for (int c = 0; !st && c < SG_N_COUNTER; c++) {
        st = head(b, of[c].name, of[c].help, "counter", err);
        for (int i = 0; !st && i < counted.n; i++)
            if ((int)counted.series[i].counter == c)
                st = sample(b, of[c].name, counted.series[i].labels, counted.series[i].value, err);
    }
    (void)pthread_mutex_unlock(&counted.lock);
    return st;
}

static sg_status print_times(sg_buf *b, const operation *o, const char *pattern, sg_err *err)
{
    static const char name[] = "snpgen_http_request_seconds";
    long long below = 0;
    for (int i = 0; i <= (int)N_BOUND; i++) {
        char le[32] = "+Inf";
        below += atomic_load(&o->bucket[i]);
        if (i < (int)N_BOUND)
            (void)snprintf(le, sizeof le, "%g", bound[i]);
        SG_TRY(sg_buf_printf(b, err, "%s_bucket{method=\"%s\",route=\"%s\",le=\"%s\"} %lld\n", name, o->method, pattern,
                             le, below));
    }
    SG_TRY(sg_buf_printf(b, err, "%s_sum{method=\"%s\",route=\"%s\"} %.6f\n", name, o->method, pattern,
                         (double)atomic_load(&o->micros) / 1e6));
    return sg_buf_printf(b, err, "%s_count{method=\"%s\",route=\"%s\"} %lld\n", name, o->method, pattern, below);
}

sg_status sg_metrics_print(sg_buf *b, sg_err *err)
{
    static const char *const word[CLASSES] = {"gone", "1xx", "2xx", "3xx", "4xx", "5xx"};
    const char *p;
    SG_TRY(print_counters(b, err));
    SG_TRY(head(b, "snpgen_http_request_seconds", "time from the request line to the last byte out", "histogram", err));
    for (int i = 0; i < OPERATIONS && (p = atomic_load(&seen[i].pattern)); i++)
        SG_TRY(print_times(b, &seen[i], p, err));
    SG_TRY(head(b, "snpgen_http_requests_total", "requests answered, by class of status", "counter", err));
    for (int i = 0; i < OPERATIONS && (p = atomic_load(&seen[i].pattern)); i++)
        for (int k = 0; k < CLASSES; k++) {
            const long long n = atomic_load(&seen[i].by_class[k]);
            if (n)
                SG_TRY(sg_buf_printf(b, err,
                                     "snpgen_http_requests_total{method=\"%s\",route=\"%s\",status=\"%s\"} %lld\n",
                                     seen[i].method, p, word[k], n));
        }
    return SG_OK;
}
