/* The sampler: a person is the same in every cohort, whatever its size, its neighbours and the threads. */
#include "sampler/sampler.h"
#include "base/rng.h"
#include "toy.h"

#include <stdatomic.h>

enum { N_SNP = 30, L = 32, Z = 2, T = 16, D = Z * T };

/* A model in memory with random weights everywhere, also where training starts at zero. */
static sg_model toy_model(sg_arena *a)
{
    sg_err err = {0};
    sg_model m = {
        .card = {.n_label = 2,
                 .vae = {.seq_len = L,
                         .n_snp = N_SNP,
                         .n_level = 2,
                         .channels = {32, 32},
                         .in_proj = 32,
                         .z_channels = Z,
                         .n_res = 1,
                         .kl_weight = 1},
                 .unet = {.latent_len = T,
                          .z_channels = Z,
                          .channels = 32,
                          .n_mult = 2,
                          .mult = {1, 1},
                          .n_res = 1,
                          .head_width = 32,
                          .context_dim = 16,
                          .n_classes = 2},
                 .sampling = {.solve = {.steps = 4, .guidance = 2, .guide_hi = INFINITY}, .decode = SG_DECODE_SAMPLE}},
        .decoder = {.n_snp = N_SNP}};
    m.panel.n_snp = N_SNP;
    sg_schedule_published(&m.schedule);
    ck_ok(sg_vae_new(&m.card.vae, &m.vae, &err), err);
    ck_ok(sg_unet_new(&m.card.unet, &m.unet, &err), err);
    const int64_t nv = sg_vae_get_params(m.vae)->n_float, nu = sg_unet_get_params(m.unet)->n_float;
    float *w = SG_NEW(a, float, nv > nu ? nv : nu);
    sg_vae_init_weights(m.vae, 3, w);
    ck_ok(sg_vae_load(m.vae, w, &err), err);
    sg_unet_init_weights(m.unet, 3, w);
    sg_rng r = sg_rng_stream(4, SG_RNG_TEST, 0, 0);
    for (int64_t i = 0; i < nu; i++)
        w[i] += 0.05f * sg_rng_normal(&r);
    ck_ok(sg_unet_load(m.unet, w, &err), err);
    m.latent_mean = SG_NEW(a, float, D);
    m.latent_std = SG_NEW(a, float, D);
    for (int d = 0; d < D; d++) {
        m.latent_mean[d] = 0.01f * (float)d;
        m.latent_std[d] = 1 + 0.02f * (float)d;
    }
    m.space = (sg_latent_space){.z = Z, .T = T, .n_label = 2, .mean = m.latent_mean, .std = m.latent_std};
    return m;
}

static void toy_model_end(sg_model *m)
{
    sg_vae_free(m->vae);
    sg_unet_free(m->unet);
}

static int8_t the_labels[200];

static sg_sample_request request(const sg_model *m, int64_t first, int64_t n)
{
    for (size_t i = 0; i < sizeof the_labels; i++)
        the_labels[i] = (int8_t)(i * 7 % 3 == 0);
    return (sg_sample_request){.seed = 8, .first = first, .n = n, .label = the_labels + first, .how = m->card.sampling};
}

