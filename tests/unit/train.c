/* Training: presets, bytes that do not depend on threads, resume, the guard against NaN, calibration. */
#include "train/train.h"
#include "toy.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/wait.h>

static sg_train_options tiny_options(void)
{
    sg_train_options o = sg_train_preset(SG_PRESET_SMALL);
    (void)snprintf(o.vae_channels, sizeof o.vae_channels, "32,32");
    (void)snprintf(o.unet_mult, sizeof o.unet_mult, "1,1");
    o.z_channels = 2;
    o.vae_res = 1;
    o.unet_res = 1;
    o.vae_epochs = 2;
    o.epochs = 2;
    o.vae_min_steps = o.min_steps = 0;
    o.vae_batch = o.batch = 16;
    o.chunk = 4;
    o.steps = 4;
    o.calibrate_people = 32;
    return o;
}

typedef struct world {
    char dir[UNIT_PATH], work[UNIT_PATH];
    sg_arena a;
    sg_dataset d;
    sg_train_options o;
} world;

static world world_new(void)
{
    world w = {.a = unit_arena((size_t)1 << 32), .o = tiny_options()};
    unit_dir(w.dir);
    unit_path(w.work, w.dir, "toy.train");
    w.d = toy_dataset(60, 30, 5, &w.a);
    return w;
}

static void world_end(world *w)
{
    unit_dir_remove(w->dir);
    sg_arena_clear(&w->a);
}

static sg_digest result_digest(const sg_train_result *r, const world *w)
{
    sg_sha256 *h;
    sg_err err = {0};
    sg_vae *v;
    sg_unet *u;
    ck_ok(sg_vae_new(&r->plan.vae, &v, &err), err);
    ck_ok(sg_unet_new(&r->plan.unet, &u, &err), err);
    ck_ok(sg_sha256_new(&h, &err), err);
    const size_t D = (size_t)(r->plan.unet.z_channels * r->plan.unet.latent_len);
    sg_sha256_add(h, r->vae_w, (size_t)sg_vae_get_params(v)->n_float * sizeof(float));
    sg_sha256_add(h, r->unet_w, (size_t)sg_unet_get_params(u)->n_float * sizeof(float));
    sg_sha256_add(h, r->space.mean, D * sizeof(float));
    sg_sha256_add(h, r->space.std, D * sizeof(float));
    if (r->space.mix)
        sg_sha256_add(h, r->space.mix, D * D * sizeof(float));
    if (r->space.shift)
        sg_sha256_add(h, r->space.shift, 2 * D * sizeof(float));
    const sg_decoder *o = &r->decoder;
    if (o->offset)
        sg_sha256_add(h, o->offset, (size_t)w->d.panel.n_snp * 6 * sizeof(float));
    if (o->forest.parent) {
        sg_sha256_add(h, o->forest.parent, (size_t)w->d.panel.n_snp * sizeof(int32_t));
        sg_sha256_add(h, o->forest.pair, (size_t)w->d.panel.n_snp * 9 * sizeof(float));
    }
    const sg_digest digest = sg_sha256_end(h);
    sg_sha256_free(h);
    sg_vae_free(v);
    sg_unet_free(u);
    return digest;
}

/* A whole run in its own work folder, on `threads` threads. */
static sg_digest run_digest(world *w, const char *name, int threads)
{
    sg_err err = {0};
    char work[UNIT_PATH];
    unit_path(work, w->dir, name);
    sg_run run = {0};
    ck_ok(sg_pool_new(threads, &run.pool, &err), err);
    const size_t mark = sg_arena_mark(&w->a);
    sg_train_result r;
    ck_ok(sg_train_run(&w->d, &w->o, work, true, &run, &w->a, &r, &err), err);
    const sg_digest digest = result_digest(&r, w);
    sg_arena_rewind(&w->a, mark);
    sg_pool_free(run.pool);
    return digest;
}

