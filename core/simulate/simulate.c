/* simulate.c - options and files of a simulation; see simulate.h. */
#include "simulate/simulate.h"
#include "base/file.h"
#include "formats/plink.h"
#include "simulate/cohort.h"
#include "simulate/genealogy.h"
#include "simulate/gwas.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <string.h>

enum { PEOPLE_MAX = 10000000, SNPS_MAX = 1000000, NAME = 32 };

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
            causal = snps < 10 ? snps : 10;
        *o = (sg_simulate_options){.trait = preset[i].name,
                                   .people = people,
                                   .snps = snps,
                                   .discovery = people,
                                   .causal = causal,
                                   .locus_snps = 20,
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
    SG_TRY(within("number of SNPs", (double)o->snps, 1, SNPS_MAX, err));
    SG_TRY(within("number of discovery people", (double)o->discovery, 10, PEOPLE_MAX, err));
    SG_TRY(within("number of causal SNPs", (double)o->causal, 1, (double)o->snps, err));
    SG_TRY(within("SNPs per locus", (double)o->locus_snps, 1, SG_LOCUS_SNPS, err));
    SG_TRY(within("prevalence", o->prevalence, 0.0005, 0.5, err));
    SG_TRY(within("h2", o->h2, 0.001, 0.999, err));
    SG_TRY(within("HLA share", o->hla_share, 0, 0.99, err));
    SG_TRY(within("case fraction", o->case_fraction, 0.0005, 0.9995, err));
    SG_TRY(within("discovery case fraction", o->discovery_case_fraction, 0.01, 0.99, err));
    return within("missing share", o->missing, 0, 0.9, err);
}

static sg_status file_of(const sg_simulate_options *o, const char *ending, char out[PATH_MAX], sg_err *err)
{
    return snprintf(out, PATH_MAX, "%s%s", o->out, ending) < PATH_MAX
               ? SG_OK
               : sg_fail(err, SG_LIMIT, "%.200s...: path too long", o->out);
}

/* ---- text files ---- */

static void snp_name(const sg_population *p, int64_t v, char out[NAME])
{
    (void)snprintf(out, NAME, "sim%d_%lld", p->chrom[v], (long long)p->pos[v]);
}

static sg_status write_bim(const sg_simulate_options *o, const sg_population *p, sg_err *err)
{
    char path[PATH_MAX], name[NAME];
    sg_out f;
    SG_TRY(file_of(o, ".bim", path, err));
    SG_TRY(sg_out_open(path, 0644, &f, err));
    for (int64_t v = 0; v < p->n_snp; v++) {
        snp_name(p, v, name); /* 1 cM per Mb, as the genealogies have it */
        (void)fprintf(f.f, "%d\t%s\t%.6f\t%lld\t%c\t%c\n", p->chrom[v], name, (double)p->pos[v] * 1e-6,
                      (long long)p->pos[v], p->allele[v][0], p->allele[v][1]);
    }
    return sg_out_commit(&f, err);
}

static sg_status write_people(const sg_simulate_options *o, const sg_drawn *d, sg_err *err)
{
    char path[PATH_MAX];
    sg_out f;
    SG_TRY(file_of(o, ".fam", path, err));
    SG_TRY(sg_out_open(path, 0644, &f, err));
    for (int64_t s = 0; s < d->n; s++)
        (void)fprintf(f.f, "SIM%07lld\tSIM%07lld\t0\t0\t%d\t%d\n", (long long)s + 1, (long long)s + 1, d->sex[s],
                      d->label[s] + 1);
    SG_TRY(sg_out_commit(&f, err));
    SG_TRY(file_of(o, ".pheno", path, err));
    SG_TRY(sg_out_open(path, 0644, &f, err));
    (void)fprintf(f.f, "FID\tIID\tPHENO\n");
    for (int64_t s = 0; s < d->n; s++)
        (void)fprintf(f.f, "SIM%07lld\tSIM%07lld\t%d\n", (long long)s + 1, (long long)s + 1, d->label[s] + 1);
    return sg_out_commit(&f, err);
}

static sg_status write_truth(const sg_simulate_options *o, const sg_population *p, const sg_simulate_report *r,
                             sg_err *err)
{
    char path[PATH_MAX], name[NAME];
    sg_out f;
    SG_TRY(file_of(o, ".truth.tsv", path, err));
    SG_TRY(sg_out_open(path, 0644, &f, err));
    (void)fprintf(f.f,
                  "##simulated=snpgen %s\n##trait=%s\n##seed=%llu\n##ancestry=none (one population)\n##prevalence=%g\n"
                  "##h2_liability=%g\n##liability_threshold=%.6g\n##cohort=%lld people, %lld cases\n",
                  SG_VERSION, o->trait, (unsigned long long)o->seed, o->prevalence, o->h2, p->threshold,
                  (long long)r->n_people, (long long)r->n_case);
    (void)fprintf(f.f, "##ascertained=%s\n##discovery=%lld other people, %lld cases\n",
                  fabs(o->case_fraction - o->prevalence) > 1e-12 ? "yes: cases are not as frequent as in the population"
                                                                 : "no",
                  (long long)r->n_discovery, (long long)r->n_discovery_case);
    (void)fprintf(f.f, "SNP\tCHR\tBP\tA1\tA2\tFRQ\tBETA_LIABILITY\tVARIANCE\n");
    for (int64_t v = 0; v < p->n_snp; v++) {
        if (p->effect[v] == 0)
            continue;
        snp_name(p, v, name);
        (void)fprintf(f.f, "%s\t%d\t%lld\t%c\t%c\t%.6g\t%.9g\t%.6g\n", name, p->chrom[v], (long long)p->pos[v],
                      p->allele[v][0], p->allele[v][1], p->freq[v], p->effect[v],
                      2 * p->freq[v] * (1 - p->freq[v]) * p->effect[v] * p->effect[v]);
    }
    return sg_out_commit(&f, err);
}

