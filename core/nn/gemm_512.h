/* gemm_512.h - what gemm_avx512.c and gemm_bf16.c define for gemm_body.h alike: float vectors of 16. */
#include <immintrin.h>

#define V __m512
#define W 16
#define ROWS 8
#define MASK __mmask16
#define LOAD(p) _mm512_loadu_ps(p)
#define STORE(p, v) _mm512_storeu_ps(p, v)
#define LOAD_SOME(p, m) _mm512_maskz_loadu_ps(m, p)
#define STORE_SOME(p, m, v) _mm512_mask_storeu_ps(p, m, v)
#define SUB(x, y) _mm512_sub_ps(x, y)
#define MUL(x, y) _mm512_mul_ps(x, y)
#define SET1(x) _mm512_set1_ps(x)
#define ADD(x, y) _mm512_add_ps(x, y)
#define ZERO() _mm512_setzero_ps()
#define FIRST(n) ((__mmask16)((1u << (n)) - 1u))
