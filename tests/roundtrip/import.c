/* Weights in the authors' names through the command line: import, generate with given noise, encode, decode. Latents
 * and genotypes must be those of the stored runs of the published modules ($SG_SHARED/vectors). */
#include "base/file.h"
#include "base/rng.h"
#include "formats/npy.h"
#include "formats/plink.h"
#include "nn/safetensors.h"
#include "panel/dataset.h"

#include "../unit/unit.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <sys/wait.h>

static char vectors[UNIT_PATH];

typedef struct world {
    char dir[UNIT_PATH], from[UNIT_PATH];
    sg_arena a;
    sg_safetensors *want;
    int64_t L, z, T, n;
    char labels[64];
} world;

/* Runs snpgen with the words of a printf format; returns its exit code, stderr in w->dir/stderr. */
static int snpgen(const world *w, const char *format, ...)
{
    char line[8192];
    const int head = snprintf(line, sizeof line, "exec %s ", SNPGEN);
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(line + head, sizeof line - (size_t)head, format, args);
    va_end(args);
    ck_assert(n > 0 && (size_t)(head + n) + UNIT_PATH < sizeof line);
    (void)snprintf(line + head + n, sizeof line - (size_t)(head + n), " --quiet >%s/stdout 2>%s/stderr", w->dir,
                   w->dir);
    const int got = system(line); /* paths of our own making, no spaces */
    ck_assert(WIFEXITED(got));
    return WEXITSTATUS(got);
}

static void said(const world *w, char *text, size_t n)
{
    char path[UNIT_PATH];
    FILE *f = fopen(unit_path(path, w->dir, "stderr"), "re");
    ck_assert_ptr_nonnull(f);
    text[fread(text, 1, n - 1, f)] = 0;
    (void)fclose(f);
}

#define ck_runs(w, ...)                                                                                                \
    do {                                                                                                               \
        const int code_ = snpgen(w, __VA_ARGS__);                                                                      \
        char text_[2048];                                                                                              \
        said(w, text_, sizeof text_);                                                                                  \
        ck_assert_msg(code_ == 0, "exit %d: %s", code_, text_);                                                        \
    } while (0)

static const sg_stored *tensor(const world *w, const char *name)
{
    const sg_stored *t = sg_safetensors_find(w->want, name);
    ck_assert_msg(t != NULL, "no tensor %s", name);
    return t;
}

/* A dataset of random people on a panel of L SNPs, as prepare would leave it. */
static void save_dataset(world *w)
{
    enum { PEOPLE = 12 };
    sg_err err = {0};
    sg_dataset d = {.n_label = 2, .label_name = {"control", "case"}, .trait = "stored", .prevalence = 0.5};
    d.panel = (sg_panel){.n_snp = w->L, .snp = SG_NEW(&w->a, sg_snp, w->L)};
    ck_ok(sg_people_new(PEOPLE, w->L, &w->a, &d.people, &err), err);
    d.label = SG_NEW(&w->a, int8_t, PEOPLE);
    d.role = SG_NEW(&w->a, uint8_t, PEOPLE);
    for (int64_t s = 0; s < w->L; s++) {
        char id[24];
        const int n = snprintf(id, sizeof id, "rs%d", (int)s + 1);
        d.panel.snp[s] = (sg_snp){.chrom = "1",
                                  .id = sg_arena_strndup(&w->a, id, (size_t)n),
                                  .pos = 100 * (s + 1),
                                  .a1 = "A",
                                  .a2 = "C",
                                  .freq = 0.5,
                                  .beta = NAN,
                                  .se = NAN,
                                  .p = NAN};
    }
    int8_t *code = SG_NEW(&w->a, int8_t, w->L);
    static const char *id[PEOPLE][2];
    for (int64_t i = 0; i < PEOPLE; i++) {
        sg_rng r = sg_rng_stream(1, SG_RNG_TEST, (uint64_t)i, 0);
        for (int64_t s = 0; s < w->L; s++)
            code[s] = (int8_t)sg_rng_below(&r, 3);
        sg_people_pack(&d.people, i, code);
        d.label[i] = (int8_t)(i % 2);
        d.role[i] = (uint8_t)(i % SG_N_ROLE);
        char name[24];
        const int n = snprintf(name, sizeof name, "P%d", (int)i);
        id[i][0] = id[i][1] = sg_arena_strndup(&w->a, name, (size_t)n);
    }
    char path[UNIT_PATH];
    json_t *about = json_object();
    ck_ok(sg_dataset_save(unit_path(path, w->dir, "data"), &d, id, about, &err), err);
    json_decref(about);
}

