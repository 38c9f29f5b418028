/* check.c - snpgen check: the release gate on a cohort that lies in files, with the same code as the service. */
#include "cli/cli.h"
#include "cli/fileset.h"
#include "privacy/privacy.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double number(const json_t *check, const char *name)
{
    const json_t *x = json_object_get(check, name);
    return json_is_number(x) ? json_number_value(x) : (double)NAN;
}

/* "0.5123" or "-" */
static const char *shown(char out[32], double x)
{
    if (isfinite(x))
        (void)snprintf(out, 32, "%.4g", x);
    else
        (void)strcpy(out, "-");
    return out;
}

static void print_check(const json_t *c, const json_t *decided)
{
    char estimate[32], lo[32], hi[32], limit[32], interval[80];
    const json_t *range = json_object_get(c, "interval");
    const bool has = json_array_size(range) == 2;
    (void)snprintf(interval, sizeof interval, "%s to %s",
                   shown(lo, has ? json_number_value(json_array_get(range, 0)) : NAN),
                   shown(hi, has ? json_number_value(json_array_get(range, 1)) : NAN));
    (void)printf("  %-36s %-9s %10s  %-22s %8s  %lld / %lld%s\n", json_string_value(json_object_get(c, "name")),
                 json_string_value(json_object_get(decided, "status")), shown(estimate, number(c, "estimate")),
                 has ? interval : "-", shown(limit, number(decided, "limit")),
                 (long long)json_integer_value(json_object_get(c, "n")),
                 (long long)json_integer_value(json_object_get(c, "n_reference")),
                 json_is_true(json_object_get(decided, "unpowered")) ? "  too little power" : "");
}

static sg_status print_table(const sg_verdict *v, const sg_buf *text, sg_err *err)
{
    json_error_t e;
    json_t *root = json_loadb((const char *)text->data, text->n, 0, &e);
    if (!root)
        return sg_fail(err, SG_INTERNAL, "the verdict is not JSON: %s", e.text);
    (void)printf("  %-36s %-9s %10s  %-22s %8s  %s\n", "check", "status", "estimate", "95 % interval", "limit",
                 "rows / compared with");
    const json_t *checks = json_object_get(json_object_get(root, "measurement"), "checks"),
                 *decided = json_object_get(json_object_get(root, "decision"), "checks");
    for (size_t i = 0; i < json_array_size(checks); i++)
        print_check(json_array_get(checks, i), json_array_get(decided, i));
    json_decref(root);
    const char *reason = sg_verdict_reason(v);
    (void)printf("\n%s", sg_outcome_name(sg_verdict_outcome(v)));
    if (*reason)
        (void)printf(" (%s): %s", reason, sg_reason_words(reason));
    (void)printf("\n");
    return SG_OK;
}

typedef struct request {
    const char *synthetic, *data, *model, *key, *policy;
} request;

/* The real people: from the dataset folder, or from the model's sealed reference; with both, the folder must be the
 * model's. */
static sg_status load_reference(const request *q, sg_arena *a, sg_panel *panel, sg_reference *ref, sg_err *err)
{
    if (!q->data && !q->model)
        return sg_fail(err, SG_LIMIT,
                       "--data or --model is required: without real people there is nothing to judge by");
    sg_dataset d;
    if (q->data) {
        SG_TRY(sg_dataset_load(q->data, a, &d, err));
        SG_TRY(sg_reference_from_dataset(&d, a, ref, err));
        *panel = d.panel;
    }
    if (!q->model)
        return SG_OK;
    sg_model *m;
    SG_TRY(sg_model_open(q->model, &m, err));
    sg_status st = SG_OK;
    if (q->data) {
        if (!sg_digest_equal(&d.digest, &m->card.data))
            st = sg_fail(err, SG_MISMATCH, "%s was not trained on %s: the digests of the data differ", q->model,
                         q->data);
    } else {
        uint8_t key[SG_KEY_BYTES];
        char path[4096];
        (void)snprintf(path, sizeof path, "%s/panel.tsv", q->model);
        st = q->key ? sg_key_load(q->key, key, err)
                    : sg_fail(err, SG_LIMIT, "--key is required to open the reference people of %s", q->model);
        if (!st)
            st = sg_reference_open(q->model, &m->card, key, a, ref, err);
        explicit_bzero(key, sizeof key);
        if (!st)
            st = sg_panel_load(path, a, panel, err);
    }
    sg_model_close(m);
    return st;
}

