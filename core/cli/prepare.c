/* prepare.c - snpgen prepare: genotypes, phenotype and summary statistics in, a dataset folder out. */
#include "cli/cli.h"
#include "panel/prepare.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char usage[] = "--bfile B (or --vcf V) --sumstats S --out D [options]\n\n"
                            "Chooses people and trait-associated SNPs, aligns alleles, imputes, splits, and writes a\n"
                            "dataset folder: panel.tsv, genotypes.snpz, split.tsv, prepare.json.";

int sg_cmd_prepare(int argc, char **argv)
{
    sg_prepare_options o = sg_prepare_default();
    const char *impute = "binomial", *relatives = "group", *duplicates = "drop", *rank = "p";
    const sg_opt opts[] = {
        {"bfile", SG_OPT_TEXT, &o.bfile, 0, 0, "B", "PLINK fileset B.bed, B.bim, B.fam; {} in B: one per chromosome",
         false},
        {"vcf", SG_OPT_TEXT, &o.vcf, 0, 0, "V", "VCF or BCF, plain or bgzipped; {} in V: one per chromosome", false},
        {"pheno", SG_OPT_TEXT, &o.pheno, 0, 0, "F", "phenotypes: FID IID value; column 6 of the .fam without", false},
        {"pheno-name", SG_OPT_TEXT, &o.pheno_options.column, 0, 0, "COL", "column of the phenotype's header", false},
        {"case-label", SG_OPT_TEXT, &o.pheno_options.case_label, 0, 0, "WORD", "this word is a case, others controls",
         false},
        {"threshold", SG_OPT_TEXT, &o.pheno_options.threshold, 0, 0, "X",
         "a quantity above X (or \"median\") is a case", false},
        {"label-names", SG_OPT_TEXT, &o.label_names, 0, 0, "A,B", "names of control and case", false},
        {"trait", SG_OPT_TEXT, &o.trait, 0, 0, "NAME", "name of the trait", false},
        {"prevalence", SG_OPT_REAL, &o.prevalence, 1e-9, 1, "X", "of cases in the population; share of cases without",
         false},
        {"sumstats", SG_OPT_TEXT, &o.sumstats, 0, 0, "S", "summary statistics, plain or gzip", true},
        {"col", SG_OPT_TEXT, &o.columns, 0, 0, "ROLE=NAME,...", "columns of the summary statistics", false},
        {"top", SG_OPT_INT, &o.top, 1, 65536, "K", "SNPs with the smallest p", false},
        {"rank", SG_OPT_TEXT, &rank, 0, 0, "HOW",
         "what makes the top: p, or effect (variance explained: for published scores, which have no p)", false},
        {"clump-p1", SG_OPT_REAL, &o.clump.p1, 0, 1, "P", "clumping: largest p of an index SNP (as plink --clump)",
         false},
        {"clump-p2", SG_OPT_REAL, &o.clump.p2, 0, 1, "P", "clumping: SNPs above this are taken up by none", false},
        {"clump-r2", SG_OPT_REAL, &o.clump.r2, 0, 1, "X",
         "clumping: linked from this r2 on; any of the four turns it on", false},
        {"clump-kb", SG_OPT_REAL, &o.clump.kb, 0, 1e6, "KB", "clumping: within this distance", false},
        {"min-distance", SG_OPT_INT, &o.clump.distance, 0, 1e9, "BP", "no two chosen SNPs nearer than this; 0 any",
         false},
        {"region", SG_OPT_TEXT, &o.regions, 0, 0, "LIST", "only these regions: 6:25000000-34000000, 22, hla", false},
        {"exclude-region", SG_OPT_TEXT, &o.no_regions, 0, 0, "LIST", "not these; hla is 6:25000000-34000000", false},
        {"maf", SG_OPT_REAL, &o.maf, 0, 0.5, "X", "least minor allele frequency", false},
        {"geno", SG_OPT_REAL, &o.geno, 0, 1, "X", "most missing genotypes per variant", false},
        {"mind", SG_OPT_REAL, &o.mind, 0, 1, "X", "most missing genotypes per person", false},
        {"hwe", SG_OPT_REAL, &o.hwe, 0, 1, "P", "least Hardy-Weinberg p in controls, autosomes", false},
        {"keep", SG_OPT_TEXT, &o.keep, 0, 0, "F", "only these people (FID IID)", false},
        {"remove", SG_OPT_TEXT, &o.remove, 0, 0, "F", "not these people", false},
        {"sex-only", SG_OPT_TEXT, &o.sex_only, 0, 0, "SEX", "only male or female people", false},
        {"extract", SG_OPT_TEXT, &o.extract, 0, 0, "F", "only these variants (an ID per line)", false},
        {"exclude", SG_OPT_TEXT, &o.exclude, 0, 0, "F", "not these variants", false},
        {"relatives", SG_OPT_TEXT, &relatives, 0, 0, "HOW", "group: families on one side of the split; ignore", false},
        {"duplicates", SG_OPT_TEXT, &duplicates, 0, 0, "HOW", "people with the same genotypes: drop or refuse", false},
        {"impute", SG_OPT_TEXT, &impute, 0, 0, "HOW", "missing genotypes: binomial or mode", false},
        {"test", SG_OPT_REAL, &o.split.test, 0, 0.9, "X", "share of all people kept for testing", false},
        {"val", SG_OPT_REAL, &o.split.val, 0, 0.9, "X", "share of the rest kept for validation", false},
        {"strata", SG_OPT_INT, &o.strata, 0, SG_STRATA_MAX, "N",
         "groups of like ancestry found by principal components, each in train, val, test and audit by its share",
         false},
        {"audit", SG_OPT_REAL, &o.split.audit, 0, 1, "X",
         "share of all that coins place in train or test; without: as --test, 500 to 20,000 people or nobody", false},
        {"out", SG_OPT_TEXT, &o.out, 0, 0, "D", "folder to make", true},
    };
    sg_cli cli;
    const int got = sg_cli_begin(&cli, "prepare", usage, opts, (int)(sizeof opts / sizeof *opts), argc, argv);
    if (got >= 0)
        return got;
    for (int i = 1; i < argc; i++)
        o.clump.on = o.clump.on || !strncmp(argv[i], "--clump-", 8);
    o.split.seed = (uint64_t)cli.seed;
    sg_err err = {0};
    sg_arena a = {0};
    sg_prepare_report rep;
    sg_buf text;
    sg_buf_init(&text, 1 << 20);
    sg_status st = sg_impute_parse(impute, &o.impute, &err);
    o.relatives.ignore = !strcmp(relatives, "ignore");
    o.relatives.duplicates = !strcmp(duplicates, "refuse") ? SG_DUPLICATES_REFUSE : SG_DUPLICATES_DROP;
    o.rank = !strcmp(rank, "effect") ? SG_RANK_EFFECT : SG_RANK_P;
    if (!st && o.rank == SG_RANK_P && strcmp(rank, "p") != 0)
        st = sg_fail(&err, SG_LIMIT, "--rank is \"%.40s\", want p or effect", rank);
    if (!st && !o.relatives.ignore && strcmp(relatives, "group") != 0)
        st = sg_fail(&err, SG_LIMIT, "--relatives is \"%.40s\", want group or ignore", relatives);
    if (!st && o.relatives.duplicates == SG_DUPLICATES_DROP && strcmp(duplicates, "drop") != 0)
        st = sg_fail(&err, SG_LIMIT, "--duplicates is \"%.40s\", want drop or refuse", duplicates);
    if (!st)
        st = sg_arena_init(&a, (size_t)cli.memory_mib << 20, &err);
    if (!st)
        st = sg_prepare(&o, &cli.run, &a, &rep, cli.json ? &text : NULL, &err);
    if (!st && !cli.json)
        st = sg_prepare_flow(&rep, &text, &err);
    if (!st && !cli.json)
        st = sg_buf_printf(&text, &err, "dataset %s written\n", o.out);
    if (!st)
        (void)fwrite(text.data, 1, text.n, stdout);
    sg_buf_clear(&text);
    sg_arena_clear(&a);
    return sg_cli_end(&cli, st, &err);
}
