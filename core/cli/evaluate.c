/* evaluate.c - snpgen evaluate: how good a model or a cohort is, as JSON and as a page. */
#include "base/rng.h"
#include "cli/cli.h"
#include "cli/fileset.h"
#include "formats/text.h"
#include "report/report.h"
#include "sampler/sampler.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PEOPLE_MAX = 1000000, TRUTH_BYTES = 1 << 24 };

typedef struct request {
    const char *model, *synthetic, *data, *out, *truth, *methods;
    int64_t people;
    bool baselines;
} request;

/* Enough people of every label for both schemes, in an order that the labels do not tell. */
static sg_status from_model(const request *q, const sg_dataset *d, sg_cli *cli, sg_arena *a, sg_people *people,
                            int8_t **label, const char **training, sg_err *err)
{
    sg_model *m;
    SG_TRY(sg_model_open(q->model, &m, err));
    sg_status st =
        sg_digest_equal(&d->digest, &m->card.data)
            ? SG_OK
            : sg_fail(err, SG_MISMATCH, "%s was not trained on %s: the digests of the data differ", q->model, q->data);
    int64_t need[SG_LABEL_MAX], n = 0, at = 0;
    sg_evaluate_need(d, q->people ? q->people : m->card.n_train, need);
    for (int k = 0; k < d->n_label; k++)
        n += need[k];
    if (!st && !(*label = SG_NEW(a, int8_t, n)))
        st = sg_arena_full(a, "labels", err);
    for (int k = 0; !st && k < d->n_label; k++)
        for (int64_t i = 0; i < need[k]; i++)
            (*label)[at++] = (int8_t)k;
    sg_rng r = sg_rng_stream((uint64_t)cli->seed, SG_RNG_SAMPLE_SHUFFLE, 0, 0);
    for (int64_t i = st ? 0 : n - 1; i > 0; i--) { /* order tells nothing, as in a released cohort */
        const int64_t j = (int64_t)sg_rng_below(&r, (uint64_t)i + 1);
        const int8_t t = (*label)[i];
        (*label)[i] = (*label)[j];
        (*label)[j] = t;
    }
    if (!st) {
        const sg_sample_request s = {.seed = (uint64_t)cli->seed, .n = n, .label = *label, .how = m->card.sampling};
        st = sg_sample(m, &s, &cli->run, a, people, err);
    }
    const char *json = m->card.training_json;
    if (!st && json && !(*training = sg_arena_strndup(a, json, strlen(json))))
        st = sg_arena_full(a, "the training record", err);
    sg_model_close(m);
    return st;
}

/* Column 6 of the .fam: 1, 2, ... for labels 0, 1, ... */
static sg_status from_files(const request *q, const sg_dataset *d, sg_arena *a, sg_people *people, int8_t **label,
                            sg_err *err)
{
    sg_fileset f;
    SG_TRY(sg_fileset_load(q->synthetic, &d->panel, a, &f, err));
    *people = f.people;
    if (!(*label = SG_NEW(a, int8_t, f.fam.n)))
        return sg_arena_full(a, "labels", err);
    for (int64_t i = 0; i < f.fam.n; i++) {
        char *end;
        const long x = strtol(f.fam.row[i].pheno, &end, 10);
        if (*end || x < 1 || x > d->n_label)
            return sg_fail(err, SG_FORMAT, "%s.fam row %lld: no label in column 6, want 1 to %d", q->synthetic,
                           (long long)i + 1, d->n_label);
        (*label)[i] = (int8_t)(x - 1);
    }
    return SG_OK;
}

/* causal [n_snp]: 1 where the first column of a line of the truth file names the SNP. Lines "##..." and the header are
 * passed over; SNPs that are not on the panel are counted. */
static sg_status read_truth(const char *path, const sg_panel *panel, sg_arena *a, uint8_t **causal, sg_err *err)
{
    char *data, *line, *field[2];
    size_t n;
    sg_text t;
    int64_t found = 0, absent = 0;
    SG_TRY(sg_text_load(path, TRUTH_BYTES, a, &data, &n, err));
    SG_TRY(sg_text_begin(&t, path, data, n, err));
    if (!(*causal = SG_NEW(a, uint8_t, panel->n_snp)))
        return sg_arena_full(a, "causal SNPs", err);
    for (;;) {
        SG_TRY(sg_text_next(&t, &line, err));
        if (!line)
            break;
        if (*line == '#' || sg_text_split(line, 0, field, 2) < 1 || !strcmp(field[0], "SNP"))
            continue;
        bool here = false;
        for (int64_t v = 0; v < panel->n_snp; v++)
            if (!strcmp(panel->snp[v].id, field[0]))
                (*causal)[v] = here = true;
        found += here;
        absent += !here;
    }
    if (found < 5)
        return sg_fail(err, SG_MISMATCH, "%s: %lld of %lld causal SNPs are on the panel, want 5 or more", path,
                       (long long)found, (long long)(found + absent));
    return SG_OK;
}

