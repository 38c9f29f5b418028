/* pack.c - a judged cohort becomes files; see worker.h.
 *
 * The .bed counts A1, whichever allele the model counts. Nothing here depends on the clock: the same job gives the same
 * bytes. After writing, the .bed is read back and its people are compared with the verdict's subject, so that a mistake
 * in this file cannot release what nobody judged. */
#include "worker/worker.h"
#include "base/clock.h"
#include "formats/npy.h"
#include "formats/plink.h"
#include "worker/parcel.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_TEXT = 1200 };

static void path_of(const sg_pack *p, const char *name, char out[PATH_TEXT])
{
    (void)snprintf(out, PATH_TEXT, "%s/%s", p->work->folder, name);
}

/* Codes between copies of the counted allele and copies of A1; its own inverse. */
static void flip(const sg_panel *panel, sg_geno *g)
{
    static const int other[4] = {2, 1, 0, SG_MISSING};
    if (!panel->counted_a2)
        return;
    for (int64_t v = 0; v < g->n_variant; v++)
        for (int64_t s = 0; s < g->n_sample; s++)
            sg_geno_set(g, v, s, other[sg_geno_get(g, v, s)]);
}

static sg_status write_bim(const sg_pack *p, sg_arena *a, sg_err *err)
{
    const sg_panel *panel = &p->model->panel;
    char path[PATH_TEXT];
    sg_bim bim = {panel->n_snp, SG_NEW(a, sg_bim_row, panel->n_snp)};
    if (!bim.row)
        return sg_arena_full(a, "the .bim", err);
    for (int64_t i = 0; i < panel->n_snp; i++) {
        const sg_snp *s = &panel->snp[i];
        bim.row[i] = (sg_bim_row){.chrom = s->chrom, .id = s->id, .a1 = s->a1, .a2 = s->a2, .cm = s->cm, .pos = s->pos};
    }
    path_of(p, "cohort.bim", path);
    return sg_bim_save(path, &bim, err);
}

static sg_status write_fam(const sg_pack *p, sg_arena *a, sg_err *err)
{
    const int64_t n = p->people->n_sample;
    char path[PATH_TEXT], id[24];
    sg_fam fam = {n, SG_NEW(a, sg_fam_row, n)};
    for (int64_t i = 0; fam.row && i < n; i++) {
        const int length = snprintf(id, sizeof id, "SYN%07" PRId64, i + 1);
        char *name = sg_arena_strndup(a, id, (size_t)length);
        if (!name)
            return sg_arena_full(a, "the .fam", err);
        fam.row[i] =
            (sg_fam_row){.fid = name, .iid = name, .father = "0", .mother = "0", .pheno = p->label[i] ? "2" : "1"};
    }
    if (!fam.row)
        return sg_arena_full(a, "the .fam", err);
    path_of(p, "cohort.fam", path);
    return sg_fam_save(path, &fam, err);
}

static sg_status write_pheno(const sg_pack *p, sg_err *err)
{
    char path[PATH_TEXT], trait[64];
    sg_out o;
    path_of(p, "cohort.pheno", path);
    (void)snprintf(trait, sizeof trait, "%s", *p->model->card.trait ? p->model->card.trait : "PHENO");
    for (char *c = trait; *c; c++)
        if (*c == ' ' || *c == '\t')
            *c = '_';
    SG_TRY(sg_out_open(path, 0600, &o, err));
    (void)fprintf(o.f, "#FID\tIID\t%s\n", trait);
    for (int64_t i = 0; i < p->people->n_sample; i++)
        (void)fprintf(o.f, "SYN%07" PRId64 "\tSYN%07" PRId64 "\t%d\n", i + 1, i + 1, p->label[i] ? 2 : 1);
    return sg_out_commit(&o, err);
}

static sg_status judged(const sg_pack *p, const sg_people *people, const int8_t *label, const char *name, sg_err *err)
{
    const sg_digest d = sg_cohort_digest(people, label);
    return sg_digest_equal(&d, sg_verdict_subject(p->verdict))
               ? SG_OK
               : sg_fail(err, SG_INTERNAL, "%s does not hold the people that were judged", name);
}

