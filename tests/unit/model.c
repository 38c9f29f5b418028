/* The bundle: written whole, read back, and refused for every kind of damage. */
#include "model/inside.h"
#include "base/rng.h"
#include "nn/safetensors.h"
#include "unit.h"

#include <math.h>
#include <string.h>
#include <sys/stat.h>

enum { SNPS = 60, SEQ = 64, Z = 4, T = 32 };

typedef struct parts {
    sg_card card;
    sg_panel panel;
    float *vae_w, *unet_w, *mean, *std;
    sg_decoder decoder;
    sg_reference ref;
    uint8_t key[SG_KEY_BYTES];
} parts;

static sg_card small_card(void)
{
    sg_card c = {.id = "t2d-1.0_a",
                 .trait = "t2d",
                 .n_label = 2,
                 .label_name = {"control", "case"},
                 .prevalence = 0.1,
                 .created = "2026-11-24T01:45:00.000Z",
                 .build = "0.1.0",
                 .licence = "none",
                 .intended_use = "tests; \"quotes\" and \xc3\xa9",
                 .vae = {.seq_len = SEQ,
                         .n_snp = SNPS,
                         .n_level = 2,
                         .channels = {32, 32},
                         .in_proj = 32,
                         .z_channels = Z,
                         .n_res = 1,
                         .mid_attention = true,
                         .kl_weight = 0.02},
                 .unet = {.latent_len = T,
                          .z_channels = Z,
                          .channels = 32,
                          .n_mult = 2,
                          .mult = {1, 2},
                          .n_res = 1,
                          .head_width = 32,
                          .context_dim = 8,
                          .n_classes = 2},
                 .sampling = {{SG_SOLVER_EULER, 20, 1.5, 0.1, INFINITY, SG_OBJECTIVE_V}, SG_DECODE_SAMPLE}};
    c.training_json = (char *)"{\"epochs\":3}";
    c.data.b[0] = 7;
    return c;
}

static float *finite_floats(int64_t n, float shift, sg_arena *a)
{
    float *x = SG_NEW(a, float, n);
    sg_rng r = sg_rng_stream(4, SG_RNG_TEST, (uint64_t)n, 0);
    for (int64_t i = 0; i < n; i++)
        x[i] = shift + 0.05f * sg_rng_normal(&r);
    return x;
}

static void make_people(sg_reference *ref, sg_arena *a)
{
    static const int64_t n[SG_N_ROLE] = {7, 3, 4};
    sg_err err = {0};
    for (int r = 0; r < SG_N_ROLE; r++) {
        ck_ok(sg_people_new(n[r], SNPS, a, &ref->people[r], &err), err);
        ref->label[r] = SG_NEW(a, int8_t, n[r]);
        ref->mark[r] = SG_NEW(a, uint8_t, n[r]);
        for (int64_t i = 0; i < n[r]; i++) {
            int8_t code[SNPS];
            sg_rng g = sg_rng_stream(5, SG_RNG_TEST, (uint64_t)i, (uint32_t)r);
            for (int v = 0; v < SNPS; v++)
                code[v] = (int8_t)sg_rng_below(&g, 3);
            sg_people_pack(&ref->people[r], i, code);
            ref->label[r][i] = (int8_t)(i % 2);
            ref->mark[r][i] = (uint8_t)(r == SG_ROLE_VAL ? 0 : r == SG_ROLE_TEST ? i % 4 : i % 2 * SG_MARK_AUDIT);
        }
    }
}

static parts make_parts(sg_arena *a)
{
    parts p = {.card = small_card(), .key = {9, 8, 7}};
    sg_err err = {0};
    p.panel = (sg_panel){SNPS, SG_NEW(a, sg_snp, SNPS), false};
    for (int i = 0; i < SNPS; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "rs%d", i);
        p.panel.snp[i] =
            (sg_snp){"1", sg_arena_strndup(a, name, strlen(name)), 0, 1000 + i, "A", "G", 0.3, 0.1, 0.01, 1e-8};
    }
    sg_vae *vae;
    sg_unet *unet;
    ck_ok(sg_vae_new(&p.card.vae, &vae, &err), err);
    ck_ok(sg_unet_new(&p.card.unet, &unet, &err), err);
    p.vae_w = finite_floats(sg_vae_get_params(vae)->n_float, 0, a);
    p.unet_w = finite_floats(sg_unet_get_params(unet)->n_float, 0, a);
    sg_vae_free(vae);
    sg_unet_free(unet);
    p.mean = finite_floats(Z * T, 0, a);
    p.std = finite_floats(Z * T, 1, a);
    p.decoder = (sg_decoder){.n_snp = SNPS, .offset = finite_floats(SNPS * 3, 0, a), .forest = {.n_snp = SNPS}};
    p.decoder.forest.parent = SG_NEW(a, int32_t, SNPS);
    for (int i = 0; i < SNPS; i++)
        p.decoder.forest.parent[i] = i < 2 ? -1 : i - 2;
    p.decoder.forest.pair = finite_floats(SNPS * 9, 0, a);
    make_people(&p.ref, a);
    return p;
}

