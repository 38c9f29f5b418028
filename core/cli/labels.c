/* labels.c - one label per person, from the command line or from a file that generate wrote; see bundle.h. */
#include "cli/bundle.h"
#include "formats/npy.h"
#include "formats/text.h"

#include <stdlib.h>
#include <string.h>

#define PHENO_BYTES_MAX ((size_t)4 << 30)

/* "0,1,1" */
static sg_status from_words(const char *text, int n_label, sg_arena *a, int8_t **label, int64_t *n, sg_err *err)
{
    *label = SG_NEW(a, int8_t, (int64_t)strlen(text) / 2 + 1);
    if (!*label)
        return sg_arena_full(a, "the labels", err);
    *n = 0;
    for (const char *s = text;;) {
        char *end;
        const long v = strtol(s, &end, 10);
        if (end == s || (*end && *end != ','))
            return sg_fail(err, SG_FORMAT, "--labels entry %lld is not a number between commas", (long long)*n + 1);
        if (v < 0 || v >= n_label)
            return sg_fail(err, SG_LIMIT, "--labels entry %lld is %ld, the model has labels 0 to %d", (long long)*n + 1,
                           v, n_label - 1);
        (*label)[(*n)++] = (int8_t)v;
        if (!*end)
            return SG_OK;
        s = end + 1;
    }
}

static sg_status from_array(const char *path, int n_label, sg_arena *a, int8_t **label, int64_t *n, sg_err *err)
{
    int n_dim;
    int64_t dim[4];
    void *data;
    SG_TRY(sg_npy_load(path, SG_NPY_I1, a, &n_dim, dim, &data, err));
    if (n_dim != 1)
        return sg_fail(err, SG_MISMATCH, "%s has %d dimensions, want 1: a label per person", path, n_dim);
    *n = dim[0];
    *label = data;
    for (int64_t i = 0; i < *n; i++)
        if ((*label)[i] < 0 || (*label)[i] >= n_label)
            return sg_fail(err, SG_LIMIT, "%s: label %lld is %d, the model has labels 0 to %d", path, (long long)i + 1,
                           (*label)[i], n_label - 1);
    return SG_OK;
}

sg_status sg_cohort_labels(const char *text, int n_label, sg_arena *a, int8_t **label, int64_t *n, sg_err *err)
{
    const size_t len = strlen(text);
    if (len > 4 && !strcmp(text + len - 4, ".npy"))
        return from_array(text, n_label, a, label, n, err);
    return from_words(text, n_label, a, label, n, err);
}

sg_status sg_cohort_pheno(const char *path, int n_label, sg_arena *a, int8_t **label, int64_t *n, sg_err *err)
{
    char *data, *line, *f[3];
    size_t size;
    sg_text t;
    *n = 0;
    SG_TRY(sg_text_load(path, PHENO_BYTES_MAX, a, &data, &size, err));
    SG_TRY(sg_text_begin(&t, path, data, size, err));
    const int64_t rows = sg_text_count(t.at, (size_t)(t.end - t.at));
    if (!(*label = SG_NEW(a, int8_t, rows)))
        return sg_arena_full(a, "the labels", err);
    for (int64_t i = 0; i < rows; i++) {
        int64_t v;
        SG_TRY(sg_text_next(&t, &line, err));
        if (i == 0 && line[0] == '#')
            continue;
        const int found = sg_text_split(line, 0, f, 3);
        if (found != 3)
            return sg_fail(err, SG_FORMAT, "%s line %lld: %d columns, want 3 (FID IID label)", path, (long long)t.line,
                           found);
        if (!sg_text_int(f[2], &v) || v < 1 || v > n_label)
            return sg_fail(
                err, SG_FORMAT,
                "%s line %lld: \"%.20s\", want 1 to %d (label + 1, as generate writes it: 1 control, 2 case)", path,
                (long long)t.line, f[2], n_label);
        (*label)[(*n)++] = (int8_t)(v - 1);
    }
    return SG_OK;
}