START_TEST(a_person_is_the_same_in_every_cohort)
{
    sg_arena a = unit_arena((size_t)1 << 30);
    sg_err err = {0};
    sg_model m = toy_model(&a);
    sg_people all, part;
    sg_sample_request q = request(&m, 0, 70);
    float *latents = SG_NEW(&a, float, 70 * D), *few = SG_NEW(&a, float, 70 * D);
    q.latents = latents;
    ck_ok(sg_sample(&m, &q, NULL, &a, &all, &err), err);
    static const int64_t range[][2] = {{0, 1}, {0, 16}, {5, 1}, {13, 40}, {16, 16}, {31, 3}, {69, 1}};
    for (size_t k = 0; k < sizeof range / sizeof *range; k++)
        for (int threads = 1; threads <= 3; threads++) {
            sg_run run = {0};
            ck_ok(sg_pool_new(threads, &run.pool, &err), err);
            q = request(&m, range[k][0], range[k][1]);
            q.latents = few;
            ck_ok(sg_sample(&m, &q, &run, &a, &part, &err), err);
            ck_assert_mem_eq(few, latents + range[k][0] * D, (size_t)(range[k][1] * D) * sizeof(float));
            for (int64_t i = 0; i < range[k][1]; i++)
                ck_assert_int_eq(sg_people_hamming(&part, i, &all, range[k][0] + i), 0);
            sg_pool_free(run.pool);
        }
    int64_t same = 0;
    for (int64_t i = 1; i < 70; i++)
        same += sg_people_hamming(&all, 0, &all, i) == 0;
    ck_assert_int_eq(same, 0);
    toy_model_end(&m);
    sg_arena_clear(&a);
}
END_TEST

START_TEST(the_label_and_the_seed_change_a_person)
{
    sg_arena a = unit_arena((size_t)1 << 30);
    sg_err err = {0};
    sg_model m = toy_model(&a);
    sg_people p[3];
    float latents[3][D];
    for (int k = 0; k < 3; k++) {
        sg_sample_request q = request(&m, 0, 1);
        const int8_t label = (int8_t)(k == 1);
        q.label = &label;
        q.seed = k == 2 ? 9 : 8;
        q.latents = latents[k];
        ck_ok(sg_sample(&m, &q, NULL, &a, &p[k], &err), err);
    }
    ck_assert_mem_ne(latents[0], latents[1], sizeof latents[0]);
    ck_assert_mem_ne(latents[0], latents[2], sizeof latents[0]);
    toy_model_end(&m);
    sg_arena_clear(&a);
}
END_TEST

START_TEST(latents_kept_from_a_cohort_decode_to_the_same_people)
{
    sg_arena a = unit_arena((size_t)1 << 30);
    sg_err err = {0};
    sg_model m = toy_model(&a);
    sg_people made, decoded;
    float *latents = SG_NEW(&a, float, 20 * D);
    sg_sample_request q = request(&m, 3, 20);
    q.latents = latents;
    ck_ok(sg_sample(&m, &q, NULL, &a, &made, &err), err);
    q.latents = NULL;
    ck_ok(sg_sample_decode(&m, &q, latents, NULL, &a, &decoded, &err), err);
    ck_assert_mem_eq(made.plane, decoded.plane, (size_t)(20 * made.n_word) * 16);
    toy_model_end(&m);
    sg_arena_clear(&a);
}
END_TEST

START_TEST(offsets_move_the_genotypes_and_argmax_takes_the_largest)
{
    sg_arena a = unit_arena((size_t)1 << 30);
    sg_err err = {0};
    sg_model m = toy_model(&a);
    float *offset = SG_NEW(&a, float, 2 * N_SNP * 3);
    for (int64_t s = 0; s < N_SNP; s++)
        offset[3 * s + s % 3] = 60;
    for (int64_t s = 0; s < N_SNP; s++) /* label 1 the other way round */
        offset[3 * (N_SNP + s) + 2 - s % 3] = 60;
    m.decoder.offset = offset;
    m.decoder.offset_stride = 3 * N_SNP;
    for (int d = 0; d < SG_N_DECODE; d++) {
        sg_sample_request q = request(&m, 0, 5);
        q.how.decode = (sg_decode)d;
        sg_people p;
        ck_ok(sg_sample(&m, &q, NULL, &a, &p, &err), err);
        for (int64_t i = 0; i < 5; i++)
            for (int64_t s = 0; s < N_SNP; s++)
                ck_assert_int_eq(sg_people_get(&p, i, s), q.label[i] ? 2 - s % 3 : s % 3);
    }
    toy_model_end(&m);
    sg_arena_clear(&a);
}
END_TEST

