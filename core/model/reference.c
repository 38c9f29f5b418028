/* reference.c - the real people of a bundle, under lock: reference.enc.
 *
 *   head      64 bytes, in clear (inside.h): magic, version, sizes, nonce
 *   payload   AES-256-GCM over: bit planes of TRAIN, VAL, TEST people (geno.h layout, little-endian words), then one
 *             label byte per person in the same order, then (version 2) one byte of marks (panel.h)
 *   tag       16 bytes
 *
 * Authenticated with the payload: the head, the digest of panel.tsv and the digest of the dataset. A reference moved to
 * another bundle does not open.
 */
#include "model/inside.h"

#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "bit planes are stored as they lie in memory: little-endian"
#endif

enum {
    REFERENCE_VERSION = 2, /* 1: without marks; still read, and written when there are none */
    VARIANTS_MAX = 1 << 20
};
#define PEOPLE_MAX ((uint64_t)1 << 28)
#define PAYLOAD_MAX ((uint64_t)1 << 35) /* half of what one GCM message can hold */

static const char magic[8] = {'S', 'G', 'R', 'E', 'F', 'E', 'R', '1'};

typedef struct bound {
    sg_reference_head head;
    sg_digest panel, data;
} bound; /* what is authenticated beside the payload */
_Static_assert(sizeof(bound) == 128, "no holes in what is authenticated");

/* Bytes per person beside the planes: the label, and the marks. */
static uint64_t beside(const sg_reference_head *h)
{
    return h->version;
}

/* Bytes of one role's planes; sizes are within the bounds above, so nothing overflows. */
static uint64_t plane_bytes(const sg_reference_head *h, int role)
{
    return h->n_sample[role] * ((h->n_variant + 63) / 64) * 16;
}

sg_status sg_reference_head_decode(const void *head, size_t n_head, uint64_t n_file, sg_reference_head *out,
                                   uint64_t *payload, sg_err *err)
{
    *payload = 0;
    *out = (sg_reference_head){0};
    if (n_head < sizeof *out || n_file < sizeof *out + SG_TAG_BYTES)
        return sg_fail(err, SG_FORMAT, "reference.enc: %llu bytes, want at least %zu", (unsigned long long)n_file,
                       sizeof *out + SG_TAG_BYTES);
    sg_reference_head h;
    memcpy(&h, head, sizeof h);
    if (memcmp(h.magic, magic, sizeof magic) != 0)
        return sg_fail(err, SG_FORMAT, "reference.enc: not a reference file");
    if (h.version < 1 || h.version > REFERENCE_VERSION)
        return sg_fail(err, SG_LIMIT, "reference.enc: version %u, this program reads versions 1 to %d", h.version,
                       REFERENCE_VERSION);
    if (h.n_role != SG_N_ROLE || h.zero != 0)
        return sg_fail(err, SG_FORMAT, "reference.enc: %u groups of people, want %d", h.n_role, SG_N_ROLE);
    if (h.n_variant < 1 || h.n_variant > VARIANTS_MAX)
        return sg_fail(err, SG_LIMIT, "reference.enc: %llu SNPs, want 1 to %d", (unsigned long long)h.n_variant,
                       VARIANTS_MAX);
    uint64_t total = 0;
    for (int r = 0; r < SG_N_ROLE; r++) {
        if (h.n_sample[r] > PEOPLE_MAX)
            return sg_fail(err, SG_LIMIT, "reference.enc: %llu people in a group, at most %llu are read",
                           (unsigned long long)h.n_sample[r], (unsigned long long)PEOPLE_MAX);
        total += plane_bytes(&h, r) + h.n_sample[r] * beside(&h);
    }
    if (total > PAYLOAD_MAX)
        return sg_fail(err, SG_LIMIT, "reference.enc: %llu bytes of people, at most %llu are read",
                       (unsigned long long)total, (unsigned long long)PAYLOAD_MAX);
    if (n_file != sizeof h + total + SG_TAG_BYTES)
        return sg_fail(err, SG_FORMAT, "reference.enc: %llu bytes, its sizes ask for %llu", (unsigned long long)n_file,
                       (unsigned long long)(sizeof h + total + SG_TAG_BYTES));
    *out = h;
    *payload = total;
    return SG_OK;
}

