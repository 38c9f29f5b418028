/* peak.c - what this machine can do at best; see backend.h. */
#include "base/clock.h"
#include "nn/backend.h"
#include "nn/gemm.h"

double sg_peak_ops(sg_precision p)
{
    const sg_gemm *const best[3] = {p == SG_BFLOAT16 ? &sg_gemm_bf16 : &sg_gemm_avx512,
                                    p == SG_BFLOAT16 ? &sg_gemm_bf16 : &sg_gemm_avx2, NULL};
    for (int i = 0; best[i]; i++) {
        if (!best[i]->usable())
            continue;
        float sink = 0;
        double top = 0;
        for (int k = 0; k < 20; k++) { /* some 2 ms each; the best of them was not disturbed */
            const int64_t t0 = sg_clock_mono_ns();
            const double ops = best[i]->spin(500000, &sink);
            const double rate = ops * 1e9 / (double)(sg_clock_mono_ns() - t0 + 1);
            top = rate > top ? rate : top;
        }
        return top;
    }
    return 0;
}
