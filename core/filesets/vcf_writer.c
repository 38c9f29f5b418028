/* vcf_writer.c - see vcf_writer.h. A record's genotypes are laid down as BCF has them, eight bytes for the four people of
 * a byte of codes at a time; htslib turns them into text where text is wanted, compresses and indexes. */
#include "filesets/vcf_writer.h"
#include "base/file.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <htslib/bgzf.h>
#include <htslib/hfile.h>
#include <htslib/vcf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct sg_vcf_writer {
    sg_out file, index;
    bool bcf;
    htsFile *f;
    bcf_hdr_t *head;
    bcf1_t *rec;
    const sg_bim *bim;
    int64_t n_people, next;
    int gt;
    uint8_t pair[256][8]; /* GT of four people */
};

static void free_writer(sg_vcf_writer *w)
{
    if (w->f)
        (void)hts_close(w->f);
    if (w->rec)
        bcf_destroy(w->rec);
    if (w->head)
        bcf_hdr_destroy(w->head);
    sg_out_abort(&w->file);
    sg_out_abort(&w->index);
    free(w);
}

void sg_vcf_writer_abort(sg_vcf_writer *w)
{
    if (w)
        free_writer(w);
}

static void make_pairs(sg_vcf_writer *w)
{
    static const uint8_t gt[4][2] = {{bcf_gt_unphased(0), bcf_gt_unphased(0)},
                                     {bcf_gt_unphased(0), bcf_gt_unphased(1)},
                                     {bcf_gt_unphased(1), bcf_gt_unphased(1)},
                                     {bcf_gt_missing, bcf_gt_missing}};
    for (int b = 0; b < 256; b++)
        for (int k = 0; k < 4; k++)
            memcpy(w->pair[b] + 2 * k, gt[b >> 2 * k & 3], 2);
}

static bool no_allele(const char *s)
{
    return !strcmp(s, "0") || !strcmp(s, ".");
}

static bool is_sequence(const char *s)
{
    return *s && s[strspn(s, "ACGTNacgtn")] == '\0';
}

/* What a VCF asks of a table, so that no half-readable file is begun. */
static sg_status check_row(const sg_bim *bim, int64_t v, sg_err *err)
{
    const sg_bim_row *x = &bim->row[v];
    if (!is_sequence(x->a2) && !no_allele(x->a2))
        return sg_fail(err, SG_LIMIT, "variant %lld: A2 becomes REF of a VCF, which must be of A, C, G, T and N",
                       (long long)v + 1);
    if (!is_sequence(x->a1) && !no_allele(x->a1))
        return sg_fail(err, SG_LIMIT, "variant %lld: A1 becomes ALT of a VCF, which must be of A, C, G, T and N",
                       (long long)v + 1);
    for (const char *s = x->id; *s; s++)
        if (!isgraph((unsigned char)*s)) /* several IDs in one, with semicolons, are a VCF's own way */
            return sg_fail(err, SG_LIMIT, "variant %lld: its ID has a blank, which a VCF cannot hold",
                           (long long)v + 1);
    if (x->pos < 1 || x->pos > (1 << 29))
        return sg_fail(err, SG_LIMIT, "variant %lld: position %lld, an indexed VCF holds 1 to 536,870,912",
                       (long long)v + 1, (long long)x->pos);
    if (v && !strcmp(x->chrom, bim->row[v - 1].chrom) && x->pos < bim->row[v - 1].pos)
        return sg_fail(err, SG_LIMIT,
                       "variant %lld: position %lld stands behind %lld; an indexed VCF is in genome order",
                       (long long)v + 1, (long long)x->pos, (long long)bim->row[v - 1].pos);
    return SG_OK;
}

static sg_status add_line(sg_vcf_writer *w, const char *line, sg_err *err)
{
    return bcf_hdr_append(w->head, line) ? sg_fail(err, SG_INTERNAL, "a VCF header line is refused: %.80s", line)
                                         : SG_OK;
}