static sg_status save(const char *dir, parts *p, sg_err *err)
{
    return sg_model_save(dir, &p->card, &p->panel, p->vae_w, p->unet_w,
                         &(sg_latent_space){.mean = p->mean, .std = p->std}, &p->decoder, &p->ref, p->key, err);
}

/* The status of opening model and reference together, with the words. */
static sg_status open_all(const char *dir, const uint8_t *key, sg_err *err)
{
    sg_model *m;
    sg_status st = sg_model_open(dir, &m, err);
    if (st) {
        ck_assert_ptr_null(m);
        return st;
    }
    sg_arena a = unit_arena(1 << 20);
    sg_reference ref;
    st = sg_reference_open(dir, &m->card, key, &a, &ref, err);
    if (st) {
        ck_assert_uint_eq(a.used, 0);
        ck_assert_ptr_null(ref.people[0].plane);
    }
    sg_arena_clear(&a);
    sg_model_close(m);
    return st;
}

START_TEST(what_is_saved_is_what_is_opened)
{
    char dir[UNIT_PATH], at[UNIT_PATH];
    unit_dir(dir);
    unit_path(at, dir, "model");
    sg_arena a = unit_arena(1 << 26), b = unit_arena(1 << 20);
    parts p = make_parts(&a);
    sg_err err = {0};
    ck_ok(save(at, &p, &err), err);
    sg_model *m;
    ck_ok(sg_model_open(at, &m, &err), err);
    const sg_card *c = &m->card;
    ck_assert_str_eq(c->id, "t2d-1.0_a");
    ck_assert_str_eq(c->label_name[1], "case");
    ck_assert_str_eq(c->intended_use, p.card.intended_use);
    ck_assert_double_eq(c->prevalence, 0.1);
    ck_assert_mem_eq(&c->vae, &p.card.vae, sizeof c->vae);
    ck_assert_mem_eq(&c->unet, &p.card.unet, sizeof c->unet);
    ck_assert_int_eq(c->sampling.solve.steps, 20);
    ck_assert(isinf(c->sampling.solve.guide_hi));
    ck_assert_int_eq(c->sampling.solve.objective, SG_OBJECTIVE_V);
    ck_assert_int_eq(c->sampling.decode, SG_DECODE_SAMPLE);
    ck_assert_int_eq(c->n_train, 7);
    ck_assert_int_eq(c->n_train_label[0], 4);
    ck_assert_str_eq(c->training_json, "{\"epochs\":3}");
    ck_assert_ptr_null(c->metrics_json);
    ck_assert_int_eq(m->panel.n_snp, SNPS);
    ck_assert_str_eq(m->panel.snp[59].id, "rs59");
    ck_assert_mem_eq(m->latent_mean, p.mean, sizeof(float) * Z * T);
    ck_assert_mem_eq(m->latent_std, p.std, sizeof(float) * Z * T);
    ck_assert_mem_eq(m->decoder.offset, p.decoder.offset, sizeof(float) * SNPS * 3);
    ck_assert_mem_eq(m->decoder.forest.parent, p.decoder.forest.parent, sizeof(int32_t) * SNPS);
    ck_assert_mem_eq(m->decoder.forest.pair, p.decoder.forest.pair, sizeof(float) * SNPS * 9);
    ck_assert_int_eq(m->decoder.forest.n_edge, SNPS - 2);
    ck_assert_int_eq(m->decoder.forest.order[0] + m->decoder.forest.order[1], 1);
    ck_assert_double_gt(m->schedule.sigma[999], 10);

    sg_reference ref;
    ck_ok(sg_reference_open(at, c, p.key, &b, &ref, &err), err);
    for (int r = 0; r < SG_N_ROLE; r++) {
        ck_assert_int_eq(ref.people[r].n_sample, p.ref.people[r].n_sample);
        ck_assert_mem_eq(ref.people[r].plane, p.ref.people[r].plane, (size_t)ref.people[r].n_sample * 16);
        ck_assert_mem_eq(ref.label[r], p.ref.label[r], (size_t)ref.people[r].n_sample);
        ck_assert_mem_eq(ref.mark[r], p.ref.mark[r], (size_t)ref.people[r].n_sample);
    }
    sg_model_close(m);
    sg_model_close(NULL);
    sg_arena_clear(&a);
    sg_arena_clear(&b);
    unit_dir_remove(dir);
}
END_TEST

