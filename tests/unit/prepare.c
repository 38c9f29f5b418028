/* The whole preparation on a world small enough to know every answer, then with everything that can be wrong. */
#include "panel/prepare.h"
#include "files.h"
#include "panel/dataset.h"

#include <dirent.h>
#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

enum { PEOPLE = 40, VARIANTS = 14 };

/* What each variant is there for. */
static const char bim[] = "1\tdirect\t0\t100\tA\tG\n"
                          "1\tswapped\t0\t200\tA\tG\n"
                          "1\tstrand\t0\t300\tA\tG\n"
                          "1\tpal\t0\t400\tA\tT\n"
                          "1\tpal_half\t0\t500\tA\tT\n"
                          "1\tdisagree\t0\t600\tA\tG\n"
                          "1\tshared1\t0\t700\tA\tG\n"
                          "1\tshared2\t0\t700\tA\tC\n"
                          "1\trare\t0\t800\tA\tG\n"
                          "1\tgaps\t0\t900\tA\tG\n"
                          "0\tunplaced\t0\t0\tA\tG\n"
                          "10\tmono\t0\t100\t0\tG\n"
                          "2\tby_place\t0\t150\tC\tT\n"
                          "1\tabsent\t0\t50\tA\tG\n";

static const char sumstats[] =
    "SNP\tCHR\tBP\tA1\tA2\tFRQ\tBETA\tSE\tP\n"
    "direct\t1\t100\tA\tG\t0.3\t0.5\t0.1\t1e-8\n"
    "swapped\t1\t200\tG\tT\t0.7\t3\t0.1\t1e-50\n" /* first, smaller p, but disagrees */
    "swapped\t1\t200\tG\tA\t0.7\t0.5\t0.1\t1e-7\n"
    "strand\t1\t300\tC\tT\t0.7\t0.5\t0.1\t1e-6\n"
    "pal\t1\t400\tA\tT\t0.7\t0.5\t0.1\t1e-5\n"
    "pal_half\t1\t500\tA\tT\t0.5\t0.5\t0.1\t1e-5\n"
    "disagree\t1\t600\tA\tC\t0.3\t0.5\t0.1\t1e-5\n"
    "shared1\t1\t700\tT\tC\t0.3\t0.5\t0.1\t1e-5\n" /* A/G on the other strand: of two variants, neither */
    "rare\t1\t800\tA\tG\t0.01\t0.5\t0.1\t1e-5\n"
    "gaps\t1\t900\tA\tG\t0.3\t0.5\t0.1\t1e-5\n"
    "mono\t10\t100\tA\tG\t0.3\t0.5\t0.1\t1e-5\n"
    "other_name\tchr2\t150\tC\tT\t0.3\t0.25\t0.1\t0\n"
    "direct\t1\t100\tA\tC\t0.3\t9\t0.1\t1e-99\n"   /* alleles disagree: not this one */
    "direct\t1\t100\tG\tA\t0.7\t-0.6\t0.1\t1e-9\n" /* the smaller p: this one */
    "swapped\t1\t200\tG\tA\t0.7\t7\t0.1\t0.5\n";   /* the larger p: not this one */

typedef struct world {
    char dir[UNIT_PATH], prefix[UNIT_PATH], sums[UNIT_PATH], pheno[UNIT_PATH], out[UNIT_PATH], extra[UNIT_PATH];
    sg_arena a;
    sg_prepare_options o;
    sg_prepare_report rep;
    sg_err err;
} world;

/* Genotype of person s at variant v: frequency of A1 about 0.3; 0.5 for pal_half, rare for rare, holes in gaps. */
static int genotype(int v, int s)
{
    static const int third[10] = {0, 1, 0, 1, 1, 0, 2, 0, 1, 0};
    if (v == 4)
        return s % 3 == 0 ? 1 : s % 3 - 1 ? 2 : 0;
    if (v == 8)
        return s == 3 || s == 8;
    if (v == 9 && s % 4 == 0)
        return SG_MISSING;
    if (v == 0 && s == 17)
        return SG_MISSING;
    return third[(s + 3 * v) % 10];
}