static sg_status add_contigs(sg_vcf_writer *w, sg_err *err)
{
    for (int64_t v = 0; v < w->bim->n; v++) {
        char line[128];
        const char *chrom = w->bim->row[v].chrom;
        SG_TRY(check_row(w->bim, v, err));
        if (v && !strcmp(chrom, w->bim->row[v - 1].chrom))
            continue;
        if (bcf_hdr_name2id(w->head, chrom) >= 0)
            return sg_fail(err, SG_LIMIT,
                           "variant %lld: chromosome %.20s stands in two places; an indexed VCF is in genome "
                           "order",
                           (long long)v + 1, chrom);
        (void)snprintf(line, sizeof line, "##contig=<ID=%.80s>", chrom);
        SG_TRY(add_line(w, line, err));
        if (bcf_hdr_sync(w->head))
            return sg_fail(err, SG_NOMEM, "no memory for the header of a VCF");
    }
    return SG_OK;
}

static sg_status make_header(sg_vcf_writer *w, const sg_vcf_writer_options *o, sg_err *err)
{
    w->head = bcf_hdr_init("w");
    w->rec = bcf_init();
    if (w->rec && (w->rec->d.fmt = calloc(1, sizeof *w->rec->d.fmt)))
        w->rec->d.m_fmt = 1;
    if (!w->head || !w->rec || !w->rec->d.fmt)
        return sg_fail(err, SG_NOMEM, "no memory for the header of a VCF");
    for (int i = 0; i < o->n_meta; i++)
        SG_TRY(add_line(w, o->meta[i], err));
    SG_TRY(add_line(w,
                    "##INFO=<ID=PR,Number=0,Type=Flag,Description=\"Provisional reference allele, may not be based on "
                    "real reference genome\">",
                    err));
    SG_TRY(add_line(w, "##FORMAT=<ID=GT,Number=1,Type=String,Description=\"Genotype\">", err));
    SG_TRY(add_contigs(w, err));
    for (int64_t s = 0; s < w->n_people; s++) {
        char name[64];
        o->name(o->ctx, s, name);
        if (bcf_hdr_add_sample(w->head, name))
            return sg_fail(err, SG_NOMEM, "no memory for the people of a VCF");
    }
    if (bcf_hdr_sync(w->head))
        return sg_fail(err, SG_NOMEM, "no memory for the header of a VCF");
    w->gt = bcf_hdr_id2int(w->head, BCF_DT_ID, "GT");
    return SG_OK;
}

static sg_status no_space(const sg_vcf_writer *w, sg_err *err)
{
    return sg_fail(err, SG_IO, "%s: cannot write: %s", w->file.path, errno ? strerror(errno) : "the disk is full?");
}

/* htslib gets a descriptor of its own to the temporary file. */
static sg_status open_files(sg_vcf_writer *w, const sg_vcf_writer_options *o, sg_err *err)
{
    char index[4096];
    if (snprintf(index, sizeof index, "%s.%s", o->path, o->bcf ? "csi" : "tbi") >= (int)sizeof index)
        return sg_fail(err, SG_LIMIT, "%.200s...: path too long", o->path);
    SG_TRY(sg_out_open(o->path, o->mode, &w->file, err));
    SG_TRY(sg_out_open(index, o->mode, &w->index, err));
    const int fd = fcntl(fileno(w->file.f), F_DUPFD_CLOEXEC, 0);
    hFILE *h = fd < 0 ? NULL : hdopen(fd, "w");
    if (!h) {
        if (fd >= 0)
            (void)close(fd);
        return sg_fail(err, SG_NOMEM, "no memory to open %s", o->path);
    }
    /* Level 4: a third of the time of the usual 6, files a tenth larger (cohorts/NOTES.md). */
    w->f = hts_hopen(h, o->path, o->bcf ? "wb4" : "wz4");
    if (!w->f) {
        hclose_abruptly(h);
        return sg_fail(err, SG_NOMEM, "no memory to open %s", o->path);
    }
    if (o->threads > 1 && hts_set_threads(w->f, o->threads))
        return sg_fail(err, SG_NOMEM, "no memory for %d threads", o->threads);
    errno = 0;
    if (bcf_hdr_write(w->f, w->head))
        return no_space(w, err);
    return SG_OK;
}

