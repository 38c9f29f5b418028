/* plink_simulate.c - for plink.sh: plink_simulate PREFIX writes one small simulated cohort; plink_simulate glm PREFIX prints
 * our logistic regression of every SNP of a fileset on column 6 of its .fam: ID, beta, standard error, p. */
#include "filesets/source.h"
#include "formats/pheno.h"
#include "simulate/gwas.h"
#include "simulate/simulate.h"

#include <stdio.h>
#include <string.h>

typedef struct regression {
    const sg_source *s;
    const int8_t *label;
} regression;

static sg_status regress(void *ctx, int64_t first, int64_t n, const uint64_t *row, sg_err *err)
{
    const regression *k = ctx;
    (void)err;
    for (int64_t v = 0; v < n; v++) {
        int64_t count[2][3] = {{0}};
        const uint64_t *x = row + v * SG_ROW_WORDS(k->s->fam.n);
        for (int64_t i = 0; i < k->s->fam.n; i++) {
            const int code = (int)(x[i / 32] >> (2 * (i % 32)) & 3);
            if (code != SG_MISSING && k->label[i] >= 0)
                count[k->label[i]][code]++;
        }
        const sg_gwas_result r = sg_gwas_logistic((const int64_t(*)[3])count);
        (void)printf("%s %.6g %.6g %.6g\n", k->s->bim.row[first + v].id, r.beta, r.se, r.p);
    }
    return SG_OK;
}

static sg_status glm(const char *prefix, sg_arena *a, sg_err *err)
{
    sg_source s;
    sg_pheno pheno;
    const sg_pheno_options o = {0};
    SG_TRY(sg_source_open(prefix, NULL, a, &s, err));
    SG_TRY(sg_pheno_from_fam(prefix, &o, &s.fam, a, &pheno, err));
    int64_t *all = SG_NEW_RAW(a, int64_t, s.bim.n);
    if (!all)
        return sg_arena_full(a, "a fileset", err);
    for (int64_t v = 0; v < s.bim.n; v++)
        all[v] = v;
    regression k = {&s, pheno.label};
    return sg_source_read(&s, all, s.bim.n, NULL, NULL, a, regress, &k, err);
}

static sg_status simulate(const char *prefix, sg_arena *a, sg_err *err)
{
    sg_simulate_options o;
    sg_simulate_report rep;
    SG_TRY(sg_simulate_preset("t2d", 501, 333, &o, err));
    o.out = prefix;
    o.missing = 0.02;
    o.case_fraction = 0.4;
    return sg_simulate(&o, NULL, a, &rep, err);
}

int main(int argc, char **argv)
{
    sg_err err = {0};
    sg_arena a = {0};
    const bool is_glm = argc == 3 && !strcmp(argv[1], "glm");
    if (argc != 2 && !is_glm)
        return 2;
    sg_status st = sg_arena_init(&a, (size_t)1 << 30, &err);
    if (!st)
        st = is_glm ? glm(argv[2], &a, &err) : simulate(argv[1], &a, &err);
    if (st)
        (void)fprintf(stderr, "%s\n", err.msg);
    sg_arena_clear(&a);
    return st ? 1 : 0;
}
