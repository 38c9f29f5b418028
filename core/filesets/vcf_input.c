/* vcf_input.c - see vcf_input.h. Text is taken out of htslib's blocks line by line; of a BCF the lengths are looked at before
 * htslib makes room for them. */
#include "filesets/vcf_input.h"

#include <htslib/bgzf.h>
#include <htslib/hfile.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER_MAX = 256 << 20, PERSON_MAX = 1024, BASE_MAX = 64 << 20 };

int64_t sg_vcf_record_max(int64_t n_people)
{
    return BASE_MAX + n_people * PERSON_MAX;
}

/* ---- lines of text ---- */

/* The next piece of a line onto s: 1 the line is whole, 0 it goes on, or one of the negative codes. */
static int piece_of_plain(hFILE *h, int64_t max, kstring_t *s)
{
    char part[1 << 14];
    const ssize_t n = hgetln(part, sizeof part, h);
    if (n < 0)
        return SG_VCF_DAMAGED;
    if (n == 0)
        return s->l ? 1 : SG_VCF_END;
    if ((int64_t)s->l + n > max)
        return SG_VCF_TOO_LONG;
    const bool whole = part[n - 1] == '\n';
    return kputsn(part, (size_t)(whole ? n - 1 : n), s) < 0 ? SG_VCF_DAMAGED : whole;
}

static int piece_of_block(BGZF *b, int64_t max, kstring_t *s)
{
    if (b->block_offset >= b->block_length) {
        if (bgzf_read_block(b))
            return SG_VCF_DAMAGED;
        if (b->block_length == 0)
            return s->l ? 1 : SG_VCF_END;
    }
    const char *from = (const char *)b->uncompressed_block + b->block_offset;
    const size_t there = (size_t)(b->block_length - b->block_offset);
    const char *stop = memchr(from, '\n', there);
    const size_t n = stop ? (size_t)(stop - from) : there;
    if ((int64_t)(s->l + n) > max)
        return SG_VCF_TOO_LONG;
    if (kputsn(from, n, s) < 0)
        return SG_VCF_DAMAGED;
    b->block_offset += (int)n + (stop != NULL);
    if (b->block_offset >= b->block_length) { /* as htslib leaves it, so that bgzf_tell names the next block */
        b->block_address = htell(b->fp);
        b->block_offset = b->block_length = 0;
    }
    return stop != NULL;
}

static int read_line(htsFile *f, int64_t max, kstring_t *s)
{
    int got = 0;
    s->l = 0;
    while (got == 0)
        got = f->format.compression == no_compression ? piece_of_plain(f->fp.hfile, max, s)
                                                      : piece_of_block(f->fp.bgzf, max, s);
    if (got < 0)
        return got;
    if (s->l && s->s[s->l - 1] == '\r')
        s->s[--s->l] = '\0';
    return 0;
}

/* ---- headers ---- */

/* The lines up to #CHROM onto text. */
static int text_header(htsFile *f, kstring_t *line, kstring_t *text)
{
    for (;;) {
        const int got = read_line(f, HEADER_MAX - (int64_t)text->l, line);
        if (got)
            return got;
        if (line->l == 0)
            continue;
        if (line->s[0] != '#' || kputsn(line->s, line->l, text) < 0 || kputc('\n', text) < 0)
            return SG_VCF_DAMAGED;
        if (line->s[1] != '#')
            return 0;
    }
}

static uint32_t le32(const uint8_t x[4])
{
    return (uint32_t)x[0] | (uint32_t)x[1] << 8 | (uint32_t)x[2] << 16 | (uint32_t)x[3] << 24;
}

static int bcf_header(htsFile *f, kstring_t *text)
{
    uint8_t lead[9];
    if (bgzf_read(f->fp.bgzf, lead, sizeof lead) != (ssize_t)sizeof lead || memcmp(lead, "BCF\2\2", 5) != 0)
        return SG_VCF_DAMAGED;
    const uint32_t n = le32(lead + 5);
    if (n > HEADER_MAX)
        return SG_VCF_TOO_LONG;
    if (ks_resize(text, (size_t)n + 1) < 0 || bgzf_read(f->fp.bgzf, text->s, n) != (ssize_t)n)
        return SG_VCF_DAMAGED;
    text->s[n] = '\0';
    text->l = n;
    return 0;
}

sg_status sg_vcf_header(htsFile *f, const char *path, bcf_hdr_t **out, sg_err *err)
{
    kstring_t line = KS_INITIALIZE, text = KS_INITIALIZE;
    const int got = f->format.format == vcf ? text_header(f, &line, &text) : bcf_header(f, &text);
    bcf_hdr_t *h = got ? NULL : bcf_hdr_init("r");
    const bool fine = h && text.l && bcf_hdr_parse(h, text.s) >= 0;
    ks_free(&line);
    ks_free(&text);
    *out = fine ? h : NULL;
    if (fine)
        return SG_OK;
    if (h)
        bcf_hdr_destroy(h);
    if (got == SG_VCF_TOO_LONG)
        return sg_fail(err, SG_LIMIT, "%s: the header of a VCF is longer than %d bytes", path, HEADER_MAX);
    return sg_fail(err, SG_FORMAT, "%s: the header of a VCF cannot be read", path);
}

/* ---- records ---- */

/* The two lengths a record of a BCF begins with, without taking them. */
static int look_at_lengths(BGZF *b, int64_t max)
{
    uint8_t x[8];
    if (b->block_length - b->block_offset >= (int)sizeof x) {
        memcpy(x, (const uint8_t *)b->uncompressed_block + b->block_offset, sizeof x);
    } else if (b->is_compressed && !b->is_gzip) { /* they cross into the next block, which is rare */
        const int64_t at = bgzf_tell(b);
        const ssize_t n = bgzf_read(b, x, sizeof x);
        if (bgzf_seek(b, at, SEEK_SET) < 0)
            return SG_VCF_DAMAGED;
        if (n != (ssize_t)sizeof x)
            return 0; /* the end, or a cut, which bcf_read tells apart */
    } else {
        return 0;
    }
    return le32(x) > max || le32(x + 4) > max ? SG_VCF_TOO_LONG : 0;
}

int sg_vcf_record(htsFile *f, bcf_hdr_t *head, kstring_t *line, bcf1_t *rec)
{
    const int64_t max = sg_vcf_record_max(bcf_hdr_nsamples(head));
    if (f->format.format != vcf) {
        const int bad = look_at_lengths(f->fp.bgzf, max);
        return bad ? bad : bcf_read(f, head, rec);
    }
    int got;
    do
        got = read_line(f, max, line);
    while (!got && line->l == 0); /* empty lines, which editors leave at the end */
    return got ? got : vcf_parse(line, head, rec);
}