static void write_fileset(world *w)
{
    char path[UNIT_PATH], fam[PEOPLE * 64] = "", pheno[PEOPLE * 64] = "FID IID T U\n";
    sg_geno g;
    sg_err err = {0};
    for (int s = 0; s < PEOPLE; s++) {
        (void)snprintf(fam + strlen(fam), 64, "F%d P%d 0 0 %d -9\n", s, s, 1 + s % 2);
        (void)snprintf(pheno + strlen(pheno), 64, "F%d P%d %s %d\n", s, s, s == 5 ? "NA" : s % 4 == 1 ? "2" : "1", s);
    }
    put_file(path, w->dir, "x.fam", fam);
    put_file(path, w->dir, "x.bim", bim);
    put_file(w->pheno, w->dir, "x.pheno", pheno);
    put_file(w->sums, w->dir, "x.sums", sumstats);
    ck_ok(sg_geno_new(VARIANTS, PEOPLE, &w->a, &g, &err), err);
    for (int v = 0; v < VARIANTS; v++)
        for (int s = 0; s < PEOPLE; s++)
            sg_geno_set(&g, v, s, genotype(v, s));
    ck_ok(sg_bed_save(unit_path(path, w->dir, "x.bed"), &g, &err), err);
}

static world *make_world(void)
{
    world *w = calloc(1, sizeof *w);
    ck_assert_ptr_nonnull(w);
    w->a = unit_arena(16 << 20);
    unit_dir(w->dir);
    write_fileset(w);
    unit_path(w->prefix, w->dir, "x");
    unit_path(w->out, w->dir, "data");
    w->o = sg_prepare_default();
    w->o.bfile = w->prefix;
    w->o.pheno = w->pheno;
    w->o.pheno_options.column = "T";
    w->o.sumstats = w->sums;
    w->o.out = w->out;
    w->o.top = 100;
    w->o.trait = "toy";
    w->o.mind = 0.5; /* a quarter of these few people miss one of few variants */
    return w;
}

static void end_world(world *w)
{
    sg_arena_clear(&w->a);
    unit_dir_remove(w->dir);
    free(w);
}

static sg_status run(world *w)
{
    return sg_prepare(&w->o, NULL, &w->a, &w->rep, NULL, &w->err);
}

static const sg_snp *find(const sg_panel *p, const char *id)
{
    for (int64_t i = 0; i < p->n_snp; i++)
        if (!strcmp(p->snp[i].id, id))
            return &p->snp[i];
    return NULL;
}

START_TEST(every_variant_meets_its_fate_and_every_effect_speaks_of_a1)
{
    world *w = make_world();
    sg_dataset ds;
    ck_ok(run(w), w->err);
    static const int64_t want[SG_N_FATE] = {
        [SG_FATE_OPEN] = 5,    [SG_FATE_UNPLACED] = 1, [SG_FATE_ALLELES] = 1,
        [SG_FATE_SHARED] = 2,  [SG_FATE_ABSENT] = 1,   [SG_FATE_DISAGREE] = 1,
        [SG_FATE_MISSING] = 1, [SG_FATE_STRAND] = 1,   [SG_FATE_RARE] = 1,
    };
    for (int f = 0; f < SG_N_FATE; f++)
        ck_assert_msg(w->rep.n_fate[f] == want[f], "%s: %lld, want %lld", sg_fate_key((sg_fate)f),
                      (long long)w->rep.n_fate[f], (long long)want[f]);
    ck_ok(sg_dataset_load(w->out, &w->a, &ds, &w->err), w->err);
    ck_assert_int_eq(ds.panel.n_snp, 5);
    ck_assert_double_eq(find(&ds.panel, "direct")->beta, 0.6); /* G -0.6 is A +0.6, p 1e-9 */
    ck_assert_double_eq(find(&ds.panel, "direct")->p, 1e-9);
    ck_assert_double_eq(find(&ds.panel, "swapped")->beta, -0.5);
    ck_assert_double_eq(find(&ds.panel, "strand")->beta, -0.5); /* C of C/T is the G of A/G */
    ck_assert_double_eq(find(&ds.panel, "pal")->beta, -0.5);    /* 0.7 against 0.3: the other strand */
    ck_assert_double_eq(find(&ds.panel, "by_place")->beta, 0.25);
    ck_assert_double_gt(find(&ds.panel, "by_place")->p, 0); /* p = 0 is the smallest double */
    ck_assert_str_eq(ds.panel.snp[4].id, "by_place");       /* genome order: chromosome 2 last */
    ck_assert_int_eq(w->rep.n_by_place, 1);
    ck_assert_int_eq(w->rep.n_repeat, 4);
    end_world(w);
}
END_TEST

