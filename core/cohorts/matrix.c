/* matrix.c - see matrix.h. */
#include "cohorts/matrix.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { GROUP_BYTES = 32 << 20, GROUP_MIN = 64, GROUP_MAX = 16384, BLOCK = 64 };

int64_t sg_matrix_group(int64_t n_variant)
{
    const int64_t words = (n_variant + 63) / 64, n = GROUP_BYTES / (16 * (words ? words : 1)) / 64 * 64;
    return n < GROUP_MIN ? GROUP_MIN : n > GROUP_MAX ? GROUP_MAX : n;
}

static void make_tables(sg_matrix *m, const uint8_t code[4], bool flip)
{
    static const uint8_t other[4] = {2, 1, 0, SG_MISSING};
    uint8_t back[4];
    for (int c = 0; c < 4; c++)
        back[code[c]] = (uint8_t)c;
    for (int b = 0; b < 256; b++)
        for (int k = 0; k < 8; k += 2) {
            const int c = b >> k & 3;
            m->byte[b] |= (uint8_t)(code[flip ? other[c] : c] << k);
            m->back[b] |= (uint8_t)(back[c] << k);
        }
}

sg_status sg_matrix_open(const char *path, unsigned mode, const void *head, int n_head, const uint8_t code[4],
                         bool flip, int64_t n_variant, int64_t n_sample, sg_matrix *m, sg_err *err)
{
    *m = (sg_matrix){.n_variant = n_variant, .n_sample = n_sample, .row_bytes = (n_sample + 3) / 4, .head = n_head};
    make_tables(m, code, flip);
    SG_TRY(sg_out_open(path, mode, &m->out, err));
    if (n_head)
        (void)fwrite(head, 1, (size_t)n_head, m->out.f);
    if (!fflush(m->out.f))
        return SG_OK;
    const sg_status st = sg_fail(err, SG_IO, "%s: cannot write: %s", path, strerror(errno));
    sg_matrix_abort(m);
    return st;
}

sg_status sg_matrix_hide(sg_matrix *m, sg_err *err)
{
    return unlink(m->out.temp) ? sg_fail(err, SG_IO, "%s: cannot remove: %s", m->out.temp, strerror(errno)) : SG_OK;
}

static int write_at(int fd, const uint8_t *p, size_t n, off_t at)
{
    while (n) {
        const ssize_t got = pwrite(fd, p, n, at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got ? errno : EIO;
        p += got;
        n -= (size_t)got;
        at += got;
    }
    return 0;
}

typedef struct turning {
    const sg_matrix *m;
    const sg_people *people;
    int fd;
    uint64_t *rows;    /* [threads, BLOCK, SG_ROW_WORDS(people)] */
    atomic_int failed; /* an errno, 0 none */
} turning;

static void turn_block(void *ctx, int64_t block, int worker)
{
    turning *t = ctx;
    const sg_matrix *m = t->m;
    const int64_t stride = SG_ROW_WORDS(t->people->n_sample), first = block * BLOCK,
                  n = m->n_variant - first < BLOCK ? m->n_variant - first : BLOCK;
    const size_t bytes = (size_t)(t->people->n_sample + 3) / 4;
    uint64_t *rows = t->rows + worker * BLOCK * stride;
    if (atomic_load(&t->failed))
        return;
    sg_people_get_rows(t->people, first, rows);
    for (int64_t v = 0; v < n; v++) {
        uint8_t *row = (uint8_t *)(rows + v * stride);
        for (size_t i = 0; i < bytes; i++)
            row[i] = m->byte[row[i]];
        if (t->people->n_sample % 4) /* padding is 00 whatever 0 is written as */
            row[bytes - 1] &= (uint8_t)((1 << 2 * (t->people->n_sample % 4)) - 1);
        const int e = write_at(t->fd, row, bytes, m->head + (first + v) * m->row_bytes + m->done / 4);
        if (e)
            atomic_store(&t->failed, e);
    }
}

sg_status sg_matrix_add(sg_matrix *m, const sg_people *people, const sg_run *run, sg_arena *a, sg_err *err)
{
    const size_t mark = sg_arena_mark(a);
    sg_pool *pool = run ? run->pool : NULL;
    assert(people->n_variant == m->n_variant && m->done % 4 == 0 && m->done + people->n_sample <= m->n_sample);
    if (people->n_sample == 0)
        return SG_OK;
    turning t = {.m = m, .people = people, .fd = fileno(m->out.f)};
    t.rows = SG_NEW_RAW(a, uint64_t, sg_pool_size(pool) * BLOCK * SG_ROW_WORDS(people->n_sample));
    if (!t.rows)
        return sg_arena_full(a, "turning genotypes about", err);
    sg_pool_for(pool, (m->n_variant + BLOCK - 1) / BLOCK, turn_block, &t);
    sg_arena_rewind(a, mark);
    m->done += people->n_sample;
    const int e = atomic_load(&t.failed);
    return e ? sg_fail(err, SG_IO, "%s: cannot write: %s", m->out.path, strerror(e)) : SG_OK;
}

sg_status sg_matrix_row(const sg_matrix *m, int64_t v, uint64_t *row, sg_err *err)
{
    uint8_t *p = (uint8_t *)row;
    assert(v >= 0 && v < m->n_variant);
    memset(row, 0, (size_t)SG_ROW_WORDS(m->n_sample) * sizeof *row);
    for (int64_t got = 0; got < m->row_bytes;) {
        const ssize_t n =
            pread(fileno(m->out.f), p + got, (size_t)(m->row_bytes - got), m->head + v * m->row_bytes + got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return sg_fail(err, SG_IO, "%s: cannot read back: %s", m->out.path, n ? strerror(errno) : "cut off");
        got += n;
    }
    for (int64_t i = 0; i < m->row_bytes; i++)
        p[i] = m->back[p[i]];
    if (m->n_sample % 4)
        p[m->row_bytes - 1] &= (uint8_t)((1 << 2 * (m->n_sample % 4)) - 1);
    return SG_OK;
}

sg_status sg_matrix_commit(sg_matrix *m, sg_err *err)
{
    assert(m->done == m->n_sample);
    return sg_out_commit(&m->out, err);
}

void sg_matrix_abort(sg_matrix *m)
{
    sg_out_abort(&m->out);
}
