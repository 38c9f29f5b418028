/* config.h - what snpgend is told at start: one table of keys, read once into one const struct.
 *
 * Shape:   SG_CONFIG_KEYS lists section, key, field, default, bounds, unit and meaning; config.example.toml is printed
 *          from it, a test compares the two.
 * Units:   in the table.
 * Owner:   sg_config is a plain value; nothing to free.
 * Threads: const after sg_config_load.
 * Not here: TOML (core/toml), acting on any value.
 */
#ifndef SG_SERVER_CONFIG_CONFIG_H
#define SG_SERVER_CONFIG_CONFIG_H

#include "base/file.h"

enum { SG_CONFIG_TEXT = 512, SG_CONFIG_MODELS = 64, SG_CONFIG_PROCESSES = 16, SG_CONFIG_ID = 64 };

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
    INT("http", "wait_max_s", http_wait_max_s, 60, 1, 3600, "seconds", "the most that Prefer: wait=N waits")           \
    INT("http", "streams_max", http_streams_max, 256, 1, 100000, "streams", "of events, in all; more are 429")         \
    INT("http", "streams_per_owner_max", http_streams_owner, 16, 1, 100000, "streams", "of one owner; more are 429")   \
    INT("http", "stream_s", http_stream_s, 3600, 5, 86400, "seconds", "then a stream ends and its client comes back")  \
    INT("http", "heartbeat_s", http_heartbeat_s, 15, 1, 3600, "seconds", "a stream with nothing to tell says so")      \
    INT("http", "events_h", http_events_h, 72, 1, 8760, "hours", "how far back a stream can be resumed")               \
    TEXT("admin", "listen", admin_listen, "127.0.0.1", "address of the admin listener: /metrics and the probes")       \
    INT("admin", "port", admin_port, 0, 0, 65535, "port", "0: no admin listener")                                      \
    TEXT("data", "dir", data_dir, "/var/lib/snpgen", "folder of the database, the quarantine and the releases")        \
    TEXT("models", "key_file", key_file, "/etc/snpgen/reference.key",                                                  \
         "opens the sealed reference panels; read by the worker alone")                                                \
    TEXT("models", "policy", policy_file, "",                                                                          \
         "TOML file of limits for the release checks; empty: the built-in ones; read by the worker alone")             \
    INT("jobs", "people_max", people_max, 100000, 1, 10000000, "people", "in one cohort")                              \
    INT("jobs", "queue_max", queue_max, 64, 1, 100000, "jobs", "waiting; further ones are 429")                        \
    INT("jobs", "per_key_max", per_key_max, 16, 1, 100000, "jobs", "waiting or running for one key; more are 429")     \
    INT("jobs", "deadline_s", deadline_s, 3600, 1, 604800, "seconds", "a job running longer fails")                    \
    INT("jobs", "attempts_max", attempts_max, 3, 1, 1000, "attempts", "a job whose worker died this often fails")      \
    INT("jobs", "idempotency_h", idempotency_h, 24, 1, 720, "hours", "an Idempotency-Key is remembered")               \
    INT("jobs", "retention_h", retention_h, 0, 0, 876000, "hours",                                                     \
        "released files are kept so long after their release, then deleted and the job is expired; 0: for ever")       \
    INT("jobs", "people_per_day", people_day, 1000000, 1, 1000000000000, "people",                                     \
        "accepted for one owner in a day (UTC); a key may say otherwise; more are 429")                                \
    INT("jobs", "people_per_day_per_model", people_day_model, 1000000, 1, 1000000000000, "people",                     \
        "likewise, of one model")                                                                                      \
    TEXT("worker", "program", worker_program, "", "path of snpgend-worker; empty: beside snpgend")                     \
    TEXT("worker", "backend", worker_backend, "auto", "what computes: auto, panels, onednn or openblas")               \
    TEXT("worker", "precision", worker_precision, "float32",                                                           \
         "of products: float32, or bfloat16 where the processor has it; part of what decides a cohort's bytes")        \
    INT("worker", "processes", worker_processes, 2, 1, 16, "processes",                                                \
        "each with the models in memory and one job; of one model's cohorts one at a time is judged")                  \
    INT("worker", "small_people", worker_small, 1000, 1, 10000000, "people",                                           \
        "the last of several processes takes only jobs of at most so many, which so do not wait for large ones")       \
    INT("worker", "threads", worker_threads, 0, 0, 1024, "threads", "0: one per core")                                 \
    INT("worker", "memory_mib", worker_memory_mib, 65536, 64, 16777216, "MiB",                                         \
        "of addresses for one cohort's scratch")                                                                       \
    INT("worker", "start_timeout_s", worker_start_s, 120, 1, 3600, "seconds", "to open every model")                   \
    INT("worker", "cancel_grace_s", cancel_grace_s, 15, 1, 600, "seconds", "to stop when asked to; then killed")       \
    TEXT("release", "signing_key", signing_key, "",                                                                    \
         "Ed25519 private key in PEM that signs manifests and audit checkpoints; empty: <data.dir>/signing.key, made " \
         "at the first start")                                                                                         \
    TEXT("audit", "origin", audit_origin, "localhost/snpgen",                                                          \
         "the audit log's name in its checkpoints: a host and path of yours, the same for ever")                       \
    TEXT("service", "id", service_id, "localhost.snpgen", "of GET /service-info: your host name backwards")            \
    TEXT("service", "url", service_url, "",                                                                            \
         "what clients call this service, like https://snpgen.example.org; no / at its end")                           \
    TEXT("service", "organization", service_org, "unnamed", "who runs it")                                             \
    TEXT("service", "organization_url", service_org_url, "https://example.org", "their page")                          \
    TEXT("service", "contact_url", service_contact, "", "where to ask for access: a mailto: or https: address")        \
    TEXT("service", "environment", service_environment, "test", "prod, test, dev or staging")                          \
    TEXT("webhooks", "hosts", webhook_hosts, "",                                                                       \
         "hosts that callback_url may name, like \"portal.example.org hooks.example.org:8443\"; empty: none")          \
    FLAG("webhooks", "http", webhook_http, false, "also without TLS")                                                  \
    TEXT("webhooks", "networks", webhook_networks, "",                                                                 \
         "private networks that may be called, like \"10.1.0.0/16\"; others are refused after the name is resolved")   \
    TEXT("webhooks", "secret_file", webhook_secret, "",                                                                \
         "file with whsec_ and the base64 of 24..64 bytes: calls are signed with it too (v1), beside Ed25519 (v1a)")   \
    INT("webhooks", "timeout_s", webhook_timeout_s, 10, 1, 60, "seconds", "for one call")                              \
    INT("webhooks", "attempts_max", webhook_attempts, 10, 1, 100, "attempts", "then a call is given up")               \
    INT("webhooks", "retry_s", webhook_retry_s, 5, 1, 3600, "seconds",                                                 \
        "until the second attempt; four times longer for each further one, at most a day")                             \
    TEXT("jwt", "issuer", jwt_issuer, "", "whose tokens are taken beside keys (claim iss); empty: nobody's")           \
    TEXT("jwt", "audience", jwt_audience, "", "what tokens must be meant for (claim aud)")                             \
    TEXT("jwt", "jwks_url", jwt_jwks_url, "", "where the issuer publishes its keys; https, or http on this machine")   \
    TEXT("jwt", "jwks_file", jwt_jwks_file, "", "or the file they lie in, in a folder without secrets")                \
    INT("jwt", "refresh_s", jwt_refresh_s, 300, 1, 86400, "seconds", "until the keys are read anew")                   \
    INT("jwt", "leeway_s", jwt_leeway_s, 30, 0, 300, "seconds", "that clocks may differ")                              \
    TEXT("jwt", "owner_claim", jwt_owner_claim, "sub", "who owns what a token's bearer makes")                         \
    TEXT("jwt", "scope_claim", jwt_scope_claim, "scope", "where scopes stand: words, or a list")                       \
    TEXT("jwt", "scopes_max", jwt_scopes, "jobs:create jobs:read models:read", "the most that a token can give")       \
    INT("auth", "failures_free", auth_failures_free, 20, 1, 1000000, "failures",                                       \
        "in a minute from one address, before answers to bad keys are put off, longer each time")                      \
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

enum { SG_CONFIG_PATH = SG_CONFIG_TEXT + 32 };

/* The file of the signing key: release.signing_key, or its place in the data folder. */
void sg_config_signing_key(const sg_config *c, char out[SG_CONFIG_PATH]);

/* Appends ", section.key" for every key of the table on which a and b differ (models are not in the table). */
sg_status sg_config_changes(const sg_config *a, const sg_config *b, sg_buf *names, sg_err *err) SG_MUST_USE;
bool sg_config_same_models(const sg_config *a, const sg_config *b);

/* config.example.toml, made from the table. */
sg_status sg_config_example(sg_buf *b, sg_err *err) SG_MUST_USE;

#endif