START_TEST(the_dataset_holds_the_genotypes_of_the_people_kept)
{
    static const int variant[5] = {0, 1, 2, 3, 12};
    world *w = make_world();
    sg_dataset ds;
    ck_ok(run(w), w->err);
    ck_ok(sg_dataset_load(w->out, &w->a, &ds, &w->err), w->err);
    ck_assert_int_eq(ds.people.n_sample, PEOPLE - 1);
    ck_assert_int_eq(w->rep.n_no_label, 1);
    ck_assert_int_eq(w->rep.n_imputed, 1);
    for (int s = 0, i = 0; s < PEOPLE; s++) {
        if (s == 5)
            continue;
        ck_assert_int_eq(ds.label[i], s % 4 == 1);
        for (int v = 0; v < 5; v++)
            if (genotype(variant[v], s) != SG_MISSING)
                ck_assert_int_eq(sg_people_get(&ds.people, i, v), genotype(variant[v], s));
        i++;
    }
    ck_assert_str_eq(ds.trait, "toy");
    ck_assert_str_eq(ds.label_name[1], "case");
    ck_assert_double_eq(ds.prevalence, 9.0 / 39);
    ck_assert(sg_digest_equal(&ds.digest, &w->rep.digest));
    struct stat s;
    char path[UNIT_PATH];
    ck_assert_int_eq(stat(unit_path(path, w->out, "split.tsv"), &s), 0);
    ck_assert_uint_eq(s.st_mode & 0777, 0600);
    ck_assert_int_eq(stat(w->out, &s), 0);
    ck_assert_uint_eq(s.st_mode & 0777, 0700);
    end_world(w);
}
END_TEST

START_TEST(the_smallest_p_are_chosen_and_too_many_are_explained)
{
    world *w = make_world();
    sg_dataset ds;
    w->o.top = 2;
    ck_ok(run(w), w->err);
    ck_ok(sg_dataset_load(w->out, &w->a, &ds, &w->err), w->err);
    ck_assert_int_eq(ds.panel.n_snp, 2);
    ck_assert_ptr_nonnull(find(&ds.panel, "direct"));
    ck_assert_ptr_nonnull(find(&ds.panel, "by_place"));
    ck_assert_int_eq(w->rep.n_fate[SG_FATE_NOT_TOP], 3);
    end_world(w);
}
END_TEST

START_TEST(of_two_p_below_the_smallest_double_the_smaller_is_chosen)
{
    world *w = make_world();
    sg_dataset ds;
    put_file(
        w->sums, w->dir, "tiny.sums",
        "SNP\tA1\tA2\tBETA\tP\ndirect\tA\tG\t0.5\t1e-400\nswapped\tA\tG\t0.5\t1e-500\nstrand\tA\tG\t0.5\t1e-300\n");
    w->o.top = 1;
    ck_ok(run(w), w->err);
    ck_ok(sg_dataset_load(w->out, &w->a, &ds, &w->err), w->err);
    ck_assert_ptr_nonnull(find(&ds.panel, "swapped"));
    ck_assert_int_eq(w->rep.sum.n_p_floor, 2);
    end_world(w);
}
END_TEST

START_TEST(the_same_seed_gives_the_same_bytes)
{
    static const char *const file[] = {"panel.tsv", "genotypes.snpz", "split.tsv", "prepare.json"};
    world *w = make_world();
    char path[UNIT_PATH], other[UNIT_PATH];
    ck_ok(run(w), w->err);
    unit_path(other, w->dir, "again");
    w->o.out = other;
    ck_ok(run(w), w->err);
    for (int i = 0; i < 4; i++) {
        size_t n, m;
        char *x = get_file(unit_path(path, w->out, file[i]), &n), *y = get_file(unit_path(path, other, file[i]), &m);
        ck_assert_uint_eq(n, m);
        ck_assert_mem_eq(x, y, n);
        free(x);
        free(y);
    }
    end_world(w);
}
END_TEST

START_TEST(lists_and_sex_decide_who_is_in)
{
    world *w = make_world();
    char keep[UNIT_PATH], exclude[UNIT_PATH];
    char text[30 * 64] = "";
    for (int s = 0; s < 30; s++)
        (void)snprintf(text + strlen(text), 64, "F%d P%d\n", s, s);
    w->o.keep = put_file(keep, w->dir, "keep", text);
    w->o.exclude = put_file(exclude, w->dir, "exclude", "direct\nnobody\n");
    w->o.sex_only = "female"; /* odd numbers: 15 of the 30, number 5 without a phenotype, 7 of them cases */
    ck_ok(run(w), w->err);
    ck_assert_int_eq(w->rep.n_listed, 10);
    ck_assert_int_eq(w->rep.n_sex, 15);
    ck_assert_int_eq(w->rep.n_no_label, 1);
    ck_assert_int_eq(w->rep.n_people, 14);
    ck_assert_int_eq(w->rep.n_fate[SG_FATE_LISTED], 1);
    end_world(w);
}
END_TEST