START_TEST(the_presets_fit_a_panel_of_any_length)
{
    sg_arena a = unit_arena(1 << 24);
    for (int p = 0; p < SG_N_PRESET; p++)
        for (int64_t n_snp = 1; n_snp < 300; n_snp += 37) {
            const sg_dataset d = toy_dataset(10, n_snp, 1, &a);
            const sg_train_options o = sg_train_preset((sg_preset)p);
            sg_train_plan plan;
            sg_err err = {0};
            ck_ok(sg_train_check(&o, &d, &plan, &err), err);
            ck_assert_int_ge(plan.vae.seq_len, n_snp);
            ck_assert_int_eq(plan.unet.latent_len % (1 << (plan.unet.n_mult - 1)), 0);
        }
    sg_arena_clear(&a);
}
END_TEST

START_TEST(standardised_by_channel_all_positions_share_one_scale)
{
    world w = world_new();
    w.o.standardise = 4;
    w.o.vae_epochs = w.o.epochs = 1;
    sg_train_result r;
    sg_err err = {0};
    ck_ok(sg_train_run(&w.d, &w.o, w.work, false, NULL, &w.a, &r, &err), err);
    ck_assert(r.plan.unet.position);
    ck_assert_ptr_null(r.space.shift);
    ck_assert_ptr_null(r.space.mix);
    const int64_t T = r.space.T;
    for (int64_t d = 0; d < r.space.z * T; d++) {
        ck_assert_float_eq(r.space.mean[d], r.space.mean[d / T * T]);
        ck_assert_float_eq(r.space.std[d], r.space.std[d / T * T]);
        ck_assert_float_gt(r.space.std[d], 0);
    }
    ck_assert_float_ne(r.space.std[0], r.space.std[T]); /* another channel */
    world_end(&w);
}
END_TEST

START_TEST(a_setting_out_of_range_is_refused_by_its_name)
{
    world w = world_new();
    sg_train_plan plan;
    sg_err err = {0};
    w.o.label_dropout = 1.5;
    ck_assert_int_eq(sg_train_check(&w.o, &w.d, &plan, &err), SG_LIMIT);
    ck_assert_str_eq(err.msg, "--label-dropout is 1.5, want 0 to 1");
    w.o = tiny_options();
    w.o.sigma_high = w.o.sigma_low = 0.5;
    ck_assert_int_eq(sg_train_check(&w.o, &w.d, &plan, &err), SG_LIMIT);
    ck_assert_str_eq(err.msg, "--sigma-high is 0.5, want more than --sigma-low, 0.5");
    w.o = tiny_options();
    (void)snprintf(w.o.vae_channels, sizeof w.o.vae_channels, "32,x");
    ck_assert_int_eq(sg_train_check(&w.o, &w.d, &plan, &err), SG_FORMAT);
    ck_assert_str_eq(err.msg, "--vae-channels is \"32,x\", want whole numbers from 1 to 4096 between commas");
    w.o = tiny_options();
    memset(w.d.role, SG_ROLE_TEST, (size_t)w.d.people.n_sample);
    ck_assert_int_eq(sg_train_check(&w.o, &w.d, &plan, &err), SG_DEGENERATE);
    ck_assert_str_eq(err.msg, "the dataset has 0 people to train on, want 2 or more");
    world_end(&w);
}
END_TEST

START_TEST(the_bytes_do_not_depend_on_the_number_of_threads)
{
    world w = world_new();
    const sg_digest one = run_digest(&w, "one", 1);
    for (int threads = 2; threads <= 4; threads++) {
        char name[16];
        (void)snprintf(name, sizeof name, "t%d", threads);
        const sg_digest other = run_digest(&w, name, threads);
        ck_assert_mem_eq(one.b, other.b, SG_DIGEST_BYTES);
    }
    w.o.seed = 2;
    const sg_digest seed2 = run_digest(&w, "seed2", 1);
    ck_assert_mem_ne(one.b, seed2.b, SG_DIGEST_BYTES);
    world_end(&w);
}
END_TEST

