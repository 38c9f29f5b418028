/* files.c - see files.h. */
#include "simulate/files.h"
#include "base/file.h"

#include <math.h>

sg_status sg_simulate_path(const sg_simulate_options *o, const char *ending, char out[PATH_MAX], sg_err *err)
{
    return snprintf(out, PATH_MAX, "%s%s", o->out, ending) < PATH_MAX
               ? SG_OK
               : sg_fail(err, SG_LIMIT, "%.200s...: path too long", o->out);
}

static sg_status open_file(const sg_simulate_options *o, const char *ending, sg_out *f, sg_err *err)
{
    char path[PATH_MAX];
    SG_TRY(sg_simulate_path(o, ending, path, err));
    return sg_out_open(path, 0644, f, err);
}

void sg_simulate_put(FILE *f, double x)
{
    if (isnan(x))
        (void)fprintf(f, "\tNA");
    else
        (void)fprintf(f, "\t%.9g", x);
}

static void put_person(FILE *f, int64_t s)
{
    (void)fprintf(f, "SIM%07lld\tSIM%07lld", (long long)s + 1, (long long)s + 1);
}

static sg_status write_covariates(const sg_simulate_options *o, const sg_population *p, const sg_drawn *d, sg_err *err)
{
    sg_out f;
    SG_TRY(open_file(o, ".covar", &f, err));
    (void)fprintf(f.f, "#FID\tIID\tSEX\tAGE");
    if (p->n_ancestry > 1)
        (void)fprintf(f.f, "\tANCESTRY");
    for (int k = 0; k + 1 < p->n_ancestry; k++)
        (void)fprintf(f.f, "\tPC%d", k + 1);
    (void)fputc('\n', f.f);
    for (int64_t s = 0; s < d->n; s++) {
        const sg_person *x = &d->person[s];
        put_person(f.f, s);
        (void)fprintf(f.f, "\t%d\t%d", x->sex, x->age);
        if (p->n_ancestry > 1)
            (void)fprintf(f.f, "\t%d", x->ancestry + 1);
        for (int k = 0; k + 1 < p->n_ancestry; k++)
            (void)fprintf(f.f, "\t%.6g", sg_ancestry_axis(p->n_ancestry, x->ancestry, k));
        (void)fputc('\n', f.f);
    }
    return sg_out_commit(&f, err);
}

sg_status sg_simulate_people(const sg_simulate_options *o, const sg_population *p, const sg_drawn *d, sg_err *err)
{
    sg_out f;
    SG_TRY(open_file(o, ".fam", &f, err));
    for (int64_t s = 0; s < d->n; s++) {
        put_person(f.f, s);
        (void)fprintf(f.f, "\t0\t0\t%d\t%d\n", d->person[s].sex, d->person[s].label + 1);
    }
    SG_TRY(sg_out_commit(&f, err));
    SG_TRY(open_file(o, ".pheno", &f, err));
    (void)fprintf(f.f, "FID\tIID\tPHENO\n");
    for (int64_t s = 0; s < d->n; s++) {
        put_person(f.f, s);
        (void)fprintf(f.f, "\t%d\n", d->person[s].label + 1);
    }
    SG_TRY(sg_out_commit(&f, err));
    return write_covariates(o, p, d, err);
}

static void put_origin(const sg_simulate_options *o, const sg_population *p, const sg_simulate_report *r, FILE *f)
{
    if (o->from)
        (void)fprintf(f, "##from=%lld haplotypes, %s, %lld SNPs rarer than %g left out\n", (long long)r->n_founder,
                      r->phased ? "phased by the file" : "phased by resampling", (long long)r->n_rare, o->maf);
    if (o->effects)
        (void)fprintf(f, "##effects=read: %lld used, %lld of SNPs that are not there, %lld with other alleles\n",
                      (long long)r->n_effects, (long long)r->n_effects_absent, (long long)r->n_effects_other);
    if (p->n_ancestry > 1)
        (void)fprintf(f, "##ancestry=%d populations, F_ST %g\n", p->n_ancestry, o->fst);
    else
        (void)fprintf(f, "##ancestry=none (one population)\n");
}

static sg_status write_pairs(const sg_simulate_options *o, const sg_population *p, sg_err *err)
{
    sg_out f;
    SG_TRY(open_file(o, ".pairs.tsv", &f, err));
    (void)fprintf(
        f.f,
        "##simulated=snpgen %s\n##liability gets BETA times (copies of A1 of SNP_1 less their mean) times (the "
        "same of SNP_2)\nSNP_1\tA1_1\tSNP_2\tA1_2\tBETA\n",
        SG_VERSION);
    for (int64_t i = 0; i < p->n_pair; i++) {
        const sg_bim_row *x = &p->bim.row[p->pair[i].snp[0]], *y = &p->bim.row[p->pair[i].snp[1]];
        (void)fprintf(f.f, "%s\t%s\t%s\t%s\t%.9g\n", x->id, x->a1, y->id, y->a1, p->pair[i].effect);
    }
    return sg_out_commit(&f, err);
}

sg_status sg_simulate_truth(const sg_simulate_options *o, const sg_population *p, const sg_simulate_report *r,
                            sg_err *err)
{
    sg_out f;
    SG_TRY(open_file(o, ".truth.tsv", &f, err));
    (void)fprintf(f.f, "##simulated=snpgen %s\n##trait=%s\n##seed=%llu\n", SG_VERSION, o->trait,
                  (unsigned long long)o->seed);
    put_origin(o, p, r, f.f);
    (void)fprintf(f.f,
                  "##prevalence=%g\n##h2_liability=%g\n##h2_seen=%.4g\n##liability_threshold=%.6g\n"
                  "##effects_of=sex %g, age %g, ancestry %g\n##cohort=%lld people, %lld cases\n",
                  o->prevalence, o->h2, p->h2_seen, p->threshold, p->women_only ? 0 : p->sex_effect, p->age_effect,
                  p->n_ancestry > 1 ? p->ancestry_effect : 0, (long long)r->n_people, (long long)r->n_case);
    (void)fprintf(f.f, "##ascertained=%s\n##discovery=%lld other people, %lld cases\n",
                  fabs(o->case_fraction - o->prevalence) > 1e-12 ? "yes: cases are not as frequent as in the population"
                                                                 : "no",
                  (long long)r->n_discovery, (long long)r->n_discovery_case);
    (void)fprintf(f.f, "SNP\tCHR\tBP\tA1\tA2\tFRQ\tBETA_LIABILITY\tVARIANCE\n");
    for (int64_t v = 0; v < p->n_snp; v++) {
        const sg_bim_row *x = &p->bim.row[v];
        if (p->effect[v] != 0)
            (void)fprintf(f.f, "%s\t%s\t%lld\t%s\t%s\t%.6g\t%.9g\t%.6g\n", x->id, x->chrom, (long long)x->pos, x->a1,
                          x->a2, p->freq[v], p->effect[v],
                          2 * p->freq[v] * (1 - p->freq[v]) * p->effect[v] * p->effect[v]);
    }
    SG_TRY(sg_out_commit(&f, err));
    return p->n_pair ? write_pairs(o, p, err) : SG_OK;
}
