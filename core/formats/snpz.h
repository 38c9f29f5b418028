/* snpz.h - genotypes.snpz: people as they lie in memory (sg_people), with a digest.
 *
 * Shape:   32 bytes of head - magic "\x89SNPZ\r\n\x1a", version u32, zero u32, people i64, variants i64 - then SHA-256
 * of head and payload, then the planes: per person n_word words of low bits, n_word words of high bits. Units:
 * little-endian; codes as in geno/geno.h. Owner:   the arena. Threads: one call, one thread. Not here: who the people
 * are (split.tsv), what the variants are (panel.tsv).
 */
#ifndef SG_FORMATS_SNPZ_H
#define SG_FORMATS_SNPZ_H

#include "crypto/crypto.h"
#include "geno/geno.h"

enum { SG_SNPZ_VERSION = 1, SG_SNPZ_HEAD = 64 };

/* Readable by the owner alone: these are real people. digest, when not NULL, receives the SHA-256 inside. */
sg_status sg_snpz_save(const char *path, const sg_people *p, sg_digest *digest, sg_err *err) SG_MUST_USE;

/* FORMAT (not such a file, another version), MISMATCH (size or digest: damaged), NOT_FOUND, LIMIT, NOMEM. */
sg_status sg_snpz_load(const char *path, sg_arena *a, sg_people *out, sg_digest *digest, sg_err *err) SG_MUST_USE;
sg_status sg_snpz_decode(const void *bytes, size_t n, sg_arena *a, sg_people *out, sg_digest *digest,
                         sg_err *err) SG_MUST_USE;

#endif