START_TEST(a_reference_without_marks_is_written_and_read_as_before_there_were_any)
{
    char dir[UNIT_PATH], at[UNIT_PATH], file[UNIT_PATH];
    unit_dir(dir);
    unit_path(at, dir, "model");
    sg_arena a = unit_arena(1 << 26);
    parts p = make_parts(&a);
    sg_err err = {0};
    memset(p.ref.mark, 0, sizeof p.ref.mark);
    ck_ok(save(at, &p, &err), err);
    struct stat s;
    ck_assert_int_eq(stat(unit_path(file, at, "reference.enc"), &s), 0);
    ck_assert_int_eq(s.st_size, 64 + 14 * 16 + 14 + SG_TAG_BYTES);
    sg_reference ref;
    ck_ok(sg_reference_open(at, &p.card, p.key, &a, &ref, &err), err);
    ck_assert_mem_eq(ref.label[SG_ROLE_TEST], p.ref.label[SG_ROLE_TEST], 4);
    for (int r = 0; r < SG_N_ROLE; r++)
        ck_assert_ptr_null(ref.mark[r]);
    sg_arena_clear(&a);
    unit_dir_remove(dir);
}
END_TEST

START_TEST(a_mark_that_the_role_cannot_have_is_refused)
{
    char dir[UNIT_PATH], at[UNIT_PATH];
    unit_dir(dir);
    unit_path(at, dir, "model");
    sg_arena a = unit_arena(1 << 26);
    parts p = make_parts(&a);
    sg_err err = {0};
    p.ref.mark[SG_ROLE_VAL][1] = SG_MARK_AUDIT;
    ck_ok(save(at, &p, &err), err);
    sg_reference ref;
    ck_assert_int_eq(sg_reference_open(at, &p.card, p.key, &a, &ref, &err), SG_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.msg, "a mark that a val person cannot have"));
    sg_arena_clear(&a);
    unit_dir_remove(dir);
}
END_TEST

START_TEST(the_sealed_people_are_nowhere_in_clear)
{
    char dir[UNIT_PATH], at[UNIT_PATH], file[UNIT_PATH];
    unit_dir(dir);
    unit_path(at, dir, "model");
    sg_arena a = unit_arena(1 << 26);
    parts p = make_parts(&a);
    sg_err err = {0};
    ck_ok(save(at, &p, &err), err);
    unit_path(file, at, "reference.enc");
    sg_buf b;
    ck_ok(sg_file_read(file, 1 << 20, &b, &err), err);
    ck_assert_ptr_null(memmem(b.data, b.n, p.ref.people[0].plane, 8));
    sg_buf_clear(&b);
    struct stat s;
    ck_assert_int_eq(stat(file, &s), 0);
    ck_assert_uint_eq(s.st_mode & 077, 0);
    sg_arena_clear(&a);
    unit_dir_remove(dir);
}
END_TEST

/* Plain writing: thousands of fsyncs would make the test slow. */
static void overwrite(const char *path, const void *data, size_t n)
{
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(data, 1, n, f), n);
    ck_assert_int_eq(fclose(f), 0);
}

/* Every file, at many places: one flipped bit is refused, and so is a file that is cut, longer, empty or gone. */
START_TEST(damage_anywhere_is_refused_with_a_reason)
{
    static const char *const name[] = {"card.json", "panel.tsv", "model.safetensors", "reference.enc"};
    char dir[UNIT_PATH], at[UNIT_PATH], file[UNIT_PATH];
    unit_dir(dir);
    unit_path(at, dir, "model");
    sg_arena a = unit_arena(1 << 26);
    parts p = make_parts(&a);
    sg_err err = {0};
    ck_ok(save(at, &p, &err), err);
    sg_digest whole;
    unit_path(file, at, "card.json");
    ck_ok(sg_sha256_file(file, &whole, &err), err);
    for (int f = 0; f < 4; f++) {
        sg_buf b;
        unit_path(file, at, name[f]);
        ck_ok(sg_file_read(file, 1 << 28, &b, &err), err);
        const size_t step = f == 0 ? 9 : b.n / 40 + 1;
        for (size_t i = 0; i < b.n; i += step) {
            b.data[i] ^= 1;
            overwrite(file, b.data, b.n);
            err.msg[0] = '\0';
            sg_model *m = NULL;
            const sg_status st = open_all(at, p.key, &err);
            if (st == SG_OK && f == 0) { /* a letter of free text: a valid card, but another identity */
                ck_ok(sg_model_open(at, &m, &err), err);
                ck_assert(!sg_digest_equal(&m->digest, &whole));
                sg_model_close(m);
            } else {
                ck_assert_msg(st != SG_OK, "%s byte %zu", name[f], i);
                ck_assert_uint_gt(strlen(err.msg), 10);
            }
            b.data[i] ^= 1;
        }
        const size_t cut[] = {0, 1, b.n / 2, b.n - 1};
        for (int k = 0; k < 4; k++) {
            overwrite(file, b.data, cut[k]);
            /* A card without its last newline says the same. */
            ck_assert_int_eq(open_all(at, p.key, &err) != SG_OK, f > 0 || cut[k] < b.n - 1);
        }
        unsigned char *longer = malloc(b.n + 1);
        memcpy(longer, b.data, b.n);
        longer[b.n] = f == 0 ? 'x' : 0;
        overwrite(file, longer, b.n + 1);
        ck_assert_int_ne(open_all(at, p.key, &err), SG_OK);
        free(longer);
        ck_assert_int_eq(unlink(file), 0);
        ck_assert_int_eq(open_all(at, p.key, &err), SG_NOT_FOUND);
        ck_assert_msg(strstr(err.msg, name[f]) != NULL, "%s", err.msg);
        overwrite(file, b.data, b.n);
        sg_buf_clear(&b);
    }
    ck_ok(open_all(at, p.key, &err), err);
    sg_arena_clear(&a);
    unit_dir_remove(dir);
}
END_TEST

