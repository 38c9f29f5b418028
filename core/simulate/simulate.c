/* simulate.c - options, and the two studies streamed through; see simulate.h. */
#include "simulate/simulate.h"
#include "base/file.h"
#include "cohorts/matrix.h"
#include "simulate/cohort.h"
#include "simulate/files.h"
#include "simulate/genealogy.h"
#include "simulate/gwas.h"
#include "simulate/tally.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { PEOPLE_MAX = 10000000, SNPS_MAX = 1000000 };

sg_status sg_effect_shape_parse(const char *text, sg_effect_shape *out, sg_err *err)
{
    static const char *const word[] = {
#define X(name) #name,
        SG_EFFECT_SHAPES(X)
#undef X
    };
    for (size_t i = 0; i < sizeof word / sizeof *word; i++)
        if (!strcmp(text, word[i])) {
            *out = (sg_effect_shape)i;
            return SG_OK;
        }
    return sg_fail(err, SG_LIMIT, "effects are spread \"%.40s\", want normal, exponential or equal", text);
}

sg_status sg_simulate_preset(const char *trait, int64_t people, int64_t snps, sg_simulate_options *o, sg_err *err)
{
    static const struct {
        const char *name;
        double prevalence, h2;
        int per_thousand;
        bool women_only;
        double hla_share;
    } preset[] = {
#define X(name, prevalence, h2, causal, women, hla, words) {#name, prevalence, h2, causal, women, hla},
        SG_TRAITS(X)
#undef X
    };
    for (size_t i = 0; i < sizeof preset / sizeof *preset; i++) {
        if (strcmp(trait, preset[i].name) != 0)
            continue;
        int64_t causal = snps / 1000 * preset[i].per_thousand + snps % 1000 * preset[i].per_thousand / 1000;
        if (causal < 10)
            causal = snps && snps < 10 ? snps : 10;
        *o = (sg_simulate_options){.trait = preset[i].name,
                                   .people = people,
                                   .snps = snps,
                                   .discovery = people,
                                   .causal = causal,
                                   .locus_snps = 20,
                                   .maf = 0.01,
                                   .switches = NAN,
                                   .shape = SG_EFFECT_normal,
                                   .selection = -0.25,
                                   .ancestries = 1,
                                   .fst = 0.1,
                                   .pairs_share = 0.2,
                                   .prevalence = preset[i].prevalence,
                                   .h2 = preset[i].h2,
                                   .hla_share = preset[i].hla_share,
                                   .case_fraction = preset[i].prevalence,
                                   .discovery_case_fraction = 0.5,
                                   .women_only = preset[i].women_only,
                                   .seed = 1};
        return SG_OK;
    }
    return sg_fail(err, SG_NOT_FOUND, "trait \"%.40s\", want cad, bc, t1d or t2d", trait);
}

static sg_status within(const char *name, double x, double min, double max, sg_err *err)
{
    return x >= min && x <= max ? SG_OK : sg_fail(err, SG_LIMIT, "%s is %g, want %g to %g", name, x, min, max);
}

static sg_status check(const sg_simulate_options *o, sg_err *err)
{
    SG_TRY(within("number of people", (double)o->people, 1, PEOPLE_MAX, err));
    SG_TRY(within("number of SNPs", (double)o->snps, o->from ? 0 : 1, SNPS_MAX, err));
    SG_TRY(within("number of discovery people", (double)o->discovery, 10, PEOPLE_MAX, err));
    SG_TRY(within("number of causal SNPs", (double)o->causal, 1, (double)(o->snps ? o->snps : SNPS_MAX), err));
    SG_TRY(within("SNPs per locus", (double)o->locus_snps, 1, SG_LOCUS_SNPS, err));
    SG_TRY(within("number of ancestries", (double)o->ancestries, 1, SG_ANCESTRIES_MAX, err));
    SG_TRY(within("F_ST", o->fst, 0, 0.9, err));
    SG_TRY(within("number of interactions", (double)o->pairs, 0, SG_PAIRS_MAX, err));
    SG_TRY(within("share of the interactions", o->pairs_share, 0, 0.99, err));
    SG_TRY(within("least frequency in the reference", o->maf, 0, 0.49, err));
    if (!isnan(o->switches))
        SG_TRY(within("changes of founder per centimorgan", o->switches, 0, 100000, err));
    SG_TRY(within("power of the frequency in effects", o->selection, -2, 2, err));
    SG_TRY(within("effect of sex", o->sex_effect, -2, 2, err));
    SG_TRY(within("effect of age", o->age_effect, -1, 1, err));
    SG_TRY(within("effect of ancestry", o->ancestry_effect, -1, 1, err));
    SG_TRY(within("prevalence", o->prevalence, 0.0005, 0.5, err));
    SG_TRY(within("h2", o->h2, 0.001, 0.999, err));
    SG_TRY(within("HLA share", o->hla_share, 0, 0.99, err));
    SG_TRY(within("case fraction", o->case_fraction, 0.0005, 0.9995, err));
    SG_TRY(within("discovery case fraction", o->discovery_case_fraction, 0.01, 0.99, err));
    SG_TRY(within("missing share", o->missing, 0, 0.9, err));
    if (o->from && o->ancestries > 1)
        return sg_fail(err, SG_LIMIT,
                       "people of several ancestries are made of built-in founders only; with a "
                       "reference give one ancestry");
    return SG_OK;
}

