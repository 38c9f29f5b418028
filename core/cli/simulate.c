/* simulate.c - snpgen simulate: a cohort with known causal effects. */
#include "cli/cli.h"
#include "simulate/simulate.h"

#include <math.h>
#include <stdio.h>

static const char usage[] =
    "--out P --people N --snps M --trait NAME [options]\n"
    "       snpgen simulate --out P --people N --from BFILE --trait NAME [--effects FILE] [options]\n\n"
    "Simulates a cohort with linkage disequilibrium and known causal effects:\n"
    "P.bed/.bim/.fam, P.pheno, P.covar, P.sumstats.tsv (a discovery study of other people), P.truth.tsv.\n"
    "Founders come from a genealogy (unlinked loci of a few SNPs), or with --from they are the people of real files,\n"
    "of which everybody is a mosaic. Traits: cad, bc, t1d, t2d.";

enum { DISCOVERY = 100000 }; /* as large as studies are whose SNPs are used */

/* Options left at NaN or 0 keep the trait's value. */
typedef struct given {
    double prevalence, h2, case_fraction, discovery_case_fraction, missing, maf, switches, fst, pairs_share, sex, age,
        ancestry, selection;
    int64_t causal, discovery, locus, ancestries, pairs;
    const char *from, *effects, *shape;
} given;

static sg_status apply(const given *g, sg_simulate_options *o, sg_err *err)
{
    if (!isnan(g->prevalence))
        o->prevalence = o->case_fraction = g->prevalence;
    if (!isnan(g->h2))
        o->h2 = g->h2;
    if (!isnan(g->case_fraction))
        o->case_fraction = g->case_fraction;
    if (g->causal)
        o->causal = g->causal;
    o->discovery = g->discovery ? g->discovery : o->people > DISCOVERY ? o->people : DISCOVERY;
    if (g->from && !g->causal && !o->snps)
        o->causal = 1000;
    o->discovery_case_fraction = g->discovery_case_fraction;
    o->missing = g->missing;
    o->locus_snps = g->locus;
    o->from = g->from;
    o->effects = g->effects;
    o->maf = g->maf;
    o->switches = g->switches;
    o->ancestries = g->ancestries;
    o->fst = g->fst;
    o->pairs = g->pairs;
    o->pairs_share = g->pairs_share;
    o->sex_effect = g->sex;
    o->age_effect = g->age;
    o->ancestry_effect = g->ancestry;
    o->selection = g->selection;
    return sg_effect_shape_parse(g->shape, &o->shape, err);
}

static void show_json(const sg_simulate_options *o, const sg_simulate_report *r)
{
    (void)printf("{\"trait\":\"%s\",\"people\":%lld,\"cases\":%lld,\"snps\":%lld,\"causal\":%lld,\"seed\":%llu,"
                 "\"prevalence\":%g,\"h2\":%g,\"h2_seen\":%.4g,\"looked_at\":%lld,\"discovery\":%lld,"
                 "\"discovery_cases\":%lld,\"genome_wide_hits\":%lld,\"ancestries\":%lld,\"interactions\":%lld",
                 o->trait, (long long)r->n_people, (long long)r->n_case, (long long)r->n_snp, (long long)r->n_causal,
                 (unsigned long long)o->seed, o->prevalence, o->h2, r->h2_seen, (long long)r->n_looked,
                 (long long)r->n_discovery, (long long)r->n_discovery_case, (long long)r->n_hits,
                 (long long)o->ancestries, (long long)o->pairs);
    if (o->from)
        (void)printf(",\"founders\":%lld,\"phased\":\"%s\",\"rare\":%lld,\"not_autosomal\":%lld,\"filled\":%lld",
                     (long long)r->n_founder, r->phased ? "by the file" : "by resampling", (long long)r->n_rare,
                     (long long)r->n_other_chrom, (long long)r->n_filled);
    if (o->effects)
        (void)printf(",\"effects\":%lld,\"effects_absent\":%lld,\"effects_other_alleles\":%lld",
                     (long long)r->n_effects, (long long)r->n_effects_absent, (long long)r->n_effects_other);
    (void)printf("}\n");
}

static void show(const sg_simulate_options *o, const sg_simulate_report *r)
{
    if (o->from)
        (void)printf("%10lld  founder haplotypes, phased by %s; %lld SNPs rarer than %g and %lld that are not on\n"
                     "            chromosomes 1 to 22 were left out, %lld missing calls drawn\n",
                     (long long)r->n_founder, r->phased ? "the file" : "resampling", (long long)r->n_rare, o->maf,
                     (long long)r->n_other_chrom, (long long)r->n_filled);
    if (o->effects)
        (void)printf("%10lld  effects used; %lld of SNPs that are not there, %lld with other alleles\n",
                     (long long)r->n_effects, (long long)r->n_effects_absent, (long long)r->n_effects_other);
    (void)printf("%10lld  people, %lld of them cases (found among %lld)\n"
                 "%10lld  SNPs, %lld of them causal; genes make up %.3f of liability\n"
                 "%10lld  other people in the discovery study, %lld of them cases: %lld SNPs with p < 5e-8\n"
                 "%s.bed .bim .fam .pheno .covar .sumstats.tsv .truth.tsv%s written\n",
                 (long long)r->n_people, (long long)r->n_case, (long long)r->n_looked, (long long)r->n_snp,
                 (long long)r->n_causal, r->h2_seen, (long long)r->n_discovery, (long long)r->n_discovery_case,
                 (long long)r->n_hits, o->out, o->pairs ? " .pairs.tsv" : "");
}