START_TEST(posterior_means_do_not_depend_on_who_else_is_encoded)
{
    sg_arena a = unit_arena((size_t)1 << 30);
    sg_err err = {0};
    sg_model m = toy_model(&a);
    const sg_dataset d = toy_dataset(21, N_SNP, 6, &a);
    float *all = SG_NEW(&a, float, 21 * D), one[D];
    ck_ok(sg_sample_encode(&m, &d.people, NULL, all, &err), err);
    sg_people first;
    const int64_t zero = 0;
    ck_ok(sg_people_new(1, N_SNP, &a, &first, &err), err);
    sg_people_gather(&d.people, &zero, 1, &first);
    ck_ok(sg_sample_encode(&m, &first, NULL, one, &err), err);
    ck_assert_mem_eq(one, all, sizeof one);
    int8_t code[N_SNP] = {0};
    code[4] = SG_MISSING;
    sg_people_pack(&first, 0, code);
    ck_assert_int_eq(sg_sample_encode(&m, &first, NULL, one, &err), SG_LIMIT);
    ck_assert_str_eq(err.msg, "SNP 5 of the panel has a missing genotype; the networks read none");
    toy_model_end(&m);
    sg_arena_clear(&a);
}
END_TEST

START_TEST(wrong_requests_are_refused_in_words)
{
    sg_arena a = unit_arena((size_t)1 << 30);
    sg_err err = {0};
    sg_model m = toy_model(&a);
    sg_people p;
    sg_sample_request q = request(&m, 0, 3);
    q.how.solve.steps = 0;
    ck_assert_int_eq(sg_sample(&m, &q, NULL, &a, &p, &err), SG_LIMIT);
    ck_assert_str_eq(err.msg, "0 solver steps asked for, want 1 to 1000");
    q = request(&m, 0, 3);
    q.how.solve.guidance = NAN;
    ck_assert_int_eq(sg_sample(&m, &q, NULL, &a, &p, &err), SG_LIMIT);
    q = request(&m, 0, 3);
    const int8_t bad[3] = {0, 2, 0};
    q.label = bad;
    ck_assert_int_eq(sg_sample(&m, &q, NULL, &a, &p, &err), SG_LIMIT);
    ck_assert_str_eq(err.msg, "label 2 of person 2, want 0 to 1");
    q = request(&m, 0, 3);
    q.first = -1;
    ck_assert_int_eq(sg_sample(&m, &q, NULL, &a, &p, &err), SG_LIMIT);
    atomic_bool stop = true;
    const sg_run run = {.stop = &stop};
    q = request(&m, 0, 3);
    ck_assert_int_eq(sg_sample(&m, &q, &run, &a, &p, &err), SG_CANCELLED);
    toy_model_end(&m);
    sg_arena_clear(&a);
}
END_TEST

START_TEST(labels_are_counted_and_shuffled)
{
    int8_t a[100], b[100];
    sg_sample_labels(1, 70, 30, a);
    sg_sample_labels(2, 70, 30, b);
    int cases = 0, early = 0;
    for (int i = 0; i < 100; i++) {
        cases += a[i];
        early += i < 50 ? a[i] : 0;
    }
    ck_assert_int_eq(cases, 30);
    ck_assert(early > 5 && early < 25);
    ck_assert_mem_ne(a, b, sizeof a);
    sg_sample_labels(1, 70, 30, b);
    ck_assert_mem_eq(a, b, sizeof a);
}
END_TEST

UNIT_MAIN("sampler", a_person_is_the_same_in_every_cohort, the_label_and_the_seed_change_a_person,
          latents_kept_from_a_cohort_decode_to_the_same_people, offsets_move_the_genotypes_and_argmax_takes_the_largest,
          posterior_means_do_not_depend_on_who_else_is_encoded, wrong_requests_are_refused_in_words,
          labels_are_counted_and_shuffled)
