/* safetensors: what is accepted lies inside the file, and every entry can be read. */
#include "nn/safetensors.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    sg_safetensors *s = NULL;
    sg_err err = {0};
    if (sg_safetensors_parse("fuzz", data, n, &s, &err)) {
        FUZZ_EXPECT(err.msg[0] && !s);
        return 0;
    }
    for (int64_t i = 0; i < sg_safetensors_count(s); i++) {
        const sg_stored *t = sg_safetensors_at(s, i);
        FUZZ_EXPECT(t->n >= 0 && (uint64_t)t->n <= n && sg_safetensors_find(s, t->name));
        double *x = malloc((size_t)t->n * sizeof *x + 1);
        FUZZ_EXPECT(x);
        sg_stored_f64(t, x);
        sg_stored_f32(t, (float *)(void *)x);
        free(x);
    }
    (void)sg_safetensors_meta(s, "kind");
    sg_safetensors_free(s);
    return 0;
}