/* Only members teach: other validation and test people give the same weights. */
START_TEST(people_who_are_not_members_leave_no_trace_in_the_weights)
{
    world w = world_new();
    const sg_digest before = run_digest(&w, "before", 1);
    int8_t *code = SG_NEW(&w.a, int8_t, w.d.panel.n_snp);
    for (int64_t i = 0; i < w.d.people.n_sample; i++)
        if (w.d.role[i] != SG_ROLE_TRAIN)
            sg_people_pack(&w.d.people, i, code);
    const sg_digest after = run_digest(&w, "after", 1);
    ck_assert_mem_eq(before.b, after.b, SG_DIGEST_BYTES);
    for (int64_t i = 0; i < w.d.people.n_sample; i++)
        if (w.d.role[i] == SG_ROLE_TRAIN) {
            sg_people_pack(&w.d.people, i, code);
            break;
        }
    const sg_digest changed = run_digest(&w, "changed", 1);
    ck_assert_mem_ne(before.b, changed.b, SG_DIGEST_BYTES);
    world_end(&w);
}
END_TEST

typedef struct stopper {
    atomic_bool stop;
    int64_t left;
} stopper;

static void count_down(void *ctx, const char *stage, int64_t done, int64_t total)
{
    (void)done;
    (void)total;
    stopper *s = ctx;
    if (strcmp(stage, "calibrate") != 0 && --s->left <= 0) /* calibration starts anew, it would never end */
        atomic_store(&s->stop, true);
}

START_TEST(a_run_stopped_after_every_few_steps_ends_with_the_same_bytes)
{
    world w = world_new();
    const sg_digest whole = run_digest(&w, "whole", 1);
    int n_part = 0;
    for (bool done = false; !done; n_part++) {
        stopper s = {.left = 2 + n_part % 3};
        const sg_run run = {.stop = &s.stop, .progress = count_down, .ctx = &s};
        sg_err err = {0};
        const size_t mark = sg_arena_mark(&w.a);
        sg_train_result r;
        const sg_status st = sg_train_run(&w.d, &w.o, w.work, n_part > 0, &run, &w.a, &r, &err);
        if (st == SG_OK) {
            const sg_digest parts = result_digest(&r, &w);
            ck_assert_mem_eq(whole.b, parts.b, SG_DIGEST_BYTES);
            done = true;
        } else {
            ck_assert_msg(st == SG_CANCELLED, "%s", err.msg);
            ck_assert_ptr_nonnull(strstr(err.msg, "--resume goes on from there"));
        }
        sg_arena_rewind(&w.a, mark);
        ck_assert_int_lt(n_part, 100);
    }
    ck_assert_int_gt(n_part, 3);
    world_end(&w);
}
END_TEST

/* A checkpoint before every step is renamed to its name after the loop has looked at `stop` and before the step begins:
 * in place of the C library's, this rename stops a run inside a step, every time. */
static struct {
    atomic_bool stop;
    int left; /* checkpoints until then; 0 or less: never */
} at_rename;

