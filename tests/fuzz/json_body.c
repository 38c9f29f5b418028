/* The body of POST /v1/jobs: any bytes end in a checked request or in words. */
#include "fuzz.h"
#include "jobs/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    sg_job_request q;
    sg_field_errors errors;
    sg_err err = {0};
    char *text = fuzz_text(data, n);
    const sg_status st = sg_job_request_parse(text, n, 1000, &q, &errors, &err);
    if (st == SG_OK) {
        FUZZ_EXPECT(q.n_case >= 0 && q.n_control >= 0 && q.n_case + q.n_control >= 1 && q.n_case + q.n_control <= 1000);
        FUZZ_EXPECT(q.model[0] && q.seed >= -1 && q.seed <= (int64_t)1 << SG_SEED_BITS);
        FUZZ_EXPECT(!strncmp(q.options, "{\"formats\":[\"", 13) && q.options[strlen(q.options) - 1] == '}');
    } else {
        FUZZ_EXPECT(err.msg[0] && (st == SG_FORMAT || (st == SG_LIMIT && errors.n > 0)));
    }
    sg_buf b;
    sg_buf_init(&b, 1 << 20);
    FUZZ_EXPECT(sg_field_errors_json(&errors, &b, &err) == SG_OK);
    sg_buf_clear(&b);
    free(text);
    return 0;
}