/* Everybody is named as synthetic, as the service and `snpgen generate` name people. */
static bool named_synthetic(const sg_fam *fam)
{
    for (int64_t i = 0; i < fam->n; i++)
        if (strncmp(fam->row[i].iid, "SYN", 3) != 0)
            return false;
    return true;
}

/* Column 6 of the .fam: 1, 2, ... for labels 0, 1, ...; unknown counts as 0. Labels of the cohort are part of what the
 * verdict is bound to, no check depends on them. */
static int8_t *labels_of(const sg_fam *fam, sg_arena *a)
{
    int8_t *label = SG_NEW(a, int8_t, fam->n);
    for (int64_t i = 0; label && i < fam->n; i++) {
        char *end;
        const long x = strtol(fam->row[i].pheno, &end, 10);
        label[i] = (int8_t)(*end == '\0' && x >= 1 && x <= SG_LABEL_MAX ? x - 1 : 0);
    }
    return label;
}

static sg_status check(const request *q, sg_cli *cli, sg_arena *a, sg_outcome *outcome, sg_err *err)
{
    sg_policy policy = sg_policy_default();
    if (q->policy)
        SG_TRY(sg_policy_load(q->policy, &policy, err));
    sg_panel panel;
    sg_reference ref;
    sg_fileset f;
    SG_TRY(load_reference(q, a, &panel, &ref, err));
    SG_TRY(sg_fileset_load(q->synthetic, &panel, a, &f, err));
    int8_t *label = labels_of(&f.fam, a);
    if (!label)
        return sg_arena_full(a, "labels", err);
    sg_verdict *v;
    const sg_judging j = {.ref = &ref,
                          .cohort = &f.people,
                          .label = label,
                          .made = named_synthetic(&f.fam) ? SG_MADE_DECLARED : SG_MADE_UNKNOWN,
                          .policy = &policy};
    SG_TRY(sg_privacy_judge_all(&j, &cli->run, &v, err));
    *outcome = sg_verdict_outcome(v);
    sg_buf text;
    sg_buf_init(&text, (size_t)1 << 20);
    sg_status st = sg_verdict_json(v, &text, err);
    if (!st && cli->json)
        (void)printf("%s\n", (const char *)text.data);
    else if (!st)
        st = print_table(v, &text, err);
    sg_buf_clear(&text);
    sg_verdict_free(v);
    return st;
}

int sg_cmd_check(int argc, char **argv)
{
    request q = {0};
    const sg_opt opts[] = {
        {"synthetic", SG_OPT_TEXT, &q.synthetic, 0, 0, "PREFIX", "PLINK fileset to be judged", true},
        {"data", SG_OPT_TEXT, &q.data, 0, 0, "DIR", "dataset folder: the real people", false},
        {"model", SG_OPT_TEXT, &q.model, 0, 0, "DIR", "model bundle: its sealed people, or a check that --data is its",
         false},
        {"key", SG_OPT_TEXT, &q.key, 0, 0, "FILE", "key of the model's sealed people", false},
        {"policy", SG_OPT_TEXT, &q.policy, 0, 0, "FILE",
         "limits as a TOML file, where they differ from the usual (deploy/policy-*.toml)", false},
    };
    sg_cli cli;
    const int code = sg_cli_begin(
        &cli, "check",
        "--synthetic PREFIX --data DIR (or --model DIR --key FILE) [--policy FILE]\n\nThe release gate alone: would "
        "this "
        "cohort be released? Exit code 3 when it would be withheld.\nThe numbers it prints are for the data's steward, "
        "not for those who ask for cohorts.",
        opts, sizeof opts / sizeof *opts, argc, argv);
    if (code >= 0)
        return code;
    sg_err err = {0};
    sg_arena a = {0};
    sg_outcome outcome = SG_OUTCOME_WITHHOLD;
    sg_status st = sg_arena_init(&a, (size_t)cli.memory_mib << 20, &err);
    if (!st)
        st = check(&q, &cli, &a, &outcome, &err);
    sg_arena_clear(&a);
    const int done = sg_cli_end(&cli, st, &err);
    return done == SG_EXIT_OK && outcome != SG_OUTCOME_PASS ? SG_EXIT_WITHHELD : done;
}