int rename(const char *from, const char *to)
{
    if (strstr(to, "/checkpoint") && --at_rename.left == 0)
        atomic_store(&at_rename.stop, true);
    return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

START_TEST(a_run_stopped_inside_steps_with_an_adversary_ends_with_the_same_bytes)
{
    world w = world_new();
    w.d = toy_dataset(60, 96, 5, &w.a);
    w.o.adv_start = 2;
    w.o.epochs = 1;
    w.o.vae_epochs = 4;
    const sg_digest whole = run_digest(&w, "whole", 1);
    w.o.adv_start = 0;
    const sg_digest plain = run_digest(&w, "plain", 1);
    ck_assert_mem_ne(whole.b, plain.b, SG_DIGEST_BYTES);
    w.o.adv_start = 2;
    w.o.checkpoint_s = 0;
    int n_stop = 0;
    for (int n_part = 0;; n_part++) {
        const sg_run run = {.stop = &at_rename.stop};
        const size_t mark = sg_arena_mark(&w.a);
        sg_err err = {0};
        sg_train_result r;
        atomic_store(&at_rename.stop, false);
        at_rename.left = 3 + n_part % 2;
        const sg_status st = sg_train_run(&w.d, &w.o, w.work, n_part > 0, &run, &w.a, &r, &err);
        at_rename.left = 0;
        if (st == SG_OK) {
            const sg_digest parts = result_digest(&r, &w);
            ck_assert_mem_eq(whole.b, parts.b, SG_DIGEST_BYTES);
            break;
        }
        ck_assert_msg(st == SG_CANCELLED, "%s", err.msg);
        n_stop += strstr(err.msg, "of the stage vae") != NULL;
        sg_arena_rewind(&w.a, mark);
        ck_assert_int_lt(n_part, 100);
    }
    ck_assert_int_ge(n_stop, 4);
    world_end(&w);
}
END_TEST

/* kill -9 at moments spread over the run: a checkpoint after every step, written by a child that dies. */
START_TEST(a_run_killed_at_random_moments_resumes_and_ends_with_the_same_bytes)
{
    world w = world_new();
    w.o.checkpoint_s = 0;
    const sg_digest whole = run_digest(&w, "whole", 1);
    sg_rng r = sg_rng_stream(17, SG_RNG_TEST, 0, 0);
    for (int kill_no = 0; kill_no < 6; kill_no++) {
        (void)fflush(NULL);
        const pid_t pid = fork();
        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
            sg_err err = {0};
            sg_train_result result;
            const sg_status st = sg_train_run(&w.d, &w.o, w.work, true, NULL, &w.a, &result, &err);
            _exit(st ? 1 : 0);
        }
        (void)usleep(20000 + (useconds_t)sg_rng_below(&r, 150000));
        (void)kill(pid, SIGKILL);
        int status;
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    }
    const sg_digest parts = run_digest(&w, "toy.train", 1);
    ck_assert_mem_eq(whole.b, parts.b, SG_DIGEST_BYTES);
    world_end(&w);
}
END_TEST

START_TEST(a_checkpoint_of_other_options_or_other_people_is_refused_and_says_what_differs)
{
    world w = world_new();
    (void)run_digest(&w, "toy.train", 1);
    sg_err err = {0};
    sg_train_result r;
    ck_assert_int_eq(sg_train_run(&w.d, &w.o, w.work, false, NULL, &w.a, &r, &err), SG_STATE);
    ck_assert_ptr_nonnull(strstr(err.msg, "holds an unfinished run"));
    w.o.lr = 0.002;
    ck_assert_int_eq(sg_train_run(&w.d, &w.o, w.work, true, NULL, &w.a, &r, &err), SG_MISMATCH);
    ck_assert_ptr_nonnull(strstr(err.msg, "the checkpoint was made with --lr 0.004, this run asks for 0.002"));
    w.o = tiny_options();
    w.d.digest.b[0] ^= 1;
    ck_assert_int_eq(sg_train_run(&w.d, &w.o, w.work, true, NULL, &w.a, &r, &err), SG_MISMATCH);
    ck_assert_ptr_nonnull(strstr(err.msg, "the checkpoint was made from data with digest"));
    world_end(&w);
}
END_TEST

START_TEST(a_damaged_checkpoint_is_refused_at_every_byte_that_matters)
{
    world w = world_new();
    (void)run_digest(&w, "toy.train", 1);
    char path[UNIT_PATH];
    unit_path(path, w.work, "checkpoint");
    sg_err err = {0};
    sg_buf b;
    ck_ok(sg_file_read(path, (size_t)1 << 30, &b, &err), err);
    for (int i = 0; i < 40; i++) {
        const size_t at = b.n * (size_t)i / 40;
        b.data[at] ^= 0x40;
        ck_ok(sg_file_write(path, 0600, b.data, b.n, &err), err);
        sg_train_result r;
        const sg_status st = sg_train_run(&w.d, &w.o, w.work, true, NULL, &w.a, &r, &err);
        ck_assert_msg(st == SG_FORMAT || st == SG_MISMATCH, "byte %zu: %d", at, st);
        b.data[at] ^= 0x40;
    }
    ck_ok(sg_file_write(path, 0600, b.data, b.n - 100, &err), err);
    sg_train_result r;
    ck_assert_int_eq(sg_train_run(&w.d, &w.o, w.work, true, NULL, &w.a, &r, &err), SG_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.msg, "cut short"));
    sg_buf_clear(&b);
    world_end(&w);
}
END_TEST

