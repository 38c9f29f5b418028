/* generate.c - snpgen generate: a cohort from a model, without the service. */
#include "cli/bundle.h"
#include "cli/cli.h"
#include "formats/npy.h"
#include "sampler/sampler.h"

#include <math.h>
#include <stdio.h>

enum { PEOPLE_MAX = 10000000, GROUP = 8192 };

typedef struct generate_args {
    const char *model, *out, *labels, *sampler, *decode, *noise, *save_latents, *format, *backend, *precision,
        *interval;
    int64_t cases, controls, size, steps;
    double case_fraction, guidance;
} generate_args;

static sg_status choose_labels(const generate_args *g, const sg_model *m, uint64_t seed, sg_arena *a, int8_t **label,
                               int64_t *n, sg_err *err)
{
    const bool by_count = g->cases >= 0 || g->controls >= 0, by_size = g->size >= 0;
    if ((g->labels != NULL) + by_count + by_size != 1)
        return sg_fail(err, SG_LIMIT, "want one of --cases with --controls, --size with --case-fraction, or --labels");
    if (g->labels)
        return sg_cohort_labels(g->labels, m->card.n_label, a, label, n, err);
    if (m->card.n_label != 2)
        return sg_fail(err, SG_LIMIT, "the model has %d labels, so cases and controls mean nothing; give --labels",
                       m->card.n_label);
    int64_t n_case = g->cases > 0 ? g->cases : 0, n_control = g->controls > 0 ? g->controls : 0;
    if (by_size) {
        const double share = !isnan(g->case_fraction) ? g->case_fraction : m->card.prevalence;
        if (!(share >= 0 && share <= 1))
            return sg_fail(err, SG_LIMIT, "the model's card names no prevalence; give --case-fraction");
        n_case = llround(share * (double)g->size);
        n_control = g->size - n_case;
    }
    *n = n_case + n_control;
    if (*n < 1 || *n > PEOPLE_MAX)
        return sg_fail(err, SG_LIMIT, "%lld people asked for, want 1 to %d", (long long)*n, PEOPLE_MAX);
    *label = SG_NEW(a, int8_t, *n);
    if (!*label)
        return sg_arena_full(a, "the labels", err);
    sg_sample_labels(seed, n_control, n_case, *label);
    return SG_OK;
}

static sg_status choose_sampling(const generate_args *g, const sg_model *m, sg_sampling *how, sg_err *err)
{
    *how = m->card.sampling;
    if (g->sampler)
        SG_TRY(sg_solver_parse(g->sampler, &how->solve.solver, err));
    if (g->decode)
        SG_TRY(sg_decode_parse(g->decode, &how->decode, err));
    if (g->steps > 0)
        how->solve.steps = (int)g->steps;
    if (!isnan(g->guidance))
        how->solve.guidance = g->guidance;
    return g->interval ? sg_guidance_interval_parse(g->interval, &how->solve, err) : SG_OK;
}

/* People first .. first + q->n - 1, from noise and to latents of their own when those are asked for. */
static sg_status make_group(const sg_model *m, const sg_sample_request *all, int64_t first, int64_t n,
                            const sg_run *run, sg_arena *a, sg_export *e, sg_err *err)
{
    const int64_t each = (int64_t)m->card.unet.z_channels * m->card.unet.latent_len;
    const size_t mark = sg_arena_mark(a);
    sg_sample_request q = *all;
    sg_people people;
    q.first = first;
    q.n = n;
    q.label = all->label + first;
    q.noise = all->noise ? all->noise + first * each : NULL;
    q.latents = all->latents ? all->latents + first * each : NULL;
    SG_TRY(sg_sample(m, &q, run, a, &people, err));
    const sg_status st = sg_export_add(e, &people, run, a, err);
    sg_arena_rewind(a, mark);
    return st;
}

/* A group at a time: a cohort of any size needs the memory of GROUP people. */
static sg_status make_people(const sg_model *m, const sg_sample_request *q, const sg_export_spec *spec,
                             const sg_run *run, sg_arena *a, sg_err *err)
{
    sg_export *e;
    sg_status st = sg_export_open(spec, run, &e, err);
    for (int64_t first = 0; !st && first < q->n; first += GROUP) {
        st = make_group(m, q, first, q->n - first < GROUP ? q->n - first : GROUP, run, a, e, err);
        sg_report(run, "people", first + GROUP < q->n ? first + GROUP : q->n, q->n);
    }
    if (!st)
        return sg_export_commit(e, run, a, err);
    sg_export_abort(e);
    return st;
}

static sg_status read_noise(const char *path, const sg_model *m, int64_t n, sg_arena *a, const float **noise,
                            sg_err *err)
{
    int64_t n_noise;
    float *x;
    SG_TRY(sg_cohort_latents(path, m, a, &n_noise, &x, err));
    *noise = x;
    return n_noise == n ? SG_OK
                        : sg_fail(err, SG_MISMATCH, "%s holds noise for %lld people, the labels are %lld", path,
                                  (long long)n_noise, (long long)n);
}

