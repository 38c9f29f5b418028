/* qualify.c - snpgen qualify: attacks a model's weights, audits what it makes, and keeps the record in its card. */
#include "base/clock.h"
#include "cli/cli.h"
#include "nn/backend.h"
#include "qualify/qualify.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct request {
    const char *model, *key, *policy, *backend;
    int64_t people, pool, draws;
    bool dry;
} request;

static const char *shown(char out[32], const json_t *x)
{
    if (json_is_number(x))
        (void)snprintf(out, 32, "%.4g", json_number_value(x));
    else
        (void)strcpy(out, "-");
    return out;
}

static sg_status print_record(const char *text, sg_err *err)
{
    json_error_t e;
    json_t *root = json_loads(text, 0, &e);
    if (!root)
        return sg_fail(err, SG_INTERNAL, "the record is not JSON: %s", e.text);
    (void)printf("  %-34s %-9s %10s  %10s %10s %8s  %s\n", "check", "status", "estimate", "low", "high", "limit",
                 "rows / compared with");
    size_t i;
    const json_t *c;
    json_array_foreach(json_object_get(root, "checks"), i, c)
    {
        char est[32], lo[32], hi[32], limit[32];
        (void)printf("  %-34s %-9s %10s  %10s %10s %8s  %lld / %lld%s\n", json_string_value(json_object_get(c, "name")),
                     json_string_value(json_object_get(c, "status")), shown(est, json_object_get(c, "estimate")),
                     shown(lo, json_object_get(c, "low")), shown(hi, json_object_get(c, "high")),
                     shown(limit, json_object_get(c, "limit")), (long long)json_integer_value(json_object_get(c, "n")),
                     (long long)json_integer_value(json_object_get(c, "n_reference")),
                     json_is_true(json_object_get(c, "unpowered")) ? "  too little power" : "");
    }
    const char *reason = json_string_value(json_object_get(root, "reason"));
    const char *words = reason && *reason ? sg_reason_words(reason) : NULL;
    (void)printf("\n%s%s%s", json_string_value(json_object_get(root, "outcome")), words ? ": " : "",
                 words ? words : "");
    if (!words)
        (void)printf("; holds until %.10s", json_string_value(json_object_get(root, "expires")));
    (void)printf("\n");
    json_decref(root);
    return SG_OK;
}

static sg_status qualify(const request *q, sg_cli *cli, sg_arena *a, sg_outcome *outcome, sg_err *err)
{
    sg_policy policy = sg_policy_default();
    sg_model *m = NULL;
    sg_reference ref;
    uint8_t key[SG_KEY_BYTES];
    sg_buf record, sealed;
    if (q->policy)
        SG_TRY(sg_policy_load(q->policy, &policy, err));
    SG_TRY(sg_backend_choose(q->backend, NULL, err));
    SG_TRY(sg_key_load(q->key, key, err));
    sg_buf_init(&record, (size_t)4 << 20);
    sg_buf_init(&sealed, (size_t)4 << 20);
    const sg_qualify_options o = {(uint64_t)cli->seed, q->people, q->pool, (int)q->draws};
    sg_status st = sg_model_open(q->model, &m, err);
    if (!st)
        st = sg_reference_open(q->model, &m->card, key, a, &ref, err);
    if (!st)
        st = sg_qualify_run(m, &ref, &policy, &o, sg_clock_wall_ms(), &cli->run, &record, outcome, err);
    if (!st)
        st = sg_qualify_seal((const char *)record.data, key, &sealed, err);
    if (!st && !q->dry)
        st = sg_model_qualify(q->model, m, (const char *)sealed.data, err);
    if (!st && cli->json)
        (void)printf("%s\n", (const char *)sealed.data);
    else if (!st)
        st = print_record((const char *)sealed.data, err);
    explicit_bzero(key, sizeof key);
    sg_buf_clear(&record);
    sg_buf_clear(&sealed);
    sg_model_close(m);
    return st;
}

int sg_cmd_qualify(int argc, char **argv)
{
    const sg_qualify_options usual = sg_qualify_defaults();
    request q = {.people = usual.people, .draws = usual.draws};
    const sg_opt opts[] = {
        {"model", SG_OPT_TEXT, &q.model, 0, 0, "DIR", "model bundle; its card receives the record", true},
        {"key", SG_OPT_TEXT, &q.key, 0, 0, "FILE", "key of the model's sealed people", true},
        {"policy", SG_OPT_TEXT, &q.policy, 0, 0, "FILE", "limits: the policy the model is to be served with", false},
        {"people", SG_OPT_INT, &q.people, 20, 1e6, "N", "members, and others, whose losses are attacked at most",
         false},
        {"draws", SG_OPT_INT, &q.draws, 1, 64, "N", "noise draws per level and person", false},
        {"pool", SG_OPT_INT, &q.pool, 0, 1e8, "N",
         "people generated and looked through; 0: as many as the policy asks for", false},
        {"backend", SG_OPT_TEXT, &q.backend, 0, 0, "NAME", "auto, panels, onednn or openblas; else the fastest", false},
        {"dry-run", SG_OPT_FLAG, &q.dry, 0, 0, NULL, "leave the card as it is", false},
    };
    sg_cli cli;
    const int code = sg_cli_begin(
        &cli, "qualify",
        "--model DIR --key FILE [--policy FILE]\n\nMay this model be served? Attacks its weights, audits what it "
        "makes, "
        "and writes the sealed record into its card.\nExit code 3 when it did not pass. The numbers are for the data's "
        "steward.",
        opts, sizeof opts / sizeof *opts, argc, argv);
    if (code >= 0)
        return code;
    sg_err err = {0};
    sg_arena a = {0};
    sg_outcome outcome = SG_OUTCOME_WITHHOLD;
    sg_status st = sg_arena_init(&a, (size_t)cli.memory_mib << 20, &err);
    if (!st)
        st = qualify(&q, &cli, &a, &outcome, &err);
    sg_arena_clear(&a);
    const int done = sg_cli_end(&cli, st, &err);
    return done == SG_EXIT_OK && outcome != SG_OUTCOME_PASS ? SG_EXIT_WITHHELD : done;
}