START_TEST(a_loss_that_is_not_finite_stops_with_stage_epoch_and_step_and_keeps_the_checkpoint)
{
    world w = world_new();
    w.o.lr = 1000;
    w.o.clip = 0;
    w.o.warmup = 0;
    w.o.weight_decay = 10; /* weights multiply by -9,999 a step */
    w.o.epochs = 20;
    sg_err err = {0};
    sg_train_result r;
    const sg_status st = sg_train_run(&w.d, &w.o, w.work, false, NULL, &w.a, &r, &err);
    ck_assert_int_eq(st, SG_DEGENERATE);
    ck_assert_ptr_nonnull(strstr(err.msg, "diffusion: the "));
    ck_assert_ptr_nonnull(strstr(err.msg, " in epoch "));
    ck_assert_ptr_nonnull(strstr(err.msg, "try a lower --lr"));
    char path[UNIT_PATH];
    ck_assert(sg_file_exists(unit_path(path, w.work, "checkpoint")));
    world_end(&w);
}
END_TEST

START_TEST(time_and_memory_are_estimated_before_a_run)
{
    world w = world_new();
    sg_train_estimate e;
    sg_err err = {0};
    ck_ok(sg_train_measure(&w.d, &w.o, NULL, &e, &err), err);
    ck_assert(e.vae_s > 0 && e.diffusion_s > 0 && e.calibrate_s > 0);
    ck_assert_int_gt(e.bytes, 1 << 20);
    world_end(&w);
}
END_TEST

START_TEST(few_people_train_for_more_epochs_until_the_least_number_of_steps)
{
    world w = world_new();
    sg_train_plan p;
    sg_err err = {0};
    ck_ok(sg_train_check(&w.o, &w.d, &p, &err), err);
    ck_assert_int_eq(p.vae_epochs, w.o.vae_epochs);
    ck_assert_int_eq(p.epochs, w.o.epochs);
    w.o.vae_min_steps = 500;
    w.o.min_steps = 600;
    ck_ok(sg_train_check(&w.o, &w.d, &p, &err), err);
    ck_assert(p.vae_steps >= 500 && p.vae_steps - p.vae_steps / p.vae_epochs < 500);
    ck_assert(p.steps >= 600 && p.steps - p.steps / p.epochs < 600);
    world_end(&w);
}
END_TEST

UNIT_MAIN("train", the_presets_fit_a_panel_of_any_length, standardised_by_channel_all_positions_share_one_scale,
          a_setting_out_of_range_is_refused_by_its_name, the_bytes_do_not_depend_on_the_number_of_threads,
          people_who_are_not_members_leave_no_trace_in_the_weights,
          a_run_stopped_after_every_few_steps_ends_with_the_same_bytes,
          a_run_stopped_inside_steps_with_an_adversary_ends_with_the_same_bytes,
          a_run_killed_at_random_moments_resumes_and_ends_with_the_same_bytes,
          a_checkpoint_of_other_options_or_other_people_is_refused_and_says_what_differs,
          a_damaged_checkpoint_is_refused_at_every_byte_that_matters,
          a_loss_that_is_not_finite_stops_with_stage_epoch_and_step_and_keeps_the_checkpoint,
          time_and_memory_are_estimated_before_a_run, few_people_train_for_more_epochs_until_the_least_number_of_steps)
