/* simulate.c - snpgen simulate: a cohort with known causal effects. */
#include "cli/cli.h"
#include "simulate/simulate.h"

#include <math.h>
#include <stdio.h>

static const char usage[] =
    "--out P --people N --snps M --trait NAME [options]\n\n"
    "Simulates a cohort with linkage disequilibrium and known causal effects:\n"
    "P.bed/.bim/.fam, P.pheno, P.sumstats.tsv (a discovery study of other people), P.truth.tsv.\n"
    "Traits: cad, bc, t1d, t2d.";

/* Options left at NaN or 0 keep the trait's value. */
typedef struct given {
    double prevalence, h2, case_fraction, discovery_case_fraction, missing;
    int64_t causal, discovery, locus;
} given;

static void apply(const given *g, sg_simulate_options *o)
{
    if (!isnan(g->prevalence))
        o->prevalence = o->case_fraction = g->prevalence;
    if (!isnan(g->h2))
        o->h2 = g->h2;
    if (!isnan(g->case_fraction))
        o->case_fraction = g->case_fraction;
    if (g->causal)
        o->causal = g->causal;
    if (g->discovery)
        o->discovery = g->discovery;
    o->discovery_case_fraction = g->discovery_case_fraction;
    o->missing = g->missing;
    o->locus_snps = g->locus;
}

static void show(const sg_cli *cli, const sg_simulate_options *o, const sg_simulate_report *r)
{
    if (cli->json)
        (void)printf("{\"trait\":\"%s\",\"people\":%lld,\"cases\":%lld,\"snps\":%lld,\"causal\":%lld,\"seed\":%llu,"
                     "\"prevalence\":%g,\"h2\":%g,\"looked_at\":%lld,\"discovery\":%lld,\"discovery_cases\":%lld,"
                     "\"genome_wide_hits\":%lld}\n",
                     o->trait, (long long)r->n_people, (long long)r->n_case, (long long)r->n_snp,
                     (long long)r->n_causal, (unsigned long long)o->seed, o->prevalence, o->h2, (long long)r->n_looked,
                     (long long)r->n_discovery, (long long)r->n_discovery_case, (long long)r->n_hits);
    else
        (void)printf("%10lld  people, %lld of them cases (found among %lld)\n"
                     "%10lld  SNPs, %lld of them causal\n"
                     "%10lld  other people in the discovery study, %lld of them cases: %lld SNPs with p < 5e-8\n"
                     "%s.bed .bim .fam .pheno .sumstats.tsv .truth.tsv written\n",
                     (long long)r->n_people, (long long)r->n_case, (long long)r->n_looked, (long long)r->n_snp,
                     (long long)r->n_causal, (long long)r->n_discovery, (long long)r->n_discovery_case,
                     (long long)r->n_hits, o->out);
}

int sg_cmd_simulate(int argc, char **argv)
{
    const char *out = NULL, *trait = NULL;
    int64_t people = 0, snps = 0;
    given g = {.prevalence = NAN, .h2 = NAN, .case_fraction = NAN, .discovery_case_fraction = 0.5, .locus = 20};
    const sg_opt opts[] = {
        {"out", SG_OPT_TEXT, &out, 0, 0, "P", "prefix of the files", true},
        {"people", SG_OPT_INT, &people, 1, 1e7, "N", "people in the cohort", true},
        {"snps", SG_OPT_INT, &snps, 1, 1e6, "M", "SNPs", true},
        {"trait", SG_OPT_TEXT, &trait, 0, 0, "NAME", "cad, bc, t1d or t2d", true},
        {"prevalence", SG_OPT_REAL, &g.prevalence, 0.0005, 0.5, "X", "of cases in the population; by trait", false},
        {"case-fraction", SG_OPT_REAL, &g.case_fraction, 0.0005, 0.9995, "X", "of cases in the cohort; the prevalence",
         false},
        {"h2", SG_OPT_REAL, &g.h2, 0.001, 0.999, "X", "heritability of liability; by trait", false},
        {"causal", SG_OPT_INT, &g.causal, 0, 1e6, "N", "causal SNPs; 0: by trait", false},
        {"discovery", SG_OPT_INT, &g.discovery, 0, 1e7, "N",
         "people in the discovery study; 0: as many as in the cohort", false},
        {"discovery-case-fraction", SG_OPT_REAL, &g.discovery_case_fraction, 0.01, 0.99, "X",
         "of cases in the discovery study", false},
        {"locus", SG_OPT_INT, &g.locus, 1, 64, "N", "SNPs per locus, 5 kb apart; loci are unlinked", false},
        {"missing", SG_OPT_REAL, &g.missing, 0, 0.9, "X", "share of missing genotypes", false},
    };
    sg_cli cli;
    const int got = sg_cli_begin(&cli, "simulate", usage, opts, (int)(sizeof opts / sizeof *opts), argc, argv);
    if (got >= 0)
        return got;
    sg_err err = {0};
    sg_arena a = {0};
    sg_simulate_options o;
    sg_simulate_report rep;
    sg_status st = sg_simulate_preset(trait, people, snps, &o, &err);
    if (!st)
        st = sg_arena_init(&a, (size_t)cli.memory_mib << 20, &err);
    if (!st) {
        apply(&g, &o);
        o.out = out;
        o.seed = (uint64_t)cli.seed;
        st = sg_simulate(&o, &cli.run, &a, &rep, &err);
    }
    if (!st)
        show(&cli, &o, &rep);
    sg_arena_clear(&a);
    return sg_cli_end(&cli, st, &err);
}
