/* snpgen check as a steward runs it: exit codes, tables, JSON, and files whose alleles stand the other way round. */
#include "formats/plink.h"
#include "../unit/unit.h"

#include <string.h>
#include <sys/wait.h>

#ifndef SNPGEN
#error "SNPGEN is the path of the program"
#endif

#define POLICY "--policy " SG_SOURCE_DIR "/deploy/policy-demo.toml"

enum { PEOPLE = 1000, COHORT = 150, SNPS = 400, TOP = 200 };

/* Runs the program with these arguments in dir; output (both streams) into text. Returns the exit code. */
static int run(const char *dir, const char *args, char *text, size_t n)
{
    char line[2048];
    ck_assert_int_lt(snprintf(line, sizeof line, "cd '%s' && '%s' %s 2>&1", dir, SNPGEN, args), (int)sizeof line);
    FILE *p = popen(line, "r");
    ck_assert_ptr_nonnull(p);
    size_t at = 0, got;
    while (at + 1 < n && (got = fread(text + at, 1, n - 1 - at, p)) > 0)
        at += got;
    text[at] = '\0';
    const int status = pclose(p);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

typedef struct files {
    sg_bim bim;
    sg_fam fam;
    sg_geno geno;
} files;

static files load(const char *dir, sg_arena *a)
{
    files f;
    char path[UNIT_PATH];
    sg_err err = {0};
    ck_ok(sg_bim_load(unit_path(path, dir, "sim.bim"), a, &f.bim, &err), err);
    ck_ok(sg_fam_load(unit_path(path, dir, "sim.fam"), a, &f.fam, &err), err);
    int64_t *want = SG_NEW(a, int64_t, f.bim.n);
    for (int64_t i = 0; i < f.bim.n; i++)
        want[i] = i;
    ck_ok(sg_bed_load(unit_path(path, dir, "sim.bed"), f.bim.n, f.fam.n, want, f.bim.n, a, &f.geno, &err), err);
    return f;
}

/* People first .. first+n-1 of f as dir/name.*; every third SNP's alleles swapped on demand; the last `drop` SNPs left
 * out. */
static void save(const char *dir, const char *name, const files *f, int64_t first, int64_t n, bool swap, int64_t drop,
                 bool synthetic, sg_arena *a)
{
    char file[64], path[UNIT_PATH];
    sg_err err = {0};
    const sg_bim bim = {f->bim.n - drop, SG_NEW(a, sg_bim_row, f->bim.n)};
    const sg_fam fam = {n, SG_NEW(a, sg_fam_row, n)};
    char(*id)[24] = (char(*)[24])sg_arena_alloc(a, n, 24);
    for (int64_t s = 0; s < n; s++) {
        fam.row[s] = f->fam.row[first + s];
        (void)snprintf(id[s], sizeof id[s], "%s%lld", synthetic ? "SYN" : "P", (long long)s);
        fam.row[s].fid = fam.row[s].iid = id[s];
    }
    sg_geno g;
    ck_ok(sg_geno_new(bim.n, n, a, &g, &err), err);
    for (int64_t v = 0; v < bim.n; v++) {
        const bool turn = swap && v % 3 == 0;
        bim.row[v] = f->bim.row[v];
        if (turn) {
            bim.row[v].a1 = f->bim.row[v].a2;
            bim.row[v].a2 = f->bim.row[v].a1;
        }
        for (int64_t s = 0; s < n; s++) {
            const int x = sg_geno_get(&f->geno, v, first + s);
            sg_geno_set(&g, v, s, turn ? 2 - x : x);
        }
    }
    (void)snprintf(file, sizeof file, "%s.bim", name);
    ck_ok(sg_bim_save(unit_path(path, dir, file), &bim, &err), err);
    (void)snprintf(file, sizeof file, "%s.fam", name);
    ck_ok(sg_fam_save(unit_path(path, dir, file), &fam, &err), err);
    (void)snprintf(file, sizeof file, "%s.bed", name);
    ck_ok(sg_bed_save(unit_path(path, dir, file), &g, &err), err);
}

/* Simulated people: all but the last COHORT become the dataset D, the last are honest strangers. */
static files make_world(const char *dir, sg_arena *a)
{
    static char text[1 << 16];
    char line[512], path[UNIT_PATH];
    (void)snprintf(
        line, sizeof line,
        "simulate --out sim --people %d --snps %d --trait t2d --h2 0.4 --discovery 1000 --case-fraction 0.5 --quiet",
        PEOPLE + COHORT, SNPS);
    ck_assert_msg(run(dir, line, text, sizeof text) == 0, "%s", text);
    const files f = load(dir, a);
    sg_buf keep;
    sg_err err = {0};
    sg_buf_init(&keep, 1 << 20);
    for (int64_t i = 0; i < PEOPLE; i++)
        ck_ok(sg_buf_printf(&keep, &err, "%s %s\n", f.fam.row[i].fid, f.fam.row[i].iid), err);
    ck_ok(sg_file_write(unit_path(path, dir, "keep"), 0600, keep.data, keep.n, &err), err);
    sg_buf_clear(&keep);
    (void)snprintf(
        line, sizeof line,
        "prepare --bfile sim --pheno sim.pheno --sumstats sim.sumstats.tsv --keep keep --top %d --test 0.3 --trait t2d "
        "--out D --quiet",
        TOP);
    ck_assert_msg(run(dir, line, text, sizeof text) == 0, "%s", text);
    return f;
}

START_TEST(cohorts_in_files_are_judged_by_exit_code_table_and_json)
{
    static char text[1 << 16], other[1 << 16];
    char dir[UNIT_PATH], path[UNIT_PATH];
    unit_dir(dir);
    sg_arena a = unit_arena((size_t)1 << 30);
    sg_err err = {0};
    const files f = make_world(dir, &a);
    save(dir, "honest", &f, PEOPLE, COHORT, false, 0, true, &a);
    save(dir, "swapped", &f, PEOPLE, COHORT, true, 0, true, &a);
    save(dir, "copied", &f, PEOPLE / 2, COHORT, false, 0, true, &a);
    save(dir, "short", &f, PEOPLE, COHORT, false, SNPS / 2, true, &a);

    save(dir, "real", &f, PEOPLE, COHORT, false, 0, false, &a);

    ck_assert_int_eq(run(dir, "check --synthetic honest --data D --quiet", text, sizeof text),
                     3); /* the usual limits */
    ck_assert_ptr_nonnull(strstr(text, "withhold (too_few_reference): there are too few"));
    ck_assert_int_eq(run(dir, "check --synthetic real --data D --quiet " POLICY, text, sizeof text), 3);
    ck_assert_ptr_nonnull(strstr(text, "fail (unhygienic)")); /* people who are not named as synthetic */
    ck_assert_msg(run(dir, "check --synthetic honest --data D --quiet " POLICY, text, sizeof text) == 0, "%.3000s",
                  strstr(text, "withhold") ? strstr(text, "withhold") : text);
    ck_assert_ptr_nonnull(strstr(text, "identical_match                      pass"));
    ck_assert_ptr_nonnull(strstr(text, "\npass\n"));

    ck_assert_int_eq(
        run(dir, "check --synthetic honest --data D --quiet --json --threads 1 " POLICY, text, sizeof text), 0);
    ck_assert_int_eq(
        run(dir, "check --synthetic swapped --data D --quiet --json --threads 2 " POLICY, other, sizeof other), 0);
    ck_assert_str_eq(text, other); /* the same people, so the same digest and the same numbers */
    ck_assert_ptr_nonnull(strstr(text, "{\"gate\":\"4\",\"outcome\":\"pass\""));

    ck_assert_int_eq(run(dir, "check --synthetic copied --data D --quiet " POLICY, text, sizeof text), 3);
    ck_assert_ptr_nonnull(strstr(text, "fail (identical_match): somebody in the cohort is"));

    ck_assert_int_eq(run(dir, "check --synthetic short --data D --quiet", text, sizeof text), 1);
    ck_assert_msg(strstr(text, "short.bim: ") && strstr(text, "of the panel's 200 SNPs are absent and 0 have other"),
                  "%s", text);
    ck_assert_int_eq(run(dir, "check --synthetic nobody --data D --quiet", text, sizeof text), 1);
    ck_assert_ptr_nonnull(strstr(text, "nobody.bim"));
    ck_assert_int_eq(run(dir, "check --synthetic honest --quiet", text, sizeof text), 1);
    ck_assert_ptr_nonnull(strstr(text, "--data or --model is required"));

    ck_ok(sg_file_write(unit_path(path, dir, "wrong"), 0600, "[membership]\nmia = 1\n", 21, &err), err);
    ck_assert_int_eq(run(dir, "check --synthetic honest --data D --policy wrong --quiet", text, sizeof text), 1);
    ck_assert_msg(strstr(text, "wrong line 2: unknown key \"membership.mia\"") != NULL, "%s", text);
    sg_arena_clear(&a);
    unit_dir_remove(dir);
}
END_TEST

UNIT_MAIN("command", cohorts_in_files_are_judged_by_exit_code_table_and_json)