static int64_t cases(const sg_drawn *d)
{
    int64_t n = 0;
    for (int64_t s = 0; s < d->n; s++)
        n += d->person[s].label;
    return n;
}

/* ---- people, a group at a time ---- */

typedef sg_status group_fn(void *ctx, const sg_drawn *d, int64_t first, const sg_people *people, sg_err *err);

static sg_status stream(const sg_population *p, sg_group group, const sg_drawn *d, double missing, const char *stage,
                        const sg_run *run, sg_arena *a, group_fn *fn, void *ctx, sg_err *err)
{
    const size_t mark = sg_arena_mark(a);
    const int64_t most = sg_matrix_group(p->n_snp), size = most < d->n ? most : d->n;
    sg_people people;
    SG_TRY(sg_people_new(size, p->n_snp, a, &people, err));
    for (int64_t s = 0; s < d->n; s += size) {
        if (sg_cancelled(run))
            return sg_fail(err, SG_CANCELLED, "stopped at person %lld of %lld", (long long)s, (long long)d->n);
        sg_report(run, stage, s, d->n);
        people.n_sample = d->n - s < size ? d->n - s : size;
        sg_population_genotypes(p, group, d, s, missing, run, &people);
        SG_TRY(fn(ctx, d, s, &people, err));
    }
    sg_report(run, stage, d->n, d->n);
    sg_arena_rewind(a, mark);
    return SG_OK;
}

static sg_status draw(const sg_population *p, sg_group group, int64_t n, double fraction, const sg_run *run,
                      sg_arena *a, sg_drawn *d, sg_err *err)
{
    int64_t n_case = (int64_t)floor(fraction * (double)n + 0.5);
    if (n >= 2)
        n_case = n_case < 1 ? 1 : n_case > n - 1 ? n - 1 : n_case;
    return sg_population_draw(p, group, n_case, n - n_case, run, a, d, err);
}

/* ---- the discovery study ---- */

typedef struct discovery {
    int n_group; /* ancestries times two */
    int8_t *group;
    int64_t (*count)[3]; /* [n_snp, n_group] */
    const sg_run *run;
    sg_arena *a;
} discovery;

static sg_status count_group(void *ctx, const sg_drawn *d, int64_t first, const sg_people *people, sg_err *err)
{
    discovery *k = ctx;
    for (int64_t s = 0; s < people->n_sample; s++) {
        const sg_person *x = &d->person[first + s];
        k->group[s] = (int8_t)(2 * x->ancestry + x->label);
    }
    return sg_tally_add(people, k->group, k->n_group, k->run, k->a, k->count, err);
}

/* Ancestries are regressed apart and put together, so that differences between them are no effects. */
static sg_gwas_result estimate(const int64_t (*count)[3], int n_ancestry)
{
    sg_gwas_result each[SG_ANCESTRIES_MAX];
    for (int k = 0; k < n_ancestry; k++)
        each[k] = sg_gwas_logistic(count + 2 * k);
    return n_ancestry == 1 ? each[0] : sg_gwas_join(each, n_ancestry);
}

