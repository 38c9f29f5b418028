/* The configuration file: any bytes end in values within their bounds or in words with a place. */
#include "config/config.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static sg_config c;
    sg_err err = {0};
    char *text = fuzz_text(data, n);
    if (sg_config_parse("c.toml", text, n, &c, &err))
        FUZZ_EXPECT(!strncmp(err.msg, "c.toml", 6));
    else
        FUZZ_EXPECT(c.http_port >= 0 && c.http_port <= 65535 && c.n_model >= 0 && c.n_model <= SG_CONFIG_MODELS);
    free(text);
    return 0;
}
