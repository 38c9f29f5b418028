/* sweep.c - see sweep.h. As distance.c: items are blocks of rows, tiles of distances stay in the cache, what belongs to
 * columns is kept per worker and merged, and every merge is one that does not care about order. */
#include "geno/sweep.h"
#include "geno/distance_kernel.h"
#include "geno/kinship.h"

#include <math.h>
#include <string.h>

enum { ROWS = 64, COLS = 128, VARIANTS_MAX = 1 << 29 };

/* What one worker knows of the columns. */
typedef struct column_state {
    sg_near near;
    double most;
    int32_t kin;
    uint8_t level;
} column_state;

typedef struct scratch {
    int32_t d[ROWS * COLS];
    uint8_t hit[ROWS * COLS];
    int32_t near[ROWS][SG_SWEEP_NEAR], at[ROWS][SG_SWEEP_NEAR];
    int64_t within[ROWS][2];
    uint8_t level[ROWS];
    int32_t kin[ROWS];
    int32_t het[ROWS];
    double sum[ROWS];
} scratch;

typedef struct job {
    const sg_people *row, *col;
    const sg_sweep_options *o;
    const sg_kernel *kernel;
    const sg_run *run;
    const int32_t *het;     /* [n_col] heterozygous genotypes */
    const int32_t *kin_cut; /* [n_col] farther pairs cannot be related; -1 */
    int64_t first, n_block, n_full;
    column_state *column; /* [n_worker, n_col] */
    int32_t *look;        /* [n_worker, n_col] distances up to here matter to the column */
    scratch *scratch;
    sg_sweep *out;
} job;

static int32_t n_het(const sg_people *p, int64_t s)
{
    int64_t n = 0;
    for (int64_t w = 0; w < p->n_word; w++)
        n += __builtin_popcountll(sg_people_lo(p, s)[w]);
    return (int32_t)n;
}

static void keep_two(sg_near *b, int32_t d, int64_t at)
{
    if (d < b->d[0] || (d == b->d[0] && at < b->at[0])) {
        b->d[1] = b->d[0];
        b->at[1] = b->at[0];
        b->d[0] = d;
        b->at[0] = at;
    } else if (d < b->d[1] || (d == b->d[1] && at < b->at[1])) {
        b->d[1] = d;
        b->at[1] = at;
    }
}

/* d [n], at [n] ascending; columns come in ascending order, so a strict "smaller" prefers the smaller index. */
static void keep_n(int32_t *d, int32_t *at, int n, int32_t x, int32_t who)
{
    int i = n - 1;
    if (n == 0 || x >= d[i])
        return;
    for (; i > 0 && d[i - 1] > x; i--) {
        d[i] = d[i - 1];
        at[i] = at[i - 1];
    }
    d[i] = x;
    at[i] = who;
}

/* The longest aligned block of x and y that is the same: 0, or k for SG_BLOCK_SNPS << (k - 1). n_full: words of 64 real
 * variants. */
static uint8_t longest_block(const uint64_t *x, const uint64_t *y, int64_t n_word, int64_t n_block, int64_t n_full)
{
    int level = 0;
    int64_t run = 0;
    for (int64_t w = 0; w < n_word; w++) {
        const uint64_t apart = (x[w] ^ y[w]) | (x[n_word + w] ^ y[n_word + w]);
        if (level == 0 && (((uint32_t)apart == 0 && 2 * w < n_block) || (apart >> 32 == 0 && 2 * w + 1 < n_block)))
            level = 1;
        run = apart == 0 && w < n_full ? run + 1 : 0;
        int k = 2;
        for (int64_t g = 1; g <= run && (w + 1) % g == 0; g *= 2, k++)
            level = k > level && k <= SG_SWEEP_LEVELS ? k : level;
    }
    return (uint8_t)level;
}

static void one_pair(const job *j, scratch *s, int64_t i, int64_t r, int64_t c, int32_t d, bool hit, column_state *k)
{
    keep_n(s->near[i], s->at[i], j->o->n_near, d, (int32_t)c);
    keep_two(&k->near, d, r);
    if (d <= j->kin_cut[c]) {
        const int64_t less = s->het[i] < j->het[c] ? s->het[i] : j->het[c];
        const int64_t opposite = sg_opposite(sg_people_lo(j->row, r), sg_people_lo(j->col, c), j->col->n_word);
        const double kin = less ? 0.5 - (double)(d + 3 * opposite) / (4 * (double)less) : -INFINITY;
        if (kin >= j->o->kinship) {
            k->most = kin > k->most ? kin : k->most;
            k->kin++;
            s->kin[i]++;
        }
    }
    if (hit) {
        const uint8_t level =
            longest_block(sg_people_lo(j->row, r), sg_people_lo(j->col, c), j->col->n_word, j->n_block, j->n_full);
        s->level[i] = level > s->level[i] ? level : s->level[i];
        k->level = level > k->level ? level : k->level;
    }
}

