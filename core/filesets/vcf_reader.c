/* vcf_reader.c - VCF and BCF through htslib: the table of variants, and GT of one record at a time; see inside.h.
 *
 * A first reading makes the table and notes where each record begins; genotypes are then read by jumping there (bgzipped
 * files and BCF) or by reading on (plain and gzipped text). htslib writes its complaints to stderr, so it is silenced:
 * what it found is said in our words. */
#include "base/file.h"
#include "filesets/inside.h"
#include "filesets/vcf_input.h"

#include <errno.h>
#include <fcntl.h>
#include <htslib/bgzf.h>
#include <htslib/hfile.h>
#include <htslib/vcf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_BYTES_MAX = 4096 };
#define TABLE_BYTES_MAX ((size_t)64 << 30)

struct sg_vcf_reader {
    const char *path;
    htsFile *f;
    bcf_hdr_t *head;
    bcf1_t *rec;
    kstring_t line;
    int64_t next; /* number of the record that is read next; rec is the one before */
    bool jumps;   /* virtual offsets work */
};

static void close_all(sg_vcf_reader *r)
{
    bcf_destroy(r->rec);
    bcf_hdr_destroy(r->head);
    ks_free(&r->line);
    if (r->f)
        (void)hts_close(r->f);
}

void sg_vcf_reader_close(sg_vcf_reader *r)
{
    if (!r)
        return;
    close_all(r);
    free(r);
}

