/* chrom.h - chromosome names and their order.
 *
 * Shape:   a name as files write it: "1", "chr1", "01", "X", "23", "MT", "M", "scaffold_7".
 * Units:   rank 1-22 autosomes, 23 X, 24 Y, 25 XY, 26 MT, SG_CHROM_OTHER everything else (ordered by name).
 * Owner:   -
 * Threads: pure.
 * Not here: genome builds.
 */
#ifndef SG_FORMATS_CHROM_H
#define SG_FORMATS_CHROM_H

enum { SG_CHROM_AUTOSOMES = 22, SG_CHROM_X = 23, SG_CHROM_OTHER = 27, SG_CHROM_NAME = 40 };

int sg_chrom_rank(const char *name);

/* Genome order: by rank, others by name. 0 when both mean the same chromosome. */
int sg_chrom_compare(const char *a, const char *b);

/* One spelling per chromosome ("1", "X", "MT", others without "chr"), cut to fit: a key for tables. */
void sg_chrom_canonical(const char *name, char out[SG_CHROM_NAME]);

#endif