START_TEST(a_wrong_key_and_a_foreign_reference_are_told_apart_from_damage)
{
    char dir[UNIT_PATH], one[UNIT_PATH], two[UNIT_PATH], from[UNIT_PATH], to[UNIT_PATH];
    unit_dir(dir);
    unit_path(one, dir, "one");
    unit_path(two, dir, "two");
    sg_arena a = unit_arena(1 << 26);
    parts p = make_parts(&a);
    sg_err err = {0};
    ck_ok(save(one, &p, &err), err);
    uint8_t other[SG_KEY_BYTES] = {1};
    ck_assert_int_eq(open_all(one, other, &err), SG_PRIVACY);
    ck_assert_ptr_nonnull(strstr(err.msg, "reference.enc: cannot be opened: the key does not fit"));
    p.card.data.b[0] = 8; /* the same people, prepared as another dataset */
    ck_ok(save(two, &p, &err), err);
    unit_path(from, one, "reference.enc");
    unit_path(to, two, "reference.enc");
    ck_assert_int_eq(rename(from, to), 0);
    ck_assert_int_eq(open_all(two, p.key, &err), SG_MISMATCH);
    ck_assert_ptr_nonnull(strstr(err.msg, "reference.enc: not the file that card.json names"));
    sg_arena b = unit_arena(1 << 20);
    sg_reference ref;
    ck_assert_int_eq(sg_reference_open(two, &p.card, p.key, &b, &ref, &err), SG_PRIVACY); /* its tag knows too */
    sg_arena_clear(&a);
    sg_arena_clear(&b);
    unit_dir_remove(dir);
}
END_TEST

/* Replaces one stored tensor of the bundle by `x` (NULL: by a tensor of another name), and lets the card vouch for it.
 */
static void forge(const char *dir, const parts *p, const char *tensor, int64_t rows, const float *x)
{
    char file[UNIT_PATH];
    sg_safetensors *s;
    sg_err err = {0};
    unit_path(file, dir, "model.safetensors");
    ck_ok(sg_safetensors_open(file, &s, &err), err);
    const int64_t n = sg_safetensors_count(s);
    sg_to_store *list = calloc((size_t)n, sizeof *list);
    for (int64_t i = 0; i < n; i++) {
        const sg_stored *t = sg_safetensors_at(s, i);
        list[i] = (sg_to_store){.name = t->name, .dtype = t->dtype, .n_dim = t->n_dim, .data = t->data};
        memcpy(list[i].dim, t->dim, sizeof list[i].dim);
        if (strcmp(t->name, tensor) != 0)
            continue;
        list[i].dim[0] = rows ? rows : list[i].dim[0];
        if (x)
            list[i].data = x;
        else
            list[i].name = "something.else";
    }
    ck_ok(sg_safetensors_write(file, 0600, list, n, NULL, 0, &err), err);
    free(list);
    sg_safetensors_free(s);
    sg_card card = p->card;
    sg_buf b;
    sg_buf_init(&b, 1 << 20);
    ck_ok(sg_sha256_file(file, &card.weights, &err), err);
    ck_ok(sg_card_encode(&card, &b, &err), err);
    unit_path(file, dir, "card.json");
    ck_ok(sg_file_write(file, 0600, b.data, b.n, &err), err);
    sg_buf_clear(&b);
}