/* ---- genotypes and the discovery study ---- */

static sg_status draw(const sg_population *p, sg_group group, int64_t n, double fraction, double missing,
                      const sg_run *run, sg_arena *a, sg_drawn *d, sg_people *people, sg_err *err)
{
    int64_t n_case = (int64_t)floor(fraction * (double)n + 0.5);
    if (n >= 2)
        n_case = n_case < 1 ? 1 : n_case > n - 1 ? n - 1 : n_case;
    SG_TRY(sg_population_draw(p, group, n_case, n - n_case, run, a, d, err));
    SG_TRY(sg_people_new(n, p->n_snp, a, people, err));
    sg_population_genotypes(p, group, d, missing, run, people);
    return SG_OK;
}

static int64_t cases(const sg_drawn *d)
{
    int64_t n = 0;
    for (int64_t s = 0; s < d->n; s++)
        n += d->label[s];
    return n;
}

/* tally [n_snp][2][3] over all discovery people, one person at a time. */
static void tally(const sg_people *people, const int8_t *label, int64_t (*out)[2][3], int8_t *code)
{
    for (int64_t s = 0; s < people->n_sample; s++) {
        sg_people_unpack(people, s, code);
        for (int64_t v = 0; v < people->n_variant; v++)
            out[v][label[s]][code[v]]++;
    }
}

static void put(FILE *f, const char *lead, double x)
{
    if (isnan(x))
        (void)fprintf(f, "%sNA", lead);
    else
        (void)fprintf(f, "%s%.9g", lead, x);
}

static sg_status discover(const sg_simulate_options *o, const sg_population *p, const sg_run *run, sg_arena *a,
                          sg_simulate_report *rep, sg_err *err)
{
    char path[PATH_MAX], name[NAME];
    sg_drawn d;
    sg_people people;
    SG_TRY(draw(p, SG_GROUP_DISCOVERY, o->discovery, o->discovery_case_fraction, 0, run, a, &d, &people, err));
    int64_t(*count)[2][3] = sg_arena_alloc(a, p->n_snp, sizeof *count);
    int8_t *code = SG_NEW(a, int8_t, p->n_snp);
    if (!count || !code)
        return sg_arena_full(a, "the discovery study", err);
    tally(&people, d.label, count, code);
    rep->n_discovery = d.n;
    rep->n_discovery_case = cases(&d);
    sg_out f;
    SG_TRY(file_of(o, ".sumstats.tsv", path, err));
    SG_TRY(sg_out_open(path, 0644, &f, err));
    (void)fprintf(f.f, "SNP\tCHR\tBP\tA1\tA2\tFRQ\tBETA\tSE\tP\tN\n");
    for (int64_t v = 0; v < p->n_snp; v++) {
        const int64_t copies = count[v][0][1] + count[v][1][1] + 2 * (count[v][0][2] + count[v][1][2]);
        sg_gwas_result g = sg_gwas_logistic((const int64_t(*)[3])count[v]);
        if (g.p == 0)
            g.p = DBL_MIN;
        rep->n_hits += g.p < 5e-8;
        snp_name(p, v, name);
        (void)fprintf(f.f, "%s\t%d\t%lld\t%c\t%c", name, p->chrom[v], (long long)p->pos[v], p->allele[v][0],
                      p->allele[v][1]);
        put(f.f, "\t", (double)copies / (2.0 * (double)d.n));
        put(f.f, "\t", g.beta);
        put(f.f, "\t", g.se);
        put(f.f, "\t", g.p);
        (void)fprintf(f.f, "\t%lld\n", (long long)d.n);
    }
    return sg_out_commit(&f, err);
}

static sg_status write_cohort(const sg_simulate_options *o, const sg_population *p, const sg_run *run, sg_arena *a,
                              sg_simulate_report *rep, sg_err *err)
{
    char path[PATH_MAX];
    sg_drawn d;
    sg_people people;
    sg_geno g;
    SG_TRY(draw(p, SG_GROUP_COHORT, o->people, o->case_fraction, o->missing, run, a, &d, &people, err));
    SG_TRY(sg_geno_new(p->n_snp, d.n, a, &g, err));
    sg_geno_from_people(&people, &g);
    rep->n_people = d.n;
    rep->n_case = cases(&d);
    rep->n_looked = d.n_looked;
    rep->n_snp = p->n_snp;
    rep->n_causal = p->n_causal;
    SG_TRY(file_of(o, ".bed", path, err));
    SG_TRY(sg_bed_save(path, &g, err));
    return write_people(o, &d, err);
}

sg_status sg_simulate(const sg_simulate_options *o, const sg_run *run, sg_arena *a, sg_simulate_report *rep,
                      sg_err *err)
{
    sg_population p;
    *rep = (sg_simulate_report){0};
    SG_TRY(check(o, err));
    SG_TRY(sg_population_new(o, run, a, &p, err));
    const size_t mark = sg_arena_mark(a);
    SG_TRY(discover(o, &p, run, a, rep, err));
    sg_arena_rewind(a, mark);
    SG_TRY(write_cohort(o, &p, run, a, rep, err));
    sg_arena_rewind(a, mark);
    SG_TRY(write_bim(o, &p, err));
    return write_truth(o, &p, rep, err);
}
