/* decode.c - one person's genotypes on a forest; see decode.h.
 *
 * Going up (children first) b[s, g] becomes the weight of everything at and below s given g there; a message to the
 * parent sums (or, for the most likely genotypes, maximises) over g. Rows are scaled so that their largest entry is 1. */
#include "decode/decode.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *sg_decode_name(sg_decode d)
{
    static const char *const name[] = {
#define X(id, word) word,
        SG_DECODE_LIST(X)
#undef X
    };
    return (unsigned)d < SG_N_DECODE ? name[d] : "unknown";
}

sg_status sg_decode_parse(const char *word, sg_decode *out, sg_err *err)
{
    for (int i = 0; i < SG_N_DECODE; i++)
        if (strcmp(word, sg_decode_name((sg_decode)i)) == 0) {
            *out = (sg_decode)i;
            return SG_OK;
        }
    return sg_fail(err, SG_FORMAT, "decoding \"%.40s\", want argmax or sample", word);
}

/* Links from s up to a root; depth[] remembers what was walked before. -1 on a circle. */
static int32_t depth_of(int64_t n_snp, const int32_t *parent, int64_t s, int32_t *depth)
{
    int32_t up = 0;
    int64_t at = s;
    for (; depth[at] < 0 && parent[at] >= 0; at = parent[at])
        if (++up >= n_snp)
            return -1;
    if (depth[at] < 0)
        depth[at] = 0;
    const int32_t base = depth[at];
    for (at = s; up > 0; at = parent[at], up--)
        depth[at] = base + up;
    return depth[s];
}

sg_status sg_forest_order(int64_t n_snp, const int32_t *parent, int32_t *order, sg_err *err)
{
    for (int64_t s = 0; s < n_snp; s++)
        if (parent[s] < -1 || parent[s] >= n_snp)
            return sg_fail(err, SG_MISMATCH, "SNP %lld of the panel is linked to SNP %lld, want 1 to %lld or none",
                           (long long)s + 1, (long long)parent[s] + 1, (long long)n_snp);
    int32_t *depth = malloc((size_t)(n_snp + 1) * sizeof *depth), *from = calloc((size_t)n_snp + 1, sizeof *from);
    sg_status st = depth && from ? SG_OK : sg_fail(err, SG_NOMEM, "no memory to order %lld SNPs", (long long)n_snp);
    for (int64_t s = 0; s < n_snp && !st; s++)
        depth[s] = -1;
    for (int64_t s = 0; s < n_snp && !st; s++)
        if (depth_of(n_snp, parent, s, depth) < 0)
            st = sg_fail(err, SG_MISMATCH, "the links between SNPs of the panel close a circle, want a forest");
    for (int64_t s = 0; s < n_snp && !st; s++) /* counting sort by depth */
        from[depth[s] + 1]++;
    for (int64_t k = 0; k < n_snp && !st; k++)
        from[k + 1] += from[k];
    for (int64_t s = 0; s < n_snp && !st; s++)
        order[from[depth[s]]++] = (int32_t)s;
    free(depth);
    free(from);
    return st;
}

int64_t sg_decode_scratch(const sg_decoder *d)
{
    return 4 * d->n_snp; /* weights [n_snp, 3] and numbers drawn [n_snp] */
}

static double scale(double b[3])
{
    const double top = fmax(b[0], fmax(b[1], b[2]));
    for (int g = 0; g < 3; g++)
        b[g] /= top;
    return top;
}

/* b [n_snp, 3]: exp(logit + offset), largest entry of a row 1. */
static sg_status weights(const sg_decoder *d, int label, const float *logit, double *b, sg_err *err)
{
    const float *offset = d->offset ? d->offset + label * d->offset_stride : NULL;
    for (int64_t s = 0; s < d->n_snp; s++) {
        double l[3];
        for (int g = 0; g < 3; g++)
            l[g] = (double)logit[3 * s + g] + (offset ? (double)offset[3 * s + g] : 0);
        if (!isfinite(l[0]) || !isfinite(l[1]) || !isfinite(l[2]))
            return sg_fail(err, SG_INTERNAL,
                           "a generated person's logits at SNP %lld of %lld are not finite: the model is broken or the "
                           "sampling settings are far from those it was trained for",
                           (long long)s + 1, (long long)d->n_snp);
        const double top = fmax(l[0], fmax(l[1], l[2]));
        for (int g = 0; g < 3; g++)
            b[3 * s + g] = exp(l[g] - top);
    }
    return SG_OK;
}

static void go_up(const sg_forest *f, bool most_likely, double *b)
{
    for (int64_t i = f->n_snp - 1; i >= 0; i--) {
        const int32_t s = f->order[i], p = f->parent[s];
        if (p < 0)
            continue;
        double m[3];
        for (int h = 0; h < 3; h++) {
            const float *k = f->pair + 9 * s + 3 * h;
            const double t[3] = {exp((double)k[0]) * b[3 * s], exp((double)k[1]) * b[3 * s + 1],
                                 exp((double)k[2]) * b[3 * s + 2]};
            m[h] = b[3 * p + h] * (most_likely ? fmax(t[0], fmax(t[1], t[2])) : t[0] + t[1] + t[2]);
        }
        (void)scale(m);
        memcpy(b + 3 * p, m, sizeof m);
    }
}

static int most_likely_of(const double w[3])
{
    return w[1] > w[0] ? (w[2] > w[1] ? 2 : 1) : w[2] > w[0] ? 2 : 0;
}

static int draw_of(const double w[3], double u)
{
    const double at = u * (w[0] + w[1] + w[2]);
    return at < w[0] ? 0 : at < w[0] + w[1] ? 1 : 2;
}

sg_status sg_decode_person(const sg_decoder *d, int label, const float *logit, sg_decode how, sg_rng *r,
                           double *scratch, int8_t *code, sg_err *err)
{
    const sg_forest *f = &d->forest;
    const bool drawing = how == SG_DECODE_SAMPLE, linked = f->parent != NULL;
    double *b = scratch, *u = scratch + 3 * d->n_snp;
    SG_TRY(weights(d, label, logit, b, err));
    for (int64_t s = 0; drawing && s < d->n_snp; s++)
        u[s] = sg_rng_uniform(r);
    if (linked)
        go_up(f, !drawing, b);
    for (int64_t i = 0; i < d->n_snp; i++) {
        const int64_t s = linked ? f->order[i] : i;
        double w[3] = {b[3 * s], b[3 * s + 1], b[3 * s + 2]};
        if (linked && f->parent[s] >= 0)
            for (int g = 0; g < 3; g++)
                w[g] *= exp((double)f->pair[9 * s + 3 * code[f->parent[s]] + g]);
        code[s] = (int8_t)(drawing ? draw_of(w, u[s]) : most_likely_of(w));
    }
    return SG_OK;
}