static sg_status gather_role(const sg_dataset *d, sg_role role, sg_arena *a, sg_reference *out, sg_err *err)
{
    int64_t n = 0, k = 0;
    for (int64_t i = 0; i < d->people.n_sample; i++)
        n += d->role[i] == role;
    out->label[role] = SG_NEW(a, int8_t, n);
    out->mark[role] = d->mark ? SG_NEW(a, uint8_t, n) : NULL;
    SG_TRY(sg_people_new(n, d->people.n_variant, a, &out->people[role], err));
    const size_t mark = sg_arena_mark(a);
    int64_t *idx = SG_NEW_RAW(a, int64_t, n);
    if (!idx || !out->label[role] || (d->mark && !out->mark[role]))
        return sg_arena_full(a, "the reference people", err);
    for (int64_t i = 0; i < d->people.n_sample; i++)
        if (d->role[i] == role) {
            out->label[role][k] = d->label[i];
            if (d->mark)
                out->mark[role][k] = d->mark[i];
            idx[k++] = i;
        }
    sg_people_gather(&d->people, idx, n, &out->people[role]);
    sg_arena_rewind(a, mark);
    return SG_OK;
}

sg_status sg_reference_from_dataset(const sg_dataset *d, sg_arena *a, sg_reference *out, sg_err *err)
{
    *out = (sg_reference){0};
    for (int r = 0; r < SG_N_ROLE; r++)
        SG_TRY(gather_role(d, (sg_role)r, a, out, err));
    return SG_OK;
}

static sg_status write_sealed(const char *path, const bound *b, const unsigned char *sealed, uint64_t n,
                              const uint8_t tag[SG_TAG_BYTES], sg_err *err)
{
    sg_out o;
    SG_TRY(sg_out_open(path, 0600, &o, err));
    (void)fwrite(&b->head, 1, sizeof b->head, o.f); /* failures are collected by commit */
    (void)fwrite(sealed, 1, n, o.f);
    (void)fwrite(tag, 1, SG_TAG_BYTES, o.f);
    return sg_out_commit(&o, err);
}

static void fill_payload(const sg_reference *ref, unsigned char *at)
{
    for (int r = 0; r < SG_N_ROLE; r++) {
        const size_t n = (size_t)(ref->people[r].n_sample * ref->people[r].n_word) * 16;
        if (n)
            memcpy(at, ref->people[r].plane, n);
        at += n;
    }
    for (int r = 0; r < SG_N_ROLE; r++) {
        const size_t n = (size_t)ref->people[r].n_sample;
        if (n)
            memcpy(at, ref->label[r], n);
        at += n;
    }
    for (int r = 0; r < SG_N_ROLE && ref->mark[SG_ROLE_TRAIN]; r++) {
        const size_t n = (size_t)ref->people[r].n_sample;
        if (n)
            memcpy(at, ref->mark[r], n);
        at += n;
    }
}

sg_status sg_reference_save(const char *path, const sg_card *card, const sg_reference *ref,
                            const uint8_t key[SG_KEY_BYTES], sg_err *err)
{
    bound b = {.head = {.version = ref->mark[SG_ROLE_TRAIN] ? REFERENCE_VERSION : 1,
                        .n_role = SG_N_ROLE,
                        .n_variant = (uint64_t)card->vae.n_snp},
               .panel = card->panel,
               .data = card->data};
    memcpy(b.head.magic, magic, sizeof magic);
    uint64_t total = 0;
    for (int r = 0; r < SG_N_ROLE; r++) {
        b.head.n_sample[r] = (uint64_t)ref->people[r].n_sample;
        if (ref->people[r].n_variant != card->vae.n_snp || b.head.n_sample[r] > PEOPLE_MAX)
            return sg_fail(err, SG_MISMATCH, "the reference has %lld people with %lld SNPs, the model %lld SNPs",
                           (long long)ref->people[r].n_sample, (long long)ref->people[r].n_variant,
                           (long long)card->vae.n_snp);
        total += plane_bytes(&b.head, r) + b.head.n_sample[r] * beside(&b.head);
    }
    if (total > PAYLOAD_MAX)
        return sg_fail(err, SG_LIMIT, "a reference of %llu bytes, at most %llu fit", (unsigned long long)total,
                       (unsigned long long)PAYLOAD_MAX);
    sg_arena a; /* kept out of core dumps: it holds everybody in clear for a moment */
    SG_TRY(sg_arena_init(&a, total + 64, err));
    unsigned char *payload = SG_NEW_RAW(&a, unsigned char, (int64_t)total);
    uint8_t tag[SG_TAG_BYTES];
    sg_status st = payload ? sg_random(b.head.nonce, sizeof b.head.nonce, err) : sg_arena_full(&a, "reference", err);
    if (!st) {
        fill_payload(ref, payload);
        st = sg_aead_seal(key, b.head.nonce, &b, sizeof b, payload, total, payload, tag, err);
    }
    if (!st)
        st = write_sealed(path, &b, payload, total, tag, err);
    sg_arena_clear(&a);
    return st;
}

