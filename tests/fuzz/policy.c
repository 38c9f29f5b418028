/* The policy of the release gate: any bytes end in limits that pass their own check, print as JSON and have a digest, or in words
 * with a place. */
#include "fuzz.h"
#include "policy/policy.h"

#include <jansson.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    sg_policy p;
    sg_digest d, again;
    sg_err err = {0};
    char *text = fuzz_text(data, n);
    if (sg_policy_parse("p.toml", text, n, &p, &err)) {
        FUZZ_EXPECT(strstr(err.msg, "p.toml"));
    } else {
        sg_buf b;
        sg_buf_init(&b, 1 << 16);
        FUZZ_EXPECT(sg_policy_check(&p, &err) == SG_OK);
        FUZZ_EXPECT(sg_policy_json(&p, &b, &err) == SG_OK);
        json_t *j = json_loadb((const char *)b.data, b.n, JSON_REJECT_DUPLICATES, NULL);
        FUZZ_EXPECT(json_is_object(j));
        json_decref(j);
        sg_buf_clear(&b);
        FUZZ_EXPECT(sg_policy_digest(&p, &d, &err) == SG_OK && sg_policy_digest(&p, &again, &err) == SG_OK);
        FUZZ_EXPECT(sg_digest_equal(&d, &again));
    }
    free(text);
    return 0;
}