START_TEST(people_with_many_missing_genotypes_leave_before_variants_do)
{
    world *w = make_world();
    w->o.mind = 0.05; /* 8 variants are counted: one missing is too many, that is everyone with s % 4 == 0 and 17 */
    ck_ok(run(w), w->err);
    ck_assert_int_eq(w->rep.n_mind, 11);
    ck_assert_int_eq(w->rep.n_fate[SG_FATE_MISSING], 0);
    ck_assert_int_eq(w->rep.n_imputed, 0);
    end_world(w);
}
END_TEST

typedef struct wrong {
    const char *what;
    void (*make)(world *w);
    sg_status status;
    const char *message; /* part of it */
} wrong;

static void one_class(world *w)
{
    w->o.pheno_options.column = "U";
    w->o.pheno_options.threshold = "1000";
}
static void no_match(world *w)
{
    put_file(w->sums, w->dir, "x.sums", "SNP\tA1\tBETA\tP\nnothing\tA\t1\t0.5\n");
}
static void twin_id(world *w)
{
    char *text = get_file(unit_path(w->extra, w->dir, "x.bim"), NULL);
    memcpy(strstr(text, "strand"), "direct", 6);
    put_file(w->extra, w->dir, "x.bim", text);
    free(text);
}
static void twin_person(world *w)
{
    char *text = get_file(unit_path(w->extra, w->dir, "x.fam"), NULL);
    memcpy(strstr(text, "F2 P2"), "F1 P1", 5);
    put_file(w->extra, w->dir, "x.fam", text);
    free(text);
}
static void short_bed(world *w)
{
    size_t n;
    char *bytes = get_file(unit_path(w->extra, w->dir, "x.bed"), &n);
    ck_ok(sg_file_write(w->extra, 0644, bytes, n - 1, &w->err), w->err);
    free(bytes);
}
static void no_file(world *w)
{
    w->o.sumstats = "/no/such/file";
}
static void out_exists(world *w)
{
    ck_ok(sg_dir_make(w->out, 0700, &w->err), w->err);
}
static void strict_maf(world *w)
{
    w->o.maf = 0.499;
}
static void bad_trait(world *w)
{
    w->o.trait = "a/b";
}
static void bad_labels(world *w)
{
    w->o.label_names = "one";
}
static void bad_sex(world *w)
{
    w->o.sex_only = "both";
}
static void no_top(world *w)
{
    w->o.top = 0;
}
static void negative(world *w)
{
    put_file(w->extra, w->dir, "x.bim", "1\tdirect\t0\t-100\tA\tG\n");
}

static const wrong wrongs[] = {
    {"a phenotype of one class", one_class, SG_DEGENERATE,
     "the phenotype has one class: 40 controls and 0 cases are left of 40 people"},
    {"no SNP in common", no_match, SG_DEGENERATE,
     "no SNP is left of 14 in the .bim and 1 rows of summary statistics; 1 without a chromosome or position; 1 with an "
     "allele that is not letters A, C, G, T (or one allele only); 2 at a position of several variants, where "
     "the summary statistics name another or none; 10 not in the summary statistics"},
    {"one ID for two variants", twin_id, SG_FORMAT,
     "x.bim line 3 have the same variant ID \"direct\", which the summary statistics name"},
    {"one person twice", twin_person, SG_FORMAT,
     "x.fam lines 2 and 3: the same family and person ID twice; remove or rename one"},
    {"a truncated .bed", short_bed, SG_MISMATCH, "x.bed has 139 data bytes, .bim and .fam ask for 140"},
    {"a file that is not there", no_file, SG_NOT_FOUND, "/no/such/file: no such file"},
    {"a folder that is there", out_exists, SG_STATE, "exists already; choose another --out or remove it"},
    {"nothing common enough", strict_maf, SG_DEGENERATE, " below --maf"},
    {"a trait that is a path", bad_trait, SG_LIMIT, "trait \"a/b\", want letters, digits"},
    {"one label name", bad_labels, SG_LIMIT, "label names \"one\", want two with a comma between, control first"},
    {"an unknown sex", bad_sex, SG_LIMIT, "--sex-only is \"both\", want male or female"},
    {"no SNPs asked for", no_top, SG_LIMIT, "--top is 0, want 1 to 65536"},
    {"a negative position", negative, SG_FORMAT, "x.bim line 1: position -100"},
};