static sg_status write_sumstats(const sg_simulate_options *o, const sg_population *p, const discovery *k, int64_t n,
                                sg_simulate_report *rep, sg_err *err)
{
    char path[PATH_MAX];
    sg_out f;
    SG_TRY(sg_simulate_path(o, ".sumstats.tsv", path, err));
    SG_TRY(sg_out_open(path, 0644, &f, err));
    (void)fprintf(f.f, "SNP\tCHR\tBP\tA1\tA2\tFRQ\tBETA\tSE\tP\tN\n");
    for (int64_t v = 0; v < p->n_snp; v++) {
        const int64_t(*count)[3] = (const int64_t(*)[3])k->count + v * k->n_group;
        const sg_bim_row *x = &p->bim.row[v];
        int64_t copies = 0;
        for (int g = 0; g < k->n_group; g++)
            copies += count[g][1] + 2 * count[g][2];
        sg_gwas_result r = estimate(count, p->n_ancestry);
        if (r.p == 0)
            r.p = DBL_MIN;
        rep->n_hits += r.p < 5e-8;
        (void)fprintf(f.f, "%s\t%s\t%lld\t%s\t%s", x->id, x->chrom, (long long)x->pos, x->a1, x->a2);
        sg_simulate_put(f.f, (double)copies / (2.0 * (double)n));
        sg_simulate_put(f.f, r.beta);
        sg_simulate_put(f.f, r.se);
        sg_simulate_put(f.f, r.p);
        (void)fprintf(f.f, "\t%lld\n", (long long)n);
    }
    return sg_out_commit(&f, err);
}

static sg_status discover(const sg_simulate_options *o, const sg_population *p, const sg_run *run, sg_arena *a,
                          sg_simulate_report *rep, sg_err *err)
{
    sg_drawn d;
    discovery k = {.n_group = 2 * p->n_ancestry, .run = run, .a = a};
    SG_TRY(draw(p, SG_GROUP_DISCOVERY, o->discovery, o->discovery_case_fraction, run, a, &d, err));
    k.count = sg_arena_alloc(a, p->n_snp * k.n_group, sizeof *k.count);
    k.group = SG_NEW(a, int8_t, sg_matrix_group(p->n_snp));
    if (!k.count || !k.group)
        return sg_arena_full(a, "the discovery study", err);
    SG_TRY(stream(p, SG_GROUP_DISCOVERY, &d, 0, "discovery study", run, a, count_group, &k, err));
    rep->n_discovery = d.n;
    rep->n_discovery_case = cases(&d);
    return write_sumstats(o, p, &k, d.n, rep, err);
}

/* ---- the cohort ---- */

typedef struct writing {
    sg_matrix bed;
    const sg_run *run;
    sg_arena *a;
} writing;

static sg_status write_group(void *ctx, const sg_drawn *d, int64_t first, const sg_people *people, sg_err *err)
{
    writing *w = ctx;
    (void)d;
    (void)first;
    return sg_matrix_add(&w->bed, people, w->run, w->a, err);
}

static sg_status write_bed(const sg_simulate_options *o, const sg_population *p, const sg_drawn *d, const sg_run *run,
                           sg_arena *a, sg_err *err)
{
    static const uint8_t magic[3] = {0x6c, 0x1b, 0x01}, code[4] = {3, 2, 0, 1};
    char path[PATH_MAX];
    writing w = {.run = run, .a = a};
    SG_TRY(sg_simulate_path(o, ".bed", path, err));
    SG_TRY(sg_matrix_open(path, 0644, magic, sizeof magic, code, false, p->n_snp, d->n, &w.bed, err));
    sg_status st = stream(p, SG_GROUP_COHORT, d, o->missing, "genotypes", run, a, write_group, &w, err);
    if (!st)
        st = sg_matrix_commit(&w.bed, err);
    sg_matrix_abort(&w.bed);
    return st;
}

static sg_status write_cohort(const sg_simulate_options *o, const sg_population *p, const sg_run *run, sg_arena *a,
                              sg_simulate_report *rep, sg_err *err)
{
    char path[PATH_MAX];
    sg_drawn d;
    SG_TRY(draw(p, SG_GROUP_COHORT, o->people, o->case_fraction, run, a, &d, err));
    rep->n_people = d.n;
    rep->n_case = cases(&d);
    rep->n_looked = d.n_looked;
    rep->n_snp = p->n_snp;
    rep->n_causal = p->n_causal;
    SG_TRY(write_bed(o, p, &d, run, a, err));
    SG_TRY(sg_simulate_path(o, ".bim", path, err));
    SG_TRY(sg_bim_save(path, &p->bim, err));
    return sg_simulate_people(o, p, &d, err);
}

sg_status sg_simulate(const sg_simulate_options *o, const sg_run *run, sg_arena *a, sg_simulate_report *rep,
                      sg_err *err)
{
    sg_population p;
    *rep = (sg_simulate_report){0};
    SG_TRY(check(o, err));
    SG_TRY(sg_population_new(o, run, a, &p, rep, err));
    const size_t mark = sg_arena_mark(a);
    SG_TRY(discover(o, &p, run, a, rep, err));
    sg_arena_rewind(a, mark);
    SG_TRY(write_cohort(o, &p, run, a, rep, err));
    sg_arena_rewind(a, mark);
    return sg_simulate_truth(o, &p, rep, err);
}