/* The .bed as it lies on the disk, once more as people: are they the ones that were judged? */
static sg_status read_back(const sg_pack *p, sg_arena *a, sg_err *err)
{
    const int64_t L = p->people->n_variant, n = p->people->n_sample;
    char path[PATH_TEXT];
    sg_geno g;
    sg_people again;
    int64_t *all = SG_NEW(a, int64_t, L);
    if (!all)
        return sg_arena_full(a, "reading the .bed back", err);
    for (int64_t i = 0; i < L; i++)
        all[i] = i;
    path_of(p, "cohort.bed", path);
    SG_TRY(sg_bed_load(path, L, n, all, L, a, &g, err));
    flip(&p->model->panel, &g);
    SG_TRY(sg_people_new(n, L, a, &again, err));
    sg_people_from_geno(&g, &again);
    return judged(p, &again, p->label, "cohort.bed", err);
}

static sg_status write_plink(const sg_pack *p, sg_arena *a, sg_err *err)
{
    char path[PATH_TEXT];
    const size_t mark = sg_arena_mark(a);
    sg_geno g;
    SG_TRY(sg_geno_new(p->people->n_variant, p->people->n_sample, a, &g, err));
    sg_geno_from_people(p->people, &g);
    flip(&p->model->panel, &g);
    path_of(p, "cohort.bed", path);
    SG_TRY(sg_bed_save(path, &g, err));
    SG_TRY(write_fam(p, a, err));
    const sg_status st = read_back(p, a, err);
    sg_arena_rewind(a, mark);
    return st;
}

static void flip_codes(const sg_pack *p, int8_t *code, int64_t n)
{
    for (int64_t i = 0; p->model->panel.counted_a2 && i < n; i++)
        code[i] = (int8_t)(2 - code[i]);
}

/* The same question to the .npy files. */
static sg_status read_back_npy(const sg_pack *p, sg_arena *a, sg_err *err)
{
    char path[PATH_TEXT];
    int n_dim;
    int64_t dim[4];
    void *code, *label;
    sg_people again;
    path_of(p, "cohort.npy", path);
    SG_TRY(sg_npy_load(path, SG_NPY_I1, a, &n_dim, dim, &code, err));
    const int64_t n = dim[0], L = dim[1];
    path_of(p, "labels.npy", path);
    SG_TRY(sg_npy_load(path, SG_NPY_I1, a, &n_dim, dim, &label, err));
    if (n != p->people->n_sample || L != p->people->n_variant || dim[0] != n)
        return sg_fail(err, SG_INTERNAL, "cohort.npy has another shape than the cohort that was judged");
    flip_codes(p, code, n * L);
    SG_TRY(sg_people_new(n, L, a, &again, err));
    for (int64_t s = 0; s < n; s++)
        sg_people_pack(&again, s, (int8_t *)code + s * L);
    return judged(p, &again, label, "cohort.npy", err);
}

/* cohort.npy [people, SNPs] copies of A1; labels.npy [people] */
static sg_status write_npy(const sg_pack *p, sg_arena *a, sg_err *err)
{
    const int64_t n = p->people->n_sample, L = p->people->n_variant, dim[2] = {n, L};
    char path[PATH_TEXT];
    const size_t mark = sg_arena_mark(a);
    int64_t cells;
    int8_t *code = __builtin_mul_overflow(n, L, &cells) ? NULL : sg_arena_alloc_raw(a, cells, 1);
    if (!code)
        return sg_arena_full(a, "cohort.npy", err);
    for (int64_t s = 0; s < n; s++)
        sg_people_unpack(p->people, s, code + s * L);
    flip_codes(p, code, cells);
    path_of(p, "cohort.npy", path);
    sg_status st = sg_npy_save(path, SG_NPY_I1, 2, dim, code, err);
    path_of(p, "labels.npy", path);
    if (!st)
        st = sg_npy_save(path, SG_NPY_I1, 1, dim, p->label, err);
    if (!st)
        st = read_back_npy(p, a, err);
    sg_arena_rewind(a, mark);
    return st;
}

static sg_status write_json(const sg_pack *p, const char *name, json_t *j, sg_err *err)
{
    char path[PATH_TEXT];
    path_of(p, name, path);
    char *text = j ? json_dumps(j, JSON_INDENT(2)) : NULL;
    json_decref(j);
    if (!text)
        return sg_fail(err, SG_NOMEM, "no memory for %s", name);
    const size_t n = strlen(text);
    text[n] = '\n'; /* over the terminator: the length is given */
    const sg_status st = sg_file_write(path, 0600, text, n + 1, err);
    free(text);
    return st;
}