START_TEST(what_is_wrong_is_said_and_nothing_is_left_behind)
{
    for (size_t i = 0; i < sizeof wrongs / sizeof *wrongs; i++) {
        world *w = make_world();
        char path[UNIT_PATH];
        wrongs[i].make(w);
        const sg_status st = run(w);
        ck_assert_msg(st == wrongs[i].status, "%s: %s: %s", wrongs[i].what, sg_status_name(st), w->err.msg);
        ck_assert_msg(strstr(w->err.msg, wrongs[i].message), "%s: %s", wrongs[i].what, w->err.msg);
        ck_assert(!sg_file_exists(unit_path(path, w->out, "panel.tsv")));
        for (char *d; (d = strstr(w->err.msg, w->dir));) /* whose name is drawn, and may have a P1 in it */
            memmove(d, d + strlen(w->dir), strlen(d + strlen(w->dir)) + 1);
        ck_assert_ptr_null(strstr(w->err.msg, "P1"));
        end_world(w);
    }
}
END_TEST

START_TEST(a_build_that_differs_is_noticed_and_positions_are_not_trusted)
{
    world *w = make_world();
    /* All positions shifted by 50: "absent" now lies where another variant's row says. */
    put_file(w->sums, w->dir, "x.sums",
             "SNP\tCHR\tBP\tA1\tA2\tBETA\tP\ndirect\t1\t150\tA\tG\t1\t.1\nswapped\t1\t250\tA\tG\t1\t.1\n"
             "strand\t1\t350\tA\tG\t1\t.1\nelse\t1\t50\tA\tG\t1\t.1\n");
    ck_ok(run(w), w->err);
    ck_assert(w->rep.place_refused);
    ck_assert_int_eq(w->rep.n_place_differ, 3);
    ck_assert_int_eq(w->rep.n_by_place, 0);
    ck_assert_int_eq(w->rep.n_fate[SG_FATE_OPEN], 3);
    end_world(w);
}
END_TEST

START_TEST(files_of_two_runs_cannot_be_mixed)
{
    static const char *const file[] = {"panel.tsv", "genotypes.snpz", "split.tsv"};
    world *w = make_world();
    char path[UNIT_PATH];
    sg_dataset ds;
    ck_ok(run(w), w->err);
    for (int i = 0; i < 3; i++) {
        size_t n;
        char *bytes = get_file(unit_path(path, w->out, file[i]), &n);
        bytes[n - 2] ^= 1;
        ck_ok(sg_file_write(path, 0600, bytes, n, &w->err), w->err);
        ck_assert_int_eq(sg_dataset_load(w->out, &w->a, &ds, &w->err), SG_STATE);
        ck_assert_ptr_nonnull(strstr(w->err.msg, file[i]));
        ck_assert_ptr_nonnull(strstr(w->err.msg, "is not the file that prepare.json names"));
        bytes[n - 2] ^= 1;
        ck_ok(sg_file_write(path, 0600, bytes, n, &w->err), w->err);
        free(bytes);
    }
    ck_ok(sg_dataset_load(w->out, &w->a, &ds, &w->err), w->err);
    char *json = get_file(unit_path(path, w->out, "prepare.json"), NULL);
    char *at = strstr(json, "\"digest\": \"") + 11;
    *at = *at == '0' ? '1' : '0';
    put_file(path, w->out, "prepare.json", json);
    ck_assert_int_eq(sg_dataset_load(w->out, &w->a, &ds, &w->err), SG_STATE);
    ck_assert_ptr_nonnull(strstr(w->err.msg, "its digest is not that of the files beside it"));
    put_file(path, w->out, "prepare.json", "{\"format\": 3}");
    ck_assert_int_eq(sg_dataset_load(w->out, &w->a, &ds, &w->err), SG_LIMIT);
    put_file(path, w->out, "prepare.json", "{");
    ck_assert_int_eq(sg_dataset_load(w->out, &w->a, &ds, &w->err), SG_FORMAT);
    free(json);
    ck_assert_int_eq(sg_dataset_load("/no/such", &w->a, &ds, &w->err), SG_NOT_FOUND);
    end_world(w);
}
END_TEST