static void world_new(world *w, const char *name)
{
    *w = (world){.a = unit_arena((size_t)1 << 32)};
    sg_err err = {0};
    unit_dir(w->dir);
    unit_path(w->from, vectors, name);
    char path[UNIT_PATH];
    ck_ok(sg_safetensors_open(unit_path(path, w->from, "expected.safetensors"), &w->want, &err), err);
    const sg_stored *init = tensor(w, "sample.init"), *labels = tensor(w, "sample.labels");
    w->n = init->dim[0];
    w->z = init->dim[1];
    w->T = init->dim[2];
    w->L = tensor(w, "genotypes")->dim[1];
    float *noise = SG_NEW(&w->a, float, init->n);
    sg_stored_f32(init, noise);
    ck_ok(sg_npy_save(unit_path(path, w->dir, "noise.npy"), SG_NPY_F4, 3, init->dim, noise, &err), err);
    double *label = SG_NEW(&w->a, double, w->n);
    sg_stored_f64(labels, label);
    for (int64_t i = 0; i < w->n; i++)
        (void)snprintf(w->labels + strlen(w->labels), sizeof w->labels - strlen(w->labels), "%s%d", i ? "," : "",
                       (int)label[i]);
    save_dataset(w);
}

static void world_end(world *w)
{
    sg_safetensors_free(w->want);
    unit_dir_remove(w->dir);
    sg_arena_clear(&w->a);
}

static void *load_npy(world *w, const char *name, sg_npy_type type, int64_t n)
{
    char path[UNIT_PATH];
    sg_err err = {0};
    int n_dim;
    int64_t dim[4];
    void *data;
    ck_ok(sg_npy_load(unit_path(path, w->dir, name), type, &w->a, &n_dim, dim, &data, &err), err);
    ck_assert_int_eq(dim[0] * dim[1] * dim[2] * dim[3], n);
    return data;
}

static double relative_error(const float *x, const double *want, int64_t n)
{
    double d = 0, s = 0;
    for (int64_t i = 0; i < n; i++) {
        d += (x[i] - want[i]) * (x[i] - want[i]);
        s += want[i] * want[i];
    }
    return sqrt(d / s);
}

/* The stored run TAG against what the command line made. */
static void check_run(world *w, const char *tag, const char *npy, const char *latents)
{
    char name[96];
    (void)snprintf(name, sizeof name, "sample.%s.latent", tag);
    const sg_stored *t = tensor(w, name);
    double *want = SG_NEW(&w->a, double, t->n);
    sg_stored_f64(t, want);
    const double e = relative_error(load_npy(w, latents, SG_NPY_F4, t->n), want, t->n);
    ck_assert_msg(e <= 1e-3, "%s: latents differ by %g", tag, e);

    (void)snprintf(name, sizeof name, "sample.%s.logits", tag);
    const sg_stored *l = tensor(w, name);
    double *logit = SG_NEW(&w->a, double, l->n);
    sg_stored_f64(l, logit);
    (void)snprintf(name, sizeof name, "sample.%s.genotypes", tag);
    const sg_stored *g = tensor(w, name);
    double *code = SG_NEW(&w->a, double, g->n);
    sg_stored_f64(g, code);
    const int8_t *made = load_npy(w, npy, SG_NPY_I1, g->n);
    for (int64_t i = 0; i < g->n; i++) {
        const int64_t person = i / w->L, s = i % w->L;
        const double *at = logit + person * 3 * w->L + s;
        const double gap = at[w->L * (int)code[i]] - at[w->L * made[i]];
        ck_assert_msg(made[i] == (int)code[i] || gap < 1e-3, "%s: person %d, SNP %d: a tie of %g is none", tag,
                      (int)person, (int)s, gap);
    }
}

static void import(world *w, const char *out, const char *more)
{
    ck_runs(w,
            "import --vae %s/vae.safetensors --diffusion %s/diffusion.safetensors --config %s/config.json --data "
            "%s/data --out %s/%s %s",
            w->from, w->from, w->from, w->dir, w->dir, out, more);
}