static sg_status simulate(const sg_cli *cli, const char *out, const char *trait, int64_t people, int64_t snps,
                          const given *g, sg_err *err)
{
    sg_arena a = {0};
    sg_simulate_options o;
    sg_simulate_report rep;
    if (snps == 0 && !g->from)
        return sg_fail(err, SG_LIMIT, "want --snps, or --from with founders");
    SG_TRY(sg_simulate_preset(trait, people, snps, &o, err));
    SG_TRY(apply(g, &o, err));
    o.out = out;
    o.seed = (uint64_t)cli->seed;
    SG_TRY(sg_arena_init(&a, (size_t)cli->memory_mib << 20, err));
    const sg_status st = sg_simulate(&o, &cli->run, &a, &rep, err);
    sg_arena_clear(&a);
    if (st)
        return st;
    if (cli->json)
        show_json(&o, &rep);
    else
        show(&o, &rep);
    return SG_OK;
}

int sg_cmd_simulate(int argc, char **argv)
{
    const char *out = NULL, *trait = NULL;
    int64_t people = 0, snps = 0;
    given g = {.prevalence = NAN,
               .h2 = NAN,
               .case_fraction = NAN,
               .discovery_case_fraction = 0.5,
               .locus = 20,
               .maf = 0.01,
               .switches = NAN,
               .ancestries = 1,
               .fst = 0.1,
               .pairs_share = 0.2,
               .selection = -0.25,
               .shape = "normal"};
    const sg_opt opts[] = {
        {"out", SG_OPT_TEXT, &out, 0, 0, "P", "prefix of the files", true},
        {"people", SG_OPT_INT, &people, 1, 1e7, "N", "people in the cohort", true},
        {"snps", SG_OPT_INT, &snps, 0, 1e6, "M", "SNPs; with --from that many of its, at random, 0: all", false},
        {"trait", SG_OPT_TEXT, &trait, 0, 0, "NAME", "cad, bc, t1d or t2d", true},
        {"from", SG_OPT_TEXT, &g.from, 0, 0, "FILES",
         "founders: prefix of a PLINK fileset, or a VCF or BCF; {} for one per chromosome", false},
        {"maf", SG_OPT_REAL, &g.maf, 0, 0.49, "X", "least frequency of a SNP of --from", false},
        {"switches", SG_OPT_REAL, &g.switches, 0, 1e5, "X",
         "a haplotype changes its founder this often per cM; else 400 / founders", false},
        {"effects", SG_OPT_TEXT, &g.effects, 0, 0, "FILE",
         "table of effects (ID or place, alleles, BETA), scaled together to h2; else drawn", false},
        {"effect-shape", SG_OPT_TEXT, &g.shape, 0, 0, "WORD", "drawn effects: normal, exponential or equal", false},
        {"selection", SG_OPT_REAL, &g.selection, -2, 2, "X",
         "drawn effects go with (2 p (1 - p)) to this power: below 0 rarer alleles have larger ones", false},
        {"prevalence", SG_OPT_REAL, &g.prevalence, 0.0005, 0.5, "X", "of cases in the population; by trait", false},
        {"case-fraction", SG_OPT_REAL, &g.case_fraction, 0.0005, 0.9995, "X", "of cases in the cohort; the prevalence",
         false},
        {"h2", SG_OPT_REAL, &g.h2, 0.001, 0.999, "X", "heritability of liability; by trait", false},
        {"causal", SG_OPT_INT, &g.causal, 0, 1e6, "N", "causal SNPs; 0: by trait, of the whole of --from 1000", false},
        {"interactions", SG_OPT_INT, &g.pairs, 0, 1000, "N",
         "pairs of causal SNPs that act beyond the sum of both (P.pairs.tsv)", false},
        {"interaction-share", SG_OPT_REAL, &g.pairs_share, 0, 0.99, "X", "of h2 that is the interactions'", false},
        {"ancestries", SG_OPT_INT, &g.ancestries, 1, 16, "K", "populations, as many people of each", false},
        {"fst", SG_OPT_REAL, &g.fst, 0, 0.9, "X", "F_ST of each ancestry against their common origin", false},
        {"sex-effect", SG_OPT_REAL, &g.sex, -2, 2, "X", "liability of men above women's, in standard deviations",
         false},
        {"age-effect", SG_OPT_REAL, &g.age, -1, 1, "X", "liability per standard deviation of age", false},
        {"ancestry-effect", SG_OPT_REAL, &g.ancestry, -1, 1, "X",
         "liability per standard deviation of the first ancestry axis", false},
        {"discovery", SG_OPT_INT, &g.discovery, 0, 1e7, "N",
         "people in the discovery study; 0: 100,000, or as many as in the cohort when those are more", false},
        {"discovery-case-fraction", SG_OPT_REAL, &g.discovery_case_fraction, 0.01, 0.99, "X",
         "of cases in the discovery study", false},
        {"locus", SG_OPT_INT, &g.locus, 1, 64, "N", "built-in founders: SNPs per locus, 5 kb apart", false},
        {"missing", SG_OPT_REAL, &g.missing, 0, 0.9, "X", "share of missing genotypes", false},
    };
    sg_cli cli;
    const int got = sg_cli_begin(&cli, "simulate", usage, opts, (int)(sizeof opts / sizeof *opts), argc, argv);
    if (got >= 0)
        return got;
    sg_err err = {0};
    const sg_status st = simulate(&cli, out, trait, people, snps, &g, &err);
    return sg_cli_end(&cli, st, &err);
}
