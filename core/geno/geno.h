/* geno.h - genotypes, two bits each, in the two layouts the project needs.
 *
 * Shape:   sg_geno   [n_variant, n_sample] variant-major, 4 genotypes per byte, sample s in bits 2(s%4) (as in .bed);
 *          sg_people [n_sample, n_variant] sample-major, two bit planes of n_word 64-bit words per person.
 * Units:   copies of the COUNTED allele (A1 of the .bim unless a panel says otherwise): 0, 1, 2; SG_MISSING = 3.
 * Owner:   the arena they were made in.
 * Threads: reads are safe; writes to one row of one object by one thread.
 * Not here: files (formats/), alleles and names (panel/).
 */
#ifndef SG_GENO_GENO_H
#define SG_GENO_GENO_H

#include "base/arena.h"

enum { SG_MISSING = 3 };

/* Variant-major: one row per variant. Bits past n_sample in a row's last byte are 0. */
typedef struct sg_geno {
    int64_t n_variant, n_sample;
    int64_t row_bytes; /* (n_sample + 3) / 4 */
    uint8_t *row;      /* [n_variant, row_bytes] */
} sg_geno;

/* Sample-major: the layout of networks and of distances. A genotype's code has its low bit in plane `lo` and its high
 * bit in `hi`; bits past n_variant are 0 in both. lo of person s starts at word (2 s) n_word, hi at (2 s + 1) n_word.
 */
typedef struct sg_people {
    int64_t n_sample, n_variant;
    int64_t n_word;  /* (n_variant + 63) / 64 */
    uint64_t *plane; /* [n_sample, 2, n_word] */
} sg_people;

/* All genotypes 0. NOMEM; LIMIT when sizes overflow or are negative. */
sg_status sg_geno_new(int64_t n_variant, int64_t n_sample, sg_arena *a, sg_geno *out, sg_err *err) SG_MUST_USE;
sg_status sg_people_new(int64_t n_sample, int64_t n_variant, sg_arena *a, sg_people *out, sg_err *err) SG_MUST_USE;

bool sg_geno_ok(const sg_geno *g); /* invariants, for assert at the doors */
bool sg_people_ok(const sg_people *p);

static inline int sg_geno_get(const sg_geno *g, int64_t v, int64_t s)
{
    return g->row[v * g->row_bytes + s / 4] >> (2 * (s % 4)) & 3;
}

static inline void sg_geno_set(sg_geno *g, int64_t v, int64_t s, int code)
{
    uint8_t *b = &g->row[v * g->row_bytes + s / 4];
    const int shift = (int)(2 * (s % 4));
    *b = (uint8_t)((*b & ~(3 << shift)) | (code & 3) << shift);
}

static inline const uint64_t *sg_people_lo(const sg_people *p, int64_t s)
{
    return p->plane + 2 * s * p->n_word;
}

static inline const uint64_t *sg_people_hi(const sg_people *p, int64_t s)
{
    return p->plane + (2 * s + 1) * p->n_word;
}

static inline int sg_people_get(const sg_people *p, int64_t s, int64_t v)
{
    const uint64_t bit = (uint64_t)v % 64;
    return (int)((sg_people_lo(p, s)[v / 64] >> bit & 1) | (sg_people_hi(p, s)[v / 64] >> bit & 1) << 1);
}

/* Between int8 codes and one person's planes. code [n_variant]. */
void sg_people_unpack(const sg_people *p, int64_t s, int8_t *code); /* code overwritten */
void sg_people_pack(sg_people *p, int64_t s, const int8_t *code);   /* person s overwritten; codes 0..3, asserted */

/* Transposes. Sizes of `out` must fit (asserted). */
void sg_people_from_geno(const sg_geno *g, sg_people *out); /* out [g.n_sample, g.n_variant], overwritten */
void sg_geno_from_people(const sg_people *p, sg_geno *out); /* out [p.n_variant, p.n_sample], overwritten */

/* The same for up to 64 variants while they stream by. Rows are variant-major and padded with zeros to whole words:
 * row [n, SG_ROW_WORDS(n_sample)], person s in bits 2 (s % 32) of word s / 32. first is a multiple of 64.
 * put: variants first .. first + n - 1 of everybody named by where [n_sample] (their index in p, -1 not wanted; NULL: the
 * same order); the rest of the 64 becomes 0. get: min(64, n_variant - first) rows, overwritten. */
#define SG_ROW_WORDS(n_sample) (((n_sample) + 31) / 32)
void sg_people_put_rows(sg_people *p, int64_t first, int64_t n, const uint64_t *row, int64_t n_sample,
                        const int64_t *where);
void sg_people_get_rows(const sg_people *p, int64_t first, uint64_t *row);

/* Rows idx[0..n-1] of `from` as rows 0..n-1 of `out` (out has n rows, same variants; asserted). */
void sg_people_gather(const sg_people *from, const int64_t *idx, int64_t n, sg_people *out);

/* Counts of codes 0, 1, 2, 3 of one variant. */
void sg_geno_count(const sg_geno *g, int64_t v, int64_t count[4]);

/* Frequency of the counted allele among called genotypes; NaN when none is called. freq [n_variant], overwritten. */
void sg_people_freq(const sg_people *p, double *freq);

/* Mismatching genotypes (missing is a fourth code) and sum of |difference| in copies (no missing allowed). */
int64_t sg_people_hamming(const sg_people *a, int64_t i, const sg_people *b, int64_t j);
int64_t sg_people_l1(const sg_people *a, int64_t i, const sg_people *b, int64_t j);

#endif
