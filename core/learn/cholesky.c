/* cholesky.c - see cholesky.h. Blocks of columns: the diagonal one by hand, what is below and behind it by BLAS. */
#include "learn/cholesky.h"

#include <cblas.h>
#include <math.h>
#include <pthread.h>

enum { BLOCK = 64 };

static pthread_once_t pinned = PTHREAD_ONCE_INIT;
static void pin(void)
{
    openblas_set_num_threads(1);
}

void sg_blas_single(void)
{
    (void)pthread_once(&pinned, pin);
}

bool sg_cholesky(float *a, int64_t n)
{
    for (int64_t k = 0; k < n; k += BLOCK) {
        const int64_t nb = n - k < BLOCK ? n - k : BLOCK, rest = n - k - nb;
        float *diagonal = a + k * n + k, *below = diagonal + nb * n;
        for (int64_t j = 0; j < nb; j++) {
            double s = (double)diagonal[j * n + j];
            for (int64_t c = 0; c < j; c++)
                s -= (double)diagonal[j * n + c] * (double)diagonal[j * n + c];
            if (!(s > 0))
                return false;
            const double root = sqrt(s);
            diagonal[j * n + j] = (float)root;
            for (int64_t i = j + 1; i < nb; i++) {
                double t = (double)diagonal[i * n + j];
                for (int64_t c = 0; c < j; c++)
                    t -= (double)diagonal[i * n + c] * (double)diagonal[j * n + c];
                diagonal[i * n + j] = (float)(t / root);
            }
        }
        if (rest > 0) {
            cblas_strsm(CblasRowMajor, CblasRight, CblasLower, CblasTrans, CblasNonUnit, (int)rest, (int)nb, 1.0F,
                        diagonal, (int)n, below, (int)n);
            cblas_ssyrk(CblasRowMajor, CblasLower, CblasNoTrans, (int)rest, (int)nb, -1.0F, below, (int)n, 1.0F,
                        below + nb, (int)n);
        }
    }
    return true;
}
