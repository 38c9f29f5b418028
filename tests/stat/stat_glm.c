/* Log odds per SNP and their standard errors against plink2 --glm on the real people of eur22loci, for a label drawn by
 * chance. Skipped without the data or plink2. */
#include "base/rng.h"
#include "formats/plink.h"
#include "formats/text.h"
#include "learn/linear.h"
#include "../unit/files.h"
#include "../unit/unit.h"

#include <math.h>
#include <string.h>

typedef struct cohort {
    char prefix[UNIT_PATH];
    sg_bim bim;
    sg_fam fam;
    sg_bed *bed;
    uint8_t *is_case, *row;
} cohort;

/* Loads the fileset and writes dir/pheno.txt with labels drawn by chance. */
static void load(const char *shared, const char *dir, sg_arena *a, cohort *c)
{
    char path[UNIT_PATH];
    sg_err err = {0};
    sg_buf b;
    unit_path(c->prefix, shared, "data/eur22loci/eur22loci");
    (void)snprintf(path, sizeof path, "%.400s.bim", c->prefix);
    ck_ok(sg_bim_load(path, a, &c->bim, &err), err);
    (void)snprintf(path, sizeof path, "%.400s.fam", c->prefix);
    ck_ok(sg_fam_load(path, a, &c->fam, &err), err);
    (void)snprintf(path, sizeof path, "%.400s.bed", c->prefix);
    ck_ok(sg_bed_open(path, c->bim.n, c->fam.n, &c->bed, &err), err);
    c->is_case = SG_NEW(a, uint8_t, c->fam.n);
    c->row = SG_NEW(a, uint8_t, (c->fam.n + 3) / 4);
    sg_buf_init(&b, 1 << 22);
    sg_rng r = sg_rng_stream(5, SG_RNG_TEST, 0, 0);
    ck_ok(sg_buf_printf(&b, &err, "#FID\tIID\tY\n"), err);
    for (int64_t i = 0; i < c->fam.n; i++) {
        c->is_case[i] = sg_rng_uniform(&r) < 0.4;
        ck_ok(sg_buf_printf(&b, &err, "%s\t%s\t%d\n", c->fam.row[i].fid, c->fam.row[i].iid, 1 + c->is_case[i]), err);
    }
    unit_path(path, dir, "pheno.txt");
    ck_ok(sg_file_write(path, 0600, b.data, b.n, &err), err);
    sg_buf_clear(&b);
}

static sg_beta ours(const cohort *c, int64_t v)
{
    int64_t count[2][4] = {{0}};
    sg_err err = {0};
    ck_ok(sg_bed_read(c->bed, v, c->row, &err), err);
    for (int64_t i = 0; i < c->fam.n; i++)
        count[c->is_case[i]][c->row[i / 4] >> (2 * (i % 4)) & 3]++;
    return sg_beta_fit(count[0], count[1]);
}

/* Column `name` of a header line split into n fields. */
static int column(char **field, int n, const char *name)
{
    for (int k = 0; k < n; k++)
        if (!strcmp(field[k], name))
            return k;
    ck_abort_msg("plink2 has no column %s", name);
    return -1;
}

START_TEST(log_odds_and_errors_are_those_of_plink2)
{
    const char *shared = shared_folder();
    if (!shared || system("plink2 --version > /dev/null 2>&1") != 0) {
        (void)printf("SKIP: no shared data or no plink2\n");
        return;
    }
    char dir[UNIT_PATH], path[UNIT_PATH], command[5 * UNIT_PATH], *data, *line, *field[32];
    unit_dir(dir);
    sg_arena a = unit_arena((size_t)1 << 30);
    static cohort c;
    sg_err err = {0};
    sg_text t;
    size_t n;
    load(shared, dir, &a, &c);
    (void)snprintf(command, sizeof command,
                   "plink2 --bfile %s --chr 1-6 --pheno %s/pheno.txt --glm no-firth allow-no-covars cols=+beta,-orbeta "
                   "--threads 1 --out %s/g > %s/log 2>&1",
                   c.prefix, dir, dir, dir);
    ck_assert_int_eq(system(command), 0);
    unit_path(path, dir, "g.Y.glm.logistic");
    ck_ok(sg_text_load(path, (size_t)1 << 28, &a, &data, &n, &err), err);
    ck_ok(sg_text_begin(&t, "glm", data, n, &err), err);
    ck_ok(sg_text_next(&t, &line, &err), err);
    int k = sg_text_split(line, '\t', field, 32);
    const int id = column(field, k, "ID"), a1 = column(field, k, "A1"), beta = column(field, k, "BETA"),
              se = column(field, k, "SE"), code = column(field, k, "ERRCODE");
    int64_t v = 0, compared = 0, refused = 0;
    double worst = 0, worst_se = 0;
    for (;;) {
        ck_ok(sg_text_next(&t, &line, &err), err);
        if (!line)
            break;
        (void)sg_text_split(line, '\t', field, 32);
        while (strcmp(c.bim.row[v].id, field[id]) != 0)
            v++;
        const sg_beta b = ours(&c, v);
        double x, s;
        if (strcmp(field[code], ".") != 0 || !sg_text_real(field[beta], &x) || !sg_text_real(field[se], &s)) {
            refused++;
            ck_assert_msg(!isfinite(b.beta) || b.se > 5, "plink2 has no estimate, ours is %g +- %g", b.beta, b.se);
            continue;
        }
        x = strcmp(field[a1], c.bim.row[v].a1) != 0 ? -x : x; /* plink2 counts the rarer allele */
        worst = fmax(worst, fabs(b.beta - x) / s);
        worst_se = fmax(worst_se, fabs(b.se / s - 1));
        compared++;
    }
    ck_assert_int_gt(compared, 10000);
    ck_assert_double_lt(worst, 2e-3); /* six digits, and steps that end a little early */
    ck_assert_double_lt(worst_se, 2e-3);
    (void)printf("%lld SNPs, %lld without an estimate; worst %.2g standard errors apart, %.2g of the error\n",
                 (long long)compared, (long long)refused, worst, worst_se);
    sg_bed_close(c.bed);
    sg_arena_clear(&a);
    unit_dir_remove(dir);
}
END_TEST

UNIT_MAIN("stat_glm", log_odds_and_errors_are_those_of_plink2)
