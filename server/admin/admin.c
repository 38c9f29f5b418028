/* admin.c - the command line of `snpgend admin`; see admin.h. */
#include "admin/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: snpgend admin COMMAND --config FILE [options]\n"
    "  key create --owner NAME [--scope \"jobs:create jobs:read ...\"] [--expires 2027-01-31 or 90d]\n"
    "                             prints the key once; it is not stored and cannot be shown again\n"
    "  key list                   every key: id, owner, scopes, times\n"
    "  key revoke ID              at once and for good\n"
    "  job recall ID --reason TEXT\n"
    "                             takes a release back: its files go at once; its owner and the audit log are told why\n"
    "  db version                 schema of the database, and the newest this program knows\n"
    "  db migrate                 brings the schema up to date (starting the daemon does it too)\n"
    "  db backup --to DIR         database, audit checkpoint, signing key and releases into an empty folder; the "
    "daemon may run\n"
    "  db restore --from DIR      from such a folder into an empty data folder; looked over before it counts\n"
    "  audit export               every audit row as one JSON line, oldest first\n"
    "  audit verify [--checkpoint FILE]  recomputes the whole log; exit 1 and the first bad entry when it is broken.\n"
    "                             FILE: a checkpoint kept elsewhere, which the log must still begin with\n"
    "  audit checkpoint           a signed checkpoint of the log as it is now; keep copies elsewhere\n"
    "  audit erase --owner NAME   forgets who NAME was in every entry; hashes and proofs stay valid\n"
    "  --json prints answers as JSON\n";

typedef struct arguments {
    char command[64];
    const char *config, *owner, *scope, *expires, *checkpoint, *to, *from, *id, *reason;
    bool json, help;
} arguments;

static bool read_arguments(int argc, char **argv, arguments *a)
{
    *a = (arguments){.owner = "", .scope = "", .expires = "", .checkpoint = "", .to = "", .from = "", .id = "", .reason = ""};
    struct {
        const char *name, **to;
    } option[] = {{"--config", &a->config},   {"--owner", &a->owner},           {"--scope", &a->scope},
                  {"--expires", &a->expires}, {"--checkpoint", &a->checkpoint}, {"--to", &a->to},
                  {"--from", &a->from},       {"--reason", &a->reason}};
    int words = 0;
    for (int i = 0; i < argc; i++) {
        bool taken = !strcmp(argv[i], "--json") || !strcmp(argv[i], "--help");
        a->json |= !strcmp(argv[i], "--json");
        a->help |= !strcmp(argv[i], "--help");
        for (size_t k = 0; !taken && k < sizeof option / sizeof option[0]; k++) {
            const size_t n = strlen(option[k].name);
            if (!strncmp(argv[i], option[k].name, n) && argv[i][n] == '=') {
                *option[k].to = argv[i] + n + 1;
                taken = true;
            } else if (!strcmp(argv[i], option[k].name) && i + 1 < argc) {
                *option[k].to = argv[++i];
                taken = true;
            }
        }
        if (taken)
            continue;
        if (argv[i][0] == '-' || words == 3) {
            (void)fprintf(stderr, "snpgend admin: \"%s\" is not understood\n", argv[i]);
            return false;
        }
        if (words++ == 2)
            a->id = argv[i];
        else
            (void)snprintf(a->command + strlen(a->command), sizeof a->command - strlen(a->command), "%s%.30s",
                           words == 2 ? " " : "", argv[i]);
    }
    return a->help || (words >= 2 && a->config);
}

/* What is done before the daemon's first start is in the log too, so the log's key and first checkpoint are made here. */
static sg_status run_here(const sg_config *c, sg_store *store, const json_t *request, json_t **answer, sg_err *err)
{
    char path[SG_CONFIG_PATH];
    int64_t n;
    bool made;
    sg_signer *key = NULL;
    sg_config_signing_key(c, path);
    SG_TRY(sg_store_audit_size(store, &n, err));
    sg_status st = sg_audit_key(path, n == 0 && !*c->signing_key, &made, &key, err);
    if (st && (st != SG_NOT_FOUND || n == 0))
        return st;
    const sg_audit_seal seal = {key, c->audit_origin};
    st = key ? sg_audit_begin(store, &seal, c->data_dir, err) : SG_OK;
    if (!st)
        *answer = sg_admin_run(c, store, key ? &seal : NULL, request);
    sg_signer_free(key);
    return st;
}

/* Through the daemon when one runs, else with the database opened here. */
static sg_status ask(const sg_config *c, const json_t *request, json_t **answer, sg_err *err)
{
    int lock;
    sg_store *store;
    sg_status st = sg_dir_make(c->data_dir, 0700, err);
    if (!st)
        st = sg_admin_lock(c->data_dir, &lock, err);
    if (st == SG_STATE)
        return sg_control_ask(c->data_dir, request, answer, err);
    if (st)
        return st;
    st = sg_store_open(c->data_dir, &store, err);
    if (!st) {
        st = run_here(c, store, request, answer, err);
        sg_store_close(store);
    }
    (void)close(lock);
    return st;
}

static void print_keys(const json_t *keys)
{
    size_t i;
    const json_t *k;
    (void)printf("%-13s %-20s %-11s %-11s %-11s %s\n", "id", "owner", "created", "expires", "state", "scopes");
    json_array_foreach((json_t *)(uintptr_t)keys, i, k)
    {
        const char *expires = json_string_value(json_object_get(k, "expires"));
        (void)printf("%-13s %-20s %-11.10s %-11.10s %-11s %s\n", json_string_value(json_object_get(k, "id")),
                     json_string_value(json_object_get(k, "owner")), json_string_value(json_object_get(k, "created")),
                     expires ? expires : "never", json_is_null(json_object_get(k, "revoked")) ? "valid" : "revoked",
                     json_string_value(json_object_get(k, "scopes")));
    }
}

