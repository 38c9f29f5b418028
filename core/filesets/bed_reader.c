/* bed_reader.c - rows of a .bed in large reads where the wanted ones lie close together; see inside.h. */
#include "filesets/inside.h"

#include <stdlib.h>

enum { WINDOW_BYTES = 1 << 20, GAP_BYTES = 1 << 15 }; /* one read; a gap that is cheaper to read than to skip */

struct sg_bed_reader {
    sg_bed *bed;
    const sg_source_file *file;
    int64_t n_sample, row_bytes, first, n; /* the window holds rows first .. first + n - 1 of the table */
    uint8_t *window;
};

void sg_bed_reader_close(sg_bed_reader *r)
{
    if (!r)
        return;
    sg_bed_close(r->bed);
    free(r->window);
    free(r);
}

sg_status sg_bed_reader_open(const sg_source_file *f, int64_t n_sample, sg_bed_reader **out, sg_err *err)
{
    *out = NULL;
    sg_bed *bed;
    SG_TRY(sg_bed_open(f->path, f->n, n_sample, &bed, err));
    sg_bed_reader *r = calloc(1, sizeof *r);
    const int64_t row_bytes = (n_sample + 3) / 4;
    uint8_t *window = malloc((size_t)(row_bytes > WINDOW_BYTES ? row_bytes : WINDOW_BYTES));
    if (!r || !window) {
        sg_bed_close(bed);
        free(r);
        free(window);
        return sg_fail(err, SG_NOMEM, "no memory to read %s", f->path);
    }
    *r = (sg_bed_reader){.bed = bed, .file = f, .n_sample = n_sample, .row_bytes = row_bytes, .window = window};
    *out = r;
    return SG_OK;
}

/* How many rows from v on to read at once. */
static int64_t span(const sg_bed_reader *r, int64_t v, const int64_t *ahead, int64_t n)
{
    const int64_t end = r->file->first + r->file->n;
    int64_t last = v;
    for (int64_t i = 0; i < n; i++) {
        if (ahead[i] <= last || ahead[i] >= end || (ahead[i] - last - 1) * r->row_bytes > GAP_BYTES ||
            (ahead[i] - v + 1) * r->row_bytes > WINDOW_BYTES)
            break;
        last = ahead[i];
    }
    return last - v + 1;
}

sg_status sg_bed_reader_row(sg_bed_reader *r, int64_t v, const int64_t *ahead, int64_t n, uint64_t *row, sg_err *err)
{
    if (v < r->first || v >= r->first + r->n) {
        const int64_t rows = span(r, v, ahead, n);
        r->n = 0;
        SG_TRY(sg_bed_read_raw(r->bed, v - r->file->first, rows, r->window, err));
        r->first = v;
        r->n = rows;
    }
    sg_bed_codes(r->n_sample, r->window + (v - r->first) * r->row_bytes, row);
    return SG_OK;
}