START_TEST(weights_that_the_card_vouches_for_must_still_make_sense)
{
    char dir[UNIT_PATH], at[UNIT_PATH];
    unit_dir(dir);
    unit_path(at, dir, "model");
    sg_arena a = unit_arena(1 << 26);
    parts p = make_parts(&a);
    sg_err err = {0};
    static float zeros[3 * SEQ * 64], nan[3 * SEQ * 64];
    for (size_t i = 0; i < sizeof nan / sizeof *nan; i++)
        nan[i] = i == 2 ? NAN : 1;
    const struct {
        const char *tensor;
        int64_t rows;
        const float *x;
        sg_status st;
        const char *words;
    } wrong[] = {
        {"snpgen.latent_std", 0, zeros, SG_LIMIT, "snpgen.latent_std holds a number that is not positive"},
        {"snpgen.latent_std", 0, nan, SG_LIMIT, "snpgen.latent_std holds a number that is not finite"},
        {"snpgen.latent_mean", 0, nan, SG_LIMIT, "snpgen.latent_mean holds a number that is not finite"},
        {"snpgen.logit_offset", 0, nan, SG_LIMIT, "snpgen.logit_offset holds a number that is not finite"},
        {"snpgen.logit_offset", SNPS - 1, zeros, SG_MISMATCH, "snpgen.logit_offset is not [60, 3]"},
        {"snpgen.linkage_pair", 0, nan, SG_LIMIT, "snpgen.linkage_pair holds a number that is not finite"},
        {"snpgen.linkage_parent", 0, zeros, SG_MISMATCH, "circle"},
        {"snpgen.linkage_parent", SNPS - 1, zeros, SG_MISMATCH, "snpgen.linkage_parent is not int32 [60]"},
        {"snpgen.latent_mean", 0, NULL, SG_NOT_FOUND, "snpgen.latent_mean is missing"},
        {"encoder.conv_in.bias", 0, nan, SG_LIMIT, "encoder.conv_in.bias"},
        {"encoder.conv_in.bias", 31, zeros, SG_MISMATCH, "encoder.conv_in.bias"},
        {"encoder.conv_in.bias", 0, NULL, SG_NOT_FOUND, "encoder.conv_in.bias"},
        {"conditioner.embedders.0.embedding.weight", 0, nan, SG_LIMIT, "conditioner.embedders.0.embedding.weight"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ck_ok(sg_dir_remove(at, &err), err);
        ck_ok(save(at, &p, &err), err);
        forge(at, &p, wrong[i].tensor, wrong[i].rows, wrong[i].x);
        const sg_status st = open_all(at, p.key, &err);
        ck_assert_msg(st == wrong[i].st && strstr(err.msg, wrong[i].words), "%s: %s", wrong[i].words, err.msg);
    }
    sg_arena_clear(&a);
    unit_dir_remove(dir);
}
END_TEST

START_TEST(a_reference_of_other_sizes_than_the_card_says_is_a_mismatch)
{
    char dir[UNIT_PATH], at[UNIT_PATH];
    unit_dir(dir);
    unit_path(at, dir, "model");
    sg_arena a = unit_arena(1 << 26);
    parts p = make_parts(&a);
    sg_err err = {0};
    ck_ok(save(at, &p, &err), err);
    sg_reference ref;
    sg_card card = p.card;
    card.n_test++;
    ck_assert_int_eq(sg_reference_open(at, &card, p.key, &a, &ref, &err), SG_MISMATCH);
    ck_assert_ptr_nonnull(strstr(err.msg, "reference.enc: 4 test people, the card says 5"));
    card = p.card;
    card.vae.n_snp--;
    ck_assert_int_eq(sg_reference_open(at, &card, p.key, &a, &ref, &err), SG_MISMATCH);
    card = p.card;
    card.n_label = 1;
    ck_assert_int_eq(sg_reference_open(at, &card, p.key, &a, &ref, &err), SG_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.msg, "reference.enc: label 1, want 0 to 0"));
    sg_arena_clear(&a);
    unit_dir_remove(dir);
}
END_TEST