static sg_status make_cohort(const generate_args *g, const sg_model *m, sg_cli *cli, sg_arena *a, sg_err *err)
{
    int8_t *label = NULL;
    int64_t n = 0;
    sg_export_spec spec;
    SG_TRY(choose_labels(g, m, (uint64_t)cli->seed, a, &label, &n, err));
    SG_TRY(sg_cohort_spec(g->out, g->format, m, (uint64_t)cli->seed, n, label, a, &spec, err));
    sg_sample_request q = {.seed = (uint64_t)cli->seed, .n = n, .label = label};
    SG_TRY(choose_sampling(g, m, &q.how, err));
    const int64_t z = m->card.unet.z_channels, T = m->card.unet.latent_len;
    if (g->noise)
        SG_TRY(read_noise(g->noise, m, n, a, &q.noise, err));
    if (g->save_latents && !(q.latents = SG_NEW(a, float, n *z *T)))
        return sg_arena_full(a, "the latents", err);
    SG_TRY(make_people(m, &q, &spec, &cli->run, a, err));
    if (q.latents)
        SG_TRY(sg_npy_save(g->save_latents, SG_NPY_F4, 3, (const int64_t[]){n, z, T}, q.latents, err));
    SG_TRY(sg_cohort_readme(&spec, err));
    if (cli->json)
        (void)printf("{\"people\":%lld,\"snps\":%lld}\n", (long long)n, (long long)m->panel.n_snp);
    else
        (void)printf("%s: %lld synthetic people, %lld SNPs\n", g->out, (long long)n, (long long)m->panel.n_snp);
    return SG_OK;
}

int sg_cmd_generate(int argc, char **argv)
{
    generate_args g = {
        .format = "plink", .cases = -1, .controls = -1, .size = -1, .case_fraction = NAN, .guidance = NAN};
    const sg_opt opts[] = {
        {"model", SG_OPT_TEXT, &g.model, 0, 0, "DIR", "model bundle", true},
        {"out", SG_OPT_TEXT, &g.out, 0, 0, "PREFIX", "prefix of the files written", true},
        {"cases", SG_OPT_INT, &g.cases, -1, PEOPLE_MAX, "N", "people with label 1; order is shuffled by the seed",
         false},
        {"controls", SG_OPT_INT, &g.controls, -1, PEOPLE_MAX, "N", "people with label 0", false},
        {"size", SG_OPT_INT, &g.size, -1, PEOPLE_MAX, "N", "people in all, with --case-fraction", false},
        {"case-fraction", SG_OPT_REAL, &g.case_fraction, 0, 1, "F", "share of cases; else the model's prevalence",
         false},
        {"labels", SG_OPT_TEXT, &g.labels, 0, 0, "0,1,...", "one label per person, in this order; or an .npy of int8",
         false},
        {"format", SG_OPT_TEXT, &g.format, 0, 0, "LIST", "one or more of plink, vcf, bcf, npy, pgen", false},
        {"sampler", SG_OPT_TEXT, &g.sampler, 0, 0, "NAME", "euler, heun or dpmpp2m; else the model's", false},
        {"steps", SG_OPT_INT, &g.steps, 0, SG_STEPS_MAX, "N", "solver steps; 0 the model's", false},
        {"guidance", SG_OPT_REAL, &g.guidance, 0, 100, "X", "guidance scale; else the model's", false},
        {"guidance-interval", SG_OPT_TEXT, &g.interval, 0, 0, "LO,HI",
         "guide only where LO <= sigma <= HI (\"inf\": no limit); else the model's", false},
        {"decode", SG_OPT_TEXT, &g.decode, 0, 0, "WORD", "sample or argmax; else the model's", false},
        {"noise", SG_OPT_TEXT, &g.noise, 0, 0, "F.npy", "starting noise, float32 [people, z, latent]", false},
        {"save-latents", SG_OPT_TEXT, &g.save_latents, 0, 0, "F.npy",
         "where to keep the final latents; snpgen decode turns them into the same people", false},
        SG_OPT_BACKEND(g.backend, g.precision),
    };
    sg_cli cli;
    const int code =
        sg_cli_begin(&cli, "generate",
                     "--model DIR --cases N --controls N --out PREFIX [options]\n\nMakes a synthetic cohort. "
                     "It has NOT passed the release gate: see snpgen check.",
                     opts, sizeof opts / sizeof *opts, argc, argv);
    if (code >= 0)
        return code;
    sg_err err = {0};
    sg_arena a = {0};
    sg_model *m = NULL;
    sg_status st = sg_bundle_open(g.model, g.backend, g.precision, cli.memory_mib, &a, &m, &err);
    if (!st)
        st = make_cohort(&g, m, &cli, &a, &err);
    sg_model_close(m);
    sg_arena_clear(&a);
    return sg_cli_end(&cli, st, &err);
}