static json_t *sampler_json(const sg_pack *p)
{
    return json_pack("{s:s,s:i,s:f,s:s}", "name", sg_solver_name(p->how->solve.solver), "steps", p->how->solve.steps,
                     "guidance", p->how->solve.guidance, "decode", sg_decode_name(p->how->decode));
}

static json_t *facts(const sg_pack *p)
{
    char created[SG_TIME_BYTES];
    const sg_work *w = p->work;
    sg_clock_rfc3339(w->created_ms, created);
    return json_pack("{s:b,s:s,s:s,s:{s:s,s:s,s:s},s:{s:I,s:I},s:I,s:o,s:I,s:{s:s}}", "synthetic", 1, "job", w->job,
                     "requested", created, "model", "id", w->model, "digest", w->model_digest, "trait",
                     p->model->card.trait, "cohort", "cases", (json_int_t)w->n_case, "controls",
                     (json_int_t)w->n_control, "seed", (json_int_t)w->seed, "sampler", sampler_json(p), "snps",
                     (json_int_t)p->people->n_variant, "checks", "outcome",
                     sg_outcome_name(sg_verdict_outcome(p->verdict)));
}

static sg_status write_readme(const sg_pack *p, sg_err *err)
{
    char path[PATH_TEXT];
    sg_out o;
    path_of(p, "README.txt", path);
    SG_TRY(sg_out_open(path, 0600, &o, err));
    (void)fprintf(
        o.f,
        "These people do not exist. They were drawn from the generative model \"%s\" (trait %s) by snpgen %s\n"
        "for job %s. Person IDs begin with SYN.\n\n"
        "cohort.bim    the SNPs; column 5 is A1\n",
        p->work->model, p->model->card.trait, SG_VERSION, p->work->job);
    if (p->work->plink)
        (void)fprintf(o.f, "cohort.bed    genotypes (PLINK 1, variant-major); open with plink2 --bfile cohort\n"
                           "cohort.fam    the people; column 6: 2 case, 1 control\n");
    (void)fprintf(o.f, "cohort.pheno  the label again: 2 case, 1 control\n");
    if (p->work->npy)
        (void)fprintf(o.f, "cohort.npy    int8 [people, SNPs], copies of A1\n"
                           "labels.npy    int8 [people]: 1 case, 0 control\n");
    (void)fprintf(o.f, "report.json   what was asked for and that the release checks passed\n"
                       "manifest.json the same with size and SHA-256 of every other file\n");
    return sg_out_commit(&o, err);
}

static sg_status write_manifest(const sg_pack *p, const sg_parcel *files, sg_err *err)
{
    json_t *list = json_array(), *j = facts(p);
    char hex[SG_DIGEST_HEX];
    for (int i = 0; i < files->n; i++) {
        sg_hex(files->file[i].sha256.b, SG_DIGEST_BYTES, hex);
        (void)json_array_append_new(list, json_pack("{s:s,s:I,s:s}", "name", files->file[i].name, "size",
                                                    (json_int_t)files->file[i].bytes, "sha256", hex));
    }
    sg_hex(sg_verdict_subject(p->verdict)->b, SG_DIGEST_BYTES, hex);
    (void)json_object_set_new(j, "cohort_sha256", json_string(hex));
    (void)json_object_set_new(j, "build", json_string(SG_VERSION));
    (void)json_object_set_new(j, "files", list);
    return write_json(p, "manifest.json", j, err);
}

sg_status sg_pack_write(const sg_pack *p, sg_arena *a, sg_digest *files, sg_err *err)
{
    sg_parcel parcel;
    SG_TRY(write_bim(p, a, err));
    SG_TRY(write_pheno(p, err));
    if (p->work->plink)
        SG_TRY(write_plink(p, a, err));
    if (p->work->npy)
        SG_TRY(write_npy(p, a, err));
    SG_TRY(write_json(p, "report.json", facts(p), err));
    SG_TRY(write_readme(p, err));
    SG_TRY(sg_parcel_read(p->work->folder, &parcel, err));
    SG_TRY(write_manifest(p, &parcel, err));
    SG_TRY(sg_parcel_read(p->work->folder, &parcel, err));
    *files = sg_parcel_digest(&parcel, p->work->job, p->work->attempt);
    return SG_OK;
}