START_TEST(the_halves_of_test_and_the_coins_are_in_the_dataset_and_an_older_one_without_is_read)
{
    static const char *id[40][2];
    for (int i = 0; i < 40; i++)
        id[i][0] = id[i][1] = "x";
    world *w = make_world();
    char dir[UNIT_PATH], path[UNIT_PATH];
    sg_dataset ds, old;
    w->o.split = (sg_split_options){.test = 0.4, .val = 0.1, .audit = 0.4, .seed = 1};
    ck_ok(run(w), w->err);
    ck_ok(sg_dataset_load(w->out, &w->a, &ds, &w->err), w->err);
    int64_t n_calibration = 0, n_eval = 0, n_audit[SG_N_ROLE] = {0};
    for (int64_t i = 0; i < ds.people.n_sample; i++) {
        ck_assert(sg_mark_ok(ds.mark[i], (sg_role)ds.role[i]));
        n_calibration += (ds.mark[i] & SG_MARK_CALIBRATION) != 0;
        n_eval += ds.role[i] == SG_ROLE_TEST && !(ds.mark[i] & SG_MARK_CALIBRATION);
        n_audit[ds.role[i]] += (ds.mark[i] & SG_MARK_AUDIT) != 0;
    }
    ck_assert(n_calibration > 0 && n_eval > 0 && n_audit[SG_ROLE_TRAIN] > 0 && n_audit[SG_ROLE_TEST] > 0);
    ck_assert_int_eq(w->rep.n_calibration[0] + w->rep.n_calibration[1], n_calibration);
    ck_assert_int_eq(w->rep.n_audit[SG_ROLE_TRAIN], n_audit[SG_ROLE_TRAIN]);
    ck_assert_int_eq(w->rep.n_audit[SG_ROLE_TEST], n_audit[SG_ROLE_TEST]);
    char *text = get_file(unit_path(path, w->out, "split.tsv"), NULL);
    ck_assert_int_eq(strncmp(text, "FID\tIID\tlabel\trole\thalf\taudit\n", 30), 0);
    ck_assert(strstr(text, "\ttest\tcalib\t") && strstr(text, "\ttest\teval\t") && strstr(text, "\ttrain\t-\t1\n"));
    free(text);

    const sg_digest with = ds.digest;
    json_t *about = json_object();
    ds.mark[0] ^= SG_MARK_AUDIT;
    if (ds.role[0] == SG_ROLE_VAL)
        ds.role[0] = SG_ROLE_TRAIN;
    ck_ok(sg_dataset_save(unit_path(dir, w->dir, "other"), &ds, (const char *const(*)[2])id, about, &w->err), w->err);
    ck_assert(!sg_digest_equal(&ds.digest, &with));
    ds.mark = NULL;
    ck_ok(sg_dataset_save(unit_path(dir, w->dir, "old"), &ds, (const char *const(*)[2])id, about, &w->err), w->err);
    json_decref(about);
    text = get_file(unit_path(path, dir, "split.tsv"), NULL);
    ck_assert_int_eq(strncmp(text, "FID\tIID\tlabel\trole\n", 19), 0);
    free(text);
    ck_ok(sg_dataset_load(dir, &w->a, &old, &w->err), w->err);
    ck_assert_ptr_null(old.mark);
    ck_assert_mem_eq(old.role, ds.role, (size_t)ds.people.n_sample);
    end_world(w);
}
END_TEST

static int entries(const char *dir)
{
    DIR *d = opendir(dir);
    ck_assert_ptr_nonnull(d);
    int n = 0;
    for (struct dirent *x; (x = readdir(d));)
        n += strcmp(x->d_name, ".") != 0 && strcmp(x->d_name, "..") != 0;
    closedir(d);
    return n;
}

START_TEST(a_full_disk_leaves_nothing)
{
    world *w = make_world();
    const int before = entries(w->dir);
    struct rlimit old, tight;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    for (rlim_t bytes = 0; bytes < 1500; bytes += 300) { /* panel.tsv, genotypes.snpz, split.tsv fail in turn */
        tight = old;
        tight.rlim_cur = bytes;
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &tight), 0);
        const sg_status st = run(w);
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
        ck_assert_int_eq(st, SG_IO);
        ck_assert_ptr_nonnull(strstr(w->err.msg, "cannot write"));
        ck_assert_int_eq(entries(w->dir), before);
    }
    ck_ok(run(w), w->err);
    end_world(w);
}
END_TEST