static sg_status write_report(const char *prefix, const char *suffix, const sg_buf *b, sg_err *err)
{
    char path[4096];
    const int n = snprintf(path, sizeof path, "%s%s", prefix, suffix);
    if (n < 0 || n >= (int)sizeof path)
        return sg_fail(err, SG_LIMIT, "the output path is too long");
    return sg_file_write(path, 0600, b->data, b->n, err);
}

/* Found out before an hour's work, not after it. */
static sg_status can_write(const char *prefix, sg_err *err)
{
    char path[4096];
    sg_out o;
    const int n = snprintf(path, sizeof path, "%s.json", prefix);
    if (n < 0 || n >= (int)sizeof path)
        return sg_fail(err, SG_LIMIT, "the output path is too long");
    SG_TRY(sg_out_open(path, 0600, &o, err));
    sg_out_abort(&o);
    return SG_OK;
}

static sg_status evaluate(const request *q, sg_cli *cli, sg_arena *a, sg_err *err)
{
    if (!q->model == !q->synthetic)
        return sg_fail(err, SG_LIMIT, "want one of --model and --synthetic");
    sg_dataset d;
    sg_people people;
    int8_t *label;
    SG_TRY(can_write(q->out, err));
    SG_TRY(sg_dataset_load(q->data, a, &d, err));
    uint8_t *causal = NULL;
    sg_evaluate_options o = {
        .source = q->model ? q->model : q->synthetic, .seed = (uint64_t)cli->seed, .baselines = q->baselines};
    SG_TRY(sg_methods_parse(q->methods, &o.methods, err));
    if (q->truth)
        SG_TRY(read_truth(q->truth, &d.panel, a, &causal, err));
    o.causal = causal;
    SG_TRY(q->model ? from_model(q, &d, cli, a, &people, &label, &o.training_json, err)
                    : from_files(q, &d, a, &people, &label, err));
    const sg_evaluation *e;
    SG_TRY(sg_evaluate(&o, &d, &people, label, &cli->run, a, &e, err));
    sg_buf json, text, html;
    sg_buf_init(&json, (size_t)16 << 20);
    sg_buf_init(&html, (size_t)32 << 20);
    sg_buf_init(&text, (size_t)1 << 20);
    sg_status st = sg_evaluation_json(e, &json, err);
    if (!st)
        st = write_report(q->out, ".json", &json, err);
    if (!st)
        st = sg_evaluation_html(e, &html, err);
    if (!st)
        st = write_report(q->out, ".html", &html, err);
    if (!st)
        st = sg_evaluation_text(e, &text, err);
    if (!st)
        (void)fputs((const char *)(cli->json ? json.data : text.data), stdout);
    sg_buf_clear(&json);
    sg_buf_clear(&text);
    sg_buf_clear(&html);
    return st;
}

int sg_cmd_evaluate(int argc, char **argv)
{
    request q = {.methods = "all"};
    const sg_opt opts[] = {
        {"model", SG_OPT_TEXT, &q.model, 0, 0, "DIR", "model bundle: makes the cohort that is evaluated", false},
        {"synthetic", SG_OPT_TEXT, &q.synthetic, 0, 0, "PREFIX", "PLINK fileset to be evaluated", false},
        {"data", SG_OPT_TEXT, &q.data, 0, 0, "DIR", "dataset folder: the real people", true},
        {"people", SG_OPT_INT, &q.people, 0, PEOPLE_MAX, "N", "with --model: people to make; 0 as many as trained it",
         false},
        {"baselines", SG_OPT_FLAG, &q.baselines, 0, 0, NULL,
         "also independent SNPs, resampled people, a Markov chain, a Chow-Liu tree", false},
        {"methods", SG_OPT_TEXT, &q.methods, 0, 0, "LIST",
         "scores trained on the cohort and used on real people: all, none, or some of prs,gwas_prs,logistic,xgboost",
         false},
        {"truth", SG_OPT_TEXT, &q.truth, 0, 0, "F", "of a simulation: its .truth.tsv, the causal SNPs", false},
        {"out", SG_OPT_TEXT, &q.out, 0, 0, "R", "R.json and R.html are written", true},
    };
    sg_cli cli;
    const int code =
        sg_cli_begin(&cli, "evaluate",
                     "--model DIR or --synthetic PREFIX, --data DIR --out R\n\nHow like the real people a synthetic "
                     "cohort is: every "
                     "figure with its interval and its noise floor.\nThe report is for the data's steward.",
                     opts, sizeof opts / sizeof *opts, argc, argv);
    if (code >= 0)
        return code;
    sg_err err = {0};
    sg_arena a = {0};
    sg_status st = sg_arena_init(&a, (size_t)cli.memory_mib << 20, &err);
    if (!st)
        st = evaluate(&q, &cli, &a, &err);
    sg_arena_clear(&a);
    return sg_cli_end(&cli, st, &err);
}