static void reproduce(const char *name, bool all)
{
    world w;
    world_new(&w, name);
    import(&w, "model", "");
    const char *const d = w.dir;
    ck_runs(&w,
            "generate --model %s/model --labels %s --noise %s/noise.npy --save-latents %s/a.z.npy --format npy --out "
            "%s/a",
            d, w.labels, d, d, d);
    check_run(&w, "euler50_cfg5", "a.npy", "a.z.npy"); /* by the defaults of an imported model */
    if (!all) {
        world_end(&w);
        return;
    }
    ck_runs(&w,
            "generate --model %s/model --labels %s --noise %s/noise.npy --save-latents %s/b.z.npy --format npy --out "
            "%s/b --guidance 1",
            d, w.labels, d, d, d);
    check_run(&w, "euler50_cfg1", "b.npy", "b.z.npy");
    ck_runs(&w,
            "generate --model %s/model --labels %s --noise %s/noise.npy --save-latents %s/c.z.npy --format npy --out "
            "%s/c --guidance 2 --steps 20",
            d, w.labels, d, d, d);
    check_run(&w, "euler20_cfg2", "c.npy", "c.z.npy");
    world_end(&w);
}

START_TEST(the_tiny_checkpoint_makes_the_stored_people)
{
    reproduce("tiny", true);
}
END_TEST

START_TEST(the_small_checkpoint_makes_the_stored_people)
{
    reproduce("small", false);
}
END_TEST

/* Copies of A1 of a fileset as one array [n, L]. */
static int8_t *load_bed(world *w, const char *prefix)
{
    char path[UNIT_PATH], name[64];
    sg_err err = {0};
    sg_bim bim;
    sg_fam fam;
    sg_geno g;
    (void)snprintf(name, sizeof name, "%s.bim", prefix);
    ck_ok(sg_bim_load(unit_path(path, w->dir, name), &w->a, &bim, &err), err);
    (void)snprintf(name, sizeof name, "%s.fam", prefix);
    ck_ok(sg_fam_load(unit_path(path, w->dir, name), &w->a, &fam, &err), err);
    ck_assert_int_eq(fam.n, w->n);
    ck_assert_str_eq(fam.row[0].iid, "SYN0000001");
    ck_assert_int_eq(fam.row[0].sex, 0);
    ck_assert_str_eq(fam.row[0].pheno, w->labels[0] == '1' ? "2" : "1");
    int64_t *all = SG_NEW(&w->a, int64_t, bim.n);
    for (int64_t i = 0; i < bim.n; i++)
        all[i] = i;
    (void)snprintf(name, sizeof name, "%s.bed", prefix);
    ck_ok(sg_bed_load(unit_path(path, w->dir, name), bim.n, fam.n, all, bim.n, &w->a, &g, &err), err);
    int8_t *code = SG_NEW(&w->a, int8_t, fam.n * bim.n);
    for (int64_t i = 0; i < fam.n; i++)
        for (int64_t s = 0; s < bim.n; s++)
            code[i * bim.n + s] = (int8_t)sg_geno_get(&g, s, i);
    return code;
}

START_TEST(files_count_a1_whatever_allele_the_weights_count)
{
    world w;
    world_new(&w, "tiny");
    import(&w, "m1", "--counted a1");
    import(&w, "m2", "--counted a2");
    const char *const d = w.dir;
    for (int k = 1; k <= 2; k++)
        ck_runs(&w, "generate --model %s/m%d --labels %s --noise %s/noise.npy --format plink,npy --out %s/c%d", d, k,
                w.labels, d, d, k);
    const int8_t *n1 = load_npy(&w, "c1.npy", SG_NPY_I1, w.n * w.L), *n2 = load_npy(&w, "c2.npy", SG_NPY_I1, w.n * w.L);
    const int8_t *b1 = load_bed(&w, "c1"), *b2 = load_bed(&w, "c2");
    for (int64_t i = 0; i < w.n * w.L; i++) {
        ck_assert_int_eq(n2[i], 2 - n1[i]);
        ck_assert_int_eq(b1[i], n1[i]);
        ck_assert_int_eq(b2[i], n2[i]);
    }
    /* Encoding reads either fileset in the allele of its own model, so both give the same latents. */
    for (int k = 1; k <= 2; k++)
        ck_runs(&w, "encode --model %s/m%d --bfile %s/c%d --out %s/e%d.npy", d, k, d, k, d, k);
    const int64_t n = w.n * w.z * w.T;
    ck_assert_mem_eq(load_npy(&w, "e1.npy", SG_NPY_F4, n), load_npy(&w, "e2.npy", SG_NPY_F4, n),
                     (size_t)n * sizeof(float));
    world_end(&w);
}
END_TEST

