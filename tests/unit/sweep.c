/* One look at all pairs against looking at each pair by itself: every kernel, odd sizes, one thread and three. */
#include "geno/sweep.h"
#include "base/rng.h"
#include "geno/distance_kernel.h"
#include "geno/kinship.h"
#include "unit.h"

#include <math.h>
#include <string.h>

static sg_people crowd(int64_t n, int64_t m, uint32_t step, sg_arena *a)
{
    sg_people p;
    sg_err err = {0};
    ck_ok(sg_people_new(n, m, a, &p, &err), err);
    int8_t *code = SG_NEW(a, int8_t, m);
    for (int64_t i = 0; i < n; i++) {
        sg_rng r = sg_rng_stream(5, SG_RNG_TEST, (uint64_t)i, step);
        for (int64_t v = 0; v < m; v++)
            code[v] = (int8_t)sg_rng_binomial2(&r, 0.1 + 0.4 * (double)(v % 7) / 7);
        sg_people_pack(&p, i, code);
    }
    return p;
}

/* Row i of q takes variants from .. to - 1 of row j of p. */
static void graft(sg_people *q, int64_t i, const sg_people *p, int64_t j, int64_t from, int64_t to, sg_arena *a)
{
    int8_t *x = SG_NEW(a, int8_t, q->n_variant), *y = SG_NEW(a, int8_t, q->n_variant);
    sg_people_unpack(q, i, x);
    sg_people_unpack(p, j, y);
    for (int64_t v = from; v < to && v < q->n_variant; v++)
        x[v] = y[v];
    sg_people_pack(q, i, x);
}

static int slow_level(const sg_people *p, int64_t i, const sg_people *q, int64_t j)
{
    int level = 0;
    for (int k = 1; k <= SG_SWEEP_LEVELS; k++)
        for (int64_t from = 0, size = (int64_t)SG_BLOCK_SNPS << (k - 1); from + size <= p->n_variant; from += size) {
            bool same = true;
            for (int64_t v = from; same && v < from + size; v++)
                same = sg_people_get(p, i, v) == sg_people_get(q, j, v);
            if (same)
                level = k;
        }
    return level;
}

static void compare(const sg_people *row, const sg_people *col, const sg_sweep_options *o, const sg_sweep *s)
{
    const int64_t n = row->n_sample, m = col->n_sample;
    for (int64_t c = 0; c < m; c++) {
        int32_t least = SG_FAR, second = SG_FAR, kin = 0, level = 0;
        int64_t who = -1;
        double most = -INFINITY;
        for (int64_t r = 0; r < n; r++) {
            if (o->not_self && r == c)
                continue;
            const int32_t d = (int32_t)sg_people_hamming(row, r, col, c);
            const double k = sg_kinship(row, r, col, c);
            if (d < least) {
                second = least;
                least = d;
                who = r;
            } else if (d < second)
                second = d;
            kin += k >= o->kinship;
            most = k >= o->kinship && k > most ? k : most;
            const int l = slow_level(row, r, col, c);
            level = l > level ? l : level;
        }
        ck_assert_int_eq(s->col[c].d[0], least);
        ck_assert_int_eq(s->col[c].d[1], second);
        ck_assert_int_eq(s->col[c].at[0], who);
        ck_assert_int_eq(s->col_kin[c], kin);
        ck_assert(kin ? fabs(s->col_most[c] - most) < 1e-12 : isinf(s->col_most[c]));
        ck_assert_int_eq(s->col_level[c], level);
    }
    for (int64_t r = 0; r < n; r++) {
        int32_t within[2] = {0, 0}, kin = 0, level = 0, closer = 0;
        const int32_t last = s->near[r * s->n_near + s->n_near - 1];
        for (int64_t c = 0; c < m; c++) {
            if (o->not_self && r == c)
                continue;
            const int32_t d = (int32_t)sg_people_hamming(row, r, col, c);
            within[0] += d <= o->radius[0];
            within[1] += d <= o->radius[1];
            kin += sg_kinship(row, r, col, c) >= o->kinship;
            closer += d < last;
            const int l = slow_level(row, r, col, c);
            level = l > level ? l : level;
        }
        ck_assert_int_eq(s->within[2 * r], within[0]);
        ck_assert_int_eq(s->within[2 * r + 1], within[1]);
        ck_assert_int_eq(s->row_kin[r], kin);
        ck_assert_int_eq(s->row_level[r], level);
        for (int k = 0; k < s->n_near; k++) {
            const int32_t at = s->near_at[r * s->n_near + k];
            if (at >= 0)
                ck_assert_int_eq(s->near[r * s->n_near + k], sg_people_hamming(row, r, col, at));
            if (k)
                ck_assert_int_ge(s->near[r * s->n_near + k], s->near[r * s->n_near + k - 1]);
        }
        ck_assert(last == SG_FAR ? closer < s->n_near : closer < s->n_near);
    }
}

