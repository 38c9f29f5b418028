/* config.h - what snpgend is told at start: one table of keys, read once into one const struct.
 *
 * Shape:   SG_CONFIG_KEYS lists section, key, field, default, bounds, unit and meaning; config.example.toml is printed
 *          from it, a test compares the two.
 * Units:   in the table.
 * Owner:   sg_config is a plain value; nothing to free.
 * Threads: const after sg_config_load.
 * Not here: TOML (toml_shim), acting on any value.
 */
#ifndef SG_SERVER_CONFIG_CONFIG_H
#define SG_SERVER_CONFIG_CONFIG_H

#include "base/file.h"

enum { SG_CONFIG_TEXT = 512, SG_CONFIG_MODELS = 64, SG_CONFIG_ID = 64 };

/* INT(section, key, field, default, min, max, unit, meaning)  TEXT(section, key, field, default, meaning)
 * FLAG(section, key, field, default, meaning). Keys of one section stand together. */
#define SG_CONFIG_KEYS(INT, TEXT, FLAG)                                                                                \
    TEXT("http", "listen", http_listen, "127.0.0.1", "address to listen on; put a TLS proxy in front of it")           \
    INT("http", "port", http_port, 8080, 0, 65535, "port", "0 lets the kernel choose; see <data.dir>/http.port")       \
    INT("http", "threads", http_threads, 2, 1, 64, "threads", "each serves many connections")                          \
    INT("http", "connections_max", http_connections_max, 512, 4, 100000, "connections", "in all")                      \
    INT("http", "connections_per_address_max", http_per_address_max, 128, 1, 100000, "connections",                    \
        "behind a proxy every client has the proxy's address")                                                         \
    INT("http", "idle_timeout_s", http_idle_s, 30, 1, 3600, "seconds", "between requests of a kept connection")        \
    INT("http", "request_timeout_s", http_request_s, 20, 1, 3600, "seconds", "for all of a request to arrive")         \
    INT("http", "response_timeout_s", http_response_s, 3600, 1, 86400, "seconds", "for all of a response to be read")  \
    INT("http", "url_max", http_url_max, 2048, 256, 8192, "bytes", "longer request targets are 414")                   \
    INT("http", "header_max", http_header_max, 16384, 1024, 32768, "bytes", "of all header lines; more is 431")        \
    INT("http", "body_max", http_body_max, 65536, 1024, 1048576, "bytes", "of a request; more is 413")                 \
    TEXT("data", "dir", data_dir, "/var/lib/snpgen", "folder of the database, the quarantine and the releases")        \
    TEXT("models", "key_file", key_file, "/etc/snpgen/reference.key",                                                  \
         "opens the sealed reference panels; read by the worker alone")                                                \
    TEXT("models", "policy", policy_file, "",                                                                          \
         "JSON file of limits for the release checks; empty: the built-in ones; read by the worker alone")             \
    INT("jobs", "people_max", people_max, 100000, 1, 10000000, "people", "in one cohort")                              \
    INT("jobs", "queue_max", queue_max, 64, 1, 100000, "jobs", "waiting; further ones are 429")                        \
    INT("jobs", "per_key_max", per_key_max, 16, 1, 100000, "jobs", "waiting or running for one key; more are 429")     \
    INT("jobs", "deadline_s", deadline_s, 3600, 1, 604800, "seconds", "a job running longer fails")                    \
    INT("jobs", "attempts_max", attempts_max, 3, 1, 1000, "attempts", "a job whose worker died this often fails")      \
    INT("jobs", "idempotency_h", idempotency_h, 24, 1, 720, "hours", "an Idempotency-Key is remembered")               \
    TEXT("worker", "program", worker_program, "", "path of snpgend-worker; empty: beside snpgend")                     \
    INT("worker", "threads", worker_threads, 0, 0, 1024, "threads", "0: one per core")                                 \
    INT("worker", "memory_mib", worker_memory_mib, 65536, 64, 16777216, "MiB",                                         \
        "of addresses for one cohort's scratch")                                                                       \
    INT("worker", "start_timeout_s", worker_start_s, 120, 1, 3600, "seconds", "to open every model")                   \
    INT("worker", "cancel_grace_s", cancel_grace_s, 15, 1, 600, "seconds", "to stop when asked to; then killed")       \
    FLAG("sandbox", "required", sandbox_required, false, "refuse to start where the kernel offers no Landlock")        \
    TEXT("log", "level", log_level, "info", "debug, info, warn or error")

typedef struct sg_config_model {
    char id[SG_CONFIG_ID];     /* "" : the card's own */
    char path[SG_CONFIG_TEXT]; /* of the bundle folder */
} sg_config_model;

typedef struct sg_config {
#define INT(section, key, field, value, min, max, unit, meaning) int64_t field;
#define TEXT(section, key, field, value, meaning) char field[SG_CONFIG_TEXT];
#define FLAG(section, key, field, value, meaning) bool field;
    SG_CONFIG_KEYS(INT, TEXT, FLAG)
#undef INT
#undef TEXT
#undef FLAG
    int n_model;
    sg_config_model model[SG_CONFIG_MODELS];
} sg_config;

sg_config sg_config_default(void);

/* FORMAT: no TOML, an unknown key, a wrong type; LIMIT: out of bounds. Messages: "<name> line 12: http.port is 70000,
 * want 0..65535". Relative paths are taken as they are (from the working directory). */
sg_status sg_config_parse(const char *name, const char *toml, size_t n, sg_config *out, sg_err *err) SG_MUST_USE;
/* The same from a file: also NOT_FOUND, IO. */
sg_status sg_config_load(const char *path, sg_config *out, sg_err *err) SG_MUST_USE;

/* config.example.toml, made from the table. */
sg_status sg_config_example(sg_buf *b, sg_err *err) SG_MUST_USE;

#endif
