/* export_files.c - a PLINK fileset through the exporter, for export.sh and measurements:
 *   export_files BFILE FORMATS OUT [a1|a2] [threads] [group]
 * a2: as a panel that counts A2. group: that many people at a time, read afresh for each, so that memory is theirs alone.
 * Labels are 0 and 1 in turn. */
#include "cohorts/export.h"
#include "filesets/source.h"

#include <stdlib.h>
#include <string.h>

static void count_a2(sg_people *p)
{
    for (int64_t s = 0; s < p->n_sample; s++) {
        uint64_t *lo = p->plane + 2 * s * p->n_word, *hi = lo + p->n_word;
        for (int64_t w = 0; w < p->n_word; w++)
            hi[w] = ~(hi[w] ^ lo[w]);
        if (p->n_variant % 64)
            hi[p->n_word - 1] &= ((uint64_t)1 << p->n_variant % 64) - 1;
    }
}

/* People first .. first + n - 1 of the source. */
static sg_status read_people(const sg_source *s, int64_t first, int64_t n, bool a2, sg_arena *a, sg_people *out,
                             sg_err *err)
{
    int64_t *all = SG_NEW_RAW(a, int64_t, s->bim.n), *where = SG_NEW_RAW(a, int64_t, s->fam.n);
    if (!all || !where)
        return sg_arena_full(a, "a fileset", err);
    for (int64_t v = 0; v < s->bim.n; v++)
        all[v] = v;
    for (int64_t i = 0; i < s->fam.n; i++)
        where[i] = i >= first && i < first + n ? i - first : -1;
    SG_TRY(sg_people_new(n, s->bim.n, a, out, err));
    SG_TRY(sg_source_people(s, all, s->bim.n, where, NULL, a, out, err));
    if (a2)
        count_a2(out);
    return SG_OK;
}

static sg_status in_groups(const sg_source *s, const sg_export_spec *spec, int64_t group, const sg_run *run,
                           sg_arena *a, sg_err *err)
{
    sg_export *e;
    sg_status st = sg_export_open(spec, run, &e, err);
    for (int64_t first = 0; !st && first < s->fam.n; first += group) {
        const size_t mark = sg_arena_mark(a);
        sg_people people;
        st = read_people(s, first, s->fam.n - first < group ? s->fam.n - first : group, spec->counted_a2, a, &people,
                         err);
        if (!st)
            st = sg_export_add(e, &people, run, a, err);
        sg_arena_rewind(a, mark);
    }
    if (!st)
        return sg_export_commit(e, run, a, err);
    sg_export_abort(e);
    return st;
}

static sg_status work(int argc, char **argv, const sg_run *run, sg_arena *a, sg_err *err)
{
    sg_source s;
    sg_people people;
    sg_export_spec spec = {.prefix = argv[3], .mode = 0644, .trait = "half", .model = "no model", .seed = 7, .sex = 2};
    SG_TRY(sg_source_open(argv[1], NULL, a, &s, err));
    SG_TRY(sg_export_parse(argv[2], &spec.formats, err));
    int8_t *label = SG_NEW(a, int8_t, s.fam.n);
    if (!label)
        return sg_arena_full(a, "labels", err);
    for (int64_t i = 0; i < s.fam.n; i++)
        label[i] = (int8_t)(i % 2);
    spec.counted_a2 = argc > 4 && !strcmp(argv[4], "a2");
    spec.variants = &s.bim;
    spec.n_people = s.fam.n;
    spec.label = label;
    if (argc > 6)
        return in_groups(&s, &spec, atoll(argv[6]), run, a, err);
    SG_TRY(read_people(&s, 0, s.fam.n, spec.counted_a2, a, &people, err));
    SG_TRY(sg_export_people(&spec, &people, run, a, err));
    return getenv("NO_CHECK") ? SG_OK : sg_export_check(&spec, &people, run, a, err);
}

int main(int argc, char **argv)
{
    sg_err err = {0};
    sg_arena a = {0};
    sg_run run = {0};
    if (argc < 4)
        return 2;
    sg_status st = sg_arena_init(&a, (size_t)16 << 30, &err);
    if (!st && argc > 5)
        st = sg_pool_new(atoi(argv[5]), &run.pool, &err);
    if (!st)
        st = work(argc, argv, &run, &a, &err);
    sg_pool_free(run.pool);
    if (st)
        (void)fprintf(stderr, "%s\n", err.msg);
    sg_arena_clear(&a);
    return st ? 1 : 0;
}
