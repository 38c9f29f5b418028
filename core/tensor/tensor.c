/* tensor.c - see tensor.h. */
#include "tensor/tensor.h"

#include <stdio.h>
#include <stdlib.h>

int64_t sg_tensor_n(const sg_tensor *t)
{
    int64_t n = 1;
    for (int i = 0; i < t->n_dim; i++)
        n *= t->dim[i];
    return n;
}

static void print_dims(int n, const int64_t *dim, char *out, size_t size)
{
    size_t at = 0;
    for (int i = 0; i < n && at < size; i++) {
        const int k = snprintf(out + at, size - at, "%s%lld", i ? "," : "[", (long long)dim[i]);
        at += k > 0 ? (size_t)k : 0;
    }
    if (at < size)
        (void)snprintf(out + at, size - at, "]");
}

void sg_tensor_print(const sg_tensor *t, char *out, size_t size)
{
    print_dims(t->n_dim, t->dim, out, size);
}

bool sg_tensor_is(const sg_tensor *t, int n, const int64_t *dim)
{
    bool same = t->n_dim == n;
    for (int i = 0; same && i < n; i++)
        same = t->dim[i] == dim[i];
    return same;
}

void sg_tensor_expect(const sg_tensor *t, const char *name, const char *file, int line, int n, const int64_t *dim)
{
    if (sg_tensor_is(t, n, dim))
        return;
    char have[96], want[96];
    print_dims(t->n_dim, t->dim, have, sizeof have);
    print_dims(n, dim, want, sizeof want);
    (void)fprintf(stderr, "%s:%d: %s is %s, want %s\n", file, line, name, have, want);
    abort();
}
