/* sumstats_inside.h - what the three files of the summary-statistics reader share; nobody else includes it. */
#ifndef SG_FORMATS_SUMSTATS_INSIDE_H
#define SG_FORMATS_SUMSTATS_INSIDE_H

#include "formats/sumstats.h"

#include <zlib.h>

enum { COLUMN_MAX = 256 };

/* Lines of a plain or gzipped file, or of memory. The buffer holds one part of the file. */
typedef struct lines {
    const char *name;
    int64_t number; /* of the line returned last */
    gzFile gz;      /* NULL: memory */
    const unsigned char *memory;
    size_t memory_left;
    char *buf;
    size_t at, n; /* unread: buf[at..n) */
    bool ended;
    bool weights; /* no p is wanted */
    int64_t packed_bytes, unpacked_bytes;
} lines;

sg_status sg_sum_lines_open(lines *l, const char *path, sg_err *err) SG_MUST_USE;
sg_status sg_sum_lines_memory(lines *l, const char *name, const void *data, size_t n, sg_err *err) SG_MUST_USE;
void sg_sum_lines_close(lines *l);
/* *line NULL at the end; valid until the next call. */
sg_status sg_sum_lines_next(lines *l, char **line, sg_err *err) SG_MUST_USE;

typedef struct columns {
    int n;
    int at[SG_N_SUM_ROLE]; /* -1: not there */
    bool weights;          /* as in lines */
} columns;

bool sg_sum_is_comment(const char *line);
sg_status sg_sum_columns_find(const char *name, char *const *header, int n, const char *wanted, columns *c,
                              sg_sum_report *rep, sg_err *err) SG_MUST_USE;

#endif
