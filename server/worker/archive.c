/* archive.c - the people of releases, as the gate will want them again: what a model has released is judged together with what
 * comes next; see worker.h. Files outlive the release itself (deleted, expired, recalled people are still out there).
 *
 * Layout, little-endian: "SGPEOPL1", people, SNPs (8 bytes each), SHA-256 of the cohort (privacy.h), labels, genotype planes. */
#include "worker/worker.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char magic[8] = {'S', 'G', 'P', 'E', 'O', 'P', 'L', '1'};

typedef struct head {
    char magic[8];
    int64_t n, n_snp;
    sg_digest cohort;
} head;
_Static_assert(sizeof(head) == 56, "the head has no holes");

static sg_status path_of(const char *dir, const char *job, char *out, size_t n, sg_err *err)
{
    if (!*job || strspn(job, "0123456789abcdef-") != strlen(job))
        return sg_fail(err, SG_FORMAT, "\"%.40s\" is no job", job);
    return snprintf(out, n, "%s/%s", dir, job) < (int)n ? SG_OK : sg_fail(err, SG_LIMIT, "data.dir is too long");
}

sg_status sg_archive_keep(const char *dir, const char *job, const sg_people *people, const int8_t *label, sg_err *err)
{
    char path[1100];
    sg_out o;
    head h = {.n = people->n_sample, .n_snp = people->n_variant, .cohort = sg_cohort_digest(people, label)};
    memcpy(h.magic, magic, sizeof magic);
    SG_TRY(path_of(dir, job, path, sizeof path, err));
    SG_TRY(sg_out_open(path, 0600, &o, err));
    (void)fwrite(&h, sizeof h, 1, o.f);
    (void)fwrite(label, 1, (size_t)h.n, o.f);
    (void)fwrite(people->plane, 16, (size_t)(h.n * people->n_word), o.f);
    return sg_out_commit(&o, err);
}

static sg_status read_one(const char *dir, const char *job, int64_t n_snp, sg_people *people, int8_t *label,
                          int64_t *at, int64_t most, sg_err *err)
{
    char path[1100];
    head h;
    SG_TRY(path_of(dir, job, path, sizeof path, err));
    FILE *f = fopen(path, "rbe");
    if (!f)
        return sg_fail(err, SG_STATE,
                       "the people of the earlier release %s are not in the archive; restore it from a backup: without "
                       "them nobody can tell what all releases together give away",
                       job);
    bool fits = fread(&h, sizeof h, 1, f) == 1 && !memcmp(h.magic, magic, sizeof magic) && h.n > 0 &&
                h.n_snp == n_snp && h.n <= most - *at;
    sg_people part = *people;
    part.n_sample = fits ? h.n : 0;
    part.plane = people->plane + (size_t)*at * (size_t)people->n_word * 2;
    const size_t words = (size_t)(part.n_sample * people->n_word);
    fits = fits && fread(label + *at, 1, (size_t)h.n, f) == (size_t)h.n && fread(part.plane, 16, words, f) == words &&
           fgetc(f) == EOF;
    (void)fclose(f);
    const sg_digest d = sg_cohort_digest(&part, label + *at);
    if (!fits || !sg_digest_equal(&d, &h.cohort))
        return sg_fail(err, SG_PRIVACY, "%s is damaged or of another panel; restore it from a backup", path);
    *at += h.n;
    return SG_OK;
}

sg_status sg_archive_load(const char *dir, const json_t *jobs, int64_t n_people, int64_t n_snp, sg_arena *a,
                          sg_people *people, int8_t **label, sg_err *err)
{
    size_t i;
    const json_t *job;
    int64_t at = 0;
    SG_TRY(sg_people_new(n_people, n_snp, a, people, err));
    *label = SG_NEW(a, int8_t, n_people + 1);
    if (!*label)
        return sg_arena_full(a, "earlier releases", err);
    json_array_foreach(jobs, i, job)
    {
        const char *id = json_string_value(job);
        SG_TRY(read_one(dir, id ? id : "", n_snp, people, *label, &at, n_people, err));
    }
    return at == n_people ? SG_OK
                          : sg_fail(err, SG_PRIVACY, "the archive holds %lld earlier people, the database says %lld",
                                    (long long)at, (long long)n_people);
}