/* Opened here and not by htslib, for which a name may also be an address on the network. */
static sg_status open_file(sg_vcf_reader *r, sg_err *err)
{
    const int fd = open(r->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return sg_fail(err, errno == ENOENT ? SG_NOT_FOUND : SG_IO, "%s: %s", r->path,
                       errno == ENOENT ? "no such file" : strerror(errno));
    struct stat s;
    if (fstat(fd, &s) || !S_ISREG(s.st_mode)) {
        (void)close(fd);
        return sg_fail(err, SG_IO, "%s: not a regular file", r->path);
    }
    hFILE *h = hdopen(fd, "r");
    if (!h) {
        (void)close(fd);
        return sg_fail(err, SG_NOMEM, "no memory to open %s", r->path);
    }
    r->f = hts_hopen(h, r->path, "r");
    if (!r->f) {
        hclose_abruptly(h);
        return sg_fail(err, SG_FORMAT, "%s is neither VCF nor BCF", r->path);
    }
    const htsFormat *k = hts_get_format(r->f);
    if (k->format != vcf && k->format != bcf)
        return sg_fail(err, SG_FORMAT, "%s is neither VCF nor BCF", r->path);
    r->jumps = k->compression == bgzf;
    if (r->jumps && bgzf_check_EOF(r->f->fp.bgzf) == 0)
        return sg_fail(err, SG_FORMAT, "%s is cut off: the end mark of a bgzipped file is missing; copy it again",
                       r->path);
    return SG_OK;
}

static sg_status open_checked(sg_vcf_reader *r, sg_err *err)
{
    SG_TRY(open_file(r, err));
    SG_TRY(sg_vcf_header(r->f, r->path, &r->head, err));
    if (bcf_hdr_nsamples(r->head) < 1)
        return sg_fail(err, SG_FORMAT, "%s has no samples (sites only), want genotypes", r->path);
    const int gt = bcf_hdr_id2int(r->head, BCF_DT_ID, "GT");
    if (gt < 0 || !bcf_hdr_idinfo_exists(r->head, BCF_HL_FMT, gt))
        return sg_fail(err, SG_FORMAT, "%s has no GT field (genotype calls); dosages alone are not read", r->path);
    r->rec = bcf_init();
    return r->rec ? SG_OK : sg_fail(err, SG_NOMEM, "no memory to read %s", r->path);
}

sg_status sg_vcf_reader_open(const char *path, sg_vcf_reader **out, sg_err *err)
{
    *out = NULL;
    hts_set_log_level(HTS_LOG_OFF);
    sg_vcf_reader *r = calloc(1, sizeof *r);
    if (!r)
        return sg_fail(err, SG_NOMEM, "no memory to open %s", path);
    r->path = path;
    const sg_status st = open_checked(r, err);
    if (st)
        sg_vcf_reader_close(r);
    else
        *out = r;
    return st;
}

sg_status sg_vcf_reader_people(const sg_vcf_reader *r, sg_arena *a, sg_fam *out, sg_err *err)
{
    const int n = bcf_hdr_nsamples(r->head);
    *out = (sg_fam){n, SG_NEW(a, sg_fam_row, n)};
    for (int i = 0; out->row && i < n; i++) {
        const size_t n_name = strlen(r->head->samples[i]);
        if (n_name > NAME_BYTES_MAX) /* split.tsv, which will have it, has lines of at most SG_LINE_MAX */
            return sg_fail(err, SG_LIMIT, "%s: the name of sample %d has %zu letters, want at most %d", r->path, i + 1,
                           n_name, NAME_BYTES_MAX);
        const char *name = sg_arena_strndup(a, r->head->samples[i], n_name);
        if (!name)
            return sg_arena_full(a, "the people of a VCF", err);
        out->row[i] = (sg_fam_row){.fid = name, .iid = name, .father = "0", .mother = "0", .pheno = "-9"};
    }
    return out->row ? SG_OK : sg_arena_full(a, "the people of a VCF", err);
}

/* *end: no more records. What is wrong with one is told by its number. */
static sg_status read_record(sg_vcf_reader *r, int unpack, bool *end, sg_err *err)
{
    r->rec->max_unpack = unpack;
    const int got = sg_vcf_record(r->f, r->head, &r->line, r->rec);
    *end = got == SG_VCF_END;
    if (*end)
        return SG_OK;
    r->next++;
    if (got == SG_VCF_TOO_LONG)
        return sg_fail(err, SG_LIMIT, "%s: record %lld is longer than %lld bytes, more than %d people need", r->path,
                       (long long)r->next, (long long)sg_vcf_record_max(bcf_hdr_nsamples(r->head)),
                       bcf_hdr_nsamples(r->head));
    /* A contig that the header does not name is no harm to us. */
    if (got < -1 || (r->rec->errcode & ~(BCF_ERR_CTG_UNDEF | BCF_ERR_TAG_UNDEF)))
        return sg_fail(err, SG_FORMAT, "%s: record %lld is damaged or the file is cut off there", r->path,
                       (long long)r->next);
    if (r->rec->n_sample != (unsigned)bcf_hdr_nsamples(r->head) && (unpack & BCF_UN_FMT))
        return sg_fail(err, SG_FORMAT, "%s: record %lld has %u samples, the header has %d", r->path, (long long)r->next,
                       r->rec->n_sample, bcf_hdr_nsamples(r->head));
    return SG_OK;
}

typedef struct table {
    sg_buf row, at, number, alt;
    const char *last[2];
} table;

static const char *keep(sg_arena *a, const char *s)
{
    return sg_arena_strndup(a, s, strlen(s));
}

/* htslib lets records through that lack their first columns, and leaves no alleles behind then. */
static bool whole(const bcf1_t *rec, const char *chrom)
{
    if (!chrom || !*chrom || rec->n_allele < 1 || !rec->d.allele)
        return false;
    for (int k = 0; k < (int)rec->n_allele; k++)
        if (!rec->d.allele[k] || !*rec->d.allele[k])
            return false;
    return true;
}

/* One row per ALT; a record without ALT is a row with a1 ".". */
static sg_status add_rows(const sg_vcf_reader *r, uint64_t at, table *t, sg_arena *a, sg_err *err)
{
    bcf1_t *rec = r->rec;
    (void)bcf_unpack(rec, BCF_UN_STR);
    const char *chrom = bcf_seqname_safe(r->head, rec);
    if (!whole(rec, chrom))
        return sg_fail(err, SG_FORMAT,
                       "%s: record %lld has no CHROM, REF or ALT; are the columns parted by blanks? VCF wants tabs",
                       r->path, (long long)r->next);
    if (rec->pos < 0 || rec->pos >= INT32_MAX)
        return sg_fail(err, SG_FORMAT, "%s: record %lld has position %lld, want 1 or more", r->path, (long long)r->next,
                       (long long)rec->pos + 1);
    if (!t->last[0] || strcmp(t->last[0], chrom) != 0)
        chrom = keep(a, chrom); /* htslib's own goes with the file */
    if (!chrom || !(chrom = sg_source_chrom(chrom, t->last, a)))
        return sg_arena_full(a, "the table of variants", err);
    const char *id = keep(a, rec->d.id), *ref = keep(a, rec->d.allele[0]);
    for (int k = 1; k < (int)rec->n_allele || k == 1; k++) {
        const char *alt = k < (int)rec->n_allele ? keep(a, rec->d.allele[k]) : ".";
        if (!id || !ref || !alt)
            return sg_arena_full(a, "the table of variants", err);
        const sg_bim_row row = {.chrom = chrom, .id = id, .a1 = alt, .a2 = ref, .pos = rec->pos + 1, .cm_text = "0"};
        const uint64_t number = (uint64_t)r->next - 1;
        const uint16_t which = (uint16_t)k;
        SG_TRY(sg_buf_add(&t->row, &row, sizeof row, err));
        SG_TRY(sg_buf_add(&t->at, &at, sizeof at, err));
        SG_TRY(sg_buf_add(&t->number, &number, sizeof number, err));
        SG_TRY(sg_buf_add(&t->alt, &which, sizeof which, err));
    }
    return SG_OK;
}

static sg_status settle(const sg_buf *b, sg_arena *a, void *out, sg_err *err)
{
    void *copy = sg_arena_alloc_raw(a, (int64_t)b->n, 1);
    if (!copy)
        return sg_arena_full(a, "the table of variants", err);
    if (b->n)
        memcpy(copy, b->data, b->n);
    memcpy(out, &copy, sizeof copy);
    return SG_OK;
}

sg_status sg_vcf_reader_table(sg_vcf_reader *r, const sg_run *run, sg_arena *a, sg_source_file *f, sg_bim *out,
                              sg_err *err)
{
    table t = {0};
    sg_buf *const all[] = {&t.row, &t.at, &t.number, &t.alt};
    for (int i = 0; i < 4; i++)
        sg_buf_init(all[i], TABLE_BYTES_MAX);
    sg_status st = SG_OK;
    for (bool end = false; !st;) {
        const uint64_t at = r->jumps ? (uint64_t)bgzf_tell(r->f->fp.bgzf) : 0;
        if (r->next % 4096 == 0 && sg_cancelled(run))
            st = sg_fail(err, SG_CANCELLED, "stopped while %s was read", r->path);
        if (!st)
            st = read_record(r, BCF_UN_STR, &end, err);
        if (st || end)
            break;
        st = add_rows(r, at, &t, a, err);
    }
    *out = (sg_bim){.n = (int64_t)(t.row.n / sizeof(sg_bim_row))};
    if (!st)
        st = settle(&t.row, a, &out->row, err);
    if (!st)
        st = settle(&t.at, a, &f->at, err);
    if (!st)
        st = settle(&t.number, a, &f->number, err);
    if (!st)
        st = settle(&t.alt, a, &f->alt, err);
    for (int i = 0; i < 4; i++)
        sg_buf_clear(all[i]);
    return st;
}

/* ---- genotypes ---- */

/* The record of row v in r->rec. */
static sg_status go_to(sg_vcf_reader *r, const sg_source_file *f, int64_t v, sg_err *err)
{
    const int64_t number = (int64_t)f->number[v];
    if (r->next == number + 1)
        return SG_OK;
    if (r->jumps && r->next != number) {
        if (bgzf_seek(r->f->fp.bgzf, (int64_t)f->at[v], SEEK_SET) < 0)
            return sg_fail(err, SG_IO, "%s: cannot go to record %lld", r->path, (long long)number + 1);
        r->next = number;
    } else if (r->next > number) { /* text that cannot jump is read again from its beginning */
        close_all(r);
        *r = (sg_vcf_reader){.path = r->path};
        SG_TRY(open_checked(r, err));
    }
    while (r->next <= number) {
        bool end;
        SG_TRY(read_record(r, r->next == number ? BCF_UN_ALL : BCF_UN_STR, &end, err));
        if (end)
            return sg_fail(err, SG_MISMATCH, "%s became shorter while it was read", r->path);
    }
    return SG_OK;
}

/* One value of GT, of whatever width: -1 missing, -2 not there (fewer alleles than others), else the allele. */
static int allele(const bcf_fmt_t *g, int64_t s, int k)
{
    const uint8_t *p = g->p + s * g->size;
    int x;
    if (g->type == BCF_BT_INT8) {
        x = ((const int8_t *)p)[k];
        if (x == bcf_int8_vector_end)
            return -2;
        return x == bcf_int8_missing ? -1 : (x >> 1) - 1;
    }
    int16_t y;
    memcpy(&y, p + 2 * k, sizeof y);
    if (y == bcf_int16_vector_end)
        return -2;
    return y == bcf_int16_missing ? -1 : (y >> 1) - 1;
}

static int code_of(int x, int y, int alt, sg_source_calls *c)
{
    if (y == -2) {
        c->n_haploid += x >= 0;
        return SG_MISSING;
    }
    if (x < 0 || y < 0) {
        c->n_half += x >= 0 || y >= 0;
        return SG_MISSING;
    }
    if ((x != 0 && x != alt) || (y != 0 && y != alt)) {
        c->n_other++;
        return SG_MISSING;
    }
    return (x == alt) + (y == alt);
}

sg_status sg_vcf_reader_row(sg_vcf_reader *r, const sg_source_file *f, const sg_bim_row *want, int64_t v,
                            sg_source_calls *calls, uint64_t *row, sg_err *err)
{
    SG_TRY(go_to(r, f, v, err));
    const int64_t n = bcf_hdr_nsamples(r->head), words = SG_ROW_WORDS(n);
    bcf1_t *rec = r->rec;
    if (rec->pos + 1 != want->pos)
        return sg_fail(err, SG_MISMATCH, "%s changed while it was read", r->path);
    (void)bcf_unpack(rec, BCF_UN_ALL);
    const bcf_fmt_t *g = bcf_get_fmt(r->head, rec, "GT");
    memset(row, 0, (size_t)words * sizeof *row);
    if (!g || g->n < 1)
        calls->n_no_gt_row++;
    else if (g->n > 2 || (g->type != BCF_BT_INT8 && g->type != BCF_BT_INT16))
        return sg_fail(err, SG_FORMAT, "%s at %s:%lld: genotypes of %d alleles, want 2", r->path, want->chrom,
                       (long long)want->pos, g->n);
    const int alt = f->alt[v];
    for (int64_t s = 0; s < n; s++) {
        const bool none = !g || g->n < 1;
        const int x = none ? -1 : allele(g, s, 0), y = none ? -1 : g->n < 2 ? -2 : allele(g, s, 1);
        if (x >= (int)rec->n_allele || y >= (int)rec->n_allele)
            return sg_fail(err, SG_FORMAT, "%s at %s:%lld: a genotype names an allele that the record does not have",
                           r->path, want->chrom, (long long)want->pos);
        row[s / 32] |= (uint64_t)code_of(x, y, alt, calls) << (2 * (s % 32));
    }
    return SG_OK;
}

/* ---- haplotypes ---- */

static bool is_phased(const bcf_fmt_t *g, int64_t s)
{
    const uint8_t *p = g->p + s * g->size;
    if (g->type == BCF_BT_INT8)
        return p[1] & 1;
    int16_t y;
    memcpy(&y, p + 2, sizeof y);
    return y & 1;
}

sg_status sg_vcf_reader_haplotypes(sg_vcf_reader *r, const sg_source_file *f, const sg_bim_row *want, int64_t v,
                                   sg_source_calls *calls, uint64_t *bits, uint64_t *missing, bool *phased, sg_err *err)
{
    const int64_t n = bcf_hdr_nsamples(r->head);
    SG_TRY(sg_vcf_reader_row(r, f, want, v, calls, bits, err)); /* checks all there is to check */
    const bcf_fmt_t *g = bcf_get_fmt(r->head, r->rec, "GT");
    const int alt = f->alt[v];
    memset(missing, 0, (size_t)(n + 63) / 64 * sizeof *missing);
    *phased = true;
    for (int64_t s = 0; s < n; s++) { /* in place: a code is two bits, as a pair of haplotypes is */
        uint64_t *word = &bits[s / 32];
        const int at = (int)(2 * (s % 32));
        const uint64_t code = *word >> at & 3;
        uint64_t two = code == 2 ? 3 : code;
        if (code == SG_MISSING) {
            two = 0;
            missing[s / 64] |= (uint64_t)1 << (s % 64);
        } else if (code == 1) {
            two = allele(g, s, 0) == alt ? 1 : 2;
            *phased &= is_phased(g, s);
        }
        *word = (*word & ~((uint64_t)3 << at)) | two << at;
    }
    return SG_OK;
}