START_TEST(every_kernel_and_any_number_of_threads_finds_what_pair_by_pair_finds)
{
    static const struct {
        int64_t n, m, snps;
    } size[] = {{70, 150, 1000}, {130, 40, 320}, {65, 129, 96}, {1, 1, 33}, {5, 3, 2080}};
    sg_pool *pool;
    sg_err err = {0};
    ck_ok(sg_pool_new(3, &pool, &err), err);
    for (int k = 0; k < SG_N_KERNEL; k++) {
        if (!sg_kernel_list[k]->usable())
            continue;
        sg_kernel_force(sg_kernel_list[k]);
        for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
            sg_arena a = unit_arena(1 << 26);
            const sg_people row = crowd(size[i].n, size[i].snps, 0, &a);
            sg_people col = crowd(size[i].m, size[i].snps, 1, &a);
            for (int64_t c = 0; c + 8 <= size[i].m; c += 8) { /* blocks of every length, relatives, a copy */
                graft(&col, c, &row, c % size[i].n, 64, 128, &a);
                graft(&col, c + 1, &row, (c + 1) % size[i].n, 0, size[i].snps / 2, &a);
                graft(&col, c + 2, &row, (c + 2) % size[i].n, 0, c == 0 ? size[i].snps : 32, &a);
                graft(&col, c + 3, &row, 0, size[i].snps - size[i].snps % 32 - 32, size[i].snps, &a);
            }
            const int32_t near = (int32_t)size[i].snps / 3;
            for (int self = 0; self < 2; self++) {
                const sg_run run = {.pool = self ? pool : NULL};
                const sg_sweep_options o = {.not_self = self,
                                            .n_near = self ? 7 : 20,
                                            .radius = {near, 2 * near},
                                            .kinship = SG_KIN_FIRST,
                                            .blocks = true};
                sg_sweep s;
                ck_ok(sg_sweep_pairs(self ? &col : &row, &col, &o, &run, &a, &s, &err), err);
                compare(self ? &col : &row, &col, &o, &s);
            }
            sg_arena_clear(&a);
        }
    }
    sg_kernel_force(NULL);
    sg_pool_free(pool);
}
END_TEST

START_TEST(people_of_other_panels_and_a_set_stop_flag_are_refused)
{
    sg_arena a = unit_arena(1 << 24);
    const sg_people p = crowd(3, 64, 0, &a), q = crowd(3, 65, 0, &a);
    const sg_sweep_options o = {.radius = {-1, -1}};
    const atomic_bool stop = true;
    const sg_run run = {.stop = &stop};
    sg_sweep s;
    sg_err err = {0};
    ck_assert_int_eq(sg_sweep_pairs(&p, &q, &o, NULL, &a, &s, &err), SG_MISMATCH);
    ck_assert_int_eq(sg_sweep_pairs(&p, &p, &o, &run, &a, &s, &err), SG_CANCELLED);
    sg_arena_clear(&a);
}
END_TEST

UNIT_MAIN("sweep", every_kernel_and_any_number_of_threads_finds_what_pair_by_pair_finds,
          people_of_other_panels_and_a_set_stop_flag_are_refused)