START_TEST(a_bundle_is_never_overwritten_and_a_failed_save_leaves_nothing)
{
    char dir[UNIT_PATH], at[UNIT_PATH];
    unit_dir(dir);
    unit_path(at, dir, "model/"); /* a trailing slash is no other place */
    sg_arena a = unit_arena(1 << 26);
    parts p = make_parts(&a);
    sg_err err = {0};
    ck_ok(save(at, &p, &err), err);
    ck_assert_int_eq(save(at, &p, &err), SG_STATE);
    ck_assert_ptr_nonnull(strstr(err.msg, "exists; a model is never overwritten"));
    unit_path(at, dir, "empty");
    ck_ok(sg_dir_make(at, 0700, &err), err);
    ck_assert_int_eq(save(at, &p, &err), SG_STATE);
    unit_path(at, dir, "broken");
    p.unet_w[5] = NAN;
    ck_assert_int_eq(save(at, &p, &err), SG_LIMIT);
    p.unet_w[5] = 0;
    p.std[3] = 0;
    ck_assert_int_eq(save(at, &p, &err), SG_LIMIT);
    ck_assert_ptr_nonnull(strstr(err.msg, "latent dimension 3: mean"));
    p.std[3] = 1;
    p.card.training_json = (char *)"[1]";
    ck_assert_int_eq(save(at, &p, &err), SG_FORMAT);
    ck_assert_str_eq(err.msg, "card.json: training is not a JSON object");
    p.card.training_json = NULL;
    p.card.prevalence = NAN;
    ck_assert_int_eq(save(at, &p, &err), SG_FORMAT);
    p.card.prevalence = 0.5;
    p.panel.n_snp--;
    ck_assert_int_eq(save(at, &p, &err), SG_MISMATCH);
    p.panel.n_snp++;
    unit_path(at, dir, "no/such/place");
    ck_assert_int_eq(save(at, &p, &err), SG_IO);
    unit_path(at, dir, "broken");
    ck_assert(!sg_file_exists(at));
    ck_assert_int_eq(rmdir((unit_path(at, dir, "empty"), at)), 0);
    ck_ok(sg_dir_remove(unit_path(at, dir, "model"), &err), err);
    ck_assert_int_eq(rmdir(dir), 0); /* nothing else is left */
    sg_arena_clear(&a);
}
END_TEST

/* A card with one field replaced (JSON text of the value, or NULL: removed), by path "vae.n_res". */
static sg_status with_field(const char *text, const char *find, const char *put, sg_err *err)
{
    const char *hit = strstr(text, find);
    ck_assert_msg(hit != NULL, "no %s in %s", find, text);
    sg_buf b;
    sg_buf_init(&b, 1 << 20);
    ck_ok(sg_buf_add(&b, text, (size_t)(hit - text), err), *err);
    ck_ok(sg_buf_add(&b, put, strlen(put), err), *err);
    ck_ok(sg_buf_add(&b, hit + strlen(find), strlen(hit) - strlen(find), err), *err);
    sg_arena a = unit_arena(1 << 20);
    sg_card c;
    const sg_status st = sg_card_decode(b.data, b.n, &a, &c, err);
    sg_arena_clear(&a);
    sg_buf_clear(&b);
    return st;
}