static void print(const arguments *a, const json_t *answer)
{
    const json_t *rows = json_object_get(answer, "rows");
    if (a->json) {
        (void)json_dumpf(answer, stdout, JSON_COMPACT);
        (void)putchar('\n');
    } else if (!strcmp(a->command, "key create")) {
        (void)printf("%s\n", json_string_value(json_object_get(answer, "key")));
        (void)fprintf(stderr, "key %s for %s (%s); this is the only time it is shown\n",
                      json_string_value(json_object_get(answer, "id")),
                      json_string_value(json_object_get(answer, "owner")),
                      json_string_value(json_object_get(answer, "scopes")));
    } else if (!strcmp(a->command, "key list")) {
        print_keys(json_object_get(answer, "keys"));
    } else if (!strncmp(a->command, "db", 2)) {
        (void)printf("schema version %lld\n", (long long)json_integer_value(json_object_get(answer, "version")));
    } else if (!strcmp(a->command, "audit verify")) {
        (void)printf("audit: %lld entries, the log is whole\n", (long long)json_integer_value(rows));
    } else if (!strcmp(a->command, "audit checkpoint")) {
        (void)fputs(json_string_value(json_object_get(answer, "checkpoint")), stdout);
    } else if (!strcmp(a->command, "audit erase")) {
        (void)printf("erased in %lld entries\n", (long long)json_integer_value(rows));
    } else {
        (void)puts("ok");
    }
}

/* Page by page, so that no message grows with the log. */
static sg_status export_all(const sg_config *c, sg_err *err)
{
    json_int_t after = 0;
    for (size_t n = 1; n > 0;) {
        json_t *answer = NULL, *q = json_pack("{s:s,s:I}", "command", "audit export", "after", after);
        const sg_status st = ask(c, q, &answer, err);
        json_decref(q);
        if (st)
            return st;
        const json_t *rows = json_object_get(answer, "rows"), *r;
        size_t i;
        n = json_array_size(rows);
        json_array_foreach((json_t *)(uintptr_t)rows, i, r)
        {
            (void)json_dumpf(r, stdout, JSON_COMPACT);
            (void)putchar('\n');
            after = json_integer_value(json_object_get(r, "seq"));
        }
        json_decref(answer);
    }
    return SG_OK;
}

/* A version is asked of the file as it is: opening it the usual way would migrate it first. */
static sg_status db_version(const sg_config *c, int *version, sg_err *err)
{
    int lock;
    sg_status st = sg_admin_lock(c->data_dir, &lock, err);
    if (st == SG_STATE) {
        *version = sg_store_newest(); /* the daemon that runs has migrated */
        return SG_OK;
    }
    if (!st) {
        st = sg_store_version(c->data_dir, version, err);
        (void)close(lock);
    }
    return st;
}

static sg_status run(const arguments *a, sg_err *err)
{
    sg_config c;
    SG_TRY(sg_config_load(a->config, &c, err));
    if (!strcmp(a->command, "audit export"))
        return export_all(&c, err);
    json_t *answer = NULL;
    if (!strcmp(a->command, "db backup"))
        return sg_admin_backup(&c, ask, a->to, err);
    if (!strcmp(a->command, "db restore")) {
        int64_t entries = 0;
        SG_TRY(sg_admin_restore(&c, a->from, &entries, err));
        (void)printf("restored; the audit log is whole with %lld entries\n", (long long)entries);
        return SG_OK;
    }
    if (!strcmp(a->command, "db version")) {
        int version;
        SG_TRY(db_version(&c, &version, err));
        answer = json_pack("{s:i,s:i}", "version", version, "newest", sg_store_newest());
        print(a, answer);
        json_decref(answer);
        return SG_OK;
    }
    sg_buf note = {0};
    sg_status st = *a->checkpoint ? sg_file_read(a->checkpoint, SG_NOTE_MAX, &note, err) : SG_OK;
    json_t *q =
        json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s%}", "command", a->command, "owner", a->owner, "scope", a->scope, "expires",
                  a->expires, "id", a->id, "reason", a->reason, "checkpoint", note.data ? (const char *)note.data : "", note.n);
    sg_buf_clear(&note);
    if (!st && !q)
        st = sg_fail(err, SG_FORMAT, "not UTF-8: a word of the command, or %s", *a->checkpoint ? a->checkpoint : "its reason");
    if (!st)
        st = ask(&c, q, &answer, err);
    json_decref(q);
    const char *wrong = json_string_value(json_object_get(answer, "error"));
    if (!st && wrong)
        st = sg_fail(err, SG_STATE, "%s", wrong);
    if (!st)
        print(a, answer);
    json_decref(answer);
    return st;
}

int sg_admin_main(int argc, char **argv)
{
    arguments a;
    sg_err err = {0};
    if (!read_arguments(argc, argv, &a)) {
        (void)fputs(usage, stderr);
        return 2;
    }
    if (a.help) {
        (void)fputs(usage, stdout);
        return 0;
    }
    if (run(&a, &err) == SG_OK)
        return 0;
    (void)fprintf(stderr, "snpgend admin %s: %s\n", a.command, err.msg);
    return 1;
}
