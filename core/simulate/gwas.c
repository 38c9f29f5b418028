/* gwas.c - see gwas.h. Newton's method on (intercept, slope); the Wald test, as association tools print it. */
#include "simulate/gwas.h"

#include <math.h>

enum { STEPS = 50 };

sg_gwas_result sg_gwas_logistic(const int64_t count[2][3])
{
    const sg_gwas_result none = {NAN, NAN, NAN};
    double b0 = 0, b1 = 0;
    for (int step = 0; step < STEPS; step++) {
        double g0 = 0, g1 = 0, h00 = 0, h01 = 0, h11 = 0;
        for (int x = 0; x < 3; x++) {
            const double n = (double)(count[0][x] + count[1][x]), q = 1 / (1 + exp(-(b0 + b1 * x))),
                         w = n * q * (1 - q), d = (double)count[1][x] - n * q;
            g0 += d;
            g1 += d * x;
            h00 += w;
            h01 += w * x;
            h11 += w * x * x;
        }
        const double det = h00 * h11 - h01 * h01;
        if (!(det > 1e-10 * h00 * h11) || !(fabs(b1) < 15))
            return none;
        const double d0 = (h11 * g0 - h01 * g1) / det, d1 = (h00 * g1 - h01 * g0) / det;
        b0 += d0;
        b1 += d1;
        if (fabs(d0) + fabs(d1) < 1e-10) {
            const double se = sqrt(h00 / det);
            return (sg_gwas_result){b1, se, erfc(fabs(b1 / se) * M_SQRT1_2)};
        }
    }
    return none;
}

sg_gwas_result sg_gwas_join(const sg_gwas_result *x, int n)
{
    double weight = 0, sum = 0;
    for (int i = 0; i < n; i++) {
        if (isnan(x[i].p))
            continue;
        weight += 1 / (x[i].se * x[i].se);
        sum += x[i].beta / (x[i].se * x[i].se);
    }
    if (!(weight > 0))
        return (sg_gwas_result){NAN, NAN, NAN};
    const double beta = sum / weight, se = sqrt(1 / weight);
    return (sg_gwas_result){beta, se, erfc(fabs(beta / se) * M_SQRT1_2)};
}
