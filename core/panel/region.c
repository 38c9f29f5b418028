/* region.c - see region.h. */
#include "panel/region.h"
#include "formats/chrom.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static bool number(const char *s, const char *end, int64_t *out)
{
    char *stop;
    if (s == end || !isdigit((unsigned char)*s) || end - s > 12)
        return false;
    *out = strtoll(s, &stop, 10);
    return stop == end;
}

/* One part, s [n]. */
static sg_status parse_one(const char *s, size_t n, const char *option, sg_region *r, sg_err *err)
{
    if (n == 3 && !strncmp(s, "hla", 3)) {
        *r = (sg_region){"6", 25000000, 34000000};
        return SG_OK;
    }
    const char *colon = memchr(s, ':', n), *end = s + n;
    const char *dash = colon ? memchr(colon, '-', (size_t)(end - colon)) : NULL;
    const char *name = n > 3 && !strncmp(s, "chr", 3) ? s + 3 : s;
    const size_t length = (size_t)((colon ? colon : end) - name);
    *r = (sg_region){.from = 1, .to = INT64_MAX};
    bool fine = length > 0 && length < sizeof r->chrom;
    for (size_t i = 0; fine && i < length; i++)
        fine = isalnum((unsigned char)name[i]) || name[i] == '_';
    if (fine)
        memcpy(r->chrom, name, length);
    if (fine && colon)
        fine = dash && number(colon + 1, dash, &r->from) && number(dash + 1, end, &r->to) && r->from <= r->to;
    return fine ? SG_OK
                : sg_fail(err, SG_FORMAT, "--%s: \"%.*s\" is no region, want 6:25000000-34000000, 22 or hla", option,
                          n < 60 ? (int)n : 60, s);
}

sg_status sg_regions_parse(const char *text, const char *option, sg_region out[SG_REGION_MAX], int *n, sg_err *err)
{
    *n = 0;
    for (const char *s = text;;) {
        const size_t length = strcspn(s, ",");
        if (*n == SG_REGION_MAX)
            return sg_fail(err, SG_LIMIT, "--%s: more than %d regions", option, SG_REGION_MAX);
        SG_TRY(parse_one(s, length, option, &out[(*n)++], err));
        if (!s[length])
            return SG_OK;
        s += length + 1;
    }
}

bool sg_regions_hold(const sg_region *r, int n, const char *chrom, int64_t pos)
{
    for (int i = 0; i < n; i++)
        if (pos >= r[i].from && pos <= r[i].to && sg_chrom_compare(r[i].chrom, chrom) == 0)
            return true;
    return false;
}