START_TEST(every_wrong_field_of_the_card_is_named)
{
    static const struct {
        const char *find, *put;
        sg_status st;
        const char *words;
    } wrong[] = {
        {"\"format\": 1", "\"format\": 2", SG_LIMIT, "card.json: bundle format 2, this program reads format 1"},
        {"\"format\": 1", "\"x\": 1", SG_FORMAT, "card.json: format is missing"},
        {"\"format\": 1", "\"format\": \"1\"", SG_FORMAT, "card.json: format is not a whole number"},
        {"\"t2d-1.0_a\"", "\"T2d\"", SG_FORMAT, "card.json: id \"T2d\", want small letters"},
        {"\"t2d-1.0_a\"", "\"../x\"", SG_FORMAT, "card.json: id \"../x\""},
        {"\"t2d-1.0_a\"", "\"\"", SG_FORMAT, "card.json: id \"\""},
        {"\"t2d-1.0_a\"", "\"a/b\"", SG_FORMAT, "card.json: id \"a/b\""},
        {"\"t2d\"", "7", SG_FORMAT, "card.json: trait is not text"},
        {"\"t2d\"", "\"a\\nb\"", SG_FORMAT, "card.json: trait holds control characters"},
        {"\"control\",", "", SG_FORMAT, "card.json: people.train_by_label has 2 entries, want 1 to 1"},
        {"\"control\"", "\"\"", SG_FORMAT, "card.json: labels entry 0 is not a name of 1 to 63 bytes"},
        {"\"prevalence\": 0.1", "\"prevalence\": 1.1", SG_FORMAT, "card.json: prevalence is 1.1, want 0 to 1"},
        {"\"seq_len\": 64", "\"seq_len\": 63", SG_LIMIT, "card.json: VAE sequence length is 63"},
        {"\"seq_len\": 64", "\"seq_len\": 128", SG_MISMATCH,
         "card.json: the U-Net takes latents [4, 32], the VAE makes [4, 64]"},
        {"\"n_snp\": 60", "\"n_snp\": 0", SG_FORMAT, "card.json: vae.n_snp is 0, want 1 to 1048576"},
        {"\"in_proj\": 32", "\"in_proj\": 33", SG_LIMIT, "in_proj is 33"},
        {"\"mid_attention\": true", "\"mid_attention\": 1", SG_FORMAT, "vae.mid_attention is neither true nor false"},
        {"\"kl_weight\": 0.02", "\"kl_weight\": -1", SG_FORMAT, "card.json: vae.kl_weight is -1"},
        {"\"head_width\": 32", "\"head_width\": 1e9", SG_FORMAT, "card.json: unet.head_width is not a whole number"},
        {"\"n_classes\": 2", "\"n_classes\": 3", SG_MISMATCH,
         "card.json: the U-Net knows 3 classes, there are 2 labels"},
        {"\"position\": true", "\"position\": 1", SG_FORMAT, "card.json: unet.position is neither true nor false"},
        {"\"solver\": \"euler\"", "\"solver\": \"ode\"", SG_FORMAT, "card.json: sampling.solver is wrong: "},
        {"\"decode\": \"sample\"", "\"decode\": \"best\"", SG_FORMAT,
         "card.json: sampling.decode is wrong: decoding \"best\", want argmax or sample"},
        {"\"steps\": 20", "\"steps\": 100000", SG_FORMAT, "card.json: sampling.steps is 100000, want 1 to 1000"},
        {"\"train\": 7", "\"train\": 8", SG_FORMAT, "card.json: people.train_by_label sums to 7, train is 8"},
        {"\"training\": {", "\"metrics\": [], \"training\": {", SG_FORMAT, "card.json: metrics is not an object"},
        {"\"data\": \"", "\"data\": \"zz", SG_FORMAT, "card.json: digests.data"},
        {"\"id\"", "\"id\": \"a\", \"id\"", SG_FORMAT, "card.json line"},
    };
    sg_card c = small_card();
    c.unet.position = true;
    c.n_train = 7;
    c.n_train_label[0] = 4;
    c.n_train_label[1] = 3;
    sg_buf b;
    sg_err err = {0};
    sg_buf_init(&b, 1 << 20);
    ck_ok(sg_card_encode(&c, &b, &err), err);
    const char *text = (const char *)b.data;
    ck_ok(with_field(text, "\"format\"", "\"from_the_future\": {\"a\": 1}, \"format\"", &err), err);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const sg_status st = with_field(text, wrong[i].find, wrong[i].put, &err);
        ck_assert_msg(st == wrong[i].st && strstr(err.msg, wrong[i].words), "%s -> %s: %s (%s)", wrong[i].find,
                      wrong[i].put, err.msg, sg_status_name(st));
    }
    sg_buf_clear(&b);
    sg_arena a = unit_arena(1 << 20);
    ck_assert_int_eq(sg_card_decode("[]", 2, &a, &c, &err), SG_FORMAT);
    ck_assert_str_eq(err.msg, "card.json: not a JSON object");
    ck_assert_int_eq(sg_card_decode("", 0, &a, &c, &err), SG_FORMAT);
    sg_arena_clear(&a);
}
END_TEST

START_TEST(a_card_that_does_not_speak_of_positions_has_none)
{
    for (int k = 0; k < 3; k++) { /* false, true, true but struck out */
        sg_card c = small_card(), back;
        c.unet.position = k > 0;
        sg_buf b;
        sg_err err = {0};
        sg_buf_init(&b, 1 << 20);
        ck_ok(sg_card_encode(&c, &b, &err), err);
        char *hit = strstr((char *)b.data, "\"position\"");
        ck_assert_ptr_nonnull(hit);
        if (k == 2)
            hit[1] = 'q'; /* a name nobody reads */
        sg_arena a = unit_arena(1 << 20);
        ck_ok(sg_card_decode(b.data, b.n, &a, &back, &err), err);
        ck_assert(back.unet.position == (k == 1));
        sg_arena_clear(&a);
        sg_buf_clear(&b);
    }
}
END_TEST

