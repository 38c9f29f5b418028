/* decode.c - snpgen decode: genotypes from latents, for exact checks and for looking into a model. */
#include "cli/bundle.h"
#include "cli/cli.h"
#include "sampler/sampler.h"

#include <stdio.h>

typedef struct decode_args {
    const char *model, *latents, *labels, *pheno, *out, *decode, *format, *backend, *precision;
} decode_args;

/* NULL when nothing is said of them: everybody decodes as label 0, and the files name no label. */
static sg_status labels_of(const decode_args *d, const sg_model *m, int64_t n, sg_arena *a, const int8_t **label,
                           sg_err *err)
{
    int8_t *got = NULL;
    int64_t n_got = 0;
    *label = NULL;
    if (d->labels && d->pheno)
        return sg_fail(err, SG_LIMIT, "want one of --labels and --pheno");
    if (d->labels)
        SG_TRY(sg_cohort_labels(d->labels, m->card.n_label, a, &got, &n_got, err));
    if (d->pheno)
        SG_TRY(sg_cohort_pheno(d->pheno, m->card.n_label, a, &got, &n_got, err));
    if (got && n_got != n)
        return sg_fail(err, SG_MISMATCH, "%s holds latents of %lld people, the labels are %lld", d->latents,
                       (long long)n, (long long)n_got);
    *label = got;
    return SG_OK;
}

static sg_status decode(const decode_args *d, const sg_model *m, sg_cli *cli, sg_arena *a, sg_err *err)
{
    sg_export_spec spec;
    sg_sample_request q = {.seed = (uint64_t)cli->seed, .how = m->card.sampling};
    if (d->decode)
        SG_TRY(sg_decode_parse(d->decode, &q.how.decode, err));
    float *x;
    SG_TRY(sg_cohort_latents(d->latents, m, a, &q.n, &x, err));
    SG_TRY(labels_of(d, m, q.n, a, &q.label, err));
    SG_TRY(sg_cohort_spec(d->out, d->format, m, q.seed, q.n, q.label, a, &spec, err));
    sg_people people;
    SG_TRY(sg_sample_decode(m, &q, x, &cli->run, a, &people, err));
    SG_TRY(sg_export_people(&spec, &people, &cli->run, a, err));
    SG_TRY(sg_cohort_readme(&spec, err));
    if (cli->json)
        (void)printf("{\"people\":%lld,\"snps\":%lld}\n", (long long)q.n, (long long)m->panel.n_snp);
    else
        (void)printf("%s: %lld people, %lld SNPs\n", d->out, (long long)q.n, (long long)m->panel.n_snp);
    return SG_OK;
}

int sg_cmd_decode(int argc, char **argv)
{
    decode_args d = {.format = "plink"};
    const sg_opt opts[] = {
        {"model", SG_OPT_TEXT, &d.model, 0, 0, "DIR", "model bundle", true},
        {"latents", SG_OPT_TEXT, &d.latents, 0, 0, "F.npy", "float32 [people, z, latent], as encode writes", true},
        {"labels", SG_OPT_TEXT, &d.labels, 0, 0, "0,1,...",
         "one label per person, in this order; or an .npy of int8; else label 0 for all", false},
        {"pheno", SG_OPT_TEXT, &d.pheno, 0, 0, "F", "the same from the .pheno that generate wrote", false},
        {"out", SG_OPT_TEXT, &d.out, 0, 0, "PREFIX", "prefix of the files written", true},
        {"decode", SG_OPT_TEXT, &d.decode, 0, 0, "WORD", "sample or argmax; else the model's", false},
        {"format", SG_OPT_TEXT, &d.format, 0, 0, "LIST", "one or more of plink, vcf, bcf, npy, pgen", false},
        SG_OPT_BACKEND(d.backend, d.precision),
    };
    sg_cli cli;
    const int code = sg_cli_begin(&cli, "decode",
                                  "--model DIR --latents F.npy --out PREFIX [options]\n\nTurns latents "
                                  "into genotypes. Latents that generate saved become the very people it made when the "
                                  "labels (--pheno), --seed, --decode, --backend and --precision are the same: models "
                                  "decode each label in its own way, and draws come from the seed.",
                                  opts, sizeof opts / sizeof *opts, argc, argv);
    if (code >= 0)
        return code;
    sg_err err = {0};
    sg_arena a = {0};
    sg_model *m = NULL;
    sg_status st = sg_bundle_open(d.model, d.backend, d.precision, cli.memory_mib, &a, &m, &err);
    if (!st)
        st = decode(&d, m, &cli, &a, &err);
    sg_model_close(m);
    sg_arena_clear(&a);
    return sg_cli_end(&cli, st, &err);
}