START_TEST(encoded_means_are_the_stored_ones_and_decode_back)
{
    world w;
    world_new(&w, "tiny");
    import(&w, "model", "");
    const char *const d = w.dir;
    /* The stored people become a fileset by way of decode's sibling: written here, read by encode. */
    ck_runs(&w, "generate --model %s/model --labels %s --noise %s/noise.npy --out %s/c", d, w.labels, d, d);
    const sg_stored *g = tensor(&w, "genotypes"), *mu = tensor(&w, "vae.mu");
    double *code = SG_NEW(&w.a, double, g->n), *want = SG_NEW(&w.a, double, mu->n);
    sg_stored_f64(g, code);
    sg_stored_f64(mu, want);
    sg_err err = {0};
    sg_geno bed;
    ck_ok(sg_geno_new(w.L, w.n, &w.a, &bed, &err), err);
    for (int64_t i = 0; i < g->n; i++)
        sg_geno_set(&bed, i % w.L, i / w.L, (int)code[i]);
    char path[UNIT_PATH];
    ck_ok(sg_bed_save(unit_path(path, w.dir, "c.bed"), &bed, &err), err);
    ck_runs(&w, "encode --model %s/model --bfile %s/c --out %s/mu.npy", d, d, d);
    const double e = relative_error(load_npy(&w, "mu.npy", SG_NPY_F4, mu->n), want, mu->n);
    ck_assert_msg(e <= 1e-5, "means differ by %g", e);
    ck_runs(&w, "decode --model %s/model --latents %s/mu.npy --format npy --out %s/back", d, d, d);
    (void)load_npy(&w, "back.npy", SG_NPY_I1, w.n * w.L);

    sg_geno_set(&bed, 3, 2, SG_MISSING);
    sg_geno_set(&bed, 5, 2, SG_MISSING);
    ck_ok(sg_bed_save(unit_path(path, w.dir, "c.bed"), &bed, &err), err);
    ck_assert_int_eq(snpgen(&w, "encode --model %s/model --bfile %s/c --out %s/no.npy", d, d, d), 1);
    char text[2048];
    said(&w, text, sizeof text);
    ck_assert_msg(strstr(text, "2 of 1024 genotypes on the panel's SNPs are missing") != NULL, "%s", text);
    ck_assert(!sg_file_exists(unit_path(path, w.dir, "no.npy")));
    world_end(&w);
}
END_TEST

START_TEST(what_does_not_fit_is_refused_by_name_and_leaves_nothing)
{
    world w;
    world_new(&w, "tiny");
    const char *const d = w.dir;
    char text[2048], path[UNIT_PATH];
    /* The two files swapped: everything is missing. */
    ck_assert_int_eq(snpgen(&w,
                            "import --vae %s/diffusion.safetensors --diffusion %s/vae.safetensors --config "
                            "%s/config.json --data %s/data --out %s/model",
                            w.from, w.from, w.from, d, d),
                     1);
    said(&w, text, sizeof text);
    ck_assert_msg(strstr(text, "tensors missing: encoder.") != NULL, "%s", text);
    ck_assert(!sg_file_exists(unit_path(path, w.dir, "model")));

    import(&w, "model", "");
    ck_assert_int_eq(snpgen(&w,
                            "import --vae %s/vae.safetensors --diffusion %s/diffusion.safetensors --config "
                            "%s/config.json --data %s/data --out %s/model",
                            w.from, w.from, w.from, d, d),
                     1);
    said(&w, text, sizeof text);
    ck_assert_msg(strstr(text, "a model is never overwritten") != NULL, "%s", text);

    ck_assert_int_eq(snpgen(&w, "generate --model %s/model --labels 0,1 --noise %s/noise.npy --out %s/x", d, d, d), 1);
    said(&w, text, sizeof text);
    ck_assert_msg(strstr(text, "holds noise for 4 people, the labels are 2") != NULL, "%s", text);
    ck_assert_int_eq(snpgen(&w, "generate --model %s/model --cases 1 --controls 1 --format vcff --out %s/x", d, d), 1);
    said(&w, text, sizeof text);
    ck_assert_msg(strstr(text, "format \"vcff\" is not known, want one or more of plink, vcf, bcf, npy, pgen") != NULL,
                  "%s", text);
    ck_assert_int_eq(snpgen(&w, "generate --model %s/model --cases 0 --controls 0 --out %s/x", d, d), 1);
    said(&w, text, sizeof text);
    ck_assert_msg(strstr(text, "0 people asked for, want 1 to") != NULL, "%s", text);
    ck_assert(!sg_file_exists(unit_path(path, w.dir, "x.bed")));
    world_end(&w);
}
END_TEST

