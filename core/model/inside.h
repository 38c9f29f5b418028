/* inside.h - what the files of core/model share with each other, their tests and the fuzz targets.
 *
 * Shape:   card.json as text; the head of reference.enc as bytes.
 * Units:   bytes.
 * Owner:   strings of a decoded card live in the arena.
 * Threads: pure functions.
 * Not here: anything for other folders.
 */
#ifndef SG_MODEL_INSIDE_H
#define SG_MODEL_INSIDE_H

#include "base/file.h"
#include "model/model.h"

#define SG_CARD_BYTES_MAX ((size_t)16 << 20)

/* FORMAT: not JSON, or a field missing, of another type or out of range (named by its path); LIMIT: another format
 * version, or sizes no network can have; MISMATCH: parts that contradict each other. */
sg_status sg_card_decode(const void *text, size_t n, sg_arena *a, sg_card *out, sg_err *err) SG_MUST_USE;

/* Appends the card as JSON. FORMAT when training_json or metrics_json is not a JSON object; LIMIT, NOMEM. */
sg_status sg_card_encode(const sg_card *card, sg_buf *b, sg_err *err) SG_MUST_USE;

/* The same checks on a card in memory as on one that is read. */
sg_status sg_card_check(const sg_card *card, sg_err *err) SG_MUST_USE;

/* The head of reference.enc: what must be known before a byte is decrypted. */
typedef struct sg_reference_head {
    char magic[8];
    uint32_t version, n_role;
    uint64_t n_variant, n_sample[SG_N_ROLE];
    uint8_t nonce[SG_NONCE_BYTES];
    uint32_t zero;
} sg_reference_head;
_Static_assert(sizeof(sg_reference_head) == 64, "the head of reference.enc has no holes");

/* Checks a whole file of n_file bytes by its head: FORMAT (magic, sizes that do not fit the file's length), LIMIT
 * (another version, sizes beyond bounds). payload: bytes between head and tag. */
sg_status sg_reference_head_decode(const void *head, size_t n_head, uint64_t n_file, sg_reference_head *out,
                                   uint64_t *payload, sg_err *err) SG_MUST_USE;

/* Writes reference.enc for the bundle that `card` describes (its digests of panel and data are already set). */
sg_status sg_reference_save(const char *path, const sg_card *card, const sg_reference *ref,
                            const uint8_t key[SG_KEY_BYTES], sg_err *err) SG_MUST_USE;

#endif