START_TEST(sizes_in_the_reference_head_are_not_believed)
{
    sg_reference_head h = {.magic = {'S', 'G', 'R', 'E', 'F', 'E', 'R', '1'},
                           .version = 1,
                           .n_role = SG_N_ROLE,
                           .n_variant = 65,
                           .n_sample = {2, 0, 1}};
    sg_reference_head got;
    uint64_t n;
    sg_err err = {0};
    const uint64_t whole = 64 + 3 * 32 + 3 + 16;
    ck_ok(sg_reference_head_decode(&h, sizeof h, whole, &got, &n, &err), err);
    ck_assert_uint_eq(n, 3 * 32 + 3);
    ck_assert_int_eq(sg_reference_head_decode(&h, sizeof h, whole + 1, &got, &n, &err), SG_FORMAT);
    ck_assert_str_eq(err.msg, "reference.enc: 180 bytes, its sizes ask for 179");
    ck_assert_int_eq(sg_reference_head_decode(&h, sizeof h, 60, &got, &n, &err), SG_FORMAT);
    ck_assert_int_eq(sg_reference_head_decode(&h, 63, whole, &got, &n, &err), SG_FORMAT);
#define REFUSED(field, value, status)                                                                                  \
    do {                                                                                                               \
        sg_reference_head x = h;                                                                                       \
        x.field = value;                                                                                               \
        ck_assert_int_eq(sg_reference_head_decode(&x, sizeof x, whole, &got, &n, &err), status);                       \
        ck_assert_uint_eq(n, 0);                                                                                       \
    } while (0)
    REFUSED(magic[0], 'x', SG_FORMAT);
    REFUSED(version, 3, SG_LIMIT);
    REFUSED(version, 0, SG_LIMIT);
    REFUSED(version, 2, SG_FORMAT); /* has a byte of marks per person, so another length */
    REFUSED(n_role, 4, SG_FORMAT);
    REFUSED(zero, 1, SG_FORMAT);
    REFUSED(n_variant, 0, SG_LIMIT);
    REFUSED(n_variant, UINT64_MAX, SG_LIMIT);
    REFUSED(n_sample[1], UINT64_MAX, SG_LIMIT);
    REFUSED(n_sample[1], (uint64_t)1 << 28, SG_FORMAT);
    h.n_variant = 1 << 20;
    REFUSED(n_sample[0], (uint64_t)1 << 28, SG_LIMIT);
}
END_TEST

START_TEST(keys_are_private_exact_and_never_replaced)
{
    char dir[UNIT_PATH], at[UNIT_PATH];
    unit_dir(dir);
    unit_path(at, dir, "key");
    sg_err err = {0};
    uint8_t key[SG_KEY_BYTES], again[SG_KEY_BYTES];
    static const uint8_t zero[SG_KEY_BYTES];
    ck_assert_int_eq(sg_key_load(at, key, &err), SG_NOT_FOUND);
    ck_ok(sg_key_new(at, &err), err);
    struct stat s;
    ck_assert_int_eq(stat(at, &s), 0);
    ck_assert_uint_eq(s.st_mode & 07777, 0600);
    ck_assert_int_eq(s.st_size, 65);
    ck_ok(sg_key_load(at, key, &err), err);
    ck_ok(sg_key_load(at, again, &err), err);
    ck_assert_mem_eq(key, again, SG_KEY_BYTES);
    ck_assert_mem_ne(key, zero, SG_KEY_BYTES);
    ck_assert_int_eq(sg_key_new(at, &err), SG_STATE);
    ck_assert_ptr_nonnull(strstr(err.msg, "exists; a key is never replaced"));
    ck_assert_int_eq(chmod(at, 0640), 0);
    ck_assert_int_eq(sg_key_load(at, key, &err), SG_STATE);
    ck_assert_ptr_nonnull(strstr(err.msg, "others may use this key (mode 0640), want 0600"));
    static const char *const bad[] = {"", "12\n", "00000000000000000000000000000000000000000000000000000000000000zz\n",
                                      "0000000000000000000000000000000000000000000000000000000000000000",
                                      "00000000000000000000000000000000000000000000000000000000000000001\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_ok(sg_file_write(at, 0600, bad[i], strlen(bad[i]), &err), err);
        memset(key, 1, sizeof key);
        ck_assert_int_eq(sg_key_load(at, key, &err), SG_FORMAT);
        ck_assert_ptr_nonnull(strstr(err.msg, "want 64 hexadecimal digits and a newline"));
        ck_assert_mem_eq(key, zero, SG_KEY_BYTES);
    }
    ck_assert_int_eq(sg_key_load(dir, key, &err), SG_IO);
    unit_dir_remove(dir);
}
END_TEST

UNIT_MAIN("model", what_is_saved_is_what_is_opened,
          a_reference_without_marks_is_written_and_read_as_before_there_were_any,
          a_mark_that_the_role_cannot_have_is_refused, the_sealed_people_are_nowhere_in_clear,
          damage_anywhere_is_refused_with_a_reason, a_wrong_key_and_a_foreign_reference_are_told_apart_from_damage,
          weights_that_the_card_vouches_for_must_still_make_sense,
          a_reference_of_other_sizes_than_the_card_says_is_a_mismatch,
          a_bundle_is_never_overwritten_and_a_failed_save_leaves_nothing, every_wrong_field_of_the_card_is_named,
          a_card_that_does_not_speak_of_positions_has_none, sizes_in_the_reference_head_are_not_believed,
          keys_are_private_exact_and_never_replaced)