START_TEST(too_little_memory_is_said_wherever_it_ends)
{
    world *w = make_world();
    int refused = 0;
    for (int64_t free = 64;; free += 192) {
        sg_arena small = unit_arena(256 << 10);
        ck_assert_ptr_nonnull(sg_arena_alloc_raw(&small, (256 << 10) - free, 1));
        const sg_status st = sg_prepare(&w->o, NULL, &small, &w->rep, NULL, &w->err);
        sg_arena_clear(&small);
        if (!st)
            break;
        ck_assert_msg(st == SG_NOMEM, "%s", w->err.msg);
        ck_assert(!sg_file_exists(w->out));
        refused++;
        ck_assert_int_lt(refused, 1000);
    }
    ck_assert_int_gt(refused, 50);
    end_world(w);
}
END_TEST

START_TEST(a_stop_is_heeded)
{
    world *w = make_world();
    atomic_bool stop = true;
    const sg_run halted = {.stop = &stop};
    ck_assert_int_eq(sg_prepare(&w->o, &halted, &w->a, &w->rep, NULL, &w->err), SG_CANCELLED);
    ck_assert(!sg_file_exists(w->out));
    end_world(w);
}
END_TEST

START_TEST(the_flow_adds_up)
{
    world *w = make_world();
    sg_buf b;
    sg_buf_init(&b, 1 << 16);
    ck_ok(run(w), w->err);
    ck_ok(sg_prepare_flow(&w->rep, &b, &w->err), w->err);
    ck_assert_ptr_nonnull(strstr((char *)b.data, "        40  people in the .fam\n         1  - without a phenotype\n"
                                                 "        39  = people kept\n"));
    ck_assert_ptr_nonnull(strstr((char *)b.data, "         5  = SNPs in the panel\n"));
    int64_t sum = 0;
    for (int f = 0; f < SG_N_FATE; f++)
        sum += w->rep.n_fate[f];
    ck_assert_int_eq(sum, w->rep.n_bim);
    sg_buf_clear(&b);
    end_world(w);
}
END_TEST

START_TEST(variants_on_x_y_and_mt_are_left_out_and_counted)
{
    static const char *const name[] = {"chrX", "24", "M", "23", "Y"};
    for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
        world *w = make_world();
        char text[2048];
        const char *row = strstr(bim, "2\tby_place");
        ck_assert_ptr_nonnull(row);
        (void)snprintf(text, sizeof text, "%.*s%s%s", (int)(row - bim), bim, name[i], row + 1);
        put_file(w->extra, w->dir, "x.bim", text);
        ck_ok(sg_prepare(&w->o, NULL, &w->a, &w->rep, NULL, &w->err), w->err);
        ck_assert_int_eq(w->rep.n_fate[SG_FATE_HAPLOID], 1);
        ck_assert_int_eq(w->rep.n_by_place, 0);
        sg_buf b;
        sg_buf_init(&b, 1 << 16);
        ck_ok(sg_prepare_flow(&w->rep, &b, &w->err), w->err);
        ck_assert_ptr_nonnull(strstr((char *)b.data, "1  - on X, Y or MT, of which not everybody has two copies"));
        sg_buf_clear(&b);
        end_world(w);
    }
}
END_TEST

/* Places with several variants in a VCF, and what the summary statistics say of them. */
static const struct {
    const char *row, *stats, *kept; /* CHROM to ALT; lines; a1 of the variant kept, NULL none */
} place[] = {
    {"1\t100\trs1\tA\tC,G", "rs1 1 100 G A 0.5 1e-8\n", "G"},
    {"1\t200\trs2\tA\tC,G", "rs2 1 200 C A 0.5 1e-5\nrs2 1 200 A G 0.5 1e-8\n", "G"}, /* both: the smaller p */
    {"1\t300\trs3\tA\tAT,C", "rs3 1 300 C A 0.5 1e-6\n", "C"},                        /* a SNP beside an indel */
    {"1\t400\trs4\tA\tC,T", "rs4 1 400 G T 0.5 1e-6\n", NULL},                        /* the other strand */
    {"1\t500\trs5\tA\tC", "rs5 1 500 C A 0.5 1e-6\n", NULL},                          /* the same twice */
    {"1\t500\trs5\tA\tC", "", NULL},
    {"1\t600\t.\tA\tC,G", "other 1 600 G A 0.5 1e-6\n", "G"}, /* by position */
    {"1\t700\trs7\tA\tC,G", "", NULL},
    {"1\t800\trs8\tA\tC", "rs8 1 800 C A 0.5 1e-6\n", "C"},
};
enum { PLACES = sizeof place / sizeof *place };

