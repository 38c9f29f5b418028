/* chrom.c - see chrom.h. */
#include "formats/chrom.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *bare(const char *name)
{
    return strncasecmp(name, "chr", 3) == 0 && name[3] ? name + 3 : name;
}

int sg_chrom_rank(const char *name)
{
    static const char *const word[] = {"X", "Y", "XY", "MT"};
    const char *s = bare(name);
    for (int i = 0; i < 4; i++)
        if (!strcasecmp(s, word[i]))
            return SG_CHROM_X + i;
    if (!strcasecmp(s, "M"))
        return SG_CHROM_X + 3;
    int n = 0;
    while (*s >= '0' && *s <= '9' && n < 100)
        n = 10 * n + (*s++ - '0');
    return !*s && n >= 1 && n <= 26 ? n : SG_CHROM_OTHER;
}

int sg_chrom_compare(const char *a, const char *b)
{
    const int x = sg_chrom_rank(a), y = sg_chrom_rank(b);
    return x != y ? x - y : x == SG_CHROM_OTHER ? strcmp(bare(a), bare(b)) : 0;
}

void sg_chrom_canonical(const char *name, char out[SG_CHROM_NAME])
{
    static const char *const word[] = {"X", "Y", "XY", "MT"};
    const int rank = sg_chrom_rank(name);
    if (rank == SG_CHROM_OTHER)
        (void)snprintf(out, SG_CHROM_NAME, "%.*s", SG_CHROM_NAME - 1, bare(name));
    else if (rank >= SG_CHROM_X)
        (void)snprintf(out, SG_CHROM_NAME, "%s", word[rank - SG_CHROM_X]);
    else
        (void)snprintf(out, SG_CHROM_NAME, "%d", rank);
}