static void one_tile(const job *j, scratch *s, int64_t r0, int64_t n_r, int64_t c0, int64_t m, column_state *column,
                     int32_t *look)
{
    uint8_t at[COLS];
    if (j->o->blocks)
        j->kernel->blocks(sg_people_lo(j->row, r0), n_r, sg_people_lo(j->col, c0), m, j->col->n_word, j->n_block, s->d,
                          s->hit);
    else
        j->kernel->tile[SG_HAMMING](sg_people_lo(j->row, r0), n_r, sg_people_lo(j->col, c0), m, j->col->n_word, s->d);
    for (int64_t i = 0; i < n_r; i++) {
        int32_t *d = s->d + i * m;
        uint8_t *hit = j->o->blocks ? s->hit + i * m : NULL;
        if (j->o->not_self && r0 + i >= c0 && r0 + i < c0 + m) {
            d[r0 + i - c0] = SG_FAR;
            if (hit)
                hit[r0 + i - c0] = 0;
        }
        for (int64_t k = 0; j->o->weight && k < m; k++)
            s->sum[i] += d[k] == SG_FAR ? 0 : j->o->weight[d[k]];
        const int32_t worst = j->o->n_near ? s->near[i][j->o->n_near - 1] : -1;
        const int64_t n = j->kernel->scan(d, look + c0, hit, m, worst, j->o->radius, s->within[i], at);
        for (int64_t x = 0; x < n; x++) {
            const int64_t c = c0 + at[x];
            if (d[at[x]] == SG_FAR)
                continue;
            one_pair(j, s, i, r0 + i, c, d[at[x]], hit && hit[at[x]], &column[c]);
            look[c] = column[c].near.d[1] > j->kin_cut[c] ? column[c].near.d[1] : j->kin_cut[c];
        }
    }
}

static void one_item(void *ctx, int64_t item, int worker)
{
    const job *j = ctx;
    if (sg_cancelled(j->run))
        return;
    const int64_t n_col = j->col->n_sample, r0 = (j->first + item) * ROWS;
    const int64_t n_r = r0 + ROWS < j->row->n_sample ? ROWS : j->row->n_sample - r0;
    scratch *s = &j->scratch[worker];
    memset(s->within, 0, sizeof s->within);
    memset(s->level, 0, sizeof s->level);
    memset(s->kin, 0, sizeof s->kin);
    memset(s->sum, 0, sizeof s->sum);
    for (int64_t i = 0; i < n_r; i++)
        s->het[i] = n_het(j->row, r0 + i);
    for (int i = 0; i < ROWS; i++)
        for (int k = 0; k < SG_SWEEP_NEAR; k++) {
            s->near[i][k] = SG_FAR;
            s->at[i][k] = -1;
        }
    for (int64_t c0 = 0; c0 < n_col; c0 += COLS)
        one_tile(j, s, r0, n_r, c0, c0 + COLS < n_col ? COLS : n_col - c0, j->column + (int64_t)worker * n_col,
                 j->look + (int64_t)worker * n_col);
    sg_sweep *out = j->out;
    const size_t n = (size_t)j->o->n_near;
    for (int64_t i = 0; i < n_r; i++) {
        memcpy(out->near + (r0 + i) * (int64_t)n, s->near[i], n * sizeof *out->near);
        memcpy(out->near_at + (r0 + i) * (int64_t)n, s->at[i], n * sizeof *out->near_at);
        out->within[2 * (r0 + i)] = (int32_t)s->within[i][0];
        out->within[2 * (r0 + i) + 1] = (int32_t)s->within[i][1];
        out->row_level[r0 + i] = s->level[i];
        out->row_kin[r0 + i] = s->kin[i];
        out->row_sum[r0 + i] = s->sum[i];
    }
}

static void merge(const job *j, int n_worker)
{
    sg_sweep *out = j->out;
    const int64_t n = j->col->n_sample;
    for (int64_t c = 0; c < n; c++) {
        out->col[c] = (sg_near){{-1, -1}, {SG_FAR, SG_FAR}};
        out->col_most[c] = -INFINITY;
        out->col_kin[c] = 0;
        out->col_level[c] = 0;
        for (int w = 0; w < n_worker; w++) {
            const column_state *k = &j->column[(int64_t)w * n + c];
            for (int x = 0; x < 2; x++)
                if (k->near.d[x] != SG_FAR)
                    keep_two(&out->col[c], k->near.d[x], k->near.at[x]);
            out->col_most[c] = k->most > out->col_most[c] ? k->most : out->col_most[c];
            out->col_kin[c] += k->kin;
            out->col_level[c] = k->level > out->col_level[c] ? k->level : out->col_level[c];
        }
    }
}

