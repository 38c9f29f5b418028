/* scalar.h - exp and erf of one float, for loops that the compiler vectorises: vec_body.h and the ends of products in
 * gemm_body.h do the same operations and so agree bit for bit. Polynomials: NOTES.md section 4. */
#ifndef SG_NN_SCALAR_H
#define SG_NN_SCALAR_H

#include <stdint.h>
#include <string.h>

static inline float as_float(int32_t i)
{
    float f;
    memcpy(&f, &i, sizeof f);
    return f;
}

static inline float clamp(float x, float lo, float hi)
{
    x = x < lo ? lo : x;
    return x > hi ? hi : x;
}

/* 2^n * e^r with n = round(x / ln 2): ln 2 in two parts, so that r keeps its bits. */
static inline float exp1(float x)
{
    x = clamp(x, -87.3f, 88.3f);
    const float magic = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer */
    const float n = (x * 1.44269504f + magic) - magic;
    const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    float p = 1.395169705e-03f;
    p = p * r + 8.369590841e-03f;
    p = p * r + 4.166618758e-02f;
    p = p * r + 1.666651295e-01f;
    p = p * r + 5.000000101e-01f;
    p = p * (r * r) + r;
    return (p + 1.0f) *
           as_float((int32_t)((uint32_t)((int32_t)n + 127) << 23)); /* unsigned: n of a NaN is any number */
}

/* Near zero y + y P(y^2); further out 1 - exp(-Q(|y|)). */
static inline float erf1(float y)
{
    const float t = y < 0 ? -y : y;
    const float s = y * y;
    float p = -5.887082666e-04f;
    p = p * s + 4.973192933e-03f;
    p = p * s + -2.675340265e-02f;
    p = p * s + 1.128146920e-01f;
    p = p * s + -3.761246310e-01f;
    p = p * s + 1.283791456e-01f;
    const float near = p * y + y;
    const float u = t > 4.0f ? 4.0f : t;
    float q = 2.149632244e-05f;
    q = q * u + -4.391086879e-04f;
    q = q * u + 4.193621847e-03f;
    q = q * u + -2.517899501e-02f;
    q = q * u + 1.083725190e-01f;
    q = q * u + 6.332625768e-01f;
    q = q * u + 1.129556847e+00f;
    q = q * u + -1.834475361e-04f;
    const float far = 1.0f - exp1(-q);
    const float far_signed = y < 0 ? -far : far;
    return t < 0.95f ? near : far_signed;
}

/* a times GELU (exact, not the tanh one) of g. erf(g / sqrt 2) as one fraction in g, off by 4e-7 at most: half the
 * operations of erf1, which is what the ends of products are made of. */
static inline float geglu1(float a, float g)
{
    const float u = clamp(g, -5.656854f, 5.656854f), s = u * u;
    float p = 4.390155241e-08f;
    p = p * s + 1.257615414e-05f;
    p = p * s + 3.432473525e-04f;
    p = p * s + 9.387185015e-03f;
    p = p * s + 6.842903670e-02f;
    p = p * s + 7.978845412e-01f;
    float q = 1.169372158e-06f;
    q = q * s + 7.409887338e-05f;
    q = q * s + 1.900921674e-03f;
    q = q * s + 2.883765148e-02f;
    q = q * s + 2.524293572e-01f;
    q = q * s + 1.0f;
    return a * (0.5f * g * (1.0f + u * p / q));
}

#endif