START_TEST(of_several_variants_at_a_place_the_one_with_the_alleles_of_the_statistics_is_kept)
{
    static const char head[] = "##fileformat=VCFv4.2\n##FORMAT=<ID=GT,Number=1,Type=String,Description=\"g\">\n"
                               "##contig=<ID=1>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT";
    world *w = make_world();
    char path[UNIT_PATH], pheno[PEOPLE * 32] = "", stats[2048] = "SNP CHR BP A1 A2 BETA P\n";
    sg_buf vcf;
    sg_buf_init(&vcf, 1 << 20);
    ck_ok(sg_buf_printf(&vcf, &w->err, "%s", head), w->err);
    for (int s = 0; s < PEOPLE; s++) {
        ck_ok(sg_buf_printf(&vcf, &w->err, "\tP%d", s), w->err);
        (void)snprintf(pheno + strlen(pheno), 32, "P%d P%d %d\n", s, s, 1 + s % 2);
    }
    for (int v = 0; v < PLACES; v++) {
        const bool several = strchr(place[v].row, ',') != NULL;
        ck_ok(sg_buf_printf(&vcf, &w->err, "\n%s\t.\t.\t.\tGT", place[v].row), w->err);
        for (int s = 0; s < PEOPLE; s++) /* person 0 alone carries the first of two ALT */
            ck_ok(sg_buf_printf(&vcf, &w->err, "\t0/%d", s == 0 ? 1 : s % 3 ? 0 : several ? 2 : 1), w->err);
        (void)snprintf(stats + strlen(stats), 128, "%s", place[v].stats);
    }
    ck_ok(sg_buf_printf(&vcf, &w->err, "\n"), w->err);
    put_file(path, w->dir, "x.vcf", (const char *)vcf.data);
    put_file(w->pheno, w->dir, "x.pheno", pheno);
    put_file(w->sums, w->dir, "x.sums", stats);
    sg_buf_clear(&vcf);
    w->o.bfile = NULL;
    w->o.vcf = path;
    w->o.mind = 1;
    w->o.pheno_options.column = NULL;
    sg_dataset ds;
    ck_ok(run(w), w->err);
    ck_ok(sg_dataset_load(w->out, &w->a, &ds, &w->err), w->err);
    int64_t n = 0;
    for (int v = 0; v < PLACES; v++) {
        const int64_t pos = atoll(place[v].row + 2);
        if (!place[v].kept)
            continue;
        ck_assert_int_lt(n, ds.panel.n_snp);
        ck_assert_int_eq(ds.panel.snp[n].pos, pos);
        ck_assert_str_eq(ds.panel.snp[n].a1, place[v].kept);
        ck_assert_double_eq(ds.panel.snp[n].beta, pos == 200 ? -0.5 : 0.5);
        ck_assert_double_eq_tol(ds.panel.snp[n].freq, pos == 800 ? 14.0 / 80 : 13.0 / 78, 1e-12);
        n++;
    }
    ck_assert_int_eq(ds.panel.n_snp, n);
    ck_assert_int_eq(w->rep.n_of_several, n - 1);
    ck_assert_int_eq(w->rep.n_fate[SG_FATE_SHARED], w->rep.n_bim - n);
    ck_assert_int_eq(w->rep.calls.n_other, n - 1); /* person 0, whose allele is the other one */
    end_world(w);
}
END_TEST

UNIT_MAIN("prepare", of_several_variants_at_a_place_the_one_with_the_alleles_of_the_statistics_is_kept,
          variants_on_x_y_and_mt_are_left_out_and_counted, every_variant_meets_its_fate_and_every_effect_speaks_of_a1,
          the_dataset_holds_the_genotypes_of_the_people_kept, the_smallest_p_are_chosen_and_too_many_are_explained,
          of_two_p_below_the_smallest_double_the_smaller_is_chosen, the_same_seed_gives_the_same_bytes,
          lists_and_sex_decide_who_is_in, people_with_many_missing_genotypes_leave_before_variants_do,
          what_is_wrong_is_said_and_nothing_is_left_behind,
          a_build_that_differs_is_noticed_and_positions_are_not_trusted, files_of_two_runs_cannot_be_mixed,
          the_halves_of_test_and_the_coins_are_in_the_dataset_and_an_older_one_without_is_read,
          a_full_disk_leaves_nothing, too_little_memory_is_said_wherever_it_ends, a_stop_is_heeded, the_flow_adds_up)
