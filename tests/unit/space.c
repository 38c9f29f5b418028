/* The map between VAE latents and diffusion latents: there and back, and the order in which it mixes. */
#include "diffusion/space.h"
#include "base/rng.h"
#include "unit.h"

#include <math.h>
#include <string.h>

enum { Z = 3, T = 5, D = Z * T, LABELS = 2 };

typedef struct world {
    float mean[D], std[D], shift[LABELS * D], mix[D * D];
    sg_latent_space s;
} world;

static void world_new(world *w)
{
    sg_rng r = sg_rng_stream(2, SG_RNG_TEST, 0, 0);
    *w = (world){0};
    for (int d = 0; d < D; d++) {
        w->mean[d] = sg_rng_normal(&r);
        w->std[d] = 0.5f + sg_rng_uniformf(&r);
        for (int y = 0; y < LABELS; y++)
            w->shift[y * D + d] = sg_rng_normal(&r);
        for (int j = 0; j < d; j++)
            w->mix[d * D + j] = 0.2f * sg_rng_normal(&r);
        w->mix[d * D + d] = 0.5f + sg_rng_uniformf(&r);
    }
    w->s = (sg_latent_space){Z, T, LABELS, w->mean, w->std, w->shift, w->mix};
}

START_TEST(a_person_goes_there_and_back)
{
    world w;
    world_new(&w);
    for (int parts = 0; parts < 4; parts++)
        for (int y = 0; y < LABELS; y++) {
            w.s.shift = parts & 1 ? w.shift : NULL;
            w.s.mix = parts & 2 ? w.mix : NULL;
            float x[D], was[D], scratch[D];
            sg_rng r = sg_rng_stream(3, SG_RNG_TEST, (uint64_t)parts, (uint32_t)y);
            sg_rng_fill_normal(&r, x, D);
            memcpy(was, x, sizeof x);
            sg_latent_from_diffusion(&w.s, y, x, scratch);
            sg_latent_to_diffusion(&w.s, y, x, scratch);
            for (int d = 0; d < D; d++)
                ck_assert_float_eq_tol(x[d], was[d], 1e-4f);
        }
}
END_TEST

START_TEST(a_number_moves_only_those_to_its_right_on_the_genome)
{
    world w;
    world_new(&w);
    const int c = 1, t = 2; /* channel and position */
    float base[D] = {0}, moved[D] = {0}, scratch[D];
    moved[c * T + t] = 1;
    sg_latent_from_diffusion(&w.s, 0, base, scratch);
    sg_latent_from_diffusion(&w.s, 0, moved, scratch);
    for (int d = 0; d < D; d++) {
        const int channel = d / T, position = d % T;
        const bool later = position > t || (position == t && channel >= c);
        ck_assert_msg((fabsf(moved[d] - base[d]) > 1e-6f) == later, "channel %d, position %d", channel, position);
    }
}
END_TEST

START_TEST(without_shift_and_mix_it_is_mean_and_standard_deviation)
{
    world w;
    world_new(&w);
    w.s.shift = w.s.mix = NULL;
    float x[D] = {0}, scratch[D];
    x[4] = 2;
    sg_latent_from_diffusion(&w.s, 1, x, scratch);
    for (int d = 0; d < D; d++)
        ck_assert_float_eq_tol(x[d], w.mean[d] + (d == 4 ? 2 * w.std[d] : 0), 1e-6f);
}
END_TEST

UNIT_MAIN("space", a_person_goes_there_and_back, a_number_moves_only_those_to_its_right_on_the_genome,
          without_shift_and_mix_it_is_mean_and_standard_deviation)