/* A copy of a checkpoint with another name in front of every tensor, and a foreign one beside them. */
static void prefixed(world *w, const char *name)
{
    char path[UNIT_PATH];
    sg_err err = {0};
    sg_safetensors *s;
    ck_ok(sg_safetensors_open(unit_path(path, w->from, name), &s, &err), err);
    const int64_t n = sg_safetensors_count(s);
    sg_to_store *list = SG_NEW(&w->a, sg_to_store, n + 1);
    for (int64_t i = 0; i < n; i++) {
        const sg_stored *t = sg_safetensors_at(s, i);
        char *long_name = SG_NEW(&w->a, char, (int64_t)strlen(t->name) + 32);
        (void)sprintf(long_name, "model_ema.module.%s", t->name);
        list[i] = (sg_to_store){.name = long_name, .dtype = t->dtype, .n_dim = t->n_dim, .data = t->data};
        memcpy(list[i].dim, t->dim, sizeof t->dim);
    }
    static const float one = 1;
    list[n] = (sg_to_store){.name = "loss.discriminator.main.0.weight", .n_dim = 1, .dim = {1}, .data = &one};
    list[n].dtype = SG_DTYPE_F32;
    ck_ok(sg_safetensors_write(unit_path(path, w->dir, name), 0644, list, n + 1, NULL, 0, &err), err);
    sg_safetensors_free(s);
}

START_TEST(names_under_the_moving_average_are_found)
{
    world w;
    world_new(&w, "tiny");
    prefixed(&w, "vae.safetensors");
    prefixed(&w, "diffusion.safetensors");
    const char *const d = w.dir;
    ck_runs(&w,
            "import --vae %s/vae.safetensors --diffusion %s/diffusion.safetensors --config %s/config.json --data "
            "%s/data --out %s/model",
            d, d, w.from, d, d);
    ck_runs(&w,
            "generate --model %s/model --labels %s --noise %s/noise.npy --save-latents %s/a.z.npy --format npy --out "
            "%s/a",
            d, w.labels, d, d, d);
    check_run(&w, "euler50_cfg5", "a.npy", "a.z.npy");
    world_end(&w);
}
END_TEST

START_TEST(a_backend_nobody_knows_is_refused_before_the_model_is_opened)
{
    static const char *const command[] = {"generate --cases 1 --controls 0", "encode --bfile none",
                                          "decode --latents none"};
    world w;
    world_new(&w, "tiny");
    for (size_t i = 0; i < sizeof command / sizeof *command; i++) {
        char text[2048];
        ck_assert_int_eq(snpgen(&w, "%s --model %s/none --out %s/out --backend cublas", command[i], w.dir, w.dir), 1);
        said(&w, text, sizeof text);
        ck_assert_msg(strstr(text, "backend \"cublas\" is unknown, want auto, panels, onednn or openblas"), "%s", text);
    }
    world_end(&w);
}
END_TEST

int main(void)
{
    const char *shared = getenv("SG_SHARED");
    (void)snprintf(vectors, sizeof vectors, "%s/vectors", shared ? shared : "../shared");
    if (!sg_file_exists(vectors)) {
        (void)printf("SKIP: %s is not there\n", vectors);
        return 77;
    }
    const TTest *const tests[] = {the_tiny_checkpoint_makes_the_stored_people,
                                  the_small_checkpoint_makes_the_stored_people,
                                  files_count_a1_whatever_allele_the_weights_count,
                                  encoded_means_are_the_stored_ones_and_decode_back,
                                  what_does_not_fit_is_refused_by_name_and_leaves_nothing,
                                  names_under_the_moving_average_are_found,
                                  a_backend_nobody_knows_is_refused_before_the_model_is_opened};
    Suite *suite = suite_create("import");
    TCase *tcase = tcase_create("import");
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