static sg_status all_items(job *j, sg_err *err)
{
    sg_pool *pool = j->run ? j->run->pool : NULL;
    const char *stage = j->o->stage ? j->o->stage : "pairs";
    const int64_t n_item = (j->row->n_sample + ROWS - 1) / ROWS, round = (int64_t)sg_pool_size(pool) * 8;
    for (j->first = 0; j->first < n_item; j->first += round) { /* progress and cancellation between rounds */
        sg_report(j->run, stage, j->first, n_item);
        sg_pool_for(pool, j->first + round < n_item ? round : n_item - j->first, one_item, j);
        if (sg_cancelled(j->run))
            return sg_fail(err, SG_CANCELLED, "stopped while comparing people");
    }
    sg_report(j->run, stage, n_item, n_item);
    return SG_OK;
}

static bool results(const sg_people *row, const sg_people *col, int n_near, sg_arena *a, sg_sweep *out)
{
    const int64_t n = row->n_sample, m = col->n_sample;
    int64_t cells;
    if (__builtin_mul_overflow(n, (int64_t)n_near, &cells))
        return false;
    *out = (sg_sweep){.n_near = n_near,
                      .near = SG_NEW_RAW(a, int32_t, cells),
                      .near_at = SG_NEW_RAW(a, int32_t, cells),
                      .within = SG_NEW_RAW(a, int32_t, 2 * n),
                      .row_level = SG_NEW_RAW(a, uint8_t, n),
                      .row_kin = SG_NEW_RAW(a, int32_t, n),
                      .row_sum = SG_NEW_RAW(a, double, n),
                      .col = SG_NEW_RAW(a, sg_near, m),
                      .col_level = SG_NEW_RAW(a, uint8_t, m),
                      .col_kin = SG_NEW_RAW(a, int32_t, m),
                      .col_most = SG_NEW_RAW(a, double, m)};
    return out->near && out->near_at && out->within && out->row_level && out->row_kin && out->row_sum && out->col &&
           out->col_level && out->col_kin && out->col_most;
}

static bool working_memory(job *j, int n_worker, sg_arena *a)
{
    const int64_t n = j->col->n_sample;
    int64_t cells;
    int32_t *cut = SG_NEW_RAW(a, int32_t, n), *het = SG_NEW_RAW(a, int32_t, n);
    if (!cut || !het || __builtin_mul_overflow(n, (int64_t)n_worker, &cells))
        return false;
    for (int64_t c = 0; c < n; c++) {
        het[c] = n_het(j->col, c);
        cut[c] = j->o->kinship > 0 ? (int32_t)((2 - 4 * j->o->kinship) * het[c] + 1e-9) : -1;
    }
    j->het = het;
    j->kin_cut = cut;
    j->column = SG_NEW_RAW(a, column_state, cells);
    j->look = SG_NEW_RAW(a, int32_t, cells);
    j->scratch = SG_NEW_RAW(a, scratch, n_worker);
    if (!j->column || !j->look || !j->scratch)
        return false;
    for (int64_t c = 0; c < cells; c++) {
        j->column[c] = (column_state){{{-1, -1}, {SG_FAR, SG_FAR}}, -INFINITY, 0, 0};
        j->look[c] = SG_FAR;
    }
    return true;
}

sg_status sg_sweep_pairs(const sg_people *row, const sg_people *col, const sg_sweep_options *o, const sg_run *run,
                         sg_arena *a, sg_sweep *out, sg_err *err)
{
    if (row->n_variant != col->n_variant)
        return sg_fail(err, SG_MISMATCH, "people with %lld variants against people with %lld",
                       (long long)row->n_variant, (long long)col->n_variant);
    if (row->n_variant > VARIANTS_MAX || col->n_sample > INT32_MAX || o->n_near < 0 || o->n_near > SG_SWEEP_NEAR)
        return sg_fail(err, SG_LIMIT, "%lld variants, %lld people, %d neighbours: too many", (long long)row->n_variant,
                       (long long)col->n_sample, o->n_near);
    const int n_worker = sg_pool_size(run ? run->pool : NULL);
    if (!results(row, col, o->n_near, a, out))
        return sg_arena_full(a, "pairs of people", err);
    const size_t mark = sg_arena_mark(a);
    job j = {.row = row,
             .col = col,
             .o = o,
             .kernel = sg_kernel_chosen(),
             .run = run,
             .n_block = row->n_variant / SG_BLOCK_SNPS,
             .n_full = row->n_variant / 64,
             .out = out};
    sg_status st = working_memory(&j, n_worker, a) ? SG_OK : sg_arena_full(a, "pairs of people", err);
    if (!st)
        st = all_items(&j, err);
    if (!st)
        merge(&j, n_worker);
    sg_arena_rewind(a, mark);
    return st;
}
