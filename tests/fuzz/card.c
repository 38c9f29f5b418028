/* card.json: what is accepted can be written and read again as the same card. */
#include "fuzz.h"
#include "model/inside.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    sg_arena *a = fuzz_arena();
    sg_card c, again;
    sg_err err = {0};
    if (sg_card_decode(data, n, a, &c, &err)) {
        FUZZ_EXPECT(err.msg[0]);
        return 0;
    }
    FUZZ_EXPECT(c.n_label >= 1 && c.n_label <= SG_LABEL_MAX && c.unet.n_classes == c.n_label);
    FUZZ_EXPECT(c.vae.n_snp <= c.vae.seq_len && c.sampling.solve.steps >= 1);
    sg_buf b;
    sg_buf_init(&b, SG_CARD_BYTES_MAX);
    if (sg_card_encode(&c, &b, &err) == SG_OK) {
        FUZZ_EXPECT(sg_card_decode(b.data, b.n, a, &again, &err) == SG_OK);
        FUZZ_EXPECT(strcmp(c.id, again.id) == 0 && memcmp(&c.vae, &again.vae, sizeof c.vae) == 0 &&
                    memcmp(&c.unet, &again.unet, sizeof c.unet) == 0);
    }
    sg_buf_clear(&b);
    return 0;
}