/* Codes 0..2, bits past the last SNP 0, labels known: what was sealed by us always is so; what was not is refused. */
static sg_status check_people(const sg_people *p, const int8_t *label, int n_label, sg_err *err)
{
    const uint64_t tail = p->n_variant % 64 ? ~(uint64_t)0 << (p->n_variant % 64) : 0;
    for (int64_t s = 0; s < p->n_sample; s++) {
        const uint64_t *lo = sg_people_lo(p, s), *hi = sg_people_hi(p, s);
        uint64_t bad = (lo[p->n_word - 1] | hi[p->n_word - 1]) & tail;
        for (int64_t w = 0; w < p->n_word; w++)
            bad |= lo[w] & hi[w];
        if (bad)
            return sg_fail(err, SG_FORMAT, "reference.enc: a genotype that is not 0, 1 or 2");
        if (label[s] < 0 || label[s] >= n_label)
            return sg_fail(err, SG_FORMAT, "reference.enc: label %d, want 0 to %d", label[s], n_label - 1);
    }
    return SG_OK;
}

static sg_status unpack(const sg_reference_head *h, const sg_card *card, unsigned char *at, sg_reference *out,
                        sg_err *err)
{
    for (int r = 0; r < SG_N_ROLE; r++) {
        /* at is 64-byte aligned and every block of planes a multiple of 16 bytes */
        out->people[r] = (sg_people){(int64_t)h->n_sample[r], (int64_t)h->n_variant, (int64_t)(h->n_variant + 63) / 64,
                                     (uint64_t *)(void *)at};
        at += plane_bytes(h, r);
    }
    for (int r = 0; r < SG_N_ROLE; r++) {
        out->label[r] = (int8_t *)at;
        at += h->n_sample[r];
        SG_TRY(check_people(&out->people[r], out->label[r], card->n_label, err));
    }
    for (int r = 0; r < SG_N_ROLE && h->version > 1; r++) {
        out->mark[r] = at;
        at += h->n_sample[r];
        for (uint64_t i = 0; i < h->n_sample[r]; i++)
            if (!sg_mark_ok(out->mark[r][i], (sg_role)r))
                return sg_fail(err, SG_FORMAT, "reference.enc: a mark that a %s person cannot have",
                               sg_role_name((sg_role)r));
    }
    return SG_OK;
}

static sg_status fits_card(const sg_reference_head *h, const sg_card *card, sg_err *err)
{
    const int64_t want[SG_N_ROLE] = {card->n_train, card->n_val, card->n_test};
    if (h->n_variant != (uint64_t)card->vae.n_snp)
        return sg_fail(err, SG_MISMATCH, "reference.enc: %llu SNPs, the card says %lld",
                       (unsigned long long)h->n_variant, (long long)card->vae.n_snp);
    for (int r = 0; r < SG_N_ROLE; r++)
        if (h->n_sample[r] != (uint64_t)want[r])
            return sg_fail(err, SG_MISMATCH, "reference.enc: %llu %s people, the card says %lld",
                           (unsigned long long)h->n_sample[r], sg_role_name((sg_role)r), (long long)want[r]);
    return SG_OK;
}

static sg_status open_sealed(const sg_buf *file, const sg_card *card, const uint8_t key[SG_KEY_BYTES], sg_arena *a,
                             sg_reference *out, sg_err *err)
{
    bound b = {.panel = card->panel, .data = card->data};
    uint64_t n;
    SG_TRY(sg_reference_head_decode(file->data, file->n, file->n, &b.head, &n, err));
    SG_TRY(fits_card(&b.head, card, err));
    unsigned char *payload = SG_NEW_RAW(a, unsigned char, (int64_t)n);
    if (!payload)
        return sg_arena_full(a, "the reference people", err);
    const unsigned char *sealed = file->data + sizeof b.head;
    sg_status st = sg_aead_open(key, b.head.nonce, &b, sizeof b, sealed, n, sealed + n, payload, err);
    if (st)
        return sg_fail_in(err, st, "reference.enc");
    const sg_digest d = sg_sha256_of(file->data, file->n);
    if (!sg_digest_equal(&d, &card->reference))
        return sg_fail(err, SG_MISMATCH, "reference.enc: not the file that card.json names");
    return unpack(&b.head, card, payload, out, err);
}

sg_status sg_reference_open(const char *dir, const sg_card *card, const uint8_t key[SG_KEY_BYTES], sg_arena *a,
                            sg_reference *out, sg_err *err)
{
    *out = (sg_reference){0};
    sg_buf path, file;
    sg_buf_init(&path, 1 << 16);
    sg_status st = sg_buf_printf(&path, err, "%s/reference.enc", dir);
    if (!st)
        st = sg_file_read((const char *)path.data, PAYLOAD_MAX + 4096, &file, err);
    sg_buf_clear(&path);
    if (st)
        return st;
    const size_t mark = sg_arena_mark(a);
    st = open_sealed(&file, card, key, a, out, err);
    sg_buf_clear(&file);
    if (st) {
        sg_arena_rewind(a, mark);
        *out = (sg_reference){0};
        return sg_fail_in(err, st, "%s", dir);
    }
    return SG_OK;
}
