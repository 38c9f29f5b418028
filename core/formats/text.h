/* text.h - lines and fields of text tables, split in place.
 *
 * Shape:   a block of text is walked line by line; a line becomes fields. Both CR LF and LF end a line.
 * Units:   lines are numbered from 1.
 * Owner:   the caller owns the text; fields point into it and it is written to (terminators).
 * Threads: one walk, one thread.
 * Not here: what the columns mean.
 */
#ifndef SG_FORMATS_TEXT_H
#define SG_FORMATS_TEXT_H

#include "base/arena.h"

/* Longest line that is read. PLINK 2 calls 131,072 bytes a medium line; long indels need thousands. */
enum { SG_LINE_MAX = 1 << 17 };

typedef struct sg_text {
    const char *name; /* for messages */
    char *at, *end;   /* the unread rest; *end is writable */
    int64_t line;     /* number of the line returned last */
} sg_text;

/* Text of n bytes at data, with data[n] writable. A UTF-8 byte order mark is skipped; UTF-16 and gzip are refused with
 * advice (FORMAT). */
sg_status sg_text_begin(sg_text *t, const char *name, char *data, size_t n, sg_err *err) SG_MUST_USE;

/* The next line, terminated, without its end; *line is NULL at the end of the text. FORMAT (a control character),
 * LIMIT (longer than SG_LINE_MAX). Empty lines are returned. */
sg_status sg_text_next(sg_text *t, char **line, sg_err *err) SG_MUST_USE;

/* The same checks for one line of n bytes held elsewhere; strips a final CR. line[n] must be writable. */
sg_status sg_text_check(const char *name, int64_t number, char *line, size_t n, sg_err *err) SG_MUST_USE;

/* Splits at runs of blanks and tabs (sep 0), or at every `sep`, where blanks around a field are dropped. Returns the
 * number of fields in the line, of which the first `max` are in field[]. */
int sg_text_split(char *line, char sep, char **field, int max);

/* Whole-string numbers; false when anything is left over. real: nan and inf are accepted and returned as such; a value
 * too small for a double becomes 0 or a denormal. */
bool sg_text_int(const char *s, int64_t *out);
bool sg_text_real(const char *s, double *out);

/* Reads a file of at most max bytes into the arena, one spare writable byte behind. As sg_file_read. */
sg_status sg_text_load(const char *path, size_t max, sg_arena *a, char **data, size_t *n, sg_err *err) SG_MUST_USE;

/* Lines in a block, counting an unterminated last one. */
int64_t sg_text_count(const char *data, size_t n);

#endif
