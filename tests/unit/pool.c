/* Threads: every item once, workers that never meet, pools of one. */
#include "base/run.h"
#include "unit.h"

#include <string.h>

enum { N_ITEM = 10000, N_WORKER = 4 };

typedef struct tally {
    _Atomic int seen[N_ITEM];
    _Atomic int inside[N_WORKER];
    _Atomic int clashes, strangers;
} tally;

static void count_item(void *ctx, int64_t item, int worker)
{
    tally *t = ctx;
    if (worker < 0 || worker >= N_WORKER) {
        t->strangers++;
        return;
    }
    if (t->inside[worker]++)
        t->clashes++;
    t->seen[item]++;
    t->inside[worker]--;
}

START_TEST(every_item_is_done_once_and_no_worker_meets_itself)
{
    sg_pool *pool;
    sg_err err = {0};
    static tally t;
    ck_ok(sg_pool_new(N_WORKER, &pool, &err), err);
    ck_assert_int_eq(sg_pool_size(pool), N_WORKER);
    for (int round = 1; round <= 20; round++) {
        sg_pool_for(pool, N_ITEM, count_item, &t);
        for (int i = 0; i < N_ITEM; i++)
            ck_assert_int_eq(t.seen[i], round);
    }
    ck_assert_int_eq(t.clashes, 0);
    ck_assert_int_eq(t.strangers, 0);
    sg_pool_free(pool);
}
END_TEST

START_TEST(short_loops_and_no_pool_run_in_the_caller)
{
    static tally t;
    memset(&t, 0, sizeof t);
    sg_pool_for(NULL, 3, count_item, &t);
    ck_assert_int_eq(sg_pool_size(NULL), 1);
    sg_pool *pool;
    sg_err err = {0};
    ck_ok(sg_pool_new(2, &pool, &err), err);
    sg_pool_for(pool, 1, count_item, &t);
    sg_pool_for(pool, 0, count_item, &t);
    ck_assert_int_eq(t.seen[0], 2);
    ck_assert_int_eq(t.seen[2], 1);
    sg_pool_free(pool);
    sg_pool_free(NULL);
}
END_TEST

START_TEST(impossible_sizes_are_refused_with_the_number)
{
    sg_pool *pool;
    sg_err err = {0};
    ck_assert_int_eq(sg_pool_new(0, &pool, &err), SG_LIMIT);
    ck_assert_str_eq(err.msg, "0 threads asked for, want 1 to 1024");
    ck_assert_ptr_null(pool);
    ck_assert_int_eq(sg_pool_new(1025, &pool, &err), SG_LIMIT);
    ck_assert_int_ge(sg_cpu_count(), 1);
}
END_TEST

UNIT_MAIN("pool", every_item_is_done_once_and_no_worker_meets_itself, short_loops_and_no_pool_run_in_the_caller,
          impossible_sizes_are_refused_with_the_number)