sg_status sg_vcf_writer_open(const sg_vcf_writer_options *o, const sg_bim *bim, int64_t n_people, sg_vcf_writer **out,
                             sg_err *err)
{
    *out = NULL;
    hts_set_log_level(HTS_LOG_OFF);
    sg_vcf_writer *w = calloc(1, sizeof *w);
    if (!w)
        return sg_fail(err, SG_NOMEM, "no memory to open %s", o->path);
    w->bim = bim;
    w->bcf = o->bcf;
    w->n_people = n_people;
    make_pairs(w);
    sg_status st = make_header(w, o, err);
    if (!st)
        st = open_files(w, o, err);
    if (st)
        free_writer(w);
    else
        *out = w;
    return st;
}

/* GT of everybody as the record's only field. */
static int put_genotypes(sg_vcf_writer *w, const uint64_t *row)
{
    kstring_t *s = &w->rec->indiv;
    const uint8_t *code = (const uint8_t *)row;
    const size_t four = (size_t)(w->n_people + 3) / 4;
    s->l = 0;
    if (bcf_enc_int1(s, w->gt) || bcf_enc_size(s, 2, BCF_BT_INT8) || ks_resize(s, s->l + 8 * four))
        return -1;
    const size_t at = s->l;
    for (size_t i = 0; i < four; i++)
        memcpy(s->s + s->l + 8 * i, w->pair[code[i]], 8);
    s->l += 2 * (size_t)w->n_people;
    w->rec->n_sample = (unsigned)w->n_people;
    w->rec->n_fmt = 1;
    /* Text is written from the unpacked form, which htslib fills only for records that were read. */
    w->rec->d.fmt[0] = (bcf_fmt_t){.id = w->gt,
                                   .n = 2,
                                   .size = 2,
                                   .type = BCF_BT_INT8,
                                   .p = (uint8_t *)s->s + at,
                                   .p_len = (uint32_t)(2 * w->n_people),
                                   .p_off = (unsigned)at};
    w->rec->unpacked |= BCF_UN_FMT;
    return 0;
}

sg_status sg_vcf_writer_row(sg_vcf_writer *w, const uint64_t *row, sg_err *err)
{
    const sg_bim_row *x = &w->bim->row[w->next++];
    const bool none = no_allele(x->a1);
    const char *allele[2] = {no_allele(x->a2) ? "N" : x->a2, x->a1};
    bcf_clear(w->rec);
    w->rec->rid = bcf_hdr_name2id(w->head, x->chrom);
    w->rec->pos = x->pos - 1;
    errno = 0;
    if (bcf_update_id(w->head, w->rec, x->id) || bcf_update_alleles(w->head, w->rec, allele, none ? 1 : 2) ||
        bcf_update_info_flag(w->head, w->rec, "PR", NULL, 1) || put_genotypes(w, row))
        return sg_fail(err, SG_NOMEM, "no memory for a record of %s", w->file.path);
    return bcf_write(w->f, w->head, w->rec) ? no_space(w, err) : SG_OK;
}

/* The index is made from the finished file: made on the way it would depend on the number of threads, and be older than
 * the file, of which readers warn. */
static sg_status finish(sg_vcf_writer *w, sg_err *err)
{
    errno = 0;
    const int bad = hts_close(w->f);
    w->f = NULL;
    if (bad)
        return no_space(w, err);
    if (bcf_index_build3(w->file.temp, w->index.temp, w->bcf ? 14 : 0, 0))
        return sg_fail(err, SG_IO, "%s: cannot write: %s", w->index.path,
                       errno ? strerror(errno) : "the disk is full?");
    SG_TRY(sg_out_commit(&w->file, err));
    return sg_out_commit(&w->index, err);
}

sg_status sg_vcf_writer_commit(sg_vcf_writer *w, sg_err *err)
{
    const sg_status st = w->next == w->bim->n ? finish(w, err) : sg_fail(err, SG_INTERNAL, "a VCF lacks variants");
    free_writer(w);
    return st;
}
